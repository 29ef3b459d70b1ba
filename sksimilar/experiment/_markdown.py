"""Tables and texts in Markdown that no name can break."""

import re

__all__ = ["plain", "table"]

SPECIAL = re.compile(r"([\\`*_\[\]<>|#~$!])")


def plain(text):
    r"""Return a text that Markdown shows as it is, on one line.

    Parameters
    ----------
    text : str
        Any.

    Returns
    -------
    escaped : str

    Examples
    --------
    >>> print(plain("a|b_c\nd"))
    a\|b\_c d
    """
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))


def table(titles, rows, n_left=1):
    """Return a table.

    Parameters
    ----------
    titles : list of str
        Of the columns.

    rows : list of list of str
        Cells, in Markdown.

    n_left : int, default=1
        Columns that are aligned to the left.

    Returns
    -------
    text : str
    """
    rule = ["---"] * n_left + ["---:"] * (len(titles) - n_left)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (titles, rule, *rows))
