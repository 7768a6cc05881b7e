"""The wiring of reporting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Node, Pipeline, node

from customer_segmentation.pipelines.reporting import nodes, sections

CODEBOOK = {"codebook": "params:codebook"}
SEGMENTATION = {"segmentation": "params:segmentation"}
MODELLING = {"modelling": "params:modelling"}
REPORTING = {"reporting": "params:reporting"}


def create_pipeline(**kwargs: Any) -> Pipeline:  # noqa: ARG001
    """Write each section, draw its figures under the titles it found, and render the report.

    ```
    tables of the other pipelines ──> sections ──> figures ──> segmentation_report
                                         └─────────────────────────┘
    ```

    Args:
        **kwargs: Not used; Kedro may pass some.

    Returns:
        The pipeline, its nodes in the namespace and under the tag `reporting`.
    """
    writing, drawing = _writing(), _drawing()
    parts = [str(output) for each in (*writing, *drawing) for output in each.outputs]
    rendering = node(
        nodes.render_report,
        inputs={
            **CODEBOOK,
            **SEGMENTATION,
            **MODELLING,
            **REPORTING,
            **{part: part for part in parts},
        },
        outputs="segmentation_report",
        name="render_report",
    )
    return Pipeline(
        [*writing, *drawing, rendering],
        namespace="reporting",
        prefix_datasets_with_namespace=False,
        tags=["reporting"],
    )


def _step(function: Callable[..., Any], output: str, *datasets: str, **parameters: str) -> Node:
    # Every argument has the name of the dataset that fills it.
    inputs = {name: name for name in datasets} | parameters | REPORTING
    return node(function, inputs=inputs, outputs=output, name=function.__name__)


def _writing() -> list[Node]:
    return [
        _step(
            sections.write_summary,
            "summary",
            "segment_sizes",
            "segmentation_candidates",
            "classifier_metrics",
        ),
        _step(
            sections.write_personas,
            "personas",
            "segment_sizes",
            "segment_profiles",
            **CODEBOOK,
            **SEGMENTATION,
        ),
        _step(
            sections.write_behaviour,
            "behaviour",
            "segment_profiles",
            "segment_sizes",
            "segmentation_candidates",
            **CODEBOOK,
        ),
        _step(
            sections.write_demographics,
            "demographics",
            "segment_descriptors",
            "segment_demographics",
            "segment_profiles",
            **CODEBOOK,
        ),
        _step(sections.write_evidence, "evidence", "segmentation_candidates"),
        _step(sections.write_models, "models", "classifier_metrics", "segment_metrics"),
        _step(
            sections.write_explanations,
            "explanations",
            "shap_importance",
            "shap_values",
            **CODEBOOK,
        ),
        _step(
            sections.write_source_study,
            "source_study",
            "source_study_reproduction",
            "classifier_metrics",
            "circularity_audit",
            **CODEBOOK,
            **MODELLING,
        ),
        _step(sections.write_quality, "quality", "data_quality", "households", **CODEBOOK),
    ]


def _drawing() -> list[Node]:
    households = "household_segments"
    return [
        _step(
            nodes.draw_segment_trends,
            "segment_trends_figure",
            "eligible_households",
            households,
            "segment_profiles",
            "behaviour",
            **CODEBOOK,
        ),
        _step(
            nodes.draw_segment_amounts,
            "segment_amounts_figure",
            "segment_profiles",
            "behaviour",
            **CODEBOOK,
        ),
        _step(
            nodes.draw_segment_map,
            "segment_map_figure",
            "segment_scores",
            households,
            "behaviour",
            **CODEBOOK,
        ),
        _step(
            nodes.draw_segment_profiles,
            "segment_profiles_figure",
            "segment_profiles",
            "behaviour",
            **CODEBOOK,
        ),
        _step(
            nodes.draw_demographic_links,
            "demographic_links_figure",
            "segment_descriptors",
            "demographics",
            **CODEBOOK,
        ),
        _step(
            nodes.draw_demographic_shares, "demographic_shares_figure", "demographics", **CODEBOOK
        ),
        _step(
            nodes.draw_number_of_segments,
            "number_of_segments_figure",
            "segmentation_candidates",
            "evidence",
        ),
        _step(nodes.draw_model_accuracy, "model_accuracy_figure", "classifier_metrics", "models"),
        _step(nodes.draw_segment_metrics, "segment_metrics_figure", "models"),
        _step(
            nodes.draw_shap_importance,
            "shap_importance_figure",
            "shap_importance",
            "explanations",
            **CODEBOOK,
        ),
        _step(
            nodes.draw_shap_beeswarm,
            "shap_beeswarm_figure",
            "shap_values",
            "explanations",
            **CODEBOOK,
        ),
        _step(nodes.draw_accuracy_ladder, "accuracy_ladder_figure", "source_study"),
    ]
