"""What the tables say about how the classifiers were checked: refitted segments, calibration."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from customer_segmentation.findings.wording import (
    Row,
    counted,
    inside,
    listing,
    percent_1,
    two_decimals,
)


def count_misfits(alignments: pd.DataFrame, protocol: str, least: float) -> str:
    """Say how often a fold's own segmentation failed to find a segment again.

    Args:
        alignments: `fold_alignments`; one row per protocol, repeat, fold and segment.
        protocol: The protocol told.
        least: Smallest Jaccard coefficient from which a segment counts as found.

    Returns:
        One sentence.
    """
    rows = alignments[alignments["protocol"] == protocol]
    folds = rows.groupby(["repeat", "fold"])["misfit"].any()
    missed = rows.loc[rows["misfit"], "segment"].value_counts()
    mark = f"a Jaccard coefficient of at least {two_decimals(least)}"
    if missed.empty:
        return (
            f"All segments were found again in {_all(len(folds))}, each with {mark}; the lowest is "
            f"{two_decimals(rows['jaccard'].min())}."
        )
    named = listing(f"{name} in {count}" for name, count in missed.items())
    return (
        f"In {folds.sum()} of {counted(len(folds), 'fold')} a segment was not found again with "
        f"{mark}: {named}."
    )


def tell_calibration(headline: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """Say how far the stated probabilities can be taken at their word.

    Args:
        headline: What `claims.find_headline` returned.
        labels: Names of information sets.

    Returns:
        One sentence.
    """
    return (
        "Mean distance of stated from observed probabilities, beside what perfect calibration "
        "would show by chance: "
        f"{listing(_tell_error(row, labels) for row in headline.to_dict('records'))}."
    )


def _all(folds: int) -> str:
    return f"all {folds} folds" if folds > 1 else "the one fold"


def _tell_error(row: Row, labels: Mapping[str, str]) -> str:
    told = (
        f"{inside(row['information_set'], labels)} {percent_1(row['calibration_error'])} beside "
        f"{percent_1(row['calibration_error_expected'])}"
    )
    slope = row["calibration_slope"]
    if pd.isna(slope):
        return told
    return f"{told} (slope {two_decimals(slope)})"
