"""Sentences about demographic links, weak and strong."""

from __future__ import annotations

import pandas as pd
import pytest

from customer_segmentation.findings import demographics


def links(codebook, effects: list[float]) -> pd.DataFrame:
    names = codebook.columns_of("demographics")[: len(effects)]
    return pd.DataFrame({"descriptor": names, "n": 500, "effect": effects, "measure": "V"})


@pytest.mark.parametrize(
    ("effect", "word"),
    [
        (0.0, "negligible"),
        (0.094, "negligible"),
        (0.099, "weak"),
        (0.3, "moderate"),
        (0.9, "strong"),
    ],
)
def test_an_effect_has_its_conventional_word(effect, word):
    assert demographics.judge_effect(effect) == word


@pytest.mark.parametrize(
    ("strongest", "opening"),
    [
        (0.05, "Demographics tell almost nothing"),
        (0.2, "Demographics tell little"),
        (0.4, "Demographics tell the segments apart to a moderate degree"),
        (0.7, "Demographics and segments go together"),
    ],
)
def test_the_verdict_follows_the_strongest_link(codebook, strongest, opening):
    text = demographics.judge_links(links(codebook, [0.01, strongest]), codebook)
    assert text.startswith(opening)
    assert f"{strongest:.2f}" in text
    assert codebook.fields[2].label.lower() in text


def test_tied_links_all_stand_in_the_sentence(codebook):
    text = demographics.judge_links(links(codebook, [0.201, 0.199, 0.1]), codebook)
    assert "the strongest links are socio-economic class and food eating habits" in text


def test_no_link_at_all_names_no_descriptor(codebook):
    text = demographics.judge_links(links(codebook, [0.0, 0.0]), codebook)
    assert "every link has an effect size of 0.00" in text


def test_links_are_counted_by_strength(codebook):
    text = demographics.count_by_strength(links(codebook, [0.0, 0.05, 0.2]))
    assert text == "Of 3 links, by Cohen's convention, 1 weak and 2 negligible."


def test_descriptors_without_codes_are_not_ranked(codebook):
    counts = [f.name for f in codebook.fields if f.group == "demographics" and not f.codes]
    table = pd.DataFrame(
        {"descriptor": [*counts, "children"], "effect": [0.9] * len(counts) + [0.1]}
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
        "The largest gap: television at home, yes, is 20% of A (8 of 40 households), 51% of all"
    )
    same = table.assign(share=0.5, total_share=0.5)
    assert demographics.find_largest_difference(same, codebook).startswith("No code is held")
