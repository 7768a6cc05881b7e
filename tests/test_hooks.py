"""Parameters are checked before anything runs; each finished node is one line."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from collections.abc import Iterator

import pytest
from kedro.framework.project import LOGGING, pipelines
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline, node
from kedro.runner import SequentialRunner

from customer_segmentation.hooks import Interruption, RunReport
from customer_segmentation.parameters import ParameterError
from tests.conftest import open_session


@pytest.mark.parametrize("env", [None, "test"])
def test_the_parameters_of_the_project_are_accepted(project, env):
    assert open_session(env).load_context().env == env


@pytest.mark.parametrize("env", ["base", "mine"])
def test_a_global_that_nothing_uses_is_refused(project, conf, env):
    (conf / "mine").mkdir()
    (conf / env / "globals_typo.yml").write_text("data_roots: elsewhere\n")
    with pytest.raises(ParameterError, match=r"data_roots\..* data_root,"):
        open_session("mine", conf_source=str(conf)).load_context()


def test_a_global_of_an_environment_is_known_when_its_files_use_it(project, conf):
    (conf / "mine").mkdir()
    (conf / "mine" / "globals.yml").write_text("panel_years: 2\n")
    (conf / "mine" / "catalog.yaml").write_text(
        "x: {type: MemoryDataset, data: '${globals:panel_years}'}\n"
    )
    assert open_session("mine", conf_source=str(conf)).load_context().env == "mine"


@pytest.mark.parametrize(("chosen", "expected"), [(None, True), ("my_logging.yml", False)])
def test_the_logging_of_the_project_is_found_from_anywhere(
    project, tmp_path, monkeypatch, chosen, expected
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KEDRO_LOGGING_CONFIG", raising=False)
    if chosen:
        monkeypatch.setenv("KEDRO_LOGGING_CONFIG", chosen)
    configured = []
    monkeypatch.setattr(type(LOGGING), "configure", lambda _, config: configured.append(config))
    open_session().load_context()
    assert [config["root"]["handlers"] for config in configured] == [["console"]] * expected


def test_the_check_needs_no_pipeline(project, monkeypatch):
    """Kedro's own check knows only the keys in use, once it has imported the pipelines."""
    monkeypatch.setattr(type(pipelines), "_load_data", lambda _: pytest.fail("imported"))
    with pytest.raises(ParameterError):
        open_session(modelling="nothing").load_context()


def test_the_paths_of_a_run_are_no_unknown_parameters(project):
    paths = {"data_root": "elsewhere", "panel_file": "panel.csv"}
    parameters = open_session(**paths).load_context().config_loader["parameters"]
    assert paths.items() <= parameters.items()


def double(number: int) -> int:
    return 2 * number


def split(number: int) -> tuple[int, int]:
    return number, number


PIPELINE = Pipeline(
    [
        node(double, inputs="one", outputs="two", name="double"),
        node(split, inputs="two", outputs=["three", "four"], name="split"),
    ]
)


def run_pipeline(**inputs: object) -> None:
    catalog = DataCatalog({name: MemoryDataset(data) for name, data in inputs.items()})
    SequentialRunner().run(PIPELINE, catalog, open_session()._hook_manager)


def endings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage().partition(" s  ")[2] for record in caplog.records]


def test_each_finished_node_is_one_line(project, caplog):
    caplog.set_level(logging.INFO, "customer_segmentation.hooks")
    run_pipeline(one=1)
    assert endings(caplog) == ["double", "split"]


def test_ctrl_c_that_a_node_swallows_stops_the_run_before_the_next(project):
    report, (first, second) = RunReport(), PIPELINE.nodes
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        report.before_pipeline_run(PIPELINE, DataCatalog())
        report.before_node_run(first)
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            report.before_node_run(second)
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_node_that_stops_a_run_is_named(project, caplog):
    caplog.set_level(logging.INFO, "customer_segmentation.hooks")
    with pytest.raises(TypeError):
        run_pipeline(one=object())
    assert endings(caplog) == ["double stopped"]


@pytest.fixture
def interruption() -> Iterator[Interruption]:
    """One that listens, in a program that Ctrl+C ends."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    listening = Interruption()
    listening.listen()
    yield listening
    signal.signal(signal.SIGINT, before)


def press_and_swallow() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_is_raised_where_it_is_pressed(interruption):
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    interruption.stop()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_that_was_swallowed_is_raised_again(interruption):
    interruption.check()
    press_and_swallow()
    with pytest.raises(KeyboardInterrupt):
        interruption.check()
    interruption.listen()  # a run of its own
    interruption.check()


def test_what_belongs_to_others_is_left_alone():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        other = Interruption()
        other.listen()
        other.stop()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
