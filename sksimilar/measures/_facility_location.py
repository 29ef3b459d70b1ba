"""Facility location: FL, FLVMI, FLCG, FLCMI, and redundancy with OOD data.

All families are one sum over the rows i of V.  With A empty, row i is covered up to
low_i, its largest similarity to P, and what rises above high_i, its largest to Q or P,
does not count.  A point j is worth what of S_ij lies between the two.  As A grows so
does low, and j loses what lies between the old low and the new one: nothing at rows
that the picks cover no better than before, so that keeping all gains current costs a few
passes over the pairs and not one a pick.
"""

from functools import partial
from itertools import compress, pairwise
from numbers import Real

import torch
from sklearn.utils._param_validation import Interval

from ..blocks import BLOCK, TILE, blockwise
from ._base import Cost
from ._nearest import NearestCovers
from ._set_function import SetFunction

# Passes over all pairs, by (query, conditioning): as measured on last-layer gradients, what
# P covers or Q does not reach being skipped; at most, where many features make rows less
# alike; and by a kernel that is given or decays, of which less is known beforehand.
PASSES = {
    (False, False): (1.4, 2.1, 1.6),
    (True, False): (1.9, 2.85, 1.5),
    (False, True): (0.15, 0.45, 0.5),
    (True, True): (0.009, 0.027, 0.036),
}
# Groups of alike points: at most so many, and of about this size at least.  More of them
# skip more rows, in more and smaller products.  They form about points of a sample.
N_GROUPS, GROUP_SIZE, SAMPLE = 32, 512, 4096
TILE_WIDTH = 512  # Points of a group that are looked at together.
SUMMED_UP = 2e-7  # Relative error of a sum of many similarities in float32.


class FacilityLocation(SetFunction):
    """Facility location, f(A) = sum_{i in V} max_{j in A} S_ij.

    How well A represents V.  A negative similarity counts as 0, the maximum over no
    row.  The families are FL, FLVMI, FLCG and FLCMI of [1]_, Table 2.  Their gains need
    all pairs of candidates, a block at a time.  With a query it saturates: once A is as
    similar to each row as Q is, no further gain is more than rounding.

    Parameters
    ----------
    sharpness : float, default=10.0
        Rows that are both query and conditioning penalize with S_ij ** sharpness in
        place of S_ij, so that only what is almost a copy of them is avoided ([1]_,
        Section 3.5, redundancy and OOD).  Must be larger than 1.

    References
    ----------
    .. [1] S. Kothawade, N. Beck, K. Killamsetty and R. Iyer. SIMILAR: Submodular
       information measures based active learning in realistic scenarios. NeurIPS 2021.

    Examples
    --------
    >>> import torch
    >>> from sksimilar.measures import FacilityLocation
    >>> from sksimilar.similarity import DenseSimilarity
    >>> S = DenseSimilarity(torch.tensor([[1.0, 0.8, 0.0], [0.8, 1.0, 0.1], [0.0, 0.1, 1.0]]))
    >>> measure = FacilityLocation().measure(S, torch.arange(3))
    >>> measure.gains(torch.arange(3))
    tensor([1.8000, 1.9000, 1.1000])
    """

    sharpens = True

    _parameter_constraints: dict = {
        "sharpness": [Interval(Real, 1, None, closed="neither")]
    }

    def __init__(self, sharpness=10.0):
        self.sharpness = sharpness

    def start(self, similarity, ground):
        self.similarity_, self.ground_ = similarity, ground
        self.cover_ = torch.zeros_like(similarity.diagonal()[ground])
        return self

    def add(self, points, scale=1.0):
        return self._cover(scale * self._nearest(points))

    def add_sharpened(self, points, scale=1.0):
        """Add points to C with the kernel S' = S ** sharpness.

        Parameters
        ----------
        points : tensor of shape (n_points,), int64
            The points to add.

        scale : float, default=1.0
            Weight of their similarities to all others.

        Returns
        -------
        self : FacilityLocation
            The function itself.
        """
        nearest = self._nearest(points).clamp_min(0)
        return self._cover(scale * nearest.pow(self.sharpness))

    def gains(self, points):
        return self._up_to(torch.full_like(self.cover_, torch.inf)).gains(points)

    def measure(
        self, similarity, ground, query=None, conditioning=None, eta=1.0, nu=1.0
    ):
        given = super().measure(similarity, ground, query, conditioning, eta, nu)
        if given.informed is None:
            return given.prior._up_to(torch.full_like(given.prior.cover_, torch.inf))
        return given.prior._up_to(given.informed.cover_)

    def traits(self, bounds, query, conditioning):
        return True, 0.0

    def cost(self, sizes):
        pairs = sizes.n_points * sizes.n_ground
        given = sizes.n_ground * (sizes.n_query + sizes.n_conditioning)
        passes, most, by_pairs = PASSES[bool(sizes.n_query), bool(sizes.n_conditioning)]
        passes = (
            min(most, passes * (1 + sizes.width / 700)) if sizes.linear else by_pairs
        )
        if sizes.n_neighbors:
            return self._cost_of_nearest(sizes, pairs, given)
        points = sizes.n_points * (sizes.width + 6)  # Factors by group; float64 gains.
        ground = sizes.n_ground * (sizes.width + N_GROUPS + 6)
        return Cost(
            3 * sizes.width * (passes * pairs + given),
            (40 if sizes.linear else 100) * passes * pairs + given,
            3 * min(BLOCK, pairs) + points + ground,
            calls=10 * N_GROUPS,
        )

    def _cost_of_nearest(self, sizes, pairs, given):
        """Return the cost where each row of V keeps its nearest candidates alone."""
        kept = sizes.n_ground * min(sizes.n_neighbors, sizes.n_points)
        pairs += sizes.budget * sizes.n_ground  # For the gains in the end.
        both = sizes.n_points + sizes.n_ground
        held = 12 * kept + 3 * BLOCK + both * (sizes.width + 6)
        return Cost(2 * sizes.width * (pairs + given), 12 * pairs + 60 * kept, held)

    def _nearest(self, points):
        if not len(points):
            return torch.zeros_like(self.cover_)
        return self.similarity_.largest(self.ground_, points)

    def _cover(self, nearest):
        self.cover_ = torch.maximum(self.cover_, nearest)
        return self

    def _up_to(self, high):
        return BetweenCovers(self.similarity_, self.ground_, self.cover_, high)


class BetweenCovers:
    """sum_{i in V} of what of max_{j in A} S_ij lies between low_i and high_i.

    The gain of every point that was ever asked for is kept current.  A pick covers few
    rows better than before, and few points are near to those: points are kept in groups
    of alike ones, which skip the rows that none of them rises above.

    Parameters
    ----------
    similarity : Similarity
        S over all points.

    ground : tensor of shape (n_ground,), int64
        The points of V.

    low, high : tensors of shape (n_ground,)
        Where similarities to row i begin to count, and where they no longer do.
    """

    submodular = keeps_gains = True
    least_gain = 0.0

    def __init__(self, similarity, ground, low, high):
        live = high > low  # No other row can ever gain.
        if 2 * live.sum() < len(live):
            ground, low, high = ground[live], low[live], high[live]
        self.similarity, self.rows, self.low, self.high = similarity, ground, low, high
        self.to_rows = similarity.towards(self.rows)
        self.settled = self.low  # The cover that the gains below are at.
        unknown = torch.full((len(similarity),), torch.nan, dtype=torch.float64)
        self.known, self.groups = unknown.to(low.device), []
        self.symmetric = False  # Whether the points of all groups are the rows.

    @property
    def resolution(self):
        """What gains are known to, relative to the largest; summed up in float64."""
        return SUMMED_UP if self.low.dtype == torch.float32 else None

    def add(self, points):
        nearest = self.to_rows(points).amax(dim=0)
        self.low = torch.maximum(self.low, nearest.minimum(self.high))
        return self

    def gains(self, points):
        self._settle()
        new = points[self.known[points].isnan()]
        if len(new):
            self._admit(new)
        return self.known[points].clamp_min(0).to(self.low.dtype)

    def nearest(self, points, n_neighbors):
        """Return the same measure with the nearest of these points alone in each row."""
        k, to_points = min(n_neighbors, len(points)), self.similarity.towards(points)
        values = self.low.new_empty(len(self.rows), k)
        near = torch.empty_like(values, dtype=torch.int32)

        def fill(block):
            values[block], places = to_points(self.rows[block]).topk(k)
            near[block] = points[places].int()

        for _ in blockwise(fill, len(self.rows), len(points), points.device):
            pass
        covers = self.low, self.high
        return NearestCovers(
            near, values, *covers, len(self.similarity), complete=k == len(points)
        )

    def gains_along(self, points):
        """Return the gain of every point given those before it.

        Parameters
        ----------
        points : tensor of shape (n_points,), int64
            To be added one after the other; none is.

        Returns
        -------
        gains : tensor of shape (n_points,), float64
            By one pass over the rows for each.
        """
        low, gains = self.low, []

        def rise(block):
            nearest = self.to_rows(points[block]).minimum(self.high)
            covers = torch.cat([low[None], nearest.maximum(low)]).cummax(dim=0).values
            return covers.diff(dim=0).sum(dim=1, dtype=torch.float64), covers[-1]

        width = 6 * len(self.rows)  # What `cummax` returns beside, and differences.
        # `low` is rebound: `rise` begins the next block at the cover of this one.
        for gain, low in blockwise(rise, len(points), width, points.device):
            gains.append(gain)
        return torch.cat(gains)

    def _settle(self):
        """Bring all gains from the cover they are at to that of now."""
        risen = (self.low > self.settled).nonzero().ravel()
        changes = [self._change(group, risen) for group in self.groups if len(risen)]
        self._make([change for change in changes if change])
        self.settled = self.low

    def _change(self, group, risen):
        """Return the rows by which to know the gains of a group, if they change at all.

        It does so from these rows alone, or else from what is lost there.
        """
        lost = risen[group.ceiling[risen] > self.settled[risen]]
        if not len(lost):
            return None
        left = self._open_to(group).nonzero().ravel()
        if len(left) <= len(lost):  # Less to compute, and no rounding is inherited.
            return group, left, True
        return group, lost, False

    def _open_to(self, group):
        """Return which rows a point of the group may cover better than now."""
        return (group.ceiling > self.low) & (self.high > self.low)

    def _make(self, changes):
        """Make these changes, or know all gains anew if that takes fewer products."""
        n_pairs = sum(len(rows) * len(group.points) for group, rows, _ in changes)
        together = self._together(n_pairs)
        if together is not None:
            self._know_all(together)
        elif changes:
            known = self.known.clone()
            for group, rows, anew in changes:
                known[group.points] = self._changed(group, rows, anew)
            self.known = known

    def _changed(self, group, rows, anew):
        if anew:
            return group.between(rows, self.low[rows], self.high[rows])
        loss = group.between(rows, self.settled[rows], self.low[rows])
        return self.known[group.points] - loss

    def _admit(self, points):
        """Know the gains of more points from now on."""
        parts = self._alike(points)
        ceilings = self.similarity.ceilings(self.rows, parts)
        groups = [self._group(*one) for one in zip(parts, ceilings)]
        self.groups = self.groups + groups
        known = torch.cat([group.points for group in self.groups]).sort().values
        self.symmetric = torch.equal(known, self.rows.sort().values)
        if self._counts_everything():
            self.known[points] = self.similarity.sums(points, self.rows)  # Linear in n.
        else:
            opened = (self._open_to(group).nonzero().ravel() for group in groups)
            self._make([(group, rows, True) for group, rows in zip(groups, opened)])

    def _together(self, n_pairs):
        """Return which groups to compare with which for both at once, to know all anew.

        None if that takes no fewer products than these.  Where the points are the rows
        S_ij is what j is worth at row i, and i at row j: one product serves both.  It
        does not pay where most rows of one group are closed to the other.
        """
        n_groups = len(self.groups)
        # To count the products is a pass over the rows for every group.
        if not self.symmetric or n_pairs <= 10 * n_groups * len(self.rows):
            return None
        owner = torch.empty_like(self.known, dtype=torch.int64)
        for k, group in enumerate(self.groups):
            owner[group.points] = k
        owner = owner[self.rows]
        opened = (owner[self._open_to(group)] for group in self.groups)
        opened = torch.stack([rows.bincount(minlength=n_groups) for rows in opened])
        sizes = owner.bincount(minlength=n_groups)[:, None]
        both, alone = sizes * sizes.T, sizes * opened
        within, alone = alone.diagonal().sum(), alone + alone.T
        at_once = within + both.minimum(alone).triu(1).sum()
        return (both < alone).fill_diagonal_(False) if at_once < n_pairs else None

    def _know_all(self, together):
        """Compute all gains anew, from every similarity of two rows once."""
        place = torch.empty_like(self.known, dtype=torch.int64)
        place[self.rows] = torch.arange(len(self.rows), device=place.device)
        places = [place[group.points] for group in self.groups]
        known = self.known.index_fill(0, self.rows, 0.0)
        for one, others in zip(self.groups, together.tolist()):
            alone = self._open_to(one)
            for rows in compress(places, others):
                alone[rows] = False
            rows = alone.nonzero().ravel()
            known[one.points] += self._changed(one, rows, True)
        covers = [(rows, self.low[rows], self.high[rows]) for rows in places]
        for k, m in together.triu().nonzero().tolist():
            one, other = self.groups[k], self.groups[m]
            gain, its_gain = one.between_both(other, covers[k], covers[m])
            known[one.points] += gain
            known[other.points] += its_gain
        self.known = known

    def _alike(self, points):
        """Split points by which of a few of them, unlike each other, is most similar."""
        n_groups = min(N_GROUPS, -(-len(points) // GROUP_SIZE))
        sample = points[:: -(-len(points) // SAMPLE)]
        to_sample = self.similarity.towards(sample)
        centers = [sample[:1]]
        nearest = to_sample(centers[0])[0]
        while len(centers) < n_groups:
            centers.append(sample[nearest.argmin()[None]])
            nearest = nearest.maximum(to_sample(centers[-1])[0])
        some = torch.cat(centers)
        nearest = self.similarity.reduce(points, some, lambda S: S.argmax(dim=1))
        sizes = nearest.bincount().tolist()
        parts = points[nearest.argsort(stable=True)].split(sizes)
        return [part for part in parts if len(part)]

    def _counts_everything(self):
        """Return whether a gain is a sum of similarities, with nothing cut off."""
        from_zero = self.similarity.bounds[0] >= 0 and not self.low.any()
        return from_zero and bool((self.high == torch.inf).all())

    def _group(self, points, ceiling):
        return _Group(self.similarity, points, self.rows, ceiling)


class _Group:
    """Points that are alike, and a ceiling: no S_ij of theirs is above ceiling_i."""

    def __init__(self, similarity, points, rows, ceiling):
        self.points, self.rows, self.ceiling = points, rows, ceiling
        stops = [*range(TILE_WIDTH, len(points), TILE_WIDTH), len(points)]
        columns = [slice(start, stop) for start, stop in pairwise([0, *stops])]
        self.parts = [(part, similarity.towards(points[part])) for part in columns]

    def between(self, which, low, high):
        """Return what of S_ij lies between two covers of some rows, summed over them.

        Parameters
        ----------
        which : tensor of shape (n_some,), int64
            Positions in ``rows``.

        low, high : tensors of shape (n_some,)
            The covers of these rows, low <= high.

        Returns
        -------
        total : tensor of shape (n_points,), float64
            One sum for every point of the group.
        """
        low, high = low[:, None], high[:, None]

        def look(S, block, columns):
            highest, least = S.amax(dim=1), low[block]
            # One bound at a time: torch's `clamp` by two tensors is ten times slower.
            S.clamp_max_(high[block]).clamp_min_(least).sub_(least)
            return highest, S.sum(dim=0)

        total, ceiling = self._nothing(), low.new_full((len(which),), -torch.inf)
        for block, columns, (highest, sums) in self._tiles(self.rows[which], look):
            _raise(ceiling[block], highest)
            total[columns] += sums
        self.ceiling[which] = ceiling
        return total

    def between_both(self, other, cover, its_cover):
        """Return what two groups gain at the points of each other, as rows.

        Parameters
        ----------
        other : _Group
            With no point of this one.

        cover, its_cover : tuple of tensors
            Of the points of each group: their positions in ``rows``, and the covers
            there, low and high.

        Returns
        -------
        gain, its_gain : tensors of float64
            One sum for every point of this group, and of the other.
        """
        which, low, high = cover
        its_which, its_low, its_high = its_cover
        low, high = low[:, None], high[:, None]

        def look(S, block, columns):
            highest, its_highest = S.amax(dim=0), S.amax(dim=1)
            least = low[block]
            its_sums = S.clamp_max(high[block]).clamp_min_(least).sub_(least).sum(dim=0)
            least = its_low[columns]
            S.clamp_max_(its_high[columns]).clamp_min_(least).sub_(least)
            return (highest, its_highest), (S.sum(dim=1), its_sums)

        gain, its_gain = self._nothing(), other._nothing()
        ceiling = torch.full_like(its_low, -torch.inf)
        its_ceiling = torch.full_like(low[:, 0], -torch.inf)
        for block, columns, (highest, sums) in other._tiles(self.points, look):
            _raise(ceiling[columns], highest[0])
            _raise(its_ceiling[block], highest[1])
            gain[block] += sums[0]
            its_gain[columns] += sums[1]
        self.ceiling[its_which], other.ceiling[which] = ceiling, its_ceiling
        return gain, its_gain

    def _nothing(self):
        return torch.zeros_like(self.points, dtype=torch.float64)

    def _tiles(self, rows, look):
        """Yield what is seen of S_{rows, points} in one tile, and where that is.

        A tile is low as well as wide, or its products would read more than they multiply.
        What is seen has room elsewhere: were it kept, little between much, no memory would
        be whole.
        """

        def tile(columns, to_part, block):
            return block, columns, look(to_part(rows[block]), block, columns)

        for columns, to_part in self.parts:
            width = columns.stop - columns.start
            look_at = partial(tile, columns, to_part)
            yield from blockwise(look_at, len(rows), width, rows.device, TILE)


def _raise(ceiling, highest):
    torch.maximum(ceiling, highest, out=ceiling)
