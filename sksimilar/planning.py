"""What a selection will take, said before it starts.  Floor 3."""

from dataclasses import dataclass, replace
from time import perf_counter
from typing import NamedTuple

import torch
from joblib import effective_n_jobs

from ._validation.numbers import format_bytes
from .factors import READ_AT_ONCE
from .measures import FUNCTIONS
from .problem import Problem

__all__ = ["Plan", "expected_seconds"]


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

    divides : bool, default=False
        Whether parts, where there are several, can be embedded where they are solved,
        each by itself.

    on_disk : bool, default=False
        Whether of an embedding that is large only what is needed is read.

    in_place : bool, default=False
        Whether the embedding is the user's own, as a kernel of these rows alone is.

    optimizer : str or callable, default="auto"
        As in :class:`~sksimilar.SIMILARSampler`.

    n_jobs : int, default=None
        Parts that are solved at a time.
    """

    problem: Problem
    budget: int
    n_candidates: int
    n_parts: int
    merge: object
    divides: bool = False
    on_disk: bool = False
    in_place: bool = False
    optimizer: object = "auto"
    n_jobs: int | None = None

    @property
    def is_raw(self):
        """Whether each part has an embedding of its own, and there is no other."""
        whole = self.merge is True and self.problem.function.sums_over_ground
        return self.divides and self.n_parts > 1 and not whole

    @property
    def n_at_once(self):
        """How many parts this process solves at a time; workers each solve one."""
        return 1 if self.is_raw else min(self.n_parts, effective_n_jobs(self.n_jobs))

    @property
    def costs(self):
        """The `Cost` of one part, and that of the merge if there is one."""
        return [self.problem.cost(*sizes, self.optimizer) for sizes in self._sizes]

    @property
    def _sizes(self):
        n, n_parts, merge = self.n_candidates, self.n_parts, self.merge
        size, share = -(-n // n_parts), -(-self.budget // n_parts)
        sizes = [(min(self.budget, size) if merge else share, size, size)]
        if n_parts > 1 and merge:
            proposals = min(n, n_parts * self.budget)
            against = n if merge is True else proposals
            sizes.append((self.budget, proposals, against))
        return sizes

    @property
    def n_bytes(self):
        """The largest size of what is held at any moment, embeddings included."""
        return self._held + max(self._needed)

    @property
    def _held(self):
        """The size of the embedding of all candidates, where there is one.

        Beside it that of one candidate and what all parts share, which this plan is from.
        """
        least = self.problem.embedded_bytes(1)
        if self.is_raw or self.in_place:
            return least
        return least + self._embedded_bytes(self.n_candidates)

    @property
    def _needed(self):
        """The sizes of what a part needs beside, and the merge if there is one."""
        item = self.problem.similarity.diagonal().element_size()
        # What is given is copied where all candidates are compared with it.
        given = self.problem.embedded_bytes(0)
        needed = [cost.numbers * item + given for cost in self.costs]
        if self.n_parts > 1:  # Each part has its rows by themselves.
            own = (self._embedded_bytes(sizes[1]) for sizes in self._sizes)
            needed = [sum(pair) for pair in zip(needed, own)]
        needed[0] *= self.n_at_once
        return needed

    def _embedded_bytes(self, n_candidates):
        n_bytes = self.problem.embedded_bytes(n_candidates)
        return min(n_bytes, READ_AT_ONCE) if self.on_disk else n_bytes

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
            f"This selection needs about {format_bytes(self.n_bytes)} and "
            f"memory_limit allows {format_bytes(limit)}. "
            f"{', or '.join(['Raise memory_limit', *self._remedies(limit)])}."
        )

    def summary(self):
        """Return what is to come, for people.

        Returns
        -------
        summary : str
            Sizes, memory and time, by the rates that the device shows now.
        """
        device = self.problem.similarity.diagonal().device
        return (
            f"{self.problem.function}: {self.budget} of {self.n_candidates} candidates "
            f"on {device}; about {format_bytes(self.n_bytes)} with the "
            f"embedding{' of a part' if self.is_raw else ''}, {self.seconds:.2g} s."
        )

    @property
    def seconds(self):
        """The time of all parts and of the merge, by the rates the device shows now."""
        diagonal = self.problem.similarity.diagonal()
        rates = diagonal.dtype, diagonal.device
        seconds = [expected_seconds(cost, self.budget, *rates) for cost in self.costs]
        seconds[0] *= -(-self.n_parts // effective_n_jobs(self.n_jobs))
        return sum(seconds)

    def _remedies(self, limit):
        """Yield what would keep the memory within its limit, as texts; each was tried."""
        if self.n_at_once > 1 and replace(self, n_jobs=1).n_bytes <= limit:
            yield "set n_jobs=1"
        if self.merge is True and self.problem.function.sums_over_ground:
            number = self._enough_parts(limit, "proposals")
            if number and self.divides:
                yield f"set n_partitions={number} with merge='proposals'"
        if number := self._enough_parts(limit, self.merge):
            yield f"set n_partitions={number}"
        elif number := self._enough_parts(limit, False):
            yield f"set n_partitions={number} and merge=False"
        fitting = [repr(name) for name in FUNCTIONS if self._fits(name, limit)]
        if fitting:
            yield f"use function={' or '.join(fitting)}"

    def _enough_parts(self, limit, merge):
        """Return the least number of parts from the present one on that will do, or None."""
        number = self.n_parts
        while number < self.n_candidates:
            other = replace(self, n_parts=number, merge=merge)
            if other.n_bytes <= limit:
                return number
            number += max(1, number // 20)
        return None

    def _fits(self, name, limit):
        """Return whether a function could take the place of this one."""
        named, problem = FUNCTIONS[name], self.problem
        sets = problem.query, problem.conditioning
        if not named.fits(*sets):
            return False
        function = named.make()
        try:
            function.check(problem.similarity.bounds, *sets)
        except ValueError:
            return False
        # Whether weights above 1 are admissible is known only once they are tried.
        is_sure = max(problem.eta, problem.nu) <= 1 or not name.startswith("logdet")
        takes_all = self.optimizer in ("auto", "greedy")
        other = replace(self, problem=replace(problem, function=function))
        return is_sure and takes_all and other.n_bytes <= limit


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
