"""Between what people call classes and what networks call columns.  Floor 1."""

import numpy as np
from sklearn.utils.multiclass import check_classification_targets

from ._validation.labels import (
    UNLABELED,
    check_column,
    check_label_list,
    is_missing,
    is_nan,
    is_unlabeled,
    known_labels,
)

__all__ = ["Codebook", "check_labels", "sort_answers"]


def check_labels(y, all_known=False):
    """Return y as a column and a mask of its known labels, as in `known_labels`."""
    if y is None:
        raise ValueError(
            "ActiveLearner requires y to be passed, but the target y is None. For a "
            f"person who answers, pass y with {UNLABELED} for every unknown label."
        )
    y = check_column(y)
    known = known_labels(y, all_known)
    if known.any():
        check_classification_targets(np.array(list(y[known])))
    return y, known


class Codebook:
    """Code labels by int64 columns: the classes first, out-of-distribution last.

    Parameters
    ----------
    labels : array-like
        Labels that occur; their distinct values are the classes if none are declared.

    classes : array-like or None
        Declared classes.

    ood_label : object or None
        What the annotator calls out of distribution; never one of the classes.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.

    n_outputs : int
        Columns that a network needs: one more than classes with an ``ood_label``.
    """

    def __init__(self, labels, classes=None, ood_label=None):
        if np.ndim(ood_label):
            raise ValueError(
                f"`ood_label` must be one label, got {ood_label!r}. Give all rows out of "
                "distribution the same."
            )
        if ood_label is not None and is_unlabeled(np.asarray([ood_label]))[0]:
            raise ValueError(
                f"`ood_label` is {UNLABELED}, which marks unlabeled rows in `y`. Call "
                "out-of-distribution rows by another label."
            )
        if classes is not None and is_unlabeled(np.array(list(classes), object)).any():
            raise ValueError(
                f"`classes` holds {UNLABELED}, which marks unlabeled rows in `y`. Call that "
                "class by another label, as sklearn.preprocessing.LabelEncoder does."
            )
        self.ood_label = ood_label
        listed = list(labels) if classes is None else list(classes)
        if not listed:
            raise ValueError(
                "No row is labeled and `classes` is None: nobody can know the classes. "
                "Declare them, as in ActiveLearner(estimator, classes=[0, 1])."
            )
        names = [v for v in listed if v != ood_label]
        _check_one_kind(names)
        self.classes_ = np.unique(np.array(names))
        if not len(self.classes_):
            raise ValueError("Every label is `ood_label`: there is no class to learn.")
        self.columns = {label: i for i, label in enumerate(self.classes_.tolist())}
        if ood_label is not None:
            self.columns[ood_label] = len(self.classes_)
        self.n_outputs = len(self.columns)
        if len(set(map(str, self.columns))) < self.n_outputs:
            raise ValueError(
                f"`ood_label` is {ood_label!r}, which reads as one of the classes "
                f"{self.classes_.tolist()} does. Call it by a name of its own."
            )

    def encode(self, labels, name="y"):
        """Return the column of every label; ``name`` is what holds them."""
        is_array = isinstance(labels, np.ndarray)
        # One by one, as numbers beside a text would become texts.
        labels = labels.tolist() if is_array else [np.asarray(v).item() for v in labels]
        unknown = sorted({repr(v) for v in labels if v not in self.columns})
        if unknown:
            raise ValueError(
                f"{name} holds labels that are not among the classes: {', '.join(unknown)}; "
                f"the classes are {self.classes_.tolist()}. Declare all with `classes`,"
                " and name what is out of distribution with `ood_label`."
            )
        return np.array([self.columns[v] for v in labels], dtype=np.int64)

    def encode_known(self, y, known):
        """Return the columns of y, and -1 where it is not known."""
        codes = np.full(len(y), UNLABELED, dtype=np.int64)
        codes[known] = self.encode(y[known])
        return codes

    def find(self, labels):
        """Return the column of every label, and -1 where there is none."""
        return np.array([self.columns.get(v, UNLABELED) for v in labels.tolist()])

    def decode(self, codes):
        """Return the class of every column."""
        return self.classes_[codes]

    def decode_known(self, codes):
        """Return the label of every column, and -1 for those that are not known."""
        names = [*self.columns, UNLABELED]
        has_texts = any(isinstance(name, str) for name in names)
        return np.array(names, dtype=object if has_texts else None)[codes]

    def label(self, code):
        """Return the label of one column, the out-of-distribution one included."""
        return (*self.classes_.tolist(), self.ood_label)[code]

    def name(self, code):
        """Return what one column is called."""
        return str(self.label(code))


def _check_one_kind(names):
    """Refuse texts beside numbers, which have no order and no common array."""
    texts = [v for v in names if isinstance(v, str)]
    if texts and len(texts) < len(names):
        number = next(v for v in names if not isinstance(v, str))
        raise ValueError(
            f"The classes are texts and others at once, such as {texts[0]!r} and "
            f"{number!r}. Make them of one kind, and mark rows without a label by "
            f"{UNLABELED}, not by a text; `ood_label` alone may be of another."
        )


def sort_answers(rows, labels):
    """Return the rows that an oracle labeled, their labels, and the rows it did not."""
    labels = check_label_list(labels, "What `oracle` returns")
    if len(labels) != len(rows):
        raise ValueError(
            f"`oracle` gave {len(labels)} labels for {len(rows)} rows. It must return "
            "one for each, None where nobody can tell."
        )
    boxed = np.empty(len(labels), dtype=object)
    boxed[:] = [UNLABELED if is_missing(v) or is_nan(v) else v for v in labels]
    unknown = is_unlabeled(boxed)
    return rows[~unknown], boxed[~unknown].tolist(), rows[unknown]
