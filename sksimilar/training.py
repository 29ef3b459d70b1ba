"""How a classifier is trained on the labeled rows of one round.  Floor 2.

A classifier is anything of scikit-learn's, or a skorch net, or a Pipeline that ends in
one.  It is trained on columns 0, 1, ... instead of labels, and on the last one for
out-of-distribution rows, of which some may not occur yet.
"""

import inspect
import signal
import threading
import warnings
from contextlib import contextmanager
from copy import deepcopy
from itertools import count

import numpy as np
import torch
from sklearn.base import clone
from skorch import NeuralNetBinaryClassifier
from skorch.callbacks import Callback, EpochScoring, Initializer, LRScheduler
from skorch.dataset import ValidSplit
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR

from ._validation.words import check_choice
from .classifiers import (
    device_of,
    final_step,
    is_network,
    modules_of,
    parts_of,
    predictor,
    weights_of,
)
from .columns import check_columns, probabilities
from .models import xavier
from .rows import take, with_labels
from .seeding import seeded, with_seed

__all__ = [
    "StopAtAccuracy",
    "check_trained",
    "check_width",
    "paper_training",
    "prepare",
    "restore",
    "train",
]

# What modules call the number of their outputs, in the order looked for.
OUTPUT_ARGUMENTS = (
    "n_classes",
    "num_classes",
    "n_outputs",
    "num_outputs",
    "output_units",
    "output_dim",
    "out_features",
)
# What torch says where rows are not of the dtype that it looks for.
OTHER_DTYPE = "same dtype", "scalar types: Long", "scalar type Long"


class StopAtAccuracy(Callback):
    """Stop training once the accuracy on the training rows reaches a target.

    Parameters
    ----------
    target : float, default=0.99
        Accuracy to stop at.

    name : str, default="train_acc"
        The column of the net's history that holds it.
    """

    def __init__(self, target=0.99, name="train_acc"):
        self.target = target
        self.name = name

    def on_epoch_end(self, net, **kwargs):
        """Raise what skorch understands as the end of training.

        Parameters
        ----------
        net : skorch net
            In training.

        **kwargs : dict
            Ignored.

        Raises
        ------
        KeyboardInterrupt
            Once the target is reached.
        """
        if net.history[-1, self.name] >= self.target:
            raise KeyboardInterrupt


def paper_training(max_epochs=150, *, lr=0.01, target=0.99):
    """Return the settings of Section 4 of the paper for a skorch net.

    Weights drawn by Xavier's rule, then stochastic gradient descent with momentum 0.9
    and weight decay 5e-4, the learning rate annealed by a cosine epoch by epoch, until
    the accuracy on the training rows reaches ``target`` or ``max_epochs`` are over.

    Parameters
    ----------
    max_epochs : int, default=150
        Most epochs in a round.

    lr : float, default=0.01
        Learning rate of the first epoch.

    target : float, default=0.99
        Accuracy on the training rows to stop at.

    Returns
    -------
    settings : dict
        Keyword arguments of :class:`skorch.NeuralNetClassifier`.

    Examples
    --------
    >>> from skorch import NeuralNetClassifier
    >>> from sksimilar.models import LeNet
    >>> from sksimilar.training import paper_training
    >>> net = NeuralNetClassifier(LeNet, **paper_training(max_epochs=30))
    >>> net.max_epochs, net.optimizer__momentum
    (30, 0.9)
    """
    accuracy = EpochScoring(
        "accuracy", on_train=True, name="train_acc", lower_is_better=False
    )
    return {
        "criterion": nn.CrossEntropyLoss,
        "optimizer": torch.optim.SGD,
        "optimizer__momentum": 0.9,
        "optimizer__weight_decay": 5e-4,
        "lr": lr,
        "max_epochs": max_epochs,
        "iterator_train__shuffle": True,
        "train_split": None,
        "verbose": 0,
        "callbacks": [
            ("initialize", xavier()),
            ("accuracy", accuracy),
            ("stop", StopAtAccuracy(target)),
            ("schedule", LRScheduler(CosineAnnealingLR, T_max=max_epochs)),
        ],
    }


def prepare(estimator, n_outputs, argument="auto", extra=False):
    """Return a clone of the classifier that has an output for every column.

    skorch's default of holding out a fifth for validation is turned off: it would waste
    labels, and fail where a class has fewer than five.  Any other split is kept, and
    must be there where a callback monitors it.
    """
    estimator = clone(estimator)
    net, prefix = final_step(estimator)
    if not is_network(net):
        return estimator
    _check_keeps_all(net)
    params = {}
    if not _splits_by_choice(net):
        _check_monitors(net)
        params["train_split"] = None
    argument = _output_argument(net, extra) if argument == "auto" else argument
    if argument is not None:
        argument = argument.removeprefix("module__")
        _check_argument(net.module, argument)
        params[f"module__{argument}"] = n_outputs
    return estimator.set_params(**{prefix + name: v for name, v in params.items()})


def _splits_by_choice(net):
    split = net.train_split
    is_default = type(split) is ValidSplit and split.cv == 5 and split.stratified
    return not is_default


def _check_keeps_all(net):
    """Refuse an iterator that leaves out rows that are predicted, or moves them."""
    for setting, harm in (
        ("drop_last", "leaves out"),
        ("shuffle", "changes the order of"),
    ):
        if getattr(net, f"iterator_valid__{setting}", False):
            raise ValueError(
                f"`iterator_valid__{setting}=True` {harm} rows that are to be predicted. "
                "Leave it at False; the one of `iterator_train` may be True."
            )


def _check_monitors(net):
    """Refuse a callback that waits for the score of rows that are not held out."""
    if net.callbacks == "disable":
        return
    callbacks = clone(net).initialize_callbacks().callbacks_
    scores = [score for _, score in callbacks if not getattr(score, "on_train", True)]
    held_out = {getattr(s, "name_", getattr(s, "name", None)) for s in scores}
    for name, callback in callbacks:
        monitor = getattr(callback, "monitor", None)
        if isinstance(monitor, str) and monitor.removesuffix("_best") in held_out:
            raise ValueError(
                f"The callback {name} has monitor={monitor!r}, a score of rows held out "
                "of training; but skorch's default `train_split` is turned off here, as "
                "labels are few. Hold rows out by a `train_split` of your own, such as "
                "skorch.dataset.ValidSplit(0.2), or let it monitor 'train_loss'."
            )


def _output_argument(net, extra):
    """Return what the module calls its number of outputs, if that is ours to set."""
    if isinstance(net.module, nn.Module):
        return None  # An instance is copied with its weights, as pretrained ones are.
    if isinstance(net, NeuralNetBinaryClassifier):
        return None  # One logit stands for both classes.
    known = inspect.signature(net.module).parameters
    argument = next((name for name in OUTPUT_ARGUMENTS if name in known), None)
    chosen = f"module__{argument}" in net.get_params(deep=False)
    return None if chosen and not extra else argument


def _check_argument(module, argument):
    """Refuse the name of an argument that the class of the module does not have."""
    if isinstance(module, type):
        known = inspect.signature(module).parameters
        if not any(p.kind is p.VAR_KEYWORD for p in known.values()):
            check_choice(argument, known, "n_classes_param")


def check_width(estimator, X, rows, n_outputs, seed):
    """Refuse a network without one output for every column, before training it."""
    if not is_network(estimator):
        return
    with seeded(seed, estimator.device):
        net = clone(estimator).set_params(verbose=0, compile=False)
        # Where they are disabled already, skorch's `set_params` fails.
        net.callbacks = "disable"
        try:
            proba = net.initialize().predict_proba(_two(X, rows))
        except RuntimeError:
            return  # Training says the same, unless a callback sets the shape by X.
        check_columns(proba, n_outputs, net)


def _two(X, rows):
    """Return two rows of X, since a module may squeeze a batch of a single one."""
    return take(X, np.resize(rows, 2))


def train(estimator, X, rows, codes, seed, previous=None):
    """Return a clone of the classifier, trained on these rows.

    With a ``previous`` one it starts from the weights of that, with a new optimizer and
    the schedule from its beginning; but anew where that one, of scikit-learn's, has
    learned other classes.
    """
    estimator = with_seed(clone(estimator), seed)
    taught = with_labels(X, rows, _targets(estimator, codes))
    with seeded(seed, device_of(estimator)):
        estimator = _fit_batches(estimator, *taught)
    with seeded(seed, device_of(estimator)), ended_by_ctrl_c(), _dtype_explained():
        if previous is None:
            return estimator.fit(*taught)
        return _go_on(estimator, previous, *taught)


@contextmanager
def _dtype_explained():
    """Say what torch means where rows are not of the dtype that a network takes."""
    try:
        yield
    except RuntimeError as error:
        if not any(words in str(error) for words in OTHER_DTYPE):
            raise
        raise TypeError(
            "The network was given rows of another dtype than it takes. Arrays are made "
            "float32 where the network is `estimator` itself; what a Pipeline or another "
            "estimator hands on to it must be so already, as in X.astype('float32') or "
            "after FunctionTransformer(np.float32). Token numbers stay what they are in a "
            f"tensor, as in torch.from_numpy(X). (torch says: {error})"
        ) from error


def check_trained(estimator, X, rows, n_classes, n_outputs):
    """Refuse what cannot tell classes from what is foreign, and a failed training."""
    can_rank = any(
        hasattr(estimator, m) for m in ("predict_proba", "decision_function")
    )
    if n_outputs > n_classes and not can_rank:  # Some tell only once they are fitted.
        raise ValueError(
            "With `ood_label` the classifier has to say which class is the most likely of "
            f"a foreign row, and {type(estimator).__name__} has neither `predict_proba` "
            "nor `decision_function`. Use one that has, or CalibratedClassifierCV of it."
        )
    net = predictor(estimator)
    if is_network(net):
        _check_converged(net)
        _check_saw_rows(net)
    if is_network(estimator):
        probabilities(estimator, _two(X, rows), n_outputs)


def _check_converged(net):
    """Refuse a network with weights that are no numbers."""
    bad = [
        name
        for module in parts_of(net).values()
        for name, weight in module.named_parameters()
        if not weight.isfinite().all()
    ]
    if bad:
        raise ValueError(
            f"The training diverged: the weights {bad[0]!r} are NaN or infinite, and "
            "were not kept. Lower the learning rate, or clip gradients by skorch's "
            "GradientNormClipping."
        )


def _check_saw_rows(net):
    """Refuse a network that was shown nothing, and so is as it was drawn."""
    if net.history and net.history[-1].get("train_batch_count") == 0:
        raise ValueError(
            "The network was trained on no row: fewer than `batch_size` were left, and "
            "`iterator_train__drop_last=True` drops a batch that is not whole. Lower "
            "the batch size, or hold fewer rows out by `train_split`."
        )


@contextmanager
def ended_by_ctrl_c():
    """Let Ctrl-C end the run: skorch takes it for the end of one training.

    Only the main thread may look after signals; in others it is left to skorch.
    """
    before, pressed = signal.getsignal(signal.SIGINT), []
    if threading.current_thread() is not threading.main_thread() or not callable(
        before
    ):
        yield
        return

    def note(number, frame):
        pressed.append(number)
        before(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


def _go_on(estimator, previous, X, y):
    if is_network(estimator):
        callbacks = [
            named
            for named in estimator.initialize().callbacks_
            if not isinstance(named[1], Initializer)
        ]  # Which would draw the weights anew.
        # Criteria begin anew: class weights may follow from the labels of now.
        begin = _BeginAt(weights_of(modules_of(previous)))
        estimator.callbacks_ = [*callbacks, ("begin", begin)]
        estimator.partial_fit(X, y).callbacks_ = callbacks
        return estimator
    if not np.array_equal(np.unique(y), previous.classes_):
        return estimator.fit(X, y)  # Its coefficients are of other classes.
    return deepcopy(previous).set_params(warm_start=True).fit(X, y)


class _BeginAt(Callback):
    """Begin training at these weights, after callbacks that set the shape by X."""

    def __init__(self, weights):
        self.weights = weights

    def on_train_begin(self, net, **kwargs):
        _load(modules_of(net), self.weights)


def restore(estimator, weights, X, codes):
    """Give an untrained net its weights, and the shape that it had for these rows."""
    estimator.initialize()
    try:
        _load(parts_of(estimator), weights)
    except ValueError:  # A callback may set the shape by X.
        estimator.notify("on_train_begin", X=X, y=_targets(estimator, codes))
        _load(parts_of(estimator), weights)
    estimator.check_data(None, codes)  # So that the net knows classes to speak of.
    return estimator


def _load(parts, weights):
    try:
        for part, module in parts.items():
            own = [name for name in weights if name.startswith(f"{part}.")]
            named = {name.removeprefix(f"{part}."): weights[name] for name in own}
            module.load_state_dict(named)
    except RuntimeError as error:
        raise ValueError(
            "The weights that were kept do not fit the network: its module, or what it "
            f"is made with, has changed since. (torch says: {error})"
        ) from error


def _fit_batches(estimator, X, y):
    """Change the batch size where the last batch would be one row, or the only one lost.

    Batch normalization fails on one row; dropping it would leave a label unused.  A
    user who drops a last batch that is not whole has the others as large as asked for.
    """
    net, prefix = final_step(estimator)
    if not is_network(net):
        return estimator
    n_rows = _n_trained_on(net, X, y)
    name, params = "iterator_train__batch_size", net.get_params()
    size = params.get(name, net.batch_size)
    drops = params.get("iterator_train__drop_last", False)
    fitting = min(size, n_rows) if drops else _without_single_row(size, n_rows)
    if fitting == size:
        return estimator
    return estimator.set_params(**{prefix + name: fitting})


def _n_trained_on(net, X, y):
    """Return how many rows are left once others are held out of training."""
    if net.train_split is None:
        return len(y)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Training will say the same.
            return len(net.get_split_datasets(X, y)[0])
    except (AttributeError, IndexError, TypeError, ValueError):  # Training tells.
        return len(y)


def _without_single_row(size, n_rows):
    """Return the least batch size from ``size`` on with no batch of one row."""
    if size < 2 or n_rows < 2:
        return size
    return next(larger for larger in count(size) if n_rows % larger != 1)


def _targets(estimator, codes):
    binary = isinstance(final_step(estimator)[0], NeuralNetBinaryClassifier)
    return codes.astype(np.float32) if binary else codes
