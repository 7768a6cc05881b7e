"""The description of the API that programs read (OpenAPI 3.1), made from the codebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customer_segmentation import __version__
from customer_segmentation.panel.codebook import Codebook, Field, Role
from customer_segmentation.scorer.bundle import ScoringBundle
from customer_segmentation.scorer.examples import Example
from customer_segmentation.service.parameters import ServiceParameters
from customer_segmentation.service.security import Access
from customer_segmentation.typing_tool.audit import Claim

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number"}
LENGTH: Schema = {"type": "number", "minimum": 0}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}

# What may be wrong with any request, by status.
REFUSALS = {
    "400": "The request is malformed: no strict JSON, an unknown query, or a name of the service "
    "that it does not go by.",
    "401": "A token is needed, as a bearer token or as the password of basic authentication.",
    "413": "The body is too large.",
    "415": "The body is not declared as uncompressed JSON in UTF-8.",
    "422": "No record can be scored: what is wrong with each is told by field. A valid schema does "
    "not suffice, because shares must add up, fields that follow from others must fit them, and "
    "enough must be known.",
    "503": "No model has been loaded and verified yet.",
}


def describe_api(bundle: ScoringBundle, parameters: ServiceParameters, access: Access) -> Schema:
    """Describe the API.

    Args:
        bundle: The model, with the codebook.
        parameters: The limits.
        access: Whether a token is needed.

    Returns:
        An OpenAPI 3.1 document.
    """
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": f"Segments of households: {bundle.codebook.panel}",
            "description": "Names the segment of a household from what is known of it.",
            "version": __version__,
        },
        "paths": _describe_paths(bundle),
        "components": {
            "schemas": _describe_schemas(bundle, parameters),
            "responses": {status: _describe_refusal(status) for status in REFUSALS},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
            },
        },
    }
    return document | ({"security": [{"bearer": []}, {"basic": []}]} if access.token else {})


def _describe_paths(bundle: ScoringBundle) -> Schema:
    return {
        "/segments": {"post": _describe_scoring(bundle)},
        "/model": {
            "get": _operation("Describe the model", "ModelDescription", ["400", "401", "503"])
        },
        "/health/live": {
            "get": _operation("Is the process alive?", "Life", ["400"], open_to_all=True)
        },
        "/health/ready": {
            "get": _operation("Does a model serve?", "Readiness", ["400", "503"], open_to_all=True)
        },
        "/metrics": {
            "get": {
                "summary": "Figures for Prometheus",
                "responses": {
                    "200": {
                        "description": "The text format of Prometheus.",
                        "content": {"text/plain": {"schema": TEXT}},
                    },
                    **_refer_to_refusals(["400", "401"]),
                },
            }
        },
    }


def _operation(
    summary: str, schema: str, refusals: list[str], *, open_to_all: bool = False
) -> Schema:
    operation = {
        "summary": summary,
        "responses": {
            "200": {"description": "The answer.", "content": _as_json(_refer(schema))},
            **_refer_to_refusals(refusals),
        },
    }
    return operation | ({"security": []} if open_to_all else {})


def _describe_scoring(bundle: ScoringBundle) -> Schema:
    return {
        "summary": "Name the segment of households",
        "description": (
            "Takes one household, or a batch of which each is judged by itself. Who tells all that "
            "forms the segments gets an assignment; else the first information set answers whose "
            "fields are all told."
        ),
        "parameters": [
            {
                "name": "reasons",
                "in": "query",
                "description": "Whether answers tell their reasons.",
                "schema": {"type": "boolean", "default": True},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"anyOf": [_refer("Household"), _refer("Batch")]},
                    "examples": _list_examples(bundle),
                }
            },
        },
        "responses": {
            "200": {
                "description": "The answer; of a batch, at least one household has one.",
                "content": _as_json({"oneOf": [_refer("OneAnswer"), _refer("BatchAnswers")]}),
            },
            **_refer_to_refusals(list(REFUSALS)),
        },
    }


def _list_examples(bundle: ScoringBundle) -> Schema:
    households = {each.segment: _write_example(each, bundle.codebook) for each in bundle.examples}
    singly: Schema = {
        f"A typical household of {segment}": {"value": household}
        for segment, household in households.items()
    }
    if not households:
        return singly
    return singly | {"A batch": {"value": {"households": list(households.values())}}}


def _write_example(example: Example, codebook: Codebook) -> dict[str, float]:
    return {
        name: int(value) if codebook.field(name).is_whole else value
        for name, value in example.values.items()
    }


def _describe_schemas(bundle: ScoringBundle, parameters: ServiceParameters) -> Schema:
    return {
        "Household": _describe_household(bundle.codebook),
        "Batch": _object(
            {
                "households": {
                    "type": "array",
                    "items": _refer("Household"),
                    "minItems": 1,
                    "maxItems": parameters.batch_limit,
                }
            }
        ),
        **_describe_answers(bundle),
        **_describe_errors(),
        **_describe_states(),
    }


def _describe_household(codebook: Codebook) -> Schema:
    return {
        "type": "object",
        "description": (
            "What is known of a household; a field that is left out is not known. A field may be "
            "called by its raw name instead, and the label of a code may be written in any case."
        ),
        "properties": {field.name: _describe_field(field) for field in codebook.fields},
        "additionalProperties": False,
        "minProperties": 1,
    }


def _describe_field(field: Field) -> Schema:
    unit = f", in {field.unit}" if field.unit else ""
    codes = "; ".join(f"{code}: {label}" for code, label in field.codes.items())
    parts = [
        f"{field.label}{unit} (raw name: {field.raw_name}).",
        f"Codes, or their labels: {codes}." if codes else "",
        f"{field.not_stated} if not stated." if field.not_stated is not None else "",
        field.note,
    ]
    schema: Schema = {"title": field.label, "description": " ".join(filter(None, parts))}
    if field.codes:
        return schema | {"enum": [*field.codes, *dict.fromkeys(field.codes.values())]}
    limits = {"minimum": field.minimum, "maximum": field.maximum}
    told = {name: limit for name, limit in limits.items() if limit is not None}
    return schema | {"type": "integer" if field.is_whole else "number", **told}


def _describe_answers(bundle: ScoringBundle) -> Schema:
    identifier = bundle.codebook.identifier
    answer = _describe_answer(bundle)
    signature = {"model_version": TEXT, "request_id": TEXT}
    optional = [identifier, "reasons"]
    return {
        "OneAnswer": _object({**answer, **signature}, optional),
        "BatchAnswers": _object(
            {
                "answers": _list_of(_object({"index": WHOLE, **answer}, optional)),
                "refused": _list_of(_refer("RefusedRecord")),
                **signature,
            }
        ),
        "Reasons": _describe_reasons(bundle),
    }


def _describe_answer(bundle: ScoringBundle) -> dict[str, Schema]:
    segment = {"type": "string", "enum": list(bundle.segments)}
    shares = _object(dict.fromkeys(bundle.segments, SHARE))
    return {
        bundle.codebook.identifier: WHOLE,
        "segment": {**segment, "description": "The likeliest."},
        "claim": {"type": "string", "enum": [claim.value for claim in Claim]},
        "information_set": {
            "type": "string",
            "enum": [route.information_set for route in bundle.routes],
            "description": "What the answer rests on; /model has its fields and figures.",
        },
        "probabilities": {**shares, "description": "Of each segment; they add up to 1."},
        "conformal_set": {
            **_list_of(segment),
            "description": "The segments that cannot be ruled out; /model tells how often it holds "
            "the right one.",
        },
        bundle.codebook.column(Role.THIN_RECORD): {
            "type": ["boolean", "null"],
            "description": "Whether there are too few transactions to show a style; null if it is "
            "not known.",
        },
        "reasons": _refer("Reasons"),
    }


def _describe_reasons(bundle: ScoringBundle) -> Schema:
    distances = _object(dict.fromkeys(bundle.segments, LENGTH))
    return _object(
        {
            "segment": {**TEXT, "description": "The segment that they speak for."},
            "compared_with": {**TEXT, "description": "Of an assignment: the second segment."},
            "unit": TEXT,
            "contributions": _list_of(
                _object({"name": TEXT, "label": TEXT, "contribution": NUMBER})
            ),
            "distances": {
                **distances,
                "description": "Of an assignment: to each segment's centre.",
            },
        },
        optional=["compared_with", "distances"],
    )


def _describe_errors() -> Schema:
    problem = _object(
        {
            "field": {"type": ["string", "null"], "description": "Null: the record as a whole."},
            "problem": TEXT,
        }
    )
    error = _object(
        {
            "status": {"type": "integer"},
            "title": TEXT,
            "message": TEXT,
            "problems": _list_of(_refer("Problem")),
            "refused": _list_of(_refer("RefusedRecord")),
        },
        optional=["problems", "refused"],
    )
    return {
        "Problem": problem,
        "RefusedRecord": _object({"index": WHOLE, "problems": _list_of(_refer("Problem"))}),
        "Error": _object({"error": error, "request_id": TEXT}),
    }


def _describe_states() -> Schema:
    missable = {"type": ["number", "null"]}
    code = _object({"code": {"type": "integer"}, "label": TEXT})
    field = {
        **dict.fromkeys(("name", "raw_name", "label", "group", "unit", "note"), TEXT),
        "codes": _list_of(code),
        "whole": {"type": "boolean"},
        **dict.fromkeys(("minimum", "maximum", "not_stated"), missable),
        "information_sets": {**_list_of(TEXT), "description": "Those that need the field."},
    }
    information_set = {
        **dict.fromkeys(("name", "claim", "meaning"), TEXT),
        "fields": _list_of(TEXT),
        "evidence": {
            "type": ["object", "null"],
            "description": "Of the guesses, by nested validation: number of households, accuracy "
            "with its interval, that of always naming the largest segment, and how often and with "
            "how many segments the conformal set holds the right one.",
            "additionalProperties": NUMBER,
        },
    }
    model = {
        **dict.fromkeys(("version", "panel", "category", "request_id"), TEXT),
        "segments": _list_of(TEXT),
        "information_sets": _list_of(_object(information_set)),
        "fields": _list_of(_object(field)),
    }
    return {
        "ModelDescription": _object(model),
        "Life": _object({"status": {"const": "live"}}),
        "Readiness": _object({"status": {"const": "ready"}, "model_version": TEXT}),
    }


def _describe_refusal(status: str) -> Schema:
    return {"description": REFUSALS[status], "content": _as_json(_refer("Error"))}


def _refer_to_refusals(statuses: list[str]) -> Schema:
    return {status: {"$ref": f"#/components/responses/{status}"} for status in statuses}


def _refer(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _as_json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _list_of(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def _object(properties: Mapping[str, Schema], optional: list[str] | None = None) -> Schema:
    """An object of these properties and no other; all are there but the optional ones."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in (optional or [])],
        "additionalProperties": False,
    }
