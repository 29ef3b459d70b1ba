"""Masks over the rows of X, and positions in it."""

import numpy as np

from .words import as_array


def check_mask(mask, n_samples, name):
    """Return the mask as a boolean ndarray of its own, or None where it is None."""
    if mask is None:
        return None
    mask = as_array(mask)
    objects = mask.tolist() if mask.dtype == object and mask.ndim == 1 else [None]
    if all(isinstance(m, (bool, np.bool_)) for m in objects):
        mask = mask.astype(bool)
    if mask.dtype != bool or mask.shape != (n_samples,):
        raise ValueError(
            f"`{name}` must be a boolean mask of shape ({n_samples},), aligned with X; "
            f"got {mask.dtype} of shape {mask.shape}. {_way_to_mask(mask, n_samples)}"
        )
    return mask.copy()


def _way_to_mask(values, n_samples):
    """Return how to make a mask of integers, which are 0 and 1 or positions."""
    is_binary = values.dtype.kind in "iu" and values.shape == (n_samples,)
    if is_binary and np.isin(values, [0, 1]).all():
        return "0 and 1 become a mask by `.astype(bool)`."
    return (
        "Positions become a mask by "
        f"`numpy.isin(numpy.arange({n_samples}), positions)`."
    )


def check_query(mask):
    """Refuse a query that names no row."""
    if mask is not None and not mask.any():
        raise ValueError(
            "`query_mask` marks no row, and information about nothing is 0 for every "
            "selection. Pass `query_mask=None` to select by f(A) alone, or mark rows; in "
            "cross-validation, `cv=PoolSplit(...)` keeps them in every fold."
        )


def check_disjoint(candidates, given, name):
    """Refuse rows that are to be selected and given at once."""
    both = np.flatnonzero(candidates & given)
    if len(both):
        raise ValueError(
            f"`candidate_mask` and `{name}` share {len(both)} rows, the first at "
            f"position {both[0]}; the closed forms hold only for candidates outside "
            f"it. Clear those rows in one of the two."
        )


def check_candidates(indices, candidates, name):
    """Return positions in X as an int64 array, all of them different candidates."""
    indices = _as_positions(indices, name)
    strange = np.setdiff1d(indices, candidates)
    if len(strange):
        raise ValueError(
            f"`{name}` must be candidates, got {strange[0]}, which is none: a set is "
            "valued only where it meets neither query nor conditioning rows."
        )
    _check_distinct(indices, name)
    return indices


def check_known(indices, known, name):
    """Return positions in X as an int64 array, of rows that a sampler knows."""
    indices = _as_positions(indices, name)
    strange = np.setdiff1d(indices, known)
    if len(strange):
        raise ValueError(
            f"`{name}` must be candidates, or rows of the query or conditioning set, got "
            f"{strange[0]}, which is none of them. Fit with a mask that marks it."
        )
    return indices


def check_positions(indices, n_samples, name):
    """Return positions in X as an int64 array, each at most once."""
    indices = _as_positions(indices, name)
    if len(indices) and not 0 <= indices.min() <= indices.max() < n_samples:
        raise ValueError(
            f"`{name}` must be positions in X, from 0 to {n_samples - 1}; got "
            f"{indices.min()} to {indices.max()}."
        )
    _check_distinct(indices, name)
    return indices


def _as_positions(indices, name):
    indices = np.atleast_1d(as_array(indices))
    if not indices.size:
        return np.empty(0, dtype=np.int64)
    if indices.dtype.kind not in "iu" or indices.ndim != 1:
        raise ValueError(
            f"`{name}` must be positions in X, integers; got {indices.dtype} of shape "
            f"{indices.shape}. A mask becomes positions by `numpy.flatnonzero(mask)`."
        )
    return indices.astype(np.int64)


def _check_distinct(indices, name):
    rows, counts = np.unique(indices, return_counts=True)
    if (counts > 1).any():
        raise ValueError(
            f"`{name}` names row {rows[counts > 1][0]} more than once. Leave the others "
            "out, as `numpy.unique` does."
        )
