"""Maximize a measure over sets of a given size.  Floor 1.

An optimizer is a function of a measure, candidates and a budget.  It knows two verbs,
``gains(points)`` and ``add(points)``, and no formula.  A measure may also say that it is
``submodular``, that no gain is ever below its ``least_gain``, and that it ``keeps_gains``
of all points current, so that reading them costs next to nothing; it may ``expect``
points, to prepare for adding them; give ``limits`` above the gains of points, and
``floors`` that they never fall below; and name the ``resolution`` of its gains.  Of a
measure that says none of this nothing is assumed.

Ties go to the earliest candidate: whoever calls orders them by preference.  Gains that
differ by less than the rounding of their sum count as tied (`resolution`), because
duplicated rows have gains that are equal on paper and not in floating point.
"""

from .._validation.words import check_choice
from ._greedy import greedy
from ._lazy import lazy
from ._record import Selection
from ._sparse import neighbors_kept, sparse
from ._stochastic import lazier_than_lazy, stochastic

__all__ = [
    "OPTIMIZERS",
    "Selection",
    "best_route",
    "greedy",
    "lazier_than_lazy",
    "lazy",
    "neighbors_kept",
    "resolve_optimizer",
    "sparse",
    "stochastic",
]

OPTIMIZERS = {
    "greedy": greedy,
    "lazy": lazy,
    "sparse": sparse,
    "stochastic": stochastic,
    "lazier_than_lazy": lazier_than_lazy,
}


def best_route(measure):
    """Return the cheapest optimizer whose picks are those of exact greedy.

    Parameters
    ----------
    measure : object with `gains` and `add`
        What is to be maximized.

    Returns
    -------
    optimizer : callable
        `lazy` for submodular measures that do not keep their gains current, or `greedy`.
    """
    exact = getattr(measure, "submodular", False)
    return lazy if exact and not getattr(measure, "keeps_gains", False) else greedy


def resolve_optimizer(optimizer, measure):
    """Return the function that a name, 'auto' or a callable stands for.

    Parameters
    ----------
    optimizer : str or callable
        A key of `OPTIMIZERS`, 'auto' for `best_route`, or a function, which is returned
        as it is.

    measure : object with `gains` and `add`
        What is to be maximized.

    Returns
    -------
    optimizer : callable
        Called as `greedy` is.

    Raises
    ------
    ValueError
        For an unknown name.
    """
    if callable(optimizer):
        return optimizer
    if check_choice(optimizer, ["auto", *OPTIMIZERS], "optimizer") == "auto":
        return best_route(measure)
    return OPTIMIZERS[optimizer]
