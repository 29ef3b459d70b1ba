"""FISHER: match the rows of a validation set that the model gets wrong."""

import numpy as np
import torch

from .._validation.labels import check_labeled_rows
from .._validation.words import said_of
from ..base import BaseSampler
from ..blocks import blockwise
from ..embeddings import similarity_of
from ..gradients import column_labels, log_probabilities
from ..optimizers import greedy
from ._distances import KCenter, SquaredDistances
from ._sets import NO_ROWS, check_estimator, embed, query_labels, shuffled

GRADIENTS = {"embedding": "gradient", "metric": "raw_cosine"}


class FISHERSampler(BaseSampler):
    """Select the rows most similar, by the Fisher kernel, to misclassified ones.

    After [1]_: a pool whose classes are out of balance is matched with a validation
    set, here the query, through the kernel <g_i, g_j> of last-layer gradients, the
    Fisher kernel with the identity for the Fisher information.  FISHER-LV of the
    SIMILAR paper is the same with a ``validation`` set of 40 times the query.

    Parameters
    ----------
    estimator : fitted skorch net, classifier or Pipeline
        Supplies the gradients, as in :class:`~sksimilar.SIMILARSampler`, and what it
        makes of the validation rows.

    budget : int, default=10
        Rows that `select` returns by default.

    layer : str, default='auto'
        Dotted path of the ``nn.Linear`` that makes the logits; found by default.

    random_state : int, RandomState instance or None, default=None
        Draws the first center, and orders rows of equal similarity.

    validation : tuple (X, y), default=None
        Rows that are none of the pool, of whatever kind the estimator takes, and their
        true labels.  With them no query is needed, and that of a scenario only stays
        out of the candidates.  Within an :class:`~sksimilar.ActiveLearner` labels are
        positions in its ``classes_``.  By default the query rows.

    Attributes
    ----------
    validation_ : ndarray of int64
        Which validation rows the estimator misclassifies, or all of them if it gets
        none wrong: positions in X, and in the rows of ``validation`` where it is given.

    Notes
    -----
    The steps are those of the authors' code.  Only misclassified validation rows count.
    Where they are more than the budget, so many centers stand for them, found by greedy
    k-center under the same kernel.  Every center names its most similar candidate, the
    most similar pair first; then its second; and so on, leaving out what is named
    already, until the budget is filled.

    What the authors leave to choose is settled for the simplest: gradients of the last
    layer only, normalized to unit length (they sum Pearson correlations over several
    layers, of features and of gradients apart; for a linear layer the Fisher kernel is
    their product), true labels for validation rows and the predicted ones for
    candidates (the plainest of their pseudo-labels), and lists that go on for as long
    as needed (theirs end after 32).

    References
    ----------
    .. [1] D. Gudovskiy, A. Hodgkinson, T. Yamaguchi and S. Tsukizawa. Deep active
       learning for biased datasets via Fisher kernel self-supervision. CVPR 2020.

    Examples
    --------
    The model takes the one validation row, of class 1, for a 0.  Of the rows that its
    gradient resembles, the closest is on the wrong side of the boundary too:

    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sksimilar.baselines import FISHERSampler
    >>> X = np.array([[-3.0], [-1.0], [0.5], [3.0], [-0.5]])
    >>> y = np.array([0, -1, -1, 1, 1])
    >>> model = LogisticRegression().fit(X[[0, 3]], y[[0, 3]])
    >>> FISHERSampler(model, budget=2).fit_select(X, y, query_mask=np.arange(5) == 4)
    array([2, 1])

    The same without this row in X:

    >>> sampler = FISHERSampler(model, budget=2, validation=(X[4:], y[4:]))
    >>> sampler.fit_select(X[:4], y[:4]), sampler.validation_
    (array([2, 1]), array([0]))
    """

    _parameter_constraints: dict = {
        **BaseSampler._parameter_constraints,
        "layer": [str],
        "validation": "no_validation",  # Checked where it is used.
    }

    def __init__(
        self,
        estimator=None,
        *,
        budget=10,
        layer="auto",
        random_state=None,
        validation=None,
    ):
        self.estimator = estimator
        self.budget = budget
        self.layer = layer
        self.random_state = random_state
        self.validation = validation

    def _fit(self, X, y):
        check_estimator(self)
        if self.validation is None:
            self._fit_to_query(X, y)
        else:
            self._fit_to_rows_beside(X)

    def _fit_to_query(self, X, y):
        true = query_labels(self, y)
        rows = self.validation_ = self._misclassified(X, self.query_, true)
        if len(self.candidates_):
            self._embedded_ = embed(self, X, y, rows, labeled=rows, **GRADIENTS)

    def _fit_to_rows_beside(self, X):
        others, true = check_labeled_rows(self.validation, "validation")
        with said_of("validation"):
            everyone = np.arange(len(true), dtype=np.int64)
            rows = self.validation_ = self._misclassified(others, everyone, true)
        if len(self.candidates_):
            pool = self._gradients(X, None, self.candidates_, NO_ROWS)
            with said_of("validation"):
                given = self._gradients(others, true, rows, rows)
            similarity, *points = side_by_side(pool, given)
            self._embedded_ = similarity, self.candidates_, *points

    def _misclassified(self, X, rows, true):
        logs = log_probabilities(self.estimator, X, rows)
        columns = column_labels(self.estimator, true, logs.shape[1])
        wrong = logs.argmax(dim=1).cpu().numpy() != columns
        return rows[wrong] if wrong.any() else rows

    def _gradients(self, X, y, rows, labeled):
        source = {"estimator": self.estimator, "layer": self.layer}
        return similarity_of(X, y, rows, labeled, **source, **GRADIENTS)

    def _select(self, n):
        similarity, rows, candidates, validation = self._embedded_
        rng = self._rng()
        centers = spread(similarity, shuffled(validation, rng), n)
        order = matches(similarity, centers, shuffled(candidates, rng), n)
        return rows[order]


def side_by_side(*similarities):
    """Return one similarity over the points of several, and the points of each."""
    factors = map(torch.cat, zip(*(each.factors for each in similarities)))
    joined = type(similarities[0])(*factors, prepared=True)
    points = torch.arange(len(joined), device=joined.factors[0].device)
    return joined, *points.split([len(each) for each in similarities])


def spread(similarity, points, n):
    """Return at most n of some points, far from one another, the first one first."""
    if len(points) <= n:
        return points
    distances = SquaredDistances(similarity.restrict(points))
    everyone = torch.arange(len(points), device=points.device)
    return points[greedy(KCenter(distances, everyone[:0]), everyone, n).points]


def matches(similarity, centers, candidates, n):
    """Return n candidates: the best of every center, then the second best, and so on.

    Within a turn the most similar come first.
    """
    best = similarity.towards(candidates)
    tops = blockwise(
        lambda block: best(centers[block]).topk(n, dim=1),
        len(centers),
        len(candidates),
        centers.device,
    )
    tops = list(tops)
    values = torch.cat([top.values for top in tops]).T.cpu().numpy()
    named = torch.cat([candidates[top.indices] for top in tops]).T.cpu().numpy()
    order = np.argsort(-values, axis=1, kind="stable")
    named = np.take_along_axis(named, order, axis=1).ravel()
    return named[np.sort(np.unique(named, return_index=True)[1])][:n]
