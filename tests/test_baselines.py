"""Every baseline keeps the contract; those that rank rows keep their definition.

The definitions of baselines that look at several rows are in `test_baselines_sets`.
"""

import pickle
from copy import deepcopy

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.utils.estimator_checks import parametrize_with_checks
from skorch import NeuralNetClassifier
from torch import nn

from sksimilar import ActiveLearner, baselines
from sksimilar.baselines import (
    CoreSetSampler,
    DistinctMarginSampler,
    EntropySampler,
    LeastConfidenceSampler,
    MarginSampler,
    MostLikelyPositiveSampler,
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
ALL = [getattr(baselines, name) for name in baselines.__all__]
WITHOUT_ESTIMATOR = {"RandomSampler", "CoreSetSampler", "TopCosineSampler"}
OF_A_QUERY = {"TopCosineSampler", "MostLikelyPositiveSampler", "FISHERSampler"}


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
def test_duplicates_are_distinct_rows(sampler, estimator):
    rows = np.repeat(X[:12], 10, axis=0)
    y, query = np.repeat(TRUE[:12], 10), np.arange(120) < 3
    labels = np.where(query, y, -1)
    fitted = sampler(estimator, random_state=0).fit(rows, labels, query_mask=query)
    for n in 50, 117:
        assert len(np.unique(fitted.select(n))) == n


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
def test_nothing_that_is_passed_changes(sampler, estimator):
    passed = [X, Y, QUERY, KNOWN & ~QUERY, estimator]
    before = deepcopy(passed)
    masks = {"query_mask": QUERY, "conditioning_mask": KNOWN & ~QUERY}
    sampler(estimator).fit_select(X, Y, **masks)
    assert pickle.dumps(before[:4]) == pickle.dumps(passed[:4])
    assert_array_equal(before[4].predict_proba(X), estimator.predict_proba(X))
    if hasattr(estimator, "module_"):
        assert estimator.module_.training == before[4].module_.training
        assert not any(m._forward_hooks for m in estimator.module_.modules())


@parametrize_samplers
def test_no_global_random_state_is_drawn_from(sampler, estimator):
    states = np.random.get_state()[1].copy(), torch.get_rng_state()
    sampler(estimator).fit_select(X, Y, query_mask=QUERY)
    assert_array_equal(np.random.get_state()[1], states[0])
    assert torch.equal(torch.get_rng_state(), states[1])


@parametrize_samplers
def test_a_copy_selects_the_same(sampler, estimator):
    fitted = sampler(estimator, random_state=3).fit(X, Y, query_mask=QUERY)
    rows = fitted.select(20)
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).select(20), rows)
    fresh = clone(fitted)
    assert not hasattr(fresh, "candidates_")
    assert fresh.get_params(deep=False).keys() == fitted.get_params(deep=False).keys()
    fresh.set_params(estimator=estimator)  # That of a clone is not fitted.
    assert_array_equal(fresh.fit(X, Y, query_mask=QUERY).select(20), rows)


@parametrize_samplers
def test_only_candidates_are_selected(sampler, classifier):
    mask = np.arange(300) % 3 == 0
    mask &= ~KNOWN
    fitted = sampler(classifier).fit(X, Y, query_mask=QUERY, candidate_mask=mask)
    assert mask[fitted.select(30)].all()
    with pytest.warns(UserWarning, match="all are returned"):
        assert_array_equal(np.sort(fitted.select(299)), np.flatnonzero(mask))


@parametrize_samplers
def test_one_candidate_is_enough(sampler, classifier):
    mask = np.arange(300) == 200
    fitted = sampler(classifier).fit(X, Y, query_mask=QUERY, candidate_mask=mask)
    assert_array_equal(fitted.select(1), [200])


@parametrize_samplers
def test_no_candidate_is_an_error_of_select(sampler, classifier):
    fitted = sampler(classifier).fit(X, TRUE, query_mask=QUERY)
    with pytest.raises(ValueError, match="no row to select"):
        fitted.select()


# --------------------------------------------------------------------- errors


@pytest.mark.parametrize("name", sorted({*baselines.__all__} - WITHOUT_ESTIMATOR))
def test_a_missing_estimator_is_asked_for(name):
    with pytest.raises(ValueError, match=f"{name} needs a fitted `estimator`"):
        getattr(baselines, name)().fit(X, Y, query_mask=QUERY)


@pytest.mark.parametrize("name", sorted(OF_A_QUERY))
def test_a_missing_query_is_asked_for(name, classifier):
    with pytest.raises(ValueError, match=f"{name}.*`query_mask` is None"):
        getattr(baselines, name)(classifier).fit(X, Y)


@pytest.mark.parametrize("y", [None, np.where(QUERY, -1, Y)])
@pytest.mark.parametrize(
    "name", sorted(OF_A_QUERY - {"TopCosineSampler"}) + ["GLISTERSampler"]
)
def test_missing_labels_of_the_query_are_asked_for(name, y, classifier):
    with pytest.raises(ValueError, match=f"{name} needs the true labels"):
        getattr(baselines, name)(classifier).fit(X, y, query_mask=QUERY)


def test_cosine_needs_the_labels_of_the_query(classifier):
    with pytest.raises(ValueError, match="labels='hypothesized'"):
        TopCosineSampler(classifier).fit(X, query_mask=QUERY)


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((5, 3, 8, 8), dtype="float32"),
        torch.zeros(5, 1, 28, 28),
        np.full((5, 2), np.nan),
        ["a", "text", "and", "four", "more"],
        np.array([b"bytes"] * 5, dtype=object),
    ],
    ids=["images", "tensor", "nan", "texts", "objects"],
)
def test_random_rows_are_counted_and_not_read(rows):
    sampler = RandomSampler(budget=3, random_state=0)
    taken = sampler.fit_select(rows, [0, -1, -1, -1, -1])
    assert_array_equal(taken, RandomSampler(random_state=0).fit(range(4)).select(3) + 1)


SPARSE = {RandomSampler, MostLikelyPositiveSampler, DistinctMarginSampler}
SPARSE |= {kind for kind, _ in UNCERTAINTY}


@pytest.mark.parametrize("kind", ALL)
def test_sparse_rows_are_refused_only_where_they_are_compared(kind, classifier):
    sampler, model = kind(budget=5, random_state=0), LogisticRegression(max_iter=200)
    settings = {"scenario": "rare", "n_rounds": 2, "random_state": 0}
    learner = ActiveLearner(model, sampler, **settings)
    names = np.array(list("abcdefghij"))[TRUE]

    def picks(rows):
        fitted = clone(sampler).set_params(estimator=classifier)
        fitted.fit(rows, Y, query_mask=QUERY)
        learner.fit(rows, names, query_mask=QUERY)
        return [*fitted.select(), *learner.selected_rounds_]

    if kind in SPARSE:
        assert picks(csr_array(X)) == picks(X)
        return
    sampler.set_params(estimator=classifier)
    for call in (sampler.fit, learner.fit):
        with pytest.raises(TypeError, match="must be dense|dense data is required"):
            call(csr_array(X), Y, query_mask=QUERY)


@parametrize_with_checks(
    [
        RandomSampler(),
        CoreSetSampler(),
        ActiveLearner(LogisticRegression(), EntropySampler(), n_rounds=2),
        ActiveLearner(LogisticRegression(), DistinctMarginSampler(), n_rounds=2),
    ]
)
def test_samplers_keep_the_conventions_of_scikit_learn(estimator, check):
    check(estimator)
