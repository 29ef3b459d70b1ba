"""SIMILAR: active learning with submodular information measures, for scikit-learn."""

from .baselines import RandomSampler
from .sampler import SIMILARSampler

__version__ = "0.1.0"

__all__ = ["RandomSampler", "SIMILARSampler"]
