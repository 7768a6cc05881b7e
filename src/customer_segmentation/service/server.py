"""The server: waitress, which answers what it has begun before it stops.

Waitress's own command drops the requests in flight when it is told to stop. Here it is taken apart
a little: its loop runs pass by pass, so that it can go on without new connections until the last
response is sent.
"""

from __future__ import annotations

import json
import logging
import re
import signal
import socket
import sys
import time
from http import HTTPStatus
from threading import Event
from types import FrameType
from typing import Any

from flask import Flask
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError, TransferEncodingNotImplemented
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ErrorTask, WSGITask

from customer_segmentation.panel.values import ReadableError
from customer_segmentation.service.middleware import (
    access_logger,
    describe_error,
    identify,
    sign,
)
from customer_segmentation.service.models import Models
from customer_segmentation.service.parameters import ServiceParameters

logger = logging.getLogger(__name__)

Sockets = dict[int, Any]  # what waitress waits for, by file descriptor

PASS_SECONDS = 0.1  # of one pass of the loop, when nothing happens
ANSWER_BYTES = 2**24  # more than any answer has; beyond, they would be put on the disk
SILENT_SECONDS = 1.0  # a client that goes on asking asks again before

_LENGTH = "CONTENT_LENGTH"
_CODINGS = re.compile(rb"\r\ntransfer-encoding:([^\r]*)", re.IGNORECASE)


class ListenError(ReadableError):
    """An address at which the service cannot listen."""


class _Task(WSGITask):
    """A request; while the server drains, its response is the last of the connection."""

    channel: _Channel

    def build_response_header(self) -> bytes:
        if self.channel.draining and not self.channel.has_more():
            self.set_close_on_finish()
        return super().build_response_header()


class _ErrorTask(ErrorTask):
    """What was sent is no request that an app could be given; waitress would echo parts of it."""

    request: Any

    def execute(self) -> None:
        status, request_id = HTTPStatus(self.request.error.code), identify()
        body = json.dumps(describe_error(status, status.description, request_id)).encode()
        self.status = f"{status.value} {status.phrase}"
        self.response_headers = [("Content-Type", "application/json"), *sign(request_id, [])]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)
        fields = {"request_id": request_id, "status": status.value, "bytes": len(body)}
        access_logger.info("malformed request", extra={"fields": fields})


class _Parser(HTTPRequestParser):
    """Refuses what waitress would stumble over, or would read otherwise than a proxy before it."""

    path: str

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except (ValueError, TransferEncodingNotImplemented) as error:
            raise ParsingError("The request cannot be read.") from error
        if not self.path.startswith("/"):
            raise ParsingError("The target is no path.")
        codings = [each.strip(b" \t").lower() for each in _CODINGS.findall(header_plus)]
        is_clear = codings == [b"chunked"] and self.chunked and _LENGTH not in self.headers
        if codings and not is_clear:
            raise ParsingError("It is not clear where the body ends.")


class _Channel(HTTPChannel):
    """A connection.

    Attributes:
        begun: When the first byte came of what is no whole request yet.
        draining: Whether the server is about to stop.
    """

    task_class = _Task
    error_task_class = _ErrorTask
    parser_class = _Parser
    begun: float | None = None
    draining = False

    def received(self, data: bytes) -> bool:
        if self.begun is None:
            self.begun = time.monotonic()
        return super().received(data)

    def service(self) -> None:
        self.begun = None  # and nothing more is read until the request is answered
        super().service()

    def cut_slow(self, seconds: float) -> None:
        """Close if a request has not come to its end after some seconds, however steadily."""
        begun = self.begun
        if begun is not None and not self.requests and time.monotonic() - begun > seconds:
            self.will_close = True

    def has_more(self) -> bool:
        """Whether another request has been read, or begun, after the one that is answered."""
        return len(self.requests) > 1 or self.request is not None

    def handle_error(self) -> None:
        """Close after a fault; waitress would log the client's address and what it has sent."""
        fault = type(sys.exception()).__qualname__
        logger.error("a connection met a fault", extra={"fields": {"fault": fault}})
        self.handle_close()

    def drain(self) -> None:
        """Close once nothing is to be answered and nothing comes."""
        self.draining = True
        is_idle = not self.requests and not self.total_outbufs_len
        if is_idle and time.time() - self.last_activity > SILENT_SECONDS:
            self.will_close = True


def listen(host: str, port: int) -> socket.socket:
    """Take an address.

    Args:
        host: A name or address of this machine.
        port: From 0 to 65535; 0 takes any that is free.

    Raises:
        ListenError: It is not this machine's, another program has it, or only root may have it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        why = str(error.strerror).partition(" (while ")[0]  # Python adds the address to it
        raise ListenError(
            f"The service cannot listen at {host}, port {port}: {why}. Choose another with --port "
            "and --host."
        ) from error


def serve(
    app: Flask, models: Models, listener: socket.socket, parameters: ServiceParameters
) -> None:
    """Serve until the process is told to stop (SIGTERM or SIGINT), and answer what has begun.

    Args:
        app: The application.
        models: Its models, which are looked for meanwhile.
        listener: From `listen`.
        parameters: Limits and pauses.
    """
    sockets: Sockets = {}
    server = _create_server(app, sockets, listener, parameters)
    stopped = Event()

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a handler's
        signal.signal(number, signal.SIG_DFL)  # who asks twice does not wait
        stopped.set()
        server.pull_trigger()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    models.watch(parameters.reload_seconds, stopped)
    while not stopped.is_set():
        for channel in _list_channels(sockets):
            channel.cut_slow(parameters.request_seconds)
        _run_once(sockets)
    _drain(server, sockets, parameters.drain_seconds)


def _create_server(
    app: Flask, sockets: Sockets, listener: socket.socket, parameters: ServiceParameters
) -> BaseWSGIServer:
    most = 2 * parameters.body_bytes  # up to which the app itself refuses
    settings: Any = {
        "sockets": [listener],
        "threads": parameters.threads,
        "connection_limit": parameters.connections,
        "channel_timeout": parameters.idle_seconds,
        "cleanup_interval": min(parameters.idle_seconds, 10),
        "max_request_header_size": parameters.header_bytes,
        "max_request_body_size": most,
        "inbuf_overflow": 2 * most,  # beyond, bodies would be put on the disk, refused ones too
        "outbuf_overflow": ANSWER_BYTES,
        "outbuf_high_watermark": ANSWER_BYTES,
        "ident": None,
        "log_socket_errors": False,  # clients go away as they like
    }
    server = create_server(app, sockets, **settings)
    assert isinstance(server, BaseWSGIServer)  # noqa: S101 - of one socket
    server.channel_class = _Channel
    return server


def _run_once(sockets: Sockets) -> None:
    wasyncore.loop(PASS_SECONDS, use_poll=True, map=sockets, count=1)


def _drain(server: BaseWSGIServer, sockets: Sockets, seconds: float) -> None:
    """Answer what has begun, without new connections, and send it."""
    before = -1
    while before < (before := len(sockets)):  # those that have been made and were not yet seen
        server.handle_accept()
    wasyncore.dispatcher.close(server)  # the listener alone
    deadline = time.monotonic() + seconds
    while (channels := _list_channels(sockets)) and time.monotonic() < deadline:
        for channel in channels:
            channel.drain()
        _run_once(sockets)
    if channels:
        logger.warning("connections are cut", extra={"fields": {"connections": len(channels)}})
    server.task_dispatcher.shutdown(timeout=0)
    wasyncore.close_all(sockets)


def _list_channels(sockets: Sockets) -> list[_Channel]:
    return [each for each in sockets.values() if isinstance(each, _Channel)]
