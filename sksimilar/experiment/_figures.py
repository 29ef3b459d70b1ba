"""The figures of a report: curves, counts, and penalty matrices."""

from ..plotting import (
    HighlightedCurveDisplay,
    PenaltyMatrixDisplay,
    SelectionCountsDisplay,
)
from ._analysis import penalty_matrix
from ._methods import similar
from ._protocols import PROTOCOLS
from ._verdicts import expectation

__all__ = [
    "draw_counts",
    "draw_curves",
    "draw_penalties",
    "endpoints",
    "penalties",
]

COUNTED = {
    "rare": "Rare rows found",
    "redundancy": "Distinct rows found",
    "ood": "In-distribution rows found",
    "rare+redundancy": "Distinct rare rows found",
}


def endpoints(outcome):
    """Return the accuracies that differ, by column; what matters most comes first."""
    if outcome.endpoint == "focus_accuracy":
        return {"focus_accuracy": "rare accuracy", "accuracy": "accuracy"}
    return {"accuracy": "accuracy"}


def draw_curves(outcome):
    """Return a figure with a learning curve for each accuracy."""
    names = endpoints(outcome)
    figure, axes = _panels(len(names), (7.4, 5.0))
    for ax, (name, title) in zip(axes, names.items()):
        HighlightedCurveDisplay.from_scores(
            outcome.n_labels,
            _by_method(outcome, name),
            score_name=f"{title.capitalize()} on test rows (%)",
            highlighted=outcome.similar,
            ax=ax,
        )
    figure.supxlabel(_caption(outcome), fontsize=9)
    return figure


def draw_counts(outcome):
    """Return a figure of how many wanted rows were found."""
    figure, (ax,) = _panels(1, (7.4, 5.0))
    protocol = PROTOCOLS.get(outcome.name)
    expected = protocol and [
        expectation(outcome, round)[0] for round in range(len(outcome.n_picks))
    ]
    SelectionCountsDisplay.from_counts(
        outcome.n_picks,
        _by_method(outcome, "n_found"),
        expected=expected,
        counted=COUNTED.get(protocol and protocol.scenario, "Wanted rows found"),
        highlighted=outcome.similar,
        ax=ax,
    )
    figure.supxlabel(_caption(outcome), fontsize=9)
    return figure


def draw_penalties(matrices):
    """Return a figure of penalty matrices: (matrix, methods) by their titles."""
    n = max(len(methods) for _, methods in matrices.values())
    figure, axes = _panels(len(matrices), (2.6 + 0.34 * n, 2.8 + 0.34 * n))
    for ax, (title, (matrix, methods)) in zip(axes, matrices.items()):
        ours = [method for method in methods if similar(method)]
        PenaltyMatrixDisplay.from_matrix(matrix, methods, highlighted=ours, ax=ax)
        ax.set_title(title, fontsize=10, pad=10)
    return figure


def penalties(outcome):
    """Return the penalty matrices of an experiment, by what they compare."""
    return {
        title: (penalty_matrix(outcome, name), outcome.methods)
        for name, title in endpoints(outcome).items()
    }


def _panels(n, size):
    """Return a new figure and so many axes of a size side by side."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        1, n, figsize=(n * size[0], size[1]), squeeze=False, layout="constrained"
    )
    return figure, axes[0]


def _plain(text):
    """Return a text that Matplotlib does not take for a formula."""
    return text.replace("$", r"\$")


def _by_method(outcome, name):
    """Return the curves of all methods, over the same seeds if there are such."""
    seeds = outcome.common
    return {_plain(m): outcome.curves(m, name, seeds) for m in outcome.methods}


def _caption(outcome):
    """Return over how many seeds means and bands are."""
    n = len(outcome.common)
    seeds = f"the {n} seeds that all methods have" if n > 1 else "one seed"
    return (
        f"{_plain(outcome.name)}: means over {seeds if n else 'different seeds'}; in "
        "color, with one standard deviation: SIMILAR's functions"
    )
