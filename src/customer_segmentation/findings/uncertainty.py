"""What the tables say about sets of segments that are to hold the true one."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from customer_segmentation.findings.wording import (
    counted,
    inside,
    listing,
    opening,
    percent,
    percent_1,
    sample,
    two_decimals,
    with_interval,
)

ALL, STRATUM = "all", "stratum"
NOTHING = "No information set is a prediction or an overlap, so no sets of segments were formed"


def title_coverage(summary: pd.DataFrame, target: float, labels: Mapping[str, str]) -> str:
    """Say how often the sets hold the true segment, and how often they name just one.

    Args:
        summary: `conformal_summary`; one row per information set and group.
        target: Share of the households whose set should hold their segment.
        labels: Names of information sets.

    Returns:
        One title with n, without the full stop.
    """
    whole = summary[summary["group_by"] == ALL]
    if whole.empty:
        return NOTHING
    shown = listing(
        f"{percent_1(row['coverage'])}, a single one for {percent(row['singletons'])} "
        f"({inside(row['information_set'], labels)})"
        for row in whole.to_dict("records")
    )
    return (
        f"The sets hold the true segment of {shown}; the target is {percent(target)}; "
        f"{sample(whole['n'].max())}"
    )


def tell_sizes(summary: pd.DataFrame, segments: int, labels: Mapping[str, str]) -> list[str]:
    """Say how much the sets of each information set leave open.

    Args:
        summary: `conformal_summary`; one row per information set and group.
        segments: Number of segments, which is the size of a set that says nothing.
        labels: Names of information sets.

    Returns:
        One sentence per information set.
    """
    return [
        f"{opening(row['information_set'], labels)}: a set holds "
        f"{two_decimals(row['mean_set_size'])} of {segments} segments on average, and a single "
        f"one for {percent(row['singletons'])} of the households; coverage "
        f"{with_interval(row, 'coverage', percent_1)}."
        for row in summary[summary["group_by"] == ALL].to_dict("records")
    ]


def count_missed_groups(
    summary: pd.DataFrame, target: float, level: float, labels: Mapping[str, str]
) -> str:
    """Say for which groups of households the sets hold the true segment too rarely.

    Args:
        summary: `conformal_summary`; one row per information set and group.
        target: Share of the households whose set should hold their segment.
        level: Level of the intervals.
        labels: Names of information sets.

    Returns:
        One sentence; too rarely means that the whole interval lies below the target.
    """
    groups = summary[summary["group_by"] != ALL]
    if groups.empty:
        return f"{NOTHING}."
    missed = groups[groups["coverage_high"] < target].to_dict("records")
    named = [
        f"{row['group']} ({inside(row['information_set'], labels)}, {percent(row['coverage'])})"
        for row in missed
    ]
    return (
        f"Of {counted(len(groups), 'group')}, {len(missed) or 'none'} "
        f"{'lie' if len(missed) > 1 else 'lies'} below the target by the whole interval"
        f"{f': {listing(named)}' if named else ''}; by chance about {percent_1((1 - level) / 2)} "
        "of them would."
    )
