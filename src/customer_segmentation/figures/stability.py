"""Figures of steadiness: by number of segments, from one number to the next, and per segment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from customer_segmentation.figures.evidence import label_segments, row_height
from customer_segmentation.figures.style import (
    FAINT,
    INK,
    QUIET,
    ReportingParameters,
    add_legend,
    canvas,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Where the values of a box come from: its label, colour, hatch and the ends of its whiskers.
SOURCES: dict[str, tuple[str, str, str, tuple[int, int]]] = {
    "pipeline": ("Whole procedure refitted", QUIET, "", (10, 90)),
    "fixed": ("Fixed scores", "white", "", (10, 90)),
    "permuted": ("Null: scores shuffled", FAINT, "////", (5, 95)),
    "copula": ("Null: same correlations", FAINT, "....", (5, 95)),
}
NULLS = ("permuted", "copula")
STEP = 0.22  # between boxes of the same k
NODE = 0.19  # half the width of a node
GAP = 0.03  # between nodes, of all households
LEGIBLE = 0.045  # a node of fewer households has no room for a number


def plot_stability_by_k(
    candidates: pd.DataFrame,
    draws: pd.DataFrame,
    title: str,
    steady_from: float,
    reporting: ReportingParameters,
) -> Figure:
    """Show how steady and how well separated each number of segments is, beside two nulls.

    Source: Dolnicar, Grün and Leisch (2018), Market Segmentation Analysis, chapter 7.

    Args:
        candidates: `segmentation_candidates` of one specification; one row per k.
        draws: What lies behind them, one row per box and draw: k, source (a key of `SOURCES`), ari
            and silhouette; the latter is missing but for nulls.
        title: The finding.
        steady_from: The adjusted Rand index that counts as reproducible.
        reporting: The style.

    Returns:
        The figure: the adjusted Rand index above, the average silhouette below. Whiskers end at the
        10 % and 90 % quantile, those of the nulls at 5 % and 95 %.
    """
    boxes = _place_boxes(draws)
    grid: dict[str, Any] = {"nrows": 2, "sharex": True, "height_ratios": [1.8, 1]}
    with canvas(title, 4.8, reporting, **grid) as (figure, (upper, lower)):
        for axes in (upper, lower):
            _mark_solutions(axes, candidates)
        _draw_sources(upper, boxes, draws, "ari")
        upper.axhline(steady_from, color=INK, lw=1, ls=(0, (4, 3)), label="Mark for reproducible")
        upper.set_ylabel("Adjusted Rand index")
        _draw_sources(lower, boxes[boxes["source"].isin(NULLS)], draws, "silhouette")
        _draw_silhouettes(lower, boxes, candidates)
        lower.set(xlabel="Number of segments k", ylabel="Average silhouette")
        lower.set_xticks(candidates["k"])
        lower.margins(y=0.12)
        _name_solutions(upper, candidates)
        add_legend(figure, upper)
    return figure


def plot_segment_flows(
    paths: pd.DataFrame, flows: pd.DataFrame, title: str, reporting: ReportingParameters
) -> Figure:
    """Show how households part and meet as the number of segments grows.

    Source: segment level stability across solutions (SLSa), Dolnicar and Leisch (2017), Using
    segment level stability to select target segments in data-driven market segmentation studies.

    Args:
        paths: `segment_paths`; one row per k and segment: name (empty but for the chosen k),
            households and slsa (0 to 1, missing for the smallest k).
        flows: `segment_flows`; one row per segment and segment of the solution before.
        title: The finding.
        reporting: Colours and order.

    Returns:
        The figure: a column of nodes per k with their slsa; a darker grey stands for a larger one.
    """
    nodes = _stack_nodes(paths)
    colours = reporting.colours(name for name in nodes["name"] if name)
    hues = {str(code): colours[name] for code, name in nodes["name"].items() if name}
    with canvas(title, 4.0, reporting) as (figure, (axes,)):
        for name, colour in colours.items():
            axes.fill_between([], [], [], color=colour, label=name)
        _draw_ribbons(axes, _stack_ribbons(flows, nodes), hues)
        _draw_nodes(axes, nodes, hues)
        axes.set_ylim(nodes["bottom"].max() + GAP, nodes["top"].min() - GAP)
        axes.set_xlim(nodes["k"].min() - 0.4, nodes["k"].max() + 0.4)
        axes.set_xticks(sorted(set(nodes["k"])))
        axes.set(xlabel="Number of segments k", yticks=[])
        axes.grid(visible=False)
        add_legend(figure, axes)
    return figure


def plot_segment_stability(
    jaccards: pd.DataFrame,
    stability: pd.DataFrame,
    levels: dict[float, str],
    title: str,
    reporting: ReportingParameters,
) -> Figure:
    """Show how well each segment is found again in bootstrap samples.

    Args:
        jaccards: `segment_jaccards`; one row per segment and sample: jaccard, 0 to 1.
        stability: `segment_stability`; one row per segment: size and slsw_median.
        levels: The word for a segment whose median reaches a mark, by the mark.
        title: The finding.
        reporting: Colours and order.

    Returns:
        The figure: a box per segment (whiskers: 10 % and 90 % quantile), its median in figures.
    """
    colours = reporting.colours(stability["segment"])
    rows = stability.set_index("segment").loc[list(colours)]
    labels = label_segments(rows["size"])
    with canvas(title, 1.0 + row_height(labels) * len(rows), reporting) as (figure, (axes,)):
        for level, word in levels.items():
            axes.axvline(level, color=INK, lw=1, ls=(0, (4, 3)), zorder=0.9)
            axes.text(level, -0.72, f" {word}", fontsize="small", va="center")
        for place, (segment, colour) in enumerate(colours.items()):
            values = jaccards.loc[jaccards["segment"] == segment, "jaccard"]
            _draw_boxes(axes, [values], [place], 0.5, colour, orientation="horizontal")
            median = rows["slsw_median"][segment]
            axes.text(1.01, place, f"{median:.2f}", va="center", weight="bold", clip_on=False)
        axes.set_yticks(range(len(colours)), labels)
        axes.set_ylim(len(colours) - 0.5, -1)
        axes.set_xlim(min(0.5, jaccards["jaccard"].min() - 0.02), 1.01)
        axes.set_xlabel("Jaccard similarity in bootstrap samples")
    return figure


def _place_boxes(draws: pd.DataFrame) -> pd.DataFrame:
    # Fixed scores are shown where they can be compared: beside the nulls, which rest on them.
    boxes = draws[["k", "source"]].drop_duplicates()
    compared = boxes.loc[boxes["source"].isin(NULLS), "k"]
    boxes = boxes[(boxes["source"] != "fixed") | boxes["k"].isin(compared)]
    order = {source: number for number, source in enumerate(SOURCES)}
    boxes = boxes.sort_values("source", key=lambda sources: sources.map(order))
    slots = boxes.groupby("k").cumcount()
    last = slots.groupby(boxes["k"]).transform("max")
    return boxes.assign(place=boxes["k"] + STEP * (slots - last / 2))


def _draw_sources(axes: Axes, boxes: pd.DataFrame, draws: pd.DataFrame, column: str) -> None:
    values = draws.groupby(["source", "k"])[column]
    for source, (label, colour, hatch, whiskers) in SOURCES.items():
        own = boxes[boxes["source"] == source]
        samples = [values.get_group((source, k)) for k in own["k"]]
        if samples:
            places = own["place"].tolist()
            options: dict[str, Any] = {"whis": whiskers, "hatch": hatch, "label": label}
            _draw_boxes(axes, samples, places, 0.17, colour, **options)


def _draw_boxes(
    axes: Axes,
    samples: list[pd.Series],
    places: list[float],
    width: float,
    colour: str,
    hatch: str = "",
    **options: Any,
) -> None:
    axes.boxplot(
        samples,
        positions=places,
        widths=width,
        patch_artist=True,
        manage_ticks=False,
        showfliers=False,
        **{"whis": (10, 90)} | options,
        boxprops={"facecolor": colour, "edgecolor": INK, "hatch": hatch, "lw": 0.8},
        medianprops={"color": INK, "lw": 1.6},
        capprops={"color": INK, "lw": 0.8},
        whiskerprops={"color": INK, "lw": 0.8},
    )


def _draw_silhouettes(axes: Axes, boxes: pd.DataFrame, candidates: pd.DataFrame) -> None:
    ordered = candidates.sort_values("k")
    beside = boxes[boxes["source"] == "fixed"].set_index("k")["place"]
    places = ordered["k"].map(beside).fillna(ordered["k"])
    axes.plot(places, ordered["silhouette"], color=INK, marker="o", ms=5, lw=1)


def _mark_solutions(axes: Axes, candidates: pd.DataFrame) -> None:
    for k in candidates.loc[candidates["chosen"], "k"]:
        axes.axvspan(k - 0.5, k + 0.5, color=FAINT, alpha=0.55, lw=0, zorder=0.5)
    axes.grid(visible=False, axis="x")
    axes.grid(visible=True, axis="y", color=FAINT)


def _name_solutions(axes: Axes, candidates: pd.DataFrame) -> None:
    above = axes.get_xaxis_transform()
    for row in candidates.to_dict("records"):
        words = {"chosen": row["chosen"], "by the rule": row["by_rule"]}
        text = "\n".join(word for word, holds in words.items() if holds)
        axes.text(row["k"], 1.01, text, transform=above, ha="center", weight="bold")


def _stack_nodes(paths: pd.DataFrame) -> pd.DataFrame:
    numbers = paths["segment"].str.rpartition(".")[2].astype(int)
    nodes = paths.assign(name=paths["name"].fillna(""), number=numbers)
    nodes = nodes.sort_values(["k", "number"]).set_index("segment")
    nodes["height"] = nodes["households"] / nodes.groupby("k")["households"].transform("sum")
    ends = nodes.groupby("k")["height"].cumsum() + GAP * nodes.groupby("k").cumcount()
    nodes["bottom"] = ends - ends.groupby(nodes["k"]).transform("max") / 2
    return nodes.assign(top=nodes["bottom"] - nodes["height"])


def _stack_ribbons(flows: pd.DataFrame, nodes: pd.DataFrame) -> pd.DataFrame:
    ribbons = flows.assign(
        height=flows["households"] * (nodes["height"] / nodes["households"]).iloc[0],
        left=flows["previous"].map(nodes["top"]),
        right=flows["segment"].map(nodes["top"]),
    )
    ribbons = ribbons.sort_values(["k", "left", "right"])
    for side, end in {"left": "previous", "right": "segment"}.items():
        before = ribbons.groupby(end)["height"].cumsum() - ribbons["height"]
        ribbons[side] += before
    return ribbons


def _draw_ribbons(axes: Axes, ribbons: pd.DataFrame, hues: dict[str, str]) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    curve = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    for row in ribbons.to_dict("records"):
        start, middle, end = (row["k"] - step for step in (1 - NODE, 0.5, NODE))
        left, right = row["left"], row["right"]
        top = [(start, left), (middle, left), (middle, right), (end, right)]
        bottom = [(x, y + row["height"]) for x, y in reversed(top)]
        colour = hues.get(row["segment"], hues.get(row["previous"], QUIET))
        path = Path([*top, *bottom, top[0]], curve)
        axes.add_patch(PathPatch(path, facecolor=colour, alpha=0.32, lw=0))


def _draw_nodes(axes: Axes, nodes: pd.DataFrame, hues: dict[str, str]) -> None:
    from matplotlib import colormaps

    for node in nodes.reset_index().to_dict("records"):
        is_known = pd.notna(node["slsa"])
        grey = colormaps["Greys"](0.2 + 0.5 * (node["slsa"] if is_known else 0))
        colour = hues.get(node["segment"], grey)
        axes.bar(node["k"], node["height"], 2 * NODE, node["top"], color=colour, lw=0)
        if node["height"] >= LEGIBLE and is_known:
            place = node["k"], (node["top"] + node["bottom"]) / 2
            text = f"{node['slsa']:.2f}"
            axes.text(*place, text, color=_on(colour), ha="center", va="center", size="small")


def _on(colour: Any) -> str:
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(colour)
    return "white" if 0.3 * red + 0.59 * green + 0.11 * blue < 0.55 else INK  # noqa: PLR2004
