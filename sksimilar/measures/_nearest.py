"""Facility location in which a row counts its most similar candidates alone."""

import torch

from ..blocks import blockwise

__all__ = ["NearestCovers"]


class NearestCovers:
    """sum_{i in V} of what of max_{j in A, j near i} S_ij lies between two covers.

    A lower bound of the full sum that needs n k numbers and no further product: a pick
    changes the gains of those points alone that share a row with it.

    Parameters
    ----------
    points, values : tensors of shape (n_ground, k), points of int32
        The most similar candidates of each row, and how similar, best first.

    low, high : tensors of shape (n_ground,)
        The covers, as of `BetweenCovers`.

    n_points : int
        Number of points of the similarity.

    complete : bool
        Whether each row keeps all of the candidates.
    """

    submodular = keeps_gains = True
    least_gain = 0.0

    def __init__(self, points, values, low, high, n_points, complete):
        self.points, self.values = points, values
        self.start, self.low, self.high = low, low.clone(), high
        # The similarity to a candidate that was left out is no larger than this.
        self.beyond = low if complete else values[:, -1].minimum(high).maximum(low)
        self.entries = self.points.ravel().argsort(stable=True)
        self.stops = self.points.ravel().bincount(minlength=n_points).cumsum(0)
        self.known = self._between(low, high)

    def gains(self, points):
        return self.known[points].clamp_min(0).to(self.low.dtype)

    def add(self, points):
        for point in points.tolist():
            entries = self.entries[
                self.stops[point - 1] * (point > 0) : self.stops[point]
            ]
            rows = entries // self.points.shape[1]
            before = self.low[rows]
            after = (
                self.values.ravel()[entries].minimum(self.high[rows]).maximum(before)
            )
            self.low[rows] = after
            self.known.index_add_(0, *self._part(rows, before, after), alpha=-1)
        return self

    def bound(self, budget):
        """Return what no set of so many candidates exceeds, with all similarities.

        Where a left-out candidate could be nearest, a row counts as covered by it.
        """
        cover = self.low.maximum(self.beyond)
        reached = (cover - self.start).sum(dtype=torch.float64)
        left = self._between(cover, self.high).topk(budget).values
        return (reached + left.sum()).item()

    def _between(self, low, high):
        """Return, for every point, what of its kept S_ij lies between two covers."""
        total = torch.zeros(len(self.stops), dtype=torch.float64, device=low.device)
        n_rows, k = self.points.shape

        def part(block):
            return self._part(block, low[block], high[block])

        for points, values in blockwise(part, n_rows, 4 * k, low.device):
            total.index_add_(0, points, values)
        return total

    def _part(self, rows, low, high):
        """Return the points kept by some rows, and what of S_ij lies between covers."""
        part = self.values[rows].minimum(high[:, None]).maximum(low[:, None])
        return self.points[rows].ravel(), (part - low[:, None]).double().ravel()
