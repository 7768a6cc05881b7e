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

from customer_segmentation.segments.partition import (
    Floats,
    Labels,
    Method,
    Partition,
    Scores,
    adjusted_rand,
    best_jaccards,
    child_of,
    cross_tabulate,
    find_partitions,
)
from customer_segmentation.segments.scores import learn_scores
from customer_segmentation.segments.specification import Specification

FIXED, PIPELINE = "fixed", "pipeline"

Solution = tuple[str, int]  # specification and number of segments


class PairResult(NamedTuple):
    """What one pair of bootstrap samples shows.

    Attributes:
        agreements: The adjusted Rand index by specification, number of segments and mode.
        jaccards: By specification and number of segments one row per sample, one column per segment
            of the solution on all households: how well the whole pipeline recovers it.
    """

    agreements: dict[tuple[str, int, str], float]
    jaccards: dict[Solution, Floats]


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
    """Group the households of a sample, or all, and give every household to a segment."""
    partitions = find_partitions(scores, counts, method, seed, sample)
    return {k: partition.assign(scores) for k, partition in partitions.items()}


def compare_fixed_pair(
    scores: Scores, counts: Sequence[int], method: Method, seed: np.random.SeedSequence
) -> dict[int, float]:
    """Compare the solutions of two bootstrap samples on fixed scores: the adjusted Rand indices.

    References:
        `bootFlexclust` of the R package flexclust; Dolnicar, Grün & Leisch (2018), Market
        Segmentation Analysis, section 7.5.3.
    """
    first, second = (
        solve(scores, counts, method, child_of(seed, half), sample)
        for half, sample in enumerate(draw_pair(len(scores), seed), start=1)
    )
    return {k: adjusted_rand(cross_tabulate(first[k], second[k], k, k)) for k in counts}


def compare_pair(
    values: pd.DataFrame,
    family: Sequence[Specification],
    references: Mapping[Solution, Labels],
    counts: Sequence[int],
    seed: np.random.SeedSequence,
) -> PairResult:
    """Compare the solutions of two bootstrap samples in both modes, for several specifications.

    Args:
        values: One row per household, one float column per variable of the scores.
        family: Specifications with the same scores; each method is carried out once.
        references: The solution on all households by specification and number of segments.
        counts: Numbers of segments.
        seed: Source of the samples and of the random starts.
    """
    samples, scores = draw_pair(len(values), seed), family[0].scores
    fixed = learn_scores(values, scores).compute(values)
    refitted = [learn_scores(values.iloc[each], scores).compute(values) for each in samples]
    methods = list(dict.fromkeys(specification.method for specification in family))
    solved = {
        mode: [
            _solve_by_all(placed[half], counts, methods, child_of(seed, half + 1), samples[half])
            for half in (0, 1)
        ]
        for mode, placed in ((FIXED, [fixed, fixed]), (PIPELINE, refitted))
    }
    agreements, jaccards = {}, {}
    for specification in family:
        for k in counts:
            place = (specification.method, k)
            for mode, (first, second) in solved.items():
                table = cross_tabulate(first[place], second[place], k, k)
                agreements[specification.name, k, mode] = adjusted_rand(table)
            reference = references[specification.name, k]
            jaccards[specification.name, k] = np.array(
                [
                    best_jaccards(cross_tabulate(reference, again[place], k, k))
                    for again in solved[PIPELINE]
                ]
            )
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
