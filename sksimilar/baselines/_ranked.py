"""Rank candidates one by one: at random, and by what the query asks for."""

from abc import abstractmethod

import numpy as np
import torch
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import validate_data

from ..base import BaseSampler
from ..embeddings import truly_labeled
from ..gradients import column_labels, log_probabilities
from ..problem import RELEVANCE_DECIMALS
from ._sets import check_estimator, check_query_given, embed, query_labels


class RandomSampler(BaseSampler):
    """Select rows uniformly at random.

    Rows are counted and not looked at, so X may hold images, texts or anything else.

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

    def _check_array(self, X):
        return validate_data(self, X, skip_check_array=True)

    def _fit(self, X, y):
        pass

    def _select(self, n):
        return self._rng().permutation(self.candidates_)[:n]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.no_validation = tags.input_tags.sparse = True
        return tags


class RankedSampler(BaseSampler):
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
        order = self._rng().permutation(len(self.candidates_))
        best = np.argsort(-self.scores_[order], kind="stable")[:n]
        return self.candidates_[order[best]]


class PredictionSampler(RankedSampler):
    """Score candidates by what is predicted of them.

    Rows are not compared, so they may be sparse where the estimator takes them so.
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class TopCosineSampler(RankedSampler):
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
        check_query_given(self)
        similarity, _, candidates, query = embed(
            self,
            X,
            y,
            self.query_,
            embedding=self.embedding,
            metric="raw_cosine",
            labeled=truly_labeled(self, y, query_mask=self.query_),
        )
        scores = similarity.largest(candidates, query)
        return scores.round(decimals=RELEVANCE_DECIMALS)


class MostLikelyPositiveSampler(PredictionSampler):
    """Select the rows most likely to be of a class of the query.

    The score of a row is the sum of its predicted probabilities of the classes that
    query rows have, the one-step policy of active search [1]_: what a person would try
    before any acquisition function.

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
    .. [1] R. Garnett, Y. Krishnamurthy, X. Xiong, J. Schneider and R. Mann. Bayesian
       optimal active search and surveying. ICML 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sksimilar.baselines import MostLikelyPositiveSampler
    >>> X = np.array([[-3.0], [-1.0], [0.0], [1.0], [3.0]])
    >>> y = np.array([0, -1, -1, -1, 1])
    >>> model = LogisticRegression().fit(X[y >= 0], y[y >= 0])
    >>> MostLikelyPositiveSampler(model, budget=2).fit_select(X, y, query_mask=y == 1)
    array([3, 2])
    """

    def _scores(self, X, y):
        check_estimator(self)
        wanted = query_labels(self, y)
        logs = log_probabilities(self.estimator, X, self.candidates_).cpu().double()
        columns = np.unique(column_labels(self.estimator, wanted, logs.shape[1]))
        return logs[:, torch.as_tensor(columns)].exp().sum(dim=1)
