"""Samplers to compare with: the paper's baselines and sanity checks.  Floor 4.

All keep the contract of `sksimilar.base.BaseSampler`: distinct candidates, as many as
asked for, whatever duplicates the pool holds.  Masks that a baseline has no use for are
accepted and ignored, so that all samplers stand in one grid.

======================================== ===============================================
Looks at                                 Samplers
======================================== ===============================================
nothing                                  `RandomSampler`
each candidate alone                     `EntropySampler`, `MarginSampler`,
                                         `LeastConfidenceSampler`
candidates and each other                `BADGESampler`, `CoreSetSampler`, `FASSSampler`,
                                         `DistinctMarginSampler`
candidates and the query                 `TopCosineSampler`, `MostLikelyPositiveSampler`,
                                         `FISHERSampler`, `GLISTERSampler`
======================================== ===============================================
"""

from ._badge import BADGESampler
from ._coreset import CoreSetSampler
from ._fass import FASSSampler
from ._fisher import FISHERSampler
from ._glister import GLISTERSampler
from ._ranked import MostLikelyPositiveSampler, RandomSampler, TopCosineSampler
from ._uncertainty import (
    DistinctMarginSampler,
    EntropySampler,
    LeastConfidenceSampler,
    MarginSampler,
)

__all__ = [
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
    "RandomSampler",
    "TopCosineSampler",
]
