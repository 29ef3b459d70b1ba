"""What a selection will take, said before it starts.  Floor 0."""

from time import perf_counter

import torch

from ._validation import format_bytes


def check_memory(needed, limit, n_partitions, remedy):
    """Refuse a selection that would take more memory than allowed.

    Parameters
    ----------
    needed, limit : float
        Bytes; ``limit`` None allows all.

    n_partitions : int
        The partitions in force.

    remedy : str
        A function that takes less.
    """
    if limit is None or needed <= limit:
        return
    parts = n_partitions * -int(-needed // limit)
    raise ValueError(
        f"This selection needs about {format_bytes(needed)} and memory_limit allows "
        f"{format_bytes(limit)}; nothing was allocated. Set n_partitions={parts} or "
        f"more, raise memory_limit, or use {remedy}."
    )


def expected_seconds(cost, dtype, device):
    """Return the time a `Cost` takes at the rates this device shows now."""
    products, traffic = measured_rates(dtype, device)
    return cost.products / products + cost.traffic / traffic


def measured_rates(dtype, device):
    """Return matrix-product operations, and numbers touched elementwise, per second."""
    a = torch.ones(1024, 96, dtype=dtype, device=device)
    b = torch.ones(1024, 1024, dtype=dtype, device=device)
    product = _fastest(lambda: a @ a.T, device)
    touched = _fastest(lambda: b.add_(1), device)
    return 2 * 1024 * 1024 * 96 / product, 2 * b.numel() / touched


def _fastest(work, device, repeats=5):
    times = []
    for _ in range(repeats):
        start = perf_counter()
        work()
        if torch.device(device).type == "cuda":
            torch.cuda.synchronize(device)
        times.append(perf_counter() - start)
    return min(times)


def progress(verbose, label):
    """Return what wraps a range of steps: a tqdm bar where wanted and installed."""
    if not verbose:
        return iter
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return iter
    return lambda steps: tqdm(steps, desc=label, leave=False)
