"""A run that is killed at any moment goes on to the picks of one that is not."""

import errno
import hashlib
import io
import json
import multiprocessing
import os
import random
import signal
import sys
import time
import zipfile
from copy import deepcopy
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from skorch import NeuralNetClassifier
from skorch.callbacks import EarlyStopping
from skorch.dataset import Dataset, ValidSplit
from torch import nn
from torch.utils.data import get_worker_info

from sksimilar import RandomSampler, SIMILARSampler
from sksimilar.baselines import FISHERSampler
from sksimilar.checkpoint import Checkpoint, _npz, _to_arrays
from sksimilar.identity import describe
from sksimilar.learner import ActiveLearner
from sksimilar.models import MLP
from sksimilar.scenarios import Scenario

X, Y = make_blobs(200, centers=4, random_state=0)
X = X.astype(np.float32)
QUERY = np.isin(np.arange(200), np.flatnonzero(Y == 3)[:3])
NET = NeuralNetClassifier(
    MLP,
    module__n_features=2,
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    max_epochs=5,
    verbose=0,
)


class Forgetful(LogisticRegression):
    """A classifier that counts how often it is trained."""

    trainings: list = []

    def fit(self, X, y):
        self.trainings.append(len(y))
        return super().fit(X, y)


def frozen(model, X):
    return FrozenEstimator(clone(model).fit(X, Y))


def make_learner(checkpoint, estimator=NET, **params):
    params = {"scenario": "rare", "n_rounds": 6, "random_state": 0, **params}
    sampler = SIMILARSampler(function="flqmi", budget=4)
    return ActiveLearner(estimator, sampler, checkpoint=checkpoint, **params)


def run(learner):
    return learner.fit(X, Y, query_mask=QUERY)


def assert_same(run, expected):
    facts = [(r["n_labeled"], r.get("selected")) for r in run.history_]
    assert facts == [(r["n_labeled"], r.get("selected")) for r in expected.history_]
    assert_array_equal(run.selected_rounds_, expected.selected_rounds_)
    assert_array_equal(run.predict_proba(X), expected.predict_proba(X))


@pytest.fixture(params=["weights", "no weights"])
def storage(request, monkeypatch):
    """Weights in the checkpoint, or training again since there is no safetensors."""
    if request.param == "weights":
        pytest.importorskip("safetensors")
    else:
        monkeypatch.setitem(sys.modules, "safetensors.torch", None)


# -- killed -----------------------------------------------------------------------------


def run_in_child(directory):
    run(make_learner(directory))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, to begin at once")
def test_a_process_killed_at_random_moments_ends_with_the_same_picks(tmp_path, storage):
    expected = run(make_learner(tmp_path / "0"))
    begin = time.perf_counter()
    run(make_learner(tmp_path / "1"))
    duration = time.perf_counter() - begin
    processes, rng = multiprocessing.get_context("fork"), random.Random(0)
    kills, runs = 0, 1
    while kills < 20:
        directory = tmp_path / str(runs := runs + 1)
        while True:
            child = processes.Process(target=run_in_child, args=(directory,))
            child.start()
            child.join(rng.uniform(0, duration))
            if child.exitcode is not None:
                assert child.exitcode == 0
                break
            os.kill(child.pid, signal.SIGKILL)
            child.join()
            kills += child.exitcode == -signal.SIGKILL
        assert_same(run(make_learner(directory)), expected)


class Killed(BaseException):
    pass


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_every_step_of_writing_may_be_the_last(tmp_path, storage, monkeypatch, before):
    learner = make_learner(None, n_rounds=2)
    expected, replace, steps = run(learner), os.replace, []

    def dying_replace(source, target):
        steps.append(target)
        if before and len(steps) == last:
            raise Killed
        replace(source, target)
        if len(steps) == last:
            raise Killed

    monkeypatch.setattr(os, "replace", dying_replace)
    for last in range(1, 40):
        steps.clear()
        directory = tmp_path / str(last)
        try:
            run(clone(learner).set_params(checkpoint=directory))
        except Killed:
            last = None
            assert_same(run(clone(learner).set_params(checkpoint=directory)), expected)
        else:
            break
    # Three trainings, two questions and two answers, each at least two files.
    assert len(steps) >= 14


@pytest.mark.parametrize("warm_start", [False, True])
def test_a_run_may_stop_after_every_round_and_go_on(tmp_path, storage, warm_start):
    for estimator in (NET, LogisticRegression()):
        params = {"estimator": estimator, "warm_start": warm_start}
        directory = tmp_path / type(estimator).__name__
        for n_rounds in (1, 2, 3, 5):
            resumed = run(make_learner(directory, **params, n_rounds=n_rounds))
        assert_same(resumed, run(make_learner(None, **params, n_rounds=5)))


def test_a_finished_run_is_not_trained_again_from_the_beginning(tmp_path):
    learner = make_learner(tmp_path, Forgetful())
    first = run(learner)
    Forgetful.trainings.clear()
    again = run(clone(learner))
    assert Forgetful.trainings == [first.labeled_mask_.sum()]
    assert again.history_ == first.history_


def test_the_estimators_of_all_rounds_come_back(tmp_path, storage):
    learner = make_learner(tmp_path, keep_estimators=True, n_rounds=2)
    stages = list(run(learner).staged_predict(X))
    again = list(run(clone(learner)).staged_predict(X))
    assert_array_equal(again, stages)
    assert len(stages) == 3


def test_without_a_random_state_the_seed_is_that_of_the_first_run(tmp_path):
    first = run(make_learner(tmp_path, random_state=None, n_rounds=2))
    more = run(make_learner(tmp_path, random_state=None, n_rounds=3))
    assert [r.get("selected") for r in more.history_[:2]] == [
        r.get("selected") for r in first.history_[:2]
    ]


# -- a person ---------------------------------------------------------------------------


def test_a_person_goes_on_where_they_were(tmp_path, storage):
    y = np.where(np.arange(200) < 40, Y, -1)

    def begin():
        return make_learner(tmp_path).start(X, y, query_mask=QUERY & (y != -1))

    rows = begin().ask()
    learner = begin()
    assert_array_equal(learner.ask(), rows)
    learner.tell(rows[:2], Y[rows[:2]], skipped=rows[2:3])
    resumed = begin()
    assert_array_equal(resumed.ask(), rows[3:])
    assert_array_equal(resumed.labeled_mask_, learner.labeled_mask_)
    assert_array_equal(resumed.predict_proba(X), learner.predict_proba(X))
    assert resumed.history_ == learner.history_
    learner.tell(rows[3:], Y[rows[3:]])
    expected = learner.refit().ask()
    resumed = begin()
    assert_array_equal(resumed.ask(), expected)
    assert not np.isin(expected, rows).any()


def test_a_question_without_an_answer_can_be_explained_after_a_break(tmp_path, storage):
    def begin():
        y = np.where(np.arange(200) < 40, Y, -1)
        return make_learner(tmp_path).start(X, y, query_mask=QUERY & (y != -1))

    rows = begin().ask()
    once = begin()
    assert_array_equal(once.sampler_.selected_indices_, rows)
    assert once.history_ == begin().history_
    once.tell(rows[:1], Y[rows[:1]])
    later = begin()
    assert not hasattr(later, "sampler_")  # It would see the answer.
    assert_array_equal(later.ask(), rows[1:])


# -- damaged and foreign ----------------------------------------------------------------


def refused(directory, message, kind=ValueError, **params):
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    learner = make_learner(directory, **params)
    with pytest.raises(kind, match=message):
        run(learner)
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before
    assert not hasattr(learner, "classes_")
    assert not hasattr(learner, "history_")


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize(
    "estimator", [NET, LogisticRegression()], ids=["net", "linear"]
)
def test_labels_that_change_are_what_they_were_when_it_was_trained(
    estimator, warm_start, tmp_path, storage
):
    # Between two trainings some labels are corrected, others taken back.
    known = np.where((np.arange(len(Y)) < 12) | QUERY, Y, -1)

    def steps(learner):
        learner.start(X, known, query_mask=QUERY)
        rows = learner.ask(4)
        yield learner.tell(rows, Y[rows])
        yield learner.tell([0, 1], (Y[[0, 1]] + 1) % (Y.max() + 1))
        yield learner.refit()
        yield learner.tell([], [], skipped=[2, rows[0]])
        yield learner.refit()
        yield learner.tell([1, 3], Y[[1, 3]])
        learner.ask(3)
        yield learner

    for n_steps in range(1, 7):
        whole, broken = (
            make_learner(directory, estimator, warm_start=warm_start)
            for directory in (None, tmp_path / str(n_steps))
        )
        for learner in (whole, broken):
            for _, _ in zip(range(n_steps), steps(learner)):
                pass
        again = clone(broken).start(X, known, query_mask=QUERY)
        assert_array_equal(again.labeled_mask_, whole.labeled_mask_)
        assert_array_equal(again.ask(5), whole.ask(5))
        assert_array_equal(again.predict_proba(X), whole.predict_proba(X))


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "gone"])
def test_a_damaged_file_is_refused(tmp_path, storage, damage):
    directory = tmp_path / "run"
    run(make_learner(directory, n_rounds=1))
    names = sorted(path.name for path in directory.iterdir())
    assert names[0] == "manifest.json"
    for name in names:
        path = directory / name
        content = path.read_bytes()
        middle = len(content) // 2
        flipped = bytes([content[middle] ^ 1])
        damaged = {
            "flip": content[:middle] + flipped + content[middle + 1 :],
            "cut": content[:middle],
            "empty": b"",
        }
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes(damaged[damage])
        if name != "manifest.json" or damage != "gone":
            refused(directory, "checkpoint is damaged")
        path.write_bytes(content)
    run(make_learner(directory, n_rounds=1))


def test_a_file_that_is_whole_but_another_is_refused(tmp_path):
    directory = tmp_path / "run"
    run(make_learner(directory, n_rounds=1))
    (path,) = directory.glob("pool-*.npz")
    content = path.read_bytes()
    with np.load(path) as arrays:
        np.savez_compressed(path, **{**arrays, "codes": arrays["codes"] * 0})
    refused(directory, "checkpoint is damaged")
    path.write_bytes(content)
    run(make_learner(directory, n_rounds=1))


@pytest.mark.parametrize(
    "params, differs",
    [
        ({"estimator__max_epochs": 6}, "parameter `estimator__max_epochs`"),
        ({"estimator__module__hidden": 9}, "parameter `estimator__module__hidden`"),
        ({"sampler": RandomSampler()}, "parameter `sampler`"),
        ({"scenario": Scenario(query="I")}, "parameter `scenario`"),
        ({"random_state": 1}, "parameter `random_state`"),
    ],
)
def test_a_checkpoint_of_other_parameters_is_refused(tmp_path, params, differs):
    run(make_learner(tmp_path, n_rounds=1))
    learner = make_learner(tmp_path, clone(NET), n_rounds=1).set_params(**params)
    with pytest.raises(ValueError, match=f"another run: it differs in .*{differs}"):
        run(learner)


@pytest.mark.parametrize(
    "one, other",
    [
        ((5,), (50, 3)),
        ([1, 2], [1, 3]),
        ({1: 1.0}, {1: 100.0}),
        ({"a": {"b": [1]}}, {"a": {"b": [2]}}),
        (Scenario(query="R"), Scenario(query="R", conditioning="L")),
        (np.arange(3), np.arange(1, 4)),
        (torch.optim.SGD, torch.optim.Adam),
        (MLP, "MLP"),
        (MLP(4, 3), MLP(4, 3)),
        (torch.nn.CrossEntropyLoss(), torch.nn.CrossEntropyLoss(label_smoothing=0.1)),
        (torch.nn.ReLU(), torch.nn.Tanh()),
        (
            EarlyStopping("train_loss", patience=1),
            EarlyStopping("train_loss", patience=3),
        ),
        (
            partial(torch.optim.SGD, momentum=0.0),
            partial(torch.optim.SGD, momentum=0.9),
        ),
        (ValidSplit(0.2), ValidSplit(0.5)),
        (StratifiedKFold(2), StratifiedKFold(3)),
        (1.5, 1.25),
        (frozen(LogisticRegression(), X), frozen(LogisticRegression(), X**3)),
        (frozen(NET, X), frozen(NET, X**3)),
        (torch.ones(3, dtype=torch.bfloat16), torch.zeros(3, dtype=torch.bfloat16)),
    ],
)
def test_what_parameters_hold_tells_runs_apart(one, other):
    assert describe(one) == describe(deepcopy(one)) != describe(other)


@pytest.mark.parametrize("other", [1, np.float64(1), np.int8(1), np.float32(1)])
def test_equal_numbers_are_one_parameter(other):
    assert describe(1.0) == describe(other) != describe(True)


@pytest.mark.parametrize("changed", [(X[:9], Y[9:18]), (X[9:18], Y[:9]), None])
def test_a_checkpoint_of_other_validation_rows_is_refused(tmp_path, changed):
    sampler = FISHERSampler(budget=4, validation=(X[:9], Y[:9]))
    learner = make_learner(tmp_path, n_rounds=1).set_params(sampler=sampler)
    assert_same(run(clone(learner)), run(clone(learner)))
    learner.set_params(sampler__validation=changed)
    with pytest.raises(ValueError, match="differs in parameter `sampler__validation`"):
        run(learner)


def test_a_single_number_tells_data_apart(tmp_path):
    run(make_learner(tmp_path, n_rounds=1))
    other = X.copy()
    other[7, 1] += 1
    with pytest.raises(ValueError, match="it differs in the rows of X"):
        make_learner(tmp_path, n_rounds=1).fit(other, Y, query_mask=QUERY)


@pytest.mark.parametrize(
    "changed", ["the rows of X", "the labels in y", "`query_mask`"]
)
def test_a_checkpoint_of_other_data_is_refused(tmp_path, changed):
    learner = run(make_learner(tmp_path, n_rounds=1))
    other = {
        "the rows of X": (X + 1, Y, QUERY),
        "the labels in y": (X, (Y + 1) % 4, QUERY),
        "`query_mask`": (X, Y, QUERY[::-1]),
    }[changed]
    with pytest.raises(ValueError, match=f"it differs in {changed}"):
        learner.fit(*other[:2], query_mask=other[2])


def test_a_directory_of_other_files_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("42")
    refused(tmp_path, "holds files that are no checkpoint, such as 'thesis.tex'")


def test_a_checkpoint_of_another_version_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("sksimilar.checkpoint.FORMAT", {"format": "x", "version": 0})
    run(make_learner(tmp_path, n_rounds=1))
    monkeypatch.undo()
    refused(tmp_path, "is of another format")


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_nothing_in_a_checkpoint_is_executed(tmp_path):
    directory = tmp_path / "run"
    run(make_learner(directory, n_rounds=1))
    forge_pool(directory, pool_of(directory, codes=np.array([Bomb(tmp_path / "boom")])))
    refused(directory, "damaged")
    assert not (tmp_path / "boom").exists()


def test_what_is_on_disk_is_json_and_arrays_without_pickles(tmp_path):
    learner = run(make_learner(tmp_path, n_rounds=2))
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["run"]["history"] == learner.history_
    (pool,) = tmp_path.glob("pool-*.npz")
    with np.load(pool, allow_pickle=False) as arrays:
        assert_array_equal(arrays["labeled"], learner.labeled_mask_)
        assert_array_equal(
            arrays["codes"][learner.labeled_mask_], Y[learner.labeled_mask_]
        )


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_arrays_written_by_numpy_are_read(tmp_path, write):
    directory = tmp_path / "run"
    learner = run(make_learner(directory))
    forge_pool(directory, pool_of(directory, write))
    assert_same(run(make_learner(directory)), learner)


def test_a_long_pool_is_written_small_and_read_back():
    n = 100_000
    labeled = np.arange(n) % 40 == 0
    arrays = {
        "codes": np.where(labeled, np.arange(n) % 7, -1),
        "labeled": labeled,
        "selected": np.where(labeled, np.arange(n) // 9000, -1),
    }

    assert len(_npz(arrays)) < sum(a.nbytes for a in arrays.values()) / 20
    read = _to_arrays(_npz(arrays))
    assert all((read[name] == arrays[name]).all() for name in arrays)


def test_hidden_labels_are_not_on_disk(tmp_path):
    learner = run(make_learner(tmp_path, n_rounds=1))
    codes = Checkpoint(tmp_path).load()["pool"]["codes"]
    shown = learner.labeled_mask_ | QUERY
    assert_array_equal(codes, np.where(shown, Y, -1))


def test_leftovers_of_a_killed_process_are_swept_away(tmp_path):
    (tmp_path / "manifest.json.12345.tmp").write_text("half a manif")
    (tmp_path / "pool-00ff.npz.12345.tmp").write_bytes(b"")
    (tmp_path / "pool-00ff.npz").write_bytes(b"")
    run(make_learner(tmp_path, n_rounds=1))
    names = sorted(path.name.split("-")[0] for path in tmp_path.iterdir())
    assert [name for name in names if name != "weights"] == ["manifest.json", "pool"]


# -- forged: whole by its checksums, and made to harm ------------------------------------


def forge(directory, change):
    """Change the manifest, checksum and all."""
    path = directory / "manifest.json"
    body = json.loads(path.read_bytes())
    del body["sha256"]
    body = change(body) or body
    text = json.dumps(body).encode()
    if isinstance(body, dict):
        body = {**body, "sha256": hashlib.sha256(text).hexdigest()}
    path.write_text(json.dumps(body))


def forge_pool(directory, content):
    """Put another file in the place of the pool."""
    name = f"pool-{hashlib.sha256(content).hexdigest()}.npz"
    (directory / name).write_bytes(content)
    for path in directory.glob("pool-*.npz"):
        if path.name != name:
            path.unlink()
    forge(directory, lambda body: body["files"].update(pool=name))


FORGED = {
    "a list": lambda body: [body],
    "no run": lambda body: body.pop("run") and None,
    "a run that is a text": lambda body: body.update(run="run"),
    "a run without history": lambda body: body["run"].pop("history") and None,
    "a history of texts": lambda body: body["run"].update(history=["x"]),
    "an identity that is a list": lambda body: body["run"].update(identity=[]),
    "a seed that is a text": lambda body: body["run"].update(seed="0"),
    "no files": lambda body: body.pop("files") and None,
    "files that are a list": lambda body: body.update(files=[]),
    "no pool": lambda body: body["files"].pop("pool") and None,
    "a file elsewhere": lambda body: body["files"].update(pool="../thesis.tex"),
    "an absolute file": lambda body: body["files"].update(pool="/etc/passwd"),
    "a file that is a number": lambda body: body["files"].update(pool=3),
    "the manifest itself": lambda body: body["files"].update(pool="manifest.json"),
}


@pytest.fixture
def finished(tmp_path):
    directory = tmp_path / "run"
    run(make_learner(directory, n_rounds=1))
    return directory


@pytest.mark.parametrize("change", FORGED.values(), ids=FORGED)
def test_a_forged_manifest_is_refused(finished, change):
    forge(finished, change)
    refused(finished, "checkpoint is damaged")


@pytest.mark.parametrize("content", [b"[" * 100_000, b"\xff\xfe", b"null", b"1e999"])
def test_a_manifest_that_is_none_is_refused(finished, content):
    (finished / "manifest.json").write_bytes(content)
    refused(finished, "checkpoint is damaged")


def archive(header):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("codes.npy", b"\x93NUMPY\x01\x00" + header)
    return stream.getvalue()


def huge(shape):
    text = f"{{'descr': '<i8', 'fortran_order': False, 'shape': ({shape},)}}"
    return len(text).to_bytes(2, "little") + text.encode()


def pool_of(directory, write=np.savez, **changes):
    (path,) = directory.glob("pool-*.npz")
    stream = io.BytesIO()
    with np.load(path) as arrays:
        write(stream, **{**arrays, **changes})
    return stream.getvalue()


POOLS = {
    "no archive": lambda directory: b"hello",
    "nothing in it": lambda directory: pool_of(directory)[-22:],
    "an impossible array": lambda directory: archive(huge(10**30)),
    "fewer rows": lambda directory: pool_of(directory, codes=np.zeros(3, np.int64)),
    "other numbers": lambda directory: pool_of(directory, labeled=np.zeros(200)),
    "codes of no class": lambda directory: pool_of(directory, codes=np.full(200, 9)),
    "rows that are none": lambda directory: pool_of(directory, pending=np.array([200])),
}


@pytest.mark.parametrize("content", POOLS.values(), ids=POOLS)
def test_a_forged_pool_is_refused(finished, content):
    forge_pool(finished, content(finished))
    refused(finished, "checkpoint is damaged")


def test_a_checkpoint_larger_than_memory_is_not_called_damaged(finished):
    forge_pool(finished, archive(huge(10**13)))
    refused(finished, "does not fit into memory .* Nothing of it was used", MemoryError)


def test_weights_of_another_network_are_refused(finished):
    safetensors = pytest.importorskip("safetensors.torch")
    content = safetensors.save({"head.bias": torch.zeros(3)})
    name = f"weights-{hashlib.sha256(content).hexdigest()}.safetensors"
    (finished / name).write_bytes(content)
    forge(finished, lambda body: body["files"].update(weights=name))
    with pytest.raises(ValueError, match="weights that were kept do not fit"):
        run(make_learner(finished, n_rounds=1))


@pytest.mark.parametrize("seed", range(3))
def test_random_damage_is_refused(finished, seed):
    rng = random.Random(seed)
    for _ in range(8):
        path = rng.choice(sorted(finished.iterdir()))
        good = path.read_bytes()
        content = bytearray(good)
        place = rng.randrange(len(content))
        if rng.random() < 0.5:
            content[place] ^= 1 << rng.randrange(8)
        else:
            del content[place : place + rng.randrange(1, 99)]
        path.write_bytes(content)
        refused(finished, "checkpoint is damaged|is of another format")
        path.write_bytes(good)
    run(make_learner(finished, n_rounds=1))


def test_links_are_not_written_through(tmp_path):
    directory, outside = tmp_path / "run", tmp_path / "outside"
    outside.write_text("precious")
    directory.mkdir()
    os.symlink(outside, directory / f"manifest.json.{os.getpid()}.tmp")
    os.symlink(outside, directory / "pool-00ff.npz")
    run(make_learner(directory, n_rounds=1))
    assert outside.read_text() == "precious"
    os.unlink(directory / "manifest.json")
    os.symlink(outside, directory / "manifest.json")
    refused(directory, "checkpoint is damaged")
    assert outside.read_text() == "precious"


# -- faults from outside -----------------------------------------------------------------


def test_a_full_disk_stops_the_run_and_loses_nothing(tmp_path, monkeypatch):
    learner = make_learner(None, n_rounds=1)
    expected, sync, steps = run(learner), os.fsync, []

    def full(handle):
        steps.append(handle)
        if len(steps) == last:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    monkeypatch.setattr(os, "fsync", full)
    for last in range(1, 40):
        steps.clear()
        directory = tmp_path / str(last)
        try:
            run(clone(learner).set_params(checkpoint=directory))
        except OSError as error:
            assert error.errno == errno.ENOSPC and str(directory) in str(error)
            assert "What was saved before is whole" in str(error)
            last = None
            assert_same(run(clone(learner).set_params(checkpoint=directory)), expected)
        else:
            break
    assert len(steps) >= 8


def run_short_of_memory(directory, more):
    resource = pytest.importorskip("resource")
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    held = []
    Faulty.fault = lambda logits: held.append(torch.ones(2**22)) or logits
    try:
        run(make_learner(directory, FAULTY, n_rounds=3))
    except (MemoryError, RuntimeError) as error:  # NumPy's and torch's.
        assert "memory" in str(error).lower()
        os._exit(3)


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux")
def test_a_host_without_memory_loses_nothing(tmp_path):
    expected = run(make_learner(None, FAULTY, n_rounds=3))
    processes = multiprocessing.get_context("fork")
    ends = []
    for more in (2**21, 2**27, 2**28):
        child = processes.Process(target=run_short_of_memory, args=(tmp_path, more))
        child.start()
        child.join()
        ends.append(child.exitcode)
    assert set(ends) == {3} and list(tmp_path.iterdir())
    assert_same(run(make_learner(tmp_path, FAULTY, n_rounds=3)), expected)


def test_a_directory_for_reading_is_refused_before_any_training(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: mode == os.R_OK)
    Forgetful.trainings.clear()
    with pytest.raises(
        ValueError, match="`checkpoint` must be a directory to write to"
    ):
        run(make_learner(tmp_path, Forgetful()))
    assert not Forgetful.trainings


def test_the_second_of_two_runs_stops_and_the_first_goes_on(tmp_path):
    y = np.where(np.arange(200) < 40, Y, -1)
    first, second = (
        make_learner(tmp_path).start(X, y, query_mask=QUERY & (y != -1)) for _ in "12"
    )
    rows = first.ask()
    with pytest.raises(RuntimeError, match="Another run has written to the checkpoint"):
        second.ask()
    expected = first.tell(rows, Y[rows]).refit().ask()
    again = make_learner(tmp_path).start(X, y, query_mask=QUERY & (y != -1))
    assert_array_equal(again.labeled_mask_, first.labeled_mask_)
    assert_array_equal(again.ask(), expected)


def run_quietly(directory):
    try:
        run(make_learner(directory))
    except RuntimeError as error:
        assert "Another run has written" in str(error)
        os._exit(3)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, to begin at once")
def test_processes_in_one_directory_do_no_harm(tmp_path):
    expected = run(make_learner(None))
    processes = multiprocessing.get_context("fork")
    children = [
        processes.Process(target=run_quietly, args=(tmp_path,)) for _ in range(3)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert {child.exitcode for child in children} <= {0, 3}
    assert 0 in {child.exitcode for child in children}
    assert_same(run(make_learner(tmp_path)), expected)


# -- faults from inside ------------------------------------------------------------------


class Faulty(MLP):
    """A network that does what ``fault`` says from the call after ``calls`` on."""

    fault, calls = None, 0

    def forward(self, X):
        Faulty.calls -= 1
        logits = super().forward(X)
        return Faulty.fault(logits) if Faulty.fault and Faulty.calls < 0 else logits


FAULTY = clone(NET).set_params(module=Faulty)


def breaks(logits):
    raise RuntimeError("the driver has died")


FAULTS = {
    "raises": (breaks, RuntimeError, "the driver has died"),
    "is NaN": (
        lambda z: z * torch.nan,
        ValueError,
        "training diverged|NaN or infinity|not the head",
    ),
    "has more outputs": (
        lambda z: torch.cat([z, z], dim=1),
        (ValueError, RuntimeError),
        "not the head|outputs|size",
    ),
}


@pytest.mark.parametrize("calls", [1, 9, 16, 23])
@pytest.mark.parametrize("fault, kind, words", FAULTS.values(), ids=FAULTS)
def test_a_network_that_fails_midway_can_be_mended(
    tmp_path, monkeypatch, fault, kind, words, calls
):
    learner = make_learner(None, FAULTY, n_rounds=3)
    expected = run(learner)
    monkeypatch.setattr(Faulty, "fault", staticmethod(fault))
    monkeypatch.setattr(Faulty, "calls", calls)
    with pytest.raises(kind, match=words):
        run(clone(learner).set_params(checkpoint=tmp_path)).predict(X)
    monkeypatch.setattr(Faulty, "fault", None)
    assert_same(run(clone(learner).set_params(checkpoint=tmp_path)), expected)


class Stuck(Dataset):
    """Rows that a worker waits for, once ``left`` more data sets were made."""

    left = np.inf

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        Stuck.left -= 1

    def __getitem__(self, i):
        if Stuck.left < 0 and get_worker_info():
            time.sleep(2)
        return super().__getitem__(i)


@pytest.mark.parametrize("iterator", ["iterator_train", "iterator_valid"])
def test_a_worker_that_hangs_can_be_mended(tmp_path, monkeypatch, iterator):
    workers = {f"{iterator}__num_workers": 1, f"{iterator}__timeout": 1}
    net = clone(NET).set_params(dataset=Stuck, max_epochs=1, **workers)
    learner = make_learner(None, net, n_rounds=2)
    expected = run(learner)
    monkeypatch.setattr(Stuck, "left", 4)
    with pytest.raises(RuntimeError, match="DataLoader timed out after 1 seconds"):
        run(clone(learner).set_params(checkpoint=tmp_path))
    monkeypatch.undo()
    assert list(tmp_path.iterdir())
    assert_same(run(clone(learner).set_params(checkpoint=tmp_path)), expected)


@pytest.mark.parametrize(
    "wrong, words",
    [
        (lambda rows: [99] * len(rows), "not among the classes: 99"),
        (lambda rows: [0], "1 labels for 4 rows"),
        (lambda rows: None, "must be a list of labels"),
        (lambda rows: 1 / 0, "division by zero"),
    ],
)
def test_a_wrong_oracle_can_be_mended(tmp_path, wrong, words):
    y = np.where(np.arange(200) < 60, Y, -1)
    learner = make_learner(None, n_rounds=3, classes=[0, 1, 2, 3])
    fit = {"y": y, "query_mask": QUERY & (y != -1)}
    expected = clone(learner).set_params(oracle=Y.__getitem__).fit(X, **fit)
    answers = iter([Y.__getitem__, wrong])
    learner.set_params(checkpoint=tmp_path, oracle=lambda rows: next(answers)(rows))
    with pytest.raises((ValueError, ZeroDivisionError), match=words):
        learner.fit(X, **fit)
    learner.set_params(oracle=Y.__getitem__)
    assert_same(clone(learner).fit(X, **fit), expected)
