"""Differences pair by pair, and what they prove."""

import numpy as np
from scipy import optimize, stats

__all__ = [
    "detectable_difference",
    "expected_found",
    "holm",
    "paired_difference",
    "signed_rank",
    "smallest_p",
]


def paired_difference(first, second, confidence=0.95):
    """Return the mean of ``first - second`` and Student's interval around it.

    Parameters
    ----------
    first, second : array-like of shape (n_pairs,) or (n_pairs, n_rounds)
        Pair by pair under the same seed.

    confidence : float, default=0.95
        Share of such intervals that cover the true mean, if differences are normal.

    Returns
    -------
    mean, half_width : float or ndarray of shape (n_rounds,)
        The interval is mean - half_width to mean + half_width; NaN for a single pair.

    Examples
    --------
    >>> from sksimilar.experiment import paired_difference
    >>> mean, half_width = paired_difference([3, 5, 4], [1, 2, 3])
    >>> f"{mean:.2f} +- {half_width:.2f}"
    '2.00 +- 2.48'
    """
    difference = _differences(first, second)
    n_pairs = len(difference)
    mean = difference.mean(axis=0)
    if n_pairs < 2:
        return mean, np.full_like(mean, np.nan, dtype=float)[()]
    quantile = stats.t.ppf((1 + confidence) / 2, n_pairs - 1)
    return mean, quantile * stats.sem(difference)


def signed_rank(first, second):
    """Return the two-sided p-value of Wilcoxon's signed-rank test.

    Parameters
    ----------
    first, second : array-like of shape (n_pairs,)
        Pair by pair under the same seed.

    Returns
    -------
    p : float
        At least `smallest_p` of the pairs that differ.

    Examples
    --------
    >>> from sksimilar.experiment import signed_rank
    >>> signed_rank([3, 5, 4, 9, 7], [1, 2, 3, 4, 1])
    0.0625
    """
    # Differences that are equal but for rounding are to be ties.
    difference = np.round(_differences(first, second), 12)
    n_different = np.count_nonzero(difference)
    if n_different == 0:
        return 1.0
    # Where there are ties, some versions of SciPy approximate, however few the pairs.
    return max(float(stats.wilcoxon(difference).pvalue), smallest_p(n_different))


def _differences(first, second):
    """Return first - second by place: an index that comes with them does not count."""
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if first.shape != second.shape:
        raise ValueError(
            "`first` and `second` must be pairs, as many of one as of the other, got "
            f"shapes {first.shape} and {second.shape}."
        )
    return first - second


def smallest_p(n_pairs):
    """Return the least p-value that a two-sided signed-rank test of n pairs can have.

    All pairs differ in one direction under two of the 2^n sequences of signs.

    Parameters
    ----------
    n_pairs : int
        Number of pairs.

    Returns
    -------
    p : float
        The smallest that so many pairs can have.

    Examples
    --------
    >>> from sksimilar.experiment import smallest_p
    >>> smallest_p(5)
    0.0625
    """
    return min(1.0, 2.0 ** (1 - n_pairs))


def holm(p):
    """Return p-values corrected for their number by Holm's method.

    Parameters
    ----------
    p : array-like of shape (n_tests,)
        P-values.

    Returns
    -------
    corrected : ndarray of shape (n_tests,)
        Reject those up to 5 %, and the chance that one of them is wrong is 5 % at most.

    Examples
    --------
    >>> from sksimilar.experiment import holm
    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p)
    corrected = np.empty(len(p))
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected[order] = np.minimum(steps, 1)
    return corrected


def detectable_difference(spread, n_pairs, level=0.05, power=0.8):
    """Return the smallest true difference that a paired t-test finds often enough.

    Parameters
    ----------
    spread : float
        Standard deviation of the differences.

    n_pairs : int
        Number of pairs.

    level : float, default=0.05
        Of the two-tailed test.

    power : float, default=0.8
        Chance to find it, above level / 2 and below 1.

    Returns
    -------
    difference : float
        NaN for a single pair.

    Raises
    ------
    ValueError
        If ``power`` is no chance that a difference could have.

    Examples
    --------
    >>> from sksimilar.experiment import detectable_difference
    >>> f"{detectable_difference(1.0, 5):.2f}, {detectable_difference(1.0, 10):.2f}"
    '1.68, 1.00'
    """
    if not level / 2 < power < 1:
        raise ValueError(
            f"`power` must be above level / 2 = {level / 2:g} and below 1, got {power}."
        )
    if n_pairs < 2:
        return np.nan
    freedom = n_pairs - 1
    quantile = stats.t.ppf(1 - level / 2, freedom)

    def lack(shift):  # The other tail is smaller than anything that matters here.
        return stats.nct.sf(quantile, freedom, shift) - power

    most = quantile
    while lack(most) < 0:
        most *= 2
    shift = optimize.brentq(lack, 0, most)
    return spread * shift / np.sqrt(n_pairs)


def expected_found(copies, n_picks):
    """Return how many distinct wanted rows random picks hold: exactly, on average.

    Parameters
    ----------
    copies : ndarray of int of shape (n_pool,)
        For each row of the pool, what copies share; -1 if nobody wants it.

    n_picks : int
        Rows picked without replacement.

    Returns
    -------
    mean, spread : float
        Expectation and standard deviation of their number.

    Examples
    --------
    >>> import numpy as np
    >>> from sksimilar.experiment import expected_found
    >>> pool = np.r_[np.arange(1000), np.full(20_000, -1)]
    >>> mean, spread = expected_found(pool, 1000)
    >>> f"{mean:.1f} +- {spread:.1f}"
    '47.6 +- 6.6'
    """
    wanted = np.unique(copies[copies >= 0], return_counts=True)[1]
    times, number = np.unique(wanted, return_counts=True)

    def missed(n_rows):
        return stats.hypergeom.pmf(0, len(copies), n_rows, n_picks)

    one, both = missed(times), missed(np.add.outer(times, times))
    mean = number @ one
    # Of each two different rows; a row is no pair with itself.
    pairs = number @ both @ number - number @ both.diagonal()
    return len(wanted) - mean, np.sqrt(max(mean + pairs - mean**2, 0))
