"""The figures of the evidence show the numbers of their tables, for two to eight segments."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.patches import PathPatch

from customer_segmentation.figures import evidence, specifications, stability
from tests.figures import tables
from tests.figures.test_figures import TITLE, assert_clear

LONG = (
    "Households that stay loyal to one favourite brand",
    "Occasional high-value variety seekers",
    "Promotion-driven bulk shoppers of all brands",
    "Light users",
)
LEVELS = {0.6: "doubtful", 0.75: "stable", 0.85: "highly stable"}


@pytest.fixture(
    params=[tables.PERSONAS, ("Segment 1", "Segment 2"), LONG, 8], ids=lambda names: str(names)[:12]
)
def names(request) -> tuple[str, ...]:
    """Names of segments: personas, two numbers, long names, eight numbers."""
    if request.param == 8:
        return tuple(f"Segment {number}" for number in range(1, 9))
    return request.param


def colour(artist: Any) -> str:
    return mpl.colors.to_hex(artist.get_facecolor()).upper()


def boxes_of(axes: Any) -> dict[float, tuple[float, float, float, str]]:
    """Quartiles, median and hatch of each box, by its place (rounded)."""
    found = {}
    medians = {}
    for line in axes.lines:
        x, y = line.get_xdata(), line.get_ydata()
        if len(x) == 2 and y[0] == y[1] and line.get_linewidth() == 1.6:
            medians[round(float(np.mean(x)), 2)] = float(y[0])
    for patch in axes.patches:
        if isinstance(patch, PathPatch):
            corners = np.asarray(patch.get_path().vertices)
            place = round(float(np.mean([corners[:, 0].min(), corners[:, 0].max()])), 2)
            low, high = corners[:, 1].min(), corners[:, 1].max()
            found[place] = (float(low), medians[place], float(high), patch.get_hatch() or "")
    return found


def by_k(chosen: int = 3, finalists: tuple[int, ...] = (3, 4)) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The candidates of one specification, and their draws."""
    table = tables.segmentation_candidates(chosen, specifications=2, finalists=finalists)
    own = table[table["specification"] == table["specification"].iloc[0]]
    draws = [
        tables.candidate_agreements(own).rename(columns={"mode": "source"}),
        tables.candidate_nulls(own).rename(columns={"null": "source"}),
    ]
    return own, pd.concat(draws, ignore_index=True)


@pytest.mark.parametrize("chosen", [2, 3, 5, 8])
def test_every_number_of_segments_has_its_boxes(chosen, reporting):
    candidates, draws = by_k(chosen)
    figure = stability.plot_stability_by_k(
        candidates.sample(frac=1, random_state=0), draws, TITLE, 0.7, reporting
    )
    assert_clear(figure)
    upper, lower = figure.axes
    steps = {"pipeline": -0.33, "fixed": -0.11, "permuted": 0.11, "copula": 0.33}
    boxes, silhouettes = boxes_of(upper), boxes_of(lower)
    compared = {3, 4, chosen}
    assert len(boxes) == 7 + 3 * len(compared)
    for k in range(2, 9):
        sources = steps if k in compared else {"pipeline": 0.0}
        for source, step in sources.items():
            ari = draws.loc[(draws["k"] == k) & (draws["source"] == source), "ari"]
            shown = boxes[round(k + step, 2)][:3]
            np.testing.assert_allclose(shown, ari.quantile([0.25, 0.5, 0.75]))
        if k in compared:
            null = draws[(draws["k"] == k) & (draws["source"] == "copula")]["silhouette"]
            assert silhouettes[round(k + 0.33, 2)][1] == pytest.approx(null.median())
            assert boxes[round(k + 0.11, 2)][3] != boxes[round(k + 0.33, 2)][3] != ""
    (dots,) = (line for line in lower.lines if line.get_marker() == "o")
    np.testing.assert_allclose(dots.get_ydata(), candidates.sort_values("k")["silhouette"])
    marks = [line for line in upper.lines if list(line.get_ydata()) == [0.7, 0.7]]
    assert len(marks) == 1


def test_the_choice_and_the_rule_are_marked_where_they_are(reporting):
    candidates, draws = by_k(4)
    candidates = candidates.assign(by_rule=candidates["k"] == 3)
    figure = stability.plot_stability_by_k(candidates, draws, TITLE, 0.7, reporting)
    said = {text.get_position()[0]: text.get_text() for text in figure.axes[0].texts}
    assert {k: text for k, text in said.items() if text} == {4: "chosen", 3: "by the rule"}
    bands = [p for p in figure.axes[0].patches if not isinstance(p, PathPatch)]
    assert [(band.get_x(), band.get_width()) for band in bands] == [(3.5, 1.0)]


def test_without_nulls_only_the_whole_procedure_is_drawn(reporting):
    candidates, draws = by_k()
    draws = draws[draws["source"].isin(["pipeline", "fixed"])]
    figure = stability.plot_stability_by_k(candidates, draws, TITLE, 0.7, reporting)
    assert_clear(figure)
    assert sorted(boxes_of(figure.axes[0])) == list(range(2, 9))
    assert boxes_of(figure.axes[1]) == {}


def test_flows_show_every_household_in_every_solution(names, reporting):
    paths, flows = tables.segment_paths(names), tables.segment_flows(names)
    figure = stability.plot_segment_flows(paths, flows, TITLE, reporting)
    assert_clear(figure)
    (axes,) = figure.axes
    nodes = [patch for patch in axes.patches if not isinstance(patch, PathPatch)]
    heights = paths["households"] / 500
    assert [node.get_height() for node in nodes] == pytest.approx(heights.tolist())
    for node, other in pairwise(nodes):  # in their order, one below the other
        if node.get_x() == other.get_x():
            assert node.get_y() + node.get_height() < other.get_y()
    named = paths["name"] != ""
    hues = reporting.colours(names)
    shown = [colour(node) for node, holds in zip(nodes, named, strict=True) if holds]
    assert shown == [hues[name] for name in paths.loc[named, "name"]]
    values = [text.get_text() for text in axes.texts]
    legible = (heights >= stability.LEGIBLE) & paths["slsa"].notna()
    assert values == [f"{value:.2f}" for value in paths.loc[legible, "slsa"]]


def merge(spans: list[tuple[float, float]]) -> list[float]:
    """The ends of spans, those left out where one begins as the other ends."""
    ends = sorted(round(end, 6) for span in spans for end in span)
    return [end for end in ends if ends.count(end) == 1]


def test_ribbons_fill_the_nodes_on_both_sides(reporting):
    flows = tables.segment_flows()
    figure = stability.plot_segment_flows(tables.segment_paths(), flows, TITLE, reporting)
    patches = figure.axes[0].patches
    ribbons = [
        np.asarray(patch.get_path().vertices) for patch in patches if isinstance(patch, PathPatch)
    ]
    nodes = [patch for patch in patches if not isinstance(patch, PathPatch)]
    assert len(ribbons) == len(flows)
    for k in range(3, 9):
        for column, corners in ((k - 1, (0, 7)), (k, (3, 4))):
            own = [n for n in nodes if n.get_x() < column < n.get_x() + n.get_width()]
            filled = merge([(n.get_y(), n.get_y() + n.get_height()) for n in own])
            here = [r for r in ribbons if k - 1 < r[0, 0] < r[3, 0] < k]
            spans = [tuple(ribbon[corner, 1] for corner in corners) for ribbon in here]
            assert len(own) == column
            assert merge(spans) == pytest.approx(filled)


def test_a_darker_grey_stands_for_a_larger_slsa(reporting):
    paths, flows = tables.segment_paths(), tables.segment_flows()
    figure = stability.plot_segment_flows(paths, flows, TITLE, reporting)
    nodes = [patch for patch in figure.axes[0].patches if not isinstance(patch, PathPatch)]
    light = [sum(node.get_facecolor()[:3]) for node in nodes]
    grey = paths.assign(light=light)[(paths["name"] == "") & paths["slsa"].notna()]
    ordered = grey.sort_values("slsa")["light"]
    assert (ordered.diff().dropna() <= 1e-9).all()


def test_each_segment_has_the_box_of_its_own_samples(names, reporting):
    jaccards, table = tables.segment_jaccards(names), tables.segment_stability(names)
    figure = stability.plot_segment_stability(jaccards, table, LEVELS, TITLE, reporting)
    assert_clear(figure)
    (axes,) = figure.axes
    boxes = [patch for patch in axes.patches if isinstance(patch, PathPatch)]
    order = reporting.order(names)
    assert [colour(box) for box in boxes] == list(reporting.colours(names).values())
    for place, (name, box) in enumerate(zip(order, boxes, strict=True)):
        values = jaccards.loc[jaccards["segment"] == name, "jaccard"]
        corners = np.asarray(box.get_path().vertices)
        ends = corners[:, 0].min(), corners[:, 0].max()
        np.testing.assert_allclose(ends, values.quantile([0.25, 0.75]))
        assert corners[:, 1].min() < place < corners[:, 1].max()
    medians = table.set_index("segment")["slsw_median"][order]
    said = [text.get_text() for text in axes.texts][len(LEVELS) :]
    assert said == [f"{value:.2f}" for value in medians]
    marks = {line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--"}
    assert marks >= set(LEVELS)
    assert axes.get_xlim()[0] <= jaccards["jaccard"].min()


@pytest.mark.parametrize("weighted", [False, True])
def test_sizes_come_with_interval_and_range(names, weighted, reporting):
    table = tables.segment_stability(names)
    if weighted:
        table["weighted_share"] = table["share"] * 1.05
    figure = evidence.plot_segment_sizes(table, "socio-economic class", TITLE, reporting)
    assert_clear(figure)
    (axes,) = figure.axes
    rows = table.set_index("segment").loc[reporting.order(names)]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx(rows["share"].tolist())
    for lines, ends in zip(
        axes.collections, (["share_low", "share_high"], ["mix_low", "mix_high"]), strict=False
    ):
        drawn = [segment[:, 0] for segment in lines.get_segments()]
        np.testing.assert_allclose(drawn, rows[ends])
    marks = [part for part in axes.collections if isinstance(part, PathCollection)]
    assert len(marks) == weighted
    if weighted:
        np.testing.assert_allclose(marks[0].get_offsets()[:, 0], rows["weighted_share"])
    assert [text.get_text().strip() for text in axes.texts] == [f"{x:.0%}" for x in rows["share"]]


def test_gorge_plots_hold_every_household_once(names, reporting):
    table = tables.household_similarities(tables.household_segments(names))
    figure = evidence.plot_segment_similarities(table, TITLE, reporting)
    assert_clear(figure)
    households = table["household_id"].nunique()
    for axes, (name, hue) in zip(figure.axes, reporting.colours(names).items(), strict=False):
        part = table[table["to_segment"] == name]
        own = part[part["segment"] == name]["similarity"]
        bars = axes.patches
        coloured = [bar.get_height() for bar in bars if colour(bar) == hue]
        counts, _ = np.histogram(own, bins=evidence.BINS, range=(0, 1))
        assert coloured == pytest.approx(counts.tolist())
        assert sum(bar.get_height() for bar in bars) == households


def test_the_separation_plot_shows_households_and_hulls(names, reporting):
    positions = tables.household_positions(tables.household_segments(names, n=500))
    hulls = tables.segment_hulls(positions)
    shuffled = hulls.sample(frac=1, random_state=0)
    figure = evidence.plot_segment_separation(positions, shuffled, TITLE, reporting)
    assert_clear(figure)
    (axes,) = figure.axes
    points = [part for part in axes.collections if isinstance(part, PathCollection)]
    for number, name in enumerate(reporting.order(names)):
        own = positions[positions["segment"] == name][["component_1", "component_2"]]
        np.testing.assert_allclose(points[number].get_offsets(), own)
        lines = dict(zip(("outer", "core"), axes.lines[2 * number :], strict=False))
        for part, line in lines.items():
            corners = hulls[(hulls["segment"] == name) & (hulls["part"] == part)]
            np.testing.assert_allclose(
                line.get_xydata(), corners.sort_values("step")[["component_1", "component_2"]]
            )
    assert "43%" in axes.get_xlabel()
    assert "27%" in axes.get_ylabel()


def test_a_segment_without_outline_keeps_its_place_in_the_legend(reporting):
    positions = tables.household_positions(tables.household_segments())
    hulls = tables.segment_hulls(positions)
    figure = evidence.plot_segment_separation(
        positions, hulls[hulls["segment"] != "Loyalists"], TITLE, reporting
    )
    legend = [text.get_text().partition(" (")[0] for text in figure.legends[0].get_texts()]
    assert legend == reporting.order(tables.PERSONAS)


def test_blades_show_every_silhouette_from_the_largest(names, reporting):
    positions = tables.household_positions(tables.household_segments(names, n=500))
    figure = evidence.plot_segment_silhouettes(positions, TITLE, reporting)
    assert_clear(figure)
    (axes,) = figure.axes
    for name, hue in reporting.colours(names).items():
        own = positions.loc[positions["segment"] == name, "silhouette"]
        blade = [bar for bar in axes.patches if colour(bar) == hue]
        widths = [bar.get_width() for bar in sorted(blade, key=lambda bar: bar.get_y())]
        assert widths == pytest.approx(own.sort_values(ascending=False).tolist())
    places = sorted(bar.get_y() for bar in axes.patches)
    assert min(np.diff(places)) > 0.99  # no line lies on another
    assert axes.lines[1].get_xdata()[0] == pytest.approx(positions["silhouette"].mean())


def agreements(count: int, references: int) -> pd.DataFrame:
    """What findings.specifications.tabulate_agreement returns, with names for people."""
    values = np.full((count, count), np.nan)
    pairs = np.triu_indices(count, k=1)
    values[pairs] = values.T[pairs] = tables.specification_agreement(count)["ari"]
    table = pd.DataFrame(values, columns=[str(place) for place in range(1, count + 1)])
    names = [
        name.replace("_", " ").replace(".", ", ") for name in tables.specification_names(count)
    ]
    return table.assign(specification=names, reference=np.arange(count) >= count - references)


@pytest.mark.parametrize(("count", "references"), [(2, 0), (2, 1), (6, 2), (14, 0), (24, 5)])
def test_each_pair_of_specifications_stands_in_its_cell(count, references, reporting):
    table = agreements(count, references)
    figure = specifications.plot_specification_agreement(table, TITLE, reporting)
    assert_clear(figure)
    (axes,) = figure.axes
    shown = {text.get_position(): text.get_text() for text in axes.texts}
    assert len(shown) == count * (count - 1) / 2
    for (column, row), text in shown.items():
        assert row > column
        assert int(text) == pytest.approx(100 * table.loc[row, str(column + 1)], abs=0.51)
        assert text != "-0"
    italic = [label.get_fontstyle() == "italic" for label in axes.get_yticklabels()]
    assert italic == table["reference"].tolist()
    assert len(axes.lines) == (references > 0)


def test_a_grid_of_one_specification_is_no_error(reporting):
    figure = specifications.plot_specification_agreement(agreements(1, 0), TITLE, reporting)
    assert_clear(figure)
    assert list(figure.axes[0].texts) == []


def test_sensitivity_has_a_bar_per_variation_in_the_panel_of_its_kind(reporting):
    table = tables.segment_sensitivity()
    table = table.assign(share_moved=table["households_moved"] / table["households"])
    figure = specifications.plot_segment_sensitivity(table, TITLE, reporting)
    assert_clear(figure)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        reporting.label(kind) for kind in ("specification", "bounds", "sample")
    ]
    for axes, (_, part) in zip(figure.axes, table.groupby("kind", sort=False), strict=True):
        widths = [bar.get_width() for bar in axes.patches]
        assert widths == pytest.approx(part["share_moved"].tolist())
        assert [text.get_text().strip() for text in axes.texts] == [
            f"{row.share_moved:.0%} (ARI {row.ari:.2f})" for row in part.itertuples()
        ]
        labels = [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()]
        assert labels == part["variation"].tolist()


def test_decisions_that_move_nobody_are_drawn(reporting):
    table = tables.segment_sensitivity().assign(share_moved=0.0)
    assert_clear(specifications.plot_segment_sensitivity(table, TITLE, reporting))


def test_a_figure_changes_no_table(reporting):
    positions = tables.household_positions(tables.household_segments())
    held = [*by_k(), tables.segment_paths(), tables.segment_flows(), positions]
    held += [tables.segment_hulls(positions), agreements(4, 1), tables.segment_stability()]
    before = copy.deepcopy(held)
    stability.plot_stability_by_k(held[0], held[1], TITLE, 0.7, reporting)
    stability.plot_segment_flows(held[2], held[3], TITLE, reporting)
    evidence.plot_segment_separation(held[4], held[5], TITLE, reporting)
    evidence.plot_segment_silhouettes(held[4], TITLE, reporting)
    specifications.plot_specification_agreement(held[6], TITLE, reporting)
    evidence.plot_segment_sizes(held[7], "class", TITLE, reporting)
    for table, old in zip(held, before, strict=True):
        pd.testing.assert_frame_equal(table, old)
