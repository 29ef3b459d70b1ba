"""What was selected, by us or by what somebody passed in."""

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from .rows import check_positions

UNSELECTED = "This %(name)s has selected nothing yet. Call `select` first."


def check_sound(rows, gains, bound, function):
    """Refuse a selection that is no set, or whose value is no number."""
    numbers = [*gains, 0.0 if bound is None else bound]
    if np.isfinite(numbers).all() and len(np.unique(rows)) == len(rows):
        return
    raise ValueError(
        f"The gains of {function} are not finite, or rows could not be told apart. "
        "Where numbers went beyond their range, scale `X`, so that products of its rows "
        "are ordinary numbers, and lower the weights: `eta`, `nu` and those of "
        "`function`. Where a precomputed kernel is not positive semidefinite, mend it, "
        "or raise the ridge of log det."
    )


def check_gains(gains, points, measure):
    """Return the gains of points by somebody's function, one number for each."""
    is_tensor = isinstance(gains, torch.Tensor)
    if is_tensor and gains.shape == points.shape and gains.is_floating_point():
        return gains
    name = type(getattr(measure, "prior", measure)).__name__
    kind = f"{gains.dtype} " if hasattr(gains, "dtype") else ""
    raise TypeError(
        f"{name}.gains(points) must return a tensor of floats of shape "
        f"{tuple(points.shape)}, one for each point, got {type(gains).__name__} of "
        f"{kind}shape {tuple(np.shape(gains))}."
    )


def check_picks(selection, candidates, budget, optimizer):
    """Return the points that somebody's optimizer chose, a set of so many candidates."""
    name = getattr(optimizer, "__name__", repr(optimizer))
    points = torch.as_tensor(selection.points).to(candidates)
    strange = points[~torch.isin(points, candidates)]
    if len(strange):
        raise ValueError(
            f"`optimizer` {name} chose the point {strange[0]}, which is none of its "
            "candidates. Choose among the second argument, whose entries are points."
        )
    lengths = len(points), len(points.unique()), len(selection.gains)
    # Gains that are no numbers make rows repeat, and have an error of their own.
    if lengths != (budget, budget, budget) and selection.gains.isfinite().all():
        raise ValueError(
            f"`optimizer` {name} must choose {budget} rows, each row once, and name the "
            f"gain of each; got {lengths[0]} rows, {lengths[1]} of them different, and "
            f"{lengths[2]} gains."
        )
    return points


def check_selection(rows, candidates, sampler):
    """Refuse rows from somebody's sampler that were not there to be selected."""
    name = type(sampler).__name__
    rows = check_positions(rows, len(candidates), f"{name}.select()")
    if not candidates[rows].all():
        raise ValueError(
            f"{name}.select() returned row {rows[~candidates[rows]][0]}, which is not "
            "among `candidate_mask`."
        )
    return rows


def check_selected(sampler, shown="selected_indices_"):
    """Refuse a sampler that has not selected, or that has not what is to be shown."""
    if hasattr(sampler, "ask"):
        raise TypeError(
            "`sampler` must be a sampler that has selected, got "
            f"{type(sampler).__name__}. Pass its `sampler_`."
        )
    check_is_fitted(sampler, "selected_indices_", msg=UNSELECTED)
    if not hasattr(sampler, shown):
        raise TypeError(
            f"`sampler` must have `{shown}`, which is shown here, got "
            f"{type(sampler).__name__}. Pass a SIMILARSampler."
        )
