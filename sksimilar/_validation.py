"""Checks at the public doors, and the words of every message.  Floor 0.

Below `fit` and `select` code trusts its input.  A message names the argument, what was
expected, what came, and where one can guess it, the way out.
"""

import difflib
import re
import warnings
from contextlib import contextmanager
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.utils import gen_batches
from sklearn.utils._missing import is_pandas_na
from sklearn.utils.validation import (
    assert_all_finite,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
)

UNLABELED = -1

CHECKED_ROWS = 1 << 16  # At once.

ROUNDING = 1e-5  # By so much a kernel in float32 may miss its range.

UNSELECTED = "This %(name)s has selected nothing yet. Call `select` first."

BYTES = {"": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}


@contextmanager
def optional(package, extra):
    """Say how to install a package that only a part of this one needs."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"This needs {package}, which is not installed. Install it, or sksimilar "
            f"with the extra `{extra}`.",
            name=error.name,
        ) from error


@contextmanager
def said_of(name):
    """Say of an error which argument it is about, where that is not X."""
    try:
        yield
    except NotFittedError:
        raise
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"In `{name}`: {error}") from error


def check_mask(mask, n_samples, name):
    """Return the boolean ndarray ``mask``, or None where it is None."""
    if mask is None:
        return None
    mask = _as_array(mask)
    objects = mask.tolist() if mask.dtype == object and mask.ndim == 1 else [None]
    if all(isinstance(m, (bool, np.bool_)) for m in objects):
        mask = mask.astype(bool)
    if mask.dtype != bool or mask.shape != (n_samples,):
        raise ValueError(
            f"`{name}` must be a boolean mask of shape ({n_samples},), aligned with X; "
            f"got {mask.dtype} of shape {mask.shape}. {_way_to_mask(mask, n_samples)}"
        )
    return mask


def _way_to_mask(values, n_samples):
    """Return how to make a mask of integers, which are 0 and 1 or positions."""
    is_binary = values.dtype.kind in "iu" and values.shape == (n_samples,)
    if is_binary and np.isin(values, [0, 1]).all():
        return "0 and 1 become a mask by `.astype(bool)`."
    return (
        "Positions become a mask by "
        f"`numpy.isin(numpy.arange({n_samples}), positions)`."
    )


def _as_array(values):
    """Return an array of whatever it is, of objects where lengths differ."""
    try:
        return np.asarray(values)
    except ValueError:
        return np.asarray(values, dtype=object)


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


def check_candidates(indices, candidates, name):
    """Return positions in X as an int64 array, all of them different candidates."""
    indices = _as_positions(indices, name)
    strange = np.setdiff1d(indices, candidates)
    if len(strange):
        raise ValueError(
            f"`{name}` must be candidates, got {strange[0]}, which is none: a set is "
            "valued only where it meets neither query nor conditioning rows."
        )
    if len(np.unique(indices)) < len(indices):
        raise ValueError(f"`{name}` must be distinct, got a repeated position.")
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


def _as_positions(indices, name):
    indices = np.ravel(_as_array(indices))
    if not len(indices):
        return np.empty(0, dtype=np.int64)
    if indices.dtype.kind not in "iu":
        raise ValueError(
            f"`{name}` must be positions in X, integers; got {indices.dtype}. A mask "
            "becomes positions by `numpy.flatnonzero(mask)`."
        )
    return indices.astype(np.int64)


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


def known_labels(y, all_known=False):
    """Return where labels are known.

    Where ``all_known`` is possible, -1 beside nothing but 1 is the other of two classes,
    as is usual: were it unlabeled, there would be one class and nothing to learn.
    """
    known = ~is_unlabeled(y)
    if all_known and not known.all() and known.any() and (y[known] == 1).all():
        return np.ones(len(y), dtype=bool)
    return known


def check_column(y):
    """Return labels as one column, none of them missing; numbers beside texts stay."""
    is_listed = isinstance(y, (list, tuple))
    if is_listed and len({isinstance(label, str) for label in y}) > 1:
        y = np.array(y, dtype=object)
    y = column_or_1d(y, warn=True)
    check_not_missing(y)
    assert_all_finite(y, input_name="y")
    return y


def is_missing(label):
    """Return whether a label is None, or what pandas puts where there is none."""
    return label is None or is_pandas_na(label)


def is_nan(label):
    """Return whether a label is the number that is none."""
    return isinstance(label, Real) and bool(np.isnan(label))


def check_not_missing(y):
    """Refuse labels that are missing, where -1 says so."""
    if y.dtype == object:  # One by one there alone: pools are long.
        missing = [i for i, v in enumerate(y) if is_missing(v) or is_nan(v)]
    else:
        missing = np.flatnonzero(np.isnan(y)) if y.dtype.kind == "f" else []
    if len(missing):
        raise ValueError(
            f"`y` holds {y[missing[0]]!r} at position {missing[0]}. Mark rows without a "
            f"label by {UNLABELED}, in an array of dtype=object where labels are texts."
        )


def check_no_regressor(estimator):
    """Refuse what predicts numbers in place of classes."""
    if is_regressor(estimator):
        raise ValueError(
            f"`estimator` must be a classifier, got {type(estimator).__name__}, which "
            "predicts numbers. Use a classifier, such as LogisticRegression()."
        )


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
    """Return a size for people, e.g. '48 MB'."""
    unit = next(u for u in ("TB", "GB", "MB", "KB") if n_bytes >= BYTES[u] or u == "KB")
    return f"{n_bytes / BYTES[unit]:.3g} {unit}"


def check_positions(indices, n_samples, name):
    """Return positions in X as an int64 array, each at most once."""
    indices = np.atleast_1d(np.asarray(indices))
    if not indices.size:
        return np.empty(0, dtype=np.int64)
    if indices.dtype.kind not in "iu" or indices.ndim != 1:
        raise ValueError(
            f"`{name}` must be positions in X, integers from 0 to {n_samples - 1}; got "
            f"{indices.dtype} of shape {indices.shape}."
        )
    if indices.min() < 0 or indices.max() >= n_samples:
        raise ValueError(
            f"`{name}` must be positions in X, from 0 to {n_samples - 1}; got "
            f"{indices.min()} to {indices.max()}."
        )
    if len(np.unique(indices)) < len(indices):
        raise ValueError(f"`{name}` names a row more than once.")
    return indices.astype(np.int64)


def warn_of_nothing_unlabeled(y):
    """Say that there is nothing to ask for, where every row has a label."""
    if not is_unlabeled(_as_array(y)).any():
        warnings.warn(
            "`y` holds no -1: all rows count as labeled, and `ask` will return none. Mark "
            "rows without a label by -1, in an array of dtype=object where labels are "
            "texts; or pass `labeled_mask`."
        )


def check_answerable(candidates, codes, labeled_mask):
    """Refuse a simulation in which no row that may be asked for has an answer."""
    if not candidates.any() and labeled_mask is None and (codes != UNLABELED).all():
        raise ValueError(
            "No row may be asked for: `candidate_mask` marks none outside the query and "
            "conditioning rows. Mark some, or leave it out; or pass `labeled_mask`, to "
            "train on those rows alone."
        )
    if not candidates.any() and (codes == UNLABELED).any():
        raise ValueError(
            "`y` has no label for any row that may be asked for (y == -1), so `fit` "
            "could not learn anything new. Pass the true labels, which are shown to "
            "nobody before they are asked for; or answer by `oracle=`; or use `start`, "
            "`ask` and `tell`."
        )


def check_label_list(labels, name):
    """Return labels as a list of single ones."""
    if np.ndim(_as_array(labels)) and not isinstance(labels, (dict, set)):
        found = list(labels)
        if not any(np.ndim(_as_array(label)) for label in found):
            return found
    raise ValueError(
        f"{name} must be a list of labels, one for each row, got "
        f"{type(labels).__name__} {labels!r:.60}. Of one row they are a list too."
    )


def check_answers(indices, labels, skipped):
    """Refuse labels that do not fit the rows they are for."""
    if len(indices) != len(labels):
        raise ValueError(
            f"`indices` names {len(indices)} rows, and there are {len(labels)} labels."
        )
    if is_unlabeled(np.array([*labels, None], dtype=object)).any():
        raise ValueError(
            f"{UNLABELED} among `labels` means that a row is unlabeled. Pass rows that "
            "nobody can label as `skipped`."
        )
    both = np.intersect1d(indices, skipped)
    if len(both):
        raise ValueError(f"Row {both[0]} is both labeled and among `skipped`.")


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


def check_device(device):
    """Refuse a device that torch does not know, or that is not there."""
    if device == "auto":
        return
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"`device` must be 'auto' or a device of torch that is there, such as 'cpu' "
            f"or 'cuda', got {device!r}. (torch says: {str(error).splitlines()[0]})"
        ) from error


@contextmanager
def room_on_device():
    """Name the ways out where an accelerator has no room, not even for halved blocks."""
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        raise torch.cuda.OutOfMemoryError(
            "The accelerator is out of memory. Free some of it; lower the `batch_size` "
            "of the network, which batches of predictions have, too; or let "
            "SIMILARSampler keep the pool on the host by device='cpu', or embed it in "
            f"parts by n_partitions. (torch says: {str(error).splitlines()[0]})"
        ) from error


def check_sound(rows, gains, bound, function):
    """Refuse a selection that is no set, or whose value is no number."""
    numbers = [*gains, 0.0 if bound is None else bound]
    if np.isfinite(numbers).all() and len(np.unique(rows)) == len(rows):
        return
    raise ValueError(
        f"The gains of {function} are not finite, or rows could not be told apart. "
        "Where numbers went beyond their range, scale `X`, so that products of its rows "
        "are ordinary numbers, and lower the weights: `eta`, `nu` and those of "
        "`function`. Where a precomputed kernel is not positive semidefinite, mend it, "
        "or raise the ridge of log det."
    )


def check_gains(gains, points, measure):
    """Return the gains of points by somebody's function, one number for each."""
    is_tensor = isinstance(gains, torch.Tensor)
    if is_tensor and gains.shape == points.shape and gains.is_floating_point():
        return gains
    name = type(getattr(measure, "prior", measure)).__name__
    kind = f"{gains.dtype} " if hasattr(gains, "dtype") else ""
    raise TypeError(
        f"{name}.gains(points) must return a tensor of floats of shape "
        f"{tuple(points.shape)}, one for each point, got {type(gains).__name__} of "
        f"{kind}shape {tuple(np.shape(gains))}."
    )


def check_picks(selection, candidates, budget, optimizer):
    """Return the points that somebody's optimizer chose, a set of so many candidates."""
    name = getattr(optimizer, "__name__", repr(optimizer))
    points = torch.as_tensor(selection.points).to(candidates)
    strange = points[~torch.isin(points, candidates)]
    if len(strange):
        raise ValueError(
            f"`optimizer` {name} chose the point {strange[0]}, which is none of its "
            "candidates. Choose among the second argument, whose entries are points."
        )
    lengths = len(points), len(points.unique()), len(selection.gains)
    # Gains that are no numbers make rows repeat, and have an error of their own.
    if lengths != (budget, budget, budget) and selection.gains.isfinite().all():
        raise ValueError(
            f"`optimizer` {name} must choose {budget} rows, each row once, and name the "
            f"gain of each; got {lengths[0]} rows, {lengths[1]} of them different, and "
            f"{lengths[2]} gains."
        )
    return points


def check_selection(rows, candidates, sampler):
    """Refuse rows from somebody's sampler that were not there to be selected."""
    name = type(sampler).__name__
    rows = check_positions(rows, len(candidates), f"{name}.select()")
    if not candidates[rows].all():
        raise ValueError(
            f"{name}.select() returned row {rows[~candidates[rows]][0]}, which is not "
            "among `candidate_mask`."
        )
    return rows


def check_selected(sampler, shown="selected_indices_"):
    """Refuse a sampler that has not selected, or that has not what is to be shown."""
    if hasattr(sampler, "ask"):
        raise TypeError(
            "`sampler` must be a sampler that has selected, got "
            f"{type(sampler).__name__}. Pass its `sampler_`."
        )
    check_is_fitted(sampler, "selected_indices_", msg=UNSELECTED)
    if not hasattr(sampler, shown):
        raise TypeError(
            f"`sampler` must have `{shown}`, which is shown here, got "
            f"{type(sampler).__name__}. Pass a SIMILARSampler."
        )


def check_sets(scenario, query_mask, ood_label):
    """Refuse a scenario whose sets stay empty for ever; warn of a query unused."""
    names = scenario.names()
    if query_mask is None and names & {"R", "L-R"}:
        raise ValueError(
            f"{scenario} needs to know the wanted rows R: mark them with `query_mask`, "
            "or use a scenario without R."
        )
    if ood_label is None and "O" in names:
        raise ValueError(
            f"{scenario} conditions on out-of-distribution rows: say by `ood_label` "
            "what the annotator calls them, or use a scenario without O."
        )
    is_used = names & {"R", "L-R", "I"} or callable(scenario.query)
    if query_mask is not None and not is_used and not callable(scenario.conditioning):
        warnings.warn(
            f"{scenario} has no query: `query_mask` only keeps its rows out of the "
            "pool. Use scenario='rare' to ask for rows like them.",
            stacklevel=4,
        )


def check_callable(value, name):
    """Refuse what is neither a text, which is checked elsewhere, nor a function."""
    if not callable(value) or isinstance(value, type):
        raise TypeError(
            f"`{name}` must be None, a text or a function, got {value!r:.60}. Sets are "
            "named in one text, as in 'R+I'."
        )


def check_stopping(rules):
    """Refuse rules to stop by that cannot be asked."""
    for rule in rules:
        if not callable(rule) or isinstance(rule, type):
            raise TypeError(
                "`stopping` must be a function of the learner, or a list of them, got "
                f"{rule!r:.60}. A class of `sksimilar.stopping` needs its number, as in "
                "BudgetSpent(100)."
            )


def check_validation(X_val, y_val):
    """Refuse rows to score on without their labels, or the other way round."""
    if (X_val is None) != (y_val is None):
        given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
        raise ValueError(
            f"`{given}` needs `{missing}` to score with, got None. Pass both or neither."
        )
    if X_val is not None:
        check_consistent_length(X_val, y_val)


def check_labeled_rows(pair, name):
    """Return rows, unread, and their labels, of which none may be missing."""
    is_listed = isinstance(pair, (tuple, list))
    if not is_listed or len(pair) != 2:
        found = f"of length {len(pair)}" if is_listed else f"{pair!r:.60}"
        raise ValueError(
            f"`{name}` must be a pair (X, y) of rows and their true labels, got "
            f"{type(pair).__name__} {found}. Pass {name}=(X_val, y_val)."
        )
    with said_of(name):
        check_consistent_length(*pair)
        y = column_or_1d(pair[1])
        assert_all_finite(y, input_name="y")
    if not len(y):
        raise ValueError(
            f"`{name}` holds no row. Give some, or pass {name}=None and a `query_mask`."
        )
    unknown = np.flatnonzero(is_unlabeled(y))
    if len(unknown):
        raise ValueError(
            f"`{name}` holds {len(unknown)} unlabeled rows (y == {UNLABELED}), the "
            f"first at position {unknown[0]}; their gradients need true labels. Give "
            "them, or leave those rows out."
        )
    return pair[0], y


def check_curves(curves, rounds, name, name_of_rounds):
    """Return a matrix of a row for each repetition of each method, by its name."""
    if not hasattr(curves, "items"):
        raise TypeError(
            f"`{name}` must be a dict from the name of a method to its numbers, got "
            f"{type(curves).__name__}. Of one method it is a dict too."
        )
    matrices = {method: np.atleast_2d(_as_array(c)) for method, c in curves.items()}
    for method, matrix in matrices.items():
        is_numeric, n_rounds = matrix.dtype.kind in "biuf", len(rounds)
        if not is_numeric or matrix.shape != (len(matrix) or 1, n_rounds):
            raise ValueError(
                f"`{name}` of {method!r} must be numbers, one for each of the "
                f"{n_rounds} of `{name_of_rounds}`, of shape ({n_rounds},) or "
                f"(n_repetitions, {n_rounds}); got {matrix.dtype} of shape "
                f"{np.shape(_as_array(curves[method]))}."
            )
    return matrices


def check_plane(points, n_samples, name):
    """Return two coordinates of every row, as an array."""
    points = _as_array(points)
    if points.shape != (n_samples, 2):
        raise ValueError(
            f"`{name}` must give two coordinates for each row, an array of shape "
            f"({n_samples}, 2), got shape {points.shape}. PCA(2) projects to a plane."
        )
    return points


def check_same_run(found, wanted, directory):
    """Refuse a checkpoint of other data or other parameters."""
    names = sorted({*found, *wanted})
    other = [name for name in names if found.get(name) != wanted.get(name)]
    if other:
        raise ValueError(
            f"The checkpoint in {directory} belongs to another run: it differs in "
            f"{', '.join(other)}. Pass what that run was given, or a new directory."
        )


def check_labeled_mask(mask, known):
    """Refuse rows that are to be trained on without a label."""
    if mask is not None and (mask & ~known).any():
        raise ValueError(
            f"`labeled_mask` marks {np.count_nonzero(mask & ~known)} unlabeled rows "
            f"(y == {UNLABELED}), the first at position {(mask & ~known).argmax()}."
        )


def check_options(options, known):
    """Refuse keyword arguments that do not exist."""
    for name in options:
        check_choice(name, known, "keyword")
