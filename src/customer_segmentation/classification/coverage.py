"""How often conformal sets hold the true segment, and how large they are, group by group."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from customer_segmentation.classification.answers import keep_eligible, list_segments
from customer_segmentation.classification.audit import Claim, add_claims
from customer_segmentation.classification.conformal import form_sets
from customer_segmentation.classification.estimators import conformity_column, probability_column
from customer_segmentation.classification.parameters import ModellingParameters
from customer_segmentation.classification.proportions import bound_shares
from customer_segmentation.classification.slices import name_slices, pool_small, select_headline
from customer_segmentation.panel.codebook import Codebook, Role

SUMMARY = {
    **dict.fromkeys(("information_set", "claim", "group_by", "group"), "str"),
    "n": "int64",
    **dict.fromkeys(("coverage", "coverage_low", "coverage_high"), "float64"),
    "mean_set_size": "float64",
    "singletons": "float64",
    "small": "bool",
}


def summarise_coverage(
    classifier_predictions: pd.DataFrame,
    labelled_households: pd.DataFrame,
    circularity_audit: pd.DataFrame,
    codebook: Codebook,
    modelling: ModellingParameters,
) -> pd.DataFrame:
    """Summarise how often the sets of the procedure hold the true segment, and how large they are.

    Every figure is out of sample: nested cross-validation, truth is the segment of the fold. For an
    assignment set there is nothing uncertain, so only overlap and prediction sets stand here.

    Args:
        classifier_predictions: One row per information set x model x protocol x repeat x household.
        labelled_households: One row per household with the fields and flags of the codebook.
        circularity_audit: The claim of each information set.
        codebook: Sampling stratum, its labels, and the flag of a blank demographic record.
        modelling: Error rate, fewest households of a group, and level of the intervals.

    Returns:
        One row per information set x group: information_set, claim, group_by (all, segment, stratum
        or blank_record), group, n (households; folds differ in whom they give to a segment, so of
        segments the mean over repeats, rounded), coverage (a household counts with the mean over
        its repeats), coverage_low and coverage_high (Wilson's binomial interval for n households:
        repeats are no further households), mean_set_size, singletons (share of sets with one
        segment), small (fewer households than a group should have). Eligible households, but for
        the second row of blank records. Groups that are too small are joined as "other (...)".

    References:
        Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    headline = add_claims(select_headline(classifier_predictions), circularity_audit)
    uncertain = headline[headline["claim"] != Claim.ASSIGNMENT]
    segments = list_segments(classifier_predictions)
    sets = _judge_sets(uncertain, segments, modelling.conformal.error_rate)
    facts = [codebook.column(Role.STRATUM), codebook.column(Role.BLANK_RECORD)]
    sets = sets.join(labelled_households.set_index("household_id")[facts], on="household_id")
    repeats, level = sets["repeat"].nunique(), modelling.intervals.level
    fewest = modelling.conformal.smallest_group * repeats
    rows = [
        (*keys, *names, *_measure_coverage(part, repeats, level), len(part) < fewest)
        for keys, each in sets.groupby(["information_set", "claim"], sort=False)
        for *names, part in _form_groups(each, codebook, fewest)
    ]
    return pd.DataFrame(rows, columns=list(SUMMARY)).astype(SUMMARY)


def _judge_sets(rows: pd.DataFrame, segments: list[str], error_rate: float) -> pd.DataFrame:
    probabilities = rows[[probability_column(each) for each in segments]].to_numpy()
    conformity = rows[[conformity_column(each) for each in segments]].to_numpy()
    sets = form_sets(conformity > error_rate, probabilities)
    truth = pd.Index(segments).get_indexer(pd.Index(rows["segment"]))
    covered = sets[np.arange(len(rows)), truth]
    return rows.assign(covered=covered, set_size=sets.sum(axis=1))


def _form_groups(
    rows: pd.DataFrame, codebook: Codebook, fewest: int
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    stratum, flag = (codebook[codebook.column(r)] for r in (Role.STRATUM, Role.BLANK_RECORD))
    eligible = keep_eligible(rows)
    pooled = {
        "segment": pool_small(eligible["segment"].astype("category"), fewest),
        "stratum": name_slices(eligible[stratum.name], stratum, fewest),
    }
    yield "all", "all", eligible
    for group_by, names in pooled.items():
        for group, part in eligible.groupby(names, observed=True):
            yield group_by, str(group), part
    blank = {flag.label: eligible, f"{flag.label}, with thin records": rows}
    for group, part in blank.items():
        if part[flag.name].any():
            yield "blank_record", group, part[part[flag.name]]


def _measure_coverage(rows: pd.DataFrame, repeats: int, level: float) -> tuple[float, ...]:
    households = max(round(len(rows) / repeats), 1)
    coverage = rows["covered"].mean()
    low, high = map(float, bound_shares(coverage, households, level))
    sizes = rows["set_size"]
    return households, coverage, low, high, sizes.mean(), (sizes == 1).mean()
