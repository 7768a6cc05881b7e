"""The facts of the real panel, and how each is computed."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from customer_segmentation.panel.codebook import Role
from customer_segmentation.panel.quality import check_data_quality


@pytest.fixture(scope="module")
def check(_panel_rows, _households, _features, parameters):
    """Check some households of the panel, with other parameters if need be."""

    def check_those(kept: Any = slice(None), raw: Any = _panel_rows, **changes: float) -> Any:
        changed = parameters.data_processing.model_copy(update=changes)
        return check_data_quality(
            raw, _households[kept], _features[kept], parameters.codebook, changed
        )

    return check_those


@pytest.fixture(scope="module")
def quality(check) -> pd.DataFrame:
    """The table for the real panel."""
    table: pd.DataFrame = check()
    return table


def look_up(quality: pd.DataFrame, check: str, column: str = "") -> pd.Series:
    """The one row of a check, of a column where a check has several."""
    rows = quality[quality["check"] == check]
    rows = rows[rows["column"] == column] if column else rows
    assert len(rows) == 1, f"{len(rows)} rows of {check!r}"
    return rows.iloc[0]


NOT_STATED = "not stated outside blank records"
GENUINE = "probably genuine although it can mean not stated"
# What a careful analyst of this panel knows: check, column where a check has several, households,
# and to two or three digits the value where one is measured.
FACTS: list[tuple[str, str, int, float | None]] = [
    ("households", "", 600, None),
    ("any field not stated", "", 105, None),
    ("blank record", "", 68, None),
    (NOT_STATED, "food_habits", 1, None),
    (NOT_STATED, "mother_tongue", 1, None),
    (NOT_STATED, "homemaker_sex", 0, None),
    (NOT_STATED, "homemaker_education", 5, None),
    (NOT_STATED, "household_size", 0, None),
    (NOT_STATED, "children", 0, None),
    (NOT_STATED, "television", 31, None),
    (GENUINE, "affluence_index", 1, None),
    ("thin record", "", 57, None),
    ("thin and blank record", "", 47, None),
    ("median transactions, blank records", "", 68, 7),
    ("median transactions, other records", "", 532, 30),
    ("identity not kept", "brands_bought", 2, 2),
    ("identity not kept", "average_price", 0, 0.005),
    ("identity not kept", "volume_per_transaction", 0, 0.005),
    ("identity not kept", "transactions_per_run", 0, 0.005),
    ("only unlisted brands", "", 22, None),
    ("only unlisted brands, several runs", "", 17, None),
    ("unlisted brands above every listed brand", "", 373, None),
    ("sum of shares off", "promotion_shares", 0, 0),
    ("sum of shares off", "price_shares", 0, 0),
    ("sum of shares off", "proposition_shares", 0, 0),
    ("sum of shares off", "brand_shares", 2, 0.066),
    ("exact zero", "share_proposition_baby", 496, None),
    ("exact zero", "promo_share", 200, None),
    ("redundant pair", "total_volume / total_value", 600, 0.876),
    ("redundant pair", "brand_runs / transactions", 600, 0.774),
    ("redundant pair", "share_other_brands / brand_loyalty_low", 600, -0.924),
    ("redundant pair", "share_lifebuoy / share_price_economy", 600, 0.989),
    ("redundant pair", "share_lifebuoy / share_proposition_carbolic", 600, 0.993),
    ("skewed", "total_volume", 244, 1.450),
    ("skewed", "volume_per_transaction", 224, 2.633),
    ("skewed", "total_value", 250, 1.870),
    ("skewed", "brand_runs", 283, 1.324),
]
NOTES = """\
The panel file is BathSoapHousehold.csv.gz, with 600 households in 46 columns.
The panel holds 600 households.
105 households left at least one field unstated; no cell of the file is empty.
In 68 households all 8 fields that can be left unstated are: one missing record, not many facts.
Television at home: not stated in 31 of the 532 other records.
Affluence index: 0 is probably a genuine value in 1 of 600, because other fields of the record are \
stated.
57 households have fewer than 11 transactions, too few to show a buying style; their shares are \
noisy.
47 of the 68 blank records are thin, against 10 of the other 532: a blank record is itself a sign.
The median household among blank records made 7 transactions.
Socio-economic class D/E (lowest): 150 households.
Brands bought differs from what its sources give in 2 of 600.
22 households buy no listed brand, so the lower bound of their loyalty is 0.
17 of them switched brands nevertheless: unlisted brands are not one brand.
In 373 households the unlisted brands together exceed the largest listed share, so loyalty is \
known only between two bounds.
Volume by brand: the shares add up to between 0.934 and 1.022.
Bought on promotion: exactly 0 in 200 of 600 households.
Brand runs and Transactions correlate at 0.77: used together, one thing counts double.
Volume bought is skewed (1.5): 244 of 600 households lie above the mean.
Column maxBrCd is not in the file; what it says is recomputed.
"""


@pytest.mark.parametrize(("name", "column", "rows", "value"), FACTS)
def test_what_is_known_of_the_panel_is_found(quality, name, column, rows, value):
    found = look_up(quality, name, column)
    assert found["rows"] == rows
    expected = float("nan") if value is None else value
    assert found["value"] == pytest.approx(expected, abs=0.0005, nan_ok=True)


def test_every_check_says_what_it_found(quality):
    """One sentence of each kind, in the order of the table."""
    kinds = quality[quality["note"].isin(NOTES.splitlines())]
    assert kinds["note"].tolist() == NOTES.splitlines()
    unsaid = set(quality["check"]) - set(kinds["check"])
    assert unsaid == {"median transactions, other records"}


def test_every_stratum_has_the_same_size(quality):
    strata = quality[quality["check"] == "stratum size"]
    assert strata["rows"].tolist() == [150] * 4
    assert strata["share"].tolist() == [0.25] * 4
    assert strata["value"].tolist() == [1, 2, 3, 4]


def test_without_blank_records_nothing_is_set_beside_them(check, features, codebook):
    stated = ~features[codebook.column(Role.BLANK_RECORD)]
    for kept, number in ((stated, 532), (~stated, 68)):
        table = check(kept)
        assert "thin and blank record" not in set(table["check"])
        medians = table[table["check"].str.startswith("median transactions")]
        assert medians["rows"].tolist() == [number]
        assert medians["note"].str.startswith("The median household among all records made").all()
        assert not table["note"].str.contains(r"\bnan\b|of the 0 ").any()
        outside = table.loc[table["check"] == NOT_STATED, "note"]
        assert outside.str.endswith("of the 532 records.").all()
        assert len(outside) == (7 if number == 532 else 0)


def test_an_untrusted_column_is_reported(check, panel_rows):
    found = look_up(check(raw=panel_rows.assign(**{" maxBrCd": "0.5"})), "ignored column")
    assert found["rows"] == 600
    assert "was not read" in found["note"]


def test_every_fact_is_a_sentence_with_a_place(quality, codebook):
    assert list(quality.columns) == ["check", "column", "rows", "share", "value", "note"]
    assert str(quality["rows"].dtype) == "int64"
    assert quality["note"].str.fullmatch(r"[A-Z0-9].*\.").all()
    assert (quality["share"] == quality["rows"] / 600).all()
    known = {each.name for each in (*codebook.variables, *codebook.groups)}
    places = quality.loc[quality["check"] != "ignored column", "column"].str.split(" / ").explode()
    assert known.issuperset(places)
    assert not quality.duplicated(["check", "column", "value"]).any()


def test_thresholds_are_parameters(check):
    def count(name: str, **changes: float) -> int:
        return int((check(**changes)["check"] == name).sum())

    assert count("redundant pair", redundant_correlation=0.98) == 3
    assert count("redundant pair", redundant_correlation=1.0) == 0
    assert count("skewed", strong_skewness=4.0) == 1
