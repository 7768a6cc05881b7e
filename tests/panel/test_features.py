"""The derived variables, recomputed from the raw columns by another route."""

from __future__ import annotations

import math
from inspect import signature

import numpy as np
import pandas as pd
import pytest

from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.panel.features import (
    FORMULAS,
    SOLVABLE,
    derive_features,
    derive_household_features,
    find_known,
    find_relatives,
    prepare_formula,
    repeat_rate,
    take_columns,
)

BRANDS = [f"Br. Cd. {code}" for code in ("57, 144", 55, 272, 286, 24, 481, 352, 5)]


@pytest.fixture
def file(panel_file) -> pd.DataFrame:
    """The panel as pandas reads it, by raw names."""
    return pd.read_csv(panel_file, encoding="utf-8-sig").rename(
        columns=lambda n: " ".join(n.split())
    )


def test_loyalty_is_the_largest_share_within_the_row(file, features):
    low = [max(row[name] for name in BRANDS) for _, row in file.iterrows()]
    high = [max(share, others) for share, others in zip(low, file["Others 999"], strict=True)]
    assert features["brand_loyalty_low"].tolist() == low
    assert features["brand_loyalty_high"].tolist() == high
    np.testing.assert_allclose(features["brand_loyalty_mid"], (np.array(low) + high) / 2)


def test_repeat_rate_counts_purchases_that_repeat_a_brand(file, features):
    for rate, purchases, runs in zip(
        features["repeat_rate"], file["No. of Trans"], file["Brand Runs"], strict=True
    ):
        if purchases == 1:
            assert math.isnan(rate)
        else:
            assert rate == pytest.approx((purchases - runs) / (purchases - 1))
            assert 0 <= rate <= 1


@pytest.mark.parametrize(
    ("brands_in_order", "rate"),
    [("AAAA", 1.0), ("ABAB", 0.0), ("AABB", 2 / 3), ("A", math.nan), ("AB", 0.0)],
)
def test_repeat_rate_of_a_known_history(brands_in_order, rate):
    history = pd.Series(list(brands_in_order))
    runs = np.array([float((history != history.shift()).sum())])
    result = repeat_rate(np.array([float(len(history))]), runs)
    assert result.tolist() == pytest.approx([rate], nan_ok=True)


def test_promotion_share_is_the_sum_of_both_promotions(file, features):
    bought = file["Pur Vol Promo 6 %"] + file["Pur Vol Other Promo %"]
    np.testing.assert_allclose(features["promo_share"], bought, atol=2e-9)
    assert features["promo_share"].between(0, 1).all()


def test_logarithms_and_counts(file, features):
    volumes, counts = file["Total Volume"].map(math.log), file["No. of Trans"].map(math.log)
    np.testing.assert_allclose(features["log_volume"], volumes)
    np.testing.assert_allclose(features["log_transactions"], counts)
    assert features["repeat_opportunities"].tolist() == [n - 1 for n in file["No. of Trans"]]
    runs = file["Brand Runs"] / file["No. of Brands"]
    np.testing.assert_allclose(features["runs_per_brand"], runs)


def test_the_number_of_parts_in_use_counts_others_once(file, households, codebook):
    computation = prepare_formula("n", "count_positive", {"parts": "brand_shares"}, codebook)
    counted = computation.compute(take_columns(households, computation.sources))
    by_hand = [sum(row[name] > 0 for name in [*BRANDS, "Others 999"]) for _, row in file.iterrows()]
    assert counted.tolist() == by_hand


def test_features_are_numbers_on_the_same_rows(households, codebook):
    rows = households.sample(50, random_state=1)
    derived = derive_features(rows, codebook)
    assert derived.index.equals(rows.index)
    assert set(map(str, derived.dtypes)) == {"float64"}
    assert list(derived.columns) == [variable.name for variable in codebook.derived]
    whole = derive_features(households, codebook)
    pd.testing.assert_frame_equal(derived, whole.loc[rows.index])


def test_only_what_is_wanted_is_computed(households, codebook):
    needed = households[["brand_runs", "transactions"]]
    assert list(derive_features(needed, codebook, ["repeat_rate"]).columns) == ["repeat_rate"]
    chained = derive_features(
        households[codebook.columns_of("brand_shares")], codebook, ["brand_loyalty_mid"]
    )
    pd.testing.assert_series_equal(
        chained["brand_loyalty_mid"], derive_features(households, codebook)["brand_loyalty_mid"]
    )


def test_an_unknown_variable_or_formula_is_named(households, codebook):
    with pytest.raises(ValueError, match="no variable 'nobody'"):
        derive_features(households, codebook, ["nobody"])
    with pytest.raises(ValueError, match="unknown formula 'nobody'; known are"):
        prepare_formula("n", "nobody", {}, codebook)


def test_thin_records_have_fewer_transactions_than_the_parameter(households, parameters):
    codebook, name = parameters.codebook, parameters.codebook.column(Role.THIN_RECORD)
    for fewest in (1, 11, 31):
        changed = parameters.data_processing.model_copy(update={"minimum_transactions": fewest})
        flags = derive_household_features(households, codebook, changed)[name]
        assert flags.dtype == bool
        assert flags.tolist() == [int(n) < fewest for n in households["transactions"]]


def test_a_record_is_blank_when_all_that_can_be_is(households, parameters):
    def flag_blank(rows: pd.DataFrame, codebook: Codebook = parameters.codebook) -> pd.Series:
        derived = derive_household_features(rows, codebook, parameters.data_processing)
        return derived[codebook.column(Role.BLANK_RECORD)]

    flags = flag_blank(households)
    assert flags.dtype == bool
    assert flags.sum() == 68
    filled = households.copy()
    filled.loc[flags.idxmax(), "affluence_index"] = 3
    assert flag_blank(filled).sum() == 67
    settings = parameters.codebook.model_dump()
    for field in settings["fields"]:
        field |= {"not_stated": None, "not_stated_in_blank_record": None}
    assert not flag_blank(households, Codebook.model_validate(settings)).any()


# Errors of published analyses of this panel


def households_with_brands(households: pd.DataFrame, shares: pd.DataFrame) -> pd.DataFrame:
    """As many households as there are rows of brand shares, all else as it was."""
    return pd.concat([households.head(len(shares)).drop(columns=shares.columns), shares], axis=1)


def test_loyalty_is_a_row_maximum_not_a_column_maximum(features):
    # The largest share of a brand over all households is near 1 for each brand: a constant.
    assert features["brand_loyalty_low"].nunique() > 500
    assert features["brand_loyalty_low"].mean() < 0.5


def test_others_is_no_brand(households, codebook):
    brands = codebook.columns_of("brand_shares")
    unlisted = codebook.column(Role.OTHER_BRANDS_SHARE)
    shares = pd.DataFrame(0.0, index=range(2), columns=brands)
    shares.loc[0, unlisted] = 1.0
    shares.loc[1, [unlisted, brands[0]]] = [0.8, 0.2]
    rows = households_with_brands(households, shares)
    derived = derive_features(rows, codebook)
    assert derived["brand_loyalty_low"].tolist() == [0.0, 0.2]
    assert derived["brand_loyalty_high"].tolist() == [1.0, 0.8]


def test_a_household_of_one_brand_is_loyal_whatever_the_brand(households, codebook):
    unlisted = codebook.column(Role.OTHER_BRANDS_SHARE)
    brands = [name for name in codebook.columns_of("brand_shares") if name != unlisted]
    shares = pd.DataFrame(0.0, index=range(len(brands)), columns=[*brands, unlisted])
    for row, brand in enumerate(brands):
        shares.loc[row, brand] = 0.9
    derived = derive_features(households_with_brands(households, shares), codebook)
    assert derived["brand_loyalty_low"].tolist() == [0.9] * 8


# What follows from known columns


@pytest.mark.parametrize(
    ("known", "found"),
    [
        (["transactions"], ["log_transactions", "repeat_opportunities"]),
        (["log_transactions"], ["transactions", "repeat_opportunities"]),
        (["repeat_opportunities"], ["transactions", "log_transactions"]),
        (["promo_share"], ["share_no_promotion"]),
        (["log_volume"], ["total_volume"]),
        (["brand_loyalty_low", "brand_loyalty_mid"], ["brand_loyalty_high"]),
        (["brand_loyalty_low", "share_other_brands"], ["brand_loyalty_high", "brand_loyalty_mid"]),
        (["repeat_rate", "brand_runs", "brands_bought"], ["transactions", "runs_per_brand"]),
        (["repeat_rate", "transactions"], ["brand_runs"]),
        (["runs_per_brand", "brands_bought"], ["brand_runs"]),
        (["brand_shares"], ["brand_loyalty_mid", "brands_bought"]),
        (["share_banded_offer", "share_other_promotion"], ["share_no_promotion", "promo_share"]),
    ],
)
def test_what_follows_is_found(codebook, known, found):
    assert find_known(known, codebook).issuperset(found)


@pytest.mark.parametrize("missing", ["average_price", "total_value", "total_volume"])
def test_any_two_of_a_ratio_give_the_third(codebook, missing):
    trio = {"average_price", "total_value", "total_volume"}
    assert find_known(trio - {missing}, codebook) == trio | {"log_volume"}
    for alone in trio - {"total_volume"}:
        assert find_known([alone], codebook) == {alone}


@pytest.mark.parametrize("group", ["promotion_shares", "brand_shares", "proposition_shares"])
def test_all_shares_but_one_give_the_last_and_all_but_two_give_none(codebook, group):
    shares = codebook.columns_of(group)
    for last in shares:
        assert last in find_known(set(shares) - {last}, codebook)
    assert find_known(shares[1:-1], codebook).isdisjoint([shares[0], shares[-1]])


def test_what_does_not_follow_is_not_found(codebook):
    """A maximum and a count do not tell their parts, nor demographics any purchase."""
    known = ["brand_loyalty_low", "brand_loyalty_high", "brands_bought"]
    assert find_known(known, codebook) == {*known, "brand_loyalty_mid"}
    assert find_known(["demographics"], codebook) == set(codebook.columns_of("demographics"))
    assert find_known([], codebook) == set()


def test_an_unknown_name_is_refused(codebook):
    with pytest.raises(ValueError, match="no variable 'nobody'"):
        find_known(["nobody"], codebook)


@pytest.mark.parametrize(
    ("formula", "argument"),
    [(name, each) for name in sorted(SOLVABLE) for each in signature(FORMULAS[name]).parameters],
)
def test_a_solvable_argument_changes_the_result_whenever_it_changes(formula, argument):
    """With the other arguments held, distinct values give distinct results."""
    values = np.arange(9.0, 40.0)
    for other in (2.0, 7.0):
        of = {name: np.full_like(values, other) for name in signature(FORMULAS[formula]).parameters}
        results = FORMULAS[formula](**of | {argument: values})
        assert len(np.unique(results)) == len(values)


def test_relatives_are_bounds_sources_compositions_and_what_follows(codebook):
    assert find_relatives(["brand_loyalty_mid"], codebook) == {
        "brand_loyalty_mid",
        "brand_loyalty_low",
        "brand_loyalty_high",
        *codebook.columns_of("brand_shares"),
        "brands_bought",  # counts the shares in use
    }
    assert find_relatives(["household_size"], codebook) == {"household_size"}
    assert find_relatives(["log_volume"], codebook) == {"log_volume", "total_volume"}
    assert find_relatives(["promo_share"], codebook) == {
        "promo_share",
        *codebook.columns_of("promotion_shares"),
    }
