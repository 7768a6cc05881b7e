"""Records, files and tables of households are read alike; what cannot be read is named."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.contract import PROBLEMS_SHOWN, Problem, Rules, restore_codes
from customer_segmentation.panel.records import Households, RecordReader
from customer_segmentation.panel.values import HouseholdDataError
from tests.panel.test_rules import BLANK, change_codebook

NAN = math.nan


@pytest.fixture(scope="module")
def reader(codebook: Codebook) -> RecordReader:
    return RecordReader(Rules(codebook))


@pytest.fixture(scope="module")
def panel(_households: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """Every household, codes as in the file; not to be changed."""
    return restore_codes(_households, codebook)


def list_told(households: Households) -> list[dict[str, float]]:
    """What is stated of each household, by clean name."""
    names = households.rules.position
    return [
        {name: float(row[at]) for name, at in names.items() if not math.isnan(row[at])}
        for row in households.values.T
    ]


def list_known(households: Households) -> list[set[str]]:
    """The fields of which anything is known, be it that they are not stated."""
    names = households.rules.position
    return [{name for name, at in names.items() if row[at]} for row in households.known.T]


def read(reader: RecordReader, **record: Any) -> dict[str, float]:
    """What is read of one record that is accepted."""
    reading = reader.read_records([record])
    assert reading.refused == {}
    (told,) = list_told(reading.households)
    return told


def refuse(reader: RecordReader, record: dict[str, Any]) -> list[Problem]:
    """What is wrong with one record."""
    reading = reader.read_records([record])
    assert (len(reading.households), reading.accepted) == (0, [])
    return reading.refused[0]


# Numbers and labels in records


@pytest.mark.parametrize(
    "value",
    [2, 2.0, *(kind(2) for kind in (np.int8, np.uint64, np.float16, np.float32, np.longdouble))],
    ids=lambda value: type(value).__name__,
)
def test_numbers_count_in_whatever_type_they_come(reader, value):
    told = {"food_habits": value, "transactions": value}
    assert read(reader, **told) == {"food_habits": 2, "transactions": 2}


NO_NUMBERS: list[Any] = [
    *("2", "2.0", "many", "", " ", "nan", "0x2", b"2", None, pd.NA, pd.NaT, date(2026, 1, 1)),
    *(True, False, np.True_, 2j, [2], {"value": 2}, (2,), np.array(2), np.array([2])),
    *(Decimal(2), Fraction(2), NAN, math.inf, -math.inf, np.float32(NAN), np.float64(math.inf)),
    *(10**400, -(10**400), np.longdouble("1e4000"), pd.Timedelta(2)),
]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("name", ["total_volume", "transactions", "food_habits", "share_lux"])
def test_what_is_no_number_is_refused_with_the_field(reader, name, value):
    (problem,) = refuse(reader, {name: value})
    assert (problem.row, problem.column, problem.value) == (0, name, "")
    assert problem.advice.startswith("expected ")


def test_labels_are_told_where_a_code_cannot_be_read(reader):
    (problem,) = refuse(reader, {"television": "maybe"})
    assert problem.advice == "expected one of the codes 0, 1, 2 or its label (not stated, yes, no)"
    (problem,) = refuse(reader, {"transactions": "few"})
    assert problem.advice == "expected a whole number of at least 1 and at most 2000, not as text"


def test_every_code_may_be_the_text_of_its_label_in_whatever_case(reader, codebook):
    for field in codebook.fields:
        for code, label in field.codes.items():
            expected = {} if code == field.not_stated else {field.name: code}
            for text in (label, label.upper(), label.title(), f"  {label.swapcase()}\n"):
                assert read(reader, **{field.name: text}) == expected


def test_letters_are_compared_as_people_write_them(codebook):
    labels = {"food_habits": {"codes": {0: "not stated", 1: "STRAẞE", 2: "ΣΊΣΥΦΟΣ"}}}
    reader = RecordReader(Rules(change_codebook(codebook, labels)))
    assert read(reader, food_habits="strasse") == {"food_habits": 1}
    assert read(reader, food_habits="σίσυφος") == {"food_habits": 2}


# Names


def test_a_field_has_its_clean_name_and_that_of_the_file(reader, codebook):
    for field in codebook.fields:
        value = max(field.codes) if field.codes else field.maximum
        value = 1 if value in (field.not_stated, None) else value
        names = (field.name, field.raw_name, f"  {field.raw_name} ", f"\t{field.name}\n")
        for name in (*names, field.raw_name.replace(" ", "   ")):
            assert read(reader, **{name: value}) == {field.name: value}


def test_a_field_under_two_names_is_refused_once_for_each_that_is_too_many(reader):
    for second in ("No. of Trans", "transactions ", "No. of  Trans"):
        for record in ({"transactions": 3, second: 3}, {second: 3, "transactions": 3}):
            (problem,) = refuse(reader, record)
            assert problem.column == "transactions"
            assert "stands twice" in problem.advice
    three = {"transactions": 3, "No. of Trans": 3, " transactions": 3}
    assert [each.column for each in refuse(reader, three)] == ["transactions"] * 2


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("transaction", "did you mean 'transactions'?"),
        ("No of Trans", "did you mean 'No. of Trans'?"),
        ("  homemaker  age ", "did you mean 'homemaker_age'?"),
        ("färbe", "give it the name of one, or leave it out"),
        ("", "give it the name of one, or leave it out"),
        ("segment", "give it the name of one, or leave it out"),
        ("repeat_rate", "give it the name of one, or leave it out"),  # computed, never taken
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(reader, name, hint):
    (problem,) = refuse(reader, {name: 1})
    assert problem == Problem(0, name, "", f"is no field of the codebook; {hint}")
    with pytest.raises(HouseholdDataError, match="is no field of the codebook") as caught:
        reader.read_table(pd.DataFrame({name: [1]}), "a table")
    assert str(caught.value).endswith(f"column {name!r}: is no field of the codebook; {hint}")


@pytest.mark.parametrize("name", ["Transactions", "NO. OF  trans", "no. of trans "])
def test_a_name_is_known_in_whatever_case(reader, name):
    assert read(reader, **{name: 3}) == {"transactions": 3}
    table = pd.DataFrame([[3]], columns=[name])
    assert list_told(reader.read_table(table, "a table")) == [{"transactions": 3}]
    assert "stands twice" in refuse(reader, {name: 3, "transactions": 3})[0].advice


def test_guesses_at_names_are_few_in_a_call(reader):
    reading = reader.read_records([{"transaction": 1}] * 600)
    advice = [problems[0].advice for problems in reading.refused.values()]
    guessed = ["did you mean" in each for each in advice]
    assert guessed == sorted(guessed, reverse=True)
    assert sum(guessed) == 50
    long = {"transactions" * 20: 1}
    assert "did you mean" not in refuse(reader, long)[0].advice


def test_nothing_means_not_stated_where_no_code_does(reader):
    reading = reader.read_records([{"affluence_index": None}, {"affluence_index": 0}])
    assert list_told(reading.households) == [{}, {"affluence_index": 0}]
    assert list_known(reading.households) == [{"affluence_index"}] * 2
    twice = {"affluence_index": None, "Affluence Index": 3}
    assert "stands twice" in refuse(reader, twice)[0].advice
    for name in ("television", "transactions"):
        assert refuse(reader, {name: None})


@pytest.mark.parametrize("name", ["maxBrCd", " maxBrCd  "])
def test_a_name_that_the_codebook_ignores_is_passed_over_unread(reader, name):
    assert read(reader, **{name: "whatever", "transactions": 3}) == {"transactions": 3}
    table = pd.DataFrame([["whatever", 3]], columns=[name, "transactions"])
    assert list_told(reader.read_table(table, "a table")) == [{"transactions": 3}]


def test_the_first_of_many_strange_names_are_told(reader):
    problems = refuse(reader, {f"name {number}": 1 for number in range(100_000)})
    assert [each.column for each in problems] == [f"name {at}" for at in range(PROBLEMS_SHOWN)]


# Which records are refused, and why


def test_nothing_is_known_of_an_empty_record_and_of_nobody(reader):
    reading = reader.read_records([{}, {}])
    assert reading.accepted == [0, 1]
    assert list_told(reading.households) == [{}, {}]
    assert list_known(reading.households) == [set(), set()]
    assert np.isnan(reading.households.ids).tolist() == [True, True]
    twice = reader.read_records([{"household_id": 1_000_001}] * 2)  # not of one file
    assert twice.households.ids.tolist() == [1_000_001] * 2
    nobody = reader.read_records([])
    assert (len(nobody.households), nobody.accepted, nobody.refused) == (0, [], {})
    assert nobody.households.values.shape == nobody.households.known.shape == (46, 0)


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


def test_a_broken_rule_is_told_with_clean_names_and_the_number_that_was_given(reader):
    (share,) = refuse(reader, {"Br. Cd. 55": 1.5})
    assert str(share) == (
        "row 0, column 'share_lifebuoy', value '1.5': "
        "expected a number of at least 0 and at most 1 (share of volume)"
    )
    (runs,) = refuse(reader, {"No. of Trans": 2, "Brand Runs": 4, "Trans / Brand Runs": 3})
    assert str(runs) == (
        "row 0, column 'transactions_per_run', value '3': 0.5 follows from 'transactions' and "
        "'brand_runs'; expected a number of at least 1 and at most 2000 (purchases per run)"
    )


# What is known and what is stated


def test_what_is_not_stated_is_known_and_what_is_left_out_is_not(reader):
    record = BLANK | {"affluence_index": 0, "homemaker_age": 3}
    households = reader.read_records([record, {"television": 0}, {"affluence_index": 0}]).households
    assert list_told(households) == [{"homemaker_age": 3}, {}, {"affluence_index": 0}]
    assert list_known(households) == [set(record), {"television"}, {"affluence_index"}]


def read_column(reader: RecordReader, column: Any, name: str = "food_habits") -> list[float]:
    """What is read of one column of a table, NaN for what is not stated or not known."""
    households = reader.read_table(pd.DataFrame({name: column}), "a table")
    values: list[float] = households.values[reader.rules.position[name]].tolist()
    return values


def is_known(reader: RecordReader, column: Any, name: str) -> list[bool]:
    households = reader.read_table(pd.DataFrame({name: column}), "a table")
    known: list[bool] = households.known[reader.rules.position[name]].tolist()
    return known


def test_an_empty_cell_is_not_stated_where_there_is_a_code_for_it(reader):
    for cells in ([None, 2], ["", "2"], ["0", " 2 "], [0, 2], ["not stated", 2]):
        np.testing.assert_array_equal(read_column(reader, cells), [NAN, 2])
        assert is_known(reader, cells, "food_habits") == [True, True]
    for cells in ([None, 2], ["", "2"]):
        for name in ("transactions", "homemaker_age", "total_volume"):
            np.testing.assert_array_equal(read_column(reader, cells, name), [NAN, 2])
            assert is_known(reader, cells, name) == [False, True]


def test_an_unknown_affluence_of_a_table_is_not_stated(reader):
    # The tables of the project have it so for a blank record, whose 0 says nothing.
    blank = BLANK | {"affluence_index": 0}
    names = list(blank)
    stated = blank | {"television": 1}
    table = pd.DataFrame(
        [blank, blank | {"affluence_index": NAN}, blank | {"affluence_index": 4}, stated]
    )
    emptied = table.astype("float64").mask(table == pd.Series(blank))
    for each in (table, emptied, emptied.astype(object), emptied.astype(str).replace("nan", "")):
        indexed = each.assign(affluence_index=table["affluence_index"])
        households = reader.read_table(indexed, "a table")
        told = [{}, {}, {"affluence_index": 4}, {"television": 1, "affluence_index": 0}]
        assert list_told(households) == told
        assert list_known(households) == [set(names)] * 4


# Tables


def test_the_whole_panel_is_read_alike_from_records_tables_and_its_file(
    reader, panel, households, panel_file, codebook
):
    expected = households.to_numpy(dtype="float64", na_value=NAN).T
    file = pd.read_csv(panel_file, encoding="utf-8-sig", dtype=str)
    labels = pd.DataFrame(
        {
            field.name: [field.codes.get(value, value) for value in panel[field.name]]
            for field in codebook.fields
        }
    )
    tables = [
        panel,
        file,
        file.astype(float),
        file[file.columns[::-1]].rename(columns=lambda name: f" {name}  "),
        households,  # with missing values for what is not stated
        labels,
        panel.rename(columns={f.name: f.raw_name for f in codebook.fields[::2]}),
    ]
    for table in tables:
        told = reader.read_table(table, "a table")
        np.testing.assert_array_equal(told.values, expected)
        assert told.known.all()
        assert told.ids.tolist() == panel["household_id"].tolist()
    for table in (panel, labels, file.astype(float)):
        reading = reader.read_records(table.to_dict("records"))
        np.testing.assert_array_equal(reading.households.values, expected)
        assert reading.households.known.all()
        assert reading.accepted == list(range(600))


MISSING = [None, NAN, pd.NA, pd.NaT, Decimal("NaN")]
COLUMNS: dict[str, Any] = {
    "whole numbers": pd.Series([2, 1], dtype="int8"),
    "whole numbers without sign": pd.Series([2, 1], dtype="uint64"),
    "whole numbers that may be missing": pd.array([2, 1, None], dtype="Int64"),
    "floats": [2.0, 1.0, NAN],
    "halves": pd.Series([2, 1, NAN], dtype="float16"),
    "floats that may be missing": pd.array([2, 1, None], dtype="Float32"),
    "sparse": pd.arrays.SparseArray([2.0, 1.0, NAN]),
    "arrow": pd.array([2.0, 1.0, None], dtype="float64[pyarrow]"),
    "decimals": [Decimal(2), Decimal("1.00"), None],
    "text": ["2", " 1.0 ", "", "   "],
    "text of pandas": pd.array(["2", "+1", None], dtype="string"),
    "text of arrow": pd.array(["2", "1e0", None], dtype="string[pyarrow]"),
    "labels": ["Vegetarian with eggs", " VEGETARIAN ", "not stated", ""],
    "objects": pd.Series([2, "1", *MISSING, "", "Not Stated", 0], dtype=object),
    "categories": pd.Categorical([2, 1, None, None, 0]),
    "categories of text": pd.Categorical(["2", "vegetarian", None, ""]),
    "nothing but missing": pd.Series([2, 1, *MISSING], dtype=object),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_is_read_in_whatever_type_it_comes(reader, kind):
    column = COLUMNS[kind]
    np.testing.assert_array_equal(read_column(reader, column), [2, 1, *[NAN] * (len(column) - 2)])
    assert all(is_known(reader, column, "food_habits"))


@pytest.mark.parametrize("dtype", ["float64", "Int64", "object", "str", "boolean", "category"])
def test_a_column_without_anything_is_read(reader, dtype):
    assert read_column(reader, pd.Series([], dtype=dtype)) == []
    nothing = pd.Series([None, None], dtype=dtype)
    assert np.isnan(read_column(reader, nothing)).all()
    assert is_known(reader, nothing, "transactions") == [False, False]


def test_numbers_keep_their_last_bit_in_whatever_type_they_come(reader):
    shares = np.random.default_rng(0).random(500)
    for kind in (shares, shares.astype(object), shares.astype(str), pd.Categorical(shares)):
        assert read_column(reader, kind, "share_lux") == shares.tolist()


def test_a_percentage_is_a_share_of_a_hundred(reader):
    written = ["37.7%", "12 %", "100%", "0.5"]
    assert read_column(reader, written, "share_lux") == [0.377, 0.12, 1, 0.5]
    with pytest.raises(HouseholdDataError, match=r"value '37\.7%'"):
        read_column(reader, ["37.7%"], "total_volume")


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
    "truth values of arrow": pd.array([True], dtype="bool[pyarrow]"),
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
        for text in ("many", "nan", "NA", "None", "inf", "1%", "1,0", "0x1", "1_0", "4", "1e9")
    },
    "a digit of another script": ["\N{ARABIC-INDIC DIGIT ONE}"],
}


@pytest.mark.parametrize("kind", NO_COLUMNS)
def test_what_is_no_code_and_no_label_is_refused_in_whatever_type_it_comes(reader, kind):
    table = pd.DataFrame({"food_habits": NO_COLUMNS[kind]}, index=[7])
    with pytest.raises(HouseholdDataError, match=r"^a table is refused.*\n  row 7, .*food_habits"):
        reader.read_table(table, "a table")


def refuse_table(reader: RecordReader, table: pd.DataFrame) -> list[str]:
    """The lines of the message with which a table is refused."""
    with pytest.raises(HouseholdDataError) as caught:
        reader.read_table(table, "new.csv")
    first, *lines = str(caught.value).splitlines()
    assert first == "new.csv is refused; correct it and run again:"
    return lines


def test_a_problem_of_a_table_is_named_as_the_table_has_it(reader, panel):
    table = panel.iloc[:3].set_axis(["a", "b", "c"], axis=0)
    table = table.rename(columns={"transactions": " No. of  Trans", "food_habits": "FEH"})
    table = table.astype({"FEH": object, "homemaker_age": object})
    table.loc["b", "FEH"] = "meat"
    table.loc["c", "FEH"] = "7"
    table.loc["a", "homemaker_age"] = "old"
    table.loc["b", " No. of  Trans"] = 0
    lines = refuse_table(reader, table)
    assert [line.split(": ")[0] for line in lines] == [
        "  row a, column 'homemaker_age', value 'old'",
        "  row b, column 'FEH', value 'meat'",
        "  row b, column ' No. of  Trans', value '0'",
        "  row c, column 'FEH', value '7'",
    ]


def test_a_table_whose_sums_or_identities_are_off_is_refused(reader, panel):
    table = panel.iloc[:4].copy()
    table.loc[1, "share_no_promotion"] = 0.0
    table.loc[1, "share_banded_offer"] = 0.0
    table.loc[1, "share_other_promotion"] = 0.5
    table.loc[2, "average_price"] += 1
    lines = refuse_table(reader, table)
    assert lines[0].startswith(
        "  row 1, column 'share_no_promotion to share_other_promotion', value '0.5'"
    )
    assert lines[1].startswith("  row 2, column 'average_price', value ")
    assert len(lines) == 2


def test_a_repeated_id_is_refused_and_an_unknown_one_is_not(reader):
    ids = [1_000_001, None, 1_000_002, None, 1_000_001]
    (line,) = refuse_table(reader, pd.DataFrame({"household_id": ids}))
    assert line.startswith("  row 4, column 'household_id', value '1000001': row 0 has the same")
    households = reader.read_table(pd.DataFrame({"household_id": ids[:4]}), "a table")
    np.testing.assert_array_equal(households.ids, [1_000_001, NAN, 1_000_002, NAN])


def test_a_column_that_stands_twice_is_refused(reader):
    for names in (["AGE", "AGE"], ["AGE", "homemaker_age"], ["homemaker_age", " AGE "]):
        (line,) = refuse_table(reader, pd.DataFrame([[1, 1]], columns=names))
        assert line == (
            f"  column {names[1]!r}: stands twice; give the field under one of its names "
            f"(the other is {names[0]!r})"
        )


def test_names_of_columns_that_are_no_text_are_refused(reader):
    lines = refuse_table(reader, pd.DataFrame([[1, 2]]))
    assert [line.split(":")[0] for line in lines] == ["  column '0'", "  column '1'"]


def test_a_table_without_columns_tells_nothing_of_its_households(reader):
    households = reader.read_table(pd.DataFrame(index=range(3)), "a table")
    assert (len(households), households.known.any()) == (3, False)
    assert len(reader.read_table(pd.DataFrame(), "a table")) == 0


# Whatever comes


JUNK = st.recursive(
    st.sampled_from([None, True, "vegetarian", "YES", "37%", "1e999", "10" * 300, 10**400, 0, 1, 5])
    | st.integers()
    | st.floats()
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)
NAMES = [
    *("food_habits", "FEH", "transactions", " AGE", "share_lux", "Member id", "maxBrCd", "Age", "")
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), JUNK), max_size=4))
def test_every_record_is_accepted_or_refused_with_a_reason(reader, records):
    reading = reader.read_records(records)
    assert sorted([*reading.accepted, *reading.refused]) == list(range(len(records)))
    assert len(reading.households) == len(reading.accepted)
    for at, number in enumerate(reading.accepted):
        again = reader.read_records([records[number]]).households
        np.testing.assert_array_equal(again.values[:, 0], reading.households.values[:, at])
    for number, problems in reading.refused.items():
        assert problems
        assert all(str(each).startswith(f"row {number}, column ") for each in problems)
        assert [each.advice for each in refuse(reader, records[number])] == [
            each.advice for each in problems
        ]


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), st.lists(JUNK, min_size=3, max_size=3), max_size=4))
def test_every_table_is_read_or_refused_with_a_reason(reader, columns):
    table = pd.DataFrame(
        {name: pd.Series(cells, dtype=object) for name, cells in columns.items()}, index=range(3)
    )
    try:
        households = reader.read_table(table, "a table")
    except HouseholdDataError as error:
        assert len(str(error).splitlines()) > 1  # noqa: PT017 - it is read or refused
    else:
        assert households.values.shape == households.known.shape == (46, 3)
        assert reader.rules.accept(np.where(households.known, households.values, NAN)).all()


# What goes in stays


def test_records_and_tables_stay_as_they_are(reader, panel):
    record = {"AGE": 3, "food_habits": " Vegetarian", "color": 1}
    reader.read_records([record, {"transactions": 0}])
    assert record == {"AGE": 3, "food_habits": " Vegetarian", "color": 1}
    table = panel.astype({"food_habits": object, "total_volume": object})
    before = table.copy(deep=True)
    households = reader.read_table(table, "a table")
    households.values[:] = -1
    pd.testing.assert_frame_equal(table, before)
