"""The description of the API is true: it is what the API takes, and what it answers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema

from customer_segmentation.service.middleware import TOKEN_VARIABLE
from tests.service.conftest import TOKEN

SETTINGS: dict[str, Any] = {
    # JSON Schema cannot say that shares add up, that a field follows from others, or that enough is
    # known: what is valid by the schema may be refused for that, with 422 and no other status.
    "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", 422]}},
    "generation": {"mode": "all", "max-examples": 50, "deterministic": True},
}

CHECKS = {  # all that concern an API of this kind
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_headers_conformance", "response_schema_conformance", "negative_data_rejection"),
    *("positive_data_acceptance", "unsupported_method", "missing_required_header", "ignored_auth"),
}


def put_to_the_test(schema: Any) -> tuple[Counter[str], Counter[int]]:
    """Let Schemathesis ask the service; how often each check was made and each status was met."""
    checks, statuses, bad = Counter[str](), Counter[int](), list[object]()
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            bad.append(event)
        if isinstance(event, events.ScenarioFinished):
            made = [each for checks in event.recorder.checks.values() for each in checks]
            bad += [each for each in made if each.status is not Status.SUCCESS]
            checks.update(each.name for each in made)
            answered = event.recorder.interactions.values()
            statuses.update(each.response.status_code for each in answered if each.response)
    assert bad == []
    return checks, statuses


def test_the_service_is_as_it_is_described(app):
    config = SchemathesisConfig.from_dict(SETTINGS)
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app, config=config)
    checks, statuses = put_to_the_test(schema)
    assert set(checks) >= CHECKS
    assert min(checks[name] for name in CHECKS) > 500
    assert set(statuses) == {200, 400, 405, 415, 422}


def test_a_service_with_a_token_is_as_it_is_described(start):
    service = start(environment={TOKEN_VARIABLE: TOKEN}).wait_ready()
    told = {"Authorization": f"Bearer {TOKEN}"}
    config = SchemathesisConfig.from_dict({**SETTINGS, "headers": told})
    url = f"http://127.0.0.1:{service.port}/openapi.json"
    schema = schemathesis.openapi.from_url(url, config=config, headers=told)
    checks, statuses = put_to_the_test(schema)
    assert min(checks[name] for name in CHECKS) > 500
    assert set(statuses) >= {200, 400, 401, 405, 415, 422}


@pytest.fixture
def document(client):
    return client.get("/openapi.json").json


def test_every_route_of_the_api_is_described(app, document):
    rules = {rule.rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("api.")}
    assert set(document["paths"]) == rules - {"/openapi.json"}


def test_every_field_of_the_codebook_is_described(document, bundle):
    household = document["components"]["schemas"]["Household"]
    assert list(household["properties"]) == [field.name for field in bundle.codebook.fields]
    for field in bundle.codebook.fields:
        schema = household["properties"][field.name]
        assert field.raw_name in schema["description"]
        assert schema["title"] == field.label
        if field.codes:
            assert set(schema["enum"]) == {*field.codes, *field.codes.values()}
        else:
            number, *null = schema.get("anyOf", [schema])
            limits = {"minimum": field.minimum, "maximum": field.maximum}
            given = {key: limit for key, limit in limits.items() if limit is not None}
            assert number["type"] == ("integer" if field.is_whole else "number")
            assert {key: number[key] for key in limits if key in number} == given
            unstated = field.not_stated_in_blank_record is not None
            assert null == ([{"type": "null"}] if unstated else [])


def test_the_examples_are_answered(client, document, bundle):
    content = document["paths"]["/segments"]["post"]["requestBody"]["content"]
    examples = content["application/json"]["examples"]
    assert len(examples) == len(bundle.examples) + 1
    for each in examples.values():
        assert client.post("/segments", json=each["value"]).status_code == 200


def test_the_limit_of_a_batch_is_told(document, limits):
    batch = document["components"]["schemas"]["Batch"]["properties"]["households"]
    assert (batch["minItems"], batch["maxItems"]) == (1, limits.batch_limit)


def test_a_token_is_asked_for_only_where_there_is_one(document, closed):
    assert "security" not in document
    told = closed.get("/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"}).json
    assert [*map(list, told["security"])] == [["bearer"], ["basic"]]
    assert told["paths"]["/health/live"]["get"]["security"] == []


def test_every_refusal_is_described(document):
    responses = document["paths"]["/segments"]["post"]["responses"]
    assert set(responses) == {"200", "400", "401", "403", "413", "415", "422", "503"}


def references(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if "$ref" in node else set()
        return own.union(*map(references, node.values()))
    return set().union(*map(references, node)) if isinstance(node, list) else set()


def test_every_part_is_there_and_used(document):
    parts = document["components"]
    there = {f"#/components/{kind}/{name}" for kind in parts for name in parts[kind]}
    assert references(document) == {each for each in there if "securitySchemes" not in each}
