"""Nested cross-validation: every household predicted by models that never saw it.

Within the training households of a fold everything is learnt anew: the segments (`folds`), the
encoding, the setting and the temperature of each model (`tuning`), its conformal scores, and which
model to take (`procedure`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from customer_segmentation.classification.conformal import measure_conformity
from customer_segmentation.classification.estimators import (
    MAJORITY,
    NEAREST_CENTROID,
    PRIOR,
    conformity_column,
    name_setting,
    tabulate_probabilities,
)
from customer_segmentation.classification.folds import FINAL, FOLD
from customer_segmentation.classification.parameters import InformationSet, ModellingParameters
from customer_segmentation.classification.tuning import TunedClassifier, tune_classifier
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.features import derive_features

CASE = ["information_set", *FOLD]
TESTED = ["household_id", "thin_record", "segment", "reference"]


class Fold(NamedTuple):
    """One division of the households.

    Attributes:
        place: Its protocol, repeat and fold.
        labels: The segment of each training household, under its index in `labelled_households`.
        tested: One row per tested household, likewise: `TESTED`.
    """

    place: Mapping[Any, Any]
    labels: pd.Series
    tested: pd.DataFrame


class Validated(NamedTuple):
    """What one model does in all folds.

    Attributes:
        predictions: One row per information set x fold x tested household.
        tuning: One row per information set x fold x setting.
        losses: One row per information set x fold x training household.
    """

    predictions: pd.DataFrame
    tuning: pd.DataFrame
    losses: pd.DataFrame


def take_values(
    labelled_households: pd.DataFrame, information_set: InformationSet, codebook: Codebook
) -> pd.DataFrame:
    """Take or derive what an information set knows about households.

    Args:
        labelled_households: One row per household with the fields behind the set.
        information_set: The set.
        codebook: The panel's codebook.

    Returns:
        One float64 column per field; same rows and index.
    """
    fields = codebook.expand(information_set.fields)
    return derive_features(labelled_households, codebook, fields)


def training_rows(labelled_households: pd.DataFrame, fold: pd.DataFrame) -> pd.Series:
    """Find the training households of a fold and what its segmentation calls them.

    Args:
        labelled_households: One row per household: household_id, thin_record.
        fold: The rows of `fold_segments` of one fold.

    Returns:
        The segment of each eligible household that is not tested, under the index of
        `labelled_households`.
    """
    known = _match(labelled_households, fold)
    return known.loc[~known["tested"] & ~known["thin_record"], "segment"]


def list_folds(labelled_households: pd.DataFrame, fold_segments: pd.DataFrame) -> list[Fold]:
    """List the folds, and at the end, as `final`, all eligible households with nobody to test.

    Args:
        labelled_households: One row per household: household_id, thin_record, segment (reference).
        fold_segments: As `folds.segment_folds`.
    """
    folds = []
    for _, rows in fold_segments.groupby(FOLD, sort=False):
        known = _match(labelled_households, rows)
        labels = training_rows(labelled_households, rows)
        folds.append(Fold(rows[FOLD].iloc[0].to_dict(), labels, known[known["tested"]]))
    everyone = labelled_households.assign(reference=labelled_households["segment"])
    labels = everyone.loc[~everyone["thin_record"], "segment"]
    place = {"protocol": FINAL, "repeat": 1, "fold": 1}
    return [*folds, Fold(place, labels, everyone[TESTED].iloc[:0])]


def tune_fold(
    model: str,
    values: pd.DataFrame,
    labels: pd.Series,
    modelling: ModellingParameters,
    codebook: Codebook,
) -> TunedClassifier:
    """Tune, calibrate and fit one model on training households.

    Args:
        model: One of `estimators.CLASSIFIERS`.
        values: One row per household, one column per field; others than those of `labels` are not
            looked at.
        labels: The segment of each training household.
        modelling: Grid, inner folds and seed.
        codebook: The scale of each field.
    """
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
) -> Validated:
    """Predict every household by one model, tuned and fitted without it, from each information set.

    Args:
        model: One of `estimators.CLASSIFIERS`.
        labelled_households: One row per household: fields, thin_record, segment (reference).
        fold_segments: As `folds.segment_folds`.
        codebook: The panel's codebook.
        modelling: Information sets, grids, inner folds, seed and processes.

    Returns:
        Each part starts with information_set, protocol, repeat, fold. Predictions: household_id,
        thin_record, segment (of the fold), reference, predicted, a calibrated probability and a
        conformal p-value per segment. Tuning: setting, log_loss (out of fold, calibrated), chosen,
        temperature. Losses: household_id, log_loss (the same, of the chosen setting). The fold
        `final` trains on all eligible households and has no predictions.
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
    ids = labelled_households["household_id"]
    predictions, tuning, losses = (_stack(tables, places) for tables in zip(*done, strict=True))
    losses["household_id"] = ids.loc[losses["household_id"]].to_numpy()
    return Validated(predictions, tuning, losses)


def validate_baselines(
    labelled_households: pd.DataFrame, fold_segments: pd.DataFrame, circularity_audit: pd.DataFrame
) -> pd.DataFrame:
    """Predict every household without a model.

    `majority` is certain of the largest segment of the training households, `prior` gives everybody
    their shares. `nearest_centroid` is the fold's own segmenter, where the information set contains
    every score; by definition it is never wrong about the segments that it formed itself.

    Args:
        labelled_households: One row per household: household_id, thin_record, segment (reference).
        fold_segments: As `folds.segment_folds`.
        circularity_audit: One row per information set x score, with contained.

    Returns:
        One row per information_set x model x fold x tested household, as the predictions of
        `validate_classifier` without conformal p-values.
    """
    tables, places = [], []
    contains_all = circularity_audit.groupby("information_set", sort=False)["contained"].all()
    for fold in list_folds(labelled_households, fold_segments)[:-1]:
        guesses = _guess(fold)
        for name, contained in contains_all.items():
            for model, table in guesses.items():
                if model != NEAREST_CENTROID or contained:
                    tables.append(fold.tested[TESTED].join(table))
                    places.append({"information_set": name, "model": model, **fold.place})
    return _stack(tables, places)


def _match(labelled_households: pd.DataFrame, fold: pd.DataFrame) -> pd.DataFrame:
    known = fold.set_index("household_id").loc[labelled_households["household_id"]].reset_index()
    known.index = labelled_households.index
    return known.assign(
        thin_record=labelled_households["thin_record"], reference=labelled_households["segment"]
    )


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
    chosen = np.arange(len(grid)) == tuned.chosen
    tuning = pd.DataFrame(
        {
            "setting": [name_setting(each, grid) for each in grid],
            "log_loss": tuned.losses.mean(axis=1),
            "chosen": chosen,
            "temperature": tuned.temperatures,
        }
    )
    return _predict(tuned, values, fold.tested), tuning, losses


def _predict(tuned: TunedClassifier, values: pd.DataFrame, tested: pd.DataFrame) -> pd.DataFrame:
    if tested.empty:
        return tested[TESTED]
    probabilities = tuned.predict_proba(values.loc[tested.index])
    of_training = tuned.out_of_fold[np.arange(len(tuned.numbers)), tuned.numbers]
    conformity = measure_conformity(of_training, tuned.numbers, probabilities)
    columns = list(map(conformity_column, tuned.segments))
    return (
        tested[TESTED]
        .join(tabulate_probabilities(probabilities, tuned.segments, tested.index))
        .join(pd.DataFrame(conformity, columns=columns, index=tested.index))
    )


def _guess(fold: Fold) -> dict[str, pd.DataFrame]:
    shares = fold.labels.value_counts(normalize=True).sort_index()
    segments = [str(name) for name in shares.index]
    everybody = np.tile(shares.to_numpy(), (len(fold.tested), 1))
    known = fold.tested["segment"].to_numpy()[:, None] == np.array(segments)
    certain = np.arange(len(segments)) == np.repeat(shares.argmax(), len(fold.tested))[:, None]
    return {
        model: tabulate_probabilities(probabilities.astype(float), segments, fold.tested.index)
        for model, probabilities in (
            (MAJORITY, certain),
            (PRIOR, everybody),
            (NEAREST_CENTROID, known),
        )
    }


def _stack(tables: Sequence[pd.DataFrame], places: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """All rows in order, each after the columns that say where its table belongs."""
    counts = [len(table) for table in tables]
    keys = {key: np.repeat([place[key] for place in places], counts) for key in places[0]}
    stacked = pd.concat(tables, ignore_index=True)
    return pd.concat([pd.DataFrame(keys), stacked], axis=1)
