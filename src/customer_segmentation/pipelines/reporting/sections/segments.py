"""The sections on the segments: the headline, the personas, how they buy."""

from __future__ import annotations

import pandas as pd

from customer_segmentation.classification.parameters import ModellingParameters
from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.findings import (
    advice,
    campaign,
    claims,
    evidence,
    membership,
    personas,
    segments,
)
from customer_segmentation.findings.exhibits import (
    Chart,
    Section,
    print_profiles,
    print_table,
)
from customer_segmentation.findings.wording import percent, whole
from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.segments.parameters import SegmentationParameters


def write_summary(
    segment_sizes: pd.DataFrame,
    segmentation_candidates: pd.DataFrame,
    classifier_metrics: pd.DataFrame,
    campaign_gains: pd.DataFrame,
    segmentation: SegmentationParameters,
    modelling: ModellingParameters,
    reporting: ReportingParameters,
) -> Section:
    """Write the headline: the segments, how steady they are, what models reach, what to do.

    Args:
        segment_sizes: One row per segment.
        segmentation_candidates: One row per specification and number of segments.
        classifier_metrics: One row per information set, model and protocol.
        campaign_gains: One row per information set and depth.
        segmentation: What counts as reproducible.
        modelling: The campaign: what is known of the households on its list, cost and value.
        reporting: Names, order and the protocol.

    Returns:
        The section; its tables hold the numbers of its bars, sizes and accuracies.
    """
    headline = claims.find_headline(classifier_metrics, reporting.protocol)
    ordered = segment_sizes.set_index("segment").loc[reporting.order(segment_sizes["segment"])]
    declared = campaign.find_declared(campaign_gains, modelling.campaign)
    labels = reporting.labels
    mailed = campaign_gains[campaign_gains["information_set"] == declared.information_set]
    return Section(
        sentences={
            "sizes": segments.summarise_sizes(segment_sizes),
            "thin": segments.count_thin_records(segment_sizes),
            "brief": evidence.judge_in_brief(segmentation_candidates),
            "pinned": evidence.tell_pinned(segmentation_candidates),
            "meaning": evidence.explain_verdict(segmentation_candidates),
            "verdict": evidence.judge_verdict(segmentation_candidates),
            "steadiness": evidence.explain_steadiness(
                segmentation_candidates, segmentation.choice.reproducible_from
            ),
            "claims": claims.judge_claims(headline),
        },
        lists={
            "advice": [
                advice.advise_on_use(segmentation_candidates),
                advice.advise_on_known(segment_sizes),
                advice.advise_on_mailing(mailed, declared, labels),
                *advice.advise_on_questions(headline, labels),
                advice.advise_on_quoting(headline),
            ]
        },
        tables={"sizes": ordered.reset_index(), "accuracies": headline},
    )


def write_personas(
    segment_sizes: pd.DataFrame,
    segment_stability: pd.DataFrame,
    segment_profiles: pd.DataFrame,
    household_segments: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
    reporting: ReportingParameters,
) -> list[personas.Card]:
    """Write a card per segment: its size, what sets it apart, and how sure that is.

    Args:
        segment_sizes: One row per segment.
        segment_stability: One row per segment: intervals of sizes, SLSw.
        segment_profiles: One row per segment and variable.
        household_segments: One row per household: segment, thin-record flag, agreement, second.
        codebook: The panel's codebook.
        segmentation: The personas and their signatures.
        reporting: Order, which variables a card may name, and what to propose.

    Returns:
        One card per segment, in the order in which segments are shown.
    """
    variables = codebook.expand(reporting.card_variables)
    bought = _nameable(codebook.expand(reporting.bought_variables), codebook)
    assigned = household_segments[~household_segments[codebook.column(Role.THIN_RECORD)]]
    agreement = membership.summarise_agreement(assigned)
    tables = segment_sizes, segment_stability, agreement
    sizes, steady, agreed = (table.set_index("segment").to_dict("index") for table in tables)
    return [
        personas.Card(
            segment=name,
            households=whole(sizes[name]["households"]),
            share=percent(sizes[name]["share"]),
            interval=personas.print_interval(steady[name]),
            thin=whole(sizes[name]["thin_households"]),
            facts=personas.set_apart(
                segment_profiles, name, variables, codebook, reporting.facts_on_card
            ),
            bought=personas.set_apart(
                segment_profiles, name, bought, codebook, reporting.facts_on_card
            ),
            parted=personas.tell_nearest(
                name, agreed[name]["rival"], variables, segment_profiles, codebook
            ),
            offer=reporting.offers.get(name, ""),
            certainty=personas.judge_certainty(steady[name], agreed[name]),
            rule=personas.explain_rule(name, segment_profiles, segmentation.naming, codebook),
        )
        for name in reporting.order(segment_sizes["segment"])
    ]


def write_behaviour(
    segment_profiles: pd.DataFrame,
    segment_sizes: pd.DataFrame,
    segment_scores: pd.DataFrame,
    household_segments: pd.DataFrame,
    codebook: Codebook,
    reporting: ReportingParameters,
) -> Section:
    """Write how the segments buy: promotion use, loyalty, value, amounts, and all shares.

    Args:
        segment_profiles: One row per segment and variable.
        segment_sizes: One row per segment.
        segment_scores: One row per household: identifier and scores.
        household_segments: One row per household: identifier, segment and thin-record flag.
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
    scores = reporting.choose_map_scores(list(segment_scores.columns.drop(codebook.identifier)))
    points = segment_scores.merge(household_segments, on=codebook.identifier)
    eligible = points[~points[codebook.column(Role.THIN_RECORD)]]
    charts["segment_map"] = Chart(
        segments.judge_map(eligible, scores, reporting.labels), _print_sizes(segment_sizes, order)
    )
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
