"""Counts, shares, sizes in bytes, and numbers within their range."""

import re
from math import ceil, floor, log10
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils import gen_batches

CHECKED_ROWS = 1 << 16  # At once.

ROUNDING = 1e-5  # By so much a kernel in float32 may miss its range.

BYTES = {"": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}


def check_budget(n, name):
    """Return the number of rows wanted as an int of at least 1."""
    if not isinstance(n, Integral) or isinstance(n, (bool, np.bool_)) or n < 1:
        raise ValueError(f"`{name}` must be an integer of at least 1, got {n!r}.")
    return int(n)


def check_counts(value, n, name):
    """Return n numbers of rows as a tuple of integers; one may stand alone."""
    counts = (value,) if n == 1 else value
    is_listed = isinstance(counts, (tuple, list, np.ndarray)) and len(counts) == n
    whole = is_listed and all(
        isinstance(c, Integral) and not isinstance(c, (bool, np.bool_)) and c >= 0
        for c in counts
    )
    if not whole:
        wanted = (
            "one integer" if n == 1 else f"{n} integers, one for each kind of class,"
        )
        raise ValueError(
            f"`{name}` must be {wanted} of at least 0, got {value!r:.60}. It says how "
            "many rows of a class are drawn."
        )
    return tuple(int(c) for c in counts)


def check_share(value, name):
    """Return a number from 0 to 1."""
    if not isinstance(value, Real) or not 0 <= value <= 1:
        raise ValueError(f"`{name}` must be a share, from 0 to 1, got {value!r}.")
    return value


def check_finite(values, rows, name):
    """Refuse NaN and infinity in a matrix of one row for each of ``rows``."""
    parts = gen_batches(len(rows), CHECKED_ROWS)
    finite = torch.cat([values[part].isfinite().all(dim=1) for part in parts])
    bad = (~finite).nonzero().ravel().cpu().numpy()
    if len(bad):
        raise ValueError(
            f"{name} hold NaN or infinity in {len(bad)} of {len(rows)} rows, the first "
            f"at position {rows[bad[0]]} of X. Clean those rows, or check that the "
            "training of the network did not diverge."
        )


def check_bounds(bounds, domain, name):
    """Refuse a similarity whose range leaves the domain where ``name`` is exact."""
    if bounds[0] < domain[0] - ROUNDING or bounds[1] > domain[1] + ROUNDING:
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
    match = re.fullmatch(r"(\d+\.?\d*|\.\d+)\s*([KMGT]B)?", text)
    if not match or not float(match[1]) > 0:
        raise ValueError(
            "`memory_limit` must be a positive number of bytes or a text such as "
            f"'500MB' or '2GB', got {value!r}."
        )
    return float(match[1]) * BYTES[match[2] or ""]


def format_bytes(n_bytes):
    """Return a size for people, e.g. '48 MB'; rounded up, for it to be enough."""
    unit = next(u for u in ("TB", "GB", "MB", "KB") if n_bytes >= BYTES[u] or u == "KB")
    size = n_bytes / BYTES[unit]
    step = 10 ** (floor(log10(size)) - 2) if size > 0 else 1  # Three digits.
    return f"{ceil(size / step - 1e-9) * step:.3g} {unit}"


def check_magnitude(X, name):
    """Refuse numbers whose products are beyond the range of their precision."""
    info = np.finfo(X.dtype)
    largest = float(max(X.max(), -X.min()))
    if largest > (info.max / X.size) ** 0.5 or 0 < largest < info.tiny**0.5:
        raise ValueError(
            f"The largest number in `{name}` is {largest:.3g}, and the products of rows "
            f"that are compared are beyond the range of {X.dtype}. Scale `{name}`, for "
            "instance by sklearn.preprocessing.StandardScaler."
        )
