"""Randomness that comes from one seed and leaves the world's alone.  Floor 0."""

import random
from contextlib import contextmanager
from threading import RLock

import numpy as np
import torch
from sklearn.utils import check_random_state

__all__ = ["derive", "draw_seed", "generator", "seeded", "with_seed"]


def generator(random_state):
    """Return the generator of a ``random_state``; None never means the global one."""
    if random_state is None:
        return np.random.RandomState()
    return check_random_state(random_state)


def draw_seed(random_state):
    """Return the seed of a run, drawn from nothing global without a random_state."""
    if random_state is None:
        return int(np.random.default_rng().integers(2**31))
    return int(check_random_state(random_state).randint(2**31 - 1))


def derive(seed, *path):
    """Return a seed for one purpose in one round, independent of all others.

    Nothing is drawn in sequence, so a resumed run needs the state of no generator.
    """
    return int(np.random.SeedSequence([seed, *path]).generate_state(1)[0] >> 1)


def with_seed(estimator, seed):
    """Set every ``random_state`` that was left at None, nested ones too."""
    unset = [
        name
        for name, value in estimator.get_params().items()
        if name.split("__")[-1] == "random_state" and value is None
    ]
    states = {name: derive(seed, i) for i, name in enumerate(sorted(unset))}
    return estimator.set_params(**states)


_GENERATORS = RLock()


@contextmanager
def seeded(seed, device="cpu"):
    """Seed torch, NumPy and Python within the block, and put back what was there.

    skorch has no ``random_state``: weights, batches and augmentations are drawn from
    the global generators, which threads share and so use in turn.  CUDA is not
    initialized for a network on the CPU.
    """
    with _GENERATORS:
        numpy_state, python_state = np.random.get_state(), random.getstate()
        on_cuda = torch.cuda.is_initialized() or str(device).startswith("cuda")
        devices = range(torch.cuda.device_count()) if on_cuda else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            np.random.seed(seed)
            random.seed(seed)
            try:
                yield
            finally:
                np.random.set_state(numpy_state)
                random.setstate(python_state)
