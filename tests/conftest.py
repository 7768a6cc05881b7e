"""What all tests share: the codebook, the panel, and one run of the whole project."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from kedro.config import OmegaConfigLoader
from kedro.framework.hooks import hook_impl
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import CatalogProtocol
from kedro.pipeline.node import Node
from pydantic import BaseModel

from customer_segmentation import settings
from customer_segmentation.cli import run
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.contract import validate_households
from customer_segmentation.panel.features import derive_household_features
from customer_segmentation.panel.reader import read_panel_file
from customer_segmentation.parameters import Parameters, check_parameters
from tests.browser import Browser

PROJECT = Path(__file__).parents[1]


def load_config(env: str | None = None, **runtime_params: str) -> OmegaConfigLoader:
    """The project's configuration, as Kedro reads it in an environment."""
    return settings.CONFIG_LOADER_CLASS(
        str(PROJECT / "conf"), env, runtime_params, **settings.CONFIG_LOADER_ARGS
    )


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's folder, known to Kedro."""
    os.environ["DO_NOT_TRACK"] = "1"
    bootstrap_project(PROJECT)
    return PROJECT


@pytest.fixture(scope="session")
def parameters() -> Parameters:
    """The parameters of an ordinary run."""
    return check_parameters(load_config()["parameters"])


@pytest.fixture(scope="session")
def codebook(parameters: Parameters) -> Codebook:
    """The codebook of the CRISA panel."""
    return parameters.codebook


@pytest.fixture(scope="session")
def panel_file() -> Path:
    """The panel file inside the installed package."""
    return Path(load_config()["globals"]["panel_file"])


@pytest.fixture(scope="session")
def _panel_rows(panel_file: Path) -> pd.DataFrame:
    return read_panel_file(panel_file)


@pytest.fixture(scope="session")
def _households(_panel_rows: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    return validate_households(_panel_rows, codebook)


@pytest.fixture(scope="session")
def _features(_households: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    return derive_household_features(_households, parameters.codebook, parameters.data_processing)


@pytest.fixture
def panel_rows(_panel_rows: pd.DataFrame) -> pd.DataFrame:
    """The panel as text; a copy that the test may change."""
    return _panel_rows.copy()


@pytest.fixture
def households(_households: pd.DataFrame) -> pd.DataFrame:
    """The typed households; a copy that the test may change."""
    return _households.copy()


@pytest.fixture
def features(_features: pd.DataFrame) -> pd.DataFrame:
    """The derived variables and flags; a copy that the test may change."""
    return _features.copy()


@pytest.fixture
def kedro(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`kedro run` in this process, writing into the test's folder `data`."""
    monkeypatch.chdir(project)

    def kedro_run_with(*arguments: str, **parameters: str) -> Result:
        parameters = {"data_root": str(tmp_path / "data"), **parameters}
        pairs = ",".join(f"{key}={value}" for key, value in parameters.items())
        return CliRunner().invoke(run, [*arguments, "--params", pairs])

    return kedro_run_with


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A copy of the project's configuration; the test may spoil it."""
    return Path(shutil.copytree(PROJECT / "conf", tmp_path / "conf"))


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Headless Chromium; where there is none, the test is skipped."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and chromedriver):
        pytest.skip("there is no chromium with its chromedriver; Debian has both as packages")
    browser = Browser(chromium, chromedriver, tmp_path_factory.mktemp("browser"))
    yield browser
    browser.driver.quit()


@pytest.fixture
def look(browser: Browser) -> Iterator[Browser]:
    """The same, and afterwards as it was."""
    yield browser
    browser.reset()


def fingerprint(value: Any) -> str:
    """A digest that changes with any visible part of a node's input."""
    if isinstance(value, BaseModel):  # its caches are no part of it
        return value.model_dump_json()
    if isinstance(value, Mapping):
        return str({key: fingerprint(item) for key, item in value.items()})
    if isinstance(value, pd.DataFrame):
        rows = pd.util.hash_pandas_object(value).tolist()
        return str((rows, list(value.columns), value.dtypes.tolist(), value.attrs))
    return str(joblib.hash(value))


@dataclass
class PurityProbe:
    """Compares the inputs of each node before and after it ran."""

    before: dict[str, str] = field(default_factory=dict)
    nodes: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    @hook_impl
    def before_node_run(self, node: Node, inputs: dict[str, Any]) -> None:
        self.before = {name: fingerprint(value) for name, value in inputs.items()}

    @hook_impl
    def after_node_run(self, node: Node, inputs: dict[str, Any]) -> None:
        self.nodes.append(node.name)
        self.changed += [
            f"{node.name} changed {name}"
            for name, value in inputs.items()
            if fingerprint(value) != self.before[name]
        ]


@dataclass(frozen=True)
class ProjectRun:
    """What one `kedro run --env test` wrote, and what was seen on the way."""

    data_root: Path
    catalog: CatalogProtocol[Any, Any]
    probe: PurityProbe
    parameters: Parameters

    def load(self, name: str) -> Any:
        """Load a dataset through the catalog, as another program would."""
        return self.catalog.load(name)


def open_session(
    env: str | None = None, conf_source: str | None = None, **runtime_params: Any
) -> KedroSession:
    """A session of the project, as `kedro run --env ... --params ...` opens one."""
    return KedroSession.create(
        PROJECT, env=env, conf_source=conf_source, runtime_params=runtime_params
    )


@pytest.fixture(scope="session")
def project_run(
    project: Path, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> ProjectRun:
    """The whole project, run once on small budgets into a folder that all workers share."""
    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent
    data_root, seen = shared / "project_run", shared / "project_run.json"
    with (shared / "project_run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until the file is closed
        if not seen.exists():
            probe = PurityProbe()
            session = open_session("test", data_root=data_root.as_posix())
            session._hook_manager.register(probe)
            session.run()
            seen.write_text(json.dumps(asdict(probe)))
    context = open_session("test", data_root=data_root.as_posix()).load_context()
    parameters = check_parameters(context.config_loader["parameters"])
    probe = PurityProbe(**json.loads(seen.read_text()))
    return ProjectRun(data_root, context.catalog, probe, parameters)
