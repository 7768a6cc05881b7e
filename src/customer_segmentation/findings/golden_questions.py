"""What the tables say about the few fields that type a household almost as well as all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from customer_segmentation.findings.wording import (
    Row,
    inside,
    listing,
    lower_first,
    opening,
    percent_1,
    sample,
    three_decimals,
    upper_first,
)
from customer_segmentation.panel.codebook import Codebook

NOTHING = "No information set is a prediction or an overlap, so no questions were chosen"


def find_recommended(questions: pd.DataFrame) -> pd.DataFrame:
    """Find the recommended number of fields of each information set.

    Args:
        questions: `golden_questions`; one row per information set and number of fields.

    Returns:
        Its recommended rows, one per information set.
    """
    return questions[questions["recommended"]]


def title_questions(questions: pd.DataFrame, households: int, labels: Mapping[str, str]) -> str:
    """Say how many fields are within one standard error of the lowest log loss.

    Args:
        questions: `golden_questions`; one row per information set and number of fields.
        households: How many households they were tested on.
        labels: Names of information sets.

    Returns:
        One title with n, without the full stop.
    """
    if questions.empty:
        return NOTHING
    told = listing(
        f"{_count(part)} ({inside(str(name), labels)})"
        for name, part in questions.groupby("information_set", sort=False)
    )
    return (
        f"Fields that come within one standard error of the lowest log loss: {told}; "
        f"{sample(households)}"
    )


def tell_questions(
    questions: pd.DataFrame,
    headline: pd.DataFrame,
    codebook: Codebook,
    labels: Mapping[str, str],
) -> dict[str, str]:
    """Name the recommended fields of each information set, and what they reach.

    Args:
        questions: `golden_questions`; one row per information set and number of fields.
        headline: What `claims.find_headline` returned, for what all fields reach.
        codebook: Names of fields.
        labels: Names of information sets.

    Returns:
        Two or three sentences per information set.
    """
    whole = {row["information_set"]: row for row in headline.to_dict("records")}
    return {
        str(name): f"{opening(str(name), labels)}: {_recommend(part, codebook)} "
        f"{_compare(whole[name])}"
        for name, part in questions.groupby("information_set", sort=False)
    }


def _count(part: pd.DataFrame) -> str:
    chosen, most = find_recommended(part)["n_fields"].iloc[0], part["n_fields"].max()
    end = ", where the search ended," if _is_last(part) else ""
    return f"{chosen}{end} of {most}"


def _is_last(part: pd.DataFrame) -> bool:
    """Whether the recommended list is the longest that was tried, so a longer may do better."""
    row, lists = find_recommended(part).iloc[0], part[part["field"] != ""]
    return bool(row["field"]) and bool(row["n_fields"] == lists["n_fields"].max())


def _recommend(part: pd.DataFrame, codebook: Codebook) -> str:
    row = find_recommended(part).iloc[0]
    reached = (
        f"by logistic regression log loss {three_decimals(row['log_loss'])}, right for "
        f"{percent_1(row['accuracy'])}"
    )
    if part["n_fields"].max() == 1:
        return f"there is one field only; {reached}."
    if not row["field"]:
        return (
            f"no short list comes near enough, all {row['n_fields']} fields are needed; {reached}."
        )
    asked = part.loc[
        (part["n_fields"] <= row["n_fields"]) & (part["field"] != ""), "field"
    ].tolist()
    side = "above" if row["excess"] > 0 else "below"
    error = row["excess_se"]
    spread = "" if pd.isna(error) else f" (standard error {three_decimals(error)})"
    end = " The search ended there; a longer list may do better." if _is_last(part) else ""
    return (
        f"ask for {lower_first(_name(asked, codebook))}; {reached}. Its log loss with all fields "
        f"is {three_decimals(row['log_loss'] - row['excess'])}: the list’s is "
        f"{three_decimals(abs(row['excess']))} {side}{spread}.{end}{_doubt(asked, codebook)}"
    )


def _doubt(asked: Sequence[str], codebook: Codebook) -> str:
    """Say which fields no household could answer in a word."""
    bought = [field for field in asked if codebook.is_from_purchases(field)]
    if not bought:
        return ""
    who = "These cannot" if len(bought) == len(asked) else f"{_name(bought, codebook)} cannot"
    record = "it takes" if len(bought) == 1 else "they take"
    return f" {who} be asked outright: {record} a record of purchases."


def _name(fields: Iterable[str], codebook: Codebook) -> str:
    return upper_first(listing(lower_first(codebook[field].label) for field in fields))


def _compare(headline: Row) -> str:
    return (
        f"The whole procedure with all fields: log loss {three_decimals(headline['log_loss'])}, "
        f"right for {percent_1(headline['accuracy'])}; always naming the largest segment: "
        f"{percent_1(headline['majority'])}."
    )
