"""Figures of the link between segments and demographics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from customer_segmentation.figures.style import (
    INK,
    QUIET,
    ReportingParameters,
    add_legend,
    canvas,
    hide_unused,
)
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.segments.descriptors import CONVENTIONS, LEVEL, MAGNITUDES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import BoundaryNorm, Colormap
    from matplotlib.figure import Figure

MEASURES = {"w": "Codes: Cohen’s w", "f": "Counts: Cohen’s f"}
ROW = 0.36  # inches
STRONGEST = 3.0  # where an effect without end is drawn
# Friendly (1994), Mosaic displays for multi-way contingency tables: shades from 2 and from 4.
# Purple and brown are no colours of personas; a colour-vision deficiency does not mix them up.
STEPS = (-4, -2, 2, 4)
SHADES = ("#8C510A", "#DFC27D", "#E9ECEF", "#C2A5CF", "#762A83")
PANELS_IN_ROW = 2
LINE = 0.17  # inches that one label needs
BAND = 0.05  # height of the colour above a segment's column; the column's is 1
PALE = 0.35  # of tiles whose descriptor may go with the segments by chance


def plot_demographic_links(
    tested: pd.DataFrame,
    levelled: pd.DataFrame,
    title: str,
    codebook: Codebook,
    reporting: ReportingParameters,
) -> Figure:
    """Show how strongly each descriptor goes with the segments.

    Args:
        tested: Tested rows of `segment_descriptors`, one per descriptor, in the order wanted.
        levelled: The rows with the missing record in, for all or some of these descriptors.
        title: The finding.
        codebook: Names of descriptors.
        reporting: The style.

    Returns:
        The figure, one panel per measure; an effect is filled when it survives Holm's correction,
        its line is the 95 % interval.
    """
    drawn = tested.replace(np.inf, STRONGEST)
    parts = {name: drawn[drawn["convention"] == name] for name in MEASURES}
    parts = {name: part for name, part in parts.items() if len(part)}
    heights = [len(part) + 0.6 for part in parts.values()]
    grid = {"nrows": len(parts), "height_ratios": heights}
    with canvas(title, 0.7 + ROW * (sum(heights) + len(parts)), reporting, **grid) as (fig, panels):
        for axes, (convention, part) in zip(panels, parts.items(), strict=True):
            _draw_links(axes, part, levelled.set_index("descriptor")["cohen_effect"])
            _name_rows(axes, part, codebook)
            axes.set_title(MEASURES[convention])
            axes.set_xticks((0, *CONVENTIONS[convention]), _name_steps(convention))
            axes.set_xlim(0, max(0.55, drawn["cohen_high"].max() + 0.2))
        _explain_marks(panels[0])
        add_legend(fig, panels[0])
    return fig


def _draw_links(axes: Axes, links: pd.DataFrame, levelled: pd.Series) -> None:
    places = np.arange(len(links))
    axes.hlines(places, links["cohen_low"], links["cohen_high"], color=QUIET, lw=1.6, zorder=1)
    again = links["descriptor"].map(levelled).replace(np.inf, STRONGEST)
    axes.scatter(again, places + 0.3, s=22, c="#A3AEB9", marker="D", lw=0, zorder=2, clip_on=False)
    fills = [INK if survives else "white" for survives in links["p_holm"] <= LEVEL]
    axes.scatter(
        links["cohen_effect"], places, s=55, c=fills, edgecolors=INK, zorder=3, clip_on=False
    )
    words = zip(links["cohen_high"], links["cohen_effect"], links["magnitude"], strict=True)
    for place, (high, effect, word) in enumerate(words):
        axes.text(high + 0.012, place, f"{effect:.2f} {word}", va="center", fontsize="small")


def _name_rows(axes: Axes, links: pd.DataFrame, codebook: Codebook) -> None:
    names = [codebook[name].title for name in links["descriptor"]]
    labels = [f"{name} (n = {n})" for name, n in zip(names, links["n"], strict=True)]
    axes.set_yticks(range(len(links)), labels)
    axes.tick_params(axis="y", pad=10)
    axes.set_ylim(len(links) - 0.4, -0.6)


def _name_steps(convention: str) -> list[str]:
    steps = zip(CONVENTIONS[convention], MAGNITUDES[1:], strict=True)
    return ["0", *(f"{step:.2f}\n{word}" for step, word in steps)]


def _explain_marks(axes: Axes) -> None:
    marks: dict[str, dict[str, Any]] = {
        "survives Holm’s correction": {"s": 55, "c": INK, "edgecolors": INK},
        "does not": {"s": 55, "c": "white", "edgecolors": INK},
        "with the missing records in (not tested)": {"s": 22, "c": "#A3AEB9", "marker": "D"},
    }
    for label, style in marks.items():
        axes.scatter([], [], label=label, **style)
    axes.plot([], [], color=QUIET, lw=1.6, label="95% interval")


def plot_descriptor_mosaics(
    demographics: pd.DataFrame, title: str, codebook: Codebook, reporting: ReportingParameters
) -> Figure:
    """Show the make-up of the segments, and where it is not what independence would give.

    Args:
        demographics: The descriptors to show, in the order wanted; one row per variable, segment
            and label: `households`, `share` of the segment, `residual` (adjusted, standardised) and
            `survives`, whether the link of the descriptor is beyond chance.
        title: The finding.
        codebook: Names of descriptors.
        reporting: Colours and order of the segments.

    Returns:
        The figure, one panel per descriptor: a column per segment, as wide as its households; a
        tile per code, as high as its share, shaded by its residual; pale where the link may be
        chance.
    """
    names = list(dict.fromkeys(demographics["variable"]))
    rows = -(-len(names) // PANELS_IN_ROW)
    labels = demographics.groupby("variable")["label"].nunique().max()
    height = max(2.0, LINE * labels)
    grid = {"nrows": rows, "ncols": min(len(names), PANELS_IN_ROW)}
    with canvas(title, 1.3 + rows * (height + 0.35), reporting, **grid) as (figure, panels):
        for axes, name in zip(panels, names, strict=False):
            own = demographics[demographics["variable"] == name]
            _draw_mosaic(axes, own, reporting)
            first = reporting.order(own["segment"])[:1]
            _name_tiles(axes, _spread_out(own, "share", first).iloc[0], LINE / height)
            # Aligned on the right, where a long title has the room of the labels to grow into.
            doubt = "" if own["survives"].all() else "\nmay be chance"
            heading = f"{codebook[name].title} (n = {own['households'].sum():,}){doubt}"
            axes.set_title(heading, loc="right")
        hide_unused(panels, len(names))
        _explain_shades(figure, panels)
        add_legend(figure, panels[0])
    return figure


def _draw_mosaic(axes: Axes, tiles: pd.DataFrame, reporting: ReportingParameters) -> None:
    colours = reporting.colours(tiles["segment"])
    heights = _spread_out(tiles, "share", colours)
    residuals = _spread_out(tiles.fillna({"residual": 0}), "residual", colours)
    widths = tiles.groupby("segment")["households"].sum().loc[list(colours)]
    widths /= widths.sum()
    columns: dict[str, Any] = {"x": widths.cumsum() - widths, "width": widths, "align": "edge"}
    tops = heights.cumsum(axis=1) - heights
    outline: dict[str, Any] = {"edgecolor": "white", "lw": 1.2}
    depth = 1 if tiles["survives"].all() else PALE
    shades, steps = _shading()
    for label in heights:
        own = shades(steps(residuals[label]))
        sizes: dict[str, Any] = {"height": heights[label], "bottom": tops[label]}
        axes.bar(color=own, alpha=depth, **sizes, **columns, **outline)
    bands = list(colours.values())
    axes.bar(height=BAND, bottom=-0.02 - BAND, color=bands, **columns, **outline)
    for segment, colour in colours.items():
        axes.scatter([], [], s=60, marker="s", c=colour, label=segment)
    axes.set(xlim=(0, 1), ylim=(1, -0.03 - BAND), xticks=[])
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)


def _spread_out(tiles: pd.DataFrame, values: str, segments: Iterable[str]) -> pd.DataFrame:
    """One row per segment and one column per label, both in the order shown."""
    wide = tiles.pivot_table(index="segment", columns="label", values=values)
    return wide.loc[list(segments), list(dict.fromkeys(tiles["label"]))]


def _name_tiles(axes: Axes, heights: pd.Series, least: float) -> None:
    """Name the tiles of the first column; where they are low, lines lead to their names."""
    middles = (heights.cumsum() - heights / 2).tolist()
    places = _push_apart(middles, least)
    for middle, place in zip(middles, places, strict=True):
        axes.plot([-0.07, 0], [place, middle], color=QUIET, lw=0.6, clip_on=False)
    axes.set_yticks(places, list(heights.index), fontsize="small")
    axes.tick_params(axis="y", pad=12)


def _push_apart(places: Sequence[float], least: float) -> list[float]:
    """Move places on a line from 0 to 1, in order, until each two lie far enough apart."""
    room = np.arange(len(places)) * least
    pushed = np.maximum.accumulate(np.asarray(places) - room)
    return list(np.minimum(pushed, 1 - room[-1]) + room)


def _shading() -> tuple[Colormap, BoundaryNorm]:
    from matplotlib.colors import from_levels_and_colors

    return from_levels_and_colors(STEPS, SHADES, extend="both")


def _explain_shades(figure: Figure, panels: list[Axes]) -> None:
    from matplotlib.cm import ScalarMappable

    shades, steps = _shading()
    bar = figure.colorbar(
        ScalarMappable(steps, shades),
        ax=panels,
        location="bottom",
        aspect=40,
        extendfrac="auto",
        extendrect=True,
    )
    bar.set_label("Residual; below 0: fewer households than without a link", fontsize="small")
    bar.outline.set_visible(False)
