"""On a terminal a run shows what it does; elsewhere it writes plain lines."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.conftest import PROJECT

# Tests in the background start programs that are deaf to Ctrl+C; a terminal does not.
KEDRO = (
    "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "runpy.run_module('kedro', run_name='__main__', alter_sys=True)"
)
FEW = ("--to-nodes", "data_processing.check_data_quality")  # without the page to look around in
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"  # the cursor


class Terminal:
    """A program that believes to run on a terminal of 80 columns."""

    def __init__(self, data_root: Path, *arguments: str, **variables: str) -> None:
        self._screen, end = pty.openpty()
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        environment = {**os.environ, "PYTHONPATH": "src", "TERM": "xterm", **variables}
        command = ["-c", KEDRO, "run", "--env", "test", "--params", f"data_root={data_root}"]
        self.program = subprocess.Popen(
            [sys.executable, *command, *arguments],
            stdin=end,
            stdout=end,
            stderr=end,
            cwd=PROJECT,
            env=environment,
            start_new_session=True,
        )
        os.close(end)
        self.text = ""

    def read(self, until: str = "") -> None:
        """Take what is written, up to a text or to the end."""
        while not (until and until in self.text):
            try:
                data = os.read(self._screen, 65536)
            except OSError:  # the program is gone
                data = b""
            if not data:
                self.program.wait()
                return
            self.text += data.decode()


@pytest.mark.parametrize(
    ("variables", "colours"), [({}, True), ({"NO_COLOR": "1"}, False)], ids=["colours", "plain"]
)
def test_a_terminal_sees_the_step_that_works(tmp_path, variables, colours):
    terminal = Terminal(tmp_path, *FEW, **variables)
    terminal.read()
    assert terminal.program.returncode == 0
    assert HIDE in terminal.text
    assert terminal.text.rfind(SHOW) > terminal.text.rfind(HIDE)
    assert "3/3" in terminal.text
    assert " s data_processing.check_data_quality" in terminal.text
    assert ("\x1b[3" in terminal.text) is colours


def test_a_terminal_that_cannot_redraw_sees_lines(tmp_path):
    terminal = Terminal(tmp_path, *FEW, TERM="dumb")
    terminal.read()
    assert terminal.program.returncode == 0
    assert "\x1b" not in terminal.text
    assert "data_processing.check_data_quality" in terminal.text


def test_ctrl_c_leaves_the_terminal_as_it_was_and_no_half_file(tmp_path):
    terminal = Terminal(tmp_path, "--to-nodes", "segmentation.candidates.bootstrap_candidates")
    terminal.read(until="segmentation.")
    os.killpg(terminal.program.pid, signal.SIGINT)
    terminal.read()
    assert terminal.program.returncode == 130
    assert terminal.text.rfind(SHOW) > terminal.text.rfind(HIDE)
    assert "Stopped. What finished is saved whole" in " ".join(terminal.text.split())
    assert "Traceback" not in terminal.text
    written = {file.suffix for file in tmp_path.rglob("*") if file.is_file()}
    assert written <= {".parquet", ".html"}


def test_in_a_pipe_stand_plain_lines(tmp_path):
    command = [sys.executable, "-m", "kedro", "run", "--env", "test", *FEW]
    done = subprocess.run(
        [*command, "--params", f"data_root={tmp_path}"],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": "src"},
        check=True,
    )
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert [line.split()[-1] for line in done.stdout.splitlines()[1:4]] == [
        "data_processing.validate_households",
        "data_processing.derive_household_features",
        "data_processing.check_data_quality",
    ]
