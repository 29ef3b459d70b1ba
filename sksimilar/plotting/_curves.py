"""A score against the number of labels."""

import numpy as np

from ._checks import check_curves
from ._style import line_style, name_at_the_end, new_axes, tidy

__all__ = ["ActiveLearningCurveDisplay"]


class ActiveLearningCurveDisplay:
    """Show a score against the number of labels, one curve for each method.

    A curve is the mean over repetitions, and the band around it one standard deviation
    to either side.

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
        n_labels : array-like of shape (n_rounds,)
            Number of labels in each round.

        scores : dict of array-like of shape (n_repetitions, n_rounds) or (n_rounds,)
            For each method, by its name, the score of every repetition, or of a single
            one.

        score_name : str, default="Score"
            What the vertical axis is called.

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
        curves = check_curves(self.scores, self.n_labels, "scores", "n_labels")
        self.ax_ = new_axes((6.4, 4.0)) if ax is None else ax
        self.figure_ = self.ax_.figure
        self.lines_, self.bands_ = [], []
        for place, (name, scores) in enumerate(curves.items()):
            self._draw(name, scores, line_style(place) | kwargs, band)
        tidy(self.ax_, "Labels", self.score_name)
        name_at_the_end(self.ax_, self.lines_)
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


def _spread(scores):
    """Return the standard deviation over repetitions; of a single one there is none."""
    alone = len(scores) < 2
    return np.zeros(scores.shape[1]) if alone else scores.std(axis=0, ddof=1)
