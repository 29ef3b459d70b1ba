"""Whatever the problem: a right answer or a clear refusal, and nothing else.

Random problems, drawn to be awkward: duplicates, zero rows, constant columns, one row,
empty pools, weights near zero and above one.  An answer is compared with the definitions
in NumPy.  The number of examples is set by a profile, which the environment variable
SKSIMILAR_EXAMPLES names: ``few`` (the default), ``many`` or ``night``; other variables
are not read.  ``SKSIMILAR_EXAMPLES=night pytest tests/test_properties.py`` draws about
forty thousand.
"""

import os
import re
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from definitions import (
    concave_over_modular,
    diverse_graph_cut,
    facility_location,
    graph_cut,
    information,
    log_determinant,
    query_facility_location,
    scaled,
    squared_distances,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from sksimilar import SIMILARSampler, baselines
from sksimilar.measures import (
    FUNCTIONS,
    ConcaveOverModular,
    DiverseGraphCut,
    FacilityLocation,
    GraphCut,
    LogDeterminant,
    QueryFacilityLocation,
)
from sksimilar.optimizers import OPTIMIZERS

pytest.importorskip("hypothesis")
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

EXAMPLES = {"few": 1, "many": 5, "night": 60}
SCALE = EXAMPLES[os.environ.get("SKSIMILAR_EXAMPLES", "few")]


def examples(n):
    """Return the settings of a test that draws n examples in the smallest profile."""
    return settings(
        max_examples=SCALE * n,
        deadline=5000,  # Milliseconds: what hangs fails.  The first call loads modules.
        derandomize=SCALE == 1,
        database=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


# ------------------------------------------------------------------------------- rows


def plain(rng, X):
    return X


def integers(rng, X):
    return rng.integers(-1, 2, X.shape).astype(float)


def duplicates(rng, X):
    return X[rng.integers(0, max(1, len(X) // 3), len(X))]


def all_equal(rng, X):
    return np.repeat(X[:1], len(X), axis=0)


def zero_rows(rng, X):
    return X * (rng.random((len(X), 1)) < 0.6)


def constant_column(rng, X):
    X = X.copy()
    X[:, 0] = 3.0
    return X


def near_copies(rng, X):
    return X[rng.integers(0, 2, len(X)) % len(X)] + 1e-4 * X


def off_center(rng, X):
    return X + 50.0


def small(rng, X):
    return X * 1e-4


def large(rng, X):
    return X * 1e3


ROWS = [plain, integers, duplicates, all_equal, zero_rows, constant_column]
ROWS += [near_copies, off_center, small, large]


# ------------------------------------------------------------------- kernels, in NumPy


def cosine(X):
    length = np.linalg.norm(X, axis=1, keepdims=True)
    X = np.divide(X, length, out=np.zeros_like(X), where=length > 0)
    return X @ X.T


def rbf(X):
    distances = squared_distances(X)
    unit = distances.mean()
    return np.exp(-distances / unit) if unit > 0 else np.ones_like(distances)


KERNELS = {
    "cosine": lambda X: (1 + cosine(X)) / 2,
    "raw_cosine": cosine,
    "dot": lambda X: X @ X.T,
    "rbf": rbf,
}


# ---------------------------------------------------------- functions, and their values


def parameters(draw, kind):
    """Draw the parameters of a function."""
    weight = [0.0, 0.5, 1.0, 3.0]
    options = {
        FacilityLocation: {"sharpness": [1.5, 10.0, 40.0]},
        GraphCut: {"lam": weight},
        DiverseGraphCut: {"lam": weight, "gamma": weight},
        LogDeterminant: {"ridge": [0.01, 0.1, 1.0, 10.0]},
        ConcaveOverModular: {"psi": ["log", "sqrt"]},
        QueryFacilityLocation: {},
    }[kind]
    return {name: draw(st.sampled_from(values)) for name, values in options.items()}


def sharpened(S, V, A, Q, P, eta, nu, sharpness):
    """FLCMI where rows of P that are in Q too penalize by the sharpened kernel."""
    both, alone = np.intersect1d(Q, P), np.setdiff1d(P, Q)
    S = S.clip(0)
    near = np.minimum(
        S[np.ix_(V, A)].max(axis=1, initial=0), eta * S[np.ix_(V, Q)].max(axis=1)
    )
    penalty = nu * np.maximum(
        S[np.ix_(V, alone)].max(axis=1, initial=0),
        S[np.ix_(V, both)].max(axis=1, initial=0) ** sharpness,
    )
    return np.maximum(near - penalty, 0).sum()


PSI = {"log": np.log1p, "sqrt": np.sqrt}
DEFINITIONS = {
    FacilityLocation: lambda sharpness: facility_location,
    GraphCut: graph_cut,
    LogDeterminant: log_determinant,
}
QUERY_DEFINITIONS = {
    QueryFacilityLocation: lambda: query_facility_location,
    ConcaveOverModular: lambda psi: concave_over_modular(lambda x: PSI[psi](x.clip(0))),
    DiverseGraphCut: diverse_graph_cut,
}


def value_of(function, S, V, Q, P, eta, nu):
    """Return the value of a set of rows, by the definition."""
    kind, params = type(function), function.get_params()
    if kind in QUERY_DEFINITIONS:
        S = S.clip(0) if kind is ConcaveOverModular else S
        define = QUERY_DEFINITIONS[kind](**params)
        return lambda A: define(S, V, list(A), Q, eta) if len(A) else 0.0
    if Q is not None and len(np.intersect1d(Q, P)):
        return lambda A: sharpened(S, V, list(A), Q, P, eta, nu, **params)
    scaled_ = scaled(S, V, [] if Q is None else Q, P, eta, nu)
    return partial(information, DEFINITIONS[kind](**params), scaled_, V, Q=Q, P=P)


# ---------------------------------------------------------------------------- problems


class Problem:
    """Rows, masks and a sampler for them."""

    def __init__(self, draw):
        self.seed = draw(st.integers(0, 2**32 - 1))
        self.rng = np.random.default_rng(self.seed)
        kind = draw(st.sampled_from(ROWS))
        self.name = draw(st.sampled_from([*FUNCTIONS, "auto"]))
        self.dtype = draw(st.sampled_from(["float64", "float64", "float32"]))
        # Of few rows nothing is left to select where some are given.
        self.n = draw(st.sampled_from([*range(1, 15), *range(5, 15)]))
        X = self.rng.normal(size=(self.n, draw(st.integers(1, 4))))
        self.X = kind(self.rng, X).astype(self.dtype)
        self.draw_masks(draw)
        self.draw_sampler(draw)
        event(f"rows: {kind.__name__}")
        event(f"function: {self.name}")

    def __repr__(self):
        return f"X={self.X!r}\ny={self.y!r}\nmasks={self.masks!r}\n{self.sampler!r}"

    def draw_masks(self, draw):
        named = FUNCTIONS.get(self.name, FUNCTIONS["logdet"])
        # Now and then a set that the function does not take, to see it refused.
        wants = [
            draw(st.integers(0, 9)) > 0 if wanted is True
            else draw(st.integers(0, 9)) == 0 if wanted is False
            else draw(st.booleans())
            for wanted in (named.query, named.conditioning)
        ]  # fmt: skip
        order = self.rng.permutation(self.n)
        n_query = draw(st.integers(1, 3)) if wants[0] else 0
        sizes = [0, 1, 2, 3, self.n // 2, self.n]
        n_conditioning = draw(st.sampled_from(sizes)) if wants[1] else 0
        n_query = min(n_query, self.n)
        query = np.isin(np.arange(self.n), order[:n_query])
        start = 0 if draw(st.integers(0, 7)) == 0 else n_query
        members = order[start : start + n_conditioning]
        conditioning = np.isin(np.arange(self.n), members)
        self.masks = {
            "query_mask": query if wants[0] else None,
            "conditioning_mask": conditioning if wants[1] else None,
        }
        self.y = None
        if draw(st.booleans()):
            self.y = np.where(self.rng.random(self.n) < 0.8, -1, 0)
        elif draw(st.booleans()):
            free = ~query & ~conditioning
            self.masks["candidate_mask"] = free & (self.rng.random(self.n) < 0.8)

    def draw_sampler(self, draw):
        function = self.name
        if function != "auto" and draw(st.booleans()):
            function = FUNCTIONS[self.name].make()
            function.set_params(**parameters(draw, type(function)))
        n_partitions = draw(st.sampled_from([1, 1, 1, 2, 50]))
        self.budget = draw(st.integers(1, 16))
        self.sampler = SIMILARSampler(
            function=function,
            budget=self.budget,
            metric=draw(st.sampled_from([*KERNELS, "cosine"])),
            eta=draw(st.sampled_from([1e-3, 0.5, 1.0, 1.0, 2.0])),
            nu=draw(st.sampled_from([0.0, 0.5, 1.0, 1.0, 2.0])),
            optimizer=draw(st.sampled_from(["auto"] * 4 + ["greedy", *OPTIMIZERS])),
            n_partitions=n_partitions,
            merge=draw(st.sampled_from([True, False, "proposals"])),
            random_state=draw(st.integers(0, 99)),
        )

    def definition(self, sampler):
        """Return the value of a set by the definition, and the size of its rounding."""
        V, Q, P = sampler.candidates_, sampler.query_, sampler.conditioning_
        P = np.empty(0, dtype=np.int64) if P is None else P
        rows = np.unique(np.concatenate([V, P, V if Q is None else Q]))
        S = np.zeros((self.n, self.n))
        X = self.X.astype(np.float64)[rows]
        kernel = KERNELS[sampler.metric](X)
        S[np.ix_(rows, rows)] = kernel
        eta, nu = sampler.eta, sampler.nu
        value = value_of(sampler.function_, S, V, Q, P, eta, nu)
        scale = max(1.0, np.abs(kernel).max()) + self.rounding(X, sampler)
        scale *= max(1.0, eta, nu) ** 2 * self.n**2
        scale *= 1.0 + getattr(sampler.function_, "lam", 0.0)
        return value, TOLERANCE[self.dtype] * scale

    def rounding(self, X, sampler):
        """Return by how much similarities are off beyond what is usual.

        Squared distances are rounded in a Gaussian's units.
        """
        if self.sampler.metric != "rbf":
            return 0.0
        unit = squared_distances(X).mean()
        return (X**2).sum(axis=1).max() / unit if unit > 0 else np.inf


problems = st.composite(lambda draw: Problem(draw))()

# All that a valid problem may be refused for; each says what to do about it.
REFUSALS = re.compile(
    r"needs `\w+`. Pass|takes no `\w+`. Leave out|is defined by its query"
    r"|has no conditional form|needs similarities in|function='fl', or clear them"
    r"|There is no row to select|gains only shrink|Use optimizer='auto'"
    r"|make the scaled kernel indefinite|Raise the ridge"
)


def solve(problem):
    """Return the fitted sampler after its selection, or None where it refused."""
    sampler = clone(problem.sampler)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            sampler.fit_select(problem.X, problem.y, **problem.masks)
        except ValueError as error:
            # A Gaussian of equal rows has no unit of length.
            one_point = sampler.metric == "rbf" and "beyond the range" in str(error)
            assert one_point or REFUSALS.search(str(error)), error
            event("refused")
            return None
    return sampler


def inputs(problem):
    arrays = [problem.X, problem.y, *problem.masks.values()]
    return [None if a is None else (a.tobytes(), a.dtype, a.shape) for a in arrays]


TOLERANCE = {"float64": 1e-8, "float32": 3e-4}


def check_picks(picks, candidates, budget):
    assert picks.dtype == np.int64
    assert len(np.unique(picks)) == len(picks) == min(budget, len(candidates))
    assert np.isin(picks, candidates).all()


@examples(280)
@given(problems)
def test_a_selection_is_what_its_definition_says(problem):
    before = inputs(problem)
    sampler = solve(problem)
    assert inputs(problem) == before
    if sampler is None:
        return
    picks = sampler.selected_indices_
    check_picks(picks, sampler.candidates_, problem.budget)
    value, tolerance = problem.definition(sampler)
    assume(tolerance < np.inf)
    assert np.isfinite(sampler.gains_).all() and len(sampler.gains_) == len(picks)
    assert sampler.bound_ is None or np.isfinite(sampler.bound_)
    expected = value(picks)
    whole = sampler.n_partitions == 1
    try:
        worth = sampler.evaluate(picks)
    except ValueError as error:  # Parts may be definite where the whole is not.
        assert not whole and REFUSALS.search(str(error))
        return
    assert_allclose(worth, expected, rtol=1e-6, atol=tolerance)
    if whole:
        assert_allclose(sampler.value_, expected, rtol=1e-5, atol=tolerance)
    if sampler.bound_ is not None:
        assert expected <= sampler.bound_ + tolerance
    if whole and sampler.optimizer in ("auto", "greedy", "lazy"):
        check_greedy(picks, sampler.candidates_, value, tolerance)
        assert_array_equal(sampler.select(1), picks[:1])


def check_greedy(picks, candidates, value, tolerance):
    """Check that no candidate had a larger gain than each pick, when it was taken."""
    for t in range(len(picks)):
        before = value(picks[:t])
        rest = np.setdiff1d(candidates, picks[:t])
        gains = np.array([value([*picks[:t], j]) for j in rest]) - before
        assert gains[rest == picks[t]][0] >= gains.max() - 4 * tolerance
    assert np.isfinite(value(picks))


@examples(90)
@given(problems)
def test_a_selection_depends_on_its_seed_and_on_nothing_else(problem):
    first, _ = solve(problem), np.random.seed(problem.seed)
    again = solve(problem)
    if first is not None:
        assert_array_equal(first.selected_indices_, again.selected_indices_)
        assert_array_equal(first.gains_, again.gains_)


@examples(90)
@given(problems)
def test_the_order_of_rows_changes_nothing_but_ties(problem):
    problem.sampler.set_params(n_partitions=1, optimizer="auto")
    sampler = solve(problem)
    if sampler is None:
        return
    order = problem.rng.permutation(problem.n)
    problem.X = problem.X[order]
    problem.y = None if problem.y is None else problem.y[order]
    given = {k: m for k, m in problem.masks.items() if m is not None}
    problem.masks = {name: mask[order] for name, mask in given.items()}
    permuted = solve(problem)
    value, tolerance = problem.definition(permuted)
    assume(tolerance < np.inf)
    # Up to the first tie, where the two may part.
    for t, pick in enumerate(permuted.selected_indices_):
        picks = permuted.selected_indices_[:t]
        rest = np.setdiff1d(permuted.candidates_, [*picks, pick])
        gain = value([*picks, pick]) - value(picks)
        others = [value([*picks, j]) - value(picks) for j in rest]
        assert_allclose(permuted.gains_[t], sampler.gains_[t], atol=8 * tolerance)
        if max(others, default=-np.inf) >= gain - 4 * tolerance:
            break
        assert order[pick] == sampler.selected_indices_[t]


# --------------------------------------------------------------------------- baselines


class Linear(ClassifierMixin, BaseEstimator):
    """A classifier with random weights, which may be as sure of itself as can be."""

    def __init__(self, n_classes=2, scale=1.0, seed=0):
        self.n_classes = n_classes
        self.scale = scale
        self.seed = seed

    def fit(self, X):
        size = X.shape[1] + 1, self.n_classes
        self.weights_ = np.random.default_rng(self.seed).normal(size=size)
        self.classes_ = np.arange(self.n_classes)
        return self

    def predict_proba(self, X):
        X = np.c_[np.asarray(X, dtype=np.float64), np.ones(len(X))]
        logits = torch.as_tensor(self.scale * X @ self.weights_)
        return logits.softmax(dim=1).numpy()

    def predict(self, X):
        return self.predict_proba(X).argmax(axis=1)


BASELINES = [getattr(baselines, name) for name in baselines.__all__]
BASELINE_REFUSALS = re.compile(
    r"There is no row to select|`query_mask` is None|unknown"
)


@st.composite
def compared(draw):
    """A baseline, and what to call its `fit` with."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, n_classes = draw(st.integers(1, 14)), draw(st.integers(1, 4))
    X = rng.normal(size=(n, draw(st.integers(1, 4))))
    X = draw(st.sampled_from(ROWS))(rng, X)
    X = X.astype(draw(st.sampled_from(["float64", "float32"])))
    scale = draw(st.sampled_from([0.0, 1.0, 30.0, 1e4]))
    model = Linear(n_classes, scale, draw(st.integers(0, 9))).fit(X)
    kind = draw(st.sampled_from(BASELINES))
    sampler = kind(
        budget=draw(st.integers(1, 16)), random_state=draw(st.integers(0, 9))
    )
    blind = kind.__name__ in ("RandomSampler", "CoreSetSampler", "TopCosineSampler")
    sampler.estimator = None if blind and draw(st.booleans()) else model
    known = rng.random(n) < 0.3
    y = np.where(known, rng.integers(0, n_classes, n), -1)
    query = known & (rng.random(n) < 0.7)
    masks = {"query_mask": query if query.any() else None}
    event(kind.__name__)
    return sampler, X, y, masks


@examples(200)
@given(compared())
def test_every_baseline_keeps_the_contract(problem):
    sampler, X, y, masks = problem
    copies = X.copy(), y.copy(), {k: np.copy(v) for k, v in masks.items()}
    weights = getattr(sampler.estimator, "weights_", np.zeros(1)).copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            picks = sampler.fit_select(X, y, **masks)
        except ValueError as error:
            assert BASELINE_REFUSALS.search(str(error)), error
            return event("refused")
        check_picks(picks, sampler.candidates_, sampler.budget)
        assert_array_equal(sampler.select(), picks)
        assert_array_equal(sampler.fit(X, y, **masks).select(), picks)
    assert np.isfinite(getattr(sampler, "scores_", 0.0)).all()
    assert (X.tobytes(), y.tobytes()) == (copies[0].tobytes(), copies[1].tobytes())
    for name, mask in masks.items():
        assert_array_equal(mask, copies[2][name])
    if sampler.estimator is not None:
        assert_array_equal(sampler.estimator.weights_, weights)
        check_scores(sampler, sampler.estimator.predict_proba(X[sampler.candidates_]))


def check_scores(sampler, p):
    """Check the scores of those samplers that are a formula of the probabilities."""
    p = np.sort(np.c_[np.zeros(len(p)), p], axis=1)
    logs = np.log(p.clip(np.finfo(float).tiny))
    expected = {
        "EntropySampler": -(p * logs).sum(axis=1),
        "MarginSampler": p[:, -2] - p[:, -1],
        "LeastConfidenceSampler": -logs[:, -1],
    }.get(type(sampler).__name__)
    if expected is not None:
        assert_allclose(sampler.scores_, expected, atol=1e-12)
