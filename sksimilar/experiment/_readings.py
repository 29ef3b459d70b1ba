"""The paper's numbers, read off its figures.

Readings are within about 0.4 points of accuracy and a few rows of what was drawn.
"""

from dataclasses import dataclass

__all__ = ["READINGS", "Reading", "last_round", "published"]

LAST = 9
CURVE = range(10)


@dataclass(frozen=True)
class Reading:
    """What a figure of the paper shows of one method.

    Attributes
    ----------
    experiment : str
        A key of `PROTOCOLS`.

    figure : str
        Of the paper.

    name : str
        Column of the results.

    method : str
        As `methods_for` calls it.

    rounds : tuple of int
        Trainings; the first is 0.

    values : tuple of float
        One for each: percent, or numbers of rows.
    """

    experiment: str
    figure: str
    name: str
    method: str
    rounds: tuple
    values: tuple


def _at(round, experiment, figure, name, **values):
    return [
        Reading(experiment, figure, name, method, (round,), (value,))
        for method, value in values.items()
    ]


def _along(rounds, experiment, figure, name, **curves):
    return [
        Reading(experiment, figure, name, method, tuple(rounds), values)
        for method, values in curves.items()
    ]


READINGS = [
    *_at(
        LAST,
        "cifar-rare",
        "3a",
        "focus_accuracy",
        random=25.1,
        entropy=30.2,
        badge=28.0,
        coreset=27.2,
        glister=29.0,
        fisherlv=26.4,
        gcmi=37.1,
        flvmi=37.6,
        flqmi=40.3,
        logdetmi=47.2,
    ),
    *_at(
        LAST,
        "cifar-rare",
        "3b",
        "accuracy",
        random=44.8,
        entropy=47.0,
        badge=47.0,
        coreset=43.7,
        gcmi=48.7,
        flvmi=51.0,
        flqmi=51.0,
        logdetmi=52.8,
    ),
    *_at(
        8,
        "cifar-rare",
        "3c",
        "n_found",
        random=88,
        entropy=144,
        badge=129,
        coreset=209,
        glister=214,
        fisherlv=263,
        gcmi=345,
        flvmi=288,
        flqmi=364,
        logdetmi=376,
    ),
    *_at(
        LAST,
        "mnist-rare",
        "3d",
        "focus_accuracy",
        random=74.7,
        entropy=78.7,
        badge=76.3,
        coreset=68.8,
        glister=65.0,
        fisherlv=83.5,
        gcmi=21.8,
        flqmi=86.2,
        logdetmi=86.0,
    ),
    *_along(
        CURVE,
        "mnist-rare",
        "3d",
        "focus_accuracy",
        random=(39.0, 63.9, 62.6, 73.7, 75.8, 76.3, 79.7, 77.0, 72.7, 74.7),
        logdetmi=(39.0, 71.0, 74.5, 72.0, 82.8, 81.2, 82.1, 84.7, 87.3, 86.0),
    ),
    *_at(
        LAST,
        "mnist-rare",
        "3e",
        "accuracy",
        random=86.6,
        entropy=88.6,
        badge=87.5,
        coreset=83.7,
        glister=81.9,
        fisherlv=89.6,
        gcmi=58.0,
        flqmi=91.5,
        logdetmi=92.6,
    ),
    *_at(
        8,
        "mnist-rare",
        "3f",
        "n_found",
        random=52,
        glister=41,
        fisherlv=465,
        gcmi=9,
        flvmi=199,
        flqmi=297,
        logdetmi=322,
    ),
    *_along(
        range(1, 9),
        "mnist-rare",
        "3f",
        "n_found",
        random=(10, 17, 24, 37, 40, 44, 48, 52),
        flqmi=(27, 65, 112, 155, 186, 223, 260, 297),
        logdetmi=(50, 84, 123, 166, 211, 248, 284, 322),
    ),
    *_at(
        LAST,
        "cifar-redundancy",
        "4a",
        "accuracy",
        random=70.2,
        entropy=73.8,
        badge=75.8,
        coreset=75.7,
        flcg=78.2,
        logdetcg=78.2,
    ),
    *_at(
        LAST,
        "mnist-redundancy-x10",
        "4b",
        "accuracy",
        random=84.3,
        entropy=88.8,
        badge=88.5,
        coreset=86.0,
        flcg=91.7,
        logdetcg=91.7,
    ),
    *_at(
        LAST,
        "cifar-redundancy",
        "4c",
        "n_found",
        random=2256,
        entropy=2995,
        badge=3342,
        coreset=3640,
        flcg=4150,
        logdetcg=4234,
    ),
    *_at(1, "cifar-redundancy", "4c", "n_found", random=465, flcg=250),
    *_at(
        LAST,
        "cifar-ood",
        "5a, 5b",
        "accuracy",
        random=69.4,
        entropy=72.3,
        badge=70.3,
        coreset=66.9,
        flcmi=75.2,
        logdetcmi=76.9,
        logdetmi=74.5,
        flqmi=74.1,
    ),
    *_at(
        LAST,
        "mnist-ood",
        "5d, 5e",
        "accuracy",
        random=76.7,
        entropy=74.1,
        badge=80.3,
        coreset=74.5,
        flcmi=85.0,
        logdetcmi=90.9,
        logdetmi=88.0,
        flqmi=86.5,
    ),
    *_along(
        CURVE,
        "mnist-ood",
        "5d, 5e",
        "accuracy",
        random=(72.6, 75.2, 75.2, 74.6, 77.5, 76.7, 77.4, 75.9, 77.1, 76.7),
        logdetmi=(72.6, 76.8, 79.2, 80.3, 83.0, 84.1, 85.2, 84.8, 86.9, 88.0),
        flcmi=(72.6, 74.0, 75.3, 77.7, 79.0, 81.5, 81.4, 82.1, 82.4, 85.0),
        logdetcmi=(72.6, 76.9, 77.8, 79.8, 80.3, 82.8, 86.0, 86.5, 88.2, 90.9),
    ),
    *_at(
        8,
        "mnist-ood",
        "5f",
        "n_found",
        random=9,
        entropy=0,
        flcmi=104,
        logdetcmi=126,
        logdetmi=122,
        flqmi=119,
    ),
    *_along(
        range(1, 9),
        "mnist-ood",
        "5f",
        "n_found",
        logdetcmi=(11, 25, 40, 56, 74, 91, 108, 126),
    ),
]


def published(experiment, name, method, round=LAST):
    """Return what the paper shows of a method after some rounds, or None.

    Parameters
    ----------
    experiment, name, method
        As for `Reading`.

    round : int, default=9
        Training; the first is 0.

    Returns
    -------
    value : float or None
    """
    for reading in READINGS:
        whose = (reading.experiment, reading.name, reading.method)
        if whose == (experiment, name, method) and round in reading.rounds:
            return reading.values[reading.rounds.index(round)]
    return None


def last_round(experiment, name):
    """Return the last training of which the paper shows a number.

    Parameters
    ----------
    experiment, name
        As for `Reading`.

    Returns
    -------
    round : int
        Counts end one before accuracies in some figures.
    """
    rounds = [
        round
        for reading in READINGS
        if (reading.experiment, reading.name) == (experiment, name)
        for round in reading.rounds
    ]
    return max(rounds, default=LAST)
