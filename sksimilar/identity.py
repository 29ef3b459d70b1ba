"""What two runs must share for one to go on where the other stopped.  Floor 1.

Data are compared by their fingerprints and parameters by texts, which are the same in
every process.
"""

import pickle
from functools import partial

import joblib
import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import BaseCrossValidator, BaseShuffleSplit
from sklearn.utils.validation import _num_samples
from skorch.callbacks import Callback
from skorch.dataset import ValidSplit
from skorch.helper import SliceDataset
from torch import nn
from torch.nn.parameter import is_lazy
from torch.utils.data import Dataset

from .classifiers import is_network, modules_of, predictor
from .rows import FloatRows, fingerprint, take

__all__ = ["identify"]

# Parameters that change nothing about which rows are picked: of a learner, and of all
# that is in one.
FREE_OF_LEARNER = {
    "checkpoint",
    "keep_estimators",
    "n_rounds",
    "oracle",
    "scoring",
    "stopping",
}
FREE = {"device", "memory_limit", "n_jobs", "verbose"}
READ = 1 << 28  # Bytes of X that are all looked at; of more, and of others, some rows.


def identify(learner, X, codes, masks):
    """Return what two runs must share for one to go on where the other stopped."""
    return {
        "the rows of X": digest(sample(X)),
        "the labels in y": digest(codes),
        **{f"`{name}`": digest(mask) for name, mask in masks.items()},
        **parameters(learner),
    }


def parameters(learner):
    """Return every parameter that bears on the picks, as text."""
    return {
        f"parameter `{name}`": describe(value)
        for name, value in learner.get_params().items()
        if name not in FREE_OF_LEARNER and name.split("__")[-1] not in FREE
    }


def describe(value):
    """Return a value as text that is the same in every process."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # Equal numbers are one parameter.
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(describe, value))})"
    if isinstance(value, dict):
        return describe([*value.items()])
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        # NumPy knows none of the smaller ones but float16.
        small = value.is_floating_point() and value.element_size() < 4
        value = value.float() if small else value
    if isinstance(value, (np.ndarray, torch.Tensor)):
        return digest(sample(value) if value.ndim > 1 else value)
    if isinstance(value, partial):
        return f"partial{describe((value.func, value.args, value.keywords))}"
    name = getattr(value, "__qualname__", type(value).__qualname__)
    if isinstance(value, nn.Module):  # Which may be pretrained.
        weights = filter(_is_there, value.state_dict().values())
        return describe([*map(_settings, value.modules()), *weights])
    if isinstance(value, FrozenEstimator):
        return name + _learned(value)
    if isinstance(value, (BaseCrossValidator, BaseShuffleSplit, ValidSplit)):
        return name + describe(vars(value))
    if isinstance(value, Callback):
        return name + describe(value.get_params(deep=False))
    if type(value).__eq__ is not object.__eq__ and hasattr(value, "__dict__"):
        return name + describe(vars(value))  # It compares by what it holds, so do we.
    return name


def _learned(frozen):
    """Return what a fitted estimator has learned, or its class if nobody can write it."""
    model = predictor(frozen)
    if is_network(model):
        return describe([type(model).__qualname__, *modules_of(model).values()])
    try:
        return joblib.hash(frozen.estimator)
    except (pickle.PicklingError, AttributeError, RuntimeError, TypeError, ValueError):
        return type(model).__qualname__


def _settings(module):
    """Return the class of a module, and its numbers and words that are no state."""
    plain = {
        name: setting
        for name, setting in vars(module).items()
        if isinstance(setting, (bool, int, float, str)) and name != "training"
    }
    return type(module).__qualname__, plain


def _is_there(weight):
    """Return whether a weight of a module has numbers already."""
    is_number = isinstance(weight, torch.Tensor)
    return is_number and not (is_lazy(weight) or weight.is_meta)


def sample(X, size=64):
    """Return X, or ``size`` rows of it, evenly spaced; of a dataset only its length."""
    X = X.array if isinstance(X, FloatRows) else X
    if isinstance(X, (np.ndarray, torch.Tensor)) and X.nbytes <= READ:
        return X
    n_samples = _num_samples(X)
    if isinstance(X, (Dataset, SliceDataset)):  # Its rows may be augmented.
        return np.array(n_samples)
    rows = np.unique(np.linspace(0, n_samples - 1, size).astype(int))
    rows = take(X, rows)
    return rows.toarray() if issparse(rows) else rows


def digest(values):
    """Return a fingerprint of rows or values, None of None."""
    return None if values is None else fingerprint(values)
