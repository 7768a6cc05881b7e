"""What joins the rooms: names, parameters, the catalog, and the purity of every node."""

from __future__ import annotations

import ast
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kedro.framework.project import pipelines
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from customer_segmentation.classification.models import CLASSIFIERS, PROCEDURE
from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.parameters import Parameters
from customer_segmentation.pipeline_registry import ON_REQUEST
from tests.conftest import PROJECT, ProjectRun, load_config, open_session

SOURCE = PROJECT / "src" / "customer_segmentation"
STAGES = ("data_processing", "segmentation", "modelling", "reporting")
EVERY = (*STAGES, *sorted(ON_REQUEST))


@pytest.fixture(scope="module")
def registered(project: Path) -> dict[str, Pipeline]:
    pipelines.set_requested(None)
    return dict(pipelines)


@pytest.fixture(scope="module")
def whole(registered: dict[str, Pipeline]) -> Pipeline:
    """Every pipeline there is, those run on request among them."""
    return sum((registered[name] for name in EVERY), start=Pipeline([]))


@pytest.fixture(scope="module")
def nodes(whole: Pipeline) -> list[Node]:
    return list(whole.nodes)


@pytest.fixture(scope="module")
def catalog(project: Path) -> DataCatalog:
    return DataCatalog.from_config(load_config()["catalog"])


def kept(pipeline: Pipeline, catalog: DataCatalog) -> dict[str, Any]:
    """The datasets of a pipeline that the catalog has, by entry or by pattern."""
    return {name: catalog[name] for name in data_of(pipeline.datasets()) if name in catalog}


def data_of(names: set[str]) -> set[str]:
    return {name for name in names if name != "parameters" and not name.startswith("params:")}


def test_the_stages_are_all_there_and_make_up_the_default_run(registered):
    assert set(registered) == {*EVERY, "__default__"}
    assert set(registered["__default__"].nodes) == {n for s in STAGES for n in registered[s].nodes}


def test_node_names_are_unique(nodes):
    names = [node.name for node in nodes]
    assert len(names) == len(set(names)) > len(STAGES)


def test_a_node_is_named_after_its_function(nodes):
    wrong = [n.name for n in nodes if n.name.rpartition(".")[2] != n.func.__name__]
    assert wrong == []  # which no lambda can pass


def test_a_node_with_several_inputs_takes_them_by_keyword(nodes):
    wrong = [n.name for n in nodes if len(n.inputs) > 1 and not isinstance(n._inputs, dict)]
    assert wrong == []


def test_a_node_can_be_sent_to_another_process(nodes):
    assert [n.name for n in nodes if pickle.loads(pickle.dumps(n)).name != n.name] == []


def test_a_node_returns_something(nodes):
    assert [node.name for node in nodes if not node.outputs] == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_tag_and_a_name_mean_the_same_nodes(registered, stage):
    assert set(registered["__default__"].only_nodes_with_tags(stage).nodes) == set(
        registered[stage].nodes
    )


def test_what_runs_on_request_is_tagged_by_its_name(registered):
    untagged = [n.name for name in ON_REQUEST for n in registered[name].nodes if n.tags != {name}]
    assert untagged == []


def crossing(registered: dict[str, Pipeline]) -> set[str]:
    """What a pipeline reads and does not make itself."""
    return set().union(*(data_of(registered[name].inputs()) for name in EVERY))


def test_each_stage_runs_alone_because_what_it_reads_is_persisted(registered, catalog):
    volatile = [
        name
        for name in sorted(crossing(registered))
        if name not in catalog or isinstance(catalog[name], MemoryDataset)
    ]
    assert volatile == []


def test_every_result_is_persisted(registered, catalog):
    results = set().union(*(registered[name].outputs() for name in EVERY))
    assert [name for name in sorted(results) if name not in catalog] == []


def test_the_catalog_has_no_entry_that_nobody_uses(whole, catalog):
    used = data_of(whole.datasets())
    assert [name for name in sorted(catalog.keys()) if name not in used] == []


def test_every_dataset_has_a_layer_and_lies_in_its_folder(whole, catalog):
    for name, dataset in kept(whole, catalog).items():
        layer = dataset.metadata["kedro-viz"]["layer"]
        if layer != "01_raw":  # files of others lie anywhere
            folder = dataset._filepath.parts[1]
            assert layer == folder, f"{name}: layer {layer} in {folder}"
            assert (PROJECT / "data" / folder / ".gitkeep").exists()


def test_the_patterns_of_the_catalog_take_figures_and_what_the_models_answer(whole, catalog):
    *patterns, _ = catalog.config_resolver.list_patterns()  # the last one is Kedro's
    match = catalog.config_resolver.match_dataset_pattern
    names = data_of(whole.datasets()) - set(load_config()["catalog"])
    matched = {pattern: {n for n in names if match(n) == pattern} for pattern in patterns}
    models = {*CLASSIFIERS, "baseline", PROCEDURE, "source_study"}
    assert matched == {
        "{name}_figure": {name for name in names if name.endswith("_figure")},
        "{model}_predictions": {f"{model}_predictions" for model in models},
        "{model}_tuning": {f"{model}_tuning" for model in CLASSIFIERS},
        "{model}_losses": {f"{model}_losses" for model in CLASSIFIERS},
    }
    assert "segment_map_figure" in matched["{name}_figure"]


def test_data_never_flow_back_to_an_earlier_layer(whole, catalog):
    # Kedro-viz shows no layers at all if they cannot be put in order.
    held, reached = kept(whole, catalog), dict[str, str]()
    layers = {name: entry.metadata["kedro-viz"]["layer"] for name, entry in held.items()}
    for node in whole.nodes:
        before = max((reached.get(name, "") for name in node.inputs), default="")
        for name in node.outputs:
            reached[name] = layers.get(name, before)
            assert reached[name] >= before, f"{node.name} leads back to {name}"
        for name in set(node.inputs) & set(layers):
            reached.setdefault(name, layers[name])


def test_declared_parameters_are_used_parameters(whole):
    used = {name.removeprefix("params:") for name in whole.inputs() if name.startswith("params:")}
    serving = "service"  # which `kedro serve` takes
    assert used | {serving} == set(load_config()["parameters"])  # whole keys: no node takes a leaf
    assert serving not in used


def test_a_run_may_replace_the_paths_that_the_catalog_asks_for():
    text = "".join(file.read_text() for file in (PROJECT / "conf").rglob("*.yml"))
    asked = set(re.findall(r"\$\{runtime_params:(\w+)", text))
    optional = {n for n, field in Parameters.model_fields.items() if not field.is_required()}
    assert asked == optional


def strings_of(file: Path) -> Iterator[tuple[int, str]]:
    """Every string literal of a module, docstrings aside."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    prose = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    for literal in ast.walk(tree):
        if isinstance(literal, ast.Constant) and id(literal) not in prose:
            yield literal.lineno, str(literal.value)


def column_literals(files: Iterator[Path], codebook: Codebook) -> list[str]:
    # These two stand in public tables under the same name whatever the panel.
    public = {codebook.identifier, codebook.column(Role.THIN_RECORD)}
    names = {variable.name for variable in codebook.variables} - public
    raw = {field.raw_name for field in codebook.fields}
    forbidden = names | raw | {" ".join(name.split()) for name in raw}
    return [
        f"{file.name}:{line} {text!r}"
        for file in files
        for line, text in strings_of(file)
        if text in forbidden
    ]


def test_no_string_in_the_code_is_a_column_name(codebook):
    assert column_literals(SOURCE.rglob("*.py"), codebook) == []


def test_a_column_name_in_the_code_would_be_found(codebook, tmp_path):
    variable = codebook.derived[0].name
    module = tmp_path / "module.py"
    module.write_text(f'"""{variable}"""\ncolumn = table["{variable}"]\n')
    assert column_literals(iter([module]), codebook) == [f"module.py:2 {variable!r}"]


def test_no_node_changes_what_it_is_given(project_run: ProjectRun, registered: dict[str, Pipeline]):
    run = [node.name for node in registered["__default__"].nodes]
    assert project_run.probe.changed == []
    assert sorted(project_run.probe.nodes) == sorted(run)


def differing_files(one: Path, other: Path) -> list[str]:
    """Files that only one of two folders has, or that are not equal to the byte."""
    files = {path.relative_to(root) for root in (one, other) for path in root.rglob("*.*")}
    return [
        str(file)
        for file in sorted(files)
        if not all((root / file).is_file() for root in (one, other))
        or (one / file).read_bytes() != (other / file).read_bytes()
    ]


@pytest.mark.slow
def test_stages_run_one_by_one_write_the_same_bytes(project_run: ProjectRun, tmp_path: Path):
    """Each stage alone, from files only, and a second run: equal to the byte."""
    for stage in STAGES:
        open_session("test", data_root=tmp_path.as_posix()).run(pipeline_names=[stage])
    assert differing_files(tmp_path, project_run.data_root) == []


@pytest.mark.slow
def test_nodes_in_processes_of_their_own_write_the_same_bytes(project_run, tmp_path):
    """Processes are started from the command line: none has computed anything before."""
    parallel, plain = tmp_path / "parallel", tmp_path / "plain"
    command = [sys.executable, "-m", "kedro", "run", "--env", "test", "--runner", "ParallelRunner"]
    to_parallel = ["--params", f"data_root={parallel}"]
    subprocess.run([*command, *to_parallel], cwd=PROJECT, check=True)
    assert differing_files(parallel, project_run.data_root) == []
    shutil.copytree(parallel, plain)
    subprocess.run([*command, *to_parallel, "--pipelines", "scoring"], cwd=PROJECT, check=True)
    open_session("test", data_root=plain.as_posix()).run(pipeline_names=["scoring"])
    assert (parallel / "07_model_output" / "household_scores.parquet").is_file()
    assert differing_files(parallel, plain) == []


def test_every_table_figure_and_page_can_be_looked_at_in_the_lineage(registered, catalog):
    files = kept(registered["__default__"], catalog)
    blind = {name for name, dataset in files.items() if not hasattr(dataset, "preview")}
    assert blind == {"segmenter", "scoring_bundle"}  # for programs only
    assert {"model_card", "segmentation_report", "households_exploration"} <= set(files)


def test_the_map_opens_on_a_box_for_each_pipeline_and_reporting_on_its_chapters(registered):
    names = [node.namespace for node in registered["__default__"].nodes]
    assert {name.partition(".")[0] for name in names} == set(STAGES)
    assert len({name for name in names if name.startswith("reporting.")}) == 8


@pytest.mark.parametrize("stage", STAGES)
def test_a_pipeline_that_is_opened_on_the_map_shows_few_boxes(registered, stage):
    """What one screen shows readably: a box in a namespace within stands for all its steps."""
    within = {node.name.split(".")[1] for node in registered[stage].nodes}
    assert 1 < len(within) <= 10
