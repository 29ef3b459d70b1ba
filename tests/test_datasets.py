"""Data come as published, and scenarios hold exactly what was asked for."""

import io
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.utils import Bunch

from sksimilar import datasets
from sksimilar.datasets import (
    DATASETS,
    load_cifar10,
    load_digits_and_letters,
    load_digits_split,
    load_emnist_letters,
    load_image_folder,
    load_imagenet32,
    load_mnist,
    load_pneumoniamnist,
    load_svhn,
    make_ood,
    make_rare,
    make_rare_ood,
    make_rare_redundant,
    make_redundant,
    make_redundant_ood,
    make_scenario,
)

RNG = np.random.RandomState(0)
# 100 rows of each of 10 classes; every row says what it is, none is there twice.
X = np.stack([np.repeat(np.arange(10), 100), np.arange(1000)], axis=1)
Y = X[:, 0]

BUILDERS = {
    "rare": (make_rare, {"n_labeled": (8, 2), "n_query": 3, "n_pool": (60, 6)}),
    "redundant": (make_redundant, {"n_labeled": 5, "n_pool": 50}),
    "ood": (make_ood, {"ood": (8, 9), "n_labeled": 4, "n_query": 2, "n_pool": (5, 90)}),
    "rare+redundant": (
        make_rare_redundant,
        {"n_labeled": (8, 2), "n_query": 3, "n_pool": (60, 6)},
    ),
    "rare+ood": (
        make_rare_ood,
        {"rare": (5, 6), "ood": (8, 9), "n_query": 2, "n_pool": (50, 5, 90)},
    ),
    "redundant+ood": (
        make_redundant_ood,
        {"ood": (8, 9), "n_labeled": 4, "n_query": 2, "n_pool": (5, 90)},
    ),
}
every_builder = pytest.mark.parametrize("name", BUILDERS)


def build(name, **options):
    make, numbers = BUILDERS[name]
    return make(X, Y, random_state=0, **{**numbers, **options})


def counts(split, mask):
    """Return the number of rows of every class of X, whatever they are called."""
    return np.bincount(X[split.rows[mask], 0], minlength=10)


# ----------------------------------------------------------------- the builders


@every_builder
def test_rows_are_those_named(name):
    split = build(name)
    assert_array_equal(split.X, X[split.rows])
    is_ood = np.isin(Y[split.rows], split.ood)
    assert_array_equal(split.y[~is_ood], Y[split.rows][~is_ood])
    assert set(split.y[is_ood]) <= {split.ood_label}


@every_builder
def test_query_rows_are_labeled_and_the_pool_holds_none_of_them(name):
    split = build(name)
    known = split.rows[split.labeled_mask]
    assert len(np.unique(known)) == len(known)
    assert not np.isin(split.rows[~split.labeled_mask], known).any()
    if split.query_mask is not None:
        assert not (split.query_mask & ~split.labeled_mask).any()


@every_builder
def test_spare_rows_are_the_distinct_ones_that_are_left(name):
    twice, labels = np.concatenate([X, X]), np.concatenate([Y, Y])
    make, numbers = BUILDERS[name]
    split = make(twice, labels, X_test=X[::20], random_state=0, **numbers)
    taken = np.concatenate([split.rows, np.arange(len(X))[::20]])
    assert_array_equal(split.spare, np.setdiff1d(np.arange(len(X)), taken))


@every_builder
def test_copies_share_an_identity_and_only_wanted_rows_have_one(name):
    split = build(name)
    if split.rare:
        wanted = np.isin(Y[split.rows], split.rare)
    else:
        wanted = ~np.isin(Y[split.rows], split.ood)
    assert_array_equal(split.identity, np.where(wanted, split.rows, -1))


@every_builder
def test_a_seed_is_a_split(name):
    make, numbers = BUILDERS[name]
    one, same, other = (make(X, Y, random_state=s, **numbers).rows for s in (0, 0, 1))
    assert_array_equal(one, same)
    assert set(one) != set(other)


@every_builder
def test_no_test_row_and_no_twin_of_one_is_drawn(name):
    twice, labels = np.concatenate([X, X]), np.concatenate([Y, Y])
    X_test = X[::20]
    make, numbers = BUILDERS[name]
    split = make(twice, labels, X_test=X_test, random_state=0, **numbers)
    drawn = {tuple(row) for row in split.X}
    assert not drawn & {tuple(row) for row in X_test}
    assert len(drawn) == len(np.unique(split.rows))  # Copies are those asked for.


def test_rare_classes_have_exactly_as_many_rows_as_asked_for():
    split = build("rare", rare=(3, 7))
    is_rare = np.isin(np.arange(10), (3, 7))
    first = split.labeled_mask & ~split.query_mask
    assert_array_equal(counts(split, first), np.where(is_rare, 2, 8))
    assert_array_equal(counts(split, split.query_mask), np.where(is_rare, 3, 0))
    assert_array_equal(counts(split, ~split.labeled_mask), np.where(is_rare, 6, 60))
    assert split.rare == (3, 7) and split.ood_label is None


def test_half_of_the_classes_are_rare_by_default_and_seeds_vary_which():
    drawn = {
        make_rare(X, Y, n_pool=(50, 5), random_state=seed).rare for seed in range(5)
    }
    assert len(drawn) > 1 and {len(rare) for rare in drawn} == {5}


@pytest.mark.parametrize("times", [1, 5, 20])
def test_a_fifth_of_the_pool_is_there_several_times(times):
    split = build("redundant", times=times)
    rows, copies = np.unique(split.rows[~split.labeled_mask], return_counts=True)
    assert len(rows) == 500  # The paper's MNIST: 400 and 100 times the factor.
    assert_array_equal(np.sort(copies), [1] * 400 + [times] * 100)
    assert_array_equal(counts(split, split.labeled_mask), [5] * 10)
    assert split.query_mask is None


def test_out_of_distribution_rows_have_one_label_and_are_in_the_pool_alone():
    split = build("ood")
    assert_array_equal(counts(split, ~split.labeled_mask), [5] * 8 + [90] * 2)
    assert_array_equal(counts(split, split.labeled_mask), [6] * 8 + [0] * 2)
    assert_array_equal(counts(split, split.query_mask), [2] * 8 + [0] * 2)
    assert split.ood_label == 8 and 9 not in split.y


def test_scenarios_mix():
    both = build("rare+redundant")
    assert set(np.unique(both.rows[~both.labeled_mask], return_counts=True)[1]) == {5}
    mixed = build("rare+ood")
    assert_array_equal(
        counts(mixed, ~mixed.labeled_mask), [50] * 5 + [5] * 2 + [50] + [90] * 2
    )
    many = build("redundant+ood")
    assert np.count_nonzero(~many.labeled_mask) == 220 + 9 * 44


def test_the_pool_is_shuffled():
    rows = build("redundant").rows[50:]
    assert (np.diff(rows) < 0).mean() > 0.3


@pytest.mark.parametrize("kind", [np.array, pd.Series, pd.Categorical, "object"])
def test_labels_may_be_texts(kind):
    names = np.array(["bird", "cat", "dog", "eel"])[Y % 4]
    names = names.astype(object) if kind == "object" else kind(names)
    split = make_ood(X, names, ood=["eel"], n_labeled=3, n_pool=(9, 9), random_state=0)
    assert split.ood_label == "eel" and split.ood == ("eel",)


def test_what_a_class_lacks_is_said():
    with pytest.raises(ValueError, match="Class 0 has 100 .* 125 are needed"):
        make_redundant(X, Y, n_labeled=5, n_pool=120)
    with pytest.raises(ValueError, match="`rare` names the class 11"):
        make_rare(X, Y, rare=[11])
    with pytest.raises(ValueError, match="`ood` names the class 10"):
        make_ood(X, Y, ood=[10])


def test_randomness_is_not_the_worlds():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    build("rare")
    assert_array_equal(np.random.get_state()[1], before)


# ----------------------------------------------------------------- files at hand


def some(n, *shape):
    return RNG.randint(256, size=(n, *shape), dtype=np.uint8)


@pytest.fixture
def no_network(monkeypatch):
    def fetch(*args, **kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(datasets._loaders, "fetch_openml", fetch)


@pytest.mark.parametrize(
    "load, name, shape",
    [
        (load_mnist, "mnist", (28, 28)),
        (load_svhn, "svhn", (32, 32, 3)),
        (load_pneumoniamnist, "pneumoniamnist", (28, 28)),
    ],
)
@pytest.mark.parametrize("by", ["argument", "variable"])
def test_files_of_arrays(load, name, shape, by, tmp_path, monkeypatch, no_network):
    x_train, x_test = some(5, *shape), some(3, *shape)
    y_train, y_test = np.array([0, 1, 1, 0, 1], np.uint8), np.array([1, 0, 0], np.uint8)
    np.savez(
        tmp_path / f"{name}.npz",
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
    )
    if by == "variable":
        monkeypatch.setenv("SKSIMILAR_DATA", str(tmp_path))
    data = load(tmp_path) if by == "argument" else load()
    assert_array_equal(data.X, x_train)
    assert_array_equal(data.X_test, x_test)
    assert_array_equal(data.y, y_train)
    assert data.X.dtype == np.uint8 and data.y_test.dtype == np.int64


def test_tens_of_svhn_are_zeros(tmp_path):
    images, y = some(2, 32, 32, 3), np.array([10, 9])
    np.savez(tmp_path / "svhn.npz", x_train=images, y_train=y, x_test=images, y_test=y)
    assert_array_equal(load_svhn(tmp_path).y, [0, 9])


def test_letters_are_upper_and_lower_case_alike(tmp_path, no_network):
    np.savez(tmp_path / "emnist_letters.npz", x=some(2, 28, 28), y=np.array([1, 26]))
    letters = load_emnist_letters(tmp_path)
    assert_array_equal(letters.y, [0, 25])
    assert letters.classes[25] == "Z"

    digits, y = some(3, 28, 28), np.arange(3)
    path = tmp_path / "mnist.npz"
    np.savez(path, x_train=digits, y_train=y, x_test=digits, y_test=y)
    both = load_digits_and_letters(tmp_path)
    assert_array_equal(both.y, [0, 1, 2, 10, 10])
    assert_array_equal(both.y_test, y)
    assert both.classes[10] == "letter"


def test_cifar_is_decoded(tmp_path, no_network):
    image = pytest.importorskip("PIL.Image")

    def jpeg(color):
        file = io.BytesIO()
        image.new("RGB", (32, 32), color).save(file, "JPEG")
        return file.getvalue()

    files = [jpeg("red"), jpeg("blue")]
    stream = np.frombuffer(b"".join(files), np.uint8)
    offsets = np.cumsum([0, *map(len, files)])
    np.savez(
        tmp_path / "cifar10_jpeg.npz",
        **{f"jpeg_{part}": stream for part in ("train", "test")},
        **{f"offsets_{part}": offsets for part in ("train", "test")},
        **{f"y_{part}": np.arange(2) for part in ("train", "test")},
    )
    data = load_cifar10(tmp_path)
    assert data.X.shape == (2, 32, 32, 3) and data.X.dtype == np.uint8
    assert_array_equal(data.X.argmax(axis=3)[:, 0, 0], [0, 2])
    assert data.classes[9] == "truck"


@pytest.mark.parametrize("load", [load_pneumoniamnist, load_emnist_letters])
def test_a_missing_file_is_named_and_where_it_was_looked_for(load, tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        load(tmp_path)
    for part in (".npz", str(tmp_path), "data_home", "SKSIMILAR_DATA"):
        assert part in str(error.value)


def test_digits_need_nothing():
    digits = load_digits_split()
    assert len(digits.X) + len(digits.X_test) == 1797
    assert digits.X.max() == 255 and set(digits.y_test) == set(range(10))


def test_datasets_have_names():
    assert {"mnist", "cifar10", "svhn", "pneumonia", "digits"} <= set(DATASETS)


# ----------------------------------------------------------------- OpenML


def test_without_a_file_openml_is_asked(tmp_path, monkeypatch):
    pixels = some(60_002, 4)

    def fetch(name, **options):
        assert name == "mnist_784" and not options["as_frame"]
        return Bunch(data=np.repeat(pixels, 196, axis=1), target=np.full(60_002, "7"))

    monkeypatch.setattr(datasets._loaders, "fetch_openml", fetch)
    data = load_mnist(tmp_path)
    assert data.X.shape == (60_000, 28, 28) and len(data.X_test) == 2
    assert data.X_test[1, 27, 27] == pixels[-1, -1]
    assert set(data.y_test) == {7}


def test_channels_of_openml_come_last(monkeypatch):
    plane = np.repeat([10, 20, 30], 1024)  # Red first, then green, then blue.

    def fetch(name, **options):
        return Bunch(data=np.tile(plane, (3, 1)), target=np.array(["1", "2", "3"]))

    monkeypatch.setattr(datasets._loaders, "fetch_openml", fetch)
    data = datasets._loaders._fetched("CIFAR_10", 2, (3, 32, 32), ())
    assert data.X.shape == (2, 32, 32, 3) and len(data.X_test) == 1
    assert_array_equal(data.X[0, 5, 7], [10, 20, 30])


# ----------------------------------------------------------------- folders


def test_a_folder_is_a_class(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for path, color in (
        ("cat/1.png", "red"),
        ("cat/new/2.PNG", "lime"),
        ("ant/3.png", 0),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        image.new("RGB", (4, 3), color).save(tmp_path / path, "PNG")
    (tmp_path / "cat" / "notes.txt").write_text("not an image")
    data = load_image_folder(tmp_path)
    assert data.classes == ("ant", "cat")
    assert_array_equal(data.y, [0, 1, 1])
    assert data.X.shape == (3, 3, 4, 3)
    assert_array_equal(data.X[1:, 0, 0], [[255, 0, 0], [0, 255, 0]])
    assert load_image_folder(tmp_path, size=(2, 2), mode="L").X.shape == (3, 2, 2)


def test_images_of_two_sizes_are_refused(tmp_path):
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "cat").mkdir()
    with pytest.raises(ValueError, match="holds none"):
        load_image_folder(tmp_path)
    for side in 2, 3:
        image.new("RGB", (side, side)).save(tmp_path / "cat" / f"{side}.png")
    with pytest.raises(ValueError, match="size="):
        load_image_folder(tmp_path)


# ----------------------------------------------------------------- pickled batches


def write(path, content, protocol=2):
    path.write_bytes(pickle.dumps(content, protocol=protocol))


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_batches_of_imagenet(tmp_path, protocol):
    images = some(3, 3072)
    mean = images.mean(axis=0)
    for number in 1, 2:
        batch = {"data": images, "labels": [1, 1000, number], "mean": mean}
        write(tmp_path / f"train_data_batch_{number}", batch, protocol)
    write(tmp_path / "val_data", {"data": images[:1], "labels": [5]}, protocol)
    data = load_imagenet32(tmp_path)
    assert_array_equal(data.y, [0, 999, 0, 0, 999, 1])
    assert_array_equal(data.y_test, [4])
    assert data.X.shape == (6, 32, 32, 3)
    assert_array_equal(data.X[4, 3, 8], images[1].reshape(3, 32, 32)[:, 3, 8])
    assert data.classes[0] == 1


class Trap:
    """What runs code when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("place", ["data", "labels", "mean"])
def test_a_batch_that_would_run_code_is_refused(tmp_path, place):
    sprung = tmp_path / "sprung"
    batch = {"data": some(2, 3072), "labels": [1, 2]} | {place: Trap(sprung)}
    write(tmp_path / "train_data_batch_1", batch)
    write(tmp_path / "val_data", batch)
    with pytest.raises(ValueError, match="it wants to call"):
        load_imagenet32(tmp_path)
    assert not sprung.exists()


@pytest.mark.parametrize(
    "batch",
    [
        {"data": some(2, 3072)},
        {"data": some(2, 3072), "labels": [1]},
        {"data": some(2, 3072).astype(float), "labels": [1, 2]},
        {"data": some(2, 100), "labels": [1, 2]},
        ["no dict"],
    ],
)
def test_other_pickles_are_refused(tmp_path, batch):
    for name in "train_data_batch_1", "val_data":
        write(tmp_path / name, batch)
    with pytest.raises(ValueError, match="train_data_batch_1"):
        load_imagenet32(tmp_path)


def test_missing_batches_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="train_data_batch_1"):
        load_imagenet32(tmp_path)
    write(tmp_path / "train_data_batch_1", {})
    with pytest.raises(FileNotFoundError, match="val_data"):
        load_imagenet32(tmp_path)


# ----------------------------------------------------------------- the real thing


@pytest.mark.parametrize(
    "name, n_rows, n_test",
    [("mnist", 60_000, 10_000), ("pneumonia", 4708, 624), ("letters", 20_800, 0)],
)
def test_published_sizes(name, n_rows, n_test, no_network):
    try:
        data = DATASETS[name]()
    except (FileNotFoundError, AssertionError):
        pytest.skip(f"SKSIMILAR_DATA names no directory with the file of {name}")
    assert len(data.X) == len(data.y) == n_rows
    assert len(data.get("X_test", ())) == n_test
    assert data.X.dtype == np.uint8


def test_numbers_add_up_to_the_papers():
    # MNIST, rho = 20: 125 labels and 25 of R, 21 000 in the pool.
    groups = [0] * 5 + [1] * 5
    split = make_scenario(
        np.arange(50_000)[:, None],
        np.repeat(np.arange(10), 5000),
        rare=np.flatnonzero(groups),
        n_labeled=(22, 3, 0),
        n_query=(0, 5, 0),
        n_pool=(4000, 200, 0),
        random_state=0,
    )
    assert np.count_nonzero(split.labeled_mask) == 150
    assert np.count_nonzero(split.query_mask) == 25
    assert np.count_nonzero(~split.labeled_mask) == 21_000


def test_rows_of_mixed_columns_are_told_by_what_they_hold():
    """Each row is there twice, as objects of its own."""
    pd = pytest.importorskip("pandas")
    numbers = np.tile(np.arange(30), 2)
    frame = pd.DataFrame({"n": numbers, "name": [f"row {n}" for n in numbers]})
    y, wanted = numbers % 3, {"n_labeled": 2, "n_pool": 8, "random_state": 0}
    split = make_redundant(frame, y, copied=0, **wanted)
    assert len(np.unique(split.X[:, 0].astype(int))) == len(split.X) == 30
    with pytest.raises(ValueError, match="0 distinct rows outside the test set"):
        make_redundant(frame, y, X_test=frame, **wanted)


def test_images_of_more_than_a_byte_are_refused_and_hidden_folders_are_no_class(
    tmp_path,
):
    for name in ("a", ".hidden"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / name / "1.png")
        (tmp_path / name / ".thumbs").mkdir()
        (tmp_path / name / ".thumbs" / "1.png").write_bytes(b"none")
        (tmp_path / name / "._1.png").write_bytes(b"none")
        (tmp_path / name / "folder.png").mkdir()
    data = load_image_folder(tmp_path)
    assert data.classes == ("a",) and len(data.X) == 1
    (tmp_path / "a" / "broken.png").write_bytes(b"none")
    with pytest.raises(ValueError, match="broken.png' is no whole image"):
        load_image_folder(tmp_path)
    (tmp_path / "a" / "broken.png").unlink()
    deep = Image.fromarray(np.full((2, 2), 300, np.uint16))
    deep.save(tmp_path / "a" / "2.png")
    with pytest.raises(ValueError, match="8 bits a channel"):
        load_image_folder(tmp_path)


def test_test_rows_that_the_rows_could_not_hold_are_refused():
    options = {"n_labeled": 1, "n_pool": 2}
    with pytest.raises(ValueError, match="one dtype and on one scale"):
        make_redundant(X, Y, X_test=X[:5] / 1000, **options)
    split = make_redundant(X, Y, X_test=X[:5].astype(float), **options)
    assert not np.isin(split.rows, np.arange(5)).any()


def test_rows_to_draw_from_have_labels():
    with pytest.raises(ValueError, match="`y` must name the class"):
        make_redundant(X, np.where(Y == 3, -1, Y), n_labeled=1, n_pool=2)
    two = np.where(Y < 5, -1, 1)  # Both are classes.
    assert set(make_redundant(X, two, n_labeled=1, n_pool=2).y) == {-1, 1}
