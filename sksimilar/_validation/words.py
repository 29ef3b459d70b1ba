"""Words that many messages share, and names that are mistyped."""

import difflib
from contextlib import contextmanager

import numpy as np
from sklearn.exceptions import NotFittedError


@contextmanager
def optional(package, extra):
    """Say how to install a package that only a part of this one needs."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"This needs {package}, which is not installed. Install it, or sksimilar "
            f"with the extra `{extra}`.",
            name=error.name,
        ) from error


@contextmanager
def said_of(name):
    """Say of an error which argument it is about, where that is not X."""
    try:
        yield
    except NotFittedError:
        raise
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"In `{name}`: {error}") from error


def as_array(values):
    """Return an array of whatever it is, of objects where lengths differ."""
    try:
        return np.asarray(values)
    except ValueError:
        return np.asarray(values, dtype=object)


def check_choice(value, options, name):
    """Return ``value`` if it is one of ``options``; else name the nearest one."""
    if value in options:
        return value
    near = difflib.get_close_matches(str(value), options, n=1)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"`{name}` must be one of {sorted(options)}, got {value!r}.{guess}"
    )


def check_callable(value, name):
    """Refuse what is neither a text, which is checked elsewhere, nor a function."""
    if not callable(value) or isinstance(value, type):
        raise TypeError(
            f"`{name}` must be None, a text or a function, got {value!r:.60}. Sets are "
            "named in one text, as in 'R+I'."
        )


def check_options(options, known):
    """Refuse keyword arguments that do not exist."""
    for name in options:
        check_choice(name, known, "keyword")
