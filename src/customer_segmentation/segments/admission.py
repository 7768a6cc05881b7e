"""What bars a candidate from being chosen before any evidence on its stability is known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.features import derive_features
from customer_segmentation.segments.naming import (
    SegmentNamingError,
    match_personas,
    standardised_means,
)
from customer_segmentation.segments.parameters import SegmentationParameters
from customer_segmentation.segments.partition import Labels
from customer_segmentation.segments.personas import Naming
from customer_segmentation.segments.solutions import Solution, group_by_solution
from customer_segmentation.segments.specification import Specification


def find_mismatches(
    eligible_households: pd.DataFrame,
    candidate_labels: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> dict[Solution, str]:
    """Find the solutions whose segments do not show the personas' signatures, where they must.

    Args:
        eligible_households: One row per household that may form segments.
        candidate_labels: The segment of every household in every candidate.
        codebook: The panel's codebook.
        segmentation: The personas; where segments may be numbered, nothing is a mismatch.

    Returns:
        What is amiss, by specification and number of segments.
    """
    naming = segmentation.naming
    if naming.when_unmatched == "number":
        return {}
    signs = derive_features(eligible_households, codebook, naming.variables)
    found = {
        solution: find_mismatch(signs, group["label"].to_numpy(np.intp), naming)
        for solution, group in group_by_solution(candidate_labels)
    }
    return {solution: mismatch for solution, mismatch in found.items() if mismatch}


def find_mismatch(signs: pd.DataFrame, labels: Labels, naming: Naming) -> str:
    """Say which signature no segment shows, or why the personas cannot be matched.

    Args:
        signs: One row per household, one column per variable of the signatures.
        labels: The segment number of each household.
        naming: The personas.

    Returns:
        What is amiss, without a full stop; empty when every persona has its segment, or there are
        no personas.
    """
    if not naming.personas:
        return ""
    try:
        match_personas(standardised_means(signs, labels), naming)
    except SegmentNamingError as error:
        return str(error).split(". ")[0]
    return ""


def list_objections(
    specification: Specification,
    k: int,
    mismatches: Mapping[Solution, str],
    segmentation: SegmentationParameters,
) -> list[str]:
    """List why the rule cannot admit a solution, whatever its stability.

    Args:
        specification: The specification.
        k: The number of segments.
        mismatches: What `find_mismatches` returned.
        segmentation: The rule and the numbers of segments that may be chosen.

    Returns:
        The reasons, each without a full stop; none if it may be admitted.
    """
    reasons = list(segmentation.choice.find_gaps(specification))
    if k not in segmentation.counts.choosable:
        reasons.append("scored only: too many segments to be chosen")
    if mismatch := mismatches.get((specification.name, k)):
        reasons.append(mismatch)
    return reasons
