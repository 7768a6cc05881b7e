"""Every notebook runs from top to bottom on what the project wrote."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import PROJECT, ProjectRun

NOTEBOOKS = sorted(PROJECT.glob("notebooks/*.ipynb"))
MOST_CELLS = 15


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(
    path: Path, project_run: ProjectRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KEDRO_ENV", "test")
    monkeypatch.setenv("DATA_ROOT", project_run.data_root.as_posix())
    monkeypatch.delenv("PYTHONPATH", raising=False)  # Jupyter sets none
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    written = nbformat.read(path, as_version=4)
    client = NotebookClient(written, timeout=120, resources={"metadata": {"path": path.parent}})
    executed = client.execute()
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert [o["text"] for o in outputs if o.get("name") == "stderr"] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_results(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_read_in_one_sitting(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    assert cells[0].cell_type == "markdown"
    assert cells[0].source.startswith("# ")
    assert len(cells) <= MOST_CELLS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_notebook_points_to_is_there(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    told = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", told)]
    links += re.findall(r"`(\d\d-[\w-]+\.ipynb)`", told)
    assert [link for link in links if not (path.parent / link).is_file()] == []


def test_the_notebooks_go_from_the_panel_to_a_panel_of_ones_own() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "01-explore-the-panel",
        "02-read-the-segments",
        "03-question-the-typing-tool",
        "04-score-through-the-api",
        "05-bring-your-own-panel",
    ]
