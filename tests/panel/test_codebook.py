"""The codebook: what it knows, and what it refuses to be."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from customer_segmentation.panel.codebook import Codebook, Origin, Role, Scale

# The code list of the case, by raw name: number of columns per group and codes per field.
GROUP_SIZES = {
    "identity": 1,
    "demographics": 10,
    "purchase_behaviour": 8,
    "promotion_shares": 3,
    "brand_shares": 9,
    "price_shares": 4,
    "proposition_shares": 11,
}
CODES = {
    "SEC": range(1, 5),
    "FEH": range(4),
    "MT": range(20),
    "SEX": range(3),
    "AGE": range(1, 5),
    "EDU": range(10),
    "CHILD": range(1, 6),
    "CS": range(3),
}
SMALL: dict[str, Any] = yaml.safe_load("""
panel: small
source: a test
category: soap
groups:
  - {name: who, label: Who, origin: demographic record}
  - {name: what, label: What, origin: purchase record, sums_to: 1.0}
fields:
  - {name: age_class, raw_name: AGE, label: Age, group: who, scale: ordinal, not_stated: 0,
     codes: {0: not stated, 1: young}}
  - {name: volume, raw_name: V, label: Volume, group: what, scale: ratio}
  - {name: runs, raw_name: R, label: Runs, group: what, scale: count}
derived:
  - {name: log_volume, label: Log, scale: ratio, formula: logarithm, of: {values: volume}}
  - {name: both, label: Both, scale: ratio, formula: ratio,
     of: {numerator: log_volume, denominator: age_class}}
""")


def small(section: str = "", position: int = 0, **changes: object) -> dict[str, Any]:
    """The small codebook with some keys of one entry changed."""
    settings = {**SMALL}
    if section:
        entries = [dict(entry) for entry in SMALL[section]]
        entries[position] |= changes
        settings[section] = entries
    return settings


def test_the_real_codebook_has_the_columns_of_the_panel(codebook, panel_rows):
    assert [" ".join(name.split()) for name in panel_rows.columns] == [
        field.raw_name for field in codebook.fields
    ]
    sizes = {group.name: len(codebook.columns_of(group.name)) for group in codebook.groups}
    assert sizes == GROUP_SIZES


def test_the_real_codes_are_those_of_the_case(codebook):
    found = {field.raw_name: list(field.codes) for field in codebook.fields if field.codes}
    assert found == {name: list(codes) for name, codes in CODES.items()}


def test_nominal_codes_are_not_numbers(codebook):
    scales = {field.raw_name: field.scale for field in codebook.fields if field.codes}
    nominal = {name for name, scale in scales.items() if scale == Scale.NOMINAL}
    assert nominal == {"FEH", "MT", "SEX", "CHILD", "CS"}
    assert not any(variable.scale.is_coded for variable in codebook.derived)


def test_not_stated_codes_are_labelled_so(codebook):
    for field in codebook.fields:
        labelled = [code for code, label in field.codes.items() if label == "not stated"]
        assert labelled == (
            [field.not_stated] if field.codes and field.not_stated is not None else []
        )


def test_every_role_has_one_column(codebook):
    columns = [codebook.column(role) for role in Role]
    assert len(set(columns)) == len(Role)
    assert codebook.identifier == "household_id"


def test_sources_are_followed_to_the_file():
    codebook = Codebook.model_validate(small())
    assert codebook.sources_of("both") == {"volume", "age_class"}
    assert codebook.sources_of("runs") == {"runs"}
    assert codebook.is_from_purchases("both")
    assert not codebook.is_from_purchases("age_class")


def test_sources_of_the_real_variables(codebook):
    brands = set(codebook.columns_of("brand_shares"))
    assert codebook.sources_of("brand_loyalty_mid") == brands
    assert codebook.sources_of("repeat_rate") == {"transactions", "brand_runs"}
    assert all(codebook.is_from_purchases(variable.name) for variable in codebook.derived)
    assert not any(map(codebook.is_from_purchases, codebook.columns_from(Origin.DEMOGRAPHIC)))


def test_groups_expand_to_their_fields():
    codebook = Codebook.model_validate(small())
    assert codebook.expand(["log_volume", "what"]) == ["log_volume", "volume", "runs"]
    assert [group.name for group in codebook.compositions] == ["what"]
    assert "both" in codebook
    assert "what" not in codebook


def test_short_labels_stand_in_narrow_places(codebook):
    assert codebook["children"].title == "Children"
    assert codebook["share_lux"].title == codebook["share_lux"].label


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (lambda book: book["nobody"], "no variable 'nobody'"),
        (lambda book: book.field("nobody"), "no variable 'nobody'"),
        (lambda book: book.field("both"), "'both' is derived"),
        (lambda book: book.group("nobody"), "no group 'nobody'"),
        (lambda book: book.columns_of("volume"), "no group 'volume'"),
        (lambda book: book.expand(["nobody"]), "no variable 'nobody'"),
        (lambda book: book.column(Role.PRICE), "no column the role 'average price paid'"),
    ],
)
def test_what_is_not_there_is_named(ask, expected):
    with pytest.raises(ValueError, match=expected):
        ask(Codebook.model_validate(small()))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (small("fields", 1, group="nobody"), "field 'volume': unknown group 'nobody'"),
        (small("fields", 1, name="runs"), "the name 'runs' twice"),
        (small("fields", 1, name="what"), "the name 'what' twice"),
        (small("derived", 1, name="volume"), "the name 'volume' twice"),
        (small("fields", 1, raw_name="R"), "the raw name 'R' twice"),
        (small("fields", 1, raw_name=" R "), "the raw name 'R' twice"),
        (small("fields", 1, codes={1: "one"}), "field 'volume': ratio and 1 codes do not fit"),
        (small("fields", 0, codes={}), "field 'age_class': ordinal and 0 codes do not fit"),
        (small("fields", 0, not_stated=7), "not-stated code 7 has no label"),
        (small("fields", 1, minimum=2, maximum=1), "field 'volume': minimum 2.0 exceeds maximum"),
        (small("fields", 1, colour="red"), "colour"),
        (small("fields", 1, scale="size"), "scale"),
        (small("derived", 0, of={"values": "nobody"}), "'log_volume': unknown input 'nobody'"),
        (small("derived", 0, of={"values": "both"}), "'log_volume': unknown input 'both'"),
        (
            small("fields", 1, identity={"formula": "ratio", "of": {"numerator": "nobody"}}),
            "'volume': unknown input 'nobody'",
        ),
    ],
)
def test_an_inconsistent_codebook_is_refused(settings, expected):
    with pytest.raises(ValidationError, match=expected):
        Codebook.model_validate(settings)


def test_a_role_is_given_once():
    settings = small("fields", 1, role="purchased volume")
    settings["fields"][2] = {**settings["fields"][2], "role": "purchased volume"}
    with pytest.raises(ValidationError, match="the role 'purchased volume' twice"):
        Codebook.model_validate(settings)


def test_a_codebook_does_not_change(codebook):
    with pytest.raises(ValidationError, match="frozen"):
        setattr(codebook, "panel", "another")  # noqa: B010 - mypy knows that it is frozen
