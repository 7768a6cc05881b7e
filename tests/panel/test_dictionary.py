"""The data dictionary is what the codebook says, and the page in docs is up to date."""

from __future__ import annotations

from pathlib import Path

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.dictionary import write_dictionary

PROJECT = Path(__file__).parents[2]


def test_the_page_in_docs_is_the_generated_one(codebook: Codebook) -> None:
    page = PROJECT.joinpath("docs", "data-dictionary.md").read_text(encoding="utf-8")
    assert page == write_dictionary(codebook), "run `make docs`"


def test_every_column_code_and_note_is_on_the_page(codebook: Codebook) -> None:
    page = write_dictionary(codebook)
    for field in codebook.fields:
        assert f"| `{field.name}` | `{field.raw_name}` | {field.label} |" in page
        assert all(f"{code} {label}" in page for code, label in field.codes.items())
    for variable in codebook.derived:
        assert f"| `{variable.name}` | {variable.label} |" in page
        assert f"`{variable.formula}(" in page
    assert all(variable.note in page for variable in codebook.variables)


def test_tables_have_as_many_cells_as_headings(codebook: Codebook) -> None:
    block: list[int] = []
    for line in [*write_dictionary(codebook).splitlines(), ""]:
        if line.startswith("|"):
            block.append(line.count(" | "))
        else:
            assert len(set(block)) <= 1, line
            block = []
