"""Similarities as operators: asked for blocks, never formed whole.  Floor 1.

Everything here is built on *factors*: thin matrices F, G, ... such that
<g_i, g_j> = <F_i, F_j> <G_i, G_j> ... .  Gradients of the last layer have two, and plain
features are the case of one.
"""

from ._base import DenseSimilarity, Similarity
from ._factored import (
    CosineSimilarity,
    InnerProduct,
    RawCosineSimilarity,
    RBFSimilarity,
)

__all__ = [
    "METRICS",
    "CosineSimilarity",
    "DenseSimilarity",
    "InnerProduct",
    "RBFSimilarity",
    "RawCosineSimilarity",
    "Similarity",
]

METRICS = {
    "cosine": CosineSimilarity,
    "raw_cosine": RawCosineSimilarity,
    "dot": InnerProduct,
    "rbf": RBFSimilarity,
}
