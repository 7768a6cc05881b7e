"""How good the published study's classifiers are on its own clusters, and what moves them."""

from __future__ import annotations

import pandas as pd

from customer_segmentation.classification.answers import empty_table
from customer_segmentation.classification.comparisons import compare_models
from customer_segmentation.classification.metrics import measure_models, measure_segments
from customer_segmentation.classification.parameters import ModellingParameters
from customer_segmentation.classification.proportions import bound_shares
from customer_segmentation.classification.study_protocol import (
    EXPLAINED,
    REPEATED_CV,
    SINGLE_SPLIT,
)

KEYS = ["model", "protocol"]
REPRODUCTION = {
    "model": "str",
    "protocol": "str",
    "segment": "int64",
    "accuracy": "float64",
    "accuracy_low": "float64",
    "accuracy_high": "float64",
    "precision": "float64",
    "precision_low": "float64",
    "precision_high": "float64",
    "recall": "float64",
    "f1": "float64",
    "support": "int64",
}
COMPARISONS = {
    "model_a": "str",
    "model_b": "str",
    "log_loss_difference": "float64",
    "log_loss_low": "float64",
    "log_loss_high": "float64",
    "accuracy_difference": "float64",
    "accuracy_low": "float64",
    "accuracy_high": "float64",
    "folds": "int64",
}
IMPORTANCE = {
    "model": "str",
    "field": "str",
    "mean_abs_shap": "float64",
    "share": "float64",
    "rank": "int64",
    "rank_low": "int64",
    "rank_high": "int64",
}


def reproduce_source_study(
    source_study_predictions: pd.DataFrame, modelling: ModellingParameters
) -> pd.DataFrame:
    """Measure the study's classifiers on its own clusters.

    Args:
        source_study_predictions: As `predict_study_clusters`.
        modelling: Intervals and seed.

    Returns:
        One row per model x protocol x segment (the cluster's number): accuracy (over all clusters),
        precision, recall, f1 (all in [0, 1]), support (households). accuracy_low, accuracy_high,
        precision_low, precision_high: in single_split Wilson's intervals for the tested households
        and for those named as the cluster; in repeated_cv by resampling households with all their
        repeats. A precision has no interval if no household is named so. No row if the study is
        switched off.
    """
    if source_study_predictions.empty:
        return empty_table(REPRODUCTION)
    effort = (modelling.intervals, modelling.random_state)
    overall = measure_models(source_study_predictions, KEYS, *effort)
    each = measure_segments(source_study_predictions, KEYS, *effort)
    table = each.merge(overall, on=KEYS).astype({"support": "int64"})
    is_once = table["protocol"] == SINGLE_SPLIT
    bounds = _bound_shares(table[is_once], source_study_predictions, modelling.intervals.level)
    table.loc[is_once, bounds.columns] = bounds
    return table[list(REPRODUCTION)]


def compare_study_models(
    source_study_predictions: pd.DataFrame, modelling: ModellingParameters
) -> pd.DataFrame:
    """Compare the study's classifiers two by two on its own clusters.

    Args:
        source_study_predictions: As `predict_study_clusters`; the repeated folds count.
        modelling: Level of the intervals.

    Returns:
        As `classification.comparisons.compare_models`. No row if the study is switched off.
    """
    if source_study_predictions.empty:
        return empty_table(COMPARISONS)
    often = source_study_predictions[source_study_predictions["protocol"] == REPEATED_CV]
    return compare_models(often, [], modelling.intervals.level)


def explain_study(source_study_contributions: pd.DataFrame) -> pd.DataFrame:
    """Rank the fields by how much they move the study's best model.

    Args:
        source_study_contributions: As `predict_study_clusters`.

    Returns:
        One row per field, the strongest first: model, field, mean_abs_shap (mean absolute
        contribution over clusters, households and repeats; margin before softmax), share (of the
        sum over the fields, in [0, 1]), rank (1 is the strongest, ties share the smaller),
        rank_low, rank_high (smallest and largest rank over the folds; each fold is one model, as
        the study had one). No row if the study is switched off.
    """
    if source_study_contributions.empty:
        return empty_table(IMPORTANCE)
    strength = source_study_contributions.groupby("field", sort=False)["contribution"].mean()
    by_fold = source_study_contributions.pivot_table("contribution", ["repeat", "fold"], "field")
    ranks = by_fold.rank(axis=1, ascending=False, method="min")
    table = pd.DataFrame(
        {
            "model": EXPLAINED,
            "mean_abs_shap": strength,
            "share": strength / strength.sum(),
            "rank": strength.rank(ascending=False, method="min"),
            "rank_low": ranks.min(),
            "rank_high": ranks.max(),
        }
    )
    ranked = table.rename_axis("field").reset_index().sort_values("rank", kind="stable")
    return ranked[list(IMPORTANCE)].astype(IMPORTANCE).reset_index(drop=True)


def _bound_shares(rows: pd.DataFrame, predictions: pd.DataFrame, level: float) -> pd.DataFrame:
    # rows: the figures of the single split, one row per model and cluster
    once = predictions[predictions["protocol"] == SINGLE_SPLIT]
    named = once.groupby(["model", "predicted"]).size()
    trials = {
        "accuracy": rows["model"].map(once["model"].value_counts()),
        "precision": named.reindex(pd.MultiIndex.from_frame(rows[["model", "segment"]])),
    }
    bounds = pd.DataFrame(index=rows.index)
    for name, counts in trials.items():
        low, high = bound_shares(rows[name], counts, level)
        bounds[f"{name}_low"], bounds[f"{name}_high"] = low, high
    return bounds
