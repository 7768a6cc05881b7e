"""The facts of the real panel, and how each is computed."""

from __future__ import annotations

import pandas as pd
import pytest

from customer_segmentation.panel.codebook import Role
from customer_segmentation.panel.quality import check_data_quality


@pytest.fixture
def quality(panel_rows, households, features, parameters) -> pd.DataFrame:
    """The table for the real panel."""
    return check_data_quality(
        panel_rows, households, features, parameters.codebook, parameters.data_processing
    )


@pytest.fixture
def fact(quality: pd.DataFrame):
    """Look up one row by its check, and by its column where a check has several."""

    def look_up(check: str, column: str | None = None) -> pd.Series:
        rows = quality[quality["check"] == check]
        rows = rows if column is None else rows[rows["column"] == column]
        assert len(rows) == 1, f"{len(rows)} rows of {check!r}"
        return rows.iloc[0]

    return look_up


# Fact numbers are those of the list of facts a careful analyst of this panel knows.


def test_1_missing_demographic_records(fact):
    assert fact("households")["rows"] == 600
    assert fact("any field not stated")["rows"] == 105
    assert fact("blank record")["rows"] == 68
    outside = {
        name: int(fact("not stated outside blank records", name)["rows"])
        for name in (
            "food_habits",
            "mother_tongue",
            "homemaker_sex",
            "homemaker_education",
            "household_size",
            "children",
            "television",
        )
    }
    assert outside == {
        "food_habits": 1,
        "mother_tongue": 1,
        "homemaker_sex": 0,
        "homemaker_education": 5,
        "household_size": 0,
        "children": 0,
        "television": 31,
    }
    zero = fact("probably genuine although it can mean not stated", "affluence_index")
    assert zero["rows"] == 1
    assert "0 is probably a genuine value in 1 of 600" in zero["note"]


def test_1_blank_records_are_mostly_thin(fact, features):
    both = fact("thin and blank record")
    assert both["rows"] == 47
    assert "47 of the 68 blank records are thin, against 10 of the other 532" in both["note"]
    assert fact("median transactions, blank records")["value"] == 7
    assert fact("median transactions, other records")["value"] == 30


def test_without_blank_records_nothing_is_set_beside_them(
    panel_rows, households, features, parameters
):
    codebook, processing = parameters.codebook, parameters.data_processing
    stated = ~features[codebook.column(Role.BLANK_RECORD)]
    for kept, number in ((stated, 532), (~stated, 68)):
        table = check_data_quality(
            panel_rows, households[kept], features[kept], codebook, processing
        )
        assert "thin and blank record" not in set(table["check"])
        medians = table[table["check"].str.startswith("median transactions")]
        assert medians["rows"].tolist() == [number]
        assert medians["note"].str.startswith("The median household among all records made").all()
        assert not table["note"].str.contains(r"\bnan\b|of the 0 ").any()
    table = check_data_quality(
        panel_rows, households[stated], features[stated], codebook, processing
    )
    outside = table.loc[table["check"] == "not stated outside blank records", "note"]
    assert outside.str.endswith("of the 532 records.").all()


def test_2_every_stratum_has_the_same_size(quality):
    strata = quality[quality["check"] == "stratum size"]
    assert strata["rows"].tolist() == [150] * 4
    assert strata["share"].tolist() == [0.25] * 4
    assert strata["value"].tolist() == [1, 2, 3, 4]


def test_3_the_brand_count_is_no_brand_count(fact):
    brands = fact("identity not kept", "brands_bought")
    assert brands["rows"] == 2
    assert brands["note"].endswith("in 2 of 600.")  # the note goes into a page that is passed on
    assert fact("only unlisted brands")["rows"] == 22
    assert fact("only unlisted brands, several runs")["rows"] == 17


def test_4_loyalty_is_known_between_bounds(fact):
    assert fact("unlisted brands above every listed brand")["share"] == pytest.approx(
        0.62, abs=0.005
    )


def test_6_compositions(quality, fact):
    for group in ("promotion_shares", "price_shares", "proposition_shares"):
        assert fact("sum of shares off", group)["rows"] == 0
        assert fact("sum of shares off", group)["value"] < 1e-8
    brands = fact("sum of shares off", "brand_shares")
    assert brands["rows"] == 2
    assert "between 0.934 and 1.022" in brands["note"]
    assert fact("exact zero", "share_proposition_baby")["share"] == pytest.approx(0.83, abs=0.005)
    assert fact("exact zero", "promo_share")["rows"] == 200


@pytest.mark.parametrize(
    "name", ["average_price", "volume_per_transaction", "transactions_per_run"]
)
def test_7_identities_hold_to_rounding(fact, name):
    assert fact("identity not kept", name)["rows"] == 0
    assert fact("identity not kept", name)["value"] == pytest.approx(0.005, abs=1e-6)


@pytest.mark.parametrize(
    ("pair", "correlation"),
    [
        ("total_volume / total_value", 0.88),
        ("brand_runs / transactions", 0.77),
        ("share_other_brands / brand_loyalty_low", -0.92),
        ("share_lifebuoy / share_price_economy", 0.99),
        ("share_lifebuoy / share_proposition_carbolic", 0.99),
    ],
)
def test_7_and_9_redundant_columns(fact, pair, correlation):
    assert fact("redundant pair", pair)["value"] == pytest.approx(correlation, abs=0.005)


def test_8_skew_and_thin_records(fact):
    assert fact("thin record")["rows"] == 57
    for name in ("total_volume", "volume_per_transaction", "total_value", "brand_runs"):
        skewed = fact("skewed", name)
        assert skewed["value"] > 1
        assert skewed["share"] < 0.5


def test_10_an_untrusted_column_is_reported(panel_rows, households, features, parameters):
    def ignored(raw: pd.DataFrame) -> pd.Series:
        table = check_data_quality(
            raw, households, features, parameters.codebook, parameters.data_processing
        )
        return table[table["check"] == "ignored column"].iloc[0]

    assert ignored(panel_rows)["rows"] == 0
    found = ignored(panel_rows.assign(**{" maxBrCd": "0.5"}))
    assert found["rows"] == 600
    assert "was not read" in found["note"]


# The table


def test_every_fact_is_a_sentence_with_a_place(quality, codebook):
    assert list(quality.columns) == ["check", "column", "rows", "share", "value", "note"]
    assert str(quality["rows"].dtype) == "int64"
    assert quality["note"].str.fullmatch(r"[A-Z0-9].*\.").all()
    assert (quality["share"] == quality["rows"] / 600).all()
    groups = {group.name for group in codebook.groups}
    places = {
        name
        for column, check in zip(quality["column"], quality["check"], strict=True)
        if check != "ignored column"
        for name in column.split(" / ")
    }
    assert all(name in codebook or name in groups for name in places)
    assert not quality.duplicated(["check", "column", "value"]).any()


def test_thresholds_are_parameters(panel_rows, households, features, parameters):
    def count(check: str, **changes: float) -> int:
        changed = parameters.data_processing.model_copy(update=changes)
        table = check_data_quality(panel_rows, households, features, parameters.codebook, changed)
        return int((table["check"] == check).sum())

    assert count("redundant pair", redundant_correlation=0.98) == 3
    assert count("redundant pair", redundant_correlation=1.0) == 0
    assert count("skewed", strong_skewness=4.0) == 1


def test_the_panel_file_is_named_without_its_folder(fact, panel_file, panel_rows):
    found = fact("panel file")
    assert found["rows"] == len(panel_rows)
    assert found["note"] == (
        f"The panel file is {panel_file.name}, with 600 households in "
        f"{panel_rows.shape[1]} columns."
    )
