"""Classes predicted by a classifier that knows columns.  Floor 2."""

import numpy as np
from sklearn.metrics import accuracy_score
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from ._validation.labels import UNLABELED, check_column, is_unlabeled
from .columns import decision_values, predict_columns, probabilities
from .rows import check_rows, check_sliceable, take

__all__ = ["PredictorMixin"]


def _estimator_has(method):
    def check(learner):
        getattr(getattr(learner, "estimator_", learner.estimator), method)
        return True

    return check


class PredictorMixin:
    """Predict by ``estimator_``, whose columns ``_codebook`` makes classes of."""

    def predict(self, X):
        """Return the most likely class of each row.

        Parameters
        ----------
        X : as in `fit`
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Classes, never ``ood_label``.
        """
        check_is_fitted(self)
        return self._predict(self.estimator_, self._check_X(X, reset=False))

    def staged_predict(self, X):
        """Yield the most likely class of each row after every training.

        Parameters
        ----------
        X : as in `fit`
            Rows.

        Yields
        ------
        y : ndarray of shape (n_samples,)
            Classes, as in `predict`.
        """
        check_is_fitted(self)
        if not getattr(self, "estimators_", None):
            raise ValueError(
                "Only the last classifier was kept. Set keep_estimators=True before `fit` "
                "or `start`, to predict by those of all rounds."
            )
        X = self._check_X(X, reset=False)
        for estimator in self.estimators_:
            yield self._predict(estimator, X)

    def staged_score(self, X, y):
        """Yield the accuracy after every training, over the rows that are of a class.

        Parameters
        ----------
        X, y : as in `score`
            Rows and labels.

        Yields
        ------
        accuracy : float
            As `score` returns for the last one.
        """
        X, codes, _ = self._of_a_class(X, y)
        for predicted in self.staged_predict(X):
            yield accuracy_score(codes, self._codebook.find(predicted))

    @available_if(_estimator_has("predict_proba"))
    def predict_proba(self, X):
        """Return the probability of each class, given that the row is of one.

        Parameters
        ----------
        X : as in `fit`
            Rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            One column for each of ``classes_``.
        """
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        proba = probabilities(self.estimator_, X, self._codebook.n_outputs)
        n_classes = len(self.classes_)
        if n_classes == self._codebook.n_outputs:
            return proba
        return given_a_class(proba[:, :n_classes])

    @available_if(_estimator_has("decision_function"))
    def decision_function(self, X):
        """Return the confidence of the classifier in each class.

        Parameters
        ----------
        X : as in `fit`
            Rows.

        Returns
        -------
        values : ndarray of shape (n_samples, n_classes), or (n_samples,) for two
            One column for each of ``classes_``, -inf for those without a label so far.
        """
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        values = decision_values(self.estimator_, X, self._codebook.n_outputs)
        values = values[:, : len(self.classes_)]
        return values[:, 1] - values[:, 0] if values.shape[1] == 2 else values

    def score(self, X, y, sample_weight=None):
        """Return the accuracy over the rows that are of a class.

        Parameters
        ----------
        X : as in `fit`
            Rows.

        y : array-like of shape (n_samples,)
            Labels; unlabeled and out-of-distribution rows are left out.  A label that
            is not among ``classes_`` counts, as one that is not predicted.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        accuracy : float
            Share of rows whose class is predicted.
        """
        X, codes, weight = self._of_a_class(X, y, sample_weight)
        predicted = self._codebook.find(self.predict(X))
        return accuracy_score(codes, predicted, sample_weight=weight)

    def _of_a_class(self, X, y, sample_weight=None):
        """Return the rows that are of a class, the columns of those, and weights."""
        check_is_fitted(self)
        check_sliceable(X)
        check_consistent_length(X, y, sample_weight)
        rows, codes = self._rows_of_a_class(check_column(y), "y")
        weight = None if sample_weight is None else np.asarray(sample_weight)[rows]
        return take(X, rows), codes, weight

    def _rows_of_a_class(self, y, name):
        """Return the rows to score on and their columns; ``name`` is what y is called."""
        codes, classes = self._codebook.find(y), self._codebook.classes_
        is_known = (codes != UNLABELED) | ~is_unlabeled(y)
        rows = np.flatnonzero(is_known & (codes < len(classes)))
        if not (codes[rows] != UNLABELED).any():
            raise ValueError(
                f"`{name}` holds no row of the classes {classes.tolist()}, so there is "
                "nothing to score. Score on rows whose labels are known."
            )
        return rows, codes[rows]

    def _check_X(self, X, reset):
        return check_rows(self, X, classifier=self.estimator, reset=reset)

    def _predict(self, estimator, X):
        n_classes, n_outputs = len(self.classes_), self._codebook.n_outputs
        codes = predict_columns(estimator, X, n_classes, n_outputs)
        return self._codebook.decode(codes)


def given_a_class(proba):
    """Scale rows to sum 1; where out of distribution is certain, all are alike."""
    total = proba.sum(axis=1, keepdims=True)
    uniform = np.full_like(proba, 1 / proba.shape[1])
    return np.divide(proba, total, out=uniform, where=total > 0)
