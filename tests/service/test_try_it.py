"""The page on which a person tries the API, in a real browser."""

from __future__ import annotations

import json

import pytest
from selenium.webdriver.common.by import By

from tests.browser import Browser
from tests.service.running import RunningService


def test_an_example_can_be_sent_and_its_answer_is_shown(
    browser: Browser, service: RunningService, bundle
):
    def find(selector: str):
        return browser.wait(lambda driver: driver.find_elements(By.CSS_SELECTOR, selector))[0]

    browser.open(f"http://127.0.0.1:{service.port}/docs")
    find(".opblock-post button.opblock-summary-control").click()
    find("button.try-out__btn").click()
    find("button.execute").click()
    answer = ".live-responses-table tr.response"
    assert find(f"{answer} .response-col_status").text == "200"
    shown = find(f"{answer} .response-col_description code").text
    assert json.loads(shown)["segment"] == bundle.examples[0].segment
    assert browser.console == []
    assert {url.split("/")[2] for url in browser.requests} == {f"127.0.0.1:{service.port}"}


@pytest.mark.parametrize("name", ["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"])
def test_its_files_are_served_from_here(client, name):
    response = client.get(f"/docs/{name}")
    assert response.status_code == 200
    assert len(response.data) > 100


def test_its_page_has_no_script_or_style_of_its_own(client):
    page = client.get("/docs").get_data(as_text=True)
    assert "<style" not in page
    assert page.count("<script") == page.count("<script src=")
