"""The description of the API that programs read (OpenAPI 3.1), made from the codebook."""

from __future__ import annotations

from customer_segmentation import __version__
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.scorer.bundle import Example, ScoringBundle
from customer_segmentation.service.parameters import ServiceParameters
from customer_segmentation.service.schemas import TEXT, Schema, as_json, describe_schemas, refer
from customer_segmentation.service.security import Access

SCORING, OPERATION = ["scoring"], ["operation"]  # headings
OPEN: list[Schema] = []  # no token is asked for

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
            "schemas": describe_schemas(bundle, parameters),
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
            "get": {
                "tags": SCORING,
                **_operation("Describe the model", "ModelDescription", ["400", "401", "503"]),
            }
        },
        "/health/live": {
            "get": {
                "tags": OPERATION,
                "security": OPEN,
                **_operation("Is the process alive?", "Life", ["400"]),
            }
        },
        "/health/ready": {
            "get": {
                "tags": OPERATION,
                "security": OPEN,
                **_operation("Does a model serve?", "Readiness", ["400", "503"]),
            }
        },
        "/metrics": {
            "get": {
                "tags": OPERATION,
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


def _operation(summary: str, schema: str, refusals: list[str]) -> Schema:
    return {
        "summary": summary,
        "responses": {
            "200": {"description": "The answer.", "content": as_json(refer(schema))},
            **_refer_to_refusals(refusals),
        },
    }


def _describe_scoring(bundle: ScoringBundle) -> Schema:
    return {
        "tags": SCORING,
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
                    "schema": {"anyOf": [refer("Household"), refer("Batch")]},
                    "examples": _list_examples(bundle),
                }
            },
        },
        "responses": {
            "200": {
                "description": "The answer; of a batch, at least one household has one.",
                "content": as_json({"oneOf": [refer("OneAnswer"), refer("BatchAnswers")]}),
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


def _describe_refusal(status: str) -> Schema:
    return {"description": REFUSALS[status], "content": as_json(refer("Error"))}


def _refer_to_refusals(statuses: list[str]) -> Schema:
    return {status: {"$ref": f"#/components/responses/{status}"} for status in statuses}
