"""The sections on the evidence for the segments: choice, steadiness, membership, robustness."""

from __future__ import annotations

import pandas as pd

from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.findings import evidence, membership, specifications, stability
from customer_segmentation.findings.exhibits import (
    Chart,
    Section,
    print_table,
)
from customer_segmentation.findings.wording import (
    Printer,
    lower_first,
    percent,
    two_decimals,
    whole,
)
from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.segments.parameters import SegmentationParameters

CANDIDATES = {
    "specification": "Specification",
    "k": "Segments",
    "chosen": "Chosen",
    "by_rule": "By the rule",
    "rank": "Rank by the rule",
    "pairs": "Pairs of samples",
    "pipeline_ari_q10": "ARI refitted, 10% quantile",
    "ari_mc_error": "Monte Carlo error of it",
    "pipeline_ari_median": "ARI refitted, median",
    "global_ari_q10": "ARI on fixed scores, 10% quantile",
    "global_ari_median": "ARI on fixed scores, median",
    "null_permuted_ari": "ARI, shuffled scores",
    "null_excess": "Excess over shuffled scores",
    "null_copula_ari": "ARI, same correlations",
    "null_copula_ari_q95": "ARI, same correlations, 95% quantile",
    "silhouette": "Silhouette",
    "null_permuted_silhouette": "Silhouette, shuffled scores",
    "null_copula_silhouette": "Silhouette, same correlations",
    "null_copula_silhouette_q95": "Silhouette, same correlations, 95% quantile",
    "calinski_harabasz": "Calinski-Harabasz",
    "davies_bouldin": "Davies-Bouldin",
    "gap": "Gap",
    "gap_se": "Gap, standard error",
    "slsw_min_median": "SLSw of the least stable segment, median",
    "slsw_min_q10": "SLSw of it, 10% quantile",
    "smallest_share": "Smallest segment",
    "verdict": "Verdict",
    "reason": "Not admissible because",
}


def write_evidence(
    segmentation_candidates: pd.DataFrame,
    segment_sizes: pd.DataFrame,
    segmentation: SegmentationParameters,
    reporting: ReportingParameters,
) -> Section:
    """Write how the segments were chosen, and how they compare with other numbers of segments.

    Args:
        segmentation_candidates: One row per specification and number of segments k.
        segment_sizes: One row per segment: households.
        segmentation: The declared rule.
        reporting: Names of specifications.

    Returns:
        The section, with the chart stability_by_k and the table of all candidates.
    """
    named = _name_specifications(segmentation_candidates, reporting)
    chosen = evidence.chosen_candidate(named)
    own = named[named["specification"] == chosen["specification"]]
    title = stability.compare_numbers_of_segments(own, segment_sizes["households"].sum())
    rule = segmentation.choice
    return Section(
        sentences={
            "verdict": evidence.judge_verdict(named),
            "steadiness": evidence.explain_steadiness(named, rule.reproducible_from),
            "nulls": evidence.explain_nulls(named),
            "separation": f"{evidence.judge_separation(named)}.",
            "rule": evidence.explain_rule(named, rule.finalists),
            "choice": evidence.explain_choice(named),
            "barred": evidence.tell_barred(named),
            "indices": evidence.compare_indices(own),
        },
        lists={
            "warnings": evidence.warn_of_few_households(
                named, segmentation.evidence.households_per_variable
            )
        },
        charts={"stability_by_k": Chart(title, _print_candidates(own.sort_values("k")))},
        tables={"candidates": _print_candidates(named)},
    )


def write_stability(
    segment_paths: pd.DataFrame,
    segment_flows: pd.DataFrame,
    segment_stability: pd.DataFrame,
    segment_jaccards: pd.DataFrame,
    codebook: Codebook,
    reporting: ReportingParameters,
) -> Section:
    """Write how steady each segment is, in size, in new samples and as their number grows.

    Args:
        segment_paths: One row per number of segments and segment.
        segment_flows: One row per segment and segment of the solution before.
        segment_stability: One row per segment: sizes with intervals, SLSw.
        segment_jaccards: One row per segment and bootstrap sample.
        codebook: Name of the sampling stratum.
        reporting: Order of the segments.

    Returns:
        The section, with the charts segment_sizes, segment_stability and segment_flows.
    """
    ordered = _order(segment_stability, reporting)
    stratum = lower_first(codebook[codebook.column(Role.STRATUM)].label)
    return Section(
        sentences={"weights": membership.tell_weights(ordered)},
        charts={
            "segment_sizes": Chart(
                membership.judge_sizes(segment_stability, stratum), _print_sizes(ordered)
            ),
            "segment_stability": Chart(
                stability.judge_segments(segment_stability, segment_jaccards["sample"].nunique()),
                _print_stability(ordered),
            ),
            "segment_flows": Chart(
                stability.follow_segments(segment_paths, segment_flows),
                _print_flows(segment_paths, segment_flows),
            ),
        },
    )


def write_membership(
    household_segments: pd.DataFrame,
    household_similarities: pd.DataFrame,
    household_positions: pd.DataFrame,
    segment_hulls: pd.DataFrame,
    codebook: Codebook,
    reporting: ReportingParameters,
) -> Section:
    """Write how surely households belong to their segments.

    Args:
        household_segments: One row per household: segment, thin-record flag, agreement, second.
        household_similarities: One row per eligible household and segment compared with.
        household_positions: One row per eligible household.
        segment_hulls: One row per segment, part and corner.
        codebook: Name of the thin-record flag.
        reporting: Order of the segments.

    Returns:
        The section, with the charts segment_similarities, segment_separation, segment_silhouettes,
        a sentence and a table on the agreement of bootstrap solutions.
    """
    assigned = household_segments[~household_segments[codebook.column(Role.THIN_RECORD)]]
    summaries = {
        "segment_similarities": membership.summarise_similarities(household_similarities),
        "segment_separation": membership.summarise_positions(household_positions, segment_hulls),
        "segment_silhouettes": membership.summarise_silhouettes(household_positions),
    }
    titles = {
        "segment_similarities": membership.judge_similarities(household_similarities),
        "segment_separation": membership.judge_positions(household_positions, segment_hulls),
        "segment_silhouettes": membership.judge_silhouettes(household_positions),
    }
    agreement = _order(membership.summarise_agreement(assigned), reporting)
    return Section(
        sentences={"agreement": membership.judge_agreement(assigned)},
        charts={
            name: Chart(titles[name], _print_summary(_order(summary, reporting)))
            for name, summary in summaries.items()
        },
        tables={"agreement": _print_certainty(agreement)},
    )


def write_robustness(
    segmentation_candidates: pd.DataFrame,
    specification_agreement: pd.DataFrame,
    segment_sensitivity: pd.DataFrame,
    segment_sizes: pd.DataFrame,
    segmentation: SegmentationParameters,
    reporting: ReportingParameters,
) -> Section:
    """Write how far the segments depend on how they were formed.

    Args:
        segmentation_candidates: One row per specification and number of segments k.
        specification_agreement: One row per pair of specifications and k.
        segment_sensitivity: One row per decision that was varied.
        segment_sizes: One row per segment: households.
        segmentation: The personas; nothing is said of them where the segments are numbered.
        reporting: Names of specifications and of the kinds of variation.

    Returns:
        The section, with the charts specification_agreement and segment_sensitivity, and the tables
        that they are drawn from under the same names.
    """
    agreement = specifications.tabulate_agreement(segmentation_candidates, specification_agreement)
    sensitivity = specifications.add_share_moved(segment_sensitivity)
    households = segment_sizes["households"].sum()
    personas = {persona.name for persona in segmentation.naming.personas}
    is_named = personas == set(segment_sizes["segment"])
    recipe = specifications.tell_recipe(
        agreement, sensitivity, segmentation_candidates, is_named=is_named
    )
    agreement = _name_specifications(agreement, reporting)
    titles = {
        "specification_agreement": specifications.judge_agreement(
            agreement, segmentation_candidates, households
        ),
        "segment_sensitivity": specifications.judge_sensitivity(sensitivity),
    }
    printed = {
        "specification_agreement": _print_agreement(agreement),
        "segment_sensitivity": _print_sensitivity(sensitivity, reporting),
    }
    return Section(
        sentences={
            "recipe": recipe,
            "personas": specifications.tell_personas(sensitivity) if is_named else "",
        },
        lists={
            "bounds": specifications.tell_bounds(sensitivity),
            "samples": specifications.tell_samples(sensitivity),
        },
        charts={name: Chart(titles[name], printed[name]) for name in titles},
        tables={"specification_agreement": agreement, "segment_sensitivity": sensitivity},
    )


def _name_specifications(table: pd.DataFrame, reporting: ReportingParameters) -> pd.DataFrame:
    names = table["specification"].str.split(".")
    return table.assign(
        specification=[", ".join(reporting.label(part) for part in parts) for parts in names]
    )


def _order(table: pd.DataFrame, reporting: ReportingParameters) -> pd.DataFrame:
    names = reporting.order(table["segment"])
    return table.set_index("segment").loc[names].reset_index()


def _print_candidates(candidates: pd.DataFrame) -> pd.DataFrame:
    printers: dict[str, Printer] = dict.fromkeys(CANDIDATES, two_decimals)
    printers |= dict.fromkeys(("k", "rank", "pairs", "calinski_harabasz"), whole)
    printers |= dict.fromkeys(("chosen", "by_rule"), _tick)
    printers |= dict.fromkeys(("specification", "verdict", "reason"), str)
    printers |= {"ari_mc_error": _three_decimals, "smallest_share": percent}
    return print_table(candidates, CANDIDATES, printers)


def _print_sizes(stability_table: pd.DataFrame) -> pd.DataFrame:
    headings = {
        "segment": "Segment",
        "size": "Households",
        "share": "Share",
        "share_low": "95% interval, from",
        "share_high": "95% interval, to",
        "mix_low": "Over all mixes, from",
        "mix_high": "Over all mixes, to",
        "weighted_share": "Weighted share",
    }
    printers: dict[str, Printer] = dict.fromkeys(headings, percent)
    return print_table(stability_table, headings, printers | {"segment": str, "size": whole})


def _print_stability(stability_table: pd.DataFrame) -> pd.DataFrame:
    worded = stability_table.assign(
        word=[stability.word_stability(value) for value in stability_table["slsw_median"]]
    )
    headings = {
        "segment": "Segment",
        "size": "Households",
        "slsw_median": "Jaccard similarity, median",
        "slsw_q10": "Jaccard similarity, 10% quantile",
        "word": "In words",
    }
    printers = dict.fromkeys(("slsw_median", "slsw_q10"), two_decimals)
    return print_table(worded, headings, {**printers, "size": whole})


def _print_flows(paths: pd.DataFrame, flows: pd.DataFrame) -> pd.DataFrame:
    moves = flows.rename(columns={"households": "moved"})
    table = paths.merge(moves, on=["k", "segment"], how="left")
    names = table["name"].fillna("")
    table["segment"] += [f" {name}".rstrip() for name in names]
    headings = {
        "k": "Segments",
        "segment": "Segment",
        "households": "Households",
        "slsa": "SLSa",
        "previous": "Comes from",
        "moved": "Households from there",
    }
    printers = {"households": whole, "moved": whole, "slsa": two_decimals}
    return print_table(table, headings, printers)


def _print_summary(summary: pd.DataFrame) -> pd.DataFrame:
    headings = {
        "segment": "Segment",
        "households": "Households",
        "lower_quartile": "Lower quartile",
        "median": "Median",
        "upper_quartile": "Upper quartile",
        "mostly_own": "Similarity above 0.5",
        "astray": "Inside the outline of another segment",
        "lowest": "Lowest",
        "mean": "Mean",
        "highest": "Highest",
        "below_zero": "Below 0",
    }
    printers: dict[str, Printer] = dict.fromkeys(headings, two_decimals)
    printers |= {"segment": str, "households": whole, "astray": whole}
    return print_table(summary, headings, printers | {"mostly_own": percent, "below_zero": percent})


def _print_agreement(agreement: pd.DataFrame) -> pd.DataFrame:
    places = [str(place) for place in range(1, len(agreement) + 1)]
    numbered = agreement.assign(place=places)
    headings = {"place": "No.", "specification": "Specification"} | {name: name for name in places}
    return print_table(numbered, headings, dict.fromkeys(places, two_decimals))


def _print_sensitivity(sensitivity: pd.DataFrame, reporting: ReportingParameters) -> pd.DataFrame:
    named = sensitivity.assign(kind=[reporting.label(kind) for kind in sensitivity["kind"]])
    headings = {
        "variation": "Variation",
        "kind": "Kind",
        "households": "Households compared",
        "households_moved": "Households moved",
        "share_moved": "Share",
        "ari": "Adjusted Rand index",
        "sizes": "Sizes",
        "mismatch": "Persona not found",
        "note": "Note",
    }
    printers = {"households": whole, "households_moved": whole, "share_moved": percent}
    return print_table(named, headings, {**printers, "ari": two_decimals})


def _three_decimals(value: float) -> str:
    return f"{value:.3f}"


def _tick(holds: float) -> str:
    return "yes" if holds else ""


def _print_certainty(agreement: pd.DataFrame) -> pd.DataFrame:
    headings = {
        "segment": "Segment",
        "households": "Households",
        "agreement": "Mean agreement",
        "steady": f"Agreement of {percent(membership.STEADY)} or more",
        "unsteady": f"Agreement below {percent(membership.UNSTEADY)}",
        "rival": "Most frequent second segment",
    }
    shares = dict.fromkeys(("agreement", "steady", "unsteady"), percent)
    return print_table(agreement, headings, {**shares, "households": whole})
