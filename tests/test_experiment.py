"""Experiments compare like with like, can be stopped at any time, and say what they did."""

import csv
from dataclasses import asdict, replace
from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.utils import Bunch
from skorch import NeuralNetClassifier
from torch import nn

from sksimilar import RandomSampler, SIMILARSampler
from sksimilar.__main__ import main
from sksimilar.baselines import FISHERSampler
from sksimilar.datasets import make_ood, make_rare, make_redundant
from sksimilar.experiment import (
    PROTOCOLS,
    OptionError,
    Protocol,
    Results,
    Switches,
    methods_for,
    read_csv,
    reproduce,
    run,
    summary,
)
from sksimilar.experiment import _runs as runs_module
from sksimilar.experiment._networks import Batches, Normalized, mirrored, shifted
from sksimilar.models import MLP, LeNet, ResNet18
from sksimilar.scenarios import Scenario
from sksimilar.training import paper_training


class Tiny(MLP):
    """A network for digits of 8 x 8 pixels."""

    def __init__(self, n_classes, n_channels):
        super().__init__(64 * n_channels, n_classes, hidden=16)


RARE = Protocol(
    "digits, five of them rare",
    "digits",
    partial(make_rare, rare=range(5, 10), n_labeled=(4, 2), n_query=1, n_pool=(60, 8)),
    "rare",
    budget=10,
    n_rounds=2,
    architecture=Tiny,
    padding=1,
    flip=True,
)
REDUNDANCY = replace(
    RARE,
    make=partial(make_redundant, n_labeled=3, n_pool=20),
    scenario="redundancy",
)
OOD = replace(
    RARE,
    make=partial(make_ood, ood=(8, 9), n_labeled=3, n_query=1, n_pool=(5, 60)),
    scenario="ood",
)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Let there be experiments that take a second."""
    for name, protocol in ("rare", RARE), ("redundancy", REDUNDANCY), ("ood", OOD):
        monkeypatch.setitem(PROTOCOLS, f"tiny-{name}", protocol)


def reproduced(out, name="tiny-rare", seeds=(0,), epochs=5, **options):
    options.setdefault("methods", ["random", "logdetmi"])
    switches = Switches(epochs=epochs, **options.pop("switches", {}))
    return reproduce(name, seeds=seeds, out=out, switches=switches, **options)


def untimed(rows):
    return [{k: v for k, v in row.items() if "seconds" not in k} for row in rows]


# ----------------------------------------------------------------- the protocols


def per_class(protocol):
    """Return labeled, query and pool rows of every class, from 50 000 numbers."""
    X, y = np.arange(60_000)[:, None], np.repeat(np.arange(10), 6000)
    split = protocol.make(X, y, X_test=None, random_state=0)
    original = y[split.rows]
    query = np.zeros(len(original), dtype=bool)
    query = query if split.query_mask is None else split.query_mask
    masks = split.labeled_mask & ~query, query, ~split.labeled_mask
    counts = (np.bincount(original[mask], minlength=10) for mask in masks)
    return [sorted(count.tolist()) for count in counts]


def groups(*pairs):
    return sorted([number for number, times in pairs for _ in range(times)])


@pytest.mark.parametrize(
    "name, budget, labeled, query, pool",
    [
        # Tables 4 and 6 of the paper, and Appendix I: (rows, classes with so many).
        ("mnist-rare", 125, [(22, 5), (3, 5)], [(5, 5)], [(4000, 5), (200, 5)]),
        ("mnist-rare-b25", 25, [(22, 5), (3, 5)], [(5, 5)], [(4000, 5), (200, 5)]),
        ("mnist-rare-rho100", 25, [(22, 5), (3, 5)], [(5, 5)], [(4000, 5), (40, 5)]),
        ("cifar-rare", 125, [(22, 5), (3, 5)], [(5, 5)], [(3000, 5), (300, 5)]),
        ("mnist-ood", 20, [(5, 8)], [(2, 8)], [(50, 8), (5000, 2)]),
        ("cifar-ood", 250, [(200, 8)], [(5, 8)], [(500, 8), (5000, 2)]),
        (
            "cifar-rare-redundancy",
            100,
            [(22, 5), (3, 5)],
            [(5, 5)],
            [(5000, 5), (500, 5)],
        ),
    ],
)
def test_numbers_of_the_paper(name, budget, labeled, query, pool):
    protocol = PROTOCOLS[name]
    expected = [groups(*some) for some in (labeled, query, pool)]
    expected = [[0] * (10 - len(some)) + some for some in expected]
    assert per_class(protocol) == expected
    assert protocol.budget == budget and protocol.n_rounds == 9


@pytest.mark.parametrize(
    "name, n_labeled, n_pool",
    [
        ("mnist-redundancy-x5", 50, 400 + 100 * 5),
        ("mnist-redundancy-x10", 50, 1400),
        ("mnist-redundancy-x20", 50, 2400),
        ("cifar-redundancy", 500, 14_000),
    ],
)
def test_redundancy_of_the_paper(name, n_labeled, n_pool):
    labeled, query, pool = map(sum, per_class(PROTOCOLS[name]))
    assert (labeled, query, pool) == (n_labeled, 0, n_pool)


def test_networks_of_the_paper():
    for name, protocol in PROTOCOLS.items():
        if not name.startswith("tiny"):
            is_large = name.startswith("cifar") and not name.endswith("small")
            assert protocol.architecture is (ResNet18 if is_large else LeNet)
            assert protocol.flip == protocol.augment == name.startswith("cifar")


def test_rare_classes_of_cifar_vary_with_the_seed_and_those_of_mnist_do_not():
    X, y = np.arange(60_000)[:, None], np.repeat(np.arange(10), 6000)
    mnist, cifar = (
        {PROTOCOLS[name].make(X, y, random_state=seed).rare for seed in range(3)}
        for name in ("mnist-rare", "cifar-rare")
    )
    assert mnist == {(5, 6, 7, 8, 9)} and len(cifar) == 3


def test_a_task_holds_images_and_no_test_row():
    task = RARE.task(0)
    assert task.X.dtype == np.float32 and task.X.shape[1:] == (1, 8, 8)
    assert task.X.min() == 0 and task.X.max() == 1
    assert not {x.tobytes() for x in task.X} & {x.tobytes() for x in task.X_test}
    assert task.focus == (5, 6, 7, 8, 9) and task.n_wanted == 40


def test_edges_are_trimmed():
    full, inner = RARE.task(0).X, replace(RARE, trim=2).task(0).X
    assert_array_equal(inner, full[:, :, 2:-2, 2:-2])


def test_images_of_three_channels_come_channels_first():
    images = np.zeros((2, 4, 5, 3), dtype=np.uint8)
    images[0, 1, 2, 0] = 255
    made = RARE._images(images)
    assert made.shape == (2, 3, 4, 5) and made[0, 0, 1, 2] == 1 == made.sum()


def test_out_of_distribution_rows_are_not_tested_on():
    task = OOD.task(0)
    assert set(task.y_test) == set(range(8))
    scores = task.scores(task.y_test)
    assert scores == {"accuracy": 1.0, "focus_accuracy": 1.0}


def test_the_query_is_of_rows_that_are_hard_to_tell():
    many = replace(RARE, make=partial(RARE.make, n_query=20))
    net = many.network(many.task(0), max_epochs=5)
    all_of_them = many.task(0)
    task = all_of_them.querying_mistakes(net, 5)
    assert task.query_mask.sum() == 5
    assert len(task.X) == len(all_of_them.X) - 95
    assert_array_equal(task.X[~task.query_mask], all_of_them.X[~all_of_them.query_mask])
    assert not (task.query_mask & ~task.labeled_mask).any()


def images_in(*arrays):
    return {image.tobytes() for images in arrays for image in images}


@pytest.mark.parametrize("name", ["tiny-rare", "tiny-ood", "tiny-redundancy"])
def test_validation_rows_are_beside_all_others(name):
    for seed in range(3):
        task = PROTOCOLS[name].task(seed)
        beside = images_in(task.X_validation)
        assert len(beside) == len(task.X_validation) == len(task.y_validation)
        assert not beside & images_in(task.X, task.X_test)


@pytest.mark.parametrize(
    "n_query, n_spare, n_drawn",
    [(1, 60, 40), (2, 79, 79), (2, 99, 80), (1, 0, 0)],
)
def test_validation_rows_are_40_times_the_query_or_all_there_are(
    n_query, n_spare, n_drawn, monkeypatch
):
    # Two classes of 4 labeled rows and a pool of 3, and those of class 1 for the query.
    n = 7 + n_query + n_spare
    images = np.arange(2 * n, dtype=np.uint32).view(np.uint8).reshape(-1, 2, 2)
    labels = np.repeat([0, 1], n)
    data = Bunch(X=images, y=labels, X_test=images[:0], y_test=labels[:0])
    monkeypatch.setattr(Protocol, "load", lambda *args: data)
    make = partial(make_rare, rare=[1], n_labeled=(4, 4), n_pool=(3, 3))
    task = replace(RARE, make=partial(make, n_query=n_query)).task(0)
    assert_array_equal(task.y_validation, np.ones(n_drawn))
    assert len(images_in(task.X_validation)) == n_drawn


def test_validation_rows_are_those_of_the_seed():
    one, same, other = (RARE.task(seed) for seed in (0, 0, 1))
    assert_array_equal(one.X_validation, same.X_validation)
    assert images_in(one.X_validation) != images_in(other.X_validation)
    assert_array_equal(np.bincount(one.y_validation), [0] * 5 + [40] * 5)


def test_validation_rows_are_no_part_of_the_split():
    # What is drawn for them is drawn after it, from a generator of their own.
    data, task = RARE.load(), RARE.task(3)
    split = RARE.make(data.X, data.y, X_test=data.X_test, random_state=3)
    assert_array_equal(task.X, RARE._images(split.X))
    assert_array_equal(task.labeled_mask, split.labeled_mask)


def test_the_query_of_mistakes_has_40_times_as_many_validation_rows_too():
    many = replace(RARE, make=partial(RARE.make, n_query=20), n_misclassified=2)
    task = many.task(0)
    wanted = 40 * np.bincount(task.y[task.query_mask], minlength=10)
    assert wanted.sum() == 80
    assert_array_equal(np.bincount(task.y_validation, minlength=10), wanted)
    assert not images_in(task.X_validation) & images_in(task.X, task.X_test)


# ----------------------------------------------------------------- the methods


def similar(methods):
    return {n for n, m in methods.items() if isinstance(m.sampler, SIMILARSampler)}


def test_functions_are_those_of_the_scenario():
    mutual = {"flvmi", "flqmi", "gcmi", "logdetmi", "divgcmi", "com"}
    expected = {
        "standard": {"fl", "gc", "logdet"},
        "rare": mutual,
        "redundancy": {"flcg", "gccg", "logdetcg"},
        "ood": mutual | {"flcmi", "logdetcmi"},
        "rare+redundancy": mutual | {"flcmi", "logdetcmi"},
    }
    for scenario, functions in expected.items():
        assert similar(methods_for(scenario, 5)) == functions | {"auto"}


def test_mutual_information_is_not_conditioned():
    methods = methods_for("ood", 5)
    assert methods["logdetmi"].scenario == Scenario(query="I")
    assert methods["logdetcmi"].scenario == Scenario(query="I", conditioning="O")


def test_nothing_that_must_be_compared_with_is_missing():
    always = {"random", "entropy", "margin", "leastconf", "badge", "coreset", "glister"}
    assert always <= set(methods_for("standard", 5))
    assert "topcosine" not in methods_for("redundancy", 5)
    by_query = {"topcosine", "mostpositive", "fisher", "fisherlv"}
    assert always | by_query <= set(methods_for("rare", 5))


def test_fisherlv_is_fisher_with_the_validation_rows_of_the_task():
    methods, task = methods_for("rare", 5), RARE.task(0)
    sampler = methods["fisherlv"].sampler_for(task)
    assert type(sampler) is FISHERSampler and sampler.budget == 5
    assert_array_equal(sampler.validation[0], task.X_validation)
    assert_array_equal(sampler.validation[1], task.y_validation)
    assert methods["fisherlv"].sampler.validation is None  # Another task has others.
    assert methods["fisher"].sampler_for(task).validation is None


def test_functions_that_a_metric_excludes_are_left_out():
    assert "com" not in methods_for("rare", 5, metric="raw_cosine")
    assert "logdetmi" in methods_for("rare", 5, metric="raw_cosine")


@pytest.mark.parametrize("name", ["tiny-rare", "tiny-redundancy", "tiny-ood"])
def test_every_method_runs(name, tmp_path):
    protocol = PROTOCOLS[name]
    methods = list(methods_for(protocol.scenario, protocol.budget))
    rows = reproduced(tmp_path, name, epochs=1, n_rounds=1, methods=methods)
    assert {row["method"] for row in rows} == set(methods)
    assert len(rows) == 2 * len(methods)
    starts = {row["accuracy"] for row in rows if row["round"] == "0"}
    assert len(starts) == 1  # All begin with one and the same network.


# ----------------------------------------------------------------- the numbers


def test_random_finds_rare_rows_in_proportion():
    # 40 of 340 rows are rare: 100 picks hold 11.8, with the spread of the
    # hypergeometric distribution.
    net = RARE.network(RARE.task(0), max_epochs=1)
    found = []
    for seed in range(5):
        task = RARE.task(seed)
        done = run("random", RandomSampler(budget=100), task, net, "rare", 1)
        found.append(done.records[-1]["n_found"])
    chance = stats.hypergeom(340, 40, 100)
    assert abs(np.mean(found) - chance.mean()) < 3 * chance.std() / np.sqrt(5)


def test_records_are_what_happened(tmp_path):
    rows = reproduced(tmp_path)
    for method in "random", "logdetmi":
        own = [row for row in rows if row["method"] == method]
        assert [row["round"] for row in own] == ["0", "1", "2"]
        assert [int(row["n_labeled"]) for row in own] == [35, 45, 55]
        assert own[0]["n_found"] == "0"
        found = [int(row["n_found"]) for row in own]
        assert found == sorted(found) and found[-1] <= 20
        assert own[0]["experiment"] == "tiny-rare" and own[0]["rounds"] == "2"
        for fact in "version", "torch", "cpu", "cores", "seconds_run", "seconds_cpu":
            assert own[0][fact]


def test_without_parity_query_rows_are_not_trained_on(tmp_path):
    rows = reproduced(tmp_path, switches={"parity": "no"}, methods=["logdetmi"])
    assert [int(row["n_labeled"]) for row in rows] == [30, 40, 50]
    assert int(rows[-1]["n_found"]) <= 20


# ----------------------------------------------------------------- stop and go on


def test_a_run_that_was_stopped_goes_on_to_the_same_end(tmp_path, monkeypatch):
    whole = reproduced(tmp_path / "whole", seeds=(0, 1))

    def stopped(runs, total):
        yield next(iter(runs))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reproduced(tmp_path / "parts", seeds=(0, 1), track=lambda *a: list(stopped(*a)))
    assert len(read_csv(tmp_path / "parts" / "tiny-rare.csv")) == 3
    # What a kill in the middle of a write leaves behind is not taken for a result.
    torn = tmp_path / "parts" / "tiny-rare" / "logdetmi-seed0000.csv.1.tmp"
    torn.write_text("method,se")
    begun = []
    rows = reproduced(
        tmp_path / "parts", seeds=(0, 1), track=lambda r, n: begun.append(n) or list(r)
    )
    assert begun == [3]
    assert untimed(rows) == untimed(whole)
    assert rows == read_csv(tmp_path / "parts" / "tiny-rare.csv")


def test_seeds_and_methods_are_added(tmp_path):
    first = reproduced(tmp_path, methods=["random"])
    rows = reproduced(tmp_path, methods=["margin"], seeds=(0, 1))
    assert [row for row in rows if row["method"] == "random"] == first
    runs = {(row["method"], row["seed"]) for row in rows}
    assert runs == {("random", "0"), ("margin", "0"), ("margin", "1")}


@pytest.mark.parametrize(
    "option, change",
    [
        ("metric", {"switches": {"metric": "dot"}}),
        ("query", {"switches": {"query": "fixed"}}),
        ("epochs", {"epochs": 3}),
        ("rounds", {"n_rounds": 1}),
    ],
)
def test_a_changed_switch_is_refused(option, change, tmp_path):
    rows = reproduced(tmp_path, methods=["random"], epochs=2)
    with pytest.raises(OptionError, match=f"--{option}: the runs in .* another --out"):
        reproduced(tmp_path, **{"epochs": 2} | change)
    assert read_csv(tmp_path / "tiny-rare.csv") == rows


@pytest.mark.parametrize("content", [b"", b"\x97\xff", b"method,seed\n"])
def test_a_damaged_run_is_named(content, tmp_path):
    reproduced(tmp_path, methods=["random"])
    damaged = tmp_path / "tiny-rare" / "random-seed0000.csv"
    damaged.write_bytes(content)
    with pytest.raises(
        OptionError, match="--out: .*seed0000.csv' holds no results. Rem"
    ):
        reproduced(tmp_path, methods=["random"])
    assert damaged.read_bytes() == content


def test_results_are_whole_or_not_there(tmp_path, monkeypatch):
    results = Results(tmp_path)
    results.save("random", 0, [{"a": 1}])

    def fail(*args):
        raise OSError("no space left")

    monkeypatch.setattr(csv.DictWriter, "writerows", fail)
    with pytest.raises(OSError, match="no space"):
        results.save("margin", 0, [{"a": 2}])
    assert results.has("random", 0) and not results.has("margin", 0)
    assert results.rows() == [{"a": "1"}]


# ----------------------------------------------------------------- the switches


def test_switches_reach_what_they_switch(tmp_path, monkeypatch):
    seen = []

    def learner(estimator, sampler, **options):
        seen.append((estimator, sampler, options))
        raise InterruptedError

    monkeypatch.setattr(runs_module, "ActiveLearner", learner)
    code = {
        "query": "fixed",
        "schedule": "constant",
        "metric": "raw_cosine",
        "labels": "hypothesized",
        "partitions": 4,
        "augment": "on",
    }
    with pytest.raises(InterruptedError):
        reproduced(tmp_path, epochs=300, methods=["logdetmi"], switches=code)
    net, sampler, options = seen[0]
    assert options["grow_query"] is False
    assert net.max_epochs == 300 and net.module__padding == 1 and net.module__flip
    assert "schedule" not in dict(net.callbacks)
    assert (sampler.metric, sampler.labels) == ("raw_cosine", "hypothesized")
    assert (sampler.n_partitions, sampler.merge) == (4, False)


def test_switches_are_recorded(tmp_path):
    rows = reproduced(tmp_path, methods=["random"], switches={"metric": "dot"})
    switches = asdict(Switches(epochs=5, metric="dot"))
    assert {name: rows[0][name] for name in switches} == {
        name: str(value) for name, value in switches.items()
    }


def test_a_wrong_switch_is_refused():
    with pytest.raises(OptionError, match="--metric: 'cos' is none of cosine"):
        Switches(metric="cos")


# ----------------------------------------------------------------- the network


def test_batches_change_no_number():
    task = RARE.task(0)
    X, y = task.X[:60], task.y[:60]
    probabilities = []
    net = RARE.network(task, max_epochs=3)
    plain = NeuralNetClassifier(
        Normalized,
        batch_size=20,
        **{k: v for k, v in net.get_params().items() if k.startswith("module__")},
        **paper_training(3),
    )
    for each in net, plain:
        torch.manual_seed(0)
        probabilities.append(each.fit(X, y).predict_proba(task.X_test[:100]))
    assert_allclose(*probabilities, atol=1e-6)


def test_a_batch_is_taken_at_once():
    X, y = np.arange(12).reshape(6, 2), np.arange(6)
    rows, labels = Batches(X, y).__getitems__([4, 1])
    assert_array_equal(rows, X[[4, 1]])
    assert_array_equal(labels, [4, 1])
    assert len(Batches(X)) == 6


def test_shifted_images_are_crops_of_framed_ones():
    torch.manual_seed(0)
    X = torch.rand(40, 3, 5, 6)
    framed = nn.functional.pad(X, [2] * 4)
    windows = framed.unfold(2, 5, 1).unfold(3, 6, 1)  # n, channel, top, left, ...
    places = set()
    for image, made in zip(range(40), shifted(X, 2)):
        hits = [
            (top, left)
            for top in range(5)
            for left in range(5)
            if torch.equal(windows[image, :, top, left], made)
        ]
        assert hits
        places.update(hits)
    assert len(places) > 10


def test_about_half_of_the_images_are_mirrored():
    torch.manual_seed(0)
    X = torch.rand(200, 1, 2, 3)
    made = mirrored(X)
    is_same = (made == X).flatten(1).all(1)
    assert torch.equal(made[~is_same], X[~is_same].flip(3))
    assert 70 < is_same.sum() < 130


def test_images_are_changed_in_training_alone():
    module = Normalized(Tiny, (0.5,), (2.0,), padding=2, flip=True)
    X = torch.rand(8, 1, 8, 8)
    assert not torch.equal(module.train()(X), module(X))
    expected = module.network((X - 0.5) / 2)
    assert_allclose(module.eval()(X).detach(), expected.detach())


# ----------------------------------------------------------------- the command line


def experiment(*options):
    main(["experiment", *map(str, options)])


def test_the_command_runs_and_goes_on(tmp_path, capsys):
    options = ["tiny-rare", "--seeds", 2, "--jobs", 1, "--rounds", 1, "--epochs", 2]
    options += ["--out", tmp_path / "made"]
    experiment(*options, "--methods", "random", "flqmi")
    rows = read_csv(tmp_path / "made" / "tiny-rare.csv")
    assert len(rows) == 8
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert "flqmi" in printed
    experiment(*options, "--methods", "random")
    assert read_csv(tmp_path / "made" / "tiny-rare.csv") == rows


def test_experiments_are_listed_in_80_columns(capsys):
    experiment("--list")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert set(PROTOCOLS) <= {line.split()[0] for line in lines}


def test_help_fits_80_columns_and_names_every_default(capsys):
    with pytest.raises(SystemExit):
        experiment("--help")
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    described = " ".join(text.split()).split("options:")[1].split("examples:")[0]
    options = described.split(" --")[2:]
    assert len(options) == 16
    assert all("(default:" in option for option in options)


BAD = {
    "NAME": [["mnist-rar"], []],
    "--methods": [["tiny-rare", "--methods", "logdetm"]],
    "--seeds": [["tiny-rare", "--seeds", "0"]],
    "--epochs": [["tiny-rare", "--epochs", "many"]],
    "--metric": [["tiny-rare", "--metric", "cos"]],
    "--data-home": [["pneumonia", "--data-home", "nowhere"]],
    "--out": [["tiny-rare", "--out", "file"]],
}


@pytest.mark.parametrize(
    "option, arguments", [(option, some) for option in BAD for some in BAD[option]]
)
def test_a_bad_value_is_one_line_that_names_the_option(
    option, arguments, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as end:
        experiment(*arguments)
    assert end.value.code == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert f"error: argument {option}: " in message


def test_the_table_counts_runs():
    rows = [
        {
            "method": "random",
            "seed": seed,
            "focus_accuracy": accuracy,
            "accuracy": accuracy,
            "n_found": "3",
            "seconds_run": "10",
        }
        for seed, accuracy in [("0", "0.1"), ("0", "0.5"), ("1", "0.2"), ("1", "0.7")]
    ]
    line = summary(rows).splitlines()[1]
    assert line.split()[:5] == ["random", "2", "60.0", "+-", "14.1"]
