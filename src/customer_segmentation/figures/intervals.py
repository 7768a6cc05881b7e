"""Estimates with their intervals, side by side: the form that several findings share."""

from __future__ import annotations

import textwrap
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from customer_segmentation.figures.style import (
    INK,
    ClaimStyle,
    ReportingParameters,
    canvas,
    claim_legend,
    hide_unused,
    panel_grid,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW = 0.23  # inches, at least
LINE = 0.19  # inches of a label that takes several
HEADINGS = 48  # characters above all panels of a row, in one line
# Characters in a line of a label, and lines; the table behind the figure has all of it.
BESIDE_ONE, BESIDE_SEVERAL = (50, 1), (34, 2)


def plot_intervals(
    rows: pd.DataFrame,
    title: str,
    reference: float,
    axis: tuple[str, Callable[[float], str]],
    reporting: ReportingParameters,
) -> Figure:
    """Show estimates with their intervals beside a value of reference.

    Args:
        rows: One row per estimate: panel (its heading), name (beside its row; panels share the
            names), claim, estimate, low, high and, if known, n (households, the same in all
            panels, printed at the right).
        title: The finding.
        reference: The value that the upright line marks.
        axis: Heading of the axis, and how its values are printed.
        reporting: The marks of the claims.

    Returns:
        The figure, panels side by side.
    """
    names, panels = (list(dict.fromkeys(rows[key])) for key in ("name", "panel"))
    grid = panel_grid(len(panels))
    width = HEADINGS // grid["ncols"]
    lines = max(len(textwrap.wrap(name, width)) for name in panels)
    labels = _fold(names, *(BESIDE_ONE if len(panels) == 1 else BESIDE_SEVERAL))
    height = 0.7 + grid["nrows"] * (0.3 + 0.17 * lines + _row_height(labels) * len(names))
    with canvas(title, height, reporting, **grid) as (figure, all_axes):
        hide_unused(all_axes, len(panels))
        for axes, heading in zip(all_axes, panels, strict=False):
            part = rows[rows["panel"] == heading].set_index("name").reindex(names)
            axes.axvline(reference, color=INK, lw=1.5, zorder=1)
            for claim, own in part.groupby("claim"):
                places = np.array([names.index(name) for name in own.index])
                draw_intervals(axes, own, places, reporting.claims[claim])
            axes.set_title(textwrap.fill(heading, width))
            axes.locator_params(axis="x", nbins=max(2, 6 // grid["ncols"]))
            axes.xaxis.set_major_formatter(lambda value, _: axis[1](value))
        all_axes[0].set_yticks(range(len(names)), labels)
        if "n" in rows:
            _print_sizes(all_axes[len(panels) - 1], rows.drop_duplicates("name")["n"])
        all_axes[0].set_ylim(len(names) - 0.4, -0.6)
        claim_legend(figure, rows["claim"], reporting, axis=axis[0])
    return figure


def _print_sizes(axes: Axes, sizes: pd.Series) -> None:
    right = axes.secondary_yaxis("right")
    first, *others = (f"{size:,}" for size in sizes)
    right.set_yticks(range(len(sizes)), [f"n = {first}", *others])
    right.tick_params(length=0)
    right.spines["right"].set_visible(False)


def _row_height(labels: list[str]) -> float:
    """Inches of a row, so that no two labels touch that stand one above the other."""
    heights = [LINE * (1 + label.count("\n")) for label in labels]
    return max([ROW, *((above + below) / 2 for above, below in pairwise(heights))])


def _fold(names: list[str], width: int, lines: int) -> list[str]:
    fold = textwrap.TextWrapper(width, max_lines=lines, placeholder=" …").wrap
    return ["\n".join(fold(name)) for name in names]


def draw_intervals(
    axes: Axes, rows: pd.DataFrame, places: npt.NDArray[np.int64], mark: ClaimStyle
) -> None:
    """Draw a mark for each estimate and a line for its interval.

    Args:
        axes: The panel.
        rows: One row per estimate: estimate, low and high.
        places: Where each stands.
        mark: Colour and shape.
    """
    axes.hlines(places, rows["low"], rows["high"], color=mark.colour, lw=2, zorder=2)
    axes.scatter(rows["estimate"], places, s=44, c=mark.colour, marker=mark.marker, zorder=3)
