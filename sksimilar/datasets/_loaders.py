"""Images of the paper's experiments, from files at hand or from OpenML.

Files are looked for in ``data_home``, or else in the directory that the environment
variable SKSIMILAR_DATA names.  Only where MNIST, CIFAR-10 or SVHN are not there does
anything touch the network.
"""

import io
import os
import pickle
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
from sklearn.datasets import fetch_openml, load_digits
from sklearn.model_selection import train_test_split
from sklearn.utils import Bunch

from .._validation.words import optional

__all__ = [
    "DATASETS",
    "load_cifar10",
    "load_digits_and_letters",
    "load_digits_split",
    "load_emnist_letters",
    "load_image_folder",
    "load_imagenet32",
    "load_mnist",
    "load_pneumoniamnist",
    "load_svhn",
]

VARIABLE = "SKSIMILAR_DATA"
DIGITS = tuple("0123456789")
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer")
CIFAR10 += ("dog", "frog", "horse", "ship", "truck")
IMAGE_FILES = {
    ".bmp",
    ".gif",
    ".jpeg",
    ".jpg",
    ".png",
    ".ppm",
    ".tif",
    ".tiff",
    ".webp",
}


def load_mnist(data_home=None):
    """Return the handwritten digits of MNIST, 60 000 and 10 000 of 28 x 28 pixels.

    Parameters
    ----------
    data_home : path-like, default=None
        Directory of ``mnist.npz``, with arrays x_train, y_train, x_test and y_test; by
        default what SKSIMILAR_DATA names.  Without the file OpenML is asked.

    Returns
    -------
    data : Bunch
        ``X`` and ``X_test``, uint8 images; ``y`` and ``y_test``; ``classes``.
    """
    return _stored("mnist.npz", data_home, DIGITS) or _fetched(
        "mnist_784", 60_000, (28, 28), DIGITS
    )


def load_cifar10(data_home=None):
    """Return the photographs of CIFAR-10, 50 000 and 10 000 of 32 x 32 pixels.

    Parameters
    ----------
    data_home : path-like, default=None
        Directory of ``cifar10_jpeg.npz``: the images as JPEG files one after another,
        in jpeg_train and jpeg_test, where file i is bytes offsets[i] to offsets[i + 1]
        by offsets_train and offsets_test; y_train and y_test.  Pillow decodes them.  By
        default what SKSIMILAR_DATA names; without the file OpenML is asked.

    Returns
    -------
    data : Bunch
        ``X`` and ``X_test``, uint8 images with channels last; ``y`` and ``y_test``;
        ``classes``.
    """
    path = _find("cifar10_jpeg.npz", data_home)
    if not path.exists():
        return _fetched("CIFAR_10", 50_000, (3, 32, 32), CIFAR10)
    names = "jpeg_train", "offsets_train", "y_train"
    names += "jpeg_test", "offsets_test", "y_test"
    with _explained(path, names):
        jpeg, offsets, y, jpeg_test, offsets_test, y_test = _read(path, names)
        X, X_test = _decoded(jpeg, offsets), _decoded(jpeg_test, offsets_test)
        return _checked(X, y, X_test, y_test, CIFAR10)


def load_svhn(data_home=None):
    """Return the house numbers of SVHN, 73 257 and 26 032 digits of 32 x 32 pixels.

    Parameters
    ----------
    data_home : path-like, default=None
        Directory of ``svhn.npz``, with arrays x_train, y_train, x_test and y_test; by
        default what SKSIMILAR_DATA names.  Without the file OpenML is asked.

    Returns
    -------
    data : Bunch
        ``X`` and ``X_test``, uint8 images with channels last; ``y`` and ``y_test``;
        ``classes``.
    """
    data = _stored("svhn.npz", data_home, (*DIGITS, "0"))
    data = data or _fetched("SVHN", 73_257, (3, 32, 32), DIGITS)
    labels = {"y": data.y % 10, "y_test": data.y_test % 10}  # 10 is 0.
    return Bunch(**data | labels | {"classes": DIGITS})


def load_pneumoniamnist(data_home=None):
    """Return the chest X-rays of PneumoniaMNIST, of 28 x 28 pixels.

    Parameters
    ----------
    data_home : path-like, default=None
        Directory of ``pneumoniamnist.npz``, with arrays x_train, y_train, x_test and
        y_test; by default what SKSIMILAR_DATA names.

    Returns
    -------
    data : Bunch
        ``X`` and ``X_test``, uint8 images, 4708 and 624; ``y`` and ``y_test``, 1 for
        pneumonia; ``classes``.
    """
    name, classes = "pneumoniamnist.npz", ("normal", "pneumonia")
    return _stored(name, data_home, classes) or _missing(name, data_home)


def load_emnist_letters(data_home=None):
    """Return the handwritten letters of EMNIST's test part, 20 800 of 28 x 28 pixels.

    Parameters
    ----------
    data_home : path-like, default=None
        Directory of ``emnist_letters.npz``, with arrays x, upright, and y, 1 for A and
        a; by default what SKSIMILAR_DATA names.

    Returns
    -------
    data : Bunch
        ``X``, uint8 images; ``y``, 0 for A and a; ``classes``.
    """
    path = _find("emnist_letters.npz", data_home)
    if not path.exists():
        _missing(path.name, data_home)
    with _explained(path, ("x", "y")):
        X, y = _read(path, ("x", "y"))
        data = _checked(X, y - 1, X[:0], y[:0], tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        return Bunch(X=data.X, y=data.y, classes=data.classes)


def load_digits_and_letters(data_home=None):
    """Return MNIST with the letters of EMNIST among its training rows, as class 10.

    Parameters
    ----------
    data_home : path-like, default=None
        As for :func:`load_mnist` and :func:`load_emnist_letters`.

    Returns
    -------
    data : Bunch
        As :func:`load_mnist` returns it, with one class more and no letter to test on.
    """
    letters, digits = load_emnist_letters(data_home), load_mnist(data_home)
    return Bunch(
        **digits
        | {
            "X": np.concatenate([digits.X, letters.X]),
            "y": np.concatenate([digits.y, np.full(len(letters.y), len(DIGITS))]),
            "classes": (*DIGITS, "letter"),
        }
    )


def load_digits_split(data_home=None):
    """Return the digits of scikit-learn, 1257 and 540 of 8 x 8 pixels.

    Parameters
    ----------
    data_home : path-like, default=None
        Not needed.

    Returns
    -------
    data : Bunch
        ``X`` and ``X_test``, uint8 images; ``y`` and ``y_test``; ``classes``.

    Examples
    --------
    >>> from sksimilar.datasets import load_digits_split
    >>> digits = load_digits_split()
    >>> digits.X.shape, digits.X_test.shape, digits.X.dtype
    ((1257, 8, 8), (540, 8, 8), dtype('uint8'))
    """
    digits = load_digits()
    images = (digits.images * (255 / 16)).astype(np.uint8)
    X, X_test, y, y_test = train_test_split(
        images, digits.target, test_size=0.3, stratify=digits.target, random_state=0
    )
    return _bunch(X, y, X_test, y_test, DIGITS)


DATASETS = {
    "cifar10": load_cifar10,
    "digits": load_digits_split,
    "digits+letters": load_digits_and_letters,
    "letters": load_emnist_letters,
    "mnist": load_mnist,
    "pneumonia": load_pneumoniamnist,
    "svhn": load_svhn,
}


def load_image_folder(path, *, size=None, mode="RGB"):
    """Return images of any kind, a subfolder for each class.

    Parameters
    ----------
    path : path-like
        Directory whose subfolders hold images, at any depth.  Other files are ignored,
        and so is all that has a name which begins with a dot.

    size : tuple of int, default=None
        Width and height to scale all images to.  By default they need to agree.

    mode : str, default="RGB"
        What Pillow makes of every image, such as "L" for grey ones.

    Returns
    -------
    data : Bunch
        ``X``, uint8 images with channels last; ``y``; ``classes``, the names of the
        subfolders in alphabetical order.

    Raises
    ------
    ValueError
        If there are no images, or of several sizes, or of more than 8 bits a channel, or
        one that is broken.
    """
    with optional("Pillow", "images"):
        from PIL import Image

    folders = sorted(entry for entry in Path(path).iterdir() if entry.is_dir())
    folders = [folder for folder in folders if not folder.name.startswith(".")]
    images, y = [], []
    for label, folder in enumerate(folders):
        for file in filter(_is_image, sorted(folder.rglob("*"))):
            if any(part.startswith(".") for part in file.relative_to(folder).parts):
                continue
            with _whole(file), Image.open(file) as image:
                _check_depth(file, image)
                image = image.convert(mode)
                images.append(np.asarray(image if size is None else image.resize(size)))
            y.append(label)
    shapes = {image.shape for image in images}
    if len(shapes) != 1:
        raise ValueError(
            f"{str(path)!r} needs subfolders with images of one size, and holds images "
            f"of {len(shapes)}. Scale them with size=(width, height)."
            if shapes
            else f"{str(path)!r} needs a subfolder of images for every class; it holds "
            "none."
        )
    return Bunch(
        X=np.stack(images), y=np.array(y), classes=tuple(f.name for f in folders)
    )


def _is_image(file):
    return file.suffix.lower() in IMAGE_FILES and file.is_file()


@contextmanager
def _whole(file):
    """Say which file it is that cannot be read."""
    try:
        yield
    except OSError as error:
        raise ValueError(
            f"{str(file)!r} is no whole image. Mend or move it. (Pillow says: {error})"
        ) from error


def _check_depth(file, image):
    """Raise where Pillow would cut off all that a byte does not hold."""
    if image.mode.startswith(("I", "F")):
        raise ValueError(
            f"{str(file)!r} must have 8 bits a channel, got Pillow's mode "
            f"{image.mode!r}. Scale its values to 0 to 255 first."
        )


def load_imagenet32(directory):
    """Return ImageNet down-sampled to 32 x 32 pixels, 1 281 167 and 50 000 images.

    Parameters
    ----------
    directory : path-like
        Where the published batches lie: ``train_data_batch_1`` to
        ``train_data_batch_10``, as many of them as there are, and ``val_data``.  They
        are pickles; what is in them besides arrays and numbers is refused, so that no
        code of a forged one runs.

    Returns
    -------
    data : Bunch
        ``X`` and ``X_test``, uint8 images with channels last, the training ones 3.9 GB;
        ``y`` and ``y_test``, from 0; ``classes``, the published numbers from 1.
    """
    directory = Path(directory)
    paths = [directory / f"train_data_batch_{number}" for number in range(1, 11)]
    paths = [path for path in paths if path.exists()]
    if not paths:
        _missing("train_data_batch_1", directory)
    if not (directory / "val_data").exists():
        _missing("val_data", directory)
    train = [_batch(path) for path in paths]
    X, y = (np.concatenate(parts) for parts in zip(*train))
    return _bunch(X, y, *_batch(directory / "val_data"), tuple(range(1, 1001)))


class ArrayUnpickler(pickle.Unpickler):
    """An unpickler that makes arrays out of a pickle, and calls nothing else."""

    ALLOWED = {
        ("numpy", "dtype"),
        ("numpy", "ndarray"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy.core.numeric", "_frombuffer"),
        ("numpy._core.numeric", "_frombuffer"),
        ("_codecs", "encode"),  # How Python 3 writes bytes for Python 2.
    }

    def find_class(self, module, name):
        """Return what a pickle wants to call, if it makes arrays."""
        if (module, name) in self.ALLOWED:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it wants to call {module}.{name}")


def _batch(path):
    """Return the images and labels of one published file."""
    try:
        with open(path, "rb") as file:
            batch = ArrayUnpickler(file, encoding="latin1").load()
        images, labels = np.asarray(batch["data"]), np.asarray(batch["labels"])
        images = images.reshape(-1, 3, 32, 32)
    except Exception as error:  # Whatever it is that a forged file provokes.
        raise ValueError(
            f"{str(path)!r} is no batch of down-sampled ImageNet: {error}."
        ) from error
    if images.dtype != np.uint8 or len(images) != len(labels):
        raise ValueError(
            f"{str(path)!r} needs uint8 images and a label for each, got "
            f"{len(images)} of {images.dtype} and {len(labels)} labels."
        )
    return np.moveaxis(images, 1, -1), labels.astype(np.int64) - 1


def _home(data_home):
    return Path(data_home or os.environ.get(VARIABLE, "."))


def _find(name, data_home):
    return _home(data_home) / name


def _missing(name, data_home):
    raise FileNotFoundError(
        f"{name} is not in {str(_home(data_home).resolve())!r}. Name the directory that "
        f"holds it by `data_home`, or by the environment variable {VARIABLE}."
    )


def _stored(name, data_home, classes):
    """Return what a file of four arrays holds, or None where there is no such file."""
    path = _find(name, data_home)
    if not path.exists():
        return None
    names = "x_train", "y_train", "x_test", "y_test"
    with _explained(path, names):
        return _checked(*_read(path, names), classes)


def _read(path, names):
    """Return arrays of an .npz file, without calling anything that is in it."""
    with np.load(path, allow_pickle=False) as arrays:
        return [arrays[name] for name in names]


@contextmanager
def _explained(path, names):
    """Say which file it is that cannot be read."""
    try:
        yield
    except Exception as error:  # Whatever it is that a forged file provokes.
        raise ValueError(
            f"{str(path)!r} must be an .npz file with the arrays {', '.join(names)}, and "
            f"cannot be read as one: {error}. Fetch it again."
        ) from error


def _checked(X, y, X_test, y_test, classes):
    """Return the data, having seen that every image has a label that is a class."""
    for images, labels in (X, y), (X_test, y_test):
        if images.dtype != np.uint8 or labels.shape != images.shape[:1]:
            raise ValueError(
                f"images must be of uint8, with a label for each, got {images.dtype} of "
                f"shape {images.shape} and labels of shape {labels.shape}"
            )
        if not np.isin(labels, np.arange(len(classes))).all():
            raise ValueError(f"labels must be from 0 to {len(classes) - 1}")
    return _bunch(X, y, X_test, y_test, classes)


def _fetched(name, n_train, shape, classes):
    """Return what OpenML holds, the training rows first; images have channels last."""
    try:
        data = fetch_openml(name, version=1, as_frame=False, parser="auto")
    except OSError as error:
        raise OSError(
            f"The data set is not in `data_home`, and OpenML, asked for {name!r}, did "
            f"not answer: {error}. Put its file there, or ask again with a network."
        ) from error
    X = data.data.astype(np.uint8).reshape(-1, *shape)
    X = np.moveaxis(X, 1, -1) if len(shape) == 3 else X
    y = data.target.astype(np.int64)
    return _bunch(X[:n_train], y[:n_train], X[n_train:], y[n_train:], classes)


def _decoded(stream, offsets):
    """Return the images of JPEG files that lie one after another."""
    with optional("Pillow", "images"):
        from PIL import Image

    stream = stream.tobytes()
    files = (stream[begin:end] for begin, end in pairwise(offsets))
    return np.stack([np.asarray(Image.open(io.BytesIO(file))) for file in files])


def _bunch(X, y, X_test, y_test, classes):
    y, y_test = y.astype(np.int64), y_test.astype(np.int64)
    return Bunch(X=X, y=y, X_test=X_test, y_test=y_test, classes=classes)
