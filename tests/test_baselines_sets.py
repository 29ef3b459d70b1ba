"""Baselines that look at more than one row select what their papers define.

Every definition is written out in NumPy, with the gradients in full.
"""

import pickle
from itertools import permutations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from scipy.stats import chisquare
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier
from skorch.helper import SliceDataset
from torch import nn
from torch.utils.data import TensorDataset

from sksimilar import ActiveLearner, PoolSplit
from sksimilar.baselines import (
    BADGESampler,
    CoreSetSampler,
    DistinctMarginSampler,
    EntropySampler,
    FASSSampler,
    FISHERSampler,
    GLISTERSampler,
    MarginSampler,
    MostLikelyPositiveSampler,
    _badge,
)
from sksimilar.rows import fingerprint

X, TRUE = load_digits(return_X_y=True)
X, TRUE = X[:240] / 16 + np.random.default_rng(0).normal(0, 0.4, (240, 64)), TRUE[:240]
X = X.astype("float32")  # With noise, so that no distances are equal.
TRAINED = np.arange(240) < 40
QUERY = (np.arange(240) >= 40) & (np.arange(240) < 80)  # 40 rows of all classes.
Y = np.where(TRAINED | QUERY, TRUE, -1)
POOL = np.flatnonzero(Y == -1)


@pytest.fixture(scope="module")
def classifier():
    return LogisticRegression(max_iter=300).fit(X[TRAINED], TRUE[TRAINED])


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 10))
    return NeuralNetClassifier(
        module,
        criterion=nn.CrossEntropyLoss,
        lr=0.3,
        max_epochs=30,
        train_split=None,
        verbose=0,
    ).fit(X[TRAINED], TRUE[TRAINED])


@pytest.fixture(params=["classifier", "net"])
def estimator(request):
    return request.getfixturevalue(request.param)


def head(estimator, rows):
    """Return the input (h, 1) of the last layer and the logits, in float64."""
    if isinstance(estimator, LogisticRegression):
        h, z = rows, estimator.decision_function(rows)
    else:
        with torch.no_grad():
            h = estimator.module_[:2](torch.as_tensor(rows))
            z = estimator.module_[2](h).numpy()
    return np.c_[h, np.ones(len(rows))].astype(float), np.asarray(z, dtype=float)


def gradients(h, z, labels):
    """Return the gradient of each row's cross-entropy in (W, b), (n, C, d + 1)."""
    residuals = softmax(z, axis=1) - np.eye(z.shape[1])[labels]
    return residuals[:, :, None] * h[:, None, :]


def hypothesized(estimator, rows):
    """Return the gradients of rows under their predicted labels, flat."""
    h, z = head(estimator, rows)
    return gradients(h, z, z.argmax(axis=1)).reshape(len(rows), -1)


def as_dataset(rows):
    return TensorDataset(torch.as_tensor(rows), torch.zeros(len(rows)))


def as_slices(rows):
    return SliceDataset(as_dataset(rows))


def squared_distances(a, b):
    return ((a[:, None] - b[None]) ** 2).sum(axis=2)


# ----------------------------------------------------------------------------- BADGE


def test_badge_begins_with_the_largest_gradient(estimator):
    norms = np.linalg.norm(hypothesized(estimator, X[POOL]), axis=1)
    rows = BADGESampler(estimator, random_state=0).fit_select(X, Y)
    assert rows[0] == POOL[norms.argmax()]


@pytest.mark.parametrize("proposals", [1, 64])
def test_badge_draws_by_squared_distance(classifier, monkeypatch, proposals):
    monkeypatch.setattr(_badge, "PROPOSALS", proposals)
    pool = X[POOL[:6]]
    d2 = squared_distances(*[hypothesized(classifier, pool)] * 2)
    first = np.linalg.norm(hypothesized(classifier, pool), axis=1).argmax()
    sampler = BADGESampler(classifier, budget=3).fit(pool)

    expected = {}
    rest = [i for i in range(6) if i != first]
    for picks in permutations(rest, 2):
        probability, nearest = 1.0, d2[first]
        for pick in picks:
            probability *= nearest[pick] / nearest.sum()
            nearest = np.minimum(nearest, d2[pick])
        expected[first, *picks] = probability
    assert_allclose(sum(expected.values()), 1)

    counts, n_draws = dict.fromkeys(expected, 0), 1500
    for seed in range(n_draws):
        counts[tuple(sampler.set_params(random_state=seed).select())] += 1
    often = [picks for picks, p in expected.items() if p * n_draws >= 5]
    observed = np.array([counts[picks] for picks in often], dtype=float)
    wanted = n_draws * np.array([expected[picks] for picks in often])
    observed = np.append(observed, n_draws - observed.sum())
    wanted = np.append(wanted, n_draws - wanted.sum())
    assert chisquare(observed, wanted).pvalue > 0.01


def test_badge_takes_one_row_of_each_kind_before_copies(estimator):
    kinds = X[POOL[:8]]
    rows = (
        BADGESampler(estimator, random_state=0).fit(np.tile(kinds, (6, 1))).select(48)
    )
    assert set(rows[:8] % 8) == set(range(8))
    assert_array_equal(np.sort(rows), np.arange(48))


def test_badge_is_not_stopped_by_a_saturated_softmax():
    net = NeuralNetClassifier(nn.Linear(4, 4), criterion=nn.CrossEntropyLoss, verbose=0)
    net.initialize()
    with torch.no_grad():
        net.module_.weight.copy_(torch.eye(4))
    rows = 1e4 * np.eye(4, dtype="float32")[np.arange(40) % 4]
    assert len(np.unique(BADGESampler(net).fit(rows).select(30))) == 30


# ----------------------------------------------------------------------------- CoreSet


def farthest_first(features, centers, candidates, n):
    chosen = []
    for _ in range(n):
        reached = features[[*centers, *chosen]]
        distance = squared_distances(features[candidates], reached).min(axis=1)
        chosen.append(candidates[distance.argmax()])
    return chosen


def test_coreset_is_farthest_first(estimator):
    features = head(estimator, X)[0]
    centers = np.flatnonzero(Y >= 0)
    sampler = CoreSetSampler(estimator, budget=60).fit(X, Y)
    assert_array_equal(sampler.centers_, centers)
    assert_array_equal(sampler.select(), farthest_first(features, centers, POOL, 60))


def test_coreset_without_an_estimator_compares_the_rows():
    sampler = CoreSetSampler(budget=30).fit(X, Y)
    expected = farthest_first(X.astype(float), np.flatnonzero(Y >= 0), POOL, 30)
    assert_array_equal(sampler.select(), expected)


def test_coreset_stays_away_from_the_conditioning_set_too():
    P = np.arange(240) >= 200  # Their labels are unknown.
    candidates = np.flatnonzero((Y == -1) & ~P)
    sampler = CoreSetSampler(budget=30).fit(X, Y, conditioning_mask=P)
    centers = np.flatnonzero((Y >= 0) | P)
    expected = farthest_first(X.astype(float), centers, candidates, 30)
    assert_array_equal(sampler.select(), expected)


def test_coreset_without_a_label_begins_anywhere():
    firsts = set()
    for seed in range(5):
        rows = CoreSetSampler(budget=20, random_state=seed).fit_select(X)
        others = np.setdiff1d(np.arange(240), rows[:1])
        expected = farthest_first(X.astype(float), rows[:1], others, 19)
        assert_array_equal(rows[1:], expected)
        firsts.add(rows[0])
    assert len(firsts) > 1


def test_coreset_is_right_far_from_the_origin():
    # Where |a - b|^2 in float32 would be nothing but rounding.
    far = X + np.float32(2000)
    expected = farthest_first(far.astype(float), np.flatnonzero(Y >= 0), POOL, 30)
    assert_array_equal(CoreSetSampler(budget=30).fit_select(far, Y), expected)


def test_coreset_does_not_mind_where_an_outlier_is():
    rows = np.random.RandomState(0).randn(300, 2)
    known, selected = np.where(np.isin(np.arange(300), [0, 7]), 0, -1), []
    for place in (0, 150, 299):
        order = np.insert(np.arange(1, 300), place, 0)
        moved = rows.copy()
        moved[0] = 2e6
        found = CoreSetSampler(budget=15).fit_select(moved[order], known[order])
        selected.append(order[found])
    assert_array_equal(selected[0], selected[1])
    assert_array_equal(selected[0], selected[2])


# ----------------------------------------------------------------------------- GLISTER


def glister(estimator, validation, labels, n, eta):
    """Return the picks, with theta = (W, b) moved in full."""
    pool, (h, z) = hypothesized(estimator, X[POOL]), head(estimator, X[validation])
    moved, chosen, gains = np.zeros((z.shape[1], h.shape[1])), [], []
    for _ in range(n):
        loss_gradient = gradients(h, z + h @ moved.T, labels).mean(axis=0)
        gain = eta * pool @ loss_gradient.ravel()
        gain[chosen] = -np.inf
        chosen.append(gain.argmax())
        gains.append(gain.max())
        moved -= eta * pool[chosen[-1]].reshape(moved.shape)
    return POOL[chosen], gains


@pytest.mark.parametrize("eta", [0.01, 0.5])
def test_glister_follows_the_validation_gradient(estimator, eta):
    sampler = GLISTERSampler(estimator, budget=25, learning_rate=eta)
    rows = sampler.fit_select(X, Y, query_mask=QUERY)
    validation = np.flatnonzero(QUERY)
    assert_array_equal(sampler.validation_, validation)
    assert_array_equal(rows, glister(estimator, validation, TRUE[QUERY], 25, eta)[0])


def test_glister_without_a_query_validates_on_all_rows(estimator):
    labels = np.where(Y >= 0, Y, estimator.predict(X))
    sampler = GLISTERSampler(estimator, budget=25, learning_rate=0.1)
    rows = sampler.fit_select(X, Y)
    assert_array_equal(rows, glister(estimator, np.arange(240), labels, 25, 0.1)[0])


def test_glister_gain_is_what_a_small_step_takes_off_the_loss(classifier):
    eta, (h, z) = 1e-4, head(classifier, X[QUERY])

    def loss(z):
        return -np.log(softmax(z, axis=1)[np.arange(len(z)), TRUE[QUERY]]).mean()

    (row,), (gain,) = glister(classifier, np.flatnonzero(QUERY), TRUE[QUERY], 1, eta)
    step = eta * hypothesized(classifier, X[[row]]).reshape(z.shape[1], -1)
    assert_allclose(loss(z) - loss(z - h @ step.T), gain, rtol=1e-3)


# ----------------------------------------------------------------------------- FISHER


def fisher(kernel, centers, n):
    """Return the picks; ``kernel`` is candidates by validation rows."""
    ranked = np.argsort(-kernel[:, centers], axis=0)
    chosen = []
    for turn in ranked:
        pairs = sorted(zip(-kernel[turn, centers], turn))
        for _, row in pairs:
            if row not in chosen:
                chosen.append(row)
    return POOL[chosen[:n]]


def wrong_and_kernels(estimator):
    """Return the misclassified query rows, and their kernel with the pool and itself."""
    wrong = np.flatnonzero(QUERY & (estimator.predict(X) != TRUE))
    h, z = head(estimator, X[wrong])
    validation = gradients(h, z, TRUE[wrong]).reshape(len(wrong), -1)
    pool = hypothesized(estimator, X[POOL])
    kernel = cosine_similarity(pool, validation), cosine_similarity(validation)
    return wrong, *kernel


def as_query(estimator, query=QUERY, **params):
    """Return the validation rows that count, and the picks, as positions in X."""
    sampler = FISHERSampler(estimator, **params).fit(X, Y, query_mask=query)
    return sampler.validation_, sampler.select()


def as_validation(estimator, query=QUERY, wrap=np.asarray, **params):
    """Return the same, of rows that are beside X instead of in it."""
    beside, rest = np.flatnonzero(query), np.flatnonzero(~query)
    pair = wrap(X[beside]), TRUE[beside]
    sampler = FISHERSampler(estimator, validation=pair, **params)
    picks = sampler.fit_select(X[rest], Y[rest])
    return beside[sampler.validation_], rest[picks]


where_the_rows_are = pytest.mark.parametrize("match", [as_query, as_validation])


@where_the_rows_are
def test_fisher_matches_the_misclassified_rows(estimator, match):
    wrong, kernel, _ = wrong_and_kernels(estimator)
    assert 3 < len(wrong) < 40
    validation, picks = match(estimator, budget=60)
    assert_array_equal(validation, wrong)
    assert_array_equal(picks, fisher(kernel, range(len(wrong)), 60))


@where_the_rows_are
def test_fisher_spreads_its_centers_where_there_are_too_many(estimator, match):
    wrong, kernel, own = wrong_and_kernels(estimator)
    possible = set()
    for first in range(len(wrong)):
        centers = [first]
        while len(centers) < 4:
            centers.append(own[centers].max(axis=0).argmin())
        possible.add(tuple(fisher(kernel, centers, 4)))
    for seed in range(5):
        assert tuple(match(estimator, budget=4, random_state=seed)[1]) in possible


@where_the_rows_are
def test_fisher_uses_all_validation_rows_where_none_is_wrong(classifier, match):
    right = TRAINED & (classifier.predict(X) == TRUE)
    assert_array_equal(match(classifier, right)[0], np.flatnonzero(right))


@pytest.mark.parametrize("budget", [4, 60])
def test_fisher_picks_the_same_wherever_its_validation_rows_are(estimator, budget):
    for seed in range(5):
        params = {"budget": budget, "random_state": seed}
        expected = as_query(estimator, **params)
        for one, other in zip(expected, as_validation(estimator, **params)):
            assert_array_equal(one, other)


@pytest.mark.parametrize("wrap", [torch.as_tensor, as_dataset, as_slices])
def test_fisher_takes_validation_rows_of_any_kind(net, wrap):
    expected = as_validation(net, random_state=0)[1]
    assert_array_equal(as_validation(net, wrap=wrap, random_state=0)[1], expected)


def test_fisher_with_validation_rows_never_looks_at_a_query(classifier):
    pair = X[QUERY], TRUE[QUERY]
    sampler = FISHERSampler(classifier, validation=pair, random_state=0)
    plain = sampler.fit_select(X, Y)
    unknown = np.where(TRAINED, TRUE, -1)
    masks = {"query_mask": QUERY, "candidate_mask": Y == -1}
    assert_array_equal(sampler.fit_select(X, unknown, **masks), plain)


def test_fisher_changes_no_validation_row_and_copies_keep_them(estimator):
    pair = X[QUERY].copy(), TRUE[QUERY].copy()
    sampler = FISHERSampler(estimator, validation=pair, random_state=0)
    picks = sampler.fit_select(X, Y)
    assert_array_equal(pair[0], X[QUERY])
    assert_array_equal(pair[1], TRUE[QUERY])
    assert sampler.validation is pair
    for copied in clone(sampler), pickle.loads(pickle.dumps(sampler)):
        copied.set_params(estimator=estimator)  # That of a clone is not fitted.
        assert_array_equal(copied.fit_select(X, Y), picks)


def test_a_search_can_vary_the_validation_rows_of_fisher():
    held_out = np.arange(240) >= 180
    inside = {"labeled_mask": TRAINED, "query_mask": TRAINED & (TRUE == 8)}
    options = [None, (X[40:60], TRUE[40:60]), (X[180:], TRUE[180:])]
    learner = ActiveLearner(
        LogisticRegression(max_iter=300),
        FISHERSampler(budget=20),
        scenario="rare",
        n_rounds=1,
        random_state=0,
    )
    search = GridSearchCV(
        learner,
        {"sampler__validation": options},
        cv=PoolSplit(held_out),
        error_score="raise",
        refit=False,
    ).fit(X, TRUE, **inside)
    masks = {name: mask[~held_out] for name, mask in inside.items()}
    scores = [
        learner.set_params(sampler__validation=option)
        .fit(X[~held_out], TRUE[~held_out], **masks)
        .score(X[held_out], TRUE[held_out])
        for option in options
    ]
    assert_allclose(search.cv_results_["mean_test_score"], scores)
    assert len(set(scores)) > 1


# ----------------------------------------------------------------------------- FASS


def test_fass_covers_the_most_uncertain_rows(estimator):
    n, factor = 8, 4
    features, z = head(estimator, X[POOL])
    p = softmax(z, axis=1)
    kept = np.argsort((p * np.log(p)).sum(axis=1), kind="stable")[: factor * n]
    S = (1 + cosine_similarity(features[kept, :-1])) / 2
    chosen = []
    for _ in range(n):
        value = [S[:, [*chosen, j]].max(axis=1).sum() for j in range(len(kept))]
        chosen.append(np.argmax(value))
    sampler = FASSSampler(estimator, budget=n, factor=factor, random_state=0)
    assert_array_equal(sampler.fit_select(X, Y), POOL[kept[chosen]])


def test_fass_of_factor_one_is_entropy(estimator):
    plain = EntropySampler(estimator, budget=20).fit_select(X, Y)
    filtered = FASSSampler(estimator, budget=20, factor=1.0).fit_select(X, Y)
    assert set(filtered) == set(plain)


@pytest.mark.parametrize("function", ["gc", "logdet"])
def test_fass_takes_other_functions(classifier, function):
    sampler = FASSSampler(classifier, function=function, embedding="gradient")
    assert len(np.unique(sampler.fit_select(X, Y))) == 10


def test_fass_refuses_a_function_of_a_query(classifier):
    with pytest.raises(ValueError, match="needs `query_mask`"):
        FASSSampler(classifier, function="flqmi").fit(X, Y)


# ----------------------------------------------------------------- sanity baselines


def test_most_likely_positive_sums_the_probabilities_of_query_classes(estimator):
    query = QUERY & np.isin(TRUE, [3, 7])
    sampler = MostLikelyPositiveSampler(estimator, budget=20)
    rows = sampler.fit_select(X, Y, query_mask=query)
    expected = estimator.predict_proba(X)[:, [3, 7]].sum(axis=1)
    assert_allclose(sampler.scores_, expected[POOL], rtol=1e-5)
    assert np.diff(expected[rows]).max() <= 1e-6
    assert expected[rows].min() >= expected[np.setdiff1d(POOL, rows)].max() - 1e-6


def repeated():
    """Return rows, each five times over, with the first 10 labeled and so known."""
    rows, y = np.tile(X[:40], (5, 1)), np.tile(TRUE[:40], 5)
    return rows, np.where(np.arange(200) < 10, y, -1)


@pytest.mark.parametrize("wrap", [np.asarray, torch.as_tensor, as_dataset, as_slices])
def test_distinct_margin_takes_new_rows_first(net, wrap):
    rows, y = repeated()
    sampler = DistinctMarginSampler(net, random_state=0).fit(wrap(rows), y)
    order = sampler.select(190)
    assert_array_equal(np.sort(order), np.arange(10, 200))
    assert_array_equal(np.sort(order[:30]), np.arange(10, 40))
    assert_array_equal(sampler.copies_, np.arange(40, 200))


def test_distinct_margin_is_margin_where_all_rows_differ(estimator):
    samplers = (MarginSampler, DistinctMarginSampler)
    plain, distinct = (s(estimator, random_state=0).fit_select(X, Y) for s in samplers)
    assert_array_equal(plain, distinct)


def test_distinct_margin_compares_what_objects_say(classifier):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": ["x", "y", "x" + "".join([])], "b": [1, 2, 1]})
    model = _OfFrames().fit(frame, [0, 1, 0])
    assert_array_equal(DistinctMarginSampler(model).fit(frame).copies_, [2])


class _OfFrames(LogisticRegression):
    """A classifier of frames with text in them."""

    def fit(self, X, y):
        return super().fit(X[["b"]], y)

    def predict_proba(self, X):
        return super().predict_proba(X[["b"]])


def long_row(number, as_dict):
    """Return a row that tells its number in one of many places."""
    row = torch.zeros(2000)
    row[1000] = number
    return {"x": row, "length": number} if as_dict else [row, row[:number]]


@pytest.mark.parametrize("as_dict", [True, False])
def test_copies_are_told_by_all_that_rows_hold(as_dict):
    marks = [fingerprint(long_row(number, as_dict)) for number in (1, 2, 3, 1, 2, 3)]
    assert marks[:3] == marks[3:] and len(set(marks)) == 3


@pytest.mark.parametrize("offset", [0.0, 1e7, 1.7e9])
def test_core_sets_lie_anywhere(offset):
    # The minutes of an hour after any date, and something else beside.
    X = np.c_[60.0 * np.arange(50), 100 * np.random.RandomState(0).randn(50)]
    picks, wanted = [0], 5
    for _ in range(wanted):
        nearest = np.linalg.norm(X[:, None] - X[picks], axis=2).min(axis=1)
        picks.append(int(nearest.argmax()))
    X[:, 0] += offset
    got = CoreSetSampler(budget=wanted).fit_select(X, np.r_[0, -np.ones(49)])
    assert got.tolist() == picks[1:]
