"""The methods that each scenario compares."""

from dataclasses import dataclass
from functools import partial

from sklearn.base import clone

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

# Those that look at the validation rows of a task instead.
BY_VALIDATION = {"fisherlv": FISHERSampler}

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

    def sampler_for(self, task):
        """Return the sampler as it is run on a task.

        Parameters
        ----------
        task : Task
            What the methods share.

        Returns
        -------
        sampler : sampler
            Not fitted.
        """
        return self.sampler


class Validated(Method):
    """A method whose sampler is given the validation rows of the task, too.

    Their labels must be 0, 1, ..., which is what the network is trained on.
    """

    def sampler_for(self, task):
        rows = task.X_validation, task.y_validation
        return clone(self.sampler).set_params(validation=rows)


def methods_for(scenario, budget, **options):
    """Return all methods that fit a scenario, by the names that results use.

    They are the baselines; with a query also those that look at it, and "fisherlv", which
    looks instead at 40 times as many rows beside the split, or as many as that has left;
    the functions of Table 2 whose family fits Q and P; where there are both, also those
    that leave out P, as the paper compares them; and "auto".

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
    baselines = {Method: BASELINES}
    if full.query:
        baselines = {Method: BASELINES | BY_QUERY, Validated: BY_VALIDATION}
    methods = {
        name: kind(make(budget=budget), full)
        for kind, makers in baselines.items()
        for name, make in makers.items()
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
    known = [*BASELINES, *BY_QUERY, *BY_VALIDATION, *FUNCTIONS, "auto"]
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
