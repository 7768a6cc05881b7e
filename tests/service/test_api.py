"""The answers of the API are the scorer's, and say what they are worth."""

from __future__ import annotations

import json

import numpy as np
import pytest

from customer_segmentation.classification.audit import Claim
from customer_segmentation.classification.models import probability_column
from customer_segmentation.panel.codebook import Origin, Role
from customer_segmentation.scorer.routes import SEGMENTER_INPUTS
from customer_segmentation.scorer.scoring import score_households
from customer_segmentation.service.models import Models


def ask(client, content, query=""):
    response = client.post(f"/segments{query}", json=content)
    return response.status_code, response.json


def answer(client, content, query="?reasons=false"):
    status, told = ask(client, content, query)
    assert status == 200, told
    return told


def problems_of(client, record):
    status, told = ask(client, record)
    assert status == 422
    return {each["field"]: each["problem"] for each in told["error"]["problems"]}


def score(bundle, record):
    """The same, without the service."""
    reading = bundle.reader.read_records([record])
    return score_households(bundle, reading.households)


def test_every_information_set_answers_as_the_scorer_does(client, bundle, known_to):
    for number, route in enumerate(bundle.routes):
        record = known_to(route.information_set)
        told, scores = answer(client, record), score(bundle, record)
        assert told["information_set"] == route.information_set
        assert told["claim"] == route.claim
        assert scores.routes.tolist() == [number]
        assert told["probabilities"] == dict(
            zip(bundle.segments, scores.probabilities[0].tolist(), strict=True)
        )
        assert told["segment"] == max(told["probabilities"], key=told["probabilities"].get)
        inside = scores.form_sets()[0]
        assert told["conformal_set"] == [bundle.segments[at] for at in np.flatnonzero(inside)]
        assert told["model_version"] == bundle.version


def test_whoever_tells_all_purchases_is_assigned_for_certain(client, bundle, known_to):
    told = answer(client, known_to(SEGMENTER_INPUTS))
    assert told["claim"] == Claim.ASSIGNMENT
    assert sorted(told["probabilities"].values()) == [0] * (len(bundle.segments) - 1) + [1]
    assert told["conformal_set"] == [told["segment"]]


def test_the_households_of_the_panel_are_answered_as_in_a_table(client, bundle, panel_rows):
    table = bundle.reader.read_table(panel_rows, "the panel")
    expected = score_households(bundle, table).tabulate().to_dict(orient="records")
    records = panel_rows.astype("float64").to_dict(orient="records")
    told = answer(client, {"households": records})
    assert told["refused"] == []
    for row, each in zip(expected, told["answers"], strict=True):
        shares = {probability_column(name): p for name, p in each.pop("probabilities").items()}
        held = each.pop("conformal_set")
        del each["index"]
        assert {**each, **shares} == row
        assert each["segment"] in held


def test_a_batch_answers_each_as_if_it_were_alone(client, bundle, known_to):
    records = [known_to(route.information_set) for route in bundle.routes]
    told = answer(client, {"households": records}, "")
    assert [each.pop("index") for each in told["answers"]] == list(range(len(records)))
    alone = [answer(client, record, "") for record in records]
    for each in alone:
        del each["request_id"], each["model_version"]
    assert told["answers"] == alone
    assert told["refused"] == []


def test_a_bad_record_of_a_batch_is_refused_by_its_index(client, household):
    bad = [3, {}, {"transactions": -1}, None, {"shoe_size": 4}]
    told = answer(client, {"households": [household, *bad, household]})
    assert [each["index"] for each in told["answers"]] == [0, 6]
    assert [each["index"] for each in told["refused"]] == [1, 2, 3, 4, 5]
    fields = [[problem["field"] for problem in each["problems"]] for each in told["refused"]]
    assert fields == [[None], [None], ["transactions"], [None], ["shoe_size"]]


def test_a_batch_without_a_good_record_is_refused(client):
    status, told = ask(client, {"households": [{}, {"transactions": "3"}]})
    assert status == 422
    assert [each["index"] for each in told["error"]["refused"]] == [0, 1]
    assert "answers" not in told


def test_a_batch_takes_as_many_as_the_limit_and_no_more(client, household, limits):
    told = answer(client, {"households": [household] * limits.batch_limit})
    assert len(told["answers"]) == limits.batch_limit
    status, told = ask(client, {"households": [household] * (limits.batch_limit + 1)})
    assert status == 422
    assert str(limits.batch_limit) in told["error"]["message"]


@pytest.mark.parametrize("batch", [[], {}, None, 3, "x", True])
def test_a_batch_is_a_list_with_something_in_it(client, batch):
    status, told = ask(client, {"households": batch})
    assert status == 422
    assert "problems" not in told["error"]


def test_a_batch_holds_nothing_else(client, household):
    assert ask(client, {"households": [household], "transactions": 3})[0] == 422


def test_the_identifier_comes_back(client, household, bundle):
    identifier = bundle.codebook.identifier
    assert answer(client, {**household, identifier: 1234567})[identifier] == 1234567
    assert identifier not in answer(client, household)


def test_households_may_share_an_identifier(client, household, bundle):
    record = {**household, bundle.codebook.identifier: 1234567}
    assert len(answer(client, {"households": [record, record]})["answers"]) == 2


def test_a_thin_record_is_flagged_and_null_where_it_is_not_known(client, bundle, known_to):
    codebook = bundle.codebook
    flag, name = codebook.column(Role.THIN_RECORD), codebook.column(Role.TRANSACTIONS)
    runs = codebook.column(Role.BRAND_RUNS)
    minimum = bundle.segmenter.minimum_transactions
    record = known_to(SEGMENTER_INPUTS)
    for transactions, expected in ((minimum - 1, True), (minimum, False)):
        assert answer(client, {**record, name: transactions, runs: 1})[flag] is expected
    purchases = set(codebook.columns_from(Origin.PURCHASE))
    blind = next(r for r in bundle.routes if not purchases & set(r.inputs.fields))
    assert answer(client, known_to(blind.information_set))[flag] is None


def test_raw_names_and_labels_say_the_same(client, bundle, household):
    fields = bundle.codebook.fields
    written = {}
    for field in fields:
        if field.name in household:
            value = household[field.name]
            written[field.raw_name] = field.codes[value].upper() if field.codes else value
    told, expected = answer(client, written), answer(client, household)
    for each in (told, expected):
        del each["request_id"]
    assert told == expected


def test_a_field_under_both_names_is_refused(client, bundle, household):
    field = bundle.codebook.fields[-1]
    found = problems_of(client, {**household, field.raw_name: household[field.name]})
    assert "twice" in found[field.name]


def test_a_code_that_is_not_stated_is_known_and_no_code_is_not(client, bundle, known_to):
    purchases = set(bundle.codebook.columns_from(Origin.PURCHASE))
    blind = next(r for r in bundle.routes if not purchases & set(r.inputs.fields))
    record = known_to(blind.information_set)
    field = next(
        bundle.codebook.field(n) for n in record if bundle.codebook.field(n).not_stated is not None
    )
    assert answer(client, {**record, field.name: field.not_stated})["segment"]
    lacking = {name: value for name, value in record.items() if name != field.name}
    assert field.name in problems_of(client, lacking)[None]


@pytest.mark.parametrize("value", [None, True, False, "3", "", [], [3], {}, "3.0", 1e400, 10**400])
def test_a_value_of_another_type_is_refused_by_its_field(client, household, value):
    body = json.dumps({**household, "transactions": value}).replace("Infinity", "1e400")
    response = client.post("/segments", data=body, content_type="application/json")
    assert response.status_code == 422
    (problem,) = response.json["error"]["problems"]
    assert problem["field"] == "transactions"
    assert "whole number" in problem["problem"]


def test_each_rule_of_the_codebook_is_told_by_its_fields(client, household):
    assert "codes" in problems_of(client, {**household, "food_habits": 9})["food_habits"]
    assert "whole" in problems_of(client, {**household, "transactions": 2.5})["transactions"]
    assert "at most" in problems_of(client, {**household, "share_lux": 1.5})["share_lux"]
    sums = problems_of(client, {**household, "share_no_promotion": 0.0})
    assert any("add up to 1" in problem for problem in sums.values())
    price = problems_of(client, {**household, "average_price": 500})["average_price"]
    assert "total_value" in price


def test_an_unknown_field_is_named_with_what_it_might_be(client, household):
    found = problems_of(client, {**household, "transactoins": 3})
    assert "'transactions'" in found["transactoins"]


AWKWARD_NAMES = ["", " ", "\x00", "\ud800", "é" * 40, "</script><b>", "a\nb", "x" * 100_000]


@pytest.mark.parametrize("name", AWKWARD_NAMES, ids=lambda name: ascii(name[:12]))
def test_whatever_a_field_is_called_it_can_be_told(client, household, name):
    response = client.post("/segments", json={**household, name: 3})
    assert response.status_code == 422
    assert len(response.data) < 1000
    (problem,) = json.loads(response.data.decode("ascii"))["error"]["problems"]
    assert problem["field"][:10] == name[:10].replace("\ud800", "?")


def test_nothing_that_was_sent_comes_back_but_names(client, household):
    sent = {"transactions": "topsecret", "average_price": 987654321, "food_habits": "s3cret"}
    for record in ({**household, **sent}, {"households": [{**household, **sent}]}):
        text = client.post("/segments", json=record).get_data(as_text=True)
        assert "transactions" in text
        assert not any(value in text for value in ("topsecret", "987654321", "s3cret"))


def test_only_so_many_problems_are_told(client):
    response = client.post("/segments", json={f"name {at}": 1 for at in range(20_000)})
    assert response.status_code == 422
    assert len(response.json["error"]["problems"]) == 10


def test_what_is_missing_to_an_answer_is_told(client, bundle, known_to):
    purchases = set(bundle.codebook.columns_from(Origin.PURCHASE))
    blind = next(r for r in bundle.routes if not purchases & set(r.inputs.fields))
    *others, last = known_to(blind.information_set)
    said = problems_of(client, {name: known_to(blind.information_set)[name] for name in others})
    assert last in said[None]
    assert blind.information_set in said[None]


def test_reasons_are_told_unless_they_are_not_wanted(client, household):
    assert "reasons" in answer(client, household, "")
    assert "reasons" in answer(client, household, "?reasons=true")
    assert "reasons" not in answer(client, household, "?reasons=false")
    told = answer(client, {"households": [household]}, "?reasons=false")
    assert "reasons" not in told["answers"][0]


QUERIES = [
    *("reasons", "reasons=", "reasons=1", "reasons=no", "reasons=False", "reasons=TRUE"),
    *("reasons=false&reasons=false", "reasons=true&x=1", "x=1", "reason=false", "&", "%00", "é"),
]


@pytest.mark.parametrize("query", QUERIES)
def test_any_other_query_is_refused(client, household, query):
    status, told = ask(client, household, f"?{query}")
    assert status == 400
    assert "reasons=false" in told["error"]["message"]


def test_the_reasons_of_an_assignment_compare_distances(client, bundle, known_to):
    record = known_to(SEGMENTER_INPUTS)
    told = answer(client, record, "")
    reasons, (expected,) = told["reasons"], score(bundle, record).explain()
    assert reasons["segment"] == told["segment"]
    assert reasons["compared_with"] == bundle.segments[expected.second]
    assert set(reasons["distances"]) == set(bundle.segments)
    assert min(reasons["distances"], key=reasons["distances"].get) == told["segment"]
    terms = bundle.routes[0].terms
    assert {each["name"]: each["contribution"] for each in reasons["contributions"]} == dict(
        zip(terms, expected.contributions.tolist(), strict=True)
    )
    assert "squared units" in reasons["unit"]


def test_the_reasons_of_a_guess_are_those_of_its_fields(client, bundle, known_to):
    for route in bundle.routes[1:]:
        record = known_to(route.information_set)
        reasons = answer(client, record, "")["reasons"]
        (expected,) = score(bundle, record).explain()
        assert "log-odds" in reasons["unit"]
        assert set(reasons) == {"segment", "unit", "contributions"}
        told = {each["name"]: each["contribution"] for each in reasons["contributions"]}
        assert told == dict(zip(route.terms, expected.contributions.tolist(), strict=True))
        labels = {each["name"]: each["label"] for each in reasons["contributions"]}
        assert labels == {name: bundle.codebook[name].label for name in route.terms}


def test_the_largest_reason_stands_first(client, bundle, known_to):
    for route in bundle.routes:
        told = answer(client, known_to(route.information_set), "")["reasons"]["contributions"]
        sizes = [abs(each["contribution"]) for each in told]
        assert sizes == sorted(sizes, reverse=True)
        assert len(sizes) == len(route.terms)


def test_the_model_describes_every_field(client, bundle):
    told = client.get("/model").json
    fields = {each["name"]: each for each in told["fields"]}
    assert list(fields) == [field.name for field in bundle.codebook.fields]
    for field in bundle.codebook.fields:
        each = fields[field.name]
        assert (each["raw_name"], each["label"], each["unit"]) == (
            field.raw_name,
            field.label,
            field.unit,
        )
        assert {code["code"]: code["label"] for code in each["codes"]} == field.codes
        assert (each["minimum"], each["maximum"]) == (field.minimum, field.maximum)
        needed = [r.information_set for r in bundle.routes if field.name in r.inputs.fields]
        assert each["information_sets"] == needed


def test_the_model_tells_what_its_answers_are_worth(client, bundle):
    told = client.get("/model").json
    assert told["version"] == bundle.version
    assert told["segments"] == list(bundle.segments)
    assert (told["panel"], told["category"]) == (bundle.codebook.panel, bundle.codebook.category)
    sets = told["information_sets"]
    assert [each["name"] for each in sets] == [r.information_set for r in bundle.routes]
    assert sets[0]["evidence"] is None
    for each, champion in zip(sets[1:], bundle.champions, strict=True):
        assert each["claim"] == champion.claim
        assert each["evidence"] == champion.evidence.model_dump()
    assert len({each["meaning"] for each in sets}) == len({each["claim"] for each in sets})
    assert all(each["meaning"].endswith(".") for each in sets)


def test_a_service_without_a_model_is_alive_and_answers_nothing_else(open_app, tmp_path, household):
    client = open_app(Models(tmp_path)).test_client()
    assert client.get("/health/live").status_code == 200
    assert client.get("/metrics").status_code == 200
    for path in ("/health/ready", "/model", "/openapi.json"):
        assert client.get(path).status_code == 503
    response = client.post("/segments", json=household)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert response.json["error"]["title"] == "Service Unavailable"


def test_a_service_with_a_model_is_ready(client, bundle):
    assert client.get("/health/live").json == {"status": "live"}
    told = client.get("/health/ready")
    assert told.status_code == 200
    assert told.json == {"status": "ready", "model_version": bundle.version}


UNKNOWN = ["/nothing", "/segments/", "/segments/1", "/Segments", "/health", "/docs/"]


@pytest.mark.parametrize("path", [*UNKNOWN, "/docs/swagger-ui.js", "/docs/%2e%2e/LICENSE", "/%00"])
def test_an_unknown_path_is_told_in_json(client, path):
    response = client.get(path)
    assert response.status_code == 404
    assert response.json["error"]["title"] == "Not Found"


METHODS = ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "NONSENSE"]


@pytest.mark.parametrize("method", METHODS)
def test_another_method_is_told_with_those_that_there_are(client, method):
    response = client.open("/segments", method=method)
    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"
    assert response.json["error"]["status"] == 405


def test_a_head_is_a_get_without_its_body(client):
    response = client.head("/health/live")
    assert (response.status_code, response.data) == (200, b"")
