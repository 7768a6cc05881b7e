"""What the tests of the service share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.service.browser import Browser


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Headless Chromium; where there is none, the test is skipped."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and chromedriver):
        pytest.skip("there is no chromium with its chromedriver; Debian has both as packages")
    browser = Browser(chromium, chromedriver, tmp_path_factory.mktemp("browser"))
    yield browser
    browser.driver.quit()
