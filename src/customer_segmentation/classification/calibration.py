"""Probabilities that mean what they say: how far a model's evidence is to be believed.

A model's evidence for a segment is how far its log-probability lies above the log of the segment's
share in training. One number per model, the temperature, divides all its evidence: at 1 the
probabilities stay as they are, far above 1 they become the shares themselves. So a model that knows
next to nothing ends at the shares, not at equal probabilities, which would know less still.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]

SMALLEST = 1e-6  # a forest's 0 means fewer households than it has trees, not never
HOTTEST, COLDEST = 100.0, 0.2


def apply_temperature(probabilities: Floats, shares: Floats, temperature: float) -> Floats:
    """Divide a model's evidence by a temperature.

    Args:
        probabilities: One row per household, one column per segment; rows sum to 1.
        shares: Share of each segment in training.
        temperature: Above 0.

    Returns:
        Probabilities of the same shape, above 0, rows summing to 1.
    """
    prior = np.log(shares)
    return softmax(prior + (np.log(np.maximum(probabilities, SMALLEST)) - prior) / temperature)


def softmax(margins: Floats) -> Floats:
    """Turn margins into probabilities, row by row."""
    odds = np.exp(margins - margins.max(axis=1, keepdims=True))
    probabilities: Floats = odds / odds.sum(axis=1, keepdims=True)
    return probabilities


def find_temperature(probabilities: Floats, labels: Labels, shares: Floats) -> float:
    """Find the temperature with the smallest log loss.

    Args:
        probabilities: Of households that the model has not seen; one row per household, one column
            per segment.
        labels: The segment number of each household.
        shares: Share of each segment in training.

    Returns:
        A temperature between `COLDEST` and `HOTTEST`.

    References:
        Guo et al. (2017), On calibration of modern neural networks; the segments' shares in place
        of equal ones.
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
    """The log loss of each household: minus the log of the probability of its own segment.

    Args:
        probabilities: One row per household, one column per segment, above 0.
        labels: The segment number of each household.
    """
    losses: Floats = -np.log(probabilities[np.arange(len(labels)), labels])
    return losses
