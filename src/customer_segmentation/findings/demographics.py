"""What the tables say about the link between segments and demographics."""

from __future__ import annotations

import pandas as pd

from customer_segmentation.findings.wording import (
    highest,
    listing,
    lower_first,
    percent,
    sample,
    two_decimals,
)
from customer_segmentation.panel.codebook import Codebook

# Cohen (1988), Statistical Power Analysis for the Behavioral Sciences: conventional effect sizes.
ASSOCIATION = ((0.5, "strong"), (0.3, "moderate"), (0.1, "weak"), (-1.0, "negligible"))
OPENINGS = {
    "strong": "Demographics and segments go together",
    "moderate": "Demographics tell the segments apart to a moderate degree",
    "weak": "Demographics tell little about the segments",
    "negligible": "Demographics tell almost nothing about the segments",
}


def judge_effect(effect: float) -> str:
    """The conventional word for an effect size in [0, 1]; what prints as 0.10 counts as 0.10."""
    return next(word for least, word in ASSOCIATION if float(two_decimals(effect)) >= least)


def judge_links(descriptors: pd.DataFrame, codebook: Codebook) -> str:
    """Say how strong the strongest link between a descriptor and the segments is.

    Args:
        descriptors: `segment_descriptors` of one subset of households; one row per descriptor.
        codebook: Names of descriptors.

    Returns:
        One title with n, without the full stop; descriptors that tie all stand in it.
    """
    effects = descriptors.set_index("descriptor")["effect"]
    strongest = highest(effects, two_decimals)
    opening = OPENINGS[judge_effect(effects.max())]
    if len(strongest) == len(effects):
        return f"{opening}: every link has an effect size of {two_decimals(effects.max())}"
    names = listing(lower_first(codebook[name].title) for name in strongest)
    verb = "link is" if len(strongest) == 1 else "links are"
    row = descriptors.loc[descriptors["descriptor"] == strongest[0]].iloc[0]
    return (
        f"{opening}: the strongest {verb} {names} (effect size "
        f"{two_decimals(effects.max())} of at most 1; {sample(row['n'])})"
    )


def count_by_strength(descriptors: pd.DataFrame) -> str:
    """Say how many descriptors have a strong, moderate, weak or negligible link."""
    words = descriptors["effect"].map(judge_effect).value_counts()
    parts = [f"{words[word]} {word}" for _, word in ASSOCIATION if word in words]
    return f"Of {len(descriptors)} links, by Cohen's convention, {listing(parts)}."


def rank_descriptors(descriptors: pd.DataFrame, codebook: Codebook, number: int) -> list[str]:
    """The descriptors with codes that go with the segments most, the strongest first."""
    coded = [
        name in codebook and codebook[name].scale.is_coded for name in descriptors["descriptor"]
    ]
    effects = descriptors[coded].groupby("descriptor")["effect"].max()
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
    return (
        f"The largest gap: {lower_first(about.title)}, {about.codes[int(row['code'])]}, is "
        f"{percent(row['share'])} of {row['segment']} ({row['households']:,} of {stated:,} "
        f"households), {percent(row['total_share'])} of all"
    )
