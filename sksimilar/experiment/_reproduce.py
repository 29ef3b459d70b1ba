"""Run an experiment of the paper, or what is left of it."""

import os
import platform
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from joblib import delayed

from ._methods import methods_for
from ._options import OptionError
from ._protocols import PROTOCOLS
from ._runs import in_parallel, run
from ._store import Results, write_rows
from ._switches import Switches

__all__ = ["reproduce", "summary"]


def reproduce(
    name,
    *,
    methods=None,
    seeds=range(10),
    n_rounds=None,
    n_jobs=1,
    data_home=None,
    out="results",
    switches=None,
    track=None,
):
    """Run methods of an experiment that have not been run yet.

    Every run is written to the directory ``out/name`` as it finishes, and all of them
    to ``out/name.csv`` at the end.  Called again, it goes on with those that are missing.

    Parameters
    ----------
    name : str
        A key of `PROTOCOLS`.

    methods : list of str, default=None
        Out of `methods_for`; all of them by default.

    seeds : sequence of int, default=range(10)
        One repetition each; they vary the split, too.

    n_rounds : int, default=None
        Rounds of asking; those of the protocol by default.

    n_jobs : int, default=1
        Processes.

    data_home : path-like, default=None
        Directory of the data, as for the loaders of `sksimilar.datasets`.

    out : path-like, default="results"
        Directory for the results.

    switches : Switches, default=None
        By default those of `Switches`.

    track : callable, default=None
        Called with the iterable of runs and their number; shows progress.

    Returns
    -------
    rows : list of dict of str
        A row for each method, seed and training: of all runs that were ever finished.
    """
    if name not in PROTOCOLS:
        known = ", ".join(PROTOCOLS)
        raise OptionError("NAME", f"{name!r} is no experiment; choose from {known}.")
    if isinstance(methods, str):
        raise OptionError("--methods", f"must be a list, got {methods!r}.")
    switches = switches or Switches()
    n_rounds = n_rounds or PROTOCOLS[name].n_rounds
    results = Results(Path(out) / name)
    results.check({"rounds": n_rounds, **asdict(switches)})
    jobs = [
        delayed(_run)(name, method, seed, n_rounds, switches, data_home, results)
        for seed in seeds
        for method in _chosen(name, methods, switches)
        if not results.has(method, seed)
    ]
    if jobs:  # What cannot be had is said before any work, and fetched only once.
        _load(name, data_home)
    try:
        runs = in_parallel(jobs, n_jobs)
        for _ in track(runs, len(jobs)) if track else runs:
            pass
    finally:
        rows = results.rows()
        if rows:
            write_rows(Path(out) / f"{name}.csv", rows)
    return rows


def _load(name, data_home):
    try:
        PROTOCOLS[name].load(data_home)
    except (OSError, ValueError) as error:
        raise OptionError("--data-home", " ".join(str(error).split())) from error


def _methods(name, switches):
    protocol = PROTOCOLS[name]
    return methods_for(protocol.scenario, protocol.budget, **switches.of_sampler())


def _chosen(name, methods, switches):
    known = _methods(name, switches)
    for method in methods or ():
        if method not in known:
            raise OptionError(
                "--methods",
                f"{method!r} does not fit {name}; choose from {', '.join(known)}.",
            )
    return list(dict.fromkeys(methods or known))


def _run(name, method, seed, n_rounds, switches, data_home, results):
    """Run one method under one seed, write what it found, and return it."""
    begin, begin_cpu = time.perf_counter(), time.process_time()
    protocol, chosen = PROTOCOLS[name], _methods(name, switches)[method]
    task = protocol.task(seed, data_home)
    if task.query_mask is not None and switches.parity == "no":
        task = replace(task, labeled_mask=task.labeled_mask & ~task.query_mask)
    done = run(
        method,
        chosen.sampler_for(task),
        task,
        protocol.network(task, **switches.of_network(protocol.augment)),
        chosen.scenario,
        n_rounds,
        grow_query=switches.query == "growing",
    )
    facts = {"rounds": n_rounds, **asdict(switches), **machine()}
    spent = {
        "seconds_run": time.perf_counter() - begin,
        "seconds_cpu": time.process_time() - begin_cpu,
    }
    rows = done.rows(experiment=name, **spent, **facts)
    results.save(method, seed, rows)
    return done


def machine():
    """Return what runs here, for the record."""
    from .. import __version__

    return {
        "version": __version__,
        "torch": torch.__version__,
        "cpu": _cpu(),
        "cores": os.cpu_count(),
    }


def _cpu():
    """Return the name of the processor, which only Linux keeps in a file."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line for line in lines if "model name" in line).split(": ")[1]
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def summary(rows):
    """Return a table of where every method ends, in 80 columns.

    Parameters
    ----------
    rows : list of dict of str
        As `reproduce` returns them.

    Returns
    -------
    text : str
        A line for each method.
    """
    last = {}
    for row in rows:  # The last training of a run is its last row.
        last.setdefault(row["method"], {})[row["seed"]] = row
    lines = [
        f"{'method':14}  runs  {'focus (%)':>12}  {'all (%)':>12}  {'found':>14}  s/run"
    ]
    for method, by_seed in last.items():
        columns = [
            np.array([float(row[name]) for row in by_seed.values()])
            for name in ("focus_accuracy", "accuracy", "n_found", "seconds_run")
        ]
        focus, accuracy, found, seconds = columns
        lines.append(
            f"{method:14}  {len(by_seed):4}  {_mean(100 * focus):>12}  "
            f"{_mean(100 * accuracy):>12}  {_mean(found):>14}  {seconds.mean():5.0f}"
        )
    return "\n".join(lines)


def _mean(values):
    spread = f" +- {values.std(ddof=1):.1f}" if len(values) > 1 else ""
    return f"{values.mean():.1f}{spread}"
