"""The inner loops over trees, compiled by numba and free of the interpreter's lock.

They are written for one household as much as for a million: they take turns household by household
and need no large work space. As in `segments.kernels`, sums run in a fixed order and no fast
mathematics is allowed, so a household gets the same bits alone and among others.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
Places = npt.NDArray[np.uint32]  # never negative, so compiled code does not ask each time

LANES = 64  # leaves that are explained side by side: they fill the registers, and fit the cache
_SMALLEST, _LARGEST = np.float32(-np.inf), np.float32(np.inf)


class Nodes(NamedTuple):
    """Trees as `sum_leaves` takes them, for walking down.

    Attributes:
        roots: The first node of each tree.
        asked: The value that a node asks for. Every column stands twice: as 2 x column with missing
            values as the smallest of all numbers, as 2 x column + 1 with them as the largest. So a
            comparison sends them where they belong.
        thresholds: Values above this one go right.
        children: The nodes on the left and on the right; a leaf is followed by itself.
        outputs: What a leaf adds: one row per node, one column per sum.
        intercepts: Where each sum starts.
        depth: Most branches of a path.
    """

    roots: Places
    asked: Places
    thresholds: Singles
    children: Places
    outputs: Floats
    intercepts: Floats
    depth: int


class Paths(NamedTuple):
    """Trees as `add_contributions` takes them: what the path to each leaf asks for.

    The leaves stand in packs of `LANES`, those whose paths ask for few columns first. A pack has a
    row for each column of its longest path. There each leaf has a column of its own path, or one of
    which nothing is asked.

    Attributes:
        starts: The first row of each pack, and the number of rows.
        columns: The column that is asked for: rows x leaves of a pack, as all that follow.
        lower, upper: The path is open to values above lower, up to upper,
        missing: and to missing values if this is true.
        shares: Share of the training households that went on, of those who came to be asked.
        outputs: What a leaf adds: packs x sums x leaves of a pack.
        base: The sums before any column is known.
        points, weights: The rules of integration on [0, 1]; row n is the one with n + 1 points.
    """

    starts: Integers
    columns: Places
    lower: Singles
    upper: Singles
    missing: Bools
    shares: Floats
    outputs: Floats
    base: Floats
    points: Floats
    weights: Floats


@njit(cache=True, nogil=True)
def sum_leaves(encoded: Floats, nodes: Nodes) -> Floats:
    """Sum what the leaves say of every household.

    Args:
        encoded: One row per household, one column per encoded column, missing values allowed; at
            least as many as the trees need.
        nodes: The trees.

    Returns:
        One row per household, one column per sum.
    """
    values = np.empty(2 * encoded.shape[1], np.float32)
    at = np.empty(len(nodes.roots), np.uint32)
    sums = np.empty((len(encoded), len(nodes.intercepts)))
    for household in range(len(encoded)):
        _see_twice(encoded[household], values)
        _walk_down(values, nodes, at)
        for output in range(len(nodes.intercepts)):
            total = nodes.intercepts[output]
            for tree in range(len(at)):
                total += nodes.outputs[at[tree], output]
            sums[household, output] = total
    return sums


@njit(cache=True, nogil=True)
def _see_twice(encoded: Floats, values: Singles) -> None:
    for column in range(len(encoded)):
        value = np.float32(encoded[column])
        missing = np.isnan(value)
        values[2 * column] = _SMALLEST if missing else value
        values[2 * column + 1] = _LARGEST if missing else value


@njit(cache=True, nogil=True)
def _walk_down(values: Singles, nodes: Nodes, at: Places) -> None:
    # All trees go down one branch at a time, side by side: no step waits for the one before, and
    # there is no jump for the processor to guess.
    for tree in range(len(at)):
        at[tree] = nodes.roots[tree]
    for _ in range(nodes.depth):
        for tree in range(len(at)):
            node = at[tree]
            goes_right = values[nodes.asked[node]] > nodes.thresholds[node]
            at[tree] = nodes.children[node, np.uint32(goes_right)]


@njit(cache=True, nogil=True)
def add_contributions(encoded: Floats, paths: Paths) -> Floats:
    """Attribute the sums of every household to the columns.

    Args:
        encoded: One row per household, one column per encoded column, missing values allowed; at
            least as many as the trees need.
        paths: The trees.

    Returns:
        Households x sums x encoded columns.
    """
    most = paths.starts[-1] - paths.starts[-2]  # the last pack has the longest paths
    gaps, integrals = np.empty((most, LANES)), np.empty((most, LANES))
    before, product = np.empty((most, LANES)), np.empty(LANES)
    values = np.empty(encoded.shape[1], np.float32)
    contributions = np.zeros((len(encoded), len(paths.base), encoded.shape[1]))
    for household in range(len(encoded)):
        values[:] = encoded[household]
        for pack in range(len(paths.outputs)):
            first, last = paths.starts[pack], paths.starts[pack + 1]
            _find_gaps(values, paths, first, last, gaps)
            _integrate(paths, first, last, gaps, integrals, before, product)
            columns, outputs = paths.columns[first:last], paths.outputs[pack]
            _spread(columns, outputs, gaps, integrals, contributions[household])
    return contributions


# The loops over the leaves of a pack have a fixed length and read before they write: so the
# compiler handles several leaves at a time.


@njit(cache=True, nogil=True)
def _find_gaps(values: Singles, paths: Paths, first: int, last: int, gaps: Floats) -> None:
    # How far a household is from those of training: o - z.
    columns = paths.columns[first:last]
    lower, upper = paths.lower[first:last], paths.upper[first:last]
    missing, shares = paths.missing[first:last], paths.shares[first:last]
    for row in range(last - first):
        for leaf in range(LANES):
            gaps[row, leaf] = values[columns[row, leaf]]
        for leaf in range(LANES):
            value = gaps[row, leaf]
            within = (value > lower[row, leaf]) & (value <= upper[row, leaf])
            meets = within | (missing[row, leaf] & np.isnan(value))
            gaps[row, leaf] = (1.0 if meets else 0.0) - shares[row, leaf]


@njit(cache=True, nogil=True)
def _integrate(
    paths: Paths,
    first: int,
    last: int,
    gaps: Floats,
    integrals: Floats,
    before: Floats,
    product: Floats,
) -> None:
    # The product of all factors but one is that of those before times that of those after.
    rows, shares = last - first, paths.shares[first:last]
    points = (rows + 1) // 2
    integrals[:rows] = 0.0
    for point in range(points):
        time = paths.points[points - 1, point]
        product[:] = paths.weights[points - 1, point]
        for row in range(rows):
            for leaf in range(LANES):
                so_far = product[leaf]
                before[row, leaf] = so_far
                product[leaf] = so_far * (shares[row, leaf] + time * gaps[row, leaf])
        product[:] = 1.0
        for back in range(rows):
            row = rows - 1 - back
            for leaf in range(LANES):
                after = product[leaf]
                integrals[row, leaf] += before[row, leaf] * after
                product[leaf] = after * (shares[row, leaf] + time * gaps[row, leaf])


@njit(cache=True, nogil=True)
def _spread(
    columns: Places, outputs: Floats, gaps: Floats, integrals: Floats, contributions: Floats
) -> None:
    for row in range(len(columns)):
        for leaf in range(LANES):
            integrals[row, leaf] *= gaps[row, leaf]
    for output in range(len(outputs)):
        sums = contributions[output]
        for leaf in range(LANES):
            added = outputs[output, leaf]
            for row in range(len(columns)):
                sums[columns[row, leaf]] += integrals[row, leaf] * added
