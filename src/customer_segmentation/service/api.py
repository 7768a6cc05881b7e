"""The API: scoring, and what there is to know about the model and the service."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import BadRequest, UnprocessableEntity

from customer_segmentation.service.answers import Model
from customer_segmentation.service.context import (
    count_scores,
    current_service,
    require_model,
)
from customer_segmentation.service.description import describe_model
from customer_segmentation.service.metrics import CONTENT_TYPE
from customer_segmentation.service.notes import current_note
from customer_segmentation.service.openapi import describe_api
from customer_segmentation.service.replies import reply, reply_error
from customer_segmentation.service.strict_json import read_body

HOUSEHOLDS = "households"
WISHES = {b"": True, b"reasons=true": True, b"reasons=false": False}


def create_blueprint() -> Blueprint:
    """The routes of the API."""
    blueprint = Blueprint("api", __name__)
    blueprint.post("/segments")(score)
    blueprint.get("/model")(show_model)
    blueprint.get("/openapi.json")(show_api)
    blueprint.get("/health/live")(show_life)
    blueprint.get("/health/ready")(show_readiness)
    blueprint.get("/metrics")(show_metrics)
    return blueprint


def score() -> Response:
    """Score one household, or several of which each is judged by itself."""
    model = require_model()
    explained = _read_wish()
    body = read_body(request, current_service().parameters.body_bytes)
    if isinstance(body, dict) and HOUSEHOLDS in body:
        return _score_batch(model, _open_batch(body), explained=explained)
    return _score_one(model, body, explained=explained)


def _read_wish() -> bool:
    """Whether reasons are wanted, by the one thing that may stand in the query."""
    try:
        return WISHES[request.query_string]
    except KeyError:
        raise BadRequest("The query may be reasons=true or reasons=false, else nothing.") from None


def _open_batch(body: dict[str, Any]) -> list[object]:
    records, limit = body[HOUSEHOLDS], current_service().parameters.batch_limit
    if len(body) > 1 or not isinstance(records, list) or not 1 <= len(records) <= limit:
        raise UnprocessableEntity(
            f"A batch holds {HOUSEHOLDS!r}, a list of 1 to {limit} records, and nothing else."
        )
    return records


def _score_one(model: Model, record: object, *, explained: bool) -> Response:
    outcome = model.answer([record], explained=explained)
    count_scores(outcome.scores, 1)
    if outcome.refused:
        message = "The record cannot be scored; the problems say why."
        problems = outcome.refused[0]
        return reply_error(HTTPStatus.UNPROCESSABLE_ENTITY, message, problems=problems)
    return reply({**outcome.answers[0], **_sign(model)})


def _score_batch(model: Model, records: list[object], *, explained: bool) -> Response:
    outcome = model.answer(records, explained=explained)
    count_scores(outcome.scores, len(records))
    refused = [{"index": at, "problems": told} for at, told in sorted(outcome.refused.items())]
    if not outcome.answers:
        message = "None of the records can be scored; the problems of each say why."
        return reply_error(HTTPStatus.UNPROCESSABLE_ENTITY, message, refused=refused)
    answers = [{"index": at, **answer} for at, answer in outcome.answers.items()]
    return reply({"answers": answers, "refused": refused, **_sign(model)})


def _sign(model: Model) -> dict[str, str]:
    return {"model_version": model.version, "request_id": current_note().request_id}


def show_model() -> Response:
    """Describe the model: what it can be told, and what its answers are worth."""
    return reply(
        {**describe_model(require_model().bundle), "request_id": current_note().request_id}
    )


def show_api() -> Response:
    """Describe the API, in the words of OpenAPI."""
    service = current_service()
    return reply(describe_api(require_model().bundle, service.parameters, service.access))


def show_life() -> Response:
    """Say that the process answers."""
    return reply({"status": "live"})


def show_readiness() -> Response:
    """Say whether a verified model serves."""
    model = require_model()
    return reply({"status": "ready", "model_version": model.version})


def show_metrics() -> Response:
    """Tell Prometheus what was counted."""
    return Response(current_service().metrics.write(), content_type=CONTENT_TYPE)
