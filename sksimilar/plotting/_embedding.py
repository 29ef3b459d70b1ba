"""Where the sets of a selection lie, in two dimensions."""

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA

from .._validation.choices import check_selected
from ._checks import check_plane
from ._style import ROLES, em, ink, new_axes

__all__ = ["EmbeddingDisplay"]


class EmbeddingDisplay:
    """Show pool, query, conditioning set and picks in one plane, in order of choice.

    Parameters
    ----------
    points : array-like of shape (n_samples, 2)
        Coordinates of all rows.

    selected : array-like of int
        Positions of the picks, in order of choice.

    query, conditioning : array-like of int, default=None
        Positions of the rows of Q and P.

    pool : array-like of int, default=None
        Positions of the other rows to draw; by default all that are in no other set.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the points are.

    figure_ : matplotlib Figure
        Where the axes are.

    scatters_ : dict of matplotlib PathCollection
        By role, those of the sets that there are.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_digits
    >>> from sksimilar import SIMILARSampler
    >>> from sksimilar.plotting import EmbeddingDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> query = (y == 8) & (y.cumsum() < 200)
    >>> sampler = SIMILARSampler(random_state=0).fit(X, query_mask=query)
    >>> rows = sampler.select(5)
    >>> display = EmbeddingDisplay.from_sampler(sampler, X)
    >>> list(display.scatters_)
    ['pool', 'picks', 'query']
    """

    def __init__(self, *, points, selected, query=None, conditioning=None, pool=None):
        self.points = points
        self.selected = selected
        self.query = query
        self.conditioning = conditioning
        self.pool = pool

    @classmethod
    def from_sampler(cls, sampler, X, *, transformer=None, ax=None, **kwargs):
        """Make a display of the last selection of a sampler and draw it.

        Parameters
        ----------
        sampler : sampler that has selected
            Of SIMILAR or any other.

        X : array-like of shape (n_samples, n_features)
            Features of all rows that the sampler saw, or their inputs to the last layer.
            Two columns are taken as coordinates; more are projected to two.

        transformer : transformer of two components, default=None
            Projects all rows at once; by default scikit-learn's PCA.

        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : EmbeddingDisplay

        Raises
        ------
        NotFittedError
            Before the sampler has selected.
        """
        check_selected(sampler)
        display = cls(
            points=project(X, transformer),
            selected=sampler.selected_indices_,
            query=sampler.query_,
            conditioning=sampler.conditioning_,
            pool=np.setdiff1d(sampler.candidates_, sampler.selected_indices_),
        )
        return display.plot(ax, **kwargs)

    def plot(self, ax=None, *, n_numbered=10, legend=True, **kwargs):
        """Draw the sets, and numbers on the first picks.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        n_numbered : int, default=10
            How many picks bear their place in the order of choice.

        legend : bool, default=True
            Whether to name the sets, above the axes.

        **kwargs : dict
            Passed to ``ax.scatter`` for every set.

        Returns
        -------
        display : EmbeddingDisplay
            The display itself.
        """
        points = check_plane(self.points, len(self.points), "points")
        self.ax_ = new_axes((4.8, 3.8)) if ax is None else ax
        self.figure_ = self.ax_.figure
        self.scatters_ = {
            role: self._draw(points[rows], role, kwargs)
            for role, rows in self._sets().items()
            if rows is not None and len(rows)
        }
        self._number(points[np.asarray(self.selected)[:n_numbered]])
        self.ax_.set(xticks=[], yticks=[])
        self.ax_.set_aspect("equal", adjustable="datalim")
        if legend:
            self._name_sets()
        return self

    def _sets(self):
        sets = {
            "pool": self.pool,
            "conditioning": self.conditioning,
            "picks": self.selected,
            "query": self.query,
        }
        if self.pool is None:
            drawn = [np.asarray(s, dtype=int) for s in sets.values() if s is not None]
            everyone = np.arange(len(self.points))
            sets["pool"] = np.setdiff1d(everyone, np.concatenate(drawn))
        return sets

    def _draw(self, points, role, kwargs):
        style = dict(ROLES[role])
        style["color"] = style["color"] or ink()
        style["s"] = em(style.pop("size")) ** 2
        is_filled = role in ("query", "picks")  # And may lie upon another.
        style |= {"edgecolors": "white"} if is_filled else {}
        style["linewidths"] = em(0.05 if is_filled else 0.1)
        # The first pick is the last one drawn, so that none hides an earlier one.
        x, y = points[::-1].T
        return self.ax_.scatter(x, y, label=role, **style | kwargs)

    def _number(self, points):
        for place, point in enumerate(points, start=1):
            self.ax_.annotate(
                place,
                point,
                ha="center",
                va="center_baseline",
                fontsize="xx-small",
                color="white",
                weight="bold",
                zorder=4 - place / 1000,
            )

    def _name_sets(self):
        self.ax_.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=len(self.scatters_),
            frameon=False,
            fontsize="small",
            handletextpad=0.1,
            columnspacing=0.8,
            borderaxespad=0.1,
            borderpad=0.2,
        )


def project(X, transformer=None):
    """Return two coordinates of every row; those of two columns are taken as they are."""
    X = np.asarray(X)
    if X.ndim == 2 and X.shape[1] == 2 and transformer is None:
        return X
    transformer = PCA(2, random_state=0) if transformer is None else clone(transformer)
    points = transformer.fit_transform(X.reshape(len(X), -1))
    return check_plane(points, len(X), "transformer")
