"""Tables that are ready to print."""

from __future__ import annotations

import pandas as pd

from customer_segmentation.findings.exhibits import merge_intervals, print_profiles, print_table
from customer_segmentation.findings.wording import percent
from customer_segmentation.panel.codebook import Role


def test_a_printed_table_has_headings_text_and_dashes():
    table = pd.DataFrame({"a": [0.5, None], "b": ["x", "y"]})
    printed = print_table(table, {"b": "Name", "a": "Share", "c": "Not there"}, {"a": percent})
    assert printed.to_dict("list") == {"Name": ["x", "y"], "Share": ["50%", "–"]}


def test_a_figure_and_its_interval_share_a_cell():
    table = pd.DataFrame({"a": [0.5, None], "a_low": [0.4, None], "a_high": [0.6, None]})
    table = table.assign(gain=0.1, b_low=[0.0, None], b_high=[0.2, None])
    merged = merge_intervals(table, dict.fromkeys(("a", "gain", "c"), percent), {"gain": "b"})
    printed = print_table(merged, {"a": "A", "gain": "Gain"}, {})
    assert printed.to_dict("list") == {
        "A": ["50% (40% to 60%)", "–"],
        "Gain": ["10% (0% to 20%)", "10%"],
    }
    assert table["a"].dtype == float  # not changed


def test_profiles_stand_side_by_side_in_the_order_asked(codebook):
    rate = codebook.column(Role.REPEAT_RATE)
    profiles = pd.DataFrame(
        {"segment": ["A", "B"], "variable": rate, "mean": [0.2, 0.7], "total_mean": 0.5}
    ).assign(n=10, mean_low=0.0, mean_high=1.0)
    printed = print_profiles(profiles, [rate], ["B", "A"], codebook)
    assert printed.iloc[0].tolist() == ["Repeat rate", "share of purchases", "70%", "20%", "50%"]


def test_what_lies_between_bounds_is_printed_as_a_range(codebook):
    partly = next(variable for variable in codebook.derived if variable.bounds)
    rows = zip((*partly.bounds, partly.name), (0.2, 0.7, 0.45), strict=True)
    profiles = pd.DataFrame(rows, columns=["variable", "mean"]).assign(segment="A", n=10)
    profiles = profiles.assign(total_mean=profiles["mean"] + 0.1, mean_low=0.0, mean_high=1.0)
    printed = print_profiles(profiles, [partly.name], ["A"], codebook)
    assert printed.iloc[0].tolist()[2:] == ["20% to 70%", "30% to 80%"]
