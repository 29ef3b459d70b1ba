"""The fit/select contract, and SIMILAR from a network and two masks to indices."""

import pickle
import random
import re
import warnings
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from definitions import (
    METRICS,
    concave_over_modular,
    diverse_graph_cut,
    facility_location,
    graph_cut,
    greedy,
    information,
    log_determinant,
    query_facility_location,
    redundancy_and_ood,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from skorch import NeuralNetClassifier

from sksimilar import (
    CoreSetSampler,
    FASSSampler,
    FISHERSampler,
    GLISTERSampler,
    RandomSampler,
    SIMILARSampler,
)
from sksimilar._validation.numbers import parse_bytes
from sksimilar.measures import FUNCTIONS, FacilityLocation, LogDeterminant
from sksimilar.models import MLP
from sksimilar.optimizers import lazier_than_lazy, sparse, stochastic
from sksimilar.similarity import CosineSimilarity

N, C = 120, 4
LABELED, QUERY = np.arange(N) < 20, np.arange(N) < 5
KNOWN = LABELED & ~QUERY


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    y = rng.integers(0, C, N)
    y[KNOWN], y[QUERY] = np.arange(15) % C, C - 1
    X = rng.normal(size=(N, 6)) + 3 * np.eye(6)[y]
    X[100:110] = X[30:40]  # duplicates in the pool
    return X.astype("float32"), y


@pytest.fixture(scope="module")
def net(data):
    X, y = data
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = NeuralNetClassifier(
            MLP,
            module__n_features=6,
            module__n_classes=C,
            module__hidden=32,
            criterion=torch.nn.CrossEntropyLoss,
            max_epochs=60,
            lr=0.1,
            train_split=None,
            verbose=0,
        )
        return net.fit(X[LABELED], y[LABELED])


def masks(name):
    """Masks that the family of a function asks for."""
    named, given = FUNCTIONS[name], {}
    if named.query:
        given["query_mask"] = QUERY
    if named.conditioning:
        given["conditioning_mask"] = KNOWN
    return given


def unlabeled(y):
    return np.where(LABELED, y, -1)


def gradients(net, X, labels):
    """Last-layer gradients, materialized; hypothesized where ``labels`` is -1."""
    with torch.no_grad():
        h = net.module_.body(torch.as_tensor(X)).double().numpy()
        z = net.module_.head(net.module_.body(torch.as_tensor(X))).double().numpy()
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    labels = np.where(labels == -1, z.argmax(axis=1), labels)
    r = p - np.eye(C)[labels]
    return (r[:, :, None] * np.c_[h, np.ones(N)][:, None, :]).reshape(N, -1)


def preferred(S, query, seed):
    """Candidates in the order that breaks ties: relevance to six decimals, seed."""
    candidates = np.flatnonzero(~LABELED)
    candidates = candidates[np.random.RandomState(seed).permutation(len(candidates))]
    relevance = S[:, QUERY].max(axis=1).round(6) if query else np.zeros(N)
    return candidates[np.argsort(-relevance[candidates], kind="stable")].tolist()


DEFINITIONS = {
    "fl": facility_location,
    "gc": graph_cut(0.5),
    "gcmi": graph_cut(1.0),
    "logdet": log_determinant(1.0),
}


def value_of(name, S):
    """The value of a set by the definition, given the kernel over all of X."""
    V, Q, P = (np.flatnonzero(m) for m in (~LABELED, QUERY, KNOWN))
    named = FUNCTIONS[name]
    query = {
        "flqmi": query_facility_location,
        "flq": query_facility_location,
        "com": concave_over_modular(np.log1p),
        "divgcmi": diverse_graph_cut(1.0, 1.0),
    }
    if name in query:
        return lambda A: query[name](S, V, list(A), Q, 1.0)
    base = name if name in DEFINITIONS else name.replace("vmi", "")
    base = base if base in DEFINITIONS else base.rsplit("cmi")[0].rsplit("cg")[0]
    base = base if base in DEFINITIONS else base.rsplit("mi")[0]
    return partial(
        information,
        DEFINITIONS[base],
        S,
        V,
        Q=Q if named.query else None,
        P=P if named.conditioning else (),
    )


@parametrize_with_checks([SIMILARSampler(), SIMILARSampler(function="fl")])
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


@pytest.mark.parametrize("labels", ["true", "hypothesized"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_picks_are_greedy_on_materialized_gradients(name, labels, net, data):
    X, y = data
    X = X + 0.01 * np.random.default_rng(1).normal(size=X.shape).astype("float32")
    S = METRICS["cosine"](
        gradients(net, X, unlabeled(y) if labels == "true" else np.full(N, -1))
    )
    value = value_of(name, S)
    sampler = SIMILARSampler(net, function=name, labels=labels, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Facility location with a query saturates.
        picks = sampler.fit(X, unlabeled(y), **masks(name)).select(8)
    known = sampler.n_informative_
    order = preferred(S, query=FUNCTIONS[name].query, seed=0)
    expected, gains = greedy(value, order, known, tolerance=2e-6 * value(order[:1]))
    assert_array_equal(picks[:known], expected)
    assert_allclose(sampler.gains_[:known], gains, rtol=1e-4, atol=1e-4)
    assert_allclose(sampler.evaluate(picks[:5]), value(picks[:5]), rtol=1e-4)


def test_rows_in_both_masks_use_the_sharpened_kernel(data):
    X, y = data
    X = X.astype(float)
    both = QUERY | KNOWN
    sampler = SIMILARSampler(function=FacilityLocation(sharpness=8.0), random_state=0)
    sampler.fit(X, unlabeled(y), query_mask=QUERY, conditioning_mask=both).select(5)
    V, Q, P = (np.flatnonzero(m) for m in (~LABELED, QUERY, KNOWN))
    value = partial(
        redundancy_and_ood, METRICS["cosine"](X), V, Q=Q, O=P, eta=1, nu=1, sharpness=8
    )
    assert_allclose(sampler.value_, value(sampler.selected_indices_))
    expected, _ = greedy(value, V.tolist(), 5)
    assert_allclose(sampler.value_, value(expected))
    with pytest.warns(UserWarning, match="both query and conditioning"):
        auto = SIMILARSampler().fit(
            X, unlabeled(y), query_mask=QUERY, conditioning_mask=both
        )
    assert isinstance(auto.function_, FacilityLocation)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_common_contract(name, data):
    X, y = data
    given = masks(name)
    before = {key: mask.copy() for key, mask in given.items()}
    sampler = SIMILARSampler(function=name, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        all_ = sampler.fit(X, unlabeled(y), **given).select(100)
        first = sampler.select(7)
        again = clone(sampler).fit_select(X, unlabeled(y), **given)
    assert all_.dtype == np.int64 and len(all_) == len(set(all_)) == 100
    assert not LABELED[all_].any()
    assert_array_equal(first, all_[:7])
    assert_array_equal(again, all_[:10])
    for key, mask in given.items():
        assert_array_equal(mask, before[key])


def test_permuting_rows_permutes_the_answer(data):
    X, y = data
    X = X + np.random.default_rng(5).normal(scale=0.01, size=X.shape)  # no ties
    order = np.random.default_rng(6).permutation(N)
    sampler = SIMILARSampler(function="logdetcmi", random_state=0)
    given = masks("logdetcmi")
    picks = sampler.fit_select(X, unlabeled(y), **given)
    permuted = {key: mask[order] for key, mask in given.items()}
    assert_array_equal(
        order[sampler.fit_select(X[order], unlabeled(y)[order], **permuted)], picks
    )


@pytest.mark.parametrize("container", [list, np.asarray, pd.Series, pl.Series])
def test_masks_may_be_any_sequence_of_booleans(container, data):
    X, y = data
    sampler = SIMILARSampler(function="flqmi", random_state=0)
    expected = sampler.fit_select(X, unlabeled(y), query_mask=QUERY)
    picks = sampler.fit_select(X, unlabeled(y), query_mask=container(QUERY))
    assert_array_equal(picks, expected)


def test_candidates_are_unlabeled_rows_unless_said_otherwise(data):
    X, y = data
    sampler = SIMILARSampler(random_state=0)
    assert_array_equal(sampler.fit(X).candidates_, np.arange(N))
    sampler.fit(X, unlabeled(y))
    assert_array_equal(sampler.candidates_, np.flatnonzero(~LABELED))
    sampler.fit(X, unlabeled(y), candidate_mask=y == 1)
    assert_array_equal(sampler.candidates_, np.flatnonzero(y == 1))
    sampler.fit(X, query_mask=QUERY)
    assert_array_equal(sampler.candidates_, np.flatnonzero(~QUERY))
    names = np.array(list("abcd"))[y]
    sampler.fit(X, names, candidate_mask=~LABELED)
    assert_array_equal(sampler.candidates_, np.flatnonzero(~LABELED))


def test_query_and_conditioning_need_not_be_labeled_to_be_given(data):
    X, y = data
    expected = SIMILARSampler(random_state=0).fit_select(X, unlabeled(y))
    empty = np.zeros(N, dtype=bool)
    picks = SIMILARSampler(random_state=0).fit_select(
        X, unlabeled(y), conditioning_mask=empty
    )
    assert_array_equal(picks, expected)


def test_ties_go_to_the_row_most_similar_to_the_query_then_to_the_seed(data):
    X, y = data
    sampler = SIMILARSampler(function="flvmi", random_state=0)
    with pytest.warns(UserWarning, match="saturated") as record:
        picks = sampler.fit(X, unlabeled(y), query_mask=QUERY).select(60)
    assert len(record) == 1
    k = sampler.n_informative_
    assert k < 60 and (sampler.gains_[k:] == 0).all()
    relevance = METRICS["cosine"](X.astype(float))[:, QUERY].max(axis=1).round(5)
    rest = relevance[picks[k:]]
    assert (np.diff(rest) <= 0).all()
    left_out = np.setdiff1d(np.flatnonzero(~LABELED), picks)
    assert relevance[left_out].max() <= rest.min()
    # Rows 30..39 and 100..109 are equal, so that only the seed can tell them apart.
    seen = {
        tuple(clone(sampler).set_params(random_state=seed, function="gcmi").fit_select(
            X, unlabeled(y), query_mask=QUERY
        ))
        for seed in range(8)
    }  # fmt: skip
    assert len(seen) > 1
    assert len({tuple(sorted(X[list(picks)].sum(axis=1))) for picks in seen}) == 1


@pytest.mark.parametrize("name", FUNCTIONS)
def test_explanation_adds_up_and_names_the_rows_responsible(name, net, data):
    X, y = data
    sampler = SIMILARSampler(net, function=name, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picks = sampler.fit(X, unlabeled(y), **masks(name)).select(12)
    why = sampler.explain()
    parts = why.relevance + why.conditioning + why.diversity
    scale = max(1, abs(sampler.value_))
    assert_allclose(parts, why.gain, atol=1e-6 * scale)
    assert_allclose(parts.sum(), sampler.value_, atol=1e-6 * scale)
    assert_array_equal(why.index, picks)
    S = METRICS["cosine"](gradients(net, X, unlabeled(y)))
    for mask, set_ in (QUERY, "query"), (KNOWN, "conditioning"):
        if getattr(FUNCTIONS[name], set_):
            nearest, similarity = why[f"nearest_{set_}"], why[f"{set_}_similarity"]
            assert mask[nearest].all()
            assert_allclose(similarity, S[picks][:, mask].max(axis=1), atol=1e-4)
        else:
            assert f"nearest_{set_}" not in why and f"{set_}_similarity" not in why
    assert len(pd.DataFrame(why)) == 12
    if not FUNCTIONS[name].conditioning:
        assert (why.conditioning == 0).all()


@pytest.mark.parametrize("params", [{}, {"n_partitions": 3, "merge": False}], ids=str)
def test_similarity_is_that_of_the_metric_between_any_known_rows(data, params):
    X, _ = data
    masks = {"query_mask": QUERY, "conditioning_mask": KNOWN}
    sampler = SIMILARSampler(function="logdetcmi", **params).fit(X, **masks)
    S = METRICS["cosine"](X.astype(float))
    some, others = [70, 3, 12, 70], [0, 119]
    assert_allclose(sampler.similarity(some), S[np.ix_(some, some)], atol=1e-6)
    assert_allclose(
        sampler.similarity(some, others), S[np.ix_(some, others)], atol=1e-6
    )
    only_query = sampler.similarity([1, 2])
    assert_allclose(only_query, S[np.ix_([1, 2], [1, 2])], atol=1e-6)
    sampler = SIMILARSampler(function="logdetmi").fit(X, query_mask=QUERY)
    everyone = SIMILARSampler(function="logdet").fit(X, candidate_mask=KNOWN)
    for rows, message in [([7, 120], "`rows` must .* got 120"), ([0.5], "integers")]:
        with pytest.raises(ValueError, match=message):
            sampler.similarity(rows)
    with pytest.raises(ValueError, match="`columns` must .* got 0"):
        everyone.similarity([7], [0])


def test_evaluate_refuses_what_is_no_set_of_candidates(data):
    X, y = data
    sampler = SIMILARSampler().fit(X, unlabeled(y))
    with pytest.raises(ValueError, match="3, which is none"):
        sampler.evaluate([50, 3])
    with pytest.raises(ValueError, match="more than once"):
        sampler.evaluate([50, 50])
    assert sampler.evaluate([]) == 0


def test_bound_is_above_what_is_reached_and_absent_where_invalid(data):
    X, y = data
    certified = []
    for name in FUNCTIONS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sampler = SIMILARSampler(function=name, random_state=0)
            sampler.fit_select(X, unlabeled(y), **masks(name))
        if sampler.bound_ is not None:
            assert sampler.value_ <= sampler.bound_ * (1 + 1e-6)
            certified.append(name)
    not_certified = {"gccg", "logdetmi", "logdetcmi", "divgcmi"}
    assert set(certified) == set(FUNCTIONS) - not_certified


# --------------------------------------------------------------------------- partitions


@pytest.mark.parametrize("name", ["logdetmi", "fl", "flcmi", "gc", "flqmi"])
@pytest.mark.parametrize("merge", [True, False])
def test_partitions_fill_the_budget_and_do_not_depend_on_workers(name, merge, data):
    X, y = data
    sampler = SIMILARSampler(
        function=name, n_partitions=7, merge=merge, random_state=0, budget=25
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picks = sampler.fit_select(X, unlabeled(y), **masks(name))
        sampler.set_params(n_jobs=2)
        assert_array_equal(sampler.fit_select(X, unlabeled(y), **masks(name)), picks)
    assert len(set(picks)) == 25 and not LABELED[picks].any()
    assert sampler.bound_ is None
    if merge:
        assert_allclose(sampler.evaluate(picks), sampler.value_, rtol=1e-5)


def test_merged_partitions_come_near_the_whole(data):
    X, y = data
    whole = SIMILARSampler(function="fl", random_state=0).fit(X, unlabeled(y))
    whole.select(15)
    for n_partitions in (2, 5, 20):
        parts = SIMILARSampler(
            function="fl", n_partitions=n_partitions, random_state=0
        ).fit(X, unlabeled(y))
        parts.select(15)
        assert 0.97 * whole.value_ <= parts.value_ <= whole.bound_


def test_one_part_merged_is_the_whole(data):
    X, y = data
    whole = SIMILARSampler(function="fl", random_state=0)
    parts = clone(whole).set_params(n_partitions=1000)  # every candidate its own part
    expected = whole.fit(X, unlabeled(y)).select(10)
    assert_allclose(whole.evaluate(parts.fit(X, unlabeled(y)).select(10)), whole.value_)
    assert len(expected) == 10


# ------------------------------------------------------------------------------ errors

BAD_FIT = [
    ({"function": "flqm"}, {}, "Did you mean 'flqmi'"),
    ({"function": "flqmi"}, {}, "needs `query_mask`"),
    ({"function": "flcg"}, {"query_mask": QUERY}, "takes no `query_mask`"),
    ({"function": "flvmi"}, {"query_mask": QUERY, "conditioning_mask": KNOWN},
     "takes no `conditioning_mask`"),
    ({"function": "logdetcmi"}, {"query_mask": QUERY}, "needs `conditioning_mask`"),
    ({"function": 3}, {}, "'function' parameter"),
    ({"metric": "euclid"}, {}, "'metric' parameter"),
    ({"metric": "dot", "function": "flqmi"}, {"query_mask": QUERY}, "similarities in"),
    ({"metric": "raw_cosine", "function": "com"}, {"query_mask": QUERY}, "in \\[0, inf"),
    ({"metric": "precomputed"}, {}, "square kernel"),
    ({"embedding": "gradient"}, {}, "needs a fitted `estimator`"),
    ({"embedding": "grad"}, {}, "'embedding' parameter"),
    ({"budget": 0}, {}, "'budget' parameter"),
    ({"eta": 0}, {}, "'eta' parameter"),
    ({"nu": -1}, {}, "'nu' parameter"),
    ({"optimizer": "lazyy"}, {}, "'optimizer' parameter"),
    ({"n_partitions": 0}, {}, "'n_partitions' parameter"),
    ({"memory_limit": "lots"}, {}, "`memory_limit` must be"),
    ({"memory_limit": -5}, {}, "'memory_limit' parameter"),
    ({"function": LogDeterminant(ridge=0)}, {}, "'ridge' parameter"),
    ({}, {"query_mask": np.flatnonzero(QUERY)}, "boolean mask of shape \\(120,\\)"),
    ({}, {"query_mask": QUERY[:5]}, "`query_mask` must be a boolean mask"),
    ({}, {"query_mask": QUERY.astype(int)}, "got int64"),
    ({}, {"query_mask": np.zeros(N, bool)}, "`query_mask` marks no row"),
    ({}, {"conditioning_mask": np.arange(N)}, "`conditioning_mask` must be a boolean"),
    ({}, {"candidate_mask": np.ones(N, bool), "query_mask": QUERY}, "share 5 rows"),
    ({}, {"candidate_mask": np.ones(N, bool), "conditioning_mask": KNOWN},
     "`conditioning_mask` share 15 rows"),
    ({"function": "logdet"}, {"query_mask": QUERY, "conditioning_mask": LABELED},
     "function='fl'"),
]  # fmt: skip


@pytest.mark.parametrize("params, given, message", BAD_FIT)
def test_bad_input_is_refused_at_fit_by_name(params, given, message, data):
    X, y = data
    with pytest.raises((ValueError, TypeError), match=message):
        SIMILARSampler(**params).fit(X, unlabeled(y), **given)


def test_bad_input_is_refused_at_select_by_name(data):
    X, y = data
    sampler = SIMILARSampler(function="logdet").fit(X, unlabeled(y))
    for n in (0, -1, 2.5, True, "3"):
        with pytest.raises(ValueError, match="`n` must be an integer of at least 1"):
            sampler.select(n)
    with pytest.warns(UserWarning, match="150 rows wanted and 100 candidates"):
        assert len(sampler.select(150)) == 100
    with pytest.raises(ValueError, match="`y` holds no -1"):
        SIMILARSampler().fit(X, y).select()
    with pytest.raises(ValueError, match="gains only shrink"):
        SIMILARSampler(function="logdetmi", optimizer="lazy").fit(
            X, unlabeled(y), query_mask=QUERY
        ).select()
    with pytest.raises(ValueError, match="admissible at this ridge: 1."):
        SIMILARSampler(function="logdetmi", eta=5.0).fit(
            X, unlabeled(y), query_mask=QUERY
        ).select()


def test_an_estimator_that_is_none_is_refused_with_the_way_to_one(data, net):
    X, y = data
    for estimator, message in [
        (NeuralNetClassifier, "got the class NeuralNetClassifier"),
        (net.module_, "got the bare module MLP"),
        (LogisticRegression(), "is not fitted"),
        (NeuralNetClassifier(MLP), "is not fitted"),
    ]:
        with pytest.raises((TypeError, ValueError), match=message):
            SIMILARSampler(estimator).fit(X, unlabeled(y))
    with pytest.raises(TypeError, match=r"X.astype\('float32'\)"):
        SIMILARSampler(net).fit(X.astype(float), unlabeled(y))


def test_names_are_the_papers_in_any_case_and_alternatives_fit_the_masks(data):
    X, y = data
    sampler = SIMILARSampler(function="LOGDETMI").fit(X, unlabeled(y), query_mask=QUERY)
    assert isinstance(sampler.function_, LogDeterminant)
    with pytest.raises(ValueError, match="masks given: 'fl', .*'flcmi', 'logdetcmi'"):
        SIMILARSampler(function="logdetmi").fit(X, unlabeled(y), **masks("logdetcmi"))


def test_auto_says_that_it_sharpens(data):
    X, y = data
    with pytest.warns(UserWarning, match="5 rows are both query and conditioning"):
        SIMILARSampler().fit(
            X, unlabeled(y), query_mask=QUERY, conditioning_mask=LABELED
        )


def test_explaining_needs_a_selection(data):
    X, y = data
    with pytest.raises(ValueError, match="Call `select` first"):
        SIMILARSampler().fit(X, unlabeled(y)).explain()


def test_labels_of_given_rows_are_needed_for_their_gradients(data, net):
    X, y = data
    hidden = np.where(np.arange(N) == 2, -1, unlabeled(y))
    sampler = SIMILARSampler(net, function="flqmi", random_state=0)
    with pytest.raises(ValueError, match="1 unlabeled rows .* the first at position 2"):
        sampler.fit(X, hidden, query_mask=QUERY)
    with pytest.raises(ValueError, match="got y=None"):
        sampler.fit(X, query_mask=QUERY)
    sampler.set_params(labels="hypothesized").fit(X, query_mask=QUERY).select()


def test_nan_is_found_and_named(data, net):
    X, y = data
    bad = X.copy()
    bad[77, 2] = np.nan
    with pytest.raises(ValueError, match="position 77"):
        SIMILARSampler(net).fit(bad, unlabeled(y))
    with pytest.raises(ValueError, match="NaN"):
        SIMILARSampler().fit(bad, unlabeled(y))


def test_memory_limit_refuses_with_ways_out(data):
    X, y = data
    sampler = SIMILARSampler(function="logdet", memory_limit="20KB", random_state=0)
    with pytest.raises(ValueError, match=r"memory_limit.*n_partitions=\d+,.*'gc'"):
        sampler.fit(X, unlabeled(y)).select(50)
    sampler.set_params(memory_limit="1GB").fit(X, unlabeled(y)).select(50)


def test_a_memory_limit_may_be_raised_without_another_fit(data):
    X, y = data[:2]
    sampler = SIMILARSampler(function="logdet", memory_limit="1MB", random_state=0)
    sampler.fit(X, unlabeled(y)).set_params(memory_limit="20KB")
    with pytest.raises(ValueError, match="allows 20 KB"):
        sampler.select(50)
    sampler.set_params(memory_limit="1MB").select(50)


def test_parts_of_a_pool_that_is_embedded_already_hold_it(data):
    sampler = SIMILARSampler(function="logdet", memory_limit="1GB", random_state=0)
    sampler.fit(data[0])
    embedded = sampler._plan(5).problem.embedded_bytes(len(sampler.candidates_))
    sampler.set_params(n_partitions=40, merge=False)
    assert sampler._plan(40).n_bytes > embedded


@pytest.mark.parametrize("true", [True, np.True_])
def test_a_boolean_of_numpy_is_one(data, true):
    settings = {"function": "fl", "n_partitions": 20, "random_state": 0}
    sampler = SIMILARSampler(merge=true, **settings).fit(data[0])
    assert sampler._plan(5).merge is True and not sampler._plan(5).is_raw


def test_memory_limit_counts_the_embedding_and_refuses_before_it_is_made(data):
    X, y = data
    seen = []

    class Watched(LogisticRegression):
        def predict_proba(self, X):
            seen.append(len(X))
            return super().predict_proba(X)

    model = Watched().fit(X, y)
    sampler = SIMILARSampler(model, function="gcmi", memory_limit="5KB")
    query = np.arange(len(X)) < 5
    n_bytes = 8 * len(X) * (len(model.classes_) + X.shape[1] + 1)
    assert n_bytes > 5000
    with pytest.raises(ValueError, match="set n_partitions=10 and merge=False"):
        sampler.fit(X, y, query_mask=query, candidate_mask=~query)
    assert max(seen) <= 6  # The query, and one candidate.
    sampler.set_params(n_partitions=10, merge=False)
    sampler.fit(X, y, query_mask=query, candidate_mask=~query).select(5)


@pytest.mark.parametrize("metric, eta", [("cosine", 1), ("dot", 1), ("cosine", 1.5)])
@pytest.mark.parametrize("merge", [True, False, "proposals"])
@pytest.mark.parametrize(
    "function, limit",
    [
        ("logdetmi", 60_000),
        ("logdetmi", 120_000),
        ("flvmi", 60_000),
        ("flvmi", 120_000),
        ("flvmi", 400_000),
        ("gcmi", 20_000),
    ],
)
def test_ways_out_of_too_little_memory_lead_out(function, merge, metric, eta, limit):
    X = np.random.default_rng(0).normal(size=(600, 6)).astype("float32")
    query = np.arange(600) < 9
    if eta > 1 and function == "logdetmi":
        pytest.skip("Refused, whatever room there is.")
    sampler = SIMILARSampler(
        function=function, merge=merge, metric=metric, eta=eta, budget=40,
        n_partitions=2, memory_limit=limit, random_state=0,
    )  # fmt: skip
    with pytest.raises(ValueError, match="memory_limit") as error:
        sampler.fit(X, query_mask=query)
    message = str(error.value)
    ways = [{"memory_limit": re.search(r"needs about ([\d.]+ \w+)", message)[1]}]
    for number, _, way in re.findall(
        r"n_partitions=(\d+)( (?:and|with) merge=('proposals'|False))?", message
    ):
        merged = {"False": False, "'proposals'": "proposals"}.get(way, merge)
        ways.append({"n_partitions": int(number), "merge": merged})
    if named := re.search(r"function=(.*)\.$", message):
        ways += [{"function": name.strip("'")} for name in named[1].split(" or ")]
    for way in ways:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # That it saturates.
            clone(sampler).set_params(**way).fit(X, query_mask=query).select(40)


def test_memory_limit_counts_every_part_that_is_solved_at_once(data):
    X, _ = data
    sampler = SIMILARSampler(function="logdet", metric="rbf", n_partitions=4, n_jobs=4)
    sampler.set_params(memory_limit=1, merge=False, random_state=0)
    with pytest.raises(ValueError) as error:
        sampler.fit(X)
    needs = [str(error.value)]
    with pytest.raises(ValueError) as error:
        sampler.set_params(n_jobs=1).fit(X)
    needs.append(str(error.value))
    at_once, one = (
        parse_bytes(re.search(r"needs about ([\d.]+ \w+)", text)[1]) for text in needs
    )
    assert at_once > 2 * one
    sampler.set_params(n_jobs=4, memory_limit=one)
    with pytest.raises(ValueError, match="set n_jobs=1"):
        sampler.fit(X)


# ------------------------------------------------------------------- manners, estimators


def test_nothing_of_the_users_is_changed(data, net):
    X, y = data
    flags = [module.training for module in net.module_.modules()]
    weights = pickle.dumps(net.module_.state_dict())
    copies = X.copy(), y.copy()
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    sampler = SIMILARSampler(net, function="logdetcmi", optimizer="stochastic")
    sampler.fit(X, unlabeled(y), **masks("logdetcmi")).select()
    sampler.explain()
    assert [module.training for module in net.module_.modules()] == flags
    assert pickle.dumps(net.module_.state_dict()) == weights
    assert_array_equal(X, copies[0])
    assert_array_equal(y, copies[1])
    assert random.getstate() == states[0]
    assert np.random.get_state()[1].tolist() == states[1]
    assert torch.equal(torch.get_rng_state(), states[2])


@pytest.mark.parametrize("n_partitions", [1, 3])
def test_what_was_fitted_stays_whatever_becomes_of_what_it_was_made_of(
    n_partitions, data
):
    X, y = data
    y, function = unlabeled(y), LogDeterminant(ridge=1.0)
    model = LogisticRegression(max_iter=500).fit(X[LABELED], y[LABELED])
    sampler = SIMILARSampler(
        model, function=function, n_partitions=n_partitions, random_state=0
    )
    picks = sampler.fit(X, y, query_mask=QUERY).select(6)
    value, reasons = sampler.value_, sampler.explain()
    function.set_params(ridge=0.01)
    y[:] = -1
    reasons.index.sort()
    assert_array_equal(sampler.selected_indices_, picks)
    assert_array_equal(sampler.select(6), picks)
    assert sampler.value_ == value
    assert_array_equal(sampler.explain().gain, reasons.gain)


@pytest.mark.parametrize(
    "sampler",
    [
        SIMILARSampler(function="fl"),
        CoreSetSampler(),
        GLISTERSampler(LogisticRegression()),
        FISHERSampler(LogisticRegression()),
        FASSSampler(LogisticRegression()),
    ],
)
def test_nothing_is_left_of_a_fit_once_another_begins(sampler, data):
    X, y = data
    if sampler.estimator is not None:
        sampler.estimator.fit(X[LABELED], y[LABELED])
    sampler.fit(X, unlabeled(y), query_mask=QUERY)
    with pytest.raises(ValueError, match="query_mask"):
        sampler.fit(X, unlabeled(y), query_mask=QUERY[:3])
    left = {*vars(sampler)} - {*sampler.get_params(deep=False)}
    assert left <= {"_is_fitted", "n_features_in_"}


def test_a_fitted_sampler_survives_pickling(data, net):
    X, y = data
    sampler = SIMILARSampler(net, random_state=0).fit(X, unlabeled(y))
    picks = sampler.select()
    again = pickle.loads(pickle.dumps(sampler))
    assert_array_equal(again.select(), picks)


def test_parameters_of_a_function_are_nested():
    sampler = SIMILARSampler(function=LogDeterminant(ridge=0.1))
    assert clone(sampler.set_params(function__ridge=0.2)).function.ridge == 0.2


@pytest.mark.parametrize("embedding", ["auto", "features"])
def test_estimators_of_every_kind(embedding, data, net):
    X, y = data
    linear = LogisticRegression(max_iter=500).fit(X[LABELED], y[LABELED])
    scaled = make_pipeline(StandardScaler(), LogisticRegression())
    kinds = [net, FrozenEstimator(net), linear, scaled.fit(X[LABELED], y[LABELED])]
    for estimator in kinds:
        sampler = SIMILARSampler(
            estimator, function="logdetmi", embedding=embedding, random_state=0
        )
        picks = sampler.fit_select(X, unlabeled(y), query_mask=QUERY)
        assert np.mean(y[picks] == C - 1) > 0.3  # by chance 0.25


@pytest.mark.parametrize("kind", ["reversed", "transposed", "read-only", "memmap"])
def test_a_precomputed_kernel_lies_in_memory_as_it_likes(kind, data, tmp_path):
    X, _ = data
    kernel = METRICS["cosine"](X[:50].astype(float))
    given, order = kernel.copy(), np.arange(50)
    if kind == "reversed":
        given, order = given[::-1, ::-1], order[::-1]
    elif kind == "transposed":
        given = np.asfortranarray(given)
    elif kind == "read-only":
        given.flags.writeable = False
    else:
        given = np.memmap(tmp_path / "kernel", given.dtype, "w+", shape=given.shape)
        given[:] = kernel
    sampler = SIMILARSampler(function="fl", metric="precomputed", random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picks = sampler.fit_select(given)
    assert_allclose(sampler.value_, kernel[order[picks]].max(axis=0).sum())


@pytest.mark.parametrize("metric", METRICS)
def test_precomputed_kernel_gives_the_picks_of_its_metric(metric, data):
    X, y = data
    X = X.astype(float)
    S = METRICS[metric](X)
    direct = SIMILARSampler(function="logdetmi", metric=metric, random_state=0)
    given = SIMILARSampler(function="logdetmi", metric="precomputed", random_state=0)
    direct.fit(X, unlabeled(y), query_mask=QUERY).select(6)
    given.fit(S, unlabeled(y), query_mask=QUERY).select(6)
    if metric == "rbf":  # Its unit of length is over candidates and given rows alone.
        assert direct.value_ > 0
    else:
        assert_allclose(direct.value_, given.value_)
    assert given.__sklearn_tags__().input_tags.pairwise


def test_duplicates_are_not_picked_twice_by_a_diverse_function(data):
    X, _ = data
    X = np.concatenate([X[:60], np.repeat(X[60:70], 10, axis=0)]).astype("float32")
    function = LogDeterminant(0.01)
    sampler = SIMILARSampler(function=function, metric="rbf", random_state=0)
    picks = sampler.fit(X).select(40)
    assert len(np.unique(X[picks], axis=0)) == 40


def test_no_block_of_all_pairs_is_ever_asked_for(data, monkeypatch):
    n, n_given, budget = 3000, 10, 5
    X = np.random.default_rng(0).normal(size=(n + 2 * n_given, 4))
    query, conditioning = np.arange(len(X)) < n_given, np.arange(len(X)) >= n + n_given
    monkeypatch.setattr("sksimilar.blocks.BLOCK", 1 << 16)
    monkeypatch.setattr("sksimilar.measures._facility_location.TILE", 1 << 16)
    largest = []

    original = CosineSimilarity.towards

    def towards(self, over):
        block = original(self, over)

        def spied(points):
            result = block(points)
            largest.append(result.numel())
            return result

        return spied

    monkeypatch.setattr(CosineSimilarity, "towards", towards)
    for name in FUNCTIONS:
        sampler = SIMILARSampler(function=name, random_state=0, budget=budget)
        named = FUNCTIONS[name]
        given = {"query_mask": query} if named.query else {}
        given |= {"conditioning_mask": conditioning} if named.conditioning else {}
        sampler.fit_select(X, **given)
        assert largest and max(largest) <= max(1 << 16, len(X) * 2 * n_given)


def test_verbose_says_what_is_to_come(data, capsys):
    X, y = data
    SIMILARSampler(verbose=1, random_state=0).fit(X, unlabeled(y)).select(5)
    said = capsys.readouterr().out
    assert "LogDeterminant" in said and "5 of 100 candidates" in said
    assert "with the embedding" in said
    SIMILARSampler(random_state=0).fit(X, unlabeled(y)).select(5)
    assert not capsys.readouterr().out


def test_routing_reaches_the_masks_in_a_pipeline(data):
    X, y = data
    pipeline = make_pipeline(StandardScaler(), SIMILARSampler(function="flqmi"))
    pipeline.fit(X, unlabeled(y), similarsampler__query_mask=QUERY)
    assert len(pipeline[-1].select(5)) == 5


def test_samplers_share_one_contract(data):
    X, y = data
    for sampler in (RandomSampler(random_state=0), SIMILARSampler(random_state=0)):
        picks = sampler.fit_select(
            X, unlabeled(y), query_mask=QUERY, conditioning_mask=KNOWN
        )
        assert len(set(picks)) == 10 and not LABELED[picks].any()


def test_an_empty_conditioning_set_is_none_where_there_is_no_conditional_form(data):
    X, _ = data
    none = {"conditioning_mask": np.zeros(len(X), dtype=bool)}
    for name, named in FUNCTIONS.items():
        if not named.make().takes_conditioning:
            given = {"query_mask": np.arange(len(X)) < 4}
            sampler = SIMILARSampler(function=name, budget=3, random_state=0)
            plain = sampler.fit_select(X, **given)
            assert_array_equal(sampler.fit_select(X, **given, **none), plain)


def needed(**settings):
    """Return the bytes that a refusal names."""
    sampler = SIMILARSampler(memory_limit=1, random_state=0, **settings.pop("params"))
    with pytest.raises(ValueError, match="memory_limit") as error:
        sampler.fit(**settings)
    return parse_bytes(re.search(r"needs about ([\d.]+ \w+)", str(error.value))[1])


def test_memory_limit_counts_the_kernels_within_given_sets():
    X = np.random.default_rng(0).normal(size=(500, 6)).astype("float32")
    given = np.arange(500) < 400
    squares = 400**2 * 8  # Of one matrix in float64.
    for name in ("logdetcg", "logdetmi"):
        mask = "query_mask" if name == "logdetmi" else "conditioning_mask"
        n_bytes = needed(params={"function": name}, X=X, **{mask: given})
        assert 3 * squares < n_bytes < 9 * squares


def test_memory_limit_counts_a_kernel_where_it_is_copied():
    X = np.random.default_rng(0).normal(size=(300, 6))
    kernel, y = X @ X.T, np.where(np.arange(300) < 50, 0, -1)
    params = {"function": "gc", "metric": "precomputed"}
    whole = needed(params=params, X=kernel)
    assert needed(params=params, X=kernel, y=y) > whole + 8 * 240**2
    params |= {"n_partitions": 3, "merge": False}
    assert needed(params=params, X=kernel) > 8 * 99**2


@pytest.mark.parametrize(
    "optimizer, message",
    [
        (partial(sparse, n_neighbors=0), "n_neighbors"),
        (partial(sparse, n_neighbors=2.5), "n_neighbors"),
        (partial(lazier_than_lazy, epsilon=0), "epsilon"),
        (partial(stochastic, epsilon=-1.0), "epsilon"),
        (partial(stochastic, epsilon=1.0), "epsilon"),
    ],
)
def test_parameters_of_optimizers_are_named(data, optimizer, message):
    with pytest.raises((TypeError, ValueError), match=message):
        SIMILARSampler(function="fl", budget=2, optimizer=optimizer).fit_select(data[0])


@pytest.mark.parametrize("optimizer", ["auto", "lazy", "sparse"])
def test_no_selection_is_worth_more_than_its_bound(optimizer):
    for seed in range(20):
        X = np.random.RandomState(seed).randn(6, 3).astype("float32")
        sampler = SIMILARSampler(function="fl", optimizer=optimizer, budget=6)
        sampler.fit(X).select()
        assert sampler.value_ <= sampler.bound_ < 1.01 * sampler.value_
