"""Figures of demographic links show the numbers of their tables."""

from __future__ import annotations

from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest

from customer_segmentation.figures import demographics
from customer_segmentation.figures.demographics import (
    SHADES,
    plot_demographic_links,
    plot_descriptor_mosaics,
)
from tests.figures import tables
from tests.figures.test_figures import TITLE, assert_clear, assert_well_drawn


@pytest.fixture
def tested():
    table = tables.segment_descriptors()
    return table[table["p_value"].notna()]


@pytest.fixture
def levelled():
    table = tables.segment_descriptors()
    return table[table["p_value"].isna()]


@pytest.fixture
def shown(segments, codebook):
    """Rows of four descriptors, one of them with many codes."""
    table = tables.segment_demographics(segments)
    return table[table["variable"].isin(codebook.columns_of("demographics")[:5])]


def hexes(part):
    return [mpl.colors.to_hex(colour).upper() for colour in part.get_facecolor()]


def test_links_are_shown_in_order_with_effect_interval_and_word(
    tested, levelled, codebook, reporting
):
    figure = plot_demographic_links(tested, levelled, TITLE, codebook, reporting)
    assert_clear(figure)
    for axes, convention in zip(figure.axes, "wf", strict=True):
        own = tested[tested["convention"] == convention]
        intervals, again, effects = axes.collections[:3]
        ends = [segment[:, 0] for segment in intervals.get_segments()]
        np.testing.assert_allclose(ends, own[["cohen_low", "cohen_high"]])
        np.testing.assert_allclose(effects.get_offsets()[:, 0], own["cohen_effect"])
        wanted = own["descriptor"].map(levelled.set_index("descriptor")["cohen_effect"])
        np.testing.assert_allclose(np.ma.filled(again.get_offsets()[:, 0], np.nan), wanted)
        words = [text.get_text() for text in axes.texts]
        assert words == [f"{row.cohen_effect:.2f} {row.magnitude}" for row in own.itertuples()]
        names = [label.get_text() for label in axes.get_yticklabels()]
        titles = [codebook[row.descriptor].title for row in own.itertuples()]
        assert names == [f"{t} (n = {n})" for t, n in zip(titles, own["n"], strict=True)]


def test_only_links_that_survive_the_correction_are_filled(tested, levelled, codebook, reporting):
    tested = tested.assign(p_holm=[0.05, 0.051] * 5 + [0.01])
    figure = plot_demographic_links(tested, levelled, TITLE, codebook, reporting)
    for axes, convention in zip(figure.axes, "wf", strict=True):
        own = tested[tested["convention"] == convention]
        filled = [colour != "#FFFFFF" for colour in hexes(axes.collections[2])]
        assert filled == (own["p_holm"] <= 0.05).tolist()
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "survives Holm’s correction" in legend


def test_the_axis_names_the_convention_of_its_measure(tested, levelled, codebook, reporting):
    figure = plot_demographic_links(tested, levelled, TITLE, codebook, reporting)
    ticks = [[tick.get_text() for tick in axes.get_xticklabels()] for axes in figure.axes]
    assert ticks[0] == ["0", "0.10\nsmall", "0.30\nmedium", "0.50\nlarge"]
    assert ticks[1] == ["0", "0.10\nsmall", "0.25\nmedium", "0.40\nlarge"]


@pytest.mark.parametrize("strength", [0.95, float("inf")])
def test_a_strong_link_stays_in_sight(strength, tested, levelled, codebook, reporting):
    strong = tested.assign(cohen_effect=strength, cohen_high=strength)
    figure = plot_demographic_links(strong, levelled, TITLE, codebook, reporting)
    assert_well_drawn(figure)
    for axes in figure.axes:
        place = axes.collections[2].get_offsets()[0, 0]
        assert 0.9 < place < axes.get_xlim()[1]


def test_links_of_one_measure_need_one_panel(tested, levelled, codebook, reporting):
    codes = tested[tested["convention"] == "w"]
    figure = plot_demographic_links(codes, levelled, TITLE, codebook, reporting)
    assert len(figure.axes) == 1


def test_tiles_are_as_wide_as_segments_and_as_high_as_shares(shown, codebook, reporting):
    figure = plot_descriptor_mosaics(shown, TITLE, codebook, reporting)
    assert_clear(figure)
    panels = [axes for axes in figure.axes if axes.patches]
    for axes, (name, own) in zip(panels, shown.groupby("variable", sort=False), strict=False):
        order = reporting.order(own["segment"])
        households = own.groupby("segment")["households"].sum()
        *stacks, bands = axes.containers
        assert axes.get_title(loc="right").startswith(codebook[name].title)
        assert f"(n = {households.sum():,})" in axes.get_title(loc="right")
        for stack, (_, code) in zip(stacks, own.groupby("label", sort=False), strict=True):
            shares = code.set_index("segment")["share"][order]
            np.testing.assert_allclose([tile.get_height() for tile in stack], shares)
        widths = households[order] / households.sum()
        np.testing.assert_allclose([band.get_width() for band in bands], widths)
        tops = np.array([[tile.get_y() for tile in stack] for stack in stacks])
        heights = np.array([[tile.get_height() for tile in stack] for stack in stacks])
        np.testing.assert_allclose(tops[1:], (tops + heights)[:-1])


def test_a_tile_is_shaded_by_its_residual_and_a_column_headed_by_its_persona(
    shown, codebook, reporting
):
    figure = plot_descriptor_mosaics(shown, TITLE, codebook, reporting)
    _, own = next(iter(shown.groupby("variable", sort=False)))
    residuals = own.set_index(["label", "segment"])["residual"]
    order = reporting.order(own["segment"])
    *stacks, bands = figure.axes[0].containers
    for label, stack in zip(dict.fromkeys(own["label"]), stacks, strict=True):
        for segment, tile in zip(order, stack, strict=True):
            step = sum(residuals[label, segment] >= edge for edge in (-4, -2, 2, 4))
            assert mpl.colors.to_hex(tile.get_facecolor()).upper() == SHADES[step]
    drawn = [mpl.colors.to_hex(band.get_facecolor()).upper() for band in bands]
    assert drawn == [colour.upper() for colour in reporting.colours(order).values()]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == order


def test_a_descriptor_that_may_go_along_by_chance_is_pale_and_says_so(shown, codebook, reporting):
    first = shown["variable"].iloc[0]
    table = shown.assign(survives=shown["variable"] == first)
    figure = plot_descriptor_mosaics(table, TITLE, codebook, reporting)
    assert_clear(figure)
    sure, doubtful = figure.axes[:2]
    assert {tile.get_alpha() for tile in sure.containers[0]} == {1}
    assert {tile.get_alpha() for tile in doubtful.containers[0]} == {demographics.PALE}
    headings = [axes.get_title(loc="right") for axes in (sure, doubtful)]
    assert ["may be chance" in heading for heading in headings] == [False, True]


def test_a_residual_that_is_missing_is_neutral(shown, codebook, reporting):
    blank = shown.assign(residual=np.nan)
    figure = plot_descriptor_mosaics(blank, TITLE, codebook, reporting)
    tiles = [tile for stack in figure.axes[0].containers[:-1] for tile in stack]
    assert {mpl.colors.to_hex(tile.get_facecolor()).upper() for tile in tiles} == {SHADES[2]}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_any_number_of_descriptors_finds_room(number, codebook, reporting):
    table = tables.segment_demographics()
    names = codebook.columns_of("demographics")[1 : 1 + number]
    figure = plot_descriptor_mosaics(
        table[table["variable"].isin(names)], TITLE, codebook, reporting
    )
    assert_clear(figure)
    assert sum(bool(axes.containers) for axes in figure.axes) == number


def test_labels_are_pushed_apart_as_little_as_needed_and_stay_in_order():
    push = demographics._push_apart
    assert push([0.2, 0.5, 0.9], 0.1) == pytest.approx([0.2, 0.5, 0.9])
    crowded = push([0.5, 0.51, 0.97, 0.98, 0.99], 0.1)
    assert all(b - a >= 0.1 - 1e-12 for a, b in pairwise(crowded))
    assert crowded[0] >= 0
    assert crowded[-1] <= 1


def test_figures_change_no_table(tested, levelled, shown, codebook, reporting):
    inputs = [tested, levelled, shown]
    before = [table.copy() for table in inputs]
    plot_demographic_links(tested, levelled, TITLE, codebook, reporting)
    plot_descriptor_mosaics(shown, TITLE, codebook, reporting)
    assert all(table.equals(old) for table, old in zip(inputs, before, strict=True))
