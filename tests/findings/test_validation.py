"""Sentences about folds and calibration."""

from __future__ import annotations

import pandas as pd

from customer_segmentation.findings import validation
from tests.figures import typing_tables


def alignments(**misfits: list[int]) -> pd.DataFrame:
    """Six folds and a hold-out; the segments named missed in these folds of the first repeat."""
    table = typing_tables.fold_alignments(("A", "B"))
    for segment, folds in misfits.items():
        missed = (table["segment"] == segment) & table["fold"].isin(folds) & (table["repeat"] == 1)
        table.loc[missed, ["jaccard", "misfit"]] = (0.4, True)
    return table


def test_found_everywhere_names_the_lowest():
    text = validation.count_misfits(alignments(), "nested_cv", 0.75)
    assert text.startswith("All segments were found again in all 6 folds")
    assert text.endswith("at least 0.75; the lowest is 0.90.")
    assert "the one fold" in validation.count_misfits(alignments(), "holdout", 0.75)


def test_a_fold_with_two_misfits_counts_once():
    # Fold 1 of the hold-out misses as well, but is no part of the cross-validation.
    text = validation.count_misfits(alignments(A=[1, 2], B=[2]), "nested_cv", 0.75)
    assert text.startswith("In 2 of 6 folds a segment was not found again")
    assert text.endswith(": A in 2 and B in 1.")


def test_the_calibration_error_stands_beside_its_size_by_chance():
    headline = pd.DataFrame(
        {
            "information_set": ["one", "two"],
            "calibration_error": [0.031, 0.05],
            "calibration_error_expected": [0.024, 0.02],
            "calibration_slope": [0.95, 1.234],
        }
    )
    text = validation.tell_calibration(headline, {"one": "The first"})
    assert text.endswith(
        "the first 3.1% beside 2.4% (slope 0.95) and two 5.0% beside 2.0% (slope 1.23)."
    )
