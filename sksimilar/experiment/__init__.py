"""The protocol: methods x seeds x rounds, paired by seed.  Floor 6.

What the methods share under one seed is a `Task`: the split, the first labels and, by
the seed itself, the initial weights and the order of batches.  Differences between
methods are therefore taken seed by seed, and seeds vary the split too.  Test rows are
never among the rows of the learner.

`PROTOCOLS` are the paper's experiments; `reproduce` runs one of them, and goes on where
it was stopped; `report` draws all tables and figures from what was written.
"""

from ._analysis import Comparison, Outcome, comparisons, penalty_matrix, total_penalty
from ._command import COMMAND
from ._methods import Method, methods_for
from ._options import OptionError, chosen_seeds, make_directory, natural, positive
from ._protocols import PROTOCOLS, Protocol
from ._report import REPORT, report
from ._reproduce import reproduce, summary
from ._runs import Run, compare, progress, run
from ._statistics import (
    detectable_difference,
    expected_found,
    holm,
    paired_difference,
    signed_rank,
    smallest_p,
)
from ._store import Results, read_csv, write_csv
from ._switches import Switches
from ._tasks import Task

__all__ = [
    "COMMAND",
    "PROTOCOLS",
    "REPORT",
    "Comparison",
    "Method",
    "OptionError",
    "Outcome",
    "Protocol",
    "Results",
    "Run",
    "Switches",
    "Task",
    "chosen_seeds",
    "compare",
    "comparisons",
    "detectable_difference",
    "expected_found",
    "holm",
    "make_directory",
    "methods_for",
    "natural",
    "paired_difference",
    "penalty_matrix",
    "positive",
    "progress",
    "read_csv",
    "report",
    "reproduce",
    "run",
    "signed_rank",
    "smallest_p",
    "summary",
    "total_penalty",
    "write_csv",
]
