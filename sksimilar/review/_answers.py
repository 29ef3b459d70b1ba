"""Reading what a gallery exported.  Who wrote the file is not trusted."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np

from .._validation.numbers import check_budget
from ._classes import Classes

FORMAT = "sksimilar answers"
VERSION = 1
COLUMNS = ["index", "label", "skipped"]
SWITCH = {"0": False, "1": True}


def read_answers(path, n_samples):
    """Return the answers that a gallery exported, as `ActiveLearner.tell` takes them.

    Parameters
    ----------
    path : path-like
        A CSV or JSON file exported by a page of `write_gallery`.

    n_samples : int
        Rows of X.  Answers about a pool of another size are refused.

    Returns
    -------
    indices : ndarray of shape (n_answers,), int64
        Positions in X of the labeled rows.

    labels : ndarray of shape (n_answers,)
        Their labels, of the type that the classes had when the gallery was written.

    skipped : ndarray of shape (n_skipped,), int64
        Positions in X of the rows that were skipped.

    Raises
    ------
    ValueError
        If the file is no such export, was changed into something else, or is about
        another pool.

    Examples
    --------
    What the page exports after one label, and one row that nobody can read:

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sksimilar.review import read_answers
    >>> text = '''{
    ...   "format": "sksimilar answers", "version": 1, "n_samples": 150,
    ...   "selection": "0f", "dtype": "int64", "classes": [["int", "0"], ["int", "1"]],
    ...   "answers": [
    ...     {"index": 71, "label": "1", "skipped": false},
    ...     {"index": 20, "label": "", "skipped": true}
    ...   ]
    ... }'''
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "answers.json"
    ...     _ = path.write_text(text)
    ...     read_answers(path, n_samples=150)
    (array([71]), array([1]), array([20]))
    """
    n_samples = check_budget(n_samples, "n_samples")
    try:
        head, rows = _parse(Path(path).read_text(encoding="utf-8-sig"))
        _check_head(head, n_samples)
        classes = Classes.from_export(head["dtype"], head["classes"])
        rows = [_checked(row, classes, n_samples) for row in rows]
        _check_distinct([index for index, _, _ in rows])
        labeled = [(index, label) for index, label, skipped in rows if not skipped]
        labels = classes.array([label for _, label in labeled])
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(
            f"{str(path)!r} cannot be read as answers: {error}. Export them again from "
            "the gallery of this pool."
        ) from error
    indices = np.array([index for index, _ in labeled], dtype=np.int64)
    skipped = np.array([index for index, _, skip in rows if skip], dtype=np.int64)
    return indices, labels, skipped


def _parse(text):
    """Return what the file says of itself, and its rows as triples."""
    return _parse_json(text) if text.lstrip().startswith("{") else _parse_csv(text)


def _parse_json(text):
    head = json.loads(text)
    rows = head.get("answers")
    if not isinstance(rows, list):
        raise TypeError("it has no list of answers")
    for row in rows:
        if not isinstance(row, dict) or set(row) != set(COLUMNS):
            raise ValueError(f"an answer must have {COLUMNS}, got {row!r:.60}")
    return head, [tuple(row[name] for name in COLUMNS) for row in rows]


def _parse_csv(text):
    """Read two lines of heading, as a spreadsheet may have saved them, and the rows."""
    try:
        table = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise ValueError(f"it is no CSV file ({error})") from error
    title, columns, *rows = [*table, [], []] if len(table) < 2 else table
    if len(title) < 2 or title[0] != f"# {FORMAT}":
        raise ValueError(f"it does not begin with '# {FORMAT}'")
    head = json.loads(title[1])
    if not isinstance(head, dict):
        raise TypeError("its first line is damaged")
    if columns != COLUMNS:
        raise ValueError(f"its columns must be {COLUMNS}, got {columns!r:.60}")
    parsed = [_of_texts(row) for row in rows if row]
    return {**head, "format": FORMAT}, parsed


def _of_texts(row):
    if len(row) != len(COLUMNS) or row[2] not in SWITCH:
        raise ValueError(
            f"a line must hold {COLUMNS}, skipped as 0 or 1; got {row!r:.60}"
        )
    is_integer = re.fullmatch(r"[0-9]{1,18}", row[0])
    return int(row[0]) if is_integer else row[0], row[1], SWITCH[row[2]]


def _check_head(head, n_samples):
    if head.get("format") != FORMAT:
        raise ValueError(
            f"its format must be {FORMAT!r}, got {head.get('format')!r:.60}"
        )
    if type(head.get("version")) is not int or head["version"] != VERSION:
        raise ValueError(
            f"its version must be {VERSION}, got {head.get('version')!r:.60}"
        )
    if type(head.get("n_samples")) is not int or head["n_samples"] != n_samples:
        raise ValueError(
            f"it is about a pool of {head.get('n_samples')!r:.60} rows, and "
            f"`n_samples` is {n_samples}"
        )
    missing = {"dtype", "classes"} - set(head)
    if missing:
        raise ValueError(f"it lacks {sorted(missing)}")


def _checked(row, classes, n_samples):
    """Return an answer whose position, label and mark of a skipped row go together."""
    index, label, skipped = row
    if type(index) is not int or not 0 <= index < n_samples:
        raise ValueError(
            f"index must be an integer from 0 to {n_samples - 1}, got {index!r:.60}"
        )
    if type(skipped) is not bool:
        raise ValueError(f"skipped must be true or false, got {skipped!r:.60}")
    if skipped and label != "":
        raise ValueError(f"row {index} is both labeled and skipped")
    if not skipped and (not isinstance(label, str) or label not in classes.of_text):
        raise ValueError(
            f"row {index} has the label {label!r:.60}, which is not among the texts of "
            f"its classes, {list(classes.of_text)!r:.200}"
        )
    return index, label, skipped


def _check_distinct(indices):
    repeated = [
        i for i, count in zip(*np.unique(indices, return_counts=True)) if count > 1
    ]
    if repeated:
        raise ValueError(f"row {int(repeated[0])} is answered more than once")
