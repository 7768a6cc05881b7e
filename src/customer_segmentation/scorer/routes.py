"""The ways from what is known about a household to its segment, each with who answers it.

A route is looked up once from the codebook: which fields must be known, how the variables behind
the answer are computed from them, and in which order its segments stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from customer_segmentation.classification.audit import Claim
from customer_segmentation.classification.encoding import (
    Attribution,
    Encoding,
    Explanation,
    Levels,
    Number,
    attribute_linear,
    calibrate_attribution,
    encoded_fields,
)
from customer_segmentation.classification.models import (
    COLDEST,
    HOTTEST,
    apply_temperature,
    form_sets,
    softmax,
)
from customer_segmentation.classification.trees import Trees
from customer_segmentation.panel.contract import Rules
from customer_segmentation.panel.features import list_computations
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
from customer_segmentation.segments.segmenter import Segmenter, compare_distances

Floats = npt.NDArray[np.float64]
Share = Annotated[Finite, Field(ge=0, le=1)]
Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.intp]

SEGMENTER_INPUTS = "segmenter_inputs"


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


class Inputs:
    """The variables that an answer rests on, and the fields behind them.

    Args:
        names: Fields and derived variables.
        rules: Positions of the fields, and the codebook.

    Raises:
        ValueError: A variable is not in the codebook, or is a flag, which no field tells.
    """

    def __init__(self, names: Iterable[str], rules: Rules) -> None:
        variables = list(names)
        self.fields = sorted(set().union(*map(rules.codebook.sources_of, variables)))
        fields = map(rules.codebook.field, self.fields)
        self.positions = np.array([rules.position[field.name] for field in fields])
        self._computations = list_computations(variables, rules.codebook)

    def derive(self, values: Floats) -> dict[str, Floats]:
        """Take the fields and compute the variables; what is not stated is NaN."""
        columns = dict(zip(self.fields, values[self.positions], strict=True))
        for computation in self._computations:
            columns[computation.result] = computation.compute(columns)
        return columns


class Reasons(NamedTuple):
    """Why a household got its segment, term by term, in the order of the route's terms.

    Attributes:
        contributions: What each term adds. Of a classifier: the centred log-odds of the segment. Of
            the segmenter: by how much the household is nearer to the segment's centre than to the
            second nearest, in squared units of the scores.
        second: The number of the segment that it is compared with; None for a classifier.
        distances: Of the segmenter: the distance to each segment's centre, in units of the scores;
            empty for a classifier.
    """

    contributions: Floats
    second: int | None = None
    distances: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Assignment:
    """The route over the segmenter: everything that forms the segments is known.

    Attributes:
        segmenter: The segmenter.
        rules: Positions of the fields, and the codebook.
        segments: The segments in the bundle's order.
    """

    segmenter: Segmenter
    rules: Rules
    segments: tuple[str, ...]

    information_set = SEGMENTER_INPUTS
    claim = Claim.ASSIGNMENT

    @cached_property
    def inputs(self) -> Inputs:
        """The variables of the segmenter."""
        return Inputs(self.segmenter.variables, self.rules)

    @cached_property
    def terms(self) -> tuple[str, ...]:
        """The scores, in order."""
        return tuple(score.name for score in self.segmenter.scores)

    @cached_property
    def _order(self) -> Integers:
        """The number of each of the segmenter's segments in the bundle's order."""
        return np.array([self.segments.index(name) for name in self.segmenter.names])

    @cached_property
    def _certain(self) -> Floats:
        certain: Floats = np.eye(len(self.segments))[self._order]
        return certain

    def find_able(self, values: Floats, known: Flags) -> Flags:  # noqa: ARG002 - the form of a route
        """Find the households of which every field behind the segmenter's variables is stated."""
        sums = values[self.inputs.positions].sum(axis=0)  # NaN where any of them is
        able: Flags = np.logical_not(np.isnan(sums))
        return able

    def score(self, values: Floats) -> Floats:
        """Give probability 1 to the segment that each household belongs to most."""
        return self._certain[self.segmenter.partition.assign(self._place(values))]

    def form_sets(self, probabilities: Floats) -> Flags:
        """Take the segment alone: households x segments."""
        return probabilities > 0

    def explain(self, values: Floats, answers: Integers) -> list[Reasons]:  # noqa: ARG002 - a route's
        """Compare the distances to the nearest and the second nearest centre."""
        scores = self._place(values)
        partition = self.segmenter.partition
        _, seconds, contributions = compare_distances(partition, scores)
        by_number = np.argsort(self._order)
        squares = ((scores[:, np.newaxis] - partition.centres) ** 2).sum(axis=2)
        distances = np.sqrt(squares)[:, by_number]
        return [
            Reasons(contribution, int(second), tuple(distance))
            for contribution, second, distance in zip(
                contributions, self._order[seconds], distances.tolist(), strict=True
            )
        ]

    def _place(self, values: Floats) -> Floats:
        return self.segmenter.learnt_scores.compute(self.inputs.derive(values))


@dataclass(frozen=True, eq=False)
class Guess:
    """The route over a champion: an information set is covered.

    Attributes:
        champion: The champion of the set.
        rules: Positions of the fields, and the codebook.
        segments: The segments in the bundle's order.
    """

    champion: Champion
    rules: Rules
    segments: tuple[str, ...]

    @property
    def information_set(self) -> str:
        """The set of the champion."""
        return self.champion.information_set

    @property
    def claim(self) -> Claim:
        """The claim of the set."""
        return self.champion.claim

    @cached_property
    def inputs(self) -> Inputs:
        """The variables of the set."""
        return Inputs(self.champion.fields, self.rules)

    @cached_property
    def terms(self) -> tuple[str, ...]:
        """The variables of the set, in order."""
        return tuple(self.champion.fields)

    @cached_property
    def _order(self) -> list[int]:
        """Where the champion has each of the bundle's segments."""
        return [self.champion.segments.index(name) for name in self.segments]

    @cached_property
    def _thresholds(self) -> Floats:
        return np.array(self.champion.thresholds)[self._order]

    def find_able(self, values: Floats, known: Flags) -> Flags:  # noqa: ARG002 - the form of a route
        """Find the households of which every field behind the set is known, be it "not stated".

        Args:
            values: Fields x households, NaN for what is not stated or not known.
            known: The same: whether anything is known, be it "not stated".

        Returns:
            One flag per household.
        """
        able: Flags = known[self.inputs.positions].all(axis=0)
        return able

    def score(self, values: Floats) -> Floats:
        """Give each segment the champion's calibrated probability."""
        return self.champion.predict_proba(self.inputs.derive(values))[:, self._order]

    def form_sets(self, probabilities: Floats) -> Flags:
        """Take the conformal sets: households x segments, at least one for each."""
        return form_sets(probabilities >= self._thresholds, probabilities)

    def explain(self, values: Floats, answers: Integers) -> list[Reasons]:
        """Take the SHAP values of the calibrated probabilities."""
        explanation = self.champion.explain(self.inputs.derive(values))
        own = np.array(self._order)[answers]
        rows = explanation.values[np.arange(len(own)), :, own]
        return [Reasons(row) for row in rows]


Route = Assignment | Guess
