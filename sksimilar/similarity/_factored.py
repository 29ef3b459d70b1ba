"""Inner products of rows that are outer products, and what follows from them."""

from copy import copy
from functools import partial, reduce
from math import prod

import torch

from ..blocks import blockwise, in_blocks
from ..factors import doubled, is_mapped, take_rows, unit_rows
from ._base import Similarity
from ._sums import Moment

ROUNDING = 16  # Squared distances below so many rounding units of squared norms are 0.


class InnerProduct(Similarity):
    """S_ij = <g_i, g_j>, metric="dot": the form printed in the paper's Section 3.

    Parameters
    ----------
    *factors : tensors of shape (n, d_k), or `MappedRows`
        Thin matrices whose rows' outer product is g_i.  Those of half precision are
        kept so, and computed with in float32.

    prepared : bool, default=False
        Whether `prepare` was applied to them already.
    """

    linear = True
    settle = None  # What to do with a single factor once all rows are there.

    def __init__(self, *factors, prepared=False):
        self.factors = factors if prepared else tuple(map(self.prepare, factors))

    @staticmethod
    def prepare(factor):
        """Return rows of a factor as the metric compares them.

        Parameters
        ----------
        factor : tensor of shape (n, d), or `MappedRows`
            One of the factors.

        Returns
        -------
        prepared : tensor of shape (n, d), or `MappedRows`
            The factor itself.
        """
        return factor

    def __getitem__(self, block):
        rows, cols = block
        return self.towards(cols)(rows)

    def towards(self, over):
        rights = [take_rows(f, over).T for f in self.factors]

        def block(points):
            lefts = (take_rows(f, points) for f in self.factors)
            first, *others = (f @ g for f, g in zip(lefts, rights))
            return reduce(torch.Tensor.mul_, others, first)

        return block

    def ceilings(self, points, groups):
        # Each factor of a group lies in a ball, and a product with it in an interval.
        balls = [[_ball(take_rows(f, group)) for group in groups] for f in self.factors]
        balls = [map(torch.stack, zip(*of_factor)) for of_factor in balls]
        balls = [(centers.T, radii) for centers, radii in balls]
        ceilings = balls[0][1].new_empty(len(groups), len(points))

        def fill(block):
            low = high = ceilings.new_ones(())
            for factor, (centers, radii) in zip(self.factors, balls):
                rows = take_rows(factor, points[block])
                middle, reach = rows @ centers, rows.norm(dim=1)[:, None] * radii
                ends = middle - reach, middle + reach
                corners = torch.stack([a * b for a in (low, high) for b in ends])
                low, high = corners.amin(dim=0), corners.amax(dim=0)
            ceilings[:, block] = high.T

        width = self._width() + 8 * len(groups)
        for _ in blockwise(fill, len(points), width, points.device):
            pass
        return ceilings

    def diagonal(self):
        def length(points):
            lengths = (take_rows(f, points).norm(dim=1) for f in self.factors)
            return reduce(torch.mul, lengths).square()

        return in_blocks(length, self._everyone(), self._width())

    def __len__(self):
        return len(self.factors[0])

    def double(self):
        precise = copy(self)
        precise.factors = tuple(map(doubled, self.factors))
        return precise

    def restrict(self, points):
        part = copy(self)
        part.factors = tuple(f.index_select(0, points) for f in self.factors)
        return part

    def summed(self, over, weights):
        widths = [f.shape[1] for f in self.factors]
        if not self.linear or len(over) * sum(widths) < prod(widths):
            return super().summed(over, weights)
        return Moment(self, over, weights)

    def _of_inner(self, sums, weight):
        """Return weighted sums of S, given those of inner products and the weight."""
        return sums

    def _everyone(self):
        return torch.arange(len(self), device=self.factors[0].device)

    def _width(self):
        return sum(f.shape[1] for f in self.factors)


class RawCosineSimilarity(InnerProduct):
    """S_ij = cos(g_i, g_j) in [-1, 1], metric="raw_cosine".

    The kernel of the paper's time.  Where g_i is zero its cosine is 0, with itself too.

    Parameters
    ----------
    *factors : tensors of shape (n, d_k), or `MappedRows`
        As in `InnerProduct`.

    prepared : bool, default=False
        Whether `prepare` was applied to them already.
    """

    bounds = (-1.0, 1.0)

    @staticmethod
    def prepare(factor):
        """Return a factor with rows of length 1.

        Parameters
        ----------
        factor : tensor of shape (n, d), or `MappedRows`
            One of the factors.

        Returns
        -------
        prepared : tensor of shape (n, d), or `MappedRows`
            Rows of length 0 stay as they are.
        """
        return factor.changed(unit_rows) if is_mapped(factor) else unit_rows(factor)

    def ceilings(self, points, groups):
        return super().ceilings(points, groups).clamp_max_(1)

    def diagonal(self):
        diagonal = super().diagonal()
        # Exact ones: rounding must not order ties.
        return diagonal.gt(0).to(diagonal)


class CosineSimilarity(RawCosineSimilarity):
    """S_ij = (1 + cos(g_i, g_j)) / 2 in [0, 1], metric="cosine".

    Positive semidefinite and non-negative, which is what makes every closed form exact.

    Parameters
    ----------
    *factors : tensors of shape (n, d_k), or `MappedRows`
        As in `InnerProduct`.

    prepared : bool, default=False
        Whether `prepare` was applied to them already.
    """

    bounds = (0.0, 1.0)

    def towards(self, over):
        cosine = super().towards(over)
        # Clamped, since rounding may leave a cosine a little outside of [-1, 1].
        return lambda points: cosine(points).add_(1).mul_(0.5).clamp_(0, 1)

    def ceilings(self, points, groups):
        return super().ceilings(points, groups).add_(1).mul_(0.5).clamp_min_(0)

    def diagonal(self):
        return (1 + super().diagonal()) / 2

    def _of_inner(self, sums, weight):
        return sums.add_(weight).mul_(0.5)


class RBFSimilarity(InnerProduct):
    """``S_ij = exp(-gamma |g_i - g_j|^2)`` in [0, 1], metric="rbf".

    Parameters
    ----------
    *factors : tensors of shape (n, d_k)
        As in `InnerProduct`.

    gamma : float, default=None
        Inverse squared length; by default one over the mean of ``|g_i - g_j|^2`` over all
        pairs, so that scaling the rows changes nothing.

    prepared : bool, default=False
        Whether `prepare` was applied to the factors already.
    """

    bounds = (0.0, 1.0)
    linear = False

    @staticmethod
    def settle(factor):
        """Return rows about their mean, none of their entries larger than 1.

        Distances from row to row, in units of their mean, stay what they are, and no
        digit is spent on where the rows lie.

        Parameters
        ----------
        factor : tensor of shape (n, d), or `MappedRows`
            All rows that are compared.

        Returns
        -------
        settled : tensor of shape (n, d), or `MappedRows`
            The tensor itself, changed; what is on disk changes when it is read.
        """

        def over(reduction):
            parts = blockwise(
                lambda block: reduction(factor[block]),
                len(factor),
                4 * factor.shape[1],
                factor.device,
            )
            return torch.stack(list(parts))

        mean = over(lambda rows: rows.sum(dim=0, dtype=torch.float64)).sum(dim=0)
        mean = (mean / len(factor)).to(factor.dtype)
        largest = over(lambda rows: (rows - mean).abs().max()).max()
        change = partial(_about, mean=mean, unit=largest.where(largest > 0, 1))
        return factor.changed(change) if is_mapped(factor) else change(factor)

    def __init__(self, *factors, gamma=None, prepared=False):
        super().__init__(*factors, prepared=prepared)
        self.squared_norms = super().diagonal()
        self.gamma = self._scale() if gamma is None else gamma

    def _scale(self):
        everyone = self._everyone()
        once = torch.ones_like(everyone, dtype=torch.float64)
        inner = Moment(self, everyone, once)(everyone).mean() / len(self)
        spread = 2 * (self.squared_norms.mean() - inner)
        # Of equal rows the spread is rounding, and any unit of length will do.
        least = self.rounding * self.squared_norms.mean()
        # In the precision of the distances: beyond it gamma times nothing is NaN.
        tiny = torch.finfo(self.squared_norms.dtype).tiny
        return 1 / torch.maximum(spread, least).clamp_min(tiny)

    @property
    def rounding(self):
        """Relative error of a squared distance."""
        return ROUNDING * torch.finfo(self.squared_norms.dtype).eps

    def towards(self, over):
        inner, norms = super().towards(over), self.squared_norms[over]

        def block(points):
            own = self.squared_norms[points][:, None]
            distances = inner(points).mul_(-2).add_(norms).add_(own)
            distances.masked_fill_(distances <= self.rounding * own, 0.0)
            return distances.mul_(-self.gamma).exp_()

        return block

    def ceilings(self, points, groups):
        inner = super().ceilings(points, groups)
        least = torch.stack([self.squared_norms[group].min() for group in groups])
        own = self.squared_norms[points]
        distances = inner.mul_(-2).add_(least[:, None]).add_(own)
        distances.sub_(self.rounding * own).clamp_min_(0)
        return distances.mul_(-self.gamma).exp_()

    def diagonal(self):
        return torch.ones_like(self.squared_norms)

    def double(self):
        precise = super().double()
        precise.squared_norms = InnerProduct.diagonal(precise)
        return precise

    def restrict(self, points):
        part = super().restrict(points)  # With gamma of all points.
        part.squared_norms = self.squared_norms[points]
        return part


def _ball(rows):
    """Return center and radius of a ball that holds some rows, and what rounding adds."""
    center = rows.mean(dim=0)
    rounding = ROUNDING * torch.finfo(rows.dtype).eps * rows.norm(dim=1).max()
    return center, (rows - center).norm(dim=1).max() + rounding


def _about(rows, mean, unit):
    """Move and scale rows, in place."""
    return rows.sub_(mean).div_(unit)
