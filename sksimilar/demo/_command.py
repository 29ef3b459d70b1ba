"""``python -m sksimilar demo``: its options, and what they do."""

from pathlib import Path

from ..experiment import (
    OptionError,
    chosen_seeds,
    make_directory,
    natural,
    positive,
)
from ._demonstrate import demonstrate, functions_for
from ._tasks import SETTINGS, load

__all__ = ["COMMAND"]

ABOUT = """Compare active learning methods on a scenario of the SIMILAR paper, in small:
a little network is trained on few labels, asks for more, and is trained anew.
Prints a table and writes learning curves, the picked images and the raw
numbers."""

EPILOG = """examples:
  python -m sksimilar demo
  python -m sksimilar demo --scenario redundancy --seeds 10 --jobs 4
  python -m sksimilar demo --function flqmi gcmi --rounds 5 --budget 20"""


OPTIONS = {
    "--scenario": {
        "choices": SETTINGS,
        "default": "rare",
        "metavar": "NAME",
        "help": f"one of {', '.join(SETTINGS)} (default: rare)",
    },
    "--function": {
        "nargs": "+",
        "metavar": "NAME",
        "help": "functions of SIMILAR to compare, such as flqmi or logdetmi; a wrong "
        "name lists those that fit (default: the two that suit the scenario)",
    },
    "--rounds": {
        "type": positive,
        "default": 8,
        "metavar": "N",
        "help": "rounds of asking; the network is trained once more at last "
        "(default: %(default)s)",
    },
    "--budget": {
        "type": positive,
        "default": 5,
        "metavar": "N",
        "help": "labels to ask for in a round (default: %(default)s)",
    },
    "--seeds": {
        "type": positive,
        "default": 5,
        "metavar": "N",
        "help": "repetitions; each has a split of its own (default: %(default)s)",
    },
    "--seed": {
        "type": natural,
        "default": 0,
        "metavar": "FIRST",
        "help": "the first seed; the others count up from it (default: %(default)s)",
    },
    "--jobs": {
        "type": positive,
        "default": 2,
        "metavar": "N",
        "help": "processes to spread the runs over; only times depend on it "
        "(default: %(default)s)",
    },
    "--data": {
        "default": "digits",
        "metavar": "DATA",
        "help": "'digits' of scikit-learn, or an .npz file with arrays X, of shape "
        "(n_samples, ...), and y (default: %(default)s)",
    },
    "--out": {
        "type": Path,
        "default": Path("demo_output"),
        "metavar": "DIR",
        "help": "directory for the files, made if missing (default: %(default)s)",
    },
}


def run_demo(options):
    """Check the options against each other, and run the demonstration."""
    functions = chosen_functions(options.scenario, options.function)
    seeds = chosen_seeds(options.seed, options.seeds)
    X, y = load(options.data)
    make_directory(options.out)
    demonstrate(
        X,
        y,
        scenario=options.scenario,
        functions=functions,
        n_rounds=options.rounds,
        budget=options.budget,
        seeds=seeds,
        n_jobs=options.jobs,
        out=options.out,
    )


def chosen_functions(scenario, names):
    """Return the functions to compare, each once, having checked that they fit."""
    if names is None:
        return SETTINGS[scenario].functions
    names, fitting = [name.lower() for name in names], functions_for(scenario)
    wrong = [name for name in names if name not in fitting]
    if wrong:
        raise OptionError(
            "--function",
            f"{wrong[0]!r} does not fit --scenario {scenario}; choose from "
            f"{', '.join(fitting)}.",
        )
    return tuple(dict.fromkeys(names))


COMMAND = {
    "name": "demo",
    "run": run_demo,
    "help": "compare methods on a scenario, in a minute or two",
    "about": ABOUT,
    "epilog": EPILOG,
    "options": OPTIONS,
}
