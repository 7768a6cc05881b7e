"""The circularity audit: what a classifier may claim, decided by where its columns come from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum

import pandas as pd

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.typing_tool.parameters import InformationSet


class Claim(StrEnum):
    """What an accuracy on an information set is evidence of.

    ASSIGNMENT: the set holds everything that formed the segments; a classifier copies a known rule.
    OVERLAP: the set holds other columns of the record that formed the segments.
    PREDICTION: the set shares nothing with that record.
    """

    ASSIGNMENT = "assignment"
    OVERLAP = "overlap"
    PREDICTION = "prediction"


def audit_information_sets(
    score_variables: Mapping[str, Sequence[str]],
    information_sets: Iterable[InformationSet],
    codebook: Codebook,
) -> pd.DataFrame:
    """Find which segmentation scores each information set contains, and what it may claim.

    A score is contained when the set holds each of its variables or all raw fields behind it. All
    scores contained is assignment; else any column of the purchase record, or any column behind a
    score, is overlap; else prediction.

    Args:
        score_variables: For each segmentation score the codebook variables it is computed from.
        information_sets: The sets to judge.
        codebook: The provenance of every variable.

    Returns:
        One row per information set x score: information_set, score, contained (bool), claim (str,
        the same in all rows of a set).
    """
    rows = []
    for each in information_sets:
        fields = set(codebook.expand(each.fields))
        contained = {
            score: all(_is_known(name, fields, codebook) for name in variables)
            for score, variables in score_variables.items()
        }
        claim = _decide(contained.values(), fields, score_variables, codebook)
        rows += [(each.name, score, known, claim.value) for score, known in contained.items()]
    return pd.DataFrame(rows, columns=["information_set", "score", "contained", "claim"])


def add_claims(table: pd.DataFrame, audit: pd.DataFrame) -> pd.DataFrame:
    """Put the claim of its information set into every row, as the second column.

    Args:
        table: Rows with `information_set`.
        audit: As `audit_information_sets`.

    Returns:
        A copy of `table` with the column claim.
    """
    claims = audit.groupby("information_set")["claim"].first()
    marked = table.copy()
    marked.insert(1, "claim", marked["information_set"].map(claims))
    return marked


def _is_known(variable: str, fields: Collection[str], codebook: Codebook) -> bool:
    return variable in fields or codebook.sources_of(variable) <= set(fields)


def _decide(
    contained: Iterable[bool],
    fields: Iterable[str],
    score_variables: Mapping[str, Sequence[str]],
    codebook: Codebook,
) -> Claim:
    if all(contained):
        return Claim.ASSIGNMENT
    behind_scores = _sources(
        (name for variables in score_variables.values() for name in variables), codebook
    )
    shared = not behind_scores.isdisjoint(_sources(fields, codebook))
    if shared or any(map(codebook.is_from_purchases, fields)):
        return Claim.OVERLAP
    return Claim.PREDICTION


def _sources(names: Iterable[str], codebook: Codebook) -> frozenset[str]:
    return frozenset().union(*map(codebook.sources_of, names))
