"""What the README shows runs as it stands, from top to bottom."""

import re

from documents import ROOT, blocks, run

README = ROOT / "README.md"


def test_every_block_runs_after_those_before_it(capsys):
    assert len(blocks(README)) > 5
    run(README)
    said = capsys.readouterr().out
    share = int(re.search(r"(\d+)% of the rows to label are 8 or 9", said)[1])
    assert share > 40  # In the pool it is one in five.
