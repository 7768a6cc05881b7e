"""What the views of one app share."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app
from werkzeug.exceptions import ServiceUnavailable

from customer_segmentation.scorer.scoring import Scores
from customer_segmentation.service.answers import Model
from customer_segmentation.service.metrics import Metrics
from customer_segmentation.service.models import Models
from customer_segmentation.service.notes import current_note
from customer_segmentation.service.parameters import ServiceParameters
from customer_segmentation.service.security import Access

NAME = "customer_segmentation"
NOT_READY = "No model has been loaded and verified yet. Try again in a moment."


@dataclass(frozen=True, eq=False)
class Service:
    """What an app is made of.

    Attributes:
        parameters: Its limits.
        models: Where its model comes from.
        access: Who may ask it.
        metrics: What it counts.
    """

    parameters: ServiceParameters
    models: Models
    access: Access
    metrics: Metrics


def current_service() -> Service:
    """The parts of the app that answers the request."""
    service: Service = current_app.extensions[NAME]
    return service


def require_model() -> Model:
    """The model for the whole of the request, whatever is loaded meanwhile.

    Raises:
        ServiceUnavailable: There is none yet.
    """
    model = current_service().models.current
    if model is None:
        raise ServiceUnavailable(NOT_READY, retry_after=1)
    current_note().model_version = model.version
    return model


def count_scores(scores: Scores, records: int) -> None:
    """Let the households of the request be counted, in its log line and in the metrics.

    Args:
        scores: The answers.
        records: Number of records that were sent.
    """
    note = current_note()
    note.scores, note.records = scores, records
