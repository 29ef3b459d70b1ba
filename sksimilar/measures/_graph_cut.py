"""Graph cut: GC, GCMI, GCCG, and GCMI with a diversity term."""

from math import inf
from numbers import Real

import torch
from sklearn.utils._param_validation import Interval

from ..blocks import BLOCK, blockwise
from ._base import Cost, QueryFunction, everyone
from ._set_function import SetFunction

PER_PAIR = 80  # Numbers read or written for one, from a product to a sum in float64.
LOWERED = 32  # Numbers of a point while its gain is lowered: few, to stay in caches.


class GraphCut(SetFunction):
    """Graph cut, f(A) = sum_{i in V, j in A} S_ij - lam sum_{i, j in A} S_ij.

    The families are GC, GCMI and GCCG of [1]_, Table 2.  GCMI is modular,
    2 lam sum_{i in A, j in Q} S_ij: it ranks rows by relevance and knows no diversity,
    and conditioning drops out of it, which is why the paper has no GCCMI.

    Parameters
    ----------
    lam : float, default=0.5
        Weight of redundancy within A.  f is monotone only up to 0.5.

    References
    ----------
    .. [1] S. Kothawade, N. Beck, K. Killamsetty and R. Iyer. SIMILAR: Submodular
       information measures based active learning in realistic scenarios. NeurIPS 2021.

    Examples
    --------
    >>> import torch
    >>> from sksimilar.measures import GraphCut
    >>> from sksimilar.similarity import DenseSimilarity
    >>> S = DenseSimilarity(torch.tensor([[1.0, 0.8, 0.0], [0.8, 1.0, 0.1], [0.0, 0.1, 1.0]]))
    >>> GraphCut().measure(S, torch.arange(2), query=torch.tensor([2])).gains(torch.arange(2))
    tensor([0.0000, 0.1000], dtype=torch.float64)
    """

    _parameter_constraints: dict = {"lam": [Interval(Real, 0, None, closed="left")]}

    def __init__(self, lam=0.5):
        self.lam = lam

    def start(self, similarity, ground):
        self.total_ = similarity.sums(everyone(similarity, ground), ground)
        self.diagonal_ = similarity.diagonal().double()
        self.load_ = similarity.summed(ground[:0], self.diagonal_[:0])
        return self

    def add(self, points, scale=1.0):
        weights = torch.full_like(points, scale, dtype=torch.float64)
        self.load_ = self.load_.plus(points, weights)  # Copies of f keep their own.
        return self

    def gains(self, points):
        within = 2 * self.load_(points) + self.diagonal_[points]
        return self.total_[points] - self.lam * within

    def measure(
        self, similarity, ground, query=None, conditioning=None, eta=1.0, nu=1.0
    ):
        if query is None:
            return super().measure(similarity, ground, None, conditioning, eta, nu)
        self.check(similarity.bounds, query, conditioning)
        relevance = similarity.sums(everyone(similarity, ground), query)
        _, least_gain = self.traits(similarity.bounds, query, conditioning)
        return Modular(2 * self.lam * eta * relevance, least_gain)

    def traits(self, bounds, query, conditioning):
        positive = bounds[0] >= 0
        if query is not None:
            return True, 0.0 if positive else -inf
        monotone = positive and self.lam <= 0.5 and conditioning is None
        return positive, 0.0 if monotone else -inf

    def cost(self, sizes):
        cost = _linear_cost(sizes, calls=80 if sizes.n_query else 200)
        if sizes.linear or sizes.n_query:
            return cost
        pairs = sizes.n_points * sizes.n_ground
        return cost._replace(
            products=cost.products + 2 * sizes.width * pairs,
            traffic=cost.traffic + PER_PAIR * pairs,
        )


def _linear_cost(sizes, calls):
    """Return the cost of the sums over a set, for every point; picks renew few."""
    n_numbers = sizes.n_points * sizes.width
    block = 4 * min(BLOCK, n_numbers)  # In float64, and a product.
    held = 8 * sizes.n_points + block
    traffic = 50 * n_numbers + 4500 * sizes.n_points  # The latter to sort them.
    return Cost(12 * n_numbers, traffic, held, calls)


class Modular:
    """A measure whose gains never change."""

    submodular = True

    def __init__(self, weights, least_gain):
        self.weights, self.least_gain = weights, least_gain

    def gains(self, points):
        return self.weights[points]

    floors = gains

    def add(self, points):
        return self


class DiverseGraphCut(QueryFunction):
    """DIV-GCMI: 2 lam sum_{i in A, j in Q} S_ij - gamma sum_{i != j in A} S_ij.

    Relevance to the query as in GCMI, less what the picks have in common.

    Parameters
    ----------
    lam : float, default=1.0
        Weight of the relevance.

    gamma : float, default=1.0
        Weight of the redundancy within A.

    Notes
    -----
    The paper's diversity term is unpublished; this one is graph cut's own.  With many
    picks it outweighs the relevance, so gamma is best kept near ``|Q| / budget``.

    Every pick lowers all gains about alike, so to be lazy about them does not pay: they
    are kept current, by one column of the similarity a pick.
    """

    keeps_gains = True

    _parameter_constraints: dict = {
        "lam": [Interval(Real, 0, None, closed="left")],
        "gamma": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(self, lam=1.0, gamma=1.0):
        self.lam = lam
        self.gamma = gamma

    def _start(self, similarity, query, eta):
        relevance = similarity.sums(everyone(similarity, query), query)
        self.similarity_ = similarity
        self.gains_ = 2 * self.lam * eta * relevance

    def gains(self, points):
        return self.gains_[points]

    def add(self, points):
        def load(part):
            return part, self.similarity_[part, points].double().sum(dim=1)

        width = LOWERED + len(points)
        for part, loads in blockwise(load, len(self.gains_), width, points.device):
            self.gains_[part] -= 2 * self.gamma * loads
        return self

    def traits(self, bounds, query, conditioning):
        return bounds[0] >= 0, -inf

    def cost(self, sizes):
        cost, columns = _linear_cost(sizes, calls=50), sizes.n_points * sizes.budget
        return cost._replace(
            products=cost.products + 2 * sizes.width * columns,
            traffic=cost.traffic + 3 * sizes.width * columns,
        )
