"""Scenarios of Section 4 of the paper, in small, out of any labeled data.

Classes are made rare or called out of distribution, and rows are copied.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from ..datasets import distinct, make_scenario
from ..experiment import OptionError, Task

__all__ = ["SETTINGS", "Setting", "draw_task", "load"]


@dataclass(frozen=True)
class Setting:
    """How a scenario is made out of labeled data.

    Attributes
    ----------
    functions : tuple of str
        Functions of the paper for this scenario.

    rare, out : float
        Shares of the classes, the last ones, that are rare or out of distribution.

    labeled, query : tuple of int
        First labels of each common, rare and out-of-distribution class; those of the
        query stand for what is wanted.

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
    query: tuple = (0, 0, 0)
    pool: tuple = (1.0, 0.0, 0.0)
    copied: float = 0.0
    times: int = 1
    found: str = ""


_RARE = {"rare": 0.5, "labeled": (8, 0, 0), "query": (0, 2, 0), "found": "rare found"}

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
    "ood": Setting(
        ("flcmi", "logdetcmi"),
        out=0.2,
        labeled=(5, 0, 0),
        pool=(0.15, 0.0, 1.0),
        found="inliers found",
    ),
    "rare+redundancy": Setting(
        ("flcmi", "logdetcmi"), pool=(0.5, 0.05, 0.0), copied=1.0, times=5, **_RARE
    ),
    "rare+ood": Setting(
        ("flcmi", "logdetcmi"),
        pool=(1.0, 0.1, 1.0),
        **_RARE | {"rare": 0.3, "out": 0.2},
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
    X = X / max(np.abs(X).max(), np.finfo(np.float32).tiny)
    X = X.astype(np.float32)
    first = distinct(X)  # So that a class has as many rows as can be told apart.
    return X[first], y[first]


def _read(path):
    try:
        with np.load(path, allow_pickle=False) as arrays:
            X, y = np.asarray(arrays["X"]), np.asarray(arrays["y"])
    except Exception as error:  # Whatever it is that a forged file provokes.
        raise OptionError(
            "--data",
            f"{path!r} is neither 'digits' nor a readable .npz file with arrays X and "
            "y; write one with numpy.savez(path, X=X, y=y).",
        ) from error
    problem = _problem(X, y)
    if problem:
        raise OptionError("--data", f"{path!r} {problem}.")
    return X, y


def _problem(X, y):
    """Return what is wrong with data, or None."""
    if X.ndim < 2 or y.shape != X.shape[:1] or X.dtype.kind not in "fiub" or not X.size:
        return (
            "needs numbers X of shape (n_samples, ...) and y of shape (n_samples,), "
            f"got {X.dtype} of shape {X.shape} and shape {y.shape}"
        )
    if not np.isfinite(X).all():
        return "holds NaN or infinity in X; leave those rows out"
    if y.dtype.kind not in "iuU" or (y.dtype.kind == "i" and (y == -1).any()):
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
    n_first = max(*setting.labeled, *setting.query)
    _check_classes(y, 2 * n_first)
    rare, out = _rare_and_out(np.unique(y), setting)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.3, stratify=y, random_state=seed
    )
    room = np.unique(y_train, return_counts=True)[1].min() - n_first
    split = make_scenario(
        X_train,
        y_train,
        rare=rare,
        ood=out,
        n_labeled=setting.labeled,
        n_query=setting.query,
        n_pool=np.ceil(room * np.array(setting.pool)).astype(int),
        copied=setting.copied,
        times=setting.times,
        X_test=X_test,
        random_state=seed,
    )
    return Task.of(split, X_test, y_test, seed)


def _check_classes(y, needed):
    smallest = np.unique(y, return_counts=True)[1].min()
    if smallest < needed:
        raise OptionError(
            "--data",
            f"this --scenario needs {needed} distinct rows of every class, and one has "
            f"{smallest}; leave that class out.",
        )


def _rare_and_out(classes, setting):
    """Return the rare classes and those out of distribution: the last are out."""
    n_out, n_rare = (round(s * len(classes)) for s in (setting.out, setting.rare))
    n_common = len(classes) - n_out - n_rare
    for share, size in ((1, n_common), (setting.rare, n_rare), (setting.out, n_out)):
        if share and not size:
            raise OptionError("--data", "it has too few classes for this --scenario.")
    _, rare, out = np.split(classes, [n_common, n_common + n_rare])
    return rare, out
