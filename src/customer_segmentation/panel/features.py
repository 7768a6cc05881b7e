"""Variables derived from a household's record, as the codebook declares them.

Each formula below takes columns and returns one column; the codebook says which columns it takes
and what the result is called, so the same formulas serve every panel, in training and in scoring.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from inspect import signature

import numpy as np
import pandas as pd

from customer_segmentation.panel.codebook import Codebook, Role


def ratio(numerator: pd.Series, denominator: pd.Series) -> pd.Series:
    """Divide two columns."""
    return numerator / denominator


def count_positive(parts: pd.DataFrame) -> pd.Series:
    """Count the parts a household uses at all."""
    return (parts > 0).sum(axis=1)


def largest_share(parts: pd.DataFrame, unlisted: pd.Series) -> pd.Series:
    """Largest share of one listed part, in [0, 1]; the column of unlisted parts is not one part."""
    return parts.drop(columns=str(unlisted.name)).max(axis=1)


def largest(first: pd.Series, second: pd.Series) -> pd.Series:
    """The larger of two columns, household by household."""
    return first.where(first >= second, second)


def midpoint(first: pd.Series, second: pd.Series) -> pd.Series:
    """The middle of two columns."""
    return (first + second) / 2


def one_less(counts: pd.Series) -> pd.Series:
    """The count without its first event."""
    return counts - 1


def repeat_rate(transactions: pd.Series, runs: pd.Series) -> pd.Series:
    """Share of purchases after the first that repeat the brand bought before.

    A run is an uninterrupted sequence of purchases of one brand, so `transactions - runs` purchases
    repeat their predecessor's brand.

    Returns:
        Values in [0, 1]; missing for a household with a single purchase, which had no chance to
        repeat.
    """
    chances = transactions - 1
    return (transactions - runs) / chances.where(chances > 0)


def complement(share: pd.Series) -> pd.Series:
    """What is missing to a share of 1."""
    return 1 - share


def logarithm(values: pd.Series) -> pd.Series:
    """Natural logarithm of positive values."""
    return pd.Series(np.log(values.to_numpy(dtype=float)), index=values.index)


FORMULAS: Mapping[str, Callable[..., pd.Series]] = {
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


def _formula(name: str) -> Callable[..., pd.Series]:
    if name not in FORMULAS:
        raise ValueError(f"unknown formula {name!r}; known are {', '.join(sorted(FORMULAS))}")
    return FORMULAS[name]


def apply_formula(
    name: str, of: Mapping[str, str], columns: pd.DataFrame, codebook: Codebook
) -> pd.Series:
    """Compute one formula on the columns or groups that the codebook gives to its arguments.

    Args:
        name: Name of a formula of this module.
        of: For each argument a clean column name, or a group name where it takes several columns.
        columns: One row per household with at least the named columns.
        codebook: The panel's codebook.

    Returns:
        One float64 value per household, in the order of `columns`.

    Raises:
        ValueError: The formula does not exist.
    """
    formula = _formula(name)
    arguments = {
        argument: columns[source] if source in codebook else columns[codebook.columns_of(source)]
        for argument, source in of.items()
    }
    return formula(**arguments).astype("float64")


def derive_features(
    households: pd.DataFrame, codebook: Codebook, names: Sequence[str] | None = None
) -> pd.DataFrame:
    """Compute the codebook's derived variables for every household.

    Args:
        households: One row per household with the variables themselves, or else the fields that
            they are computed from.
        codebook: The panel's codebook.
        names: The derived variables wanted; None means all.

    Returns:
        One row per household in the same order and index; one float64 column per derived variable,
        missing only where the formula says so.

    Raises:
        ValueError: A name is not in the codebook.
    """
    every = [variable.name for variable in codebook.derived]
    wanted = every if names is None else [codebook[name].name for name in names]
    known = households[[name for name in households.columns if name in codebook]]
    missing = _find_missing(wanted, known.columns, codebook)
    for variable in codebook.derived:
        if variable.name not in missing:
            continue
        column = apply_formula(variable.formula, variable.of, known, codebook)
        known = known.assign(**{variable.name: column})
    return known[wanted].copy()


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
