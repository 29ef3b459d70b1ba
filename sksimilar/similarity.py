"""Similarities as operators: asked for blocks, never formed whole.  Floor 1.

Everything here is built on *factors*: thin matrices F, G, ... such that
<g_i, g_j> = <F_i, F_j> <G_i, G_j> ... .  Gradients of the last layer have two, and plain
features are the case of one.
"""

from abc import ABC, abstractmethod
from copy import copy
from functools import partial, reduce
from math import prod

import torch

from .blocks import blockwise, in_blocks
from .factors import doubled, is_mapped, take_rows, unit_rows

__all__ = [
    "METRICS",
    "CosineSimilarity",
    "DenseSimilarity",
    "InnerProduct",
    "RBFSimilarity",
    "RawCosineSimilarity",
    "Similarity",
]

_AXES = "abcdefgh"
ROUNDING = 16  # Squared distances below so many rounding units of squared norms are 0.


class Similarity(ABC):
    """A symmetric similarity S between n points.

    A subclass writes `__getitem__`, `diagonal` and `__len__`; reductions over a set
    follow, and are overridden where the structure makes them linear in n.

    Attributes
    ----------
    bounds : tuple of float
        An interval that holds every entry.
    """

    bounds = (-float("inf"), float("inf"))

    @abstractmethod
    def __getitem__(self, block):
        """Return S_{rows, cols} for ``block = (rows, cols)``, tensors or slices."""

    @abstractmethod
    def diagonal(self):
        """Return the similarity of every point to itself.

        Returns
        -------
        diagonal : tensor of shape (n,)
            S_ii.
        """

    @abstractmethod
    def __len__(self):
        """Return the number n of points."""

    @abstractmethod
    def restrict(self, points):
        """Return S over some of the points alone.

        Parameters
        ----------
        points : tensor of shape (n_points,), int64
            The points to keep; they become 0, 1, ... .

        Returns
        -------
        similarity : Similarity
            Of the same class.
        """

    def double(self):
        """Return the same similarity, computed in float64 as far as that adds digits.

        Returns
        -------
        similarity : Similarity
            By default itself: what is there already becomes no more precise.
        """
        return self

    def sums(self, points, over, weights=None):
        """Return sum_{j in over} w_j S_ij for every point i.

        Parameters
        ----------
        points : tensor of shape (n_points,), int64
            The points i.

        over : tensor of shape (n_over,), int64
            The points j.

        weights : tensor of shape (n_over,) or (n_over, n_sums), float64, default=None
            The w_j, or some of them at once; all 1 by default.

        Returns
        -------
        sums : tensor of shape (n_points,) or (n_points, n_sums), float64
            One sum for every point, or for every point and column of weights.
        """
        weights = (
            torch.ones_like(over, dtype=torch.float64) if weights is None else weights
        )
        return self.reduce(points, over, lambda block: block.double() @ weights)

    def largest(self, points, over):
        """Return max_{j in over} S_ij for every point i.

        Parameters
        ----------
        points : tensor of shape (n_points,), int64
            The points i.

        over : tensor of shape (n_over,), int64
            The points j, at least one.

        Returns
        -------
        largest : tensor of shape (n_points,)
            One maximum for every point.
        """
        return self.reduce(points, over, lambda block: block.amax(dim=1))

    def ceilings(self, points, groups):
        """Return what no similarity of a point to any of a group is above.

        For about one product a point and group, not one a pair.

        Parameters
        ----------
        points : tensor of shape (n_points,), int64
            The points i.

        groups : list of tensors of int64
            The points of each group.

        Returns
        -------
        ceilings : tensor of shape (n_groups, n_points)
            Upper bounds of max_{j in group} S_ij; by default that of all entries.
        """
        shape = len(groups), len(points)
        return self.diagonal().new_full(shape, self.bounds[1])

    def reduce(self, points, over, reduction):
        """Apply a reduction to S_{points, over}, some rows at a time.

        Parameters
        ----------
        points : tensor of shape (n_points,), int64
            The rows of the block.

        over : tensor of shape (n_over,), int64
            Its columns.

        reduction : callable
            Makes something of the same length of a block of rows.

        Returns
        -------
        reduced : tensor of shape (n_points, ...)
            What the reduction has made of all rows.
        """
        return self.reducer(over)(points, reduction)

    def reducer(self, over):
        """Return `reduce` for one set of columns, to be asked many times.

        Parameters
        ----------
        over : tensor of shape (n_over,), int64
            The columns of all blocks.

        Returns
        -------
        reducer : callable
            Takes points and a reduction.
        """
        block, width = self.towards(over), self._width() + len(over)

        def reducer(points, reduction):
            return in_blocks(lambda some: reduction(block(some)), points, width)

        return reducer

    def towards(self, over):
        """Return a function from points to the block S_{points, over}.

        It may be asked many times, so what depends on ``over`` alone is done once.

        Parameters
        ----------
        over : tensor of shape (n_over,), int64
            The columns of the block.

        Returns
        -------
        block : callable
            Takes a tensor of n_points points and returns one of shape (n_points, n_over).
        """
        return lambda points: self[points, over]

    def _width(self):
        """Return how many numbers are copied of each row of a block."""
        return 0


class DenseSimilarity(Similarity):
    """A kernel matrix that is there already.

    Parameters
    ----------
    matrix : tensor of shape (n, n)
        Symmetric; positive semidefinite where LogDet functions are used on it.
    """

    def __init__(self, matrix):
        self.matrix = matrix
        self.bounds = (matrix.min().item(), matrix.max().item())

    def __getitem__(self, block):
        rows, cols = block
        return self.matrix[rows][:, cols]

    def diagonal(self):
        return self.matrix.diagonal()

    def __len__(self):
        return len(self.matrix)

    def towards(self, over):
        if 16 * len(over) > len(self):
            return lambda points: take_rows(self.matrix, points).index_select(1, over)
        few = self.matrix.index_select(0, over)  # For no row to be copied as a whole.
        return lambda points: few.index_select(1, points).T

    def restrict(self, points):
        return DenseSimilarity(
            self.matrix[points[:, None], points]
        )  # No row as a whole.


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

    def sums(self, points, over, weights=None):
        widths = [f.shape[1] for f in self.factors]
        if len(over) * sum(widths) < prod(widths):
            return super().sums(points, over, weights)
        return self._sums_by_moment(points, over, weights)

    def _sums_by_moment(self, points, over, weights):
        # sum_j w_j <g_i, g_j> = <g_i, sum_j w_j g_j>: linear in both sets.
        if weights is None:
            weights = torch.ones_like(over, dtype=torch.float64)
        # The weights meet the thinnest factor first and the moment the widest: both are
        # one matrix product then, as torch goes from left to right.
        factors = sorted(self.factors, key=lambda factor: factor.shape[1])
        some, axes = "w" * (weights.ndim - 1), _AXES[: len(factors)]
        rows = [f"n{axis}" for axis in axes]
        gather = f"n{some},{','.join(rows)}->{axes}{some}"
        spread = f"{axes}{some},{','.join(rows[::-1])}->n{some}"
        width = self._width() * weights[:1].numel()

        def doubles(points):
            return [take_rows(factor, points).double() for factor in factors]

        def part(block):
            return torch.einsum(gather, weights[block], *doubles(over[block]))

        moment = sum(blockwise(part, len(over), width, over.device))

        def inner(points):
            return torch.einsum(spread, moment, *doubles(points)[::-1])

        return in_blocks(inner, points, width)

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

    def _sums_by_moment(self, points, over, weights):
        total = len(over) if weights is None else weights.sum(dim=0)
        return (total + super()._sums_by_moment(points, over, weights)) / 2


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
        inner = self._sums_by_moment(everyone, everyone, None).mean() / len(self)
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

    def sums(self, points, over, weights=None):
        # No moment: S is not linear in g.
        return Similarity.sums(self, points, over, weights)


def _ball(rows):
    """Return center and radius of a ball that holds some rows, and what rounding adds."""
    center = rows.mean(dim=0)
    rounding = ROUNDING * torch.finfo(rows.dtype).eps * rows.norm(dim=1).max()
    return center, (rows - center).norm(dim=1).max() + rounding


def _about(rows, mean, unit):
    """Move and scale rows, in place."""
    return rows.sub_(mean).div_(unit)


METRICS = {
    "cosine": CosineSimilarity,
    "raw_cosine": RawCosineSimilarity,
    "dot": InnerProduct,
    "rbf": RBFSimilarity,
}
