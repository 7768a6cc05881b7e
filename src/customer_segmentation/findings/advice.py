"""What to do with the results: each piece of advice follows from what a table shows."""

from __future__ import annotations

import pandas as pd

from customer_segmentation.classification.audit import Claim
from customer_segmentation.classification.parameters import Campaign
from customer_segmentation.findings.campaign import (
    find_best_lists,
    find_everybody,
    judge_list,
    name_rival,
)
from customer_segmentation.findings.claims import BETTER, WORSE
from customer_segmentation.findings.evidence import chosen_candidate
from customer_segmentation.findings.wording import (
    counted,
    inside,
    listing,
    percent,
    percent_1,
    whole,
)
from customer_segmentation.segments.choice import CONSTRUCTIVE, NATURAL, REPRODUCIBLE

USES = {
    NATURAL: "Plan by segment: the segments are steadier and further apart than chance makes them.",
    REPRODUCIBLE: (
        "Use the segments to plan ranges and offers, and do not call them kinds of people: the "
        "same sorting comes back, but the panel shows no gaps between them."
    ),
    CONSTRUCTIVE: (
        "Build no plan on these segments: another sample of households would be sorted otherwise."
    ),
    "": (
        "Before planning by segment, let a full run compare the segments with simulated "
        "households; this run did not."
    ),
}


def advise_on_use(candidates: pd.DataFrame) -> str:
    """Say what the verdict on the chosen segments means for those who plan with them.

    Args:
        candidates: `segmentation_candidates`; one row per specification and k.

    Returns:
        One sentence.
    """
    return USES[chosen_candidate(candidates)["verdict"]]


def advise_on_known(sizes: pd.DataFrame) -> str:
    """Say how to type a household whose purchases are known.

    Args:
        sizes: `segment_sizes`; one row per segment.

    Returns:
        One sentence.
    """
    thin = sizes["thin_households"].sum()
    told = (
        "Where the purchases are known, let the rule name the segment; it needs no model and has "
        f"named all {counted(sizes['households'].sum() + thin, 'household')}"
    )
    return (
        f"{told}. Treat {whole(thin)} of them, with thin records, as a guess."
        if thin
        else f"{told}."
    )


def advise_on_mailing(gains: pd.DataFrame, declared: Campaign, labels: dict[str, str]) -> str:
    """Say whether a list ranked by what is known without purchases is worth mailing.

    Args:
        gains: `campaign_gains` of the information set on the mailing list; one row per depth.
        declared: The campaign's cost, value and currency.
        labels: Names of information sets.

    Returns:
        One sentence that compares the best list, whatever its length, with mailing everybody, or
        nobody where that pays better.
    """
    everybody = find_everybody(gains)
    best = find_best_lists(gains).to_dict("records")[0]
    verdict, difference = judge_list(best, everybody)
    seen = inside(best["information_set"], labels)
    told = (
        f"at best the likeliest {percent(best['depth'])} yield {whole(best['profit'])} "
        f"{declared.currency}, {difference} ({best['claim']})"
    )
    if verdict == BETTER:
        return (
            f"To reach {best['segment']} by {seen}, mail from the top: {told}; that the length was "
            "picked by this profit flatters it."
        )
    shown = "yields less" if verdict == WORSE else "is shown to yield more"
    start = "Every" if verdict == WORSE else "No"
    return (
        f"{start} list of {best['segment']} ranked by {seen} {shown} than {name_rival(everybody)}, "
        f"at a cost of {declared.contact_cost:g} and a value of {declared.success_value:g}: {told}."
    )


def advise_on_questions(headline: pd.DataFrame, labels: dict[str, str]) -> list[str]:
    """Say which of the sets that do not know everything is worth collecting.

    Args:
        headline: What `claims.find_headline` returned; by claim, the best informed first.
        labels: Names of information sets.

    Returns:
        One sentence; none where only sets that know everything were tried.
    """
    partial = headline[headline["claim"] != Claim.ASSIGNMENT]
    if partial.empty:
        return []
    better = partial[partial["verdict"] == BETTER]
    if better.empty:
        return ["Type nobody without the purchases: nothing tried does it better than chance."]
    row = better.sort_values("accuracy").iloc[0]
    least = (
        "The least informed set that types households better than always naming the largest "
        f"segment is {inside(row['information_set'], labels)} ({row['claim']}): "
        f"{percent_1(row['accuracy'])} correctly against {percent_1(row['majority'])}."
    )
    return [least]


def advise_on_quoting(headline: pd.DataFrame) -> str:
    """Say which accuracies may be quoted as what.

    Args:
        headline: What `claims.find_headline` returned.

    Returns:
        One sentence that gives every claim its range of accuracies.
    """
    parts = headline.groupby("claim", sort=False)["accuracy"]
    told = [f"{_print_span(accuracies)} is {claim}" for claim, accuracies in parts]
    return f"Quote an accuracy only with its word: {listing(told)}."


def _print_span(accuracies: pd.Series) -> str:
    low, high = percent_1(accuracies.min()), percent_1(accuracies.max())
    return low if low == high else f"{low} to {high}"
