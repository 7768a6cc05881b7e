"""What the tables say about other ways to form the segments."""

from __future__ import annotations

import numpy as np
import pandas as pd

from customer_segmentation.findings.evidence import chosen_candidate, prefer_by_index
from customer_segmentation.findings.means import print_range
from customer_segmentation.findings.stability import name_extremes
from customer_segmentation.findings.wording import (
    counted,
    listing,
    lower_first,
    percent,
    sample,
    two_decimals,
    whole,
)
from customer_segmentation.segments.sensitivity import BOUNDS, SAMPLE


def tabulate_agreement(candidates: pd.DataFrame, agreement: pd.DataFrame) -> pd.DataFrame:
    """Lay out how far the specifications agree at the chosen number of segments.

    Args:
        candidates: `segmentation_candidates`; one row per specification and k.
        agreement: `specification_agreement`; one row per pair and k.

    Returns:
        One row per specification, the chosen one first, then as in `candidates`, references last:
        specification, reference and the adjusted Rand index with each of them, in columns "1", "2",
        ... by their place in this table; missing with itself.
    """
    chosen = chosen_candidate(candidates)
    order = candidates.drop_duplicates("specification")
    order = order.assign(other=order["specification"] != chosen["specification"])
    order = order.sort_values(["reference", "other"], ignore_index=True)
    places = pd.Series(order.index, index=order["specification"])
    held = agreement[agreement["k"] == chosen["k"]]
    first, second = held["specification_a"].map(places), held["specification_b"].map(places)
    values = np.full((len(order), len(order)), np.nan)
    values[first, second] = values[second, first] = held["ari"]
    columns = [str(place + 1) for place in places]
    return order[["specification", "reference"]].join(pd.DataFrame(values, columns=columns))


def judge_agreement(table: pd.DataFrame, candidates: pd.DataFrame, households: float) -> str:
    """Say how far other specifications give the segments of the chosen one.

    Args:
        table: What `tabulate_agreement` returned.
        candidates: `segmentation_candidates`; one row per specification and k.
        households: How many households formed the segments.

    Returns:
        One title with n, without the full stop.
    """
    k = chosen_candidate(candidates)["k"]
    ari, size = table["1"].dropna(), sample(households)
    if ari.empty:
        return f"No other specification for {k} segments was tried; {size}"
    return (
        f"Adjusted Rand index of the {k} chosen segments with those of {len(ari)} other "
        f"specifications: {two_decimals(ari.min())} to {two_decimals(ari.max())}, median "
        f"{two_decimals(ari.median())}; {size}"
    )


def add_share_moved(sensitivity: pd.DataFrame) -> pd.DataFrame:
    """Add `share_moved`, the share of the households compared whose segment changes."""
    return sensitivity.assign(
        share_moved=sensitivity["households_moved"] / sensitivity["households"]
    )


def judge_sensitivity(sensitivity: pd.DataFrame) -> str:
    """Say which decision moves the most households, and which one the fewest.

    Args:
        sensitivity: `segment_sensitivity`, with `share_moved`; one row per variation.

    Returns:
        One title with n, without the full stop.
    """
    names = [f"“{name}”" for name in sensitivity["variation"]]
    extremes = name_extremes(sensitivity["share_moved"].set_axis(names), percent)
    size = sample(sensitivity["households"].max())
    return f"Households whose segment changes when one decision does: {extremes}; {size}"


def tell_personas(sensitivity: pd.DataFrame) -> str:
    """Tell in which variations the personas are no longer found.

    Args:
        sensitivity: `segment_sensitivity`; mismatch says which signature no segment shows.

    Returns:
        One sentence; empty when no variation was compared by size.
    """
    varied = sensitivity[sensitivity["sizes"] != ""]
    lost = varied[varied["mismatch"] != ""]
    if varied.empty:
        return ""
    if lost.empty:
        return f"All personas are found again in each of {counted(len(varied), 'variation')}."
    told = [
        f"“{row['variation']}” ({lower_first(row['mismatch'])})" for row in lost.to_dict("records")
    ]
    return (
        f"In {len(lost)} of {counted(len(varied), 'variation')} not all personas are found again: "
        f"{listing(told)}."
    )


def tell_recipe(
    table: pd.DataFrame, sensitivity: pd.DataFrame, candidates: pd.DataFrame, *, is_named: bool
) -> str:
    """Say in one sentence how much hangs on the way the segments were formed.

    Args:
        table: What `tabulate_agreement` returned; the first part of a specification is its view.
        sensitivity: `segment_sensitivity`; mismatch says which signature no segment shows.
        candidates: `segmentation_candidates`; one row per specification and k.
        is_named: Whether the segments are the personas; else nothing is said of these.

    Returns:
        One sentence; empty where nothing else was tried.
    """
    chosen = chosen_candidate(candidates)
    own = candidates[candidates["specification"] == chosen["specification"]]
    varied = sensitivity[sensitivity["sizes"] != ""]
    told = _tell_views(table, chosen["k"])
    if is_named and len(varied):
        told.append(
            f"{(varied['mismatch'] != '').sum()} of {counted(len(varied), 'variation')} of it "
            "do not show all personas again"
        )
    if candidates["barred_by_personas"].any():
        told.append("the number of segments follows from the personas, not from the data alone")
    preferred = prefer_by_index(own).values()
    prefers = [number for number in preferred if number != chosen["k"]]
    if prefers:
        others = f"{listing(map(str, sorted(set(prefers))))} segments"
        verb = "prefers" if len(prefers) == 1 else "prefer"
        told.append(
            f"{len(prefers)} of {len(preferred)} indices that ask for no personas {verb} {others}"
        )
    return f"What hangs on the recipe: {'; '.join(told)}." if told else ""


def _tell_views(table: pd.DataFrame, k: int) -> list[str]:
    """How far specifications of the same view agree with the first, and how far the others."""
    view = table["specification"].str.partition(".")[0]
    agreeing = {
        "the same columns, transformed or grouped otherwise": view == view.iloc[0],
        "other choices of columns": view != view.iloc[0],
    }
    parts = {name: table.loc[mask, "1"].dropna() for name, mask in agreeing.items()}
    told = [
        f"{print_range(ari.min(), ari.max(), two_decimals)} for {name} "
        f"({counted(len(ari), 'specification')})"
        for name, ari in parts.items()
        if len(ari)
    ]
    return [f"adjusted Rand index with these {k} segments {listing(told)}"] if told else []


def tell_samples(sensitivity: pd.DataFrame) -> list[str]:
    """Tell what happens when other households form the segments.

    Args:
        sensitivity: `segment_sensitivity`, with `share_moved`; one row per variation.

    Returns:
        One sentence per variation of the sample.
    """
    return [
        f"{row['variation']}: {percent(row['share_moved'])} of the households change segment, "
        f"adjusted Rand index {two_decimals(row['ari'])}; {row['note']}."
        for row in sensitivity[sensitivity["kind"] == SAMPLE].to_dict("records")
    ]


def tell_bounds(sensitivity: pd.DataFrame) -> list[str]:
    """Tell how many households move between the two ends of what the panel cannot tell.

    Args:
        sensitivity: `segment_sensitivity`, with `share_moved`; one row per variation.

    Returns:
        One sentence per variable that lies between bounds.
    """
    rows = sensitivity[sensitivity["kind"] == BOUNDS].to_dict("records")
    return [
        f"{row['variation']}: {whole(row['households_moved'])} of {whole(row['households'])} "
        f"households ({percent(row['share_moved'])}) change segment, adjusted Rand index "
        f"{two_decimals(row['ari'])}."
        for row in rows
    ]
