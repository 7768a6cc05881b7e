"""What one can work out about a household from the columns one knows, by the codebook alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.features import SOLVABLE, list_formulas


class Rule(NamedTuple):
    """A column that follows from others.

    Attributes:
        given: The columns that must be known.
        found: The column they determine.
    """

    given: frozenset[str]
    found: str


def find_known(names: Iterable[str], codebook: Codebook) -> frozenset[str]:
    """Close a set of columns under everything the codebook declares about them.

    A derived variable, or a field that keeps an identity, is known when all inputs of its formula
    are. An input of a formula that can be solved (`panel.features.SOLVABLE`) is known when the
    result and the other inputs are. The last share of a composition is known when all others are.
    That is repeated until nothing new is found.

    A relation that holds only to rounding, or not in a few households, counts as if it held: in
    doubt more is known, and whoever hides a column behind its twin gains nothing.

    Args:
        names: Codebook variables or groups that are known.
        codebook: The panel's codebook.

    Returns:
        The fields and derived variables that are known, the given ones among them.

    Raises:
        ValueError: A name is neither a group nor a variable of the codebook.
    """
    known = frozenset(codebook.expand(names))
    rules = list(_list_rules(codebook))
    while new := {rule.found for rule in rules if rule.given <= known} - known:
        known |= new
    return known


def find_relatives(names: Iterable[str], codebook: Codebook) -> frozenset[str]:
    """Find every variable that must differ where some variables do.

    Args:
        names: Codebook variables.
        codebook: The panel's codebook.

    Returns:
        The variables, the fields they are computed from, all parts of the compositions that these
        fields belong to, and everything that can be worked out from all that (`find_known`).

    Raises:
        ValueError: A name is not in the codebook.
    """
    known = find_known(names, codebook)
    sources = frozenset().union(*(codebook.sources_of(name) for name in known))
    for group in codebook.compositions:
        parts = frozenset(codebook.columns_of(group.name))
        sources |= parts if parts & sources else frozenset()
    return find_known(known | sources, codebook)


def _list_rules(codebook: Codebook) -> Iterator[Rule]:
    for result, formula, of in list_formulas(codebook):
        inputs = frozenset(codebook.expand(of.values()))
        yield Rule(inputs, result)
        if formula in SOLVABLE:
            yield from (Rule((inputs | {result}) - {unknown}, unknown) for unknown in inputs)
    for group in codebook.compositions:
        shares = frozenset(codebook.columns_of(group.name))
        yield from (Rule(shares - {share}, share) for share in shares)
