"""Figures of the evidence for a number of segments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from customer_segmentation.figures.style import FAINT, INK, QUIET, ReportingParameters, canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_number_of_segments(
    candidates: pd.DataFrame, title: str, reporting: ReportingParameters
) -> Figure:
    """Show separation and steadiness for each number of segments.

    Args:
        candidates: `segmentation_candidates` of one specification; one row per k.
        title: The finding.
        reporting: The quantile that counts as reproducible.

    Returns:
        The figure: silhouette width on the left, bootstrap adjusted Rand index on the right.
    """
    ordered = candidates.sort_values("k")
    with canvas(title, 2.8, reporting, ncols=2) as (figure, (left, right)):
        left.plot(ordered["k"], ordered["silhouette"], color=QUIET, marker="o", ms=6)
        left.set(ylim=(0, 1.03), ylabel="Average silhouette width")
        left.set_title("How far apart")
        right.vlines(
            ordered["k"], ordered["global_ari_q10"], ordered["global_ari_median"], color=QUIET
        )
        right.plot(ordered["k"], ordered["global_ari_median"], color=QUIET, marker="o", ms=6)
        right.plot(ordered["k"], ordered["global_ari_q10"], ls="", color=QUIET, marker="_", ms=10)
        right.axhline(reporting.steady_from, color=INK, lw=1, ls=(0, (4, 3)))
        right.set(ylim=(min(0, ordered["global_ari_q10"].min()) - 0.05, 1.03))
        right.set_ylabel("Adjusted Rand index")
        right.set_title("How steady: median, 10% quantile")
        for axes, column in ((left, "silhouette"), (right, "global_ari_median")):
            _mark_chosen(axes, ordered, column)
    return figure


def _mark_chosen(axes: Axes, ordered: pd.DataFrame, column: str) -> None:
    chosen = ordered[ordered["chosen"]]
    axes.scatter(chosen["k"], chosen[column], s=130, c=INK, zorder=3)
    for k, value in zip(chosen["k"], chosen[column], strict=True):
        axes.annotate(f"{value:.2f}", (k, value), (7, 7), textcoords="offset points", weight="bold")
    axes.set_xticks(ordered["k"])
    axes.set_xlabel("Number of segments k")
    axes.grid(visible=False, axis="x")
    axes.grid(visible=True, axis="y", color=FAINT)
