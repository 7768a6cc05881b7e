"""Why a classifier says what it says, field by field, and the segmenter, score by score.

Every classifier is explained in one unit, the *centred log-odds* of a segment: the log of its
probability less the mean of these logs over the segments. The difference of two of them is the log
of the odds of one segment against the other, whatever the model, and what the fields contribute
adds up. It is the calibrated probabilities that are explained.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

from customer_segmentation.classification.encoding import (
    Attribution,
    Explanation,
    attribute_linear,
    calibrate_attribution,
    encoded_fields,
    mirror,
)
from customer_segmentation.classification.models import LR, XGBOOST, TunedClassifier
from customer_segmentation.classification.trees import rescale_to_logs
from customer_segmentation.segments.partition import Partition
from customer_segmentation.segments.segmenter import Segmenter

Floats = npt.NDArray[np.float64]


def explain(tuned: TunedClassifier, values: pd.DataFrame) -> Explanation:
    """Attribute the calibrated probabilities of households to the fields (SHAP values).

    Where a probability before calibration lies below `models.SMALLEST`, they explain the model
    without that floor; except the forest, whose floor is explained too. Lundberg & Lee (2017), A
    unified approach to interpreting model predictions.
    """
    attribution = _attribute(tuned, tuned.encoder.transform(values))
    columns = encoded_fields(tuned.encoder.entries_)
    return calibrate_attribution(
        attribution, columns, tuned.segments, tuned.shares, tuned.temperature
    )


def attribute_boosting(encoded: Floats, booster: Any) -> Attribution:
    """Attribute the margins of boosted trees (an `xgboost.Booster`) to their columns, in float32.

    Lundberg et al. (2020), From local explanations to global understanding with explainable AI for
    trees; XGBoost's own implementation, whose background is the training households that pass each
    node.
    """
    from xgboost import DMatrix

    parts = booster.predict(DMatrix(encoded, nthread=1), pred_contribs=True).astype(np.float64)
    by_margin = parts.reshape(len(encoded), -1, parts.shape[-1])  # of two segments there is but one
    margins = mirror(by_margin.transpose(0, 2, 1))
    return Attribution(margins[:, :-1], margins[0, -1])


def attribute_forest(encoded: Floats, forest: RandomForestClassifier) -> Attribution:
    """Attribute the log-probabilities of a random forest to its columns.

    A forest averages probabilities, so its SHAP values (Lundberg et al. 2020, as for boosted trees)
    add up to probabilities; see `rescale_to_logs`.
    """
    from shap import TreeExplainer

    explainer = TreeExplainer(forest)
    base = np.asarray(explainer.expected_value)
    contributions = np.asarray(explainer.shap_values(encoded))
    return rescale_to_logs(contributions, base, forest.predict_proba(encoded))


def explain_distances(segmenter: Segmenter, segment_scores: pd.DataFrame) -> pd.DataFrame:
    """Tell how much each score adds to a household's being nearer to its own segment.

    Args:
        segmenter: A fitted segmenter.
        segment_scores: One row per household: household_id, and one column per score.

    Returns:
        One row per household x score: household_id, segment (that it belongs to most),
        second_segment (that it belongs to most after its own), score, contribution: by how much it
        is nearer on this score to the own centre than to the second, in squared units of the
        weighted score. For k-means and Ward that is (score - second centre)^2 - (score - own
        centre)^2, and the scores sum to the difference of the squared distances, never negative. In
        a mixture each square is divided by the segment's variance and the log of the variance is
        added to it: twice a log-likelihood ratio, to which only the segments' shares are missing.
    """
    scores = segment_scores[list(segmenter.standards)]
    names, count = np.array(segmenter.names), scores.shape[1]
    compared = compare_distances(segmenter.partition, scores.to_numpy())
    return pd.DataFrame(
        {
            "household_id": np.repeat(segment_scores["household_id"].to_numpy(), count),
            "segment": np.repeat(names[compared.own], count),
            "second_segment": np.repeat(names[compared.second], count),
            "score": np.tile(scores.columns.to_numpy(), len(scores)),
            "contribution": compared.contributions.ravel(),
        }
    )


class Compared(NamedTuple):
    """Households between their own segment and the second.

    Attributes:
        own, second: Number of the segment that each household belongs to most, and after it.
        contributions: Households x scores, as the column of `explain_distances`.
    """

    own: npt.NDArray[np.intp]
    second: npt.NDArray[np.intp]
    contributions: Floats


def compare_distances(partition: Partition, scores: Floats) -> Compared:
    """Compare how far households are from the two segments they belong to most."""
    order = np.argsort(-partition.affinities(scores), axis=1, kind="stable")
    own, second = order[:, 0], order[:, 1]
    squares = (scores[:, np.newaxis] - partition.centres) ** 2
    distances = squares / partition.variances + np.log(partition.variances)
    row = np.arange(len(scores))
    return Compared(own, second, distances[row, second] - distances[row, own])


def _attribute(tuned: TunedClassifier, encoded: Floats) -> Attribution:
    estimator: Any = tuned.estimator
    if tuned.model == LR:
        return attribute_linear(encoded, estimator.coef_, estimator.intercept_, tuned.background)
    if tuned.model == XGBOOST:
        return attribute_boosting(encoded, estimator.classifier_.get_booster())
    return attribute_forest(encoded, estimator)
