"""The benchmarks run, and what they compare agrees; nothing is said of time."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
SMALL = "--rows 300 --query 5 --conditioning 20 --budget 8 --threads 1 --repeats 1"

pytestmark = pytest.mark.skipif(
    not FOLDER.exists(), reason="benchmarks come with the repository alone"
)


def run(script, *arguments):
    command = [sys.executable, str(FOLDER / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_a_selection_is_worth_as_much_as_on_a_dense_kernel(tmp_path):
    path = tmp_path / "small.csv"
    cases = "logdetcmi", "coreset"
    run("selection.py", *SMALL.split(), "--out", str(path), "--cases", *cases)
    measured, coreset = table(path)
    assert float(measured["of_dense_value"]) == pytest.approx(1, abs=1e-5)
    assert float(measured["ratio"]) > 0 and coreset["ratio"] == ""
    drawn = run("draw.py", str(path)).split()
    assert all(Path(name).stat().st_size > 10_000 for name in drawn)


def test_parts_that_compete_come_near_the_whole(tmp_path):
    path = tmp_path / "parts.csv"
    settings = SMALL.replace("--repeats 1", "--repeats 1 --parts 1 3")
    run("partitions.py", *settings.split(), "--out", str(path), "--functions", "flqmi")
    whole, _, proposals, merged = table(path)
    assert float(whole["value_of_whole"]) == 1
    assert float(proposals["value"]) >= 0.9 * float(whole["value"])
    assert float(merged["value"]) >= 0.9 * float(whole["value"])


def test_beside_peers_there_is_at_least_ours(tmp_path):
    path = tmp_path / "peers.csv"
    settings = "--rows 200 --budget 10 --repeats 1 --cases coreset"
    run("peers.py", *settings.split(), "--out", str(path))
    ours, *others = table(path)
    assert ours["library"] == "ours"
    for row in others:  # Of those that are installed.
        assert float(row["value"]) == pytest.approx(float(ours["value"]), rel=1e-3)
