"""Labels as texts that know their type, so that a 3 returns as a 3 and "3" as "3"."""

import math

import numpy as np

from .._validation.labels import UNLABELED, check_label_list, is_unlabeled

TYPES = {
    "bool": {"True": True, "False": False}.__getitem__,
    "int": int,
    "float": float,
    "str": str,
}


class Classes:
    """The labels that may be given, in order.

    Parameters
    ----------
    labels : list
        Booleans, integers, floats or texts, which all read differently.

    dtype : numpy dtype
        What an array of them has.
    """

    def __init__(self, labels, dtype):
        self.labels = labels
        self.dtype = np.dtype(dtype)
        self.of_text = {str(label): label for label in labels}

    @classmethod
    def of(cls, classes, *columns):
        """Return the classes declared, or else those that occur in columns of labels."""
        if classes is None:
            classes = _distinct([c for c in columns if c is not None])
        labels = [_plain(label) for label in check_label_list(classes, "`classes`")]
        if not labels:
            raise ValueError("`classes` must hold at least one class, got none.")
        for label in labels:
            _check(label)
        checked = cls(labels, _dtype(classes, labels))
        if len(checked.of_text) < len(labels):
            raise ValueError(
                f"`classes` must read differently, as texts, got {labels!r:.60}."
            )
        return checked

    @classmethod
    def from_export(cls, dtype, listed):
        """Return the classes that a file of answers lists; ValueError if it cannot."""
        damaged = ValueError("its list of classes is damaged")
        try:
            labels = [TYPES[kind](text) for kind, text in listed]
            classes = cls(labels, dtype)
            texts = [*classes.of_text]
            sound = texts == [text for _, text in listed] and labels
            sound = sound and classes.array(texts).tolist() == labels
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise damaged from error
        if not sound or not isinstance(dtype, str):
            raise damaged
        return classes

    @property
    def dtype_name(self):
        return "str" if self.dtype.kind == "U" else self.dtype.name

    def export(self):
        """Return the type and the text of every class."""
        return [[type(label).__name__, str(label)] for label in self.labels]

    def array(self, texts):
        """Return the labels that read so, as an array of their own type."""
        return np.array([self.of_text[text] for text in texts], dtype=self.dtype)


def _distinct(columns):
    """Return the labels that occur, sorted."""
    found = [c[~(is_unlabeled(c) | _is_none(c))] for c in columns]
    if not sum(map(len, found)):
        raise ValueError(
            "Nobody can know the classes: `classes` is None, and neither `y` nor "
            "`predicted` holds one. Declare them, as in classes=[0, 1]."
        )
    if len({c.dtype.kind for c in found}) > 1:
        found = [c.astype(object) for c in found]
    try:
        return np.unique(np.concatenate(found))
    except TypeError as error:
        raise ValueError(
            "`y` and `predicted` hold labels of several types, which have no order. "
            "Declare `classes`, in the order to show them."
        ) from error


def _is_none(labels):
    return np.equal(labels.astype(object), None).astype(bool)


def _plain(label):
    return label.item() if isinstance(label, np.generic) else label


def _check(label):
    """Refuse what cannot be a class, or not be told from no answer."""
    if type(label).__name__ not in TYPES:
        raise ValueError(
            f"`classes` must be numbers or texts, got {label!r:.60} of type "
            f"{type(label).__name__}."
        )
    if not isinstance(label, str) and label == UNLABELED:
        raise ValueError(f"`classes` holds {UNLABELED}, which marks unlabeled rows.")
    blank = not str(label).strip() or any("\ud800" <= c <= "\udfff" for c in str(label))
    if blank or (isinstance(label, float) and not math.isfinite(label)):
        raise ValueError(f"`classes` must be finite and readable, got {label!r:.60}.")


def _dtype(classes, labels):
    """Return the dtype of an array of labels: that of the classes if they share one."""
    if len(set(map(type, labels))) > 1:
        return np.dtype(object)
    dtype = np.asarray(classes).dtype
    return np.dtype(str) if isinstance(labels[0], str) and dtype.kind != "O" else dtype
