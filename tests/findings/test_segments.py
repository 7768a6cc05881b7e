"""Sentences about the segments follow the tables, also when the finding reverses."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from customer_segmentation.findings import personas, segments
from customer_segmentation.panel.codebook import Role


def sizes(counts: dict[str, int], thin: int = 0) -> pd.DataFrame:
    table = pd.DataFrame({"segment": list(counts), "households": list(counts.values())})
    table["share"] = table["households"] / table["households"].sum()
    return table.assign(thin_households=[thin, *[0] * (len(counts) - 1)])


def profiles(
    variable: str, means: dict[str, float], total: float, n: int = 100, error: float = 0.0
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "segment": list(means),
            "variable": variable,
            "n": n,
            "mean": list(means.values()),
            "mean_low": [mean - error for mean in means.values()],
            "mean_high": [mean + error for mean in means.values()],
            "total_mean": total,
            "index_to_total": [100 * mean / total for mean in means.values()],
            "standardised_mean": [mean - total for mean in means.values()],
        }
    )


def loyalty(codebook, low: dict[str, float], high: dict[str, float]) -> pd.DataFrame:
    """Profiles of a variable that lies between two others; the total lies between .4 and .5."""
    middle = {name: (low[name] + high[name]) / 2 for name in low}
    bounds = codebook.column(Role.LOYALTY_LOW), codebook.column(Role.LOYALTY_HIGH)
    parts = zip((*bounds, between(codebook)), (low, high, middle), (0.4, 0.5, 0.45), strict=True)
    return pd.concat([profiles(*part) for part in parts])


def between(codebook) -> str:
    return next(variable.name for variable in codebook.derived if variable.bounds)


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


def test_leaders_change_with_the_table(codebook):
    rate = codebook.column(Role.REPEAT_RATE)
    first = segments.name_leaders(profiles(rate, {"A": 0.8, "B": 0.2}, 0.5), [rate], codebook)
    second = segments.name_leaders(profiles(rate, {"A": 0.2, "B": 0.8}, 0.5), [rate], codebook)
    assert first.startswith("Highest mean of households: A (repeat rate 80% of purchases)")
    assert second == first.replace("A (", "B (")
    assert "200\u00a0households" in first


@pytest.mark.parametrize(("error", "clear"), [(40.0, True), (60.0, False)])
def test_a_leader_needs_intervals_that_do_not_meet(codebook, error, clear):
    value = codebook.column(Role.VALUE)
    table = profiles(value, {"A": 1000.0, "B": 1100.0}, 1050.0, error=error)
    title = segments.name_leaders(table, [value], codebook)
    assert ("B (amount paid 1,100 rupees)" in title) is clear
    assert ("no clear leader in amount paid" in title) is not clear
    assert ("B clearly highest" in segments.contrast(table, value, codebook)) is clear
    assert ("A clearly lowest" in segments.contrast(table, value, codebook)) is clear


def test_no_segment_leads_where_all_print_alike(codebook):
    rate = codebook.column(Role.REPEAT_RATE)
    table = profiles(rate, {"A": 0.501, "B": 0.499}, 0.5)
    assert "no clear leader in repeat rate" in segments.name_leaders(table, [rate], codebook)
    assert segments.contrast(table, rate, codebook).endswith(
        "no segment clearly highest or lowest."
    )


def test_a_contrast_gives_every_mean_its_interval_and_those_who_state_it(codebook):
    value = codebook.column(Role.VALUE)
    table = profiles(value, {"A": 900.0, "B": 1500.0}, 1234.0, error=100.0)
    assert segments.contrast(table, value, codebook) == (
        "Amount paid (rupees): B 1,500 (1,400 to 1,600) and A 900 (800 to 1,000), against 1,234 in "
        "all 200 eligible households; B clearly highest and A "
        "clearly lowest."
    )
    stated = pd.concat([table.assign(n=90), profiles("other", {"A": 1.0, "B": 1.0}, 1.0)])
    text = segments.contrast(stated, value, codebook)
    assert "against 1,234 in the 180 eligible households that state it" in text


@pytest.mark.parametrize(("highest_of_b", "clear"), [(0.6, True), (0.75, False)])
def test_what_lies_between_bounds_is_a_range_and_ranked_where_they_do_not_cross(
    codebook, highest_of_b, clear
):
    table = loyalty(codebook, {"A": 0.7, "B": 0.3}, {"A": 0.8, "B": highest_of_b})
    name = between(codebook)
    text = segments.contrast(table, name, codebook)
    ranges = rf"A 70% to 80% \(.*\) and B 30% to {highest_of_b:.0%} \(.*\), against 40% to 50%"
    assert re.search(ranges, text)
    either = "A clearly highest by either bound, though the ranges meet."
    assert text.endswith("A clearly highest and B clearly lowest." if clear else either)
    title = segments.name_leaders(table, [name], codebook)
    assert "A (largest brand share 70% to 80% of volume" in title
    assert ("by either bound" in title) is not clear
    crossed = loyalty(codebook, {"A": 0.7, "B": 0.3}, {"A": 0.8, "B": 0.9})
    assert "no clear leader in largest brand share" in segments.name_leaders(
        crossed, [name], codebook
    )


def test_a_difference_inside_the_noise_sets_nobody_apart(codebook):
    rate = codebook.column(Role.REPEAT_RATE)
    table = profiles(rate, {"A": 0.55}, 0.5, error=0.06)
    assert personas.set_apart(table, "A", [rate], codebook, 3) == []
    assert segments.find_largest_gap(table, [rate], codebook).startswith("No share differs")


def test_the_largest_gap_may_lie_below_the_total(codebook):
    low, high = codebook.column(Role.LOYALTY_LOW), codebook.column(Role.REPEAT_RATE)
    table = pd.concat([profiles(low, {"A": 0.1, "B": 0.5}, 0.5), profiles(high, {"A": 0.7}, 0.5)])
    text = segments.find_largest_gap(table, [low, high], codebook)
    assert "A in largest brand share, lower bound, 10% against 50%" in text


def test_no_gap_is_called_none(codebook):
    rate = codebook.column(Role.REPEAT_RATE)
    table = profiles(rate, {"A": 0.5, "B": 0.5}, 0.5)
    assert segments.find_largest_gap(table, [rate], codebook).startswith("No share differs")


def test_amounts_are_told_where_the_segments_differ_most_and_least(codebook):
    value, price, volume = map(codebook.column, (Role.VALUE, Role.TRANSACTIONS, Role.VOLUME))
    table = pd.concat(
        [
            profiles(value, {"A": 9.0, "B": 11.0}, 10.0),
            profiles(price, {"A": 5.0, "B": 15.0}, 10.0),
            profiles(volume, {"A": 10.0, "B": 10.0}, 10.0),
        ]
    )
    assert segments.compare_amounts(table, [value, price, volume], codebook) == (
        "As an index, the segments’ means lie farthest apart in transactions (50 to 150), closest "
        "in volume bought (100); 100 is the mean of 200 households"
    )
    alone = segments.compare_amounts(table, [value], codebook)
    assert "lie farthest apart in amount paid (90 to 110); 100 is" in alone


def test_the_map_counts_households_that_another_mean_is_nearer_to():
    points = pd.DataFrame(
        {"segment": list("AAABB"), "one": [0, 0, 6, 6, 6], "two": [0, 0, 0, 1, -1]}, dtype=object
    ).astype({"one": float, "two": float})
    # The means are (2, 0) and (6, 0): the third household of A is astray.
    title = segments.judge_map(points, ("one", "two"), {"one": "First score"})
    assert title == (
        "By first score and two alone, 20% of the households lie nearer to the mean of another "
        "segment; n\u00a0=\u00a05\u00a0households"
    )
    assert segments.judge_map(points, ("one", "one"), {}).startswith("By one alone, 20% of")
