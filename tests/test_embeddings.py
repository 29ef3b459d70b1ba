"""What an embedding is kept as: in final form, in 16 bits, or on disk."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression

from sksimilar import CoreSetSampler, SIMILARSampler, embeddings
from sksimilar.embeddings import labeled_head, similarity_of
from sksimilar.factors import gradient_factors
from sksimilar.measures import FUNCTIONS
from sksimilar.similarity import METRICS

N = 300
QUERY, GIVEN = np.arange(N) < 4, (np.arange(N) >= 4) & (np.arange(N) < 12)


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(N, 6)).astype("float32") + 0.5


@pytest.fixture
def on_disk(X, tmp_path, monkeypatch):
    # Larger than what is read at once; some rows before the array are not its own.
    monkeypatch.setattr(embeddings, "READ_AT_ONCE", 0)
    path = tmp_path / "rows.dat"
    with open(path, "wb") as file:
        file.write(b"header!!" + X.tobytes())
    return np.memmap(path, X.dtype, "r", offset=8, shape=X.shape)


def masks(name):
    named, given = FUNCTIONS[name], {}
    if named.query:
        given["query_mask"] = QUERY
    if named.conditioning:
        given["conditioning_mask"] = GIVEN
    return given


@pytest.mark.parametrize("metric", ["cosine", "dot", "rbf"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_rows_on_disk_are_selected_as_in_memory(name, metric, X, on_disk):
    low, high = FUNCTIONS[name].make().domain
    if METRICS[metric].bounds[0] < low or METRICS[metric].bounds[1] > high:
        pytest.skip("the function is not defined for this metric")
    chosen = []
    for rows in (X, on_disk):
        sampler = SIMILARSampler(function=name, metric=metric, random_state=0)
        sampler.fit_select(rows, **masks(name))
        chosen.append((sampler.selected_indices_, sampler.value_))
    assert_array_equal(chosen[0][0], chosen[1][0])
    assert_allclose(chosen[0][1], chosen[1][1], rtol=1e-5)


def test_distances_on_disk_do_not_depend_on_where_the_rows_lie(
    X, tmp_path, monkeypatch
):
    monkeypatch.setattr(embeddings, "READ_AT_ONCE", 0)
    far = np.memmap(tmp_path / "far.dat", X.dtype, "w+", shape=X.shape)
    far[:] = (X + 3000).astype("float32")  # Sixteenths of a thousandth are left.
    apart = np.asarray(far, dtype=float)[:, None] - np.asarray(far, dtype=float)
    squares = (apart**2).sum(axis=2)
    sampler = SIMILARSampler(function="fl", metric="rbf", random_state=0).fit(far)
    (factor,) = sampler._problem_.similarity.factors
    assert factor.array is far
    expected = np.exp(-squares / squares.mean())
    assert_allclose(sampler.similarity(np.arange(N)), expected, atol=1e-5)


def test_rows_on_disk_are_not_held(on_disk):
    sampler = SIMILARSampler(function="flqmi", random_state=0)
    sampler.fit_select(on_disk, query_mask=QUERY)
    (factor,) = sampler._problem_.similarity.factors
    assert factor.array is on_disk
    assert isinstance(factor[slice(3)], torch.Tensor)


def test_a_baseline_takes_rows_on_disk(X, on_disk):
    y = np.where(QUERY, 0, -1)
    first, second = (
        CoreSetSampler(random_state=0).fit_select(rows, y) for rows in (X, on_disk)
    )
    assert_array_equal(first, second)


def test_one_bad_row_on_disk_is_found_and_named(X, tmp_path, monkeypatch):
    monkeypatch.setattr(embeddings, "READ_AT_ONCE", 0)
    X[211, 2] = np.nan
    np.save(tmp_path / "rows.npy", X)
    rows = np.load(tmp_path / "rows.npy", mmap_mode="r")
    with pytest.raises(ValueError, match="position 211 of X"):
        SIMILARSampler(function="gc").fit(rows)


@pytest.mark.parametrize("metric", METRICS)
def test_batches_make_the_factors_that_the_whole_would(metric, X, monkeypatch):
    monkeypatch.setattr("sksimilar.gradients.BATCH_ROWS", 7)
    y = np.arange(N) % 3
    model = LogisticRegression().fit(X, y)
    rows, labeled = np.arange(0, N, 2), np.array([0, 12, 14, 296, 298])
    similarity = similarity_of(X, y, rows, labeled, estimator=model, metric=metric)
    whole = METRICS[metric](
        *gradient_factors(*labeled_head(X, y, rows, labeled, model))
    )
    for factor, expected in zip(similarity.factors, whole.factors, strict=True):
        assert_allclose(factor, expected, rtol=1e-5, atol=1e-7)
    width = sum(factor.shape[1] for factor in similarity.factors)
    assert width == 3 + 6 + 1  # Classes, features, and 1 for the bias.


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_half_precision_keeps_the_value(name, dtype, X):
    exact = SIMILARSampler(function=name, random_state=0)
    exact.fit_select(X, **masks(name))
    half = SIMILARSampler(function=name, dtype=dtype, random_state=0)
    picked = half.fit_select(X, **masks(name))
    assert half._problem_.similarity.factors[0].dtype == getattr(torch, dtype)
    assert_allclose(exact.evaluate(picked), exact.value_, rtol=0.01)
    assert half.gains_.dtype == np.float64
