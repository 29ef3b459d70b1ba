"""``python -m sksimilar experiment``: its options, and what they do."""

import textwrap
from dataclasses import fields
from functools import partial
from pathlib import Path

from ._options import OptionError, chosen_seeds, make_directory, natural, positive
from ._protocols import PROTOCOLS
from ._reproduce import reproduce, summary
from ._runs import progress
from ._switches import Switches

__all__ = ["COMMAND"]

ABOUT = """Run an experiment of the SIMILAR paper: every method on every seed, a row of
results for each training. Runs that are finished are not run again, so that an
experiment can be stopped at any time, continued, and extended by methods and
seeds."""

EPILOG = """examples:
  python -m sksimilar experiment --list
  python -m sksimilar experiment mnist-rare --seeds 10 --jobs 2
  python -m sksimilar experiment mnist-ood --methods random logdetcmi --seeds 5"""


def _switch(field):
    """Return the command-line option of a switch."""
    how = dict(field.metadata)
    if "choices" in how:
        how["metavar"] = "{" + ",".join(how["choices"]) + "}"
    return how | {
        "default": field.default,
        "help": f"{how['help']} (default: %(default)s)",
    }


OPTIONS = {
    "name": {
        "nargs": "?",
        "choices": PROTOCOLS,
        "metavar": "NAME",
        "help": "the experiment",
    },
    "--list": {
        "action": "store_true",
        "help": "list the experiments and end (default: no)",
    },
    "--methods": {
        "nargs": "+",
        "metavar": "NAME",
        "help": "methods to run; a wrong name lists those that fit (default: all)",
    },
    "--seeds": {
        "type": positive,
        "default": 10,
        "metavar": "N",
        "help": "repetitions; each has a split of its own (default: %(default)s)",
    },
    "--seed": {
        "type": natural,
        "default": 0,
        "metavar": "FIRST",
        "help": "the first seed; the others count up from it (default: %(default)s)",
    },
    "--rounds": {
        "type": positive,
        "metavar": "N",
        "help": "rounds of asking (default: as in the paper)",
    },
    "--jobs": {
        "type": positive,
        "default": 2,
        "metavar": "N",
        "help": "processes to spread the runs over; only times depend on it "
        "(default: %(default)s)",
    },
    "--data-home": {
        "metavar": "DIR",
        "help": "directory of the data files (default: what SKSIMILAR_DATA names)",
    },
    "--out": {
        "type": Path,
        "default": Path("results"),
        "metavar": "DIR",
        "help": "directory for the results, made if missing (default: %(default)s)",
    },
    **{f"--{field.name}": _switch(field) for field in fields(Switches)},
}


def run_experiment(options):
    """Run what is left of an experiment, and print where every method ended."""
    if options.list:
        return print(listing())
    if options.name is None:
        raise OptionError("NAME", "name an experiment, or see --list.")
    make_directory(options.out)
    switches = {field.name: getattr(options, field.name) for field in fields(Switches)}
    rows = reproduce(
        options.name,
        methods=options.methods,
        seeds=chosen_seeds(options.seed, options.seeds),
        n_rounds=options.rounds,
        n_jobs=options.jobs,
        data_home=options.data_home,
        out=options.out,
        switches=Switches(**switches),
        track=progress,
    )
    written = f"Written to {options.out / options.name}.csv."
    print(f"{summary(rows)}\n\n{textwrap.fill(written, 79)}")


def listing():
    """Return the names of all experiments and what they are, in 80 columns."""
    width = max(map(len, PROTOCOLS)) + 2
    layout = partial(textwrap.fill, width=79, subsequent_indent=" " * width)
    return "\n".join(
        layout(f"{name:{width}}{protocol.summary}")
        for name, protocol in PROTOCOLS.items()
    )


COMMAND = {
    "name": "experiment",
    "run": run_experiment,
    "help": "run an experiment of the paper, or what is left of it",
    "about": ABOUT,
    "epilog": EPILOG,
    "options": OPTIONS,
}
