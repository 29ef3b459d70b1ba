"""What a network holds while it predicts: the last linear layer's input and output.

Floor 1.  A skorch net is read through its own inference path, and left as it was found.
"""

import sys
from collections import Counter
from contextlib import contextmanager, nullcontext
from functools import partial
from threading import RLock

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import SequentialSampler, Subset

from ._validation.words import check_choice
from .rows import is_frame, located

__all__ = [
    "affine",
    "check_cross_entropy",
    "hidden",
    "linears",
    "logarithm",
    "predicted_logs",
    "read",
    "upcast",
    "verified_head",
]

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

_READING = RLock()  # A network in use has hooks, which two threads would share.
SLACK = 0.05  # How far probabilities in bfloat16 (8 bits) may be from a sum of 1.

WAYS_OUT = (
    'Name the linear layer that makes the logits with layer="..." (linear layers: {}), '
    'or compare rows by their features alone with embedding="features".'
)


def read(net, reader, X, rows, layers):
    """Yield what ``reader`` takes from each batch of rows that the net predicts.

    Parameters
    ----------
    net : skorch net
        Fitted.

    reader : callable
        One of `hidden`, `verified_head` and `predicted_logs`: takes what the last of
        the layers was called with, and a function that returns probabilities.

    X, rows : as in `sksimilar.gradients.head_outputs`
        What is predicted on.

    layers : dict of nn.Linear
        Those to listen to, by name.
    """
    nonlinearity = net._get_predict_nonlinearity()
    with _READING, _left_as_found(net), _last_call(layers) as call:
        for batch in _loader(net, X, rows):
            call.clear()
            with _mismatch_explained(net, X):
                output = net.evaluation_step(batch, training=False)
            output = output[0] if isinstance(output, tuple) else output
            yield reader(call, partial(nonlinearity, output))


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
        self.name = self.layer = self.hidden = self.logits = None

    def record(self, name, layer, args, kwargs, output):
        self.counts[name] += 1
        self.name, self.layer = name, layer
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


def hidden(call, predict):
    call.check()
    return (call.hidden,)


def verified_head(call, predict):
    """Return (h, 1) and z of the last call if softmax(z) is what the net predicts."""
    call.check()
    logits = call.logits
    if logits.shape[1] == 1:  # The sigmoid of z is the softmax of (0, z).
        logits = F.pad(logits, (1, 0))
    if not _explains(logits, predict()):
        raise call.error(
            f"The nn.Linear {call.name!r} is not the head of the network: the softmax "
            f"of its output is not what the net predicts. (A net that returns logits "
            "needs criterion=torch.nn.CrossEntropyLoss; skorch's default takes a softmax.)"
        )
    if not _is_affine(call.layer, call.hidden, call.logits):
        raise call.error(
            f"The last layer {call.name!r} is a {type(call.layer).__name__}, which does "
            "not return W h + b as an nn.Linear does, so that its gradient is another."
        )
    return affine(call.hidden, call.layer.bias is not None), logits


def _is_affine(layer, hidden, output):
    """Return whether a layer has returned W h + b, up to the rounding of any device."""
    if getattr(layer.forward, "__func__", None) is nn.Linear.forward:
        return True
    weight = upcast(layer.weight).to(upcast(hidden).dtype)
    bias = 0 if layer.bias is None else layer.bias.to(weight)
    apart = (upcast(output) - (upcast(hidden) @ weight.T + bias)).abs()
    magnitude = upcast(hidden).abs() @ weight.T.abs() + abs(bias)
    tolerance = max(4e-3, 8 * torch.finfo(output.dtype).eps)
    return bool(((apart <= tolerance * magnitude) | apart.isnan()).all())


def affine(hidden, has_bias):
    """Return (h, 1), what a linear layer multiplies, or h where it has no bias."""
    return F.pad(hidden, (0, 1), value=1.0) if has_bias else hidden


def predicted_logs(call, predict):
    return (logarithm(predict()),)


def _explains(logits, probabilities):
    """Return whether softmax(logits) equals the probabilities up to rounding.

    Their logarithms are compared, above 1e-6: rows of which the network is nearly sure
    would hide a temperature otherwise.  Where both are NaN it is not the head's fault.
    """
    if logits.shape != probabilities.shape:
        return False
    precision = max(torch.finfo(p.dtype).eps for p in (logits, probabilities))
    floor = max(1e-6, *(torch.finfo(p.dtype).tiny for p in (logits, probabilities)))
    left, right = upcast(logits).softmax(dim=1), upcast(probabilities)
    return logs_agree(left, right, max(1e-3, 8 * precision), floor)


def logs_agree(left, right, tolerance, floor=1e-6):
    """Return whether the logarithms of probabilities agree, above a floor."""
    dtype = torch.promote_types(left.dtype, right.dtype)
    left, right = (p.to(dtype).clamp(min=floor).log() for p in (left, right))
    return torch.allclose(left, right, rtol=0, atol=tolerance, equal_nan=True)


def check_cross_entropy(net):
    criterion = getattr(net, "criterion_", None)
    criterion = getattr(criterion, "_orig_mod", criterion)  # Compiled with the net.
    forward = getattr(type(criterion), "forward", None)
    if forward not in [loss.forward for loss in CROSS_ENTROPIES]:
        raise ValueError(
            f"The criterion of the net, {type(criterion).__name__}, is a loss other than "
            f"cross-entropy, and the gradient of the cross-entropy is not its gradient. "
            f'Compare rows by their features alone with embedding="features".'
        )


def linears(module, layer):
    """Return the linear layers to listen to, by dotted path: all of them or one."""
    found = {
        ".".join(part for part in name.split(".") if part != "_orig_mod"): child
        for name, child in module.named_modules()
        if isinstance(child, nn.Linear)
    }
    if layer == "auto":
        return found
    return {layer: found[check_choice(layer, found, "layer")]}


@contextmanager
def _mismatch_explained(net, X):
    """Say what torch means where rows are not what the network takes."""
    try:
        yield
    except RuntimeError as error:
        if "same dtype" not in str(error) and "Double" not in str(error):
            raise
        dtypes = {str(p.dtype).split(".")[1] for p in net.module_.parameters()}
        wanted = f"rows of {' or '.join(sorted(dtypes))}"
        if dtypes == {"float32"}:
            wanted = "X.astype('float32')"
        raise TypeError(
            "The rows of `X` and the weights of the network differ in precision. Pass "
            f"{wanted}, as in training. (torch says: {error})"
        ) from error
    except TypeError as error:
        if not is_frame(X):
            raise
        raise TypeError(
            "skorch gives a network the columns of a DataFrame by name, and its `forward` "
            "has no such arguments. Pass X.to_numpy('float32'), as in training. (torch "
            f"says: {error})"
        ) from error


def _loader(net, X, rows):
    """Return the net's iterator for validation over ``rows``, in their order."""
    X, places = located(X, rows)
    dataset = Subset(net.get_dataset(X), places.tolist())
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
def _last_call(layers):
    """Listen to the layers; no hook stays behind, or the net could not be pickled."""
    call, handles = _LastCall(list(layers)), []
    try:
        for name, layer in layers.items():
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


def upcast(tensor):
    """Return a tensor of at least float32."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def logarithm(probabilities):
    """Return the logarithm of probabilities of shape (n, n_classes), never infinite."""
    if probabilities.ndim != 2:
        raise ValueError(
            f"Predicted probabilities must have the shape (n_rows, n_classes), got "
            f"{tuple(probabilities.shape)}."
        )
    probabilities = upcast(probabilities)
    sums = probabilities.sum(dim=1)
    is_distribution = (probabilities >= 0).all(dim=1) & ((sums - 1).abs() <= SLACK)
    bad = (~is_distribution & sums.isfinite()).nonzero()
    if len(bad):
        raise ValueError(
            "What the estimator predicts are no probabilities: they must be 0 or more and "
            f"sum to 1, got {probabilities[bad[0, 0]].tolist()}. A network whose loss "
            "skorch does not know needs a function that makes them, such as "
            "predict_nonlinearity=functools.partial(torch.softmax, dim=1)."
        )
    return probabilities.clamp(min=torch.finfo(probabilities.dtype).tiny).log()
