"""Labels, weights and given rows as people write them, through the learner."""

import warnings

import numpy as np
import pytest
from scipy.sparse import bsr_array, coo_array, csc_array, csr_array, dia_array
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.datasets import load_iris, make_blobs
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    RandomizedSearchCV,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sksimilar import ActiveLearner, PoolSplit, RandomSampler, SIMILARSampler
from sksimilar.baselines import CoreSetSampler
from sksimilar.measures import LogDeterminant


def test_minus_one_beside_one_is_answered_like_any_label():
    X, y = load_iris(return_X_y=True)
    runs = [
        ActiveLearner(
            LogisticRegression(), RandomSampler(budget=15), n_rounds=3, random_state=0
        ).fit(X, np.where(y == 0, 1, other))
        for other in (-1, 0)
    ]
    for run in runs:
        assert [record["n_labeled"] for record in run.history_] == [10, 25, 40, 55]
    np.testing.assert_array_equal(*(run.selected_rounds_ for run in runs))
    np.testing.assert_array_equal(runs[0].predict(X) == 1, runs[1].predict(X) == 1)


@pytest.mark.parametrize("names", [["a", "b", "c"], [1, 2, 3]])
def test_class_weights_are_those_of_the_labels(names):
    X, y = load_iris(return_X_y=True)
    X = X[:, 1:2]  # By which hardly anything is told.
    model = LogisticRegression(class_weight={names[1]: 1000})
    learner = ActiveLearner(model, RandomSampler(budget=50), n_rounds=2, random_state=0)
    predicted = learner.fit(X, np.array(names)[y]).predict(X)
    assert (predicted == names[1]).mean() > 0.9  # Without weights it is a third.
    with pytest.raises(ValueError, match="`class_weight` holds labels .* 'other'"):
        learner.set_params(estimator=LogisticRegression(class_weight={"other": 2})).fit(
            X, np.array(names)[y]
        )


@pytest.mark.parametrize(
    "search",
    [
        GridSearchCV(LogisticRegression(), {"class_weight": [{1: 1000}]}, cv=2),
        GridSearchCV(
            LogisticRegression(), [{"C": [9], "class_weight": [{1: 1000}]}], cv=2
        ),
        RandomizedSearchCV(
            LogisticRegression(),
            {"C": loguniform(1, 1.001), "class_weight": [{1: 1000}]},
            n_iter=1,
            cv=2,
            random_state=0,
        ),
    ],
)
def test_class_weights_in_the_grid_of_a_search_are_those_of_the_labels(search):
    X, y = load_iris(return_X_y=True)
    X, y = X[:, :1], np.where(y == 0, 1, 2)
    learner = ActiveLearner(search, RandomSampler(), n_rounds=1, random_state=0)
    known = learner.fit(X, y).labeled_mask_
    expected = search.fit(X[known], y[known]).predict(X)
    np.testing.assert_array_equal(learner.predict(X), expected)
    assert (expected == 1).mean() > 0.4  # Without weights it is a third.


@pytest.mark.parametrize("ood_label", ["letter", 7])
def test_scores_are_of_classes_alone_whatever_kind_of_label_the_others_have(ood_label):
    X, y = load_iris(return_X_y=True)
    mixed = y.astype(object)
    mixed[y == 2] = ood_label
    learner = ActiveLearner(
        LogisticRegression(max_iter=1000), RandomSampler(), n_rounds=1,
        scoring="balanced_accuracy", ood_label=ood_label, random_state=0,
    )  # fmt: skip
    learner.fit(X, mixed, X_val=X, y_val=mixed)
    right = learner.predict(X[:100]) == y[:100]
    assert learner.history_[-1]["score"] == pytest.approx(right.mean())


def test_a_label_for_foreign_rows_that_no_row_has_is_warned_about():
    X, y = load_iris(return_X_y=True)
    names = np.array(["a", "b", "junk"])[y]
    learner = ActiveLearner(
        LogisticRegression(max_iter=1000), RandomSampler(), n_rounds=1, random_state=0
    )
    with pytest.warns(UserWarning, match="'Junk', which occurs nowhere in `y`.*'junk'"):
        learner.set_params(ood_label="Junk").fit(X, names)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        learner.set_params(ood_label="junk").fit(X, names)


@pytest.mark.parametrize("names", [["a", "b"], [1, 2]])
def test_a_positive_label_is_that_of_the_user(names):
    X, y = load_iris(return_X_y=True)
    X, y = X[y != 1], np.array(names)[y[y != 1] // 2]
    model = FixedThresholdClassifier(
        LogisticRegression(), threshold=1e-6, pos_label=names[0]
    )
    learner = ActiveLearner(model, RandomSampler(), n_rounds=1, random_state=0)
    assert (learner.fit(X, y).predict(X) == names[0]).all()


@pytest.mark.parametrize(
    "model", [RandomForestClassifier(), HistGradientBoostingClassifier()], ids=repr
)
def test_members_of_an_ensemble_are_not_gone_on_with(model):
    X, y = load_iris(return_X_y=True)
    learner = ActiveLearner(model, RandomSampler(), warm_start=True)
    with pytest.raises(ValueError, match="lets .* add members .* warm_start=False"):
        learner.fit(X, y)


def test_a_regressor_is_no_classifier():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match="must be a classifier, got Ridge"):
        ActiveLearner(Ridge(), RandomSampler()).fit(X, y)


@pytest.mark.parametrize("mask", ["query_mask", "conditioning_mask"])
def test_a_given_row_that_nobody_can_label_is_given_no_longer(mask):
    X, y = load_iris(return_X_y=True)
    labeled = np.arange(len(y)) % 10 == 0
    given = labeled & (y == 2)
    learner = ActiveLearner(
        LogisticRegression(max_iter=1000),
        SIMILARSampler(budget=4),
        scenario="rare" if mask == "query_mask" else "standard",
        random_state=0,
    ).start(X, np.where(labeled, y, -1), **{mask: given})
    gone = np.flatnonzero(given)[:1]
    assert len(learner.tell([], [], skipped=gone).ask()) == 4
    sampler = learner.sampler_
    left = sampler.query_ if mask == "query_mask" else sampler.conditioning_
    assert set(np.flatnonzero(given)) - set(left) == set(gone)


@pytest.mark.parametrize("missing", [np.nan, None])
def test_a_missing_label_is_named_with_what_stands_for_it(missing):
    X, y = load_iris(return_X_y=True)
    y = np.where(np.arange(len(y)) == 7, missing, y)
    for door in (
        ActiveLearner(LogisticRegression(), RandomSampler()),
        RandomSampler(),
    ):
        with pytest.raises(
            ValueError, match="at position 7. Mark rows without a label by -1"
        ):
            door.fit(X, y)


def test_a_class_of_functions_is_no_function():
    with pytest.raises(TypeError, match="Write function=LogDeterminant()"):
        SIMILARSampler(function=LogDeterminant).fit(np.eye(4))


def half_labeled():
    """Return iris with a class named by texts, of which one has no label but a query."""
    X, codes = load_iris(return_X_y=True)
    y = np.array(["a", "b", "c"])[codes].astype(object)
    return X, np.where((np.arange(len(y)) % 3 == 0) & (codes != 1), y, -1), y


def test_a_class_without_a_label_is_called_by_its_name():
    X, y, truth = half_labeled()
    query = np.arange(len(y)) == 52
    y[query] = truth[query]
    learner = ActiveLearner(
        LogisticRegression(max_iter=1000), SIMILARSampler(), scenario="rare"
    ).start(X, y, query_mask=query, labeled_mask=(y != -1) & ~query)
    with pytest.raises(ValueError, match=r"'b' not among the classes .* \['a', 'c'\]"):
        learner.ask()


def test_texts_beside_numbers_are_told_apart():
    X, _, truth = half_labeled()
    model = LogisticRegression(max_iter=1000)
    learner = ActiveLearner(model, RandomSampler(), random_state=0)
    y = [1 if label == "b" else label for label in truth]
    with pytest.raises(ValueError, match="texts and others at once, such as 'a' and 1"):
        learner.fit(X, y)
    y = [label if label == "b" else len(label) + (label == "c") for label in truth]
    learner.set_params(ood_label="b", n_rounds=1).fit(X, y)
    assert learner.classes_.tolist() == [1, 2]
    assert learner.ood_mask_.any()


def test_a_classifier_that_ranks_no_classes_cannot_leave_foreign_rows_out():
    X, _, truth = half_labeled()
    votes = VotingClassifier([("one", GaussianNB()), ("two", GaussianNB())])
    learner = ActiveLearner(votes, RandomSampler(), n_rounds=1, random_state=0)
    assert set(learner.fit(X, truth).predict(X)) == {"a", "b", "c"}
    with pytest.raises(ValueError, match="neither `predict_proba` nor `decision_func"):
        learner.set_params(ood_label="b").fit(X, truth)
    votes.set_params(voting="soft")
    assert set(learner.fit(X, truth).predict(X)) == {"a", "c"}


@pytest.mark.parametrize("scoring", [None, "accuracy", "roc_auc", "neg_log_loss"])
def test_foreign_and_unlabeled_validation_rows_count_in_no_score(scoring):
    X, y = load_iris(return_X_y=True)
    y_val = np.where(np.arange(len(y)) % 5 == 0, -1, y)
    inside = (y_val >= 0) & (y_val < 2)
    scores = [
        ActiveLearner(
            LogisticRegression(C=1e-3, max_iter=1000),
            RandomSampler(),
            ood_label=2,
            n_rounds=2,
            scoring=scoring,
            random_state=0,
        ).fit(X, y, X_val=X[rows], y_val=y_val[rows])
        for rows in (inside, np.ones(len(y), dtype=bool))
    ]
    one, other = ([r["score"] for r in learner.history_] for learner in scores)
    assert one == other


def test_validation_rows_of_no_class_are_refused_before_training():
    X, y = load_iris(return_X_y=True)
    learner = ActiveLearner(LogisticRegression(), RandomSampler(), ood_label=2)
    with pytest.raises(
        ValueError, match=r"`y_val` holds no row of the classes \[0, 1\]"
    ):
        learner.fit(X, y, X_val=X[:3], y_val=[2, 2, -1])


def test_that_no_row_was_left_is_told():
    X, y = load_iris(return_X_y=True)
    learner = ActiveLearner(
        LogisticRegression(max_iter=1000), RandomSampler(budget=60), random_state=0
    ).fit(X, y)
    assert learner.labeled_mask_.all()
    assert learner.stop_reason_ == "no row left"


def test_minus_one_beside_one_can_be_evaluated_on():
    y = np.repeat([-1, 1], 10)
    split = PoolSplit(np.arange(20) % 2 == 0, n_splits=5, random_state=0)
    for _, test in split.split(np.zeros((20, 1)), y):
        assert sorted(y[test]) == [-1, 1]
    unknown = np.where(np.arange(20) == 4, -1, np.repeat([0, 1], 10))
    with pytest.raises(ValueError, match="marks 1 unlabeled rows"):
        next(split.split(np.zeros((20, 1)), unknown))


def test_a_class_called_minus_one_is_one_for_samplers_without_a_classifier():
    X, y = make_blobs(80, centers=2, random_state=0)
    known = np.arange(80) < 20

    def picks(low, sampler):
        learner = ActiveLearner(
            LogisticRegression(),
            sampler,
            scenario="redundancy",
            n_rounds=1,
            random_state=0,
        )
        learner.fit(X, np.where(y > 0, 1, low), labeled_mask=known)
        return learner.history_[0]["selected"]

    bare = SIMILARSampler(function="flcg", budget=4, random_state=0)
    assert picks(0, bare) == picks(-1, bare)
    own = CoreSetSampler(FrozenEstimator(LogisticRegression().fit(X, y)), budget=4)
    with pytest.raises(ValueError, match="class -1"):
        picks(-1, own)


def test_a_name_for_foreign_rows_that_reads_as_a_class_is_refused():
    X, y = make_blobs(60, centers=3, random_state=0)
    labels = y.astype(object)
    labels[y == 2] = "1"
    with pytest.raises(ValueError, match="name of its own"):
        ActiveLearner(LogisticRegression(), ood_label="1", n_rounds=1).fit(X, labels)


def test_a_precomputed_kernel_is_refused():
    X, y = make_blobs(60, centers=3, random_state=0)
    learner = ActiveLearner(SVC(kernel="precomputed"), RandomSampler(), n_rounds=1)
    with pytest.raises(ValueError, match="precomputed kernel"):
        learner.fit(X @ X.T, y)


@pytest.mark.parametrize("kind", [coo_array, dia_array, bsr_array, csc_array])
def test_sparse_rows_of_any_format_are_scored_on(kind):
    X, y = make_blobs(80, 4, centers=3, random_state=0)
    for model in (LogisticRegression(), make_pipeline(TruncatedSVD(2), SVC())):
        learner = ActiveLearner(
            model, RandomSampler(budget=5), n_rounds=2, random_state=0
        )
        learner.fit(kind(X), y, X_val=kind(X), y_val=y)
        dense = clone(learner).fit(csr_array(X), y)
        assert learner.score(kind(X), y) == dense.score(csr_array(X), y)
        assert learner.history_[-1]["score"] == learner.score(kind(X), y)
