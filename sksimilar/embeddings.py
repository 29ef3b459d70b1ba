"""From an estimator and rows to a similarity.  Floor 3."""

import warnings

import numpy as np
import torch
from sklearn.utils import _safe_indexing, check_array, gen_batches

from ._validation.labels import check_labeled
from ._validation.numbers import check_finite
from .blocks import BLOCK, in_blocks
from .factors import READ_AT_ONCE, MappedRows, gradient_factors
from .gradients import column_labels, features, head_outputs
from .rows import located
from .similarity import METRICS, DenseSimilarity

__all__ = ["DTYPES", "labeled_head", "similarity_of", "truly_labeled"]

# What an embedding may be kept in; "auto" is what it was computed in.
DTYPES = {
    "auto": None,
    "float64": torch.float64,
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}
ASYMMETRY = 1e-5  # Of a kernel, relative to its largest entry: rounding.


def truly_labeled(sampler, y, **given):
    """Return the given rows whose gradients use true labels, having checked these.

    Parameters
    ----------
    sampler : BaseSampler
        Its ``estimator``, ``embedding`` and ``labels`` say whether any do.

    y : array-like of shape (n_samples,), or None
        Labels.

    **given : ndarray of int64, or None
        Positions in X, by the name of the mask that marks them.

    Returns
    -------
    labeled : ndarray of shape (n_labeled,), int64
        Positions in X, ascending.

    Raises
    ------
    ValueError
        If a label that is used is not known.
    """
    labeled = np.empty(0, dtype=np.int64)
    uses_labels = sampler.estimator is not None and sampler.embedding != "features"
    if not uses_labels or sampler.labels == "hypothesized":
        return labeled
    for name, rows in given.items():
        if rows is not None and len(rows):
            check_labeled(y, rows, name)
            labeled = np.union1d(labeled, rows)
    return labeled


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
    dtype="auto",
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

    estimator, embedding, layer, metric, dtype, device
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
    metric, dtype = METRICS[metric], DTYPES[dtype]

    def kept(factor):
        return _in_dtype(metric.prepare(factor), dtype)

    if embedding == "gradient":
        labels = _Labels(estimator, y, rows, labeled)

        def gradients(start, h, z):
            return tuple(map(kept, gradient_factors(h, z, labels(start, z))))

        _check_estimator(estimator)
        factors = head_outputs(estimator, X, rows, layer=layer, each=gradients)
    elif estimator is None:
        factors = (_plain(X, rows, metric, kept),)
    elif metric.settle is None:
        one = features(estimator, X, rows, layer=layer, each=lambda _, h: (kept(h),))
        factors = (one,)
    else:
        factors = (kept(metric.settle(features(estimator, X, rows, layer=layer))),)
    return metric(*(_to_device(f, device) for f in factors), prepared=True)


def _in_dtype(factor, dtype):
    """Return a factor in the precision that it is kept in, None for its own."""
    kept = factor.to(dtype or factor.dtype)
    if dtype == torch.float16 and not kept.isfinite().all():
        raise ValueError(
            "The embedding holds numbers beyond the range of dtype='float16', such as "
            f"{float(factor.abs().max()):.3g}. Use dtype='bfloat16', or "
            "metric='cosine', which scales every row."
        )
    return kept


def _check_estimator(estimator):
    if estimator is None:
        raise ValueError(
            "embedding='gradient' needs a fitted `estimator`, got None. Pass one, or "
            "use embedding='features' to compare the rows of X as they are."
        )


def labeled_head(X, y, rows, labeled, estimator, layer="auto"):
    """Return what the head multiplies, what comes out, and a label for every row.

    Parameters are those of `similarity_of`; labels are the predicted ones, and those in
    y at the rows ``labeled``.

    Returns
    -------
    inputs, logits, labels : tensors of len(rows) rows
    """
    h, z = head_outputs(estimator, X, rows, layer=layer)
    return h, z, _Labels(estimator, y, rows, labeled)(0, z)


class _Labels:
    """The columns of the logits that rows are labeled by, a batch of them at a time."""

    def __init__(self, estimator, y, rows, labeled):
        self.estimator, self.rows = estimator, rows
        self.labeled, self.y = labeled, y

    def __call__(self, start, z):
        """Return the labels of the rows whose logits are z, from place ``start`` on."""
        labels = z.argmax(dim=1)  # Hypothesized.
        rows = self.rows[start : start + len(z)]
        known = self.labeled[np.isin(self.labeled, rows)]
        if len(known):
            y, places = located(self.y, known)
            true = column_labels(self.estimator, y[places], z.shape[1])
            places = torch.as_tensor(np.searchsorted(rows, known)).to(z.device)
            labels[places] = torch.as_tensor(true).to(z.device)
        return labels


def _plain(X, rows, metric, kept):
    """Return rows of X as they are; those of a file are read when they are needed."""
    if isinstance(X, np.memmap):
        values = _mapped(X, rows)
        if values.n_bytes > READ_AT_ONCE:
            return metric.prepare(metric.settle(values) if metric.settle else values)
        return kept(metric.settle(values[:]) if metric.settle else values[:])
    X, places = located(X, rows)

    def read(some):
        return torch.as_tensor(_as_floats(_safe_indexing(X, places[some])))

    if metric.settle:
        return kept(metric.settle(read(slice(None))))
    # Some at a time, for there to be one copy of all.
    everyone, width = torch.arange(len(rows)), 2 * X.shape[1]
    return in_blocks(lambda some: kept(read(some.numpy())), everyone, width)


def _mapped(X, rows):
    """Return rows of a file, seen here for the first time."""
    dtype = torch.from_numpy(_as_floats(X[:1]).copy()).dtype
    values = MappedRows(X, rows, dtype)
    check_finite(values, rows, "Rows")
    return values


def _as_floats(X):
    dtype = [np.float64, np.float32]
    return check_array(X, dtype=dtype, ensure_all_finite=False)


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
    if isinstance(X, np.memmap):  # Seen here for the first time.
        kernel = check_array(kernel, dtype=[np.float64, np.float32], input_name="X")
    if min(kernel.strides) < 0:  # Which torch does not read.
        kernel = np.ascontiguousarray(kernel)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Nothing writes to what is read-only.
        kernel = torch.as_tensor(kernel)
    _check_symmetric(kernel, rows)
    return DenseSimilarity(_to_device(kernel, device))


def _check_symmetric(kernel, rows):
    """Refuse a kernel that differs from its transpose by more than rounding."""
    tolerance = ASYMMETRY * max(abs(float(entry)) for entry in kernel.aminmax())
    for block in gen_batches(len(kernel), max(1, BLOCK // len(kernel))):
        apart = kernel[block].sub(kernel[:, block].T).abs_()
        if not apart.max() <= tolerance:
            i, j = divmod(apart.argmax().item(), len(kernel))
            i += block.start
            raise ValueError(
                "metric='precomputed' needs a symmetric kernel; rows "
                f"{rows[i]} and {rows[j]} of X are {kernel[i, j]:g} alike one way and "
                f"{kernel[j, i]:g} the other. Use (X + X.T) / 2 if either will do."
            )


def _to_device(tensor, device):
    if device != "auto":
        return tensor.to(device)
    # Apple's devices lack the float64 that running sums are kept in.
    return tensor.cpu() if tensor.device.type == "mps" else tensor
