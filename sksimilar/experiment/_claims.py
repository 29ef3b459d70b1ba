"""What the paper claims, figure by figure, and what came of it here.

A claim is a row of `CLAIMS`; a kind of claim is a class that can `judge`.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ..measures import FUNCTIONS
from ._analysis import Comparison, total_penalty
from ._methods import methods_for
from ._protocols import PROTOCOLS
from ._readings import last_round, published
from ._verdicts import LEAST_SEEDS

__all__ = ["CLAIMS", "Ahead", "Claim", "Finding", "LeastPenalty", "Steadier"]

BASELINES = (  # Those of the paper.
    "random",
    "entropy",
    "margin",
    "leastconf",
    "badge",
    "coreset",
    "glister",
    "fisher",
)
OF_THE_PAPER = {*BASELINES, *FUNCTIONS} - {"com"}
YES, PARTLY, NO, NOT_RUN = "reproduced", "partly", "not reproduced", "not run"


class Finding(NamedTuple):
    """What came of a claim: a verdict, the paper's numbers, and ours."""

    verdict: str
    paper: str = ""
    ours: str = ""


class Ahead(NamedTuple):
    """Some methods end above the best of some others, by so many points at least.

    Which is the best is seen from the same runs, which favors it.  A negative number
    asks for no more than not to be so far behind.
    """

    experiment: str
    methods: tuple
    name: str = "accuracy"
    by: float = 0.0
    over: tuple = BASELINES

    def judge(self, outcomes):
        """Return the finding, from outcomes by the names of experiments."""
        outcome = outcomes.get(self.experiment)
        methods, over = _ran(outcome, self.methods), _ran(outcome, self.over)
        if not methods or not over:
            return Finding(NOT_RUN, self._paper())
        best = outcome.strongest(over, self.name)
        gains = [Comparison.of(outcome, m, best, name=self.name) for m in methods]
        gains = [gain for gain in gains if gain]
        ours = [f"{gain.method} - {best}: {gain.interval}" for gain in gains]
        n_pairs = min((gain.n_pairs for gain in gains), default=0)
        without, said = _without(outcome, (*self.methods, *self.over))
        verdict = self._verdict(gains, n_pairs)
        verdict = PARTLY if without and verdict == YES else verdict
        return Finding(verdict, self._paper(), "; ".join([*ours, *said]))

    def _verdict(self, gains, n_pairs):
        if n_pairs < LEAST_SEEDS:
            return f"too few seeds ({n_pairs})"
        least = min(self.by, 0.0)
        held = [g.mean >= self.by and g.mean - g.half_width > least for g in gains]
        begun = any(gain.mean - gain.half_width > least for gain in gains)
        return YES if all(held) else PARTLY if begun else NO

    def _paper(self):
        """Return what the paper's figure shows of it, where that was read."""
        round = last_round(self.experiment, self.name)
        shown = {
            method: published(self.experiment, self.name, method, round)
            for method in (*self.methods, *self.over)
        }
        shown = {method: value for method, value in shown.items() if value is not None}
        ours = [method for method in self.methods if method in shown]
        over = [method for method in self.over if method in shown]
        if not ours or not over:
            return ""
        best = max(over, key=shown.get)
        return "; ".join(f"{m} - {best}: {shown[m] - shown[best]:+.1f}" for m in ours)


class Steadier(NamedTuple):
    """Some methods vary less from run to run than some others, averaged over rounds."""

    experiment: str
    methods: tuple
    name: str = "accuracy"
    over: tuple = BASELINES

    def judge(self, outcomes):
        """Return the finding, from outcomes by the names of experiments."""
        outcome = outcomes.get(self.experiment)
        methods, over = _ran(outcome, self.methods), _ran(outcome, self.over)
        if not methods or not over:
            return Finding(NOT_RUN)
        # All methods share the first training.
        spread = {
            method: outcome.spread(method, self.name)[1:].mean()
            for method in (*methods, *over)
        }
        ours = ", ".join(f"{method} {spread[method]:.1f}" for method in methods)
        others = [spread[method] for method in over]
        span = f"{len(over)} others {min(others):.1f} to {max(others):.1f}"
        ours += f"; {span if len(over) > 1 else f'{over[0]} {others[0]:.1f}'}"
        n_seeds = min(map(outcome.n_seeds, spread))
        if n_seeds < LEAST_SEEDS:
            return Finding(f"too few seeds ({n_seeds})", "", ours)
        held = [spread[method] < min(others) for method in methods]
        without, said = _without(outcome, (*self.methods, *self.over))
        whole = all(held) and not without
        verdict = YES if whole else PARTLY if any(held) else NO
        return Finding(verdict, "", "; ".join([ours, *said]))


class LeastPenalty(NamedTuple):
    """Some methods have the lowest column sum and the highest row sum of penalties."""

    experiments: tuple
    methods: tuple
    name: str = "accuracy"

    def judge(self, outcomes):
        """Return the finding, from outcomes by the names of experiments."""
        some = [outcomes[name] for name in self.experiments if name in outcomes]
        if not some:
            return Finding(NOT_RUN)
        matrix, methods = total_penalty(some, self.name)
        kept = [place for place, m in enumerate(methods) if m in OF_THE_PAPER]
        methods = [methods[place] for place in kept]
        matrix = matrix[np.ix_(kept, kept)]
        if not {*self.methods} & {*methods}:
            return Finding(NOT_RUN)
        n_seeds = min(outcome.n_seeds(m) for outcome in some for m in methods)
        ours = _extremes(matrix, methods)
        ours += f" ({', '.join(outcome.name for outcome in some)})"
        if n_seeds < LEAST_SEEDS:
            return Finding(f"too few seeds ({n_seeds})", "", ours)
        all_ran = {*self.methods} <= {*methods}
        return Finding(self._verdict(matrix, methods, all_ran), "", ours)

    def _verdict(self, matrix, methods, all_ran):
        columns, rows = matrix.sum(axis=0), matrix.sum(axis=1)
        if not matrix.any():
            return NO
        ours = np.isin(methods, self.methods)
        last = ours.sum() - 1  # Of them, in the order of all methods.
        least = columns[ours].max() <= np.sort(columns)[last]
        most = rows[ours].min() >= np.sort(rows)[::-1][last]
        some = columns[ours].min() <= columns.min() or rows[ours].max() >= rows.max()
        return YES if least and most and all_ran else PARTLY if some else NO


def _ran(outcome, methods):
    """Return those of the methods that have runs."""
    return [] if outcome is None else [m for m in methods if m in outcome.runs]


def _without(outcome, methods):
    """Return which methods fit the experiment and did not run, and a text of them."""
    protocol = PROTOCOLS[outcome.name]
    fit = methods_for(protocol.scenario, protocol.budget)
    without = [m for m in methods if m in fit and m not in outcome.runs]
    return without, [f"not run: {', '.join(without)}"] if without else []


def _extremes(matrix, methods):
    """Return which methods have the three lowest column sums and highest row sums."""
    columns, rows = matrix.sum(axis=0), matrix.sum(axis=1)
    low, high = np.argsort(columns, kind="stable"), np.argsort(-rows, kind="stable")
    columns = ", ".join(f"{methods[i]} {columns[i]:.1f}" for i in low[:3])
    rows = ", ".join(f"{methods[i]} {rows[i]:.1f}" for i in high[:3])
    return f"lowest columns: {columns}; highest rows: {rows}"


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes
    ----------
    figure : str
        Where it is shown.

    text : str
        What is claimed.

    check : object with `judge`, default=None
        How it is tested; None where this package has no such experiment.

    instead : bool, default=False
        Whether the test is a smaller one than the paper's, to tell of only if it ran.
    """

    figure: str
    text: str
    check: object = None
    instead: bool = False

    def judge(self, outcomes):
        """Return the finding, from outcomes by the names of experiments."""
        return self.check.judge(outcomes) if self.check else Finding(NOT_RUN)


SMI = ("flqmi", "logdetmi")
SCG = ("flcg", "logdetcg")
SCMI = ("flcmi", "logdetcmi")
GRAPH_CUTS = ("gcmi", "divgcmi")

RARE = "LOGDETMI and FLQMI end above every baseline on the rare classes, by 10 or more"
OVERALL = "The same over all classes, by 5 or more"
MORE = "They pick more rare points than any baseline"
UNIQUE = "FLCG and LOGDETCG end above every baseline, by 3 or more"


def _rare(figure, experiment):
    return [
        Claim(figure, RARE, Ahead(experiment, SMI, "focus_accuracy", 10)),
        Claim(figure, OVERALL, Ahead(experiment, SMI, "accuracy", 5)),
        Claim(figure, MORE, Ahead(experiment, SMI, "n_found")),
        Claim(
            figure,
            "FLQMI and LOGDETMI are better than GCMI and DIV-GCMI on the rare classes",
            Ahead(experiment, SMI, "focus_accuracy", over=GRAPH_CUTS),
        ),
    ]


def _redundancy(figure, experiment):
    return [
        Claim(figure, UNIQUE, Ahead(experiment, SCG, by=3)),
        Claim(
            figure,
            "They pick more unique points than any baseline",
            Ahead(experiment, SCG, "n_found"),
        ),
    ]


def _ood(figure, experiment):
    return [
        Claim(
            f"{figure}, SCMI and baselines",
            "FLCMI and LOGDETCMI end above every baseline, by 5 or more",
            Ahead(experiment, SCMI, by=5),
        ),
        Claim(
            f"{figure}, SCMI and SMI",
            "LOGDETCMI ends above LOGDETMI, by 2 or more (queries of both grow)",
            Ahead(experiment, ("logdetcmi",), by=2, over=("logdetmi",)),
        ),
        Claim(
            f"{figure}, SCMI and SMI",
            "FLCMI ends above FLVMI and FLQMI, by 2 or more (queries of all grow)",
            Ahead(experiment, ("flcmi",), by=2, over=("flvmi", "flqmi")),
        ),
        Claim(
            f"{figure}, variance",
            "FLCMI and LOGDETCMI vary least from run to run, SMI functions included",
            Steadier(experiment, SCMI, over=BASELINES + SMI),
        ),
        Claim(
            f"{figure}, ID points",
            "They pick more in-distribution points than baselines and SMI functions",
            Ahead(experiment, SCMI, "n_found", over=BASELINES + SMI),
        ),
    ]


def _both(figure, experiment):
    return [
        Claim(
            figure,
            "SCMI and SMI functions end above every baseline on the rare classes",
            Ahead(experiment, SCMI + SMI, "focus_accuracy"),
        )
    ]


def _penalties(figure, experiments, names, methods, text):
    return [
        Claim(figure, f"{text} ({title})", LeastPenalty(experiments, methods, name))
        for title, name in names.items()
    ]


BOTH = {"rare classes": "focus_accuracy", "all classes": "accuracy"}
ALL = {"accuracy": "accuracy"}
LEAST = "have the lowest column sum and the highest row sum of the penalty matrix"


def _instead(claims, what):
    """Return claims as such that smaller experiments stand in for."""
    return [
        replace(claim, figure=f"{claim.figure} ({what})", instead=True)
        for claim in claims
    ]


SMALL = "LeNet, 28 x 28"

CLAIMS = [
    *_rare("3, CIFAR-10", "cifar-rare"),
    *_instead(_rare("3, CIFAR-10", "cifar-rare-small"), SMALL),
    *_rare("3, MNIST", "mnist-rare"),
    Claim(
        "3, MNIST",
        "FISHER-LV, of 40 times the query, ends at most 3 behind LOGDETMI and FLQMI",
        Ahead("mnist-rare", ("fisherlv",), "focus_accuracy", by=-3, over=SMI),
    ),
    Claim(
        "3, MNIST",
        "FISHER-LV picks more rare points than they do",
        Ahead("mnist-rare", ("fisherlv",), "n_found", over=SMI),
    ),
    Claim("3, ImageNet", "FLQMI is best, ahead of partitioned FLVMI and LOGDETMI"),
    *_redundancy("4, CIFAR-10", "cifar-redundancy"),
    *_instead(_redundancy("4, CIFAR-10", "cifar-redundancy-small"), SMALL),
    *_redundancy("4, MNIST", "mnist-redundancy-x10"),
    *_ood("5, CIFAR-10", "cifar-ood"),
    *_instead(_ood("5, CIFAR-10", "cifar-ood-small"), SMALL),
    *_ood("5, MNIST", "mnist-ood"),
    Claim("6, CIFAR-10", "LOGDET is on a par with BADGE and ENTROPY, and FL behind"),
    *_instead(
        [
            Claim(
                "6, CIFAR-10",
                "LOGDET ends at most 2 behind BADGE and ENTROPY",
                Ahead("mnist-balanced", ("logdet",), by=-2, over=("badge", "entropy")),
            ),
            Claim(
                "6, CIFAR-10",
                "LOGDET ends above FL",
                Ahead("mnist-balanced", ("logdet",), over=("fl",)),
            ),
        ],
        "MNIST",
    ),
    Claim(
        "7, MNIST 1 to 100",
        "LOGDETMI ends above every other method on the rare classes",
        Ahead(
            "mnist-rare-rho100",
            ("logdetmi",),
            "focus_accuracy",
            over=(*BASELINES, "flqmi", "flvmi", *GRAPH_CUTS),
        ),
    ),
    Claim(
        "7, MNIST B = 25",
        "LOGDETMI and FLQMI end above every baseline on the rare classes",
        Ahead("mnist-rare-b25", SMI, "focus_accuracy"),
    ),
    Claim("7, SVHN", "All SMI functions end above every baseline"),
    Claim(
        "8, MNIST B = 25",
        "LOGDETMI and FLQMI vary less from run to run than FISHER (5 times less)",
        Steadier("mnist-rare-b25", SMI, "focus_accuracy", over=("fisher",)),
    ),
    *_penalties(
        "9, rare classes",
        ("mnist-rare", "cifar-rare"),
        BOTH,
        SMI,
        f"LOGDETMI and FLQMI {LEAST}",
    ),
    *_redundancy("10, MNIST 5 times", "mnist-redundancy-x5"),
    *_redundancy("10, MNIST 20 times", "mnist-redundancy-x20"),
    Claim("10, SVHN", UNIQUE),
    *_penalties(
        "11, redundancy",
        ("mnist-redundancy-x10", "cifar-redundancy"),
        ALL,
        ("logdetcg",),
        LEAST.replace("have", "LOGDETCG has"),
    ),
    *_penalties(
        "12, OOD",
        ("mnist-ood", "cifar-ood"),
        ALL,
        ("logdetcmi", "logdetmi"),
        f"LOGDETCMI and LOGDETMI {LEAST}",
    ),
    Claim(
        "13, PneumoniaMNIST",
        "FLQMI and LOGDETMI end above every baseline on pneumonia, by 10 to 12",
        Ahead("pneumonia", SMI, "focus_accuracy", 10),
    ),
    Claim(
        "13, PneumoniaMNIST",
        "The same over both classes, by 8 to 10",
        Ahead("pneumonia", SMI, "accuracy", 8),
    ),
    Claim(
        "13, misclassified R",
        "FLQMI and LOGDETMI end above every baseline on pneumonia, by 10 to 12",
        Ahead("pneumonia-misclassified", SMI, "focus_accuracy", 10),
    ),
    *_both("14, CIFAR-10", "cifar-rare-redundancy"),
    *_instead(_both("14, CIFAR-10", "cifar-rare-redundancy-small"), SMALL),
]
