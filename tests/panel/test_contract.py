"""The contract: what is accepted, what is refused, and what the message says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from customer_segmentation.panel.codebook import Codebook, Scale
from customer_segmentation.panel.contract import (
    Problem,
    Rules,
    Sheet,
    describe_expected,
    restore_codes,
    validate_households,
)
from customer_segmentation.panel.features import DataProcessingParameters
from customer_segmentation.panel.values import HouseholdDataError


@pytest.fixture
def few(_panel_rows):
    """The first households of the panel as text: what is said of a row needs no others."""
    return _panel_rows.head(100).copy()


def refusal(rows: pd.DataFrame, codebook: Codebook) -> str:
    """The message with which these rows are refused."""
    with pytest.raises(HouseholdDataError) as caught:
        validate_households(rows, codebook)
    return str(caught.value)


def cell(rows: pd.DataFrame, row: int, column: str) -> str:
    """The text in one cell."""
    return str(rows.loc[row, column])


def put(rows: pd.DataFrame, row: int, column: str, value: str) -> pd.DataFrame:
    """The same rows with another text in one cell."""
    changed = rows.copy()
    changed.loc[row, column] = value
    return changed


# What is accepted


def test_the_real_panel_is_typed_as_the_codebook_says(households, codebook):
    assert list(households.columns) == [field.name for field in codebook.fields]
    assert households.index.equals(pd.RangeIndex(600))
    for field in codebook.fields:
        whole = "int64" if field.scale == Scale.IDENTIFIER else "Int64"
        assert households[field.name].dtype == (whole if field.is_whole else "float64")
        if field.blank_code is None:
            assert households[field.name].notna().all()


def test_numbers_are_those_of_the_file(panel_file, households, codebook):
    expected = pd.read_csv(panel_file, encoding="utf-8-sig")
    restored = restore_codes(households, codebook)
    np.testing.assert_array_equal(
        restored.to_numpy(dtype="float64"), expected.to_numpy(dtype="float64")
    )


def test_codes_restored_and_typed_again_are_the_same_households(households, codebook):
    restored = restore_codes(households, codebook)
    assert not restored.isna().any(axis=None)
    assert restored.dtypes.equals(households.dtypes)
    rows = restored.astype(str).set_axis([field.raw_name for field in codebook.fields], axis=1)
    pd.testing.assert_frame_equal(validate_households(rows, codebook), households)


def test_columns_in_another_order_with_odd_spaces_are_found(panel_rows, households, codebook):
    rows = panel_rows[panel_rows.columns[::-1]].rename(columns=lambda name: f"  {name}\n ")
    pd.testing.assert_frame_equal(validate_households(rows, codebook), households)


def test_spaces_percentages_and_other_ways_to_write_a_number(panel_rows, households, codebook):
    rows = panel_rows.copy()
    brand = "Br. Cd. 57, 144"
    rows[brand] = [f" {100 * float(text)!r} %" for text in rows[brand]]
    rows["SEC"] += ".0"
    rows["Value"] = [f"{float(text):+.2e}" for text in rows["Value"]]
    rows["Avg. Price "] = [
        f"{100 * float(v) / float(g)}"
        for v, g in zip(rows["Value"], rows["Total Volume"], strict=True)
    ]
    typed = validate_households(rows, codebook)
    np.testing.assert_allclose(typed["share_lux"], households["share_lux"], rtol=1e-14)
    assert typed["socio_economic_class"].tolist() == households["socio_economic_class"].tolist()
    np.testing.assert_allclose(typed["total_value"], households["total_value"], rtol=0.01)


def test_ignored_columns_pass_unread(panel_rows, households, codebook):
    rows = panel_rows.assign(maxBrCd="not even a number")
    pd.testing.assert_frame_equal(validate_households(rows, codebook), households)


def test_the_rows_given_are_not_changed(panel_rows, codebook):
    before = panel_rows.copy(deep=True)
    validate_households(panel_rows, codebook)
    pd.testing.assert_frame_equal(panel_rows, before)


# What is refused, and what is said

CELLS = [
    ("SEC", "7", "expected one of the codes 1, 2, 3, 4"),
    ("SEC", "1.5", "expected one of the codes"),
    ("CHILD", "0", "expected one of the codes 1, 2, 3, 4, 5"),
    ("MT", "20", "expected one of the codes"),
    ("Total Volume", "-5", "expected a number of at least 1 and at most 1000000 (g)"),
    ("Total Volume", "1e308", "expected a number of at least 1"),
    ("Total Volume", "1e999", "expected a number of at least 1"),
    ("Total Volume", "nan", "is not a number"),
    ("Total Volume", "inf", "is not a number"),
    ("Total Volume", "", "the cell is empty"),
    ("Total Volume", "   ", "the cell is empty"),
    ("Total Volume", "much", "is not a number"),
    ("Total Volume", "80.25%", "is not a number"),
    ("Total Volume", "1_000", "is not a number"),
    ("Total Volume", "٨٠٢٥", "is not a number"),
    ("Total Volume", "8,025", "write a dot as decimal sign and no separator of thousands"),
    ("Total Volume", "0x1F", "is not a number"),
    ("Br. Cd. 57, 144", "0,377", "write a dot as decimal sign"),
    ("Br. Cd. 57, 144", "37,7%", "write a dot as decimal sign"),
    ("Br. Cd. 57, 144", "37.7", "expected a number of at least 0 and at most 1"),
    ("Br. Cd. 57, 144", "-0.01", "expected a number of at least 0 and at most 1"),
    ("Br. Cd. 57, 144", "%", "is not a number"),
    ("Brand Runs", "17.5", "expected a whole number"),
    ("Brand Runs", "0", "expected a whole number of at least 1"),
    ("Member id", "", "the cell is empty"),
    ("Member id", "10", "expected a whole number of at least 1000000"),
    ("FEH", "", "expected one of the codes 0, 1, 2, 3 (0 if not stated)"),
    ("HS", "31", "expected a whole number of at least 0 and at most 30 (persons)"),
]


@pytest.mark.parametrize(("column", "value", "advice"), CELLS)
def test_a_bad_cell_is_named(few, codebook, column, value, advice):
    lines = refusal(put(few, 18, column, value), codebook).splitlines()
    assert lines[0].startswith("BathSoapHousehold.csv.gz is refused")
    place = f"  row 18, column {column!r}"
    quoted = f", value {value!r}" if value.strip() else ""
    assert lines[1].startswith(f"{place}{quoted}: ")
    assert advice in lines[1]
    assert len(lines) == 2  # nothing follows from a bad cell but the cell itself


def test_missing_misspelt_and_unknown_columns_are_named(few, codebook):
    message = refusal(few.drop(columns="No. of  Trans"), codebook)
    assert "column 'No. of Trans': is missing (Transactions); add it" in message
    lines = refusal(few.rename(columns={"Brand Runs": "Brand Run"}), codebook).splitlines()
    hint = "is missing (Brand runs); add it or rename column 'Brand Run'"
    assert lines[1:] == [
        f"  column 'Brand Runs': {hint}",
        "  column 'Brand Run': is not in the codebook; delete it or describe it there",
    ]


def test_a_repeated_id_names_both_rows(few, codebook):
    repeated = cell(few, 7, "Member id")
    message = refusal(put(few, 40, "Member id", repeated), codebook)
    assert f"row 40, column 'Member id', value {repeated!r}" in message
    assert "row 7 has the same" in message


@pytest.mark.parametrize("column", ["Pur Vol No Promo - %", "Br. Cd. 5", "Pr Cat 2", "PropCat 9"])
def test_shares_that_do_not_add_up_are_refused(few, codebook, column):
    small = few[column].astype(float).lt(0.5)
    row = int(small.index[small][-1])
    value = format(float(cell(few, row, column)) + 0.2, ".9f")
    lines = refusal(put(few, row, column, value), codebook).splitlines()
    assert f"row {row}, column '" in lines[1]
    assert "shares must add up to 1 within" in lines[1]
    assert len(lines) == 2


def test_the_tolerance_of_a_sum_belongs_to_its_group(few, codebook):
    def shifted(column: str, by: float) -> pd.DataFrame:
        return put(few, 3, column, f"{float(cell(few, 3, column)) + by:.9f}")

    validate_households(shifted("Others 999", 0.06), codebook)
    assert "within 0.07" in refusal(shifted("Others 999", 0.08), codebook)
    validate_households(shifted("Pr Cat 2", 0.009), codebook)
    assert "within 0.01" in refusal(shifted("Pr Cat 2", 0.02), codebook)


@pytest.mark.parametrize(
    ("column", "sources"),
    [
        ("Trans / Brand Runs", "'No. of Trans' and 'Brand Runs'"),
        ("Vol/Tran", "'Total Volume' and 'No. of Trans'"),
        ("Avg. Price ", "'Value' and 'Total Volume'"),
    ],
)
def test_a_broken_identity_says_what_was_expected(few, codebook, column, sources):
    wrong = f"{float(cell(few, 9, column)) + 0.02:.3f}"
    line = refusal(put(few, 9, column, wrong), codebook).splitlines()[1]
    assert f"row 9, column {column.strip()!r}, value {wrong!r}: expected " in line
    assert line.endswith(f"from {sources}")
    right = float(line.split("expected ")[1].split(" ")[0])
    assert right == pytest.approx(float(cell(few, 9, column)), abs=0.0051)


def test_many_problems_are_counted_not_listed(few, codebook):
    lines = refusal(few.assign(SEC="9", AGE="x"), codebook).splitlines()
    assert len(lines) == 12
    assert lines[-1] == f"  and {2 * 100 - 10} more problems"


def test_unreadable_and_long_cells_do_not_hide_other_problems(few, codebook):
    rows = put(put(few, 5, "SEC", "a\nb" * 1000), 6, "SEC", "9")
    _, long, short = refusal(rows, codebook).splitlines()
    assert long.startswith("  row 5, column 'SEC', value 'a\\nba")
    assert len(long) < 200
    assert short.startswith("  row 6, column 'SEC', value '9': expected ")


def test_numbers_pass_the_same_checks(households, codebook):
    rules = Rules(codebook)
    values = restore_codes(households, codebook).to_numpy("float64").T.copy()
    sheet = Sheet(rules, values, list(households.index), list(households.columns))
    assert sheet.find_problems() == []
    values[rules.position["total_volume"], 4] = -1.0
    assert sheet.find_problems() == [
        Problem(4, "total_volume", "-1", "expected a number of at least 1 and at most 1000000 (g)")
    ]


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ({"minimum": 1, "maximum": 2.5}, "a number of at least 1 and at most 2.5"),
        ({"minimum": 0, "maximum": None}, "a number of at least 0"),
        ({"minimum": None, "maximum": 3}, "a number of at most 3"),
        ({"minimum": None, "maximum": None}, "a number"),
    ],
)
def test_limits_in_words(codebook, limits, text):
    assert describe_expected(codebook.field("average_price").model_copy(update=limits)) == text


# Parameters


@pytest.mark.parametrize("value", [0, -1, 10.5, "many"])
def test_the_fewest_transactions_are_a_whole_number_from_1(value):
    with pytest.raises(ValidationError, match="minimum_transactions"):
        DataProcessingParameters.model_validate(
            {"minimum_transactions": value, "redundant_correlation": 0.7, "strong_skewness": 1}
        )


def test_a_codebook_with_an_unknown_formula_is_refused(parameters, codebook):
    for update, expected in (
        ({"formula": "no_such_formula"}, "unknown formula 'no_such_formula'"),
        ({"formula": "midpoint"}, "formula 'midpoint' takes"),
    ):
        settings = codebook.model_dump()
        settings["derived"][0].update(update)
        with pytest.raises(ValueError, match=expected):
            parameters.data_processing.check(Codebook.model_validate(settings))
    parameters.data_processing.check(codebook)
