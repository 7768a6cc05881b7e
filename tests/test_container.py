"""What the container promises, and that it is made and started as the Makefile does it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import PurePosixPath
from threading import Thread
from typing import Any

import pytest
import yaml

from tests.conftest import PROJECT, load_config

BASE = "python:3.11-slim"
PORT = "8000"
TOKEN = "CUSTOMER_SEGMENTATION_TOKEN"
Instructions = list[tuple[str, str]]


def read_dockerfile() -> list[Instructions]:
    """The stages of the Dockerfile; each is its instructions, the words apart from the rest."""
    lines = (PROJECT / "Dockerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    pairs = [line.split(None, 1) for line in re.sub(r"\\\n\s*", "", text).splitlines() if line]
    starts = [number for number, pair in enumerate(pairs) if pair[0] == "FROM"]
    ends = [*starts[1:], len(pairs)]
    return [[(a, b) for a, b in pairs[i:j]] for i, j in zip(starts, ends, strict=True)]


STAGES = read_dockerfile()
FINAL = STAGES[-1]
ALL = [instruction for stage in STAGES for instruction in stage]
COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "compose.yaml").read_text())
SCORING: dict[str, Any] = COMPOSE["services"]["scoring"]


def every(word: str, instructions: Instructions) -> list[str]:
    return [rest for name, rest in instructions if name == word]


def the(word: str) -> str:
    """What the one instruction of a kind in the last stage says."""
    (rest,) = every(word, FINAL)
    return rest


def environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in shlex.split(the("ENV")))


def health_check() -> tuple[dict[str, str], list[str]]:
    options, command = the("HEALTHCHECK").split("CMD ")
    pairs = (option.removeprefix("--").split("=", 1) for option in options.split())
    return dict(pairs), json.loads(command)


def make_would_run(*arguments: str, **variables: str) -> list[str]:
    """The commands of a target with all that it needs, which `make` only prints."""
    kept = {k: v for k, v in os.environ.items() if k not in ("HOST", "PORT", "MAKEFLAGS")}
    printed = subprocess.run(
        ["make", "--dry-run", "--always-make", "--no-print-directory", *arguments],
        cwd=PROJECT,
        env={**kept, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return printed.stdout.splitlines()


def test_all_stages_stand_on_one_base_with_its_version_named():
    bases = [base.split(" AS ") for base in every("FROM", ALL)]
    names = {name for _, *named in bases for name in named}
    assert {base for base, *_ in bases} - names == {BASE}


def test_the_environment_is_made_by_the_commands_of_the_makefile():
    commands = make_would_run(".venv/run.stamp", "PYTHON=python3.11")
    made = [command for command in commands if " -m " in command]
    assert [step for run in every("RUN", ALL) for step in run.split(" && ")] == made
    assert made[0] == "python3.11 -m venv .venv"
    assert "--require-hashes --requirement requirements.lock" in made[1]


def test_the_environment_lies_where_it_was_made():
    (folder,) = every("WORKDIR", ALL)
    assert f"--from=environment {folder}/.venv .venv" in every("COPY", FINAL)


def test_the_service_is_started_by_the_command_of_the_makefile():
    *_, command = make_would_run("serve", "HOST=0.0.0.0", f"PORT={PORT}")
    assert json.loads(the("CMD")) == shlex.split(command)
    assert "command" not in SCORING


@pytest.mark.parametrize(
    ("arguments", "variables", "address"),
    [
        ((), {}, "--host 127.0.0.1 --port 8000"),
        (("PORT=8123",), {}, "--host 127.0.0.1 --port 8123"),
        ((), {"PORT": "8123", "HOST": "::1"}, "--host ::1 --port 8123"),
    ],
)
def test_make_serve_stays_on_this_machine_unless_told_otherwise(arguments, variables, address):
    *_, command = make_would_run("serve", *arguments, **variables)
    assert command == f".venv/bin/kedro serve {address}"


def test_neither_make_nor_the_image_sends_usage_statistics():
    assert "export DO_NOT_TRACK := 1" in (PROJECT / "Makefile").read_text().splitlines()
    assert environment()["DO_NOT_TRACK"] == "1"


def test_the_build_sees_only_what_the_image_takes():
    lines = (PROJECT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    let_in = [rule.removeprefix("!") for rule in rules if rule.startswith("!")]
    copied = [rest.split() for rest in every("COPY", ALL) if not rest.startswith("--from")]
    assert rules[0] == "*"
    assert sorted(let_in) == sorted(source for *sources, _ in copied for source in sources)
    assert rules[len(let_in) + 1 :] == ["conf/local", "**/__pycache__"]
    assert not {"data", ".git", ".venv", "tests", "notebooks", ".env", "."} & set(let_in)


def test_the_image_holds_no_secret():
    names = {name.upper() for name in (*environment(), *every("ARG", ALL))}
    assert [name for name in names if re.search("TOKEN|SECRET|PASSWORD|KEY", name)] == []
    assert every("ADD", ALL) == []


def test_the_image_runs_as_a_user_by_number_who_owns_nothing():
    user, group = the("USER").split(":")
    assert int(user) > 999
    assert int(group) > 999
    assert [rest for rest in every("COPY", ALL) if "--chown" in rest] == []
    words = [word for word, _ in FINAL]
    assert not {"RUN", "COPY"} & set(words[words.index("USER") :])
    assert SCORING["user"] == the("USER")


def test_the_image_stops_by_the_signal_that_drains():
    assert the("STOPSIGNAL") == "SIGTERM"


class Health(HTTPServer):
    """A server whose `/health/ready` answers with its `status`."""

    status = 200


class HealthHandler(BaseHTTPRequestHandler):
    """Answers for the server, and keeps quiet."""

    server: Health

    def do_GET(self) -> None:
        self.send_response(self.server.status if self.path == "/health/ready" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def health() -> Iterator[Health]:
    with Health(("127.0.0.1", 0), HealthHandler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (404, False)])
def test_the_health_check_asks_the_service_whether_it_is_ready(health, status, healthy):
    health.status = status
    _, (python, *arguments) = health_check()
    assert python == ".venv/bin/python"
    here = [argument.replace(f":{PORT}/", f":{health.server_port}/") for argument in arguments]
    proxy = {"http_proxy": "http://127.0.0.1:9"}  # leads nowhere
    result = subprocess.run([sys.executable, *here], env=proxy, capture_output=True, check=False)
    assert (result.returncode == 0) is healthy


def test_compose_checks_the_health_as_the_image_does():
    options, command = health_check()
    checked = {name.replace("_", "-"): str(v) for name, v in SCORING["healthcheck"].items()}
    assert checked.pop("test") == str(["CMD", *command])
    assert checked == options


def test_the_port_is_one_everywhere():
    _, command = health_check()
    (published,) = SCORING["ports"]
    assert f"http://127.0.0.1:{PORT}/" in command[-1]
    assert published.endswith(f":{PORT}")
    assert the("EXPOSE") == PORT


def test_the_service_is_published_on_loopback_only():
    assert [port for port in SCORING["ports"] if not port.startswith("127.0.0.1:")] == []


def test_the_root_file_system_is_read_only_and_caches_go_to_memory():
    assert SCORING["read_only"] is True
    (memory,) = SCORING["tmpfs"]
    assert re.fullmatch(r"/tmp:size=\d+m,mode=1777", memory)
    assert environment()["HOME"] == "/tmp"
    assert environment()["PYTHONDONTWRITEBYTECODE"] == "1"


def test_the_bundle_is_mounted_read_only_where_the_catalog_has_it():
    (volume,) = SCORING["volumes"]
    (folder,) = every("WORKDIR", ALL)
    manifest = PurePosixPath(load_config()["catalog"]["scoring_bundle"]["filepath"])
    assert PurePosixPath(volume["source"]) == manifest.parent
    assert volume["target"] == f"{folder}/{manifest.parent}"
    assert volume["read_only"] is True
    assert volume["bind"] == {"create_host_path": False}


def test_the_service_has_no_more_rights_than_it_needs():
    assert SCORING["cap_drop"] == ["ALL"]
    assert SCORING["security_opt"] == ["no-new-privileges:true"]
    widening = {"privileged", "cap_add", "devices", "group_add", "ipc", "network_mode", "pid"}
    assert not widening & set(SCORING)


def test_the_service_cannot_use_up_the_machine():
    assert re.fullmatch(r"\d+[mg]", SCORING["mem_limit"])
    assert 0 < SCORING["pids_limit"] <= 1000
    assert re.fullmatch(r"\d+s", SCORING["stop_grace_period"])


def test_the_token_comes_from_outside_and_its_absence_is_told():
    (name, value), *others = SCORING["environment"].items()
    assert (name, others) == (TOKEN, [])
    assert re.fullmatch(rf"\$\{{{TOKEN}:\?[a-z0-9, .]+\}}", value)
