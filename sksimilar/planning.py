"""What a selection will take, said before it starts.  Floor 1."""

from time import perf_counter
from typing import NamedTuple

import torch

from ._validation import format_bytes


def check_memory(needed, limit, remedies):
    """Refuse a selection that would take more memory than allowed.

    Parameters
    ----------
    needed, limit : float
        Bytes; ``limit`` None allows all.

    remedies : callable
        Returns other ways out, as texts; asked only where one is needed.
    """
    if limit is None or needed <= limit:
        return
    raise ValueError(
        f"This selection needs about {format_bytes(needed)} and memory_limit allows "
        f"{format_bytes(limit)}; nothing was allocated. "
        f"{', or '.join(['Raise memory_limit', *remedies()])}."
    )


def expected_seconds(cost, budget, dtype, device):
    """Return the time of a `Cost` and so many picks at the rates this device shows."""
    rates = measured_rates(dtype, device)
    work = cost.products / rates.products + cost.traffic / rates.traffic
    return work + budget * cost.calls / rates.calls


class Rates(NamedTuple):
    """Operations in matrix products, numbers touched and calls, all per second."""

    products: float
    traffic: float
    calls: float


def measured_rates(dtype, device):
    """Return the `Rates` of a device; the measurement takes about a tenth of a second."""
    few = torch.ones(8, dtype=dtype, device=device)
    thin = torch.ones(2048, 96, dtype=dtype, device=device)
    many = torch.ones(1 << 24, dtype=dtype, device=device)  # More than caches hold.
    return Rates(
        products=2 * 2048 * 2048 * 96 / _fastest(lambda: thin @ thin.T, device),
        traffic=2 * len(many) / _fastest(lambda: many.add_(1), device),
        calls=1 / _fastest(lambda: few.add_(1), device),
    )


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
