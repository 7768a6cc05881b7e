"""The segmenter, against plain numpy and against the reference points of the panel."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans

from customer_segmentation.panel.values import ReadableError
from customer_segmentation.segments.constructs import Score
from customer_segmentation.segments.scores import SegmentationError, refuse_constants
from customer_segmentation.segments.segmenter import compute_scores, score_variables


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


def test_scores_equal_those_of_plain_numpy(segmenter, households):
    training = households["transactions"].to_numpy(float) > 10
    expected = plain_scores(households, training)
    scores = compute_scores(segmenter, households)
    assert list(scores) == ["loyalty", "deal_proneness", "usage_volume", "usage_frequency"]
    np.testing.assert_allclose(scores.to_numpy(), expected, rtol=0, atol=1e-12)


def test_every_construct_has_a_variance_of_one(segmenter, eligible, specification):
    variances = compute_scores(segmenter, eligible).var(ddof=0)
    for construct in specification.constructs:
        total = sum(variances[score.name] for score in construct.scores)
        assert total == pytest.approx(1, abs=1e-12)


def test_segments_are_those_of_kmeans_on_plain_scores(segmenter, eligible):
    scores = plain_scores(eligible, np.full(len(eligible), fill_value=True))
    kmeans = KMeans(3, n_init=200, random_state=1, tol=0).fit(scores)
    table = pd.crosstab(segmenter.predict(eligible), kmeans.labels_).to_numpy()
    assert (np.sort(table, axis=1)[:, :-1] == 0).all()


def test_reference_points_of_the_panel(segmenter, eligible):
    names = pd.Series(segmenter.predict(eligible), index=eligible.index)
    sizes = names.value_counts()
    assert len(eligible) == 543
    assert sizes["Loyalists"] == pytest.approx(110, abs=3)
    assert sizes["Variety Seekers"] == pytest.approx(317, abs=4)
    assert sizes["Promo Shoppers"] == pytest.approx(116, abs=4)
    means = eligible[["brand_loyalty_low", "repeat_rate"]].groupby(names).mean()
    expected = {"Loyalists": [0.73, 0.78], "Variety Seekers": [0.28, 0.46]}
    for segment, values in expected.items():
        np.testing.assert_allclose(means.loc[segment], values, atol=0.02)


def test_only_validated_household_columns_are_needed(segmenter, eligible, codebook):
    fields = [field.name for field in codebook.fields]
    assert (segmenter.predict(eligible[fields]) == segmenter.predict(eligible)).all()


def test_one_household_is_assigned_as_in_the_whole_table(segmenter, households):
    together = segmenter.predict(households)
    alone = [segmenter.predict(households.iloc[[row]])[0] for row in range(0, 600, 23)]
    assert alone == list(together[::23])


def test_a_household_with_a_single_purchase_gets_the_pooled_repeat_rate(
    segmenter, eligible, segmentation
):
    single = eligible.iloc[[0]].drop(columns=["repeat_rate", "repeat_opportunities"])
    single = single.assign(transactions=1, brand_runs=1)
    loyalty = compute_scores(segmenter, single)["loyalty"].iloc[0]
    learnt = segmenter["scores"].indicators_
    rate, share = learnt["repeat_rate"], learnt["brand_loyalty_mid"]
    z_rate = (rate.pooled - rate.mean) / rate.sd
    z_share = (single["brand_loyalty_mid"].iloc[0] - share.mean) / share.sd
    average = segmenter["scores"].scores_["loyalty"]
    expected = ((z_rate + z_share) / 2 - average.mean) / average.sd
    assert loyalty == pytest.approx(expected, abs=1e-12)


def test_nothing_is_learnt_from_households_outside_the_training_rows(eligible, refit):
    training = eligible.iloc[:400]
    before = refit(training)
    before.predict(eligible.assign(total_volume=1e6))
    again = refit(training)
    assert str(before["scores"].indicators_) == str(again["scores"].indicators_)
    assert before["scores"].indicators_["promo_share"].upper == pytest.approx(
        np.quantile(training["promo_share"], 0.95)
    )


def test_fitting_twice_gives_the_same_bytes(segmenter, eligible, refit):
    again = refit(eligible)
    assert again["segments"].partition.centres.tobytes() == (
        segmenter["segments"].partition.centres.tobytes()
    )
    assert list(again.predict(eligible)) == list(segmenter.predict(eligible))


def test_the_order_of_the_households_changes_nothing(segmenter, eligible, refit):
    shuffled = eligible.sample(frac=1, random_state=5)
    again = refit(shuffled)
    assert list(again.predict(eligible)) == list(segmenter.predict(eligible))


def test_a_stored_segmenter_gives_the_same_answers(segmenter, households):
    stored = pickle.loads(pickle.dumps(segmenter))
    assert list(stored.predict(households)) == list(segmenter.predict(households))


def test_the_steps_can_be_cloned_and_fitted_again(segmenter, eligible):
    copy = clone(segmenter[:-1]).fit(eligible)
    pd.testing.assert_frame_equal(copy.transform(eligible), compute_scores(segmenter, eligible))


def test_scores_tell_their_variables(segmenter):
    assert score_variables(segmenter) == {
        "loyalty": ["repeat_rate", "repeat_opportunities", "brand_loyalty_mid"],
        "deal_proneness": ["promo_share"],
        "usage_volume": ["log_volume"],
        "usage_frequency": ["log_transactions"],
    }


def test_a_constant_variable_is_refused_before_any_segment_is_formed(eligible, refit):
    constant = eligible.drop(columns="promo_share").assign(share_no_promotion=1.0)
    with pytest.raises(SegmentationError, match=r"promo_share.* is 0 for all 543 households"):
        refit(constant)


def test_a_score_whose_indicators_cancel_is_refused():
    score = {"name": "nothing", "weight": 1, "indicators": [{"variable": "a"}, {"variable": "b"}]}
    opposed = pd.DataFrame({"a": [1.0, 2, 3], "b": [3.0, 2, 1]})
    with pytest.raises(SegmentationError, match=r"nothing.* is 0 for all 3 households"):
        refuse_constants(opposed, [Score.model_validate(score)])


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
