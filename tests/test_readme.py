"""What the README shows runs as it stands, from top to bottom."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def test_every_block_runs_after_those_before_it(capsys):
    assert len(BLOCKS) > 5
    names = {}
    for block in BLOCKS:
        exec(compile(block, "README.md", "exec"), names)  # noqa: S102
    said = capsys.readouterr().out
    share = int(re.search(r"(\d+)% of the rows to label are 8 or 9", said)[1])
    assert share > 40  # In the pool it is one in five.
