"""The images that were picked."""

import numpy as np

from .._validation.rows import check_mask, check_positions
from ._checks import check_images
from ._style import CELL, FRAME, as_cells, em, new_axes, show_item

__all__ = ["SelectedItemsDisplay"]

LONGEST, LETTER = 8, 0.09  # Letters below an image, and the width of one in inches.


class SelectedItemsDisplay:
    """Show the images that were picked: a row for each method, in order of choice.

    Below every image stands its true class, as far as there is room for its name.

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
        images : array-like of shape (n_samples, height, width) or with channels last
            All images.

        labels : array-like of shape (n_samples,)
            Their true classes.

        selected : dict of array-like of int
            For each method, by its name, positions of the images in order of choice.

        highlight_mask : array-like of bool of shape (n_samples,), default=None
            Images to frame, of rare classes for example; their class is set in bold.

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
        check_images(self.images, "images")
        labels = [_short(str(label)) for label in self.labels]  # Whatever its index.
        mask = check_mask(self.highlight_mask, len(labels), "highlight_mask")
        special = np.zeros(len(labels), dtype=bool) if mask is None else mask
        rows = [
            check_positions(rows, len(labels), f"selected[{name!r}]")
            for name, rows in self.selected.items()
        ]
        total = max([1, *map(len, rows)])
        rows, width = [r[:n_items] for r in rows], min(total, n_items)
        longest = max((len(labels[item]) for row in rows for item in row), default=0)
        cell = max(0.42, LETTER * longest)
        size = (1.8 + cell * width, 0.6 + (0.24 + cell) * len(rows))
        self.ax_ = new_axes(size) if ax is None else ax
        self.figure_ = self.ax_.figure
        for row, items in enumerate(rows):
            for column, item in enumerate(items):
                self._draw(item, labels[item], special[item], column, row, kwargs)
        names = list(self.selected)
        as_cells(self.ax_, names, CELL * np.arange(len(names)), width, total)
        return self

    def _draw(self, item, label, special, column, row, kwargs):
        """Put one image into its cell, 1 wide and 1.4 high, with its class below."""
        left, top = column, CELL * row
        show_item(self.ax_, self.images, item, left, top, **kwargs)
        self.ax_.text(
            left + 0.5,
            top + 1.2,
            label,
            ha="center",
            va="center",
            fontsize="small",
            weight="bold" if special else "normal",
            parse_math=False,
            color=FRAME if special else "0.35",
        )
        if special:
            self._frame(left, top)

    def _frame(self, left, top):
        from matplotlib.patches import Rectangle

        corner = (left + 0.04, top + 0.04)
        style = {"edgecolor": FRAME, "linewidth": em(0.16), "fill": False}
        self.ax_.add_patch(Rectangle(corner, 0.92, 0.92, **style))


def _short(name):
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
