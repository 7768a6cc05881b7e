"""The compiled loops, against plain numpy and scikit-learn."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

from customer_segmentation import THREAD_VARIABLES
from customer_segmentation.segments.kernels import fit_centres, fit_mixture, measure_affinities

TIGHT = (100_000, 1e-13)


def skewed(seed, households=300, variables=4):
    """Standardised columns, one log-normal, one with many exact zeros."""
    values = np.random.default_rng(seed).normal(size=(households, variables))
    values[:, 0] = np.exp(values[:, 0])
    values[:, 1] = np.maximum(values[:, 1], 0)
    return (values - values.mean(axis=0)) / values.std(axis=0)


def uniforms(seed, starts, segments):
    return np.random.default_rng(seed).random((starts, segments))


def ones(points):
    return np.ones(len(points))


def distances_to(points, centres):
    return ((points[:, None, :] - centres) ** 2).sum(axis=2)


def spread(points, weights, centres):
    return (weights * distances_to(points, centres).min(axis=1)).sum()


def plain_start(points, weights, numbers):
    """K-means++ and Lloyd's iterations, as the textbook has them."""
    mass = weights.copy()
    centres = np.empty((0, points.shape[1]))
    for number in numbers:
        cumulated = np.cumsum(mass)
        drawn = points[np.searchsorted(cumulated, number * cumulated[-1], side="right")]
        centres = np.vstack([centres, drawn])
        mass = weights * distances_to(points, centres).min(axis=1)
    labels = None
    while True:
        nearest = distances_to(points, centres).argmin(axis=1)
        if labels is not None and (nearest == labels).all():
            return centres
        labels = nearest
        centres = np.array(
            [
                np.average(points[labels == j], axis=0, weights=weights[labels == j])
                for j in range(len(centres))
            ]
        )


@pytest.mark.parametrize("segments", [1, 2, 3, 5, 8])
def test_each_start_is_lloyds_from_the_points_drawn_by_kmeans_plus_plus(segments):
    points = skewed(1)
    weights = np.random.default_rng(2).integers(1, 4, size=len(points)).astype(float)
    for seed in range(10):
        numbers = uniforms(seed, 1, segments)
        expected = plain_start(points, weights, numbers[0])
        assert fit_centres(points, weights, segments, numbers) == pytest.approx(expected, abs=1e-12)


def test_the_best_start_wins_and_the_first_on_ties():
    points, numbers = skewed(3, households=120), uniforms(4, 30, 6)
    alone = [fit_centres(points, ones(points), 6, row[None, :]) for row in numbers]
    spreads = [spread(points, ones(points), centres) for centres in alone]
    best = fit_centres(points, ones(points), 6, numbers)
    assert max(spreads) > 1.01 * min(spreads)
    assert (best == alone[int(np.argmin(spreads))]).all()
    # Both orders of two segments are equally good, so the first start gives the order.
    line = np.array([[0.0], [1.0]])
    for first in (0.1, 0.9):
        start = np.array([[first, 0.5], [1 - first, 0.5]])
        assert fit_centres(line, np.ones(2), 2, start)[0, 0] == round(first)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("segments", [2, 4, 7])
def test_segments_are_as_tight_as_those_of_scikit_learn(seed, segments):
    points = skewed(seed, households=200, variables=2 + seed)
    centres = fit_centres(points, ones(points), segments, uniforms(seed, 200, segments))
    theirs = KMeans(segments, n_init=200, random_state=seed, tol=0).fit(points).inertia_
    # Neither is sure to find the very best of many optima.
    assert spread(points, ones(points), centres) == pytest.approx(theirs, rel=1e-3)


def test_centres_are_the_means_of_their_segments():
    points = skewed(5)
    centres = fit_centres(points, ones(points), 5, uniforms(6, 3, 5))
    labels = distances_to(points, centres).argmin(axis=1)
    means = [points[labels == j].mean(axis=0) for j in range(5)]
    assert centres == pytest.approx(np.array(means), abs=1e-13)


def test_a_weight_counts_as_often_as_the_point_is_repeated():
    points = skewed(7, households=80)
    weights = np.random.default_rng(8).integers(1, 5, size=80)
    repeated = np.repeat(points, weights, axis=0)
    numbers = uniforms(9, 10, 4)
    centres = fit_centres(points, weights.astype(float), 4, numbers)
    assert centres == pytest.approx(fit_centres(repeated, ones(repeated), 4, numbers), abs=1e-12)
    mixture = fit_mixture(points, weights.astype(float), centres, 0.1, *TIGHT)
    for ours, theirs in zip(
        mixture, fit_mixture(repeated, ones(repeated), centres, 0.1, *TIGHT), strict=True
    ):
        assert ours == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize("number", [0.0, 1 - 2**-53])
def test_the_ends_of_the_uniform_numbers_draw_the_first_and_the_last_point(number):
    line = np.array([[0.0], [1.0], [5.0]])
    centres = fit_centres(line, np.ones(3), 3, np.full((1, 3), number))
    assert centres[:, 0].tolist() == ([0, 1, 5] if number == 0 else [5, 1, 0])


def test_a_point_in_the_middle_joins_the_centre_drawn_first():
    line = np.array([[0.0], [1.0], [2.0]])
    assert fit_centres(line, np.ones(3), 2, np.array([[0.0, 0.9]])).tolist() == [[0.5], [2.0]]


@pytest.mark.parametrize("seed", [215, 411, 547, 832])
def test_a_segment_that_loses_its_points_gets_the_farthest_point(seed):
    points = np.array([[4, 8], [8, 3], [8, 5], [9, 2], [9, 9], [11, 9], [11, 10]], dtype=float)
    numbers = uniforms(seed, 1, 3)
    with pytest.raises(ZeroDivisionError):  # the textbook has no mean for a segment without points
        plain_start(points, ones(points), numbers[0])
    centres = fit_centres(points, ones(points), 3, numbers)
    labels = distances_to(points, centres).argmin(axis=1)
    assert np.bincount(labels, minlength=3).all()
    assert spread(points, ones(points), centres) == pytest.approx(26 / 3)


@pytest.mark.parametrize(
    "points",
    [
        np.repeat([[0.1, 0.7], [0.3, 0.2], [1 / 3, 0.9]], 7, axis=0),
        np.full((9, 2), 0.1),
        np.array([[0.1, 0.2]]),
    ],
    ids=["three different points", "one different point", "one household"],
)
@pytest.mark.parametrize("segments", [1, 2, 3, 5])
def test_points_that_coincide_and_too_few_of_them(points, segments):
    different = np.unique(points, axis=0)
    centres = fit_centres(points, ones(points), segments, uniforms(1, 4, segments))
    assert centres.shape == (segments, 2)
    assert np.isfinite(centres).all()
    if segments >= len(different):
        assert spread(points, ones(points), centres) == pytest.approx(0, abs=1e-25)
    for array in fit_mixture(points, ones(points), centres, 0.1, *TIGHT):
        assert np.isfinite(array).all()


def test_a_constant_column_changes_nothing():
    points = skewed(10, variables=3)
    wider = np.column_stack([points, np.full(len(points), 0.1)])
    numbers = uniforms(11, 5, 4)
    centres = fit_centres(points, ones(points), 4, numbers)
    with_it = fit_centres(wider, ones(points), 4, numbers)
    assert with_it[:, :3] == pytest.approx(centres, abs=1e-12)
    assert with_it[:, 3] == pytest.approx(0.1)
    alone = fit_mixture(points, ones(points), centres, 0.05, *TIGHT)
    wide = fit_mixture(wider, ones(points), with_it, 0.05, *TIGHT)
    assert wide[0][:, :3] == pytest.approx(alone[0], abs=1e-6)
    assert wide[1][:, :3] == pytest.approx(alone[1], abs=1e-6)
    assert wide[1][:, 3].tolist() == [0.05] * 4
    assert wide[2] == pytest.approx(alone[2], abs=1e-6)


def likelihood(points, weights, means, variances, shares):
    densities = norm.pdf(points[:, None, :], means, np.sqrt(variances)).prod(axis=2) @ shares
    return np.average(np.log(densities), weights=weights)


@pytest.mark.parametrize("segments", [1, 2, 3])
def test_without_an_active_floor_the_mixture_is_that_of_scikit_learn(segments):
    generator = np.random.default_rng(12)
    groups = [generator.normal(mean, sd, (150, 3)) for mean, sd in ((0, 1), (3, 0.7), (6, 1.5))]
    points = np.vstack(groups)
    centres = fit_centres(points, ones(points), segments, uniforms(13, 10, segments))
    mixture = fit_mixture(points, ones(points), centres, 1e-6, *TIGHT)
    theirs = GaussianMixture(
        segments,
        covariance_type="diag",
        reg_covar=0,
        tol=1e-13,
        max_iter=100_000,
        weights_init=np.full(segments, 1 / segments),
        means_init=centres,
        precisions_init=np.ones_like(centres),
    ).fit(points)
    expected = (theirs.means_, theirs.covariances_, theirs.weights_)
    for ours, other in zip(mixture, expected, strict=True):
        assert ours == pytest.approx(other, abs=1e-4)
    assert likelihood(points, None, *mixture) == pytest.approx(theirs.score(points), abs=1e-9)


def test_one_step_of_the_mixture_describes_the_points_nearest_to_each_centre():
    points = skewed(14)
    weights = np.random.default_rng(15).integers(1, 4, size=len(points)).astype(float)
    centres = fit_centres(points, weights, 3, uniforms(16, 5, 3)) + 0.3  # not the means
    means, variances, shares = fit_mixture(points, weights, centres, 0.2, 1, 0.0)
    labels = distances_to(points, centres).argmin(axis=1)
    for j in range(3):
        own = labels == j
        mean = np.average(points[own], axis=0, weights=weights[own])
        variance = np.average((points[own] - mean) ** 2, axis=0, weights=weights[own])
        assert means[j] == pytest.approx(mean)
        assert variances[j] == pytest.approx(np.maximum(variance, 0.2))
        assert shares[j] == pytest.approx(weights[own].sum() / weights.sum())


def test_no_step_lowers_the_likelihood_and_the_tolerance_ends_them():
    points = skewed(17)
    centres = fit_centres(points, ones(points), 4, uniforms(18, 5, 4))
    heights = np.array(
        [
            likelihood(
                points, None, *fit_mixture(points, ones(points), centres, 0.1, steps, -np.inf)
            )
            for steps in range(1, 60)
        ]
    )
    rises = np.diff(heights)
    assert (rises > -1e-12).all()
    assert rises[0] > 1e-3
    # The fit ends with the first step that raises the likelihood by less than the tolerance.
    tolerance = 1e-3
    last = int(np.argmax(rises < tolerance)) + 1
    ended = fit_mixture(points, ones(points), centres, 0.1, 1_000, tolerance)
    assert rises[last - 1] < tolerance
    assert likelihood(points, None, *ended) == pytest.approx(heights[last], abs=1e-13)


def test_the_floor_holds_where_all_values_are_equal():
    points = skewed(19)  # the second column is often exactly the same
    centres = fit_centres(points, ones(points), 3, uniforms(20, 5, 3))
    for floor in (0.01, 0.3):
        _, variances, shares = fit_mixture(points, ones(points), centres, floor, *TIGHT)
        assert variances.min() == floor
        assert shares.sum() == pytest.approx(1)


def test_an_empty_component_stays_where_it_is():
    points = skewed(21, variables=2)
    centres = np.array([[0.0, 0.0], [1e3, 1e3]])
    means, variances, shares = fit_mixture(points, ones(points), centres, 0.1, *TIGHT)
    assert means[1].tolist() == [1e3, 1e3]
    assert means[0] == pytest.approx(points.mean(axis=0), abs=1e-9)
    assert variances[0] == pytest.approx(points.var(axis=0))
    assert shares == pytest.approx([1, 0], abs=1e-9)
    assert np.isfinite(measure_affinities(points, means, variances, shares)).all()


def test_points_far_from_all_components_leave_the_logarithms_finite():
    points = np.vstack([skewed(22, variables=2), [[1e4, -1e4]]])
    centres = fit_centres(points, ones(points), 3, uniforms(23, 5, 3))
    for array in fit_mixture(points, ones(points), centres, 1e-6, *TIGHT):
        assert np.isfinite(array).all()


def test_affinities_are_log_densities_up_to_one_constant():
    generator = np.random.default_rng(24)
    points, means = generator.normal(size=(20, 3)), generator.normal(size=(4, 3))
    variances, shares = generator.uniform(0.2, 2, size=(4, 3)), generator.dirichlet(np.ones(4))
    affinities = measure_affinities(points, means, variances, shares)
    densities = norm.logpdf(points[:, None, :], means, np.sqrt(variances)).sum(axis=2)
    expected = densities + np.log(shares) + 1.5 * np.log(2 * np.pi)
    assert affinities == pytest.approx(expected)


def solve_all(seed):
    points = skewed(seed, households=150)
    centres = fit_centres(points, ones(points), 4, uniforms(seed, 5, 4))
    mixture = fit_mixture(points, ones(points), centres, 0.1, 200, 1e-6)
    return b"".join(array.tobytes() for array in (centres, *mixture))


def test_arguments_are_left_as_they_are():
    points = skewed(25)
    weights, numbers = ones(points), uniforms(26, 5, 4)
    centres = fit_centres(points, weights, 4, numbers)
    arguments = (points, weights, numbers, centres)
    before = [argument.copy() for argument in arguments]
    fit_centres(points, weights, 4, numbers)
    measure_affinities(points, *fit_mixture(points, weights, centres, 0.1, 50, 1e-6))
    assert all((new == old).all() for new, old in zip(arguments, before, strict=True))


def test_threads_and_repetition_change_no_byte():
    alone = [solve_all(seed) for seed in range(12)]
    with ThreadPoolExecutor(4) as workers:
        assert list(workers.map(solve_all, range(12))) == alone


PROGRAM = """
import hashlib
import numpy as np
from customer_segmentation.segments.kernels import fit_centres, fit_mixture
generator = np.random.default_rng(27)
points, weights = generator.normal(size=(300, 5)), generator.integers(1, 4, size=300).astype(float)
centres = fit_centres(points, weights, 6, generator.random((10, 6)))
arrays = (centres, *fit_mixture(points, weights, centres, 0.1, 500, 1e-6))
print(hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest())
"""


def test_the_number_of_threads_in_libraries_changes_no_byte():
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env=os.environ
            | dict.fromkeys(THREAD_VARIABLES, number)
            | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in ("1", "2")
    ]
    digests = [run.communicate()[0].strip() for run in runs]
    assert len(digests[0]) == 64
    assert digests[0] == digests[1]
