"""The figures of questions and mailings show the numbers of their tables."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest

from customer_segmentation.figures import decisions
from tests.figures import typing_tables
from tests.figures.test_figures import TITLE, assert_clear, offsets


def test_the_path_ends_before_all_fields_and_marks_the_recommended_list(reporting):
    table = typing_tables.golden_questions()
    figure = decisions.plot_golden_questions(table, TITLE, reporting)
    assert_clear(figure)
    for axes, (_, part) in zip(
        figure.axes, table.groupby("information_set", sort=False), strict=True
    ):
        path = part[part["field"] != ""]
        line = next(line for line in axes.lines if len(line.get_xdata()) == len(path))
        np.testing.assert_allclose(line.get_xydata(), path[["n_fields", "excess"]])
        np.testing.assert_allclose(offsets(axes), [[3, path["excess"].iloc[2]]])


def test_a_set_that_needs_all_its_fields_has_no_mark(reporting):
    table = typing_tables.golden_questions()
    table = table.assign(recommended=table["field"] == "")
    figure = decisions.plot_golden_questions(table, TITLE, reporting)
    assert_clear(figure)
    for axes in figure.axes:
        marks = [part for part in axes.collections if hasattr(part, "get_sizes")]
        assert [len(part.get_offsets()) for part in marks] == [0]


@pytest.mark.parametrize("sets", [typing_tables.SETS, {"demographics": "prediction"}], ids=len)
def test_the_lift_lies_in_its_band_under_the_greatest_possible(sets, reporting):
    table = typing_tables.campaign_gains(sets=sets)
    figure = decisions.plot_lift(table, TITLE, reporting)
    assert_clear(figure)
    for axes, (_, part) in zip(
        figure.axes, table.groupby("information_set", sort=False), strict=True
    ):
        even, greatest, lift = axes.lines
        assert even.get_ydata()[0] == 1
        np.testing.assert_allclose(greatest.get_ydata(), part["lift_max"])
        np.testing.assert_allclose(lift.get_xydata(), part[["depth", "lift"]])
        (band,) = [part for part in axes.collections if part.get_paths()]
        heights = band.get_paths()[0].vertices[:, 1]
        assert heights.min() == pytest.approx(part["lift_low"].min())
        assert heights.max() == pytest.approx(part["lift_high"].max())


@pytest.mark.parametrize("sets", [typing_tables.SETS, {"demographics": "prediction"}], ids=len)
def test_the_profit_lies_in_its_band_beside_mailing_everybody_and_nobody(sets, reporting):
    table = typing_tables.campaign_gains(sets=sets)
    figure = decisions.plot_profit(table, TITLE, reporting)
    assert_clear(figure)
    assert figure.axes[0].get_ylabel() == "Profit, rupees"
    for axes, (_, part) in zip(
        figure.axes, table.groupby("information_set", sort=False), strict=True
    ):
        nobody, everybody, profit = axes.lines
        assert nobody.get_ydata()[0] == 0
        assert set(everybody.get_ydata()) == {part.loc[part["depth"] == 1, "profit"].item()}
        np.testing.assert_allclose(profit.get_xydata(), part[["depth", "profit"]])
        (band,) = [part for part in axes.collections if part.get_paths()]
        heights = band.get_paths()[0].vertices[:, 1]
        assert heights.min() == pytest.approx(part["profit_low"].min())
        assert heights.max() == pytest.approx(part["profit_high"].max())
        assert axes.get_ylim()[0] <= part["profit_low"].min()  # a loss stays in sight


def test_a_figure_changes_no_table(reporting):
    held = [typing_tables.golden_questions(), typing_tables.campaign_gains()]
    before = copy.deepcopy(held)
    decisions.plot_golden_questions(held[0], TITLE, reporting)
    decisions.plot_lift(held[1], TITLE, reporting)
    decisions.plot_profit(held[1], TITLE, reporting)
    for table, old in zip(held, before, strict=True):
        pd.testing.assert_frame_equal(table, old)
