from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from customer_segmentation.classification.reliability import (
    bound_shares,
    draw_weights,
    estimate_intercepts,
    estimate_slope,
    expect_calibration_error,
    find_aucs,
    find_calibration_error,
    find_interval,
)


def draw(households=400, segments=3, spread=1.5, number=0):
    """Calibrated probabilities, and segments drawn by them."""
    rng = np.random.default_rng(number)
    probabilities = softmax(rng.normal(0, spread, (households, segments)), axis=1)
    truth = np.array([rng.multinomial(1, row) for row in probabilities], dtype=float)
    return probabilities, truth


def sharpen(probabilities, power):
    powers = probabilities**power
    return powers / powers.sum(axis=1, keepdims=True)


def one_fold(probabilities):
    return np.zeros(len(probabilities), dtype=int)


def slope(probabilities, truth):
    return estimate_slope(probabilities, truth, one_fold(probabilities))


def test_aucs_are_those_of_scikit_learn_with_ties():
    probabilities, truth = draw(120)
    coarse = probabilities.round(1)
    expected = [roc_auc_score(truth[:, k], coarse[:, k]) for k in range(3)]
    assert find_aucs(coarse, truth) == pytest.approx(expected)
    assert find_aucs(np.full_like(coarse, 1 / 3), truth) == pytest.approx(np.full(3, 0.5))


def test_an_absent_segment_has_no_auc():
    probabilities, _ = draw(20)
    everyone_first = np.tile([1.0, 0.0, 0.0], (20, 1))
    assert np.isnan(find_aucs(probabilities, everyone_first)).all()


def test_of_two_segments_the_slope_is_that_of_a_logistic_regression():
    probabilities, truth = draw(segments=2)
    odds = np.log(probabilities[:, 1] / probabilities[:, 0])[:, None]
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(odds, truth[:, 1])
    assert slope(probabilities, truth) == pytest.approx(model.coef_[0, 0], rel=1e-5)


@pytest.mark.parametrize("power", [0.3, 1, 4])
def test_the_slope_maximises_the_likelihood(power):
    probabilities, truth = draw(segments=4)
    given = sharpen(probabilities, power)

    def lose(coefficients):
        logits = np.array([0, *coefficients[:-1]]) + coefficients[-1] * np.log(given)
        return -(truth * log_softmax(logits, axis=1)).sum()

    best = minimize(lose, np.array([0, 0, 0, 1.0]), method="BFGS", options={"gtol": 1e-6})
    assert slope(given, truth) == pytest.approx(best.x[-1], rel=1e-4)


def test_probabilities_that_are_twice_too_sure_have_half_the_slope():
    probabilities, truth = draw()
    calibrated = slope(probabilities, truth)
    assert calibrated == pytest.approx(1, abs=0.15)
    assert slope(sharpen(probabilities, 2), truth) == pytest.approx(calibrated / 2)
    assert slope(sharpen(probabilities, 1 / 3), truth) == pytest.approx(calibrated * 3)


def test_the_slope_does_not_mind_a_wrong_share():
    """A factor per segment goes into its intercept."""
    probabilities, truth = draw()
    shifted = probabilities * [1, 3, 0.2]
    shifted /= shifted.sum(axis=1, keepdims=True)
    assert slope(shifted, truth) == pytest.approx(slope(probabilities, truth))


def test_there_is_no_slope_where_nothing_can_be_estimated():
    probabilities, truth = draw(60)
    certain = truth.clip(1e-15, 1)
    assert np.isnan(slope(certain, truth))
    assert np.isnan(slope(certain[::-1], truth))
    separating = softmax(3 * truth + probabilities, axis=1)
    assert np.isnan(slope(separating, truth))
    absent = truth.copy()
    absent[absent[:, 2] == 1] = [1, 0, 0]
    assert np.isnan(slope(probabilities, absent))


def test_differences_between_folds_alone_are_no_evidence():
    """The prior knows nothing about households, yet its shares vary with the training part."""
    _, truth = draw(90)
    shares = np.array([[0.3, 0.3, 0.4], [0.2, 0.4, 0.4], [0.25, 0.25, 0.5]])
    folds = np.arange(90) % 3 + 5
    assert np.isnan(estimate_slope(shares[folds - 5], truth, folds))
    one_differs = shares[folds - 5].copy()
    one_differs[0] = [0.5, 0.2, 0.3]
    assert np.isfinite(estimate_slope(one_differs, truth, folds))


def test_intercepts_bring_the_mean_to_the_observed_share():
    probabilities, truth = draw()
    wrong = sharpen(probabilities * [1, 4, 0.5], 1.5)
    intercepts = estimate_intercepts(wrong, truth)
    odds = np.log(wrong / (1 - wrong)) + intercepts
    np.testing.assert_allclose((1 / (1 + np.exp(-odds))).mean(axis=0), truth.mean(axis=0))
    assert intercepts[1] < 0 < intercepts[2]
    assert estimate_intercepts(probabilities, truth) == pytest.approx(np.zeros(3), abs=0.3)


def test_there_is_no_intercept_for_certainties_or_absent_segments():
    probabilities, truth = draw(30)
    assert np.isnan(estimate_intercepts(truth.clip(1e-15, 1), truth)).all()
    everyone_first = np.tile([1.0, 0.0, 0.0], (30, 1))
    assert np.isnan(estimate_intercepts(probabilities, everyone_first)).all()
    almost = probabilities.copy()
    almost[0] = [1, 1e-15, 1e-15]  # one certain answer does not spoil the others
    assert np.isfinite(estimate_intercepts(almost, truth)).all()


def calibration_error_by_hand(probabilities, truth):
    errors = []
    for given, true in zip(probabilities.T, truth.T, strict=True):
        table = pd.DataFrame({"given": given, "true": true}).sort_values("given")
        table["bin"] = np.repeat(np.arange(10), len(table) // 10)
        means = table.groupby("bin")[["given", "true"]].mean()
        errors.append((means["given"] - means["true"]).abs().mean())
    return np.mean(errors)


def test_the_calibration_error_is_the_gap_in_tenths_of_the_households():
    probabilities, truth = draw(200)
    expected = calibration_error_by_hand(probabilities, truth)
    assert find_calibration_error(probabilities, truth) == pytest.approx(expected)


def test_equal_probabilities_share_a_bin():
    _, truth = draw(95)
    shares = np.array([0.2, 0.3, 0.5])
    error = find_calibration_error(np.tile(shares, (95, 1)), truth)
    assert error == pytest.approx(np.abs(truth.mean(axis=0) - shares).mean())
    order = np.random.default_rng(1).permutation(95)
    assert find_calibration_error(np.tile(shares, (95, 1)), truth[order]) == pytest.approx(error)


def test_fewer_households_than_bins_are_each_a_bin():
    probabilities, truth = draw(4)
    expected = np.abs(probabilities - truth).mean()
    assert find_calibration_error(probabilities, truth) == pytest.approx(expected)


def test_the_expected_error_is_that_of_calibrated_probabilities():
    probabilities, _ = draw(150)
    rng = np.random.default_rng(8)
    errors = []
    for _ in range(300):
        truth = np.array([rng.multinomial(1, row) for row in probabilities], dtype=float)
        errors.append(find_calibration_error(probabilities, truth))
    expected = expect_calibration_error(probabilities, np.random.SeedSequence(1))
    assert expected == pytest.approx(np.mean(errors), abs=5 * np.std(errors) / np.sqrt(200))


def test_too_sure_probabilities_err_more_than_chance():
    probabilities, truth = draw(600)
    seed = np.random.SeedSequence(1)
    honest = find_calibration_error(probabilities, truth)
    assert honest < 1.5 * expect_calibration_error(probabilities, seed)
    sure = sharpen(probabilities, 3)
    assert find_calibration_error(sure, truth) > 3 * expect_calibration_error(sure, seed)


def test_certain_probabilities_leave_nothing_to_chance_and_seeds_repeat():
    probabilities, truth = draw(30)
    assert expect_calibration_error(truth, np.random.SeedSequence(1)) == 0
    first, again, other = (
        expect_calibration_error(probabilities, np.random.SeedSequence(n)) for n in (1, 1, 2)
    )
    assert first == again != other


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize(("hits", "households"), [(0, 5), (5, 5), (109, 120), (1, 1), (40, 80)])
def test_the_interval_is_wilsons(hits, households, level):
    expected = binomtest(hits, households).proportion_ci(level, method="wilson")
    low, high = bound_shares(hits / households, households, level)
    assert (low, high) == (pytest.approx(expected.low, abs=1e-12), pytest.approx(expected.high))
    assert 0 <= low < high <= 1


def test_shares_without_households_have_no_interval():
    low, high = bound_shares([0.5, 0.0], [10, np.nan], 0.95)
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [False, True]


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
