"""What the tables say about why one household is typed as it is."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from customer_segmentation.classification.models import probability_column
from customer_segmentation.classification.slices import describe_value
from customer_segmentation.findings.wording import (
    highest,
    inside,
    listing,
    lower_first,
    percent_1,
    two_decimals,
    whole,
)
from customer_segmentation.panel.codebook import Codebook

REST = "All other fields"


def choose_household(predictions: pd.DataFrame, segment: str, codebook: Codebook) -> pd.DataFrame:
    """Choose the household whose story is told, by a rule that leaves nothing to choose.

    Args:
        predictions: `classifier_predictions` of the classifier that is explained; one row per
            eligible household.
        segment: The success segment.
        codebook: Name of the identifier.

    Returns:
        One row, none without predictions: the identifier, probability (of the segment), reference
        (the household's own segment), named (households for whom the segment is likeliest), right
        (those of them that belong there) and households. It is the household with the median
        probability among those for whom the segment is likeliest; where there is none, the one with
        the highest probability of all. Ties go to the smaller identifier.
    """
    ordered = predictions.sort_values(codebook.identifier)
    own = ordered.set_index(codebook.identifier)[probability_column(segment)]
    named = own[(ordered["predicted"] == segment).to_numpy()].sort_values(kind="stable")
    chosen = named.iloc[[(len(named) - 1) // 2]] if len(named) else own[own == own.max()].head(1)
    table = chosen.rename("probability").reset_index()
    truth = ordered[[codebook.identifier, "reference"]]
    hits = predictions[predictions["predicted"] == segment]["reference"] == segment
    counts = {"named": len(hits), "right": hits.sum(), "households": len(predictions)}
    return table.merge(truth).assign(**counts)


def tell_fields(values: pd.DataFrame, fields_shown: int, codebook: Codebook) -> pd.DataFrame:
    """List what the fields of one household say for one segment, the strongest first.

    Args:
        values: `shap_values` of one information set, segment and household.
        fields_shown: How many fields stand for themselves.
        codebook: Names and codes of fields.

    Returns:
        One row per field: name (its label and the household's value) and shap_value; all other
        fields are summed in a last row.
    """
    order = values["shap_value"].abs().sort_values(ascending=False, kind="stable").index
    ordered = values.loc[order]
    first, rest = ordered.head(fields_shown), ordered.iloc[fields_shown:]
    variables = [codebook[field] for field in first["field"]]
    names = [
        f"{variable.title}: {describe_value(variable, value)}"
        for variable, value in zip(variables, first["field_value"], strict=True)
    ]
    table = pd.DataFrame({"name": names, "shap_value": first["shap_value"].to_numpy()})
    if rest.empty:
        return table
    sum_of_rest = pd.DataFrame({"name": [REST], "shap_value": [rest["shap_value"].sum()]})
    return pd.concat([table, sum_of_rest], ignore_index=True)


def title_story(chosen: pd.DataFrame, fields: pd.DataFrame, segment: str, seen: str) -> str:
    """Say how probable the segment is for one household, and what speaks most for and against it.

    Args:
        chosen: What `choose_household` returned.
        fields: What `tell_fields` returned.
        segment: The segment.
        seen: Name of the information set.

    Returns:
        One title, without the full stop; the page is passed on, so no identifier stands in it.
    """
    if chosen.empty:
        return f"{seen}: no classifier is explained, so no household’s story can be told"
    row = chosen.iloc[0]
    single = fields[fields["name"] != REST].set_index("name")["shap_value"]
    found = {
        "for": highest(single[single > 0], two_decimals),
        "against": highest(-single[single < 0], two_decimals),
    }
    said = [
        f"most {side} it speaks {listing(map(lower_first, names))}"
        for side, names in found.items()
        if names
    ]
    words = "; ".join(["", *said])
    return (
        f"{seen}, one household: {segment} with a probability of "
        f"{percent_1(row['probability'])}{words} (n\u00a0=\u00a01\u00a0household)"
    )


def explain_choice_of_household(chosen: pd.DataFrame, segment: str) -> str:
    """Say by which rule the household was chosen whose story is told."""
    if chosen.empty:
        return ""
    row = chosen.iloc[0]
    truth = f"By its purchases it belongs to {row['reference']}."
    if row["named"]:
        return (
            f"Shown is the household with the median probability of {segment} among the "
            f"{whole(row['named'])} of {whole(row['households'])} for whom it is the likeliest "
            f"segment, {whole(row['right'])} of them rightly. {truth}"
        )
    return (
        f"For no household is {segment} the likeliest segment; shown is the one with the highest "
        f"probability of it. {truth}"
    )


def average_contributions(contributions: pd.DataFrame) -> pd.DataFrame:
    """Average how much each score adds to lying nearer to the own centre than to the next.

    Args:
        contributions: `distance_contributions` of eligible households; one row per household and
            score.

    Returns:
        One row per segment and one column per score, in the order of the table.
    """
    return contributions.pivot_table(
        index="segment", columns="score", values="contribution", sort=False
    )


def tell_contributions(means: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """Say which score parts each segment most from the next.

    Args:
        means: What `average_contributions` returned.
        labels: Names of scores.

    Returns:
        One or two sentences.
    """
    parts = []
    for segment, row in means.iterrows():
        scores = listing(inside(score, labels) for score in highest(row, two_decimals))
        largest, total = two_decimals(row.max()), two_decimals(row.sum())
        parts.append(f"{segment} by the {scores} ({largest}; all scores together {total})")
    against = " A score may also speak against the own segment, so one can add more than all."
    return (
        "What parts households most from their second segment, by the mean difference of squared "
        f"distances: {listing(parts)}.{against if (means < 0).to_numpy().any() else ''}"
    )
