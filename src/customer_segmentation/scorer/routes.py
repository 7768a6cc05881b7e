"""The ways from what is known about a household to its segment, each with who answers it.

A route is looked up once from the codebook: which fields must be known, how the variables behind
the answer are computed from them, and in which order its segments stand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from customer_segmentation.classification.audit import Claim
from customer_segmentation.classification.explanation import compare_distances
from customer_segmentation.classification.models import form_sets
from customer_segmentation.panel.contract import Rules
from customer_segmentation.panel.features import list_computations
from customer_segmentation.scorer.champions import Champion
from customer_segmentation.segments.segmenter import Segmenter

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.intp]

SEGMENTER_INPUTS = "segmenter_inputs"


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
    def _order(self) -> Numbers:
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

    def explain(self, values: Floats, answers: Numbers) -> list[Reasons]:  # noqa: ARG002 - a route's
        """Compare the distances to the nearest and the second nearest centre."""
        scores = self._place(values)
        partition = self.segmenter.partition
        compared = compare_distances(partition, scores)
        by_number = np.argsort(self._order)
        squares = ((scores[:, np.newaxis] - partition.centres) ** 2).sum(axis=2)
        distances = np.sqrt(squares)[:, by_number]
        return [
            Reasons(contribution, int(second), tuple(distance))
            for contribution, second, distance in zip(
                compared.contributions,
                self._order[compared.second],
                distances.tolist(),
                strict=True,
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

    def explain(self, values: Floats, answers: Numbers) -> list[Reasons]:
        """Take the SHAP values of the calibrated probabilities."""
        explanation = self.champion.explain(self.inputs.derive(values))
        own = np.array(self._order)[answers]
        rows = explanation.values[np.arange(len(own)), :, own]
        return [Reasons(row) for row in rows]


Route = Assignment | Guess
