"""Labels, known and unknown."""

import warnings
from numbers import Real

import numpy as np
from sklearn.utils._missing import is_pandas_na
from sklearn.utils.validation import (
    assert_all_finite,
    check_consistent_length,
    column_or_1d,
)

from .words import as_array, said_of

UNLABELED = -1


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
    y = column_or_1d(as_objects(y), warn=True)
    check_not_missing(y)
    assert_all_finite(y, input_name="y")
    return y


def as_objects(y):
    """Return labels in a box each where texts and others are listed; else as they are."""
    is_listed = isinstance(y, (list, tuple))
    if is_listed and len({isinstance(label, str) for label in y}) > 1:
        return np.array(y, dtype=object)
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


def warn_of_nothing_unlabeled(y):
    """Say that there is nothing to ask for, where every row has a label."""
    if not is_unlabeled(as_array(y)).any():
        warnings.warn(
            "`y` holds no -1: all rows count as labeled, and `ask` will return none. Mark "
            "rows without a label by -1, in an array of dtype=object where labels are "
            "texts; or pass `labeled_mask`."
        )


def warn_of_nothing_foreign(ood_label, classes):
    """Say that no row is out of distribution, maybe because of a typing error."""
    warnings.warn(
        f"`ood_label` is {ood_label!r}, which occurs nowhere in `y`; the classes are "
        f"{list(classes)}. If one of them is what you mean, name it so."
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
    if np.ndim(as_array(labels)) and not isinstance(labels, (dict, set)):
        found = list(labels)
        if not any(np.ndim(as_array(label)) for label in found):
            return found
    raise ValueError(
        f"{name} must be a list of labels, got {type(labels).__name__} "
        f"{labels!r:.60}. A single label is a list of one."
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


def check_labeled_mask(mask, known):
    """Refuse rows that are to be trained on without a label."""
    if mask is not None and (mask & ~known).any():
        raise ValueError(
            f"`labeled_mask` marks {np.count_nonzero(mask & ~known)} unlabeled rows "
            f"(y == {UNLABELED}), the first at position {(mask & ~known).argmax()}."
        )
