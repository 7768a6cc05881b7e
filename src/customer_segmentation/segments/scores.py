"""From variables to the scores in which households are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from customer_segmentation.panel.values import ReadableError
from customer_segmentation.segments.constructs import Indicator, Score

CONSTANT = 1e-12  # values that differ by less, on their scale, differ by rounding

Values = npt.NDArray[np.float64]


class SegmentationError(ReadableError):
    """Households that cannot be segmented as the parameters ask."""


class Learnt(NamedTuple):
    """What was learnt for one indicator.

    Attributes:
        pooled: The pooled rate; missing where nothing is shrunk.
        lower, upper: The caps, on the scale of the transform.
        mean, sd: Of the prepared values; the sd is infinite where they are all the same, so that
            the indicator then tells no household from another.
    """

    pooled: float
    lower: float
    upper: float
    mean: float
    sd: float


class Standard(NamedTuple):
    """Mean and standard deviation (infinite for a constant) of a score's averaged z-scores."""

    mean: float
    sd: float


class ConstructScores(TransformerMixin, BaseEstimator):
    """Prepare, standardise, combine and weight the indicators of each score.

    A rate is shrunk towards the pooled rate: (rate * n + prior_weight * pooled) / (n +
    prior_weight), and is the pooled rate where n is 0. Shares may then be transformed. Values
    beyond the caps are set to them. The z-scores of a score's indicators are averaged and
    standardised again, and the score is multiplied by the square root of its weight, so that the
    weight is its part of a squared distance.

    Args:
        scores: The scores of a specification.

    Attributes:
        indicators_: What was learnt for each indicator, by its variable.
        scores_: What was learnt for each score, by its name.
    """

    def __init__(self, scores: Sequence[Score]) -> None:
        self.scores = scores

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Learn pooled rates, caps, means and standard deviations.

        Args:
            X: One row per household, one float column per variable of the scores.
            y: Not used; scikit-learn passes it.

        Raises:
            SegmentationError: A variable is missing for a household (a rate without events aside).
        """
        columns = _columns(X)
        self.indicators_: dict[str, Learnt] = {
            i.variable: _learn(columns, i) for score in self.scores for i in score.indicators
        }
        averages = _Averages(self.scores, self.indicators_).compute(columns)
        self.scores_: dict[str, Standard] = {
            score.name: _standard(row) for score, row in zip(self.scores, averages, strict=True)
        }
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Compute the weighted scores.

        Args:
            X: One row per household, one float column per variable of the scores.

        Returns:
            One float64 column per score, in order; same rows and index.

        Raises:
            SegmentationError: A variable is missing for a household (a rate without events aside).
        """
        check_is_fitted(self)
        names = [score.name for score in self.scores]
        return pd.DataFrame(self.compute(X), index=X.index, columns=names)

    def compute(self, X: pd.DataFrame) -> Values:
        """Compute the weighted scores as a matrix.

        Args:
            X: As in `transform`.

        Returns:
            One row per household, one column per score.

        Raises:
            SegmentationError: A variable is missing for a household (a rate without events aside).
        """
        return LearntScores(self.scores, self.indicators_, self.scores_).compute(_columns(X))


class LearntScores:
    """Scores as they were learnt, laid out to place one household or a million.

    Args:
        scores: The scores of a specification.
        indicators: What was learnt for each indicator, by its variable.
        standards: What was learnt for each score, by its name.
    """

    def __init__(
        self,
        scores: Sequence[Score],
        indicators: Mapping[str, Learnt],
        standards: Mapping[str, Standard],
    ) -> None:
        self._scores = scores
        self._averages = _Averages(scores, indicators)
        learnt = np.array([standards[score.name] for score in scores])
        self._means, self._sds = learnt.T[:, :, np.newaxis]
        self._roots = np.sqrt([[score.weight] for score in scores])

    def compute(self, columns: Mapping[str, Values]) -> Values:
        """Compute the weighted scores.

        Args:
            columns: One value per household for each variable of the scores.

        Returns:
            One row per household, one column per score.

        Raises:
            SegmentationError: A variable is missing for a household (a rate without events aside).
        """
        by_score = (self._averages.compute(columns) - self._means) / self._sds * self._roots
        if np.isnan(by_score).any():
            _refuse_missing(by_score.T, self._scores)
        return np.ascontiguousarray(by_score.T)


class _Averages:
    """Each score's mean of its indicators' z-scores."""

    def __init__(self, scores: Sequence[Score], indicators: Mapping[str, Learnt]) -> None:
        used = [indicator for score in scores for indicator in score.indicators]
        self._prepared = [(each, indicators[each.variable].pooled) for each in used]
        learnt = np.array([indicators[each.variable] for each in used])
        _, self._lower, self._upper, self._means, self._sds = learnt.T[:, :, np.newaxis]
        counts = [len(score.indicators) for score in scores]
        self._starts = np.cumsum([0, *counts[:-1]])
        self._counts = np.array([[count] for count in counts])

    def compute(self, columns: Mapping[str, Values]) -> Values:
        """One row per score, one column per household."""
        values = np.array([_prepare(columns, *each) for each in self._prepared])
        # Faster than np.clip for a single household, and the same.
        capped = np.minimum(np.maximum(values, self._lower), self._upper)
        z_scores = (capped - self._means) / self._sds
        averages: Values = np.add.reduceat(z_scores, self._starts) / self._counts
        return averages


def refuse_constants(values: pd.DataFrame, scores: Sequence[Score]) -> None:
    """Refuse variables and scores that cannot tell households apart.

    Args:
        values: One row per household that may form segments, one float column per variable.
        scores: The scores of a specification.

    Raises:
        SegmentationError: A variable is missing for a household, or it or a score is the same for
            all households once it is prepared.
    """
    scorer = ConstructScores(scores).fit(values)
    # A score may have the name of its indicator, which is the cause and is named first.
    learnt: list[tuple[str, Learnt | Standard]] = [
        *scorer.indicators_.items(),
        *scorer.scores_.items(),
    ]
    constant = [(name, each.mean) for name, each in learnt if np.isinf(each.sd)]
    for name, value in constant[:1]:
        raise SegmentationError(
            f"{name}, shrunk, transformed and capped as the parameters say, is {value:g} for all "
            f"{len(values)} households that form the segments, so it cannot tell them apart. Use "
            "another variable in segmentation.constructs or segmentation.grid, or wider "
            "quantiles."
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


def _columns(X: pd.DataFrame) -> dict[str, Values]:
    return {str(name): X[name].to_numpy(dtype=np.float64) for name in X.columns}


def _learn(columns: Mapping[str, Values], indicator: Indicator) -> Learnt:
    pooled = _pooled_rate(columns, indicator)
    values = _prepare(columns, indicator, pooled)
    if missing := int(np.isnan(values).sum()):
        raise SegmentationError(
            f"{indicator.variable} is missing for {missing} of the {len(values)} households that "
            "form the segments. Use another variable in segmentation.constructs, or give a rate "
            "the key shrink."
        )
    lower, upper = np.quantile(values, [indicator.lower_quantile, indicator.upper_quantile])
    return Learnt(pooled, float(lower), float(upper), *_standard(np.clip(values, lower, upper)))


def _standard(values: Values) -> Standard:
    lowest, highest = float(values.min()), float(values.max())
    constant = highest - lowest <= CONSTANT * (1 + abs(highest))
    return Standard(float(values.mean()), float("inf") if constant else float(values.std()))


def _pooled_rate(columns: Mapping[str, Values], indicator: Indicator) -> float:
    if indicator.shrink is None:
        return float("nan")
    events = columns[indicator.shrink.by]
    return float(np.nansum(columns[indicator.variable] * events) / events.sum())


def _prepare(columns: Mapping[str, Values], indicator: Indicator, pooled: float) -> Values:
    values = columns[indicator.variable]
    if indicator.shrink is not None:
        events, prior = columns[indicator.shrink.by], indicator.shrink.prior_weight
        hits = np.where(events > 0, values * events, 0.0)
        values = (hits + prior * pooled) / (events + prior)
    if indicator.transform == "arcsine":
        values = np.arcsin(np.sqrt(np.clip(values, 0, 1)))
    return values
