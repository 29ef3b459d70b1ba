"""Run a method on a task, or many on many at once."""

import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from joblib import Parallel, delayed, parallel_config

from ..learner import ActiveLearner
from ..progress import bar

__all__ = ["Run", "compare", "in_parallel", "progress", "run"]


@dataclass(frozen=True)
class Run:
    """What one method did on one task.

    Parameters
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
        """Return one number of every record.

        Parameters
        ----------
        name : str
            Which one.

        Returns
        -------
        curve : ndarray of shape (n_rounds + 1,)
            One for each training.
        """
        return np.array([record[name] for record in self.records], dtype=float)

    def rows(self, **facts):
        """Return the records, each with what the run is.

        Parameters
        ----------
        **facts : object
            Further columns, the same in every row.

        Returns
        -------
        rows : list of dict
            One for each training.
        """
        return [
            {"method": self.method, "seed": self.seed, **record, **facts}
            for record in self.records
        ]


def run(method, sampler, task, estimator, scenario, n_rounds, **options):
    """Run one method on one task.

    Parameters
    ----------
    method : str
        Name of the method.

    sampler : sampler
        Not fitted.

    task : Task
        Data and seed.

    estimator : classifier
        As for :class:`~sksimilar.ActiveLearner`, as are those that follow.

    scenario : str or Scenario
        Which rows stand for Q and P.

    n_rounds : int
        Rounds of asking.

    **options : dict
        Further parameters of :class:`~sksimilar.ActiveLearner`.

    Returns
    -------
    run : Run
        What was found.
    """
    learner = ActiveLearner(
        estimator,
        sampler,
        scenario=scenario,
        n_rounds=n_rounds,
        ood_label=task.ood_label,
        keep_estimators=True,
        random_state=task.seed,
        **options,
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

    estimator : classifier
        As for :class:`~sksimilar.ActiveLearner`, as are the two that follow.

    scenario : str or Scenario
        Which rows stand for Q and P.

    n_rounds : int
        Rounds of asking.

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
    finished = list(track(in_parallel(jobs, n_jobs)))
    return {name: [run for run in finished if run.method == name] for name in methods}


def in_parallel(jobs, n_jobs):
    """Yield what delayed calls return, in their order, from processes of one thread."""
    with parallel_config(backend="loky", inner_max_num_threads=1):
        yield from Parallel(n_jobs=n_jobs, return_as="generator")(jobs)


def progress(runs, total):
    """Return runs as they finish, under a progress bar.

    Parameters
    ----------
    runs : iterable of Run
        Those that are under way.

    total : int
        How many there will be.

    Returns
    -------
    runs : iterable of Run
        The same, as they come.
    """
    return bar(runs, "active learning", unit="run", total=total, ncols=79)


@contextmanager
def _one_thread():
    """Let torch use one thread, so that sums do not depend on how jobs are spread."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
