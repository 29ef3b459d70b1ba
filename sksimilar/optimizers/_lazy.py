"""Greedy that renews a gain only where its last value may still be the largest."""

import torch

from ._record import Record

FIRST_BATCH = 64  # Stale gains renewed at once; four times as many each time.
FRONT = 2048  # Candidates that lazy greedy looks at, as long as they suffice.


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
    check_submodular(measure, "lazy", "'auto' or 'greedy'")
    record = Record(measure, candidates, budget)
    front = _Front(record)
    for _ in track(range(budget)):
        front.take()
    return record.selection()


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
        renew(
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


def renew(measure, candidates, bounds, fresh, resolution):
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


def check_submodular(measure, name, instead):
    if not getattr(measure, "submodular", False):
        raise ValueError(
            f"optimizer={name!r} skips candidates on the ground that gains only "
            "shrink; those of this function may grow, and it would return another set "
            f"than greedy. Use optimizer={instead}."
        )
