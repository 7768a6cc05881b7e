"""Conformal sets: for each household the segments that cannot be ruled out.

A segment is ruled out when hardly any training household of that segment was given so small a
probability of it (class-conditional, so that a small segment errs no more than a large one). The
scores of the training households are inner out-of-fold probabilities, the tested household's comes
from the one model refitted on all of them: this is cross-conformal prediction in its quick form.
The guarantee for finite samples, an error of at most twice the error rate, belongs to the form
that keeps the models of the inner folds; the error rate itself is a target that no theorem promises
here. That is why the observed coverage is reported (`coverage`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.integer[Any]]


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
    """Find the smallest probability with which each segment enters a set.

    Args:
        of_training: As in `measure_conformity`.
        labels: As in `measure_conformity`.
        segments: Number of segments.
        error_rate: Share of the households of a segment whose set may miss it, in (0, 1).

    Returns:
        One probability per segment: a household reaches it exactly if its conformity exceeds the
        error rate. 0 for a segment with too few training households to rule anything out.
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

    Args:
        included: Whether a segment cannot be ruled out: households x segments.
        probabilities: The probabilities, households x segments.

    Returns:
        Whether a segment is in the set; every row has at least one.
    """
    sets = included.copy()
    sets[np.arange(len(sets)), probabilities.argmax(axis=1)] = True
    return sets
