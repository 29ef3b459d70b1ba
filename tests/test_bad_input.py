"""What is wrong is said at once: the argument, what was expected, what came, a way out.

One table.  A row is an entry point called with something that it cannot use, the words
that the message has to hold, in any order, and the type of the error.  To add a row is
to add a promise.
"""

import io
import os
import re
import sys
import warnings
from collections import UserDict
from functools import partial
from urllib.error import URLError

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from skorch import NeuralNetClassifier
from skorch.helper import SliceDict

from sksimilar import ActiveLearner, PoolSplit, RandomSampler, Scenario, SIMILARSampler
from sksimilar.__main__ import main
from sksimilar.baselines import (
    CoreSetSampler,
    EntropySampler,
    FASSSampler,
    FISHERSampler,
    GLISTERSampler,
    MostLikelyPositiveSampler,
    TopCosineSampler,
)
from sksimilar.datasets import (
    load_cifar10,
    load_emnist_letters,
    load_image_folder,
    load_imagenet32,
    load_mnist,
    load_pneumoniamnist,
    make_ood,
    make_rare,
    make_rare_ood,
    make_redundant,
    make_scenario,
)
from sksimilar.measures import (
    ConcaveOverModular,
    DiverseGraphCut,
    FacilityLocation,
    GraphCut,
    LogDeterminant,
    QueryFacilityLocation,
    SetFunction,
)
from sksimilar.model_selection import learning_curve_area
from sksimilar.models import MLP
from sksimilar.optimizers import greedy
from sksimilar.plotting import (
    ActiveLearningCurveDisplay,
    EmbeddingDisplay,
    ExplanationDisplay,
    HighlightedCurveDisplay,
    SelectionCountsDisplay,
)
from sksimilar.stopping import BudgetSpent, TargetScore

N = 60
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(N, 4)), np.arange(N) % 3
KNOWN = np.arange(N) < 20
HIDDEN = np.where(KNOWN, Y, -1)
QUERY, NONE = np.arange(N) < 3, np.zeros(N, dtype=bool)
MODEL = LogisticRegression().fit(X[KNOWN], Y[KNOWN])
NET = NeuralNetClassifier(
    MLP,
    module__n_features=4,
    criterion=torch.nn.CrossEntropyLoss,
    max_epochs=1,
    verbose=0,
)
NETWORK = clone(NET).initialize()


def select(rows=X, y=None, kind=SIMILARSampler, n=3, model=None, **settings):
    """Fit a sampler and select; masks and parameters are told by their names."""
    masks = {k: settings.pop(k) for k in list(settings) if k.endswith("_mask")}
    sampler = kind(model, **settings)
    return lambda: sampler.fit(rows, y, **masks).select(n)


def given(validation, model=MODEL):
    """Give a sampler rows to validate on."""
    return select(
        X.astype("f4"), kind=FISHERSampler, model=model, validation=validation
    )


def fitted():
    return SIMILARSampler(random_state=0).fit(X, HIDDEN)


def explained(images):
    """Draw why rows were picked, beside pictures of them."""
    sampler = fitted()
    sampler.select(2)
    return ExplanationDisplay.from_sampler(sampler, images)


def learn(rows=X, y=Y, estimator=None, **settings):
    """Call `fit` of a learner."""
    names = "labeled_mask", "query_mask", "candidate_mask", "X_val", "y_val"
    options = {k: settings.pop(k) for k in names if k in settings}
    params = {"sampler": RandomSampler(budget=3), "n_rounds": 1, "random_state": 0}
    learner = ActiveLearner(estimator or LogisticRegression(), **{**params, **settings})
    return lambda: learner.fit(rows, y, **options)


def started(y=HIDDEN, **settings):
    return ActiveLearner(LogisticRegression(), RandomSampler(), **settings).start(X, y)


def split(*args, y=Y, **kwargs):
    return lambda: list(PoolSplit(*args, **kwargs).split(X, y))


def build(builder=make_scenario, rows=X, y=Y, **settings):
    defaults = {"n_labeled": (1, 1, 1), "n_pool": (2, 2, 2)}
    defaults = defaults if builder is make_scenario else {}
    return lambda: builder(rows, y, random_state=0, **{**defaults, **settings})


def measure(function, query=True, eta=1.0):
    """Ask a function for a measure, by way of a sampler."""
    given = {"query_mask": QUERY} if query else {}
    return select(function=function, eta=eta, **given)


class Gains(SetFunction):
    """A function of somebody who makes another thing of its gains."""

    def __init__(self, change):
        self.change = change

    def start(self, similarity, ground):
        self.diagonal_ = similarity.diagonal()

    def add(self, points, scale=1.0):
        self.diagonal_ = self.diagonal_.index_fill(0, points, 0.0)

    def gains(self, points):
        return self.change(self.diagonal_[points])


def answer(labels):
    return learn(y=HIDDEN, oracle=lambda rows: labels, classes=[0, 1, 2])


def choosing(change):
    """Return an optimizer that spoils what `greedy` chose."""

    def spoiled(measure, candidates, budget, rng, track):
        return change(greedy(measure, candidates, budget))

    return spoiled


repeated = choosing(lambda s: s._replace(points=s.points[[0] * len(s.points)]))
labeled = choosing(lambda s: s._replace(points=torch.arange(len(s.points))))
beyond = choosing(lambda s: s._replace(points=s.points + 1000))
few = choosing(lambda s: s._replace(points=s.points[:2], gains=s.gains[:2]))
gainless = choosing(lambda s: s._replace(gains=s.gains[:0]))


def draw(display, *args):
    maker = next(name for name in dir(display) if name.startswith("from_"))
    return lambda: getattr(display, maker)(*args)


def embed(transformer):
    """Draw a selection in the coordinates that a transformer makes."""
    sampler = RandomSampler(budget=3).fit(X)
    sampler.select()
    return EmbeddingDisplay.from_sampler(sampler, X, transformer=transformer)


def changed(row, value):
    rows = X.copy()
    rows[row] = value
    return rows


# fmt: off
BAD = [
    # The rows of a sampler.
    (select(changed(7, np.nan)), "X NaN"),
    (select(changed(7, np.inf)), "X infinity"),
    (select(X[:, 0]), "Expected 2D array, got 1D reshape"),
    (select(X[:0]), "0 sample minimum of 1"),
    (select(1e200 * X), "`X` range of float64 Scale StandardScaler"),
    (select(1e-200 * X), "`X` range of float64 Scale StandardScaler"),
    (select((1e25 * X).astype("f4"), metric="dot"), "`X` range of float32 Scale"),
    (select(X, Y[:5]), "inconsistent 60 5"),
    (select(X, np.full(N, np.nan)), "`y` nan position 0 -1"),
    (select(X, np.eye(3)[Y]), "1d array shape (60, 3)"),
    (select(X, Y), "`y` -1 `candidate_mask`"),
    (select({"a": X}), "`X` dict rows SliceDict(**X) Dataset", TypeError),
    (select(UserDict(a=X), model=MODEL), "`X` UserDict rows SliceDict(**X)", TypeError),
    (select(SliceDict(a=X)), "`X` SliceDict SIMILARSampler without `estimator` network", TypeError),
    (select(SliceDict(a=X), model=MODEL), "`X` SliceDict LogisticRegression network", TypeError),
    (select(SliceDict(a=X), model=MODEL, embedding="features"), "X vectors numbers Pipeline"),
    # The masks.
    (select(query_mask=np.arange(3)), "`query_mask` boolean int64 numpy.isin"),
    (select(query_mask=QUERY.astype(int)), "`query_mask` boolean int64 0 and 1 `.astype(bool)`"),
    (learn(labeled_mask=KNOWN.astype("u1")), "`labeled_mask` boolean uint8 `.astype(bool)`"),
    (select(query_mask=np.arange(N)), "`query_mask` boolean int64 numpy.isin"),
    (select(query_mask=QUERY[:5].astype(int)), "`query_mask` boolean int64 numpy.isin"),
    (select(query_mask=QUERY[:5]), "`query_mask` (60,) (5,)"),
    (select(query_mask=[[True], [True, False]]), "`query_mask` boolean object"),
    (select(query_mask={"rows": 3}), "`query_mask` boolean object"),
    (select(query_mask=True), "`query_mask` boolean shape ()"),
    (select(query_mask=NONE), "`query_mask` marks no row query_mask=None"),
    (select(conditioning_mask=X > 0), "`conditioning_mask` (60,) (60, 4)"),
    (select(candidate_mask="all"), "`candidate_mask` boolean <U3"),
    (select(query_mask=QUERY, candidate_mask=~NONE), "`candidate_mask` `query_mask` 3 position 0 Clear"),
    (select(candidate_mask=NONE), "no row to select `candidate_mask`"),
    # The parameters of a sampler.
    (select(function="flqm"), "`function` 'flqm' Did you mean 'flqmi'"),
    (select(function="flqmi"), "'flqmi' needs `query_mask` Pass"),
    (select(function="flcg", query_mask=QUERY), "'flcg' takes no `query_mask` Leave out"),
    (select(function=3), "'function' parameter Got 3"),
    (select(budget=0), "'budget' [1, inf) Got 0"),
    (select(n=0), "`n` at least 1 0"),
    (select(n=2.5), "`n` integer 2.5"),
    (select(metric="euclid"), "'metric' 'rbf' 'euclid'"),
    (select(metric="precomputed"), "precomputed square (60, 4)"),
    (select(RNG.normal(size=(N, N)), metric="precomputed"), "precomputed symmetric rows alike (X + X.T) / 2"),
    (select(np.triu(np.full((N, N), 1e-9)), metric="precomputed"), "precomputed symmetric 1e-09 0"),
    (select(X.tolist(), model=NETWORK), "`X` list several inputs np.asarray SliceDict", TypeError),
    (select(list(X), model=NETWORK), "`X` list several inputs np.asarray SliceDict", TypeError),
    (select(tuple(X), model=NETWORK), "`X` tuple several inputs np.asarray SliceDict", TypeError),
    (select(metric="precomputed", model=MODEL), "precomputed `estimator` Leave it out"),
    (select(embedding="gradient"), "`estimator` None embedding='features'"),
    (select(eta=0), "'eta' (0.0, inf) Got 0"),
    (select(eta=np.inf), "'eta' Got inf"),
    (select(eta=np.nan), "'eta' Got nan"),
    (select(nu=-1), "'nu' [0.0, inf) Got -1"),
    (select(optimizer="lazyy"), "'optimizer' 'lazy' 'lazyy'"),
    (select(optimizer="lazy", function="logdetmi", query_mask=QUERY), "lazy only shrink 'greedy'"),
    (select(optimizer="sparse", function="gc"), "'sparse' facility location 'auto' function='fl'"),
    (select(optimizer=lambda *args: 3), "`optimizer` Selection int", TypeError),
    (select(optimizer=repeated), "`optimizer` spoiled 3 rows each row once 1 of them different"),
    (select(X, HIDDEN, optimizer=labeled, query_mask=QUERY), "`optimizer` spoiled point none of its candidates"),
    (select(optimizer=beyond), "`optimizer` spoiled point 10 none of its candidates"),
    (select(optimizer=few), "`optimizer` spoiled 3 rows got 2"),
    (select(optimizer=few, n=10, n_partitions=2, merge=False), "`optimizer` spoiled 5 rows got 2"),
    (select(optimizer=gainless), "`optimizer` spoiled gain 0 gains"),
    (select(n_partitions=0), "'n_partitions' Got 0"),
    (select(merge="some"), "'merge' 'proposals' 'some'"),
    (select(memory_limit="lots"), "`memory_limit` '2GB' 'lots'"),
    (select(memory_limit="1.2.3GB"), "`memory_limit` '2GB' '1.2.3GB'"),
    (select(memory_limit=10), "memory_limit Raise"),
    (select(memory_limit="15KB"), "memory_limit 15 KB Raise n_partitions="),
    (select(device="cudaa"), "`device` 'cpu' 'cudaa'"),
    (select(random_state="a"), "'random_state' Got 'a'"),
    # The estimator of a sampler.
    (select(model=LogisticRegression()), "LogisticRegression not fitted Call `fit`", NotFittedError),
    (select(model=LogisticRegression), "`estimator` class LogisticRegression", TypeError),
    (select(model=MLP(4)), "`estimator` module MLP skorch.NeuralNetClassifier", TypeError),
    (select(X, query_mask=QUERY, model=MODEL), "`query_mask` `y` None labels='hypothesized'"),
    (select(X, np.full(N, -1), query_mask=QUERY, model=MODEL), "`query_mask` 3 position 0 labels='hypothesized'"),
    (select(X, np.full(N, 7), query_mask=QUERY, candidate_mask=~QUERY, model=MODEL), "7 classes [0, 1, 2] 'hypothesized'"),
    (select(model=MODEL, layer="head"), "layer='head' LogisticRegression 'auto'"),
    # What can be asked of a selection.
    (lambda: SIMILARSampler().select(), "not fitted", NotFittedError),
    (lambda: fitted().explain(), "`select` first", NotFittedError),
    (lambda: fitted().evaluate([0]), "`indices` candidates 0"),
    (lambda: fitted().evaluate([30, 30]), "`indices` more than once"),
    (lambda: fitted().evaluate([30.5]), "`indices` integers float64"),
    (lambda: fitted().evaluate(~KNOWN), "`indices` bool numpy.flatnonzero"),
    # The functions.
    (measure(LogDeterminant(ridge=0)), "'ridge' LogDeterminant Got 0"),
    (measure(LogDeterminant(ridge="1")), "'ridge' LogDeterminant Got '1'"),
    (measure(LogDeterminant(), eta=9.0), "9 indefinite largest admissible"),
    (measure(LogDeterminant(), eta=1e300), "1e+300 indefinite largest admissible"),
    (measure(GraphCut(lam=-1)), "'lam' GraphCut Got -1"),
    (measure(GraphCut(lam=1e308)), "GraphCut range `eta` `nu` `function` lower"),
    (measure(DiverseGraphCut(gamma=-1)), "'gamma' DiverseGraphCut Got -1"),
    (measure(FacilityLocation(sharpness=1)), "'sharpness' FacilityLocation Got 1"),
    (measure(QueryFacilityLocation(), query=False), "QueryFacilityLocation `query_mask` 'logdet'"),
    (measure(Gains(lambda gains: gains.numpy())), "Gains.gains(points) tensor (57,) ndarray float64", TypeError),
    (measure(Gains(lambda gains: gains[:-1])), "Gains.gains(points) tensor (57,) each point (56,)", TypeError),
    (measure(Gains(lambda gains: gains.long())), "Gains.gains(points) floats int64", TypeError),
    (measure(ConcaveOverModular("exp")), "'psi' 'log' 'sqrt' 'exp'"),
    (measure(ConcaveOverModular(torch.exp)), "`psi` concave psi(0) = 0"),
    (measure(ConcaveOverModular(np.sqrt)), "`psi` tensors torch.log1p"),
    (measure(ConcaveOverModular(lambda x: 1.0)), "`psi` tensors torch.log1p"),
    (select(metric="dot", function="flqmi", query_mask=QUERY), "QueryFacilityLocation [-inf, 1] metric='cosine'"),
    # The baselines.
    (select(kind=EntropySampler), "EntropySampler `estimator` None RandomSampler"),
    (select(kind=GLISTERSampler), "GLISTERSampler `estimator` None"),
    (select(kind=GLISTERSampler, model=MODEL, learning_rate=0), "'learning_rate' Got 0"),
    (select(kind=FISHERSampler, model=MODEL), "FISHERSampler `query_mask` None Mark"),
    (select(kind=TopCosineSampler), "TopCosineSampler `query_mask` None Mark"),
    (given(3), "`validation` pair (X, y) int 3 (X_val, y_val)"),
    (given((X,)), "`validation` pair (X, y) tuple length 1 (X_val, y_val)"),
    (given((X, Y[:5])), "`validation` inconsistent 60 5"),
    (given((X, None)), "`validation` y 1d array shape ()"),
    (given((X, np.eye(3)[Y])), "`validation` 1d array shape (60, 3)"),
    (given((X[:0], Y[:0])), "`validation` no row validation=None `query_mask`"),
    (given((X, HIDDEN)), "`validation` 40 unlabeled -1 position 20 leave out"),
    (given((X, Y + 1)), "`validation` 3 classes [0, 1, 2] leave out"),
    (given((X, Y.astype(str))), "`validation` '0' classes [0, 1, 2]"),
    (given((X, np.where(KNOWN, Y, np.nan))), "`validation` y NaN"),
    (given((changed(7, np.nan), Y)), "`validation` NaN"),
    (given((changed(7, np.nan).astype("f4"), Y), NETWORK), "`validation` NaN 1 60 position 7"),
    (given((X.astype("f4"), Y + 9), NETWORK), "`validation` network 0 to 9 10 LabelEncoder"),
    (given((X[:, :2], Y)), "`validation` 2 features 4"),
    (given((3, Y)), "`validation` array-like int", TypeError),
    (given((X, Y), LogisticRegression()), "LogisticRegression not fitted Call `fit`", NotFittedError),
    (select(X, HIDDEN, kind=MostLikelyPositiveSampler, model=MODEL, query_mask=np.arange(N) == 30), "labels `query_mask` 1 position 30 clear"),
    (select(kind=FASSSampler, model=MODEL, factor=0.5), "'factor' [1.0, inf) Got 0.5"),
    (select(kind=FASSSampler, model=MODEL, function="flqmi"), "'flqmi' needs `query_mask`"),
    (select(1e200 * X, kind=CoreSetSampler), "`X` range of float64 Scale"),
    (select(kind=RandomSampler, budget="3"), "'budget' Got '3'"),
    # The parameters of a learner.
    (lambda: ActiveLearner(None).fit(X, Y), "'estimator' 'fit' None"),
    (learn(sampler="rare"), "'sampler' 'fit' 'select' 'rare'"),
    (learn(scenario="rar"), "`scenario` 'rar' Did you mean 'rare'"),
    (learn(scenario="rare"), "R `query_mask` without R"),
    (learn(scenario="ood"), "O `ood_label` without O"),
    (learn(n_rounds=0), "'n_rounds' Got 0"),
    (learn(n_initial=2.5), "'n_initial' Got 2.5"),
    (learn(classes=[0, 1]), "y classes: 2 [0, 1] `classes` `ood_label`"),
    (learn(classes=[]), "`classes` Declare"),
    (learn(classes=[-1, 0, 1, 2]), "`classes` -1 unlabeled LabelEncoder"),
    (learn(ood_label=-1), "`ood_label` -1 another"),
    (learn(ood_label=[1, 2]), "`ood_label` one label [1, 2]"),
    (learn(y=np.zeros(N, int), ood_label=0), "Every label `ood_label`"),
    (learn(estimator=NET, n_classes_param="n_clases"), "`n_classes_param` 'n_clases' Did you mean 'n_classes'"),
    (learn(estimator=NET, n_classes_param=None), "10 outputs 3 n_classes_param='n_classes'"),
    (learn(estimator=GaussianNB(), warm_start=True), "`warm_start=True` skorch GaussianNB"),
    (learn(stopping=[3]), "`stopping` function 3 BudgetSpent(100)", TypeError),
    (learn(stopping=BudgetSpent), "`stopping` function BudgetSpent(100)", TypeError),
    (learn(stopping=TargetScore(0.9)), "TargetScore score X_val y_val"),
    (learn(scoring="acuracy", X_val=X, y_val=Y), "'scoring' 'accuracy' 'acuracy'"),
    (learn(checkpoint=3), "`checkpoint` path directory 3"),
    (learn(checkpoint=__file__), "`checkpoint` directory test_bad_input.py"),
    (learn(checkpoint=os.path.join(__file__, "run")), "`checkpoint` directory test_bad_input.py"),
    (learn(checkpoint=os.path.dirname(__file__)), "no checkpoint Pass a directory of its own"),
    # What a learner is given.
    (learn(y=None), "y None -1"),
    (learn(y=Y[:5]), "inconsistent 60 5"),
    (learn(y=RNG.normal(size=N)), "label type continuous"),
    (learn(y=np.full(N, -1)), "`classes` None Declare"),
    (learn(y=np.full(N, -1), classes=[0, 1]), "`y` -1 `oracle=` `start`"),
    (learn(labeled_mask=np.arange(9)), "`labeled_mask` boolean int64"),
    (learn(y=HIDDEN, classes=[0, 1, 2], labeled_mask=~KNOWN), "`labeled_mask` 40 position 20"),
    (learn(candidate_mask=NONE), "`candidate_mask` marks none `labeled_mask`"),
    (learn(scenario="rare", query_mask=NONE), "`query_mask` marks no row"),
    (learn(X_val=X), "`X_val` needs `y_val` None both"),
    (learn(y_val=Y), "`y_val` needs `X_val` None both"),
    (learn(X_val=X, y_val=Y[:3]), "inconsistent 60 3"),
    (learn(X_val=X, y_val=Y + 9), "`y_val` classes [0, 1, 2] score"),
    (learn(y=[*Y[:-1].tolist(), "cat"]), "classes texts 'cat' 0 one kind -1 `ood_label`"),
    (learn(estimator=NET, rows=changed(7, np.nan)), "X NaN"),
    (learn(estimator=clone(NET).set_params(iterator_valid__drop_last=True)), "`iterator_valid__drop_last=True` predicted False"),
    (learn(estimator=clone(NET).set_params(iterator_valid__shuffle=True)), "`iterator_valid__shuffle=True` order predicted False"),
    (learn(estimator=NET, rows={"a": X}), "`X` dict rows SliceDict(**X)", TypeError),
    (learn(SliceDict(a=X)), "`X` SliceDict LogisticRegression network", TypeError),
    # What an oracle says.
    (answer(None), "`oracle` list of labels None"),
    (answer(1), "`oracle` list of labels int 1"),
    (answer([1]), "`oracle` 1 labels 3 rows None"),
    (answer([[1], [1], [1]]), "`oracle` list of labels [[1], [1], [1]]"),
    (answer([7, 7, 7]), "classes: 7 [0, 1, 2] `ood_label`"),
    (answer([7] * 3), "classes: 7 [0, 1, 2]"),
    # Asking and telling.
    (lambda: ActiveLearner(MODEL).ask(), "ask `start(X, y)` first", NotFittedError),
    (lambda: ActiveLearner(MODEL).start(X, HIDDEN, query_msk=QUERY), "'query_msk' Did you mean 'query_mask'"),
    (lambda: started().ask(0), "`n` at least 1 0"),
    (lambda: started().tell([N], [0]), "`indices` 0 to 59 60"),
    (lambda: started().tell([-1], [0]), "`indices` 0 to 59 -1"),
    (lambda: started().tell([1.5], [0]), "`indices` integers float64"),
    (lambda: started().tell(~KNOWN, [0]), "`indices` integers bool"),
    (lambda: started().tell([30, 30], [0, 0]), "`indices` more than once"),
    (lambda: started().tell([30, 31], [0]), "`indices` 2 1 labels"),
    (lambda: started().tell(30, 0), "`labels` list of labels int 0"),
    (lambda: started().tell([30], [[0]]), "`labels` list of labels [[0]]"),
    (lambda: started().tell([30], [9]), "`labels` classes: 9 [0, 1, 2] `ood_label`"),
    (lambda: started().tell([30], [-1]), "`labels` -1 `skipped`"),
    (lambda: started().tell([30], [0], skipped=[30]), "30 labeled `skipped`"),
    (lambda: started().tell([], [], skipped=[-3]), "`skipped` 0 to 59 -3"),
    (lambda: started(np.full(N, -1), classes=[0, 1]).refit(), "labeled `tell` `refit`"),
    (lambda: started().predict(X), "not fitted", NotFittedError),
    (lambda: list(learn()().staged_predict(X)), "last keep_estimators=True"),
    (lambda: learn()().predict(X[:, :2]), "X 2 features 4"),
    # Splits and scores.
    (split(None), "`eval_mask` 0 rows Mark"),
    (split(np.arange(5)), "`eval_mask` boolean int64"),
    (split(~KNOWN, n_splits=0), "`n_splits` at least 1 0"),
    (split(~KNOWN, n_splits="2"), "`n_splits` integer '2'"),
    (split(QUERY, n_splits=5), "`eval_mask` 3 rows 5 lower `n_splits`"),
    (split(~KNOWN, y=HIDDEN), "`eval_mask` 40 unlabeled -1 clear"),
    (partial(learning_curve_area, [1, 2], [1]), "`n_labels` `scores` 2 1"),
    (partial(learning_curve_area, [], []), "`n_labels` `scores` 0"),
    # Scenarios.
    (lambda: Scenario(query="X"), "`query` 'L-R' 'X'"),
    (lambda: Scenario("R", "L-X"), "`conditioning` 'L-X' Did you mean 'L-R'"),
    (lambda: Scenario(query=3), "`query` function 3 'R+I'", TypeError),
    (lambda: Scenario(query=["R", "I"]), "`query` function ['R', 'I'] 'R+I'", TypeError),
    (learn(scenario=Scenario(query=lambda pool: np.arange(2))), "`query(pool)` boolean int64 numpy.isin"),
    (learn(scenario=Scenario(conditioning=lambda pool: NONE[:3])), "`conditioning(pool)` (60,) (3,)"),
    # Builders.
    (build(y=Y[:5]), "inconsistent 60 5"),
    (build(n_labeled=3), "`n_labeled` 3 integers got 3"),
    (build(n_labeled=(-1, 1, 1)), "`n_labeled` at least 0 (-1, 1, 1)"),
    (build(n_pool=(1.5, 1, 1)), "`n_pool` integers (1.5, 1, 1)"),
    (build(n_pool=(100, 1, 1)), "Class 0 20 101 fewer"),
    (build(rare=[9]), "`rare` 9 [0, 1, 2]"),
    (build(rare=[1], ood=[1]), "1 `rare` `ood` Leave it out"),
    (build(copied=2.0), "`copied` share 0 to 1 2.0"),
    (build(copied=0.5, times=0), "`times` at least 1 0"),
    (build(X_test=np.zeros((3, 7))), "`X_test` (4,) (7,)"),
    (build(make_rare, n_labeled=5), "`n_labeled` 2 integers got 5"),
    (build(make_rare, n_query="a"), "`n_query` integer 'a'"),
    (build(make_redundant, n_pool=(1, 2)), "`n_pool` one integer (1, 2)"),
    (build(make_ood, ood=[2], n_pool=3), "`n_pool` 2 integers got 3"),
    (build(make_rare_ood, rare=[1], ood=[2], n_pool=(1, 2)), "`n_pool` 3 integers (1, 2)"),
    # Displays.
    (lambda: explained(X), "`images` (n_samples, height, width) Leave it out where rows are no pictures"),
    (draw(ActiveLearningCurveDisplay, [1, 2, 3], {"a": [0.1, 0.2]}), "`scores` 'a' 3 `n_labels` (n_repetitions, 3) float64 (2,)"),
    (draw(ActiveLearningCurveDisplay, [1, 2], {"a": [[0.1], [0.2]]}), "`scores` 'a' `n_labels` (2,) (2, 1)"),
    (draw(ActiveLearningCurveDisplay, [1, 2], {"a": [[0.1, 0.2], [0.2]]}), "`scores` 'a' `n_labels` object"),
    (draw(HighlightedCurveDisplay, [1, 2], {"a": np.zeros((0, 2))}), "`scores` 'a' `n_labels` (0, 2)"),
    (draw(HighlightedCurveDisplay, [1, 2], {"a": np.zeros((3, 1, 2))}), "`scores` 'a' (3, 1, 2)"),
    (draw(SelectionCountsDisplay, [1, 2], {"a": [0, 1, 2]}), "`counts` 'a' `n_picks` int64 (3,)"),
    (draw(ActiveLearningCurveDisplay, [1, 2], [0.1, 0.2]), "`scores` dict list", TypeError),
    (lambda: embed(PCA(3)), "`transformer` two coordinates (60, 2) (60, 3) PCA(2)"),
    (lambda: embed(PCA(1)), "`transformer` two coordinates (60, 2) (60, 1) PCA(2)"),
    (lambda: EmbeddingDisplay(points=X, selected=[0]).plot(), "`points` two coordinates (60, 4)"),
    # Loaders.
    (partial(load_emnist_letters, "nowhere"), "emnist_letters.npz nowhere `data_home` SKSIMILAR_DATA", FileNotFoundError),
    (partial(load_pneumoniamnist, "nowhere"), "pneumoniamnist.npz nowhere `data_home`", FileNotFoundError),
    (partial(load_imagenet32, "nowhere"), "train_data_batch_1 nowhere `data_home`", FileNotFoundError),
    (partial(load_image_folder, "nowhere"), "nowhere", FileNotFoundError),
    (partial(load_image_folder, os.path.dirname(__file__)), "tests subfolder of images every class"),
]
# fmt: on


def name_of(row):
    return re.sub(r"\W+", " ", row[1]).strip()


@pytest.mark.parametrize("row", BAD, ids=map(name_of, BAD))
def test_a_message_names_the_argument_and_the_way_out(row):
    call, words, *kinds = row
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(tuple(kinds) or ValueError) as caught:
            call()
    message = str(caught.value)
    missing = [word for word in words.split(" ") if word not in message]
    assert not missing, f"{missing} not in: {message}"
    assert not np.isin(type(caught.value), [IndexError, KeyError, AttributeError])


DAMAGED = {
    "cut short": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "something else": lambda content: b"hello, world",
    "flipped": lambda content: content[:200] + b"\xff" + content[201:],
}


def npz(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


GOOD = {
    "x_train": np.zeros((3, 28, 28), np.uint8),
    "y_train": np.arange(3),
    "x_test": np.zeros((2, 28, 28), np.uint8),
    "y_test": np.arange(2),
}
WRONG = {
    "a label too few": {"y_train": np.arange(2)},
    "no class": {"y_train": np.array([0, 1, 10])},
    "NaN": {"y_train": np.array([0, 1, np.nan])},
    "texts": {"y_train": np.array(["0", "1", "2"])},
    "floats": {"x_train": np.zeros((3, 28, 28))},
    "objects": {"x_train": np.array([print], dtype=object)},
}


@pytest.mark.parametrize("what", [*DAMAGED, *WRONG, "a missing array"])
def test_a_data_file_that_is_none_is_named(tmp_path, what):
    path = tmp_path / "mnist.npz"
    arrays = {**GOOD, **WRONG.get(what, {})}
    if what == "a missing array":
        del arrays["y_test"]
    content = npz(**arrays)
    path.write_bytes(DAMAGED[what](content) if what in DAMAGED else content)
    with pytest.raises(
        ValueError, match="must be an .npz file with the arrays"
    ) as said:
        load_mnist(tmp_path)
    assert repr(str(path)) in str(said.value)
    path.write_bytes(npz(**GOOD))
    assert load_mnist(tmp_path).X.shape == (3, 28, 28)


def test_a_picture_that_is_none_is_named_by_its_file(tmp_path):
    pytest.importorskip("PIL")
    arrays = {f"{name}_{part}": np.arange(2) for part in ("train", "test")
              for name in ("offsets", "y", "jpeg")}  # fmt: skip
    (tmp_path / "cifar10_jpeg.npz").write_bytes(npz(**arrays))
    with pytest.raises(ValueError, match="cifar10_jpeg.npz' must be .* jpeg_train"):
        load_cifar10(tmp_path)


# Of each extra: how its package is imported, what needs it, and the package's name.
EXTRAS = {
    "plot": ("matplotlib", lambda path: draw_counts(), "Matplotlib"),
    "frames": ("pandas", lambda path: ActiveLearner(None).history_frame(), "pandas"),
    "images": ("PIL", load_image_folder, "Pillow"),
}


def draw_counts():
    return SelectionCountsDisplay.from_counts([0, 1], {"a": [[0, 1]]})


@pytest.mark.parametrize("extra", EXTRAS)
def test_a_missing_package_is_named_with_its_extra(extra, tmp_path, monkeypatch):
    name, call, package = EXTRAS[extra]
    monkeypatch.setitem(sys.modules, name, None)
    words = f"needs {package}, which is not installed. .* the extra `{extra}`"
    with pytest.raises(ImportError, match=words):
        call(tmp_path)


def test_no_answer_of_the_network_is_told_with_the_way_out(tmp_path, monkeypatch):
    def fetch(*args, **kwargs):
        raise URLError("Name or service not known")

    monkeypatch.setattr("sksimilar.datasets._loaders.fetch_openml", fetch)
    with pytest.raises(OSError, match="`data_home`, and OpenML, .* not known"):
        load_cifar10(tmp_path)


BAD_COMMANDS = [
    ("paint", "invalid choice: 'paint'"),
    ("demo --rounds 0", "argument --rounds: '0' is not a whole number of at least 1"),
    ("demo --seed -1", "argument --seed: '-1' is not a whole number of at least 0"),
    ("demo --scenario rar", "argument --scenario: invalid choice: 'rar'"),
    (
        "demo --function flqm",
        "argument --function: 'flqm' does not fit --scenario rare",
    ),
    (
        "demo --data nowhere.npz",
        "argument --data: 'nowhere.npz' is neither 'digits' nor",
    ),
    ("demo --out {file}", "argument --out: cannot make '{file}': File exists"),
    ("demo --out {dir} --rounds 999 --budget 99", "argument --rounds: 999 rounds of"),
    ("demo --colour red", "unrecognized arguments: --colour red"),
    ("experiment", "argument NAME: name an experiment, or see --list"),
    ("experiment mnist", "argument NAME: invalid choice: 'mnist'"),
    (
        "experiment mnist-rare --seed 99999999999",
        "argument --seed: 100000000008 is beyond",
    ),
    ("experiment mnist-rare --seeds x", "argument --seeds: 'x' is not a whole number"),
]


@pytest.mark.parametrize("line, words", BAD_COMMANDS)
def test_a_bad_command_is_answered_by_one_line(line, words, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    paths = {"file": tmp_path / "file", "dir": tmp_path}
    with pytest.raises(SystemExit) as end:
        main(line.format(**paths).split())
    said = capsys.readouterr()
    assert end.value.code == 2 and said.err.count("\n") == 1
    assert words.format(**paths) in said.err
