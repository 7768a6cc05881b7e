"""How the segments go with demographics: shares code by code, and one measure per descriptor.

Only demographics are tested. A test on the columns of the purchase record would be circular: the
segments were built from them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from customer_segmentation.panel.codebook import Codebook, Origin, Role
from customer_segmentation.segments.parameters import SegmentationParameters
from customer_segmentation.segments.partition import Floats, Purpose, seed_for
from customer_segmentation.segments.profiles import match_segments
from customer_segmentation.segments.specification import MEASURED

CRAMERS_V = "Cramér's V, bias-corrected"
EPSILON = "correlation ratio, bias-corrected (epsilon)"
# Cohen (1988), Statistical Power Analysis for the Behavioral Sciences: from where on an effect is
# small, medium, large; w of a cross table, f of group means.
CONVENTIONS = {"w": (0.10, 0.30, 0.50), "f": (0.10, 0.25, 0.40)}
MAGNITUDES = ("negligible", "small", "medium", "large")
RECORD_PRESENT = "eligible, demographic record present"
ALL_ELIGIBLE = "eligible, a missing record as a level of its own"
LEVEL = 0.05  # of the tests of one family together; 1 less it is the confidence of an interval
ROUNDING = 1e-12  # statistics from 0 to 1 that differ by less are equal


class Effect(NamedTuple):
    """How strong a link is, from 0 (none) to 1.

    Attributes:
        effect: The bias-corrected estimate.
        low, high: Its 95 % interval.
    """

    effect: float
    low: float
    high: float


NO_LINK = Effect(0, 0, 0)
FULL_LINK = Effect(1, 1, 1)


def tabulate_demographics(
    eligible_households: pd.DataFrame, household_segments: pd.DataFrame, codebook: Codebook
) -> pd.DataFrame:
    """Compare the make-up of each segment with that of all households, code by code.

    Args:
        eligible_households: One row per household that formed the segments; not stated is missing.
        household_segments: The segment of each household.
        codebook: The panel's codebook.

    Returns:
        One row per segment x coded demographic field x code that occurs: `segment`, `variable`,
        `code`, `label`, `households`, `share` of the segment's households that state the field,
        `total_share` of all that state it, `index_to_total` (100 = the share in all) and
        `residual`, see `adjust_residuals`.
    """
    segments = match_segments(eligible_households, household_segments, codebook)
    coded = [
        name for name in codebook.columns_from(Origin.DEMOGRAPHIC) if codebook[name].scale.is_coded
    ]
    tables = [_tabulate(eligible_households[name], segments, codebook) for name in coded]
    return pd.concat(tables).sort_values("segment", kind="stable", ignore_index=True)


def _tabulate(codes: pd.Series, segments: pd.Series, codebook: Codebook) -> pd.DataFrame:
    name = str(codes.name)
    counts = pd.crosstab(segments, codes.astype("float64"))
    table = counts.melt(var_name="code", value_name="households", ignore_index=False).reset_index()
    total_share = (counts.sum() / counts.to_numpy().sum()).reindex(table["code"]).to_numpy()
    share = table["households"] / table.groupby("segment")["households"].transform("sum")
    table.insert(1, "variable", name)
    table["code"] = table["code"].astype("int64")
    table.insert(3, "label", table["code"].map(codebook.field(name).codes))
    return table.assign(
        share=share,
        total_share=total_share,
        index_to_total=100 * share / total_share,
        residual=adjust_residuals(counts).melt()["value"],
    )


def adjust_residuals(counts: pd.DataFrame) -> pd.DataFrame:
    """Measure how far each cell of a cross table lies from what independent sides would give.

    Args:
        counts: Households of each segment (row) and code (column), 0 or more.

    Returns:
        The adjusted standardised residual of each cell, same shape: about a standard normal number
        when the sides are independent; missing where a code or a segment holds all households.

    References:
        Haberman (1973), The analysis of residuals in cross-classified tables.
    """
    observed = counts.to_numpy(dtype=float)
    rows, columns = observed.sum(axis=1, keepdims=True), observed.sum(axis=0, keepdims=True)
    n = observed.sum()
    expected = rows * columns / n
    variance = expected * (1 - rows / n) * (1 - columns / n)
    residuals: pd.DataFrame = (counts - expected) / np.sqrt(variance)
    return residuals.where(variance > 0)


def measure_descriptors(
    eligible_households: pd.DataFrame,
    household_segments: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> pd.DataFrame:
    """Measure how strongly each demographic descriptor is linked with the segments, and test it.

    Codes are measured by Cramér's V, counts by the correlation ratio. The tested family has every
    demographic descriptor, among households whose demographic record is present, and the missing
    record itself, among all that formed the segments. The descriptors are measured again over all
    of these, with the missing record as a level of its own for codes (fields that such a household
    states keep their code; counts have no such level and stay with those who state them); these
    rows are not tested.

    Args:
        eligible_households: One row per household that formed the segments; not stated is missing.
        household_segments: The segment of each household.
        codebook: The panel's codebook.
        segmentation: Number of permutations and seed.

    Returns:
        One row per descriptor x subset: `descriptor`, `subset` (which households), `n` (those of
        them that have a value), `measure` (name for people), `effect` (0 to 1, bias-corrected),
        `effect_low` and `effect_high` (its 95 % interval), `convention` (w or f, the scale of
        Cohen's conventions), `cohen_effect`, `cohen_low` and `cohen_high` (the same on that scale),
        `magnitude` (negligible, small, medium or large by the convention; w and f are comparable by
        this word alone), `p_value` (by permutation) and `p_holm` (Holm's correction over the
        family); both are missing in rows that are not tested.

    References:
        Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, chapters 7 and 8.
        Holm (1979), A simple sequentially rejective multiple test procedure.
    """
    segments = match_segments(eligible_households, household_segments, codebook)
    names = codebook.columns_from(Origin.DEMOGRAPHIC)
    missing = codebook.column(Role.BLANK_RECORD)
    blank = eligible_households[missing].astype(bool)
    family = [eligible_households.loc[~blank, name].dropna() for name in names]
    family.append(eligible_households[missing])
    rows, p_values = [], []
    for number, values in enumerate(family):
        subset = ALL_ELIGIBLE if values.name == missing else RECORD_PRESENT
        rows.append(_measure(values, segments, codebook, subset))
        seed = seed_for(segmentation.random_state, Purpose.DESCRIPTOR, number)
        columns = _centre(values, coded=_is_coded(values, codebook))
        permutations = segmentation.description.permutations
        generator = np.random.default_rng(seed)
        p_values.append(permute_labels(columns, segments[values.index], permutations, generator))
    tested = pd.DataFrame(rows).assign(p_value=p_values, p_holm=adjust_by_holm(np.array(p_values)))
    levelled = [_add_level(eligible_households[name], blank, codebook) for name in names]
    untested = [_measure(values, segments, codebook, ALL_ELIGIBLE) for values in levelled]
    return pd.concat([tested, pd.DataFrame(untested)], ignore_index=True)


def _add_level(values: pd.Series, blank: pd.Series, codebook: Codebook) -> pd.Series:
    if not _is_coded(values, codebook):
        return values.dropna()
    return values.astype("string").mask(values.isna() & blank, "record missing").dropna()


def _is_coded(values: pd.Series, codebook: Codebook) -> bool:
    return codebook[str(values.name)].scale not in MEASURED


def _measure(
    values: pd.Series, segments: pd.Series, codebook: Codebook, subset: str
) -> dict[str, object]:
    coded, own = _is_coded(values, codebook), segments[values.index]
    measure, convention = (CRAMERS_V, "w") if coded else (EPSILON, "f")
    link = cramers_v(values, own) if coded else epsilon(values, own)
    classes = min(values.nunique(), own.nunique())
    cohen = [cohens_w(part, classes) if coded else cohens_f(part) for part in link]
    return {
        "descriptor": str(values.name),
        "subset": subset,
        "n": len(values),
        "measure": measure,
        **dict(zip(("effect", "effect_low", "effect_high"), link, strict=True)),
        "convention": convention,
        **dict(zip(("cohen_effect", "cohen_low", "cohen_high"), cohen, strict=True)),
        "magnitude": assess_magnitude(cohen[0], convention),
    }


def permute_labels(
    columns: Floats, segments: pd.Series, permutations: int, generator: np.random.Generator
) -> float:
    """Test by permutation of the segment labels whether a descriptor goes with the segments.

    Args:
        columns: One row per household, the columns centred; the statistic is the part of their sum
            of squares that lies between the segments. For indicators of codes, each divided by the
            root of its households, that is chi-square over n; for a count, the sum of squares
            between segments.
        segments: One segment per household, same order.
        permutations: How many; 1 or more.
        generator: Source of the permutations.

    Returns:
        The p-value (1 + b) / (1 + B), for b of B permutations that reach the observed statistic.

    References:
        Phipson and Smyth (2010), Permutation p-values should never be zero.
    """
    labels, _ = pd.factorize(segments)
    shuffled = generator.permuted(np.tile(labels, (permutations, 1)), axis=1)
    observed = _between(columns, labels[np.newaxis])
    reached = (_between(columns, shuffled) >= observed - ROUNDING).sum()
    return float((1 + reached) / (1 + permutations))


def _centre(values: pd.Series, *, coded: bool) -> Floats:
    """Centred columns whose sum of squares between segments is phi squared or eta squared."""
    if values.empty:
        return np.zeros((0, 1))
    if coded:
        held = pd.get_dummies(values).to_numpy(dtype=float)
        return np.asarray((held - held.mean(axis=0)) / np.sqrt(held.sum(axis=0)))
    numbers = values.to_numpy(dtype=float)[:, np.newaxis]
    centred = numbers - numbers.mean()
    total = np.sqrt((centred**2).sum())
    return np.asarray(centred / total) if total > 0 else centred


def _between(columns: Floats, labels: npt.NDArray[np.int64]) -> Floats:
    """Sum of squares between segments of centred columns, for each row of labels."""
    total = np.zeros(len(labels))
    for label in np.unique(labels):
        own = (labels == label).astype(float)
        total += ((own @ columns) ** 2).sum(axis=1) / own.sum(axis=1)
    return total


def adjust_by_holm(p_values: Floats) -> Floats:
    """Correct the p-values of one family of tests for their number.

    Args:
        p_values: One per test, 0 to 1, none missing.

    Returns:
        Holm's p-values, same order; those up to a level hold that level for the family.

    References:
        Holm (1979), A simple sequentially rejective multiple test procedure.
    """
    order = np.argsort(p_values, kind="stable")
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(steps))
    return adjusted


def cohens_w(cramers_v: float, classes: int) -> float:
    """Convert Cramér's V, 0 to 1, to Cohen's w, by the smaller of the two numbers of classes."""
    return cramers_v * float(np.sqrt(max(0, classes - 1)))


def cohens_f(correlation_ratio: float) -> float:
    """Convert a correlation ratio, 0 to 1, to Cohen's f; infinite for 1."""
    within = 1 - correlation_ratio**2
    return correlation_ratio / float(np.sqrt(within)) if within > 0 else float("inf")


def assess_magnitude(cohen_effect: float, convention: str) -> str:
    """Find Cohen's word for an effect on a convention's scale; what prints as 0.10 counts so."""
    return MAGNITUDES[bisect_right(CONVENTIONS[convention], round(cohen_effect, 2))]


def cramers_v(codes: pd.Series, segments: pd.Series) -> Effect:
    """Compute the bias-corrected Cramér's V of two classifications of the same households.

    The interval inverts the noncentral chi-square distribution. A noncentrality of n times phi
    squared goes through the same quotient as the estimate, whose numerator is an estimate of just
    that noncentrality; so the interval holds the estimate. Smithson's bounds, in contrast, carry
    the degrees of freedom with them, as the uncorrected V does. A link weaker than chance alone
    shows pulls the upper bound towards 0 as well.

    Args:
        codes: One code per household, none missing.
        segments: One segment per household, same order.

    Returns:
        The effect and its bounds, 0 to 1; all 0 when there is only one code or one segment.

    References:
        Bergsma (2013), A bias-correction for Cramér's V and Tschuprow's T. Smithson (2003),
        Confidence Intervals, chapter 4. Steiger (2004), Beyond the F test.
    """
    from scipy.stats import ncx2

    n, rows, columns = len(codes), codes.nunique(), segments.nunique()
    if min(rows, columns) < 2:  # noqa: PLR2004 - one class cannot be linked with anything
        return NO_LINK
    labels, _ = pd.factorize(segments)
    phi2 = float(_between(_centre(codes, coded=True), labels[np.newaxis])[0])
    free = (rows - 1) * (columns - 1)
    low, high = _bound_noncentrality(partial(ncx2.cdf, n * phi2, free))
    widest = min(side - (side - 1) ** 2 / (n - 1) for side in (rows, columns)) - 1
    phi2s = np.array([max(0, phi2 - free / (n - 1)), low / n, high / n])
    return Effect(*np.sqrt(np.minimum(1, phi2s / widest)).tolist())


def epsilon(values: pd.Series, segments: pd.Series) -> Effect:
    """Compute the bias-corrected correlation ratio of a measurement and a classification.

    Its square is the share of the variance that lies between the segments, less what chance
    explains. The interval inverts the noncentral F distribution: a noncentrality l stands for the
    squared ratio l / (l + n), of which the squared estimate is the bias-corrected one.

    Args:
        values: One number per household, none missing.
        segments: One segment per household, same order.

    Returns:
        The effect and its bounds, 0 to 1; all 0 when the values are constant, or no segment has
        two households.

    References:
        Kelley (1935), An unbiased correlation ratio measure. Smithson (2003), Confidence
        Intervals, chapter 5. Steiger (2004), Beyond the F test.
    """
    from scipy.stats import ncf

    n, groups = len(values), segments.nunique()
    between, within = groups - 1, n - groups
    if min(values.nunique() - 1, between, within) < 1:
        return NO_LINK
    labels, _ = pd.factorize(segments)
    eta2 = float(_between(_centre(values, coded=False), labels[np.newaxis])[0])
    if eta2 > 1 - ROUNDING:
        return FULL_LINK
    f = eta2 / between / ((1 - eta2) / within)
    low, high = _bound_noncentrality(partial(ncf.cdf, f, between, within))
    squared = max(0.0, 1 - (1 - eta2) * (n - 1) / within)
    return Effect(*np.sqrt([squared, low / (low + n), high / (high + n)]).tolist())


def _bound_noncentrality(probability_at: Callable[[float], Any]) -> tuple[float, float]:
    """The noncentralities under which what was observed lies at the edges of the middle 95 %."""
    return _solve(probability_at, 1 - LEVEL / 2), _solve(probability_at, LEVEL / 2)


def _solve(probability_at: Callable[[float], Any], wanted: float) -> float:
    from scipy.optimize import brentq

    if probability_at(0.0) <= wanted:
        return 0.0
    high = 1.0
    while probability_at(high) > wanted:
        high *= 2
    return float(brentq(lambda place: probability_at(place) - wanted, 0.0, high))
