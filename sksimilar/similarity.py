"""Similarities as operators: asked for blocks, never formed whole.  Floor 1.

The gradient of the cross-entropy with respect to the last linear layer is, at row i, the
outer product r_i (h_i, 1)^T of the residual r_i = softmax(z_i) - e_{y_i} and the layer's
input h_i.  Inner products of outer products factorize, so two thin matrices stand for all
gradients.  Everything here is built on *factors*: thin matrices F, G, ... such that
<g_i, g_j> = <F_i, F_j> <G_i, G_j> ... .  Plain features are the case of one factor.
"""

from abc import ABC, abstractmethod
from copy import copy
from functools import reduce
from math import prod

import numpy as np
import torch
from torch.nn import functional as F

from .blocks import blockwise, in_blocks

__all__ = [
    "METRICS",
    "CosineSimilarity",
    "DenseSimilarity",
    "InnerProduct",
    "MappedRows",
    "RBFSimilarity",
    "RawCosineSimilarity",
    "Similarity",
    "gradient_factors",
    "is_mapped",
]

_AXES = "abcdefgh"
ROUNDING = 16  # Units of it, relative to squared norms, that a distance may be of.


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

    def sums(self, points, over, weights=None):
        """Return sum_{j in over} w_j S_ij for every point i.

        Parameters
        ----------
        points : tensor of shape (n_points,), int64
            The points i.

        over : tensor of shape (n_over,), int64
            The points j.

        weights : tensor of shape (n_over,), float64, default=None
            The w_j; all 1 by default.

        Returns
        -------
        sums : tensor of shape (n_points,), float64
            One sum for every point.
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
        block = self.towards(over)
        return in_blocks(lambda some: reduction(block(some)), points, len(over))

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
        return lambda points: _rows(self.matrix, points).index_select(1, over)

    def restrict(self, points):
        return DenseSimilarity(self[points, points])


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
        rights = [_rows(f, over).T for f in self.factors]

        def block(points):
            lefts = (_rows(f, points) for f in self.factors)
            first, *others = (f @ g for f, g in zip(lefts, rights))
            return reduce(torch.Tensor.mul_, others, first)

        return block

    def diagonal(self):
        def length(points):
            lengths = (_rows(f, points).norm(dim=1) for f in self.factors)
            return reduce(torch.mul, lengths).square()

        return in_blocks(length, self._everyone(), self._width())

    def __len__(self):
        return len(self.factors[0])

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
        moment = self._moment(over, weights)
        axes = _AXES[: moment.ndim]
        rows = ",".join(f"n{axis}" for axis in axes)

        def inner(some):
            return torch.einsum(f"{axes},{rows}->n", moment, *self._doubles(some))

        return in_blocks(inner, points, self._width())

    def _moment(self, over, weights):
        """Return sum_j w_j g_j."""
        axes = _AXES[: len(self.factors)]
        rows = ",".join(f"n{axis}" for axis in axes)
        ones = torch.ones_like(over, dtype=torch.float64)
        weights = ones if weights is None else weights

        def part(block):
            doubles = self._doubles(over[block])
            return torch.einsum(f"n,{rows}->{axes}", weights[block], *doubles)

        return sum(blockwise(part, len(over), self._width(), over.device))

    def _doubles(self, points):
        return (_rows(f, points).double() for f in self.factors)

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
        return factor.unit() if is_mapped(factor) else _unit_rows(factor)

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

    def diagonal(self):
        return (1 + super().diagonal()) / 2

    def _sums_by_moment(self, points, over, weights):
        total = len(over) if weights is None else weights.sum()
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

    def diagonal(self):
        return torch.ones_like(self.squared_norms)

    def restrict(self, points):
        part = super().restrict(points)  # With gamma of all points.
        part.squared_norms = self.squared_norms[points]
        return part

    def sums(self, points, over, weights=None):
        # No moment: S is not linear in g.
        return Similarity.sums(self, points, over, weights)


class MappedRows:
    """A matrix on disk, of which only the rows that are asked for are read.

    Parameters
    ----------
    array : numpy.memmap of shape (n_rows, n_columns)
        The matrix.

    rows : ndarray of int64, default=None
        Those of its rows that count; all by default.

    dtype : torch.dtype, default=torch.float32
        What rows are returned as.

    is_unit : bool, default=False
        Whether rows are scaled to length 1 when they are read.
    """

    device = torch.device("cpu")

    def __init__(self, array, rows=None, dtype=torch.float32, is_unit=False):
        self.array, self.rows = array, rows
        self.dtype, self.is_unit = dtype, is_unit

    @property
    def shape(self):
        """Numbers of rows and columns."""
        n_rows = len(self.array) if self.rows is None else len(self.rows)
        return n_rows, self.array.shape[1]

    def __len__(self):
        return self.shape[0]

    @property
    def n_bytes(self):
        """What all of it would take in memory."""
        return self.shape[0] * self.shape[1] * self.dtype.itemsize

    def unit(self):
        """Return the same matrix with rows of length 1.

        Returns
        -------
        rows : MappedRows
            They are scaled when they are read.
        """
        return MappedRows(self.array, self.rows, self.dtype, is_unit=True)

    def double(self):
        """Return the same matrix in float64.

        Returns
        -------
        rows : MappedRows
            They are converted when they are read.
        """
        return MappedRows(self.array, self.rows, torch.float64, self.is_unit)

    def to(self, device):
        """Return the matrix itself, or read as a whole for another device.

        Parameters
        ----------
        device : torch.device or str
            Where it is wanted.

        Returns
        -------
        rows : MappedRows or tensor
            A tensor on any device but the CPU.
        """
        on_host = torch.device(device).type == "cpu"
        return self if on_host else self[:].to(device)

    def __getitem__(self, points):
        if not isinstance(points, slice):
            points = np.asarray(points)
        places = points if self.rows is None else self.rows[points]
        # Rows next to each other are read several times as fast by a slice.
        if not isinstance(places, slice) and _is_range(places):
            places = slice(places[0], places[-1] + 1)
        read = torch.from_numpy(np.array(self.array[places])).to(self.dtype)
        return _unit_rows(read) if self.is_unit else read

    def index_select(self, dim, points):
        """Read some rows.

        Parameters
        ----------
        dim : int
            0; present so that this is called as a tensor is.

        points : tensor of shape (n_points,), int64
            The rows to read.

        Returns
        -------
        rows : tensor of shape (n_points, n_columns)
            In ``dtype``.
        """
        return self[points]


def is_mapped(matrix):
    """Return whether rows of a factor are read from disk when they are needed.

    Parameters
    ----------
    matrix : tensor or `MappedRows`
        The factor.

    Returns
    -------
    mapped : bool
        True for `MappedRows`.
    """
    return isinstance(matrix, MappedRows)


def _is_range(places):
    return (
        len(places) > 1
        and places[-1] - places[0] == len(places) - 1
        and bool((np.diff(places) == 1).all())
    )


def _unit_rows(matrix):
    """Return rows of length 1, however short or long they were; zeros stay zeros."""
    tiny, huge = 1e-12, 1e15  # Whose squares no precision here fails to hold.
    lengths = matrix.norm(dim=1)
    extreme = ~((lengths > tiny) & (lengths < huge))
    if extreme.any():
        largest = matrix[extreme].abs().amax(dim=1, keepdim=True)
        # By the largest entry first, so that no square under- or overflows.
        scaled = matrix[extreme] / largest.where(largest > 0, 1)
        matrix = matrix.index_put((extreme,), scaled)
        lengths = matrix.norm(dim=1)
    return matrix / lengths.where(lengths > 0, 1)[:, None]


def _rows(matrix, points):
    """Return matrix[points] in the precision of computation."""
    # Selecting copies whole rows, several times as fast as indexing.
    is_slice = isinstance(points, slice)
    rows = matrix[points] if is_slice else matrix.index_select(0, points)
    return rows.float() if rows.element_size() < 4 else rows


METRICS = {
    "cosine": CosineSimilarity,
    "raw_cosine": RawCosineSimilarity,
    "dot": InnerProduct,
    "rbf": RBFSimilarity,
}


def gradient_factors(features, logits, labels):
    """Return the two factors of last-layer gradients.

    The direction of r_i is the softmax over the classes other than y_i, with -1 at y_i,
    and its length grows with 1 - p_{y_i}.  Both come from the logits without ever
    subtracting one from a probability, so a saturated softmax loses no precision.

    Parameters
    ----------
    features : tensor of shape (n, d)
        Input h of the last linear layer.

    logits : tensor of shape (n, n_classes)
        Its output, n_classes >= 2.

    labels : tensor of int64 of shape (n,)
        Columns of ``logits``.

    Returns
    -------
    residuals : tensor of shape (n, n_classes)
        The rows softmax(z_i) - e_{y_i}.

    inputs : tensor of shape (n, d + 1)
        The rows (h_i, 1): the last column belongs to the bias.
    """
    target = F.one_hot(labels, logits.shape[1]).bool()
    others = logits.masked_fill(target, -torch.inf)
    direction = others.softmax(dim=1).masked_fill(target, -1.0)
    # log (1 - p_y) without cancellation; kept above underflow, where only the
    # direction counts.
    log_length = others.logsumexp(dim=1) - logits.logsumexp(dim=1)
    floor = torch.finfo(logits.dtype).tiny ** 0.25
    length = log_length.exp().clamp_min(floor)[:, None]
    return length * direction, F.pad(features, (0, 1), value=1.0)
