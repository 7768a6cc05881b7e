"""Where segments come from as their number grows, and which of them stay together."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.special import entr

from customer_segmentation.segments.agreement import Counts, cross_tabulate
from customer_segmentation.segments.partition import Floats, Labels


def trace_segments(labels_by_k: Mapping[int, Labels]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Follow the segments from each solution to the next finer one.

    Args:
        labels_by_k: For each number of segments one segment number per household, from 0; the
            same households in the same order, at least one solution.

    Returns:
        `segment_paths`, one row per segment of each solution: `k`, `segment` (code such as 4.2,
        numbered from 1 as in `renumber_segments`), `households` and `slsa`, see
        `measure_stability_across`; missing for the smallest k. And `segment_flows`, one row per
        segment and coarser segment that share households: `k`, `segment`, `previous` (code in the
        next coarser solution), `households`.
    """
    tables = _tabulate(renumber_segments(labels_by_k))
    paths = [
        (k, code_segment(k, number), int(households.sum()), slsa)
        for k, _, counts in tables
        for number, (households, slsa) in enumerate(
            zip(counts, measure_stability_across(counts), strict=True)
        )
    ]
    flows = [
        (k, code_segment(k, number), code_segment(before, previous), int(counts[number, previous]))
        for k, before, counts in tables[1:]
        for number, previous in np.argwhere(counts)
    ]
    return (
        pd.DataFrame(paths, columns=["k", "segment", "households", "slsa"]),
        pd.DataFrame(flows, columns=["k", "segment", "previous", "households"]).astype(
            {"k": "int64", "segment": "str", "previous": "str", "households": "int64"}
        ),
    )


def _tabulate(solutions: Mapping[int, Labels]) -> list[tuple[int, int, Counts]]:
    # The smallest number of segments is compared with all households together.
    steps = pairwise([(1, _gather(solutions)), *solutions.items()])
    return [
        (k, before, cross_tabulate(labels, coarser, k, before))
        for (before, coarser), (k, labels) in steps
    ]


def code_segment(segments: int, number: int) -> str:
    """The code of a segment, such as 4.2, by the number of segments and its own number from 0."""
    return f"{segments}.{number + 1}"


def renumber_segments(labels_by_k: Mapping[int, Labels]) -> dict[int, Labels]:
    """Number the segments of each solution so that they follow those of the next coarser one.

    Each segment stands where the coarser segment stands that most of its members come from; of
    those that come from the same one the larger stands first. In the smallest solution the largest
    segment is the first. So flows cross little, and arbitrary numbers of a method do not matter.

    Args:
        labels_by_k: For each number of segments one segment number per household, from 0; the
            same households in the same order.

    Returns:
        The same solutions, the smallest number of segments first, with new numbers from 0; empty
        segments have the last.
    """
    renumbered: dict[int, Labels] = {}
    coarser, before = _gather(labels_by_k), 1
    for k in sorted(labels_by_k):
        renumbered[k] = _follow(labels_by_k[k], k, coarser, before)
        coarser, before = renumbered[k], k
    return renumbered


def _gather(labels_by_k: Mapping[int, Labels]) -> Labels:
    return np.zeros_like(next(iter(labels_by_k.values())))


def _follow(labels: Labels, segments: int, coarser: Labels, before: int) -> Labels:
    counts = cross_tabulate(labels, coarser, segments, before)
    sizes = counts.sum(axis=1)
    parents = np.where(sizes > 0, counts.argmax(axis=1), before)
    first_members = np.full(segments, len(labels))
    np.minimum.at(first_members, labels, np.arange(len(labels)))
    order = np.lexsort((first_members, -sizes, parents))  # the last key counts most
    return order.argsort()[labels]


def measure_stability_across(counts: Counts) -> Floats:
    """Measure whether each segment's members were together in the coarser solution (SLSa).

    Args:
        counts: The households of each segment (row) by coarser segment (column).

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
