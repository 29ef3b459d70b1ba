"""Greedy on a measure of which only the nearest neighbors count."""

from ._greedy import greedy


def sparse(measure, candidates, budget, rng=None, track=iter, n_neighbors=64):
    """Greedy in which a row of V counts its nearest candidates alone.

    One pass over all pairs finds them; from then on a pick costs next to nothing, which
    pays where the budget is large.  Gains are exact for the sparsified measure, and so
    a lower bound of the measure's own; the bound holds for the measure's own optimum.

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
        If the measure is not facility location.
    """
    if not hasattr(measure, "nearest"):
        raise ValueError(
            "optimizer='sparse' keeps the nearest candidates of every row, which only "
            "facility location counts. Use optimizer='auto', or function='fl'."
        )
    near = measure.nearest(candidates, n_neighbors)
    selection = greedy(near, candidates, budget, rng, track)
    return selection._replace(bound=near.bound(budget))
