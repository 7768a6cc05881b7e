"""Around every run: parameters are checked before it, each finished node is reported."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from types import FrameType
from typing import Any, TextIO

import click
import yaml
from kedro.config import AbstractConfigLoader
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import LOGGING
from kedro.io import CatalogProtocol, SharedMemoryDataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
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

logger = logging.getLogger(__name__)

BASE_ENV = "base"
CONFIG_SUFFIXES = (".yml", ".yaml", ".json")
GLOBAL_IN_USE = re.compile(r"\$\{globals:\s*(\w+)")


def config_files(loader: AbstractConfigLoader) -> Iterator[Path]:
    """List each file of the base environment and of the one that is run, once."""
    for env in sorted({BASE_ENV, loader.env or BASE_ENV}):
        for file in sorted(Path(loader.conf_source, env).rglob("*")):
            if file.suffix in CONFIG_SUFFIXES:
                yield file


class ProjectLogging:
    """Takes the project's own logging wherever the run is started from."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Read conf/logging.yml; Kedro itself looks for it only below the working folder."""
        file = Path(context.project_path, "conf", "logging.yml")
        elsewhere = Path.cwd() != Path(context.project_path)
        if elsewhere and file.is_file() and "KEDRO_LOGGING_CONFIG" not in os.environ:
            LOGGING.configure(yaml.safe_load(file.read_text(encoding="utf-8")))


class ParameterCheck:
    """Checks all parameters before the catalog exists, whichever pipeline is asked for."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Refuse unknown keys and bad values; Kedro itself looks only at the keys that nodes use.

        Raises:
            ParameterError: As `parameters.check_parameters`; or the globals hold a key that no
                file of the configuration uses.
        """
        from customer_segmentation.parameters import check_parameters

        _check_globals(context.config_loader)
        check_parameters(context.config_loader["parameters"])


def _check_globals(loader: AbstractConfigLoader) -> None:
    from customer_segmentation.parameters import ParameterError

    # A file in another encoding is refused by the loader, which names it.
    texts = [file.read_text(encoding="utf-8", errors="replace") for file in config_files(loader)]
    in_use = {key for text in texts for key in GLOBAL_IN_USE.findall(text)}
    unknown = set(loader["globals"]) - in_use
    if texts and unknown:
        raise ParameterError(
            f"Nothing uses these keys of the globals: {', '.join(sorted(unknown))}. Correct them "
            f"in the globals files below {loader.conf_source}; in use are "
            f"{', '.join(sorted(in_use))}."
        )


class RunReport:
    """Shows how a run gets on, logs one line for each finished node, and sums up at the end.

    Where nodes run in processes of their own, each process has a copy of this.
    """

    def __init__(self) -> None:
        self._started: dict[str, float] = {}
        self._line = LiveLine()
        self._interruption = Interruption()

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
        """Start the clock."""
        self._started = {"": perf_counter()}
        logger.info("%d nodes to run", len(pipeline.nodes))
        # Other processes could not redraw the line.
        if not isinstance(catalog, SharedMemoryDataCatalog):
            self._line.start(len(pipeline.nodes))
        self._interruption.listen()
        if command := click.get_current_context(silent=True):
            command.call_on_close(self._line.stop)  # however the run ends, Ctrl+C included

    @hook_impl
    def before_dataset_loaded(self, node: Node) -> None:
        """Start the clock of a node with its first load."""
        self._started.setdefault(node.name, perf_counter())

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Show which node works, unless the run was told to stop."""
        self._interruption.check()
        self._line.show(node.name)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """Report the node whose last output was just saved, with the seconds of loads and saves."""
        if dataset_name == node.outputs[-1]:
            self._log(node.name, node.name)
            self._line.advance()

    @hook_impl
    def on_node_error(self, node: Node) -> None:
        """Say which node stopped the run; why is said at the end."""
        self._line.stop()
        self._log(node.name, f"{node.name} stopped")

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
        """Report the seconds of the whole run, what it found, and where that is."""
        from customer_segmentation.run_summary import summarise_run

        self._line.stop()
        self._interruption.stop()
        self._log("", "in all")
        if summary := summarise_run(pipeline.all_outputs(), catalog):
            logger.info("\n%s", summary)

    def _log(self, name: str, text: str) -> None:
        logger.info("%7.2f s  %s", perf_counter() - self._started.pop(name), text)


class _StepSeconds(ProgressColumn):
    """The seconds of the step that works now; they move although the step says nothing."""

    def render(self, task: Task) -> Text:
        """Count from when the step started."""
        return Text(f"{perf_counter() - task.fields['started']:4.0f} s")


class LiveLine:
    """The step that works, at the foot of a terminal below the lines of the log.

    Nothing where the output goes elsewhere, or cannot be redrawn.
    """

    def __init__(self) -> None:
        self._bar = Progress(disable=True)
        self._task = self._bar.add_task("")

    def start(self, steps: int) -> None:
        """Show the line for a run of so many steps."""
        console = Console()
        self._bar = Progress(
            SpinnerColumn(),
            MofNCompleteColumn(),
            BarColumn(bar_width=20),
            _StepSeconds(),
            TextColumn("{task.description}"),
            console=console,
            disable=not console.is_terminal or console.is_dumb_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("", total=steps, started=perf_counter())
        stdout = sys.stdout
        self._bar.start()
        _lead_logs(stdout, sys.stdout)  # to what stands for it now, and prints above the line

    def show(self, step: str) -> None:
        """Name the step that starts now."""
        self._bar.update(self._task, description=step, started=perf_counter())

    def advance(self) -> None:
        """Count a step as done."""
        self._bar.advance(self._task)

    def stop(self) -> None:
        """Take the line away; the terminal is as it was. May be called again."""
        stdout = sys.stdout
        self._bar.stop()
        _lead_logs(stdout, sys.stdout)


def _lead_logs(old: TextIO, new: TextIO) -> None:
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream is old:
            handler.setStream(new)


class Interruption:
    """Remembers that Ctrl+C was pressed, so that no library can swallow it.

    Where Python is called back from compiled code, the exception that Ctrl+C raises may be dropped,
    and the program goes on as if nothing had happened.
    """

    def __init__(self) -> None:
        self._is_asked = False

    def listen(self) -> None:
        """Remember Ctrl+C from now on, in a program that Ctrl+C ends."""
        self._is_asked = False
        # Elsewhere it is somebody else's: a notebook's, or nobody's in the background.
        is_ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if is_ours and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._remember)

    def check(self) -> None:
        """Stop if Ctrl+C was pressed.

        Raises:
            KeyboardInterrupt: It was, and the program still runs.
        """
        if self._is_asked:
            raise KeyboardInterrupt

    def stop(self) -> None:
        """Leave Ctrl+C as it was. May be called again."""
        if signal.getsignal(signal.SIGINT) == self._remember:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self._is_asked = True
        signal.default_int_handler(number, frame)
