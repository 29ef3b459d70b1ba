"""Every function equals its definition, on every kernel that its condition admits."""

from functools import partial

import numpy as np
import pytest
import torch
from definitions import (
    METRICS,
    concave_over_modular,
    diverse_graph_cut,
    facility_location,
    graph_cut,
    information,
    log_determinant,
    query_facility_location,
    redundancy_and_ood,
    scaled,
)
from numpy.testing import assert_allclose
from sklearn.base import clone

from sksimilar import SIMILARSampler
from sksimilar.measures import (
    FUNCTIONS,
    ConcaveOverModular,
    DiverseGraphCut,
    FacilityLocation,
    GraphCut,
    InformationMeasure,
    LogDeterminant,
    QueryFacilityLocation,
    SetFunction,
    resolve_function,
)
from sksimilar.optimizers import best_route, greedy
from sksimilar.similarity import METRICS as OPERATORS
from sksimilar.similarity import DenseSimilarity

V, Q, P = np.arange(12), np.arange(12, 16), np.arange(16, 21)
ALL, UNIT, NONNEGATIVE = (
    ["cosine", "raw_cosine", "dot", "rbf"],
    ["cosine", "raw_cosine", "rbf"],
    ["cosine", "rbf"],
)


def set_function(f):
    """A set function as a value of (S, V, A, Q, P, eta, nu)."""

    def value(S, V, A, Q, P, eta, nu):
        given = [] if P is None else P
        S = scaled(S, V, [] if Q is None else Q, given, eta, nu)
        return information(f, S, V, A, Q, given)

    return value


def query_function(f):
    return lambda S, V, A, Q, P, eta, nu: f(S, V, list(A), Q, eta)


class Coverage(SetFunction):
    """No more than a set function must have."""

    domain = (0, 1)

    def start(self, similarity, ground):
        self.similarity_, self.ground_ = similarity, ground
        self.missed_ = torch.ones_like(similarity.diagonal()[ground])
        return self

    def add(self, points, scale=1.0):
        missed = 1 - scale * self.similarity_[points, self.ground_]
        self.missed_ = self.missed_ * missed.prod(dim=0)
        return self

    def gains(self, points):
        return self.similarity_[points, self.ground_] @ self.missed_


class WrittenInPlace(Coverage):
    """As people write it who think of one function alone."""

    def add(self, points, scale=1.0):
        missed = 1 - scale * self.similarity_[points, self.ground_]
        self.missed_ *= missed.prod(dim=0)


def coverage(S, V, A):
    return (1 - np.prod(1 - S[np.ix_(V, list(A))], axis=1)).sum()


# A new function is a row: the object, its definition, the metrics it admits.
SET_FUNCTIONS = [
    (FacilityLocation(), facility_location, ALL),
    (GraphCut(), graph_cut(0.5), ALL),
    (GraphCut(lam=2.0), graph_cut(2.0), ALL),
    (LogDeterminant(), log_determinant(1.0), ALL),
    (LogDeterminant(ridge=0.01), log_determinant(0.01), ALL),
    (Coverage(), coverage, NONNEGATIVE),
    (WrittenInPlace(), coverage, NONNEGATIVE),
]
QUERY_FUNCTIONS = [
    (QueryFacilityLocation(), query_facility_location, UNIT),
    (ConcaveOverModular(), concave_over_modular(np.log1p), NONNEGATIVE),
    (ConcaveOverModular("sqrt"), concave_over_modular(np.sqrt), NONNEGATIVE),
    (ConcaveOverModular(torch.tanh), concave_over_modular(np.tanh), NONNEGATIVE),
    (DiverseGraphCut(gamma=0.3), diverse_graph_cut(1.0, 0.3), ALL),
]
CASES = [
    (function, set_function(f), metric, query, conditioning)
    for function, f, metrics in SET_FUNCTIONS
    for metric in metrics
    for query in (None, Q)
    for conditioning in (None, P)
] + [
    (function, query_function(f), metric, Q, None)
    for function, f, metrics in QUERY_FUNCTIONS
    for metric in metrics
]


def problem(metric, seed):
    """Rows with duplicates inside V, across V and Q, and across V and P."""
    X = np.random.default_rng(seed).normal(size=(len(V) + len(Q) + len(P), 6))
    if seed % 2:
        X[4], X[5], X[Q[0]], X[P[1]] = X[1], X[1], X[2], X[3]
    return METRICS[metric](X), OPERATORS[metric](torch.as_tensor(X))


def points(*sets):
    return [None if s is None else torch.as_tensor(np.asarray(s)) for s in sets]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("function, definition, metric, query, conditioning", CASES)
def test_gain_is_the_increment_of_the_definition(
    function, definition, metric, query, conditioning, seed
):
    S, operator = problem(metric, seed)
    eta, nu = [(1.0, 1.0), (0.7, 1.0), (0.6, 0.8)][seed % 3]
    measure = function.measure(operator, *points(V, query, conditioning), eta, nu)
    value = partial(definition, S, V, Q=query, P=conditioning, eta=eta, nu=nu)
    A = []
    for j in [3, 0, 7, 4]:
        rest = [k for k in V if k not in A]
        expected = [value([*A, k]) - value(A) for k in rest]
        gains = measure.gains(*points(rest))
        scale = max(1, abs(S).max()) * 10
        assert_allclose(gains, expected, rtol=1e-9, atol=1e-9 * scale)
        measure.add(*points([j]))
        A.append(j)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("query", [None, Q])
@pytest.mark.parametrize("conditioning", [None, P])
@pytest.mark.parametrize("function, f, metrics", SET_FUNCTIONS)
def test_closed_form_equals_the_combinator(
    function, f, metrics, query, conditioning, seed
):
    _, operator = problem("cosine", seed)
    closed = function.measure(operator, *points(V, query, conditioning), 0.9, 0.8)
    plain = clone(function).start(operator, *points(V))
    combined = InformationMeasure(plain, *points(query, conditioning), 0.9, 0.8)
    for some in [2], [9], [5, 4, 7], [0]:
        assert_allclose(closed.gains(*points(V)), combined.gains(*points(V)), atol=1e-9)
        closed.add(*points(some))
        combined.add(*points(some))


@pytest.mark.parametrize("query", [None, Q])
@pytest.mark.parametrize("conditioning", [None, P])
def test_what_was_expected_changes_no_gain(query, conditioning):
    _, operator = problem("cosine", 1)
    expecting, plain = (
        LogDeterminant(0.1).measure(operator, *points(V, query, conditioning), 0.9, 0.8)
        for _ in range(2)
    )
    for foreseen, added in ([2, 0, 5], [2, 0, 5]), ([3, 1], [3, 4]), ([6, 7], [7, 6]):
        expecting.expect(*points(foreseen))
        for j in added:
            for measure in expecting, plain:
                measure.add(*points([j]))
            gains = expecting.gains(*points(V))
            assert_allclose(gains, plain.gains(*points(V)), atol=1e-9)
        assert not expecting.expected


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("metric", UNIT)
def test_rows_in_query_and_conditioning_penalize_with_the_sharpened_kernel(
    metric, seed
):
    S, operator = problem(metric, seed)
    both = np.r_[Q, P]
    measure = FacilityLocation(sharpness=6.0).measure(
        operator, *points(V, Q, both), 0.9, 0.8
    )
    value = partial(redundancy_and_ood, S, V, Q=Q, O=P, eta=0.9, nu=0.8, sharpness=6.0)
    A = []
    for j in [3, 0, 7]:
        expected = [value([*A, k]) - value(A) for k in V]
        assert_allclose(measure.gains(*points(V)), expected, atol=1e-9)
        measure.add(*points([j]))
        A.append(j)


@pytest.mark.parametrize("block", [1 << 20, 60])
@pytest.mark.parametrize("query", [None, slice(60, 64)])
@pytest.mark.parametrize("conditioning", [None, slice(64, 70)])
def test_facility_location_keeps_gains_current_whenever_points_are_asked_for(
    query, conditioning, block, monkeypatch
):
    # Groups of several sizes, tiles of several rows, and points that come late.
    monkeypatch.setattr("sksimilar.measures._facility_location.TILE", block)
    monkeypatch.setattr("sksimilar.measures._facility_location.N_GROUPS", 5)
    monkeypatch.setattr("sksimilar.measures._facility_location.GROUP_SIZE", 1)
    X = np.random.default_rng(0).normal(size=(70, 4))
    V, rows = np.arange(60), np.arange(70)
    Q = None if query is None else rows[query]
    P = () if conditioning is None else rows[conditioning]
    operator = OPERATORS["cosine"](torch.as_tensor(X))
    measure = FacilityLocation().measure(operator, *points(V, Q, np.array(P, int)))
    value = partial(information, facility_location, METRICS["cosine"](X), V, Q=Q, P=P)
    A = []
    for asked in ([7], range(20), [], [3, 50], V, [8], V, V, range(30, 60), V):
        expected = [value([*A, k]) - value(A) for k in asked]
        gains = measure.gains(torch.tensor(list(asked), dtype=torch.int64))
        assert_allclose(gains, expected, atol=1e-12)
        A.append(7 * len(A) + 3 if len(A) < 8 else len(A))
        measure.add(torch.tensor(A[-1:]))


def test_saturated_facility_location_gains_exactly_nothing():
    X = np.random.default_rng(0).normal(size=(200, 4))
    operator = OPERATORS["cosine"](torch.as_tensor(X, dtype=torch.float32))
    V, Q = torch.arange(198), torch.arange(198, 200)
    measure = FacilityLocation().measure(operator, V, Q)
    for _ in range(100):
        measure.add(measure.gains(V).argmax()[None])
    assert (measure.gains(V) == 0).all()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("function, definition, metric, query, conditioning", CASES)
def test_traits_hold_on_random_triples(
    function, definition, metric, query, conditioning, seed
):
    S, operator = problem(metric, seed)
    measure = function.measure(operator, *points(V, query, conditioning), 0.9, 0.9)
    value = partial(definition, S, V, Q=query, P=conditioning, eta=0.9, nu=0.9)
    rng = np.random.default_rng(seed)
    for _ in range(10):
        order = rng.permutation(V)
        a, b = np.sort(rng.integers(0, len(V) - 1, 2))
        small, large, j = list(order[:a]), list(order[:b]), order[-1]
        early = value([*small, j]) - value(small)
        late = value([*large, j]) - value(large)
        slack = 1e-9 * max(1, abs(early))
        assert not measure.submodular or late <= early + slack
        assert min(early, late) >= measure.least_gain - slack


def test_log_determinant_information_is_not_submodular():
    # That it is flagged is the claim; that the flag is needed is shown by one triple.
    violated = 0
    for seed in range(20):
        S, operator = problem("cosine", seed)
        value = partial(
            set_function(log_determinant(1.0)), S, V, Q=Q, P=None, eta=1.0, nu=1.0
        )
        for A, B, j in [([], [1], 2), ([0], [0, 1], 5), ([3], [3, 6, 7], 8)]:
            violated += value([*B, j]) - value(B) > value([*A, j]) - value(A) + 1e-9
    assert violated
    assert not LogDeterminant().measure(operator, *points(V, Q)).submodular


@pytest.mark.parametrize("seed", range(5))
def test_largest_admissible_eta_is_exact(seed):
    S, operator = problem("cosine", seed)
    ridge = 0.5
    LA = np.linalg.cholesky(S[np.ix_(V, V)] + ridge * np.eye(len(V)))
    LQ = np.linalg.cholesky(S[np.ix_(Q, Q)] + ridge * np.eye(len(Q)))
    between = np.linalg.solve(LA, S[np.ix_(V, Q)]) @ np.linalg.inv(LQ).T
    largest = 1 / np.linalg.norm(between, 2)
    function = LogDeterminant(ridge)
    function.measure(operator, *points(V, Q), eta=largest - 1e-4)
    with pytest.raises(
        ValueError, match=f"admissible at this ridge: {largest:.4f}"[:-1]
    ):
        function.measure(operator, *points(V, Q), eta=largest + 1e-4)


def test_large_weights_of_both_sets_are_refused_before_they_give_nan():
    S, operator = problem("cosine", 1)
    K = scaled(S, V, Q, P, 1.3, 1.2) + 0.1 * np.eye(len(S))
    assert np.linalg.eigvalsh(K)[0] < 0
    with pytest.raises(ValueError, match="indefinite"):
        LogDeterminant(0.1).measure(operator, *points(V, Q, P), eta=1.3, nu=1.2)


REFUSED = [
    (QueryFacilityLocation(), "dot", Q, None, r"similarities in \[-inf, 1\]"),
    (ConcaveOverModular(), "dot", Q, None, r"similarities in \[0, inf\]"),
    (ConcaveOverModular(), "raw_cosine", Q, None, "metric='cosine'"),
    (QueryFacilityLocation(), "cosine", None, None, "query_mask"),
    (ConcaveOverModular(), "cosine", None, None, "query_mask"),
    (DiverseGraphCut(), "cosine", None, None, "query_mask"),
    (QueryFacilityLocation(), "cosine", Q, P, "conditioning_mask"),
    (LogDeterminant(), "cosine", Q, np.r_[P, Q[:1]], "function='fl'"),
    (GraphCut(), "cosine", Q, np.r_[P, Q[:1]], "function='fl'"),
    (LogDeterminant(ridge=0), "cosine", None, None, "'ridge'"),
    (GraphCut(lam=-1), "cosine", None, None, "'lam'"),
    (FacilityLocation(sharpness=1), "cosine", None, None, "'sharpness'"),
    (ConcaveOverModular("exp"), "cosine", Q, None, "'psi'"),
    (DiverseGraphCut(gamma=-1), "cosine", Q, None, "'gamma'"),
]


@pytest.mark.parametrize("function, metric, query, conditioning, message", REFUSED)
def test_what_the_definition_excludes_is_refused(
    function, metric, query, conditioning, message
):
    _, operator = problem(metric, 0)
    with pytest.raises(ValueError, match=message):
        function.measure(operator, *points(V, query, conditioning))


def test_indefinite_precomputed_kernel_is_refused():
    S = DenseSimilarity(torch.tensor([[1.0, 5.0, 0], [5.0, 1.0, 0], [0, 0, 1.0]]))
    with pytest.raises(ValueError, match="not positive semidefinite"):
        LogDeterminant().measure(S, *points([2], [0, 1]))


def test_rounding_of_a_precomputed_kernel_is_forgiven():
    S = DenseSimilarity(torch.tensor([[1 + 3e-7, 0.5], [0.5, 1 + 3e-7]]))
    QueryFacilityLocation().measure(S, *points([0], [1]))
    S = DenseSimilarity(torch.tensor([[1.0, -3e-8], [-3e-8, 1.0]]))
    ConcaveOverModular().measure(S, *points([0], [1]))


def test_query_facility_location_of_a_precomputed_kernel_checks_its_entries():
    S = DenseSimilarity(torch.tensor([[1.0, 1.5], [1.5, 1.0]]))
    with pytest.raises(ValueError, match=r"this metric gives \[1, 1.5\]"):
        QueryFacilityLocation().measure(S, *points([0], [1]))


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("query", [None, Q])
@pytest.mark.parametrize("conditioning", [None, P])
def test_a_name_fits_the_masks_or_says_both_ways_out(name, query, conditioning):
    named = FUNCTIONS[name]
    fits = named.query in (None, query is not None)
    fits &= named.conditioning in (None, conditioning is not None)
    if fits:
        assert type(resolve_function(name, query, conditioning)) is type(named.make())
    else:
        with pytest.raises(
            ValueError, match="mask.*or use a function for the masks given"
        ):
            resolve_function(name, query, conditioning)


def test_an_empty_conditioning_set_may_be_named_or_left_out():
    empty = np.array([], dtype=int)
    for name in ("flvmi", "flcmi"):
        assert isinstance(resolve_function(name, Q, empty), FacilityLocation)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'logdetmi'"):
        resolve_function("logdtmi", Q)


def test_a_function_of_ones_own_claims_nothing_and_keeps_the_memory_limit():
    X = np.random.default_rng(0).normal(size=(40, 3))
    sampler = SIMILARSampler(function=Coverage(), budget=5, random_state=0).fit(X)
    sampler.select()
    measure = sampler._problem_.measure()
    assert (measure.submodular, measure.least_gain) == (False, -np.inf)
    assert best_route(measure) is greedy and sampler.bound_ is None
    with pytest.raises(ValueError, match="This selection needs"):
        sampler.set_params(memory_limit=40 * 40).fit(X)
