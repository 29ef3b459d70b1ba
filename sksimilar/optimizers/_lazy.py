"""Greedy that renews a gain only where its last value may still be the largest."""

import torch

from ._record import Record

FIRST_BATCH = 64  # Stale gains renewed at once; four times as many each time.
WIDE, NARROW = 1 << 16, 1 << 11  # Tiers: about as many candidates, while they suffice.
PER_PICK = 8  # Of the wide tier, if the budget is large.
CERTIFICATES = 100  # Tries to sharpen the bound, spread over the picks.
LARGER = 32  # Of the bounds that are looked at to tell which are large.
GOLDEN = (5**0.5 - 1) / 2


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
    tier = _Tier(record, record.first.clone()).narrowed()
    for i in track(range(budget)):
        if i % -(-budget // CERTIFICATES) == 0:
            tier.certify()
        tier = tier.take()
    return record.selection()


class _Tier:
    """Upper bounds on the gains at some places, and which of them are known gains.

    They are the largest of a wider tier, if there is one.  Its others wait: they are
    seen to once the best gain in here is no larger than theirs may be.
    """

    def __init__(self, record, bounds, wider=None, within=slice(None), level=None):
        self.record, self.bounds = record, bounds
        self.wider, self.within = wider, within  # Where its places are in that.
        is_part = wider is not None and wider.wider is not None
        self.places = wider.places[within] if is_part else within
        self.points = record.points[self.places]
        self.floors = record.floors[self.places]
        self.levels = [] if wider is None else [level, *wider.levels]
        self.fresh = torch.ones_like(bounds, dtype=torch.bool)

    @property
    def _enough(self):
        """How many candidates a certificate is made of, beside levels."""
        return PER_PICK * self.record.budget

    def certify(self):
        """Sharpen the certificate by what is known of all places, here and elsewhere."""
        if self.wider is not None and len(self.bounds) < self._enough:
            self.wider.certify()
        elif self.record.certified:
            levels = [level.expand(self.record.budget) for level in self.levels]
            here = self.bounds.masked_fill(self.record.taken[self.places], -torch.inf)
            self.record.certify(torch.cat([here, *levels]))

    def take(self):
        """Add the point of largest gain, and return the tier to begin with next."""
        self.renew()
        if not self._suffices():
            return self._widened().take()
        self.record.take(self.known(), self.places)
        self.forget()
        return self.narrowed()

    def narrowed(self):
        """Return the narrowest tier within, this one if it is narrow."""
        n, sizes = len(self.bounds), (max(WIDE, self._enough), NARROW)
        size = next((size for size in sizes if 4 * size < n), None)
        if size is None:
            return self
        level = _level(self.bounds, size)
        within = (self.bounds > level).nonzero().ravel()
        if not 0 < len(within) <= n / 2:  # Too many are tied.
            return self
        tier = _Tier(self.record, self.bounds[within], self, within, level)
        tier.fresh = self.fresh[within]
        return tier.narrowed()

    def forget(self):
        """Know only those gains that can fall no further."""
        record = self.record
        self.bounds.masked_fill_(record.taken[self.places], -torch.inf)
        self.fresh = self.bounds <= self.floors

    def renew(self):
        """Bring up to date whatever may hold the largest gain here."""
        record, measure = self.record, self.record.measure
        if not self.fresh.all() and hasattr(measure, "limits"):
            limits = measure.limits(self.points)
            self.bounds = self.bounds.where(self.fresh, limits.minimum(self.bounds))
        renew(measure, self.points, self.bounds, self.fresh, record.resolution)

    def known(self):
        """Return the gains that are up to date, the others as -inf."""
        return self.bounds.where(self.fresh, -torch.inf)

    def _suffices(self):
        """Return whether no bound of those that wait reaches the best gain here."""
        best = self.known().max() - self.record.resolution
        return all(level < best for level in self.levels)

    def _widened(self):
        """Return the wider tier, with all that is known here."""
        wider = self.wider
        wider.bounds[self.within] = self.bounds
        wider.forget()
        wider.fresh[self.within] = self.fresh
        return wider


def _level(bounds, size):
    """Return what about so many bounds are larger than, by looking at some of them."""
    n = len(bounds)
    steps = torch.arange(LARGER * n // size, device=bounds.device).double()
    places = GOLDEN * steps % 1 * n  # In step with no order of rows.
    return bounds[places.long()].topk(LARGER).values[-1]


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
