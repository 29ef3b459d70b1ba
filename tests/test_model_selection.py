"""Splits that leave the pool whole, and scores of whole runs."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_blobs
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    check_cv,
    cross_validate,
)

from sksimilar import RandomSampler
from sksimilar.learner import ActiveLearner
from sksimilar.model_selection import (
    LabelsToReach,
    PoolSplit,
    area_under_learning_curve,
    learning_curve_area,
    rare_accuracy,
)

X, Y = make_blobs(120, centers=3, cluster_std=1.2, random_state=0)
EVAL = np.arange(120) % 3 == 0
LEARNER = ActiveLearner(
    LogisticRegression(),
    RandomSampler(budget=10),
    n_rounds=3,
    keep_estimators=True,
    random_state=0,
)


class Staged:
    """Stands for a learner whose accuracies are known."""

    history_ = (
        {"n_labeled": 10, "seconds_train": 0.1},
        {"n_labeled": 20, "seconds_train": 0.1},
        {"n_labeled": 20},
        {"n_labeled": 50, "seconds_train": 0.1},
    )
    labeled_mask_ = np.zeros(200, bool)

    def staged_score(self, X, y):
        yield from (0.25, 0.5, 0.75)


@pytest.mark.parametrize("n_splits", [1, 2, 4])
def test_every_other_row_is_trained_on_in_every_fold(n_splits):
    folds = list(PoolSplit(EVAL, n_splits, random_state=0).split(X, Y))
    assert len(folds) == n_splits
    for train, _ in folds:
        assert_array_equal(train, np.flatnonzero(~EVAL))
    tested = np.sort(np.concatenate([test for _, test in folds]))
    assert_array_equal(tested, np.flatnonzero(EVAL))


def test_test_folds_are_stratified_where_they_can_be():
    y = np.where(np.arange(120) < 60, "a", "b")
    for _, test in PoolSplit(EVAL, 4).split(X, y):
        assert (y[test] == "a").sum() == 5
    y[0] = "c"  # A single row cannot be in all folds.
    assert len(list(PoolSplit(EVAL, 4).split(X, y))) == 4


def test_folds_are_stratified_by_texts_beside_numbers():
    mixed = Y.astype(object)
    mixed[Y == 2] = "foreign"
    folds = [
        PoolSplit(EVAL, n_splits=2, random_state=0).split(X, labels)
        for labels in (Y, mixed)
    ]
    for (_, test), (_, other) in zip(*folds):
        assert_array_equal(np.bincount(Y[test]), np.bincount(Y[other]))


def test_folds_are_drawn_by_the_random_state():
    def tests(random_state):
        splits = PoolSplit(EVAL, 2, random_state=random_state)
        return [test.tolist() for _, test in splits.split(X, Y)]

    assert tests(0) == tests(0)
    assert tests(0) != tests(1)


@pytest.mark.parametrize(
    "mask, n_splits, y, message",
    [
        (np.flatnonzero(EVAL), 2, Y, "`eval_mask` must be a boolean mask"),
        (EVAL[:60], 2, Y, "`eval_mask` must be a boolean mask"),
        (np.zeros(120, bool), 1, Y, "marks 0 rows for 1 test folds"),
        (EVAL, 41, Y, "marks 40 rows for 41 test folds"),
        (EVAL, 2, np.where(np.arange(120) == 3, -1, Y), "marks 1 unlabeled rows"),
    ],
)
def test_splits_that_cannot_be_are_refused(mask, n_splits, y, message):
    with pytest.raises(ValueError, match=message):
        list(PoolSplit(mask, n_splits).split(X, y))


def test_a_pool_split_is_a_splitter_that_can_be_sent_to_other_processes():
    splits = PoolSplit(EVAL, 3, random_state=0)
    assert check_cv(splits) is splits
    assert splits.get_n_splits() == 3
    assert repr(splits) == "PoolSplit(40 evaluation rows, n_splits=3)"
    again = pickle.loads(pickle.dumps(splits))
    for (_, first), (_, second) in zip(
        splits.split(X, Y), again.split(X, Y), strict=True
    ):
        assert_array_equal(first, second)


def test_no_label_of_an_evaluation_row_is_trained_on():
    result = cross_validate(
        LEARNER, X, Y, cv=PoolSplit(EVAL, 2, random_state=0), return_estimator=True
    )
    for learner in result["estimator"]:
        assert len(learner.labeled_mask_) == 80
        assert learner.labeled_mask_.sum() == 40


def test_evaluation_rows_stay_out_of_a_refit_by_candidate_mask():
    search = GridSearchCV(LEARNER, {"estimator__C": [1.0]}, cv=PoolSplit(EVAL))
    search.fit(X, Y, candidate_mask=~EVAL)
    best = search.best_estimator_
    assert not best.labeled_mask_[EVAL].any()
    assert best.labeled_mask_.sum() == 40


def test_rare_accuracy_is_the_mean_over_classes_whatever_their_size():
    y_true = ["a"] * 8 + ["b"] * 4 + ["c"] * 2
    y_pred = ["a"] * 8 + ["b", "a", "a", "a"] + ["c", "c"]
    assert rare_accuracy(y_true, y_pred, classes=["b", "c"]) == (1 / 4 + 1) / 2
    assert rare_accuracy(y_true, y_pred, classes=["c", "never"]) == 1
    assert np.isnan(rare_accuracy(y_true, y_pred, classes=["never"]))


def test_area_is_the_mean_of_a_piecewise_linear_curve():
    assert learning_curve_area([10, 20, 50], [0.0, 1.0, 1.0]) == (10 * 0.5 + 30) / 40
    assert learning_curve_area([10, 20, 20, 50], [0, 1, 1, 1]) == 35 / 40
    assert learning_curve_area([10], [0.3]) == 0.3
    assert learning_curve_area(pd.Series([10, 20], index=[3, 4]), [0.0, 1.0]) == 0.5
    several = learning_curve_area([0, 10, 40], [[0, 1, 1], [2, 2, 2]])
    assert_allclose(several, [0.875, 2])
    # Labels that were taken back do not make a curve run backwards.
    assert_allclose(learning_curve_area([10, 20, 12], [0.5, 0.9, 0.9]), 0.7)
    grid = np.linspace(10, 50, 100_001)
    fine = np.interp(grid, [10, 20, 50], [0.25, 0.5, 0.75]).mean()
    assert area_under_learning_curve(Staged(), X, Y) == pytest.approx(fine, abs=1e-5)


@pytest.mark.parametrize(
    "target, score", [(0.2, -10), (0.5, -20), (0.6, -50), (0.8, -200)]
)
def test_labels_to_reach_a_target(target, score):
    assert LabelsToReach(target)(Staged(), X, Y) == score


def test_the_scorers_work_in_a_search():
    scoring = {
        "area": area_under_learning_curve,
        "labels": LabelsToReach(0.8),
        "rare": make_scorer(rare_accuracy, classes=[2]),
        "accuracy": "accuracy",
    }
    search = GridSearchCV(
        LEARNER,
        {"estimator__C": [1e-6, 1.0]},
        scoring=scoring,
        cv=PoolSplit(EVAL),
        refit=False,
        error_score="raise",
    ).fit(X, Y)
    results = search.cv_results_
    fitted = LEARNER.fit(X[~EVAL], Y[~EVAL])
    accuracies = [
        (estimator.predict(X[EVAL]) == Y[EVAL]).mean()
        for estimator in fitted.estimators_
    ]
    area = (accuracies[0] / 2 + sum(accuracies[1:-1]) + accuracies[-1] / 2) / 3
    assert results["mean_test_area"][1] == pytest.approx(area)
    of_class = Y[EVAL] == 2
    right = (fitted.predict(X[EVAL]) == 2)[of_class].mean()
    assert results["mean_test_rare"][1] == pytest.approx(right)
    reached = 10 + 10 * np.flatnonzero(np.array(accuracies) >= 0.8)[0]
    assert results["mean_test_labels"][1] == -reached
    assert results["mean_test_accuracy"][0] < results["mean_test_accuracy"][1]


@pytest.mark.parametrize("n_splits", [1, 2])
@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
def test_halving_refuses_folds_that_may_differ_from_call_to_call(
    n_splits, random_state
):
    cv = PoolSplit(EVAL, n_splits, random_state=random_state)
    rounds = {"resource": "n_rounds", "max_resources": 4}
    search = HalvingGridSearchCV(LEARNER, {"n_initial": [5, 10]}, cv=cv, **rounds)
    with pytest.raises(ValueError, match="random_state to an int"):
        search.fit(X, Y)


def test_a_label_of_another_kind_is_of_no_rare_class():
    y_true = np.array(["a", "b", 99], dtype=object)
    assert rare_accuracy(y_true, ["a", "a", "b"], classes=["a", "b"]) == 0.5
    assert rare_accuracy([0, 1, -5], np.array([0, 0, 0]), classes=[1, 0]) == 0.5


def test_labels_may_be_a_frame_of_one_column():
    frame = pd.DataFrame({"y": Y})
    for got, wanted in zip(
        PoolSplit(EVAL, 2, random_state=0).split(X, frame),
        PoolSplit(EVAL, 2, random_state=0).split(X, Y),
    ):
        assert_array_equal(got[1], wanted[1])
