"""The wiring of segmentation."""

from __future__ import annotations

from typing import Any

from kedro.pipeline import Node, Pipeline

from customer_segmentation.pipelines.segmentation.nodes import (
    assign_segments,
    compute_segment_scores,
    fit_chosen_segmenter,
    select_eligible_households,
)
from customer_segmentation.segments.choice import (
    challenge_finalists,
    choose_solution,
    judge_candidates,
)
from customer_segmentation.segments.descriptors import measure_descriptors, tabulate_demographics
from customer_segmentation.segments.evidence import (
    bootstrap_candidates,
    compare_specifications,
    gather_evidence,
    label_candidates,
    separate_candidates,
)
from customer_segmentation.segments.profiles import (
    locate_households,
    measure_sizes,
    profile_chosen_segments,
)
from customer_segmentation.segments.reliability import (
    bootstrap_chosen_segments,
    measure_recovery,
    measure_stability,
    trace_chosen_segments,
)
from customer_segmentation.segments.sensitivity import vary_decisions

# Argument by dataset, where both have the same name; most nodes take several of these.
CODEBOOK = {"codebook": "params:codebook"}
PARAMETERS = {"segmentation": "params:segmentation"}
ALL = {**CODEBOOK, **PARAMETERS}
HOUSEHOLDS = {"households": "households"}
FEATURES = {"household_features": "household_features"}
ELIGIBLE = {"eligible_households": "eligible_households"}
LABELS = {"candidate_labels": "candidate_labels"}
CHOICE = {"segmentation_candidates": "segmentation_candidates"}
SEGMENTER = {"segmenter": "segmenter"}
BOOTSTRAPPED = {"bootstrapped_segments": "bootstrapped_segments"}
SEGMENTS = {"household_segments": "household_segments"}


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
    select = Node(
        select_eligible_households,
        inputs={**HOUSEHOLDS, **FEATURES, **ALL},
        outputs="eligible_households",
        name=select_eligible_households.__name__,
    )
    parts = [
        Pipeline(nodes, namespace=part, prefix_datasets_with_namespace=False)
        for part, nodes in (
            ("candidates", _compare()),
            ("choice", _choose()),
            ("segments", _form()),
            ("stability", _assess()),
            ("profiles", _describe()),
        )
    ]
    return Pipeline(
        [select, *parts],
        namespace="segmentation",
        prefix_datasets_with_namespace=False,
        tags=["segmentation"],
    )


def _compare() -> list[Node]:
    return [
        Node(
            label_candidates,
            inputs={**ELIGIBLE, **ALL},
            outputs="candidate_labels",
            name=label_candidates.__name__,
        ),
        Node(
            separate_candidates,
            inputs={**ELIGIBLE, **LABELS, **ALL},
            outputs="candidate_separations",
            name=separate_candidates.__name__,
        ),
        Node(
            bootstrap_candidates,
            inputs={**ELIGIBLE, **LABELS, **ALL},
            outputs=["candidate_agreements", "candidate_recoveries"],
            name=bootstrap_candidates.__name__,
        ),
        Node(
            compare_specifications,
            inputs="candidate_labels",
            outputs="specification_agreement",
            name=compare_specifications.__name__,
        ),
        Node(
            gather_evidence,
            inputs={
                "candidate_separations": "candidate_separations",
                "candidate_agreements": "candidate_agreements",
                "candidate_recoveries": "candidate_recoveries",
                **PARAMETERS,
            },
            outputs="candidate_evidence",
            name=gather_evidence.__name__,
        ),
    ]


def _choose() -> list[Node]:
    return [
        Node(
            judge_candidates,
            inputs={**ELIGIBLE, **LABELS, "candidate_evidence": "candidate_evidence", **ALL},
            outputs="candidate_judgements",
            name=judge_candidates.__name__,
        ),
        Node(
            challenge_finalists,
            inputs={**ELIGIBLE, "candidate_judgements": "candidate_judgements", **ALL},
            outputs="candidate_nulls",
            name=challenge_finalists.__name__,
        ),
        Node(
            choose_solution,
            inputs={
                "candidate_judgements": "candidate_judgements",
                "candidate_nulls": "candidate_nulls",
                **PARAMETERS,
            },
            outputs="segmentation_candidates",
            name=choose_solution.__name__,
        ),
    ]


def _form() -> list[Node]:
    return [
        Node(
            fit_chosen_segmenter,
            inputs={**ELIGIBLE, **CHOICE, **ALL, "data_processing": "params:data_processing"},
            outputs="segmenter",
            name=fit_chosen_segmenter.__name__,
        ),
        Node(
            bootstrap_chosen_segments,
            inputs={**SEGMENTER, **CHOICE, **HOUSEHOLDS, **ELIGIBLE, **ALL},
            outputs="bootstrapped_segments",
            name=bootstrap_chosen_segments.__name__,
        ),
        Node(
            assign_segments,
            inputs={**SEGMENTER, **BOOTSTRAPPED, **HOUSEHOLDS, **FEATURES, **CODEBOOK},
            outputs="household_segments",
            name=assign_segments.__name__,
        ),
        Node(
            compute_segment_scores,
            inputs={**SEGMENTER, **HOUSEHOLDS, **CODEBOOK},
            outputs="segment_scores",
            name=compute_segment_scores.__name__,
        ),
    ]


def _assess() -> list[Node]:
    return [
        Node(
            measure_recovery,
            inputs={**BOOTSTRAPPED, **SEGMENTS, **CODEBOOK},
            outputs="segment_jaccards",
            name=measure_recovery.__name__,
        ),
        Node(
            measure_stability,
            inputs={
                "segment_jaccards": "segment_jaccards",
                **BOOTSTRAPPED,
                **HOUSEHOLDS,
                **SEGMENTS,
                **ALL,
            },
            outputs="segment_stability",
            name=measure_stability.__name__,
        ),
        Node(
            trace_chosen_segments,
            inputs={**LABELS, **CHOICE, **SEGMENTS, **CODEBOOK},
            outputs=["segment_paths", "segment_flows"],
            name=trace_chosen_segments.__name__,
        ),
        Node(
            vary_decisions,
            inputs={**HOUSEHOLDS, **ELIGIBLE, **CHOICE, **ALL},
            outputs="segment_sensitivity",
            name=vary_decisions.__name__,
        ),
    ]


def _describe() -> list[Node]:
    return [
        Node(
            measure_sizes,
            inputs={**SEGMENTS, **CODEBOOK},
            outputs="segment_sizes",
            name=measure_sizes.__name__,
        ),
        Node(
            profile_chosen_segments,
            inputs={**SEGMENTER, **ELIGIBLE, **SEGMENTS, **BOOTSTRAPPED, **ALL},
            outputs="segment_profiles",
            name=profile_chosen_segments.__name__,
        ),
        Node(
            tabulate_demographics,
            inputs={**ELIGIBLE, **SEGMENTS, **CODEBOOK},
            outputs="segment_demographics",
            name=tabulate_demographics.__name__,
        ),
        Node(
            measure_descriptors,
            inputs={**ELIGIBLE, **SEGMENTS, **ALL},
            outputs="segment_descriptors",
            name=measure_descriptors.__name__,
        ),
        Node(
            locate_households,
            inputs={**SEGMENTER, **ELIGIBLE, **SEGMENTS, **CODEBOOK},
            outputs=["household_positions", "household_similarities", "segment_hulls"],
            name=locate_households.__name__,
        ),
    ]
