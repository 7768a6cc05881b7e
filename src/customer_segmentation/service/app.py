"""The Flask application."""

from __future__ import annotations

from flask import Flask

from customer_segmentation.service import api
from customer_segmentation.service.context import NAME, Service
from customer_segmentation.service.models import Models
from customer_segmentation.service.parameters import ServiceParameters
from customer_segmentation.service.security import Access


def create_app(parameters: ServiceParameters, models: Models, access: Access) -> Flask:
    """Make an application; it starts no thread and loads no model.

    Args:
        parameters: Its limits.
        models: Where its model comes from.
        access: Who may ask it.
    """
    app = Flask(__name__)
    app.extensions[NAME] = Service(parameters, models)
    app.config["MAX_CONTENT_LENGTH"] = parameters.body_bytes
    app.register_blueprint(api.create_blueprint())
    return app
