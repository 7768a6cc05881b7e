"""A published study repeated: its clusters, its classifiers, how good they are, what moves them.

The study clusters all households by purchase columns and then predicts the cluster from twelve
fields, seven of which are clustering variables or make them up. Its errors are part of the
protocol: not-stated codes are numbers, nominal codes are numbers, the test split is not stratified.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from customer_segmentation.classification.metrics import (
    compare_models,
    empty_table,
    measure_models,
    measure_segments,
)
from customer_segmentation.classification.models import (
    FOREST,
    LR,
    XGBOOST,
    LabelledClassifier,
    tabulate_probabilities,
)
from customer_segmentation.classification.parameters import (
    ModellingParameters,
    SourceStudy,
    Validation,
)
from customer_segmentation.classification.reliability import bound_shares
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.contract import restore_codes
from customer_segmentation.panel.features import derive_features
from customer_segmentation.panel.values import ReadableError

Places = npt.NDArray[np.intp]

SINGLE_SPLIT, REPEATED_CV = "single_split", "repeated_cv"
EXPLAINED = XGBOOST  # the model that the study calls best
KEYS = ["model", "protocol"]

TESTED = {
    **dict.fromkeys(KEYS, "str"),
    **dict.fromkeys(("repeat", "fold", "household_id"), "int64"),
}
PREDICTIONS = TESTED | {"segment": "int64", "predicted": "int64"}
CONTRIBUTIONS = TESTED | {"field": "str", "contribution": "float64"}
REPRODUCTION = {
    **dict.fromkeys(KEYS, "str"),
    "segment": "int64",
    **dict.fromkeys(("accuracy", "accuracy_low", "accuracy_high"), "float64"),
    **dict.fromkeys(("precision", "precision_low", "precision_high"), "float64"),
    **dict.fromkeys(("recall", "f1"), "float64"),
    "support": "int64",
}
COMPARISONS = {
    **dict.fromkeys(("model_a", "model_b"), "str"),
    **dict.fromkeys(("log_loss_difference", "log_loss_low", "log_loss_high"), "float64"),
    **dict.fromkeys(("accuracy_difference", "accuracy_low", "accuracy_high"), "float64"),
    "folds": "int64",
}
IMPORTANCE = {
    **dict.fromkeys(("model", "field"), "str"),
    **dict.fromkeys(("mean_abs_shap", "share"), "float64"),
    **dict.fromkeys(("rank", "rank_low", "rank_high"), "int64"),
}

_SKIP = "run again without the study: `--params modelling.source_study=null`."


class SourceStudyError(ReadableError):
    """Households on which the published protocol cannot be repeated."""


class _Part(NamedTuple):
    """One fit: where its training and its tested households stand in the table."""

    protocol: str
    repeat: int
    fold: int
    training: Places
    tested: Places


def predict_study_clusters(
    households: pd.DataFrame, codebook: Codebook, modelling: ModellingParameters
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Repeat the study's clustering and classification, and cross-validate the latter.

    Args:
        households: One row per household with every codebook field; all households take part, those
            with thin records too.
        codebook: Not-stated codes and derived variables.
        modelling: The study's protocol in `source_study`, the folds and repeats of `validation`.

    Returns:
        Two tables without rows if the study is switched off. What the classifiers answer, one row
        per model (lr, rf, xgboost) x protocol (single_split: the study's one test split;
        repeated_cv: repeated stratified folds on the same clusters) x repeat x tested household:
        model, protocol, repeat, fold (both from 1), household_id, segment (the number that k-means
        gave its cluster, from 0), predicted, one probability per cluster (0 where no training
        household is of it). And what moves the answers of `EXPLAINED` in repeated_cv, one row per
        repeat x household x field: model, protocol, repeat, fold, household_id, field, contribution
        (mean over the clusters of the absolute SHAP value; margin before softmax).

    Raises:
        SourceStudyError: There are fewer different households than clusters, or a cluster has fewer
            households than there are folds, or one side of the split lacks a cluster.

    References:
        Lundberg et al. (2020), From local explanations to global understanding with explainable AI
        for trees.
    """
    from xgboost import XGBClassifier

    study = modelling.source_study
    if study is None:
        return empty_table(PREDICTIONS), empty_table(CONTRIBUTIONS)
    coded = restore_codes(households, codebook)
    clustered = cluster_households(coded, codebook, study)
    columns = codebook.expand(modelling.information_set(study.information_set).fields)
    values = derive_features(coded, codebook, columns)
    seed = study.random_state
    models = {
        LR: LogisticRegression(random_state=seed),
        FOREST: RandomForestClassifier(random_state=seed, n_jobs=1),
        EXPLAINED: LabelledClassifier(XGBClassifier(random_state=seed, n_jobs=1)),
    }
    parts = list(_divide(clustered["segment"], study, modelling.validation))
    fits = Parallel(n_jobs=modelling.processes)(
        delayed(_fit)(name, model, values, clustered, part)
        for name, model in models.items()
        for part in parts
    )
    predictions, contributions = (
        pd.concat(tables, ignore_index=True) for tables in zip(*fits, strict=True)
    )
    return predictions.fillna(0.0), contributions.astype(CONTRIBUTIONS)


def cluster_households(
    coded_households: pd.DataFrame, codebook: Codebook, study: SourceStudy
) -> pd.DataFrame:
    """Cluster the households as the study did: k-means on standardised columns.

    One row per household: household_id, segment (the number k-means gave the cluster, from 0).
    """
    columns = codebook.expand(study.segmentation_variables)
    features = derive_features(coded_households, codebook, columns)
    if (different := len(features.drop_duplicates())) < study.segments:
        raise SourceStudyError(
            f"The published study's protocol forms {study.segments} clusters, but the panel has "
            f"only {different} different households; {_SKIP}"
        )
    kmeans = KMeans(study.segments, n_init=study.starts, random_state=study.random_state)
    labels = kmeans.fit_predict(StandardScaler().fit_transform(features.to_numpy()))
    return coded_households[["household_id"]].assign(segment=labels.astype("int64"))


def _divide(clusters: pd.Series, study: SourceStudy, validation: Validation) -> Iterator[_Part]:
    smallest = clusters.value_counts().min()
    if smallest < validation.folds:
        raise SourceStudyError(
            f"A cluster of the published study's protocol has only {smallest} of {len(clusters)} "
            f"households, but modelling.validation.folds is {validation.folds}. Lower it, "
            f"or {_SKIP}"
        )
    places = np.arange(len(clusters))
    held_out = math.ceil(study.hold_out_share * len(places))
    if not 0 < held_out < len(places):
        raise _refuse_hold_out(study)
    # The split also shuffles the training rows, and a forest depends on their order.
    training, tested = train_test_split(
        places, test_size=study.hold_out_share, random_state=study.random_state
    )
    if any(clusters.iloc[part].nunique() < study.segments for part in (training, tested)):
        raise _refuse_hold_out(study)
    yield _Part(SINGLE_SPLIT, 1, 1, training, np.sort(tested))
    splitter = RepeatedStratifiedKFold(
        n_splits=validation.folds, n_repeats=validation.repeats, random_state=study.random_state
    )
    for turn, (others, fold) in enumerate(splitter.split(places, clusters)):
        repeat, number = divmod(turn, validation.folds)
        yield _Part(REPEATED_CV, repeat + 1, number + 1, others, fold)


def _refuse_hold_out(study: SourceStudy) -> SourceStudyError:
    return SourceStudyError(
        f"modelling.source_study.hold_out_share is {study.hold_out_share:g}, which leaves one side "
        f"of the study's split without a household of every cluster. Change it, or {_SKIP}"
    )


def _fit(
    name: str, model: BaseEstimator, values: pd.DataFrame, clustered: pd.DataFrame, part: _Part
) -> tuple[pd.DataFrame, pd.DataFrame]:
    fitted = make_pipeline(StandardScaler(), clone(model)).fit(
        values.iloc[part.training], clustered["segment"].iloc[part.training]
    )
    tested, rows = values.iloc[part.tested], clustered.iloc[part.tested]
    place = {"model": name, "protocol": part.protocol, "repeat": part.repeat, "fold": part.fold}
    answers = tabulate_probabilities(
        fitted.predict_proba(tested), list(fitted.classes_), tested.index
    )
    answered = pd.concat([pd.DataFrame(place, index=rows.index), rows, answers], axis=1)
    if (name, part.protocol) != (EXPLAINED, REPEATED_CV):
        return answered, empty_table(CONTRIBUTIONS)
    explained = answered[list(TESTED)].join(_explain(fitted, tested))
    return answered, explained.melt(list(TESTED), var_name="field", value_name="contribution")


def _explain(fitted: Pipeline, tested: pd.DataFrame) -> pd.DataFrame:
    from xgboost import DMatrix

    booster = fitted[-1].classifier_.get_booster()
    margins = booster.predict(DMatrix(fitted[:-1].transform(tested)), pred_contribs=True)
    fields = list(tested.columns)
    # The last of the columns is the base value; two clusters have one margin.
    values = margins.astype(np.float64).reshape(len(tested), -1, len(fields) + 1)[:, :, :-1]
    return pd.DataFrame(np.abs(values).mean(axis=1), columns=fields, index=tested.index)


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
        As `metrics.compare_models`. No row if the study is switched off.
    """
    if source_study_predictions.empty:
        return empty_table(COMPARISONS)
    often = source_study_predictions[source_study_predictions["protocol"] == REPEATED_CV]
    pairs = compare_models(often, ["protocol"], modelling.intervals.level)
    return pairs.drop(columns="protocol")


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
