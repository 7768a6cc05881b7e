"""Slices: their names, and the accuracy on each against all others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from customer_segmentation.classification.models import conformity_column, probability_column
from customer_segmentation.classification.parameters import Conformal, Fairness, Intervals
from customer_segmentation.classification.reliability import draw_weights
from customer_segmentation.classification.slices import (
    SUMMARY,
    compare_slices,
    describe_value,
    name_slices,
    pool_small,
    select_headline,
    summarise_coverage,
)
from customer_segmentation.panel.codebook import Field, Role, Scale
from customer_segmentation.segments.partition import Purpose, seed_for

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


PERSONAS = ("Loyalists", "Promo Shoppers", "Variety Seekers")
CLAIMS = {"known": "assignment", "partly": "overlap", "stranger": "prediction"}
AUDIT = pd.DataFrame(
    [(name, score, claim) for name, claim in CLAIMS.items() for score in ("loyalty", "usage")],
    columns=["information_set", "score", "claim"],
)


def make_households(codebook, segments=PERSONAS, n=240, seed=0):
    """Made-up labelled households: codes, many not stated; a tenth thin, some records blank."""
    rng = np.random.default_rng(seed)
    stratum = codebook.column(Role.STRATUM)
    columns = {"household_id": rng.permutation(np.arange(1_000_000, 1_000_000 + n))}
    for field in codebook.fields:
        if field.codes:
            values = rng.choice(list(field.codes), n).astype(float)
            never = -1 if field.name == stratum else field.not_stated
            values[values == never] = np.nan
            columns[field.name] = pd.array(values, dtype="Int64")
    columns[codebook.column(Role.THIN_RECORD)] = rng.random(n) < 0.1
    columns[codebook.column(Role.BLANK_RECORD)] = rng.random(n) < 0.15
    shares = np.arange(1, len(segments) + 1) / np.arange(1, len(segments) + 1).sum()
    columns["segment"] = rng.choice(segments, n, p=shares)
    return pd.DataFrame(columns)


def make_predictions(households, segments=PERSONAS, repeats=3, seed=0):
    """Made-up `classifier_predictions` on a coarse grid of probabilities, so that many are tied.

    The model `lr` and the hold-out hold other numbers, which no headline may use.
    """
    rng = np.random.default_rng(seed)
    kinds = [("procedure", "nested_cv", repeat) for repeat in range(1, repeats + 1)]
    kinds += [("lr", "nested_cv", repeat) for repeat in range(1, repeats + 1)]
    kinds += [("majority", "nested_cv", repeat) for repeat in range(1, repeats + 1)]
    kinds += [("procedure", "holdout", 1)]
    tables = [_answer(households, segments, rng, name, *kind) for name in CLAIMS for kind in kinds]
    return pd.concat(tables, ignore_index=True)


def _answer(households, segments, rng, information_set, model, protocol, repeat):
    n = len(households)
    parts = rng.integers(1, 6, (n, len(segments))).astype(float)
    probabilities = parts / parts.sum(axis=1, keepdims=True)
    true = np.where(rng.random(n) < 0.1, rng.choice(segments, n), households["segment"])
    table = pd.DataFrame(
        {
            "information_set": information_set,
            "model": model,
            "protocol": protocol,
            "repeat": repeat,
            "fold": rng.integers(1, 6, n),
            "household_id": households["household_id"].to_numpy(),
            "thin_record": households["thin_record"].to_numpy(bool),
            "segment": true,
            "reference": households["segment"].to_numpy(),
            "predicted": np.array(segments)[probabilities.argmax(axis=1)],
        }
    )
    for column, segment in enumerate(segments):
        table[probability_column(segment)] = probabilities[:, column]
    for segment in segments:
        table[conformity_column(segment)] = rng.integers(1, 21, n) / 20
    return table.sample(frac=1, random_state=rng.integers(1000))


@pytest.fixture
def summarise(codebook, parameters):
    def summarise(predictions, labelled, smallest_group=10):
        changes = {
            "conformal": Conformal(error_rate=0.3, smallest_group=smallest_group),
            "intervals": Intervals(level=0.95, resamples=1),
        }
        modelling = parameters.modelling.model_copy(update=changes)
        return summarise_coverage(predictions, labelled, AUDIT, codebook, modelling)

    return summarise


def judge(predictions, information_set, error_rate=0.3):
    """Household by household: does the set hold the truth, and how large is it?"""
    rows = []
    wanted = predictions[
        (predictions["information_set"] == information_set)
        & (predictions["model"] == "procedure")
        & (predictions["protocol"] == "nested_cv")
    ]
    for row in wanted.to_dict("records"):
        segments = [s for s in PERSONAS if row[conformity_column(s)] > error_rate]
        likeliest = max(PERSONAS, key=lambda s: row[probability_column(s)])
        segments = {*segments, likeliest}
        rows.append({**row, "covered": row["segment"] in segments, "size": len(segments)})
    return pd.DataFrame(rows)


def test_coverage_is_counted_per_household_and_only_where_something_is_uncertain(
    summarise, predictions, labelled
):
    summary = summarise(predictions, labelled)
    assert list(summary) == list(SUMMARY)
    assert list(summary["information_set"].unique()) == ["partly", "stranger"]
    assert set(zip(summary["information_set"], summary["claim"], strict=True)) == {
        ("partly", "overlap"),
        ("stranger", "prediction"),
    }
    for name in ("partly", "stranger"):
        rows = judge(predictions, name)
        eligible = rows[~rows["thin_record"]]
        of_households = eligible.groupby("household_id")["covered"].mean()
        told = summary[(summary["information_set"] == name) & (summary["group_by"] == "all")]
        assert told["n"].item() == len(of_households)
        assert told["coverage"].item() == pytest.approx(of_households.mean())
        assert told["mean_set_size"].item() == pytest.approx(eligible["size"].mean())
        assert told["singletons"].item() == pytest.approx((eligible["size"] == 1).mean())


def test_groups_are_segments_strata_and_blank_records(summarise, predictions, labelled, codebook):
    summary = summarise(predictions, labelled)
    told = summary[summary["information_set"] == "stranger"].set_index(["group_by", "group"])
    facts = labelled.drop(columns=["thin_record", "segment"])
    rows = judge(predictions, "stranger").merge(facts, on="household_id")
    eligible = rows[~rows["thin_record"]]
    stratum = codebook[codebook.column(Role.STRATUM)]
    flag = codebook[codebook.column(Role.BLANK_RECORD)]
    expected = {
        ("all", "all"): eligible,
        **{("segment", each): eligible[eligible["segment"] == each] for each in PERSONAS},
        **{
            ("stratum", label): eligible[eligible[stratum.name] == code]
            for code, label in stratum.codes.items()
        },
        ("blank_record", flag.label): eligible[eligible[flag.name]],
        ("blank_record", f"{flag.label}, with thin records"): rows[rows[flag.name]],
    }
    assert list(told.index) == list(expected)
    for names, part in expected.items():
        assert told.loc[names, "coverage"] == pytest.approx(part["covered"].mean())
        assert told.loc[names, "n"] == round(len(part) / 3)


def test_the_interval_is_wilsons_for_the_number_of_households(summarise, labelled):
    predictions = make_predictions(labelled, repeats=1)  # so that coverage is a count
    for row in summarise(predictions, labelled).to_dict("records"):
        test = binomtest(round(row["coverage"] * row["n"]), row["n"])
        interval = test.proportion_ci(0.95, method="wilson")
        assert row["coverage_low"] == pytest.approx(interval.low)
        assert row["coverage_high"] == pytest.approx(interval.high)


def test_repeats_do_not_count_as_households(summarise, labelled):
    once = make_predictions(labelled, repeats=1)
    again = [once.assign(repeat=repeat) for repeat in (1, 2, 3, 4)]
    several = summarise(pd.concat(again, ignore_index=True), labelled)
    pd.testing.assert_frame_equal(several, summarise(once, labelled))


def test_small_groups_are_joined_and_marked(summarise, predictions, labelled, codebook):
    stratum = codebook[codebook.column(Role.STRATUM)]
    assert isinstance(stratum, Field)
    rare = list(stratum.codes)[:2]
    labelled = labelled.assign(**{stratum.name: np.where(labelled.index < 9, rare[0], 4)})
    labelled.loc[9:17, stratum.name] = rare[1]
    summary = summarise(predictions, labelled, smallest_group=30)
    told = summary[(summary["information_set"] == "partly") & (summary["group_by"] == "stratum")]
    joined = f"other ({stratum.codes[rare[0]]}, {stratum.codes[rare[1]]})"
    assert list(told["group"]) == [stratum.codes[4], joined]
    assert told["small"].tolist() == [False, True]
    eligible = labelled[~labelled["thin_record"].astype(bool)]
    assert told["n"].tolist() == [
        int((eligible.index >= 18).sum()),
        int((eligible.index < 18).sum()),
    ]


def test_perfect_coverage_stays_a_share(summarise, predictions, labelled):
    certain = predictions.assign(**{conformity_column(each): 1.0 for each in PERSONAS})
    summary = summarise(certain, labelled)
    assert (summary["coverage"] == 1).all()
    assert (summary["coverage_high"] <= 1).all()
    assert (summary["coverage_low"] < 1).all()
    assert (summary["mean_set_size"] == 3).all()


def test_without_an_uncertain_set_nothing_is_told(summarise, predictions, labelled):
    known = predictions[predictions["information_set"] == "known"]
    summary = summarise(known, labelled)
    assert summary.empty
    assert list(summary) == list(SUMMARY)


def test_two_segments_no_blank_record_and_a_single_repeat(summarise, codebook):
    segments = ("1", "2")
    labelled = make_households(codebook, segments)
    labelled[codebook.column(Role.BLANK_RECORD)] = False
    predictions = make_predictions(labelled, segments, repeats=1)
    predictions["predicted"] = "1"  # the other is never predicted
    summary = summarise(predictions, labelled)
    assert list(summary["group_by"].unique()) == ["all", "segment", "stratum"]
    assert list(summary.loc[summary["group_by"] == "segment", "group"]) == ["1", "2"] * 2
