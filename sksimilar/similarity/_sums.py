"""Sums of similarities to a set that may grow."""

from copy import copy

import torch

from ..blocks import blockwise, in_blocks
from ..factors import take_rows

_AXES = "abcdefgh"


class Pairwise:
    """Weighted sums of similarities to a set, pair by pair."""

    def __init__(self, similarity, over, weights):
        self.similarity, self.over, self.weights = similarity, over, weights

    def __call__(self, points):
        if not len(self.over):
            return self.weights.new_zeros(len(points), *self.weights.shape[1:])

        def total(block):
            return block.double() @ self.weights

        return self.similarity.reduce(points, self.over, total)

    def plus(self, over, weights):
        """Return the same sums over a larger set."""
        both = torch.cat([self.over, over]), torch.cat([self.weights, weights])
        return self.similarity.summed(*both)


class Moment:
    """Weighted sums of inner products to a set, linear in both sets.

    sum_j w_j <g_i, g_j> is <g_i, sum_j w_j g_j>, and the moment is the latter sum.
    """

    def __init__(self, similarity, over, weights):
        self.similarity = similarity
        # The weights meet the thinnest factor first and the moment the widest: both are
        # one matrix product then, as torch goes from left to right.
        self.factors = sorted(similarity.factors, key=lambda f: f.shape[1])
        some, axes = "w" * (weights.ndim - 1), _AXES[: len(self.factors)]
        rows = [f"n{axis}" for axis in axes]
        self.gather = f"n{some},{','.join(rows)}->{axes}{some}"
        self.spread = f"{axes}{some},{','.join(rows[::-1])}->n{some}"
        self.width = similarity._width() * weights[:1].numel()
        self.weight, self.moment = weights.sum(dim=0), self._moment(over, weights)

    def __call__(self, points):
        def inner(points):
            return torch.einsum(self.spread, self.moment, *self._doubles(points)[::-1])

        sums = in_blocks(inner, points, self.width)
        return self.similarity._of_inner(sums, self.weight)

    def plus(self, over, weights):
        """Return the same sums over a larger set."""
        more = copy(self)
        more.weight = self.weight + weights.sum(dim=0)
        more.moment = self.moment + self._moment(over, weights)
        return more

    def _moment(self, over, weights):
        def part(block):
            rows = self._doubles(over[block])
            return torch.einsum(self.gather, weights[block], *rows)

        return sum(blockwise(part, len(over), self.width, over.device))

    def _doubles(self, points):
        return [take_rows(factor, points).double() for factor in self.factors]
