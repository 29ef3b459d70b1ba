"""Log determinant: LogDet, LogDetMI, LogDetCG, LogDetCMI, without any n x n matrix."""

from copy import copy
from math import log
from numbers import Real

import torch
from sklearn.utils._param_validation import Interval

from ..blocks import blockwise
from ._base import Cost, SetFunction
from ._weights import check_weights

SLAB = 32  # Rows for which room is made at once.
RELATIVE_FLOOR = 1e-6  # Of the ridge: where a weight above 1 may leave less than it.
ROUNDING = 1e-3  # Of the largest S_jj: what is missing beyond that is no rounding.


class LogDeterminant(SetFunction):
    """Log determinant, f(A) = log det(S_A + ridge I): the volume that A spans.

    f(j | C) is the log of what is left of S_jj once C is known, a Schur complement.
    The rows L^-1 S_{C,:} of an incremental Cholesky factor are kept for C alone ([2]_),
    so memory is ``n (|P| + |Q| + 2 budget)`` numbers and each pick costs one pass.

    With ridge s^2 this is the information gain of a Gaussian process with noise s^2:
    its mutual information is the rule of transductive active learning ([3]_), which
    picks what tells most about the query.  It is monotone but not submodular in A, so
    only true greedy gives the greedy set.

    Parameters
    ----------
    ridge : float, default=1.0
        Added to the diagonal, larger than 0.  f is monotone from 1 on.  Small values
        resolve near-duplicates, large ones flatten the function.

    References
    ----------
    .. [1] S. Kothawade, N. Beck, K. Killamsetty and R. Iyer. SIMILAR: Submodular
       information measures based active learning in realistic scenarios. NeurIPS 2021.
    .. [2] L. Chen, G. Zhang and H. Zhou. Fast greedy MAP inference for determinantal
       point process. NeurIPS 2018.
    .. [3] J. Hübotter, B. Sukhija, L. Treven, Y. As and A. Krause. Transductive active
       learning: theory and applications. NeurIPS 2024.

    Examples
    --------
    >>> import torch
    >>> from sksimilar.measures import LogDeterminant
    >>> from sksimilar.similarity import DenseSimilarity
    >>> S = DenseSimilarity(torch.tensor([[1.0, 0.8, 0.0], [0.8, 1.0, 0.1], [0.0, 0.1, 1.0]]))
    >>> measure = LogDeterminant().measure(S, torch.arange(3))
    >>> measure.add(torch.tensor([0])).gains(torch.tensor([1, 2]))
    tensor([0.5188, 0.6931])
    """

    keeps_gains = True
    sums_over_ground = False

    _parameter_constraints: dict = {
        "ridge": [Interval(Real, 0, None, closed="neither")]
    }

    def __init__(self, ridge=1.0):
        self.ridge = ridge

    def start(self, similarity, ground):
        self.similarity_ = similarity
        diagonal = similarity.diagonal()
        self.variance_ = diagonal.double() + self.ridge
        self.factor_ = _Rows(diagonal)
        self.ahead_ = None, diagonal.new_empty(0, len(diagonal))
        self.floor_ = self.ridge  # In exact arithmetic this much is left of any point.
        self.rounding_ = ROUNDING * diagonal.double().max()
        return self

    def add(self, points, scale=1.0):
        if not len(points):
            return self
        if scale > 1:
            self.floor_ = RELATIVE_FLOOR * self.ridge
        rows = self._expected_row(points)
        if rows is None:
            rows = self._new_rows(points, scale)
        self.factor_.append(rows)
        for some in rows.split(SLAB):
            self.variance_.sub_(some.square().sum(dim=0, dtype=torch.float64))
        return self

    @property
    def expected(self):
        """How many of the points that were expected are still to come."""
        return len(self.ahead_[1])

    def expect(self, points):
        """Prepare for adding these points, one by one and in this order.

        Parameters
        ----------
        points : tensor of shape (n_points,), int64
            What will probably be added.

        Returns
        -------
        self : LogDeterminant
            The function itself.
        """
        self.ahead_ = points, self._new_rows(points)
        return self

    def over(self, points):
        """Return a copy that knows of these points alone, as 0, 1, ... .

        Parameters
        ----------
        points : tensor of shape (n_points,), int64
            The points to keep.

        Returns
        -------
        function : LogDeterminant
            The copy, with the same C.
        """
        twin = copy(self)
        twin.similarity_ = self.similarity_.restrict(points)
        twin.variance_ = self.variance_[points]
        twin.factor_ = self.factor_.over(points)
        twin.ahead_ = None, twin.factor_.open[:0]
        return twin

    def branch(self):
        twin = copy(self)
        twin.variance_, twin.factor_ = self.variance_.clone(), self.factor_.branch()
        return twin

    def gains(self, points):
        return self._left(points).log_().to(self.factor_.dtype)

    def information(self, informed, points):
        left, known = self._left(points), informed._left(points)
        return left.sub_(known).div_(known).to(self.factor_.dtype).log1p_()

    def measure(
        self, similarity, ground, query=None, conditioning=None, eta=1.0, nu=1.0
    ):
        if max(eta, nu) > 1:
            given = (query, eta), (conditioning, nu)
            check_weights(similarity, ground, given, self.ridge)
        return super().measure(similarity, ground, query, conditioning, eta, nu)

    def traits(self, bounds, query, conditioning):
        if query is not None:
            return False, 0.0
        return True, min(0.0, log(self.ridge))  # The ridge is left of any point.

    def cost(self, sizes):
        # A row costs its kernel row, a product with the rows before it, and the gains.
        branches = [sizes.n_conditioning + sizes.budget]
        if sizes.n_query:
            branches.append(branches[0] + sizes.n_query)
        held = sum(branches) + SLAB * len(branches)
        products = sum(rows * (2 * sizes.width + rows) for rows in branches)
        traffic = (150 + 2 * sizes.width) * sum(branches)
        each = (k * sizes.n_points for k in (products, traffic, held))
        return Cost(*each, calls=250 * len(branches))

    def _left(self, points):
        """Return what is left of points; NaN where S cannot be positive semidefinite."""
        left = self.variance_[points]
        impossible = left < self.floor_ - self.rounding_
        return left.clamp_min_(self.floor_).masked_fill_(impossible, torch.nan)

    def _expected_row(self, points):
        """Return the row of a point if it is the next expected one; expect no others.

        It is asked for only where points are expected, so nothing is read back
        elsewhere.
        """
        points_ahead, rows = self.ahead_
        if len(rows) and len(points) == 1 and points_ahead[0] == points[0]:
            self.ahead_ = points_ahead[1:], rows[1:]
            return rows[:1]
        self.ahead_ = None, rows[:0]
        return None

    def _new_rows(self, points, scale=1.0):
        """Return the rows L^-1 (S - what is known of it) that adding points takes."""
        seen = scale * self.factor_.columns(points)
        is_pick = len(points) == 1 and scale == 1
        whiten = self._scaling(points) if is_pick else self._whitening(points, seen)
        rows = seen.new_empty(len(points), len(self.variance_))

        def fill(part):
            left = scale * self.similarity_[points, part]
            left -= self.factor_.project(seen, part)
            rows[:, part] = whiten @ left.double()

        for _ in blockwise(fill, rows.shape[1], len(points), rows.device):
            pass
        return rows

    def _scaling(self, points):
        """Return the same as `_whitening` for one point, with nothing read back."""
        return self.variance_[points].clamp_min(self.floor_).rsqrt()[:, None]

    def _whitening(self, points, seen):
        """Return L^-1 for the Cholesky factor L of what is left of S_{points}."""
        pivot = (
            self.similarity_[points, points].double() - seen.T.double() @ seen.double()
        )
        pivot = (pivot + pivot.T) / 2
        pivot.diagonal().add_(self.ridge)
        lower, failed = torch.linalg.cholesky_ex(pivot)
        if failed.item():
            raise ValueError(
                "The similarity of the query or conditioning rows is not positive "
                f"semidefinite with ridge={self.ridge:g}, so log det does not exist. "
                "Raise the ridge, or mend the precomputed kernel."
            )
        identity = torch.eye(len(points)).to(lower)
        return torch.linalg.solve_triangular(lower, identity, upper=False)


class _Rows:
    """A matrix that grows by rows at constant cost, in slabs that are never copied.

    Parameters
    ----------
    like : tensor of shape (n_columns,)
        Gives width, dtype and device.
    """

    def __init__(self, like):
        self.sealed, self.open, self.used = [], like.new_empty(0, len(like)), 0
        self.dtype = like.dtype

    def slabs(self):
        return [*self.sealed, self.open[: self.used]]

    def branch(self):
        """Return a copy that grows on its own and shares the rows so far."""
        self._seal(0)
        return copy(self)

    def over(self, points):
        """Return a copy with these columns alone, which grows on its own."""
        twin = copy(self)
        twin.sealed = [self.columns(points)]
        twin.open, twin.used = self.open.new_empty(0, len(points)), 0
        return twin

    def append(self, rows):
        if len(rows) >= SLAB:
            self._seal(0)
            self.sealed.append(rows)
            return
        if self.used + len(rows) > len(self.open):
            self._seal(SLAB)
        self.open[self.used : self.used + len(rows)] = rows
        self.used += len(rows)

    def columns(self, points):
        return torch.cat([slab.index_select(1, points) for slab in self.slabs()])

    def project(self, weights, columns):
        """Return weights.T @ rows[:, columns]."""
        slabs = self.slabs()
        parts = weights.split([len(slab) for slab in slabs])
        return sum(w.T @ slab[:, columns] for w, slab in zip(parts, slabs))

    def _seal(self, n_rows):
        self.sealed = self.slabs()
        self.open, self.used = self.open.new_empty(n_rows, self.open.shape[1]), 0
