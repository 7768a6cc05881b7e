"""Do the segments come back when the households are drawn again?

Two bootstrap samples lead to two solutions; each gives every household to a segment, and the two
answers are compared. On *fixed* scores only the grouping is done again; with the *pipeline*
refitted, pooled rates, caps, means and standard deviations are learnt anew on each sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed

from customer_segmentation.segments.agreement import adjusted_rand, best_jaccards, cross_tabulate
from customer_segmentation.segments.constructs import Score
from customer_segmentation.segments.partition import (
    Labels,
    Method,
    Partition,
    Scores,
    find_partitions,
)
from customer_segmentation.segments.scores import learn_scores
from customer_segmentation.segments.seeds import Purpose, child_of, seed_for

FIXED, PIPELINE = "fixed", "pipeline"

Solutions = Mapping[tuple[Method, int], Labels]


class PairResult(NamedTuple):
    """What one pair of bootstrap samples shows.

    Attributes:
        agreements: The adjusted Rand index by method, number of segments and mode.
        jaccards: By method and number of segments one row per sample, one column per segment of
            the solution on all households: how well the whole pipeline recovers it.
    """

    agreements: dict[tuple[Method, int, str], float]
    jaccards: dict[tuple[Method, int], npt.NDArray[np.float64]]


def draw_pair(households: int, seed: np.random.SeedSequence) -> npt.NDArray[np.intp]:
    """Draw two bootstrap samples: two rows of row numbers, each as long as there are households."""
    generator = np.random.default_rng(child_of(seed, 0))
    return generator.integers(households, size=(2, households), dtype=np.intp)


def solve(
    scores: Scores,
    counts: Sequence[int],
    method: Method,
    seed: np.random.SeedSequence,
    sample: Labels | None = None,
) -> dict[int, Labels]:
    """Group the households of a sample and give every household to a segment.

    Args:
        scores: One row per household, one column per score.
        counts: Numbers of segments.
        method: How the households are grouped.
        seed: Source of the random starts.
        sample: Row numbers that the groups are found on; all without it.

    Returns:
        One segment number per household for each number of segments.
    """
    partitions = find_partitions(scores, counts, method, seed, sample)
    return {k: partition.assign(scores) for k, partition in partitions.items()}


def compare_fixed_pair(
    scores: Scores, counts: Sequence[int], method: Method, seed: np.random.SeedSequence
) -> dict[int, float]:
    """Compare the solutions of two bootstrap samples on fixed scores.

    Args:
        scores: One row per household, one column per score.
        counts: Numbers of segments.
        method: How the households are grouped.
        seed: Source of the samples and of the random starts.

    Returns:
        The adjusted Rand index for each number of segments.

    References:
        `bootFlexclust` of the R package flexclust; Dolnicar, Grün & Leisch (2018), Market
        Segmentation Analysis, section 7.5.3.
    """
    first, second = (
        solve(scores, counts, method, child_of(seed, half), sample)
        for half, sample in enumerate(draw_pair(len(scores), seed), start=1)
    )
    return {k: _agree(first[k], second[k], k) for k in counts}


def compare_on_fixed_scores(
    scores: Scores,
    counts: Sequence[int],
    method: Method,
    pairs: int,
    random_state: int,
    workers: int,
) -> pd.DataFrame:
    """Measure global stability on fixed scores.

    Args:
        scores: One row per household, one column per score.
        counts: Numbers of segments.
        method: How the households are grouped.
        pairs: Pairs of bootstrap samples.
        random_state: Seed of samples and starts.
        workers: Parallel workers; the result does not depend on it.

    Returns:
        One row per pair (from 1), one column per number of segments: the adjusted Rand index.
    """
    rows = Parallel(n_jobs=workers, prefer="threads")(
        delayed(compare_fixed_pair)(
            scores, counts, method, seed_for(random_state, Purpose.PAIR, pair)
        )
        for pair in range(1, pairs + 1)
    )
    return pd.DataFrame(rows, index=pd.RangeIndex(1, pairs + 1, name="pair"))


def compare_pair(
    values: pd.DataFrame,
    scores: Sequence[Score],
    references: Solutions,
    counts: Sequence[int],
    seed: np.random.SeedSequence,
) -> PairResult:
    """Compare the solutions of two bootstrap samples in both modes, for several methods.

    Args:
        values: One row per household, one float column per variable of the scores.
        scores: The scores of a specification.
        references: The solution on all households by method and number of segments.
        counts: Numbers of segments.
        seed: Source of the samples and of the random starts.

    Returns:
        Agreements in both modes, and how well the whole pipeline recovers each segment.
    """
    samples = draw_pair(len(values), seed)
    methods = list(dict.fromkeys(method for method, _ in references))
    fixed = learn_scores(values, scores).compute(values)
    refitted = [learn_scores(values.iloc[each], scores).compute(values) for each in samples]
    solved = {
        mode: [
            _solve_by_all(placed[half], counts, methods, child_of(seed, half + 1), samples[half])
            for half in (0, 1)
        ]
        for mode, placed in ((FIXED, [fixed, fixed]), (PIPELINE, refitted))
    }
    agreements = {
        (method, k, mode): _agree(first[method, k], second[method, k], k)
        for mode, (first, second) in solved.items()
        for method, k in references
    }
    jaccards = {
        (method, k): np.array(
            [
                best_jaccards(cross_tabulate(reference, again[method, k], k, k))
                for again in solved[PIPELINE]
            ]
        )
        for (method, k), reference in references.items()
    }
    return PairResult(agreements, jaccards)


def _solve_by_all(
    scores: Scores,
    counts: Sequence[int],
    methods: Sequence[Method],
    seed: np.random.SeedSequence,
    sample: Labels,
) -> dict[tuple[Method, int], Labels]:
    """Like `solve`, for several methods: a mixture starts from k-means, which is found once."""
    begin: Mapping[int, Partition] | None = None
    solved: dict[tuple[Method, int], Labels] = {}
    for method in sorted(methods, key=lambda each: each.algorithm != "kmeans"):
        found = find_partitions(scores, counts, method, seed, sample, begin)
        begin = found if method.algorithm == "kmeans" else begin
        solved |= {(method, k): partition.assign(scores) for k, partition in found.items()}
    return solved


def _agree(first: Labels, second: Labels, segments: int) -> float:
    return adjusted_rand(cross_tabulate(first, second, segments, segments))
