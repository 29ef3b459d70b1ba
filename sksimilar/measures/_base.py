"""The one formula, and what every function offers."""

from abc import ABC, abstractmethod
from copy import copy
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
        if not self.sharpens and _in_both(query, conditioning).any():
            raise ValueError(
                "Rows that are both query and conditioning make the information 0 for "
                f"every selection, and {name} cannot sharpen their kernel. Use "
                "function='fl', or clear them in one of the two masks."
            )


class SetFunction(AcquisitionFunction):
    """A submodular function f together with a set C that only grows.

    A subclass writes `start`, `add` and `gains`, and has all four families of Table 1.
    With `traits` it is maximized faster, and with `cost` its selections are forecast.

    Examples
    --------
    Each row of V is covered by each pick with a probability that is their similarity;
    f is the expected number of covered rows.

    >>> import numpy as np
    >>> from sksimilar import SIMILARSampler
    >>> from sksimilar.measures import SetFunction
    >>> class Coverage(SetFunction):
    ...     domain = (0, 1)
    ...
    ...     def start(self, similarity, ground):
    ...         self.similarity_, self.ground_ = similarity, ground
    ...         self.missed_ = similarity.diagonal()[ground] ** 0
    ...         return self
    ...
    ...     def add(self, points, scale=1.0):
    ...         missed = 1 - scale * self.similarity_[points, self.ground_]
    ...         self.missed_ = self.missed_ * missed.prod(dim=0)
    ...         return self
    ...
    ...     def gains(self, points):
    ...         return self.similarity_[points, self.ground_] @ self.missed_
    >>> X = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [-1.0, 0.0], [-0.9, 0.1]])
    >>> query = np.array([True, False, False, False, False])
    >>> sampler = SIMILARSampler(function=Coverage(), budget=1, random_state=0)
    >>> sampler.fit_select(X, query_mask=query)
    array([1])
    """

    @abstractmethod
    def start(self, similarity, ground):
        """Set C to the empty set.

        Parameters
        ----------
        similarity : Similarity
            S over all points.

        ground : tensor of shape (n_ground,), int64
            The points of V.

        Returns
        -------
        self : SetFunction
            The function itself.
        """

    @abstractmethod
    def add(self, points, scale=1.0):
        """Add points to C.

        Parameters
        ----------
        points : tensor of shape (n_points,), int64
            The points to add.

        scale : float, default=1.0
            Weight of their similarities to all others.

        Returns
        -------
        self : SetFunction
            The function itself.
        """

    @abstractmethod
    def gains(self, points):
        """Return f(j | C) for every point j.

        Parameters
        ----------
        points : tensor of shape (n_points,), int64
            The points to add one at a time, each by itself.

        Returns
        -------
        gains : tensor of shape (n_points,)
            What each would add to f(C).
        """

    def branch(self):
        """Return a copy whose C grows on its own.

        Every attribute that is a tensor is copied, so that `add` may write in place.
        Override where others are written to, or where a large tensor can be shared.

        Returns
        -------
        function : SetFunction
            The copy.
        """
        twin = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, torch.Tensor):
                setattr(twin, name, value.clone())
        return twin

    def information(self, informed, points):
        """Return I_f(j; Q | C) for every point j.

        Override with a closed form where one is cheaper; the two must agree.

        Parameters
        ----------
        informed : SetFunction
            The same f, at C and Q together.

        points : tensor of shape (n_points,), int64
            The points to add one at a time.

        Returns
        -------
        information : tensor of shape (n_points,)
            The gains f(j | C) - f(j | C + Q).
        """
        return self.gains(points) - informed.gains(points)

    def measure(
        self, similarity, ground, query=None, conditioning=None, eta=1.0, nu=1.0
    ):
        if conditioning is not None and not len(conditioning):
            conditioning = None
        self.check(similarity.bounds, query, conditioning)
        function = clone(self)
        function.start(similarity, ground)
        measure = InformationMeasure(function, query, conditioning, eta, nu)
        traits = self.traits(similarity.bounds, query, conditioning)
        measure.submodular, measure.least_gain = traits
        return measure


class InformationMeasure:
    """I_f(A; Q | P) as a function of A: an object with `gains` and `add`.

    Conditioning on a set is starting from it, so the gain of j is a difference of two
    ordinary gains, f(j | A + P) - f(j | A + P + Q).  Without a query the second is left
    out: then it is f(A | P), or f(A) if P is empty too.

    Parameters
    ----------
    function : SetFunction
        The function f, started with the empty set.

    query, conditioning : tensor of int64, default=None
        The points of Q and P.  Those in both are added with a sharpened kernel.

    eta, nu : float, default=1.0
        Weights of Q and P.
    """

    submodular, least_gain = False, -inf  # Unless someone knows better.

    def __init__(self, function, query=None, conditioning=None, eta=1.0, nu=1.0):
        self.prior, self.informed = function, None
        if conditioning is not None:
            both = _in_both(query, conditioning)
            self.prior.add(conditioning[~both], nu)
            if both.any():
                self.prior.add_sharpened(conditioning[both], nu)
        if query is not None:
            self.informed = self.prior.branch()
            self.informed.add(query, eta)

    @property
    def keeps_gains(self):
        """Whether f keeps the gains of all points current."""
        return self.prior.keeps_gains

    @property
    def expected(self):
        """How many expected points are still to come; None if f expects nothing."""
        return getattr(self.prior, "expected", None)

    def expect(self, points):
        """Prepare for adding these points, one by one and in this order.

        Parameters
        ----------
        points : tensor of shape (n_points,), int64
            What will probably be added.

        Returns
        -------
        self : InformationMeasure
            The measure itself.
        """
        for function in self._functions():
            function.expect(points)
        return self

    def over(self, points):
        """Return a copy that knows of these points alone, as 0, 1, ... .

        Parameters
        ----------
        points : tensor of shape (n_points,), int64
            The points to keep.

        Returns
        -------
        measure : InformationMeasure
            The copy, with the same A.
        """
        twin = copy(self)
        twin.prior = self.prior.over(points)
        twin.informed = self.informed and self.informed.over(points)
        return twin

    def gains(self, points):
        """Return I_f(j; Q | A + P) for every point j.

        Parameters
        ----------
        points : tensor of shape (n_points,), int64
            The points to add one at a time.

        Returns
        -------
        gains : tensor of shape (n_points,)
            What each would add to the value of A.
        """
        if self.informed is None:
            return self.prior.gains(points)
        return self.prior.information(self.informed, points)

    def add(self, points):
        """Let A grow.

        Parameters
        ----------
        points : tensor of shape (n_points,), int64
            The points to add.

        Returns
        -------
        self : InformationMeasure
            The measure itself.
        """
        for function in self._functions():
            function.add(points)
        return self

    def _functions(self):
        return [self.prior] if self.informed is None else [self.prior, self.informed]


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


def _in_both(query, conditioning):
    """Return which points of P are in Q, too."""
    if conditioning is None:
        return torch.zeros(0, dtype=torch.bool)
    return torch.isin(conditioning, conditioning[:0] if query is None else query)
