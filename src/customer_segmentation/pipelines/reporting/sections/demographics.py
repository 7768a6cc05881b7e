"""The section on the link between segments and demographics."""

from __future__ import annotations

import pandas as pd

from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.findings import demographics, segments
from customer_segmentation.findings.exhibits import (
    Chart,
    Section,
    print_shares,
    print_table,
)
from customer_segmentation.findings.wording import two_decimals
from customer_segmentation.panel.codebook import Codebook


def write_demographics(
    segment_descriptors: pd.DataFrame,
    segment_demographics: pd.DataFrame,
    segment_profiles: pd.DataFrame,
    codebook: Codebook,
    reporting: ReportingParameters,
) -> Section:
    """Write how far demographics and segments go together.

    Args:
        segment_descriptors: One row per descriptor: n, measure, effect, magnitude by convention.
        segment_demographics: One row per segment, descriptor and code.
        segment_profiles: One row per segment and variable, for descriptors that are counts.
        codebook: The panel's codebook.
        reporting: Order and how many descriptors.

    Returns:
        The section, with the charts demographic_links and demographic_shares.
    """
    order = reporting.order(segment_profiles["segment"])
    names = demographics.rank_descriptors(
        segment_descriptors, codebook, reporting.descriptors_shown
    )
    shown = segment_demographics.set_index("variable").loc[names].reset_index()
    coded = list(dict.fromkeys(segment_demographics["variable"]))
    counts = [name for name in segment_descriptors["descriptor"] if name not in coded]
    return Section(
        sentences={"strength": demographics.name_strongest(segment_descriptors, codebook)},
        lists={"counts": [segments.contrast(segment_profiles, name, codebook) for name in counts]},
        charts={
            "demographic_links": Chart(
                demographics.judge_links(segment_descriptors),
                _print_descriptors(segment_descriptors, codebook),
            ),
            "demographic_shares": Chart(
                demographics.find_largest_difference(shown, codebook),
                print_shares(segment_demographics, coded, order, codebook),
            ),
        },
        tables={"shown": shown},
    )


def _print_descriptors(descriptors: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    named = descriptors.assign(
        descriptor=[codebook[name].label for name in descriptors["descriptor"]],
        scale=[f"Cohen's {convention}" for convention in descriptors["convention"]],
    )
    headings = {
        "descriptor": "Descriptor",
        "n": "Households",
        "measure": "Measure",
        "effect": "Effect size",
        "scale": "Scale of the convention",
        "cohen_effect": "Effect on that scale",
        "magnitude": "Magnitude",
    }
    printers = dict.fromkeys(("effect", "cohen_effect"), two_decimals)
    return print_table(demographics.order_by_magnitude(named), headings, printers)
