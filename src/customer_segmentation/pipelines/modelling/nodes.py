"""The steps of the modelling pipeline that are more than one call of `typing_tool`."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from sklearn.pipeline import Pipeline as Classifier

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.segments.segmenter import score_variables
from customer_segmentation.typing_tool import explanation, validation
from customer_segmentation.typing_tool.audit import add_claims, audit_information_sets
from customer_segmentation.typing_tool.estimators import BASELINES, CLASSIFIERS, build_classifier
from customer_segmentation.typing_tool.parameters import ModellingParameters
from customer_segmentation.typing_tool.validation import HOLD_OUT, REPEATED_CV, stack_tables

KEYS = ["information_set", "model", "protocol"]
CIRCUMSTANCES = ["information_set", "protocol"]


def audit_claims(
    segmenter: Classifier, codebook: Codebook, modelling: ModellingParameters
) -> pd.DataFrame:
    """Decide what each information set may claim about the segments of this segmenter.

    Args:
        segmenter: The fitted segmenter; its scores name their variables.
        codebook: The provenance of every variable.
        modelling: The information sets.

    Returns:
        As `typing_tool.audit.audit_information_sets`.
    """
    scores = score_variables(segmenter)
    return audit_information_sets(scores, modelling.information_sets, codebook)


def label_households(
    eligible_households: pd.DataFrame, household_segments: pd.DataFrame
) -> pd.DataFrame:
    """Put its segment beside each household that helped to form the segments.

    Args:
        eligible_households: One row per household without a thin record: fields, derived variables.
        household_segments: One row per household of the panel: household_id, segment.

    Returns:
        The eligible households in the same order, with the column segment.
    """
    segments = household_segments[["household_id", "segment"]]
    return eligible_households.merge(segments, on="household_id", validate="one_to_one")


def build_classifiers(
    codebook: Codebook, modelling: ModellingParameters
) -> dict[str, dict[str, Classifier]]:
    """Build every model, baselines included, for every information set.

    Args:
        codebook: Scales and derived variables.
        modelling: Information sets, settings and seed.

    Returns:
        Unfitted Pipelines, by model and then by information set.
    """
    return {
        model: {
            known.name: build_classifier(
                model, known.fields, codebook, modelling.models, modelling.random_state
            )
            for known in modelling.information_sets
        }
        for model in (*CLASSIFIERS, *BASELINES)
    }


def cross_validate(
    classifiers: Mapping[str, Classifier],
    labelled_households: pd.DataFrame,
    validation_folds: pd.DataFrame,
    modelling: ModellingParameters,
) -> pd.DataFrame:
    """Predict every household by classifiers fitted without it.

    Args:
        classifiers: Unfitted Pipelines of one model, by information set.
        labelled_households: As `label_households`.
        validation_folds: As `typing_tool.validation.assign_folds`.
        modelling: Number of processes.

    Returns:
        One row per information_set x repeat x household: repeat, household_id, segment, predicted
        and a probability column per segment.
    """
    folds = validation_folds[validation_folds["protocol"] == REPEATED_CV]
    tables = {
        name: validation.cross_validate(classifier, labelled_households, folds, modelling.processes)
        for name, classifier in classifiers.items()
    }
    return stack_tables(tables, "information_set")


def fit_classifiers(
    classifiers: Mapping[str, Classifier],
    labelled_households: pd.DataFrame,
    validation_folds: pd.DataFrame,
) -> dict[str, Classifier]:
    """Fit on the households outside the hold-out.

    Args:
        classifiers: Unfitted Pipelines of one model, by information set.
        labelled_households: As `label_households`.
        validation_folds: As `typing_tool.validation.assign_folds`.

    Returns:
        Fitted copies, by information set.
    """
    tested = _held_out(validation_folds)
    return {
        name: validation.fit_without(classifier, labelled_households, tested)
        for name, classifier in classifiers.items()
    }


def predict_hold_out(
    fitted_classifiers: Mapping[str, Classifier],
    labelled_households: pd.DataFrame,
    validation_folds: pd.DataFrame,
) -> pd.DataFrame:
    """Predict the households of the hold-out.

    Args:
        fitted_classifiers: As `fit_classifiers`.
        labelled_households: As `label_households`.
        validation_folds: As `typing_tool.validation.assign_folds`.

    Returns:
        As `cross_validate`, for the one repeat and the households of the hold-out.
    """
    tested = _held_out(validation_folds)
    tables = {
        name: validation.predict_tested(classifier, labelled_households, tested)
        for name, classifier in fitted_classifiers.items()
    }
    return stack_tables(tables, "information_set").assign(repeat=1)


def join_protocols(holdout_predictions: pd.DataFrame, cv_predictions: pd.DataFrame) -> pd.DataFrame:
    """Put the predictions of both protocols into one table.

    Args:
        holdout_predictions: As `predict_hold_out`.
        cv_predictions: As `cross_validate`.

    Returns:
        All rows, with the column protocol in front.
    """
    return stack_tables({HOLD_OUT: holdout_predictions, REPEATED_CV: cv_predictions}, "protocol")


def join_models(**predictions: pd.DataFrame) -> pd.DataFrame:
    """Put the predictions of all models into one table.

    Args:
        **predictions: As `join_protocols`, by model.

    Returns:
        One row per information_set x model x protocol x repeat x household_id: segment, predicted
        and one probability column per segment.
    """
    joined = stack_tables(predictions, "model")
    first = [*KEYS, "repeat", "household_id", "segment", "predicted"]
    return joined[[*first, *joined.columns.drop(first)]]


def measure_models(
    classifier_predictions: pd.DataFrame, circularity_audit: pd.DataFrame
) -> pd.DataFrame:
    """Measure each model on each information set by each protocol.

    Args:
        classifier_predictions: As `join_models`.
        circularity_audit: As `audit_claims`.

    Returns:
        One row per information_set x model x protocol: claim, the figures of
        `typing_tool.validation.measure_models`, and those of
        `typing_tool.validation.compare_with_baselines`, missing for the baselines themselves.
    """
    metrics = validation.measure_models(classifier_predictions, KEYS)
    gains = validation.compare_with_baselines(classifier_predictions, CIRCUMSTANCES)
    return add_claims(metrics.merge(gains, on=KEYS, how="left"), circularity_audit)


def measure_segments(
    classifier_predictions: pd.DataFrame, circularity_audit: pd.DataFrame
) -> pd.DataFrame:
    """Measure the same segment by segment.

    Args:
        classifier_predictions: As `join_models`.
        circularity_audit: As `audit_claims`.

    Returns:
        One row per information_set x model x protocol x segment: claim, and the figures of
        `typing_tool.validation.measure_segments`.
    """
    return add_claims(validation.measure_segments(classifier_predictions, KEYS), circularity_audit)


def explain_predictions(
    labelled_households: pd.DataFrame,
    validation_folds: pd.DataFrame,
    **fitted_classifiers: Mapping[str, Classifier],
) -> pd.DataFrame:
    """Attribute the predictions for the hold-out to the fields.

    Args:
        labelled_households: As `label_households`.
        validation_folds: As `typing_tool.validation.assign_folds`.
        **fitted_classifiers: As `fit_classifiers`, by model; each must be boosted trees.

    Returns:
        One row per information_set x model x segment x household x field: the columns of
        `typing_tool.explanation.list_contributions`.
    """
    is_tested = labelled_households["household_id"].isin(_held_out(validation_folds))
    tested = labelled_households[is_tested]
    tables = {
        model: stack_tables(
            {name: explanation.list_contributions(each, tested) for name, each in by_set.items()},
            "information_set",
        )
        for model, by_set in fitted_classifiers.items()
    }
    joined = stack_tables(tables, "model")
    return joined[["information_set", "model", *joined.columns[2:]]]


def _held_out(validation_folds: pd.DataFrame) -> list[int]:
    is_hold_out = validation_folds["protocol"] == HOLD_OUT
    return validation_folds.loc[is_hold_out, "household_id"].tolist()
