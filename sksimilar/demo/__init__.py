"""The demonstration: a comparison on a scenario of the paper, in small.  Floor 7.

`_tasks` makes the scenario out of labeled data, `sksimilar.experiment` runs the methods
on it, and `_report` says what came out.
"""

from ..experiment import OptionError, progress
from ._command import COMMAND
from ._demonstrate import demonstrate, functions_for, methods_for
from ._report import as_images, report, write_files
from ._tasks import SETTINGS, Setting, draw_task, load

__all__ = [
    "COMMAND",
    "SETTINGS",
    "OptionError",
    "Setting",
    "as_images",
    "demonstrate",
    "draw_task",
    "functions_for",
    "load",
    "methods_for",
    "progress",
    "report",
    "write_files",
]
