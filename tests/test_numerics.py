"""Where floating point is at its worst: values, names of bad rows, and no surprises."""

import re
import warnings
from itertools import combinations

import numpy as np
import pytest
import torch
from definitions import METRICS, information, log_determinant, scaled
from numpy.testing import assert_allclose, assert_array_equal
from skorch import NeuralNetClassifier
from torch import nn

from sksimilar import SIMILARSampler, baselines
from sksimilar.factors import gradient_factors
from sksimilar.measures import FUNCTIONS, LogDeterminant
from sksimilar.optimizers import greedy
from sksimilar.similarity import CosineSimilarity, InnerProduct, RBFSimilarity

N, D, C = 200, 6, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, D))
QUERY, GIVEN = np.arange(N) < 5, (np.arange(N) >= 5) & (np.arange(N) < 15)


@pytest.fixture(autouse=True)
def saturation_is_expected():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Only .* picks carried information")
        yield


def solve(X, function, n=15, given=(QUERY, GIVEN), **params):
    sampler = SIMILARSampler(function=function, random_state=0, **params)
    masks = dict(zip(("query_mask", "conditioning_mask"), given))
    named = FUNCTIONS.get(function if isinstance(function, str) else "logdet")
    if isinstance(function, str):
        wanted = {"query_mask": named.query, "conditioning_mask": named.conditioning}
        masks = {name: mask for name, mask in masks.items() if wanted[name]}
    sampler.fit(X, **masks).select(n)
    return sampler


# ------------------------------------------------------------------ ill-conditioned kernels


def hilbert(n, d):
    return 1 / (1 + np.arange(n)[:, None] + np.arange(d))


ILL = {
    "rows of a Hilbert matrix": hilbert(N, D),
    "a thousandth apart": np.ones((N, D)) + 1e-3 * X,
    "columns of different size": X * 10.0 ** -np.arange(D),
    "copies": np.repeat(X[:20], 10, axis=0),
}


@pytest.mark.parametrize("rows", ILL.values(), ids=ILL)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_picks_in_float32_are_worth_what_those_in_float64_are(name, rows):
    exact = solve(rows, name)
    single = solve(rows.astype("float32"), name)
    worth = exact.evaluate(single.selected_indices_)
    assert worth >= exact.value_ - 2e-3 * abs(exact.value_) - 1e-3
    assert_allclose(single.value_, worth, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("ridge", [1e-2, 1e-4, 1e-8])
def test_a_small_ridge_gives_numbers_and_different_rows(ridge):
    rows = np.repeat(X[:20], 10, axis=0)
    sampler = solve(rows, LogDeterminant(ridge), n=25, given=())
    assert np.isfinite(sampler.gains_).all()
    assert len(np.unique(sampler.selected_indices_)) == 25
    # No copy of a row comes before all that rows in six dimensions can tell.
    assert len(np.unique(rows[sampler.selected_indices_[: D + 1]], axis=0)) == D + 1
    S = METRICS["cosine"](rows)[np.ix_(*[sampler.selected_indices_] * 2)]
    value = np.linalg.slogdet(S + ridge * np.eye(25))[1]
    assert_allclose(sampler.value_, value, rtol=1e-6)


@pytest.mark.parametrize("share", [1e-2, 1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("Q", [None, [10, 11]])
@pytest.mark.parametrize("P", [None, [12, 13]])
def test_a_ridge_far_below_the_kernel_loses_no_digit(share, Q, P):
    rng, V = np.random.default_rng(3), torch.arange(10)
    given = [None if rows is None else torch.tensor(rows) for rows in (Q, P)]
    for _ in range(10):
        rows = 1000 * rng.normal(size=(14, 2))
        rows[5:8] = rows[:3]
        rows = rows.astype(np.float32)
        S = rows.astype(float) @ rows.T.astype(float)
        ridge = share * S.diagonal().max()
        operator = InnerProduct(torch.as_tensor(rows))
        chosen = greedy(LogDeterminant(ridge).measure(operator, V, *given), V, 8)
        picks = chosen.points.tolist()
        value = information(log_determinant(ridge), S, V, picks, Q, P or [])
        # Where all is float32, a ridge of 1 % leaves 1e-7 / 1 % of every gain.
        rounding = 1e-5 if share == 1e-2 else 0
        assert_allclose(chosen.gains.sum(), value, rtol=1e-5, atol=rounding)


@pytest.mark.parametrize("ridge", [1.0, 0.1, 1e-3, 1e-6])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_query_of_near_copies_is_no_obstacle(ridge, dtype):
    rows = X.copy()
    rows[QUERY] = rows[0] + 1e-5 * rows[QUERY]
    sampler = solve(rows.astype(dtype), LogDeterminant(ridge), given=(QUERY,))
    assert np.isfinite(sampler.gains_).all() and (sampler.gains_ >= 0).all()
    # The row nearest to the query tells most about it.
    nearest = METRICS["cosine"](rows)[~QUERY][:, 0].argmax() + QUERY.sum()
    assert sampler.selected_indices_[0] == nearest


# ------------------------------------------------------------------------------ duplicates


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_thousand_copies_change_no_answer(name):
    firsts = []
    for copies in (1, 1000):
        rows = np.concatenate([X[:15], np.repeat(X[20:26], copies, axis=0)])
        masks = {"candidate_mask": np.arange(len(rows)) >= 15}
        if FUNCTIONS[name].query:
            masks["query_mask"] = np.arange(len(rows)) < 5
        if FUNCTIONS[name].conditioning:
            masks["conditioning_mask"] = GIVEN[np.arange(len(rows)).clip(max=N - 1)]
        sampler = SIMILARSampler(function=name, random_state=0)
        picks = sampler.fit(rows.astype("float32"), **masks).select(5)
        assert len(np.unique(picks)) == 5 and np.isfinite(sampler.gains_).all()
        firsts.append(((picks[0] - 15) // copies, sampler.gains_[0]))
    if name in ("gc", "gccg"):
        return  # The pool weighs more, and the picks do not.
    # By log det alone all single rows are worth the same.
    assert firsts[0][0] == firsts[1][0] or name == "logdet"
    each = copies if name.startswith("fl") and "q" not in name else 1
    assert_allclose(firsts[1][1], each * firsts[0][1], rtol=1e-4)


# -------------------------------------------------------------------------------- networks


class Loud(nn.Module):
    """A linear network whose logits are as large as one likes."""

    def __init__(self, scale=1.0):
        super().__init__()
        self.scale = scale
        self.head = nn.Linear(D, C)
        with torch.no_grad():
            self.head.weight.copy_(scale * torch.as_tensor(X[:C], dtype=torch.float32))
            self.head.bias.zero_()

    def forward(self, X):
        return self.head(X)


def loud(scale):
    net = NeuralNetClassifier(
        Loud, module__scale=scale, criterion=nn.CrossEntropyLoss, train_split=None
    )
    net.set_params(verbose=0, batch_size=4096).initialize()
    return net.check_data(None, np.arange(C)) or net


@pytest.mark.parametrize("scale", [1e2, 1e4, 1e8])
@pytest.mark.parametrize("kind", ["similar", *baselines.__all__])
def test_a_network_that_is_sure_of_everything_can_be_read(kind, scale):
    rows, net = X.astype("float32"), loud(scale)
    y = np.where(QUERY, np.arange(N) % C, -1)
    with torch.no_grad():
        logits = net.module_(torch.as_tensor(rows))
    assert scale < 1e3 or logits.abs().max() > 1e4
    if kind == "similar":
        samplers = [
            SIMILARSampler(net, function=name) for name in ("logdetmi", "flqmi", "fl")
        ]
    else:
        samplers = [getattr(baselines, kind)(net)]
    for sampler in samplers:
        masked = getattr(sampler, "function", "flqmi") != "fl"
        masks = {"query_mask": QUERY} if masked else {}
        picks = sampler.set_params(random_state=0).fit(rows, y, **masks).select(20)
        assert len(np.unique(picks)) == 20 and not QUERY[picks].any()
        assert np.isfinite(getattr(sampler, "gains_", 0.0)).all()
        assert np.isfinite(getattr(sampler, "scores_", 0.0)).all()


@pytest.mark.parametrize("scale", [1.0, 1e2, 1e4])
def test_gradients_keep_their_direction_however_sure_the_network_is(scale):
    z = torch.as_tensor(X[:, :C])
    labels = z.argmax(dim=1)
    exact, _ = gradient_factors(z, z, labels)
    sure, _ = gradient_factors(z.float(), scale * z.float(), labels)
    assert sure.isfinite().all() and (sure.norm(dim=1) > 0).all()
    if scale == 1.0:
        unit = nn.functional.normalize(exact, dim=1)
        assert_allclose(nn.functional.normalize(sure, dim=1), unit, atol=1e-6)


# -------------------------------------------------------------------------- one bad number


def many(n=10_000):
    rows = np.tile(X, (n // N, 1)).astype("float32")
    rows[n - 1234, 3] = np.nan
    return rows, n - 1234


def test_one_bad_number_among_many_is_found_by_its_position(tmp_path):
    rows, position = many()
    path = tmp_path / "rows.npy"
    np.save(path, rows)
    mapped = np.load(path, mmap_mode="r")
    for sampler, X in [
        (SIMILARSampler(loud(1.0)), rows),
        (SIMILARSampler(loud(1.0), embedding="features"), rows),
        (SIMILARSampler(), mapped),
        (baselines.MarginSampler(loud(1.0)), rows),
        (baselines.BADGESampler(loud(1.0)), rows),
        (baselines.CoreSetSampler(loud(1.0)), rows),
    ]:
        with pytest.raises(ValueError, match=f"1 of 10000 rows.* position {position} "):
            sampler.fit(X)
    y = np.zeros(len(rows))
    y[[7, position]] = 0, -1  # The only candidate.
    with pytest.raises(ValueError, match=f"1 of 1 rows.* position {position} "):
        baselines.MarginSampler(loud(1.0)).fit(rows, y)


def test_a_fit_that_fails_leaves_nothing_of_an_earlier_one():
    for sampler in (SIMILARSampler(random_state=0), baselines.CoreSetSampler()):
        sampler.fit(X).select(5)
        sampler.fit(X[:50])
        assert not hasattr(sampler, "selected_indices_")
        with pytest.raises(ValueError, match="NaN"):
            sampler.fit(np.where(X > 2, np.nan, X))
        with pytest.raises(ValueError, match="not fitted"):
            sampler.select()


def test_tensors_that_need_gradients_are_rows_like_any_others():
    rows = torch.as_tensor(X).requires_grad_()
    expected = SIMILARSampler(random_state=0).fit(X).select(5)
    assert_array_equal(SIMILARSampler(random_state=0).fit(rows).select(5), expected)
    assert rows.requires_grad and rows.grad is None


# ------------------------------------------------------------ at the edge of definition


@pytest.mark.parametrize("eta", [0.5, 0.9])
def test_one_query_row_is_weighted_against_the_conditioning_set(eta):
    V, Q, P = np.arange(15, 40), np.arange(1), np.arange(5, 15)
    S = scaled(METRICS["cosine"](X[:40]), V, Q, P, eta, 1.0)
    operator = CosineSimilarity(torch.as_tensor(X[:40]))
    measure = LogDeterminant(0.1).measure(
        operator, *map(torch.as_tensor, (V, Q, P)), eta
    )
    expected = [information(log_determinant(0.1), S, V, [j], Q, P) for j in V]
    assert_allclose(measure.gains(torch.as_tensor(V)), expected, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equal_rows_are_equal_to_a_gaussian(dtype):
    for row in [*X, np.zeros_like(X[0])]:
        similarity = RBFSimilarity(torch.as_tensor(np.tile(row, (4, 1)).astype(dtype)))
        everyone = torch.arange(4)
        assert_allclose(similarity[everyone, everyone], 1.0)


@pytest.mark.parametrize("size", [1e-13, 1e-20, 1e-100])
def test_the_cosine_of_short_rows_is_that_of_long_ones(size):
    similar = CosineSimilarity(torch.as_tensor(size * X))
    everyone = torch.arange(N)
    assert_allclose(similar[everyone, everyone], METRICS["cosine"](X), atol=1e-12)


def test_an_indefinite_kernel_is_refused_without_any_set():
    kernel = np.array([[1.0, 5.0, 0.0], [5.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    sampler = SIMILARSampler(function="logdet", metric="precomputed", budget=3)
    with pytest.raises(ValueError, match="not positive semidefinite"):
        sampler.fit_select(kernel)


class Broken:
    """A measure whose gains are no numbers."""

    def gains(self, points):
        return torch.full(points.shape, torch.nan)

    def add(self, points):
        return self


def test_a_gain_that_is_no_number_is_shown_and_refused():
    selection = greedy(Broken(), torch.arange(5), 1)
    assert selection.gains.isnan().all() and selection.n_informative == 1
    sampler = SIMILARSampler(optimizer=lambda measure, *rest: greedy(Broken(), *rest))
    with pytest.raises(ValueError, match="not finite"):
        sampler.fit(X).select(3)


@pytest.mark.parametrize("ridge", [1.0, 0.1, 0.01, 1e-3, 1e-5])
@pytest.mark.parametrize("conditioned", [False, True])
def test_picks_of_thousands_with_copies_of_the_query_are_worth_what_is_told(
    ridge, conditioned
):
    # So many that picks are forecast, and what A tells of Q is nearly all.
    X = np.random.default_rng(0).normal(size=(2000, 20)).astype(np.float32)
    X[500:1000], X[1990:] = X[:500], X[:10]
    rows = np.arange(2000)
    Q, P = rows >= 1985, (rows >= 1950) & (rows < 1985)
    sampler = SIMILARSampler(function=LogDeterminant(ridge), budget=60, random_state=0)
    A = sampler.fit_select(
        X, query_mask=Q, conditioning_mask=P if conditioned else None
    )
    value = information(
        log_determinant(ridge),
        METRICS["cosine"](X.astype(float)),
        rows,
        A,
        Q=np.flatnonzero(Q),
        P=np.flatnonzero(P) if conditioned else (),
    )
    assert_allclose(sampler.value_, value, rtol=max(1e-5, 1e-6 / ridge))


# ------------------------------------------------------- where rows lie, and in what unit


@pytest.mark.parametrize("model", [None, "net"])
def test_distances_do_not_depend_on_where_rows_lie(model):
    """The rows of a table of years or pressures, say, far from the origin."""
    if model:  # Its last layer is given the rows themselves.
        model = NeuralNetClassifier(nn.Linear(D, C), criterion=nn.CrossEntropyLoss)
        model.initialize()
    near = solve(X, "fl", metric="rbf", given=(None, None))
    rows = np.round(X, 3)
    far = SIMILARSampler(
        model, function="fl", embedding="features", metric="rbf", random_state=0
    ).fit((rows + 1000).astype("float32"))
    exact = SIMILARSampler(function="fl", metric="rbf", random_state=0).fit(rows)
    everyone = np.arange(N)
    assert_allclose(far.similarity(everyone), exact.similarity(everyone), atol=2e-3)
    assert_allclose(far.evaluate(near.selected_indices_), near.value_, rtol=1e-3)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e5])
def test_half_precision_does_not_depend_on_the_unit(unit):
    exact = solve(X, "fl", metric="rbf")
    half = solve(X * unit, "fl", metric="rbf", dtype="float16")
    assert_allclose(exact.evaluate(half.selected_indices_), exact.value_, rtol=1e-3)


def test_numbers_beyond_half_precision_are_named_at_fit():
    with pytest.raises(ValueError, match="beyond the range of dtype='float16'"):
        SIMILARSampler(metric="dot", function="gc", dtype="float16").fit(1e5 * X)


def test_a_bound_is_one_for_weights_above_one_too():
    """Brute force over all pairs, near the largest weight that is admissible."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rows = rng.normal(size=(9, 3)) + 2
        given = np.arange(9) < 2
        for nu in (1.0, 1.05, 1.2):
            sampler = SIMILARSampler(
                function="logdetcg", metric="raw_cosine", nu=nu, random_state=0
            )
            try:
                sampler.fit(rows, conditioning_mask=given).select(2)
            except ValueError as error:
                assert "largest admissible" in str(error)
                continue
            pairs = combinations(np.flatnonzero(~given), 2)
            best = max(map(sampler.evaluate, pairs))
            assert sampler.bound_ is None or sampler.bound_ >= best - 1e-5


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("metric", ["cosine", "raw_cosine"])
def test_a_weight_that_leaves_nothing_of_a_copy_is_refused(dtype, metric):
    rows = np.repeat(np.array([[0.12573022, -0.13210486, 0.64042264]]), 2, axis=0)
    rows, query = rows.astype(dtype), np.array([True, False])
    sampler = SIMILARSampler(
        function="logdetmi", metric=metric, eta=2.0, budget=1, random_state=0
    )
    for eta in (2.0, 2.0 - 1e-8):  # K is [[2, eta], [eta, 2]].
        with pytest.raises(
            ValueError, match="or nearly so.*admissible at this ridge: 1.9999[89]"
        ):
            sampler.set_params(eta=eta).fit(rows, query_mask=query).select()
    sampler.set_params(eta=1.999).fit_select(rows, query_mask=query)
    assert_allclose(sampler.value_, -np.log(1 - 1.999**2 / 4), rtol=1e-3)


@pytest.mark.parametrize("seed", range(12))
def test_the_largest_admissible_weight_is_admissible_as_it_is_printed(seed):
    X = np.random.default_rng(seed).normal(size=(60, 5))
    query = np.arange(60) < 3
    sampler = SIMILARSampler(function="logdetmi", eta=3, random_state=0)
    with pytest.raises(ValueError, match="largest admissible") as error:
        sampler.fit_select(X, query_mask=query)
    named = re.search(r"at this ridge: ([\d.]+);", str(error.value))[1]
    sampler.set_params(eta=float(named)).fit_select(X, query_mask=query)
    assert np.isfinite(sampler.value_)


@pytest.mark.parametrize("function", ["flqmi", "com"])
@pytest.mark.parametrize("far", [5, 30])
def test_lazy_is_greedy_where_all_rows_are_nearly_alike(function, far):
    X = (np.random.RandomState(1).randn(20_000, 8) + far).astype(np.float32)
    query, picks, values = np.arange(len(X)) < 20, {}, {}
    for optimizer in ("greedy", "auto"):
        sampler = SIMILARSampler(
            function=function, budget=200, optimizer=optimizer, random_state=0
        ).fit(X, query_mask=query)
        picks[optimizer], values[optimizer] = sampler.select(), sampler.value_
        assert_allclose(sampler.value_, sampler.evaluate(picks[optimizer]), rtol=1e-7)
    assert_allclose(values["auto"], values["greedy"], rtol=1e-7)
    if function == "flqmi":
        assert_array_equal(picks["auto"], picks["greedy"])


def test_a_weight_above_one_leaves_less_than_the_ridge_of_a_single_query_row():
    X, rows = np.full((8, 1), 0.1257), np.arange(8)
    query, conditioning = rows == 2, np.isin(rows, [0, 1, 3, 6])
    sampler = SIMILARSampler(
        function=LogDeterminant(ridge=10.0), eta=2.0, budget=1, random_state=0
    ).fit(X, query_mask=query, conditioning_mask=conditioning)
    (pick,) = sampler.select()
    K = np.ones((8, 8))
    K[query], K[:, query] = 2, 2  # Of equal rows.
    K[query, query] = 1

    def f(*sets):
        some = np.concatenate(sets)
        return np.linalg.slogdet(K[np.ix_(some, some)] + 10 * np.eye(len(some)))[1]

    A, Q, P = [pick], np.flatnonzero(query), np.flatnonzero(conditioning)
    expected = f(A, P) + f(Q, P) - f(A, Q, P) - f(P)
    assert_allclose(sampler.value_, expected, rtol=1e-6)
