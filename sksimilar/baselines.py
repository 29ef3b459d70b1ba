"""Samplers to compare with: the paper's baselines and sanity checks.  Floor 4."""

from abc import abstractmethod

import numpy as np
import torch
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions
from torch.nn import functional as F

from ._validation import check_labeled
from .base import BaseSampler
from .embeddings import similarity_of
from .gradients import log_probabilities
from .problem import RELEVANCE_DECIMALS

__all__ = [
    "EntropySampler",
    "LeastConfidenceSampler",
    "MarginSampler",
    "RandomSampler",
    "TopCosineSampler",
]


class RandomSampler(BaseSampler):
    """Select rows uniformly at random.

    Parameters
    ----------
    estimator : object, default=None
        Ignored; present so that all samplers can stand in one grid.

    budget : int, default=10
        Rows that `select` returns by default.

    random_state : int, RandomState instance or None, default=None
        Draws the rows.

    Examples
    --------
    >>> from sksimilar import RandomSampler
    >>> RandomSampler(budget=3, random_state=0).fit_select([[1.0], [2.0], [3.0], [4.0]])
    array([2, 3, 1])
    """

    def __init__(self, estimator=None, *, budget=10, random_state=None):
        self.estimator = estimator
        self.budget = budget
        self.random_state = random_state

    def _fit(self, X, y):
        pass

    def _select(self, n):
        return check_random_state(self.random_state).permutation(self.candidates_)[:n]


class _RankedSampler(BaseSampler):
    """Select the candidates of largest score, equal ones in random order.

    A subclass says what the score is; no candidate knows of the others.
    """

    def __init__(self, estimator=None, *, budget=10, random_state=None):
        self.estimator = estimator
        self.budget = budget
        self.random_state = random_state

    @abstractmethod
    def _scores(self, X, y):
        """Return the score of every candidate, a tensor of shape (n_candidates,)."""

    def _fit(self, X, y):
        self.scores_ = np.empty(0)  # Without a candidate it is `select` that complains.
        if len(self.candidates_):
            self.scores_ = self._scores(X, y).cpu().numpy()

    def _select(self, n):
        rng = check_random_state(self.random_state)
        order = rng.permutation(len(self.candidates_))
        best = np.argsort(-self.scores_[order], kind="stable")[:n]
        return self.candidates_[order[best]]


class _UncertaintySampler(_RankedSampler):
    """Select the rows whose class the estimator is least sure of."""

    @abstractmethod
    def _uncertainty(self, logs):
        """Return a score from log p, shape (n, n_classes), all of it finite."""

    def _scores(self, X, y):
        if self.estimator is None:
            raise ValueError(
                f"{type(self).__name__} needs a fitted `estimator` that predicts "
                "probabilities, got None. Pass one, or use RandomSampler."
            )
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


class TopCosineSampler(_RankedSampler):
    """Select the rows most similar to the query, with no regard to one another.

    The score of a row is its largest cosine similarity to a row of the query, in the
    embedding that :class:`~sksimilar.SIMILARSampler` uses.  What that sampler gains
    over this one is the worth of diversity.

    Parameters
    ----------
    estimator : fitted skorch net, classifier or Pipeline, default=None
        Supplies what rows are compared by, as in :class:`~sksimilar.SIMILARSampler`;
        with None, X itself is the embedding.

    budget : int, default=10
        Rows that `select` returns by default.

    embedding : {'auto', 'gradient', 'features'}, default='auto'
        'gradient' compares last-layer gradients, 'features' the input of the last
        layer, or X without an estimator.  'auto' is 'gradient' with an estimator.

    layer : str, default='auto'
        Dotted path of the ``nn.Linear`` that makes the logits; found by default.

    labels : {'true', 'hypothesized'}, default='true'
        Which labels the gradients of query rows use: those in y, or the predicted ones.

    random_state : int, RandomState instance or None, default=None
        Orders rows of equal score.

    Attributes
    ----------
    scores_ : ndarray of shape (n_candidates,)
        Score of each of ``candidates_``, to six decimals: further ones are rounding
        errors, and would put duplicates in order.

    Examples
    --------
    >>> import numpy as np
    >>> from sksimilar import TopCosineSampler
    >>> X = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.1]])
    >>> query = np.array([True, False, False, False])
    >>> TopCosineSampler(budget=2).fit_select(X, query_mask=query)
    array([3, 1])
    """

    _parameter_constraints: dict = {
        **BaseSampler._parameter_constraints,
        "embedding": [StrOptions({"auto", "gradient", "features"})],
        "layer": [str],
        "labels": [StrOptions({"true", "hypothesized"})],
    }

    def __init__(
        self,
        estimator=None,
        *,
        budget=10,
        embedding="auto",
        layer="auto",
        labels="true",
        random_state=None,
    ):
        super().__init__(estimator, budget=budget, random_state=random_state)
        self.embedding = embedding
        self.layer = layer
        self.labels = labels

    def _scores(self, X, y):
        if self.query_ is None:
            raise ValueError(
                "TopCosineSampler ranks rows by their similarity to a query, and "
                "`query_mask` is None. Mark the rows that stand for what is wanted."
            )
        rows = np.union1d(self.candidates_, self.query_)
        similarity = self._similarity(X, y, rows)
        candidates, query = (
            torch.as_tensor(np.searchsorted(rows, s)).to(similarity.diagonal().device)
            for s in (self.candidates_, self.query_)
        )
        scores = similarity.largest(candidates, query)
        return scores.round(decimals=RELEVANCE_DECIMALS)

    def _similarity(self, X, y, rows):
        return similarity_of(
            X,
            y,
            rows,
            self._labeled(y),
            estimator=self.estimator,
            embedding=self.embedding,
            layer=self.layer,
            metric="raw_cosine",
        )

    def _labeled(self, y):
        """Return the query rows if their true labels are used, having checked them."""
        uses_labels = self.estimator is not None and self.embedding != "features"
        if not uses_labels or self.labels == "hypothesized":
            return np.empty(0, dtype=np.int64)
        check_labeled(y, self.query_, "query_mask")
        return self.query_
