"""Rows of X, whatever X is, without loading those nobody asked for.  Floor 0."""

import pickle
from collections.abc import Mapping
from contextlib import contextmanager
from hashlib import blake2b

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils.validation import validate_data
from skorch import NeuralNet
from skorch.helper import SliceDataset, SliceDict
from torch.utils.data import Dataset, Subset

__all__ = [
    "FloatRows",
    "LabeledRows",
    "check_rows",
    "check_sliceable",
    "dicts_explained",
    "fingerprint",
    "located",
    "portable",
    "take",
    "with_labels",
]


# Where joblib puts an array for its workers to read: gone when they are.
LENT = "joblib_memmapping_folder"


class LabeledRows(Dataset):
    """Rows of a dataset with other labels: what it says itself is never read."""

    def __init__(self, dataset, labels):
        self.dataset = dataset
        self.labels = labels

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, i):
        return self.dataset[i][0], self.labels[i]


class FloatRows(Dataset):
    """Rows of an array on disk as float32, made when they are asked for."""

    def __init__(self, array):
        self.array = array

    def __len__(self):
        return len(self.array)

    def __getitem__(self, i):
        return np.array(self.array[i], dtype=np.float32), 0  # A copy: it is writable.

    def __getstate__(self):
        return {"array": _OnDisk(self.array) if _is_on_disk(self.array) else self.array}


class Excerpt:
    """Some rows of X, asked for by their positions in X.

    Parameters
    ----------
    rows : indexable
        Those rows, and no others.

    positions : ndarray of int64
        Their positions in X, ascending.
    """

    def __init__(self, rows, positions):
        self.rows = rows
        self.positions = positions


class _OnDisk:
    """Pickles as the name of a memmap's file, which is opened again, read-only."""

    def __init__(self, array):
        self.array = array

    def __reduce__(self):
        array, root = self.array, self.array
        while isinstance(root.base, np.memmap):
            root = root.base
        offset = root.offset + array.ctypes.data - root.ctypes.data
        order = "C" if array.flags.c_contiguous else "F"
        return np.memmap, (root.filename, array.dtype, "r", offset, array.shape, order)


def check_sliceable(X):
    """Refuse a dict, which has keys and no rows; a `SliceDict` of skorch has both."""
    if isinstance(X, Mapping) and not hasattr(X, "shape"):
        raise TypeError(
            f"`X` is a {type(X).__name__}, of which no rows can be taken. Wrap it, as in "
            "`skorch.helper.SliceDict(**X)`, or pass a Dataset that yields dicts."
        )


@contextmanager
def dicts_explained(X, taker):
    """Say that a dict of arrays is not for everybody."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if not isinstance(X, SliceDict):  # Some sparse arrays are dicts too.
            raise
        raise TypeError(
            f"`X` is a SliceDict, which {taker} does not take. Pass a skorch "
            "network whose module does, or make one array of it."
        ) from error


def check_rows(estimator, X, *, classifier, reset):
    """Return X as what ``classifier`` will be given, checked as far as it is in memory.

    A network is given float32 rows; tensors and a SliceDict, which may hold token
    numbers, as they are.  A scikit-learn classifier would check for itself, but it will
    only see labeled rows, so it is done here for all; a Pipeline may begin with anything
    and is left to it.
    """
    check_sliceable(X)
    X = X.tocsr() if issparse(X) else X  # Not every format has rows.
    network = isinstance(classifier, NeuralNet)
    if isinstance(X, (Dataset, SliceDataset)) or (network and isinstance(X, SliceDict)):
        return X
    if isinstance(X, torch.Tensor):
        validate_data(estimator, X, skip_check_array=True, reset=reset)
        return X.detach()  # Gradients are those of weights.
    if isinstance(X, np.memmap):
        validate_data(estimator, X, skip_check_array=True, reset=reset)
        return FloatRows(X) if network else X
    if network:
        return validate_data(estimator, X, dtype=np.float32, allow_nd=True, reset=reset)
    if isinstance(classifier, Pipeline) or is_frame(X):
        return validate_data(estimator, X, skip_check_array=True, reset=reset)
    tags = get_tags(estimator).input_tags
    with dicts_explained(X, type(classifier).__name__):
        return validate_data(
            estimator,
            X,
            accept_sparse="csr" if tags.sparse else False,
            ensure_all_finite="allow-nan" if tags.allow_nan else True,
            allow_nd=True,
            reset=reset,
        )


def is_frame(X):
    """Return whether X is a DataFrame, of pandas or polars."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def fingerprint(row):
    """Return a text that equal rows share, and others practically never do.

    Except for objects that can neither be printed nor pickled: those of a class share it.
    """
    digest = blake2b(digest_size=16)
    for piece in _pieces(row):
        digest.update(piece)
    return digest.hexdigest()


def _pieces(value):
    """Yield the bytes of all that a row holds, and never those of an address."""
    if isinstance(value, Mapping):
        value = list(value.items())
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = value.float() if value.dtype == torch.bfloat16 else value
    value = value.to_numpy() if is_frame(value) else value
    is_nested = isinstance(value, (list, tuple))
    array = value if is_nested else np.asarray(value)
    if is_nested or (array.dtype == object and array.ndim):
        yield f"[{len(array)}]".encode()
        for part in array:
            yield from _pieces(part)
    elif array.dtype == object:
        yield _said(value)
    else:
        yield f"{array.dtype.str}{array.shape}".encode()
        yield array.tobytes()


def _said(value):
    """Return what an object says of itself; where that is its address, what it holds."""
    text = repr(value)
    if " at 0x" not in text:
        return text.encode()
    try:
        return pickle.dumps(value)
    except (pickle.PicklingError, AttributeError, RuntimeError, TypeError, ValueError):
        return type(value).__qualname__.encode()


def _is_on_disk(X):
    """Return whether X is a memmap, or an unbroken piece of one, as its file has it."""
    # What NumPy computes from a memmap is one by name, without a file; and what is
    # written to one in mode "c" stays in memory.
    if not isinstance(X, np.memmap) or not X.filename or X.mode == "c":
        return False
    if LENT in str(X.filename):
        return False
    return X.flags.forc


def portable(X, rows):
    """Return what to pickle in place of X where only some rows will be asked for.

    A Dataset goes as it is, an array on disk as the name of its file, and of anything
    else those rows alone, as an `Excerpt`.
    """
    if isinstance(X, (Dataset, SliceDataset)):
        return X
    if _is_on_disk(X):
        return _OnDisk(X)
    X, places = located(X, rows)
    return Excerpt(_safe_indexing(X, places), rows)


def located(X, rows):
    """Return where rows of X are to be read: a container, and positions in it."""
    if isinstance(X, Excerpt):
        return X.rows, np.searchsorted(X.positions, rows)
    return X, rows


def take(X, rows):
    """Return the rows of X at these positions."""
    if isinstance(X, Dataset):
        return Subset(X, rows.tolist())
    return _safe_indexing(X.tocsr() if issparse(X) else X, rows)


def with_labels(X, rows, labels):
    """Return what to call `fit` with, to train on these rows with these labels."""
    X = take(X, rows)
    return (LabeledRows(X, labels) if isinstance(X, Dataset) else X), labels
