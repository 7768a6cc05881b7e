"""The sections on what moves the classifiers, over all households and for one of them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from customer_segmentation.classification.folds import NESTED_CV
from customer_segmentation.classification.importance import REPEAT
from customer_segmentation.classification.parameters import ModellingParameters
from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.findings import claims, explanations, households
from customer_segmentation.findings.exhibits import Chart, Section, merge_intervals, print_table
from customer_segmentation.findings.wording import (
    Printer,
    percent,
    three_decimals,
    two_decimals,
    whole,
)
from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.pipelines.reporting.sections.printing import SEEN, name_for_people


def write_explanations(
    shap_importance: pd.DataFrame,
    shap_groups: pd.DataFrame,
    permutation_importance: pd.DataFrame,
    classifier_metrics: pd.DataFrame,
    codebook: Codebook,
    modelling: ModellingParameters,
    reporting: ReportingParameters,
) -> Section:
    """Write which fields move the champions, and which of these are not worth explaining.

    Args:
        shap_importance: One row per information set, segment and field.
        shap_groups: One row per information set, segment and group of fields.
        permutation_importance: One row per information set and field.
        classifier_metrics: One row per information set, model and protocol.
        codebook: The panel's codebook.
        modelling: Names of the groups.
        reporting: Names, the protocol and how many fields are shown.

    Returns:
        The section, with the chart shap_importance, its rows under the same name, and the tables of
        groups (empty where no declared group is among them) and of the second opinion. Without an
        explained set there are no sentences.
    """
    shown, labels = reporting.fields_shown, reporting.labels
    tested = claims.count_households(classifier_metrics, reporting.protocol)
    importance, groups, permuted = (
        claims.claim_sets(table, classifier_metrics)
        for table in (shap_importance, shap_groups, permutation_importance)
    )
    groups = _keep_summed(groups, [group.name for group in modelling.field_groups])
    named = labels | {group.name: group.label for group in modelling.field_groups}
    named = {variable.name: variable.title for variable in codebook.variables} | named
    opinions = explanations.compare_opinions(importance, permuted, shown, codebook, labels)
    return Section(
        sentences=_tell_importance(importance, groups, named, classifier_metrics, reporting),
        lists={"opinions": opinions},
        charts={
            "shap_importance": Chart(
                explanations.title_shap(importance, tested, codebook, labels),
                _print_importance(importance, codebook, reporting),
            )
        },
        tables={
            "shap_importance": importance,
            "groups": _print_groups(groups, named, reporting),
            "permuted": _print_permuted(permuted, codebook, reporting),
        },
    )


def write_households_explained(
    shap_values: pd.DataFrame,
    classifier_predictions: pd.DataFrame,
    household_segments: pd.DataFrame,
    distance_contributions: pd.DataFrame,
    codebook: Codebook,
    modelling: ModellingParameters,
    reporting: ReportingParameters,
) -> Section:
    """Write how the fields move every household of one information set, and one in particular.

    Args:
        shap_values: One row per information set, household, segment and field.
        classifier_predictions: One row per information set, model, protocol, repeat and household.
        household_segments: One row per household: thin-record flag.
        distance_contributions: One row per household and segmentation score.
        codebook: The panel's codebook.
        modelling: The success segment, for which the story is told.
        reporting: Names, the information set and how many fields are shown.

    Returns:
        The section, with the charts shap_beeswarm and household_story, the tables that they are
        drawn from under the same names, and the mean distance contributions.
    """
    eligible = household_segments[~household_segments[codebook.column(Role.THIN_RECORD)]]
    values, predictions, contributions = (
        table[table[codebook.identifier].isin(eligible[codebook.identifier])]
        for table in (shap_values, classifier_predictions, distance_contributions)
    )
    values = values[values["information_set"] == reporting.beeswarm_information_set]
    segment, seen = modelling.campaign.segment, reporting.label(reporting.beeswarm_information_set)
    chosen = households.choose_household(_predictions_of(values, predictions), segment, codebook)
    own = values[values["segment"] == segment].merge(chosen[[codebook.identifier]])
    fields = households.tell_fields(own, reporting.fields_shown, codebook)
    means = households.average_contributions(contributions)
    return Section(
        sentences={
            "story": households.explain_choice_of_household(chosen, segment),
            "contributions": households.tell_contributions(means, reporting.labels),
        },
        charts={
            "shap_beeswarm": Chart(
                explanations.title_beeswarm(values, seen, codebook, reporting.labels),
                _print_sizes(values, codebook, reporting),
            ),
            "household_story": Chart(
                households.title_story(chosen, fields, segment, seen),
                print_table(
                    fields,
                    {"name": "Field", "shap_value": "SHAP value"},
                    {"shap_value": two_decimals},
                ),
            ),
        },
        tables={
            "shap_beeswarm": values,
            "household_story": fields,
            "contributions": _print_contributions(means, reporting),
        },
    )


def _tell_importance(
    importance: pd.DataFrame,
    groups: pd.DataFrame,
    group_labels: Mapping[str, str],
    metrics: pd.DataFrame,
    reporting: ReportingParameters,
) -> dict[str, str]:
    if importance.empty:
        return {}
    labels = reporting.labels
    return {
        "doubt": explanations.doubt_explanations(importance, metrics, reporting.protocol, labels),
        "stability": explanations.tell_rank_stability(importance, reporting.fields_shown, labels),
        "groups": "" if groups.empty else f"{explanations.title_groups(groups, group_labels)}.",
    }


def _keep_summed(groups: pd.DataFrame, declared: list[str]) -> pd.DataFrame:
    """The groups of the information sets in which anything is summed."""
    summed = groups.loc[groups["group"].isin(declared), "information_set"]
    return groups[groups["information_set"].isin(summed)]


def _predictions_of(values: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """The predictions of the classifier that the SHAP values explain, in the same folds."""
    explained = values[["information_set", "model"]].drop_duplicates()
    return predictions.merge(explained.assign(protocol=NESTED_CV, repeat=REPEAT))


def _print_importance(
    importance: pd.DataFrame, codebook: Codebook, reporting: ReportingParameters
) -> pd.DataFrame:
    titles = {name: codebook[name].title for name in importance["field"].unique()}
    wide = _print_by_segment(importance, "field", titles, reporting)
    held = importance.groupby(["information_set", "field"], sort=False)["rank_stability"].mean()
    return wide.assign(**{"Folds that keep its rank, within one place": held.map(percent).tolist()})


def _print_groups(
    groups: pd.DataFrame, labels: Mapping[str, str], reporting: ReportingParameters
) -> pd.DataFrame:
    return _print_by_segment(groups, "group", labels, reporting)


def _print_sizes(
    values: pd.DataFrame, codebook: Codebook, reporting: ReportingParameters
) -> pd.DataFrame:
    titles = {name: codebook[name].title for name in values["field"].unique()}
    sizes = values.assign(mean_abs_shap=values["shap_value"].abs())
    return _print_by_segment(sizes, "field", titles, reporting)


def _print_by_segment(
    table: pd.DataFrame, what: str, labels: Mapping[str, str], reporting: ReportingParameters
) -> pd.DataFrame:
    """Mean absolute SHAP values, a column per segment."""
    wide = table.pivot_table(
        index=["information_set", what], columns="segment", values="mean_abs_shap", sort=False
    )
    segments = reporting.order(table["segment"])
    rows = name_for_people(wide.reset_index(), reporting)
    rows = rows.assign(**{what: rows[what].map(lambda name: labels.get(name, name))})
    printers: dict[str, Printer] = dict.fromkeys(segments, two_decimals)
    return print_table(
        rows, {**SEEN, what: what.capitalize(), **{name: name for name in segments}}, printers
    )


def _print_permuted(
    permuted: pd.DataFrame, codebook: Codebook, reporting: ReportingParameters
) -> pd.DataFrame:
    named = name_for_people(permuted, reporting)
    named = named.assign(field=[codebook[name].title for name in permuted["field"]])
    headings = {**SEEN, "field": "Field", "log_loss_increase": "Log loss added", "rank": "Rank"}
    merged = merge_intervals(
        named, {"log_loss_increase": three_decimals}, {"log_loss_increase": "increase"}
    )
    return print_table(merged, headings, {"rank": whole})


def _print_contributions(means: pd.DataFrame, reporting: ReportingParameters) -> pd.DataFrame:
    ordered = means.loc[reporting.order(means.index)].reset_index()
    headings = {"segment": "Segment", **{score: reporting.label(score) for score in means.columns}}
    return print_table(ordered, headings, dict.fromkeys(means.columns, two_decimals))
