"""Sentences about the segments follow the tables, also when the finding reverses."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from customer_segmentation.findings import segments
from customer_segmentation.panel.codebook import Role
from customer_segmentation.segments.specification import Criterion, Naming, Persona


def sizes(counts: dict[str, int], thin: int = 0) -> pd.DataFrame:
    table = pd.DataFrame({"segment": list(counts), "households": list(counts.values())})
    table["share"] = table["households"] / table["households"].sum()
    return table.assign(thin_households=[thin, *[0] * (len(counts) - 1)])


def profiles(variable: str, means: dict[str, float], total: float, n: int = 100) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "segment": list(means),
            "variable": variable,
            "n": n,
            "mean": list(means.values()),
            "total_mean": total,
            "index_to_total": [100 * mean / total for mean in means.values()],
            "standardised_mean": [mean - total for mean in means.values()],
        }
    )


def candidates(chosen: int, ari: dict[int, float], q10: float, silhouette: float) -> pd.DataFrame:
    ks = list(ari)
    return pd.DataFrame(
        {
            "specification": "s",
            "k": ks,
            "global_ari_median": list(ari.values()),
            "global_ari_q10": q10,
            "silhouette": silhouette,
            "chosen": [k == chosen for k in ks],
        }
    )


def test_sizes_name_every_segment_largest_first():
    text = segments.summarise_sizes(sizes({"Segment 1": 20, "Segment 2": 70, "Segment 10": 10}))
    assert text.startswith("100 households fall into 3 segments: ")
    assert re.findall(r"(Segment \d+) \((\d+)%", text) == [
        ("Segment 2", "70"),
        ("Segment 1", "20"),
        ("Segment 10", "10"),
    ]


@pytest.mark.parametrize(("thin", "said"), [(0, "Every household"), (1, "1 household,")])
def test_thin_records_are_counted_apart(thin, said):
    assert said in segments.count_thin_records(sizes({"A": 5, "B": 5}, thin))


def test_steadiness_reverses_with_the_quantile():
    steady = segments.judge_steadiness(candidates(3, {3: 0.9}, 0.70, 0.3), 0.70)
    shaky = segments.judge_steadiness(candidates(3, {3: 0.9}, 0.69, 0.3), 0.70)
    assert steady == "The 3 segments are reproducible."
    assert shaky == "The 3 segments are not steady enough to rely on."


@pytest.mark.parametrize(
    ("silhouette", "words"),
    [(0.8, "lie far apart"), (0.6, "lie apart"), (0.3, "without clear gaps"), (-0.1, "no gaps")],
)
def test_separation_has_the_words_of_its_authors(silhouette, words):
    text = segments.judge_separation(candidates(4, {4: 0.5}, 0.5, silhouette))
    assert words in text
    assert f"{silhouette:.2f}" in text


def test_all_tied_numbers_of_segments_are_named():
    text = segments.compare_numbers_of_segments(
        candidates(4, {2: 0.901, 3: 0.899, 4: 0.5}, 0.4, 0.2)
    )
    assert "4 were chosen" in text
    assert "steadiest: 2 and 3 (median adjusted Rand index 0.90)" in text


def test_other_specifications_are_not_compared():
    other = candidates(9, {5: 1.0}, 1.0, 1.0).assign(specification="other", chosen=False)
    text = segments.compare_numbers_of_segments(
        pd.concat([candidates(3, {2: 0.1, 3: 0.2}, 0.1, 0.1), other])
    )
    assert text.startswith("Of 2 to 3 segments")


def test_leaders_change_with_the_table(codebook):
    rate = codebook.column(Role.REPEAT_RATE)
    first = segments.name_leaders(profiles(rate, {"A": 0.8, "B": 0.2}, 0.5), [rate], codebook)
    second = segments.name_leaders(profiles(rate, {"A": 0.2, "B": 0.8}, 0.5), [rate], codebook)
    assert first.startswith("Highest on average: A (repeat rate 80% of purchases)")
    assert second == first.replace("A (", "B (")
    assert "200\u00a0households" in first


def test_no_segment_leads_where_all_print_alike(codebook):
    rate = codebook.column(Role.REPEAT_RATE)
    table = profiles(rate, {"A": 0.501, "B": 0.499}, 0.5)
    assert "all segments (" in segments.name_leaders(table, [rate], codebook)
    assert "no difference" in segments.contrast(table, rate, codebook)


def test_a_contrast_gives_every_mean_and_the_total(codebook):
    value = codebook.column(Role.VALUE)
    text = segments.contrast(profiles(value, {"A": 900.0, "B": 1500.0}, 1234.0), value, codebook)
    assert (
        text == "Amount paid (rupees): B 1,500 and A 900, against 1,234 in all eligible households."
    )


def test_the_largest_gap_may_lie_below_the_total(codebook):
    low, high = codebook.column(Role.LOYALTY_LOW), codebook.column(Role.REPEAT_RATE)
    table = pd.concat([profiles(low, {"A": 0.1, "B": 0.5}, 0.5), profiles(high, {"A": 0.7}, 0.5)])
    text = segments.find_largest_gap(table, [low, high], codebook)
    assert "A in largest brand share, lower bound, 10% against 50%" in text


def test_no_gap_is_called_none(codebook):
    rate = codebook.column(Role.REPEAT_RATE)
    table = profiles(rate, {"A": 0.5, "B": 0.5}, 0.5)
    assert segments.find_largest_gap(table, [rate], codebook).startswith("No share differs")


def test_equal_amounts_do_not_differ(codebook):
    value = codebook.column(Role.VALUE)
    same = profiles(value, {"A": 10.0, "B": 10.0}, 10.0)
    assert "does not differ" in segments.compare_amounts(same, [value], codebook)
    other = profiles(value, {"A": 5.0, "B": 15.0}, 10.0)
    assert "B 150, A 50" in segments.compare_amounts(other, [value], codebook)


def test_what_sets_a_segment_apart_is_ranked_by_standard_deviations(codebook):
    low, rate = codebook.column(Role.LOYALTY_LOW), codebook.column(Role.REPEAT_RATE)
    table = pd.concat([profiles(low, {"A": 0.6}, 0.5), profiles(rate, {"A": 0.1}, 0.5)])
    facts = segments.set_apart(table, "A", [low, rate], codebook, 2)
    assert [fact.label for fact in facts] == ["Repeat rate", "Largest share (low)"]
    assert [fact.higher for fact in facts] == [False, True]
    assert (facts[0].value, facts[0].total) == ("10% of purchases", "50%")


def test_a_rule_is_told_in_words_and_a_number_has_none(codebook):
    rate = codebook.column(Role.REPEAT_RATE)
    criterion = Criterion(variable=rate, level="low", minimum=1, foremost=True)
    naming = Naming(
        personas=(Persona(name="A", signature=(criterion,)),),
        minimum_margin=0,
        when_unmatched="number",
    )
    told = segments.explain_rule("A", naming, codebook)
    assert "repeat rate at least 1 standard deviation below the total, below every other" in told
    assert "Numbered by size" in segments.explain_rule("Segment 1", naming, codebook)
