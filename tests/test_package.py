"""Facts about the package as a whole: floors, docstrings, exports, metadata."""

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
from numpydoc.validate import validate

import sksimilar

ROOT = Path(sksimilar.__file__).parent
MODULES = [
    m.name for m in pkgutil.iter_modules(sksimilar.__path__) if m.name != "__main__"
]
# What numpydoc may report without harm: no See Also or Examples section, no extended
# summary, short descriptions without a period, the order of sections.
TOLERATED = {"SA01", "EX01", "ES01", "GL08", "RT02", "RT03", "PR08", "PR09", "RT05"}
TOLERATED |= {"GL01", "SS06"}


def source(name):
    path = ROOT / f"{name}.py"
    return path if path.exists() else ROOT / name / "__init__.py"


def floor(name):
    """Return the floor that a module's docstring names."""
    match = re.search(
        r"Floor (\d)\.", ast.get_docstring(ast.parse(source(name).read_text()))
    )
    assert match, f"{name} does not say its floor"
    return int(match[1])


def imports(name):
    """Return the modules of this package that a module or package imports."""
    path = source(name)
    files = [path] if path.name != "__init__.py" else path.parent.glob("*.py")
    own = 1 if path.name != "__init__.py" else 2
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == own:
                yield from (
                    [node.module.split(".")[0]]
                    if node.module
                    else [alias.name for alias in node.names]
                )


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_from_lower_floors(name):
    for imported in imports(name):
        if imported in MODULES:
            assert floor(imported) < floor(name), f"{name} imports {imported}"


@pytest.mark.parametrize("name", sksimilar.__all__)
def test_public_docstrings_are_numpydoc(name):
    public = getattr(sksimilar, name)
    methods = [
        f"sksimilar.{name}.{method}"
        for method, _ in inspect.getmembers(public, inspect.isfunction)
        if not method.startswith("_") and "sksimilar" in _.__module__
    ]
    for path in [f"sksimilar.{name}", *methods]:
        errors = [e for e in validate(path)["errors"] if e[0] not in TOLERATED]
        assert not errors, f"{path}: {errors}"


@pytest.mark.parametrize("name", MODULES)
def test_all_names_what_is_there(name):
    module = importlib.import_module(f"sksimilar.{name}")
    for public in getattr(module, "__all__", []):
        assert hasattr(module, public)


def test_import_is_quiet_and_needs_no_extra():
    code = (
        "import sys, sksimilar; "
        "print([m for m in ('matplotlib', 'polars', 'dask') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:sksimilar", "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "[]" and not run.stderr
