"""Responses in JSON, errors among them."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from customer_segmentation.service.notes import current_note

logger = logging.getLogger(__name__)

_write = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode

SORRY = "The service could not answer. The fault is its own, and it has been logged."


def reply(content: Any, status: int = 200) -> Response:
    """A response in JSON.

    Args:
        content: Of dictionaries, lists, texts, finite numbers, truth values and None.
        status: Its status.
    """
    return Response(_write(content), status, mimetype="application/json")


def describe_error(status: int, message: str, request_id: str, **more: Any) -> dict[str, Any]:
    """What every error looks like.

    Args:
        status: From 400.
        message: For a person; holds nothing of the request.
        request_id: By which its log line is found.
        more: What there is to add to the error.
    """
    error = {"status": status, "title": HTTPStatus(status).phrase, "message": message, **more}
    return {"error": error, "request_id": request_id}


def reply_error(status: int, message: str, **more: Any) -> Response:
    """A response that says what is wrong.

    Args:
        status: From 400.
        message: For a person; holds nothing of the request.
        more: What there is to add to the error.
    """
    return reply(describe_error(status, message, current_note().request_id, **more), status)


def tell_errors(app: Flask) -> None:
    """Let every error of an app be told in JSON."""
    app.register_error_handler(HTTPException, _tell_refusal)
    app.register_error_handler(Exception, _tell_fault)


def reply_refusal(error: HTTPException, request_id: str) -> Response:
    """A response that says why a request is refused.

    Args:
        error: The reason, with its status, its words and the headers that go with them.
        request_id: Of the request.
    """
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    response = reply(describe_error(status, error.description or "", request_id), status)
    for name, value in error.get_headers():
        if name != "Content-Type":
            response.headers.add(name, value)
    return response


def _tell_refusal(error: HTTPException) -> Response:
    return reply_refusal(error, current_note().request_id)


def _tell_fault(error: Exception) -> Response:
    found_by = {"fields": {"request_id": current_note().request_id}}
    logger.error("a request met a fault", exc_info=error, extra=found_by)
    return reply_error(HTTPStatus.INTERNAL_SERVER_ERROR, SORRY)
