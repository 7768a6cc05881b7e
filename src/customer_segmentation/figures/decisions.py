"""Figures of what the typing tool is used for: asking few questions, mailing few households."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pandas as pd

from customer_segmentation.figures.style import (
    INK,
    QUIET,
    ClaimStyle,
    ReportingParameters,
    canvas,
    claim_legend,
    hide_unused,
    panel_grid,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEADINGS = 60  # characters above all panels of a row, in one line
DASHED = (0, (4, 3))


def plot_golden_questions(
    questions: pd.DataFrame, title: str, reporting: ReportingParameters
) -> Figure:
    """Show how much log loss is given up by asking for the first fields only.

    Args:
        questions: `golden_questions`; one row per information set and number of fields, the row of
            all fields without a name in `field`.
        title: The finding.
        reporting: Names and the marks of the claims.

    Returns:
        The figure, one panel per information set; bars are one paired standard error, the line at 0
        is all fields, the large mark the recommended number.
    """
    sets = list(dict.fromkeys(questions["information_set"]))
    grid = panel_grid(len(sets))
    with canvas(title, 0.8 + 2.3 * grid["nrows"], reporting, **grid) as (figure, panels):
        hide_unused(panels, len(sets))
        for axes, name in zip(panels, sets, strict=False):
            part = questions[questions["information_set"] == name]
            _draw_questions(axes, part, reporting.claims[part["claim"].iloc[0]])
            axes.set_title(textwrap.fill(reporting.label(name), HEADINGS // grid["ncols"]))
        panels[0].set_ylabel("Log loss above all fields")
        claim_legend(figure, questions["claim"], reporting, axis="Number of fields asked")
    return figure


def plot_profit(gains: pd.DataFrame, title: str, reporting: ReportingParameters) -> Figure:
    """Show what each length of list would yield, beside mailing everybody and nobody.

    Args:
        gains: `campaign_gains`; one row per information set and depth, the last is everybody.
        title: The finding.
        reporting: Names and the marks of the claims.

    Returns:
        The figure, one panel per information set: the profit with its interval, that of mailing
        everybody (dashed), and of mailing nobody (the line at 0).
    """
    everybody = gains.groupby("information_set", sort=False)["profit"].transform("last")
    beside = gains.assign(beside=everybody, level=0)
    label = f"Profit, {gains['currency'].iloc[0]}"
    return _plot_by_depth(beside, "profit", title, label, "mailing everybody", reporting)


def plot_lift(gains: pd.DataFrame, title: str, reporting: ReportingParameters) -> Figure:
    """Show how much more often the segment is hit by probability than at random.

    Args:
        gains: `campaign_gains`; one row per information set and depth.
        title: The finding.
        reporting: Names and the marks of the claims.

    Returns:
        The figure, one panel per information set: the lift with its interval, the greatest possible
        lift (dashed) and mailing at random (the line at 1).
    """
    beside = gains.assign(beside=gains["lift_max"], level=1)
    return _plot_by_depth(beside, "lift", title, "Lift", "greatest possible lift", reporting)


def _plot_by_depth(
    gains: pd.DataFrame,
    figure_of: str,
    title: str,
    label: str,
    beside: str,
    reporting: ReportingParameters,
) -> Figure:
    sets = list(dict.fromkeys(gains["information_set"]))
    grid = panel_grid(len(sets))
    with canvas(title, 0.8 + 2.3 * grid["nrows"], reporting, **grid) as (figure, panels):
        hide_unused(panels, len(sets))
        for axes, name in zip(panels, sets, strict=False):
            part = gains[gains["information_set"] == name]
            _draw_by_depth(axes, part, figure_of, reporting.claims[part["claim"].iloc[0]])
            axes.set_title(textwrap.fill(reporting.label(name), HEADINGS // grid["ncols"]))
        panels[0].set_ylabel(label)
        axis = "Share of the households mailed"
        claim_legend(figure, gains["claim"], reporting, _dashed_mark(beside), axis=axis)
    return figure


def _draw_questions(axes: Axes, part: pd.DataFrame, mark: ClaimStyle) -> None:
    axes.axhline(0, color=INK, lw=1.5, zorder=1)
    shown = part[part["field"] != ""]
    axes.errorbar(
        shown["n_fields"],
        shown["excess"],
        yerr=shown["excess_se"],
        color=mark.colour,
        marker=mark.marker,
        ms=4,
        lw=1.5,
    )
    chosen = shown[shown["recommended"]]
    axes.scatter(
        chosen["n_fields"], chosen["excess"], s=120, c=mark.colour, marker=mark.marker, zorder=3
    )
    axes.margins(x=0.12)
    axes.locator_params(axis="x", integer=True, nbins=5)
    axes.grid(visible=True, axis="y")


def _draw_by_depth(axes: Axes, part: pd.DataFrame, figure_of: str, mark: ClaimStyle) -> None:
    axes.axhline(part["level"].iloc[0], color=INK, lw=1.5, zorder=1)
    axes.plot(part["depth"], part["beside"], color=QUIET, lw=1.5, ls=DASHED)
    low, high = part[f"{figure_of}_low"], part[f"{figure_of}_high"]
    axes.fill_between(part["depth"], low, high, color=mark.colour, alpha=0.2, lw=0)
    axes.plot(part["depth"], part[figure_of], color=mark.colour, marker=mark.marker, ms=4, lw=1.8)
    axes.set_xlim(0, 1.02)
    axes.set_xticks([0, 0.5, 1], ["0%", "50%", "100%"])
    axes.set_ylim(min(0, low.min()), None)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(visible=True, axis="y")


def _dashed_mark(label: str) -> Artist:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=QUIET, lw=1.5, ls=DASHED, label=label)
