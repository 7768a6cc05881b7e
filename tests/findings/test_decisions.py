"""Sentences about sets of segments, golden questions, a mailing, and slices of households."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import pandas as pd
import pytest

from customer_segmentation.classification.parameters import Campaign
from customer_segmentation.findings import campaign, claims, fairness, golden_questions, uncertainty
from customer_segmentation.panel.codebook import Role
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
    assert text.startswith("The sets hold the true segment of 91.3%, a single one for 4% (people")
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
    bought = golden_questions.tell_questions(
        table.assign(field=table["field"].replace(fields[0], codebook.column(Role.VALUE))),
        headline(),
        codebook,
        LABELS,
    )["demographics"]
    assert "Amount paid cannot be asked outright: it takes a record of purchases. The" in bought
    assert "be asked outright" not in told["demographics"]
    purchases = table["field"].where(table["field"] == "", codebook.column(Role.VALUE))
    each = golden_questions.tell_questions(
        table.assign(field=purchases), headline(), codebook, LABELS
    )
    assert "These cannot be asked outright: they take a record" in each["demographics"]
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
    assert "0.002 below (standard error 0.006). The search ended there; a longer list" in told
    assert "5, where the search ended, of 12 (" in golden_questions.title_questions(
        fewer, 9, LABELS
    )
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
    assert told["demographics"].startswith("People only: of 54 mailed households 16.2 (30.1%) are")
    assert "lift 1.50 (0.90 to 2.10) of at most 5.00, not told apart" in told["demographics"]
    assert told["source_study"].count("more than at random") == 1
    assert told["demographics"].endswith("With thin records: 17.2 of 60, lift 1.45.")
    title = campaign.title_lift(campaign.find_depth(gains, 0.1), 543)
    quoted = gains[gains["depth"] == 0.1]
    better, highest = (quoted["lift_low"] > 1).sum(), quoted["lift"].max()
    assert f"by {better} of {len(quoted)} information sets stand clearly more" in title
    assert f"lift 1.50 to {highest:.2f}, n" in title


def declare(cost: float, value: float) -> Campaign:
    return Campaign(
        segment="A",
        information_set="people",
        currency="crowns",
        contact_cost=cost,
        success_value=value,
        depths=(0.1, 1.0),
    )


@pytest.mark.parametrize(
    ("cost", "value", "told"),
    [
        (10, 60, "It pays if more than 16.7% belong to the segment; here 10.0% do."),
        (10, 5, "No contact pays: it costs more than a household of the segment is worth."),
        (0, 0, "Nothing is won or lost."),
        (0, 5, "It pays if more than 0.0% belong to the segment; here 10.0% do."),
    ],
)
def test_whether_it_pays_to_mail_everybody_follows_cost_and_value(cost, value, told):
    row: dict[Hashable, Any] = {"segment": "A", "base_rate": 0.1, "profit": -1234.0}
    row |= {"profit_low": -2000.0, "profit_high": 50.0, "hits": 40.0}
    assert campaign.tell_everybody(row, declare(cost, value)) == (
        f"If a contact costs {cost} crowns and each household of A reached is worth {value}, "
        f"mailing everybody yields \u22121,234 (\u22122,000 to 50) crowns. {told}"
    )
    members = f"{40 * (value - cost):,}".replace("-", "\u2212")
    assert campaign.tell_members(row, declare(cost, value)).endswith(
        f"mailing only the 40 who belong to the segment yields {members}."
    )


def test_profits_are_told_with_the_cost_that_they_were_reckoned_with():
    now = declare(1, 2)
    then = campaign.find_declared(typing_tables.campaign_gains(), now)
    assert (then.segment, then.contact_cost, then.success_value) == ("Promo Shoppers", 10, 60)
    assert (then.currency, then.depths) == ("rupees", now.depths)


def test_the_best_list_is_the_one_that_yields_most_short_of_everybody():
    gains = typing_tables.campaign_gains()
    best = campaign.find_best_lists(gains)
    assert best["information_set"].tolist() == list(dict.fromkeys(gains["information_set"]))
    for row in best.to_dict("records"):
        own = gains[(gains["information_set"] == row["information_set"]) & (gains["depth"] < 1)]
        assert row["profit"] == own["profit"].max()
    flat = campaign.find_best_lists(gains.assign(profit=7.0))
    assert set(flat["depth"]) == {0.05}  # of equal profits the shorter list


def test_a_list_is_told_with_what_it_yields_beyond_everybody_and_where_its_order_helps():
    gains = typing_tables.campaign_gains()
    told = campaign.tell_lists(gains, campaign.find_best_lists(gains), declare(10, 60), LABELS)
    people = next(each for each in told if each.startswith("People only (prediction)"))
    own = gains[(gains["information_set"] == "demographics") & (gains["depth"] < 1)]
    profit = own["profit"].max()
    beyond = profit - 543 * (60 * 0.2 - 10)
    low, high = f"{beyond - 250:+,.0f}".replace("-", "\u2212"), f"{beyond + 250:+,.0f}"
    assert f"mails 50% and yields {profit:,.0f} (" in people
    assert f"crowns, +{beyond:,.0f} ({low} to {high}) against mailing everybody" in people
    assert ("not told apart" in people) == (beyond < 250)


@pytest.mark.parametrize(("low", "high", "is_told"), [(0.1, 0.2, True), (0.17, 0.2, False)])
def test_a_mix_of_the_strata_in_which_nobody_should_be_mailed_is_told(low, high, is_told):
    table = pd.DataFrame({"segment": ["B", "A"], "mix_low": [0.0, low], "mix_high": [0.9, high]})
    told = campaign.doubt_mix({"segment": "A"}, table, declare(10, 60), "class")
    assert bool(told) is is_told  # a contact pays from one in six on
    if is_told:
        assert "over all mixes of class the share lies between 10.0% and 20.0%, on both" in told
    assert campaign.doubt_mix({"segment": "A"}, table, declare(10, 0), "class") == ""


@pytest.mark.parametrize(
    ("lows", "told"),
    [
        ([1.2, 1.1, 1.01], "its order beats a random one at every depth"),
        ([0.9, 1.1, 1.01], "its order beats a random one at 20% to 30% mailed"),
        ([1.2, 0.9, 1.01], "its order beats a random one at 10% and 30% mailed"),
        ([0.9, 1.1, 0.8], "its order beats a random one at 20% mailed"),
        ([0.9, 1.0, 0.8], "its order is at no depth told apart from a random one"),
    ],
)
def test_the_depths_at_which_an_order_helps_are_named(lows, told):
    gains = pd.DataFrame({"depth": [0.1, 0.2, 0.3, 1.0], "lift_low": [*lows, 1.0]})
    assert campaign.tell_order(gains) == told


def test_the_title_counts_the_sets_whose_list_is_worth_it():
    gains = typing_tables.campaign_gains()
    best, everybody = campaign.find_best_lists(gains), campaign.find_everybody(gains)
    worth = (best["over_everybody_low"] > 0).sum()
    title = campaign.title_profit(best, everybody, declare(10, 60), 543)
    assert f"The best lists of {worth} of {len(best)} information sets" in title
    assert "mailing everybody, which brings 1,086 crowns" in title
    nobody = campaign.title_profit(best, dict(everybody) | {"profit": -5.0}, declare(10, 60), 543)
    assert "mailing nobody, which brings 0 crowns" in nobody


def slices(codebook, gains: list[float], sizes: Sequence[int] = ()) -> pd.DataFrame:
    """Slices of one field; the accuracy differs by 0.02 more than the gain."""
    names = list("ABCDEFGH")[: len(gains)]
    table = pd.DataFrame({"slice": names, "gain_difference": gains})
    table = table.assign(information_set="people", field=codebook.fields[1].name, n=sizes or 50)
    return table.assign(
        difference=table["gain_difference"] + 0.02,
        difference_low=table["gain_difference"] - 0.01,
        difference_high=table["gain_difference"] + 0.05,
        gain_low=table["gain_difference"] - 0.03,
        gain_high=table["gain_difference"] + 0.03,
    )


def test_clear_differences_stand_beside_what_chance_would_show(codebook):
    table = slices(codebook, [0.029, -0.06, 0.02, -0.049])
    text = fairness.count_differences(table, 0.95, LABELS)
    assert text.startswith("Intervals that exclude no difference: 2 of 4 (people only); if")
    assert "about 5% of them would by chance, 0.2 per information set" in text
    # 0.02 more they are 0.049, -0.04, 0.04 and -0.029: all but the last lie 0.03 from 0.
    assert "accuracy differs clearly in 3 of 4 (people only), but it also" in text
    title = fairness.title_slices(table, 543, codebook, LABELS)
    assert title.startswith("People only: 2 of 4 slices with a clear difference in what is gained")
    assert (
        "largest is \u22126.0 (\u22129.0 to \u22123.0) points for socio-economic class, B" in title
    )


def test_where_nothing_is_gained_no_difference_is_called_fair():
    table = headline()
    (better,) = table.loc[table["information_set"] == "source_study", "verdict"]
    assert (fairness.doubt_slices(table, "source_study") == "") is (better == claims.BETTER)
    open_ones = table.assign(verdict=claims.OPEN)
    assert "emptiness, not fairness" in fairness.doubt_slices(open_ones, "source_study")


def test_of_two_slices_that_mirror_each_other_the_smaller_counts(codebook):
    table = slices(codebook, [0.04, -0.04], [90, 20])
    assert fairness.drop_mirrored(table)["slice"].tolist() == ["B"]
    equal = slices(codebook, [0.04, -0.04], [50, 50])
    assert fairness.drop_mirrored(equal)["slice"].tolist() == ["A"]
    three = slices(codebook, [0.04, -0.04, 0.0], [90, 20, 30])
    assert len(fairness.drop_mirrored(three)) == 3
    both = pd.concat([table, three.assign(information_set="more")], ignore_index=True)
    assert fairness.drop_mirrored(both)["slice"].tolist() == ["B", "A", "B", "C"]


def test_a_slice_of_everybody_has_no_difference(codebook):
    table = fairness.drop_mirrored(slices(codebook, [float("nan"), -0.04]))
    title = fairness.title_slices(table, 543, codebook, LABELS)
    assert title.startswith("People only: 1 of 1 slice with a clear difference")
    text = fairness.count_differences(table, 0.95, LABELS)
    assert text.startswith("Intervals that exclude no difference: 1 of 1 (people only)")
    nobody = fairness.drop_mirrored(slices(codebook, [float("nan")]))
    assert fairness.title_slices(nobody, 543, codebook, LABELS) == fairness.NOTHING
    assert fairness.count_differences(nobody, 0.95, LABELS) == f"{fairness.NOTHING}."
