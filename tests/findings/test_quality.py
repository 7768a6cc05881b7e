"""Sentences about the data."""

from __future__ import annotations

import pandas as pd

from customer_segmentation.findings import quality


def test_notes_come_in_the_order_asked_and_only_where_something_was_found():
    table = pd.DataFrame(
        {"check": ["a", "b", "b"], "rows": [3, 0, 2], "note": ["one", "two", "three"]}
    )
    assert quality.pick_notes(table, ["b", "a", "missing"]) == ["three", "one"]


def test_equal_strata_are_called_equal_and_others_are_not():
    assert "150 households of each class" in quality.judge_strata(pd.Series([150, 150]), "Class")
    assert "100 to 200 households of each class" in quality.judge_strata(
        pd.Series([100, 200]), "Class"
    )
