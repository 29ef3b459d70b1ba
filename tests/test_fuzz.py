"""Nonsense from outside: on the command line, and in files that somebody else made.

Whatever it is, it is refused in a line, executes nothing, and writes nothing anywhere.
"""

import io
import os
import pickle
import random
import struct
import subprocess
import sys
import zipfile
from contextlib import redirect_stderr, redirect_stdout

import numpy as np
import pytest

import sksimilar.demo._command
import sksimilar.experiment._command
from sksimilar.__main__ import main
from sksimilar.datasets import load_imagenet32, load_mnist
from sksimilar.demo import SETTINGS
from sksimilar.experiment import PROTOCOLS

# ------------------------------------------------------------------------ command line

OPTIONS = "--scenario --function --rounds --budget --seeds --seed --jobs --data --out "
OPTIONS += "--list --methods --data-home --help --version -h --no-such - -- -x --s"
NUMBERS = "0 1 -1 3.5 1e9 nan 007 1_0 ٣ 4294967295 4294967296 99999999999999999999"
WORDS = ["", " ", "digits", "flqmi", "random", "ä\n", "\udcff", "../..", "/"]
WORDS += [
    "/dev/null",
    "{file}",
    "{file}/below",
    "{dir}",
    "{npz}",
    "%s",
    "%(prog)s",
    "-",
]
WORDS += ["9" * 5000, "x" * 5000, "=", "--out={dir}", "--rounds=1", "@{file}", "*"]
TOKENS = ["demo", "experiment", *SETTINGS, *PROTOCOLS, *OPTIONS.split()]
TOKENS += [*NUMBERS.split(), *WORDS]


def call(arguments):
    """Run a command; return its exit code and what it said to each stream."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main(arguments)
        except SystemExit as end:
            return end.code or 0, out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Names to put into arguments, and commands that check them and do no work."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        sksimilar.demo._command, "demonstrate", lambda *args, **kwargs: None
    )
    monkeypatch.setattr(
        sksimilar.experiment._command, "reproduce", lambda *args, **kwargs: []
    )
    monkeypatch.setattr(sksimilar.experiment._command, "summary", lambda rows: "")
    (tmp_path / "file").write_text("hello")
    np.savez(tmp_path / "rows.npz", X=np.eye(4), y=np.arange(4))
    names = {"file": "file", "dir": "made", "npz": "rows.npz"}
    return {name: str(tmp_path / place) for name, place in names.items()}


@pytest.mark.parametrize("seed", range(8))
def test_no_command_line_ends_in_a_traceback(seed, places):
    rng = random.Random(seed)
    for _ in range(100):
        arguments = rng.choices(TOKENS, k=rng.randrange(3))
        for _ in range(rng.randrange(4)):
            values = WORDS + NUMBERS.split()
            arguments += [rng.choice(OPTIONS.split()), rng.choice(values)]
        if rng.random() < 0.8:  # Most of those that begin otherwise end at once.
            arguments.insert(0, rng.choice(["demo", "experiment"]))
        for name, place in places.items():
            arguments = [a.replace("{" + name + "}", place) for a in arguments]
        code, out, err = call(arguments)
        assert code in (0, 2), arguments
        assert len(err.splitlines()) == (1 if code else 0), (arguments, err)
        assert "Traceback" not in err and (out or err or code == 0)


# --------------------------------------------------------------------------- data files


class Bomb:
    """Makes a directory when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def header(text, content=b"\0" * 64):
    """Return an .npy file with a header of one's own."""
    text = text.encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content


def shaped(shape, kind="|u1"):
    return header(f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape}}}")


def archive(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return stream.getvalue()


def forged(tmp_path):
    """Yield contents of a data file that are to be refused, each for its own reason."""
    bomb = Bomb(tmp_path / "boom")
    yield "a pickle", pickle.dumps(bomb)
    yield "a pickle as an array", npy(np.array([bomb], dtype=object))
    for name in ("X", "x_train"):
        yield f"a pickle in {name}", members(name, npy(np.array([bomb], dtype=object)))
        yield f"objects in {name}", members(name, shaped("(3,)", "|O"))
        for shape in ("(10**12,)", "(1000000000000,)", "(" + "9" * 40 + ",)", "(-1,)"):
            yield f"shape {shape} in {name}", members(name, shaped(shape))
        for nested in ("(" * 200 + ")" * 200, "[" * 3000, "'" * 99):
            yield "a header that nests", members(name, shaped(nested))
        code = f"__import__('os').mkdir({str(tmp_path / 'boom')!r})"
        yield "a header that calls", members(name, header(code))
        yield "a header without end", members(name, b"\x93NUMPY\x01\x00\xff\xff{")
    yield "an archive in an archive", archive(X=archive(X=b""), y=b"")
    yield "names outside", archive(**{"../../boom": npy(np.eye(3)), "/boom": b""})
    yield "nothing but names", archive(X=b"", y=b"", x_train=b"", y_train=b"")
    encrypted = bytearray(members("Z", b""))
    for place in range(len(encrypted) - 10):
        if encrypted[place : place + 4] in (b"PK\x03\x04", b"PK\x01\x02"):
            encrypted[place + (6 if encrypted[place + 2] == 3 else 8)] |= 1
    yield "encrypted", bytes(encrypted)


def members(name, content):
    good = {
        "X": npy(np.arange(60.0).reshape(30, 2)),
        "y": npy(np.arange(30) % 3),
        "x_train": npy(np.zeros((4, 28, 28), np.uint8)),
        "y_train": npy(np.arange(4)),
        "x_test": npy(np.zeros((4, 28, 28), np.uint8)),
        "y_test": npy(np.arange(4)),
    }
    return archive(**{**good, name: content})


def loads(tmp_path):
    """Return whether any reader took the file for data; all others said what it is."""
    path, taken = tmp_path / "mnist.npz", False
    code, _, err = call(["demo", "--data", str(path), "--out", str(tmp_path / "made")])
    assert code in (0, 2) and len(err.splitlines()) == (1 if code else 0), err
    taken |= code == 0
    try:
        data = load_mnist(tmp_path)
    except ValueError as error:
        assert repr(str(path)) in str(error)
    else:
        assert len(data.X) == len(data.y) and len(data.X_test) == len(data.y_test)
        taken = True
    (tmp_path / "train_data_batch_1").write_bytes(path.read_bytes())
    (tmp_path / "val_data").write_bytes(path.read_bytes())
    with pytest.raises(ValueError, match="no batch of down-sampled ImageNet"):
        load_imagenet32(tmp_path)
    return taken


def left_alone(tmp_path):
    names = {"file", "rows.npz", "made", "mnist.npz", "train_data_batch_1", "val_data"}
    assert {path.name for path in tmp_path.iterdir()} <= names
    assert not (tmp_path.parent / "boom").exists()


def test_a_forged_data_file_is_refused_and_executes_nothing(places, tmp_path):
    (tmp_path / "mnist.npz").write_bytes(members("Z", b""))
    assert loads(tmp_path)
    reasons = []
    for reason, content in forged(tmp_path):
        (tmp_path / "mnist.npz").write_bytes(content)
        # Each reader finds its own arrays, of which only one may be forged.
        assert loads(tmp_path) == reason.endswith(
            ("in X", "in x_train", "that nests", "that calls", "without end")
        ), reason
        left_alone(tmp_path)
        reasons.append(reason)
    assert len(reasons) > 20


@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_data_file_is_refused_or_read(seed, places, tmp_path):
    rng, good = random.Random(seed), members("Z", b"")
    for _ in range(60):
        content = bytearray(good)
        for _ in range(rng.randrange(1, 5)):
            kind, place = rng.randrange(4), rng.randrange(len(content))
            if kind == 0:
                content[place] ^= 1 << rng.randrange(8)
            elif kind == 1:
                del content[place:]
            elif kind == 2:
                content[place : place + rng.randrange(40)] = rng.randbytes(8)
            else:
                content[place:place] = content[place : place + rng.randrange(200)]
            content = content or bytearray(b"\0")
        (tmp_path / "mnist.npz").write_bytes(content)
        loads(tmp_path)
        left_alone(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="needs a pipe that can break")
def test_a_reader_may_leave_before_the_end():
    command = [sys.executable, "-m", "sksimilar", "experiment", "--list"]
    reading, writing = os.pipe()
    os.close(reading)
    run = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert run.returncode == 1 and not run.stderr
