"""Labels, weights and given rows as people write them, through the learner."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge

from sksimilar import ActiveLearner, RandomSampler, SIMILARSampler
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
