"""Figures that explain the classifiers by SHAP values, in centred log-odds."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from customer_segmentation.figures.style import (
    FAINT,
    INK,
    QUIET,
    ReportingParameters,
    add_legend,
    canvas,
    hide_unused,
    panel_grid,
)
from customer_segmentation.panel.codebook import Codebook, Scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

UNIT = "centred log-odds"
COLOURS = "viridis"  # dark is low, light is high; told apart without colour vision
GREY = "#9AA5B1"
WIDEST = 0.42


def plot_shap_importance(
    importance: pd.DataFrame, title: str, codebook: Codebook, reporting: ReportingParameters
) -> Figure:
    """Show which fields move the classifiers most, per segment.

    Args:
        importance: `shap_importance`; one row per information set, segment and field.
        title: The finding.
        codebook: Names of fields.
        reporting: Names, colours, order and how many fields to show.

    Returns:
        The figure, one panel per information set with its own fields.
    """
    sets = list(dict.fromkeys(importance["information_set"]))
    parts = [importance[importance["information_set"] == name] for name in sets]
    fields = [_first_fields(part, "mean_abs_shap", reporting.fields_shown) for part in parts]
    height = 0.8 + sum(0.85 + 0.25 * len(names) for names in fields)
    grid = {"nrows": len(sets), "height_ratios": [len(f) + 1 for f in fields]}
    with canvas(title, height, reporting, **grid) as (figure, panels):
        for axes, name, part, names in zip(panels, sets, parts, fields, strict=True):
            _draw_importance(axes, part, names, reporting)
            axes.set_yticks(range(len(names)), [codebook[field].title for field in names])
            axes.set_title(reporting.label(name))
            axes.set_xlim(0, None)
        panels[-1].set_xlabel(f"Mean absolute SHAP value ({UNIT})")
        add_legend(figure, panels[0])
    return figure


def plot_shap_beeswarm(
    values: pd.DataFrame, title: str, codebook: Codebook, reporting: ReportingParameters
) -> Figure:
    """Show how each household's fields move it towards or away from each segment.

    Args:
        values: `shap_values` of one information set; one row per household, segment and field, with
            `field_value`, missing where it was not stated.
        title: The finding.
        codebook: Names and scales of fields.
        reporting: Colours, order and how many fields to show.

    Returns:
        The figure, one panel per segment; colour goes with the rank of the value, and is grey where
        values have no order.
    """
    weights = values.assign(size=values["shap_value"].abs())
    fields = _first_fields(weights, "size", reporting.fields_shown)
    colours = reporting.colours(values["segment"])
    grid = panel_grid(len(colours))
    height = grid["nrows"] * (1.3 + 0.4 * len(fields))
    with canvas(title, height, reporting, **grid) as (figure, panels):
        for axes, (segment, colour) in zip(panels, colours.items(), strict=False):
            _draw_swarms(axes, values[values["segment"] == segment], fields, codebook)
            axes.set_title(textwrap.fill(segment, 13), color=colour)
        panels[0].set_yticks(range(len(fields)), [codebook[field].title for field in fields])
        panels[0].set_ylim(len(fields) - 0.4, -0.6)
        panels[0].locator_params(axis="x", nbins=3)
        panels[0].xaxis.set_major_formatter("{x:g}")  # 0, not 0.0: eight panels are narrow
        hide_unused(panels, len(colours))
        figure.supxlabel(f"SHAP value ({UNIT}): right of 0 speaks for the segment")
        _value_scale(figure, panels)
    return figure


def plot_household_story(
    fields: pd.DataFrame, title: str, colour: str, reporting: ReportingParameters
) -> Figure:
    """Show step by step what the fields of one household say for one segment.

    Args:
        fields: One row per step, from the top: name (field and value) and shap_value.
        title: The finding.
        colour: Colour of the segment.
        reporting: The style.

    Returns:
        The figure: each bar starts where the one above ended, in colour if it speaks for the
        segment; the last bar is their sum.
    """
    ends = fields["shap_value"].cumsum()
    starts, total = ends - fields["shap_value"], ends.iloc[-1]
    names = [*(textwrap.fill(name, 34) for name in fields["name"]), "All together"]
    with canvas(title, 0.9 + 0.34 * len(names), reporting) as (figure, (axes,)):
        steps = [*zip(starts, fields["shap_value"], strict=True), (0, total)]
        for place, (start, step) in enumerate(steps):
            axes.barh(place, step, 0.6, left=start, color=colour if step > 0 else GREY)
            axes.text(
                max(start, start + step), place, f" {step:+.2f}".replace("-", "\u2212"), va="center"
            )
        axes.vlines(ends, places := np.arange(len(ends)) - 0.3, places + 1.6, color=QUIET, lw=0.8)
        axes.axvline(0, color=INK, lw=1.2)
        axes.axhline(len(fields) - 0.5, color=FAINT, lw=1)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.margins(x=0.12)
        axes.set_xlabel(f"SHAP value ({UNIT}): right speaks for the segment")
    return figure


def _first_fields(table: pd.DataFrame, column: str, number: int) -> list[str]:
    sums = table.groupby("field")[column].sum().sort_values(ascending=False, kind="stable")
    return [str(field) for field in sums.index[:number]]


def _draw_importance(
    axes: Axes, part: pd.DataFrame, fields: list[str], reporting: ReportingParameters
) -> None:
    ends = part.groupby("field")["mean_abs_shap"].agg(["min", "max"]).reindex(fields)
    axes.hlines(range(len(fields)), ends["min"], ends["max"], color=FAINT, lw=3, zorder=1)
    for segment, colour in reporting.colours(part["segment"]).items():
        values = (
            part[part["segment"] == segment].set_index("field")["mean_abs_shap"].reindex(fields)
        )
        axes.scatter(
            values,
            range(len(fields)),
            s=50,
            c=colour,
            alpha=0.9,
            label=segment,
            zorder=2,
            clip_on=False,
        )
    axes.set_ylim(len(fields) - 0.4, -0.6)


def _draw_swarms(axes: Axes, values: pd.DataFrame, fields: list[str], codebook: Codebook) -> None:
    axes.axvline(0, color=INK, lw=1, zorder=0)
    for place, name in enumerate(fields):
        part = values[values["field"] == name]
        x = part["shap_value"].to_numpy()
        ranks = part["field_value"].astype(float).rank(pct=True)
        ordered = codebook[name].scale is not Scale.NOMINAL
        known = ranks.notna().to_numpy() & ordered
        y = place + _swarm(x)
        axes.scatter(x[~known], y[~known], s=8, c=GREY, alpha=0.8, lw=0)
        axes.scatter(x[known], y[known], s=8, c=ranks[known], cmap=COLOURS, vmin=0, vmax=1, lw=0)


def _swarm(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Spread the points of one line up and down, wider where many share a place."""
    if len(x) == 0:
        return x
    cells = pd.Series(np.digitize(x, np.linspace(x.min(), x.max() + 1e-9, 40)))
    order = cells.groupby(cells).cumcount().to_numpy()
    side = np.where(order % 2, 1, -1) * ((order + 1) // 2)
    spread: npt.NDArray[np.float64] = side * WIDEST / max(1, np.abs(side).max())
    return spread


def _value_scale(figure: Figure, panels: list[Axes]) -> None:
    from matplotlib.cm import ScalarMappable

    bar = figure.colorbar(
        ScalarMappable(cmap=COLOURS), ax=panels, aspect=30, pad=0.02, ticks=[0, 1]
    )
    bar.ax.set_yticklabels(["low", "high"])
    bar.set_label(
        "Value of the field (grey: no order, or not stated)", color=QUIET, fontsize="small"
    )
    bar.outline.set_visible(False)
