"""What is read off an estimator is what autograd says about its last layer."""

import pickle
import random
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from joblib import Parallel, delayed
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from skorch import NeuralNet, NeuralNetBinaryClassifier, NeuralNetClassifier
from skorch.helper import SliceDataset
from torch import nn
from torch.nn.utils import parametrizations, parametrize
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler

from sksimilar import ActiveLearner
from sksimilar.gradients import (
    BATCH_ROWS,
    column_labels,
    features,
    head_outputs,
    log_probabilities,
)

D, HIDDEN, C = 6, 5, 3
X = np.random.RandomState(0).randn(23, D).astype("float32")
Y = np.random.RandomState(1).randint(C, size=len(X))
ROWS = np.random.RandomState(2).permutation(len(X))[:11]


# ----------------------------------------------------------- networks whose head is seen


class Logits(nn.Module):
    """A small network with all that has a state, and its logits."""

    n_outputs = C

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(D, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU(), nn.Dropout()
        )
        self.head = nn.Linear(HIDDEN, self.n_outputs)

    def forward(self, X):
        return self.head(self.body(X))


class Probabilities(Logits):
    def forward(self, X):
        return super().forward(X).softmax(dim=1)


class LogProbabilities(Logits):
    def forward(self, X):
        return super().forward(X).log_softmax(dim=1)


class OneLogit(Logits):
    n_outputs = 1


class OneProbability(OneLogit):
    def forward(self, X):
        return super().forward(X).sigmoid()


class Keywords(Logits):
    def forward(self, X):
        return self.head(input=self.body(X))


class InPlaceFeatures(Logits):
    def forward(self, X):
        hidden = self.body(X)
        logits = self.head(hidden)
        hidden.zero_()
        return logits


class TupleOutput(Logits):
    def forward(self, X):
        return super().forward(X), torch.zeros(len(X))


class NoBias(Logits):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(HIDDEN, C, bias=False)


class WeightNorm(Logits):
    def __init__(self):
        super().__init__()
        parametrizations.weight_norm(self.head)


class Attention(Logits):
    """Attention between X and two multiples of it, as three tokens."""

    def __init__(self):
        super().__init__()
        self.body = nn.TransformerEncoderLayer(D, 2, 8, batch_first=True)
        self.head = nn.Linear(D, C)

    def forward(self, X):
        return self.head(self.body(torch.stack([X, 2 * X, -X], dim=1)).mean(dim=1))


class AuxiliaryHead(Logits):
    """The head is registered first and runs last."""

    def __init__(self):
        super().__init__()
        self.early = nn.Linear(D, C)

    def forward(self, X):
        early = self.early(X)
        return super().forward(X), early


class TwoInputs(Logits):
    def forward(self, left, right):
        return self.head(self.body(left) - self.body(right))


class CompiledBody(Logits):
    def __init__(self):
        super().__init__()
        self.body = torch.compile(self.body, backend="eager")


def initialized(module, criterion=nn.CrossEntropyLoss, kind=NeuralNetClassifier, **kw):
    torch.manual_seed(0)
    net = kind(module, criterion=criterion, batch_size=4, **kw).initialize()
    for part in net.module_.modules():
        if isinstance(part, nn.BatchNorm1d):
            nn.init.uniform_(part.running_mean)
            nn.init.uniform_(part.running_var)
    return net


WORKING = {
    "logits": partial(initialized, Logits),
    "probabilities": partial(initialized, Probabilities, nn.NLLLoss),
    "log-probabilities": partial(initialized, LogProbabilities),
    "keyword input": partial(initialized, Keywords),
    "tuple": partial(initialized, TupleOutput),
    "weight norm": partial(initialized, WeightNorm),
    "attention": partial(initialized, Attention),
    "auxiliary head": partial(initialized, AuxiliaryHead),
    "compiled": partial(initialized, Logits, compile=True, compile__backend="eager"),
    "compiled body": partial(initialized, CompiledBody),
    "no bias": partial(initialized, NoBias),
    "label smoothing": partial(initialized, Logits, criterion__label_smoothing=0.1),
    "class weights": partial(
        initialized, Logits, criterion__weight=torch.tensor([1.0, 2.0, 3.0])
    ),
    "not a classifier": partial(initialized, Logits, kind=NeuralNet),
    "whole batch": partial(initialized, Logits, iterator_valid__batch_size=-1),
}


def negative_log_likelihood(net, row, label):
    output = net.infer(row)
    output = output[0] if isinstance(output, tuple) else output
    if isinstance(net.criterion_, nn.NLLLoss):
        return -output[0, label].log()
    return F.cross_entropy(output, torch.tensor([label]))


def autograd_gradients(net, X, y, loss):
    """Return d loss / d (W, b) of the head for each row, (n, n_outputs, d + 1)."""
    net.module_.eval()
    head, gradients = net.module_.head, []
    for i, label in enumerate(y):
        with parametrize.cached():  # One weight, also where it is computed.
            parameters = [p for p in (head.weight, head.bias) if p is not None]
            value = loss(net, torch.as_tensor(X[i : i + 1]), int(label))
            weight, *bias = torch.autograd.grad(value, parameters)
        gradients.append(torch.cat([weight, *(b[:, None] for b in bias)], dim=1))
    return torch.stack(gradients)


def factored_gradients(inputs, logits, y):
    residuals = logits.softmax(dim=1) - F.one_hot(torch.as_tensor(y), logits.shape[1])
    return residuals[:, :, None] * inputs[:, None, :]


@pytest.mark.parametrize("case", WORKING)
def test_outer_product_is_the_gradient_of_autograd(case):
    net = WORKING[case]()
    expected = autograd_gradients(net, X[ROWS], Y[ROWS], negative_log_likelihood)
    inputs, logits = head_outputs(net, X, ROWS)
    assert_allclose(factored_gradients(inputs, logits, Y[ROWS]), expected, atol=1e-5)
    assert not inputs.requires_grad and not logits.requires_grad
    has_bias = net.module_.head.bias is not None
    hidden = without_ones(inputs) if has_bias else inputs
    assert torch.equal(features(net, X, ROWS), hidden)


def without_ones(inputs):
    """Return what a head with a bias was given, less the column of the bias."""
    assert (inputs[:, -1] == 1).all()
    return inputs[:, :-1]


def test_features_are_those_that_the_head_was_given():
    expected = features(initialized(Logits), X, ROWS)
    assert torch.equal(features(initialized(InPlaceFeatures), X, ROWS), expected)


def binary_loss(net, row, label):
    # The loss from its definition, so that it may be of a probability or a logit.
    z = net.module_.head(net.module_.body(row)).squeeze()
    return F.softplus(-z if label else z)


@pytest.mark.parametrize(
    "module, criterion",
    [(OneLogit, nn.BCEWithLogitsLoss), (OneProbability, nn.BCELoss)],
)
def test_one_logit_is_the_difference_of_two(module, criterion):
    net = initialized(module, criterion, kind=NeuralNetBinaryClassifier)
    y = Y[ROWS] % 2
    expected = autograd_gradients(net, X[ROWS], y, binary_loss)
    given, logits = head_outputs(net, X, ROWS)
    assert logits.shape == (len(ROWS), 2)
    assert_allclose(factored_gradients(given, logits, y)[:, 1:], expected, atol=1e-5)


def test_a_network_of_several_inputs():
    net = initialized(TwoInputs)
    inputs = {"left": X, "right": X[::-1].copy()}
    given, logits = head_outputs(net, inputs, ROWS)
    body = net.module_.eval().body
    left, right = (body(torch.as_tensor(part[ROWS])) for part in inputs.values())
    assert_allclose(without_ones(given), (left - right).detach(), atol=1e-6)
    assert_allclose(logits.softmax(dim=1), net.predict_proba(inputs)[ROWS], atol=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_the_head_may_be_named(compiled):
    net = initialized(AuxiliaryHead, compile=compiled, compile__backend="eager")
    net.predict_proba(X)
    for named, auto in zip(
        head_outputs(net, X, ROWS, layer="head"),
        head_outputs(net, X, ROWS),
        strict=True,
    ):
        assert torch.equal(named, auto)
    assert_array_equal(features(net, X, ROWS, layer="early"), X[ROWS])
    assert features(net, X, ROWS, layer="body.0").shape == (len(ROWS), D)


# ------------------------------------------------------- networks whose head is not seen


class Temperature(Logits):
    def forward(self, X):
        return super().forward(X) / 2


class InPlaceTemperature(Logits):
    def forward(self, X):
        return super().forward(X).div_(2)


class SaturatedTemperature(Temperature):
    """Every row is sure at either temperature, and only logarithms tell them apart."""

    def __init__(self):
        super().__init__()
        nn.init.zeros_(self.head.weight)
        self.head.bias.data = torch.tensor([16.0, 0.0, 0.0])


class NormalizedLogits(Logits):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(C)

    def forward(self, X):
        return self.norm(super().forward(X))


class TokenwiseHead(Logits):
    def forward(self, X):
        return self.head(torch.stack([self.body(X)] * 2, dim=1)).mean(dim=1)


class ConvolutionalHead(Logits):
    def __init__(self):
        super().__init__()
        self.head = nn.Conv1d(HIDDEN, C, 1)

    def forward(self, X):
        return self.head(self.body(X)[:, :, None])[:, :, 0]


class FunctionalHead(Logits):
    def forward(self, X):
        return F.linear(self.body(X), self.head.weight, self.head.bias)


class Cosine(nn.Linear):
    def forward(self, h):
        return 9 * F.linear(F.normalize(h), F.normalize(self.weight))


class CosineOrNaN(Logits):
    def __init__(self):
        super().__init__()
        self.head = Cosine(HIDDEN, C, bias=False)

    def forward(self, X):
        h = self.body(X)
        return self.head(torch.cat([h[:1] * torch.nan, h[1:]]))


class CosineHead(Logits):
    def __init__(self):
        super().__init__()
        self.head = Cosine(HIDDEN, C, bias=False)


class NoLinear(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(C, D))

    def forward(self, X):
        return F.linear(X, self.weight)


class HeadTwice(Logits):
    def forward(self, X):
        self.head(self.body(-X))
        return super().forward(X)


class HeadOfTheBatch(Logits):
    """The last, smaller batch goes to another head."""

    def __init__(self):
        super().__init__()
        self.other = nn.Linear(HIDDEN, C)

    def forward(self, X):
        return (self.head if len(X) == 4 else self.other)(self.body(X))


HEADLESS = {
    "log-softmax twice": partial(initialized, LogProbabilities, nn.NLLLoss),
    "softmax twice": partial(initialized, Probabilities),
    "temperature": partial(initialized, Temperature),
    "temperature in place": partial(initialized, InPlaceTemperature),
    "temperature, saturated": partial(initialized, SaturatedTemperature),
    "temperature of the nonlinearity": partial(
        initialized, Logits, predict_nonlinearity=lambda z: (z / 2).softmax(dim=1)
    ),
    "batch norm": partial(initialized, NormalizedLogits),
    "token-wise": partial(initialized, TokenwiseHead),
    "convolution": partial(initialized, ConvolutionalHead),
    "functional": partial(initialized, FunctionalHead),
    "no linear layer": partial(initialized, NoLinear),
    "cosines": partial(initialized, CosineHead),
    "cosines, one of them NaN": partial(initialized, CosineOrNaN),
    "called twice": partial(initialized, HeadTwice),
    "another in another batch": partial(initialized, HeadOfTheBatch),
    "several labels": partial(initialized, Logits, nn.BCEWithLogitsLoss, NeuralNet),
}


class Renamed(nn.Linear):
    """A layer of one's own that does what a linear one does."""

    def forward(self, input):
        return (input @ self.weight.T).add_(self.bias)


class RenamedHead(Logits):
    def __init__(self):
        super().__init__()
        self.head = Renamed(HIDDEN, C)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_linear_layer_of_ones_own_is_a_head(dtype):
    net = initialized(RenamedHead)
    net.module_.to(dtype)
    rows = torch.as_tensor(X).to(dtype)
    hidden, logits = head_outputs(net, rows, ROWS)
    head = net.module_.head
    expected = hidden[:, :-1].double() @ head.weight.T.double() + head.bias
    assert_allclose(
        logits.double(),
        expected.detach(),
        atol=0.1 if dtype == torch.bfloat16 else 1e-5,
    )


@pytest.mark.parametrize("case", HEADLESS)
def test_what_is_not_the_head_is_refused_with_two_ways_out(case):
    net = HEADLESS[case]()
    with pytest.raises(ValueError, match='layer="[.]{3}"') as error:
        head_outputs(net, X, ROWS)
    assert 'embedding="features"' in str(error.value)
    assert_state_is_clean(net)


def test_a_named_layer_that_is_not_the_head_is_refused():
    with pytest.raises(ValueError, match="'early' is not the head"):
        head_outputs(initialized(AuxiliaryHead), X, ROWS, layer="early")


@pytest.mark.parametrize("read", [head_outputs, features])
def test_the_nearest_layer_is_guessed(read):
    with pytest.raises(ValueError, match="(?s)'body.0', 'head'.*mean 'head'"):
        read(initialized(Logits), X, ROWS, layer="haed")


class DictOutput(Logits):
    def forward(self, X):
        return {"logits": super().forward(X)}


def test_features_need_no_prediction():
    expected = features(initialized(Logits), X, ROWS)
    assert torch.equal(features(initialized(DictOutput), X, ROWS), expected)


class FocalLoss(nn.CrossEntropyLoss):
    def forward(self, input, target):
        loss = F.cross_entropy(input, target, reduction="none")
        return ((1 - (-loss).exp()) ** 2 * loss).mean()


@pytest.mark.parametrize("criterion", [nn.MSELoss, nn.MultiMarginLoss, FocalLoss])
def test_another_loss_is_refused_but_for_its_features(criterion):
    net = initialized(Probabilities, criterion)
    with pytest.raises(ValueError, match="other than cross-entropy") as error:
        head_outputs(net, X, ROWS)
    assert 'embedding="features"' in str(error.value)
    assert features(net, X, ROWS).shape == (len(ROWS), HIDDEN)
    assert log_probabilities(net, X, ROWS).shape == (len(ROWS), C)


# ---------------------------------------------------------- nothing is left behind


def snapshot(net):
    """Return every piece of state that reading could change."""
    roots = [part for part in vars(net).values() if isinstance(part, nn.Module)]
    modules = [module for root in roots for module in root.modules()]
    return {
        "training": [module.training for module in modules],
        "hooks": [len(module._forward_hooks) for module in modules],
        "requires_grad": [p.requires_grad for p in net.module_.parameters()],
        "grad": [p.grad for p in net.module_.parameters()],
        "state": {k: v.tolist() for k, v in net.module_.state_dict().items()},
        "torch": torch.get_rng_state().tolist(),
        "numpy": np.random.get_state()[1].tolist(),
        "python": random.getstate(),
    }


def assert_state_is_clean(net):
    assert not any(module._forward_hooks for module in net.module_.modules())
    assert torch.is_grad_enabled()


def mixed_flags(net):
    """Put every other module into train mode, and freeze a parameter."""
    for i, module in enumerate(net.module_.modules()):
        module.training = i % 2 == 0
    next(net.module_.parameters()).requires_grad_(False)
    return net


@pytest.mark.parametrize("read", [head_outputs, features, log_probabilities])
@pytest.mark.parametrize("case", ["logits", "compiled", "attention"])
def test_the_network_and_the_random_state_are_left_as_found(case, read):
    net = mixed_flags(WORKING[case]())
    before = snapshot(net)
    read(net, X, ROWS)
    assert snapshot(net) == before


@pytest.mark.parametrize("case", ["temperature", "another in another batch"])
def test_they_are_left_as_found_by_errors_too(case):
    net = mixed_flags(HEADLESS[case]())
    before = snapshot(net)
    with pytest.raises(ValueError) as error:
        head_outputs(net, X, ROWS)
    assert snapshot(net) == before, error  # The error is alive, and its frames with it.


def test_they_are_left_as_found_when_memory_runs_out(monkeypatch):
    net = mixed_flags(initialized(Logits))
    before = snapshot(net)

    def no_memory(*args):
        raise MemoryError

    monkeypatch.setattr(torch.Tensor, "new_empty", no_memory)
    with pytest.raises(MemoryError) as error:
        head_outputs(net, X, ROWS)
    monkeypatch.undo()
    assert snapshot(net) == before, error


def test_the_network_can_be_pickled_after():
    net = initialized(Logits)
    expected = head_outputs(net, X, ROWS)
    again = head_outputs(pickle.loads(pickle.dumps(net)), X, ROWS)
    assert all(map(torch.equal, expected, again))


# -------------------------------------------------------------- rows, order, laziness


class LastRowsFirst(DataLoader):
    def __init__(self, dataset, **params):
        sampler = WeightedRandomSampler(torch.ones(len(dataset)), len(dataset))
        super().__init__(dataset, sampler=sampler, **params)


@pytest.mark.filterwarnings("ignore:You set iterator_valid__shuffle")
@pytest.mark.parametrize(
    "params",
    [
        {"shuffle": True},
        {"drop_last": True},
        {"sampler": WeightedRandomSampler(torch.ones(len(X)), len(X))},
    ],
    ids=lambda params: next(iter(params)),
)
def test_rows_come_in_order_whatever_the_iterator_was_told(params):
    expected = head_outputs(initialized(Logits), X, ROWS)
    params = {f"iterator_valid__{name}": value for name, value in params.items()}
    got = head_outputs(initialized(Logits, **params), X, ROWS)
    assert all(map(torch.equal, expected, got))


def test_an_iterator_with_an_order_of_its_own_is_refused():
    net = initialized(Logits, iterator_valid=LastRowsFirst)
    with pytest.raises(ValueError, match="in order.*WeightedRandomSampler"):
        head_outputs(net, X, ROWS)


def first_half(batch):
    rows = torch.stack([torch.as_tensor(row) for row, _ in batch])
    return rows[: len(rows) // 2], torch.zeros(len(rows) // 2)


def twice(batch):
    rows = torch.stack([torch.as_tensor(row) for row, _ in batch])
    return rows.repeat(2, 1), torch.zeros(2 * len(rows))


@pytest.mark.parametrize("collate_fn", [first_half, twice])
def test_lost_and_repeated_rows_are_noticed(collate_fn):
    net = initialized(Logits, iterator_valid__collate_fn=collate_fn)
    with pytest.raises(ValueError, match="rows for 11 rows of X"):
        head_outputs(net, X, ROWS)


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="`rows` is empty"):
        head_outputs(initialized(Logits), X, ROWS[:0])


class Counting(Dataset):
    """A dataset that knows which of its rows were read."""

    def __init__(self):
        self.touched = []

    def __len__(self):
        return len(X)

    def __getitem__(self, i):
        self.touched.append(int(i))
        return X[i], 0


@pytest.mark.parametrize("wrap", [lambda data: data, SliceDataset])
def test_only_the_rows_asked_for_are_read(wrap):
    data, net = Counting(), initialized(Logits)
    hidden, logits = head_outputs(net, wrap(data), ROWS)
    assert data.touched == ROWS.tolist()
    expected = head_outputs(net, X, ROWS)
    assert torch.equal(hidden, expected[0]) and torch.equal(logits, expected[1])


def test_a_classifier_reads_only_the_rows_asked_for():
    data, model = Counting(), LogisticRegression().fit(X, Y)
    given, _ = head_outputs(
        make_pipeline("passthrough", model), SliceDataset(data), ROWS
    )
    assert set(data.touched) == set(ROWS.tolist())
    assert_array_equal(without_ones(given), X[ROWS])


@pytest.fixture
def mapped(tmp_path):
    np.save(tmp_path / "X.npy", X)
    return np.load(tmp_path / "X.npy", mmap_mode="r")


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
@pytest.mark.parametrize("convert", [torch.as_tensor, SliceDataset, "memmap"])
@pytest.mark.parametrize("kind", ["net", "classifier"])
def test_the_container_does_not_matter(kind, convert, mapped):
    model = initialized(Logits) if kind == "net" else LogisticRegression().fit(X, Y)
    if convert == "memmap":
        data = mapped
    elif convert is SliceDataset:
        data = SliceDataset(Counting())
    else:
        data = convert(X)
    expected = head_outputs(model, X, ROWS)
    got = head_outputs(model, data, ROWS)
    for left, right in zip(expected, got, strict=True):
        assert_allclose(left, right, atol=1e-6)


def test_workers_read_in_order_too():
    net = initialized(Logits, iterator_valid__num_workers=1)
    before = torch.get_rng_state()
    got = head_outputs(net, X, ROWS)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(map(torch.equal, head_outputs(initialized(Logits), X, ROWS), got))


# ---------------------------------------------------------------------- numerics


class Halved(NeuralNetClassifier):
    """The module computes in half precision, the data stay as they are."""

    def infer(self, x, **fit_params):
        return self.module_(x.to(next(self.module_.parameters()).dtype))


class Autocast(NeuralNetClassifier):
    def infer(self, x, **fit_params):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return super().infer(x, **fit_params)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("module", [Logits, Probabilities])
def test_half_precision_is_raised_and_double_kept(module, dtype):
    criterion = nn.NLLLoss if module is Probabilities else nn.CrossEntropyLoss
    net = initialized(module, criterion, kind=Halved)
    exact = head_outputs(net, X, ROWS)
    net.module_.to(dtype)
    got = (*head_outputs(net, X, ROWS), log_probabilities(net, X, ROWS))
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    assert {part.dtype for part in got} == {wide}
    for left, right in zip(exact, got, strict=False):
        assert_allclose(left, right, atol=0.05)


@pytest.mark.parametrize("module", [Logits, Probabilities])
def test_autocast_is_raised(module):
    criterion = nn.NLLLoss if module is Probabilities else nn.CrossEntropyLoss
    hidden, logits = head_outputs(
        initialized(module, criterion, kind=Autocast), X, ROWS
    )
    assert hidden.dtype == logits.dtype == torch.float32


@pytest.mark.parametrize("read", [head_outputs, features])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_a_number_is_reported_with_its_first_row(read, value):
    spoiled = X.copy()
    spoiled[ROWS[[5, 3]]] = value
    with pytest.raises(ValueError, match=rf"2 of 11 rows.* {ROWS[3]} of X"):
        read(initialized(NoBody), spoiled, ROWS)


class NoBody(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(D, C))


def test_log_probabilities_of_a_saturated_softmax_are_finite():
    net = initialized(NoBody)
    probabilities = net.predict_proba(X)[ROWS]
    assert_allclose(log_probabilities(net, X, ROWS).exp(), probabilities, rtol=1e-5)
    net.module_[0].weight.data *= 1e6
    logs = log_probabilities(net, X, ROWS)
    assert logs.isfinite().all() and (logs.amax(dim=1) == 0).all()
    assert all(part.isfinite().all() for part in head_outputs(net, X, ROWS))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_outputs_live_on_the_device_of_the_network():
    net = initialized(Logits)
    expected = head_outputs(net, X, ROWS)
    before = torch.cuda.get_rng_state()
    got = head_outputs(initialized(Logits, device="cuda"), X, ROWS)
    for left, right in zip(expected, got, strict=True):
        assert right.device.type == "cuda"
        assert_allclose(left, right.cpu(), atol=1e-5)
    assert torch.equal(torch.cuda.get_rng_state(), before)


# ------------------------------------------------- scikit-learn classifiers, pipelines


def softmax_gradients(W, b, rows, y):
    """Return d cross-entropy / d (W, b) by autograd, for the model softmax(W x + b)."""
    W, b, rows = (torch.tensor(a, dtype=torch.float64) for a in (W, b, rows))
    gradients = []
    for row, label in zip(rows, y, strict=True):
        W, b = W.detach().requires_grad_(), b.detach().requires_grad_()
        F.cross_entropy((W @ row + b)[None], torch.tensor([label])).backward()
        gradients.append(torch.cat([W.grad, b.grad[:, None]], dim=1))
    return torch.stack(gradients)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("has_bias", [True, False])
def test_logistic_regression_gives_the_exact_gradient(n_classes, has_bias):
    y = Y % n_classes
    model = LogisticRegression(fit_intercept=has_bias).fit(X.astype("float64"), y)
    W, b = model.coef_, model.intercept_
    if n_classes == 2:  # scikit-learn keeps the difference of the two rows.
        W, b = np.concatenate([0 * W, W]), np.concatenate([0 * b, b])
    expected = softmax_gradients(W, b, X[ROWS], y[ROWS])
    outputs = head_outputs(model, X.astype("float64"), ROWS)
    expected = expected if has_bias else expected[:, :, :-1]
    assert_allclose(factored_gradients(*outputs, y[ROWS]), expected, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_a_classifier_may_be_sure_and_sees_its_x_as_floats(dtype):
    data = (10 * X).astype(dtype)
    forest = RandomForestClassifier(3, random_state=0).fit(data, Y)
    hidden, logits = head_outputs(forest, data, ROWS)
    assert (forest.predict_proba(data) == 0).any()
    assert logits.isfinite().all() and hidden.dtype == logits.dtype
    assert_array_equal(without_ones(hidden), data[ROWS])
    assert_array_equal(features(forest, data, ROWS), data[ROWS])
    assert torch.equal(log_probabilities(forest, data, ROWS), logits)


FRAME = pd.DataFrame(X, columns=list("abcdef")).assign(
    kind=np.array(["red", "blue"])[Y % 2]
)
COLUMNS = ColumnTransformer(
    [("scale", StandardScaler(), list("abcdef")), ("kinds", OneHotEncoder(), ["kind"])],
    sparse_threshold=0,
)


def test_a_pipeline_is_its_last_step_on_what_the_steps_before_make():
    pipeline = make_pipeline(COLUMNS, LogisticRegression()).fit(FRAME, Y)
    seen = pipeline[:-1].transform(FRAME)
    expected = head_outputs(pipeline[-1], seen, ROWS)
    frame = FRAME.set_index(np.arange(len(X))[::-1])  # Positions, not labels.
    for nested in [pipeline, FrozenEstimator(pipeline), make_pipeline(pipeline)]:
        got = head_outputs(nested, frame, ROWS)
        for left, right in zip(expected, got, strict=True):
            assert_allclose(left, right, atol=1e-12)
    assert_allclose(features(pipeline, frame, ROWS), seen[ROWS])
    assert_allclose(
        log_probabilities(pipeline, frame, ROWS).exp(),
        pipeline.predict_proba(FRAME)[ROWS],
    )


def to_float32(X):
    return np.asarray(X, dtype="float32")


class Wider(Logits):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(D + 2, HIDDEN)


def test_a_pipeline_may_end_in_a_network():
    net = initialized(Wider, max_epochs=1, train_split=None, verbose=0)
    pipeline = make_pipeline(COLUMNS, FunctionTransformer(to_float32), net)
    pipeline.fit(FRAME, Y)
    hidden, logits = head_outputs(pipeline, FRAME, ROWS, layer="head")
    expected = head_outputs(net, pipeline[:-1].transform(FRAME), ROWS)
    assert_allclose(hidden, expected[0], atol=1e-6)
    assert_allclose(logits, expected[1], atol=1e-6)
    with pytest.raises(ValueError, match="Did you mean 'head'"):
        features(pipeline, FRAME, ROWS, layer="heat")


def test_batches_of_a_pipeline_are_put_together():
    rows = np.random.RandomState(0).randint(len(X), size=2 * BATCH_ROWS + 1)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    expected = pipeline[:-1].transform(X)[rows]
    assert_allclose(features(pipeline, X, rows), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "wrap",
    [FrozenEstimator, lambda net: FrozenEstimator(FrozenEstimator(net))],
)
def test_a_frozen_network_is_a_network(wrap):
    net = initialized(Logits)
    got = head_outputs(wrap(net), X, ROWS)
    assert all(map(torch.equal, head_outputs(net, X, ROWS), got))


def test_a_search_is_its_best_estimator():
    net = initialized(NoBody, max_epochs=1, train_split=None, verbose=0)
    search = GridSearchCV(net, {"lr": [0.1]}, cv=2).fit(X, Y)
    got = head_outputs(search, X, ROWS)
    assert all(map(torch.equal, head_outputs(search.best_estimator_, X, ROWS), got))


@pytest.mark.parametrize("before", [[], [FunctionTransformer(csr_array)]])
def test_sparse_features_are_refused_with_a_way_out(before, monkeypatch):
    monkeypatch.setattr("sksimilar.gradients.NARROW", 1)
    data = X if before else csr_array(X)
    model = make_pipeline(*before, LogisticRegression()).fit(data, Y)
    with pytest.raises(TypeError, match="TruncatedSVD"):
        head_outputs(model, data, ROWS)


def test_a_few_columns_may_be_sparse_within_a_pipeline():
    # A ColumnTransformer returns either, as the share of zeros is.
    both = [
        features(make_pipeline(step, LogisticRegression()).fit(X, Y), X, ROWS)
        for step in (FunctionTransformer(csr_array), FunctionTransformer(np.asarray))
    ]
    assert torch.equal(*both)


def test_a_learner_is_no_classifier_to_choose_by():
    learner = ActiveLearner(LogisticRegression(), n_rounds=1, n_initial=20).fit(X, Y)
    with pytest.raises(TypeError, match="estimator_"):
        head_outputs(FrozenEstimator(learner), X, ROWS)
    assert head_outputs(learner.estimator_, X, ROWS)


def test_threads_may_share_a_network():
    net = initialized(NoBody, train_split=None, verbose=0)
    alone = head_outputs(net, X, ROWS)
    many = np.tile(ROWS, 40)
    together = Parallel(4, backend="threading")(
        delayed(head_outputs)(net, X, many) for _ in range(12)
    )
    for got in together:
        assert all(torch.equal(a[: len(ROWS)], b) for a, b in zip(got, alone))


def test_sparse_data_may_become_dense_in_a_pipeline():
    model = make_pipeline(TruncatedSVD(2), LogisticRegression()).fit(csr_array(X), Y)
    assert features(model, csr_array(X), ROWS).shape == (len(ROWS), 2)


def test_rows_that_are_no_numbers_are_refused_with_a_way_out():
    frame = FRAME.assign(kind=FRAME["kind"].astype("category"))
    model = HistGradientBoostingClassifier(
        categorical_features="from_dtype", max_iter=1
    )
    with pytest.raises(ValueError, match="Encode .* in a Pipeline"):
        head_outputs(model.fit(frame, Y), frame, ROWS)


def test_a_classifier_has_no_layers():
    with pytest.raises(ValueError, match="leave it at 'auto'"):
        features(LogisticRegression().fit(X, Y), X, ROWS, layer="head")


@pytest.mark.parametrize("read", [head_outputs, features, log_probabilities])
@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        NeuralNetClassifier(Logits),
        make_pipeline(PCA(), LogisticRegression()),
        FrozenEstimator(NeuralNetClassifier(Logits)),
        GridSearchCV(LogisticRegression(), {"C": [1]}),
    ],
    ids=lambda model: type(model).__name__,
)
def test_what_is_not_fitted_is_refused(model, read):
    with pytest.raises(NotFittedError, match="Call `fit`"):
        read(model, X, ROWS)


def test_what_predicts_no_probabilities_is_refused():
    with pytest.raises(TypeError, match="CalibratedClassifierCV"):
        head_outputs(SVC().fit(X, Y), X, ROWS)


# ---------------------------------------------------------------------- labels


@pytest.mark.parametrize(
    "y", [Y, Y.astype(float), Y.astype("uint8"), Y.astype(object), Y.tolist()]
)
def test_labels_of_a_network_are_columns(y):
    columns = column_labels(FrozenEstimator(initialized(Logits)), y, C)
    assert columns.dtype == np.int64
    assert_array_equal(columns, Y)


@pytest.mark.parametrize("bad", [-1, 300, 0.5, np.nan, "1", None])
def test_other_labels_of_a_network_are_refused(bad):
    with pytest.raises(ValueError, match=f"integers from 0 to 299; got {bad!r}[.]"):
        column_labels(initialized(Logits), [bad], n_classes=300)


@pytest.mark.parametrize("names", [["a", "b", "c"], [7, -3, 5], [2.0, 1.0, 3.0]])
def test_labels_of_a_classifier_are_positions_in_its_classes(names):
    y = np.array(names)[Y]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    columns = column_labels(model, y, C)
    assert columns.dtype == np.int64
    assert_array_equal(model.classes_[columns], y)


def test_a_label_that_the_classifier_never_saw_is_named():
    model = LogisticRegression().fit(X, np.array(["a", "b", "c"])[Y])
    with pytest.raises(ValueError, match=r"'new' not among .* \['a', 'b', 'c'\]"):
        column_labels(model, ["a", "new"], C)


def test_a_clone_of_the_network_is_unfitted_again():
    with pytest.raises(NotFittedError):
        column_labels(clone(initialized(Logits)), Y, C)


# ----------------------------------------------------- what is not what it seems


class LossOfOnesOwn(nn.Module):
    def forward(self, logits, y):
        losses = F.cross_entropy(logits, y, reduction="none")
        return ((1 - (-losses).exp()) ** 2 * losses).mean()


class Scores(LogisticRegression):
    def predict_proba(self, X):
        return self.decision_function(X)


@pytest.mark.parametrize(
    "model",
    [initialized(Logits, LossOfOnesOwn), Scores().fit(X, Y)],
    ids=["net", "scores"],
)
def test_scores_are_no_probabilities(model):
    with pytest.raises(ValueError, match="sum to 1.*predict_nonlinearity"):
        log_probabilities(model, X, ROWS)


def test_any_loss_will_do_once_there_are_probabilities():
    net = initialized(
        Logits, LossOfOnesOwn, predict_nonlinearity=lambda z: z.softmax(dim=1)
    )
    expected = net.predict_proba(X)[ROWS]
    assert_allclose(log_probabilities(net, X, ROWS).exp(), expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [">f4", ">f8", "longdouble", "float16", "int8"])
def test_a_classifier_reads_numbers_of_any_kind(dtype):
    data = np.round(4 * X).astype(dtype)
    model = LogisticRegression().fit(data.astype(float), Y)
    assert_allclose(features(model, data, ROWS), np.round(4 * X)[ROWS])


def test_a_classifier_of_images_cannot_be_compared_by_them():
    class Flat(LogisticRegression):
        def predict_proba(self, X):
            return super().predict_proba(X.reshape(len(X), -1))

    model = Flat().fit(X, Y)
    with pytest.raises(ValueError, match="n_samples, n_features.*Flatten them"):
        head_outputs(model, X.reshape(len(X), 1, D), ROWS)


def test_a_network_says_in_which_precision_it_takes_rows():
    net = initialized(Logits)
    net.module_.to(torch.bfloat16)
    with pytest.raises(TypeError, match="Pass rows of bfloat16"):
        head_outputs(net, X, ROWS)


def test_a_network_takes_no_columns_by_name():
    frame = pd.DataFrame(X, columns=list("abcdef"))
    with pytest.raises(TypeError, match=r"Pass X.to_numpy\('float32'\)"):
        head_outputs(initialized(Logits), frame, ROWS)
