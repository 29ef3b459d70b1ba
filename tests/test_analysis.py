"""Statistics agree with closed forms, and a report tells what is in the results."""

import itertools
import re

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from sksimilar import SIMILARSampler
from sksimilar.__main__ import main
from sksimilar.experiment import (
    PROTOCOLS,
    Outcome,
    comparisons,
    detectable_difference,
    expected_found,
    holm,
    methods_for,
    paired_difference,
    penalty_matrix,
    read_csv,
    signed_rank,
    smallest_p,
    total_penalty,
)
from sksimilar.experiment._analysis import corrected
from sksimilar.experiment._claims import CLAIMS, Ahead, LeastPenalty, Steadier
from sksimilar.experiment._markdown import plain
from sksimilar.experiment._readings import READINGS, Reading
from sksimilar.experiment._store import read_results, write_rows
from sksimilar.experiment._tables import against_strongest
from sksimilar.experiment._verdicts import Verdict, agreement
from sksimilar.plotting import (
    HighlightedCurveDisplay,
    PenaltyMatrixDisplay,
    SelectionCountsDisplay,
    contrasting,
)

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def made(curves, name="mnist-rare", **columns):
    """Return rows of runs: {method: {seed: focus accuracies in percent}}."""
    return [
        {
            "method": method,
            "seed": str(seed),
            "round": str(k),
            "n_labeled": str(150 + 125 * k),
            "accuracy": str(score / 200),
            "focus_accuracy": str(score / 100),
            "n_found": str(10 * k),
            "seconds_select": "nan" if k == len(curve) - 1 else "0.5",
            "seconds_run": "60",
            "seconds_cpu": "50",
            "experiment": name,
            **columns,
        }
        for method, by_seed in curves.items()
        for seed, curve in by_seed.items()
        for k, score in enumerate(curve)
    ]


def drawn(seed=0, methods=("random", "badge", "flqmi", "logdetmi"), seeds=5, rounds=10):
    """Return curves of which later methods are the better ones."""
    rng = np.random.RandomState(seed)
    return {
        method: {
            s: (50 + 4 * place + 2 * rng.randn(rounds)).tolist() for s in range(seeds)
        }
        for place, method in enumerate(methods)
    }


# ----------------------------------------------------------------- statistics


@pytest.mark.parametrize("n_pairs", [5, 9, 12])
def test_signed_rank_is_that_of_scipy(n_pairs):
    first, second = np.random.RandomState(n_pairs).randn(2, n_pairs)
    expected = stats.wilcoxon(first, second, method="exact").pvalue
    assert_allclose(signed_rank(first, second), expected)


def test_signed_rank_with_ties_counts_all_signs():
    difference = np.array([1.0, 1.0, -1.0, 2.0, 2.0, 3.0])
    ranks = stats.rankdata(abs(difference))
    sums = [
        np.dot(signs, ranks) for signs in itertools.product([-1, 1], repeat=len(ranks))
    ]
    observed = np.dot(np.sign(difference), ranks)
    expected = np.mean(np.abs(sums) >= abs(observed))
    assert_allclose(signed_rank(difference, np.zeros(6)), expected)


def test_few_pairs_cannot_show_anything():
    first = np.arange(1.0, 6.0)
    assert signed_rank(first, np.zeros(5)) == smallest_p(5) == 0.0625
    # Neither ties nor rounding errors make it less, nor does what does not differ.
    assert signed_rank(np.ones(5), np.zeros(5)) == 0.0625
    assert signed_rank([0.3, 0.7, 0.9, 1, 1], [0.2, 0.6, 0.8, 1, 1]) == 0.25
    assert signed_rank([1, 2], [1, 2]) == 1


def test_holm_by_hand():
    # 0.01 x 4; 0.02 x 3; 0.03 x 2 = 0.06 as before; 0.9 x 1.
    assert_allclose(holm([0.03, 0.9, 0.01, 0.02]), [0.06, 0.9, 0.04, 0.06])
    assert_allclose(holm([0.6, 0.7]), [1, 1])
    assert len(holm([])) == 0


def test_an_interval_is_that_of_the_t_test():
    first, second = np.random.RandomState(0).randn(2, 7, 3)
    mean, half_width = paired_difference(first, second)
    for k in range(3):
        interval = stats.ttest_rel(first[:, k], second[:, k]).confidence_interval()
        assert_allclose([mean[k] - half_width[k], mean[k] + half_width[k]], interval)
    assert np.isnan(paired_difference([1.0], [0.0])[1])


@pytest.mark.parametrize("n_pairs, spread", [(3, 1.0), (5, 2.0), (10, 0.5)])
def test_a_detectable_difference_is_detected_as_often_as_said(n_pairs, spread):
    true = detectable_difference(spread, n_pairs)
    samples = stats.norm(true, spread).rvs((n_pairs, 20_000), random_state=0)
    shown = stats.ttest_1samp(samples, 0).pvalue < 0.05
    assert abs(shown.mean() - 0.8) < 0.015


@pytest.mark.parametrize("n_pairs", [2, 3, 50, 1000])
def test_detectable_differences_are_found_for_any_number_of_pairs(n_pairs):
    for power in 0.5, 0.8, 0.95:
        assert 0 < detectable_difference(1.0, n_pairs, power=power) < np.inf
    assert np.isnan(detectable_difference(1.0, 1))


def test_random_picks_are_expected_exactly():
    # The published numbers, and a pool with copies by simulation.
    rare = np.r_[np.arange(1000), np.full(20_000, -1)]
    mean, spread = expected_found(rare, 1000)
    assert_allclose([mean, spread], _moments(21_000, 1000, 1000))
    pool = np.r_[np.arange(20), np.repeat(np.arange(20, 30), 4), np.full(40, -1)]
    rng = np.random.RandomState(0)
    found = [len(set(rng.permutation(pool)[:30]) - {-1}) for _ in range(4000)]
    mean, spread = expected_found(pool, 30)
    assert abs(np.mean(found) - mean) < 4 * spread / np.sqrt(4000)
    assert abs(np.std(found) / spread - 1) < 0.05


def _moments(*of):
    return stats.hypergeom(*of).mean(), stats.hypergeom(*of).std()


@pytest.mark.parametrize(
    "name, n_picks, expected",
    [
        ("cifar-rare", 1000, 90.9),
        ("mnist-rare", 1000, 47.6),
        ("mnist-ood", 160, 6.15),
        ("cifar-redundancy", 500, 448),
        ("cifar-redundancy", 4500, 2265),
    ],
)
def test_pools_hold_what_the_specification_expects(name, n_picks, expected):
    mean, _ = expected_found(PROTOCOLS[name].copies(), n_picks)
    assert_allclose(mean, expected, rtol=2e-3)


# ----------------------------------------------------------------- one experiment


def test_an_outcome_holds_the_rows_in_any_order():
    curves = {"flqmi": {1: [10, 20]}, "random": {0: [30, 40], 1: [50, 60]}}
    rows = made(curves)
    for some in rows, rows[::-1]:
        outcome = Outcome.from_rows(some)
        assert outcome.methods == ["random", "flqmi"]
        assert outcome.similar == ["flqmi"] and outcome.common == [1]
        assert_allclose(
            outcome.curves("random", "focus_accuracy"), [[30, 40], [50, 60]]
        )
        assert_array_equal(outcome.n_picks, [0, 125])


@pytest.mark.parametrize("scenario", ["rare", "redundancy", "ood", "standard"])
def test_baselines_go_before_what_is_similar(scenario):
    methods = methods_for(scenario, 5)
    curves = {name: {0: [1, 2]} for name in sorted(methods)}
    outcome = Outcome.from_rows(made(curves))
    ours = {n for n, m in methods.items() if isinstance(m.sampler, SIMILARSampler)}
    assert set(outcome.similar) == ours
    assert outcome.methods == outcome.baselines + outcome.similar
    assert outcome.methods[0] == "random" and outcome.methods[-1] == "auto"


def test_only_common_seeds_are_paired():
    curves = {"random": {0: [0, 1], 2: [0, 5]}, "flqmi": {2: [0, 7], 3: [0, 100]}}
    (final, area) = comparisons(Outcome.from_rows(made(curves)))
    assert (final.endpoint, final.n_pairs) == ("final", 1)
    assert_allclose([final.mean, area.mean], [2, 1])
    apart = Outcome.from_rows(made({"random": {0: [1, 2]}, "flqmi": {1: [1, 2]}}))
    assert comparisons(apart) == [] and not penalty_matrix(apart).any()


def test_only_the_functions_of_the_paper_are_tested():
    outcome = Outcome.from_rows(made(drawn()))
    p = corrected(comparisons(outcome))
    assert {each.method for each in p} == {"flqmi", "logdetmi"}
    assert len(p) == 2 * 2 * 2  # functions, baselines, endpoints
    raw = [each.p for each in p]
    assert_allclose(list(p.values()), holm(raw))


def test_runs_of_different_length_are_refused():
    with pytest.raises(ValueError, match="number of rounds"):
        Outcome.from_rows(made({"random": {0: [1, 2], 1: [1, 2, 3]}}))


def penalties_by_brute_force(curves):
    matrix = np.zeros((len(curves), len(curves)))
    runs = [np.array(list(by_seed.values())) for by_seed in curves.values()]
    for i, j in itertools.permutations(range(len(runs)), 2):
        for k in range(runs[i].shape[1]):
            test = stats.ttest_rel(runs[i][:, k], runs[j][:, k])
            if test.pvalue < 0.05 and test.statistic > 0:
                matrix[i, j] += 1 / runs[i].shape[1]
    return matrix


def test_penalties_are_shares_of_rounds_won():
    curves = drawn()
    expected = penalties_by_brute_force(curves)
    assert expected.max() > 0.5 and expected.min() == 0
    assert_allclose(penalty_matrix(Outcome.from_rows(made(curves))), expected)


def test_equal_curves_win_nothing_and_constant_gains_win():
    curves = {"random": {0: [1, 1], 1: [2, 2]}, "flqmi": {0: [1, 2], 1: [2, 3]}}
    assert_allclose(penalty_matrix(Outcome.from_rows(made(curves))), [[0, 0], [0.5, 0]])


def test_penalties_are_summed_over_common_methods():
    first = drawn(0, ("random", "badge", "logdetmi"))
    second = drawn(1, ("random", "margin", "logdetmi"))
    matrix, methods = total_penalty(
        [Outcome.from_rows(made(curves)) for curves in (first, second)]
    )
    assert methods == ["random", "logdetmi"]
    parts = [
        penalties_by_brute_force(c)[np.ix_([0, 2], [0, 2])] for c in (first, second)
    ]
    assert_allclose(matrix, sum(parts))


# ----------------------------------------------------------------- beside the paper


def test_readings_name_what_there_is():
    for reading in READINGS:
        protocol = PROTOCOLS[reading.experiment]
        assert reading.method in methods_for(protocol.scenario, protocol.budget)
        assert len(reading.rounds) == len(reading.values)
        assert max(reading.rounds) <= protocol.n_rounds
        assert reading.name in ("accuracy", "focus_accuracy", "n_found")


def test_readings_of_one_number_agree():
    values = {}
    for reading in READINGS:
        for round, value in zip(reading.rounds, reading.values, strict=True):
            key = reading.experiment, reading.name, reading.method, round
            assert values.setdefault(key, value) == value


def counted(found, method="logdetmi", seeds=5):
    outcome = Outcome.from_rows(made(drawn(methods=[method], seeds=seeds)))
    for run in outcome.runs[method].values():
        run["n_found"] = np.full(10, float(found))
    return outcome


@pytest.mark.parametrize(
    "found, method, seeds, verdict",
    [
        (322 * 1.14, "logdetmi", 5, "in band (15%)"),
        (322 * 0.84, "logdetmi", 5, "**out of band** (15%)"),
        (322, "logdetmi", 4, "too few seeds (4)"),
        (199, "flvmi", 5, "no band"),
        (47, "random", 5, "in band (3 standard errors of 47.6)"),
        (58, "random", 5, "**out of band** (3 standard errors of 47.6)"),
    ],
)
def test_counts_are_judged_by_their_bands(found, method, seeds, verdict):
    published = {"logdetmi": 322, "flvmi": 199, "random": 52}[method]
    reading = Reading("mnist-rare", "3f", "n_found", method, (8,), (published,))
    assert Verdict.of(reading, counted(found, method, seeds)).text == verdict


def test_a_curve_is_in_band_where_all_of_it_is():
    outcome = Outcome.from_rows(made({"random": {s: [40.0] * 10 for s in range(5)}}))
    near = Reading("mnist-rare", "3d", "focus_accuracy", "random", (0, 1), (36, 44))
    far = Reading("mnist-rare", "3d", "focus_accuracy", "random", (0, 1), (36, 46))
    assert Verdict.of(near, outcome).text == "in band (5 points, 2 of 2 rounds in)"
    assert (
        Verdict.of(far, outcome).text == "**out of band** (5 points, 1 of 2 rounds in)"
    )
    absent = Reading("mnist-rare", "3d", "focus_accuracy", "flqmi", (0,), (1,))
    assert Verdict.of(absent, outcome) == Verdict((), "not run")


def test_orders_are_counted_where_readings_differ():
    # The paper: random 74.7, badge 76.3, flqmi 86.2, logdetmi 86.0, the last two alike.
    rising = Outcome.from_rows(made(drawn()))
    assert agreement(rising, "focus_accuracy") == (5, 5)
    falling = drawn(methods=("logdetmi", "flqmi", "badge", "random"))
    assert agreement(Outcome.from_rows(made(falling)), "focus_accuracy") == (0, 5)


# ----------------------------------------------------------------- claims


def judged(check, curves, **options):
    return check.judge({"mnist-rare": Outcome.from_rows(made(curves, **options))})


def test_who_is_ahead():
    curves = {
        name: {s: [0, 50 + gain + s + s % 2] for s in range(5)}
        for name, gain in [("random", 0), ("badge", 5), ("flqmi", 6), ("logdetmi", 20)]
    }
    check = Ahead(
        "mnist-rare", ("logdetmi",), "focus_accuracy", 10, over=("random", "badge")
    )
    assert judged(check, curves).verdict == "reproduced"
    assert "logdetmi - badge: +15.0 [+15.0, +15.0]" in judged(check, curves).ours
    more = check._replace(over=("random", "badge", "margin", "nosuch"))
    assert judged(more, curves).verdict == "partly"  # One of them did not run.
    assert judged(more, curves).ours.endswith("; not run: margin")
    once = {
        **curves,
        "badge": {0: [0, 99]},
    }  # Of the baselines, it is not like the others.
    assert "logdetmi - random: +20.0" in judged(check, once).ours
    check = check._replace(over=(*check.over, "entropy"))
    assert "logdetmi - entropy: +7.3" == judged(check, curves).paper
    both = check._replace(methods=("flqmi", "logdetmi"))
    assert judged(both, curves).verdict == "partly"
    hardly = {**curves, "logdetmi": {s: [0, 56 + 9 * (-1) ** s] for s in range(5)}}
    assert judged(check, hardly).verdict == "not reproduced"  # Its interval holds 0.
    behind = check._replace(methods=("random",), over=("badge",))
    assert judged(behind, curves).verdict == "not reproduced"
    near = behind._replace(by=-6)
    assert judged(near, curves).verdict == "reproduced"
    assert check.judge({}).verdict == "not run"
    few = {name: {0: by_seed[0]} for name, by_seed in curves.items()}
    assert "cannot tell who loses" in against_strongest(Outcome.from_rows(made(few)))
    assert judged(check, few).verdict == "too few seeds (1)"


def test_who_is_steadier():
    curves = {
        name: {s: [50, 50 + spread * s] for s in range(5)}
        for name, spread in [("random", 2), ("flqmi", 1), ("logdetmi", 3)]
    }
    check = Steadier("mnist-rare", ("flqmi",), "focus_accuracy", over=("random",))
    assert judged(check, curves).verdict == "reproduced"
    assert judged(check._replace(over=("random", "badge")), curves).verdict == "partly"
    both = check._replace(methods=("flqmi", "logdetmi"))
    assert judged(both, curves).verdict == "partly"
    assert judged(both, curves).ours == "flqmi 1.6, logdetmi 4.7; random 3.2"
    curves["badge"] = {s: [50, 50 + 4 * s] for s in range(5)}
    check = check._replace(over=("random", "badge"))
    assert judged(check, curves).ours == "flqmi 1.6; 2 others 3.2 to 6.3"


def test_who_has_the_least_penalty():
    check = LeastPenalty(("mnist-rare",), ("logdetmi",), "focus_accuracy")
    assert judged(check, drawn()).verdict == "reproduced"
    pair = check._replace(methods=("logdetmi", "random"))  # Best of all, and worst.
    assert judged(pair, drawn()).verdict == "partly"
    same = {name: {s: [50, 50] for s in range(5)} for name in ("random", "logdetmi")}
    assert judged(check, same).verdict == "not reproduced"
    worst = check._replace(methods=("random",))
    assert judged(worst, drawn()).verdict == "not reproduced"
    # What varies wildly is neither beaten nor ahead: a low column, and no high row.
    wild = drawn(rounds=2)
    wild["flqmi"] = {s: [1000 * (-1) ** s] * 2 for s in range(5)}
    only = check._replace(methods=("flqmi",))
    assert judged(only, wild).verdict == "partly"


def test_claims_cover_every_figure_of_the_results():
    figures = {int(re.match(r"\d+", claim.figure)[0]) for claim in CLAIMS}
    assert figures == set(range(3, 15))
    for claim in CLAIMS:
        assert claim.judge({}).verdict == "not run"


# ----------------------------------------------------------------- displays


def boxes(texts):
    texts[0].figure.canvas.draw()
    return [Text.get_window_extent(text) for text in texts]


def test_highlighted_methods_alone_are_colored_and_banded():
    names = [f"method{k}" for k in range(15)]
    scores = {name: [[0, k % 4], [1, 2]] for k, name in enumerate(names)}
    display = HighlightedCurveDisplay.from_scores(
        [1, 2], scores, highlighted=names[9:], linewidth=3
    )
    looks = {(i.get_color(), i.get_linestyle(), i.get_marker()) for i in display.lines_}
    assert len(looks) == 15 and len(display.bands_) == 6
    assert {line.get_linewidth() for line in display.lines_} == {3}
    where = boxes(display.ax_.texts)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(where, 2))


def test_names_stand_by_the_ends_without_bands_too():
    scores = {"random": [[50, 60]], "flqmi": [[50, 70]]}
    display = HighlightedCurveDisplay.from_scores([1, 2], scores, band=False)
    heights = [text.xyann[1] for text in display.ax_.texts]
    assert 0 < heights[0] < heights[1] < 1


def test_styles_differ():
    names = list(map(str, range(31)))
    styles = contrasting(names, names[24:])
    assert len({tuple(sorted(s.items())) for s in styles.values()}) == 31


def test_counts_are_shown_with_their_expectation():
    counts = {"random": [[0, 1], [0, 3]], "flqmi": [[0, 9], [0, 7]]}
    display = SelectionCountsDisplay.from_counts([0, 10], counts, expected=[0, 2])
    assert_allclose(display.lines_[1].get_ydata(), [0, 8])
    assert_allclose(display.reference_.get_xydata(), [[0, 0], [10, 2]])
    plain_one = SelectionCountsDisplay(n_picks=[0, 10], counts=counts).plot()
    assert plain_one.reference_ is None


def test_a_penalty_matrix_shows_cells_and_sums():
    matrix = [[0, 0.25, 0], [1, 0, 0.5], [0, 0, 0]]
    display = PenaltyMatrixDisplay.from_matrix(
        matrix, ["a", "b$", "c$"], highlighted=["b$"]
    )
    shown = [[text.get_text() for text in row] for row in display.texts_]
    assert shown == [
        ["", "0.2", "", "0.2"],
        ["1.0", "", "0.5", "1.5"],
        ["", "", "", "0.0"],
        ["1.0", "0.2", "0.5", ""],
    ]
    assert_allclose(display.image_.get_array(), matrix)
    labels = display.ax_.get_yticklabels()
    assert [label.get_weight() for label in labels] == [
        "normal",
        "bold",
        *["normal"] * 2,
    ]
    display.figure_.canvas.draw()


# ----------------------------------------------------------------- the report


def reported(tmp_path, files, *options):
    """Write CSV files, run the command, and return the page."""
    for name, rows in files.items():
        path = tmp_path / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_rows(path, rows)
    main(["report", str(tmp_path), *options])
    return (tmp_path / "README.md").read_text(encoding="utf-8")


def test_a_report_draws_and_says_everything(tmp_path, capsys):
    rare, ood = drawn(seeds=6), drawn(1, ("random", "badge", "logdetcmi"))
    del rare["badge"][3]
    page = reported(
        tmp_path,
        {
            "mnist-ood": made(ood, "mnist-ood"),
            "mnist-rare": made(rare),
            "tried/some": made(drawn(seeds=2), parity="no"),
        },
    )
    for stem in "mnist-rare", "mnist-ood":
        for kind in "curves", "counts", "penalties":
            assert f"![{stem}-{kind}.png]({stem}-{kind}.png)" in page
            assert (tmp_path / f"{stem}-{kind}.png").stat().st_size > 1000
    assert page.index("## mnist-rare") < page.index("## mnist-ood")
    assert (tmp_path / "penalties.png").exists()
    assert "6 seeds, 0 to 5 (fewer: badge 5)" in page
    assert "parity no" in page and "**cannot** show anything" in page
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
    final = np.array(list(rare["logdetmi"].values()))[:, -1]
    expected = f"| logdetmi | 6 | {final.mean():.1f} +- {final.std(ddof=1):.1f} |"
    assert expected in page


def test_differences_of_the_page_are_those_of_the_seeds(tmp_path):
    curves = drawn(methods=("random", "flqmi"), seeds=6)
    del curves["random"][0]
    page = reported(tmp_path, {"mnist-rare": made(curves)})
    ours = [curves["flqmi"][s][-1] - curves["random"][s][-1] for s in range(1, 6)]
    low, high = stats.ttest_1samp(ours, 0).confidence_interval()
    # Two tests, of the end and of the area; the p of each is 0.0625.
    shown = f"{np.mean(ours):+.1f} [{low:+.1f}, {high:+.1f}], p 0.125"
    assert f"| flqmi | {shown} |" in page


def test_one_seed_proves_nothing(tmp_path):
    page = reported(tmp_path, {"mnist-rare": made(drawn(seeds=1))})
    assert "A single seed shows no spread" in page
    assert "too few seeds (1)" in page and "corrected for 8 tests 1" in page
    assert "nan" not in page


def test_names_break_nothing(tmp_path):
    hostile = ["a|b", "$x$ $\\frac", "<b>*_`[x](y)", "_hidden", "new\nline", "random"]
    rows = made(drawn(methods=hostile, seeds=2), name="no $such | experiment")
    page = reported(tmp_path, {"what $ever": rows})
    tables = [line for line in page.splitlines() if line.startswith("|")]
    for first, second in itertools.pairwise(tables):
        if "---" in second:
            columns = _columns(first)
        if "---" not in first:
            assert _columns(first) == columns
    for name in hostile:
        assert f"| {plain(name)} |" in page
    assert "(what%20%24ever-curves.png)" in page


def _columns(line):
    return len(re.findall(r"(?<!\\)\|", line))


def test_unfinished_runs_are_reported(tmp_path):
    for seed in range(2):
        rows = made({"random": {seed: [50, 60]}})
        (tmp_path / "mnist-rare").mkdir(exist_ok=True)
        write_rows(tmp_path / "mnist-rare" / f"random-seed{seed:04}.csv", rows)
    write_rows(tmp_path / "mnist-rare.csv", made({"random": {0: [50, 60]}}))
    assert len(read_results(tmp_path)["mnist-rare"]) == 4
    assert "2 seeds, 0 to 1" in reported(tmp_path, {})


def test_notes_are_told(tmp_path):
    (tmp_path / "notes.md").write_text("A *remark*.\n")
    (tmp_path / "summary.md").write_text("## In short\n\nMuch.\n")
    page = reported(tmp_path, {"mnist-rare": made(drawn())})
    assert page.index("## In short\n\nMuch.") < page.index("## The claims of the paper")
    assert "## What was tried\n\nA *remark*." in page


def test_a_report_goes_where_it_is_told(tmp_path):
    write_rows(tmp_path / "mnist-rare.csv", made(drawn()))
    main(["report", str(tmp_path), "--out", str(tmp_path / "made" / "here")])
    assert (tmp_path / "made" / "here" / "README.md").exists()
    assert not (tmp_path / "README.md").exists()
    assert read_csv(tmp_path / "mnist-rare.csv")


@pytest.mark.parametrize(
    "content",
    [None, b"", b"a,b\n1,2\n", b"method,seed,round\nx,y,z\n", b"\x97\xff", b"a\r\0\r"],
)
def test_no_results_are_one_line(content, tmp_path, capsys):
    if content is not None:
        (tmp_path / "some.csv").write_bytes(content)
    with pytest.raises(SystemExit) as end:
        main(["report", str(tmp_path)])
    assert end.value.code == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and "error: argument DIR: " in message


def test_two_files_of_one_experiment_are_refused(tmp_path, capsys):
    for stem in ("mnist-rare", "again"):
        write_rows(tmp_path / f"{stem}.csv", made(drawn()))
    with pytest.raises(SystemExit):
        main(["report", str(tmp_path)])
    assert "both of mnist-rare" in capsys.readouterr().err
    (tmp_path / "tried").mkdir()
    (tmp_path / "again.csv").rename(tmp_path / "tried" / "again.csv")
    main(["report", str(tmp_path)])


def test_a_round_that_is_there_twice_is_refused():
    rows = made({"random": {0: [1, 2]}})
    with pytest.raises(ValueError, match="a round twice"):
        Outcome.from_rows(rows + rows)


def test_a_wrong_directory_is_not_made(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["report", str(tmp_path / "typo")])
    assert "'typo' holds no results" in capsys.readouterr().err.replace(
        f"{tmp_path}/", ""
    )
    assert not (tmp_path / "typo").exists()


def test_help_of_the_report_fits_80_columns(capsys):
    with pytest.raises(SystemExit):
        main(["report", "--help"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


# ----------------------------------------------------------------- what is given


def test_pairs_are_by_place_whatever_their_index():
    one, other = pd.Series([0.9, 0.8, 0.7]), pd.Series([0.5, 0.6, 0.2], index=[7, 8, 9])
    assert paired_difference(one, other) == paired_difference(one.values, other.values)
    assert signed_rank(one, other) == signed_rank(one.values, other.values)
    with pytest.raises(ValueError, match="must be pairs"):
        paired_difference([1, 2, 3], [1])
    with pytest.raises(ValueError, match="must be pairs"):
        signed_rank([1, 2, 3], [1])


@pytest.mark.parametrize("power", [0.8, 0.99, 0.999])
@pytest.mark.parametrize("n_pairs", [2, 3, 10])
def test_a_detectable_difference_is_found_as_often_as_asked(n_pairs, power):
    shift = detectable_difference(1, n_pairs, power=power) * n_pairs**0.5
    quantile = stats.t.ppf(0.975, n_pairs - 1)
    assert_allclose(stats.nct.sf(quantile, n_pairs - 1, shift), power, atol=1e-6)
    with pytest.raises(ValueError, match="`power`"):
        detectable_difference(1, n_pairs, power=1)


def test_a_report_replaces_no_page_but_its_own(tmp_path, capsys):
    write_rows(tmp_path / "mnist-rare.csv", made(drawn()))
    (tmp_path / "README.md").write_text("my notes")
    with pytest.raises(SystemExit):
        main(["report", str(tmp_path)])
    assert "--out" in capsys.readouterr().err
    assert (tmp_path / "README.md").read_text() == "my notes"
    (tmp_path / "README.md").unlink()
    (tmp_path / "notes.md").write_bytes(b"caf\xe9")
    with pytest.raises(SystemExit):
        main(["report", str(tmp_path)])
    assert "no text in UTF-8" in capsys.readouterr().err
    (tmp_path / "notes.md").unlink()
    backend = matplotlib.get_backend()
    matplotlib.use("svg")
    try:
        main(["report", str(tmp_path)])
        main(["report", str(tmp_path)])
        assert matplotlib.get_backend() == "svg"
    finally:
        matplotlib.use(backend)
