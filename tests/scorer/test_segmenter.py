"""The segmenter comes back from numbers and gives the same answers to the last bit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from customer_segmentation.panel.codebook import Role
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


@pytest.fixture
def restored(fitted, codebook):
    text = extract_segmenter(fitted).model_dump_json()
    return StoredSegmenter.model_validate_json(text).restore(codebook)


def test_every_household_is_named_as_before(fitted, restored, complete, households):
    expected = fitted.predict(complete)  # thin records too
    np.testing.assert_array_equal(restored.predict(complete), expected)
    np.testing.assert_array_equal(restored.predict(households), expected)  # from raw fields alone


def test_scores_and_affinities_are_equal_to_the_last_bit(fitted, restored, households):
    scores = compute_scores(fitted, households)
    pd.testing.assert_frame_equal(compute_scores(restored, households), scores, check_exact=True)
    expected = fitted[-1].partition.affinities(scores.to_numpy())
    np.testing.assert_array_equal(restored[-1].partition.affinities(scores.to_numpy()), expected)


def test_a_pooled_rate_is_null_where_nothing_is_shrunk(fitted):
    stored = extract_segmenter(fitted).model_dump(mode="json")
    shrunk = {
        indicator["variable"]
        for score in stored["scores"]
        for indicator in score["indicators"]
        if indicator["shrink"]
    }
    pooled = {name for name, each in stored["indicators"].items() if each["pooled"] is not None}
    assert pooled == shrunk != set(stored["indicators"])


def test_what_is_not_known_is_refused(fitted):
    values = extract_segmenter(fitted).model_dump(mode="json")
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
]


@pytest.mark.parametrize(("change", "why"), SPOILT_SEGMENTERS)
def test_a_segmenter_that_could_answer_wrongly_is_refused(fitted, change, why):
    values = extract_segmenter(fitted).model_dump(mode="json")
    with pytest.raises(ValueError, match=why):
        StoredSegmenter.model_validate({**values, **change})


def test_every_score_has_a_name_of_its_own(fitted):
    values = extract_segmenter(fitted).model_dump(mode="json")
    first, _, *others = values["scores"]
    with pytest.raises(ValueError, match=f"{first['name']!r} stands twice"):
        StoredSegmenter.model_validate({**values, "scores": [first, first, *others]})


def test_what_was_learnt_for_an_indicator_holds_together(fitted):
    values = extract_segmenter(fitted).model_dump(mode="json")
    shrunk = next(name for name, each in values["indicators"].items() if each["pooled"] is not None)
    for change, why in (
        ({"pooled": None}, "needs a pooled rate"),
        ({"lower": 9.0, "upper": 1.0}, "lower limit 9 exceeds the upper 1"),
        ({"sd": 0.0}, "greater than 0"),
    ):
        spoilt = {**values["indicators"], shrunk: {**values["indicators"][shrunk], **change}}
        with pytest.raises(ValueError, match=why):
            StoredSegmenter.model_validate({**values, "indicators": spoilt})
