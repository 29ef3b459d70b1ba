"""The command line: ``python -m sksimilar``.  Floor 5."""

import argparse
import os
import sys
from pathlib import Path

from . import __version__
from .demo import SETTINGS, OptionError, demonstrate, functions_for, load

DEMO = """Compare active learning methods on a scenario of the SIMILAR paper, in small:
a little network is trained on few labels, asks for more, and is trained anew.
Prints a table and writes learning curves, the picked images and the raw
numbers."""

EPILOG = """examples:
  python -m sksimilar demo
  python -m sksimilar demo --scenario redundancy --seeds 10 --jobs 4
  python -m sksimilar demo --function flqmi gcmi --rounds 5 --budget 20"""


class Parser(argparse.ArgumentParser):
    """An argument parser that answers an error by one line."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}\n")


class Layout(argparse.RawDescriptionHelpFormatter):
    """Help in 80 columns, however wide the terminal is."""

    def __init__(self, prog):
        super().__init__(prog, width=79)


def positive(text):
    """Return a text as an integer of at least 1."""
    return at_least(text, 1)


def natural(text):
    """Return a text as an integer of at least 0."""
    return at_least(text, 0)


def at_least(text, least):
    """Return a text as an integer that is large enough."""
    try:
        value = int(text)
    except ValueError:
        value = None
    if value is None or value < least:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a whole number of at least {least}"
        )
    return value


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


def build_parser():
    """Return the parser of all commands."""
    parser = Parser(
        prog="python -m sksimilar",
        description="Active learning with submodular information measures (SIMILAR).",
        epilog="'python -m sksimilar COMMAND --help' explains a command.",
        formatter_class=Layout,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="compare methods on a scenario, in a minute or two",
        description=DEMO,
        epilog=EPILOG,
        formatter_class=Layout,
    )
    for name, option in OPTIONS.items():
        demo.add_argument(name, **option)
    demo.set_defaults(command=run_demo, parser=demo)
    return parser


def run_demo(options):
    """Check the options against each other, and run the demonstration."""
    functions = chosen_functions(options.scenario, options.function)
    X, y = load(options.data)
    make_directory(options.out)
    demonstrate(
        X,
        y,
        scenario=options.scenario,
        functions=functions,
        n_rounds=options.rounds,
        budget=options.budget,
        seeds=range(options.seed, options.seed + options.seeds),
        n_jobs=options.jobs,
        out=options.out,
    )


def chosen_functions(scenario, names):
    """Return the functions to compare, each once, having checked that they fit."""
    if names is None:
        return SETTINGS[scenario].functions
    fitting = functions_for(scenario)
    wrong = [name for name in names if name not in fitting]
    if wrong:
        raise OptionError(
            "--function",
            f"{wrong[0]!r} does not fit --scenario {scenario}; choose from "
            f"{', '.join(fitting)}.",
        )
    return tuple(dict.fromkeys(names))


def make_directory(path):
    """Make a directory that can be written to, before any work is done."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError("--out", f"cannot make {str(path)!r}: {error.strerror}.")
    if not os.access(path, os.W_OK):
        raise OptionError("--out", f"cannot write to {str(path)!r}; name another.")


def main(arguments=None):
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, default=None
        Those of the process by default.
    """
    parser = build_parser()
    options = parser.parse_args(arguments)
    if not hasattr(options, "command"):
        return parser.print_help()
    try:
        options.command(options)
    except OptionError as error:
        options.parser.error(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
