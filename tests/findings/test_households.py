"""One household's story, and what parts households from their second segment."""

from __future__ import annotations

import pandas as pd
import pytest

from customer_segmentation.findings import households
from customer_segmentation.panel.codebook import Role


def predictions(probabilities: dict[int, float], named: list[int]) -> pd.DataFrame:
    table = pd.DataFrame({"household_id": list(probabilities), "p_b": probabilities.values()})
    is_named = table["household_id"].isin(named)
    truth = table["household_id"].map(lambda number: "AB"[number % 2])
    return table.assign(predicted=is_named.map({True: "B", False: "A"}), reference=truth)


@pytest.mark.parametrize(
    ("named", "chosen", "is_typical"),
    [
        ([4, 2, 3], 3, True),  # .5, .6 and .7: the middle one
        ([4, 2, 3, 1], 3, True),  # of four the second
        ([4], 4, True),
        ([], 1, False),  # the highest of all, at a tie the smaller identifier
    ],
)
def test_the_household_is_the_median_of_those_typed_so(codebook, named, chosen, is_typical):
    table = predictions({5: 0.9, 4: 0.5, 2: 0.7, 3: 0.6, 1: 0.9}, named)
    row = households.choose_household(table, "B", codebook).to_dict("records")
    assert [each["household_id"] for each in row] == [chosen]
    assert row[0]["named"] == len(named)
    told = households.explain_choice_of_household(pd.DataFrame(row), "B")
    assert ("median" in told) is is_typical
    own = table.set_index("household_id")["reference"]
    right = sum(own[each] == "B" for each in named)
    assert (f"among the {len(named)} of 5 for whom it is" in told) is is_typical
    assert (f"segment, {right} of them rightly" in told) is is_typical
    assert told.endswith(f"By its purchases it belongs to {row[0]['reference']}.")
    assert row[0]["reference"] == own[chosen]


def test_without_predictions_there_is_no_story(codebook):
    chosen = households.choose_household(predictions({}, []), "B", codebook)
    assert chosen.empty
    assert households.explain_choice_of_household(chosen, "B") == ""
    title = households.title_story(chosen, pd.DataFrame(), "B", "People")
    assert title.startswith("People: no classifier is explained")


def values(codebook) -> pd.DataFrame:
    roles = {Role.STRATUM: (2.0, 0.1), Role.VALUE: (1460.0, -0.4), Role.TRANSACTIONS: (12.0, 0.3)}
    rows = [(codebook.column(role), *each) for role, each in roles.items()]
    return pd.DataFrame(rows, columns=["field", "field_value", "shap_value"])


def test_fields_stand_with_their_values_the_strongest_first(codebook):
    table = households.tell_fields(values(codebook), 2, codebook)
    assert table["name"].tolist()[-1] == households.REST
    assert [name.partition(": ")[0] for name in table["name"][:2]] == [
        codebook[codebook.column(role)].title for role in (Role.VALUE, Role.TRANSACTIONS)
    ]
    assert "1460 rupees" in table["name"][0]
    assert table["shap_value"].tolist() == pytest.approx([-0.4, 0.3, 0.1])
    every = households.tell_fields(values(codebook), 3, codebook)
    assert len(every) == 3  # nothing is left to sum
    assert every["name"][2] == "Socio-economic class: B"
    assert every["shap_value"].sum() == pytest.approx(table["shap_value"].sum())


def test_a_value_that_is_not_stated_is_said(codebook):
    missing = values(codebook).assign(field_value=float("nan"))
    names = households.tell_fields(missing, 3, codebook)["name"]
    assert names.str.endswith(": not stated").all()


def test_the_title_names_what_speaks_for_and_against(codebook):
    chosen = pd.DataFrame([{"household_id": 7, "probability": 0.341}])
    fields = households.tell_fields(values(codebook), 2, codebook)
    text = households.title_story(chosen, fields, "B", "People")
    assert text.startswith("People, one household: B with a probability of 34.1%; ")
    assert "7" not in text  # nobody is named on a page that is passed on
    assert "most for it speaks transactions: 12 purchases; most against it" in text
    one_sided = fields[fields["shap_value"] > 0]
    text = households.title_story(chosen, one_sided, "B", "People")
    assert "against" not in text


def test_the_score_that_parts_most_is_named_for_each_segment():
    rows = [("A", "one", 1.0), ("A", "two", 0.5), ("A", "one", 3.0), ("A", "two", 0.5)]
    rows += [("B", "one", -1.0), ("B", "two", 2.0)]
    table = pd.DataFrame(rows, columns=["segment", "score", "contribution"])
    means = households.average_contributions(table)
    assert means.loc["A"].to_dict() == {"one": 2.0, "two": 0.5}
    text = households.tell_contributions(means, {"two": "Second score"})
    assert text.endswith(
        "A by the one (2.00; all scores together 2.50) and B by the second score (2.00; all scores "
        "together 1.00). A score may also speak against the own segment, so one can add more than "
        "all."
    )
    assert households.tell_contributions(means.abs(), {}).endswith("together 3.00).")
