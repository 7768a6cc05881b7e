"""Drawing the figures of the evidence for the segments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from customer_segmentation.figures.evidence import plot_number_of_segments
from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.findings.exhibits import Section

if TYPE_CHECKING:
    from matplotlib.figure import Figure
else:
    Figure = Any  # Kedro reads the annotations at the start, and matplotlib is loaded late


def draw_number_of_segments(
    segmentation_candidates: pd.DataFrame, evidence: Section, reporting: ReportingParameters
) -> Figure:
    """Draw the evidence for each number of segments.

    Args:
        segmentation_candidates: One row per number of segments k: silhouette, adjusted Rand index.
        evidence: The section, with the figure's title.
        reporting: The style.

    Returns:
        The figure.
    """
    title = evidence.charts["number_of_segments"].title
    return plot_number_of_segments(segmentation_candidates, title, reporting)
