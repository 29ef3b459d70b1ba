"""A measure, its candidates, and where they stand in X: what is solved.  Floor 2."""

from dataclasses import dataclass, replace

import torch

from ._validation.choices import check_picks
from .measures import AcquisitionFunction, Sizes
from .optimizers import Selection, neighbors_kept, resolve_optimizer
from .similarity import Similarity

__all__ = ["Problem"]

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
        Their positions in X, ascending.

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

    prefer = "threads"  # Where joblib had better solve parts of it.

    def embed(self):
        """Return the problem itself: it is embedded."""
        return self

    def sent(self):
        """Return the problem itself: it holds no network."""
        return self

    def measure(self, conditioned=True):
        """Return I_f(A; Q | P), or I_f(A; Q), as a function of A, with A empty."""
        P = self.conditioning if conditioned else None
        return self.function.measure(
            self.similarity, self.ground, self.query, P, self.eta, self.nu
        )

    def part(self, rows, whole=False):
        """Return the same problem over fewer candidates, with a similarity of its own.

        They are given by their positions in X.  They are V too; or, with ``whole``, V
        stays what it is, where its rows enter the value at all.
        """
        candidates = torch.as_tensor(rows, device=self.positions.device)
        candidates = torch.searchsorted(self.positions, candidates)
        keep = whole and self.function.sums_over_ground
        ground = self.ground if keep else candidates
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
        if not isinstance(selection, Selection):
            raise TypeError(
                "`optimizer` must return a `sksimilar.optimizers.Selection`, got "
                f"{type(selection).__name__}."
            )
        points = selection.points
        if callable(optimizer):
            points = check_picks(selection, self.candidates, budget, optimizer)
        return selection._replace(points=self.positions[points])

    def preferred(self, rng):
        """Return the candidates in the order that breaks ties.

        The most similar to the query first, by its largest similarity; equal ones in
        random order.
        """
        order = torch.as_tensor(rng.permutation(len(self.candidates)))
        order = order.to(self.candidates.device)
        if self.query is not None:
            relevance = self.similarity.largest(self.candidates, self.query)
            relevance = relevance.round(decimals=RELEVANCE_DECIMALS)[order]
            order = order[relevance.argsort(descending=True, stable=True)]
        return self.candidates[order]

    def gains_along(self):
        """Return the gain of each candidate given those before it, in float64."""
        measure, gains = self.measure(), []
        if hasattr(measure, "gains_along"):
            return measure.gains_along(self.candidates)
        for point in self.candidates.split(1):
            gains.append(measure.gains(point).double())
            measure.add(point)
        return torch.cat(gains)

    def cost(self, budget, n_candidates, n_ground, optimizer="auto"):
        """Return the expected `Cost` of selecting so many of so many candidates.

        Their embedding is not counted.
        """
        first = self.similarity[:1, :1]
        width = sum(f.shape[1] for f in getattr(self.similarity, "factors", [first]))
        n_points, given = n_candidates + sum(self._n_given), self._n_given
        others = self.eta, self.nu, neighbors_kept(optimizer), self.similarity.linear
        cost = self.function.cost(
            Sizes(n_points, n_ground, *given, budget, width, *others)
        )
        pairs = n_candidates * given[0]  # Of which the order that breaks ties follows.
        return cost._replace(
            products=cost.products + 2 * width * pairs, traffic=cost.traffic + 5 * pairs
        )

    def embedded_bytes(self, n_candidates):
        """Return what the embedding of so many candidates takes, Q and P included."""
        n_points = n_candidates + sum(self._n_given)
        factors = getattr(self.similarity, "factors", None)
        if factors is None:
            return n_points**2 * self.similarity.diagonal().element_size()
        return n_points * sum(f.shape[1] * f.dtype.itemsize for f in factors)

    @property
    def _n_given(self):
        """The sizes of Q and P."""
        return [0 if s is None else len(s) for s in (self.query, self.conditioning)]
