"""Log lines: one for each request, in JSON, and nothing of what was sent."""

from __future__ import annotations

import io
import json
import logging
import re
import warnings
from datetime import UTC, datetime

import pytest

from customer_segmentation.service.middleware import JsonFormatter, configure_logging


@pytest.fixture
def lines(caplog):
    """The lines so far, as they would be written."""
    caplog.set_level(logging.INFO)
    return lambda: [json.loads(JsonFormatter().format(record)) for record in caplog.records]


def test_a_request_is_one_line(client, household, bundle, lines):
    response = client.post("/segments?reasons=false", json=household)
    (line,) = lines()
    assert datetime.fromisoformat(line.pop("time")).tzinfo == UTC
    assert 0 < line.pop("milliseconds") < 60_000
    assert line == {
        "level": "info",
        "message": "request",
        "request_id": response.headers["X-Request-ID"],
        "method": "POST",
        "route": "/segments",
        "status": 200,
        "bytes": len(response.data),
        "model_version": bundle.version,
        "answered": 1,
        "refused": 0,
    }
    assert response.json["request_id"] == response.headers["X-Request-ID"]


def test_a_batch_is_counted(client, household, lines):
    client.post("/segments", json={"households": [household, {}, household]})
    assert (lines()[0]["answered"], lines()[0]["refused"]) == (2, 1)


def test_nothing_that_was_sent_is_logged(client, household, lines):
    secret = "s3cret"
    for record in ({**household, secret: 1}, {**household, "transactions": secret}):
        client.post("/segments", json=record)
        client.post("/segments", json={"households": [record]})
    client.post("/segments", data=secret, content_type="application/json")
    client.post(f"/segments?{secret}={secret}", json=household)
    client.get(f"/{secret}", headers={"User-Agent": secret, "Referer": secret, "Cookie": secret})
    client.open("/segments", method="S3CRET")
    client.get("/model", headers={"Authorization": f"Bearer {secret}", "Host": secret})
    told = lines()
    assert len(told) == 9
    assert secret not in json.dumps(told).lower()
    assert {line["route"] for line in told} == {"/segments", "other"}


def test_an_id_that_is_a_plain_word_is_kept(client, lines):
    for brought in ("abc", "A-b_c.9", "x" * 64, "0"):
        response = client.get("/health/live", headers={"X-Request-ID": brought})
        assert response.headers["X-Request-ID"] == brought
        assert lines()[-1]["request_id"] == brought


AWKWARD = ["", " ", "a b", "x" * 65, "é", '"', "a\tb", "<b>", "a;b", '","level":"fatal', "\x7f"]


@pytest.mark.parametrize("brought", AWKWARD, ids=ascii)
def test_any_other_id_is_replaced(client, lines, brought):
    response = client.get("/health/live", headers={"X-Request-ID": brought})
    assert re.fullmatch(r"[0-9a-f]{16}", response.headers["X-Request-ID"])
    assert lines()[-1]["request_id"] == response.headers["X-Request-ID"]


def test_ids_differ(client):
    ids = {client.get("/health/live").headers["X-Request-ID"] for _ in range(200)}
    assert len(ids) == 200


def test_a_line_is_one_line_whatever_it_says():
    record = logging.LogRecord("x", logging.INFO, "", 0, 'a\nb\r"c\u2028%s', ("d\n",), None)
    line = JsonFormatter().format(record)
    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line)["message"] == 'a\nb\r"c\u2028d\n'


@pytest.fixture
def _logging_restored():
    root = logging.getLogger()
    before = [
        (each, each.level, list(each.handlers))
        for each in map(
            logging.getLogger, (None, "customer_segmentation", "waitress", "py.warnings")
        )
    ]
    yield
    logging.captureWarnings(capture=False)
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers = handlers
    assert root.handlers == before[0][2]


@pytest.mark.usefixtures("_logging_restored")
def test_the_whole_process_logs_in_json():
    stream = io.StringIO()
    configure_logging(stream)
    logging.getLogger("customer_segmentation.anything").info("ours")
    logging.getLogger("another").info("not asked for")
    logging.getLogger("another").warning("theirs")
    logging.getLogger("waitress").warning("with a path")
    warnings.warn("of a library", UserWarning, stacklevel=1)
    messages = [json.loads(line)["message"] for line in stream.getvalue().splitlines()]
    assert messages[:2] == ["ours", "theirs"]
    assert "of a library" in messages[2]
    assert len(messages) == 3
