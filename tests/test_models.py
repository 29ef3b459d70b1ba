"""The networks have the sizes of their papers, and every one ends in its head."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch import NeuralNetClassifier
from torch import nn

from sksimilar.models import MLP, LeNet, ResNet18, xavier

IMAGES = {MLP: (64,), LeNet: (1, 28, 28), ResNet18: (3, 32, 32)}


def n_parameters(module):
    return sum(p.numel() for p in module.parameters())


def fitted(module, epochs=1, lr=0.0, **params):
    torch.manual_seed(0)
    X = np.random.RandomState(0).rand(4, *IMAGES[module]).astype("float32")
    return NeuralNetClassifier(
        module,
        criterion=nn.CrossEntropyLoss,
        lr=lr,
        max_epochs=epochs,
        train_split=None,
        verbose=0,
        **params,
    ).fit(X, np.arange(4))


@pytest.mark.parametrize("module", IMAGES)
def test_one_logit_per_class(module):
    logits = module(n_classes=7)(torch.zeros(2, *IMAGES[module]))
    assert logits.shape == (2, 7)


@pytest.mark.parametrize("module", IMAGES)
def test_the_last_layer_is_a_linear_head(module):
    *_, (name, last) = module().named_modules()
    assert name == "head" and isinstance(last, nn.Linear)


@pytest.mark.parametrize("module", [LeNet, ResNet18])
def test_any_number_of_channels(module):
    size = IMAGES[module][1:]
    assert module(n_channels=2)(torch.zeros(2, 2, *size)).shape == (2, 10)


def test_lenet_has_two_convolutions_and_61706_parameters():
    # Table in section II.B of LeCun et al.: 156 + (all 16 x 6 maps: 2416) + 48120 +
    # 10164, and 850 for a linear head.
    modules = list(LeNet().modules())
    assert sum(isinstance(module, nn.Conv2d) for module in modules) == 2
    assert n_parameters(LeNet()) == 156 + 2416 + 48120 + 10164 + 850


def test_resnet18_has_its_eighteen_layers_and_eleven_million_parameters():
    model = ResNet18()
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    projections = [m for m in layers if getattr(m, "kernel_size", None) == (1, 1)]
    assert len(layers) - len(projections) == 18
    assert n_parameters(model) == 11_173_962


def test_resnet18_halves_the_image_three_times():
    *blocks, _, _ = ResNet18().body
    assert nn.Sequential(*blocks)(torch.zeros(2, 3, 32, 32)).shape == (2, 512, 4, 4)


@pytest.mark.parametrize("module", [LeNet, ResNet18])
def test_xavier_bounds_and_fills_the_weights_and_keeps_the_rest(module):
    plain, drawn = fitted(module), fitted(module, callbacks=[xavier()])
    before = dict(plain.module_.named_parameters())
    for name, after in drawn.module_.named_parameters():
        if after.ndim == 1:
            assert torch.equal(before[name], after)
            continue
        window = after[0, 0].numel()
        bound = (6 / (window * (after.shape[0] + after.shape[1]))) ** 0.5
        assert not torch.equal(before[name], after)
        assert 0.9 * bound < after.abs().max() <= bound


def test_xavier_acts_on_the_first_epoch_of_every_fit_only():
    net = fitted(MLP, epochs=2, callbacks=[xavier()], callbacks__print_log=None)
    first = net.module_.head.weight.detach().clone()
    X = np.zeros((4, 64), dtype="float32")
    torch.manual_seed(0)
    net.partial_fit(X, np.arange(4))
    assert torch.equal(first, net.module_.head.weight)
    net.fit(X, np.arange(4))
    assert not torch.equal(first, net.module_.head.weight)


def test_xavier_survives_clone_and_pickle():
    net = fitted(MLP, callbacks=[xavier()])
    X = np.zeros((4, 64), dtype="float32")
    for copy in [clone(net), pickle.loads(pickle.dumps(net))]:
        torch.manual_seed(0)
        weight = copy.fit(X, np.arange(4)).module_.head.weight
        assert torch.equal(weight, net.module_.head.weight)
