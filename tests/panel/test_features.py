"""The derived variables, recomputed from the raw columns by another route."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from customer_segmentation.panel import features as formulas
from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.panel.features import (
    derive_features,
    derive_household_features,
    prepare_formula,
    take_columns,
)

BRANDS = [
    "Br. Cd. 57, 144",
    *(f"Br. Cd. {code}" for code in (55, 272, 286, 24, 481, 352, 5)),
]


@pytest.fixture
def file(panel_file) -> pd.DataFrame:
    """The panel as pandas reads it, by raw names."""
    return pd.read_csv(panel_file, encoding="utf-8-sig").rename(
        columns=lambda n: " ".join(n.split())
    )


def test_loyalty_is_the_largest_share_within_the_row(file: pd.DataFrame, features) -> None:
    low = [max(row[name] for name in BRANDS) for _, row in file.iterrows()]
    high = [max(share, others) for share, others in zip(low, file["Others 999"], strict=True)]
    assert features["brand_loyalty_low"].tolist() == low
    assert features["brand_loyalty_high"].tolist() == high
    np.testing.assert_allclose(features["brand_loyalty_mid"], (np.array(low) + high) / 2)


def test_repeat_rate_counts_purchases_that_repeat_a_brand(file: pd.DataFrame, features) -> None:
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
def test_repeat_rate_of_a_known_history(brands_in_order: str, rate: float) -> None:
    history = pd.Series(list(brands_in_order))
    runs = np.array([float((history != history.shift()).sum())])
    result = formulas.repeat_rate(np.array([float(len(history))]), runs)
    assert result.tolist() == pytest.approx([rate], nan_ok=True)


def test_promotion_share_is_the_sum_of_both_promotions(file: pd.DataFrame, features) -> None:
    bought = file["Pur Vol Promo 6 %"] + file["Pur Vol Other Promo %"]
    np.testing.assert_allclose(features["promo_share"], bought, atol=2e-9)
    assert features["promo_share"].between(0, 1).all()


def test_logarithms_and_counts(file: pd.DataFrame, features) -> None:
    assert features["log_volume"].tolist() == pytest.approx(
        [math.log(volume) for volume in file["Total Volume"]]
    )
    assert features["log_transactions"].tolist() == pytest.approx(
        [math.log(count) for count in file["No. of Trans"]]
    )
    assert features["repeat_opportunities"].tolist() == [n - 1 for n in file["No. of Trans"]]
    np.testing.assert_allclose(
        features["runs_per_brand"], file["Brand Runs"] / file["No. of Brands"]
    )


def test_the_number_of_parts_in_use_counts_others_once(
    file: pd.DataFrame, households, codebook
) -> None:
    computation = prepare_formula("n", "count_positive", {"parts": "brand_shares"}, codebook)
    counted = computation.compute(take_columns(households, computation.sources))
    by_hand = [sum(row[name] > 0 for name in [*BRANDS, "Others 999"]) for _, row in file.iterrows()]
    assert counted.tolist() == by_hand


def test_features_are_numbers_on_the_same_rows(
    households: pd.DataFrame, codebook: Codebook
) -> None:
    rows = households.sample(50, random_state=1)
    derived = derive_features(rows, codebook)
    assert derived.index.equals(rows.index)
    assert set(map(str, derived.dtypes)) == {"float64"}
    assert list(derived.columns) == [variable.name for variable in codebook.derived]
    whole = derive_features(households, codebook)
    pd.testing.assert_frame_equal(derived, whole.loc[rows.index])


def test_only_what_is_wanted_is_computed(households: pd.DataFrame, codebook: Codebook) -> None:
    needed = households[["brand_runs", "transactions"]]
    assert list(derive_features(needed, codebook, ["repeat_rate"]).columns) == ["repeat_rate"]
    chained = derive_features(
        households[codebook.columns_of("brand_shares")], codebook, ["brand_loyalty_mid"]
    )
    pd.testing.assert_series_equal(
        chained["brand_loyalty_mid"], derive_features(households, codebook)["brand_loyalty_mid"]
    )


def test_an_unknown_variable_or_formula_is_named(
    households: pd.DataFrame, codebook: Codebook
) -> None:
    with pytest.raises(ValueError, match="no variable 'nobody'"):
        derive_features(households, codebook, ["nobody"])
    with pytest.raises(ValueError, match="unknown formula 'nobody'; known are"):
        prepare_formula("n", "nobody", {}, codebook)


def test_thin_records_have_fewer_transactions_than_the_parameter(
    households: pd.DataFrame, parameters
) -> None:
    codebook, name = parameters.codebook, parameters.codebook.column(Role.THIN_RECORD)
    for fewest in (1, 11, 31):
        changed = parameters.data_processing.model_copy(update={"minimum_transactions": fewest})
        flags = derive_household_features(households, codebook, changed)[name]
        assert flags.dtype == bool
        assert flags.tolist() == [int(n) < fewest for n in households["transactions"]]


def test_a_record_is_blank_when_all_that_can_be_is(households: pd.DataFrame, parameters) -> None:
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
