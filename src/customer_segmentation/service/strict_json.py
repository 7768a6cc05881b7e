"""The bodies of requests: JSON in UTF-8, and nothing that readers of JSON take differently."""

from __future__ import annotations

from json import JSONDecodeError
from typing import Any

from flask import Request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

from customer_segmentation.panel.values import read_json

CHARACTERS_SHOWN = 80


def read_body(request: Request, limit: int) -> Any:
    """Read the body of a request.

    Args:
        request: A request that must be JSON; a web page of another origin cannot send that unasked.
        limit: Most bytes of a body.

    Returns:
        Dictionaries, lists, texts, numbers, truth values and None.

    Raises:
        UnsupportedMediaType: It says that it is something else, is compressed, or says nothing.
        RequestEntityTooLarge: It is larger.
        BadRequest: It is not what it says; or the causes of `read_json`.
    """
    if not _is_plain_json(request):
        raise UnsupportedMediaType(
            "Send JSON in UTF-8, uncompressed, with Content-Type: application/json."
        )
    length = request.content_length or 0  # waitress tells that of a body in chunks, too
    if length > limit:
        raise RequestEntityTooLarge(f"The body has more than {limit} bytes.")
    try:
        return read_json(request.environ["wsgi.input"].read(length))
    except ValueError as error:
        raise BadRequest(f"The body is no strict JSON: {_say_why(error)}.") from error


def _is_plain_json(request: Request) -> bool:
    if (
        request.content_type == "application/json"
        and "HTTP_CONTENT_ENCODING" not in request.environ
    ):
        return True
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
