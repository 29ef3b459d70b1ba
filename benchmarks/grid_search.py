"""Which acquisition function suits the data? A grid search that answers, on real digits.

Searches over functions and eta of SIMILARSampler and over whole baseline samplers, by the
accuracy on the rare classes of rows that no method may ask for.  Each candidate runs the
whole loop once per seed.  With SKSIMILAR_DATA naming a folder that holds ``mnist.npz``
(arrays x_train, y_train), the same is done on MNIST with LeNet.

    python benchmarks/grid_search.py --seeds 5 --out grid.csv
"""

import argparse
import csv
import os
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier

from sksimilar import (
    ActiveLearner,
    MarginSampler,
    PoolSplit,
    RandomSampler,
    SIMILARSampler,
)
from sksimilar.model_selection import rare_accuracy
from sksimilar.models import MLP, LeNet
from sksimilar.training import paper_training

RARE = (5, 6, 7, 8, 9)


def digits():
    """Return images, labels and a small network for scikit-learn's digits."""
    X, y = load_digits(return_X_y=True)
    net = NeuralNetClassifier(
        MLP, module__n_features=64, **paper_training(60, lr=0.1), batch_size=16
    )
    return X.astype("float32") / 16, y, net, {"common": 60, "rare": 12, "test": 40}


def mnist(folder):
    """Return images, labels and LeNet for MNIST, if the folder has it."""
    with np.load(Path(folder) / "mnist.npz") as data:
        X, y = data["x_train"], data["y_train"].astype("int64")
    X = (X[:, None].astype("float32") / 255 - 0.1307) / 0.3081
    net = NeuralNetClassifier(LeNet, **paper_training(60), batch_size=20)
    return X, y, net, {"common": 400, "rare": 40, "test": 200}


def draw(X, y, counts, seed):
    """Draw a pool with rare classes, first labels and rows to evaluate on."""
    rng = np.random.default_rng(seed)
    rows, labeled, evaluation = [], [], []
    for label in range(10):
        n_pool, n_labeled = (
            (counts["rare"], 3) if label in RARE else (counts["common"], 8)
        )
        own = rng.permutation(np.flatnonzero(y == label))
        parts = np.split(
            own[: n_labeled + n_pool + counts["test"]], [n_labeled, n_labeled + n_pool]
        )
        rows.append(np.concatenate(parts))
        labeled.append(np.arange(len(rows[-1])) < n_labeled)
        evaluation.append(np.arange(len(rows[-1])) >= n_labeled + n_pool)
    rows, labeled, evaluation = map(np.concatenate, (rows, labeled, evaluation))
    return X[rows], y[rows], labeled, evaluation


def search(X, y, net, counts, seed, args):
    """Return each candidate's rare accuracy under one seed."""
    X, y, labeled, evaluation = draw(X, y, counts, seed)
    rare = labeled & np.isin(y, RARE)
    grid = [
        {
            "sampler": [SIMILARSampler(budget=args.budget)],
            "sampler__function": ["flqmi", "logdetmi", "gcmi"],
            "sampler__eta": [0.5, 1.0],
        },
        {
            "sampler": [
                cls(budget=args.budget) for cls in (MarginSampler, RandomSampler)
            ]
        },
    ]
    learner = ActiveLearner(
        net, scenario="rare", n_rounds=args.rounds, random_state=seed
    )
    searched = GridSearchCV(
        learner,
        grid,
        scoring=make_scorer(rare_accuracy, classes=RARE),
        cv=PoolSplit(evaluation),
        refit=False,
        n_jobs=args.jobs,
    )
    # Query masks are of no use to the baselines, and say so.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        searched.fit(X, y, labeled_mask=labeled, query_mask=rare)
    results = searched.cv_results_
    return dict(zip(map(describe, results["params"]), results["mean_test_score"]))


def describe(params):
    """Return a short name of a candidate."""
    if "sampler__function" in params:
        return f"{params['sampler__function']} eta={params['sampler__eta']:g}"
    return type(params["sampler"]).__name__


def report(name, scores):
    """Print a table of means and standard deviations over seeds, best first."""
    print(
        f"\n{name}: rare accuracy, mean +- standard deviation over {len(scores)} seeds"
    )
    table = {key: [score[key] for score in scores] for key in scores[0]}
    for key, values in sorted(table.items(), key=lambda item: -np.mean(item[1])):
        print(
            f"  {key:20} {np.mean(values):6.3f} +- {np.std(values, ddof=len(values) > 1):.3f}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--budget", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", help="CSV file to write")
    args = parser.parse_args()
    torch.set_num_threads(1)
    tasks = {"digits + MLP": digits()}
    folder = os.environ.get("SKSIMILAR_DATA")
    if folder and (Path(folder) / "mnist.npz").exists():
        tasks["MNIST + LeNet"] = mnist(folder)
    rows = []
    for name, task in tasks.items():
        scores = [search(*task, seed, args) for seed in range(args.seeds)]
        report(name, scores)
        rows += [
            (name, seed, *item) for seed, s in enumerate(scores) for item in s.items()
        ]
    if args.out:
        with open(args.out, "w", newline="") as file:
            csv.writer(file).writerows([("data", "seed", "candidate", "score"), *rows])


if __name__ == "__main__":
    main()
