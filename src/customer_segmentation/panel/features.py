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
from pydantic import Field as Setting

from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.panel.values import Configured

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
# repeat rate gives the transactions of every household but those with a single run.)
SOLVABLE = frozenset(FORMULAS) - {"count_positive", "largest_share", "largest"}


class DataProcessingParameters(Configured):
    """What a user may change about reading and assessing the panel.

    Attributes:
        minimum_transactions: Fewest transactions that show a buying style; a household with fewer
            has a thin record.
        redundant_correlation: Absolute correlation from which two columns are called redundant.
        strong_skewness: Absolute skewness from which a column is reported as skewed.
    """

    minimum_transactions: int = Setting(ge=1)
    redundant_correlation: float = Setting(gt=0, le=1)
    strong_skewness: float = Setting(gt=0)

    def check(self, codebook: Codebook) -> None:
        """Refuse a codebook that lacks a role, or whose formulas cannot be computed."""
        for role in Role:
            codebook.column(role)
        check_formulas(codebook)


def check_formulas(codebook: Codebook) -> None:
    """Refuse a codebook with a formula that does not exist or takes other arguments."""
    for owner, name, of in codebook.formulas:
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
        """Compute the column from float64 columns by clean name; missing where a source is."""
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
    """Look up a formula; a group stands for those of its columns that no other argument takes."""
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
    """List in order what must be computed to know variables, where some derived ones are given."""
    missing = {codebook[name].name for name in names} - set(given)
    for variable in reversed(codebook.derived):  # what one is computed from stands before it
        if variable.name in missing:
            missing.update(set(variable.of.values()) - set(given))
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


def derive_household_features(
    households: pd.DataFrame, codebook: Codebook, data_processing: DataProcessingParameters
) -> pd.DataFrame:
    """Compute every derived variable and flag of every household.

    Args:
        households: One row per household, as `validate_households` returns them.
        codebook: The panel's codebook, which declares the derived variables and the flags.
        data_processing: How many transactions show a buying style.

    Returns:
        One row per household in the same order: the identifier, one float64 column per derived
        variable (missing only where its formula says so), then two flags, both bool: a record with
        too few purchases, and a blank demographic record, in which every field that can be left
        unstated is missing. None is blank where the codebook has no such field.
    """
    transactions = households[codebook.column(Role.TRANSACTIONS)]
    optional = [field.name for field in codebook.fields if field.blank_code is not None]
    flags = {
        codebook.column(Role.THIN_RECORD): transactions < data_processing.minimum_transactions,
        codebook.column(Role.BLANK_RECORD): households[optional].isna().all(axis=1)
        & bool(optional),
    }
    derived = derive_features(households, codebook)
    derived.insert(0, codebook.identifier, households[codebook.identifier])
    return derived.assign(**{name: flag.astype(bool) for name, flag in flags.items()})


def find_known(names: Iterable[str], codebook: Codebook) -> frozenset[str]:
    """Close a set of columns under everything the codebook declares about them.

    A derived variable, or a field that keeps an identity, is known when all inputs of its formula
    are. An input of a formula that can be solved (`SOLVABLE`) is known when the result and the
    other inputs are. The last share of a composition is known when all others are. That is repeated
    until nothing new is found.

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
    while new := {found for given, found in rules if given <= known} - known:
        known |= new
    return known


def find_relatives(names: Iterable[str], codebook: Codebook) -> frozenset[str]:
    """Find every variable that must differ where some variables do.

    Returns:
        The variables, the fields they are computed from, all parts of the compositions that these
        fields belong to, and everything that follows from all that (`find_known`).
    """
    known = find_known(names, codebook)
    sources = frozenset().union(*(codebook.sources_of(name) for name in known))
    for group in codebook.compositions:
        parts = frozenset(codebook.columns_of(group.name))
        sources |= parts if parts & sources else frozenset()
    return find_known(known | sources, codebook)


def _list_rules(codebook: Codebook) -> Iterator[tuple[frozenset[str], str]]:
    """The columns that must be known, and the column that they determine."""
    for result, formula, of in codebook.formulas:
        inputs = frozenset(codebook.expand(of.values()))
        yield inputs, result
        if formula in SOLVABLE:
            yield from (((inputs | {result}) - {unknown}, unknown) for unknown in inputs)
    for group in codebook.compositions:
        shares = frozenset(codebook.columns_of(group.name))
        yield from ((shares - {share}, share) for share in shares)
