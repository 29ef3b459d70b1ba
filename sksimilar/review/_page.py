"""One HTML file made of a selection."""

import base64
import hashlib
import html
import json
import re
from importlib.resources import files
from pathlib import Path

import numpy as np
from sklearn.utils.validation import _num_samples, column_or_1d

from .._validation.labels import as_objects, is_missing, is_nan, is_unlabeled
from .._validation.numbers import check_budget
from ..files import write_whole
from ._answers import FORMAT, VERSION
from ._classes import Classes
from ._items import as_contents
from ._picks import as_picks, explained

# Nothing is fetched, and nothing runs or is styled but what this package wrote.
POLICY = (
    "default-src 'none'; img-src data:; script-src {script}; style-src {style}; "
    "base-uri 'none'; form-action 'none'"
)
ESCAPED = {c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def write_gallery(
    path,
    selection,
    items,
    *,
    y=None,
    predicted=None,
    classes=None,
    title="Review",
    n_items=None,
    overwrite=False,
):
    """Write a page on which a person looks at a selection and labels it.

    The page is one HTML file that opens in any browser, without a server, and calls no
    address.  Every pick stands there beside the row of the query, and of the
    conditioning set, that is most similar to it, with the parts of its gain; can be
    filtered by class and by role; and is labeled by mouse or keyboard, or skipped.
    Answers are exported as CSV or JSON, which `read_answers` reads.

    Parameters
    ----------
    path : path-like
        Where to write, for example ``"review.html"``.

    selection : sampler that has selected, or array-like of int
        What to review.  A `SIMILARSampler` explains its choice, baselines give their
        scores if they have some, and positions in X (those of `ActiveLearner.ask`, for
        example) stand without either.

    items : array-like, DataFrame, sequence of str or Dataset of n_samples rows
        What the rows of X look like: images of shape (height, width), with channels
        last or first; texts; or numbers, shown as a table.  Only the rows that are
        shown are read.  Bytes are shown as they are, floats from 0 to 1 as shares of
        full brightness, other numbers from the least to the largest that is shown.

    y : array-like of shape (n_samples,), default=None
        Labels, -1 where unknown.  They stand below query and conditioning rows.

    predicted : array-like of shape (n_samples,), default=None
        Classes that a model predicts, by which picks can be filtered; by default by
        the classes in ``y``, as far as it knows those of picks.

    classes : array-like, default=None
        The labels that may be given, in the order to show them: booleans, integers,
        floats or texts, an ``ood_label`` included.  By default those that occur in
        ``y`` and ``predicted``, sorted.

    title : str, default="Review"
        Title of the page.

    n_items : int, default=None
        Show only so many picks, the first; by default all.

    overwrite : bool, default=False
        Replace a file that is there already.

    Returns
    -------
    path : Path
        Where the page is.

    Raises
    ------
    FileExistsError
        If there is a file already and ``overwrite`` is False.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import load_digits
    >>> from sksimilar import SIMILARSampler
    >>> from sksimilar.review import write_gallery
    >>> digits = load_digits()
    >>> query = (digits.target == 8) & (digits.target.cumsum() < 200)
    >>> sampler = SIMILARSampler(random_state=0).fit(digits.data, query_mask=query)
    >>> rows = sampler.select(5)
    >>> with TemporaryDirectory() as folder:
    ...     page = write_gallery(
    ...         Path(folder) / "review.html", sampler, digits.images, classes=range(10)
    ...     )
    ...     page.read_text()[:15]
    '<!doctype html>'
    """
    path = _check_path(path, overwrite)
    n_samples = _num_samples(items)
    y, predicted = _column(items, y, "y"), _column(items, predicted, "predicted")
    classes = Classes.of(classes, y, predicted)
    told = explained(selection, n_samples)
    n_items = None if n_items is None else check_budget(n_items, "n_items")
    told = {name: values[:n_items] for name, values in told.items()}
    if not len(told["index"]):
        raise ValueError("`selection` names no row: there is nothing to review.")
    data = _head(n_samples, classes) | {"sampler": _name(selection)}
    data |= _body(told, items)
    data |= _labels([*data["items"]], told["index"].tolist(), y, predicted)
    write_whole(path, render(title, data).encode(errors="replace"))
    return path


def render(title, data):
    """Return the text of the page."""
    source = files(__package__)
    script, style, page = (
        (source / name).read_text(encoding="utf-8")
        for name in ("gallery.js", "gallery.css", "gallery.html")
    )
    digest = hashlib.sha256(json.dumps(data).encode()).hexdigest()[:16]
    policy = POLICY.format(script=_hash(script), style=_hash(style))
    parts = {
        "POLICY": policy,
        "TITLE": html.escape(str(title)),
        "STYLE": style,
        "SCRIPT": script,
        "DATA": as_inert_json(data | {"selection": digest}),
    }
    # All at once, so that nothing is looked for in what was put in.
    return re.sub(r"\{\{ (\w+) \}\}", lambda match: parts[match[1]], page)


def as_inert_json(data):
    """Return JSON that ends no element of HTML, whatever is in it."""
    text = json.dumps(data, allow_nan=False)
    return re.sub("[<>&\u2028\u2029]", lambda match: ESCAPED[match[0]], text)


def _hash(text):
    return (
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
    )


def _check_path(path, overwrite):
    """Return where to write, if that is possible."""
    path = Path(path)
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(
            f"`path` must be a file in a directory that exists, got {str(path)!r}."
        )
    if path.exists() and not overwrite:
        raise FileExistsError(
            f"{str(path)!r} is there already. Pass another path, or overwrite=True."
        )
    return path


def _column(items, labels, name):
    """Return labels of all rows as a column, or None."""
    if labels is None:
        return None
    labels = column_or_1d(as_objects(labels))
    if labels.dtype.kind in "Of":  # pandas has a value of its own for those it lacks.
        lacks = [is_missing(v) or is_nan(v) for v in labels]
        labels = np.where(lacks, None, labels) if any(lacks) else labels
    if len(labels) != _num_samples(items):
        raise ValueError(
            f"`{name}` must have a label for each of the {_num_samples(items)} "
            f"`items`, got {len(labels)}."
        )
    return labels


def _head(n_samples, classes):
    """Return what the exports repeat, so that they can be read without the page."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "n_samples": n_samples,
        "dtype": classes.dtype_name,
        "classes": classes.export(),
    }


def _body(told, items):
    """Return the picks, and all rows that stand on the page, once each."""
    picks = as_picks(told)
    given = [row for pick in picks for row, _ in pick["nearest"].values()]
    rows = np.unique([*(pick["index"] for pick in picks), *given])
    if rows[-1] >= _num_samples(items):
        raise ValueError(
            f"`items` has {_num_samples(items)} rows, and the selection speaks of row "
            f"{rows[-1]}. Pass what all rows of X look like, in the same order."
        )
    kind, columns, contents = as_contents(items, rows)
    shown = dict(zip(rows.tolist(), contents))
    return {"picks": picks, "kind": kind, "columns": columns, "items": shown}


def _labels(rows, picked, y, predicted):
    """Return the labels known of rows, and the classes to filter picks by, as texts."""
    known = {} if y is None else _texts(y, rows)
    if predicted is not None:
        return {"labels": known, "predicted": True, "groups": _texts(predicted, picked)}
    groups = {row: known[row] for row in picked if row in known}
    return {"labels": known, "predicted": False, "groups": groups}


def _texts(labels, rows):
    """Return the labels of rows, those that are known, as texts."""
    values = labels[rows].tolist()
    unknown = is_unlabeled(labels[rows])
    return {
        row: str(value)
        for row, value, skip in zip(rows, values, unknown)
        if not skip and value is not None
    }


def _name(selection):
    """Return what selected, for people; nothing of bare positions."""
    if not hasattr(selection, "select"):
        return ""
    function = getattr(selection, "function_", None)
    name = type(selection).__name__
    return name if function is None else f"{name}, {function}"
