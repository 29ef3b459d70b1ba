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
from contextlib import contextmanager, suppress
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import torch

from .classifiers import parts_of, weights_of
from .files import write_whole

try:
    import fcntl
except ImportError:  # Only Unix can lock a directory.
    fcntl = None

__all__ = ["Checkpoint", "open_checkpoint"]

FORMAT = {"format": "sksimilar checkpoint", "version": 2}
RUN = {"identity": dict, "seed": int, "n_trained": int, "stale": bool, "history": list}
OURS = re.compile(
    r"(pool-\w+\.npz|weights-\w+\.safetensors|manifest\.json)(\.\d+\.tmp)?"
)


def open_checkpoint(directory, identity):
    """Return a checkpoint and what it holds; None and None without a directory."""
    if directory is None:
        return None, None
    store = Checkpoint(_writable(directory))
    stored = store.load()
    if stored is not None:
        _check_same_run(stored["identity"], identity, directory)
    return store, stored


def _writable(directory):
    """Return the path of a directory to write to, made where it does not exist."""
    try:
        path = Path(directory)
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, TypeError) as error:
        raise ValueError(
            f"`checkpoint` must be the path of a directory, got {directory!r}, which "
            f"cannot be one: {error}."
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise ValueError(
            f"`checkpoint` must be a directory to write to, and {str(path)!r} allows "
            "only reading. Change its permissions, or name another."
        )
    return path


def _check_same_run(found, wanted, directory):
    """Refuse a checkpoint of other data or other parameters."""
    names = sorted({*found, *wanted})
    other = [name for name in names if found.get(name) != wanted.get(name)]
    if other:
        raise ValueError(
            f"The checkpoint in {directory} belongs to another run: it differs in "
            f"{', '.join(other)}. Pass what that run was given, or a new directory."
        )


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
        self.seen = None  # Fingerprint of the manifest that was read or written last.

    def load(self):
        """Return what was committed last, as a dict, or None in a new directory."""
        path = self.directory / "manifest.json"
        if not self.directory.exists():
            return None
        with self._alone():
            self._refuse_foreign_files()
            self.seen = self._fingerprint()
            if self.seen is None:
                return None
            manifest = self._manifest(path)
            self.files = manifest["files"]
            content = {name: self._read(file) for name, file in self.files.items()}
        try:
            pool = _to_arrays(content["pool"])
            weights = _to_weights(content.get("weights"))
        except MemoryError as error:
            raise MemoryError(
                f"The checkpoint in {self.directory} does not fit into memory "
                f"({error}). Nothing of it was used or changed. Free memory and call the "
                "same again."
            ) from error
        except Exception as error:  # Whatever it is that a forged file provokes.
            raise self._damaged(path.name) from error
        return {**manifest["run"], "pool": pool, "weights": weights}

    def save(self, run, pool, net=None, told=None):
        """Commit numbers and text in ``run``, arrays in ``pool`` and a net's weights.

        With the weights goes what the net has ``told`` of some rows.  Without a net, the
        weights of the last one stay.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            with self._alone():
                self._refuse_other_writer()
                self._commit(run, pool, net, told)
        except OSError as error:
            raise OSError(
                error.errno,
                f"The checkpoint in {self.directory} could not be written "
                f"({error.strerror}). What was saved before is whole: make room, or make "
                "it writable, and call the same again to go on from there.",
            ) from error

    def _commit(self, run, pool, net, told):
        self.files = {**self.files, "pool": self._write("pool", "npz", _npz(pool))}
        if net is not None:
            self.files.pop("weights", None)
            if (weights := _safetensors(net, told)) is not None:
                name = self._write("weights", "safetensors", weights)
                self.files["weights"] = name
        body = {**FORMAT, "files": self.files, "run": run}
        manifest = _json({**body, "sha256": _digest(_json(body))})
        write_whole(self.directory / "manifest.json", manifest)
        self.seen = self._fingerprint()
        self._prune()

    @contextmanager
    def _alone(self):
        """Keep other processes out, where the system can; they wait."""
        if fcntl is None:
            yield
            return
        handle = os.open(self.directory, os.O_RDONLY)
        try:
            with suppress(OSError):  # Some network file systems have no locks.
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _fingerprint(self):
        """Return what tells the manifest of now from others, None if there is none."""
        path = self.directory / "manifest.json"
        return _digest(path.read_bytes()) if path.exists() else None

    def _refuse_other_writer(self):
        if self._fingerprint() != self.seen:
            raise RuntimeError(
                f"Another run has written to the checkpoint in {self.directory} since "
                "this one looked, and this one stops, so that nothing of the other is "
                "lost. Let one process at a time use a directory, and call the same "
                "again to go on from what is there."
            )

    def _manifest(self, path):
        try:
            manifest = json.loads(path.read_bytes())
            digest = manifest.pop("sha256")
            is_whole = digest == _digest(_json(manifest))
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
            is_whole = False
        if not is_whole:
            raise self._damaged("manifest.json")
        if {name: manifest.get(name) for name in FORMAT} != FORMAT:
            raise ValueError(
                f"{path} is of another format than {FORMAT}. Read it with the version "
                "of sksimilar that wrote it, or pass a new directory."
            )
        if not (_is_run(manifest.get("run")) and _are_files(manifest.get("files"))):
            raise self._damaged("manifest.json")
        return manifest

    def _read(self, file):
        path = self.directory / file
        try:
            content = path.read_bytes()
        except OSError:
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
        foreign = sorted(name for name in names if not self._is_ours(name))
        if foreign:
            raise ValueError(
                f"{self.directory} holds files that are no checkpoint, such as "
                f"{foreign[0]!r}. Pass a directory of its own, new or written by the "
                "same run."
            )

    def _is_ours(self, name):
        return OURS.fullmatch(name) and (self.directory / name).is_file()

    def _write(self, kind, suffix, content):
        name = f"{kind}-{_digest(content)}.{suffix}"
        if name not in self.files.values():
            write_whole(self.directory / name, content)
        return name

    def _prune(self):
        current = {"manifest.json", *self.files.values()}
        for name in os.listdir(self.directory):
            if OURS.fullmatch(name) and name not in current:
                (self.directory / name).unlink(missing_ok=True)


def _is_run(run):
    """Return whether this is what `save` was given, as far as types can tell."""
    if not isinstance(run, dict) or run.keys() != RUN.keys():
        return False
    rounds = run["history"] if isinstance(run["history"], list) else [None]
    return all(isinstance(run[name], kind) for name, kind in RUN.items()) and all(
        isinstance(record, dict) for record in rounds
    )


def _are_files(files):
    """Return whether these are names of files in the directory itself."""
    return (
        isinstance(files, dict)
        and "pool" in files
        and all(isinstance(f, str) and OURS.fullmatch(f) for f in files.values())
    )


def _digest(content):
    return hashlib.sha256(content).hexdigest()


def _json(value):
    # Without indents, which json writes in Python, and slowly for a long history.
    return json.dumps(value).encode()


def _npz(arrays):
    """Return what `numpy.savez_compressed` writes, compressed quickly and not well.

    The arrays are as long as X and are written with every answer.  They hold few
    values, mostly the same: the least compression leaves an eighth of them at most, and
    takes a quarter of the time.
    """
    stream = io.BytesIO()
    archive = ZipFile(stream, "w", ZIP_DEFLATED, compresslevel=1)
    for name, array in arrays.items():
        with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
            np.lib.format.write_array(file, array, allow_pickle=False)
    archive.close()  # After an error it would raise another one, in place of that.
    return stream.getvalue()


def _to_arrays(content):
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)


def _safetensors(net, told):
    """Return the weights, and what they make of some rows, or None if they cannot be."""
    try:
        from safetensors.torch import save
    except ImportError:
        return None
    weights = weights_of(parts_of(net)) | {"told": torch.as_tensor(told)}
    if not all(isinstance(value, torch.Tensor) for value in weights.values()):
        return None  # What a module keeps beside may be of any kind.
    # Copies, since tensors that share memory, or leave gaps, cannot be written.
    whole = {"memory_format": torch.contiguous_format}
    return save({name: v.detach().cpu().clone(**whole) for name, v in weights.items()})


def _to_weights(content):
    """Return the weights, or None to have them trained again."""
    try:
        from safetensors.torch import load
    except ImportError:
        return None
    return None if content is None else load(content)
