"""Every parameter of a run, checked as a whole before any node starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from customer_segmentation.classification.parameters import ModellingParameters
from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.panel.features import DataProcessingParameters
from customer_segmentation.panel.values import Configured, ReadableError
from customer_segmentation.scorer.batch import ScoringParameters
from customer_segmentation.segments.parameters import SegmentationParameters
from customer_segmentation.service.parameters import ServiceParameters
from customer_segmentation.tables import HouseholdSegments

# Read from the schema, because they are columns.
PUBLIC_NAMES = list(HouseholdSegments.to_schema().columns)[:3:2]


class ParameterError(ReadableError):
    """A parameter that is unknown, has a wrong value, or names what the codebook does not have."""


class Parameters(Configured):
    """The top-level keys of the parameter files, and the paths that a run may replace.

    Attributes:
        codebook: What a household record is; from `globals_codebook.yml`.
        data_processing, segmentation, modelling, reporting, scoring: One key per pipeline.
        service: Limits of the scoring service.
        data_root: Folder that the run writes to, for the catalog; empty leaves it to `globals.yml`.
        panel_file: Panel file that the run reads, likewise.
        households_file: File of households that scoring reads; empty leaves it to the panel file.
    """

    codebook: Codebook
    data_processing: DataProcessingParameters
    segmentation: SegmentationParameters
    modelling: ModellingParameters
    reporting: ReportingParameters
    scoring: ScoringParameters
    service: ServiceParameters
    data_root: str = Field(default="", min_length=1)
    panel_file: str = Field(default="", min_length=1)
    households_file: str = Field(default="", min_length=1)


def check_parameters(raw: Mapping[str, Any]) -> Parameters:
    """Validate the parameters of a run, each by itself and all against the codebook.

    Args:
        raw: The merged parameter files and run-time parameters, by top-level key.

    Returns:
        The typed parameters.

    Raises:
        ParameterError: A key is unknown or missing, a value has the wrong type or range, or a name
            is not in the codebook or not in the parameters that must declare it; the message names
            key and value.
    """
    try:
        parameters = Parameters.model_validate(raw)
    except ValidationError as error:
        raise ParameterError(_explain(error, raw)) from error
    for key in ("data_processing", "segmentation", "modelling", "reporting"):
        try:
            getattr(parameters, key).check(parameters.codebook)
        except ValidationError as error:
            problems = "; ".join(_say(problem) for problem in error.errors(include_url=False))
            raise ParameterError(f"parameter {key}: {problems}") from error
        except ValueError as error:
            raise ParameterError(f"parameter {key}: {error}") from error
    _refuse_other_public_names(parameters.codebook)
    _refuse_undeclared(parameters)
    _refuse_unknown_success(parameters)
    return parameters


def _refuse_other_public_names(codebook: Codebook) -> None:
    """The identifier and the thin-record flag stand in public tables, under these names."""
    for role, name in zip((Role.IDENTIFIER, Role.THIN_RECORD), PUBLIC_NAMES, strict=True):
        if codebook.column(role) != name:
            raise ParameterError(
                f"parameter codebook: the column with the role {role.value!r} is called "
                f"{codebook.column(role)!r}; public tables call it {name!r}, so rename it"
            )


def _refuse_undeclared(parameters: Parameters) -> None:
    """The report names what other pipelines declare."""
    segmentation, reporting = parameters.segmentation, parameters.reporting
    scores = [score.name for each in segmentation.constructs for score in each.scores]
    personas = [persona.name for persona in segmentation.naming.personas]
    sets = [each.name for each in parameters.modelling.information_sets]
    declared = (
        ("map_scores", reporting.map_scores, scores),
        ("beeswarm_information_set", [reporting.beeswarm_information_set], sets),
        ("segment_colours", reporting.segment_colours if personas else (), personas),
    )
    for key, names, known in declared:
        if unknown := [name for name in names if name not in known]:
            raise ParameterError(
                f"parameter reporting.{key}: {unknown[0]!r} is not declared; "
                f"choose from {', '.join(known)}"
            )


def _refuse_unknown_success(parameters: Parameters) -> None:
    """Where segments may be numbered, their names are known only once they are formed."""
    naming, wanted = parameters.segmentation.naming, parameters.modelling.campaign.segment
    personas = [persona.name for persona in naming.personas]
    if naming.when_unmatched == "refuse" and personas and wanted not in personas:
        raise ParameterError(
            f"parameter modelling.campaign.segment: there is no segment {wanted!r}; choose from "
            f"{', '.join(personas)}"
        )


def _explain(error: ValidationError, raw: Mapping[str, Any]) -> str:
    shown = error.errors(include_url=False)[:10]
    lines = [
        f"  {_locate(problem['loc'], raw)}: {_say(problem)}"
        + ("" if isinstance(problem["input"], dict) else f" (it is {_shorten(problem['input'])})")
        for problem in shown
    ]
    more = error.error_count() - len(shown)
    heading = "The parameters are not valid; correct these keys in conf/ or --params:"
    return "\n".join([heading, *lines, *([f"  and {more} more"] if more else [])])


def _locate(path: Sequence[int | str], raw: Any) -> str:
    """The path to a value; an entry of a list by its name where it has one, else by its place."""
    told = ""
    for part in path:
        raw = _step(raw, part)
        name = raw.get("name") if isinstance(raw, Mapping) else None
        told += f".{part}" if isinstance(part, str) else f"[{name or f'entry {part + 1}'}]"
    return told.removeprefix(".")


def _step(raw: Any, part: int | str) -> Any:
    try:
        return raw[part]
    except (KeyError, IndexError, TypeError):  # missing, or a step that only the model knows
        return None


def _say(problem: ErrorDetails) -> str:
    if problem["type"] == "extra_forbidden":
        return "there is no such key"
    return problem["msg"].removeprefix("Value error, ")


def _shorten(value: object, length: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= length else text[: length - 3] + "..."
