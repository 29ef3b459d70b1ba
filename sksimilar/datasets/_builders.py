"""Realistic scenarios out of any labeled data: rows made rare, foreign or repeated.

There is one builder, `make_scenario`: of every class so many rows are labeled, so many
stand for what is wanted, so many wait in the pool.  The others call it with what their
scenario needs, and with the numbers that the paper takes from CIFAR-10.
"""

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils.validation import check_consistent_length, column_or_1d

from .._validation.labels import known_labels
from .._validation.numbers import check_budget, check_counts, check_share
from ..rows import fingerprint
from ..seeding import generator

__all__ = [
    "make_ood",
    "make_rare",
    "make_rare_ood",
    "make_rare_redundant",
    "make_redundant",
    "make_redundant_ood",
    "make_scenario",
]

COMMON, RARE, OOD = range(3)  # Groups of classes.


def make_scenario(
    X,
    y,
    *,
    n_labeled,
    n_pool,
    n_query=(0, 0, 0),
    rare=(),
    ood=(),
    copied=0.0,
    times=1,
    X_test=None,
    random_state=None,
):
    """Draw labeled rows, query rows and a pool, so many of every class.

    Each distinct row of X is used once at most, and none that is also in ``X_test``: no
    row of the pool has a twin among the labeled or the test rows, and copies are only
    those asked for.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)
        Rows to draw from.

    y : array-like of shape (n_samples,)
        Their classes.

    n_labeled, n_pool, n_query : tuple of int
        Rows of each common, each rare and each out-of-distribution class: labeled ones,
        unlabeled ones before copying, and labeled ones that stand for what is wanted.

    rare, ood : array-like, default=()
        Classes that are rare, or out of distribution.

    copied : float, default=0.0
        Share of the unlabeled rows that are there several times.

    times : int, default=1
        How many times.

    X_test : array-like of shape (n_test, ...), default=None
        Rows that are to be in none of the three sets, and not to spare.

    random_state : int, RandomState instance or None, default=None
        Draws all of it.

    Returns
    -------
    split : Bunch
        ``X`` and ``y`` of all three sets, out-of-distribution rows under one label, the
        pool last and in random order; ``labeled_mask``, which holds the query rows too:
        whoever compares methods trains all of them on what some are told;
        ``query_mask``, None without query rows; ``identity``, a number that copies
        share, -1 for rows that nobody wants, who are the common ones where classes are
        rare, and else those out of distribution; ``rows``, positions in the X given;
        ``spare``, those of distinct rows that were not drawn; ``rare`` and ``ood``,
        classes; ``ood_label``, that label or None.

    Raises
    ------
    ValueError
        Where a class has too few rows, or there is no such class.

    Examples
    --------
    >>> import numpy as np
    >>> from sksimilar.datasets import make_scenario
    >>> X, y = np.arange(100)[:, None], np.repeat(["a", "b", "c", "d"], 25)
    >>> split = make_scenario(
    ...     X,
    ...     y,
    ...     rare=["b"],
    ...     ood=["c", "d"],
    ...     n_labeled=(3, 1, 0),
    ...     n_query=(0, 2, 0),
    ...     n_pool=(20, 4, 8),
    ...     random_state=0,
    ... )
    >>> pool = ~split.labeled_mask
    >>> labels, counts = np.unique(split.y[pool], return_counts=True)
    >>> dict(zip(labels.tolist(), counts.tolist()))
    {'a': 20, 'b': 4, 'c': 16}
    """
    rng = generator(random_state)
    check_consistent_length(np.atleast_1d(X), y)
    X, y = np.asarray(X), column_or_1d(y)
    if not known_labels(y, all_known=True).all():
        raise ValueError(
            "`y` must name the class of every row, got -1, which marks unlabeled ones. "
            "Leave them out, or call that class by another label."
        )
    classes = np.unique(y)
    groups = _groups(classes, rare=rare, ood=ood)
    wanted = {"n_labeled": n_labeled, "n_query": n_query, "n_pool": n_pool}
    numbers = [check_counts(n, 3, name) for name, n in wanted.items()]
    numbers = np.array(numbers)[:, groups]
    copied, times = check_share(copied, "copied"), check_budget(times, "times")
    there = distinct(X, X_test)
    labeled, query, pool = _drawn(y, there, classes, numbers, rng)
    pool = rng.permutation(_copied(pool, copied, times, rng))
    rows = np.concatenate([labeled, query, pool])
    split = _as_split(X, y, rows, (len(labeled), len(query)), classes, groups)
    return Bunch(**split, spare=np.setdiff1d(there, rows))


def distinct(X, others=None):
    """Return the positions of the first of each distinct row, without those in others.

    Parameters
    ----------
    X : ndarray of shape (n_samples, ...)
        Rows.

    others : array-like of shape (n_others, ...), default=None
        Rows to leave out.

    Returns
    -------
    rows : ndarray of int64
        Ascending.
    """
    others = X[:0] if others is None else np.asarray(others)
    if others.shape[1:] != X.shape[1:]:
        raise ValueError(
            f"`X_test` must have rows like those of `X`, of shape {X.shape[1:]}, got "
            f"{others.shape[1:]}."
        )
    alike = others.astype(X.dtype)
    if X.dtype.kind != "f" and not np.array_equal(alike, others):
        raise ValueError(
            f"`X_test` must hold what `X` can, {X.dtype}, to be compared with it, and "
            f"{others.dtype} holds more. Give both in one dtype and on one scale."
        )
    others = alike
    known, rows = set(map(fingerprint, others)), []
    for position, row in enumerate(X):
        if (mark := fingerprint(row)) not in known:
            known.add(mark)
            rows.append(position)
    return np.array(rows, dtype=np.int64)


def _groups(classes, **named):
    """Return the group of every class."""
    groups = np.full(len(classes), COMMON)
    for group, (argument, labels) in zip((RARE, OOD), named.items()):
        unknown = np.setdiff1d(labels, classes)
        if len(unknown):
            raise ValueError(
                f"`{argument}` names the class {unknown[0]}, and `y` holds none of it, "
                f"only {classes.tolist()}."
            )
        both = classes[(groups != COMMON) & np.isin(classes, labels)]
        if len(both):
            raise ValueError(
                f"The class {both[0]} is in `rare` and in `ood`. Leave it out of one."
            )
        groups[np.isin(classes, labels)] = group
    return groups


def _drawn(y, rows, classes, numbers, rng):
    """Return the positions for each of three sets, drawn from each class in turn."""
    drawn = [], [], []
    for label, wanted in zip(classes, numbers.T):
        own = rng.permutation(rows[y[rows] == label])
        if wanted.sum() > len(own):
            raise ValueError(
                f"Class {label} has {len(own)} distinct rows outside the test set, and "
                f"{wanted.sum()} are needed: {wanted[0]} labeled, {wanted[1]} for the "
                f"query and {wanted[2]} in the pool. Ask for fewer of them."
            )
        for some, part in zip(drawn, np.split(own, wanted.cumsum())):
            some.append(part)
    return [np.concatenate(some) for some in drawn]


def _copied(pool, copied, times, rng):
    """Return the pool with a share of its rows several times."""
    again = rng.permutation(pool)[: round(copied * len(pool))]
    return np.concatenate([pool, np.tile(again, times - 1)])


def _as_split(X, y, rows, sizes, classes, groups):
    """Return what the rows are, the first of which are labeled and query ones."""
    rare, ood = classes[groups == RARE], classes[groups == OOD]
    is_rare, is_ood = np.isin(y[rows], rare), np.isin(y[rows], ood)
    part = np.searchsorted(np.cumsum(sizes), np.arange(len(rows)), side="right")
    return Bunch(
        X=X[rows],
        y=np.where(is_ood, ood[0], y[rows]) if len(ood) else y[rows],
        labeled_mask=part < 2,
        query_mask=part == 1 if sizes[1] else None,
        identity=np.where(is_rare if len(rare) else ~is_ood, rows, -1),
        rows=rows,
        rare=tuple(rare.tolist()),
        ood=tuple(ood.tolist()),
        ood_label=next(iter(ood.tolist()), None),
    )


def _some(classes, y, share, rng):
    """Return the classes, or a share of all that there are, drawn at random."""
    if classes is not None:
        return classes
    known = np.unique(y)
    return rng.permutation(known)[: round(share * len(known))]


def _without_rare(n_pool):
    """Return the numbers for all three kinds of class out of two."""
    common, ood = check_counts(n_pool, 2, "n_pool")
    return common, 0, ood


def make_rare(
    X,
    y,
    *,
    rare=None,
    n_labeled=(22, 3),
    n_query=5,
    n_pool=(3000, 300),
    X_test=None,
    random_state=None,
):
    """Make classes rare, in what is labeled and in the pool.

    Parameters
    ----------
    X, y : array-like
        Rows and their classes.

    rare : array-like, default=None
        The rare classes; by default half of them, drawn at random.

    n_labeled : tuple of int, default=(22, 3)
        Labeled rows of each common and of each rare class.

    n_query : int, default=5
        Rows of each rare class that stand for it; they are labeled too.

    n_pool : tuple of int, default=(3000, 300)
        Unlabeled rows of each common and of each rare class.

    X_test, random_state : array-like, int
        As in :func:`make_scenario`.

    Returns
    -------
    split : Bunch
        As :func:`make_scenario` returns it.

    Examples
    --------
    >>> import numpy as np
    >>> from sksimilar.datasets import make_rare
    >>> X, y = np.arange(100)[:, None], np.repeat([0, 1], 50)
    >>> split = make_rare(
    ...     X, y, rare=[1], n_labeled=(4, 2), n_query=1, n_pool=(40, 2), random_state=0
    ... )
    >>> np.bincount(split.y).tolist(), split.y[split.query_mask].tolist()
    ([44, 5], [1])
    """
    rng = generator(random_state)
    return make_scenario(
        X,
        y,
        rare=_some(rare, y, 0.5, rng),
        n_labeled=(*check_counts(n_labeled, 2, "n_labeled"), 0),
        n_query=(0, *check_counts(n_query, 1, "n_query"), 0),
        n_pool=(*check_counts(n_pool, 2, "n_pool"), 0),
        X_test=X_test,
        random_state=rng,
    )


def make_redundant(
    X,
    y,
    *,
    n_labeled=50,
    n_pool=500,
    copied=0.2,
    times=10,
    X_test=None,
    random_state=None,
):
    """Make a pool in which some rows are there many times.

    Parameters
    ----------
    X, y : array-like
        Rows and their classes.

    n_labeled, n_pool : int, default=50, 500
        Rows of each class, those of the pool before copying.

    copied, times : float, int
        Share of the pool's rows that are there several times, and how many times.

    X_test, random_state : array-like, int
        As in :func:`make_scenario`.

    Returns
    -------
    split : Bunch
        As :func:`make_scenario` returns it.

    Examples
    --------
    >>> import numpy as np
    >>> from sksimilar.datasets import make_redundant
    >>> X, y = np.arange(100)[:, None], np.repeat([0, 1], 50)
    >>> split = make_redundant(X, y, n_labeled=5, n_pool=10, random_state=0)
    >>> pool = split.identity[~split.labeled_mask]
    >>> np.unique(pool, return_counts=True)[1].tolist().count(10), len(pool)
    (4, 56)
    """
    return make_scenario(
        X,
        y,
        n_labeled=(*check_counts(n_labeled, 1, "n_labeled"), 0, 0),
        n_pool=(*check_counts(n_pool, 1, "n_pool"), 0, 0),
        copied=copied,
        times=times,
        X_test=X_test,
        random_state=random_state,
    )


def make_ood(
    X,
    y,
    *,
    ood,
    n_labeled=200,
    n_query=5,
    n_pool=(500, 5000),
    X_test=None,
    random_state=None,
):
    """Make a pool in which most rows are of no class to be learned.

    Parameters
    ----------
    X, y : array-like
        Rows and their classes.

    ood : array-like
        Classes that are out of distribution: under one label, and never labeled.

    n_labeled, n_query : int, default=200, 5
        Rows of each other class: labeled ones, and labeled ones that stand for what is
        wanted.

    n_pool : tuple of int, default=(500, 5000)
        Rows of each class to be learned and of each that is out of distribution.

    X_test, random_state : array-like, int
        As in :func:`make_scenario`.

    Returns
    -------
    split : Bunch
        As :func:`make_scenario` returns it.

    Examples
    --------
    >>> import numpy as np
    >>> from sksimilar.datasets import make_ood
    >>> X, y = np.arange(100)[:, None], np.repeat([0, 1, 2, 3], 25)
    >>> split = make_ood(
    ...     X, y, ood=[2, 3], n_labeled=4, n_query=1, n_pool=(5, 25), random_state=0
    ... )
    >>> np.bincount(split.y).tolist(), split.ood_label
    ([10, 10, 50], 2)
    """
    return make_scenario(
        X,
        y,
        ood=ood,
        n_labeled=(*check_counts(n_labeled, 1, "n_labeled"), 0, 0),
        n_query=(*check_counts(n_query, 1, "n_query"), 0, 0),
        n_pool=_without_rare(n_pool),
        X_test=X_test,
        random_state=random_state,
    )


def make_rare_redundant(
    X,
    y,
    *,
    rare=None,
    n_labeled=(22, 3),
    n_query=5,
    n_pool=(1000, 100),
    copied=1.0,
    times=5,
    X_test=None,
    random_state=None,
):
    """Make classes rare, and repeat the pool.

    Parameters
    ----------
    X, y : array-like
        Rows and their classes.

    rare, n_labeled, n_query, n_pool : array-like, tuple, int, tuple
        As in :func:`make_rare`; the pool before copying.

    copied, times : float, int
        As in :func:`make_redundant`; by default all rows are there five times.

    X_test, random_state : array-like, int
        As in :func:`make_scenario`.

    Returns
    -------
    split : Bunch
        As :func:`make_scenario` returns it.

    Examples
    --------
    >>> import numpy as np
    >>> from sksimilar.datasets import make_rare_redundant
    >>> X, y = np.arange(100)[:, None], np.repeat([0, 1], 50)
    >>> split = make_rare_redundant(
    ...     X, y, rare=[1], n_labeled=(4, 2), n_query=1, n_pool=(20, 2), random_state=0
    ... )
    >>> np.bincount(split.y).tolist()
    [104, 13]
    """
    rng = generator(random_state)
    return make_scenario(
        X,
        y,
        rare=_some(rare, y, 0.5, rng),
        n_labeled=(*check_counts(n_labeled, 2, "n_labeled"), 0),
        n_query=(0, *check_counts(n_query, 1, "n_query"), 0),
        n_pool=(*check_counts(n_pool, 2, "n_pool"), 0),
        copied=copied,
        times=times,
        X_test=X_test,
        random_state=rng,
    )


def make_rare_ood(
    X,
    y,
    *,
    rare,
    ood,
    n_labeled=(22, 3),
    n_query=5,
    n_pool=(3000, 300, 5000),
    X_test=None,
    random_state=None,
):
    """Make classes rare, among rows of no class to be learned.

    Parameters
    ----------
    X, y : array-like
        Rows and their classes.

    rare, ood : array-like
        The rare classes, and those out of distribution.

    n_labeled, n_query : tuple, int
        As in :func:`make_rare`.

    n_pool : tuple of int, default=(3000, 300, 5000)
        Rows of each common, each rare and each out-of-distribution class.

    X_test, random_state : array-like, int
        As in :func:`make_scenario`.

    Returns
    -------
    split : Bunch
        As :func:`make_scenario` returns it.

    Examples
    --------
    >>> import numpy as np
    >>> from sksimilar.datasets import make_rare_ood
    >>> X, y = np.arange(90)[:, None], np.repeat([0, 1, 2], 30)
    >>> split = make_rare_ood(
    ...     X, y, rare=[1], ood=[2], n_query=1, n_pool=(8, 2, 30), random_state=0
    ... )
    >>> np.bincount(split.y).tolist()
    [30, 6, 30]
    """
    return make_scenario(
        X,
        y,
        rare=rare,
        ood=ood,
        n_labeled=(*check_counts(n_labeled, 2, "n_labeled"), 0),
        n_query=(0, *check_counts(n_query, 1, "n_query"), 0),
        n_pool=check_counts(n_pool, 3, "n_pool"),
        X_test=X_test,
        random_state=random_state,
    )


def make_redundant_ood(
    X,
    y,
    *,
    ood,
    n_labeled=200,
    n_query=5,
    n_pool=(500, 5000),
    copied=0.2,
    times=10,
    X_test=None,
    random_state=None,
):
    """Make a pool of which most is of no class to be learned, and much is repeated.

    Parameters
    ----------
    X, y : array-like
        Rows and their classes.

    ood, n_labeled, n_query, n_pool : array-like, int, int, tuple
        As in :func:`make_ood`; the pool before copying.

    copied, times : float, int
        As in :func:`make_redundant`.

    X_test, random_state : array-like, int
        As in :func:`make_scenario`.

    Returns
    -------
    split : Bunch
        As :func:`make_scenario` returns it.

    Examples
    --------
    >>> import numpy as np
    >>> from sksimilar.datasets import make_redundant_ood
    >>> X, y = np.arange(60)[:, None], np.repeat([0, 1], 30)
    >>> split = make_redundant_ood(
    ...     X, y, ood=[1], n_labeled=4, n_query=1, n_pool=(10, 30), random_state=0
    ... )
    >>> len(split.X)  # 5 labeled ones, 40 in the pool of which 8 are there 10 times
    117
    """
    return make_scenario(
        X,
        y,
        ood=ood,
        n_labeled=(*check_counts(n_labeled, 1, "n_labeled"), 0, 0),
        n_query=(*check_counts(n_query, 1, "n_query"), 0, 0),
        n_pool=_without_rare(n_pool),
        copied=copied,
        times=times,
        X_test=X_test,
        random_state=random_state,
    )
