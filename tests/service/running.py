"""The real command in a process of its own, as a user starts it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from tests.conftest import PROJECT

SECONDS = 60  # until a wait that never ends fails its test
ADDRESS = re.compile(r"http://(.+):(\d+) until")


class RunningService:
    """`kedro serve` on a free port.

    Args:
        data_root: Where the scoring bundle lies, as a run writes it.
        log: The file that takes its log lines.
        options: More of the command line.
        environment: More of the environment.
        parameters: Values of `conf/base/parameters_service.yml`, by key.

    Attributes:
        said: What it has said on standard error before it serves.
    """

    def __init__(
        self,
        data_root: Path,
        log: Path,
        *options: str,
        environment: Mapping[str, str] | None = None,
        **parameters: object,
    ) -> None:
        settings = [f"service.{key}={value}" for key, value in parameters.items()]
        params = ",".join([f"data_root={data_root.as_posix()}", *settings])
        command = [sys.executable, "-m", "kedro", "serve", "--port", "0", "--params", params]
        self._log = log
        with log.open("wb") as lines:
            self.process = subprocess.Popen(
                [*command, *options],
                cwd=PROJECT,
                env={**os.environ, "DO_NOT_TRACK": "1", **(environment or {})},
                stdout=lines,
                stderr=subprocess.PIPE,
                text=True,
            )
        self.said = ""
        assert self.process.stderr
        while not (found := ADDRESS.search(self.said)):
            line = self.process.stderr.readline()
            assert line, f"the service has stopped: {self.said}"
            self.said += line
        self.port = int(found[2])

    def connect(self) -> HTTPConnection:
        """A connection of one's own, which is kept."""
        return HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Ask by a new connection: status and content of the answer."""
        connection = self.connect()
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        content = response.read()
        connection.close()
        is_json = response.headers["Content-Type"] == "application/json"
        return response.status, json.loads(content) if is_json else content.decode()

    def score(self, content: object, query: str = "") -> tuple[int, Any]:
        """Ask for segments."""
        body = json.dumps(content).encode()
        return self.ask("POST", f"/segments{query}", body, {"Content-Type": "application/json"})

    def wait_ready(self) -> RunningService:
        """Wait until a model serves."""
        wait_until(lambda: self.ask("GET", "/health/ready")[0] == 200)
        return self

    def lines(self) -> list[dict[str, Any]]:
        """The log lines so far."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def end(self, number: int) -> int:
        """Send a signal, and wait for the exit code."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS)

    def kill(self) -> None:
        """End the process at once if it still runs."""
        self.process.kill()
        self.process.wait(SECONDS)
        assert self.process.stderr
        self.process.stderr.close()


def wait_until(holds: Callable[[], bool]) -> None:
    """Ask again and again until something holds, or fail."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except (OSError, HTTPException):
            pass
        time.sleep(0.02)  # between two questions, not instead of one
    raise AssertionError("it never happened")
