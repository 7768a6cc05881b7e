"""The segmenter: from validated household columns to the name of a segment.

It is one scikit-learn Pipeline of three steps. `features` derives the variables, `scores` prepares
and weights them, `segments` names the nearest centroid. All that is learnt (caps, pooled rates,
means, standard deviations, centroids) comes from the households it was fitted on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.features import derive_features
from customer_segmentation.segments.naming import name_segments
from customer_segmentation.segments.partition import partition_by_kmeans
from customer_segmentation.segments.specification import (
    Indicator,
    Score,
    SegmentationError,
    SegmentationParameters,
)

FEATURES, SCORES, SEGMENTS = "features", "scores", "segments"


class HouseholdFeatures(TransformerMixin, BaseEstimator):
    """Take or derive variables from validated household columns; nothing is learnt.

    Args:
        codebook: The panel's codebook.
        variables: Names of fields and derived variables.
    """

    def __init__(self, codebook: Codebook, variables: Sequence[str]) -> None:
        self.codebook = codebook
        self.variables = variables

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Do nothing; scikit-learn asks for it."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Compute the variables.

        Args:
            X: One row per household with at least the fields behind the variables.

        Returns:
            One float64 column per variable, in order; same rows and index.
        """
        return derive_features(X, self.codebook, self.variables).astype("float64")


class ConstructScores(TransformerMixin, BaseEstimator):
    """Prepare, standardise, combine and weight the indicators of each score.

    A rate is shrunk towards the pooled rate: (rate * n + prior_weight * pooled) / (n +
    prior_weight), and is the pooled rate where n is 0. Values beyond the caps are set to them. The
    z-scores of a score's indicators are averaged and standardised again, and the score is
    multiplied by the square root of its weight, so that the weight is its part of a squared
    distance.

    Args:
        scores: The scores of a specification.

    Attributes:
        indicators_: What was learnt for each indicator, by its variable: `pooled` (missing where
            nothing is shrunk), `lower` and `upper` cap, `mean` and `sd` after preparation.
        scores_: What was learnt for each score, by its name: `mean` and `sd` of the averaged
            z-scores.
    """

    def __init__(self, scores: Sequence[Score]) -> None:
        self.scores = scores

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Learn pooled rates, caps, means and standard deviations.

        Args:
            X: One row per household, one float column per variable of the scores.
            y: Not used; scikit-learn passes it.

        Raises:
            SegmentationError: A variable is missing for a household (a rate without events aside),
                or it or a score is the same for all households once it is prepared.
        """
        learnt = {i.variable: _learn(X, i) for score in self.scores for i in score.indicators}
        self.indicators_ = pd.DataFrame.from_dict(learnt, orient="index")
        averages = self._averages(X)
        for name, values in averages.items():
            _refuse_constant(str(name), values)
        self.scores_ = pd.DataFrame({"mean": averages.mean(), "sd": averages.std(ddof=0)})
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Compute the weighted scores.

        Args:
            X: One row per household, one float column per variable of the scores.

        Returns:
            One float64 column per score, in order; same rows and index.
        """
        check_is_fitted(self)
        weights = pd.Series({score.name: score.weight for score in self.scores})
        standardised = (self._averages(X) - self.scores_["mean"]) / self.scores_["sd"]
        return standardised * np.sqrt(weights)

    def _averages(self, X: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({score.name: self._average(X, score) for score in self.scores})

    def _average(self, X: pd.DataFrame, score: Score) -> pd.Series:
        z_scores = [_standardise(X, i, self.indicators_.T[i.variable]) for i in score.indicators]
        return pd.concat(z_scores, axis=1).mean(axis=1, skipna=False)


def _learn(X: pd.DataFrame, indicator: Indicator) -> dict[str, float]:
    pooled = _pooled_rate(X, indicator)
    values = _shrink(X, indicator, pooled)
    if missing := int(values.isna().sum()):
        raise SegmentationError(
            f"{indicator.variable} is missing for {missing} of the {len(X)} households that form "
            "the segments. Use another variable in segmentation.specification.constructs, or give "
            "a rate the key shrink."
        )
    lower, upper = values.quantile([indicator.lower_quantile, indicator.upper_quantile])
    capped = values.clip(lower, upper)
    _refuse_constant(indicator.variable, capped)
    mean, sd = float(capped.mean()), float(capped.std(ddof=0))
    return {"pooled": pooled, "lower": lower, "upper": upper, "mean": mean, "sd": sd}


def _refuse_constant(name: str, values: pd.Series) -> None:
    if np.isclose(values.min(), values.max(), rtol=1e-12, atol=1e-12):
        raise SegmentationError(
            f"{name}, shrunk and capped as the parameters say, is {values.iloc[0]:g} for all "
            f"{len(values)} households that form the segments, so it cannot tell them apart. Use "
            "another variable in segmentation.specification.constructs, or wider quantiles."
        )


def _pooled_rate(X: pd.DataFrame, indicator: Indicator) -> float:
    if indicator.shrink is None:
        return float("nan")
    events = X[indicator.shrink.by]
    return float((X[indicator.variable] * events).sum() / events.sum())


def _shrink(X: pd.DataFrame, indicator: Indicator, pooled: float) -> pd.Series:
    values = X[indicator.variable]
    if indicator.shrink is None:
        return values
    events, prior = X[indicator.shrink.by], indicator.shrink.prior_weight
    hits = (values * events).where(events > 0, 0.0)
    shrunk: pd.Series = (hits + prior * pooled) / (events + prior)
    return shrunk


def _standardise(X: pd.DataFrame, indicator: Indicator, learnt: pd.Series) -> pd.Series:
    values = _shrink(X, indicator, learnt["pooled"]).clip(learnt["lower"], learnt["upper"])
    z_scores: pd.Series = (values - learnt["mean"]) / learnt["sd"]
    return z_scores


def fit_segmenter(
    households: pd.DataFrame, codebook: Codebook, segmentation: SegmentationParameters
) -> Pipeline:
    """Form and name the segments of these households.

    K-means groups the households by their scores. Its centres are the exact means of the groups, so
    the nearest centroids of the named groups assign every household as k-means does.

    Args:
        households: One row per household that may form segments, with the fields behind the
            variables of specification and signatures.
        codebook: The panel's codebook.
        segmentation: Specification, names and seed.

    Returns:
        A fitted Pipeline of `features` (HouseholdFeatures), `scores` (ConstructScores) and
        `segments` (NearestCentroid, whose classes are the segments' names). It predicts names from
        household columns.

    Raises:
        SegmentationError: There are not more households than segments, or a variable is missing or
            constant.
        SegmentNamingError: The segments do not match the personas, and may not be numbered.
    """
    specification = segmentation.specification
    refuse_too_few(households, specification.segments, "specification.segments")
    features = HouseholdFeatures(codebook, specification.variables)
    scorer = ConstructScores(specification.scores)
    scores = Pipeline([(FEATURES, features), (SCORES, scorer)]).fit_transform(households)
    labels = partition_by_kmeans(
        scores.to_numpy(), specification.segments, specification.starts, segmentation.random_state
    )
    signs = HouseholdFeatures(codebook, segmentation.naming.variables).transform(households)
    names = name_segments(signs, labels, segmentation.naming)
    centroids = NearestCentroid().fit(scores, [names[label] for label in labels])
    return Pipeline([(FEATURES, features), (SCORES, scorer), (SEGMENTS, centroids)])


def refuse_too_few(households: pd.DataFrame, segments: int, key: str) -> None:
    """Refuse as many segments as households, or more.

    Args:
        households: One row per household that may form segments.
        segments: Number of segments wanted.
        key: The parameter that says so, for the message.

    Raises:
        SegmentationError: There are not more households than segments.
    """
    if len(households) <= segments:
        raise SegmentationError(
            f"segmentation.{key} is {segments}, but only {len(households)} households may form "
            "segments, and there must be more households than segments. Lower it, or lower "
            "data_processing.minimum_transactions."
        )


def compute_scores(segmenter: Pipeline, households: pd.DataFrame) -> pd.DataFrame:
    """Place households on the segmentation scores, in which distances are measured.

    Args:
        segmenter: A fitted segmenter.
        households: One row per household.

    Returns:
        One float64 column per score; same rows and index.
    """
    scores: pd.DataFrame = segmenter[:-1].transform(households)
    return scores


def score_variables(segmenter: Pipeline) -> dict[str, list[str]]:
    """Tell which variables each segmentation score is computed from.

    Args:
        segmenter: A segmenter, fitted or not.

    Returns:
        For each score the clean names of its variables, in order.
    """
    return {
        score.name: list(dict.fromkeys(name for i in score.indicators for name in i.variables))
        for score in segmenter[SCORES].scores
    }
