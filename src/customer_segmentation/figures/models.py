"""Figures of the classifiers: how often they are right, for which segments, and why."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pandas as pd

from customer_segmentation.figures.style import (
    FAINT,
    INK,
    QUIET,
    ClaimStyle,
    ReportingParameters,
    add_legend,
    canvas,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_accuracy_ladder(steps: pd.DataFrame, title: str, reporting: ReportingParameters) -> Figure:
    """Show how accuracy falls as knowledge of what made the segments is taken away.

    Args:
        steps: One row per step, from the top: step (text), claim, n (households), accuracy and
            majority, both shares of households in [0, 1].
        title: The finding.
        reporting: The marks of the claims.

    Returns:
        The figure: a bar per step and the share that always naming the largest segment would get.
    """
    places = range(len(steps))
    with canvas(title, 1.0 + 0.68 * len(steps), reporting) as (figure, (axes,)):
        colours = [reporting.claims[claim].colour for claim in steps["claim"]]
        axes.barh(places, steps["accuracy"], height=0.56, color=colours)
        axes.vlines(
            steps["majority"],
            [p - 0.38 for p in places],
            [p + 0.38 for p in places],
            color=INK,
            lw=2.5,
        )
        ends = steps[["accuracy", "majority"]].max(axis=1) + 0.015
        for place, end, accuracy in zip(places, ends, steps["accuracy"], strict=True):
            axes.text(end, place, f"{accuracy:.1%}", va="center", weight="bold")
        names = [textwrap.fill(step, 26) for step in steps["step"]]
        sizes = [f"{name}\nn = {n:,}" for name, n in zip(names, steps["n"], strict=True)]
        axes.set_yticks(places, sizes)
        axes.set_ylim(len(steps) - 0.5, -0.5)
        _percent_axis(axes, "Households typed correctly")
        _claim_legend(figure, list(dict.fromkeys(steps["claim"])), reporting)
    return figure


def plot_model_accuracy(
    metrics: pd.DataFrame, title: str, baseline: str, reporting: ReportingParameters
) -> Figure:
    """Show accuracy and balanced accuracy of every model beside the majority baseline.

    Args:
        metrics: `classifier_metrics` of one protocol; one row per information set and model.
        title: The finding.
        baseline: Name of the baseline model, drawn as a line instead of a mark.
        reporting: Names and the marks of the claims.

    Returns:
        The figure, one panel per measure.
    """
    measures = {"accuracy": "Accuracy", "balanced_accuracy": "Balanced accuracy"}
    claims = metrics.drop_duplicates("information_set").set_index("information_set")["claim"]
    models = [name for name in dict.fromkeys(metrics["model"]) if name != baseline]
    height = 1.1 + len(claims) * (0.42 + 0.27 * len(models))
    grid = {"nrows": len(claims), "ncols": 2, "sharex": True, "sharey": True}
    with canvas(title, height, reporting, **grid) as (figure, panels):
        for row, (name, claim) in enumerate(claims.items()):
            part = metrics[metrics["information_set"] == name].set_index("model")
            for axes, measure in zip(panels[2 * row :], measures, strict=False):
                _draw_models(axes, part[measure], models, baseline, reporting.claims[claim])
            panels[2 * row].set_title(f"{reporting.label(str(name))} ({claim})")
        for axes, label in zip(panels[-2:], measures.values(), strict=True):
            _percent_axis(axes, label)
        panels[0].set_yticks(range(len(models)), [reporting.label(model) for model in models])
        panels[0].set_ylim(len(models) - 0.4, -0.6)
        _claim_legend(figure, list(dict.fromkeys(claims)), reporting)
    return figure


def plot_segment_metrics(
    metrics: pd.DataFrame, title: str, reporting: ReportingParameters
) -> Figure:
    """Show precision and recall per segment, one panel per information set.

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
    height = 0.8 + len(sets) * (0.5 + 0.34 * len(colours))
    with canvas(title, height, reporting, nrows=len(sets), sharex=True) as (figure, panels):
        for axes, row in zip(panels, sets, strict=True):
            part = metrics[metrics["information_set"] == row["information_set"]]
            _draw_segment_scores(axes, part.set_index("segment"), colours)
            seen, model = reporting.label(row["information_set"]), reporting.label(row["model"])
            colour = reporting.claims[row["claim"]].colour
            axes.set_title(f"{seen} ({row['claim']}), {model}", color=colour)
        _percent_axis(panels[-1], "Share of households")
        add_legend(figure, panels[0])
    return figure


def _draw_models(
    axes: Axes, values: pd.Series, models: list[str], baseline: str, mark: ClaimStyle
) -> None:
    places = range(len(models))
    axes.axvline(values[baseline], color=INK, lw=2, zorder=1)
    axes.hlines(places, 0, values[models], color=FAINT, lw=3, zorder=1)
    axes.scatter(values[models], places, s=56, c=mark.colour, marker=mark.marker, zorder=2)
    for place, value in enumerate(values[models]):
        end = max(value, values[baseline] if value > values[baseline] - 0.15 else 0)
        axes.text(end + 0.055, place, f"{value:.0%}", va="center", fontsize=9)


def _draw_segment_scores(axes: Axes, part: pd.DataFrame, colours: dict[str, str]) -> None:
    ordered = part.reindex(list(colours))
    places = range(len(ordered))
    guess = ordered["support"] / ordered["support"].sum()
    hues = list(colours.values())
    axes.hlines(places, ordered["precision"], ordered["recall"], color=FAINT, lw=3, zorder=1)
    axes.plot(guess, places, ls="", marker="|", ms=14, mew=2, c=QUIET, label="Share of the segment")
    axes.scatter(ordered["precision"], places, s=60, c=hues, label="Precision", zorder=2)
    axes.scatter(
        ordered["recall"], places, s=60, c="white", ec=hues, lw=2, label="Recall", zorder=2
    )
    axes.set_yticks(places, [f"{name} (n = {n:.0f})" for name, n in ordered["support"].items()])
    axes.set_ylim(len(ordered) - 0.4, -0.6)


def _percent_axis(axes: Axes, label: str) -> None:
    axes.set_xlim(0, 1.12)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel(label)


def _claim_legend(figure: Figure, claims: list[str], reporting: ReportingParameters) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], ls="", ms=8, c=mark.colour, marker=mark.marker, label=claim)
        for claim, mark in reporting.claims.items()
        if claim in claims
    ]
    guess = Line2D(
        [], [], ls="", marker="|", ms=13, mew=2.5, c=INK, label="always the largest segment"
    )
    figure.legend(handles=[*handles, guess], loc="outside lower center", ncols=4)
