"""Algorithm 1 as an estimator: what is asked, trained on, known, and given back."""

import gc
import itertools
import json
import os
import pickle
import random
import signal
import tracemalloc
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits, make_blobs
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    cross_validate,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    LRScheduler,
    PrintLog,
)
from skorch.dataset import ValidSplit
from skorch.helper import SliceDataset, SliceDict
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import Dataset

from sksimilar import RandomSampler, SIMILARSampler
from sksimilar.baselines import DistinctMarginSampler
from sksimilar.learner import ActiveLearner
from sksimilar.measures import FacilityLocation
from sksimilar.model_selection import PoolSplit
from sksimilar.models import MLP
from sksimilar.scenarios import Scenario
from sksimilar.stopping import BudgetSpent, Saturated, Settled, TargetScore
from sksimilar.training import paper_training

X, Y = make_blobs(90, centers=[[-4, 0], [4, 0], [0, 6]], random_state=0)
X = X.astype(np.float32)
LABELED = np.isin(np.arange(90), np.arange(12))
NAMES = np.array(["ant", "bee", "cow"])[Y]
RARE = LABELED & (Y == 2)


class LazyMLP(nn.Module):
    def __init__(self, n_classes=2, hidden=16):
        super().__init__()
        self.body = nn.LazyLinear(hidden)
        self.head = nn.Linear(hidden, n_classes)

    def forward(self, X):
        return self.head(torch.relu(self.body(X)))


class Unnamed(nn.Module):
    """A module whose number of outputs goes by no usual name."""

    def __init__(self, width=3):
        super().__init__()
        self.head = nn.Linear(2, width)

    def forward(self, X):
        return self.head(X)


class Normalized(nn.Module):
    def __init__(self, n_classes=3):
        super().__init__()
        self.norm = nn.BatchNorm1d(2)
        self.head = nn.Linear(2, n_classes)

    def forward(self, X):
        return self.head(self.norm(X))


class OneLogit(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(2, 1)

    def forward(self, X):
        return self.head(X).squeeze(-1)


class NamedLogit(nn.Module):
    def __init__(self, n_outputs=1):
        super().__init__()
        self.head = nn.Linear(2, n_outputs)

    def forward(self, X):
        return self.head(X)


class Spy(RandomSampler):
    """A sampler that notes what it is shown."""

    seen: list = []

    def _fit(self, X, y):
        self.seen.append((y, self.query_, self.conditioning_, self.candidates_))


class SpyClassifier(LogisticRegression):
    """A classifier that notes what it is trained on, and from where it begins."""

    seen: list = []
    begun: list = []

    def fit(self, X, y):
        self.seen.append((X, y))
        self.begun.append(getattr(self, "coef_", None))
        return super().fit(X, y)


class CountingRows(Dataset):
    """Pairs of a row and a label that is a lie; counts what is read."""

    def __init__(self, X):
        self.X = X
        self.read = []

    def __len__(self):
        return len(self.X)

    def __getitem__(self, i):
        self.read.append(int(i))
        return self.X[i], 999


@pytest.fixture(autouse=True)
def forget():
    Spy.seen.clear()
    SpyClassifier.seen.clear()
    SpyClassifier.begun.clear()


def make_net(module=MLP, **params):
    if module is MLP:
        params = {"module__n_features": 2, "module__hidden": 8, **params}
    settings = {"criterion": nn.CrossEntropyLoss, "optimizer": torch.optim.Adam}
    settings |= {"lr": 0.05, "max_epochs": 10, "verbose": 0, **params}
    return NeuralNetClassifier(module, **settings)


def make_learner(estimator=None, sampler=None, **params):
    estimator = LogisticRegression() if estimator is None else estimator
    sampler = RandomSampler(budget=5) if sampler is None else sampler
    return ActiveLearner(
        estimator, sampler, **{"n_rounds": 3, "random_state": 0, **params}
    )


def picks(learner):
    return [record.get("selected") for record in learner.history_]


def weights(estimator):
    return {k: v.numpy().copy() for k, v in estimator.module_.state_dict().items()}


# -- scikit-learn's own checks ----------------------------------------------------------


@parametrize_with_checks(
    [
        ActiveLearner(LogisticRegression(), n_rounds=2),
        ActiveLearner(LogisticRegression(), RandomSampler(), n_rounds=2),
        ActiveLearner(
            make_net(LazyMLP, max_epochs=25), SIMILARSampler(budget=20), n_rounds=2
        ),
    ]
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


# -- the loop ---------------------------------------------------------------------------


def test_each_round_adds_the_budget_and_the_last_labels_are_trained_on():
    learner = make_learner().fit(X, Y, labeled_mask=LABELED)
    assert [record["n_labeled"] for record in learner.history_] == [12, 17, 22, 27]
    assert [record["n_unlabeled"] for record in learner.history_] == [78, 73, 68, 63]
    assert learner.labeled_mask_.sum() == 27


def test_selected_rounds_are_those_of_the_history():
    learner = make_learner().fit(X, Y, labeled_mask=LABELED)
    expected = np.full(90, -1)
    for number, rows in enumerate(picks(learner)[:3]):
        expected[rows] = number
    assert_array_equal(learner.selected_rounds_, expected)
    assert picks(learner)[3] is None


def test_the_classifier_is_trained_on_labeled_rows_only():
    learner = make_learner(SpyClassifier()).fit(X, Y, labeled_mask=LABELED)
    labeled = LABELED.copy()
    for (rows, codes), chosen in zip(SpyClassifier.seen, picks(learner), strict=True):
        assert_array_equal(rows, X[labeled])
        assert_array_equal(codes, Y[labeled])
        labeled[chosen if chosen is not None else []] = True


def test_the_sampler_sees_no_label_before_it_is_asked_for():
    learner = make_learner(sampler=Spy(budget=5)).fit(X, Y, labeled_mask=LABELED)
    labeled = LABELED.copy()
    for (y, *_, candidates), chosen in zip(Spy.seen, picks(learner), strict=False):
        assert_array_equal(y, np.where(labeled, Y, -1))
        assert_array_equal(candidates, np.flatnonzero(~labeled))
        labeled[chosen] = True


@pytest.mark.parametrize("sampler", [RandomSampler(budget=5), SIMILARSampler(budget=5)])
def test_labels_that_nobody_asked_for_change_nothing(sampler):
    first = make_learner(sampler=sampler).fit(X, Y, labeled_mask=LABELED)
    other = np.where(first.labeled_mask_, Y, (Y + 1) % 3)
    second = make_learner(sampler=sampler).fit(X, other, labeled_mask=LABELED)
    assert picks(first) == picks(second)
    assert_array_equal(first.predict_proba(X), second.predict_proba(X))


def test_rows_without_an_answer_are_never_asked_for():
    y = np.where(np.arange(90) < 30, Y, -1)
    learner = make_learner(n_rounds=20).fit(X, y, labeled_mask=LABELED)
    assert_array_equal(np.flatnonzero(learner.labeled_mask_), np.arange(30))


def test_a_simulation_without_answers_is_refused():
    with pytest.raises(ValueError, match="`y` has no label for any row .*`start`"):
        make_learner().fit(X, np.where(LABELED, Y, -1), labeled_mask=LABELED)


def test_the_pool_may_end_before_the_rounds_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learner = make_learner(sampler=RandomSampler(budget=50), n_rounds=9)
        learner.fit(X, Y, labeled_mask=LABELED)
    assert [record["n_labeled"] for record in learner.history_] == [12, 62, 90]


def test_rows_to_begin_with_hold_every_class_and_leave_out_given_rows():
    y = np.where(np.arange(90) == 40, 2, np.minimum(Y, 1))  # One row of class 2.
    query = np.arange(90) < 30
    for seed in range(5):
        learner = make_learner(n_initial=4, random_state=seed, scenario="rare")
        learner.fit(X, y, query_mask=query)
        initial = learner.labeled_mask_ & (learner.selected_rounds_ == -1)
        assert initial.sum() == 4
        assert initial[40]
        assert not (initial & query).any()


def test_a_simulation_may_begin_without_any_label():
    learner = make_learner(make_net(), SIMILARSampler(budget=20), n_rounds=2)
    learner.fit(X, Y, labeled_mask=np.zeros(90, bool))
    assert [record["n_labeled"] for record in learner.history_] == [0, 20, 40]
    assert learner.score(X, Y) > 0.8


def test_candidate_mask_limits_what_is_asked_for_and_begun_with():
    candidates = np.arange(90) % 2 == 0
    learner = make_learner(n_rounds=20).fit(X, Y, candidate_mask=candidates)
    assert_array_equal(learner.labeled_mask_, candidates)


def test_query_and_conditioning_rows_are_known_but_neither_asked_for_nor_trained_on():
    query, conditioning = np.arange(90) == 50, np.arange(90) == 51
    learner = make_learner(SpyClassifier(), Spy(budget=90), scenario="rare", n_rounds=1)
    learner.fit(
        X, Y, labeled_mask=LABELED, query_mask=query, conditioning_mask=conditioning
    )
    y, given, unwanted, _ = Spy.seen[0]
    assert_array_equal(y, np.where(LABELED | query | conditioning, Y, -1))
    assert (given.tolist(), unwanted.tolist()) == ([50], [51])
    assert not learner.labeled_mask_[[50, 51]].any()
    assert len(SpyClassifier.seen[-1][0]) == 88


def test_query_grows_by_found_rows_unless_told_not_to():
    for grows in (True, False):
        Spy.seen.clear()
        learner = make_learner(
            sampler=Spy(budget=20), scenario="rare", grow_query=grows
        )
        learner.fit(X, Y, labeled_mask=LABELED, query_mask=RARE)
        found = (learner.selected_rounds_ >= 0) & (learner.selected_rounds_ < 2)
        expected = RARE | (found & (Y == 2)) if grows else RARE
        assert_array_equal(Spy.seen[-1][1], np.flatnonzero(expected))
        assert learner.history_[2]["n_query"] == expected.sum()
        assert learner.history_[0]["n_query"] == RARE.sum()


def test_an_empty_query_falls_back_to_none_and_says_so():
    learner = make_learner(
        sampler=Spy(), scenario=Scenario(query=lambda pool: pool.ood)
    )
    learner.fit(X, Y)
    assert Spy.seen[0][1] is None
    assert learner.history_[0]["query_fallback"]


def test_a_conditional_function_does_without_p_until_there_is_one():
    begun = LABELED & (Y != 2)
    sampler = SIMILARSampler(function="logdetcmi", budget=6)
    learner = ActiveLearner(
        LogisticRegression(), sampler, scenario="ood", ood_label=2, n_rounds=3,
        random_state=0,
    ).fit(X, Y, labeled_mask=begun, query_mask=begun)  # fmt: skip
    counts = [record.get("n_conditioning") for record in learner.history_[:-1]]
    found = [
        int(((learner.selected_rounds_ < r) & learner.ood_mask_).sum())
        for r in range(3)
    ]
    assert counts == found and counts[0] == 0


def test_a_sampler_looks_through_the_classifier_of_the_round_unless_its_own_is_frozen():
    other = LogisticRegression().fit(X[LABELED], Y[LABELED])
    for given, kept in (other, False), (FrozenEstimator(other), True):
        sampler = SIMILARSampler(given, function="flqmi", budget=4)
        learner = ActiveLearner(
            LogisticRegression(), sampler, scenario="rare", n_rounds=1, random_state=0
        ).fit(X, Y, labeled_mask=LABELED, query_mask=RARE)
        assert (learner.sampler_.estimator.estimator is other) == kept
        assert sampler.estimator is given


@pytest.mark.parametrize("labels", [Y, Y + 1, NAMES])
def test_a_classifier_of_the_samplers_own_is_told_labels_and_not_columns(labels):
    own = FrozenEstimator(LogisticRegression().fit(X, labels))
    sampler = SIMILARSampler(own, function="flqmi", budget=5, random_state=0)
    learner = make_learner(LogisticRegression(), sampler, scenario="rare", n_rounds=1)
    learner.fit(X, labels, labeled_mask=LABELED, query_mask=RARE)
    known = np.where(LABELED, labels.astype(object), -1)
    alone = sampler.fit_select(X, known, query_mask=RARE)
    assert set(np.flatnonzero(learner.selected_rounds_ == 0)) == set(alone)
    assert (Y[alone] == 2).all()


@pytest.mark.parametrize("scenario", ["redundancy+ood", "ood", "rare+ood", "rare"])
def test_every_scenario_runs_with_the_default_sampler(scenario):
    learner = make_learner(
        make_net(), SIMILARSampler(budget=6), scenario=scenario, ood_label="cow"
    )
    bees = LABELED & (NAMES == "bee")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Saturation.
        learner.fit(X, NAMES, labeled_mask=LABELED & (NAMES != "cow"), query_mask=bees)
    assert learner.labeled_mask_.sum() == (LABELED & (NAMES != "cow")).sum() + 18


# -- classes, coded and out of distribution ---------------------------------------------


@pytest.mark.parametrize("estimator", [LogisticRegression(), make_net()])
def test_labels_come_back_as_they_went_in(estimator):
    for y in (NAMES, NAMES.astype(object), Y.astype(float) + 0.5 - 0.5, Y * 10):
        learner = make_learner(estimator).fit(X, y)
        assert_array_equal(learner.classes_, np.unique(y))
        assert learner.score(X, y) > 0.9


@pytest.mark.parametrize("estimator", [LogisticRegression(), make_net()])
def test_a_declared_class_without_a_label_has_a_column(estimator):
    first_two = LABELED & (Y < 2)
    learner = make_learner(estimator, classes=["bee", "cow", "ant"])
    y = np.where(first_two, NAMES.astype(object), -1)
    learner.start(X, y).refit()
    assert learner.classes_.tolist() == ["ant", "bee", "cow"]
    assert learner.predict_proba(X).shape == (90, 3)
    assert_allclose(learner.predict_proba(X).sum(axis=1), 1, rtol=1e-5)
    before = learner.predict_proba(X)[Y == 2, 2].mean()
    learner.tell(np.flatnonzero(Y == 2)[:10], ["cow"] * 10).refit()
    assert learner.predict_proba(X)[Y == 2, 2].mean() > before + 0.3


def test_minus_one_and_one_are_two_classes_of_a_simulation():
    y = np.where(Y == 0, -1, 1)
    learner = make_learner().fit(X, y)
    assert learner.classes_.tolist() == [-1, 1]
    assert learner.score(X, y) > 0.9


def test_out_of_distribution_rows_are_learned_as_one_class_more_and_never_predicted():
    learner = make_learner(
        make_net(), Spy(budget=25), scenario="ood", ood_label="cow", n_rounds=2
    )
    learner.fit(X, NAMES, labeled_mask=LABELED & (NAMES != "cow"))
    assert learner.classes_.tolist() == ["ant", "bee"]
    assert learner.estimator_.module_.head.out_features == 3
    assert_array_equal(learner.ood_mask_, learner.labeled_mask_ & (NAMES == "cow"))
    assert set(learner.predict(X)) == {"ant", "bee"}
    proba = learner.predict_proba(X)
    assert proba.shape == (90, 2)
    assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    # The network itself does know them, and the second round was told of the first's.
    columns = learner.estimator_.predict_proba(X)
    assert (columns.argmax(axis=1)[NAMES == "cow"] == 2).mean() > 0.9
    expected = columns[:, :2] / columns[:, :2].sum(axis=1, keepdims=True)
    assert_allclose(proba, expected, rtol=1e-5)
    first = learner.selected_rounds_ == 0
    assert_array_equal(Spy.seen[1][2], np.flatnonzero(first & (NAMES == "cow")))
    assert learner.history_[0]["n_ood"] == (first & (NAMES == "cow")).sum()


def test_certainly_out_of_distribution_is_no_class_rather_than_nan():
    learner = make_learner(LogisticRegression(C=1e6), ood_label=2, n_rounds=1)
    learner.fit(X, Y, labeled_mask=LABELED)
    proba = learner.predict_proba(np.array([[0, 1e4]], dtype=np.float32))
    assert_allclose(proba, [[0.5, 0.5]])


def test_score_leaves_out_rows_of_no_class():
    learner = make_learner(ood_label="cow").fit(X, NAMES)
    inside = NAMES != "cow"
    expected = (learner.predict(X[inside]) == NAMES[inside]).mean()
    assert learner.score(X, NAMES) == expected
    assert expected > 0.9


@pytest.mark.parametrize("kind", ["U5", object])
def test_score_counts_labels_that_no_one_has_heard_of(kind):
    learner = make_learner(n_rounds=1, keep_estimators=True)
    learner.fit(X[Y < 2], NAMES[Y < 2].astype(kind))
    expected = (learner.predict(X) == NAMES).mean()
    assert learner.score(X, NAMES.astype(kind)) == expected
    assert list(learner.staged_score(X, NAMES))[-1] == expected
    some = np.where(np.arange(90) < 30, NAMES.astype(object), -1)
    assert learner.score(X, some) == (learner.predict(X) == NAMES)[:30].mean()
    with pytest.raises(ValueError, match="holds no row of the classes"):
        learner.score(X, np.full(90, "cow"))


def test_rounds_are_scored_on_labels_as_they_were_told():
    known = np.where(LABELED, Y, -1).astype(object)
    learner = make_learner().start(X, known, X_val=X, y_val=Y.astype(object))
    learner.ask(4)
    assert learner.history_[0]["score"] == learner.score(X, Y)


@pytest.mark.parametrize("missing", [None, pd.NA])
@pytest.mark.parametrize("labels", [Y, NAMES])
def test_missing_labels_are_named(labels, missing):
    known = np.where(LABELED, labels.astype(object), missing)
    with pytest.raises(
        ValueError, match="position 12. Mark rows .* by -1, in an array"
    ):
        make_learner().start(X, known)


def test_an_oracle_may_answer_with_what_pandas_calls_missing():
    answers = pd.Series(np.where(np.arange(90) % 2, Y, -1), dtype="Int64").replace(
        -1, pd.NA
    )
    learner = make_learner(oracle=lambda rows: answers[rows], n_rounds=2)
    learner.fit(X, np.where(LABELED, Y, -1))
    found = learner.labeled_mask_ & ~LABELED
    assert found.any() and (np.flatnonzero(found) % 2 == 1).all()


def test_decision_function_drops_the_out_of_distribution_column():
    learner = make_learner(LinearSVC(), ood_label="cow").fit(X, NAMES)
    columns = learner.estimator_.decision_function(X)
    expected = columns[:, 1] - columns[:, 0]
    assert_allclose(learner.decision_function(X), expected)


@pytest.mark.parametrize("classes", [None, [0, 1]])
@pytest.mark.parametrize("ood_label", [None, 2])
@pytest.mark.parametrize("model", [LogisticRegression(), SVC(), LinearSVC()])
def test_decision_values_of_two_classes_are_those_of_the_classifier(
    model, ood_label, classes
):
    pair = Y < 2  # So that nothing is out of distribution, though it may be.
    learner = make_learner(model, ood_label=ood_label, classes=classes)
    learner.fit(X[pair], Y[pair])
    own = learner.estimator_.decision_function(X)
    assert_array_equal(learner.decision_function(X), own)


FOUR, IN_FOUR = make_blobs(120, centers=4, random_state=1)
PAIRS = SVC(decision_function_shape="ovo")


@pytest.mark.parametrize("n_classes", [2, 3, 4])
@pytest.mark.parametrize(
    "model, name",
    [
        (PAIRS, "decision_function_shape"),
        (make_pipeline(StandardScaler(), PAIRS), "svc__decision_function_shape"),
        (GridSearchCV(PAIRS, {"gamma": [0.1, 1]}, cv=2), "decision_function_shape"),
    ],
)
def test_decision_values_of_pairs_become_those_of_classes(model, name, n_classes):
    rows = n_classes > IN_FOUR
    A, y = FOUR[rows], IN_FOUR[rows]
    learner = make_learner(model, n_initial=40, n_rounds=1).fit(A, y)
    values = learner.decision_function(A)
    own = learner.estimator_.decision_function(A)
    if n_classes > 2:
        assert own.shape == (len(A), n_classes * (n_classes - 1) // 2)
        assert (values.argmax(axis=1) == learner.predict(A)).mean() > 0.95
    by_class = getattr(learner.estimator_, "best_estimator_", learner.estimator_)
    by_class = deepcopy(by_class).set_params(**{name: "ovr"})
    assert_array_equal(values, by_class.decision_function(A))


def test_the_output_argument_can_be_named():
    net = make_net(Unnamed)
    with pytest.raises(
        ValueError, match="3 outputs, but 4 are needed.*n_classes_param"
    ):
        make_learner(net, classes=[0, 1, 2, 3]).fit(X, Y)
    learner = make_learner(net, classes=[0, 1, 2, 3], n_classes_param="width").fit(X, Y)
    assert learner.estimator_.module_.head.out_features == 4


def test_the_users_number_of_outputs_is_kept_unless_ood_asks_for_one_more():
    net = make_net(module__n_classes=5)
    with pytest.raises(ValueError, match="5 outputs, but 3 are needed"):
        make_learner(net).fit(X, Y)
    net = make_net(module__n_classes=2)
    learner = make_learner(net, ood_label=2).fit(X, Y)
    assert learner.estimator_.module_.head.out_features == 3


def test_a_pipeline_that_ends_in_a_network_gets_its_outputs_too():
    model = make_pipeline(StandardScaler(), make_net())
    learner = make_learner(model, ood_label=2).fit(X, Y)
    assert learner.estimator_[-1].module_.head.out_features == 3


@pytest.mark.parametrize(
    "params, y, message",
    [
        ({"ood_label": -1}, Y, "`ood_label` is -1"),
        ({"classes": [0, 1]}, Y, r"not among the classes: 2; the classes are \[0, 1\]"),
        ({}, np.full(90, -1), "Declare them"),
        ({"scenario": "rare"}, Y, "mark them with `query_mask`"),
        ({"scenario": "ood"}, Y, "say by `ood_label`"),
        ({"scenario": "rear"}, Y, "Did you mean 'rare'"),
        ({"warm_start": True, "estimator": LinearSVC()}, Y, "parameter `warm_start`"),
    ],
)
def test_refused_at_the_door(params, y, message):
    with pytest.raises(ValueError, match=message):
        make_learner(**params).fit(X, y)


@pytest.mark.parametrize(
    "masks, message",
    [
        ({"labeled_mask": np.arange(12)}, "`labeled_mask` must be a boolean mask"),
        ({"query_mask": [True]}, "`query_mask` must be a boolean mask"),
        ({"labeled_mask": np.ones(90, bool)}, "marks 1 unlabeled rows .*position 89"),
    ],
)
def test_masks_are_refused_at_the_door(masks, message):
    y = np.where(np.arange(90) == 89, -1, Y)
    with pytest.raises(ValueError, match=message):
        make_learner(scenario="rare").fit(X, y, **{"query_mask": RARE, **masks})


def test_a_query_mask_without_a_query_is_warned_about():
    with pytest.warns(UserWarning, match="has no query"):
        make_learner().fit(X, Y, query_mask=RARE)


# -- training ---------------------------------------------------------------------------


def test_each_round_begins_anew_and_with_warm_start_where_the_last_ended():
    net = make_net(max_epochs=0)
    cold = make_learner(net, keep_estimators=True).fit(X, Y)
    first, second = (weights(e)["head.weight"] for e in cold.estimators_[:2])
    assert not np.allclose(first, second)
    warm = make_learner(net, keep_estimators=True, warm_start=True).fit(X, Y)
    first, second = (weights(e)["head.weight"] for e in warm.estimators_[:2])
    assert_array_equal(first, second)


def test_warm_start_of_a_scikit_learn_classifier_goes_on_from_its_coefficients():
    learner = make_learner(SpyClassifier(), keep_estimators=True, warm_start=True)
    learner.fit(X, Y)
    assert SpyClassifier.begun[0] is None
    for begun, estimator in zip(
        SpyClassifier.begun[1:], learner.estimators_[:-1], strict=True
    ):
        assert_array_equal(begun, estimator.coef_)
    SpyClassifier.begun.clear()
    make_learner(SpyClassifier()).fit(X, Y)
    assert SpyClassifier.begun == [None] * 4


def test_a_module_instance_is_where_every_round_begins_and_is_not_trained_itself():
    module = MLP(2, 3, 8)
    before = {k: v.clone() for k, v in module.state_dict().items()}
    learner = make_learner(make_net(module, max_epochs=0), keep_estimators=True)
    for estimator in learner.fit(X, Y).estimators_:
        assert_array_equal(weights(estimator)["head.weight"], before["head.weight"])
    learner = make_learner(make_net(module)).fit(X, Y)
    assert not np.allclose(
        weights(learner.estimator_)["head.weight"], before["head.weight"]
    )
    for name, value in module.state_dict().items():
        assert_array_equal(value, before[name])


def test_the_default_validation_split_is_off_and_any_other_is_kept():
    learner = make_learner(make_net()).fit(X, Y)
    assert learner.estimator_.train_split is None
    split = ValidSplit(2, stratified=True)
    learner = make_learner(make_net(train_split=split)).fit(X, Y)
    assert learner.estimator_.train_split.cv == 2


MONITORS = [
    (EarlyStopping(patience=2), "valid_loss"),
    (("mine", EarlyStopping("valid_acc")), "valid_acc"),
    (Checkpoint(), "valid_loss_best"),
    (LRScheduler(ReduceLROnPlateau, monitor="valid_loss"), "valid_loss"),
]


@pytest.mark.parametrize("callback, monitor", MONITORS)
def test_a_monitor_of_rows_that_are_not_held_out_is_refused(callback, monitor):
    for model in (net := make_net(callbacks=[callback]), make_pipeline(net)):
        with pytest.raises(ValueError, match=f"{monitor!r}.*train_split.*ValidSplit"):
            make_learner(model).fit(X, Y)


@pytest.mark.parametrize(
    "params",
    [
        {"train_split": ValidSplit(0.2)},
        {"callbacks__EarlyStopping__monitor": "train_loss"},
        {"callbacks__EarlyStopping": None},
        {"callbacks": "disable"},
    ],
)
def test_training_may_stop_early_by_what_is_there(params):
    settings = {"callbacks": [EarlyStopping(patience=2)], **params}
    learner = make_learner(make_net(**settings)).fit(X, Y)
    monitored = "valid_loss" in learner.estimator_.history[-1]
    assert monitored == ("train_split" in params)


def test_no_batch_is_a_single_row():
    net = make_net(Normalized, batch_size=10)
    learner = make_learner(net, n_initial=21, n_rounds=1).fit(X, Y)
    assert learner.history_[0]["n_labeled"] == 21  # Batch normalization did not fail.


@pytest.mark.parametrize("module", [OneLogit, NamedLogit])
def test_a_network_with_one_logit(module):
    net = NeuralNetBinaryClassifier(module, max_epochs=30, lr=0.1, verbose=0)
    y = NAMES[Y < 2]
    learner = make_learner(net).fit(X[Y < 2], y)
    assert learner.score(X[Y < 2], y) > 0.9


@pytest.mark.parametrize("module", [OneLogit, NamedLogit])
def test_a_network_with_one_logit_has_no_third_column(module):
    net = NeuralNetBinaryClassifier(module, verbose=0)
    with pytest.raises(ValueError, match="3 are needed.*a skorch.NeuralNetClassifier"):
        make_learner(net, ood_label="cow").fit(X, NAMES)


def test_training_as_in_the_paper_stops_at_its_target():
    net = NeuralNetClassifier(
        MLP, module__n_features=2, **{**paper_training(lr=0.1), "max_epochs": 80}
    )
    learner = make_learner(net, n_rounds=1).fit(X, Y, labeled_mask=LABELED)
    epochs = learner.estimator_.history
    assert epochs[-1, "train_acc"] >= 0.99
    assert (np.array(epochs[:-1, "train_acc"]) < 0.99).all()
    assert len(epochs) < 80


def test_the_learning_rate_is_annealed_by_a_cosine_of_the_epoch():
    settings = paper_training(max_epochs=10, target=1.1)
    net = NeuralNetClassifier(MLP, module__n_features=2, **settings)
    learner = make_learner(net, n_rounds=1).fit(X, Y)
    rates = learner.estimator_.history[:, "event_lr"]
    expected = 0.01 * (1 + np.cos(np.pi * np.arange(10) / 10)) / 2
    assert_allclose(rates, expected, rtol=1e-6)


def test_weights_are_drawn_by_the_rule_of_xavier_and_not_again_in_a_warm_start():
    net = NeuralNetClassifier(
        MLP, module__n_features=2, **paper_training(max_epochs=1, lr=1e-12)
    )
    learner = make_learner(net, keep_estimators=True, warm_start=True, n_rounds=1)
    first, second = (weights(e)["head.weight"] for e in learner.fit(X, Y).estimators_)
    # 64 inputs and 3 outputs; PyTorch's own rule would end at 1 / 8.
    assert 1 / 8 < np.abs(first).max() <= np.sqrt(6 / 67)
    assert_allclose(second, first, atol=1e-6)


class PressCtrlC(Callback):
    def on_epoch_end(self, net, **kwargs):
        os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def ctrl_c():
    """Ctrl-C as in a terminal; of a process in the background shells take it away."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_the_run_and_not_only_one_training(ctrl_c):
    before = signal.getsignal(signal.SIGINT)
    learner = make_learner(make_net(callbacks=[PressCtrlC()]))
    with pytest.raises(KeyboardInterrupt):
        learner.fit(X, Y)
    assert not hasattr(learner, "estimator_")
    assert signal.getsignal(signal.SIGINT) is before


def test_a_run_in_a_thread():
    with ThreadPoolExecutor(1) as pool:
        inside = pool.submit(make_learner(make_net()).fit, X, Y).result()
    assert picks(inside) == picks(make_learner(make_net()).fit(X, Y))


def test_the_users_objects_stay_as_they_are():
    net = make_net(module__n_classes=3, train_split=None).fit(X, Y.astype(np.int64))
    sampler = RandomSampler(budget=5)
    before = weights(net), net.get_params(deep=False), dict(vars(sampler))
    make_learner(net, sampler).fit(X, Y)
    assert all((weights(net)[k] == v).all() for k, v in before[0].items())
    assert net.get_params(deep=False) == before[1]
    assert vars(sampler) == before[2]


# -- seeds ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "estimator", [make_net(), RandomForestClassifier(5), LogisticRegression()]
)
def test_one_random_state_makes_the_whole_run_reproducible(estimator):
    runs = []
    for seed in (0, 0, 1):
        torch.manual_seed(len(runs))  # What the world's generators hold is no matter.
        np.random.seed(len(runs))
        learner = make_learner(estimator, SIMILARSampler(budget=5), random_state=seed)
        runs.append(learner.fit(X, Y))
    assert picks(runs[0]) == picks(runs[1])
    assert_array_equal(runs[0].predict_proba(X), runs[1].predict_proba(X))
    assert picks(runs[0]) != picks(runs[2])


@pytest.mark.parametrize("random_state", [0, None])
def test_the_worlds_random_states_are_untouched(random_state):
    def states():
        generators = random.getstate(), np.random.get_state()[1].tolist()
        return *generators, torch.get_rng_state().tolist()

    before = states()
    learner = make_learner(make_net(), random_state=random_state)
    learner.fit(X, Y).predict(X)
    assert states() == before


def test_random_states_that_the_user_set_are_kept():
    model = RandomForestClassifier(3, random_state=7)
    learner = make_learner(model).fit(X, Y)
    assert learner.estimator_.random_state == 7
    learner = make_learner(RandomForestClassifier(3)).fit(X, Y)
    assert isinstance(learner.estimator_.random_state, int)


# -- where scikit-learn users put estimators --------------------------------------------

EVAL = np.arange(90) >= 60
MASKS = {"labeled_mask": LABELED, "query_mask": RARE}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_grid_search_over_nested_parameters_and_whole_samplers(n_jobs):
    learner = make_learner(make_net(), SIMILARSampler(budget=5), scenario="rare")
    grid = [
        {"sampler__function": ["flqmi", "gcmi"], "sampler__eta": [0.5, 1.0]},
        {"sampler": [RandomSampler(budget=5)], "estimator__module__hidden": [4, 16]},
    ]
    search = GridSearchCV(
        learner, grid, cv=PoolSplit(EVAL, 2, random_state=0), n_jobs=n_jobs, refit=False
    )
    search.fit(X, Y, **MASKS)
    # The same by hand: every row but the evaluation rows is there in every fold.
    scores = np.empty((6, 2))
    for i, params in enumerate(search.cv_results_["params"]):
        for k, (train, test) in enumerate(search.cv.split(X, Y)):
            masks = {name: mask[train] for name, mask in MASKS.items()}
            fitted = clone(learner).set_params(**clone_values(params))
            fitted.fit(X[train], Y[train], **masks)
            scores[i, k] = (fitted.predict(X[test]) == Y[test]).mean()
    found = [search.cv_results_[f"split{k}_test_score"] for k in range(2)]
    assert_allclose(np.transpose(found), scores)


def test_grid_search_over_the_default_sampler():
    learner = ActiveLearner(LogisticRegression(), n_rounds=1, random_state=0)
    grid, cv = {"sampler__budget": [2, 3]}, PoolSplit(EVAL, 2, random_state=0)
    search = GridSearchCV(learner, grid, cv=cv).fit(X, Y, labeled_mask=LABELED)
    picked = search.best_estimator_.selected_rounds_ == 0
    assert picked.sum() == search.best_params_["sampler__budget"]
    assert learner.sampler is None


def test_parameters_of_the_default_sampler_beside_whole_samplers():
    learner = ActiveLearner(LogisticRegression(), n_rounds=1, random_state=0)
    grid = {"sampler": [None, RandomSampler()], "sampler__budget": [2, 3]}
    cv = PoolSplit(EVAL, 2, random_state=0)
    search = GridSearchCV(learner, grid, cv=cv, refit=False)
    search.fit(X, Y, labeled_mask=LABELED)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    with pytest.raises(ValueError, match="budgt"):
        learner.set_params(sampler__budgt=3)
    assert learner.sampler is None


def test_a_scenario_may_name_rows_that_are_unlabeled():
    first = Scenario(query=lambda pool: np.arange(len(X)) < 20)
    sampler = SIMILARSampler(budget=3, labels="hypothesized")
    learner = make_learner(sampler=sampler, scenario=first, n_rounds=2)
    learner.fit(X, Y, labeled_mask=LABELED)
    asked = learner.selected_rounds_ >= 0
    assert asked.sum() == 6 and not asked[:20].any()


@pytest.mark.parametrize("boxed", [pd.Series, list, np.array])
def test_an_oracle_may_not_know(boxed):
    def oracle(rows):
        return boxed([np.nan, *Y[rows[1:]].astype(float)])

    learner = make_learner(oracle=oracle, n_rounds=1)
    learner.fit(X, np.where(LABELED, Y, -1).astype(float))
    assert learner.history_[0]["n_skipped"] == 1


def test_classifiers_that_were_not_kept_cannot_be_asked():
    learner = make_learner(n_rounds=1).fit(X, Y, labeled_mask=LABELED)
    learner.set_params(keep_estimators=True)
    with pytest.raises(ValueError, match="before `fit`"):
        next(learner.staged_predict(X))


def clone_values(params):
    return {name: clone(value, safe=False) for name, value in params.items()}


def test_halving_search_over_rounds():
    search = HalvingGridSearchCV(
        make_learner(scenario="rare"),
        {"estimator__C": [1e-4, 1.0, 100.0]},
        resource="n_rounds",
        min_resources=1,
        max_resources=4,
        factor=2,
        cv=PoolSplit(EVAL, 2, random_state=0),
    ).fit(X, Y, **MASKS)
    assert search.n_resources_ == [1, 2]
    assert search.best_estimator_.n_rounds == 2
    assert len(search.best_estimator_.history_) == 3


def test_cross_validate_cuts_masks_with_the_rows():
    folds = KFold(5, shuffle=True, random_state=0)
    result = cross_validate(
        make_learner(scenario="rare"),
        X,
        Y,
        cv=folds,
        params=MASKS,
        return_estimator=True,
    )
    assert (result["test_score"] > 0.8).all()
    for learner, (train, _) in zip(result["estimator"], folds.split(X), strict=True):
        initial = learner.labeled_mask_ & (learner.selected_rounds_ == -1)
        assert_array_equal(initial, LABELED[train])


@pytest.mark.parametrize("routing", [False, True])
def test_masks_reach_a_learner_at_the_end_of_a_pipeline_in_a_search(routing):
    model = Pipeline(
        [("scale", StandardScaler()), ("learn", make_learner(sampler=Spy()))]
    )
    search = GridSearchCV(
        model.set_params(learn__scenario="rare"),
        {"learn__estimator__C": [1.0]},
        cv=PoolSplit(EVAL),
        refit=False,
        error_score="raise",
    )
    prefix = "" if routing else "learn__"
    with sklearn.config_context(enable_metadata_routing=routing):
        search.fit(X, Y, **{prefix + name: mask for name, mask in MASKS.items()})
    y, query, *_ = Spy.seen[0]
    assert_array_equal(query, np.flatnonzero(RARE))
    assert_array_equal(y, np.where(LABELED, Y, -1)[:60])


def test_a_pipeline_within_the_learner_is_fitted_on_labeled_rows():
    shifted = np.where(LABELED[:, None], X, X + 1000)
    learner = make_learner(make_pipeline(StandardScaler(), LogisticRegression()))
    learner.start(shifted, np.where(LABELED, Y, -1)).refit()
    assert_allclose(learner.estimator_[0].mean_, X[LABELED].mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("make_frame", [pd.DataFrame, pl.DataFrame], ids=["pd", "pl"])
@pytest.mark.parametrize(
    "estimator", [LogisticRegression(), make_net(), make_pipeline(StandardScaler())]
)
def test_frames_and_series_give_what_arrays_give(make_frame, estimator):
    if isinstance(estimator, Pipeline):
        estimator = make_pipeline(StandardScaler(), LogisticRegression())
    rows = X.astype(np.float64)
    frame = make_frame({"a": rows[:, 0], "b": rows[:, 1]})
    library = pd if make_frame is pd.DataFrame else pl
    series = {name: library.Series(mask) for name, mask in MASKS.items()}
    learner = make_learner(estimator, SIMILARSampler(budget=5), scenario="rare")
    framed = clone(learner).fit(frame, library.Series(NAMES.tolist()), **series)
    plain = clone(learner).fit(rows, NAMES, **MASKS)
    assert picks(framed) == picks(plain)
    assert_array_equal(framed.predict(frame), plain.predict(rows))
    # scikit-learn 1.6 does not know the names of a recent polars.
    known = getattr(StandardScaler().fit(frame), "feature_names_in_", None)
    assert_array_equal(getattr(framed, "feature_names_in_", None), known)


def test_masks_as_lists():
    lists = {name: mask.tolist() for name, mask in MASKS.items()}
    learner = make_learner(scenario="rare")
    assert picks(clone(learner).fit(X, Y, **lists)) == picks(learner.fit(X, Y, **MASKS))


def test_a_fitted_learner_survives_pickling_and_clones_to_an_unfitted_one():
    learner = make_learner(make_net(), SIMILARSampler(budget=5)).fit(X, NAMES)
    again = pickle.loads(pickle.dumps(learner))
    assert_array_equal(again.predict_proba(X), learner.predict_proba(X))
    assert again.history_ == learner.history_
    with pytest.raises(NotFittedError):
        clone(learner).predict(X)


@pytest.mark.parametrize("sampler", [RandomSampler(), SIMILARSampler()])
def test_a_fitted_learner_lets_go_of_the_rows(sampler):
    rows = X.copy()
    alive = weakref.ref(rows)
    learner = make_learner(make_net(), sampler).fit(rows, Y)
    del rows
    gc.collect()
    assert alive() is None
    assert learner.score(X, Y) > 0.8


def test_html_shows_the_parts():
    html = make_learner(make_net(), SIMILARSampler())._repr_html_()
    assert "SIMILARSampler" in html
    assert "NeuralNetClassifier" in html


def test_a_classifier_without_probabilities():
    learner = make_learner(LinearSVC()).fit(X, NAMES)
    assert learner.score(X, NAMES) > 0.9
    assert not hasattr(learner, "predict_proba")
    assert not hasattr(make_learner(RandomForestClassifier()), "decision_function")


# -- rows that are not loaded -----------------------------------------------------------


def test_a_dataset_is_read_row_by_row_and_its_labels_are_not_believed():
    dataset = CountingRows(X)
    learner = make_learner(make_net(), n_rounds=1).fit(dataset, Y, labeled_mask=LABELED)
    assert set(dataset.read) == set(np.flatnonzero(learner.labeled_mask_))
    same = make_learner(make_net(), n_rounds=1).fit(X, Y, labeled_mask=LABELED)
    assert picks(learner) == picks(same)
    assert_array_equal(learner.predict(dataset), same.predict(X))


def test_a_similar_sampler_reads_every_row_of_a_dataset_once_a_round():
    dataset = CountingRows(X)
    learner = make_learner(make_net(max_epochs=0), SIMILARSampler(budget=5), n_rounds=2)
    learner.fit(dataset, Y, labeled_mask=LABELED)
    reads = np.bincount(dataset.read, minlength=90)
    assert reads[~learner.labeled_mask_].tolist() == [2] * 68
    same = make_learner(make_net(max_epochs=0), SIMILARSampler(budget=5), n_rounds=2)
    assert picks(learner) == picks(same.fit(X, Y, labeled_mask=LABELED))


def test_a_slice_dataset_gives_what_the_array_gives():
    rows = SliceDataset(CountingRows(X))
    learner = make_learner(make_net(), SIMILARSampler(budget=5))
    assert picks(clone(learner).fit(rows, Y)) == picks(learner.fit(X, Y))
    search = GridSearchCV(learner, {"n_rounds": [1]}, cv=PoolSplit(EVAL), refit=False)
    search.fit(rows, Y)
    assert search.cv_results_["mean_test_score"][0] > 0.8


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_a_memmap_is_never_in_memory_whole(tmp_path, dtype):
    rows = np.memmap(tmp_path / "rows", dtype, mode="w+", shape=(40_000, 200))
    rows[:, 0] = np.arange(40_000) % 2
    y = np.arange(40_000) % 2
    net = make_net(module__n_features=200, iterator_valid__batch_size=512)
    learner = make_learner(net, SIMILARSampler(function="gc", budget=5), n_rounds=1)
    tracemalloc.start()
    learner.fit(rows, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < rows.size * 4 / 4  # A quarter of the rows in float32.
    assert learner.labeled_mask_.sum() == 15


# -- a person ---------------------------------------------------------------------------


def begin(**params):
    y = np.where(LABELED, NAMES.astype(object), -1)
    return make_learner(make_net(), **params).start(X, y)


def test_ask_twice_gives_the_same_rows():
    learner = begin()
    rows = learner.ask(4)
    assert rows.dtype == np.int64
    assert len(rows) == 4
    assert_array_equal(learner.ask(), rows)
    assert_array_equal(learner.ask(9), rows)
    assert_array_equal(learner.ask(2), rows[:2])


def test_a_person_who_answers_like_y_gets_the_run_of_fit():
    learner = begin()
    for _ in range(3):
        rows = learner.ask()
        learner.tell(rows, NAMES[rows]).refit()
    fitted = make_learner(make_net()).fit(X, NAMES, labeled_mask=LABELED)
    assert picks(learner) == picks(fitted)
    assert_array_equal(learner.predict_proba(X), fitted.predict_proba(X))


def test_answers_may_be_partial_repeated_corrected_and_unasked():
    learner = begin()
    rows = learner.ask()
    learner.tell(rows[1:3], NAMES[rows[1:3]])
    assert_array_equal(learner.ask(), rows[[0, 3, 4]])
    learner.tell(rows[1:3], NAMES[rows[1:3]])
    assert learner.labeled_mask_.sum() == 14
    learner.tell(rows[:1], ["ant"]).tell(rows[:1], ["bee"]).tell(rows[3:], ["ant"] * 2)
    assert not np.isin(learner.ask(), rows).any()
    other = np.setdiff1d(np.flatnonzero(~learner.labeled_mask_), learner.ask())[0]
    learner.tell([other], ["cow"])
    assert learner.labeled_mask_[other]
    assert learner.selected_rounds_[other] == -1
    counts = learner.refit().history_[-1]["labeled_per_class"]
    first = {name: (NAMES[LABELED] == name).sum() for name in ("ant", "bee", "cow")}
    told = ["bee", *NAMES[rows[1:3]], "ant", "ant", "cow"]
    assert counts == {name: n + told.count(name) for name, n in first.items()}


def test_telling_does_not_train():
    learner = begin()
    rows = learner.ask()
    before = learner.predict_proba(X)
    learner.tell(rows, NAMES[rows])
    assert_array_equal(learner.predict_proba(X), before)
    assert (learner.refit().predict_proba(X) != before).any()


def test_rows_that_nobody_can_label_are_not_asked_for_again():
    learner = begin(sampler=RandomSampler(budget=78))
    rows = learner.ask()
    learner.tell([], [], skipped=rows[:70])
    assert_array_equal(learner.ask(), rows[70:])
    learner.tell(rows[70:], NAMES[rows[70:]])
    assert len(learner.ask()) == 0
    assert learner.labeled_mask_.sum() == 20
    assert learner.history_[0]["n_skipped"] == 70


def test_skipping_takes_a_label_back():
    learner = begin().tell([3], [NAMES[3]], skipped=[4])
    assert_array_equal(np.flatnonzero(LABELED & ~learner.labeled_mask_), [4])


def test_without_any_label_the_first_rows_are_drawn_at_random():
    learner = make_learner(make_net(), SIMILARSampler(budget=9), classes=[0, 1, 2])
    learner.start(X, np.full(90, -1))
    with pytest.raises(ValueError, match="call `tell` before `refit`"):
        learner.refit()
    rows = learner.ask()
    assert len(set(rows)) == 9
    assert not hasattr(learner, "estimator_")
    learner.tell(rows, Y[rows]).refit()
    assert learner.score(X, Y) > 0.5
    other = clone(learner).set_params(random_state=1).start(X, np.full(90, -1)).ask()
    assert set(other) != set(rows)


def test_rows_stay_positions_in_x_and_are_never_asked_for_twice():
    learner, asked = begin(), []
    while len(rows := learner.ask(17)):
        asked.extend(rows)
        learner.tell(rows, NAMES[rows])
    assert sorted(asked) == np.flatnonzero(~LABELED).tolist()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([0], ["dog"]), r"not among the classes: 'dog'"),
        (([0, 1], ["ant"]), "names 2 rows, and there are 1 labels"),
        (([90], ["ant"]), "from 0 to 89; got 90 to 90"),
        (([-1], ["ant"]), "from 0 to 89; got -1 to -1"),
        (([3, 3], ["ant", "ant"]), "names row 3 more than once"),
        ((LABELED, ["ant"] * 90), "must be positions in X"),
        (([0], [-1]), "Pass rows that nobody can label as `skipped`"),
    ],
)
def test_answers_that_make_no_sense_are_refused_and_change_nothing(arguments, message):
    learner = begin()
    rows = learner.ask()
    with pytest.raises(ValueError, match=message):
        learner.tell(*arguments)
    assert_array_equal(learner.labeled_mask_, LABELED)
    assert_array_equal(learner.ask(), rows)


def test_a_session_survives_pickling():
    learner = begin()
    learner.start(X, np.where(LABELED, NAMES.astype(object), -1), X_val=X, y_val=NAMES)
    rows = learner.ask()
    again = pickle.loads(pickle.dumps(learner))
    for one in (learner, again):
        one.tell(rows, NAMES[rows]).refit()
    assert_array_equal(again.ask(), learner.ask())
    assert again.history_[1]["score"] == learner.history_[1]["score"]


def test_a_row_is_labeled_or_skipped():
    with pytest.raises(ValueError, match="Row 7 is both"):
        begin().tell([7], ["ant"], skipped=[7])


def test_steps_need_a_start():
    learner = make_learner()
    for step in (learner.ask, learner.refit, lambda: learner.tell([0], [0])):
        with pytest.raises(NotFittedError, match="call `start"):
            step()
    learner.fit(X, Y)
    with pytest.raises(NotFittedError, match="ends with it"):
        learner.ask()
    with pytest.raises(NotFittedError):
        make_learner().start(X, Y).predict(X)
    with pytest.raises(ValueError, match="Did you mean 'query_mask'"):
        make_learner().start(X, Y, query_mak=RARE)


class Oracle:
    """Answers for itself, but not for every seventh row."""

    def __init__(self):
        self.asked = []

    def __call__(self, rows):
        self.asked.extend(rows)
        return [None if row % 7 == 0 else NAMES[row] for row in rows]


def test_an_oracle_answers_for_rows_that_y_does_not_know():
    y = np.where(LABELED, NAMES.astype(object), -1)
    oracle = Oracle()
    learner = make_learner(oracle=None, n_rounds=30)
    learner.set_params(oracle=oracle.__call__).fit(X, y)
    unknown = np.flatnonzero(~LABELED)
    assert sorted(oracle.asked) == unknown.tolist()
    assert_array_equal(learner.labeled_mask_, LABELED | (np.arange(90) % 7 != 0))
    short = make_learner(oracle=lambda rows: ["ant"])
    with pytest.raises(ValueError, match="1 labels for 5 rows"):
        short.fit(X, y)


# -- what happened, and when to stop ----------------------------------------------------


def test_history_says_what_happened_in_words_that_json_knows():
    learner = make_learner(
        make_net(), SIMILARSampler(budget=5), scenario="rare", keep_estimators=True
    )
    learner.fit(X, NAMES, **MASKS, X_val=X[60:], y_val=NAMES[60:])
    assert json.loads(json.dumps(learner.history_)) == learner.history_
    stages = learner.staged_predict(X[60:])
    for record, y_pred in zip(learner.history_, stages, strict=True):
        assert record["score"] == (y_pred == NAMES[60:]).mean()
        assert record["seconds_train"] > 0
    for number, record in enumerate(learner.history_[:-1]):
        chosen = NAMES[learner.selected_rounds_ == number]
        assert record["selected_per_class"] == {
            name: (chosen == name).sum() for name in ("ant", "bee", "cow")
        }
        assert record["n_rare"] == (chosen == "cow").sum()
        assert record["value"] == pytest.approx(sum(record["gains"]), rel=1e-6)
        assert record["seconds_embed"] > 0
        assert record["seconds_select"] > 0
    frame = learner.history_frame()
    assert frame["labeled_per_class.cow"].tolist() == [
        record["labeled_per_class"]["cow"] for record in learner.history_
    ]


def test_rounds_are_scored_as_asked():
    learner = make_learner(scoring="neg_log_loss").fit(X, Y, X_val=X, y_val=Y)
    proba = learner.predict_proba(X)[np.arange(90), Y]
    assert learner.history_[-1]["score"] == pytest.approx(np.log(proba).mean())


def test_stop_rules():
    learner = make_learner(n_rounds=9, stopping=BudgetSpent(20)).fit(X, Y)
    assert [record["n_labeled"] for record in learner.history_] == [10, 15, 20]
    assert learner.stop_reason_ == "BudgetSpent(n_labels=20)"
    learner = make_learner(stopping=[BudgetSpent(99), TargetScore(0.5)])
    learner.fit(X, Y, X_val=X, y_val=Y)
    assert len(learner.history_) == 1
    assert learner.stop_reason_ == "TargetScore(target=0.5)"
    with pytest.raises(ValueError, match="pass X_val and y_val"):
        learner.fit(X, Y)
    assert make_learner().fit(X, Y).stop_reason_ is None


def test_stop_once_gains_saturate():
    one = np.arange(90) == RARE.argmax()
    sampler = SIMILARSampler(function="flvmi", budget=30)
    learner = make_learner(
        make_net(), sampler, scenario="rare", grow_query=False, stopping=Saturated(0.5)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        learner.fit(X, Y, labeled_mask=LABELED, query_mask=one)
    assert learner.history_[0]["n_informative"] < 15
    assert len(learner.history_) == 2
    assert learner.stop_reason_ == "Saturated(share=0.5)"


def test_stop_once_predictions_settle():
    learner = make_learner(n_rounds=9, keep_estimators=True, stopping=Settled(0.02))
    learner.fit(X, Y, labeled_mask=LABELED)
    stages, changed = list(learner.staged_predict(X)), [None]
    for number, (before, after) in enumerate(itertools.pairwise(stages)):
        picked = (learner.selected_rounds_ >= 0) & (learner.selected_rounds_ <= number)
        rest = ~LABELED & ~picked
        changed.append((before != after)[rest].mean())
    assert [record.get("changed") for record in learner.history_] == changed
    assert changed[-1] <= 0.02 < min(changed[1:-1], default=1)
    assert learner.stop_reason_ == "Settled(share=0.02)"


class Listener:
    """A callback of scikit-learn 1.9 that stops the second round."""

    def __init__(self):
        self.scores = []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        if context.task_name == "round":
            self.scores.append((len(X), fitted_estimator.score(X, y)))
        return len(self.scores) == 2


def test_callbacks_of_scikit_learn_hear_of_every_round_and_may_stop():
    pytest.importorskip("sklearn.callback")
    listener = Listener()
    learner = make_learner().set_callbacks(listener).fit(X, NAMES, labeled_mask=LABELED)
    assert [n_rows for n_rows, _ in listener.scores] == [12, 17]
    assert min(score for _, score in listener.scores) > 0.9
    assert learner.stop_reason_ == "callback"
    assert len(learner.history_) == 2


def test_scoring_monitor_logs_every_round():
    callback = pytest.importorskip("sklearn.callback")
    monitor = callback.ScoringMonitor(scoring="accuracy")
    learner = make_learner().set_callbacks(monitor).fit(X, NAMES, labeled_mask=LABELED)
    scores = [entry["accuracy"] for entry in monitor.get_logs().data]
    assert len(scores) == len(learner.history_)
    rows = learner.labeled_mask_
    assert scores[-1] == learner.score(X[rows], NAMES[rows])


def test_loggers_of_skorch_write_in_every_round():
    lines = []
    net = make_net().set_params(
        callbacks=[("log", PrintLog(sink=lines.append))], verbose=1, max_epochs=3
    )
    learner = make_learner(net).fit(X, Y, labeled_mask=LABELED)
    epochs = [line for line in lines if line.split() and line.split()[0].isdigit()]
    assert len(epochs) == 3 * len(learner.history_)


@pytest.mark.parametrize("sharpness", [2.0, 50.0])
def test_the_exponent_of_the_sharpened_kernel_is_a_parameter(sharpness):
    sampler = SIMILARSampler(function=FacilityLocation(), budget=4)
    learner = make_learner(
        sampler=sampler, scenario="redundancy+ood", ood_label="cow", n_rounds=1
    ).set_params(sampler__function__sharpness=sharpness)
    begun = LABELED & (NAMES != "cow")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Saturation.
        learner.fit(X, NAMES, labeled_mask=begun, query_mask=begun)
    last = learner.sampler_
    assert last.function_.sharpness == sharpness
    assert np.isin(last.query_, last.conditioning_).all()


def test_progress_over_rounds(capsys):
    make_learner(verbose=1).fit(X, Y)
    assert "3/3" in capsys.readouterr().err


def test_only_kept_estimators_can_be_staged():
    with pytest.raises(ValueError, match="keep_estimators=True"):
        next(make_learner().fit(X, Y).staged_predict(X))


def test_a_sampler_that_returns_other_rows_is_named():
    class Wrong(RandomSampler):
        def _select(self, n):
            return np.arange(n)

    with pytest.raises(ValueError, match=r"Wrong.select\(\) returned row 0"):
        make_learner(sampler=Wrong(budget=3)).fit(X, Y, labeled_mask=LABELED)


def test_real_digits_rare_classes_are_found_sooner_than_by_chance():
    digits, y = load_digits(return_X_y=True)
    rng = np.random.RandomState(0)
    rare = np.flatnonzero(y >= 8)
    keep = np.setdiff1d(np.arange(len(y)), rng.permutation(rare)[40:])
    digits, y = (digits[keep] / 16).astype(np.float32), y[keep]
    order = rng.permutation(len(y))
    common, few = order[y[order] < 8][:60], order[y[order] >= 8][:10]
    masks = {"labeled_mask": np.isin(np.arange(len(y)), [*common, *few])}
    masks["query_mask"] = np.isin(np.arange(len(y)), few)
    net = make_net(module__n_features=64, module__hidden=32, max_epochs=30)
    found = {}
    for sampler in (
        SIMILARSampler(function="flqmi", budget=30),
        RandomSampler(budget=30),
    ):
        learner = make_learner(net, sampler, scenario="rare", n_rounds=2)
        learner.fit(digits, y, **masks)
        found[type(sampler)] = sum(r["n_rare"] for r in learner.history_[:-1])
    # Of 1400 candidates 30 are rare: chance finds 1.3 of 60, give or take 1.1.
    assert found[SIMILARSampler] >= 15
    assert found[RandomSampler] <= 5


def test_start_says_that_there_is_nothing_to_ask_for():
    X = np.arange(6.0)[:, None]
    learner = ActiveLearner(LogisticRegression(), RandomSampler())
    with pytest.warns(UserWarning, match="`y` holds no -1"):
        assert not len(learner.start(X, ["cat", "dog"] + 4 * ["?"]).ask())
    known = np.array(["cat", "dog", -1, -1, -1, -1], dtype=object)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(learner.start(X, known).ask(3)) == 3
        assert list(learner.classes_) == ["cat", "dog"]


# -- labels that are few, taken back, or none --------------------------------------------


@pytest.mark.parametrize("estimator", [LogisticRegression(), make_net()])
def test_a_label_taken_back_is_none(estimator):
    learner = make_learner(estimator).start(X, np.where(LABELED, Y, -1))
    learner.refit().tell([], [], skipped=[0, 1, 2]).refit()
    kept = np.where(LABELED & (np.arange(90) > 2), Y, -1)
    fresh = make_learner(estimator).start(X, kept).refit()
    assert_array_equal(learner.labeled_mask_, fresh.labeled_mask_)
    assert learner.predict_proba(X).shape == (90, 3)
    assert_allclose(learner.predict_proba(X).sum(axis=1), 1, rtol=1e-5)
    if isinstance(estimator, LogisticRegression):
        assert_allclose(learner.predict_proba(X), fresh.predict_proba(X))


@pytest.mark.parametrize("estimator", [LogisticRegression(), make_net()])
def test_as_long_as_labels_are_of_one_class_rows_are_drawn_at_random(estimator):
    learner = make_learner(estimator, classes=[0, 1, 2])
    learner.start(X, np.full(90, -1))
    for _ in range(3):
        rows = learner.ask(4)
        learner.tell(rows, np.zeros(4, dtype=int))
        assert not hasattr(learner, "estimator_")
    assert "seconds_train" not in learner.history_[2]
    learner.tell([rows[0]], [1]).ask(4)
    assert set(np.unique(learner.predict(X))) <= {0, 1, 2}
    assert learner.history_[3]["seconds_train"] > 0


def test_an_oracle_may_begin_with_one_class():
    first = np.flatnonzero(Y == 0)[:3]
    known = np.where(np.isin(np.arange(90), first), Y, -1)
    learner = make_learner(oracle=Y.__getitem__, classes=[0, 1, 2], n_rounds=6)
    learner.fit(X, known)
    assert learner.labeled_mask_.sum() == 3 + 6 * 5
    assert learner.score(X, Y) > 0.9


def test_one_class_to_the_end_is_told_by_the_classifier():
    learner = make_learner(LogisticRegression(), classes=[0, 1, 2], n_rounds=1)
    with pytest.raises(ValueError, match="class"):
        learner.set_params(oracle=np.zeros_like(Y).__getitem__).fit(X, np.zeros_like(Y))


def test_what_is_published_is_not_what_is_worked_with():
    learner = make_learner().start(X, np.where(LABELED, Y, -1))
    learner.labeled_mask_[:] = True
    learner.selected_rounds_[:] = 7
    rows = learner.ask(4)
    assert len(rows) == 4 and not LABELED[rows].any()


def test_a_share_of_the_optimum_is_recorded_where_it_is_one():
    for function, positive in ("flqmi", True), ("logdet", False):
        sampler = SIMILARSampler(function=function, budget=10)
        learner = make_learner(sampler=sampler, scenario="rare", n_rounds=1)
        learner.fit(X, Y, labeled_mask=LABELED, query_mask=RARE)
        record = learner.history_[0]
        assert (min(record["value"], record.get("bound", 0)) > 0) == positive
        assert ("certified_ratio" in record) == positive


# -- rows of several arrays -------------------------------------------------------------


class Bag(nn.Module):
    """Classify the mean of embedded tokens; padding does not count."""

    def __init__(self, n_classes):
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.head = nn.Linear(8, n_classes)

    def forward(self, tokens, weight):
        return self.head((self.embedding(tokens) * weight[..., None]).mean(dim=1))


TOKENS = np.random.default_rng(0).integers(0, 20, (90, 5))
WEIGHT = (TOKENS > 3).astype("float32")
TOPICS = TOKENS.max(axis=1) % 3


class Texts(Dataset):
    def __len__(self):
        return len(TOKENS)

    def __getitem__(self, i):
        return {"tokens": TOKENS[i], "weight": WEIGHT[i]}, 0


@pytest.mark.parametrize("convert", [np.asarray, torch.as_tensor])
@pytest.mark.parametrize(
    "sampler",
    [
        SIMILARSampler(budget=4),
        SIMILARSampler(budget=4, n_partitions=2, n_jobs=2),
        DistinctMarginSampler(budget=4),
    ],
)
def test_rows_of_a_dict_are_those_of_a_dataset(convert, sampler, tmp_path):
    texts = SliceDict(tokens=convert(TOKENS), weight=convert(WEIGHT))
    net = make_net(Bag, max_epochs=3)
    query = np.arange(90) < 3

    def learn(X, **options):
        learner = ActiveLearner(
            net, sampler, scenario="rare", n_rounds=3, random_state=0, **options
        )
        return learner.fit(X, TOPICS, query_mask=query)

    learner, expected = learn(texts, checkpoint=tmp_path / "run"), learn(Texts())
    assert_array_equal(learner.selected_rounds_, expected.selected_rounds_)
    assert_array_equal(learner.predict_proba(texts), expected.predict_proba(Texts()))
    assert learner.score(texts, TOPICS) == expected.score(Texts(), TOPICS)
    again = learn(texts, checkpoint=tmp_path / "run")
    assert_array_equal(again.predict_proba(texts), expected.predict_proba(Texts()))


def test_a_dict_to_score_on_is_refused_as_one_to_learn_from():
    learner = make_learner(n_rounds=1).fit(X, Y)
    with pytest.raises(TypeError, match="`X` is a dict, .*SliceDict"):
        learner.score({"a": X}, Y)
    with pytest.raises(TypeError, match="`X` is a dict, .*SliceDict"):
        learner.fit(X, Y, X_val={"a": X}, y_val=Y)
