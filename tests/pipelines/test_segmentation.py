"""The segmentation pipeline: its nodes, and the whole of it in memory."""

from __future__ import annotations

import hashlib
import pickle
from typing import Any

import pandas as pd
import pytest

from customer_segmentation import tables
from customer_segmentation.pipelines.segmentation import create_pipeline
from customer_segmentation.pipelines.segmentation.nodes import (
    assign_segments,
    select_eligible_households,
)
from customer_segmentation.segments.segmenter import fit_segmenter
from customer_segmentation.segments.specification import SegmentationError

OUTPUTS = {
    "eligible_households",
    "segmenter",
    "household_segments",
    "segment_scores",
    "candidate_agreements",
    "segmentation_candidates",
    "segment_sizes",
    "segment_profiles",
    "segment_demographics",
    "segment_descriptors",
}


@pytest.fixture(scope="module")
def budgeted(parameters):
    """The parameters with a small bootstrap budget."""
    candidates = parameters.segmentation.candidates.model_copy(
        update={"bootstrap_pairs": 2, "largest": 4}
    )
    return parameters.segmentation.model_copy(update={"candidates": candidates})


def run_pipeline(households, features, codebook, segmentation) -> dict[str, Any]:
    """Run the nodes one after another, and keep what each of them returns."""
    values = {
        "households": households,
        "household_features": features,
        "params:codebook": codebook,
        "params:segmentation": segmentation,
    }
    for node in create_pipeline().nodes:
        values |= node.run({name: values[name] for name in node.inputs})
    return {name: values[name] for name in OUTPUTS}


@pytest.fixture(scope="module")
def outputs(_households, _features, codebook, budgeted):
    return run_pipeline(_households, _features, codebook, budgeted)


def digest(value: object) -> str:
    content = value.to_parquet() if isinstance(value, pd.DataFrame) else pickle.dumps(value)
    return hashlib.sha256(content).hexdigest()


def test_it_needs_the_panel_only_and_writes_every_table():
    pipeline = create_pipeline()
    assert pipeline.inputs() == {
        "households",
        "household_features",
        "params:codebook",
        "params:segmentation",
    }
    assert pipeline.all_outputs() == OUTPUTS


def test_public_tables_keep_their_promise(outputs):
    tables.HouseholdSegments.validate(outputs["household_segments"])
    tables.SegmentProfiles.validate(outputs["segment_profiles"])
    tables.SegmentationCandidates.validate(outputs["segmentation_candidates"])


def test_a_second_run_gives_the_same_bytes(outputs, households, features, codebook, budgeted):
    other = budgeted.model_copy(update={"processes": 1})
    again = run_pipeline(households, features, codebook, other)
    for name in OUTPUTS - {"segmenter"}:
        assert digest(again[name]) == digest(outputs[name]), name
    assert (
        again["segmenter"]["segments"].centroids_.tobytes()
        == outputs["segmenter"]["segments"].centroids_.tobytes()
    )


def test_every_household_is_assigned_and_thin_ones_are_flagged(outputs, households, features):
    segments = outputs["household_segments"]
    assert segments["household_id"].tolist() == households["household_id"].tolist()
    assert segments["thin_record"].tolist() == (households["transactions"] < 11).tolist()
    assert segments["thin_record"].sum() == 57
    assert set(segments["segment"]) == {"Loyalists", "Promo Shoppers", "Variety Seekers"}


def test_thin_records_form_no_segment(outputs):
    eligible = outputs["eligible_households"]
    assert len(eligible) == 543
    assert eligible["transactions"].min() == 11
    profiles = outputs["segment_profiles"]
    n = profiles[profiles["variable"] == "total_value"]["n"]
    assert n.sum() == 543


def test_thin_records_change_no_segment_of_the_others(
    outputs, households, features, codebook, budgeted
):
    fewer = households[households["transactions"] > 10].reset_index(drop=True)
    kept = features[features["household_id"].isin(fewer["household_id"])].reset_index(drop=True)
    eligible = select_eligible_households(fewer, kept, codebook, budgeted)
    segments = assign_segments(fit_segmenter(eligible, codebook, budgeted), fewer, kept, codebook)
    expected = outputs["household_segments"].set_index("household_id")["segment"]
    assert segments["segment"].tolist() == expected[fewer["household_id"]].tolist()


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
    segments = assign_segments(outputs["segmenter"], households, turned, codebook)
    pd.testing.assert_frame_equal(segments, outputs["household_segments"])


def test_the_chosen_candidate_is_the_specification(outputs, budgeted):
    candidates = outputs["segmentation_candidates"]
    chosen = candidates[candidates["chosen"]]
    assert chosen["k"].tolist() == [budgeted.specification.segments]
    sizes = outputs["segment_sizes"]
    assert chosen["smallest_share"].iloc[0] == pytest.approx(sizes["share"].min())


def test_only_thin_records_are_refused(households, features, codebook, budgeted):
    with pytest.raises(SegmentationError, match="All 600 households have too few transactions"):
        select_eligible_households(
            households, features.assign(thin_record=True), codebook, budgeted
        )


def test_fewer_households_than_segments_are_refused(households, features, codebook, budgeted):
    with pytest.raises(SegmentationError, match=r"candidates.largest is 4, but only 4 households"):
        select_eligible_households(
            households, features.assign(thin_record=features.index > 3), codebook, budgeted
        )


def test_what_the_project_wrote_is_what_the_nodes_compute(project_run, outputs):
    written = project_run.load("household_segments")
    pd.testing.assert_frame_equal(written, outputs["household_segments"])
    scores = project_run.load("segment_scores")
    pd.testing.assert_frame_equal(scores, outputs["segment_scores"], check_exact=True)
    assert len(project_run.load("segmentation_candidates")) == 7
