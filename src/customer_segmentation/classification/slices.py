"""Whether the typing tool serves all alike: sets of segments and accuracy, group by group."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from customer_segmentation.classification.audit import Claim, add_claims
from customer_segmentation.classification.folds import NESTED_CV
from customer_segmentation.classification.metrics import keep_eligible, list_segments
from customer_segmentation.classification.models import (
    MAJORITY,
    PROCEDURE,
    conformity_column,
    form_sets,
    probability_column,
)
from customer_segmentation.classification.parameters import Fairness, ModellingParameters
from customer_segmentation.classification.reliability import (
    bound_shares,
    draw_weights,
    find_interval,
)
from customer_segmentation.panel.codebook import Codebook, Field, Role, Scale, Variable
from customer_segmentation.segments.partition import Purpose, seed_for

Floats = npt.NDArray[np.float64]

NOT_STATED = "not stated"
SUMMARY = {
    **dict.fromkeys(("information_set", "claim", "group_by", "group"), "str"),
    "n": "int64",
    **dict.fromkeys(("coverage", "coverage_low", "coverage_high"), "float64"),
    **dict.fromkeys(("mean_set_size", "singletons"), "float64"),
    "small": "bool",
}


def summarise_coverage(
    classifier_predictions: pd.DataFrame,
    labelled_households: pd.DataFrame,
    circularity_audit: pd.DataFrame,
    codebook: Codebook,
    modelling: ModellingParameters,
) -> pd.DataFrame:
    """Summarise how often the sets of the procedure hold the true segment, and how large they are.

    Every figure is out of sample: nested cross-validation, truth is the segment of the fold. For an
    assignment set there is nothing uncertain, so only overlap and prediction sets stand here.

    Args:
        classifier_predictions: One row per information set x model x protocol x repeat x household.
        labelled_households: One row per household with the fields and flags of the codebook.
        circularity_audit: The claim of each information set.
        codebook: Sampling stratum, its labels, and the flag of a blank demographic record.
        modelling: Error rate, fewest households of a group, and level of the intervals.

    Returns:
        One row per information set x group: information_set, claim, group_by (all, segment, stratum
        or blank_record), group, n (households; folds differ in whom they give to a segment, so of
        segments the mean over repeats, rounded), coverage (a household counts with the mean over
        its repeats), coverage_low and coverage_high (Wilson's binomial interval for n households:
        repeats are no further households), mean_set_size, singletons (share of sets with one
        segment), small (fewer households than a group should have). Eligible households, but for
        the second row of blank records. Groups that are too small are joined as "other (...)".

    References:
        Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    headline = add_claims(select_headline(classifier_predictions), circularity_audit)
    uncertain = headline[headline["claim"] != Claim.ASSIGNMENT]
    segments = list_segments(classifier_predictions)
    included = include_segments(uncertain, segments, modelling.conformal.error_rate)
    truth = pd.Index(segments).get_indexer(pd.Index(uncertain["segment"]))
    covered = included[np.arange(len(uncertain)), truth]
    sets = uncertain.assign(covered=covered, set_size=included.sum(axis=1))
    facts = [codebook.column(Role.STRATUM), codebook.column(Role.BLANK_RECORD)]
    sets = sets.join(labelled_households.set_index("household_id")[facts], on="household_id")
    repeats, level = sets["repeat"].nunique(), modelling.intervals.level
    fewest = modelling.conformal.smallest_group * repeats
    rows = [
        (*keys, *names, *_measure_coverage(part, repeats, level), len(part) < fewest)
        for keys, each in sets.groupby(["information_set", "claim"], sort=False)
        for *names, part in _form_groups(each, codebook, fewest)
    ]
    return pd.DataFrame(rows, columns=list(SUMMARY)).astype(SUMMARY)


def include_segments(
    rows: pd.DataFrame, segments: list[str], error_rate: float
) -> npt.NDArray[np.bool_]:
    """The conformal sets of predictions: whether each segment (column) cannot be ruled out."""
    probabilities = rows[[probability_column(each) for each in segments]].to_numpy()
    conformity = rows[[conformity_column(each) for each in segments]].to_numpy()
    return form_sets(conformity > error_rate, probabilities)


def _form_groups(
    rows: pd.DataFrame, codebook: Codebook, fewest: int
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    stratum, flag = (codebook[codebook.column(r)] for r in (Role.STRATUM, Role.BLANK_RECORD))
    eligible = keep_eligible(rows)
    pooled = {
        "segment": pool_small(eligible["segment"].astype("category"), fewest),
        "stratum": name_slices(eligible[stratum.name], stratum, fewest),
    }
    yield "all", "all", eligible
    for group_by, names in pooled.items():
        for group, part in eligible.groupby(names, observed=True):
            yield group_by, str(group), part
    blank = {flag.label: eligible, f"{flag.label}, with thin records": rows}
    for group, part in blank.items():
        if part[flag.name].any():
            yield "blank_record", group, part[part[flag.name]]


def _measure_coverage(rows: pd.DataFrame, repeats: int, level: float) -> tuple[float, ...]:
    households = max(round(len(rows) / repeats), 1)
    coverage = rows["covered"].mean()
    low, high = map(float, bound_shares(coverage, households, level))
    sizes = rows["set_size"]
    return households, coverage, low, high, sizes.mean(), (sizes == 1).mean()


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
    fields, labels, members = zip(
        *_list_slices(households, codebook, modelling.fairness), strict=True
    )
    seed = seed_for(modelling.random_state, Purpose.RESAMPLE)
    weights = draw_weights(len(households), modelling.intervals.resamples, seed)
    tables = {
        name: _compare(
            correct[name].to_numpy(),
            majority[name].to_numpy(),
            np.column_stack(members).astype(float),
            weights,
            modelling.intervals.level,
        )
        for name in nested["information_set"].unique()
    }
    table = pd.concat(tables, names=["information_set", None]).reset_index(level=0)
    table.insert(1, "field", fields * len(tables))
    table.insert(2, "slice", labels * len(tables))
    return add_claims(table.reset_index(drop=True), circularity_audit)


def _list_slices(
    households: pd.DataFrame, codebook: Codebook, fairness: Fairness
) -> Iterator[tuple[str, str, npt.NDArray[np.bool_]]]:
    coded = [name for name in codebook.expand(fairness.fields) if codebook[name].scale.is_coded]
    for field in [*coded, codebook.column(Role.BLANK_RECORD)]:
        labels = name_slices(households[field], codebook[field], fairness.smallest_group)
        for label in labels.cat.categories:
            yield field, label, (labels == label).to_numpy()


def _count_correct(nested: pd.DataFrame, model: str) -> pd.DataFrame:
    """The share of a household's repeats (row) in which it is typed correctly, by set (column)."""
    rows = nested[nested["model"] == model]
    rows = rows.assign(correct=rows["predicted"] == rows["segment"])
    return rows.pivot_table(index="household_id", columns="information_set", values="correct")


def _compare(
    correct: Floats, majority: Floats, members: Floats, weights: Floats, level: float
) -> pd.DataFrame:
    gain = correct - majority
    low, high = find_interval(_subtract(correct, members, weights), level)
    gain_low, gain_high = find_interval(_subtract(gain, members, weights), level)
    everyone_once = np.ones((1, len(correct)))
    columns = {
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


def _subtract(correct: Floats, members: Floats, weights: Floats) -> Floats:
    right = correct[:, np.newaxis]
    with np.errstate(invalid="ignore"):  # nobody in the slice, or nobody outside
        inside = (weights @ (right * members)) / (weights @ members)
        outside = (weights @ (right * (1 - members))) / (weights @ (1 - members))
    difference: Floats = inside - outside
    return difference


def select_headline(classifier_predictions: pd.DataFrame) -> pd.DataFrame:
    """The rows of the headline: the whole procedure in nested cross-validation."""
    is_procedure = classifier_predictions["model"] == PROCEDURE
    return classifier_predictions[is_procedure & (classifier_predictions["protocol"] == NESTED_CV)]


def name_slices(values: pd.Series, variable: Variable, smallest: int) -> pd.Series:
    """Name the slice of each household by the label of its code.

    Categories stand in the order of the codes, "not stated" and joined ones (`pool_small`) last.
    """
    codes = values.astype("float64")
    names = codes.map(lambda value: describe_value(variable, value))
    order = names[codes.sort_values().index].unique()
    return pool_small(names.astype(pd.CategoricalDtype(list(order))), smallest)


def pool_small(names: pd.Series, smallest: int) -> pd.Series:
    """Join groups of fewer rows than the smallest as the last category, "other (their names)".

    The next larger ones join them as long as they are too few together and another group remains.
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
    """A value in words: the label of a code, yes or no of a flag, or a number with its unit."""
    if pd.isna(value):
        return NOT_STATED
    if variable.scale == Scale.FLAG:
        return "yes" if value else "no"
    if isinstance(variable, Field) and variable.codes:
        return variable.codes[int(value)]
    number = f"{value:.2f}".rstrip("0").rstrip(".") + f" {variable.unit}".rstrip()
    return f"{value:.0%}" if variable.scale == Scale.SHARE else number
