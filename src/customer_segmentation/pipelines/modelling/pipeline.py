"""The wiring of modelling."""

from __future__ import annotations

from functools import partial, update_wrapper
from typing import Any

from kedro.pipeline import Node, Pipeline

from customer_segmentation.classification.audit import audit_claims
from customer_segmentation.classification.campaign import list_targets, measure_gains
from customer_segmentation.classification.folds import assign_folds, segment_folds
from customer_segmentation.classification.importance import (
    explain_champions,
    rank_fields,
    sum_groups,
)
from customer_segmentation.classification.models import CLASSIFIERS, PROCEDURE
from customer_segmentation.classification.selection import find_golden_questions, test_predictions
from customer_segmentation.classification.slices import compare_slices, summarise_coverage
from customer_segmentation.classification.source_study import (
    compare_study_models,
    explain_study,
    predict_study_clusters,
    reproduce_source_study,
)
from customer_segmentation.classification.validation import (
    choose_models,
    fit_champions,
    follow_procedure,
    join_predictions,
    join_tuning,
    validate_baselines,
    validate_classifier,
)
from customer_segmentation.pipelines.modelling.nodes import (
    bundle_champions,
    compare_models,
    extract_champions,
    label_households,
    measure_models,
    measure_segments,
    predict_champions,
)
from customer_segmentation.segments.segmenter import explain_distances

CODEBOOK = {"codebook": "params:codebook"}
MODELLING = {"modelling": "params:modelling"}
LABELLED = {"labelled_households": "labelled_households"}
FOLDS = {**LABELLED, "fold_segments": "fold_segments"}
CHOICES = {"model_choices": "model_choices"}
AUDIT = {"circularity_audit": "circularity_audit"}
PREDICTIONS = {"classifier_predictions": "classifier_predictions", **AUDIT}
SHAP = {"shap_values": "shap_values"}
STUDY = {"source_study_predictions": "source_study_predictions"}


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
    purposes = {
        "preparation": _preparing(),
        "comparison": _comparing(),
        "explanation": _explaining(),
        "use": _using(),
        "storage": _storing(),
        "source_study": _reproducing(),
    }
    parts = [
        Pipeline(steps, namespace=purpose, prefix_datasets_with_namespace=False)
        for purpose, steps in purposes.items()
    ]
    return Pipeline(
        [*parts, *map(create_model_pipeline, CLASSIFIERS)],
        namespace="modelling",
        prefix_datasets_with_namespace=False,
        tags=["modelling"],
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
    validate = update_wrapper(partial(validate_classifier, model), validate_classifier)
    outputs = {part: f"{model}_{part}" for part in ("predictions", "tuning", "losses")}
    step = _node(validate, {**FOLDS, **CODEBOOK, **MODELLING}, outputs)
    return Pipeline([step], namespace=model, prefix_datasets_with_namespace=False)


def _preparing() -> list[Node]:
    panel = ("households", "household_features", "household_segments")
    scores = {"segment_scores": "segment_scores", "segmenter": "segmenter"}
    segmentation = {
        "segmentation_candidates": "segmentation_candidates",
        "segmentation": "params:segmentation",
    }
    folds = {"validation_folds": "validation_folds"}
    return [
        _node(label_households, {**{n: n for n in panel}, **MODELLING}, "labelled_households"),
        _node(audit_claims, {**LABELLED, **scores, **CODEBOOK, **MODELLING}, "circularity_audit"),
        _node(assign_folds, {**LABELLED, **MODELLING}, "validation_folds"),
        _node(
            segment_folds,
            {**LABELLED, **folds, **segmentation, **CODEBOOK, **MODELLING},
            ["fold_segments", "fold_alignments"],
        ),
    ]


def _comparing() -> list[Node]:
    losses, predictions, tuning = (
        {model: f"{model}_{part}" for model in CLASSIFIERS}
        for part in ("losses", "predictions", "tuning")
    )
    everything = {
        "baseline_predictions": "baseline_predictions",
        **predictions,
        PROCEDURE: "procedure_predictions",
    }
    return [
        _node(validate_baselines, {**FOLDS, **AUDIT}, "baseline_predictions"),
        _node(choose_models, losses, "model_choices"),
        _node(follow_procedure, {**CHOICES, **predictions}, "procedure_predictions"),
        _node(join_predictions, everything, "classifier_predictions"),
        _node(join_tuning, tuning, "classifier_tuning"),
        _node(measure_models, {**PREDICTIONS, **CHOICES, **MODELLING}, "classifier_metrics"),
        _node(measure_segments, {**PREDICTIONS, **MODELLING}, "segment_metrics"),
        _node(compare_models, {**PREDICTIONS, **MODELLING}, "model_comparisons"),
        _node(test_predictions, {**FOLDS, **AUDIT, **MODELLING, **CODEBOOK}, "permutation_tests"),
    ]


def _explaining() -> list[Node]:
    everything = {**FOLDS, **CHOICES, **AUDIT, **CODEBOOK, **MODELLING}
    distances = {"segmenter": "segmenter", "segment_scores": "segment_scores"}
    asked = {**FOLDS, **AUDIT, **MODELLING, **CODEBOOK}
    return [
        _node(explain_champions, everything, ["shap_values", "permutation_importance"]),
        _node(rank_fields, {**SHAP, **FOLDS}, "shap_importance"),
        _node(sum_groups, {**SHAP, **LABELLED, **CODEBOOK, **MODELLING}, "shap_groups"),
        _node(explain_distances, distances, "distance_contributions"),
        _node(find_golden_questions, asked, "golden_questions"),
    ]


def _using() -> list[Node]:
    grouped = {**PREDICTIONS, **LABELLED, **CODEBOOK, **MODELLING}
    return [
        _node(summarise_coverage, grouped, "conformal_summary"),
        _node(measure_gains, {**PREDICTIONS, **MODELLING}, "campaign_gains"),
        _node(list_targets, {**PREDICTIONS, **SHAP, **CODEBOOK, **MODELLING}, "targeting_list"),
        _node(compare_slices, grouped, "fairness_slices"),
    ]


def _storing() -> list[Node]:
    fitted = {"champions": "champions", **AUDIT}
    measured = {
        "classifier_metrics": "classifier_metrics",
        "conformal_summary": "conformal_summary",
    }
    stored = {"stored_champions": "stored_champions", "segmenter": "segmenter"}
    return [
        _node(fit_champions, {**LABELLED, **CHOICES, **CODEBOOK, **MODELLING}, "champions"),
        _node(
            predict_champions,
            {**fitted, **LABELLED, **CODEBOOK, **MODELLING},
            "champion_probabilities",
        ),
        _node(extract_champions, {**fitted, **measured, **MODELLING}, "stored_champions"),
        _node(bundle_champions, {**stored, **LABELLED, **CODEBOOK}, "scoring_bundle"),
    ]


def _reproducing() -> list[Node]:
    return [
        _node(
            predict_study_clusters,
            # Not `households`, so that bad input is refused before these classifiers are fitted.
            {"households": "labelled_households", **CODEBOOK, **MODELLING},
            ["source_study_predictions", "source_study_contributions"],
        ),
        _node(reproduce_source_study, {**STUDY, **MODELLING}, "source_study_reproduction"),
        _node(compare_study_models, {**STUDY, **MODELLING}, "source_study_comparisons"),
        _node(explain_study, "source_study_contributions", "source_study_importance"),
    ]


def _node(function: Any, inputs: str | dict[str, str], outputs: Any) -> Node:
    return Node(function, inputs=inputs, outputs=outputs, name=function.__name__)
