from __future__ import annotations

import numpy as np
import pytest

from customer_segmentation.classification.reliability import draw_weights, find_interval


def seed(number=1):
    return np.random.SeedSequence(number)


def test_every_resample_holds_as_many_households_as_the_sample():
    weights = draw_weights(30, 200, seed())
    assert weights.shape == (200, 30)
    assert (weights.sum(axis=1) == 30).all()
    np.testing.assert_array_equal(weights, weights.round())
    assert weights.min() == 0
    # each is drawn once on average, and left out in (1 - 1/30)^30 of the resamples
    assert weights.mean(axis=0) == pytest.approx(np.ones(30), abs=0.3)
    assert (weights == 0).mean() == pytest.approx((29 / 30) ** 30, abs=0.02)


def test_a_single_household_is_always_drawn():
    np.testing.assert_array_equal(draw_weights(1, 3, seed()), np.ones((3, 1)))


def test_the_seed_decides_the_draws():
    first = draw_weights(10, 5, seed())
    np.testing.assert_array_equal(first, draw_weights(10, 5, seed()))
    assert (first != draw_weights(10, 5, seed(2))).any()


def test_an_interval_leaves_equal_tails():
    draws = np.arange(101, dtype=float)[:, None] * [1, -2]
    low, high = find_interval(draws, 0.9)
    assert low == pytest.approx([5, -190])
    assert high == pytest.approx([95, -10])


def test_resamples_without_a_figure_do_not_count():
    draws = np.array([[np.nan, np.nan], [1.0, np.nan], [3.0, np.nan]])
    low, high = find_interval(draws, 0.5)
    assert low == pytest.approx([1.5, np.nan], nan_ok=True)
    assert high == pytest.approx([2.5, np.nan], nan_ok=True)
