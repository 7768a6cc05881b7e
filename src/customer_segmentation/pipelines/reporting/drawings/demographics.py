"""Drawing the figures of the link between segments and demographics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from customer_segmentation.figures.demographics import (
    plot_demographic_links,
    plot_descriptor_mosaics,
)
from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.findings.demographics import (
    order_by_magnitude,
    select_levelled,
    select_tested,
)
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
        segment_descriptors: One row per descriptor and subset: effect with its interval, on the
            scale of Cohen's conventions, and p-values of the tested family.
        demographics: The section, with the figure's title.
        codebook: The panel's codebook.
        reporting: The style.

    Returns:
        The figure.
    """
    return plot_demographic_links(
        order_by_magnitude(select_tested(segment_descriptors)),
        select_levelled(segment_descriptors),
        demographics.charts["demographic_links"].title,
        codebook,
        reporting,
    )


def draw_descriptor_mosaics(
    demographics: Section, codebook: Codebook, reporting: ReportingParameters
) -> Figure:
    """Draw the make-up of the segments by the descriptors that go with them most.

    Args:
        demographics: The section, with the figure's title and rows.
        codebook: The panel's codebook.
        reporting: Colours and order of the segments.

    Returns:
        The figure.
    """
    title = demographics.charts["descriptor_mosaics"].title
    return plot_descriptor_mosaics(demographics.tables["shown"], title, codebook, reporting)
