"""Why each row was picked."""

import numpy as np

from .._validation.choices import check_selected
from ._checks import check_images
from ._style import CELL, FRAME, as_cells, color, new_axes, show_item

__all__ = ["ExplanationDisplay"]

PARTS = {"relevance": 3, "conditioning": 0, "diversity": 2}  # And places of colors.
GIVEN = ("query", "conditioning")


class ExplanationDisplay:
    """Show the rows that were picked, what their gain is made of, and what is near.

    From the top: a pick and its gain; the gain as a sum, read from left to right, of
    relevance, conditioning and diversity, up to the line; the most similar row of the
    query and of the conditioning set, where there is one, and how similar it is.

    Parameters
    ----------
    images : array-like of shape (n_samples, height, width), channels last, or None
        All images; without them rows are shown by their positions.

    explanation : dict of ndarrays of shape (n_picks,)
        As `SIMILARSampler.explain` returns it.

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
    >>> from sksimilar import SIMILARSampler
    >>> from sksimilar.plotting import ExplanationDisplay
    >>> digits = load_digits()
    >>> query = (digits.target == 8) & (digits.target.cumsum() < 200)
    >>> sampler = SIMILARSampler(random_state=0).fit(digits.data, query_mask=query)
    >>> rows = sampler.select(5)
    >>> display = ExplanationDisplay.from_sampler(sampler, digits.images)
    >>> len(display.ax_.images)  # five picks, and the query row nearest to each
    10
    """

    def __init__(self, *, images, explanation):
        self.images = images
        self.explanation = explanation

    @classmethod
    def from_sampler(cls, sampler, images=None, *, ax=None, **kwargs):
        """Explain the last selection of a sampler, make a display and draw it.

        Parameters
        ----------
        sampler : SIMILARSampler that has selected
            It explains its choice.

        images : array-like of shape (n_samples, height, width), default=None
            Those of all rows that the sampler saw, maybe with channels last.

        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : ExplanationDisplay

        Raises
        ------
        NotFittedError
            Before the sampler has selected.
        """
        check_selected(sampler, "explain")
        check_images(images, "images")
        display = cls(images=images, explanation=sampler.explain())
        return display.plot(ax, **kwargs)

    def plot(self, ax=None, *, n_items=8, **kwargs):
        """Draw the first picks.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        n_items : int, default=8
            Most picks.

        **kwargs : dict
            Passed to ``ax.imshow`` for every image.

        Returns
        -------
        display : ExplanationDisplay
            The display itself.
        """
        told = {name: values[:n_items] for name, values in self.explanation.items()}
        given = [name for name in GIVEN if f"nearest_{name}" in told]
        rows, width = 2 + len(given), len(told["index"])
        size = (1.3 + 0.62 * width, 0.6 + 0.86 * rows)
        self.ax_ = new_axes(size) if ax is None else ax
        self.figure_ = self.ax_.figure
        self._show(told["index"], told["gain"], 0, kwargs)
        self._draw_sums(told, CELL)
        for row, name in enumerate(given, start=2):
            nearest = told[f"nearest_{name}"], told[f"{name}_similarity"]
            self._show(*nearest, CELL * row, kwargs)
        names = ["pick, gain", "", *(f"nearest\n{name}" for name in given)]
        total = len(self.explanation["index"])
        as_cells(self.ax_, names, CELL * np.arange(rows), width, total)
        return self

    def _show(self, items, numbers, top, kwargs):
        """Draw rows of X side by side, a number below each."""
        for left, (item, number) in enumerate(zip(items, numbers)):
            show_item(self.ax_, self.images, item, left, top, **kwargs)
            self.ax_.text(
                left + 0.5,
                top + 1.2,
                f"{number:.2g}",
                ha="center",
                va="center",
                fontsize="small",
            )

    def _draw_sums(self, told, top):
        """Draw each gain as steps from 0, one for each of its parts."""
        parts = [name for name in PARTS if np.any(told[name])]
        steps = np.cumsum([0 * told["gain"], *(told[name] for name in parts)], axis=0)
        scale = 1.1 / max(np.ptp(steps), np.finfo(float).tiny)
        heights = top + 0.1 + scale * (steps.max() - steps)  # Downwards, as the axis.
        lefts, width = np.arange(len(told["gain"])) + 0.1, 0.8 / max(1, len(parts))
        for place, name in enumerate(parts):
            self.ax_.bar(
                lefts + place * width,
                heights[place + 1] - heights[place],
                width,
                heights[place],
                align="edge",
                color=color(PARTS[name]),
            )
        self.ax_.hlines(heights[0], lefts, lefts + 0.8, color="0.6", linewidth=0.8)
        self.ax_.hlines(heights[-1], lefts, lefts + 0.8, color=FRAME, linewidth=1.8)
        self._name_parts(
            [*((n, color(PARTS[n])) for n in parts), ("= gain", FRAME)], top
        )

    def _name_parts(self, parts, top):
        for place, (name, shade) in enumerate(parts):
            self.ax_.text(
                -0.1,
                top + 0.2 + 0.3 * place,
                name,
                ha="right",
                va="center",
                fontsize="small",
                color=shade,
            )
