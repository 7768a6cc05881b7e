"""The path of a request through the project is short."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest

PACKAGE = "customer_segmentation."

# How many modules answer by each route, pages and files included; lower them when it gets shorter.
MOST = {"/segments": 12, "/": 15, "/batch": 15}


@pytest.mark.parametrize("path", MOST)
def test_a_request_enters_few_modules(client, bundle, known_to, path):
    for route in bundle.routes:
        household = {bundle.codebook.identifier: 1010010, **known_to(route.information_set)}
        asked = {"known": route.information_set, **known_to(route.information_set)}
        rows = ",".join(household), ",".join(map(repr, household.values()))
        ways: dict[str, dict[str, Any]] = {
            "/segments": {"json": household},
            "/": {"data": {name: str(value) for name, value in asked.items()}},
            "/batch": {
                "data": b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
                + "\n".join(rows).encode()
                + b"\r\n--x--\r\n",
                "content_type": "multipart/form-data; boundary=x",
            },
        }
        assert (
            client.post(path, **ways[path]).status_code == 200
        )  # the second is as all that follow
        entered = set[str]()

        def note(frame: FrameType, event: str, _: object, entered: set[str] = entered) -> None:
            # Where a class is made, its __init__ has been written by a library.
            if event == "call" and frame.f_code.co_filename != "<string>":
                entered.add(frame.f_globals.get("__name__", ""))

        sys.setprofile(note)
        try:
            client.post(path, **ways[path])
        finally:
            sys.setprofile(None)
        ours = {name for name in entered if name.startswith(PACKAGE)}
        assert len(ours) <= MOST[path], sorted(ours)
