"""Records, files and tables of households are read alike; what cannot be read is named."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.contract import PROBLEMS_SHOWN, Problem, restore_codes
from customer_segmentation.panel.errors import HouseholdDataError
from customer_segmentation.panel.records import Households, RecordReader
from customer_segmentation.panel.rules import Rules
from tests.panel.test_rules import BLANK, change_codebook

NAN = math.nan


@pytest.fixture(scope="module")
def reader(codebook: Codebook) -> RecordReader:
    return RecordReader(Rules(codebook))


def list_told(households: Households) -> list[dict[str, float]]:
    """What is stated of each household, by clean name."""
    names = households.rules.position
    return [
        {name: float(row[at]) for name, at in names.items() if not math.isnan(row[at])}
        for row in households.values.T
    ]


def read(reader: RecordReader, **record: Any) -> dict[str, float]:
    """What is read of one record that is accepted."""
    reading = reader.read_records([record])
    assert reading.refused == {}
    (told,) = list_told(reading.households)
    return told


def refuse(reader: RecordReader, record: dict[str, Any]) -> list[Problem]:
    """What is wrong with one record."""
    reading = reader.read_records([record])
    assert len(reading.households) == 0
    return reading.refused[0]


# Numbers and labels in records


NO_NUMBERS: list[Any] = [
    10**400,
    -(10**400),
    math.inf,
    -math.inf,
    NAN,
]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize("name", ["total_volume", "transactions", "food_habits", "share_lux"])
def test_what_is_no_number_is_refused_with_the_field(reader, name, value):
    (problem,) = refuse(reader, {name: value})
    assert problem.column == name
    assert problem.advice.startswith("expected ")


# Names


@pytest.mark.parametrize("name", ["maxBrCd", " maxBrCd  "])
def test_a_name_that_the_codebook_ignores_is_passed_over_unread(reader, name):
    assert read(reader, **{name: "whatever", "transactions": 3}) == {"transactions": 3}
    table = pd.DataFrame([["whatever", 3]], columns=[name, "transactions"])
    assert list_told(reader.read_table(table, "a table")) == [{"transactions": 3}]


def test_the_first_of_many_strange_names_are_told(reader):
    problems = refuse(reader, {f"name {number}": 1 for number in range(100_000)})
    assert [each.column for each in problems] == [f"name {at}" for at in range(PROBLEMS_SHOWN)]


# Which records are refused, and why


def test_everything_is_told_that_is_wrong_with_a_record_in_the_order_of_the_records(reader):
    reading = reader.read_records(
        [
            {"transactions": 0},
            {"transactions": 3},
            {"color": 1, "transactions": 0, "food_habits": "meat", "share_lux": 0.9, "AGE": 1},
            {"transactions": 2, "brand_runs": 3, "share_lux": 0.9, "share_pears": 0.9},
            {},
            {"color": 1},
        ]
    )
    columns = {at: [each.column for each in told] for at, told in reading.refused.items()}
    expected = {
        0: ["transactions"],
        2: ["color", "food_habits", "transactions"],
        3: ["share_lux to share_other_brands", "transactions_per_run"],
        5: ["color"],
    }
    assert list(columns.items()) == list(expected.items())
    assert {each.row for told in reading.refused.values() for each in told} == set(expected)
    assert reading.accepted == [1, 4]
    assert list_told(reading.households) == [{"transactions": 3}, {}]


# Tables


def read_column(reader: RecordReader, column: Any, name: str = "food_habits") -> list[float]:
    """What is read of one column of a table, NaN for what is not stated or not known."""
    households = reader.read_table(pd.DataFrame({name: column}), "a table")
    values: list[float] = households.values[reader.rules.position[name]].tolist()
    return values


def test_text_that_is_a_code_and_another_code_s_label_is_the_code_as_in_the_file(codebook):
    codes = {0: "not stated", 1: "2", 2: "1", 3: "7", 4: "none"}
    confusing = change_codebook(codebook, {"food_habits": {"codes": codes}})
    reader = RecordReader(Rules(confusing))
    assert read_column(reader, ["1", "2", " 3 ", "2.0", "7", "None"]) == [1, 2, 3, 2, 3, 4]
    assert read_column(reader, [1, 2, 3, 2.0]) == [1, 2, 3, 2]
    # In a record a number is no text, so text can only be a label.
    assert read(reader, food_habits="1") == {"food_habits": 2}
    assert read(reader, food_habits=1) == {"food_habits": 1}
    assert refuse(reader, {"food_habits": "3"})


NO_COLUMNS: dict[str, Any] = {
    "complex numbers": [1 + 0j],
    "truth values": [True],
    "truth values of pandas": pd.array([True], dtype="boolean"),
    "truth values as objects": np.array([True], dtype=object),
    "truth values as categories": pd.Categorical([True]),
    "times": pd.to_datetime(["1970-01-01"]),
    "durations": pd.to_timedelta([1]),
    "days": pd.period_range("1970", periods=1),
    "lists": [[1]],
    "a complex number among objects": np.array([1j], dtype=object),
    "a number too long": np.array([10**400], dtype=object),
    "infinity": [math.inf],
    **{
        f"text {text}": [text]
        for text in ("many", "nan", "NA", "None", "inf", "1%", "1,0", "0x1", "1_0", "١", "4", "1e9")
    },
}


@pytest.mark.parametrize("kind", NO_COLUMNS)
def test_what_is_no_code_and_no_label_is_refused_in_whatever_type_it_comes(reader, kind):
    table = pd.DataFrame({"food_habits": NO_COLUMNS[kind]}, index=[7])
    with pytest.raises(HouseholdDataError, match="^a table is refused.*\n  row 7, .*food_habits"):
        reader.read_table(table, "a table")
