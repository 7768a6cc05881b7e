"""What every request passes before the Flask application and every response after it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from secrets import token_hex
from time import perf_counter
from typing import Any

from customer_segmentation.service.metrics import Metrics
from customer_segmentation.service.security import HEADERS

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

access_logger = logging.getLogger(f"{__name__}.access")

ID_HEADER = "X-Request-ID"
NOTE = "customer_segmentation.note"
OTHER = "other"  # a method or a path that may be anything
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NOT_STORED = ("Cache-Control", "no-store")


@dataclass
class Note:
    """What is known of a request while it is answered, without anything that was sent.

    Attributes:
        request_id: By which its log line is found.
        route: The rule that its path matches.
        model_version: The model that answers it.
        counts: Numbers of households.
    """

    request_id: str
    route: str = OTHER
    model_version: str | None = None
    counts: dict[str, int] = field(default_factory=dict)


class Front:
    """Gives each request an id, protects its response, counts it, and logs it in one line.

    Args:
        application: What answers; it finds the request's note in `environ`.
        metrics: Where requests are counted.
    """

    def __init__(self, application: Application, metrics: Metrics) -> None:
        self._application = application
        self._metrics = metrics

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        started = perf_counter()
        note = environ[NOTE] = Note(identify(environ.get("HTTP_X_REQUEST_ID", "")))
        method = environ["REQUEST_METHOD"]

        def start(status: str, headers: Headers, *fault: Any) -> Any:
            seconds, size = perf_counter() - started, dict(headers).get("Content-Length")
            self._record(method if method in METHODS else OTHER, note, status[:3], seconds, size)
            return start_response(status, [*headers, *sign(note.request_id, headers)], *fault)

        return self._application(environ, start)

    def _record(
        self, method: str, note: Note, status: str, seconds: float, size: str | None
    ) -> None:
        self._metrics.count_request(method, note.route, status, seconds)
        fields = {
            "request_id": note.request_id,
            "method": method,
            "route": note.route,
            "status": int(status),
            "milliseconds": round(1000 * seconds, 3),
            "bytes": size and int(size),
            "model_version": note.model_version,
            **note.counts,
        }
        access_logger.info("request", extra={"fields": fields})


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
