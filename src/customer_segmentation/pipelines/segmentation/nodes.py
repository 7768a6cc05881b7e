"""The steps of the segmentation pipeline that are more than one call of `segments`."""

from __future__ import annotations

import pandas as pd

from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.panel.features import DataProcessingParameters, derive_features
from customer_segmentation.segments.choice import find_chosen
from customer_segmentation.segments.parameters import SegmentationParameters
from customer_segmentation.segments.reliability import measure_agreement
from customer_segmentation.segments.scores import SegmentationError, learn_scores, refuse_constants
from customer_segmentation.segments.segmenter import Segmenter, fit_segmenter, refuse_too_few


def select_eligible_households(
    households: pd.DataFrame,
    household_features: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> pd.DataFrame:
    """Set the thin records aside, and refuse what could not be segmented.

    Args:
        households: One row per household, every field.
        household_features: One row per household: derived variables and flags.
        codebook: The panel's codebook.
        segmentation: The grid and the numbers of segments that will be tried.

    Returns:
        One row per household whose history is long enough, in order: fields, derived variables,
            flags.

    Raises:
        SegmentationError: Every record is thin, too few are not for the largest number of segments,
            or a variable of the grid is missing or the same for all.
    """
    complete = households.merge(household_features, on=codebook.identifier, validate="one_to_one")
    eligible = complete[~complete[codebook.column(Role.THIN_RECORD)]].reset_index(drop=True)
    if eligible.empty:
        raise SegmentationError(
            f"All {len(complete)} households have too few transactions to form segments. Lower "
            "data_processing.minimum_transactions, or bring longer histories."
        )
    refuse_too_few(eligible, segmentation.counts.scored_to)
    for specification in segmentation.specifications(codebook).values():
        values = derive_features(eligible, codebook, specification.variables)
        learnt = learn_scores(values, specification.scores)
        refuse_constants(learnt, len(values))
        # Refuses missing values of the thin records.
        learnt.compute(derive_features(complete, codebook, specification.variables))
    return eligible


def fit_chosen_segmenter(
    eligible_households: pd.DataFrame,
    segmentation_candidates: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
    data_processing: DataProcessingParameters,
) -> Segmenter:
    """Form and name the segments of the chosen solution.

    Args:
        eligible_households: One row per household that may form segments.
        segmentation_candidates: One row per specification x k, with the choice.
        codebook: The panel's codebook.
        segmentation: The grid, names and seed.
        data_processing: How many transactions make a record thick enough.

    Returns:
        The segmenter: from household columns to the name of a segment.

    Raises:
        SegmentNamingError: The segments do not match the personas, and may not be numbered.
    """
    specification, k = find_chosen(segmentation_candidates, codebook, segmentation)
    minimum = data_processing.minimum_transactions
    return fit_segmenter(eligible_households, specification, k, codebook, segmentation, minimum)


def assign_segments(
    segmenter: Segmenter,
    bootstrapped_segments: pd.DataFrame,
    households: pd.DataFrame,
    household_features: pd.DataFrame,
    codebook: Codebook,
) -> pd.DataFrame:
    """Assign every household to a segment, thin records too, and say how sure that is.

    Args:
        segmenter: The fitted segmenter.
        bootstrapped_segments: One row per bootstrap sample x household: segment.
        households: One row per household, every field.
        household_features: One row per household with the thin-record flag.
        codebook: The panel's codebook.

    Returns:
        One row per household, in order: identifier, `segment` (name), the thin-record flag,
        `agreement` (share of the bootstrap solutions that give it the same segment) and
        `second_segment` (the segment it belongs to most after its own).
    """
    scores = segmenter.compute_scores(households, codebook).to_numpy()
    assigned = households[[codebook.identifier]].assign(segment=segmenter.predict(scores))
    flags = household_features[[codebook.identifier, codebook.column(Role.THIN_RECORD)]]
    return assigned.merge(flags, on=codebook.identifier, validate="one_to_one").assign(
        agreement=measure_agreement(bootstrapped_segments, assigned),
        second_segment=segmenter.predict_second(scores),
    )


def compute_segment_scores(
    segmenter: Segmenter, households: pd.DataFrame, codebook: Codebook
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
    return households[[codebook.identifier]].join(segmenter.compute_scores(households, codebook))
