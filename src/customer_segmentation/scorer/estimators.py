"""Fitted classifiers as numbers, and how they answer without the library that fitted them.

Each takes encoded columns and gives the probabilities, before calibration, that the original gives.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, StrictBool, model_validator

from customer_segmentation.panel.configured import Configured
from customer_segmentation.scorer.stored import (
    Numbers,
    Positive,
    ShareTable,
    Table,
    to_row,
    to_table,
)
from customer_segmentation.typing_tool.estimators import FOREST, LR, XGBOOST
from customer_segmentation.typing_tool.tuning import TunedClassifier

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]

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
        margins = encoded @ np.array(self.coefficients).T + np.array(self.intercepts)
        odds = np.exp(margins - margins.max(axis=1, keepdims=True))
        probabilities: Floats = odds / odds.sum(axis=1, keepdims=True)
        return probabilities


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
        self.booster  # noqa: B018 - trees that XGBoost cannot read are refused here, not later
        return self

    def fits(self, columns: int, segments: int) -> bool:
        """Whether they take this number of encoded columns and tell this number of segments."""
        learner = json.loads(self.booster.save_config())["learner"]
        classes = int(learner["learner_model_param"]["num_class"])
        told = {"binary:logistic": 2, "multi:softprob": classes}.get(learner["objective"]["name"])
        return bool(self.booster.num_features() == columns and told == segments)

    @cached_property
    def booster(self) -> Any:
        """The trees as an `xgboost.Booster` that works on one thread."""
        from xgboost import Booster

        booster = Booster({"nthread": 1})
        booster.load_model(bytearray(self.ubj))
        return booster

    def predict_proba(self, encoded: Floats) -> Floats:
        """Give every household a probability for each segment.

        Args:
            encoded: One row per household, one column per encoded column, missing values allowed.
        """
        answers = np.asarray(self.booster.inplace_predict(encoded))
        if answers.ndim == 1:  # of two segments, the probability of the second
            answers = np.column_stack([1 - answers, answers])
        unscaled = answers.astype(np.float64)  # the sums of float32 are 1 only roughly
        probabilities: Floats = unscaled / unscaled.sum(axis=1, keepdims=True)
        return probabilities


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
        of_nodes = (self.columns, self.thresholds, self.left, self.right, self.missing_left)
        count = len(self.probabilities)
        if any(len(each) != count for each in (*of_nodes, self.households)):
            raise ValueError("the lists of nodes differ in length")
        if max(*self.roots, *self.left, *self.right) >= count:
            raise ValueError("a branch leads to a node that is not there")
        itself, left, right = np.arange(count), np.array(self.left), np.array(self.right)
        is_leaf = (left == itself) & (right == itself)
        if not (is_leaf | ((left > itself) & (right > itself))).all():
            raise ValueError("a branch leads back")
        return self

    def fits(self, columns: int, segments: int) -> bool:
        """Whether it takes this number of encoded columns and tells this number of segments."""
        return max(self.columns) < columns and len(self.probabilities[0]) == segments

    def predict_proba(self, encoded: Floats) -> Floats:
        """Give every household a probability for each segment: the mean over the trees.

        Args:
            encoded: One row per household, one column per encoded column, missing values allowed.
        """
        leaves = self._find_leaves(encoded.astype(np.float32))  # as scikit-learn compares them
        means: Floats = self._nodes.probabilities[leaves].mean(axis=1)
        return means

    def _find_leaves(self, encoded: npt.NDArray[np.float32]) -> Integers:
        nodes = self._nodes
        rows = np.arange(len(encoded))[:, np.newaxis]
        at = np.tile(nodes.roots, (len(encoded), 1))
        while True:
            values = encoded[rows, nodes.columns[at]]
            go_left = np.where(
                np.isnan(values), nodes.missing_left[at], values <= nodes.thresholds[at]
            )
            following: Integers = np.where(go_left, nodes.left[at], nodes.right[at])
            if np.array_equal(following, at):
                return at
            at = following

    @cached_property
    def _nodes(self) -> _Nodes:
        return _Nodes(
            roots=np.array(self.roots),
            columns=np.array(self.columns),
            left=np.array(self.left),
            right=np.array(self.right),
            missing_left=np.array(self.missing_left),
            thresholds=np.array(self.thresholds),
            probabilities=np.array(self.probabilities),
        )


class _Nodes(NamedTuple):
    roots: Integers
    columns: Integers
    left: Integers
    right: Integers
    missing_left: npt.NDArray[np.bool_]
    thresholds: Floats
    probabilities: Floats


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
    roots = np.cumsum([0, *(tree.node_count for tree in trees[:-1])])
    first = np.repeat(roots, [tree.node_count for tree in trees])

    def join(name: str) -> npt.NDArray[Any]:
        return np.concatenate([getattr(tree, name) for tree in trees])

    is_leaf = join("children_left") < 0
    itself = np.arange(len(is_leaf))
    left, right = (
        np.where(is_leaf, itself, first + join(name))
        for name in ("children_left", "children_right")
    )
    return Forest(
        roots=tuple(roots.tolist()),
        columns=tuple(np.where(is_leaf, 0, join("feature")).tolist()),
        thresholds=to_row(np.where(is_leaf, 0.0, join("threshold").clip(max=_LARGEST))),
        left=tuple(left.tolist()),
        right=tuple(right.tolist()),
        missing_left=tuple(join("missing_go_to_left").astype(bool).tolist()),
        households=to_row(join("weighted_n_node_samples")),
        probabilities=to_table(join("value")[:, 0]),
    )


EXTRACTORS: Mapping[str, Callable[[TunedClassifier], LinearModel | BoostedTrees | Forest]] = {
    LR: _extract_linear_model,
    XGBOOST: _extract_boosted_trees,
    FOREST: _extract_forest,
}
