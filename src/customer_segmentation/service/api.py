"""The API: scoring, and what there is to know about the model and the service."""

from __future__ import annotations

from json import JSONDecodeError
from typing import Any

from flask import Blueprint, Response, abort, request
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from customer_segmentation.panel.values import read_json
from customer_segmentation.service.answers import Object
from customer_segmentation.service.middleware import current_request, describe_error, reply
from customer_segmentation.service.schemas import describe_api, describe_model

HOUSEHOLDS = "households"
WISHES = {b"": True, b"reasons=true": True, b"reasons=false": False}
CHARACTERS_SHOWN = 80
NOT_SCORED = "The record cannot be scored; the problems say why."
NONE_SCORED = "None of the records can be scored; the problems of each say why."

api = Blueprint("api", __name__)


@api.post("/segments")
def score() -> Response:
    """Score one household, or several of which each is judged by itself."""
    context = current_request()
    model = context.require_model()
    if request.query_string not in WISHES:
        abort(400, "The query may be reasons=true or reasons=false, else nothing.")
    body = read_body(context.service.parameters.body_bytes)
    is_batch = isinstance(body, dict) and HOUSEHOLDS in body
    records = _open_batch(body, context.service.parameters.batch_limit) if is_batch else [body]
    answers, problems = model.answer(records, explained=WISHES[request.query_string])
    context.count_answers(answers.values(), len(problems))
    refused = [{"index": at, "problems": each} for at, each in sorted(problems.items())]
    if not answers:
        why = {"refused": refused} if is_batch else {"problems": problems[0]}
        message = NONE_SCORED if is_batch else NOT_SCORED
        return reply(describe_error(422, message, context.request_id, **why), 422)
    signature = {"model_version": model.version, "request_id": context.request_id}
    if not is_batch:
        return reply({**answers[0], **signature})
    indexed = [{"index": at, **answer} for at, answer in answers.items()]
    return reply({"answers": indexed, "refused": refused, **signature})


def _open_batch(body: Object, limit: int) -> list[object]:
    records = body[HOUSEHOLDS]
    if len(body) > 1 or not isinstance(records, list) or not 1 <= len(records) <= limit:
        abort(
            422, f"A batch holds {HOUSEHOLDS!r}, a list of 1 to {limit} records, and nothing else."
        )
    return records


@api.get("/model")
def show_model() -> Response:
    """Describe the model: what may be known of a household, and what its answers are worth."""
    context = current_request()
    return reply(describe_model(context.require_model().bundle, context.request_id))


@api.get("/openapi.json")
def show_api() -> Response:
    """Describe the API, in the words of OpenAPI."""
    context = current_request()
    limit, access = context.service.parameters.batch_limit, context.service.access
    return reply(describe_api(context.require_model(), limit, needs_token=bool(access.token)))


@api.get("/health/live")
def show_life() -> Response:
    """Say that the process answers."""
    return reply({"status": "live"})


@api.get("/health/ready")
def show_readiness() -> Response:
    """Say whether a verified model serves."""
    return reply({"status": "ready", "model_version": current_request().require_model().version})


@api.get("/metrics")
def show_metrics() -> Response:
    """Show Prometheus what was counted."""
    figures = generate_latest(current_request().service.metrics.registry)
    return Response(figures, content_type=CONTENT_TYPE_LATEST)


def read_body(limit: int) -> Any:
    """Read the body of the request: JSON in UTF-8, and nothing that its readers take differently.

    A web page of another origin cannot send a body that is declared as JSON unasked.
    """
    if not _is_plain_json():
        abort(415, "Send JSON in UTF-8, uncompressed, with Content-Type: application/json.")
    length = request.content_length or 0  # waitress tells that of a body in chunks, too
    if length > limit:
        abort(413, f"The body has more than {limit} bytes.")
    try:
        return read_json(request.environ["wsgi.input"].read(length))
    except ValueError as error:
        abort(400, f"The body is no strict JSON: {_say_why(error)}.")


def _is_plain_json() -> bool:
    charset = request.mimetype_params.get("charset", "utf-8")
    return (
        request.mimetype == "application/json"
        and charset.lower() == "utf-8"
        and request.headers.get("Content-Encoding", "identity") == "identity"
    )


def _say_why(error: ValueError) -> str:
    if isinstance(error, JSONDecodeError):
        return f"{error.msg}, line {error.lineno}, column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not UTF-8"
    return str(error)[:CHARACTERS_SHOWN]
