"""The circularity audit: what a classifier may claim, decided by where its columns come from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum

import pandas as pd

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.provenance import find_known
from customer_segmentation.typing_tool.parameters import InformationSet


class Claim(StrEnum):
    """What an accuracy on an information set is evidence of.

    ASSIGNMENT: the set tells everything that formed the segments; a classifier copies a known rule.
    OVERLAP: the set tells some, not all, of what formed the segments, or holds other columns of the
        purchase record.
    PREDICTION: the set shares nothing with what formed the segments, nor with that record.
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

    A score is contained when each of its variables stands in the set or follows from it by the
    formulas, identities and totals of the codebook (`panel.provenance.find_known`).

    Args:
        score_variables: For each segmentation score the codebook variables it is computed from.
        information_sets: The sets to judge.
        codebook: The provenance of every variable.

    Returns:
        One row per information set x score: information_set, score, contained (bool), claim (str,
        of `claim_between` for the variables of all scores; the same in all rows of a set).
    """
    variables = [name for names in score_variables.values() for name in names]
    rows = []
    for each in information_sets:
        known = find_known(each.fields, codebook)
        claim = claim_between(variables, each.fields, codebook).value
        rows += [
            (each.name, score, known.issuperset(names), claim)
            for score, names in score_variables.items()
        ]
    return pd.DataFrame(rows, columns=["information_set", "score", "contained", "claim"])


def claim_between(variables: Collection[str], fields: Collection[str], codebook: Codebook) -> Claim:
    """Decide what guessing segments of some variables from some fields is evidence of.

    Args:
        variables: Codebook variables or groups that formed the segments.
        fields: Codebook variables or groups that the segments are guessed from.
        codebook: The provenance of every variable.

    Returns:
        Assignment if the fields tell all the variables; else overlap if what they tell shares a
        source with a variable, or any of it comes from the purchase record; else prediction.

    Raises:
        ValueError: A name is neither a group nor a variable of the codebook.
    """
    formed, known = codebook.expand(variables), find_known(fields, codebook)
    if known.issuperset(formed):
        return Claim.ASSIGNMENT
    shared = not _sources(formed, codebook).isdisjoint(_sources(known, codebook))
    if shared or any(codebook.is_from_purchases(name) for name in known):
        return Claim.OVERLAP
    return Claim.PREDICTION


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


def _sources(names: Iterable[str], codebook: Codebook) -> frozenset[str]:
    return frozenset().union(*map(codebook.sources_of, names))
