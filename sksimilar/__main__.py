"""The command line: ``python -m sksimilar``.  Floor 8."""

import argparse
import os
import sys

from . import __version__, demo, experiment
from .experiment import OptionError

COMMANDS = (demo.COMMAND, experiment.COMMAND, experiment.REPORT)


class Parser(argparse.ArgumentParser):
    """An argument parser that answers an error by one line."""

    def error(self, message):
        line = " ".join(message.split())  # Arguments may hold line breaks.
        self.exit(2, f"{self.prog}: error: {line}\n")


class Layout(argparse.RawDescriptionHelpFormatter):
    """Help in 80 columns, however wide the terminal is."""

    def __init__(self, prog):
        super().__init__(prog, width=79)


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
    for command in COMMANDS:
        own = commands.add_parser(
            command["name"],
            help=command["help"],
            description=command["about"],
            epilog=command["epilog"],
            formatter_class=Layout,
        )
        for name, option in command["options"].items():
            own.add_argument(name, **option)
        own.set_defaults(command=command["run"], parser=own)
    return parser


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
        sys.stdout.flush()
    except OptionError as error:
        options.parser.error(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # Whoever was reading has gone, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        options.parser.error(f"{str(error.filename)!r}: {error.strerror}.")


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "Agg")  # It draws into files alone.
    main()
