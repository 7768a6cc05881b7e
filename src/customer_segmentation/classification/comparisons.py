"""Is one model better than another? Paired differences, with intervals that know folds overlap.

Every household is answered by both models after the same training, so the difference is taken
household by household. Training parts of different folds share most of their households; an
interval that took the folds as independent would be far too short.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from customer_segmentation.classification.answers import (
    Floats,
    keep_eligible,
    list_segments,
    score_answers,
)
from customer_segmentation.classification.estimators import CLASSIFIERS, PRIOR, PROCEDURE

COMPARED = (*CLASSIFIERS, PROCEDURE, PRIOR)
FOLD = ["repeat", "fold"]


def compare_models(
    predictions: pd.DataFrame, circumstances: Sequence[str], level: float
) -> pd.DataFrame:
    """Compare every pair of models, fold by fold.

    Args:
        predictions: One row per model x `circumstances` x repeat x household: repeat, fold,
            household_id, segment, predicted and a probability column per segment; thin_record where
            some households do not count. Within the circumstances all models are tested in the same
            folds.
        circumstances: Columns within which models are compared; may be none. Where there is a
            single fold, as in a hold-out, differences have no spread and there is no row.
        level: Share of cases in which an interval should hold the true difference, in (0, 1).

    Returns:
        One row per `circumstances` x pair of the models of `COMPARED` that are there, in that
        order, the circumstances in the order of `predictions`: model_a, model_b,
        log_loss_difference (a less b, mean over the folds of the mean over the households: below 0
        if a is better), log_loss_low, log_loss_high, accuracy_difference (likewise, above 0 if a is
        better), accuracy_low, accuracy_high, folds (number of folds over all repeats). Where all
        folds agree, an interval has no width.

    References:
        Nadeau & Bengio (2003), Inference for the generalization error: Student's t with the
        variance over the folds times 1 / folds + tested / training households.
    """
    tested = keep_eligible(predictions).reset_index(drop=True)
    scores = score_answers(tested, list_segments(tested))
    scored = tested[[*circumstances, "model", *FOLD, "household_id"]].join(scores)
    if circumstances:
        groups = scored.groupby(list(circumstances), sort=False)
        tables = {names: _compare_pairs(rows, level) for names, rows in groups}
        table = pd.concat(tables, names=list(circumstances)).reset_index(list(circumstances))
    else:
        table = _compare_pairs(scored, level)
    return table[table["folds"] > 1].reset_index(drop=True)


def _compare_pairs(scored: pd.DataFrame, level: float) -> pd.DataFrame:
    # The households of a fold are the same for all models: a difference of means is the mean of
    # the paired differences.
    means = scored.pivot_table(["hit", "log_loss"], FOLD, "model")
    present = set(scored["model"])
    pairs = list(combinations([model for model in COMPARED if model in present], 2))
    names = pd.DataFrame(pairs, columns=["model_a", "model_b"], dtype="str")
    a, b = names["model_a"], names["model_b"]
    ratio = _tested_per_training(scored)
    blocks = [
        _estimate(name, means[figure][a].to_numpy() - means[figure][b].to_numpy(), ratio, level)
        for figure, name in (("log_loss", "log_loss"), ("hit", "accuracy"))
    ]
    return pd.concat([names, *blocks], axis=1).assign(folds=len(means))


def _tested_per_training(scored: pd.DataFrame) -> float:
    households = scored["household_id"].nunique()
    tested = scored.groupby(FOLD)["household_id"].nunique()
    return float((tested / (households - tested)).mean())


def _estimate(name: str, differences: Floats, ratio: float, level: float) -> pd.DataFrame:
    # differences: folds x pairs
    table = pd.DataFrame(differences)
    folds = len(table)
    error = np.sqrt((1 / folds + ratio) * table.var())
    reach = stats.t.ppf((1 + level) / 2, folds - 1) * error
    value = table.mean()
    columns = {f"{name}_difference": value, f"{name}_low": value - reach}
    return pd.DataFrame(columns | {f"{name}_high": value + reach})
