"""Sentences about sets of segments, golden questions, a mailing, and slices of households."""

from __future__ import annotations

import pandas as pd
import pytest

from customer_segmentation.findings import campaign, fairness, golden_questions, uncertainty
from tests.figures import typing_tables

LABELS = {"people": "People only", "demographics": "People only", "source_study": "A part"}


def coverage(*rows: tuple[str, str, float]) -> pd.DataFrame:
    columns = ["group_by", "group", "coverage"]
    table = pd.DataFrame(rows, columns=columns).assign(information_set="people", n=200)
    table["coverage_low"] = table["coverage"] - 0.02
    table["coverage_high"] = table["coverage"] + 0.02
    return table.assign(mean_set_size=2.345, singletons=0.04)


def test_coverage_stands_beside_its_target():
    table = coverage(("all", "all", 0.913), ("segment", "A", 0.7))
    text = uncertainty.title_coverage(table, 0.9, LABELS)
    assert text.startswith("The sets hold the true segment for 91.3% (people only)")
    assert "the target is 90%; " in text
    (told,) = uncertainty.tell_sizes(table, 3, LABELS)
    assert "holds 2.35 of 3 segments on average, and a single one for 4%" in told
    assert "91.3% (89.3% to 93.3%)" in told


@pytest.mark.parametrize(
    ("coverages", "told"),
    [
        ([0.95, 0.89], "Of 2 groups, none lies below the target by the whole interval."),
        ([0.95, 0.87], "Of 2 groups, 1 lies below the target by the whole interval: B ("),
        ([0.8, 0.87], "Of 2 groups, 2 lie below the target by the whole interval: A (people"),
    ],
)
def test_a_group_is_missed_by_its_whole_interval(coverages, told):
    groups = zip(["segment", "stratum"], ["A", "B"], coverages, strict=True)
    table = coverage(("all", "all", 0.5), *groups)  # the whole is no group
    assert uncertainty.count_missed_groups(table, 0.9, LABELS).startswith(told)


def test_without_sets_of_segments_it_is_said():
    empty = coverage().astype({"coverage": float})
    assert uncertainty.title_coverage(empty, 0.9, LABELS) == uncertainty.NOTHING
    assert uncertainty.tell_sizes(empty, 3, LABELS) == []
    assert uncertainty.count_missed_groups(empty, 0.9, LABELS).startswith("No information set")


def test_the_recommended_fields_are_those_before_and_with_the_recommended_row(codebook):
    table = typing_tables.golden_questions()
    told = golden_questions.tell_questions(table, codebook, LABELS)
    fields = table.loc[table["information_set"] == "demographics", "field"].tolist()
    assert told["demographics"].startswith("People only: ask for socio-economic class, food")
    assert codebook[fields[2]].label.lower() in told["demographics"].lower()
    assert codebook[fields[3]].label.lower() not in told["demographics"].lower()
    assert "The log loss is 0.014 above that of all fields" in told["demographics"]
    title = golden_questions.title_questions(table, 543, LABELS)
    assert "lie the first 3 of 12 fields (a part) and 3 of 12 fields (people only)" in title


def test_a_set_that_needs_all_fields_recommends_no_list(codebook):
    table = typing_tables.golden_questions({"demographics": "prediction"})
    table = table.assign(recommended=table["field"] == "")
    (told,) = golden_questions.tell_questions(table, codebook, LABELS).values()
    assert "no short list comes near enough, all 12 fields are needed" in told
    fewer = table.assign(recommended=table["n_fields"] == 5)  # better than all fields
    (told,) = golden_questions.tell_questions(fewer, codebook, LABELS).values()
    assert "The log loss is 0.002 below that of all fields" in told
    assert golden_questions.title_questions(table.head(0), 9, LABELS) == golden_questions.NOTHING


@pytest.mark.parametrize(("wanted", "depth"), [(0.1, 0.1), (0.3, 0.2), (0.01, 0.05), (1.0, 1.0)])
def test_the_quoted_depth_is_the_nearest(wanted, depth):
    quoted = campaign.find_depth(typing_tables.campaign_gains(), wanted)
    assert quoted["depth"].tolist() == [depth] * len(typing_tables.SETS)


def test_a_lift_that_may_be_chance_is_not_called_more():
    gains = typing_tables.campaign_gains()
    told = campaign.tell_gains(campaign.find_depth(gains, 0.1), LABELS)
    assert told["demographics"].startswith("People only: of 54 mailed households 16 are Promo")
    assert "lift 1.50 (0.90 to 2.10) of at most 5.00, not told apart" in told["demographics"]
    assert told["source_study"].count("more than at random") == 1
    assert told["demographics"].endswith("With thin records: 17 of 60, lift 1.45.")
    title = campaign.title_lift(campaign.find_depth(gains, 0.1), 543, LABELS)
    assert "1.68 (a part) and 1.50 (people only)" in title


def test_a_loss_keeps_its_sign():
    row = {"segment": "A", "depth": 0.1, "profit": -1234.0, "mailed": 50, "base_rate": 0.1}
    row |= {"profit_low": -2000.0, "profit_high": 50.0}
    text = campaign.tell_profit(row, 10, 60, "people only")
    assert text.startswith("If a contact costs 10 and each of the A reached is worth 60, ")
    at_random = 50 * 0.1 * 60 - 50 * 10
    assert "yields \u22121,234 (\u22122,000 to 50); as many households at random, " in text
    assert text.endswith(f"\u2212{-at_random:.0f}.")


def slices(codebook, differences: list[float], reach: float = 0.03) -> pd.DataFrame:
    field = codebook.fields[1].name
    table = pd.DataFrame({"slice": list("ABCDEFGH")[: len(differences)], "difference": differences})
    table = table.assign(information_set="people", field=field)
    return table.assign(
        difference_low=table["difference"] - reach, difference_high=table["difference"] + reach
    )


def test_clear_differences_stand_beside_what_chance_would_show(codebook):
    table = slices(codebook, [0.05, -0.04, 0.02, -0.01])
    text = fairness.count_differences(table, 0.95, LABELS)
    assert text.startswith("Intervals that exclude no difference: 2 of 4 (people only)")
    assert "about 5% of them would by chance, 0.2 per information set" in text
    title = fairness.title_slices(table, 543, codebook, LABELS)
    assert title.startswith("People only: 2 slices of 4 with a clear difference")
    assert "the largest is +5.0 points for socio-economic class, A" in title


def test_a_slice_of_everybody_has_no_difference(codebook):
    table = slices(codebook, [float("nan"), -0.04])
    title = fairness.title_slices(table, 543, codebook, LABELS)
    assert title.startswith("People only: 1 slice of 1 with a clear difference")
    assert fairness.title_slices(table.head(1), 543, codebook, LABELS).startswith("No slice")
