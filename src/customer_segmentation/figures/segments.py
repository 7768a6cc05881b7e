"""Figures of the segments: where they lie, how they buy, how they differ from the total."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from customer_segmentation.figures.style import (
    FAINT,
    INK,
    ReportingParameters,
    add_legend,
    canvas,
    hide_unused,
    panel_grid,
)
from customer_segmentation.panel.codebook import Codebook, Scale, Variable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GOLDEN = 0.6180339887498949  # steps of the golden ratio spread points evenly, without chance
PALE = 0.35


def plot_segment_map(
    points: pd.DataFrame, scores: tuple[str, str], title: str, reporting: ReportingParameters
) -> Figure:
    """Scatter the households over two segmentation scores.

    Args:
        points: One row per eligible household: segment and the two scores, 0 for the mean of all;
            a unit is a standard deviation times the root of the score's weight.
        scores: The names of the scores, across and up.
        title: The finding.
        reporting: Colours and names.

    Returns:
        The figure.
    """
    x, y = scores
    with canvas(title, 3.9, reporting) as (figure, (axes,)):
        for segment, colour in reporting.colours(points["segment"]).items():
            part = points[points["segment"] == segment]
            label = f"{segment} (n = {len(part)})"
            axes.scatter(part[x], part[y], s=22, c=colour, alpha=0.65, lw=0, label=label)
        axes.set(xlabel=f"{reporting.label(x)} (0: mean of all)")
        axes.set(ylabel=f"{reporting.label(y)} (0: mean of all)")
        axes.grid(visible=True, axis="both")
        add_legend(figure, axes)
    return figure


def plot_segment_trends(
    households: pd.DataFrame,
    profiles: pd.DataFrame,
    title: str,
    codebook: Codebook,
    reporting: ReportingParameters,
) -> Figure:
    """Show every household and the segment means of a few variables.

    Args:
        households: One row per eligible household: segment and `reporting.trend_variables`.
        profiles: `segment_profiles`; one row per segment and variable.
        title: The finding.
        codebook: Names and units.
        reporting: Variables, colours and order.

    Returns:
        The figure, one panel per variable.
    """
    colours = reporting.colours(households["segment"])
    variables = reporting.trend_variables
    rows = (len(variables) + 1) // 2
    height = rows * (0.75 + 0.42 * len(colours))
    with canvas(title, height, reporting, nrows=rows, ncols=2, sharey=True) as (figure, panels):
        for axes, name in zip(panels, variables, strict=False):
            _draw_strips(axes, households, name, colours)
            _draw_means(axes, profiles, list(colours), codebook, codebook[name])
            axes.set_title(codebook[name].title)
            axes.set_xlabel(_unit(codebook[name]))
        hide_unused(panels, len(variables))
        counts = households["segment"].value_counts()
        panels[0].set_yticks(
            range(len(colours)), [f"{name}\nn = {counts[name]}" for name in colours]
        )
        panels[0].set_ylim(len(colours) - 0.45, -0.6)
    return figure


def plot_segment_amounts(
    profiles: pd.DataFrame, title: str, codebook: Codebook, reporting: ReportingParameters
) -> Figure:
    """Show how much each segment buys and pays, as an index to the mean of all.

    Args:
        profiles: `segment_profiles`; one row per segment and variable.
        title: The finding.
        codebook: Names.
        reporting: Variables, colours and order.

    Returns:
        The figure, one line per variable.
    """
    names = list(reporting.amount_variables)
    shown = profiles[profiles["variable"].isin(names)]
    with canvas(title, 1.0 + 0.42 * len(names), reporting) as (figure, (axes,)):
        ends = shown.groupby("variable")["index_to_total"].agg(["min", "max"]).reindex(names)
        axes.hlines(range(len(names)), ends["min"], ends["max"], color=FAINT, lw=4, zorder=0.8)
        axes.axvline(100, color=INK, lw=1.2, zorder=0.9)
        for segment, colour in reporting.colours(shown["segment"]).items():
            index = shown[shown["segment"] == segment].set_index("variable")["index_to_total"]
            axes.scatter(
                index.reindex(names), range(len(names)), s=85, c=colour, ec="white", label=segment
            )
        axes.set_yticks(range(len(names)), [codebook[name].title for name in names])
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlabel("Segment mean as an index: 100 = mean of all eligible households")
        add_legend(figure, axes)
    return figure


def plot_segment_profiles(
    profiles: pd.DataFrame, title: str, codebook: Codebook, reporting: ReportingParameters
) -> Figure:
    """Draw the segment profile plot: a bar per segment and share, a dot for the total.

    Source: Dolnicar, Grün and Leisch (2018), Market Segmentation Analysis, chapter 8.

    Args:
        profiles: `segment_profiles`; one row per segment and variable, shares in [0, 1]. Markers
            stand in full colour; what formed the segments is hollow, as it must differ.
        title: The finding.
        codebook: Names and groups.
        reporting: Variables, colours and order.

    Returns:
        The figure, one panel per segment.
    """
    names = codebook.expand(reporting.profile_variables)
    places = _places(names, codebook)
    colours = reporting.colours(profiles["segment"])
    grid = panel_grid(len(colours))
    height = 0.7 + 0.21 * max(places.values()) * grid["nrows"]
    with canvas(title, height, reporting, **grid) as (figure, panels):
        for axes, (segment, colour) in zip(panels, colours.items(), strict=False):
            part = profiles[profiles["segment"] == segment].set_index("variable").reindex(names)
            _draw_profile(axes, part, list(places.values()), colour)
            axes.set_title(f"{segment}\nn = {part['n'].iloc[0]:.0f}", color=colour)
        panels[0].set_yticks(list(places.values()), [codebook[name].title for name in names])
        panels[0].set_ylim(max(places.values()) + 0.8, -0.8)
        panels[0].xaxis.set_major_formatter(_percent)
        hide_unused(panels, len(colours))
        figure.supxlabel("Mean share (bar: segment, dot: all eligible households)")
    return figure


def _draw_strips(axes: Axes, households: pd.DataFrame, name: str, colours: dict[str, str]) -> None:
    for place, (segment, colour) in enumerate(colours.items()):
        values = households.loc[households["segment"] == segment, name].sort_values()
        spread = (np.arange(len(values)) * GOLDEN % 1 - 0.5) * 0.62
        axes.scatter(values, place + spread, s=7, c=colour, alpha=0.45, lw=0)


def _draw_means(
    axes: Axes, profiles: pd.DataFrame, segments: list[str], codebook: Codebook, variable: Variable
) -> None:
    by_name = profiles.set_index(["variable", "segment"])
    low, high = (by_name.loc[name] for name in codebook.bounds_of(variable.name))
    ends = pd.DataFrame({"low": low["mean"], "high": high["mean"]}).reindex(segments)
    middle = by_name.loc[variable.name]
    axes.axvline(middle["total_mean"].iloc[0], color=INK, lw=1, ls=(0, (4, 3)), zorder=1)
    means = middle["mean"].reindex(segments)
    places = range(len(segments))
    axes.hlines(places, ends["low"], ends["high"], color=INK, lw=5, zorder=3)
    exact = ends["low"] == ends["high"]
    axes.scatter(means.where(exact), places, marker="d", s=85, c="white", ec=INK, lw=1.6, zorder=3)
    for place, (low_end, high_end) in enumerate(ends.itertuples(index=False)):
        shown = dict.fromkeys(_value(end, variable) for end in (low_end, high_end))
        axes.annotate(
            " to ".join(shown),
            (means.iloc[place], place - 0.36),
            ha="center",
            va="bottom",
            fontsize="small",
            weight="bold",
            bbox={"facecolor": "white", "alpha": 0.8, "pad": 0.6, "lw": 0},
        )
    if variable.scale is Scale.SHARE:
        axes.set_xlim(-0.03, 1.03)
        axes.xaxis.set_major_formatter(_percent)


def _draw_profile(axes: Axes, part: pd.DataFrame, places: list[float], colour: str) -> None:
    bars = axes.barh(places, part["mean"], height=0.72, color=colour)
    for bar, marker, built in zip(bars, part["marker"], part["built_segments"], strict=True):
        bar.set_alpha(1 if marker or built else PALE)
        if built:
            bar.set(facecolor="white", edgecolor=colour, linewidth=1.2)
    axes.plot(part["total_mean"], places, ls="", marker="o", ms=5, c="white", mec=INK, mew=1.3)


def _places(names: list[str], codebook: Codebook) -> dict[str, float]:
    groups = {field.name: field.group for field in codebook.fields}
    places: dict[str, float] = {}
    place, before = -1.0, groups.get(names[0])
    for name in names:
        place += 1 if groups.get(name) == before else 1.7
        places[name], before = place, groups.get(name)
    return places


def _unit(variable: Variable) -> str:
    return variable.unit[:1].upper() + variable.unit[1:]


def _value(value: float, variable: Variable) -> str:
    return f"{value:.0%}" if variable.scale is Scale.SHARE else f"{value:,.0f}"


def _percent(value: float, _: object) -> str:
    return f"{value:.0%}"
