"""The published study, reproduced by its own protocol to see what its accuracy measures.

The study clusters all households by purchase columns and then predicts the cluster from twelve
fields, seven of which are clustering variables or make them up. Its faults are part of the
protocol: not-stated codes are numbers, nominal codes are numbers, the test split is not stratified.
"""

from __future__ import annotations

import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.contract import restore_codes
from customer_segmentation.segments.segmenter import HouseholdFeatures
from customer_segmentation.typing_tool.estimators import LabelledClassifier
from customer_segmentation.typing_tool.parameters import ModellingParameters, SourceStudy
from customer_segmentation.typing_tool.validation import (
    REPEATED_CV,
    ValidationError,
    cross_validate,
    draw_folds,
    measure_models,
    measure_segments,
    predict_tested,
    stack_tables,
)

SINGLE_SPLIT = "single_split"
KEYS = ["model", "protocol"]
COLUMNS = {
    "model": "str",
    "protocol": "str",
    "segment": "int64",
    "accuracy": "float64",
    "precision": "float64",
    "recall": "float64",
    "support": "int64",
}


def reproduce_source_study(
    households: pd.DataFrame, codebook: Codebook, modelling: ModellingParameters
) -> pd.DataFrame:
    """Repeat the study's clustering and classification, and cross-validate the latter.

    Args:
        households: One row per household with every codebook field; all households take part, those
            with thin records too.
        codebook: Not-stated codes and derived variables.
        modelling: The study's protocol in `source_study`, and the effort of the cross-validation.

    Returns:
        One row per model (lr, rf, xgboost) x protocol (single_split: the study's one test split;
        repeated_cv: repeated stratified folds on the same clusters) x segment (the cluster's
        number): accuracy (over all segments), precision, recall (all in [0, 1]), support
        (households). No row if the study is switched off.

    Raises:
        ValidationError: There are fewer different households than clusters, or a cluster has fewer
            households than there are folds.
    """
    study = modelling.source_study
    if study is None:
        return pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS)
    clustered = cluster_households(restore_codes(households, codebook), codebook, study)
    columns = codebook.expand(modelling.information_set(study.information_set).fields)
    tables = {
        name: _validate(_classifier(model, columns, codebook), clustered, modelling, study)
        for name, model in _default_models(study.random_state).items()
    }
    predictions = stack_tables(tables, "model")
    overall = measure_models(predictions, KEYS)[[*KEYS, "accuracy"]]
    each = measure_segments(predictions, KEYS)
    return each.merge(overall, on=KEYS)[list(COLUMNS)]


def cluster_households(
    coded_households: pd.DataFrame, codebook: Codebook, study: SourceStudy
) -> pd.DataFrame:
    """Cluster the households as the study did: k-means on standardised columns.

    Args:
        coded_households: One row per household, not-stated codes as in the panel file.
        codebook: How derived variables are computed.
        study: Columns, number of clusters, starts and seed.

    Returns:
        A copy with the column segment: the number k-means gave the cluster, from 0.

    Raises:
        ValidationError: There are fewer different households than clusters.
    """
    columns = codebook.expand(study.segmentation_variables)
    features = HouseholdFeatures(codebook, columns).transform(coded_households)
    if (different := len(features.drop_duplicates())) < study.segments:
        raise ValidationError(
            f"The published study's protocol forms {study.segments} clusters, but the panel has "
            f"only {different} different households. Set modelling.source_study to null to skip it."
        )
    kmeans = KMeans(study.segments, n_init=study.starts, random_state=study.random_state)
    labels = kmeans.fit_predict(StandardScaler().fit_transform(features.to_numpy()))
    return coded_households.assign(segment=labels.astype("int64"))


def _default_models(seed: int) -> dict[str, BaseEstimator]:
    from xgboost import XGBClassifier

    return {
        "lr": LogisticRegression(random_state=seed),
        "rf": RandomForestClassifier(random_state=seed, n_jobs=1),
        "xgboost": LabelledClassifier(XGBClassifier(random_state=seed, n_jobs=1)),
    }


def _classifier(model: BaseEstimator, columns: list[str], codebook: Codebook) -> Pipeline:
    return Pipeline(
        [
            ("features", HouseholdFeatures(codebook, columns)),
            ("scale", StandardScaler()),
            ("classifier", model),
        ]
    )


def _validate(
    classifier: Pipeline,
    clustered: pd.DataFrame,
    modelling: ModellingParameters,
    study: SourceStudy,
) -> pd.DataFrame:
    seed = study.random_state
    folds = draw_folds(clustered, modelling.cross_validation, seed)
    training, tested = train_test_split(
        clustered, test_size=study.hold_out_share, random_state=seed
    )
    # The split also shuffles the training rows, and a forest depends on their order.
    fitted = clone(classifier).fit(training, training["segment"])
    once = predict_tested(fitted, clustered, tested["household_id"]).assign(repeat=1)
    often = cross_validate(classifier, clustered, folds, modelling.processes)
    return stack_tables({SINGLE_SPLIT: once, REPEATED_CV: often}, "protocol")
