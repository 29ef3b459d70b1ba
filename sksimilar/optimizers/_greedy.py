"""The candidate of largest gain, again and again."""

import torch

from ._record import Record

POOL, SHORTEST, LONGEST = 256, 4, 16  # Of a forecast: its candidates and its picks.


def greedy(measure, candidates, budget, rng=None, track=iter):
    """Take the candidate of largest gain, ``budget`` times over.

    Parameters
    ----------
    measure : object with `gains` and `add`
        What is maximized; it grows by the chosen points.

    candidates : tensor of shape (n_candidates,), int64
        Points to choose from, the preferred one of a tie first.

    budget : int
        How many to choose, at most n_candidates.

    rng : RandomState, default=None
        Ignored; present so that all optimizers are called alike.

    track : callable, default=iter
        Wraps the range of picks, as a progress bar does.

    Returns
    -------
    selection : Selection
        Its bound needs a submodular measure with a least gain.  On an accelerator the
        optimizer itself reads no value back.
    """
    record = Record(measure, candidates, budget)
    forecast = _Forecast(measure, record)
    for _ in track(range(budget)):
        gains = record.limit(measure.gains(record.points))
        forecast.renew(gains)
        record.take(gains)
    return record.selection()


class _Forecast:
    """What greedy will pick, guessed among the points of largest gain.

    A measure that can `expect` points prepares for all of them at once, in one product
    of matrices.  A wrong guess costs time and nothing else.
    """

    def __init__(self, measure, record):
        self.measure, self.record = measure, record
        can = getattr(measure, "expected", None) is not None
        # An accelerator is fast enough, and would have to be asked for each pick.
        on_host = record.points.device.type == "cpu"
        self.pays = can and on_host and len(record.points) > 4 * POOL
        self.length, self.start = SHORTEST, -SHORTEST

    def renew(self, gains):
        """Guess anew, once there is no guess left, from the gains of now."""
        record = self.record
        if not self.pays or self.measure.expected:
            return
        right = record.n_chosen - self.start >= self.length
        self.length = min(2 * self.length, LONGEST) if right else SHORTEST
        self.start = record.n_chosen
        pool = gains.topk(POOL).indices
        pool = pool[record.rank[pool].argsort()]
        length = min(self.length, record.budget - self.start)
        local = greedy(
            self.measure.over(record.points[pool]), torch.arange(POOL), length
        )
        self.measure.expect(record.points[pool[local.points]])
