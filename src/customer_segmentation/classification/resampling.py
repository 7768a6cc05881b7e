"""Intervals by resampling households: a household is drawn with all its repeats."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Weights = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float64]


def draw_weights(households: int, resamples: int, seed: np.random.SeedSequence) -> Weights:
    """Draw bootstrap samples of the households.

    Args:
        households: Their number, at least 1.
        resamples: Number of samples.
        seed: Seed of the draws.

    Returns:
        One row per sample, one column per household: how often it was drawn; rows sum to the number
        of households.

    References:
        Efron & Tibshirani (1993), An introduction to the bootstrap.
    """
    even = np.full(households, 1 / households)
    return np.random.default_rng(seed).multinomial(households, even, resamples).astype(float)


def find_interval(draws: Floats, level: float) -> tuple[Floats, Floats]:
    """Find the percentile interval of each figure.

    Args:
        draws: One row per resample, one column per figure; missing where a resample has none.
        level: Share of the resamples inside, in (0, 1).

    Returns:
        The lower and the upper ends, one per figure; missing where all draws are.
    """
    tail = (1 - level) / 2
    missing = np.isnan(draws).all(axis=0)
    low, high = np.nanquantile(np.where(missing, 0.0, draws), [tail, 1 - tail], axis=0)
    return np.where(missing, np.nan, low), np.where(missing, np.nan, high)
