"""The sections on the classifiers: what they reach, which is better, which is taken."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from customer_segmentation.classification.audit import Claim
from customer_segmentation.classification.folds import FINAL
from customer_segmentation.classification.models import PROCEDURE
from customer_segmentation.classification.parameters import ModellingParameters
from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.findings import claims, comparisons, validation
from customer_segmentation.findings.exhibits import Chart, Section, merge_intervals, print_table
from customer_segmentation.findings.wording import (
    lower_first,
    opening,
    percent_1,
    points,
    three_decimals,
    two_decimals,
    whole,
)
from customer_segmentation.pipelines.reporting.sections.printing import (
    CLAIMED,
    SEEN,
    name_for_people,
    print_flag,
)

INTERVALS = {
    "accuracy": percent_1,
    "gain_over_majority": points,
    "log_loss": three_decimals,
    "log_loss_skill": percent_1,
}
STEMS = {"gain_over_majority": "gain"}
MODEL = {**CLAIMED, "model": "Model"}
FIRST_FIGURES = {
    "accuracy": "Accuracy",
    "gain_over_majority": "Points above the largest segment",
    "log_loss_skill": "Log loss saved over segment shares",
    "balanced_accuracy": "Balanced accuracy",
    "accuracy_reference": "Accuracy, segments of this report",
    "champion": "Champion",
}
ALL_FIGURES = {
    **MODEL,
    "protocol": "Checked by",
    "n": "Households",
    **FIRST_FIGURES,
    "precision_macro": "Mean precision",
    "recall_macro": "Mean recall",
    "f1_macro": "Mean F1",
    "log_loss": "Log loss",
    "log_loss_reference": "Log loss, segments of this report",
    "brier": "Brier score",
    "auc_macro": "Mean AUC",
    "calibration_slope": "Calibration slope",
    "calibration_error": "Calibration error",
    "calibration_error_expected": "Calibration error by chance",
}
PRINTERS = {
    **dict.fromkeys(
        (
            "balanced_accuracy",
            "accuracy_reference",
            "precision_macro",
            "recall_macro",
            "f1_macro",
            "calibration_error",
            "calibration_error_expected",
        ),
        percent_1,
    ),
    **dict.fromkeys(("log_loss_reference", "brier"), three_decimals),
    **dict.fromkeys(("auc_macro", "calibration_slope", "temperature"), two_decimals),
    "n": whole,
    "champion": print_flag,
}
CARD_FIGURES = {
    **CLAIMED,
    **{name: ALL_FIGURES[name] for name in ("accuracy", "gain_over_majority", "log_loss_skill")},
    **{name: ALL_FIGURES[name] for name in ("log_loss", "brier", "auc_macro")},
    **{name: ALL_FIGURES[name] for name in ALL_FIGURES if name.startswith("calibration")},
}
CARD_SEGMENTS = {
    **SEEN,
    "segment": "Segment",
    "support": "Households",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "auc": "AUC",
}
SEGMENT_FIGURES = {
    **MODEL,
    "protocol": "Checked by",
    **CARD_SEGMENTS,
    "calibration_intercept": "Calibration intercept",
    "precision_reference": "Precision, segments of this report",
    "recall_reference": "Recall, segments of this report",
}
SEGMENT_PRINTERS = {
    **dict.fromkeys(("f1", "precision_reference", "recall_reference"), percent_1),
    **dict.fromkeys(("auc", "calibration_intercept"), two_decimals),
    "support": whole,
}


def write_models(
    classifier_metrics: pd.DataFrame,
    segment_metrics: pd.DataFrame,
    fold_alignments: pd.DataFrame,
    circularity_audit: pd.DataFrame,
    modelling: ModellingParameters,
    reporting: ReportingParameters,
) -> Section:
    """Write how well a household's segment is found, claim by claim.

    Args:
        classifier_metrics: One row per information set, model and protocol.
        segment_metrics: The same by segment.
        fold_alignments: One row per protocol, repeat, fold and segment.
        circularity_audit: One row per information set and segmentation score.
        modelling: When a segment counts as found again.
        reporting: Names and the protocol.

    Returns:
        The section: a list of sentences per information set, the charts model_accuracy and
        segment_metrics, and the tables of the claims, the models and the audit.
    """
    protocol, labels = reporting.protocol, reporting.labels
    headline = claims.find_headline(classifier_metrics, protocol)
    segmenter = claims.find_segmenter(classifier_metrics, protocol)
    ordered = claims.order_by_claim(classifier_metrics)
    each = claims.order_by_claim(segment_metrics)
    best = each[(each["protocol"] == protocol) & (each["model"] == PROCEDURE)]
    shown = ordered[ordered["protocol"] == protocol]
    least = modelling.validation.matched_jaccard
    return Section(
        sentences={
            "misfits": validation.count_misfits(fold_alignments, protocol, least),
            "calibration": validation.tell_calibration(headline, labels),
        },
        lists=claims.explain_claims(headline, segmenter, circularity_audit, labels),
        charts={
            "model_accuracy": Chart(
                claims.title_accuracy(headline, labels),
                _print_models(ordered, ALL_FIGURES, reporting),
            ),
            "segment_metrics": Chart(
                claims.title_segment_metrics(best, labels),
                _print_segments(each, SEGMENT_FIGURES, reporting),
            ),
        },
        tables={
            "models": _print_models(shown, MODEL | FIRST_FIGURES, reporting),
            "claims": headline,
            "best": best,
            "headline": _print_models(headline, CARD_FIGURES, reporting),
            "segments": _print_segments(best, CARD_SEGMENTS, reporting),
            "audit": _print_audit(claims.order_by_claim(circularity_audit), reporting),
        },
    )


def write_comparisons(
    model_comparisons: pd.DataFrame,
    permutation_tests: pd.DataFrame,
    classifier_metrics: pd.DataFrame,
    reporting: ReportingParameters,
) -> Section:
    """Write whether one model is best, and whether a prediction knows anything.

    Args:
        model_comparisons: One row per information set and pair of models; possibly none.
        permutation_tests: One row per information set that predicts; possibly none.
        classifier_metrics: One row per information set, model and protocol.
        reporting: Names and the model in question.

    Returns:
        The section: its answers by information set, the chart model_comparisons and, under the same
        name, the rows that it is drawn from.
    """
    model, labels = reporting.model_in_question, reporting.labels
    rivals = comparisons.compare_with_rivals(claims.order_by_claim(model_comparisons), model)
    answers = comparisons.answer_each(rivals, model, labels)
    households = claims.count_households(classifier_metrics, reporting.protocol)
    title = comparisons.title_comparisons(rivals, households, model, labels)
    rows = pd.DataFrame(
        {
            "panel": [f"against {lower_first(reporting.label(name))}" for name in rivals["rival"]],
            "name": rivals["information_set"].map(reporting.label),
            "claim": rivals["claim"],
            "estimate": rivals["saved"],
            "low": rivals["saved_low"],
            "high": rivals["saved_high"],
        }
    )
    return Section(
        lists={
            "answers": [f"{opening(name, labels)}: {text}" for name, text in answers.items()],
            "permutations": comparisons.tell_permutations(permutation_tests, labels),
        },
        charts={"model_comparisons": Chart(title, print_pairs(model_comparisons, reporting))},
        tables={"model_comparisons": rows},
    )


def write_chosen_models(
    model_choices: pd.DataFrame,
    classifier_tuning: pd.DataFrame,
    classifier_metrics: pd.DataFrame,
    reporting: ReportingParameters,
) -> Section:
    """Write which model answers on each overlap or prediction set, and how it was calibrated.

    Args:
        model_choices: One row per information set, protocol, repeat and fold.
        classifier_tuning: One row per information set, model, protocol, repeat, fold and setting.
        classifier_metrics: One row per information set, model and protocol.
        reporting: Names of models and information sets.

    Returns:
        The section, with the table champions.
    """
    keys = ["information_set", "protocol", "repeat", "fold", "model"]
    final = model_choices[model_choices["protocol"] == FINAL]
    settings = classifier_tuning[classifier_tuning["chosen"]]
    sets = classifier_metrics[["information_set", "claim"]].drop_duplicates()
    sets = sets[sets["claim"] != Claim.ASSIGNMENT]  # there the segmenter answers
    table = final.merge(settings, on=keys).merge(sets, on="information_set")
    headings = {**MODEL, "setting": "Setting", "temperature": "Temperature"}
    named = name_for_people(claims.order_by_claim(table), reporting)
    return Section(tables={"champions": print_table(named, headings, PRINTERS)})


def print_pairs(pairs: pd.DataFrame, reporting: ReportingParameters) -> pd.DataFrame:
    """Print differences between models with their corrected intervals.

    Args:
        pairs: `model_comparisons` or `source_study_comparisons`.
        reporting: Names of models and information sets.

    Returns:
        One row of text per pair.
    """
    headings = {
        **CLAIMED,
        "model_a": "Model",
        "model_b": "less",
        "log_loss_difference": "Difference in log loss",
        "accuracy_difference": "Difference in accuracy, points",
        "folds": "Folds",
    }
    figures = {"log_loss_difference": three_decimals, "accuracy_difference": points}
    stems = {"log_loss_difference": "log_loss", "accuracy_difference": "accuracy"}
    return print_table(
        merge_intervals(name_for_people(pairs, reporting), figures, stems), headings, {}
    )


def _print_models(
    metrics: pd.DataFrame, headings: Mapping[str, str], reporting: ReportingParameters
) -> pd.DataFrame:
    named = name_for_people(metrics, reporting)
    merged = merge_intervals(named, INTERVALS, STEMS)
    return print_table(merged, headings, PRINTERS)


def _print_segments(
    metrics: pd.DataFrame, headings: Mapping[str, str], reporting: ReportingParameters
) -> pd.DataFrame:
    named = name_for_people(metrics, reporting)
    merged = merge_intervals(named, dict.fromkeys(("precision", "recall"), percent_1))
    return print_table(merged, headings, SEGMENT_PRINTERS)


def _print_audit(audit: pd.DataFrame, reporting: ReportingParameters) -> pd.DataFrame:
    headings = {**CLAIMED, "score": "Score", "contained": "Told whole", "r2": "R² out of fold"}
    merged = merge_intervals(name_for_people(audit, reporting), {"r2": two_decimals})
    return print_table(merged, headings, {"contained": print_flag})
