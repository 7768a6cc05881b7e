"""The section on the link between segments and demographics."""

from __future__ import annotations

import pandas as pd

from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.findings import demographics, personas, segments
from customer_segmentation.findings.exhibits import Chart, Section, print_table
from customer_segmentation.findings.wording import percent, two_decimals
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
        segment_descriptors: One row per descriptor and subset: n, effect, interval, p-values.
        segment_demographics: One row per segment, descriptor and code.
        segment_profiles: One row per segment and variable, for descriptors that are counts.
        codebook: The panel's codebook.
        reporting: Order, how many descriptors, and which codes are rare.

    Returns:
        The section, with the charts demographic_links and descriptor_mosaics, and the table shown
        with the rows of the mosaics.
    """
    order = reporting.order(segment_profiles["segment"])
    names = demographics.rank_descriptors(
        segment_descriptors, codebook, reporting.descriptors_shown
    )
    strongest = segment_demographics.set_index("variable").loc[names].reset_index()
    shown = demographics.group_rare_codes(strongest, reporting.smallest_code_share)
    surviving = demographics.select_surviving(segment_descriptors)
    about = set(segment_descriptors["descriptor"])
    counts = [name for name in dict.fromkeys(segment_profiles["variable"]) if name in about]
    return Section(
        sentences={
            "surviving": demographics.name_surviving(segment_descriptors, codebook),
            "levelled": demographics.compare_with_missing(segment_descriptors, codebook),
            "missing": demographics.judge_missing_record(segment_descriptors, codebook),
        },
        lists={"counts": [segments.contrast(segment_profiles, name, codebook) for name in counts]},
        charts={
            "demographic_links": Chart(
                demographics.judge_links(segment_descriptors),
                _print_descriptors(segment_descriptors, codebook),
            ),
            "descriptor_mosaics": Chart(
                demographics.find_strongest_cell(shown, codebook),
                _print_codes(segment_demographics, order, codebook),
            ),
        },
        tables={"shown": shown.assign(survives=shown["variable"].isin(surviving["descriptor"]))},
    )


def write_people(
    segment_descriptors: pd.DataFrame,
    segment_demographics: pd.DataFrame,
    segment_profiles: pd.DataFrame,
    codebook: Codebook,
) -> dict[str, list[personas.Fact]]:
    """Write who the households of each segment are, as far as the data say.

    Args:
        segment_descriptors: One row per descriptor and subset.
        segment_demographics: One row per segment, descriptor and code.
        segment_profiles: One row per segment and variable, for descriptors that are counts.
        codebook: Names of descriptors.

    Returns:
        What sets a segment apart, by segment; possibly nothing.
    """
    return {
        name: personas.describe_people(
            name, segment_descriptors, segment_demographics, segment_profiles, codebook
        )
        for name in segment_profiles["segment"].unique()
    }


def _print_descriptors(descriptors: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    selected = demographics.select_tested(descriptors), demographics.select_levelled(descriptors)
    ordered = pd.concat([demographics.order_by_magnitude(part) for part in selected])
    named = ordered.assign(
        descriptor=[codebook[name].label for name in ordered["descriptor"]],
        interval=_print_intervals(ordered, "effect"),
        scale=[f"Cohen’s {convention}" for convention in ordered["convention"]],
        cohen_interval=_print_intervals(ordered, "cohen"),
    )
    headings = {
        "descriptor": "Descriptor",
        "subset": "Among households",
        "n": "Households",
        "measure": "Measure",
        "effect": "Effect size",
        "interval": "95% interval",
        "scale": "Scale of the convention",
        "cohen_effect": "Effect on that scale",
        "cohen_interval": "95% interval on that scale",
        "magnitude": "Magnitude",
        "p_value": "p, by permutation",
        "p_holm": "p after Holm’s correction",
    }
    printers = dict.fromkeys(("effect", "cohen_effect"), two_decimals)
    printers |= dict.fromkeys(("p_value", "p_holm"), demographics.print_digits)
    return print_table(named, headings, printers)


def _print_intervals(descriptors: pd.DataFrame, scale: str) -> list[str]:
    bounds = zip(descriptors[f"{scale}_low"], descriptors[f"{scale}_high"], strict=True)
    return [f"{two_decimals(low)} to {two_decimals(high)}" for low, high in bounds]


def _print_codes(codes: pd.DataFrame, order: list[str], codebook: Codebook) -> pd.DataFrame:
    """One row per descriptor and code: share of each segment with its residual, share of all."""
    keys = ["variable", "code"]
    cells = [
        percent(share) if pd.isna(residual) else f"{percent(share)} ({round(residual, 1) + 0:+.1f})"
        for share, residual in zip(codes["share"], codes["residual"], strict=True)
    ]
    wide = codes.assign(cell=cells).pivot_table("cell", keys, "segment", aggfunc="first")
    firsts = codes.drop_duplicates(keys).set_index(keys)
    named = wide.assign(
        Descriptor=[codebook[str(name)].label for name, _ in wide.index],
        Code=firsts["label"],
        All=firsts["total_share"].map(percent),
    )
    ordered = named.reindex(firsts.index)
    return ordered[["Descriptor", "Code", *order, "All"]].reset_index(drop=True)
