"""The documentation says what is so: its code, its numbers, and its list of names."""

import re

import numpy as np
import pytest
from documents import ROOT, blocks, run, tables

from sksimilar.experiment import Outcome, read_csv
from sksimilar.scenarios import SCENARIOS

DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.glob("*.md") if blocks(page))
WHICH = DOCS / "which_function.md"
RESULTS = ROOT / "benchmarks" / "results" / "experiments"
EVIDENCE = [row for row in tables(WHICH) if "measure" in row]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_of_a_page_runs_after_those_before_it(page):
    run(page)


def test_the_three_libraries_end_at_what_the_page_says():
    page = DOCS / "coming_from.md"
    said = re.search(r"end at the same accuracy, (0\.\d+)\.", page.read_text())[1]
    assert f"{run(page)['accuracy']:.3f}" == said


def quoted(text):
    return re.fullmatch(r"`(.+)`", text)[1]


@pytest.mark.parametrize(
    "row", EVIDENCE, ids=lambda row: f"{quoted(row['experiment'])}-{row['measure']}"
)
def test_numbers_of_an_experiment_are_those_of_its_file(row):
    name, measure = quoted(row["experiment"]), quoted(row["measure"])
    outcome = Outcome.from_rows(read_csv(RESULTS / f"{name}.csv"))

    def ends(method):
        curves = outcome.curves(method, measure)
        assert len(curves) == int(row["seeds"])
        return f"{np.mean(curves[:, -1]):.1f}"

    columns = {
        head: cell for head, cell in row.items() if head.startswith("`") and cell
    }
    assert columns
    for method, cell in columns.items():
        assert cell == ends(quoted(method)), method
    best, number = row["best baseline"].split()
    assert number == ends(quoted(best))
    assert float(number) == max(float(ends(method)) for method in outcome.baselines)


def test_scenarios_of_the_table_exist():
    named = re.findall(r'scenario="([^"]+)"', WHICH.read_text())
    assert set(named) <= set(SCENARIOS) and len(set(named)) > 4
