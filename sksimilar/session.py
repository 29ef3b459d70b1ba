"""One run of Algorithm 1: what is known, and the steps that change it.  Floor 3."""

import time
from dataclasses import dataclass, field

import numpy as np
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from . import history, training
from ._validation.choices import check_selection
from ._validation.labels import UNLABELED
from .base import BaseSampler
from .checkpoint import Checkpoint
from .classifiers import check_warm_start, device_of, is_network, predictor
from .columns import in_columns, predict_columns, probabilities
from .gradients import UnknownLabels
from .inference import logs_agree
from .labels import Codebook
from .pool import UNKNOWN, Pool
from .rows import take
from .scenarios import Scenario, resolve
from .seeding import derive, seeded, with_seed
from .stopping import watches_pool

__all__ = ["Session"]

# What a seed is drawn for; one more purpose is one more number.
INITIAL, TRAIN, SELECT = range(3)
N_TOLD, SAME = 32, 0.05  # Rows to know a network by; logarithms, on any device.


@dataclass
class Session:
    """Train a classifier, choose rows with it, take their labels; in any order.

    Attributes
    ----------
    X : rows of any kind
        All of them.

    pool : Pool
        What is known of each row.

    codebook : Codebook
        Between labels and columns.

    classifier : classifier
        Cloned in each training; it has an output for every column.

    sampler : sampler
        Cloned in each choice.

    scenario : Scenario
        Names Q and P.

    seed : int
        All randomness derives from it.

    warm_start, keep_estimators : bool
        As in :class:`~sksimilar.ActiveLearner`.

    watch : bool
        Whether to note how many predictions each training changes.

    store : Checkpoint or None
        Where every step is saved.

    identity : dict
        What a run must share with this one to go on with it.

    estimator : classifier or None
        The last one trained.

    stale : bool
        Whether there are labels that it was not trained on.
    """

    X: object
    pool: Pool
    codebook: Codebook
    classifier: object
    sampler: object
    scenario: Scenario
    seed: int
    warm_start: bool
    keep_estimators: bool
    watch: bool
    store: Checkpoint | None = None
    identity: dict | None = None
    estimator: object = None
    last_sampler: object = None
    estimators: list = field(default_factory=list)
    history: list = field(default_factory=list)
    n_trained: int = 0

    @classmethod
    def of(cls, learner, sampler, X, pool, codebook, seed):
        """Return a session with the parameters of a learner."""
        if learner.warm_start:
            check_warm_start(learner.estimator)
        classifier = training.prepare(
            learner.estimator,
            codebook.n_outputs,
            learner.n_classes_param,
            extra=learner.ood_label is not None,
        )
        classifier = in_columns(classifier, codebook)
        return cls(
            X=X,
            pool=pool,
            codebook=codebook,
            classifier=classifier,
            sampler=sampler,
            scenario=resolve(learner.scenario),
            seed=seed,
            warm_start=learner.warm_start,
            keep_estimators=learner.keep_estimators,
            watch=watches_pool(learner.stopping),
        )

    def __post_init__(self):
        frozen = self.sampler.get_params(deep=False).get("estimator")
        names_it = UNLABELED in self.codebook.columns
        if names_it and isinstance(frozen, FrozenEstimator):
            raise ValueError(
                f"`y` has a class {UNLABELED}, which marks unlabeled rows for the sampler, "
                "and the sampler has a classifier of its own that knows that class. Call "
                "it by another label, as sklearn.preprocessing.LabelEncoder does."
            )
        self.stale = bool(self.pool.labeled.any())

    @property
    def is_due(self):
        """Whether to train: there are new labels, and they tell two classes apart."""
        columns = np.unique(self.pool.codes[self.pool.labeled])
        return self.stale and len(columns) >= min(2, self.codebook.n_outputs)

    @property
    def n_rounds(self):
        """Number of rounds whose choice is answered."""
        n_chosen = sum("selected" in record for record in self.history)
        return n_chosen - bool(len(self.pool.pending))

    def train(self, score=None):
        """Train on all labels, and note what ``score`` says of the classifier."""
        self._open_round("seconds_train", "selected")
        begin = time.perf_counter()
        self.pool.note_training(self.n_trained)
        self._train(self.n_trained)
        self._note(seconds_train=time.perf_counter() - begin)
        self.n_trained, self.stale = self.n_trained + 1, False
        if self.watch:
            self._watch()
        self.score(score)
        self._save(self.estimator)

    def score(self, score):
        """Note what ``score`` says of the last training, if it was not asked yet."""
        wanted = score is not None and self.estimator is not None
        if wanted and "score" not in self.history[-1]:
            self._note(score=score(self.estimator))

    def choose(self, n=None, score=None):
        """Choose the rows to label next, if there are any, with a trained classifier."""
        if not self.pool.candidates.any():
            return
        if self.estimator is None and self.is_due:
            self.train(score)
        self._open_round("selected")
        if self.estimator is None:
            self._note(**history.looked_at(None, None, False))
            rows = self._draw(n)
        else:
            rows = self._sample(n)
        self.pool.ask(rows, len(self.history) - 1)
        self._save()

    def answer(self, rows, codes, skipped):
        """Take labels, and rows that have none."""
        self.pool.record(rows, codes)
        self.pool.skip(skipped)
        self.stale = bool(self.pool.labeled.any())
        for number in np.unique(self.pool.selected[[*rows, *skipped]]):
            if number != UNKNOWN:
                found = history.answered(number, self.pool, self.codebook)
                self.history[number].update(found)
        self._save()

    def resume(self, stored):
        """Go on from what a checkpoint holds."""
        self.pool.restore(stored["pool"])
        self.history = stored["history"]
        self.n_trained = stored["n_trained"]
        self.stale = stored["stale"]
        last = self.n_trained - 1
        if stored["weights"] is not None and not self.keep_estimators:
            self.estimator = self._load(stored["weights"], last)
        if self.estimator is None and last >= 0:
            chain = self.warm_start or self.keep_estimators
            for number in range(0 if chain else last, last + 1):
                self._train(number)
        self._look_again()

    def _look_again(self):
        """Fit the sampler anew that chose the last rows, if none has an answer yet.

        Any answer changes what it would look at.
        """
        pending = self.pool.pending
        is_whole = self.history and pending.tolist() == self.history[-1].get("selected")
        if self.estimator is None or not is_whole:
            return
        history = [dict(record) for record in self.history]
        rows = self._sample(len(pending))
        self.history = history  # With the times that it took then.
        if not np.array_equal(rows, pending):  # Another machine may round otherwise.
            self.last_sampler = None

    def _train(self, number):
        rows, codes = self.pool.taught(number)
        previous = self.estimator if self.warm_start else None
        seed = derive(self.seed, TRAIN, number)
        n_classes, n_outputs = self.pool.n_classes, self.codebook.n_outputs
        if not number:
            training.check_width(self.classifier, self.X, rows[:2], n_outputs, seed)
        trained = training.train(self.classifier, self.X, rows, codes, seed, previous)
        training.check_trained(trained, self.X, rows[:2], n_classes, n_outputs)
        self.estimator = trained
        if self.keep_estimators:
            self.estimators = [*self.estimators, self.estimator]

    def _watch(self):
        """Note the share of unlabeled rows that are of another class than before."""
        n_classes, n_outputs = self.pool.n_classes, self.codebook.n_outputs
        codes = predict_columns(self.estimator, self.X, n_classes, n_outputs)
        before, rest = self.pool.predicted, self.pool.candidates
        if (before != UNKNOWN).any() and rest.any():
            self._note(changed=float((codes != before)[rest].mean()))
        self.pool.predicted = codes

    def _load(self, weights, number):
        rows, codes = self.pool.taught(number)
        before = weights.pop("told", torch.empty(0))
        with seeded(self.seed, self.classifier.device):
            taught = take(self.X, rows), codes
            net = training.restore(clone(self.classifier), weights, *taught)
        told = torch.as_tensor(self._tells(net))
        is_same = told.shape == before.shape and logs_agree(told, before, SAME)
        return net if is_same else None  # Training has changed more than weights.

    def _tells(self, net):
        """Return what a network says of rows from all over X."""
        places = np.linspace(0, len(self.pool.codes) - 1, N_TOLD).astype(int)
        return probabilities(net, take(self.X, places), self.codebook.n_outputs)

    def _draw(self, n):
        """Choose at random, where there is no classifier to ask or no query to serve."""
        self.last_sampler = None
        n = n or self.sampler.budget
        rng = np.random.default_rng(derive(self.seed, SELECT, len(self.history)))
        rows = rng.permutation(np.flatnonzero(self.pool.candidates))[:n]
        self._note(**history.asked(rows, 0.0, 0.0))
        return rows

    def _sample(self, n):
        seed = derive(self.seed, SELECT, len(self.history))
        sampler, known = self._sampler(seed)
        query, conditioning = self._given(known)
        if self._lacks_query(query, conditioning):
            return self._draw(n)
        masks = {"query_mask": query, "conditioning_mask": conditioning}
        candidates = self.pool.candidates
        for given in (query, conditioning):
            candidates = candidates if given is None else candidates & ~given
        if not candidates.any():  # A scenario of one's own names all that are left.
            return self._draw(n)
        masks["candidate_mask"] = candidates
        n = min(n or sampler.budget, int(candidates.sum()))
        with seeded(seed, device_of(self.estimator)):
            begin = time.perf_counter()
            try:
                sampler.fit(self.X, self._labels(known), **masks)
            except UnknownLabels as error:  # Of a classifier that knows columns.
                raise error.renamed(self.codebook.label) from None
            fitted = time.perf_counter()
            rows = check_selection(sampler.select(n), candidates, sampler)
        seconds = fitted - begin, time.perf_counter() - fitted
        self._note(**history.asked(rows, *seconds), **history.outcome(sampler))
        self.last_sampler = sampler
        return rows

    def _sampler(self, seed):
        """Return a clone of the sampler, and which rows it may be told of.

        It looks through the classifier just trained, unless it has its own; and that one,
        if it is no network, knows nothing of classes that are new since.
        """
        sampler = with_seed(clone(self.sampler), seed)
        known = np.ones(len(self.pool.codes), dtype=bool)
        if self._has_own():
            return sampler, known
        sampler.set_params(estimator=FrozenEstimator(self.estimator))
        if not is_network(predictor(self.estimator)):
            _, learned = self.pool.taught(self.n_trained - 1)
            known = ~self.pool.labeled | np.isin(self.pool.codes, learned)
        return sampler, known

    def _has_own(self):
        """Return whether a sampler has a classifier of its own, or no use for any."""
        own = self.sampler.get_params(deep=False).get("estimator", self.sampler)
        return own is self.sampler or isinstance(own, FrozenEstimator)

    def _labels(self, known):
        """Return y in the words of the sampler's classifier: the one trained knows columns."""
        if self._has_own() and UNLABELED not in self.codebook.columns:
            return self.codebook.decode_known(self.pool.codes)
        return np.where(known, self.pool.codes, UNKNOWN)

    def _lacks_query(self, query, conditioning):
        """Return whether there is no query as yet, and the sampler does nothing without."""
        is_empty = query is None and self.scenario.query is not None
        if not (is_empty and isinstance(self.sampler, BaseSampler)):
            return False
        try:
            has_conditioning = conditioning is not None
            self.sampler.check(has_query=False, has_conditioning=has_conditioning)
        except ValueError:
            return True
        return False

    def _given(self, known):
        """Return Q and P of this round, the rows that the user conditions on among P."""
        query, conditioning = self.scenario.masks(self.pool)
        if conditioning is None and self.scenario.conditioning is not None:
            # Empty as yet, which is not the same as not asked for.
            conditioning = np.zeros(len(self.pool.codes), dtype=bool)
        always = self.pool.conditioning & ~self.pool.skipped
        if always.any():
            conditioning = always if conditioning is None else conditioning | always
        query, conditioning = (
            s if s is None else s & known for s in (query, conditioning)
        )
        query = query if query is not None and query.any() else None
        wanted = self.scenario.query is not None
        self._note(**history.looked_at(query, conditioning, wanted))
        return query, conditioning

    def _open_round(self, *unless):
        """Begin a record, unless the last one holds none of these facts yet."""
        if not self.history or any(fact in self.history[-1] for fact in unless):
            self.history = [*self.history, {"round": len(self.history)}]
        if "seconds_train" not in self.history[-1]:  # Else its record counts them.
            self._note(**history.sizes(self.pool, self.codebook))

    def _note(self, **facts):
        self.history[-1].update(facts)

    def _save(self, trained=None):
        if self.store is None:
            return
        run = {
            "identity": self.identity,
            "seed": self.seed,
            "n_trained": self.n_trained,
            "stale": self.stale,
            "history": self.history,
        }
        known = (trained, self._tells(trained)) if is_network(trained) else ()
        self.store.save(run, self.pool.state(), *known)
