"""Around every run: parameters are checked before it, each finished node is reported."""

from __future__ import annotations

import logging
from time import perf_counter

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

logger = logging.getLogger(__name__)


class ParameterCheck:
    """Checks all parameters before the catalog exists, whichever pipeline is asked for."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Refuse unknown keys and bad values; Kedro itself looks only at the keys that nodes use.

        Raises:
            ParameterError: As `parameters.check_parameters`.
        """
        from customer_segmentation.parameters import check_parameters

        check_parameters(context.config_loader["parameters"])


class RunReport:
    """Logs one line for each finished node: the seconds it took with its loads and saves."""

    def __init__(self) -> None:
        self._started = self._last = perf_counter()

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Start the clock."""
        self._started = self._last = perf_counter()
        logger.info("%d nodes to run", len(pipeline.nodes))

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """Report the node whose last output was just saved."""
        if dataset_name == node.outputs[-1]:
            now = perf_counter()
            logger.info("%7.2f s  %s", now - self._last, node.name)
            self._last = now

    @hook_impl
    def on_node_error(self, node: Node) -> None:
        """Say which node stopped the run; why is said at the end."""
        logger.info("%7.2f s  %s stopped", perf_counter() - self._last, node.name)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Report the seconds of the whole run."""
        logger.info("%7.2f s  in all", perf_counter() - self._started)
