"""Drawing the figures of the classifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from customer_segmentation.classification.models import MAJORITY, PRIOR
from customer_segmentation.figures.intervals import plot_intervals
from customer_segmentation.figures.models import (
    plot_accuracy_ladder,
    plot_model_accuracy,
    plot_segment_metrics,
)
from customer_segmentation.figures.style import ReportingParameters, plot_nothing
from customer_segmentation.findings.claims import order_by_claim
from customer_segmentation.findings.exhibits import Section
from customer_segmentation.findings.wording import signed_decimals

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
    """Draw precision and recall per segment of the procedure on each information set.

    Args:
        models: The section, with the figure's title and rows.
        reporting: Names and colours.

    Returns:
        The figure.
    """
    title = models.charts["segment_metrics"].title
    return plot_segment_metrics(models.tables["best"], title, reporting)


def draw_model_comparisons(comparisons: Section, reporting: ReportingParameters) -> Figure:
    """Draw how much log loss the model in question saves against each other classifier.

    Args:
        comparisons: The section, with the figure's title and rows.
        reporting: Marks of the claims.

    Returns:
        The figure.
    """
    rows = comparisons.tables["model_comparisons"]
    title = comparisons.charts["model_comparisons"].title
    if rows.empty:
        return plot_nothing(title, reporting)
    axis = (f"Log loss saved by {reporting.label(reporting.model_in_question)}", signed_decimals)
    return plot_intervals(rows, title, 0, axis, reporting)


def draw_accuracy_ladder(ladder: Section, reporting: ReportingParameters) -> Figure:
    """Draw how accuracy changes as knowledge of the purchases is taken away.

    Args:
        ladder: The section, with the figure's title and rows.
        reporting: The marks of the claims.

    Returns:
        The figure.
    """
    title = ladder.charts["accuracy_ladder"].title
    return plot_accuracy_ladder(ladder.tables["numbers"], title, reporting)
