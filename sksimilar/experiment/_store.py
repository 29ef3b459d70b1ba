"""Results on disk: every finished run is a file of its own, whole or not there."""

import csv
import io
from pathlib import Path

from ..files import write_whole
from ._options import OptionError

__all__ = ["Results", "read_csv", "read_results", "write_csv", "write_rows"]


class Results:
    """A directory with a CSV file for each method and seed.

    Who kills the process loses the runs that are under way and nothing else.

    Parameters
    ----------
    directory : path-like
        Made with the first file.
    """

    def __init__(self, directory):
        self.directory = Path(directory)

    def has(self, method, seed):
        """Return whether a run is finished.

        Parameters
        ----------
        method : str
            Its method.

        seed : int
            Its seed.

        Returns
        -------
        finished : bool
            Whether its file is there.
        """
        return self._path(method, seed).exists()

    def save(self, method, seed, rows):
        """Write what a finished run has found.

        Parameters
        ----------
        method : str
            Its method.

        seed : int
            Its seed.

        rows : list of dict
            One for each training.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        write_rows(self._path(method, seed), rows)

    def rows(self):
        """Return the rows of all finished runs, by method and seed.

        Returns
        -------
        rows : list of dict of str
            One for each training.
        """
        return [row for path in self._paths() for row in read_csv(path)]

    def check(self, switches):
        """Refuse switches that differ from those of finished runs.

        Parameters
        ----------
        switches : dict
            By name.

        Raises
        ------
        OptionError
            For the first that differs.
        """
        for path in self._paths():
            row = self._first_row(path)
            for name, value in switches.items():
                if row.get(name) != str(value):
                    raise OptionError(
                        f"--{name}",
                        f"the runs in {str(self.directory)!r} were made with "
                        f"{row.get(name)}, not {value}. Use that again, or another "
                        "--out.",
                    )

    def _first_row(self, path):
        try:
            return read_csv(path)[0]
        except (ValueError, IndexError) as error:
            message = f"{str(path)!r} holds no results. Remove it to run that again."
            raise OptionError("--out", message) from error

    def _paths(self):
        return sorted(self.directory.glob("*-seed*.csv"))

    def _path(self, method, seed):
        return self.directory / f"{method}-seed{seed:04}.csv"


def read_csv(path):
    """Return the lines of a CSV file.

    Parameters
    ----------
    path : path-like
        A file with a header.

    Returns
    -------
    rows : list of dict of str
        One for each line.

    Raises
    ------
    ValueError
        If it is no text, or a text of another kind.
    """
    with open(path, newline="", encoding="utf-8") as file:
        try:
            return list(csv.DictReader(file))
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{str(path)!r} is no CSV file: {error}.") from error


def read_results(directory):
    """Return the rows of all experiments in a directory, finished or not.

    Parameters
    ----------
    directory : path-like
        With a file NAME.csv for each experiment, or a directory NAME of its runs, which
        goes before.

    Returns
    -------
    rows : dict of list of dict of str
        By name; nothing where there is no directory.
    """
    directory = Path(directory)
    rows = {path.stem: read_csv(path) for path in sorted(directory.glob("*.csv"))}
    parts = sorted(path for path in directory.glob("*") if path.is_dir())
    rows |= {path.name: Results(path).rows() for path in parts}
    return {name: some for name, some in rows.items() if some}


def write_rows(path, rows):
    """Write dicts as the lines of a CSV file, which is never seen unfinished."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue().encode())


def write_csv(runs, path, **switches):
    """Write one line for each method, seed and training.

    Parameters
    ----------
    runs : dict of lists of Run
        As `compare` returns them.

    path : path-like
        File to write.

    **switches : dict
        What the numbers were made with; repeated in every line.
    """
    finished = [run for some in runs.values() for run in some]
    write_rows(path, [row for run in finished for row in run.rows(**switches)])
