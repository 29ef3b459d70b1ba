"""Scenarios of Section 4 of the paper, in small, out of any labeled data.  Floor 4.

Classes are made rare or called out of distribution, and rows are copied.
"""

from dataclasses import dataclass
from zipfile import BadZipFile

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from ..experiment import Task

__all__ = ["SETTINGS", "OptionError", "Setting", "draw_task", "load"]

GROUPS = COMMON, RARE, OUT = range(3)

# What NumPy raises for files that are missing, cut short, pickled or something else.
UNREADABLE = (OSError, EOFError, ValueError, KeyError, AttributeError, TypeError)
UNREADABLE += (BadZipFile,)


class OptionError(ValueError):
    """A value of a command-line option that cannot be used; names the option."""

    def __init__(self, option, message):
        super().__init__(f"argument {option}: {message}")


@dataclass(frozen=True)
class Setting:
    """How a scenario is made out of labeled data.

    Attributes
    ----------
    functions : tuple of str
        Functions of the paper for this scenario.

    rare, out : float
        Shares of the classes, the last ones, that are rare or out of distribution.

    labeled : tuple of int
        First labels of each common, rare and out-of-distribution class.

    pool : tuple of float
        Unlabeled rows of each such class, as shares of all that there are.

    copied : float
        Share of the unlabeled rows that are there several times.

    times : int
        How many times.

    found : str
        What is to be found, if something is.
    """

    functions: tuple
    rare: float = 0.0
    out: float = 0.0
    labeled: tuple = (3, 0, 0)
    pool: tuple = (1.0, 0.0, 0.0)
    copied: float = 0.0
    times: int = 1
    found: str = ""


_RARE = {"rare": 0.5, "labeled": (8, 2, 0), "found": "rare found"}

SETTINGS = {
    "rare": Setting(("flqmi", "logdetmi"), pool=(1.0, 0.1, 0.0), **_RARE),
    "redundancy": Setting(
        ("flcg", "logdetcg"),
        labeled=(5, 0, 0),
        pool=(0.4, 0.0, 0.0),
        copied=0.2,
        times=10,
        found="unique found",
    ),
    # Nothing is known to be out of distribution at first, so the masks pick the family.
    "ood": Setting(
        ("fl", "logdet"),
        out=0.2,
        labeled=(5, 0, 0),
        pool=(0.15, 0.0, 1.0),
        found="inliers found",
    ),
    "rare+redundancy": Setting(
        ("flcmi", "logdetcmi"), pool=(0.5, 0.05, 0.0), copied=1.0, times=5, **_RARE
    ),
    "rare+ood": Setting(
        ("fl", "logdet"), pool=(1.0, 0.1, 1.0), **_RARE | {"rare": 0.3, "out": 0.2}
    ),
    "standard": Setting(("fl", "logdet")),
}


def load(source):
    """Return rows, as float32 of size up to 1, and labels, each row once.

    Parameters
    ----------
    source : str
        'digits', or the path of an .npz file with arrays X and y.

    Returns
    -------
    X : ndarray of shape (n_samples, ...)
    y : ndarray of shape (n_samples,)
    """
    if source == "digits":
        digits = load_digits()
        X, y = digits.images, digits.target
    else:
        X, y = _read(source)
    X = X.astype(np.float32)
    X = X / max(np.abs(X).max(), np.finfo(np.float32).tiny)
    # A copy of a test row in the pool would give its label away.
    first = np.unique(X.reshape(len(X), -1), axis=0, return_index=True)[1]
    return X[np.sort(first)], y[np.sort(first)]


def _read(path):
    try:
        with np.load(path, allow_pickle=False) as arrays:
            X, y = arrays["X"], arrays["y"]
    except UNREADABLE:
        raise OptionError(
            "--data",
            f"{path!r} is neither 'digits' nor a readable .npz file with arrays X and "
            "y; write one with numpy.savez(path, X=X, y=y).",
        ) from None
    problem = _problem(X, y)
    if problem:
        raise OptionError("--data", f"{path!r} {problem}.")
    return X, y


def _problem(X, y):
    """Return what is wrong with data, or None."""
    if X.ndim < 2 or y.shape != X.shape[:1] or X.dtype.kind not in "fiub" or not len(y):
        return (
            "needs numbers X of shape (n_samples, ...) and y of shape (n_samples,), "
            f"got {X.dtype} of shape {X.shape} and shape {y.shape}"
        )
    if not np.isfinite(X).all():
        return "holds NaN or infinity in X; leave those rows out"
    if y.dtype.kind not in "iuUS" or (y.dtype.kind == "i" and (y == -1).any()):
        return f"needs texts or integers other than -1 in y, got {y.dtype}"
    return None


def draw_task(X, y, setting, seed):
    """Return the task of one seed: the split, the pool and the first labels.

    Parameters
    ----------
    X, y : ndarray
        All data.

    setting : Setting
        How to make the scenario.

    seed : int
        Draws all of it.

    Returns
    -------
    task : Task
    """
    rng = np.random.default_rng(seed)
    _check_classes(y, 2 * max(setting.labeled))
    classes, groups = _grouped(y, setting)
    train, test = train_test_split(
        np.arange(len(y)), test_size=0.3, stratify=y, random_state=seed
    )
    labeled, pool = _drawn(train, y, groups[np.searchsorted(classes, y)], setting, rng)
    rows = np.concatenate([labeled, rng.permutation(_copied(pool, setting, rng))])
    is_labeled = np.arange(len(rows)) < len(labeled)
    return _as_task(X, y, classes, groups, rows, is_labeled, test, seed)


def _as_task(X, y, classes, groups, rows, is_labeled, test, seed):
    """Return the task in which ``rows`` of X are what the learner knows of."""
    rare, out = classes[groups == RARE], classes[groups == OUT]
    test = test[~np.isin(y[test], out)]
    labels, is_rare, is_out = y[rows], np.isin(y[rows], rare), np.isin(y[rows], out)
    if len(out):
        labels = np.where(is_out, out[0], labels)  # They all have one name.
    return Task(
        X=X[rows],
        y=labels,
        labeled_mask=is_labeled,
        query_mask=is_labeled & is_rare if len(rare) else None,
        identity=np.where(is_rare if len(rare) else ~is_out, rows, -1),
        X_test=X[test],
        y_test=y[test],
        focus=tuple(rare.tolist()),
        seed=seed,
        ood_label=out[0].item() if len(out) else None,
    )


def _check_classes(y, needed):
    smallest = np.unique(y, return_counts=True)[1].min()
    if smallest < needed:
        raise OptionError(
            "--data",
            f"this --scenario needs {needed} distinct rows of every class, and one has "
            f"{smallest}; leave that class out.",
        )


def _grouped(y, setting):
    """Return the classes and the group of each: the last are out, before them rare."""
    classes = np.unique(y)
    n_out, n_rare = (round(s * len(classes)) for s in (setting.out, setting.rare))
    sizes = len(classes) - n_out - n_rare, n_rare, n_out
    for share, size in zip((1, setting.rare, setting.out), sizes):
        if share and not size:
            raise OptionError("--data", "it has too few classes for this --scenario.")
    return classes, np.repeat(GROUPS, sizes)


def _drawn(train, y, group, setting, rng):
    """Return the rows that are labeled at first, and the pool, each class in turn."""
    room = np.unique(y[train], return_counts=True)[1].min() - max(setting.labeled)
    labeled, pool = [], []
    for label in np.unique(y):
        rows = rng.permutation(train[y[train] == label])
        kind = group[rows[0]]
        n_labeled = setting.labeled[kind]
        n_pool = int(np.ceil(setting.pool[kind] * room))
        labeled.append(rows[:n_labeled])
        pool.append(rows[n_labeled : n_labeled + n_pool])
    return np.concatenate(labeled), np.concatenate(pool)


def _copied(pool, setting, rng):
    """Return the pool with some of its rows several times."""
    n_copied = round(setting.copied * len(pool))
    again = rng.permutation(pool)[:n_copied]
    return np.concatenate([pool, np.tile(again, setting.times - 1)])
