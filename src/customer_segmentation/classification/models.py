"""The classifiers: built, tuned, calibrated, and what their probabilities rule out.

A model's evidence for a segment is how far its log-probability lies above the log of the segment's
share in training. One number per model, the temperature, divides all its evidence: at 1 the
probabilities stay as they are, far above 1 they become the shares themselves. So a model that knows
next to nothing ends at the shares, not at equal probabilities, which would know less still.

A conformal set holds the segments that cannot be ruled out. A segment is ruled out when hardly any
training household of that segment was given so small a probability of it (class-conditional, so
that a small segment errs no more than a large one). The scores of the training households are inner
out-of-fold probabilities, the tested household's comes from the one model refitted on all of them:
this is cross-conformal prediction in its quick form. The guarantee for finite samples, an error of
at most twice the error rate, belongs to the form that keeps the models of the inner folds; the
error rate itself is a target that no theorem promises here. That is why the observed coverage is
reported (`slices.summarise_coverage`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize_scalar
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from customer_segmentation.classification.encoding import FieldEncoder
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.values import Configured

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.intp]

LR, XGBOOST, FOREST = "lr", "xgboost", "rf"
CLASSIFIERS = (LR, XGBOOST, FOREST)  # from the simplest to the hardest to explain
PROCEDURE = "procedure"
MAJORITY, PRIOR, NEAREST_CENTROID = "majority", "prior", "nearest_centroid"
BASELINES = (MAJORITY, PRIOR, NEAREST_CENTROID)
LINEAR = frozenset({LR})

SMALLEST = 1e-6  # a forest's 0 means fewer households than it has trees, not never
HOTTEST, COLDEST = 100.0, 0.2


class LabelledClassifier(ClassifierMixin, BaseEstimator):
    """Let a classifier that needs the labels 0, 1, 2, ... take any labels.

    Attributes:
        classes_: The labels, sorted; the order of the probability columns.
        classifier_: The fitted classifier.
    """

    def __init__(self, classifier: BaseEstimator) -> None:
        self.classifier = classifier

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Self:
        """Number the labels and fit."""
        self.classes_, numbers = np.unique(np.asarray(y), return_inverse=True)
        self.classifier_ = clone(self.classifier).fit(X, numbers)
        return self

    def predict_proba(self, X: npt.ArrayLike) -> Floats:
        """One row per household, one probability per label in the order of `classes_`."""
        probabilities = np.asarray(self.classifier_.predict_proba(X), dtype=float)
        # XGBoost answers in float32, whose rows sum to 1 only roughly.
        sums: Floats = probabilities.sum(axis=1, keepdims=True)
        return probabilities / sums

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[np.generic]:
        """The likeliest label of each household."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])


def build_estimator(model: str, setting: Configured, seed: int) -> BaseEstimator:
    """Build a classifier, unfitted; it takes encoded columns and labels of any kind."""
    return MODELS[model](seed, **setting.model_dump())


def _logistic_regression(seed: int, **setting: Any) -> BaseEstimator:
    return LogisticRegression(**setting, random_state=seed)


def _random_forest(seed: int, **setting: Any) -> BaseEstimator:
    # The households a tree has not seen give out-of-fold probabilities at no further cost.
    return RandomForestClassifier(**setting, oob_score=True, n_jobs=1, random_state=seed)


def _xgboost(seed: int, **setting: Any) -> BaseEstimator:
    from xgboost import XGBClassifier

    # One thread: with two, other trees grow.
    model = XGBClassifier(**setting, tree_method="hist", n_jobs=1, random_state=seed)
    return LabelledClassifier(model)


MODELS: Mapping[str, Callable[..., BaseEstimator]] = {
    LR: _logistic_regression,
    XGBOOST: _xgboost,
    FOREST: _random_forest,
}


@dataclass(frozen=True)
class TunedClassifier:
    """A classifier with its setting chosen and its temperature found, fitted on all it was given.

    Attributes:
        model: One of `CLASSIFIERS`.
        chosen: Number of the chosen setting in its grid.
        segments: The segments, sorted; the order of all columns of probabilities.
        numbers: The segment number of each training household.
        shares: Share of each segment in training.
        temperatures: Of each setting.
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

    @property
    def own(self) -> Floats:
        """The out-of-fold probability that each training household belongs where it does."""
        return self.out_of_fold[np.arange(len(self.numbers)), self.numbers]

    def predict_proba(self, values: pd.DataFrame) -> Floats:
        """Calibrated probabilities: one row per household, one column per segment."""
        raw = self.estimator.predict_proba(self.encoder.transform(values))
        return apply_temperature(raw, self.shares, self.temperature)

    def tabulate(self, values: pd.DataFrame) -> pd.DataFrame:
        """The likeliest segment of each household, and its probabilities."""
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
        model: One of `CLASSIFIERS`.
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
        forests = [_grow(build(), encoded, numbers) for build in builders]
        raw = np.stack([_vote_unseen(forest, shares) for forest in forests])
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
    """The first candidate (row) within one standard error of the lowest mean loss.

    The error is that of the difference to the best, paired by household (column): Breiman et al.
    (1984), Classification and regression trees, 3.4.3.
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
    predicted = np.empty((len(builders), len(numbers), numbers.max() + 1))
    for part in parts:
        training = np.delete(np.arange(len(numbers)), part)
        fitted = FieldEncoder(encoder.codebook, encoder.fields, linear=encoder.linear)
        fitted.fit(values.iloc[training])
        encoded, unseen = (fitted.transform(values.iloc[rows]) for rows in (training, part))
        for each, build in enumerate(builders):
            model = build().fit(encoded, numbers[training])
            predicted[each, part] = model.predict_proba(unseen)
    return predicted


def _vote_unseen(forest: BaseEstimator, shares: Floats) -> Floats:
    votes = np.asarray(forest.oob_decision_function_, dtype=float)
    # A household that every tree has seen has no vote: only the shares are known.
    return np.where(votes.sum(axis=1, keepdims=True) == 0, shares, votes)


def _grow(forest: Any, encoded: Floats, numbers: Labels) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Some inputs do not have OOB scores")
        return forest.fit(encoded, numbers)


def apply_temperature(probabilities: Floats, shares: Floats, temperature: float) -> Floats:
    """Divide a model's evidence by a temperature; probabilities come out above 0."""
    prior = np.log(shares)
    return softmax(prior + (np.log(np.maximum(probabilities, SMALLEST)) - prior) / temperature)


def softmax(margins: Floats) -> Floats:
    """Turn margins into probabilities, row by row."""
    odds = np.exp(margins - margins.max(axis=1, keepdims=True))
    probabilities: Floats = odds / odds.sum(axis=1, keepdims=True)
    return probabilities


def find_temperature(probabilities: Floats, labels: Labels, shares: Floats) -> float:
    """The temperature between `COLDEST` and `HOTTEST` with the smallest log loss.

    Guo et al. (2017), On calibration of modern neural networks; the segments' shares in place of
    equal ones. The probabilities are of households that the model has not seen.
    """
    prior = np.log(shares)
    evidence = np.log(probabilities.clip(SMALLEST)) - prior
    of_truth = (np.arange(len(labels)), labels)

    def log_loss(weight: float) -> float:  # convex in the weight, which is 1 / temperature
        scores = prior + weight * evidence
        highest = scores.max(axis=1)
        sums = np.exp(scores - highest[:, None]).sum(axis=1)
        return float((highest + np.log(sums) - scores[of_truth]).mean())

    bounds = (1 / HOTTEST, 1 / COLDEST)
    return float(1 / minimize_scalar(log_loss, bounds=bounds, method="bounded").x)


def log_losses(probabilities: Floats, labels: Labels) -> Floats:
    """The log loss of each household: minus the log of the probability of its own segment."""
    losses: Floats = -np.log(probabilities[np.arange(len(labels)), labels])
    return losses


def measure_conformity(of_training: Floats, labels: Labels, of_tested: Floats) -> Floats:
    """Measure how well each segment fits each tested household: the conformal p-value.

    Args:
        of_training: Out-of-fold probability of its own segment, one per training household.
        labels: Segment of each training household, numbered from 0.
        of_tested: Probabilities of the tested households: one row per household, one column per
            segment.

    Returns:
        As `of_tested`: of the training households of that segment, and the tested one counted
        among them, the share whose probability of it is at most the tested household's; in (0, 1],
        1 where a segment has no training household.

    References:
        Vovk, Gammerman & Shafer (2005), Algorithmic learning in a random world. Vovk (2015),
        Cross-conformal predictors. Romano, Sesia & Candès (2020), Classification with valid and
        adaptive coverage.
    """
    conformity = np.empty_like(of_tested, dtype=float)
    for segment, tested in enumerate(of_tested.T):
        own = np.sort(of_training[labels == segment])
        at_most = np.searchsorted(own, tested, side="right")
        conformity[:, segment] = (1 + at_most) / (len(own) + 1)
    return conformity


def find_thresholds(
    of_training: Floats, labels: Labels, segments: int, error_rate: float
) -> Floats:
    """The smallest probability of each segment whose conformity exceeds the error rate.

    0 for a segment with too few training households to rule anything out.
    """
    thresholds = np.zeros(segments)
    for segment in range(segments):
        own = np.sort(of_training[labels == segment])
        conformity = (1 + np.arange(len(own) + 1)) / (len(own) + 1)
        needed = int(np.argmax(conformity > error_rate))  # training households to be passed
        if needed:
            thresholds[segment] = own[needed - 1]
    return thresholds


def form_sets(included: Flags, probabilities: Floats) -> Flags:
    """Let the likeliest segment join its household's set, which only raises coverage.

    Thresholds belong to the segments, so the likeliest may fall short of its own while another
    passes. A set without the segment that is named would help nobody.
    """
    sets = included.copy()
    sets[np.arange(len(sets)), probabilities.argmax(axis=1)] = True
    return sets


def tabulate_probabilities(
    probabilities: Floats, segments: Sequence[str], index: pd.Index
) -> pd.DataFrame:
    """One row per household: predicted, then one column per segment (`probability_column`)."""
    table = pd.DataFrame(
        probabilities, columns=list(map(probability_column, segments)), index=index
    )
    table.insert(0, "predicted", np.array(segments)[probabilities.argmax(axis=1)])
    return table


def probability_column(segment: object) -> str:
    """Name of the column with the probability of a segment: p_ and the segment in snake case."""
    return "_".join(["p", *str(segment).lower().split()])


def conformity_column(segment: object) -> str:
    """Name of the column with a segment's conformal p-value: c_ and the segment in snake case."""
    return "_".join(["c", *str(segment).lower().split()])
