"""Work on many points a block at a time, of what a device has room for.  Floor 0."""

import warnings

import torch

__all__ = ["BLOCK", "TILE", "blockwise", "in_blocks"]

BLOCK = 1 << 20  # Numbers that a block holds on the CPU: 4 MB in float32.
TILE = BLOCK // 4  # Those of one that is read several times, from the caches of a core.
LARGEST = 1 << 26  # On an accelerator, where every block costs kernel launches.
SHARE = 16  # A block's part of the memory that is free there.


def blockwise(compute, n, width, device, most=None):
    """Yield ``compute(block)`` for consecutive blocks of n points.

    The memory of an accelerator may be gone when it is needed, since others work there,
    too.  A block that finds no room is computed in halves, and so are those after it.

    Parameters
    ----------
    compute : callable
        Takes a slice of ``range(n)``; it may be called again for a part of it.

    n : int
        Number of points; of none there is one empty block.

    width : int
        How many numbers a point takes while its block is worked on.

    device : torch.device
        Where they are.

    most : int, default=None
        Numbers that a block holds on the CPU; `BLOCK` by default.

    Yields
    ------
    part : object
        What ``compute`` has returned.

    Raises
    ------
    torch.cuda.OutOfMemoryError
        If a single point finds no room.

    Warns
    -----
    UserWarning
        When a block is halved.
    """
    most = BLOCK if most is None else most
    if n * width > most:  # Asking a device takes longer than a small block.
        most = _room(device, most)
    height, start = max(1, most // max(1, width)), 0
    while True:
        block = slice(start, min(start + height, n))
        try:
            yield compute(block)
        except torch.cuda.OutOfMemoryError:
            if block.stop - start < 2:
                raise
            height = (block.stop - start) // 2
            warnings.warn(
                f"{device} ran out of memory and goes on with smaller blocks; the result "
                "stays the same."
            )
        else:
            start = block.stop
            if start == n:
                return


def in_blocks(compute, points, width):
    """Return ``compute(points)``, a block at a time into room that is made once.

    Parameters
    ----------
    compute : callable
        Makes a tensor of the same length of a tensor of points.

    points : tensor of shape (n_points,), int64
        What it takes.

    width : int
        How many numbers a point takes while it is worked on.

    Returns
    -------
    result : tensor of shape (n_points, ...)
        What ``compute`` has made of all points.
    """
    parts = blockwise(lambda b: compute(points[b]), len(points), width, points.device)
    result, stop = None, 0
    for part in parts:
        if len(part) == len(points):
            return part
        if result is None:
            result = part.new_empty(len(points), *part.shape[1:])
        start, stop = stop, stop + len(part)
        result[start:stop] = part
    return result


def _room(device, most):
    """Return how many numbers a block may hold."""
    if torch.device(device).type != "cuda":
        return most
    free, _ = torch.cuda.mem_get_info(device)
    # What torch has set aside and does not use is free, too.
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return min(LARGEST, free // 4 // SHARE)
