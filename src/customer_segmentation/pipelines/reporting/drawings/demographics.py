"""Drawing the figures of the link between segments and demographics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from customer_segmentation.figures.demographics import (
    plot_demographic_links,
    plot_demographic_shares,
)
from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.findings.demographics import order_by_magnitude
from customer_segmentation.findings.exhibits import Section
from customer_segmentation.panel.codebook import Codebook

if TYPE_CHECKING:
    from matplotlib.figure import Figure
else:
    Figure = Any  # Kedro reads the annotations at the start, and matplotlib is loaded late


def draw_demographic_links(
    segment_descriptors: pd.DataFrame,
    demographics: Section,
    codebook: Codebook,
    reporting: ReportingParameters,
) -> Figure:
    """Draw how strongly each descriptor goes with the segments.

    Args:
        segment_descriptors: One row per descriptor: n, convention, cohen_effect, magnitude.
        demographics: The section, with the figure's title.
        codebook: The panel's codebook.
        reporting: The style.

    Returns:
        The figure.
    """
    title = demographics.charts["demographic_links"].title
    ordered = order_by_magnitude(segment_descriptors)
    return plot_demographic_links(ordered, title, codebook, reporting)


def draw_demographic_shares(
    demographics: Section, codebook: Codebook, reporting: ReportingParameters
) -> Figure:
    """Draw the make-up of the segments by the descriptors that go with them most.

    Args:
        demographics: The section, with the figure's title and rows.
        codebook: The panel's codebook.
        reporting: Names, colours and the smallest code shown.

    Returns:
        The figure.
    """
    title = demographics.charts["demographic_shares"].title
    return plot_demographic_shares(demographics.tables["shown"], title, codebook, reporting)
