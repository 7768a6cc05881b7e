"""What the API takes and gives, as JSON Schemas made from the codebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customer_segmentation.classification.audit import Claim
from customer_segmentation.panel.codebook import Codebook, Field, Role
from customer_segmentation.scorer.bundle import ScoringBundle
from customer_segmentation.service.parameters import ServiceParameters

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number"}
LENGTH: Schema = {"type": "number", "minimum": 0}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}


def describe_schemas(bundle: ScoringBundle, parameters: ServiceParameters) -> Schema:
    """Describe everything that the API takes and gives.

    Args:
        bundle: The model, with the codebook.
        parameters: The limits.

    Returns:
        A schema by its name; they refer to one another as parts of an OpenAPI document.
    """
    return {
        "Household": _describe_household(bundle.codebook),
        "Batch": _object(
            {
                "households": {
                    "type": "array",
                    "items": refer("Household"),
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
        f"{_tell_unstated(field)} if not stated." if field.blank_code is not None else "",
        field.note,
    ]
    schema: Schema = {"title": field.label, "description": " ".join(filter(None, parts))}
    if field.codes:
        return schema | {"enum": [*field.codes, *dict.fromkeys(field.codes.values())]}
    limits = {"minimum": field.minimum, "maximum": field.maximum}
    told = {name: limit for name, limit in limits.items() if limit is not None}
    kind = "integer" if field.is_whole else "number"
    return (
        schema
        | {"type": kind if field.not_stated_in_blank_record is None else [kind, "null"]}
        | told
    )


def _tell_unstated(field: Field) -> str:
    return "null" if field.not_stated is None else str(field.not_stated)


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
                "refused": _list_of(refer("RefusedRecord")),
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
            "description": "The likeliest segment and all that cannot be ruled out; /model tells "
            "how often it holds the right one.",
        },
        bundle.codebook.column(Role.THIN_RECORD): {
            "type": ["boolean", "null"],
            "description": "Whether there are too few transactions to show a style; null if it is "
            "not known.",
        },
        "reasons": refer("Reasons"),
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
            "problems": _list_of(refer("Problem")),
            "refused": _list_of(refer("RefusedRecord")),
        },
        optional=["problems", "refused"],
    )
    return {
        "Problem": problem,
        "RefusedRecord": _object({"index": WHOLE, "problems": _list_of(refer("Problem"))}),
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


def refer(name: str) -> Schema:
    """The schema with this name."""
    return {"$ref": f"#/components/schemas/{name}"}


def as_json(schema: Schema) -> Schema:
    """A body in JSON, in OpenAPI's words."""
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
