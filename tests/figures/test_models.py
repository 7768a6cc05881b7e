"""The figures of the classifiers show the numbers of their tables."""

from __future__ import annotations

import copy

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from customer_segmentation.figures import intervals, models
from customer_segmentation.figures.style import plot_nothing
from tests.figures import tables, typing_tables
from tests.figures.test_figures import TITLE, assert_clear


def hue(marks) -> str:
    return mpl.colors.to_hex(marks.get_facecolor()[0]).upper()


def lines(axes) -> list[np.ndarray]:
    """The ends of the lines of each collection of intervals; a missing interval is no line."""
    found = [part for part in axes.collections if hasattr(part, "get_segments")]
    return [
        np.array([segment[:, 0] for segment in part.get_segments() if len(segment)])
        for part in found
    ]


def test_every_model_is_drawn_with_its_intervals_and_the_mark_of_its_claim(reporting):
    metrics = typing_tables.classifier_metrics()
    table = metrics[(metrics["protocol"] == "nested_cv") & (metrics["model"] != "prior")]
    figure = models.plot_model_accuracy(table, TITLE, "majority", reporting)
    assert_clear(figure)
    for row, (name, claim) in enumerate(typing_tables.SETS.items()):
        own = table[table["information_set"] == name].set_index("model")
        own = own.drop(index="majority")  # a line; only where the segmenter can, it is a row
        assert ("nearest_centroid" in own.index) is (claim == "assignment")
        for axes, measure in zip(
            figure.axes[2 * row :], ("accuracy", "log_loss_skill"), strict=False
        ):
            marks = axes.collections[-1]
            shown = np.ma.filled(marks.get_offsets()[:, 0].astype(float), np.nan)
            np.testing.assert_allclose(shown, own[measure])
            ends = own[[f"{measure}_low", f"{measure}_high"]].dropna()
            np.testing.assert_allclose(lines(axes)[0], ends)
            assert hue(marks) == reporting.claims[claim].colour.upper()
        named = [label.get_text() for label in figure.axes[2 * row].get_yticklabels()]
        assert named == list(map(reporting.label, own.index))
        assert figure.axes[2 * row].lines[0].get_xdata()[0] == pytest.approx(0.58)


@pytest.mark.parametrize("count", [2, 3, 8])
def test_precision_and_recall_stand_on_the_row_of_their_segment(count, reporting):
    names = tables.PERSONAS if count == 3 else tuple(f"Segment {i + 1}" for i in range(count))
    table = typing_tables.segment_metrics(names)
    best = table[(table["protocol"] == "holdout") & (table["model"] == "rf")]
    best = best.assign(recall=np.linspace(0, 1, len(best)))
    best.loc[best.index[0], ["precision_low", "precision_high"]] = np.nan  # never named
    figure = models.plot_segment_metrics(best, TITLE, reporting)
    assert_clear(figure)
    parts = best.groupby("information_set", sort=False)
    for axes, (_, own) in zip(figure.axes, parts, strict=True):
        ordered = own.set_index("segment").loc[reporting.order(names)]
        _, precision, _, recall = axes.collections
        np.testing.assert_allclose(precision.get_offsets()[:, 0], ordered["precision"])
        np.testing.assert_allclose(recall.get_offsets()[:, 0], ordered["recall"])
        np.testing.assert_allclose(lines(axes)[1], ordered[["recall_low", "recall_high"]])
        assert (precision.get_offsets()[:, 1] < recall.get_offsets()[:, 1]).all()


def steps() -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "step": ["The published protocol, on the study's own segments", "Printed", "People"],
            "claim": ["overlap", "overlap", "prediction"],
            "accuracy": [0.9, 0.8, 0.5],
            "majority": [0.55, 0.55, 0.6],
            "n": [120, np.nan, 543],
            "published": [False, True, False],
        }
    )
    ours = table["accuracy"].mask(table["published"])
    return table.assign(accuracy_low=ours - 0.02, accuracy_high=ours + 0.03)


def test_the_ladder_has_a_bar_an_interval_and_a_baseline_per_step(reporting):
    figure = models.plot_accuracy_ladder(steps(), TITLE, reporting)
    assert_clear(figure)
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [0.9, 0.8, 0.5]
    is_hollow = [bar.get_facecolor() == (1, 1, 1, 1) for bar in axes.patches]
    assert is_hollow == [False, True, False]
    names = [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()]
    assert names[1:] == ["Printed", "People n = 543"]
    np.testing.assert_allclose(lines(axes)[0], [[0.88, 0.93], [0.48, 0.53]])
    labels = {text.get_text(): text.get_position()[0] for text in axes.texts}
    assert labels["50.0%"] > 0.6  # right of the baseline that it would cover otherwise


def rows(panels: int, names: int) -> pd.DataFrame:
    claims = ["overlap", "prediction"]
    table = pd.DataFrame(
        [
            (f"Information set {panel}", f"Group {name} with a rather long name", claims[panel % 2])
            for panel in range(panels)
            for name in range(names)
        ],
        columns=["panel", "name", "claim"],
    )
    return table.assign(estimate=np.arange(len(table)) / 100, low=-0.1, high=0.4)


@pytest.mark.parametrize(("panels", "names"), [(1, 1), (2, 9), (4, 3), (6, 2)])
def test_each_estimate_stands_in_its_panel_beside_the_reference(panels, names, reporting):
    table = rows(panels, names)
    figure = intervals.plot_intervals(table, TITLE, 0.1, ("Share", "{:.0%}".format), reporting)
    assert_clear(figure)
    drawn = [axes for axes in figure.axes if axes.get_visible()]
    assert len(drawn) == panels
    for axes, (heading, own) in zip(drawn, table.groupby("panel", sort=False), strict=True):
        assert axes.get_title(loc="left").replace("\n", " ") == heading
        marks = axes.collections[-1]
        np.testing.assert_allclose(marks.get_offsets()[:, 0], own["estimate"])
        np.testing.assert_allclose(lines(axes)[0], own[["low", "high"]])
        assert axes.lines[0].get_xdata()[0] == pytest.approx(0.1)
        assert hue(marks) == reporting.claims[own["claim"].iloc[0]].colour.upper()


def test_rows_of_a_panel_may_carry_different_claims(reporting):
    table = rows(2, 3).assign(panel="One")
    table["name"] = [f"Name {i}" for i in range(6)]
    figure = intervals.plot_intervals(table, TITLE, 0, ("Saved", str), reporting)
    assert_clear(figure)
    scatters = [p for p in figure.axes[0].collections if not hasattr(p, "get_segments")]
    assert {hue(marks) for marks in scatters} == {
        reporting.claims[claim].colour.upper() for claim in ("overlap", "prediction")
    }
    shown = np.vstack([marks.get_offsets() for marks in scatters])
    np.testing.assert_allclose(shown[np.argsort(shown[:, 1]), 0], table["estimate"])


def test_the_number_of_households_stands_once_at_the_right(reporting):
    table = rows(2, 3)
    table["n"] = [1200, 34, 5] * 2
    figure = intervals.plot_intervals(table, TITLE, 0, ("Share", "{:.0%}".format), reporting)
    assert_clear(figure)
    (right,) = [part for axes in figure.axes for part in axes.child_axes]
    assert right in figure.axes[1].child_axes
    assert [label.get_text() for label in right.get_yticklabels()] == ["n = 1,200", "34", "5"]


@pytest.mark.parametrize("count", [1, 3, 9])
def test_a_name_that_is_too_long_is_cut_but_keeps_its_row(count, reporting):
    table = rows(1, count).assign(name=[f"{i} {'word ' * 20}" for i in range(count)])
    figure = intervals.plot_intervals(table, TITLE, 0, ("Share", "{:.0%}".format), reporting)
    assert_clear(figure)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert [label[0] for label in labels] == list(map(str, range(count)))
    assert all(label.endswith("…") for label in labels)


def test_a_figure_without_content_says_why(reporting):
    figure = plot_nothing(TITLE, reporting)
    assert figure.get_suptitle().replace("\n", " ") == TITLE
    assert [axes.axison or axes.has_data() for axes in figure.axes] == [False]


def test_a_figure_changes_no_table(reporting):
    metrics = typing_tables.classifier_metrics()
    best = typing_tables.segment_metrics().query("model == 'rf' and protocol == 'holdout'")
    held = [metrics[metrics["protocol"] == "nested_cv"], best, steps(), rows(2, 2)]
    before = copy.deepcopy(held)
    models.plot_model_accuracy(held[0], TITLE, "majority", reporting)
    models.plot_segment_metrics(held[1], TITLE, reporting)
    models.plot_accuracy_ladder(held[2], TITLE, reporting)
    intervals.plot_intervals(held[3], TITLE, 0, ("Share", "{:.0%}".format), reporting)
    for table, old in zip(held, before, strict=True):
        pd.testing.assert_frame_equal(table, old)
