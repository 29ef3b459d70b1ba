"""What is left of a kernel once some points are known, without any n x n matrix."""

from copy import copy

import torch

from ..blocks import blockwise

__all__ = [
    "LARGE",
    "SLAB",
    "SMALL",
    "Posterior",
    "Slabs",
    "inverse",
    "is_large",
    "lessen",
]

LARGE = 0.03  # A ridge, relative to the largest S_jj.
SMALL = 1e-3  # Relative again: below it rounding in float32 would be seen in the picks.
SLAB = 32  # Rows for which room is made at once.
RELATIVE_FLOOR = 1e-6  # Of the ridge: where a weight above 1 may leave less than it.
ROUNDING = 1e-3  # Of the largest S_jj: what is missing beyond that is no rounding.


class Posterior:
    """K - K_{:,C} K_C^-1 K_{C,:} for the kernel K = S + ridge I and a set C that grows.

    The covariance of a Gaussian process of which C was observed, with noise.  Kept are
    its diagonal, and the rows L^-1 S_{C,:} of an incremental Cholesky factor [1]_.

    Parameters
    ----------
    similarity : Similarity
        S over n points.

    ridge : float
        Added to the diagonal.

    References
    ----------
    .. [1] L. Chen, G. Zhang and H. Zhou. Fast greedy MAP inference for determinantal
       point process. NeurIPS 2018.
    """

    def __init__(self, similarity, ridge):
        diagonal = similarity.diagonal()
        self.dtype = diagonal.dtype
        if not is_large(ridge, diagonal, SMALL):
            similarity = similarity.double()
            diagonal = similarity.diagonal().double()
        self.similarity, self.ridge = similarity, ridge
        self.rows = Slabs(diagonal)
        self.variance = diagonal.double() + ridge
        self.floor = ridge  # In exact arithmetic this much is left of any point.
        self.most = diagonal.double().max()
        self.precise = diagonal.dtype if is_large(ridge, diagonal) else torch.float64

    def rows_of(self, points, scale=1.0):
        """Return the rows that knowing these points would add, and their factor L."""
        if len(points) == 1 and scale == 1:  # A pick: its variance is there already.
            lower = self.variance[points].clamp_min(self.floor).sqrt()[:, None]
        else:
            lower = self.factor(self.among(points, scale))
        room = self.rows.room(len(points))
        return self.rest(points, scale, inverse(lower), room), lower

    def among(self, points, scale=1.0):
        """Return what is left of K_{points, points}, in float64."""
        seen = scale * self.rows.columns(points).double()
        left = self.similarity[points, points].double() - seen.T @ seen
        left.diagonal().add_(self.ridge)
        return (left + left.T) / 2

    def rest(self, points, scale=1.0, weights=None, room=None):
        """Return what is left of S_{points,:}, or some combinations of its rows."""
        known = -scale * self.rows.columns(points)
        weights = weights if weights is None else weights.to(self.precise)
        if room is None:
            room = known.new_empty(len(points), len(self.variance))

        def fill(part):
            left = (scale * self.similarity[points, part]).to(known)
            self.rows.add_to(left, known, part)
            room[:, part] = left if weights is None else weights @ left.to(self.precise)

        for _ in blockwise(fill, room.shape[1], len(points), room.device):
            pass
        return room

    def factor(self, left, relative=False):
        """Return the lower Cholesky factor of what is left among some points.

        Or of what is left relative to what was.  Of a single point it is the root, which
        cannot fail: nothing is read back.
        """
        if len(left) == 1:
            least = self.floor / (self.most + self.ridge) if relative else self.floor
            return left.clamp_min(least).sqrt()
        lower, failed = torch.linalg.cholesky_ex(left)
        if failed.item():
            raise ValueError(
                "The similarity of the query or conditioning rows is not positive "
                f"semidefinite with ridge={self.ridge:g}, so log det does not exist. "
                "Raise the ridge, or mend the precomputed kernel."
            )
        return lower

    def know(self, rows):
        """Let C grow by the points that these rows belong to."""
        self.rows.append(rows)
        lessen(self.variance, rows)
        return self

    def loosen(self, scale):
        """Count on less than the ridge where a set of weight above 1 becomes known."""
        if scale > 1:
            self.floor = RELATIVE_FLOOR * self.ridge
        return self

    def left(self, points, variance=None):
        """Return variances of points; NaN where S can be no covariance."""
        left = (self.variance if variance is None else variance)[points]
        impossible = left < self.floor - ROUNDING * self.most
        return left.clamp_min_(self.floor).masked_fill_(impossible, torch.nan)

    def over(self, points):
        """Return a copy that knows of these points alone, as 0, 1, ... ."""
        twin = copy(self)
        twin.similarity = self.similarity.restrict(points)
        twin.variance, twin.rows = self.variance[points], self.rows.over(points)
        return twin

    def branch(self):
        """Return a copy that grows on its own."""
        twin = copy(self)
        twin.variance, twin.rows = self.variance.clone(), self.rows.branch()
        return twin


def is_large(ridge, diagonal, share=LARGE):
    """Return whether the ridge is at least such a share of the largest S_jj.

    By default large enough for the rounding of stored rows not to matter.
    """
    return bool(ridge >= share * diagonal.max())


def lessen(variance, rows):
    """Take the squares of rows, summed over them, from variances, in place."""

    def squares(part):
        return rows[:, part].square().sum(dim=0, dtype=torch.float64)

    parts = blockwise(squares, len(variance), len(rows), variance.device)
    variance.sub_(torch.cat(list(parts)))


def inverse(lower):
    """Return the inverse of a triangular factor."""
    identity = torch.eye(len(lower)).to(lower)
    return torch.linalg.solve_triangular(lower, identity, upper=False)


class Slabs:
    """A matrix that grows by rows at constant cost, in slabs that are never copied.

    Parameters
    ----------
    like : tensor of shape (n_columns,)
        Gives width, dtype and device.
    """

    def __init__(self, like):
        self.sealed, self.open, self.used = [], like.new_empty(0, len(like)), 0
        self.dtype = like.dtype

    def slabs(self, since=0):
        """Return the slabs, the sealed ones among them from number ``since`` on."""
        return [*self.sealed[since:], self.open[: self.used]]

    def seal(self, n_rows=0):
        """Close the open slab, open one with room for so many rows, return how many."""
        self.sealed = self.slabs()
        self.open, self.used = self.open.new_empty(n_rows, self.open.shape[1]), 0
        return len(self.sealed)

    def branch(self):
        """Return a copy that grows on its own and shares the rows so far."""
        self.seal()
        return copy(self)

    def over(self, points):
        """Return a copy with these columns alone, which grows on its own."""
        twin = copy(self)
        twin.sealed = [slab.index_select(1, points) for slab in self.slabs()]
        twin.open, twin.used = self.open.new_empty(0, len(points)), 0
        return twin

    def room(self, n_rows):
        """Return where the next rows go: what is made there need not be copied."""
        if self.used + n_rows > len(self.open):
            self.seal(max(SLAB, n_rows))
        return self.open[self.used : self.used + n_rows]

    def append(self, rows):
        """Add rows at the end."""
        room = self.room(len(rows))
        if room.data_ptr() != rows.data_ptr():
            room.copy_(rows)
        self.used += len(rows)

    def columns(self, points, since=0):
        """Return some columns, of the slabs from number ``since`` on."""
        slabs = self.slabs(since)
        return torch.cat([slab.index_select(1, points) for slab in slabs])

    def add_to(self, total, weights, part, since=0):
        """Add weights.T @ rows[:, part] to a total, in place."""
        slabs = self.slabs(since)
        for some, slab in zip(weights.split([len(slab) for slab in slabs]), slabs):
            total.addmm_(some.T, slab[:, part])
        return total
