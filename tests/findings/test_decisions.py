"""Sentences about sets of segments, golden questions, a mailing, and slices of households."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pandas as pd
import pytest

from customer_segmentation.findings import campaign, claims, fairness, golden_questions, uncertainty
from customer_segmentation.typing_tool.parameters import Campaign
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
        (
            [0.95, 0.89],
            "Of 2 groups, none lies below the target by the whole interval; by chance about 5.0%",
        ),
        ([0.95, 0.87], "Of 2 groups, 1 lies below the target by the whole interval: B ("),
        ([0.8, 0.87], "Of 2 groups, 2 lie below the target by the whole interval: A (people"),
    ],
)
def test_a_group_is_missed_by_its_whole_interval(coverages, told):
    groups = zip(["segment", "stratum"], ["A", "B"], coverages, strict=True)
    table = coverage(("all", "all", 0.5), *groups)  # the whole is no group
    assert uncertainty.count_missed_groups(table, 0.9, 0.9, LABELS).startswith(told)


def test_without_sets_of_segments_it_is_said():
    empty = coverage().astype({"coverage": float})
    assert uncertainty.title_coverage(empty, 0.9, LABELS) == uncertainty.NOTHING
    assert uncertainty.tell_sizes(empty, 3, LABELS) == []
    assert uncertainty.count_missed_groups(empty, 0.9, 0.95, LABELS).startswith(
        "No information set"
    )


def headline() -> pd.DataFrame:
    return claims.find_headline(typing_tables.classifier_metrics(), "nested_cv")


def test_the_recommended_fields_are_those_before_and_with_the_recommended_row(codebook):
    table = typing_tables.golden_questions()
    told = golden_questions.tell_questions(table, headline(), codebook, LABELS)
    fields = table.loc[table["information_set"] == "demographics", "field"].tolist()
    assert told["demographics"].startswith("People only: ask for socio-economic class, food")
    assert codebook[fields[2]].label.lower() in told["demographics"].lower()
    assert codebook[fields[3]].label.lower() not in told["demographics"].lower()
    assert (
        "by logistic regression log loss 0.914, right for 60.0%. Its log loss with all fields is "
        "0.900: the list’s is 0.014 above (standard error 0.006)." in told["demographics"]
    )
    assert told["demographics"].endswith(
        "The whole procedure with all fields: log loss 0.705, right for 59.0%; always naming the "
        "largest segment: 58.0%."
    )
    unknown = golden_questions.tell_questions(
        table.assign(excess_se=float("nan")), headline(), codebook, LABELS
    )
    assert "0.014 above. The whole" in unknown["demographics"]
    title = golden_questions.title_questions(table, 543, LABELS)
    assert "lowest log loss: 3 of 12 (a part) and 3 of 12 (people only); " in title


def test_a_set_that_needs_all_fields_recommends_no_list(codebook):
    table = typing_tables.golden_questions({"demographics": "prediction"})
    table = table.assign(recommended=table["field"] == "")
    (told,) = golden_questions.tell_questions(table, headline(), codebook, LABELS).values()
    assert "no short list comes near enough, all 12 fields are needed" in told
    fewer = table.assign(recommended=table["n_fields"] == 5)  # better than all fields
    (told,) = golden_questions.tell_questions(fewer, headline(), codebook, LABELS).values()
    assert "the list’s is 0.002 below (standard error 0.006). The search ended there." in told
    assert golden_questions.title_questions(table.head(0), 9, LABELS) == golden_questions.NOTHING


def test_a_set_of_one_field_has_nothing_to_choose(codebook):
    table = typing_tables.golden_questions({"demographics": "prediction"}).iloc[[0]]
    table = table.assign(n_fields=1, recommended=True)
    for field in (table["field"].iloc[0], ""):
        (told,) = golden_questions.tell_questions(
            table.assign(field=field), headline(), codebook, {}
        ).values()
        assert told.startswith("Demographics: there is one field only; by logistic regression")


@pytest.mark.parametrize(("wanted", "depth"), [(0.1, 0.1), (0.3, 0.2), (0.01, 0.05), (1.0, 1.0)])
def test_the_quoted_depth_is_the_nearest(wanted, depth):
    quoted = campaign.find_depth(typing_tables.campaign_gains(), wanted)
    assert quoted["depth"].tolist() == [depth] * len(typing_tables.SETS)


def test_a_lift_that_may_be_chance_is_not_called_more():
    gains = typing_tables.campaign_gains()
    told = campaign.tell_gains(campaign.find_depth(gains, 0.1), LABELS)
    assert told["demographics"].startswith("People only: of 54 mailed households 16.2 (30%) are")
    assert "lift 1.50 (0.90 to 2.10) of at most 5.00, not told apart" in told["demographics"]
    assert told["source_study"].count("more than at random") == 1
    assert told["demographics"].endswith("With thin records: 17.2 of 60, lift 1.45.")
    title = campaign.title_lift(campaign.find_depth(gains, 0.1), 543, LABELS)
    assert "1.68 (a part) and 1.50 (people only)" in title


def profit(cost: float, value: float, depth: float = 1.0) -> str:
    row: dict[Hashable, Any] = {
        "segment": "A",
        "depth": 0.1,
        "profit": -1234.0,
        "mailed": 50,
        "base_rate": 0.1,
    }
    row |= {"profit_low": -2000.0, "profit_high": 50.0}
    row |= {"extra_profit": -12.0, "extra_low": -80.0, "extra_high": 7.0}
    declared = Campaign(
        segment="A", information_set="people", contact_cost=cost, success_value=value, depths=(0.1,)
    )
    deepest: dict[Hashable, Any] = {"depth": depth, "profit": -4321.0}
    return campaign.tell_profit(row, deepest, declared, "people only")


def test_a_loss_keeps_its_sign():
    assert profit(10, 60) == (
        "If a contact costs 10 and each household of A reached is worth 60, mailing the likeliest "
        "10% by people only yields \u22121,234 (\u22122,000 to 50), \u221212 (\u221280 to 7) "
        "more than as many households at random, not told apart from nothing. Mailing at random "
        "pays if more than 16.7% belong to the segment; here 10.0% do. "
        "Mailing 100% yields \u22124,321."
    )


def test_an_extra_profit_is_in_doubt_only_where_its_interval_holds_nothing():
    row: dict[Hashable, Any] = {"segment": "A", "depth": 0.1, "base_rate": 0.1, "profit": 9.0}
    row |= {"profit_low": 1.0, "profit_high": 20.0, "extra_profit": 8.0, "extra_high": 12.0}
    declared = Campaign(
        segment="A", information_set="people", contact_cost=1, success_value=5, depths=(0.1,)
    )
    for low, doubt in ((0.5, False), (-0.5, True)):
        told = campaign.tell_profit(row | {"extra_low": low}, row, declared, "people only")
        assert ("not told apart" in told) is doubt


@pytest.mark.parametrize(
    ("cost", "value", "told"),
    [
        (10, 5, "No contact pays: it costs more than a household of the segment is worth."),
        (0, 0, "Nothing is won or lost."),
        (0, 5, "Mailing at random pays if more than 0.0% belong to the segment; here 10.0% do."),
    ],
)
def test_whom_it_pays_to_mail_follows_cost_and_value(cost, value, told):
    assert profit(cost, value, depth=0.1).endswith(told)  # and no depth is told twice


def slices(codebook, differences: list[float], reach: float = 0.03) -> pd.DataFrame:
    field = codebook.fields[1].name
    table = pd.DataFrame({"slice": list("ABCDEFGH")[: len(differences)], "difference": differences})
    table = table.assign(information_set="people", field=field)
    gain = table["difference"] - 0.02
    return table.assign(
        difference_low=table["difference"] - reach,
        difference_high=table["difference"] + reach,
        gain_difference=gain,
        gain_low=gain - reach,
        gain_high=gain + reach,
    )


def test_clear_differences_stand_beside_what_chance_would_show(codebook):
    table = slices(codebook, [0.049, -0.04, 0.02, -0.009])
    text = fairness.count_differences(table, 0.95, LABELS)
    assert text.startswith("Intervals that exclude no difference: 2 of 4 (people only)")
    assert "about 5% of them would by chance, 0.2 per information set" in text
    # Less 0.02 they are 0.03, -0.06, 0 and -0.03: only the second lies more than 0.03 from 0.
    assert text.endswith("the largest segment, 1 (people only) have an interval without 0.")
    title = fairness.title_slices(table, 543, codebook, LABELS)
    assert title.startswith("People only: 2 slices of 4 with a clear difference")
    assert "the largest is +4.9 points for socio-economic class, A" in title


def test_a_slice_of_everybody_has_no_difference(codebook):
    table = slices(codebook, [float("nan"), -0.04])
    title = fairness.title_slices(table, 543, codebook, LABELS)
    assert title.startswith("People only: 1 slice of 1 with a clear difference")
    text = fairness.count_differences(table, 0.95, LABELS)
    assert text.startswith("Intervals that exclude no difference: 1 of 1 (people only)")
    assert fairness.title_slices(table.head(1), 543, codebook, LABELS) == fairness.NOTHING
    assert fairness.count_differences(table.head(1), 0.95, LABELS) == f"{fairness.NOTHING}."
