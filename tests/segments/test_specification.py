"""Parameters that cannot work are refused before any household is read, and the key is named."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from customer_segmentation.segments.specification import Construct, Indicator

LOYALTY = "specification__constructs__0__scores__0"


def test_weights_of_a_construct_must_sum_to_one():
    scores = [
        {"name": "one", "weight": 0.5, "indicators": [{"variable": "a"}]},
        {"name": "other", "weight": 0.6, "indicators": [{"variable": "b"}]},
    ]
    with pytest.raises(ValidationError, match=r"construct 'usage' sum to 1\.1; make them sum to 1"):
        Construct.model_validate({"name": "usage", "scores": scores})


def test_weights_that_only_rounding_keeps_from_one_are_accepted():
    thirds = [
        {"name": name, "weight": 0.1, "indicators": [{"variable": name}]} for name in "abcdefghij"
    ]
    assert len(Construct.model_validate({"name": "tenths", "scores": thirds}).scores) == 10


@pytest.mark.parametrize(
    ("lower", "upper"), [(0.5, 0.5), (0.9, 0.1), (-0.1, 1), (0, 1.1), (1, 1), (0, 0)]
)
def test_quantiles_must_leave_a_range(lower, upper):
    with pytest.raises(ValidationError, match="quantile"):
        Indicator(variable="a", lower_quantile=lower, upper_quantile=upper)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("specification__constructs__1__name", "loyalty", "construct name 'loyalty' stands twice"),
        ("specification__constructs__1__scores__0__name", "loyalty", "score name 'loyalty' stands"),
        (
            f"{LOYALTY}__indicators__1__variable",
            "repeat_rate",
            "indicator 'repeat_rate' stands twice",
        ),
        ("naming__personas__1__name", "Loyalists", "persona name 'Loyalists' stands twice"),
        ("specification__segments", 9, "specification.segments is 9, outside candidates.smallest"),
        ("specification__segments", 4, "naming.personas has 3; give every segment a persona"),
        ("specification__segments", 1, "greater than or equal to 2"),
        ("specification__algorithm", "magic", "kmeans"),
        ("specification__color", "red", "Extra inputs are not permitted"),
        ("naming__when_unmatched", "guess", "refuse"),
        ("processes", 0, "greater than or equal to 1"),
    ],
)
def test_parameters_that_contradict_themselves_are_refused(change, path, value, message):
    with pytest.raises(ValidationError, match=message):
        change(**{path: value})


def test_other_numbers_of_segments_are_accepted_when_segments_may_be_numbered(change):
    parameters = change(specification__segments=4, naming__when_unmatched="number")
    assert parameters.specification.segments == 4


def test_the_parameters_of_the_project_fit_the_codebook(segmentation, codebook):
    segmentation.check(codebook)


@pytest.mark.parametrize(
    ("path", "variable", "message"),
    [
        (
            f"{LOYALTY}__indicators__0__variable",
            "loyalness",
            "scores.loyalty.indicators: the codebook has no variable 'loyalness'",
        ),
        (
            f"{LOYALTY}__indicators__0__shrink__by",
            "chances",
            "indicators.shrink.by: the codebook has no variable 'chances'",
        ),
        (f"{LOYALTY}__indicators__0__shrink__by", "promo_share", "only count fits here"),
        (
            "naming__personas__1__signature__0__variable",
            "promotions",
            "naming.personas.Promo Shoppers.signature: the codebook has no variable 'promotions'",
        ),
        ("naming__personas__1__signature__0__variable", "thin_record", "has the scale flag"),
    ],
)
def test_a_variable_that_cannot_be_used_is_refused_by_its_key(
    change, codebook, path, variable, message
):
    with pytest.raises(ValueError, match=message):
        change(**{path: variable}).check(codebook)


def test_variables_are_listed_once_and_in_order(segmentation):
    assert segmentation.specification.variables == [
        "repeat_rate",
        "repeat_opportunities",
        "brand_loyalty_mid",
        "promo_share",
        "log_volume",
        "log_transactions",
    ]
    assert segmentation.naming.variables == ["repeat_rate", "brand_loyalty_mid", "promo_share"]
