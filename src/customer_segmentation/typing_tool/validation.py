"""Predictions for households that a classifier has not seen, and how good they are.

Two protocols share one form. `holdout` tests one stratified part of the households once.
`repeated_cv` divides them into stratified folds, predicts each fold from the others, and repeats
that with new divisions. All models and information sets meet the same folds.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.metrics import log_loss, precision_recall_fscore_support
from sklearn.model_selection import RepeatedStratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline

from customer_segmentation.panel.errors import ReadableError
from customer_segmentation.typing_tool.estimators import (
    BASELINES,
    MAJORITY,
    PRIOR,
    predict_segments,
    probability_column,
)
from customer_segmentation.typing_tool.parameters import CrossValidation, ModellingParameters

HOLD_OUT, REPEATED_CV = "holdout", "repeated_cv"


class ValidationError(ReadableError):
    """Households that cannot be divided as the parameters ask."""


def assign_folds(labelled_households: pd.DataFrame, modelling: ModellingParameters) -> pd.DataFrame:
    """Decide once for all models which households are tested when.

    Args:
        labelled_households: One row per household with household_id and segment.
        modelling: Hold-out share, folds, repeats and seed.

    Returns:
        One row per protocol x repeat x tested household: protocol, repeat, fold (both from 1),
        household_id. A fold is predicted from all households that are not in it; the hold-out is a
        single fold.

    Raises:
        ValidationError: A segment has fewer households than there are folds, or too few for a
            household on either side of the hold-out.
    """
    segments, share = labelled_households["segment"], modelling.hold_out_share
    _refuse_small_segments(segments, math.ceil(1 / min(share, 1 - share)), "hold_out_share")
    folds = draw_folds(labelled_households, modelling.cross_validation, modelling.random_state)
    _, held_out = train_test_split(
        labelled_households,
        test_size=share,
        stratify=segments,
        random_state=modelling.random_state,
    )
    return stack_tables({HOLD_OUT: _fold_table(1, 1, held_out), REPEATED_CV: folds}, "protocol")


def draw_folds(
    labelled: pd.DataFrame, cross_validation: CrossValidation, seed: int
) -> pd.DataFrame:
    """Divide the households into stratified folds, once per repeat.

    Args:
        labelled: One row per household with household_id and segment.
        cross_validation: Number of folds and repeats.
        seed: Seed of the divisions.

    Returns:
        One row per repeat x household: repeat and fold in which it is tested (from 1),
        household_id.

    Raises:
        ValidationError: A segment has fewer households than there are folds.
    """
    folds = cross_validation.folds
    _refuse_small_segments(labelled["segment"], folds, "cross_validation.folds")
    splitter = RepeatedStratifiedKFold(
        n_splits=folds, n_repeats=cross_validation.repeats, random_state=seed
    )
    tables = [
        _fold_table(turn // folds + 1, turn % folds + 1, labelled.iloc[tested])
        for turn, (_, tested) in enumerate(splitter.split(labelled, labelled["segment"]))
    ]
    return pd.concat(tables, ignore_index=True)


def fit_without(classifier: Pipeline, labelled: pd.DataFrame, tested: Collection[int]) -> Pipeline:
    """Fit on all households but those to be tested.

    Args:
        classifier: A Pipeline; it is not changed.
        labelled: One row per household with household_id, segment and the classifier's columns.
        tested: Identifiers of the households to leave out.

    Returns:
        A fitted copy.
    """
    training = labelled[~labelled["household_id"].isin(tested)]
    return clone(classifier).fit(training, training["segment"])


def predict_tested(
    fitted: Pipeline, labelled: pd.DataFrame, tested: Collection[int]
) -> pd.DataFrame:
    """Predict the households that were left out.

    Args:
        fitted: A Pipeline from `fit_without` with the same `tested`.
        labelled: One row per household with household_id, segment and the classifier's columns.
        tested: Identifiers of the households that were left out.

    Returns:
        One row per tested household: household_id, segment, then as `predict_segments`.
    """
    rows = labelled[labelled["household_id"].isin(tested)]
    return rows[["household_id", "segment"]].join(predict_segments(fitted, rows))


def cross_validate(
    classifier: Pipeline, labelled: pd.DataFrame, folds: pd.DataFrame, processes: int
) -> pd.DataFrame:
    """Predict every fold from the households outside it.

    Args:
        classifier: A Pipeline; a copy is fitted for each fold.
        labelled: One row per household with household_id, segment and the classifier's columns.
        folds: As `draw_folds`.
        processes: Worker processes. The seed is in the classifier, so they change nothing.

    Returns:
        One row per repeat x household: as `predict_tested`, then repeat.
    """
    groups = [
        (repeat, tested.tolist())
        for (repeat, _), tested in folds.groupby(["repeat", "fold"])["household_id"]
    ]
    tables = Parallel(n_jobs=processes)(
        delayed(_fit_and_predict)(classifier, labelled, tested) for _, tested in groups
    )
    marked = [
        table.assign(repeat=repeat) for (repeat, _), table in zip(groups, tables, strict=True)
    ]
    predictions: pd.DataFrame = pd.concat(marked, ignore_index=True)
    return predictions


def stack_tables(tables: Mapping[str, pd.DataFrame], key: str) -> pd.DataFrame:
    """Put tables of the same columns below each other.

    Args:
        tables: The tables by name.
        key: The column that tells which table a row comes from.

    Returns:
        All rows in order: the column `key` with the name of the table, then the tables' columns.
    """
    return pd.concat(tables, names=[key]).reset_index(level=key).reset_index(drop=True)


def measure_models(predictions: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Compare predicted with true segments, over all segments.

    Each figure is computed per repeat over all tested households; the repeats are then averaged.
    The macro figures are plain means over the segments; a segment that is never predicted has
    precision 0.

    Args:
        predictions: One row per `keys` x repeat x household: repeat, household_id, segment,
            predicted and one probability column per segment.
        keys: Columns that name a model and its circumstances.

    Returns:
        One row per `keys`, in the order of `predictions`: n (households tested), accuracy,
        balanced_accuracy, precision_macro, recall_macro, f1_macro (all in [0, 1]), log_loss (>= 0,
        natural logarithm, probabilities of 0 raised to the smallest float64 step).
    """
    segments = sorted(predictions["segment"].unique())
    figures = {
        names: _measure_all(group, segments)
        for names, group in predictions.groupby([*keys, "repeat"], sort=False)
    }
    table = _average_repeats(figures, keys, [])
    return table.astype({"n": "int64"})


def measure_segments(predictions: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Compare predicted with true segments, segment by segment.

    Args:
        predictions: As for `measure_models`.
        keys: As for `measure_models`.

    Returns:
        One row per `keys` x segment: precision (0 if never predicted), recall, f1 (all in [0, 1],
        averaged over repeats), support (households of the segment tested in a repeat).
    """
    segments = sorted(predictions["segment"].unique())
    figures = {
        (*names, segment): row
        for names, group in predictions.groupby([*keys, "repeat"], sort=False)
        for segment, row in _measure_each(group, segments).to_dict("index").items()
    }
    table = _average_repeats(figures, keys, ["segment"])
    return table.astype({"support": "int64"})


def compare_with_baselines(predictions: pd.DataFrame, circumstances: Sequence[str]) -> pd.DataFrame:
    """Compare each model with the baselines, household by household.

    Hits and log losses are averaged over the repeats of a household and then set against those of
    a baseline for the same household; the standard error is that of the mean of these differences
    over the households. It takes the households as independent and ignores that folds share
    training rows, so it is rather too small.

    Args:
        predictions: One row per model x `circumstances` x repeat x household: model (the baselines
            among them), household_id, segment, predicted and one probability column per segment.
        circumstances: Columns within which models are compared.

    Returns:
        One row per `circumstances` x model that is no baseline: gain_over_majority (accuracy less
        that of the majority, in [-1, 1]) and gain_se; log_loss_skill (the part of the prior's log
        loss that the model saves; at most 1, negative if it loses more) and skill_se, which takes
        the prior's log loss as given. A standard error is missing for a single household. Without
        the baselines there is no row.
    """
    figures = _pair_with_baselines(predictions, circumstances).groupby([*circumstances, "model"])
    scale = figures["loss_prior"].mean()
    table = pd.DataFrame(
        {
            "gain_over_majority": figures["gain"].mean(),
            "gain_se": figures["gain"].sem(),
            "log_loss_skill": figures["saved"].mean() / scale,
            "skill_se": figures["saved"].sem() / scale,
        }
    )
    return table.reset_index()


def _pair_with_baselines(predictions: pd.DataFrame, circumstances: Sequence[str]) -> pd.DataFrame:
    grain = [*circumstances, "household_id"]
    answers = predictions[[*grain, "model"]].assign(
        hit=(predictions["predicted"] == predictions["segment"]).astype(float),
        loss=_log_losses(predictions),
    )
    means = answers.groupby([*grain, "model"], as_index=False).mean()
    majority = means.loc[means["model"] == MAJORITY, [*grain, "hit"]]
    prior = means.loc[means["model"] == PRIOR, [*grain, "loss"]]
    pairs = (
        means[~means["model"].isin(BASELINES)]
        .merge(majority, on=grain, suffixes=("", "_majority"))
        .merge(prior, on=grain, suffixes=("", "_prior"))
    )
    return pairs.assign(
        gain=pairs["hit"] - pairs["hit_majority"], saved=pairs["loss_prior"] - pairs["loss"]
    )


def _log_losses(predictions: pd.DataFrame) -> pd.Series:
    columns = predictions["segment"].map(probability_column)
    segments = pd.Index(columns.unique())
    probabilities = predictions[segments].to_numpy()
    of_truth = probabilities[np.arange(len(columns)), segments.get_indexer(columns)]
    smallest = np.finfo(float).eps  # as in scikit-learn's log_loss
    return pd.Series(-np.log(of_truth.clip(smallest, 1 - smallest)), index=predictions.index)


def _average_repeats(
    figures: Mapping[tuple[Any, ...], Mapping[Any, float]],
    keys: Sequence[str],
    below: Sequence[str],
) -> pd.DataFrame:
    index = pd.MultiIndex.from_tuples(figures, names=[*keys, "repeat", *below])
    table = pd.DataFrame(list(figures.values()), index=index)
    return table.groupby([*keys, *below], sort=False).mean().reset_index()


def _measure_all(predictions: pd.DataFrame, segments: list[Any]) -> dict[str, float]:
    each = _measure_each(predictions, segments)
    probabilities = predictions[list(map(probability_column, segments))]
    hits = predictions["predicted"] == predictions["segment"]
    return {
        "n": len(predictions),
        "accuracy": hits.mean(),
        "balanced_accuracy": each.loc[each["support"] > 0, "recall"].mean(),
        "precision_macro": each["precision"].mean(),
        "recall_macro": each["recall"].mean(),
        "f1_macro": each["f1"].mean(),
        "log_loss": log_loss(predictions["segment"], probabilities, labels=segments),
    }


def _measure_each(predictions: pd.DataFrame, segments: list[Any]) -> pd.DataFrame:
    figures = precision_recall_fscore_support(
        predictions["segment"], predictions["predicted"], labels=segments, zero_division=0
    )
    columns = ["precision", "recall", "f1", "support"]
    return pd.DataFrame(dict(zip(columns, figures, strict=True)), index=segments)


def _fit_and_predict(
    classifier: Pipeline, labelled: pd.DataFrame, tested: Collection[int]
) -> pd.DataFrame:
    return predict_tested(fit_without(classifier, labelled, tested), labelled, tested)


def _fold_table(repeat: int, fold: int, tested: pd.DataFrame) -> pd.DataFrame:
    ids = tested["household_id"].sort_values(ignore_index=True)
    return pd.DataFrame({"repeat": repeat, "fold": fold, "household_id": ids})


def _refuse_small_segments(segments: pd.Series, needed: int, key: str) -> None:
    sizes = segments.value_counts()
    if sizes.min() < needed:
        raise ValidationError(
            f"Segment {sizes.idxmin()} has only {sizes.min()} of {len(segments)} households, but "
            f"modelling.{key} needs {needed}. Change it, or form other segments."
        )
