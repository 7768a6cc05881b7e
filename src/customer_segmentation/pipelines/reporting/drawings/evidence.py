"""Drawing the figures of the evidence for the segments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from customer_segmentation.figures.evidence import (
    plot_segment_separation,
    plot_segment_silhouettes,
    plot_segment_similarities,
    plot_segment_sizes,
)
from customer_segmentation.figures.specifications import (
    plot_segment_sensitivity,
    plot_specification_agreement,
)
from customer_segmentation.figures.stability import (
    plot_segment_flows,
    plot_segment_stability,
    plot_stability_by_k,
)
from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.findings.evidence import chosen_candidate
from customer_segmentation.findings.exhibits import Section
from customer_segmentation.findings.stability import JACCARD_WORDS
from customer_segmentation.findings.wording import lower_first
from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.segments.parameters import SegmentationParameters

if TYPE_CHECKING:
    from matplotlib.figure import Figure
else:
    Figure = Any  # Kedro reads the annotations at the start, and matplotlib is loaded late


def draw_stability_by_k(
    segmentation_candidates: pd.DataFrame,
    candidate_agreements: pd.DataFrame,
    candidate_nulls: pd.DataFrame,
    evidence: Section,
    segmentation: SegmentationParameters,
    reporting: ReportingParameters,
) -> Figure:
    """Draw steadiness and separation of the chosen specification for each number of segments.

    Args:
        segmentation_candidates: One row per specification and number of segments k.
        candidate_agreements: One row per specification, k, mode and pair of bootstrap samples.
        candidate_nulls: One row per finalist, null and draw.
        evidence: The section, with the figure's title.
        segmentation: The mark for reproducible segments.
        reporting: The style.

    Returns:
        The figure.
    """
    name = chosen_candidate(segmentation_candidates)["specification"]
    sources = [
        candidate_agreements.rename(columns={"mode": "source"}),
        candidate_nulls.rename(columns={"null": "source"}),
    ]
    candidates, *draws = (
        table[table["specification"] == name] for table in (segmentation_candidates, *sources)
    )
    return plot_stability_by_k(
        candidates,
        pd.concat(draws, ignore_index=True),
        evidence.charts["stability_by_k"].title,
        segmentation.choice.reproducible_from,
        reporting,
    )


def draw_segment_sizes(
    segment_stability: pd.DataFrame,
    stability: Section,
    codebook: Codebook,
    reporting: ReportingParameters,
) -> Figure:
    """Draw the share of each segment with its interval and its range over mixes.

    Args:
        segment_stability: One row per segment.
        stability: The section, with the figure's title.
        codebook: Name of the sampling stratum.
        reporting: Colours and order.

    Returns:
        The figure.
    """
    title = stability.charts["segment_sizes"].title
    stratum = lower_first(codebook[codebook.column(Role.STRATUM)].label)
    return plot_segment_sizes(segment_stability, stratum, title, reporting)


def draw_segment_stability(
    segment_jaccards: pd.DataFrame,
    segment_stability: pd.DataFrame,
    stability: Section,
    reporting: ReportingParameters,
) -> Figure:
    """Draw how well each segment is found again in bootstrap samples.

    Args:
        segment_jaccards: One row per segment and bootstrap sample.
        segment_stability: One row per segment.
        stability: The section, with the figure's title.
        reporting: Colours and order.

    Returns:
        The figure.
    """
    title = stability.charts["segment_stability"].title
    return plot_segment_stability(
        segment_jaccards, segment_stability, JACCARD_WORDS, title, reporting
    )


def draw_segment_flows(
    segment_paths: pd.DataFrame,
    segment_flows: pd.DataFrame,
    stability: Section,
    reporting: ReportingParameters,
) -> Figure:
    """Draw how households part and meet as the number of segments grows.

    Args:
        segment_paths: One row per number of segments and segment.
        segment_flows: One row per segment and segment of the solution before.
        stability: The section, with the figure's title.
        reporting: Colours and order.

    Returns:
        The figure.
    """
    title = stability.charts["segment_flows"].title
    return plot_segment_flows(segment_paths, segment_flows, title, reporting)


def draw_segment_similarities(
    household_similarities: pd.DataFrame, membership: Section, reporting: ReportingParameters
) -> Figure:
    """Draw how similar all households are to each segment.

    Args:
        household_similarities: One row per eligible household and segment compared with.
        membership: The section, with the figure's title.
        reporting: Colours and order.

    Returns:
        The figure.
    """
    title = membership.charts["segment_similarities"].title
    return plot_segment_similarities(household_similarities, title, reporting)


def draw_segment_separation(
    household_positions: pd.DataFrame,
    segment_hulls: pd.DataFrame,
    membership: Section,
    reporting: ReportingParameters,
) -> Figure:
    """Draw the households and the outlines of the segments on two principal components.

    Args:
        household_positions: One row per eligible household.
        segment_hulls: One row per segment, part and corner.
        membership: The section, with the figure's title.
        reporting: Colours and order.

    Returns:
        The figure.
    """
    title = membership.charts["segment_separation"].title
    return plot_segment_separation(household_positions, segment_hulls, title, reporting)


def draw_segment_silhouettes(
    household_positions: pd.DataFrame, membership: Section, reporting: ReportingParameters
) -> Figure:
    """Draw the silhouette width of every household, a blade per segment.

    Args:
        household_positions: One row per eligible household.
        membership: The section, with the figure's title.
        reporting: Colours and order.

    Returns:
        The figure.
    """
    title = membership.charts["segment_silhouettes"].title
    return plot_segment_silhouettes(household_positions, title, reporting)


def draw_specification_agreement(robustness: Section, reporting: ReportingParameters) -> Figure:
    """Draw how far the specifications agree at the chosen number of segments.

    Args:
        robustness: The section, with the figure's title and rows.
        reporting: The style.

    Returns:
        The figure.
    """
    name = "specification_agreement"
    title = robustness.charts[name].title
    return plot_specification_agreement(robustness.tables[name], title, reporting)


def draw_segment_sensitivity(robustness: Section, reporting: ReportingParameters) -> Figure:
    """Draw how many households move when one decision is made otherwise.

    Args:
        robustness: The section, with the figure's title and rows.
        reporting: Names of the kinds of variation.

    Returns:
        The figure.
    """
    name = "segment_sensitivity"
    title = robustness.charts[name].title
    return plot_segment_sensitivity(robustness.tables[name], title, reporting)
