"""What the tables say about typing a household's segment, claim by claim.

Three words say what a classifier's figures are worth. *Assignment*: it sees all that made the
segments and only copies a rule. *Overlap*: it sees some of it, or other columns of that record.
*Prediction*: it sees no purchase at all.

The headline of an information set belongs to the whole procedure that chooses a model and its
settings inside each training fold, so no model is picked after the fact.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from customer_segmentation.classification.audit import Claim
from customer_segmentation.classification.models import MAJORITY, NEAREST_CENTROID, PROCEDURE
from customer_segmentation.findings.wording import (
    Row,
    counted,
    highest,
    inside,
    listing,
    lowest,
    opening,
    percent_1,
    points,
    sample,
    two_decimals,
    upper_first,
    with_interval,
)

CLAIMS = [claim.value for claim in Claim]
# What a figure of each claim is worth.
MEANINGS = {
    Claim.ASSIGNMENT.value: (
        "The classifier sees everything that made the segments. It copies a rule we already have: "
        "its accuracy is circular and says nothing about prediction."
    ),
    Claim.OVERLAP.value: (
        "It sees some, not all, of what made the segments, or other columns of that record. Part "
        "of the answer is in the question."
    ),
    Claim.PREDICTION.value: (
        "It sees no purchase at all. Only this tells how well the segment of an unknown household "
        "can be guessed, provided it makes enough transactions to be eligible."
    ),
}
BETTER, WORSE, OPEN = "better than", "worse than", "not told apart from"


def order_by_claim(table: pd.DataFrame) -> pd.DataFrame:
    """Sort rows by claim, from assignment to prediction, then by set; else as they were."""
    place = pd.factorize(table["information_set"])[0]
    keyed = table.assign(order=table["claim"].map(CLAIMS.index), place=place)
    ordered = keyed.sort_values(["order", "place"], kind="stable")
    return ordered.drop(columns=["order", "place"])


def claim_sets(table: pd.DataFrame, metrics: pd.DataFrame) -> pd.DataFrame:
    """Give each row the claim of its information set, and sort the rows by it.

    Args:
        table: Rows with `information_set`, without a claim.
        metrics: `classifier_metrics`, which know the claims.

    Returns:
        The rows with the column claim, as `order_by_claim` sorts them.
    """
    sets = metrics.drop_duplicates("information_set").set_index("information_set")
    return order_by_claim(table.assign(claim=table["information_set"].map(sets["claim"])))


def judge_gain(low: float, high: float) -> str:
    """Say what the interval of a gain means: better, worse, or not told apart from nothing."""
    if low > 0:
        return BETTER
    return WORSE if high < 0 else OPEN


def find_headline(metrics: pd.DataFrame, protocol: str) -> pd.DataFrame:
    """Find what the whole procedure reaches on each information set.

    Args:
        metrics: `classifier_metrics`; one row per information set, model and protocol.
        protocol: The protocol kept.

    Returns:
        The rows of the procedure, one per information set, by claim; with majority (accuracy of
        always naming the largest segment) and verdict, what the interval of the accuracy gained
        over it says.
    """
    table = metrics[metrics["protocol"] == protocol]
    majority = table[table["model"] == MAJORITY].set_index("information_set")["accuracy"]
    rows = table[table["model"] == PROCEDURE]
    rows = rows.assign(
        majority=rows["information_set"].map(majority),
        verdict=[
            judge_gain(low, high)
            for low, high in zip(rows["gain_low"], rows["gain_high"], strict=True)
        ],
    )
    return order_by_claim(rows).reset_index(drop=True)


def explain_claims(
    headline: pd.DataFrame,
    segmenter: Mapping[str, float],
    audit: pd.DataFrame,
    labels: Mapping[str, str],
) -> dict[str, list[str]]:
    """Say for each information set what is reached, what that is worth, and why.

    Args:
        headline: What `find_headline` returned.
        segmenter: What `find_segmenter` returned.
        audit: `circularity_audit`; one row per information set and segmentation score.
        labels: Names of scores.

    Returns:
        Sentences by information set.
    """
    audited = explain_audit(audit, labels)
    return {
        row["information_set"]: [
            explain_claim(row),
            *add_to_claim(row, segmenter),
            audited[row["information_set"]],
        ]
        for row in headline.to_dict("records")
    }


def explain_claim(row: Row) -> str:
    """Say what the procedure reaches on one information set, against the largest segment.

    Args:
        row: A row of `find_headline`.

    Returns:
        One sentence.
    """
    gain = with_interval(row, "gain_over_majority", points, "gain")
    return (
        f"Right for {with_interval(row, 'accuracy', percent_1)} of "
        f"{counted(row['n'], 'household')}: {row['verdict']} always naming the largest segment "
        f"({percent_1(row['majority'])}), a difference of {gain} points."
    )


def add_to_claim(row: Row, segmenter: Mapping[str, float]) -> list[str]:
    """Say what else the figures of one information set mean.

    Args:
        row: A row of `find_headline`.
        segmenter: What `find_segmenter` returned.

    Returns:
        Sentences: the log loss saved, the accuracy by the reference labels, and who answers where
        the segmenter can.
    """
    saved = with_interval(row, "log_loss_skill", percent_1)
    told = [
        f"Log loss saved over stating the bare segment shares: {saved}.",
        f"By the segments of this report: right for {percent_1(row['accuracy_reference'])}.",
    ]
    if row["information_set"] not in segmenter:
        return told
    own = percent_1(segmenter[row["information_set"]])
    answer = f"With these columns the segmenter itself answers, right for {own} by definition; "
    return [*told, f"{answer}the classifier is a surrogate, for explanation and comparison only."]


def find_segmenter(metrics: pd.DataFrame, protocol: str) -> dict[str, float]:
    """Find the accuracy of the folds' own segmenters, where their inputs are known.

    Args:
        metrics: `classifier_metrics`; one row per information set, model and protocol.
        protocol: The protocol kept.

    Returns:
        Accuracy by information set.
    """
    rows = metrics[(metrics["protocol"] == protocol) & (metrics["model"] == NEAREST_CENTROID)]
    return dict(zip(rows["information_set"], rows["accuracy"], strict=True))


def title_accuracy(headline: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """Say which information sets beat always naming the largest segment.

    Args:
        headline: What `find_headline` returned.
        labels: Names of information sets.

    Returns:
        One title with n, without the full stop.
    """
    base = f"always naming the largest segment ({percent_1(headline['majority'].max())})"
    size = sample(headline["n"].max())
    better = headline[headline["verdict"] == BETTER]
    rest = headline[headline["verdict"] != BETTER]
    if len(headline) == 1:
        verb = "does not clearly beat" if better.empty else "beats"
        return f"{upper_first(_shown(headline, labels))} {verb} {base}; {size}"
    if better.empty:
        return f"No information set clearly beats {base}: {_shown(rest, labels)}; {size}"
    if rest.empty:
        return f"Every information set beats {base}: {_shown(better, labels)}; {size}"
    return f"Clearly above {base}: {_shown(better, labels)}; not {_shown(rest, labels)}; {size}"


def judge_claims(headline: pd.DataFrame) -> str:
    """Say in one sentence what the figures of the typing tool are worth together.

    Args:
        headline: What `find_headline` returned.

    Returns:
        One sentence.
    """
    is_blind = headline["claim"] == Claim.PREDICTION
    is_better = headline["verdict"] == BETTER
    if not is_blind.any():
        return "No model was tried without purchase data, so nothing here is a prediction."
    if (is_blind & is_better).any():
        return "Without any purchase, models beat always naming the largest segment."
    if (is_better & ~is_blind).any():
        return (
            "High accuracy comes from seeing the purchases; without them, the accuracy of models "
            "does not clearly beat always naming the largest segment."
        )
    return "No model clearly beats always naming the largest segment."


def title_segment_metrics(metrics: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """Say which segments the least informed classifier finds and which it misses.

    Args:
        metrics: `segment_metrics` of one protocol and model, by claim.
        labels: Names of information sets.

    Returns:
        One title, without the full stop.
    """
    weakest = metrics["information_set"].iloc[-1]
    rows = metrics[metrics["information_set"] == weakest].set_index("segment")
    recall, size = rows["recall"], sample(rows["support"].sum())
    name = opening(weakest, labels)
    if percent_1(recall.max()) == percent_1(recall.min()):
        return f"{name}: finds {percent_1(recall.max())} of every segment's households; {size}"
    return (
        f"{name}: finds {percent_1(recall.max())} of {listing(highest(recall, percent_1))}, "
        f"but {percent_1(recall.min())} of {listing(lowest(recall, percent_1))}; {size}"
    )


def explain_audit(audit: pd.DataFrame, labels: Mapping[str, str]) -> dict[str, str]:
    """Say how much of what formed the segments each information set tells.

    Args:
        audit: `circularity_audit`; one row per information set and segmentation score.
        labels: Names of scores.

    Returns:
        One sentence per information set.
    """
    parts = audit.groupby("information_set", sort=False)
    return {str(name): _tell_scores(part, labels) for name, part in parts}


def count_households(metrics: pd.DataFrame, protocol: str) -> int:
    """How many households a protocol tests."""
    return int(metrics.loc[metrics["protocol"] == protocol, "n"].max())


def _tell_scores(part: pd.DataFrame, labels: Mapping[str, str]) -> str:
    told = f"Tells {part['contained'].sum()} of the {len(part)} scores that formed the segments"
    rest = part[~part["contained"]]
    if rest.empty:
        return f"{told}."
    best = rest.iloc[int(rest["r2"].to_numpy().argmax())]
    shown = with_interval(best.to_dict(), "r2", two_decimals)
    return (
        f"{told}; of the others it rebuilds best the {inside(best['score'], labels)}, R² {shown}."
    )


def _shown(rows: pd.DataFrame, labels: Mapping[str, str]) -> str:
    return listing(
        f"{inside(name, labels)} ({percent_1(accuracy)})"
        for name, accuracy in zip(rows["information_set"], rows["accuracy"], strict=True)
    )
