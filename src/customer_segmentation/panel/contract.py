"""The contract: what a household record must hold, and what is said when it does not.

Text from a file and records from a program pass the same checks: `validate_households` reads text
into numbers, `find_problems` checks numbers, `type_households` gives them their types.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
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
from customer_segmentation.panel.configured import Configured
from customer_segmentation.panel.errors import HouseholdDataError
from customer_segmentation.panel.features import apply_formula, check_formulas

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
DECIMAL_COMMA = re.compile(r"[+-]?[0-9.]*,[0-9]+ ?%?")
LARGEST_WHOLE = 2.0**53  # beyond it, floating-point numbers skip whole numbers
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
    _refuse(source, list(_check_header(raw, codebook)))
    texts = _select_columns(raw, codebook)
    numbers = texts.apply(_read_numbers, codebook=codebook)
    unreadable = list(_check_texts(texts, numbers, codebook))
    _refuse(source, [*unreadable, *find_problems(numbers, codebook, texts)])
    return type_households(numbers, codebook)


def find_problems(
    numbers: pd.DataFrame, codebook: Codebook, texts: pd.DataFrame | None = None
) -> list[Problem]:
    """Check records that are numbers already.

    Args:
        numbers: One row per household, one float64 column per field by clean name; the index names
            the rows. A missing number passes: whoever read it has reported it.
        codebook: What every column must hold.
        texts: The same cells as the user wrote them, to quote; None quotes the numbers.

    Returns:
        Every problem: values first, then repeated ids, sums and identities. Sums and identities are
        checked where every value is accepted by itself.
    """
    shown = numbers.map(_show) if texts is None else texts
    refused = numbers.apply(_is_refused, codebook=codebook)
    accepted = numbers.mask(refused)
    return [
        *_describe_refused(refused, shown, codebook),
        *_check_ids(accepted, codebook),
        *_check_sums(accepted, codebook),
        *_check_identities(accepted, shown, codebook),
    ]


def type_households(numbers: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """Give checked numbers their types and set what is not stated to missing.

    Args:
        numbers: One row per household without problems, one float64 column per field.
        codebook: Scales and not-stated codes.

    Returns:
        As `validate_households`.
    """
    blank = _is_blank_record(numbers, codebook)
    columns = {}
    for field in codebook.fields:
        unstated = _is_not_stated(numbers[field.name], field, blank)
        columns[field.name] = _type_column(numbers[field.name], field).mask(unstated)
    return pd.DataFrame(columns).reset_index(drop=True)


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


def _refuse(source: str, problems: Sequence[Problem]) -> None:
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


def _read_numbers(texts: pd.Series, codebook: Codebook) -> pd.Series:
    is_share = codebook.field(str(texts.name)).scale == Scale.SHARE
    return texts.map(lambda text: _read_number(text, is_share=is_share)).astype("float64")


def _read_number(text: str, *, is_share: bool) -> float:
    """The number a cell states; missing if it states none. A percent sign fits a share only."""
    percent = is_share and text.endswith("%")
    digits = text.removesuffix("%").rstrip() if percent else text
    if not NUMBER.fullmatch(digits):
        return np.nan
    return float(digits) / 100 if percent else float(digits)


def _check_texts(
    texts: pd.DataFrame, numbers: pd.DataFrame, codebook: Codebook
) -> Iterator[Problem]:
    for row, name, text in _cells(numbers.isna(), texts):
        field = codebook.field(name)
        yield Problem(row, field.raw_name, text, _advise_on_text(text, field))


def _advise_on_text(text: str, field: Field) -> str:
    expected = f"expected {_describe_with_unit(field)}"
    if not text:
        code = "" if field.blank_code is None else f" ({field.blank_code} if not stated)"
        return f"the cell is empty; {expected}{code}"
    if DECIMAL_COMMA.fullmatch(text):
        return f"write a dot as decimal sign and no separator of thousands; {expected}"
    return f"is not a number; {expected}"


def _describe_refused(
    refused: pd.DataFrame, shown: pd.DataFrame, codebook: Codebook
) -> Iterator[Problem]:
    for row, name, value in _cells(refused, shown):
        field = codebook.field(name)
        advice = f"expected {_describe_with_unit(field)}"
        yield Problem(row, field.raw_name, value, advice)


def _is_refused(numbers: pd.Series, codebook: Codebook) -> pd.Series:
    field = codebook.field(str(numbers.name))
    if field.codes:
        return ~numbers.isin(field.codes) & numbers.notna()
    refused = numbers.abs() == np.inf
    if field.is_whole:
        refused |= (numbers % 1 > 0) | (numbers.abs() > LARGEST_WHOLE)
    if field.minimum is not None:
        refused |= numbers < field.minimum
    if field.maximum is not None:
        refused |= numbers > field.maximum
    return refused


def _check_ids(numbers: pd.DataFrame, codebook: Codebook) -> Iterator[Problem]:
    ids = numbers[codebook.identifier].dropna()
    column = codebook.field(codebook.identifier).raw_name
    first_row: dict[float, int] = {}
    for row, value in zip(ids.index, ids, strict=True):
        if value in first_row:
            advice = f"row {first_row[value]} has the same; give every household its own"
            yield Problem(int(row), column, _show(value), advice)
        first_row.setdefault(value, int(row))


def _check_sums(numbers: pd.DataFrame, codebook: Codebook) -> Iterator[Problem]:
    for group in codebook.compositions:
        names = codebook.columns_of(group.name)
        first, last = (codebook.field(names[at]).raw_name for at in (0, -1))
        target, tolerance = _show(group.sums_to), _show(group.tolerance)
        advice = f"the {len(names)} shares must add up to {target} within {tolerance}"
        sums = numbers[names].sum(axis=1, skipna=False)
        wrong = sums[distance_from_total(sums, group) > group.tolerance]
        for row, total in zip(wrong.index, wrong, strict=True):
            yield Problem(int(row), f"{first} to {last}", _show(total), advice)


def _check_identities(
    numbers: pd.DataFrame, shown: pd.DataFrame, codebook: Codebook
) -> Iterator[Problem]:
    for field in codebook.fields:
        if field.identity is None or field.identity.exceptions:
            continue
        expected = expected_by_identity(numbers, field, codebook)
        broken = (numbers[field.name] - expected).abs() > field.identity.tolerance
        sources = _name_sources(field, codebook)
        for row, value, right in zip(
            numbers.index[broken], shown.loc[broken, field.name], expected[broken], strict=True
        ):
            advice = f"expected {_show(right)} from {sources}"
            yield Problem(int(row), field.raw_name, str(value), advice)


def expected_by_identity(columns: pd.DataFrame, field: Field, codebook: Codebook) -> pd.Series:
    """Compute what a field should hold by its identity with other fields.

    Args:
        columns: One row per household, columns by clean name.
        field: A field that declares an identity.
        codebook: The panel's codebook.

    Returns:
        One float64 value per household, in the unit of the field.

    Raises:
        ValueError: The field declares no identity.
    """
    if field.identity is None:
        raise ValueError(f"field {field.name!r} declares no identity")
    result = apply_formula(field.identity.formula, field.identity.of, columns, codebook)
    return field.identity.factor * result


def distance_from_total(sums: pd.Series, group: Group) -> pd.Series:
    """How far the shares of a composition, added up per household, are from their total."""
    return (sums - (group.sums_to or 0.0)).abs()


def _name_sources(field: Field, codebook: Codebook) -> str:
    sources = field.identity.of.values() if field.identity else ()
    return " and ".join(
        repr(codebook.field(name).raw_name) if name in codebook else codebook.group(name).label
        for name in sources
    )


def _is_blank_record(numbers: pd.DataFrame, codebook: Codebook) -> pd.Series:
    """Whether every field with a not-stated code of its own holds it."""
    codes = {f.name: f.not_stated for f in codebook.fields if f.not_stated is not None}
    return (numbers[list(codes)] == pd.Series(codes)).all(axis=1) & bool(codes)


def _is_not_stated(numbers: pd.Series, field: Field, blank: pd.Series) -> pd.Series:
    if field.not_stated is not None:
        return numbers == field.not_stated
    if field.not_stated_in_blank_record is not None:
        return blank & (numbers == field.not_stated_in_blank_record)
    return pd.Series(data=False, index=numbers.index)


def _type_column(numbers: pd.Series, field: Field) -> pd.Series:
    if field.scale == Scale.IDENTIFIER:
        return numbers.astype("int64")
    return numbers.astype("Int64" if field.is_whole else "float64")


def _cells(mask: pd.DataFrame, values: pd.DataFrame) -> Iterator[tuple[int, str, str]]:
    """Row label, column name and value of every cell that the mask marks, row by row."""
    shown = values.to_numpy()
    for row, column in np.argwhere(mask.to_numpy()):
        yield int(mask.index[row]), str(mask.columns[column]), str(shown[row, column])


def _show(number: float | None) -> str:
    return "" if number is None else f"{number:.10g}"


def _clip(text: str) -> str:
    """The text in quotation marks, on one line, cut where it is too long to read."""
    return repr(text if len(text) <= CHARACTERS_SHOWN else text[:CHARACTERS_SHOWN] + "...")
