"""The experiments of the paper as data: Section 4 and Appendices B, D, E, H and I."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np

from ..datasets import (
    DATASETS,
    make_ood,
    make_rare,
    make_rare_redundant,
    make_redundant,
    make_scenario,
)
from ..models import LeNet, ResNet18
from ._networks import network
from ._tasks import Task

__all__ = ["PROTOCOLS", "Protocol"]


# Of data sets that have other than ten, and rows of a class that suffice for any split.
N_CLASSES = {"pneumonia": 2, "digits+letters": 11}
PLENTY = 11_000


@dataclass(frozen=True)
class Protocol:
    """An experiment: what is learned from what, in how many rounds.

    Parameters
    ----------
    summary : str
        What it is, and where it is not the paper's.

    data : str
        A key of `sksimilar.datasets.DATASETS`.

    make : callable
        Builder of `sksimilar.datasets` that takes X, y, X_test and random_state.

    scenario : str
        A key of `sksimilar.scenarios.SCENARIOS`.

    budget : int
        Labels in a round.

    n_rounds : int, default=9
        Rounds of asking, one fewer than trainings.

    architecture : type, default=LeNet
        Class of the network.

    padding : int, default=4
        Pixels by which images are shifted at most, where they are augmented.

    flip : bool, default=False
        Whether they are mirrored then.

    augment : bool, default=False
        Whether there is any, unless a switch says so.

    n_misclassified : int, default=None
        So many query rows, of those that the builder draws, are taken: before all others
        those that a first training without them gets wrong.

    trim : int, default=0
        Pixels cut off at every edge.
    """

    summary: str
    data: str
    make: Callable
    scenario: str
    budget: int
    n_rounds: int = 9
    architecture: type = LeNet
    padding: int = 4
    flip: bool = False
    augment: bool = False
    n_misclassified: int | None = None
    trim: int = 0

    def load(self, data_home=None):
        """Return the data, which a process reads once.

        Parameters
        ----------
        data_home : path-like, default=None
            Directory of the data, as for the loaders of `sksimilar.datasets`.

        Returns
        -------
        data : Bunch
            As the loader returns it.
        """
        return _load(self.data, data_home)

    def copies(self):
        """Return what the rows of the pool are copies of; no data is read for it.

        Returns
        -------
        identity : ndarray of int64 of shape (n_pool,)
            -1 for rows that nobody wants; as that of `Task`, under any seed.
        """
        n_classes = N_CLASSES.get(self.data, 10)
        y = np.repeat(np.arange(n_classes), PLENTY)
        split = self.make(np.arange(len(y))[:, None], y, random_state=0)
        return split.identity[~split.labeled_mask]

    def task(self, seed, data_home=None):
        """Return the task of one seed.

        Parameters
        ----------
        seed : int
            Draws the split, too.

        data_home : path-like, default=None
            Directory of the data, as for the loaders of `sksimilar.datasets`.

        Returns
        -------
        task : Task
            Of images with values 0 to 1, channels first.
        """
        data = self.load(data_home)
        split = self.make(data.X, data.y, X_test=data.X_test, random_state=seed)
        split.X = self._images(split.X)
        task = Task.of(split, self._images(data.X_test), data.y_test, seed)
        if self.n_misclassified is not None:
            task = task.querying_mistakes(self.network(task), self.n_misclassified)
        beside = split.spare[task.like_query(data.y[split.spare])]
        return replace(
            task,
            X_validation=self._images(data.X[beside]),
            y_validation=data.y[beside],
        )

    def network(self, task, *, max_epochs=150, schedule="cosine", augment=False):
        """Return the network for a task, trained by the paper's recipe.

        Parameters
        ----------
        task : Task
            As `task` returns it.

        max_epochs : int, default=150
            Most epochs in a round.

        schedule : {'cosine', 'constant'}, default='cosine'
            Of the learning rate.

        augment : bool, default=False
            Whether images are shifted and mirrored in training.

        Returns
        -------
        net : skorch net
            Not fitted.
        """
        return network(
            self.architecture,
            task.X,
            max_epochs=max_epochs,
            schedule=schedule,
            padding=self.padding * augment,
            flip=self.flip and augment,
        )

    def _images(self, images):
        """Return images as a network takes them."""
        images = images[:, None] if images.ndim == 3 else np.moveaxis(images, 3, 1)
        kept = slice(self.trim, images.shape[-1] - self.trim)
        return np.ascontiguousarray(images[..., kept, kept], dtype=np.float32) / 255


@cache
def _load(name, data_home):
    return DATASETS[name](data_home)


DIGITS_RARE = range(5, 10)

MNIST_RARE = Protocol(
    "MNIST, 5 to 9 rare (1 to 20), B = 125; Fig. 3",
    "mnist",
    partial(make_rare, rare=DIGITS_RARE, n_pool=(4000, 200)),
    "rare",
    budget=125,
)

MNIST_REDUNDANCY = Protocol(
    "MNIST, 500 rows of which 20 % are there 10 times, B = 50; Fig. 4",
    "mnist",
    partial(make_redundant, n_labeled=5, n_pool=50),
    "redundancy",
    budget=50,
)

MNIST_OOD = Protocol(
    "MNIST, 0 to 7 among many 8 and 9, B = 20; Fig. 5",
    "mnist",
    partial(make_ood, ood=(8, 9), n_labeled=5, n_query=2, n_pool=(50, 5000)),
    "ood",
    budget=20,
)

CIFAR_RARE = replace(
    MNIST_RARE,
    summary="CIFAR-10, 5 random classes rare (1 to 10), B = 125; Fig. 3",
    data="cifar10",
    make=make_rare,
    architecture=ResNet18,
    flip=True,
    augment=True,
)

CIFAR_REDUNDANCY = replace(
    CIFAR_RARE,
    summary="CIFAR-10, 5000 rows of which 20 % are there 10 times, B = 500; Fig. 4",
    make=partial(make_redundant, n_labeled=50, n_pool=500),
    scenario="redundancy",
    budget=500,
)

CIFAR_OOD = replace(
    CIFAR_RARE,
    summary="CIFAR-10, 8 classes among many ships and trucks, B = 250; Fig. 5",
    make=partial(make_ood, ood=(8, 9)),
    scenario="ood",
    budget=250,
)

CIFAR_RARE_REDUNDANCY = replace(
    CIFAR_RARE,
    summary="CIFAR-10, 5 random classes rare, pool repeated 5 times, B = 100; Fig. 14",
    make=make_rare_redundant,
    scenario="rare+redundancy",
    budget=100,
)

# What two cores carry: LeNet on the inner 28 x 28 pixels.
SMALL = {"architecture": LeNet, "trim": 2}

PROTOCOLS = {
    "mnist-rare": MNIST_RARE,
    "mnist-rare-b25": replace(
        MNIST_RARE, summary="MNIST, 5 to 9 rare (1 to 20), B = 25; Fig. 7", budget=25
    ),
    "mnist-rare-rho100": replace(
        MNIST_RARE,
        summary="MNIST, 5 to 9 rare (1 to 100), B = 25; Fig. 7",
        make=partial(make_rare, rare=DIGITS_RARE, n_pool=(4000, 40)),
        budget=25,
    ),
    "mnist-rare-rho1": replace(
        MNIST_RARE,
        summary="Do no harm: MNIST, R of 5 to 9, none of them rare, B = 125",
        make=partial(
            make_rare, rare=DIGITS_RARE, n_labeled=(13, 12), n_pool=(2100, 2100)
        ),
    ),
    "mnist-redundancy-x1": replace(
        MNIST_REDUNDANCY,
        summary="Do no harm: MNIST, 500 rows without copies, B = 50",
        make=partial(make_redundant, n_labeled=5, n_pool=50, times=1),
    ),
    "mnist-redundancy-x5": replace(
        MNIST_REDUNDANCY,
        summary="MNIST, 500 rows of which 20 % are there 5 times, B = 50; Fig. 10",
        make=partial(make_redundant, n_labeled=5, n_pool=50, times=5),
    ),
    "mnist-redundancy-x10": MNIST_REDUNDANCY,
    "mnist-redundancy-x20": replace(
        MNIST_REDUNDANCY,
        summary="MNIST, 500 rows of which 20 % are there 20 times, B = 50; Fig. 10",
        make=partial(make_redundant, n_labeled=5, n_pool=50, times=20),
    ),
    "mnist-ood": MNIST_OOD,
    "mnist-ood-x0": replace(
        MNIST_OOD,
        summary="Do no harm: MNIST, 0 to 7 without 8 and 9, B = 20",
        make=partial(make_ood, ood=(8, 9), n_labeled=5, n_query=2, n_pool=(1300, 0)),
    ),
    "letters-ood": replace(
        MNIST_OOD,
        summary="The ten digits among 10 000 letters, the rest as mnist-ood; Fig. 1",
        data="digits+letters",
        make=partial(make_ood, ood=(10,), n_labeled=5, n_query=2, n_pool=(50, 10_000)),
    ),
    "mnist-balanced": replace(
        MNIST_RARE,
        summary="MNIST, ten classes alike, B = 125; no query, as in Fig. 6",
        make=partial(make_scenario, n_labeled=(13, 0, 0), n_pool=(2100, 0, 0)),
        scenario="standard",
    ),
    "pneumonia": replace(
        MNIST_RARE,
        summary="PneumoniaMNIST, pneumonia rare (1 to 20), LeNet, B = 10; Fig. 13",
        data="pneumonia",
        make=partial(make_rare, rare=(1,), n_labeled=(100, 5), n_pool=(1048, 52)),
        budget=10,
    ),
    "pneumonia-misclassified": replace(
        MNIST_RARE,
        summary="PneumoniaMNIST, the query R of rows that a first model gets wrong",
        data="pneumonia",
        make=partial(
            make_rare, rare=(1,), n_labeled=(100, 5), n_query=100, n_pool=(1048, 52)
        ),
        budget=10,
        n_misclassified=5,
    ),
    "cifar-rare": CIFAR_RARE,
    "cifar-rare-small": replace(
        CIFAR_RARE,
        summary="CIFAR-10, 5 random classes rare, as Fig. 3 but LeNet, 28 x 28",
        **SMALL,
    ),
    "cifar-redundancy": CIFAR_REDUNDANCY,
    "cifar-redundancy-small": replace(
        CIFAR_REDUNDANCY,
        summary="CIFAR-10, copies, a fifth of Fig. 4 (1000 rows, B = 100), LeNet, 28 x 28",
        make=partial(make_redundant, n_labeled=10, n_pool=100),
        budget=100,
        **SMALL,
    ),
    "cifar-ood": CIFAR_OOD,
    "cifar-ood-small": replace(
        CIFAR_OOD,
        summary="CIFAR-10, ships and trucks, a fifth of Fig. 5 (B = 50), LeNet, 28 x 28",
        make=partial(make_ood, ood=(8, 9), n_labeled=40, n_pool=(100, 1000)),
        budget=50,
        **SMALL,
    ),
    "cifar-rare-redundancy": CIFAR_RARE_REDUNDANCY,
    "cifar-rare-redundancy-small": replace(
        CIFAR_RARE_REDUNDANCY,
        summary="CIFAR-10, rare classes and copies, as Fig. 14 but LeNet, 28 x 28",
        **SMALL,
    ),
}
