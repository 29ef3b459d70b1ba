"""Every baseline ranks rows as its definition says, written here in NumPy."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.utils.estimator_checks import parametrize_with_checks
from skorch import NeuralNetClassifier
from torch import nn

from sksimilar.baselines import (
    EntropySampler,
    LeastConfidenceSampler,
    MarginSampler,
    RandomSampler,
    TopCosineSampler,
)

X, TRUE = load_digits(return_X_y=True)
X, TRUE = (X[:300] / 16).astype("float32"), TRUE[:300]
KNOWN = np.arange(300) < 60
Y = np.where(KNOWN, TRUE, -1)
QUERY = KNOWN & (TRUE == 3)
POOL = np.flatnonzero(~KNOWN)


def entropy(p):
    return -(p * np.log(p)).sum(axis=1)


def margin(p):
    p = np.sort(p, axis=1)
    return p[:, -2] - p[:, -1]


def least_confidence(p):
    return -np.log(p.max(axis=1))


UNCERTAINTY = [
    (EntropySampler, entropy),
    (MarginSampler, margin),
    (LeastConfidenceSampler, least_confidence),
]
ALL = [RandomSampler, TopCosineSampler, *(sampler for sampler, _ in UNCERTAINTY)]


@pytest.fixture(scope="module")
def classifier():
    return LogisticRegression(max_iter=200).fit(X[KNOWN], TRUE[KNOWN])


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
    return NeuralNetClassifier(
        module,
        criterion=nn.CrossEntropyLoss,
        lr=0.5,
        max_epochs=30,
        train_split=None,
        verbose=0,
    ).fit(X[KNOWN], TRUE[KNOWN])


@pytest.fixture(params=["classifier", "net"])
def estimator(request):
    return request.getfixturevalue(request.param)


class Pass(nn.Module):
    """Logits that are the rows themselves."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))  # An optimizer wants something.

    def forward(self, X):
        return X * self.weight


def saturated():
    """Return a net whose logits are 1e4 for one class, and its rows."""
    net = NeuralNetClassifier(Pass, criterion=nn.CrossEntropyLoss, verbose=0)
    rows = 1e4 * np.eye(4, dtype="float32")[np.arange(40) % 4]
    return net.initialize(), rows


parametrize_definitions = pytest.mark.parametrize("sampler, definition", UNCERTAINTY)
parametrize_samplers = pytest.mark.parametrize("sampler", ALL)


# ------------------------------------------------------------------- the definitions


@parametrize_definitions
def test_scores_are_the_definition(sampler, definition, estimator):
    fitted = sampler(estimator).fit(X, Y)
    p = estimator.predict_proba(X[POOL]).astype("float64")
    assert_allclose(fitted.scores_, definition(p), rtol=1e-5, atol=1e-6)


@parametrize_definitions
def test_the_most_uncertain_come_first(sampler, definition, estimator):
    rows = sampler(estimator, budget=20, random_state=0).fit_select(X, Y)
    score = definition(estimator.predict_proba(X).astype("float64"))
    assert np.diff(score[rows]).max() <= 1e-6
    left = np.setdiff1d(POOL, rows)
    assert score[rows].min() >= score[left].max() - 1e-6


def test_cosine_is_of_the_explicit_gradients(classifier):
    # The gradient of the cross-entropy in (W, b), written out; true labels on the query.
    labels = np.where(KNOWN, TRUE, classifier.predict(X))
    residual = classifier.predict_proba(X) - np.eye(10)[labels]
    gradient = residual[:, :, None] * np.c_[X, np.ones(len(X))][:, None]
    cosine = cosine_similarity(gradient.reshape(len(X), -1))[np.ix_(POOL, QUERY)]
    fitted = TopCosineSampler(classifier).fit(X, Y, query_mask=QUERY)
    assert_allclose(fitted.scores_, cosine.max(axis=1), atol=1e-5)


@pytest.mark.parametrize("embedding", ["auto", "features"])
def test_cosine_without_an_estimator_is_of_the_rows(embedding):
    sampler = TopCosineSampler(embedding=embedding)
    fitted = sampler.fit(X, Y, query_mask=QUERY)
    expected = cosine_similarity(X[POOL], X[QUERY]).max(axis=1)
    assert_allclose(fitted.scores_, expected, atol=1e-6)
    rows = fitted.select(5)
    assert_allclose(
        cosine_similarity(X[rows], X[QUERY]).max(axis=1), np.sort(expected)[:-6:-1]
    )


def test_hypothesized_labels_need_no_true_ones(net):
    sampler = TopCosineSampler(net, labels="hypothesized")
    predicted = np.where(QUERY, net.predict(X), -1)
    expected = TopCosineSampler(net).fit(X, predicted, query_mask=QUERY).scores_
    masks = {"query_mask": QUERY, "candidate_mask": ~QUERY}
    assert_array_equal(sampler.fit(X, **masks).scores_, expected)


# --------------------------------------------------------------------- hard probabilities


@parametrize_definitions
def test_a_saturated_softmax_gives_numbers(sampler, definition):
    net, rows = saturated()
    fitted = sampler(net, random_state=0).fit(rows)
    assert np.isfinite(fitted.scores_).all()
    assert_allclose(fitted.scores_, fitted.scores_[0])  # All are as sure.


@parametrize_definitions
def test_an_uncertain_row_stands_out_of_saturated_ones(sampler, definition):
    net, rows = saturated()
    rows[17] = 0
    assert_array_equal(sampler(net).fit(rows).select(1), [17])


@parametrize_definitions
def test_with_one_class_only_nothing_is_uncertain(sampler, definition):
    model = DummyClassifier().fit(X[:5], np.zeros(5))
    assert len(sampler(model).fit(X).select(7)) == 7


# --------------------------------------------------------------------- the contract


@parametrize_samplers
def test_rows_are_distinct_candidates_of_the_exact_number(sampler, estimator):
    fitted = sampler(estimator, random_state=0).fit(X, Y, query_mask=QUERY)
    for n in 1, 33, len(POOL):
        rows = fitted.select(n)
        assert rows.dtype == np.int64
        assert len(np.unique(rows)) == len(rows) == n
        assert np.isin(rows, POOL).all()


@parametrize_samplers
def test_duplicates_are_distinct_rows(sampler, classifier):
    rows = np.repeat(X[:6], 20, axis=0)
    y, query = np.repeat(TRUE[:6], 20), np.arange(120) == 0
    labels = np.where(query, y, -1)
    chosen = sampler(classifier, random_state=0).fit(rows, labels, query_mask=query)
    assert len(np.unique(chosen.select(50))) == 50


@parametrize_samplers
def test_same_seed_same_rows(sampler, estimator):
    def choose():
        chosen = sampler(estimator, random_state=7)
        return chosen.fit_select(X, Y, query_mask=QUERY)

    assert_array_equal(choose(), choose())


@parametrize_samplers
def test_ties_are_in_random_order(sampler, classifier):
    same = np.repeat(X[:1], 50, axis=0)
    query = np.arange(50) == 0
    y = np.where(query, TRUE[0], -1)
    chosen = {
        tuple(sampler(classifier, random_state=s).fit_select(same, y, query_mask=query))
        for s in range(5)
    }
    assert len(chosen) == 5


@parametrize_samplers
def test_no_candidate_is_an_error_of_select(sampler, classifier):
    fitted = sampler(classifier).fit(X, TRUE, query_mask=QUERY)
    with pytest.raises(ValueError, match="no row to select"):
        fitted.select()


# --------------------------------------------------------------------- errors


@parametrize_definitions
def test_uncertainty_needs_an_estimator(sampler, definition):
    with pytest.raises(ValueError, match="needs a fitted `estimator`"):
        sampler().fit(X, Y)


def test_cosine_needs_a_query(classifier):
    with pytest.raises(ValueError, match="`query_mask` is None"):
        TopCosineSampler(classifier).fit(X, Y)


def test_cosine_needs_the_labels_of_the_query(classifier):
    with pytest.raises(ValueError, match="labels='hypothesized'"):
        TopCosineSampler(classifier).fit(X, query_mask=QUERY)


@parametrize_with_checks([RandomSampler()])
def test_random_sampler_keeps_the_conventions_of_scikit_learn(estimator, check):
    check(estimator)
