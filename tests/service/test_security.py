"""Who may ask, what a browser may do with the answers, and what nobody is told."""

from __future__ import annotations

import base64
import json
import logging

import pytest

from customer_segmentation.service.answers import Model
from customer_segmentation.service.middleware import AccessError, JsonFormatter, allow_access
from tests.service.conftest import TOKEN

POLICY = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "connect-src": ["'self'"],
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
}
PATHS = ["/segments", "/model", "/openapi.json", "/metrics", "/docs", "/docs/swagger-ui.css"]
PAGES = ["/", "/?known=demographics", "/?known=x", "/batch", "/batch/example.csv"]
ALL = [
    *PATHS,
    *PAGES,
    "/health/live",
    "/health/ready",
    "/static/try_it.js",
    "/nothing",
    "/static/nothing",
]


def basic(password, user="anybody"):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("path", [*PATHS, "/static/try_it.js", "/nothing", "/"])
def test_without_the_token_nothing_is_told(closed, path):
    for method in ("GET", "POST", "NONSENSE"):
        response = closed.open(path, method=method)
        assert response.status_code == 401
        assert response.json["error"]["title"] == "Unauthorized"
        kinds = [each.split()[0] for each in response.headers.getlist("WWW-Authenticate")]
        assert sorted(kinds) == ["Basic", "Bearer"]


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_whoever_watches_the_service_needs_no_token(closed, path):
    assert closed.get(path).status_code == 200


@pytest.mark.parametrize(
    "told", [f"Bearer {TOKEN}", f"bearer {TOKEN}", basic(TOKEN), basic(TOKEN, "")]
)
def test_the_token_opens_as_bearer_and_as_password(closed, told, household):
    told = {"Authorization": told}
    for path in PATHS[1:]:
        assert closed.get(path, headers=told).status_code == 200
    assert closed.post("/segments", json=household, headers=told).status_code == 200


WRONG = [
    *("", TOKEN, "Bearer", "Bearer ", "Bearer wrong", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"),
    *(f"Bearer {TOKEN.upper()}", f"Token {TOKEN}", f"Bearer token={TOKEN}", "Basic", "Basic ===="),
    *(basic(""), basic("wrong"), basic(f"{TOKEN} "), basic("x", TOKEN), f"Basic {TOKEN}"),
    *(f"Foo password={TOKEN}", f'Digest username="x", password="{TOKEN}"', f"password={TOKEN}"),
    *("Basic " + base64.b64encode(b"\xff:\xff").decode(), f"Digest username={TOKEN}", "Bearer é"),
]


@pytest.mark.parametrize("told", WRONG)
def test_anything_else_does_not_open(closed, told):
    assert closed.get("/model", headers={"Authorization": told}).status_code == 401


def test_without_a_token_nobody_is_asked(client):
    assert client.get("/model").status_code == 200
    assert client.get("/model", headers={"Authorization": "Bearer anything"}).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1"])
def test_this_machine_needs_no_token(host):
    assert allow_access(host, [], "", insecure=False).token == ""


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.0.2.1", "scores.example", "127.0.0.1.x", ""]
)
def test_other_machines_need_one_unless_everybody_may(host):
    with pytest.raises(AccessError, match="--insecure"):
        allow_access(host, [], "", insecure=False)
    assert allow_access(host, [], "", insecure=True).token == ""
    assert allow_access(host, [], TOKEN, insecure=False).token == TOKEN


@pytest.mark.parametrize(
    "token", ["x" * 15, "spaces in the middle", "ümläute-in-the-token", "x" * 20 + "\n"]
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_token_that_is_short_or_cannot_be_sent_is_refused(token, host):
    with pytest.raises(AccessError, match="16 characters"):
        allow_access(host, [], token, insecure=True)


@pytest.mark.parametrize(
    ("listening", "host", "status"),
    [
        ("127.0.0.1", "localhost", 200),
        ("127.0.0.1", "localhost:8000", 200),
        ("127.0.0.1", "LOCALHOST:1", 200),
        ("127.0.0.1", "127.0.0.1:8000", 200),
        ("127.0.0.1", "[::1]:8000", 200),
        ("0.0.0.0", "127.0.0.1:8000", 200),
        ("0.0.0.0", "0.0.0.0:8000", 400),
        ("0.0.0.0", "192.0.2.7", 400),
        ("192.0.2.7", "192.0.2.7:8000", 200),
        ("2001:db8::7", "[2001:DB8::7]:8000", 200),
        ("scores.example", "Scores.Example", 200),
        ("127.0.0.1", "evil.example", 400),
        ("127.0.0.1", "localhost.evil.example", 400),
        ("127.0.0.1", "evil.localhost", 400),
        ("127.0.0.1", "localhost@evil.example", 400),
        ("127.0.0.1", "evil.example:localhost", 400),
        ("127.0.0.1", "localhost:80:80", 400),
        ("127.0.0.1", "localhost:port", 400),
        ("127.0.0.1", "localhost/x", 400),
        ("127.0.0.1", "localhost\t", 400),
        ("127.0.0.1", "", 400),
        ("127.0.0.1", "trusted.example:99", 200),
    ],
)
def test_the_service_answers_to_its_names_only(models, open_app, listening, host, status):
    access = allow_access(listening, ["trusted.example"], "", insecure=True)
    client = open_app(models, access).test_client()
    for path in ("/health/live", "/model", "/nothing"):
        response = client.get(path, headers={"Host": host})
        assert response.status_code == (404 if (path, status) == ("/nothing", 200) else status)


def test_who_calls_by_another_name_is_told_no_option_of_the_command(client):
    response = client.get("/model", headers={"Host": "evil.example"})
    assert response.json["error"]["message"] == "The service is not called by this name."


def test_no_header_says_another_name(client):
    told = {"Host": "evil.example", "X-Forwarded-Host": "localhost", "X-Forwarded-For": "127.0.0.1"}
    assert client.get("/model", headers=told).status_code == 400


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "DELETE"])
def test_every_response_is_protected(client, path, method):
    headers = client.open(path, method=method).headers
    policy = [part.split() for part in headers["Content-Security-Policy"].split(";")]
    assert {name: sources for name, *sources in policy} == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["X-Request-ID"]
    assert "Set-Cookie" not in headers
    assert not [name for name, _ in headers if name.startswith("Access-Control-")]


def test_answers_are_not_stored(client, household):
    assert client.post("/segments", json=household).headers["Cache-Control"] == "no-store"
    for path in PATHS[:-1] + PAGES:
        assert client.get(path).headers["Cache-Control"] == "no-store"
    assert "no-store" not in client.get("/docs/swagger-ui.css").headers["Cache-Control"]


def test_another_origin_is_allowed_nothing(client):
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    response = client.options("/segments", headers=asked)
    assert response.status_code == 405
    assert not [name for name, _ in response.headers if name.startswith("Access-Control-")]


@pytest.mark.parametrize("path", ["/", "/batch", "/segments", "/nothing"])
@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "anything", "None"])
def test_the_page_of_another_site_sends_nothing(client, path, site):
    response = client.post(path, headers={"Sec-Fetch-Site": site})
    assert response.status_code == 403
    assert response.json["error"]["title"] == "Forbidden"


@pytest.mark.parametrize("site", [{}, *({"Sec-Fetch-Site": x} for x in ("same-origin", "none"))])
def test_its_own_pages_and_programs_may_send(client, household, site):
    assert client.post("/segments", json=household, headers=site).status_code == 200
    assert client.post("/batch", headers=site).status_code == 422


def test_a_link_from_another_site_may_lead_to_it(client):
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


@pytest.fixture
def faulty(client, monkeypatch):
    """A service with a bug that has a secret in its message."""

    def fail(*_, **__):
        raise RuntimeError("a secret of a household")

    monkeypatch.setattr(Model, "answer", fail)
    return client


def test_a_fault_tells_nothing_of_itself(faulty, household):
    response = faulty.post("/segments", json=household)
    assert response.status_code == 500
    assert set(response.json) == {"error", "request_id"}
    text = response.get_data(as_text=True)
    assert not any(word in text for word in ("secret", "RuntimeError", "Traceback", ".py"))


def test_a_fault_is_logged_with_its_place_and_not_its_message(faulty, household, caplog):
    caplog.set_level(logging.INFO)
    told = faulty.post("/segments", json=household).json["request_id"]
    lines = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    assert [line["level"] for line in lines] == ["error", "info"]
    assert {line["request_id"] for line in lines} == {told}
    assert lines[0]["fault"] == "RuntimeError"
    assert "test_security.py" in lines[0]["places"][-1]
    assert "secret" not in json.dumps(lines)


@pytest.mark.parametrize("debug", ["0", "1", "true"])
def test_debugging_is_off_whatever_the_environment_says(models, open_app, monkeypatch, debug):
    monkeypatch.setenv("FLASK_DEBUG", debug)
    app = open_app(models)
    assert app.debug is False
    assert app.testing is False
    assert app.test_client().get("/console").status_code == 404
