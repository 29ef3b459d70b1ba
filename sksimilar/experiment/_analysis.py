"""The runs of one experiment as arrays, and how its methods compare."""

from dataclasses import dataclass, field, fields
from functools import partial
from itertools import permutations

import numpy as np

from ..model_selection import learning_curve_area
from ._methods import order, similar
from ._statistics import (
    detectable_difference,
    holm,
    paired_difference,
    signed_rank,
)
from ._switches import Switches

__all__ = [
    "ENDPOINTS",
    "Comparison",
    "Outcome",
    "comparisons",
    "corrected",
    "penalty_matrix",
    "total_penalty",
]

# Columns of the results that are numbers of each training, and what to multiply by.
NUMBERS = {
    "n_labeled": 1,
    "accuracy": 100,
    "focus_accuracy": 100,
    "n_found": 1,
    "seconds_select": 1,
    "seconds_run": 1,
    "seconds_cpu": 1,
}
UNTOLD = {"seconds_cpu": "nan"}  # By results of earlier versions.
SWITCHES = tuple(switch.name for switch in fields(Switches))
FACTS = ("experiment", "rounds", *SWITCHES, "version", "torch", "cpu", "cores")
AGAINST = ("random", "badge")


@dataclass(frozen=True)
class Outcome:
    """All runs of one experiment; accuracies are in percent.

    Parameters
    ----------
    runs : dict of dict of dict of ndarray of shape (n_rounds + 1,)
        By method, seed and column.

    facts : dict of str
        Name of the experiment, switches, machine; several values where rows differ.

    Examples
    --------
    >>> from sksimilar.experiment import Outcome
    >>> counts = ["n_found", "seconds_select", "seconds_run", "seconds_cpu"]
    >>> zeros = dict.fromkeys(counts, "0")
    >>> rows = [
    ...     {"method": method, "seed": "0", "round": str(k), "n_labeled": str(10 + k)}
    ...     | {"accuracy": score, "focus_accuracy": score, **zeros}
    ...     for method in ("margin", "random")
    ...     for k, score in enumerate(["0.5", "0.75"])
    ... ]
    >>> outcome = Outcome.from_rows(rows)
    >>> outcome.methods, outcome.curves("margin", "accuracy").tolist()
    (['random', 'margin'], [[50.0, 75.0]])
    """

    runs: dict = field(repr=False)
    facts: dict

    @classmethod
    def from_rows(cls, rows):
        """Return the outcome that the rows of a CSV file tell of.

        Parameters
        ----------
        rows : list of dict of str
            As `reproduce` returns them, in any order.

        Returns
        -------
        outcome : Outcome
            Its methods are in order, baselines first.

        Raises
        ------
        ValueError
            Where a number is missing, or runs differ in their rounds.
        """
        found = {}
        for row in sorted(rows, key=lambda row: int(row["round"])):
            run = found.setdefault((row["method"], int(row["seed"])), [])
            told = UNTOLD | row
            run.append([scale * float(told[name]) for name, scale in NUMBERS.items()])
        if len({len(run) for run in found.values()}) != 1:
            raise ValueError("runs differ in their number of rounds")
        n_rounds = len({int(row["round"]) for row in rows})
        if any(len(run) != n_rounds for run in found.values()):
            raise ValueError("a run has a round twice, or lacks one")
        runs = {method: {} for method in order({method for method, _ in found})}
        for method, seed in sorted(found):
            columns = np.array(found[method, seed]).T
            runs[method][seed] = dict(zip(NUMBERS, columns))
        facts = {
            fact: dict.fromkeys(row.get(fact, "") for row in rows) for fact in FACTS
        }
        return cls(runs, {fact: ", ".join(values) for fact, values in facts.items()})

    @property
    def changed(self):
        """Switches that are not as they are by default."""
        usual = {name: str(getattr(Switches(), name)) for name in SWITCHES}
        values = {name: self.facts[name] for name in SWITCHES}
        return {name: v for name, v in values.items() if v not in ("", usual[name])}

    @property
    def name(self):
        """Name of the experiment."""
        return self.facts["experiment"]

    @property
    def methods(self):
        """Names of the methods: baselines first."""
        return list(self.runs)

    @property
    def similar(self):
        """Names of those methods that are SIMILAR's."""
        return [method for method in self.runs if similar(method)]

    @property
    def baselines(self):
        """Names of the other methods."""
        return [method for method in self.runs if not similar(method)]

    @property
    def endpoint(self):
        """The accuracy that matters most: that of the rare classes, if there are any."""
        return "focus_accuracy" if self._has_focus() else "accuracy"

    def _has_focus(self):
        return any(
            np.any(run["focus_accuracy"] != run["accuracy"])
            for by_seed in self.runs.values()
            for run in by_seed.values()
        )

    @property
    def n_labels(self):
        """Numbers of labels, shape (n_rounds + 1,)."""
        return next(iter(next(iter(self.runs.values())).values()))["n_labeled"]

    @property
    def n_picks(self):
        """Numbers of rows asked for, shape (n_rounds + 1,)."""
        return self.n_labels - self.n_labels[0]

    @property
    def common(self):
        """Seeds that all methods have, ascending."""
        return sorted(set.intersection(*(set(each) for each in self.runs.values())))

    def n_seeds(self, method):
        """Return the number of runs of a method.

        Parameters
        ----------
        method : str
            Its name.

        Returns
        -------
        n_seeds : int
            It may be 0.
        """
        return len(self.runs.get(method, ()))

    def strongest(self, methods, name):
        """Return which of some methods ends highest, of those with enough runs to tell.

        Parameters
        ----------
        methods : list of str
            Names of methods that ran.

        name : str
            The column.

        Returns
        -------
        method : str
            One of those with the most seeds, as a mean over fewer is of other splits.
        """
        most = max(map(self.n_seeds, methods))
        even = [method for method in methods if self.n_seeds(method) == most]
        return max(even, key=lambda method: self.curves(method, name)[:, -1].mean())

    def curves(self, method, name, seeds=None):
        """Return a column of the runs of a method.

        Parameters
        ----------
        method : str
            Its name.

        name : str
            The column.

        seeds : list of int, default=None
            Which runs; all by default.

        Returns
        -------
        curves : ndarray of shape (n_seeds, n_rounds + 1)
            One row for each run.
        """
        runs = self.runs[method]
        return np.array([runs[seed][name] for seed in (seeds or runs)])

    def pair(self, first, second, name):
        """Return a column of two methods under the seeds that both have.

        Parameters
        ----------
        first, second : str
            The methods.

        name : str
            The column.

        Returns
        -------
        first_curves, second_curves : ndarray of shape (n_pairs, n_rounds + 1)
            Rows of the same place are of the same seed.
        """
        seeds = sorted(self.runs[first].keys() & self.runs[second].keys())
        if not seeds:
            return np.empty((2, 0, len(self.n_labels)))
        return [self.curves(method, name, seeds) for method in (first, second)]

    def spread(self, method, name):
        """Return the standard deviation over runs in every round (Fig. 5c and 8).

        Parameters
        ----------
        method : str
            Its name.

        name : str
            The column.

        Returns
        -------
        spread : ndarray of shape (n_rounds + 1,)
            NaN for a single run.
        """
        curves = self.curves(method, name)
        alone = len(curves) < 2
        return (
            curves.std(axis=0, ddof=1)
            if not alone
            else np.full(curves[0].shape, np.nan)
        )


def final(n_labels, curves):
    """Return where curves end."""
    return curves[:, -1]


# Fixed before the first run.
ENDPOINTS = {"final": final, "area": learning_curve_area}


@dataclass(frozen=True)
class Comparison:
    """What one method gains over another under the same seeds.

    Parameters
    ----------
    method, against, endpoint : str
        What is compared.

    n_pairs : int
        Seeds that both have.

    mean, half_width : float
        Student's 95 % interval is mean - half_width to mean + half_width.

    p : float
        Of Wilcoxon's signed-rank test.

    detectable : float
        Smallest difference that so many seeds show with a chance of 80 %.
    """

    method: str
    against: str
    endpoint: str
    n_pairs: int
    mean: float
    half_width: float
    p: float
    detectable: float

    @property
    def interval(self):
        """The mean and its interval, if there is one, as text."""
        if np.isnan(self.half_width):
            return f"{self.mean:+.1f}"
        low, high = self.mean - self.half_width, self.mean + self.half_width
        return f"{self.mean:+.1f} [{low:+.1f}, {high:+.1f}]"

    @classmethod
    def of(cls, outcome, method, against, endpoint="final", name=None):
        """Compare two methods of an outcome.

        Parameters
        ----------
        outcome : Outcome
            Holds their runs.

        method, against : str
            Names.

        endpoint : {'final', 'area'}, default='final'
            Where the learning curve ends, or its mean height.

        name : str, default=None
            Column of the results; by default the endpoint of the outcome.

        Returns
        -------
        comparison : Comparison or None
            None without a common seed.
        """
        pair = outcome.pair(method, against, name or outcome.endpoint)
        if len(pair[0]) == 0:
            return None
        first, second = map(partial(ENDPOINTS[endpoint], outcome.n_labels), pair)
        n_pairs, difference = len(first), first - second
        spread = difference.std(ddof=1) if n_pairs > 1 else np.nan
        return cls(
            method,
            against,
            endpoint,
            n_pairs,
            *paired_difference(first, second),
            signed_rank(first, second),
            detectable_difference(spread, n_pairs),
        )


def comparisons(outcome, against=AGAINST):
    """Return all comparisons with some baselines.

    Parameters
    ----------
    outcome : Outcome
        Holds the runs.

    against : sequence of str, default=("random", "badge")
        Baselines.

    Returns
    -------
    compared : list of Comparison
        Of every other method at both endpoints, where seeds are common.
    """
    every = (
        Comparison.of(outcome, method, baseline, endpoint)
        for baseline in against
        for method in outcome.methods
        for endpoint in ENDPOINTS
        if baseline in outcome.runs and method != baseline
    )
    return [comparison for comparison in every if comparison]


def corrected(compared):
    """Return Holm's corrected p-values of the comparisons that the paper is about.

    They are those of SIMILAR's functions, all of them one family; what baselines gain
    over each other is shown without a test.

    Parameters
    ----------
    compared : list of Comparison
        Of one experiment.

    Returns
    -------
    p : dict of float
        By comparison.
    """
    family = [comparison for comparison in compared if similar(comparison.method)]
    return dict(zip(family, holm([comparison.p for comparison in family]).tolist()))


def penalty_matrix(outcome, name=None, methods=None):
    """Return how often each method is significantly better than each other one.

    Cell (i, j) is the share of trainings in which method i is above method j by a
    two-tailed paired t-test at 5 %, without correction (Appendix B.3 of the paper).

    Parameters
    ----------
    outcome : Outcome
        Holds the runs; each pair of methods is compared by its common seeds.

    name : str, default=None
        Column of the results; by default the endpoint of the outcome.

    methods : list of str, default=None
        Rows and columns; all methods by default.

    Returns
    -------
    matrix : ndarray of shape (n_methods, n_methods)
        Low sums of columns are good, and high sums of rows.
    """
    methods = methods or outcome.methods
    matrix = np.zeros((len(methods), len(methods)))
    for i, j in permutations(range(len(methods)), 2):
        pair = outcome.pair(methods[i], methods[j], name or outcome.endpoint)
        if len(pair[0]) > 1:
            # The test rejects where the interval excludes 0.
            mean, half_width = paired_difference(*pair)
            matrix[i, j] = np.mean(mean > half_width)
    return matrix


def total_penalty(outcomes, name=None):
    """Return the sum of penalty matrices over experiments.

    Parameters
    ----------
    outcomes : list of Outcome
        One for each pair of data set and model.

    name : str, default=None
        Column of the results; by default the endpoint of each outcome.

    Returns
    -------
    matrix : ndarray of shape (n_methods, n_methods)
        Its cells are at most the number of experiments.

    methods : list of str
        Rows and columns: the methods that all experiments have.
    """
    common = set.intersection(*(set(outcome.methods) for outcome in outcomes))
    methods = order(common)
    if not methods:
        return np.zeros((0, 0)), methods
    return sum(penalty_matrix(each, name, methods) for each in outcomes), methods
