"""Evidence for a number of segments: agreement of bootstrap samples, separation of segments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.metrics import adjusted_rand_score, silhouette_score

from customer_segmentation.segments.partition import Scores, partition_by_kmeans
from customer_segmentation.segments.specification import SegmentationParameters


def bootstrap_agreements(scores: Scores, segmentation: SegmentationParameters) -> pd.DataFrame:
    """Measure global stability: do two bootstrap samples lead to the same segments?

    For each pair of bootstrap samples and each number of segments, k-means is run on both samples,
    each solution labels all households by the nearest centre, and the two labelings are compared by
    the adjusted Rand index (ARI): 1 for equal segments, about 0 for chance. The scores stay fixed.

    Args:
        scores: One row per household that formed the segments, one column per score.
        segmentation: Numbers of segments, pairs, starts, seed and processes.

    Returns:
        One row per number of segments x pair: `k`, `pair` (from 1) and `ari`. The same for any
        number of processes, because every pair has a seed of its own.

    References:
        Dolnicar, Grün & Leisch (2018), Market Segmentation Analysis, and `bootFlexclust` of its R
        package flexclust. Hubert & Arabie (1985), Comparing partitions.
    """
    candidates, starts = segmentation.candidates, segmentation.specification.starts
    seeds = np.random.SeedSequence(segmentation.random_state).spawn(candidates.bootstrap_pairs)
    agreements = Parallel(n_jobs=segmentation.processes)(
        delayed(compare_pair)(scores, candidates.counts, starts, seed) for seed in seeds
    )
    rows = [
        (k, pair, ari)
        for pair, indices in enumerate(agreements, start=1)
        for k, ari in zip(candidates.counts, indices, strict=True)
    ]
    return pd.DataFrame(rows, columns=["k", "pair", "ari"])


def compare_pair(
    scores: Scores, counts: Sequence[int], starts: int, seed: np.random.SeedSequence
) -> list[float]:
    """Draw two bootstrap samples and compare their solutions on all households.

    Args:
        scores: One row per household, one column per score.
        counts: Numbers of segments.
        starts: Random starts of k-means.
        seed: Seed of the samples and of the starts.

    Returns:
        One adjusted Rand index per number of segments.
    """
    generator = np.random.default_rng(seed)
    samples = generator.integers(len(scores), size=(2, len(scores)))
    agreements = []
    for k in counts:
        first, second = (
            partition_by_kmeans(scores, k, starts, int(generator.integers(2**32)), sample)
            for sample in samples
        )
        agreements.append(float(adjusted_rand_score(first, second)))
    return agreements


def compare_counts(
    scores: Scores, agreements: pd.DataFrame, segmentation: SegmentationParameters
) -> pd.DataFrame:
    """Put the evidence for each number of segments side by side.

    Args:
        scores: One row per household that formed the segments, one column per score.
        agreements: What `bootstrap_agreements` returned for these scores.
        segmentation: Specification and seed.

    Returns:
        One row per number of segments: `specification`, `variables` (the indicators), `algorithm`,
        `k`, `silhouette` (mean over the households, -1 to 1), `smallest_share` (of the households),
        `global_ari_median`, `global_ari_q10` (10 % quantile) and `chosen`.
    """
    specification = segmentation.specification
    names = {
        "specification": specification.name,
        "variables": ", ".join(indicator.variable for indicator in specification.indicators),
        "algorithm": specification.algorithm,
    }
    rows = [
        names
        | {"k": k}
        | _separate(scores, k, specification.starts, segmentation.random_state)
        | _agree(agreements.loc[agreements["k"] == k, "ari"])
        | {"chosen": k == specification.segments}
        for k in segmentation.candidates.counts
    ]
    return pd.DataFrame(rows)


def _agree(ari: pd.Series) -> dict[str, float]:
    return {"global_ari_median": float(ari.median()), "global_ari_q10": float(ari.quantile(0.1))}


def _separate(scores: Scores, k: int, starts: int, random_state: int) -> dict[str, float]:
    labels = partition_by_kmeans(scores, k, starts, random_state)
    return {
        "silhouette": float(silhouette_score(scores, labels)),
        "smallest_share": float(np.bincount(labels, minlength=k).min() / len(scores)),
    }
