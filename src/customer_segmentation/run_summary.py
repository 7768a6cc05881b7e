"""What a finished run says of its results, in fewer lines than a screen has."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import CatalogProtocol

from customer_segmentation.figures.style import ReportingParameters

WIDTH = 80
INDENT = 12
FILES = {
    "Report": ("segmentation_report",),
    "To explore": ("households_exploration",),
    "Lists": ("household_segments", "targeting_list"),
    "Scores": ("household_scores",),
    "Bundle": ("scoring_bundle",),
}

Catalog = CatalogProtocol[Any, Any]


def summarise_run(written: Collection[str], catalog: Catalog) -> str:
    """Say what a run has found, from the tables that it wrote.

    Args:
        written: Names of the datasets that the run wrote; of the others nothing is said.
        catalog: Loads them, and knows where they are.

    Returns:
        Lines of at most 80 characters, paths excepted; empty if there is nothing to say.
    """
    reporting = ReportingParameters.model_validate(catalog.load("parameters")["reporting"])
    tables = {
        "Segments": ("segment_sizes", _tell_sizes),
        "Verdict": ("segmentation_candidates", _tell_verdict),
        "Right for": ("classifier_metrics", lambda table: _tell_accuracies(table, reporting)),
    }
    parts = [
        _lay_out(heading, tell(catalog.load(name)))
        for heading, (name, tell) in tables.items()
        if name in written
    ]
    if parts and reporting.notice:
        parts.insert(0, _lay_out("Beware", [reporting.notice]))
    parts += [
        _lay_out(heading, [_locate(catalog, name) for name in names if name in written])
        for heading, names in FILES.items()
        if set(names) & set(written)
    ]
    return "\n".join(parts)


def _tell_sizes(sizes: pd.DataFrame) -> list[str]:
    from customer_segmentation.findings.segments import summarise_sizes

    return [summarise_sizes(sizes)]


def _tell_verdict(candidates: pd.DataFrame) -> list[str]:
    from customer_segmentation.findings.evidence import judge_in_brief

    return [judge_in_brief(candidates)]


def _tell_accuracies(metrics: pd.DataFrame, reporting: ReportingParameters) -> list[str]:
    """Every headline accuracy with its word, from what only assigns to what predicts."""
    from customer_segmentation.findings.claims import find_headline
    from customer_segmentation.findings.wording import percent_1

    headline = find_headline(metrics, reporting.protocol)
    told = [
        (row["claim"], row["accuracy"], reporting.label(row["information_set"]))
        for row in headline.to_dict("records")
    ]
    told.append(("baseline", headline["majority"].iloc[-1], reporting.label("majority")))
    return [f"{percent_1(accuracy):<6}  {word:<10}  {seen}" for word, accuracy, seen in told]


def _locate(catalog: Catalog, name: str) -> str:
    path = Path(catalog[name]._filepath)  # noqa: SLF001
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _lay_out(heading: str, lines: list[str]) -> str:
    return "\n".join(_wrap(heading, lines))


def _wrap(heading: str, lines: list[str]) -> Iterator[str]:
    for line in lines:
        yield textwrap.fill(
            line,
            WIDTH,
            initial_indent=f"{heading:<{INDENT}}",
            subsequent_indent=" " * INDENT,
            break_long_words=False,
            break_on_hyphens=False,
        )
        heading = ""
