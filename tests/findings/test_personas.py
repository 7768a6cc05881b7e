"""A persona card says what the tables show, and nothing where they show nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from customer_segmentation.findings import personas
from customer_segmentation.panel.codebook import Role
from customer_segmentation.segments.naming import Criterion, Naming, Persona
from tests.findings.test_segments import between, loyalty, profiles


def test_bounds_that_meet_those_of_the_total_set_nobody_apart(codebook):
    table = loyalty(codebook, {"A": 0.7, "B": 0.1}, {"A": 0.8, "B": 0.45})
    name = between(codebook)
    (fact,) = personas.set_apart(table, "A", [name], codebook, 3)
    assert (fact.value, fact.total, fact.higher) == ("70% to 80% of volume", "40% to 50%", True)
    assert personas.set_apart(table, "B", [name], codebook, 3) == []


def test_what_sets_a_segment_apart_is_ranked_by_standard_deviations(codebook):
    low, rate = codebook.column(Role.LOYALTY_LOW), codebook.column(Role.REPEAT_RATE)
    table = pd.concat([profiles(low, {"A": 0.6}, 0.5), profiles(rate, {"A": 0.1}, 0.5)])
    facts = personas.set_apart(table, "A", [low, rate], codebook, 2)
    assert [fact.label for fact in facts] == ["Repeat rate", "Largest brand share (low)"]
    assert [fact.higher for fact in facts] == [False, True]
    assert (facts[0].value, facts[0].total) == ("10% of purchases", "50%")


@pytest.mark.parametrize(
    ("rates", "error", "rivals"),
    [
        ({"A": 0.3, "B": 0.2, "C": 0.9}, 0.0, "B: 20%"),  # goes further
        ({"A": 0.3, "B": 0.33, "C": 0.9}, 0.02, "B: 33%"),  # may go as far
        ({"A": 0.3, "B": 0.4, "C": 0.2}, 0.01, "C: 20%"),  # clearly less far, and further
        ({"A": 0.3, "B": 0.4, "C": 0.9}, 0.01, ""),  # on the same side, but clearly less far
        ({"A": 0.3, "B": 0.7, "C": 0.9}, 0.0, ""),
    ],
)
def test_others_that_lie_as_far_off_on_the_same_side_are_named(codebook, rates, error, rivals):
    rate = codebook.column(Role.REPEAT_RATE)
    table = profiles(rate, rates, 0.5, error=error)
    (fact,) = personas.set_apart(table, "A", [rate], codebook, 1)
    assert fact.rivals == rivals
    assert fact.interval == f"{0.3 - error:.0%} to {0.3 + error:.0%}"


def test_the_nearest_segment_is_told_with_what_parts_the_two_most(codebook):
    table = rivals(codebook, {"A": 0.3, "B": 0.2})
    names = list(dict.fromkeys(table["variable"]))
    told = personas.tell_nearest("A", "B", names, table, codebook)
    assert told == (
        "they differ from B, the nearest segment, most in bought on promotion (10% against 90%)"
    )
    one = personas.tell_nearest("A", "B", names[:1], table, codebook)
    assert one.endswith("most in repeat rate (30% against 20%)")


def _persona(name: str, criterion: Criterion) -> Persona:
    """One criterion shows the sentence more plainly than the two that a file must have."""
    return Persona.model_construct(name=name, signature=(criterion,))


def naming(codebook, foremost: bool = False) -> Naming:
    rate, promotion = codebook.column(Role.REPEAT_RATE), codebook.column(Role.PROMOTION_SHARE)
    one = Criterion(variable=rate, level="low", minimum=0.1, foremost=foremost)
    other = Criterion(variable=promotion, level="high", minimum=0.1)
    return Naming.model_construct(
        personas=(_persona("A", one), _persona("B", other)),
        minimum_margin=0,
        when_unmatched="number",
    )


def rivals(codebook, rates: dict[str, float], error: float = 0.0) -> pd.DataFrame:
    rate, promotion = codebook.column(Role.REPEAT_RATE), codebook.column(Role.PROMOTION_SHARE)
    promotions = {"A": 0.1, "B": 0.9}
    return pd.concat(
        [profiles(rate, rates, 0.5, error=error), profiles(promotion, promotions, 0.5)]
    )


def test_a_rule_is_told_in_words(codebook):
    table = rivals(codebook, {"A": 0.3, "B": 0.6})
    told = personas.explain_rule("A", table, naming(codebook, foremost=True), codebook)
    assert told.endswith(
        "repeat rate at least 0.1 standard deviations below the total, below every other segment."
    )


def test_others_that_meet_a_rule_are_named_with_what_parts_them(codebook):
    table = rivals(codebook, {"A": 0.3, "B": 0.2})
    told = personas.explain_rule("A", table, naming(codebook), codebook)
    assert "This rule also fits B, even further in repeat rate (20% against 30%);" in told
    assert told.endswith("What parts the two most: bought on promotion (90% against 10%).")
    assert "also fits" not in personas.explain_rule("B", table, naming(codebook), codebook)


@pytest.mark.parametrize(("rate_of_b", "error"), [(0.35, 0.0), (0.2, 0.06)])
def test_a_rival_goes_further_only_where_that_is_clear(codebook, rate_of_b, error):
    table = rivals(codebook, {"A": 0.3, "B": rate_of_b}, error)
    told = personas.explain_rule("A", table, naming(codebook), codebook)
    assert "This rule also fits B; names go by" in told


def test_nobody_else_is_named_who_breaks_the_rule(codebook):
    table = rivals(codebook, {"A": 0.3, "B": 0.45})
    assert "also fits" not in personas.explain_rule("A", table, naming(codebook), codebook)
    foremost = naming(codebook, foremost=True)
    close = rivals(codebook, {"A": 0.2, "B": 0.3})
    assert "also fits" not in personas.explain_rule("A", close, foremost, codebook)


@pytest.mark.parametrize(
    ("names", "number", "reason"),
    [
        (["1", "2", "3"], 2, "there are 3 segments, but 2 personas."),
        (["1", "2"], 2, "the segments do not show the personas' signatures clearly enough."),
        (["1", "2"], 0, "no persona is defined."),
    ],
)
def test_a_numbered_segment_says_why(codebook, names, number, reason):
    rate = codebook.column(Role.REPEAT_RATE)
    table = profiles(rate, dict.fromkeys(names, 0.5), 0.5)
    given = naming(codebook)
    given = given.model_copy(update={"personas": given.personas[:number]})
    text = personas.explain_rule("1", table, given, codebook)
    assert text == f"Numbered by size: {reason}"


CARD = personas.Card(
    segment="A",
    households="120",
    share="24%",
    interval="20% to 29%",
    thin="0",
    facts=[
        personas.Fact("Repeat rate", "78% of purchases", "51%", higher=True),
        personas.Fact("Transactions", "25.8 purchases", "33.9", higher=False, rivals="B: 24.0"),
        personas.Fact("Average price", "12.7 rupees", "11.8", higher=True),
    ],
    parted="they differ from B, the nearest segment, most in repeat rate (78% against 60%)",
    bought=[],
    offer="",
    certainty="",
    rule="",
)


def test_a_segment_is_introduced_by_its_size_and_its_first_two_facts():
    assert personas.introduce(CARD) == (
        "A (24% of the households, 95% interval 20% to 29%): repeat rate 78% of purchases (all: "
        "51%) and transactions 25.8 purchases (all: 33.9; B: 24.0); they differ from B, the "
        "nearest segment, most in repeat rate (78% against 60%)."
    )


def test_a_segment_that_nothing_sets_apart_is_not_praised():
    bare = replace(CARD, facts=[], interval="")
    assert personas.introduce(bare) == "A (24% of the households): nothing clearly sets them apart."


@pytest.fixture
def descriptors(codebook) -> pd.DataFrame:
    """A coded descriptor whose link survives, a count that survives, and a code that does not."""
    demographic = [field for field in codebook.fields if field.group == "demographics"]
    coded = [field.name for field in demographic if field.codes][:2]
    count = next(field.name for field in demographic if not field.codes)
    return pd.DataFrame(
        {
            "descriptor": [coded[0], count, coded[1]],
            "p_holm": [0.01, 0.05, 0.051],
            "magnitude": ["small", "medium", "large"],
            "convention": ["w", "f", "w"],
            "cohen_effect": [0.2, 0.3, 0.6],
        }
    )


def codes(descriptors: pd.DataFrame, residuals: list[float]) -> pd.DataFrame:
    """The same three codes of both coded descriptors, in segment A."""
    parts = [
        pd.DataFrame(
            {
                "segment": "A",
                "variable": name,
                "label": ["low", "middle", "high"],
                "share": [0.2, 0.3, 0.5],
                "total_share": [0.4, 0.35, 0.25],
                "residual": residuals,
            }
        )
        for name in descriptors["descriptor"].iloc[[0, 2]]
    ]
    return pd.concat(parts)


def test_people_are_told_only_by_links_that_survive_and_the_strongest_first(codebook, descriptors):
    coded, count, weak = descriptors["descriptor"]
    table = profiles(count, {"A": 5.0}, 4.0, error=0.5)
    facts = personas.describe_people(
        "A", descriptors, codes(descriptors, [-3, 0, 2.5]), table, codebook
    )
    assert [fact.label for fact in facts] == [codebook[count].title, codebook[coded].title]
    assert codebook[weak].title not in {fact.label for fact in facts}
    assert (facts[1].value, facts[1].total, facts[1].higher) == ("low, 20%", "40%", False)


def test_a_code_within_chance_and_a_mean_within_its_interval_say_nothing(codebook, descriptors):
    table = profiles(descriptors["descriptor"][1], {"A": 5.0}, 4.0, error=1.0)
    quiet = codes(descriptors, [-1.9, np.nan, 1.9])
    assert personas.describe_people("A", descriptors, quiet, table, codebook) == []
    assert personas.describe_people("A", descriptors, quiet.iloc[:0], table, codebook) == []
    blank = codes(descriptors, [np.nan] * 3)
    assert personas.describe_people("A", descriptors, blank, table, codebook) == []


@pytest.mark.parametrize(
    ("jaccard", "word"), [(0.95, "highly stable"), (0.7, "doubtful"), (0.5, "not to be trusted")]
)
def test_certainty_takes_the_word_of_the_jaccard_similarity(jaccard, word):
    told = personas.judge_certainty({"slsw_median": jaccard}, {"steady": 0.874})
    assert told == (
        f"In new samples {word} (median Jaccard similarity {jaccard:.2f}). 87% of its households "
        "get this segment in at least 90% of the bootstrap solutions."
    )


@pytest.mark.parametrize(
    ("low", "high", "shown"), [(0.173, 0.26, "17% to 26%"), (np.nan, np.nan, "")]
)
def test_the_interval_of_a_size_is_left_out_where_there_is_none(low, high, shown):
    assert personas.print_interval({"share_low": low, "share_high": high}) == shown
