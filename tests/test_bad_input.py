"""Whole panel files as people send them: what is survived, what is refused, what is left alone."""

from __future__ import annotations

import csv
import gzip
import io
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.contract import validate_households
from customer_segmentation.panel.reader import read_panel_file
from customer_segmentation.panel.values import HouseholdDataError

Rows = list[list[str]]


@pytest.fixture
def table(panel_file: Path) -> Rows:
    """The cells of the real panel file, its header first."""
    with gzip.open(panel_file, "rt", encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def write(rows: Rows, path: Path, encoding: str = "utf-8", delimiter: str = ",") -> Path:
    """Write rows as CSV."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def with_every_habit(table: Rows) -> Rows:
    """Title rows, odd spaces, shares in per cent, an extra column, blank rows and columns."""
    header, *households = table
    shares = [at for at, name in enumerate(header) if "Br. Cd." in name]

    def dress(cells: list[str]) -> list[str]:
        percent = [
            f"{100 * float(cell)!r}%" if at in shares else f" {cell}"
            for at, cell in enumerate(cells)
        ]
        return [*percent, "0.5", "", ""]

    width = len(header) + 3
    return [
        ["Household panel, bath soap", *[""] * (width - 1)],
        ["", "Demographics", *[""] * (width - 2)],
        [*(f" {name} " for name in header), "maxBrCd", "", ""],
        *map(dress, households),
        *[[""] * width] * 3,
    ]


def test_the_habits_of_files_do_not_change_the_households(
    table: Rows, households: pd.DataFrame, codebook: Codebook, tmp_path: Path
) -> None:
    file = write(with_every_habit(table), tmp_path / "habits.csv", encoding="utf-8-sig")
    raw = read_panel_file(file)
    assert raw.index.tolist() == list(range(4, 604))
    pd.testing.assert_frame_equal(validate_households(raw, codebook), households, rtol=1e-12)


def drop_last_cell(table: Rows) -> Rows:
    return [*table[:9], table[9][:-1], *table[10:]]


def add_a_cell(table: Rows) -> Rows:
    return [*table[:9], [*table[9], "1"], *table[10:]]


def repeat_a_column(table: Rows) -> Rows:
    return [[*cells, cells[1]] for cells in table]


REFUSED = {
    "header only": (lambda table: table[:1], {}, "no row of numbers follows the header in row 1"),
    "no header": (lambda table: table[1:], {}, "row 1 already holds numbers"),
    "row too short": (drop_last_cell, {}, "row 10 has 45 cells"),
    "row too long": (add_a_cell, {}, "row 10 has 47 cells"),
    "column twice": (repeat_a_column, {}, "names column 'SEC' twice"),
    "semicolons": (list, {"delimiter": ";"}, "separated by semicolons"),
    "utf-16": (list, {"encoding": "utf-16"}, "Save it as CSV in UTF-8"),
}


@pytest.mark.parametrize(("change", "options", "expected"), REFUSED.values(), ids=REFUSED)
def test_a_damaged_file_is_refused_whole(
    table: Rows, tmp_path: Path, change: Callable[[Rows], Rows], options, expected: str
) -> None:
    file = write(change(table), tmp_path / "damaged.csv", **options)
    with pytest.raises(HouseholdDataError) as caught:
        read_panel_file(file)
    assert str(caught.value).startswith("damaged.csv: ")
    assert expected in str(caught.value)


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file below a folder with its bytes."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_whole_project_stops_before_it_writes(
    kedro: Callable[..., Result], table: Rows, tmp_path: Path
) -> None:
    table[17][1] = "7"
    result = kedro(panel_file=str(write(table, tmp_path / "mine.csv")))
    assert result.exit_code == 1
    assert "mine.csv" in result.stderr
    assert "row 18, column 'SEC', value '7': expected one of the codes" in result.stderr
    assert "Traceback" not in result.output
    assert contents(tmp_path / "data") == {}


def test_a_refused_file_leaves_earlier_results_as_they_are(
    kedro: Callable[..., Result], table: Rows, tmp_path: Path
) -> None:
    only = ("--pipelines", "data_processing", "--to-outputs", "data_quality")
    good, bad = (str(tmp_path / name) for name in ("good.csv", "bad.csv"))
    write(table, Path(good))
    write(table[:40] + table[39:], Path(bad))
    assert kedro(*only, panel_file=good).exit_code == 0
    before = contents(tmp_path / "data")
    assert len(before) == 3
    assert kedro(*only, panel_file=bad).exit_code == 1
    assert contents(tmp_path / "data") == before


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_cleaning_spares_the_panel_that_a_person_put_there(project: Path, tmp_path: Path) -> None:
    mine, written = tmp_path / "data/01_raw/mine.csv", tmp_path / "data/03_primary/a.parquet"
    for file in (mine, written, written.with_name(".gitkeep")):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    for folder in ("src", "tests", "tools"):
        (tmp_path / folder).mkdir()
    subprocess.run(["make", "-f", str(project / "Makefile"), "clean"], check=True, cwd=tmp_path)
    assert mine.exists()
    assert [path.name for path in written.parent.iterdir()] == [".gitkeep"]
