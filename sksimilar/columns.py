"""A classifier that is taught columns 0, 1, ... in the place of labels.  Floor 1.

The last column stands for out-of-distribution rows, if there are to be any.  Of all
columns some may have had no label so far.
"""

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.multiclass import _ovr_decision_function
from skorch import NeuralNetBinaryClassifier

from .classifiers import device_of, is_network, predictor
from .seeding import seeded

__all__ = [
    "check_columns",
    "decision_values",
    "in_columns",
    "predict_columns",
    "probabilities",
]

# Parameters that name classes, and those of a search that may name such parameters.
NAMING = "class_weight", "pos_label"
SEARCHED = "param_grid", "param_distributions"


def in_columns(estimator, codebook):
    """Return a classifier whose parameters name columns in the place of classes."""
    params = estimator.get_params()
    renamed = {
        name: _in_columns(name, value, codebook) for name, value in params.items()
    }
    changed = {name: v for name, v in renamed.items() if v is not params[name]}
    return estimator.set_params(**changed) if changed else estimator


def _in_columns(name, value, codebook):
    """Return the value of a parameter of this name; itself, where it names no class."""
    kind = _kind(name)
    if kind == "pos_label" and value is not None:
        return int(codebook.encode([value], f"`{name}`")[0])
    if kind == "class_weight" and isinstance(value, dict):
        columns = codebook.encode(list(value), f"`{name}`").tolist()
        ones = dict.fromkeys(range(codebook.n_outputs), 1)
        return ones | dict(zip(columns, value.values()))
    if kind in SEARCHED and isinstance(value, dict):
        return _grid_in_columns(value, codebook)
    if kind in SEARCHED and isinstance(value, list):
        return [_grid_in_columns(grid, codebook) for grid in value]
    return value


def _grid_in_columns(grid, codebook):
    """Return a grid, with columns in its lists of what names classes."""
    return {
        name: [_in_columns(name, value, codebook) for value in values]
        if _kind(name) in NAMING and isinstance(values, (list, tuple, np.ndarray))
        else values
        for name, values in grid.items()
    }


def _kind(name):
    """Return the name of a parameter without that of the estimator that has it."""
    return name.rpartition("__")[2]


def check_columns(proba, n_outputs, net):
    """Refuse a network without one output for every column."""
    if proba.shape[1] == n_outputs:
        return
    way_out = (
        "Make it a skorch.NeuralNetClassifier"
        if isinstance(net, NeuralNetBinaryClassifier)
        else "Name the argument of its module that sets them, as in "
        "n_classes_param='n_classes'"
    )
    raise ValueError(
        f"The network has {proba.shape[1]} outputs, but {n_outputs} are needed: one for"
        f" each of the classes, and one more if there is an `ood_label`. {way_out}, or "
        "declare `classes` that have no label yet."
    )


def predict_columns(estimator, X, n_classes, n_outputs):
    """Return the most likely of the first ``n_classes`` columns in each row."""
    # A plain net is no classifier, and predicts what its module returns.
    if n_outputs == n_classes and is_classifier(predictor(estimator)):
        with seeded(0, device_of(estimator)):  # A DataLoader draws a number.
            return np.asarray(estimator.predict(X)).astype(np.int64)
    told = probabilities if hasattr(estimator, "predict_proba") else decision_values
    return told(estimator, X, n_outputs)[:, :n_classes].argmax(axis=1)


def probabilities(estimator, X, n_outputs):
    """Return the probability of every column, 0 for those without a label so far."""
    with seeded(0, device_of(estimator)):  # A DataLoader draws a number.
        proba = np.asarray(estimator.predict_proba(X))
    net = predictor(estimator)
    if is_network(net):
        check_columns(proba, n_outputs, net)
        return proba
    full = np.zeros((len(proba), n_outputs), dtype=proba.dtype)
    full[:, estimator.classes_] = proba
    return full


def decision_values(estimator, X, n_outputs):
    """Return the confidence in every column, -inf for those without a label so far.

    Two classes have one value by convention: the columns differ by it, exactly.
    """
    values = np.asarray(estimator.decision_function(X))
    if values.ndim == 1:
        values = np.column_stack([-values / 2, values / 2])
    elif _compares_pairs(estimator):  # As SVC(decision_function_shape="ovr") does.
        n_known = len(estimator.classes_)
        values = _ovr_decision_function(values < 0, -values, n_known)
    full = np.full((len(values), n_outputs), -np.inf, dtype=values.dtype)
    full[:, estimator.classes_] = values
    return full


def _compares_pairs(estimator):
    """Return whether its decision values have a column for every pair of classes."""
    return getattr(predictor(estimator), "decision_function_shape", None) == "ovo"
