"""From an estimator and rows to a similarity.  Floor 3."""

import numpy as np
import torch
from sklearn.utils import _safe_indexing, check_array

from ._validation import check_finite
from .gradients import column_labels, features, head_outputs
from .rows import located
from .similarity import METRICS, DenseSimilarity, gradient_factors

__all__ = ["labeled_head", "similarity_of"]


def similarity_of(
    X,
    y,
    rows,
    labeled,
    *,
    estimator,
    embedding="auto",
    layer="auto",
    metric="cosine",
    device="auto",
):
    """Return the similarity of some rows of X, with nothing of size n x n.

    Parameters
    ----------
    X, y : as in `sksimilar.base.BaseSampler.fit`
        All rows.

    rows : ndarray of shape (n_rows,), int64
        Positions in X of the points of the similarity, in order.

    labeled : ndarray of shape (n_labeled,), int64
        Positions in X, among ``rows``, whose gradients use the true labels in y.

    estimator, embedding, layer, metric, device
        As in `sksimilar.SIMILARSampler`.

    Returns
    -------
    similarity : Similarity
        Over ``len(rows)`` points, on the device.
    """
    if metric == "precomputed":
        return _precomputed(X, rows, estimator, device)
    if embedding == "auto":
        embedding = "features" if estimator is None else "gradient"
    if embedding == "gradient":
        factors = _gradients(X, y, rows, labeled, estimator, layer)
    elif estimator is None:
        factors = (_plain(X, rows),)
    else:
        factors = (features(estimator, X, rows, layer=layer),)
    return METRICS[metric](*(_to_device(factor, device) for factor in factors))


def _gradients(X, y, rows, labeled, estimator, layer):
    if estimator is None:
        raise ValueError(
            "embedding='gradient' needs a fitted `estimator`, got None. Pass one, or "
            "use embedding='features' to compare the rows of X as they are."
        )
    return gradient_factors(*labeled_head(X, y, rows, labeled, estimator, layer))


def labeled_head(X, y, rows, labeled, estimator, layer="auto"):
    """Return the head's input and output, and a label for every row.

    Parameters are those of `similarity_of`; labels are the predicted ones, and those in
    y at the rows ``labeled``.

    Returns
    -------
    features, logits, labels : tensors of len(rows) rows
    """
    h, z = head_outputs(estimator, X, rows, layer=layer)
    labels = z.argmax(dim=1)  # Hypothesized.
    if len(labeled):
        y, known = located(y, labeled)
        true = column_labels(estimator, y[known], z.shape[1])
        places = torch.as_tensor(np.searchsorted(rows, labeled)).to(z.device)
        labels[places] = torch.as_tensor(true).to(z.device)
    return h, z, labels


def _plain(X, rows):
    """Return rows of X as they are; those of a memmap are seen here for the first time."""
    values = check_array(
        _safe_indexing(*located(X, rows)),
        dtype=[np.float64, np.float32],
        ensure_all_finite=False,
    )
    values = torch.as_tensor(values)
    check_finite(values, rows, "Rows")
    return values


def _precomputed(X, rows, estimator, device):
    if estimator is not None:
        raise ValueError(
            "metric='precomputed' takes X as the kernel and has no use for an "
            "`estimator`. Leave it out, or choose another metric."
        )
    if np.ndim(X) != 2 or X.shape[0] != X.shape[1]:
        raise ValueError(
            "metric='precomputed' needs a square kernel of shape (n_samples, "
            f"n_samples), got {np.shape(X)}."
        )
    kernel = X if len(rows) == len(X) else X[np.ix_(rows, rows)]
    if not np.allclose(kernel, kernel.T):
        raise ValueError("metric='precomputed' needs a symmetric kernel.")
    return DenseSimilarity(_to_device(torch.as_tensor(kernel), device))


def _to_device(tensor, device):
    if device != "auto":
        return tensor.to(device)
    # Apple's devices lack the float64 that running sums are kept in.
    return tensor.cpu() if tensor.device.type == "mps" else tensor
