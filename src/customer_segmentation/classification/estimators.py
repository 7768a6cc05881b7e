"""The classifiers, unfitted, and what their answers are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from customer_segmentation.classification.parameters import (
    LogisticRegressionSettings,
    RandomForestSettings,
    XGBoostSettings,
)
from customer_segmentation.panel.values import Configured

LR, XGBOOST, FOREST = "lr", "xgboost", "rf"
CLASSIFIERS = (LR, XGBOOST, FOREST)  # from the simplest to the hardest to explain
PROCEDURE = "procedure"
MAJORITY, PRIOR, NEAREST_CENTROID = "majority", "prior", "nearest_centroid"
BASELINES = (MAJORITY, PRIOR, NEAREST_CENTROID)
LINEAR = frozenset({LR})


class LabelledClassifier(ClassifierMixin, BaseEstimator):
    """Let a classifier that needs the labels 0, 1, 2, ... take any labels.

    Args:
        classifier: The classifier that needs numbers.

    Attributes:
        classes_: The labels, sorted; the order of the probability columns.
        classifier_: The fitted classifier.
    """

    def __init__(self, classifier: BaseEstimator) -> None:
        self.classifier = classifier

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Number the labels and fit."""
        self.classes_, numbers = np.unique(np.asarray(y), return_inverse=True)
        self.classifier_ = clone(self.classifier).fit(X, numbers)
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """One row per household, one probability per label in the order of `classes_`."""
        probabilities = np.asarray(self.classifier_.predict_proba(X), dtype=float)
        # XGBoost answers in float32, whose rows sum to 1 only roughly.
        sums: NDArray[np.float64] = probabilities.sum(axis=1, keepdims=True)
        return probabilities / sums

    def predict(self, X: ArrayLike) -> NDArray[np.generic]:
        """The likeliest label of each household."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])


def build_estimator(model: str, setting: Configured, seed: int) -> BaseEstimator:
    """Build a classifier, unfitted; it takes encoded columns and labels of any kind.

    Args:
        model: One of `CLASSIFIERS`.
        setting: A setting of this model.
        seed: Seed of the model's random steps.

    Raises:
        KeyError: There is no such model.
    """
    return MODELS[model](setting, seed)


def name_setting(setting: Configured, grid: tuple[Configured, ...]) -> str:
    """Name a setting by the values in which the settings of its grid differ.

    Args:
        setting: One of the grid.
        grid: The settings that are tried.

    Returns:
        Such as "C=0.1"; "as declared" for a grid of one.
    """
    values = [each.model_dump() for each in grid]
    different = [key for key in values[0] if len({each[key] for each in values}) > 1]
    chosen = setting.model_dump()
    return ", ".join(f"{key}={chosen[key]:g}" for key in different) or "as declared"


def tabulate_probabilities(
    probabilities: NDArray[np.float64], segments: list[str], index: pd.Index
) -> pd.DataFrame:
    """Name the likeliest segment of each household and the columns of its probabilities.

    Args:
        probabilities: One row per household, one column per segment.
        segments: The segments, in order.
        index: Index of the households.

    Returns:
        One row per household: predicted, then one column per segment, as `probability_column`.
    """
    table = pd.DataFrame(
        probabilities, columns=list(map(probability_column, segments)), index=index
    )
    table.insert(0, "predicted", np.array(segments)[probabilities.argmax(axis=1)])
    return table


def predict_segments(classifier: Pipeline, households: pd.DataFrame) -> pd.DataFrame:
    """Predict the segment of each household.

    Args:
        classifier: A fitted Pipeline.
        households: One row per household with the columns it takes.

    Returns:
        As `tabulate_probabilities`, for the segments of the training rows.
    """
    probabilities = classifier.predict_proba(households)
    return tabulate_probabilities(probabilities, list(classifier.classes_), households.index)


def probability_column(segment: object) -> str:
    """Name of the column with the probability of a segment: p_ and the segment in snake case."""
    return "_".join(["p", *str(segment).lower().split()])


def conformity_column(segment: object) -> str:
    """Name of the column with a segment's conformal p-value: c_ and the segment in snake case."""
    return "_".join(["c", *str(segment).lower().split()])


def _logistic_regression(setting: LogisticRegressionSettings, seed: int) -> BaseEstimator:
    return LogisticRegression(**setting.model_dump(), random_state=seed)


def _random_forest(setting: RandomForestSettings, seed: int) -> BaseEstimator:
    # The households a tree has not seen give out-of-fold probabilities at no further cost.
    return RandomForestClassifier(
        **setting.model_dump(), oob_score=True, n_jobs=1, random_state=seed
    )


def _xgboost(setting: XGBoostSettings, seed: int) -> BaseEstimator:
    from xgboost import XGBClassifier

    # One thread: with two, other trees grow.
    model = XGBClassifier(**setting.model_dump(), tree_method="hist", n_jobs=1, random_state=seed)
    return LabelledClassifier(model)


MODELS: Mapping[str, Callable[[Any, int], BaseEstimator]] = {
    LR: _logistic_regression,
    XGBOOST: _xgboost,
    FOREST: _random_forest,
}
