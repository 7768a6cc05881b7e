"""Classifiers that take validated household columns: each is one Pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from customer_segmentation.panel.codebook import Codebook, Scale
from customer_segmentation.segments.segmenter import HouseholdFeatures
from customer_segmentation.typing_tool.parameters import ModelSettings

CLASSIFIERS = ("lr", "rf", "xgboost")
MAJORITY, PRIOR = "majority", "prior"
BASELINES = (MAJORITY, PRIOR)
LINEAR = frozenset({"lr"})
FEATURES, ENCODER, CLASSIFIER = "features", "encoder", "classifier"


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


def build_classifier(
    model: str, fields: Iterable[str], codebook: Codebook, settings: ModelSettings, seed: int
) -> Pipeline:
    """Put features, encoder and model together, unfitted.

    Args:
        model: One of `CLASSIFIERS` or `BASELINES`. The baselines look at no column: `majority` is
            certain of the largest segment, `prior` gives every household the segments' shares.
        fields: Codebook variables or groups that the model may see; other columns are ignored.
        codebook: The scale of each variable and how derived variables are computed.
        settings: Settings of the classifiers.
        seed: Seed of the model's random steps.

    Returns:
        A Pipeline of `features`, `encoder` and `classifier`; of `classifier` alone for a baseline.
        It takes validated household columns.

    Raises:
        KeyError: There is no such model.
    """
    estimator = MODELS[model](settings, seed)
    if model in BASELINES:
        return Pipeline([(CLASSIFIER, estimator)])
    columns = codebook.expand(fields)
    return Pipeline(
        [
            (FEATURES, HouseholdFeatures(codebook, columns)),
            (ENCODER, build_encoder(columns, codebook, linear=model in LINEAR)),
            (CLASSIFIER, estimator),
        ]
    )


def build_encoder(columns: Sequence[str], codebook: Codebook, *, linear: bool) -> ColumnTransformer:
    """Encode columns by their scale.

    A nominal code becomes one column per code seen in training; "not stated" is a code of its own,
    and a code never seen is none of them. Ordinal codes stay numbers in their order. Trees find
    their way around missing and skewed numbers by themselves. A linear model gets them
    standardised, the missing ones replaced by the training median with a column that says so. There
    is no logarithm here: a skewed amount is in the codebook a second time, as a derived variable on
    the log scale.

    Args:
        columns: Names of the columns, float64 with missing values.
        codebook: The scale of each column.
        linear: Whether the model adds up its inputs.

    Returns:
        An unfitted transformer from a data frame to a matrix of float64.
    """
    nominal = [name for name in columns if codebook[name].scale == Scale.NOMINAL]
    numbers = [name for name in columns if name not in nominal]
    levels = OneHotEncoder(
        handle_unknown="ignore", sparse_output=False, feature_name_combiner=name_level
    )
    if not linear:
        return ColumnTransformer([("levels", levels, nominal), ("numbers", "passthrough", numbers)])
    standardised = Pipeline(
        [("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler())]
    )
    missing = MissingIndicator(features="missing-only", error_on_new=False)
    return ColumnTransformer(
        [
            ("levels", levels, nominal),
            ("numbers", standardised, numbers),
            ("missing", missing, numbers),
        ]
    )


def name_level(field: str, code: object) -> str:
    """Name the column of one code so that `field_of` finds its way back."""
    return f"{field}={code}"


def field_of(encoded_column: str) -> str:
    """The field behind an encoded column."""
    _, _, name = encoded_column.partition("__")  # the transformer's name comes before
    return name.removeprefix("missingindicator_").partition("=")[0]


def predict_segments(classifier: Pipeline, households: pd.DataFrame) -> pd.DataFrame:
    """Predict the segment of each household.

    Args:
        classifier: A fitted Pipeline.
        households: One row per household with the columns of `build_classifier`.

    Returns:
        One row per household in the same order and index: predicted (the likeliest segment), then
        one probability column per segment of the training rows, as `probability_column` names it.
    """
    segments = classifier.classes_
    probabilities = classifier.predict_proba(households)
    table = pd.DataFrame(
        probabilities, columns=list(map(probability_column, segments)), index=households.index
    )
    table.insert(0, "predicted", segments[probabilities.argmax(axis=1)])
    return table


def probability_column(segment: object) -> str:
    """Name of the column with the probability of a segment: p_ and the segment in snake case."""
    return "_".join(["p", *str(segment).lower().split()])


def _logistic_regression(settings: ModelSettings, seed: int) -> BaseEstimator:
    return LogisticRegression(**settings.lr.model_dump(), random_state=seed)


def _random_forest(settings: ModelSettings, seed: int) -> BaseEstimator:
    return RandomForestClassifier(**settings.rf.model_dump(), n_jobs=1, random_state=seed)


def _xgboost(settings: ModelSettings, seed: int) -> BaseEstimator:
    from xgboost import XGBClassifier

    # One thread: with two, other trees grow.
    model = XGBClassifier(
        **settings.xgboost.model_dump(), tree_method="hist", n_jobs=1, random_state=seed
    )
    return LabelledClassifier(model)


def _majority(settings: ModelSettings, seed: int) -> BaseEstimator:  # noqa: ARG001
    return DummyClassifier(strategy="most_frequent")


def _prior(settings: ModelSettings, seed: int) -> BaseEstimator:  # noqa: ARG001
    return DummyClassifier(strategy="prior")


MODELS: Mapping[str, Callable[[ModelSettings, int], BaseEstimator]] = {
    "lr": _logistic_regression,
    "rf": _random_forest,
    "xgboost": _xgboost,
    MAJORITY: _majority,
    PRIOR: _prior,
}
