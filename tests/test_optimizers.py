"""Optimizers return what greedy on the definition returns, and bounds that hold."""

from functools import partial
from itertools import combinations

import numpy as np
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
)
from numpy.testing import assert_allclose, assert_array_equal

from sksimilar import optimizers
from sksimilar.measures import (
    ConcaveOverModular,
    DiverseGraphCut,
    FacilityLocation,
    GraphCut,
    LogDeterminant,
    QueryFacilityLocation,
)
from sksimilar.similarity import METRICS as OPERATORS

SET_FUNCTIONS = [
    (FacilityLocation(), facility_location),
    (GraphCut(), graph_cut(0.5)),
    (LogDeterminant(), log_determinant(1.0)),
    (LogDeterminant(0.05), log_determinant(0.05)),
]
QUERY_FUNCTIONS = [
    (QueryFacilityLocation(), query_facility_location),
    (ConcaveOverModular(), concave_over_modular(np.log1p)),
    (DiverseGraphCut(gamma=0.2), diverse_graph_cut(1.0, 0.2)),
]
FAMILIES = [(False, False), (True, False), (False, True), (True, True)]
CASES = [(f, d, True, *family) for f, d in SET_FUNCTIONS for family in FAMILIES]
CASES += [(f, d, False, True, False) for f, d in QUERY_FUNCTIONS]


def problem(n, n_given, seed, metric="cosine", duplicates=True):
    X = np.random.default_rng(seed).normal(size=(n + 2 * n_given, 5))
    if duplicates:
        X[n // 2 : n // 2 + n // 10] = X[: n // 10]
    V, Q, P = np.split(np.arange(len(X)), [n, n + n_given])
    return METRICS[metric](X), OPERATORS[metric](torch.as_tensor(X)), V, Q, P


def setup(case, n, n_given, seed, **kwargs):
    """Return a maker of fresh measures, the value of a set, and the candidates."""
    function, f, of_sets, with_query, with_conditioning = case
    S, operator, V, Q, P = problem(n, n_given, seed, **kwargs)
    Q, P = Q if with_query else None, P if with_conditioning else []
    if of_sets:
        value = partial(information, f, S, V, Q=Q, P=P)
    else:
        value = partial(lambda A: f(S, V, list(A), Q, 1.0))
    sets = [None if s is None else torch.as_tensor(s) for s in (V, Q, P)]
    sets[2] = sets[2].long()
    return partial(function.measure, operator, *sets), value, torch.as_tensor(V)


@pytest.mark.parametrize("case", CASES)
def test_exact_optimizers_equal_greedy_on_the_definition_index_for_index(case):
    measure, value, V = setup(case, n=200, n_given=6, seed=0)
    order = torch.as_tensor(np.random.default_rng(1).permutation(len(V)))
    expected, gains = greedy(value, order.tolist(), 20)
    routes = [optimizers.greedy, optimizers.resolve_optimizer("auto", measure())]
    if measure().submodular:
        routes.append(optimizers.lazy)
    for optimizer in routes:
        selection = optimizer(measure(), order, 20)
        assert_array_equal(selection.points, expected)
        assert_allclose(selection.gains, gains, atol=1e-8)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("seed", range(3))
def test_shortcuts_change_no_pick(case, seed, monkeypatch):
    # As in pools of many rows: few candidates are looked at, and picks are forecast.
    monkeypatch.setattr("sksimilar.optimizers._lazy.WIDE", 25)
    monkeypatch.setattr("sksimilar.optimizers._lazy.NARROW", 5)
    monkeypatch.setattr("sksimilar.optimizers._lazy.PER_PICK", 0)
    monkeypatch.setattr("sksimilar.optimizers._greedy.POOL", 15)
    measure, value, V = setup(case, n=110, n_given=4, seed=seed)
    order = torch.as_tensor(np.random.default_rng(seed).permutation(len(V)))
    expected, gains = greedy(value, order.tolist(), 6)
    optimizer = optimizers.resolve_optimizer("auto", measure())
    selection = optimizer(measure(), order, 6)
    assert_array_equal(selection.points, expected)
    assert_allclose(selection.gains, gains, atol=1e-8)


def test_a_wrong_forecast_changes_nothing():
    measure, _, V = setup(CASES[9], n=50, n_given=3, seed=0)
    picks, wrong = V[[5, 2, 30, 8]], V[[5, 9, 30, 8]]
    plain, warned = measure(), measure().expect(wrong)
    for pick in picks.split(1):
        assert_allclose(warned.gains(V), plain.gains(V), atol=1e-12)
        plain.add(pick), warned.add(pick)
    assert warned.expected == 0
    assert_allclose(warned.gains(V), plain.gains(V), atol=1e-12)


@pytest.mark.parametrize("psi", ["log", "sqrt", lambda x: 1 - torch.exp(-x)])
def test_limits_are_upper_bounds_of_gains(psi):
    _, operator, V, Q, _ = problem(60, 5, seed=1)
    V, Q = torch.as_tensor(V), torch.as_tensor(Q)
    measure = ConcaveOverModular(psi).measure(operator, V, Q)
    for pick in V[:5].split(1):
        assert (measure.limits(V) >= measure.gains(V) - 1e-12).all()
        measure.add(pick)
    tight = measure.limits(V) - measure.gains(V)
    assert tight.max() < 0.05 * measure.gains(V).max()


@pytest.mark.parametrize("case", CASES)
def test_float32_loses_no_value(case):
    function, _, _, with_query, with_conditioning = case
    _, operator, V, Q, P = problem(150, 5, seed=3)
    single = type(operator)(*(factor.float() for factor in operator.factors))
    sets = [torch.as_tensor(s) for s in (V, Q, P)]
    sets = [
        sets[0],
        sets[1] if with_query else None,
        sets[2] if with_conditioning else None,
    ]
    exact, rounded = (
        optimizers.greedy(function.measure(s, *sets), sets[0], 15)
        for s in (operator, single)
    )
    assert_allclose(rounded.gains.sum(), exact.gains.sum(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("optimizer", [optimizers.lazy, optimizers.lazier_than_lazy])
def test_lazy_refuses_what_is_not_submodular(optimizer):
    measure, _, V = setup(CASES[9], n=30, n_given=3, seed=0)
    assert isinstance(CASES[9][0], LogDeterminant)
    with pytest.raises(ValueError, match="gains only shrink"):
        optimizer(measure(), V, 3, np.random.RandomState(0))


@pytest.mark.parametrize("case", CASES)
def test_sampling_everyone_is_greedy(case):
    measure, _, V = setup(case, n=60, n_given=4, seed=2)
    expected = optimizers.greedy(measure(), V, 8)
    names = ["stochastic"] + ["lazier_than_lazy"] * measure().submodular
    for name in names:
        optimizer = partial(optimizers.OPTIMIZERS[name], epsilon=1e-9)
        selection = optimizer(measure(), V, 8, np.random.RandomState(0))
        assert_array_equal(selection.points, expected.points)
        assert selection.bound is None


def test_lazier_than_lazy_picks_as_stochastic_and_near_greedy():
    measure, _, V = setup(CASES[0], n=300, n_given=3, seed=5)
    best = optimizers.greedy(measure(), V, 20).gains.sum()
    values = []
    for seed in range(10):
        picks = [
            optimizers.OPTIMIZERS[name](measure(), V, 20, np.random.RandomState(seed))
            for name in ("stochastic", "lazier_than_lazy")
        ]
        assert_array_equal(picks[0].points, picks[1].points)
        assert len(set(picks[0].points.tolist())) == 20
        values.append(picks[0].gains.sum())
    assert np.mean(values) > 0.9 * best  # In expectation 1 - 1/e - 0.1 of the optimum.
    assert len({float(v) for v in values}) > 1


class Counting:
    """A measure that counts how many gains it is asked for."""

    def __init__(self, measure):
        self.measure, self.asked = measure, 0
        self.submodular, self.least_gain = measure.submodular, measure.least_gain

    def gains(self, points):
        self.asked += len(points)
        return self.measure.gains(points)

    def add(self, points):
        self.measure.add(points)


@pytest.mark.parametrize("case", [CASES[0], CASES[1], CASES[3], CASES[16]])
def test_lazy_asks_for_few_gains(case):
    measure, _, V = setup(case, n=400, n_given=6, seed=0)
    lazy, full = Counting(measure()), Counting(measure())
    assert_array_equal(
        optimizers.lazy(lazy, V, 40).points, optimizers.greedy(full, V, 40).points
    )
    assert lazy.asked < full.asked / 3


def test_a_measure_with_two_verbs_and_nothing_else_is_enough():
    class Nearest:
        """k-center: the farthest point from all that are chosen."""

        def __init__(self, x):
            self.x, self.distance = x, torch.full_like(x, 1e3)

        def gains(self, points):
            return self.distance[points]

        def add(self, points):
            d = (self.x - self.x[points]).abs()
            self.distance = torch.minimum(self.distance, d)

    x = torch.tensor([0.0, 10.0, 4.0, 9.0])
    measure = Nearest(x)
    optimizer = optimizers.resolve_optimizer("auto", measure)
    selection = optimizer(measure, torch.arange(4), 3)
    assert selection.points.tolist() == [0, 1, 2]
    assert selection.bound is None


@pytest.mark.parametrize("case", CASES[:4])
def test_sparse_with_all_neighbors_is_greedy(case):
    measure, _, V = setup(case, n=120, n_given=4, seed=0)
    expected = optimizers.greedy(measure(), V, 15)
    selection = optimizers.sparse(measure(), V, 15, n_neighbors=120)
    assert_array_equal(selection.points, expected.points)
    assert_allclose(selection.gains, expected.gains, atol=1e-8)


@pytest.mark.parametrize("n_neighbors", [1, 3, 6])
@pytest.mark.parametrize("case", CASES[:4])
def test_sparse_is_bounded_from_both_sides(case, n_neighbors):
    for seed in range(10):
        measure, value, V = setup(case, 9, 3, seed)
        optimum = max(value(A) for A in combinations(V.tolist(), 3))
        selection = optimizers.sparse(measure(), V, 3, n_neighbors=n_neighbors)
        chosen = selection.points.tolist()
        along = np.diff([value(chosen[:k]) for k in range(4)])
        assert_allclose(selection.gains, along, atol=1e-7)
        reached = value(chosen)
        assert reached <= optimum <= selection.bound + 1e-9


def test_sparse_refuses_what_has_no_neighbors():
    measure, _, V = setup(CASES[9], n=30, n_given=3, seed=0)
    with pytest.raises(ValueError, match="facility location"):
        optimizers.sparse(measure(), V, 3)


CERTIFIED = [
    case for case in CASES if setup(case, 12, 3, 0)[0]().least_gain > -np.inf
    and setup(case, 12, 3, 0)[0]().submodular
]  # fmt: skip


def test_which_functions_are_certified():
    # FL in all four families; GC, GCMI and with P; LogDet and LogDetCG at two ridges;
    # FLQMI and COM.
    assert len(CERTIFIED) == 4 + 3 + 4 + 2


@pytest.mark.parametrize("seed", range(100))
@pytest.mark.parametrize("case", CERTIFIED)
def test_no_set_beats_the_bound(case, seed):
    measure, value, V = setup(case, 9, 3, seed, duplicates=bool(seed % 2))
    budget = 2 + seed % 3
    optimum = max(value(A) for A in combinations(V.tolist(), budget))
    for optimizer in (optimizers.greedy, optimizers.lazy):
        selection = optimizer(measure(), V, budget)
        assert optimum <= selection.bound + 1e-9
        assert selection.gains.sum() <= selection.bound + 1e-9
        shift = budget * measure().least_gain  # f(A) - c |A| is monotone.
        reached, best = selection.gains.sum() - shift, optimum - shift
        assert reached >= (1 - 1 / np.e) * best - 1e-9


def test_ties_go_to_the_earliest_candidate():
    S, operator, V, *_ = problem(40, 1, 0, duplicates=True)
    first, copy_ = torch.arange(4), torch.arange(20, 24)  # rows 20..23 copy 0..3
    assert_allclose(S[:4], S[20:24])
    for order in (torch.cat([first, copy_]), torch.cat([copy_, first])):
        measure = LogDeterminant().measure(operator, torch.as_tensor(V))
        assert optimizers.greedy(measure, order, 1).points[0] in order[:4]


def test_saturation_is_counted_and_keeps_the_order_of_candidates():
    _, operator, V, Q, _ = problem(100, 2, 0, duplicates=False)
    order = torch.as_tensor(np.random.default_rng(0).permutation(V))
    for optimizer in (optimizers.greedy, optimizers.lazy):
        measure = FacilityLocation().measure(
            operator, torch.as_tensor(V), torch.as_tensor(Q)
        )
        selection = optimizer(measure, order, 60)
        k = selection.n_informative
        assert 2 <= k < 60
        assert (selection.gains[k:] == 0).all() and (selection.gains[:k] > 0).all()
        rest = [j for j in order.tolist() if j not in selection.points[:k].tolist()]
        assert selection.points[k:].tolist() == rest[: 60 - k]
