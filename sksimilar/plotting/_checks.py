"""Checks of what is drawn."""

import numpy as np

from .._validation.words import as_array


def check_curves(curves, rounds, name, name_of_rounds):
    """Return a matrix of a row for each repetition of each method, by its name."""
    if not hasattr(curves, "items"):
        raise TypeError(
            f"`{name}` must be a dict from the name of a method to its numbers, got "
            f"{type(curves).__name__}. Of one method it is a dict too."
        )
    matrices = {method: np.atleast_2d(as_array(c)) for method, c in curves.items()}
    for method, matrix in matrices.items():
        is_numeric, n_rounds = matrix.dtype.kind in "biuf", len(rounds)
        if not is_numeric or matrix.shape != (len(matrix) or 1, n_rounds):
            raise ValueError(
                f"`{name}` of {method!r} must be numbers, one for each of the "
                f"{n_rounds} of `{name_of_rounds}`, of shape ({n_rounds},) or "
                f"(n_repetitions, {n_rounds}); got {matrix.dtype} of shape "
                f"{np.shape(as_array(curves[method]))}."
            )
    return matrices


def check_images(images, name):
    """Refuse what cannot be drawn as one picture for each row."""
    shape = np.shape(images)
    if images is not None and len(shape) not in (3, 4):
        raise ValueError(
            f"`{name}` must be of shape (n_samples, height, width), maybe with channels "
            f"last, got {shape}. Leave it out where rows are no pictures."
        )


def check_plane(points, n_samples, name):
    """Return two coordinates of every row, as an array."""
    points = as_array(points)
    if points.shape != (n_samples, 2):
        raise ValueError(
            f"`{name}` must give two coordinates for each row, an array of shape "
            f"({n_samples}, 2), got shape {points.shape}. PCA(2) projects to a plane."
        )
    return points
