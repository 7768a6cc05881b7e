"""The wiring of modelling."""

from __future__ import annotations

from typing import Any

from kedro.pipeline import Node, Pipeline

from customer_segmentation.pipelines.modelling.nodes import (
    audit_claims,
    build_classifiers,
    cross_validate,
    explain_predictions,
    fit_classifiers,
    join_models,
    join_protocols,
    label_households,
    measure_models,
    measure_segments,
    predict_hold_out,
)
from customer_segmentation.typing_tool.estimators import BASELINES, CLASSIFIERS
from customer_segmentation.typing_tool.explanation import rank_fields
from customer_segmentation.typing_tool.source_study import reproduce_source_study
from customer_segmentation.typing_tool.validation import assign_folds

MODELS = (*CLASSIFIERS, *BASELINES)
EXPLAINED = "xgboost"

CODEBOOK = {"codebook": "params:codebook"}
PARAMETERS = {"modelling": "params:modelling"}
HOUSEHOLDS = {
    "labelled_households": "labelled_households",
    "validation_folds": "validation_folds",
}


def create_pipeline(**kwargs: Any) -> Pipeline:  # noqa: ARG001
    """Build, test and explain classifiers, and decide what their accuracy is evidence of.

    What the models share comes first: who is tested when, and what each information set may claim.

    ```
    segmenter ──────────────────────────────── audit_claims ───────> circularity_audit
    eligible_households, household_segments ── label_households ───> labelled_households
    labelled_households ────────────────────── assign_folds ───────> validation_folds
    params:modelling, params:codebook ──────── build_classifiers ──> <model>_classifiers
    ```

    Each model then goes through its instance of one template, `create_model_pipeline`. What they
    say about households they have not seen is measured and explained together.

    ```
    <model>_predictions ── join_models ──> classifier_predictions
    classifier_predictions ─┬─ measure_models ────> classifier_metrics
    circularity_audit ──────┴─ measure_segments ──> segment_metrics
    xgboost_fitted_classifiers ── explain_predictions ──> shap_values
                                  shap_values ── rank_fields ──> shap_importance
    households ── reproduce_source_study ──> source_study_reproduction
    ```

    Args:
        **kwargs: Not used; Kedro may pass some.

    Returns:
        The pipeline, its nodes in the namespace and under the tag `modelling`, those of a model in
        a namespace of its own within.
    """
    models = [create_model_pipeline(model) for model in MODELS]
    return Pipeline(
        [_prepare(), *models, _measure(), _explain()],
        namespace="modelling",
        prefix_datasets_with_namespace=False,
        tags=["modelling"],
    )


def create_model_pipeline(model: str) -> Pipeline:
    """Instantiate the template that every model goes through.

    ```
    classifiers ─┬─ cross_validate ──> cv_predictions
                 └─ fit_classifiers ──> fitted_classifiers
    fitted_classifiers ── predict_hold_out ──> holdout_predictions
    cv_predictions, holdout_predictions ── join_protocols ──> predictions
    ```

    All models read the same labelled_households and validation_folds; the other names start with
    the model's. A classifier here is one Pipeline per information set.

    Args:
        model: Name of the model; its namespace, and the start of the names of its datasets.

    Returns:
        Four nodes, from `<model>_classifiers` to `<model>_predictions`.
    """
    return Pipeline(
        [
            Node(
                cross_validate,
                inputs={"classifiers": f"{model}_classifiers", **HOUSEHOLDS, **PARAMETERS},
                outputs=f"{model}_cv_predictions",
                name="cross_validate",
            ),
            Node(
                fit_classifiers,
                inputs={"classifiers": f"{model}_classifiers", **HOUSEHOLDS},
                outputs=f"{model}_fitted_classifiers",
                name="fit_classifiers",
            ),
            Node(
                predict_hold_out,
                inputs={"fitted_classifiers": f"{model}_fitted_classifiers", **HOUSEHOLDS},
                outputs=f"{model}_holdout_predictions",
                name="predict_hold_out",
            ),
            Node(
                join_protocols,
                inputs={
                    "holdout_predictions": f"{model}_holdout_predictions",
                    "cv_predictions": f"{model}_cv_predictions",
                },
                outputs=f"{model}_predictions",
                name="join_protocols",
            ),
        ],
        namespace=model,
        prefix_datasets_with_namespace=False,
    )


def _prepare() -> Pipeline:
    return Pipeline(
        [
            Node(
                audit_claims,
                inputs={"segmenter": "segmenter", **CODEBOOK, **PARAMETERS},
                outputs="circularity_audit",
                name="audit_claims",
            ),
            Node(
                label_households,
                inputs={
                    "eligible_households": "eligible_households",
                    "household_segments": "household_segments",
                },
                outputs="labelled_households",
                name="label_households",
            ),
            Node(
                assign_folds,
                inputs={"labelled_households": "labelled_households", **PARAMETERS},
                outputs="validation_folds",
                name="assign_folds",
            ),
            Node(
                build_classifiers,
                inputs={**CODEBOOK, **PARAMETERS},
                outputs={model: f"{model}_classifiers" for model in MODELS},
                name="build_classifiers",
            ),
        ]
    )


def _measure() -> Pipeline:
    predictions = {
        "classifier_predictions": "classifier_predictions",
        "circularity_audit": "circularity_audit",
    }
    return Pipeline(
        [
            Node(
                join_models,
                inputs={model: f"{model}_predictions" for model in MODELS},
                outputs="classifier_predictions",
                name="join_models",
            ),
            Node(
                measure_models,
                inputs=predictions,
                outputs="classifier_metrics",
                name="measure_models",
            ),
            Node(
                measure_segments,
                inputs=predictions,
                outputs="segment_metrics",
                name="measure_segments",
            ),
            Node(
                reproduce_source_study,
                inputs={"households": "households", **CODEBOOK, **PARAMETERS},
                outputs="source_study_reproduction",
                name="reproduce_source_study",
            ),
        ]
    )


def _explain() -> Pipeline:
    return Pipeline(
        [
            Node(
                explain_predictions,
                inputs={**HOUSEHOLDS, EXPLAINED: f"{EXPLAINED}_fitted_classifiers"},
                outputs="shap_values",
                name="explain_predictions",
            ),
            Node(rank_fields, inputs="shap_values", outputs="shap_importance", name="rank_fields"),
        ]
    )
