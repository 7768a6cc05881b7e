"""What a section of the report is made of: sentences, and tables that are ready to print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from customer_segmentation.findings.means import locate_means, print_mean, print_total
from customer_segmentation.findings.wording import Printer, printer_of, with_interval
from customer_segmentation.panel.codebook import Codebook


@dataclass(frozen=True)
class Chart:
    """What a picture shows, and the numbers behind it.

    Attributes:
        title: The finding, in one sentence; also the picture's text for people who cannot see it.
        table: The numbers behind the picture, ready to print.
    """

    title: str
    table: pd.DataFrame


@dataclass(frozen=True)
class Section:
    """What one section of the report says.

    Attributes:
        sentences: Its findings, by the name under which the page places them.
        lists: Findings of which there may be any number, likewise.
        charts: Its charts, by the name of the figure.
        tables: Other tables that its page or figures need, by name.
    """

    sentences: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)
    charts: Mapping[str, Chart] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def print_table(
    table: pd.DataFrame, headings: Mapping[str, str], printers: Mapping[str, Printer]
) -> pd.DataFrame:
    """Make a table ready to print.

    Args:
        table: Any table.
        headings: The heading of each column to print, in order; missing columns are passed over.
        printers: How the numbers of a column are printed; other columns are printed as they are.

    Returns:
        One column of text per heading; missing values as a dash.
    """
    held = {name: heading for name, heading in headings.items() if name in table}
    columns = {
        heading: [_cell(value, printers.get(name, str)) for value in table[name]]
        for name, heading in held.items()
    }
    return pd.DataFrame(columns, dtype="str")


def merge_intervals(
    table: pd.DataFrame, printers: Mapping[str, Printer], stems: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Print figures and their intervals into one cell each.

    Args:
        table: Holds each figure, and its bounds under its name with _low and _high.
        printers: How each figure is printed; columns that the table lacks are passed over.
        stems: What the bounds are called after, where it is not the figure's own name.

    Returns:
        The table, the figures as text; missing where the figure is.
    """
    rows, stems = table.to_dict("records"), stems or {}
    cells: dict[str, Any] = {
        name: [
            None if pd.isna(row[name]) else with_interval(row, name, show, stems.get(name, ""))
            for row in rows
        ]
        for name, show in printers.items()
        if name in table
    }
    return table.assign(**cells)


def print_profiles(
    profiles: pd.DataFrame, variables: list[str], segments: list[str], codebook: Codebook
) -> pd.DataFrame:
    """Print the segments' means side by side, with the mean of all eligible households.

    Args:
        profiles: `segment_profiles`; one row per segment and variable, bounds included.
        variables: The variables, in order.
        segments: The segments, in order.
        codebook: Names, units, scales and bounds.

    Returns:
        One row of text per variable: Variable, Unit, one column per segment, All.
    """
    rows = []
    for name in variables:
        show, means = printer_of(codebook[name]), locate_means(profiles, name, codebook)
        values = [print_mean(means[segment], show) for segment in segments]
        total = print_total(means[segments[0]], show)
        rows.append([codebook[name].label, codebook[name].unit, *values, total])
    return pd.DataFrame(rows, columns=["Variable", "Unit", *segments, "All"], dtype="str")


def _cell(value: Any, printer: Printer) -> str:
    return "–" if pd.isna(value) else printer(value)
