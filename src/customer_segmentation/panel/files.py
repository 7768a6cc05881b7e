"""Files of households to be scored, read part by part: a million rows need not fit into memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from customer_segmentation.panel.errors import HouseholdDataError
from customer_segmentation.panel.reader import iterate_panel_file

PART = 16_384  # households: enough to be fast, few enough to be small
PARQUET_START = b"PAR1"
BUFFER = 2**18  # bytes of each column; without a limit a whole file of one row group is buffered
_INDEX = re.compile(r"__index_level_\d+__")  # as pandas calls an index that has no name


def iterate_households(path: str | Path, part: int = PART) -> Iterator[pd.DataFrame]:
    """Read a file of households, comma-separated or Parquet; its first bytes tell which.

    Args:
        path: A file as `reader.read_panel_file` reads it, or a Parquet file with a column per
            field.
        part: Number of households of each part but the last.

    Yields:
        One row per household in the order of the file, one column per column of the file: text
        where it is text, and as it is stored in Parquet. The index `row` is the line in the file,
        or the number of the household in a Parquet file, from 1; `attrs["source"]` is the name of
        the file.

    Raises:
        HouseholdDataError: The causes of `reader.read_panel_file`; or a Parquet file is damaged, or
            holds no households.
    """
    path = Path(path)
    yield from (_iterate_parquet if _is_parquet(path) else iterate_panel_file)(path, part)


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
