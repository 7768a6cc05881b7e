"""Constructs: weights, quantiles, shorthand, transforms."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from customer_segmentation.segments.specification import Construct, Indicator


def variables_of(construct):
    return [indicator.variable for indicator in construct.indicators]


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


def test_columns_stand_for_plain_scores_of_equal_weight():
    construct = Construct.model_validate({"name": "price", "columns": ["a", "b", "c"]})
    assert [score.name for score in construct.scores] == variables_of(construct) == ["a", "b", "c"]
    assert {score.weight for score in construct.scores} == {1 / 3}
    with pytest.raises(ValidationError, match="either columns or scores"):
        Construct.model_validate({"name": "price", "columns": ["a"], "scores": []})
    with pytest.raises(ValidationError):
        Construct.model_validate({"name": "price", "columns": []})


def test_a_transform_reaches_shares_alone(segmentation, codebook):
    usage = next(each for each in segmentation.constructs if each.name == "usage")
    deals = next(each for each in segmentation.constructs if each.name == "deal_proneness")
    assert usage.transform_shares("arcsine", codebook) == usage
    changed = deals.transform_shares("arcsine", codebook)
    assert [i.transform for i in changed.indicators] == ["arcsine"]
    assert changed.indicators[0].upper_quantile == deals.indicators[0].upper_quantile
    assert deals.indicators[0].transform == "plain"


def test_indicators_are_replaced_or_left_out():
    construct = Construct.model_validate(
        {
            "name": "both",
            "scores": [
                {"name": "s", "weight": 1, "indicators": [{"variable": "a"}, {"variable": "b"}]}
            ],
        }
    )
    changed = construct.change_indicators({"a": Indicator(variable="c"), "b": None})
    assert variables_of(changed) == ["c"]
    assert variables_of(construct) == ["a", "b"]
