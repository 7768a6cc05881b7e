"""The contract: what a household record must hold, and what is said when it does not.

Text from a file and records from a program pass the same checks: `validate_households` reads text
into numbers, `find_problems` checks numbers, `type_households` gives them their types.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field as dataclass_field
from difflib import get_close_matches
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field as Setting

from customer_segmentation.panel.codebook import (
    Codebook,
    Field,
    Group,
    Role,
    Scale,
    same_name,
)
from customer_segmentation.panel.features import (
    Computation,
    check_formulas,
    prepare_formula,
    take_columns,
)
from customer_segmentation.panel.values import Configured, HouseholdDataError

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

LARGEST = np.finfo(np.float64).max
LARGEST_WHOLE = 2.0**53  # beyond it, floating-point numbers skip whole numbers

# By so much of itself a result may be off that is exact on paper, and differently in other company:
# a household at the very limit is accepted alone and among others.
ROUNDING = 1e-12
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
DECIMAL_COMMA = re.compile(r"[+-]?[0-9.]*,[0-9]+ ?%?")
PROBLEMS_SHOWN = 10
CHARACTERS_SHOWN = 60


class DataProcessingParameters(Configured):
    """What a user may change about reading and judging the panel.

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
        """Refuse a codebook that lacks a role, or whose formulas cannot be computed.

        Raises:
            ValueError: No column has a role that some step asks for, or a formula does not exist or
                does not take the arguments it is given.
        """
        for role in Role:
            codebook.column(role)
        check_formulas(codebook)


@dataclass(frozen=True)
class Problem:
    """One reason to refuse a record.

    Attributes:
        row: Line of the record in its file, or its number among records; None for the header.
        column: The column as the file calls it.
        value: What stands there.
        advice: What is expected and what to do.
    """

    row: int | None
    column: str
    value: str
    advice: str

    def __str__(self) -> str:
        """One line: place, value, advice."""
        place = f"column {_clip(self.column)}"
        row = "" if self.row is None else f"row {self.row}, "
        value = f", value {_clip(self.value)}" if self.value else ""
        return f"{row}{place}{value}: {self.advice}"


def validate_households(raw: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """Turn the text of a panel file into typed households, or refuse it as a whole.

    Args:
        raw: One row per household, every cell text; columns by their raw names, index `row` with
            line numbers, `attrs["source"]` the name of the file. Shares may be written `37.7%`.
        codebook: What every column must hold.

    Returns:
        One row per household in the order of the file, columns by clean name in codebook order: the
        identifier int64, codes and counts Int64 with missing values for "not stated", other
        measurements float64 without missing values.

    Raises:
        HouseholdDataError: A column is missing or unknown, an id is repeated, a cell is empty or no
            number, a code is unknown, a value is out of range, shares do not add up, or an identity
            is broken; the message names file, row, column and value of the first problems.
    """
    source = str(raw.attrs.get("source", "the panel"))
    refuse(source, list(_check_header(raw, codebook)))
    rules = Rules(codebook)
    sheet = _read_sheet(_select_columns(raw, codebook), codebook)
    unreadable = list(_check_texts(sheet, codebook))
    refuse(source, [*unreadable, *find_problems(sheet, rules)])
    return type_households(sheet.values, rules)


@dataclass(frozen=True, eq=False)
class Sheet:
    """Households as they came, and how to speak of them.

    Attributes:
        values: Fields x households, in codebook order: codes as the panel file has them, NaN for
            what is not known or could not be read.
        rows: What each household is called: the line of a file, or its number.
        names: What each field is called.
        texts: What was written for each household, by the position of the field; fields of which
            numbers came are left out.
    """

    values: Floats
    rows: Sequence[int]
    names: Sequence[str]
    texts: Mapping[int, npt.NDArray[np.object_]] = dataclass_field(default_factory=dict)

    def quote(self, field: int, household: int) -> str:
        """What was written for a field of a household; empty where nothing was."""
        if field in self.texts:
            return str(self.texts[field][household])
        value = self.values[field, household]
        return "" if np.isnan(value) else _show(value)


def find_problems(sheet: Sheet, rules: Rules) -> list[Problem]:
    """Say what is wrong with households that are numbers already.

    Args:
        sheet: The households. A missing number passes: whoever read it has reported it, or it is
            not known.
        rules: What the codebook asks of every field.

    Returns:
        Every problem: values first, then repeated ids, sums and identities. Sums and identities are
        checked where every value is accepted by itself.
    """
    refused = rules.refuse_values(sheet.values)
    accepted = np.where(refused, np.nan, sheet.values)
    ids = rules.position[rules.codebook.identifier]
    return [
        *_describe_refused(refused, sheet, rules.codebook),
        *find_repeated_ids(accepted[ids].tolist(), sheet.rows, sheet.names[ids]),
        *_describe_sums(accepted, sheet, rules),
        *_describe_identities(accepted, sheet, rules),
    ]


def type_households(values: Floats, rules: Rules) -> pd.DataFrame:
    """Give checked numbers their types and set what is not stated to missing.

    Args:
        values: Fields x households, without problems, all known.
        rules: Scales and not-stated codes.

    Returns:
        As `validate_households`.
    """
    erased = rules.erase_unstated(values)
    fields = rules.codebook.fields
    return pd.DataFrame(
        {f.name: _type_column(pd.Series(row), f) for f, row in zip(fields, erased, strict=True)}
    )


def restore_codes(households: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """Write the not-stated codes back, as the panel file has them.

    Args:
        households: As `validate_households` returns them.
        codebook: The not-stated codes.

    Returns:
        The same households without missing values, same columns and types.
    """
    codes = {f.name: f.blank_code for f in codebook.fields if f.blank_code is not None}
    return households.fillna(codes)


def describe_expected(field: Field) -> str:
    """Say in a few words which values a field takes, without its unit."""
    if field.codes:
        return "one of the codes " + ", ".join(map(str, field.codes))
    kind = "a whole number" if field.is_whole else "a number"
    limits = [
        f"{words} {_show(limit)}"
        for words, limit in (("at least", field.minimum), ("at most", field.maximum))
        if limit is not None
    ]
    within = f"of {' and '.join(limits)}" if limits else ""
    return f"{kind} {within}".rstrip()


def _describe_with_unit(field: Field) -> str:
    return describe_expected(field) + (f" ({field.unit})" if field.unit else "")


def refuse(source: str, problems: Sequence[Problem]) -> None:
    """Refuse households that have problems.

    Args:
        source: Where they come from, for the message.
        problems: What is wrong; nothing happens without any.

    Raises:
        HouseholdDataError: There is a problem; the message shows the first ones.
    """
    if not problems:
        return
    hidden = len(problems) - PROBLEMS_SHOWN
    lines = [f"  {problem}" for problem in problems[:PROBLEMS_SHOWN]]
    if hidden > 0:
        lines.append(f"  and {hidden} more problem{'s' if hidden > 1 else ''}")
    raise HouseholdDataError("\n".join([f"{source} is refused; correct it and run again:", *lines]))


def _check_header(raw: pd.DataFrame, codebook: Codebook) -> Iterator[Problem]:
    expected = {field.raw_name for field in codebook.fields}
    accepted = expected | set(codebook.ignored_raw_names)
    found = set(map(same_name, raw.columns))
    unknown = [name for name in map(same_name, raw.columns) if name not in accepted]
    for field in codebook.fields:
        if field.raw_name not in found:
            near = get_close_matches(field.raw_name, unknown, n=1)
            hint = f" or rename column {near[0]!r}" if near else ""
            advice = f"is missing ({field.label}); add it{hint}"
            yield Problem(None, field.raw_name, "", advice)
    for name in unknown:
        yield Problem(None, name, "", "is not in the codebook; delete it or describe it there")


def _select_columns(raw: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """Columns by clean name in codebook order, spaces around the cells removed."""
    found = {same_name(name): name for name in raw.columns}
    columns = {field.name: raw[found[field.raw_name]].str.strip() for field in codebook.fields}
    return pd.DataFrame(columns)


def _read_sheet(texts: pd.DataFrame, codebook: Codebook) -> Sheet:
    values = [texts[field.name].map(partial(read_number, field=field)) for field in codebook.fields]
    return Sheet(
        np.array(values, dtype=np.float64),
        texts.index.tolist(),
        [field.raw_name for field in codebook.fields],
        {at: texts[field.name].to_numpy(dtype=object) for at, field in enumerate(codebook.fields)},
    )


def read_number(text: str, field: Field) -> float:
    """Read the number that a cell states.

    Args:
        text: What is written, without spaces at its ends. A percent sign fits a share only.
        field: The field.

    Returns:
        The number; NaN if the cell states none.
    """
    percent = field.scale == Scale.SHARE and text.endswith("%")
    digits = text.removesuffix("%").rstrip() if percent else text
    if not NUMBER.fullmatch(digits):
        return np.nan
    return float(digits) / 100 if percent else float(digits)


def _check_texts(sheet: Sheet, codebook: Codebook) -> Iterator[Problem]:
    for household, at in np.argwhere(np.isnan(sheet.values.T)):
        field, text = codebook.fields[at], sheet.quote(at, household)
        yield Problem(sheet.rows[household], sheet.names[at], text, _advise_on_text(text, field))


def _advise_on_text(text: str, field: Field) -> str:
    expected = f"expected {_describe_with_unit(field)}"
    if not text:
        code = "" if field.blank_code is None else f" ({field.blank_code} if not stated)"
        return f"the cell is empty; {expected}{code}"
    if DECIMAL_COMMA.fullmatch(text):
        return f"write a dot as decimal sign and no separator of thousands; {expected}"
    return f"is not a number; {expected}"


def _describe_refused(refused: Flags, sheet: Sheet, codebook: Codebook) -> Iterator[Problem]:
    for household, at in np.argwhere(refused.T):
        advice = f"expected {_describe_with_unit(codebook.fields[at])}"
        yield Problem(sheet.rows[household], sheet.names[at], sheet.quote(at, household), advice)


def find_repeated_ids(ids: Sequence[float], rows: Sequence[int], name: str) -> Iterator[Problem]:
    """Find the households that have the id of another before them.

    Args:
        ids: One per household, NaN where it is not known.
        rows: What each household is called.
        name: What the identifier is called.
    """
    first_row: dict[float, int] = {}
    for row, value in zip(rows, ids, strict=True):
        if value in first_row:
            advice = f"row {first_row[value]} has the same; give every household its own"
            yield Problem(row, name, _show(value), advice)
        if not np.isnan(value):
            first_row.setdefault(value, row)


def _describe_sums(accepted: Floats, sheet: Sheet, rules: Rules) -> Iterator[Problem]:
    sums = rules.add_up(accepted)
    for composition, household in np.argwhere(sums.off):
        group = rules.codebook.compositions[composition]
        parts = rules.codebook.columns_of(group.name)
        first, last = (sheet.names[rules.position[parts[at]]] for at in (0, -1))
        target, tolerance = _show(group.sums_to), _show(group.tolerance)
        advice = f"the {len(parts)} shares must add up to {target} within {tolerance}"
        total = _show(sums.totals[composition, household])
        yield Problem(sheet.rows[household], f"{first} to {last}", total, advice)


def _describe_identities(accepted: Floats, sheet: Sheet, rules: Rules) -> Iterator[Problem]:
    for implied in rules.follow_identities(accepted):
        at = rules.position[implied.field.name]
        for household in np.flatnonzero(implied.off).tolist():
            value = sheet.quote(at, household)
            advice = _describe_implied(implied, household, sheet, rules)
            yield Problem(sheet.rows[household], sheet.names[at], value, advice)


def _describe_implied(implied: Implied, household: int, sheet: Sheet, rules: Rules) -> str:
    field, expected = implied.field, implied.expected[household]
    sources = _name_sources(field, sheet, rules)
    if implied.impossible[household]:
        return f"{_show(expected)} follows from {sources}; expected {_describe_with_unit(field)}"
    return f"expected {_show(expected)} from {sources}"


def distance_from_total(sums: pd.Series, group: Group) -> pd.Series:
    """How far the shares of a composition, added up per household, are from their total."""
    return (sums - (group.sums_to or 0.0)).abs()


def expected_by_identity(columns: pd.DataFrame, field: Field, codebook: Codebook) -> Floats:
    """Compute what a field should hold by its identity with other fields.

    Args:
        columns: One row per household, columns by clean name.
        field: A field that declares an identity.
        codebook: The panel's codebook.

    Returns:
        One value per household, in the unit of the field.

    Raises:
        ValueError: The field declares no identity.
    """
    if field.identity is None:
        raise ValueError(f"field {field.name!r} declares no identity")
    kept = field.identity
    computation = prepare_formula(field.name, kept.formula, kept.of, codebook)
    return kept.factor * computation.compute(take_columns(columns, computation.sources))


def _name_sources(field: Field, sheet: Sheet, rules: Rules) -> str:
    sources = field.identity.of.values() if field.identity else ()
    return " and ".join(
        repr(sheet.names[rules.position[name]])
        if name in rules.position
        else rules.codebook.group(name).label
        for name in sources
    )


def _type_column(numbers: pd.Series, field: Field) -> pd.Series:
    if field.scale == Scale.IDENTIFIER:
        return numbers.astype("int64")
    return numbers.astype("Int64" if field.is_whole else "float64")


def _show(number: float | None) -> str:
    return "" if number is None else f"{number:.10g}"


def _clip(text: str) -> str:
    """The text in quotation marks, on one line, cut where it is too long to read."""
    return repr(text if len(text) <= CHARACTERS_SHOWN else text[:CHARACTERS_SHOWN] + "...")


class Sums(NamedTuple):
    """What the shares of each composition of each household add up to: compositions x households.

    Attributes:
        totals: Of the shares that are known.
        off: Whether the total cannot be right: it exceeds the composition's, or no share is unknown
            and it falls short.
    """

    totals: Floats
    off: Flags


class Implied(NamedTuple):
    """What a field must be by its identity with other fields, household by household.

    Attributes:
        field: The field.
        expected: What follows from the others; NaN where they are not known.
        impossible: Whether it is out of the field's range.
        off: Whether it is impossible, or the field differs from it.
    """

    field: Field
    expected: Floats
    impossible: Flags
    off: Flags


class _Keepers(NamedTuple):
    """The fields that keep an identity: positions, limits and tolerances, one of each a row."""

    fields: list[Field]
    at: npt.NDArray[np.intp]
    lowest: Floats
    highest: Floats
    tolerances: Floats


class Rules:
    """What the codebook asks of numbers, looked up once.

    Args:
        codebook: The panel's codebook.
    """

    def __init__(self, codebook: Codebook) -> None:
        self.codebook = codebook
        fields = codebook.fields
        self.position = {field.name: at for at, field in enumerate(fields)}
        limits = np.array([_find_limits(field) for field in fields])
        self._lowest, self._highest = limits.T[:, :, np.newaxis]
        self._whole = np.array([[field.is_whole] for field in fields])
        self._gapped = {at: field.codes for at, field in enumerate(fields) if _has_gaps(field)}
        groups = [group.name for group in codebook.compositions]
        self._parts = np.array(
            [[field.group == group for field in fields] for group in groups], dtype=np.float64
        ).reshape(len(groups), len(fields))
        totals = [(group.sums_to or 0.0, group.tolerance) for group in codebook.compositions]
        self._targets, tolerances = np.array(totals).reshape(-1, 2).T[:, :, np.newaxis]
        self._tolerances = tolerances + ROUNDING * np.abs(self._targets)

    def accept(self, values: Floats) -> Flags:
        """Find the households that keep every rule.

        Args:
            values: Fields x households.

        Returns:
            One flag per household.
        """
        refused = self.refuse_values(values)
        accepted = np.where(refused, np.nan, values)
        off = [each.off for each in self.follow_identities(accepted)]
        broken = np.concatenate([refused, self.add_up(accepted).off, *(each[None] for each in off)])
        kept: Flags = np.logical_not(broken.any(axis=0))
        return kept

    def refuse_values(self, values: Floats) -> Flags:
        """Find the values that are no code, no whole number, or out of range by themselves.

        Args:
            values: Fields x households.

        Returns:
            One flag per value.
        """
        refused: Flags = (values < self._lowest) | (values > self._highest)
        refused |= self._whole & (np.floor(values) < values)
        for at, codes in self._gapped.items():
            refused[at] |= ~np.isin(values[at], list(codes)) & ~np.isnan(values[at])
        return refused

    def add_up(self, values: Floats) -> Sums:
        """Add up the shares of every composition.

        Args:
            values: Fields x households.
        """
        known = ~np.isnan(values)
        totals = self._parts @ np.where(known, values, 0.0)
        complete = self._parts @ ~known == 0
        excess = totals - self._targets
        return Sums(totals, (excess > self._tolerances) | (complete & (excess < -self._tolerances)))

    def follow_identities(self, values: Floats) -> list[Implied]:
        """Work out every field that others imply, exceptions that are declared aside.

        Args:
            values: Fields x households.
        """
        columns = {name: values[at] for name, at in self._sources.items()}
        computed = [factor * each.compute(columns) for _, factor, each in self._identities]
        expected = np.array(computed).reshape(len(computed), values.shape[1])
        fields, at, lowest, highest, tolerances = self._keepers
        rounding = ROUNDING * np.minimum(np.abs(expected), LARGEST)
        impossible = (expected < lowest - rounding) | (expected > highest + rounding)
        off = impossible | (np.abs(values[at] - expected) > tolerances + rounding)
        return [Implied(*each) for each in zip(fields, expected, impossible, off, strict=True)]

    def erase_unstated(self, values: Floats) -> Floats:
        """Set what is not stated to missing, as the tables of the project have it.

        Args:
            values: Fields x households.

        Returns:
            A copy. A value that means "not stated" only in a blank record is missing there only. A
            record is blank if it states none of the fields that can be left unstated and that are
            known, and any of them is.
        """
        unstated = values == self._unstated
        erased = np.where(unstated, np.nan, values)
        for at, code in self._blank_only.items():
            if (holds := values[at] == code).any():
                stated = ~np.isnan(erased[self._optional]).all(axis=0)
                blank = unstated[self._optional].any(axis=0) & ~stated
                erased[at, holds & blank] = np.nan
        return erased

    @cached_property
    def _identities(self) -> list[tuple[Field, float, Computation]]:
        return [
            (field, kept.factor, prepare_formula(field.name, kept.formula, kept.of, self.codebook))
            for field in self.codebook.fields
            if (kept := field.identity) and not kept.exceptions
        ]

    @cached_property
    def _sources(self) -> dict[str, int]:
        """The fields that identities are computed from, with their positions."""
        names = [name for _, _, each in self._identities for name in each.sources]
        return {name: self.position[name] for name in names}

    @cached_property
    def _keepers(self) -> _Keepers:
        fields = [field for field, _, _ in self._identities]
        at = np.array([self.position[field.name] for field in fields], dtype=np.intp)
        tolerances = [[field.identity.tolerance if field.identity else 0.0] for field in fields]
        column = np.array(tolerances).reshape(-1, 1)
        return _Keepers(fields, at, self._lowest[at], self._highest[at], column)

    @cached_property
    def _unstated(self) -> Floats:
        codes = [field.not_stated for field in self.codebook.fields]
        return np.array([[np.nan if code is None else code] for code in codes])

    @cached_property
    def _optional(self) -> list[int]:
        return [at for at, field in enumerate(self.codebook.fields) if field.not_stated is not None]

    @cached_property
    def _blank_only(self) -> dict[int, int]:
        return {
            at: code
            for at, field in enumerate(self.codebook.fields)
            if self._optional and (code := field.not_stated_in_blank_record) is not None
        }


def _find_limits(field: Field) -> tuple[float, float]:
    if field.codes:
        return min(field.codes), max(field.codes)
    largest = LARGEST_WHOLE if field.is_whole else LARGEST
    low = -largest if field.minimum is None else max(field.minimum, -largest)
    high = largest if field.maximum is None else min(field.maximum, largest)
    return low, high


def _has_gaps(field: Field) -> bool:
    return bool(field.codes) and len(field.codes) <= max(field.codes) - min(field.codes)
