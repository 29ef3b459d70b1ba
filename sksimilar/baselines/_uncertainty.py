"""Rank candidates by how unsure of their class the estimator is."""

from abc import abstractmethod

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.utils import gen_batches
from skorch.helper import SliceDataset, SliceDict
from torch.nn import functional as F
from torch.utils.data import Dataset

from ..gradients import log_probabilities
from ..rows import fingerprint, take
from ._ranked import PredictionSampler
from ._sets import check_estimator, known_rows

FINGERPRINT_ROWS = 4096  # Rows read at a time.


class _UncertaintySampler(PredictionSampler):
    """Select the rows whose class the estimator is least sure of."""

    @abstractmethod
    def _uncertainty(self, logs):
        """Return a score from log p, shape (n, n_classes), all of it finite."""

    def _scores(self, X, y):
        check_estimator(self)
        # On the CPU, since not every device has float64.
        logs = log_probabilities(self.estimator, X, self.candidates_)
        return self._uncertainty(logs.cpu().double())


class EntropySampler(_UncertaintySampler):
    """Select the rows whose predicted class probabilities have the largest entropy.

    The score of a row is -sum_c p_c log p_c [1]_, in nats.

    Parameters
    ----------
    estimator : fitted skorch net, classifier with ``predict_proba`` or Pipeline
        Predicts the probabilities.

    budget : int, default=10
        Rows that `select` returns by default.

    random_state : int, RandomState instance or None, default=None
        Orders rows of equal score.

    Attributes
    ----------
    scores_ : ndarray of shape (n_candidates,)
        Score of each of ``candidates_``.

    References
    ----------
    .. [1] B. Settles. Active learning literature survey. Computer Sciences Technical
       Report 1648, University of Wisconsin-Madison, 2009.

    Examples
    --------
    Of these rows the classifier cannot tell what the one in the middle is:

    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sksimilar import EntropySampler
    >>> X = np.array([[-3.0], [-1.0], [0.0], [1.0], [3.0]])
    >>> model = LogisticRegression().fit(X[[0, 4]], [0, 1])
    >>> EntropySampler(model, budget=1).fit_select(X)
    array([2])
    """

    def _uncertainty(self, logs):
        return torch.special.entr(logs.exp()).sum(dim=1)  # Where p is 0, so is this.


class MarginSampler(_UncertaintySampler):
    """Select the rows whose two most probable classes are closest.

    The score of a row is minus the difference of its two largest probabilities [1]_.

    Parameters
    ----------
    estimator : fitted skorch net, classifier with ``predict_proba`` or Pipeline
        Predicts the probabilities.

    budget : int, default=10
        Rows that `select` returns by default.

    random_state : int, RandomState instance or None, default=None
        Orders rows of equal score.

    Attributes
    ----------
    scores_ : ndarray of shape (n_candidates,)
        Score of each of ``candidates_``.

    References
    ----------
    .. [1] B. Settles. Active learning literature survey. Computer Sciences Technical
       Report 1648, University of Wisconsin-Madison, 2009.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sksimilar import MarginSampler
    >>> X = np.array([[-3.0], [-1.0], [0.0], [1.0], [3.0]])
    >>> model = LogisticRegression().fit(X[[0, 4]], [0, 1])
    >>> MarginSampler(model, budget=1).fit_select(X)
    array([2])
    """

    def _uncertainty(self, logs):
        # A class of probability 0 changes nothing, and there are two of them for sure.
        first, second = F.pad(logs.exp(), (0, 1)).topk(2, dim=1).values.T
        return second - first


class LeastConfidenceSampler(_UncertaintySampler):
    """Select the rows whose most probable class is least probable.

    The score of a row is minus the logarithm of its largest probability [1]_.

    Parameters
    ----------
    estimator : fitted skorch net, classifier with ``predict_proba`` or Pipeline
        Predicts the probabilities.

    budget : int, default=10
        Rows that `select` returns by default.

    random_state : int, RandomState instance or None, default=None
        Orders rows of equal score.

    Attributes
    ----------
    scores_ : ndarray of shape (n_candidates,)
        Score of each of ``candidates_``.

    References
    ----------
    .. [1] B. Settles. Active learning literature survey. Computer Sciences Technical
       Report 1648, University of Wisconsin-Madison, 2009.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sksimilar import LeastConfidenceSampler
    >>> X = np.array([[-3.0], [-1.0], [0.0], [1.0], [3.0]])
    >>> model = LogisticRegression().fit(X[[0, 4]], [0, 1])
    >>> LeastConfidenceSampler(model, budget=1).fit_select(X)
    array([2])
    """

    def _uncertainty(self, logs):
        return -logs.amax(dim=1)


class DistinctMarginSampler(MarginSampler):
    """Select as `MarginSampler` does, but no row twice.

    Exact copies of a row whose label is known, or of an earlier candidate, come after
    everything else.  What a function for redundant pools gains over this sampler is the
    worth of noticing rows that are similar and not the same.

    Parameters
    ----------
    estimator : fitted skorch net, classifier with ``predict_proba`` or Pipeline
        Predicts the probabilities.

    budget : int, default=10
        Rows that `select` returns by default.

    random_state : int, RandomState instance or None, default=None
        Orders rows of equal score.

    Attributes
    ----------
    scores_ : ndarray of shape (n_candidates,)
        Score of each of ``candidates_``, as in :class:`~sksimilar.MarginSampler`.

    copies_ : ndarray of int64
        Positions in X of the candidates that are copies.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sksimilar.baselines import DistinctMarginSampler
    >>> X = np.array([[-3.0], [0.0], [0.0], [0.0], [1.0], [3.0]])
    >>> model = LogisticRegression().fit(X[[0, 5]], [0, 1])
    >>> DistinctMarginSampler(model, budget=2).fit_select(X)
    array([1, 4])
    """

    def _fit(self, X, y):
        super()._fit(X, y)
        rows = np.concatenate([known_rows(self, y), self.candidates_])
        _, first = np.unique(fingerprints(X, rows), return_index=True)
        self.copies_ = np.setdiff1d(self.candidates_, rows[first])

    def _select(self, n):
        order = super()._select(len(self.candidates_))
        is_copy = np.isin(order, self.copies_)
        return np.concatenate([order[~is_copy], order[is_copy]])[:n]


def fingerprints(X, rows):
    """Return a short text for each row, the same for rows that are the same."""
    texts = []
    for part in gen_batches(len(rows), FINGERPRINT_ROWS):
        texts += marks(take(X, rows[part]))
    return np.array(texts)


def marks(batch):
    """Return an iterable of the texts of the rows in a batch."""
    if isinstance(batch, SliceDict):
        return map("".join, zip(*map(marks, batch.values())))
    return map(fingerprint, separate(batch))


def separate(batch):
    """Return what iterates over the rows of a batch, without their labels."""
    if issparse(batch):
        return batch.toarray()
    if isinstance(batch, Dataset):
        return (row[0] if isinstance(row, tuple) else row for row in batch)
    return batch if isinstance(batch, SliceDataset) else np.asarray(batch)
