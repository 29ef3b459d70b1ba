"""A measure, its candidates, and where they stand in X: what is solved.  Floor 2."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from joblib import Parallel, delayed

from .measures import AcquisitionFunction, Sizes
from .optimizers import Selection, resolve_optimizer
from .similarity import Similarity

__all__ = ["Problem", "solve_in_parts"]

RELEVANCE_DECIMALS = 6  # Relevances equal to so many are tied.


@dataclass(frozen=True)
class Problem:
    """Maximize I_f(A; Q | P) over sets A of candidates.

    Parameters
    ----------
    function : AcquisitionFunction
        f.

    similarity : Similarity
        S over the points 0, 1, ... .

    positions : tensor of shape (n_points,), int64
        Their positions in X.

    candidates, ground : tensor of int64
        The points that A is chosen from, and V, which they represent.

    query, conditioning : tensor of int64, or None
        The points of Q and P.

    eta, nu : float
        Weights of Q and P.
    """

    function: AcquisitionFunction
    similarity: Similarity
    positions: torch.Tensor
    candidates: torch.Tensor
    ground: torch.Tensor
    query: torch.Tensor | None
    conditioning: torch.Tensor | None
    eta: float = 1.0
    nu: float = 1.0

    def measure(self, conditioned=True):
        """Return I_f(A; Q | P), or I_f(A; Q), as a function of A, with A empty."""
        P = self.conditioning if conditioned else None
        return self.function.measure(
            self.similarity, self.ground, self.query, P, self.eta, self.nu
        )

    def part(self, candidates, ground=None):
        """Return the same problem over fewer points, with a similarity of its own.

        Without ``ground`` the candidates are it.  Rows of V that do not enter the value
        are left out.
        """
        if ground is None or not self.function.sums_over_ground:
            ground = candidates
        sets = (candidates, ground, self.query, self.conditioning)
        kept = torch.cat([s for s in sets if s is not None]).unique()
        if len(kept) == len(self.similarity):
            return replace(self, candidates=candidates, ground=ground)
        local = [None if s is None else torch.searchsorted(kept, s) for s in sets]
        return Problem(
            self.function,
            self.similarity.restrict(kept),
            self.positions[kept],
            *local,
            self.eta,
            self.nu,
        )

    def solve(self, optimizer, budget, rng, track=iter):
        """Return the `Selection` of an optimizer, its points as positions in X."""
        measure = self.measure()
        run = resolve_optimizer(optimizer, measure)
        selection = run(measure, self.preferred(rng), budget, rng, track)
        return selection._replace(points=self.positions[selection.points])

    def preferred(self, rng):
        """Return the candidates in the order that breaks ties.

        The most similar to the query first, by its largest similarity; equal ones in
        random order.
        """
        order = torch.as_tensor(rng.permutation(len(self.candidates)))
        order = self.candidates[order.to(self.candidates.device)]
        if self.query is None:
            return order
        relevance = self.similarity.largest(order, self.query)
        relevance = relevance.round(decimals=RELEVANCE_DECIMALS)
        return order[relevance.argsort(descending=True, stable=True)]

    def gains_along(self):
        """Return the gain of each candidate given those before it, in float64."""
        measure, gains = self.measure(), []
        for point in self.candidates.split(1):
            gains.append(measure.gains(point).double())
            measure.add(point)
        return torch.cat(gains)

    def cost(self, budget, n_partitions=1):
        """Return the expected `Cost` of selecting so many, of one part where parted."""
        first = self.similarity[:1, :1]
        width = sum(f.shape[1] for f in getattr(self.similarity, "factors", [first]))
        n_query, n_conditioning = (
            0 if s is None else len(s) for s in (self.query, self.conditioning)
        )
        n_points = len(self.candidates) // n_partitions + n_query + n_conditioning
        n_ground = len(self.ground) // n_partitions
        sizes = Sizes(n_points, n_ground, n_query, n_conditioning, budget, width)
        return self.function.cost(sizes)


def solve_in_parts(problem, optimizer, budget, n_partitions, merge, rng, n_jobs=None):
    """Solve within random parts of the candidates, and join what they choose.

    Parameters
    ----------
    problem : Problem
        Over the whole pool.

    optimizer, budget, rng
        As in `Problem.solve`.

    n_partitions : int
        Number of parts, of equal size up to one.

    merge : bool
        Whether each part proposes a full budget and the proposals compete against the
        whole pool (GreeDi); or each fills its share, rounded so that they sum up.

    n_jobs : int, default=None
        Threads; every part has a seed of its own, so results do not depend on it.

    Returns
    -------
    selection : Selection
        Without a bound.
    """
    n = len(problem.candidates)
    order = torch.as_tensor(rng.permutation(n)).to(problem.candidates.device)
    cuts = np.round(np.linspace(0, n, min(n_partitions, n) + 1)).astype(int)
    shares = np.diff(np.round(cuts * (budget / n)).astype(int))
    parts = problem.candidates[order].tensor_split(torch.as_tensor(cuts[1:-1]))
    wanted = [min(budget, len(p)) for p in parts] if merge else shares.tolist()
    seeds = rng.randint(np.iinfo(np.int32).max, size=len(parts))

    def solve(part, share, seed):
        own = np.random.RandomState(seed)
        return problem.part(part).solve(optimizer, share, own)

    jobs = [delayed(solve)(*job) for job in zip(parts, wanted, seeds) if job[1]]
    chosen = Parallel(n_jobs=n_jobs, prefer="threads")(jobs)
    joined = Selection(
        points=torch.cat([selection.points for selection in chosen]),
        gains=torch.cat([selection.gains for selection in chosen]),
        bound=None,
        n_informative=sum(selection.n_informative for selection in chosen),
    )
    if not merge:
        return joined
    proposals = torch.searchsorted(problem.positions, joined.points)
    merged = problem.part(proposals, problem.ground).solve(optimizer, budget, rng)
    return merged._replace(bound=None)
