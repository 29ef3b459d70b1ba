"""What is known of every row while labels come in.  Floor 0."""

from dataclasses import dataclass

import numpy as np

UNKNOWN = -1

__all__ = ["UNKNOWN", "Pool", "draw_initial"]


@dataclass
class Pool:
    """The rows of X in one moment of active learning; scenarios look at it.

    Arrays have one entry for each row of X and are rebound, never written in place.

    Parameters
    ----------
    codes : ndarray of int64
        Positions in ``classes_`` of the labels known so far, ``n_classes`` for
        out-of-distribution rows, -1 where unknown.

    labeled : ndarray of bool
        Rows to train on.

    query, conditioning, candidate : ndarray of bool
        The masks given by the user.

    n_classes : int
        Number of classes.

    grows : bool, default=True
        Whether R and I take in the rows found.

    Attributes
    ----------
    selected : ndarray of int64
        Round in which a row was asked for, -1 for others.

    learned : ndarray of int64 of shape (n_changes, 3)
        What each training saw other than the one before: its number, a row, and the
        code of that row, -1 where its label was taken back.

    predicted : ndarray of int64
        Codes predicted after the last training, where somebody wants to know.

    skipped : ndarray of bool
        Rows that nobody could label.

    pending : ndarray of int64
        Positions asked for and not answered yet, best first.
    """

    codes: np.ndarray
    labeled: np.ndarray
    query: np.ndarray
    conditioning: np.ndarray
    candidate: np.ndarray
    n_classes: int
    grows: bool = True

    @classmethod
    def begin(cls, codes, masks, n_classes, grows, simulated):
        """Return a pool that knows no label which nobody should know yet.

        In a simulation, rows that ``codes`` cannot answer for are never asked for, and
        only ``labeled_mask`` labels any.

        Parameters
        ----------
        codes : ndarray of int64
            Of all labels that there are, -1 for others.

        masks : dict of ndarray of bool, or of None
            The four masks of `ActiveLearner.fit`, by their names.

        n_classes : int
            Number of classes.

        grows : bool
            Whether R and I take in the rows found.

        simulated : bool
            Whether ``codes`` answers in place of a person.

        Returns
        -------
        pool : Pool
            Before the first round.
        """
        known, nothing = codes != UNKNOWN, np.zeros(len(codes), dtype=bool)
        labeled, query, conditioning, candidate = (
            masks[name] if masks[name] is not None else default
            for name, default in [
                ("labeled_mask", nothing if simulated else known),
                ("query_mask", nothing),
                ("conditioning_mask", nothing),
                ("candidate_mask", ~nothing),
            ]
        )
        candidate = candidate & known if simulated else candidate
        shown = np.where(labeled | query | conditioning, codes, UNKNOWN)
        return cls(shown, labeled, query, conditioning, candidate, n_classes, grows)

    def __post_init__(self):
        self.selected = np.full(len(self.codes), UNKNOWN, dtype=np.int64)
        self.predicted = self.selected
        self.learned = np.empty((0, 3), dtype=np.int64)
        self.skipped = np.zeros(len(self.codes), dtype=bool)
        self.pending = np.empty(0, dtype=np.int64)

    SAVED = (
        "codes",
        "labeled",
        "selected",
        "learned",
        "predicted",
        "skipped",
        "pending",
    )

    @property
    def ood(self):
        """Labeled rows that are out of distribution."""
        return self.labeled & (self.codes == self.n_classes)

    @property
    def found(self):
        """Rows that were asked for and are labeled."""
        return self.labeled & (self.selected != UNKNOWN)

    @property
    def query_codes(self):
        """Distinct known codes of the query rows."""
        return np.setdiff1d(self.codes[self.query], UNKNOWN)

    @property
    def candidates(self):
        """Rows that may be asked for."""
        taken = self.labeled | self.skipped | self.query | self.conditioning
        return self.candidate & ~taken

    def ask(self, rows, round):
        """Note that these rows were asked for in this round.

        Parameters
        ----------
        rows : ndarray of int64
            Positions in X.

        round : int
            Number of the round.
        """
        self.selected = _put(self.selected, rows, round)
        self.pending = rows

    def record(self, rows, codes):
        """Note the labels of these rows, asked for or not.

        Parameters
        ----------
        rows : ndarray of int64
            Positions in X.

        codes : ndarray of int64
            Codes of their labels.
        """
        self.codes = _put(self.codes, rows, codes)
        self.labeled = _put(self.labeled, rows, True)
        self.skipped = _put(self.skipped, rows, False)
        self._answer(rows)

    def skip(self, rows):
        """Note that nobody can label these rows, taking back labels they may have.

        Parameters
        ----------
        rows : ndarray of int64
            Positions in X.
        """
        self.codes = _put(self.codes, rows, UNKNOWN)
        self.labeled = _put(self.labeled, rows, False)
        self.skipped = _put(self.skipped, rows, True)
        self._answer(rows)

    def note_training(self, number):
        """Note that a training uses the labels of now.

        Parameters
        ----------
        number : int
            Of the training.
        """
        # What an attempt that failed was taught does not count.
        self.learned = self.learned[self.learned[:, 0] < number]
        now = np.where(self.labeled, self.codes, UNKNOWN)
        rows = np.flatnonzero(now != self._codes_at(number - 1))
        new = np.column_stack([np.full_like(rows, number), rows, now[rows]])
        self.learned = np.concatenate([self.learned, new])

    def taught(self, number):
        """Return what a training was taught.

        Parameters
        ----------
        number : int
            Of the training.

        Returns
        -------
        rows : ndarray of int64
            Positions in X.

        codes : ndarray of int64
            Their codes at that time.
        """
        codes = self._codes_at(number)
        rows = np.flatnonzero(codes != UNKNOWN)
        return rows, codes[rows]

    def state(self):
        """Return the arrays that change, for a checkpoint.

        Returns
        -------
        state : dict of ndarray
            By attribute.
        """
        return {name: getattr(self, name) for name in self.SAVED}

    def restore(self, state):
        """Take the arrays of a checkpoint, having seen that they are of these rows.

        Parameters
        ----------
        state : dict of ndarray
            As `state` returns it.

        Raises
        ------
        ValueError
            If an array is missing, or its shape, type or values are not of these rows.
        """
        for name in self.SAVED:
            old, new = getattr(self, name), state.get(name, np.empty(()))
            grows = name in ("pending", "learned")
            fits = new.shape[grows:] == old.shape[grows:] and new.ndim == old.ndim
            if not fits or new.dtype != old.dtype or not self._is_in_range(name, new):
                raise ValueError(
                    f"The checkpoint is damaged: its {name!r} are not of these rows. "
                    "Restore its directory from a backup, or pass a new one."
                )
        for name in self.SAVED:
            setattr(self, name, state[name])

    def _is_in_range(self, name, values):
        if values.dtype == bool or not len(values):
            return True
        if name == "learned":
            numbers, rows, codes = values.T
            in_order = (numbers >= 0).all() and (np.diff(numbers) >= 0).all()
            known = self._is_in_range("pending", rows)
            return in_order and known and self._is_in_range("codes", codes)
        if name == "pending":
            return 0 <= values.min() and values.max() < len(self.codes)
        is_code = name in ("codes", "predicted")
        return UNKNOWN <= values.min() and (
            not is_code or values.max() <= self.n_classes
        )

    def _codes_at(self, number):
        """Return the code of every row that a training was taught, -1 for others."""
        numbers, rows, codes = self.learned.T
        until = numbers <= number
        then = np.full_like(self.codes, UNKNOWN)
        then[rows[until]] = codes[until]  # Of several changes of a row the last counts.
        return then

    def _answer(self, rows):
        self.pending = self.pending[~np.isin(self.pending, rows)]


def _put(values, rows, new):
    values = values.copy()
    values[rows] = new
    return values


def draw_initial(codes, pool, n_rows, rng):
    """Return candidates to begin with: one of every class, the rest as they come."""
    rows = rng.permutation(np.flatnonzero(pool.candidates & (codes < pool.n_classes)))
    firsts = np.unique(codes[rows], return_index=True)[1]
    in_turn = np.argsort(~np.isin(np.arange(len(rows)), firsts), kind="stable")
    return rows[in_turn][: max(n_rows, len(firsts))]
