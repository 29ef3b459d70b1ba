"""``python -m sksimilar report``: every table and figure, drawn from CSV files."""

import textwrap
from importlib.util import find_spec
from pathlib import Path

from ..files import write_figure, write_whole
from ._analysis import Outcome, total_penalty
from ._figures import draw_counts, draw_curves, draw_penalties, penalties
from ._options import OptionError, make_directory
from ._page import TITLE, page
from ._protocols import PROTOCOLS
from ._store import read_results

__all__ = ["REPORT", "report"]

ABOUT = """Draw every table and figure anew from the results of experiments, without
running anything: learning curves, counts and penalty matrices as PNG files, and
a page README.md that sets them beside the paper's numbers and claims.

DIR is where 'python -m sksimilar experiment' has written, finished or not. Runs
under other switches may lie in DIR/tried, and what is to be said of them in
DIR/notes.md. The page begins with what DIR/summary.md says."""

EPILOG = """examples:
  python -m sksimilar report results
  python -m sksimilar report results --out pages"""

OPTIONS = {
    "directory": {
        "type": Path,
        "metavar": "DIR",
        "help": "directory of the results",
    },
    "--out": {
        "type": Path,
        "metavar": "DIR",
        "help": "directory for the page and its figures, made if missing (default: "
        "that of the results)",
    },
}

# The page and the figures of all experiments together.
PAGE, TOTAL = "README.md", "penalties.png"
DRAWN = {"dpi": 85, "bbox_inches": "tight"}


def run_report(options):
    """Write the report, and print what was written."""
    out = options.out or options.directory
    written = report(options.directory, out)
    print(textwrap.fill(f"Written to {out}: {', '.join(written)}.", 79))


def report(directory, out):
    """Write the page and its figures.

    Parameters
    ----------
    directory : path-like
        Where results are.

    out : path-like
        Where the report goes.

    Returns
    -------
    written : list of str
        Names of the files.
    """
    directory, out = Path(directory), Path(out)
    if not find_spec("matplotlib"):
        raise OptionError("DIR", "install matplotlib, which draws it.")
    outcomes = load(directory)
    _check_distinct(outcomes, directory)
    if not outcomes:
        raise OptionError("DIR", f"{str(directory)!r} holds no results.")
    make_directory(out)
    _check_page(out / PAGE)
    tried = load(directory / "tried")
    said = [_read(directory / name) for name in ("summary.md", "notes.md")]
    figures = {stem: draw(stem, outcome, out) for stem, outcome in outcomes.items()}
    totals = draw_totals(outcomes, out)
    figures[None] = [TOTAL] if totals else []
    text = page(outcomes, totals, tried, *said, figures)
    write_whole(out / PAGE, text.encode())
    return [PAGE, *(name for names in figures.values() for name in names)]


def _read(path):
    """Return the text of a file, none where there is no such file."""
    try:
        return path.read_text(encoding="utf-8") if path.exists() else ""
    except UnicodeDecodeError as error:
        raise OptionError("DIR", f"{str(path)!r} is no text in UTF-8.") from error


def _check_page(path):
    """Refuse to replace a page that no report has written."""
    if not _read(path).startswith(TITLE.splitlines()[0]) and path.exists():
        raise OptionError(
            "--out", f"{str(path)!r} is no report; move it, or name another directory."
        )


def load(directory):
    """Return the outcomes of a directory, by the names of their files."""
    outcomes = {}
    try:
        results = read_results(directory)
    except ValueError as error:
        raise OptionError("DIR", str(error)) from error
    for stem, rows in results.items():
        try:
            outcomes[stem] = Outcome.from_rows(rows)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            message = f"{stem!r} in {str(directory)!r} holds no results: {error}."
            raise OptionError("DIR", message) from error
    return dict(sorted(outcomes.items(), key=_place))


def _check_distinct(outcomes, directory):
    """Refuse two files of one experiment: each claim is judged by one."""
    stems = {}
    for stem, outcome in outcomes.items():
        other = stems.setdefault(outcome.name, stem)
        if other != stem:
            raise OptionError(
                "DIR",
                f"{other!r} and {stem!r} in {str(directory)!r} are both of {outcome.name}; "
                f"move one of them to {str(directory / 'tried')!r}, or elsewhere.",
            )


def _place(item):
    """Return what sorts outcomes as `PROTOCOLS` are, then by their names."""
    stem, outcome = item
    known = list(PROTOCOLS)
    return known.index(outcome.name) if outcome.name in known else len(known), stem


def draw(stem, outcome, out):
    """Write the figures of one experiment; return their names."""
    drawn = {
        f"{stem}-curves.png": draw_curves(outcome),
        f"{stem}-counts.png": draw_counts(outcome),
        f"{stem}-penalties.png": draw_penalties(penalties(outcome)),
    }
    for name, figure in drawn.items():
        write_figure(figure, out / name, **DRAWN)
    return list(drawn)


def draw_totals(outcomes, out):
    """Write the sums of penalty matrices; return of which experiments they are."""
    kinds = {"all": list(outcomes.values())}
    for outcome in outcomes.values():
        if outcome.name in PROTOCOLS:
            scenario = PROTOCOLS[outcome.name].scenario
            kinds.setdefault(scenario, []).append(outcome)
    sums = {kind: total_penalty(some) for kind, some in kinds.items() if len(some) > 1}
    sums = {kind: total for kind, total in sums.items() if len(total[1]) > 1}
    if sums:
        write_figure(draw_penalties(sums), out / TOTAL, **DRAWN)
    return {kind: [outcome.name for outcome in kinds[kind]] for kind in sums}


REPORT = {
    "name": "report",
    "run": run_report,
    "help": "draw all tables and figures from the results of experiments",
    "about": ABOUT,
    "epilog": EPILOG,
    "options": OPTIONS,
}
