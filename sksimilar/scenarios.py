"""The realistic scenarios of the paper as data: Tables 1 and 3.  Floor 1.

A scenario says which rows stand for what is wanted (the query Q) and which for what is
known or unwanted (the conditioning set P).  It names sets, and the sets are looked up
anew in every round of active learning, since all but the first grow:

======= ================================================================================
``R``   rows of the rare, or otherwise wanted, classes: those of ``query_mask``
``L``   labeled rows
``L-R`` labeled rows of other classes than those of ``R``
``I``   labeled in-distribution rows, started from ``query_mask`` where there is one
``O``   labeled out-of-distribution rows
======= ================================================================================
"""

import numpy as np

from ._validation.rows import check_mask
from ._validation.words import check_callable, check_choice

__all__ = ["SCENARIOS", "SETS", "Scenario", "resolve"]


def set_names(expression):
    """Return the set names in ``"O+I"``; none in a function or None."""
    return expression.split("+") if isinstance(expression, str) else []


class Scenario:
    """Name the query and the conditioning set of every round.

    Parameters
    ----------
    query : str, callable or None, default=None
        The wanted rows: a name out of ``R``, ``L``, ``L-R``, ``I`` and ``O``, a union
        such as ``"R+I"``, or a function of a :class:`~sksimilar.pool.Pool` that returns
        a boolean mask over its rows.  None selects by f(A), or f(A | P), alone.

    conditioning : str, callable or None, default=None
        The rows to stay away from, said in the same ways.

    Examples
    --------
    Rare classes, without what is labeled already of any class:

    >>> from sksimilar.scenarios import Scenario
    >>> Scenario(query="R", conditioning="L")
    Scenario(query='R', conditioning='L')
    """

    def __init__(self, query=None, conditioning=None):
        self.query = query
        self.conditioning = conditioning
        for argument, expression in vars(self).items():
            if not (expression is None or isinstance(expression, str)):
                check_callable(expression, argument)
            for name in set_names(expression):
                check_choice(name, SETS, argument)

    def __repr__(self):
        return f"Scenario(query={self.query!r}, conditioning={self.conditioning!r})"

    def __eq__(self, other):
        return type(other) is Scenario and vars(self) == vars(other)

    def __hash__(self):
        return hash((self.query, self.conditioning))

    def names(self):
        """Return the names of all sets that this scenario mentions.

        Returns
        -------
        names : set of str
            None of those that functions use.
        """
        return {*set_names(self.query), *set_names(self.conditioning)}

    def masks(self, pool):
        """Return Q and P in this round as masks over the rows; None where empty.

        An empty P is no conditioning, by the formula itself.  An empty Q would make
        every selection worth 0: without a row to ask for, the round selects by f(A), or
        at random where the sampler does nothing without a query.

        Parameters
        ----------
        pool : Pool
            What is known of every row in this round.

        Returns
        -------
        query, conditioning : ndarray of bool of shape (n_samples,), or None
            The two sets.
        """
        return tuple(evaluate(sets, pool, name) for name, sets in vars(self).items())


def rare(pool):
    """R: the query rows, and found rows of their classes where the query grows."""
    return _grown(pool, _given(pool), np.isin(pool.codes, pool.query_codes))


def labeled(pool):
    """L: all labeled rows."""
    return pool.labeled


def labeled_not_rare(pool):
    """L - R: labeled rows of no query class, R being those of L that are rare."""
    return pool.labeled & ~np.isin(pool.codes, pool.query_codes)


def in_distribution(pool):
    """I: the query rows, or else the first labels, and found in-distribution rows."""
    inside, given = pool.labeled & ~pool.ood, _given(pool)
    return _grown(pool, given if given.any() else inside & ~pool.found, inside)


def _given(pool):
    """Return the query rows whose labels nobody has taken back."""
    return pool.query & ~pool.skipped


def out_of_distribution(pool):
    """O: the labeled out-of-distribution rows."""
    return pool.ood


def _grown(pool, start, wanted):
    return start | (pool.found & wanted) if pool.grows else start


SETS = {
    "R": rare,
    "L": labeled,
    "L-R": labeled_not_rare,
    "I": in_distribution,
    "O": out_of_distribution,
}

SCENARIOS = {
    "standard": Scenario(),
    "rare": Scenario(query="R"),
    "redundancy": Scenario(conditioning="L"),
    "ood": Scenario(query="I", conditioning="O"),
    "rare+ood": Scenario(query="R", conditioning="O"),
    "rare+redundancy": Scenario(query="R", conditioning="L-R"),
    # Q lies within P: only a sharpened kernel for I leaves anything to gain (Sec. 3.5).
    "redundancy+ood": Scenario(query="I", conditioning="O+I"),
}


def resolve(scenario):
    """Return the scenario of a name, or the one given.

    Parameters
    ----------
    scenario : str or Scenario
        A key of `SCENARIOS`, or a scenario.

    Returns
    -------
    scenario : Scenario
        As the learner uses it.

    Raises
    ------
    ValueError
        For an unknown name.
    """
    if isinstance(scenario, Scenario):
        return scenario
    return SCENARIOS[check_choice(scenario, SCENARIOS, "scenario")]


def evaluate(expression, pool, argument):
    """Return the mask of a union of sets, or None if it holds no row."""
    if callable(expression):
        mask = expression(pool)
        mask = np.zeros(len(pool.codes), dtype=bool) if mask is None else mask
        mask = check_mask(mask, len(pool.codes), f"{argument}(pool)")
    else:
        mask = np.zeros(len(pool.codes), dtype=bool)
        for name in set_names(expression):
            mask = mask | SETS[name](pool)
    return mask if mask.any() else None
