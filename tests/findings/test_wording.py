"""Numbers and lists in words."""

from __future__ import annotations

import pandas as pd
import pytest

from customer_segmentation.findings.wording import (
    counted,
    highest,
    listing,
    lower_first,
    lowest,
    percent,
    printer_of,
    sample,
    two_decimals,
    unit_of,
)


@pytest.mark.parametrize(
    ("items", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_a_list_reads_as_a_sentence(items, text):
    assert listing(items) == text


def test_one_thing_has_no_plural():
    assert counted(1, "household") == "1 household"
    assert counted(1000, "household") == "1,000 households"


def test_a_sample_size_stays_on_one_line():
    assert " " not in sample(543)
    assert sample(543).split("\u00a0") == ["n", "=", "543", "households"]


def test_what_prints_alike_is_a_tie():
    values = pd.Series({"a": 0.432, "b": 0.428, "c": 0.1})
    assert highest(values, percent) == ["a", "b"]
    assert lowest(values, percent) == ["c"]


def test_a_missing_value_is_neither_highest_nor_lowest():
    values = pd.Series({"a": float("nan"), "b": 0.2})
    assert highest(values, percent) == lowest(values, percent) == ["b"]


def test_zero_has_no_sign():
    assert two_decimals(-0.001) == "0.00"


@pytest.mark.parametrize(
    ("text", "inside"), [("Repeat rate", "repeat rate"), ("XGBoost", "XGBoost")]
)
def test_a_label_keeps_its_capitals_inside_a_sentence(text, inside):
    assert lower_first(text) == inside


def test_a_unit_says_what_a_share_is_of(codebook):
    by_unit = {variable.unit: variable for variable in codebook.variables}
    assert unit_of(by_unit["share of volume"]) == "of volume"
    assert unit_of(by_unit["rupees"]) == "rupees"
    assert printer_of(by_unit["share of volume"])(0.434) == "43%"
    assert printer_of(by_unit["rupees"])(1460.4) == "1,460"
    assert printer_of(by_unit["rupees per 100 g"])(12.34) == "12.3"
