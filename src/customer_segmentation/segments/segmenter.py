"""The segmenter: from validated household columns to the name of a segment.

It is one scikit-learn Pipeline of three steps. `features` derives the variables, `scores` prepares
and weights them, `segments` names the segment that a household belongs to most. All that is learnt
(caps, pooled rates, means, standard deviations, centres) comes from the households it was fitted
on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.pipeline import Pipeline

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.features import derive_features
from customer_segmentation.segments.naming import name_segments
from customer_segmentation.segments.parameters import SegmentationParameters
from customer_segmentation.segments.partition import Partition, find_partitions
from customer_segmentation.segments.scores import (
    ConstructScores,
    SegmentationError,
    refuse_constants,
)
from customer_segmentation.segments.seeds import Purpose, seed_for
from customer_segmentation.segments.specification import Specification

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
        return derive_features(X, self.codebook, self.variables)


class NamedPartition(ClassifierMixin, BaseEstimator):
    """Give every household the name of the segment it belongs to most; nothing is learnt.

    Args:
        partition: The segments in the space of the scores.
        names: The name of each segment, in the order of the partition.
    """

    def __init__(self, partition: Partition, names: Sequence[str]) -> None:
        self.partition = partition
        self.names = names

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Do nothing; scikit-learn asks for it."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    @property
    def classes_(self) -> npt.NDArray[np.str_]:
        """The names of the segments, in the order of the partition."""
        return np.array(self.names)

    def predict(self, X: pd.DataFrame) -> npt.NDArray[np.str_]:
        """Name the segment of each household.

        Args:
            X: One row per household, one column per score.

        Returns:
            One name per household.
        """
        names: npt.NDArray[np.str_] = self.classes_[self.partition.assign(X.to_numpy())]
        return names

    def predict_second(self, X: pd.DataFrame) -> npt.NDArray[np.str_]:
        """Name the segment that each household belongs to most after its own."""
        order = np.argsort(-self.partition.affinities(X.to_numpy()), axis=1, kind="stable")
        names: npt.NDArray[np.str_] = self.classes_[order[:, 1]]
        return names


def fit_segmenter(
    households: pd.DataFrame,
    specification: Specification,
    segments: int,
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> Pipeline:
    """Form and name the segments of these households.

    Args:
        households: One row per household that may form segments, with the fields behind the
            variables of specification and signatures.
        specification: How the segments are formed.
        segments: Their number.
        codebook: The panel's codebook.
        segmentation: Names and seed.

    Returns:
        A fitted Pipeline of `features` (HouseholdFeatures), `scores` (ConstructScores) and
        `segments` (NamedPartition). It predicts names from household columns.

    Raises:
        SegmentationError: There are not more households than segments, a variable is missing or
            constant, or a segment stays empty.
        SegmentNamingError: The segments do not match the personas, and may not be numbered.
    """
    refuse_too_few(households, segments)
    features = HouseholdFeatures(codebook, specification.variables)
    values = features.transform(households)
    scorer, partition = form_segments(values, specification, segments, segmentation.random_state)
    labels = partition.assign(scorer.compute(values))
    signs = HouseholdFeatures(codebook, segmentation.naming.variables).transform(households)
    names = name_segments(signs, labels, segmentation.naming)
    named = NamedPartition(partition, [names[number] for number in range(segments)])
    return Pipeline([(FEATURES, features), (SCORES, scorer), (SEGMENTS, named)])


def form_segments(
    values: pd.DataFrame, specification: Specification, segments: int, random_state: int
) -> tuple[ConstructScores, Partition]:
    """Learn the scores of these households and find their segments, without names.

    Args:
        values: One row per household, one float column per variable of the specification.
        specification: How the segments are formed.
        segments: Their number.
        random_state: The seed of the project.

    Returns:
        What turns variables into scores, and the segments in the space of the scores.

    Raises:
        SegmentationError: A variable is missing or constant, or a segment stays empty.
    """
    refuse_constants(values, specification.scores)
    scorer = ConstructScores(specification.scores).fit(values)
    scores = scorer.compute(values)
    seed = seed_for(random_state, Purpose.SOLUTION)
    partition = find_partitions(scores, [segments], specification.solution_method, seed)[segments]
    filled = len(np.unique(partition.assign(scores)))
    if filled < segments:
        raise SegmentationError(
            f"Of {segments} segments by {specification.name} only {filled} hold a household. Ask "
            "for fewer segments, or choose another specification."
        )
    return scorer, partition


def refuse_too_few(households: pd.DataFrame, segments: int) -> None:
    """Refuse as many segments as households, or more.

    Args:
        households: One row per household that may form segments.
        segments: Number of segments wanted.

    Raises:
        SegmentationError: There are not more households than segments.
    """
    if len(households) <= segments:
        raise SegmentationError(
            f"{segments} segments are asked for (segmentation.counts), but only {len(households)} "
            "households may form segments, and there must be more households than segments. Lower "
            "the numbers of segments, or lower data_processing.minimum_transactions."
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
