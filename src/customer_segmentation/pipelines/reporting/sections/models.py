"""The sections on the classifiers: figures, explanations, the published study."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.findings import models
from customer_segmentation.findings.exhibits import (
    Chart,
    Section,
    print_table,
)
from customer_segmentation.findings.wording import percent_1, two_decimals, whole
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.typing_tool.audit import claim_between
from customer_segmentation.typing_tool.parameters import ModellingParameters

MODEL_NAMES = {"information_set": "What the model sees", "claim": "Claim", "model": "Model"}
MODEL_HEADINGS = {**MODEL_NAMES, "protocol": "Checked by", "n": "Households"}
SCORES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "precision_macro": "Mean precision",
    "recall_macro": "Mean recall",
    "f1_macro": "Mean F1",
}
ERRORS = {  # what a model gains and saves, each with its standard error
    "gain_over_majority": "Accuracy gained over the largest segment",
    "gain_se": "its standard error",
    "log_loss_skill": "Log loss saved over the segment shares",
    "skill_se": "standard error of that",
}
SEGMENT_SCORES = {"precision": "Precision", "recall": "Recall", "f1": "F1"}


def write_models(
    classifier_metrics: pd.DataFrame,
    segment_metrics: pd.DataFrame,
    reporting: ReportingParameters,
) -> Section:
    """Write how well the classifiers find the segments, claim by claim.

    Args:
        classifier_metrics: One row per information set, model and protocol.
        segment_metrics: The same by segment.
        reporting: Names and the protocol.

    Returns:
        The section: a sentence per information set, a list of one sentence each on its log loss,
        the charts model_accuracy and segment_metrics, and the table of the models.
    """
    compared = models.compare_with_majority(classifier_metrics, reporting.protocol)
    best = models.select_best(segment_metrics, compared, reporting.protocol)
    ordered = models.order_by_claim(classifier_metrics)
    shown = ordered[ordered["protocol"] == reporting.protocol]
    return Section(
        sentences={
            row["information_set"]: models.explain_claim(row, reporting.labels)
            for _, row in compared.iterrows()
        },
        lists={
            name: [sentence]
            for name, sentence in models.tell_skill(
                classifier_metrics, reporting.protocol, reporting.labels
            ).items()
        },
        charts={
            "model_accuracy": Chart(
                models.title_accuracy(compared, reporting.labels),
                _print_models(ordered, reporting, MODEL_HEADINGS),
            ),
            "segment_metrics": Chart(
                models.title_segment_metrics(best, reporting.labels),
                _print_segment_metrics(segment_metrics, reporting),
            ),
        },
        tables={
            # Gains and their errors stand in the wider table behind the chart.
            "models": _print_models(shown.drop(columns=list(ERRORS)), reporting, MODEL_NAMES),
            "claims": compared,
            "best": best,
        },
    )


def write_explanations(
    shap_importance: pd.DataFrame,
    shap_values: pd.DataFrame,
    classifier_metrics: pd.DataFrame,
    codebook: Codebook,
    reporting: ReportingParameters,
) -> Section:
    """Write which fields move the classifiers, and which of these are not worth explaining.

    Args:
        shap_importance: One row per information set, segment and field.
        shap_values: One row per information set, household, segment and field.
        classifier_metrics: One row per information set, model and protocol.
        codebook: The panel's codebook.
        reporting: Names and the information set of the beeswarm.

    Returns:
        The section, with the charts shap_importance and shap_beeswarm.
    """
    beeswarm = shap_values[shap_values["information_set"] == reporting.beeswarm_information_set]
    own = shap_importance[shap_importance["information_set"] == reporting.beeswarm_information_set]
    explained = shap_values[codebook.identifier].nunique()
    return Section(
        sentences={
            "doubt": models.doubt_explanations(
                shap_importance, classifier_metrics, reporting.protocol, reporting.labels
            )
        },
        charts={
            "shap_importance": Chart(
                models.title_shap(shap_importance, explained, codebook, reporting.labels),
                _print_importance(shap_importance, codebook, reporting),
            ),
            "shap_beeswarm": Chart(
                models.title_beeswarm(beeswarm, codebook, reporting.labels),
                _print_importance(own, codebook, reporting),
            ),
        },
    )


def write_source_study(
    source_study_reproduction: pd.DataFrame,
    classifier_metrics: pd.DataFrame,
    circularity_audit: pd.DataFrame,
    codebook: Codebook,
    modelling: ModellingParameters,
    reporting: ReportingParameters,
) -> Section:
    """Write what the published study claims, what it reaches again, and what it is made of.

    Args:
        source_study_reproduction: One row per model, protocol and cluster of the study.
        classifier_metrics: One row per information set, model and protocol.
        circularity_audit: One row per information set and segmentation score.
        codebook: The panel's codebook.
        modelling: The study's protocol and fields; without a study the section has only its chart.
        reporting: Names and the published accuracy.

    Returns:
        The section, with the chart accuracy_ladder.
    """
    compared = models.compare_with_majority(classifier_metrics, reporting.protocol)
    study = modelling.source_study
    fields = modelling.information_set(study.information_set).fields if study else ()
    claim = claim_between(study.segmentation_variables, fields, codebook) if study else None
    steps = models.build_ladder(
        compared,
        source_study_reproduction,
        study.information_set if study else None,
        claim,
        reporting.labels,
    )
    headings = {"step": "What the model sees", "claim": "Claim", "n": "Households"}
    printers = {"accuracy": percent_1, "majority": percent_1}
    accuracies = {"accuracy": "Accuracy", "majority": "Always the largest segment"}
    chart = Chart(models.title_ladder(steps), print_table(steps, headings | accuracies, printers))
    sentences = {}
    if study and claim:
        sentences = {
            "reproduction": models.compare_with_published(
                source_study_reproduction, reporting.published_accuracy
            ),
            "fields": models.judge_study(study.segmentation_variables, fields, claim, codebook),
            "scores": models.count_contained_scores(
                circularity_audit, study.information_set, reporting.labels
            ),
        }
    reproduction = _print_reproduction(source_study_reproduction, reporting)
    tables = {"reproduction": reproduction, "steps": steps}
    return Section(sentences=sentences, charts={"accuracy_ladder": chart}, tables=tables)


def _print_models(
    metrics: pd.DataFrame, reporting: ReportingParameters, keys: Mapping[str, str]
) -> pd.DataFrame:
    printers = dict.fromkeys((*SCORES, *ERRORS), percent_1) | {"log_loss": two_decimals, "n": whole}
    headings = {**keys, **SCORES, "log_loss": "Log loss", **ERRORS}
    return print_table(_with_names(metrics, reporting), headings, printers)


def _print_segment_metrics(metrics: pd.DataFrame, reporting: ReportingParameters) -> pd.DataFrame:
    headings = {**MODEL_HEADINGS, "segment": "Segment", "support": "Households", **SEGMENT_SCORES}
    printers = dict.fromkeys(SEGMENT_SCORES, percent_1) | {"support": whole}
    ordered = models.order_by_claim(metrics)
    return print_table(_with_names(ordered, reporting), headings, printers)


def _print_importance(
    importance: pd.DataFrame, codebook: Codebook, reporting: ReportingParameters
) -> pd.DataFrame:
    named = _with_names(importance, reporting)
    named = named.assign(field=[codebook[name].title for name in importance["field"]])
    wide = named.pivot_table(
        index=["information_set", "field"], columns="segment", values="mean_abs_shap", sort=False
    )
    ordered = wide[reporting.order(wide.columns)].reset_index()
    headings = {"information_set": "What the model sees", "field": "Field"}
    segment_headings = {name: name for name in wide.columns}
    printers = dict.fromkeys(wide.columns, two_decimals)
    return print_table(ordered, headings | segment_headings, printers)


def _print_reproduction(reproduction: pd.DataFrame, reporting: ReportingParameters) -> pd.DataFrame:
    headings = {
        "model": "Model",
        "protocol": "Checked by",
        "accuracy": "Accuracy",
        "segment": "Cluster of the study",
        "precision": "Precision",
        "recall": "Recall",
        "support": "Households",
    }
    printers = dict.fromkeys(("accuracy", "precision", "recall"), percent_1)
    return print_table(_with_names(reproduction, reporting), headings, printers)


def _with_names(table: pd.DataFrame, reporting: ReportingParameters) -> pd.DataFrame:
    named = [name for name in ("information_set", "model", "protocol") if name in table]
    return table.assign(**{name: table[name].map(reporting.label) for name in named})
