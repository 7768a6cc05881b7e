"""Households to be scored, of which not everything need be known, wherever they come from.

A field may be called by its clean name or by its name in the panel file, and a code given as its
number or as its label. A field that is not there is not known. An empty cell of a table means "not
stated" in a field that has a code for that, and not known in any other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from customer_segmentation.panel.codebook import Field, same_name
from customer_segmentation.panel.contract import (
    CHARACTERS_SHOWN,
    PROBLEMS_SHOWN,
    Flags,
    Floats,
    Problem,
    Rules,
    Sheet,
    describe_expected,
    read_number,
    refuse,
)

Record = Mapping[str, object]

_GUESSES = 50  # at what an unknown name may mean; each takes long
_TWICE = "stands twice; give the field under one of its names"
_UNSTATED = -np.inf  # known to be not stated; no number of a record is infinite


@dataclass(frozen=True, eq=False)
class Households:
    """Households whose values have passed the contract; not everything of them need be known.

    Attributes:
        rules: What they have passed, and the position of each field.
        values: Fields x households, in codebook order; NaN for what is not stated or not known.
        known: The same: whether anything is known, be it that a value was not stated.
    """

    rules: Rules
    values: Floats
    known: Flags

    def __len__(self) -> int:
        """The number of households."""
        return int(self.values.shape[1])

    @property
    def ids(self) -> Floats:
        """The identifier of each household, NaN where it has none."""
        ids: Floats = self.values[self.rules.position[self.rules.codebook.identifier]]
        return ids


class Reading(NamedTuple):
    """What records hold, those that are refused set aside.

    Attributes:
        households: The accepted ones, in order.
        accepted: The number of each among the records, from 0.
        refused: What is wrong with each other record, by its number, in order.
    """

    households: Households
    accepted: list[int]
    refused: dict[int, list[Problem]]


class RecordReader:
    """Reads records and tables by a codebook, looked up once."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._fields = fields = rules.codebook.fields
        self._names = [field.name for field in fields]
        self._positions = {name: at for at, f in enumerate(fields) for name in (f.name, f.raw_name)}
        self._spelled = {name.casefold(): name for name in self._positions}
        self._labels = [{label.casefold(): code for code, label in f.codes.items()} for f in fields]

    def read_records(self, records: Sequence[Record]) -> Reading:
        """Read records of a program, each by itself.

        Args:
            records: For each household its fields. Numbers are numbers, not text; a code may be the
                text of its label, in upper or lower case. None is "not stated" for a field that has
                no code for that but in a blank record.

        Returns:
            The households that are accepted, and what is wrong with the others: first what cannot
            be read, up to a limit, then which rules the rest breaks. A problem calls a field by its
            clean name. An id may come twice: the records are not of one file.
        """
        rows = [[np.nan] * len(self._names) for _ in records]
        unread, guesses = {}, iter(range(_GUESSES))
        for number, record in enumerate(records):
            # Records may hold names without end.
            found = islice(self._fill(rows[number], number, record, guesses), PROBLEMS_SHOWN)
            if problems := list(found):
                unread[number] = problems
        values = np.array(rows).reshape(len(records), len(self._names))
        unstated = values == _UNSTATED
        values[unstated] = np.nan
        kept = self.rules.accept(values.T)
        kept[list(unread)] = False
        refused = {}
        for number in np.flatnonzero(~kept).tolist():
            sheet = Sheet(self.rules, values[[number]].T, [number], self._names)
            refused[number] = [*unread.get(number, []), *sheet.find_problems()]
        values = np.ascontiguousarray(values[kept].T)
        known = ~np.isnan(values) | unstated[kept].T
        households = Households(self.rules, self.rules.erase_unstated(values), known)
        return Reading(households, np.flatnonzero(kept).tolist(), refused)

    def read_table(self, table: pd.DataFrame, source: str) -> Households:
        """Read a table, or refuse it as a whole.

        Args:
            table: One row per household, any of the fields as columns: numbers, or text as in a
                file, where a share may be written `37.7%`. The index names the rows.
            source: Where it comes from, for messages.

        Returns:
            The households, in order.

        Raises:
            HouseholdDataError: A column is unknown, or a field has two; an id is repeated; or a
                value is not what the codebook says. The message names source, row, column and value
                of the first problems.
        """
        columns = self._find_columns(table.columns, source)
        values = np.full((len(self._names), len(table)), np.nan)
        unread, texts = np.zeros(values.shape, dtype=np.bool_), {}
        for at, column in columns.items():
            values[at], written = _read_column(table[column], self._fields[at], self._labels[at])
            if written is not None:
                texts[at] = written
                unread[at] = np.isnan(values[at]) & (written != "")
        ids = pd.Series(values[self.rules.position[self.rules.codebook.identifier]])
        if unread.any() or not self.rules.accept(values).all() or not ids.dropna().is_unique:
            names = [columns.get(at, name) for at, name in enumerate(self._names)]
            sheet = Sheet(self.rules, values, table.index.tolist(), names, texts)
            unreadable = sheet.describe(unread, lambda field, _: _expect(field))
            refuse(source, [*unreadable, *sheet.find_problems()])
        known = ~np.isnan(values)
        known[[at for at in columns if self._fields[at].blank_code is not None]] = True
        return Households(self.rules, self.rules.erase_unstated(values), known)

    def _fill(
        self, row: list[float], number: int, record: Record, guesses: Iterator[int]
    ) -> Iterator[Problem]:
        for name, value in record.items():
            at = self._find(name)
            if at is None:
                if same_name(name) not in self.rules.codebook.ignored_raw_names:
                    yield Problem(number, name, "", self._advise_on_name(name, guesses))
            elif row[at] == row[at]:  # not NaN: the field is known already
                yield Problem(number, self._names[at], "", _TWICE)
            elif value is None and self._fields[at].not_stated_in_blank_record is not None:
                row[at] = _UNSTATED
            elif (read := _read_value(value, self._labels[at])) is None:
                form = "" if self._fields[at].codes else ", not as text"
                yield Problem(number, self._names[at], "", _expect(self._fields[at]) + form)
            else:
                row[at] = read

    def _find_columns(self, names: Iterable[object], source: str) -> dict[int, str]:
        """The column of each field, by the field's position."""
        found: dict[int, str] = {}
        problems, guesses = [], iter(range(_GUESSES))
        for name in map(str, names):
            at = self._find(name)
            if at in found:
                problems.append(Problem(None, name, "", f"{_TWICE} (the other is {found[at]!r})"))
            elif at is not None:
                found[at] = name
            elif same_name(name) not in self.rules.codebook.ignored_raw_names:
                problems.append(Problem(None, name, "", self._advise_on_name(name, guesses)))
        refuse(source, problems)
        return found

    def _find(self, name: str) -> int | None:
        """The position of a field that is called by one of its names, in upper or lower case."""
        if (at := self._positions.get(name)) is not None:
            return at
        return self._positions.get(self._spelled.get(same_name(name).casefold(), ""))

    def _advise_on_name(self, name: str, guesses: Iterator[int]) -> str:
        may_guess = next(guesses, None) is not None and len(name) <= CHARACTERS_SHOWN
        spelled = same_name(name).casefold()
        near = get_close_matches(spelled, self._spelled, n=1) if may_guess else []
        hint = "give it the name of one, or leave it out"
        if near:
            hint = f"did you mean {self._spelled[near[0]]!r}?"
        return f"is no field of the codebook; {hint}"


def _read_value(value: object, labels: Mapping[str, int]) -> float | None:
    """The number that a value of a record is; None if it is none."""
    if isinstance(value, str):
        return labels.get(value.strip().casefold())
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return None
    try:
        number = float(value)
    except OverflowError:  # a whole number may be longer
        return None
    return number if math.isfinite(number) else None


def _read_column(
    column: pd.Series, field: Field, labels: Mapping[str, int]
) -> tuple[Floats, npt.NDArray[np.object_] | None]:
    """The numbers of a column, and what was written where text came."""
    blank = np.nan if field.not_stated is None else float(field.not_stated)
    if column.dtype.kind in "iuf":  # whole numbers or not; complex ones and truth values are none
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(np.isnan(numbers), blank, numbers), None
    texts = column.astype("str").str.strip().fillna("").to_numpy(dtype=object)
    kinds, written = pd.factorize(texts)
    read = [_read_text(text, field, labels) if text else blank for text in written]
    return np.array(read, dtype=np.float64)[kinds], texts


def _read_text(text: str, field: Field, labels: Mapping[str, int]) -> float:
    number = read_number(text, field)
    return number if number in field.codes else float(labels.get(text.casefold(), number))


def _expect(field: Field) -> str:
    labels = f" or its label ({', '.join(field.codes.values())})" if field.codes else ""
    return f"expected {describe_expected(field)}{labels}"
