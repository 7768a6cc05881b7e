"""The sections on the published study: its claim run again, and the ladder from it to ours."""

from __future__ import annotations

import pandas as pd

from customer_segmentation.classification.audit import Claim, claim_between
from customer_segmentation.classification.parameters import ModellingParameters
from customer_segmentation.classification.source_study import REPEATED_CV, SINGLE_SPLIT
from customer_segmentation.figures.style import PublishedClaim, ReportingParameters
from customer_segmentation.findings import claims, comparisons, source_study
from customer_segmentation.findings.exhibits import Chart, Section, merge_intervals, print_table
from customer_segmentation.findings.wording import (
    lower_first,
    percent,
    percent_1,
    three_decimals,
    whole,
)
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.pipelines.reporting.sections.models import print_pairs
from customer_segmentation.pipelines.reporting.sections.printing import name_for_people

REPORTED = "The published study, as it reports itself"
LATER = "The study’s author, later"
OWN_CLUSTERS = "The published study’s fields, on its own clusters"


def write_source_study(
    source_study_reproduction: pd.DataFrame,
    source_study_comparisons: pd.DataFrame,
    source_study_importance: pd.DataFrame,
    codebook: Codebook,
    modelling: ModellingParameters,
    reporting: ReportingParameters,
) -> Section:
    """Write what the published study claims, what it reaches again, and what it is made of.

    Args:
        source_study_reproduction: One row per model, protocol and cluster of the study.
        source_study_comparisons: One row per pair of models.
        source_study_importance: One row per field of the study.
        codebook: The panel's codebook.
        modelling: The study's protocol and fields; without a study the section is empty.
        reporting: Names and the published claim.

    Returns:
        The section: sentences, and the tables reproduction, comparisons and importance.
    """
    study, published = modelling.source_study, reporting.published_claim
    if study is None:
        return Section()
    model, labels = reporting.model_in_question, reporting.labels
    fields = modelling.information_set(study.information_set).fields
    claim = claim_between(study.segmentation_variables, fields, codebook)
    rivals = comparisons.compare_with_rivals(source_study_comparisons, model)
    sentences = {
        "reproduction": source_study.compare_with_published(
            source_study_reproduction, model, published.accuracy if published else None, labels
        ),
        "fields": source_study.judge_study(study.segmentation_variables, fields, claim, codebook),
        "best": comparisons.answer_best(rivals, model, labels),
    }
    if published:
        sentences["strongest"] = source_study.answer_strongest(
            source_study_importance, published.strongest_fields, codebook
        )
    return Section(
        sentences=sentences,
        tables={
            "reproduction": _print_reproduction(source_study_reproduction, published, reporting),
            "comparisons": print_pairs(source_study_comparisons, reporting),
            "importance": _print_importance(source_study_importance, codebook),
        },
    )


def write_ladder(
    source_study_reproduction: pd.DataFrame,
    classifier_metrics: pd.DataFrame,
    segment_metrics: pd.DataFrame,
    codebook: Codebook,
    modelling: ModellingParameters,
    reporting: ReportingParameters,
) -> Section:
    """Write what becomes of accuracy as knowledge of the purchases is taken away.

    Args:
        source_study_reproduction: One row per model, protocol and cluster of the study.
        classifier_metrics: One row per information set, model and protocol.
        segment_metrics: The same by segment.
        codebook: The panel's codebook.
        modelling: The study's variables and fields; None leaves it out.
        reporting: Names, the protocol and the published claim.

    Returns:
        The section: where the accuracies come from, the surrogates beside the published claim, the
        chart accuracy_ladder, and the numbers that it is drawn from: ours and the published ones,
        with what each means.
    """
    headline = claims.find_headline(classifier_metrics, reporting.protocol)
    headline = headline.assign(step=headline["information_set"].map(reporting.label))
    segmenter = claims.find_segmenter(classifier_metrics, reporting.protocol)
    study = _study_step(source_study_reproduction, codebook, modelling, reporting)
    steps = source_study.build_ladder(headline, segmenter, study)
    origin = source_study.explain_steps(
        segmenter=bool(segmenter),
        study_model=reporting.label(reporting.model_in_question) if len(study) else "",
        protocol=reporting.label(reporting.protocol),
    )
    numbers = source_study.explain_numbers(steps, _list_published(study, headline, reporting))
    headings = {"step": "What is seen", "claim": "Claim", "n": "Households"}
    headings |= {"accuracy": "Accuracy", "majority": "Always the largest segment"}
    merged = merge_intervals(numbers, {"accuracy": percent_1})
    table = print_table(merged, headings, {"majority": percent_1, "n": whole})
    return Section(
        sentences={"origin": origin},
        lists={"surrogates": _tell_surrogates(classifier_metrics, segment_metrics, reporting)},
        charts={"accuracy_ladder": Chart(source_study.title_ladder(steps), table)},
        tables={"numbers": numbers},
    )


def _study_step(
    reproduction: pd.DataFrame,
    codebook: Codebook,
    modelling: ModellingParameters,
    reporting: ReportingParameters,
) -> pd.DataFrame:
    """The study's model in question by repeated cross-validation, with a claim of its own."""
    models = source_study.summarise_models(reproduction, REPEATED_CV)
    own = models[models["model"] == reporting.model_in_question]
    study = modelling.source_study
    if study is None:
        return own.head(0)
    fields = modelling.information_set(study.information_set).fields
    claim = claim_between(study.segmentation_variables, fields, codebook)
    return own.assign(step=OWN_CLUSTERS, claim=claim.value)


def _list_published(
    study: pd.DataFrame, headline: pd.DataFrame, reporting: ReportingParameters
) -> pd.DataFrame:
    """The published figures as steps: the study's claim, and what its author reached later."""
    published = reporting.published_claim
    if published is None or study.empty:
        return pd.DataFrame()
    (reported,) = study[["claim", "majority"]].to_dict("records")
    rows = [{"step": REPORTED, "accuracy": published.accuracy} | reported]
    if later := published.later:
        seen = headline[headline["information_set"] == later.information_set]
        rows += [
            {
                "step": f"{LATER}: {lower_first(row['step'])}",
                "claim": row["claim"],
                "accuracy": later.accuracy,
                "majority": later.majority,
            }
            for row in seen.to_dict("records")
        ]
    return pd.DataFrame(rows)


def _tell_surrogates(
    metrics: pd.DataFrame, each: pd.DataFrame, reporting: ReportingParameters
) -> list[str]:
    if (published := reporting.published_claim) is None:
        return []
    own, segments = (
        table[
            (table["claim"] == Claim.ASSIGNMENT)
            & (table["model"] == reporting.model_in_question)
            & (table["protocol"] == reporting.protocol)
        ]
        for table in (metrics, each)
    )
    return source_study.compare_surrogates(
        own, segments, published.precision, published.accuracy, reporting.labels
    )


def _print_reproduction(
    reproduction: pd.DataFrame, published: PublishedClaim | None, reporting: ReportingParameters
) -> pd.DataFrame:
    headings = {
        "model": "Model",
        "protocol": "Checked by",
        "accuracy": "Accuracy",
        "segment": "Cluster of the study",
        "precision": "Precision",
        "recall": "Recall",
        "support": "Households",
    }
    figures = dict.fromkeys(("accuracy", "precision"), percent_1)
    merged = merge_intervals(name_for_people(reproduction, reporting), figures)
    printed = print_table(merged, headings, {"recall": percent_1, "support": whole})
    if published is None:
        return printed
    claimed = pd.DataFrame(
        {
            "model": "As published",
            "protocol": reporting.label(SINGLE_SPLIT),
            "accuracy": percent(published.accuracy),
            "segment": list(published.precision),
            "precision": list(map(percent, published.precision.values())),
            "recall": None,
            "support": None,
        }
    )
    return pd.concat([print_table(claimed, headings, {}), printed], ignore_index=True)


def _print_importance(importance: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    named = importance.assign(field=[codebook[name].title for name in importance["field"]])
    headings = {
        "field": "Field",
        "mean_abs_shap": "Mean absolute SHAP value",
        "share": "Share of the sum",
        "rank": "Rank (over the folds)",
    }
    printers = {"mean_abs_shap": three_decimals, "share": percent_1}
    return print_table(merge_intervals(named, {"rank": whole}), headings, printers)
