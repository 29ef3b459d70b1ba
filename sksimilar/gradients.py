"""What a fitted classifier knows about its rows, read batch by batch.  Floor 2.

The cross-entropy of row i under the logits z_i = W h_i + b has the gradient
r_i (h_i, 1)^T with respect to (W, b), where r_i = softmax(z_i) - e_{y_i}.  So the input
h and the output z of the last linear layer, the *head*, stand for every gradient, and
they are all that is read here: `head_outputs`.

Each kind of estimator has an adapter, a class of four short methods, and `_adapter` is
the one place that chooses between them.  An adapter yields batches and never sees more
of X than one batch; `_collect` puts the batches together.
"""

from abc import ABC, abstractmethod
from contextlib import closing

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, gen_batches
from sklearn.utils.validation import _num_samples, check_is_fitted
from skorch.helper import SliceDataset
from torch import nn

from ._validation.numbers import check_finite
from .classifiers import is_network, unwrapped
from .inference import (
    affine,
    check_cross_entropy,
    hidden,
    linears,
    logarithm,
    predicted_logs,
    read,
    upcast,
    verified_head,
)
from .rows import dicts_explained, located

__all__ = [
    "UnknownLabels",
    "column_labels",
    "features",
    "head_outputs",
    "log_probabilities",
]

BATCH_ROWS = 4096  # Rows handed to a scikit-learn estimator at a time.
NARROW = 1024  # Columns up to which sparse rows are made dense.

UNFITTED = (
    "This %(name)s is not fitted. Call `fit` first (a skorch net may also be initialized "
    "with `initialize` and given weights with `load_params`)."
)


class UnknownLabels(ValueError):
    """Some rows are of classes that the classifier was not fitted on.

    Parameters
    ----------
    unknown, known : list
        Labels of those rows, and all that it was fitted on.
    """

    def __init__(self, unknown, known):
        super().__init__(
            f"{_some(unknown)} not among the classes that the estimator was fitted on: "
            f"{known}. Train it on a row of each class, or leave those rows out; samplers "
            "with `labels` can do without, by labels='hypothesized'."
        )
        self.unknown, self.known = unknown, known

    def renamed(self, name):
        """Return the same error with ``name(label)`` in the place of every label."""
        return UnknownLabels([*map(name, self.unknown)], [*map(name, self.known)])


def head_outputs(estimator, X, rows, *, layer="auto", each=None):
    """Return what the last linear layer multiplies, and what comes out.

    With r_i = softmax(z_i) - e_{y_i} for a column y_i of the logits, r_i (h_i, 1)^T is
    the gradient of the cross-entropy of row i with respect to that layer.  Class
    weights and label smoothing are part of the training and not of this gradient.

    A layer without bias multiplies h alone.  Of a network, h and z are recorded while it
    predicts, through its own inference path, and softmax(z) must be what it predicts.  A
    network with one logit counts as one with the two logits (0, z).  Of a scikit-learn classifier, h is the X that it
    sees and z its log-probabilities: if softmax(W x + b) is what it predicts, as for
    `LogisticRegression`, that gives the exact gradient, without b if it fits none.

    Parameters
    ----------
    estimator : fitted skorch net, scikit-learn classifier or Pipeline ending in one
        It may also sit in a `FrozenEstimator` or a fitted search.

    X : array-like, DataFrame, torch Dataset or whatever ``estimator`` predicts on
        Read in batches, ``rows`` only, and never converted as a whole.

    rows : ndarray of shape (n_rows,), dtype int64
        Positions in X.

    layer : str, default='auto'
        Dotted path of the head, an ``nn.Linear`` of the network's module.  By default
        it is the linear layer that ran last.

    each : callable, default=None
        What to keep of a batch: a function of the place of its first row in ``rows``,
        (h, 1) and z that returns a tuple of matrices.  By default these.

    Returns
    -------
    inputs : tensor of shape (n_rows, d + 1)
        The rows (h_i, 1), at least float32, on the device of the network; without the
        column of ones where there is no bias.

    logits : tensor of shape (n_rows, n_classes)
        The outputs z, likewise.
    """
    return _collect(_adapter(estimator).head(X, rows, layer), rows, each)


def features(estimator, X, rows, *, layer="auto", each=None):
    """Return the input of the last linear layer, whatever becomes of its output.

    Parameters are those of `head_outputs`; any loss will do, and of a network any
    linear layer.

    Returns
    -------
    features : tensor of shape (n_rows, d)
    """
    (inputs,) = _collect(_adapter(estimator).features(X, rows, layer), rows, each)
    return inputs


def log_probabilities(estimator, X, rows):
    """Return the logarithms of the class probabilities that the estimator predicts.

    Parameters are those of `head_outputs`; any network will do.  A probability of zero
    counts as the smallest normal number, so that the logarithm is finite.

    Returns
    -------
    log_probabilities : tensor of shape (n_rows, n_classes)
    """
    (logs,) = _collect(_adapter(estimator).log_probabilities(X, rows), rows)
    return logs


def column_labels(estimator, y, n_classes):
    """Return the column of the logits that belongs to each label.

    Parameters
    ----------
    estimator : as in `head_outputs`
        The labels of a network are columns already, those of a scikit-learn classifier
        are listed in its ``classes_``.

    y : array-like of shape (n,)
        True labels.

    n_classes : int
        Number of columns of the logits.

    Returns
    -------
    columns : ndarray of shape (n,), dtype int64
    """
    return _adapter(estimator).columns(np.asarray(y), n_classes)


# ---------------------------------------------------------------- one adapter per kind


def _adapter(estimator):
    """Return the adapter for the kind of ``estimator``, looking inside wrappers."""
    if isinstance(estimator, (type, nn.Module)):
        raise TypeError(
            f"`estimator` must be a fitted skorch net or classifier, got "
            f"{_short(estimator)}. Fit `skorch.NeuralNetClassifier(Module).fit(X, y)` "
            "and pass that."
        )
    estimator = unwrapped(estimator)
    if hasattr(estimator, "ask") and hasattr(estimator, "tell"):
        raise TypeError(
            f"`estimator` is a {type(estimator).__name__}, which itself is told what to "
            "label. Pass the classifier that it has trained, its `estimator_`; labels are "
            "the columns of its `classes_` there, 0, 1, ..."
        )
    if isinstance(estimator, Pipeline):
        return _PipelineAdapter(estimator)
    if is_network(estimator):
        estimator.check_is_fitted(msg=UNFITTED)
        return _NetAdapter(estimator)
    check_is_fitted(estimator, msg=UNFITTED)
    if hasattr(estimator, "predict_proba"):
        return _ClassifierAdapter(estimator)
    raise TypeError(
        f"`estimator` must be a skorch net or a classifier with `predict_proba`, got "
        f"{estimator!r}. CalibratedClassifierCV adds `predict_proba` to a classifier."
    )


class _Adapter(ABC):
    """The same four questions, put to one kind of estimator.

    The first three return a generator of tuples of tensors, one tuple per batch.
    """

    @abstractmethod
    def head(self, X, rows, layer):
        """Yield (h, 1) and z, of shapes (n_batch, d + 1) and (n_batch, n_classes)."""

    @abstractmethod
    def features(self, X, rows, layer):
        """Yield (h,), of shape (n_batch, d)."""

    @abstractmethod
    def log_probabilities(self, X, rows):
        """Yield (log p,), of shape (n_batch, n_classes)."""

    @abstractmethod
    def columns(self, y, n_classes):
        """Return the columns of the logits that labels ``y`` stand for."""


class _NetAdapter(_Adapter):
    """A skorch net."""

    def __init__(self, net):
        self.net = net

    def head(self, X, rows, layer):
        check_cross_entropy(self.net)
        return read(self.net, verified_head, X, rows, linears(self.net.module_, layer))

    def features(self, X, rows, layer):
        return read(self.net, hidden, X, rows, linears(self.net.module_, layer))

    def log_probabilities(self, X, rows):
        return read(self.net, predicted_logs, X, rows, {})

    def columns(self, y, n_classes):
        columns = set(range(n_classes))
        bad = [label for label in y.tolist() if label not in columns]
        if bad:
            raise ValueError(
                f"The labels of a network must be the columns of its output, integers "
                f"from 0 to {n_classes - 1}; got {_some(bad)}. Encode them with "
                "sklearn.preprocessing.LabelEncoder; rows of no class need "
                "labels='hypothesized', or an ActiveLearner with `ood_label`."
            )
        return y.astype(np.int64)


class _ClassifierAdapter(_Adapter):
    """A scikit-learn classifier, taken for softmax(W x + b) of the X that it sees."""

    def __init__(self, classifier):
        self.classifier = classifier

    def head(self, X, rows, layer):
        self._check(X, layer)
        for batch in _batches(X, rows):
            logs = logarithm(self._predict(batch))
            yield affine(_as_tensor(batch).to(logs.dtype), self._has_bias()), logs

    def features(self, X, rows, layer):
        self._check(X, layer)
        for batch in _batches(X, rows):
            yield (_as_tensor(batch),)

    def log_probabilities(self, X, rows):
        for batch in _batches(X, rows):
            yield (logarithm(self._predict(batch)),)

    def columns(self, y, n_classes):
        column = {
            c: i for i, c in enumerate(np.asarray(self.classifier.classes_).tolist())
        }
        unknown = [label for label in y.tolist() if label not in column]
        if unknown:
            raise UnknownLabels(unknown, list(column))
        return np.array([column[label] for label in y.tolist()], dtype=np.int64)

    def _predict(self, batch):
        with dicts_explained(batch, type(self.classifier).__name__):
            return torch.tensor(np.asarray(self.classifier.predict_proba(batch)))

    def _has_bias(self):
        return bool(getattr(self.classifier, "fit_intercept", True))

    def _check(self, X, layer):
        if layer != "auto":
            raise ValueError(
                f"layer={layer!r} names a part of a network, which "
                f"{type(self.classifier).__name__} does not have; leave it at 'auto'."
            )
        if issparse(X):
            raise TypeError(
                "The features of the rows are compared and must be dense, got a sparse "
                "matrix. Reduce it with sklearn.decomposition.TruncatedSVD in a "
                "Pipeline, or densify it with `toarray`."
            )


class _PipelineAdapter(_Adapter):
    """A Pipeline: its last step, on what the steps before make of one batch of rows."""

    def __init__(self, pipeline):
        self.before = pipeline[:-1]
        self.last = _adapter(pipeline[-1])

    def head(self, X, rows, layer):
        return self._each(self.last.head, X, rows, layer)

    def features(self, X, rows, layer):
        return self._each(self.last.features, X, rows, layer)

    def log_probabilities(self, X, rows):
        return self._each(self.last.log_probabilities, X, rows)

    def columns(self, y, n_classes):
        return self.last.columns(y, n_classes)

    def _each(self, ask, X, rows, *layer):
        for batch in _batches(X, rows):
            n_rows = _num_samples(batch)
            batch = self.before.transform(batch) if len(self.before) else batch
            # What a ColumnTransformer returns is sparse or not as its zeros are many.
            if issparse(batch) and batch.shape[1] <= NARROW:
                batch = batch.toarray()
            yield from ask(batch, np.arange(n_rows), *layer)


# ---------------------------------------------------------------- batches and tensors


@torch.no_grad()
def _collect(batches, rows, each=None):
    """Return one tensor of len(rows) rows for each tensor in the tuples of a batch."""
    each = each or (lambda start, *batch: batch)
    if len(rows) == 0:
        raise ValueError("`rows` is empty: there is nothing to read.")
    outputs, stop = None, 0
    with closing(batches):  # So that the net is restored before an error gets out.
        for batch in batches:
            start, stop = stop, stop + len(batch[0])
            if stop > len(rows):
                continue
            batch = each(start, *map(upcast, batch))
            outputs = outputs or [b.new_empty(len(rows), b.shape[1]) for b in batch]
            for output, part in zip(outputs, batch, strict=True):
                output[start:stop] = part
    if stop != len(rows):
        raise ValueError(
            f"The estimator returned {stop} rows for {len(rows)} rows of X; it must "
            f"return one for each, so check `iterator_valid` and its `collate_fn`."
        )
    for output in outputs:
        check_finite(output, rows, "Features or outputs of the estimator")
    return outputs


def _batches(X, rows):
    """Yield what is at ``rows`` of X, BATCH_ROWS at a time."""
    X, places = located(X, rows)
    for part in gen_batches(len(rows), BATCH_ROWS):
        batch = _safe_indexing(X, places[part])
        # scikit-learn takes a SliceDataset for a vector.
        yield np.stack(list(batch)) if isinstance(batch, SliceDataset) else batch


def _as_tensor(batch):
    """Return a copy of a batch of rows as a tensor of floats."""
    array = np.asarray(batch)
    is_narrow = array.dtype.kind == "f" and array.dtype.itemsize <= 4
    try:
        vectors = array.astype(np.float32 if is_narrow else np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "The rows of X are compared as vectors and must be numbers. Encode the "
            "other columns in a Pipeline, ahead of the classifier."
        ) from error
    if vectors.ndim != 2:
        raise ValueError(
            "The rows of X are compared as vectors, and must be some of shape (n_samples, "
            f"n_features); got {vectors.shape}. Flatten them in a Pipeline, ahead of the "
            "classifier, or pass the network itself."
        )
    return torch.from_numpy(vectors)


def _short(estimator):
    """Return what an estimator is not, for a message."""
    if isinstance(estimator, type):
        return f"the class {estimator.__name__}"
    return f"the bare module {type(estimator).__name__}"


def _some(labels, n=5):
    """Return the first few of the different labels, for a message."""
    different = list(dict.fromkeys(np.asarray(labels).tolist()))
    return ", ".join(map(repr, different[:n])) + (", ..." if len(different) > n else "")
