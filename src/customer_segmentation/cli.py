"""`kedro run` and `kedro serve`, with errors that are written for a person."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.io import DatasetError
from kedro.runner import AbstractRunner
from kedro.utils import load_obj
from kedro.validation import DataValidationError
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from customer_segmentation.panel.values import ReadableError

MAX_LINES = 15
MAX_SUGGESTED = 5
INTERRUPTED = 130  # as shells report a program that Ctrl+C stopped
FAULT = (
    "This is a fault of the project, not of your data. Please tell those who keep it, with the "
    "command that you typed and the lines above."
)
STOPPED = (
    "\nStopped. What finished is saved whole, beside what an earlier run left; run again before "
    "using them together."
)

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
    """What a person has to know about an error; None if it is a bug whose traceback is wanted."""
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
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(frames) and frames[-1].f_globals["__name__"].startswith(REQUEST_READERS)


@contextmanager
def _told_to_people() -> Iterator[None]:
    try:
        yield
    except click.UsageError:  # click tells it with the usage
        raise
    except KeyboardInterrupt as error:
        click.echo(STOPPED, err=True)
        raise SystemExit(INTERRUPTED) from error
    except Exception as error:
        message = message_for(error)
        if message is None:
            error.add_note(FAULT)  # stands below the traceback
            raise
        raise click.ClickException(message) from error


def check_runner(path: str) -> None:
    """Refuse a `--runner` that is neither a class of Kedro's nor a package.module.Class."""
    try:
        runner = load_obj(path, "kedro.runner")
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise ReadableError(
            f"There is no runner {path!r}: {error}. Name one of Kedro's, such as "
            "SequentialRunner, or a class of your own as package.module.Class."
        ) from error
    if not (isinstance(runner, type) and issubclass(runner, AbstractRunner)):
        raise ReadableError(f"{path!r} is no runner of Kedro's kind; SequentialRunner is one.")


def check_names(tags: Sequence[str], nodes: Sequence[str], namespaces: Sequence[str] = ()) -> None:
    """Refuse tags, nodes or namespaces that no pipeline has, and name those that are alike."""
    held = [node for pipeline in pipelines.values() for node in pipeline.nodes]
    parts = {node.namespace for node in held if node.namespace}
    for missing, names, known in (
        ("There is no tag", tags, {tag for node in held for tag in node.tags}),
        ("There is no node", nodes, {node.name for node in held}),
        ("There is no namespace", namespaces, parts | {n.partition(".")[0] for n in parts}),
    ):
        for name in names:
            if name not in known:
                few = f"; there are: {', '.join(sorted(known))}."
                hint = few if names is tags else f". {_suggest(name, sorted(known))}"
                raise ReadableError(f"{missing} {name!r}{hint}")


def _suggest(name: str, known: Sequence[str]) -> str:
    own = name.rpartition(".")[2]
    alike = [each for each in known if own in each] or get_close_matches(name, known)
    if not alike:
        return "A line of every run names each node; so does `make lineage`."
    return f"Did you mean {' or '.join(alike[:MAX_SUGGESTED])}?"


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
            try:
                return super().invoke(ctx)
            except ValueError:
                asked = [ctx.params.get(name) for name in ("tags", "node_names", "namespaces")]
                if any(asked):
                    check_names(*(names or () for names in asked))
                raise


@click.group(name="customer_segmentation")
def cli() -> None:
    """The commands of this project."""


run = ReadableCommand(
    "run", params=kedro_run.params, callback=kedro_run.callback, help=kedro_run.help
)
cli.add_command(run)


def start_service(
    *,
    env: str | None,
    conf_source: str | None,
    params: dict[str, Any],
    host: str,
    port: int,
    insecure: bool,
    trusted_host: tuple[str, ...],
) -> None:
    """Serve the scoring bundle of a run until the process is told to stop.

    Raises:
        ReadableError: The configuration, the address or the token cannot be used.
    """
    from customer_segmentation.figures.style import ReportingParameters
    from customer_segmentation.service import app, middleware, models, parameters, server

    session = KedroSession.create(env=env, conf_source=conf_source, runtime_params=params)
    context = session.load_context()
    limits = parameters.ServiceParameters.model_validate(context.params["service"])
    reporting = ReportingParameters.model_validate(context.params["reporting"])
    token = os.environ.get(middleware.TOKEN_VARIABLE, "")
    names = (*limits.trusted_hosts, *trusted_host)
    access = middleware.allow_access(host, names, token, insecure=insecure)
    listener = server.listen(host, port)
    middleware.configure_logging()
    held = models.Models(Path(context.catalog["scoring_bundle"]._filepath).parent)  # noqa: SLF001
    is_local = middleware.is_loopback(host)
    _announce(host, listener.getsockname()[1], is_local=is_local, is_open=not (token or is_local))
    server.serve(app.create_app(limits, held, access, reporting), held, listener, limits)


def _announce(host: str, port: int, *, is_local: bool, is_open: bool) -> None:
    """Say where the service is; not among its log lines."""
    if is_open:
        click.secho(
            "EVERYBODY who can reach this machine can ask this service: no token is set.",
            fg="red",
            bold=True,
            err=True,
        )
    name = f"[{host}]" if ":" in host else host
    if not is_local:
        click.echo(
            "Other names by which it is called are given by --trusted-host or "
            "service.trusted_hosts.",
            err=True,
        )
    click.echo(f"Serving at http://{name}:{port} until Ctrl+C.", err=True)


serve = ReadableCommand(
    "serve",
    params=[
        *(each for each in kedro_run.params if each.name in {"env", "conf_source", "params"}),
        click.Option(["--host"], default="127.0.0.1", show_default=True, help="Where to listen."),
        click.Option(
            ["--port"],
            type=click.IntRange(0, 65535),
            default=8000,
            show_default=True,
            help="0 takes any that is free.",
        ),
        click.Option(
            ["--insecure"],
            is_flag=True,
            help="Let other machines ask without a token (CUSTOMER_SEGMENTATION_TOKEN).",
        ),
        click.Option(
            ["--trusted-host"],
            multiple=True,
            help="A name by which clients may call the service; can be given several times.",
        ),
    ],
    callback=start_service,
    help="Score households over HTTP.",
)
cli.add_command(serve)
