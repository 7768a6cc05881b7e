"""The sections on the segments: the headline, the personas, how they buy."""

from __future__ import annotations

import pandas as pd

from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.findings import claims, evidence, segments
from customer_segmentation.findings.exhibits import (
    Chart,
    Section,
    print_profiles,
    print_table,
)
from customer_segmentation.findings.wording import percent, sample, whole
from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.segments.parameters import SegmentationParameters


def write_summary(
    segment_sizes: pd.DataFrame,
    segmentation_candidates: pd.DataFrame,
    classifier_metrics: pd.DataFrame,
    segmentation: SegmentationParameters,
    reporting: ReportingParameters,
) -> Section:
    """Write the headline: what the segments are, how steady, what the model figures are worth.

    Args:
        segment_sizes: One row per segment.
        segmentation_candidates: One row per specification and number of segments.
        classifier_metrics: One row per information set, model and protocol.
        segmentation: What counts as reproducible.
        reporting: Names, order and the protocol.

    Returns:
        The section; its tables hold the numbers of its bars, sizes and accuracies.
    """
    headline = claims.find_headline(classifier_metrics, reporting.protocol)
    ordered = segment_sizes.set_index("segment").loc[reporting.order(segment_sizes["segment"])]
    return Section(
        sentences={
            "sizes": segments.summarise_sizes(segment_sizes),
            "thin": segments.count_thin_records(segment_sizes),
            "verdict": evidence.judge_verdict(segmentation_candidates),
            "steadiness": evidence.explain_steadiness(
                segmentation_candidates, segmentation.choice.reproducible_from
            ),
            "separation": f"{evidence.judge_separation(segmentation_candidates)}.",
            "claims": claims.judge_claims(headline),
        },
        tables={"sizes": ordered.reset_index(), "accuracies": headline},
    )


def write_personas(
    segment_sizes: pd.DataFrame,
    segment_profiles: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
    reporting: ReportingParameters,
) -> list[segments.Card]:
    """Write a card per segment: its size, what sets it apart and the rule that named it.

    Args:
        segment_sizes: One row per segment.
        segment_profiles: One row per segment and variable.
        codebook: The panel's codebook.
        segmentation: The personas and their signatures.
        reporting: Order and which variables a card may name.

    Returns:
        One card per segment, in the order in which segments are shown.
    """
    variables = codebook.expand(reporting.card_variables)
    number = reporting.facts_on_card
    sizes = segment_sizes.set_index("segment").to_dict("index")
    return [
        segments.Card(
            segment=name,
            households=whole(sizes[name]["households"]),
            share=percent(sizes[name]["share"]),
            thin=whole(sizes[name]["thin_households"]),
            facts=segments.set_apart(segment_profiles, name, variables, codebook, number),
            rule=segments.explain_rule(name, segment_profiles, segmentation.naming, codebook),
        )
        for name in reporting.order(segment_sizes["segment"])
    ]


def write_behaviour(
    segment_profiles: pd.DataFrame,
    segment_sizes: pd.DataFrame,
    segmentation_candidates: pd.DataFrame,
    codebook: Codebook,
    reporting: ReportingParameters,
) -> Section:
    """Write how the segments buy: promotion use, loyalty, value, amounts, and all shares.

    Args:
        segment_profiles: One row per segment and variable.
        segment_sizes: One row per segment.
        segmentation_candidates: One row per number of segments.
        codebook: The panel's codebook.
        reporting: Names, order and which variables.

    Returns:
        The section, with the charts segment_trends, segment_amounts, segment_map, segment_profiles.
    """
    trends, amounts = reporting.trend_variables, reporting.amount_variables
    shares = codebook.expand(reporting.profile_variables)
    order = reporting.order(segment_sizes["segment"])
    titles = {
        "segment_trends": segments.name_leaders(segment_profiles, trends, codebook),
        "segment_amounts": segments.compare_amounts(segment_profiles, amounts, codebook),
        "segment_profiles": segments.find_largest_gap(
            segment_profiles[~segment_profiles["built_segments"]],
            _nameable(shares, codebook),
            codebook,
        ),
    }
    shown = {"segment_trends": trends, "segment_amounts": amounts, "segment_profiles": shares}
    charts = {
        name: Chart(title, print_profiles(segment_profiles, list(shown[name]), order, codebook))
        for name, title in titles.items()
    }
    size = sample(segment_sizes["households"].sum())
    separation = evidence.judge_separation(segmentation_candidates)
    charts["segment_map"] = Chart(f"{separation}; {size}", _print_sizes(segment_sizes, order))
    contrasts = [segments.contrast(segment_profiles, name, codebook) for name in trends]
    return Section(lists={"contrasts": contrasts}, charts=charts)


def _nameable(shares: list[str], codebook: Codebook) -> list[str]:
    """Leave out shares that a title could not name as one thing that is known exactly."""
    unknown = {codebook.column(Role.OTHER_BRANDS_SHARE)}
    for variable in codebook.derived:
        unknown |= {variable.name, *variable.bounds} if variable.bounds else set()
    return [name for name in shares if name not in unknown]


def _print_sizes(sizes: pd.DataFrame, order: list[str]) -> pd.DataFrame:
    headings = {
        "segment": "Segment",
        "households": "Households",
        "share": "Share",
        "thin_households": "Thin records, typed afterwards",
    }
    ordered = sizes.set_index("segment").loc[order].reset_index()
    return print_table(ordered, headings, {"share": percent})
