"""What the tests of the service share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from customer_segmentation.cli import serve
from customer_segmentation.parameters import Parameters
from customer_segmentation.scorer.bundle import ScoringBundle
from customer_segmentation.scorer.storage import load_bundle
from customer_segmentation.service.app import create_app
from customer_segmentation.service.middleware import Access
from customer_segmentation.service.models import Models
from customer_segmentation.service.parameters import ServiceParameters
from tests.conftest import ProjectRun
from tests.service.running import RunningService


class Client(FlaskClient):
    """Takes every response to its end, as a server does, so that it is counted and logged."""

    def open(self, *args: Any, buffered: bool = True, **more: Any) -> TestResponse:
        """Ask."""
        return super().open(*args, buffered=buffered, **more)


TOKEN = "correct-horse-battery"
HERE = Access(frozenset({"localhost"}))


@pytest.fixture(scope="session")
def service_bundle(project_run: ProjectRun) -> Path:
    """The folder of a bundle that a run has written; not to be changed."""
    return project_run.data_root / "07_model_output" / "scoring_bundle"


@pytest.fixture(scope="session")
def bundle(service_bundle: Path) -> ScoringBundle:
    """The same, loaded."""
    return load_bundle(service_bundle)


@pytest.fixture(scope="session")
def _models(service_bundle: Path) -> Models:
    models = Models(service_bundle)
    models.refresh()
    return models


@pytest.fixture
def models(service_bundle: Path, _models: Models) -> Models:
    """Holds the model of that bundle."""
    models = Models(service_bundle)
    models.current, models.loaded = _models.current, 1
    return models


@pytest.fixture(scope="session")
def limits(parameters: Parameters) -> ServiceParameters:
    """The limits of an ordinary service."""
    return parameters.service


Open = Callable[..., Flask]


@pytest.fixture(scope="session")
def open_app(limits: ServiceParameters, parameters: Parameters) -> Open:
    """Make the service of some models, for whom one likes."""

    def make(models: Models, access: Access = HERE) -> Flask:
        app = create_app(limits, models, access, parameters.reporting)
        app.test_client_class = Client
        return app

    return make


@pytest.fixture(scope="session")
def app(_models: Models, open_app: Open) -> Flask:
    """The service on loopback, as a user starts it; all tests share it and its compiled pages."""
    return open_app(_models)


@pytest.fixture(scope="session")
def client(app: Flask) -> FlaskClient:
    """Asks the service without a server between."""
    return app.test_client()


@pytest.fixture(scope="session")
def closed(_models: Models, open_app: Open) -> FlaskClient:
    """Asks a service that wants a token."""
    return open_app(_models, Access(frozenset({"localhost"}), TOKEN)).test_client()


@pytest.fixture(scope="session")
def household(bundle: ScoringBundle) -> dict[str, Any]:
    """A typical household of which everything is known; not to be changed."""
    codebook, example = bundle.codebook, bundle.examples[0]
    return {
        name: int(value) if codebook.field(name).is_whole else value
        for name, value in example.values.items()
    }


@pytest.fixture(scope="session")
def known_to(bundle: ScoringBundle, household: dict[str, Any]) -> Callable[[str], dict[str, Any]]:
    """What an information set needs to know of the household."""
    fields = {route.information_set: route.inputs.fields for route in bundle.routes}
    return lambda name: {field: household[field] for field in fields[name]}


Start = Callable[..., RunningService]


@pytest.fixture
def start(tmp_path: Path, service_bundle: Path) -> Iterator[Start]:
    """Start the command; whatever still runs after the test is ended."""
    running: list[RunningService] = []

    def begin(
        *options: str, data_root: Path = service_bundle.parents[1], **more: Any
    ) -> RunningService:
        running.append(
            RunningService(data_root, tmp_path / f"{len(running)}.log", *options, **more)
        )
        return running[-1]

    yield begin
    for each in running:
        each.kill()


@pytest.fixture(scope="session")
def service(
    service_bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    """A service that all tests share which leave it as it is."""
    log = tmp_path_factory.mktemp("service") / "lines.log"
    running = RunningService(service_bundle.parents[1], log)
    yield running.wait_ready()
    running.kill()


@pytest.fixture
def kedro_serve(project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Call the command in this process; it must not come to serving."""
    monkeypatch.delenv("CUSTOMER_SEGMENTATION_TOKEN", raising=False)
    monkeypatch.setattr("customer_segmentation.service.server.serve", forbid)
    return lambda *options: CliRunner().invoke(serve, options)


def forbid(*_: object) -> None:
    """What must not be called."""
    raise AssertionError("it would serve")
