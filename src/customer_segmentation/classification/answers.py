"""What a model answered about households it had not seen, and how good each answer is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from customer_segmentation.classification.estimators import probability_column

Floats = npt.NDArray[np.float64]

SMALLEST = 1e-15  # a probability of 0 costs as much as this one, and not an infinite log loss


def keep_eligible(predictions: pd.DataFrame) -> pd.DataFrame:
    """Leave out the households whose purchase history is too short.

    Args:
        predictions: One row per answer; thin_record where some households do not count.

    Returns:
        The other rows, or all if the table does not tell thin records.
    """
    if "thin_record" not in predictions:
        return predictions
    return predictions[~predictions["thin_record"]]


def list_segments(predictions: pd.DataFrame) -> list[Any]:
    """List every segment that a household has, or that is named as its own, sorted.

    Args:
        predictions: One row per answer: segment, predicted and, if there is one, reference.
    """
    labels = predictions.columns.intersection(["segment", "reference", "predicted"])
    return sorted({label for name in labels for label in predictions[name].unique()})


def take_probabilities(predictions: pd.DataFrame, segments: Sequence[Any]) -> Floats:
    """The probabilities as numbers.

    Args:
        predictions: One row per answer with a probability column per segment.
        segments: As `list_segments`.

    Returns:
        One row per answer, one column per segment, not below `SMALLEST`.
    """
    columns = [probability_column(segment) for segment in segments]
    probabilities: Floats = predictions[columns].to_numpy(dtype=np.float64)
    return probabilities.clip(SMALLEST, 1.0)


def indicate(labels: pd.Series, segments: Sequence[Any]) -> Floats:
    """Write labels as indicators.

    Args:
        labels: One segment per answer.
        segments: As `list_segments`; each label is one of them.

    Returns:
        One row per answer, one column per segment: 1 for the label, else 0.
    """
    indicators: Floats = np.eye(len(segments))[pd.Index(segments).get_indexer(labels)]
    return indicators


def score_answers(
    predictions: pd.DataFrame, segments: Sequence[Any], truth: str = "segment"
) -> pd.DataFrame:
    """Score every answer against a truth.

    Args:
        predictions: One row per answer: predicted, the column `truth`, a probability column per
            segment.
        segments: As `list_segments`.
        truth: Name of the column with the true segments.

    Returns:
        Same rows and index, float64: hit (1 or 0), log_loss (natural logarithm, probabilities
        clipped to [`SMALLEST`, 1]), brier (squared errors summed over the segments, in [0, 2]).

    References:
        Brier (1950), Verification of forecasts expressed in terms of probability.
    """
    true = indicate(predictions[truth], segments)
    probabilities = take_probabilities(predictions, segments)
    return pd.DataFrame(
        {
            "hit": (predictions["predicted"] == predictions[truth]).astype(np.float64),
            "log_loss": -np.log((true * probabilities).sum(axis=1)),
            "brier": ((true - probabilities) ** 2).sum(axis=1),
        },
        index=predictions.index,
    )


def empty_table(types: Mapping[str, str]) -> pd.DataFrame:
    """Make a table without rows, for what there is nothing of.

    Args:
        types: The type of each column, in order.
    """
    return pd.DataFrame(columns=list(types)).astype(types)
