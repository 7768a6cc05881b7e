"""What the tables say about which model is better, and whether there is anything to predict.

Models are compared by log loss and by accuracy on the same households; the intervals carry the
correction of Nadeau and Bengio (2003), Inference for the generalization error, because the folds
share training households.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from customer_segmentation.classification.models import CLASSIFIERS
from customer_segmentation.findings.claims import BETTER, OPEN, WORSE, judge_gain
from customer_segmentation.findings.wording import (
    Row,
    counted,
    inside,
    listing,
    opening,
    points,
    sample,
    three_decimals,
    whole,
    with_interval,
)

ADJECTIVES = {BETTER: "better", OPEN: "not told apart", WORSE: "worse"}
VERDICTS = {
    BETTER: "shown to be best",
    OPEN: "not shown to be best",
    WORSE: "not best",
}


def compare_with_rivals(comparisons: pd.DataFrame, model: str) -> pd.DataFrame:
    """Turn the pairs of one model so that a positive figure speaks for it.

    Args:
        comparisons: `model_comparisons` or `source_study_comparisons`; log_loss_difference is the
            log loss of model_a less that of model_b, with bounds.
        model: The model in question, one of the classifiers.

    Returns:
        One row per pair of the model with another classifier: the columns before model_a, then
        rival, saved (log loss that the model saves against it), saved_low, saved_high, gained
        (accuracy likewise), gained_low, gained_high and verdict, what the interval of the log loss
        says of the model.
    """
    is_first = comparisons["model_a"] == model
    rival = comparisons["model_b"].where(is_first, comparisons["model_a"])
    is_own = (is_first | (comparisons["model_b"] == model)) & rival.isin(CLASSIFIERS)
    sign = pd.Series(np.where(is_first, -1, 1), index=comparisons.index)
    turned = comparisons.assign(
        rival=rival,
        **_turn(comparisons, "log_loss", "saved", sign),
        **_turn(comparisons, "accuracy", "gained", -sign),
    )[is_own]
    verdicts = [
        judge_gain(low, high)
        for low, high in zip(turned["saved_low"], turned["saved_high"], strict=True)
    ]
    keys = list(comparisons.columns[: comparisons.columns.get_loc("model_a")])
    figures = ["rival", "saved", "saved_low", "saved_high", "gained", "gained_low", "gained_high"]
    return turned[[*keys, *figures]].assign(verdict=verdicts).reset_index(drop=True)


def _turn(pairs: pd.DataFrame, measure: str, name: str, sign: pd.Series) -> dict[str, pd.Series]:
    bounds = pd.concat([sign * pairs[f"{measure}_{end}"] for end in ("low", "high")], axis=1)
    return {
        name: sign * pairs[f"{measure}_difference"],
        f"{name}_low": bounds.min(axis=1),
        f"{name}_high": bounds.max(axis=1),
    }


def judge_best(rivals: pd.DataFrame) -> str:
    """Say in a few words whether the model is best on one information set.

    Args:
        rivals: Rows of `compare_with_rivals`, at least one.

    Returns:
        Shown to be best only if it is better than every other classifier.
    """
    verdicts = set(rivals["verdict"])
    return VERDICTS[next(word for word in (WORSE, OPEN, BETTER) if word in verdicts)]


def answer_best(rivals: pd.DataFrame, model: str, labels: Mapping[str, str]) -> str:
    """Answer whether one model is best, with intervals.

    Args:
        rivals: Rows of `compare_with_rivals` of one information set, at least one.
        model: The model in question.
        labels: Names of models.

    Returns:
        One sentence.
    """
    told = listing(_tell_pair(row, labels) for row in rivals.to_dict("records"))
    name = labels.get(model, model)
    return f"{name} {told}. By log loss it is {judge_best(rivals)}."


def answer_each(rivals: pd.DataFrame, model: str, labels: Mapping[str, str]) -> dict[str, str]:
    """Answer on each information set whether one model is best.

    Args:
        rivals: What `compare_with_rivals` returned for `model_comparisons`.
        model: The model in question.
        labels: Names of models.

    Returns:
        The answers by information set.
    """
    parts = rivals.groupby("information_set", sort=False)
    return {str(name): answer_best(part, model, labels) for name, part in parts}


def title_comparisons(
    rivals: pd.DataFrame, households: int, model: str, labels: Mapping[str, str]
) -> str:
    """Say on how many information sets one model is shown to be best.

    Args:
        rivals: What `compare_with_rivals` returned for `model_comparisons`.
        households: How many households the models were compared on.
        model: The model in question.
        labels: Names of information sets and models.

    Returns:
        One title with n, without the full stop.
    """
    name = labels.get(model, model)
    if rivals.empty:
        return f"{name} was compared with no other classifier"
    answers = rivals.groupby("information_set", sort=False).apply(judge_best)
    best = answers.index[answers == VERDICTS[BETTER]]
    on = f": {listing(inside(each, labels) for each in best)}" if len(best) else ""
    return (
        f"{name} is shown to be best on {len(best)} of "
        f"{counted(len(answers), 'information set')}{on}; log loss saved per household, "
        f"{sample(households)}"
    )


def tell_permutations(tests: pd.DataFrame, labels: Mapping[str, str]) -> list[str]:
    """Say whether what a prediction knows could be chance.

    Args:
        tests: `permutation_tests`; one row per information set that predicts, possibly none.
        labels: Names of information sets.

    Returns:
        One sentence per information set; a single test has nothing to be corrected for.
    """
    return [
        f"{opening(row['information_set'], labels)}: dealt out to other "
        f"households, the same columns reach so low a log loss in {_count_as_low(row)} of "
        f"{whole(row['permutations'])} permutations ({three_decimals(row['log_loss'])} against "
        f"{three_decimals(row['log_loss_permuted'])} on average): p = "
        f"{three_decimals(row['p_value'])}"
        f"{_correct(row) if len(tests) > 1 else ''}."
        for row in tests.to_dict("records")
    ]


def _correct(row: Row) -> str:
    return f", {three_decimals(row['p_holm'])} by Holm’s correction"


def _count_as_low(row: Row) -> str:
    """The permutations as low as the real log loss, from p = (1 + them) / (1 + all)."""
    return whole(round(row["p_value"] * (1 + row["permutations"])) - 1)


def _tell_pair(row: Row, labels: Mapping[str, str]) -> str:
    verb, sign = ("loses", -1) if row["saved"] < 0 else ("saves", 1)
    ends = sorted((sign * row["saved_low"], sign * row["saved_high"]))
    reach = " to ".join(map(three_decimals, ends))
    interval = "no interval" if pd.isna(ends[0]) else f"interval {reach}"
    accurate = ADJECTIVES[judge_gain(row["gained_low"], row["gained_high"])]
    return (
        f"{verb} {three_decimals(abs(row['saved']))} log loss against "
        f"{inside(row['rival'], labels)} ({interval}: {ADJECTIVES[row['verdict']]}; accuracy "
        f"{with_interval(row, 'gained', points)} points: {accurate})"
    )
