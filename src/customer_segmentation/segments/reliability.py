"""How sure the chosen segments are, and each household's place in them.

The chosen solution is found again on bootstrap samples, the whole pipeline refitted, and the
segments of each sample get the names of the segments that they share most households with. And the
segments are followed from few to many: which of them stay together?
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed
from scipy.special import entr

from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.panel.features import derive_features
from customer_segmentation.segments.choice import find_chosen
from customer_segmentation.segments.measures import draw_pair
from customer_segmentation.segments.parameters import SegmentationParameters
from customer_segmentation.segments.partition import (
    Counts,
    Floats,
    Labels,
    Purpose,
    align,
    best_jaccards,
    child_of,
    cross_tabulate,
    find_partitions,
    seed_for,
)
from customer_segmentation.segments.scores import learn_scores
from customer_segmentation.segments.segmenter import Segmenter
from customer_segmentation.segments.specification import Specification

INTERVAL = (0.025, 0.975)


def bootstrap_chosen_segments(
    segmenter: Segmenter,
    segmentation_candidates: pd.DataFrame,
    households: pd.DataFrame,
    eligible_households: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> pd.DataFrame:
    """Find the chosen segments again on the bootstrap samples behind the evidence.

    Args:
        segmenter: The fitted segmenter, which names the segments.
        segmentation_candidates: One row per specification x k, with the choice.
        households: One row per household of the panel.
        eligible_households: Those that may form segments; samples are drawn from these.
        codebook: The panel's codebook.
        segmentation: Pairs, seed and workers.

    Returns:
        One row per `sample` (from 1) x household: the identifier, `draws` (how often it is in the
        sample; 0 for thin records) and the name of its `segment` in the sample's solution.
    """
    specification, k = find_chosen(segmentation_candidates, codebook, segmentation)
    values = derive_features(households, codebook, segmenter.variables)
    identifiers = households[codebook.identifier]
    eligible = np.flatnonzero(identifiers.isin(eligible_households[codebook.identifier]))
    scores = segmenter.learnt_scores.compute(values.iloc[eligible])
    reference = segmenter.partition.assign(scores)
    pairs = range(1, segmentation.evidence.pairs + 1)
    seeds = [seed_for(segmentation.random_state, Purpose.PAIR, pair) for pair in pairs]
    solved = Parallel(n_jobs=segmentation.processes, prefer="threads")(
        delayed(_solve_again)(
            values, eligible, sample, specification, k, reference, child_of(seed, half)
        )
        for seed in seeds
        for half, sample in enumerate(draw_pair(len(eligible), seed), start=1)
    )
    names = np.array(segmenter.names)
    return pd.DataFrame(
        {
            "sample": np.repeat(np.arange(1, len(solved) + 1), len(households)),
            codebook.identifier: np.tile(identifiers, len(solved)),
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


def measure_agreement(
    bootstrapped_segments: pd.DataFrame, household_segments: pd.DataFrame
) -> pd.Series:
    """Measure how often the bootstrap solutions agree with each household's segment, 0 to 1."""
    again = bootstrapped_segments["segment"].to_numpy().reshape(-1, len(household_segments))
    same = again == household_segments["segment"].to_numpy()
    return pd.Series(same.mean(axis=0), index=household_segments.index)


def measure_recovery(
    bootstrapped_segments: pd.DataFrame, household_segments: pd.DataFrame, codebook: Codebook
) -> pd.DataFrame:
    """Measure segment-level stability within: how well each sample recovers each segment.

    Args:
        bootstrapped_segments: As `bootstrap_chosen_segments`.
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
    again = bootstrapped_segments["segment"].to_numpy().reshape(-1, len(eligible))[:, eligible]
    k = len(names)
    jaccards = [
        best_jaccards(cross_tabulate(numbers, names.get_indexer(labels), k, k)) for labels in again
    ]
    return pd.DataFrame(
        {
            "segment": names.repeat(len(again)),
            "sample": np.tile(np.arange(1, len(again) + 1), k),
            "jaccard": np.ravel(jaccards, order="F"),
        }
    )


def measure_stability(
    segment_jaccards: pd.DataFrame,
    bootstrapped_segments: pd.DataFrame,
    households: pd.DataFrame,
    household_segments: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> pd.DataFrame:
    """Measure how large and how stable each segment is.

    Args:
        segment_jaccards: One row per segment x sample.
        bootstrapped_segments: As `bootstrap_chosen_segments`.
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
    drawn = bootstrapped_segments.pivot_table(
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


def trace_chosen_segments(
    candidate_labels: pd.DataFrame,
    segmentation_candidates: pd.DataFrame,
    household_segments: pd.DataFrame,
    codebook: Codebook,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Follow the chosen specification's segments from each solution to the next finer one.

    Args:
        candidate_labels: One row per specification x k x household: label.
        segmentation_candidates: One row per specification x k, with the choice.
        household_segments: One row per household: segment.
        codebook: The panel's codebook.

    Returns:
        `segment_paths`, one row per segment of each solution: `k`, `segment` (code such as 4.2,
        numbered from 1 as in `renumber_segments`), `households`, `slsa`, see
        `measure_stability_across`; missing for the smallest k; and `name` (at the chosen k; empty
        elsewhere). And `segment_flows`, one row per segment and coarser segment that share
        households: `k`, `segment`, `previous` (code in the next coarser solution), `households`.
    """
    chosen = segmentation_candidates[segmentation_candidates["chosen"]].iloc[0]
    own = candidate_labels[candidate_labels["specification"] == chosen["specification"]]
    labels = {int(k): group["label"].to_numpy(np.intp) for k, group in own.groupby("k")}
    solutions = renumber_segments(labels)
    paths, flows = trace_segments(solutions)
    k = int(chosen["k"])
    identifiers = own.loc[own["k"] == k, codebook.identifier]
    names = identifiers.map(household_segments.set_index(codebook.identifier)["segment"])
    by_code = dict(zip([_code(k, int(number)) for number in solutions[k]], names, strict=True))
    return paths.assign(name=paths["segment"].map(by_code).fillna("")), flows


def trace_segments(solutions: Mapping[int, Labels]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Follow renumbered segments; see `trace_chosen_segments`."""
    # The smallest number of segments is compared with all households together.
    everybody = np.zeros_like(next(iter(solutions.values())))
    paths, flows = [], []
    for (before, coarser), (k, labels) in pairwise([(1, everybody), *solutions.items()]):
        counts = cross_tabulate(labels, coarser, k, before)
        stabilities = measure_stability_across(counts)
        for number, shared in enumerate(counts):
            paths.append((k, _code(k, number), int(shared.sum()), stabilities[number]))
            if coarser is not everybody:
                flows += [
                    (k, _code(k, number), _code(before, int(previous)), int(shared[previous]))
                    for previous in np.flatnonzero(shared)
                ]
    return (
        pd.DataFrame(paths, columns=["k", "segment", "households", "slsa"]),
        pd.DataFrame(flows, columns=["k", "segment", "previous", "households"]).astype(
            {"k": "int64", "segment": "str", "previous": "str", "households": "int64"}
        ),
    )


def _code(segments: int, number: int) -> str:
    return f"{segments}.{number + 1}"


def renumber_segments(labels_by_k: Mapping[int, Labels]) -> dict[int, Labels]:
    """Number the segments of each solution so that they follow those of the next coarser one.

    Each segment stands where the coarser segment stands that most of its members come from; of
    those that come from the same one the larger stands first. In the smallest solution the largest
    segment is the first, and empty segments are the last. So flows cross little, and arbitrary
    numbers of a method do not matter.

    Args:
        labels_by_k: For each number of segments one segment number per household, from 0; the
            same households in the same order.
    """
    renumbered: dict[int, Labels] = {}
    coarser, before = np.zeros_like(next(iter(labels_by_k.values()))), 1
    for k, labels in sorted(labels_by_k.items()):
        counts = cross_tabulate(labels, coarser, k, before)
        sizes = counts.sum(axis=1)
        parents = np.where(sizes > 0, counts.argmax(axis=1), before)
        first_members = np.full(k, len(labels))
        np.minimum.at(first_members, labels, np.arange(len(labels)))
        order = np.lexsort((first_members, -sizes, parents))  # the last key counts most
        coarser, before = order.argsort()[labels], k
        renumbered[k] = coarser
    return renumbered


def measure_stability_across(counts: Counts) -> Floats:
    """Measure whether each segment's members were together in the coarser solution (SLSa).

    Returns:
        One value per segment: 1 - entropy of its members' shares over the coarser segments / log of
        the number of these. 1 when all members come from one segment, so that it stayed or was
        split off; 0 when they come from all in equal parts. Missing for an empty segment, and
        where there is only one coarser segment, so that it would be 1 by definition.

    References:
        Dolnicar & Leisch (2017), Using segment level stability to select target segments in
        data-driven market segmentation studies. Dolnicar, Grün & Leisch (2018), Market
        Segmentation Analysis, section 7.5.4.
    """
    sizes = counts.sum(axis=1)
    before = counts.shape[1]
    if before == 1:
        return np.full(len(counts), np.nan)
    shares = counts / np.maximum(sizes, 1)[:, np.newaxis]
    stabilities = 1 - entr(shares).sum(axis=1) / np.log(before)
    return np.where(sizes > 0, stabilities, np.nan)
