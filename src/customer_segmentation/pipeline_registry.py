"""The pipelines of the project, by name."""

from __future__ import annotations

from pkgutil import iter_modules

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

from customer_segmentation import pipelines
from customer_segmentation.panel.values import ReadableError

# Scores new households with what the others built, so it is run by name only.
ON_REQUEST = frozenset({"scoring"})


def register_pipelines() -> dict[str, Pipeline]:
    """Find the pipelines of the project; Kedro imports only those that a run asks for by name.

    Returns:
        Each pipeline by its name, and `__default__`: all but those run on request.

    Raises:
        ReadableError: A run asks for a pipeline that does not exist.
        ImportError: A pipeline cannot be imported.
    """
    try:
        found = find_pipelines(raise_errors=True)
    except ImportError as error:
        if error.__cause__ is not None:
            raise
        known = ", ".join(module.name for module in iter_modules(pipelines.__path__))
        raise ReadableError(f"There is no such pipeline; there are: {known}.") from error
    default = (pipeline for name, pipeline in found.items() if name not in ON_REQUEST)
    return {**found, "__default__": sum(default, start=Pipeline([]))}
