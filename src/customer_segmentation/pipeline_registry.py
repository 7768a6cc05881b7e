"""The pipelines of the project, by name."""

from __future__ import annotations

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

# Scores new households with what the others built, so it is run by name only.
ON_REQUEST = frozenset({"scoring"})


def register_pipelines() -> dict[str, Pipeline]:
    """Find every pipeline in `pipelines/` and join those that `kedro run` runs.

    Returns:
        Each pipeline by its name, and `__default__`: all but those run on request.

    Raises:
        ImportError: A pipeline cannot be imported.
    """
    pipelines = find_pipelines(raise_errors=True)
    default = (pipeline for name, pipeline in pipelines.items() if name not in ON_REQUEST)
    pipelines["__default__"] = sum(default, start=Pipeline([]))
    return pipelines
