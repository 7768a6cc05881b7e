"""Sentences about what moves the models."""

from __future__ import annotations

import pandas as pd
import pytest

from customer_segmentation.findings import explanations
from customer_segmentation.panel.codebook import Role

LABELS = {"people": "People only", "part": "A part", "rf": "Forest"}


@pytest.fixture
def fields(codebook) -> list[str]:
    roles = (Role.STRATUM, Role.VALUE, Role.VOLUME, Role.PRICE)
    return [codebook.column(role) for role in roles]


def importance(fields: list[str], sizes: dict[str, list[float]]) -> pd.DataFrame:
    rows = [
        (name, segment, field, size)
        for name, each in sizes.items()
        for segment in ("A", "B")
        for field, size in zip(fields, each, strict=False)
    ]
    columns = ["information_set", "segment", "field", "mean_abs_shap"]
    table = pd.DataFrame(rows, columns=columns).assign(model="rf")
    groups = table.groupby(["information_set", "segment"])["mean_abs_shap"]
    table["rank"] = groups.rank(ascending=False, method="first").astype(int)
    return table.assign(rank_stability=1 / table["rank"])


def test_the_strongest_field_of_each_set_is_named_and_ties_too(codebook, fields):
    table = importance(fields, {"people": [0.3, 0.1], "part": [0.2, 0.2]})
    text = explanations.title_shap(table, 109, codebook, LABELS)
    assert "socio-economic class (people only, forest)" in text
    assert "socio-economic class and Amount paid (a part, forest)" in text
    assert text.startswith("Largest mean SHAP values, in centred log-odds: ")
    assert text.endswith("109\u00a0households")


def test_nothing_explained_is_said(codebook, fields):
    empty = importance(fields, {"people": [0.3]}).head(0)
    assert explanations.title_shap(empty, 109, codebook, LABELS) == explanations.NOTHING
    text = explanations.title_beeswarm(empty, "People only", codebook, LABELS)
    assert text.startswith("People only: no classifier is explained")


def test_the_beeswarm_names_its_strongest_field_and_households(codebook, fields):
    table = importance(fields, {"people": [0.1, -0.5]})
    table = table.rename(columns={"mean_abs_shap": "shap_value"}).assign(household_id=1)
    text = explanations.title_beeswarm(table, "people only", codebook, LABELS)
    assert text.startswith("People only, forest: amount paid moves a household most, on average by")
    assert "by 0.50 in centred log-odds" in text
    assert "1\u00a0household)" in text


@pytest.mark.parametrize(("low", "clear"), [(0.01, True), (-0.01, False), (float("nan"), False)])
def test_an_explained_set_on_which_the_procedure_saves_nothing_is_named(fields, low, clear):
    rows = [("people", "rf"), ("people", "procedure"), ("part", "procedure")]
    metrics = pd.DataFrame(rows, columns=["information_set", "model"])
    # The explained forest itself would pass; the procedure that found it is what counts.
    bounds = {"log_loss_skill_low": [0.01, low, low], "log_loss_skill_high": 0.2}
    metrics = metrics.assign(protocol="nested_cv", log_loss_skill=[0.09, 0.05, 0.05], **bounds)
    table = importance(fields, {"people": [0.3, 0.1]})
    text = explanations.doubt_explanations(table, metrics, "nested_cv", LABELS)
    assert text.startswith("On each set the procedure clearly saves log loss") is clear
    assert ("people only, 5.0%" in text) is not clear
    assert "a part" not in text  # not explained


def test_stability_is_that_of_the_strongest_fields(fields):
    table = importance(fields, {"people": [0.4, 0.3, 0.2]})  # stable in 1, 1/2 and 1/3 of the folds
    text = explanations.tell_rank_stability(table, 2, LABELS)
    assert text.endswith("75% (people only).")


def test_ranks_that_cannot_be_left_are_not_called_stable(fields):
    table = importance(fields, {"people": [0.4, 0.3, 0.2], "part": [0.4, 0.3]})
    text = explanations.tell_rank_stability(table, 1, LABELS)
    assert text.endswith("in this share of the folds: 100% (people only).")
    assert explanations.tell_rank_stability(table[table["information_set"] == "part"], 1, {}) == ""


def permuted(fields: list[str], increases: list[float], low: list[float]) -> pd.DataFrame:
    table = pd.DataFrame({"field": fields, "log_loss_increase": increases, "increase_low": low})
    return table.assign(information_set="people")


def test_two_opinions_are_correlated_by_rank(codebook, fields):
    table = importance(fields, {"people": [0.4, 0.3, 0.2, 0.1]})
    same = permuted(fields, [9.0, 0.3, 0.2, 0.1], [0.1, -0.1, -0.1, -0.1])
    (text,) = explanations.compare_opinions(table, same, 8, codebook, LABELS)
    assert text == (
        "People only: SHAP and permutation importance rank the fields with a correlation of 1.00 "
        "and share 2 of their 2 strongest. By its interval, 1 of 4 fields is shown to help, most "
        "socio-economic class."
    )
    other = permuted(fields, [0.1, 0.2, 0.3, 9.0], [-0.1] * 4)
    (text,) = explanations.compare_opinions(table, other, 8, codebook, LABELS)
    assert "correlation of \u22121.00 and share 0 of their 2 strongest" in text
    assert text.endswith("By its interval, none of 4 fields alone is shown to help.")


@pytest.mark.parametrize(("low", "told"), [(0.05, "is shown to help."), (-0.05, "is not shown")])
def test_a_single_field_is_compared_with_no_other(codebook, fields, low, told):
    table = importance(fields[:1], {"people": [0.4]})
    same = permuted(fields[:1], [0.1], [low])
    (text,) = explanations.compare_opinions(table, same, 8, codebook, {})
    assert text.startswith(f"People: by its interval, its only field {told}")


@pytest.mark.parametrize(("increases", "told"), [([2, 1], "agree on"), ([1, 2], "differ on")])
def test_of_two_fields_the_strongest_is_compared(codebook, fields, increases, told):
    table = importance(fields[:2], {"people": [0.4, 0.3]})
    other = permuted(fields[:2], increases, [0.1, 0.1])
    (text,) = explanations.compare_opinions(table, other, 8, codebook, LABELS)
    assert f" and {told} the strongest. By its interval, 2 of 2 fields are shown" in text


def test_the_strongest_group_is_the_sum_over_segments():
    rows = [("A", "money", 0.5), ("A", "age", 0.4), ("B", "money", 0.1), ("B", "age", 0.4)]
    groups = pd.DataFrame(rows, columns=["segment", "group", "mean_abs_shap"])
    text = explanations.title_groups(groups.assign(information_set="people"), LABELS)
    assert text.endswith("summed: people only: age")
