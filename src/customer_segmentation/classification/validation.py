"""What each model, the procedure and the baselines predict of households they have not seen.

The procedure is what a user gets who follows the declared rule in choosing among the models. Its
figures are the headline of every information set, because a model that is picked after its figures
are seen looks better than it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed

from customer_segmentation.classification.folds import FINAL, FOLD, TESTED, Fold, list_folds
from customer_segmentation.classification.models import (
    CLASSIFIERS,
    MAJORITY,
    NEAREST_CENTROID,
    PRIOR,
    TunedClassifier,
    choose_simplest,
    conformity_column,
    measure_conformity,
    tabulate_probabilities,
    tune_classifier,
)
from customer_segmentation.classification.parameters import InformationSet, ModellingParameters
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.features import derive_features
from customer_segmentation.panel.values import Configured

CASE = ["information_set", *FOLD]


def take_values(
    labelled_households: pd.DataFrame, information_set: InformationSet, codebook: Codebook
) -> pd.DataFrame:
    """Take or derive what an information set contains: one float64 column per field."""
    fields = codebook.expand(information_set.fields)
    return derive_features(labelled_households, codebook, fields)


def tune_fold(
    model: str,
    values: pd.DataFrame,
    labels: pd.Series,
    modelling: ModellingParameters,
    codebook: Codebook,
) -> TunedClassifier:
    """Tune, calibrate and fit one model on the training households, those of `labels`."""
    return tune_classifier(
        model,
        values.loc[labels.index],
        labels,
        getattr(modelling.models, model),
        modelling.validation.inner_folds,
        codebook,
        modelling.random_state,
    )


def validate_classifier(
    model: str,
    labelled_households: pd.DataFrame,
    fold_segments: pd.DataFrame,
    codebook: Codebook,
    modelling: ModellingParameters,
) -> dict[str, pd.DataFrame]:
    """Predict every household by one model, tuned and fitted without it, from each information set.

    Args:
        model: One of `models.CLASSIFIERS`.
        labelled_households: One row per household: fields, thin_record, segment (reference).
        fold_segments: As `segment_folds`.
        codebook: The panel's codebook.
        modelling: Information sets, grids, inner folds, seed and processes.

    Returns:
        Each table starts with information_set, protocol, repeat, fold. `predictions`: household_id,
        thin_record, segment (of the fold), reference, predicted, a calibrated probability and a
        conformal p-value per segment. `tuning`: setting, log_loss (out of fold, calibrated),
        chosen, temperature. `losses`: household_id, log_loss (the same, of the chosen setting). The
        fold `final` trains on all eligible households and has no predictions.
    """
    folds = list_folds(labelled_households, fold_segments)
    values = {
        each.name: take_values(labelled_households, each, codebook)
        for each in modelling.information_sets
    }
    cases = [(name, fold) for fold in folds for name in values]
    done = Parallel(n_jobs=modelling.processes)(
        delayed(_validate_case)(model, values[name], fold, modelling, codebook)
        for name, fold in cases
    )
    places = [{"information_set": name, **fold.place} for name, fold in cases]
    predictions, tuning, losses = (_stack(tables, places) for tables in zip(*done, strict=True))
    ids = labelled_households["household_id"]
    losses["household_id"] = ids.loc[losses["household_id"]].to_numpy()
    return {"predictions": predictions, "tuning": tuning, "losses": losses}


def _validate_case(
    model: str,
    values: pd.DataFrame,
    fold: Fold,
    modelling: ModellingParameters,
    codebook: Codebook,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    tuned = tune_fold(model, values, fold.labels, modelling, codebook)
    own = tuned.losses[tuned.chosen]
    losses = pd.DataFrame({"household_id": fold.labels.index, "log_loss": own})
    grid = getattr(modelling.models, model)
    tuning = pd.DataFrame(
        {
            "setting": [_name_setting(each, grid) for each in grid],
            "log_loss": tuned.losses.mean(axis=1),
            "chosen": np.arange(len(grid)) == tuned.chosen,
            "temperature": tuned.temperatures,
        }
    )
    return _predict(tuned, values, fold.tested), tuning, losses


def _name_setting(setting: Configured, grid: Sequence[Configured]) -> str:
    """The values in which the settings of the grid differ, such as "C=0.1"."""
    values = [each.model_dump() for each in grid]
    different = [key for key in values[0] if len({each[key] for each in values}) > 1]
    chosen = setting.model_dump()
    return ", ".join(f"{key}={chosen[key]:g}" for key in different) or "as declared"


def _predict(tuned: TunedClassifier, values: pd.DataFrame, tested: pd.DataFrame) -> pd.DataFrame:
    if tested.empty:
        return tested
    probabilities = tuned.predict_proba(values.loc[tested.index])
    conformity = measure_conformity(tuned.own, tuned.numbers, probabilities)
    columns = list(map(conformity_column, tuned.segments))
    answers = tabulate_probabilities(probabilities, tuned.segments, tested.index)
    sets = pd.DataFrame(conformity, columns=columns, index=tested.index)
    return pd.concat([tested, answers, sets], axis=1)


def validate_baselines(
    labelled_households: pd.DataFrame, fold_segments: pd.DataFrame, circularity_audit: pd.DataFrame
) -> pd.DataFrame:
    """Predict every household without a model.

    `majority` is certain of the largest segment of the training households, `prior` gives everybody
    their shares. `nearest_centroid` is the fold's own segmenter, where the information set contains
    every score; by definition it is never wrong about the segments that it formed itself.

    Args:
        labelled_households: One row per household: household_id, thin_record, segment (reference).
        fold_segments: As `segment_folds`.
        circularity_audit: One row per information set x score, with contained.

    Returns:
        One row per information_set x model x fold x tested household, as the predictions of
        `validate_classifier` without conformal p-values.
    """
    tables, places = [], []
    contains_all = circularity_audit.groupby("information_set", sort=False)["contained"].all()
    for fold in list_folds(labelled_households, fold_segments)[:-1]:
        predicted = _predict_simply(fold)
        for name, contained in contains_all.items():
            for model, table in predicted.items():
                if model != NEAREST_CENTROID or contained:
                    tables.append(table)
                    places.append({"information_set": name, "model": model, **fold.place})
    return _stack(tables, places)


def _predict_simply(fold: Fold) -> dict[str, pd.DataFrame]:
    shares = fold.labels.value_counts(normalize=True).sort_index()
    segments, count = [str(name) for name in shares.index], len(fold.tested)
    probabilities: dict[str, npt.NDArray[Any]] = {
        MAJORITY: np.tile(np.arange(len(segments)) == shares.argmax(), (count, 1)),
        PRIOR: np.tile(shares.to_numpy(), (count, 1)),
        NEAREST_CENTROID: fold.tested["segment"].to_numpy()[:, None] == np.array(segments),
    }
    return {
        model: fold.tested.join(
            tabulate_probabilities(each.astype(float), segments, fold.tested.index)
        )
        for model, each in probabilities.items()
    }


def _stack(tables: Sequence[pd.DataFrame], places: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """All rows in order, each after the columns that say where its table belongs."""
    counts = [len(table) for table in tables]
    keys = {key: np.repeat([place[key] for place in places], counts) for key in places[0]}
    stacked = pd.concat(tables, ignore_index=True)
    return pd.concat([pd.DataFrame(keys), stacked], axis=1)


def choose_models(**losses: pd.DataFrame) -> pd.DataFrame:
    """Choose one model in each fold, from its training households alone.

    Args:
        **losses: The losses of `validate_classifier`, by model.

    Returns:
        One row per information_set x fold (`final` too): protocol, repeat, fold, model (the
        simplest, in the order of `models.CLASSIFIERS`, that is within one standard error of the
        lowest log loss).
    """
    keys = [*CASE, "household_id"]
    paired = pd.concat(
        {model: losses[model].set_index(keys)["log_loss"] for model in CLASSIFIERS}, axis=1
    )
    rows = [
        (*part.index[0][:-1], CLASSIFIERS[choose_simplest(part.to_numpy().T)])
        for _, part in paired.groupby(CASE, sort=False)
    ]
    return pd.DataFrame(rows, columns=[*CASE, "model"])


def follow_procedure(model_choices: pd.DataFrame, **predictions: pd.DataFrame) -> pd.DataFrame:
    """Predict every household by the model that its fold has chosen.

    Args:
        model_choices: As `choose_models`.
        **predictions: The predictions of `validate_classifier`, by model.

    Returns:
        One row per information_set x fold x tested household, as the predictions of the models.
    """
    chosen = [
        table.merge(model_choices.loc[model_choices["model"] == model, CASE])
        for model, table in predictions.items()
    ]
    order = next(iter(predictions.values()))[[*CASE, "household_id"]]
    return order.merge(pd.concat(chosen, ignore_index=True), validate="one_to_one")


def join_predictions(
    baseline_predictions: pd.DataFrame, **predictions: pd.DataFrame
) -> pd.DataFrame:
    """Put the predictions of all models into one table.

    Args:
        baseline_predictions: As `validate_baselines`.
        **predictions: The predictions of the classifiers and of the procedure, by model.

    Returns:
        One row per information_set x model x protocol x repeat x household_id: fold, thin_record,
        segment, reference, predicted, a probability and a conformal p-value per segment, the latter
        missing for the baselines.
    """
    joined = pd.concat([join_tuning(**predictions), baseline_predictions], ignore_index=True)
    first = ["information_set", "model", *FOLD, *TESTED, "predicted"]
    return joined[[*first, *joined.columns.drop(first)]]


def join_tuning(**tables: pd.DataFrame) -> pd.DataFrame:
    """Put the tuning of all models (one row per information set x fold x setting) into one table.

    Args:
        **tables: One table per model.

    Returns:
        All rows, with the column model.
    """
    joined = pd.concat(tables, names=["model"]).reset_index(level="model")
    return joined.reset_index(drop=True)


def fit_champions(
    labelled_households: pd.DataFrame,
    model_choices: pd.DataFrame,
    codebook: Codebook,
    modelling: ModellingParameters,
) -> dict[str, TunedClassifier]:
    """Fit the model chosen for each information set on all eligible households.

    Args:
        labelled_households: One row per household: fields, thin_record, segment.
        model_choices: As `choose_models`; its rows of the protocol `final`.
        codebook: The panel's codebook.
        modelling: Information sets, grids, inner folds and seed.

    Returns:
        The champion of each information set.
    """
    final = model_choices[model_choices["protocol"] == FINAL].set_index("information_set")["model"]
    labels = labelled_households.loc[~labelled_households["thin_record"], "segment"]
    return {
        each.name: tune_fold(
            final[each.name],
            take_values(labelled_households, each, codebook),
            labels,
            modelling,
            codebook,
        )
        for each in modelling.information_sets
    }
