"""SIMILAR: active learning with submodular information measures, for scikit-learn."""

from .baselines import (
    BADGESampler,
    CoreSetSampler,
    DistinctMarginSampler,
    EntropySampler,
    FASSSampler,
    FISHERSampler,
    GLISTERSampler,
    LeastConfidenceSampler,
    MarginSampler,
    MostLikelyPositiveSampler,
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
    "BADGESampler",
    "CoreSetSampler",
    "DistinctMarginSampler",
    "EntropySampler",
    "FASSSampler",
    "FISHERSampler",
    "GLISTERSampler",
    "LeastConfidenceSampler",
    "MarginSampler",
    "MostLikelyPositiveSampler",
    "PoolSplit",
    "RandomSampler",
    "SIMILARSampler",
    "Scenario",
    "TopCosineSampler",
]
