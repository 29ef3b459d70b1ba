"""What the displays share."""

import numpy as np
from sklearn.isotonic import isotonic_regression

from .._validation.words import optional

# Okabe and Ito's colors, told apart by the color-blind.  None is that of text, and comes
# first, where the baseline stands; line styles and markers serve where there is no color.
COLORS = (None, "#D55E00", "#009E73", "#0072B2", "#CC79A7", "#E69F00", "#56B4E9")
LINES = ("--", "-.", ":", "-", "-")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
FRAME = "#D55E00"

# What a row is to a selection, by color and marker; sizes are shares of the font's.
ROLES = {
    "pool": {"color": "0.72", "marker": ".", "size": 0.35},
    "conditioning": {"color": None, "marker": "x", "size": 0.4},
    "picks": {"color": "#D55E00", "marker": "o", "size": 0.9},
    "query": {"color": "#0072B2", "marker": "*", "size": 0.8},  # It shows upon a pick.
}
CELL = 1.4  # Height of a cell that is 1 wide: an image, and a line of text below.


def em(share=1.0):
    """Return a share of the font size, in points: what is drawn grows with the text."""
    with optional("Matplotlib", "plot"):
        import matplotlib

    return share * matplotlib.rcParams["font.size"]


def new_axes(size, layout="constrained"):
    with optional("Matplotlib", "plot"):
        import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout=layout)[1]


def ink():
    """Return the color of text: black, or light in a dark style."""
    with optional("Matplotlib", "plot"):
        import matplotlib

    return matplotlib.rcParams["text.color"]


def color(place):
    return COLORS[place % len(COLORS)] or ink()


def line_style(place):
    return {
        "color": color(place),
        "linestyle": LINES[place % len(LINES)],
        "marker": MARKERS[place % len(MARKERS)],
        "markersize": 4.5,
        "linewidth": 1.6,
    }


def tidy(ax, x_name, y_name):
    from matplotlib.ticker import MaxNLocator

    ax.set(xlabel=x_name, ylabel=y_name)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color=ink(), alpha=0.1, linewidth=0.8)
    ax.set_axisbelow(True)
    locator = ax.xaxis.get_major_locator()
    if isinstance(locator, MaxNLocator):  # Neither a scale nor ticks of someone's own.
        locator.set_params(integer=True)  # Labels and picks are counted.


def show_item(ax, images, item, left, top, **kwargs):
    """Put one of many images, which share their shades, into its cell.

    Of rows that are no images (None) it is their position.
    """
    if images is None:
        ax.text(left + 0.5, top + 0.5, str(item), ha="center", va="center")
        return
    images = np.asarray(images)
    if images.ndim == 4 and images.dtype.kind == "f":  # Of which all shades are shown.
        low, high = min(0, images.min()), max(1, images.max())
        images = (images - low) / (high - low)
    options = {
        "cmap": "gray_r",
        "vmin": images.min(),
        "vmax": images.max(),
        "extent": (left + 0.06, left + 0.94, top + 0.94, top + 0.06),
    }
    ax.imshow(images[item], **options | kwargs)


def as_cells(ax, names, tops, width, total):
    """Make axes that hold rows of cells, named at the left, in order of choice.

    Of ``total`` cells in a row ``width`` are shown.
    """
    ax.set_xlim(0, width)
    ax.set_ylim(tops[-1] + CELL, 0)  # The first row on top.
    ax.set_yticks(np.asarray(tops) + 0.5, labels=names)
    ticks = np.unique([1, *range(5, width + 1, 5)])
    ax.set_xticks(ticks - 0.5, labels=ticks)
    ax.set_xlabel("Order of choice" + f" (first {width} of {total})" * (width < total))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def name_at_the_end(ax, lines):
    """Write each line's label to the right of the axes, as high as the line ends."""
    ax.autoscale_view()
    curves = [(line, line.get_xydata()) for line in lines]
    curves = [(line, xy[np.isfinite(xy).all(axis=1)]) for line, xy in curves]
    lines = [line for line, xy in curves if len(xy)]
    ends = np.array([xy[-1] for _, xy in curves if len(xy)])
    if not lines:
        return
    to_axes = ax.transScale + ax.transLimits
    with np.errstate(divide="ignore"):
        heights = to_axes.transform(ends)[:, 1]  # Shares of the height of the axes.
    heights = np.where(
        np.isfinite(heights), heights, 0.0
    )  # Of 0 where axes are of logs.
    height = ax.get_position().height * ax.figure.get_figheight() * 72
    fontsize = em(0.9)
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
            parse_math=False,
            arrowprops={
                "arrowstyle": "-",
                "color": line.get_color(),
                "lw": 0.6,
                "relpos": (0, 0.5),
            },
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
        In the order given.
    """
    # Less their gaps, heights in order need only not to decrease.
    order = np.argsort(heights, kind="stable")
    gaps = gap * np.arange(len(order))
    moved = np.empty(len(order))
    moved[order] = isotonic_regression(np.asarray(heights)[order] - gaps) + gaps
    return moved
