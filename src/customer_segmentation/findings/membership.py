"""What the tables say about how surely households belong to their segments, and about sizes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from customer_segmentation.findings.stability import name_extremes
from customer_segmentation.findings.wording import (
    counted,
    listing,
    percent,
    sample,
    two_decimals,
    whole,
)
from customer_segmentation.segments.profiles import AXES, OUTER

STEADY, UNSTEADY = 0.9, 0.5  # agreement with bootstrap solutions


def judge_sizes(stability: pd.DataFrame, stratum: str) -> str:
    """Say how large the largest segment is, and how far that hangs on who is in the panel.

    Args:
        stability: `segment_stability`; one row per segment, with interval and range over mixes.
        stratum: Name of the sampling stratum, inside a sentence.

    Returns:
        One title with n, without the full stop.
    """
    row = stability.sort_values("share").iloc[-1]
    return (
        f"{row['segment']}: {percent(row['share'])} of the households, {percent(row['share_low'])} "
        f"to {percent(row['share_high'])} by the 95% interval, {percent(row['mix_low'])} to "
        f"{percent(row['mix_high'])} over all mixes of {stratum}; {sample(stability['size'].sum())}"
    )


def tell_weights(stability: pd.DataFrame) -> str:
    """Say how large the segments are once the households are weighted, where weights exist.

    Args:
        stability: `segment_stability`; one row per segment, weighted_share missing without weights.

    Returns:
        One sentence.
    """
    weighted = stability.dropna(subset="weighted_share")
    if weighted.empty:
        return (
            "The panel carries no weights, so no share can be projected to a population; what "
            "stands instead is the range of each share over all mixes of the sampling strata."
        )
    told = listing(
        f"{row['segment']} {percent(row['weighted_share'])} instead of {percent(row['share'])}"
        for row in weighted.to_dict("records")
    )
    return f"With the households’ weights: {told}."


def summarise_similarities(similarities: pd.DataFrame) -> pd.DataFrame:
    """Summarise how similar households are to their own segment.

    Args:
        similarities: `household_similarities`; one row per household and segment compared with.

    Returns:
        One row per segment: segment, households, lower_quartile, median, upper_quartile and
        mostly_own, the share of its households that are more similar to it than to all other
        segments together.
    """
    own = similarities[similarities["segment"] == similarities["to_segment"]]
    values = own.groupby("segment")["similarity"]
    columns = {
        "households": values.size(),
        "lower_quartile": values.quantile(0.25),
        "median": values.median(),
        "upper_quartile": values.quantile(0.75),
        "mostly_own": (own["similarity"] > 0.5).groupby(own["segment"]).mean(),  # noqa: PLR2004
    }
    return pd.DataFrame(columns).reset_index()


def judge_similarities(similarities: pd.DataFrame) -> str:
    """Say to which segment its households are most and least similar.

    Args:
        similarities: `household_similarities`; one row per household and segment compared with.

    Returns:
        One title with n, without the full stop.
    """
    summary = summarise_similarities(similarities).set_index("segment")
    none = two_decimals(1 / similarities["to_segment"].nunique())
    return (
        "Median similarity of households to their own segment: "
        f"{name_extremes(summary['median'], two_decimals)}; {none} is no preference; "
        f"{sample(summary['households'].sum())}"
    )


def summarise_positions(positions: pd.DataFrame, hulls: pd.DataFrame) -> pd.DataFrame:
    """Count the households that lie where another segment has households.

    Args:
        positions: `household_positions`; one row per eligible household.
        hulls: `segment_hulls`; closed convex polygons by segment, part and step.

    Returns:
        One row per segment: segment, households and astray, those of them that lie inside the
        outline of another segment on the first two principal components.
    """
    astray = pd.Series(data=False, index=positions.index)
    points = positions[list(AXES)].to_numpy(dtype="float64")
    for segment, corners in hulls[hulls["part"] == OUTER].groupby("segment"):
        polygon = corners.sort_values("step")[list(AXES)].to_numpy(dtype="float64")
        astray |= _lie_inside(points, polygon) & (positions["segment"] != segment)
    counts = astray.groupby(positions["segment"]).agg(["size", "sum"])
    return counts.set_axis(["households", "astray"], axis=1).reset_index()


def judge_positions(positions: pd.DataFrame, hulls: pd.DataFrame) -> str:
    """Say how much of the variance the map shows, and how far the segments overlap on it.

    Args:
        positions: `household_positions`; one row per eligible household.
        hulls: `segment_hulls`.

    Returns:
        One title with n, without the full stop.
    """
    counts = summarise_positions(positions, hulls)[["households", "astray"]].sum()
    shown = sum(positions[f"{axis}_share"].iloc[0] for axis in AXES)
    return (
        f"On the two components that hold {percent(shown)} of the variance, "
        f"{percent(counts['astray'] / counts['households'])} of the households lie inside the "
        f"outline of another segment; {sample(counts['households'])}"
    )


def summarise_silhouettes(positions: pd.DataFrame) -> pd.DataFrame:
    """Summarise how much nearer households are to their own segment than to the next one.

    Args:
        positions: `household_positions`; one row per eligible household.

    Returns:
        One row per segment: segment, households, lowest, mean and highest silhouette, and
        below_zero, the share of its households that are nearer to another segment.
    """
    values = positions.groupby("segment")["silhouette"]
    columns = {
        "households": values.size(),
        "lowest": values.min(),
        "mean": values.mean(),
        "highest": values.max(),
        "below_zero": (positions["silhouette"] < 0).groupby(positions["segment"]).mean(),
    }
    return pd.DataFrame(columns).reset_index()


def judge_silhouettes(positions: pd.DataFrame) -> str:
    """Say how many households are nearer to another segment than to their own.

    Args:
        positions: `household_positions`; one row per eligible household.

    Returns:
        One title with n, without the full stop.
    """
    below = positions["silhouette"] < 0
    shares = summarise_silhouettes(positions).set_index("segment")["below_zero"]
    return (
        f"{counted(below.sum(), 'household')} ({percent(below.mean())}) with a silhouette below 0, "
        f"nearer to another segment; share {name_extremes(shares, percent)}; "
        f"{sample(len(positions))}"
    )


def summarise_agreement(assigned: pd.DataFrame) -> pd.DataFrame:
    """Summarise how often bootstrap solutions give households the segment that they have.

    Args:
        assigned: `household_segments` of the eligible households; agreement is the share of the
            solutions that agree.

    Returns:
        One row per segment: segment, households, the mean agreement, steady and unsteady (shares of
        its households with an agreement of at least 0.9, and below 0.5), and rival, the second
        segment of most of its households.
    """
    groups = assigned.groupby("segment")
    columns = {
        "households": groups.size(),
        "agreement": groups["agreement"].mean(),
        "steady": (assigned["agreement"] >= STEADY).groupby(assigned["segment"]).mean(),
        "unsteady": (assigned["agreement"] < UNSTEADY).groupby(assigned["segment"]).mean(),
        "rival": groups["second_segment"].agg(lambda names: names.mode().iloc[0]),
    }
    return pd.DataFrame(columns).reset_index()


def judge_agreement(assigned: pd.DataFrame) -> str:
    """Say for how many households the segment is steady, and for how many it is a toss-up.

    Args:
        assigned: `household_segments` of the eligible households.

    Returns:
        One sentence.
    """
    steady, unsteady = assigned["agreement"] >= STEADY, assigned["agreement"] < UNSTEADY
    shares = summarise_agreement(assigned).set_index("segment")["steady"]
    return (
        f"{counted(steady.sum(), 'household')} of {whole(len(assigned))} "
        f"({percent(steady.mean())}) get the same segment in at least "
        f"{percent(STEADY)} of the bootstrap solutions, and "
        f"{whole(unsteady.sum())} in fewer than half; share of such steady households "
        f"{name_extremes(shares, percent)}."
    )


def _lie_inside(
    points: npt.NDArray[np.float64], polygon: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    # Inside a convex polygon a point lies on the same side of every edge.
    edges = np.diff(polygon, axis=0)
    to_points = points[:, np.newaxis] - polygon[:-1]
    sides = edges[:, 0] * to_points[..., 1] - edges[:, 1] * to_points[..., 0]
    inside: npt.NDArray[np.bool_] = np.abs(np.sign(sides).sum(axis=1)) == len(edges)
    return inside
