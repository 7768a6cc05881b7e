"""Ensembles of trees as one list of nodes, laid out so that compiled loops answer and explain.

A forest and boosted trees are the same here: every tree leads a household to one leaf, and what the
leaves say is added up.

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
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from customer_segmentation.scorer.kernels import Nodes, Paths

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.integer[Any]]


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
        from customer_segmentation.scorer.kernels import sum_leaves

        sums: Floats = sum_leaves(self._take(encoded), self._nodes)
        return sums

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
        from customer_segmentation.scorer.kernels import add_contributions

        contributions = add_contributions(self._take(encoded), self._paths)
        return contributions.transpose(0, 2, 1), self._paths.base

    def _take(self, encoded: Floats) -> Floats:
        if encoded.shape[1] < self.width:
            raise ValueError(f"the trees need {self.width} columns, not {encoded.shape[1]}")
        return np.ascontiguousarray(encoded, dtype=np.float64)

    @cached_property
    def _nodes(self) -> Nodes:
        from customer_segmentation.scorer.kernels import Nodes

        asked = 2 * np.where(self.are_leaves, 0, self.columns) + ~self.missing_left
        return Nodes(
            roots=self.roots.astype(np.uint32),
            asked=asked.astype(np.uint32),
            thresholds=self.thresholds,
            children=self.children.astype(np.uint32),
            outputs=self.outputs,
            intercepts=self.intercepts,
            depth=_measure_depth(self),
        )

    @cached_property
    def _paths(self) -> Paths:
        return _pack_paths(self)


def _measure_depth(trees: Trees) -> int:
    depth, level = 0, trees.roots
    while len(inner := level[~trees.are_leaves[level]]):
        depth, level = depth + 1, trees.children[inner].ravel()
    return depth


class _Conditions(NamedTuple):
    """What the path to each leaf asks of each column, as in `kernels.Paths`: leaves x columns."""

    asked: Bools
    lower: Singles
    upper: Singles
    missing: Bools
    shares: Floats


def _pack_paths(trees: Trees) -> Paths:
    from customer_segmentation.scorer.kernels import LANES, Paths

    leaves = np.flatnonzero(trees.are_leaves)
    # What fills up the last pack stands at a root, where nothing was asked, and adds nothing.
    spare = -len(leaves) % LANES
    found = _collect_conditions(trees, np.append(leaves, np.repeat(trees.roots[0], spare)))
    outputs = np.append(trees.outputs[leaves], np.zeros((spare, len(trees.intercepts))), axis=0)
    lengths = found.asked.sum(axis=1)
    order = np.argsort(lengths, kind="stable")
    longest = lengths[order].reshape(-1, LANES).max(axis=1)
    # Of each leaf the columns of its path, then others: as many as the longest path has.
    columns = np.argsort(~found.asked[order], axis=1, kind="stable")[:, : longest[-1]]
    place = order[:, np.newaxis], columns
    in_use = np.arange(longest[-1]) < longest[:, np.newaxis]

    def pack(by_leaf: npt.NDArray[Any]) -> npt.NDArray[Any]:
        packs = by_leaf.reshape(len(longest), LANES, by_leaf.shape[1])
        return np.ascontiguousarray(packs.transpose(0, 2, 1))

    points, weights = _tabulate_rules(int(longest[-1]))
    return Paths(
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
    shape = len(leaves), trees.width
    found = _Conditions(
        asked=np.zeros(shape, dtype=np.bool_),
        lower=np.full(shape, -np.inf, dtype=np.float32),
        upper=np.full(shape, np.inf, dtype=np.float32),
        missing=np.ones(shape, dtype=np.bool_),
        shares=np.ones(shape),
    )
    parents, at = _find_parents(trees), leaves.copy()
    while len(moving := np.flatnonzero(parents[at] != at)):
        child = at[moving]
        node = parents[child]
        place = moving, trees.columns[node]
        threshold, is_left = trees.thresholds[node], trees.left[node] == child
        found.asked[place] = True
        found.lower[place] = np.maximum(found.lower[place], np.where(is_left, -np.inf, threshold))
        found.upper[place] = np.minimum(found.upper[place], np.where(is_left, threshold, np.inf))
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
