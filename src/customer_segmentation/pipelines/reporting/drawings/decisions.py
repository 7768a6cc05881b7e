"""Drawing the figures of what the typing tool is used for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from customer_segmentation.classification.parameters import ModellingParameters
from customer_segmentation.figures.decisions import (
    plot_golden_questions,
    plot_lift,
    plot_profit,
)
from customer_segmentation.figures.intervals import plot_intervals
from customer_segmentation.figures.style import ReportingParameters, plot_nothing
from customer_segmentation.findings.claims import order_by_claim
from customer_segmentation.findings.exhibits import Section
from customer_segmentation.findings.wording import percent, points

if TYPE_CHECKING:
    from matplotlib.figure import Figure
else:
    Figure = Any  # Kedro reads the annotations at the start, and matplotlib is loaded late


def draw_conformal_coverage(
    uncertainty: Section, modelling: ModellingParameters, reporting: ReportingParameters
) -> Figure:
    """Draw how often the sets of segments hold the true one, by group of households.

    Args:
        uncertainty: The section, with the figure's title and rows.
        modelling: The error rate, which gives the target.
        reporting: Marks of the claims.

    Returns:
        The figure.
    """
    rows = uncertainty.tables["conformal_coverage"]
    title = uncertainty.charts["conformal_coverage"].title
    if rows.empty:
        return plot_nothing(title, reporting)
    target = 1 - modelling.conformal.error_rate
    axis = ("Households whose set holds their segment", percent)
    return plot_intervals(rows, title, target, axis, reporting)


def draw_golden_questions(
    golden_questions: pd.DataFrame, questions: Section, reporting: ReportingParameters
) -> Figure:
    """Draw how much log loss is given up by asking for the first fields only.

    Args:
        golden_questions: One row per information set and number of fields.
        questions: The section, with the figure's title.
        reporting: Names and marks of the claims.

    Returns:
        The figure.
    """
    title = questions.charts["golden_questions"].title
    if golden_questions.empty:
        return plot_nothing(title, reporting)
    return plot_golden_questions(order_by_claim(golden_questions), title, reporting)


def draw_campaign_profit(
    campaign_gains: pd.DataFrame,
    campaign: Section,
    reporting: ReportingParameters,
) -> Figure:
    """Draw what each length of list would yield, beside mailing everybody and nobody.

    Args:
        campaign_gains: One row per information set and depth.
        campaign: The section, with the figure's title.
        reporting: Names and marks of the claims.

    Returns:
        The figure.
    """
    title = campaign.charts["campaign_profit"].title
    return plot_profit(order_by_claim(campaign_gains), title, reporting)


def draw_campaign_lift(
    campaign_gains: pd.DataFrame, campaign: Section, reporting: ReportingParameters
) -> Figure:
    """Draw how much more often the success segment is hit than at random.

    Args:
        campaign_gains: One row per information set and depth.
        campaign: The section, with the figure's title.
        reporting: Names and marks of the claims.

    Returns:
        The figure.
    """
    title = campaign.charts["campaign_lift"].title
    return plot_lift(order_by_claim(campaign_gains), title, reporting)


def draw_fairness_differences(fairness: Section, reporting: ReportingParameters) -> Figure:
    """Draw how much more or less is gained in each slice of the households than in all others.

    Args:
        fairness: The section, with the figure's title and rows.
        reporting: Marks of the claims.

    Returns:
        The figure.
    """
    rows = fairness.tables["fairness_differences"]
    title = fairness.charts["fairness_differences"].title
    if rows.empty:
        return plot_nothing(title, reporting)
    axis = ("Difference of the gain, points (n: households)", points)
    return plot_intervals(rows, title, 0, axis, reporting)
