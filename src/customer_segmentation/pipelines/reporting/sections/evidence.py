"""The section on the evidence for the segments."""

from __future__ import annotations

import pandas as pd

from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.findings import evidence
from customer_segmentation.findings.exhibits import (
    Chart,
    Section,
    print_table,
)
from customer_segmentation.findings.wording import percent, two_decimals


def write_evidence(
    segmentation_candidates: pd.DataFrame,
    segment_sizes: pd.DataFrame,
    reporting: ReportingParameters,
) -> Section:
    """Write how the number of segments was looked at.

    Args:
        segmentation_candidates: One row per specification and number of segments k.
        segment_sizes: One row per segment: households.
        reporting: The quantile that counts as reproducible.

    Returns:
        The section, with the chart number_of_segments.
    """
    headings = {
        "k": "Segments",
        "silhouette": "Average silhouette",
        "global_ari_median": "Adjusted Rand index, median",
        "global_ari_q10": "its 10% quantile",
        "smallest_share": "Smallest segment",
        "chosen": "Chosen",
    }
    printers = dict.fromkeys(("silhouette", "global_ari_median", "global_ari_q10"), two_decimals)
    table = print_table(
        segmentation_candidates,
        headings,
        {**printers, "smallest_share": percent, "chosen": lambda chosen: "yes" if chosen else ""},
    )
    households = segment_sizes["households"].sum()
    title = evidence.compare_numbers_of_segments(segmentation_candidates, households)
    return Section(
        sentences={
            "steadiness": evidence.explain_steadiness(
                segmentation_candidates, reporting.steady_from
            )
        },
        charts={"number_of_segments": Chart(title, table)},
    )
