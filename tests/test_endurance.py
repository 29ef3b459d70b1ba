"""A run of many rounds holds what it knows, and nothing of what is over."""

import gc
import os
import subprocess
import sys
import threading
import tracemalloc
import warnings

import joblib
import numpy as np
import pytest
import torch
from skorch import NeuralNetClassifier

from sksimilar import ActiveLearner, SIMILARSampler
from sksimilar.models import MLP

N = 120
RNG = np.random.default_rng(0)
Y = np.arange(N) % 4
X = (RNG.normal(size=(N, 4)) + 2 * np.eye(4)[Y]).astype("float32")
QUERY = np.isin(np.arange(N), np.flatnonzero(Y == 3)[:3])


def held():
    """Return bytes, tensors, open files and threads that are held now."""
    gc.collect()
    tensors = sum(isinstance(thing, torch.Tensor) for thing in gc.get_objects())
    files = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
    memory = tracemalloc.get_traced_memory()[0]
    return np.array([memory, tensors, files, threading.active_count()])


@pytest.fixture
def quiet():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Only .* picks carried information")
        yield
    tracemalloc.stop()


def test_a_round_leaves_no_more_than_its_record(quiet, tmp_path):
    measured, files = {}, set()

    def watch(learner):
        n_rounds = len(learner.history_)
        if n_rounds == 1:
            tracemalloc.start()  # The first round loads modules.
        if n_rounds in (3, 11, 19):
            measured[n_rounds] = held()
        files.add(len(list(tmp_path.iterdir())))
        return False

    net = NeuralNetClassifier(
        MLP,
        module__n_features=4,
        module__hidden=8,
        criterion=torch.nn.CrossEntropyLoss,
        max_epochs=1,
        verbose=0,
    )
    ActiveLearner(
        net,
        SIMILARSampler(function="logdetcmi", budget=2),
        scenario="rare+redundancy",
        n_rounds=19,
        stopping=watch,
        checkpoint=tmp_path,
        random_state=0,
    ).fit(X, Y, query_mask=QUERY)
    # What grows, grows in both halves; a module that is loaded late, in one of them.
    halves = measured[11] - measured[3], measured[19] - measured[11]
    memory, tensors, handles, threads = np.minimum(*halves)
    assert memory < 8 * 8_000  # A record is about 2 KB.
    assert tensors <= 8 * 2 and handles <= 0 and threads <= 0
    assert max(files) <= 3


def test_many_fits_leave_nothing_behind(quiet):
    sampler = SIMILARSampler(n_partitions=3, n_jobs=2, random_state=0)
    with joblib.parallel_config("threading"):
        for number in range(20):
            picks = sampler.fit(X).select()
            if number == 1:
                tracemalloc.start()
            if number == 5:
                before, expected = held(), picks
    memory, tensors, handles, threads = held() - before
    assert memory < 100_000 and tensors <= 3 and handles <= 0 and threads <= 2
    assert np.array_equal(picks, expected)


MANY_PICKS = """
import resource

import numpy as np
import torch

from sksimilar.measures import QueryFacilityLocation
from sksimilar.optimizers import lazy
from sksimilar.similarity import CosineSimilarity

torch.set_num_threads(1)
rows = np.random.default_rng(0).normal(size=(22_000, 8)).astype("float32")
V, Q = torch.arange(22_000).split([20_000, 2_000])
measure = QueryFacilityLocation().measure(CosineSimilarity(torch.as_tensor(rows)), V, Q)
peaks = []

def track(picks):
    for pick in picks:
        yield pick
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

lazy(measure, V, 4000, track=track)
print((peaks[-1] - peaks[0]) // 1024)
"""


@pytest.mark.skipif(
    sys.platform != "linux", reason="what a process holds is told in KB"
)
def test_a_pick_leaves_no_gap_in_memory():
    # Each is made among tensors of half a megabyte, which go.  In a process of its own,
    # whose memory no other test has made holes in.
    command = [sys.executable, "-c", MANY_PICKS]
    told = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert int(told) < 20
