"""Fitted classifiers as numbers, and how they answer without the library that fitted them.

Each takes encoded columns and gives the probabilities, before calibration, that the original gives,
and what each column adds to their logs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, StrictBool, model_validator

from customer_segmentation.classification.estimators import FOREST, LR, XGBOOST
from customer_segmentation.classification.explanation import (
    Attribution,
    attribute_linear,
    rescale_to_logs,
)
from customer_segmentation.classification.tuning import TunedClassifier
from customer_segmentation.panel.values import (
    Configured,
    Numbers,
    Positive,
    ShareTable,
    Table,
    to_row,
    to_table,
)
from customer_segmentation.scorer.trees import Trees

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_OBJECTIVES = ("binary:logistic", "multi:softprob")
_LARGEST = np.finfo(np.float64).max
_SHORTEST = 100  # bytes; trees without a single split take thousands
_Places = tuple[Annotated[int, Field(strict=True, ge=0, lt=2**31)], ...]


class LinearModel(Configured):
    """A logistic regression.

    Attributes:
        model: Its name among the classifiers.
        coefficients: One row per segment, one number per encoded column. Only their differences
            count; of two segments, the first has zeros.
        intercepts: One per segment, in the same way.
        background: Mean of each encoded column over the training households: what a household is
            compared with when it is explained.
    """

    model: Literal["lr"] = "lr"
    coefficients: Table
    intercepts: Numbers
    background: Numbers

    def fits(self, columns: int, segments: int) -> bool:
        """Whether it takes this number of encoded columns and tells this number of segments."""
        rows, width = np.shape(self.coefficients)
        return rows == len(self.intercepts) == segments and width == len(self.background) == columns

    def predict_proba(self, encoded: Floats) -> Floats:
        """Give every household a probability for each segment.

        Args:
            encoded: One row per household, one column per encoded column, none missing.
        """
        coefficients, intercepts, _ = self._arrays
        # Not a matrix product, whose last bits differ between one household and several.
        return _softmax(np.einsum("hc,sc->hs", encoded, coefficients) + intercepts)

    def attribute(self, encoded: Floats) -> Attribution:
        """Attribute the margins of every household to the columns.

        Args:
            encoded: One row per household, one column per encoded column, none missing.
        """
        return attribute_linear(encoded, *self._arrays)

    @cached_property
    def _arrays(self) -> tuple[Floats, Floats, Floats]:
        return np.array(self.coefficients), np.array(self.intercepts), np.array(self.background)


class BoostedTrees(Configured):
    """XGBoost's trees, in its own format.

    Attributes:
        model: Its name among the classifiers.
        ubj: What XGBoost saves as Universal Binary JSON.
    """

    model: Literal["xgboost"] = "xgboost"
    ubj: bytes = Field(repr=False, strict=True)

    @model_validator(mode="after")
    def _are_readable(self) -> Self:
        # Over empty content XGBoost ends the whole process.
        if not (
            self.ubj.startswith(b"{") and self.ubj.endswith(b"}") and len(self.ubj) > _SHORTEST
        ):
            raise ValueError("no boosted trees as XGBoost writes them")
        self.trees  # noqa: B018 - trees that cannot be read are refused here, not later
        return self

    def fits(self, columns: int, segments: int) -> bool:
        """Whether they take this number of encoded columns and tell this number of segments."""
        told = len(self.trees.intercepts)
        return bool(self.booster.num_features() == columns and told == segments)

    @cached_property
    def booster(self) -> Any:
        """The trees as an `xgboost.Booster`."""
        from xgboost import Booster

        booster = Booster({"nthread": 1})
        booster.load_model(bytearray(self.ubj))
        return booster

    @cached_property
    def trees(self) -> Trees:
        """The trees, which add up to the margins of the segments."""
        learner = json.loads(self.booster.save_raw("json").decode())["learner"]
        _refuse_other_trees(learner)
        return _list_boosted_trees(learner)

    def predict_proba(self, encoded: Floats) -> Floats:
        """Give every household a probability for each segment.

        Args:
            encoded: One row per household, one column per encoded column, missing values allowed.

        Returns:
            What XGBoost answers, but added up in double precision.
        """
        return _softmax(self.trees.sum_leaves(encoded))

    def attribute(self, encoded: Floats) -> Attribution:
        """Attribute the margins of every household to the columns.

        Args:
            encoded: One row per household, one column per encoded column, missing values allowed.
        """
        return Attribution(*self.trees.attribute(encoded))


class Forest(Configured):
    """The trees of a random forest, one after the other, as one list of nodes.

    Attributes:
        model: Its name among the classifiers.
        roots: Number of the first node of each tree.
        columns: The encoded column that a node asks for; 0 for a leaf.
        thresholds: Values up to this one go left; 0 for a leaf. It is the largest number where only
            missing values go right.
        left, right: Number of the node that follows; a leaf is followed by itself.
        missing_left: Whether missing values go left.
        households: Training households in each node, as often as the tree's sample holds them. They
            weigh the branches when a household is explained.
        probabilities: Share of each segment among them: one row per node.
    """

    model: Literal["rf"] = "rf"
    roots: _Places = Field(min_length=1)
    columns: _Places
    thresholds: Numbers
    left: _Places
    right: _Places
    missing_left: tuple[StrictBool, ...]
    households: tuple[Positive, ...]
    probabilities: ShareTable

    @model_validator(mode="after")
    def _every_way_ends_in_a_leaf(self) -> Self:
        self.trees  # noqa: B018 - trees that cannot be walked down are refused here, not later
        return self

    def fits(self, columns: int, segments: int) -> bool:
        """Whether it takes this number of encoded columns and tells this number of segments."""
        return max(self.columns) < columns and len(self.probabilities[0]) == segments

    @cached_property
    def trees(self) -> Trees:
        """The trees, whose mean is the probabilities of the segments."""
        return Trees(
            roots=np.array(self.roots),
            columns=np.array(self.columns),
            thresholds=_round_down(np.array(self.thresholds)),
            left=np.array(self.left),
            right=np.array(self.right),
            missing_left=np.array(self.missing_left),
            cover=np.array(self.households),
            outputs=np.array(self.probabilities),
            intercepts=np.zeros(len(self.probabilities[0])),
        )

    def predict_proba(self, encoded: Floats) -> Floats:
        """Give every household a probability for each segment: the mean over the trees.

        Args:
            encoded: One row per household, one column per encoded column, missing values allowed.
        """
        return self.trees.sum_leaves(encoded) / len(self.roots)

    def attribute(self, encoded: Floats) -> Attribution:
        """Attribute the log-probabilities of every household to the columns.

        Args:
            encoded: One row per household, one column per encoded column, missing values allowed.

        Returns:
            SHAP values of the probabilities, rescaled; see `explanation.rescale_to_logs`.
        """
        contributions, base = (each / len(self.roots) for each in self.trees.attribute(encoded))
        return rescale_to_logs(contributions, base, self.predict_proba(encoded))


def extract_estimator(classifier: TunedClassifier) -> LinearModel | BoostedTrees | Forest:
    """Take from a tuned classifier the numbers that its fitted estimator answers from.

    Args:
        classifier: A tuned classifier.

    Raises:
        KeyError: There is no such model.
    """
    return EXTRACTORS[classifier.model](classifier)


def _extract_linear_model(classifier: TunedClassifier) -> LinearModel:
    fitted: Any = classifier.estimator
    coefficients, intercepts = fitted.coef_, fitted.intercept_
    if len(coefficients) == 1:  # of two segments, scikit-learn keeps the odds of the second
        coefficients = np.vstack([np.zeros_like(coefficients), coefficients])
        intercepts = np.append(0.0, intercepts)
    return LinearModel(
        coefficients=to_table(coefficients),
        intercepts=to_row(intercepts),
        background=to_row(classifier.background),
    )


def _extract_boosted_trees(classifier: TunedClassifier) -> BoostedTrees:
    fitted: Any = classifier.estimator
    return BoostedTrees(ubj=bytes(fitted.classifier_.get_booster().save_raw("ubj")))


def _extract_forest(classifier: TunedClassifier) -> Forest:
    fitted: Any = classifier.estimator
    trees = [each.tree_ for each in fitted.estimators_]

    def join(name: str) -> npt.NDArray[Any]:
        return np.concatenate([getattr(tree, name) for tree in trees])

    children = np.column_stack([join("children_left"), join("children_right")])
    roots, linked = _link_nodes([tree.node_count for tree in trees], children)
    is_leaf = children[:, 0] < 0
    return Forest(
        roots=tuple(roots.tolist()),
        columns=tuple(np.where(is_leaf, 0, join("feature")).tolist()),
        thresholds=to_row(np.where(is_leaf, 0.0, join("threshold").clip(max=_LARGEST))),
        left=tuple(linked[:, 0].tolist()),
        right=tuple(linked[:, 1].tolist()),
        missing_left=tuple(join("missing_go_to_left").astype(bool).tolist()),
        households=to_row(join("weighted_n_node_samples")),
        probabilities=to_table(join("value")[:, 0]),
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


def _list_boosted_trees(learner: Mapping[str, Any]) -> Trees:
    """List the nodes of boosted trees from what XGBoost saves as JSON."""
    model = learner["gradient_booster"]["model"]

    def join(name: str) -> npt.NDArray[Any]:
        return np.concatenate([tree[name] for tree in model["trees"]])

    sizes = [len(tree["left_children"]) for tree in model["trees"]]
    children = np.column_stack([join("left_children"), join("right_children")])
    roots, linked = _link_nodes(sizes, children)
    numbers = join("split_conditions").astype(np.float32)  # of a leaf: what it adds
    parts, margins = _read_margins(learner)
    return Trees(
        roots=roots,
        columns=join("split_indices"),
        thresholds=np.nextafter(numbers, np.float32(-np.inf)),  # equal values go right
        left=linked[:, 0],
        right=linked[:, 1],
        missing_left=join("default_left").astype(np.bool_),
        cover=join("sum_hessian"),
        outputs=numbers[:, np.newaxis] * parts[np.repeat(model["tree_info"], sizes)],
        intercepts=margins @ parts,
    )


def _read_margins(learner: Mapping[str, Any]) -> tuple[Floats, Floats]:
    """Read what part of each margin lies on each segment, and where the margins start."""
    text = learner["learner_model_param"]["base_score"]
    start = np.array(json.loads(text), dtype=np.float32).astype(np.float64)
    if learner["objective"]["name"] == "multi:softprob":
        return np.eye(len(start)), start
    # Of two segments there is one margin, the log-odds of the second: half of it lies on each.
    return np.array([[-0.5, 0.5]]), np.log(start / (1 - start))


def _link_nodes(sizes: Sequence[int], children: Integers) -> tuple[Integers, Integers]:
    """Number the nodes of all trees in one go.

    Args:
        sizes: Number of nodes of each tree.
        children: The nodes on the left and on the right, one row per node, one tree after the
            other. In each tree, numbers start at 0; a leaf has numbers below 0.

    Returns:
        The first node of each tree; the children by their new numbers, a leaf followed by itself.
    """
    roots = np.cumsum([0, *sizes[:-1]])
    first, itself = np.repeat(roots, sizes), np.arange(len(children))
    linked = np.where(children < 0, itself[:, np.newaxis], first[:, np.newaxis] + children)
    return roots, linked


def _round_down(thresholds: Floats) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore"):
        nearest = thresholds.astype(np.float32)
    return np.where(nearest > thresholds, np.nextafter(nearest, np.float32(-np.inf)), nearest)


def _softmax(margins: Floats) -> Floats:
    odds = np.exp(margins - margins.max(axis=1, keepdims=True))
    probabilities: Floats = odds / odds.sum(axis=1, keepdims=True)
    return probabilities


EXTRACTORS: Mapping[str, Callable[[TunedClassifier], LinearModel | BoostedTrees | Forest]] = {
    LR: _extract_linear_model,
    XGBOOST: _extract_boosted_trees,
    FOREST: _extract_forest,
}
