"""Ensembles of trees as one list of nodes, answered and explained by compiled loops.

A forest and boosted trees are the same here: every tree leads a household to one leaf, and what the
leaves say is added up. The loops are written for one household as much as for a million: they need
no large work space and do not hold the interpreter's lock. As in `segments.kernels`, sums run in a
fixed order without fast mathematics, so a household gets the same bits alone and among others.

A household is explained by SHAP values of the game that `shap` calls tree_path_dependent and
XGBoost pred_contribs. If only some columns are known, a branch that asks for another splits the
household among its children as it split those of training. To a leaf that adds v, with a path that
asks for m columns, let o of a column be 1 if the household meets all that the path asks of it and 0
otherwise, and let z be the share of the training households that met it. Then

    Shapley value of column i = v (o_i - z_i) * integral from 0 to 1 of
                                product over j != i of (t o_j + (1 - t) z_j) dt

because t, uniform on [0, 1], is the time at which i joins, and each other column has joined before
with probability t. The integrand is a polynomial of degree m - 1 in t: Gauss and Legendre's rule
with half as many points gives its integral exactly.

References:
    Lundberg et al. (2020), From local explanations to global understanding with explainable AI for
    trees. Owen (1972), Multilinear extensions of games (the integral).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.integer[Any]]
Places = npt.NDArray[np.uint32]  # never negative, so compiled code does not ask each time

_LANES = 64  # leaves that are explained side by side: they fill the registers, and fit the cache
_SMALLEST, _LARGEST = np.float32(-np.inf), np.float32(np.inf)


@dataclass(frozen=True, eq=False)
class Trees:
    """Trees, one after the other, as one list of nodes.

    Attributes:
        roots: Number of the first node of each tree.
        columns: The encoded column that a node asks for; not read of a leaf.
        thresholds: Values up to this one, in single precision, go left; not read of a leaf. A
            finite one, however large, sends missing values right if they are to go there.
        left, right: Number of the node that follows; a leaf is followed by itself.
        missing_left: Whether missing values go left.
        cover: Training households in each node, or their weight; above 0.
        outputs: What a leaf adds: one row per node, one column per sum.
        intercepts: Where each sum starts.

    Raises:
        ValueError: The lists differ in length, or outputs and intercepts in their number; a column
            is below 0; a branch leads back or to a node that is not there; not exactly one branch,
            or the start of a tree, leads to a node; no household has passed one.
    """

    roots: Integers
    columns: Integers
    thresholds: Singles
    left: Integers
    right: Integers
    missing_left: Bools
    cover: Floats
    outputs: Floats
    intercepts: Floats

    def __post_init__(self) -> None:
        """Refuse what compiled loops would read beyond, and covers that no share follows from."""
        count = len(self.outputs)
        of_nodes = (self.columns, self.thresholds, self.left, self.right, self.missing_left)
        if any(len(each) != count for each in (*of_nodes, self.cover)):
            raise ValueError("the lists of nodes differ in length")
        if self.outputs.shape[1] != len(self.intercepts):
            raise ValueError("outputs and intercepts differ in their number")
        if self.columns.min() < 0:
            raise ValueError("a node asks for a column that is not there")
        ways = np.append(self.roots, self.children[~self.are_leaves])
        if ways.min() < 0 or ways.max() >= count:
            raise ValueError("a branch leads to a node that is not there")
        if not (self.children > np.arange(count)[:, np.newaxis])[~self.are_leaves].all():
            raise ValueError("a branch leads back")
        if (np.bincount(ways, minlength=count) != 1).any():
            raise ValueError("no branch leads to a node, or more than one")
        if not (self.cover > 0).all():
            raise ValueError("no household has passed a node")

    @cached_property
    def children(self) -> Integers:
        """The nodes on the left and on the right: one row per node."""
        return np.column_stack([self.left, self.right])

    @cached_property
    def are_leaves(self) -> Bools:
        """Whether each node is a leaf."""
        leaves: Bools = (self.children == np.arange(len(self.children))[:, np.newaxis]).all(axis=1)
        return leaves

    @cached_property
    def width(self) -> int:
        """Number of encoded columns that they need."""
        return int(self.columns[~self.are_leaves].max(initial=-1)) + 1

    def sum_leaves(self, encoded: Floats) -> Floats:
        """Sum what the leaves say of every household.

        Args:
            encoded: One row per household, one column per encoded column, missing values allowed.

        Returns:
            One row per household, one column per sum.

        Raises:
            ValueError: There are fewer columns than `width`.
        """
        return _sum_leaves(self._take(encoded), self._nodes)

    def attribute(self, encoded: Floats) -> tuple[Floats, Floats]:
        """Attribute the sums of every household to the encoded columns (SHAP values).

        Args:
            encoded: One row per household, one column per encoded column, missing values allowed.

        Returns:
            Contributions (households x encoded columns x sums), and the sums before any column is
            known, which are their mean over the training households. Base plus the contributions
            of a household are its sums.

        Raises:
            ValueError: There are fewer columns than `width`.
        """
        contributions = _add_contributions(self._take(encoded), self._paths)
        return contributions.transpose(0, 2, 1), self._paths.base

    def _take(self, encoded: Floats) -> Floats:
        if encoded.shape[1] < self.width:
            raise ValueError(f"the trees need {self.width} columns, not {encoded.shape[1]}")
        return np.ascontiguousarray(encoded, dtype=np.float64)

    @cached_property
    def _nodes(self) -> _Nodes:
        asked = 2 * np.where(self.are_leaves, 0, self.columns) + ~self.missing_left
        return _Nodes(
            roots=self.roots.astype(np.uint32),
            asked=asked.astype(np.uint32),
            thresholds=self.thresholds,
            children=self.children.astype(np.uint32),
            outputs=self.outputs,
            intercepts=self.intercepts,
            depth=_measure_depth(self),
        )

    @cached_property
    def _paths(self) -> _Paths:
        return _pack_paths(self)


class _Nodes(NamedTuple):
    """Trees for walking down.

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


class _Paths(NamedTuple):
    """What the path to each leaf asks of each column, for many leaves side by side.

    The leaves stand in packs of `_LANES`, those whose paths ask for few columns first. A pack has a
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
def _sum_leaves(encoded: Floats, nodes: _Nodes) -> Floats:
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
def _walk_down(values: Singles, nodes: _Nodes, at: Places) -> None:
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
def _add_contributions(encoded: Floats, paths: _Paths) -> Floats:
    most = paths.starts[-1] - paths.starts[-2]  # the last pack has the longest paths
    gaps, integrals = np.empty((most, _LANES)), np.empty((most, _LANES))
    before, product = np.empty((most, _LANES)), np.empty(_LANES)
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
def _find_gaps(values: Singles, paths: _Paths, first: int, last: int, gaps: Floats) -> None:
    # How far a household is from those of training: o - z.
    columns = paths.columns[first:last]
    lower, upper = paths.lower[first:last], paths.upper[first:last]
    missing, shares = paths.missing[first:last], paths.shares[first:last]
    for row in range(last - first):
        for leaf in range(_LANES):
            gaps[row, leaf] = values[columns[row, leaf]]
        for leaf in range(_LANES):
            value = gaps[row, leaf]
            within = (value > lower[row, leaf]) & (value <= upper[row, leaf])
            meets = within | (missing[row, leaf] & np.isnan(value))
            gaps[row, leaf] = (1.0 if meets else 0.0) - shares[row, leaf]


@njit(cache=True, nogil=True)
def _integrate(
    paths: _Paths,
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
            for leaf in range(_LANES):
                so_far = product[leaf]
                before[row, leaf] = so_far
                product[leaf] = so_far * (shares[row, leaf] + time * gaps[row, leaf])
        product[:] = 1.0
        for back in range(rows):
            row = rows - 1 - back
            for leaf in range(_LANES):
                after = product[leaf]
                integrals[row, leaf] += before[row, leaf] * after
                product[leaf] = after * (shares[row, leaf] + time * gaps[row, leaf])


@njit(cache=True, nogil=True)
def _spread(
    columns: Places, outputs: Floats, gaps: Floats, integrals: Floats, contributions: Floats
) -> None:
    for row in range(len(columns)):
        for leaf in range(_LANES):
            integrals[row, leaf] *= gaps[row, leaf]
    for output in range(len(outputs)):
        sums = contributions[output]
        for leaf in range(_LANES):
            added = outputs[output, leaf]
            for row in range(len(columns)):
                sums[columns[row, leaf]] += integrals[row, leaf] * added


def _measure_depth(trees: Trees) -> int:
    depth, level = 0, trees.roots
    while len(inner := level[~trees.are_leaves[level]]):
        depth, level = depth + 1, trees.children[inner].ravel()
    return depth


class _Conditions(NamedTuple):
    """What the path to each leaf asks of each column, as in `_Paths`: leaves x columns."""

    asked: Bools
    lower: Singles
    upper: Singles
    missing: Bools
    shares: Floats


def _pack_paths(trees: Trees) -> _Paths:
    leaves = np.flatnonzero(trees.are_leaves)
    found = _collect_conditions(trees, leaves)
    outputs = np.zeros((len(found.asked), len(trees.intercepts)))
    outputs[: len(leaves)] = trees.outputs[leaves]
    lengths = found.asked.sum(axis=1)
    order = np.argsort(lengths, kind="stable")
    longest = lengths[order].reshape(-1, _LANES).max(axis=1)
    # Of each leaf the columns of its path, then others: as many as the longest path has.
    columns = np.argsort(~found.asked[order], axis=1, kind="stable")[:, : longest[-1]]
    place = order[:, np.newaxis], columns
    in_use = np.arange(longest[-1]) < longest[:, np.newaxis]

    def pack(by_leaf: npt.NDArray[Any]) -> npt.NDArray[Any]:
        packs = by_leaf.reshape(len(longest), _LANES, by_leaf.shape[1])
        return np.ascontiguousarray(packs.transpose(0, 2, 1))

    points, weights = _tabulate_rules(int(longest[-1]))
    return _Paths(
        starts=np.append(0, longest.cumsum()),
        columns=pack(columns.astype(np.uint32))[in_use],
        lower=pack(found.lower[place])[in_use],
        upper=pack(found.upper[place])[in_use],
        missing=pack(found.missing[place])[in_use],
        shares=pack(found.shares[place])[in_use],
        outputs=pack(outputs[order]),
        base=trees.intercepts + found.shares.prod(axis=1) @ outputs,
        points=points,
        weights=weights,
    )


def _collect_conditions(trees: Trees, leaves: Integers) -> _Conditions:
    # The places that fill up the last pack stand at a root: nothing is asked on the way.
    at = np.full(-(-len(leaves) // _LANES) * _LANES, trees.roots[0])
    at[: len(leaves)] = leaves
    shape = len(at), trees.width
    found = _Conditions(
        asked=np.zeros(shape, dtype=np.bool_),
        lower=np.full(shape, -np.inf, dtype=np.float32),
        upper=np.full(shape, np.inf, dtype=np.float32),
        missing=np.ones(shape, dtype=np.bool_),
        shares=np.ones(shape),
    )
    parents = _find_parents(trees)
    while len(moving := np.flatnonzero(parents[at] != at)):
        child = at[moving]
        node = parents[child]
        place = moving, trees.columns[node]
        threshold, is_left = trees.thresholds[node], trees.left[node] == child
        found.asked[place] = True
        found.lower[place] = np.maximum(found.lower[place], np.where(is_left, _SMALLEST, threshold))
        found.upper[place] = np.minimum(found.upper[place], np.where(is_left, threshold, _LARGEST))
        found.missing[place] &= trees.missing_left[node] == is_left
        found.shares[place] *= trees.cover[child] / trees.cover[node]
        at[moving] = node
    return found


def _find_parents(trees: Trees) -> Integers:
    parents = np.arange(len(trees.children))
    inner = np.flatnonzero(~trees.are_leaves)
    parents[trees.children[inner]] = inner[:, np.newaxis]
    return parents


def _tabulate_rules(longest: int) -> tuple[Floats, Floats]:
    most = -(-longest // 2)
    points, weights = np.zeros((most, most)), np.zeros((most, most))
    for count in range(1, most + 1):
        nodes, sizes = np.polynomial.legendre.leggauss(count)  # on [-1, 1]
        points[count - 1, :count] = (1 + nodes) / 2
        weights[count - 1, :count] = sizes / 2
    return points, weights
