"""SIMILARSampler: from a model, a pool and two masks to the rows to label.  Floor 4."""

import warnings
from functools import partial
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import clone
from sklearn.utils import Bunch
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import _num_samples, check_is_fitted

from ._validation.choices import check_selected, check_sound
from ._validation.numbers import parse_bytes
from ._validation.rows import check_candidates, check_known
from ._validation.settings import check_device
from .base import BaseSampler
from .embeddings import DTYPES, similarity_of, truly_labeled
from .measures import resolve_function
from .optimizers import OPTIMIZERS
from .partition import RawProblem, solve_in_parts
from .planning import Plan
from .problem import Problem
from .progress import bar
from .similarity import METRICS

__all__ = ["SIMILARSampler"]


class SIMILARSampler(BaseSampler):
    """Select the rows to label next by maximizing submodular information.

    Maximizes I_f(A; Q | P) over sets A of a given size, greedily (Eq. 1 of [1]_).  The
    masks given to `fit` decide the family: none gives f(A), for standard active
    learning; a query Q the mutual information I_f(A; Q), for more of what Q stands for;
    a conditioning set P the gain f(A | P), for nothing that P has already; both,
    I_f(A; Q | P).  Nothing is trained here.

    Parameters
    ----------
    estimator : fitted skorch net, classifier or Pipeline, default=None
        Supplies what rows are compared by: the gradient of the loss with respect to the
        last linear layer.  A scikit-learn classifier needs ``predict_proba`` and counts
        as a linear layer on its input.  With None, X itself is the embedding, for
        features that some other model has made.

    function : str or acquisition function, default='auto'
        The function f, by a name of the paper ('flqmi', 'logdetmi', 'gcmi', 'flvmi',
        'divgcmi', 'flcg', 'gccg', 'logdetcg', 'flcmi', 'logdetcmi'), which must fit the
        masks; by a base name ('fl', 'gc', 'logdet', 'flq', 'com'), whose family the
        masks pick; or as an object such as ``LogDeterminant(ridge=0.1)``, whose
        parameters are then ``function__ridge`` and so on.  'auto' is
        ``LogDeterminant(ridge=0.1)``, which avoids copies better than the ridge of 1
        that the names stand for; or 'fl' where rows are both query and conditioning.

    budget : int, default=10
        Rows that `select` returns by default.

    embedding : {'auto', 'gradient', 'features'}, default='auto'
        'gradient' compares last-layer gradients, 'features' the input of the last
        layer, or X without an estimator.  'auto' is 'gradient' with an estimator.

    layer : str, default='auto'
        Dotted path of the ``nn.Linear`` that makes the logits; found by default.

    metric : {'cosine', 'raw_cosine', 'dot', 'rbf', 'precomputed'}, default='cosine'
        'cosine' is (1 + cos) / 2 in [0, 1], for which every function is exact;
        'raw_cosine' the cosine; 'dot' the inner product; 'rbf' a Gaussian of unit mean
        squared distance; 'precomputed' takes X as the kernel, n_samples x n_samples.

    dtype : {'auto', 'float64', 'float32', 'float16', 'bfloat16'}, default='auto'
        What the embedding is kept in; 'auto' is what it was computed in.  16 bits halve
        its memory, sums stay in float32: a tenth of the picks may change, by less than
        a thousandth of the value.  A kernel that is given stays what it is.

    eta, nu : float, default=1.0
        Weight of the similarities to the query, and to the conditioning set.  All gains
        of 'gcmi' grow alike with ``eta``, which changes none of its picks.

    labels : {'true', 'hypothesized'}, default='true'
        Which labels the gradients of query and conditioning rows use: those in y, as in
        the authors' code, or the predicted ones, as in their text.  Candidates always
        use the predicted.

    optimizer : str or callable, default='auto'
        'auto' returns what exact greedy returns, by the cheapest route; 'greedy' and
        'lazy' insist on one; 'stochastic' and 'lazier_than_lazy' trade value for time.
        'sparse', for facility location, lets a row count its 64 nearest candidates:
        slower for few picks and much faster for thousands.
        A callable is used as those of `sksimilar.optimizers` are.

    n_partitions : int, default=1
        Select within this many random parts of the pool, which divides memory by as
        many, and time too where pairs of candidates count ([1]_, Appendix A.2).

    merge : bool or 'proposals', default=True
        With partitions: let each part propose ``budget`` rows and choose among the
        proposals (GreeDi, [2]_).  True judges them against the whole pool, which
        facility location and graph cut need embedded for it; with 'proposals' they
        represent only each other, as they do anyway for the other functions.  With
        False each part fills its share of the budget, as in the paper.

    memory_limit : int, float or str, default=None
        Refuse, before allocating, a selection that would need more, its embedding
        included: bytes, or a text such as '2GB'.  With worker processes, the limit
        applies to each.

    device : str or torch.device, default='auto'
        Where similarities are computed; by default where the network is, or the CPU.

    n_jobs : int, default=None
        Partitions that run at once, by default in processes, each of which embeds its
        own rows; in threads where the whole pool is embedded (see Notes).  On which
        machines is said by `joblib.parallel_config`.  Picks do not depend on it.

    random_state : int, RandomState instance or None, default=None
        Breaks ties, draws partitions and the samples of 'stochastic'.  None draws anew
        at every call, and leaves NumPy's global state alone.

    verbose : int, default=0
        From 1 on, says before a selection what it will take, and shows its progress.

    Attributes
    ----------
    candidates_, query_, conditioning_ : ndarray of int64
        Positions in X of the rows in each set; None where no mask was given.

    function_ : acquisition function
        What ``function`` resolved to.

    selected_indices_ : ndarray of shape (n,), int64
        The last selection, in order of choice.

    gains_ : ndarray of shape (n,), float64
        What each pick added to the value.

    value_ : float
        I_f(A; Q | P) of the selection, the sum of the gains.  With ``merge=False`` that
        is summed over the parts, each taken as the whole pool; with
        ``merge='proposals'`` these are.

    bound_ : float or None
        An upper bound on the value of any set of n candidates, so that, where both are
        positive, ``value_ / bound_`` is a certified share of the best possible.  None
        where it would not be valid: it needs a function that is submodular in A and
        whose gains have a known least value, which 'logdet' with a query (not
        submodular) or with ``nu`` above 1 (no least gain) is not, nor graph cut with
        lam > 1/2, with conditioning or with a diversity term (likewise); one optimizer over the whole pool, so
        ``n_partitions=1``; and one that looks at every candidate, so neither stochastic
        one.

    n_informative_ : int
        Picks whose gain is not 0.  Facility location with a query saturates; later
        picks then go by relevance alone.

    Notes
    -----
    Candidates whose gains are equal up to rounding are tied.  Ties go to the row most
    similar to the query (its largest similarity, to six decimals), then to the one
    that ``random_state`` puts first.

    With partitions the pool is embedded whole only for ``merge=True`` with facility
    location or graph cut, and for ``metric='rbf'``, whose unit is a mean over the pool.
    Otherwise every part is embedded where it is solved, and nowhere else: a Dataset goes
    there as it is, an array on disk as the name of its file, and of an array in memory
    only the rows of the part.  They are embedded anew by each call, so ``estimator`` and X
    must be what they were in `fit`: train a clone, or fit again.  A worker process that
    dies costs time, not picks.

    References
    ----------
    .. [1] S. Kothawade, N. Beck, K. Killamsetty and R. Iyer. SIMILAR: Submodular
       information measures based active learning in realistic scenarios. NeurIPS 2021.
    .. [2] B. Mirzasoleiman, A. Karbasi, R. Sarkar and A. Krause. Distributed submodular
       maximization: identifying representative elements in massive data. NeurIPS 2013.

    Examples
    --------
    Of three groups one is rare.  Five of its rows are known, and more are wanted:

    >>> import numpy as np
    >>> from sklearn.datasets import make_blobs
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sksimilar import SIMILARSampler
    >>> X, y = make_blobs([200, 200, 25], n_features=5, random_state=0)
    >>> known = np.zeros(425, dtype=bool)
    >>> for group in range(3):
    ...     known[np.flatnonzero(y == group)[:5]] = True
    >>> model = LogisticRegression().fit(X[known], y[known])
    >>> sampler = SIMILARSampler(model, function="flqmi", random_state=0)
    >>> sampler.fit(X, np.where(known, y, -1), query_mask=known & (y == 2))
    SIMILARSampler(estimator=LogisticRegression(), function='flqmi', random_state=0)
    >>> rows = sampler.select()
    >>> int((y[rows] == 2).sum())  # by chance one of twenty
    10
    >>> round(sampler.value_ / sampler.bound_, 2)  # of the best possible, certified
    0.87
    """

    _parameter_constraints: dict = {
        **BaseSampler._parameter_constraints,
        "function": [str, HasMethods(["measure", "check"])],
        "embedding": [StrOptions({"auto", "gradient", "features"})],
        "layer": [str],
        "metric": [StrOptions({*METRICS, "precomputed"})],
        "dtype": [StrOptions(set(DTYPES))],
        "eta": [Interval(Real, 0, None, closed="neither")],
        "nu": [Interval(Real, 0, None, closed="left")],
        "labels": [StrOptions({"true", "hypothesized"})],
        "optimizer": [StrOptions({"auto", *OPTIMIZERS}), callable],
        "n_partitions": [Interval(Integral, 1, None, closed="left")],
        "merge": ["boolean", StrOptions({"proposals"})],
        "memory_limit": [None, str, Interval(Real, 0, None, closed="neither")],
        "device": [str, torch.device],
        "n_jobs": [None, Integral],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        function="auto",
        budget=10,
        embedding="auto",
        layer="auto",
        metric="cosine",
        dtype="auto",
        eta=1.0,
        nu=1.0,
        labels="true",
        optimizer="auto",
        n_partitions=1,
        merge=True,
        memory_limit=None,
        device="auto",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.function = function
        self.budget = budget
        self.embedding = embedding
        self.layer = layer
        self.metric = metric
        self.dtype = dtype
        self.eta = eta
        self.nu = nu
        self.labels = labels
        self.optimizer = optimizer
        self.n_partitions = n_partitions
        self.merge = merge
        self.memory_limit = memory_limit
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        return tags

    def check(self, *, has_query, has_conditioning):
        super().check(has_query=has_query, has_conditioning=has_conditioning)
        query, conditioning = np.array([0]), np.array([1])  # Any.
        self._resolve(
            query if has_query else None, conditioning if has_conditioning else None
        )

    def evaluate(self, indices):
        """Return I_f(A; Q | P) of any set of candidates.

        Parameters
        ----------
        indices : array-like of int
            Positions in X of distinct candidates.

        Returns
        -------
        value : float
            Against the whole pool, whatever ``n_partitions`` is; which is embedded
            for it if it has to be.

        Raises
        ------
        ValueError
            If a position is repeated or no candidate: the closed forms do not hold
            where A meets Q or P.
        """
        check_is_fitted(self)
        indices = check_candidates(indices, self.candidates_, "indices")
        if not len(indices):
            return 0.0
        return float(self._valued(indices).gains_along().sum())

    def similarity(self, rows, columns=None):
        """Return how similar rows are, as the measure sees them.

        Parameters
        ----------
        rows : array-like of int of shape (n_rows,)
            Positions in X of candidates, or of rows of the query or conditioning set.

        columns : array-like of int of shape (n_columns,), default=None
            The same; ``rows`` by default.

        Returns
        -------
        similarity : ndarray of shape (n_rows, n_columns)
            Without the weights ``eta`` and ``nu``.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If a position is in none of the three sets.
        """
        check_is_fitted(self)
        if not len(self.candidates_):
            raise ValueError(
                "There is no candidate, so nothing was compared. Mark unlabeled rows by "
                "y == -1, or say which rows may be selected with `candidate_mask`."
            )
        known = np.unique(np.concatenate([self.candidates_, *self._given()]))
        rows = check_known(rows, known, "rows")
        columns = rows if columns is None else check_known(columns, known, "columns")
        candidates = np.intersect1d(np.union1d(rows, columns), self.candidates_)
        part = self._problem_.part(candidates).embed()
        positions = part.positions.cpu().numpy()
        block = (
            part.positions.new_tensor(np.searchsorted(positions, some))
            for some in (rows, columns)
        )
        return part.similarity[tuple(block)].cpu().numpy()

    def explain(self):
        """Return why each row of the last selection was chosen.

        The gain of a pick is split in three, which add up to it, and over all picks to
        the value: what it would be worth alone and without a conditioning set, what
        the conditioning set takes from that, and what the earlier picks take.

        Returns
        -------
        explanation : Bunch of ndarrays of shape (n,)
            ``index``, position in X; ``gain`` = relevance + conditioning + diversity,
            in units of the function; ``relevance``, I_f(j; Q), or f(j) without a
            query; ``conditioning``, I_f(j; Q | P) - I_f(j; Q), usually a loss;
            ``diversity``, gain - I_f(j; Q | P), a loss where earlier picks hold the
            same information.  Of each set that there is, ``nearest_query`` and
            ``nearest_conditioning``, position in X of its most similar row, and
            ``query_similarity`` and ``conditioning_similarity``, how similar.  A
            DataFrame takes it as it is.

        Raises
        ------
        NotFittedError
            Before `select`.
        """
        check_selected(self)
        part = self._valued(self.selected_indices_)
        gains = part.gains_along().cpu().numpy()
        alone, plain = (
            part.measure(conditioned).gains(part.candidates).double().cpu().numpy()
            for conditioned in (True, False)
        )
        return Bunch(
            index=self.selected_indices_.copy(),
            gain=gains,
            relevance=plain,
            conditioning=alone - plain,
            diversity=gains - alone,
            **_nearest(part, part.query, "query"),
            **_nearest(part, part.conditioning, "conditioning"),
        )

    def _fit(self, X, y):
        """Check what can be checked without the estimator, then embed."""
        # A copy, as whoever has the function may change its parameters.
        self.function_ = clone(self._resolve(self.query_, self.conditioning_))
        self._memory_limit_ = parse_bytes(self.memory_limit)
        check_device(self.device)
        given = {"query_mask": self.query_, "conditioning_mask": self.conditioning_}
        labeled = truly_labeled(self, y, **given)
        if not len(self.candidates_):  # There is nothing that `select` could return.
            return
        problem = self._raw_problem(X, y, labeled)
        self._on_disk_ = self.estimator is None and isinstance(X, np.memmap)
        is_kernel = self.metric == "precomputed"
        self._in_place_ = is_kernel and len(problem.rows) == _num_samples(X)
        first = self.candidates_[:1]
        # What all parts have in common shows whether and how the estimator can be read,
        # and with one candidate what all will take.
        if self._memory_limit_ is not None:
            self._smallest_ = problem.part(first).embed()
            plan = self._plan(min(self.budget, len(self.candidates_)))
            plan.check(self._memory_limit_)
        is_raw = self._plan(self.budget, problem).is_raw
        self._problem_ = problem if is_raw else problem.embed()
        if self._memory_limit_ is None:
            self._smallest_ = self._problem_.part(first).embed()

    def _resolve(self, query, conditioning):
        """Return the function, after checking that it fits the sets and the metric."""
        function = resolve_function(self.function, query, conditioning)
        # What a precomputed kernel holds is seen once it is there.
        bounds = METRICS[self.metric].bounds if self.metric in METRICS else (0.0, 1.0)
        function.check(bounds, _tensor(query), _tensor(conditioning))
        return function

    def _raw_problem(self, X, y, labeled):
        settings = {
            name: getattr(self, name)
            for name in ("estimator", "embedding", "layer", "metric", "dtype", "device")
        }
        return RawProblem(
            self.function_,
            partial(similarity_of, **settings),
            X,
            None if y is None else y.copy(),  # It may be read long after.
            self.candidates_,
            self.candidates_,
            labeled,
            self.query_,
            self.conditioning_,
            self.eta,
            self.nu,
        )

    def _valued(self, indices):
        """Return the problem over some positions in X, against the whole pool."""
        return self._problem_.part(indices, whole=True).embed()

    def _given(self):
        return [s for s in (self.query_, self.conditioning_) if s is not None]

    def _select(self, n):
        rng = self._rng()
        self._announce(n)
        if self.n_partitions > 1:
            selection = solve_in_parts(
                self._problem_,
                self.candidates_,
                self.optimizer,
                n,
                self.n_partitions,
                self.merge,
                rng,
                self.n_jobs,
            )
        else:
            track = partial(bar, label="picks", leave=False) if self.verbose else iter
            problem = self._problem_.embed()
            selection = problem.solve(self.optimizer, n, rng, track)
        self.gains_ = selection.gains.cpu().numpy()
        self.value_ = float(self.gains_.sum())
        self.bound_ = selection.bound
        rows = selection.points.cpu().numpy()
        check_sound(rows, self.gains_, self.bound_, self.function_)
        self.n_informative_ = selection.n_informative
        if self.n_informative_ < n:
            warnings.warn(
                f"Only {self.n_informative_} of {n} picks carried information: the "
                f"function has saturated, and by {self.function_} the others add "
                "nothing to those. They were chosen as ties are, by similarity to the "
                "query if there is one, then at random. A smaller budget loses nothing."
            )
        return rows

    def _announce(self, n):
        """Refuse what `memory_limit` forbids, and say what is to come."""
        plan = self._plan(n)
        plan.check(parse_bytes(self.memory_limit))
        if self.verbose:
            print(f"[{type(self).__name__}] {plan.summary()}")

    def _plan(self, n, problem=None):
        problem = problem or self._smallest_
        n_candidates = len(self.candidates_)
        n_parts = min(self.n_partitions, n_candidates)
        merge = self.merge if isinstance(self.merge, str) else bool(self.merge)
        sizes = n, n_candidates, n_parts, merge
        # The others are of all rows: the mean distance, and the kernel of the user's.
        divides = self.metric not in ("rbf", "precomputed")
        divides &= not isinstance(getattr(self, "_problem_", None), Problem)
        where = divides, self._on_disk_, self._in_place_
        return Plan(problem, *sizes, *where, self.optimizer, self.n_jobs)


def _tensor(rows, device="cpu"):
    return None if rows is None else torch.as_tensor(rows, device=device)


def _nearest(part, given, name):
    """Return the row of a set most similar to each pick, and how similar."""
    if given is None or not len(given):
        return {}
    value, nearest = part.similarity[part.candidates, given].double().max(dim=1)
    rows = part.positions[given[nearest]]
    return {
        f"nearest_{name}": rows.cpu().numpy(),
        f"{name}_similarity": value.cpu().numpy(),
    }
