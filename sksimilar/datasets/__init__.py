"""Images to learn from, and realistic scenarios made out of them.  Floor 1.

A loader returns all there is of a data set; a builder draws from it what the learner
begins with and what it may ask for, as in Section 4 of the paper:

>>> from sksimilar.datasets import load_digits_split, make_rare
>>> digits = load_digits_split()
>>> split = make_rare(
...     digits.X, digits.y, n_labeled=(8, 2), n_query=2, n_pool=(90, 9), random_state=0
... )
>>> len(split.X), int(split.labeled_mask.sum()), int(split.query_mask.sum())
(555, 60, 10)
"""

from ._builders import (
    distinct,
    make_ood,
    make_rare,
    make_rare_ood,
    make_rare_redundant,
    make_redundant,
    make_redundant_ood,
    make_scenario,
)
from ._loaders import (
    DATASETS,
    load_cifar10,
    load_digits_and_letters,
    load_digits_split,
    load_emnist_letters,
    load_image_folder,
    load_imagenet32,
    load_mnist,
    load_pneumoniamnist,
    load_svhn,
)

__all__ = [
    "DATASETS",
    "distinct",
    "load_cifar10",
    "load_digits_and_letters",
    "load_digits_split",
    "load_emnist_letters",
    "load_image_folder",
    "load_imagenet32",
    "load_mnist",
    "load_pneumoniamnist",
    "load_svhn",
    "make_ood",
    "make_rare",
    "make_rare_ood",
    "make_rare_redundant",
    "make_redundant",
    "make_redundant_ood",
    "make_scenario",
]
