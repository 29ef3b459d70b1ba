"""Python in documents: blocks fenced as ``python`` are ours, and run.

Code of other libraries is fenced as ``{code-block} python``, and is not.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def blocks(path):
    """Return the code of a document, from top to bottom."""
    return re.findall(
        r"^```python\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE
    )


def run(path):
    """Run all blocks of a document, each after those before it; return the names."""
    names = {}
    for block in blocks(path):
        exec(compile(block, path.name, "exec"), names)  # noqa: S102
    return names


def tables(path):
    """Yield each row of each table as a dict from the head of a column to its cell."""
    head = None
    for line in path.read_text().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line[1:-1])]
        if not line.startswith("|"):
            head = None
        elif head is None:
            head = cells
        elif not set(line) <= set("|-: "):
            yield dict(zip(head, cells))
