"""A file that comes in parts is one file: its order, its ids, and what is wrong with it first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest

from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.panel.contract import restore_codes
from customer_segmentation.panel.values import HouseholdDataError
from customer_segmentation.scorer.batch import score_tables
from customer_segmentation.scorer.bundle import ScoringBundle
from customer_segmentation.scorer.scoring import score_households


@pytest.fixture
def table(households: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """The panel as numbers, with the codes of its file; the test may change it."""
    return restore_codes(households, codebook).astype("float64")


def divide(table: pd.DataFrame, part: int) -> Iterator[pd.DataFrame]:
    """The parts of a file that starts in line 2."""
    table = table.set_axis(pd.RangeIndex(2, len(table) + 2, name="row"))
    for start in range(0, len(table), part):
        each = table.iloc[start : start + part]
        each.attrs["source"] = "mine.csv"
        yield each


Score = Callable[..., pd.DataFrame]


@pytest.fixture
def score(bundle: ScoringBundle) -> Score:
    def score_divided(table: pd.DataFrame, part: int = 100, workers: int = 2) -> pd.DataFrame:
        return score_tables(bundle, divide(table, part), workers)

    return score_divided


@pytest.fixture
def refuse(score: Score) -> Callable[..., str]:
    """What is said of a file that must be refused."""

    def score_refused(table: pd.DataFrame, part: int = 100, workers: int = 2) -> str:
        with pytest.raises(HouseholdDataError) as caught:
            score(table, part, workers)
        assert len(str(caught.value).splitlines()) <= 15
        return str(caught.value)

    return score_refused


def blank(table: pd.DataFrame, rows: range, columns: list[str]) -> pd.DataFrame:
    table.loc[table.index[rows], columns] = np.nan
    return table


@pytest.mark.parametrize(("part", "workers"), [(7, 2), (41, 5), (599, 1), (10_000, 2)])
def test_neither_parts_nor_threads_change_a_byte(score, table, codebook, tmp_path, part, workers):
    blank(table, range(300, 450), codebook.columns_of("brand_shares"))
    files = [tmp_path / "one.parquet", tmp_path / "other.parquet"]
    score(table, part=600, workers=1).to_parquet(files[0])
    score(table, part, workers).to_parquet(files[1])
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("kind", range(3), ids=["lr", "xgboost", "rf"])
def test_every_kind_of_champion_answers_alike_alone_and_among_others(bundle, table, codebook, kind):
    """To the last bit: parts of one household, parts of many, and records of a program."""
    asked = bundle.replace(champions=bundle.champions[kind : kind + 1], examples=())
    table = table.drop(columns=codebook.columns_of("brand_shares")).iloc[::4]
    together, apart = (score_tables(asked, divide(table, part), 2) for part in (600, 1))
    pd.testing.assert_frame_equal(together, apart, check_exact=True)
    assert set(together["information_set"]) == {asked.champions[0].information_set}
    records = [asked.reader.read_records([record]) for record in table.to_dict("records")]
    alone = [score_households(asked, each.households).probabilities[0] for each in records]
    assert np.array_equal(together.filter(regex="^p_").to_numpy(), alone)


def test_the_order_is_that_of_the_file_whatever_is_done_first(score, table, codebook):
    shuffled = table.sample(frac=1, random_state=3)
    answers = score(shuffled, part=9, workers=4)
    assert answers.index.equals(pd.RangeIndex(600))
    assert answers[codebook.identifier].tolist() == shuffled[codebook.identifier].tolist()
    by_id = answers.set_index(codebook.identifier).sort_index()
    in_order = score(table).set_index(codebook.identifier).sort_index()
    pd.testing.assert_frame_equal(by_id, in_order)


def test_few_parts_are_in_memory_at_a_time(bundle, table):
    alive, most = set[int](), 0
    lock = threading.Lock()

    class Part(pd.DataFrame):
        """A part that tells when it is gone."""

        def __del__(self) -> None:
            with lock:
                alive.discard(id(self))

    def parts() -> Iterator[pd.DataFrame]:
        nonlocal most
        for each in divide(table, 10):
            part = Part(each)
            part.attrs = each.attrs
            with lock:
                alive.add(id(part))
                most = max(most, len(alive))
            yield part

    assert len(score_tables(bundle, parts(), workers=2)) == 600
    assert 1 <= most <= 6


def test_the_parts_are_left_as_they_are(bundle, table):
    parts, untouched = (list(divide(table.copy(), 200)) for _ in range(2))
    score_tables(bundle, parts, workers=2)
    for part, before in zip(parts, untouched, strict=True):
        pd.testing.assert_frame_equal(part, before)
        assert part.attrs == before.attrs


def test_an_id_of_another_part_is_refused_with_both_rows(refuse, table, codebook):
    ids = table[codebook.identifier]
    table.loc[420, codebook.identifier] = ids[3]
    table.loc[599, codebook.identifier] = ids[3]
    told = refuse(table)
    assert told.startswith("mine.csv is refused; correct it and run again:\n")
    for row in (422, 601):
        assert f"row {row}, column '{codebook.identifier}', value '{ids[3]:.0f}': row 5 has" in told
    assert "row 5," not in told


def test_an_id_twice_in_a_part_is_refused_in_the_same_words(refuse, table, codebook):
    table.loc[420, codebook.identifier] = table.loc[3, codebook.identifier]
    apart, together = (refuse(table, part).partition("\n")[2] for part in (100, 600))
    assert apart == together != ""


def test_a_file_without_ids_is_refused_once(refuse, table, codebook):
    told = refuse(table.drop(columns=codebook.identifier))
    raw_name = codebook.field(codebook.identifier).raw_name
    assert told.count("\n") == 1
    assert f"column '{raw_name}': is missing; give every household an id" in told


@pytest.mark.parametrize(
    "spell", [lambda f: f.name, lambda f: f.raw_name, lambda f: f" {f.raw_name}"]
)
def test_a_household_without_an_id_is_named_by_its_row(refuse, table, codebook, spell):
    table.loc[[250, 460], codebook.identifier] = np.nan
    told = refuse(table.rename(columns={f.name: spell(f) for f in codebook.fields}))
    name = spell(codebook.field(codebook.identifier))
    assert told.startswith("mine.csv, read up to row 301, is refused")
    assert f"row 252, column '{name}': is empty; give every household an id" in told
    assert "row 462" not in told


def test_a_household_of_which_too_little_is_known_is_told_with_what_is_missing(
    refuse, table, codebook
):
    runs, stratum = codebook.column(Role.BRAND_RUNS), codebook.column(Role.STRATUM)
    blank(table, range(110, 112), [runs, stratum])
    told = refuse(table)
    ids = table[codebook.identifier]
    for at in (110, 111):
        assert f"row {at + 2}, column '{codebook.identifier}', value '{ids[at]:.0f}': " in told
    assert "too little is known for any answer; the nearest, " in told
    assert f"also needs {runs}" in told


def test_what_stands_first_in_the_file_is_told_first(refuse, table, codebook):
    stratum = codebook.column(Role.STRATUM)
    table.loc[[205, 590], stratum] = 77.0
    told = {refuse(table, part=3, workers=workers) for workers in (1, 5, 5)}
    assert len(told) == 1
    assert "row 207, " in told.pop()


def test_what_stands_before_an_unreadable_part_is_told_first(bundle, table, codebook):
    table.loc[205, codebook.column(Role.STRATUM)] = 77.0

    def parts() -> Iterator[pd.DataFrame]:
        yield from divide(table.head(300), 100)
        raise HouseholdDataError("mine.csv: row 302 is blank between households.")

    for workers in (1, 2, 9):
        with pytest.raises(HouseholdDataError, match="row 207, "):
            score_tables(bundle, parts(), workers)


@pytest.mark.parametrize("workers", [1, 2, 9])
def test_an_unreadable_part_is_told_in_its_own_words(bundle, table, workers):
    def parts() -> Iterator[pd.DataFrame]:
        yield from divide(table.head(300), 100)
        raise HouseholdDataError("mine.csv: row 302 is blank between households.")

    with pytest.raises(HouseholdDataError, match=r"^mine.csv: row 302 is blank"):
        score_tables(bundle, parts(), workers)


def test_a_bug_in_the_reading_stays_a_bug(bundle, table):
    def parts() -> Iterator[pd.DataFrame]:
        yield from divide(table.head(100), 100)
        raise KeyError("bug")

    with pytest.raises(KeyError, match="bug"):
        score_tables(bundle, parts(), 2)


def test_a_share_s_sum_at_the_limit_is_judged_alike_alone_and_among_others(
    bundle: ScoringBundle, codebook: Codebook
) -> None:
    """Totals of exactly the target and the tolerance, of which the last bits vary."""
    group = next(each for each in codebook.compositions if each.tolerance)
    names = codebook.columns_of(group.name)
    rng = np.random.default_rng(5)
    parts = rng.multinomial(round(1000 * (1 + group.tolerance)), [1 / len(names)] * len(names), 200)
    records = [dict(zip(names, row, strict=True)) for row in (parts / 1000).tolist()]
    alone = [bundle.reader.read_records([record]).accepted for record in records]
    assert alone == [[0]] * 200
    assert bundle.reader.read_records(records).accepted == list(range(200))
    over = (parts[:, :1] + 1) / 1000
    too_much = [record | {names[0]: each} for record, (each,) in zip(records, over, strict=True)]
    assert bundle.reader.read_records(too_much).accepted == []
    assert not any(bundle.reader.read_records([record]).accepted for record in too_much)
