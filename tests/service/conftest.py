"""What the tests of the service share."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from customer_segmentation.parameters import Parameters
from customer_segmentation.service.app import create_app
from customer_segmentation.service.models import Models
from customer_segmentation.service.security import Access
from tests.conftest import ProjectRun


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
