"""Value and time of selecting within random parts, against selecting from the whole pool.

Parts run one after the other in one process, so that their times add up: on W workers
the parts take a W-th of the seconds given here, and the merge comes after them.

    python benchmarks/partitions.py                      # 16 500 rows, as in the paper
    python benchmarks/partitions.py --rows 2000 --parts 1 5 --out results.csv
    python benchmarks/partitions.py --rows 100000 --parts 1 2 --merge whole --functions flcg
"""

import argparse
import csv
import os
from time import perf_counter

import numpy as np
import torch
from selection import SETTINGS, problem

from sksimilar.measures import FUNCTIONS
from sksimilar.partition import solve_in_parts

MERGES = {"none": False, "proposals": "proposals", "whole": True}


def select(case, parts, merge, args):
    """Return a selection from one part or more, and the seconds that it takes."""
    rng, start = np.random.RandomState(0), perf_counter()
    if parts == 1:
        selection = case.solve("auto", args.budget, rng)
    else:
        rows = case.positions[case.candidates].numpy()
        settings = "auto", args.budget, parts, merge, rng
        selection = solve_in_parts(case, rows, *settings)
    return selection, perf_counter() - start


def value(case, selection):
    """Return the value of a selection against the whole pool."""
    return float(case.part(selection.points, whole=True).gains_along().sum())


def compare(args):
    """Run every case, print a table, and yield its rows."""
    print(
        f"{args.rows} candidates, |Q| = {args.query}, |P| = {args.conditioning}, "
        f"budget {args.budget}, {args.classes} classes, {args.features} features, "
        f"{args.threads} threads, torch {torch.__version__}; best of {args.repeats}"
    )
    print(f"{'function':9} {'parts':>5} {'merge':>9} {'s':>8} {'of whole':>9}  value")
    for name in args.functions:
        case = problem(name, args)
        merges = [MERGES[merge] for merge in args.merge]
        runs = [(p, m) for p in args.parts for m in (merges if p > 1 else [None])]
        for parts, merge in runs:
            results = [select(case, parts, merge, args) for _ in range(args.repeats)]
            seconds = min(seconds for _, seconds in results)
            reached = value(case, results[0][0])
            if parts == 1:
                whole = reached
            print(
                f"{name:9} {parts:5} {merge!s:>9} {seconds:8.3f} "
                f"{reached / whole:9.4f}  {reached:.6g}",
                flush=True,
            )
            yield name, args.rows, parts, merge, seconds, reached, reached / whole


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for setting, default in SETTINGS.items():
        if setting not in ("partitions", "whole"):
            parser.add_argument(f"--{setting}", type=int, default=default, metavar="N")
    parser.add_argument("--parts", type=int, nargs="+", default=[1, 5, 25, 50])
    parser.add_argument("--merge", nargs="+", choices=MERGES, default=list(MERGES))
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--out", default=os.devnull, help="CSV file to write")
    parser.add_argument(
        "--functions",
        nargs="+",
        choices=FUNCTIONS,
        default=["flqmi", "logdetmi", "fl", "gc", "flcg"],
        metavar="NAME",
    )
    args = parser.parse_args()
    if args.parts[0] != 1:
        parser.error("--parts must begin with 1, the whole that others are measured by")
    torch.set_num_threads(args.threads)
    with open(args.out, "w", newline="") as file:
        table = csv.writer(file)
        header = "function rows parts merge seconds value value_of_whole"
        table.writerow(header.split())
        for row in compare(args):
            table.writerow(row)
            file.flush()


if __name__ == "__main__":
    main()
