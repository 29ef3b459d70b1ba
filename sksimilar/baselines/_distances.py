"""Distances from inner products, and the k-center measure on them."""

import torch

from ..blocks import TILE, blockwise
from ..factors import ChangedRows, take_rows
from ..similarity import InnerProduct

FEW = 256  # Rows that tell where the others are.
ROUNDING = 1e-12  # Of the squared norm, in float64; float32 features know no better.


class SquaredDistances:
    """|g_i - g_j|^2 = S_ii + S_jj - 2 S_ij, without ever forming a g_i.

    In float64, since the difference cancels, and exactly 0 where rounding is all that
    could be left of it: a duplicate has to be at distance 0.

    Parameters
    ----------
    similarity : InnerProduct
        Or a subclass whose inner products are those of its factors, as the cosine is.
    """

    def __init__(self, similarity):
        factors = similarity.double().factors
        if len(factors) == 1:  # Far from the origin distances would be rounding.
            # Those from the middle of a few rows; any single one might be an outlier.
            n, device = len(factors[0]), factors[0].device
            few = take_rows(factors[0], torch.arange(0, n, 1 + n // FEW, device=device))
            middle = few.median(dim=0).values
            factors = (ChangedRows(factors[0], lambda rows: rows - middle),)
        self.inner = InnerProduct(*factors)
        self.squared_norms = self.inner.diagonal()
        self.width = sum(f.shape[1] for f in similarity.factors)

    def __len__(self):
        return len(self.inner)

    def points(self, positions):
        """Return positions as a tensor on the device of the distances."""
        return torch.as_tensor(positions).to(self.squared_norms.device)

    def between(self, rows, cols):
        """Return the squared distances of two sets of points, tensors or slices."""
        norms = self.squared_norms[rows][:, None]
        distances = self.inner[rows, cols].mul_(-2)
        distances.add_(norms).add_(self.squared_norms[cols])
        return distances.masked_fill_(distances <= ROUNDING * norms, 0.0)

    def nearest(self, centers):
        """Return the squared distance of every point to the nearest center."""
        nearest = torch.empty_like(self.squared_norms)

        def fill(block):
            nearest[block] = self.between(block, centers).amin(dim=1)

        width = self.width + len(centers)
        for _ in blockwise(fill, len(self), width, centers.device, TILE):
            pass
        return nearest


class KCenter:
    """How far points are from the nearest center, as a measure to be maximized.

    An object with `gains` and `add`: greedy on it is the farthest-first traversal.

    Parameters
    ----------
    distances : SquaredDistances
        Over all points.

    centers : tensor of int64
        Points that are centers from the start; may be empty.
    """

    def __init__(self, distances, centers):
        self.distances = distances
        norms = distances.squared_norms
        # Without a center all are equally far: at the bound |a - b|^2 <= 4 max |a|^2.
        self.nearest = torch.full_like(norms, 4 * norms.max())
        if len(centers):
            self.add(centers)

    def gains(self, points):
        """Return the squared distance of each point to the nearest center."""
        return self.nearest[points]

    def add(self, points):
        """Make centers of some points, and return self."""
        self.nearest = torch.minimum(self.nearest, self.distances.nearest(points))
        return self
