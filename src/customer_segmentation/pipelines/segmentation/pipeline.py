"""The wiring of segmentation."""

from __future__ import annotations

from typing import Any

from kedro.pipeline import Node, Pipeline, node

from customer_segmentation.pipelines.segmentation.nodes import (
    assign_segments,
    bootstrap_chosen_segments,
    challenge_finalists,
    compute_segment_scores,
    fit_chosen_segmenter,
    locate_households,
    profile_chosen_segments,
    select_eligible_households,
    trace_chosen_segments,
    vary_decisions,
)
from customer_segmentation.segments.candidates import (
    bootstrap_candidates,
    compare_specifications,
    gather_evidence,
    label_candidates,
    separate_candidates,
)
from customer_segmentation.segments.choice import choose_solution, judge_candidates
from customer_segmentation.segments.descriptors import measure_descriptors, tabulate_demographics
from customer_segmentation.segments.profiles import measure_sizes
from customer_segmentation.segments.stability import measure_recovery, measure_stability

CODEBOOK = {"codebook": "params:codebook"}
PARAMETERS = {"segmentation": "params:segmentation"}


def create_pipeline(**kwargs: Any) -> Pipeline:  # noqa: ARG001
    """Compare, choose, form, name, judge and describe the segments.

    ```
    households, household_features
      └──> eligible_households
             └──> candidate_labels ──> separations, agreements, recoveries ──> candidate_evidence
                                                                                   │
       segmentation_candidates <── candidate_nulls <── candidate_judgements <──────┘
             │
             └──> segmenter ──> bootstrapped_segments ──> household_segments
                                          │                      │
                                          └──────────────────────┴──> stability, sensitivity,
                                                  profiles, descriptors, sizes, paths, positions
    ```

    Args:
        **kwargs: Not used; Kedro may pass some.

    Returns:
        The pipeline, its nodes in the namespace and under the tag `segmentation`, those of a part
        (`candidates`, `choice`, `segments`, `stability`, `profiles`) in a namespace within.
    """
    parts = {
        "candidates": _comparing(),
        "choice": _choosing(),
        "segments": _forming(),
        "stability": _judging(),
        "profiles": _describing(),
    }
    return Pipeline(
        [
            _selecting(),
            *(
                Pipeline(steps, namespace=part, prefix_datasets_with_namespace=False)
                for part, steps in parts.items()
            ),
        ],
        namespace="segmentation",
        prefix_datasets_with_namespace=False,
        tags=["segmentation"],
    )


PANEL = {"households": "households", "household_features": "household_features"}
ELIGIBLE = {"eligible_households": "eligible_households"}
LABELS = {"candidate_labels": "candidate_labels"}
CHOICE = {"segmentation_candidates": "segmentation_candidates"}
SEGMENTER = {"segmenter": "segmenter"}
SEGMENTS = {"household_segments": "household_segments"}
ALL = {**CODEBOOK, **PARAMETERS}


def _selecting() -> Node:
    return node(
        select_eligible_households,
        inputs={**PANEL, **ALL},
        outputs="eligible_households",
        name="select_eligible_households",
    )


def _comparing() -> list[Node]:
    return [
        node(
            label_candidates,
            inputs={**ELIGIBLE, **ALL},
            outputs="candidate_labels",
            name="label_candidates",
        ),
        node(
            separate_candidates,
            inputs={**ELIGIBLE, **LABELS, **ALL},
            outputs="candidate_separations",
            name="separate_candidates",
        ),
        node(
            bootstrap_candidates,
            inputs={**ELIGIBLE, **LABELS, **ALL},
            outputs=["candidate_agreements", "candidate_recoveries"],
            name="bootstrap_candidates",
        ),
        node(
            compare_specifications,
            inputs="candidate_labels",
            outputs="specification_agreement",
            name="compare_specifications",
        ),
        node(
            gather_evidence,
            inputs={
                "candidate_separations": "candidate_separations",
                "candidate_agreements": "candidate_agreements",
                "candidate_recoveries": "candidate_recoveries",
                **PARAMETERS,
            },
            outputs="candidate_evidence",
            name="gather_evidence",
        ),
    ]


def _choosing() -> list[Node]:
    return [
        node(
            judge_candidates,
            inputs={**ELIGIBLE, **LABELS, "candidate_evidence": "candidate_evidence", **ALL},
            outputs="candidate_judgements",
            name="judge_candidates",
        ),
        node(
            challenge_finalists,
            inputs={**ELIGIBLE, "candidate_judgements": "candidate_judgements", **ALL},
            outputs="candidate_nulls",
            name="challenge_finalists",
        ),
        node(
            choose_solution,
            inputs={
                "judged": "candidate_judgements",
                "candidate_nulls": "candidate_nulls",
                **PARAMETERS,
            },
            outputs="segmentation_candidates",
            name="choose_solution",
        ),
    ]


def _forming() -> list[Node]:
    return [
        node(
            fit_chosen_segmenter,
            inputs={
                **ELIGIBLE,
                **CHOICE,
                **ALL,
                "data_processing": "params:data_processing",
            },
            outputs="segmenter",
            name="fit_chosen_segmenter",
        ),
        node(
            bootstrap_chosen_segments,
            inputs={**SEGMENTER, **CHOICE, **PANEL, **ALL},
            outputs="bootstrapped_segments",
            name="bootstrap_chosen_segments",
        ),
        node(
            assign_segments,
            inputs={
                **SEGMENTER,
                "bootstrapped_segments": "bootstrapped_segments",
                **PANEL,
                **CODEBOOK,
            },
            outputs="household_segments",
            name="assign_segments",
        ),
        node(
            compute_segment_scores,
            inputs={**SEGMENTER, "households": "households", **CODEBOOK},
            outputs="segment_scores",
            name="compute_segment_scores",
        ),
    ]


def _judging() -> list[Node]:
    return [
        node(
            measure_recovery,
            inputs={"bootstrapped": "bootstrapped_segments", **SEGMENTS, **CODEBOOK},
            outputs="segment_jaccards",
            name="measure_recovery",
        ),
        node(
            measure_stability,
            inputs={
                "segment_jaccards": "segment_jaccards",
                "bootstrapped": "bootstrapped_segments",
                "households": "households",
                **SEGMENTS,
                **ALL,
            },
            outputs="segment_stability",
            name="measure_stability",
        ),
        node(
            trace_chosen_segments,
            inputs={**LABELS, **CHOICE, **SEGMENTS, **CODEBOOK},
            outputs=["segment_paths", "segment_flows"],
            name="trace_chosen_segments",
        ),
        node(
            vary_decisions,
            inputs={**PANEL, **CHOICE, **ALL},
            outputs="segment_sensitivity",
            name="vary_decisions",
        ),
    ]


def _describing() -> list[Node]:
    return [
        node(
            measure_sizes,
            inputs={**SEGMENTS, **CODEBOOK},
            outputs="segment_sizes",
            name="measure_sizes",
        ),
        node(
            profile_chosen_segments,
            inputs={
                **SEGMENTER,
                **ELIGIBLE,
                **SEGMENTS,
                "bootstrapped_segments": "bootstrapped_segments",
                **ALL,
            },
            outputs="segment_profiles",
            name="profile_chosen_segments",
        ),
        node(
            tabulate_demographics,
            inputs={**ELIGIBLE, **SEGMENTS, **CODEBOOK},
            outputs="segment_demographics",
            name="tabulate_demographics",
        ),
        node(
            measure_descriptors,
            inputs={**ELIGIBLE, **SEGMENTS, **ALL},
            outputs="segment_descriptors",
            name="measure_descriptors",
        ),
        node(
            locate_households,
            inputs={**SEGMENTER, **ELIGIBLE, **SEGMENTS, **CODEBOOK},
            outputs=["household_positions", "household_similarities", "segment_hulls"],
            name="locate_households",
        ),
    ]
