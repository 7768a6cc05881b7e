"""Measure what global stability costs, beside the same work with scikit-learn's k-means.

Numbers of segments 2 to 8, 100 pairs of bootstrap samples, 10 starts, 600 households with four
skewed scores made up here. Every figure comes from a fresh process, imports included. The budget is
printed beside the figures and never asserted, because machines differ.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

HOUSEHOLDS, SCORES, PAIRS, STARTS, WORKERS = 600, 4, 100, 10, 2
COUNTS = range(2, 9)
BUDGET_SECONDS = 6.0
SOURCE = Path(__file__).parents[1] / "src"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Cost:
    """What a process took, in seconds: on the clock, and of all processors together."""

    wall: float
    processor: float


def make_scores() -> Floats:
    """Standardised scores: one log-normal, one with many zeros, two normal."""
    values = np.random.default_rng(1).standard_normal((HOUSEHOLDS, SCORES))
    values[:, 0] = np.exp(values[:, 0])
    values[:, 1] = np.maximum(values[:, 1], 0)
    standardised: Floats = (values - values.mean(axis=0)) / values.std(axis=0)
    return standardised


def run_ours() -> Floats:
    """The project's way: compiled loops in threads. One row per pair, one column per count."""
    from joblib import Parallel, delayed

    from customer_segmentation import limit_threads
    from customer_segmentation.segments.measures import compare_fixed_pair
    from customer_segmentation.segments.partition import Method, Purpose, seed_for

    limit_threads()
    scores, method = make_scores(), Method(algorithm="kmeans", starts=STARTS, variance_floor=0.1)
    rows = Parallel(n_jobs=WORKERS, prefer="threads")(
        delayed(compare_fixed_pair)(scores, COUNTS, method, seed_for(1, Purpose.PAIR, pair))
        for pair in range(1, PAIRS + 1)
    )
    return np.array([list(row.values()) for row in rows])


def run_scikit_learn() -> Floats:
    """The same with scikit-learn in processes. One row per pair, one column per count."""
    from joblib import Parallel, delayed

    from customer_segmentation import limit_threads

    limit_threads()
    scores = make_scores()
    rows = Parallel(n_jobs=WORKERS)(delayed(compare_pair)(scores, seed) for seed in range(PAIRS))
    return np.array(rows)


def compare_pair(scores: Floats, seed: int) -> list[float]:
    """Agreement of the solutions of two bootstrap samples, for each number of segments."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score

    samples = np.random.default_rng(seed).integers(len(scores), size=(2, len(scores)))
    return [
        float(
            adjusted_rand_score(
                *(
                    KMeans(k, n_init=STARTS, random_state=seed, tol=0, max_iter=1_000)
                    .fit(scores[sample])
                    .predict(scores)
                    for sample in samples
                )
            )
        )
        for k in COUNTS
    ]


RUNS = {"ours": run_ours, "scikit-learn": run_scikit_learn}


def measure(run: str, cache: str) -> Cost:
    """Do one of the runs in a fresh process and print the median agreements it found."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.run(
        [sys.executable, __file__, run],
        env=os.environ | {"NUMBA_CACHE_DIR": cache, "PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"  {run + ':':13} {process.stdout.strip()}")
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def report(costs: dict[str, Cost]) -> None:
    """Print the costs, how many times ours scikit-learn takes, and how much of the budget."""
    theirs = costs["scikit-learn"]
    print(f"\n{'':28}{'wall s':>9}{'cpu s':>9}{'x wall':>9}{'x cpu':>9}{'of budget':>11}")
    for name, cost in costs.items():
        print(
            f"{name:28}{cost.wall:9.2f}{cost.processor:9.2f}{theirs.wall / cost.wall:9.1f}"
            f"{theirs.processor / cost.processor:9.1f}{cost.wall / BUDGET_SECONDS:11.0%}"
        )
    print(f"x: how many times as long scikit-learn takes; the budget is {BUDGET_SECONDS:g} s")


def main() -> None:
    """Measure all runs."""
    print(f"Median adjusted Rand index for {COUNTS[0]} to {COUNTS[-1]} segments")
    with tempfile.TemporaryDirectory() as cache:
        costs = {
            "ours, compilation included": measure("ours", cache),
            "ours, compiled before": measure("ours", cache),
            "scikit-learn": measure("scikit-learn", cache),
        }
    report(costs)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(*(f"{median:.2f}" for median in np.median(RUNS[sys.argv[1]](), axis=0)))
    else:
        main()
