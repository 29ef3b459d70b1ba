"""SIMILAR: active learning with submodular information measures, for scikit-learn."""

from .baselines import (
    EntropySampler,
    LeastConfidenceSampler,
    MarginSampler,
    RandomSampler,
    TopCosineSampler,
)
from .learner import ActiveLearner
from .model_selection import PoolSplit
from .sampler import SIMILARSampler
from .scenarios import Scenario

__version__ = "0.1.0"

__all__ = [
    "ActiveLearner",
    "EntropySampler",
    "LeastConfidenceSampler",
    "MarginSampler",
    "PoolSplit",
    "RandomSampler",
    "SIMILARSampler",
    "Scenario",
    "TopCosineSampler",
]
