"""What the segments look like: sizes, purchase profiles and demographic links.

Segments are described on the households that formed them; thin records are only counted. There are
no p-values here: a test on the columns that built the segments would be circular.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pandas as pd

from customer_segmentation.panel.codebook import Codebook, Origin, Role, Scale
from customer_segmentation.segments.specification import MEASURED

CRAMERS_V = "Cramér's V, bias-corrected"
EPSILON = "correlation ratio, bias-corrected (epsilon)"
# Cohen (1988), Statistical Power Analysis for the Behavioral Sciences: from where on an effect is
# small, medium, large; w of a cross table, f of group means.
CONVENTIONS = {"w": (0.10, 0.30, 0.50), "f": (0.10, 0.25, 0.40)}
MAGNITUDES = ("negligible", "small", "medium", "large")
NORMAL_95 = NormalDist().inv_cdf(0.975)
RECORD_PRESENT = "eligible, demographic record present"


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
    eligible_households: pd.DataFrame, household_segments: pd.DataFrame, codebook: Codebook
) -> pd.DataFrame:
    """Summarise every measured variable for each segment, beside the total.

    Args:
        eligible_households: One row per household that formed the segments: fields, derived
            variables.
        household_segments: The segment of each household.
        codebook: The panel's codebook.

    Returns:
        One row per segment x variable that is measured, in the variable's unit:
        `segment`, `variable`, `n` (households that state it), `mean`, `sd`, `q25`, `median`, `q75`,
        `mean_low` and `mean_high` (95 % interval of the mean over households, by the normal
        distribution, with the segments held fixed; missing for a single household),
        `total_mean`, `total_sd`, `index_to_total` (100 = the mean of all; missing when that is 0
        or the scale has no quotients)
        and `standardised_mean` (distance from the mean of all in standard deviations).
    """
    segments = _segments_of(eligible_households, household_segments, codebook)
    variables = [v.name for v in codebook.variables if v.scale in MEASURED]
    values = eligible_households[variables].astype("float64")
    by_segment = {name: _summarise(group) for name, group in values.groupby(segments)}
    profiles: pd.DataFrame = pd.concat(by_segment, names=["segment", "variable"]).reset_index()
    total = _summarise(values).loc[profiles["variable"]]
    error = NORMAL_95 * profiles["sd"] / np.sqrt(profiles["n"])
    profiles["mean_low"] = profiles["mean"] - error
    profiles["mean_high"] = profiles["mean"] + error
    profiles["total_mean"] = total["mean"].to_numpy()
    profiles["total_sd"] = total["sd"].to_numpy()
    distance = profiles["mean"] - profiles["total_mean"]
    index = 100 * _divide(profiles["mean"], profiles["total_mean"])
    scales = profiles["variable"].map({v.name: v.scale for v in codebook.variables})
    profiles["index_to_total"] = index.mask(scales == Scale.INTERVAL)
    profiles["standardised_mean"] = _divide(distance, profiles["total_sd"])
    return profiles


def _summarise(values: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "n": values.count(),
            "mean": values.mean(),
            "sd": values.std(),
            "q25": values.quantile(0.25),
            "median": values.median(),
            "q75": values.quantile(0.75),
        }
    )


def _divide(numerator: pd.Series, denominator: pd.Series) -> pd.Series:
    quotient: pd.Series = numerator / denominator.where(denominator != 0)
    return quotient


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
        `total_share` of all that state it, and `index_to_total` (100 = the share in all).
    """
    segments = _segments_of(eligible_households, household_segments, codebook)
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
        share=share, total_share=total_share, index_to_total=100 * share / total_share
    )


def measure_descriptors(
    eligible_households: pd.DataFrame, household_segments: pd.DataFrame, codebook: Codebook
) -> pd.DataFrame:
    """Measure how strongly each demographic descriptor is linked with the segments.

    Codes are measured by Cramér's V, counts by the correlation ratio. Both run from 0 (no link) to
    1 and are corrected for the link that chance alone would show; a negative value becomes 0.

    Args:
        eligible_households: One row per household that formed the segments; not stated is missing.
        household_segments: The segment of each household.
        codebook: The panel's codebook.

    Returns:
        One row per descriptor: `descriptor`, `subset` (which households), `n` (those of them that
        state the descriptor), `measure` (name for people), `effect` (0 to 1), `convention` (w or f,
        the scale of Cohen's conventions), `cohen_effect` (the effect on that scale) and `magnitude`
        (negligible, small, medium or large by the convention; w and f are comparable by this word
        alone).

    References:
        Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, chapters 7 and 8.
        Bergsma (2013), A bias-correction for Cramér's V and Tschuprow's T. Kelley (1935), An
        unbiased correlation ratio measure.
    """
    present = eligible_households[~eligible_households[codebook.column(Role.BLANK_RECORD)]]
    segments = _segments_of(present, household_segments, codebook)
    rows = [
        {"descriptor": name, "subset": RECORD_PRESENT}
        | _measure(present[name].dropna(), segments, coded=codebook[name].scale.is_coded)
        for name in codebook.columns_from(Origin.DEMOGRAPHIC)
    ]
    return pd.DataFrame(rows)


def _measure(stated: pd.Series, segments: pd.Series, *, coded: bool) -> dict[str, object]:
    own = segments[stated.index]
    if coded:
        effect = cramers_v(stated, own)
        judged = {"measure": CRAMERS_V, "effect": effect, "convention": "w"}
        cohen = cohens_w(effect, min(stated.nunique(), own.nunique()))
    else:
        effect = epsilon(stated, own)
        judged = {"measure": EPSILON, "effect": effect, "convention": "f"}
        cohen = cohens_f(effect)
    magnitude = judge_magnitude(cohen, str(judged["convention"]))
    return {"n": len(stated), **judged, "cohen_effect": cohen, "magnitude": magnitude}


def cohens_w(cramers_v: float, classes: int) -> float:
    """Convert Cramér's V to Cohen's w.

    Args:
        cramers_v: 0 to 1.
        classes: The smaller of the two numbers of classes.

    Returns:
        0 or more; 0 for a single class.
    """
    return cramers_v * float(np.sqrt(max(0, classes - 1)))


def cohens_f(correlation_ratio: float) -> float:
    """Convert a correlation ratio, 0 to 1, to Cohen's f; infinite for 1."""
    within = 1 - correlation_ratio**2
    return correlation_ratio / float(np.sqrt(within)) if within > 0 else float("inf")


def judge_magnitude(cohen_effect: float, convention: str) -> str:
    """Find Cohen's word for an effect; what prints as 0.10 counts as 0.10.

    Args:
        cohen_effect: The effect on the convention's scale.
        convention: w or f.

    Returns:
        negligible, small, medium or large.
    """
    passed = sum(round(cohen_effect, 2) >= least for least in CONVENTIONS[convention])
    return MAGNITUDES[passed]


def cramers_v(codes: pd.Series, segments: pd.Series) -> float:
    """Compute the bias-corrected Cramér's V of two classifications of the same households.

    Args:
        codes: One code per household, none missing.
        segments: One segment per household, same order.

    Returns:
        0 to 1; 0 when there is only one code or one segment.
    """
    counts = pd.crosstab(codes.to_numpy(), segments.to_numpy()).to_numpy(dtype=float)
    n, (rows, columns) = counts.sum(), counts.shape
    if min(rows, columns) < 2:  # noqa: PLR2004 - one class cannot be linked with anything
        return 0.0
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / n
    phi2 = (((counts - expected) ** 2) / expected).sum() / n
    corrected = max(0.0, phi2 - (rows - 1) * (columns - 1) / (n - 1))
    sides = [side - (side - 1) ** 2 / (n - 1) for side in (rows, columns)]
    return float(np.sqrt(corrected / (min(sides) - 1)))


def epsilon(values: pd.Series, segments: pd.Series) -> float:
    """Compute the bias-corrected correlation ratio of a measurement and a classification.

    Its square is the share of the variance that lies between the segments, less what chance
    explains.

    Args:
        values: One number per household, none missing.
        segments: One segment per household, same index.

    Returns:
        0 to 1; 0 when the values are constant.
    """
    numbers = values.astype("float64")
    within_means = numbers.groupby(segments).transform("mean")
    total = float(((numbers - numbers.mean()) ** 2).sum())
    within = float(((numbers - within_means) ** 2).sum())
    if total == 0:
        return 0.0
    free_within = len(numbers) - segments.nunique()
    squared = 1 - (within / free_within) / (total / (len(numbers) - 1))
    return float(np.sqrt(max(0.0, squared)))


def _segments_of(
    households: pd.DataFrame, household_segments: pd.DataFrame, codebook: Codebook
) -> pd.Series:
    by_household = household_segments.set_index(codebook.identifier)["segment"]
    return households[codebook.identifier].map(by_household).rename("segment")
