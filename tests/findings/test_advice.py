"""Advice follows the tables: where the finding turns, so does what to do."""

from __future__ import annotations

import pandas as pd
import pytest

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


@pytest.mark.parametrize(
    ("low", "high", "start"),
    [(1.01, 1.9, "To reach A by little known, mail"), (0.99, 1.9, "Do not pay for a list of A")],
)
def test_a_list_is_worth_mailing_only_if_the_whole_interval_is_above_chance(low, high, start):
    row = {"information_set": "little", "claim": "prediction", "segment": "A", "depth": 0.1}
    row |= {"lift": 1.4, "lift_low": low, "lift_high": high}
    told = advice.advise_on_mailing(row, LABELS)
    assert told.startswith(start)
    assert f"1.40 ({low:.2f} to {high:.2f}) times as often as chance (prediction)" in told


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
    assert "is little known: right for 60.0% against 58.0% (prediction)" in told
    (told,) = advice.advise_on_questions(headline({"little": "not told apart from"}), LABELS)
    assert "is more known: right for 70.0% against 58.0% (overlap)" in told


def test_where_nothing_helps_nobody_is_typed():
    none = headline({"little": "worse than", "more": "not told apart from"})
    assert advice.advise_on_questions(none, LABELS) == [
        "Type nobody without the purchases: nothing tried does it better than chance."
    ]
    assert advice.advise_on_questions(none.head(1), LABELS) == []


def test_every_accuracy_is_quoted_with_its_word_the_honest_one_first():
    table = pd.concat([headline({}), headline({}).iloc[[1]].assign(accuracy=0.84)])
    assert advice.advise_on_quoting(table) == (
        "Quote an accuracy only with its word: 60.0% is prediction, 70.0% to 84.0% is overlap and "
        "95.0% is assignment."
    )
