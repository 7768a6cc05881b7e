"""The reader refuses what pandas repairs, and says where."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from customer_segmentation.panel.reader import iterate_households, read_panel_bytes, read_panel_file
from customer_segmentation.panel.values import HouseholdDataError

SMALL = "id,age,share\n1,34,0.5\n2,51,0.25\n"


@pytest.fixture
def read(tmp_path: Path):
    """Write content to a file named small.csv, then read it."""

    def read_content(content: str | bytes) -> pd.DataFrame:
        path = tmp_path / "small.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_panel_file(path)

    return read_content


def test_the_real_panel_is_read_as_it_comes(panel_file, panel_rows):
    with gzip.open(panel_file, "rt", encoding="utf-8-sig") as file:
        expected = pd.read_csv(file, dtype="str", keep_default_na=False)
    assert panel_rows.shape == (600, 46)
    assert list(panel_rows.columns) == list(expected.columns)
    assert panel_rows.to_numpy().tolist() == expected.to_numpy().tolist()
    assert panel_rows.index.tolist() == list(range(2, 602))
    assert panel_rows.index.name == "row"
    assert panel_rows.attrs["source"] == panel_file.name


@pytest.mark.parametrize(
    "content",
    [
        SMALL,
        "\ufeff" + SMALL,
        SMALL.replace("\n", "\r\n"),
        SMALL.replace("\n", "\r"),
        gzip.compress(SMALL.encode(), mtime=0),
        SMALL + "\n,,\n  \n",
        SMALL.replace("\n", ",,\n"),
        SMALL.replace("\n", ", \n") + ",,,\n",
    ],
    ids=["plain", "bom", "crlf", "cr", "gzip", "blank rows", "blank columns", "both"],
)
def test_habits_of_files_that_change_nothing(read, content):
    table = read(content)
    assert list(table.columns) == ["id", "age", "share"]
    assert table.to_numpy().tolist() == [["1", "34", "0.5"], ["2", "51", "0.25"]]
    assert table.index.tolist() == [2, 3]


def test_title_rows_above_the_header_are_left_out(read):
    table = read("Panel 2018,,\n\nIdentity,Demographics,\n" + SMALL)
    assert list(table.columns) == ["id", "age", "share"]
    assert table.index.tolist() == [5, 6]


def test_households_told_in_words_stand_below_the_header(read):
    table = read("Panel,2018,,\n\nid,age,tongue,television\n7,45 and over,Hindi,yes\n8,,,no\n")
    assert list(table.columns) == ["id", "age", "tongue", "television"]
    assert table.to_numpy().tolist() == [["7", "45 and over", "Hindi", "yes"], ["8", "", "", "no"]]


def test_percentages_make_a_row_of_numbers(read):
    assert read("a,b,c\n37.7%,.5%,-1%\n").iloc[0].tolist() == ["37.7%", ".5%", "-1%"]


def test_a_quoted_line_break_counts_as_a_line(read):
    table = read('id,"age\nin years"\n1,"3\n4"\n2,5\n')
    assert list(table.columns) == ["id", "age\nin years"]
    assert table.index.tolist() == [3, 5]
    assert table["age\nin years"].tolist() == ["3\n4", "5"]


def test_names_and_cells_keep_their_spaces(read):
    table = read("id ,a  b\n 1,2 \n")
    assert list(table.columns) == ["id ", "a  b"]
    assert table.iloc[0].tolist() == [" 1", "2 "]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "the file is empty"),
        (" \n,,\n\n", "the file is empty"),
        ("\ufeff", "the file is empty"),
        ("id,age\n", "no row of numbers follows the header in row 1"),
        ("id,age\n\n\n", "no row of numbers follows the header in row 1"),
        ("1,34\n2,51\n", "row 1 already holds numbers"),
        ("id,age\n1,34\n2\n", "row 3 has 1 cells, but the header in row 1 names 2"),
        ("id,age\n1,34\n2,51,7\n", "row 3 has 3 cells, but the header in row 1 names 2"),
        ("id,age\n1,34\n\n2,51\n", "row 3 is blank between households"),
        ("id,age\n1,34\n,,\n2,51\n", "row 3 is blank between households"),
        ("id,age\n\n1,34\n", "row 2 is blank between households"),
        ("id,age,age\n1,34,34\n", "row 1 names column 'age' twice, as columns 2 and 3"),
        ("No.  of,No. of \n1,2\n", "row 1 names column 'No. of' twice, as columns 1 and 2"),
        ("id,,age\n1,2,3\n", "row 1, column 2 has no name"),
        ("id,,age\n1,,3\n", "row 1, column 2 has no name"),
        ("id,age,\n1,34,5\n", "row 2 has 3 cells"),
        ("id;age;share\n1;34;0,5\n", "row 1 is separated by semicolons"),
        ("id\tage\tshare\n1\t34\t0.5\n", "row 1 is separated by tabs"),
        ("id|age|share\n1|34|0.5\n", "row 1 is separated by vertical bars"),
        ('id,age\n1,"34\n2,51\n', "not valid CSV"),
        ("id,age\n1,34\n2,5\0", "row 3 holds a NUL byte"),
        (b"id,age\n1,34\n2,\xff\n", "row 3 holds the byte 0xff, which is not UTF-8"),
        (SMALL.encode("utf-16"), "row 1 holds a NUL byte"),
        (gzip.compress(SMALL.encode(), mtime=0)[:-12], "is a damaged gzip file"),
        (b"\x1f\x8bnot gzip at all", "is a damaged gzip file"),
    ],
)
def test_unreadable_files_are_refused(read, content, expected):
    with pytest.raises(HouseholdDataError) as caught:
        read(content)
    message = str(caught.value)
    assert message.startswith("small.csv: ")
    assert expected in message
    assert len(message.splitlines()) == 1


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(HouseholdDataError, match=r"absent\.csv.*No such file"):
        read_panel_file(tmp_path / "absent.csv")
    with pytest.raises(HouseholdDataError, match="cannot be read: Is a directory"):
        next(iterate_households(tmp_path))


def test_content_is_read_as_the_file_that_holds_it(read):
    table = read_panel_bytes(SMALL.encode(), "sent.csv")
    pd.testing.assert_frame_equal(table, read(SMALL))
    assert table.attrs["source"] == "sent.csv"


def test_content_is_not_unpacked():
    bomb = gzip.compress(b"id,age\n" + b"1,34\n" * 1_000_000, mtime=0)
    with pytest.raises(HouseholdDataError, match=r"^sent\.csv: row 1 "):
        read_panel_bytes(bomb, "sent.csv")


@pytest.mark.parametrize("content", ["\n" * 50_000, "id,age\n" + "\n" * 50_000 + "1,34\n"])
def test_blank_rows_without_end_are_refused_in_one_pass(content):
    with pytest.raises(HouseholdDataError, match=r"is empty|row 2 is blank between households"):
        read_panel_bytes(content.encode(), "sent.csv")


# Files part by part, text or Parquet

TABLE = pd.DataFrame({"id": [1, 2, 3, 4, 5], "Avg. Price": [0.5, None, 1.5, 2.5, 3.5]})


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    """A Parquet file whose name does not tell that it is one."""
    path = tmp_path / "households.dat"
    TABLE.to_parquet(path, index=False, row_group_size=2)
    return path


@pytest.mark.parametrize("part", [1, 2, 3, 5, 100])
def test_parts_of_a_parquet_file_make_up_its_table(parquet, part):
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
def test_parts_of_a_text_file_know_their_lines(tmp_path, part, packed):
    text = '\ufeffPanel\n\nid,"ag\ne"\r\n1,"3\n4"\n2,5\n3,6\n,\n\n'
    path = tmp_path / "households.csv"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    parts = list(iterate_households(path, part))
    assert [len(each) for each in parts[:-1]] == [part] * (len(parts) - 1)
    whole = pd.concat(parts)
    assert whole.index.tolist() == [5, 7, 8]
    assert whole.to_dict("list") == {"id": ["1", "2", "3"], "ag\ne": ["3\n4", "5", "6"]}
    assert {each.attrs["source"] for each in parts} == {"households.csv"}


def test_an_index_without_a_name_is_no_column_and_one_with_a_name_is(tmp_path):
    path = tmp_path / "households.parquet"
    TABLE.iloc[[0, 1, 4]].to_parquet(path)
    assert list(next(iterate_households(path))) == list(TABLE)
    TABLE.sort_values("Avg. Price").set_index("id").to_parquet(path)
    assert set(next(iterate_households(path))) == set(TABLE)


def test_types_that_pandas_lacks_come_as_they_are_stored(tmp_path):
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


def test_nothing_is_read_before_it_is_asked_for(parquet):
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
def test_a_damaged_parquet_file_is_refused(parquet, start, end):
    damage(parquet, start, end)
    with pytest.raises(HouseholdDataError, match=r"households\.dat: .*cannot be read") as caught:
        list(iterate_households(parquet))
    assert len(str(caught.value).splitlines()) == 1


def test_a_parquet_file_damaged_inside_says_how_far_it_was_read(tmp_path):
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


def test_a_parquet_file_without_households_is_refused(tmp_path):
    TABLE.head(0).to_parquet(tmp_path / "none.parquet")
    with pytest.raises(HouseholdDataError, match=r"none\.parquet: the file has no rows"):
        list(iterate_households(tmp_path / "none.parquet"))


def test_a_text_file_is_refused_where_it_is_wrong_and_read_up_to_there(tmp_path):
    path = tmp_path / "households.csv"
    path.write_text("id,age\n1,2\n2,3\n3\n")
    parts = iterate_households(path, 1)
    assert [next(parts)["id"].tolist() for _ in range(2)] == [["1"], ["2"]]
    with pytest.raises(HouseholdDataError, match=r"households\.csv: row 4 has 1 cells"):
        next(parts)
