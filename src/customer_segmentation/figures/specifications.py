"""Figures of other ways to form the segments, and how many households they would move."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from customer_segmentation.figures.style import INK, QUIET, ReportingParameters, canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW = 0.19  # inches
MANY = 14  # rows beyond which the numbers are set smaller
DARK = 0.72  # agreements from which the number in the cell is white
LABEL = 32  # characters in a line of a variation's label


def plot_specification_agreement(
    agreements: pd.DataFrame, title: str, reporting: ReportingParameters
) -> Figure:
    """Draw how far different ways to form the segments agree.

    Args:
        agreements: One row per specification, references last: specification (named for people),
            reference (bool) and its adjusted Rand index with each specification, in columns "1",
            "2", ... by their place in this table; missing with itself.
        title: The finding.
        reporting: The style.

    Returns:
        The figure: each pair once, in hundredths.
    """
    places = np.arange(len(agreements))
    values = agreements[[str(place + 1) for place in places]].to_numpy(dtype="float64")
    size = "x-small" if len(places) > MANY else "small"
    with canvas(title, 0.8 + ROW * len(places), reporting) as (figure, (axes,)):
        below = np.ma.masked_invalid(np.where(np.tri(len(places), k=-1) == 1, values, np.nan))
        axes.imshow(below, cmap="Blues", vmin=0, vmax=1.1, aspect="auto", origin="upper")
        for row, column in zip(*np.nonzero(~np.ma.getmaskarray(below)), strict=True):
            value = below[row, column]
            colour = "white" if value >= DARK else INK
            text = f"{100 * value:.0f}".replace("-0", "0")
            axes.text(column, row, text, ha="center", va="center", color=colour, size=size)
        labels = [f"{name}  {place + 1}" for place, name in enumerate(agreements["specification"])]
        axes.set_yticks(places, labels, fontsize=size)
        axes.set_xticks(places[:-1], [str(place + 1) for place in places[:-1]], fontsize=size)
        axes.set_xlim(-0.5, max(len(places) - 1.5, 0.5))
        axes.grid(visible=False)
        _part_references(axes, agreements["reference"].tolist())
    return figure


def plot_segment_sensitivity(
    sensitivity: pd.DataFrame, title: str, reporting: ReportingParameters
) -> Figure:
    """Show how many households change segment when one decision is made otherwise.

    Args:
        sensitivity: `segment_sensitivity`; one row per variation, with share_moved, the share of
            the households compared, 0 to 1.
        title: The finding.
        reporting: Names of the kinds of variation.

    Returns:
        The figure, one panel per kind of variation; the adjusted Rand index stands at the bars.
    """
    parts = dict(list(sensitivity.groupby("kind", sort=False)))
    labels = {
        kind: [textwrap.fill(text, LABEL) for text in part["variation"]]
        for kind, part in parts.items()
    }
    lines = [sum(1.2 + text.count("\n") for text in each) for each in labels.values()]
    grid = {"nrows": len(parts), "sharex": True, "height_ratios": lines}
    height = 0.6 + 0.19 * sum(lines) + 0.34 * len(parts)
    with canvas(title, height, reporting, **grid) as (figure, panels):
        for axes, (kind, part) in zip(panels, parts.items(), strict=True):
            places = range(len(part))
            axes.barh(places, part["share_moved"], 0.55, color=QUIET)
            for place, share, ari in zip(places, part["share_moved"], part["ari"], strict=True):
                text = f"  {share:.0%} (ARI {ari:.2f})"
                axes.text(share, place, text, va="center", fontsize="small")
            axes.set_yticks(places, labels[kind], fontsize="small")
            axes.set_ylim(len(part) - 0.4, -0.6)
            axes.set_title(reporting.label(str(kind)))
        axes.set_xlim(0, max(0.1, sensitivity["share_moved"].max()) * 1.45)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.set_xlabel("Households whose segment changes, of those compared")
    return figure


def _part_references(axes: Axes, references: list[bool]) -> None:
    first = references.index(True) if any(references) else len(references)
    for label in axes.get_yticklabels()[first:]:
        label.set_fontstyle("italic")
    if 0 < first < len(references):
        axes.axhline(first - 0.5, color=INK, lw=1.5)
