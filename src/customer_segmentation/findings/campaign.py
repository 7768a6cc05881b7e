"""What the tables say about mailing the households that most probably belong to one segment."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from customer_segmentation.findings.claims import BETTER, OPEN, judge_gain
from customer_segmentation.findings.wording import (
    Row,
    inside,
    listing,
    one_decimal,
    opening,
    percent,
    percent_1,
    sample,
    two_decimals,
    whole,
    with_interval,
)
from customer_segmentation.typing_tool.parameters import Campaign


def find_depth(gains: pd.DataFrame, depth: float) -> pd.DataFrame:
    """Keep the depth that is quoted in text, or the nearest that was counted.

    Args:
        gains: `campaign_gains`; one row per information set and depth.
        depth: Share of the households mailed.

    Returns:
        One row per information set.
    """
    distances = (gains["depth"] - depth).abs()
    nearest: pd.DataFrame = gains[distances == distances.min()]
    return nearest.drop_duplicates("information_set")


def title_lift(quoted: pd.DataFrame, households: int, labels: Mapping[str, str]) -> str:
    """Say on which information sets mailing by probability is better than at random.

    Args:
        quoted: What `find_depth` returned.
        households: How many households could be mailed.
        labels: Names of information sets.

    Returns:
        One title with n, without the full stop.
    """
    first = quoted.iloc[0]
    told = listing(
        f"{two_decimals(row['lift'])} ({inside(row['information_set'], labels)})"
        for row in quoted.to_dict("records")
    )
    return (
        f"In the likeliest {percent(first['depth'])} stand {first['segment']} this many times as "
        f"often as at random: {told}; {sample(households)}"
    )


def tell_gains(quoted: pd.DataFrame, labels: Mapping[str, str]) -> dict[str, str]:
    """Say what mailing the likeliest households reaches, against mailing at random.

    Args:
        quoted: What `find_depth` returned.
        labels: Names of information sets.

    Returns:
        One or two sentences per information set.
    """
    return {row["information_set"]: _tell_hits(row, labels) for row in quoted.to_dict("records")}


def tell_profit(row: Row, deepest: Row, declared: Campaign, seen: str) -> str:
    """Say what a campaign would yield if every household of the segment were a success.

    Args:
        row: A row of `find_depth`, of the information set on the mailing list.
        deepest: The row of the same set that mails most households.
        declared: Cost of one contact, and value of reaching one household of the segment.
        seen: Name of the information set, inside a sentence.

    Returns:
        Two or three sentences.
    """
    extra = with_interval(row, "extra_profit", whole, "extra")
    is_open = judge_gain(row["extra_low"], row["extra_high"]) == OPEN
    doubt = ", not told apart from nothing" if is_open else ""
    told = (
        f"If a contact costs {declared.contact_cost:g} and each household of {row['segment']} "
        f"reached is worth {declared.success_value:g}, mailing the likeliest "
        f"{percent(row['depth'])} by {seen} yields {with_interval(row, 'profit', whole)}, {extra} "
        f"more than as many households at random{doubt}. {_judge_anybody(row, declared)}"
    )
    if deepest["depth"] == row["depth"]:
        return told
    return f"{told} Mailing {percent(deepest['depth'])} yields {whole(deepest['profit'])}."


def _judge_anybody(row: Row, declared: Campaign) -> str:
    """From which share of the segment on a contact pays, whoever gets it."""
    if declared.contact_cost > declared.success_value:
        return "No contact pays: it costs more than a household of the segment is worth."
    if not declared.success_value:
        return "Nothing is won or lost."
    share = percent_1(declared.contact_cost / declared.success_value)
    return (
        f"Mailing at random pays if more than {share} belong to the segment; here "
        f"{percent_1(row['base_rate'])} do."
    )


def _tell_hits(row: Row, labels: Mapping[str, str]) -> str:
    is_real = judge_gain(row["lift_low"] - 1, row["lift_high"] - 1) == BETTER
    verdict = "more than at random" if is_real else "not told apart from mailing at random"
    return (
        f"{opening(row['information_set'], labels)}: of {whole(row['mailed'])} mailed households "
        f"{one_decimal(row['hits'])} "
        f"({percent(row['hits'] / row['mailed'])}) are {row['segment']}, against a base rate of "
        f"{percent_1(row['base_rate'])}; lift {with_interval(row, 'lift', two_decimals)} of at "
        f"most {two_decimals(row['lift_max'])}, {verdict}. With thin records: "
        f"{one_decimal(row['hits_with_thin'])} of {whole(row['mailed_with_thin'])}, lift "
        f"{two_decimals(row['lift_with_thin'])}."
    )
