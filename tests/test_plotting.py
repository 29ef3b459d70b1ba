"""Displays show what they were given, and nothing covers anything."""

import itertools

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text
from numpy.testing import assert_allclose
from sklearn.datasets import load_digits

from sksimilar.plotting import (
    ActiveLearningCurveDisplay,
    SelectedItemsDisplay,
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


def test_classes_are_below_their_images_and_cover_nothing():
    selected = {"first": range(20), "second": range(20, 40)}
    display = SelectedItemsDisplay.from_selection(
        DIGITS.images, DIGITS.target, selected
    )
    texts = boxes(display.ax_.texts)
    images = [image.get_window_extent() for image in display.ax_.images]
    assert not any(t.overlaps(i) for t in texts for i in images)
    assert all(t.y1 < i.y0 for t, i in zip(texts, images))


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
