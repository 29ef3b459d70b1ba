"""Time and memory of one selection, from factored embeddings to indices.

Each case runs in a process of its own: the library's route on two thin factors, and the
same greedy on a dense n x n kernel that is made first.  What is printed is the median
over repeats, the ratio of the two in the same run, and peak memory above the inputs.

    python benchmarks/selection.py                       # 16 500 rows, as in the paper
    python benchmarks/selection.py --rows 2000 --repeats 1 --out results.csv
"""

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
from statistics import median
from time import perf_counter

import numpy as np
import torch

from sksimilar.measures import FUNCTIONS
from sksimilar.problem import Problem
from sksimilar.similarity import CosineSimilarity, DenseSimilarity, gradient_factors


def embedding(n, n_classes, n_features, seed):
    """Return features after a ReLU, the logits of a random head, and its predictions."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(n_classes, n_features)) * 0.7
    h = centers[rng.integers(n_classes, size=n)] + rng.normal(size=(n, n_features))
    h = torch.as_tensor(h, dtype=torch.float32).relu()
    z = h @ torch.as_tensor(centers, dtype=torch.float32).T / n_features**0.5
    return h, z, z.argmax(dim=1)


def problem(name, args):
    """Return the selection problem of a function over n candidates, and its factors."""
    named = FUNCTIONS[name]
    sets = [args.rows, args.query * bool(named.query)]
    sets.append(args.conditioning * bool(named.conditioning))
    factors = gradient_factors(
        *embedding(sum(sets), args.classes, args.features, seed=0)
    )
    similarity = CosineSimilarity(*factors)
    V, Q, P = torch.arange(sum(sets)).split(sets)
    Q, P = Q if named.query else None, P if named.conditioning else None
    return Problem(named.make(), similarity, torch.arange(sum(sets)), V, V, Q, P)


def densely(problem):
    """Return the same problem on a kernel matrix."""
    everyone = torch.arange(len(problem.similarity))
    kernel = problem.similarity[everyone, everyone]
    changed = {**problem.__dict__, "similarity": DenseSimilarity(kernel)}
    return Problem(**changed)


def measure(args):
    """Print seconds, value and peak memory above the inputs of one case, as JSON."""
    torch.set_num_threads(args.threads)
    case = problem(args.case, args)
    prepare = densely if args.dense else lambda case: case
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = perf_counter()
    selection = prepare(case).solve("auto", args.budget, np.random.RandomState(0))
    seconds = perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = {
        "seconds": seconds,
        "megabytes": (peak - base) / 1024,
        "value": float(selection.gains.sum()),
        "first": selection.points[:5].tolist(),
    }
    print(json.dumps(result))


def run(case, dense, args):
    """Run one case in a fresh process."""
    command = [sys.executable, __file__, "--case", case]
    for name in ("rows", "query", "conditioning", "budget", "classes", "features"):
        command += [f"--{name}", str(getattr(args, name))]
    command += ["--threads", str(args.threads)] + ["--dense"] * dense
    output = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(output.stdout)


def compare(args):
    """Run every case, print a table, and yield its rows."""
    print(
        f"{args.rows} candidates, |Q| = {args.query}, |P| = {args.conditioning}, "
        f"budget {args.budget}, {args.classes} classes, {args.features} features, "
        f"{args.threads} threads, torch {torch.__version__}; median of {args.repeats}"
    )
    print(
        f"{'function':10} {'s':>8} {'MB':>7} {'dense s':>9} {'MB':>7} {'ratio':>7} value"
    )
    for name in args.functions:
        pairs = [
            [run(name, d, args) for d in (False, True)] for _ in range(args.repeats)
        ]
        seconds = [median(pair[d]["seconds"] for pair in pairs) for d in (0, 1)]
        memory = [median(pair[d]["megabytes"] for pair in pairs) for d in (0, 1)]
        ratio = median(dense["seconds"] / ours["seconds"] for ours, dense in pairs)
        agree = pairs[0][0]["value"] / pairs[0][1]["value"]
        print(
            f"{name:10} {seconds[0]:8.3f} {memory[0]:7.0f} {seconds[1]:9.3f} "
            f"{memory[1]:7.0f} {ratio:6.1f}x {agree:.6f} of dense",
            flush=True,
        )
        yield name, args.rows, *seconds, *memory, ratio, agree


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=16_500)
    parser.add_argument("--query", type=int, default=25)
    parser.add_argument("--conditioning", type=int, default=500)
    parser.add_argument("--budget", type=int, default=125)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--features", type=int, default=84)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", help="CSV file to write")
    parser.add_argument("--functions", nargs="+", choices=FUNCTIONS, metavar="NAME")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--dense", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.case:
        return measure(args)
    args.functions = args.functions or [name for name in FUNCTIONS if name != "flq"]
    with open(args.out or os.devnull, "w", newline="") as file:
        table = csv.writer(file)
        header = "function rows seconds dense_seconds mb dense_mb ratio agreement"
        table.writerow(header.split())
        for row in compare(args):
            table.writerow(row)
            file.flush()


if __name__ == "__main__":
    main()
