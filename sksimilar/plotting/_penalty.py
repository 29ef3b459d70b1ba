"""How often each method was significantly better than each other one."""

import numpy as np

from ._style import ink, new_axes

__all__ = ["PenaltyMatrixDisplay"]


class PenaltyMatrixDisplay:
    """Show a penalty matrix with the sums of its rows and columns.

    Cell (i, j) says how often the method of row i was better than that of column j: a
    good method has a high sum at the right and a low one at the bottom.

    Parameters
    ----------
    matrix : array-like of shape (n_methods, n_methods)
        Shares, or their sums over experiments.

    methods : list of str of length n_methods
        Names of rows and columns.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the cells are.

    figure_ : matplotlib Figure
        Where the axes are.

    image_ : matplotlib AxesImage
        The cells.

    texts_ : ndarray of matplotlib Text of shape (n_methods + 1, n_methods + 1)
        The numbers, sums last.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sksimilar.plotting import PenaltyMatrixDisplay
    >>> matrix = [[0.0, 0.1], [0.7, 0.0]]
    >>> display = PenaltyMatrixDisplay.from_matrix(matrix, ["random", "flqmi"])
    >>> [text.get_text() for text in display.texts_[-1]]
    ['0.7', '0.1', '']
    """

    def __init__(self, *, matrix, methods):
        self.matrix = matrix
        self.methods = methods

    @classmethod
    def from_matrix(cls, matrix, methods, *, ax=None, **kwargs):
        """Make a display and draw it.

        Parameters
        ----------
        matrix : array-like of shape (n_methods, n_methods)
            Shares, or their sums over experiments.

        methods : list of str of length n_methods
            Names of rows and columns.

        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : PenaltyMatrixDisplay
        """
        return cls(matrix=matrix, methods=methods).plot(ax, **kwargs)

    def plot(self, ax=None, *, highlighted=(), fontsize=8, **kwargs):
        """Draw the cells, their numbers and the sums.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        highlighted : collection of str, default=()
            Methods whose names are set in bold.

        fontsize : float, default=8
            Of names and numbers.

        **kwargs : dict
            Passed to ``ax.imshow``.

        Returns
        -------
        display : PenaltyMatrixDisplay
            The display itself.
        """
        cells, n = np.asarray(self.matrix, dtype=float), len(self.methods)
        if cells.shape != (n, n):
            raise ValueError(
                f"`matrix` must have a row and a column for each of {n} `methods`, got "
                f"shape {cells.shape}."
            )
        side = 1.6 + 0.38 * n
        self.ax_ = new_axes((side, side)) if ax is None else ax
        self.figure_ = self.ax_.figure
        options = {"cmap": "Blues", "vmin": 0, "vmax": max(1, cells.max())}
        self.image_ = self.ax_.imshow(cells, **options | kwargs)
        self._write(cells, fontsize)
        self._name(highlighted, fontsize)
        self.ax_.set(xlim=(-0.5, n + 0.5), ylim=(n + 0.5, -0.5))
        self.ax_.spines[:].set_visible(False)
        return self

    def _write(self, cells, fontsize):
        """Write the number of every cell, and the sums beside and below."""
        n = len(cells)
        table = np.full((n + 1, n + 1), np.nan)
        table[:n, :n], table[:n, n], table[n, :n] = cells, cells.sum(1), cells.sum(0)
        self.texts_ = np.empty(table.shape, dtype=object)
        for (row, column), value in np.ndenumerate(table):
            inside = max(row, column) < n
            self.texts_[row, column] = self.ax_.text(
                column,
                row,
                _number(value, inside),
                color=self._color(value) if inside else ink(),
                weight="normal" if inside else "bold",
                ha="center",
                va="center",
                fontsize=fontsize - 1,
            )

    def _color(self, value):
        """Return the color of a number within its cell."""
        return "white" if self.image_.norm(value) > 0.5 else "black"

    def _name(self, highlighted, fontsize):
        """Write the names of rows and columns, and what the sums are."""
        places = np.arange(len(self.methods) + 1)
        style = {"fontsize": fontsize, "parse_math": False}
        names = [*self.methods, "sum"]
        self.ax_.set_xticks(places, names, rotation=90, **style)
        self.ax_.set_yticks(places, names, **style)
        for label in (*self.ax_.get_xticklabels(), *self.ax_.get_yticklabels()):
            if label.get_text() in highlighted:
                label.set_weight("bold")
        self.ax_.xaxis.tick_top()
        self.ax_.tick_params(length=0)
        self.ax_.set_xlabel("row better than column", fontsize=fontsize)
        self.ax_.xaxis.set_label_position("bottom")


def _number(value, inside):
    """Return a number as text; a cell that is empty stays so."""
    if np.isnan(value) or (inside and value == 0):
        return ""
    return f"{value:.1f}"
