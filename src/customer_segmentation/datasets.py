"""Kedro datasets: files that are whole or not there, figures, pages and panel files."""

from __future__ import annotations

import base64
import errno
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
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


class MissingFileError(ReadableError):
    """A file that another pipeline writes is not there yet."""


class UnwritableFileError(ReadableError):
    """A file that the system does not let us write."""

    def __init__(self, target: Path, error: OSError) -> None:
        words = os.strerror(error.errno) if error.errno else str(error)
        super().__init__(
            f"{target} could not be written: {REASONS.get(error.errno or 0, words)}. "
            "Put that right, or write to another folder: `kedro run --params data_root=FOLDER`. "
            "Nothing was changed at that path."
        )


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
        UnwritableFileError: The system refuses, for example because the disk is full.
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
    except (OSError, DatasetError) as error:
        cause = error.__cause__ if isinstance(error, DatasetError) else error
        if isinstance(cause, OSError):
            raise UnwritableFileError(target, cause) from error
        raise


def _remove_stale_drafts(target: Path) -> None:
    for folder in target.parent.glob(f".{escape(target.name)}.????????"):
        shutil.rmtree(folder, ignore_errors=True)


def read_folder(folder: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Read files of a folder as they are; no other file is opened.

    Args:
        folder: The folder.
        names: Names of the files.

    Returns:
        The content of each file by its name, in the order given. A name that is not there, or goes
        meanwhile, or is a link, a pipe or a folder is left out.

    Raises:
        OSError: The system refuses to read the folder or one of the files.
    """
    files = {}
    for path in (folder / name for name in names):
        with suppress(FileNotFoundError):
            if path.is_file() and not path.is_symlink():
                files[path.name] = path.read_bytes()
    return files


class _FileDataset(AbstractDataset[Any, Any]):
    """What the datasets of this module share: one local file and Kedro's metadata."""

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath.as_posix()}

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _existing_file(self) -> Path:
        if not self._exists():
            raise MissingFileError(
                f"There is no file {self._filepath}. Run the pipeline that writes it first; "
                "`kedro run` runs them all."
            )
        return self._filepath


class AtomicDataset(_FileDataset):
    """Saves through another dataset so that a file is written whole or not at all.

    Args:
        filepath: The file.
        dataset: Configuration of the dataset that reads and writes it, without its `filepath`.
        metadata: Kedro-viz's layer and preview.
    """

    def __init__(
        self, filepath: str, dataset: dict[str, Any], metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(filepath, metadata)
        self._config = dataset
        self._dataset = self._dataset_at(self._filepath)

    def _dataset_at(self, path: Path) -> AbstractDataset[Any, Any]:
        return AbstractDataset.from_config(path.stem, {**self._config, "filepath": path.as_posix()})

    def _describe(self) -> dict[str, Any]:
        return {**super()._describe(), "type": type(self._dataset).__name__}

    def __getattr__(self, name: str) -> Any:
        # Kedro-viz asks whether there is a preview, and of which type.
        if name == "preview":
            return getattr(self._dataset, name)
        raise AttributeError(name)

    def load(self) -> Any:
        """Load the file as the inner dataset does.

        Raises:
            MissingFileError: The file is not there.
        """
        self._existing_file()
        return self._dataset.load()

    def save(self, data: Any) -> None:
        """Write the whole file as the inner dataset does, or leave the old one.

        Raises:
            UnwritableFileError: The system refuses, for example because the disk is full.
        """
        with replacing(self._filepath) as draft:
            self._dataset_at(draft).save(data)


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

    def load(self) -> BaseModel:
        """Read and validate the model.

        Raises:
            MissingFileError: The file is not there.
        """
        model: type[BaseModel] = load_obj(self._model)
        return model.model_validate(read_json(self._existing_file().read_bytes()))

    def save(self, data: BaseModel) -> None:
        """Write the model.

        Raises:
            UnwritableFileError: The system refuses, for example because the disk is full.
        """
        with replacing(self._filepath) as draft:
            draft.write_bytes(write_json(data.model_dump(mode="json")))


class FigureDataset(_FileDataset):
    """A matplotlib figure as a PNG file."""

    def load(self) -> bytes:
        """Load the bytes of the PNG file.

        Raises:
            MissingFileError: The file is not there.
        """
        return self._existing_file().read_bytes()

    def save(self, data: Figure) -> None:
        """Write the figure, then close it.

        Raises:
            UnwritableFileError: The system refuses, for example because the disk is full.
        """
        from matplotlib import pyplot as plt, rc_context

        # Hinting bends small digits out of shape. No version of matplotlib goes into the file, so
        # that equal figures are equal to the byte.
        with replacing(self._filepath) as draft, rc_context({"text.hinting": "none"}):
            data.savefig(draft, format="png", metadata={"Software": None})
        plt.close(data)

    def preview(self) -> ImagePreview:
        """Give the picture to kedro-viz."""
        return ImagePreview(base64.b64encode(self.load()).decode("ascii"))


class HtmlDataset(_FileDataset):
    """An HTML page as a file."""

    def load(self) -> str:
        """Load the page.

        Raises:
            MissingFileError: The file is not there.
        """
        return self._existing_file().read_text(encoding="utf-8")

    def save(self, data: str) -> None:
        """Write the page.

        Raises:
            UnwritableFileError: The system refuses, for example because the disk is full.
        """
        with replacing(self._filepath) as draft:
            draft.write_text(data, encoding="utf-8", newline="\n")

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
    """The files of a scoring bundle, which lie together in a folder of their own.

    The manifest alone says which files count, and is replaced last. As the names of the others
    change with their content, a run that is killed at any moment leaves the old bundle or the new.

    Args:
        filepath: The manifest.
        metadata: Kedro-viz's layer.
    """

    # As the files of a bundle are called, and the folders in which `replacing` drafts them.
    _OURS = re.compile(r".+-[0-9a-f]{12}\.(json|ubj)(\.\w{8})?")

    def load(self) -> dict[str, bytes]:
        """Load the files, unchecked; what a killed run has left is among them.

        Files that are not named like those of a bundle are not opened.

        Returns:
            The content of each file by its name.

        Raises:
            MissingFileError: There is no manifest.
        """
        folder, manifest = self._existing_file().parent, self._filepath.name
        names = sorted(path.name for path in folder.iterdir())
        return read_folder(
            folder, [name for name in names if name == manifest or self._OURS.fullmatch(name)]
        )

    def save(self, data: Mapping[str, bytes]) -> None:
        """Write the files, the manifest last, and remove those of earlier bundles.

        Args:
            data: The content of each file by its name; the manifest is among them.

        Raises:
            UnwritableFileError: The system refuses, for example because the disk is full.
        """
        folder, manifest = self._filepath.parent, self._filepath.name
        for name in sorted(data, key=lambda name: (name == manifest, name)):
            with replacing(folder / name) as draft:
                draft.write_bytes(data[name])
        for path in list(folder.iterdir()):
            if path.name not in data and self._OURS.fullmatch(path.name):
                shutil.rmtree(path, ignore_errors=True)  # a draft's folder
                with suppress(OSError):  # where the system refuses, the next save tries again
                    path.unlink()


class _ForeignFileDataset(_FileDataset):
    """A file that belongs to somebody else and is only read."""

    def save(self, data: Any) -> None:  # noqa: ARG002
        """Refuse: the file belongs to its owner.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError(f"{self._filepath} is not ours, so it is only read.")


class PanelFileDataset(_ForeignFileDataset):
    """A panel file as it comes: every cell is text, and each row knows its line in the file."""

    def load(self) -> pd.DataFrame:
        """Read the file.

        Returns:
            One row per household, all columns text; index `row` with physical line numbers.

        Raises:
            ReadableError: The file cannot be read as a panel file.
        """
        return read_panel_file(self._filepath)

    def preview(self, nrows: int = 5) -> TablePreview:
        """Give the first rows to kedro-viz."""
        return TablePreview(self.load().head(nrows).to_dict(orient="split"))


class HouseholdsFileDataset(_ForeignFileDataset):
    """A file of households to be scored, CSV or Parquet, of any size."""

    def load(self) -> Iterator[pd.DataFrame]:
        """Open the file; it is read part by part, as the parts are asked for.

        Returns:
            The parts, as `panel.reader.iterate_households`. A file that cannot be read is refused
            when the first is asked for.
        """
        return iterate_households(self._filepath)
