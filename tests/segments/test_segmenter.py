"""The segmenter, against plain numpy and against the reference points of the panel."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans

from customer_segmentation.panel.values import ReadableError
from customer_segmentation.segments.scores import SegmentationError
from customer_segmentation.segments.segmenter import Segmenter


def plain_scores(households: pd.DataFrame, training: np.ndarray) -> np.ndarray:
    """The reference scores in plain numpy: learnt on the training rows, computed for all."""
    brands = households.filter(regex="^share_(lux|life|cin|san|pea|god|ham|det)").to_numpy(float)
    others = households["share_other_brands"].to_numpy(float)
    transactions = households["transactions"].to_numpy(float)
    repeats = transactions - households["brand_runs"].to_numpy(float)
    pooled = repeats[training].sum() / (transactions[training] - 1).sum()
    rate = (repeats + 5 * pooled) / (transactions - 1 + 5)
    low = brands.max(axis=1)
    largest = (low + np.maximum(low, others)) / 2
    promotion = 1 - households["share_no_promotion"].to_numpy(float)

    def z(values):
        return (values - values[training].mean()) / values[training].std()

    def capped(values, lower, upper):
        return np.clip(values, *np.quantile(values[training], [lower, upper]))

    return np.column_stack(
        [
            z(z(rate) + z(largest)),
            z(capped(promotion, 0, 0.95)),
            z(capped(np.log(households["total_volume"].to_numpy(float)), 0.02, 0.98)) * 0.5**0.5,
            z(capped(np.log(transactions), 0.02, 0.98)) * 0.5**0.5,
        ]
    )


def test_scores_equal_those_of_plain_numpy(segmenter, households, codebook):
    training = households["transactions"].to_numpy(float) > 10
    expected = plain_scores(households, training)
    scores = segmenter.compute_scores(households, codebook)
    assert list(scores) == ["loyalty", "deal_proneness", "usage_volume", "usage_frequency"]
    np.testing.assert_allclose(scores.to_numpy(), expected, rtol=0, atol=1e-12)


def test_every_construct_has_a_variance_of_one(segmenter, eligible, specification, codebook):
    variances = segmenter.compute_scores(eligible, codebook).var(ddof=0)
    for construct in specification.constructs:
        total = sum(variances[score.name] for score in construct.scores)
        assert total == pytest.approx(1, abs=1e-12)


def test_segments_are_those_of_kmeans_on_plain_scores(segmenter, eligible, predict):
    scores = plain_scores(eligible, np.full(len(eligible), fill_value=True))
    kmeans = KMeans(3, n_init=200, random_state=1, tol=0).fit(scores)
    table = pd.crosstab(predict(segmenter, eligible), kmeans.labels_).to_numpy()
    assert (np.sort(table, axis=1)[:, :-1] == 0).all()


def test_reference_points_of_the_panel(segmenter, eligible, predict):
    names = pd.Series(predict(segmenter, eligible), index=eligible.index)
    sizes = names.value_counts()
    assert len(eligible) == 543
    assert sizes["Loyalists"] == pytest.approx(110, abs=3)
    assert sizes["Variety Seekers"] == pytest.approx(317, abs=4)
    assert sizes["Promo Shoppers"] == pytest.approx(116, abs=4)
    means = eligible[["brand_loyalty_low", "repeat_rate"]].groupby(names).mean()
    expected = {"Loyalists": [0.73, 0.78], "Variety Seekers": [0.28, 0.46]}
    for segment, values in expected.items():
        np.testing.assert_allclose(means.loc[segment], values, atol=0.02)


def test_only_validated_household_columns_are_needed(segmenter, eligible, codebook, predict):
    fields = [field.name for field in codebook.fields]
    assert (predict(segmenter, eligible[fields]) == predict(segmenter, eligible)).all()


def test_one_household_is_assigned_as_in_the_whole_table(segmenter, households, predict):
    together = predict(segmenter, households)
    alone = [predict(segmenter, households.iloc[[row]])[0] for row in range(0, 600, 23)]
    assert alone == list(together[::23])


def test_a_household_with_a_single_purchase_gets_the_pooled_repeat_rate(
    segmenter, eligible, segmentation, codebook
):
    single = eligible.iloc[[0]].drop(columns=["repeat_rate", "repeat_opportunities"])
    single = single.assign(transactions=1, brand_runs=1)
    loyalty = segmenter.compute_scores(single, codebook)["loyalty"].iloc[0]
    learnt = segmenter.indicators
    rate, share = learnt["repeat_rate"], learnt["brand_loyalty_mid"]
    z_rate = (rate.pooled - rate.mean) / rate.sd
    z_share = (single["brand_loyalty_mid"].iloc[0] - share.mean) / share.sd
    average = segmenter.standards["loyalty"]
    expected = ((z_rate + z_share) / 2 - average.mean) / average.sd
    assert loyalty == pytest.approx(expected, abs=1e-12)


def test_nothing_is_learnt_from_households_outside_the_training_rows(eligible, refit, predict):
    training = eligible.iloc[:400]
    before = refit(training)
    predict(before, eligible.assign(total_volume=1e6))
    again = refit(training)
    assert str(before.indicators) == str(again.indicators)
    assert before.indicators["promo_share"].upper == pytest.approx(
        np.quantile(training["promo_share"], 0.95)
    )


def test_fitting_twice_gives_the_same_bytes(segmenter, eligible, refit, predict):
    again = refit(eligible)
    assert again.model_dump_json() == segmenter.model_dump_json()
    assert list(predict(again, eligible)) == list(predict(segmenter, eligible))


def test_the_order_of_the_households_changes_nothing(segmenter, eligible, refit, predict):
    shuffled = eligible.sample(frac=1, random_state=5)
    again = refit(shuffled)
    assert list(predict(again, eligible)) == list(predict(segmenter, eligible))


def test_a_stored_segmenter_gives_the_same_answers(segmenter, households, predict):
    stored = pickle.loads(pickle.dumps(segmenter))
    assert list(predict(stored, households)) == list(predict(segmenter, households))


def test_scores_tell_their_variables(segmenter):
    assert segmenter.score_variables == {
        "loyalty": ["repeat_rate", "repeat_opportunities", "brand_loyalty_mid"],
        "deal_proneness": ["promo_share"],
        "usage_volume": ["log_volume"],
        "usage_frequency": ["log_transactions"],
    }


def test_a_constant_variable_is_refused_before_any_segment_is_formed(eligible, refit):
    constant = eligible.drop(columns="promo_share").assign(share_no_promotion=1.0)
    with pytest.raises(SegmentationError, match=r"promo_share.* is 0 for all 543 households"):
        refit(constant)


def test_a_variable_that_is_missing_is_refused(eligible, refit):
    with_gaps = eligible.assign(promo_share=eligible["promo_share"].where(eligible.index > 1))
    with pytest.raises(SegmentationError, match="promo_share is missing for 2 of the 543"):
        refit(with_gaps)


@pytest.mark.parametrize("households", [1, 3])
def test_there_must_be_more_households_than_segments(eligible, households, refit):
    with pytest.raises(
        SegmentationError, match=f"3 segments are asked for .* only {households} household"
    ):
        refit(eligible.iloc[:households])
    assert issubclass(SegmentationError, ReadableError)


def test_a_pooled_rate_is_null_where_nothing_is_shrunk(segmenter):
    stored = segmenter.model_dump(mode="json")
    pooled = {name for name, each in stored["indicators"].items() if each["pooled"] is not None}
    assert pooled == {"repeat_rate"} != set(stored["indicators"])


SPOILT_SEGMENTERS = [
    ({"cluster": 1}, "Extra inputs"),
    ({"names": ["one"]}, "at least 2"),
    ({"names": ["one", "one", "one"]}, "'one' stands twice"),
    ({"names": ["1", "2", "3", "4"]}, "differ in their number"),
    ({"centres": [[1.0], [1.0, 2.0]]}, "differ in length"),
    ({"centres": [[1.0], [1.0], [1.0]]}, "number for each score"),
    ({"variances": [[1.0], [0.0]]}, "greater than 0"),
    ({"variances": [[1.0]] * 3}, "number for each score"),
    ({"variances": [[1.0] * 4] * 2}, "differ in their number"),
    ({"shares": [0.5, 0.4]}, "sum to 0.9"),
    ({"shares": [0.5, 0.5]}, "differ in their number"),
    ({"shares": [1.0, 0.0]}, "greater than 0"),
    ({"indicators": {}}, "indicators need an entry"),
    ({"standards": {}}, "standards need an entry"),
    ({"standards": {"any": {"mean": 0.0, "sd": 0.0}}}, "greater than 0"),
    ({"standards": {"any": {"mean": 0.0, "sd": float("inf")}}}, "finite number"),
    ({"variables": ["any"]}, "variables lack"),
    ({"variables": ["any", "any"]}, "'any' stands twice"),
    ({"minimum_transactions": 0}, "greater than or equal to 1"),
    ({"minimum_transactions": 11.0}, "valid integer"),
    ({"minimum_transactions": True}, "valid integer"),
]


@pytest.mark.parametrize(("change", "why"), SPOILT_SEGMENTERS)
def test_a_segmenter_that_could_answer_wrongly_is_refused(segmenter, change, why):
    values = segmenter.model_dump(mode="json")
    with pytest.raises(ValueError, match=why):
        Segmenter.model_validate({**values, **change})


def test_every_score_has_a_name_of_its_own(segmenter):
    values = segmenter.model_dump(mode="json")
    first, _, *others = values["scores"]
    with pytest.raises(ValueError, match=f"{first['name']!r} stands twice"):
        Segmenter.model_validate({**values, "scores": [first, first, *others]})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"pooled": None}, "needs a pooled rate"),
        ({"lower": 9.0, "upper": 1.0}, "lower limit 9 exceeds the upper 1"),
        ({"sd": 0.0}, "greater than 0"),
    ],
)
def test_what_was_learnt_for_an_indicator_holds_together(segmenter, change, why):
    values = segmenter.model_dump(mode="json")
    values["indicators"]["repeat_rate"] |= change
    with pytest.raises(ValueError, match=why):
        Segmenter.model_validate(values)
