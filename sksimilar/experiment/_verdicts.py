"""How near to the paper's numbers ours must come, and come."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from ._protocols import PROTOCOLS
from ._readings import last_round, published
from ._statistics import expected_found

__all__ = ["ERRORS", "LEAST_SEEDS", "TELLABLE", "Verdict", "agreement", "expectation"]

# Bands, fixed before the runs.
POINTS = 5.0
SHARE = 0.15
ERRORS = 3.0
LEAST_SEEDS = 5

# Twice what a reading may be wrong by: methods that are nearer have no order.
TELLABLE = {"accuracy": 0.8, "focus_accuracy": 0.8, "n_found": 6}

# Whose counts must be near the paper's.
COUNTED = {
    "rare": ("logdetmi", "flqmi"),
    "ood": ("logdetcmi", "logdetmi", "flqmi"),
    "redundancy": ("logdetcg", "flcg"),
}


@dataclass(frozen=True)
class Verdict:
    """How near the runs of a method come to what the paper shows of it.

    Attributes
    ----------
    values : tuple of float
        Means over seeds, one for each round of the reading; none if it did not run.

    text : str
        Whether they are within the band, and which band it is.
    """

    values: tuple
    text: str

    @classmethod
    def of(cls, reading, outcome):
        """Judge a reading by the runs of its experiment.

        Parameters
        ----------
        reading : Reading
            What the paper shows.

        outcome : Outcome
            What was found here.

        Returns
        -------
        verdict : Verdict
        """
        ran = outcome.n_seeds(reading.method)
        if not ran:
            return cls((), "not run")
        means = outcome.curves(reading.method, reading.name).mean(axis=0)
        rounds = [round for round in reading.rounds if round < len(means)]
        if not rounds:
            return cls((), "fewer rounds")
        values = means[rounds]
        band, center, width = _band(reading, outcome, rounds)
        if band is None:
            return cls(tuple(values), "no band")
        if ran < LEAST_SEEDS:
            return cls(tuple(values), f"too few seeds ({ran})")
        inside = np.abs(values - center) <= width + 1e-9
        text = "in band" if inside.all() else "**out of band**"
        part = f", {inside.sum()} of {len(inside)} rounds in" if len(inside) > 1 else ""
        return cls(tuple(values), f"{text} ({band}{part})")


def _band(reading, outcome, rounds):
    """Return what the band is called, its centers and its half-widths; or None."""
    values = np.array(reading.values[: len(rounds)], dtype=float)
    if reading.name != "n_found":
        return f"{POINTS:.0f} points", values, POINTS
    if reading.method == "random":
        center, error = np.transpose([expectation(outcome, r) for r in rounds])
        shown = f" of {center[0]:.1f}" if len(rounds) == 1 else ""
        return f"{ERRORS:.0f} standard errors{shown}", center, ERRORS * error
    if reading.method in COUNTED.get(PROTOCOLS[reading.experiment].scenario, ()):
        return f"{SHARE:.0%}", values, SHARE * values
    return None, values, 0.0


def expectation(outcome, round):
    """Return how many wanted rows RANDOM finds, exactly, and the error of a mean.

    Parameters
    ----------
    outcome : Outcome
        Of an experiment of `PROTOCOLS`.

    round : int
        Rounds of asking.

    Returns
    -------
    mean, error : float
        Expectation, and standard error of the mean over the runs of RANDOM.
    """
    n_picks = int(outcome.n_picks[round])
    mean, spread = expected_found(_copies(PROTOCOLS[outcome.name]), n_picks)
    return mean, spread / np.sqrt(max(outcome.n_seeds("random"), 1))


@cache
def _copies(protocol):
    return protocol.copies()


def agreement(outcome, name):
    """Return how many pairs of methods are in the order that the paper shows at last.

    Parameters
    ----------
    outcome : Outcome
        What was found here.

    name : str
        Column of the results.

    Returns
    -------
    n_alike, n_pairs : int
        Of the pairs that both have, and whose readings can be told apart.
    """
    round = last_round(outcome.name, name)
    if round >= len(outcome.n_labels):
        return 0, 0
    shown = {m: published(outcome.name, name, m, round) for m in outcome.methods}
    shown = {method: value for method, value in shown.items() if value is not None}
    ours = [outcome.curves(m, name).mean(axis=0)[round] for m in shown]
    paper, ours = np.array(list(shown.values()), dtype=float), np.array(ours)
    ahead = np.subtract.outer(paper, paper) > TELLABLE[name]
    alike = ahead & (np.subtract.outer(ours, ours) > 0)
    return int(alike.sum()), int(ahead.sum())
