"""What runs on an accelerator is what runs on the CPU, and stays there while it runs."""

import gc

import numpy as np
import pytest
import torch
from accelerator import DEVICES
from skorch import NeuralNetClassifier
from torch import nn

from sksimilar import ActiveLearner, SIMILARSampler, baselines
from sksimilar.measures import FUNCTIONS, Sizes
from sksimilar.optimizers import best_route, greedy, lazy, sparse
from sksimilar.similarity import METRICS

N, BUDGET = 300, 20
RNG = np.random.default_rng(0)
Y = np.arange(N) % 3
X = (RNG.normal(size=(N, 6)) + 2 * np.eye(6)[Y]).astype(np.float32)
QUERY, CONDITIONING = np.arange(N) < 9, (np.arange(N) >= 9) & (np.arange(N) < 40)
LABELED = QUERY | CONDITIONING
BASELINES = [name for name in baselines.__all__ if name.endswith("Sampler")]


@pytest.fixture(params=list(DEVICES))
def accelerator(request):
    with DEVICES[request.param]() as accelerator:
        yield accelerator


def masks_of(name):
    named = FUNCTIONS[name]
    masks = {"query_mask": QUERY} if named.query else {}
    return masks | ({"conditioning_mask": CONDITIONING} if named.conditioning else {})


def selected(name, device, **parameters):
    sampler = SIMILARSampler(
        function=name, budget=BUDGET, random_state=0, device=device, **parameters
    )
    picks = sampler.fit_select(X, candidate_mask=~LABELED, **masks_of(name))
    return sampler, picks


def admitted(name, metric):
    """Return whether a function is what its name says on a metric."""
    low, high = FUNCTIONS[name].make().domain
    least, most = METRICS[metric].bounds
    return low <= least and most <= high


@pytest.mark.parametrize(
    "name, metric",
    [(f, m) for f in FUNCTIONS for m in METRICS if admitted(f, m)],
)
def test_every_function_selects_as_on_the_cpu(name, metric, accelerator):
    here, expected = selected(name, "cpu", metric=metric)
    there, picks = selected(name, str(accelerator.device), metric=metric)
    assert isinstance(there.similarity([50], [60]), np.ndarray)
    np.testing.assert_allclose(there.value_, here.value_, rtol=1e-4)
    np.testing.assert_array_equal(picks, expected)
    np.testing.assert_allclose(there.evaluate(picks), here.value_, rtol=1e-4)
    told, expected = there.explain(), here.explain()
    np.testing.assert_allclose(told["gain"], expected["gain"], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("merge", [True, False, "proposals"])
@pytest.mark.parametrize("name", ["fl", "flqmi", "gccg", "logdetcmi"])
def test_parts_select_as_on_the_cpu(name, merge, accelerator):
    parameters = {"n_partitions": 3, "merge": merge}
    _, expected = selected(name, "cpu", **parameters)
    _, picks = selected(name, str(accelerator.device), **parameters)
    np.testing.assert_array_equal(picks, expected)


@pytest.mark.parametrize("optimizer", ["sparse", "stochastic", "lazier_than_lazy"])
def test_optimizers_select_as_on_the_cpu(optimizer, accelerator):
    _, expected = selected("fl", "cpu", optimizer=optimizer)
    _, picks = selected("fl", str(accelerator.device), optimizer=optimizer)
    np.testing.assert_array_equal(picks, expected)


# ------------------------------------------------------------- a network on the device


class Network(nn.Module):
    def __init__(self, n_classes=3):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU())
        self.head = nn.Linear(16, n_classes)

    def forward(self, X):
        return self.head(self.body(X))


def network(device="cpu"):
    return NeuralNetClassifier(
        Network,
        criterion=nn.CrossEntropyLoss,
        max_epochs=3,
        train_split=None,
        verbose=0,
        device=str(device),
    )


def trained():
    torch.manual_seed(0)
    return network().fit(X[LABELED], Y[LABELED])


def moved(net, device):
    """Return a net on the device, with the weights of another."""
    twin = network(device).initialize()
    weights = {k: w.to(device) for k, w in net.module_.state_dict().items()}
    twin.module_.load_state_dict(weights, assign=True)
    twin.classes_inferred_ = net.classes_inferred_
    return twin


SAMPLERS = [
    SIMILARSampler(function="logdetmi"),
    SIMILARSampler(function="flqmi", dtype="float16"),
    SIMILARSampler(function="gcmi", embedding="features", dtype="bfloat16"),
    SIMILARSampler(function="flvmi", n_partitions=2),
    *(getattr(baselines, name)() for name in BASELINES),
]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
def test_a_network_on_the_device_is_read_there_and_left_as_it_was(sampler, accelerator):
    net, y = trained(), np.where(LABELED, Y, -1)
    there = moved(net, accelerator.device)
    before = {k: w.cpu().clone() for k, w in there.module_.state_dict().items()}
    sampler.set_params(budget=BUDGET, random_state=0, estimator=net)
    expected = sampler.fit_select(X, y, query_mask=QUERY)
    sampler.set_params(estimator=there)
    np.testing.assert_array_equal(sampler.fit_select(X, y, query_mask=QUERY), expected)
    assert {p.device for p in there.module_.parameters()} == {accelerator.device}
    for key, weight in there.module_.state_dict().items():
        assert torch.equal(weight.cpu(), before[key])


def test_memory_of_the_device_grows_by_the_query_alone(accelerator):
    learner = ActiveLearner(
        network(accelerator.device),
        SIMILARSampler(function="logdetmi", budget=2),
        scenario="rare",
        random_state=0,
    )
    learner.start(X, np.where(LABELED, Y, -1), query_mask=QUERY)
    held, n_rounds = [], 12
    for _ in range(n_rounds):
        rows = learner.ask()
        learner.tell(rows, Y[rows]).refit()
        gc.collect()
        held.append(accelerator.allocated)
    embedded = 4 * (16 + 1 + 3) + 8  # Bytes of a row: h and 1, r, and where it is in X.
    assert held[-1] - held[0] <= (n_rounds - 1) * 2 * embedded


# ------------------------------------------------------------------- staying on the device


def undisturbed(accelerator):
    """Return what wraps the picks of greedy, and fails where they read a value back."""

    def track(picks):
        with accelerator.without_read_backs():
            yield from picks

    return track


def settled(accelerator):
    """Return the memory in use, and measure its peak from there on."""
    gc.collect()
    accelerator.reset()
    return accelerator.allocated


def given_sizes(name):
    """Return |Q| and |P| of a function."""
    named = FUNCTIONS[name]
    return 9 * bool(named.query), 31 * bool(named.conditioning)


def measure_of(name, device, n=N, width=X.shape[1], n_query=9, **weights):
    """Return a measure over the first n rows, and its candidates."""
    rows = np.random.default_rng(1).normal(size=(n, width)).astype(np.float32)
    similarity = METRICS["cosine"](torch.as_tensor(rows).to(device))
    everyone = torch.arange(n).to(device)
    Q = everyone[:n_query] if FUNCTIONS[name].query else None
    P = everyone[9:40] if FUNCTIONS[name].conditioning else None
    function = FUNCTIONS[name].make()
    V = everyone[40:]
    return lambda: function.measure(similarity, V, Q, P, **weights), V


@pytest.mark.parametrize(
    "name", ["logdet", "logdetmi", "logdetcg", "logdetcmi", "divgcmi", "gcmi"]
)
def test_greedy_reads_nothing_back_between_picks(name, accelerator):
    measure, V = measure_of(name, accelerator.device)
    chosen = greedy(measure(), V, BUDGET, track=undisturbed(accelerator))
    on_cpu, V = measure_of(name, "cpu")
    assert chosen.points.tolist() == greedy(on_cpu(), V, BUDGET).points.tolist()


def test_reading_a_value_back_is_noticed(accelerator):
    measure, V = measure_of("fl", accelerator.device)
    with pytest.raises(RuntimeError):
        lazy(measure(), V, BUDGET, track=undisturbed(accelerator))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_selection_holds_no_more_than_memory_limit_is_told(name, accelerator):
    n = 6000
    measure, V = measure_of(name, accelerator.device, n)
    sizes = Sizes(len(V), len(V), *given_sizes(name), BUDGET, X.shape[1])
    before = settled(accelerator)
    started = measure()
    best_route(started)(started, V, BUDGET)
    expected = 4 * FUNCTIONS[name].make().cost(sizes).numbers
    assert accelerator.peak - before <= expected


@pytest.mark.parametrize("width", [6, 600])
@pytest.mark.parametrize("name", ["fl", "flcmi"])
def test_keeping_the_nearest_holds_no_more_than_memory_limit_is_told(
    name, width, accelerator
):
    measure, V = measure_of(name, accelerator.device, 6000, width)
    sizes = Sizes(len(V), len(V), *given_sizes(name), BUDGET, width, n_neighbors=64)
    before = settled(accelerator)
    sparse(measure(), V, BUDGET)
    expected = 4 * FUNCTIONS[name].make().cost(sizes).numbers
    assert accelerator.peak - before <= expected


@pytest.mark.parametrize("name", FUNCTIONS)
def test_copies_of_wide_rows_are_in_what_memory_limit_is_told(name, accelerator):
    n, width = 12_000, 90
    measure, V = measure_of(name, accelerator.device, n, width, n_query=1)
    n_query, n_conditioning = given_sizes(name)
    sizes = Sizes(len(V), len(V), min(n_query, 1), n_conditioning, 3, width)
    before = settled(accelerator)
    started = measure()
    best_route(started)(started, V, 3)
    expected = 4 * FUNCTIONS[name].make().cost(sizes).numbers
    assert accelerator.peak - before <= expected


def test_weights_above_one_are_checked_within_the_memory_that_was_told(accelerator):
    n = 6000
    measure, V = measure_of("logdetcmi", accelerator.device, n, eta=1.001, nu=1.001)
    sizes = Sizes(len(V), len(V), *given_sizes("logdetcmi"), BUDGET, X.shape[1])
    before = settled(accelerator)
    points = greedy(measure(), V, BUDGET).points.tolist()
    weighted = sizes._replace(eta=1.001)
    expected = 4 * FUNCTIONS["logdetcmi"].make().cost(weighted).numbers
    assert accelerator.peak - before <= expected
    on_cpu, V = measure_of("logdetcmi", "cpu", n, eta=1.001, nu=1.001)
    assert points == greedy(on_cpu(), V, BUDGET).points.tolist()


IN_BLOCKS = dict.fromkeys(["fl", "flvmi", "flcg", "flcmi"], 0.6)
IN_BLOCKS |= dict.fromkeys(["flqmi", "gc", "gccg", "divgcmi"], 0.8) | {"gcmi": 0.85}


@pytest.mark.parametrize("name", IN_BLOCKS)
def test_short_of_memory_it_selects_the_same_in_smaller_blocks(name, accelerator):
    measure, V = measure_of(name, accelerator.device, n=6000)
    optimizer, before = best_route(measure()), settled(accelerator)
    expected = optimizer(measure(), V, BUDGET).points.tolist()
    room = int(IN_BLOCKS[name] * (accelerator.peak - before))
    with accelerator.short_of_memory(room), pytest.warns(match="smaller blocks"):
        points = optimizer(measure(), V, BUDGET).points.tolist()
    assert points == expected


@pytest.mark.parametrize("name", ["logdetmi", "com"])
def test_what_must_be_held_and_finds_no_room_is_told_with_the_ways_out(
    name, accelerator
):
    sampler, _ = selected(name, str(accelerator.device))
    with (
        accelerator.short_of_memory(10_000),
        pytest.raises(torch.cuda.OutOfMemoryError, match="n_partitions"),
    ):
        sampler.select()
    assert len(sampler.select()) == BUDGET  # There is room again.
