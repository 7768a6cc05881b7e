"""The figures that explain the classifiers show the numbers of their tables."""

from __future__ import annotations

import copy

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from customer_segmentation.figures import explanations
from tests.figures import tables, typing_tables
from tests.figures.test_figures import TITLE, assert_clear, offsets


def test_importance_shows_the_strongest_fields_of_each_set(segments, codebook, reporting):
    table = typing_tables.shap_importance(segments)
    figure = explanations.plot_shap_importance(table, TITLE, codebook, reporting)
    assert_clear(figure)
    parts = table.groupby("information_set", sort=False)
    for axes, (_, part) in zip(figure.axes, parts, strict=True):
        strongest = part.groupby("field")["mean_abs_shap"].sum().nlargest(reporting.fields_shown)
        shown = [label.get_text() for label in axes.get_yticklabels()]
        assert shown == [codebook[name].title for name in strongest.index]


def test_the_beeswarm_shows_every_household(segments, codebook, reporting):
    households = tables.household_segments(segments, n=60)
    table = typing_tables.shap_values(households, segments)
    table.loc[table.index[::7], "field_value"] = np.nan
    figure = explanations.plot_shap_beeswarm(table, TITLE, codebook, reporting)
    assert_clear(figure)
    panels = [axes for axes in figure.axes[: len(segments)] if axes.get_visible()]
    assert len(panels) == len(segments)
    strongest = table["shap_value"].abs().groupby(table["field"]).sum()
    fields = strongest.nlargest(reporting.fields_shown).index
    for axes, segment in zip(panels, reporting.order(segments), strict=True):
        own = table[(table["segment"] == segment) & table["field"].isin(fields)]
        np.testing.assert_allclose(np.sort(offsets(axes)[:, 0]), np.sort(own["shap_value"]))


@pytest.mark.parametrize("values", [[0.4, -0.5, 0.2, -0.05], [-0.3], [0.0, 0.0]])
def test_a_story_ends_where_its_steps_lead(values, reporting):
    names = [f"Field {i} with a long name: value {i} that is long as well" for i in range(4)]
    fields = pd.DataFrame({"name": names[: len(values)], "shap_value": values})
    figure = explanations.plot_household_story(fields, TITLE, "#0072B2", reporting)
    assert_clear(figure)
    *bars, total = figure.axes[0].patches
    assert [bar.get_width() for bar in bars] == pytest.approx(values)
    assert [bar.get_x() for bar in bars] == pytest.approx([0, *np.cumsum(values)[:-1]])
    assert total.get_x() + total.get_width() == pytest.approx(sum(values))
    for bar, value in zip(bars, values, strict=True):
        speaks_for = mpl.colors.to_hex(bar.get_facecolor()).upper() == "#0072B2"
        assert speaks_for is (value > 0)


def test_a_figure_changes_no_table(codebook, reporting):
    households = tables.household_segments(n=30)
    held = [typing_tables.shap_importance(), typing_tables.shap_values(households)]
    before = copy.deepcopy(held)
    explanations.plot_shap_importance(held[0], TITLE, codebook, reporting)
    explanations.plot_shap_beeswarm(held[1], TITLE, codebook, reporting)
    for table, old in zip(held, before, strict=True):
        pd.testing.assert_frame_equal(table, old)
