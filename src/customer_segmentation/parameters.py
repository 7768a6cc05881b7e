"""Every parameter of a run, checked as a whole before any node starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.contract import DataProcessingParameters
from customer_segmentation.panel.errors import ReadableError
from customer_segmentation.segments.specification import SegmentationParameters
from customer_segmentation.typing_tool.parameters import ModellingParameters


class ParameterError(ReadableError):
    """A parameter that is unknown, has a wrong value, or names what the codebook does not have."""


class Parameters(BaseModel):
    """The top-level keys of the parameter files, and the paths that a run may replace.

    Attributes:
        codebook: What a household record is; from `globals_codebook.yml`.
        data_processing, segmentation, modelling, reporting: One key per pipeline.
        data_root: Folder that the run writes to; used by the catalog.
        panel_file: Path of the panel file that the run reads; used by the catalog.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    codebook: Codebook
    data_processing: DataProcessingParameters
    segmentation: SegmentationParameters
    modelling: ModellingParameters
    reporting: ReportingParameters
    data_root: str | None = None
    panel_file: str | None = None


def check_parameters(raw: Mapping[str, Any]) -> Parameters:
    """Validate the parameters of a run, each by itself and all against the codebook.

    Args:
        raw: The merged parameter files and run-time parameters, by top-level key.

    Returns:
        The typed parameters.

    Raises:
        ParameterError: A key is unknown or missing, a value has the wrong type or range, or a name
            is not in the codebook; the message names key and value.
    """
    try:
        parameters = Parameters.model_validate(raw)
    except ValidationError as error:
        raise ParameterError(_explain(error)) from error
    for key in ("data_processing", "segmentation", "modelling", "reporting"):
        try:
            getattr(parameters, key).check(parameters.codebook)
        except ValueError as error:
            raise ParameterError(f"parameter {key}: {error}") from error
    return parameters


def _explain(error: ValidationError) -> str:
    shown = error.errors(include_url=False)[:10]
    lines = [
        f"  {'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        + ("" if isinstance(problem["input"], dict) else f" (it is {_shorten(problem['input'])})")
        for problem in shown
    ]
    more = error.error_count() - len(shown)
    heading = "The parameters are not valid; correct these keys in conf/ or --params:"
    return "\n".join([heading, *lines, *([f"  and {more} more"] if more else [])])


def _shorten(value: object, length: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= length else text[: length - 3] + "..."
