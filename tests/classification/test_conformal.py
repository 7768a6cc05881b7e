"""Conformal sets: p-values, thresholds, and sets that are never empty."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from customer_segmentation.classification.models import (
    find_thresholds,
    form_sets,
    measure_conformity,
)


def draw_scores(seed, training=60, tested=200, segments=3):
    """Scores on a coarse grid, so that many are tied; the last segment may be small."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(segments, training, p=[0.6, *[0.4 / (segments - 1)] * (segments - 1)])
    of_training = rng.integers(0, 11, training) / 10
    of_tested = rng.integers(0, 11, (tested, segments)) / 10
    return of_training, labels, of_tested


@pytest.mark.parametrize("segments", [2, 3, 5])
def test_conformity_counts_the_households_of_the_segment_that_fit_no_better(segments):
    of_training, labels, of_tested = draw_scores(1, segments=segments)
    conformity = measure_conformity(of_training, labels, of_tested)
    for row in range(len(of_tested)):
        for segment in range(segments):
            own = [p for p, label in zip(of_training, labels, strict=True) if label == segment]
            worse = sum(p <= of_tested[row, segment] for p in own)
            assert conformity[row, segment] == float(Fraction(1 + worse, 1 + len(own)))


def test_a_segment_without_training_households_fits_all():
    conformity = measure_conformity(np.array([0.4]), np.array([0]), np.array([[0.1, 0.0]]))
    assert conformity.tolist() == [[0.5, 1.0]]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("error_rate", [0.05, 0.1, 0.25, 0.5, 0.9])
def test_reaching_the_threshold_is_exceeding_the_error_rate(seed, error_rate):
    of_training, labels, of_tested = draw_scores(seed)
    conformity = measure_conformity(of_training, labels, of_tested)
    thresholds = find_thresholds(of_training, labels, 3, error_rate)
    assert np.array_equal(of_tested >= thresholds, conformity > error_rate)


def test_too_few_households_rule_nothing_out():
    # One in nine is more than a tenth, one in ten is not.
    of_training = np.linspace(0.5, 0.9, 8 + 9)
    labels = np.repeat([0, 1], [8, 9])
    thresholds = find_thresholds(of_training, labels, 3, error_rate=0.1)
    assert thresholds[0] == 0
    assert thresholds[1] == of_training[labels == 1].min()
    assert thresholds[2] == 0


def test_exchangeable_scores_are_covered():
    rng = np.random.default_rng(7)
    covered = []
    for _ in range(2000):
        scores = rng.random(31)
        conformity = measure_conformity(scores[:-1], np.zeros(30, dtype=int), scores[-1:, None])
        covered.append(conformity[0, 0] > 0.2)
    # Of 31 ranks the six lowest are left out.
    assert np.mean(covered) == pytest.approx(25 / 31, abs=0.03)


def test_the_likeliest_segment_is_in_every_set():
    included = np.array([[False, False], [True, False], [False, False]])
    probabilities = np.array([[0.3, 0.7], [0.2, 0.8], [0.5, 0.5]])
    sets = form_sets(included, probabilities)
    assert sets.tolist() == [[False, True], [True, True], [True, False]]
    assert not included[0].any()  # the input stays as it was
