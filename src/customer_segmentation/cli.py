"""`kedro run`, with errors that are written for a person."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.io import DatasetError
from kedro.utils import load_obj
from kedro.validation import DataValidationError
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from customer_segmentation.panel.errors import ReadableError

MAX_LINES = 15

# Errors that are told whoever raised them: those written for a person, a public table that breaks
# its schema, and a configuration that cannot be read.
TOLD = (ReadableError, DataValidationError, OmegaConfBaseException, YAMLError)

# What these packages refuse is a request or a configuration; what our own code raises otherwise is
# a bug.
REQUEST_READERS = (
    "kedro.config",
    "kedro.framework",
    "kedro.io",
    "kedro.pipeline.pipeline",
    "kedro.runner",
    "kedro.utils",
    "kedro.validation",
)


def message_for(error: BaseException) -> str | None:
    """Find what a person has to know about an error.

    Args:
        error: What stopped the run.

    Returns:
        At most `MAX_LINES` lines; None when the error is a bug and its traceback is wanted.
    """
    chain = list(_with_causes(error))
    told = next((link for link in chain if isinstance(link, TOLD)), None)
    root = told or chain[-1]
    in_dataset = any(isinstance(link, DatasetError) for link in chain)
    if told or _raised_by_request_reader(root) or (in_dataset and isinstance(root, OSError)):
        return "\n".join(str(root).splitlines()[:MAX_LINES])
    return None


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    # Not __context__: an error that was handled on the way is not the reason.
    while error is not None:
        yield error
        error = error.__cause__


def _raised_by_request_reader(error: BaseException) -> bool:
    modules = [
        frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)
    ]
    return bool(modules) and modules[-1].startswith(REQUEST_READERS)


@contextmanager
def _told_to_people() -> Iterator[None]:
    try:
        yield
    except click.UsageError:  # click tells it with the usage
        raise
    except Exception as error:
        message = message_for(error)
        if message is None:
            raise
        raise click.ClickException(message) from error


def check_runner(path: str) -> None:
    """Check that a runner can be imported.

    Args:
        path: As in `kedro run --runner`: a class of Kedro's, or package.module.Class.

    Raises:
        ReadableError: There is no such class, or it is no runner.
    """
    from kedro.runner import AbstractRunner

    try:
        runner = load_obj(path, "kedro.runner")
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise ReadableError(
            f"There is no runner {path!r}: {error}. Name one of Kedro's, such as "
            "SequentialRunner, or a class of your own as package.module.Class."
        ) from error
    if not (isinstance(runner, type) and issubclass(runner, AbstractRunner)):
        raise ReadableError(f"{path!r} is no runner of Kedro's kind; SequentialRunner is one.")


class ReadableCommand(click.Command):
    """A command whose expected errors end in one message instead of a traceback."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the arguments, and the file of arguments that they may name.

        Raises:
            click.ClickException: An argument cannot be used; written for a person.
        """
        with _told_to_people():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command.

        Raises:
            click.ClickException: The run stopped for a reason written for a person.
        """
        with _told_to_people():
            if ctx.params.get("runner"):
                check_runner(ctx.params["runner"])
            return super().invoke(ctx)


@click.group(name="customer_segmentation")
def cli() -> None:
    """The commands of this project."""


run = ReadableCommand(
    "run", params=kedro_run.params, callback=kedro_run.callback, help=kedro_run.help
)
cli.add_command(run)
