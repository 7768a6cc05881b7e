from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from customer_segmentation.classification.metrics import (
    compare_models,
    measure_models,
    measure_segments,
)
from customer_segmentation.classification.source_study import (
    REPEATED_CV,
    SINGLE_SPLIT,
    compare_study_models,
    explain_study,
    predict_study_clusters,
    reproduce_source_study,
)

ONE_HOUSEHOLD = 1 / 120


@pytest.fixture
def predictions(_answered):
    return _answered[0].copy()


@pytest.fixture
def contributions(_answered):
    return _answered[1].copy()


@pytest.fixture(scope="module")
def reproduction(_answered, quick):
    return reproduce_source_study(_answered[0], quick)


def test_the_accuracies_are_those_of_the_packaged_file(reproduction):
    once = reproduction[reproduction["protocol"] == SINGLE_SPLIT].groupby("model")
    assert once["support"].sum().unique().tolist() == [120]
    accuracy = once["accuracy"].first()
    assert accuracy["lr"] == pytest.approx(0.883, abs=ONE_HOUSEHOLD / 2)
    assert accuracy["rf"] == pytest.approx(0.900, abs=ONE_HOUSEHOLD / 2)
    assert accuracy["xgboost"] == pytest.approx(0.908, abs=ONE_HOUSEHOLD / 2)


def test_rows_and_columns_are_those_of_the_contract(reproduction):
    assert reproduction.columns.tolist() == [
        *["model", "protocol", "segment", "accuracy", "accuracy_low", "accuracy_high"],
        *["precision", "precision_low", "precision_high", "recall", "f1", "support"],
    ]
    rows = reproduction[["model", "protocol", "segment"]].to_numpy().tolist()
    assert rows == [
        [model, protocol, segment]
        for model in ("lr", "rf", "xgboost")
        for protocol in (SINGLE_SPLIT, REPEATED_CV)
        for segment in (0, 1, 2)
    ]


def test_the_single_split_has_binomial_intervals(predictions, reproduction):
    once = predictions[predictions["protocol"] == SINGLE_SPLIT]
    for _, row in reproduction[reproduction["protocol"] == SINGLE_SPLIT].iterrows():
        answers = once[once["model"] == row["model"]]
        named = answers[answers["predicted"] == row["segment"]]
        for name, rows in (("accuracy", answers), ("precision", named)):
            hits = int((rows["predicted"] == rows["segment"]).sum())
            expected = binomtest(hits, len(rows)).proportion_ci(0.95, method="wilson")
            assert row[name] == pytest.approx(hits / len(rows))
            assert row[f"{name}_low"] == pytest.approx(expected.low)
            assert row[f"{name}_high"] == pytest.approx(expected.high)


def test_repeated_folds_have_intervals_by_households(predictions, reproduction, quick):
    often = predictions[predictions["protocol"] == REPEATED_CV]
    found = reproduction[reproduction["protocol"] == REPEATED_CV].reset_index(drop=True)
    effort = (["model", "protocol"], quick.intervals, quick.random_state)
    segments, models = measure_segments(often, *effort), measure_models(often, *effort)
    for name in ("precision", "precision_low", "precision_high", "recall"):
        assert found[name].tolist() == pytest.approx(segments[name].tolist())
    for name in ("accuracy", "accuracy_low", "accuracy_high"):
        assert found[name].tolist()[::3] == pytest.approx(models[name].tolist())


def test_accuracy_is_the_recall_weighted_by_support(reproduction):
    rows = reproduction.assign(hits=reproduction["recall"] * reproduction["support"])
    sums = rows.groupby(["model", "protocol"])[["hits", "support"]].sum()
    accuracy = rows.groupby(["model", "protocol"])["accuracy"].first()
    assert (sums["hits"] / sums["support"]).tolist() == pytest.approx(accuracy.tolist())


def test_a_cluster_that_is_never_named_has_a_precision_without_interval(predictions, quick):
    predictions.loc[predictions["predicted"] == 0, "predicted"] = 1
    table = reproduce_source_study(predictions, quick)
    never = table[table["segment"] == 0]
    assert (never["precision"] == 0).all()
    assert never[["precision_low", "precision_high"]].isna().all(axis=None)
    assert never[["accuracy_low", "accuracy_high"]].notna().all(axis=None)


def test_models_are_compared_on_the_repeated_folds_alone(predictions, quick):
    table = compare_study_models(predictions, quick)
    often = predictions[predictions["protocol"] == REPEATED_CV]
    expected = compare_models(often, ["protocol"], 0.95).drop(columns="protocol")
    pd.testing.assert_frame_equal(table, expected)
    pairs = list(zip(table["model_a"], table["model_b"], strict=True))
    assert pairs == [("lr", "xgboost"), ("lr", "rf"), ("xgboost", "rf")]
    assert table["folds"].tolist() == [4, 4, 4]
    accuracy = (often["predicted"] == often["segment"]).groupby(often["model"]).mean()
    expected = [accuracy[a] - accuracy[b] for a, b in pairs]
    assert table["accuracy_difference"].tolist() == pytest.approx(expected)


def test_fields_are_ranked_by_their_mean_contribution(contributions):
    table = explain_study(contributions)
    means = contributions.groupby("field")["contribution"].mean().sort_values(ascending=False)
    assert table["field"].tolist() == means.index.tolist()
    assert table["mean_abs_shap"].tolist() == pytest.approx(means.tolist())
    assert table["share"].sum() == pytest.approx(1)
    assert table["rank"].tolist() == list(range(1, 13))
    places = np.array(
        [
            part.groupby("field")["contribution"].mean().rank(ascending=False)[means.index]
            for _, part in contributions.groupby(["repeat", "fold"])
        ]
    )
    assert table["rank_low"].tolist() == places.min(axis=0).tolist()
    assert table["rank_high"].tolist() == places.max(axis=0).tolist()


def test_equal_fields_share_their_rank():
    rows = [("a", 1.0), ("b", 1.0), ("c", 0.5), ("a", 3.0), ("b", 3.0), ("c", 4.0)]
    made_up = pd.DataFrame(rows, columns=["field", "contribution"])
    made_up = made_up.assign(repeat=1, fold=[1, 1, 1, 2, 2, 2], household_id=[1, 1, 1, 2, 2, 2])
    table = explain_study(made_up).set_index("field")
    assert table["mean_abs_shap"].to_dict() == {"c": 2.25, "a": 2, "b": 2}
    assert table["rank"].to_dict() == {"c": 1, "a": 2, "b": 2}
    assert table["rank_low"].to_dict() == {"c": 1, "a": 1, "b": 1}
    assert table["rank_high"].to_dict() == {"c": 3, "a": 2, "b": 2}
    assert table["share"].to_dict() == pytest.approx({"c": 0.36, "a": 0.32, "b": 0.32})


def test_switched_off_the_tables_have_no_row_but_their_columns(
    households, codebook, quick, predictions, contributions
):
    off = quick.model_copy(update={"source_study": None})
    no_predictions, no_contributions = predict_study_clusters(households, codebook, off)
    for empty, full in (
        (reproduce_source_study(no_predictions, off), reproduce_source_study(predictions, quick)),
        (compare_study_models(no_predictions, off), compare_study_models(predictions, quick)),
        (explain_study(no_contributions), explain_study(contributions)),
    ):
        assert empty.empty
        assert empty.dtypes.to_dict() == full.dtypes.to_dict()


def test_no_table_changes_its_input(predictions, contributions, quick):
    before, explained = predictions.copy(), contributions.copy()
    reproduce_source_study(predictions, quick)
    compare_study_models(predictions, quick)
    explain_study(contributions)
    pd.testing.assert_frame_equal(predictions, before)
    pd.testing.assert_frame_equal(contributions, explained)
