"""The tables of a report, as Markdown."""

import numpy as np

from ..model_selection import learning_curve_area
from ._analysis import AGAINST, ENDPOINTS, Comparison, comparisons, corrected
from ._figures import endpoints
from ._markdown import plain, table
from ._readings import READINGS, published
from ._statistics import smallest_p
from ._verdicts import TELLABLE, Verdict, agreement

__all__ = ["against_strongest", "beside_the_paper", "differences", "ends", "variants"]


def ends(outcome):
    """Return the table of where every method ends."""
    names = endpoints(outcome)
    titles = ["method", "seeds", *names.values(), "area", "spread", "found", "s to ask"]
    rows = [
        [
            plain(method),
            str(outcome.n_seeds(method)),
            *(_mean(outcome.curves(method, name)[:, -1]) for name in names),
            *_height(outcome, method),
            _mean(outcome.curves(method, "n_found")[:, -1]),
            f"{outcome.curves(method, 'seconds_select')[:, :-1].mean():.2f}",
        ]
        for method in outcome.methods
    ]
    return f"### Where every method ends\n\n{table(titles, rows)}"


def _height(outcome, method):
    """Return the area under the learning curve of a method, and its spread."""
    curves = outcome.curves(method, outcome.endpoint)
    spread = outcome.spread(method, outcome.endpoint)[1:].mean()
    return _mean(learning_curve_area(outcome.n_labels, curves)), _number(spread)


def differences(outcome):
    """Return the table of what every method gains over the usual baselines."""
    compared = comparisons(outcome)
    if not compared:
        return ""
    p, cells = corrected(compared), {}
    for each in compared:
        key = each.method, each.against, each.endpoint
        cells[key] = each.interval + (f", p {p[each]:.3f}" if each in p else "")
    columns = [(a, e) for a in AGAINST if a in outcome.runs for e in ENDPOINTS]
    titles = ["method", *(f"{endpoint} - {against}" for against, endpoint in columns)]
    rows = [
        [plain(method), *(cells.get((method, *column), "") for column in columns)]
        for method in outcome.methods
    ]
    head = f"### Differences in {endpoints(outcome)[outcome.endpoint]}, seed by seed"
    return "\n\n".join([head, table(titles, rows), _power(compared, p)])


def _power(compared, p):
    """Return what the tests can show at all, and what they show."""
    sentences = []
    for endpoint in ENDPOINTS:
        least = [each.detectable for each in compared if each.endpoint == endpoint]
        if np.isfinite(least).any():
            sentences.append(
                f"*{endpoint}*: {np.nanmin(least):.1f} to {np.nanmax(least):.1f} points, "
                f"median {np.nanmedian(least):.1f}"
            )
    text = (
        "The smallest true difference that a paired t-test at 5 % shows here with a "
        f"chance of 80 %, given the spread of the differences: {'; '.join(sentences)}."
        if sentences
        else "A single seed shows no spread: nothing follows from a difference."
    )
    return f"{text} {_significance(p)}" if p else text


def _significance(p):
    """Return what the corrected tests show, or that they cannot show anything."""
    n_pairs = max(each.n_pairs for each in p)
    least = min(1.0, smallest_p(n_pairs) * len(p))
    text = (
        f"The signed-rank test of {n_pairs} pairs has no p below "
        f"{smallest_p(n_pairs):.4g}, corrected for {len(p)} tests {least:.3g}"
    )
    if least > 0.05:
        return (
            f"{text}: at 5 % it **cannot** show anything, and is left to the intervals."
        )
    shown = [each for each in p if p[each] <= 0.05]
    ahead = sum(each.mean > 0 for each in shown)
    return (
        f"{text}; at 5 %, SIMILAR's functions are ahead in {ahead} of these tests and "
        f"behind in {len(shown) - ahead}."
    )


def against_strongest(outcome):
    """Return how SIMILAR's functions compare with the best baseline, wins and losses."""
    if not outcome.similar or not outcome.baselines:
        return ""

    best = outcome.strongest(outcome.baselines, outcome.endpoint)
    end = outcome.curves(best, outcome.endpoint)[:, -1].mean()
    gains = [Comparison.of(outcome, method, best) for method in outcome.similar]
    told = [f"{plain(gain.method)} {gain.interval}" for gain in gains if gain]
    lost = [
        f"{plain(each.method)} to {plain(each.against)}"
        for each in [*comparisons(outcome), *filter(None, gains)]
        if each.endpoint == "final" and each.mean + each.half_width < 0
        if each.method in outcome.similar
    ]
    text = (
        f"Less the baseline that ends highest, {plain(best)} ({end:.1f}; chosen by "
        f"the same runs, which favors it): {', '.join(told)}. "
    )
    if not any(gain.n_pairs > 1 for gain in gains if gain):
        return text + "One seed has no interval, and cannot tell who loses."
    lost = ", ".join(dict.fromkeys(lost)) or "nowhere"
    return text + f"SIMILAR loses, its interval below 0: {lost}."


def beside_the_paper(outcome):
    """Return the paper's numbers beside ours."""
    readings = [reading for reading in READINGS if reading.experiment == outcome.name]
    if not readings:
        return ""
    rows = [_judged(reading, Verdict.of(reading, outcome)) for reading in readings]
    titles = ["figure", "what", "method", "paper", "here", "verdict"]
    text = f"### Beside the paper\n\n{table(titles, rows, n_left=3)}"
    orders = [
        f"{WHAT[name]}, {n_alike} of {n_pairs}"
        for name in TELLABLE
        for n_alike, n_pairs in [agreement(outcome, name)]
        if n_pairs
    ]
    if orders:
        text += f"\n\nPairs of methods in the order of the paper: {'; '.join(orders)}."
    return text


WHAT = {"accuracy": "accuracy", "focus_accuracy": "rare accuracy", "n_found": "found"}


def _judged(reading, verdict):
    """Return a reading and its verdict as a row."""
    digits = 0 if reading.name == "n_found" else 1
    first, *_, last = (*reading.rounds, reading.rounds[-1])
    when = f"round {last}" if first == last else f"rounds {first} to {last}"
    return [
        reading.figure,
        f"{WHAT[reading.name]}, {when}",
        reading.method,
        ", ".join(f"{value:.{digits}f}" for value in reading.values),
        ", ".join(f"{value:.1f}" for value in verdict.values),
        verdict.text,
    ]


def variants(name, method, tried, usual):
    """Return the rows of one method: the paper, the usual runs, and those tried.

    Parameters
    ----------
    name, method : str
        Of the experiment and of the method.

    tried : list of Outcome
        Of the experiment, under other switches.

    usual : Outcome or None
        Of the experiment, as it is reported.

    Returns
    -------
    rows : list of list of str
        Run, number of seeds, accuracies and counts by round.
    """
    runs = [("as above", usual)] if usual else []
    runs += [(_switches(outcome), outcome) for outcome in tried]
    runs = [(label, outcome) for label, outcome in runs if method in outcome.runs]
    endpoint = runs[0][1].endpoint
    paper = [
        _along([published(name, column, method, k) for k in range(10)])
        for column in (endpoint, "n_found")
    ]
    rows = [[plain(name), plain(method), "paper", "3", *paper]]
    for label, outcome in runs:
        seeds = str(outcome.n_seeds(method))
        means = [
            _along(outcome.curves(method, column).mean(axis=0))
            for column in (endpoint, "n_found")
        ]
        rows.append([plain(name), plain(method), plain(label), seeds, *means])
    return rows


def _switches(outcome):
    changed = outcome.changed.items()
    return ", ".join(f"{k} {v}" for k, v in changed) or "as by default"


def _along(values):
    """Return numbers as text, question marks for those not known."""
    return ", ".join("?" if value is None else f"{value:.1f}" for value in values)


def _mean(values):
    spread = f" +- {values.std(ddof=1):.1f}" if len(values) > 1 else ""
    return f"{values.mean():.1f}{spread}"


def _number(value):
    return "" if np.isnan(value) else f"{value:.1f}"
