"""The browser of these tests sees what a page does, so that a silent page is a good one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from selenium.webdriver.common.by import By

from tests.browser import Browser

POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:"
DOT = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
PAGE = "<!doctype html><html lang=en><title>A page</title><link rel=icon href=data:,>"


class StrictHandler(SimpleHTTPRequestHandler):
    """Serves a folder under a strict policy, as the service does, and keeps quiet."""

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The address at which the files of `tmp_path` are served."""
    handler = partial(StrictHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_good_page_runs_and_leaves_the_console_empty(browser: Browser, site, tmp_path):
    (tmp_path / "page.html").write_text(f"{PAGE}<img src={DOT}><script src=hello.js></script>")
    (tmp_path / "hello.js").write_text("document.title = 'Hello'; fetch('/answer.json')")
    (tmp_path / "answer.json").write_text("{}")
    browser.open(f"{site}/page.html")
    assert browser.wait(lambda driver: len(browser.requests) == 3)
    assert browser.driver.title == "Hello"
    assert [url.removeprefix(site) for url in browser.requests] == [
        "/page.html",
        "/hello.js",
        "/answer.json",
    ]
    assert browser.console == []


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("<script>1</script>", "inline script"),
        ("<p style='color: red'>red", "inline style"),
        ("<script src=stop.js></script>", "Stop here"),
        ("<script src=talk.js></script>", "By the way"),
        ("<script src=away.js></script>", "connect-src"),
        ("<script src=missing.js></script>", "404"),
    ],
)
def test_a_page_that_is_not_silent_is_found_out(browser: Browser, site, tmp_path, body, word):
    (tmp_path / "page.html").write_text(PAGE + body)
    (tmp_path / "stop.js").write_text("throw new Error('Stop here')")
    (tmp_path / "talk.js").write_text("console.info('By the way')")
    (tmp_path / "away.js").write_text("fetch('http://elsewhere.invalid/')")
    browser.open(f"{site}/page.html")
    assert browser.wait(lambda driver: any(word in message for message in browser.console))


def test_a_request_to_elsewhere_is_seen_although_nobody_answers(browser: Browser, site, tmp_path):
    (tmp_path / "page.html").write_text(f"{PAGE}<a href='http://127.0.0.1:9/there'>away</a>")
    browser.open(f"{site}/page.html")
    browser.driver.find_element(By.TAG_NAME, "a").click()
    assert browser.wait(lambda driver: "http://127.0.0.1:9/there" in browser.requests)


def test_a_new_page_starts_with_a_clean_sheet(browser: Browser, site, tmp_path):
    (tmp_path / "bad.html").write_text(f"{PAGE}<script>1</script>")
    (tmp_path / "good.html").write_text(PAGE)
    browser.open(f"{site}/bad.html")
    browser.open(f"{site}/good.html")
    assert browser.console == []
    assert browser.requests == [f"{site}/good.html"]


@pytest.mark.parametrize("content", ["segment\nLoyalists\n", "segment\nPromo Shoppers\n"])
def test_a_file_that_a_page_hands_out_is_kept(browser: Browser, site, tmp_path, content):
    (tmp_path / "page.html").write_text(f"{PAGE}<a href=scored.csv download>scored</a>")
    (tmp_path / "scored.csv").write_text(content)
    browser.open(f"{site}/page.html")
    browser.driver.find_element(By.TAG_NAME, "a").click()
    saved = browser.downloads / "scored.csv"
    browser.wait(lambda driver: saved.exists())
    assert saved.read_text() == content
