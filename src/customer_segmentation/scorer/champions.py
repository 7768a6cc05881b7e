"""Champions: the one classifier of each information set, which answers in the segmenter's place."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, model_validator

from customer_segmentation.classification.audit import Claim
from customer_segmentation.classification.encoding import (
    Encoding,
    Levels,
    Number,
    encoded_fields,
)
from customer_segmentation.classification.explanation import (
    Attribution,
    Explanation,
    attribute_linear,
    calibrate_attribution,
)
from customer_segmentation.classification.folds import NESTED_CV
from customer_segmentation.classification.models import (
    COLDEST,
    FOREST,
    HOTTEST,
    MAJORITY,
    PROCEDURE,
    XGBOOST,
    TunedClassifier,
    apply_temperature,
    find_thresholds,
    softmax,
)
from customer_segmentation.classification.trees import Trees, list_boosted_trees, list_forest
from customer_segmentation.panel.values import (
    Configured,
    Finite,
    Names,
    Numbers,
    Probabilities,
    Shares,
    Table,
    refuse_repeated,
    stored_as,
)

Floats = npt.NDArray[np.float64]
Share = Annotated[Finite, Field(ge=0, le=1)]


class LinearModel(Configured):
    """A logistic regression as numbers.

    Attributes:
        model: Its name among the classifiers.
        coefficients: One row per segment, one number per encoded column. Only their differences
            count; of two segments, the first has zeros.
        intercepts: One per segment, in the same way.
        background: Mean of each encoded column over the training households: what a household is
            compared with when it is explained.
    """

    model: Literal["lr"] = "lr"
    coefficients: Annotated[Floats, stored_as(Table)]
    intercepts: Annotated[Floats, stored_as(Numbers)]
    background: Annotated[Floats, stored_as(Numbers)]

    def fits(self, columns: int, segments: int) -> bool:
        """Whether it takes this number of encoded columns and knows this number of segments."""
        shape = len(self.intercepts), len(self.background)
        return self.coefficients.shape == shape == (segments, columns)

    def predict_proba(self, encoded: Floats) -> Floats:
        """Predict probabilities before calibration: households x segments."""
        # Not a matrix product, whose last bits differ between one household and several.
        return softmax(np.einsum("hc,sc->hs", encoded, self.coefficients) + self.intercepts)

    def attribute(self, encoded: Floats) -> Attribution:
        """Attribute the margins of every household to the encoded columns."""
        return attribute_linear(encoded, self.coefficients, self.intercepts, self.background)


class Evidence(Configured):
    """How good the answers from an information set are: the procedure, by nested validation.

    Attributes:
        households: Number of households that were tested.
        accuracy, accuracy_low, accuracy_high: Share that was named rightly, with its interval.
        majority: The accuracy of always naming the largest segment.
        coverage: Share of the households whose conformal set held their segment.
        set_size: Mean number of segments in a set.
    """

    households: Annotated[int, Field(strict=True, ge=1)]
    accuracy: Share
    accuracy_low: Share
    accuracy_high: Share
    majority: Share
    coverage: Share
    set_size: Annotated[Finite, Field(ge=1)]


class Champion(Configured):
    """The classifier that answers for an information set.

    Attributes:
        information_set: Name of the set.
        claim: What its accuracy is evidence of: overlap or prediction.
        segments: The segments, in the order of everything that follows.
        encoding: How each field of the set is encoded, in order.
        estimator: From encoded columns to probabilities before calibration.
        shares: Share of each segment in training.
        temperature: What the evidence is divided by; see `models.apply_temperature`.
        thresholds: For each segment the calibrated probability from which it belongs to the
            conformal set.
        evidence: How good its answers are; None where that was not measured.
    """

    information_set: str = Field(min_length=1)
    claim: Claim
    segments: Annotated[Names, Field(min_length=2)]
    encoding: tuple[Annotated[Levels | Number, Field(discriminator="kind")], ...]
    estimator: Annotated[LinearModel | Trees, Field(discriminator="model")]
    shares: Annotated[Floats, stored_as(Shares)]
    temperature: Annotated[Finite, Field(ge=COLDEST, le=HOTTEST)]
    thresholds: Annotated[Floats, stored_as(Probabilities)]
    evidence: Evidence | None = None

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        refuse_repeated(self.fields)
        if self.claim is Claim.ASSIGNMENT:
            raise ValueError("a champion overlaps or predicts; the segmenter assigns")
        if not len(self.segments) == len(self.shares) == len(self.thresholds):
            raise ValueError("segments, shares and thresholds differ in their number")
        if not self.estimator.fits(len(self._columns), len(self.segments)):
            raise ValueError("the estimator does not fit the encoded columns and the segments")
        return self

    @model_validator(mode="after")
    def _linear_models_get_no_gaps(self) -> Self:
        numbers = [each for each in self.encoding if isinstance(each, Number)]
        if isinstance(self.estimator, LinearModel) and np.isnan([n.fill for n in numbers]).any():
            raise ValueError("a linear model needs a number in a missing value's place")
        return self

    @property
    def fields(self) -> list[str]:
        """The fields and derived variables of the information set, in order."""
        return [entry.field for entry in self.encoding]

    @cached_property
    def _encoding(self) -> Encoding:
        return Encoding(self.encoding)

    @cached_property
    def _columns(self) -> list[str]:
        return encoded_fields(self.encoding)

    def predict_proba(self, columns: Mapping[str, Floats]) -> Floats:
        """Predict calibrated probabilities from the fields: households x segments."""
        raw = self.estimator.predict_proba(self._encoding.encode(columns))
        return apply_temperature(raw, self.shares, self.temperature)

    def explain(self, columns: Mapping[str, Floats]) -> Explanation:
        """Explain how the fields of every household add up to its calibrated probabilities."""
        attribution = self.estimator.attribute(self._encoding.encode(columns))
        return calibrate_attribution(
            attribution, self._columns, self.segments, self.shares, self.temperature
        )


def extract_champion(
    information_set: str,
    claim: Claim,
    classifier: TunedClassifier,
    error_rate: float,
    evidence: Evidence | None = None,
) -> Champion:
    """Take from a tuned classifier all that is needed to score with it.

    Args:
        information_set: Name of its information set.
        claim: What its accuracy is evidence of.
        classifier: The champion, fitted on all eligible households.
        error_rate: Share of the households of a segment whose conformal set may miss it.
        evidence: How good its answers are, if that was measured.
    """
    numbers = classifier.numbers
    of_training = classifier.out_of_fold[np.arange(len(numbers)), numbers]
    thresholds = find_thresholds(of_training, numbers, len(classifier.segments), error_rate)
    return Champion(
        information_set=information_set,
        claim=claim,
        segments=tuple(classifier.segments),
        encoding=tuple(classifier.encoder.entries_),
        estimator=extract_estimator(classifier),
        shares=classifier.shares,
        temperature=classifier.temperature,
        thresholds=thresholds,
        evidence=evidence,
    )


def extract_estimator(classifier: TunedClassifier) -> LinearModel | Trees:
    """Take from a tuned classifier the numbers that its fitted estimator answers from."""
    fitted: Any = classifier.estimator
    if classifier.model == XGBOOST:
        return list_boosted_trees(fitted.classifier_.get_booster())
    if classifier.model == FOREST:
        return list_forest(fitted)
    coefficients, intercepts = fitted.coef_, fitted.intercept_
    if len(coefficients) == 1:  # of two segments, scikit-learn keeps the odds of the second
        coefficients = np.vstack([np.zeros_like(coefficients), coefficients])
        intercepts = np.append(0.0, intercepts)
    return LinearModel(
        coefficients=coefficients, intercepts=intercepts, background=classifier.background
    )


def collect_evidence(
    information_set: str, classifier_metrics: pd.DataFrame, conformal_summary: pd.DataFrame
) -> Evidence:
    """Take from the tables of the modelling what is said of an information set.

    Args:
        information_set: Name of the set.
        classifier_metrics: One row per information set x model x protocol.
        conformal_summary: One row per information set x group of households.
    """
    of_set = classifier_metrics["information_set"] == information_set
    nested = classifier_metrics[of_set & (classifier_metrics["protocol"] == NESTED_CV)]
    by_model = nested.set_index("model")
    procedure: Any = by_model.loc[PROCEDURE]
    majority: Any = by_model.loc[MAJORITY]
    of_all = conformal_summary["group_by"] == "all"
    sets = conformal_summary[of_all & (conformal_summary["information_set"] == information_set)]
    return Evidence(
        households=int(procedure["n"]),
        accuracy=float(procedure["accuracy"]),
        accuracy_low=float(procedure["accuracy_low"]),
        accuracy_high=float(procedure["accuracy_high"]),
        majority=float(majority["accuracy"]),
        coverage=float(sets["coverage"].iloc[0]),
        set_size=float(sets["mean_set_size"].iloc[0]),
    )
