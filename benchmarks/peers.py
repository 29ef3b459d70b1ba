"""The same selection by this library and by others, in fresh processes, turn by turn.

Peers that are not installed are left out.  All get the same rows; what each needs first,
a kernel for example, is part of its time.  Printed are medians over repeats, the ratio to
ours in the same turns, peak memory above the rows, and the value of what was picked,
judged by one definition.

    python -m pip install submodlib-py apricot-select scikit-activeml
    python benchmarks/peers.py
    python benchmarks/peers.py --rows 1000 4000 --cases fl coreset --out peers.csv
"""

import argparse
import csv
import importlib.util
import json
import os
import resource
import subprocess
import sys
from statistics import median
from time import perf_counter

import numpy as np

N_QUERY = 25
MODULES = {"submodlib": "submodlib", "apricot": "apricot", "activeml": "skactiveml"}


def rows_of(n, n_features=64):
    """Return n candidates, after them the query, then as many labeled rows."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(10, n_features))
    n += 2 * N_QUERY
    X = centers[rng.integers(10, size=n)] + rng.normal(size=(n, n_features))
    return np.maximum(X, 0).astype(np.float32)


def cosine(A, B):
    A, B = (M / np.linalg.norm(M, axis=1, keepdims=True) for M in (A, B))
    return (1 + A @ B.T) / 2


def parts(X):
    n = len(X) - 2 * N_QUERY
    return X[:n], X[n : n + N_QUERY]


def ours(function):
    def select(X, budget):
        from sksimilar import SIMILARSampler

        everyone = np.arange(len(X))
        V, Q = parts(X)
        query = (everyone >= len(V)) & (everyone < len(V) + len(Q))
        masks = {"query_mask": query} if function != "fl" else {}
        sampler = SIMILARSampler(function=function, budget=budget, random_state=0)
        return sampler.fit_select(X, candidate_mask=everyone < len(V), **masks)

    return select


def our_coreset(X, budget):
    from sksimilar import CoreSetSampler

    y = np.where(np.arange(len(X)) < len(X) - N_QUERY, -1, 0)
    candidates = np.arange(len(X)) < len(parts(X)[0])
    return CoreSetSampler(budget=budget, random_state=0).fit_select(
        X, y, candidate_mask=candidates
    )


def submodlib_fl(X, budget):
    from submodlib import FacilityLocationFunction

    V, _ = parts(X)
    f = FacilityLocationFunction(
        n=len(V), mode="dense", separate_rep=False, sijs=cosine(V, V)
    )
    return positions(f.maximize(budget=budget, optimizer="LazyGreedy"))


def submodlib_flqmi(X, budget):
    from submodlib import FacilityLocationVariantMutualInformationFunction as FLQMI

    V, Q = parts(X)
    f = FLQMI(
        n=len(V), num_queries=len(Q), query_sijs=cosine(V, Q), queryDiversityEta=1
    )
    return positions(f.maximize(budget=budget, optimizer="LazyGreedy"))


def submodlib_logdetmi(X, budget):
    from submodlib import LogDeterminantMutualInformationFunction as LogDetMI

    V, Q = parts(X)
    f = LogDetMI(
        n=len(V),
        num_queries=len(Q),
        lambdaVal=1,
        data_sijs=cosine(V, V),
        query_sijs=cosine(V, Q),
        query_query_sijs=cosine(Q, Q),
        magnificationEta=1,
    )
    return positions(f.maximize(budget=budget, optimizer="NaiveGreedy"))


def positions(picked):
    return np.array([index for index, gain in picked])


def apricot_fl(X, budget):
    from apricot import FacilityLocationSelection

    V, _ = parts(X)
    return FacilityLocationSelection(budget, "precomputed").fit(cosine(V, V)).ranking


def activeml_coreset(X, budget):
    from skactiveml.pool import CoreSet

    V, _ = parts(X)
    y = np.full(len(X), np.nan)
    y[-N_QUERY:] = 0
    strategy = CoreSet(random_state=0)
    return strategy.query(X, y, candidates=np.arange(len(V)), batch_size=budget)


def known_labels(X):
    """Return labels of the labeled rows, 0 to 9, and NaN elsewhere."""
    y = np.full(len(X), np.nan)
    y[-N_QUERY:] = np.arange(N_QUERY) % 10
    return y


def logistic(X):
    """Return a linear classifier of the labeled rows, without an intercept."""
    from sklearn.linear_model import LogisticRegression

    y = known_labels(X)[-N_QUERY:].astype(int)
    return LogisticRegression(fit_intercept=False).fit(X[-N_QUERY:], y)


def our_badge(X, budget):
    from sksimilar import BADGESampler

    candidates = np.arange(len(X)) < len(parts(X)[0])
    sampler = BADGESampler(logistic(X), budget=budget, random_state=0)
    return sampler.fit_select(X, candidate_mask=candidates)


def activeml_badge(X, budget):
    from skactiveml.classifier import SklearnClassifier
    from skactiveml.pool import Badge
    from sklearn.linear_model import LogisticRegression

    model = SklearnClassifier(
        LogisticRegression(fit_intercept=False), classes=np.arange(10)
    )
    candidates = np.arange(len(parts(X)[0]))
    given = {"candidates": candidates, "batch_size": budget}
    return Badge(random_state=0).query(X, known_labels(X), model, **given)


CASES = {
    "fl": {"ours": ours("fl"), "submodlib": submodlib_fl, "apricot": apricot_fl},
    "flqmi": {"ours": ours("flqmi"), "submodlib": submodlib_flqmi},
    "logdetmi": {"ours": ours("logdetmi"), "submodlib": submodlib_logdetmi},
    "coreset": {"ours": our_coreset, "activeml": activeml_coreset},
    "badge": {"ours": our_badge, "activeml": activeml_badge},
}


def value(case, X, picks):
    """Return what picks are worth, by the definition.

    Of CoreSet the radius, and of BADGE, which draws its picks, the potential: the mean
    squared distance of gradients to the nearest picked one.
    """
    V, Q = parts(X)
    A = X[picks].astype(float)
    if case == "fl":
        return cosine(V, A).max(axis=1).sum()
    if case == "flqmi":
        S = cosine(A, Q)
        return S.max(axis=0).sum() + S.max(axis=1).sum()
    if case == "logdetmi":
        S, K = cosine(A, Q), cosine(Q, Q) + np.eye(len(Q))
        full = cosine(A, A) + np.eye(len(A))
        left = full - S @ np.linalg.solve(K, S.T)
        return np.linalg.slogdet(full)[1] - np.linalg.slogdet(left)[1]
    if case == "badge":
        p = logistic(X).predict_proba(V)
        g = (p - np.eye(10)[p.argmax(axis=1)])[:, :, None] * V[:, None, :]
        g = g.reshape(len(V), -1)
        return to_nearest(g, g[picks]).mean()
    centers = np.concatenate([A, X[-N_QUERY:].astype(float)])
    return np.sqrt(to_nearest(V, centers).max())


def to_nearest(rows, centers):
    """Return squared distances to the nearest of some centers."""
    squared = (rows**2).sum(1)[:, None] + (centers**2).sum(1) - 2 * rows @ centers.T
    return squared.min(axis=1)


def measure(args):
    """Print seconds, megabytes and value of one case by one library, as JSON."""
    (case,), X = args.cases, rows_of(*args.rows)
    select = CASES[case][args.library]
    select(rows_of(2 * args.budget), args.budget)  # Imports are no part of it.
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = perf_counter()
    picks = select(X, args.budget)
    seconds = perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    worth = float(value(case, X, np.asarray(picks)))
    print(json.dumps([seconds, (peak - base) / 1024, worth]))


def run(case, library, n, args):
    """Run one case in a fresh process."""
    command = [sys.executable, __file__, "--cases", case, "--library", library]
    command += ["--rows", str(n), "--budget", str(args.budget)]
    output = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(output.stdout.splitlines()[-1])


def compare(args):
    """Run every case, print a table, and yield its rows."""
    print(
        f"{'case':9} {'rows':>6} {'library':10} {'s':>8} {'MB':>6} {'ratio':>7}  value"
    )
    for n in args.rows:
        for case in args.cases:
            libraries = [
                name
                for name in CASES[case]
                if name == "ours" or importlib.util.find_spec(MODULES[name])
            ]
            turns = [
                [run(case, name, n, args) for name in libraries]
                for _ in range(args.repeats)
            ]
            for k, name in enumerate(libraries):
                seconds, megabytes = (median(t[k][i] for t in turns) for i in (0, 1))
                ratio = median(turn[k][0] / turn[0][0] for turn in turns)
                row = case, n, name, seconds, megabytes, ratio, turns[0][k][2]
                print("{:9} {:6} {:10} {:8.3f} {:6.0f} {:6.1f}x  {:.5g}".format(*row))
                yield row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 4000])
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--out", help="CSV file to write")
    parser.add_argument("--library", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.library:
        return measure(args)
    with open(args.out or os.devnull, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["case", "rows", "library", "seconds", "mb", "ratio", "value"])
        for row in compare(args):
            table.writerow(row)
            file.flush()


if __name__ == "__main__":
    main()
