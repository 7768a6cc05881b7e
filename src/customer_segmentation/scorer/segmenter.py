"""The segmenter as numbers: what it has learnt, without the objects that learnt it."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator
from sklearn.pipeline import Pipeline

from customer_segmentation.panel.values import (
    Configured,
    Finite,
    Missable,
    Names,
    Positive,
    PositiveTable,
    Shares,
    Table,
    refuse_repeated,
    to_row,
    to_table,
)
from customer_segmentation.segments.constructs import Score
from customer_segmentation.segments.partition import Partition
from customer_segmentation.segments.scores import Learnt, LearntScores, Standard
from customer_segmentation.segments.segmenter import FEATURES, SCORES, SEGMENTS


class StoredIndicator(Configured):
    """What was learnt for one indicator; see `scores.Learnt`."""

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


class StoredStandard(Configured):
    """Mean and standard deviation of one score's averaged z-scores; see `scores.Standard`."""

    mean: Finite
    sd: Positive


class StoredSegmenter(Configured):
    """All that the fitted segmenter knows.

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
    indicators: dict[str, StoredIndicator]
    standards: dict[str, StoredStandard]
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
        indicators = {name: Learnt(**each.model_dump()) for name, each in self.indicators.items()}
        standards = {name: Standard(**each.model_dump()) for name, each in self.standards.items()}
        return LearntScores(self.scores, indicators, standards)

    @cached_property
    def partition(self) -> Partition:
        """The segments in the space of the scores."""
        return Partition(*map(np.array, (self.centres, self.variances, self.shares)))


def extract_segmenter(segmenter: Pipeline, minimum_transactions: int) -> StoredSegmenter:
    """Take from a fitted segmenter all that it knows.

    Args:
        segmenter: As `segmenter.fit_segmenter` makes it.
        minimum_transactions: A household with fewer was set aside as thin.
    """
    features, scorer, named = (segmenter[step] for step in (FEATURES, SCORES, SEGMENTS))
    return StoredSegmenter(
        variables=tuple(features.variables),
        scores=tuple(scorer.scores),
        indicators={
            name: StoredIndicator(**each._asdict()) for name, each in scorer.indicators_.items()
        },
        standards={name: StoredStandard(**each._asdict()) for name, each in scorer.scores_.items()},
        centres=to_table(named.partition.centres),
        variances=to_table(named.partition.variances),
        shares=to_row(named.partition.shares),
        names=tuple(named.names),
        minimum_transactions=minimum_transactions,
    )
