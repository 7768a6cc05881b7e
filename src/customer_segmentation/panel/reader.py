"""From the bytes of a file of households to rows that know their place in the file.

pandas repairs bad files silently: it cuts rows that are too long, pads short ones, renames a
repeated column and drops blank rows. This reader refuses them, so that no household is invented.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from customer_segmentation.panel.codebook import same_name
from customer_segmentation.panel.values import HouseholdDataError

GZIP_START = b"\x1f\x8b"
NUMBER_START = re.compile(r"\s*[+-]?\.?[0-9]")
NUMBER_ALONE = re.compile(r"\s*[+-]?[0-9]*\.?[0-9]+\s*%?\s*")
PART = 16_384  # households: enough to be fast, few enough to be small
PARQUET_START = b"PAR1"
BUFFER = 2**18  # bytes of each column; without a limit a whole file of one row group is buffered
_INDEX = re.compile(r"__index_level_\d+__")  # as pandas calls an index that has no name
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
    return next(_iterate_text(Path(path), part=None))


def read_panel_bytes(content: bytes, source: str) -> pd.DataFrame:
    """Read the content of a panel file, as `read_panel_file` reads the file.

    It is not unpacked: a few compressed bytes could become gigabytes.
    """
    return next(_tabulate(io.BytesIO(content), source, most=None))


def iterate_households(path: str | Path, part: int = PART) -> Iterator[pd.DataFrame]:
    """Read a file of households, comma-separated or Parquet; its first bytes tell which.

    Args:
        path: A file as `read_panel_file` reads it, or a Parquet file with a column per field.
        part: Number of households of each part but the last.

    Yields:
        One row per household in the order of the file, one column per column of the file: text
        where it is text, and as it is stored in Parquet. The index `row` is the line in the file,
        or the number of the household in a Parquet file, from 1; `attrs["source"]` is the name of
        the file.

    Raises:
        HouseholdDataError: The causes of `read_panel_file`; or a Parquet file is damaged, or holds
            no households. What is wrong is told where the part is read.
    """
    path = Path(path)
    yield from (_iterate_parquet if _is_parquet(path) else _iterate_text)(path, part)


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(PARQUET_START)) == PARQUET_START
    except OSError:
        return False  # the reader of text tells why


def _iterate_parquet(path: Path, part: int) -> Iterator[pd.DataFrame]:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    seen = 0
    try:
        with ParquetFile(path, buffer_size=BUFFER) as file:
            for batch in file.iter_batches(part, use_threads=False):
                table = batch.to_pandas(ignore_metadata=True, split_blocks=True)
                table = table[[name for name in table if not _INDEX.fullmatch(name)]]
                table.index = pd.RangeIndex(seen + 1, seen + len(table) + 1, name="row")
                table.attrs["source"] = path.name
                seen += len(table)
                yield table
    except (ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise HouseholdDataError(
            f"{path.name}: after {seen} households the Parquet file cannot be read: {reason} "
            "Write it again."
        ) from error
    if not seen:
        raise HouseholdDataError(f"{path.name}: the file has no rows. Give one row per household.")


def _iterate_text(path: Path, part: int | None) -> Iterator[pd.DataFrame]:
    try:
        with path.open("rb") as file:
            packed = file.peek(len(GZIP_START)).startswith(GZIP_START)
            lines = gzip.GzipFile(fileobj=file) if packed else file
            yield from _tabulate(lines, path.name, part)
    except OSError as error:
        reason = error.strerror or "it is a damaged gzip file"
        message = f"{path.name}: the file {path} cannot be read: {reason}."
        raise HouseholdDataError(message) from error
    except (EOFError, zlib.error) as error:
        raise HouseholdDataError(f"{path.name}: the file {path} is a damaged gzip file.") from error


def _tabulate(lines: Iterable[bytes], source: str, most: int | None) -> Iterator[pd.DataFrame]:
    """Tables of so many households, or one of all."""
    try:
        header, following = _split_header(_leave_out_blank_end(_read_lines(_decode(lines))))
        names = _read_names(header)
        while part := list(islice(following, most)):
            rows = [_fit(line, header.row, names) for line in part]
            index = pd.Index([line.row for line in part], name="row")
            table = pd.DataFrame(rows, columns=names, index=index, dtype="str")
            table.attrs["source"] = source
            yield table
    except HouseholdDataError as error:
        raise HouseholdDataError(f"{source}: {error}") from error


def _decode(content: Iterable[bytes]) -> Iterator[str]:
    for row, line in enumerate(content, start=1):
        if b"\0" in line:
            raise HouseholdDataError(
                f"row {row} holds a NUL byte, so this is no text file. Save it as CSV in UTF-8."
            )
        try:
            text = (line.removeprefix(BOM_UTF8) if row == 1 else line).decode()
        except UnicodeDecodeError as error:
            raise HouseholdDataError(
                f"row {row} holds the byte 0x{error.object[error.start]:02x}, which is not UTF-8. "
                "Save the file as CSV in UTF-8."
            ) from error
        yield from io.StringIO(text, newline="")  # a carriage return alone may end a line too


def _read_lines(texts: Iterator[str]) -> Iterator[_Line]:
    reader = csv.reader(texts, strict=True)
    start = 1
    try:
        for cells in reader:
            yield _Line(start, cells)
            start = reader.line_num + 1
    except csv.Error as error:
        raise HouseholdDataError(
            f"row {reader.line_num} is not valid CSV ({error}). Look for a quotation mark too many."
        ) from error


def _leave_out_blank_end(lines: Iterable[_Line]) -> Iterator[_Line]:
    blank: list[_Line] = []
    for line in lines:
        if line.is_blank:
            blank.append(line)
        else:
            yield from blank
            yield line
            blank = []


def _split_header(lines: Iterator[_Line]) -> tuple[_Line, Iterator[_Line]]:
    """The header is the last row of words above the first household; titles may precede it."""
    header, first = None, None
    blank: list[_Line] = []
    for line in lines:
        if line.is_numeric or (header and line.fits_below(header)):
            first = line
            break
        if line.is_blank:
            blank.append(line)
        else:
            header, blank = line, []
    if header is None:
        raise HouseholdDataError(
            f"row {first.row} already holds numbers. Put a row of column names above it."
            if first
            else "the file is empty. Give a file with a header and one row per household."
        )
    for separator, label in OTHER_SEPARATORS.items():
        if "".join(header.cells).count(separator) >= max(len(header.cells), 2):
            raise HouseholdDataError(
                f"row {header.row} is separated by {label}, not by commas. "
                "Save the file as comma-separated CSV."
            )
    if first is None:
        raise HouseholdDataError(
            f"no row of numbers follows the header in row {header.row}. Give one row per household."
        )
    return header, chain(blank, [first], lines)


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
