"""Files that are complete as soon as they are there.  Floor 0."""

import io
import os
from contextlib import suppress
from pathlib import Path

__all__ = ["write_figure", "write_whole"]


def write_whole(path, content):
    """Write a file in one step: whoever looks finds what was there before, or all of it.

    Parameters
    ----------
    path : path-like
        Where; what is there is replaced.

    content : bytes
        All of it.

    Raises
    ------
    OSError
        If it cannot be written, with the path.  Nothing is left then, and what was there
        before is as it was.
    """
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        # New, so that no link of that name is followed.
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):  # On a full disk it would be in the way.
            temporary.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_figure(figure, path, **settings):
    """Write a figure of Matplotlib as a PNG file, in one step, and forget the figure.

    Parameters
    ----------
    figure : matplotlib Figure
        What to write; closed afterwards.

    path : path-like
        Where; what is there is replaced.

    **settings : dict
        Of ``figure.savefig``.
    """
    import matplotlib.pyplot as plt

    content = io.BytesIO()
    try:
        figure.savefig(content, format="png", **settings)
    finally:
        plt.close(figure)
    write_whole(path, content.getvalue())
