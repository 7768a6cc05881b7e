"""`kedro run`, with errors that are written for a person."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.io import DatasetError

from customer_segmentation.panel.errors import ReadableError

MAX_LINES = 15

# What these packages refuse is a request or a configuration; what our own code raises is a bug,
# unless it is a ReadableError.
REQUEST_READERS = (
    "kedro.config",
    "kedro.framework",
    "kedro.io",
    "kedro.pipeline.pipeline",
    "kedro.runner",
    "kedro.utils",
    "kedro.validation",
    "omegaconf",
)


def message_for(error: BaseException) -> str | None:
    """Find what a person has to know about an error.

    Args:
        error: What stopped the run.

    Returns:
        At most `MAX_LINES` lines; None when the error is a bug and its traceback is wanted.
    """
    chain = list(_with_causes(error))
    readable = next((link for link in chain if isinstance(link, ReadableError)), None)
    root = readable or chain[-1]
    in_dataset = any(isinstance(link, DatasetError) for link in chain)
    if readable or _raised_by_request_reader(root) or (in_dataset and isinstance(root, OSError)):
        return "\n".join(str(root).splitlines()[:MAX_LINES])
    return None


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _raised_by_request_reader(error: BaseException) -> bool:
    modules = [
        frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)
    ]
    return bool(modules) and modules[-1].startswith(REQUEST_READERS)


class ReadableCommand(click.Command):
    """A command whose expected errors end in one message instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command.

        Raises:
            click.ClickException: The run stopped for a reason written for a person.
        """
        try:
            return super().invoke(ctx)
        except Exception as error:
            message = message_for(error)
            if message is None:
                raise
            raise click.ClickException(message) from error


@click.group(name="customer_segmentation")
def cli() -> None:
    """The commands of this project."""


run = ReadableCommand(
    "run", params=kedro_run.params, callback=kedro_run.callback, help=kedro_run.help
)
cli.add_command(run)
