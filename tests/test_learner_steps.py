"""A person asks, answers, changes their mind, and keeps books in arrays of their own."""

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from PIL import Image
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.ensemble import StackingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils._testing import ignore_warnings
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier
from skorch.callbacks import Callback
from skorch.dataset import ValidSplit
from torch import nn

from sksimilar import (
    ActiveLearner,
    GLISTERSampler,
    MarginSampler,
    PoolSplit,
    RandomSampler,
    Scenario,
    SIMILARSampler,
)
from sksimilar.models import MLP
from sksimilar.stopping import TargetScore

X, Y = load_iris(return_X_y=True)
X32 = X.astype("float32")
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


# ---------------------------------------------------- estimators as they are written


def make_net(**params):
    params = {"max_epochs": 15, "lr": 0.1, "train_split": None, "verbose": 0} | params
    params = {"module__n_features": 4, "module__hidden": 8} | params
    return NeuralNetClassifier(MLP, criterion=nn.CrossEntropyLoss, **params)


class Shaped(Callback):
    """The recipe of skorch for a module that takes its width from X."""

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        net.set_params(module__n_features=X.shape[1])


def test_a_module_may_take_its_width_from_the_rows(tmp_path):
    def begin(n_rounds, **params):
        net = make_net(module__n_features=1, callbacks=[Shaped()])
        return learner(net, n_rounds=n_rounds, **params).fit(X32, Y)

    whole = begin(3)
    begin(1, checkpoint=tmp_path)
    resumed = begin(3, checkpoint=tmp_path)
    np.testing.assert_array_equal(whole.selected_rounds_, resumed.selected_rounds_)


def test_a_module_that_takes_its_width_from_the_rows_starts_warm():
    net = make_net(module__n_features=1, callbacks=[Shaped()], max_epochs=0)
    run = learner(net, n_rounds=2, warm_start=True, keep_estimators=True).fit(X32, Y)
    first, *others = (each.module_.state_dict() for each in run.estimators_)
    for other in others:  # Without an epoch no weight changes.
        assert all(torch.equal(first[name], other[name]) for name in first)


class Idle(torch.utils.data.DataLoader):
    """Has nothing to show."""

    def __iter__(self):
        return iter(())


def test_a_net_that_was_shown_no_row_is_refused():
    net = make_net(iterator_train=Idle)
    with pytest.raises(ValueError, match="trained on no row.*Lower the batch size"):
        learner(net, RandomSampler(), n_rounds=1).fit(X32, Y)


class Batched(nn.Module):
    """Batch normalization cannot do with one row."""

    def __init__(self, n_classes=3):
        super().__init__()
        self.norm, self.head = nn.BatchNorm1d(4), nn.Linear(4, n_classes)

    def forward(self, X):
        return self.head(self.norm(X))


@pytest.mark.parametrize("n_labeled, batch_size", [(19, 6), (21, 15), (20, 30)])
@pytest.mark.parametrize("drops", [False, True])
def test_rows_held_out_are_not_counted_among_those_of_a_batch(
    n_labeled, batch_size, drops
):
    rows = np.random.default_rng(0).permutation(len(X))[:n_labeled]
    net = NeuralNetClassifier(
        Batched, criterion=nn.CrossEntropyLoss, train_split=ValidSplit(0.2),
        batch_size=batch_size, iterator_train__drop_last=drops, max_epochs=2, verbose=0,
    )  # fmt: skip
    known = np.where(np.isin(np.arange(len(X)), rows), Y, -1)
    run = learner(net, RandomSampler()).start(X32, known).refit()
    assert run.estimator_.history[-1]["train_batch_count"] > 0


class Squeezed(nn.Module):
    """Has no room for a batch of one row."""

    def __init__(self, n_classes=3):
        super().__init__()
        self.head = nn.Linear(4, n_classes)

    def forward(self, X):
        return self.head(X[:, None].squeeze())


def test_a_module_may_squeeze_its_batches():
    net = NeuralNetClassifier(Squeezed, criterion=nn.CrossEntropyLoss, verbose=0)
    run = learner(net, RandomSampler(), n_rounds=1).fit(X32, Y)
    assert run.predict_proba(X32).shape == (150, 3)


class Alone(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 1)

    def forward(self, X):
        return self.head(X).squeeze(-1)


@pytest.mark.parametrize("threshold", [0.01, 0.5, 0.99])
def test_a_net_decides_by_its_threshold(threshold):
    binary = (Y == 2).astype(int)
    net = NeuralNetBinaryClassifier(
        Alone, threshold=threshold, verbose=0, train_split=None
    )
    run = learner(net, RandomSampler(), n_rounds=1).fit(X32, binary)
    expected = run.estimator_.predict_proba(X32)[:, 1] > threshold
    np.testing.assert_array_equal(run.predict(X32), expected)


class TwoParts(NeuralNetClassifier):
    """As skorch documents a net of several modules."""

    def initialize_module(self):
        super().initialize_module()
        self.encoder_ = nn.Linear(4, 4)
        return self

    def infer(self, x, **params):
        return self.module_(torch.tanh(self.encoder_(x)))


class Scaled(nn.Module):
    """Keeps what it was told of the rows outside of its weights."""

    scale = 1.0

    def __init__(self, n_classes=3):
        super().__init__()
        self.head, self.idle = nn.Linear(4, n_classes), nn.Conv2d(2, 2, 3)
        self.to(memory_format=torch.channels_last)  # In memory, with gaps.

    def forward(self, X):
        return self.head(X / self.scale)


class ScaleByRows(Callback):
    def on_train_begin(self, net, X=None, y=None, **kwargs):
        net.module_.scale = float(np.abs(X).max()) * 10


class ScaleAtTheEnd(Callback):
    """Which rows of which the net is sure would hide."""

    def on_train_end(self, net, **kwargs):
        net.module_.scale = 0.05


class Weigh(Callback):
    """Weighs classes by how many rows of each there are now."""

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        net.criterion_.weight = torch.tensor(1.0 / np.bincount(y, minlength=3)).float()


class Extra(Scaled):
    def get_extra_state(self):
        return {"anything": "else"}

    def set_extra_state(self, state):
        pass


@pytest.mark.parametrize(
    "kind, options",
    [
        (TwoParts, {"module": nn.Linear, "module__in_features": 4}),
        (NeuralNetClassifier, {"module": Scaled, "callbacks": [ScaleByRows()]}),
        (NeuralNetClassifier, {"module": Scaled, "callbacks": [ScaleAtTheEnd()]}),
        (NeuralNetClassifier, {"module": Extra}),
    ],
)
@pytest.mark.parametrize("warm_start", [False, True])
def test_all_that_a_net_has_learned_comes_back(kind, options, warm_start, tmp_path):
    settings = {"criterion": nn.CrossEntropyLoss, "lr": 0.1, "max_epochs": 20}
    net = kind(**options, **settings, verbose=0, train_split=None)
    one, stopped, again = (
        learner(net, SIMILARSampler(), checkpoint=place, warm_start=warm_start)
        for place in (None, tmp_path, tmp_path)
    )
    for run in (one, stopped):
        run.start(X32, KNOWN).refit().tell([1], Y[[1]]).refit()
    again.start(X32, KNOWN)
    np.testing.assert_allclose(again.predict_proba(X32), one.predict_proba(X32))
    np.testing.assert_array_equal(again.ask(), one.ask())


@ignore_warnings
def test_a_warm_start_goes_on_with_all_parts_of_a_net():
    net = TwoParts(
        nn.Linear, module__in_features=4, criterion=nn.CrossEntropyLoss, lr=1e-9,
        verbose=0, train_split=None,
    )  # fmt: skip
    run = learner(net, RandomSampler(), warm_start=True).start(X32, KNOWN).refit()
    before = run.estimator_.encoder_.weight.clone()
    after = run.tell([1], Y[[1]]).refit().estimator_.encoder_.weight
    torch.testing.assert_close(after, before)


def test_few_labels_are_learned_by_a_net_that_drops_the_last_batch():
    net = make_net(iterator_train__drop_last=True)
    run = learner(net, RandomSampler(), n_rounds=1).fit(X32, Y)
    assert np.isfinite(run.estimator_.history[-1]["train_loss"])
    assert len(run.estimator_.history) == 15


@pytest.mark.parametrize(
    "model", [LogisticRegression(max_iter=500), SGDClassifier(random_state=0)]
)
def test_a_warm_start_takes_in_a_new_class(model):
    known = LABELED & (Y < 2)
    run = learner(model, warm_start=True, classes=[0, 1, 2])
    run.start(X, np.where(known, Y, -1)).refit()
    new = np.flatnonzero(Y == 2)[:10]
    run.tell(new, Y[new]).refit()
    assert run.estimator_.classes_.tolist() == [0, 1, 2]
    assert (run.predict(X[new]) == 2).mean() > 0.5


def test_without_probabilities_rows_of_no_class_are_not_predicted_either():
    names = np.where(Y == 2, "other", np.array(["a", "b", "c"])[Y])
    run = learner(LinearSVC(), RandomSampler(budget=20), n_rounds=2, ood_label="other")
    run.fit(X, names)
    assert set(run.predict(X)) == {"a", "b"} and run.score(X, names) == 1


def test_a_classifier_may_know_how_to_predict_only_once_it_is_fitted():
    members = [("a", LogisticRegression(max_iter=500)), ("b", GaussianNB())]
    stack = StackingClassifier(members, cv=2)
    run = learner(stack, RandomSampler(), n_rounds=1, n_initial=30).fit(X, Y)
    assert run.score(X, Y) > 0.8


@pytest.mark.parametrize(
    "estimator, message",
    [
        (FrozenEstimator(GaussianNB().fit(X, Y)), "a FrozenEstimator cannot be"),
        (make_pipeline(StandardScaler(), FrozenEstimator(GaussianNB())), "Frozen"),
        (StandardScaler(), "got StandardScaler, which is none by its tags"),
        (KMeans(3), "got KMeans.*ClassifierMixin"),
    ],
)
def test_what_cannot_be_trained_is_refused(estimator, message):
    with pytest.raises((TypeError, ValueError), match=message):
        learner(estimator, RandomSampler()).fit(X, Y)


def test_a_frozen_step_before_the_classifier_stays():
    scaler = FrozenEstimator(StandardScaler().fit(X))
    run = learner(make_pipeline(scaler, GaussianNB()), RandomSampler(), n_rounds=1)
    assert run.fit(X, Y).score(X, Y) > 0.8


# ------------------------------------------------------- what makes two runs the same


class Lengths(TransformerMixin, BaseEstimator):
    """Two numbers of each row, however long it is."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.array([[np.asarray(row).size, np.mean(row)] for row in X])


def long_rows(kind):
    """Return rows of different length, made anew, of which the label is the length."""
    rows = [np.full(1 + label, 1.0 + i) for i, label in enumerate(Y)]
    if kind == "images":
        rows = [Image.fromarray(np.full((2, n.size), 7, dtype="uint8")) for n in rows]
    if kind == "list":
        return rows
    boxed = np.empty(len(rows), dtype=object)
    boxed[:] = rows
    return boxed


@pytest.mark.parametrize("kind", ["list", "objects", "images"])
def test_rows_of_different_length_are_told_by_what_they_hold(kind, tmp_path):
    model = make_pipeline(Lengths(), GaussianNB())
    learner(model, RandomSampler(), n_rounds=1).fit(long_rows(kind), Y)
    params = {"checkpoint": tmp_path, "sampler": RandomSampler()}
    first = learner(model, n_rounds=1, **params).fit(long_rows(kind), Y)
    again = learner(model, n_rounds=2, **params).fit(long_rows(kind), Y)
    assert again.history_[:1] == first.history_[:1]
    with pytest.raises(ValueError, match="differs in the rows of X"):
        learner(model, n_rounds=2, **params).fit(long_rows(kind)[::-1], Y)


def test_tensors_among_the_parameters_count(tmp_path):
    def begin(weight, rows=X32):
        net = make_net(criterion__weight=torch.tensor(weight))
        sampler = RandomSampler()
        return learner(net, sampler, n_rounds=1, checkpoint=tmp_path).fit(rows, Y)

    begin([1.0, 1.0, 1.0])
    begin([1.0, 1.0, 1.0], torch.tensor(X32))
    with pytest.raises(ValueError, match="parameter `estimator__criterion__weight`"):
        begin([1.0, 1.0, 50.0])


@pytest.mark.parametrize(
    "sampler, options",
    [
        (SIMILARSampler(function="flcg"), {"scenario": "redundancy"}),
        (SIMILARSampler(), {"scenario": "ood", "ood_label": 2, "classes": [0, 1]}),
        (GLISTERSampler(), {}),
    ],
)
def test_rows_of_a_new_class_wait_for_the_next_training(sampler, options):
    begun = np.where(LABELED & (Y < 2), Y, -1)
    asker = learner(sampler=sampler, **{"classes": [0, 1, 2], **options})
    asker.start(X, begun).ask(3)
    asker.tell([140, 11], Y[[140, 11]], skipped=asker.ask())
    rows = asker.ask(3)
    n_new = asker.history_[-1]["n_conditioning"]
    # The told row of the old class counts as it does where it was known at first.
    if "flcg" in str(sampler):
        assert n_new == (begun != -1).sum() + 1
    assert len(rows) == 3 and 140 not in rows
    asker.tell(rows, Y[rows]).refit().ask()
    if "flcg" in str(sampler):
        assert asker.history_[-1]["n_conditioning"] == asker.labeled_mask_.sum()


@pytest.mark.parametrize("function", ["flqmi", "gcmi", "logdetmi", "logdetcmi", "com"])
def test_without_a_query_as_yet_what_needs_one_asks_at_random(function, tmp_path):
    scenario = Scenario(
        query="O", conditioning="I" if function == "logdetcmi" else None
    )
    options = {
        "sampler": SIMILARSampler(function=function, budget=5),
        "scenario": scenario,
        "ood_label": 2,
        "n_rounds": 6,
    }
    begun = LABELED & (Y < 2)
    run = learner(**options).fit(X, Y, labeled_mask=begun)
    fallbacks = [record["query_fallback"] for record in run.history_[:-1]]
    found = [
        bool((run.ood_mask_ & (run.selected_rounds_ < number)).any())
        for number in range(len(fallbacks))
    ]
    assert fallbacks == [not any_ for any_ in found] and fallbacks[0] and found[-1]
    broken = learner(**options, checkpoint=tmp_path).set_params(n_rounds=1)
    broken.fit(X, Y, labeled_mask=begun)
    again = learner(**options, checkpoint=tmp_path).fit(X, Y, labeled_mask=begun)
    assert (again.selected_rounds_ == run.selected_rounds_).all()


def test_a_session_keeps_the_sampler_that_it_began_with():
    sampler = SIMILARSampler(function="fl", budget=5)
    one, other = learner(sampler=sampler), learner(sampler=clone(sampler))
    one.start(X, KNOWN), other.start(X, KNOWN)
    sampler.set_params(function="gc", budget=3)
    np.testing.assert_array_equal(one.ask(), other.ask())
    assert len(one.ask()) == 5


@ignore_warnings
def test_a_search_over_a_network_predicts_classes_without_a_label_too():
    search = GridSearchCV(make_net(module__n_classes=3), {"lr": [0.01]}, cv=2)
    asker = learner(search, classes=[0, 1], ood_label=2)
    asker.start(X32, np.where(LABELED & (Y < 2), Y, -1)).refit()
    assert asker.predict_proba(X32).shape == (150, 2)
    assert set(asker.predict(X32)) <= {0, 1}


@ignore_warnings
def test_what_a_callback_sets_in_the_loss_is_of_the_labels_of_now():
    net = NeuralNetClassifier(
        MLP, module__n_features=4, module__n_classes=3, criterion=nn.CrossEntropyLoss,
        criterion__weight=torch.ones(3), callbacks=[Weigh()], verbose=0,
        train_split=None,
    )  # fmt: skip
    run = learner(net, RandomSampler(), warm_start=True).start(X32, KNOWN).refit()
    run.tell([1, 2, 3], Y[[1, 2, 3]]).refit()
    counts = np.bincount(Y[run.labeled_mask_])
    np.testing.assert_allclose(run.estimator_.criterion_.weight, 1 / counts, rtol=1e-6)


def test_a_sampler_with_a_classifier_of_its_own_knows_new_classes_at_once():
    own = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, Y))
    sampler = SIMILARSampler(own, function="flqmi", budget=5)
    scenario = Scenario(query=lambda pool: pool.labeled & (pool.codes == 2))
    run = learner(sampler=sampler, scenario=scenario, classes=[0, 1, 2])
    run.start(X, np.where(LABELED & (Y < 2), Y, -1)).refit()
    run.tell([140, 130], Y[[140, 130]])
    assert (Y[run.ask()] == 2).all()
    assert run.history_[-1]["n_query"] == 2


def test_a_search_says_itself_what_is_wrong_with_its_grid():
    search = GridSearchCV(LogisticRegression(), {"class_weight": "balanced"}, cv=2)
    with pytest.raises(TypeError, match="needs to be a list or a numpy array"):
        learner(search, RandomSampler(), n_rounds=1).fit(X, Y)


class Tokens(nn.Module):
    def __init__(self, n_classes=3):
        super().__init__()
        self.embedding, self.head = nn.Embedding(90, 4), nn.Linear(4, n_classes)

    def forward(self, X):
        return self.head(self.embedding(X).mean(dim=1))


class Precise(nn.Linear):
    def __init__(self, n_classes=3):
        super().__init__(4, n_classes, dtype=torch.float64)


@pytest.mark.parametrize(
    "module, rows", [(Tokens, (10 * X).astype("int64")), (Precise, X)]
)
def test_rows_of_another_dtype_come_as_a_tensor(module, rows):
    net = NeuralNetClassifier(module, criterion=nn.CrossEntropyLoss, verbose=0)
    run = learner(net, RandomSampler(), n_rounds=1)
    with pytest.raises(TypeError, match=r"another dtype .*torch.from_numpy\(X\)"):
        run.fit(rows, Y)
    run.fit(torch.from_numpy(rows), Y)
    assert run.predict(torch.from_numpy(rows)).shape == Y.shape


def test_what_a_pipeline_hands_on_is_cast_in_it():
    net = NeuralNetClassifier(nn.Linear, module__in_features=4, module__out_features=3)
    net.set_params(criterion=nn.CrossEntropyLoss, verbose=0, train_split=None)
    steps = StandardScaler(), FunctionTransformer(np.float32)
    with pytest.raises(TypeError, match=r"FunctionTransformer\(np.float32\)"):
        learner(make_pipeline(steps[0], net), RandomSampler(), n_rounds=1).fit(X, Y)
    run = learner(make_pipeline(*steps, net), SIMILARSampler(), n_rounds=1)
    assert run.fit(X, Y).predict(X).shape == Y.shape
