"""A scoring bundle as files, and the checks that a file must pass before it is parsed.

A manifest holds the digests of the other files, and itself ends with the digest of all that stands
before. So a byte that has changed is noticed, in whatever file. Digests guard against damage, not
against a person who writes a bundle of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, StrictInt, StringConstraints, ValidationError

from customer_segmentation.datasets import read_folder
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.values import Configured, ReadableError, read_json, write_json
from customer_segmentation.scorer.bundle import ScoringBundle
from customer_segmentation.scorer.champions import Champion
from customer_segmentation.scorer.estimators import BoostedTrees
from customer_segmentation.scorer.examples import Example
from customer_segmentation.segments.segmenter import Segmenter

MANIFEST = "manifest.json"
SCHEMA_VERSION = 2  # goes up with every change of the files that other code would misread

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Model = TypeVar("Model", bound=BaseModel)

_CODEBOOK, _SEGMENTER, _CHAMPION, _EXAMPLES = "codebook", "segmenter", "champion", "examples"
_SEALED = re.compile(rb'(\{.+),"version":"([0-9a-f]{64})"\}\n', re.DOTALL)
_WRITE_AGAIN = "write the bundle again: `kedro run --pipelines modelling`."


class BundleError(ReadableError):
    """A scoring bundle that must not be used."""


class ChampionFiles(Configured):
    """The files of one champion, by the SHA-256 of their content.

    Attributes:
        numbers: All but boosted trees, as JSON.
        trees: Boosted trees, as XGBoost writes them; None for another model.
    """

    numbers: Digest
    trees: Digest | None


class Manifest(Configured):
    """What a bundle consists of. File names follow from it and are not in it: none leads elsewhere.

    Attributes:
        schema_version: Which form the files have.
        libraries: Version of each library that the bundle was made with, by its name.
        codebook, segmenter, examples: SHA-256 of these files.
        champions: Files of the champions, in the order in which they are asked.
        version: SHA-256 of all the above as it is written.
    """

    schema_version: StrictInt
    libraries: dict[str, str]
    codebook: Digest
    segmenter: Digest
    champions: tuple[ChampionFiles, ...]
    examples: Digest
    version: Digest


class _Schema(BaseModel):
    schema_version: StrictInt


class _Examples(Configured):
    examples: tuple[Example, ...]


def pack_bundle(bundle: ScoringBundle) -> dict[str, bytes]:
    """Write a bundle as files; equal bundles give equal bytes.

    Args:
        bundle: The bundle.

    Returns:
        The content of each file by its name. A name holds the start of the content's digest, so
        that no file ever changes under its name; only the manifest does.
    """
    files: dict[str, bytes] = {}

    def keep(what: str, content: bytes, suffix: str = "json") -> str:
        digest = sha256(content).hexdigest()
        files[_name_file(what, digest, suffix)] = content
        return digest

    def keep_champion(number: int, champion: Champion) -> dict[str, str | None]:
        what, estimator = f"{_CHAMPION}_{number}", champion.estimator
        trees = keep(what, estimator.ubj, "ubj") if isinstance(estimator, BoostedTrees) else None
        return {"numbers": keep(what, _write(champion)), "trees": trees}

    manifest = {
        "schema_version": SCHEMA_VERSION,
        "libraries": bundle.libraries,
        "codebook": keep(_CODEBOOK, _write(bundle.codebook)),
        "segmenter": keep(_SEGMENTER, _write(bundle.segmenter)),
        "champions": [keep_champion(*each) for each in enumerate(bundle.champions, start=1)],
        "examples": keep(_EXAMPLES, _write(_Examples(examples=bundle.examples))),
    }
    return {**files, MANIFEST: _seal(write_json(manifest))}


def load_bundle(folder: Path) -> ScoringBundle:
    """Load a bundle from its folder; one that a run replaces meanwhile is read again.

    Only the manifest and the files that it leads to are opened.

    Args:
        folder: The folder with the manifest.

    Raises:
        BundleError: The folder or a file of the bundle cannot be read, or the causes of
            `unpack_bundle`.
    """
    try:
        while True:
            files = read_folder(folder, [MANIFEST])
            try:
                names = _list_names(_CheckedFiles(files, folder).read_manifest())
                return unpack_bundle({**read_folder(folder, names), **files}, folder)
            except BundleError:
                if read_folder(folder, [MANIFEST]) == files:
                    raise
    except OSError as error:
        raise BundleError(
            f"{error.filename or folder} cannot be read: {error.strerror}. Put that right, or "
            f"{_WRITE_AGAIN}"
        ) from error


def unpack_bundle(files: Mapping[str, bytes], folder: Path) -> ScoringBundle:
    """Check files and make a bundle of them.

    Args:
        files: As `pack_bundle` gives them; what its manifest does not lead to is not looked at.
        folder: Where they lie, for messages.

    Returns:
        The bundle, with its version.

    Raises:
        BundleError: A file is missing or is not as it was written; it holds what this package does
            not know, or parts that do not fit one another; the schema version is another, or
            boosted trees were made with another major version of XGBoost. The message names the
            file and what to do.
    """
    checked = _CheckedFiles(files, folder)
    manifest = checked.read_manifest()
    if any(each.trees for each in manifest.champions):
        _refuse_other_xgboost(manifest.libraries.get("xgboost", "unknown"), folder)
    codebook = checked.read(Codebook, _CODEBOOK, manifest.codebook)
    segmenter = checked.read(Segmenter, _SEGMENTER, manifest.segmenter)
    champions = tuple(
        checked.read_champion(f"{_CHAMPION}_{number}", each)
        for number, each in enumerate(manifest.champions, start=1)
    )
    examples = checked.read(_Examples, _EXAMPLES, manifest.examples).examples
    try:
        return ScoringBundle(
            codebook, segmenter, champions, examples, manifest.libraries, manifest.version
        )
    except ValueError as error:
        raise _unknown(folder / MANIFEST, str(error)) from error


@dataclass(frozen=True)
class _CheckedFiles:
    """Files of a folder, none of which is parsed before its digest is found to be right."""

    files: Mapping[str, bytes]
    folder: Path

    def read_manifest(self) -> Manifest:
        path = self.folder / MANIFEST
        if MANIFEST not in self.files:
            raise BundleError(
                f"There is no file {path}. `kedro run` writes it, with the --env or --params "
                "data_root=FOLDER that are given here; or choose another folder."
            )
        content = self.files[MANIFEST]
        sealed = _SEALED.fullmatch(content)
        if sealed is None or _seal(sealed[1] + b"}\n") != content:
            raise _damaged(path)
        schema = _parse(_Schema, content, path).schema_version
        if schema != SCHEMA_VERSION:
            raise BundleError(
                f"{path} has schema version {schema}, and the installed customer_segmentation "
                f"reads only {SCHEMA_VERSION}. Install the one that wrote it, or {_WRITE_AGAIN}"
            )
        return _parse(Manifest, content, path)

    def read(self, model: type[Model], what: str, digest: str) -> Model:
        name = _name_file(what, digest, "json")
        return _parse(model, self._check(name, digest), self.folder / name)

    def read_champion(self, what: str, files: ChampionFiles) -> Champion:
        name = _name_file(what, files.numbers, "json")
        content = self._check(name, files.numbers)
        if files.trees is None:
            return _parse(Champion, content, self.folder / name)
        trees = self._check(_name_file(what, files.trees, "ubj"), files.trees)
        return _parse(Champion, content, self.folder / name, trees)

    def _check(self, name: str, digest: str) -> bytes:
        content = self.files.get(name)
        if content is None:
            raise BundleError(
                f"There is no file {self.folder / name}, which {MANIFEST} leads to. Put it back "
                f"from a copy, or {_WRITE_AGAIN}"
            )
        if sha256(content).hexdigest() != digest:
            raise _damaged(self.folder / name)
        return content


def _name_file(what: str, digest: str, suffix: str) -> str:
    return f"{what}-{digest[:12]}.{suffix}"


def _list_names(manifest: Manifest) -> list[str]:
    """The names of the files that a manifest leads to."""
    numbered = [(f"{_CHAMPION}_{at}", each) for at, each in enumerate(manifest.champions, start=1)]
    return [
        _name_file(_CODEBOOK, manifest.codebook, "json"),
        _name_file(_SEGMENTER, manifest.segmenter, "json"),
        _name_file(_EXAMPLES, manifest.examples, "json"),
        *(_name_file(what, each.numbers, "json") for what, each in numbered),
        *(_name_file(what, each.trees, "ubj") for what, each in numbered if each.trees),
    ]


def _write(model: BaseModel) -> bytes:
    # Boosted trees have a file of their own.
    return write_json(model.model_dump(mode="json", exclude={"estimator": {"ubj"}}))


def _seal(manifest: bytes) -> bytes:
    """Let a JSON object end with the digest of what stands before."""
    content = manifest.removesuffix(b"}\n")
    return content + f',"version":"{sha256(content).hexdigest()}"}}\n'.encode()


def _parse(model: type[Model], content: bytes, path: Path, trees: bytes | None = None) -> Model:
    try:
        values = read_json(content)
        return model.model_validate(values if trees is None else _add_trees(values, trees))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        why = first["msg"].removeprefix("Value error, ")
        raise _unknown(path, f"{place}: {why}" if place else why) from error
    except ValueError as error:
        raise _unknown(path, str(error)) from error


def _add_trees(values: Any, trees: bytes) -> Any:
    """Put boosted trees where the model looks for them; it refuses values of another form."""
    estimator = values.get("estimator") if isinstance(values, dict) else None
    if not isinstance(estimator, dict) or "ubj" in estimator:
        return values
    return {**values, "estimator": {**estimator, "ubj": trees}}


def _unknown(path: Path, why: str) -> BundleError:
    return BundleError(
        f"{path}, {why}. The installed customer_segmentation does not know such a file. Install "
        f"the one that wrote it, or {_WRITE_AGAIN}"
    )


def _damaged(path: Path) -> BundleError:
    return BundleError(
        f"{path} is not as it was written: it was cut short, damaged or edited. Put it back from a "
        f"copy, or {_WRITE_AGAIN}"
    )


def _refuse_other_xgboost(written_with: str, folder: Path) -> None:
    from xgboost import __version__ as installed

    if written_with.partition(".")[0] != installed.partition(".")[0]:
        raise BundleError(
            f"The boosted trees in {folder} were made with XGBoost {written_with}, and XGBoost "
            f"{installed} is installed: another major version may answer otherwise. Install that "
            f"one, or {_WRITE_AGAIN}"
        )
