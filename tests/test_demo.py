"""The command line runs a fair comparison, and says what it found in 80 columns."""

import csv
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.datasets import load_digits

from sksimilar.__main__ import main
from sksimilar.demo import (
    SETTINGS,
    as_images,
    draw_task,
    functions_for,
    load,
    progress,
    report,
    write_files,
)
from sksimilar.experiment import Run, Task, paired_difference

METHODS = ["random", "margin", "top cosine", "flqmi", "logdetmi"]
PNG = b"\x89PNG\r\n\x1a\n"


def demo(*options):
    """Run the demo in short; a later option overrides an earlier one."""
    main(["demo", "--jobs", "1", "--rounds", "1", *map(str, options)])


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Run the demo once, for all tests that look at its files."""
    path = tmp_path_factory.mktemp("demo")
    with redirect_stdout(StringIO()) as printed:
        demo("--seeds", 2, "--seed", 3, "--jobs", 2, "--out", path / "made")
    (path / "report.txt").write_text(printed.getvalue())
    return path / "made"


# ----------------------------------------------------------------- the command line


def test_files_are_written(out):
    names = {path.name for path in out.iterdir()}
    assert names == {"rare_results.csv", "rare_curves.png", "rare_picked.png"}
    for name in "rare_curves.png", "rare_picked.png":
        assert (out / name).read_bytes().startswith(PNG)


def test_numbers_are_complete(out):
    lines = read(out / "rare_results.csv")
    found = [(line["method"], line["seed"], line["round"]) for line in lines]
    assert sorted(found) == sorted(product(METHODS, "34", "01"))
    for line in lines:
        assert int(line["n_labeled"]) == 50 + 5 * int(line["round"])
        assert 0 <= float(line["focus_accuracy"]) <= 1
        assert 0 <= float(line["accuracy"]) <= 1
        assert line["scenario"] == "rare" and line["budget"] == "5"


def test_methods_are_paired_by_seed(out):
    # Same split, same first labels, same network: the same start for all.
    lines = read(out / "rare_results.csv")
    starts = {
        (line["seed"], line["accuracy"], line["focus_accuracy"])
        for line in lines
        if line["round"] == "0"
    }
    assert len(starts) == 2


def test_the_report_fits_80_columns(out):
    text = (out.parent / "report.txt").read_text()
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    for method in METHODS:
        results = [line for line in lines if line.startswith(f"{method} ")]
        assert len(results) == (1 if method == "random" else 2)
    assert "How to read this" in text
    assert str(out) in text.replace("\n", "")


def test_jobs_seeds_and_other_methods_change_nothing(out, tmp_path):
    demo("--seeds", 1, "--seed", 4, "--function", "flqmi", "--out", tmp_path)
    alone = untimed(tmp_path / "rare_results.csv")
    together = untimed(out / "rare_results.csv")
    assert len(alone) == 8
    assert all(line in together for line in alone)


def untimed(path):
    return [
        {name: value for name, value in line.items() if "seconds" not in name}
        for line in read(path)
    ]


@pytest.mark.parametrize("scenario", sorted(set(SETTINGS) - {"rare"}))
def test_every_scenario_runs(scenario, tmp_path, capsys):
    function = SETTINGS[scenario].functions[-1]
    demo(
        *("--scenario", scenario, "--function", function),
        *("--seeds", 1, "--out", tmp_path),
    )
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
    assert len(read(next(tmp_path.glob("*.csv")))) >= 6


def test_data_of_ones_own(tmp_path, capsys):
    digits = load_digits()
    names = np.array([f"digit {label}" for label in digits.target])
    path = tmp_path / "own.npz"
    np.savez(path, X=digits.data.astype("uint8"), y=names)
    demo("--data", path, "--seeds", 1, "--function", "gcmi", "--out", tmp_path)
    assert "digit 5, digit 6" in capsys.readouterr().out
    assert (tmp_path / "rare_picked.png").exists()


def test_the_module_runs():
    command = [sys.executable, "-m", "sksimilar", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "demo" in done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["demo", "--help"]])
def test_help_fits_80_columns(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_help_names_every_default(capsys):
    with pytest.raises(SystemExit):
        main(["demo", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    described = text.split("options:")[1].split("examples:")[0].split(" --")[2:]
    assert len(described) == 9  # All but --help.
    assert all("(default:" in option for option in described)


def test_no_command_is_help(capsys):
    main([])
    assert "COMMAND" in capsys.readouterr().out


BAD = {
    "--rounds": ["0", "many", "1000"],
    "--budget": ["-1", "2.5"],
    "--seeds": ["0"],
    "--seed": ["-1", "4294967296"],
    "--jobs": ["0"],
    "--scenario": ["rar", "redundancy+ood"],
    "--function": ["flqm", "flcmi"],
    "--data": [
        "missing.npz",
        "empty.npz",
        "few.npz",
        "pickled.npz",
        "text.npz",
        "empty_rows.npz",
        "bytes.npz",
        "large.npz",
    ],
    "--out": ["text.npz"],
}


@pytest.mark.parametrize(
    "option, value", [(option, value) for option in BAD for value in BAD[option]]
)
def test_a_bad_value_is_one_line_that_names_the_option(
    option, value, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    X, y = load_digits(return_X_y=True)
    np.savez("few.npz", X=X[:40], y=y[:40])
    np.savez("pickled.npz", X=np.array([None, {}]), y=y[:2])
    np.savez("empty_rows.npz", X=X[:, :0], y=y)
    np.savez("bytes.npz", X=X, y=y.astype("S"))
    np.savez("large.npz", X=1e300 * X[:40], y=y[:40])
    (tmp_path / "empty.npz").touch()
    (tmp_path / "text.npz").write_text("PK, or so it says")
    with pytest.raises(SystemExit) as end:
        main(["demo", option, value])
    assert end.value.code == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert f"error: argument {option}: " in message


# ----------------------------------------------------------------- the tasks


@pytest.fixture(scope="module")
def digits():
    return load("digits")


def as_set(X):
    return {row.tobytes() for row in X}


def test_rows_are_loaded_once_each(tmp_path, digits):
    X, y = load_digits(return_X_y=True)
    np.savez(tmp_path / "twice.npz", X=np.r_[X, X], y=np.r_[y, y])
    again = load(str(tmp_path / "twice.npz"))[0]
    assert len(as_set(again)) == len(again) == len(digits[0])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scenario", SETTINGS)
def test_no_test_row_is_in_the_pool(scenario, seed, digits):
    task = draw_task(*digits, SETTINGS[scenario], seed)
    assert not as_set(task.X) & as_set(task.X_test)


def test_rare_classes_are_rare(digits):
    task = draw_task(*digits, SETTINGS["rare"], 0)
    first = np.bincount(task.y[task.labeled_mask])
    pool = np.bincount(task.y[~task.labeled_mask])
    assert_array_equal(first, [8] * 5 + [2] * 5)
    assert_array_equal(pool, [pool[0]] * 5 + [pool[-1]] * 5)
    assert 8 < pool[0] / pool[-1] <= 10  # The paper's imbalance of 10, rounded up.
    assert_array_equal(task.query_mask, task.labeled_mask & (task.y > 4))
    assert task.n_wanted == pool[5:].sum()


def test_copies_count_once(digits):
    task = draw_task(*digits, SETTINGS["redundancy"], 0)
    pool = np.flatnonzero(~task.labeled_mask)
    unique, counts = np.unique(task.X[pool], axis=0, return_counts=True)
    assert set(counts) == {1, 10}
    assert_allclose((counts == 10).mean(), 0.2, atol=0.01)
    assert task.n_found(pool) == task.n_wanted == len(unique)


def test_out_of_distribution_has_one_name_and_no_test_rows(digits):
    task = draw_task(*digits, SETTINGS["ood"], 0)
    assert task.ood_label == 8
    assert 9 not in task.y
    assert_array_equal(np.unique(task.y_test), np.arange(8))
    assert_array_equal(task.identity == -1, task.y == 8)
    assert not (task.labeled_mask & (task.y == 8)).any()


def test_seeds_vary_the_split_and_repeat_it(digits):
    one, same, other = (draw_task(*digits, SETTINGS["rare"], s) for s in (0, 0, 1))
    assert_array_equal(one.X, same.X)
    assert as_set(one.X_test) != as_set(other.X_test)


def test_functions_fit_the_scenario():
    for scenario, setting in SETTINGS.items():
        assert set(setting.functions) <= set(functions_for(scenario))
    assert "flcmi" not in functions_for("rare")
    # P is there, though empty until something out of distribution is found.
    named = ["auto", "fl", "gc", "logdet", "flcmi", "logdetcmi"]
    assert functions_for("ood") == functions_for("rare+ood") == named


@pytest.mark.parametrize(
    "shape, images",
    [
        ((5, 64), (5, 8, 8)),
        ((5, 8, 8), (5, 8, 8)),
        ((5, 1, 8, 8), (5, 8, 8)),
        ((5, 3, 8, 8), (5, 8, 8, 3)),
        ((5, 8, 8, 3), (5, 8, 8, 3)),
        ((5, 63), None),
        ((5, 4), None),
        ((5, 8, 8, 7), None),
    ],
)
def test_images_are_recognized(shape, images):
    found = as_images(np.zeros(shape))
    assert (None if found is None else found.shape) == images


# ----------------------------------------------------------------- the numbers


def test_rare_accuracy_is_the_mean_over_classes():
    task = _task(y_test=np.array([0, 0, 1, 1, 1, 1, 2]), focus=(1, 2))
    scores = task.scores(np.array([0, 0, 1, 0, 0, 0, 2]))
    assert_allclose(scores["accuracy"], 4 / 7)
    assert_allclose(scores["focus_accuracy"], (1 / 4 + 1) / 2)


def test_paired_difference_is_that_of_scipy():
    first, second = np.random.RandomState(0).randn(2, 6)
    mean, half = paired_difference(first, second)
    expected = stats.ttest_rel(first, second).confidence_interval()
    assert_allclose([mean - half, mean + half], expected)


def test_a_single_pair_has_no_interval():
    mean, half = paired_difference([3.0], [1.0])
    assert mean == 2 and np.isnan(half)


@pytest.mark.parametrize("focus", [(), (1,)])
def test_extreme_numbers_fit_80_columns(focus):
    def run(seed, height):
        record = {
            "accuracy": height,
            "focus_accuracy": height,
            "n_found": 1000,
            "seconds_select": 123.4,
            "n_asked": 1,
            "n_informative": 1,
        }
        records = [{**record, "n_labeled": n} for n in (10, 20)]
        return Run("logdetcmi", seed, records, np.arange(1))

    runs = {"random": [run(0, 0), run(1, 0.4)], "top cosine": [run(0, 1), run(1, 0.9)]}
    text = report(runs, _task(focus=focus), "inliers found")
    assert max(map(len, text.splitlines())) <= 80


# ----------------------------------------------------------------- optional packages


def test_without_tqdm_the_way_out_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ModuleNotFoundError, match="extra `progress`"):
        progress([], total=2)


def test_without_matplotlib_numbers_are_written(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    runs = {"random": [Run("random", 0, [{"accuracy": 0.5}], np.arange(0))]}
    text = write_files(runs, _task(), tmp_path, {"scenario": "rare"})
    assert "Install matplotlib" in text
    assert [path.name for path in tmp_path.iterdir()] == ["rare_results.csv"]


def _task(y_test=(), focus=()):
    mask = np.array([True, False])
    return Task(
        X=np.zeros((2, 4)),
        y=np.array([0, 1]),
        labeled_mask=mask,
        query_mask=mask,
        identity=np.arange(2),
        X_test=np.zeros((len(y_test), 4)),
        y_test=y_test,
        focus=focus,
        seed=0,
    )
