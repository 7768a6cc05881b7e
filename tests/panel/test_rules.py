"""The rules on arrays, held against the same rules written with pandas, row by row and by hand."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from customer_segmentation.panel.codebook import Codebook, Field
from customer_segmentation.panel.contract import (
    Rules,
    Sheet,
    restore_codes,
)

NAN = math.nan
ROUNDING = 1e-9  # no value of these tests lies so near to a tolerance and beyond it


@pytest.fixture(scope="module")
def rules(codebook: Codebook) -> Rules:
    return Rules(codebook)


@pytest.fixture(scope="module")
def panel(_households: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """Every household, codes as in the file, all float64; not to be changed."""
    return restore_codes(_households, codebook).astype("float64")


def change_codebook(codebook: Codebook, changes: dict[str, dict[str, Any]]) -> Codebook:
    """The codebook with other settings of some fields."""
    values = codebook.model_dump()
    for field in values["fields"]:
        field.update(changes.get(field["name"], {}))
    return Codebook.model_validate(values)


def to_arrays(households: list[dict[str, float]], rules: Rules) -> np.ndarray:
    """Fields x households, NaN for what is not told."""
    names = [field.name for field in rules.codebook.fields]
    return np.array([[each.get(name, NAN) for each in households] for name in names]).reshape(
        len(names), len(households)
    )


def accepts(rules: Rules, **told: float) -> bool:
    """Whether a household of which only this is told is accepted."""
    (accepted,) = rules.accept(to_arrays([told], rules)).tolist()
    return accepted


# The same rules with pandas


def is_refused(values: pd.Series, field: Field) -> pd.Series:
    """The values that are wrong by themselves; nothing is said of missing ones."""
    if field.codes:
        return values.notna() & ~values.isin(field.codes)
    refused = values.isin([math.inf, -math.inf])
    if field.is_whole:
        refused |= (values % 1 > 0) | (values.abs() > 2**53)
    if field.minimum is not None:
        refused |= values < field.minimum
    if field.maximum is not None:
        refused |= values > field.maximum
    return refused


def list_limits(field: Field) -> tuple[float, float]:
    """What a measurement must lie between."""
    low, high = field.minimum, field.maximum
    return -math.inf if low is None else low, math.inf if high is None else high


def list_refused(table: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """The cells that are wrong by themselves."""
    return pd.DataFrame(
        {name: is_refused(table[name], codebook.field(str(name))) for name in table}
    )


def keeps_rules(table: pd.DataFrame, refused: pd.DataFrame, codebook: Codebook) -> pd.Series:
    """Whether each household keeps the rules, as the panel file's contract had it from the start.

    What a household leaves out can break nothing, except that its shares may not exceed their sum
    and that nothing may follow from what it tells that its field cannot hold.
    """
    told = table.mask(refused)
    broken = refused.any(axis=1)
    for group in codebook.compositions:
        parts = told[codebook.columns_of(group.name)]
        total, allowed = parts.sum(axis=1), group.tolerance + ROUNDING
        exact = group.sums_to or 0.0
        too_little = parts.notna().all(axis=1) & (total < exact - allowed)
        broken |= too_little | (total > exact + allowed)
    for name, expected in {
        "transactions_per_run": told["transactions"] / told["brand_runs"],
        "volume_per_transaction": told["total_volume"] / told["transactions"],
        "average_price": told["total_value"] / told["total_volume"] * 100,
    }.items():
        low, high = list_limits(codebook.field(name))
        broken |= (told[name] - expected).abs() > 0.01 + ROUNDING
        broken |= (expected < low - ROUNDING) | (expected > high + ROUNDING)
    return ~broken


def list_strange_values(codebook: Codebook) -> list[float]:
    """Values that some field accepts and others do not."""
    limits = {
        limit for field in codebook.fields for limit in list_limits(field) if math.isfinite(limit)
    }
    codes = {float(code) for field in codebook.fields for code in field.codes}
    beside = {limit + step for limit in limits for step in (-1, -0.5, 0.5, 1)}
    far = {-math.inf, math.inf, 1e308, -1e308, 2.0**53 + 2, 2.0**60, 0.5, 1e-300}
    return [NAN, *sorted(codes | limits | beside | far)]


@st.composite
def spoil_panels(draw: st.DrawFn, panel: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """A few households of the panel with some fields left out and some values changed."""
    rows = draw(st.lists(st.integers(0, len(panel) - 1), min_size=1, max_size=8))
    table = panel.iloc[rows].reset_index(drop=True)
    places = st.tuples(st.integers(0, len(table) - 1), st.sampled_from(list(table.columns)))
    for row, name in draw(st.lists(places, max_size=60)):
        table.loc[row, name] = NAN
    strange = st.one_of(
        st.sampled_from(list_strange_values(codebook)), st.floats(), st.floats(0, 1), st.floats(1)
    )
    for (row, name), value in draw(st.lists(st.tuples(places, strange), max_size=6)):
        table.loc[row, name] = value
    return table


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_households_are_told_the_rules_are_those_of_the_file(panel, rules, data):
    table = data.draw(spoil_panels(panel, rules.codebook))
    values = table.to_numpy().T
    refused = list_refused(table, rules.codebook)
    expected = keeps_rules(table, refused, rules.codebook).tolist()
    assert rules.accept(values).tolist() == expected
    np.testing.assert_array_equal(rules.refuse_values(values), refused.to_numpy().T)
    # Each of them alone; and problems are told exactly of those that are refused.
    assert [rules.accept(column[:, None]).item() for column in values.T] == expected
    names = list(table.columns)
    problems = Sheet(rules, values, range(len(table)), names).find_problems()
    not_of_ids = [each for each in problems if "give every household its own" not in each.advice]
    assert {each.row for each in not_of_ids} == set(np.flatnonzero(np.logical_not(expected)))


def test_every_household_of_the_panel_is_accepted(panel, rules):
    assert rules.accept(panel.to_numpy().T).tolist() == [True] * 600
    assert keeps_rules(panel, list_refused(panel, rules.codebook), rules.codebook).all()


def test_nobody_and_what_is_not_known_break_no_rule(rules):
    assert accepts(rules)
    nobody = to_arrays([], rules)
    assert rules.accept(nobody).shape == (0,)
    assert rules.refuse_values(nobody).shape == nobody.shape
    assert rules.erase_unstated(nobody).shape == nobody.shape


def test_a_codebook_may_have_no_composition(codebook):
    values = codebook.model_dump()
    for group in values["groups"]:
        group["sums_to"] = None
    loose = Rules(Codebook.model_validate(values))
    assert loose.add_up(to_arrays([{}, {}, {}], loose))[0].shape == (0, 3)
    for households in range(3):
        told = [{"share_lux": 0.9, "share_pears": 0.9}] * households
        assert loose.accept(to_arrays(told, loose)).tolist() == [True] * households


# Values by themselves


@pytest.mark.parametrize(
    "codes", [(1, 2, 5, 9), (0, 3), (-2, 0, 1), (7,), (1, 2, 3), (9, 1, 4)], ids=str
)
def test_only_codes_are_accepted_where_codes_have_gaps(codebook, codes):
    changed = change_codebook(
        codebook, {"socio_economic_class": {"codes": {code: f"label {code}" for code in codes}}}
    )
    rules = Rules(changed)
    for value in np.arange(-4, 12, 0.5):
        assert accepts(rules, socio_economic_class=value) == (value in codes)
    assert accepts(rules)  # nothing is told


def beside(limit: float, towards: float) -> float:
    return float(np.nextafter(limit, towards))


def test_limits_belong_to_what_is_accepted(rules):
    for field in rules.codebook.fields:
        if field.codes or field.minimum is None or field.maximum is None:
            continue
        for limit, outside in ((field.minimum, -math.inf), (field.maximum, math.inf)):
            at, beyond = to_arrays(
                [{field.name: limit}, {field.name: beside(limit, outside)}], rules
            ).T
            assert not rules.refuse_values(at[:, None]).any()
            assert rules.refuse_values(beyond[:, None]).sum() == 1


@pytest.mark.parametrize("limit", [None, math.inf])  # infinite ones do not count
@pytest.mark.parametrize(("name", "whole"), [("affluence_index", True), ("total_volume", False)])
def test_a_field_without_limits_takes_every_number_that_is_one(codebook, name, whole, limit):
    limits = {"minimum": limit and -limit, "maximum": limit}
    rules = Rules(change_codebook(codebook, {name: limits}))
    largest = float(np.finfo(np.float64).max)
    for value in (0.0, 2.0**53, -(2.0**53), 1.0):
        assert accepts(rules, **{name: value})
    for value in (largest, -largest, 2.0**53 + 2, 0.5):
        assert accepts(rules, **{name: value}) != whole
    for value in (math.inf, -math.inf):
        assert not accepts(rules, **{name: value})


# Sums of shares


PROMOTION = ("share_no_promotion", "share_banded_offer", "share_other_promotion")


@pytest.mark.parametrize(
    ("shares", "accepted"),
    [
        ((0.5, 0.3, 0.2), True),
        ((0.5, 0.3, 0.209), True),
        ((0.5, 0.3, 0.211), False),
        ((0.5, 0.3, 0.191), True),
        ((0.5, 0.3, 0.189), False),
        ((0.5, 0.3, None), True),  # the third may be 0.2
        ((0.5, None, None), True),
        ((0.0, None, 0.0), True),
        ((None, 0.7, 0.4), False),  # too much, whatever the first is
        ((None, None, None), True),
        ((0.0, 0.0, 0.0), False),
    ],
)
def test_shares_add_up_as_far_as_they_are_told(rules, shares, accepted):
    told = {name: each for name, each in zip(PROMOTION, shares, strict=True) if each is not None}
    assert accepts(rules, **told) == accepted


def test_sums_are_told_of_every_composition(panel, rules):
    totals, off = rules.add_up(panel.to_numpy().T)
    for at, group in enumerate(rules.codebook.compositions):
        expected = [math.fsum(row) for row in panel[rules.codebook.columns_of(group.name)].values]
        np.testing.assert_allclose(totals[at], expected, rtol=0, atol=1e-12)
    assert not off.any()


@pytest.mark.parametrize("total", ["0.99", "1.01"])
def test_a_total_at_the_limit_is_accepted_in_whatever_company(rules, total):
    # All ways to divide it in steps of 0.05: in floating point, half of them add up to more.
    steps = [(a, b) for a in range(21) for b in range(21 - a)]
    shares = [
        (a / 20, b / 20, float(Decimal(total) - Decimal(a) / 20 - Decimal(b) / 20))
        for a, b in steps
    ]
    told = [dict(zip(PROMOTION, each, strict=True)) for each in shares if 0 <= each[2] <= 1]
    values = to_arrays(told, rules)
    assert rules.accept(values).all()
    assert all(rules.accept(values[:, [at]]).all() for at in range(len(told)))
    beyond = values + np.where(np.isnan(values), NAN, (float(total) - 1) * 1e-6)
    assert not rules.accept(beyond.clip(0, 1)).any()


@pytest.mark.parametrize(
    "told",
    [
        {"share_no_promotion": 7.0, "share_banded_offer": 0.3, "share_other_promotion": 0.2},
        {"transactions": 9.5, "brand_runs": 4, "transactions_per_run": 7},
    ],
)
def test_a_refused_value_is_not_added_and_implies_nothing(rules, told):
    names = [field.name for field in rules.codebook.fields]
    (problem,) = Sheet(rules, to_arrays([told], rules), [0], names).find_problems()
    assert problem.column == next(iter(told))


# Identities


def test_identities_with_exceptions_are_nobody_s_fault(panel, rules):
    brands = rules.codebook.columns_of("brand_shares")
    two = {"share_lux": 0.5, "share_pears": 0.5}
    assert accepts(rules, **dict.fromkeys(brands, 0.0) | two, brands_bought=7)
    followed = {each.field.name for each in rules.follow_identities(panel.to_numpy().T)}
    assert followed == {"transactions_per_run", "volume_per_transaction", "average_price"}


@pytest.mark.parametrize(
    ("told", "accepted"),
    [
        ({"transactions": 9, "brand_runs": 4, "transactions_per_run": 2.25}, True),
        ({"transactions": 9, "brand_runs": 4, "transactions_per_run": 2.255}, True),
        ({"transactions": 9, "brand_runs": 4, "transactions_per_run": 2.3}, False),
        ({"transactions": 9, "brand_runs": 4}, True),
        ({"transactions": 4, "brand_runs": 9}, False),  # more runs than purchases
        ({"transactions": 4, "brand_runs": 4}, True),
        ({"transactions": 4, "transactions_per_run": 2.3}, True),
        ({"brand_runs": 9, "transactions_per_run": 2.3}, True),
        ({"total_value": 50.0, "total_volume": 400.0, "average_price": 12.5}, True),
        ({"total_value": 50.0, "total_volume": 400.0, "average_price": 0.125}, False),
        ({"total_value": 900_000.0, "total_volume": 1.0}, False),  # 90 million a bar
        ({"total_volume": 200_001.0, "transactions": 2}, False),
        ({"total_volume": 200_000.0, "transactions": 2}, True),
    ],
)
def test_what_follows_from_others_must_be_possible_and_what_is_told(rules, told, accepted):
    assert accepts(rules, **told) == accepted


@pytest.mark.parametrize(("volume", "value"), [(1.13, 11.3), (1.14, 11.4), (1.18, 11.8), (4, 40)])
def test_what_follows_may_be_at_the_limit_of_its_field(rules, volume, value):
    # 10 rupees a gram: in floating point 100 * (11.3 / 1.13) is a little more than 1000.
    told = {"total_volume": volume, "total_value": value}
    assert accepts(rules, **told)
    assert accepts(rules, **told, average_price=1000)
    assert accepts(rules, **told, average_price=999.99)
    assert not accepts(rules, **told, average_price=999.98)
    assert not accepts(rules, total_volume=volume, total_value=value + 1e-6)


def test_a_difference_as_large_as_the_tolerance_is_accepted(rules):
    for price in np.arange(1, 101):
        told = {"total_volume": 100.0, "total_value": float(price)}
        for cents, accepted in ((1, True), (-1, True), (1.001, False), (-1.001, False)):
            assert accepts(rules, **told, average_price=price + cents / 100) == accepted


def test_what_follows_is_told_household_by_household(rules):
    values = to_arrays(
        [
            {"transactions": 9, "brand_runs": 4, "transactions_per_run": 2.25},
            {"transactions": 9, "brand_runs": 4, "transactions_per_run": 3},
            {"transactions": 4, "brand_runs": 8},
            {"transactions": 4},
        ],
        rules,
    )
    (implied,) = (
        each
        for each in rules.follow_identities(values)
        if each.field.name == "transactions_per_run"
    )
    np.testing.assert_array_equal(implied.expected, [2.25, 2.25, 0.5, NAN])
    assert implied.impossible.tolist() == [False, False, True, False]
    assert implied.off.tolist() == [False, True, True, False]


def test_a_ratio_to_nothing_is_impossible_or_unknown(codebook):
    none_at_all = {"minimum": 0}
    rules = Rules(
        change_codebook(codebook, {"transactions": none_at_all, "brand_runs": none_at_all})
    )
    assert not accepts(rules, transactions=3, brand_runs=0)
    assert accepts(rules, transactions=0, brand_runs=0)
    assert accepts(rules, transactions=0, brand_runs=0, transactions_per_run=4)


# What is not stated


def test_what_is_not_stated_is_missing_where_the_file_says_so(panel, rules, panel_file):
    file = pd.read_csv(panel_file, encoding="utf-8-sig").rename(columns=lambda n: n.strip())
    zero = {"food_habits": "FEH", "mother_tongue": "MT", "homemaker_sex": "SEX"}
    zero |= {"homemaker_education": "EDU", "household_size": "HS", "television": "CS"}
    expected = pd.DataFrame(data=False, index=panel.index, columns=panel.columns)
    for name, raw in zero.items():
        expected[name] = file[raw] == 0
    expected["children"] = file["CHILD"] == 5
    blank = expected[[*zero, "children"]].all(axis=1)
    expected["affluence_index"] = blank & (file["Affluence Index"] == 0)
    values = panel.to_numpy().T
    erased = rules.erase_unstated(values)
    np.testing.assert_array_equal(np.isnan(erased), expected.to_numpy().T)
    np.testing.assert_array_equal(erased[~np.isnan(erased)], values[~np.isnan(erased)])


BLANK = {
    "food_habits": 0,
    "mother_tongue": 0,
    "homemaker_sex": 0,
    "homemaker_education": 0,
    "household_size": 0,
    "children": 5,
    "television": 0,
}


def erase(rules: Rules, **told: float) -> dict[str, float]:
    """What stays of a household once that is erased which is not stated."""
    (stays,) = rules.erase_unstated(to_arrays([told], rules)).T
    names = [field.name for field in rules.codebook.fields]
    return {
        name: each for name, each in zip(names, stays.tolist(), strict=True) if not math.isnan(each)
    }


def test_the_affluence_of_a_blank_record_is_unknown_only_where_it_is_0(rules):
    assert erase(rules, **BLANK, affluence_index=0) == {}
    assert erase(rules, **BLANK, affluence_index=3) == {"affluence_index": 3}
    stated = BLANK | {"television": 1}
    assert erase(rules, **stated, affluence_index=0) == {"television": 1, "affluence_index": 0}


@pytest.mark.parametrize("left_out", BLANK)
def test_a_record_is_blank_if_nothing_that_is_known_of_it_is_stated(rules, left_out):
    """As in training, where the whole record is known, though a set asks for a part of it."""
    partly = {name: code for name, code in BLANK.items() if name != left_out}
    assert erase(rules, **partly, affluence_index=0) == {}
    alone = {left_out: BLANK[left_out]}
    assert erase(rules, **alone, affluence_index=0) == {}
    stated = {left_out: 1.0}
    assert erase(rules, **partly, **stated, affluence_index=0) == stated | {"affluence_index": 0}


def test_a_record_of_which_nothing_is_known_that_could_be_unstated_is_not_blank(rules):
    assert erase(rules, affluence_index=0) == {"affluence_index": 0}
    aged = {"homemaker_age": 2, "affluence_index": 0}
    assert erase(rules, **aged) == aged


def test_without_codes_for_it_nothing_is_unstated(codebook):
    nothing = {name: {"not_stated": None} for name in BLANK}
    rules = Rules(change_codebook(codebook, nothing))
    told = BLANK | {"affluence_index": 0}
    assert erase(rules, **told) == told


# What goes in stays


def test_values_are_not_changed(panel, rules):
    values = to_arrays(panel.to_dict("records"), rules)
    values[rules.position["transactions"], 0] = -1
    values[rules.position["share_lux"], 1] = NAN
    before = values.copy()
    methods = (rules.accept, rules.refuse_values, rules.add_up, rules.follow_identities)
    for method in (*methods, rules.erase_unstated):
        method(values)
        np.testing.assert_array_equal(values, before)
    assert not np.shares_memory(rules.erase_unstated(values), values)
