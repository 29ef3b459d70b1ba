"""What a run has learnt, on disk: complete at every moment, or refused.  Floor 1.

Each file is named by what is in it and is complete before ``manifest.json`` speaks of
it.  Replacing the manifest is the one step that counts, and that step is atomic: who
kills the process finds the state before it or the state after it.  Nothing is pickled.
"""

import hashlib
import io
import json
import os
import re
from pathlib import Path

import numpy as np

from ._validation import check_same_run

__all__ = ["Checkpoint", "open_checkpoint"]

FORMAT = {"format": "sksimilar checkpoint", "version": 1}
OURS = re.compile(
    r"(pool-\w+\.npz|weights-\w+\.safetensors|manifest\.json)(\.\d+\.tmp)?"
)


def open_checkpoint(directory, identity):
    """Return a checkpoint and what it holds; None and None without a directory."""
    if directory is None:
        return None, None
    store = Checkpoint(directory)
    stored = store.load()
    if stored is not None:
        check_same_run(stored["identity"], identity, directory)
    return store, stored


class Checkpoint:
    """A directory that holds one run.

    Parameters
    ----------
    directory : str or path-like
        Created where it does not exist.
    """

    def __init__(self, directory):
        self.directory = Path(directory)
        self.files = {}

    def load(self):
        """Return what was committed last, as a dict, or None in a new directory."""
        self._refuse_foreign_files()
        path = self.directory / "manifest.json"
        if not path.exists():
            return None
        manifest = self._manifest(path)
        self.files = manifest["files"]
        content = {name: self._read(file) for name, file in self.files.items()}
        try:
            pool = _to_arrays(content["pool"])
            weights = _to_weights(content.get("weights"))
        except Exception as error:  # Whatever it is that a forged file provokes.
            raise self._damaged(path.name) from error
        return {**manifest["run"], "pool": pool, "weights": weights}

    def save(self, run, pool, net=None):
        """Commit numbers and text in ``run``, arrays in ``pool`` and a net's weights.

        Without a net, the weights of the last one stay.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self.files = {**self.files, "pool": self._write("pool", "npz", _npz(pool))}
        if net is not None:
            self.files.pop("weights", None)
            if (weights := _safetensors(net)) is not None:
                name = self._write("weights", "safetensors", weights)
                self.files["weights"] = name
        body = {**FORMAT, "files": self.files, "run": run}
        self._replace("manifest.json", _json({**body, "sha256": _digest(_json(body))}))
        self._prune()

    def _manifest(self, path):
        try:
            manifest = json.loads(path.read_bytes())
            digest = manifest.pop("sha256")
            is_whole = digest == _digest(_json(manifest))
        except (ValueError, KeyError, AttributeError, TypeError):
            is_whole = False
        if not is_whole:
            raise self._damaged("manifest.json")
        if {name: manifest.get(name) for name in FORMAT} != FORMAT:
            raise ValueError(
                f"{path} is of another format than {FORMAT}. Read it with the version "
                "of sksimilar that wrote it, or pass a new directory."
            )
        return manifest

    def _read(self, file):
        path = self.directory / file
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise self._damaged(file) from None
        if _digest(content) not in file:
            raise self._damaged(file)
        return content

    def _damaged(self, file):
        return ValueError(
            f"The checkpoint is damaged: {self.directory / file} is missing or not what"
            " was written. Nothing of it was used. Restore the directory from a backup,"
            " or pass a new one to start over."
        )

    def _refuse_foreign_files(self):
        names = os.listdir(self.directory) if self.directory.exists() else []
        foreign = sorted(name for name in names if not OURS.fullmatch(name))
        if foreign:
            raise ValueError(
                f"{self.directory} holds files that are no checkpoint, such as "
                f"{foreign[0]!r}. Pass a directory of its own, new or written by the "
                "same run."
            )

    def _write(self, kind, suffix, content):
        name = f"{kind}-{_digest(content)}.{suffix}"
        if name not in self.files.values():
            self._replace(name, content)
        return name

    def _replace(self, name, content):
        temporary = self.directory / f"{name}.{os.getpid()}.tmp"
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.directory / name)

    def _prune(self):
        current = {"manifest.json", *self.files.values()}
        for name in os.listdir(self.directory):
            if OURS.fullmatch(name) and name not in current:
                (self.directory / name).unlink(missing_ok=True)


def _digest(content):
    return hashlib.sha256(content).hexdigest()


def _json(value):
    return json.dumps(value, sort_keys=True, indent=1).encode()


def _npz(arrays):
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def _to_arrays(content):
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)


def _safetensors(net):
    """Return the weights as bytes, or None where safetensors is not installed."""
    try:
        from safetensors.torch import save
    except ImportError:
        return None
    # Copies, since tensors that share memory cannot be written.
    weights = net.module_.state_dict().items()
    return save({name: value.detach().cpu().clone() for name, value in weights})


def _to_weights(content):
    """Return the weights, or None to have them trained again."""
    try:
        from safetensors.torch import load
    except ImportError:
        return None
    return None if content is None else load(content)
