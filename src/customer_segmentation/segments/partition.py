"""Grouping households by their scores: k-means, a mixture of normal distributions, or Ward.

Whatever the algorithm, what it finds is kept in one form, a `Partition`: centres, variances and
shares, by which every household can be given to a segment, sampled or not. Every random step has a
seed of its own, known by purpose and number, so that no step changes when another is added, left
out, or done in another order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.optimize import linear_sum_assignment

from customer_segmentation.panel.values import Configured

Scores = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Algorithm = Literal["kmeans", "gaussian_mixture", "ward"]

# EM of the mixture ends when a step raises the mean log-likelihood by less, or after these steps.
_EM_TOLERANCE = 1e-5
_MOST_EM_STEPS = 1_000


@unique
class Purpose(IntEnum):
    """What a seed is for; the numbers are part of the results and never change."""

    SOLUTION = 0
    PAIR = 1
    GAP = 2
    NULL = 3
    HALVES = 4
    DESCRIPTOR = 5
    RESAMPLE = 6
    PERFECT_CALIBRATION = 7
    PERMUTATION = 8
    IMPORTANCE = 9
    AUDIT = 10


def seed_for(random_state: int, purpose: Purpose, *numbers: int) -> np.random.SeedSequence:
    """The seed of one random step: which of the steps of this purpose."""
    return np.random.SeedSequence(random_state, spawn_key=(purpose, *numbers))


def child_of(seed: np.random.SeedSequence, number: int) -> np.random.SeedSequence:
    """A numbered child of a seed; unlike `spawn`, it leaves the seed as it is."""
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, number))


class Method(Configured):
    """How households are grouped.

    Attributes:
        algorithm: k-means; a mixture of normal distributions with diagonal covariances, started
            from k-means; or Ward's hierarchy, whose clusters give the centres that households are
            assigned to.
        starts: Random starts of k-means; the best counts. Ward needs none.
        variance_floor: Smallest variance of the mixture's components, in squared units of the
            scores. Without it a component could shrink onto households with equal scores.
    """

    algorithm: Algorithm
    starts: int = Field(ge=1)
    variance_floor: float = Field(gt=0)


@dataclass(frozen=True, eq=False)
class Partition:
    """Segments as components of a mixture; of equal shape and share where only centres count.

    Attributes:
        centres: One row per segment, one column per score.
        variances: The same, in squared units of the scores, above 0; 1 for k-means and Ward.
        shares: One per segment, summing to 1; equal for k-means and Ward.
    """

    centres: Floats
    variances: Floats
    shares: Floats

    @classmethod
    def around(cls, centres: Floats) -> Partition:
        """Make the partition that gives every household to the nearest centre."""
        return cls(centres, np.ones_like(centres), np.full(len(centres), 1 / len(centres)))

    def affinities(self, scores: Scores) -> Floats:
        """Measure how strongly households (rows of the scores) belong to each segment (columns).

        It is the log of share times density, up to a constant; for k-means and Ward minus half the
        squared distance to the centre, up to a constant.
        """
        from customer_segmentation.segments.kernels import measure_affinities

        # A copy in one layout and writeable: the kernel is compiled anew for every other kind.
        points = np.array(scores, order="C")
        return measure_affinities(points, self.centres, self.variances, self.shares)

    def assign(self, scores: Scores) -> Labels:
        """Give every household the number of the segment it belongs to most; the first on ties."""
        labels: Labels = self.affinities(scores).argmax(axis=1)
        return labels


def find_partitions(
    scores: Scores,
    counts: Sequence[int],
    method: Method,
    seed: np.random.SeedSequence,
    sample: Labels | None = None,
    begin: Mapping[int, Partition] | None = None,
) -> dict[int, Partition]:
    """Find one partition for each number of segments.

    Args:
        scores: One row per household, one column per score, none missing.
        counts: Numbers of segments, each at least 1 and at most the number of sampled households.
        method: How the households are grouped.
        seed: Source of the random starts. Its children numbered like `counts` are used, so the
            partition for one number does not depend on the others; nothing else should use them.
        sample: Row numbers that the partitions are found on, repeated ones included; all without
            it.
        begin: Where a mixture starts: the k-means partitions for the same scores, seed and sample,
            if they are known already; the result is the same without them.

    Returns:
        The partition for each number of segments. Segments are numbered in arbitrary order.

    References:
        Ward (1963), Hierarchical grouping to optimize an objective function; for k-means and the
        mixture see `kernels`.
    """
    from customer_segmentation.segments.kernels import fit_centres, fit_mixture

    if method.algorithm == "ward":
        return _cut_hierarchy(scores if sample is None else scores[sample], counts)
    rows = np.arange(len(scores)) if sample is None else sample
    weights = np.bincount(rows, minlength=len(scores)).astype(np.float64)
    points, weights = np.ascontiguousarray(scores[weights > 0]), weights[weights > 0]
    if begin is None:
        begin = {}
        for k in counts:
            uniforms = np.random.default_rng(child_of(seed, k)).random((method.starts, k))
            begin[k] = Partition.around(fit_centres(points, weights, k, uniforms))
    if method.algorithm == "kmeans":
        return dict(begin)
    options = (method.variance_floor, _MOST_EM_STEPS, _EM_TOLERANCE)
    return {k: Partition(*fit_mixture(points, weights, begin[k].centres, *options)) for k in counts}


def _cut_hierarchy(points: Scores, counts: Sequence[int]) -> dict[int, Partition]:
    from scipy.cluster.hierarchy import fcluster, linkage

    tree = linkage(points, method="ward")
    # Cutting by the number of the merger, not its height, gives all segments even on ties.
    order = np.arange(len(tree), dtype=np.float64)
    partitions = {}
    for k in counts:
        labels = fcluster(tree, len(tree) - k, criterion="monocrit", monocrit=order)
        centres = [points[labels == label].mean(axis=0) for label in range(1, k + 1)]
        partitions[k] = Partition.around(np.array(centres))
    return partitions


def cross_tabulate(first: Labels, second: Labels, rows: int, columns: int) -> Counts:
    """Count the households in each pair of segments of two groupings, empty segments included.

    How far the groupings agree is measured on this contingency table: one row per segment of the
    first grouping (the reference), one column per segment of the second.
    """
    cells = np.bincount(first * columns + second, minlength=rows * columns)
    return cells.reshape(rows, columns).astype(np.int64)


def adjusted_rand(counts: Counts) -> float:
    """Measure by the adjusted Rand index how far two groupings agree as a whole.

    Returns:
        1 for equal groupings, about 0 for chance, below 0 for less than chance. Two groupings that
        both leave every household alone, or both keep all together, are equal.

    References:
        Hubert & Arabie (1985), Comparing partitions.
    """
    households = int(counts.sum())
    together = int((counts**2).sum())  # ordered pairs, each household with itself included
    first = int((counts.sum(axis=1) ** 2).sum())
    second = int((counts.sum(axis=0) ** 2).sum())
    both, only_first, only_second = together - households, first - together, second - together
    neither = households**2 - first - second + together
    if only_first == only_second == 0:
        return 1.0
    from_first = (both + only_first) * (only_first + neither)
    from_second = (both + only_second) * (only_second + neither)
    return 2 * (both * neither - only_first * only_second) / (from_first + from_second)


def best_jaccards(counts: Counts) -> Floats:
    """Measure how well the other grouping recovers each segment of the reference.

    Returns:
        For each row the largest Jaccard coefficient with any column: households in both segments
        out of households in either, from 0 (also for an empty row) to 1.

    References:
        Hennig (2007), Cluster-wise assessment of cluster stability. Dolnicar & Leisch (2017), Using
        segment level stability to select target segments in data-driven market segmentation
        studies.
    """
    either = counts.sum(axis=1, keepdims=True) + counts.sum(axis=0) - counts
    jaccards: Floats = (counts / np.maximum(either, 1)).max(axis=1)
    return jaccards


def align(counts: Counts) -> Labels:
    """Match as many rows and columns one to one, by most households: the row of each column."""
    rows: Labels = linear_sum_assignment(counts, maximize=True)[1].argsort()
    return rows
