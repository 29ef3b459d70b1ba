"""Time and memory of one selection, from factored embeddings to indices.

Each run has a process of its own, and its inputs are there before the clock starts.  Up
to `--dense-up-to` rows the same greedy on a dense n x n kernel, which is made first, runs
in turn with it: the ratio of the two is what can be compared between machines.  The cost
that the library expects is written beside what was measured.

    python benchmarks/selection.py                       # 16 500 rows, as in the paper
    python benchmarks/selection.py --rows 100000 1000000 --cases gcmi flqmi logdetmi badge
    python benchmarks/selection.py --rows 1000000 --partitions 250 --cases fl
    python benchmarks/draw.py benchmarks/results/selection.csv
"""

import argparse
import csv
import itertools
import json
import os
import resource
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from statistics import median
from time import perf_counter, process_time

import numpy as np
import torch
from torch.nn.functional import pad

from sksimilar.baselines._badge import seed_centers
from sksimilar.baselines._distances import KCenter, SquaredDistances
from sksimilar.factors import gradient_factors
from sksimilar.measures import FUNCTIONS
from sksimilar.optimizers import greedy
from sksimilar.partition import solve_in_parts
from sksimilar.planning import Plan
from sksimilar.problem import Problem
from sksimilar.similarity import (
    CosineSimilarity,
    DenseSimilarity,
    InnerProduct,
)

SETTINGS = {  # What a run depends on, and its default.
    "rows": 16_500,
    "budget": 125,
    "query": 25,
    "conditioning": 500,
    "classes": 10,
    "features": 84,
    "copies": 1,
    "partitions": 1,
    "whole": 0,
    "threads": 2,
}
SHARE_COPIED = 0.2  # Of the distinct rows, where there are copies.


def embedding(n, n_classes, n_features, seed, copies=1):
    """Return features after a ReLU, with a one, the logits of a head, its predictions."""
    rng = np.random.default_rng(seed)
    distinct = round(n / (1 + SHARE_COPIED * (copies - 1)))
    centers = 0.7 * rng.standard_normal((n_classes, n_features), dtype=np.float32)
    h = centers[rng.integers(n_classes, size=distinct)]
    h += rng.standard_normal(h.shape, dtype=np.float32)
    again = np.arange(n - distinct) % max(1, round(SHARE_COPIED * distinct))
    h = torch.as_tensor(h[rng.permutation(np.append(np.arange(distinct), again))])
    z = h.relu_() @ torch.as_tensor(centers).T / n_features**0.5
    return pad(h, (0, 1), value=1.0), z, z.argmax(dim=1)


def problem(name, args):
    """Return the selection problem of a function over n candidates."""
    named = FUNCTIONS[name]
    sets = [args.rows, args.query * bool(named.query)]
    sets.append(args.conditioning * bool(named.conditioning))
    factors = gradient_factors(
        *embedding(sum(sets), args.classes, args.features, 0, args.copies)
    )
    similarity = CosineSimilarity(*factors)
    V, Q, P = torch.arange(sum(sets)).split(sets)
    Q, P = Q if named.query else None, P if named.conditioning else None
    return Problem(named.make(), similarity, torch.arange(sum(sets)), V, V, Q, P)


def measure_case(name, args):
    """Return a function of nothing that selects by a measure, and its expected cost."""
    case = problem(name, args)
    # Each part proposes a full budget, unless it is smaller than that; proposals compete
    # among each other, or against the whole pool.
    proposes = args.budget < args.rows / args.partitions
    merge = proposes and (bool(args.whole) or "proposals")
    sizes = args.budget, args.rows, args.partitions, merge
    plan = Plan(case, *sizes)

    def select():
        rng = np.random.RandomState(0)
        if args.partitions == 1:
            whole = densely(case) if args.dense else case
            return whole.solve("auto", args.budget, rng).gains.sum()
        rows = case.positions[case.candidates].numpy()
        settings = "auto", args.budget, args.partitions, merge, rng
        return solve_in_parts(case, rows, *settings).gains.sum()

    held = max(cost.numbers for cost in plan.costs)
    return select, (plan.seconds, 4 * held / 2**20)


def densely(problem):
    """Return the same problem on a kernel matrix."""
    everyone = torch.arange(len(problem.similarity))
    kernel = problem.similarity[everyone, everyone]
    return replace(problem, similarity=DenseSimilarity(kernel))


def badge_case(name, args):
    """Return a function of nothing that draws the centers of BADGE."""
    h, z, labels = embedding(
        args.rows, args.classes, args.features, 0, copies=args.copies
    )
    factors = InnerProduct(*gradient_factors(h, z, labels))

    def select():
        distances = SquaredDistances(factors)
        centers = seed_centers(distances, args.budget, np.random.RandomState(0))
        return distances.nearest(torch.as_tensor(centers)).sum()

    return select, (np.nan, np.nan)


def coreset_case(name, args):
    """Return a function of nothing that selects by the distance to labeled rows."""
    n = args.rows + args.query
    h, *_ = embedding(n, args.classes, args.features, 0, copies=args.copies)
    candidates, centers = torch.arange(n).split([args.rows, args.query])

    def select():
        balls = KCenter(SquaredDistances(InnerProduct(h)), centers)
        greedy(balls, candidates, args.budget)
        return balls.nearest.max().sqrt()

    return select, (np.nan, np.nan)


CASES = {name: measure_case for name in FUNCTIONS if name != "flq"}
CASES |= {"badge": badge_case, "coreset": coreset_case}


def peak_megabytes():
    """Return the largest memory so far, or since `forget_peak`."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def forget_peak():
    """Let the peak of memory begin anew, where the system can do so (Linux)."""
    with suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def measure(args):
    """Print seconds, value and peak memory above the inputs of one case, as JSON."""
    torch.set_num_threads(args.threads)
    (name,) = args.cases
    select, (expected_s, expected_mb) = CASES[name](name, args)
    forget_peak()
    base = peak_megabytes()
    start, start_cpu = perf_counter(), process_time()
    value = float(select())
    seconds, cpu = perf_counter() - start, process_time() - start_cpu
    result = {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "mb": peak_megabytes() - base,
        "expected_seconds": expected_s,
        "expected_mb": expected_mb,
        "value": value,
    }
    print(json.dumps(result))


def run(name, settings, dense=False):
    """Run one case in a fresh process."""
    command = [sys.executable, __file__, "--measure", "--cases", name]
    for setting, value in settings.items():
        command += [f"--{setting}", str(value)]
    output = subprocess.run(
        command + ["--dense"] * dense, capture_output=True, text=True, check=True
    )
    return json.loads(output.stdout)


def compare(name, settings, args):
    """Return a row of the table: medians over turns of ours and, in turn, the dense."""
    dense = settings["rows"] <= args.dense_up_to and CASES[name] is measure_case
    ways = (False, True) if dense and settings["partitions"] == 1 else (False,)
    turns = [[run(name, settings, way) for way in ways] for _ in range(args.repeats)]
    row = {"case": name, **settings}
    row |= {key: median(turn[0][key] for turn in turns) for key in turns[0][0]}
    if len(ways) > 1:
        row["dense_seconds"] = median(turn[1]["seconds"] for turn in turns)
        row["dense_mb"] = median(turn[1]["mb"] for turn in turns)
        row["ratio"] = median(t[1]["seconds"] / t[0]["seconds"] for t in turns)
        row["of_dense_value"] = turns[0][0]["value"] / turns[0][1]["value"]
    return row


def table(args):
    """Run every case under all settings, print a table, and yield its rows."""
    print(f"torch {torch.__version__}; median of {args.repeats}")
    print("case            rows budget       s  expected  CPU s     MB expected  dense")
    grid = itertools.product(*(getattr(args, setting) for setting in SETTINGS))
    for values in grid:
        for name in args.cases:
            row = compare(name, dict(zip(SETTINGS, values)), args)
            against = f"{row['ratio']:5.1f}x" if "ratio" in row else ""
            print(
                "{case:10} {rows:9} {budget:6} {seconds:7.2f} {expected_seconds:9.2f} "
                "{cpu_seconds:6.2f} {mb:6.0f} {expected_mb:8.0f} ".format(**row)
                + against,
                flush=True,
            )
            yield row


def main(args=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for setting, default in SETTINGS.items():
        parser.add_argument(
            f"--{setting}", type=int, nargs="+", default=[default], metavar="N"
        )
    parser.add_argument(
        "--cases", nargs="+", choices=CASES, default=list(CASES), metavar="NAME"
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dense-up-to", type=int, default=16_500, metavar="ROWS")
    parser.add_argument("--out", default=os.devnull, help="CSV file to append to")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--dense", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(args)
    if args.measure:
        one = {name: getattr(args, name)[0] for name in SETTINGS}
        return measure(argparse.Namespace(**{**vars(args), **one}))
    columns = ["case", *SETTINGS, "seconds", "cpu_seconds", "mb", "expected_seconds"]
    columns += ["expected_mb", "value", "dense_seconds", "dense_mb", "ratio"]
    columns.append("of_dense_value")
    with open(args.out, "a", newline="") as file:
        writer = csv.DictWriter(file, columns)
        if not file.tell():
            writer.writeheader()
        for row in table(args):
            writer.writerow(row)
            file.flush()


if __name__ == "__main__":
    main()
