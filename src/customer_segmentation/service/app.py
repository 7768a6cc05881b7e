"""The Flask application."""

from __future__ import annotations

import logging
from importlib.resources import files
from io import BytesIO
from typing import Any

from flask import Flask, Request, Response, abort, render_template, send_from_directory
from werkzeug.exceptions import HTTPException

from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.service.api import api
from customer_segmentation.service.middleware import (
    Access,
    Metrics,
    RequestMiddleware,
    current_request,
    describe_error,
    reply,
    reply_refusal,
)
from customer_segmentation.service.models import Models
from customer_segmentation.service.pages import pages
from customer_segmentation.service.parameters import ServiceParameters

logger = logging.getLogger(__name__)

SORRY = "The service could not answer. The fault is its own, and it has been logged."
SWAGGER_FILES = frozenset({"favicon-32x32.png", "swagger-ui-bundle.js", "swagger-ui.css"})


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
    """Make an application; it starts no thread and loads no model."""
    app = Flask(__name__)
    app.request_class = _Request
    app.config.update(
        DEBUG=False,  # whatever the environment says
        MAX_CONTENT_LENGTH=parameters.body_bytes,
        PROVIDE_AUTOMATIC_OPTIONS=False,
    )
    app.url_map.merge_slashes = False  # a path is right or unknown; nobody is sent elsewhere
    app.jinja_env.globals["reporting"] = reporting
    app.register_error_handler(HTTPException, _show_refusal)
    app.register_error_handler(Exception, _show_error)
    app.register_blueprint(api)
    app.register_blueprint(pages)
    app.get("/docs")(try_api)
    app.get("/docs/<name>")(send_swagger_file)
    app.wsgi_app = RequestMiddleware(  # type: ignore[method-assign]
        app.wsgi_app, parameters, models, access, reporting, Metrics(models)
    )
    return app


def try_api() -> str:
    """The page on which a person tries the API: Swagger UI's own files around the description.

    All that it does is in files, because the policy allows no inline script.
    """
    return render_template("try_it.html")


def send_swagger_file(name: str) -> Response:
    """A file of Swagger UI, of those that the page needs."""
    if name not in SWAGGER_FILES:
        abort(404)
    return send_from_directory(str(files("flask_swagger_ui") / "dist"), name)


def _show_refusal(error: HTTPException) -> Response:
    return reply_refusal(error, current_request().request_id)


def _show_error(error: Exception) -> Response:
    request_id = current_request().request_id
    found_by = {"fields": {"request_id": request_id}}
    logger.error("a request met a fault", exc_info=error, extra=found_by)
    return reply(describe_error(500, SORRY, request_id), 500)
