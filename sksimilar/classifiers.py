"""What kind of classifier something is, whatever holds it.  Floor 0.

A classifier may stand at the end of a Pipeline, in a `FrozenEstimator` or in a fitted
search.  Here alone is it looked for, and told whether it is a network.
"""

from sklearn.base import is_classifier, is_regressor
from sklearn.ensemble import BaseEnsemble, HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from skorch import NeuralNet
from skorch.helper import SliceDataset
from torch.utils.data import Dataset

__all__ = [
    "check_classifier",
    "check_readable",
    "check_warm_start",
    "device_of",
    "final_step",
    "is_network",
    "modules_of",
    "parts_of",
    "predictor",
    "unwrapped",
    "weights_of",
]


def unwrapped(estimator):
    """Return what predicts in a `FrozenEstimator` or a fitted search, or both."""
    while True:
        if isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            return estimator


def final_step(estimator):
    """Return the classifier at the end of a Pipeline, and the prefix of its names."""
    prefix = ""
    while isinstance(estimator, Pipeline):
        name, estimator = estimator.steps[-1]
        prefix = f"{prefix}{name}__"
    return estimator, prefix


def predictor(estimator):
    """Return what predicts in the end, through Pipelines and whatever holds it."""
    while True:
        inner, _ = final_step(unwrapped(estimator))
        if inner is estimator:
            return estimator
        estimator = inner


def device_of(estimator):
    """Return where the network in ``estimator`` is, the CPU if there is none."""
    return getattr(predictor(estimator), "device", "cpu")


def is_network(estimator):
    """Return whether ``estimator`` is a skorch net itself."""
    return isinstance(estimator, NeuralNet)


def modules_of(net):
    """Return the modules that an initialized net consists of, by name."""
    return {name: getattr(net, f"{name}_") for name in net._modules}


def parts_of(net):
    """Return the modules of an initialized net, and its criteria, by name."""
    return modules_of(net) | {name: getattr(net, f"{name}_") for name in net._criteria}


def weights_of(parts):
    """Return the state of some modules, by the name of the module and its own."""
    return {
        f"{part}.{name}": value
        for part, module in parts.items()
        for name, value in module.state_dict().items()
    }


def check_classifier(estimator):
    """Refuse what predicts no classes, and what cannot be trained."""
    name, (final, _) = type(estimator).__name__, final_step(estimator)
    # By its kind: some have `predict` only once they are fitted.  A plain net has none.
    if is_regressor(estimator) or not (is_classifier(estimator) or is_network(final)):
        raise ValueError(
            f"`estimator` must be a classifier, got {name}, which is none by its tags. Use "
            "one, such as LogisticRegression(); one of your own inherits from "
            "sklearn.base.ClassifierMixin."
        )
    if get_tags(estimator).input_tags.pairwise:
        raise ValueError(
            f"`estimator` must learn from rows by themselves, got {name}, which compares "
            "all rows by a precomputed kernel. Let it compute the kernel from X."
        )
    if isinstance(final, FrozenEstimator):
        raise TypeError(
            "`estimator` is trained in every round, and a FrozenEstimator cannot be. Pass "
            "the classifier itself; to choose all rows by what a frozen one knows, give it "
            "to the sampler, as in SIMILARSampler(FrozenEstimator(model))."
        )


def check_warm_start(estimator):
    """Refuse a classifier that cannot go on from where it was."""
    if not is_network(estimator) and "warm_start" not in estimator.get_params():
        raise ValueError(
            "`warm_start=True` needs a skorch net or a classifier with a parameter "
            f"`warm_start`, got {type(estimator).__name__}."
        )
    adds = isinstance(estimator, (BaseEnsemble, HistGradientBoostingClassifier))
    if adds:
        raise ValueError(
            f"`warm_start=True` lets {type(estimator).__name__} add members to those it "
            "has, which are not trained on new labels. Use warm_start=False."
        )


def check_readable(X, estimator):
    """Refuse what only a network can read, and what a network would misread."""
    reads_more = is_network(unwrapped(estimator))
    if isinstance(X, Dataset) and not isinstance(X, SliceDataset) and not reads_more:
        raise TypeError(
            f"`X` is a {type(X).__name__}, a Dataset of torch, which only a skorch network "
            "reads. Give its rows one by one, as in skorch.helper.SliceDataset(X), or "
            "as an array."
        )
    if reads_more and isinstance(X, (list, tuple)):
        raise TypeError(
            f"`X` is a {type(X).__name__}, which skorch takes for several inputs. If it "
            "holds rows, make one array of it, as in np.asarray(X, dtype='float32'); if "
            "inputs, name them, as in skorch.helper.SliceDict(left=X[0], right=X[1])."
        )
