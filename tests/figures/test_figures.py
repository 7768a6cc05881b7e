"""Every figure shows the numbers of its table, for personas and for numbered segments."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from customer_segmentation.figures import segments as plots
from tests.figures import tables

TITLE = "A finding with its number (n = 200 households)"


def texts(figure: Figure) -> list[Any]:
    found = [text for axes in figure.axes if axes.get_visible() for text in axes.texts]
    ticks = [t for axes in figure.axes if axes.get_visible() for t in axes.get_yticklabels()]
    return [text for text in (*found, *ticks, *figure.texts) if text.get_text()]


def assert_well_drawn(figure: Figure) -> None:
    """The title is there, no visible panel is empty, tick labels neither collide nor are cut."""
    with mpl.rc_context({"text.hinting": "none"}):  # as it is when the file is written
        figure.draw_without_rendering()
    assert figure.get_suptitle().replace("\n", " ") == TITLE
    for axes in figure.axes:
        assert not axes.get_visible() or axes.has_data()
    for part in (*texts(figure), *figure.legends):
        box = part.get_window_extent()
        assert figure.bbox.x0 <= box.x0, part
        assert box.x1 <= figure.bbox.x1, part
    for axes in figure.axes:
        labels = [t.get_window_extent() for t in axes.get_yticklabels() if t.get_text()]
        assert not any(a.overlaps(b) for a, b in combinations(labels, 2) if axes.get_visible())


def words_of(axes: Any) -> list[Any]:
    """All that is written in a panel; ticks beyond its ends are never drawn."""
    words = [*axes.texts, axes.title, axes._left_title, axes._right_title]
    words += [axes.xaxis.label, axes.yaxis.label]
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        words += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return words


def assert_clear(figure: Figure) -> None:
    """Well drawn, and no two words of the figure lie on each other or beyond its frame."""
    assert_well_drawn(figure)
    words = [word for axes in figure.axes if axes.get_visible() for word in words_of(axes)]
    boxes = {
        word: word.get_window_extent().padded(-1)
        for word in [*words, *figure.texts]
        if word.get_text().strip() and word.get_visible()
    }
    for (one, first), (other, second) in combinations(boxes.items(), 2):
        assert not first.overlaps(second), f"{one} on {other}"
    for word, box in boxes.items():
        assert figure.bbox.x0 <= box.x0, word
        assert box.x1 <= figure.bbox.x1, word


def offsets(axes: Any) -> np.ndarray:
    return np.vstack(
        [
            np.ma.filled(part.get_offsets(), np.nan)
            for part in axes.collections
            if len(part.get_offsets()) and hasattr(part, "get_sizes")
        ]
    )


def test_the_map_shows_every_household_once(segments, reporting):
    households = tables.household_segments(segments)
    points = households.merge(tables.segment_scores(households), on="household_id")
    figure = plots.plot_segment_map(points, reporting.map_scores, TITLE, reporting)
    assert_clear(figure)
    shown = offsets(figure.axes[0])
    wanted = points[list(reporting.map_scores)].to_numpy()
    np.testing.assert_allclose(np.sort(shown, axis=0), np.sort(wanted, axis=0))
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == [
        f"{s} (n = {(points['segment'] == s).sum()})" for s in reporting.order(segments)
    ]


def test_trends_show_households_and_means(segments, members, profiles, codebook, reporting):
    figure = plots.plot_segment_trends(members, profiles, TITLE, codebook, reporting)
    assert_clear(figure)
    for axes, name in zip(figure.axes, reporting.trend_variables, strict=True):
        *strips, bars, diamonds = axes.collections
        assert sum(len(strip.get_offsets()) for strip in strips) == len(members)
        means = profiles.pivot_table(index="segment", columns="variable", values="mean")
        ordered = means.loc[reporting.order(segments)]
        low, high = codebook.bounds_of(name)
        ends = [segment[:, 0] for segment in bars.get_segments()]
        np.testing.assert_allclose(ends, ordered[[low, high]])
        shown = np.ma.filled(diamonds.get_offsets()[:, 0], np.nan)
        np.testing.assert_allclose(shown, ordered[name].where(ordered[low] == ordered[high]))
        said = [text.get_text() for text in axes.texts]
        told = [dict.fromkeys((f"{a:.0%}", f"{b:.0%}")) for a, b in ordered[[low, high]].to_numpy()]
        if low != high:
            assert said == [" to ".join(both) for both in told]


def test_a_persona_has_one_colour_in_all_figures(members, profiles, segments, codebook, reporting):
    trends = plots.plot_segment_trends(members, profiles, TITLE, codebook, reporting)
    amounts = plots.plot_segment_amounts(profiles, TITLE, codebook, reporting)
    wanted = list(reporting.colours(segments).values())

    def colours(parts):
        return [mpl.colors.to_hex(part.get_facecolor()[0]).upper() for part in parts]

    assert colours(trends.axes[0].collections[:-2]) == wanted
    assert colours(amounts.axes[0].collections[1:]) == wanted


def test_amounts_show_the_index(segments, profiles, codebook, reporting):
    figure = plots.plot_segment_amounts(profiles, TITLE, codebook, reporting)
    assert_clear(figure)
    wide = profiles.pivot_table(index="variable", columns="segment", values="index_to_total")
    wanted = wide.loc[list(reporting.amount_variables), reporting.order(segments)]
    shown = [part.get_offsets()[:, 0] for part in figure.axes[0].collections[1:]]
    np.testing.assert_allclose(np.column_stack(shown), wanted)


def test_the_profile_plot_has_bars_for_segments_and_dots_for_the_total(
    segments, profiles, codebook, reporting
):
    figure = plots.plot_segment_profiles(profiles, TITLE, codebook, reporting)
    assert_clear(figure)
    names = codebook.expand(reporting.profile_variables)
    for axes, segment in zip(figure.axes, reporting.order(segments), strict=False):
        own = profiles[profiles["segment"] == segment].set_index("variable").loc[names]
        np.testing.assert_allclose([bar.get_width() for bar in axes.patches], own["mean"])
        np.testing.assert_allclose(axes.lines[0].get_xdata(), own["total_mean"])
        strong = [bar.get_alpha() == 1 for bar in axes.patches]
        assert strong == (own["marker"] | own["built_segments"]).tolist()
        hollow = [mpl.colors.to_hex(bar.get_facecolor()) == "#ffffff" for bar in axes.patches]
        assert hollow == own["built_segments"].tolist()
