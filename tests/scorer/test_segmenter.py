"""The segmenter comes back from numbers and gives the same answers to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.pipeline import Pipeline

from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.panel.contract import Rules
from customer_segmentation.scorer.routes import Assignment, Inputs
from customer_segmentation.scorer.segmenter import StoredSegmenter, extract_segmenter
from customer_segmentation.segments.segmenter import compute_scores, fit_segmenter

SPECIFICATIONS = [
    "buying_style.plain.kmeans",
    "buying_style.arcsine.gaussian_mixture",  # with variances and shares of its own
]


@pytest.fixture(scope="module", params=SPECIFICATIONS)
def fitted(request, complete, parameters):
    codebook, segmentation = parameters.codebook, parameters.segmentation
    numbered = segmentation.naming.model_copy(update={"when_unmatched": "number"})
    segmentation = segmentation.model_copy(update={"naming": numbered})
    specification = segmentation.specifications(codebook)[request.param]
    eligible = complete[~complete[codebook.column(Role.THIN_RECORD)]]
    segments = 3 if request.param == SPECIFICATIONS[0] else 2
    return fit_segmenter(eligible, specification, segments, codebook, segmentation)


def extract(fitted: Pipeline) -> StoredSegmenter:
    return extract_segmenter(fitted, minimum_transactions=11)


@pytest.fixture
def restored(fitted: Pipeline) -> StoredSegmenter:
    return StoredSegmenter.model_validate_json(extract(fitted).model_dump_json())


@pytest.fixture
def scores(restored: StoredSegmenter, coded, codebook: Codebook):
    """The scores of every household of the panel, computed from raw fields by what came back."""
    return restored.learnt_scores.compute(Inputs(restored.variables, Rules(codebook)).derive(coded))


def test_it_comes_back_as_it_was(fitted, restored):
    assert restored.model_dump(mode="json") == extract(fitted).model_dump(mode="json")
    assert restored.minimum_transactions == 11


def test_every_household_is_named_as_before(fitted, restored, scores, complete, households):
    names = np.array(restored.names)[restored.partition.assign(scores)]
    np.testing.assert_array_equal(names, fitted.predict(complete))  # thin records too
    np.testing.assert_array_equal(names, fitted.predict(households))


def test_scores_and_affinities_are_equal_to_the_last_bit(fitted, restored, scores, households):
    expected = compute_scores(fitted, households).to_numpy()
    np.testing.assert_array_equal(scores, expected)
    np.testing.assert_array_equal(
        restored.partition.affinities(scores), fitted[-1].partition.affinities(expected)
    )


def test_a_household_alone_is_placed_where_it_is_among_others(restored, scores, coded, codebook):
    inputs = Inputs(restored.variables, Rules(codebook))
    for number in range(0, len(scores), 7):
        alone = restored.learnt_scores.compute(inputs.derive(coded[:, [number]]))
        np.testing.assert_array_equal(alone, scores[[number]])


def test_segments_are_found_in_whatever_order_the_answers_have(fitted, restored, coded, complete):
    expected, rules = fitted.predict(complete), Rules(fitted[0].codebook)
    for segments in (
        restored.names,
        restored.names[::-1],
        (*restored.names[1:], restored.names[0]),
    ):
        route = Assignment(restored, rules, segments)
        probabilities = route.score(coded)
        np.testing.assert_array_equal(
            probabilities, [[float(each == name) for each in segments] for name in expected]
        )


def test_a_pooled_rate_is_null_where_nothing_is_shrunk(fitted):
    stored = extract(fitted).model_dump(mode="json")
    shrunk = {
        indicator["variable"]
        for score in stored["scores"]
        for indicator in score["indicators"]
        if indicator["shrink"]
    }
    pooled = {name for name, each in stored["indicators"].items() if each["pooled"] is not None}
    assert pooled == shrunk != set(stored["indicators"])


def test_what_is_not_known_is_refused(fitted):
    values = extract(fitted).model_dump(mode="json")
    with pytest.raises(ValueError, match="Extra inputs"):
        StoredSegmenter.model_validate({**values, "cluster": 1})


SPOILT_SEGMENTERS = [
    ({"names": ["one"]}, "at least 2"),
    ({"names": ["one", "one", "one"]}, "'one' stands twice"),
    ({"names": ["1", "2", "3", "4"]}, "differ in their number"),
    ({"centres": [[1.0], [1.0, 2.0]]}, "differ in length"),
    ({"centres": [[1.0], [1.0]]}, "differ in their number|number for each score"),
    ({"variances": [[1.0], [0.0]]}, "greater than 0"),
    ({"variances": [[1.0]] * 3}, "number for each score|differ in their number"),
    ({"shares": [0.5, 0.4]}, "sum to 0.9"),
    ({"shares": [1.0, 0.0]}, "greater than 0"),
    ({"indicators": {}}, "indicators need an entry"),
    ({"standards": {}}, "standards need an entry"),
    ({"standards": {"any": {"mean": 0.0, "sd": 0.0}}}, "greater than 0"),
    ({"variables": ["any"]}, "variables lack"),
    ({"variables": ["any", "any"]}, "'any' stands twice"),
    ({"minimum_transactions": 0}, "greater than or equal to 1"),
    ({"minimum_transactions": 11.0}, "valid integer"),
    ({"minimum_transactions": True}, "valid integer"),
]


@pytest.mark.parametrize(("change", "why"), SPOILT_SEGMENTERS)
def test_a_segmenter_that_could_answer_wrongly_is_refused(fitted, change, why):
    values = extract(fitted).model_dump(mode="json")
    with pytest.raises(ValueError, match=why):
        StoredSegmenter.model_validate({**values, **change})


def test_every_score_has_a_name_of_its_own(fitted):
    values = extract(fitted).model_dump(mode="json")
    first, _, *others = values["scores"]
    with pytest.raises(ValueError, match=f"{first['name']!r} stands twice"):
        StoredSegmenter.model_validate({**values, "scores": [first, first, *others]})


def test_what_was_learnt_for_an_indicator_holds_together(fitted):
    values = extract(fitted).model_dump(mode="json")
    shrunk = next(name for name, each in values["indicators"].items() if each["pooled"] is not None)
    for change, why in (
        ({"pooled": None}, "needs a pooled rate"),
        ({"lower": 9.0, "upper": 1.0}, "lower limit 9 exceeds the upper 1"),
        ({"sd": 0.0}, "greater than 0"),
    ):
        spoilt = {**values["indicators"], shrunk: {**values["indicators"][shrunk], **change}}
        with pytest.raises(ValueError, match=why):
            StoredSegmenter.model_validate({**values, "indicators": spoilt})
