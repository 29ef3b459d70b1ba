"""What every acquisition function offers, and those that look at the query alone."""

from abc import ABC, abstractmethod
from math import inf
from typing import NamedTuple

import torch
from sklearn.base import BaseEstimator, clone

from .._validation.numbers import check_bounds


class Sizes(NamedTuple):
    """Sizes that the cost of a selection depends on.

    Parameters
    ----------
    n_points : int
        Candidates.

    n_ground : int
        Points of V.

    n_query, n_conditioning : int
        Points of Q and P, 0 where there is no such set.

    budget : int
        Points to choose.

    width : int
        Numbers that an embedded row consists of.

    eta, nu : float, default=1.0
        Weights of Q and P.

    n_neighbors : int, default=0
        Points that each of V keeps as its nearest; 0 where it keeps none and sees all.

    linear : bool, default=True
        Whether sums over a set take a pass over it; else they look at every pair.
    """

    n_points: int
    n_ground: int
    n_query: int
    n_conditioning: int
    budget: int
    width: int
    eta: float = 1.0
    nu: float = 1.0
    n_neighbors: int = 0
    linear: bool = True


class Cost(NamedTuple):
    """What a selection takes.

    Parameters
    ----------
    products : float
        Floating-point operations in matrix products.

    traffic : float
        Numbers that elementwise work reads or writes.

    numbers : float
        Numbers held at once, beside the embedding.

    calls : float, default=150
        Of small tensor operations, for each pick.
    """

    products: float
    traffic: float
    numbers: float
    calls: float = 150


class AcquisitionFunction(BaseEstimator, ABC):
    """Something that turns a similarity and the sets V, Q, P into a measure of A.

    Attributes
    ----------
    domain : tuple of float
        Range of similarities in which the function is what its name says.

    needs_query, takes_conditioning : bool
        Which of the families of Table 1 it has.

    sharpens : bool
        Whether rows may be both query and conditioning.

    sums_over_ground : bool
        Whether the rows of V enter the value; if not, only those of A, Q and P do.

    keeps_gains : bool
        Whether the gains of all points are kept current, so that reading them is cheap.
    """

    domain = (-inf, inf)
    needs_query = False
    takes_conditioning = True
    sharpens = False
    sums_over_ground = True
    keeps_gains = False

    _parameter_constraints: dict = {}

    @abstractmethod
    def measure(
        self, similarity, ground, query=None, conditioning=None, eta=1.0, nu=1.0
    ):
        """Return I_f(A; Q | P) as a function of A, with A empty.

        Parameters
        ----------
        similarity : Similarity
            S over all points.

        ground : tensor of shape (n_ground,), int64
            The points of V.

        query, conditioning : tensor of int64, default=None
            The points of Q and P; without a query Q = V, which gives f(A | P).

        eta, nu : float, default=1.0
            Weights of Q and P.

        Returns
        -------
        measure : object with `gains` and `add`
            ``gains(points)`` has the shape of ``points``, and ``add(points)`` lets A
            grow.  It says whether it is ``submodular`` and ``keeps_gains``, and what
            its ``least_gain`` is.
        """

    def traits(self, bounds, query, conditioning):
        """Return whether the measure is submodular in A, and its least gain.

        By default nothing is claimed: plain greedy maximizes it, and gives no bound.

        Parameters
        ----------
        bounds : tuple of float
            Of the similarity.

        query, conditioning : tensor of int64, or None
            The points of Q and P.

        Returns
        -------
        submodular : bool
            Whether gains only shrink as A grows.

        least_gain : float
            No gain is ever below it: 0 for monotone measures, -inf where nothing is known.
        """
        return False, -inf

    def cost(self, sizes):
        """Return what one greedy selection is expected to take.

        By default every pick computes the similarities between all points and V anew,
        and holds them: more than most functions take, for ``memory_limit`` to be kept.

        Parameters
        ----------
        sizes : Sizes
            Of the sets.

        Returns
        -------
        cost : Cost
            Operations and numbers held.
        """
        pairs = sizes.n_points * (sizes.n_ground + sizes.n_query + sizes.n_conditioning)
        passes = (sizes.budget + 1) * (2 if sizes.n_query else 1)
        return Cost(2 * sizes.width * passes * pairs, 10 * passes * pairs, 3 * pairs)

    def check(self, bounds, query=None, conditioning=None):
        """Refuse parameters, sets and similarities that the definition excludes.

        Parameters
        ----------
        bounds : tuple of float
            Of the similarity.

        query, conditioning : tensor of int64, default=None
            The points of Q and P.

        Raises
        ------
        ValueError
            For a parameter out of range, a set that is missing or has no place in the
            function, similarities outside of ``domain``, and rows in both sets where the
            function does not sharpen.
        """
        self._validate_params()
        name = type(self).__name__
        if self.needs_query and query is None:
            raise ValueError(
                f"{name} is defined by its query. Pass `query_mask`, or use a function "
                "that needs none, such as function='logdet'."
            )
        has_conditioning = conditioning is not None and len(conditioning)
        if not self.takes_conditioning and has_conditioning:
            raise ValueError(
                f"{name} has no conditional form. Leave `conditioning_mask` out, or "
                "use a function that has one, such as function='logdet' or 'fl'."
            )
        check_bounds(bounds, self.domain, name)
        if not self.sharpens and in_both(query, conditioning).any():
            raise ValueError(
                "Rows that are both query and conditioning make the information 0 for "
                f"every selection, and {name} cannot sharpen their kernel. Use "
                "function='fl', or clear them in one of the two masks."
            )


class QueryFunction(AcquisitionFunction):
    """A measure of A and Q that is no difference over V.

    It is its own measure.  A subclass writes `_start`, `add` and `gains`.
    """

    needs_query = True
    takes_conditioning = False
    sums_over_ground = False

    @abstractmethod
    def _start(self, similarity, query, eta):
        """Set A to the empty set."""

    @abstractmethod
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

    @abstractmethod
    def add(self, points):
        """Let A grow.

        Parameters
        ----------
        points : tensor of shape (n_points,), int64
            The points to add.

        Returns
        -------
        self : QueryFunction
            The measure itself.
        """

    def measure(
        self, similarity, ground, query=None, conditioning=None, eta=1.0, nu=1.0
    ):
        if conditioning is not None and not len(conditioning):
            conditioning = None
        self.check(similarity.bounds, query, conditioning)
        measure = clone(self)
        measure._start(similarity, query, eta)
        traits = self.traits(similarity.bounds, query, conditioning)
        measure.submodular, measure.least_gain = traits
        return measure


def everyone(similarity, like):
    """Return all points, on the device of ``like``."""
    return torch.arange(len(similarity), device=like.device)


def in_both(query, conditioning):
    """Return which points of P are in Q, too."""
    if conditioning is None:
        return torch.zeros(0, dtype=torch.bool)
    return torch.isin(conditioning, conditioning[:0] if query is None else query)
