"""Displays show what they were given, and nothing covers anything."""

import inspect
import itertools

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from numpy.testing import assert_allclose
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from sksimilar import ActiveLearner, RandomSampler, SIMILARSampler, plotting
from sksimilar.plotting import (
    ActiveLearningCurveDisplay,
    EmbeddingDisplay,
    ExplanationDisplay,
    GainCurveDisplay,
    HighlightedCurveDisplay,
    PenaltyMatrixDisplay,
    SelectedItemsDisplay,
    SelectionCountsDisplay,
    SimilarityDisplay,
    apart,
)

matplotlib.use("Agg")

LABELS = [10, 20, 30]
SCORES = {
    "random": [[0.1, 0.2, 0.4], [0.3, 0.4, 0.4]],
    "flqmi": [[0.1, 0.5, 0.6], [0.3, 0.5, 0.8]],
    "margin": [[0.1, 0.5, 0.6], [0.3, 0.5, 0.8]],
}
DIGITS = load_digits()


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def boxes(texts):
    """Return where texts are drawn, in pixels, without the lines that lead to them."""
    texts[0].figure.canvas.draw()
    return [Text.get_window_extent(text) for text in texts]


@pytest.mark.parametrize("name", [n for n in plotting.__all__ if "Display" in n])
def test_a_display_is_made_in_one_way(name):
    display = getattr(plotting, name)
    (maker,) = (name for name in dir(display) if name.startswith("from_"))
    told = set(inspect.signature(getattr(display, maker)).parameters) - {"ax", "kwargs"}
    known = set(inspect.signature(display).parameters)
    assert told <= known or maker == "from_sampler"


# --------------------------------------------------------------- learning curves


def test_a_curve_is_the_mean_and_the_band_a_standard_deviation():
    display = ActiveLearningCurveDisplay.from_scores(LABELS, SCORES)
    for line, band, scores in zip(display.lines_, display.bands_, SCORES.values()):
        assert_allclose(line.get_xdata(), LABELS)
        assert_allclose(line.get_ydata(), np.mean(scores, axis=0))
        edge = band.get_paths()[0].vertices
        top = [edge[edge[:, 0] == n, 1].max() for n in LABELS]
        bottom = [edge[edge[:, 0] == n, 1].min() for n in LABELS]
        assert_allclose(np.subtract(top, bottom), 2 * np.std(scores, axis=0, ddof=1))


def test_one_repetition_has_no_spread():
    scores = {"random": [[0.1, 0.2, 0.4]]}
    (band,) = ActiveLearningCurveDisplay.from_scores(LABELS, scores).bands_
    assert_allclose(np.ptp(band.get_paths()[0].vertices, axis=0), [20, 0.3])


@pytest.mark.parametrize("make", [
    ActiveLearningCurveDisplay.from_scores,
    HighlightedCurveDisplay.from_scores,
    SelectionCountsDisplay.from_counts,
])  # fmt: skip
@pytest.mark.parametrize("run", [[0.1, 0.2, 0.4], pd.Series([0.1, 0.2, 0.4])])
def test_one_run_may_stand_alone(make, run):
    (line,) = make(LABELS, {"random": run}).lines_
    assert_allclose(line.get_xydata(), [*zip(LABELS, run)])


def test_methods_differ_without_color():
    lines = ActiveLearningCurveDisplay.from_scores(LABELS, SCORES).lines_
    assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == 3
    assert len({line.get_color() for line in lines}) == 3


def test_names_stand_beside_the_data_and_apart():
    display = ActiveLearningCurveDisplay.from_scores(LABELS, SCORES)
    texts = display.ax_.texts
    assert [text.get_text() for text in texts] == list(SCORES)
    where = boxes(texts)
    inside = display.ax_.get_window_extent()
    assert all(box.x0 > inside.x1 for box in where)
    assert all(box.x1 <= display.figure_.bbox.x1 for box in where)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(where, 2))


def test_curves_are_drawn_where_told():
    ax = plt.figure().add_subplot()
    display = ActiveLearningCurveDisplay(n_labels=LABELS, scores=SCORES)
    assert display.plot(ax, band=False, linewidth=3) is display
    assert display.ax_ is ax and display.figure_ is ax.figure
    assert display.bands_ == []
    assert {line.get_linewidth() for line in display.lines_} == {3}


@pytest.mark.parametrize("seed", range(5))
def test_apart_keeps_the_order_and_the_distance(seed):
    heights = np.random.RandomState(seed).rand(7)
    moved = apart(heights, 0.1)
    assert (np.argsort(moved) == np.argsort(heights)).all()
    assert np.diff(np.sort(moved)).min() >= 0.1 - 1e-12


def test_apart_leaves_alone_what_is_far_enough():
    assert_allclose(apart([0.5, 0.1, 0.9], 0.3), [0.5, 0.1, 0.9])


# --------------------------------------------------------------- picked items


def test_items_are_in_order_with_rare_ones_framed():
    selected = {"first": [8, 0, 18], "second": [1]}
    display = SelectedItemsDisplay.from_selection(
        DIGITS.images, DIGITS.target, selected, highlight_mask=DIGITS.target == 8
    )
    ax = display.ax_
    shown = [image.get_array() for image in ax.images]
    assert_allclose(shown, DIGITS.images[[8, 0, 18, 1]])
    assert [text.get_text() for text in ax.texts] == ["8", "0", "8", "1"]
    assert [text.get_weight() == "bold" for text in ax.texts] == [1, 0, 1, 0]
    assert [patch.get_x() // 1 for patch in ax.patches] == [0, 2]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == list(selected)


@pytest.mark.parametrize("names", [range(10), ["automobile", "chrysanthemum"] * 5])
def test_classes_are_below_their_images_and_cover_nothing(names):
    selected = {"first": range(20), "second": range(20, 40)}
    labels = np.asarray(names)[DIGITS.target]
    display = SelectedItemsDisplay.from_selection(DIGITS.images, labels, selected)
    texts = boxes(display.ax_.texts)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(texts, 2))
    images = [image.get_window_extent() for image in display.ax_.images]
    assert not any(t.overlaps(i) for t in texts for i in images)
    assert all(t.y1 < i.y0 for t, i in zip(texts, images))


def test_an_index_of_labels_means_nothing():
    shuffled = pd.Series(DIGITS.target[:20]).sample(frac=1, random_state=0)
    display = SelectedItemsDisplay.from_selection(
        DIGITS.images[shuffled.index],
        shuffled,
        {"first": range(20)},
        highlight_mask=shuffled == 8,
    )
    texts = display.ax_.texts
    assert [text.get_text() for text in texts] == shuffled.astype(str).tolist()
    bold = [text.get_weight() == "bold" for text in texts]
    assert bold == (shuffled == 8).tolist()


def test_at_most_n_items_are_shown():
    display = SelectedItemsDisplay(
        images=DIGITS.images, labels=DIGITS.target, selected={"all": range(100)}
    ).plot(n_items=7)
    assert len(display.ax_.images) == 7


def test_color_images_and_given_axes():
    ax = plt.figure().add_subplot()
    images = np.random.RandomState(0).rand(3, 5, 5, 3)
    display = SelectedItemsDisplay.from_selection(images, "abc", {"m": [2, 0]}, ax=ax)
    assert display.ax_ is ax
    assert [text.get_text() for text in ax.texts] == ["c", "a"]


def test_nothing_picked_is_an_empty_row():
    selected = {"none": [], "one": [3]}
    display = SelectedItemsDisplay.from_selection(
        DIGITS.images, DIGITS.target, selected
    )
    assert len(display.ax_.images) == 1


# --------------------------------------------------------------- what a sampler did


@pytest.fixture(scope="module")
def sampler():
    """Return a sampler with a query of the first eights, conditioned on the other first rows."""
    first = np.arange(len(DIGITS.target)) < 60
    query = first & (DIGITS.target == 8)
    sampler = SIMILARSampler(function="logdetcmi", random_state=0)
    sampler.fit(DIGITS.data, query_mask=query, conditioning_mask=first & ~query)
    sampler.select(12)
    return sampler


DISPLAYS = {
    "selected_indices_": lambda s: EmbeddingDisplay.from_sampler(s, DIGITS.data),
    "gains_": GainCurveDisplay.from_sampler,
    "similarity": SimilarityDisplay.from_sampler,
    "explain": lambda s: ExplanationDisplay.from_sampler(s, DIGITS.images),
}


@pytest.mark.parametrize("make", [*DISPLAYS.values(), SIMILARSampler.explain])
@pytest.mark.parametrize("fit", [False, True])
def test_before_select_there_is_nothing_to_show(make, fit):
    sampler = SIMILARSampler()
    words = "This SIMILARSampler has selected nothing yet. Call `select` first."
    with pytest.raises(NotFittedError, match=words):
        make(sampler.fit(DIGITS.data) if fit else sampler)


@pytest.mark.parametrize("shown", DISPLAYS)
def test_a_sampler_without_what_is_shown_is_refused(shown):
    sampler = RandomSampler(budget=3).fit(DIGITS.data)
    sampler.select()
    if shown == "selected_indices_":
        assert len(DISPLAYS[shown](sampler).scatters_) == 2
        return
    words = f"must have `{shown}`, .* got RandomSampler. Pass a SIMILARSampler"
    with pytest.raises(TypeError, match=words):
        DISPLAYS[shown](sampler)


@pytest.mark.parametrize("make", DISPLAYS.values())
def test_a_learner_is_no_sampler(make):
    learner = ActiveLearner(LogisticRegression(), RandomSampler(), n_rounds=1)
    with pytest.raises(TypeError, match="got ActiveLearner. Pass its `sampler_`"):
        make(learner.fit(DIGITS.data[:60], DIGITS.target[:60]))


def overlapping(boxes_):
    return [
        pair for pair in itertools.combinations(boxes_, 2) if pair[0].overlaps(pair[1])
    ]


def test_the_sets_of_a_selection_lie_in_one_plane(sampler):
    display = EmbeddingDisplay.from_sampler(sampler, DIGITS.data)
    plane = PCA(2, random_state=0).fit_transform(DIGITS.data)
    sets = {
        "pool": np.setdiff1d(sampler.candidates_, sampler.selected_indices_),
        "conditioning": sampler.conditioning_,
        "picks": sampler.selected_indices_,
        "query": sampler.query_,
    }
    assert list(display.scatters_) == list(sets)
    for scatter, rows in zip(display.scatters_.values(), sets.values()):
        assert_allclose(scatter.get_offsets()[::-1], plane[rows])


def test_picks_bear_their_place_in_the_order_of_choice(sampler):
    texts = EmbeddingDisplay.from_sampler(sampler, DIGITS.data, n_numbered=3).ax_.texts
    plane = PCA(2, random_state=0).fit_transform(DIGITS.data)
    assert [text.get_text() for text in texts] == ["1", "2", "3"]
    assert_allclose([text.xy for text in texts], plane[sampler.selected_indices_[:3]])


def test_two_columns_are_coordinates_and_others_are_projected_as_told(sampler):
    plane = DIGITS.data[:, [20, 30]]
    assert_allclose(EmbeddingDisplay.from_sampler(sampler, plane).points, plane)
    svd = TruncatedSVD(2, random_state=0)
    display = EmbeddingDisplay.from_sampler(sampler, DIGITS.images, transformer=svd)
    assert_allclose(display.points, svd.fit_transform(DIGITS.data))


def test_the_rest_is_the_pool():
    display = EmbeddingDisplay(points=np.eye(5)[:, :2], selected=[3], query=[0, 1])
    assert len(display.plot().scatters_["pool"].get_offsets()) == 2


@pytest.mark.parametrize("size", [(3.15, 2.6), (10, 5.6)])
def test_the_legend_covers_no_point(sampler, size):
    ax = plt.figure(figsize=size, layout="constrained").add_subplot()
    EmbeddingDisplay.from_sampler(sampler, DIGITS.data, ax=ax)
    ax.figure.canvas.draw()
    legend = ax.get_legend().get_window_extent()
    assert legend.y0 >= ax.get_window_extent().y1
    assert ax.figure.bbox.x0 <= legend.x0 and legend.x1 <= ax.figure.bbox.x1


def test_similarities_are_those_of_the_sampler(sampler):
    display = SimilarityDisplay.from_sampler(sampler, max_rows=50)
    assert display.roles == {"query": 6, "conditioning": 50, "picks": 12}
    X = normalize(DIGITS.data)
    picks = X[sampler.selected_indices_]
    assert_allclose(
        display.similarity[-12:, -12:], (1 + picks @ picks.T) / 2, atol=1e-6
    )
    between = (1 + picks @ X[sampler.query_].T) / 2
    assert_allclose(np.sort(display.similarity[-12:, :6]), np.sort(between), atol=1e-6)


def test_a_pool_sample_is_of_rows_not_picked(sampler):
    display = SimilarityDisplay.from_sampler(sampler, n_pool=7)
    assert display.roles["pool"] == 7
    assert display.similarity.shape == (sum(display.roles.values()),) * 2
    assert display.similarity[-19:-7, -7:].max() < 1


def test_names_of_roles_are_apart_even_where_a_role_is_small():
    roles = {"query": 1, "conditioning": 1, "picks": 1, "pool": 97}
    display = SimilarityDisplay(similarity=np.eye(100), roles=roles).plot()
    names = display.ax_.get_yticklabels()
    assert [name.get_text() for name in names] == [
        f"{r}, {n}" for r, n in roles.items()
    ]
    assert not overlapping(boxes(names))


def test_values_are_sums_of_gains():
    gains = [3.0, 2.0, 0.5, 0.0, 0.0]
    display = GainCurveDisplay(gains=gains, bound=6.0, n_informative=3).plot()
    (value, bound, _), bars = display.value_ax_.lines, display.gain_ax_.patches
    assert_allclose(value.get_xydata(), [*zip(range(6), [0, 3, 5, 5.5, 5.5, 5.5])])
    assert_allclose(bound.get_ydata(), 6)
    assert_allclose([bar.get_height() for bar in bars], gains)


def test_the_share_of_the_bound_and_saturation_are_said():
    display = GainCurveDisplay(gains=[3, 0], bound=4, n_informative=1).plot()
    assert [text.get_text() for text in display.value_ax_.texts] == [
        "upper bound, 75.0% of it reached"
    ]
    assert [text.get_text() for text in display.gain_ax_.texts] == [
        "saturated after pick 1"
    ]


def test_without_bound_and_saturation_there_is_the_value_alone(sampler):
    display = GainCurveDisplay.from_sampler(sampler)  # LogDetCMI is not submodular.
    assert len(display.value_ax_.lines) == 1
    assert not display.value_ax_.texts and not display.gain_ax_.texts


def test_an_explanation_shows_picks_over_the_given_rows_nearest_to_them(sampler):
    display = ExplanationDisplay.from_sampler(sampler, DIGITS.images, n_items=4)
    told = sampler.explain()
    names = "index", "nearest_query", "nearest_conditioning"
    shown = [image.get_array() for image in display.ax_.images]
    rows = np.concatenate([told[name][:4] for name in names])
    assert_allclose(shown, DIGITS.images[rows])
    assert display.ax_.texts[0].get_text() == f"{told.gain[0]:.2g}"


def test_rows_that_are_no_images_are_explained_by_their_positions(sampler):
    display = ExplanationDisplay.from_sampler(sampler, n_items=4)
    told = sampler.explain()
    texts = [text.get_text() for text in display.ax_.texts]
    assert not display.ax_.images
    for name in "index", "nearest_query", "nearest_conditioning":
        assert {*map(str, told[name][:4])} <= {*texts}


def test_what_is_not_shown_of_a_selection_is_said(sampler):
    n_picks = len(sampler.selected_indices_)
    display = ExplanationDisplay.from_sampler(sampler, n_items=4)
    assert display.ax_.get_xlabel() == f"Order of choice (first 4 of {n_picks})"
    display = ExplanationDisplay.from_sampler(sampler, n_items=n_picks)
    assert display.ax_.get_xlabel() == "Order of choice"


def test_the_parts_of_a_gain_end_at_it(sampler):
    display = ExplanationDisplay.from_sampler(sampler, DIGITS.images, n_items=4)
    told = sampler.explain()
    zero, gain = (lines.get_segments() for lines in display.ax_.collections)
    heights = np.array([z[0, 1] - g[0, 1] for z, g in zip(zero, gain)])
    assert_allclose(heights / heights[0], told.gain[:4] / told.gain[0])
    relevance = np.array([-bar.get_height() for bar in display.ax_.patches[:4]])
    assert_allclose(relevance / heights, told.relevance[:4] / told.gain[:4])


@pytest.mark.parametrize("size", [(3.15, 3.0), (10, 5.6)])
def test_an_explanation_covers_nothing(sampler, size):
    ax = plt.figure(figsize=size, layout="constrained").add_subplot()
    ExplanationDisplay.from_sampler(sampler, DIGITS.images, n_items=5, ax=ax)
    texts = boxes(ax.texts)
    images = [image.get_window_extent() for image in ax.images]
    assert not overlapping([*texts, *images])


def test_displays_of_a_sampler_are_drawn_where_told(sampler):
    _, axes = plt.subplots(2, 2)
    displays = [
        EmbeddingDisplay.from_sampler(sampler, DIGITS.data, ax=axes[0, 0]),
        SimilarityDisplay.from_sampler(sampler, ax=axes[0, 1]),
        GainCurveDisplay.from_sampler(sampler, ax=axes[1, 0]),
        ExplanationDisplay.from_sampler(sampler, DIGITS.images, ax=axes[1, 1]),
    ]
    for display, ax in zip(displays, axes.flat):
        assert display.ax_ is ax and display.figure_ is ax.figure


def test_picks_without_relevance_are_drawn():
    X, query = np.eye(12), np.arange(12) == 0
    sampler = SIMILARSampler(
        function="gcmi", metric="raw_cosine", budget=3, random_state=0
    ).fit(X, query_mask=query)
    sampler.select()
    assert len(ExplanationDisplay.from_sampler(sampler).ax_.texts) > 3


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_names_stand_where_curves_end_on_any_scale_with_gaps_or_without(scale):
    ax = plt.figure().subplots()
    ax.set_yscale(scale)
    scores = {"low": [[0.01, 0.011]], "high": [[0.9, np.nan]], "none": [[np.nan] * 2]}
    HighlightedCurveDisplay.from_scores([1, 2], scores, band=False, ax=ax)
    heights = {text.get_text(): text.xyann[1] for text in ax.texts}
    assert 0 <= heights["low"] < 0.2 and 0.8 < heights["high"] <= 1
    assert "none" not in heights


@pytest.mark.parametrize("given", [(), ("conditioning_mask",)])
def test_names_of_roles_are_within_the_figure(given):
    masks = {name: np.arange(len(DIGITS.data)) % 97 == 5 for name in given}
    sampler = SIMILARSampler(random_state=0)
    sampler.fit(DIGITS.data, query_mask=DIGITS.target == 8, **masks).select(5)
    display = SimilarityDisplay.from_sampler(sampler, n_pool=20)
    display.figure_.canvas.draw()
    whole = display.figure_.bbox
    names = [*display.ax_.get_yticklabels(), display.colorbar_.ax.yaxis.label]
    for box in map(Text.get_window_extent, names):
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1


# ------------------------------------------------------------- styles and odd data


def test_names_are_at_the_ends_where_the_expectation_is_higher():
    counts = {"a": [0, 1, 2], "b": [0, 2, 3]}
    display = SelectionCountsDisplay.from_counts(
        [0, 10, 20], counts, expected=[0, 20, 40]
    )
    to_axes = display.ax_.transScale + display.ax_.transLimits
    ends = [to_axes.transform(line.get_xydata()[-1])[1] for line in display.lines_]
    heights = [text.xyann[1] for text in display.ax_.texts]
    assert_allclose(heights, ends, atol=0.05)


def test_nothing_is_black_on_black():
    with plt.style.context("dark_background"):
        curves = ActiveLearningCurveDisplay.from_scores(
            [1, 2], {"a": [1, 2], "b": [0, 1]}
        )
        matrix = PenaltyMatrixDisplay.from_matrix([[0, 0.2], [0, 0]], ["a", "b"])
        points = EmbeddingDisplay(
            points=np.eye(2), selected=[0], query=None, conditioning=[1]
        ).plot()
    dark = ("black", "#000000", "k")
    assert curves.lines_[0].get_color() not in dark
    assert all(text.get_color() not in dark for text in matrix.texts_[-1])
    colors = [scatter.get_facecolor() for scatter in points.ax_.collections]
    assert not any((color[:, :3] == 0).all() for color in colors if len(color))


def test_all_shades_of_color_images_are_shown():
    images = np.linspace(-3, 2, 2 * 4 * 4 * 3).reshape(2, 4, 4, 3)
    display = SelectedItemsDisplay.from_selection(images, "ab", {"m": [0, 1]})
    shown = np.stack([image.get_array() for image in display.ax_.images])
    assert_allclose(shown, (images + 3) / 5)


def test_names_are_no_formulas():
    name = r"$\x$"
    ActiveLearningCurveDisplay.from_scores([1, 2], {name: [0, 1]}).figure_.canvas.draw()
    display = SelectedItemsDisplay.from_selection(
        DIGITS.images, [name] * 1797, {"m": [0]}
    )
    display.figure_.canvas.draw()


@pytest.mark.parametrize("scores", [{}, {"a": [np.nan, np.nan]}])
def test_no_curve_has_no_name(scores):
    assert not ActiveLearningCurveDisplay.from_scores([1, 2], scores).ax_.texts


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="`matrix` must have a row and a column"):
        PenaltyMatrixDisplay.from_matrix(np.eye(3), ["a", "b"])
    with pytest.raises(ValueError, match="from 0 to 1796; got 1797"):
        SelectedItemsDisplay.from_selection(DIGITS.images, DIGITS.target, {"m": [1797]})
    with pytest.raises(ValueError, match="`images` must be of shape"):
        SelectedItemsDisplay.from_selection(DIGITS.data, DIGITS.target, {"m": [0]})
