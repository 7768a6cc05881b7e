"""Slices: their names, and the accuracy on each against all others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from customer_segmentation.classification.parameters import Fairness, Intervals
from customer_segmentation.classification.reliability import draw_weights
from customer_segmentation.classification.slices import (
    compare_slices,
    describe_value,
    name_slices,
    pool_small,
    select_headline,
)
from customer_segmentation.panel.codebook import Role, Scale
from customer_segmentation.segments.partition import Purpose, seed_for
from tests.classification.test_coverage import AUDIT, CLAIMS, make_households, make_predictions

COLUMNS = [
    "information_set",
    "claim",
    "field",
    "slice",
    "n",
    "accuracy",
    "difference",
    "difference_low",
    "difference_high",
    "majority",
    "gain_difference",
    "gain_low",
    "gain_high",
]


@pytest.fixture
def labelled(codebook):
    return make_households(codebook)


@pytest.fixture
def predictions(labelled):
    return make_predictions(labelled)


@pytest.fixture
def compare(codebook, parameters):
    def compare(predictions, labelled, smallest_group=1):
        changes = {
            "fairness": Fairness(fields=("demographics",), smallest_group=smallest_group),
            "intervals": Intervals(level=0.9, resamples=60),
            "random_state": 5,
        }
        modelling = parameters.modelling.model_copy(update=changes)
        return compare_slices(predictions, labelled, AUDIT, codebook, modelling)

    return compare


def list_hits(predictions, labelled, information_set):
    """One row per eligible household, sorted: its codes and how often the procedure was right."""
    rows = predictions[
        (predictions["information_set"] == information_set)
        & (predictions["model"] == "procedure")
        & (predictions["protocol"] == "nested_cv")
        & ~predictions["thin_record"]
    ]
    hits = (rows["predicted"] == rows["segment"]).groupby(rows["household_id"]).mean()
    facts = labelled.drop(columns=["thin_record", "segment"]).set_index("household_id")
    return facts.join(hits.rename("hit"), how="inner").sort_index()


def test_each_slice_is_compared_with_all_other_households(compare, predictions, labelled, codebook):
    table = compare(predictions, labelled)
    assert list(table) == COLUMNS
    assert dict(zip(table["information_set"], table["claim"], strict=True)) == CLAIMS
    hits = list_hits(predictions, labelled, "partly")
    weights = draw_weights(len(hits), 60, seed_for(5, Purpose.RESAMPLE))
    for row in table[table["information_set"] == "partly"].to_dict("records"):
        named = [describe_value(codebook[row["field"]], value) for value in hits[row["field"]]]
        inside = np.array([name == row["slice"] for name in named])
        own, others = hits.loc[inside, "hit"], hits.loc[~inside, "hit"]
        assert row["n"] == len(own)
        assert row["accuracy"] == pytest.approx(own.mean())
        assert row["difference"] == pytest.approx(own.mean() - others.mean())
        draws = [
            np.average(own, weights=weight[inside]) - np.average(others, weights=weight[~inside])
            for weight in weights
        ]
        ends = np.quantile(draws, [0.05, 0.95])
        assert [row["difference_low"], row["difference_high"]] == pytest.approx(list(ends))


def test_slices_are_the_codes_of_each_coded_field_and_the_blank_records(
    compare, predictions, labelled, codebook
):
    table = compare(predictions, labelled)
    coded = [name for name in codebook.columns_of("demographics") if codebook[name].scale.is_coded]
    blank = codebook.column(Role.BLANK_RECORD)
    one_set = table[table["information_set"] == "known"]
    assert list(one_set["field"].unique()) == [*coded, blank]
    assert list(one_set.loc[one_set["field"] == blank, "slice"]) == ["no", "yes"]
    eligible = (~labelled["thin_record"].astype(bool)).sum()
    assert (one_set.groupby("field")["n"].sum() == eligible).all()
    some = next(name for name in coded if labelled[name].isna().any())
    labels = list(one_set.loc[one_set["field"] == some, "slice"])
    assert labels[-1] == "not stated"
    stated = [label for label in codebook.field(some).codes.values() if label != "not stated"]
    assert labels[:-1] == stated  # in the order of the codes


def test_small_slices_are_joined(compare, predictions, labelled, codebook):
    field = codebook.column(Role.STRATUM)
    first, second, third, _ = codebook.field(field).codes
    codes = [first] * 5 + [third] * 6 + [second] * (len(labelled) - 11)
    table = compare(predictions, labelled.assign(**{field: codes}), smallest_group=20)
    labels = codebook.field(field).codes
    told = table[(table["information_set"] == "known") & (table["field"] == field)]
    assert list(told["slice"]) == [labels[second], f"other ({labels[first]}, {labels[third]})"]
    assert told["difference"].sum() == pytest.approx(0)  # each is all the others of the other


def test_a_slice_of_everybody_has_no_difference(compare, predictions, labelled, codebook):
    blank = codebook.column(Role.BLANK_RECORD)
    table = compare(predictions, labelled.assign(**{blank: False}))
    told = table[table["field"] == blank]
    assert list(told["slice"]) == ["no"] * 3
    assert told["accuracy"].notna().all()
    assert told[["difference", "difference_low", "difference_high"]].isna().all(axis=None)


def test_a_slice_of_one_household_may_be_missing_from_a_resample(
    compare, predictions, labelled, codebook
):
    field = codebook.column(Role.STRATUM)
    first, second, *_ = codebook.field(field).codes
    alone = labelled.index == np.flatnonzero(~labelled["thin_record"].astype(bool))[0]
    table = compare(predictions, labelled.assign(**{field: np.where(alone, first, second)}))
    told = table[table["field"] == field]
    assert set(told["n"]) == {1, int((~labelled["thin_record"].astype(bool)).sum()) - 1}
    assert told[["difference_low", "difference_high"]].notna().all(axis=None)


def test_two_segments_and_a_single_repeat(compare, codebook):
    labelled = make_households(codebook, ("1", "2"))
    predictions = make_predictions(labelled, ("1", "2"), repeats=1)
    table = compare(predictions.assign(predicted="1"), labelled)
    assert table["accuracy"].between(0, 1).all()


def test_the_order_of_the_rows_does_not_matter(compare, predictions, labelled):
    table = compare(predictions, labelled)
    within = predictions.sample(frac=1, random_state=1).sort_values("information_set")
    again = compare(within, labelled.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(table, again)


def test_the_headline_is_the_procedure_in_nested_cross_validation(predictions):
    headline = select_headline(predictions)
    assert set(headline["model"]) == {"procedure"}
    assert set(headline["protocol"]) == {"nested_cv"}
    assert len(headline) == 3 * 3 * 240


def test_a_single_small_group_keeps_its_name():
    names = pd.Series(["a", "b", "b", "b"], dtype="category")
    assert list(pool_small(names, 2)) == ["a", "b", "b", "b"]


def test_joined_groups_stand_last():
    names = pd.Series(list("abbc")).astype(pd.CategoricalDtype(["c", "b", "a"]))
    pooled = pool_small(names, 2)
    assert list(pooled) == ["other (c, a)", "b", "b", "other (c, a)"]
    assert list(pooled.cat.categories) == ["b", "other (c, a)"]


def test_what_the_mix_of_segments_does_is_told_apart(compare, predictions, labelled):
    """A tool that says what always naming the largest segment says gains nothing anywhere."""
    is_majority = predictions["model"] == "majority"
    copied = predictions[is_majority].assign(model="procedure")
    both = pd.concat([predictions[is_majority], copied], ignore_index=True)
    table = compare(both, labelled)
    known = table["difference"].notna()
    assert (table.loc[known, ["gain_difference", "gain_low", "gain_high"]] == 0).all(axis=None)
    assert (table["accuracy"] == table["majority"]).all()
    assert (table.loc[known, "difference"] != 0).any()


def test_gains_are_compared_as_accuracies_are(compare, predictions, labelled):
    nested = predictions[predictions["protocol"] == "nested_cv"]
    nested = nested[~nested["thin_record"] & (nested["information_set"] == "stranger")]
    hits = (nested["predicted"] == nested["segment"]).groupby(
        [nested["model"], nested["household_id"]]
    )
    gain = hits.mean()["procedure"] - hits.mean()["majority"]
    table = compare(predictions, labelled).set_index(["information_set", "field", "slice"])
    row = table.loc["stranger", "television", "no"]
    inside = labelled.set_index("household_id").loc[gain.index, "television"] == 2
    expected = gain[inside.to_numpy(bool, na_value=False)].mean()
    expected -= gain[~inside.to_numpy(bool, na_value=False)].mean()
    assert row["gain_difference"] == pytest.approx(expected)
    assert row["gain_low"] <= row["gain_difference"] <= row["gain_high"]


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        # A small group is joined with the next larger one, unless there is only one other.
        ({"young": 2, "adult": 5, "old": 9}, {"other (young, adult)": 7, "old": 9}),
        ({"young": 2, "old": 9}, {"young": 2, "old": 9}),
        ({"a": 1, "b": 1, "c": 9, "d": 8}, {"c": 9, "other (a, b, d)": 10}),
        ({"a": 1, "b": 1, "c": 9}, {"other (a, b)": 2, "c": 9}),
        ({"a": 4, "b": 4}, {"a": 4, "b": 4}),
    ],
)
def test_a_small_group_is_joined_until_it_is_large_enough(groups, expected):
    names = pd.Series([name for name, size in groups.items() for _ in range(size)])
    pooled = pool_small(names.astype(pd.CategoricalDtype(list(groups))), 4)
    assert pooled.value_counts(sort=False).to_dict() == expected


def test_slices_stand_in_the_order_of_the_codes(codebook):
    education = codebook["homemaker_education"]
    values = pd.Series([9, pd.NA, 2, 9, 1], dtype="Int64", index=list("vwxyz"))
    names = name_slices(values, education, 1)
    assert list(names.cat.categories) == [
        "illiterate",
        "literate, no schooling",
        "postgraduate or professional",
        "not stated",
    ]
    assert names["w"] == "not stated"
    assert names["z"] == "illiterate"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("socio_economic_class", 4.0, "D/E (lowest)"),
        ("children", np.nan, "not stated"),
        ("children", pd.NA, "not stated"),
        ("household_size", 4.0, "4 persons"),
        ("affluence_index", 0.0, "0 points"),
        ("total_volume", 13975.0, "13975 g"),
        ("average_price", 12.034, "12.03 rupees per 100 g"),
        ("promo_share", 0.126, "13%"),
        ("thin_record", True, "yes"),
        ("thin_record", False, "no"),
    ],
)
def test_values_are_said_in_words(codebook, name, value, words):
    assert describe_value(codebook[name], value) == words


def test_a_number_without_a_unit_ends_with_its_last_digit(codebook):
    variable = codebook["household_size"].model_copy(update={"unit": "", "scale": Scale.RATIO})
    assert describe_value(variable, 10.0) == "10"
