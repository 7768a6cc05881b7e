"""What waitress does with bytes, without a process of its own."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from waitress import wasyncore
from waitress.buffers import OverflowableBuffer
from waitress.server import BaseWSGIServer

from customer_segmentation.service.middleware import JsonFormatter
from customer_segmentation.service.parameters import ServiceParameters
from customer_segmentation.service.server import _create_server, listen
from tests.service.conftest import forbid
from tests.service.running import wait_until

ANSWER = 2_200_000  # bytes of the answer to the largest batch


@pytest.fixture
def server(app: Flask, limits: ServiceParameters) -> Iterator[BaseWSGIServer]:
    sockets: dict[int, Any] = {}
    server = _create_server(app, sockets, listen("127.0.0.1", 0), limits)
    yield server
    server.task_dispatcher.shutdown()
    wasyncore.close_all(sockets)


@pytest.fixture
def channel(server: BaseWSGIServer) -> Iterator[Any]:
    """A connection to which a client has sent the start of a request."""
    ours, theirs = socket.socketpair()
    theirs.sendall(b"GET /s3cret")
    yield server.channel_class(server, ours, ("192.0.2.7", 1), server.adj, map={})
    theirs.close()


def test_no_body_goes_to_a_disk(server, limits, monkeypatch):
    monkeypatch.setattr("waitress.buffers.TempfileBasedBuffer", forbid)
    size = 2 * limits.body_bytes - 1
    request = server.channel_class.parser_class(server.adj)
    request.received(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size)
    request.received(b"x" * size)
    assert request.completed
    assert request.error is None
    assert len(request.get_body_stream().read()) == size


def test_no_body_that_is_refused_goes_to_a_disk(server, limits, monkeypatch):
    monkeypatch.setattr("waitress.buffers.TempfileBasedBuffer", forbid)
    request = server.channel_class.parser_class(server.adj)
    request.received(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    request.received(b"fffffff\r\nx")  # a byte that no later piece makes even
    while not request.completed:
        request.received(b"x" * server.adj.recv_bytes)
    assert request.error.code == 413
    assert len(request.body_rcv) > 2 * limits.body_bytes


def test_no_answer_goes_to_a_disk(channel, monkeypatch):
    monkeypatch.setattr("waitress.buffers.TempfileBasedBuffer", forbid)
    (waiting,) = channel.outbufs
    assert isinstance(waiting, OverflowableBuffer)
    waiting.append(b"x" * ANSWER)
    assert len(waiting) == ANSWER


def test_a_fault_of_a_connection_logs_its_type_alone(channel, monkeypatch, caplog):
    def fail(_: Any, data: bytes) -> None:
        raise RuntimeError(data.decode())

    monkeypatch.setattr(channel.parser_class, "received", fail)
    wasyncore.read(channel)
    (record,) = caplog.records
    line = json.loads(JsonFormatter().format(record))
    assert (record.levelno, line["fault"]) == (logging.ERROR, "RuntimeError")
    assert not any(each in json.dumps(line) for each in ("s3cret", "192.0.2.7"))
    assert not channel.connected


def test_a_request_that_came_whole_is_not_cut_and_the_next_has_time_of_its_own(channel):
    channel.received(b"GET / HT")
    channel.received(b"TP/1.1\r\nHost: localhost\r\n\r\n")
    wait_until(lambda: not channel.requests)
    channel.cut_slow(0)
    assert not channel.will_close


@pytest.mark.parametrize(
    "more", [b"G", b"\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n"]
)
def test_a_request_that_is_not_whole_is_cut(channel, more):
    channel.received(more)
    channel.cut_slow(1e9)
    assert not channel.will_close
    channel.cut_slow(0)
    assert channel.will_close
