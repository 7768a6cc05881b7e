"""From raw fields the segmenter gives the same answers as from a table, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.panel.contract import Rules
from customer_segmentation.panel.values import read_json, write_json
from customer_segmentation.scorer.routes import Assignment, Inputs
from customer_segmentation.segments.segmenter import Segmenter, fit_segmenter

SPECIFICATIONS = {
    "buying_style.plain.kmeans": 3,
    "buying_style.arcsine.gaussian_mixture": 2,  # with variances and shares of its own
}


@pytest.fixture(scope="module", params=SPECIFICATIONS)
def fitted(request, complete, parameters):
    codebook, segmentation = parameters.codebook, parameters.segmentation
    numbered = segmentation.naming.model_copy(update={"when_unmatched": "number"})
    segmentation = segmentation.model_copy(update={"naming": numbered})
    specification = segmentation.specifications(codebook)[request.param]
    eligible = complete[~complete[codebook.column(Role.THIN_RECORD)]]
    segments = SPECIFICATIONS[request.param]
    return fit_segmenter(eligible, specification, segments, codebook, segmentation, 11)


@pytest.fixture
def restored(fitted: Segmenter) -> Segmenter:
    return Segmenter.model_validate(read_json(write_json(fitted.model_dump(mode="json"))))


@pytest.fixture
def scores(restored: Segmenter, coded, codebook: Codebook):
    """The scores of every household of the panel, computed from raw fields by what came back."""
    return restored.learnt_scores.compute(Inputs(restored.variables, Rules(codebook)).derive(coded))


def test_it_comes_back_as_it_was(fitted, restored):
    assert restored.model_dump(mode="json") == fitted.model_dump(mode="json")
    assert restored.minimum_transactions == 11


def test_scores_and_affinities_are_equal_to_the_last_bit(
    fitted, restored, scores, households, complete, codebook
):
    for table in (households, complete):  # thin records too
        expected = fitted.compute_scores(table, codebook).to_numpy()
        np.testing.assert_array_equal(scores, expected)
        np.testing.assert_array_equal(
            restored.partition.affinities(scores), fitted.partition.affinities(expected)
        )


def test_a_household_alone_is_placed_where_it_is_among_others(restored, scores, coded, codebook):
    inputs = Inputs(restored.variables, Rules(codebook))
    for number in range(0, len(scores), 7):
        alone = restored.learnt_scores.compute(inputs.derive(coded[:, [number]]))
        np.testing.assert_array_equal(alone, scores[[number]])


def test_segments_are_found_in_whatever_order_the_answers_have(restored, coded, scores, codebook):
    expected = restored.predict(scores)
    for segments in (
        restored.names,
        restored.names[::-1],
        (*restored.names[1:], restored.names[0]),
    ):
        probabilities = Assignment(restored, Rules(codebook), segments).score(coded)
        np.testing.assert_array_equal(
            probabilities, [[float(each == name) for each in segments] for name in expected]
        )
