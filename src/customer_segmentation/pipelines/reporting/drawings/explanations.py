"""Drawing the figures that explain the classifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from customer_segmentation.classification.parameters import ModellingParameters
from customer_segmentation.figures.explanations import (
    plot_household_story,
    plot_shap_beeswarm,
    plot_shap_importance,
)
from customer_segmentation.figures.style import ReportingParameters, plot_nothing
from customer_segmentation.findings.exhibits import Section
from customer_segmentation.panel.codebook import Codebook

if TYPE_CHECKING:
    from matplotlib.figure import Figure
else:
    Figure = Any  # Kedro reads the annotations at the start, and matplotlib is loaded late


def draw_shap_importance(
    explanations: Section, codebook: Codebook, reporting: ReportingParameters
) -> Figure:
    """Draw which fields move the champion of each information set most.

    Args:
        explanations: The section, with the figure's title and rows.
        codebook: The panel's codebook.
        reporting: Names, colours and how many fields.

    Returns:
        The figure.
    """
    importance = explanations.tables["shap_importance"]
    title = explanations.charts["shap_importance"].title
    if importance.empty:
        return plot_nothing(title, reporting)
    return plot_shap_importance(importance, title, codebook, reporting)


def draw_shap_beeswarm(
    households_explained: Section, codebook: Codebook, reporting: ReportingParameters
) -> Figure:
    """Draw how each household's fields move it towards or away from each segment.

    Args:
        households_explained: The section, with the figure's title and rows.
        codebook: The panel's codebook.
        reporting: Names, colours and how many fields.

    Returns:
        The figure.
    """
    values = households_explained.tables["shap_beeswarm"]
    title = households_explained.charts["shap_beeswarm"].title
    if values.empty:
        return plot_nothing(title, reporting)
    return plot_shap_beeswarm(values, title, codebook, reporting)


def draw_household_story(
    households_explained: Section, modelling: ModellingParameters, reporting: ReportingParameters
) -> Figure:
    """Draw what the fields of one household say for the success segment.

    Args:
        households_explained: The section, with the figure's title and rows.
        modelling: The success segment.
        reporting: Its colour.

    Returns:
        The figure.
    """
    fields = households_explained.tables["household_story"]
    title = households_explained.charts["household_story"].title
    if fields.empty:
        return plot_nothing(title, reporting)
    segment = modelling.campaign.segment
    return plot_household_story(fields, title, reporting.colours([segment])[segment], reporting)
