"""How many of the rows asked for are wanted."""

from ._checks import check_curves
from ._highlighted import HighlightedCurveDisplay
from ._style import ink, new_axes

__all__ = ["SelectionCountsDisplay"]


class SelectionCountsDisplay:
    """Show how many of the rows asked for are wanted, one curve for each method.

    A curve is the mean over repetitions, and the band around it one standard deviation
    to either side.

    Parameters
    ----------
    n_picks : array-like of shape (n_rounds,)
        Number of rows asked for until each round.

    counts : dict of array-like of shape (n_repetitions, n_rounds) or (n_rounds,)
        For each method, by its name, how many of them are wanted, in every repetition or
        in a single one.

    expected : array-like of shape (n_rounds,), default=None
        How many random picks hold on average, where that is known.

    counted : str, default="Wanted rows"
        What the vertical axis is called.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the curves are.

    figure_ : matplotlib Figure
        Where the axes are.

    lines_, bands_ : list of matplotlib artists
        The curve and the band of each method.

    reference_ : matplotlib Line2D or None
        The expectation.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sksimilar.plotting import SelectionCountsDisplay
    >>> counts = {"random": [[0, 1, 1], [0, 0, 2]], "flqmi": [[0, 7, 9], [0, 6, 9]]}
    >>> display = SelectionCountsDisplay.from_counts(
    ...     [0, 10, 20], counts, expected=[0, 0.8, 1.6], highlighted=["flqmi"]
    ... )
    >>> display.reference_.get_ydata().tolist()
    [0.0, 0.8, 1.6]
    """

    def __init__(self, *, n_picks, counts, expected=None, counted="Wanted rows"):
        self.n_picks = n_picks
        self.counts = counts
        self.expected = expected
        self.counted = counted

    @classmethod
    def from_counts(
        cls,
        n_picks,
        counts,
        *,
        expected=None,
        counted="Wanted rows",
        ax=None,
        **kwargs,
    ):
        """Make a display and draw it.

        Parameters
        ----------
        n_picks : array-like of shape (n_rounds,)
            Number of rows asked for until each round.

        counts : dict of array-like of shape (n_repetitions, n_rounds) or (n_rounds,)
            For each method, by its name, how many of them are wanted, in every
            repetition or in a single one.

        expected : array-like of shape (n_rounds,), default=None
            How many random picks hold on average, where that is known.

        counted : str, default="Wanted rows"
            What the vertical axis is called.

        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : SelectionCountsDisplay
        """
        display = cls(
            n_picks=n_picks, counts=counts, expected=expected, counted=counted
        )
        return display.plot(ax, **kwargs)

    def plot(self, ax=None, *, highlighted=(), band=True, **kwargs):
        """Draw the curves, each with its method's name, and the expectation.

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
        display : SelectionCountsDisplay
            The display itself.
        """
        counts = check_curves(self.counts, self.n_picks, "counts", "n_picks")
        curves = HighlightedCurveDisplay(
            n_labels=self.n_picks, scores=counts, score_name=self.counted
        )
        self.ax_ = new_axes((6.4, 4.0)) if ax is None else ax
        self.figure_, self.reference_ = self.ax_.figure, None
        if self.expected is not None:
            self._refer()  # First, since names are placed by the limits of all lines.
        curves.plot(self.ax_, highlighted=highlighted, band=band, **kwargs)
        self.lines_, self.bands_ = curves.lines_, curves.bands_
        self.ax_.set_xlabel("Rows asked for")
        return self

    def _refer(self):
        """Draw the expectation."""
        (self.reference_,) = self.ax_.plot(
            self.n_picks,
            self.expected,
            label="expected of random picks",
            color=ink(),
            linewidth=0.8,
            dashes=(1, 2),
        )
        self.ax_.legend(handles=[self.reference_], loc="upper left", frameon=False)
