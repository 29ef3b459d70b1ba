"""Greedy on a measure of which only the nearest neighbors count."""

from functools import partial
from numbers import Integral

from sklearn.utils import check_scalar

from ._greedy import greedy
from ._record import RESOLUTION, as_selection

N_NEIGHBORS = 64


def sparse(measure, candidates, budget, rng=None, track=iter, n_neighbors=N_NEIGHBORS):
    """Greedy in which a row of V counts its nearest candidates alone.

    One pass over all pairs finds them; from then on a pick costs next to nothing, which
    pays where the budget is large.  Picks are exact for the sparsified measure.  Their
    gains, and the bound, are those of the measure itself.

    Parameters
    ----------
    measure : object with a method `nearest`
        Facility location; others are refused.

    candidates : tensor of shape (n_candidates,), int64
        As in `greedy`.

    budget : int
        As in `greedy`.

    rng : RandomState, default=None
        Ignored; present so that all optimizers are called alike.

    track : callable, default=iter
        As in `greedy`.

    n_neighbors : int, default=64
        Candidates kept for each row.

    Returns
    -------
    selection : Selection
        As in `greedy`.

    Raises
    ------
    ValueError
        If the measure is not facility location, or no neighbor is to be kept.
    """
    if not hasattr(measure, "nearest"):
        raise ValueError(
            "optimizer='sparse' keeps the nearest candidates of every row, which only "
            "facility location counts. Use optimizer='auto', or function='fl'."
        )
    check_scalar(n_neighbors, "n_neighbors", Integral, min_val=1)
    near = measure.nearest(candidates, n_neighbors)
    points = greedy(near, candidates, budget, rng, track).points
    gains = measure.gains_along(points)
    resolution = (measure.resolution or RESOLUTION[gains.dtype]) * gains.abs().max()
    return as_selection(points, gains, resolution, near.bound(budget))


def neighbors_kept(optimizer):
    """Return how many candidates an optimizer keeps for each row.

    Parameters
    ----------
    optimizer : str or callable
        As in `resolve_optimizer`; a ``functools.partial`` of `sparse`, too.

    Returns
    -------
    n_neighbors : int
        0 for those that look at all.
    """
    if isinstance(optimizer, partial) and optimizer.func is sparse:
        return optimizer.keywords.get("n_neighbors", N_NEIGHBORS)
    return N_NEIGHBORS if optimizer in ("sparse", sparse) else 0
