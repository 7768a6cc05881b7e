"""What the tables say about who is typed worse than others."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from customer_segmentation.findings.wording import (
    counted,
    inside,
    listing,
    lower_first,
    opening,
    percent,
    points,
    sample,
)
from customer_segmentation.panel.codebook import Codebook

NOTHING = "No slice of the households is large enough to compare"


def find_different(slices: pd.DataFrame) -> pd.DataFrame:
    """Keep the slices whose interval of the difference excludes 0.

    Args:
        slices: `fairness_slices`; one row per information set, field and slice.

    Returns:
        Its rows that lie clearly apart from all other households.
    """
    return slices[(slices["difference_low"] > 0) | (slices["difference_high"] < 0)]


def count_differences(slices: pd.DataFrame, level: float, labels: Mapping[str, str]) -> str:
    """Say how many differences are clear, and how many would be by chance.

    Args:
        slices: `fairness_slices`; one row per information set, field and slice. A slice that holds
            every household has no difference and does not count.
        level: Level of the intervals.
        labels: Names of information sets.

    Returns:
        Two sentences, or one that says why there are none.
    """
    known = slices.dropna(subset=["difference"])
    if known.empty:
        return f"{NOTHING}."
    counts = known.groupby("information_set", sort=False).size()
    clear = find_different(known).groupby("information_set").size()
    told = listing(
        f"{clear.get(name, 0)} of {count} ({inside(str(name), labels)})"
        for name, count in counts.items()
    )
    return (
        f"Intervals that exclude no difference: {told}; if there were none at all, about "
        f"{percent(1 - level)} of them would by chance, {(1 - level) * counts.mean():.1f} per "
        "information set. Accuracy also differs with the mix of segments in a slice; of the "
        "differences in what is gained over always naming the largest segment, "
        f"{_count_gains(known, labels)} have an interval without 0."
    )


def _count_gains(slices: pd.DataFrame, labels: Mapping[str, str]) -> str:
    clear = (slices["gain_low"] > 0) | (slices["gain_high"] < 0)
    counts = clear.groupby(slices["information_set"], sort=False).sum()
    return listing(f"{count} ({inside(str(name), labels)})" for name, count in counts.items())


def title_slices(
    slices: pd.DataFrame, households: int, codebook: Codebook, labels: Mapping[str, str]
) -> str:
    """Say where the largest difference in accuracy lies.

    Args:
        slices: `fairness_slices` of one information set.
        households: How many households there are.
        codebook: Names of fields.
        labels: Names of information sets.

    Returns:
        One title with n, without the full stop.
    """
    known = slices.dropna(subset=["difference"])
    if known.empty:
        return NOTHING
    row = known.iloc[int(known["difference"].abs().to_numpy().argmax())]
    return (
        f"{opening(row['information_set'], labels)}: "
        f"{counted(len(find_different(slices)), 'slice')} of {len(known)} with a clear "
        f"difference in accuracy; the largest is {points(row['difference'])} points for "
        f"{lower_first(codebook[row['field']].title)}, {row['slice']}; {sample(households)}"
    )
