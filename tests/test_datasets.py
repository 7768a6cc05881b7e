"""Files are whole or not there, equal when saved again, and shown in the lineage map."""

from __future__ import annotations

import base64
import errno
import inspect
import os
import pickle
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kedro.io import AbstractDataset, DatasetError
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from customer_segmentation.datasets import (
    CsvDataset,
    FigureDataset,
    FileError,
    HouseholdsFileDataset,
    HtmlDataset,
    MarkdownDataset,
    ModelDataset,
    PanelFileDataset,
    ParquetDataset,
    ScoringBundleDataset,
    replacing,
)
from customer_segmentation.segments.partition import Method

TABLE = pd.DataFrame({"household": [1, 2, 3], "share": [0.25, 0.5, None]})
TABLES = pytest.mark.parametrize("kind", [ParquetDataset, CsvDataset])


def draw(height: float = 2.0) -> Figure:
    figure, axes = plt.subplots(figsize=(2, 2))
    axes.bar(["a", "b"], [1.0, height])
    return figure


@TABLES
def test_a_saved_table_comes_back_alone_and_equal_to_the_byte_when_saved_again(tmp_path, kind):
    file = tmp_path / "new folder" / "table"
    dataset = kind(str(file))
    assert not dataset.exists()
    dataset.save(TABLE)
    assert dataset.exists()
    pd.testing.assert_frame_equal(dataset.load(), TABLE)
    assert list(file.parent.iterdir()) == [file]
    first = file.read_bytes()
    dataset.save(TABLE.copy())
    assert file.read_bytes() == first


def test_a_saved_model_comes_back_checked(tmp_path):
    path = tmp_path / "seed.json"
    dataset = ModelDataset(str(path), "customer_segmentation.segments.partition.Method")
    method = Method(algorithm="kmeans", starts=2, variance_floor=0.1)
    dataset.save(method)
    assert path.read_text() == '{"algorithm":"kmeans","starts":2,"variance_floor":0.1}\n'
    assert dataset.load() == method
    path.write_text(path.read_text().replace("2", "0"))
    with pytest.raises(DatasetError, match="starts"):
        dataset.load()


class HalfDataset(HtmlDataset):
    """Writes half of the text, then the system refuses."""

    def __init__(self, filepath: str, number: int) -> None:
        super().__init__(filepath)
        self._number = number

    def write(self, data: str, path: Path) -> None:
        path.write_text(data[: len(data) // 2])
        raise OSError(self._number, os.strerror(self._number))


@pytest.mark.parametrize("before", [None, "the old text"])
@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "No space left"),
        (errno.EFBIG, "larger than the system allows"),
        (errno.EROFS, "Read-only file system"),
        (errno.ENOTDIR, "a file, not a folder"),
    ],
)
def test_what_the_system_refuses_is_told_and_leaves_what_was_there(
    tmp_path, before, number, reason
):
    target = tmp_path / "text.txt"
    if before is not None:
        target.write_text(before)
    with pytest.raises(FileError) as caught:
        HalfDataset(str(target), number).save("the new text, which is longer")
    assert f"{target} could not be written: " in str(caught.value)
    assert reason in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ([] if before is None else ["text.txt"])
    assert before is None or target.read_text() == before


def test_a_bug_while_saving_stays_a_bug(tmp_path):
    with pytest.raises(DatasetError) as caught:
        ParquetDataset(str(tmp_path / "table")).save("no table")
    assert isinstance(caught.value.__cause__, AttributeError)


def test_who_reads_the_old_file_keeps_it_whole(tmp_path):
    target = tmp_path / "text.txt"
    target.write_text("old")
    with target.open() as reader:
        with replacing(target) as draft:
            draft.write_text("new")
        assert reader.read() == "old"
    assert target.read_text() == "new"


def test_what_a_killed_run_left_is_removed(tmp_path):
    ours, others = (tmp_path / f".{name}.kolzdh5p" for name in ("a[1].txt", "b.txt"))
    for folder in (ours, others):
        folder.mkdir()
        (folder / "half").write_text("ha")
    with replacing(tmp_path / "a[1].txt") as draft:
        draft.write_text("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [others.name, "a[1].txt"]


def test_an_interruption_leaves_what_was_there_before(tmp_path):
    target = tmp_path / "text.txt"
    target.write_text("old")

    def interrupt() -> None:
        with replacing(target) as draft:
            draft.write_text("ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_the_target_is_flushed_to_disk_before_it_is_renamed(tmp_path, monkeypatch):
    target = tmp_path / "text.txt"
    there_when_flushed = []
    monkeypatch.setattr(os, "fsync", lambda _: there_when_flushed.append(target.exists()))
    with replacing(target) as draft:
        draft.write_text("whole")
    assert there_when_flushed == [False]
    assert target.read_text() == "whole"


@pytest.mark.parametrize("kind", [ParquetDataset, FigureDataset, ScoringBundleDataset])
@pytest.mark.parametrize("is_folder", [False, True])
def test_a_missing_file_is_named_with_what_to_do(tmp_path, kind, is_folder):
    if is_folder:
        (tmp_path / "a.png").mkdir()
    with pytest.raises(FileError, match="kedro run") as caught:
        kind(str(tmp_path / "a.png")).load()
    assert str(caught.value).startswith(f"There is no file {tmp_path / 'a.png'}. ")


@pytest.mark.parametrize("kind", [ParquetDataset, PanelFileDataset, FigureDataset])
def test_what_cannot_be_read_is_told_in_the_words_of_the_reason(tmp_path, kind, monkeypatch):
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "a.png")

    file = tmp_path / "a.png"
    file.write_text("")
    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(FileError, match="Permission denied") as caught:
        kind(str(file)).load()
    wrapped = DatasetError("a.png: what the catalog adds")
    wrapped.__cause__ = caught.value
    crossed = pickle.loads(pickle.dumps(wrapped))  # the way back from another process
    assert (type(crossed), str(crossed)) == (FileError, str(caught.value))


def test_a_figure_is_saved_closed_and_loaded_as_png(tmp_path):
    dataset = FigureDataset(str(tmp_path / "figure.png"))
    figure = draw()
    dataset.save(figure)
    assert not plt.fignum_exists(figure.number)
    assert dataset.load().startswith(b"\x89PNG\r\n\x1a\n")


def test_equal_figures_are_equal_to_the_byte_and_name_no_software(tmp_path):
    datasets = [FigureDataset(str(tmp_path / name)) for name in ("one.png", "two.png", "other.png")]
    for dataset, height in zip(datasets, (2.0, 2.0, 1.0), strict=True):
        dataset.save(draw(height))
    one, two, other = (dataset.load() for dataset in datasets)
    assert one == two != other
    assert b"Software" not in one


def test_a_page_comes_back_as_it_was_written(tmp_path):
    page = "<!doctype html>\n<p>Cramér's V: 37.7 % — ₹</p>\n"
    dataset = HtmlDataset(str(tmp_path / "page.html"))
    dataset.save(page)
    assert dataset.load() == page
    assert (tmp_path / "page.html").read_bytes() == page.encode("utf-8")


def test_a_panel_file_is_only_read(tmp_path, panel_file, panel_rows):
    before = panel_file.read_bytes()
    with pytest.raises(DatasetError, match="only read"):
        PanelFileDataset(str(panel_file)).save(panel_rows)
    assert panel_file.read_bytes() == before


def test_a_panel_file_is_text_with_its_lines(panel_file):
    rows = PanelFileDataset(str(panel_file)).load()
    assert rows.index.name == "row"
    assert rows.index[0] == 2  # below the header
    assert all(isinstance(cell, str) for cell in rows.to_numpy().ravel())


def test_a_file_of_households_comes_part_by_part_and_is_only_read(tmp_path):
    path = tmp_path / "households.parquet"
    pd.DataFrame({"household": range(40_000)}).to_parquet(path, index=False)
    before = path.read_bytes()
    dataset = HouseholdsFileDataset(str(path))
    for _ in range(2):  # each load starts anew
        parts = list(dataset.load())
        assert len(parts) > 1
        assert pd.concat(parts)["household"].tolist() == list(range(40_000))
    with pytest.raises(DatasetError, match="only read"):
        dataset.save(parts)
    assert path.read_bytes() == before


def test_each_preview_has_the_type_that_the_lineage_map_knows(tmp_path, panel_file):
    table, figure, page = (
        ParquetDataset(str(tmp_path / "a.parquet")),
        FigureDataset(str(tmp_path / "a.png")),
        HtmlDataset(str(tmp_path / "a.html")),
    )
    table.save(TABLE)
    figure.save(draw())
    page.save("<p>page</p>")
    panel = PanelFileDataset(str(panel_file))
    kinds = {
        getattr(inspect.signature(dataset.preview).return_annotation, "__name__", None)
        or inspect.signature(dataset.preview).return_annotation
        for dataset in (table, figure, page, panel)
    }
    assert kinds == {"TablePreview", "ImagePreview", "HTMLPreview"}
    assert table.preview(nrows=2)["data"] == [[1, 0.25], [2, 0.5]]
    assert base64.b64decode(figure.preview()) == figure.load()
    assert page.preview() == "<p>page</p>"
    assert len(panel.preview(nrows=3)["data"]) == 3


def test_the_layer_reaches_the_lineage_map(tmp_path):
    metadata = {"kedro-viz": {"layer": "primary"}}
    kind = "customer_segmentation.datasets.ParquetDataset"
    config = {"type": kind, "filepath": str(tmp_path / "a.parquet"), "metadata": metadata}
    assert AbstractDataset.from_config("households", config).metadata == metadata


def test_the_content_of_a_bundle_comes_back(tmp_path):
    dataset = ScoringBundleDataset(str(tmp_path / "new folder" / "manifest.json"))
    dataset.save(b"\x00{}\r\n")
    assert dataset.load() == b"\x00{}\r\n"
    assert [path.name for path in tmp_path.glob("*/*")] == ["manifest.json"]


def test_a_markdown_document_is_previewed_as_its_reader_sees_it(tmp_path):
    dataset = MarkdownDataset((tmp_path / "card.md").as_posix())
    text = "# Card\n\n| a | b |\n| --- | --- |\n| 1 | <b>2</b> |\n"
    dataset.save(text)
    assert dataset.load() == text
    shown = str(dataset.preview())
    assert "<h1>Card</h1>" in shown
    assert "<td>1</td>" in shown
    assert "<b>" not in shown  # what a table holds is text
