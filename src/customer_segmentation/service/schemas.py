"""What the API takes and gives, as pydantic models made from the codebook, and their description.

They describe; what a record must hold is judged by the panel's contract alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, create_model
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import core_schema

from customer_segmentation import __version__
from customer_segmentation.classification.audit import Claim
from customer_segmentation.panel.codebook import Codebook, Field as CodebookField
from customer_segmentation.scorer.bundle import ScoringBundle
from customer_segmentation.scorer.routes import Evidence, Guess
from customer_segmentation.service.answers import Model, Object

REFERENCE = "#/components/schemas/{model}"

# What may be wrong with any request, by status.
REFUSALS = {
    "400": "The request is malformed: no strict JSON, an unknown query, or a name of the service "
    "that it does not go by.",
    "401": "A token is needed, as a bearer token or as the password of basic authentication.",
    "403": "A browser sends it for the page of another site.",
    "413": "The body is too large.",
    "415": "The body is not declared as uncompressed JSON in UTF-8.",
    "422": "No record can be scored: what is wrong with each is told by field. A valid schema does "
    "not suffice, because shares must add up, fields that follow from others must fit them, and "
    "enough must be known.",
    "503": "No model has been loaded and verified yet.",
}
# Questions about the service: their heading, summary, answer, and what may be wrong with them.
QUESTIONS = {
    "/model": ("scoring", "Describe the model", "ModelDescription", ("400", "401", "503")),
    "/health/live": ("operation", "Is the process alive?", "Life", ("400",)),
    "/health/ready": ("operation", "Does a model serve?", "Readiness", ("400", "503")),
}
MEANINGS = {
    Claim.ASSIGNMENT: (
        "All that forms the segments is known: the household is assigned by the rule that formed "
        "them, and nothing is guessed."
    ),
    Claim.OVERLAP: (
        "Some of what forms the segments is known, or other parts of the same purchase record: the "
        "segment is guessed, with help from what it is made of."
    ),
    Claim.PREDICTION: (
        "Nothing of the purchases is used: the segment is predicted from who the household is."
    ),
}

Share = Annotated[float, Field(ge=0, le=1)]


class Content(BaseModel):
    """An object of these properties and no other; all are there but those with a default."""

    model_config = ConfigDict(extra="forbid")


class Problem(Content):
    """What is wrong with a record."""

    field: str | None = Field(description="Null: the record as a whole.")
    problem: str


class RefusedRecord(Content):
    """What is wrong with a record of a batch."""

    index: NonNegativeInt
    problems: list[Problem]


class ErrorDetails(Content):
    """Why there is no answer."""

    status: int
    title: str
    message: str
    problems: list[Problem] = Field(default_factory=list)
    refused: list[RefusedRecord] = Field(default_factory=list)


class Error(Content):
    """What every error looks like."""

    error: ErrorDetails
    request_id: str


class Life(Content):
    """The process answers."""

    status: Literal["live"]


class Readiness(Content):
    """A verified model serves."""

    status: Literal["ready"]
    model_version: str


class InformationSet(Content):
    """What an answer may rest on, and what such an answer is worth."""

    name: str
    claim: Claim
    meaning: str
    fields: list[str]
    evidence: Evidence | None = Field(description="Of the guesses, by nested validation.")


class Code(Content):
    """A code of a field."""

    code: int
    label: str


class FieldDescription(Content):
    """What may be known of a household."""

    name: str
    raw_name: str
    label: str
    group: str
    unit: str
    note: str
    codes: list[Code]
    whole: bool
    minimum: float | None
    maximum: float | None
    not_stated: int | None
    information_sets: list[str] = Field(description="Those that need the field.")


class ModelDescription(Content):
    """What there is to know about a model before one asks it."""

    version: str
    panel: str
    category: str
    segments: list[str]
    information_sets: list[InformationSet]
    fields: list[FieldDescription]
    request_id: str


class Contribution(Content):
    """What a field, or a score, adds."""

    name: str
    label: str
    contribution: float


class Reasons(Content):
    """Why a household got its segment."""

    segment: str = Field(description="The segment that they speak for.")
    unit: str
    compared_with: str = Field("", description="Of an assignment: the second segment.")
    distances: dict[str, NonNegativeFloat] = Field({}, description="Likewise: to each centre.")
    contributions: list[Contribution]


class _Described(GenerateJsonSchema):
    """Schemas without the defaults and titles that say nothing about what is sent."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Object:
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - pydantic's
        return False


def describe_model(bundle: ScoringBundle, request_id: str) -> Object:
    """Describe a model: its segments, what each answer rests on and is worth, and its fields."""
    codebook = bundle.codebook
    description = ModelDescription(
        version=bundle.version,
        panel=codebook.panel,
        category=codebook.category,
        segments=list(bundle.segments),
        information_sets=[
            InformationSet(
                name=route.information_set,
                claim=route.claim,
                meaning=MEANINGS[route.claim],
                fields=list(route.inputs.fields),
                evidence=route.champion.evidence if isinstance(route, Guess) else None,
            )
            for route in bundle.routes
        ],
        fields=[_describe_field(field, bundle) for field in codebook.fields],
        request_id=request_id,
    )
    return description.model_dump(mode="json")


def _describe_field(field: CodebookField, bundle: ScoringBundle) -> FieldDescription:
    described = field.model_dump(include=set(FieldDescription.model_fields)) | {
        "group": bundle.codebook.group(field.group).label,
        "codes": [Code(code=code, label=label) for code, label in field.codes.items()],
        "whole": field.is_whole,
        "information_sets": [
            route.information_set for route in bundle.routes if field.name in route.inputs.fields
        ],
    }
    return FieldDescription.model_validate(described)


def create_request_models(codebook: Codebook, batch_limit: int) -> list[type[BaseModel]]:
    """Make the models of a household and of a batch."""
    properties = {field.name: _create_field(field) for field in codebook.fields}
    household = _create_content(
        "Household",
        properties,
        "What is known of a household; a field that is left out is not known. A field may be "
        "called by its raw name instead, and the label of a code may be written in any case.",
    )
    household.model_config["json_schema_extra"] = {"minProperties": 1}
    households = list[household], Field(min_length=1, max_length=batch_limit)  # type: ignore[valid-type]
    return [household, _create_content("Batch", {"households": households})]


def _create_field(field: CodebookField) -> tuple[Any, Any]:
    unit = f", in {field.unit}" if field.unit else ""
    codes = "; ".join(f"{code}: {label}" for code, label in field.codes.items())
    unstated = "null" if field.not_stated is None else field.not_stated
    parts = [
        f"{field.label}{unit} (raw name: {field.raw_name}).",
        f"Codes, or their labels: {codes}." if codes else "",
        f"{unstated} if not stated." if field.blank_code is not None else "",
        field.note,
    ]
    text: dict[str, Any] = {"title": field.label, "description": " ".join(filter(None, parts))}
    if field.codes:
        return Literal[(*field.codes, *field.codes.values())], Field(None, **text)
    kind: Any = int if field.is_whole else float
    if field.not_stated_in_blank_record is not None:
        kind |= None
    return kind, Field(None, ge=field.minimum, le=field.maximum, **text)


def create_answer_models(model: Model) -> list[type[BaseModel]]:
    """Make the models of the answer about one household, and about a batch."""
    segments, codebook = model.bundle.segments, model.bundle.codebook
    segment, information_set = Literal[segments], Literal[tuple(model.routes)]
    answer = {
        codebook.identifier: (NonNegativeInt, None),
        "segment": (segment, Field(description="The likeliest.")),
        "claim": (Claim, ...),
        "information_set": (information_set, Field(description="What it rests on; see /model.")),
        "probabilities": (
            dict[segment, Share],  # type: ignore[valid-type]
            Field(min_length=len(segments), description="Of each segment; they add up to 1."),
        ),
        "conformal_set": (
            list[segment],  # type: ignore[valid-type]
            Field(description="The likeliest and all that cannot be ruled out; see /model."),
        ),
        model.thin_record: (
            bool | None,
            Field(description="Whether too few transactions show no style; null: not known."),
        ),
        "reasons": (Reasons, None),
    }
    signature = {"model_version": (str, ...), "request_id": (str, ...)}
    indexed = _create_content("IndexedAnswer", {"index": (NonNegativeInt, ...), **answer})
    answers = list[indexed], ...  # type: ignore[valid-type]
    batch = {"answers": answers, "refused": (list[RefusedRecord], ...), **signature}
    return [
        _create_content("OneAnswer", {**answer, **signature}),
        _create_content("BatchAnswers", batch),
    ]


def _create_content(
    name: str, properties: Mapping[str, tuple[Any, Any]], description: str | None = None
) -> type[Content]:
    """Make a model whose properties may be called anything: the names of its own are no names."""
    fields: dict[str, Any] = {
        f"property_{at}": (Annotated[kind, Field(alias=key)], default)
        for at, (key, (kind, default)) in enumerate(properties.items())
    }
    return create_model(name, __base__=Content, __doc__=description, **fields)


def describe_api(model: Model, batch_limit: int, *, needs_token: bool) -> Object:
    """Describe the API as an OpenAPI 3.1 document."""
    models: list[type[BaseModel]] = [ModelDescription, Life, Readiness, Error]
    models += create_request_models(model.bundle.codebook, batch_limit)
    models += create_answer_models(model)
    _, definitions = models_json_schema(
        [(each, "validation") for each in models],
        ref_template=REFERENCE,
        schema_generator=_Described,
    )
    refusals = {
        status: {"description": why, "content": _hold("Error")} for status, why in REFUSALS.items()
    }
    security = {kind: {"type": "http", "scheme": kind} for kind in ("bearer", "basic")}
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": f"Segments of households: {model.bundle.codebook.panel}",
            "description": "Names the segment of a household from what is known of it.",
            "version": __version__,
        },
        "paths": _describe_paths(model),
        "components": {
            "schemas": definitions["$defs"],
            "responses": refusals,
            "securitySchemes": security,
        },
    }
    return document | ({"security": [{kind: []} for kind in security]} if needs_token else {})


def _describe_paths(model: Model) -> Object:
    scoring = "scoring", "Name the segment of households"
    metrics = "operation", "Figures for Prometheus"
    figures = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "/segments": {
            "post": {
                **_describe_operation(*scoring, _hold("OneAnswer", "BatchAnswers"), REFUSALS),
                **_describe_request(model),
            }
        },
        **{
            path: {"get": _describe_operation(tag, summary, _hold(name), refusals)}
            for path, (tag, summary, name, refusals) in QUESTIONS.items()
        },
        "/metrics": {"get": _describe_operation(*metrics, figures, ("400", "401"))},
    }


def _describe_operation(tag: str, summary: str, content: Object, refusals: Iterable[str]) -> Object:
    described = {
        "tags": [tag],
        "summary": summary,
        "responses": {
            "200": {"description": "The answer.", "content": content},
            **{each: {"$ref": f"#/components/responses/{each}"} for each in refusals},
        },
    }
    return described if "401" in refusals else described | {"security": []}


def _describe_request(model: Model) -> Object:
    examples = {f"A typical household of {name}": each for name, each in model.examples.items()}
    if examples:
        examples["A batch"] = {"households": [*examples.values()]}
    content = _hold("Household", "Batch")
    content["application/json"]["examples"] = {
        name: {"value": value} for name, value in examples.items()
    }
    reasons = {
        "name": "reasons",
        "in": "query",
        "description": "Whether answers hold their reasons.",
        "schema": {"type": "boolean", "default": True},
    }
    return {
        "description": (
            "Takes one household, or a batch of which each is judged by itself and at least one "
            "has an answer. Where all that forms the segments is known, that is an assignment; "
            "else the first information set answers whose fields are all known."
        ),
        "parameters": [reasons],
        "requestBody": {"required": True, "content": content},
    }


def _hold(*names: str) -> Object:
    """A body in JSON that is described by one of these models."""
    schemas = [{"$ref": REFERENCE.format(model=name)} for name in names]
    return {"application/json": {"schema": {"anyOf": schemas} if schemas[1:] else schemas[0]}}
