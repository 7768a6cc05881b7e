"""Drawing the figures of the classifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from customer_segmentation.figures.explanations import plot_shap_beeswarm, plot_shap_importance
from customer_segmentation.figures.models import (
    plot_accuracy_ladder,
    plot_model_accuracy,
    plot_segment_metrics,
)
from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.findings.exhibits import Section
from customer_segmentation.findings.models import MAJORITY, PRIOR, order_by_claim
from customer_segmentation.panel.codebook import Codebook

if TYPE_CHECKING:
    from matplotlib.figure import Figure
else:
    Figure = Any  # Kedro reads the annotations at the start, and matplotlib is loaded late


def draw_model_accuracy(
    classifier_metrics: pd.DataFrame, models: Section, reporting: ReportingParameters
) -> Figure:
    """Draw every model of every information set beside the majority baseline.

    Args:
        classifier_metrics: One row per information set, model and protocol.
        models: The section, with the figure's title.
        reporting: Names, marks and the protocol.

    Returns:
        The figure.
    """
    is_shown = (classifier_metrics["protocol"] == reporting.protocol) & (
        classifier_metrics["model"] != PRIOR
    )
    shown = classifier_metrics[is_shown]
    title = models.charts["model_accuracy"].title
    return plot_model_accuracy(order_by_claim(shown), title, MAJORITY, reporting)


def draw_segment_metrics(models: Section, reporting: ReportingParameters) -> Figure:
    """Draw precision and recall per segment of the most accurate model of each information set.

    Args:
        models: The section, with the figure's title and rows.
        reporting: Names and colours.

    Returns:
        The figure.
    """
    title = models.charts["segment_metrics"].title
    return plot_segment_metrics(models.tables["best"], title, reporting)


def draw_shap_importance(
    shap_importance: pd.DataFrame,
    explanations: Section,
    codebook: Codebook,
    reporting: ReportingParameters,
) -> Figure:
    """Draw which fields move the classifier of each information set most.

    Args:
        shap_importance: One row per information set, segment and field.
        explanations: The section, with the figure's title.
        codebook: The panel's codebook.
        reporting: Names, colours and how many fields.

    Returns:
        The figure.
    """
    title = explanations.charts["shap_importance"].title
    return plot_shap_importance(shap_importance, title, codebook, reporting)


def draw_shap_beeswarm(
    shap_values: pd.DataFrame,
    explanations: Section,
    codebook: Codebook,
    reporting: ReportingParameters,
) -> Figure:
    """Draw how each household's fields move it towards or away from each segment.

    Args:
        shap_values: One row per information set, household, segment and field.
        explanations: The section, with the figure's title.
        codebook: The panel's codebook.
        reporting: Names, colours, how many fields and which information set.

    Returns:
        The figure.
    """
    shown = shap_values[shap_values["information_set"] == reporting.beeswarm_information_set]
    title = explanations.charts["shap_beeswarm"].title
    return plot_shap_beeswarm(shown, title, codebook, reporting)


def draw_accuracy_ladder(source_study: Section, reporting: ReportingParameters) -> Figure:
    """Draw how accuracy changes as knowledge of the purchases is taken away.

    Args:
        source_study: The section, with the figure's title and rows.
        reporting: The marks of the claims.

    Returns:
        The figure.
    """
    title = source_study.charts["accuracy_ladder"].title
    return plot_accuracy_ladder(source_study.tables["steps"], title, reporting)
