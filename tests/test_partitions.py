"""Parts of the pool, embedded and solved on other machines or as if they were."""

import os
import pickle
import shutil
import signal
import sys
import warnings
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
import torch
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from skorch import NeuralNetClassifier
from torch.utils.data import Dataset

from sksimilar import SIMILARSampler, partition
from sksimilar.measures import FUNCTIONS
from sksimilar.models import MLP
from sksimilar.rows import FloatRows, located, portable

N, C = 320, 4
LABELED, QUERY = np.arange(N) < 20, np.arange(N) < 5
KNOWN = LABELED & ~QUERY
POOL = np.flatnonzero(~LABELED)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    y = rng.integers(0, C, N)
    y[KNOWN], y[QUERY] = np.arange(15) % C, C - 1
    X = rng.normal(size=(N, 6)) + 3 * np.eye(6)[y]
    return X.astype("float32"), np.where(LABELED, y, -1)


@pytest.fixture(scope="module")
def net(data):
    X, y = data
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = NeuralNetClassifier(
            MLP,
            module__n_features=6,
            module__n_classes=C,
            module__hidden=16,
            criterion=torch.nn.CrossEntropyLoss,
            max_epochs=30,
            lr=0.1,
            train_split=None,
            verbose=0,
        )
        return FrozenEstimator(net.fit(X[LABELED], y[LABELED]))


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
    ):
        yield


ELSEWHERE = ["loky", "threading", "dask"]


def masks(name):
    named, given = FUNCTIONS[name], {}
    if named.query:
        given["query_mask"] = QUERY
    if named.conditioning:
        given["conditioning_mask"] = KNOWN
    return given


def select(sampler, X, y, backend="loky", n_jobs=1, **given):
    with parallel_config(backend, n_jobs=n_jobs), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Only .* picks carried information")
        return sampler.fit_select(X, y, **given)


class HomeRows(Dataset):
    """Rows that no other process can unpickle."""

    def __init__(self, X):
        self.X, self.home = X, os.getpid()

    def __len__(self):
        return len(self.X)

    def __getitem__(self, i):
        return self.X[i], 0

    def __setstate__(self, state):
        if state["home"] != os.getpid():
            raise AttributeError("no rows away from home")
        vars(self).update(state)


class WatchedRows(Dataset):
    """Rows that note who reads them; the first other process that reads some dies."""

    def __init__(self, X, folder, deaths=0):
        self.X, self.folder, self.deaths = X, folder, deaths
        self.home = os.getpid()

    def __len__(self):
        return len(self.X)

    def __getitem__(self, i):
        with open(self.folder / f"read by {os.getpid()}", "a") as file:
            file.write(f"{i}\n")
        if os.getpid() != self.home:
            self.perhaps_die()
        return self.X[i], 0

    def perhaps_die(self):
        for death in range(self.deaths):
            try:
                (self.folder / f"death {death}").touch(exist_ok=False)
            except FileExistsError:
                continue
            os.kill(os.getpid(), signal.SIGKILL)

    def read_at_home(self):
        return np.loadtxt(self.folder / f"read by {self.home}", dtype=int)


PARTED = [
    ("flqmi", False),
    ("logdetmi", True),
    ("flcg", "proposals"),
    ("gc", True),
]


@pytest.mark.parametrize("name, merge", PARTED)
def test_picks_do_not_depend_on_where_parts_are_solved(name, merge, data, net, cluster):
    sampler = SIMILARSampler(
        net, function=name, n_partitions=5, merge=merge, random_state=0
    )
    weights = pickle.dumps(net.estimator.module_.state_dict())
    picks = select(sampler, *data, **masks(name))
    for backend in ELSEWHERE:
        elsewhere = select(sampler, *data, backend, n_jobs=2, **masks(name))
        assert_array_equal(elsewhere, picks)
    assert len(set(picks)) == 10 and not LABELED[picks].any()
    assert pickle.dumps(net.estimator.module_.state_dict()) == weights
    assert not any(module._forward_hooks for module in net.estimator.module_.modules())


def start_ray(monkeypatch):
    ray_joblib = pytest.importorskip("ray.util.joblib")
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    ray_joblib.register_ray()
    return ray.shutdown


def start_spark(monkeypatch):
    joblibspark = pytest.importorskip("joblibspark")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    from pyspark.sql import SparkSession

    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    joblibspark.register_spark()
    return SparkSession.builder.master("local[2]").getOrCreate().stop


@pytest.mark.parametrize("backend, start", [("ray", start_ray), ("spark", start_spark)])
def test_picks_are_the_same_on_clusters_that_return_all_parts_at_the_end(
    backend, start, data, net, monkeypatch
):
    stop = start(monkeypatch)
    try:
        for name, merge in PARTED:
            sampler = SIMILARSampler(
                net, function=name, n_partitions=5, merge=merge, random_state=0
            )
            picks = select(sampler, *data, **masks(name))
            elsewhere = select(sampler, *data, backend, n_jobs=2, **masks(name))
            assert_array_equal(elsewhere, picks)
    finally:
        stop()


@pytest.mark.parametrize(
    "name, merge", [*PARTED, ("fl", True), ("fl", "proposals"), ("logdetcmi", False)]
)
def test_embedding_by_parts_gives_the_picks_of_embedding_first(name, merge, data, net):
    X, y = data
    sampler = SIMILARSampler(net, function=name, n_partitions=4, merge=False)
    raw = sampler.fit(X, y, **masks(name))._problem_
    assert isinstance(raw, partition.RawProblem)
    settings = POOL, "auto", 30, 4, merge
    by_parts, first = (
        partition.solve_in_parts(problem, *settings, np.random.RandomState(0))
        for problem in (raw, raw.embed())
    )
    assert_array_equal(by_parts.points, first.points)
    assert_allclose(by_parts.gains, first.gains, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("model, order", [(None, "F"), ("net", "C"), ("linear", "C")])
def test_an_array_on_disk_is_opened_where_it_is_read(
    model, order, data, net, cluster, tmp_path
):
    X, y = data
    linear = LogisticRegression().fit(X[LABELED], y[LABELED])
    estimator = {None: None, "net": net, "linear": linear}[model]
    stored = np.memmap(tmp_path / "X", X.dtype, "w+", 24, (N + 3, 6), order)
    stored[3:] = X
    sampler = SIMILARSampler(
        estimator, function="logdetmi", n_partitions=5, random_state=0
    )
    expected = select(sampler, X, y, **masks("logdetmi"))
    for backend in ["loky", "dask"]:
        picks = select(sampler, stored[3:], y, backend, 2, **masks("logdetmi"))
        assert_array_equal(picks, expected)


@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_whoever_asks_reads_the_given_rows_and_the_proposals_alone(
    backend, data, net, cluster, tmp_path
):
    X, y = data
    rows = WatchedRows(X, tmp_path)
    sampler = SIMILARSampler(
        net, function="logdetcmi", n_partitions=5, budget=4, random_state=0
    )
    given = masks("logdetcmi")
    with parallel_config(backend, n_jobs=2):
        sampler.fit(rows, y, **given)
        assert_array_equal(np.unique(rows.read_at_home()), np.arange(21))
        sampler.select()
    read = np.setdiff1d(rows.read_at_home(), np.arange(21))
    assert len(read) <= 5 * 4 and set(sampler.selected_indices_) <= {*read, 20}
    everywhere = [np.loadtxt(file, dtype=int) for file in tmp_path.iterdir()]
    assert_array_equal(np.unique(np.concatenate(everywhere)), np.arange(N))


def test_a_part_travels_with_its_own_rows(data, tmp_path):
    X, y = data
    model = LogisticRegression().fit(X[LABELED], y[LABELED])
    sampler = SIMILARSampler(model, function="flqmi", n_partitions=40)
    for container in (np.asarray, pd.DataFrame, torch.as_tensor):
        sampler.fit(container(X), y, query_mask=QUERY)
        part = pickle.loads(pickle.dumps(sampler._problem_.part(POOL[50:58])))
        assert_array_equal(part.rows, [*np.arange(5), *POOL[50:58]])
        assert type(part.X.rows) is type(container(X)) and len(part.X.rows) == 13
        assert len(part.y.rows) == 5
        again = pickle.loads(pickle.dumps(part.part(POOL[52:54])))
        rows, places = located(again.X, np.array([2, POOL[53]]))
        assert len(rows) == 7
        assert_array_equal(np.asarray(rows)[places], X[[2, POOL[53]]])


def test_an_array_on_disk_travels_as_its_name(tmp_path):
    shape = 500, 30
    stored = np.memmap(tmp_path / "X", "float32", "w+", 100, shape)
    stored[:] = np.arange(15_000).reshape(shape)
    for view in (stored, stored[17:300], stored[40], stored.T, stored[5:].T):
        sent = pickle.dumps(portable(view, None))
        opened = pickle.loads(sent)
        assert len(sent) < 1000 and not opened.flags.writeable
        assert_array_equal(opened, view)
    rows = np.array([3, 5])
    for view in (stored[:, 2:], stored + 1, np.asarray(stored)):
        opened = pickle.loads(pickle.dumps(portable(view, rows)))
        assert_array_equal(opened.rows, view[rows])
    sent = pickle.dumps(FloatRows(stored[9:]))
    assert len(sent) < 1000
    assert_array_equal(pickle.loads(sent)[4][0], stored[13])


@pytest.mark.parametrize("n_partitions", [2, 7, 1000])
@pytest.mark.parametrize("merge", [False, "proposals"])
def test_budget_is_filled_exactly(merge, n_partitions, data):
    sampler = SIMILARSampler(
        function="flcg", n_partitions=n_partitions, merge=merge, budget=23
    )
    picks = select(sampler, *data, conditioning_mask=KNOWN)
    assert len(set(picks)) == 23 and not LABELED[picks].any()


@pytest.mark.parametrize("name", ["fl", "flcg", "gccg", "com", "flqmi", "logdetcmi"])
def test_proposals_compete_against_the_pool_only_where_it_enters_the_value(name, data):
    sampler = SIMILARSampler(function=name, n_partitions=6, random_state=0, budget=20)
    pool, proposals = (
        clone(sampler).set_params(merge=merge) for merge in (True, "proposals")
    )
    for each in (pool, proposals):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            each.fit_select(*data, **masks(name))
    if pool.function_.sums_over_ground:
        values = [each.evaluate(each.selected_indices_) for each in (pool, proposals)]
        assert_allclose(values[1], values[0], rtol=0.1)
    else:
        assert_array_equal(proposals.selected_indices_, pool.selected_indices_)
        assert_allclose(proposals.value_, pool.value_)


@pytest.mark.parametrize("name", ["gccg", "flqmi", "logdetcmi"])
def test_a_set_is_valued_against_the_whole_pool_however_it_was_found(name, data, net):
    X, y = data
    whole = SIMILARSampler(net, function=name, random_state=0)
    parts = clone(whole).set_params(n_partitions=4, merge="proposals")
    whole.fit(X, y, **masks(name)).select()
    parts.fit(X, y, **masks(name)).select()
    picks = whole.selected_indices_
    assert_allclose(parts.evaluate(picks), whole.value_, rtol=1e-4)
    parts.selected_indices_ = picks
    for key, value in whole.explain().items():
        assert_allclose(parts.explain()[key], value, rtol=1e-3, atol=1e-4)


def test_a_fitted_sampler_may_change_its_mind_and_travel(data, net):
    X, y = data
    whole = SIMILARSampler(net, function="fl", random_state=0)
    parts = clone(whole).set_params(n_partitions=4, merge=False)
    picks = parts.fit(X, y).select()
    again = pickle.loads(pickle.dumps(parts))
    assert_array_equal(again.select(), picks)
    again.set_params(n_partitions=1)
    assert_array_equal(again.select(), whole.fit(X, y).select())
    whole.set_params(n_partitions=4, merge=False)
    assert_array_equal(whole.select(), picks)


def test_the_unit_of_an_rbf_is_that_of_the_whole_pool(data):
    sampler = SIMILARSampler(
        function="logdet", metric="rbf", n_partitions=4, random_state=0
    ).fit(*data)
    sampler.select(5)
    whole = clone(sampler).set_params(n_partitions=1).fit(*data)
    assert_allclose(whole.evaluate(sampler.selected_indices_), sampler.value_)


@pytest.mark.parametrize("backend", [*ELSEWHERE, "multiprocessing"])
def test_a_row_that_is_not_finite_is_named_by_its_position(backend, data, net, cluster):
    X, y = data
    X = X.copy()
    X[277, 2] = np.nan
    sampler = SIMILARSampler(net, function="flqmi", n_partitions=4, random_state=0)
    with pytest.raises(ValueError, match="position 277 of X"):
        select(sampler, X, y, backend, 2, query_mask=QUERY)


def test_what_can_be_refused_at_the_door_is_refused_there(data, tmp_path):
    X, y = data
    sampler = SIMILARSampler(NeuralNetClassifier(MLP), function="flqmi", n_partitions=9)
    with pytest.raises(ValueError, match="is not fitted"):
        sampler.fit(X, y, query_mask=QUERY)
    model = LogisticRegression().fit(X[LABELED], np.where(y[LABELED] == 1, 0, 2))
    with pytest.raises(ValueError, match="not among the classes"):
        sampler.set_params(estimator=model).fit(X, y, query_mask=QUERY)
    sampler.set_params(estimator=None, merge="proposal")
    with pytest.raises(ValueError, match="'merge' parameter"):
        sampler.fit(X, y, query_mask=QUERY)


def test_memory_and_time_are_those_of_a_part_and_of_the_merge(data, capsys):
    X, y = data
    sampler = SIMILARSampler(
        function="logdet", merge=False, n_partitions=2, memory_limit="30KB"
    )
    with pytest.raises(ValueError, match="set n_partitions"):
        sampler.fit(X, y).select(50)
    sampler.set_params(n_partitions=12, verbose=1).fit(X, y).select(50)
    assert "with the embedding of a part" in capsys.readouterr().out
    with pytest.raises(ValueError, match="This selection needs"):
        sampler.set_params(merge=True).select(50)


def test_a_part_needs_room_for_its_own_share_of_the_picks(data):
    X, _ = data

    def needed(X, n, **params):
        params |= {"function": "logdet", "budget": n, "memory_limit": 1}
        with pytest.raises(ValueError, match="about (.*?) and") as error:
            SIMILARSampler(**params).fit(X)
        return str(error.value).split(" and")[0]

    share = needed(X[:64], 10)
    assert needed(X, 50, n_partitions=5, merge=False) == share
    assert needed(X[:64], 50) != share


@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_a_worker_that_is_killed_costs_time_and_not_picks(
    backend, data, net, cluster, tmp_path
):
    X, y = data
    sampler = SIMILARSampler(net, function="flqmi", n_partitions=6, random_state=0)
    expected = select(sampler, X, y, **masks("flqmi"))
    rows = WatchedRows(X, tmp_path, deaths=1)
    told = pytest.warns(UserWarning, match=r"TerminatedWorkerError.* of 6 parts run")
    with told if backend == "loky" else nullcontext():
        picks = select(sampler, rows, y, backend, 2, **masks("flqmi"))
    assert_array_equal(picks, expected)
    assert (tmp_path / "death 0").exists()


def test_where_every_worker_dies_the_rest_is_done_here(
    data, net, tmp_path, monkeypatch
):
    X, y = data
    monkeypatch.setattr(partition, "ATTEMPTS", 1)
    sampler = SIMILARSampler(net, function="flqmi", n_partitions=3, random_state=0)
    expected = select(sampler, X, y, **masks("flqmi"))
    rows = WatchedRows(X, tmp_path, deaths=99)
    with pytest.warns(UserWarning, match="one by one in this process"):
        picks = select(sampler, rows, y, n_jobs=2, **masks("flqmi"))
    assert_array_equal(picks, expected)


def test_tasks_that_no_worker_can_read_are_done_here_at_once(data, net):
    X, y = data
    sampler = SIMILARSampler(net, function="flqmi", n_partitions=3, random_state=0)
    expected = select(sampler, X, y, **masks("flqmi"))
    message = "cannot read .*no rows away from home.*3 of 3 parts run again, one by one"
    with pytest.warns(UserWarning, match=message) as told:
        picks = select(sampler, HomeRows(X), y, n_jobs=2, **masks("flqmi"))
    assert_array_equal(picks, expected)
    assert sum("parts run again" in str(warning.message) for warning in told) == 1


@pytest.mark.parametrize("wrap", [FrozenEstimator, make_pipeline])
@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_a_network_may_be_defined_in_the_script_that_runs(
    backend, wrap, data, cluster, monkeypatch
):
    X, y = data
    own = type("Own", (MLP,), {"__module__": "__main__"})
    monkeypatch.setattr(sys.modules["__main__"], "Own", own, raising=False)
    net = NeuralNetClassifier(
        own,
        module__n_features=6,
        module__n_classes=C,
        criterion=torch.nn.CrossEntropyLoss,
        max_epochs=3,
        train_split=None,
        verbose=0,
    )
    net = wrap(net.fit(X[LABELED], y[LABELED]))
    sampler = SIMILARSampler(net, function="flqmi", n_partitions=3, random_state=0)
    expected = select(sampler, X, y, **masks("flqmi"))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*parts run again")
        picks = select(sampler, X, y, backend, 2, **masks("flqmi"))
    assert_array_equal(picks, expected)


def test_what_is_written_to_a_private_copy_of_a_file_is_what_workers_read(
    data, tmp_path
):
    X, y = data
    np.save(tmp_path / "X.npy", X + 5)
    private = np.load(tmp_path / "X.npy", mmap_mode="c")
    private -= 5
    sampler = SIMILARSampler(function="logdetmi", n_partitions=4, random_state=0)
    masked = masks("logdetmi")
    expected = select(sampler, X, y, **masked)
    assert_array_equal(select(sampler, private, y, "loky", 2, **masked), expected)
