"""Displays in the manner of scikit-learn: what was learned, and what was picked.  Floor 0.

They take arrays, so that runs of any origin can be drawn.  Matplotlib is imported when
something is drawn, and only then.
"""

import numpy as np
from sklearn.isotonic import isotonic_regression

__all__ = ["ActiveLearningCurveDisplay", "SelectedItemsDisplay"]

# Okabe and Ito's colors, told apart by the color-blind.  Black comes first, where the
# baseline stands; line styles and markers serve where there is no color.
COLORS = ("#000000", "#D55E00", "#009E73", "#0072B2", "#CC79A7", "#E69F00", "#56B4E9")
LINES = ("--", "-.", ":", "-", "-")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
FRAME = "#D55E00"


class ActiveLearningCurveDisplay:
    """Show a score against the number of labels, one curve for each method.

    A curve is the mean over repetitions, and the band around it one standard deviation
    to either side.

    Parameters
    ----------
    n_labels : array-like of shape (n_rounds,)
        Number of labels in each round.

    scores : dict of array-like of shape (n_repetitions, n_rounds)
        For each method, by its name, the score of every repetition.

    score_name : str, default="Score"
        What the vertical axis is called.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the curves are.

    figure_ : matplotlib Figure
        Where the axes are.

    lines_, bands_ : list of matplotlib artists
        The curve and the band of each method.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sksimilar.plotting import ActiveLearningCurveDisplay
    >>> scores = {"random": [[0.4, 0.5], [0.3, 0.5]], "flqmi": [[0.4, 0.7], [0.3, 0.6]]}
    >>> display = ActiveLearningCurveDisplay.from_scores([10, 20], scores)
    >>> [line.get_label() for line in display.lines_]
    ['random', 'flqmi']
    """

    def __init__(self, *, n_labels, scores, score_name="Score"):
        self.n_labels = n_labels
        self.scores = scores
        self.score_name = score_name

    @classmethod
    def from_scores(cls, n_labels, scores, *, score_name="Score", ax=None, **kwargs):
        """Make a display and draw it.

        Parameters
        ----------
        n_labels, scores, score_name
            As for the class.

        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : ActiveLearningCurveDisplay
        """
        display = cls(n_labels=n_labels, scores=scores, score_name=score_name)
        return display.plot(ax, **kwargs)

    def plot(self, ax=None, *, band=True, **kwargs):
        """Draw the curves, and the name of each method at the end of its own.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        band : bool, default=True
            Whether to draw the bands.

        **kwargs : dict
            Passed to ``ax.plot`` for every curve.

        Returns
        -------
        display : ActiveLearningCurveDisplay
            The display itself.
        """
        self.ax_ = _new_axes((6.4, 4.0)) if ax is None else ax
        self.figure_ = self.ax_.figure
        self.lines_, self.bands_ = [], []
        for place, (name, scores) in enumerate(self.scores.items()):
            self._draw(name, np.asarray(scores), _style(place) | kwargs, band)
        _tidy(self.ax_, "Labels", self.score_name)
        _name_at_the_end(self.ax_, self.lines_)
        return self

    def _draw(self, name, scores, style, band):
        mean, spread = scores.mean(axis=0), _spread(scores)
        self.lines_ += self.ax_.plot(self.n_labels, mean, label=name, **style)
        if band:
            color = self.lines_[-1].get_color()
            self.bands_.append(
                self.ax_.fill_between(
                    self.n_labels,
                    mean - spread,
                    mean + spread,
                    facecolor=(color, 0.1),
                    edgecolor=(color, 0.5),
                    linewidth=0.5,
                )
            )


class SelectedItemsDisplay:
    """Show the images that were picked: a row for each method, in order of choice.

    Below every image stands its true class.

    Parameters
    ----------
    images : array-like of shape (n_samples, height, width) or with channels last
        All images.

    labels : array-like of shape (n_samples,)
        Their true classes.

    selected : dict of array-like of int
        For each method, by its name, positions of the images in order of choice.

    highlight_mask : array-like of bool of shape (n_samples,), default=None
        Images to frame, of rare classes for example; their class is set in bold.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the images are.

    figure_ : matplotlib Figure
        Where the axes are.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_digits
    >>> from sksimilar.plotting import SelectedItemsDisplay
    >>> digits = load_digits()
    >>> display = SelectedItemsDisplay.from_selection(
    ...     digits.images,
    ...     digits.target,
    ...     {"first": [0, 1, 2], "last": [1796, 1795, 1794]},
    ...     highlight_mask=digits.target == 8,
    ... )
    >>> [text.get_text() for text in display.ax_.texts]
    ['0', '1', '2', '8', '9', '8']
    """

    def __init__(self, *, images, labels, selected, highlight_mask=None):
        self.images = images
        self.labels = labels
        self.selected = selected
        self.highlight_mask = highlight_mask

    @classmethod
    def from_selection(
        cls, images, labels, selected, *, highlight_mask=None, ax=None, **kwargs
    ):
        """Make a display and draw it.

        Parameters
        ----------
        images, labels, selected, highlight_mask
            As for the class.

        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : SelectedItemsDisplay
        """
        display = cls(
            images=images,
            labels=labels,
            selected=selected,
            highlight_mask=highlight_mask,
        )
        return display.plot(ax, **kwargs)

    def plot(self, ax=None, *, n_items=20, **kwargs):
        """Draw the first images of every method.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        n_items : int, default=20
            Most images of a method.

        **kwargs : dict
            Passed to ``ax.imshow`` for every image.

        Returns
        -------
        display : SelectedItemsDisplay
            The display itself.
        """
        rows = [np.asarray(r, dtype=int)[:n_items] for r in self.selected.values()]
        width = max([1, *map(len, rows)])
        size = (1.8 + 0.42 * width, 0.6 + 0.66 * len(rows))
        self.ax_ = _new_axes(size) if ax is None else ax
        self.figure_ = self.ax_.figure
        for row, items in enumerate(rows):
            for column, item in enumerate(items):
                self._draw(item, column, row, kwargs)
        self._name_rows(width)
        return self

    def _draw(self, item, column, row, kwargs):
        """Put one image into its cell, 1 wide and 1.4 high, with its class below."""
        left, top = column, 1.4 * row
        images = np.asarray(self.images)
        options = {
            "cmap": "gray_r",
            "vmin": images.min(),
            "vmax": images.max(),
            "extent": (left + 0.06, left + 0.94, top + 0.94, top + 0.06),
        }
        self.ax_.imshow(images[item], **options | kwargs)
        special = self.highlight_mask is not None and self.highlight_mask[item]
        self.ax_.text(
            left + 0.5,
            top + 1.16,
            str(self.labels[item]),
            ha="center",
            va="center",
            fontsize=8,
            weight="bold" if special else "normal",
            color=FRAME if special else "0.35",
        )
        if special:
            self._frame(left, top)

    def _frame(self, left, top):
        from matplotlib.patches import Rectangle

        corner = (left + 0.04, top + 0.04)
        frame = Rectangle(corner, 0.92, 0.92, fill=False, edgecolor=FRAME, linewidth=2)
        self.ax_.add_patch(frame)

    def _name_rows(self, width):
        names = list(self.selected)
        self.ax_.set_xlim(0, width)
        self.ax_.set_ylim(1.4 * len(names), 0)  # The first row on top.
        self.ax_.set_yticks(1.4 * np.arange(len(names)) + 0.5, labels=names)
        ticks = np.unique([1, *range(5, width + 1, 5)])
        self.ax_.set_xticks(ticks - 0.5, labels=ticks)
        self.ax_.set_xlabel("Order of choice")
        self.ax_.tick_params(length=0)
        self.ax_.spines[:].set_visible(False)


def _new_axes(size):
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]


def _style(place):
    return {
        "color": COLORS[place % len(COLORS)],
        "linestyle": LINES[place % len(LINES)],
        "marker": MARKERS[place % len(MARKERS)],
        "markersize": 4.5,
        "linewidth": 1.6,
    }


def _spread(scores):
    """Return the standard deviation over repetitions; of a single one there is none."""
    alone = len(scores) < 2
    return np.zeros(scores.shape[1]) if alone else scores.std(axis=0, ddof=1)


def _tidy(ax, x_name, y_name):
    ax.set(xlabel=x_name, ylabel=y_name)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)


def _name_at_the_end(ax, lines, fontsize=9):
    """Write each line's label to the right of the axes, as high as the line ends."""
    ends = np.array([line.get_xydata()[-1] for line in lines])
    heights = ax.transLimits.transform(ends)[:, 1]  # Shares of the height of the axes.
    height = ax.get_position().height * ax.figure.get_figheight() * 72
    for line, end, level in zip(lines, ends, apart(heights, 1.3 * fontsize / height)):
        ax.annotate(
            line.get_label(),
            xy=end,
            xytext=(1.04, level),
            textcoords="axes fraction",
            va="center",
            fontsize=fontsize,
            color=line.get_color(),
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": line.get_color(), "lw": 0.6},
        )


def apart(heights, gap):
    """Move heights as little as it takes for each two to be ``gap`` apart.

    Parameters
    ----------
    heights : array-like of shape (n,)
        In any order, which is kept.

    gap : float
        Least distance.

    Returns
    -------
    moved : ndarray of shape (n,)
    """
    # Less their gaps, heights in order need only not to decrease.
    order = np.argsort(heights, kind="stable")
    gaps = gap * np.arange(len(order))
    moved = np.empty(len(order))
    moved[order] = isotonic_regression(np.asarray(heights)[order] - gaps) + gaps
    return moved
