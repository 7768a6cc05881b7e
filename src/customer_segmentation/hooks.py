"""Around every run: parameters are checked before it, each finished node is reported."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import click
import yaml
from kedro.config import AbstractConfigLoader
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import LOGGING
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from customer_segmentation.interruption import Interruption
from customer_segmentation.progress import RunProgress

logger = logging.getLogger(__name__)

BASE_ENV = "base"
CONFIG_SUFFIXES = (".yml", ".yaml", ".json")
GLOBAL_IN_USE = re.compile(r"\$\{globals:\s*(\w+)")


def config_files(loader: AbstractConfigLoader) -> Iterator[Path]:
    """List the files of the base environment and of the one that is run.

    Args:
        loader: The loader of a run; an archive of configuration has no files here.

    Yields:
        Each file once.
    """
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
    """Shows how a run gets on, logs one line for each finished node, and sums up at the end."""

    def __init__(self) -> None:
        self._started = self._last = perf_counter()
        self._progress = RunProgress()
        self._interruption = Interruption()

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Start the clock."""
        self._started = self._last = perf_counter()
        logger.info("%d nodes to run", len(pipeline.nodes))
        self._progress.start(len(pipeline.nodes))
        self._interruption.listen()
        if command := click.get_current_context(silent=True):
            command.call_on_close(self._progress.stop)  # however the run ends, Ctrl+C included

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Show which node works, unless the run was told to stop."""
        self._interruption.check()
        self._progress.show(node.name)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """Report the node whose last output was just saved, with the seconds of loads and saves."""
        if dataset_name == node.outputs[-1]:
            now = perf_counter()
            logger.info("%7.2f s  %s", now - self._last, node.name)
            self._last = now
            self._progress.advance()

    @hook_impl
    def on_node_error(self, node: Node) -> None:
        """Say which node stopped the run; why is said at the end."""
        self._progress.stop()
        logger.info("%7.2f s  %s stopped", perf_counter() - self._last, node.name)

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
        """Report the seconds of the whole run, what it found, and where that is."""
        from customer_segmentation.run_summary import summarise_run

        self._progress.stop()
        self._interruption.stop()
        logger.info("%7.2f s  in all", perf_counter() - self._started)
        if summary := summarise_run(pipeline.all_outputs(), catalog):
            logger.info("\n%s", summary)
