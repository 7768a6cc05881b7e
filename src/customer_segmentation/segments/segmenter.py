"""The segmenter: from validated household columns to the name of a segment."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, model_validator

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.features import derive_features
from customer_segmentation.panel.values import (
    Configured,
    Names,
    PositiveTable,
    Shares,
    Table,
    refuse_repeated,
    to_row,
    to_table,
)
from customer_segmentation.segments.naming import name_segments
from customer_segmentation.segments.parameters import SegmentationParameters
from customer_segmentation.segments.partition import (
    Labels,
    Partition,
    Purpose,
    Scores,
    find_partitions,
    seed_for,
)
from customer_segmentation.segments.scores import (
    LearntIndicator,
    LearntScores,
    SegmentationError,
    Standard,
    learn_scores,
    refuse_constants,
)
from customer_segmentation.segments.specification import Score, Specification

SegmentNames = npt.NDArray[np.str_]


class Segmenter(Configured):
    """All that was learnt to give a household to a segment: numbers, stored as JSON.

    Attributes:
        variables: The fields and derived variables that it takes from a household.
        scores: How the scores are computed from them.
        indicators: What was learnt for each indicator, by its variable.
        standards: What was learnt for each score, by its name.
        centres, variances: One row per segment, one number per score; see `partition.Partition`.
        shares: One per segment.
        names: One per segment.
        minimum_transactions: A household with fewer has a thin record.
    """

    variables: Names
    scores: tuple[Score, ...]
    indicators: dict[str, LearntIndicator]
    standards: dict[str, Standard]
    centres: Table
    variances: PositiveTable
    shares: Shares
    names: Annotated[Names, Field(min_length=2)]
    minimum_transactions: Annotated[int, Field(strict=True, ge=1)]

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if not len(self.names) == len(self.centres) == len(self.variances) == len(self.shares):
            raise ValueError("names, centres, variances and shares differ in their number")
        if not len(self.scores) == len(self.centres[0]) == len(self.variances[0]):
            raise ValueError("centres and variances need a number for each score")
        return self

    @model_validator(mode="after")
    def _everything_is_learnt(self) -> Self:
        if set(refuse_repeated([score.name for score in self.scores])) != set(self.standards):
            raise ValueError("standards need an entry for each score and no other")
        used = [indicator for score in self.scores for indicator in score.indicators]
        if {indicator.variable for indicator in used} != set(self.indicators):
            raise ValueError("indicators need an entry for each indicator of a score and no other")
        if absent := {name for each in used for name in each.variables} - set(self.variables):
            raise ValueError(f"variables lack {', '.join(sorted(absent))}, which a score needs")
        for each in used:
            if each.shrink is not None and np.isnan(self.indicators[each.variable].pooled):
                raise ValueError(f"{each.variable} is shrunk and needs a pooled rate")
        return self

    @cached_property
    def learnt_scores(self) -> LearntScores:
        """What turns variables into scores, as it was fitted."""
        return LearntScores(self.scores, self.indicators, self.standards)

    @cached_property
    def partition(self) -> Partition:
        """The segments in the space of the scores."""
        return Partition(*map(np.array, (self.centres, self.variances, self.shares)))

    @property
    def score_variables(self) -> dict[str, list[str]]:
        """For each score the clean names of the variables that it is computed from, in order."""
        return {score.name: score.variables for score in self.scores}

    def compute_scores(self, households: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
        """Place households on the segmentation scores, in which distances are measured.

        Args:
            households: One row per household with at least the fields behind the variables.
            codebook: How these are derived from the fields.

        Returns:
            One float64 column per score; same rows and index.

        Raises:
            SegmentationError: A variable is missing for a household (a rate without events aside).
        """
        values = derive_features(households, codebook, self.variables)
        names = [score.name for score in self.scores]
        return pd.DataFrame(
            self.learnt_scores.compute(values), index=households.index, columns=names
        )

    def predict(self, scores: Scores) -> SegmentNames:
        """Name the segment that each household belongs to most.

        Args:
            scores: One row per household, one column per score, as `compute_scores` gives them.
        """
        names: SegmentNames = np.array(self.names)[self.partition.assign(scores)]
        return names

    def predict_second(self, scores: Scores) -> SegmentNames:
        """Name the segment that each household belongs to most after its own."""
        order = np.argsort(-self.partition.affinities(scores), axis=1, kind="stable")
        names: SegmentNames = np.array(self.names)[order[:, 1]]
        return names


def fit_segmenter(
    households: pd.DataFrame,
    specification: Specification,
    segments: int,
    codebook: Codebook,
    segmentation: SegmentationParameters,
    minimum_transactions: int,
) -> Segmenter:
    """Form and name the segments of these households.

    Args:
        households: One row per household that may form segments, with the fields behind the
            variables of specification and signatures.
        specification: How the segments are formed.
        segments: Their number.
        codebook: The panel's codebook.
        segmentation: Names and seed.
        minimum_transactions: A household with fewer was set aside as thin.

    Raises:
        SegmentationError: There are not more households than segments, a variable is missing or
            constant, or a segment stays empty.
        SegmentNamingError: The segments do not match the personas, and may not be numbered.
    """
    refuse_too_few(households, segments)
    values = derive_features(households, codebook, specification.variables)
    learnt, partition = form_segments(values, specification, segments, segmentation.random_state)
    labels = partition.assign(learnt.compute(values))
    signs = derive_features(households, codebook, segmentation.naming.variables)
    names = name_segments(signs, labels, segmentation.naming)
    return Segmenter(
        variables=tuple(specification.variables),
        scores=specification.scores,
        indicators=learnt.indicators,
        standards=learnt.standards,
        centres=to_table(partition.centres),
        variances=to_table(partition.variances),
        shares=to_row(partition.shares),
        names=tuple(names[number] for number in range(segments)),
        minimum_transactions=minimum_transactions,
    )


def form_segments(
    values: pd.DataFrame, specification: Specification, segments: int, random_state: int
) -> tuple[LearntScores, Partition]:
    """Learn the scores of these households and find their segments, without names.

    Args:
        values: One row per household, one float column per variable of the specification.
        specification: How the segments are formed.
        segments: Their number.
        random_state: The seed of the project.

    Raises:
        SegmentationError: A variable is missing or constant, or a segment stays empty.
    """
    learnt = learn_scores(values, specification.scores)
    refuse_constants(learnt, len(values))
    scores = learnt.compute(values)
    seed = seed_for(random_state, Purpose.SOLUTION)
    partition = find_partitions(scores, [segments], specification.solution_method, seed)[segments]
    filled = len(np.unique(partition.assign(scores)))
    if filled < segments:
        raise SegmentationError(
            f"Of {segments} segments by {specification.name} only {filled} hold a household. Ask "
            "for fewer segments, or choose another specification."
        )
    return learnt, partition


def refuse_too_few(households: pd.DataFrame, segments: int) -> None:
    """Refuse as many segments as households, or more.

    Raises:
        SegmentationError: There are not more households than segments.
    """
    if len(households) <= segments:
        raise SegmentationError(
            f"{segments} segments are asked for (segmentation.counts), but only {len(households)} "
            "households may form segments, and there must be more households than segments. Lower "
            "the numbers of segments, or lower data_processing.minimum_transactions."
        )


def explain_distances(segmenter: Segmenter, segment_scores: pd.DataFrame) -> pd.DataFrame:
    """Tell how much each score adds to a household's being nearer to its own segment.

    Args:
        segmenter: A fitted segmenter.
        segment_scores: One row per household: household_id, and one column per score.

    Returns:
        One row per household x score: household_id, segment (that it belongs to most),
        second_segment (that it belongs to most after its own), score, contribution: by how much it
        is nearer on this score to the own centre than to the second, in squared units of the
        weighted score. For k-means and Ward that is (score - second centre)^2 - (score - own
        centre)^2, and the scores sum to the difference of the squared distances, never negative. In
        a mixture each square is divided by the segment's variance and the log of the variance is
        added to it: twice a log-likelihood ratio, to which only the segments' shares are missing.
    """
    scores = segment_scores[list(segmenter.standards)]
    names, count = np.array(segmenter.names), scores.shape[1]
    own, second, contributions = compare_distances(segmenter.partition, scores.to_numpy())
    return pd.DataFrame(
        {
            "household_id": np.repeat(segment_scores["household_id"].to_numpy(), count),
            "segment": np.repeat(names[own], count),
            "second_segment": np.repeat(names[second], count),
            "score": np.tile(scores.columns.to_numpy(), len(scores)),
            "contribution": contributions.ravel(),
        }
    )


def compare_distances(partition: Partition, scores: Scores) -> tuple[Labels, Labels, Scores]:
    """The two segments that each household belongs to most, and the contributions of its scores."""
    order = np.argsort(-partition.affinities(scores), axis=1, kind="stable")
    own, second = order[:, 0], order[:, 1]
    squares = (scores[:, np.newaxis] - partition.centres) ** 2
    distances = squares / partition.variances + np.log(partition.variances)
    row = np.arange(len(scores))
    return own, second, distances[row, second] - distances[row, own]
