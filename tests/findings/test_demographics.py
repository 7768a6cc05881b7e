"""Sentences about demographic links, weak and strong."""

from __future__ import annotations

import pandas as pd
import pytest

from customer_segmentation.findings import demographics


def links(codebook, effects: list[float], words: list[str], scales: str = "") -> pd.DataFrame:
    names = codebook.columns_of("demographics")[: len(effects)]
    table = pd.DataFrame({"descriptor": names, "n": 500, "cohen_effect": effects})
    return table.assign(magnitude=words, convention=list(scales or "w" * len(effects)))


@pytest.mark.parametrize(
    ("word", "opening"),
    [
        ("negligible", "Demographics tell almost nothing"),
        ("small", "Demographics tell little"),
        ("medium", "Demographics tell the segments apart to a medium degree"),
        ("large", "Demographics and segments go together"),
    ],
)
def test_the_verdict_follows_the_largest_magnitude(codebook, word, opening):
    text = demographics.judge_links(links(codebook, [0.01, 0.3], ["negligible", word]))
    assert text.startswith(opening)
    assert text.endswith("500\u00a0households")


def test_links_are_counted_by_magnitude_with_the_range_of_their_households(codebook):
    table = links(codebook, [0.0, 0.05, 0.2], ["negligible", "negligible", "small"])
    text = demographics.judge_links(table.assign(n=[400, 500, 450]))
    assert "of 3 links, 1 small and 2 negligible by Cohen's conventions; " in text
    assert text.endswith("400\u00a0to\u00a0500 households")


def test_the_strongest_links_are_named_with_their_measure_and_never_ranked_across(codebook):
    table = links(codebook, [0.30, 0.26, 0.35], ["medium"] * 3, "wfw")
    text = demographics.name_strongest(table, codebook).replace("\u00a0", " ")
    first, second, third = (codebook[n].title.lower() for n in table["descriptor"])
    assert text == f"Medium links: {second} (f = 0.26), {third} (w = 0.35) and {first} (w = 0.30)."
    weak = table.assign(magnitude=["large", "medium", "negligible"])
    assert demographics.name_strongest(weak, codebook).startswith(f"Large links: {first}")
    none = table.assign(magnitude="negligible")
    assert demographics.name_strongest(none, codebook) == "Every link is negligible."


def test_a_larger_magnitude_goes_before_a_larger_number(codebook):
    table = links(codebook, [0.29, 0.26], ["small", "medium"], "wf")
    assert demographics.order_by_magnitude(table)["magnitude"].tolist() == ["medium", "small"]


def test_descriptors_without_codes_are_not_ranked(codebook):
    counts = [f.name for f in codebook.fields if f.group == "demographics" and not f.codes]
    table = pd.DataFrame(
        {"descriptor": [*counts, "children"], "cohen_effect": [0.9] * len(counts) + [0.1]}
    )
    assert demographics.rank_descriptors(table, codebook, 5) == ["children"]


def test_the_largest_difference_names_segment_code_and_base(codebook):
    table = pd.DataFrame(
        {
            "segment": ["A", "A", "B", "B"],
            "variable": "television",
            "code": [1, 2, 1, 2],
            "households": [8, 32, 42, 18],
            "share": [0.2, 0.8, 0.7, 0.3],
            "total_share": [0.51, 0.5, 0.51, 0.5],
        }
    )
    text = demographics.find_largest_difference(table, codebook)
    assert text == (
        "The largest gap: television at home, yes, is 20% of A (8 of 40 households), 51% of all "
        "(n\u00a0=\u00a0100\u00a0households)"
    )
    same = table.assign(share=0.5, total_share=0.5)
    assert demographics.find_largest_difference(same, codebook).startswith("No code is held")
