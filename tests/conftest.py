"""Test runs share cores with each other, so that more threads only get in the way."""

import accelerator  # noqa: F401  Torch counts devices once, at the first gradient.
import torch

torch.set_num_threads(1)
