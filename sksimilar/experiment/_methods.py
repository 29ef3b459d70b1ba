"""The methods that each scenario compares."""

from dataclasses import dataclass
from functools import partial

from ..baselines import (
    BADGESampler,
    CoreSetSampler,
    DistinctMarginSampler,
    EntropySampler,
    FASSSampler,
    FISHERSampler,
    GLISTERSampler,
    LeastConfidenceSampler,
    MarginSampler,
    MostLikelyPositiveSampler,
    RandomSampler,
    TopCosineSampler,
)
from ..measures import FUNCTIONS
from ..sampler import SIMILARSampler
from ..scenarios import Scenario, resolve
from ..similarity import METRICS

__all__ = ["Method", "methods_for", "order", "similar"]

BASELINES = {
    "random": RandomSampler,
    "entropy": EntropySampler,
    "margin": MarginSampler,
    "leastconf": LeastConfidenceSampler,
    "badge": BADGESampler,
    "coreset": CoreSetSampler,
    "glister": GLISTERSampler,
    "fass": FASSSampler,
    "distinctmargin": DistinctMarginSampler,
}

# Those that look at the query too.
BY_QUERY = {
    "fisher": FISHERSampler,
    "topcosine": TopCosineSampler,
    "mostpositive": MostLikelyPositiveSampler,
}

SYNONYMS = {"flq"}  # Of flqmi.


@dataclass(frozen=True)
class Method:
    """A sampler, and the sets that it is given.

    Parameters
    ----------
    sampler : sampler
        Not fitted.

    scenario : Scenario
        Names Q and P.
    """

    sampler: object
    scenario: Scenario


def methods_for(scenario, budget, **options):
    """Return all methods that fit a scenario, by the names that results use.

    They are the baselines; the functions of Table 2 whose family fits Q and P; where
    there are both, also those that leave out P, as the paper compares them; and "auto".

    Parameters
    ----------
    scenario : str
        A key of `sksimilar.scenarios.SCENARIOS`.

    budget : int
        Labels in a round.

    **options : dict
        Parameters of :class:`~sksimilar.SIMILARSampler`.  Functions that are not
        defined for a ``metric`` among them are left out.

    Returns
    -------
    methods : dict of Method
        By their names.

    Examples
    --------
    >>> from sksimilar.experiment import methods_for
    >>> methods = methods_for("redundancy", budget=50)
    >>> [name for name, method in methods.items() if hasattr(method.sampler, "nu")]
    ['flcg', 'gccg', 'logdetcg', 'auto']
    """
    full = resolve(scenario)
    baselines = BASELINES | (BY_QUERY if full.query else {})
    methods = {
        name: Method(make(budget=budget), full) for name, make in baselines.items()
    }
    ours = partial(SIMILARSampler, budget=budget, **options)
    for sets in (full, Scenario(query=full.query)) if full.query else (full,):
        for name in _functions(sets, options.get("metric", "cosine")):
            methods[name] = Method(ours(function=name), sets)
    return methods | {"auto": Method(ours(function="auto"), full)}


def similar(name):
    """Return whether a method is one of SIMILAR's functions, and no baseline."""
    return name == "auto" or name in FUNCTIONS


def order(names):
    """Return names of methods in order: baselines, SIMILAR's functions, any others.

    Parameters
    ----------
    names : collection of str
        Names of methods of any scenario.

    Returns
    -------
    names : list of str
    """
    known = [*BASELINES, *BY_QUERY, *FUNCTIONS, "auto"]
    places = {name: place for place, name in enumerate(known)}
    return sorted(names, key=lambda name: (places.get(name, len(known)), name))


def _functions(sets, metric):
    """Return the names of the functions that need these sets, or none where none is."""
    family = (sets.query is not None, sets.conditioning is not None)
    family = family if any(family) else (None, None)
    least, most = METRICS[metric].bounds
    for name, named in FUNCTIONS.items():
        low, high = named.make().domain
        fits = (named.query, named.conditioning) == family and name not in SYNONYMS
        if fits and low <= least and most <= high:
            yield name
