"""What every request passes before the Flask application and every response after it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from functools import partial
from secrets import token_hex
from time import perf_counter
from typing import Any, NamedTuple

from werkzeug.exceptions import HTTPException
from werkzeug.wsgi import ClosingIterator

from customer_segmentation.service.answers import tally
from customer_segmentation.service.metrics import Metrics
from customer_segmentation.service.notes import NOTE, Note
from customer_segmentation.service.replies import reply_refusal
from customer_segmentation.service.security import HEADERS, Access

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

access_logger = logging.getLogger(f"{__name__}.access")

ID_HEADER = "X-Request-ID"
OTHER = "other"  # a method or a path that may be anything
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NOT_STORED = ("Cache-Control", "no-store")


class _Begun(NamedTuple):
    """A response that has begun: whose it is, its status, the seconds it took, and its bytes."""

    route: str
    status: str
    seconds: float
    size: int | None


class Front:
    """Gives each request an id, lets it in, protects its response, counts it, and logs it.

    Args:
        application: What answers; it finds the request's note in `environ`.
        access: Who is let in.
        metrics: Where requests are counted.
    """

    def __init__(self, application: Application, access: Access, metrics: Metrics) -> None:
        self._application = application
        self._access = access
        self._metrics = metrics

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request; it is counted and logged when the response is on its way."""
        started = perf_counter()
        note = environ[NOTE] = Note(identify(environ.get("HTTP_X_REQUEST_ID", "")))
        begun: list[_Begun] = []

        def start(status: str, headers: Headers, *fault: Any) -> Any:
            seconds, size = perf_counter() - started, dict(headers).get("Content-Length")
            begun.append(
                _Begun(_find_route(environ), status[:3], seconds, int(size) if size else None)
            )
            return start_response(status, [*headers, *sign(note.request_id, headers)], *fault)

        answer = self._find_refusal(environ, note) or self._application
        return ClosingIterator(answer(environ, start), partial(self._record, environ, note, begun))

    def _find_refusal(self, environ: Environ, note: Note) -> Application | None:
        try:
            self._access.check(environ)
        except HTTPException as error:
            return reply_refusal(error, note.request_id)
        return None

    def _record(self, environ: Environ, note: Note, begun: list[_Begun]) -> None:
        route, status, seconds, size = begun[-1]
        method = environ["REQUEST_METHOD"]
        method = method if method in METHODS else OTHER
        self._metrics.count_request(method, route, status, seconds)
        fields = {
            "request_id": note.request_id,
            "method": method,
            "route": route,
            "status": int(status),
            "milliseconds": round(1000 * seconds, 3),
            "bytes": size,
            "model_version": note.model_version,
            **self._count_households(note),
        }
        access_logger.info("request", extra={"fields": fields})

    def _count_households(self, note: Note) -> dict[str, int]:
        if note.scores is None:
            return {}
        given = tally(note.scores)
        answered = sum(given.values())
        self._metrics.count_scores(given, note.records - answered)
        return {"answered": answered, "refused": note.records - answered}


def _find_route(environ: Environ) -> str:
    """The rule that the path matches, as Flask has found it."""
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    return rule.rule if rule else OTHER


def identify(brought: str = "") -> str:
    """The id of a request.

    Args:
        brought: What the client calls it; taken if that is a short plain word.
    """
    return brought if _SAFE_ID.fullmatch(brought) else token_hex(8)


def sign(request_id: str, headers: Headers) -> Headers:
    """The headers that a response needs beside its own.

    Args:
        request_id: Of its request.
        headers: Its own.
    """
    may_be_stored = any(name == _NOT_STORED[0] for name, _ in headers)
    return [*HEADERS, *(() if may_be_stored else (_NOT_STORED,)), (ID_HEADER, request_id)]
