"""Tables that are ready to print."""

from __future__ import annotations

import pandas as pd

from customer_segmentation.findings.exhibits import print_profiles, print_shares, print_table
from customer_segmentation.findings.wording import percent
from customer_segmentation.panel.codebook import Role


def test_a_printed_table_has_headings_text_and_dashes():
    table = pd.DataFrame({"a": [0.5, None], "b": ["x", "y"]})
    printed = print_table(table, {"b": "Name", "a": "Share", "c": "Not there"}, {"a": percent})
    assert printed.to_dict("list") == {"Name": ["x", "y"], "Share": ["50%", "–"]}


def test_profiles_stand_side_by_side_in_the_order_asked(codebook):
    rate = codebook.column(Role.REPEAT_RATE)
    profiles = pd.DataFrame(
        {"segment": ["A", "B"], "variable": rate, "mean": [0.2, 0.7], "total_mean": 0.5}
    )
    printed = print_profiles(profiles, [rate], ["B", "A"], codebook)
    assert printed.iloc[0].tolist() == ["Repeat rate", "share of purchases", "70%", "20%", "50%"]


def test_shares_are_printed_for_the_codes_that_occur(codebook):
    shares = pd.DataFrame(
        {
            "segment": ["A", "B"],
            "variable": "television",
            "code": 2,
            "share": [0.1, 0.3],
            "total_share": 0.25,
        }
    )
    printed = print_shares(shares, ["television"], ["A", "B"], codebook)
    assert printed.to_numpy().tolist() == [["Television at home", "no", "10%", "30%", "25%"]]
