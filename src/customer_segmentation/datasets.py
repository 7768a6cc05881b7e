"""Kedro datasets: files that are whole or not there, figures, pages and panel files."""

from __future__ import annotations

import base64
import copyreg
import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset, DatasetError
from kedro.utils import load_obj
from kedro_datasets._typing import HTMLPreview, ImagePreview, TablePreview
from pydantic import BaseModel

from customer_segmentation.panel.reader import iterate_households, read_panel_file
from customer_segmentation.panel.values import ReadableError, read_json, write_json

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


# Where the system's own words mislead: they tell of a step on the way, not of the file.
REASONS = {
    errno.EEXIST: "a part of its path is a file, not a folder",
    errno.EFBIG: "it would be larger than the system allows a file to be",
    errno.ENOENT: "its folder cannot be made",
    errno.ENOTDIR: "a part of its path is a file, not a folder",
}


class FileError(ReadableError, DatasetError):
    """A file that cannot be read or written; the message is written for a person."""


def _reduce(error: DatasetError) -> str | tuple[Any, ...]:
    """What goes to another process, which takes no causes along: the cause, if for a person."""
    return (error.__cause__ if isinstance(error.__cause__, FileError) else error).__reduce__()


copyreg.pickle(DatasetError, _reduce)


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a path to write to; what is written takes the target's place only when whole.

    What an earlier run left beside the target when it was killed is removed. Two runs must not
    write the same target at the same time.

    Args:
        target: The file to write or to replace; its folder is made when missing.

    Yields:
        A path with the target's name in a temporary folder beside it.

    Raises:
        FileError: The system refuses, for example because the disk is full.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale_drafts(target)
        with TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
            draft = Path(folder, target.name)
            yield draft
            with draft.open("rb+") as file:
                os.fsync(file.fileno())
            draft.replace(target)
    except OSError as error:
        words = os.strerror(error.errno) if error.errno else str(error)
        raise FileError(
            f"{target} could not be written: {REASONS.get(error.errno or 0, words)}. "
            "Put that right, or write to another folder: `kedro run --params data_root=FOLDER`. "
            "Nothing was changed at that path."
        ) from error


def _remove_stale_drafts(target: Path) -> None:
    for folder in target.parent.glob(f".{escape(target.name)}.????????"):
        shutil.rmtree(folder, ignore_errors=True)


class _FileDataset(AbstractDataset[Any, Any]):
    """One local file, read and written in the format of the subclass.

    Args:
        filepath: The file.
        metadata: Kedro-viz's layer.
    """

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> Any:
        """Read the file.

        Raises:
            FileError: The file is not there, or cannot be read.
        """
        try:
            return self.read(self._filepath)
        except (ReadableError, OSError) as error:
            told = str(error)
            if isinstance(error, OSError) and not self._exists():
                told = (
                    f"There is no file {self._filepath}. Run the pipeline that writes it first; "
                    "`kedro run` runs them all."
                )
            raise FileError(told) from error

    def save(self, data: Any) -> None:
        """Write the whole file, or leave the old one.

        Raises:
            FileError: The system refuses, for example because the disk is full.
        """
        with replacing(self._filepath) as draft:
            self.write(data, draft)

    def read(self, path: Path) -> Any:
        """Read a file of this format."""
        raise NotImplementedError

    def write(self, data: Any, path: Path) -> None:
        """Write a file of this format."""
        raise NotImplementedError

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath.as_posix()}

    def _exists(self) -> bool:
        return self._filepath.is_file()


class _TableDataset(_FileDataset):
    def preview(self, nrows: int = 50) -> TablePreview:
        """Give the first rows to kedro-viz."""
        return TablePreview(self.load().head(nrows).to_dict(orient="split"))


class ParquetDataset(_TableDataset):
    """A table as a Parquet file."""

    def read(self, path: Path) -> pd.DataFrame:
        """Read a table with its types."""
        import pandas as pd

        with path.open("rb") as file:
            return pd.read_parquet(file)

    def write(self, data: pd.DataFrame, path: Path) -> None:
        """Write a table with its types."""
        with path.open("wb") as file:
            data.to_parquet(file)


class CsvDataset(_TableDataset):
    """A table without its index as a comma-separated file."""

    def read(self, path: Path) -> pd.DataFrame:
        """Read a table; its types are guessed."""
        import pandas as pd

        return pd.read_csv(path)

    def write(self, data: pd.DataFrame, path: Path) -> None:
        """Write a table."""
        data.to_csv(path, index=False)


class ModelDataset(_FileDataset):
    """A pydantic model as a JSON file: equal models give equal bytes.

    Args:
        filepath: The file.
        model: The model's class, as `package.module.Class`.
        metadata: Kedro-viz's layer.
    """

    def __init__(self, filepath: str, model: str, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(filepath, metadata)
        self._model = model

    def read(self, path: Path) -> BaseModel:
        """Read and validate a model."""
        model: type[BaseModel] = load_obj(self._model)
        return model.model_validate(read_json(path.read_bytes()))

    def write(self, data: BaseModel, path: Path) -> None:
        """Write a model."""
        path.write_bytes(write_json(data.model_dump(mode="json")))


class FigureDataset(_FileDataset):
    """A matplotlib figure as a PNG file, which is loaded as bytes."""

    def read(self, path: Path) -> bytes:
        """Read the bytes of a PNG file."""
        return path.read_bytes()

    def write(self, data: Figure, path: Path) -> None:
        """Write a figure, then close it."""
        from matplotlib import pyplot as plt, rc_context

        # Hinting bends small digits out of shape. No version of matplotlib goes into the file, so
        # that equal figures are equal to the byte.
        with rc_context({"text.hinting": "none"}):
            data.savefig(path, format="png", metadata={"Software": None})
        plt.close(data)

    def preview(self) -> ImagePreview:
        """Give the picture to kedro-viz."""
        return ImagePreview(base64.b64encode(self.load()).decode("ascii"))


class HtmlDataset(_FileDataset):
    """An HTML page as a file."""

    def read(self, path: Path) -> str:
        """Read a text."""
        return path.read_text(encoding="utf-8")

    def write(self, data: str, path: Path) -> None:
        """Write a text."""
        path.write_text(data, encoding="utf-8", newline="\n")

    def preview(self) -> HTMLPreview:
        """Give the page to kedro-viz."""
        return HTMLPreview(self.load())


class MarkdownDataset(HtmlDataset):
    """A Markdown document as a file; kedro-viz shows it as a reader would see it."""

    def preview(self) -> HTMLPreview:
        """Give the rendered document to kedro-viz."""
        from markdown_it import MarkdownIt

        reader = MarkdownIt("commonmark", {"html": False}).enable("table")
        return HTMLPreview(reader.render(self.load()))


class ScoringBundleDataset(_FileDataset):
    """A scoring bundle as a file, whose content the scorer packs and unpacks."""

    def read(self, path: Path) -> bytes:
        """Read the content, unchecked."""
        return path.read_bytes()

    def write(self, data: bytes, path: Path) -> None:
        """Write the content."""
        path.write_bytes(data)


class _ForeignFileDataset(_FileDataset):
    def save(self, data: Any) -> None:  # noqa: ARG002
        """Refuse: the file belongs to its owner.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError(f"{self._filepath} is not ours, so it is only read.")


class PanelFileDataset(_ForeignFileDataset, _TableDataset):
    """A panel file as it comes, only read: every cell is text, each row knows its line."""

    def read(self, path: Path) -> pd.DataFrame:
        """Read one row per household, all columns text; index `row` with physical line numbers."""
        return read_panel_file(path)


class HouseholdsFileDataset(_ForeignFileDataset):
    """A file of households to be scored, CSV or Parquet, of any size, only read."""

    def read(self, path: Path) -> Iterator[pd.DataFrame]:
        """Open the file; its parts are read, or refused, as they are asked for."""
        return iterate_households(path)
