"""A person asks, answers, changes their mind, and keeps books in arrays of their own."""

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.utils._testing import ignore_warnings

from sksimilar import (
    ActiveLearner,
    MarginSampler,
    PoolSplit,
    RandomSampler,
    SIMILARSampler,
)
from sksimilar.stopping import TargetScore

X, Y = load_iris(return_X_y=True)
LABELED = np.arange(len(X)) % 10 == 0
KNOWN = np.where(LABELED, Y, -1)


class Recorder(LogisticRegression):
    """Fails when told to, and says on how many rows it was trained."""

    fails = False
    trained_on = []

    def fit(self, X, y):
        self.trained_on.append(len(X))
        if self.fails:
            raise KeyboardInterrupt
        return super().fit(X, y)


def learner(estimator=None, sampler=None, **params):
    return ActiveLearner(
        estimator or LogisticRegression(max_iter=1000),
        sampler or MarginSampler(budget=5),
        random_state=0,
        **params,
    )


@pytest.mark.parametrize("resumed", [False, True])
def test_a_label_taken_back_after_a_training_that_failed(
    resumed, tmp_path, monkeypatch
):
    def begin():
        return learner(Recorder(), checkpoint=tmp_path).start(X, KNOWN)

    run = begin()
    rows = run.ask()
    run.tell(rows, Y[rows])
    monkeypatch.setattr(Recorder, "fails", True)
    with pytest.raises(KeyboardInterrupt):
        run.refit()
    monkeypatch.undo()
    run.tell([], [], skipped=rows[:2])
    run = begin() if resumed else run
    run.refit()
    assert Recorder.trained_on[-1] == run.history_[-1]["n_labeled"] == 18


def test_a_checkpoint_with_more_rounds_than_wanted_is_refused(tmp_path):
    learner(n_rounds=3, checkpoint=tmp_path).fit(X, Y, labeled_mask=LABELED)
    with pytest.raises(ValueError, match="holds a run of 3 rounds, and n_rounds=2"):
        learner(n_rounds=2, checkpoint=tmp_path).fit(X, Y, labeled_mask=LABELED)


@ignore_warnings
def test_a_search_over_rounds_gives_no_candidate_the_rounds_of_another(tmp_path):
    def count(model, X, y):
        return float(model.labeled_mask_.sum())

    split = PoolSplit(np.arange(len(X)) % 10 == 1)
    search = GridSearchCV(
        learner(checkpoint=tmp_path), {"n_rounds": [3, 1]}, scoring=count, cv=split,
        refit=False,
    )  # fmt: skip
    scores = search.fit(X, Y, labeled_mask=LABELED).cv_results_["mean_test_score"]
    assert scores[0] == 30 and np.isnan(scores[1])


def test_nothing_is_left_of_a_run_once_another_was_refused():
    run = learner().start(X, KNOWN)
    run.ask()
    names = np.where(LABELED, np.array(["x", "y", "z"], dtype=object)[Y], -1)
    with pytest.raises(ValueError, match="y_val"):
        run.start(X, names, X_val=X, y_val=np.full(len(X), -1))
    with pytest.raises(NotFittedError):
        run.ask()


def test_masks_and_answers_belong_to_whom_they_were_given():
    labeled, query = LABELED.copy(), LABELED & (Y == 2)
    sampler = SIMILARSampler(budget=5)
    options = {"scenario": "rare", "grow_query": False}
    run = learner(sampler=sampler, **options).start(
        X, KNOWN, labeled_mask=labeled, query_mask=query
    )
    n_query, rows = query.sum(), run.ask()
    kept = rows.copy()
    labeled[rows] = query[rows] = True  # The user's own books.
    rows.sort()
    np.testing.assert_array_equal(run.ask(), kept)
    run.tell(kept[:3], Y[kept[:3]], skipped=kept[3:]).refit().ask()
    assert run.labeled_mask_.sum() == LABELED.sum() + 3
    assert run.history_[-1]["n_query"] == n_query


def test_a_selection_is_explained_in_its_own_order():
    sampler = SIMILARSampler(function="fl", budget=5, random_state=0)
    rows = sampler.fit_select(X)
    rows.sort()
    np.testing.assert_allclose(sampler.explain().gain, sampler.gains_)


def test_threads_leave_the_worlds_random_state_alone():
    before = np.random.get_state()[1].copy()
    runs = [learner(sampler=RandomSampler(), n_rounds=20) for _ in range(4)]
    Parallel(n_jobs=4, backend="threading")(delayed(run.fit)(X, Y) for run in runs)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_a_score_to_stop_by_may_be_wanted_after_a_break(tmp_path):
    validation = {"X_val": X, "y_val": Y}
    learner(n_rounds=1, checkpoint=tmp_path).fit(X, Y, labeled_mask=LABELED)
    again = learner(n_rounds=4, checkpoint=tmp_path, stopping=TargetScore(0.5))
    again.fit(X, Y, labeled_mask=LABELED, **validation)
    assert again.stop_reason_ == "TargetScore(target=0.5)"
    assert again.history_[-1]["score"] == again.score(X, Y)


def test_classes_keep_their_order_over_a_break(tmp_path):
    y = np.arange(len(X)) % 12
    run = learner(sampler=RandomSampler(), n_rounds=1, checkpoint=tmp_path)
    counts = run.fit(X, y).history_[-1]["labeled_per_class"]
    again = run.fit(X, y).history_[-1]["labeled_per_class"]
    assert list(again.items()) == list(counts.items())
    assert list(counts) == [str(label) for label in range(12)]


def test_a_record_tells_of_the_labels_of_its_training():
    run = learner().start(X, KNOWN).refit()
    others = np.flatnonzero(~LABELED)[:40]
    run.tell(others, Y[others]).ask()
    assert run.history_[-1]["n_labeled"] == LABELED.sum()
    assert run.refit().history_[-1]["n_labeled"] == LABELED.sum() + 40


@pytest.mark.parametrize(
    "sampler, message",
    [
        (SIMILARSampler(function="logdett"), "Did you mean 'logdet"),
        (SIMILARSampler(metric="cosinus"), "'metric'"),
        (SIMILARSampler(function="flqmi"), "needs `query_mask`"),
        (SIMILARSampler(function="flcg"), "needs `conditioning_mask`"),
        (SIMILARSampler(optimizer="quick"), "'optimizer'"),
        (MarginSampler(budget=0), "'budget'|`budget`"),
    ],
)
def test_a_sampler_that_cannot_work_is_refused_before_a_training(sampler, message):
    Recorder.trained_on.clear()
    with pytest.raises(ValueError, match=message):
        learner(Recorder(), sampler).fit(X, Y)
    assert not Recorder.trained_on


def test_an_answer_to_score_by_is_wanted_before_a_training():
    Recorder.trained_on.clear()
    with pytest.raises(ValueError, match="pass X_val and y_val"):
        learner(Recorder(), stopping=TargetScore(0.9)).fit(X, Y)
    with pytest.raises(ValueError, match="features"):
        learner(Recorder()).fit(X, Y, X_val=X[:, :2], y_val=Y)
    with pytest.raises(ValueError, match="scoring"):
        learner(Recorder(), scoring="nonsense").fit(X, Y)
    assert not Recorder.trained_on
