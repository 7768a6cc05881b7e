from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from customer_segmentation.classification.audit import audit_claims, list_answered
from customer_segmentation.classification.folds import ValidationError
from customer_segmentation.classification.models import (
    BASELINES,
    CLASSIFIERS,
    PROCEDURE,
    conformity_column,
    probability_column,
)
from customer_segmentation.classification.validation import join_predictions
from customer_segmentation.panel.records import Households
from customer_segmentation.pipelines.modelling.nodes import (
    label_households,
)
from customer_segmentation.pipelines.modelling.pipeline import (
    create_model_pipeline,
    create_pipeline,
)
from customer_segmentation.scorer.bundle import ScoringBundle
from customer_segmentation.scorer.scoring import check_examples, score_households
from customer_segmentation.scorer.storage import load_bundle
from tests.conftest import ProjectRun, load_config

GRAIN = ["information_set", "model", "protocol"]
SETS = ["panel_record", "source_study", "demographics_and_basis", "demographics"]
EXPECTED_CLAIMS = {
    "demographics": "prediction",
    "demographics_and_basis": "overlap",
    "source_study": "overlap",
    "panel_record": "assignment",
}
CLAIMED = (
    "classifier_metrics",
    "segment_metrics",
    "model_comparisons",
    "golden_questions",
    "conformal_summary",
    "campaign_gains",
    "fairness_slices",
)


@pytest.fixture(scope="module")
def predictions(project_run: ProjectRun) -> pd.DataFrame:
    return project_run.load("classifier_predictions")


@pytest.fixture(scope="module")
def metrics(project_run: ProjectRun) -> pd.DataFrame:
    return project_run.load("classifier_metrics")


@pytest.fixture(scope="module")
def choices(project_run: ProjectRun) -> pd.DataFrame:
    return project_run.load("model_choices")


def test_every_model_goes_through_the_same_template():
    def shape(model):
        return {
            (
                node.name.replace(model, "m"),
                tuple(name.replace(f"{model}_", "m_") for name in [*node.inputs, *node.outputs]),
            )
            for node in create_model_pipeline(model).nodes
        }

    assert [shape(model) for model in CLASSIFIERS] == [shape(CLASSIFIERS[0])] * len(CLASSIFIERS)


def test_each_model_has_a_namespace_and_flat_dataset_names():
    pipeline = create_pipeline()
    for model in CLASSIFIERS:
        assert len(pipeline.only_nodes_with_namespaces([f"modelling.{model}"]).nodes) == 1
    assert [name for name in pipeline.datasets() if "." in name] == []


def test_there_is_one_row_per_set_model_and_protocol(metrics):
    assert not metrics.duplicated(GRAIN).any()
    everywhere = {*CLASSIFIERS, PROCEDURE, *BASELINES} - {"nearest_centroid"}
    for name, rows in metrics.groupby("information_set"):
        extra = {"nearest_centroid"} if name == "panel_record" else set()
        for _, models in rows.groupby("protocol"):
            assert set(models["model"]) == everywhere | extra
    assert set(metrics["information_set"]) == set(SETS)


@pytest.mark.parametrize("table", CLAIMED)
def test_every_row_carries_the_claim_of_its_set(project_run, table):
    rows = project_run.load(table)
    assert rows["claim"].tolist() == [EXPECTED_CLAIMS[name] for name in rows["information_set"]]


def test_the_audit_is_that_of_the_stored_segmenter(project_run, parameters):
    labelled, segmenter = project_run.load("labelled_households"), project_run.load("segmenter")
    stored = project_run.load("segment_scores")
    names = list(segmenter.score_variables)
    np.testing.assert_allclose(
        stored[names], segmenter.compute_scores(labelled, parameters.codebook)[names]
    )
    audit = audit_claims(
        labelled,
        stored,
        segmenter,
        project_run.parameters.modelling,
        parameters.codebook,
    )
    pd.testing.assert_frame_equal(project_run.load("circularity_audit"), audit)
    assert dict(zip(audit["information_set"], audit["claim"], strict=True)) == EXPECTED_CLAIMS


def test_where_the_segmenter_s_inputs_are_known_its_fidelity_is_one(metrics, project_run):
    own = metrics[metrics["model"] == "nearest_centroid"]
    assert own["accuracy"].tolist() == [1.0, 1.0]
    assert own["claim"].unique().tolist() == ["assignment"]
    each = project_run.load("segment_metrics")
    own = each[each["model"] == "nearest_centroid"]
    assert (own[["precision", "recall", "f1"]] == 1).all(axis=None)


def test_accuracy_counts_hits_of_eligible_households(predictions, metrics):
    eligible = predictions[~predictions["thin_record"]]
    for truth, column in (("segment", "accuracy"), ("reference", "accuracy_reference")):
        hits = eligible["predicted"] == eligible[truth]
        accuracy = hits.groupby([eligible[key] for key in GRAIN]).mean()
        found = metrics.set_index(GRAIN)[column].sort_index()
        pd.testing.assert_series_equal(found, accuracy, check_names=False)


def test_every_household_is_predicted_once_per_repeat(predictions, project_run):
    everybody = sorted(project_run.load("household_segments")["household_id"])
    config = load_config("test")["parameters"]["modelling"]["validation"]
    nested = predictions[predictions["protocol"] == "nested_cv"]
    for _, rows in nested.groupby(["information_set", "model", "repeat"]):
        assert sorted(rows["household_id"]) == everybody
    assert nested["repeat"].nunique() == config["repeats"]
    known = project_run.load("household_segments").set_index("household_id")["segment"]
    assert (predictions["reference"] == predictions["household_id"].map(known)).all()


def test_all_models_meet_the_same_hold_out(predictions, project_run):
    folds = project_run.load("validation_folds")
    expected = set(folds.loc[folds["protocol"] == "holdout", "household_id"])
    holdout = predictions[predictions["protocol"] == "holdout"]
    for _, rows in holdout.groupby(["information_set", "model"]):
        assert set(rows["household_id"]) == expected
        assert len(rows) == len(expected)


def test_probabilities_sum_to_one_and_conformal_p_values_are_in_range(predictions):
    segments = sorted(predictions["segment"].unique())
    probabilities = predictions[[probability_column(name) for name in segments]]
    assert (probabilities.sum(axis=1) - 1).abs().max() < 1e-9
    assert predictions.filter(regex="^p_").shape[1] == len(segments)
    conformity = predictions[[conformity_column(name) for name in segments]]
    baseline = predictions["model"].isin(BASELINES)
    assert conformity[baseline].isna().all(axis=None)
    assert conformity[~baseline].gt(0).all(axis=None)
    assert conformity[~baseline].le(1).all(axis=None)


def test_the_procedure_is_in_every_fold_one_of_the_models(predictions, choices):
    keys = ["information_set", "protocol", "repeat", "fold", "household_id"]
    columns = list(predictions.filter(regex="^[pc]_"))
    models = predictions[predictions["model"].isin(CLASSIFIERS)]
    chosen = models.merge(choices, on=[*keys[:-1], "model"])
    procedure = predictions[predictions["model"] == PROCEDURE]
    both = [table.sort_values(keys).set_index(keys)[columns] for table in (chosen, procedure)]
    pd.testing.assert_frame_equal(*both)


def test_champions_are_marked_and_stored_where_a_model_answers(metrics, choices, project_run):
    final = choices[choices["protocol"] == "final"].set_index("information_set")["model"]
    champions = metrics[metrics["champion"]].drop_duplicates(GRAIN[:2])
    assert champions.set_index("information_set")["model"].to_dict() == final.to_dict()
    stored = project_run.load("champion_probabilities")
    answering = list_answered(project_run.load("circularity_audit"))
    assert list(stored["information_set"].unique()) == answering == SETS[1:]
    assert (stored.groupby("information_set").size() == 600).all()
    assert set(project_run.load("shap_importance")["model"]) == set(final)


@pytest.fixture(scope="module")
def bundle(project_run: ProjectRun) -> ScoringBundle:
    return load_bundle(project_run.data_root / "07_model_output" / "scoring_bundle")


@pytest.fixture(scope="module")
def panel(bundle: ScoringBundle, project_run: ProjectRun) -> Households:
    return bundle.reader.read_table(project_run.load("households"), "households")


def test_the_stored_bundle_gives_the_stored_probabilities(project_run, bundle, panel):
    stored = project_run.load("champion_probabilities")
    names = [probability_column(name) for name in bundle.segments]
    assert [route.information_set for route in bundle.routes] == ["segmenter_inputs", *SETS[1:]]
    for route in bundle.routes[1:]:
        rows = stored[stored["information_set"] == route.information_set]
        assert rows["household_id"].tolist() == panel.ids.tolist()
        np.testing.assert_allclose(route.score(panel.values), rows[names], rtol=0, atol=1e-6)
        assert route.claim == EXPECTED_CLAIMS[route.information_set]


def test_the_stored_bundle_assigns_every_household_to_its_segment(project_run, bundle, panel):
    table = score_households(bundle, panel).tabulate()
    labelled = project_run.load("labelled_households")
    for name in ("household_id", "segment", "thin_record"):
        assert table[name].tolist() == labelled[name].tolist()
    assert table["claim"].unique().tolist() == ["assignment"]


def test_the_stored_bundle_tells_how_good_its_guesses_are(project_run, bundle, metrics):
    summary = project_run.load("conformal_summary")
    of_all = summary[summary["group_by"] == "all"].set_index("information_set")
    nested = metrics[metrics["protocol"] == "nested_cv"].set_index(["information_set", "model"])
    for champion in bundle.champions:
        procedure = nested.loc[(champion.information_set, PROCEDURE)]
        assert champion.evidence.model_dump() == {
            "households": procedure["n"],
            **procedure[["accuracy", "accuracy_low", "accuracy_high"]],
            "majority": nested.loc[(champion.information_set, "majority"), "accuracy"],
            "coverage": of_all.loc[champion.information_set, "coverage"],
            "set_size": of_all.loc[champion.information_set, "mean_set_size"],
        }


def test_the_stored_bundle_carries_an_example_of_each_segment(bundle):
    assert [example.segment for example in bundle.examples] == list(bundle.segments)
    check_examples(bundle)


def test_the_targeting_list_names_every_household_once(project_run, predictions):
    listed = project_run.load("targeting_list")
    everybody = set(project_run.load("household_segments")["household_id"])
    assert set(listed["household_id"]) == everybody
    assert listed["rank"].tolist() == list(range(1, 601))
    assert listed["probability"].is_monotonic_decreasing
    campaign = project_run.parameters.modelling.campaign
    rows = predictions[
        (predictions["information_set"] == campaign.information_set)
        & (predictions["model"] == PROCEDURE)
        & (predictions["protocol"] == "nested_cv")
    ]
    means = rows.groupby("household_id")[probability_column(campaign.segment)].mean()
    np.testing.assert_allclose(listed["probability"], means[listed["household_id"]], atol=1e-9)


def test_the_study_s_own_split_is_reproduced_line_by_line(project_run):
    table = project_run.load("source_study_reproduction")
    once = table[table["protocol"] == "single_split"].drop_duplicates("model")
    found = once.set_index("model")["accuracy"].round(3).to_dict()
    assert found == {"lr": 0.883, "rf": 0.9, "xgboost": 0.908}


def test_a_campaign_to_nobody_is_refused(project_run):
    tables = [
        project_run.load(name)
        for name in ("households", "household_features", "household_segments")
    ]
    modelling = project_run.parameters.modelling
    campaign = modelling.campaign.model_copy(update={"segment": "Nobody"})
    with pytest.raises(ValidationError, match="'Nobody', but the segments are Loyalists"):
        label_households(*tables, modelling.model_copy(update={"campaign": campaign}))


def test_households_keep_their_order_when_labelled(project_run):
    households = project_run.load("households")
    labelled = project_run.load("labelled_households")
    assert labelled["household_id"].tolist() == households["household_id"].tolist()
    pd.testing.assert_frame_equal(labelled[list(households)], households)


def test_joined_predictions_keep_the_order_of_models():
    table = pd.DataFrame(
        {
            "information_set": ["a"],
            "protocol": ["holdout"],
            "repeat": [1],
            "fold": [1],
            "household_id": [7],
            "thin_record": [False],
            "segment": ["x"],
            "reference": ["x"],
            "predicted": ["x"],
            "p_x": [1.0],
        }
    )
    joined = join_predictions(table.assign(model="prior"), lr=table, rf=table.assign(c_x=0.5))
    assert joined["model"].tolist() == ["lr", "rf", "prior"]
    assert joined["c_x"].isna().tolist() == [True, False, True]
    assert list(joined)[:5] == [*GRAIN, "repeat", "fold"]
