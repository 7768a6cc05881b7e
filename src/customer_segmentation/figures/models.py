"""Figures of the classifiers: how often they are right, and for which segments."""

from __future__ import annotations

import textwrap
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from customer_segmentation.figures.intervals import draw_intervals
from customer_segmentation.figures.style import (
    INK,
    QUIET,
    ReportingParameters,
    add_legend,
    canvas,
    claim_legend,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OFFSET = 0.17  # of precision and recall from the middle of their row


def plot_accuracy_ladder(steps: pd.DataFrame, title: str, reporting: ReportingParameters) -> Figure:
    """Show how accuracy falls as knowledge of what made the segments is taken away.

    Args:
        steps: One row per step, from the top: step (text), claim, n (households), accuracy with
            accuracy_low and accuracy_high, majority, all shares of households in [0, 1], and
            published (printed elsewhere, without interval and n).
        title: The finding.
        reporting: The marks of the claims.

    Returns:
        The figure: a bar per step, hollow where it was published, its interval, and the share that
        always naming the largest segment would get.
    """
    places = np.arange(len(steps))
    with canvas(title, 1.0 + 0.62 * len(steps), reporting) as (figure, (axes,)):
        colours = steps["claim"].map({name: mark.colour for name, mark in reporting.claims.items()})
        fill = colours.mask(steps["published"], "white")
        axes.barh(places, steps["accuracy"], 0.56, color=fill, edgecolor=colours, lw=1.6)
        axes.hlines(places, steps["accuracy_low"], steps["accuracy_high"], color=INK, lw=2)
        axes.vlines(steps["majority"], places - 0.38, places + 0.38, color=INK, lw=2.5)
        ends = steps[["accuracy", "accuracy_high", "majority"]].max(axis=1) + 0.015
        for place, (end, accuracy) in enumerate(zip(ends, steps["accuracy"], strict=True)):
            axes.text(end, place, f"{accuracy:.1%}", va="center", weight="bold")
        axes.set_yticks(places, [_name_step(row) for row in steps.to_dict("records")])
        axes.set_ylim(len(steps) - 0.5, -0.5)
        _percent_axis(axes, "Households typed correctly")
        claim_legend(figure, steps["claim"], reporting, _majority_mark())
    return figure


def _name_step(row: Mapping[Hashable, Any]) -> str:
    name = textwrap.fill(row["step"], 26)
    return name if row["published"] else f"{name}\nn = {row['n']:,.0f}"


def plot_model_accuracy(
    metrics: pd.DataFrame, title: str, baseline: str, reporting: ReportingParameters
) -> Figure:
    """Show accuracy and saved log loss of every model with intervals, beside the baselines.

    Args:
        metrics: `classifier_metrics` of one protocol; one row per information set and model.
        title: The finding.
        baseline: Name of the model that always names the largest segment: a line, not a mark.
        reporting: Names and the marks of the claims.

    Returns:
        The figure, one row of panels per information set; the log loss saved has a scale of its
        own in each.
    """
    claims = metrics.drop_duplicates("information_set").set_index("information_set")["claim"]
    parts = [
        metrics[metrics["information_set"] == name].set_index("model") for name in claims.index
    ]
    shown = [part.drop(index=baseline) for part in parts]
    height = 1.2 + sum(0.55 + 0.22 * len(part) for part in shown)
    ratios = [len(part) + 1 for part in shown]
    grid = {"nrows": len(claims), "ncols": 2, "sharey": "row", "height_ratios": ratios}
    with canvas(title, height, reporting, **grid) as (figure, panels):
        for row, (name, claim) in enumerate(claims.items()):
            part, models = parts[row], shown[row]
            places = np.arange(len(models))
            left, right = panels[2 * row : 2 * row + 2]
            left.axvline(part["accuracy"][baseline], color=INK, lw=2, zorder=1)
            right.axvline(0, color=QUIET, lw=1, zorder=1)
            for axes, measure in ((left, "accuracy"), (right, "log_loss_skill")):
                draw_intervals(axes, _bounded(models, measure), places, reporting.claims[claim])
            left.set_yticks(places, [reporting.label(str(model)) for model in models.index])
            left.set_ylim(len(models) - 0.4, -0.6)
            left.set_title(f"{reporting.label(str(name))} ({claim})")
            _percent_axis(left, "")
            right.locator_params(axis="x", nbins=4)
            right.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}".replace("-", "\u2212"))
        panels[-2].set_xlabel("Accuracy")
        panels[-1].set_xlabel("Log loss saved over segment shares")
        claim_legend(figure, claims, reporting, _majority_mark())
    return figure


def plot_segment_metrics(
    metrics: pd.DataFrame, title: str, reporting: ReportingParameters
) -> Figure:
    """Show precision and recall per segment with intervals, one panel per information set.

    Args:
        metrics: `segment_metrics` of one protocol and one model per information set; one row per
            information set and segment.
        title: The finding.
        reporting: Names, colours and order.

    Returns:
        The figure; a short line marks the segment's share, the precision of a blind guess.
    """
    sets = metrics.drop_duplicates("information_set").to_dict("records")
    colours = reporting.colours(metrics["segment"])
    height = 0.8 + len(sets) * (0.5 + 0.4 * len(colours))
    with canvas(title, height, reporting, nrows=len(sets), sharex=True) as (figure, panels):
        for axes, row in zip(panels, sets, strict=True):
            part = metrics[metrics["information_set"] == row["information_set"]]
            _draw_segment_scores(axes, part.set_index("segment"), colours)
            axes.set_title(f"{reporting.label(row['information_set'])} ({row['claim']})")
        _percent_axis(panels[-1], "Share of households")
        add_legend(figure, panels[0])
    return figure


def _bounded(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """A measure and its bounds under the names that `draw_intervals` takes."""
    ends = {"estimate": measure, "low": f"{measure}_low", "high": f"{measure}_high"}
    return pd.DataFrame({name: rows[column] for name, column in ends.items()})


def _draw_segment_scores(axes: Axes, part: pd.DataFrame, colours: dict[str, str]) -> None:
    ordered = part.reindex(list(colours))
    places, hues = np.arange(len(ordered)), list(colours.values())
    guess = ordered["support"] / ordered["support"].sum()
    axes.plot(guess, places, ls="", marker="|", ms=20, mew=2, c=QUIET, label="Share of the segment")
    for measure, side, fill in (("precision", -OFFSET, hues), ("recall", OFFSET, "white")):
        rows = _bounded(ordered, measure)
        axes.hlines(places + side, rows["low"], rows["high"], color=hues, lw=2, zorder=2)
        label = measure.capitalize()
        marks = axes.scatter(
            rows["estimate"], places + side, s=48, c=fill, ec=hues, lw=1.6, label=label, zorder=3
        )
        marks.set_clip_on(False)  # a mark at 0 stays whole
    axes.set_yticks(places, [f"{name} (n = {n:.0f})" for name, n in ordered["support"].items()])
    axes.set_ylim(len(ordered) - 0.4, -0.6)


def _percent_axis(axes: Axes, label: str) -> None:
    axes.set_xlim(0, 1.12)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel(label)


def _majority_mark() -> Artist:
    from matplotlib.lines import Line2D

    label = "always the largest segment"
    return Line2D([], [], ls="", marker="|", ms=13, mew=2.5, c=INK, label=label)
