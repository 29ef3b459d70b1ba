"""A comparison on a scenario, from labeled data to tables and files."""

from functools import partial
from pathlib import Path

import numpy as np
from skorch import NeuralNetClassifier

from .. import __version__, experiment
from ..baselines import MarginSampler, RandomSampler, TopCosineSampler
from ..measures import FUNCTIONS
from ..models import MLP, xavier
from ..sampler import SIMILARSampler
from ..scenarios import SCENARIOS
from ..training import paper_training
from ._report import opening, report, write_files
from ._tasks import SETTINGS, draw_task

__all__ = ["demonstrate", "functions_for", "methods_for", "network"]


def demonstrate(
    X, y, *, scenario, functions, n_rounds, budget, seeds, n_jobs, out, echo=print
):
    """Compare, print the tables, and write the files.

    Parameters
    ----------
    X, y : ndarray
        All data, as `load` returns it.

    scenario : str
        A key of `SETTINGS`.

    functions : sequence of str
        Functions of :class:`~sksimilar.SIMILARSampler` to compare.

    n_rounds, budget : int
        Rounds, and labels in each.

    seeds : sequence of int
        One repetition each.

    n_jobs : int
        Processes.

    out : path-like
        Directory for the files; it exists.

    echo : callable, default=print
        What to do with a paragraph of the report.

    Returns
    -------
    runs : dict of lists of experiment.Run
    """
    tasks = [draw_task(X, y, SETTINGS[scenario], seed) for seed in seeds]
    _check_room(tasks, n_rounds, budget)
    methods = methods_for(scenario, functions, budget)
    echo(opening(scenario, tasks, methods, n_rounds, budget))
    runs = experiment.compare(
        methods,
        tasks,
        network(X[0].size),
        scenario=scenario,
        n_rounds=n_rounds,
        n_jobs=n_jobs,
        track=partial(experiment.progress, total=len(methods) * len(tasks)),
    )
    echo(report(runs, tasks[0], SETTINGS[scenario].found))
    switches = {"scenario": scenario, "budget": budget, "version": __version__}
    echo(write_files(runs, tasks[0], Path(out), switches))
    return runs


def _check_room(tasks, n_rounds, budget):
    n_pool = min(np.count_nonzero(~task.labeled_mask) for task in tasks)
    if n_rounds * budget > n_pool:
        raise experiment.OptionError(
            "--rounds",
            f"{n_rounds} rounds of --budget {budget} ask for {n_rounds * budget} "
            f"labels, and the pool holds {n_pool} rows; lower one of the two.",
        )


def functions_for(scenario):
    """Return the names of the functions whose family fits a scenario in all rounds."""
    query = SCENARIOS[scenario].query is not None
    sets = SCENARIOS[scenario].names()
    conditioning = bool({"L", "L-R", "O"} & sets)  # O is there, though empty at first.
    named = [
        name
        for name, function in FUNCTIONS.items()
        if function.query in (None, query)
        and function.conditioning in (None, conditioning)
    ]
    return ["auto", *named]


def methods_for(scenario, functions, budget):
    """Return the samplers to compare, by name; the first is what others are held to."""
    methods = {"random": RandomSampler(budget=budget)}
    methods["margin"] = MarginSampler(budget=budget)
    if SCENARIOS[scenario].query is not None:
        methods["top cosine"] = TopCosineSampler(budget=budget)
    for name in functions:
        methods[name] = SIMILARSampler(function=name, budget=budget)
    return methods


def network(n_features):
    """Return a small network, trained as in the paper, anew in every round."""
    settings = paper_training(lr=0.05)
    callbacks = [*settings.pop("callbacks"), ("weights", xavier())]
    return NeuralNetClassifier(
        MLP,
        module__n_features=n_features,
        batch_size=32,
        callbacks=callbacks,
        **settings,
    )
