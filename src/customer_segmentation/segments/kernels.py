"""The inner loops of grouping, compiled by numba and free of the interpreter's lock.

Nothing here draws random numbers: chance comes in as arrays of uniform numbers, so that equal
arguments give equal bytes. Sums run in a fixed order and no fast mathematics is allowed, so the
results do not depend on the processor or the number of threads.

Inside, the points lie variable by variable (`columns`): a loop over the points then reads memory in
order, and the compiler handles several points at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# Far more than are ever needed: the iterations end when no point changes its segment, not before.
# Only rounding errors among points that coincide could go on for ever.
_MOST_ITERATIONS = 1_000
# A component of a mixture with a smaller share has lost its points and stays where it is.
_SMALLEST_SHARE = 1e-12


def _inner(function: Function) -> Function:
    """Compile a function that only compiled ones call: without the wrappers that Python needs."""
    # numba's type hints do not know these two options.
    options: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    compiled: Function = njit(cache=True, nogil=True, **options)(function)
    return compiled


@njit(cache=True, nogil=True)
def fit_centres(points: Floats, weights: Floats, segments: int, uniforms: Floats) -> Floats:
    """Find segments by weighted k-means: the smallest squared distances to the segments' means.

    Each start draws its first centres by k-means++ and moves them until no point changes its
    segment. Of all starts the smallest weighted sum of squared distances wins, the first on ties. A
    segment that loses all its points gets the point farthest from its centre.

    Args:
        points: One row per point, one column per variable; finite.
        weights: How often each point counts; above 0.
        segments: Number of segments, at least 1.
        uniforms: One row per start, one column per segment, in [0, 1).

    Returns:
        One row per segment, one column per variable: the mean of its points. With fewer different
        points than segments, centres coincide.

    References:
        Lloyd (1982), Least squares quantization in PCM. Arthur & Vassilvitskii (2007), k-means++.
    """
    columns = np.ascontiguousarray(points.T)
    # What a point adds to the totals of its segment: its weighted values, then its weight.
    moments = np.empty((len(points), len(columns) + 1))
    moments[:, :-1] = points * weights.reshape(-1, 1)
    moments[:, -1] = weights
    totals = np.empty((segments, len(columns) + 1))
    distances, work = np.empty(len(points)), np.empty(len(points))
    labels, previous = np.empty(len(points), np.int64), np.empty(len(points), np.int64)
    best, smallest = np.empty((segments, len(columns))), np.inf
    for start in range(len(uniforms)):
        centres = np.empty((segments, len(columns)))
        _draw_centres(columns, weights, uniforms[start], centres, labels, distances, work)
        for _ in range(_MOST_ITERATIONS):
            _average(moments, labels, totals, centres)
            _fill_empty_segments(columns, moments, centres, labels, totals)
            labels, previous = previous, labels
            _find_nearest(columns, centres, labels, distances, work)
            if (previous == labels).all():
                break
        spread = _weighted_sum(weights, distances)
        if spread < smallest:
            smallest, best = spread, centres
    return best


@_inner
def _draw_centres(
    columns: Floats,
    weights: Floats,
    uniforms: Floats,
    centres: Floats,
    labels: Integers,
    distances: Floats,
    work: Floats,
) -> None:
    # k-means++: each centre is a point, drawn in proportion to its squared distance so far.
    distances[:] = 1.0
    for j in range(len(centres)):
        point = _draw_point(weights, distances, uniforms[j], work)
        if j == 0:
            distances[:] = np.inf
        for q in range(len(columns)):
            centres[j, q] = columns[q, point]
        _offer_centre(columns, centres, j, labels, distances, work)


@_inner
def _draw_point(weights: Floats, distances: Floats, uniform: float, cumulated: Floats) -> int:
    total = 0.0
    last = 0
    for i in range(len(weights)):
        mass = weights[i] * distances[i]
        total += mass
        cumulated[i] = total
        if mass > 0:
            last = i
    target = uniform * total
    for i in range(last):
        if cumulated[i] > target:
            return i
    return last


@_inner
def _find_nearest(
    columns: Floats, centres: Floats, labels: Integers, distances: Floats, work: Floats
) -> None:
    distances[:] = np.inf
    for j in range(len(centres)):
        _offer_centre(columns, centres, j, labels, distances, work)


@_inner
def _offer_centre(
    columns: Floats, centres: Floats, j: int, labels: Integers, distances: Floats, work: Floats
) -> None:
    # Points that are nearer to centre j than to those offered before change over.
    work[:] = 0.0
    for q in range(len(columns)):
        centre = centres[j, q]
        column = columns[q]
        for i in range(len(work)):
            work[i] += (column[i] - centre) ** 2
    for i in range(len(work)):
        nearer = work[i] < distances[i]
        labels[i] = j if nearer else labels[i]
        distances[i] = work[i] if nearer else distances[i]


@_inner
def _average(moments: Floats, labels: Integers, totals: Floats, centres: Floats) -> None:
    # The centre of an empty segment stays where it is.
    segments, variables = centres.shape
    for j in range(segments):
        totals[j][:] = 0.0
    for i in range(len(moments)):
        for q in range(variables + 1):
            totals[labels[i], q] += moments[i, q]
    for j in range(segments):
        mass = totals[j, variables]
        for q in range(variables):
            centres[j, q] = totals[j, q] / mass if mass > 0 else centres[j, q]


@_inner
def _fill_empty_segments(
    columns: Floats, moments: Floats, centres: Floats, labels: Integers, totals: Floats
) -> None:
    for j in range(len(centres)):
        if totals[j, len(columns)] == 0:
            point, distance = _find_farthest(columns, centres, labels)
            if distance > 0:
                labels[point] = j
                _average(moments, labels, totals, centres)


@_inner
def _find_farthest(columns: Floats, centres: Floats, labels: Integers) -> tuple[int, float]:
    farthest = 0
    largest = 0.0
    for i in range(len(labels)):
        distance = 0.0
        for q in range(len(columns)):
            distance += (columns[q, i] - centres[labels[i], q]) ** 2
        if distance > largest:
            farthest = i
            largest = distance
    return farthest, largest


@_inner
def _weighted_sum(weights: Floats, values: Floats) -> float:
    total = 0.0
    for i in range(len(weights)):
        total += weights[i] * values[i]
    return total


@njit(cache=True, nogil=True)
def fit_mixture(
    points: Floats,
    weights: Floats,
    centres: Floats,
    floor: float,
    most_iterations: int,
    tolerance: float,
) -> tuple[Floats, Floats, Floats]:
    """Fit a mixture of normal distributions with diagonal covariances by weighted EM.

    First each point belongs wholly to its nearest centre. A variance below the floor is set
    to the floor, which is the best value within the bound, so no step lowers the likelihood. A
    component that has lost its points stays where it is, with a share near 0.

    Args:
        points: One row per point, one column per variable; finite.
        weights: How often each point counts; above 0.
        centres: Where the components start: one row each, one column per variable.
        floor: Smallest variance, in squared units of the points; above 0.
        most_iterations: EM steps at most.
        tolerance: The steps end when the mean log-likelihood rises by less.

    Returns:
        Means and variances (one row per component, one column per variable) and shares (one per
        component, summing to 1).

    References:
        Dempster, Laird & Rubin (1977), Maximum likelihood from incomplete data via the EM
        algorithm.
    """
    columns = np.ascontiguousarray(points.T)
    portions = weights / weights.sum()
    means = centres.copy()
    variances = np.full(centres.shape, floor)
    shares = np.empty(len(centres))
    parts = _belong_to_nearest(columns, means)
    likelihood = -np.inf
    for _ in range(most_iterations):
        _describe_components(columns, portions, parts, floor, means, variances, shares)
        _fill_log_densities(columns, means, variances, shares, parts)
        before = likelihood
        likelihood = _share_points_out(portions, parts)
        if likelihood - before < tolerance:
            break
    return means, variances, shares


@_inner
def _belong_to_nearest(columns: Floats, centres: Floats) -> Floats:
    # One row per component, one column per point: 1 where the point is nearest.
    points = columns.shape[1]
    labels = np.empty(points, np.int64)
    _find_nearest(columns, centres, labels, np.empty(points), np.empty(points))
    parts = np.zeros((len(centres), points))
    for i in range(points):
        parts[labels[i], i] = 1.0
    return parts


@_inner
def _describe_components(
    columns: Floats,
    portions: Floats,
    parts: Floats,
    floor: float,
    means: Floats,
    variances: Floats,
    shares: Floats,
) -> None:
    # The M step. Deviations are taken from the old mean, so that large values lose no digits.
    for j in range(len(means)):
        mass = _weighted_sum(portions, parts[j])
        shares[j] = max(mass, _SMALLEST_SHARE)
        if mass > _SMALLEST_SHARE:
            for q in range(len(columns)):
                first, second = 0.0, 0.0
                for i in range(len(portions)):
                    deviation = columns[q, i] - means[j, q]
                    part = portions[i] * parts[j, i] * deviation
                    first += part
                    second += part * deviation
                shift = first / mass
                means[j, q] += shift
                variances[j, q] = max(second / mass - shift * shift, floor)


@_inner
def _share_points_out(portions: Floats, parts: Floats) -> float:
    # The E step: log densities become each component's part in a point; the mean log-likelihood.
    likelihood = 0.0
    for i in range(len(portions)):
        largest = -np.inf
        for j in range(len(parts)):
            largest = max(largest, parts[j, i])
        total = 0.0
        for j in range(len(parts)):
            parts[j, i] = np.exp(parts[j, i] - largest)
            total += parts[j, i]
        for j in range(len(parts)):
            parts[j, i] /= total
        likelihood += portions[i] * (largest + np.log(total))
    return likelihood


@_inner
def _fill_log_densities(
    columns: Floats, centres: Floats, variances: Floats, shares: Floats, densities: Floats
) -> None:
    for j in range(len(centres)):
        row = densities[j]
        constant = np.log(shares[j])
        for q in range(len(columns)):
            constant -= 0.5 * np.log(variances[j, q])
        row[:] = constant
        for q in range(len(columns)):
            column = columns[q]
            centre = centres[j, q]
            precision = 0.5 / variances[j, q]
            for i in range(len(column)):
                row[i] -= precision * (column[i] - centre) ** 2


@njit(cache=True, nogil=True)
def measure_affinities(
    points: Floats, centres: Floats, variances: Floats, shares: Floats
) -> Floats:
    """Measure how strongly points belong to components, as log densities weighted by the shares.

    Args:
        points: One row per point, one column per variable.
        centres: One row per component, one column per variable.
        variances: The same; above 0.
        shares: One per component; above 0.

    Returns:
        One row per point, one column per component: log share - 1/2 sum of ((point - centre)^2 /
        variance + log variance). The constant that all densities share is left out.
    """
    densities = np.empty((len(centres), len(points)))
    _fill_log_densities(np.ascontiguousarray(points.T), centres, variances, shares, densities)
    return np.ascontiguousarray(densities.T)
