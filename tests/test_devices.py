"""What is tested on a device has a process of its own.

Torch counts devices once, before the first gradient, and where there are several it takes
gradients in threads, which a forked process cannot go on with.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from accelerator import DEVICES


@pytest.mark.skipif(
    not DEVICES, reason="no card, and this torch lets no device be made in Python"
)
def test_on_devices():
    tests = Path(__file__).with_name("on_devices.py")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        str(tests),
    ]
    run = subprocess.run(
        command, capture_output=True, check=False, text=True, cwd=tests.parent
    )
    assert run.returncode == 0 and " passed" in run.stdout, run.stdout[-5000:]
