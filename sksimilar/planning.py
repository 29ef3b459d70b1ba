"""What a selection will take, said before it starts.  Floor 3."""

from dataclasses import dataclass, replace
from time import perf_counter
from typing import NamedTuple

import torch
from joblib import effective_n_jobs

from ._validation.numbers import format_bytes
from .measures import FUNCTIONS
from .problem import Problem

__all__ = ["Plan", "expected_seconds", "progress"]


@dataclass(frozen=True)
class Plan:
    """What it will take to select some of the candidates, at once or in parts.

    Parameters
    ----------
    problem : Problem
        Over one of the candidates; what is expected of any part follows from it.

    budget, n_candidates : int
        How many are selected, and out of how many.

    n_parts : int
        Parts that are solved by themselves.

    merge : bool or "proposals"
        What comes of their proposals, as in :class:`~sksimilar.SIMILARSampler`.

    is_raw : bool
        Whether a part is embedded where it is solved, which counts then.
    """

    problem: Problem
    budget: int
    n_candidates: int
    n_parts: int
    merge: object
    is_raw: bool

    @property
    def costs(self):
        """The `Cost` of one part, and that of the merge if there is one."""
        n, n_parts, merge = self.n_candidates, self.n_parts, self.merge
        size, share = -(-n // n_parts), -(-self.budget // n_parts)
        sizes = [(min(self.budget, size) if merge else share, size, size)]
        if n_parts > 1 and merge:
            proposals = min(n, n_parts * self.budget)
            against = n if merge is True else proposals
            sizes.append((self.budget, proposals, against))
        return [self.problem.cost(*each, self.is_raw) for each in sizes]

    @property
    def n_bytes(self):
        """The largest size of what is held at any moment."""
        return max(map(self._bytes, self.costs))

    def check(self, limit):
        """Refuse to take more memory than allowed, and name the ways out.

        Parameters
        ----------
        limit : float or None
            Bytes; None allows all.

        Raises
        ------
        ValueError
            If more is needed.
        """
        if limit is None or self.n_bytes <= limit:
            return
        raise ValueError(
            f"This selection needs about {format_bytes(self.n_bytes)} and memory_limit "
            f"allows {format_bytes(limit)}; nothing was allocated. "
            f"{', or '.join(['Raise memory_limit', *self._remedies(limit)])}."
        )

    def summary(self, n_jobs):
        """Return what is to come, for people.

        Parameters
        ----------
        n_jobs : int or None
            Parts that are solved at a time.

        Returns
        -------
        summary : str
            Sizes, memory and time, by the rates that the device shows now.
        """
        diagonal = self.problem.similarity.diagonal()
        rates = diagonal.dtype, diagonal.device
        seconds = [expected_seconds(cost, self.budget, *rates) for cost in self.costs]
        seconds[0] *= -(-self.n_parts // effective_n_jobs(n_jobs))
        beside = "for a part with its" if self.is_raw else "beside the"
        return (
            f"{self.problem.function}: {self.budget} of {self.n_candidates} candidates "
            f"on {diagonal.device}; about {format_bytes(self.n_bytes)} {beside} "
            f"embedding, {sum(seconds):.2g} s."
        )

    def _remedies(self, limit):
        """Yield what would keep the memory within its limit, as texts."""
        part, *merging = map(self._bytes, self.costs)
        if part > limit:
            yield f"set n_partitions={self.n_parts * -int(-part // limit)} or more"
        if merging and merging[0] > limit:
            yield "set merge=False"
        fitting = [repr(name) for name in FUNCTIONS if self._fits(name, limit)]
        if fitting:
            yield f"use function={' or '.join(fitting)}"

    def _fits(self, name, limit):
        """Return whether a function could take the place of this one."""
        named, problem = FUNCTIONS[name], self.problem
        has_sets = problem.query is not None, problem.conditioning is not None
        wants = named.query, named.conditioning
        if any(want not in (None, has) for want, has in zip(wants, has_sets)):
            return False
        other = replace(self, problem=replace(problem, function=named.make()))
        return other.n_bytes <= limit

    def _bytes(self, cost):
        return cost.numbers * self.problem.similarity.diagonal().element_size()


def expected_seconds(cost, budget, dtype, device):
    """Return the time of a `Cost` and so many picks at the rates this device shows."""
    rates = measured_rates(dtype, device)
    work = cost.products / rates.products + cost.traffic / rates.traffic
    return work + budget * cost.calls / rates.calls


CALLS = 100  # At once: alone one takes longer than among others.


class Rates(NamedTuple):
    """Operations in matrix products, numbers touched and calls, all per second."""

    products: float
    traffic: float
    calls: float


def measured_rates(dtype, device):
    """Return the `Rates` of a device; the measurement takes about a tenth of a second."""
    few = torch.ones(8, dtype=dtype, device=device)
    thin = torch.ones(2048, 96, dtype=dtype, device=device)
    many = torch.ones(1 << 24, dtype=dtype, device=device)  # More than caches hold.
    return Rates(
        products=2 * 2048 * 2048 * 96 / _fastest(lambda: thin @ thin.T, device),
        traffic=2 * len(many) / _fastest(lambda: many.add_(1), device),
        calls=CALLS / _fastest(lambda: [few.add_(1) for _ in range(CALLS)], device),
    )


def _fastest(work, device, repeats=5):
    times = []
    for _ in range(repeats):
        start = perf_counter()
        work()
        if torch.device(device).type == "cuda":
            torch.cuda.synchronize(device)
        times.append(perf_counter() - start)
    return min(times)


def progress(verbose, label):
    """Return what wraps a range of steps: a tqdm bar where wanted and installed."""
    if not verbose:
        return iter
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return iter
    return lambda steps: tqdm(steps, desc=label, leave=False)
