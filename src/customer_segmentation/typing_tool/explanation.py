"""Why a classifier says what it says: SHAP values of the boosted trees, field by field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from customer_segmentation.typing_tool.estimators import CLASSIFIER, ENCODER, FEATURES, field_of


@dataclass(frozen=True)
class Explanation:
    """How the fields of each household add up to its margin for each segment.

    A margin is a score before softmax, which turns a household's margins into probabilities: only
    the difference of two margins is a log-odds, of one segment against another. Between just two
    segments there is no softmax, and a margin is the log-odds of its segment.

    Attributes:
        segments: Segments, the last axis of `values`.
        fields: Fields, the second axis of `values`.
        values: Contributions in units of the margin: households x fields x segments.
        base: The mean margin of the model, before any field is known, one per segment. Base plus
            the contributions of a household is its margin.
    """

    segments: list[str]
    fields: list[str]
    values: NDArray[np.float64]
    base: NDArray[np.float64]


def explain_margins(classifier: Pipeline, households: pd.DataFrame) -> Explanation:
    """Attribute the margins of boosted trees to the fields (Tree SHAP; Lundberg et al. 2020).

    The columns of a one-hot encoded field are summed, so that a field has one value however it is
    encoded.

    Args:
        classifier: A fitted Pipeline of the model `xgboost`.
        households: One row per household with the classifier's columns.

    Returns:
        The contributions, households in the order given.
    """
    from shap import TreeExplainer

    explainer = TreeExplainer(classifier[CLASSIFIER].classifier_)
    values = np.asarray(explainer.shap_values(classifier[:-1].transform(households)), dtype=float)
    base = np.atleast_1d(np.asarray(explainer.expected_value, dtype=float))
    if values.ndim == 2:  # noqa: PLR2004 - of two segments XGBoost models only the second
        values, base = np.stack([-values, values], axis=-1), np.array([-base[-1], base[-1]])
    fields = list(classifier[FEATURES].variables)
    encoded = [field_of(name) for name in classifier[ENCODER].get_feature_names_out()]
    belongs = np.array([[column == field for field in fields] for column in encoded], dtype=float)
    by_field = np.einsum("hcs,cf->hfs", values, belongs)
    return Explanation(list(classifier.classes_), fields, by_field, base)


def list_contributions(classifier: Pipeline, households: pd.DataFrame) -> pd.DataFrame:
    """List what every field says for and against every segment.

    Args:
        classifier: A fitted Pipeline of the model `xgboost`.
        households: One row per household with household_id and the classifier's columns.

    Returns:
        One row per segment x household x field: segment, household_id, field, shap_value
        (score before softmax), field_value (number or code, missing if not stated).
    """
    explanation = explain_margins(classifier, households)
    field_values = classifier[FEATURES].transform(households).to_numpy().ravel()
    rows = pd.MultiIndex.from_product(
        [explanation.segments, households["household_id"], explanation.fields],
        names=["segment", "household_id", "field"],
    )
    return rows.to_frame(index=False).assign(
        shap_value=explanation.values.transpose(2, 0, 1).ravel(),
        field_value=np.tile(field_values, len(explanation.segments)),
    )


def rank_fields(shap_values: pd.DataFrame) -> pd.DataFrame:
    """Rank the fields by how far they move the margin of each segment, either way.

    Args:
        shap_values: One row per information set x model x segment x household x field, with
            shap_value.

    Returns:
        One row per information_set x model x segment x field, in the order of `shap_values`:
        mean_abs_shap (score before softmax, mean over the households), rank (1 moves most; of
        equals the first).
    """
    table = shap_values.assign(mean_abs_shap=shap_values["shap_value"].abs())
    keys = ["information_set", "model", "segment"]
    means = table.groupby([*keys, "field"], sort=False)["mean_abs_shap"].mean().reset_index()
    ranks = means.groupby(keys)["mean_abs_shap"].rank(method="first", ascending=False)
    return means.assign(rank=ranks.astype("int64"))
