"""What the tables say about the data."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd


def pick_notes(data_quality: pd.DataFrame, checks: Sequence[str]) -> list[str]:
    """The notes of some checks, in the order of the checks; checks that found nothing are left out.

    Args:
        data_quality: `data_quality`; one row per check and column.
        checks: Names of checks.

    Returns:
        One sentence per finding.
    """
    found = data_quality[data_quality["rows"] > 0]
    return [note for check in checks for note in found.loc[found["check"] == check, "note"]]


def count_findings(data_quality: pd.DataFrame, checks: Sequence[str]) -> str:
    """Say how many checks were made, and how many are told in sentences."""
    told = len(pick_notes(data_quality, checks))
    return f"{len(data_quality)} facts about the file were checked; {told} of them matter most here."


def judge_strata(sizes: pd.Series, label: str) -> str:
    """Say whether the sample holds as many households of every stratum.

    Args:
        sizes: Households per stratum.
        label: Name of the stratifying field.

    Returns:
        One sentence.
    """
    if sizes.nunique() == 1:
        return (
            f"The sample holds {sizes.iloc[0]:,} households of each {label}, whatever their number in the "
            "population: shares are shares of this sample, not market shares."
        )
    return f"The sample holds {sizes.min():,} to {sizes.max():,} households per {label}: shares are of this sample."
