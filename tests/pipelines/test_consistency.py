"""No sentence of the report contradicts its table, whatever the data, the seed and the number of
segments; and the reader that says so catches what is planted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from customer_segmentation.parameters import check_parameters
from tests.conftest import ProjectRun, PurityProbe, open_session
from tests.pipelines.contradictions import find_contradictions

Plant = Callable[[str, ProjectRun], tuple[str, str]]


def run_otherwise(
    root: Any, seed: int, specification: str, segments: int, mailed: str
) -> ProjectRun:
    """The whole project on small budgets, with another seed and a pinned solution."""
    changed = {
        "data_root": root.as_posix(),
        "segmentation": {
            "random_state": seed,
            "choice": {"pin": {"specification": specification, "segments": segments}},
            "naming": {"when_unmatched": "number"},
        },
        "modelling": {"random_state": seed, "campaign": {"segment": mailed}},
    }
    open_session("test", **changed).run()
    context = open_session("test", **changed).load_context()
    parameters = check_parameters(context.config_loader["parameters"])
    return ProjectRun(root, context.catalog, PurityProbe(), parameters)


@pytest.fixture(scope="module")
def four_segments(project, tmp_path_factory) -> ProjectRun:
    """One segment more than there are personas, so that they are numbered."""
    root = tmp_path_factory.mktemp("four")
    return run_otherwise(root, 7, "buying_style.plain.kmeans", 4, "Segment 1")


@pytest.fixture(scope="module")
def two_segments(project, tmp_path_factory) -> ProjectRun:
    """A solution that the rule would not take, and that does not come back."""
    root = tmp_path_factory.mktemp("two")
    return run_otherwise(root, 11, "buying_style.plain.ward", 2, "Segment 2")


@pytest.mark.parametrize("name", ["project_run", "four_segments", "two_segments"])
def test_no_sentence_contradicts_its_table(request, name):
    run: ProjectRun = request.getfixturevalue(name)
    assert find_contradictions(run.load("segmentation_report"), run) == []


def test_the_runs_differ_in_what_there_is_to_tell(project_run, four_segments, two_segments):
    pages = [run.load("segmentation_report") for run in (project_run, four_segments, two_segments)]
    for words in ("The 3 segments are", "The 4 segments are", "The 2 segments are"):
        assert [words in page for page in pages].count(True) == 1
    assert "segments are constructive" in pages[2]
    assert "segments are constructive" not in pages[0] + pages[1]


PLANTED = {
    "a size": ("n\u00a0=\u00a0318", "n\u00a0=\u00a0319"),
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_contradiction_is_found(project_run, what):
    html = project_run.load("segmentation_report")
    old, new = PLANTED[what]
    assert old in html
    assert find_contradictions(html.replace(old, new, 1), project_run)
