"""How sure the chosen segments and each household's place in them are.

The chosen solution is found again on bootstrap samples, the whole pipeline refitted, and the
segments of each sample get the names of the segments that they share most households with.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed

from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.panel.features import derive_features
from customer_segmentation.segments.agreement import align, best_jaccards, cross_tabulate
from customer_segmentation.segments.bootstrap import draw_pair
from customer_segmentation.segments.parameters import SegmentationParameters
from customer_segmentation.segments.partition import Labels, find_partitions
from customer_segmentation.segments.scores import learn_scores
from customer_segmentation.segments.seeds import Purpose, child_of, seed_for
from customer_segmentation.segments.segmenter import Segmenter
from customer_segmentation.segments.specification import Specification

INTERVAL = (0.025, 0.975)


def bootstrap_segments(
    segmenter: Segmenter,
    specification: Specification,
    households: pd.DataFrame,
    is_eligible: npt.NDArray[np.bool_],
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> pd.DataFrame:
    """Find the chosen segments again on the bootstrap samples behind the evidence.

    Args:
        segmenter: The fitted segmenter, which names the segments.
        specification: Its specification.
        households: One row per household of the panel.
        is_eligible: Which of them may form segments; samples are drawn from these.
        codebook: The panel's codebook.
        segmentation: Pairs, seed and workers.

    Returns:
        One row per `sample` (from 1) x household: the identifier, `draws` (how often it is in the
        sample; 0 for thin records) and the name of its `segment` in the sample's solution.
    """
    values = derive_features(households, codebook, segmenter.variables)
    eligible = np.flatnonzero(is_eligible)
    scores = segmenter.learnt_scores.compute(values.iloc[eligible])
    reference = segmenter.partition.assign(scores)
    k = len(segmenter.names)

    def solve_pair(pair: int) -> list[tuple[npt.NDArray[np.intp], Labels]]:
        seed = seed_for(segmentation.random_state, Purpose.PAIR, pair)
        return [
            _solve_again(
                values, eligible, sample, specification, k, reference, child_of(seed, half)
            )
            for half, sample in enumerate(draw_pair(len(eligible), seed), start=1)
        ]

    pairs = Parallel(n_jobs=segmentation.processes, prefer="threads")(
        delayed(solve_pair)(pair) for pair in range(1, segmentation.evidence.pairs + 1)
    )
    solved = [each for pair in pairs for each in pair]
    names = np.array(segmenter.names)
    return pd.DataFrame(
        {
            "sample": np.repeat(np.arange(1, len(solved) + 1), len(households)),
            codebook.identifier: np.tile(households[codebook.identifier], len(solved)),
            "draws": np.concatenate([draws for draws, _ in solved]),
            "segment": names[np.concatenate([labels for _, labels in solved])],
        }
    )


def _solve_again(
    values: pd.DataFrame,
    eligible: npt.NDArray[np.intp],
    sample: Labels,
    specification: Specification,
    k: int,
    reference: Labels,
    seed: np.random.SeedSequence,
) -> tuple[npt.NDArray[np.intp], Labels]:
    """How often each household was drawn, and its segment, numbered as in the reference."""
    drawn = eligible[sample]
    placed = learn_scores(values.iloc[drawn], specification.scores).compute(values)
    partition = find_partitions(placed[eligible], [k], specification.method, seed, sample)[k]
    labels = partition.assign(placed)
    numbers = align(cross_tabulate(reference, labels[eligible], k, k))
    return np.bincount(drawn, minlength=len(values)), numbers[labels]


def measure_agreement(bootstrapped: pd.DataFrame, household_segments: pd.DataFrame) -> pd.Series:
    """Measure how often the bootstrap solutions agree with each household's segment.

    Args:
        bootstrapped: What `bootstrap_segments` returned.
        household_segments: One row per household, in the same order: segment.

    Returns:
        One share per household, 0 to 1, in order.
    """
    again = bootstrapped["segment"].to_numpy().reshape(-1, len(household_segments))
    same = again == household_segments["segment"].to_numpy()
    return pd.Series(same.mean(axis=0), index=household_segments.index)


def measure_recovery(
    bootstrapped: pd.DataFrame, household_segments: pd.DataFrame, codebook: Codebook
) -> pd.DataFrame:
    """Measure segment-level stability within: how well each sample recovers each segment.

    Args:
        bootstrapped: What `bootstrap_segments` returned.
        household_segments: One row per household, in the same order: segment, thin-record flag.
        codebook: The panel's codebook.

    Returns:
        One row per segment x `sample`: the largest Jaccard coefficient of the segment with a
        segment of the sample's solution, over the eligible households.

    References:
        Hennig (2007), Cluster-wise assessment of cluster stability. Dolnicar & Leisch (2017), Using
        segment level stability to select target segments in data-driven market segmentation
        studies.
    """
    eligible = ~household_segments[codebook.column(Role.THIN_RECORD)].to_numpy()
    own = household_segments.loc[eligible, "segment"]
    numbers, names = pd.factorize(own, sort=True)
    again = bootstrapped["segment"].to_numpy().reshape(-1, len(household_segments))[:, eligible]
    rows = []
    for sample, labels in enumerate(again, start=1):
        counts = cross_tabulate(numbers, names.get_indexer(labels), len(names), len(names))
        jaccards = zip(names, best_jaccards(counts), strict=True)
        rows += [(name, sample, jaccard) for name, jaccard in jaccards]
    table = pd.DataFrame(rows, columns=["segment", "sample", "jaccard"])
    return table.sort_values(["segment", "sample"], ignore_index=True)


def measure_stability(
    segment_jaccards: pd.DataFrame,
    bootstrapped: pd.DataFrame,
    households: pd.DataFrame,
    household_segments: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> pd.DataFrame:
    """Measure how large and how stable each segment is.

    Args:
        segment_jaccards: One row per segment x sample.
        bootstrapped: What `bootstrap_segments` returned.
        households: One row per household, with the sampling stratum.
        household_segments: One row per household, in the same order.
        codebook: The panel's codebook.
        segmentation: Weights of the strata.

    Returns:
        One row per segment, over the eligible households: `segment`, `size`, `share`, `share_low`
        and `share_high` (95 % interval, the whole pipeline refitted), `weighted_share` (missing
        without weights), `mix_low` and `mix_high` (smallest and largest share that any mix of the
        strata could give), `slsw_median` and `slsw_q10` (10 % quantile).
    """
    eligible = ~household_segments[codebook.column(Role.THIN_RECORD)]
    own = household_segments.loc[eligible, "segment"]
    strata = households.loc[eligible.to_numpy(), codebook.column(Role.STRATUM)].to_numpy()
    by_stratum = pd.crosstab(own, strata, normalize="columns")
    drawn = bootstrapped.pivot_table(
        index="sample", columns="segment", values="draws", aggfunc="sum", fill_value=0
    )
    low, high = drawn.div(drawn.sum(axis=1), axis=0).quantile(INTERVAL).to_numpy()
    interval = pd.DataFrame({"low": low, "high": high}, index=drawn.columns)
    sizes = own.value_counts().sort_index()
    recovery = segment_jaccards.groupby("segment")["jaccard"]
    table = pd.DataFrame(
        {
            "size": sizes,
            "share": sizes / len(own),
            "share_low": interval["low"],
            "share_high": interval["high"],
            "weighted_share": _weigh(own, strata, households, codebook, segmentation),
            "mix_low": by_stratum.min(axis=1),
            "mix_high": by_stratum.max(axis=1),
            "slsw_median": recovery.median(),
            "slsw_q10": recovery.quantile(0.1),
        }
    )
    return table.rename_axis("segment").reset_index()


def _weigh(
    own: pd.Series,
    strata: npt.NDArray[np.int64],
    households: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> pd.Series:
    """Share of each segment when each stratum stands for its part of the population."""
    weights = segmentation.description.stratum_weights
    if weights is None:
        return pd.Series(np.nan, index=pd.Index(own.unique()))
    panel = households[codebook.column(Role.STRATUM)].value_counts()
    each = pd.Series(strata, index=own.index).map(pd.Series(weights) / panel)
    return each.groupby(own).sum() / each.sum()
