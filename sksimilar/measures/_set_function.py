"""The one formula: every family of a set function from its gains."""

from abc import abstractmethod
from copy import copy
from math import inf

import torch
from sklearn.base import clone

from ._base import AcquisitionFunction, in_both


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
            both = in_both(query, conditioning)
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
