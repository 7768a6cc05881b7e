"""Grouping households by their scores: k-means, a mixture of normal distributions, or Ward.

Whatever the algorithm, what it finds is kept in one form, a `Partition`: centres, variances and
shares, by which every household can be given to a segment, sampled or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from customer_segmentation.panel.values import Configured
from customer_segmentation.segments.seeds import child_of

Scores = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
Algorithm = Literal["kmeans", "gaussian_mixture", "ward"]

# EM of the mixture ends when a step raises the mean log-likelihood by less, or after these steps.
_EM_TOLERANCE = 1e-5
_MOST_EM_STEPS = 1_000


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
        """Make the partition that gives every household to the nearest centre.

        Args:
            centres: One row per segment, one column per score.

        Returns:
            The partition with variances 1 and equal shares.
        """
        return cls(centres, np.ones_like(centres), np.full(len(centres), 1 / len(centres)))

    def affinities(self, scores: Scores) -> Floats:
        """Measure how strongly households belong to each segment, on a log scale.

        Args:
            scores: One row per household, one column per score, none missing.

        Returns:
            One row per household, one column per segment: log of share times density, up to a
            constant. For k-means and Ward it is minus half the squared distance to the centre,
            up to a constant.
        """
        from customer_segmentation.segments.kernels import measure_affinities

        # A copy in one layout and writeable: the kernel is compiled anew for every other kind.
        points = np.array(scores, order="C")
        return measure_affinities(points, self.centres, self.variances, self.shares)

    def assign(self, scores: Scores) -> Labels:
        """Give every household to the segment it belongs to most strongly.

        Args:
            scores: One row per household, one column per score, none missing.

        Returns:
            One segment number per household, from 0; the smallest number on ties.
        """
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
    if method.algorithm == "ward":
        return _cut_hierarchy(scores if sample is None else scores[sample], counts)
    weights = _count_repeats(len(scores), sample)
    points, weights = np.ascontiguousarray(scores[weights > 0]), weights[weights > 0]
    if begin is None:
        begin = {k: _find_centres(points, weights, k, method, child_of(seed, k)) for k in counts}
    if method.algorithm == "kmeans":
        return dict(begin)
    return {k: _fit_mixture(points, weights, begin[k], method) for k in counts}


def _count_repeats(households: int, sample: Labels | None) -> Floats:
    if sample is None:
        return np.ones(households)
    return np.bincount(sample, minlength=households).astype(np.float64)


def _find_centres(
    points: Scores, weights: Floats, segments: int, method: Method, seed: np.random.SeedSequence
) -> Partition:
    from customer_segmentation.segments.kernels import fit_centres

    uniforms = np.random.default_rng(seed).random((method.starts, segments))
    return Partition.around(fit_centres(points, weights, segments, uniforms))


def _fit_mixture(points: Scores, weights: Floats, begin: Partition, method: Method) -> Partition:
    from customer_segmentation.segments.kernels import fit_mixture

    floor = method.variance_floor
    return Partition(
        *fit_mixture(points, weights, begin.centres, floor, _MOST_EM_STEPS, _EM_TOLERANCE)
    )


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
