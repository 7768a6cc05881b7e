"""The campaign: gains, lift and profit by depth, and the list of targets with its reasons."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from customer_segmentation.classification.campaign import (
    NO_REASON,
    NOT_EXPLAINED,
    count_hits,
    list_targets,
    measure_gains,
)
from customer_segmentation.classification.models import conformity_column, probability_column
from customer_segmentation.classification.parameters import Conformal, Intervals
from customer_segmentation.classification.reliability import draw_weights
from customer_segmentation.segments.partition import Purpose, seed_for
from tests.classification.test_slices import (
    AUDIT,
    CLAIMS,
    PERSONAS,
    make_households,
    make_predictions,
)

COLUMNS = [
    "information_set",
    "claim",
    "segment",
    "depth",
    "mailed",
    "hits",
    "lift",
    "lift_low",
    "lift_high",
    "lift_max",
    "base_rate",
    "profit",
    "profit_low",
    "profit_high",
    "extra_profit",
    "extra_low",
    "extra_high",
    "over_everybody",
    "over_everybody_low",
    "over_everybody_high",
    "mailed_with_thin",
    "hits_with_thin",
    "lift_with_thin",
    "currency",
    "contact_cost",
    "success_value",
]
PROMO = "Promo Shoppers"


@pytest.fixture
def labelled(codebook):
    return make_households(codebook)


@pytest.fixture
def predictions(labelled):
    return make_predictions(labelled)


def configure(modelling, **campaign):
    changed = modelling.campaign.model_copy(update=campaign)
    return modelling.model_copy(update={"campaign": changed})


@pytest.fixture
def modelling(parameters):
    changes = {
        "conformal": Conformal(error_rate=0.55, smallest_group=1),
        "intervals": Intervals(level=0.9, resamples=40),
        "random_state": 3,
    }
    return configure(
        parameters.modelling.model_copy(update=changes),
        segment=PROMO,
        information_set="stranger",
        contact_cost=10,
        success_value=60,
        depths=(0.001, 0.1, 0.67, 1.0),
    )


def count_by_hand(probabilities, success, letters):
    """Go down the classes of equal probability; the last is served in proportion."""
    hits, left = 0.0, letters
    for value in sorted(set(probabilities), reverse=True):
        tied = [s for p, s in zip(probabilities, success, strict=True) if p == value]
        served = min(left, len(tied))
        hits += sum(tied) * served / len(tied)
        left -= served
    return hits


def headline(predictions, information_set, *, thin=False):
    rows = predictions[
        (predictions["information_set"] == information_set)
        & (predictions["model"] == "procedure")
        & (predictions["protocol"] == "nested_cv")
    ]
    return rows if thin else rows[~rows["thin_record"]]


def gains_by_hand(rows, letters):
    counts = [
        count_by_hand(part[probability_column(PROMO)], part["reference"] == PROMO, letters)
        for _, part in rows.groupby("repeat")
    ]
    return np.mean(counts)


def test_ties_share_the_letters_as_a_random_order_would():
    rng = np.random.default_rng(0)
    probabilities = np.array([0.9, 0.5, 0.5, 0.5, 0.5, 0.1])
    success = np.array([False, True, False, True, False, True])
    mailed = np.array([1, 2, 3, 5, 6])
    hits = count_hits(probabilities[:, None], success, np.ones((1, 6)), mailed)
    assert hits[0] == pytest.approx([0, 0.5, 1, 2, 3])
    orders = [np.lexsort((rng.random(6), -probabilities)) for _ in range(4000)]
    average = np.mean([success[order].cumsum()[mailed - 1] for order in orders], axis=0)
    assert hits[0] == pytest.approx(list(average), abs=0.05)


def test_a_resample_is_ranked_anew():
    rng = np.random.default_rng(1)
    probabilities = rng.integers(0, 6, (30, 2)) / 6
    success = rng.random(30) < 0.3
    weights = draw_weights(30, 25, np.random.SeedSequence(2))
    mailed = np.array([1, 4, 15, 29, 30])
    hits = count_hits(probabilities, success, weights, mailed)
    for sample, weight in enumerate(weights):
        drawn = np.repeat(np.arange(30), weight.astype(int))
        for column, letters in enumerate(mailed):
            repeats = [count_by_hand(p[drawn], success[drawn], letters) for p in probabilities.T]
            assert hits[sample, column] == pytest.approx(np.mean(repeats))


def test_gains_are_those_of_each_repeats_ranking(predictions, modelling):
    gains = measure_gains(predictions, AUDIT, modelling)
    assert list(gains) == COLUMNS
    assert dict(zip(gains["information_set"], gains["claim"], strict=True)) == CLAIMS
    assert len(gains) == 3 * 4
    for row in gains.to_dict("records"):
        rows = headline(predictions, row["information_set"])
        n, members = len(rows) // 3, (rows["reference"] == PROMO).sum() / 3
        assert row["mailed"] == max(1, round(row["depth"] * n))
        assert row["hits"] == pytest.approx(gains_by_hand(rows, row["mailed"]))
        assert row["base_rate"] == pytest.approx(members / n)
        assert row["lift"] == pytest.approx(row["hits"] / row["mailed"] / (members / n))
        assert row["lift_max"] == pytest.approx(
            min(members, row["mailed"]) / row["mailed"] / (members / n)
        )
        assert row["profit"] == pytest.approx(60 * row["hits"] - 10 * row["mailed"])
        assert (row["contact_cost"], row["success_value"]) == (10, 60)
        assert row["currency"] == modelling.campaign.currency
        assert row["lift"] <= row["lift_max"] + 1e-12
        anybody = 60 * row["mailed"] * members / n - 10 * row["mailed"]
        assert row["extra_profit"] == pytest.approx(row["profit"] - anybody)
        assert row["over_everybody"] == pytest.approx(row["profit"] - 60 * members + 10 * n)


def test_thin_records_are_counted_beside(predictions, modelling):
    for row in measure_gains(predictions, AUDIT, modelling).to_dict("records"):
        rows = headline(predictions, row["information_set"], thin=True)
        assert row["mailed_with_thin"] == max(1, round(row["depth"] * 240))
        hits = gains_by_hand(rows, row["mailed_with_thin"])
        assert row["hits_with_thin"] == pytest.approx(hits)
        base_rate = (rows["reference"] == PROMO).mean()
        assert row["lift_with_thin"] == pytest.approx(hits / row["mailed_with_thin"] / base_rate)


def test_intervals_hold_the_base_rate_of_each_resample(predictions, modelling):
    gains = measure_gains(predictions, AUDIT, modelling).set_index(["information_set", "depth"])
    rows = headline(predictions, "partly")
    first = rows[rows["repeat"] == 1].set_index("household_id").sort_index()
    weights = draw_weights(len(first), 40, seed_for(3, Purpose.RESAMPLE))
    told = gains.loc[("partly", 0.67)]
    lifts, profits, extras, beyond = [], [], [], []
    for weight in weights:
        times = dict(zip(first.index, weight.astype(int), strict=True))
        drawn = rows.loc[rows.index.repeat(rows["household_id"].map(times))]
        hits = gains_by_hand(drawn, told["mailed"])
        lifts.append(hits / told["mailed"] / (drawn["reference"] == PROMO).mean())
        profits.append(60 * hits - 10 * told["mailed"])
        extras.append(60 * (hits - told["mailed"] * (drawn["reference"] == PROMO).mean()))
        everybody = (60 * (drawn["reference"] == PROMO) - 10).sum() / 3
        beyond.append(profits[-1] - everybody)
    ends = np.quantile([lifts, profits, extras, beyond], [0.05, 0.95], axis=1).T.ravel()
    stems = ("lift", "profit", "extra", "over_everybody")
    names = [f"{stem}_{end}" for stem in stems for end in ("low", "high")]
    assert list(told[names]) == pytest.approx(ends)


def test_mailing_everybody_lifts_nothing(predictions, modelling):
    gains = measure_gains(predictions, AUDIT, modelling)
    everybody = gains[gains["depth"] == 1]
    for name in ("lift", "lift_low", "lift_high", "lift_max", "lift_with_thin"):
        assert everybody[name].to_numpy() == pytest.approx(1)
    for name in ("over_everybody", "over_everybody_low", "over_everybody_high"):
        assert (everybody[name] == 0).all()


def test_a_perfect_ranking_reaches_the_greatest_lift(predictions, modelling):
    knows = (predictions["reference"] == PROMO).astype(float)
    gains = measure_gains(
        predictions.assign(**{probability_column(PROMO): knows}), AUDIT, modelling
    )
    assert gains["lift"].to_numpy() == pytest.approx(gains["lift_max"].to_numpy())


def test_the_same_probability_for_all_is_chance(predictions, modelling):
    gains = measure_gains(predictions.assign(**{probability_column(PROMO): 0.2}), AUDIT, modelling)
    assert gains[["lift", "lift_low", "lift_high"]].to_numpy() == pytest.approx(1)


def test_two_segments_a_single_repeat_and_nobody_in_the_success_segment(codebook, modelling):
    labelled = make_households(codebook, ("1", "2"))
    predictions = make_predictions(labelled, ("1", "2"), repeats=1)
    nobody = measure_gains(
        predictions.assign(reference="2"), AUDIT, configure(modelling, segment="1")
    )
    assert (nobody["hits"] == 0).all()
    assert nobody[["lift", "lift_low", "lift_high", "lift_with_thin"]].isna().all(axis=None)
    assert (nobody["profit"] == -10 * nobody["mailed"]).all()


def test_the_order_of_the_rows_does_not_matter(predictions, modelling):
    within = predictions.sample(frac=1, random_state=1).sort_values("information_set")
    pd.testing.assert_frame_equal(
        measure_gains(within, AUDIT, modelling), measure_gains(predictions, AUDIT, modelling)
    )


def make_shap(labelled):
    fields = ["socio_economic_class", "children", "household_size", "homemaker_sex"]
    rng = np.random.default_rng(4)
    rows = pd.MultiIndex.from_product(
        [PERSONAS, labelled["household_id"], fields], names=["segment", "household_id", "field"]
    ).to_frame(index=False)
    return rows.assign(
        information_set="stranger",
        model="lr",
        shap_value=rng.normal(size=len(rows)).round(1),
        field_value=rng.choice([1.0, 2.0, np.nan], len(rows)),
    )


def test_every_household_is_ranked_by_its_mean_probability(
    predictions, labelled, codebook, modelling
):
    targets = list_targets(predictions, make_shap(labelled), AUDIT, codebook, modelling)
    assert list(targets) == [
        "household_id",
        "rank",
        "probability",
        "prediction_set",
        "reason",
        "thin_record",
        "segment",
        "information_set",
        "claim",
    ]
    told = targets[["segment", "information_set", "claim"]].drop_duplicates()
    assert told.to_numpy().tolist() == [[PROMO, "stranger", CLAIMS["stranger"]]]
    assert sorted(targets["household_id"]) == sorted(labelled["household_id"])
    assert list(targets["rank"]) == list(range(1, 241))
    rows = headline(predictions, "stranger", thin=True)
    means = rows.groupby("household_id")[probability_column(PROMO)].mean()
    order = sorted(means.index, key=lambda household: (-means[household], household))
    assert list(targets["household_id"]) == order
    assert targets["probability"].to_numpy() == pytest.approx(means[order].to_numpy())
    assert means.duplicated().any()  # so that the rule for ties was asked
    thin = labelled.set_index("household_id")["thin_record"]
    assert list(targets["thin_record"]) == list(thin[order])


def test_sets_hold_what_cannot_be_ruled_out_the_likeliest_first(
    predictions, labelled, codebook, modelling
):
    targets = list_targets(predictions, make_shap(labelled), AUDIT, codebook, modelling)
    rows = headline(predictions, "stranger", thin=True)
    means = rows.groupby("household_id").mean(numeric_only=True)
    joined = 0
    for row in targets.to_dict("records"):
        mean = means.loc[row["household_id"]]
        by_probability = sorted(PERSONAS, key=lambda s: (-mean[probability_column(s)], s))
        inside = [s for s in by_probability[1:] if mean[conformity_column(s)] > 0.55]
        joined += mean[conformity_column(by_probability[0])] <= 0.55
        assert row["prediction_set"] == ", ".join([by_probability[0], *inside])
    assert joined  # so that the likeliest segment had to join


def test_reasons_are_the_fields_that_speak_most_for_the_segment(
    predictions, labelled, codebook, modelling
):
    shap_values = make_shap(labelled)
    household = labelled["household_id"].iloc[0]
    mine = (shap_values["household_id"] == household) & (shap_values["segment"] == PROMO)
    shap_values.loc[mine, "shap_value"] = [0.2, 0.5, -0.9, 0.1]
    shap_values.loc[mine, "field_value"] = [4, np.nan, 5, 2]
    targets = list_targets(predictions, shap_values, AUDIT, codebook, modelling)
    assert targets.set_index("household_id").loc[household, "reason"] == (
        "Children in the household: not stated; Socio-economic class: D/E (lowest); "
        "Sex of the homemaker: female"
    )


def test_at_most_three_fields_are_named(predictions, labelled, codebook, modelling):
    shap_values = make_shap(labelled).assign(shap_value=[0.4, 0.3, 0.2, 0.1] * 240 * 3)
    reasons = list_targets(predictions, shap_values, AUDIT, codebook, modelling)["reason"]
    assert (reasons.str.count("; ") == 2).all()
    assert not reasons.str.contains("Sex of the homemaker").any()


def test_other_segments_and_other_sets_give_no_reason(predictions, labelled, codebook, modelling):
    shap_values = make_shap(labelled)
    against = shap_values["segment"] == PROMO
    shap_values.loc[against, "shap_value"] = -1.0
    foreign = shap_values.assign(information_set="partly", shap_value=9.0)
    both = pd.concat([shap_values, foreign])
    assert set(list_targets(predictions, both, AUDIT, codebook, modelling)["reason"]) == {NO_REASON}


def test_what_was_not_explained_is_said(predictions, labelled, codebook, modelling):
    shap_values = make_shap(labelled.iloc[5:])
    targets = list_targets(predictions, shap_values, AUDIT, codebook, modelling)
    silent = targets.loc[targets["reason"] == NOT_EXPLAINED, "household_id"]
    assert set(silent) == set(labelled["household_id"].iloc[:5])
    nothing = list_targets(predictions, shap_values.iloc[:0], AUDIT, codebook, modelling)
    assert set(nothing["reason"]) == {NOT_EXPLAINED}
