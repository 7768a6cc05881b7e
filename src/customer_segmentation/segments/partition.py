"""Grouping households by their scores."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans

Scores = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]

# Far more than are ever needed: the iterations end when no household moves, not before.
_MOST_ITERATIONS = 10_000


def partition_by_kmeans(
    scores: Scores,
    segments: int,
    starts: int,
    random_state: int,
    sample: Labels | slice = slice(None),
) -> Labels:
    """Run k-means on a sample of households and give every household its nearest centre.

    Args:
        scores: One row per household, one column per score.
        segments: Number of segments, fewer than households.
        starts: Random starts (k-means++); the smallest within-segment sum of squares wins.
        random_state: Seed of the starts.
        sample: Row numbers that the centres are found on, repeated ones included; all without it.

    Returns:
        One segment number per household, in arbitrary order of segments. On all households each
        centre is the exact mean of its segment, because the iterations go on until nobody moves.
    """
    kmeans = KMeans(
        segments, n_init=starts, random_state=random_state, tol=0, max_iter=_MOST_ITERATIONS
    )
    labels: Labels = kmeans.fit(scores[sample]).predict(scores)
    return labels
