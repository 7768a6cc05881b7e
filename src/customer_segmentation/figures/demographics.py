"""Figures of the link between segments and demographics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from customer_segmentation.figures.style import (
    FAINT,
    INK,
    ReportingParameters,
    add_legend,
    canvas,
)
from customer_segmentation.panel.codebook import Codebook

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHADES = (INK, "#8794A1", "#52606D", "#B8C2CC")
ROW = 0.27
SCALES = {"w": "Cohen's w, for codes", "f": "Cohen's f, for counts"}


def plot_demographic_links(
    descriptors: pd.DataFrame, title: str, codebook: Codebook, reporting: ReportingParameters
) -> Figure:
    """Show how strongly each descriptor goes with the segments.

    Args:
        descriptors: `segment_descriptors` of one subset of households; one row per descriptor, in
            the order wanted.
        title: The finding.
        codebook: Names of descriptors.
        reporting: The style.

    Returns:
        The figure in the order of the rows; a shade per measure.
    """
    ordered = descriptors.assign(scale=[SCALES[name] for name in descriptors["convention"]])
    places = pd.Series(range(len(ordered)), index=ordered["descriptor"])
    with canvas(title, 1.1 + 0.3 * len(ordered), reporting) as (figure, (axes,)):
        axes.hlines(places, 0, ordered["cohen_effect"], color=FAINT, lw=3, zorder=1)
        for shade, (measure, part) in zip(SHADES, ordered.groupby("scale"), strict=False):
            y = places[part["descriptor"]]
            label = str(measure)
            axes.scatter(
                part["cohen_effect"], y, s=60, c=shade, label=label, zorder=2, clip_on=False
            )
        marks = zip(ordered["cohen_effect"], ordered["magnitude"], strict=True)
        for place, (effect, word) in enumerate(marks):
            axes.text(effect + 0.012, place, f"{effect:.2f} {word}", va="center", fontsize=9)
        names = [codebook[name].title for name in ordered["descriptor"]]
        axes.set_yticks(
            places, [f"{n} (n = {k})" for n, k in zip(names, ordered["n"], strict=True)]
        )
        axes.set(
            ylim=(len(ordered) - 0.4, -0.6), xlim=(0, max(0.5, ordered["cohen_effect"].max() + 0.2))
        )
        axes.set_xlabel("Effect size by Cohen (0: no link)")
        add_legend(figure, axes)
    return figure


def plot_demographic_shares(
    demographics: pd.DataFrame, title: str, codebook: Codebook, reporting: ReportingParameters
) -> Figure:
    """Show which part of each segment holds each code of a few descriptors.

    Args:
        demographics: `segment_demographics` of the descriptors to show, in the order wanted; one
            row per segment, variable and code.
        title: The finding.
        codebook: Names of descriptors and codes.
        reporting: Colours, order and the smallest code shown.

    Returns:
        The figure, one panel per descriptor, the codes in the codebook's order.
    """
    shown = demographics[demographics["total_share"] >= reporting.smallest_code_share]
    names = list(dict.fromkeys(shown["variable"]))
    codes = [shown.loc[shown["variable"] == name, "code"].nunique() for name in names]
    height = 0.9 + sum(codes) * ROW + 0.34 * len(names)
    grid = {"nrows": len(names), "sharex": True, "height_ratios": [n + 0.4 for n in codes]}
    with canvas(title, height, reporting, **grid) as (figure, panels):
        for axes, name in zip(panels, names, strict=True):
            _draw_codes(
                axes, shown[shown["variable"] == name], codebook.field(name).codes, reporting
            )
            axes.set_title(codebook[name].title)
        panels[-1].xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        panels[-1].set_xlabel("Share of the segment's eligible households with a stated code")
        add_legend(figure, panels[0])
    return figure


def _draw_codes(
    axes: Axes, shares: pd.DataFrame, codes: dict[int, str], reporting: ReportingParameters
) -> None:
    held = [code for code in codes if code in set(shares["code"])]
    total = shares.drop_duplicates("code").set_index("code")["total_share"].reindex(held)
    ends = shares.groupby("code")["share"].agg(["min", "max"]).reindex(held)
    axes.hlines(range(len(held)), ends["min"], ends["max"], color=FAINT, lw=3, zorder=1)
    for segment, colour in reporting.colours(shares["segment"]).items():
        part = shares[shares["segment"] == segment].set_index("code")["share"].reindex(held)
        axes.scatter(part, range(len(held)), s=50, c=colour, alpha=0.9, label=segment, zorder=2)
    axes.plot(
        total, range(len(held)), ls="", marker="|", ms=13, mew=2, c=INK, label="Total", zorder=3
    )
    axes.set_yticks(range(len(held)), [codes[code] for code in held])
    axes.set_ylim(len(held) - 0.4, -0.6)
