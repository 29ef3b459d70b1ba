"""Curves of many methods, of which some stand out."""

from ._curves import ActiveLearningCurveDisplay
from ._style import MARKERS, color

__all__ = ["HighlightedCurveDisplay", "contrasting"]

GRAYS = ("0.2", "0.45", "0.62")
DASHES = ("--", "-.", ":")


def contrasting(names, highlighted):
    """Return styles in which some methods stand out in color among others in grays.

    Parameters
    ----------
    names : sequence of str
        All methods.

    highlighted : collection of str
        Those that are to stand out.

    Returns
    -------
    styles : dict of dict
        Keyword arguments of ``ax.plot`` for each method, no two of them alike up to
        seven that stand out and 24 others.

    Examples
    --------
    >>> from sksimilar.plotting import contrasting
    >>> styles = contrasting(["random", "margin", "flqmi"], ["flqmi"])
    >>> [style["color"] for style in styles.values()]
    ['0.2', '0.45', '#D55E00']
    """
    bright = [name for name in names if name in highlighted]
    return {
        name: _colored(bright.index(name)) if name in bright else _gray(place)
        for place, name in enumerate(names)
    }


def _colored(place):
    return {
        "color": color(place + 1),
        "linestyle": "-",
        "marker": MARKERS[place % len(MARKERS)],
        "markersize": 5,
        "linewidth": 1.8,
        "zorder": 2.2,
    }


def _gray(place):
    return {
        "color": GRAYS[place % len(GRAYS)],
        "linestyle": DASHES[place % len(DASHES)],
        "marker": MARKERS[place % len(MARKERS)],
        "markersize": 3.5,
        "linewidth": 1.1,
    }


class HighlightedCurveDisplay(ActiveLearningCurveDisplay):
    """Show learning curves of many methods, of which some stand out.

    They alone are in color and have a band.

    Parameters
    ----------
    n_labels : array-like of shape (n_rounds,)
        Number of labels in each round.

    scores : dict of array-like of shape (n_repetitions, n_rounds) or (n_rounds,)
        For each method, by its name, the score of every repetition, or of a single one.

    score_name : str, default="Score"
        What the vertical axis is called.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the curves are.

    figure_ : matplotlib Figure
        Where the axes are.

    lines_, bands_ : list of matplotlib artists
        The curve of each method, and the band of each that stands out.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sksimilar.plotting import HighlightedCurveDisplay
    >>> scores = {"random": [[0.4, 0.5], [0.3, 0.5]], "flqmi": [[0.4, 0.7], [0.3, 0.6]]}
    >>> display = HighlightedCurveDisplay.from_scores(
    ...     [10, 20], scores, highlighted=["flqmi"]
    ... )
    >>> [line.get_color() for line in display.lines_], len(display.bands_)
    (['0.2', '#D55E00'], 1)
    """

    def plot(self, ax=None, *, highlighted=(), band=True, **kwargs):
        """Draw the curves, and the name of each method at the end of its own.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        highlighted : collection of str, default=()
            Methods that stand out.

        band : bool, default=True
            Whether to draw their bands.

        **kwargs : dict
            Passed to ``ax.plot`` for every curve.

        Returns
        -------
        display : HighlightedCurveDisplay
            The display itself.
        """
        self._styles = {
            name: style | kwargs
            for name, style in contrasting(self.scores, highlighted).items()
        }
        self._banded = set(highlighted) if band else ()
        return super().plot(ax)

    def _draw(self, name, scores, style, band):
        super()._draw(name, scores, self._styles[name], name in self._banded)
        for drawn in self.bands_:
            drawn.set_linewidth(0)  # Many edges hide the curves.
        self.ax_.autoscale_view()  # By its limits the names are placed.
