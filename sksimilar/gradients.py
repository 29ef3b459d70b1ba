"""What a fitted classifier knows about its rows, read batch by batch.  Floor 1.

The cross-entropy of row i under the logits z_i = W h_i + b has the gradient
r_i (h_i, 1)^T with respect to (W, b), where r_i = softmax(z_i) - e_{y_i}.  So the input
h and the output z of the last linear layer, the *head*, stand for every gradient, and
they are all that is read here: `head_outputs`.

Each kind of estimator has an adapter, a class of four short methods, and `_adapter` is
the one place that chooses between them.  An adapter yields batches and never sees more
of X than one batch; `_collect` puts the batches together.
"""

import sys
from abc import ABC, abstractmethod
from collections import Counter
from contextlib import closing, contextmanager, nullcontext
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import issparse
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, gen_batches
from sklearn.utils.validation import _num_samples, check_is_fitted
from skorch.helper import SliceDataset
from torch import nn
from torch.utils.data import SequentialSampler, Subset

from ._validation import check_choice, check_finite

__all__ = ["column_labels", "features", "head_outputs", "log_probabilities"]

BATCH_ROWS = 4096  # Rows handed to a scikit-learn estimator at a time.

# The losses whose gradient in the logits is softmax(z) - e_y.  They are told by their
# ``forward``: a subclass that overrides it, a focal loss say, is another loss.
CROSS_ENTROPIES = (nn.CrossEntropyLoss, nn.NLLLoss, nn.BCEWithLogitsLoss, nn.BCELoss)

# What a DataLoader must be told to give every row once and in order.
IN_ORDER = {
    "shuffle": False,
    "drop_last": False,
    "sampler": None,
    "batch_sampler": None,
}

UNFITTED = (
    "This %(name)s is not fitted. Call `fit` first (a skorch net may also be initialized "
    "with `initialize` and given weights with `load_params`)."
)

WAYS_OUT = (
    'Name the linear layer that makes the logits with layer="..." (linear layers: {}), '
    'or compare rows by their features alone with embedding="features".'
)


def head_outputs(estimator, X, rows, *, layer="auto"):
    """Return the input and the output of the last linear layer.

    With r_i = softmax(z_i) - e_{y_i} for a column y_i of the logits, r_i (h_i, 1)^T is
    the gradient of the cross-entropy of row i with respect to that layer.  Class
    weights and label smoothing are part of the training and not of this gradient.

    Of a network, h and z are recorded while it predicts, through its own inference
    path, and softmax(z) must be what it predicts.  A network with one logit counts as
    one with the two logits (0, z).  Of a scikit-learn classifier, h is the X that it
    sees and z its log-probabilities: if softmax(W x + b) is what it predicts, as for
    `LogisticRegression`, that gives the exact gradient.

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

    Returns
    -------
    features : tensor of shape (n_rows, d)
        h, at least float32, on the device of the network.

    logits : tensor of shape (n_rows, n_classes)
        z, likewise.
    """
    features, logits = _collect(_adapter(estimator).head(X, rows, layer), rows)
    return features, logits


def features(estimator, X, rows, *, layer="auto"):
    """Return the input of the last linear layer, whatever becomes of its output.

    Parameters are those of `head_outputs`; any loss will do, and of a network any
    linear layer.

    Returns
    -------
    features : tensor of shape (n_rows, d)
    """
    (hidden,) = _collect(_adapter(estimator).features(X, rows, layer), rows)
    return hidden


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
    if isinstance(estimator, FrozenEstimator):
        return _adapter(estimator.estimator)
    if hasattr(estimator, "best_estimator_"):
        return _adapter(estimator.best_estimator_)
    if isinstance(estimator, Pipeline):
        return _PipelineAdapter(estimator)
    if hasattr(estimator, "evaluation_step"):
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
        """Yield (h, z), of shapes (n_batch, d) and (n_batch, n_classes)."""

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
    """A skorch net, recognized by its ``evaluation_step``."""

    def __init__(self, net):
        self.net = net

    def head(self, X, rows, layer):
        _check_cross_entropy(self.net)
        return self._read(_verified_head, X, rows, _linears(self.net.module_, layer))

    def features(self, X, rows, layer):
        return self._read(_hidden, X, rows, _linears(self.net.module_, layer))

    def log_probabilities(self, X, rows):
        return self._read(_predicted_logs, X, rows, {})

    def columns(self, y, n_classes):
        numeric = y.dtype.kind in "biuf"  # Else isin would take "1" for 1.
        bad = y[~np.isin(y, np.arange(n_classes))] if numeric else y
        if len(bad):
            raise ValueError(
                f"The labels of a network must be the columns of its output, integers "
                f"from 0 to {n_classes - 1}; got {_some(bad)}. Encode them with "
                f"sklearn.preprocessing.LabelEncoder."
            )
        return y.astype(np.int64)

    def _read(self, read, X, rows, linears):
        nonlinearity = self.net._get_predict_nonlinearity()
        with _left_as_found(self.net), _last_call(linears) as call:
            for batch in _loader(self.net, X, rows):
                call.clear()
                output = self.net.evaluation_step(batch, training=False)
                output = output[0] if isinstance(output, tuple) else output
                yield read(call, partial(nonlinearity, output))


class _ClassifierAdapter(_Adapter):
    """A scikit-learn classifier, taken for softmax(W x + b) of the X that it sees."""

    def __init__(self, classifier):
        self.classifier = classifier

    def head(self, X, rows, layer):
        self._check(X, layer)
        for batch in _batches(X, rows):
            logs = _log(self._predict(batch))
            yield _as_tensor(batch).to(logs.dtype), logs

    def features(self, X, rows, layer):
        self._check(X, layer)
        for batch in _batches(X, rows):
            yield (_as_tensor(batch),)

    def log_probabilities(self, X, rows):
        for batch in _batches(X, rows):
            yield (_log(self._predict(batch)),)

    def columns(self, y, n_classes):
        column = {
            c: i for i, c in enumerate(np.asarray(self.classifier.classes_).tolist())
        }
        unknown = [label for label in y.tolist() if label not in column]
        if unknown:
            raise ValueError(
                f"{_some(unknown)} not among the classes that the estimator was fitted "
                f"on: {list(column)}."
            )
        return np.array([column[label] for label in y.tolist()], dtype=np.int64)

    def _predict(self, batch):
        return torch.tensor(np.asarray(self.classifier.predict_proba(batch)))

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

    def _each(self, read, X, rows, *layer):
        for batch in _batches(X, rows):
            n_rows = _num_samples(batch)
            batch = self.before.transform(batch) if len(self.before) else batch
            yield from read(batch, np.arange(n_rows), *layer)


# ------------------------------------------------------------------- inside a network


class _LastCall:
    """What the last linear layer to run was given and what it returned.

    Only one call is kept, so that no activation outlives the next layer; and a copy,
    since what follows in the network may work in place.
    """

    def __init__(self, names):
        self.names = names
        self.head = None
        self.clear()

    def clear(self):
        self.counts = Counter()
        self.name = self.hidden = self.logits = None

    def record(self, name, layer, args, kwargs, output):
        self.counts[name] += 1
        self.name = name
        self.hidden = _keep(args[0] if args else kwargs["input"])
        self.logits = _keep(output)

    def check(self):
        """Refuse what is not one call of one layer per batch, on matrices."""
        if self.name is None:
            raise self.error("No nn.Linear of the network ran.")
        self.head = self.name if self.head is None else self.head
        if self.name != self.head or self.counts[self.name] != 1:
            raise self.error(
                f"Not one and the same nn.Linear ran last and once in every batch: "
                f"{self.name!r} ran {self.counts[self.name]} times."
            )
        if self.hidden.ndim != 2:
            raise self.error(
                f"The input of the nn.Linear {self.name!r} has the shape "
                f"{tuple(self.hidden.shape)} instead of (n_rows, n_features)."
            )

    def error(self, reason):
        """Return the error for ``reason``, with the ways out."""
        names = ", ".join(map(repr, self.names)) or "none"
        return ValueError(f"{reason} {WAYS_OUT.format(names)}")


def _keep(tensor):
    # Nothing but matrices is ever read; the rest may be large and is needed for ndim.
    return tensor.clone() if tensor.ndim == 2 else tensor


def _hidden(call, predict):
    call.check()
    return (call.hidden,)


def _verified_head(call, predict):
    """Return (h, z) of the last call if softmax(z) is what the net predicts."""
    call.check()
    logits = call.logits
    if logits.shape[1] == 1:  # The sigmoid of z is the softmax of (0, z).
        logits = F.pad(logits, (1, 0))
    if not _explains(logits, predict()):
        raise call.error(
            f"The nn.Linear {call.name!r} is not the head of the network: the softmax "
            f"of its output is not what the net predicts."
        )
    return call.hidden, logits


def _predicted_logs(call, predict):
    return (_log(predict()),)


def _explains(logits, probabilities):
    """Return whether softmax(logits) equals the probabilities up to rounding.

    Their logarithms are compared, above 1e-6: rows of which the network is nearly sure
    would hide a temperature otherwise.  Where both are NaN it is not the head's fault.
    """
    if logits.shape != probabilities.shape:
        return False
    precision = max(torch.finfo(p.dtype).eps for p in (logits, probabilities))
    floor = max(1e-6, *(torch.finfo(p.dtype).tiny for p in (logits, probabilities)))
    left, right = _upcast(logits).softmax(dim=1), _upcast(probabilities)
    left, right = (p.clamp(min=floor).log().to(left.dtype) for p in (left, right))
    return torch.allclose(
        left, right, rtol=0, atol=max(1e-3, 8 * precision), equal_nan=True
    )


def _check_cross_entropy(net):
    criterion = getattr(net, "criterion_", None)
    criterion = getattr(criterion, "_orig_mod", criterion)  # Compiled with the net.
    forward = getattr(type(criterion), "forward", None)
    if forward not in [loss.forward for loss in CROSS_ENTROPIES]:
        raise ValueError(
            f"The criterion of the net, {type(criterion).__name__}, is a loss other than "
            f"cross-entropy, and the gradient of the cross-entropy is not its gradient. "
            f'Compare rows by their features alone with embedding="features".'
        )


def _linears(module, layer):
    """Return the linear layers to listen to, by dotted path: all of them or one."""
    linears = {
        ".".join(part for part in name.split(".") if part != "_orig_mod"): child
        for name, child in module.named_modules()
        if isinstance(child, nn.Linear)
    }
    if layer == "auto":
        return linears
    return {layer: linears[check_choice(layer, linears, "layer")]}


def _loader(net, X, rows):
    """Return the net's iterator for validation over ``rows``, in their order."""
    dataset = Subset(net.get_dataset(X), rows.tolist())
    params = {"batch_size": net.batch_size} | net.get_params_for("iterator_valid")
    params |= {name: value for name, value in IN_ORDER.items() if name in params}
    if params["batch_size"] == -1:
        params["batch_size"] = len(dataset)
    loader = net.iterator_valid(dataset, **params)
    sampler = getattr(loader, "sampler", None)
    if type(sampler) not in (SequentialSampler, type(None)):
        raise ValueError(
            f"`iterator_valid` of the net must give the rows in order, but it samples "
            f"them with {type(sampler).__name__}."
        )
    return loader


@contextmanager
def _last_call(linears):
    """Listen to the layers; no hook stays behind, or the net could not be pickled."""
    call, handles = _LastCall(list(linears)), []
    try:
        for name, layer in linears.items():
            hook = partial(call.record, name)
            handles.append(layer.register_forward_hook(hook, with_kwargs=True))
        yield call
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _left_as_found(net):
    """Restore every train flag and the random state, which a DataLoader draws from."""
    roots = [part for part in vars(net).values() if isinstance(part, nn.Module)]
    flags = [(module, module.training) for root in roots for module in root.modules()]
    devices = {p.device for root in roots for p in root.parameters()}
    cuda = [device for device in devices if device.type == "cuda"]
    try:
        with torch.random.fork_rng(devices=cuda), _eager():
            yield
    finally:
        for module, training in flags:
            module.training = training


def _eager():
    """Keep torch.compile out: hooks do not fire in what it has compiled already."""
    # Unless this module is loaded nothing is compiled, and loading it takes seconds.
    compiled = "torch._dynamo" in sys.modules
    set_stance = getattr(torch.compiler, "set_stance", None)  # Since torch 2.6.
    return set_stance("force_eager") if compiled and set_stance else nullcontext()


# ---------------------------------------------------------------- batches and tensors


@torch.no_grad()
def _collect(batches, rows):
    """Return one tensor of len(rows) rows for each tensor in the tuples of a batch."""
    if len(rows) == 0:
        raise ValueError("`rows` is empty: there is nothing to read.")
    outputs, stop = None, 0
    with closing(batches):  # So that the net is restored before an error gets out.
        for batch in batches:
            batch = [_upcast(part) for part in batch]
            outputs = outputs or [b.new_empty(len(rows), b.shape[1]) for b in batch]
            start, stop = stop, stop + len(batch[0])
            if stop <= len(rows):
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
    for part in gen_batches(len(rows), BATCH_ROWS):
        batch = _safe_indexing(X, rows[part])
        # scikit-learn takes a SliceDataset for a vector.
        yield np.stack(list(batch)) if isinstance(batch, SliceDataset) else batch


def _upcast(tensor):
    """Return a tensor of at least float32."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def _log(probabilities):
    """Return the logarithm of probabilities of shape (n, n_classes), never infinite."""
    if probabilities.ndim != 2:
        raise ValueError(
            f"Predicted probabilities must have the shape (n_rows, n_classes), got "
            f"{tuple(probabilities.shape)}."
        )
    probabilities = _upcast(probabilities)
    return probabilities.clamp(min=torch.finfo(probabilities.dtype).tiny).log()


def _as_tensor(batch):
    """Return a copy of a batch of rows as a tensor of floats."""
    array = np.asarray(batch)
    try:
        return torch.tensor(array if array.dtype.kind == "f" else array.astype(float))
    except ValueError as error:
        raise ValueError(
            "The rows of X are compared as vectors and must be numbers. Encode the "
            "other columns in a Pipeline, ahead of the classifier."
        ) from error


def _some(labels, n=5):
    """Return the first few of the different labels, for a message."""
    different = list(dict.fromkeys(np.asarray(labels).tolist()))
    return ", ".join(map(repr, different[:n])) + (", ..." if len(different) > n else "")
