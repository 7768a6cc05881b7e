"""What every request passes before the app and every response after it.

A request gets an id and is let in or refused; its response is protected, counted and logged. Log
lines and errors hold nothing that was sent.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections import Counter as Counts
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from hmac import compare_digest
from http import HTTPStatus
from ipaddress import ip_address
from secrets import token_hex
from time import perf_counter
from typing import Any, TextIO

from flask import Response, abort, request
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from werkzeug.datastructures import Authorization, WWWAuthenticate
from werkzeug.exceptions import HTTPException
from werkzeug.wsgi import ClosingIterator

from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.panel.values import ReadableError
from customer_segmentation.service.answers import Answer, Model
from customer_segmentation.service.models import Models
from customer_segmentation.service.parameters import ServiceParameters

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
Given = tuple[str, str, str]  # segment, claim, information set
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

access_logger = logging.getLogger(f"{__name__}.access")

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
TOKEN_VARIABLE = "CUSTOMER_SEGMENTATION_TOKEN"  # noqa: S105 - its name
OPEN_TO_ALL = "/health/"
NOT_READY = "No model has been loaded and verified yet. Try again in a moment."
OTHER = "other"  # a method or a path that may be anything
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
ID_HEADER = "X-Request-ID"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = (
    ("Content-Security-Policy", POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)

_PREFIX = "customer_segmentation"
_CONTEXT = "customer_segmentation.request"  # in a request's environment
_NOT_STORED = ("Cache-Control", "no-store")
_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 - no name of any machine
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?", re.ASCII | re.IGNORECASE)
_TOKEN = re.compile(r"[!-~]{16,}")
_SITE, _OWN_SITES = "HTTP_SEC_FETCH_SITE", ("same-origin", "none")  # none: no page, a person
_SECRETS = {"basic": "password", "bearer": "token"}  # where each kind of header has it
_CHALLENGES = (
    WWWAuthenticate("basic", {"realm": "customer segmentation", "charset": "UTF-8"}),
    WWWAuthenticate("bearer", {"realm": "customer segmentation"}),
)

_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


class AccessError(ReadableError):
    """A service that would be open to more people than its owner may think."""


@dataclass(frozen=True)
class Access:
    """Who may ask the service.

    Attributes:
        hosts: Names, without a port, by which it may be called. A web page that has let its own
            name lead to this machine calls it by another.
        token: What a client must know; empty asks nobody.
    """

    hosts: frozenset[str]
    token: str = ""

    def check(self, environ: Mapping[str, Any]) -> None:
        """Refuse a request that comes by another name, from another site or without the token.

        A site is asked after only where something is sent: a link from anywhere may lead here.
        """
        called = _HOST.fullmatch(environ.get("HTTP_HOST", ""))
        if called is None or called[1].lower() not in self.hosts:
            abort(400, "The service is not called by this name.")
        if environ["REQUEST_METHOD"] == "POST" and environ.get(_SITE, "none") not in _OWN_SITES:
            abort(403, "The page of another site may not send anything to this service.")
        if self.token and not environ["PATH_INFO"].startswith(OPEN_TO_ALL):
            self._check_token(Authorization.from_header(environ.get("HTTP_AUTHORIZATION")))

    def _check_token(self, sent: Authorization | None) -> None:
        known = getattr(sent, _SECRETS[sent.type]) if sent and sent.type in _SECRETS else None
        # Digests have one length, so that the time reveals nothing of the token's.
        digests = (sha256(each.encode()).digest() for each in (known or "", self.token))
        if not compare_digest(*digests):
            abort(401, "A token is needed.", www_authenticate=_CHALLENGES)


def allow_access(host: str, names: Iterable[str], token: str, *, insecure: bool) -> Access:
    """Decide who may ask a service that listens on a host and may be called by these names.

    Raises:
        AccessError: The token is too short to be secret or cannot be sent, or there is none
            although other machines can reach the service and it need not be secure.
    """
    if token and not _TOKEN.fullmatch(token):
        raise AccessError(
            f"{TOKEN_VARIABLE} needs at least 16 characters, all of them letters, digits or signs "
            "of ASCII."
        )
    if not (token or insecure or is_loopback(host)):
        raise AccessError(
            f"{host} can be reached from other machines. Set {TOKEN_VARIABLE} to a secret of at "
            "least 16 characters, or say --insecure to serve everybody."
        )
    own = () if host in _ANYWHERE else (f"[{host}]" if ":" in host else host,)
    return Access(frozenset(map(str.lower, (*_LOOPBACK, *own, *names))), token)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a name or address."""
    if host == _LOOPBACK[0]:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Metrics:
    """Counters of one app, in a registry of their own.

    No label can take more values than the app has routes and the model has segments and sets.
    """

    def __init__(self, models: Models) -> None:
        self.registry = CollectorRegistry()
        own: Any = {"namespace": _PREFIX, "registry": self.registry}
        self.requests = Counter(
            "requests", "Requests answered.", ["route", "method", "status"], **own
        )
        self.seconds = Histogram(
            "request_seconds",
            "Seconds from reading a request to its answer.",
            ["route"],
            buckets=SECONDS,
            **own,
        )
        self.segments = Counter(
            "segments",
            "Households that were given a segment.",
            ["segment", "claim", "information_set"],
            **own,
        )
        self.refused = Counter("refused_records", "Households that got no answer.", **own)
        self.registry.register(_ModelCollector(models))
        ProcessCollector(registry=self.registry)


class _ModelCollector(Collector):
    """Asks for the model when it is asked, so that nobody has to report to it."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def collect(self) -> Iterator[Metric]:
        models, model = self._models, self._models.current
        yield GaugeMetricFamily(
            f"{_PREFIX}_ready", "Whether a verified model serves.", value=model is not None
        )
        info = InfoMetricFamily(f"{_PREFIX}_model", "The model that serves.")
        if model is not None:
            info.add_metric([], {"version": model.version})
        yield info
        loads = CounterMetricFamily(
            f"{_PREFIX}_model_loads", "Models that were met.", labels=["outcome"]
        )
        loads.add_metric(["ok"], models.loaded)
        loads.add_metric(["failed"], models.failed)
        yield loads


@dataclass(eq=False)
class RequestContext:
    """What is known of a request and its response, without anything that was sent.

    Attributes:
        service: What answers it.
        request_id: By which its log line is found.
        model_version: The model that answers it.
        given: How often each segment was given to its households; None if it is about none.
        refused: Number of its households without an answer.
        route, status, seconds, bytes: Of the response, once that has begun.
    """

    service: RequestMiddleware
    request_id: str
    model_version: str | None = None
    given: Counts[Given] | None = None
    refused: int = 0
    route: str = OTHER
    status: str = ""
    seconds: float = 0.0
    bytes: int | None = None

    def require_model(self) -> Model:
        """The model for the whole of the request, whatever is loaded meanwhile."""
        model = self.service.models.current
        if model is None:
            abort(503, NOT_READY, retry_after=1)
        self.model_version = model.version
        return model

    def count_answers(self, answers: Iterable[Answer], refused: int) -> None:
        """Let the households of the request be counted, in its log line and in the metrics."""
        self.given = Counts(
            (each["segment"], each["claim"], each["information_set"]) for each in answers
        )
        self.refused = refused


def current_request() -> RequestContext:
    """What is known of the request that is being answered."""
    context: RequestContext = request.environ[_CONTEXT]
    return context


@dataclass(frozen=True, eq=False)
class RequestMiddleware:
    """Stands around the app; see the module.

    Attributes:
        application: The app.
        parameters: Its limits.
        models: Where its model comes from.
        access: Who may ask it.
        reporting: Names and colours of its pages.
        metrics: What it counts.
    """

    application: Application
    parameters: ServiceParameters
    models: Models
    access: Access
    reporting: ReportingParameters
    metrics: Metrics

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request; it is counted and logged when the response is on its way."""
        started = perf_counter()
        context = RequestContext(self, identify(environ.get("HTTP_X_REQUEST_ID", "")))
        environ[_CONTEXT] = context

        def start(status: str, headers: Headers, *error: Any) -> Any:
            context.seconds = perf_counter() - started
            rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
            size = dict(headers).get("Content-Length")
            context.route = rule.rule if rule else OTHER  # the rule that Flask has found
            context.status, context.bytes = status[:3], int(size) if size else None
            return start_response(status, [*headers, *sign(context.request_id, headers)], *error)

        answer = self.application
        try:
            self.access.check(environ)
        except HTTPException as error:
            answer = reply_refusal(error, context.request_id)
        record = partial(self._record, environ["REQUEST_METHOD"], context)
        return ClosingIterator(answer(environ, start), record)

    def _record(self, method: str, context: RequestContext) -> None:
        method, metrics = method if method in METHODS else OTHER, self.metrics
        metrics.requests.labels(context.route, method, context.status).inc()
        metrics.seconds.labels(context.route).observe(context.seconds)
        fields = {
            "request_id": context.request_id,
            "method": method,
            "route": context.route,
            "status": int(context.status),
            "milliseconds": round(1000 * context.seconds, 3),
            "bytes": context.bytes,
            "model_version": context.model_version,
        }
        if context.given is not None:
            fields |= {"answered": context.given.total(), "refused": context.refused}
            metrics.refused.inc(context.refused)
            for labels, count in context.given.items():
                metrics.segments.labels(*labels).inc(count)
        access_logger.info("request", extra={"fields": fields})


def identify(brought: str = "") -> str:
    """The id of a request: what the client calls it if that is a short plain word."""
    return brought if _SAFE_ID.fullmatch(brought) else token_hex(8)


def sign(request_id: str, headers: Headers) -> Headers:
    """The headers that a response needs beside its own."""
    may_be_stored = any(name == _NOT_STORED[0] for name, _ in headers)
    return [*HEADERS, *(() if may_be_stored else (_NOT_STORED,)), (ID_HEADER, request_id)]


def reply(content: Any, status: int = 200) -> Response:
    """A response in JSON, of dictionaries, lists, texts, finite numbers, truth values and None."""
    return Response(_encode(content), status, mimetype="application/json")


def describe_error(status: int, message: str, request_id: str, **more: Any) -> dict[str, Any]:
    """What every error looks like; its message holds nothing of the request."""
    error = {"status": status, "title": HTTPStatus(status).phrase, "message": message, **more}
    return {"error": error, "request_id": request_id}


def reply_refusal(error: HTTPException, request_id: str) -> Response:
    """A response that says why a request is refused, with the headers that go with that."""
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    response = reply(describe_error(status, error.description or "", request_id), status)
    for name, value in error.get_headers():
        if name != "Content-Type":
            response.headers.add(name, value)
    return response


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON; what a record has as `fields` stands beside the message.

    Of an exception the line has the type and the places that it went through, and not its message:
    that may quote what was sent.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": time,
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[0]:
            line["fault"] = record.exc_info[0].__qualname__
            places = traceback.extract_tb(record.exc_info[2])
            line["places"] = [f"{each.filename}:{each.lineno} {each.name}" for each in places]
        return _encode(line)


def configure_logging(stream: TextIO = sys.stdout) -> None:
    """Let the whole process log in JSON."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logging.getLogger().handlers = [handler]
    logging.captureWarnings(capture=True)
    logging.getLogger("customer_segmentation").setLevel(logging.INFO)
    # Below are clients that went away and requests that had to wait, a line for each.
    logging.getLogger("waitress").setLevel(logging.ERROR)
