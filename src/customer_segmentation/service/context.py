"""What the views of one app share."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app, g
from werkzeug.exceptions import ServiceUnavailable

from customer_segmentation.service.answers import Model
from customer_segmentation.service.models import Models
from customer_segmentation.service.parameters import ServiceParameters

NAME = "customer_segmentation"
NOT_READY = "No model has been loaded and verified yet. Try again in a moment."


@dataclass(frozen=True, eq=False)
class Service:
    """What an app is made of.

    Attributes:
        parameters: Its limits.
        models: Where its model comes from.
    """

    parameters: ServiceParameters
    models: Models


def current_service() -> Service:
    """The parts of the app that answers the request."""
    service: Service = current_app.extensions[NAME]
    return service


def require_model() -> Model:
    """The model that answers the request; whatever happens meanwhile, it stays the same.

    Raises:
        ServiceUnavailable: There is none yet.
    """
    model = current_service().models.current
    if model is None:
        raise ServiceUnavailable(NOT_READY, retry_after=1)
    g.model_version = model.version
    return model
