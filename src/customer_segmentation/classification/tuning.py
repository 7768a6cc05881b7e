"""Choice of settings and calibration, from training households alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.model_selection import StratifiedKFold

from customer_segmentation.classification.calibration import (
    apply_temperature,
    find_temperature,
    log_losses,
)
from customer_segmentation.classification.encoding import FieldEncoder
from customer_segmentation.classification.estimators import (
    FOREST,
    LINEAR,
    build_estimator,
    tabulate_probabilities,
)
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.values import Configured

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]


@dataclass(frozen=True)
class TunedClassifier:
    """A classifier with its setting chosen and its temperature found, fitted on all it was given.

    Attributes:
        model: One of `estimators.CLASSIFIERS`.
        chosen: Number of the chosen setting in its grid.
        segments: The segments, sorted; the order of all columns of probabilities.
        numbers: The segment number of each training household.
        shares: Share of each segment in training.
        temperatures: Of each setting; see `calibration`.
        encoder: From fields to encoded columns.
        estimator: From encoded columns to probabilities before calibration.
        losses: One row per setting, one column per training household: its log loss, out of fold
            and calibrated.
        out_of_fold: One row per training household, one column per segment: calibrated
            probabilities under the chosen setting from models that have not seen the household.
        background: Mean of each encoded column over the training households, missing where a value
            is; the point from which a linear model is explained.
    """

    model: str
    chosen: int
    segments: list[str]
    numbers: Labels
    shares: Floats
    temperatures: list[float]
    encoder: FieldEncoder
    estimator: BaseEstimator
    losses: Floats
    out_of_fold: Floats
    background: Floats

    @property
    def temperature(self) -> float:
        """The temperature of the chosen setting."""
        return self.temperatures[self.chosen]

    def predict_proba(self, values: pd.DataFrame) -> Floats:
        """Give every household a calibrated probability for each segment.

        Args:
            values: One row per household, one float64 column per field.

        Returns:
            One row per household, one column per segment; rows sum to 1.
        """
        raw = self.estimator.predict_proba(self.encoder.transform(values))
        return apply_temperature(raw, self.shares, self.temperature)

    def tabulate(self, values: pd.DataFrame) -> pd.DataFrame:
        """Name the likeliest segment of each household, and its probabilities.

        Args:
            values: One row per household, one float64 column per field.

        Returns:
            As `estimators.tabulate_probabilities`, under the index of `values`.
        """
        return tabulate_probabilities(self.predict_proba(values), self.segments, values.index)


def tune_classifier(
    model: str,
    values: pd.DataFrame,
    labels: Sequence[str] | pd.Series,
    grid: Sequence[Configured],
    inner_folds: int,
    codebook: Codebook,
    seed: int,
) -> TunedClassifier:
    """Choose a setting, calibrate it and fit it, all on the same training households.

    Every setting gives probabilities for households that it has not seen: by stratified inner
    folds, or, for the forest, from the trees that were grown without the household (Breiman 2001),
    which costs one forest instead of many. Each is calibrated; the simplest whose log loss is
    within one standard error of the lowest is chosen and fitted on all.

    Args:
        model: One of `estimators.CLASSIFIERS`.
        values: One row per training household, one float64 column per field.
        labels: The segment of each.
        grid: The settings, the simplest first.
        inner_folds: Number of inner folds; every segment has at least as many households.
        codebook: The scale of each field.
        seed: Seed of inner folds and model.

    References:
        Hastie, Tibshirani & Friedman (2009), The elements of statistical learning, 7.10 and 15.3.
    """
    segments, numbers = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
    shares = np.bincount(numbers) / len(numbers)
    encoder = FieldEncoder(codebook, list(values.columns), linear=model in LINEAR).fit(values)
    encoded = encoder.transform(values)
    builders = [partial(build_estimator, model, setting, seed) for setting in grid]
    if model == FOREST:
        forests = [_grow(build, encoded, numbers) for build in builders]
        raw = np.stack([_see_unseen(forest, shares) for forest in forests])
    else:
        folds = StratifiedKFold(inner_folds, shuffle=True, random_state=seed)
        parts = [part for _, part in folds.split(numbers, numbers)]
        raw = _cross_fit(builders, values, numbers, parts, encoder)
    temperatures = [find_temperature(each, numbers, shares) for each in raw]
    calibrated = [
        apply_temperature(each, shares, temperature)
        for each, temperature in zip(raw, temperatures, strict=True)
    ]
    losses = np.stack([log_losses(each, numbers) for each in calibrated])
    chosen = choose_simplest(losses)
    return TunedClassifier(
        model=model,
        chosen=chosen,
        segments=segments.tolist(),
        numbers=numbers,
        shares=shares,
        temperatures=temperatures,
        encoder=encoder,
        estimator=forests[chosen] if model == FOREST else builders[chosen]().fit(encoded, numbers),
        losses=losses,
        out_of_fold=calibrated[chosen],
        background=encoded.mean(axis=0),
    )


def choose_simplest(losses: Floats) -> int:
    """Choose the simplest candidate that cannot be told from the best.

    Args:
        losses: One row per candidate, the simplest first; one column per household, the same
            households for all.

    Returns:
        The number of the first candidate whose mean loss exceeds the lowest by at most one standard
        error of that difference, paired by household.

    References:
        Breiman et al. (1984), Classification and regression trees, 3.4.3, with paired errors.
    """
    best = losses[losses.mean(axis=1).argmin()]
    excess = losses - best
    errors = excess.std(axis=1, ddof=1) / np.sqrt(losses.shape[1])
    return int((excess.mean(axis=1) <= errors).argmax())


def _cross_fit(
    builders: Sequence[Callable[[], Any]],
    values: pd.DataFrame,
    numbers: Labels,
    parts: Sequence[Labels],
    encoder: FieldEncoder,
) -> Floats:
    guesses = np.empty((len(builders), len(numbers), numbers.max() + 1))
    for training, tested, part in _encode_parts(values, parts, encoder):
        others = np.delete(numbers, part)
        for each, build in enumerate(builders):
            guesses[each, part] = build().fit(training, others).predict_proba(tested)
    return guesses


def _encode_parts(
    values: pd.DataFrame, parts: Sequence[Labels], encoder: FieldEncoder
) -> Iterator[tuple[Floats, Floats, Labels]]:
    for part in parts:
        others = values.drop(index=values.index[part])
        fitted = FieldEncoder(encoder.codebook, encoder.fields, linear=encoder.linear).fit(others)
        yield fitted.transform(others), fitted.transform(values.iloc[part]), part


def _see_unseen(forest: BaseEstimator, shares: Floats) -> Floats:
    guesses = np.asarray(forest.oob_decision_function_, dtype=float)
    # A household that every tree has seen has no vote: only the shares are known.
    return np.where(guesses.sum(axis=1, keepdims=True) == 0, shares, guesses)


def _grow(build: Callable[[], Any], encoded: Floats, numbers: Labels) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Some inputs do not have OOB scores")
        return build().fit(encoded, numbers)
