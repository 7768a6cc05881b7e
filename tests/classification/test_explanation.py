from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import norm
from shap import LinearExplainer, TreeExplainer
from sklearn.ensemble import RandomForestClassifier

from customer_segmentation.classification.encoding import encoded_fields
from customer_segmentation.classification.importance import (
    attribute_forest,
    explain,
)
from customer_segmentation.classification.models import (
    CLASSIFIERS,
    FOREST,
    SMALLEST,
    XGBOOST,
    tune_classifier,
)
from customer_segmentation.classification.validation import take_values
from customer_segmentation.segments.partition import Partition
from customer_segmentation.segments.segmenter import Segmenter, explain_distances

SETS = ["demographics", "panel_record"]
TOLERANCE = {XGBOOST: 1e-5}  # it works in float32


@pytest.fixture
def tune(eligible, small_modelling, codebook):
    """Tune on two thirds of the households, and give the values of the others."""

    def tune_on(model, name="demographics", segments=3):
        kept = eligible[eligible["segment"].isin(np.unique(eligible["segment"])[:segments])]
        tested = kept.index % 3 == 0
        values = take_values(kept, small_modelling.information_set(name), codebook)
        grid = getattr(small_modelling.models, model)[:1]
        labels = kept.loc[~tested, "segment"]
        return tune_classifier(model, values[~tested], labels, grid, 3, codebook, 5), values[tested]

    return tune_on


def centre(logs):
    return logs - logs.mean(axis=-1, keepdims=True)


def sum_fields(tuned, by_column):
    """Households x encoded columns x segments to households x fields x segments, by name."""
    table = pd.DataFrame({"field": encoded_fields(tuned.encoder.entries_)})
    return np.stack(
        [
            by_column[:, rows].sum(axis=1)
            for rows in table.groupby("field", sort=False).groups.values()
        ],
        axis=1,
    )


@pytest.mark.parametrize("model", CLASSIFIERS)
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("segments", [2, 3])
def test_contributions_add_up_to_the_calibrated_probabilities(tune, model, name, segments):
    tuned, values = tune(model, name, segments)
    assert values.isna().any(axis=None)
    assert tuned.temperature != 1
    explanation = explain(tuned, values)
    assert explanation.fields == list(values)
    assert explanation.values.shape == (len(values), values.shape[1], segments)
    total = explanation.base + explanation.values.sum(axis=1)
    expected = centre(np.log(tuned.predict_proba(values)))
    raw = tuned.estimator.predict_proba(tuned.encoder.transform(values))
    exact = np.full(len(raw), model == FOREST) | (raw > SMALLEST).all(axis=1)
    assert exact.mean() > 0.9
    tolerance = TOLERANCE.get(model, 1e-9)
    np.testing.assert_allclose(total[exact], expected[exact], rtol=0, atol=tolerance)
    np.testing.assert_allclose(explanation.values.sum(axis=2), 0, atol=1e-12)


@pytest.mark.parametrize("segments", [2, 3])
def test_a_linear_model_is_explained_as_by_shap(tune, segments):
    tuned, values = tune("lr", "panel_record", segments)
    encoded = tuned.encoder.transform(values)
    flat = np.eye(encoded.shape[1])
    own = LinearExplainer(tuned.estimator, (tuned.background, flat)).shap_values(encoded)
    margins = own if segments == 3 else np.stack([np.zeros_like(own), own], axis=-1)
    expected = centre(sum_fields(tuned, margins)) / tuned.temperature
    np.testing.assert_allclose(explain(tuned, values).values, expected, atol=1e-12)


@pytest.mark.parametrize("segments", [2, 3])
def test_boosted_trees_are_explained_as_by_shap(tune, segments):
    tuned, values = tune("xgboost", "panel_record", segments)
    explainer = TreeExplainer(tuned.estimator.classifier_)
    own = explainer.shap_values(tuned.encoder.transform(values)).astype(float)
    margins = own if segments == 3 else np.stack([np.zeros_like(own), own], axis=-1)
    expected = centre(sum_fields(tuned, margins)) / tuned.temperature
    np.testing.assert_allclose(explain(tuned, values).values, expected, atol=1e-6)


@pytest.mark.parametrize("segments", [2, 3])
def test_a_forest_is_explained_along_the_slope_of_the_logarithm(tune, segments):
    tuned, values = tune("rf", "panel_record", segments)
    encoded = tuned.encoder.transform(values)
    explainer = TreeExplainer(tuned.estimator)
    to_probability = sum_fields(tuned, explainer.shap_values(encoded))
    base, reached = explainer.expected_value, tuned.estimator.predict_proba(encoded)
    far = (reached > 0.01).all(axis=1)  # from 0, where the slope has no mean
    assert far.sum() > 20
    way = base + (np.arange(20_000) + 0.5)[:, None, None] / 20_000 * (reached[far] - base)
    slopes = (1 / way).mean(axis=0)
    expected = centre(to_probability[far] * slopes[:, None, :]) / tuned.temperature
    np.testing.assert_allclose(explain(tuned, values).values[far], expected, atol=1e-6)


def test_a_forest_that_says_the_same_of_everybody_has_nothing_to_explain():
    encoded, labels = np.ones((12, 2)), np.repeat([0, 1, 2], 4)
    forest = RandomForestClassifier(5, random_state=1).fit(encoded, labels)
    contributions, base = attribute_forest(encoded, forest)
    np.testing.assert_array_equal(contributions, 0)
    np.testing.assert_allclose(np.exp(base), forest.predict_proba(encoded)[0])


def test_contributions_to_a_forest_that_cancel_stay_what_they_are():
    # The share of the second segment with no column set, one, the other, both
    encoded = np.repeat([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], 10, axis=0)
    labels = np.concatenate([np.arange(10) < count for count in (5, 8, 2, 5)]).astype(int)
    forest = RandomForestClassifier(1, bootstrap=False, max_features=None, random_state=1)
    contributions, base = attribute_forest(encoded[-1:], forest.fit(encoded, labels))
    np.testing.assert_allclose(base, np.log([0.5, 0.5]))
    # on the way from .5 to .5 the logarithm has the slope 2
    np.testing.assert_allclose(contributions, [[[-0.3, 0.3], [0.3, -0.3]]], atol=1e-12)


def test_a_forest_that_is_certain_is_explained_down_to_the_floor():
    encoded = np.repeat([[0.0], [1.0]], 20, axis=0)
    forest = RandomForestClassifier(9, random_state=1).fit(encoded, np.repeat([0, 1], 20))
    contributions, base = attribute_forest(encoded, forest)
    margins = base + contributions.sum(axis=1)
    np.testing.assert_allclose(margins[0], np.log([1, 1e-6]), atol=1e-9)
    np.testing.assert_allclose(margins[-1], np.log([1e-6, 1]), atol=1e-9)


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_temperature_divides_contributions_and_moves_the_base_towards_the_shares(tune, model):
    tuned, values = tune(model)
    hot = replace(tuned, temperatures=[4 * tuned.temperature])
    mild, cool = explain(hot, values), explain(tuned, values)
    np.testing.assert_allclose(4 * mild.values, cool.values, atol=1e-12)
    shares = centre(np.log(tuned.shares))
    np.testing.assert_allclose(4 * (mild.base - shares), cool.base - shares, atol=1e-12)


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_each_of_two_segments_gains_what_the_other_loses(tune, model):
    tuned, values = tune(model, segments=2)
    explanation = explain(tuned, values)
    assert np.abs(explanation.values).max() > 0.01
    np.testing.assert_allclose(explanation.values[..., 0], -explanation.values[..., 1])
    np.testing.assert_allclose(explanation.base[0], -explanation.base[1])


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_a_household_alone_is_explained_as_among_others(tune, model):
    tuned, values = tune(model)
    everyone, alone = explain(tuned, values), explain(tuned, values.iloc[[7]])
    np.testing.assert_allclose(alone.values[0], everyone.values[7], atol=1e-12)
    np.testing.assert_allclose(alone.base, everyone.base, atol=1e-12)


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_a_field_that_is_the_same_for_everybody_contributes_nothing(
    eligible, small_modelling, codebook, model
):
    values = take_values(eligible, small_modelling.information_set("demographics"), codebook)
    values["household_size"] = 3.0
    grid = getattr(small_modelling.models, model)[:1]
    tuned = tune_classifier(model, values, eligible["segment"], grid, 3, codebook, 5)
    explanation = explain(tuned, values)
    contributions = explanation.values[:, explanation.fields.index("household_size")]
    np.testing.assert_array_equal(contributions, 0)


VARIABLES = ["brand_loyalty_low", "promo_share", "log_volume"]
CENTRES = np.array([[1.0, 0.0, 0.3], [-1.0, 0.2, 0.0], [0.0, 1.5, -0.4]])


@pytest.fixture
def build(segmenter):
    """A segmenter with three standardised scores and the given partition."""

    def build_with(partition):
        values = segmenter.model_dump()
        first = zip(values["scores"][:3], VARIABLES, strict=True)
        scores = [each | {"name": name} for each, name in first]
        standards = {name: {"mean": 0.0, "sd": 1.0} for name in VARIABLES}
        used = {each["variable"] for score in scores for each in score["indicators"]}
        learnt = {
            "scores": scores,
            "standards": standards,
            "indicators": {name: values["indicators"][name] for name in used},
            "centres": partition.centres.tolist(),
            "variances": partition.variances.tolist(),
            "shares": partition.shares.tolist(),
            "names": [f"Segment {number}" for number in range(len(partition.centres))],
        }
        return Segmenter.model_validate(values | learnt)

    return build_with


@pytest.fixture
def placed(labelled):
    """The scores of every household, as `segment_scores`."""
    scores = pd.DataFrame(standardise(labelled), columns=VARIABLES)
    return labelled[["household_id"]].join(scores)


def standardise(labelled):
    values = labelled[VARIABLES].to_numpy()
    return (values - values.mean(axis=0)) / values.std(axis=0)


@pytest.mark.parametrize("segments", [2, 3])
def test_the_scores_add_up_to_the_difference_of_the_squared_distances(
    labelled, placed, build, segments
):
    segmenter = build(Partition.around(CENTRES[:segments]))
    table = explain_distances(segmenter, placed)
    assert table.columns.tolist() == [
        "household_id", "segment", "second_segment", "score", "contribution",
    ]  # fmt: skip
    assert table["household_id"].tolist() == np.repeat(labelled["household_id"], 3).tolist()
    assert table["score"].tolist() == VARIABLES * len(labelled)
    distances = np.sort(cdist(standardise(labelled), CENTRES[:segments], "sqeuclidean"), axis=1)
    sums = table.groupby("household_id", sort=False)["contribution"].sum()
    np.testing.assert_allclose(sums, distances[:, 1] - distances[:, 0], atol=1e-9)
    each = table.drop_duplicates("household_id")
    scores = placed[VARIABLES].to_numpy()
    assert each["segment"].tolist() == segmenter.predict(scores).tolist()
    assert each["second_segment"].tolist() == segmenter.predict_second(scores).tolist()


def test_each_score_speaks_for_itself(labelled, placed, build):
    table = explain_distances(build(Partition.around(CENTRES)), placed)
    score = standardise(labelled)[41, 1]
    row = table.iloc[41 * 3 + 1]
    own, second = int(row["segment"][-1]), int(row["second_segment"][-1])
    expected = (score - CENTRES[second, 1]) ** 2 - (score - CENTRES[own, 1]) ** 2
    assert row["score"] == "promo_share"
    assert row["contribution"] == pytest.approx(expected)


def test_a_mixture_adds_up_to_twice_the_log_likelihood_ratio(labelled, placed, build):
    variances = np.array([[0.5, 1.0, 2.0], [1.0, 0.3, 1.0], [3.0, 1.0, 0.2]])
    partition = Partition(CENTRES, variances, np.array([0.6, 0.3, 0.1]))
    table = explain_distances(build(partition), placed)
    scores = standardise(labelled)
    by_score = norm.logpdf(scores[:, None], CENTRES, np.sqrt(variances))
    order = np.argsort(-(by_score.sum(axis=2) + np.log([0.6, 0.3, 0.1])), axis=1)
    row = np.arange(len(scores))
    expected = 2 * (by_score[row, order[:, 0]] - by_score[row, order[:, 1]])
    np.testing.assert_allclose(table["contribution"], expected.ravel(), atol=1e-9)


def test_the_segmenter_of_an_ordinary_run_is_explained(labelled, segmenter, codebook):
    scores = segmenter.compute_scores(labelled, codebook)
    table = explain_distances(segmenter, labelled[["household_id"]].join(scores))
    first = table.drop_duplicates("household_id")
    assert first["segment"].tolist() == labelled["segment"].tolist()  # thin records too
    assert (first["segment"] != first["second_segment"]).all()
    assert (table.groupby("household_id")["contribution"].sum() > 0).all()
