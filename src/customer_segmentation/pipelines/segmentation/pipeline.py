"""The wiring of segmentation."""

from __future__ import annotations

from typing import Any

from kedro.pipeline import Node, Pipeline, node

from customer_segmentation.pipelines.segmentation.nodes import (
    assign_segments,
    bootstrap_candidates,
    compare_candidates,
    compute_segment_scores,
    select_eligible_households,
)
from customer_segmentation.segments.profiles import (
    measure_descriptors,
    measure_sizes,
    profile_segments,
    tabulate_demographics,
)
from customer_segmentation.segments.segmenter import fit_segmenter

CODEBOOK = {"codebook": "params:codebook"}
PARAMETERS = {"segmentation": "params:segmentation"}


def create_pipeline(**kwargs: Any) -> Pipeline:  # noqa: ARG001
    """Form, name, judge and describe the segments.

    ```
    households, household_features
      └──> eligible_households ──> segmenter ──> household_segments, segment_scores
                 │                     │                   │
                 ├─────────────────────┴──> candidate_agreements ──> segmentation_candidates
                 └─────────────────────────────────────────┴──> sizes, profiles, demographics,
                                                                descriptors
    ```

    Args:
        **kwargs: Not used; Kedro may pass some.

    Returns:
        The pipeline, its nodes in the namespace and under the tag `segmentation`.
    """
    return Pipeline(
        [*_forming(), *_judging(), *_describing()],
        namespace="segmentation",
        prefix_datasets_with_namespace=False,
        tags=["segmentation"],
    )


def _forming() -> list[Node]:
    panel = {"households": "households", "household_features": "household_features"}
    return [
        node(
            select_eligible_households,
            inputs={**panel, **CODEBOOK, **PARAMETERS},
            outputs="eligible_households",
            name="select_eligible_households",
        ),
        node(
            fit_segmenter,
            inputs={"households": "eligible_households", **CODEBOOK, **PARAMETERS},
            outputs="segmenter",
            name="fit_segmenter",
        ),
        node(
            assign_segments,
            inputs={"segmenter": "segmenter", **panel, **CODEBOOK},
            outputs="household_segments",
            name="assign_segments",
        ),
        node(
            compute_segment_scores,
            inputs={"segmenter": "segmenter", "households": "households", **CODEBOOK},
            outputs="segment_scores",
            name="compute_segment_scores",
        ),
    ]


def _judging() -> list[Node]:
    formed = {"segmenter": "segmenter", "eligible_households": "eligible_households"}
    return [
        node(
            bootstrap_candidates,
            inputs={**formed, **PARAMETERS},
            outputs="candidate_agreements",
            name="bootstrap_candidates",
        ),
        node(
            compare_candidates,
            inputs={**formed, "candidate_agreements": "candidate_agreements", **PARAMETERS},
            outputs="segmentation_candidates",
            name="compare_candidates",
        ),
    ]


def _describing() -> list[Node]:
    segments = {"household_segments": "household_segments", **CODEBOOK}
    members = {"eligible_households": "eligible_households", **segments}
    return [
        node(measure_sizes, inputs=segments, outputs="segment_sizes", name="measure_sizes"),
        node(profile_segments, inputs=members, outputs="segment_profiles", name="profile_segments"),
        node(
            tabulate_demographics,
            inputs=members,
            outputs="segment_demographics",
            name="tabulate_demographics",
        ),
        node(
            measure_descriptors,
            inputs=members,
            outputs="segment_descriptors",
            name="measure_descriptors",
        ),
    ]
