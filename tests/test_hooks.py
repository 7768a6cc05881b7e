"""Parameters are checked before anything runs; each finished node is one line."""

from __future__ import annotations

import logging

import pytest
from kedro.framework.session import KedroSession
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline, node
from kedro.runner import SequentialRunner

from customer_segmentation.parameters import ParameterError


def load_context(project, **parameters):
    with KedroSession.create(project, runtime_params=parameters) as session:
        return session.load_context()


def test_the_parameters_of_the_project_are_accepted(project):
    assert load_context(project).env is None


@pytest.mark.parametrize(
    ("parameters", "key", "value"),
    [
        ({"segmentatoin": {"processes": 1}}, "segmentatoin", "processes"),
        ({"data_rot": "elsewhere"}, "data_rot", "elsewhere"),
        ({"segmentation": {"specification": {"segments": "three"}}}, "segments", "three"),
        ({"segmentation": {"candidates": {"pairs": 3}}}, "candidates.pairs", "3"),
        ({"data_processing": {"minimum_transactions": -1}}, "minimum_transactions", "-1"),
    ],
)
def test_a_bad_parameter_is_refused_by_key_and_value(project, parameters, key, value):
    with pytest.raises(ParameterError) as caught:
        load_context(project, **parameters)
    assert key in str(caught.value)
    assert value in str(caught.value)


def test_the_check_comes_before_kedro_reads_the_pipelines(project, monkeypatch):
    """Kedro checks only the keys in use, and only once it has imported the pipelines."""
    from kedro.framework.project import pipelines

    pipelines.set_requested(["data_processing"])
    monkeypatch.setattr(type(pipelines), "_load_data", lambda _: pytest.fail("imported"))
    with pytest.raises(ParameterError):
        load_context(project, modelling="nothing")


def test_the_paths_of_a_run_are_no_unknown_parameters(project):
    paths = {"data_root": "elsewhere", "panel_file": "panel.csv"}
    parameters = load_context(project, **paths).config_loader["parameters"]
    assert paths.items() <= parameters.items()


def double(number: int) -> int:
    return 2 * number


def split(number: int) -> tuple[int, int]:
    return number, number


def test_each_finished_node_is_one_line(project, caplog):
    pipeline = Pipeline(
        [
            node(double, inputs="one", outputs="two", name="double"),
            node(split, inputs="two", outputs=["three", "four"], name="split"),
        ]
    )
    catalog = DataCatalog({"one": MemoryDataset(1)})
    caplog.set_level(logging.INFO, "customer_segmentation.hooks")
    with KedroSession.create(project) as session:
        SequentialRunner().run(pipeline, catalog, session._hook_manager)
    lines = [record.getMessage() for record in caplog.records]
    assert [line.split()[-1] for line in lines] == ["double", "split"]
