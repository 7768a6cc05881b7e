from __future__ import annotations

import numpy as np
import pytest

from customer_segmentation.classification.models import (
    COLDEST,
    HOTTEST,
    apply_temperature,
    find_temperature,
    log_losses,
)


@pytest.fixture
def guesses():
    """Calibrated probabilities of three segments, and labels drawn from them."""
    rng = np.random.default_rng(3)
    probabilities = rng.dirichlet([3, 1, 1], size=4000)
    labels = (rng.random(4000)[:, None] > probabilities.cumsum(axis=1)).sum(axis=1)
    return probabilities, labels, np.bincount(labels) / len(labels)


def test_at_temperature_one_nothing_changes(guesses):
    probabilities, _, shares = guesses
    np.testing.assert_allclose(
        apply_temperature(probabilities, shares, 1), probabilities, atol=1e-5
    )


def test_the_hotter_the_nearer_to_the_shares(guesses):
    probabilities, _, shares = guesses
    hot = apply_temperature(probabilities, shares, 1e9)
    np.testing.assert_allclose(hot, np.broadcast_to(shares, hot.shape), atol=1e-6)
    distances = [
        np.abs(apply_temperature(probabilities, shares, t) - shares).sum() for t in (0.5, 1, 2, 8)
    ]
    assert distances == sorted(distances, reverse=True)


@pytest.mark.parametrize("temperature", [0.5, 1, 3])
def test_the_temperature_that_spoilt_them_is_found_again(guesses, temperature):
    probabilities, labels, shares = guesses
    spoilt = apply_temperature(probabilities, shares, 1 / temperature)
    assert find_temperature(spoilt, labels, shares) == pytest.approx(temperature, rel=0.08)


def test_no_other_temperature_has_a_smaller_log_loss(guesses):
    probabilities, labels, shares = guesses
    found = find_temperature(probabilities, labels, shares)
    grid = np.geomspace(COLDEST, HOTTEST, 400)
    losses = [log_losses(apply_temperature(probabilities, shares, t), labels).mean() for t in grid]
    best = log_losses(apply_temperature(probabilities, shares, found), labels).mean()
    assert best <= min(losses) + 1e-6


def test_who_knows_nothing_ends_at_the_shares(guesses):
    probabilities, labels, shares = guesses
    strangers = np.random.default_rng(4).permutation(labels)
    found = find_temperature(probabilities, strangers, shares)
    assert found > 10
    calibrated = apply_temperature(probabilities, shares, found)
    assert log_losses(calibrated, strangers).mean() < -(shares * np.log(shares)).sum() + 0.01


def test_a_certain_mistake_costs_much_but_not_everything():
    shares = np.array([0.5, 0.5])
    certain = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    calibrated = apply_temperature(certain, shares, 1)
    assert (calibrated > 0).all()
    np.testing.assert_allclose(calibrated.sum(axis=1), 1)
    losses = log_losses(calibrated, np.array([0, 1, 1]))
    assert losses[:2].max() < 1e-4
    assert 10 < losses[2] < 15
