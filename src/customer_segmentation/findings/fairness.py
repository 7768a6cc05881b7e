"""What the tables say about who is typed worse than others."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from customer_segmentation.findings.claims import BETTER
from customer_segmentation.findings.wording import (
    counted,
    inside,
    listing,
    lower_first,
    opening,
    percent,
    points,
    sample,
    with_interval,
)
from customer_segmentation.panel.codebook import Codebook

NOTHING = "No slice of the households is large enough to compare"


def drop_mirrored(slices: pd.DataFrame) -> pd.DataFrame:
    """Keep one of two slices that say the same: a field that has two compares each with the other.

    Args:
        slices: `fairness_slices`; one row per information set, field and slice.

    Returns:
        Its rows that hold a difference, without the larger slice of a field that has only two.
    """
    known = slices.dropna(subset=["gain_difference"])
    field = ["information_set", "field"]
    ordered = known.sort_values("n", kind="stable")
    is_double = ordered.groupby(field)["n"].transform("size") == 2  # noqa: PLR2004
    is_first = ~ordered.duplicated(field)
    kept: pd.DataFrame = known.loc[known.index.isin(ordered.index[~is_double | is_first])]
    return kept


def count_differences(slices: pd.DataFrame, level: float, labels: Mapping[str, str]) -> str:
    """Say how many differences are clear, and how many would be by chance.

    Args:
        slices: What `drop_mirrored` returned.
        level: Level of the intervals.
        labels: Names of information sets.

    Returns:
        Two sentences, or one that says why there are none.
    """
    if slices.empty:
        return f"{NOTHING}."
    sizes = slices.groupby("information_set", sort=False).size()
    return (
        f"Intervals that exclude no difference: {_list_clear(slices, 'gain', labels)}; if there "
        f"were none at all, about {percent(1 - level)} of them would by chance, "
        f"{(1 - level) * sizes.mean():.1f} per information set. The bare accuracy differs clearly "
        f"in {_list_clear(slices, 'difference', labels)}, but it also rises and falls with the mix "
        "of segments in a slice."
    )


def title_slices(
    slices: pd.DataFrame, households: int, codebook: Codebook, labels: Mapping[str, str]
) -> str:
    """Say in how many slices clearly more or less is gained, and where the difference is largest.

    Args:
        slices: What `drop_mirrored` returned, of one information set.
        households: How many households there are.
        codebook: Names of fields.
        labels: Names of information sets.

    Returns:
        One title with n, without the full stop.
    """
    if slices.empty:
        return NOTHING
    row = slices.iloc[int(slices["gain_difference"].abs().to_numpy().argmax())]
    return (
        f"{opening(row['information_set'], labels)}: {find_clear(slices, 'gain').sum()} of "
        f"{counted(len(slices), 'slice')} with a clear difference in what is gained over always "
        "naming the largest segment; the largest is "
        f"{with_interval(row.to_dict(), 'gain_difference', points, 'gain')} points for "
        f"{lower_first(codebook[row['field']].title)}, {row['slice']}; {sample(households)}"
    )


def doubt_slices(headline: pd.DataFrame, information_set: str) -> str:
    """Say that no slice can gain much more or less than another where nothing is gained at all.

    Args:
        headline: What `claims.find_headline` returned.
        information_set: The set whose slices are shown.

    Returns:
        One sentence; empty where something is gained.
    """
    verdicts = headline.set_index("information_set")["verdict"]
    if verdicts[information_set] == BETTER:
        return ""
    return (
        "With what is known here nothing is clearly gained over always naming the largest segment, "
        "so hardly any difference can show: that is emptiness, not fairness."
    )


def find_clear(slices: pd.DataFrame, stem: str) -> pd.Series:
    """Whether the interval of a difference (of the gain, or of the accuracy) excludes 0."""
    return (slices[f"{stem}_low"] > 0) | (slices[f"{stem}_high"] < 0)


def _list_clear(slices: pd.DataFrame, stem: str, labels: Mapping[str, str]) -> str:
    clear = find_clear(slices, stem).groupby(slices["information_set"], sort=False)
    return listing(
        f"{own.sum()} of {len(own)} ({inside(str(name), labels)})" for name, own in clear
    )
