"""What the tables say about the data."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from customer_segmentation.findings.wording import lower_first


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


def judge_strata(sizes: pd.Series, label: str) -> str:
    """Say whether the sample holds as many households of every stratum.

    Args:
        sizes: Households per stratum.
        label: Name of the stratifying field.

    Returns:
        One sentence.
    """
    low, high = sizes.min(), sizes.max()
    number = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    return (
        f"The sample holds {number} households of each {lower_first(label)}, whatever their number "
        "in the population: segment sizes are shares of this sample, not market shares."
    )
