"""Facility location: FL, FLVMI, FLCG, FLCMI, and redundancy with OOD data."""

from numbers import Real

import torch
from sklearn.utils._param_validation import Interval

from ..similarity import BLOCK
from ._base import Cost, SetFunction


class FacilityLocation(SetFunction):
    """f(A) = sum_{i in V} max_{j in A} S_ij: how well A represents V.

    A negative similarity counts as 0, the maximum over no row.  The families are FL,
    FLVMI, FLCG and FLCMI of [1]_, Table 2.  Their gains need all pairs of candidates,
    a block at a time.  With a query it saturates: once A is as similar to each row as
    Q is, every further gain is exactly 0.

    Parameters
    ----------
    sharpness : float, default=10.0
        Rows that are both query and conditioning penalize with S_ij ** sharpness in
        place of S_ij, so that only what is almost a copy of them is avoided ([1]_,
        Section 3.5, redundancy and OOD).  Must be larger than 1.

    References
    ----------
    .. [1] S. Kothawade, N. Beck, K. Killamsetty and R. Iyer. SIMILAR: Submodular
       information measures based active learning in realistic scenarios. NeurIPS 2021.

    Examples
    --------
    >>> import torch
    >>> from sksimilar.measures import FacilityLocation
    >>> from sksimilar.similarity import DenseSimilarity
    >>> S = DenseSimilarity(torch.tensor([[1.0, 0.8, 0.0], [0.8, 1.0, 0.1], [0.0, 0.1, 1.0]]))
    >>> measure = FacilityLocation().measure(S, torch.arange(3))
    >>> measure.gains(torch.arange(3))
    tensor([1.8000, 1.9000, 1.1000])
    """

    sharpens = True

    _parameter_constraints: dict = {
        "sharpness": [Interval(Real, 1, None, closed="neither")]
    }

    def __init__(self, sharpness=10.0):
        self.sharpness = sharpness

    def start(self, similarity, ground):
        self.similarity_, self.ground_ = similarity, ground
        self.to_ground_ = similarity.towards(ground)
        self.cover_ = torch.zeros_like(similarity.diagonal()[ground])
        return self

    def add(self, points, scale=1.0):
        return self._cover(scale * self._nearest(points))

    def add_sharpened(self, points, scale=1.0):
        """Add ``points`` to C with the kernel S' = S ** sharpness."""
        nearest = self._nearest(points).clamp_min(0)
        return self._cover(scale * nearest.pow(self.sharpness))

    def gains(self, points):
        return self._sum(points, lambda s: s.sub_(self.cover_).clamp_min_(0))

    def information(self, informed, points):
        # Only what lies between the two covers counts: FLVMI and FLCMI of Table 2.
        low, high = self.cover_, informed.cover_
        return self._sum(points, lambda s: s.clamp_(low, high).sub_(low))

    def traits(self, bounds, query, conditioning):
        return True, 0.0

    def cost(self, sizes):
        pairs = sizes.n_points * sizes.n_ground
        given = sizes.n_ground * (sizes.n_query + sizes.n_conditioning)
        renewed = 30 * sizes.budget * sizes.n_ground  # Some rows a pick, against V.
        return Cost(
            2 * sizes.width * (pairs + given + renewed),
            6 * (pairs + renewed) + given,
            3 * min(BLOCK, pairs) + 4 * sizes.n_ground,
        )

    def _nearest(self, points):
        if not len(points):
            return torch.zeros_like(self.cover_)
        return self.similarity_.largest(self.ground_, points)

    def _cover(self, nearest):
        self.cover_ = torch.maximum(self.cover_, nearest)
        return self

    def _sum(self, points, improvement):
        rows = points.split(max(1, BLOCK // max(1, len(self.ground_))))
        return torch.cat([improvement(self.to_ground_(r)).sum(dim=1) for r in rows])
