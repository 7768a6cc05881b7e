"""Bodies: what is no strict JSON is refused before anyone looks at it."""

from __future__ import annotations

import io
import json
import math
import random

import pytest

from customer_segmentation.service.api import CHARACTERS_SHOWN

NESTED = 100_000
DIGITS = 5_000


def post(client, body, content_type="application/json", **more):
    return client.post("/segments", data=body, content_type=content_type, **more)


NO_STRICT_JSON = {
    "nothing": b"",
    "a blank": b" ",
    "cut short": b'{"transactions": 3',
    "cut short in a text": b'{"transac',
    "two values": b"{} {}",
    "a comma too many": b'{"transactions": 3,}',
    "single quotes": b"{'transactions': 3}",
    "a comment": b"{} // so",
    "NaN": b'{"transactions": NaN}',
    "Infinity": b'{"transactions": Infinity}',
    "minus Infinity": b'{"transactions": -Infinity}',
    "a plus sign": b'{"transactions": +3}',
    "a leading zero": b'{"transactions": 03}',
    "a bare fraction": b'{"average_price": .5}',
    "hexadecimal": b'{"transactions": 0x3}',
    "a key twice": b'{"transactions": 3, "transactions": 4}',
    "a key twice, written differently": b'{"transactions": 3, "\\u0074ransactions": 3}',
    "a key twice in a batch": b'{"households": [{"transactions": 3, "transactions": 3}]}',
    "batches twice": b'{"households": [{}], "households": [{}]}',
    "deep lists": b"[" * NESTED,
    "deep lists, closed": b"[" * NESTED + b"]" * NESTED,
    "deep objects": b'{"a":' * NESTED + b"1" + b"}" * NESTED,
    "a deep value": b'{"transactions": ' + b"[" * NESTED + b"]" * NESTED + b"}",
    "endless digits": b'{"transactions": ' + b"9" * DIGITS + b"}",
    "endless negative digits": b'{"transactions": -' + b"9" * DIGITS + b"}",
    "a line feed in a text": b'{"trans\nactions": 3}',
    "a NUL in a text": b'{"trans\x00actions": 3}',
    "an unknown escape": b'{"\\x74ransactions": 3}',
    "a half escape": b'{"\\u00": 3}',
    "no UTF-8": b'{"transactions\xff": 3}',
    "overlong UTF-8": b'{"\xc0\xafransactions": 3}',
    "a surrogate in UTF-8": b'{"\xed\xa0\x80": 3}',
    "Latin-1": '{"Größe": 3}'.encode("latin-1"),
    "UTF-16": '{"transactions": 3}'.encode("utf-16"),
    "UTF-16 without a mark": '{"transactions": 3}'.encode("utf-16-le"),
    "UTF-32": '{"transactions": 3}'.encode("utf-32"),
    "a byte order mark": b'\xef\xbb\xbf{"transactions": 3}',
    "a form": b"transactions=3",
    "XML": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
    "YAML": b"transactions: 3",
    "gzip": b"\x1f\x8b\x08\x00",
}


@pytest.mark.parametrize("case", NO_STRICT_JSON)
def test_what_is_no_strict_json_is_refused(client, case):
    response = post(client, NO_STRICT_JSON[case])
    assert response.status_code == 400
    assert response.json["error"]["message"].startswith("The body is no strict JSON: ")


def test_a_key_that_stands_twice_is_named_and_cut_short(client):
    for name in ("brand_runs", "<script>" * 1000):
        message = post(client, json.dumps({name: 1})[:-1] + "," + json.dumps({name: 2})[1:])
        said = message.json["error"]["message"]
        assert name[:50] in said
        assert len(said) < CHARACTERS_SHOWN + 60


def test_the_place_of_a_mistake_is_told_and_not_what_stands_there(client):
    said = post(client, b'{"transactions": 3,\n "brand_runs": secret}').json["error"]["message"]
    assert "line 2, column 16" in said
    assert "secret" not in said
    said = post(client, b'{"transactions": "\xff"}').json["error"]["message"]
    assert "byte 18 is not UTF-8" in said


NO_OBJECTS: list[object] = [None, True, False, 0, 3, 1.5, "households", [], [{}], [[]], math.pi]


@pytest.mark.parametrize("body", NO_OBJECTS, ids=repr)
def test_json_that_is_no_record_is_refused_as_such(client, body):
    response = post(client, json.dumps(body))
    assert response.status_code == 422
    (problem,) = response.json["error"]["problems"]
    assert problem["field"] is None
    assert "object" in problem["problem"]


OTHER_TYPES = [
    None,
    "",
    "text/plain",
    "text/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonp",
    "application/problem+json",
    "application/json; charset=utf-16",
    "application/json; charset=latin-1",
    'application/json; charset=""',
    "application/json, text/plain",
    "*/*",
    "json",
]


@pytest.mark.parametrize("content_type", OTHER_TYPES, ids=repr)
@pytest.mark.parametrize("body", [b"{}", b""])
def test_what_is_not_declared_as_json_is_not_read(client, content_type, body):
    # A page of another origin can send some of these without being asked, and JSON not.
    assert post(client, body, content_type).status_code == 415


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        'Application/JSON; charset="utf-8"',
    ],
)
def test_utf_8_may_be_said(client, household, content_type):
    assert post(client, json.dumps(household), content_type).status_code == 200


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "x"])
def test_compressed_bodies_are_not_unpacked(client, household, encoding):
    answer = post(client, json.dumps(household), headers={"Content-Encoding": encoding})
    assert answer.status_code == 415
    plain = post(client, json.dumps(household), headers={"Content-Encoding": "identity"})
    assert plain.status_code == 200


def test_a_body_may_be_as_large_as_the_limit_and_no_larger(client, household, limits):
    body = json.dumps(household).encode()
    assert post(client, body.ljust(limits.body_bytes)).status_code == 200
    larger = post(client, body.ljust(limits.body_bytes + 1))
    assert larger.status_code == 413
    assert str(limits.body_bytes) in larger.json["error"]["message"]


def test_a_declared_length_is_enough_to_refuse(client, limits):
    class Untouched(io.BytesIO):
        def read(self, *_):
            raise AssertionError("the body was read")

    response = client.post(
        "/segments",
        input_stream=Untouched(),
        content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": str(limits.body_bytes + 1)},
    )
    assert response.status_code == 413


def test_text_beyond_ascii_is_read(client, household, bundle):
    codebook = bundle.codebook
    name = next(f.name for f in codebook.fields if f.codes)
    label = next(iter(codebook.field(name).codes.values()))
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in label)
    body = json.dumps({**household, name: "@"}).replace("@", escaped)
    assert post(client, body).status_code == 200


# What bodies of the random test are made of: parts of good ones among parts of none.
PIECES = [
    *b'{}[]":,\\ \n\t0123456789.-+eE'.decode(),
    *("true", "false", "null", "NaN", "1e999", "-0", "\\u0000", "\\ud800", "é", "\x00", "\x7f"),
    *("households", "transactions", '"transactions":', '"brand_runs":1,', '{"households":['),
    *("9" * 400, "[" * 400, "é" * 50),
]


def write_nonsense(dice: random.Random, good: bytes) -> bytes:
    """Random bytes, random pieces of JSON, or a good body of which parts are spoilt."""
    kind = dice.randrange(4)
    if kind == 0:
        return dice.randbytes(dice.randrange(60))
    if kind == 1:
        return "".join(dice.choices(PIECES, k=dice.randrange(30))).encode()
    if kind == 2:
        names = dice.choices(list(json.loads(good)), k=dice.randrange(6))
        values: list[object] = [None, True, -1, 1e308, 2**70, 0.5, "x", "9" * 400]
        values += [[], {}, [{}], math.tau]
        record = {name: dice.choice(values) for name in names}
        return json.dumps(dice.choice([record, {"households": [record, record]}])).encode()
    spoilt = bytearray(good)
    for _ in range(dice.randrange(1, 6)):
        at = dice.randrange(len(spoilt))
        spoilt[at : at + dice.randrange(3)] = dice.randbytes(dice.randrange(3))
    return bytes(spoilt)


def test_ten_thousand_random_bodies_are_answered_without_a_fault(client, household):
    dice = random.Random(0)
    good = json.dumps(household).encode()
    statuses = []
    for _ in range(10_000):
        body = write_nonsense(dice, good)
        response = post(client, body)
        assert response.status_code in {200, 400, 422}, body
        assert response.json["request_id"]
        statuses.append(response.status_code)
    assert min(statuses.count(status) for status in (200, 400, 422)) > 50
