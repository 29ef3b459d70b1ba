"""Thin matrices that similarities are made of, in memory or on disk.  Floor 0.

The gradient of the cross-entropy with respect to the last linear layer is, at row i, the
outer product r_i (h_i, 1)^T of the residual r_i = softmax(z_i) - e_{y_i} and the layer's
input h_i, the 1 being what its bias is multiplied by.  Inner products of outer products factorize, so two thin matrices stand for all
gradients.
"""

import numpy as np
import torch
from torch.nn import functional as F

__all__ = [
    "READ_AT_ONCE",
    "ChangedRows",
    "MappedRows",
    "doubled",
    "gradient_factors",
    "is_mapped",
    "take_rows",
    "unit_rows",
]

READ_AT_ONCE = 1 << 28  # Bytes; rows of larger files are read when they are needed.


def gradient_factors(inputs, logits, labels):
    """Return the two factors of last-layer gradients.

    The direction of r_i is the softmax over the classes other than y_i, with -1 at y_i,
    and its length grows with 1 - p_{y_i}.  Both come from the logits without ever
    subtracting one from a probability, so a saturated softmax loses no precision.

    Parameters
    ----------
    inputs : tensor of shape (n, d + 1)
        What the last linear layer multiplies, (h, 1); or (n, d) if it has no bias.

    logits : tensor of shape (n, n_classes)
        What comes out, n_classes >= 2.

    labels : tensor of int64 of shape (n,)
        Columns of ``logits``.

    Returns
    -------
    residuals : tensor of shape (n, n_classes)
        The rows softmax(z_i) - e_{y_i}.

    inputs : tensor of shape (n, d + 1)
        As given.
    """
    target = F.one_hot(labels, logits.shape[1]).bool()
    others = logits.masked_fill(target, -torch.inf)
    direction = others.softmax(dim=1).masked_fill(target, -1.0)
    # log (1 - p_y) without cancellation; kept above underflow, where only the
    # direction counts.
    log_length = others.logsumexp(dim=1) - logits.logsumexp(dim=1)
    floor = torch.finfo(logits.dtype).tiny ** 0.25
    length = log_length.exp().clamp_min(floor)[:, None]
    return length * direction, inputs


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

    change : callable, default=None
        What is done to rows when they are read.
    """

    device = torch.device("cpu")

    def __init__(self, array, rows=None, dtype=torch.float32, change=None):
        self.array, self.rows = array, rows
        self.dtype, self.change = dtype, change

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

    def changed(self, change):
        """Return the same matrix with something done to its rows when they are read.

        Parameters
        ----------
        change : callable
            Takes rows and returns as many.

        Returns
        -------
        rows : MappedRows
            In the place of what was done to them so far.
        """
        return MappedRows(self.array, self.rows, self.dtype, change)

    def double(self):
        """Return the same matrix in float64.

        Returns
        -------
        rows : MappedRows
            They are converted when they are read.
        """
        return MappedRows(self.array, self.rows, torch.float64, self.change)

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
        native = self.array.dtype.newbyteorder("=")
        read = torch.from_numpy(np.array(self.array[places], dtype=native))
        read = read.to(self.dtype)
        return read if self.change is None else self.change(read)

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


class ChangedRows:
    """A matrix whose rows change as they are read.

    Reading is what takes time, and there is no other copy of the matrix.

    Parameters
    ----------
    matrix : tensor of shape (n, d), or another of this kind
        What is read.

    change : callable
        Takes rows and returns as many.
    """

    def __init__(self, matrix, change):
        self.matrix, self.change = matrix, change
        self.shape, self.device = matrix.shape, matrix.device

    def __len__(self):
        return len(self.matrix)

    def __getitem__(self, points):
        return self.change(self.matrix[points])

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
            As they are changed.
        """
        return self.change(self.matrix.index_select(dim, points))


def doubled(matrix):
    """Return a factor whose rows are float64 once they are read: half the bytes to read."""
    if is_mapped(matrix):
        return matrix.double()
    return ChangedRows(matrix, torch.Tensor.double)


def _is_range(places):
    return (
        len(places) > 1
        and places[-1] - places[0] == len(places) - 1
        and bool((np.diff(places) == 1).all())
    )


def unit_rows(matrix):
    """Return rows of length 1, however short or long they were; zeros stay zeros."""
    tiny, huge = 1e-12, 1e15  # Every precision used here can represent their squares.
    lengths = matrix.norm(dim=1)
    extreme = ~((lengths > tiny) & (lengths < huge))
    if extreme.any():
        largest = matrix[extreme].abs().amax(dim=1, keepdim=True)
        # By the largest entry first, so that no square under- or overflows.
        scaled = matrix[extreme] / largest.where(largest > 0, 1)
        matrix = matrix.index_put((extreme,), scaled)
        lengths = matrix.norm(dim=1)
    return matrix / lengths.where(lengths > 0, 1)[:, None]


def take_rows(matrix, points):
    """Return matrix[points] in the precision of computation."""
    # Selecting copies whole rows, several times as fast as indexing.
    is_slice = isinstance(points, slice)
    rows = matrix[points] if is_slice else matrix.index_select(0, points)
    return rows.float() if rows.element_size() < 4 else rows
