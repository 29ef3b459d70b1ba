"""Every operator equals the dense matrix of its definition."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.metrics.pairwise import cosine_similarity, euclidean_distances

from sksimilar.factors import gradient_factors
from sksimilar.similarity import (
    METRICS,
    CosineSimilarity,
    DenseSimilarity,
    InnerProduct,
    RawCosineSimilarity,
    RBFSimilarity,
)

N, D, C = 23, 5, 4
rng = np.random.default_rng(0)
FEATURES = rng.normal(size=(N, D))
FEATURES[7] = FEATURES[3]  # a duplicate
FEATURES[11] = 0
LOGITS = 3 * rng.normal(size=(N, C))
LABELS = rng.integers(0, C, N)


def gradients():
    """Materialize softmax - onehot (x) (h, 1), one row a gradient."""
    p = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    residuals = p - np.eye(C)[LABELS]
    inputs = np.c_[FEATURES, np.ones(N)]
    return (residuals[:, :, None] * inputs[:, None, :]).reshape(N, -1)


def rbf(X, gamma=None):
    distances = euclidean_distances(X, squared=True)
    return np.exp(-distances * (1 / distances.mean() if gamma is None else gamma))


def feature_factors(dtype):
    return (torch.as_tensor(FEATURES, dtype=dtype),)


def head_factors(dtype):
    arrays = np.c_[FEATURES, np.ones(N)], LOGITS
    inputs, logits = (torch.as_tensor(a, dtype=dtype) for a in arrays)
    return gradient_factors(inputs, logits, torch.as_tensor(LABELS))


EMBEDDINGS = {"features": (feature_factors, FEATURES)}
EMBEDDINGS["gradient"] = (head_factors, gradients())

# A new operator is a row here: its class and its definition on materialized rows.
OPERATORS = {
    "dot": (InnerProduct, lambda X: X @ X.T),
    "raw_cosine": (RawCosineSimilarity, cosine_similarity),
    "cosine": (CosineSimilarity, lambda X: (1 + cosine_similarity(X)) / 2),
    "rbf": (RBFSimilarity, rbf),
    "rbf, gamma": (
        lambda *factors: RBFSimilarity(*factors, gamma=0.3),
        lambda X: rbf(X, 0.3),
    ),
    "dense": (
        lambda *factors: DenseSimilarity(InnerProduct(*factors)[:, :]),
        lambda X: X @ X.T,
    ),
}


@pytest.mark.parametrize("dtype, atol", [(torch.float32, 1e-5), (torch.float64, 1e-12)])
@pytest.mark.parametrize("embedding", EMBEDDINGS)
@pytest.mark.parametrize("name", OPERATORS)
def test_lazy_equals_dense(name, embedding, dtype, atol, monkeypatch):
    monkeypatch.setattr("sksimilar.blocks.BLOCK", 40)  # several blocks
    factors, X = EMBEDDINGS[embedding][0](dtype), EMBEDDINGS[embedding][1]
    make, definition = OPERATORS[name]
    S, expected = make(*factors), definition(X)
    atol = atol * max(1, abs(expected).max())
    A, B = torch.tensor([3, 0, 22, 7, 11]), torch.tensor([7, 1, 19])
    assert len(S) == N
    assert S[A, B].dtype == dtype
    assert_allclose(S[A, B], expected[np.ix_(A, B)], rtol=0, atol=atol)
    assert_allclose(S[:, 2:9], expected[:, 2:9], rtol=0, atol=atol)
    assert_allclose(S.diagonal(), expected.diagonal(), rtol=0, atol=atol)
    assert_allclose(S.sums(A, B), expected[np.ix_(A, B)].sum(1), rtol=0, atol=5 * atol)
    for j in B.split(1):  # Few points go another way than many.
        alone = expected[np.ix_(A, j)].sum(axis=1)
        assert_allclose(S.sums(A, j), alone, rtol=0, atol=atol)
    w = torch.tensor([2.0, -1.0, 0.5], dtype=torch.float64)
    weighted = expected[np.ix_(A, B)] @ w.numpy()
    assert_allclose(S.sums(A, B, w), weighted, rtol=0, atol=5 * atol)
    several = torch.stack([w, w.square()], dim=1)
    both = expected[np.ix_(A, B)] @ several.numpy()
    assert_allclose(S.sums(A, B, several), both, rtol=0, atol=5 * atol)
    for some in range(4):  # In two steps: however little the first or second is.
        grown = S.summed(B[:some], several[:some]).plus(B[some:], several[some:])
        assert_allclose(grown(A), both, rtol=0, atol=5 * atol)
    for j in B.split(1):
        alone = expected[np.ix_(A, j)] @ several[:1].numpy()
        assert_allclose(S.sums(A, j, several[:1]), alone, rtol=0, atol=5 * atol)
    assert_allclose(S.largest(A, B), expected[np.ix_(A, B)].max(1), rtol=0, atol=atol)
    groups = [B, torch.tensor([3, 7]), torch.tensor([5])]
    for group, ceiling in zip(groups, S.ceilings(A, groups)):
        assert (ceiling >= S[A, group].amax(dim=1)).all()
        assert (ceiling <= S.bounds[1]).all()
    if not isinstance(S, DenseSimilarity):  # A single point is known exactly.
        assert_allclose(ceiling, expected[A, 5], rtol=0, atol=50 * atol)
    part = S.restrict(A)
    assert_allclose(part[:, :], expected[np.ix_(A, A)], rtol=0, atol=atol)
    assert_allclose(part.diagonal(), expected.diagonal()[A], rtol=0, atol=atol)
    low, high = S.bounds
    assert low - atol <= expected.min() and expected.max() <= high + atol


@pytest.mark.parametrize("kind", METRICS.values())
def test_in_float64_it_is_that_of_the_same_factors(kind):
    S = kind(*head_factors(torch.float32))
    options = {"gamma": S.gamma} if hasattr(S, "gamma") else {}
    factors = [factor.double() for factor in S.factors]
    expected = kind(*factors, prepared=True, **options)
    precise = S.double()
    assert S[:, :].dtype == torch.float32 and precise[:, :].dtype == torch.float64
    assert_allclose(precise[:, :], expected[:, :], rtol=0, atol=1e-12)
    assert_allclose(precise.diagonal(), expected.diagonal(), rtol=1e-12)
    part = precise.restrict(torch.arange(5))
    assert_allclose(part[:, :], expected[:5, :5], rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [1, 30, 200, 1e4])
def test_saturated_softmax_keeps_the_direction_of_the_gradient(scale):
    logits = scale * torch.tensor([[3.0, 1.0, 0.9], [1.0, 3.0, 0.5]])
    labels = logits.argmax(dim=1)
    residuals, _ = gradient_factors(torch.zeros(2, 1), logits, labels)
    others = logits.double().scatter(1, labels[:, None], -torch.inf)
    expected = others.softmax(dim=1).scatter(1, labels[:, None], -1.0)
    expected = expected / expected.norm(dim=1, keepdim=True)
    direction = residuals.double() / residuals.double().norm(dim=1, keepdim=True)
    assert_allclose(direction, expected, atol=1e-6)


def test_cosine_of_a_point_with_itself_is_exactly_one_in_float32():
    S = CosineSimilarity(*head_factors(torch.float32))
    assert (S.diagonal() == 1).all()
