"""The protocol of the published study, run again: its clusters, and what its classifiers answer.

The study clusters all households by purchase columns and then predicts the cluster from twelve
fields, seven of which are clustering variables or make them up. Its faults are part of the
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

from customer_segmentation.classification.answers import empty_table
from customer_segmentation.classification.estimators import (
    FOREST,
    LR,
    XGBOOST,
    LabelledClassifier,
    predict_segments,
)
from customer_segmentation.classification.parameters import (
    ModellingParameters,
    SourceStudy,
    Validation,
)
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.contract import restore_codes
from customer_segmentation.panel.features import derive_features
from customer_segmentation.panel.values import ReadableError

Places = npt.NDArray[np.intp]

SINGLE_SPLIT, REPEATED_CV = "single_split", "repeated_cv"
EXPLAINED = XGBOOST  # the model that the study calls best

TESTED = {
    "model": "str",
    "protocol": "str",
    "repeat": "int64",
    "fold": "int64",
    "household_id": "int64",
}
PREDICTIONS = TESTED | {"segment": "int64", "predicted": "int64"}
CONTRIBUTIONS = TESTED | {"field": "str", "contribution": "float64"}

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
    study = modelling.source_study
    if study is None:
        return empty_table(PREDICTIONS), empty_table(CONTRIBUTIONS)
    coded = restore_codes(households, codebook)
    clustered = cluster_households(coded, codebook, study)
    columns = codebook.expand(modelling.information_set(study.information_set).fields)
    values = derive_features(coded, codebook, columns)
    models = _default_models(study.random_state)
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

    Args:
        coded_households: One row per household, not-stated codes as in the panel file.
        codebook: How derived variables are computed.
        study: Columns, number of clusters, starts and seed.

    Returns:
        One row per household: household_id, segment (the number k-means gave the cluster, from 0).

    Raises:
        SourceStudyError: There are fewer different households than clusters.
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


def _default_models(seed: int) -> dict[str, BaseEstimator]:
    from xgboost import XGBClassifier

    return {
        LR: LogisticRegression(random_state=seed),
        FOREST: RandomForestClassifier(random_state=seed, n_jobs=1),
        EXPLAINED: LabelledClassifier(XGBClassifier(random_state=seed, n_jobs=1)),
    }


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
    answered = pd.DataFrame(place, index=rows.index).join([rows, predict_segments(fitted, tested)])
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
