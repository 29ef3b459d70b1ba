"""Displays in the manner of scikit-learn: what was learned, what was picked, and why.

They take arrays, so that runs of any origin can be drawn; ``from_sampler`` reads those of
a sampler that has selected.  Matplotlib is imported when something is drawn, and only
then.  Floor 1.
"""

from ._counts import SelectionCountsDisplay
from ._curves import ActiveLearningCurveDisplay
from ._embedding import EmbeddingDisplay
from ._explanation import ExplanationDisplay
from ._gains import GainCurveDisplay
from ._highlighted import HighlightedCurveDisplay, contrasting
from ._items import SelectedItemsDisplay
from ._penalty import PenaltyMatrixDisplay
from ._similarity import SimilarityDisplay
from ._style import apart

__all__ = [
    "ActiveLearningCurveDisplay",
    "EmbeddingDisplay",
    "ExplanationDisplay",
    "GainCurveDisplay",
    "HighlightedCurveDisplay",
    "PenaltyMatrixDisplay",
    "SelectedItemsDisplay",
    "SelectionCountsDisplay",
    "SimilarityDisplay",
    "apart",
    "contrasting",
]
