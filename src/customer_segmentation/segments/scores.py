"""From variables to the scores in which households are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import model_validator

from customer_segmentation.panel.values import Configured, Finite, Missable, Positive, ReadableError
from customer_segmentation.segments.specification import Indicator, Score

CONSTANT = 1e-12  # values that differ by less, on their scale, differ by rounding

Values = npt.NDArray[np.float64]
Columns = Mapping[str, Values] | pd.DataFrame  # one value per household for each variable


class SegmentationError(ReadableError):
    """Households that cannot be segmented as the parameters ask."""


class LearntIndicator(Configured):
    """What was learnt for one indicator.

    Attributes:
        pooled: The pooled rate; missing where nothing is shrunk.
        lower, upper: The caps, on the scale of the transform.
        mean, sd: Of the prepared values. In a sample of constant values, which is never stored, the
            sd is infinite, so that the indicator then separates no households.
    """

    pooled: Missable
    lower: Finite
    upper: Finite
    mean: Finite
    sd: Positive

    @model_validator(mode="after")
    def _limits_are_in_order(self) -> Self:
        if self.lower > self.upper:
            raise ValueError(f"the lower limit {self.lower:g} exceeds the upper {self.upper:g}")
        return self


class Standard(Configured):
    """Mean and standard deviation (infinite as above) of a score's averaged z-scores."""

    mean: Finite
    sd: Positive


@dataclass(frozen=True, eq=False)
class LearntScores:
    """Scores as they were learnt, laid out to place one household or a million.

    A rate is shrunk towards the pooled rate: (rate * n + prior_weight * pooled) / (n +
    prior_weight), and is the pooled rate where n is 0. Shares may then be transformed. Values
    beyond the caps are set to them. The z-scores of a score's indicators are averaged and
    standardised again, and the score is multiplied by the square root of its weight, so that the
    weight is its part of a squared distance.

    Attributes:
        scores: The scores of a specification.
        indicators: What was learnt for each indicator, by its variable.
        standards: What was learnt for each score, by its name.
    """

    scores: Sequence[Score]
    indicators: dict[str, LearntIndicator]
    standards: dict[str, Standard]

    def compute(self, columns: Columns) -> Values:
        """Compute the weighted scores: one row per household, one column per score.

        Raises:
            SegmentationError: A variable is missing for a household (a rate without events aside).
        """
        means, sds, roots = self._standards
        by_score = (self.average(columns) - means) / sds * roots
        if np.isnan(by_score).any():
            _refuse_missing(by_score.T, self.scores)
        return np.ascontiguousarray(by_score.T)

    def average(self, columns: Columns) -> Values:
        """Average the z-scores of each score's indicators: scores x households."""
        lower, upper, means, sds = self._limits
        starts, counts = self._blocks
        values = np.array([_prepare(columns, *each) for each in self._prepared])
        # Faster than np.clip for a single household, and the same.
        capped = np.minimum(np.maximum(values, lower), upper)
        averages: Values = np.add.reduceat((capped - means) / sds, starts) / counts
        return averages

    @cached_property
    def _prepared(self) -> list[tuple[Indicator, float]]:
        used = [indicator for score in self.scores for indicator in score.indicators]
        return [(each, self.indicators[each.variable].pooled) for each in used]

    @cached_property
    def _limits(self) -> Values:
        learnt = [self.indicators[each.variable] for each, _ in self._prepared]
        rows = [(each.lower, each.upper, each.mean, each.sd) for each in learnt]
        return np.array(rows).T[:, :, np.newaxis]

    @cached_property
    def _blocks(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        counts = [len(score.indicators) for score in self.scores]
        return np.cumsum([0, *counts[:-1]]), np.array(counts)[:, np.newaxis]

    @cached_property
    def _standards(self) -> Values:
        learnt = [(self.standards[each.name], np.sqrt(each.weight)) for each in self.scores]
        rows = [(standard.mean, standard.sd, root) for standard, root in learnt]
        return np.array(rows).T[:, :, np.newaxis]


def learn_scores(columns: Columns, scores: Sequence[Score]) -> LearntScores:
    """Learn pooled rates, caps, means and standard deviations from these households.

    Raises:
        SegmentationError: A variable is missing for a household (a rate without events aside).
    """
    indicators = {i.variable: _learn(columns, i) for score in scores for i in score.indicators}
    learnt = LearntScores(scores, indicators, {})
    rows = zip(scores, learnt.average(columns), strict=True)
    return replace(learnt, standards={score.name: _standardise(row) for score, row in rows})


def refuse_constants(learnt: LearntScores, households: int) -> None:
    """Refuse variables and scores that are the same for all households that form the segments.

    Raises:
        SegmentationError: Once it is prepared, a variable or a score is constant.
    """
    # A score may have the name of its indicator, which is the cause and is named first.
    parts: list[tuple[str, LearntIndicator | Standard]] = [
        *learnt.indicators.items(),
        *learnt.standards.items(),
    ]
    for name, part in parts:
        if np.isinf(part.sd):
            raise SegmentationError(
                f"{name}, shrunk, transformed and capped as the parameters say, is {part.mean:g} "
                f"for all {households} households that form the segments, so it cannot tell them "
                "apart. Use another variable in segmentation.constructs or segmentation.grid, or "
                "wider quantiles."
            )


def _refuse_missing(values: Values, scores: Sequence[Score]) -> None:
    missing = np.isnan(values)
    score = scores[int(missing.any(axis=0).argmax())]
    variables = ", ".join(indicator.variable for indicator in score.indicators)
    raise SegmentationError(
        f"Score {score.name!r} cannot be computed for {int(missing.any(axis=1).sum())} of "
        f"{len(values)} households, because {variables} is missing there. Give a rate the key "
        "shrink, or use another variable in segmentation.constructs or segmentation.grid."
    )


def _learn(columns: Columns, indicator: Indicator) -> LearntIndicator:
    pooled = _pool_rate(columns, indicator)
    values = _prepare(columns, indicator, pooled)
    if missing := int(np.isnan(values).sum()):
        raise SegmentationError(
            f"{indicator.variable} is missing for {missing} of the {len(values)} households that "
            "form the segments. Use another variable in segmentation.constructs, or give a rate "
            "the key shrink."
        )
    caps = np.quantile(values, [indicator.lower_quantile, indicator.upper_quantile])
    lower, upper = caps.tolist()
    capped = _standardise(np.clip(values, lower, upper))
    return LearntIndicator.model_construct(
        pooled=pooled, lower=lower, upper=upper, mean=capped.mean, sd=capped.sd
    )


def _standardise(values: Values) -> Standard:
    lowest, highest = float(values.min()), float(values.max())
    constant = highest - lowest <= CONSTANT * (1 + abs(highest))
    sd = float("inf") if constant else float(values.std())  # so it is not validated
    return Standard.model_construct(mean=float(values.mean()), sd=sd)


def _pool_rate(columns: Columns, indicator: Indicator) -> float:
    if indicator.shrink is None:
        return float("nan")
    events = np.asarray(columns[indicator.shrink.by])
    return float(np.nansum(np.asarray(columns[indicator.variable]) * events) / events.sum())


def _prepare(columns: Columns, indicator: Indicator, pooled: float) -> Values:
    values: Values = np.asarray(columns[indicator.variable], dtype=np.float64)
    if indicator.shrink is not None:
        events = np.asarray(columns[indicator.shrink.by], dtype=np.float64)
        prior = indicator.shrink.prior_weight
        hits = np.where(events > 0, values * events, 0.0)
        values = (hits + prior * pooled) / (events + prior)
    if indicator.transform == "arcsine":
        values = np.arcsin(np.sqrt(np.clip(values, 0, 1)))
    return values
