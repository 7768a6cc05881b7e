"""A scoring bundle as one file, and the checks that it must pass before it is parsed.

The file is JSON and ends with the digest of all that stands before, which is also the version of
the model. So a byte that has changed is noticed, wherever it stands. A digest guards against
damage, not against a person who writes a bundle of their own.
"""

from __future__ import annotations

import re
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from pydantic import ValidationError

from customer_segmentation.panel.values import ReadableError, read_json, write_json
from customer_segmentation.scorer.bundle import ScoringBundle

MANIFEST = "manifest.json"
SCHEMA_VERSION = 3  # goes up with every change of the file that other code would misread

_SEALED = re.compile(rb'(\{.+),"version":"([0-9a-f]{64})"\}\n', re.DOTALL)
_WRITE_AGAIN = "write the bundle again: `kedro run --pipelines modelling`."


class BundleError(ReadableError):
    """A scoring bundle that must not be used."""


def pack_bundle(bundle: ScoringBundle) -> bytes:
    """Write a bundle as the content of its file; equal bundles give equal bytes."""
    values = bundle.model_dump(mode="json", exclude={"version"})
    return _seal(write_json({"schema_version": SCHEMA_VERSION, **values}))


def read_manifest(folder: Path) -> bytes | None:
    """Read the file of a bundle as it is; None if there is no regular file.

    Raises:
        OSError: The system refuses to read it.
    """
    path = folder / MANIFEST
    with suppress(FileNotFoundError):
        # A pipe would be read for ever, and a link may lead anywhere.
        if path.is_file() and not path.is_symlink():
            return path.read_bytes()
    return None


def load_bundle(folder: Path) -> ScoringBundle:
    """Load a bundle from its folder.

    Args:
        folder: The folder with the file.

    Raises:
        BundleError: The file is not there or cannot be read, or the causes of `unpack_bundle`.
    """
    path = folder / MANIFEST
    try:
        content = read_manifest(folder)
    except OSError as error:
        raise BundleError(
            f"{path} cannot be read: {error.strerror}. Put that right, or {_WRITE_AGAIN}"
        ) from error
    if content is None:
        raise BundleError(
            f"There is no file {path}. `kedro run` writes it, with the --env or --params "
            "data_root=FOLDER that are given here; or choose another folder."
        )
    return unpack_bundle(content, folder)


def unpack_bundle(content: bytes, folder: Path) -> ScoringBundle:
    """Check the content of a file and make a bundle of it.

    Args:
        content: As `pack_bundle` gives it.
        folder: Where the file lies, for messages.

    Raises:
        BundleError: The content is not as it was written, has another schema version, holds what
            this package does not know, or parts that do not fit one another. The message names the
            file and what to do.
    """
    path = folder / MANIFEST
    sealed = _SEALED.fullmatch(content)
    if sealed is None or _seal(sealed[1] + b"}\n") != content:
        raise BundleError(
            f"{path} is not as it was written: it was cut short, damaged or edited. Put it back "
            f"from a copy, or {_WRITE_AGAIN}"
        )
    try:
        values = read_json(content)
        schema = values.pop("schema_version", None)
        if schema != SCHEMA_VERSION:
            raise BundleError(
                f"{path} has schema version {schema}, and the installed customer_segmentation "
                f"reads only {SCHEMA_VERSION}. Install the one that wrote it, or write the bundle "
                "again: `kedro run`."
            )
        return ScoringBundle.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        why = first["msg"].removeprefix("Value error, ")
        raise _unknown(path, f"{place}: {why}" if place else why) from error
    except ValueError as error:
        raise _unknown(path, str(error)) from error


def _seal(content: bytes) -> bytes:
    """Let a JSON object end with the digest of what stands before."""
    body = content.removesuffix(b"}\n")
    return body + f',"version":"{sha256(body).hexdigest()}"}}\n'.encode()


def _unknown(path: Path, why: str) -> BundleError:
    return BundleError(
        f"{path}, {why}. The installed customer_segmentation does not know such a file. Install "
        f"the one that wrote it, or {_WRITE_AGAIN}"
    )
