"""Nodes that write the sections of the report: sentences and tables, computed from the results."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.findings import demographics, models, quality, segments
from customer_segmentation.findings.exhibits import (
    Chart,
    Section,
    print_profiles,
    print_shares,
    print_table,
)
from customer_segmentation.findings.wording import percent, percent_1, sample, two_decimals, whole
from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.segments.specification import SegmentationParameters
from customer_segmentation.typing_tool.audit import claim_between
from customer_segmentation.typing_tool.parameters import ModellingParameters

MODEL_NAMES = {"information_set": "What the model sees", "claim": "Claim", "model": "Model"}
MODEL_HEADINGS = {**MODEL_NAMES, "protocol": "Checked by", "n": "Households"}
SCORES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "precision_macro": "Mean precision",
    "recall_macro": "Mean recall",
    "f1_macro": "Mean F1",
}
ERRORS = {  # what a model gains and saves, each with its standard error
    "gain_over_majority": "Accuracy gained over the largest segment",
    "gain_se": "its standard error",
    "log_loss_skill": "Log loss saved over the segment shares",
    "skill_se": "standard error of that",
}
SEGMENT_SCORES = {"precision": "Precision", "recall": "Recall", "f1": "F1"}


def write_summary(
    segment_sizes: pd.DataFrame,
    segmentation_candidates: pd.DataFrame,
    classifier_metrics: pd.DataFrame,
    reporting: ReportingParameters,
) -> Section:
    """Write the headline: what the segments are, how steady, what the model figures are worth.

    Args:
        segment_sizes: One row per segment.
        segmentation_candidates: One row per number of segments.
        classifier_metrics: One row per information set, model and protocol.
        reporting: Names, order and the protocol.

    Returns:
        The section; its tables hold the numbers of its bars, sizes and accuracies.
    """
    compared = models.compare_with_majority(classifier_metrics, reporting.protocol)
    ordered = segment_sizes.set_index("segment").loc[reporting.order(segment_sizes["segment"])]
    return Section(
        sentences={
            "sizes": segments.summarise_sizes(segment_sizes),
            "thin": segments.count_thin_records(segment_sizes),
            "verdict": segments.judge_steadiness(segmentation_candidates, reporting.steady_from),
            "steadiness": segments.explain_steadiness(
                segmentation_candidates, reporting.steady_from
            ),
            "separation": f"{segments.judge_separation(segmentation_candidates)}.",
            "claims": models.judge_claims(compared),
        },
        tables={"sizes": ordered.reset_index(), "accuracies": compared},
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
            segment_profiles, _nameable(shares, codebook), codebook
        ),
    }
    shown = {"segment_trends": trends, "segment_amounts": amounts, "segment_profiles": shares}
    charts = {
        name: Chart(title, print_profiles(segment_profiles, list(shown[name]), order, codebook))
        for name, title in titles.items()
    }
    size = sample(segment_sizes["households"].sum())
    separation = segments.judge_separation(segmentation_candidates)
    charts["segment_map"] = Chart(f"{separation}; {size}", _print_sizes(segment_sizes, order))
    contrasts = [segments.contrast(segment_profiles, name, codebook) for name in trends]
    return Section(lists={"contrasts": contrasts}, charts=charts)


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
    title = segments.compare_numbers_of_segments(segmentation_candidates, households)
    return Section(
        sentences={
            "steadiness": segments.explain_steadiness(
                segmentation_candidates, reporting.steady_from
            )
        },
        charts={"number_of_segments": Chart(title, table)},
    )


def write_models(
    classifier_metrics: pd.DataFrame,
    segment_metrics: pd.DataFrame,
    reporting: ReportingParameters,
) -> Section:
    """Write how well the classifiers find the segments, claim by claim.

    Args:
        classifier_metrics: One row per information set, model and protocol.
        segment_metrics: The same by segment.
        reporting: Names and the protocol.

    Returns:
        The section: a sentence per information set, a list of one sentence each on its log loss,
        the charts model_accuracy and segment_metrics, and the table of the models.
    """
    compared = models.compare_with_majority(classifier_metrics, reporting.protocol)
    best = models.select_best(segment_metrics, compared, reporting.protocol)
    ordered = models.order_by_claim(classifier_metrics)
    shown = ordered[ordered["protocol"] == reporting.protocol]
    return Section(
        sentences={
            row["information_set"]: models.explain_claim(row, reporting.labels)
            for _, row in compared.iterrows()
        },
        lists={
            name: [sentence]
            for name, sentence in models.tell_skill(
                classifier_metrics, reporting.protocol, reporting.labels
            ).items()
        },
        charts={
            "model_accuracy": Chart(
                models.title_accuracy(compared, reporting.labels),
                _print_models(ordered, reporting, MODEL_HEADINGS),
            ),
            "segment_metrics": Chart(
                models.title_segment_metrics(best, reporting.labels),
                _print_segment_metrics(segment_metrics, reporting),
            ),
        },
        tables={
            # Gains and their errors stand in the wider table behind the chart.
            "models": _print_models(shown.drop(columns=list(ERRORS)), reporting, MODEL_NAMES),
            "claims": compared,
            "best": best,
        },
    )


def write_explanations(
    shap_importance: pd.DataFrame,
    shap_values: pd.DataFrame,
    classifier_metrics: pd.DataFrame,
    codebook: Codebook,
    reporting: ReportingParameters,
) -> Section:
    """Write which fields move the classifiers, and which of these are not worth explaining.

    Args:
        shap_importance: One row per information set, segment and field.
        shap_values: One row per information set, household, segment and field.
        classifier_metrics: One row per information set, model and protocol.
        codebook: The panel's codebook.
        reporting: Names and the information set of the beeswarm.

    Returns:
        The section, with the charts shap_importance and shap_beeswarm.
    """
    beeswarm = shap_values[shap_values["information_set"] == reporting.beeswarm_information_set]
    own = shap_importance[shap_importance["information_set"] == reporting.beeswarm_information_set]
    explained = shap_values[codebook.identifier].nunique()
    return Section(
        sentences={
            "doubt": models.doubt_explanations(
                shap_importance, classifier_metrics, reporting.protocol, reporting.labels
            )
        },
        charts={
            "shap_importance": Chart(
                models.title_shap(shap_importance, explained, codebook, reporting.labels),
                _print_importance(shap_importance, codebook, reporting),
            ),
            "shap_beeswarm": Chart(
                models.title_beeswarm(beeswarm, codebook, reporting.labels),
                _print_importance(own, codebook, reporting),
            ),
        },
    )


def write_source_study(
    source_study_reproduction: pd.DataFrame,
    classifier_metrics: pd.DataFrame,
    circularity_audit: pd.DataFrame,
    codebook: Codebook,
    modelling: ModellingParameters,
    reporting: ReportingParameters,
) -> Section:
    """Write what the published study claims, what it reaches again, and what it is made of.

    Args:
        source_study_reproduction: One row per model, protocol and cluster of the study.
        classifier_metrics: One row per information set, model and protocol.
        circularity_audit: One row per information set and segmentation score.
        codebook: The panel's codebook.
        modelling: The study's protocol and fields; without a study the section has only its chart.
        reporting: Names and the published accuracy.

    Returns:
        The section, with the chart accuracy_ladder.
    """
    compared = models.compare_with_majority(classifier_metrics, reporting.protocol)
    study = modelling.source_study
    fields = modelling.information_set(study.information_set).fields if study else ()
    claim = claim_between(study.segmentation_variables, fields, codebook) if study else None
    steps = models.build_ladder(
        compared,
        source_study_reproduction,
        study.information_set if study else None,
        claim,
        reporting.labels,
    )
    headings = {"step": "What the model sees", "claim": "Claim", "n": "Households"}
    printers = {"accuracy": percent_1, "majority": percent_1}
    accuracies = {"accuracy": "Accuracy", "majority": "Always the largest segment"}
    chart = Chart(models.title_ladder(steps), print_table(steps, headings | accuracies, printers))
    sentences = {}
    if study and claim:
        sentences = {
            "reproduction": models.compare_with_published(
                source_study_reproduction, reporting.published_accuracy
            ),
            "fields": models.judge_study(study.segmentation_variables, fields, claim, codebook),
            "scores": models.count_contained_scores(
                circularity_audit, study.information_set, reporting.labels
            ),
        }
    reproduction = _print_reproduction(source_study_reproduction, reporting)
    tables = {"reproduction": reproduction, "steps": steps}
    return Section(sentences=sentences, charts={"accuracy_ladder": chart}, tables=tables)


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


def _print_models(
    metrics: pd.DataFrame, reporting: ReportingParameters, keys: Mapping[str, str]
) -> pd.DataFrame:
    printers = dict.fromkeys((*SCORES, *ERRORS), percent_1) | {"log_loss": two_decimals, "n": whole}
    headings = {**keys, **SCORES, "log_loss": "Log loss", **ERRORS}
    return print_table(_with_names(metrics, reporting), headings, printers)


def _print_segment_metrics(metrics: pd.DataFrame, reporting: ReportingParameters) -> pd.DataFrame:
    headings = {**MODEL_HEADINGS, "segment": "Segment", "support": "Households", **SEGMENT_SCORES}
    printers = dict.fromkeys(SEGMENT_SCORES, percent_1) | {"support": whole}
    ordered = models.order_by_claim(metrics)
    return print_table(_with_names(ordered, reporting), headings, printers)


def _print_importance(
    importance: pd.DataFrame, codebook: Codebook, reporting: ReportingParameters
) -> pd.DataFrame:
    named = _with_names(importance, reporting)
    named = named.assign(field=[codebook[name].title for name in importance["field"]])
    wide = named.pivot_table(
        index=["information_set", "field"], columns="segment", values="mean_abs_shap", sort=False
    )
    ordered = wide[reporting.order(wide.columns)].reset_index()
    headings = {"information_set": "What the model sees", "field": "Field"}
    segment_headings = {name: name for name in wide.columns}
    printers = dict.fromkeys(wide.columns, two_decimals)
    return print_table(ordered, headings | segment_headings, printers)


def _print_reproduction(reproduction: pd.DataFrame, reporting: ReportingParameters) -> pd.DataFrame:
    headings = {
        "model": "Model",
        "protocol": "Checked by",
        "accuracy": "Accuracy",
        "segment": "Cluster of the study",
        "precision": "Precision",
        "recall": "Recall",
        "support": "Households",
    }
    printers = dict.fromkeys(("accuracy", "precision", "recall"), percent_1)
    return print_table(_with_names(reproduction, reporting), headings, printers)


def _with_names(table: pd.DataFrame, reporting: ReportingParameters) -> pd.DataFrame:
    named = [name for name in ("information_set", "model", "protocol") if name in table]
    return table.assign(**{name: table[name].map(reporting.label) for name in named})
