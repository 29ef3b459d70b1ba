"""Cross-validate active learning: splits that leave the pool whole, scores of runs.

An ordinary split takes labeled and query rows out of every training fold, and puts
unlabeled rows into test folds.  `PoolSplit` moves nothing but the rows that are there
for evaluation.  Floor 1.
"""

import numpy as np
from scipy.integrate import trapezoid
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.utils.validation import _num_samples, column_or_1d

from ._validation.labels import as_objects, known_labels
from ._validation.numbers import check_budget
from ._validation.rows import check_mask
from .seeding import generator

__all__ = [
    "LabelsToReach",
    "PoolSplit",
    "area_under_learning_curve",
    "learning_curve_area",
    "rare_accuracy",
]


class PoolSplit:
    """Split evaluation rows into test folds and train on all others in every fold.

    Parameters
    ----------
    eval_mask : array-like of bool of shape (n_samples,)
        Rows of X that are there to evaluate on.  Their labels must be known, and no
        training fold holds any of them.

    n_splits : int, default=1
        Number of test folds, stratified by class where every class has enough rows.
        One fold tests on all evaluation rows.

    random_state : int, RandomState instance or None, default=None
        Shuffles the evaluation rows.  With an int every call of `split` draws the same
        folds, and otherwise others each time.

    Notes
    -----
    ``GridSearchCV`` splits once, so that its candidates meet the same folds with any
    ``random_state``; two searches do so with an int alone.  ``HalvingGridSearchCV``
    splits once in each iteration and refuses a splitter whose ``random_state`` is not
    an int.  Let it halve rounds, by ``resource="n_rounds"``.  Its default,
    ``resource="n_samples"``, runs but draws fewer rows of every role: the first
    iterations compare learners with fewer labels and a smaller pool, tested on fewer
    rows, and a query of few rows may lose all of them, which is an error.

    A search with ``refit=True`` fits the best candidate on all rows, so that the
    evaluation rows join the pool.  Use ``refit=False``, or keep them out by passing
    ``candidate_mask=~eval_mask`` to `fit`.

    Examples
    --------
    >>> import numpy as np
    >>> from sksimilar.model_selection import PoolSplit
    >>> splits = PoolSplit([False, False, True, True], n_splits=2, random_state=0)
    >>> for train, test in splits.split(np.zeros((4, 1))):
    ...     print(train, test)
    [0 1] [3]
    [0 1] [2]
    """

    def __init__(self, eval_mask, n_splits=1, *, random_state=None):
        self.eval_mask = eval_mask
        self.n_splits = n_splits
        self.random_state = random_state

    def __repr__(self):
        n_rows = np.count_nonzero(np.asarray(self.eval_mask))
        return f"PoolSplit({n_rows} evaluation rows, n_splits={self.n_splits})"

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of folds.

        Parameters
        ----------
        X, y, groups : object
            Ignored.

        Returns
        -------
        n_splits : int
            As given.
        """
        return self.n_splits

    def split(self, X, y=None, groups=None):
        """Yield the positions of training and test rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            All rows.

        y : array-like of shape (n_samples,), default=None
            Labels, by which test folds are stratified.

        groups : object
            Ignored.

        Yields
        ------
        train, test : ndarray of int64
            All rows but those for evaluation, and a fold of these.
        """
        none = np.zeros(_num_samples(X), dtype=bool)
        mask = none if self.eval_mask is None else self.eval_mask
        mask = check_mask(mask, len(none), "eval_mask")
        rows, train = np.flatnonzero(mask), np.flatnonzero(~mask)
        y = None if y is None else column_or_1d(as_objects(y))[rows]
        self._check(rows, y)
        for test in self._folds(rows, None if y is None else _as_codes(y)):
            yield train, test

    def _folds(self, rows, y):
        if self.n_splits == 1:
            return [rows]
        options = {"shuffle": True, "random_state": generator(self.random_state)}
        stratified = y is not None and self._fits(y)
        kind = StratifiedKFold if stratified else KFold
        folds = kind(self.n_splits, **options).split(rows, y)
        return [rows[test] for _, test in folds]

    def _fits(self, y):
        return np.unique(y, return_counts=True)[1].min() >= self.n_splits

    def _check(self, rows, y):
        if len(rows) < check_budget(self.n_splits, "n_splits"):
            raise ValueError(
                f"`eval_mask` marks {len(rows)} rows for {self.n_splits} test folds. Mark "
                "one for each fold at least, or lower `n_splits`."
            )
        n_known = len(rows) if y is None else known_labels(y, all_known=True).sum()
        n_unknown = len(rows) - n_known
        if n_unknown:
            raise ValueError(
                f"`eval_mask` marks {n_unknown} unlabeled rows (y == -1), which nothing "
                "can be evaluated on. Give their labels, or clear them in the mask."
            )


def _as_codes(y):
    """Return a number for each label, as texts beside numbers have no order."""
    labels = y.tolist()
    codes = {label: code for code, label in enumerate(dict.fromkeys(labels))}
    return np.array([codes[label] for label in labels])


def rare_accuracy(y_true, y_pred, classes):
    """Return the average, over rare classes, of the accuracy on the rows of each.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        True and predicted labels.

    classes : array-like
        The rare classes; those without a row in ``y_true`` do not count.

    Returns
    -------
    accuracy : float
        NaN if there is no row of any.

    Examples
    --------
    >>> from sklearn.metrics import make_scorer
    >>> from sksimilar.model_selection import rare_accuracy
    >>> rare_accuracy([0, 0, 1, 1, 2], [0, 0, 1, 0, 2], classes=[1, 2])
    0.75
    >>> scorer = make_scorer(rare_accuracy, classes=[1, 2])
    """
    # One by one, as what is out of distribution may be of another kind than classes.
    y_true, y_pred = (column_or_1d(as_objects(y)) for y in (y_true, y_pred))
    rows = [y_true == label for label in dict.fromkeys(np.asarray(classes).tolist())]
    recall = [np.mean(y_pred[own] == y_true[own]) for own in rows if own.any()]
    return float(np.mean(recall)) if recall else float("nan")


def area_under_learning_curve(learner, X, y):
    """Return the mean accuracy on (X, y) along the learning curve of a fitted learner.

    The curve is linear between trainings, and the mean is over numbers of labels: a
    scorer for searches, where the accuracy at the end forgets how it was reached.

    Parameters
    ----------
    learner : fitted ActiveLearner with ``keep_estimators=True``
        Predicts by the classifier of every round.

    X, y : as in `ActiveLearner.score`
        Rows and labels.

    Returns
    -------
    area : float
        In [0, 1].
    """
    return learning_curve_area(*_learning_curve(learner, X, y))


def learning_curve_area(n_labels, scores):
    """Return the mean of a score over the number of labels, by the trapezoidal rule.

    Parameters
    ----------
    n_labels : array-like of shape (n_trainings,)
        Number of labels in each training, not decreasing.

    scores : array-like of shape (n_trainings,) or (n_curves, n_trainings)
        Score after each training, of one curve or of several.

    Returns
    -------
    area : float or ndarray of shape (n_curves,)
        The mean score; of one training its score.

    Raises
    ------
    ValueError
        If there is no training, or not a score for each.

    Examples
    --------
    >>> from sksimilar.model_selection import learning_curve_area
    >>> learning_curve_area([10, 20, 40], [0.4, 0.6, 0.6])
    0.566...
    """
    n_labels, scores = np.asarray(n_labels, float), np.asarray(scores, float)
    if not scores.size or n_labels.shape != scores.shape[-1:]:
        raise ValueError(
            "`n_labels` and `scores` must have one number for each training, got "
            f"{len(n_labels)} and {scores.shape[-1]}."
        )
    n_labels = np.maximum.accumulate(n_labels)  # Labels may have been taken back.
    width = n_labels[-1] - n_labels[0]
    area = trapezoid(scores, n_labels) / width if width else scores[..., -1]
    return float(area) if scores.ndim == 1 else area


class LabelsToReach:
    """Score a fitted learner by the labels it needed for a target, as a loss below 0.

    Parameters
    ----------
    target : float
        Accuracy to reach.

    Examples
    --------
    >>> from sksimilar.model_selection import LabelsToReach
    >>> LabelsToReach(0.9)
    LabelsToReach(0.9)
    """

    def __init__(self, target):
        self.target = target

    def __repr__(self):
        return f"LabelsToReach({self.target})"

    def __call__(self, learner, X, y):
        """Return minus the number of labels, or minus all rows where it is not reached.

        Parameters
        ----------
        learner, X, y
            As in `area_under_learning_curve`.

        Returns
        -------
        score : int
            Greater is better.
        """
        n_labels, scores = _learning_curve(learner, X, y)
        enough = [
            n for n, score in zip(n_labels, scores, strict=True) if self._is(score)
        ]
        return -min(enough, default=len(learner.labeled_mask_))

    def _is(self, score):
        return score >= self.target


def _learning_curve(learner, X, y):
    """Return the number of labels and the accuracy of every training."""
    records = [record for record in learner.history_ if "seconds_train" in record]
    return [record["n_labeled"] for record in records], [*learner.staged_score(X, y)]
