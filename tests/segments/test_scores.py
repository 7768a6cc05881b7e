"""Scores by plain numpy, one step at a time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from customer_segmentation.segments.scores import (
    SegmentationError,
    learn_scores,
    refuse_constants,
)
from customer_segmentation.segments.specification import Score


def score(**indicator) -> Score:
    return Score.model_validate({"name": "s", "weight": 1, "indicators": [indicator]})


def z(values):
    values = np.asarray(values, dtype=float)
    return (values - values.mean()) / values.std()


def compute(score_, **columns):
    frame = pd.DataFrame(columns, dtype=float)
    return learn_scores(frame, [score_]).compute(frame).ravel()


def test_a_rate_is_shrunk_then_transformed_then_capped():
    rate, events = np.array([0.0, 0.5, 1.0, 0.2, np.nan]), np.array([4.0, 10, 2, 20, 0])
    shrink = {"by": "n", "prior_weight": 5}
    indicator = {"variable": "r", "shrink": shrink, "transform": "arcsine", "upper_quantile": 0.75}
    pooled = (0.5 * 10 + 1 * 2 + 0.2 * 20) / 36
    hits = np.array([0.0, 5, 2, 4, 0])
    expected = np.arcsin(np.sqrt((hits + 5 * pooled) / (events + 5)))
    expected = np.minimum(expected, np.quantile(expected, 0.75))
    np.testing.assert_allclose(compute(score(**indicator), r=rate, n=events), z(expected))


def test_the_arcsine_bears_shares_beyond_rounding():
    shares = [-1e-12, 0.0, 0.3, 1.0, 1 + 1e-12]
    expected = np.arcsin(np.sqrt(np.clip(shares, 0, 1)))
    found = compute(score(variable="a", transform="arcsine"), a=shares)
    np.testing.assert_allclose(found, z(expected))


def test_a_weight_is_the_part_of_a_squared_distance():
    frame = pd.DataFrame({"a": [1.0, 2, 4, 9], "b": [3.0, 1, 2, 7]})
    parts = [score(variable="a"), score(variable="b")]
    weighted = [
        part.model_copy(update={"name": name, "weight": weight})
        for part, name, weight in zip(parts, "ab", (0.2, 0.8), strict=True)
    ]
    squares = (learn_scores(frame, weighted).compute(frame) ** 2).mean(axis=0)
    np.testing.assert_allclose(squares, [0.2, 0.8])


def test_a_constant_tells_no_household_from_another():
    seen = pd.DataFrame({"a": [2.0, 2, 2]})
    learnt = learn_scores(seen, [score(variable="a")])
    assert learnt.compute(pd.DataFrame({"a": [2.0, 5.0]})).tolist() == [[0.0], [0.0]]
    with pytest.raises(SegmentationError, match=r"^a, .* is 2 for all 3 households"):
        refuse_constants(learnt, 3)


def test_nothing_is_changed_in_place():
    frame = pd.DataFrame({"a": [1.0, 2, 50]})
    before = frame.copy()
    learnt = learn_scores(frame, [score(variable="a", upper_quantile=0.5)])
    learnt.compute(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_a_score_whose_indicators_cancel_is_refused():
    opposed = pd.DataFrame({"a": [1.0, 2, 3], "b": [3.0, 2, 1]})
    indicators = [{"variable": "a"}, {"variable": "b"}]
    nothing = Score.model_validate({"name": "nothing", "weight": 1, "indicators": indicators})
    with pytest.raises(SegmentationError, match=r"nothing.* is 0 for all 3 households"):
        refuse_constants(learn_scores(opposed, [nothing]), 3)
