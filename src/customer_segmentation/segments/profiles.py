"""What the segments look like: sizes, purchase profiles, and where the households lie in them.

Segments are described on the households that formed them; thin records are only counted. There are
no p-values here: a test on the purchase record that built the segments would be circular.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import cdist
from scipy.special import softmax
from sklearn.metrics import pairwise_distances

from customer_segmentation.panel.codebook import Codebook, Role, Scale
from customer_segmentation.panel.features import find_relatives
from customer_segmentation.segments.measures import measure_silhouettes
from customer_segmentation.segments.parameters import SegmentationParameters
from customer_segmentation.segments.partition import Floats, Scores
from customer_segmentation.segments.reliability import INTERVAL
from customer_segmentation.segments.segmenter import Segmenter
from customer_segmentation.segments.specification import MEASURED

AXES = ("component_1", "component_2")
OUTER, CORE = "outer", "core"

# Loadings that differ by less are equal: which of them is the largest must not hang on rounding.
_DIGITS = 9


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


def profile_chosen_segments(
    segmenter: Segmenter,
    eligible_households: pd.DataFrame,
    household_segments: pd.DataFrame,
    bootstrapped_segments: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> pd.DataFrame:
    """Summarise every measured variable for each segment, beside the total.

    Args:
        segmenter: The fitted segmenter, whose variables formed the segments.
        eligible_households: One row per household that formed the segments: fields, derived
            variables.
        household_segments: The segment of each household.
        bootstrapped_segments: One row per bootstrap sample x household, in the same order: draws
            and the segment in the sample's own solution.
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
        segments, see `features.find_relatives`, so that its differences are no finding) and
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
    identifiers = bootstrapped_segments[codebook.identifier]
    eligible = identifiers.isin(eligible_households[codebook.identifier])
    intervals, effects = _resample(values, segments, bootstrapped_segments[eligible])
    profiles = profiles.merge(intervals, on=["segment", "variable"], validate="one_to_one")
    profiles = profiles.merge(effects, on="variable", validate="many_to_one")
    formed_by = {*segmenter.variables, *segmentation.naming.variables}
    profiles["built_segments"] = profiles["variable"].isin(find_relatives(formed_by, codebook))
    least = segmentation.description.marker_distance * profiles["total_sd"]
    above = profiles["mean_low"] >= profiles["total_mean"] + least
    below = profiles["mean_high"] <= profiles["total_mean"] - least
    varies = profiles["total_sd"] > 0
    return profiles.assign(marker=(above | below) & varies & ~profiles["built_segments"])


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
    """Means and corrected correlation ratios, sample by sample; missing values do not count.

    The weights are samples x segments x households, and the values households x variables.
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


def locate_households(
    segmenter: Segmenter,
    eligible_households: pd.DataFrame,
    household_segments: pd.DataFrame,
    codebook: Codebook,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Say where the households that formed the segments lie between them.

    Args:
        segmenter: The fitted segmenter.
        eligible_households: One row per household that formed the segments.
        household_segments: One row per household: segment.
        codebook: The panel's codebook.

    Returns:
        `household_positions`: one row per household: `segment`, `silhouette`, `component_1` and
        `component_2` (principal components of the scores) with their shares of the variance,
        `component_1_share` and `component_2_share`. `household_similarities`: one row per household
        x `to_segment`: `segment` and `similarity`, exp(-distance to the centre) divided by its sum
        over the segments. `segment_hulls`: one row per corner of each segment's outer and core
        outline in the plane of the components, see `outline_segments`.

    References:
        Leisch (2010), Neighborhood graphs, stripes and shadow plots for cluster visualization.
        Dolnicar, Grün & Leisch (2018), Market Segmentation Analysis, section 7.5.2 (gorge plots).
    """
    scores = segmenter.compute_scores(eligible_households, codebook).to_numpy()
    own = match_segments(eligible_households, household_segments, codebook)
    components, shares = project_scores(scores)
    located = eligible_households[[codebook.identifier]].assign(
        segment=own,
        silhouette=measure_silhouettes(pairwise_distances(scores), own.to_numpy()),
        **dict(zip(AXES, components.T, strict=True)),
        **{f"{axis}_share": share for axis, share in zip(AXES, shares, strict=True)},
    )
    keys = [codebook.identifier, "segment"]
    similarities = softmax(-cdist(scores, segmenter.partition.centres), axis=1)
    similar = located[keys].join(pd.DataFrame(similarities, columns=segmenter.names))
    melted = similar.melt(keys, var_name="to_segment", value_name="similarity")
    return located, melted, outline_segments(components, own.to_numpy())


def project_scores(scores: Scores) -> tuple[Floats, Floats]:
    """Lay the households out in the plane that keeps most of their variance.

    Returns:
        The first two principal components, one row per household, in units of the scores; the
        largest loading of each is positive. And the share of the variance that each holds, from 0
        to 1. A single score leaves the second component and its share 0.

    References:
        Jolliffe (2002), Principal Component Analysis.
    """
    centred = scores - scores.mean(axis=0)
    _, spreads, loadings = np.linalg.svd(centred, full_matrices=False)
    largest = np.abs(loadings).round(_DIGITS).argmax(axis=1)
    signs = np.sign(loadings[np.arange(len(loadings)), largest])
    shown = min(len(AXES), len(loadings))
    components, shares = np.zeros((len(scores), len(AXES))), np.zeros(len(AXES))
    components[:, :shown] = centred @ (loadings * signs[:, np.newaxis])[:shown].T
    total = (spreads**2).sum()
    shares[:shown] = spreads[:shown] ** 2 / (total if total > 0 else 1)
    return components, shares


def outline_segments(components: Floats, labels: npt.NDArray[Any]) -> pd.DataFrame:
    """Outline each segment on the map: around all its households, and around its inner half.

    Returns:
        One row per segment x part x corner: `segment`, `part` (`outer` around all households,
        `core` around the half nearest to the segment's mean, more on ties), `step` (from 1, along
        the closed line: the last corner is the first), `component_1` and `component_2`. Households
        that lie on one line have no outline.

    References:
        Dolnicar, Grün & Leisch (2018), Market Segmentation Analysis, section 8.3.2 (the hulls of
        flexclust's segment separation plot).
    """
    rows = [
        (segment, part, step, *corner)
        for segment in np.unique(labels)
        for part, members in _split(components[labels == segment])
        for step, corner in enumerate(_surround(members), start=1)
    ]
    return pd.DataFrame(rows, columns=["segment", "part", "step", *AXES])


def _split(members: Floats) -> Iterator[tuple[str, Floats]]:
    yield OUTER, members
    distances = np.linalg.norm(members - members.mean(axis=0), axis=1)
    yield CORE, members[distances <= np.median(distances)]


def _surround(points: Floats) -> Floats:
    try:
        corners = ConvexHull(points).vertices
    except QhullError:  # too few points, or all on one line
        return points[:0]
    return points[[*corners, corners[0]]]
