"""Random parts of the pool, embedded and solved wherever joblib sends them.  Floor 3.

A part is a task.  It takes along the estimator and its own rows, or where to find them,
and brings back positions and gains, so that whoever asks need never hold the embedding
of the pool, nor its rows.  `joblib.parallel_config` says where tasks run: in threads or
processes of this machine, on a Dask cluster, or on any other backend known to joblib.
"""

import warnings
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed

from .measures import AcquisitionFunction
from .optimizers import Selection
from .problem import Problem
from .rows import portable
from .sending import ByValue

__all__ = ["RawProblem", "solve_in_parts"]

ATTEMPTS = 3  # With processes that die, before this process does the rest itself.


@dataclass(frozen=True)
class RawProblem:
    """A `Problem` whose rows are not embedded yet.

    Parameters
    ----------
    function, eta, nu
        As in `Problem`.

    similarity_of : callable
        `sksimilar.embeddings.similarity_of`, its settings given.

    X, y : as in `sksimilar.base.BaseSampler.fit`
        All rows.

    candidates, ground, labeled : ndarray of int64
        Positions in X: of the rows that A is chosen from, of V, which they represent,
        and of the given rows that are compared by their true labels.

    query, conditioning : ndarray of int64, or None
        Positions in X of Q and P.
    """

    function: AcquisitionFunction
    similarity_of: Callable
    X: Any
    y: np.ndarray | None
    candidates: np.ndarray
    ground: np.ndarray
    labeled: np.ndarray
    query: np.ndarray | None
    conditioning: np.ndarray | None
    eta: float = 1.0
    nu: float = 1.0

    prefer = None

    def sent(self):
        """Return the same problem, which any process can read."""
        return replace(self, similarity_of=ByValue(self.similarity_of))

    def __getstate__(self):
        """Take along only what this problem reads."""
        y = portable(self.y, self.labeled) if len(self.labeled) else None
        return {**vars(self), "X": portable(self.X, self.rows), "y": y}

    @property
    def rows(self):
        """Return the positions in X of all that is to be embedded, ascending."""
        sets = (self.candidates, self.ground, self.query, self.conditioning)
        return np.unique(np.concatenate([s for s in sets if s is not None]))

    def part(self, rows, whole=False):
        """Return the same problem over fewer candidates, as `Problem.part` does."""
        keep = whole and self.function.sums_over_ground
        return replace(self, candidates=rows, ground=self.ground if keep else rows)

    def embed(self):
        """Return the `Problem`."""
        rows = self.rows
        similarity = self.similarity_of(self.X, self.y, rows, self.labeled)
        device = similarity.diagonal().device
        sets = (self.candidates, self.ground, self.query, self.conditioning)
        points = (
            None if s is None else torch.as_tensor(np.searchsorted(rows, s)).to(device)
            for s in sets
        )
        positions = torch.as_tensor(rows, device=device)
        return Problem(self.function, similarity, positions, *points, self.eta, self.nu)


def solve_in_parts(
    problem, candidates, optimizer, budget, n_partitions, merge, rng, n_jobs=None
):
    """Solve within random parts of the candidates, and join what they choose.

    Parameters
    ----------
    problem : Problem or RawProblem
        Over the whole pool.

    candidates : ndarray of int64
        Their positions in X.

    optimizer, budget, rng
        As in `Problem.solve`.

    n_partitions : int
        Number of parts, of equal size up to one.

    merge : bool or 'proposals'
        Whether each part proposes a full budget and the proposals compete, against the
        whole pool or against each other (GreeDi); or each fills its share, rounded so
        that they sum up.

    n_jobs : int, default=None
        As in `joblib.Parallel`; every part has a seed of its own, so results do not
        depend on it.

    Returns
    -------
    selection : Selection
        Without a bound.
    """
    n = len(candidates)
    order = rng.permutation(n)
    cuts = np.round(np.linspace(0, n, min(n_partitions, n) + 1)).astype(int)
    shares = np.diff(np.round(cuts * (budget / n)).astype(int))
    wanted = np.minimum(budget, np.diff(cuts)) if merge else shares
    seeds = rng.randint(np.iinfo(np.int32).max, size=len(wanted))

    sent = problem.sent()

    def task(k):
        part = sent.part(candidates[order[cuts[k] : cuts[k + 1]]])
        return delayed(_solve)(k, part, optimizer, int(wanted[k]), seeds[k])

    chosen = _completed(task, np.flatnonzero(wanted), n_jobs, problem.prefer)
    points, gains, n_informative = zip(*chosen)
    points = np.concatenate(points)
    if merge:
        merged = problem.part(points, whole=merge != "proposals").embed()
        return merged.solve(optimizer, budget, rng)._replace(bound=None)
    points, gains = map(torch.as_tensor, (points, np.concatenate(gains)))
    return Selection(points, gains, None, sum(n_informative))


def _solve(k, part, optimizer, budget, seed):
    """Return the number of a part, and of what it chose positions, gains and count."""
    chosen = part.embed().solve(optimizer, budget, np.random.RandomState(seed))
    points, gains = (t.cpu().numpy() for t in (chosen.points, chosen.gains))
    return k, (points, gains, chosen.n_informative)


def _completed(task, numbers, n_jobs, prefer):
    """Return what the numbered tasks return, in order, even if worker processes fail.

    What was not finished then runs again, in the end in this process; at once if they
    cannot read it.  (A cluster does that for itself.)
    """
    done, attempts = {}, ATTEMPTS
    while waiting := [k for k in numbers if k not in done]:
        n_workers = n_jobs if attempts else 1
        try:
            for k, result in _as_they_come(map(task, waiting), n_workers, prefer):
                done[k] = result
        except BrokenProcessPool as error:
            if not attempts:
                raise
            reason = _unreadable(error)
            attempts = 0 if reason else attempts - 1
            warnings.warn(
                f"{reason or _death(error)}; {len(numbers) - len(done)} of "
                f"{len(numbers)} parts run again"
                f"{'.' if attempts else ', one by one in this process.'} "
                "Picks are not affected."
            )
    return [done[k] for k in numbers]


def _death(error):
    return f"A worker process died ({type(error).__name__}), as when memory runs out"


def _unreadable(error):
    """Return why worker processes could not read a task, None if they could."""
    if "un-serialize" not in str(error):
        return None
    cause = str(error.__cause__).strip(" \n'\"").splitlines()[-1]
    return (
        f"Worker processes cannot read what they are sent ({cause}). Define it in a file "
        'that they can import, or use threads by joblib.parallel_config("threading")'
    )


def _as_they_come(tasks, n_jobs, prefer):
    """Return an iterable of results, in the order in which they are finished."""
    # No more parts are cut than are about to run, nor left lying in shared memory.
    settings = {"n_jobs": n_jobs, "prefer": prefer, "batch_size": 1, "max_nbytes": None}
    try:
        parallel = Parallel(return_as="generator_unordered", **settings)
    except ValueError:  # Spark, Ray and multiprocessing return all of them at the end.
        parallel = Parallel(**settings)
    return parallel(tasks)
