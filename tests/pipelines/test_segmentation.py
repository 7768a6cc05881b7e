"""The segmentation pipeline: its nodes, and the whole of it in memory."""

from __future__ import annotations

import hashlib
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

from customer_segmentation import tables
from customer_segmentation.pipelines.segmentation import create_pipeline
from customer_segmentation.pipelines.segmentation.nodes import (
    assign_segments,
    select_eligible_households,
)
from customer_segmentation.segments.scores import SegmentationError

VALIDATED = {
    "household_segments": tables.HouseholdSegments,
    "segment_profiles": tables.SegmentProfiles,
    "segmentation_candidates": tables.SegmentationCandidates,
    "specification_agreement": tables.SpecificationAgreement,
    "segment_sensitivity": tables.SegmentSensitivity,
    "segment_stability": tables.SegmentStability,
    "segment_descriptors": tables.SegmentDescriptors,
}


@pytest.fixture(scope="module")
def budgeted(parameters):
    """The parameters with a small grid and little effort."""
    segmentation = parameters.segmentation
    effort = {"pairs": 4, "screening_pairs": 2, "null_draws": 2, "null_pairs": 2}
    return segmentation.model_copy(
        update={
            "grid": segmentation.grid.model_copy(update={"views": segmentation.grid.views[:2]}),
            "counts": segmentation.counts.model_copy(update={"scored_to": 5}),
            "evidence": segmentation.evidence.model_copy(update={**effort, "gap_references": 2}),
            "sensitivity": segmentation.sensitivity.model_copy(update={"split_halves": 2}),
            "description": segmentation.description.model_copy(update={"permutations": 99}),
        }
    )


def run_pipeline(households, features, parameters, segmentation) -> dict[str, Any]:
    """Run the nodes one after another, and keep what each of them returns."""
    values = {
        "households": households,
        "household_features": features,
        "params:codebook": parameters.codebook,
        "params:segmentation": segmentation,
        "params:data_processing": parameters.data_processing,
    }
    for node in create_pipeline().nodes:
        values |= node.run({name: values[name] for name in node.inputs})
    return {name: values[name] for name in create_pipeline().all_outputs()}


@pytest.fixture(scope="module")
def outputs(_households, _features, parameters, budgeted):
    return run_pipeline(_households, _features, parameters, budgeted)


def digest(value: object) -> str:
    content = value.to_parquet() if isinstance(value, pd.DataFrame) else pickle.dumps(value)
    return hashlib.sha256(content).hexdigest()


def test_it_needs_the_panel_and_its_parameters_only():
    assert create_pipeline().inputs() == {
        "households",
        "household_features",
        "params:codebook",
        "params:data_processing",
        "params:segmentation",
    }


@pytest.mark.parametrize("name", VALIDATED)
def test_public_tables_keep_their_promise(outputs, name):
    promised = set(VALIDATED[name].to_schema().columns)
    assert promised <= set(VALIDATED[name].validate(outputs[name]))


def test_a_second_run_gives_the_same_bytes(outputs, households, features, parameters, budgeted):
    other = budgeted.model_copy(update={"processes": 1})
    again = run_pipeline(households, features, parameters, other)
    for name, value in outputs.items():
        assert digest(again[name]) == digest(value), name


def test_every_household_is_assigned_and_thin_ones_are_flagged(outputs, households, features):
    segments = outputs["household_segments"]
    assert segments["household_id"].tolist() == households["household_id"].tolist()
    assert segments["thin_record"].tolist() == (households["transactions"] < 11).tolist()
    assert segments["thin_record"].sum() == 57
    assert set(segments["segment"]) == {"Loyalists", "Promo Shoppers", "Variety Seekers"}
    assert (segments["segment"] != segments["second_segment"]).all()


def test_thin_records_form_no_segment(outputs):
    eligible = outputs["eligible_households"]
    assert len(eligible) == 543
    assert eligible["transactions"].min() == 11
    profiles = outputs["segment_profiles"]
    n = profiles[profiles["variable"] == "total_value"]["n"]
    assert n.sum() == 543
    assert outputs["segment_stability"]["size"].sum() == 543


def test_thin_records_change_no_segment_of_the_others(
    outputs, households, features, parameters, budgeted
):
    fewer = households[households["transactions"] > 10].reset_index(drop=True)
    kept = features[features["household_id"].isin(fewer["household_id"])].reset_index(drop=True)
    alone = run_pipeline(fewer, kept, parameters, budgeted)["household_segments"]
    everyone = outputs["household_segments"].set_index("household_id")
    expected = everyone.loc[fewer["household_id"]].reset_index()
    pd.testing.assert_frame_equal(alone, expected)


def test_scores_stand_for_all_households_in_order(outputs, households):
    scores = outputs["segment_scores"]
    assert scores["household_id"].tolist() == households["household_id"].tolist()
    assert scores.drop(columns="household_id").notna().all(axis=None)


def test_features_in_another_order_reach_the_right_households(
    outputs, households, features, codebook, budgeted
):
    turned = features.iloc[::-1].reset_index(drop=True)
    eligible = select_eligible_households(households, turned, codebook, budgeted)
    pd.testing.assert_frame_equal(eligible, outputs["eligible_households"])
    segments = assign_segments(
        outputs["segmenter"], outputs["bootstrapped_segments"], households, turned, codebook
    )
    pd.testing.assert_frame_equal(segments, outputs["household_segments"])


def test_the_segments_are_those_of_the_chosen_candidate(outputs):
    candidates = outputs["segmentation_candidates"]
    chosen = candidates[candidates["chosen"]].iloc[0]
    assert (chosen["specification"], chosen["k"]) == ("buying_style.plain.kmeans", 3)
    assert chosen["smallest_share"] == pytest.approx(outputs["segment_sizes"]["share"].min())
    labels = outputs["candidate_labels"]
    own = labels[(labels["specification"] == chosen["specification"]) & (labels["k"] == 3)]
    names = own["household_id"].map(
        outputs["household_segments"].set_index("household_id")["segment"]
    )
    assert len(set(zip(own["label"], names, strict=True))) == 3
    stability = outputs["segment_stability"]
    assert stability["slsw_median"].min() == pytest.approx(chosen["slsw_min_median"])
    assert stability["slsw_q10"].min() == pytest.approx(chosen["slsw_min_q10"])


def test_positions_similarities_and_hulls_belong_together(outputs):
    positions, similarities = outputs["household_positions"], outputs["household_similarities"]
    assert len(positions) == 543
    assert positions["silhouette"].mean() == pytest.approx(
        outputs["segmentation_candidates"].query("chosen")["silhouette"].iloc[0]
    )
    sums = similarities.groupby("household_id")["similarity"].sum()
    np.testing.assert_allclose(sums, 1)
    closest = similarities.loc[similarities.groupby("household_id")["similarity"].idxmax()]
    assert (closest["segment"] == closest["to_segment"]).all()
    assert set(outputs["segment_hulls"]["segment"]) == set(positions["segment"])


def test_the_chosen_segments_are_named_on_their_path(outputs):
    paths = outputs["segment_paths"]
    named = paths[paths["k"] == 3].set_index("name")["households"]
    sizes = outputs["segment_sizes"].set_index("segment")["households"]
    assert named.sort_index().tolist() == sizes.sort_index().tolist()
    assert (paths.loc[paths["k"] != 3, "name"] == "").all()


def test_a_pin_overrules_the_rule_and_both_are_told(households, features, parameters, budgeted):
    pin = {"specification": "basis_for_purchase.plain.gaussian_mixture", "segments": 2}
    values = budgeted.model_dump(mode="json")
    values["choice"]["pin"] = pin
    values["naming"]["when_unmatched"] = "number"
    pinned = type(budgeted).model_validate(values)
    outputs = run_pipeline(households, features, parameters, pinned)
    candidates = outputs["segmentation_candidates"]
    assert candidates[candidates["chosen"]]["specification"].tolist() == [pin["specification"]]
    assert candidates["by_rule"].sum() == 1
    assert set(outputs["household_segments"]["segment"]) == {"Segment 1", "Segment 2"}


def test_only_thin_records_are_refused(households, features, codebook, budgeted):
    with pytest.raises(SegmentationError, match="All 600 households have too few transactions"):
        select_eligible_households(
            households, features.assign(thin_record=True), codebook, budgeted
        )


def test_fewer_households_than_segments_are_refused(households, features, codebook, budgeted):
    with pytest.raises(SegmentationError, match=r"5 segments are asked for .* only 5 households"):
        select_eligible_households(
            households, features.assign(thin_record=features.index > 4), codebook, budgeted
        )


def test_a_constant_variable_of_any_view_is_refused_before_any_fit(
    households, features, codebook, budgeted
):
    constant = households.assign(share_price_premium=0.25)
    with pytest.raises(SegmentationError, match=r"share_price_premium.* is 0.25 for all 543"):
        select_eligible_households(constant, features, codebook, budgeted)


def test_what_the_project_wrote_is_what_the_rule_promises(project_run, parameters):
    candidates = project_run.load("segmentation_candidates")
    chosen = candidates[candidates["chosen"]].iloc[0]
    names = parameters.segmentation.specifications(parameters.codebook)
    assert len(candidates) == len(names) * candidates["k"].nunique()
    assert (chosen["specification"], chosen["k"]) == ("buying_style.plain.kmeans", 3)
    sizes = project_run.load("segment_sizes").set_index("segment")["households"]
    expected = {"Loyalists": 110, "Promo Shoppers": 116, "Variety Seekers": 317}
    assert all(abs(sizes[name] - size) <= 3 for name, size in expected.items())
