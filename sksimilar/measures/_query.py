"""Measures that look at the query alone: FLQMI and COM.  Linear in |V| and in |Q|."""

from abc import abstractmethod

import torch
from sklearn.utils._param_validation import StrOptions

from ..blocks import BLOCK, in_blocks
from ._base import Cost, QueryFunction, everyone

CONCAVE = {"log": torch.log1p, "sqrt": torch.sqrt}


class _ByQuery(QueryFunction):
    """A function of the n x |Q| similarities to the query."""

    def cost(self, sizes):
        entries = sizes.n_points * sizes.n_query
        block = 2 * min(BLOCK, sizes.n_points * sizes.width + entries)
        given = sizes.n_query * sizes.width
        return self._cost(sizes, entries, 24 * sizes.n_points + block + given)

    @abstractmethod
    def _cost(self, sizes, entries, held):
        """Return the cost, given how many similarities and what is held anyway."""

    def traits(self, bounds, query, conditioning):
        return True, 0.0

    def floors(self, points):
        """Return lower bounds on the gains: relevance is never lost.

        Parameters
        ----------
        points : tensor of shape (n_points,), int64
            The points to add one at a time.

        Returns
        -------
        floors : tensor of shape (n_points,)
            No gain will ever be smaller.
        """
        return self.relevance_[points]


class QueryFacilityLocation(_ByQuery):
    """FLQMI: sum_{i in Q} max_{j in A} S_ij + eta sum_{i in A} max_{j in Q} S_ij.

    How well A represents the query, and how near to the query its members are ([1]_,
    Table 2).  It is the mutual information of a facility location in which rows of V,
    and rows of Q, are similar to themselves alone; that needs similarities of at most
    1, and negative ones count as 0.

    References
    ----------
    .. [1] S. Kothawade, N. Beck, K. Killamsetty and R. Iyer. SIMILAR: Submodular
       information measures based active learning in realistic scenarios. NeurIPS 2021.

    Examples
    --------
    >>> import torch
    >>> from sksimilar.measures import QueryFacilityLocation
    >>> from sksimilar.similarity import DenseSimilarity
    >>> S = DenseSimilarity(torch.tensor([[1.0, 0.8, 0.0], [0.8, 1.0, 0.1], [0.0, 0.1, 1.0]]))
    >>> measure = QueryFacilityLocation().measure(S, torch.arange(2), torch.tensor([2]))
    >>> measure.gains(torch.arange(2))
    tensor([0.0000, 0.2000])
    """

    domain = (-float("inf"), 1.0)

    def _start(self, similarity, query, eta):
        self.to_query_ = similarity.reducer(query)
        relevance = similarity.largest(everyone(similarity, query), query)
        self.relevance_ = eta * relevance.clamp_min_(0)
        self.cover_ = torch.zeros_like(self.relevance_[:1]).expand(len(query))

    def gains(self, points):
        def better(block):
            return block.sub_(self.cover_).clamp_min_(0).sum(dim=1)

        return self.to_query_(points, better) + self.relevance_[points]

    def add(self, points):
        nearest = self.to_query_(points, torch.clone).amax(dim=0)
        self.cover_ = torch.maximum(self.cover_, nearest)
        return self

    def _cost(self, sizes, entries, held):
        # All bounds of the empty set are too loose, and renewed in the first few picks.
        return Cost(20 * sizes.width * entries, 800 * entries, held, calls=120)


class ConcaveOverModular(_ByQuery):
    """COM: eta sum_{i in A} psi(sum_Q S_ij) + sum_{j in Q} psi(sum_A S_ij).

    Parameters
    ----------
    psi : {'log', 'sqrt'} or callable, default='log'
        A concave, nondecreasing function on [0, inf) with psi(0) = 0, applied to
        tensors: log(1 + x), sqrt(x), or one's own.
    """

    domain = (0.0, float("inf"))

    _parameter_constraints: dict = {"psi": [StrOptions(set(CONCAVE)), callable]}

    def __init__(self, psi="log"):
        self.psi = psi

    def check(self, bounds, query=None, conditioning=None):
        super().check(bounds, query, conditioning)
        try:
            height = self._psi(torch.linspace(0, 2, 5).requires_grad_()).detach()
            slopes = height.reshape(5).diff()
        except (AttributeError, RuntimeError, TypeError) as error:
            raise ValueError(
                "`psi` must be a function of tensors, elementwise, such as torch.log1p; "
                f"of one of shape (5,) it gave: {error}."
            ) from error
        is_concave = (slopes.diff() <= 1e-6).all() and (slopes >= -1e-6).all()
        if not (is_concave and height[0] == 0):
            raise ValueError(
                "`psi` must be concave and nondecreasing, with psi(0) = 0; at 0, 0.5, "
                f"..., 2 it is {height.tolist()}. Use 'log', 'sqrt' or torch.tanh."
            )

    def _start(self, similarity, query, eta):
        self.to_query_ = similarity.reduce(
            everyone(similarity, query), query, lambda block: block.clamp_min(0)
        )
        self.cover_ = torch.zeros_like(self.to_query_[0])
        least = torch.finfo(self.cover_.dtype).eps  # A tangent at 0 may be vertical.
        self.typical_ = self.to_query_.mean(dim=0).clamp_min(least)
        self.relevance_ = eta * self._psi(self.to_query_.sum(dim=1))

    def gains(self, points):
        before = self._psi(self.cover_)

        def grown(points):
            after = self._psi(self.cover_ + self.to_query_.index_select(0, points))
            return after.sub_(before).sum(dim=1)

        width = 3 * len(self.cover_)
        return in_blocks(grown, points, width).add_(self.relevance_[points])

    def limits(self, points):
        """Return upper bounds on the gains: psi lies below each of its tangents.

        Parameters
        ----------
        points : tensor of shape (n_points,), int64
            The points to add one at a time.

        Returns
        -------
        limits : tensor of shape (n_points,)
            No gain is larger; one product of matrices gives them all.
        """
        with torch.enable_grad():
            typical = (self.cover_ + self.typical_).requires_grad_()
            height = self._psi(typical)
            (slope,) = torch.autograd.grad(height.sum(), typical)
        height = (
            height.detach() - self._psi(self.cover_) - slope * self.typical_
        ).sum()
        if 2 * len(points) > len(self.to_query_):  # Indexing is slower than a product.
            below = (self.to_query_ @ slope)[points]
        else:
            below = self.to_query_.index_select(0, points) @ slope
        return below + (self.relevance_[points] + height)

    def add(self, points):
        self.cover_ = self.cover_ + self.to_query_[points].sum(dim=0)
        return self

    def _cost(self, sizes, entries, held):
        traffic = (50 + 10 * sizes.budget) * entries
        return Cost(4 * sizes.width * entries, traffic, held + entries, calls=150)

    def _psi(self, x):
        return (self.psi if callable(self.psi) else CONCAVE[self.psi])(x)
