"""Faults of a disk that is really full: a file system of some kilobytes.

It is mounted where nobody else sees it, in a namespace of a child process, and is gone
with the child.  Where the system does not allow that, these tests are skipped.
"""

import shutil
import subprocess
import sys

import pytest

PRELUDE = """
import errno, os, sys
from pathlib import Path

disk = Path(sys.argv[1])
filler = disk / "filler"

def fill(room):
    "Leave so many bytes of the disk free."
    free = os.statvfs(disk)
    filler.write_bytes(bytes(max(0, free.f_bavail * free.f_frsize - room)))

def attempt(work):
    "Return whether there was room; if not, the fault is named with the place."
    try:
        work()
    except OSError as error:
        assert error.errno == errno.ENOSPC, error
        assert str(disk) in str(error), error
        return False
    return True

def names(directory):
    return sorted(path.name for path in directory.iterdir())
"""

CHECKPOINT = """
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sksimilar import ActiveLearner, SIMILARSampler

X, y = load_digits(return_X_y=True)
labeled = np.arange(len(X)) < 40
learner = ActiveLearner(
    LogisticRegression(C=1e-3),
    SIMILARSampler(function="logdet", budget=5),
    n_rounds=3,
    random_state=0,
)
run = lambda directory: clone(learner).set_params(checkpoint=directory).fit(
    X, y, labeled_mask=labeled
)
expected = run(None)
ends = []
for room in range(0, 200_000, 4096):
    directory = disk / "run"
    fill(room)
    ends.append(attempt(lambda: run(directory)))
    filler.unlink()
    resumed = run(directory)
    assert (resumed.labeled_mask_ == expected.labeled_mask_).all()
    assert len(resumed.history_) == len(expected.history_)
    for path in directory.iterdir():
        path.unlink()
    if ends[-1]:
        break
assert ends[-1] and len(ends) > 3, ends
print(len(ends) - 1, "faults")
"""

WRITERS = """
import matplotlib; matplotlib.use("Agg")
import numpy as np
from matplotlib import pyplot as plt
from sksimilar.experiment._store import write_rows
from sksimilar.files import write_figure
from sksimilar.review import write_gallery

rows = [{"method": "random", "accuracy": 0.5}] * 1000
images = np.random.default_rng(0).random((9, 20, 20))
writers = {
    "results.csv": lambda path: write_rows(path, rows),
    "page.html": lambda path: write_gallery(
        path, range(9), images, classes=["a", "b"], overwrite=True
    ),
    "curve.png": lambda path: write_figure(plt.figure(), path),
}
for name, write in writers.items():
    write(disk / name)
    good = (disk / name).read_bytes()
    fill(0)
    assert not attempt(lambda: write(disk / name)), name
    assert names(disk) == sorted(["filler", name]), names(disk)
    assert (disk / name).read_bytes() == good
    filler.unlink()
    assert attempt(lambda: write(disk / name))
    (disk / name).unlink()
"""


def alone(directory, *command):
    """Run a command that sees a small disk in the place of a directory."""
    mount = 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"'
    namespace = "unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount
    return subprocess.run(
        [*namespace, directory, *command], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("script", [CHECKPOINT, WRITERS], ids=["checkpoint", "writers"])
def test_nothing_is_lost_on_a_full_disk(tmp_path, script):
    if shutil.which("unshare") is None or alone(tmp_path, "true").returncode:
        pytest.skip("may not mount a file system, even of its own")
    done = alone(tmp_path, sys.executable, "-c", PRELUDE + script, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.iterdir())  # It was all on that disk.
