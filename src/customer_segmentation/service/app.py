"""The Flask application."""

from __future__ import annotations

from time import perf_counter

from flask import Flask, Response, g, request

from customer_segmentation.service import api, try_it
from customer_segmentation.service.context import NAME, Service, current_service
from customer_segmentation.service.logs import ID_HEADER, access_logger, identify
from customer_segmentation.service.metrics import Metrics
from customer_segmentation.service.models import Models
from customer_segmentation.service.parameters import ServiceParameters
from customer_segmentation.service.replies import tell_errors
from customer_segmentation.service.security import Access, protect

METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
OTHER = "other"


def create_app(parameters: ServiceParameters, models: Models, access: Access) -> Flask:
    """Make an application; it starts no thread and loads no model.

    Args:
        parameters: Its limits.
        models: Where its model comes from.
        access: Who may ask it.
    """
    app = Flask(__name__)
    app.extensions[NAME] = Service(parameters, models, access, Metrics(models))
    app.config.update(
        DEBUG=False,  # whatever the environment says
        MAX_CONTENT_LENGTH=parameters.body_bytes,
        PROVIDE_AUTOMATIC_OPTIONS=False,
    )
    app.url_map.merge_slashes = False  # a path is right or unknown; nobody is sent elsewhere
    app.before_request(_receive)
    app.after_request(_finish)
    tell_errors(app)
    app.register_blueprint(api.create_blueprint())
    app.register_blueprint(try_it.create_blueprint())
    return app


def _receive() -> None:
    g.started, g.request_id = perf_counter(), identify(request)
    current_service().access.check(request)


def _finish(response: Response) -> Response:
    protect(response)
    response.headers[ID_HEADER] = g.request_id
    method = request.method if request.method in METHODS else OTHER
    route = request.url_rule.rule if request.url_rule else OTHER
    status, seconds = response.status_code, perf_counter() - g.started
    current_service().metrics.count_request(method, route, status, seconds)
    fields = {
        "request_id": g.request_id,
        "method": method,
        "route": route,
        "status": status,
        "milliseconds": round(1000 * seconds, 3),
        "bytes": response.content_length,
        "model_version": g.get("model_version"),
        **g.get("counts", {}),
    }
    access_logger.info("request", extra={"fields": fields})
    return response
