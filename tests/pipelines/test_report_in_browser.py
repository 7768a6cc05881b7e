"""The report in a real browser: alone, in the dark, on a phone, on paper, by keyboard."""

from __future__ import annotations

import base64
import re

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser import Browser
from tests.conftest import ProjectRun

OPEN_ALL = "document.querySelectorAll('details').forEach(each => each.open = true)"


@pytest.fixture
def report(project_run: ProjectRun, look: Browser) -> Browser:
    """A browser that shows the report."""
    look.open(file_of(project_run))
    return look


def file_of(project_run: ProjectRun) -> str:
    page = project_run.data_root / "08_reporting" / "segmentation_report.html"
    return page.absolute().as_uri()


def test_the_report_needs_no_other_file_and_no_network(report: Browser, project_run):
    assert report.requests == [file_of(project_run)]
    assert report.console == []
    broken = "return [...document.images].filter(each => !each.naturalWidth).length"
    assert report.driver.execute_script(broken) == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_of_the_report_stands_out_from_its_ground(report: Browser, scheme):
    report.resize(1280, scheme)
    report.driver.execute_script(OPEN_ALL)
    seen, poor = report.judge_contrast()
    assert seen > 1000
    assert poor == []


@pytest.mark.parametrize("width", [320, 640, 1280])
def test_the_report_is_not_wider_than_its_window(report: Browser, width):
    report.resize(width)
    report.driver.execute_script(OPEN_ALL)
    inner, outer = report.driver.execute_script(
        "return [document.documentElement.scrollWidth, window.innerWidth]"
    )
    assert inner <= outer == width


def test_the_first_tab_skips_to_the_report_and_the_second_stands_in_the_contents(report: Browser):
    ActionChains(report.driver).send_keys(Keys.TAB).perform()
    first = report.driver.switch_to.active_element
    assert (first.get_attribute("class"), first.is_displayed()) == ("skip", True)
    ActionChains(report.driver).send_keys(Keys.TAB).perform()
    second = report.driver.switch_to.active_element
    assert second.find_elements(By.XPATH, "ancestor::nav")
    assert second.value_of_css_property("outline-style") == "solid"
    ActionChains(report.driver).send_keys(Keys.ENTER).perform()
    assert re.search(r"#\w+$", report.driver.current_url)


def test_the_printed_summary_is_one_page_and_the_next_starts_with_what_the_numbers_are(
    report: Browser,
):
    # What is in front of the second section must fit on the first page, which it leaves.
    report.driver.execute_script(
        "document.querySelectorAll('main > section:not(#summary)').forEach(each => each.remove())"
    )
    printed = report.driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    document = base64.b64decode(printed["data"])
    assert len(re.findall(rb"/Type\s*/Page\b", document)) == 1
