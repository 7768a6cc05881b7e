"""The coverage of the conformal sets, group by group."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from customer_segmentation.classification.models import conformity_column, probability_column
from customer_segmentation.classification.parameters import Conformal, Intervals
from customer_segmentation.classification.slices import SUMMARY, summarise_coverage
from customer_segmentation.panel.codebook import Field, Role

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
def labelled(codebook):
    return make_households(codebook)


@pytest.fixture
def predictions(labelled):
    return make_predictions(labelled)


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
