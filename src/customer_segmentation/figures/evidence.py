"""Figures of the chosen segments: how large, how far apart, how surely households belong."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from customer_segmentation.figures.style import (
    INK,
    QUIET,
    ReportingParameters,
    add_legend,
    canvas,
    hide_unused,
    panel_grid,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 20  # of the similarity, which lies between 0 and 1
LABEL = 24  # characters in a line of a segment's label
HEADING = 15  # characters in a line above a narrow panel


def plot_segment_sizes(
    stability: pd.DataFrame, stratum: str, title: str, reporting: ReportingParameters
) -> Figure:
    """Show the share of each segment, and what it could be if the panel were made up otherwise.

    Args:
        stability: `segment_stability`; one row per segment, all shares in [0, 1]: share, share_low
            and share_high (95 % interval), mix_low and mix_high (range over all mixes of the
            sampling strata), weighted_share (missing without weights).
        stratum: Name of the sampling stratum.
        title: The finding.
        reporting: Colours and order.

    Returns:
        The figure, a bar per segment.
    """
    colours = reporting.colours(stability["segment"])
    rows = stability.set_index("segment").loc[list(colours)]
    places = np.arange(len(rows))
    labels = label_segments(rows["size"])
    height = 1.1 + (row_height(labels) + 0.06) * len(rows)
    with canvas(title, height, reporting) as (figure, (axes,)):
        axes.barh(places, rows["share"], 0.5, color=list(colours.values()))
        axes.hlines(
            places, rows["share_low"], rows["share_high"], color=INK, lw=3, label="95% interval"
        )
        axes.hlines(
            places + 0.36,
            rows["mix_low"],
            rows["mix_high"],
            color=QUIET,
            lw=1.5,
            label=f"Range over all mixes of {stratum}",
        )
        if rows["weighted_share"].notna().any():
            axes.scatter(
                rows["weighted_share"],
                places,
                marker="D",
                s=40,
                c="white",
                ec=INK,
                zorder=3,
                label="With the panel's weights",
            )
        ends = rows[["share_high", "mix_high", "weighted_share"]].max(axis=1)
        for place, (end, share) in enumerate(zip(ends, rows["share"], strict=True)):
            axes.text(end, place, f"  {share:.0%}", va="center", weight="bold")
        axes.set_xlim(0, ends.max() * 1.15)
        axes.set_yticks(places, labels)
        axes.set_ylim(len(rows) - 0.45, -0.6)
        axes.xaxis.set_major_formatter(_percent)
        axes.set_xlabel("Share of the eligible households")
        add_legend(figure, axes)
    return figure


def plot_segment_similarities(
    similarities: pd.DataFrame, title: str, reporting: ReportingParameters
) -> Figure:
    """Draw gorge plots: how similar all households are to each segment.

    Well separated segments show a peak at each end and a gorge between them. Source: Dolnicar, Grün
    and Leisch (2018), Market Segmentation Analysis, chapter 7.

    Args:
        similarities: `household_similarities`; one row per household and segment it is compared
            with: segment (its own), to_segment, similarity (0 to 1, sums to 1 per household).
        title: The finding.
        reporting: Colours and order.

    Returns:
        The figure, one panel per segment; the segment's own households in colour.
    """
    colours = reporting.colours(similarities["to_segment"])
    grid = panel_grid(len(colours))
    with canvas(title, 0.9 + 1.75 * grid["nrows"], reporting, **grid) as (figure, panels):
        for axes, (segment, colour) in zip(panels, colours.items(), strict=False):
            part = similarities[similarities["to_segment"] == segment]
            is_own = part["segment"] == segment
            axes.hist(
                [part.loc[is_own, "similarity"], part.loc[~is_own, "similarity"]],
                bins=BINS,
                range=(0, 1),
                stacked=True,
                color=[colour, "#B8C2CC"],
            )
            heading = textwrap.fill(segment, HEADING)
            axes.set_title(f"{heading}\nn = {is_own.sum():,}")
            axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
            axes.grid(visible=True, axis="both")
        hide_unused(panels, len(colours))
        figure.supxlabel("Similarity to the segment (grey: households of other segments)")
        figure.supylabel("Households")
    return figure


def plot_segment_separation(
    positions: pd.DataFrame, hulls: pd.DataFrame, title: str, reporting: ReportingParameters
) -> Figure:
    """Draw the separation plot: households and hulls on the first two principal components.

    Source: Dolnicar, Grün and Leisch (2018), Market Segmentation Analysis, chapter 8.

    Args:
        positions: `household_positions`; one row per eligible household: segment, component_1,
            component_2, and the share of the variance on each, the same in all rows.
        hulls: `segment_hulls`; one row per segment, part (outer or core) and step along it.
        title: The finding.
        reporting: Colours and order.

    Returns:
        The figure; the filled hull holds the half of the households nearest to the centre.
    """
    with canvas(title, 4.4, reporting) as (figure, (axes,)):
        for segment, colour in reporting.colours(positions["segment"]).items():
            part = positions[positions["segment"] == segment]
            axes.scatter(part["component_1"], part["component_2"], s=14, c=colour, alpha=0.5, lw=0)
            label = f"{segment} (n = {len(part):,})"
            _draw_hulls(axes, hulls[hulls["segment"] == segment], colour, label)
        first, second = positions[["component_1_share", "component_2_share"]].iloc[0]
        axes.set_xlabel(f"First principal component ({first:.0%} of the variance)")
        axes.set_ylabel(f"Second principal component ({second:.0%})")
        axes.grid(visible=True, axis="both")
        add_legend(figure, axes)
    return figure


def plot_segment_silhouettes(
    positions: pd.DataFrame, title: str, reporting: ReportingParameters
) -> Figure:
    """Draw a blade per segment: the silhouette width of each household, largest first.

    Source: Rousseeuw (1987), Silhouettes: a graphical aid to the interpretation and validation of
    cluster analysis.

    Args:
        positions: `household_positions`; one row per eligible household: segment and silhouette,
            -1 to 1; below 0 a household is nearer, on average, to another segment.
        title: The finding.
        reporting: Colours and order.

    Returns:
        The figure; the dashed line is the mean of all households.
    """
    colours = reporting.colours(positions["segment"])
    sizes = positions["segment"].value_counts()[list(colours)]
    labels = label_segments(sizes)
    inch = len(positions) / 3.2  # households
    slots = sizes.clip(lower=row_height(labels) * inch) + 0.1 * inch
    middles = slots.cumsum() - slots / 2
    with canvas(title, 0.8 + slots.sum() / inch, reporting) as (figure, (axes,)):
        for segment, colour in colours.items():
            widths = positions.loc[positions["segment"] == segment, "silhouette"]
            places = middles[segment] - sizes[segment] / 2 + np.arange(sizes[segment])
            axes.barh(places, widths.sort_values(ascending=False), 1, color=colour, lw=0)
        axes.axvline(0, color=INK, lw=1)
        mean = positions["silhouette"].mean()
        axes.axvline(mean, color=INK, lw=1, ls=(0, (4, 3)), label=f"Mean of all: {mean:.2f}")
        axes.set_yticks(middles, labels)
        axes.set_ylim(slots.sum(), 0)
        axes.set_xlabel("Silhouette width of the household")
        add_legend(figure, axes)
    return figure


def label_segments(sizes: pd.Series) -> list[str]:
    """The name of each segment and its households, on a few short lines."""
    return [f"{textwrap.fill(str(name), LABEL)}\nn = {size:,}" for name, size in sizes.items()]


def row_height(labels: list[str]) -> float:
    """The inches that the tallest of some labels needs."""
    return 0.15 + 0.175 * max(1 + label.count("\n") for label in labels)


def _draw_hulls(axes: Axes, hulls: pd.DataFrame, colour: str, label: str) -> None:
    ordered = hulls.sort_values("step")
    outer, core = (ordered[ordered["part"] == part] for part in ("outer", "core"))
    axes.plot(outer["component_1"], outer["component_2"], color=colour, lw=1.2, ls=(0, (4, 3)))
    axes.fill(core["component_1"], core["component_2"], color=colour, alpha=0.22, lw=0)
    axes.plot(core["component_1"], core["component_2"], color=colour, lw=2, label=label)


def _percent(value: float, _: object) -> str:
    return f"{value:.0%}"
