"""Champions: the one classifier of each information set, which answers in the segmenter's place."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, model_validator

from customer_segmentation.classification.audit import Claim
from customer_segmentation.classification.calibration import COLDEST, HOTTEST, apply_temperature
from customer_segmentation.classification.conformal import find_thresholds
from customer_segmentation.classification.encoding import (
    Encoding,
    Levels,
    Number,
    encoded_fields,
)
from customer_segmentation.classification.estimators import MAJORITY, PROCEDURE
from customer_segmentation.classification.explanation import Explanation, calibrate_attribution
from customer_segmentation.classification.folds import NESTED_CV
from customer_segmentation.classification.tuning import TunedClassifier
from customer_segmentation.panel.values import (
    Configured,
    Finite,
    Names,
    Probabilities,
    Shares,
    refuse_repeated,
    to_row,
)
from customer_segmentation.scorer.estimators import (
    BoostedTrees,
    Forest,
    LinearModel,
    extract_estimator,
)

Floats = npt.NDArray[np.float64]
Share = Annotated[Finite, Field(ge=0, le=1)]


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
        temperature: What the evidence is divided by; see `calibration`.
        thresholds: For each segment the calibrated probability from which it belongs to the
            conformal set.
        evidence: How good its answers are; None where that was not measured.
    """

    information_set: str = Field(min_length=1)
    claim: Claim
    segments: Annotated[Names, Field(min_length=2)]
    encoding: tuple[Annotated[Levels | Number, Field(discriminator="kind")], ...]
    estimator: Annotated[LinearModel | BoostedTrees | Forest, Field(discriminator="model")]
    shares: Shares
    temperature: Annotated[Finite, Field(ge=COLDEST, le=HOTTEST)]
    thresholds: Probabilities
    evidence: Evidence | None = None

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        refuse_repeated(self.fields)
        if self.claim is Claim.ASSIGNMENT:
            raise ValueError("a champion overlaps or predicts; the segmenter assigns")
        if not len(self.segments) == len(self.shares) == len(self.thresholds):
            raise ValueError("segments, shares and thresholds differ in their number")
        if not self.estimator.fits(len(encoded_fields(self.encoding)), len(self.segments)):
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
    def _shares(self) -> Floats:
        return np.array(self.shares)

    def predict_proba(self, columns: Mapping[str, Floats]) -> Floats:
        """Give every household a calibrated probability for each segment.

        Args:
            columns: One float64 value per household for each field, missing ones allowed.

        Returns:
            One row per household, one column per segment; rows sum to 1.
        """
        raw = self.estimator.predict_proba(self._encoding.encode(columns))
        return apply_temperature(raw, self._shares, self.temperature)

    def explain(self, columns: Mapping[str, Floats]) -> Explanation:
        """Tell how the fields of every household add up to its calibrated probabilities.

        Args:
            columns: As for `predict_proba`.
        """
        attribution = self.estimator.attribute(self._encoding.encode(columns))
        fields = encoded_fields(self.encoding)
        return calibrate_attribution(
            attribution, fields, self.segments, self._shares, self.temperature
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
        shares=to_row(classifier.shares),
        temperature=classifier.temperature,
        thresholds=to_row(thresholds),
        evidence=evidence,
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
