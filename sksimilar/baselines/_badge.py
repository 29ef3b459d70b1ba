"""BADGE: k-means++ on hypothesized gradients, which are never formed."""

import numpy as np
import torch

from ..base import BaseSampler
from ._distances import SquaredDistances
from ._sets import NO_ROWS, check_estimator, embed

PROPOSALS = 64  # Centers drawn at once.


class BADGESampler(BaseSampler):
    """Select rows whose hypothesized gradients are large and far from one another.

    BADGE [1]_: the seeding of k-means++ [2]_ on the gradients g_i of the loss with
    respect to the last linear layer, under the predicted labels and not normalized.
    Each center is drawn with a probability proportional to its squared distance to the
    nearest earlier one.  The masks of `fit` say only what a candidate is.

    Parameters
    ----------
    estimator : fitted skorch net, classifier or Pipeline
        Supplies the gradients, as in :class:`~sksimilar.SIMILARSampler`.

    budget : int, default=10
        Rows that `select` returns by default.

    layer : str, default='auto'
        Dotted path of the ``nn.Linear`` that makes the logits; found by default.

    random_state : int, RandomState instance or None, default=None
        Draws the centers.

    Notes
    -----
    The first center is the row of largest gradient, as in the authors' code; their text
    leaves it to k-means++, which draws it uniformly.  Once all remaining rows are
    duplicates of centers, the rest is filled in random order.

    Distances come from inner products, which factorize: nothing of size n x C d is
    formed.  Centers are drawn by rejection, many at a time: proposals follow the
    distances to the centers of a while ago and are accepted with probability
    new distance / old distance, which has the same distribution.

    References
    ----------
    .. [1] J. T. Ash, C. Zhang, A. Krishnamurthy, J. Langford and A. Agarwal. Deep batch
       active learning by diverse, uncertain gradient lower bounds. ICLR 2020.
    .. [2] D. Arthur and S. Vassilvitskii. k-means++: the advantages of careful seeding.
       SODA 2007.

    Examples
    --------
    Of two groups of equal rows, one row each, and then the others:

    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sksimilar.baselines import BADGESampler
    >>> X = np.array([[-3.0], [3.0], [0.1], [0.1], [0.1], [2.0], [2.0], [2.0]])
    >>> model = LogisticRegression().fit(X[:2], [0, 1])
    >>> rows = BADGESampler(model, random_state=0).fit(X[2:]).select(6)
    >>> X[2:][rows[:2]].ravel().tolist(), sorted(rows.tolist())
    ([0.1, 2.0], [0, 1, 2, 3, 4, 5])
    """

    _parameter_constraints: dict = {
        **BaseSampler._parameter_constraints,
        "layer": [str],
    }

    def __init__(self, estimator=None, *, budget=10, layer="auto", random_state=None):
        self.estimator = estimator
        self.budget = budget
        self.layer = layer
        self.random_state = random_state

    def _fit(self, X, y):
        check_estimator(self)
        if len(self.candidates_):
            self._similarity, *_ = embed(
                self, X, y, NO_ROWS, embedding="gradient", metric="dot"
            )

    def _select(self, n):
        distances = SquaredDistances(self._similarity)
        return self.candidates_[seed_centers(distances, n, self._rng())]


def seed_centers(distances, n, rng):
    """Return n distinct points drawn by D^2 sampling, the first one of largest norm."""
    order = rng.permutation(len(distances))
    norms = distances.squared_norms.cpu().numpy()
    chosen = [order[norms[order].argmax()]]
    nearest = distances.nearest(distances.points(chosen))
    while len(chosen) < n and nearest.any():
        centers = draw_centers(distances, nearest.cpu().numpy(), rng)
        centers = centers[: n - len(chosen)]
        chosen.extend(centers)
        nearest = torch.minimum(nearest, distances.nearest(distances.points(centers)))
    rest = order[~np.isin(order, chosen)]
    return np.concatenate([chosen, rest])[:n]


def draw_centers(distances, nearest, rng):
    """Return points, each drawn in proportion to its distance to all before it.

    ``nearest`` holds the distances to the centers there are.  The first proposal is
    always accepted.
    """
    drawn = rng.choice(len(nearest), PROPOSALS, p=nearest / nearest.sum())
    points = distances.points(drawn)
    among = distances.between(points, points).cpu().numpy()
    left = nearest[drawn]
    bars = left * rng.uniform(size=PROPOSALS)
    accepted = []
    for i in range(PROPOSALS):
        if bars[i] < left[i]:
            accepted.append(drawn[i])
            left = np.minimum(left, among[i])
    return accepted
