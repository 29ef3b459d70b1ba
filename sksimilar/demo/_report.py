"""What came out of the demonstration: tables of 80 columns, and files."""

import textwrap
from functools import partial
from importlib.util import find_spec

import numpy as np

from .. import experiment
from ..files import write_figure
from ..model_selection import learning_curve_area
from ..plotting import ActiveLearningCurveDisplay, SelectedItemsDisplay
from ..sampler import SIMILARSampler

__all__ = ["as_images", "opening", "report", "write_files"]

WIDTH = 79
LEAST_SIDE = 8  # Of rows that are taken for images; fewer numbers are features.


def opening(scenario, tasks, methods, n_rounds, budget):
    """Return what is about to be compared."""
    task = tasks[0]
    n_labeled, n_pool = np.bincount(~task.labeled_mask)
    text = (
        f"Scenario {scenario!r}: {n_labeled} labels to begin with, a pool of {n_pool} "
        f"rows, a test set of {len(task.y_test)}. "
    )
    if task.focus:
        rare = ", ".join(map(str, task.focus))
        text += f"Rare classes: {rare}; the pool holds {task.n_wanted} rows of them. "
    ours = [name for name, s in methods.items() if isinstance(s, SIMILARSampler)]
    return _wrap(
        f"{text}{n_rounds} rounds of {budget} labels; {len(methods)} methods, each on "
        f"the same {len(tasks)} seed{'s' * (len(tasks) > 1)}. SIMILAR's are "
        f"{', '.join(ours)}."
    )


def report(runs, task, found):
    """Return both tables and how to read them."""
    parts = [_results(runs, task, found)]
    some = next(iter(runs.values()))
    if len(some) > 1:
        parts.append(_differences(runs, task))
    parts.append(_reading(task, found, len(some)))
    parts.extend(_saturated(runs))
    return "\n".join(parts)


def endpoints(task):
    """Return the accuracies to report, by the name of the record, the first one first."""
    if task.focus:
        return {"focus_accuracy": "rare accuracy", "accuracy": "all accuracy"}
    return {"accuracy": "accuracy"}


def _results(runs, task, found):
    """Return the table of where every method ends."""
    columns = [(n, title, 100) for n, title in endpoints(task).items()]
    if found:
        columns.append(("n_found", found, 1))
    rows = [["method", *(title for _, title, _ in columns), "s to select"]]
    for method, some in runs.items():
        ends = [[scale * r.curve(n)[-1] for r in some] for n, _, scale in columns]
        waits = np.concatenate([run.curve("seconds_select")[:-1] for run in some])
        rows.append([method, *map(_mean, ends), f"{waits.mean():.3f}"])
    n_labels = some[0].records[-1]["n_labeled"]
    spread = f", mean +- standard deviation over {len(some)} seeds" * (len(some) > 1)
    title = f"After {len(some[0].records) - 1} rounds, with {n_labels} labels{spread}"
    return f"{title}\n\n{_table(rows, 14)}\n"


def _differences(runs, task):
    """Return the table of what every method gains over the first one."""
    names = endpoints(task)
    first = next(iter(names))
    measures = {title: partial(_end, name=name) for name, title in names.items()}
    measures[f"area, {names[first]}"] = partial(_area, name=first)
    baseline, *others = runs
    rows = [["method", *measures]]
    for method in others:
        pairs = [
            (list(map(of, runs[method])), list(map(of, runs[baseline])))
            for of in measures.values()
        ]
        rows.append([method, *(_interval(*pair) for pair in pairs)])
    title = (
        f"Difference to {baseline} under the same seed, in points, with its 95 % "
        "interval"
    )
    return f"{title}\n\n{_table(rows, 20)}\n"


def _end(run, name):
    return 100 * run.curve(name)[-1]


def _area(run, name):
    return 100 * learning_curve_area(run.curve("n_labeled"), run.curve(name))


def _reading(task, found, n_seeds):
    """Return how to read the tables."""
    sentences = ["How to read this: accuracies are in percent, on test rows."]
    if task.focus:
        sentences.append("'rare accuracy' is the mean over the rare classes.")
    if found:
        sentences.append(
            f"'{found}' counts distinct rows among those asked for, of {task.n_wanted} "
            "in the pool; it is not accuracy."
        )
    if n_seeds == 1:
        sentences.append("One seed shows no spread: nothing follows from a difference.")
    else:
        sentences.append(
            "'area' is the mean height of the learning curve. Intervals are Student's, "
            f"over {n_seeds} differences, each for itself: one that holds 0 shows no "
            "difference, half its width is about the smallest that so few seeds can "
            "show, and of twenty intervals one misses by chance."
        )
    return _wrap(" ".join(sentences))


def _saturated(runs):
    """Yield a warning for each method that was at times reduced to guessing."""
    for method, some in runs.items():
        asked, informed = (
            sum(run.curve(name).sum() for run in some)
            for name in ("n_asked", "n_informative")
        )
        if informed < asked:
            yield _wrap(
                f"Note: {1 - informed / asked:.0%} of the picks of {method} carried no "
                "information (their gain was 0): ties, settled by similarity or chance."
            )


def _mean(values):
    spread = f" +- {np.std(values, ddof=1):4.1f}" if len(values) > 1 else ""
    return f"{np.mean(values):.1f}{spread}"


def _interval(first, second):
    mean, half = experiment.paired_difference(first, second)
    return f"{mean:+.1f} [{mean - half:.1f}, {mean + half:.1f}]"


def _table(rows, width):
    """Return lines of cells, aligned to the right but for the first."""
    first = max(len(row[0]) for row in rows)
    lines = [
        f"{row[0]:{first}}" + "".join(f"  {cell:>{width}}" for cell in row[1:])
        for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _wrap(text):
    return textwrap.fill(text, WIDTH) + "\n"


def write_files(runs, task, out, switches):
    """Write the numbers and the pictures; return what was written.

    Parameters
    ----------
    runs : dict of lists of experiment.Run
        What `experiment.compare` returned.

    task : experiment.Task
        The task of the first seed, for the contact sheet.

    out : Path
        Directory.

    switches : dict
        What the numbers were made with.

    Returns
    -------
    text : str
    """
    stem = switches["scenario"].replace("+", "_")
    names = [f"{stem}_results.csv"]
    experiment.write_csv(runs, out / names[0], **switches)
    if not find_spec("matplotlib"):
        return f"Written to {out}: {names[0]}. Install matplotlib for the pictures."
    names.append(f"{stem}_curves.png")
    write_figure(draw_curves(runs, task), out / names[-1], dpi=150)
    images = as_images(task.X)
    if images is not None:
        names.append(f"{stem}_picked.png")
        write_figure(draw_picked(runs, task, images), out / names[-1], dpi=150)
    return _wrap(f"Written to {out}: {', '.join(names)}.")


def draw_curves(runs, task):
    """Return a figure with a learning curve for every accuracy."""
    import matplotlib.pyplot as plt

    names = endpoints(task)
    size = 5.4 * len(names), 3.6
    figure, axes = plt.subplots(
        1, len(names), figsize=size, squeeze=False, layout="constrained"
    )
    n_labels = next(iter(runs.values()))[0].curve("n_labeled")
    for ax, (name, title) in zip(axes.flat, names.items()):
        scores = {m: [100 * r.curve(name) for r in some] for m, some in runs.items()}
        title = f"{title.capitalize()} on test rows (%)"
        ActiveLearningCurveDisplay.from_scores(
            n_labels, scores, score_name=title, ax=ax
        )
    n_seeds = len(next(iter(runs.values())))
    if n_seeds > 1:
        text = f"Mean over {n_seeds} seeds; bands: one standard deviation"
        figure.supxlabel(text, fontsize=9)
    return figure


def draw_picked(runs, task, images):
    """Return a figure of what every method asked for first, under the first seed."""
    is_out = task.y == task.ood_label
    wanted = task.identity >= 0
    display = SelectedItemsDisplay.from_selection(
        images,
        np.where(is_out, "out", task.y.astype(str)),
        {method: some[0].selected for method, some in runs.items()},
        highlight_mask=None if wanted.all() else wanted,
    )
    framed = "" if wanted.all() else f"; framed: {'rare' if task.focus else 'wanted'}"
    display.ax_.set_xlabel(f"Order of choice under seed {task.seed}{framed}")
    return display.figure_


def as_images(X):
    """Return rows as images with channels last, or None if they are none."""
    side = int(X.shape[1] ** 0.5) if X.ndim == 2 else 0
    if side >= LEAST_SIDE and side**2 == X.shape[1]:
        return X.reshape(len(X), side, side)
    if X.ndim == 4 and X.shape[1] in (1, 3):
        X = np.moveaxis(X, 1, -1)
    if X.ndim == 4 and X.shape[-1] == 1:
        X = X[..., 0]
    is_image = X.ndim == 3 or (X.ndim == 4 and X.shape[-1] in (3, 4))
    return X if is_image else None
