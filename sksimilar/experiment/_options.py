"""What values of command-line options must be; every refusal is one line."""

import argparse
import os

__all__ = ["OptionError", "chosen_seeds", "make_directory", "natural", "positive"]

LARGEST_SEED = 2**32 - 1


class OptionError(ValueError):
    """A value of a command-line option that cannot be used.

    Parameters
    ----------
    option : str
        Name of the option, such as ``--out``.

    message : str
        What is wrong with its value.
    """

    def __init__(self, option, message):
        super().__init__(f"argument {option}: {message}")


def positive(text):
    """Return a text as an integer of at least 1.

    Parameters
    ----------
    text : str
        Value of an option.

    Returns
    -------
    value : int
        The number.

    Raises
    ------
    argparse.ArgumentTypeError
        For any other text.
    """
    return at_least(text, 1)


def natural(text):
    """Return a text as an integer of at least 0.

    Parameters
    ----------
    text : str
        Value of an option.

    Returns
    -------
    value : int
        The number.

    Raises
    ------
    argparse.ArgumentTypeError
        For any other text.
    """
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


def chosen_seeds(first, n):
    """Return the seeds from the first on.

    Parameters
    ----------
    first, n : int
        The first one, and how many.

    Returns
    -------
    seeds : range
        So many.

    Raises
    ------
    OptionError
        If the last one is no seed to NumPy.
    """
    if first + n - 1 > LARGEST_SEED:
        raise OptionError(
            "--seed", f"{first + n - 1} is beyond {LARGEST_SEED}, the largest seed."
        )
    return range(first, first + n)


def make_directory(path):
    """Make a directory that can be written to, before any work is done.

    Parameters
    ----------
    path : pathlib.Path
        It may exist.

    Raises
    ------
    OptionError
        Where that cannot be.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError("--out", f"cannot make {str(path)!r}: {error.strerror}.")
    if not os.access(path, os.W_OK):
        raise OptionError("--out", f"cannot write to {str(path)!r}; name another.")
