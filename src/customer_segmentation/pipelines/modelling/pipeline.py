"""The wiring of modelling."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

from kedro.pipeline import Node, Pipeline

from customer_segmentation.classification import (
    campaign,
    coverage,
    explanation,
    folds,
    golden_questions,
    importance,
    permutation,
    procedure,
    slices,
    source_study,
    study_protocol,
    validation,
)
from customer_segmentation.classification.estimators import CLASSIFIERS, PROCEDURE
from customer_segmentation.pipelines.modelling import nodes

PARAMETERS = {name: f"params:{name}" for name in ("codebook", "segmentation", "modelling")}


def create_pipeline(**kwargs: Any) -> Pipeline:  # noqa: ARG001
    """Test, explain, use and store classifiers, and decide what their figures are evidence of.

    What all models share comes first (`preparation`): what each information set may claim, who is
    tested when, and what the segmentation of each training fold calls the households.

    ```
    households, household_features, household_segments ── label_households ──> labelled_households
    labelled_households, segment_scores, segmenter ────── audit_claims ──────> circularity_audit
    labelled_households ── assign_folds ──> validation_folds
    validation_folds ──── segment_folds ──> fold_segments, fold_alignments
    ```

    Each model then goes through its instance of one template, `create_model_pipeline`, and the
    procedure chooses among them in every fold. What they say about households they have not seen is
    measured together (`comparison`), explained (`explanation`), put to use (`use`), and the
    champions, fitted on all eligible households, are stored (`storage`). The published study
    (`source_study`) stands beside all that.

    Args:
        **kwargs: Not used; Kedro may pass some.

    Returns:
        The pipeline, its nodes in the namespace and under the tag `modelling`, those of a model or
        a purpose in a namespace of its own within.
    """
    parts = [
        _prepare(),
        *map(create_model_pipeline, CLASSIFIERS),
        _compare(),
        _explain(),
        _use(),
        _store(),
        _reproduce(),
    ]
    return Pipeline(
        parts, namespace="modelling", prefix_datasets_with_namespace=False, tags=["modelling"]
    )


def create_model_pipeline(model: str) -> Pipeline:
    """Instantiate the template that every classifier goes through.

    ```
    labelled_households, fold_segments ── validate_classifier ──> predictions, tuning, losses
    ```

    Args:
        model: Name of the model; its namespace, and the start of the names of its datasets.

    Returns:
        One node, whose outputs are `<model>_predictions`, `<model>_tuning` and `<model>_losses`.
    """
    outputs = {part: f"{model}_{part}" for part in validation.Validated._fields}
    return _name(model, [_step(nodes.validate_by(model), outputs)])


def _prepare() -> Pipeline:
    steps = [
        _step(nodes.label_households, "labelled_households"),
        _step(nodes.audit_claims, "circularity_audit"),
        _step(folds.assign_folds, "validation_folds"),
        _step(nodes.segment_folds, ["fold_segments", "fold_alignments"]),
    ]
    return _name("preparation", steps)


def _compare() -> Pipeline:
    predictions = {model: f"{model}_predictions" for model in CLASSIFIERS}
    steps = [
        _step(validation.validate_baselines, "baseline_predictions"),
        _step(
            nodes.choose_models,
            "model_choices",
            {model: f"{model}_losses" for model in CLASSIFIERS},
        ),
        _step(nodes.follow_procedure, "procedure_predictions", predictions),
        _step(
            nodes.join_predictions,
            "classifier_predictions",
            {**predictions, PROCEDURE: "procedure_predictions"},
        ),
        _step(
            nodes.join_tuning,
            "classifier_tuning",
            {model: f"{model}_tuning" for model in CLASSIFIERS},
        ),
        _step(nodes.measure_models, "classifier_metrics"),
        _step(nodes.measure_segments, "segment_metrics"),
        _step(nodes.compare_models, "model_comparisons"),
        _step(permutation.test_predictions, "permutation_tests"),
    ]
    return _name("comparison", steps)


def _explain() -> Pipeline:
    steps = [
        _step(importance.explain_champions, ["shap_values", "permutation_importance"]),
        _step(importance.rank_fields, "shap_importance"),
        _step(importance.sum_groups, "shap_groups"),
        _step(explanation.explain_distances, "distance_contributions"),
        _step(golden_questions.find_golden_questions, "golden_questions"),
    ]
    return _name("explanation", steps)


def _use() -> Pipeline:
    steps = [
        _step(coverage.summarise_coverage, "conformal_summary"),
        _step(campaign.measure_gains, "campaign_gains"),
        _step(campaign.list_targets, "targeting_list"),
        _step(slices.compare_slices, "fairness_slices"),
    ]
    return _name("use", steps)


def _store() -> Pipeline:
    steps = [
        _step(procedure.fit_champions, "champions"),
        _step(nodes.predict_champions, "champion_probabilities"),
        _step(nodes.extract_champions, "stored_champions"),
        _step(nodes.bundle_champions, "scoring_bundle"),
    ]
    return _name("storage", steps)


def _reproduce() -> Pipeline:
    steps = [
        _step(
            study_protocol.predict_study_clusters,
            ["source_study_predictions", "source_study_contributions"],
            # Not `households`, so that bad input is refused before these classifiers are fitted.
            {"households": "labelled_households"},
        ),
        _step(source_study.reproduce_source_study, "source_study_reproduction"),
        _step(source_study.compare_study_models, "source_study_comparisons"),
        _step(source_study.explain_study, "source_study_importance"),
    ]
    return _name("source_study", steps)


def _name(namespace: str, steps: list[Node]) -> Pipeline:
    return Pipeline(steps, namespace=namespace, prefix_datasets_with_namespace=False)


def _step(
    function: Callable[..., Any],
    outputs: str | list[str] | dict[str, str],
    more: dict[str, str] | None = None,
) -> Node:
    # An argument has the name of the dataset or of the parameters that fill it; `more` says what
    # fills the arguments that have no name of their own.
    named = [
        name
        for name, argument in signature(function).parameters.items()
        if argument.kind is not argument.VAR_KEYWORD
    ]
    inputs = {name: PARAMETERS.get(name, name) for name in named} | (more or {})
    return Node(function, inputs=inputs, outputs=outputs, name=function.__name__)
