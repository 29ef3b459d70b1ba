"""Algorithm 1 of the paper: train, ask, label, and again.  Floor 5."""

from functools import partial
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, _fit_context, clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import check_scoring
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_consistent_length

from . import history
from ._validation.labels import (
    check_answerable,
    check_answers,
    check_column,
    check_label_list,
    check_labeled_mask,
    check_validation,
    warn_of_nothing_foreign,
    warn_of_nothing_unlabeled,
)
from ._validation.numbers import check_budget
from ._validation.rows import check_mask, check_positions, check_query
from ._validation.settings import check_rounds, check_sets, check_stopping
from ._validation.words import check_options, optional, said_of
from .base import BaseSampler
from .callbacks import CallbackSupportMixin, with_callbacks
from .checkpoint import open_checkpoint
from .classifiers import check_classifier
from .identity import identify
from .labels import Codebook, check_labels, sort_answers
from .pool import Pool, draw_initial
from .prediction import PredictorMixin
from .progress import bar
from .rows import check_sliceable, take
from .sampler import SIMILARSampler
from .scenarios import Scenario, resolve
from .seeding import derive, draw_seed
from .session import INITIAL, Session
from .stopping import reason_to_stop, rules_of

__all__ = ["ActiveLearner"]

MASKS = ("labeled_mask", "query_mask", "conditioning_mask", "candidate_mask")
VALIDATION = ("X_val", "y_val")


class ActiveLearner(
    CallbackSupportMixin, PredictorMixin, MetaEstimatorMixin, BaseEstimator
):
    """Train a classifier on as few labels as possible, asking for the most useful ones.

    In every round the classifier is trained on the labeled rows, a sampler looks at all
    rows through it and names those to label next, and their labels come in (Algorithm 1
    of [1]_).  With `fit` the labels come from ``y``, or from ``oracle``; with `start`,
    `ask`, `tell` and `refit` they come from a person.

    Nothing that ``y`` says about a row reaches the classifier or the sampler before the
    row is labeled, but for rows of the query and conditioning masks, which the user
    knows, and for the list of ``classes`` where it is not declared.

    Parameters
    ----------
    estimator : classifier, or Pipeline that ends in one
        A skorch net or a scikit-learn classifier; it is cloned and stays as it is.  A
        net is initialized anew in each round.  If its ``module`` is an instance instead
        of a class, each round starts from the weights of that instance, as one wants
        for pretrained ones.  skorch's default ``train_split`` is turned off; any other,
        such as ``ValidSplit(0.2)``, is kept, and callbacks may monitor ``valid_loss``.
        It learns columns 0, 1, ... in the place of classes, those that have a label so
        far: ``class_weight`` and ``pos_label`` are translated, a scorer within it (of a
        `GridSearchCV`, say) is not.

    sampler : BaseEstimator with ``fit`` and ``select``, default=None
        Names the rows to label; by default a :class:`~sksimilar.SIMILARSampler`.  How
        many in a round is its ``budget``, ``sampler__budget`` in a grid, the default
        one's too.  In each round a clone of it looks through
        the classifier just trained, unless it holds a ``FrozenEstimator`` of its own.

    scenario : str or Scenario, default="standard"
        What the query and conditioning sets are: "standard", "rare", "redundancy",
        "ood", "rare+ood", "rare+redundancy" or "redundancy+ood", or a
        :class:`~sksimilar.Scenario` of one's own.

    n_rounds : int, default=10
        Number of rounds of `fit`.  After the last one the classifier is trained once
        more, so there are ``n_rounds + 1`` records of history.

    n_initial : int, default=10
        Labels that `fit` starts with if it gets no ``labeled_mask``: drawn from all
        known labels, at least one of every class.

    classes : array-like, default=None
        All classes, where some may not occur in ``y`` at first.

    ood_label : object, default=None
        What the annotator calls rows that are out of distribution.  The classifier
        learns them as one class more, which is no class when it predicts.

    n_classes_param : str or None, default="auto"
        The argument of the network's module that sets its number of outputs.  By
        default it is found under a usual name, and set if ``estimator`` does not set
        it or if ``ood_label`` asks for one output more.  None leaves it alone.

    grow_query : bool, default=True
        Whether R and I take in the wanted rows that are found, as in the code that the
        authors released; in the text of the paper they stay as given.

    warm_start : bool, default=False
        Start every round but the first from the weights of the one before; of a
        scikit-learn classifier not where a class has its first label since.

    oracle : callable, default=None
        Called with positions in X by `fit`; returns their labels, None or -1 for those
        that nobody can tell.  By default ``y`` holds the answers.  In a search use
        ``y``: there an oracle would get positions within a fold.

    scoring : str, callable or None, default=None
        Scores every round on ``X_val`` and ``y_val``; by default `score`.

    stopping : callable or list of callables, default=None
        Called with this learner after each training of `fit`; stop if one returns true.

    checkpoint : path-like, default=None
        Directory where every training, question and answer is saved.  Called again with
        the same data and parameters, `fit` or `start` goes on from there; others are
        refused.  Functions are compared by name; of X above 256 MB only a sample of rows
        is compared.

    keep_estimators : bool, default=False
        Keep the classifier of every round, for `staged_predict`.

    random_state : int, RandomState instance or None, default=None
        Seeds all that is random in the run: initial rows, weights, batches and every
        ``random_state`` within ``estimator`` and ``sampler`` that is None.  Networks that
        an ``estimator`` trains in processes of its own, as a search with ``n_jobs=2`` does,
        are out of its reach.

    verbose : int, default=0
        Show a progress bar over rounds.

    Attributes
    ----------
    estimator_ : classifier
        Trained on the labeled rows, with columns instead of labels.

    sampler_ : sampler
        The one fitted last.  A run that went on from a checkpoint has none until it
        chooses rows again, unless those chosen last wait for all of their answers.

    classes_ : ndarray of shape (n_classes,)
        The classes, without ``ood_label``.

    labeled_mask_, ood_mask_ : ndarray of bool of shape (n_samples,)
        Rows that are labeled, and those of them that are out of distribution.

    selected_rounds_ : ndarray of int64 of shape (n_samples,)
        Round in which a row was asked for, -1 for others.

    history_ : list of dict
        One record for each round.

    stop_reason_ : str or None
        What ended `fit` before ``n_rounds``: a rule of ``stopping``, "callback", or
        "no row left" to ask for.

    estimators_ : list of classifiers
        Those of all rounds, if ``keep_estimators``.

    References
    ----------
    .. [1] S. Kothawade, N. Beck, K. Killamsetty and R. Iyer. SIMILAR: Submodular
       information measures based active learning in realistic scenarios. NeurIPS 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sksimilar import ActiveLearner, RandomSampler
    >>> X, y = load_iris(return_X_y=True)
    >>> learner = ActiveLearner(
    ...     LogisticRegression(), RandomSampler(budget=5), n_rounds=3, random_state=0
    ... ).fit(X, y)
    >>> [record["n_labeled"] for record in learner.history_]
    [10, 15, 20, 25]
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit"])],
        "sampler": [HasMethods(["fit", "select", "get_params"]), None],
        "scenario": [str, Scenario],
        "n_rounds": [Interval(Integral, 1, None, closed="left")],
        "n_initial": [Interval(Integral, 1, None, closed="left")],
        "classes": ["array-like", None],
        "ood_label": "no_validation",
        "n_classes_param": [str, None],
        "grow_query": ["boolean"],
        "warm_start": ["boolean"],
        "oracle": [callable, None],
        "scoring": [str, callable, None],
        "stopping": [callable, list, tuple, None],
        "checkpoint": "no_validation",
        "keep_estimators": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # With metadata routing enabled the masks reach `fit` through any meta-estimator.
    __metadata_request__fit = dict.fromkeys((*MASKS, *VALIDATION), True)

    def __init__(
        self,
        estimator,
        sampler=None,
        *,
        scenario="standard",
        n_rounds=10,
        n_initial=10,
        classes=None,
        ood_label=None,
        n_classes_param="auto",
        grow_query=True,
        warm_start=False,
        oracle=None,
        scoring=None,
        stopping=None,
        checkpoint=None,
        keep_estimators=False,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.sampler = sampler
        self.scenario = scenario
        self.n_rounds = n_rounds
        self.n_initial = n_initial
        self.classes = classes
        self.ood_label = ood_label
        self.n_classes_param = n_classes_param
        self.grow_query = grow_query
        self.warm_start = warm_start
        self.oracle = oracle
        self.scoring = scoring
        self.stopping = stopping
        self.checkpoint = checkpoint
        self.keep_estimators = keep_estimators
        self.random_state = random_state
        self.verbose = verbose

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X,
        y,
        *,
        labeled_mask=None,
        query_mask=None,
        conditioning_mask=None,
        candidate_mask=None,
        X_val=None,
        y_val=None,
    ):
        """Run all rounds, with the labels from ``y`` or from ``oracle``.

        Parameters
        ----------
        X : array-like, DataFrame, tensor, memmap, SliceDataset or Dataset
            All rows: labeled, pool, query, conditioning.  A ``Dataset`` yields pairs,
            of which the second is ignored.  A network is given arrays as float32, and
            tensors (of token numbers, for example) as they are.

        y : array-like of shape (n_samples,)
            Labels, of the rows to ask for too: they are what is answered, and shown to
            nobody before.  Rows with y == -1 are never asked for, unless there is an
            oracle; but if the only other label is 1 and no ``classes`` are declared,
            both are classes.

        labeled_mask : array-like of bool of shape (n_samples,), default=None
            Rows labeled at the start.  By default ``n_initial`` rows drawn from those
            that may be asked for, or with an oracle those with y != -1.

        query_mask : array-like of bool of shape (n_samples,), default=None
            Rows that stand for what is wanted: R of the scenario, or the first of I.

        conditioning_mask : array-like of bool of shape (n_samples,), default=None
            Rows to stay away from in every round, beside those of the scenario.

        candidate_mask : array-like of bool of shape (n_samples,), default=None
            Rows that may be asked for; by default all.

        X_val, y_val : array-like, default=None
            Rows and labels on which to score every round.  Unlabeled and
            out-of-distribution rows are left out, by any ``scoring``.  In a search of
            scikit-learn's, which takes a part of all that is as long as X, they must not
            have exactly as many rows.  A Pipeline that ends in the learner hands them on
            as they are: put the steps before into the learner's ``estimator``, or route
            them by ``Pipeline(..., transform_input=["X_val"])``.

        Returns
        -------
        self : object
            Trained on all labels.
        """
        masks = {
            "labeled_mask": labeled_mask,
            "query_mask": query_mask,
            "conditioning_mask": conditioning_mask,
            "candidate_mask": candidate_mask,
        }
        simulated = self.oracle is None
        codes = self._open(X, y, masks, (X_val, y_val), simulated)
        check_rounds(self._session.n_rounds, self.n_rounds)
        self._run_rounds(partial(self._look_up, codes) if simulated else self._consult)
        del self._session, self._validation
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def start(self, X, y, **options):
        """Prepare for a person who answers; nothing is trained yet.

        Parameters
        ----------
        X : rows of any kind
            As in `fit`.

        y : array-like of shape (n_samples,)
            Labels, -1 where unknown.

        **options : masks, X_val and y_val
            As in `fit`, but that ``labeled_mask`` is y != -1 by default.

        Returns
        -------
        self : object
            Ready for `ask`, `tell` and `refit`, in any order.
        """
        check_options(options, (*MASKS, *VALIDATION))
        masks = {name: options.get(name) for name in MASKS}
        validation = [options.get(name) for name in VALIDATION]
        self._open(X, y, masks, validation, simulated=False)
        if masks["labeled_mask"] is None:
            warn_of_nothing_unlabeled(y)
        return self

    def ask(self, n=None):
        """Return the rows to label next.

        The first call trains the classifier, if there are labels of two classes to
        train on; as long as there are none, rows are drawn at random.  While rows are
        not answered, by a label or by being skipped, they are what is returned.

        Parameters
        ----------
        n : int, default=None
            How many; the budget of the sampler by default.

        Returns
        -------
        indices : ndarray of shape (n_rows,), int64
            Positions in X, best first; none if no row is left.
        """
        session = self._started("ask")
        n = None if n is None else check_budget(n, "n")
        if not len(session.pool.pending):
            session.choose(n, self._scorer())
            self._publish()
        return session.pool.pending[:n].copy()

    def tell(self, indices, labels, *, skipped=None):
        """Record labels, of rows that were asked for or of any others.

        The classifier stays as it is until `refit`.  One of scikit-learn's knows nothing
        of a class that is new to it: until then `ask` leaves rows of that out of Q and P.

        Parameters
        ----------
        indices : array-like of int of shape (n_rows,)
            Positions in X.  Not all that were asked for need to be answered at once; a
            label given before is replaced.

        labels : array-like of shape (n_rows,)
            Their labels.

        skipped : array-like of int, default=None
            Positions of rows that nobody can label.  They are not asked for again.

        Returns
        -------
        self : object
            The learner itself.
        """
        session = self._started("tell")
        n_samples = len(session.pool.codes)
        rows = check_positions(indices, n_samples, "indices")
        skipped = [] if skipped is None else skipped
        skipped = check_positions(skipped, n_samples, "skipped")
        labels = check_label_list(labels, "`labels`")
        check_answers(rows, labels, skipped)
        codes = session.codebook.encode(labels, "`labels`")
        session.answer(rows, codes, skipped)
        self._publish()
        return self

    def refit(self):
        """Train the classifier on all labels known by now.

        Returns
        -------
        self : object
            The learner itself.
        """
        session = self._started("refit")
        if not session.pool.labeled.any():
            raise ValueError("No row is labeled yet: call `tell` before `refit`.")
        session.train(self._scorer())
        self._publish()
        return self

    def history_frame(self):
        """Return ``history_`` as a DataFrame of pandas, a row for each round.

        Returns
        -------
        frame : pandas.DataFrame
            Counts of classes stand in columns such as ``labeled_per_class.setosa``.
        """
        with optional("pandas", "frames"):
            import pandas as pd

        return pd.json_normalize(self.history_)

    def set_params(self, **params):
        """Set parameters, those of the default sampler among them.

        Parameters
        ----------
        **params : dict
            By name, as those of any estimator of scikit-learn; ``sampler__budget`` and its
            like let the default sampler take the place of None.

        Returns
        -------
        self : object
            The learner itself.
        """
        inner = {name for name in params if name.startswith("sampler__")}
        if inner and params.get("sampler", self.sampler) is None:
            own = {name.removeprefix("sampler__"): params[name] for name in inner}
            others = {name: v for name, v in params.items() if name not in inner}
            params = others | {"sampler": SIMILARSampler().set_params(**own)}
        return super().set_params(**params)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self):
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.estimator_type = inner.estimator_type
        tags.classifier_tags = inner.classifier_tags
        tags.input_tags = inner.input_tags
        if not isinstance(self.estimator, Pipeline):
            # The sampler sees the rows too, and by default it wants them dense.
            sampled = self.sampler is not None and get_tags(self.sampler).input_tags
            tags.input_tags.sparse &= bool(sampled and sampled.sparse)
        tags.target_tags.required = True
        return tags

    def _open(self, X, y, masks, validation, simulated):
        """Begin a session, or resume the one in the checkpoint; return y as codes."""
        self._forget()
        X, y, known, masks = self._checked(X, y, masks, validation, simulated)
        self._codebook = Codebook(y[known], self.classes, self.ood_label)
        self._validation = self._scored_rows(*validation)
        codes = self._codebook.encode_known(y, known)
        foreign = None if self.ood_label is None else len(self._codebook.classes_)
        if simulated and foreign is not None and foreign not in codes:
            warn_of_nothing_foreign(self.ood_label, self._codebook.classes_.tolist())
        saves = self.checkpoint is not None
        identity = identify(self, X, codes, masks) if saves else None
        store, stored = open_checkpoint(self.checkpoint, identity)
        seed = draw_seed(self.random_state) if stored is None else stored["seed"]
        pool = self._new_pool(codes, masks, seed, simulated)
        sampler = SIMILARSampler() if self.sampler is None else clone(self.sampler)
        self._session = Session.of(self, sampler, X, pool, self._codebook, seed)
        self._session.store, self._session.identity = store, identity
        if stored is not None:
            self._session.resume(stored)
        self._publish()
        if stored is not None:
            self._session.score(self._scorer())
        return codes

    def _checked(self, X, y, masks, validation, simulated):
        """Return X, y, which labels are known, and the masks; refuse what cannot work."""
        check_classifier(self.estimator)
        X = self._check_X(X, reset=True)
        y, known = check_labels(y, all_known=simulated and self.classes is None)
        check_consistent_length(X, y)
        masks = {name: check_mask(mask, len(y), name) for name, mask in masks.items()}
        check_labeled_mask(masks["labeled_mask"], known)
        check_query(masks["query_mask"])
        check_sliceable(validation[0])
        check_validation(*validation)
        if validation[0] is not None:
            with said_of("X_val"):
                self._check_X(validation[0], reset=False)
        check_scoring(self, scoring=self.scoring)
        check_stopping(rules_of(self.stopping), validation[0] is not None)
        check_sets(resolve(self.scenario), masks["query_mask"], self.ood_label)
        self._check_sampler(masks["conditioning_mask"])
        return X, y, known, masks

    def _check_sampler(self, conditioning_mask):
        """Refuse a sampler of ours that would fail once a classifier is trained."""
        if isinstance(self.sampler, BaseSampler):
            scenario = resolve(self.scenario)
            always = conditioning_mask is not None and conditioning_mask.any()
            self.sampler.check(
                has_query=scenario.query is not None,
                has_conditioning=always or scenario.conditioning is not None,
            )

    def _new_pool(self, codes, masks, seed, simulated):
        n_classes = len(self._codebook.classes_)
        pool = Pool.begin(codes, masks, n_classes, self.grow_query, simulated)
        if simulated:
            check_answerable(pool.candidates, codes, masks["labeled_mask"])
        if simulated and masks["labeled_mask"] is None:
            rng = np.random.default_rng(derive(seed, INITIAL))
            rows = draw_initial(codes, pool, self.n_initial, rng)
            pool.record(rows, codes[rows])
        return pool

    def _scored_rows(self, X_val, y_val):
        """Return the validation rows that are of a class, and their labels."""
        if X_val is None:
            return None, None
        y_val = check_column(y_val)
        rows, _ = self._rows_of_a_class(y_val, "y_val")
        known = y_val[rows]
        if known.dtype == object:  # As `ood_label` alone may have made of the others.
            known = np.array(known.tolist())
        return X_val if len(rows) == len(y_val) else take(X_val, rows), known

    def _scorer(self):
        """Return a function that scores a classifier on the validation rows, or None."""
        X_val, y_val = self._validation
        if X_val is None:
            return None
        scorer = check_scoring(self, scoring=self.scoring)

        def score(estimator):
            self.estimator_ = estimator
            return history.plain(scorer(self, X_val, y_val))

        return score

    def _look_up(self, codes, rows):
        """Answer rows by codes that are there already."""
        self._session.answer(rows, codes[rows], rows[:0])
        self._publish()

    def _consult(self, rows):
        """Let the oracle answer."""
        rows, labels, skipped = sort_answers(rows, self.oracle(rows))
        self.tell(rows, labels, skipped=skipped)

    def _run_rounds(self, answer):
        self.stop_reason_ = None
        task = self._init_callback_context(max_subtasks=self.n_rounds + 1)
        task.call_on_fit_task_begin(estimator=self)
        for _ in self._rounds_left():
            is_told = self._train_round(task)
            reason = reason_to_stop(self.stopping, self)
            self.stop_reason_ = "callback" if is_told else reason
            if self.stop_reason_ is None:
                rows = self.ask()
                self.stop_reason_ = None if len(rows) else "no row left"
            if self.stop_reason_ is not None:
                break
            answer(rows)
        if self._session.is_due:
            self._train_round(task)
        if self._session.stale:
            self.refit()  # The classifier says why one class is not enough for it.
        task.call_on_fit_task_end(estimator=self)

    def _train_round(self, task):
        """Train if there are new labels; return whether a callback says to stop."""
        part = task.subcontext(task_name="round").call_on_fit_task_begin(estimator=self)
        session = self._session
        if session.is_due:
            self.refit()
        rows = np.flatnonzero(session.pool.labeled & ~session.pool.ood)
        return part.call_on_fit_task_end(
            estimator=self,
            X=lambda: take(session.X, rows),
            y=lambda: self.classes_[session.pool.codes[rows]],
            reconstruction_attributes=None if session.estimator is None else {},
        )

    def _rounds_left(self):
        rounds = range(self._session.n_rounds, self.n_rounds)
        return bar(rounds, "active learning", unit="round") if self.verbose else rounds

    def _started(self, method):
        if not hasattr(self, "_session"):
            raise NotFittedError(
                f"Nothing to {method}: call `start(X, y)` first. A run of `fit` ends "
                "with it and lets go of X."
            )
        return self._session

    def _publish(self):
        """Show the state of the session as fitted attributes."""
        session = self._session
        self.classes_ = session.codebook.classes_
        self.labeled_mask_ = session.pool.labeled.copy()
        self.ood_mask_ = session.pool.ood
        self.selected_rounds_ = session.pool.selected.copy()
        self.history_ = session.history
        if session.estimator is not None:
            self.estimator_ = session.estimator
        if session.last_sampler is not None:
            self.sampler_ = session.last_sampler
        if self.keep_estimators:
            self.estimators_ = session.estimators

    def _forget(self):
        """Forget an earlier run, of which nothing may be left beside one that fails."""
        of_run = {"_session", "_codebook", "_validation"}
        for name in [n for n in vars(self) if n.endswith("_") or n in of_run]:
            delattr(self, name)
