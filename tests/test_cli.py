"""`kedro run` refuses what it cannot use with one clear message, and before anything is written."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import click
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from kedro.framework.cli.project import run as kedro_run
from kedro.io import DataCatalog, DatasetError

from customer_segmentation.cli import MAX_LINES, ReadableCommand, check_names, cli, message_for, run
from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.panel.values import ReadableError


def assert_refused(result: Result, tmp_path: Path, *parts: str) -> None:
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)  # click's way out: no traceback
    message = result.stderr
    assert message.startswith("Error: ")
    assert len(message.splitlines()) <= MAX_LINES
    for part in parts:
        assert part in message
    assert not list((tmp_path / "data").rglob("*.*"))


def tidy(raw_name: object) -> str:
    return " ".join(str(raw_name).split())


def break_column(role: Role, text: str) -> Callable[..., tuple[str, ...]]:
    """Write a text into the third household's cell; the message must name place and value."""

    def spoil(rows: pd.DataFrame, codebook: Codebook) -> tuple[str, ...]:
        name = tidy(codebook.field(codebook.column(role)).raw_name)
        column = next(column for column in rows if tidy(column) == name)
        rows.loc[rows.index[2], str(column)] = text
        return str(rows.index[2]), name, text

    return spoil


def break_sum(rows: pd.DataFrame, codebook: Codebook) -> tuple[str, ...]:
    row, column, _ = break_column(Role.FULL_PRICE_SHARE, "0")(rows, codebook)
    return row, column, "add up to 1"


def repeat_household(rows: pd.DataFrame, codebook: Codebook) -> tuple[str, ...]:
    rows.iloc[4] = rows.iloc[1]
    return str(rows.iloc[1, 0]), str(rows.index[4])


def drop_column(rows: pd.DataFrame, codebook: Codebook) -> tuple[str, ...]:
    name = codebook.field(codebook.column(Role.VALUE)).raw_name
    del rows[name]
    return (name,)


SPOILT = {
    "a missing column": drop_column,
    "a repeated household": repeat_household,
    "an unknown code": break_column(Role.STRATUM, "9"),
    "a negative volume": break_column(Role.VOLUME, "-5"),
    "text in a number": break_column(Role.VALUE, "many"),
    "a broken sum of shares": break_sum,
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_bad_panel_file_is_refused_by_its_place(kedro, tmp_path, panel_rows, codebook, spoil):
    expected = spoil(panel_rows, codebook)
    file = tmp_path / "spoilt.csv"
    panel_rows.to_csv(file, index=False)
    result = kedro("--pipelines", "data_processing", panel_file=str(file))
    assert_refused(result, tmp_path, "spoilt.csv", *expected)


@pytest.mark.parametrize("content", [b"", b"\n\n"], ids=["empty", "blank"])
def test_an_empty_panel_file_is_refused(kedro, tmp_path, content):
    file = tmp_path / "empty.csv"
    file.write_bytes(content)
    result = kedro("--pipelines", "data_processing", panel_file=str(file))
    assert_refused(result, tmp_path, "empty.csv")


def test_a_missing_panel_file_is_named(kedro, tmp_path):
    result = kedro("--pipelines", "data_processing", panel_file=str(tmp_path / "gone.csv"))
    assert_refused(result, tmp_path, "gone.csv")


@pytest.mark.parametrize(
    ("parameter", "value", "expected"),
    [
        ("segmentation.counts.largest", "three", ("counts.largest", "three")),
        ("segmentatoin.processes", "1", ("segmentatoin",)),
        ("data_processing.minimum_transactions", "-1", ("minimum_transactions", "-1")),
    ],
)
def test_a_bad_parameter_stops_every_pipeline_by_its_key(
    kedro, tmp_path, parameter, value, expected
):
    result = kedro("--pipelines", "data_processing", **{parameter: value})
    assert_refused(result, tmp_path, *expected)
    assert "nodes to run" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--pipelines", "segmentatoin"), "there are: data_processing"),
        (("--tags", "no_such_tag"), "no tag 'no_such_tag'"),
        (("--nodes", "no_such_node"), "no_such_node"),
        (("--env", "no_such_env"), "no_such_env"),
        (("--runner", "NoSuchRunner"), "NoSuchRunner"),
        (("--runner", "no_such_package.Runner"), "no_such_package"),
        (("--runner", ".Runner"), "'.Runner'"),
        (("--runner", "pandas.DataFrame"), "no runner"),
        (("--pipelines", "reporting"), "kedro run"),  # what it reads was not written yet
    ],
)
def test_a_request_that_cannot_be_met_is_one_message(kedro, tmp_path, arguments, expected):
    assert_refused(kedro(*arguments), tmp_path, expected)


@pytest.mark.parametrize("blocked", ["a_file", "a_file/below", "/dev/null/x", "/proc/nope"])
def test_an_output_folder_that_cannot_be_is_one_message(kedro, tmp_path, blocked):
    (tmp_path / "a_file").write_text("mine")
    data_root = str(tmp_path / blocked)  # the last two are absolute
    result = kedro("--pipelines", "data_processing", data_root=data_root)
    assert_refused(result, tmp_path, data_root, "could not be written", "data_root=FOLDER")
    assert (tmp_path / "a_file").read_text() == "mine"


SPOILT_FILES = {
    "an open bracket": ("parameters_x.yml", b"a: [1, 2", "expected ',' or ']'"),
    "a tab": ("catalog_x.yml", b"a:\n\tb: 1\n", "'\\t'"),
    "a key twice": ("parameters_x.yml", b"a: 1\na: 2\n", "duplicate key a"),
    "an unknown alias": ("catalog_x.yml", b"a: *b\n", "undefined alias 'b'"),
    "a list": ("parameters_x.yml", b"- a\n", "holds a list"),
    "a list of globals": ("globals_x.yml", b"- a\n", "holds a list"),
    "no utf-8": ("parameters_x.yml", b"a: \xff\xfe\n", "can't decode byte 0xff"),
}


@pytest.mark.parametrize(("name", "content", "reason"), SPOILT_FILES.values(), ids=SPOILT_FILES)
def test_a_damaged_configuration_is_refused_by_its_file(
    kedro, tmp_path, conf, name, content, reason
):
    file = conf / "base" / name
    file.write_bytes(content)
    assert_refused(kedro("--conf-source", str(conf)), tmp_path, str(file), reason)


@pytest.mark.parametrize(
    ("name", "old", "new", "parts"),
    [
        (
            *("globals.yml", "dmba,", "no_such_package,"),
            ("Error: The configuration asks for", "'no_such_package', but it is not installed"),
        ),
        ("catalog_data_processing.yml", "globals:panel_file", "globals:rot", ("'rot'", "filepath")),
    ],
)
def test_a_value_that_leads_nowhere_is_told(kedro, tmp_path, conf, name, old, new, parts):
    file = conf / "base" / name
    file.write_text(file.read_text().replace(old, new))
    assert_refused(kedro("--conf-source", str(conf)), tmp_path, *parts)


def test_a_damaged_file_of_arguments_is_one_message(kedro, tmp_path):
    file = tmp_path / "arguments.yml"
    file.write_text("run: [")
    assert_refused(kedro("--config", str(file)), tmp_path, "arguments.yml")


def test_a_table_that_breaks_its_schema_is_told_by_dataset_and_column():
    table = {"type": "MemoryDataset", "validator": "customer_segmentation.tables.Households"}
    catalog = DataCatalog.from_config({"households": table})
    repeated = pd.DataFrame({"household_id": [1, 1]})
    command = ReadableCommand("run", callback=lambda: catalog.save("households", repeated))
    result = CliRunner().invoke(command)
    assert result.exit_code == 1
    assert "dataset 'households'" in result.stderr
    assert "household_id" in result.stderr
    assert len(result.stderr.splitlines()) <= MAX_LINES


@pytest.mark.parametrize("folder", [".", "src"])
def test_the_shell_sees_one_message_and_a_failure(project, tmp_path, folder):
    """The same from outside: exit code, streams and logging as a person meets them."""
    file = tmp_path / "empty.csv"
    file.touch()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "kedro", "run", "--pipelines", "data_processing"),
            *("--params", f"data_root={tmp_path / 'data'},panel_file={file}"),
        ],
        capture_output=True,
        check=False,
        cwd=project / folder,
        env={**os.environ, "DO_NOT_TRACK": "1"},
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "empty.csv" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert len((done.stdout + done.stderr).splitlines()) <= MAX_LINES
    assert not (tmp_path / "data").exists()


def raising(error: BaseException, cause: BaseException | None = None) -> ReadableCommand:
    def fail() -> None:
        raise error from cause

    return ReadableCommand("run", callback=fail)


def test_a_readable_error_is_found_behind_others():
    command = raising(DatasetError("Failed while loading"), ReadableError("line 3: say what to do"))
    result = CliRunner().invoke(command)
    assert (result.exit_code, result.stderr) == (1, "Error: line 3: say what to do\n")


@pytest.mark.parametrize("error", [KeyError("oops"), ValueError("oops"), OSError("oops")])
def test_a_bug_keeps_its_traceback(error):
    result = CliRunner().invoke(raising(error))
    assert result.exception is error
    assert result.stderr == ""
    shown = "".join(traceback.format_exception(error))
    assert shown.rstrip().endswith("with the command that you typed and the lines above.")


def test_a_bug_inside_a_dataset_keeps_its_traceback():
    error = DatasetError("Failed while saving")
    assert CliRunner().invoke(raising(error, TypeError("oops"))).exception is error


def test_a_disk_that_is_full_is_a_message():
    error = DatasetError("Failed while saving")
    result = CliRunner().invoke(raising(error, OSError(28, "No space left on device", "a.parquet")))
    assert result.exit_code == 1
    assert "No space left" in result.stderr
    assert "a.parquet" in result.stderr


def test_an_error_that_was_handled_on_the_way_is_not_the_reason():
    reason = OSError(30, "Read-only file system")
    reason.__context__ = FileNotFoundError(2, "No such file or directory")
    result = CliRunner().invoke(raising(DatasetError("Failed while saving"), reason))
    assert result.stderr == "Error: [Errno 30] Read-only file system\n"


def test_a_long_message_is_cut():
    message = message_for(ReadableError("\n".join(map(str, range(100)))))
    assert message is not None
    assert len(message.splitlines()) <= MAX_LINES


def test_the_command_keeps_every_option_of_kedro():
    assert cli.commands["run"] is run
    assert isinstance(run, click.Command)
    assert run.params == kedro_run.params


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--tags", "report"], ["'report'", "reporting", "segmentation"]),
        (["--nodes", "draw_segment_map"], ["Did you mean reporting.segments.draw_segment_map?"]),
        (["--nodes", "segmentation.measure_size"], ["segmentation.profiles.measure_sizes"]),
        (["--nodes", "zzz"], ["names each node"]),
        (["--namespaces", "modelling.uses"], ["no namespace", "Did you mean modelling.use"]),
    ],
)
def test_a_part_that_does_not_exist_is_answered_with_those_that_do(
    kedro, tmp_path, arguments, parts
):
    assert_refused(kedro(*arguments), tmp_path, *parts)


def test_tags_and_nodes_that_exist_are_no_problem(project):
    check_names(["reporting"], ["reporting.render_report"], ["modelling.use", "segmentation"])
    check_names([], [])
