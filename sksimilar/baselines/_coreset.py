"""CoreSet: cover the pool with balls around labeled rows."""

import numpy as np

from ..base import BaseSampler
from ..optimizers import greedy
from ._distances import KCenter, SquaredDistances
from ._sets import NO_ROWS, embed, known_rows, shuffled


class CoreSetSampler(BaseSampler):
    """Select the row that is farthest from all labeled ones, again and again.

    The greedy k-center algorithm of [1]_, on the input of the last linear layer: it
    covers the pool with balls around labeled and selected rows, and always selects what
    would need the largest ball.

    Parameters
    ----------
    estimator : fitted skorch net, classifier or Pipeline, default=None
        Supplies the features; with None, X itself is the embedding.

    budget : int, default=10
        Rows that `select` returns by default.

    layer : str, default='auto'
        Dotted path of the ``nn.Linear`` that makes the logits; found by default.

    random_state : int, RandomState instance or None, default=None
        Orders rows at the same distance, and draws the first one where there is no
        center to start from.

    Attributes
    ----------
    centers_ : ndarray of int64
        Positions in X of the rows to start from: those whose label is known and that
        are no candidates, and those of the conditioning set.

    Notes
    -----
    As an object with `gains` and `add`, the distance to the nearest center is maximized
    by the same optimizer as every submodular function.

    References
    ----------
    .. [1] O. Sener and S. Savarese. Active learning for convolutional neural networks: a
       core-set approach. ICLR 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sksimilar.baselines import CoreSetSampler
    >>> X = np.array([[0.0], [1.0], [4.0], [9.0], [10.0]])
    >>> CoreSetSampler(budget=2).fit_select(X, [0, -1, -1, -1, -1])
    array([4, 2])
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
        given = NO_ROWS if self.conditioning_ is None else self.conditioning_
        self.centers_ = np.union1d(known_rows(self, y), given)
        if len(self.candidates_):
            self._embedded_ = embed(
                self, X, y, self.centers_, embedding="features", metric="dot"
            )

    def _select(self, n):
        similarity, rows, candidates, centers = self._embedded_
        measure = KCenter(SquaredDistances(similarity), centers)
        selection = greedy(measure, shuffled(candidates, self._rng()), n)
        return rows[selection.points.cpu().numpy()]
