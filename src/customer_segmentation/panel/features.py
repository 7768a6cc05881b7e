"""Variables derived from a household's record, as the codebook declares them.

Each formula below takes columns and returns one column, all float64 with NaN for what is missing;
several columns come as rows of one array. The codebook says which columns a formula takes and what
the result is called, so the same formulas serve every panel, in training and in scoring.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from inspect import signature
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from customer_segmentation.panel.codebook import Codebook, Role

Floats = npt.NDArray[np.float64]
Formula = Callable[..., Floats]


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Divide two columns.

    Returns:
        Infinite for a number by 0, missing for 0 by 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return numerator / denominator


def count_positive(parts: Floats) -> Floats:
    """Count the parts a household uses at all."""
    counts: Floats = (parts > 0).sum(axis=0).astype(np.float64)
    counts[np.isnan(parts).any(axis=0)] = np.nan
    return counts


def largest_share(parts: Floats, unlisted: Floats) -> Floats:  # noqa: ARG001 - bought, not one part
    """Largest share of one listed part, in [0, 1]; the column of unlisted parts is not one part."""
    shares: Floats = parts.max(axis=0)
    return shares


def largest(first: Floats, second: Floats) -> Floats:
    """The larger of two columns, household by household."""
    return np.maximum(first, second)


def midpoint(first: Floats, second: Floats) -> Floats:
    """The middle of two columns."""
    return (first + second) / 2


def one_less(counts: Floats) -> Floats:
    """The count without its first event."""
    return counts - 1


def repeat_rate(transactions: Floats, runs: Floats) -> Floats:
    """Share of purchases after the first that repeat the brand bought before.

    A run is an uninterrupted sequence of purchases of one brand, so `transactions - runs` purchases
    repeat their predecessor's brand.

    Returns:
        Values in [0, 1]; missing for a household with a single purchase, which had no chance to
        repeat.
    """
    chances = transactions - 1
    return (transactions - runs) / np.where(chances > 0, chances, np.nan)


def complement(share: Floats) -> Floats:
    """What is missing to a share of 1."""
    return 1 - share


def logarithm(values: Floats) -> Floats:
    """Natural logarithm of positive values."""
    return np.log(values)


FORMULAS: Mapping[str, Formula] = {
    formula.__name__: formula
    for formula in (
        ratio,
        count_positive,
        largest_share,
        largest,
        midpoint,
        one_less,
        repeat_rate,
        complement,
        logarithm,
    )
}

# The formulas that can be solved: the result and all arguments but one determine that one. (A
# repeat rate tells the transactions of every household but those with a single run.)
SOLVABLE = frozenset(
    formula.__name__ for formula in (ratio, midpoint, one_less, repeat_rate, complement, logarithm)
)


def list_formulas(codebook: Codebook) -> list[tuple[str, str, Mapping[str, str]]]:
    """List every formula that the codebook states, of derived variables and of identities.

    Returns:
        For each the column it gives, the formula's name, and what fills its arguments.
    """
    derived = [(v.name, v.formula, v.of) for v in codebook.derived]
    kept = [(f.name, f.identity.formula, f.identity.of) for f in codebook.fields if f.identity]
    return [*derived, *kept]


def check_formulas(codebook: Codebook) -> None:
    """Refuse a codebook that asks for a formula that cannot be computed.

    Raises:
        ValueError: A formula does not exist, or does not take the arguments that it is given.
    """
    for owner, name, of in list_formulas(codebook):
        arguments = set(signature(_formula(name)).parameters)
        if arguments != set(of):
            raise ValueError(
                f"codebook entry {owner!r}: formula {name!r} takes {sorted(arguments)}, "
                f"not {sorted(of)}"
            )


def _formula(name: str) -> Formula:
    if name not in FORMULAS:
        raise ValueError(f"unknown formula {name!r}; known are {', '.join(sorted(FORMULAS))}")
    return FORMULAS[name]


class Computation(NamedTuple):
    """One formula with the columns that it works on, ready to be computed again and again.

    Attributes:
        result: Clean name of the column that it gives.
        formula: The formula.
        arguments: For each argument the clean name of a column, or the names of several.
    """

    result: str
    formula: Formula
    arguments: Mapping[str, str | tuple[str, ...]]

    @property
    def sources(self) -> list[str]:
        """Clean names of all columns that the formula works on."""
        several = ((s,) if isinstance(s, str) else s for s in self.arguments.values())
        return [name for names in several for name in names]

    def compute(self, columns: Mapping[str, Floats]) -> Floats:
        """Compute the column.

        Args:
            columns: One float64 value per household for each column that the formula works on,
                missing ones allowed.

        Returns:
            One value per household; missing where one that it depends on is.
        """
        return self.formula(
            **{
                name: columns[source]
                if isinstance(source, str)
                else np.array([columns[each] for each in source])
                for name, source in self.arguments.items()
            }
        )


def prepare_formula(
    result: str, name: str, of: Mapping[str, str], codebook: Codebook
) -> Computation:
    """Look up the formula and the columns that the codebook gives to its arguments.

    Args:
        result: Clean name of the column that it gives.
        name: Name of a formula of this module.
        of: For each argument a clean column name, or a group name where it takes several columns:
            those of the group that no other argument takes.
        codebook: The panel's codebook.

    Raises:
        ValueError: The formula does not exist.
    """
    single = {source for source in of.values() if source in codebook}
    arguments = {
        argument: source
        if source in codebook
        else tuple(each for each in codebook.columns_of(source) if each not in single)
        for argument, source in of.items()
    }
    return Computation(result, _formula(name), arguments)


def list_computations(
    names: Iterable[str], codebook: Codebook, given: Collection[str] = ()
) -> list[Computation]:
    """List what must be computed to know some variables.

    Args:
        names: The variables wanted.
        codebook: The panel's codebook.
        given: Derived variables that are known already. Raw fields always are.

    Returns:
        The computations in an order in which each finds what it works on.

    Raises:
        ValueError: A name is not in the codebook.
    """
    wanted = [codebook[name].name for name in names]
    missing = _find_missing(wanted, given, codebook)
    return [
        prepare_formula(variable.name, variable.formula, variable.of, codebook)
        for variable in codebook.derived
        if variable.name in missing
    ]


def take_columns(table: pd.DataFrame, names: Iterable[str]) -> dict[str, Floats]:
    """Take columns out of a table as float64, NaN where a value is missing."""
    return {name: table[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in names}


def derive_features(
    households: pd.DataFrame, codebook: Codebook, names: Sequence[str] | None = None
) -> pd.DataFrame:
    """Compute the codebook's derived variables for every household.

    Args:
        households: One row per household with the variables themselves, or else the fields that
            they are computed from.
        codebook: The panel's codebook.
        names: The derived variables wanted, fields among them as they are; None means all.

    Returns:
        One row per household in the same order and index; one float64 column per variable, missing
        where the formula says so or a value behind it is.

    Raises:
        ValueError: A name is not in the codebook.
    """
    wanted = [variable.name for variable in codebook.derived] if names is None else list(names)
    steps = list_computations(wanted, codebook, households.columns)
    results = {step.result for step in steps}
    needed = {*wanted, *(name for step in steps for name in step.sources)} - results
    columns = take_columns(households, sorted(needed))
    for step in steps:
        columns[step.result] = step.compute(columns)
    return pd.DataFrame({name: columns[name] for name in wanted}, index=households.index)


def _find_missing(
    wanted: Iterable[str], given: Collection[str], codebook: Codebook
) -> frozenset[str]:
    """The derived variables that are not given and wanted, or needed for one that is wanted."""
    inputs = {variable.name: variable.of.values() for variable in codebook.derived}
    missing = frozenset(name for name in wanted if name in inputs and name not in given)
    behind = [source for name in missing for source in inputs[name]]
    return missing | (_find_missing(behind, given, codebook) if behind else frozenset())


def flag_thin_records(
    households: pd.DataFrame, codebook: Codebook, minimum_transactions: int
) -> pd.Series:
    """Flag the households whose purchase history is too short to show a buying style.

    Args:
        households: One row per household.
        codebook: The panel's codebook.
        minimum_transactions: Fewest transactions, at least 1, that are history enough.

    Returns:
        One boolean per household, named as the codebook names the flag.
    """
    flags = households[codebook.column(Role.TRANSACTIONS)] < minimum_transactions
    return flags.astype(bool).rename(codebook.column(Role.THIN_RECORD))


def flag_blank_records(households: pd.DataFrame, codebook: Codebook) -> pd.Series:
    """Flag the households whose whole demographic record was left blank.

    Args:
        households: One row per household, not-stated codes as missing.
        codebook: The panel's codebook.

    Returns:
        One boolean per household, named as the codebook names the flag: whether every field that
        can be left unstated is missing. Never true when the codebook has no such field.
    """
    optional = [field.name for field in codebook.fields if field.blank_code is not None]
    blank = households[optional].isna().all(axis=1) & bool(optional)
    return blank.rename(codebook.column(Role.BLANK_RECORD))


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
