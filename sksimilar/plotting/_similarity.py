"""How similar the rows of a selection are, set against set."""

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from .._validation.choices import check_selected
from ._style import apart, em, new_axes

__all__ = ["SimilarityDisplay"]


class SimilarityDisplay:
    """Show the similarities within and between query, conditioning set and picks.

    Parameters
    ----------
    similarity : array-like of shape (n_rows, n_rows)
        Symmetric, its rows ordered by their roles.

    roles : dict of int
        How many rows play each role, by its name, in the same order.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the similarities are.

    figure_ : matplotlib Figure
        Where the axes are.

    image_, colorbar_ : matplotlib artists
        The map and its scale.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_digits
    >>> from sksimilar import SIMILARSampler
    >>> from sksimilar.plotting import SimilarityDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> query = (y == 8) & (y.cumsum() < 200)
    >>> sampler = SIMILARSampler(random_state=0).fit(X, query_mask=query)
    >>> rows = sampler.select(5)
    >>> SimilarityDisplay.from_sampler(sampler, n_pool=20).roles
    {'query': 5, 'picks': 5, 'pool': 20}
    """

    def __init__(self, *, similarity, roles):
        self.similarity = similarity
        self.roles = roles

    @classmethod
    def from_sampler(
        cls, sampler, *, n_pool=0, max_rows=40, random_state=0, ax=None, **kwargs
    ):
        """Make a display of the last selection of a sampler and draw it.

        Picks are in order of choice; of the other sets similar rows are neighbors.

        Parameters
        ----------
        sampler : SIMILARSampler that has selected
            Rows are compared as it compares them.

        n_pool : int, default=0
            Rows of the pool to add, drawn at random.

        max_rows : int, default=40
            Most rows of the other sets: the first picks, and of a larger query or
            conditioning set some drawn at random.

        random_state : int, default=0
            Draws them.

        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : SimilarityDisplay

        Raises
        ------
        NotFittedError
            Before the sampler has selected.
        """
        check_selected(sampler, "similarity")
        rng = np.random.RandomState(random_state)
        selected = sampler.selected_indices_
        rest = np.setdiff1d(sampler.candidates_, selected)
        sets = {
            "query": _some(sampler.query_, max_rows, rng),
            "conditioning": _some(sampler.conditioning_, max_rows, rng),
            "picks": selected[:max_rows],
            "pool": _some(rest, n_pool, rng),
        }
        similarity = sampler.similarity(np.concatenate([*sets.values()]))
        roles = {role: len(rows) for role, rows in sets.items() if len(rows)}
        order = _ordered(similarity, roles)
        display = cls(similarity=similarity[np.ix_(order, order)], roles=roles)
        return display.plot(ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Draw the map, its roles in brackets at the side.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        **kwargs : dict
            Passed to ``ax.imshow``.

        Returns
        -------
        display : SimilarityDisplay
            The display itself.
        """
        # Of squares the usual layout cuts off names.
        self.ax_ = new_axes((5.4, 4), "compressed") if ax is None else ax
        self.figure_ = self.ax_.figure
        options = {"cmap": "cividis", "interpolation": "nearest"}
        self.image_ = self.ax_.imshow(np.asarray(self.similarity), **options | kwargs)
        self.colorbar_ = self.figure_.colorbar(
            self.image_, ax=self.ax_, label="Similarity", pad=0.03
        )
        self.colorbar_.outline.set_visible(False)
        self._separate()
        return self

    def _separate(self):
        ends = np.cumsum([0, *self.roles.values()]) - 0.5
        for end in ends[1:-1]:
            self.ax_.axhline(end, color="white", linewidth=1.2)
            self.ax_.axvline(end, color="white", linewidth=1.2)
        margin = 0.1 * min(self.roles.values())
        for first, last in zip(ends[:-1] + margin, ends[1:] - margin):
            self._bracket(
                (-0.025, -0.025), (first, last), self.ax_.get_yaxis_transform()
            )
            self._bracket(
                (first, last), (-0.025, -0.025), self.ax_.get_xaxis_transform()
            )
        names = [f"{role}, {n}" for role, n in self.roles.items()]
        # A twelfth of the map is the least distance at which names do not touch.
        middles = apart((ends[1:] + ends[:-1]) / 2, ends[-1] / 12)
        self.ax_.set_yticks(middles, labels=names, fontsize="small")
        self.ax_.set_xticks([])
        self.ax_.tick_params(length=0, pad=em(0.9))
        self.ax_.spines[:].set_visible(False)

    def _bracket(self, x, y, transform):
        style = {"color": "0.3", "linewidth": 1.2, "clip_on": False}
        self.ax_.plot(x, y, transform=transform, scalex=False, scaley=False, **style)


def _some(rows, n, rng):
    """Return at most n of the rows, drawn at random, in their order."""
    rows = np.empty(0, dtype=int) if rows is None else rows
    return rows if len(rows) <= n else np.sort(rng.choice(rows, n, replace=False))


def _ordered(similarity, roles):
    """Return an order in which similar rows of a role are neighbors, but for picks."""
    places, ends = np.arange(len(similarity)), np.cumsum([*roles.values()])
    parts = np.split(places, ends[:-1])
    return np.concatenate(
        [
            part if role == "picks" or len(part) < 3 else part[_chain(similarity, part)]
            for role, part in zip(roles, parts)
        ]
    )


def _chain(similarity, part):
    """Return the leaves of a tree of some rows, similar ones side by side."""
    block = similarity[np.ix_(part, part)]
    distance = squareform(block.max() - block, checks=False)
    return leaves_list(linkage(distance, "average", optimal_ordering=True))
