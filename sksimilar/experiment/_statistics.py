"""Differences pair by pair, and the height of learning curves."""

import numpy as np
from scipy import integrate, stats

__all__ = ["area_under_curve", "paired_difference"]


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
