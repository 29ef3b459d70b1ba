"""Test runs share cores with each other, so that more threads only get in the way."""

import torch

torch.set_num_threads(1)
