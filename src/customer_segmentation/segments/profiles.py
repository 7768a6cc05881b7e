"""What the segments look like: sizes and purchase profiles.

Segments are described on the households that formed them; thin records are only counted. There are
no p-values here: a test on the purchase record that built the segments would be circular.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import pandas as pd

from customer_segmentation.panel.codebook import Codebook, Role, Scale
from customer_segmentation.panel.features import find_relatives
from customer_segmentation.segments.constructs import MEASURED
from customer_segmentation.segments.parameters import SegmentationParameters
from customer_segmentation.segments.stability import INTERVAL

Floats = npt.NDArray[np.float64]


def measure_sizes(household_segments: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """Count the households of each segment.

    Args:
        household_segments: One row per household: segment and thin-record flag.
        codebook: The panel's codebook.

    Returns:
        One row per segment: `segment`, `households` that formed it, their `share` of all that
        formed segments, and `thin_households`, assigned to it afterwards.
    """
    thin = household_segments[codebook.column(Role.THIN_RECORD)]
    counts = pd.crosstab(household_segments["segment"], thin.to_numpy()).reindex(
        columns=[False, True], fill_value=0
    )
    sizes = pd.DataFrame({"households": counts[False], "thin_households": counts[True]})
    sizes.insert(1, "share", sizes["households"] / sizes["households"].sum())
    return sizes.rename_axis("segment").reset_index()


def profile_segments(
    eligible_households: pd.DataFrame,
    household_segments: pd.DataFrame,
    bootstrapped: pd.DataFrame,
    formed_by: Collection[str],
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> pd.DataFrame:
    """Summarise every measured variable for each segment, beside the total.

    Args:
        eligible_households: One row per household that formed the segments: fields, derived
            variables.
        household_segments: The segment of each household.
        bootstrapped: One row per bootstrap sample x household, in the same order: draws and the
            segment in the sample's own solution (`stability.bootstrap_segments`).
        formed_by: The variables that formed and named the segments.
        codebook: The panel's codebook.
        segmentation: How far a marker must lie from the total.

    Returns:
        One row per segment x variable that is measured, in the variable's unit:
        `segment`, `variable`, `n` (households that state it), `mean`, `sd`, `q25`, `median`, `q75`,
        `mean_low` and `mean_high` (95 % interval over bootstrap samples, the whole pipeline
        refitted and the segments aligned; missing where no sample has a value), `total_mean`,
        `total_sd`, `index_to_total` (100 = the mean of all; missing when that is 0 or the scale has
        no quotients), `standardised_mean` (distance from the mean of all in standard deviations),
        `effect` with `effect_low` and `effect_high` (of the variable, the same in all segments: the
        correlation ratio, corrected for chance, with a 95 % interval from the same samples),
        `built_segments` (whether the variable is related to those that formed or named the
        segments, see `provenance.find_relatives`, so that its differences are no finding) and
        `marker` (whether it is not, and the whole interval lies at least the marker distance from
        the total).
    """
    segments = match_segments(eligible_households, household_segments, codebook)
    variables = [v.name for v in codebook.variables if v.scale in MEASURED]
    values = eligible_households[variables].astype("float64")
    by_segment = {name: _summarise(group) for name, group in values.groupby(segments)}
    profiles: pd.DataFrame = pd.concat(by_segment, names=["segment", "variable"]).reset_index()
    total = _summarise(values).loc[profiles["variable"]]
    profiles["total_mean"] = total["mean"].to_numpy()
    profiles["total_sd"] = total["sd"].to_numpy()
    distance = profiles["mean"] - profiles["total_mean"]
    index = 100 * _divide(profiles["mean"], profiles["total_mean"])
    scales = profiles["variable"].map({v.name: v.scale for v in codebook.variables})
    profiles["index_to_total"] = index.mask(scales == Scale.INTERVAL)
    profiles["standardised_mean"] = _divide(distance, profiles["total_sd"])
    eligible = bootstrapped[
        bootstrapped[codebook.identifier].isin(eligible_households[codebook.identifier])
    ]
    intervals, effects = _resample(values, segments, eligible)
    profiles = profiles.merge(intervals, on=["segment", "variable"], validate="one_to_one")
    profiles = profiles.merge(effects, on="variable", validate="many_to_one")
    profiles["built_segments"] = profiles["variable"].isin(find_relatives(formed_by, codebook))
    return profiles.assign(marker=_find_markers(profiles, segmentation.description.marker_distance))


def _find_markers(profiles: pd.DataFrame, distance: float) -> pd.Series:
    least = distance * profiles["total_sd"]
    beyond = (profiles["mean_low"] >= profiles["total_mean"] + least) | (
        profiles["mean_high"] <= profiles["total_mean"] - least
    )
    return beyond & (profiles["total_sd"] > 0) & ~profiles["built_segments"]


def _resample(
    values: pd.DataFrame, segments: pd.Series, bootstrapped: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Intervals of the means by segment and variable, and of the effect by variable."""
    matrix, names = values.to_numpy(), sorted(segments.unique())
    draws = bootstrapped["draws"].to_numpy(dtype=np.float64).reshape(-1, len(values))
    again = bootstrapped["segment"].to_numpy().reshape(-1, len(values))
    weights = np.stack([draws * (again == name) for name in names], axis=1)
    means, effects = _compare_means(weights, matrix)
    low, high = _interval(means)  # in the order of the keys
    keys = pd.MultiIndex.from_product([names, values.columns], names=["segment", "variable"])
    intervals = pd.DataFrame({"mean_low": low, "mean_high": high}, index=keys)
    own = np.stack([segments.to_numpy() == name for name in names])[np.newaxis]
    low, high = _interval(effects)
    effect = pd.DataFrame(
        {
            "variable": values.columns,
            "effect": _compare_means(own.astype(np.float64), matrix)[1][0],
            "effect_low": low,
            "effect_high": high,
        }
    )
    return intervals.reset_index(), effect


def _compare_means(weights: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Means of the segments, and the corrected correlation ratio, sample by sample.

    Args:
        weights: Samples x segments x households.
        values: Households x variables; missing values do not count.

    Returns:
        Means (samples x segments x variables) and effects (samples x variables).
    """
    stated = ~np.isnan(values)
    # Counted from the smallest value, so that a constant varies by exactly nothing.
    smallest = np.where(stated, values, np.inf).min(axis=0)
    filled = np.where(stated, values - smallest, 0.0)
    masses, sums = weights @ stated.astype(np.float64), weights @ filled
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums / masses
        n, squares = masses.sum(axis=1), (weights.sum(axis=1)) @ filled**2
        total = squares - sums.sum(axis=1) ** 2 / n
        within = squares - np.nansum(sums * means, axis=1)
        share = 1 - (within / (n - weights.shape[1])) / (total / (n - 1))
        effects = np.sqrt(np.clip(np.where(total == 0, 0.0, share), 0, 1))
    return means + smallest, effects


def _interval(samples: Floats) -> Floats:
    flat = pd.DataFrame(samples.reshape(len(samples), -1))
    interval: Floats = flat.quantile(INTERVAL).to_numpy()
    return interval


def _summarise(values: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "n": values.count(),
            "mean": values.mean(),
            "sd": (values - values.min()).std(),  # of a constant exactly 0
            "q25": values.quantile(0.25),
            "median": values.median(),
            "q75": values.quantile(0.75),
        }
    )


def _divide(numerator: pd.Series, denominator: pd.Series) -> pd.Series:
    quotient: pd.Series = numerator / denominator.where(denominator != 0)
    return quotient


def match_segments(
    households: pd.DataFrame, household_segments: pd.DataFrame, codebook: Codebook
) -> pd.Series:
    """Find the segment of each household, as a column beside the others; same index."""
    by_household = household_segments.set_index(codebook.identifier)["segment"]
    return households[codebook.identifier].map(by_household).rename("segment")
