"""Ensembles of trees as one list of nodes, laid out so that compiled loops answer and explain.

A forest and boosted trees are the same here: every tree leads a household to one leaf, what the
leaves say is added up, and only the way from these sums to probabilities differs.

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

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, StrictBool, model_validator
from sklearn.ensemble import RandomForestClassifier

from customer_segmentation.classification.encoding import Attribution
from customer_segmentation.classification.models import FOREST, SMALLEST, softmax
from customer_segmentation.panel.values import (
    Configured,
    Finite,
    Numbers,
    Positive,
    Table,
    stored_as,
)

if TYPE_CHECKING:
    from customer_segmentation.classification.kernels import Nodes, Paths

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

_LARGEST = float(np.finfo(np.float32).max)
_OBJECTIVES = ("binary:logistic", "multi:softprob")
_NO_CHANGE = 1e-6  # a probability that moves less, relative to itself, has the slope of the log
_Single = Annotated[Finite, Field(ge=-_LARGEST, le=_LARGEST)]
_Place = Annotated[int, Field(strict=True, ge=0, lt=2**31)]
_Places = Annotated[Integers, stored_as(tuple[_Place, ...], np.int64)]


class Trees(Configured):
    """Trees, one after the other, as one list of nodes.

    Attributes:
        model: What they are among the classifiers. It says how sums become probabilities: a forest
            takes the mean over its trees, boosted trees the softmax of their margins.
        roots: Number of the first node of each tree.
        columns: The encoded column that a node asks for; not read of a leaf.
        thresholds: Values up to this one, in single precision, go left; not read of a leaf. The
            largest one sends all but missing values left, if those are to go right.
        left, right: Number of the node that follows; a leaf is followed by itself.
        missing_left: Whether missing values go left.
        cover: Training households in each node, or their weight. They weigh the branches when a
            household is explained.
        outputs: What a leaf adds: one row per node, one column per segment; not read of others.
        intercepts: Where the sum of each segment starts.

    Raises:
        ValueError: The lists differ in length, or outputs and intercepts in their number; a branch
            leads back or to a node that is not there; not exactly one branch, or the start of a
            tree, leads to a node; or what a forest says are no shares of households.
    """

    model: Literal["xgboost", "rf"]
    roots: Annotated[_Places, Field(min_length=1)]
    columns: _Places
    thresholds: Annotated[Singles, stored_as(tuple[_Single, ...], np.float32)]
    left: _Places
    right: _Places
    missing_left: Annotated[Bools, stored_as(tuple[StrictBool, ...], np.bool_)]
    cover: Annotated[Floats, stored_as(tuple[Positive, ...])]
    outputs: Annotated[Floats, stored_as(Table)]
    intercepts: Annotated[Floats, stored_as(Numbers)]

    @model_validator(mode="after")
    def _every_way_ends_in_a_leaf(self) -> Self:
        # Compiled loops would follow a branch wherever it leads.
        count = len(self.outputs)
        of_nodes = (self.columns, self.thresholds, self.left, self.right, self.missing_left)
        if any(len(each) != count for each in (*of_nodes, self.cover)):
            raise ValueError("the lists of nodes differ in length")
        if self.outputs.shape[1] != len(self.intercepts):
            raise ValueError("outputs and intercepts differ in their number")
        ways = np.append(self.roots, self.children[~self.are_leaves])
        if ways.max() >= count:
            raise ValueError("a branch leads to a node that is not there")
        if not (self.children > np.arange(count)[:, np.newaxis])[~self.are_leaves].all():
            raise ValueError("a branch leads back")
        if (np.bincount(ways, minlength=count) != 1).any():
            raise ValueError("no branch leads to a node, or more than one")
        return self

    @model_validator(mode="after")
    def _a_forest_says_shares(self) -> Self:
        shares = self.intercepts + self.outputs[self.are_leaves]
        if self.model == FOREST and not (
            (shares >= 0).all() and np.allclose(shares.sum(axis=1), 1)
        ):
            raise ValueError("the leaves of a forest hold shares, which sum to 1")
        return self

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

    def fits(self, columns: int, segments: int) -> bool:
        """Whether they take this number of encoded columns and know this number of segments."""
        return self.width <= columns and len(self.intercepts) == segments

    def predict_proba(self, encoded: Floats) -> Floats:
        """Predict probabilities before calibration: households x segments, added up in float64."""
        sums = self.sum_leaves(encoded)
        return sums / len(self.roots) if self.model == FOREST else softmax(sums)

    def attribute(self, encoded: Floats) -> Attribution:
        """Attribute log-probabilities to the encoded columns: SHAP values, of a forest rescaled."""
        from customer_segmentation.classification.kernels import add_contributions

        contributions = add_contributions(self._take(encoded), self._paths).transpose(0, 2, 1)
        if self.model != FOREST:
            return Attribution(contributions, self._paths.base)
        count = len(self.roots)
        return rescale_to_logs(
            contributions / count, self._paths.base / count, self.predict_proba(encoded)
        )

    def sum_leaves(self, encoded: Floats) -> Floats:
        """Sum what the leaves say of every household: households x segments."""
        from customer_segmentation.classification.kernels import sum_leaves

        sums: Floats = sum_leaves(self._take(encoded), self._nodes)
        return sums

    def _take(self, encoded: Floats) -> Floats:
        if encoded.shape[1] < self.width:
            raise ValueError(f"the trees need {self.width} columns, not {encoded.shape[1]}")
        return np.ascontiguousarray(encoded, dtype=np.float64)

    @cached_property
    def _nodes(self) -> Nodes:
        from customer_segmentation.classification.kernels import Nodes

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


def rescale_to_logs(contributions: Floats, base: Floats, probabilities: Floats) -> Attribution:
    """Turn contributions to probabilities into contributions to their logs (floor: `SMALLEST`).

    They are rescaled household by household and segment by segment: the contributions to a
    probability that goes from b to p are multiplied by the mean slope of the logarithm on the way,
    (log p - log b) / (p - b). That keeps their signs and proportions and makes them add up; they
    are no SHAP values of the log-probability itself.

    Shrikumar, Greenside & Kundaje (2017), Learning important features through propagating
    activation differences (the rescale rule).
    """
    change = probabilities - base
    still = np.abs(change) < _NO_CHANGE * base
    rise = np.log(probabilities.clip(SMALLEST) / base)
    slopes = np.where(still, 1 / base, rise / np.where(still, 1, change))
    return Attribution(contributions * slopes[:, np.newaxis], np.log(base))


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
    from customer_segmentation.classification.kernels import LANES, Paths

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


def list_forest(forest: RandomForestClassifier) -> Trees:
    """List the nodes of a fitted random forest."""
    trees: list[Any] = [each.tree_ for each in forest.estimators_]

    def join(name: str) -> npt.NDArray[Any]:
        return np.concatenate([getattr(tree, name) for tree in trees])

    children = np.column_stack([join("children_left"), join("children_right")])
    roots, linked = _link_nodes([tree.node_count for tree in trees], children)
    is_leaf = children[:, 0] < 0
    outputs = np.where(is_leaf[:, np.newaxis], join("value")[:, 0], 0.0)
    return Trees(
        model="rf",
        roots=roots,
        columns=np.where(is_leaf, 0, join("feature")),
        thresholds=_round_down(np.where(is_leaf, 0.0, join("threshold").clip(max=_LARGEST))),
        left=linked[:, 0],
        right=linked[:, 1],
        missing_left=join("missing_go_to_left").astype(np.bool_),
        cover=join("weighted_n_node_samples"),
        outputs=outputs,
        intercepts=np.zeros(outputs.shape[1]),
    )


def list_boosted_trees(booster: Any) -> Trees:
    """List the nodes of an `xgboost.Booster` of classes; one of another kind is a ValueError."""
    learner = json.loads(booster.save_raw("json").decode())["learner"]
    _refuse_other_trees(learner)
    model = learner["gradient_booster"]["model"]

    def join(name: str) -> npt.NDArray[Any]:
        return np.concatenate([tree[name] for tree in model["trees"]])

    sizes = [len(tree["left_children"]) for tree in model["trees"]]
    children = np.column_stack([join("left_children"), join("right_children")])
    roots, linked = _link_nodes(sizes, children)
    is_leaf = children[:, 0] < 0
    numbers = join("split_conditions").astype(np.float32)  # of a leaf: what it adds
    below = np.nextafter(numbers, np.float32(-np.inf))  # equal values go right
    parts, margins = _read_margins(learner)
    outputs = (
        np.where(is_leaf, numbers, 0)[:, np.newaxis] * parts[np.repeat(model["tree_info"], sizes)]
    )
    return Trees(
        model="xgboost",
        roots=roots,
        columns=join("split_indices"),
        thresholds=np.where(is_leaf, 0, below),
        left=linked[:, 0],
        right=linked[:, 1],
        missing_left=join("default_left").astype(np.bool_),
        cover=join("sum_hessian"),
        outputs=outputs,
        intercepts=margins @ parts,
    )


def _refuse_other_trees(learner: Mapping[str, Any]) -> None:
    booster, objective = learner["gradient_booster"], learner["objective"]["name"]
    if booster["name"] != "gbtree" or objective not in _OBJECTIVES:
        raise ValueError(
            f"no boosted trees that tell segments but {objective} by {booster['name']}"
        )
    for tree in booster["model"]["trees"]:
        if any(tree["split_type"]) or tree["tree_param"]["size_leaf_vector"] != "1":
            raise ValueError("a boosted tree that splits by sets or tells several numbers at once")


def _read_margins(learner: Mapping[str, Any]) -> tuple[Floats, Floats]:
    """Read what part of each margin lies on each segment, and where the margins start."""
    text = learner["learner_model_param"]["base_score"]
    start = np.array(json.loads(text), dtype=np.float32).astype(np.float64)
    if learner["objective"]["name"] == "multi:softprob":
        return np.eye(len(start)), start
    # Of two segments there is one margin, the log-odds of the second: half of it lies on each.
    return np.array([[-0.5, 0.5]]), np.log(start / (1 - start))


def _link_nodes(sizes: Sequence[int], children: Integers) -> tuple[Integers, Integers]:
    """Number the nodes of all trees in one go; a leaf, with children below 0, follows itself."""
    roots = np.cumsum([0, *sizes[:-1]])
    first, itself = np.repeat(roots, sizes), np.arange(len(children))
    linked = np.where(children < 0, itself[:, np.newaxis], first[:, np.newaxis] + children)
    return roots, linked


def _round_down(thresholds: Floats) -> Singles:
    nearest = thresholds.astype(np.float32)
    return np.where(nearest > thresholds, np.nextafter(nearest, np.float32(-np.inf)), nearest)
