"""What each pick added, and how far that is from the best."""

import numpy as np

from .._validation.choices import check_selected
from ._style import COLORS, FRAME, em, new_axes, tidy

__all__ = ["GainCurveDisplay"]


class GainCurveDisplay:
    """Show the value of a selection as it grows, and the gain of every pick.

    The dashed line, where there is one, is an upper bound on the value of any set as
    large as this.  The dotted line stands where the function saturates: later picks add
    nothing.

    Parameters
    ----------
    gains : array-like of shape (n_picks,)
        What each pick added to the value, in order of choice.

    bound : float, default=None
        No set of as many rows is worth more.

    n_informative : int, default=None
        Picks whose gain is not 0.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The frame of both panels.

    value_ax_, gain_ax_ : matplotlib Axes
        The panels, above and below.

    figure_ : matplotlib Figure
        Where the axes are.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sksimilar.plotting import GainCurveDisplay
    >>> display = GainCurveDisplay(gains=[2.0, 1.0, 0.0], bound=3.5, n_informative=2)
    >>> display.plot().value_ax_.lines[0].get_ydata().tolist()
    [0.0, 2.0, 3.0, 3.0]
    """

    def __init__(self, *, gains, bound=None, n_informative=None):
        self.gains = gains
        self.bound = bound
        self.n_informative = n_informative

    @classmethod
    def from_sampler(cls, sampler, *, ax=None, **kwargs):
        """Make a display of the last selection of a sampler and draw it.

        Parameters
        ----------
        sampler : SIMILARSampler that has selected
            Its ``gains_``, ``bound_`` and ``n_informative_`` are shown.

        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : GainCurveDisplay

        Raises
        ------
        NotFittedError
            Before the sampler has selected.
        """
        check_selected(sampler, "gains_")
        display = cls(
            gains=sampler.gains_,
            bound=sampler.bound_,
            n_informative=sampler.n_informative_,
        )
        return display.plot(ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Draw both panels.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        **kwargs : dict
            Passed to ``plot`` for the line of the value.

        Returns
        -------
        display : GainCurveDisplay
            The display itself.
        """
        self.ax_ = new_axes((4.8, 3.6)) if ax is None else ax
        self.figure_ = self.ax_.figure
        self.ax_.set_axis_off()
        self.gain_ax_ = self.ax_.inset_axes([0, 0, 1, 0.34])
        self.value_ax_ = self.ax_.inset_axes([0, 0.42, 1, 0.58], sharex=self.gain_ax_)
        gains = np.asarray(self.gains)
        picks = np.arange(1, len(gains) + 1)
        values = np.cumsum([0, *gains])
        style = {"color": COLORS[3], "marker": ".", "linewidth": 1.6}
        self.value_ax_.plot([0, *picks], values, **style | kwargs)
        self.gain_ax_.bar(picks, gains, color=COLORS[3], width=0.8)
        tidy(self.value_ax_, None, "Value")
        tidy(self.gain_ax_, "Picks", "Gain")
        self.value_ax_.tick_params(labelbottom=False)
        self.gain_ax_.set_xlim(-0.02 * len(gains), 1.02 * len(gains) + 0.5)
        self._draw_bound(values[-1])
        self._draw_saturation(len(gains))
        return self

    def _draw_bound(self, value):
        if self.bound is None:
            return
        self.value_ax_.axhline(self.bound, color=FRAME, linestyle="--", linewidth=1.4)
        share = f", {value / self.bound:.1%} of it reached" if self.bound > 0 else ""
        self._note(f"upper bound{share}", (0.01, self.bound), "bottom")
        low, high = self.value_ax_.get_ylim()
        self.value_ax_.set_ylim(low, max(high, self.bound) + 0.1 * (high - low))

    def _draw_saturation(self, n_picks):
        if self.n_informative is None or self.n_informative >= n_picks:
            return
        for ax in (self.value_ax_, self.gain_ax_):
            ax.axvline(self.n_informative + 0.5, color="0.2", linestyle=":")
        is_late = self.n_informative > n_picks / 2
        self.gain_ax_.annotate(
            f"saturated after pick {self.n_informative}",
            (self.n_informative + 0.5, 0.95),  # Above gains that are almost 0.
            xycoords=("data", "axes fraction"),
            xytext=(em(-0.4 if is_late else 0.4), 0),
            textcoords="offset points",
            ha="right" if is_late else "left",
            va="top",
            fontsize="small",
        )

    def _note(self, text, where, va):
        """Write beside a line of the panel of values."""
        self.value_ax_.annotate(
            text,
            where,
            xycoords=("axes fraction", "data"),
            xytext=(0, 2),
            textcoords="offset points",
            va=va,
            fontsize="small",
            color=FRAME,
            bbox={"color": "white", "pad": 1},
        )
