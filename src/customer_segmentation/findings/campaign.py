"""What the tables say about mailing the households that most probably belong to one segment."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from customer_segmentation.classification.parameters import Campaign
from customer_segmentation.findings.claims import BETTER, OPEN, judge_gain
from customer_segmentation.findings.wording import (
    Row,
    listing,
    one_decimal,
    opening,
    percent,
    percent_1,
    sample,
    signed_whole,
    two_decimals,
    whole,
    with_interval,
)


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


def title_lift(quoted: pd.DataFrame, households: int) -> str:
    """Say by how many information sets mailing by probability is better than at random.

    Args:
        quoted: What `find_depth` returned.
        households: How many households could be mailed.

    Returns:
        One title with n, without the full stop.
    """
    first = quoted.iloc[0]
    better = quoted["lift_low"] > 1
    ends = f"{two_decimals(quoted['lift'].min())} to {two_decimals(quoted['lift'].max())}"
    return (
        f"In the likeliest {percent(first['depth'])} by {better.sum()} of {len(quoted)} "
        f"information sets stand clearly more {first['segment']} than at random; lift {ends}, "
        f"{sample(households)}"
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


def find_declared(gains: pd.DataFrame, campaign: Campaign) -> Campaign:
    """The campaign that the profits belong to, though parameters may have changed since.

    Args:
        gains: `campaign_gains`; the same segment, currency, cost and value in every row.
        campaign: What the parameters declare now.

    Returns:
        The same with what the table was reckoned with.
    """
    names = ("segment", "currency", "contact_cost", "success_value")
    return campaign.model_copy(update={name: gains[name].iloc[0] for name in names})


def find_best_lists(gains: pd.DataFrame) -> pd.DataFrame:
    """Find the list of each information set that yields most, short of mailing everybody.

    Args:
        gains: `campaign_gains`; one row per information set and depth, the last is everybody.

    Returns:
        One row per information set, as they stood; of equal profits the shorter list. The depth is
        picked by the very profits it is praised for, which flatters them.
    """
    lists = gains[gains["depth"] < 1]
    ordered = lists.sort_values("profit", ascending=False, kind="stable")
    return ordered.drop_duplicates("information_set").sort_index(kind="stable")


def find_everybody(gains: pd.DataFrame) -> Row:
    """The row that mails everybody; the same in every information set."""
    return dict(gains[gains["depth"] == 1].to_dict("records")[0])


def judge_list(best: Row, everybody: Row) -> tuple[str, str]:
    """Say what a list yields more than the best that can be done without one.

    Args:
        best: A row of `find_best_lists`.
        everybody: What `find_everybody` returned.

    Returns:
        The verdict of `judge_gain`; and the difference with its interval, in words: without a list
        one mails everybody if that pays, and else nobody.
    """
    name = "over_everybody" if everybody["profit"] > 0 else "profit"
    verdict = judge_gain(best[f"{name}_low"], best[f"{name}_high"])
    return verdict, f"{with_interval(best, name, signed_whole)} against {name_rival(everybody)}"


def name_rival(everybody: Row) -> str:
    """What a list is set against: mailing everybody where that pays, else mailing nobody."""
    return "mailing everybody" if everybody["profit"] > 0 else "mailing nobody"


def title_profit(best: pd.DataFrame, everybody: Row, declared: Campaign, households: int) -> str:
    """Say how many lists clearly yield more than the best that can be done without one.

    Args:
        best: What `find_best_lists` returned.
        everybody: What `find_everybody` returned.
        declared: Cost, value and currency of the campaign.
        households: How many households could be mailed.

    Returns:
        One title with n, without the full stop.
    """
    verdicts = [judge_list(row, everybody)[0] for row in best.to_dict("records")]
    return (
        f"The best lists of {verdicts.count(BETTER)} of {len(verdicts)} information sets clearly "
        f"yield more than {name_rival(everybody)}, which brings "
        f"{whole(max(everybody['profit'], 0))} {declared.currency}; {sample(households)}"
    )


def tell_everybody(everybody: Row, declared: Campaign) -> str:
    """Say what mailing everybody yields if every household of the segment is a success.

    Args:
        everybody: What `find_everybody` returned.
        declared: Cost of one contact, and value of reaching one household of the segment.

    Returns:
        Two sentences.
    """
    return (
        f"If a contact costs {declared.contact_cost:g} {declared.currency} and each household of "
        f"{everybody['segment']} reached is worth {declared.success_value:g}, mailing everybody "
        f"yields {with_interval(everybody, 'profit', whole)} {declared.currency}. "
        f"{_judge_anybody(everybody, declared)}"
    )


def tell_members(everybody: Row, declared: Campaign) -> str:
    """Say what mailing the members of the segment yields, where the purchases name them.

    Args:
        everybody: What `find_everybody` returned.
        declared: Cost of one contact, and value of reaching one household of the segment.

    Returns:
        One sentence.
    """
    profit = everybody["hits"] * (declared.success_value - declared.contact_cost)
    return (
        "Where the purchases are known no list is needed: mailing only the "
        f"{whole(everybody['hits'])} who belong to the segment yields {whole(profit)}."
    )


def doubt_mix(row: Row, stability: pd.DataFrame, declared: Campaign, stratum: str) -> str:
    """Say whether mailing everybody would also pay if the sampling strata were mixed otherwise.

    Args:
        row: What `find_everybody` returned.
        stability: `segment_stability`; the range of each share over all mixes of the strata.
        declared: Cost of one contact, and value of reaching one household of the segment.
        stratum: Name of the sampling stratum, inside a sentence.

    Returns:
        One sentence; empty where every mix gives the same answer.
    """
    if not declared.success_value:
        return ""
    even = declared.contact_cost / declared.success_value
    (own,) = stability[stability["segment"] == row["segment"]].to_dict("records")
    if not own["mix_low"] < even < own["mix_high"]:
        return ""
    return (
        f"That holds for the mix of this panel: over all mixes of {stratum} the share lies between "
        f"{percent_1(own['mix_low'])} and {percent_1(own['mix_high'])}, on both sides of what a "
        "contact costs."
    )


def tell_lists(
    gains: pd.DataFrame, best: pd.DataFrame, declared: Campaign, labels: Mapping[str, str]
) -> list[str]:
    """Say of each information set which list yields most, and where its order beats chance.

    Args:
        gains: `campaign_gains`; one row per information set and depth.
        best: What `find_best_lists` returned.
        declared: The campaign's currency.
        labels: Names of information sets.

    Returns:
        One sentence per information set.
    """
    everybody = find_everybody(gains)
    told = []
    for row in best.to_dict("records"):
        verdict, difference = judge_list(row, everybody)
        doubt = ", not told apart" if verdict == OPEN else ""
        own = gains[gains["information_set"] == row["information_set"]]
        told.append(
            f"{opening(row['information_set'], labels)} ({row['claim']}): the best list mails "
            f"{percent(row['depth'])} and yields {with_interval(row, 'profit', whole)} "
            f"{declared.currency}, {difference}{doubt}; {tell_order(own)}."
        )
    return told


def tell_order(gains: pd.DataFrame) -> str:
    """Say at which depths the order of a list is better than a random one.

    Args:
        gains: `campaign_gains` of one information set; its intervals are pointwise.

    Returns:
        Half a sentence.
    """
    lists = gains[gains["depth"] < 1]
    better = lists["lift_low"] > 1
    depths = [percent(depth) for depth in lists.loc[better, "depth"]]
    if not depths:
        return "its order is at no depth told apart from a random one"
    if better.all():
        return "its order beats a random one at every depth"
    unbroken = better.loc[better.idxmax() : better[::-1].idxmax()].all()
    shown = f"{depths[0]} to {depths[-1]}" if unbroken and len(depths) > 1 else listing(depths)
    return f"its order beats a random one at {shown} mailed"


def _judge_anybody(row: Row, declared: Campaign) -> str:
    """From which share of the segment on a contact pays, whoever gets it."""
    if declared.contact_cost > declared.success_value:
        return "No contact pays: it costs more than a household of the segment is worth."
    if not declared.success_value:
        return "Nothing is won or lost."
    share = percent_1(declared.contact_cost / declared.success_value)
    return (
        f"It pays if more than {share} belong to the segment; here "
        f"{percent_1(row['base_rate'])} do."
    )


def _tell_hits(row: Row, labels: Mapping[str, str]) -> str:
    is_real = judge_gain(row["lift_low"] - 1, row["lift_high"] - 1) == BETTER
    verdict = "more than at random" if is_real else "not told apart from mailing at random"
    return (
        f"{opening(row['information_set'], labels)}: of {whole(row['mailed'])} mailed households "
        f"{one_decimal(row['hits'])} "
        f"({percent_1(row['hits'] / row['mailed'])}) are {row['segment']}, against a base rate of "
        f"{percent_1(row['base_rate'])}; lift {with_interval(row, 'lift', two_decimals)} of at "
        f"most {two_decimals(row['lift_max'])}, {verdict}. With thin records: "
        f"{one_decimal(row['hits_with_thin'])} of {whole(row['mailed_with_thin'])}, lift "
        f"{two_decimals(row['lift_with_thin'])}."
    )
