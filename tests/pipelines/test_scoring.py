"""Scoring a file: equal to scoring one household at a time, whatever form the file has."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.errors
import pytest
from click.testing import Result

from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.panel.contract import restore_codes
from customer_segmentation.panel.reader import iterate_households
from customer_segmentation.pipelines.scoring import create_pipeline
from customer_segmentation.pipelines.scoring.nodes import score_households_file
from customer_segmentation.scorer.batch import ScoringParameters
from customer_segmentation.scorer.bundle import ScoringBundle
from customer_segmentation.scorer.routes import SEGMENTER_INPUTS
from customer_segmentation.scorer.scoring import score_households
from customer_segmentation.scorer.storage import load_bundle
from customer_segmentation.tables import HouseholdScores
from tests.conftest import ProjectRun

KEYS = ["household_id", "segment", "claim", "information_set", "thin_record"]


@pytest.fixture(scope="module")
def bundle(project_run: ProjectRun) -> ScoringBundle:
    return load_bundle(project_run.data_root / "07_model_output" / "scoring_bundle")


@pytest.fixture
def numbers(households: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """The panel as numbers, with the codes of its file; the test may change it."""
    return restore_codes(households, codebook)


@pytest.fixture(scope="module")
def score(project_run: ProjectRun) -> Callable[[Path], pd.DataFrame]:
    """The node on a file, as a run calls it."""
    bundle = project_run.load("scoring_bundle")

    def score_file(path: Path) -> pd.DataFrame:
        return score_households_file(
            iterate_households(path, 250), bundle, ScoringParameters(processes=2)
        )

    return score_file


def test_the_pipeline_goes_from_a_file_and_a_bundle_to_one_table() -> None:
    pipeline = create_pipeline()
    assert pipeline.inputs() == {"households_to_score", "scoring_bundle", "params:scoring"}
    assert pipeline.all_outputs() == {"household_scores"}
    assert [node.name for node in pipeline.nodes] == ["scoring.score_households_file"]


def forget(numbers: pd.DataFrame, bundle: ScoringBundle, route: int) -> pd.DataFrame:
    """What a route needs of each household, and nothing else but who it is."""
    return numbers[[bundle.codebook.identifier, *bundle.routes[route].inputs.fields]]


def score_alone(bundle: ScoringBundle, record: dict[str, float]) -> list[object]:
    """The answer about one household, by the way of the service."""
    reading = bundle.reader.read_records([record])
    assert reading.refused == {}
    scores = score_households(bundle, reading.households)
    route = bundle.routes[scores.routes[0]]
    thin = scores.thin_records[0]
    return [
        int(record[bundle.codebook.identifier]),
        bundle.segments[scores.segments[0]],
        str(route.claim),
        route.information_set,
        None if np.isnan(thin) else bool(thin),
        *scores.probabilities[0].tolist(),
    ]


@pytest.mark.parametrize("route", range(4))
def test_every_household_gets_the_same_answer_in_a_file_and_alone(
    score, bundle, numbers, tmp_path, route
):
    known = forget(numbers, bundle, route) if route else numbers
    known.to_parquet(tmp_path / "known.parquet")
    table = score(tmp_path / "known.parquet")
    together = table.astype(object).where(table.notna(), None).to_numpy().tolist()
    alone = [score_alone(bundle, record) for record in known.astype(float).to_dict("records")]
    assert together == alone  # to the last bit
    assert set(table["information_set"]) == {bundle.routes[route].information_set}


def write_raw_text(rows, _, codebook, path):
    """As the panel file has it, in another order, with habits of people's programs."""
    shares = [f.raw_name for f in codebook.fields if "Br. Cd." in f.raw_name]
    names = {name: " ".join(name.split()) for name in rows}
    rows = rows.rename(columns=names).iloc[:, ::-1]
    rows[shares] = rows[shares].map(lambda cell: f"{100 * float(cell)!r}%")
    text = rows.to_csv(index=False).replace("\n", "\r\n")
    path.write_bytes(gzip.compress(("\ufeffPanel of 2018\r\n\r\n" + text + "\r\n").encode()))


def name_codes(numbers: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """Codes as the text of their labels."""
    labels = {field.name: field.codes for field in codebook.fields if field.codes}
    return numbers.assign(**{name: numbers[name].map(labels[name]) for name in labels})


def write_labels(_, numbers, codebook, path):
    name_codes(numbers, codebook).to_csv(path, index=False)


def write_numbers(_, numbers, codebook, path):
    numbers.to_parquet(path)


def write_both(_, numbers, codebook, path):
    name_codes(numbers, codebook).to_parquet(path, row_group_size=99)


def write_categories(_, numbers, codebook, path):
    named = name_codes(numbers, codebook)
    texts = list(named.select_dtypes(exclude="number"))
    named.astype(dict.fromkeys(texts, "category")).to_parquet(path)


WRITERS = [write_raw_text, write_labels, write_numbers, write_both, write_categories]


@pytest.mark.parametrize("write", WRITERS)
def test_the_form_of_the_file_changes_no_answer(
    score, numbers, panel_rows, panel_file, codebook, tmp_path, write
):
    path = tmp_path / "mine"
    write(panel_rows, numbers, codebook, path)
    pd.testing.assert_frame_equal(score(path), score(panel_file), rtol=0, atol=1e-12)


def test_complete_records_get_the_segment_that_the_segmentation_gave(
    score, panel_file, project_run
):
    table = score(panel_file)
    assert set(table["claim"]) == {"assignment"}
    assert (table.filter(regex="^p_").max(axis=1) == 1).all()
    expected = project_run.load("household_segments")[["household_id", "segment", "thin_record"]]
    expected = expected.astype({"thin_record": "boolean"})
    pd.testing.assert_frame_equal(table[list(expected)], expected)


@pytest.mark.parametrize("route", [1, 2, 3])
def test_less_is_known_and_the_champion_of_the_set_answers(
    score, bundle, numbers, project_run, tmp_path, route
):
    forget(numbers, bundle, route).to_csv(tmp_path / "known.csv", index=False)
    table = score(tmp_path / "known.csv")
    stored = project_run.load("champion_probabilities")
    name = bundle.routes[route].information_set
    expected = stored[stored["information_set"] == name].reset_index(drop=True)
    columns = list(expected.filter(regex="^p_"))
    assert table["household_id"].tolist() == expected["household_id"].tolist()
    np.testing.assert_allclose(table[columns], expected[columns], rtol=0, atol=1e-6)
    assert table["segment"].tolist() == expected["predicted"].tolist()
    told = bundle.codebook.column(Role.TRANSACTIONS) in bundle.routes[route].inputs.fields
    assert table["thin_record"].notna().all() == told
    assert table["thin_record"].isna().all() != told


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_rows_that_differ_in_what_is_known_are_answered_each_by_its_own(
    score, bundle, numbers, codebook, tmp_path, suffix
):
    purchases = [f.name for f in codebook.fields if codebook.is_from_purchases(f.name)]
    numbers = numbers.astype("float64")
    numbers.loc[numbers.index % 3 == 0, purchases] = np.nan
    of_study = set(bundle.routes[1].inputs.fields)
    others = [name for name in purchases if name not in of_study]
    numbers.loc[numbers.index % 3 == 1, others] = np.nan
    path = tmp_path / f"mixed.{suffix}"
    numbers.to_csv(path, index=False) if suffix == "csv" else numbers.to_parquet(path)
    table = score(path)
    sets = [bundle.routes[3].information_set, bundle.routes[1].information_set, SEGMENTER_INPUTS]
    assert table["information_set"].tolist() == sets * 200
    for at in range(3):
        record = numbers.iloc[at].dropna().to_dict()
        assert table.iloc[at].tolist()[:2] == score_alone(bundle, record)[:2]
        assert table.iloc[at].tolist()[5:] == score_alone(bundle, record)[5:]


def test_an_empty_cell_is_not_stated_where_that_can_be(score, bundle, numbers, codebook, tmp_path):
    optional = [f.name for f in codebook.fields if f.not_stated is not None]
    known = forget(numbers, bundle, 3)
    known.to_parquet(tmp_path / "zeros.parquet")
    coded = known[optional]
    codes = pd.Series({name: codebook.field(name).not_stated for name in optional})
    known.assign(**coded.mask(coded == codes)).to_csv(tmp_path / "blanks.csv", index=False)
    pd.testing.assert_frame_equal(score(tmp_path / "zeros.parquet"), score(tmp_path / "blanks.csv"))


Run = Callable[..., Result]


@pytest.fixture
def run(kedro: Callable[..., Result], project_run: ProjectRun, tmp_path: Path) -> Run:
    """`kedro run --pipelines scoring` where the project's bundle lies."""
    bundle = Path("07_model_output", "scoring_bundle")
    shutil.copytree(project_run.data_root / bundle, tmp_path / "data" / bundle)

    def run_scoring(**parameters: str) -> Result:
        return kedro("--pipelines", "scoring", **parameters)

    return run_scoring


def read_scores(tmp_path: Path) -> pd.DataFrame:
    return pd.read_parquet(tmp_path / "data/07_model_output/household_scores.parquet")


@pytest.mark.parametrize("env", ["base", "test"])
def test_a_run_scores_the_file_that_it_is_given(kedro, run, score, bundle, numbers, tmp_path, env):
    file = tmp_path / "prospects of mine.parquet"
    forget(numbers, bundle, 3).tail(300).to_parquet(file)
    result = kedro("--pipelines", "scoring", "--env", env, households_file=str(file))
    assert result.exit_code == 0, result.output
    pd.testing.assert_frame_equal(read_scores(tmp_path), score(file))


def test_a_run_without_a_file_scores_the_panel(run, score, panel_file, tmp_path):
    assert run().exit_code == 0
    table = read_scores(tmp_path)
    pd.testing.assert_frame_equal(table, score(panel_file))
    assert list(table)[:5] == KEYS
    assert table.dtypes.astype(str).tolist() == [
        "int64",
        "str",
        "str",
        "str",
        "boolean",
        *["float64"] * 3,
    ]


def test_a_run_on_another_panel_file_scores_that_one(run, panel_rows, tmp_path):
    panel_rows.head(20).to_csv(tmp_path / "panel.csv", index=False)
    assert run(panel_file=str(tmp_path / "panel.csv")).exit_code == 0
    assert len(read_scores(tmp_path)) == 20


def test_the_number_of_threads_changes_no_byte(run, tmp_path):
    file = tmp_path / "data/07_model_output/household_scores.parquet"
    written = set()
    for processes in ("1", "3"):
        assert run(**{"scoring.processes": processes}).exit_code == 0
        written.add(file.read_bytes())
    assert len(written) == 1


def drop_ids(rows, codebook):
    name = codebook.field(codebook.identifier).raw_name
    return rows.drop(columns=name), (name, "is missing; give every household an id of its own")


def drop_too_much(rows, codebook):
    field = codebook.field(codebook.column(Role.STRATUM))
    runs = codebook.field(codebook.column(Role.BRAND_RUNS)).raw_name
    rows = rows.drop(columns=[field.raw_name, runs])
    return rows, ("row {0[0]}, column 'Member id'", "too little is known", "and 590 more problems")


def repeat_an_id(rows, codebook):
    rows.iloc[50, 0] = rows.iloc[3, 0]
    return rows, ("row {0[50]}, column 'Member id'", "row {0[3]} has the same")


def blank_an_id(rows, codebook):
    rows.iloc[50, 0] = " "
    return rows, ("row {0[50]}, column 'Member id': is empty",)


def put_an_unknown_label(rows, codebook):
    field = codebook.field(codebook.column(Role.STRATUM))
    rows.iloc[7, rows.columns.get_loc(field.raw_name)] = "Z"
    return rows, ("row {0[7]}", f"'{field.raw_name}', value 'Z'", "or its label (", field.codes[1])


def break_a_sum(rows, codebook):
    name = codebook.field(codebook.column(Role.FULL_PRICE_SHARE)).raw_name
    rows.iloc[7, rows.columns.get_loc(name)] = "0.99999"
    return rows, ("row {0[7]}", "the 3 shares must add up to 1 within 0.01")


def misspell_a_column(rows, codebook):
    field = codebook.field(codebook.column(Role.STRATUM))
    return rows.rename(columns={field.raw_name: field.name + "s"}), (
        f"column '{field.name}s': is no field of the codebook; did you mean '{field.name}'?",
    )


def give_a_field_twice(rows, codebook):
    field = codebook.field(codebook.column(Role.STRATUM))
    return rows.assign(**{field.name: rows[field.raw_name]}), ("stands twice", field.name)


SPOILT = [
    drop_ids,
    drop_too_much,
    repeat_an_id,
    blank_an_id,
    put_an_unknown_label,
    break_a_sum,
    misspell_a_column,
    give_a_field_twice,
]


def assert_refused(result: Result, tmp_path: Path, *expected: str) -> None:
    """One short message, an exit code, and nothing written."""
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert len(result.stderr.strip().splitlines()) <= 15
    for words in expected:
        assert words in result.stderr
    written = (tmp_path / "data/07_model_output").iterdir()
    assert [path.name for path in written] == ["scoring_bundle"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("spoil", SPOILT)
def test_a_bad_file_is_refused_by_its_place(run, panel_rows, codebook, tmp_path, spoil, kind):
    rows, expected = spoil(panel_rows, codebook)
    file = tmp_path / f"spoilt.{kind}"
    if kind == "csv":
        rows.to_csv(file, index=False)
    else:
        rows.to_parquet(file, index=False)
    first = 2 if kind == "csv" else 1  # below a line of names
    lines = range(first, first + len(rows))
    expected = [words.format(lines) for words in expected]
    assert_refused(run(households_file=str(file)), tmp_path, file.name, *expected)


CONTENTS = {
    "empty": (b"", "the file is empty"),
    "damaged": (b"PAR1 and no more", "the Parquet file cannot be read"),
    "damaged gzip": (b"\x1f\x8b and no more", "damaged gzip"),
    "utf-16": ("id,age\n1,2\n".encode("utf-16"), "Save it as CSV in UTF-8"),
    "spreadsheet": (b"PK\x03\x04\x14\0", "this is no text file"),
    "another file": (b"a,b\n1,2\n", "is no field of the codebook"),
}


@pytest.mark.parametrize(("content", "expected"), CONTENTS.values(), ids=CONTENTS)
def test_a_file_that_is_none_is_refused(run, tmp_path, content, expected):
    (tmp_path / "odd.csv").write_bytes(content)
    result = run(households_file=str(tmp_path / "odd.csv"))
    assert_refused(result, tmp_path, "odd.csv", expected)


def test_a_missing_file_is_named(run, tmp_path):
    result = run(households_file=str(tmp_path / "gone.csv"))
    assert_refused(result, tmp_path, "gone.csv", "No such file")


def test_what_was_written_before_stays_when_a_file_is_refused(run, tmp_path):
    file = tmp_path / "data/07_model_output/household_scores.parquet"
    assert run().exit_code == 0
    before = file.read_bytes()
    assert run(households_file=str(tmp_path / "gone.csv")).exit_code == 1
    assert file.read_bytes() == before


def test_a_damaged_bundle_scores_nothing(run, tmp_path):
    file = tmp_path / "data/07_model_output/scoring_bundle/manifest.json"
    file.write_bytes(file.read_bytes().replace(b"0", b"1", 1))
    assert_refused(run(), tmp_path, file.name, "is not as it was written")


def test_without_a_bundle_the_pipeline_that_writes_it_is_named(kedro):
    result = kedro("--pipelines", "scoring")
    assert result.exit_code == 1
    assert "There is no file" in result.stderr
    assert "manifest.json" in result.stderr


@pytest.fixture
def table(score, panel_file) -> pd.DataFrame:
    return score(panel_file)


def test_the_table_keeps_its_schema(table):
    HouseholdScores.validate(table)
    HouseholdScores.validate(table.assign(more="columns"))
    HouseholdScores.validate(table.assign(thin_record=pd.array([None] * 600, dtype="boolean")))


@pytest.mark.parametrize(
    "change",
    [
        {"household_id": 1},
        {"claim": "certainty"},
        {"thin_record": False},
        {"segment": None},
        {"p_loyalists": 0.5},
        {"p_loyalists": -1.0, "p_promo_shoppers": 1.0, "p_variety_seekers": 1.0},
        {"p_loyalists": np.nan},
    ],
    ids=str,
)
def test_a_table_that_breaks_its_schema_is_refused(table, change):
    with pytest.raises(pandera.errors.SchemaError):
        HouseholdScores.validate(table.assign(**change))
