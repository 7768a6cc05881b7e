"""How far figures and probabilities may be believed: intervals, order, calibration.

Functions on probabilities take the answers of one model as two tables of numbers, one row per
answer and one column per segment: `probabilities`, and `truth`, 1 for the household's own segment
and else 0.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtri, softmax
from scipy.stats import rankdata

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer]

BINS = 10
SIMULATIONS = 200
STEPS, STEP_SIZE = 50, 1e-8  # Newton's method takes about ten steps, or never stops
FARTHEST = 100.0  # in log-odds; probabilities from 1e-15 on lie within 35


def draw_weights(households: int, resamples: int, seed: np.random.SeedSequence) -> Floats:
    """Draw bootstrap samples: one row each, with how often every household was drawn."""
    even = np.full(households, 1 / households)
    return np.random.default_rng(seed).multinomial(households, even, resamples).astype(float)


def find_interval(draws: Floats, level: float) -> tuple[Floats, Floats]:
    """The percentile interval of each column of the draws; missing where all of them are."""
    tail = (1 - level) / 2
    missing = np.isnan(draws).all(axis=0)
    low, high = np.nanquantile(np.where(missing, 0.0, draws), [tail, 1 - tail], axis=0)
    return np.where(missing, np.nan, low), np.where(missing, np.nan, high)


def bound_shares(
    shares: npt.ArrayLike, households: npt.ArrayLike, level: float
) -> tuple[Floats, Floats]:
    """Wilson's interval of shares of households that were each looked at once.

    Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    share, n = np.asarray(shares, dtype=np.float64), np.asarray(households, dtype=np.float64)
    spread = ndtri((1 + level) / 2) ** 2 / n
    centre = share + spread / 2
    reach = np.sqrt(spread * (share * (1 - share) + spread / 4))
    low, high = (centre - reach) / (1 + spread), (centre + reach) / (1 + spread)
    return low.clip(0, 1), high.clip(0, 1)  # rounding may lead a hair outside


def find_aucs(probabilities: Floats, truth: Floats) -> Floats:
    """How well the probability of each segment puts its households first: one AUC each.

    Ties count half; missing where no or every household is of the segment. Hanley & McNeil (1982).
    """
    inside = truth.sum(axis=0)
    pairs = inside * (len(truth) - inside)
    ranks = (rankdata(probabilities, axis=0) * truth).sum(axis=0)
    won = ranks - inside * (inside + 1) / 2
    aucs: Floats = np.divide(won, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
    return aucs


def estimate_slope(probabilities: Floats, truth: Floats, folds: Labels) -> float:
    """Estimate how far the differences between probabilities may be believed.

    It is the b of the recalibration logit_k = a_k + b log p_k, with a free intercept per segment:
    1 for calibrated probabilities, below 1 for those that are too sure. Missing where there is none
    to estimate: the probabilities are certain, or the same for all households of a fold, or
    separate the segments without error, or no household is of a segment.

    Cox (1958), Two further applications of a model for binary regression. Van Hoorde et al. (2014),
    Assessing calibration of multinomial risk prediction models.
    """
    if _are_certain(probabilities) or not _differ_within(probabilities, folds):
        return np.nan
    logs = np.log(probabilities)
    intercepts = np.broadcast_to(np.eye(logs.shape[1])[:, 1:], (*logs.shape, logs.shape[1] - 1))
    return _maximise_likelihood(np.dstack([intercepts, logs]), truth)


def estimate_intercepts(probabilities: Floats, truth: Floats) -> Floats:
    """Estimate how far the probability of each segment is too low over all households.

    It is what must be added to the log-odds of all households (the segment against the others) for
    their mean probability to be the observed share. Missing where the probabilities are certain, or
    no or every household is of the segment. Steyerberg (2019), Clinical prediction models, 15.3.
    """
    shares = truth.mean(axis=0)
    if _are_certain(probabilities):
        return np.full(len(shares), np.nan)
    odds = logit(probabilities.clip(max=1 - np.finfo(float).eps))
    return np.array([_find_shift(own, share) for own, share in zip(odds.T, shares, strict=True)])


def find_calibration_error(probabilities: Floats, truth: Floats) -> float:
    """Find how far probabilities lie from observed shares, averaged over the segments.

    For each segment the households are put into `BINS` bins of equal size by its probability,
    equal ones into the same bin; the error is the mean distance between mean probability and
    observed share of a household's bin. Kull et al. (2019), Beyond temperature scaling.
    """
    return float(_find_errors(probabilities, truth.T[:, None, :])[0])


def expect_calibration_error(probabilities: Floats, seed: np.random.SeedSequence) -> float:
    """The calibration error that chance alone gives to perfectly calibrated probabilities.

    It is the mean of `find_calibration_error` over `SIMULATIONS` simulations, in each of which the
    segment of every household is drawn by its probabilities. Bröcker & Smith (2007).
    """
    chances = np.random.default_rng(seed).random((SIMULATIONS, len(probabilities), 1))
    drawn = (chances >= probabilities.cumsum(axis=1)[:, :-1]).sum(axis=2)
    numbers = np.arange(probabilities.shape[1])
    truths = (drawn == numbers[:, None, None]).astype(np.float64)
    return float(_find_errors(probabilities, truths).mean())


def _find_errors(probabilities: Floats, truths: Floats) -> Floats:
    # truths: segments x simulations x households; one error per simulation
    ranks = rankdata(probabilities.T, axis=1)
    bins = np.floor((ranks - 0.5) / len(probabilities) * BINS)
    members = (bins[:, :, None] == np.arange(BINS)).astype(np.float64)
    gaps = (truths - probabilities.T[:, None, :]) @ members
    errors: Floats = np.abs(gaps).sum(axis=2).mean(axis=0) / len(probabilities)
    return errors


def _find_shift(odds: Floats, share: float) -> float:
    def exceed(added: float) -> float:
        return float(expit(odds + added).mean() - share)

    return float(brentq(exceed, -FARTHEST, FARTHEST)) if 0 < share < 1 else np.nan


def _are_certain(probabilities: Floats) -> bool:
    return bool(np.isclose(probabilities.max(axis=1), 1, rtol=0, atol=1e-12).all())


def _differ_within(probabilities: Floats, folds: Labels) -> bool:
    _, first, number = np.unique(folds, return_index=True, return_inverse=True)
    return bool((probabilities != probabilities[first[number]]).any())


def _maximise_likelihood(predictors: Floats, truth: Floats) -> float:
    # predictors: answers x segments x coefficients; the last coefficient, if they are finite
    coefficients = np.zeros(predictors.shape[2])
    for _ in range(STEPS):
        expected = softmax(predictors @ coefficients, axis=1)
        weighted = predictors * expected[:, :, None]
        means = weighted.sum(axis=1)
        score = np.einsum("nk,nkc->c", truth - expected, predictors)
        information = np.einsum("nkc,nkd->cd", weighted, predictors) - means.T @ means
        try:
            step = np.linalg.solve(information, score)
        except np.linalg.LinAlgError:
            return np.nan
        coefficients += step
        if np.abs(step).max() < STEP_SIZE:
            return float(coefficients[-1])
    return np.nan
