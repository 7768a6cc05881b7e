"""What a run says at its end comes from the tables it wrote, and from no others."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from kedro.framework.project import pipelines
from kedro.io import DataCatalog, MemoryDataset

from customer_segmentation.run_summary import WIDTH, summarise_run
from tests.conftest import PROJECT, ProjectRun, load_config
from tests.figures import tables, typing_tables


def catalog(env: str | None = None, **held: object) -> DataCatalog:
    held["parameters"] = load_config(env)["parameters"]
    return DataCatalog({name: MemoryDataset(value) for name, value in held.items()})


@pytest.fixture
def results() -> dict[str, pd.DataFrame]:
    return {
        "segment_sizes": tables.segment_sizes(tables.household_segments()),
        "segmentation_candidates": tables.segmentation_candidates(),
        "classifier_metrics": typing_tables.classifier_metrics(),
    }


def test_accuracies_stand_with_their_word_and_the_baseline_last(results):
    text = summarise_run(results, catalog(**results))
    metrics = results["classifier_metrics"]
    told = re.findall(r"^(?:Right for|\s+)\s+([\d.]+)%\s+(\w+)\s+(\S.*)$", text, flags=re.MULTILINE)
    nested = metrics[metrics["protocol"] == "nested_cv"]
    own = nested[nested["model"] == "procedure"]
    assert [word for _, word, _ in told] == [*sorted(own["claim"]), "baseline"]
    shown = {f"{accuracy:.1%}" for accuracy in own["accuracy"]}
    assert {f"{number}%" for number, _, _ in told[:-1]} == shown


def test_sizes_and_verdict_are_those_of_the_tables(results):
    sizes = results["segment_sizes"]
    text = " ".join(summarise_run(results, catalog(**results)).split())
    for row in sizes.to_dict("records"):
        assert f"{row['segment']} ({row['share']:.0%}, n = {row['households']})" in text
    verdict = results["segmentation_candidates"].query("chosen")["verdict"].iloc[0]
    assert f"segments are {verdict}" in text


@pytest.mark.parametrize("kept", ["segment_sizes", "classifier_metrics"])
def test_of_what_a_run_did_not_write_nothing_is_said(results, kept):
    whole = summarise_run(results, catalog(**results))
    part = summarise_run([kept], catalog(**results))
    assert part in whole
    assert len(part) < len(whole)
    assert summarise_run(["household_features"], catalog(**results)) == ""


def test_small_budgets_are_named_before_any_figure(results):
    notice = load_config("test")["parameters"]["reporting"]["notice"]
    text = " ".join(summarise_run(results, catalog("test", **results)).split())
    assert text.startswith(f"Beware {notice} Segments")
    assert "Beware" not in summarise_run(results, catalog(**results))


def test_the_whole_run_fits_a_screen_and_every_file_it_names_is_there(
    project_run: ProjectRun, monkeypatch
):
    pipelines.set_requested(None)  # a run in this process may have asked for one of them
    written = pipelines["__default__"].all_outputs()
    monkeypatch.chdir(project_run.data_root)
    text = summarise_run(written, project_run.catalog)
    lines = text.splitlines()
    assert len(lines) <= 22
    assert max(map(len, lines)) <= WIDTH
    files = [word for word in text.split() if "/" in word]
    assert len(files) == 5
    assert all(Path(file).is_file() for file in files)
    monkeypatch.chdir(PROJECT)
    far = [word for word in summarise_run(written, project_run.catalog).split() if "/" in word]
    assert all(Path(file).is_absolute() for file in far)
