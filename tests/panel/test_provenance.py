"""What follows from known columns: checked on the rules of the panel and on its numbers."""

from __future__ import annotations

from inspect import signature

import numpy as np
import pandas as pd
import pytest

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.features import FORMULAS, SOLVABLE, find_known, find_relatives


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
def test_what_follows_is_found(codebook: Codebook, known: list[str], found: list[str]) -> None:
    assert find_known(known, codebook).issuperset(found)


@pytest.mark.parametrize("missing", ["average_price", "total_value", "total_volume"])
def test_any_two_of_a_ratio_give_the_third(codebook: Codebook, missing: str) -> None:
    trio = {"average_price", "total_value", "total_volume"}
    assert find_known(trio - {missing}, codebook) == trio | {"log_volume"}
    for alone in trio - {"total_volume"}:
        assert find_known([alone], codebook) == {alone}


@pytest.mark.parametrize("group", ["promotion_shares", "brand_shares", "proposition_shares"])
def test_all_shares_but_one_give_the_last_and_all_but_two_give_none(
    codebook: Codebook, group: str
) -> None:
    shares = codebook.columns_of(group)
    for last in shares:
        assert last in find_known(set(shares) - {last}, codebook)
    assert find_known(shares[1:-1], codebook).isdisjoint([shares[0], shares[-1]])


def test_what_does_not_follow_is_not_found(codebook: Codebook) -> None:
    """A maximum and a count do not tell their parts, nor demographics any purchase."""
    known = ["brand_loyalty_low", "brand_loyalty_high", "brands_bought"]
    assert find_known(known, codebook) == {*known, "brand_loyalty_mid"}
    assert find_known(["demographics"], codebook) == set(codebook.columns_of("demographics"))
    assert find_known([], codebook) == set()


def test_an_unknown_name_is_refused(codebook: Codebook) -> None:
    with pytest.raises(ValueError, match="no variable 'nobody'"):
        find_known(["nobody"], codebook)


@pytest.mark.parametrize(
    ("formula", "argument"),
    [(name, each) for name in sorted(SOLVABLE) for each in signature(FORMULAS[name]).parameters],
)
def test_a_solvable_argument_changes_the_result_whenever_it_changes(
    formula: str, argument: str
) -> None:
    """With the other arguments held, distinct values give distinct results."""
    values = np.arange(9.0, 40.0)
    for other in (2.0, 7.0):
        of = {name: np.full_like(values, other) for name in signature(FORMULAS[formula]).parameters}
        results = FORMULAS[formula](**of | {argument: values})
        assert len(np.unique(results)) == len(values)


def test_identities_give_the_columns_of_the_real_panel_back(households: pd.DataFrame) -> None:
    """The rules hold on the real numbers, to the rounding of the file."""
    volume = 100 * households["total_value"] / households["average_price"]
    assert (volume / households["total_volume"] - 1).abs().max() < 0.002
    count = households["transactions_per_run"] * households["brand_runs"]
    assert (count.round() == households["transactions"]).all()


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
