"""From the bytes of a panel file to rows of text that know their place in the file.

pandas repairs bad files silently: it cuts rows that are too long, pads short ones, renames a
repeated column and drops blank rows. This reader refuses them, so that no household is invented.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from customer_segmentation.panel.codebook import same_name
from customer_segmentation.panel.errors import HouseholdDataError

GZIP_START = b"\x1f\x8b"
NUMBER_START = re.compile(r"\s*[+-]?\.?[0-9]")
NUMBER_ALONE = re.compile(r"\s*[+-]?[0-9]*\.?[0-9]+\s*%?\s*")
OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


class _Line(NamedTuple):
    row: int
    cells: list[str]

    @property
    def is_blank(self) -> bool:
        return not "".join(self.cells).strip()

    @property
    def filled(self) -> list[str]:
        return [cell for cell in self.cells if cell.strip()]

    @property
    def is_numeric(self) -> bool:
        return 2 * sum(map(bool, map(NUMBER_START.match, self.filled))) > len(self.filled)

    def fits_below(self, names: _Line) -> bool:
        """Whether it holds a number below names; where codes are labels, most cells are words."""
        has_number = any(map(NUMBER_ALONE.fullmatch, self.cells))
        return has_number and len(self.filled) <= len(names.filled)


def read_panel_file(path: str | Path) -> pd.DataFrame:
    """Read a comma-separated panel file, plain or compressed by gzip, without interpreting a cell.

    Args:
        path: The file, in UTF-8 with or without byte order mark. Title rows may stand above the
            header, blank rows and blank columns may follow the data; both are left out.

    Returns:
        One row per household in the order of the file, one text column per named column. The index
        `row` is the number of the line in the file, from 1, at which the row starts;
        `attrs["source"]` is the name of the file.

    Raises:
        HouseholdDataError: The file is missing, empty or damaged, not comma-separated, not UTF-8,
            has no rows below its header, a column without a name or two with one name, a blank row
            between households, or a row with more or fewer cells than the header.
    """
    path = Path(path)
    try:
        content = _read_bytes(path)
    except HouseholdDataError as error:
        raise HouseholdDataError(f"{path.name}: {error}") from error
    return read_panel_bytes(content, path.name)


def read_panel_bytes(content: bytes, source: str) -> pd.DataFrame:
    """Read the content of a comma-separated panel file without interpreting a cell.

    Args:
        content: As the file has it, but not compressed: a few bytes could become gigabytes.
        source: What the file is called.

    Returns:
        As `read_panel_file`.

    Raises:
        HouseholdDataError: As `read_panel_file`.
    """
    try:
        header, households = _split_header(_read_lines(_decode(content)))
        names = _read_names(header)
        rows = [_fit(line, header.row, names) for line in households]
    except HouseholdDataError as error:
        raise HouseholdDataError(f"{source}: {error}") from error
    index = pd.Index([line.row for line in households], name="row")
    table = pd.DataFrame(rows, columns=names, index=index, dtype="str")
    table.attrs["source"] = source
    return table


def _read_bytes(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(GZIP_START) else content
    except OSError as error:
        reason = error.strerror or "it is a damaged gzip file"
        raise HouseholdDataError(f"the file {path} cannot be read: {reason}.") from error
    except (EOFError, zlib.error) as error:
        raise HouseholdDataError(f"the file {path} is a damaged gzip file.") from error


def _decode(content: bytes) -> str:
    if b"\0" in content:
        row = content.count(b"\n", 0, content.index(b"\0")) + 1
        raise HouseholdDataError(
            f"row {row} holds a NUL byte, so this is no text file. Save it as CSV in UTF-8."
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise HouseholdDataError(
            f"row {row} holds the byte 0x{content[error.start]:02x}, which is not UTF-8. "
            "Save the file as CSV in UTF-8."
        ) from error


def _read_lines(text: str) -> list[_Line]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        return list(_number_lines(reader))
    except csv.Error as error:
        raise HouseholdDataError(
            f"row {reader.line_num} is not valid CSV ({error}). Look for a quotation mark too many."
        ) from error


def _number_lines(reader: Iterator[list[str]]) -> Iterator[_Line]:
    start = 1
    for cells in reader:
        yield _Line(start, cells)
        start = reader.line_num + 1  # type: ignore[attr-defined]


def _split_header(lines: list[_Line]) -> tuple[_Line, list[_Line]]:
    """The header is the last row of words above the first household; titles may precede it."""
    while lines and lines[-1].is_blank:
        lines.pop()
    if not lines:
        raise HouseholdDataError(
            "the file is empty. Give a file with a header and one row per household."
        )
    first = _find_first_household(lines)
    header = next((at for at in reversed(range(first)) if not lines[at].is_blank), None)
    if header is None:
        raise HouseholdDataError(
            f"row {lines[first].row} already holds numbers. Put a row of column names above it."
        )
    _refuse_other_separator(lines[header])
    if first == len(lines):
        raise HouseholdDataError(
            f"no row of numbers follows the header in row {lines[header].row}. "
            "Give one row per household."
        )
    return lines[header], lines[header + 1 :]


def _find_first_household(lines: Sequence[_Line]) -> int:
    above: _Line | None = None
    for at, line in enumerate(lines):
        if line.is_numeric or (above and line.fits_below(above)):
            return at
        above = above if line.is_blank else line
    return len(lines)


def _refuse_other_separator(header: _Line) -> None:
    for separator, label in OTHER_SEPARATORS.items():
        if "".join(header.cells).count(separator) >= max(len(header.cells), 2):
            raise HouseholdDataError(
                f"row {header.row} is separated by {label}, not by commas. "
                "Save the file as comma-separated CSV."
            )


def _read_names(header: _Line) -> list[str]:
    names = list(header.cells)
    while not names[-1].strip():
        names.pop()
    seen: dict[str, int] = {}
    for position, name in enumerate(map(same_name, names), start=1):
        if not name:
            raise HouseholdDataError(
                f"row {header.row}, column {position} has no name. Name the column or delete it."
            )
        if name in seen:
            raise HouseholdDataError(
                f"row {header.row} names column {name!r} twice, "
                f"as columns {seen[name]} and {position}. Delete one."
            )
        seen[name] = position
    return names


def _fit(line: _Line, header_row: int, names: Sequence[str]) -> list[str]:
    """The cells under the names; what a row holds beyond them must be blank."""
    if line.is_blank:
        raise HouseholdDataError(f"row {line.row} is blank between households. Delete it.")
    count = len(names)
    if len(line.cells) < count or "".join(line.cells[count:]).strip():
        raise HouseholdDataError(
            f"row {line.row} has {len(line.cells)} cells, but the header in row {header_row} names "
            f"{count} columns. Correct the row: every household has one cell per column."
        )
    return line.cells[:count]
