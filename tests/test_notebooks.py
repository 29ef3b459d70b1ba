"""Every notebook runs from top to bottom, in a kernel of its own."""

import re
from pathlib import Path

import pytest

NOTEBOOKS = sorted(Path(__file__).parents[1].glob("notebooks/*.ipynb"))
PRIVATE = re.compile(r"import _|\._[a-z]")
LIMIT = 300  # Seconds for a cell, on a machine that does other things too.

nbformat = pytest.importorskip("nbformat", reason="Notebooks need nbformat.")
nbclient = pytest.importorskip("nbclient", reason="Notebooks need nbclient.")
pytest.importorskip("ipykernel", reason="Notebooks need ipykernel.")


def read(path):
    return nbformat.read(path, as_version=4)


def sources(notebook, kind):
    return [cell.source for cell in notebook.cells if cell.cell_type == kind]


def test_there_are_notebooks():
    assert len(NOTEBOOKS) == 11


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # As many small steps are faster.
    monkeypatch.delenv("SKSIMILAR_DATA", raising=False)
    notebook, where = read(path), {"metadata": {"path": tmp_path}}
    nbclient.NotebookClient(notebook, timeout=LIMIT, resources=where).execute()
    assert not list(tmp_path.iterdir()), "It leaves files behind."


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_saved_executed_and_imports_public_names(path):
    notebook = read(path)
    assert notebook.metadata.kernelspec.name == "python3"
    assert not any(PRIVATE.search(code) for code in sources(notebook, "code"))
    for place, cell in enumerate(c for c in notebook.cells if c.cell_type == "code"):
        assert cell.execution_count == place + 1
        assert not any(output.output_type == "error" for output in cell.outputs)
        assert not any(output.get("name") == "stderr" for output in cell.outputs)
    assert "## Exercise" in sources(notebook, "markdown")[-1]
