"""The page of a report: every table, and how to read it."""

from urllib.parse import quote

import numpy as np

from ._claims import BASELINES, CLAIMS, NO, NOT_RUN, PARTLY, YES
from ._markdown import plain, table
from ._protocols import PROTOCOLS
from ._tables import against_strongest, beside_the_paper, differences, ends, variants
from ._verdicts import ERRORS, expectation

__all__ = ["page"]

TITLE = """# The paper's experiments, run again

Made by `python -m sksimilar report` from the CSV files beside this page, which hold every
training of every run; nothing is run for it."""

READING = """## How to read this

Accuracies are in percent, on test rows that no method has seen. Under one seed all methods
share the split, the first labels, the initial weights and the order of batches, so that
differences are taken seed by seed, over the seeds that both methods have; intervals are
Student's, 95 %, each for itself. Two endpoints were fixed before the runs: where the
learning curve ends (*final*), and its mean height (*area*). `+-` is one standard deviation
over seeds; *spread* is the standard deviation over seeds, averaged over all rounds but the
first (Fig. 5c and 8 of the paper). *Found* counts distinct wanted rows among those asked
for; it is not accuracy. *p* is that of Wilcoxon's signed-rank test, for SIMILAR's functions
alone, which the paper is about, corrected by Holm's method over all tests of the
experiment. Where the paper's number and ours are compared, counts of the functions that the
paper recommends must be within 15 %, those of `random` within 3 standard errors of the
exact expectation, accuracies within 5 points, each the mean over 5 seeds or more; the order
of methods weighs more than any of them. The paper's numbers are read off its figures.
`fisherlv` is told 40 times as many labels as the query has rows, which no other method is.

In a penalty matrix, cell (i, j) is the share of trainings in which method i is above method
j by a two-tailed paired t-test at 5 %, without correction (Appendix B.3): about one in
forty is filled by chance. Low sums of columns are good, and high sums of rows."""

CLAIM = f"""A claim that some functions are ahead is *reproduced* if each of them is ahead of the
best of the others by as much as is claimed, and its interval excludes 0; *partly*, if one
of them is ahead, by whatever, and its interval excludes 0. "At most 2 behind" is the same
with -2 in the place of 0. A claim of least variance or penalty is *partly* reproduced if one of
the methods has the least, or one of the two sums. So is a claim of which not all methods ran,
however those did that ran. Baselines are those of the paper,
{", ".join(BASELINES)}; of others, which do better in places, the sections below tell.
*Paper* is what its figure shows, where that was read; it does not always bear out the claim."""


def page(outcomes, totals, tried, summary, notes, figures):
    """Return the whole page.

    Parameters
    ----------
    outcomes : dict of Outcome
        By the names of their files.

    totals : dict of tuple
        Titles of the figures of summed penalty matrices, and of what they are sums.

    tried : dict of Outcome
        Other runs of the same experiments, under other switches.

    summary, notes : str
        What a person says at the beginning, and of those other runs, in Markdown.

    figures : dict of list of str
        Names of the files of the figures of each outcome, and of the sums.

    Returns
    -------
    text : str
    """
    by_name = {outcome.name: outcome for outcome in outcomes.values()}
    parts = [TITLE, *filter(None, [summary.strip()]), _claims(by_name), READING]
    parts += [
        _section(stem, outcome, figures[stem]) for stem, outcome in outcomes.items()
    ]
    parts += [_totals(totals, figures[None])] if totals else []
    parts += [_tried(tried, by_name, notes)] if tried or notes else []
    return "\n\n".join(parts) + "\n"


def _claims(by_name):
    """Return what came of each claim."""
    judged = [(claim, claim.judge(by_name)) for claim in CLAIMS]
    findings = [
        (claim, finding)
        for claim, finding in judged
        if not (claim.instead and finding.verdict == NOT_RUN)
    ]
    rows = [
        [plain(cell) for cell in (claim.figure, claim.text, paper, ours)]
        + [verdict if verdict == NOT_RUN else f"**{verdict}**"]
        for claim, (verdict, paper, ours) in findings
    ]
    verdicts = [verdict for _, (verdict, _, _) in findings]
    # In the order of how well they went, those of too few seeds last.
    known = [v for v in (YES, PARTLY, NO, NOT_RUN) if v in verdicts]
    order = dict.fromkeys([*known, *verdicts])
    counts = ", ".join(f"{verdicts.count(v)} {v}" for v in order)
    titles = ["figure", "claim", "paper", "here, with 95 % interval", "verdict"]
    head = f"## The claims of the paper\n\nOf {len(rows)} claims: {counts}.\n\n{CLAIM}"
    return f"{head}\n\n{table(titles, rows, n_left=5)}"


def _section(stem, outcome, figures):
    """Return all that is told of one experiment."""
    parts = [
        f"## {plain(stem)}",
        _facts(outcome),
        "\n".join(f"![{plain(name)}]({quote(name)})" for name in figures),
        ends(outcome),
        differences(outcome),
        against_strongest(outcome),
        beside_the_paper(outcome),
    ]
    return "\n\n".join(part for part in parts if part)


def _facts(outcome):
    """Return what was run, on what, and whether RANDOM found as much as it must."""
    protocol, facts = PROTOCOLS.get(outcome.name), outcome.facts
    runs = [run for by_seed in outcome.runs.values() for run in by_seed.values()]
    spent = _hours(runs, "seconds_run") + ", added up"
    if not any(np.isnan(run["seconds_cpu"][0]) for run in runs):
        spent += f", and {_hours(runs, 'seconds_cpu')} of a core"
    switches = ", ".join(f"{name} {value}" for name, value in outcome.changed.items())
    about = plain(protocol.summary if protocol else outcome.name)
    made = f"sksimilar {facts['version']}, torch {facts['torch']}, {facts['cpu']}"
    lines = [
        f"{about}.\n",
        f"- {len(outcome.methods)} methods, {_seeds(outcome)}.",
        f"- {len(runs)} runs took {spent}.",
        f"- Switches: {plain(switches) or 'all as by default'}.",
        f"- Made with {plain(made)}, {plain(facts['cores'])} cores.",
    ]
    if protocol and outcome.n_seeds("random"):
        lines.append(_check_of_random(outcome))
    return "\n".join(lines)


def _hours(runs, name):
    return f"{sum(run[name][0] for run in runs) / 3600:.1f} hours"


def _seeds(outcome):
    """Return which seeds the methods have, and which methods lack some."""
    most = sorted(set().union(*outcome.runs.values()))
    lacking = [
        f"{plain(method)} {len(by_seed)}"
        for method, by_seed in outcome.runs.items()
        if len(by_seed) < len(most)
    ]
    fewer = f" (fewer: {', '.join(lacking)})" if lacking else ""
    return f"{len(most)} seeds, {most[0]} to {most[-1]}{fewer}"


def _check_of_random(outcome):
    last = len(outcome.n_picks) - 1
    mean, error = expectation(outcome, last)
    found = outcome.curves("random", "n_found")[:, last].mean()
    inside = abs(found - mean) <= ERRORS * error + 1e-9
    return (
        f"- `random` found {found:.1f} wanted rows in {outcome.n_picks[last]:.0f} picks; "
        f"computed from the sizes are {mean:.1f}, with a standard error of {error:.1f}: "
        f"{'within' if inside else '**not within**'} {ERRORS} of those."
    )


def _totals(totals, figures):
    """Return the sums of penalty matrices."""
    shown = "\n".join(f"![{plain(name)}]({quote(name)})" for name in figures)
    sums = "\n".join(
        f"- {plain(title)}: {', '.join(map(plain, names))}."
        for title, names in totals.items()
    )
    head = "## Penalty matrices, summed over experiments"
    about = "They hold the methods that all of their experiments have."
    return f"{head}\n\n{about}\n\n{sums}\n\n{shown}"


def _tried(tried, by_name, notes):
    """Return runs under other switches, beside those above and the paper's."""
    rows = []
    for name in dict.fromkeys(outcome.name for outcome in tried.values()):
        others = [outcome for outcome in tried.values() if outcome.name == name]
        for method in dict.fromkeys(m for each in others for m in each.methods):
            rows += variants(name, method, others, by_name.get(name))
    titles = ["experiment", "method", "run", "seeds", "accuracy by round", "found"]
    parts = [
        "## What was tried",
        notes.strip(),
        table(titles, rows, n_left=3) if rows else "",
    ]
    return "\n\n".join(part for part in parts if part)
