"""The protocol: methods x seeds x rounds, paired by seed.  Floor 6.

What the methods share under one seed is a `Task`: the split, the first labels and, by
the seed itself, the initial weights and the order of batches.  Differences between
methods are therefore taken seed by seed, and seeds vary the split too.  Test rows are
never among the rows of the learner.
"""

import csv
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from joblib import Parallel, delayed, parallel_config
from scipy import integrate, stats

from .learner import ActiveLearner

__all__ = [
    "Run",
    "Task",
    "area_under_curve",
    "compare",
    "paired_difference",
    "run",
    "write_csv",
]


@dataclass(frozen=True)
class Task:
    """All that the methods share under one seed.

    Attributes
    ----------
    X : ndarray of shape (n_samples, ...)
        Rows that are labeled at first, and the pool.

    y : ndarray of shape (n_samples,)
        What the annotator calls them.

    labeled_mask : ndarray of bool of shape (n_samples,)
        The first labels.

    query_mask : ndarray of bool of shape (n_samples,), or None
        Those of them that stand for what is wanted.

    identity : ndarray of int64 of shape (n_samples,)
        Copies share a number; -1 for rows that nobody wants.

    X_test, y_test : ndarray
        Rows to score on, of no row of X.

    focus : tuple
        Classes to score by themselves, as the mean of their accuracies.

    seed : int
        Of the run: initial weights, batches and ties.

    ood_label : object, default=None
        What the annotator calls rows that are out of distribution.
    """

    X: np.ndarray
    y: np.ndarray
    labeled_mask: np.ndarray
    query_mask: np.ndarray | None
    identity: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    focus: tuple
    seed: int
    ood_label: object = None

    @property
    def n_wanted(self):
        """Number of distinct wanted rows in the pool."""
        return len(self._distinct(np.flatnonzero(~self.labeled_mask)))

    def n_found(self, rows):
        """Return how many distinct wanted rows there are among some positions."""
        return len(self._distinct(rows))

    def scores(self, predicted):
        """Return the accuracies on the test rows."""
        correct = predicted == self.y_test
        focus = [correct[self.y_test == label].mean() for label in self.focus]
        return {
            "accuracy": correct.mean(),
            "focus_accuracy": np.mean(focus) if focus else np.nan,
        }

    def _distinct(self, rows):
        return np.setdiff1d(self.identity[rows], -1)


@dataclass(frozen=True)
class Run:
    """What one method did on one task.

    Attributes
    ----------
    method : str
        Its name.

    seed : int
        Of the task.

    records : list of dict
        One for each training, of plain numbers.

    selected : ndarray of int64
        Positions in the task's X, in order of choice.
    """

    method: str
    seed: int
    records: list = field(repr=False)
    selected: np.ndarray = field(repr=False)

    def curve(self, name):
        """Return one number of every record, shape (n_rounds + 1,)."""
        return np.array([record[name] for record in self.records], dtype=float)


def run(method, sampler, task, estimator, scenario, n_rounds):
    """Run one method on one task.

    Parameters
    ----------
    method : str
        Name of the method.

    sampler, estimator, scenario, n_rounds
        As for :class:`~sksimilar.ActiveLearner`.

    task : Task
        Data and seed.

    Returns
    -------
    run : Run
    """
    learner = ActiveLearner(
        estimator,
        sampler,
        scenario=scenario,
        n_rounds=n_rounds,
        ood_label=task.ood_label,
        keep_estimators=True,
        random_state=task.seed,
    )
    with _one_thread(), warnings.catch_warnings():
        # A saturated function warns in every round; the records count it.
        warnings.filterwarnings("ignore", message="Only .* picks carried information")
        learner.fit(
            task.X, task.y, labeled_mask=task.labeled_mask, query_mask=task.query_mask
        )
        predictions = list(learner.staged_predict(task.X_test))
    return _as_run(method, task, learner.history_, predictions)


def _as_run(method, task, history, predictions):
    records, selected = [], np.empty(0, dtype=np.int64)
    for told, predicted in zip(history, predictions, strict=True):
        asked = np.array(told.get("selected", []), dtype=np.int64)
        records.append(
            {
                "round": told["round"],
                "n_labeled": told["n_labeled"],
                **task.scores(predicted),
                "n_found": task.n_found(selected),
                "seconds_train": told["seconds_train"],
                "seconds_select": told.get("seconds_embed", np.nan)
                + told.get("seconds_select", np.nan),
                "n_asked": len(asked),
                "n_informative": told.get("n_informative", len(asked)),
            }
        )
        selected = np.concatenate([selected, asked])
    return Run(method, task.seed, records, selected)


def compare(methods, tasks, estimator, *, scenario, n_rounds, n_jobs=None, track=iter):
    """Run every method on every task.

    Parameters
    ----------
    methods : dict of samplers
        By their names.

    tasks : list of Task
        One for each seed.

    estimator, scenario, n_rounds
        As for :class:`~sksimilar.ActiveLearner`.

    n_jobs : int, default=None
        Processes.  Results do not depend on it, times of selection may.

    track : callable, default=iter
        Wraps the iterable of finished runs, to show progress.

    Returns
    -------
    runs : dict of lists of Run
        For each method one run per task, in the order of the tasks.
    """
    jobs = [
        delayed(run)(name, sampler, task, estimator, scenario, n_rounds)
        for task in tasks
        for name, sampler in methods.items()
    ]
    with parallel_config(backend="loky", inner_max_num_threads=1):
        finished = list(track(Parallel(n_jobs=n_jobs, return_as="generator")(jobs)))
    return {name: [run for run in finished if run.method == name] for name in methods}


def paired_difference(first, second, confidence=0.95):
    """Return the mean of ``first - second`` and Student's interval around it.

    Parameters
    ----------
    first, second : array-like of shape (n_pairs,)
        Pair by pair under the same seed.

    confidence : float, default=0.95
        Share of such intervals that cover the true mean, if differences are normal.

    Returns
    -------
    mean, half_width : float
        The interval is mean - half_width to mean + half_width; NaN for a single pair.

    Examples
    --------
    >>> from sksimilar.experiment import paired_difference
    >>> mean, half_width = paired_difference([3, 5, 4], [1, 2, 3])
    >>> f"{mean:.2f} +- {half_width:.2f}"
    '2.00 +- 2.48'
    """
    difference = np.subtract(first, second)
    n_pairs = len(difference)
    if n_pairs < 2:
        return difference.mean(), np.nan
    quantile = stats.t.ppf((1 + confidence) / 2, n_pairs - 1)
    return difference.mean(), quantile * stats.sem(difference)


def area_under_curve(n_labels, scores):
    """Return the mean height of a learning curve over the labels it spans."""
    return integrate.trapezoid(scores, n_labels) / (n_labels[-1] - n_labels[0])


def write_csv(runs, path, **switches):
    """Write one line for each method, seed and training.

    Parameters
    ----------
    runs : dict of lists of Run
        As `compare` returns them.

    path : path-like
        File to write.

    **switches : dict
        What the numbers were made with; repeated in every line.
    """
    lines = [
        {"method": run.method, "seed": run.seed, **record, **switches}
        for some in runs.values()
        for run in some
        for record in run.records
    ]
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)


@contextmanager
def _one_thread():
    """Let torch use one thread, so that sums do not depend on how jobs are spread."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
