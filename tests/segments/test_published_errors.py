"""Errors of published segmentations of this panel; ours must not be able to repeat them."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans

from customer_segmentation.segments.naming import name_segments


def test_volume_does_not_decide_everything(segmenter, predict, eligible, codebook):
    """Unscaled k-means splits by volume alone; ours gives usage a third of the distance."""
    raw = eligible[["brands_bought", "brand_runs", "total_volume", "promo_share"]].astype(float)
    unscaled = KMeans(3, n_init=10, random_state=42).fit_predict(raw)
    share = eligible["total_volume"].groupby(unscaled).transform("mean").var(ddof=0)
    assert share / eligible["total_volume"].var(ddof=0) > 0.75
    ours = eligible["total_volume"].groupby(predict(segmenter, eligible)).transform("mean")
    assert ours.var(ddof=0) / eligible["total_volume"].var(ddof=0) < 0.10


@pytest.mark.parametrize("factor", [0.001, 1000])
def test_the_unit_of_volume_changes_nothing(segmenter, predict, eligible, refit, factor):
    other_unit = eligible.drop(columns="log_volume").assign(
        total_volume=eligible["total_volume"] * factor
    )
    refitted = refit(other_unit)
    assert list(predict(refitted, other_unit)) == list(predict(segmenter, eligible))


@pytest.mark.parametrize(
    ("variable", "scale"),
    [
        ("mother_tongue", "nominal"),
        ("children", "nominal"),
        ("food_habits", "nominal"),
        ("homemaker_education", "ordinal"),
        ("household_id", "identifier"),
        ("thin_record", "flag"),
    ],
)
def test_codes_and_identifiers_cannot_be_measured(change, codebook, variable, scale):
    parameters = change(constructs__1__scores__0__indicators__0__variable=variable)
    with pytest.raises(ValueError, match=f"'{variable}' has the scale {scale}"):
        parameters.check(codebook)


def test_code_numbers_of_propositions_are_no_distance(
    segmenter, predict, eligible, codebook, refit
):
    """Propositions are shares of their own; exchanging two of them changes no segment."""
    propositions = codebook.columns_of("proposition_shares")
    exchanged = eligible.copy()
    exchanged[propositions] = eligible[propositions[::-1]].to_numpy()
    refitted = refit(exchanged)
    assert list(predict(refitted, exchanged)) == list(predict(segmenter, eligible))


def test_households_loyal_to_different_brands_are_equally_loyal(segmenter, eligible, codebook):
    """Raw brand shares in a distance would put a Lux-only and a Dettol-only household apart."""
    brands = codebook.columns_of("brand_shares")
    household = eligible.iloc[[0]].drop(columns=[variable.name for variable in codebook.derived])
    only = [household.assign(**{**dict.fromkeys(brands, 0.0), brand: 1.0}) for brand in brands[:-1]]
    scores = segmenter.compute_scores(pd.concat(only), codebook)
    assert np.ptp(scores.to_numpy(), axis=0).max() == 0


def test_loyalty_differs_between_households(segmenter, eligible, codebook):
    """Loyalty as the maximum of a column would be one number for all."""
    assert segmenter.compute_scores(eligible, codebook)["loyalty"].nunique() > 500


def test_the_loyal_segment_is_the_loyal_one(segmenter, predict, eligible):
    """Names on k-means numbers once called the least loyal households Loyalists."""
    names = predict(segmenter, eligible)
    loyalty = eligible[["repeat_rate", "brand_loyalty_low", "brand_loyalty_high"]]
    assert (loyalty.groupby(names).mean().idxmax() == "Loyalists").all()
    promotion = eligible["promo_share"].groupby(names).mean()
    assert promotion.idxmax() == "Promo Shoppers"


def test_names_on_kmeans_numbers_would_have_been_wrong(eligible, segmenter, segmentation, predict):
    """The published bug: names by position. Whatever the position, ours are earned by the means."""
    naming = segmentation.naming
    signs = eligible[naming.variables]
    found = predict(segmenter, eligible)
    for order in permutations(segmenter.names):
        labels = np.array([list(order).index(name) for name in found])
        names = name_segments(signs, labels, naming)
        assert [names[label] for label in labels] == list(found)
        by_position = np.array(["Loyalists", "Promo Shoppers", "Variety Seekers"])[labels]
        assert (list(by_position) == list(found)) == (
            order == ("Loyalists", "Promo Shoppers", "Variety Seekers")
        )


@pytest.mark.parametrize("seed", [1, 7, 42])
def test_another_seed_numbers_segments_differently_and_names_them_alike(
    segmenter, eligible, refit, change, seed, predict
):
    refitted = refit(eligible, change(random_state=seed))
    same = predict(refitted, eligible) == predict(segmenter, eligible)
    assert same.mean() > 0.97
