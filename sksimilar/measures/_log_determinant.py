"""Log determinant: LogDet, LogDetMI, LogDetCG, LogDetCMI, without any n x n matrix."""

from copy import copy
from functools import partial
from math import inf, log
from numbers import Real

import torch
from sklearn.utils._param_validation import Interval

from ..blocks import BLOCK, blockwise, in_blocks
from ._base import Cost
from ._posterior import LARGE, SLAB, SMALL, Posterior, Slabs, inverse, is_large, lessen
from ._set_function import SetFunction
from ._weights import check_weights, cost_of_check

LEFT = 8  # Numbers of a point while what is left of it is looked at.


def log_ratio(posterior, known, points):
    """Return the log of what is left of points over what is once the query is known.

    Parameters
    ----------
    posterior : Posterior
        With the query unknown.

    known : callable
        What is left of points with the query known.

    points : tensor of shape (n_points,), int64
        Each by itself.

    Returns
    -------
    log_ratio : tensor of shape (n_points,)
        Made a block at a time, so that little memory is taken on the way.
    """

    def compute(points):
        left = known(points)
        ratio = posterior.left(points).sub_(left).div_(left)
        return ratio.to(posterior.dtype).log1p_()

    return in_blocks(compute, points, LEFT)


class _Foresighted:
    """Grows by points of which the next ones may be known beforehand.

    A subclass writes `_new_rows(points)`, which returns tensors with a row for each.
    """

    ahead_ = ()

    @property
    def expected(self):
        """How many of the points that were expected are still to come."""
        return len(self.ahead_)

    def expect(self, points):
        """Prepare for adding these points, one by one and in this order.

        Parameters
        ----------
        points : tensor of shape (n_points,), int64
            What will probably be added.

        Returns
        -------
        self : object
            The function or measure itself.
        """
        try:
            rows = (some.split(1) for some in self._new_rows(points))
            self.ahead_ = list(zip(points, *rows))
        except ValueError:  # Together they are singular, up to rounding.
            self.ahead_ = ()
        return self

    def _next_rows(self, points):
        """Return the rows of a point if it is the next expected one; else expect none.

        Points are compared only where some are expected, so that nothing is read back
        elsewhere.
        """
        if self.ahead_ and len(points) == 1 and self.ahead_[0][0] == points[0]:
            (_, *rows), *self.ahead_ = self.ahead_
            return rows
        self.ahead_ = ()
        return None


class LogDeterminant(_Foresighted, SetFunction):
    """Log determinant, f(A) = log det(S_A + ridge I): the volume that A spans.

    f(j | C) is the log of what is left of S_jj once C is known, a Schur complement.
    The rows L^-1 S_{C,:} of an incremental Cholesky factor are kept for C alone ([2]_),
    so memory is ``n (|P| + |Q| + budget)`` numbers, with a query and a ridge below 0.03
    another ``n budget``, beside some ``10 (|P|^2 + |Q|^2)``, and each pick costs one
    pass.  With a ridge below a thousandth of the largest S_jj, which rounding in float32
    comes near to, S and all rows are float64.

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
        self.posterior_ = Posterior(similarity, self.ridge)
        return self

    def add(self, points, scale=1.0):
        if scale != 1:
            self.ahead_ = ()
        if len(points):
            self.posterior_.loosen(scale)
            rows = self._next_rows(points) or self._new_rows(points, scale)
            self.posterior_.know(*rows)
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
        twin.posterior_, twin.ahead_ = self.posterior_.over(points), ()
        return twin

    def branch(self):
        twin = copy(self)
        twin.posterior_ = self.posterior_.branch()
        return twin

    def gains(self, points):
        def log(points):
            return self.posterior_.left(points).log_().to(self.posterior_.dtype)

        return in_blocks(log, points, LEFT)

    def information(self, informed, points):
        return log_ratio(self.posterior_, informed.posterior_.left, points)

    def measure(
        self, similarity, ground, query=None, conditioning=None, eta=1.0, nu=1.0
    ):
        self.check(similarity.bounds, query, conditioning)
        if max(eta, nu) > 1:
            given = (query, eta), (conditioning, nu)
            check_weights(similarity, ground, given, self.ridge)
        if query is None or eta > 1 or not is_large(self.ridge, similarity.diagonal()):
            measure = super().measure(similarity, ground, query, conditioning, eta, nu)
            if nu > 1:  # Then less than the ridge may be left of a point.
                measure.least_gain = -inf
            return measure
        given = super().measure(similarity, ground, None, conditioning, nu=nu)
        return LogDeterminantInformation(given.prior.posterior_, query, eta)

    def traits(self, bounds, query, conditioning):
        if query is not None:
            return False, 0.0
        return True, min(0.0, log(self.ridge))  # The ridge is left of any point.

    def cost(self, sizes):
        # A row costs its kernel row and a product with the rows before it.
        rows, n_query = sizes.n_conditioning + sizes.budget, sizes.n_query
        products = rows * (2 * sizes.width + rows)
        each = 290 + sizes.width / 2
        picks = (each + 250) * sizes.budget
        traffic = 0.7 * each * sizes.n_conditioning + picks  # P is known all at once.
        held, calls = rows + SLAB + 16, 180
        if n_query:  # With the query known, a pick is a product of what is there.
            products += n_query * (2 * sizes.width + 2 * sizes.n_conditioning + n_query)
            products += 2 * sizes.budget * (n_query + sizes.budget / 2)
            held, traffic, calls = held + n_query + SLAB, traffic + picks / 2, 300
        if n_query and self.ridge < LARGE:  # Then it is like one of the others.
            products += sizes.budget * (2 * sizes.width + rows)
            held, traffic = held + sizes.budget, traffic * 4 / 3
        if self.ridge < SMALL:  # Then all is in float64.
            products, traffic, held = 2 * products, 2 * traffic, 2 * held
        if max(sizes.eta, sizes.nu) > 1:
            check = cost_of_check(n_query + sizes.n_conditioning, sizes.width)
            products, traffic = products + check.products, traffic + check.traffic
            held += check.numbers
        held += min(BLOCK / sizes.n_points, sizes.width)  # Copies of rows, for S_jj.
        of_all = Cost(*(k * sizes.n_points for k in (products, traffic, held)), calls)
        # Of the kernel within P, and within Q: factors, inverses and copies, in float64.
        p, q = sizes.n_conditioning, n_query
        return of_all._replace(
            products=of_all.products + 4 * p**3 + 10 * q**3,
            numbers=of_all.numbers + 8 * p**2 + 12 * q**2,
        )

    def _new_rows(self, points, scale=1.0):
        rows, _ = self.posterior_.rows_of(points, scale)
        return (rows,)


class LogDeterminantInformation(_Foresighted):
    """I_f(j; Q | P + A): the log of what is left of j, less that once Q is known, too.

    With C = P + A known, the query has R = K_{Q,:} - K_{Q,C} K_C^-1 K_{C,:} to tell, and
    knowing it takes R^T R_Q^-1 R from what is left.  R falls as A grows, by products of
    the rows that the posterior keeps of A; so a query costs |Q| rows, what R is with A
    empty, and not |Q| + |A|.  Where A tells nearly all of Q, R_Q is as small as the ridge,
    and rounding counts by the inverse of its root: hence a large ridge alone.

    Parameters
    ----------
    posterior : Posterior
        Of P.

    query : tensor of shape (n_query,), int64
        The points of Q.

    weight : float
        Of their similarities to all others.
    """

    submodular, keeps_gains, least_gain = False, True, 0.0

    def __init__(self, posterior, query, weight):
        self.posterior, self.query, self.weight = posterior, query, weight
        self.before = posterior.rows.seal()  # Slabs of P.
        self.to_query = posterior.rest(query, weight)
        self.scratch = Slabs(self.to_query[0])  # For rows of which squares are kept.
        among = posterior.among(query, weight)
        self.told, self.n_told = among.new_empty(0, len(query)), 0  # R_AQ, of A so far.
        whiten = inverse(posterior.factor(among))
        self.precision = whiten.T @ whiten
        self.variance = self._left_by(whiten.to(self.to_query))

    def gains(self, points):
        """Return the gain of every point.

        Parameters
        ----------
        points : tensor of shape (n_points,), int64
            The points to add one at a time.

        Returns
        -------
        gains : tensor of shape (n_points,)
            What each would add to the value of A.
        """
        known = partial(self.posterior.left, variance=self.variance)
        return log_ratio(self.posterior, known, points)

    def add(self, points):
        """Let A grow.

        Parameters
        ----------
        points : tensor of shape (n_points,), int64
            The points to add.

        Returns
        -------
        self : LogDeterminantInformation
            The measure itself.
        """
        rows, informed = self._next_rows(points) or self._new_rows(points)
        self.posterior.know(rows)
        lessen(self.variance, informed)
        told = self.weight * rows[:, self.query].double()
        self.told = torch.cat([self.told, told])
        return self

    def over(self, points):
        """Return a copy that knows of these points and the query alone, as 0, 1, ... .

        Parameters
        ----------
        points : tensor of shape (n_points,), int64
            The points to keep.

        Returns
        -------
        measure : LogDeterminantInformation
            The copy, with the same A.
        """
        both, twin = torch.cat([points, self.query]), copy(self)
        twin.posterior, twin.ahead_ = self.posterior.over(both), ()
        twin.query = torch.arange(len(points), len(both), device=both.device)
        twin.to_query, twin.variance = self.to_query[:, both], self.variance[both]
        twin.scratch = Slabs(twin.to_query[0])
        return twin

    def _new_rows(self, points):
        """Return the rows of points with Q unknown, and with Q known."""
        rows, lower = self.posterior.rows_of(points)
        news, solved = self._news(points)
        whiten = inverse(self.posterior.factor(lower @ lower.T - news.T @ solved))
        weights = whiten @ lower, -whiten @ solved.T, whiten @ (self.told @ solved).T
        of_rows, of_query, of_picks = (some.to(rows) for some in weights)
        informed = self.scratch.room(len(rows))

        def fill(part):
            left = of_rows @ rows[:, part]
            left.addmm_(of_query, self.to_query[:, part])
            self.posterior.rows.add_to(left, of_picks.T, part, self.before)
            informed[:, part] = left

        for _ in blockwise(fill, rows.shape[1], len(points), rows.device):
            pass
        return rows, informed

    def _news(self, points):
        """Return R at some points, and R_Q^-1 R, in float64."""
        self._keep_up()
        of_picks = self.posterior.rows.columns(points, self.before).double()
        news = self.to_query[:, points].double() - self.told.T @ of_picks
        return news, self.precision @ news

    def _keep_up(self):
        """Bring R_Q^-1 to the A of now, by what was added since (Woodbury)."""
        new = self.told[self.n_told :]
        if not len(new):
            return
        known = new @ self.precision
        left = torch.eye(len(new)).to(new) - known @ new.T
        step = inverse(self.posterior.factor(left, relative=True)) @ known
        self.precision, self.n_told = self.precision + step.T @ step, len(self.told)

    def _left_by(self, whiten):
        """Return what is left of all points once Q is known."""

        def known(part):
            rows = whiten @ self.to_query[:, part]
            return rows.square_().sum(dim=0, dtype=torch.float64)

        variance = self.posterior.variance
        parts = blockwise(known, len(variance), len(whiten), variance.device)
        return variance - torch.cat(list(parts))
