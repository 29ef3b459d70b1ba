"""What the methods share under one seed."""

from dataclasses import dataclass, replace

import numpy as np

from ..columns import predict_columns
from ..training import prepare, train

__all__ = ["Task"]

LARGER = 40  # Times the query: the validation rows of FISHER-LV (Section 4.1).


@dataclass(frozen=True)
class Task:
    """All that the methods share under one seed.

    Parameters
    ----------
    X : ndarray of shape (n_samples, ...)
        Rows that are labeled at first, and the pool.

    y : ndarray of shape (n_samples,)
        What the annotator calls them.

    labeled_mask : ndarray of bool of shape (n_samples,)
        The first labels.

    query_mask : ndarray of bool of shape (n_samples,), or None
        Those of them that stand for what is wanted.

    identity : ndarray of int64 of shape (n_samples,)
        Copies share a number; -1 for rows that nobody wants.

    X_test, y_test : ndarray
        Rows to score on, of no row of X.

    focus : tuple
        Classes to score by themselves, as the mean of their accuracies; with none of
        them it is that over all test rows.

    seed : int
        Of the run: initial weights, batches and ties.

    ood_label : object, default=None
        What the annotator calls rows that are out of distribution.

    X_validation, y_validation : ndarray, default=None
        Rows for methods to validate on, beside all others: nobody trains on them, asks
        for them or is scored on them.
    """

    X: np.ndarray
    y: np.ndarray
    labeled_mask: np.ndarray
    query_mask: np.ndarray | None
    identity: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    focus: tuple
    seed: int
    ood_label: object = None
    X_validation: np.ndarray | None = None
    y_validation: np.ndarray | None = None

    @classmethod
    def of(cls, split, X_test, y_test, seed):
        """Return the task that a builder of `sksimilar.datasets` has drawn.

        Parameters
        ----------
        split : Bunch
            As :func:`~sksimilar.datasets.make_scenario` returns it.

        X_test, y_test : ndarray
            Rows to score on; those out of distribution are left out.

        seed : int
            Of the run.

        Returns
        -------
        task : Task
        """
        inside = ~np.isin(y_test, split.ood)
        return cls(
            X=split.X,
            y=split.y,
            labeled_mask=split.labeled_mask,
            query_mask=split.query_mask,
            identity=split.identity,
            X_test=X_test[inside],
            y_test=y_test[inside],
            focus=split.rare,
            seed=seed,
            ood_label=split.ood_label,
        )

    def querying_mistakes(self, net, n_query):
        """Return the task with fewer query rows: those that are hard to tell.

        Parameters
        ----------
        net : skorch net
            Trained on the labeled rows without those of the query; its classes are the
            labels 0, 1, ...

        n_query : int
            How many query rows stay: before all others those that it misclassifies.

        Returns
        -------
        task : Task
            Without the other query rows.
        """
        first = np.flatnonzero(self.labeled_mask & ~self.query_mask)
        given, n_classes = np.flatnonzero(self.query_mask), self.y.max() + 1
        net = train(prepare(net, n_classes), self.X, first, self.y[first], self.seed)
        predicted = predict_columns(net, self.X[given], n_classes, n_classes)
        is_right = predicted == self.y[given]
        dropped = given[np.argsort(is_right, kind="stable")][n_query:]
        kept = np.setdiff1d(np.arange(len(self.y)), dropped)
        names = "X", "y", "labeled_mask", "query_mask", "identity"
        return replace(self, **{name: getattr(self, name)[kept] for name in names})

    def like_query(self, y):
        """Draw rows of the classes of the query: of each 40 times as many, or all.

        Parameters
        ----------
        y : ndarray of shape (n_rows,)
            Classes of the rows to draw from.

        Returns
        -------
        drawn : ndarray of int64
            Positions in y, class by class; none without a query.
        """
        rng = np.random.default_rng(self.seed)
        query = self.y[:0] if self.query_mask is None else self.y[self.query_mask]
        drawn = [
            rng.permutation(np.flatnonzero(y == label))[: LARGER * n]
            for label, n in zip(*np.unique(query, return_counts=True))
        ]
        return np.concatenate([np.empty(0, dtype=np.int64), *drawn])

    @property
    def in_pool(self):
        """Rows that may be asked for."""
        if self.query_mask is None:
            return ~self.labeled_mask
        return ~(self.labeled_mask | self.query_mask)

    @property
    def n_wanted(self):
        """Number of distinct wanted rows in the pool."""
        return len(self._distinct(np.flatnonzero(self.in_pool)))

    def n_found(self, rows):
        """Return how many distinct wanted rows there are among some positions.

        Parameters
        ----------
        rows : ndarray of int64
            Positions in X.

        Returns
        -------
        n_found : int
            Copies count once.
        """
        return len(self._distinct(rows))

    def scores(self, predicted):
        """Return the accuracies on the test rows.

        Parameters
        ----------
        predicted : ndarray of shape (n_test,)
            Predicted labels of ``X_test``.

        Returns
        -------
        scores : dict of float
            ``accuracy`` and ``focus_accuracy``, from 0 to 1.
        """
        correct = predicted == self.y_test
        focus = [correct[self.y_test == label].mean() for label in self.focus]
        return {
            "accuracy": correct.mean(),
            "focus_accuracy": np.mean(focus) if focus else correct.mean(),
        }

    def _distinct(self, rows):
        return np.setdiff1d(self.identity[rows], -1)
