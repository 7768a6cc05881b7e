"""The Flask application."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from flask import Flask, Request

from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.service import api, pages, try_it
from customer_segmentation.service.context import NAME, Service
from customer_segmentation.service.front import Front
from customer_segmentation.service.metrics import Metrics
from customer_segmentation.service.models import Models
from customer_segmentation.service.parameters import ServiceParameters
from customer_segmentation.service.replies import tell_errors
from customer_segmentation.service.security import Access


class _Request(Request):
    """A request whose file stays in memory: no body is large, and a disk would keep traces."""

    def _get_file_stream(self, *_: Any, **__: Any) -> BytesIO:
        return BytesIO()


def create_app(
    parameters: ServiceParameters,
    models: Models,
    access: Access,
    reporting: ReportingParameters,
) -> Flask:
    """Make an application; it starts no thread and loads no model.

    Args:
        parameters: Its limits.
        models: Where its model comes from.
        access: Who may ask it.
        reporting: Names and colours of its pages.
    """
    app = Flask(__name__)
    app.request_class = _Request
    metrics = Metrics(models)
    app.extensions[NAME] = Service(parameters, models, access, metrics)
    app.config.update(
        DEBUG=False,  # whatever the environment says
        MAX_CONTENT_LENGTH=parameters.body_bytes,
        PROVIDE_AUTOMATIC_OPTIONS=False,
    )
    app.url_map.merge_slashes = False  # a path is right or unknown; nobody is sent elsewhere
    tell_errors(app)
    app.register_blueprint(api.create_blueprint())
    app.register_blueprint(try_it.create_blueprint())
    app.register_blueprint(pages.create_blueprint(reporting))
    app.wsgi_app = Front(app.wsgi_app, access, metrics)  # type: ignore[method-assign]
    return app
