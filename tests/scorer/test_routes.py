"""Champions answer as the classifiers that they were taken from, and know how good they are."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from customer_segmentation.classification.audit import Claim
from customer_segmentation.classification.importance import explain
from customer_segmentation.classification.models import CLASSIFIERS, XGBOOST
from customer_segmentation.scorer.bundle import collect_evidence, extract_champion
from customer_segmentation.scorer.routes import Champion, Evidence

EVERY = [(model, segments) for model in CLASSIFIERS for segments in (2, 3)]


@pytest.fixture(scope="module")
def extract(fit):
    """Take a champion from a small classifier."""

    def extract_from(model: str, segments: int, *fields: str) -> Champion:
        return extract_champion("a set", Claim.PREDICTION, fit(model, segments, *fields), 0.1)

    return extract_from


@pytest.mark.parametrize(("model", "segments"), EVERY)
def test_a_champion_answers_as_the_original_does(extract, fit, awkward, model, segments):
    original, champion = fit(model, segments), extract(model, segments)
    assert champion.estimator.model == model
    assert champion.segments == tuple(original.segments)
    assert champion.fields == list(awkward.columns)
    answers, expected = champion.predict_proba(awkward), original.predict_proba(awkward)
    assert answers.shape == (len(awkward), segments)
    tolerance = 1e-6 if model == XGBOOST else 1e-9  # it adds up in single precision
    np.testing.assert_allclose(answers, expected, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(answers.argmax(axis=1), expected.argmax(axis=1))
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("model", "segments"), EVERY)
def test_a_champion_is_explained_as_the_original_is(extract, fit, awkward, model, segments):
    expected, explained = (
        explain(fit(model, segments), awkward),
        extract(model, segments).explain(awkward),
    )
    assert (explained.segments, explained.fields) == (expected.segments, expected.fields)
    tolerance = 1e-5 if model == XGBOOST else 1e-9
    np.testing.assert_allclose(explained.values, expected.values, rtol=1e-9, atol=tolerance)
    np.testing.assert_allclose(explained.base, expected.base, rtol=0, atol=tolerance)


@pytest.mark.parametrize("segments", [2, 3])
def test_a_household_alone_gets_the_bits_of_a_linear_model_that_it_gets_among_others(
    extract, values, segments
):
    champion = extract("lr", segments)
    together = champion.predict_proba(values[:50])
    alone = [champion.predict_proba(values.iloc[[row]])[0] for row in range(50)]
    np.testing.assert_array_equal(alone, together)


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_no_household_gets_no_answer_and_inputs_stay_as_they_are(extract, awkward, model):
    champion, before = extract(model, 3), awkward.copy()
    assert champion.predict_proba(awkward.iloc[:0]).shape == (0, 3)
    champion.predict_proba(awkward)
    champion.explain(awkward)
    pd.testing.assert_frame_equal(awkward, before)


def test_of_two_segments_a_linear_model_has_a_row_each(extract, fit):
    original, model = fit("lr", 2), extract("lr", 2).estimator
    assert set(model.coefficients[0]) == {0.0} == {model.intercepts[0]}
    np.testing.assert_array_equal(model.coefficients[1], original.estimator.coef_[0])
    np.testing.assert_array_equal(model.background, original.background)


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_a_champion_comes_back_with_the_same_bits_without_what_it_worked_out(
    extract, awkward, model
):
    champion = extract(model, 3)
    before = pickle.dumps(champion)
    answers, explained = champion.predict_proba(awkward), champion.explain(awkward)
    assert pickle.dumps(champion) == before
    text = champion.model_dump_json()
    assert "NaN" not in text
    for back in (pickle.loads(before), Champion.model_validate_json(text)):
        np.testing.assert_array_equal(back.predict_proba(awkward), answers)
        np.testing.assert_array_equal(back.explain(awkward).values, explained.values)


def test_what_fills_a_missing_value_may_itself_be_missing(extract):
    champion = extract("rf", 3)
    stored = [each for each in champion.model_dump(mode="json")["encoding"] if "fill" in each]
    assert {each["fill"] for each in stored} == {None}
    assert all(np.isnan(entry.fill) for entry in champion.encoding if hasattr(entry, "fill"))


@pytest.mark.parametrize(("model", "segments"), EVERY)
def test_thresholds_rule_out_what_conformity_rules_out(extract, fit, model, segments):
    original, champion = fit(model, segments), extract(model, segments)
    for segment, threshold in enumerate(champion.thresholds):
        own = original.out_of_fold[original.numbers == segment, segment]
        for probability in np.quantile(own, [0, 0.05, 0.09, 0.1, 0.11, 0.5]):
            conformity = (1 + (own <= probability).sum()) / (1 + len(own))
            assert (probability >= threshold) == (conformity > 0.1)


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
    ("rf", "estimator.roots.0", 10**6, "not there"),
    ("rf", "estimator.columns.0", 10**6, "does not fit"),
    ("rf", "estimator.missing_left.0", 1, "boolean"),
    (
        "xgboost",
        "estimator.outputs",
        lambda old: [row[:2] for row in old],
        "differ in their number",
    ),
    ("xgboost", "encoding", lambda old: old[:-1], "does not fit"),
    ("xgboost", "estimator.model", "svm", "does not match any of the expected tags"),
]


@pytest.mark.parametrize(("model", "path", "value", "why"), SPOILT_CHAMPIONS)
def test_a_champion_that_could_answer_wrongly_is_refused(extract, model, path, value, why):
    champion = extract(model, 3)
    values = champion.model_dump(mode="json")
    if path.startswith("encoding."):  # a number first and then a nominal field
        values["encoding"].sort(key=lambda entry: entry["kind"], reverse=True)
        where = sum(entry["kind"] == "number" for entry in values["encoding"])
        path = path.replace(".1.", f".{where}.")
    assert Champion.model_validate(values).temperature == champion.temperature
    with pytest.raises(ValidationError, match=why):
        Champion.model_validate(spoil(values, path, value))


# How good its answers are

FIGURES: dict[str, Any] = {
    "households": 543,
    "accuracy": 0.61,
    "accuracy_low": 0.55,
    "accuracy_high": 0.66,
    "majority": 0.58,
    "coverage": 0.9,
    "set_size": 1.75,
}


@pytest.fixture
def classifier_metrics() -> pd.DataFrame:
    """Figures of two sets, by two protocols and four models, no two of them alike."""
    keys = [
        (name, model, protocol)
        for name in ("demographics", "source_study")
        for protocol in ("holdout", "nested_cv")
        for model in ("procedure", "lr", "prior", "majority")
    ]
    table = pd.DataFrame(keys, columns=["information_set", "model", "protocol"])
    for at, name in enumerate(("n", "accuracy", "accuracy_low", "accuracy_high")):
        table[name] = [row / 100 + at / 10 for row in range(len(table))]
    return table.assign(n=range(500, 500 + len(table)))


@pytest.fixture
def conformal_summary() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "information_set": ["source_study", "demographics", "demographics"],
            "group_by": ["all", "segment", "all"],
            "coverage": [0.91, 0.92, 0.93],
            "mean_set_size": [1.1, 1.2, 1.3],
        }
    )


def test_evidence_is_of_the_set_s_procedure_by_nested_validation(
    classifier_metrics, conformal_summary
):
    evidence = collect_evidence("demographics", classifier_metrics, conformal_summary)
    assert evidence.model_dump() == {
        "households": 504,
        "accuracy": 0.04 + 0.1,
        "accuracy_low": 0.04 + 0.2,
        "accuracy_high": pytest.approx(0.04 + 0.3),
        "majority": pytest.approx(0.07 + 0.1),
        "coverage": 0.93,
        "set_size": 1.3,
    }
    other = collect_evidence("source_study", classifier_metrics, conformal_summary)
    assert (other.households, other.coverage) == (512, 0.91)


def test_evidence_comes_with_the_champion_or_not_at_all(fit):
    evidence = Evidence(**FIGURES)
    told = extract_champion("a set", Claim.PREDICTION, fit("lr", 3), 0.1, evidence)
    assert told.evidence == evidence
    assert extract_champion("a set", Claim.PREDICTION, fit("lr", 3), 0.1).evidence is None


@pytest.mark.parametrize(
    "spoilt",
    [
        *({"households": value} for value in (0, 1.5, "543", True)),
        *({name: 1.1} for name in FIGURES if name not in ("households", "set_size")),
        *({name: -0.1} for name in FIGURES),
        *({name: math.nan} for name in FIGURES),
        {"set_size": 0.9},
        {"set_size": math.inf},
        {"f1": 0.5},
    ],
    ids=str,
)
def test_what_cannot_have_been_measured_is_refused(spoilt):
    with pytest.raises(ValidationError, match="1 validation error"):
        Evidence.model_validate({**FIGURES, **spoilt})
