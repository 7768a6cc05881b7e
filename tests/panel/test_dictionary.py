"""The data dictionary is what the codebook says, and the page in docs is up to date."""

from __future__ import annotations

import runpy

import pytest

from customer_segmentation.panel.codebook import Codebook
from tests.conftest import PROJECT


@pytest.fixture(scope="module")
def page(codebook: Codebook) -> str:
    """The page that `make docs` writes."""
    return str(runpy.run_path(str(PROJECT / "tools/docs.py"))["write_dictionary"](codebook))


def test_the_page_in_docs_is_the_generated_one(page):
    assert page == PROJECT.joinpath("docs/data-dictionary.md").read_text("utf-8"), "run `make docs`"


def test_every_column_code_and_note_is_on_the_page(codebook, page):
    for field in codebook.fields:
        assert f"| `{field.name}` | `{field.raw_name}` | {field.label} |" in page
        assert all(f"{code} {label}" in page for code, label in field.codes.items())
    for variable in codebook.derived:
        assert f"| `{variable.name}` | {variable.label} |" in page
        assert f"`{variable.formula}(" in page
    assert all(variable.note in page for variable in codebook.variables)


def test_tables_have_as_many_cells_as_headings(page):
    block: list[int] = []
    for line in [*page.splitlines(), ""]:
        if line.startswith("|"):
            block.append(line.count(" | "))
        else:
            assert len(set(block)) <= 1, line
            block = []
