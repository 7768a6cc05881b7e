"""How far apart the segments of one solution lie, and how that compares with no structure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score

from customer_segmentation.segments.bootstrap import solve
from customer_segmentation.segments.partition import Floats, Labels, Method, Scores
from customer_segmentation.segments.positions import measure_silhouettes
from customer_segmentation.segments.seeds import child_of


def measure_separation(distances: Floats, scores: Scores, labels: Labels) -> dict[str, float]:
    """Measure how compact and how far apart the segments are.

    Args:
        distances: Euclidean distance of every household to every household.
        scores: One row per household, one column per score, none missing.
        labels: One segment number per household.

    Returns:
        `silhouette` (mean over the households, -1 to 1, high is good), `calinski_harabasz` (0 or
        more, high is good) and `davies_bouldin` (0 or more, low is good). All missing when the
        households are all in one segment or each in its own.

    References:
        Rousseeuw (1987), Silhouettes. Caliński & Harabasz (1974), A dendrite method for cluster
        analysis. Davies & Bouldin (1979), A cluster separation measure.
    """
    if not 1 < len(np.unique(labels)) < len(labels):
        return dict.fromkeys(("silhouette", "calinski_harabasz", "davies_bouldin"), np.nan)
    return {
        "silhouette": float(measure_silhouettes(distances, labels).mean()),
        "calinski_harabasz": float(calinski_harabasz_score(scores, labels)),
        "davies_bouldin": float(davies_bouldin_score(scores, labels)),
    }


def measure_gap(
    scores: Scores,
    counts: Sequence[int],
    method: Method,
    seed: np.random.SeedSequence,
    references: int,
    workers: int,
) -> pd.DataFrame:
    """Compare how compact the segments are with segments of data without structure.

    Args:
        scores: One row per household, one column per score, none missing.
        counts: Numbers of segments, fewer than there are different households.
        method: How the households are grouped.
        seed: Source of the reference data and of the random starts.
        references: Data sets without structure, at least 1; see `draw_from_box`.
        workers: Parallel workers; the result does not depend on it.

    Returns:
        One row per number of segments: `k`; `gap`, how much smaller the log of the pooled
        within-segment sum of squares is than in the reference data on average; `gap_se`, its
        standard deviation there times sqrt(1 + 1 / references).

    References:
        Tibshirani, Walther & Hastie (2001), Estimating the number of clusters in a data set via
        the gap statistic.
    """
    observed = _measure_log_spreads(scores, counts, method, child_of(seed, 0))
    drawn = np.array(
        Parallel(n_jobs=workers, prefer="threads")(
            delayed(_measure_reference)(scores, counts, method, child_of(seed, number))
            for number in range(1, references + 1)
        )
    )
    return pd.DataFrame(
        {
            "k": counts,
            "gap": drawn.mean(axis=0) - observed,
            "gap_se": drawn.std(axis=0) * np.sqrt(1 + 1 / references),
        }
    )


def draw_from_box(scores: Scores, generator: np.random.Generator) -> Scores:
    """Draw data without structure: uniform in the box along the principal axes of the scores.

    Args:
        scores: One row per household, one column per score, none missing.
        generator: Where chance comes from.

    Returns:
        As many rows and columns as the scores.

    References:
        Tibshirani, Walther & Hastie (2001), section 4, choice (b) of the reference distribution.
    """
    mean = scores.mean(axis=0)
    axes = np.linalg.svd(scores - mean, full_matrices=False)[2]
    rotated = (scores - mean) @ axes.T
    drawn = generator.uniform(rotated.min(axis=0), rotated.max(axis=0), size=rotated.shape)
    return np.ascontiguousarray(drawn @ axes + mean)


def _measure_reference(
    scores: Scores, counts: Sequence[int], method: Method, seed: np.random.SeedSequence
) -> Floats:
    reference = draw_from_box(scores, np.random.default_rng(seed))
    return _measure_log_spreads(reference, counts, method, seed)


def _measure_log_spreads(
    scores: Scores, counts: Sequence[int], method: Method, seed: np.random.SeedSequence
) -> Floats:
    solutions = solve(scores, counts, method, seed)
    spreads: Floats = np.log([_pool_squares(scores, solutions[k], k) for k in counts])
    return spreads


def _pool_squares(scores: Scores, labels: Labels, segments: int) -> float:
    members = np.eye(segments)[labels]
    sizes = np.maximum(members.sum(axis=0), 1)  # an empty segment adds nothing
    means = members.T @ scores / sizes[:, np.newaxis]
    return float(((scores - means[labels]) ** 2).sum())
