"""The segmenter as numbers: what it has learnt, without the objects that learnt it."""

from __future__ import annotations

import numpy as np
from pydantic import FiniteFloat
from sklearn.pipeline import Pipeline

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.configured import Configured
from customer_segmentation.scorer.stored import Missable, Numbers, Table, to_row, to_table
from customer_segmentation.segments.constructs import Score
from customer_segmentation.segments.partition import Partition
from customer_segmentation.segments.scores import ConstructScores, Learnt, Standard
from customer_segmentation.segments.segmenter import (
    FEATURES,
    SCORES,
    SEGMENTS,
    HouseholdFeatures,
    NamedPartition,
)


class StoredIndicator(Configured):
    """What was learnt for one indicator; see `scores.Learnt`."""

    pooled: Missable
    lower: FiniteFloat
    upper: FiniteFloat
    mean: FiniteFloat
    sd: FiniteFloat


class StoredStandard(Configured):
    """Mean and standard deviation of one score's averaged z-scores; see `scores.Standard`."""

    mean: FiniteFloat
    sd: FiniteFloat


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
    """

    variables: tuple[str, ...]
    scores: tuple[Score, ...]
    indicators: dict[str, StoredIndicator]
    standards: dict[str, StoredStandard]
    centres: Table
    variances: Table
    shares: Numbers
    names: tuple[str, ...]

    def restore(self, codebook: Codebook) -> Pipeline:
        """Make the fitted segmenter again.

        Args:
            codebook: The codebook that it was fitted with.

        Returns:
            A Pipeline that gives the same answers to the last bit; see `segmenter.fit_segmenter`.
        """
        scorer = ConstructScores(self.scores)
        scorer.indicators_ = {
            name: Learnt(**each.model_dump()) for name, each in self.indicators.items()
        }
        scorer.scores_ = {
            name: Standard(**each.model_dump()) for name, each in self.standards.items()
        }
        parts = map(np.array, (self.centres, self.variances, self.shares))
        features = HouseholdFeatures(codebook, self.variables)
        named = NamedPartition(Partition(*parts), self.names)
        return Pipeline([(FEATURES, features), (SCORES, scorer), (SEGMENTS, named)])


def extract_segmenter(segmenter: Pipeline) -> StoredSegmenter:
    """Take from a fitted segmenter all that it knows.

    Args:
        segmenter: As `segmenter.fit_segmenter` makes it.
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
    )
