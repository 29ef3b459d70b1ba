"""What happened in a round, in numbers that JSON can hold.  Floor 1."""

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

__all__ = ["answered", "asked", "identity", "looked_at", "outcome", "sizes"]

# What a sampler may know about its own choice, by the name of the attribute.
OUTCOMES = ("gains_", "value_", "n_informative_", "bound_")

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
READ = 1 << 28  # Bytes of X that are all looked at; of more, and of others, some rows.
FREE = {"device", "memory_limit", "n_jobs", "verbose"}


def sizes(pool, codebook):
    """Return the sizes at the start of a round."""
    return {
        "n_labeled": int(pool.labeled.sum()),
        "n_unlabeled": int(pool.candidates.sum()),
        "labeled_per_class": count(pool.codes[pool.labeled], codebook),
    }


def looked_at(query, conditioning, wanted):
    """Return the sizes of Q and P, and whether a wanted query was empty."""
    return {
        "n_query": 0 if query is None else int(query.sum()),
        "n_conditioning": 0 if conditioning is None else int(conditioning.sum()),
        "query_fallback": wanted and query is None,
    }


def outcome(sampler):
    """Return what the sampler says about its choice, as far as it does."""
    said = {name: getattr(sampler, name, None) for name in OUTCOMES}
    record = {
        name[:-1]: plain(value) for name, value in said.items() if value is not None
    }
    if min(record.get("value", 0), record.get("bound", 0)) > 0:
        record["certified_ratio"] = record["value"] / record["bound"]
    return record


def asked(rows, seconds_embed, seconds_select):
    """Return which rows were chosen, and how long that took."""
    return {
        "selected": rows.tolist(),
        "seconds_embed": seconds_embed,
        "seconds_select": seconds_select,
    }


def answered(number, pool, codebook):
    """Return what the rows asked for in a round turned out to be."""
    rows = pool.selected == number
    found = pool.codes[rows & pool.labeled]
    return {
        "selected_per_class": count(found, codebook),
        "n_rare": int(np.isin(found, pool.query_codes).sum()),
        "n_ood": int((found == pool.n_classes).sum()),
        "n_skipped": int((rows & pool.skipped).sum()),
    }


def count(codes, codebook):
    """Return how often each class occurs, by its name."""
    counts = np.bincount(codes, minlength=codebook.n_outputs).tolist()
    return {codebook.name(code): n for code, n in enumerate(counts)}


def plain(value):
    """Return arrays and NumPy numbers as lists and numbers."""
    value = np.asarray(value)
    return value.tolist()


def identity(learner, X, codes, masks):
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
    if isinstance(value, (BaseCrossValidator, BaseShuffleSplit)):
        return name + describe(vars(value))
    if isinstance(value, Callback):
        return name + describe(value.get_params(deep=False))
    if isinstance(value, ValidSplit):
        return name + describe(vars(value))
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
