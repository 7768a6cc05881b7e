"""Drawing the figures of the segments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from customer_segmentation.figures.segments import (
    plot_segment_amounts,
    plot_segment_map,
    plot_segment_profiles,
    plot_segment_trends,
)
from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.findings.exhibits import Section
from customer_segmentation.panel.codebook import Codebook, Role

if TYPE_CHECKING:
    from matplotlib.figure import Figure
else:
    Figure = Any  # Kedro reads the annotations at the start, and matplotlib is loaded late


def draw_segment_map(
    segment_scores: pd.DataFrame,
    household_segments: pd.DataFrame,
    behaviour: Section,
    codebook: Codebook,
    reporting: ReportingParameters,
) -> Figure:
    """Draw the eligible households on two segmentation scores.

    Args:
        segment_scores: One row per household: identifier and scores.
        household_segments: One row per household: identifier, segment and thin-record flag.
        behaviour: The section, with the figure's title.
        codebook: The panel's codebook.
        reporting: Names, colours and which scores; where the chosen specification lacks them, its
            first two are shown.

    Returns:
        The figure.
    """
    scores = reporting.choose_map_scores(list(segment_scores.columns.drop(codebook.identifier)))
    points = segment_scores.merge(household_segments, on=codebook.identifier, validate="one_to_one")
    eligible = points[~points[codebook.column(Role.THIN_RECORD)]]
    return plot_segment_map(eligible, scores, behaviour.charts["segment_map"].title, reporting)


def draw_segment_trends(
    eligible_households: pd.DataFrame,
    household_segments: pd.DataFrame,
    segment_profiles: pd.DataFrame,
    behaviour: Section,
    codebook: Codebook,
    reporting: ReportingParameters,
) -> Figure:
    """Draw every eligible household and the segment means of the trend variables.

    Args:
        eligible_households: One row per household that formed the segments.
        household_segments: One row per household: identifier and segment.
        segment_profiles: One row per segment and variable: n, mean, total_mean.
        behaviour: The section, with the figure's title.
        codebook: The panel's codebook.
        reporting: Names, colours and which variables.

    Returns:
        The figure.
    """
    segment = household_segments[[codebook.identifier, "segment"]]
    households = eligible_households.merge(segment, on=codebook.identifier, validate="one_to_one")
    title = behaviour.charts["segment_trends"].title
    return plot_segment_trends(households, segment_profiles, title, codebook, reporting)


def draw_segment_amounts(
    segment_profiles: pd.DataFrame,
    behaviour: Section,
    codebook: Codebook,
    reporting: ReportingParameters,
) -> Figure:
    """Draw how much each segment buys and pays, as an index to the total.

    Args:
        segment_profiles: One row per segment and variable: index_to_total.
        behaviour: The section, with the figure's title.
        codebook: The panel's codebook.
        reporting: Names, colours and which variables.

    Returns:
        The figure.
    """
    title = behaviour.charts["segment_amounts"].title
    return plot_segment_amounts(segment_profiles, title, codebook, reporting)


def draw_segment_profiles(
    segment_profiles: pd.DataFrame,
    behaviour: Section,
    codebook: Codebook,
    reporting: ReportingParameters,
) -> Figure:
    """Draw the segment profile plot.

    Args:
        segment_profiles: One row per segment and variable: n, mean, total_mean.
        behaviour: The section, with the figure's title.
        codebook: The panel's codebook.
        reporting: Names, colours and which shares.

    Returns:
        The figure.
    """
    title = behaviour.charts["segment_profiles"].title
    return plot_segment_profiles(segment_profiles, title, codebook, reporting)
