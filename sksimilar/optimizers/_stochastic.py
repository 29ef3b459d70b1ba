"""Greedy over samples of the candidates."""

from numbers import Real

import numpy as np
import torch
from sklearn.utils import check_scalar

from ._lazy import check_submodular, renew
from ._record import Record


def stochastic(measure, candidates, budget, rng=None, track=iter, epsilon=0.1):
    """Greedy over a random sample of the candidates at every pick.

    Reaches (1 - 1/e - epsilon) of the optimum in expectation with n log(1/epsilon)
    evaluations in all, for monotone submodular measures [1]_.  Has no bound.

    Parameters
    ----------
    measure : object with `gains` and `add`
        As in `greedy`.

    candidates : tensor of shape (n_candidates,), int64
        As in `greedy`.

    budget : int
        As in `greedy`.

    rng : RandomState
        Draws the samples, on the host.

    track : callable, default=iter
        As in `greedy`.

    epsilon : float, default=0.1
        Smaller samples more: (n / budget) log(1 / epsilon) candidates a pick.

    Returns
    -------
    selection : Selection
        As in `greedy`, without a bound.

    References
    ----------
    .. [1] B. Mirzasoleiman et al. Lazier than lazy greedy. AAAI 2015.
    """
    record = Record(measure, candidates, budget)
    size = _sample_size(len(candidates), budget, epsilon)
    for _ in track(range(budget)):
        sample = record.sample(size, rng)
        record.take(measure.gains(record.points[sample]), sample)
    return record.selection()._replace(bound=None)


def lazier_than_lazy(measure, candidates, budget, rng=None, track=iter, epsilon=0.1):
    """Stochastic greedy that evaluates each sample lazily.

    The same picks as `stochastic` for submodular measures, with fewer evaluations;
    others are refused as by `lazy`.

    Parameters
    ----------
    measure : object with `gains` and `add`
        As in `greedy`, and submodular.

    candidates : tensor of shape (n_candidates,), int64
        As in `greedy`.

    budget : int
        As in `greedy`.

    rng : RandomState
        Draws the samples, on the host.

    track : callable, default=iter
        As in `greedy`.

    epsilon : float, default=0.1
        Smaller samples more: (n / budget) log(1 / epsilon) candidates a pick.

    Returns
    -------
    selection : Selection
        As in `greedy`, without a bound.

    Raises
    ------
    ValueError
        If the measure does not say that it is submodular.
    """
    check_submodular(measure, "lazier_than_lazy", "'stochastic'")
    record = Record(measure, candidates, budget)
    size = _sample_size(len(candidates), budget, epsilon)
    bounds = torch.full_like(record.first, torch.inf)
    for _ in track(range(budget)):
        sample = record.sample(size, rng)
        renewed, fresh = bounds[sample], torch.zeros_like(sample, dtype=torch.bool)
        renew(measure, record.points[sample], renewed, fresh, record.resolution)
        bounds[sample] = renewed
        record.take(renewed, sample)
    return record.selection()._replace(bound=None)


def _sample_size(n_candidates, budget, epsilon):
    within = {"min_val": 0, "max_val": 1, "include_boundaries": "neither"}
    check_scalar(epsilon, "epsilon", Real, **within)
    return max(1, int(np.ceil(n_candidates / budget * np.log(1 / epsilon))))
