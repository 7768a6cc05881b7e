"""The section on the quality of the data."""

from __future__ import annotations

import pandas as pd

from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.findings import quality
from customer_segmentation.findings.exhibits import (
    Section,
    print_table,
)
from customer_segmentation.findings.wording import percent_1, whole
from customer_segmentation.panel.codebook import Codebook, Role


def write_quality(
    data_quality: pd.DataFrame,
    households: pd.DataFrame,
    codebook: Codebook,
    reporting: ReportingParameters,
) -> Section:
    """Write what a careful reader should know about the data.

    Args:
        data_quality: One row per check and column.
        households: One row per household, with the sampling stratum.
        codebook: The panel's codebook.
        reporting: Which checks are told in sentences.

    Returns:
        The section: a sentence per finding, and the table of all checks.
    """
    stratum = codebook[codebook.column(Role.STRATUM)]
    sizes = households[stratum.name].value_counts()
    notes = quality.pick_notes(data_quality, reporting.quality_checks)
    headings = {"check": "Check", "rows": "Households", "share": "Share", "note": "Finding"}
    table = print_table(data_quality, headings, {"rows": whole, "share": percent_1})
    return Section(
        sentences={"strata": quality.judge_strata(sizes, stratum.label)},
        lists={"notes": notes},
        tables={"checks": table},
    )
