"""The exploration page: labels instead of codes, nobody's identifier, the same page each time."""

from __future__ import annotations

import os
import re

import pandas as pd
import pytest

from customer_segmentation.figures.exploration import explore_households
from tests.browser import Browser

# The library keeps the page in a tree of its own.
ROOT = "const root = [...document.querySelectorAll('*')].find(each => each.shadowRoot).shadowRoot;"
SHOWN = "getElementById('column-summaries-panel').checkVisibility()"
CLICK = "querySelector('[data-target-panel-id=column-summaries-panel]').click()"


@pytest.fixture(scope="module")
def page(_households: pd.DataFrame, codebook) -> str:
    return explore_households(_households, codebook)


def test_the_same_households_give_the_same_page_and_leave_no_trace(page, households, codebook):
    before = dict(os.environ), households.copy()
    assert explore_households(households, codebook) == page
    assert dict(os.environ) == before[0]
    pd.testing.assert_frame_equal(households, before[1])
    other = households.iloc[::-1].reset_index(drop=True)
    assert explore_households(other, codebook) != page


def test_the_page_says_what_it_is_and_where_the_report_is(page, codebook):
    title = f"{codebook.panel}: the households"
    assert re.findall("<title>(.*?)</title>", page) == [title]
    assert "do not pass it on" in page
    assert 'href="segmentation_report.html"' in page


def test_columns_and_codes_have_their_labels(page, codebook):
    for field in codebook.fields[1:]:
        assert field.label.split("'")[0] in page
        assert f">{field.name}<" not in page
    coded = next(field for field in codebook.fields if field.scale.is_coded)
    most = next(iter(coded.codes.values()))
    assert most in page


def test_no_household_is_named(page, households, codebook):
    assert codebook.field(codebook.identifier).label not in re.findall(r">\s*([^<>]+?)\s*<", page)
    shown = households[codebook.identifier].iloc[[0, 1, -1]]
    assert [number for number in shown if f"{number:,}" in page or str(number) in page] == []


def test_the_page_works_alone_in_a_browser(page, look: Browser, tmp_path):
    file = tmp_path / "page.html"
    file.write_text(page, encoding="utf-8")
    look.open(file.as_uri())
    assert look.requests == [file.as_uri()]
    assert look.console == []
    is_shown, click = (f"{ROOT} return root.{ask}" for ask in (SHOWN, CLICK))
    assert look.driver.execute_script(is_shown) is False
    look.driver.execute_script(click)
    assert look.driver.execute_script(is_shown) is True
