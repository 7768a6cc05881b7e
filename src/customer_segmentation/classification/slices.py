"""Slices of the households: how they are named, and whether the typing tool serves them alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from customer_segmentation.classification.answers import keep_eligible
from customer_segmentation.classification.audit import add_claims
from customer_segmentation.classification.estimators import MAJORITY, PROCEDURE
from customer_segmentation.classification.folds import NESTED_CV
from customer_segmentation.classification.parameters import Fairness, ModellingParameters
from customer_segmentation.classification.resampling import Weights, draw_weights, find_interval
from customer_segmentation.panel.codebook import Codebook, Field, Role, Scale, Variable
from customer_segmentation.segments.partition import Purpose, seed_for

Floats = npt.NDArray[np.float64]

NOT_STATED = "not stated"


def compare_slices(
    classifier_predictions: pd.DataFrame,
    labelled_households: pd.DataFrame,
    circularity_audit: pd.DataFrame,
    codebook: Codebook,
    modelling: ModellingParameters,
) -> pd.DataFrame:
    """Compare the accuracy on each slice of the eligible households with that on all the others.

    There is no pass or fail. Each interval stands for itself: among many slices some intervals lie
    beside zero by chance alone. What several fields do not state may be one blank record. And
    accuracy differs with the mix of segments in a slice, whatever the tool does: so the accuracy of
    always naming the largest segment stands beside it, and the difference in what is gained over
    that.

    Args:
        classifier_predictions: One row per information set x model x protocol x repeat x household.
        labelled_households: One row per household with the fields and flags of the codebook.
        circularity_audit: The claim of each information set.
        codebook: Scales and labels.
        modelling: The fields, the fewest households of a slice, level and number of household
            resamples, and seed.

    Returns:
        One row per information set x field x slice: information_set, claim, field (name of a coded
        field, or of the flag of a blank demographic record), slice (label; slices with too few
        households are joined as "other (...)"), n (households), accuracy (of the procedure in
        nested cross-validation against the segment of the fold; a household counts with the mean
        over its repeats), difference (accuracy less that of all eligible households outside the
        slice), difference_low, difference_high (percentiles over household resamples), majority
        (accuracy of always naming the largest segment of the training households), gain_difference
        (the difference likewise of accuracy less majority), gain_low, gain_high. All differences
        are missing where a slice holds every household.
    """
    nested = keep_eligible(classifier_predictions[classifier_predictions["protocol"] == NESTED_CV])
    correct, majority = (_count_correct(nested, model) for model in (PROCEDURE, MAJORITY))
    households = labelled_households.set_index("household_id").loc[correct.index]
    slices = list(_list_slices(households, codebook, modelling.fairness))
    seed = seed_for(modelling.random_state, Purpose.RESAMPLE)
    weights = draw_weights(len(households), modelling.intervals.resamples, seed)
    tables = {
        name: _compare(
            correct[name].to_numpy(),
            majority[name].to_numpy(),
            slices,
            weights,
            modelling.intervals.level,
        )
        for name in nested["information_set"].unique()
    }
    table = pd.concat(tables, names=["information_set", None]).reset_index(level=0)
    return add_claims(table.reset_index(drop=True), circularity_audit)


class _Slice(NamedTuple):
    field: str
    label: str
    members: npt.NDArray[np.bool_]


def _list_slices(
    households: pd.DataFrame, codebook: Codebook, fairness: Fairness
) -> Iterator[_Slice]:
    coded = [name for name in codebook.expand(fairness.fields) if codebook[name].scale.is_coded]
    for field in [*coded, codebook.column(Role.BLANK_RECORD)]:
        labels = name_slices(households[field], codebook[field], fairness.smallest_group)
        for label in labels.cat.categories:
            yield _Slice(field, label, (labels == label).to_numpy())


def _count_correct(nested: pd.DataFrame, model: str) -> pd.DataFrame:
    """The share of a household's repeats (row) in which it is typed correctly, by set (column)."""
    rows = nested[nested["model"] == model]
    rows = rows.assign(correct=rows["predicted"] == rows["segment"])
    return rows.pivot_table(index="household_id", columns="information_set", values="correct")


def _compare(
    correct: Floats, majority: Floats, slices: Sequence[_Slice], weights: Weights, level: float
) -> pd.DataFrame:
    members = np.column_stack([each.members for each in slices]).astype(float)
    gain = correct - majority
    low, high = find_interval(_subtract(correct, members, weights), level)
    gain_low, gain_high = find_interval(_subtract(gain, members, weights), level)
    everyone_once = np.ones((1, len(correct)))
    columns = {
        "field": [each.field for each in slices],
        "slice": [each.label for each in slices],
        "n": members.sum(axis=0).astype(int),
        "accuracy": correct @ members / members.sum(axis=0),
        "difference": _subtract(correct, members, everyone_once)[0],
        "difference_low": low,
        "difference_high": high,
        "majority": majority @ members / members.sum(axis=0),
        "gain_difference": _subtract(gain, members, everyone_once)[0],
        "gain_low": gain_low,
        "gain_high": gain_high,
    }
    return pd.DataFrame(columns)


def _subtract(correct: Floats, members: Floats, weights: Weights) -> Floats:
    right = correct[:, np.newaxis]
    with np.errstate(invalid="ignore"):  # nobody in the slice, or nobody outside
        inside = (weights @ (right * members)) / (weights @ members)
        outside = (weights @ (right * (1 - members))) / (weights @ (1 - members))
    difference: Floats = inside - outside
    return difference


def select_headline(classifier_predictions: pd.DataFrame) -> pd.DataFrame:
    """Select the rows of the headline: the whole procedure in nested cross-validation."""
    is_procedure = classifier_predictions["model"] == PROCEDURE
    return classifier_predictions[is_procedure & (classifier_predictions["protocol"] == NESTED_CV)]


def name_slices(values: pd.Series, variable: Variable, smallest: int) -> pd.Series:
    """Name the slice of each household by the label of its code.

    Args:
        values: One code or flag per household, missing if not stated.
        variable: What the codebook says about it.
        smallest: Fewest households of a slice; smaller ones are joined as `pool_small` does.

    Returns:
        Same index; categories in the order of the codes, "not stated" and joined ones last.
    """
    codes = values.astype("float64")
    names = codes.map(lambda value: describe_value(variable, value))
    order = names[codes.sort_values().index].unique()
    return pool_small(names.astype(pd.CategoricalDtype(list(order))), smallest)


def pool_small(names: pd.Series, smallest: int) -> pd.Series:
    """Join the groups that are too small to be told apart.

    Args:
        names: The group of each row, categories in the order in which they are shown.
        smallest: Fewest rows of a group that stands on its own.

    Returns:
        Same index; small groups have become the last category "other (their names)", together with
        the next larger ones as long as it is small itself and another group remains beside it.
    """
    sizes = names.value_counts(sort=False)
    ascending = sizes.sort_values(kind="stable")
    joined = int((ascending < smallest).sum())
    while 0 < joined < len(sizes) - 1 and ascending.iloc[:joined].sum() < smallest:
        joined += 1
    if joined < 2:  # noqa: PLR2004 - one group has nothing to be joined with
        return names
    small = [name for name in sizes.index if name in ascending.index[:joined]]
    pool = f"other ({', '.join(small)})"
    pooled = names.astype(object).mask(names.isin(small), pool)
    return pooled.astype(pd.CategoricalDtype([*names.cat.categories.drop(small), pool]))


def describe_value(variable: Variable, value: float) -> str:
    """Say a value in words: the label of a code, yes or no of a flag, or a number with its unit.

    Args:
        variable: What the codebook says about it.
        value: A valid value of the variable, missing if not stated.
    """
    if pd.isna(value):
        return NOT_STATED
    if variable.scale == Scale.FLAG:
        return "yes" if value else "no"
    if isinstance(variable, Field) and variable.codes:
        return variable.codes[int(value)]
    return _describe_number(value, variable)


def _describe_number(value: float, variable: Variable) -> str:
    if variable.scale == Scale.SHARE:
        return f"{value:.0%}"
    return f"{value:.2f}".rstrip("0").rstrip(".") + f" {variable.unit}".rstrip()
