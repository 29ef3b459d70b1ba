"""What every run of an optimizer keeps: its picks, and what follows from them."""

from math import inf
from typing import NamedTuple

import torch
from sklearn.utils.random import sample_without_replacement

from .._validation.choices import check_gains

# Relative to the largest gain of the empty set.
RESOLUTION = {torch.float32: 2e-6, torch.float64: 1e-12}


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


class Record:
    """The picks of a run and what follows from them, kept on the device.

    Places are positions in ``points``, the candidates in the order of memory.
    """

    def __init__(self, measure, candidates, budget):
        self.measure, self.budget = measure, budget
        self.points, self.rank = candidates.sort()
        self.first = check_gains(measure.gains(self.points), self.points, measure)
        relative = getattr(measure, "resolution", None) or RESOLUTION[self.first.dtype]
        self.resolution = relative * self.first.abs().max()
        self.least_gain = getattr(measure, "least_gain", -inf)
        self.certified = (
            getattr(measure, "submodular", False) and self.least_gain > -inf
        )
        self.taken = torch.zeros_like(self.first, dtype=torch.bool)
        # Room that is made once: what is little and stays, between what is much and goes,
        # would leave gaps in memory, one for each pick.
        self.chosen, self.n_chosen = self.points.new_empty(budget), 0
        self.gains = torch.zeros(budget, dtype=torch.float64, device=self.first.device)
        self.value = torch.zeros((), dtype=torch.float64, device=self.first.device)
        self.bound = torch.full_like(self.value, torch.inf)
        self.floors = torch.full_like(self.value, self.least_gain).expand_as(self.first)
        if hasattr(measure, "floors"):
            self.floors = measure.floors(self.points)

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
        rest = self.least_gain * (self.budget - self.n_chosen)
        self.bound = torch.minimum(self.bound, self.value + excess + rest)

    def take(self, gains, places=slice(None)):
        """Add the preferred one of those whose gain is the largest up to resolution."""
        lower = gains < gains.max() - self.resolution
        best = self.rank[places].masked_fill(lower, len(self.rank)).argmin()[None]
        pick = slice(self.n_chosen, self.n_chosen + 1)
        self.gains[pick] = gains[best].double()
        best = best if isinstance(places, slice) else places[best]
        self.taken.index_fill_(0, best, True)
        self.chosen[pick] = self.points[best]
        self.value += self.gains[pick][0]
        self.n_chosen += 1
        self.measure.add(self.chosen[pick])

    def sample(self, size, rng):
        """Draw places of candidates not taken yet."""
        free = (~self.taken).nonzero().ravel()
        drawn = sample_without_replacement(
            len(free), min(size, len(free)), random_state=rng
        )
        drawn.sort()
        return free[torch.as_tensor(drawn, device=free.device)]

    def selection(self):
        bound = self.bound.item() if self.certified else None
        return as_selection(self.chosen, self.gains, self.resolution, bound)


def as_selection(points, gains, resolution, bound):
    """Return the `Selection` of points whose gains are known to a resolution."""
    informative = ~(gains.abs() <= resolution)  # What is no number shows.
    gains = gains.where(informative, 0.0)
    if bound is not None:  # Of which rounding may have left less than there is.
        bound = max(bound, gains.sum().item())
    return Selection(points, gains, bound, int(informative.sum()))
