"""Numbers and lists in words."""

from __future__ import annotations

import pandas as pd
import pytest

from customer_segmentation.findings.wording import (
    counted,
    highest,
    inside,
    listing,
    lower_first,
    lowest,
    percent,
    percent_1,
    points,
    printer_of,
    sample,
    signed_decimals,
    three_decimals,
    two_decimals,
    unit_of,
    whole,
    with_interval,
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
    assert percent_1(-0.0001) == "0.0%"
    assert points(0.0001) == "0.0"
    assert signed_decimals(-0.001) == "0.00"


def test_a_negative_number_has_a_true_minus_sign():
    shown = [percent_1(-0.015), points(-0.015), three_decimals(-0.01), whole(-1234)]
    assert shown == ["\u22121.5%", "\u22121.5", "\u22120.010", "\u22121,234"]


def test_a_difference_has_a_sign_either_way():
    assert points(0.104) == "+10.4"
    assert signed_decimals(0.1) == "+0.10"


def test_a_figure_stands_with_its_interval_if_it_has_one():
    row = {"a": 0.5, "a_low": 0.4, "a_high": 0.6, "b_low": 0.1, "b_high": float("nan")}
    assert with_interval(row, "a", percent) == "50% (40% to 60%)"
    assert with_interval(row, "a", percent, "b") == "50%"


def test_a_name_without_a_label_loses_its_underscores_inside_a_sentence():
    assert inside("panel_record", {}) == "panel record"
    assert inside("lr", {"lr": "Logistic regression"}) == "logistic regression"


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
