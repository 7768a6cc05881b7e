"""What Prometheus is told: what happened, under a bounded number of names."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from customer_segmentation.service.models import Models

PREFIX = "customer_segmentation"


@pytest.fixture
def client(models, open_app):
    """A service that has counted nothing yet."""
    return open_app(models).test_client()


def read(client):
    """Every sample, by its name and labels."""
    response = client.get("/metrics")
    assert response.content_type.startswith("text/plain")
    return {
        (sample.name.removeprefix(f"{PREFIX}_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.get_data(as_text=True))
        for sample in family.samples
    }


def the(samples, name, **labels):
    return samples.get((name, frozenset(labels.items())))


def test_requests_are_counted_by_route_method_and_status(client, household):
    client.post("/segments", json=household)
    client.post("/segments", json={})
    client.post("/segments", json=household)
    client.get("/health/live")
    told = read(client)
    asked = {"route": "/segments", "method": "POST"}
    assert the(told, "requests_total", **asked, status="200") == 2
    assert the(told, "requests_total", **asked, status="422") == 1
    assert the(told, "requests_total", route="/health/live", method="GET", status="200") == 1
    assert the(told, "request_seconds_count", route="/segments") == 3
    assert the(told, "request_seconds_bucket", route="/segments", le="+Inf") == 3
    assert 0 < the(told, "request_seconds_sum", route="/segments") < 60


def test_segments_are_counted_by_claim_and_set(client, bundle, known_to):
    records = [known_to(route.information_set) for route in bundle.routes]
    answers = client.post("/segments", json={"households": [*records, {}, 3]}).json["answers"]
    client.post("/segments", json=records[0])
    told = read(client)
    for number, each in enumerate(answers):
        labels = {key: each[key] for key in ("segment", "claim", "information_set")}
        assert the(told, "segments_total", **labels) == (2 if number == 0 else 1)
    assert the(told, "refused_records_total") == 2


def test_names_are_few_whatever_is_asked(client):
    before = len(read(client))
    read(client)
    for number in range(50):
        client.get(f"/nothing/{number}", headers={"X-Request-ID": str(number)})
        client.get(f"/docs/{number}")
        client.open("/segments", method=f"M{number}")
        client.post(f"/segments?{number}", json={f"field {number}": number})
    told = read(client)
    assert {dict(labels)["route"] for name, labels in told if name == "requests_total"} == {
        *("/docs/<name>", "/metrics", "/segments", "other"),
    }
    assert {dict(labels)["method"] for name, labels in told if name == "requests_total"} == {
        *("GET", "POST", "other"),
    }
    assert len(told) - before < 100


def test_the_model_is_told(client, bundle):
    told = read(client)
    assert the(told, "ready") == 1
    assert the(told, "model_info", version=bundle.version) == 1
    assert the(told, "model_loads_total", outcome="ok") == 1
    assert the(told, "model_loads_total", outcome="failed") == 0


def test_without_a_model_there_is_none_to_tell(open_app, tmp_path):
    models = Models(tmp_path)
    models.refresh()
    told = read(open_app(models).test_client())
    assert the(told, "ready") == 0
    assert not [name for name, _ in told if name == "model_info"]
    assert the(told, "model_loads_total", outcome="failed") == 1


def test_nothing_that_was_sent_is_told(client, household):
    client.post("/segments", json={**household, "s3cret": "s3cret"})
    assert "s3cret" not in client.get("/metrics").get_data(as_text=True)
