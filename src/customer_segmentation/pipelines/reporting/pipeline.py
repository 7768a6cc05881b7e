"""The wiring of reporting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from kedro.pipeline import Node, Pipeline, node

from customer_segmentation.pipelines.reporting import drawings, nodes, sections

PARAMETERS = {
    name: f"params:{name}" for name in ("codebook", "segmentation", "modelling", "reporting")
}
SECTIONS: dict[str, Callable[..., Any]] = {
    "summary": sections.segments.write_summary,
    "personas": sections.segments.write_personas,
    "people": sections.demographics.write_people,
    "behaviour": sections.segments.write_behaviour,
    "demographics": sections.demographics.write_demographics,
    "evidence": sections.evidence.write_evidence,
    "stability": sections.evidence.write_stability,
    "membership": sections.evidence.write_membership,
    "robustness": sections.evidence.write_robustness,
    "models": sections.models.write_models,
    "comparisons": sections.models.write_comparisons,
    "chosen_models": sections.models.write_chosen_models,
    "explanations": sections.explanations.write_explanations,
    "households_explained": sections.explanations.write_households_explained,
    "uncertainty": sections.decisions.write_uncertainty,
    "questions": sections.decisions.write_questions,
    "campaign": sections.decisions.write_campaign,
    "fairness": sections.decisions.write_fairness,
    "source_study": sections.source_study.write_source_study,
    "ladder": sections.source_study.write_ladder,
    "quality": sections.quality.write_quality,
}
FIGURES: dict[str, Callable[..., Any]] = {
    "segment_trends_figure": drawings.segments.draw_segment_trends,
    "segment_amounts_figure": drawings.segments.draw_segment_amounts,
    "segment_map_figure": drawings.segments.draw_segment_map,
    "segment_profiles_figure": drawings.segments.draw_segment_profiles,
    "demographic_links_figure": drawings.demographics.draw_demographic_links,
    "descriptor_mosaics_figure": drawings.demographics.draw_descriptor_mosaics,
    "stability_by_k_figure": drawings.evidence.draw_stability_by_k,
    "segment_sizes_figure": drawings.evidence.draw_segment_sizes,
    "segment_stability_figure": drawings.evidence.draw_segment_stability,
    "segment_flows_figure": drawings.evidence.draw_segment_flows,
    "segment_similarities_figure": drawings.evidence.draw_segment_similarities,
    "segment_separation_figure": drawings.evidence.draw_segment_separation,
    "segment_silhouettes_figure": drawings.evidence.draw_segment_silhouettes,
    "specification_agreement_figure": drawings.evidence.draw_specification_agreement,
    "segment_sensitivity_figure": drawings.evidence.draw_segment_sensitivity,
    "model_accuracy_figure": drawings.models.draw_model_accuracy,
    "segment_metrics_figure": drawings.models.draw_segment_metrics,
    "model_comparisons_figure": drawings.models.draw_model_comparisons,
    "shap_importance_figure": drawings.explanations.draw_shap_importance,
    "shap_beeswarm_figure": drawings.explanations.draw_shap_beeswarm,
    "household_story_figure": drawings.explanations.draw_household_story,
    "conformal_coverage_figure": drawings.decisions.draw_conformal_coverage,
    "golden_questions_figure": drawings.decisions.draw_golden_questions,
    "campaign_profit_figure": drawings.decisions.draw_campaign_profit,
    "campaign_lift_figure": drawings.decisions.draw_campaign_lift,
    "fairness_differences_figure": drawings.decisions.draw_fairness_differences,
    "accuracy_ladder_figure": drawings.models.draw_accuracy_ladder,
}
# What the model card quotes.
CARD = (
    "summary",
    "quality",
    "models",
    "comparisons",
    "chosen_models",
    "uncertainty",
    "questions",
    "campaign",
    "fairness",
)


def create_pipeline(**kwargs: Any) -> Pipeline:  # noqa: ARG001
    """Write each section, draw its figures under the titles it found, and render the pages.

    ```
    tables of the other pipelines ──> sections ──> figures ──> segmentation_report
                                         │                         │
                                         └──> model_card ──────────┘
    ```

    Args:
        **kwargs: Not used; Kedro may pass some.

    Returns:
        The pipeline, its nodes in the namespace and under the tag `reporting`; the sections and
        figures of one chapter in a namespace within, called like their modules.
    """
    parts = SECTIONS | FIGURES
    rendering = node(
        nodes.render_report,
        inputs=PARAMETERS | {part: part for part in ("model_card", *parts)},
        outputs="segmentation_report",
        name="render_report",
    )
    card = node(
        nodes.write_model_card,
        inputs=PARAMETERS | {part: part for part in CARD},
        outputs="model_card",
        name="write_model_card",
    )
    return Pipeline(
        [*_chapters(parts), rendering, card],
        namespace="reporting",
        prefix_datasets_with_namespace=False,
        tags=["reporting"],
    )


def _chapters(parts: Mapping[str, Callable[..., Any]]) -> list[Pipeline]:
    chapters: dict[str, list[Node]] = {}
    for output, function in parts.items():
        chapter = function.__module__.rpartition(".")[2]
        chapters.setdefault(chapter, []).append(_step(function, output))
    return [
        Pipeline(steps, namespace=chapter, prefix_datasets_with_namespace=False)
        for chapter, steps in chapters.items()
    ]


def _step(function: Callable[..., Any], output: str) -> Node:
    # Every argument has the name of the dataset or of the parameters that fill it.
    inputs = {name: PARAMETERS.get(name, name) for name in signature(function).parameters}
    return node(function, inputs=inputs, outputs=output, name=function.__name__)
