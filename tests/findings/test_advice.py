"""Advice follows the tables: where the finding turns, so does what to do."""

from __future__ import annotations

import pandas as pd
import pytest

from customer_segmentation.classification.parameters import Campaign
from customer_segmentation.findings import advice

LABELS = {"little": "Little known", "more": "More known"}


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("natural", "Plan by segment"),
        ("reproducible", "do not call them kinds of people"),
        ("constructive", "Build no plan"),
        ("", "this run did not"),
    ],
)
def test_the_use_follows_the_verdict_of_the_chosen_row(verdict, said):
    table = pd.DataFrame({"chosen": [False, True], "verdict": ["natural", verdict]})
    assert said in advice.advise_on_use(table)


@pytest.mark.parametrize(
    ("thin", "end"), [(0, "named all 100 households."), (7, "Treat 7 of them, with thin records,")]
)
def test_thin_records_are_a_guess(thin, end):
    table = pd.DataFrame({"households": [60, 40], "thin_households": [thin, 0]})
    told = advice.advise_on_known(table)
    assert end in told
    assert f"named all {100 + thin} households" in told


CAMPAIGN = Campaign(
    segment="A",
    information_set="little",
    currency="crowns",
    contact_cost=1,
    success_value=4,
    depths=(0.2, 0.5, 1.0),
)


def mailing(reach: float, everybody: float = 50.0) -> pd.DataFrame:
    """The best list mails half: 80 crowns, whose interval reaches so far below and above."""
    table = pd.DataFrame({"depth": [0.2, 0.5, 1.0], "profit": [60.0, 80.0, everybody]})
    table = table.assign(over_everybody=table["profit"] - everybody, lift=[2.0, 1.5, 1.0])
    for name in ("profit", "over_everybody"):
        table[f"{name}_low"], table[f"{name}_high"] = table[name] - reach, table[name] + reach
    table = table.assign(lift_low=[1.4, 1.1, 1.0], lift_high=[2.6, 1.9, 1.0])
    return table.assign(information_set="little", claim="prediction", segment="A")


def test_a_list_is_advised_where_it_clearly_yields_more_than_mailing_everybody():
    told = advice.advise_on_mailing(mailing(29), CAMPAIGN, LABELS)
    assert told == (
        "To reach A by little known, mail from the top: at best the likeliest 50% yield 80 crowns, "
        "+30 (+1 to +59) against mailing everybody (prediction); that the length was picked by "
        "this profit flatters it."
    )


def test_a_list_that_is_not_told_apart_is_no_advice_against_it_either():
    told = advice.advise_on_mailing(mailing(31), CAMPAIGN, LABELS)
    assert told == (
        "No list of A ranked by little known is shown to yield more than mailing everybody, at a "
        "cost of 1 and a value of 4: at best the likeliest 50% yield 80 crowns, +30 (\u22121 to "
        "+61) against mailing everybody (prediction)."
    )


def test_a_list_that_clearly_yields_less_is_advised_against():
    told = advice.advise_on_mailing(mailing(29, everybody=110), CAMPAIGN, LABELS)
    assert told.startswith("Every list of A ranked by little known yields less than mailing every")


def test_where_mailing_everybody_loses_a_list_is_set_against_mailing_nobody():
    loses = mailing(79, everybody=-10)
    assert advice.advise_on_mailing(loses, CAMPAIGN, LABELS).endswith(
        "+80 (+1 to +159) against mailing nobody (prediction); that the length was picked by this "
        "profit flatters it."
    )
    told = advice.advise_on_mailing(mailing(81, everybody=-10), CAMPAIGN, LABELS)
    assert "is shown to yield more than mailing nobody" in told


def headline(verdicts: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "information_set": ["all", "more", "little"],
            "claim": ["assignment", "overlap", "prediction"],
            "accuracy": [0.95, 0.70, 0.60],
            "majority": 0.58,
            "verdict": [verdicts.get(name, "better than") for name in ("all", "more", "little")],
        }
    )


def test_the_least_that_helps_is_the_weakest_set_that_beats_the_largest_segment():
    (told,) = advice.advise_on_questions(headline({}), LABELS)
    assert told == (
        "The least informed set that types households better than always naming the largest "
        "segment is little known (prediction): 60.0% correctly against 58.0%."
    )
    (told,) = advice.advise_on_questions(headline({"little": "not told apart from"}), LABELS)
    assert "segment is more known (overlap): 70.0% correctly against 58.0%." in told


def test_where_nothing_helps_nobody_is_typed():
    none = headline({"little": "worse than", "more": "not told apart from"})
    assert advice.advise_on_questions(none, LABELS) == [
        "Type nobody without the purchases: nothing tried does it better than chance."
    ]
    assert advice.advise_on_questions(none.head(1), LABELS) == []


def test_every_accuracy_is_quoted_with_its_word():
    table = pd.concat([headline({}), headline({}).iloc[[1]].assign(accuracy=0.84)])
    assert advice.advise_on_quoting(table) == (
        "Quote an accuracy only with its word: 95.0% is assignment, 70.0% to 84.0% is overlap and "
        "60.0% is prediction."
    )
