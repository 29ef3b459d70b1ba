"""Samplers to compare with: the paper's baselines and sanity checks.  Floor 2."""

from sklearn.utils import check_random_state

from .base import BaseSampler


class RandomSampler(BaseSampler):
    """Select rows uniformly at random.

    Parameters
    ----------
    estimator : object, default=None
        Ignored; present so that all samplers can stand in one grid.

    budget : int, default=10
        Rows that `select` returns by default.

    random_state : int, RandomState instance or None, default=None
        Draws the rows.

    Examples
    --------
    >>> from sksimilar import RandomSampler
    >>> RandomSampler(budget=3, random_state=0).fit_select([[1.0], [2.0], [3.0], [4.0]])
    array([2, 3, 1])
    """

    def __init__(self, estimator=None, *, budget=10, random_state=None):
        self.estimator = estimator
        self.budget = budget
        self.random_state = random_state

    def _fit(self, X, y):
        pass

    def _select(self, n):
        return check_random_state(self.random_state).permutation(self.candidates_)[:n]
