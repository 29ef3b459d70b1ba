"""A bar that tells how far a loop is.  Floor 1."""

from ._validation.words import optional

__all__ = ["bar"]


def bar(steps, label, **settings):
    """Return the steps of a loop, under a bar of tqdm, which skorch brings along."""
    with optional("tqdm", "progress"):
        from tqdm.auto import tqdm

    return tqdm(steps, desc=label, **settings)
