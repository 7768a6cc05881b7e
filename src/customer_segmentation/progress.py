"""What a terminal shows while a run works: the step, how many are done, and its seconds."""

from __future__ import annotations

import logging
import sys
from time import perf_counter
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
)
from rich.text import Text


class _StepSeconds(ProgressColumn):
    """The seconds of the step that works now; they move although the step says nothing."""

    def render(self, task: Task) -> Text:
        """Count from when the step started."""
        return Text(f"{perf_counter() - task.fields['started']:4.0f} s")


class RunProgress:
    """One live line at the foot of a terminal; nothing where the output goes elsewhere.

    Lines of the log appear above it.
    """

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._led: list[tuple[logging.StreamHandler[TextIO], TextIO]] = []

    def start(self, steps: int) -> None:
        """Show the line, if somebody looks at a terminal that can redraw it.

        Args:
            steps: Number of steps of the run.
        """
        console = Console()
        if not console.is_terminal or console.is_dumb_terminal:
            return
        self._bar = Progress(
            SpinnerColumn(),
            MofNCompleteColumn(),
            BarColumn(bar_width=20),
            _StepSeconds(),
            TextColumn("{task.description}"),
            console=console,
            transient=True,
        )
        self._bar.add_task("", total=steps, started=perf_counter())
        stdout = sys.stdout
        self._bar.start()
        self._lead_logs(stdout)

    def show(self, step: str) -> None:
        """Name the step that starts now."""
        if self._bar:
            self._bar.update(self._bar.task_ids[0], description=step, started=perf_counter())

    def advance(self) -> None:
        """Count a step as done."""
        if self._bar:
            self._bar.advance(self._bar.task_ids[0])

    def stop(self) -> None:
        """Take the line away; the terminal is as it was. May be called again."""
        if self._bar is None:
            return
        self._bar.stop()
        self._bar = None
        for handler, stream in self._led:
            handler.setStream(stream)
        self._led.clear()

    def _lead_logs(self, stdout: TextIO) -> None:
        """Lead the log to what stands for standard output now, which prints above the line."""
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is stdout:
                self._led.append((handler, stdout))
                handler.setStream(sys.stdout)
