from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from customer_segmentation.pipelines.modelling.nodes import join_models, label_households
from customer_segmentation.pipelines.modelling.pipeline import (
    MODELS,
    create_model_pipeline,
    create_pipeline,
)
from customer_segmentation.segments.segmenter import score_variables
from customer_segmentation.typing_tool.audit import audit_information_sets
from tests.conftest import ProjectRun, load_config

GRAIN = ["information_set", "model", "protocol"]
SETS = ["demographics", "source_study", "panel_record"]


@pytest.fixture(scope="module")
def predictions(project_run: ProjectRun) -> pd.DataFrame:
    return project_run.load("classifier_predictions")


@pytest.fixture(scope="module")
def metrics(project_run: ProjectRun) -> pd.DataFrame:
    return project_run.load("classifier_metrics")


@pytest.fixture(scope="module")
def eligible(project_run: ProjectRun) -> pd.DataFrame:
    segments = project_run.load("household_segments")
    return segments[~segments["thin_record"]]


def test_every_model_goes_through_the_same_template():
    def shape(model):
        return {
            (
                node.name.replace(model, "m"),
                tuple(name.replace(f"{model}_", "m_") for name in [*node.inputs, *node.outputs]),
            )
            for node in create_model_pipeline(model).nodes
        }

    assert [shape(model) for model in MODELS] == [shape(MODELS[0])] * len(MODELS)


def test_each_model_has_a_namespace_and_flat_dataset_names():
    pipeline = create_pipeline()
    for model in MODELS:
        assert len(pipeline.only_nodes_with_namespaces([f"modelling.{model}"]).nodes) == 4
    assert [name for name in pipeline.datasets() if "." in name] == []


def test_there_is_one_row_per_set_model_and_protocol(metrics):
    assert not metrics.duplicated(GRAIN).any()
    assert len(metrics) == len(SETS) * len(MODELS) * 2
    assert set(metrics["model"]) == set(MODELS)


@pytest.mark.parametrize("table", ["classifier_metrics", "segment_metrics"])
def test_every_row_carries_the_claim_of_its_set(project_run, parameters, table):
    scores = score_variables(project_run.load("segmenter"))
    audit = audit_information_sets(
        scores, parameters.modelling.information_sets, parameters.codebook
    )
    expected = dict(zip(audit["information_set"], audit["claim"], strict=True))
    rows = project_run.load(table)
    assert rows["claim"].tolist() == [expected[name] for name in rows["information_set"]]
    assert set(expected.values()) == {"assignment", "overlap", "prediction"}
    pd.testing.assert_frame_equal(project_run.load("circularity_audit"), audit)


def test_accuracy_counts_hits(predictions, metrics):
    hits = predictions["predicted"] == predictions["segment"]
    accuracy = hits.groupby([predictions[key] for key in GRAIN]).mean()
    found = metrics.set_index(GRAIN)["accuracy"]
    pd.testing.assert_series_equal(found.sort_index(), accuracy, check_names=False)


def test_gain_and_skill_belong_to_the_figures_of_their_row(metrics):
    names = ["gain_over_majority", "gain_se", "log_loss_skill", "skill_se"]
    is_baseline = metrics["model"].isin(["majority", "prior"])
    assert metrics.loc[is_baseline, names].isna().all(axis=None)
    assert metrics.loc[~is_baseline, names].notna().all(axis=None)
    for _, rows in metrics.groupby(["information_set", "protocol"]):
        table = rows.set_index("model")
        gain = table["accuracy"] - table.loc["majority", "accuracy"]
        skill = 1 - table["log_loss"] / table.loc["prior", "log_loss"]
        models = ["lr", "rf", "xgboost"]
        np.testing.assert_allclose(table.loc[models, "gain_over_majority"], gain[models])
        np.testing.assert_allclose(table.loc[models, "log_loss_skill"], skill[models])


def test_cross_validation_tests_every_eligible_household_once_per_repeat(predictions, eligible):
    config = load_config("test")["parameters"]["modelling"]["cross_validation"]
    repeated = predictions[predictions["protocol"] == "repeated_cv"]
    for _, rows in repeated.groupby(["information_set", "model", "repeat"]):
        assert sorted(rows["household_id"]) == sorted(eligible["household_id"])
    assert repeated["repeat"].nunique() == config["repeats"]
    known = eligible.set_index("household_id")["segment"]
    assert (predictions["segment"] == predictions["household_id"].map(known)).all()


def test_all_models_meet_the_same_hold_out(predictions, project_run):
    folds = project_run.load("validation_folds")
    expected = set(folds.loc[folds["protocol"] == "holdout", "household_id"])
    holdout = predictions[predictions["protocol"] == "holdout"]
    for _, rows in holdout.groupby(["information_set", "model"]):
        assert set(rows["household_id"]) == expected
        assert len(rows) == len(expected)
    assert set(project_run.load("shap_values")["household_id"]) == expected


def test_probabilities_of_a_household_sum_to_one(predictions):
    probabilities = predictions.filter(regex="^p_")
    assert probabilities.shape[1] == predictions["segment"].nunique()
    assert (probabilities.sum(axis=1) - 1).abs().max() < 1e-9


def test_the_majority_baseline_is_the_largest_segment(metrics, eligible):
    share = eligible["segment"].value_counts(normalize=True).max()
    rows = metrics.query("model == 'majority' and protocol == 'repeated_cv'")
    assert rows["accuracy"].tolist() == pytest.approx([share] * len(SETS))


def test_what_each_set_allows_is_what_the_literature_leads_to_expect(metrics):
    """A surrogate copies the rule, demographics hardly help; a high figure there is a leak."""
    rows = metrics[metrics["protocol"] == "repeated_cv"].set_index(["model", "information_set"])
    for model in ("lr", "rf", "xgboost"):
        accuracy = rows.loc[model, "accuracy"]
        majority = rows.loc[("majority", "demographics"), "accuracy"]
        assert abs(accuracy["demographics"] - majority) < 0.06
        assert majority + 0.1 < accuracy["source_study"] < 0.9
        assert accuracy["panel_record"] > 0.92


def test_a_segment_s_support_is_its_size(project_run, eligible):
    table = project_run.load("segment_metrics")
    rows = table[table["protocol"] == "repeated_cv"]
    sizes = eligible["segment"].value_counts()
    assert (rows["support"] == rows["segment"].map(sizes)).all()


def test_importance_is_the_mean_of_the_absolute_values(project_run):
    values, importance = project_run.load("shap_values"), project_run.load("shap_importance")
    keys = ["information_set", "segment", "field"]
    assert set(values["information_set"]) == set(SETS)
    assert set(values["model"]) == set(importance["model"]) == {"xgboost"}
    means = values["shap_value"].abs().groupby([values[key] for key in keys]).mean()
    found = importance.set_index(keys)["mean_abs_shap"].sort_index()
    pd.testing.assert_series_equal(found, means, check_names=False)
    best = importance[importance["rank"] == 1].groupby(keys[:2])["mean_abs_shap"].first()
    pd.testing.assert_series_equal(best, means.groupby(level=keys[:2]).max(), check_names=False)


def test_households_are_labelled_by_their_number_not_their_place():
    eligible = pd.DataFrame({"household_id": [3, 1], "x": [30, 10]})
    segments = pd.DataFrame({"household_id": [1, 2, 3], "segment": ["a", "b", "c"]})
    labelled = label_households(eligible, segments)
    assert labelled.to_dict("list") == {
        "household_id": [3, 1],
        "x": [30, 10],
        "segment": ["c", "a"],
    }


def test_joined_models_keep_their_names():
    columns = [
        "protocol",
        "information_set",
        "household_id",
        "segment",
        "predicted",
        "p_a",
        "repeat",
    ]
    one = pd.DataFrame([("holdout", "s", 1, "a", "a", 1.0, 1)], columns=columns)
    joined = join_models(lr=one, prior=one)
    assert joined["model"].tolist() == ["lr", "prior"]
    assert list(joined) == [*GRAIN, "repeat", "household_id", "segment", "predicted", "p_a"]
