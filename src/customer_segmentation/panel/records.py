"""Households to be scored, of which not everything need be known, from whatever tells them.

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
    find_problems,
    read_number,
    refuse,
)

Record = Mapping[str, object]


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
    """Reads records and tables by a codebook, looked up once.

    Args:
        rules: What the codebook asks of every field.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        fields = rules.codebook.fields
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
        if unstated.any():
            values[unstated] = np.nan
        kept = self.rules.accept(values.T)
        if unread:
            kept[list(unread)] = False
        refused = {}
        for number in np.flatnonzero(~kept).tolist():
            broken = find_problems(Sheet(values[[number]].T, [number], self._names), self.rules)
            refused[number] = [*unread.get(number, []), *broken]
        if refused:
            values, unstated = values[kept], unstated[kept]
        households = self._set_aside_unstated(np.ascontiguousarray(values.T))
        if unstated.any():
            households.known[unstated.T] = True
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
        texts = {}
        for at, column in columns.items():
            field = self.rules.codebook.fields[at]
            values[at], written = _read_column(table[column], field, self._labels[at])
            if written is not None:
                texts[at] = written
        names = [columns.get(at, name) for at, name in enumerate(self._names)]
        unreadable = [
            (household, at)
            for at, written in texts.items()
            for household in np.flatnonzero(np.isnan(values[at]) & (written != "")).tolist()
        ]
        if unreadable or not self.rules.accept(values).all() or self._repeats_an_id(values):
            sheet = Sheet(values, table.index.tolist(), names, texts)
            said = [self._describe_unreadable(sheet, *place) for place in sorted(unreadable)]
            refuse(source, [*said, *find_problems(sheet, self.rules)])
        households = self._set_aside_unstated(values)
        for at in columns:
            if self.rules.codebook.fields[at].blank_code is not None:
                households.known[at] = True
        return households

    def _set_aside_unstated(self, values: Floats) -> Households:
        return Households(self.rules, self.rules.erase_unstated(values), ~np.isnan(values))

    def _fill(
        self, row: list[float], number: int, record: Record, guesses: Iterator[int]
    ) -> Iterator[Problem]:
        for name, value in record.items():
            at = self._find(name)
            if at is None:
                if same_name(name) not in self.rules.codebook.ignored_raw_names:
                    yield Problem(number, name, "", self._advise_on_name(name, guesses))
            elif row[at] == row[at]:  # not NaN: it has been told
                yield Problem(number, self._names[at], "", _TWICE)
            elif value is None and self._has_no_word_of_its_own(at):
                row[at] = _UNSTATED
            elif (read := _read_value(value, self._labels[at])) is None:
                yield Problem(number, self._names[at], "", self._advise_on_value(at))
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
        spelled = self._spelled.get(same_name(name).casefold(), "")
        return self._positions.get(name, self._positions.get(spelled))

    def _has_no_word_of_its_own(self, at: int) -> bool:
        """Whether "not stated" can be told by nothing: what means it, means it in blank records."""
        return self.rules.codebook.fields[at].not_stated_in_blank_record is not None

    def _advise_on_value(self, at: int) -> str:
        field = self.rules.codebook.fields[at]
        form = "" if field.codes else ", not as text"
        return f"expected {_describe_value(field)}{form}"

    def _advise_on_name(self, name: str, guesses: Iterator[int]) -> str:
        may_guess = next(guesses, None) is not None and len(name) <= CHARACTERS_SHOWN
        spelled = same_name(name).casefold()
        near = get_close_matches(spelled, self._spelled, n=1) if may_guess else []
        known = self._spelled[near[0]] if near else ""
        hint = f"did you mean {known!r}?" if near else "give it the name of one, or leave it out"
        return f"is no field of the codebook; {hint}"

    def _describe_unreadable(self, sheet: Sheet, household: int, at: int) -> Problem:
        advice = f"expected {_describe_value(self.rules.codebook.fields[at])}"
        return Problem(sheet.rows[household], sheet.names[at], sheet.quote(at, household), advice)

    def _repeats_an_id(self, values: Floats) -> bool:
        ids = values[self.rules.position[self.rules.codebook.identifier]]
        known = ids[~np.isnan(ids)]
        return len(np.unique(known)) < len(known)


_GUESSES = 50  # at what an unknown name may mean; each takes long
_TWICE = "stands twice; give the field under one of its names"
_UNSTATED = -np.inf  # told, and told to be unknown; no number of a record is infinite


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
    read = [_read_text(text, field, labels, blank) for text in written]
    return np.array(read, dtype=np.float64)[kinds], texts


def _read_text(text: str, field: Field, labels: Mapping[str, int], blank: float) -> float:
    if not text:
        return blank
    number = read_number(text, field)
    return number if number in field.codes else float(labels.get(text.casefold(), number))


def _describe_value(field: Field) -> str:
    labels = f" or its label ({', '.join(field.codes.values())})" if field.codes else ""
    return f"{describe_expected(field)}{labels}"
