"""Steps of the segmentation pipeline that forms, chooses and assigns the segments."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import pairwise_distances

from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.panel.features import DataProcessingParameters
from customer_segmentation.segments import candidates, paths, positions, profiles, stability
from customer_segmentation.segments.choice import find_chosen, find_finalists
from customer_segmentation.segments.parameters import SegmentationParameters
from customer_segmentation.segments.scores import (
    SegmentationError,
    learn_scores,
    refuse_constants,
)
from customer_segmentation.segments.segmenter import Segmenter, fit_segmenter, refuse_too_few
from customer_segmentation.segments.sensitivity import Setting, measure_sensitivity


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
        values = candidates.take_values(eligible, specification, codebook)
        learnt = learn_scores(values, specification.scores)
        refuse_constants(learnt, len(values))
        everyone = candidates.take_values(complete, specification, codebook)
        learnt.compute(everyone)  # refuses missing values
    return eligible


def challenge_finalists(
    eligible_households: pd.DataFrame,
    candidate_judgements: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> pd.DataFrame:
    """Form segments on data without segments, for the solutions that may be chosen.

    Args:
        eligible_households: One row per household that may form segments.
        candidate_judgements: One row per specification x k, with admissibility.
        codebook: The panel's codebook.
        segmentation: Draws, pairs, seed and workers.

    Returns:
        One row per finalist x null x draw: ari and silhouette.

    Raises:
        SegmentationError: No solution is admissible, and none is pinned.
    """
    finalists = find_finalists(candidate_judgements, segmentation)
    return candidates.challenge_finalists(eligible_households, finalists, codebook, segmentation)


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
    return fit_segmenter(
        eligible_households,
        specification,
        k,
        codebook,
        segmentation,
        data_processing.minimum_transactions,
    )


def bootstrap_chosen_segments(
    segmenter: Segmenter,
    segmentation_candidates: pd.DataFrame,
    households: pd.DataFrame,
    household_features: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> pd.DataFrame:
    """Find the chosen segments again on bootstrap samples, the whole pipeline refitted.

    Args:
        segmenter: The fitted segmenter.
        segmentation_candidates: One row per specification x k, with the choice.
        households: One row per household, every field.
        household_features: One row per household with the thin-record flag.
        codebook: The panel's codebook.
        segmentation: Pairs, seed and workers.

    Returns:
        One row per sample x household: draws and segment.
    """
    specification, _ = find_chosen(segmentation_candidates, codebook, segmentation)
    return stability.bootstrap_segments(
        segmenter,
        specification,
        households,
        _is_eligible(households, household_features, codebook),
        codebook,
        segmentation,
    )


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
        agreement=stability.measure_agreement(bootstrapped_segments, assigned),
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


def trace_chosen_segments(
    candidate_labels: pd.DataFrame,
    segmentation_candidates: pd.DataFrame,
    household_segments: pd.DataFrame,
    codebook: Codebook,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Follow the chosen specification's segments from few to many.

    Args:
        candidate_labels: One row per specification x k x household: label.
        segmentation_candidates: One row per specification x k, with the choice.
        household_segments: One row per household: segment.
        codebook: The panel's codebook.

    Returns:
        `segment_paths`: one row per k x segment: code, households, `slsa` (segment-level stability
        across solutions) and `name` (at the chosen k; empty elsewhere). `segment_flows`: one row
        per k x segment x segment of the coarser solution it draws households from.
    """
    chosen = segmentation_candidates[segmentation_candidates["chosen"]].iloc[0]
    own = candidate_labels[candidate_labels["specification"] == chosen["specification"]]
    labels = {int(k): group["label"].to_numpy(np.intp) for k, group in own.groupby("k")}
    segment_paths, segment_flows = paths.trace_segments(labels)
    at_chosen = own.loc[own["k"] == chosen["k"], codebook.identifier]
    names = at_chosen.map(household_segments.set_index(codebook.identifier)["segment"])
    numbers = paths.renumber_segments(labels)[int(chosen["k"])]
    by_code = {
        paths.code_segment(int(chosen["k"]), int(number)): name
        for number, name in zip(numbers, names, strict=True)
    }
    named = segment_paths.assign(name=segment_paths["segment"].map(by_code).fillna(""))
    return named, segment_flows


def locate_households(
    segmenter: Segmenter,
    eligible_households: pd.DataFrame,
    household_segments: pd.DataFrame,
    codebook: Codebook,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Say where the households that formed the segments lie between them.

    Args:
        segmenter: The fitted segmenter.
        eligible_households: One row per household that formed the segments.
        household_segments: One row per household: segment.
        codebook: The panel's codebook.

    Returns:
        `household_positions`: one row per household: `segment`, `silhouette`, `component_1` and
        `component_2` (principal components of the scores) with their shares of the variance,
        `component_1_share` and `component_2_share`. `household_similarities`: one row per household
        x `to_segment`: `segment` and `similarity`, summing to 1. `segment_hulls`: one row per
        corner of each segment's outer and core outline in the plane of the components.
    """
    scores = segmenter.compute_scores(eligible_households, codebook).to_numpy()
    own = profiles.match_segments(eligible_households, household_segments, codebook)
    components, shares = positions.project_scores(scores)
    located = eligible_households[[codebook.identifier]].assign(
        segment=own,
        silhouette=positions.measure_silhouettes(pairwise_distances(scores), own.to_numpy()),
        component_1=components[:, 0],
        component_2=components[:, 1],
        component_1_share=shares[0],
        component_2_share=shares[1],
    )
    similar = pd.DataFrame(
        positions.measure_similarities(scores, segmenter.partition.centres), columns=segmenter.names
    )
    similarities = (
        located[[codebook.identifier, "segment"]]
        .join(similar)
        .melt([codebook.identifier, "segment"], var_name="to_segment", value_name="similarity")
    )
    return located, similarities, positions.outline_segments(components, own.to_numpy())


def vary_decisions(
    households: pd.DataFrame,
    household_features: pd.DataFrame,
    segmentation_candidates: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> pd.DataFrame:
    """Count the households that move when one decision behind the segments is changed.

    Args:
        households: One row per household, every field.
        household_features: One row per household with the thin-record flag.
        segmentation_candidates: One row per specification x k, with the choice.
        codebook: The panel's codebook.
        segmentation: The grid, what is varied, and the seed.

    Returns:
        One row per variation; columns as `sensitivity.measure_sensitivity` says.
    """
    specification, k = find_chosen(segmentation_candidates, codebook, segmentation)
    eligible = _is_eligible(households, household_features, codebook)
    return measure_sensitivity(
        Setting(households, eligible, specification, k, codebook, segmentation)
    )


def profile_chosen_segments(
    segmenter: Segmenter,
    eligible_households: pd.DataFrame,
    household_segments: pd.DataFrame,
    bootstrapped_segments: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> pd.DataFrame:
    """Summarise every measured variable for each segment, with intervals that refit everything.

    Args:
        segmenter: The fitted segmenter, which tells the variables that formed the segments.
        eligible_households: One row per household that formed the segments.
        household_segments: One row per household: segment.
        bootstrapped_segments: One row per bootstrap sample x household: draws and segment.
        codebook: The panel's codebook.
        segmentation: How far a marker must lie from the total.

    Returns:
        One row per segment x measured variable; columns as `profiles.profile_segments` says.
    """
    formed_by = {name for names in segmenter.score_variables.values() for name in names}
    formed_by |= set(segmentation.naming.variables)
    return profiles.profile_segments(
        eligible_households,
        household_segments,
        bootstrapped_segments,
        formed_by,
        codebook,
        segmentation,
    )


def _is_eligible(
    households: pd.DataFrame, household_features: pd.DataFrame, codebook: Codebook
) -> npt.NDArray[np.bool_]:
    thin = household_features.set_index(codebook.identifier)[codebook.column(Role.THIN_RECORD)]
    return ~thin.loc[households[codebook.identifier]].to_numpy(dtype=bool)
