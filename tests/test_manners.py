"""Whoever calls something finds the world as they left it, and nothing calls out.

One table of everything public that does something.  To add a function is to add a line.
"""

import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import warnings
from functools import partial
from pathlib import Path

import joblib
import matplotlib
import numpy as np
import pytest
import sklearn
import torch
from skorch import NeuralNetClassifier
from torch import nn

import sksimilar
from sksimilar import (
    ActiveLearner,
    RandomSampler,
    SIMILARSampler,
    baselines,
    datasets,
    experiment,
    model_selection,
    plotting,
)
from sksimilar.measures import FUNCTIONS
from sksimilar.review import write_gallery

matplotlib.use("Agg")
import matplotlib.pyplot as plt

N = 80
RNG = np.random.default_rng(0)
Y = np.arange(N) % 3
X = (RNG.normal(size=(N, 4)) + 3 * np.eye(4)[Y]).astype("float32")
KNOWN, QUERY = np.arange(N) < 24, np.arange(N) < 3
HIDDEN = np.where(KNOWN, Y, -1)
IMAGES = np.repeat(X, 4, axis=1).reshape(N, 4, 4)
SPLIT = datasets.make_rare(
    X, Y, rare=[2], n_labeled=(4, 2), n_query=1, n_pool=(8, 2), random_state=0
)
TASK = experiment.Task.of(SPLIT, X[:9], Y[:9], 0)


class Network(nn.Module):
    """With all that remembers: batch statistics, dropout, a hook, a frozen layer."""

    def __init__(self, n_classes=3):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5)
        )
        self.head = nn.Linear(8, n_classes)
        self.body[0].weight.requires_grad_(False)
        self.body[2].register_forward_hook(watch)

    def forward(self, X):
        return self.head(self.body(X))


def watch(module, args, output):
    pass


def network():
    return NeuralNetClassifier(
        Network,
        criterion=nn.CrossEntropyLoss,
        max_epochs=2,
        lr=0.1,
        batch_size=16,
        train_split=None,
        verbose=0,
    )


@pytest.fixture
def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = network().fit(X[KNOWN], Y[KNOWN])
    net.module_.train()  # As someone may have left it, in part.
    net.module_.body[1].eval()
    return net


# ------------------------------------------------------------------ what can be disturbed


def bytes_of(*arrays):
    return [hashlib.sha256(np.ascontiguousarray(a)).hexdigest() for a in arrays]


def state_of(net):
    """Return all that a call might leave changed."""
    module, generator = net.module_, np.random.get_state()
    return {
        "data": bytes_of(X, Y, HIDDEN, KNOWN, QUERY, IMAGES, SPLIT.X, SPLIT.y),
        "train flags": [part.training for part in module.modules()],
        "weights, buffers": bytes_of(*(v.numpy() for v in module.state_dict().values())),
        "hooks": [
            len(part._forward_hooks) + len(part._forward_pre_hooks)
            + len(part._backward_hooks) + len(part._backward_pre_hooks)
            for part in module.modules()
        ],
        "requires_grad": [p.requires_grad for p in module.parameters()],
        "gradients": [p.grad is None for p in module.parameters()],
        "random": random.getstate(),
        "numpy.random": (generator[1].tolist(), generator[2:]),
        "torch random": torch.get_rng_state().tolist(),
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "dtype": torch.get_default_dtype(),
        "grad mode": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warnings": list(warnings.filters),
        "numpy errors": np.geterr(),
        "sklearn": sklearn.get_config(),
        "matplotlib": dict(matplotlib.rcParams),
        "signals": [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)],
        "environment": dict(os.environ),
        "directory": (os.getcwd(), sorted(os.listdir("."))),
        "stdout": (sys.stdout, sys.stderr),
    }  # fmt: skip


# ---------------------------------------------------------------------- what can be called


def masks_for(name):
    named = FUNCTIONS[name]
    query = {"query_mask": QUERY} if named.query else {}
    return query | ({"conditioning_mask": KNOWN & ~QUERY} if named.conditioning else {})


def similar(net, function="logdetcmi", **params):
    sampler = SIMILARSampler(net, function=function, random_state=0, **params)
    sampler.fit(X, HIDDEN, **masks_for(function)).select(6)
    sampler.evaluate(sampler.selected_indices_[:2])
    sampler.explain()
    return sampler


def in_threads(net):
    with joblib.parallel_config("threading"):
        similar(net, n_partitions=3, n_jobs=2)


def baseline(kind, net):
    kind(net, random_state=None).fit(X, HIDDEN, query_mask=QUERY).select(6)


def learner(**params):
    sampler = SIMILARSampler(function="flqmi", budget=3)
    params = {"scenario": "rare", "n_rounds": 2, "keep_estimators": True, **params}
    return ActiveLearner(network(), sampler, **params)


def learn(net, **params):
    run = learner(**params).fit(X, Y, query_mask=QUERY, X_val=X, y_val=Y)
    run.predict(X), run.predict_proba(X), run.score(X, Y), run.history_frame()
    list(run.staged_predict(X)), list(run.staged_score(X, Y))
    model_selection.area_under_learning_curve(run, X, Y)
    model_selection.LabelsToReach(0.5)(run, X, Y)


def ask_and_tell(net):
    run = learner().start(X, HIDDEN, query_mask=QUERY)
    rows = run.ask()
    run.tell(rows[:2], Y[rows[:2]], skipped=rows[2:]).refit().ask(2)


def review(net):
    with tempfile.TemporaryDirectory() as folder:
        write_gallery(Path(folder) / "a.html", similar(net), IMAGES, y=HIDDEN)


def fail(net):
    """Fail in the middle, where there is most to put back."""
    bad = np.where(np.arange(N)[:, None] == 70, np.nan, X)
    with pytest.raises(ValueError, match="position 70"):
        SIMILARSampler(net).fit(bad, HIDDEN)
    with pytest.raises(ZeroDivisionError):
        learner(stopping=lambda learner: 1 / 0).fit(X, Y, query_mask=QUERY)


def build(net):
    rng = np.random.RandomState(0)
    for make, kinds in [
        (datasets.make_rare, {"n_labeled": (2, 1), "n_pool": (4, 2)}),
        (datasets.make_redundant, {"n_labeled": 2, "n_pool": 4}),
        (datasets.make_ood, {"ood": [2], "n_labeled": 2, "n_pool": (4, 4)}),
        (datasets.make_rare_redundant, {"n_labeled": (2, 1), "n_pool": (4, 2)}),
        (datasets.make_rare_ood, {"rare": [1], "ood": [2], "n_labeled": (2, 1), "n_pool": (4, 2, 4)}),
        (datasets.make_redundant_ood, {"ood": [2], "n_labeled": 2, "n_pool": (4, 4)}),
    ]:  # fmt: skip
        make(X, Y, random_state=None, **kinds)
        make(X, Y, random_state=rng, **kinds)
    datasets.load_digits_split()
    list(model_selection.PoolSplit(KNOWN, n_splits=2).split(X, Y))


def compare(net):
    methods = {"random": RandomSampler(budget=2), "flqmi": SIMILARSampler(budget=2)}
    experiment.compare(
        methods, [TASK], network(), scenario="rare", n_rounds=1, n_jobs=1
    )


CURVES = [1, 2], {"flqmi": [[0.1, 0.2]], "random": [[0.1, 0.1]]}
DISPLAYS = {
    "ActiveLearningCurveDisplay": lambda display, net: display.from_scores(*CURVES),
    "HighlightedCurveDisplay": lambda display, net: display.from_scores(*CURVES),
    "SelectionCountsDisplay": lambda display, net: display.from_counts(*CURVES),
    "EmbeddingDisplay": lambda display, net: display.from_sampler(similar(net), X),
    "ExplanationDisplay": lambda display, net: display.from_sampler(
        similar(net), IMAGES
    ),
    "GainCurveDisplay": lambda display, net: display.from_sampler(similar(net)),
    "SimilarityDisplay": lambda display, net: display.from_sampler(
        similar(net), n_pool=5
    ),
    "PenaltyMatrixDisplay": lambda display, net: display.from_matrix(
        np.zeros((2, 2)), ["random", "flqmi"]
    ),
    "SelectedItemsDisplay": lambda display, net: display.from_selection(
        IMAGES, Y, {"flqmi": np.arange(6)}
    ),
}


def draw(name, net):
    DISPLAYS[name](getattr(plotting, name), net).figure_.canvas.draw()
    plt.close("all")


CALLS = {name: partial(similar, function=name) for name in FUNCTIONS}
CALLS |= {
    f"optimizer={name}": partial(similar, function="fl", optimizer=name)
    for name in ("greedy", "lazy", "stochastic", "lazier_than_lazy", "sparse")
}
CALLS |= {
    "partitions": partial(similar, n_partitions=3, verbose=1),
    "partitions in threads": in_threads,
    "features": partial(similar, embedding="features", metric="rbf"),
    **{name: partial(baseline, getattr(baselines, name)) for name in baselines.__all__},
    "learn": learn,
    "learn in one go": partial(learn, warm_start=True, random_state=3, verbose=1),
    "ask and tell": ask_and_tell,
    "review": review,
    "fail": fail,
    "build": build,
    "compare": compare,
    **{name: partial(draw, name) for name in DISPLAYS},
}


def test_the_table_is_complete():
    displays = {name for name in plotting.__all__ if name.endswith("Display")}
    assert displays == set(DISPLAYS)
    samplers = {name for name in sksimilar.__all__ if name.endswith("Sampler")}
    assert samplers - {"SIMILARSampler"} == set(baselines.__all__)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.filterwarnings("ignore:Only .* picks", "ignore::UserWarning:sklearn")
def test_a_call_leaves_the_world_as_it_was(call, net, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plt.figure(), plt.close("all")  # What Matplotlib sets up once.
    before = state_of(net)
    call(net)
    after = state_of(net)
    assert [name for name in before if after[name] != before[name]] == []


# --------------------------------------------------------------------------- the network

OFFLINE = """
import socket

def refuse(*args, **kwargs):
    raise AssertionError("called out")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
socket.create_connection = socket.gethostbyname = refuse

import numpy as np
from sklearn.linear_model import LogisticRegression
import sksimilar, sksimilar.datasets, sksimilar.demo, sksimilar.experiment
import sksimilar.__main__

X, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
model = LogisticRegression().fit(X[:9], y[:9])
sampler = sksimilar.SIMILARSampler(model, random_state=0).fit(X, np.where(y, y, -1))
sksimilar.ActiveLearner(LogisticRegression(), n_rounds=1, random_state=0).fit(X, y)
sksimilar.datasets.load_digits_split()
print(len(sampler.select(5)))
"""


def test_nothing_calls_out():
    run = subprocess.run(
        [sys.executable, "-c", OFFLINE], capture_output=True, text=True, check=False
    )
    assert run.stdout.strip() == "5", run.stderr
