"""The command from its start to its end, in a process of its own."""

from __future__ import annotations

import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import pytest

from customer_segmentation.cli import cli
from tests.service.running import SECONDS, RunningService, wait_until

JSON = {"Content-Type": "application/json"}


def write_request(service: RunningService, body: bytes, *lines: str) -> bytes:
    head = [
        "POST /segments HTTP/1.1",
        f"Host: 127.0.0.1:{service.port}",
        "Content-Type: application/json",
        *lines,
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


def send(service: RunningService, data: bytes, window: int | None = None) -> socket.socket:
    """Send bytes on a new connection, which is kept; a small window lets responses wait."""
    connection = socket.socket()
    connection.settimeout(SECONDS)
    if window:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    connection.connect(("127.0.0.1", service.port))
    connection.sendall(data)
    return connection


def write_head(*lines: str) -> bytes:
    return "\r\n".join(["POST /segments HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


def receive(connection: socket.socket) -> tuple[HTTPResponse, Any]:
    response = HTTPResponse(connection)
    response.begin()
    return response, json.loads(response.read())


def test_the_command_serves_what_a_run_has_written(service, household, bundle):
    status, answer = service.score(household)
    assert status == 200
    assert answer["segment"] == bundle.examples[0].segment
    assert answer["model_version"] == bundle.version


def test_it_says_its_address_and_logs_in_json_lines(service):
    assert f"http://127.0.0.1:{service.port}" in service.said
    assert "--trusted-host" not in service.said
    assert service.ask("GET", "/health/live")[0] == 200
    wait_until(lambda: any(line.get("route") == "/health/live" for line in service.lines()))
    assert any(line["message"] == "a model is loaded" for line in service.lines())


def test_it_stops_at_ctrl_c_whatever_connections_are_open(start):
    service = start().wait_ready()
    idle = service.connect()
    idle.request("GET", "/health/live")
    idle.getresponse().read()  # and the connection stays open
    assert service.end(signal.SIGINT) == 0


def test_requests_that_have_begun_are_answered(start, household):
    """Halves of bodies, bodies that wait for a thread, and a pipeline on one connection."""
    service = start(threads=1).wait_ready()
    batch = json.dumps({"households": [household] * 300}).encode()
    whole = write_request(service, batch, f"Content-Length: {len(batch)}")
    halves = [send(service, whole[: len(whole) // 2]) for _ in range(4)]
    waiting = [send(service, whole) for _ in range(6)]
    pipeline = send(service, whole * 3)
    service.process.send_signal(signal.SIGTERM)
    for connection in halves:
        connection.sendall(whole[len(whole) // 2 :])
    for connection in [*halves, *waiting]:
        response, content = receive(connection)
        assert response.status == 200
        assert len(content["answers"]) == 300
        assert response.headers["Connection"] == "close"
    with pipeline.makefile("rb") as file:  # one reader for all three: each reads ahead
        said = file.read()
    assert said.count(b"HTTP/1.1 200 OK") == 3
    assert said.count(b'"index":299,') == 3
    assert said.count(b"Connection: close") == 1
    assert service.process.wait(SECONDS) == 0


def test_a_response_that_is_read_slowly_is_sent_to_its_end(start, household):
    service = start().wait_ready()
    batch = json.dumps({"households": [household] * 600}).encode()
    whole = write_request(service, batch, f"Content-Length: {len(batch)}")
    slow = send(service, whole, window=4096)
    wait_until(lambda: any(line.get("answered") == 600 for line in service.lines()))
    service.process.send_signal(signal.SIGTERM)
    assert len(receive(slow)[1]["answers"]) == 600
    assert service.process.wait(SECONDS) == 0


def ask_until_the_end(connection: HTTPConnection, body: bytes) -> int:
    """Ask on one connection until the service closes it; the number of answers."""
    count = 0
    while True:
        connection.request("POST", "/segments", body, JSON)
        response = connection.getresponse()
        assert response.status == 200
        assert json.loads(response.read())["segment"]
        count += 1
        if response.headers["Connection"] == "close":
            return count


def test_no_client_that_goes_on_asking_loses_a_request(start, household):
    service = start().wait_ready()
    body = json.dumps(household).encode()
    with ThreadPoolExecutor(16) as clients:
        asked = [clients.submit(ask_until_the_end, service.connect(), body) for _ in range(16)]
        wait_until(lambda: sum("answered" in line for line in service.lines()) > 200)
        assert service.end(signal.SIGTERM) == 0
        assert sum(each.result() for each in asked) > 200


def test_no_new_connection_is_taken_while_it_drains(start, household):
    service = start().wait_ready()
    body = json.dumps(household).encode()
    whole = write_request(service, body, f"Content-Length: {len(body)}")
    half = send(service, whole[:-1])
    service.process.send_signal(signal.SIGTERM)

    def is_refused() -> bool:
        try:
            service.connect().connect()
        except ConnectionRefusedError:
            return True
        return False

    wait_until(is_refused)
    half.sendall(whole[-1:])
    assert receive(half)[0].status == 200
    assert service.process.wait(SECONDS) == 0


def test_a_request_that_never_ends_does_not_keep_it(start, household):
    service = start(drain_seconds=0.3).wait_ready()
    body = json.dumps(household).encode()
    half = send(service, write_request(service, body, "Content-Length: 9000"))
    assert service.end(signal.SIGTERM) == 0
    assert half.recv(1) == b""
    assert service.lines()[-1] == {**service.lines()[-1], "connections": 1, "level": "warning"}


def test_a_request_that_drips_is_cut_and_who_asks_on_has_time_for_each_request(start):
    service = start(request_seconds=0.5)

    def is_cut(drip: socket.socket) -> bool:
        try:
            drip.sendall(b"\r\n")
        except (BrokenPipeError, ConnectionResetError):
            return True
        return False

    for head in (b"", b"GET / HT", b"POST / HTTP/1.1\r\nContent-Length: 999\r\n\r\n"):
        wait_until(partial(is_cut, send(service, head)))
    connection = service.connect()
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        connection.request("GET", "/health/live")
        assert connection.getresponse().read()
    assert service.lines()


def test_requests_that_stay_half_do_not_keep_it(start, household):
    service = start(drain_seconds=2 * SECONDS).wait_ready()
    halves = [send(service, each) for each in (b"GET / HT", write_head("Content-Length: 9"))]
    assert service.end(signal.SIGTERM) == 0
    assert [half.recv(1) for half in halves] == [b"", b""]
    assert not [line for line in service.lines() if line["level"] == "warning"]


def test_slow_clients_block_nobody(service, household):
    slow = [send(service, write_request(service, b"{", "Content-Length: 9")) for _ in range(20)]
    assert service.score(household)[0] == 200
    for each in slow:
        each.close()


def test_before_there_is_a_model_it_is_alive_and_says_so(start, tmp_path, service_bundle):
    service = start(data_root=tmp_path / "nothing", reload_seconds=0.05)
    assert service.ask("GET", "/health/live")[0] == 200
    for method, path in (("GET", "/health/ready"), ("POST", "/segments"), ("GET", "/model")):
        status, content = service.ask(method, path)
        assert (status, content["error"]["status"]) == (503, 503)
    wait_until(lambda: any("There is no file" in line["message"] for line in service.lines()))
    place = tmp_path / "nothing" / "07_model_output"
    place.mkdir(parents=True)
    (place / "scoring_bundle").symlink_to(service_bundle)
    service.wait_ready()


def test_a_port_that_is_taken_is_named(service, kedro_serve):
    result = kedro_serve("--port", str(service.port))
    assert result.exit_code == 1
    assert f"127.0.0.1, port {service.port}: Address already in use. " in result.stderr
    assert result.stderr.count(str(service.port)) == 1
    assert "--port" in result.stderr


@pytest.mark.parametrize("port", ["-1", "65536", "http", ""])
def test_a_port_that_is_none_is_refused(kedro_serve, port):
    result = kedro_serve("--port", port)
    assert result.exit_code == 2
    assert "--port" in result.stderr


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.name.invalid"])
def test_an_address_of_another_machine_is_refused(kedro_serve, host):
    result = kedro_serve("--insecure", "--port", "0", "--host", host)
    assert result.exit_code == 1
    assert f"cannot listen at {host}" in result.stderr


def test_other_machines_need_a_token(kedro_serve):
    result = kedro_serve("--host", "0.0.0.0")
    assert result.exit_code == 1
    assert "CUSTOMER_SEGMENTATION_TOKEN" in result.stderr


def test_a_service_for_everybody_says_so_loudly(start):
    service = start("--host", "0.0.0.0", "--insecure")
    assert "EVERYBODY" in service.said
    assert "--trusted-host" in service.said
    assert service.ask("GET", "/health/live")[0] == 200


def test_a_token_from_the_environment_and_names_of_the_command_line_hold(start):
    token = "a secret of some length".replace(" ", "-")
    names = ("--trusted-host", "Scores.example", "--trusted-host", "other.example")
    environment = {"CUSTOMER_SEGMENTATION_TOKEN": token}
    service = start("--host", "0.0.0.0", *names, environment=environment)
    assert "EVERYBODY" not in service.said
    assert service.ask("GET", "/metrics")[0] == 401
    assert service.ask("GET", "/metrics", headers={"Authorization": f"Bearer {token}"})[0] == 200
    for name, status in (("scores.example", 200), ("other.example:1", 200), ("evil.example", 400)):
        assert service.ask("GET", "/health/live", headers={"Host": name})[0] == status


def test_the_command_is_one_of_the_project():
    assert set(cli.commands) == {"run", "serve"}


MALFORMED = {
    "no request": (b"hello\r\n\r\n", 400),
    "a header that is none": (b"GET / HTTP/1.1\r\nbad header\r\n\r\n", 400),
    "a bare line feed": (b"GET / HTTP/1.1\r\nHost: <script>\nx\r\n\r\n", 400),
    "a length that is none": (b"POST /segments HTTP/1.1\r\nContent-Length: <b>\r\n\r\n", 400),
    "a length of 5000 digits": (write_head("Content-Length: " + "9" * 5000), 400),
    "another coding": (write_head("Transfer-Encoding: gzip"), 400),
    "one coding more": (write_head("Transfer-Encoding: gzip, chunked"), 400),
    "an unknown coding": (write_head("Transfer-Encoding: xchunked"), 400),
    "a coding twice": (write_head("Transfer-Encoding: chunked, chunked"), 400),
    "two codings": (write_head("Transfer-Encoding: chunked", "Transfer-Encoding: gzip"), 400),
    "a coding of nothing": (write_head("Transfer-Encoding:", "Content-Length: 0"), 400),
    "two ends": (write_head("Transfer-Encoding: chunked", "Content-Length: 3") + b"0\r\n\r\n", 400),
    "two ends, the other first": (
        write_head("Content-Length: 3", "TRANSFER-encoding:chunked"),
        400,
    ),
    "a coding of the new in the old": (
        write_head("Transfer-Encoding: chunked").replace(b"1.1", b"1.0"),
        400,
    ),
    "a host that is none": (b"GET http://[script]/ HTTP/1.1\r\n\r\n", 400),
    "half a host": (b"GET http://[/ HTTP/1.1\r\n\r\n", 400),
    "no path": (b"GET ? HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "a path that begins nowhere": (b"GET model HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "headers without end": (b"GET / HTTP/1.1\r\nX: " + b"x" * 20000 + b"\r\n\r\n", 431),
    "a body without end": (b"POST /segments HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_what_is_no_request_gets_a_plain_answer(service, case):
    data, status = MALFORMED[case]
    response, content = receive(send(service, data))
    assert (response.status, content["error"]["status"]) == (status, status)
    assert response.headers["Connection"] == "close"
    assert "script" not in json.dumps(content)
    assert response.headers["Server"] is None
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Request-ID"] == content["request_id"]


def chunk(body: bytes) -> bytes:
    return b"".join(
        b"%x\r\n%s\r\n" % (len(part), part)
        for part in [*(body[at : at + 50_000] for at in range(0, len(body), 50_000)), b""]
    )


@pytest.mark.parametrize(("size", "status"), [(0, 200), (1_048_000, 200), (1_048_577, 413)])
def test_a_body_in_chunks_has_the_same_limit(service, household, size, status):
    body = json.dumps(household).encode().ljust(size)
    asked = write_request(service, chunk(body), "Transfer-Encoding: chunked")
    response, content = receive(send(service, asked))
    assert response.status == status
    assert ("segment" in content) == (status == 200)
