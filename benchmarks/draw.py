"""Log-log plots of `selection.py`'s CSV: seconds and memory over rows and over the budget.

python benchmarks/draw.py benchmarks/results/selection.csv
"""

import argparse
import csv
from collections import Counter
from itertools import product
from pathlib import Path

from selection import SETTINGS

FAMILIES = {
    "linear in the pool": ["gcmi", "gc", "gccg", "divgcmi", "flqmi", "com"],
    "log determinant": ["logdet", "logdetmi", "logdetcg", "logdetcmi"],
    "all pairs": ["fl", "flvmi", "flcg", "flcmi"],
    "baselines": ["badge", "coreset"],
}
QUANTITIES = {"seconds": "seconds", "mb": "MB above the inputs"}
MARKERS = "osD^vP"
LEAST = 1.0  # MB; less cannot be told from none.


def read(path):
    """Return the rows of a CSV file, with numbers as numbers."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row |= {s: int(row[s]) for s in SETTINGS}
        row |= {q: float(row[q]) for q in QUANTITIES}
        row["mb"] = max(LEAST, row["mb"])
    return rows


def comparable(rows, over):
    """Return the largest set of rows that differ in their case and ``over`` alone."""

    def others(row):
        return tuple(row[s] for s in SETTINGS if s != over)

    ((most, _),) = Counter(map(others, rows)).most_common(1)
    return sorted((r for r in rows if others(r) == most), key=lambda row: row[over])


def draw(rows, over, path):
    """Draw one figure: a row of panels for each quantity, a column for each family."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import EngFormatter

    shape = len(QUANTITIES), len(FAMILIES)
    figure, axes = plt.subplots(
        *shape, figsize=(11, 6), sharex=True, sharey="row", layout="constrained"
    )
    for (i, quantity), (j, family) in product(
        enumerate(QUANTITIES), enumerate(FAMILIES)
    ):
        ax = axes[i, j]
        for marker, case in zip(MARKERS, FAMILIES[family]):
            line = [row for row in rows if row["case"] == case]
            x, y = ([row[name] for row in line] for name in (over, quantity))
            style = {"marker": marker, "markersize": 4, "linewidth": 1}
            ax.plot(x, y, label=case.upper(), **style)
        ax.set(xscale="log", yscale="log")
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    for ax, family in zip(axes[0], FAMILIES):
        ax.set_title(family, fontsize="medium")
    for ax, label in zip(axes[:, 0], QUANTITIES.values()):
        ax.set_ylabel(label)
    measured = sorted({row[over] for row in rows})
    for ax in axes[-1]:
        ax.set_xlabel(over)
        ax.set_xticks(measured)
        ax.minorticks_off()
        ax.xaxis.set_major_formatter(EngFormatter(sep=""))
        below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.22), "ncols": 2}
        ax.legend(fontsize="small", frameon=False, **below)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv", type=Path)
    args = parser.parse_args()
    for over in ("rows", "budget"):
        path = args.csv.with_name(f"{args.csv.stem}_over_{over}.png")
        draw(comparable(read(args.csv), over), over, path)
        print(path)


if __name__ == "__main__":
    main()
