"""The procedure: what a user gets who follows the declared rule in choosing among the models.

Its figures are the headline of every information set, because a model that is picked after its
figures are seen looks better than it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from customer_segmentation.classification.estimators import CLASSIFIERS
from customer_segmentation.classification.folds import FINAL
from customer_segmentation.classification.parameters import ModellingParameters
from customer_segmentation.classification.tuning import TunedClassifier, choose_simplest
from customer_segmentation.classification.validation import CASE, take_values, tune_fold
from customer_segmentation.panel.codebook import Codebook


def choose_models(inner_losses: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Choose one model in each fold, from its training households alone.

    Args:
        inner_losses: What `validate_classifier` tells as losses, by model.

    Returns:
        One row per information_set x fold (`final` too): protocol, repeat, fold, model (the
        simplest, in the order of `estimators.CLASSIFIERS`, that is within one standard error of
        the lowest log loss).
    """
    keys = [*CASE, "household_id"]
    paired = pd.concat(
        {model: inner_losses[model].set_index(keys)["log_loss"] for model in CLASSIFIERS}, axis=1
    )
    cases = paired.groupby(CASE, sort=False)
    rows = [
        (*_read_case(part), CLASSIFIERS[choose_simplest(part.to_numpy().T)]) for _, part in cases
    ]
    return pd.DataFrame(rows, columns=[*CASE, "model"])


def follow_procedure(
    predictions: Mapping[str, pd.DataFrame], model_choices: pd.DataFrame
) -> pd.DataFrame:
    """Predict every household by the model that its fold has chosen.

    Args:
        predictions: What `validate_classifier` predicts, by model.
        model_choices: As `choose_models`.

    Returns:
        One row per information_set x fold x tested household, as the predictions of the models.
    """
    chosen = [
        table.merge(model_choices.loc[model_choices["model"] == model, CASE])
        for model, table in predictions.items()
    ]
    order = next(iter(predictions.values()))[[*CASE, "household_id"]]
    return order.merge(pd.concat(chosen, ignore_index=True), validate="one_to_one")


def fit_champions(
    labelled_households: pd.DataFrame,
    model_choices: pd.DataFrame,
    codebook: Codebook,
    modelling: ModellingParameters,
) -> dict[str, TunedClassifier]:
    """Fit the model chosen for each information set on all eligible households.

    Args:
        labelled_households: One row per household: fields, thin_record, segment.
        model_choices: As `choose_models`; its rows of the protocol `final`.
        codebook: The panel's codebook.
        modelling: Information sets, grids, inner folds and seed.

    Returns:
        The champion of each information set.
    """
    final = model_choices[model_choices["protocol"] == FINAL].set_index("information_set")["model"]
    labels = labelled_households.loc[~labelled_households["thin_record"], "segment"]
    return {
        each.name: tune_fold(
            final[each.name],
            take_values(labelled_households, each, codebook),
            labels,
            modelling,
            codebook,
        )
        for each in modelling.information_sets
    }


def _read_case(paired: pd.DataFrame) -> tuple[object, ...]:
    return tuple(paired.index.get_level_values(key)[0] for key in CASE)
