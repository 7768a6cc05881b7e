"""Parameters that cannot work are refused before any household is read, and the key is named."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

LOYALTY = "constructs__0__scores__0"
DEALS = "constructs__1__scores__0"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("constructs__1__name", "loyalty", "construct name 'loyalty' stands twice"),
        ("grid__views__0__constructs", ["love"], "grid.views: there is no construct 'love'"),
        ("grid__views__1__name", "buying_style", "view 'buying_style' stands twice"),
        ("grid__transforms", ["plain", "plain"], "transform 'plain' stands twice"),
        ("grid__algorithms", ["magic"], "kmeans"),
        ("grid__references__1__name", "published_nine", "'published_nine' stands twice"),
        (
            "grid__references__1__name",
            "buying_style.plain.ward",
            "specification 'buying_style.plain.ward' stands twice",
        ),
        ("choice__requirements__0__name", "love", "choice.requirements: there is no construct"),
        ("counts__smallest", 1, "greater than or equal to 2"),
        ("counts__largest", 9, "9 is above scored_to 8; lower largest, or raise scored_to"),
        ("counts__smallest", 6, "6 is above largest 5; lower smallest, or raise largest"),
        ("counts__largest", 2, "naming.personas has 3, but only 2 to 2 segments may be chosen"),
        ("evidence__screening_pairs", 101, "screening_pairs 101 must not exceed pairs 100"),
        ("naming__personas__1__name", "Loyalists", "persona name 'Loyalists' stands twice"),
        ("naming__when_unmatched", "guess", "refuse"),
        ("choice__pin", {"specification": "love.plain.kmeans", "segments": 3}, "no specification"),
        ("choice__pin", {"specification": "published_nine", "segments": 3}, "no specification"),
        (
            "choice__pin",
            {"specification": "buying_style.plain.kmeans", "segments": 6},
            "6 segments are outside counts.smallest 2 to counts.largest 5",
        ),
        (
            "choice__pin",
            {"specification": "buying_style.plain.kmeans", "segments": 4},
            "asks for 4 segments, but naming.personas has 3",
        ),
        ("color", "red", "Extra inputs are not permitted"),
        ("processes", 0, "greater than or equal to 1"),
    ],
)
def test_parameters_that_contradict_themselves_are_refused(change, path, value, message):
    with pytest.raises(ValidationError, match=message):
        change(**{path: value})


def refuse_pin(change, name: str) -> str:
    with pytest.raises(ValidationError) as caught:
        change(choice__pin={"specification": name, "segments": 3})
    return caught.value.errors()[0]["msg"]


def test_a_misspelt_pin_is_answered_with_the_names_like_it_and_all_parts_of_a_name(
    change, segmentation
):
    told = refuse_pin(change, "buying_styl.plain.kmeans")
    assert "Did you mean buying_style.plain.kmeans" in told
    for name in segmentation.grid.names:  # all can be made of what is told
        assert all(part in told for part in name.split("."))
    assert sum(name in told for name in segmentation.grid.names) <= 3  # the rest is not listed


def test_a_pin_unlike_any_name_is_answered_with_the_parts_alone(change):
    told = refuse_pin(change, "nope")
    assert "Did you mean" not in told
    assert "algorithm (kmeans, gaussian_mixture, ward)" in told


def test_other_numbers_of_segments_may_be_pinned_when_segments_may_be_numbered(change):
    pin = {"specification": "basis_for_purchase.arcsine.ward", "segments": 5}
    parameters = change(choice__pin=pin, naming__when_unmatched="number")
    assert parameters.choice.pin.segments == 5


def test_the_parameters_of_the_project_fit_the_codebook(segmentation, codebook):
    segmentation.check(codebook)


@pytest.mark.parametrize(
    ("path", "variable", "message"),
    [
        (
            f"{LOYALTY}__indicators__0__variable",
            "loyalness",
            "constructs.loyalty: the codebook has no variable 'loyalness'",
        ),
        (
            f"{LOYALTY}__indicators__0__shrink__by",
            "chances",
            "constructs.loyalty.shrink.by: the codebook has no variable 'chances'",
        ),
        (f"{LOYALTY}__indicators__0__shrink__by", "promo_share", "only count fits here"),
        (
            "naming__personas__1__signature__0__variable",
            "promotions",
            "naming.personas.Promo Shoppers.signature: the codebook has no variable 'promotions'",
        ),
        ("naming__personas__1__signature__0__variable", "thin_record", "has the scale flag"),
        (
            "grid__references__0__variables__0",
            "nothing",
            "grid.references.heavy_and_light_users: the codebook has no variable 'nothing'",
        ),
        ("choice__requirements__0__variable", "nothing", "choice.requirements: the codebook"),
        (
            "sensitivity__variations__0__leave_out__0",
            "nothing",
            "sensitivity.variations.Repeat rate alone for loyalty: the codebook has no",
        ),
        (
            f"{DEALS}__indicators__0__variable",
            "repeat_rate",
            "indicator of buying_style.plain.kmeans 'repeat_rate' stands",
        ),
        (f"{DEALS}__name", "loyalty", "score of buying_style.plain.kmeans 'loyalty' stands twice"),
        ("description__stratum_weights", {1: 0.2, 2: 0.8}, "give every code a weight"),
    ],
)
def test_what_the_codebook_does_not_allow_is_refused_by_its_key(
    change, codebook, path, variable, message
):
    with pytest.raises(ValueError, match=message):
        change(**{path: variable}).check(codebook)


def test_the_grid_crosses_views_transforms_and_algorithms(segmentation, codebook):
    specifications = segmentation.specifications(codebook)
    grid = [each for each in specifications.values() if not each.reference]
    assert len(grid) == 3 * 2 * 3
    assert [each.name for each in grid] == segmentation.grid.names
    assert {(each.view, each.transform, each.method.algorithm) for each in grid} == {
        (view.name, transform, algorithm)
        for view in segmentation.grid.views
        for transform in ("plain", "arcsine")
        for algorithm in ("kmeans", "gaussian_mixture", "ward")
    }
    assert list(specifications)[len(grid) :] == [
        reference.name for reference in segmentation.grid.references
    ]


def test_a_specification_lists_its_variables_once_and_in_order(specification):
    assert specification.variables == [
        "repeat_rate",
        "repeat_opportunities",
        "brand_loyalty_mid",
        "promo_share",
        "log_volume",
        "log_transactions",
    ]


def test_the_weight_of_a_construct_multiplies_those_of_its_scores(specification):
    heavier = [
        construct.model_copy(update={"weight": 2.0 if construct.name == "usage" else 1.0})
        for construct in specification.constructs
    ]
    changed = specification.model_copy(update={"constructs": tuple(heavier)})
    assert [score.weight for score in specification.scores] == [1, 1, 0.5, 0.5]
    assert [score.weight for score in changed.scores] == [1, 1, 1, 1]


def test_the_rule_says_what_a_specification_lacks(segmentation, codebook, specification):
    rule = segmentation.choice
    assert list(rule.find_gaps(specification)) == []
    basis = segmentation.specifications(codebook)["basis_for_purchase.plain.ward"]
    assert list(rule.find_gaps(basis)) == [
        "does not measure loyalty by repeat_rate",
        "does not measure deal_proneness by promo_share",
        "does not measure usage by log_volume",
    ]
    reference = segmentation.specifications(codebook)["published_nine"]
    assert list(rule.find_gaps(reference)) == ["a reference, for comparison only"]
    heavy = specification.constructs[0].model_copy(update={"weight": 3.0})
    weighted = specification.model_copy(
        update={"constructs": (heavy, *specification.constructs[1:])}
    )
    assert list(rule.find_gaps(weighted)) == ["loyalty has the weight 3, not 1"]
