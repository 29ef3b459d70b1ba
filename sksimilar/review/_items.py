"""What rows look like: pictures, texts, or small tables of numbers."""

import base64
import io

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from .._validation.words import optional
from ..rows import is_frame, take

CHANNELS = (1, 3, 4)
KINDS = (
    "`items` must be images of shape (n_samples, height, width), with or without "
    "channels, texts, or rows of numbers"
)


def as_contents(items, rows):
    """Return how some rows are shown: a kind, names of columns, and one content each."""
    shown = take(items, rows)
    if is_frame(shown):
        columns = [str(name) for name in shown.columns]
        return "table", columns, [_cells(row) for row in shown.to_numpy()]
    shown = shown.to_numpy() if hasattr(shown, "to_numpy") else shown
    listed = [_unwrapped(shown[i], items) for i in range(len(rows))]
    if all(isinstance(item, str) for item in listed):
        return "text", [], [str(item) for item in listed]
    arrays = [np.asarray(item) for item in listed]
    check_arrays(arrays)
    if arrays[0].ndim == 1:
        columns = [f"x{i}" for i in range(len(arrays[0]))]
        return "table", columns, [_cells(row) for row in arrays]
    return "image", [], [_data_uri(pixels) for pixels in _as_bytes(arrays)]


def check_arrays(arrays):
    """Refuse rows that are neither images nor numbers."""
    shapes = sorted({array.shape for array in arrays}, key=len)
    if not 1 <= len(shapes[0]) <= 3 or len(shapes[0]) != len(shapes[-1]):
        raise ValueError(f"{KINDS}; got rows of shapes {shapes!r:.80}.")
    if any(array.dtype.kind not in "biuf" for array in arrays):
        raise ValueError(f"{KINDS}; got rows of {arrays[0].dtype}.")
    if len(shapes[0]) == 1 and len(shapes) > 1:
        raise ValueError(f"{KINDS}; got rows of different lengths.")
    if len(shapes[0]) == 3 and not all(_channels_axis(shape) for shape in shapes):
        raise ValueError(
            f"Images must have 1, 3 or 4 channels, last or first, got {shapes!r:.80}."
        )
    if len(shapes[0]) > 1 and not all(np.isfinite(array).all() for array in arrays):
        raise ValueError("`items` hold NaN or infinity in images that are to be shown.")


def _unwrapped(item, items):
    """Return a row without what a Dataset says of it, and off its device."""
    item = item[0] if isinstance(items, Dataset) and isinstance(item, tuple) else item
    return item.detach().cpu() if isinstance(item, Tensor) else item


def _cells(row):
    """Return the values of a row as short texts."""
    return [f"{v:.6g}" if isinstance(v, (float, np.floating)) else str(v) for v in row]


def _channels_axis(shape):
    """Return where the channels of an image are, -1 or -3; None if nowhere."""
    return next((axis for axis in (-1, -3) if shape[axis] in CHANNELS), None)


def _as_bytes(arrays):
    """Return images of uint8 with channels last, which share their shades.

    Bytes stay as they are.  Floats from 0 to 1 are shares of full brightness; any other
    numbers go from the least to the largest that is shown.
    """
    if all(array.dtype == np.uint8 for array in arrays):
        return [_channels_last(array) for array in arrays]
    low, high = min(a.min() for a in arrays), max(a.max() for a in arrays)
    if arrays[0].dtype.kind in "fb" and low >= 0 and high <= 1:
        low, high = 0, 1
    low, span = float(low), float(high) - float(low) or 1.0
    scaled = [255 * (array.astype(np.float64) - low) / span for array in arrays]
    return [_channels_last(np.rint(array).astype(np.uint8)) for array in scaled]


def _channels_last(image):
    if image.ndim == 2:
        return image
    image = image if _channels_axis(image.shape) == -1 else np.moveaxis(image, 0, -1)
    return image[..., 0] if image.shape[-1] == 1 else image


def _data_uri(pixels):
    """Return an image as the address of a PNG file that it contains."""
    with optional("Pillow", "images"):
        from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
