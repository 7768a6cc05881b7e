"""The contract: what a household record must hold, and what is said when it does not.

Text from a file and records from a program pass the same `Rules`, which check one household or a
million at the same pace, and a `Sheet` says to people what they find. Households stand here as one
array: a row per field in the order of the codebook, a column per household, codes as the panel file
has them, NaN for what is not known. What is not known breaks no rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field as attribute
from difflib import get_close_matches
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from customer_segmentation.panel.codebook import Codebook, Field, Scale, same_name
from customer_segmentation.panel.features import prepare_formula
from customer_segmentation.panel.values import HouseholdDataError

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
        row = "" if self.row is None else f"row {self.row}, "
        value = f", value {_clip(self.value)}" if self.value else ""
        return f"{row}column {_clip(self.column)}{value}: {self.advice}"


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


class Rules:
    """What the codebook asks of numbers, looked up once."""

    def __init__(self, codebook: Codebook) -> None:
        self.codebook = codebook
        fields, groups = codebook.fields, codebook.compositions
        self.position = {field.name: at for at, field in enumerate(fields)}
        limits = [_find_limits(field) for field in fields]
        self._lowest = _to_column(low for low, _ in limits)
        self._highest = _to_column(high for _, high in limits)
        self._whole = np.array([[field.is_whole] for field in fields])
        self._gapped = {at: list(f.codes) for at, f in enumerate(fields) if _has_gaps(f)}
        parts = [field.group == group.name for group in groups for field in fields]
        self._parts = np.array(parts, dtype=np.float64).reshape(len(groups), len(fields))
        self._totals = _to_column(group.sums_to for group in groups)
        tolerances = _to_column(group.tolerance for group in groups)
        self._tolerances = tolerances + ROUNDING * np.abs(self._totals)
        self._unstated = _to_column(field.not_stated for field in fields)
        self._optional = np.flatnonzero(~np.isnan(self._unstated))
        self._blank_only = {
            at: code
            for at, field in enumerate(fields)
            if (code := field.not_stated_in_blank_record) is not None
        }
        kept = [(f, f.identity) for f in fields if f.identity and not f.identity.exceptions]
        self._keepers = [field for field, _ in kept]
        self._kept = np.array([self.position[field.name] for field in self._keepers], dtype=np.intp)
        self._range = self._lowest[self._kept], self._highest[self._kept]
        self._distances = _to_column(identity.tolerance for _, identity in kept)
        self._computations = [
            (identity.factor, prepare_formula(field.name, identity.formula, identity.of, codebook))
            for field, identity in kept
        ]
        self._sources = [name for _, each in self._computations for name in each.sources]

    def accept(self, values: Floats) -> Flags:
        """Find the households that keep every rule."""
        refused = self.refuse_values(values)
        accepted = np.where(refused, np.nan, values)
        off = [each.off[np.newaxis] for each in self.follow_identities(accepted)]
        broken = np.concatenate([refused, self.add_up(accepted)[1], *off])
        kept: Flags = np.logical_not(broken.any(axis=0))
        return kept

    def refuse_values(self, values: Floats) -> Flags:
        """Find the values that are no code, no whole number, or out of range by themselves."""
        refused: Flags = (values < self._lowest) | (values > self._highest)
        refused |= self._whole & (np.floor(values) < values)
        for at, codes in self._gapped.items():
            refused[at] |= ~np.isin(values[at], codes) & ~np.isnan(values[at])
        return refused

    def add_up(self, values: Floats) -> tuple[Floats, Flags]:
        """Add up the known shares of every composition, and find the totals that cannot be right.

        They exceed the composition's total, or no share is unknown and they fall short.
        """
        known = ~np.isnan(values)
        totals = self._parts @ np.where(known, values, 0.0)
        complete = self._parts @ ~known == 0
        excess = totals - self._totals
        return totals, (excess > self._tolerances) | (complete & (excess < -self._tolerances))

    def follow_identities(self, values: Floats) -> list[Implied]:
        """Compute every field that others imply, exceptions that are declared aside."""
        columns = {name: values[self.position[name]] for name in self._sources}
        computed = [factor * each.compute(columns) for factor, each in self._computations]
        expected = np.array(computed).reshape(len(computed), values.shape[1])
        lowest, highest = self._range
        rounding = ROUNDING * np.minimum(np.abs(expected), LARGEST)
        impossible = (expected < lowest - rounding) | (expected > highest + rounding)
        off = impossible | (np.abs(values[self._kept] - expected) > self._distances + rounding)
        return list(map(Implied, self._keepers, expected, impossible, off))

    def erase_unstated(self, values: Floats) -> Floats:
        """Copy the values, what is not stated set to missing as in the tables of the project.

        A value that means "not stated" only in a blank record is missing there only. A record is
        blank if it states none of the fields that can be left unstated and that are known, and any
        of them is.
        """
        unstated = values == self._unstated
        erased = np.where(unstated, np.nan, values)
        for at, code in self._blank_only.items():
            if (holds := values[at] == code).any():
                stated = ~np.isnan(erased[self._optional]).all(axis=0)
                blank = unstated[self._optional].any(axis=0) & ~stated
                erased[at, holds & blank] = np.nan
        return erased


def _to_column(values: Iterable[float | None]) -> Floats:
    return np.array(list(values), dtype=np.float64).reshape(-1, 1)


def _find_limits(field: Field) -> tuple[float, float]:
    if field.codes:
        return min(field.codes), max(field.codes)
    largest = LARGEST_WHOLE if field.is_whole else LARGEST
    low = -largest if field.minimum is None else max(field.minimum, -largest)
    high = largest if field.maximum is None else min(field.maximum, largest)
    return low, high


def _has_gaps(field: Field) -> bool:
    return bool(field.codes) and len(field.codes) <= max(field.codes) - min(field.codes)


@dataclass(frozen=True, eq=False)
class Sheet:
    """Households as they came, and how to speak of them.

    Attributes:
        rules: What the codebook asks of them.
        values: Fields x households; NaN also for what could not be read.
        rows: What each household is called: the line of a file, or its number.
        names: What each field is called.
        texts: What was written for each household, by the position of the field; fields of which
            numbers came are left out.
    """

    rules: Rules
    values: Floats
    rows: Sequence[int]
    names: Sequence[str]
    texts: Mapping[int, npt.NDArray[np.object_]] = attribute(default_factory=dict)

    def find_problems(self) -> list[Problem]:
        """Describe every problem: values first, then repeated ids, sums and identities.

        A missing number passes: whoever read it has reported it, or it is not known. Sums and
        identities are checked where every value is accepted by itself.
        """
        refused = self.rules.refuse_values(self.values)
        accepted = np.where(refused, np.nan, self.values)
        ids = self.rules.position[self.rules.codebook.identifier]
        return [
            *self.describe(refused, lambda field, _: _expect(field)),
            *find_repeated_ids(accepted[ids].tolist(), self.rows, self.names[ids]),
            *self._describe_sums(accepted),
            *self._describe_identities(accepted),
        ]

    def describe(self, wrong: Flags, advise: Callable[[Field, str], str]) -> Iterator[Problem]:
        """Describe wrong cells, household by household, with advice for a field and its text."""
        for household, at in np.argwhere(wrong.T):
            text = self._quote(at, household)
            advice = advise(self.rules.codebook.fields[at], text)
            yield Problem(self.rows[household], self.names[at], text, advice)

    def _describe_sums(self, accepted: Floats) -> Iterator[Problem]:
        totals, off = self.rules.add_up(accepted)
        for composition, household in np.argwhere(off):
            group = self.rules.codebook.compositions[composition]
            parts = self.rules.codebook.columns_of(group.name)
            first, last = (self.names[self.rules.position[parts[at]]] for at in (0, -1))
            target, tolerance = _show(group.sums_to), _show(group.tolerance)
            advice = f"the {len(parts)} shares must add up to {target} within {tolerance}"
            total = _show(totals[composition, household])
            yield Problem(self.rows[household], f"{first} to {last}", total, advice)

    def _describe_identities(self, accepted: Floats) -> Iterator[Problem]:
        for field, expected, impossible, off in self.rules.follow_identities(accepted):
            at = self.rules.position[field.name]
            for household in np.flatnonzero(off).tolist():
                number, sources = _show(expected[household]), self._name_sources(field)
                advice = f"expected {number} from {sources}"
                if impossible[household]:
                    advice = f"{number} follows from {sources}; {_expect(field)}"
                value = self._quote(at, household)
                yield Problem(self.rows[household], self.names[at], value, advice)

    def _name_sources(self, field: Field) -> str:
        sources = field.identity.of.values() if field.identity else ()
        at, group = self.rules.position, self.rules.codebook.group
        names = [repr(self.names[at[s]]) if s in at else group(s).label for s in sources]
        return " and ".join(names)

    def _quote(self, at: int, household: int) -> str:
        if at in self.texts:
            return str(self.texts[at][household])
        value = self.values[at, household]
        return "" if np.isnan(value) else _show(value)


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
    found = {same_name(name): name for name in raw.columns}
    cells = [raw[found[field.raw_name]].str.strip() for field in codebook.fields]
    values = [
        [read_number(text, field) for text in column]
        for field, column in zip(codebook.fields, cells, strict=True)
    ]
    sheet = Sheet(
        Rules(codebook),
        np.array(values, dtype=np.float64),
        raw.index.tolist(),
        [field.raw_name for field in codebook.fields],
        {at: column.to_numpy(dtype=object) for at, column in enumerate(cells)},
    )
    unreadable = sheet.describe(np.isnan(sheet.values), _advise_on_text)
    refuse(source, [*unreadable, *sheet.find_problems()])
    erased = sheet.rules.erase_unstated(sheet.values)
    return pd.DataFrame(
        {f.name: _type_column(row, f) for f, row in zip(codebook.fields, erased, strict=True)}
    )


def restore_codes(households: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """Write the not-stated codes back into validated households, as the panel file has them."""
    return households.fillna(
        {field.name: code for field in codebook.fields if (code := field.blank_code) is not None}
    )


def describe_expected(field: Field) -> str:
    """Say in a few words which values a field takes, without its unit."""
    if field.codes:
        return "one of the codes " + ", ".join(map(str, field.codes))
    kind = "a whole number" if field.is_whole else "a number"
    limits = {"at least": field.minimum, "at most": field.maximum}
    within = [f"{words} {_show(limit)}" for words, limit in limits.items() if limit is not None]
    return f"{kind} of {' and '.join(within)}" if within else kind


def refuse(source: str, problems: Sequence[Problem]) -> None:
    """Refuse households by the first problems that they have; nothing happens without any."""
    if not problems:
        return
    lines = [f"{source} is refused; correct it and run again:"]
    lines += [f"  {problem}" for problem in problems[:PROBLEMS_SHOWN]]
    if (hidden := len(problems) - PROBLEMS_SHOWN) > 0:
        lines.append(f"  and {hidden} more problem{'s' if hidden > 1 else ''}")
    raise HouseholdDataError("\n".join(lines))


def read_number(text: str, field: Field) -> float:
    """Read a number without spaces at its ends, NaN if it is none; a percent sign fits a share."""
    percent = field.scale == Scale.SHARE and text.endswith("%")
    digits = text.removesuffix("%").rstrip() if percent else text
    if not NUMBER.fullmatch(digits):
        return np.nan
    return float(digits) / 100 if percent else float(digits)


def find_repeated_ids(ids: Sequence[float], rows: Sequence[int], name: str) -> Iterator[Problem]:
    """Describe the households that have the id of another before them; NaN is no id."""
    first_row: dict[float, int] = {}
    for row, value in zip(rows, ids, strict=True):
        if value in first_row:
            advice = f"row {first_row[value]} has the same; give every household its own"
            yield Problem(row, name, _show(value), advice)
        if not np.isnan(value):
            first_row.setdefault(value, row)


def _check_header(raw: pd.DataFrame, codebook: Codebook) -> Iterator[Problem]:
    found = list(map(same_name, raw.columns))
    expected = {field.raw_name for field in codebook.fields}
    unknown = [name for name in found if name not in expected | set(codebook.ignored_raw_names)]
    for field in codebook.fields:
        if field.raw_name not in found:
            near = get_close_matches(field.raw_name, unknown, n=1)
            hint = f" or rename column {near[0]!r}" if near else ""
            advice = f"is missing ({field.label}); add it{hint}"
            yield Problem(None, field.raw_name, "", advice)
    for name in unknown:
        yield Problem(None, name, "", "is not in the codebook; delete it or describe it there")


def _advise_on_text(field: Field, text: str) -> str:
    if not text:
        code = "" if field.blank_code is None else f" ({field.blank_code} if not stated)"
        return f"the cell is empty; {_expect(field)}{code}"
    if DECIMAL_COMMA.fullmatch(text):
        return f"write a dot as decimal sign and no separator of thousands; {_expect(field)}"
    return f"is not a number; {_expect(field)}"


def _expect(field: Field) -> str:
    return f"expected {describe_expected(field)}" + (f" ({field.unit})" if field.unit else "")


def _type_column(numbers: Floats, field: Field) -> pd.Series:
    whole = "int64" if field.scale == Scale.IDENTIFIER else "Int64"
    return pd.Series(numbers).astype(whole if field.is_whole else "float64")  # type: ignore[call-overload,no-any-return]


def _show(number: float | None) -> str:
    return "" if number is None else f"{number:.10g}"


def _clip(text: str) -> str:
    """The text in quotation marks, on one line, cut where it is too long to read."""
    return repr(text if len(text) <= CHARACTERS_SHOWN else text[:CHARACTERS_SHOWN] + "...")
