"""Nodes that draw the figures under their sections' titles, and render the page that holds all."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from customer_segmentation import __version__
from customer_segmentation.figures.demographics import (
    plot_demographic_links,
    plot_demographic_shares,
)
from customer_segmentation.figures.evidence import plot_number_of_segments
from customer_segmentation.figures.explanations import plot_shap_beeswarm, plot_shap_importance
from customer_segmentation.figures.models import (
    plot_accuracy_ladder,
    plot_model_accuracy,
    plot_segment_metrics,
)
from customer_segmentation.figures.segments import (
    plot_segment_amounts,
    plot_segment_map,
    plot_segment_profiles,
    plot_segment_trends,
)
from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.findings.demographics import order_by_magnitude
from customer_segmentation.findings.exhibits import Section
from customer_segmentation.findings.models import MAJORITY, PRIOR, order_by_claim
from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.segments.specification import SegmentationParameters
from customer_segmentation.typing_tool.parameters import ModellingParameters

if TYPE_CHECKING:
    from matplotlib.figure import Figure
else:
    Figure = Any  # Kedro reads the annotations at the start, and matplotlib is loaded late

TEMPLATES = Path(__file__).parent / "templates"


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
        reporting: Names, colours and which scores.

    Returns:
        The figure.
    """
    points = segment_scores.merge(household_segments, on=codebook.identifier, validate="one_to_one")
    eligible = points[~points[codebook.column(Role.THIN_RECORD)]]
    return plot_segment_map(eligible, behaviour.charts["segment_map"].title, reporting)


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


def render_report(
    codebook: Codebook,
    segmentation: SegmentationParameters,
    modelling: ModellingParameters,
    reporting: ReportingParameters,
    **parts: Any,
) -> str:
    """Render the report: one HTML page that holds its style, pictures and tables.

    Args:
        codebook: The panel's codebook, for names and the source of the data.
        segmentation: Settings that the method section prints.
        modelling: Likewise.
        reporting: Names, colours and marks.
        **parts: The sections, and the figures as the bytes of PNG files, by the names under which
            the template places them.

    Returns:
        The page, which asks for nothing from the network.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["embedded"] = _embed
    page = environment.get_template("report.html")
    return page.render(
        codebook=codebook,
        segmentation=segmentation,
        modelling=modelling,
        reporting=reporting,
        version=__version__,
        **parts,
    )


def _embed(picture: bytes) -> str:
    return f"data:image/png;base64,{b64encode(picture).decode('ascii')}"
