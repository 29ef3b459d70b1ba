"""What every similarity offers, and one that is a matrix."""

from abc import ABC, abstractmethod

import torch

from ..blocks import in_blocks
from ..factors import take_rows
from ._sums import Pairwise


class Similarity(ABC):
    """A symmetric similarity S between n points.

    A subclass writes `__getitem__`, `diagonal` and `__len__`; reductions over a set
    follow, and are overridden where the structure makes them linear in n.

    Attributes
    ----------
    bounds : tuple of float
        An interval that holds every entry.

    linear : bool
        Whether sums over a set take a pass over it, and not over all pairs.
    """

    bounds = (-float("inf"), float("inf"))
    linear = False

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
        if weights is None:
            weights = torch.ones_like(over, dtype=torch.float64)
        return self.summed(over, weights)(points)

    def summed(self, over, weights):
        """Return `sums` over one set, to be asked many times and to grow.

        Parameters
        ----------
        over : tensor of shape (n_over,), int64
            The points j.

        weights : tensor of shape (n_over,) or (n_over, n_sums), float64
            The w_j.

        Returns
        -------
        summed : callable
            Takes points; ``summed.plus(over, weights)`` returns another, over more.
        """
        return Pairwise(self, over, weights)

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
        # No row is copied as a whole.
        return DenseSimilarity(self.matrix[points[:, None], points])
