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
from documents import ROOT as DOCUMENTS
from numpydoc.validate import validate

import sksimilar

ROOT = Path(sksimilar.__file__).parent
MODULES = [
    m.name for m in pkgutil.iter_modules(sksimilar.__path__) if m.name != "__main__"
]
# What numpydoc may report, and why.
TOLERATED = {
    "SA01": "What belongs together stands together in the reference.",
    "EX01": "Classes and doors have examples; parts are shown in theirs.",
    "ES01": "A second paragraph only where one line does not say it all.",
    "RT02": "What is returned has a name here, also where it is one thing.",
}
# Modules whose whole ``__all__`` is for users; of others the reference names some.
PUBLIC = [
    "baselines",
    "datasets",
    "experiment",
    "measures",
    "model_selection",
    "models",
    "optimizers",
    "plotting",
    "review",
    "scenarios",
    "similarity",
    "stopping",
]
REFERENCE = (DOCUMENTS / "docs" / "reference.md").read_text()
LISTED = re.findall(r"^   ([\w.]+)$", REFERENCE, re.MULTILINE)


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


def documented(name):
    """Yield the paths of a public name and of its public methods and properties.

    An override without a docstring says what the method says that it overrides.
    """
    yield f"sksimilar.{name}"
    module, _, attribute = f"sksimilar.{name}".rpartition(".")
    public = getattr(importlib.import_module(module), attribute)
    bases = inspect.getmro(public) if inspect.isclass(public) else ()
    ours = [base for base in bases if base.__module__.startswith("sksimilar")]
    for member in dict.fromkeys(name for base in ours for name in vars(base)):
        definitions = [vars(base)[member] for base in ours if member in vars(base)]
        is_code = inspect.isroutine(definitions[0]) or isinstance(
            definitions[0], property
        )
        is_override = definitions[0].__doc__ is None and len(definitions) > 1
        if is_code and not is_override and not member.startswith("_"):
            yield f"sksimilar.{name}.{member}"


@pytest.mark.parametrize("name", LISTED)
def test_public_docstrings_are_complete(name):
    for path in documented(name):
        errors = [e for e in validate(path)["errors"] if e[0] not in TOLERATED]
        assert not errors, f"{path}: {errors}"


@pytest.mark.parametrize("module", ["", *PUBLIC])
def test_the_reference_names_everything_public(module):
    package = importlib.import_module(f"sksimilar.{module}".rstrip("."))
    for name in package.__all__:
        path = f"{module}.{name}".lstrip(".")
        is_code = callable(getattr(package, name))
        is_there = (
            {name, path} & set(LISTED) if is_code else f":: {name}\n" in REFERENCE
        )
        assert is_there, f"{path} is not in docs/reference.md"


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
