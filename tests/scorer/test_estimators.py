"""Numbers taken out of a fitted classifier answer as the classifier does."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from sklearn.ensemble import RandomForestClassifier

from customer_segmentation.classification.audit import Claim
from customer_segmentation.classification.calibration import SMALLEST
from customer_segmentation.classification.estimators import CLASSIFIERS, FOREST, LR, XGBOOST
from customer_segmentation.classification.explanation import (
    attribute_boosting,
    attribute_forest,
    attribute_linear,
)
from customer_segmentation.scorer.champions import Champion, extract_champion
from customer_segmentation.scorer.estimators import BoostedTrees, extract_estimator

EVERY = [(model, segments) for model in CLASSIFIERS for segments in (2, 3)]
TOLERANCE = {XGBOOST: 1e-6}  # it adds up in single precision


@pytest.mark.parametrize(("model", "segments"), EVERY)
def test_probabilities_before_calibration_are_those_of_the_original(fit, awkward, model, segments):
    original = fit(model, segments)
    encoded = original.encoder.transform(awkward)
    expected = original.estimator.predict_proba(encoded)
    answers = extract_estimator(original).predict_proba(encoded)
    assert answers.shape == (len(awkward), segments)
    np.testing.assert_allclose(answers, expected, rtol=0, atol=TOLERANCE.get(model, 1e-12))
    np.testing.assert_array_equal(answers.argmax(axis=1), expected.argmax(axis=1))
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("model", "segments"), EVERY)
def test_contributions_are_those_of_the_original(fit, awkward, model, segments):
    original = fit(model, segments)
    encoded = original.encoder.transform(awkward)
    expected = EXPLAINED[model](encoded, original)
    contributions, base = extract_estimator(original).attribute(encoded)
    assert contributions.shape == (*encoded.shape, segments)
    tolerance = {XGBOOST: 1e-5}.get(model, 1e-9)
    # Margins are told up to what the segments of a household share.
    np.testing.assert_allclose(
        centre(contributions), centre(expected.contributions), rtol=1e-9, atol=tolerance
    )
    np.testing.assert_allclose(centre(base), centre(expected.base), rtol=0, atol=tolerance)


EXPLAINED = {
    LR: lambda encoded, original: attribute_linear(
        encoded, original.estimator.coef_, original.estimator.intercept_, original.background
    ),
    XGBOOST: lambda encoded, original: attribute_boosting(
        encoded, original.estimator.classifier_.get_booster()
    ),
    FOREST: lambda encoded, original: attribute_forest(encoded, original.estimator),
}


def centre(margins):
    return margins - margins.mean(axis=-1, keepdims=True)


@pytest.mark.parametrize(("model", "segments"), EVERY)
def test_contributions_add_up_to_the_log_probabilities(fit, awkward, model, segments):
    original = fit(model, segments)
    encoded = original.encoder.transform(awkward)
    estimator = extract_estimator(original)
    contributions, base = estimator.attribute(encoded)
    logs = np.log(estimator.predict_proba(encoded).clip(SMALLEST))
    within = (logs > np.log(SMALLEST)).all(axis=1) | (model == FOREST)
    assert within.mean() > 0.5
    sums = base + contributions.sum(axis=1)
    np.testing.assert_allclose(centre(sums[within]), centre(logs[within]), rtol=0, atol=1e-9)


@pytest.mark.parametrize(("model", "segments"), EVERY)
def test_a_household_alone_gets_the_answer_it_gets_among_others(fit, awkward, model, segments):
    original = fit(model, segments)
    encoded = original.encoder.transform(awkward.iloc[590:640])
    estimator = extract_estimator(original)
    alone = [estimator.predict_proba(encoded[[row]])[0] for row in range(len(encoded))]
    # Of a linear model, the library that multiplies matrices adds up in an order of its own.
    tolerance = 1e-12 if model == LR else 0
    np.testing.assert_allclose(alone, estimator.predict_proba(encoded), rtol=0, atol=tolerance)
    alone = [estimator.attribute(encoded[[row]]).contributions[0] for row in range(len(encoded))]
    among_others = estimator.attribute(encoded).contributions
    np.testing.assert_allclose(alone, among_others, rtol=0, atol=tolerance)


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_no_household_gets_no_answer(fit, values, model):
    champion = extract_champion("a set", Claim.PREDICTION, fit(model, 3), 0.1)
    assert champion.predict_proba(values.iloc[:0]).shape == (0, 3)


def test_missing_values_go_both_ways_in_a_forest_as_scikit_learn_sends_them(fit):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(400, 3))
    missing = rng.random(points.shape) < 0.3
    labels = np.where(missing[:, 0], 2, (points[:, 1] > 0).astype(int))
    points[missing] = np.nan
    forest = RandomForestClassifier(10, random_state=0).fit(points, labels)
    original = fit("rf", 3)
    stored = extract_estimator(type(original)(**{**vars(original), "estimator": forest}))
    inner = np.array(stored.left) != np.arange(len(stored.left))
    assert set(np.array(stored.missing_left)[inner]) == {False, True}
    np.testing.assert_allclose(
        stored.predict_proba(points), forest.predict_proba(points), rtol=0, atol=1e-12
    )


def test_a_tree_that_never_asks_is_a_single_leaf(fit, values):
    original = fit("rf", 2)
    encoded = original.encoder.transform(values)
    lonely = RandomForestClassifier(3, max_leaf_nodes=None, min_samples_leaf=len(values))
    lonely.fit(encoded, original.numbers)
    stored = extract_estimator(type(original)(**{**vars(original), "estimator": lonely}))
    assert stored.roots == (0, 1, 2)
    np.testing.assert_allclose(
        stored.predict_proba(encoded), lonely.predict_proba(encoded), rtol=0, atol=1e-12
    )


def test_values_at_a_threshold_go_where_they_went_in_single_precision(fit, values):
    original = fit("rf", 3)
    forest, stored = original.estimator, extract_estimator(original)
    thresholds = np.array(stored.thresholds)
    inner = np.array(stored.left) != np.arange(len(stored.left))
    inner &= thresholds < np.finfo(float).max  # where only missing values go right
    columns, thresholds = np.array(stored.columns)[inner], thresholds[inner]
    encoded = original.encoder.transform(values)[np.arange(len(columns)) % len(values)]
    for shift in (0, 1e-9, -1e-9):
        at = encoded.copy()
        at[np.arange(len(columns)), columns] = thresholds + shift
        np.testing.assert_allclose(
            stored.predict_proba(at), forest.predict_proba(at), rtol=0, atol=1e-12
        )


def test_households_of_a_forest_weigh_its_branches(fit):
    stored = extract_estimator(fit("rf", 3))
    left, right = np.array(stored.left), np.array(stored.right)
    households, shares = np.array(stored.households), np.array(stored.probabilities)
    inner = np.flatnonzero(left != np.arange(len(left)))
    below = [left[inner], right[inner]]
    np.testing.assert_array_equal(households[inner], sum(households[each] for each in below))
    np.testing.assert_allclose(
        shares[inner] * households[inner, np.newaxis],
        sum(shares[each] * households[each, np.newaxis] for each in below),
    )


def test_of_two_segments_a_linear_model_has_a_row_each(fit):
    original = fit("lr", 2)
    stored = extract_estimator(original)
    assert set(stored.coefficients[0]) == {0.0} == {stored.intercepts[0]}
    np.testing.assert_array_equal(stored.coefficients[1], original.estimator.coef_[0])
    np.testing.assert_array_equal(stored.background, original.background)


def test_bytes_that_are_no_trees_are_refused():
    with pytest.raises(ValueError, match="validation error for BoostedTrees"):
        BoostedTrees(ubj=b"{no trees}")


@pytest.mark.parametrize(("model", "segments"), EVERY)
def test_a_champion_is_calibrated_as_the_original_is(fit, awkward, model, segments):
    original = fit(model, segments)
    champion = extract_champion("a set", Claim.PREDICTION, original, 0.1)
    assert champion.estimator.model == model
    assert champion.segments == tuple(original.segments)
    assert champion.fields == list(awkward.columns)
    np.testing.assert_allclose(
        champion.predict_proba(awkward),
        original.predict_proba(awkward),
        rtol=0,
        atol=TOLERANCE.get(model, 1e-9),
    )


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_what_an_estimator_works_out_is_not_pickled(fit, awkward, model):
    original = fit(model, 3)
    estimator = extract_estimator(original)
    before = pickle.dumps(estimator)
    encoded = original.encoder.transform(awkward)
    answers, explained = estimator.predict_proba(encoded), estimator.attribute(encoded)
    assert pickle.dumps(estimator) == before
    back = pickle.loads(before)
    np.testing.assert_array_equal(back.predict_proba(encoded), answers)
    np.testing.assert_array_equal(back.attribute(encoded).contributions, explained.contributions)


@pytest.mark.parametrize("model", ["lr", "rf"])
def test_a_champion_comes_back_from_json_as_it_was(fit, awkward, model):
    champion = extract_champion("a set", Claim.PREDICTION, fit(model, 3), 0.1)
    text = champion.model_dump_json()
    assert "NaN" not in text
    back = Champion.model_validate_json(text)
    assert back.encoding == champion.encoding or model == "rf"  # NaN differs from itself
    np.testing.assert_array_equal(back.predict_proba(awkward), champion.predict_proba(awkward))


def test_what_fills_a_missing_value_may_itself_be_missing(fit):
    champion = extract_champion("a set", Claim.PREDICTION, fit("rf", 3), 0.1)
    stored = [each for each in champion.model_dump(mode="json")["encoding"] if "fill" in each]
    assert {each["fill"] for each in stored} == {None}
    assert all(np.isnan(entry.fill) for entry in champion.encoding if hasattr(entry, "fill"))


@pytest.mark.parametrize(("model", "segments"), EVERY)
def test_thresholds_rule_out_what_conformity_rules_out(fit, model, segments):
    original = fit(model, segments)
    champion = extract_champion("a set", Claim.PREDICTION, original, 0.1)
    for segment, threshold in enumerate(champion.thresholds):
        own = original.out_of_fold[original.numbers == segment, segment]
        for probability in np.quantile(own, [0, 0.05, 0.09, 0.1, 0.11, 0.5]):
            conformity = (1 + (own <= probability).sum()) / (1 + len(own))
            assert (probability >= threshold) == (conformity > 0.1)


def test_an_unknown_model_has_no_numbers(fit):
    original = fit("lr", 3)
    with pytest.raises(KeyError):
        extract_estimator(type(original)(**{**vars(original), "model": "majority"}))


def test_inputs_stay_as_they_are(fit, awkward):
    champion = extract_champion("a set", Claim.OVERLAP, fit("rf", 3), 0.1)
    before = awkward.copy()
    champion.predict_proba(awkward)
    pd.testing.assert_frame_equal(awkward, before)


# What cannot be a champion


def spoil(values: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Change the value at a path such as `estimator.left.0`; a function changes what is there."""
    copied: dict[str, Any] = copy.deepcopy(values)
    *way, last = [int(each) if each.isdigit() else each for each in path.split(".")]
    at: Any = copied
    for step in way:
        at = at[step]
    at[last] = value(at[last]) if callable(value) else value
    return copied


SPOILT_CHAMPIONS = [
    ("lr", "information_set", "", "at least 1"),
    ("lr", "claim", "assignment", "the segmenter assigns"),
    ("lr", "segments", lambda old: old[:1] * 3, "stands twice"),
    ("lr", "segments", lambda old: old[:1], "at least 2"),
    ("lr", "segments", lambda old: [*old, "new"], "differ in their number"),
    ("lr", "shares", [0.5, 0.5], "differ in their number"),
    ("lr", "shares", [0.5, 0.4, 0.2], "sum to 1.1"),
    ("lr", "shares", [0.0, 0.5, 0.5], "greater than 0"),
    ("lr", "thresholds", [], "differ in their number"),
    ("lr", "thresholds.0", 1.1, "less than or equal to 1"),
    ("lr", "thresholds.0", -0.1, "greater than or equal to 0"),
    ("lr", "temperature", 0.0, "greater than"),
    ("lr", "temperature", -1.0, "greater than"),
    ("lr", "temperature", math.inf, "finite|less than"),
    ("lr", "temperature", "1.5", "valid number"),
    ("lr", "temperature", True, "valid number"),
    ("lr", "encoding", [], "does not fit"),
    ("lr", "encoding", lambda old: old[1:], "does not fit"),
    ("lr", "encoding", lambda old: [*old, old[0]], "stands twice"),
    ("lr", "encoding.0.blank", 1, "boolean"),
    ("lr", "encoding.0.scale", 0.0, "greater than 0"),
    ("lr", "encoding.0.fill", None, "in a missing value's place"),
    ("lr", "encoding.0.fill", math.inf, "infinite"),
    ("lr", "encoding.1.codes", lambda old: [old[0], *old[:-1]], "stands twice"),
    ("lr", "estimator.intercepts", lambda old: old[1:], "does not fit"),
    ("lr", "estimator.intercepts.0", math.nan, "finite"),
    ("lr", "estimator.coefficients", [], "at least 1"),
    ("lr", "estimator.coefficients", lambda old: old[1:], "does not fit"),
    ("lr", "estimator.coefficients.0", lambda old: old[1:], "differ in length"),
    ("lr", "estimator.background", lambda old: old[1:], "does not fit"),
    ("rf", "estimator.roots", [], "at least 1"),
    ("rf", "estimator.roots.0", 10**30, "less than"),
    ("rf", "estimator.roots.0", 10**6, "not there"),
    ("rf", "estimator.left.0", 10**6, "not there"),
    ("rf", "estimator.left.0", 0, "leads back"),
    ("rf", "estimator.right.1", 0, "leads back"),
    ("rf", "estimator.left.0", 2, "no branch leads to a node, or more"),
    ("rf", "estimator.roots.1", 0, "no branch leads to a node, or more"),
    ("rf", "estimator.households.0", 0.0, "greater than 0"),
    ("rf", "estimator.left.0", 1.0, "integer"),
    ("rf", "estimator.columns.0", -1, "greater than or equal to 0"),
    ("rf", "estimator.columns.0", 10**6, "does not fit"),
    ("rf", "estimator.missing_left.0", 1, "boolean"),
    ("rf", "estimator.thresholds", lambda old: old[1:], "differ in length"),
    ("rf", "estimator.households", lambda old: old[1:], "differ in length"),
    ("rf", "estimator.probabilities", lambda old: old[:1], "differ in length"),
    ("rf", "estimator.probabilities.0", [0.5, 0.5], "differ in length"),
    ("rf", "estimator.probabilities.0", [0.5, 0.5, 0.5], "sum to 1.5"),
    ("rf", "estimator.probabilities.0", [1.5, -0.5, 0.0], "greater than or equal to 0"),
    ("rf", "estimator.probabilities", lambda old: [[0.5, 0.5]] * len(old), "does not fit"),
]


@pytest.mark.parametrize(("model", "path", "value", "why"), SPOILT_CHAMPIONS)
def test_a_champion_that_could_answer_wrongly_is_refused(fit, model, path, value, why):
    champion = extract_champion("a set", Claim.PREDICTION, fit(model, 3), 0.1)
    values = champion.model_dump(mode="json")
    if path.startswith("encoding."):  # a number first and then a nominal field
        values["encoding"].sort(key=lambda entry: entry["kind"], reverse=True)
        where = sum(entry["kind"] == "number" for entry in values["encoding"])
        path = path.replace(".1.", f".{where}.")
    assert Champion.model_validate(values).temperature == champion.temperature
    with pytest.raises(ValidationError, match=why):
        Champion.model_validate(spoil(values, path, value))
