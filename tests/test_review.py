"""A gallery shows what was picked, runs nothing it was given, and its answers return."""

import base64
import csv
import io
import json
import re
import shutil
import time

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from torch.utils.data import TensorDataset

from sksimilar import ActiveLearner, MarginSampler, RandomSampler, SIMILARSampler
from sksimilar.review import read_answers, write_gallery

DIGITS = load_digits()
X, Y = DIGITS.data / 16, DIGITS.target
N = len(X)
KNOWN = np.arange(N) < 60
HIDDEN = np.where(KNOWN, Y, -1)
MODEL = LogisticRegression(max_iter=300).fit(X[KNOWN], Y[KNOWN])
QUERY, AWAY = KNOWN & (Y == 8), KNOWN & (Y == 1)
HOSTILE = (
    "</script><script>window.__hacked = 1</script><!--<script>"
    '<img src=x onerror="window.__hacked = 2; alert(1)">\' " & {{ DATA }} \u2028\u2029'
)


def sampler(**masks):
    chosen = SIMILARSampler(MODEL, budget=12, random_state=0).fit(X, HIDDEN, **masks)
    chosen.select()
    return chosen


@pytest.fixture(scope="module")
def explained():
    return sampler(query_mask=QUERY, conditioning_mask=AWAY)


def data_of(path):
    text = path.read_text(encoding="utf-8")
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])


def gallery(tmp_path, selection, items=DIGITS.images, **options):
    page = write_gallery(
        tmp_path / "review.html", selection, items, **{"y": HIDDEN, **options}
    )
    return data_of(page)


# ------------------------------------------------------------------------- the page


def test_the_page_shows_what_the_sampler_explains(tmp_path, explained):
    told = explained.explain()
    data = gallery(tmp_path, explained, predicted=MODEL.predict(X))
    assert [pick["index"] for pick in data["picks"]] == told.index.tolist()
    for i, pick in enumerate(data["picks"]):
        parts = dict(pick["parts"])
        assert np.isclose(sum(parts.values()), pick["gain"])
        assert parts["relevance"] == told.relevance[i]
        row, similarity = pick["nearest"]["query"]
        assert (row, similarity) == (told.nearest_query[i], told.query_similarity[i])
        assert data["labels"][str(row)] == "8"
        assert data["groups"][str(pick["index"])] == str(
            MODEL.predict(X[pick["index"]][None])[0]
        )
    shown = {*told.index, *told.nearest_query, *told.nearest_conditioning}
    assert set(map(int, data["items"])) == shown


@pytest.mark.parametrize(
    "masks, nearest",
    [
        ({}, set()),
        ({"query_mask": QUERY}, {"query"}),
        ({"conditioning_mask": AWAY}, {"conditioning"}),
    ],
)
def test_a_page_has_only_the_sets_there_are(tmp_path, masks, nearest):
    data = gallery(tmp_path, sampler(**masks))
    assert all(set(pick["nearest"]) == nearest for pick in data["picks"])


def test_a_baseline_shows_its_scores_or_nothing(tmp_path):
    margin = MarginSampler(MODEL, budget=5, random_state=0).fit(X, HIDDEN)
    rows = margin.select()
    data = gallery(tmp_path, margin)
    scores = dict(zip(margin.candidates_, margin.scores_))
    assert [pick["score"] for pick in data["picks"]] == [scores[row] for row in rows]
    random = RandomSampler(budget=5, random_state=0).fit(X, HIDDEN)
    random.select()
    for selection in (random, [70, 3, 61]):
        picks = gallery(tmp_path, selection, overwrite=True)["picks"]
        assert not any("gain" in pick or "score" in pick for pick in picks)
    assert [pick["index"] for pick in picks] == [70, 3, 61]


def test_a_label_that_is_lacking_is_no_class(tmp_path):
    y = np.where(np.arange(N) % 3, Y, np.nan)
    data = gallery(tmp_path, [70, 3, 61], y=y)
    assert data["classes"] == [["float", f"{c}.0"] for c in range(10)]
    assert set(data["groups"]) == {str(row) for row in (70, 3, 61) if row % 3}


def test_a_copy_of_an_earlier_pick_is_told_by_its_role(tmp_path):
    twins = np.repeat(np.random.RandomState(0).randn(4, 3), 2, axis=0)
    chosen = SIMILARSampler(function="fl", random_state=0).fit(twins)
    with pytest.warns(UserWarning, match="Only 4 of 8 picks carried information"):
        chosen.select(8)
    roles = [p["roles"] for p in gallery(tmp_path, chosen, twins, y=[1] * 8)["picks"]]
    assert roles[0] == ["adds information"]
    assert roles[4:] == 4 * [["adds nothing", "like an earlier pick"]]


def test_a_row_like_the_conditioning_set_is_told_by_its_role(tmp_path):
    rows = np.array([[1.0, 0], [0, 1], [0.1, 1], [1, 0.1]])
    masks = {"query_mask": [True, False, False, False]}
    masks["conditioning_mask"] = [False, True, False, False]
    chosen = SIMILARSampler(random_state=0).fit(rows, **masks)
    assert chosen.select(2).tolist() == [3, 2]
    picks = gallery(tmp_path, chosen, rows, y=[1] * 4)["picks"]
    assert ["near the conditioning set" in p["roles"] for p in picks] == [False, True]


def test_only_the_first_picks_are_shown_if_told_so(tmp_path, explained):
    assert len(gallery(tmp_path, explained, n_items=3)["picks"]) == 3


def test_the_page_is_one_file_and_names_no_address(tmp_path, explained):
    write_gallery(tmp_path / "a.html", explained, DIGITS.images, y=HIDDEN)
    text = (tmp_path / "a.html").read_text()
    assert not re.search(r"""(https?:|ftp:|wss?:|["'(]//|@import|url\()""", text)
    assert set(re.findall(r"""(?:src|href)=["']([^"']*)""", text)) == {"data:,"}
    assert re.search("default-src 'none'; img-src data:; script-src 'sha256-", text)
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]


def test_a_page_is_the_same_for_the_same_selection(tmp_path, explained):
    pages = [tmp_path / "a.html", tmp_path / "b.html"]
    for page in pages:
        write_gallery(page, explained, DIGITS.images, y=HIDDEN)
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_nothing_given_ends_an_element(tmp_path):
    data = gallery(
        tmp_path, [1], [HOSTILE] * 3, y=None, classes=[HOSTILE, "b"], title=HOSTILE
    )
    assert data["items"] == {"1": HOSTILE} and data["classes"][0] == ["str", HOSTILE]
    text = (tmp_path / "review.html").read_text(encoding="utf-8")
    assert "<img" not in text and text.count("<script") == text.count("</script>") == 2


def test_a_file_is_replaced_only_if_told_so(tmp_path, explained):
    page = tmp_path / "review.html"
    page.write_text("mine")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        write_gallery(page, explained, DIGITS.images, y=HIDDEN)
    assert page.read_text() == "mine"
    assert write_gallery(page, [1], DIGITS.images, y=HIDDEN, overwrite=True) == page
    assert page.read_text().startswith("<!doctype html>")


# ------------------------------------------------------------------------ the items


def pixels_of(data, row):
    address = data["items"][str(row)]
    head, content = address.split(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))


BYTES = np.random.RandomState(0).randint(0, 256, (4, 5, 6, 3), dtype=np.uint8)
FIRST = np.moveaxis(BYTES, -1, 1)


@pytest.mark.parametrize(
    "items, expected",
    [
        (BYTES, BYTES),
        (BYTES[..., 0], BYTES[..., 0]),
        (BYTES[..., :1], BYTES[..., 0]),
        (np.concatenate([BYTES, BYTES[..., :1]], -1), None),
        (FIRST, BYTES),
        (torch.as_tensor(FIRST), BYTES),
        (BYTES / 255, BYTES),
        (list(BYTES), BYTES),
        (TensorDataset(torch.as_tensor(FIRST / 255), torch.arange(4)), BYTES),
        (BYTES[..., 0] > 99, 255 * (BYTES[..., 0] > 99)),
    ],
)
def test_images_decode_to_the_same_pixels(tmp_path, items, expected):
    data = gallery(tmp_path, [2, 0], items, y=None, classes=[0, 1])
    expected = items if expected is None else expected
    for row in (0, 2):
        assert_array_equal(pixels_of(data, row), expected[row])


def test_other_numbers_go_from_the_least_to_the_largest_shown(tmp_path):
    data = gallery(tmp_path, [0], np.array([[[-4.0, 4.0], [0.0, 4.0]]]), y=[1])
    assert_array_equal(pixels_of(data, 0), [[0, 255], [128, 255]])


def test_only_rows_that_are_shown_are_read(tmp_path):
    class Images(torch.utils.data.Dataset):
        def __len__(self):
            return 9

        def __getitem__(self, i):
            assert i == 4
            return torch.ones(1, 2, 2), 0

    gallery(tmp_path, [4], Images(), y=None, classes=[0, 1])


@pytest.mark.parametrize(
    "items, columns, cells",
    [
        (np.array([[1.5, 2.0]]), ["x0", "x1"], ["1.5", "2"]),
        (pd.DataFrame({"a": [0.1], "b": ["<i>"]}), ["a", "b"], ["0.1", "<i>"]),
        (np.array([[np.nan, 2]]), ["x0", "x1"], ["nan", "2"]),
    ],
)
def test_rows_of_numbers_are_a_table(tmp_path, items, columns, cells):
    data = gallery(tmp_path, [0], items, y=[1])
    assert (data["kind"], data["columns"], data["items"]["0"]) == (
        "table",
        columns,
        cells,
    )


@pytest.mark.parametrize(
    "texts", [["a", "b"], np.array(["a", "b"]), pd.Series(["a", "b"]), ("a", "b")]
)
def test_texts_of_any_container(tmp_path, texts):
    data = gallery(tmp_path, [1], texts, y=[1, 2])
    assert (data["kind"], data["items"]) == ("text", {"1": "b"})


# ------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    "change, message",
    [
        ({"selection": RandomSampler()}, "Call `select` first"),
        ({"selection": ActiveLearner(MODEL)}, "Pass its `sampler_`"),
        ({"selection": [1, 1]}, "more than once"),
        ({"selection": [N]}, "positions in X"),
        ({"selection": []}, "nothing to review"),
        ({"selection": np.ones(3, bool)}, "positions in X"),
        ({"items": np.full((N, 2, 2), np.nan)}, "NaN"),
        ({"items": np.ones((N, 2, 2, 2))}, "channels"),
        ({"items": np.ones((N, 1, 1, 1, 2))}, "shapes"),
        ({"items": np.ones((N, 2), dtype=object)}, "object"),
        ({"y": HIDDEN[:9]}, "label for each"),
        ({"predicted": HIDDEN[:9]}, "`predicted` must have a label for each"),
        ({"y": None}, "Declare them"),
        ({"y": np.full(N, -1)}, "Declare them"),
        ({"classes": [-1, 1]}, "marks unlabeled"),
        ({"classes": [3, "3"]}, "read differently"),
        ({"classes": [np.nan]}, "finite"),
        ({"classes": [" "]}, "readable"),
        ({"classes": ["\ud800"]}, "readable"),
        ({"classes": [None]}, "NoneType"),
        ({"classes": "ab"}, "list of labels"),
        ({"classes": []}, "at least one"),
        ({"n_items": 0}, "at least 1"),
        ({"path": "."}, "file in a directory"),
        ({"path": "nowhere/at/all.html"}, "file in a directory"),
    ],
)
def test_what_cannot_be_shown_is_refused_and_writes_nothing(
    tmp_path, monkeypatch, change, message
):
    monkeypatch.chdir(tmp_path)
    asked = {"path": "a.html", "selection": [3], "items": DIGITS.images, "y": HIDDEN}
    with pytest.raises((ValueError, TypeError, NotFittedError), match=message):
        write_gallery(**asked | change)
    assert not list(tmp_path.iterdir())


def test_items_that_the_sampler_has_not_seen_are_refused(tmp_path, explained):
    with pytest.raises(ValueError, match="`items` has 50 rows, and the selection"):
        write_gallery(
            tmp_path / "a.html", explained, DIGITS.images[:50], classes=range(10)
        )


# ------------------------------------------------------------------------ the answers

HEAD = {
    "format": "sksimilar answers",
    "version": 1,
    "n_samples": 9,
    "selection": "0f",
    "dtype": "int64",
    "classes": [["int", "3"], ["int", "5"]],
}
GOOD = [{"index": 7, "label": "5", "skipped": False}]
SKIP = {"index": 2, "label": "", "skipped": True}


def as_json(answers=GOOD, **changes):
    head = {name: v for name, v in (HEAD | changes).items() if v is not ...}
    return json.dumps(head | {"answers": answers})


def as_csv(*lines, columns=("index", "label", "skipped"), title=None, **changes):
    head = {name: v for name, v in (HEAD | changes).items() if name != "format"}
    file = io.StringIO()
    rows = [title or ["# sksimilar answers", json.dumps(head)], columns, *lines]
    csv.writer(file).writerows(rows)
    return file.getvalue()


@pytest.mark.parametrize(
    "text", [as_json([*GOOD, SKIP]), as_csv([7, 5, 0], [2, "", 1])]
)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_answers_are_read(tmp_path, text, mark):
    (tmp_path / "a").write_text(mark + text, encoding="utf-8")
    indices, labels, skipped = read_answers(tmp_path / "a", n_samples=9)
    assert (indices.dtype, labels.dtype, skipped.dtype) == (np.int64,) * 3
    assert (*indices, *labels, *skipped) == (7, 5, 2)


def test_no_answers_are_three_empty_arrays(tmp_path):
    for text in (as_json([]), as_csv()):
        (tmp_path / "a").write_text(text)
        assert [len(part) for part in read_answers(tmp_path / "a", 9)] == [0, 0, 0]


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "does not begin with"),
        ("\x00", "does not begin|no CSV"),
        ("index,label\n1,2", "does not begin with"),
        ("{", "Expecting"),
        ("{" * 9, "Expecting"),
        ('{"answers":' + "[" * 100_000, "recursion|Recursion"),
        ("[]", "does not begin with"),
        ("{}", "no list of answers"),
        (as_json({}), "no list of answers"),
        (as_json([7]), "an answer must have"),
        (as_json([{"index": 7, "label": "5"}]), "an answer must have"),
        (as_json(format="other"), "format must be"),
        (as_json(format=...), "format must be"),
        (as_json(version=2), "version must be 1, got 2"),
        (as_json(version=True), "version must be 1, got True"),
        (as_json(n_samples=10), "a pool of 10 rows, and `n_samples` is 9"),
        (as_json(n_samples=...), "a pool of None rows"),
        (as_json(n_samples=9.0), "a pool of 9.0 rows"),
        (as_json(classes=...), "lacks"),
        (as_json(classes=[]), "list of classes is damaged"),
        (as_json(classes=None), "list of classes is damaged"),
        (as_json(classes=[["int", "5.5"]]), "list of classes is damaged"),
        (as_json(classes=[["int", " 5"]]), "list of classes is damaged"),
        (as_json(classes=[["eval", "5"]]), "list of classes is damaged"),
        (as_json(classes=[["int", "5"], ["str", "5"]]), "list of classes is damaged"),
        (as_json(classes=[["int", "9" * 30]]), "list of classes is damaged"),
        (as_json(dtype="V8"), "list of classes is damaged"),
        (as_json(dtype="bool"), "list of classes is damaged"),
        (as_json(dtype=None), "list of classes is damaged"),
        (as_json([{**GOOD[0], "index": 9}]), "from 0 to 8, got 9"),
        (as_json([{**GOOD[0], "index": -1}]), "from 0 to 8, got -1"),
        (as_json([{**GOOD[0], "index": 7.0}]), "index must be an integer"),
        (as_json([{**GOOD[0], "index": "7"}]), "index must be an integer"),
        (as_json([{**GOOD[0], "index": True}]), "index must be an integer"),
        (as_json([{**GOOD[0], "label": 5}]), "not among the texts"),
        (as_json([{**GOOD[0], "label": "4"}]), "not among the texts"),
        (as_json([{**GOOD[0], "label": ["5"]}]), "not among the texts"),
        (as_json([{**GOOD[0], "skipped": 1}]), "skipped must be true or false"),
        (as_json([{**GOOD[0], "skipped": True}]), "both labeled and skipped"),
        (as_json([*GOOD, *GOOD]), "row 7 is answered more than once"),
        (as_json([SKIP, {**GOOD[0], "index": 2}]), "row 2 is answered more than once"),
        (as_csv(columns=["index", "label"]), "columns must be"),
        (as_csv(columns=["label", "index", "skipped"]), "columns must be"),
        (as_csv(title=["# sksimilar answers", "{"]), "Expecting"),
        (as_csv(title=["# sksimilar answers", "[]"]), "first line is damaged"),
        (as_csv(title=["# sksimilar answers"]), "does not begin with"),
        (as_csv(version=0), "version must be 1, got 0"),
        (as_csv(n_samples=5), "a pool of 5 rows"),
        (as_csv([7, 5]), "a line must hold"),
        (as_csv([7, 5, "no"]), "a line must hold"),
        (as_csv([7, 5, 0, 1]), "a line must hold"),
        (as_csv(["7.0", 5, 0]), "index must be an integer"),
        (as_csv(["", 5, 0]), "index must be an integer"),
        (as_csv(["-7", 5, 0]), "index must be an integer"),
        (as_csv(["9" * 5000, 5, 0]), "index must be an integer"),
        (as_csv(["\u0667", 5, 0]), "index must be an integer"),
        (as_csv([7, "", 0]), "not among the texts"),
        (as_csv([7, 5, 0], [7, 3, 0]), "more than once"),
        (as_csv([7, 5, 0]) + '"open', "no CSV"),
    ],
)
def test_what_is_no_export_is_refused(tmp_path, text, message):
    path = tmp_path / "answers"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message) as refused:
        read_answers(path, n_samples=9)
    assert str(path) in str(refused.value) and "Export them again" in str(refused.value)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="cannot be read as answers"):
        read_answers(tmp_path / "a", n_samples=9)


def test_the_size_of_the_pool_is_a_number(tmp_path):
    with pytest.raises(ValueError, match="`n_samples` must be an integer"):
        read_answers(tmp_path / "a", n_samples=X)


@pytest.mark.parametrize(
    "classes",
    [
        [3, 5],
        np.array([3, 5], dtype=np.int8),
        np.array([3, 5], dtype=np.uint64),
        [2**63, 2**70],
        ["3", "=5"],
        np.array(["a,b", 'c"\nd']),
        pd.Series(["x", "é"], dtype="category"),
        [0.5, 1.0],
        np.array([0.1, 0.2], dtype=np.float32),
        [True, False],
        [0, 1, "letter"],
        np.array([4, "5", 6.5, True], dtype=object),
    ],
    ids=str,
)
def test_labels_keep_their_type(tmp_path, classes):
    data = gallery(tmp_path, [0], ["text"], y=None, classes=classes)
    told = {"index": 0, "label": data["classes"][1][1], "skipped": False}
    text = as_json([told], **{name: data[name] for name in HEAD})
    (tmp_path / "a.json").write_text(text)
    (label,) = labels = read_answers(tmp_path / "a.json", n_samples=1)[1]
    second = list(classes)[1]
    assert label == second and isinstance(label, (np.generic, type(second)))
    assert labels.tolist() == [getattr(second, "item", lambda: second)()]
    if isinstance(classes, np.ndarray):
        assert labels.dtype.kind == classes.dtype.kind
        assert labels.dtype.kind == "U" or labels.dtype == classes.dtype


def test_a_learner_is_told_numbers_and_what_is_none_of_them(tmp_path):
    learner = ActiveLearner(MODEL, ood_label="letter", random_state=0).start(X, HIDDEN)
    rows = learner.ask(2)
    classes = [*range(10), "letter"]
    data = gallery(tmp_path, rows, classes=classes)
    told = [
        {"index": int(row), "label": label, "skipped": False}
        for row, label in zip(rows, ["3", "letter"])
    ]
    (tmp_path / "a").write_text(as_json(told, **{name: data[name] for name in HEAD}))
    indices, labels, skipped = read_answers(tmp_path / "a", n_samples=N)
    learner.tell(indices, labels, skipped=skipped)
    assert learner.labeled_mask_[rows].all() and learner.ood_mask_[rows].tolist() == [
        False,
        True,
    ]


@pytest.mark.parametrize(
    "names",
    [
        np.array(["b", "a", -1], dtype=object),
        ["b", "a", -1],
        pd.Series(["b", "a", None], dtype="string"),
    ],
    ids=["array", "list", "column"],
)
def test_classes_are_those_that_occur_if_none_are_declared(tmp_path, names):
    data = gallery(tmp_path, [0], ["x"] * 3, y=names, predicted=np.array(["c"] * 3))
    assert data["classes"] == [["str", name] for name in "abc"]


# ------------------------------------------------------------------ in a real browser

ENTER, BACKSPACE, RIGHT = "\ue007", "\ue003", "\ue014"  # As WebDriver spells them.
SWITCHES = (
    "headless=new",
    "no-sandbox",
    "disable-gpu",
    "disable-quic",
    "disable-dev-shm-usage",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "window-size=1200,900",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Start a browser that keeps what it downloads in ``browser.downloads``."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("No Chromium or Chrome with its chromedriver is installed.")
    webdriver = pytest.importorskip("selenium.webdriver", reason="Needs selenium.")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for name in SWITCHES:
        options.add_argument(f"--{name}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
    browser.downloads = tmp_path_factory.mktemp("downloads")
    browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior",
        {"behavior": "allow", "downloadPath": str(browser.downloads)},
    )
    yield browser
    browser.quit()


class Page:
    """What a person does on a page, by what a person sees."""

    def __init__(self, browser, path):
        self.browser = browser
        self.path = path
        browser.get(path.as_uri())

    def find(self, selector):
        return self.browser.find_element("css selector", selector)

    def card(self, row):
        return self.find(f'.card[data-row="{row}"]')

    def click(self, row, text):
        script = "return arguments[0].firstChild.data"  # Without the key's hint.
        buttons = self.card(row).find_elements("css selector", ".answer button")
        named = {self.browser.execute_script(script, b): b for b in buttons}
        named[text].click()

    def press(self, *keys):
        self.browser.switch_to.active_element.send_keys(*keys)

    def focus(self, row):
        self.browser.execute_script("arguments[0].focus()", self.card(row))

    def focused(self):
        return int(self.browser.switch_to.active_element.get_attribute("data-row"))

    def choose(self, name, value):
        from selenium.webdriver.support.select import Select

        Select(self.find(f'select[name="{name}"]')).select_by_value(value)

    def shown(self):
        return self.browser.execute_script(
            "return [...document.querySelectorAll('.card')]"
            ".filter((c) => c.offsetParent).map((c) => Number(c.dataset.row))"
        )

    def status(self):
        return self.find("#status").text

    def export(self, kind):
        self.find(f"#{kind}").click()
        for _ in range(100):
            found = list(self.browser.downloads.glob(f"*.{kind}"))
            if found:
                return found[0].rename(self.path.with_suffix(f".{kind}"))
            time.sleep(0.05)
        raise AssertionError(f"No {kind} came within 5 s.")

    def complaints(self):
        return self.browser.get_log("browser")


def test_answers_go_from_the_page_to_the_learner(browser, tmp_path):
    learner = ActiveLearner(
        LogisticRegression(max_iter=300),
        SIMILARSampler(function="flqmi", budget=8),
        scenario="rare",
        random_state=0,
    ).start(X, HIDDEN, query_mask=QUERY)
    rows = learner.ask().tolist()
    path = tmp_path / "review.html"
    predicted = learner.predict(X)
    write_gallery(path, learner.sampler_, DIGITS.images, y=HIDDEN, predicted=predicted)
    page = Page(browser, path)
    assert page.shown() == rows and page.status() == "0 of 8 labeled"

    page.click(rows[0], "8")
    page.focus(rows[1])
    page.press("3")  # Digits are their own keys.
    page.press(RIGHT)
    assert page.focused() == rows[2]
    page.press("s")
    page.press(ENTER)  # To the next without an answer.
    assert page.focused() == rows[3]
    page.press("5")
    page.press("5")  # Taken back.
    page.press("1")
    page.press(BACKSPACE)
    page.click(rows[4], "Skip")
    page.click(rows[4], "0")
    assert page.status() == "3 of 8 labeled, 1 skipped"

    exports = [page.export(kind) for kind in ("csv", "json")]
    browser.refresh()
    assert page.status() == "3 of 8 labeled, 1 skipped"
    assert page.card(rows[2]).get_attribute("data-answer") == "skipped"
    assert page.complaints() == []
    for export in exports:
        indices, labels, skipped = read_answers(export, n_samples=N)
        assert indices.tolist() == [rows[0], rows[1], rows[4]]
        assert labels.tolist() == [8, 3, 0] and labels.dtype == Y.dtype
        assert skipped.tolist() == [rows[2]]
        with pytest.raises(ValueError, match="a pool of 1797 rows"):
            read_answers(export, n_samples=N - 1)
    learner.tell(indices, labels, skipped=skipped)
    left = [row for row in rows if row not in {*indices, *skipped}]
    assert learner.ask().tolist() == left
    learner.refit()
    # Only what is left to ask for, without an explanation: a page of its own.
    write_gallery(path, learner.ask(), DIGITS.images, classes=range(10), overwrite=True)
    assert Page(browser, path).shown() == left


def test_filters_by_class_role_exemplar_and_answer(browser, tmp_path, explained):
    path = tmp_path / "review.html"
    predicted = MODEL.predict(X)
    write_gallery(path, explained, DIGITS.images, y=HIDDEN, predicted=predicted)
    page, picks = Page(browser, path), data_of(path)["picks"]
    rows = [pick["index"] for pick in picks]
    assert page.shown() == rows
    for group in {*predicted[rows]}:
        page.choose("group", str(group))
        assert page.shown() == [row for row in rows if predicted[row] == group]
    page.choose("group", "")
    for role in {role for pick in picks for role in pick["roles"]}:
        page.choose("role", role)
        assert page.shown() == [p["index"] for p in picks if role in p["roles"]]
    page.choose("role", "")
    nearest = explained.explain().nearest_query
    page.choose("exemplar", str(nearest[0]))
    kept = [row for row, near in zip(rows, nearest) if near == nearest[0]]
    assert page.shown() == kept
    page.click(kept[0], "7")
    assert page.shown() == kept  # It does not vanish under the hand.
    page.choose("exemplar", "")
    page.choose("answer", "labeled")
    assert page.shown() == kept[:1]
    page.choose("answer", "skipped")
    assert page.shown() == [] and page.find("#none").is_displayed()
    assert page.complaints() == []


def test_hostile_rows_and_classes_are_only_text(browser, tmp_path):
    path = tmp_path / "review.html"
    classes = [HOSTILE, "=2+2", 'a,"b"\nc', "é"]
    write_gallery(path, [1, 2, 0], [HOSTILE] * 4, classes=classes, title=HOSTILE)
    page = Page(browser, path)
    assert browser.execute_script("return window.__hacked") is None
    assert browser.execute_script("return document.images.length") == 0
    assert browser.title.startswith("</script>") and page.complaints() == []
    shown = browser.execute_script(
        "return document.querySelector('.words').textContent"
    )
    assert shown == HOSTILE
    page.focus(1)
    for key in "1", RIGHT, "2", RIGHT, "3":
        page.press(key)
    for kind in ("csv", "json"):
        told = read_answers(page.export(kind), n_samples=4)
        assert told[0].tolist() == [1, 2, 0] and told[1].tolist() == classes[:3]


def test_many_classes_are_typed(browser, tmp_path):
    path = tmp_path / "review.html"
    names = [f"Category {i}" for i in range(30)]
    write_gallery(path, [0, 1], ["first", "second"], classes=names)
    page = Page(browser, path)
    field = page.find('.card[data-row="0"] input')
    field.send_keys("categ", ENTER)
    assert page.find(".error").text == "No such class"
    field.clear()
    field.send_keys("category 7", ENTER)
    assert page.status() == "1 of 2 labeled"
    page.press("Category 29", ENTER)  # The field of the next row has the focus.
    _, labels, _ = read_answers(page.export("csv"), n_samples=2)
    assert labels.tolist() == ["Category 7", "Category 29"]
    assert page.complaints() == []


def test_a_page_that_may_keep_nothing_says_so(browser, tmp_path):
    path = tmp_path / "review.html"
    write_gallery(path, [0], ["text"], classes=["a", "b"])
    forbid = "Storage.prototype.setItem = () => { throw new Error('full'); }"
    page = Page(browser, path)
    browser.execute_script(forbid)
    page.click(0, "a")
    assert page.status() == "1 of 1 labeled" and "export" in page.find("#kept").text


@pytest.mark.parametrize("width", [400, 1400])
def test_nothing_is_wider_than_the_window(browser, tmp_path, explained, width):
    path = tmp_path / "review.html"
    write_gallery(path, explained, DIGITS.images, y=HIDDEN, predicted=MODEL.predict(X))
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    Page(browser, path)
    assert browser.execute_script("return document.body.scrollWidth") <= width
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
