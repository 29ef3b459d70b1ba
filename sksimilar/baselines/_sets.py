"""What a baseline asks of the estimator and of the masks, and points for rows."""

import numpy as np
import torch

from .._validation.labels import is_unlabeled
from ..embeddings import similarity_of

NO_ROWS = np.empty(0, dtype=np.int64)


def check_estimator(sampler):
    """Refuse to go on without an estimator."""
    if sampler.estimator is None:
        raise ValueError(
            f"{type(sampler).__name__} needs a fitted `estimator` that predicts "
            "probabilities, got None. Pass one, or use RandomSampler."
        )


def check_query_given(sampler):
    """Refuse to go on without a query."""
    if sampler.query_ is None:
        raise ValueError(
            f"{type(sampler).__name__} looks for rows that serve a query, and "
            "`query_mask` is None. Mark the rows that stand for what is wanted."
        )


def query_labels(sampler, y):
    """Return the true labels of the query rows, having checked that they are known."""
    check_query_given(sampler)
    rows = sampler.query_
    unknown = rows if y is None else rows[is_unlabeled(y[rows])]
    if len(unknown):
        raise ValueError(
            f"{type(sampler).__name__} needs the true labels of all `query_mask` rows "
            f"in `y`; those of {len(unknown)} are unknown, the first at position "
            f"{unknown[0]}. Give them, or clear those rows in the mask."
        )
    return y[rows]


def known_rows(sampler, y):
    """Return the rows with a label that are no candidates, positions in X."""
    if y is None:
        return NO_ROWS
    return np.setdiff1d(np.flatnonzero(~is_unlabeled(y)), sampler.candidates_)


def embed(sampler, X, y, given, *, embedding, metric, labeled=NO_ROWS):
    """Return the similarity over the candidates and some given rows.

    Parameters
    ----------
    sampler : BaseSampler
        Fitted; its ``estimator`` and ``layer`` are used.

    X, y : as in `sksimilar.base.BaseSampler.fit`
        All rows.

    given : ndarray of int64
        Positions in X of rows to be compared with besides the candidates.

    embedding, metric, labeled
        As in `sksimilar.embeddings.similarity_of`.

    Returns
    -------
    similarity : Similarity
        Over the rows that are a candidate or given.

    rows : ndarray of int64
        Their positions in X.

    candidates, given : tensor of int64
        The points of the similarity that belong to each set.
    """
    rows = np.union1d(sampler.candidates_, given)
    similarity = similarity_of(
        X,
        y,
        rows,
        labeled,
        estimator=sampler.estimator,
        embedding=embedding,
        layer=sampler.layer,
        metric=metric,
    )
    device = similarity.diagonal().device
    points = (
        torch.as_tensor(np.searchsorted(rows, s), device=device)
        for s in (sampler.candidates_, given)
    )
    return similarity, rows, *points


def shuffled(points, rng):
    """Return points in random order, drawn on the host."""
    return points[torch.as_tensor(rng.permutation(len(points)), device=points.device)]
