"""What the tables say about the link between segments and demographics."""

from __future__ import annotations

import pandas as pd

from customer_segmentation.findings.wording import (
    counted,
    listing,
    lower_first,
    percent,
    sample,
    two_decimals,
    upper_first,
)
from customer_segmentation.panel.codebook import Codebook

OPENINGS = {
    "large": "Demographics and segments go together",
    "medium": "Demographics tell the segments apart to a medium degree",
    "small": "Demographics tell little about the segments",
    "negligible": "Demographics tell almost nothing about the segments",
}


def judge_links(descriptors: pd.DataFrame) -> str:
    """Say how strong the links between descriptors and segments are, by Cohen's conventions.

    Args:
        descriptors: `segment_descriptors` of one subset of households; one row per descriptor.

    Returns:
        One title with n, without the full stop.
    """
    counts = descriptors["magnitude"].value_counts()
    parts = [f"{counts[word]} {word}" for word in OPENINGS if word in counts]
    low, high = descriptors["n"].min(), descriptors["n"].max()
    size = (
        sample(high) if low == high else f"n\u00a0=\u00a0{low:,}\u00a0to\u00a0{high:,} households"
    )
    return (
        f"{OPENINGS[_largest_magnitude(descriptors)]}: of {counted(len(descriptors), 'link')}, "
        f"{listing(parts)} by Cohen's conventions; {size}"
    )


def name_strongest(descriptors: pd.DataFrame, codebook: Codebook) -> str:
    """Name the descriptors whose link has the largest magnitude, each with its measure.

    Args:
        descriptors: `segment_descriptors` of one subset of households; one row per descriptor.
        codebook: Names of descriptors.

    Returns:
        One sentence, the strongest of each measure first; there is no order between measures.
    """
    word = _largest_magnitude(descriptors)
    if word == "negligible":
        return "Every link is negligible."
    strongest = order_by_magnitude(descriptors[descriptors["magnitude"] == word])
    parts = [
        f"{lower_first(codebook[row['descriptor']].title)} ({row['convention']}\u00a0=\u00a0"
        f"{two_decimals(row['cohen_effect'])})"
        for row in strongest.to_dict("records")
    ]
    return f"{upper_first(word)} links: {listing(parts)}."


def order_by_magnitude(descriptors: pd.DataFrame) -> pd.DataFrame:
    """Sort links from large to negligible, then by measure, then by effect on its scale."""
    order = descriptors["magnitude"].map(list(OPENINGS).index)
    keys = descriptors.assign(order=order, least=-descriptors["cohen_effect"])
    ordered = keys.sort_values(["order", "convention", "least"], kind="stable")
    return ordered.drop(columns=["order", "least"])


def rank_descriptors(descriptors: pd.DataFrame, codebook: Codebook, number: int) -> list[str]:
    """The descriptors with codes that go with the segments most, the strongest first."""
    coded = [
        name in codebook and codebook[name].scale.is_coded for name in descriptors["descriptor"]
    ]
    effects = descriptors[coded].groupby("descriptor")["cohen_effect"].max()
    return list(effects.sort_values(ascending=False, kind="stable").index[:number])


def find_largest_difference(demographics: pd.DataFrame, codebook: Codebook) -> str:
    """Say where a segment's share of a code lies farthest from the total's.

    Args:
        demographics: `segment_demographics` of the descriptors compared; one row per segment,
            variable and code.
        codebook: Names of descriptors and codes.

    Returns:
        One title with n, without the full stop.
    """
    gaps = (demographics["share"] - demographics["total_share"]).abs()
    row = demographics.iloc[int(gaps.argmax())]
    if percent(gaps.max()) == percent(0):
        return "No code is held by a larger share of one segment than of another"
    about = codebook.field(row["variable"])
    same = (demographics["segment"] == row["segment"]) & (demographics["variable"] == about.name)
    stated = demographics.loc[same, "households"].sum()
    everyone = demographics.loc[demographics["variable"] == about.name, "households"].sum()
    return (
        f"The largest gap: {lower_first(about.title)}, {about.codes[int(row['code'])]}, is "
        f"{percent(row['share'])} of {row['segment']} ({row['households']:,} of {stated:,} "
        f"households), {percent(row['total_share'])} of all ({sample(everyone)})"
    )


def _largest_magnitude(descriptors: pd.DataFrame) -> str:
    return next(word for word in OPENINGS if word in set(descriptors["magnitude"]))
