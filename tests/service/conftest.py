"""What the tests of the service share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from customer_segmentation.parameters import Parameters
from customer_segmentation.service.app import create_app
from customer_segmentation.service.models import Models
from customer_segmentation.service.security import Access
from tests.conftest import ProjectRun
from tests.service.browser import Browser


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Headless Chromium; where there is none, the test is skipped."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and chromedriver):
        pytest.skip("there is no chromium with its chromedriver; Debian has both as packages")
    browser = Browser(chromium, chromedriver, tmp_path_factory.mktemp("browser"))
    yield browser
    browser.driver.quit()


@pytest.fixture(scope="session")
def service_bundle(project_run: ProjectRun) -> Path:
    """The folder of a bundle that a run has written; not to be changed."""
    return project_run.data_root / "07_model_output" / "scoring_bundle"


@pytest.fixture
def models(service_bundle: Path) -> Models:
    """Holds the model of that bundle."""
    models = Models(service_bundle)
    models.refresh()
    return models


@pytest.fixture
def app(models: Models, parameters: Parameters) -> Flask:
    """The service on loopback, as a user starts it."""
    return create_app(parameters.service, models, Access(frozenset({"localhost"})))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Asks the service without a server between."""
    return app.test_client()
