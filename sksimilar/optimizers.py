"""Maximize a measure over sets of a given size.  Floor 1.

An optimizer is a function of a measure, candidates and a budget.  It knows two verbs,
``gains(points)`` and ``add(points)``, and no formula.  A measure may also say that it is
``submodular``, that no gain is ever below its ``least_gain``, and that it ``keeps_gains``
of all points current, so that reading them costs next to nothing; it may ``expect``
points, to prepare for adding them; and name the ``resolution`` of its gains.  Of a
measure that says none of this nothing is assumed.

Ties go to the earliest candidate: whoever calls orders them by preference.  Gains that
differ by less than the rounding of their sum count as tied (`resolution`), because
duplicated rows have gains that are equal on paper and not in floating point.
"""

from math import inf
from typing import NamedTuple

import numpy as np
import torch
from sklearn.utils.random import sample_without_replacement

from ._validation import check_choice

__all__ = [
    "OPTIMIZERS",
    "Selection",
    "best_route",
    "greedy",
    "lazier_than_lazy",
    "lazy",
    "resolve_optimizer",
    "sparse",
    "stochastic",
]

# Relative to the largest gain of the empty set.
RESOLUTION = {torch.float32: 2e-6, torch.float64: 1e-12}
FIRST_BATCH = 64  # Stale gains renewed at once; four times as many each time.
FRONT = 2048  # Candidates that lazy greedy looks at, as long as they suffice.
POOL, SHORTEST, LONGEST = 256, 4, 16  # Of a forecast: its candidates and its picks.


class Selection(NamedTuple):
    """What an optimizer returns.

    Parameters
    ----------
    points : tensor of shape (budget,), int64
        The chosen points, in order of choice.

    gains : tensor of shape (budget,), float64
        The gain of each when it was chosen, 0 where it is rounding; their sum is the
        value of the set.

    bound : float or None
        No set of this size has a larger value; None where no such bound is valid.

    n_informative : int
        How many gains differ from zero by more than rounding.
    """

    points: torch.Tensor
    gains: torch.Tensor
    bound: float | None
    n_informative: int


def greedy(measure, candidates, budget, rng=None, track=iter):
    """Take the candidate of largest gain, ``budget`` times over.

    Parameters
    ----------
    measure : object with `gains` and `add`
        What is maximized; it grows by the chosen points.

    candidates : tensor of shape (n_candidates,), int64
        Points to choose from, the preferred one of a tie first.

    budget : int
        How many to choose, at most n_candidates.

    rng : RandomState, default=None
        Ignored; present so that all optimizers are called alike.

    track : callable, default=iter
        Wraps the range of picks, as a progress bar does.

    Returns
    -------
    selection : Selection
        Its bound needs a submodular measure with a least gain.  On an accelerator the
        optimizer itself reads no value back.
    """
    record = _Record(measure, candidates, budget)
    forecast = _Forecast(measure, record)
    for _ in track(range(budget)):
        gains = record.limit(measure.gains(record.points))
        forecast.renew(gains)
        record.take(gains)
    return record.selection()


def lazy(measure, candidates, budget, rng=None, track=iter):
    """Greedy that renews a gain only while its last value could still be the largest.

    Exact where gains never grow, that is for submodular measures [1]_; others are
    refused.

    Parameters
    ----------
    measure : object with `gains` and `add`
        As in `greedy`, and submodular.

    candidates : tensor of shape (n_candidates,), int64
        As in `greedy`.

    budget : int
        As in `greedy`.

    rng : RandomState, default=None
        Ignored; present so that all optimizers are called alike.

    track : callable, default=iter
        As in `greedy`.

    Returns
    -------
    selection : Selection
        That of `greedy`.

    Raises
    ------
    ValueError
        If the measure does not say that it is submodular.

    References
    ----------
    .. [1] M. Minoux. Accelerated greedy algorithms for maximizing submodular set
       functions. Optimization Techniques, 1978.
    """
    _check_submodular(measure, "lazy", "'auto' or 'greedy'")
    record = _Record(measure, candidates, budget)
    front = _Front(record)
    for _ in track(range(budget)):
        front.take()
    return record.selection()


def stochastic(measure, candidates, budget, rng=None, track=iter, epsilon=0.1):
    """Greedy over a random sample of the candidates at every pick.

    Reaches (1 - 1/e - epsilon) of the optimum in expectation with n log(1/epsilon)
    evaluations in all, for monotone submodular measures [1]_.  Has no bound.

    Parameters
    ----------
    measure : object with `gains` and `add`
        As in `greedy`.

    candidates : tensor of shape (n_candidates,), int64
        As in `greedy`.

    budget : int
        As in `greedy`.

    rng : RandomState
        Draws the samples, on the host.

    track : callable, default=iter
        As in `greedy`.

    epsilon : float, default=0.1
        Smaller samples more: (n / budget) log(1 / epsilon) candidates a pick.

    Returns
    -------
    selection : Selection
        As in `greedy`, without a bound.

    References
    ----------
    .. [1] B. Mirzasoleiman et al. Lazier than lazy greedy. AAAI 2015.
    """
    record = _Record(measure, candidates, budget)
    size = _sample_size(len(candidates), budget, epsilon)
    for _ in track(range(budget)):
        sample = record.sample(size, rng)
        record.take(measure.gains(record.points[sample]), sample)
    return record.selection()._replace(bound=None)


def lazier_than_lazy(measure, candidates, budget, rng=None, track=iter, epsilon=0.1):
    """Stochastic greedy that evaluates each sample lazily.

    The same picks as `stochastic` for submodular measures, with fewer evaluations;
    others are refused as by `lazy`.

    Parameters
    ----------
    measure : object with `gains` and `add`
        As in `greedy`, and submodular.

    candidates : tensor of shape (n_candidates,), int64
        As in `greedy`.

    budget : int
        As in `greedy`.

    rng : RandomState
        Draws the samples, on the host.

    track : callable, default=iter
        As in `greedy`.

    epsilon : float, default=0.1
        Smaller samples more: (n / budget) log(1 / epsilon) candidates a pick.

    Returns
    -------
    selection : Selection
        As in `greedy`, without a bound.

    Raises
    ------
    ValueError
        If the measure does not say that it is submodular.
    """
    _check_submodular(measure, "lazier_than_lazy", "'stochastic'")
    record = _Record(measure, candidates, budget)
    size = _sample_size(len(candidates), budget, epsilon)
    bounds = torch.full_like(record.first, torch.inf)
    for _ in track(range(budget)):
        sample = record.sample(size, rng)
        renewed, fresh = bounds[sample], torch.zeros_like(sample, dtype=torch.bool)
        _renew(measure, record.points[sample], renewed, fresh, record.resolution)
        bounds[sample] = renewed
        record.take(renewed, sample)
    return record.selection()._replace(bound=None)


def sparse(measure, candidates, budget, rng=None, track=iter, n_neighbors=64):
    """Greedy in which a row of V counts its nearest candidates alone.

    One pass over all pairs finds them; from then on a pick costs next to nothing, which
    pays where the budget is large.  Gains are exact for the sparsified measure, and so
    a lower bound of the measure's own; the bound holds for the measure's own optimum.

    Parameters
    ----------
    measure : object with a method `nearest`
        Facility location; others are refused.

    candidates : tensor of shape (n_candidates,), int64
        As in `greedy`.

    budget : int
        As in `greedy`.

    rng : RandomState, default=None
        Ignored; present so that all optimizers are called alike.

    track : callable, default=iter
        As in `greedy`.

    n_neighbors : int, default=64
        Candidates kept for each row.

    Returns
    -------
    selection : Selection
        As in `greedy`.

    Raises
    ------
    ValueError
        If the measure is not facility location.
    """
    if not hasattr(measure, "nearest"):
        raise ValueError(
            "optimizer='sparse' keeps the nearest candidates of every row, which only "
            "facility location counts. Use optimizer='auto', or function='fl'."
        )
    near = measure.nearest(candidates, n_neighbors)
    selection = greedy(near, candidates, budget, rng, track)
    return selection._replace(bound=near.bound(budget))


OPTIMIZERS = {
    "greedy": greedy,
    "lazy": lazy,
    "sparse": sparse,
    "stochastic": stochastic,
    "lazier_than_lazy": lazier_than_lazy,
}


def best_route(measure):
    """Return the cheapest optimizer whose picks are those of exact greedy.

    Parameters
    ----------
    measure : object with `gains` and `add`
        What is to be maximized.

    Returns
    -------
    optimizer : callable
        `lazy` for submodular measures that do not keep their gains current, or `greedy`.
    """
    exact = getattr(measure, "submodular", False)
    return lazy if exact and not getattr(measure, "keeps_gains", False) else greedy


def resolve_optimizer(optimizer, measure):
    """Return the function that a name, 'auto' or a callable stands for.

    Parameters
    ----------
    optimizer : str or callable
        A key of `OPTIMIZERS`, 'auto' for `best_route`, or a function, which is returned
        as it is.

    measure : object with `gains` and `add`
        What is to be maximized.

    Returns
    -------
    optimizer : callable
        Called as `greedy` is.

    Raises
    ------
    ValueError
        For an unknown name.
    """
    if callable(optimizer):
        return optimizer
    if check_choice(optimizer, ["auto", *OPTIMIZERS], "optimizer") == "auto":
        return best_route(measure)
    return OPTIMIZERS[optimizer]


class _Record:
    """The picks of a run and what follows from them, kept on the device.

    Places are positions in ``points``, the candidates in the order of memory.
    """

    def __init__(self, measure, candidates, budget):
        self.measure, self.budget = measure, budget
        self.points, self.rank = candidates.sort()
        self.first = measure.gains(self.points)
        relative = getattr(measure, "resolution", None) or RESOLUTION[self.first.dtype]
        self.resolution = relative * self.first.abs().max()
        self.least_gain = getattr(measure, "least_gain", -inf)
        self.certified = (
            getattr(measure, "submodular", False) and self.least_gain > -inf
        )
        self.taken = torch.zeros_like(self.first, dtype=torch.bool)
        self.chosen, self.gains = [], []
        self.value = torch.zeros((), dtype=torch.float64, device=self.first.device)
        self.bound = torch.full_like(self.value, torch.inf)

    def limit(self, bounds):
        """Return ``bounds`` without the taken ones, and sharpen the certificate."""
        bounds = bounds.masked_fill(self.taken, -torch.inf)
        if self.certified:
            self.certify(bounds)
        return bounds

    def certify(self, bounds):
        """Sharpen the certificate by bounds on gains, the largest ones among them.

        With f monotone and submodular no set of n points is worth more than the value
        so far and the n largest bounds on single gains (Leskovec et al., KDD 2007).
        With a least gain c the same holds for f(A) - c |A|, which is monotone.
        """
        largest = bounds.topk(self.budget).values.double()
        excess = (largest - self.least_gain).clamp_min(0).sum()
        rest = self.least_gain * (self.budget - len(self.chosen))
        self.bound = torch.minimum(self.bound, self.value + excess + rest)

    def take(self, gains, places=slice(None)):
        """Add the preferred one of those whose gain is the largest up to resolution."""
        lower = gains < gains.max() - self.resolution
        best = self.rank[places].masked_fill(lower, len(self.rank)).argmin()[None]
        self.gains.append(gains[best].double())
        best = best if isinstance(places, slice) else places[best]
        self.taken = self.taken.index_fill(0, best, True)
        self.chosen.append(self.points[best])
        self.value = self.value + self.gains[-1][0]
        self.measure.add(self.chosen[-1])

    def sample(self, size, rng):
        """Draw places of candidates not taken yet."""
        free = (~self.taken).nonzero().ravel()
        drawn = sample_without_replacement(
            len(free), min(size, len(free)), random_state=rng
        )
        drawn.sort()
        return free[torch.as_tensor(drawn, device=free.device)]

    def selection(self):
        gains = torch.cat(self.gains)
        informative = ~(gains.abs() <= self.resolution)  # What is no number shows.
        return Selection(
            points=torch.cat(self.chosen),
            gains=gains.where(informative, 0.0),
            bound=self.bound.item() if self.certified else None,
            n_informative=int(informative.sum()),
        )


class _Bounds:
    """Upper bounds on the gains at some places, and which of them are known gains."""

    def __init__(self, record, places, bounds):
        self.record, self.places, self.bounds = record, places, bounds
        self.points = record.points[places]
        self.fresh = torch.ones_like(bounds, dtype=torch.bool)

    def forget(self):
        """Know only those gains that can fall no further."""
        record = self.record
        self.bounds.masked_fill_(record.taken[self.places], -torch.inf)
        self.fresh = self.bounds <= record.least_gain + record.resolution

    def renew(self):
        """Bring up to date whatever may hold the largest gain here."""
        if not self.fresh.all() and hasattr(self.record.measure, "limits"):
            limits = self.record.measure.limits(self.points)
            self.bounds = self.bounds.where(self.fresh, limits.minimum(self.bounds))
        _renew(
            self.record.measure,
            self.points,
            self.bounds,
            self.fresh,
            self.record.resolution,
        )

    def known(self):
        """Return the gains that are up to date, the others as -inf."""
        return self.bounds.where(self.fresh, -torch.inf)


class _Front:
    """The places of the largest bounds; the others are seen to once theirs matter."""

    def __init__(self, record):
        self.record = record
        self.all = _Bounds(record, slice(None), record.first.clone())
        self._open()
        self.front.fresh[:] = True

    def take(self):
        """Renew what may hold the largest gain, and add the best."""
        record, front = self.record, self.front
        if record.certified:
            record.certify(torch.cat([front.bounds, self.waiting]))
        front.renew()
        if self._is_enough():
            record.take(front.known(), front.places)
            front.forget()
            return
        self.all.bounds[front.places] = front.bounds
        self.all.forget()
        self.all.fresh[front.places] = front.fresh
        self.all.renew()
        record.take(self.all.known())
        self._open()

    def _open(self):
        size = max(FRONT, 8 * self.record.budget)
        most = min(size + self.record.budget, len(self.all.bounds))
        self.all.forget()
        top = self.all.bounds.topk(most)
        places, self.waiting = top.indices[:size].sort().values, top.values[size:]
        self.front = _Bounds(self.record, places, self.all.bounds[places])
        self.front.forget()

    def _is_enough(self):
        """Return whether no bound of others reaches the best of the front."""
        if not len(self.waiting):
            return True
        return self.waiting[0] < self.front.known().max() - self.record.resolution


class _Forecast:
    """What greedy will pick, guessed among the points of largest gain.

    A measure that can `expect` points prepares for all of them at once, in one product
    of matrices.  A wrong guess costs time and nothing else.
    """

    def __init__(self, measure, record):
        self.measure, self.record = measure, record
        can = getattr(measure, "expected", None) is not None
        # An accelerator is fast enough, and would have to be asked for each pick.
        on_host = record.points.device.type == "cpu"
        self.pays = can and on_host and len(record.points) > 4 * POOL
        self.length, self.start = SHORTEST, -SHORTEST

    def renew(self, gains):
        """Guess anew, once there is no guess left, from the gains of now."""
        record = self.record
        if not self.pays or self.measure.expected:
            return
        right = len(record.chosen) - self.start >= self.length
        self.length = min(2 * self.length, LONGEST) if right else SHORTEST
        self.start = len(record.chosen)
        pool = gains.topk(POOL).indices
        pool = pool[record.rank[pool].argsort()]
        length = min(self.length, record.budget - self.start)
        local = greedy(
            self.measure.over(record.points[pool]), torch.arange(POOL), length
        )
        self.measure.expect(record.points[pool[local.points]])


def _renew(measure, candidates, bounds, fresh, resolution):
    """Bring up to date, in place, all bounds that may hold the largest gain."""
    batch = FIRST_BATCH
    while True:
        best = bounds.where(fresh, -torch.inf).max()
        stale = (~fresh & (bounds >= best - resolution)).nonzero().ravel()
        if not len(stale):
            return
        if len(stale) > batch:
            stale = stale[bounds[stale].topk(batch).indices.sort().values]
        bounds[stale] = measure.gains(candidates[stale])
        fresh[stale] = True
        batch *= 4


def _sample_size(n_candidates, budget, epsilon):
    return max(1, int(np.ceil(n_candidates / budget * np.log(1 / epsilon))))


def _check_submodular(measure, name, instead):
    if not getattr(measure, "submodular", False):
        raise ValueError(
            f"optimizer={name!r} skips candidates on the ground that gains only "
            "shrink; those of this function may grow, and it would return another set "
            f"than greedy. Use optimizer={instead}."
        )
