"""The sections on what the typing tool is used for: sets, questions, mailing, and for whom."""

from __future__ import annotations

import pandas as pd

from customer_segmentation.classification.parameters import ModellingParameters
from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.findings import (
    campaign,
    claims,
    fairness,
    golden_questions as questions,
    uncertainty,
)
from customer_segmentation.findings.exhibits import Chart, Section, merge_intervals, print_table
from customer_segmentation.findings.wording import (
    lower_first,
    one_decimal,
    percent,
    percent_1,
    points,
    three_decimals,
    two_decimals,
    whole,
)
from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.pipelines.reporting.sections.printing import (
    CLAIMED,
    name_for_people,
    print_flag,
)

MAILED = {**CLAIMED, "depth": "Mailed", "mailed": "Households mailed"}


def write_uncertainty(
    conformal_summary: pd.DataFrame,
    segment_sizes: pd.DataFrame,
    codebook: Codebook,
    modelling: ModellingParameters,
    reporting: ReportingParameters,
) -> Section:
    """Write how often sets of segments hold the true one, and how much they leave open.

    Args:
        conformal_summary: One row per information set and group of households; possibly none.
        segment_sizes: One row per segment.
        codebook: Names of the groups.
        modelling: The error rate, and the level of intervals.
        reporting: Names of information sets.

    Returns:
        The section, with the chart conformal_coverage and its rows under the same name.
    """
    target, labels = 1 - modelling.conformal.error_rate, reporting.labels
    level = modelling.intervals.level
    ordered = claims.order_by_claim(conformal_summary)
    rows = pd.DataFrame(
        {
            "panel": ordered["information_set"].map(reporting.label),
            "name": _name_groups(ordered, codebook),
            "claim": ordered["claim"],
            "n": ordered["n"],
            "estimate": ordered["coverage"],
            "low": ordered["coverage_low"],
            "high": ordered["coverage_high"],
        }
    )
    title = uncertainty.title_coverage(ordered, target, labels)
    return Section(
        sentences={"groups": uncertainty.count_missed_groups(ordered, target, level, labels)},
        lists={"sizes": uncertainty.tell_sizes(ordered, len(segment_sizes), labels)},
        charts={"conformal_coverage": Chart(title, _print_coverage(ordered, codebook, reporting))},
        tables={"conformal_coverage": rows},
    )


def write_questions(
    golden_questions: pd.DataFrame,
    classifier_metrics: pd.DataFrame,
    codebook: Codebook,
    reporting: ReportingParameters,
) -> Section:
    """Write which few fields type a household almost as well as all.

    Args:
        golden_questions: One row per information set and number of fields; possibly none.
        classifier_metrics: One row per information set, model and protocol.
        codebook: Names of fields.
        reporting: Names of information sets and the protocol.

    Returns:
        The section, with the chart golden_questions and a sentence per information set.
    """
    ordered = claims.order_by_claim(golden_questions)
    households = claims.count_households(classifier_metrics, reporting.protocol)
    title = questions.title_questions(ordered, households, reporting.labels)
    headline = claims.find_headline(classifier_metrics, reporting.protocol)
    told = questions.tell_questions(ordered, headline, codebook, reporting.labels)
    return Section(
        lists={"recommended": list(told.values())},
        charts={"golden_questions": Chart(title, _print_questions(ordered, codebook, reporting))},
    )


def write_campaign(
    campaign_gains: pd.DataFrame,
    classifier_metrics: pd.DataFrame,
    segment_stability: pd.DataFrame,
    codebook: Codebook,
    modelling: ModellingParameters,
    reporting: ReportingParameters,
) -> Section:
    """Write what mailing the likeliest households of the success segment would reach.

    Args:
        campaign_gains: One row per information set and depth.
        classifier_metrics: One row per information set, model and protocol.
        segment_stability: One row per segment: its share over all mixes of the strata.
        codebook: Name of the sampling stratum.
        modelling: The declared costs, and what is known of the households on the list.
        reporting: Names of information sets, and the depth that is quoted.

    Returns:
        The section, with the charts campaign_profit and campaign_lift, and two sentences per
        information set.
    """
    declared = campaign.find_declared(campaign_gains, modelling.campaign)
    labels = reporting.labels
    ordered = claims.order_by_claim(campaign_gains)
    quoted = campaign.find_depth(ordered, reporting.campaign_depth)
    best, everybody = campaign.find_best_lists(ordered), campaign.find_everybody(ordered)
    households = claims.count_households(classifier_metrics, reporting.protocol)
    stratum = lower_first(codebook[codebook.column(Role.STRATUM)].label)
    profit = campaign.title_profit(best, everybody, declared, households)
    lift = campaign.title_lift(quoted, households)
    return Section(
        sentences={
            "segment": declared.segment,
            "everybody": campaign.tell_everybody(everybody, declared),
            "members": campaign.tell_members(everybody, declared),
            "mix": campaign.doubt_mix(everybody, segment_stability, declared, stratum),
        },
        lists={
            "lists": campaign.tell_lists(ordered, best, declared, labels),
            "gains": list(campaign.tell_gains(quoted, labels).values()),
        },
        charts={
            "campaign_profit": Chart(profit, _print_profits(ordered, reporting)),
            "campaign_lift": Chart(lift, _print_lifts(ordered, reporting)),
        },
    )


def write_fairness(
    fairness_slices: pd.DataFrame,
    classifier_metrics: pd.DataFrame,
    codebook: Codebook,
    modelling: ModellingParameters,
    reporting: ReportingParameters,
) -> Section:
    """Write for which households the typing tool gains more or less over the largest segment.

    Args:
        fairness_slices: One row per information set, field and slice.
        classifier_metrics: One row per information set, model and protocol.
        codebook: Names of fields.
        modelling: The information set of the campaign, and the level of intervals.
        reporting: Names of information sets and the protocol.

    Returns:
        The section, with the chart fairness_differences, its rows under the same name, and the
        slices of the campaign's information set.
    """
    labels, level = reporting.labels, modelling.intervals.level
    ordered = claims.order_by_claim(fairness_slices)
    distinct = fairness.drop_mirrored(ordered)
    drawn = distinct[distinct["information_set"] == modelling.campaign.information_set]
    shown = ordered[ordered["information_set"] == modelling.campaign.information_set]
    households = claims.count_households(classifier_metrics, reporting.protocol)
    rows = pd.DataFrame(
        {
            "panel": drawn["information_set"].map(reporting.label),
            "name": [
                f"{codebook[row['field']].title}: {row['slice']}"
                for row in drawn.to_dict("records")
            ],
            "claim": drawn["claim"],
            "n": drawn["n"],
            "estimate": drawn["gain_difference"],
            "low": drawn["gain_low"],
            "high": drawn["gain_high"],
        }
    )
    headline = claims.find_headline(classifier_metrics, reporting.protocol)
    title = fairness.title_slices(drawn, households, codebook, labels)
    return Section(
        sentences={
            "chance": fairness.count_differences(distinct, level, labels),
            "doubt": fairness.doubt_slices(headline, modelling.campaign.information_set),
        },
        charts={"fairness_differences": Chart(title, _print_slices(ordered, codebook, reporting))},
        tables={
            "fairness_differences": rows,
            "shown": _print_slices(shown, codebook, reporting),
        },
    )


def _name_groups(summary: pd.DataFrame, codebook: Codebook) -> list[str]:
    stratum = codebook[codebook.column(Role.STRATUM)].title
    forms = {uncertainty.ALL: "All households", uncertainty.STRATUM: f"{stratum}: {{}}"}
    return [
        forms.get(row["group_by"], "{}").format(row["group"]) for row in summary.to_dict("records")
    ]


def _print_coverage(
    summary: pd.DataFrame, codebook: Codebook, reporting: ReportingParameters
) -> pd.DataFrame:
    groups = {
        uncertainty.ALL: "All",
        "segment": "Segment",
        uncertainty.STRATUM: codebook[codebook.column(Role.STRATUM)].title,
        "blank_record": "Record",
    }
    named = name_for_people(summary, reporting)
    named = named.assign(group_by=named["group_by"].map(lambda name: groups.get(name, name)))
    headings = {
        **CLAIMED,
        "group_by": "Households by",
        "group": "Group",
        "n": "Households",
        "coverage": "Coverage",
        "mean_set_size": "Segments in a set, mean",
        "singletons": "Sets of one segment",
    }
    printers = {"n": whole, "mean_set_size": two_decimals, "singletons": percent}
    return print_table(merge_intervals(named, {"coverage": percent_1}), headings, printers)


def _print_questions(
    table: pd.DataFrame, codebook: Codebook, reporting: ReportingParameters
) -> pd.DataFrame:
    named = name_for_people(table, reporting)
    named = named.assign(
        field=[codebook[name].label if name else "all of the set" for name in table["field"]]
    )
    headings = {
        **CLAIMED,
        "n_fields": "Fields",
        "field": "The last of them",
        "inclusion": "Folds that include it so early",
        "accuracy": "Accuracy",
        "log_loss": "Log loss",
        "log_loss_se": "Standard error",
        "excess": "Above all fields",
        "excess_se": "Standard error, paired",
        "recommended": "Recommended",
    }
    losses = ("log_loss", "log_loss_se", "excess", "excess_se")
    printers = {
        **dict.fromkeys(losses, three_decimals),
        "inclusion": percent,
        "accuracy": percent_1,
        "n_fields": whole,
        "recommended": print_flag,
    }
    return print_table(named, headings, printers)


def _print_profits(gains: pd.DataFrame, reporting: ReportingParameters) -> pd.DataFrame:
    headings = {
        **MAILED,
        "profit": "Profit, what-if",
        "extra_profit": "More than at random",
        "over_everybody": "More than mailing everybody",
    }
    figures = dict.fromkeys(("profit", "extra_profit", "over_everybody"), whole)
    named = name_for_people(gains, reporting)
    merged = merge_intervals(named, figures, {"extra_profit": "extra"})
    return print_table(merged, headings, {"depth": percent, "mailed": whole})


def _print_lifts(gains: pd.DataFrame, reporting: ReportingParameters) -> pd.DataFrame:
    headings = {
        **MAILED,
        "hits": "Of the segment",
        "lift": "Lift",
        "lift_max": "Greatest possible lift",
        "base_rate": "Base rate",
        "mailed_with_thin": "Mailed, with thin records",
        "hits_with_thin": "Of the segment, with thin records",
        "lift_with_thin": "Lift, with thin records",
    }
    printers = {
        **dict.fromkeys(("mailed", "mailed_with_thin"), whole),
        **dict.fromkeys(("hits", "hits_with_thin"), one_decimal),
        **dict.fromkeys(("lift_max", "lift_with_thin"), two_decimals),
        "depth": percent,
        "base_rate": percent_1,
    }
    merged = merge_intervals(name_for_people(gains, reporting), {"lift": two_decimals})
    return print_table(merged, headings, printers)


def _print_slices(
    slices: pd.DataFrame, codebook: Codebook, reporting: ReportingParameters
) -> pd.DataFrame:
    named = name_for_people(slices, reporting)
    named = named.assign(field=[codebook[name].title for name in slices["field"]])
    headings = {
        **CLAIMED,
        "field": "Field",
        "slice": "Households",
        "n": "Number",
        "accuracy": "Accuracy",
        "majority": "Always the largest segment",
        "gain_difference": "Difference of the gain over the largest segment, points",
        "difference": "Difference of the bare accuracy, points",
    }
    figures = {"difference": points, "gain_difference": points}
    merged = merge_intervals(named, figures, {"gain_difference": "gain"})
    printers = {"accuracy": percent_1, "majority": percent_1, "n": whole}
    return print_table(merged, headings, printers)
