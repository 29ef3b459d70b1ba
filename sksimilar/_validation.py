"""Checks at the public doors, and the words of every message.  Floor 0.

Below `fit` and `select` code trusts its input.  A message names the argument, what was
expected, what came, and where one can guess it, the way out.
"""

import difflib
import re
from numbers import Integral, Real

import numpy as np

UNLABELED = -1

BYTES = {"": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}


def check_mask(mask, n_samples, name):
    """Return the boolean ndarray ``mask``, or None where it is None."""
    if mask is None:
        return None
    mask = np.asarray(mask)
    if mask.dtype == object and all(isinstance(m, (bool, np.bool_)) for m in mask):
        mask = mask.astype(bool)
    if mask.dtype != bool or mask.shape != (n_samples,):
        raise ValueError(
            f"`{name}` must be a boolean mask of shape ({n_samples},), aligned with X; "
            f"got {mask.dtype} of shape {mask.shape}. Positions become a mask by "
            f"`numpy.isin(numpy.arange({n_samples}), positions)`."
        )
    return mask


def check_query(mask):
    """Refuse a query that names no row."""
    if mask is not None and not mask.any():
        raise ValueError(
            "`query_mask` marks no row, and information about nothing is 0 for every "
            "selection. Pass `query_mask=None` to select by f(A) alone, or mark rows."
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


def check_labeled(y, rows, name):
    """Refuse rows without the true label that their gradient needs."""
    if y is None:
        raise ValueError(
            f"`{name}` rows need their true labels in `y`, got y=None. Pass y, or set "
            "labels='hypothesized'."
        )
    unknown = rows[is_unlabeled(y[rows])]
    if len(unknown):
        raise ValueError(
            f"`{name}` marks {len(unknown)} unlabeled rows (y == {UNLABELED}), the "
            f"first at position {unknown[0]}; their gradients need true labels. Give "
            "them, or set labels='hypothesized'."
        )


def is_unlabeled(y):
    """Return where y == -1; strings are never unlabeled."""
    if y.dtype.kind in "US":
        return np.zeros(y.shape, dtype=bool)
    return np.asarray(y == UNLABELED, dtype=bool)


def check_budget(n, name):
    """Return the number of rows wanted as an int of at least 1."""
    if not isinstance(n, Integral) or isinstance(n, (bool, np.bool_)) or n < 1:
        raise ValueError(f"`{name}` must be an integer of at least 1, got {n!r}.")
    return int(n)


def check_choice(value, options, name):
    """Return ``value`` if it is one of ``options``; else name the nearest one."""
    if value in options:
        return value
    near = difflib.get_close_matches(str(value), options, n=1)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"`{name}` must be one of {sorted(options)}, got {value!r}.{guess}"
    )


def check_finite(values, rows, name):
    """Refuse NaN and infinity in a tensor of one row for each of ``rows``."""
    bad = (~values.isfinite().all(dim=1)).nonzero().ravel().cpu().numpy()
    if len(bad):
        raise ValueError(
            f"{name} hold NaN or infinity in {len(bad)} of {len(rows)} rows, the first "
            f"at position {rows[bad[0]]} of X. Clean those rows, or check that the "
            "training of the network did not diverge."
        )


def check_bounds(bounds, domain, name):
    """Refuse a similarity whose range leaves the domain where ``name`` is exact."""
    if bounds[0] < domain[0] or bounds[1] > domain[1]:
        raise ValueError(
            f"{name} needs similarities in [{domain[0]:g}, {domain[1]:g}]; this metric "
            f"gives [{bounds[0]:g}, {bounds[1]:g}]. Use metric='cosine' or 'rbf', or "
            "rescale a precomputed kernel."
        )


def parse_bytes(value):
    """Return a memory limit in bytes; ``'2GB'`` and plain numbers are understood."""
    if value is None or (isinstance(value, Real) and value > 0):
        return value
    text = str(value).strip().upper()
    match = re.fullmatch(r"([0-9.]+)\s*([KMGT]B)?", text)
    if not match or not float(match[1]) > 0:
        raise ValueError(
            "`memory_limit` must be a positive number of bytes or a text such as "
            f"'500MB' or '2GB', got {value!r}."
        )
    return float(match[1]) * BYTES[match[2] or ""]


def format_bytes(n_bytes):
    """Return a size for people, e.g. '48 MB'."""
    unit = next(u for u in ("TB", "GB", "MB", "KB") if n_bytes >= BYTES[u] or u == "KB")
    return f"{n_bytes / BYTES[unit]:.3g} {unit}"
