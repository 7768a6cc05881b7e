"""Errors found in published analyses of this panel, as far as they concern the data."""

from __future__ import annotations

import pandas as pd
import pytest

from customer_segmentation.panel.codebook import Codebook, Role, Scale
from customer_segmentation.panel.contract import validate_households
from customer_segmentation.panel.features import derive_features
from customer_segmentation.panel.reader import read_panel_file
from customer_segmentation.panel.values import HouseholdDataError


def households_with_brands(households: pd.DataFrame, shares: pd.DataFrame) -> pd.DataFrame:
    """As many households as there are rows of brand shares, all else as it was."""
    return pd.concat([households.head(len(shares)).drop(columns=shares.columns), shares], axis=1)


def test_loyalty_is_a_row_maximum_not_a_column_maximum(features: pd.DataFrame) -> None:
    # The largest share of a brand over all households is near 1 for each brand: a constant.
    assert features["brand_loyalty_low"].nunique() > 500
    assert features["brand_loyalty_low"].mean() < 0.5


def test_others_is_no_brand(households: pd.DataFrame, codebook: Codebook) -> None:
    brands = codebook.columns_of("brand_shares")
    unlisted = codebook.column(Role.OTHER_BRANDS_SHARE)
    shares = pd.DataFrame(0.0, index=range(2), columns=brands)
    shares.loc[0, unlisted] = 1.0
    shares.loc[1, [unlisted, brands[0]]] = [0.8, 0.2]
    rows = households_with_brands(households, shares)
    derived = derive_features(rows, codebook)
    assert derived["brand_loyalty_low"].tolist() == [0.0, 0.2]
    assert derived["brand_loyalty_high"].tolist() == [1.0, 0.8]


def test_a_household_of_one_brand_is_loyal_whatever_the_brand(
    households: pd.DataFrame, codebook: Codebook
) -> None:
    unlisted = codebook.column(Role.OTHER_BRANDS_SHARE)
    brands = [name for name in codebook.columns_of("brand_shares") if name != unlisted]
    shares = pd.DataFrame(0.0, index=range(len(brands)), columns=[*brands, unlisted])
    for row, brand in enumerate(brands):
        shares.loc[row, brand] = 0.9
    derived = derive_features(households_with_brands(households, shares), codebook)
    assert derived["brand_loyalty_low"].tolist() == [0.9] * 8


def test_blank_rows_never_become_households(
    panel_rows: pd.DataFrame, codebook: Codebook, tmp_path
) -> None:
    file = tmp_path / "panel.csv"
    text = panel_rows.to_csv(index=False)
    blank = "," * (panel_rows.shape[1] - 1) + "\n"
    file.write_text(text + blank * 30)
    assert len(validate_households(read_panel_file(file), codebook)) == 600
    lines = text.splitlines(keepends=True)
    file.write_text("".join([*lines[:300], blank, *lines[300:]]))
    with pytest.raises(HouseholdDataError, match="row 301 is blank between households"):
        read_panel_file(file)


def test_empty_cells_are_refused_not_filled_with_means(
    panel_rows: pd.DataFrame, codebook: Codebook
) -> None:
    panel_rows.loc[50, panel_rows.columns[1:]] = ""
    with pytest.raises(HouseholdDataError, match="row 50, column 'SEC': the cell is empty"):
        validate_households(panel_rows, codebook)


def test_what_is_not_stated_is_missing_not_a_level_of_a_measurement(
    households: pd.DataFrame,
) -> None:
    assert (households["household_size"].dropna() >= 1).all()
    assert households["household_size"].isna().sum() == 68


def test_a_column_of_largest_shares_in_the_file_is_never_trusted(
    panel_rows: pd.DataFrame, features: pd.DataFrame, codebook: Codebook
) -> None:
    typed = validate_households(panel_rows.assign(maxBrCd="1"), codebook)
    derived = derive_features(typed, codebook)
    pd.testing.assert_frame_equal(derived, features[derived.columns])


def test_nominal_codes_are_not_numbers(codebook: Codebook) -> None:
    scales = {field.raw_name: field.scale for field in codebook.fields if field.codes}
    assert {name for name, scale in scales.items() if scale == Scale.NOMINAL} == {
        "FEH",
        "MT",
        "SEX",
        "CHILD",
        "CS",
    }
    assert not any(variable.scale.is_coded for variable in codebook.derived)


def test_no_proposition_number_is_a_quantity(codebook: Codebook, households: pd.DataFrame) -> None:
    propositions = households[codebook.columns_of("proposition_shares")]
    assert propositions.shape[1] == 11
    assert propositions.to_numpy().max() <= 1  # shares of volume, not code numbers 5 to 15
