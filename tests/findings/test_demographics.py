"""Sentences about demographic links, weak and strong."""

from __future__ import annotations

import pandas as pd
import pytest
from scipy.stats import chi2_contingency

from customer_segmentation.findings import demographics

MISSING = "demographic_record_missing"


def links(codebook, effects, words, scales="", p_holm=0.01) -> pd.DataFrame:
    """Tested rows of as many descriptors as there are effects."""
    names = codebook.columns_of("demographics")[: len(effects)]
    table = pd.DataFrame({"descriptor": names, "n": 500, "cohen_effect": effects})
    table = table.assign(cohen_low=table["cohen_effect"] - 0.05, cohen_high=0.6)
    scales = list(scales or "w" * len(effects))
    return table.assign(magnitude=words, convention=scales, p_value=0.002, p_holm=p_holm)


@pytest.mark.parametrize(
    ("word", "opening"),
    [
        ("negligible", "Demographics tell almost nothing"),
        ("small", "Demographics tell little"),
        ("medium", "Demographics tell the segments apart to a medium degree"),
        ("large", "Demographics and segments go together"),
    ],
)
def test_the_verdict_follows_the_largest_magnitude_beyond_chance(codebook, word, opening):
    table = links(codebook, [0.01, 0.3, 0.9], ["negligible", word, "large"])
    text = demographics.judge_links(table.assign(p_holm=[0.01, 0.05, 0.051]))
    assert text.startswith(f"{opening}")
    assert "2 of 3 demographic links are beyond chance (5% after Holm’s correction)" in text
    assert f"the strongest {word} by Cohen’s conventions; " in text
    assert text.endswith("500\u00a0households")


def test_the_verdict_counts_tested_links_only(codebook):
    table = links(codebook, [0.2, 0.2], ["small", "small"], p_holm=[0.01, 1.0])
    levelled = table.assign(p_value=None, p_holm=None, n=900, magnitude="large")
    text = demographics.judge_links(pd.concat([table.assign(n=[400, 500]), levelled]))
    assert "1 of 2 demographic links is beyond chance" in text
    assert "the strongest small" in text
    assert text.endswith("400\u00a0to\u00a0500 households")


def test_large_effects_that_may_be_chance_are_not_called_links(codebook):
    table = links(codebook, [0.9], ["large"], p_holm=0.2)
    text = demographics.judge_links(table)
    assert text.startswith("Not one of 1 demographic link with the segments is beyond chance")
    assert demographics.name_surviving(table, codebook) == (
        "No link survives Holm’s correction over 1 test."
    )


def test_surviving_links_are_named_with_interval_and_p_and_never_ranked_across_measures(codebook):
    table = links(codebook, [0.30, 0.26, 0.35, 0.5], ["medium"] * 3 + ["large"], "wfww")
    table["p_holm"] = [0.0123, 0.0456, 0.05, 0.06]
    text = demographics.name_surviving(table, codebook).replace("\u00a0", " ")
    first, second, third, _ = (codebook[n].title.lower() for n in table["descriptor"])
    assert text == (
        "Links that survive Holm’s correction over 4 tests: "
        f"{second} (f = 0.26, 95% interval 0.21 to 0.60, medium, p = 0.046), "
        f"{third} (w = 0.35, 95% interval 0.30 to 0.60, medium, p = 0.05) and "
        f"{first} (w = 0.30, 95% interval 0.25 to 0.60, medium, p = 0.012)."
    )


def test_what_the_missing_records_change_is_told_by_magnitude(codebook):
    table = links(codebook, [0.08, 0.2], ["negligible", "small"])
    same = table.assign(p_value=None, p_holm=None)
    text = demographics.compare_with_missing(pd.concat([table, same]), codebook)
    assert text == "With the missing records in, every link keeps its magnitude."
    other = same.assign(cohen_effect=[0.12, 0.2], magnitude=["small", "small"])
    first = codebook[table["descriptor"][0]].title.lower()
    text = demographics.compare_with_missing(pd.concat([table, other]), codebook)
    assert text.replace("\u00a0", " ") == (
        f"With the missing records in, the link with {first} goes from negligible to small "
        "(w = 0.08 to 0.12); every other link keeps its magnitude."
    )
    alone = demographics.compare_with_missing(pd.concat([table[:1], other[:1]]), codebook)
    assert alone.endswith("0.12).")


@pytest.mark.parametrize(("p", "verdict"), [(0.05, "missing goes"), (0.2, "cannot be shown to go")])
def test_the_missing_record_is_judged_by_its_own_test(codebook, p, verdict):
    table = links(codebook, [0.3, 0.12], ["medium", "small"], p_holm=[0.001, p])
    table["descriptor"] = [table["descriptor"][0], MISSING]
    text = demographics.judge_missing_record(table, codebook).replace("\u00a0", " ")
    assert verdict in text
    assert f"(w = 0.12, 95% interval 0.07 to 0.60, p = {p})" in text


def test_a_larger_magnitude_goes_before_a_larger_number(codebook):
    table = links(codebook, [0.29, 0.26], ["small", "medium"], "wf")
    assert demographics.order_by_magnitude(table)["magnitude"].tolist() == ["medium", "small"]


def test_only_tested_descriptors_with_codes_are_ranked(codebook):
    table = links(codebook, [0.1] * 10, ["small"] * 10)
    table["cohen_effect"] = range(10)
    missing = table[:1].assign(descriptor=MISSING, cohen_effect=99)
    levelled = table.assign(p_value=None, cohen_effect=99)
    ranked = demographics.rank_descriptors(pd.concat([table, missing, levelled]), codebook, 3)
    assert ranked == ["television", "children", "homemaker_education"]


@pytest.fixture
def shares() -> pd.DataFrame:
    """Four codes of one descriptor in two segments; the last two codes are rare."""
    table = pd.DataFrame(
        {
            "segment": ["A"] * 4 + ["B"] * 4,
            "variable": "television",
            "code": [1, 2, 3, 4] * 2,
            "label": ["yes", "no", "broken", "sold"] * 2,
            "households": [8, 30, 1, 1, 42, 16, 2, 0],
        }
    )
    table["share"] = table["households"] / table.groupby("segment")["households"].transform("sum")
    table["total_share"] = table.groupby("code")["households"].transform("sum") / 100
    return table


def test_rare_codes_stand_together_with_a_residual_of_their_own(shares):
    rare_in_the_middle = shares.iloc[[0, 2, 1, 3, 4, 6, 5, 7]]
    grouped = demographics.group_rare_codes(rare_in_the_middle, 0.05)
    grouped = grouped.sort_values("segment", kind="stable", ignore_index=True)
    assert grouped["label"].tolist() == ["yes", "no", "rarer codes"] * 2
    assert grouped["segment"].tolist() == ["A"] * 3 + ["B"] * 3
    assert grouped["households"].tolist() == [8, 30, 2, 42, 16, 2]
    assert grouped["total_share"].tolist() == pytest.approx([0.5, 0.46, 0.04] * 2)
    assert grouped["share"].tolist() == pytest.approx([0.2, 0.75, 0.05, 0.7, 16 / 60, 2 / 60])
    for column in range(3):
        counts = grouped["households"].to_numpy().reshape(2, 3)
        fourfold = [[row[column], row.sum() - row[column]] for row in counts]
        chi2 = chi2_contingency(fourfold, correction=False).statistic
        assert grouped["residual"][column] ** 2 == pytest.approx(chi2)
        assert grouped["residual"][column + 3] == pytest.approx(-grouped["residual"][column])


def test_a_single_rare_code_keeps_its_name(shares):
    grouped = demographics.group_rare_codes(shares, 0.02)
    assert grouped["label"].tolist() == ["yes", "no", "broken", "sold"] * 2
    assert grouped["segment"].tolist() == ["A"] * 4 + ["B"] * 4


def test_what_stands_out_most_is_named_with_segment_code_and_base(shares, codebook):
    grouped = demographics.group_rare_codes(shares, 0.05)
    text = demographics.find_strongest_cell(grouped, codebook).replace("\u00a0", " ")
    assert text == (
        "What stands out most: television at home, yes, is 20% of A (8 of 40 households), "
        "50% of all (n = 100 households)"
    )
    calm = grouped.assign(residual=[1.9, -1.9, None] * 2)
    text = demographics.find_strongest_cell(calm, codebook)
    assert text.startswith("No code is notably more or less frequent")
    assert "between -2 and 2" in text
