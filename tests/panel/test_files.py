"""Files of households are read part by part, whatever their kind, and know their rows."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from customer_segmentation.panel.reader import iterate_households
from customer_segmentation.panel.values import HouseholdDataError

TABLE = pd.DataFrame({"id": [1, 2, 3, 4, 5], "Avg. Price": [0.5, None, 1.5, 2.5, 3.5]})


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    """A Parquet file whose name does not tell that it is one."""
    path = tmp_path / "households.dat"
    TABLE.to_parquet(path, index=False, row_group_size=2)
    return path


@pytest.mark.parametrize("part", [1, 2, 3, 5, 100])
def test_parts_of_a_parquet_file_make_up_its_table(parquet: Path, part: int) -> None:
    parts = list(iterate_households(parquet, part))
    assert [len(each) for each in parts[:-1]] == [part] * (len(parts) - 1)
    whole = pd.concat(parts)
    assert whole.index.tolist() == [1, 2, 3, 4, 5]
    pd.testing.assert_frame_equal(whole.reset_index(drop=True), TABLE)
    assert {(each.index.name, each.attrs["source"]) for each in parts} == {
        ("row", "households.dat")
    }


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("part", [1, 2, 3, 100])
def test_parts_of_a_text_file_know_their_lines(tmp_path: Path, part: int, packed: bool) -> None:
    text = '\ufeffPanel\n\nid,"ag\ne"\r\n1,"3\n4"\n2,5\n3,6\n,\n\n'
    path = tmp_path / "households.csv"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    parts = list(iterate_households(path, part))
    assert [len(each) for each in parts[:-1]] == [part] * (len(parts) - 1)
    whole = pd.concat(parts)
    assert whole.index.tolist() == [5, 7, 8]
    assert whole.to_dict("list") == {"id": ["1", "2", "3"], "ag\ne": ["3\n4", "5", "6"]}
    assert {each.attrs["source"] for each in parts} == {"households.csv"}


def test_an_index_without_a_name_is_no_column_and_one_with_a_name_is(tmp_path: Path) -> None:
    path = tmp_path / "households.parquet"
    TABLE.iloc[[0, 1, 4]].to_parquet(path)
    assert list(next(iterate_households(path))) == list(TABLE)
    TABLE.sort_values("Avg. Price").set_index("id").to_parquet(path)
    assert set(next(iterate_households(path))) == set(TABLE)


def test_types_that_pandas_lacks_come_as_they_are_stored(tmp_path: Path) -> None:
    path = tmp_path / "households.parquet"
    columns = {
        "counts": pa.array([1, None], pa.int32()),
        "label": pa.array(["a", "b"]).dictionary_encode(),
        "amount": pa.array([Decimal("1.50"), None]),
        "nothing": pa.nulls(2),
    }
    pq.write_table(pa.table(columns), path)
    table = next(iterate_households(path))
    assert list(table) == list(columns)
    assert table["counts"].tolist()[0] == 1
    assert table["counts"].isna().tolist() == [False, True]
    assert table["label"].tolist() == ["a", "b"]
    assert str(table["amount"].iloc[0]) == "1.50"
    assert table["nothing"].isna().all()


def test_nothing_is_read_before_it_is_asked_for(parquet: Path) -> None:
    parts = iterate_households(parquet)
    parquet.write_bytes(b"PAR1")
    with pytest.raises(HouseholdDataError):
        next(parts)


def damage(path: Path, start: int, end: int | None) -> None:
    content = bytearray(path.read_bytes())
    content[start:end] = b""
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("start", "end"), [(100, None), (-20, None), (4, -8)], ids=["cut", "no end", "no middle"]
)
def test_a_damaged_parquet_file_is_refused(parquet: Path, start: int, end: int | None) -> None:
    damage(parquet, start, end)
    with pytest.raises(HouseholdDataError, match=r"households\.dat: .*cannot be read") as caught:
        list(iterate_households(parquet))
    assert len(str(caught.value).splitlines()) == 1


def test_a_parquet_file_damaged_inside_says_how_far_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "households.parquet"
    numbers = pd.DataFrame({"id": range(40_000)})
    numbers.to_parquet(path, index=False, row_group_size=20_000, compression="snappy")
    second = pq.ParquetFile(path).metadata.row_group(1).column(0)
    content = bytearray(path.read_bytes())
    at = second.dictionary_page_offset or second.data_page_offset
    content[at : at + 64] = b"\xff" * 64
    path.write_bytes(content)
    with pytest.raises(HouseholdDataError, match="after 20000 households"):
        list(iterate_households(path, 20_000))


def test_a_parquet_file_without_households_is_refused(tmp_path: Path) -> None:
    TABLE.head(0).to_parquet(tmp_path / "none.parquet")
    with pytest.raises(HouseholdDataError, match=r"none\.parquet: the file has no rows"):
        list(iterate_households(tmp_path / "none.parquet"))


def test_a_text_file_is_refused_where_it_is_wrong_and_read_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "households.csv"
    path.write_text("id,age\n1,2\n2,3\n3\n")
    parts = iterate_households(path, 1)
    assert [next(parts)["id"].tolist() for _ in range(2)] == [["1"], ["2"]]
    with pytest.raises(HouseholdDataError, match=r"households\.csv: row 4 has 1 cells"):
        next(parts)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(HouseholdDataError, match=r"absent\.parquet.*No such file"):
        next(iterate_households(tmp_path / "absent.parquet"))
    with pytest.raises(HouseholdDataError, match="cannot be read: Is a directory"):
        next(iterate_households(tmp_path))
