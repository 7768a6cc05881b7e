"""Steps of the segmentation pipeline."""

from __future__ import annotations

import pandas as pd
from sklearn.pipeline import Pipeline

from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.segments.segmenter import compute_scores, refuse_too_few
from customer_segmentation.segments.specification import SegmentationError, SegmentationParameters
from customer_segmentation.segments.stability import bootstrap_agreements, compare_counts


def select_eligible_households(
    households: pd.DataFrame,
    household_features: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> pd.DataFrame:
    """Set the thin records aside.

    Args:
        households: One row per household, every field.
        household_features: One row per household: derived variables and flags.
        codebook: The panel's codebook.
        segmentation: The largest number of segments that will be tried.

    Returns:
        One row per household whose history is long enough, in order: fields, derived variables,
            flags.

    Raises:
        SegmentationError: Every record is thin, or too few are not for the largest number of
            segments.
    """
    complete = households.merge(household_features, on=codebook.identifier, validate="one_to_one")
    eligible = complete[~complete[codebook.column(Role.THIN_RECORD)]].reset_index(drop=True)
    if eligible.empty:
        raise SegmentationError(
            f"All {len(complete)} households have too few transactions to form segments. Lower "
            "data_processing.minimum_transactions, or bring longer histories."
        )
    refuse_too_few(eligible, segmentation.candidates.largest, "candidates.largest")
    return eligible


def assign_segments(
    segmenter: Pipeline,
    households: pd.DataFrame,
    household_features: pd.DataFrame,
    codebook: Codebook,
) -> pd.DataFrame:
    """Assign every household to a segment, thin records too.

    Args:
        segmenter: The fitted segmenter.
        households: One row per household, every field.
        household_features: One row per household with the thin-record flag.
        codebook: The panel's codebook.

    Returns:
        One row per household, in order: identifier, `segment` (name) and the thin-record flag.
    """
    assigned = households[[codebook.identifier]].assign(segment=segmenter.predict(households))
    flags = household_features[[codebook.identifier, codebook.column(Role.THIN_RECORD)]]
    return assigned.merge(flags, on=codebook.identifier, validate="one_to_one")


def compute_segment_scores(
    segmenter: Pipeline, households: pd.DataFrame, codebook: Codebook
) -> pd.DataFrame:
    """Place every household on the segmentation scores, for maps of the segments.

    Args:
        segmenter: The fitted segmenter.
        households: One row per household, every field.
        codebook: The panel's codebook.

    Returns:
        One row per household, in order: identifier, then one weighted, standardised score per
            column.
    """
    return households[[codebook.identifier]].join(compute_scores(segmenter, households))


def bootstrap_candidates(
    segmenter: Pipeline, eligible_households: pd.DataFrame, segmentation: SegmentationParameters
) -> pd.DataFrame:
    """Measure how far pairs of bootstrap samples agree for each number of segments.

    Args:
        segmenter: The fitted segmenter, whose scores are used as they are.
        eligible_households: One row per household that formed the segments.
        segmentation: Numbers of segments, pairs, starts, seed and processes.

    Returns:
        One row per number of segments `k` x `pair`: the adjusted Rand index `ari`.
    """
    scores = compute_scores(segmenter, eligible_households).to_numpy()
    return bootstrap_agreements(scores, segmentation)


def compare_candidates(
    segmenter: Pipeline,
    eligible_households: pd.DataFrame,
    candidate_agreements: pd.DataFrame,
    segmentation: SegmentationParameters,
) -> pd.DataFrame:
    """Put the evidence for each number of segments side by side.

    Args:
        segmenter: The fitted segmenter, whose scores are used as they are.
        eligible_households: One row per household that formed the segments.
        candidate_agreements: One row per number of segments x pair of bootstrap samples.
        segmentation: Specification, numbers of segments and seed.

    Returns:
        One row per number of segments; columns as `stability.compare_counts` says.
    """
    scores = compute_scores(segmenter, eligible_households).to_numpy()
    return compare_counts(scores, candidate_agreements, segmentation)
