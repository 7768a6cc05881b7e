"""The evidence for every specification of the grid and every number of segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.metrics import pairwise_distances

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.features import derive_features
from customer_segmentation.segments.admission import find_mismatches, list_objections
from customer_segmentation.segments.agreement import adjusted_rand, cross_tabulate
from customer_segmentation.segments.bootstrap import (
    FIXED,
    PIPELINE,
    PairResult,
    compare_pair,
    solve,
)
from customer_segmentation.segments.constructs import Score
from customer_segmentation.segments.nulls import simulate_nulls
from customer_segmentation.segments.parameters import SegmentationParameters
from customer_segmentation.segments.partition import Labels, Scores
from customer_segmentation.segments.scores import learn_scores
from customer_segmentation.segments.seeds import Purpose, seed_for
from customer_segmentation.segments.separation import measure_gap, measure_separation
from customer_segmentation.segments.solutions import (
    KEYS,
    Solution,
    group_by_solution,
    read_solutions,
)
from customer_segmentation.segments.specification import Specification

# Resamples of the pairs behind the Monte Carlo error of a quantile.
_ERROR_DRAWS = 400


def label_candidates(
    eligible_households: pd.DataFrame, codebook: Codebook, segmentation: SegmentationParameters
) -> pd.DataFrame:
    """Form the segments of every specification and every number of segments.

    Args:
        eligible_households: One row per household that may form segments.
        codebook: The panel's codebook.
        segmentation: The grid, the numbers of segments and the seed.

    Returns:
        One row per specification x number of segments `k` x household: the identifier and the
        number of its segment, `label`, from 0.
    """
    seed = seed_for(segmentation.random_state, Purpose.SOLUTION)
    identifiers = eligible_households[codebook.identifier]
    specifications = list(segmentation.specifications(codebook).values())
    solved = Parallel(n_jobs=segmentation.processes, prefer="threads")(
        delayed(solve)(
            place_households(eligible_households, specification, codebook),
            segmentation.counts.scored,
            specification.solution_method,
            seed,
        )
        for specification in specifications
    )
    tables = [
        pd.DataFrame(
            {
                "specification": specification.name,
                "k": k,
                codebook.identifier: identifiers,
                "label": labels,
            }
        )
        for specification, by_count in zip(specifications, solved, strict=True)
        for k, labels in by_count.items()
    ]
    return pd.concat(tables, ignore_index=True)


def place_households(
    households: pd.DataFrame, specification: Specification, codebook: Codebook
) -> Scores:
    """Learn the scores of a specification on households, and place these on them.

    Args:
        households: One row per household that may form segments.
        specification: The specification.
        codebook: The panel's codebook.

    Returns:
        One row per household, one column per score.
    """
    values = take_values(households, specification, codebook)
    return learn_scores(values, specification.scores).compute(values)


def take_values(
    households: pd.DataFrame, specification: Specification, codebook: Codebook
) -> pd.DataFrame:
    """Take or derive the variables of a specification.

    Args:
        households: One row per household.
        specification: The specification.
        codebook: The panel's codebook.

    Returns:
        One float64 column per variable; same rows and index.
    """
    return derive_features(households, codebook, specification.variables)


def separate_candidates(
    eligible_households: pd.DataFrame,
    candidate_labels: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> pd.DataFrame:
    """Measure how far apart the segments of every candidate lie.

    Args:
        eligible_households: One row per household that may form segments.
        candidate_labels: The segment of every household in every candidate.
        codebook: The panel's codebook.
        segmentation: The grid, the number of gap references and the seed.

    Returns:
        One row per specification x `k`: `silhouette` (mean over the households, -1 to 1),
        `calinski_harabasz`, `davies_bouldin`, `gap`, `gap_se` and `smallest_share` of the
        households.
    """
    solutions = read_solutions(candidate_labels)
    tables = Parallel(n_jobs=segmentation.processes, prefer="threads")(
        delayed(_separate)(
            place_households(eligible_households, specification, codebook),
            {k: solutions[specification.name, k] for k in segmentation.counts.scored},
            specification,
            segmentation,
        )
        for specification in segmentation.specifications(codebook).values()
    )
    separations: pd.DataFrame = pd.concat(tables, ignore_index=True)
    return separations


def _separate(
    scores: Scores,
    labels: Mapping[int, Labels],
    specification: Specification,
    segmentation: SegmentationParameters,
) -> pd.DataFrame:
    distances = pairwise_distances(scores)
    rows = [
        {
            "specification": specification.name,
            "k": k,
            "smallest_share": float(np.bincount(own, minlength=k).min() / len(own)),
            **measure_separation(distances, scores, own),
        }
        for k, own in labels.items()
    ]
    gaps = measure_gap(
        scores,
        list(labels),
        specification.method,
        seed_for(segmentation.random_state, Purpose.GAP),
        segmentation.evidence.gap_references,
        1,
    )
    return pd.DataFrame(rows).merge(gaps, on="k", validate="one_to_one")


def bootstrap_candidates(
    eligible_households: pd.DataFrame,
    candidate_labels: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure how far pairs of bootstrap samples agree, for every candidate.

    All candidates are judged on the same samples, which keeps part of the chance out of their
    comparison.

    Args:
        eligible_households: One row per household that may form segments.
        candidate_labels: The segment of every household in every candidate.
        codebook: The panel's codebook.
        segmentation: The grid, pairs, seed and workers. After the screening pairs only those
            specifications go on that are pinned or have a solution to which there is no objection;
            what the samples show so far drops none, so that the choice is not biased by chance.

    Returns:
        Agreements, one row per specification x `k` x `mode` (fixed: on fixed scores; pipeline:
        everything refitted) x `pair`: the adjusted Rand index `ari`. Recoveries, one row per
        specification x `k` x segment number `label`: `slsw_median` and `slsw_q10`, quantiles over
        the samples of the Jaccard coefficient with the best matching segment of the sample's own
        solution, the whole pipeline refitted (segment-level stability within).
    """
    specifications = segmentation.specifications(codebook)
    effort = segmentation.evidence
    values = {
        name: take_values(eligible_households, specification, codebook)
        for name, specification in specifications.items()
    }
    screening = range(1, effort.screening_pairs + 1)
    solutions = read_solutions(candidate_labels)
    results = _bootstrap(list(specifications.values()), values, solutions, screening, segmentation)
    mismatches = find_mismatches(eligible_households, candidate_labels, codebook, segmentation)
    contenders = [
        specification
        for specification in specifications.values()
        if _may_win(specification, mismatches, segmentation)
    ]
    rest = range(effort.screening_pairs + 1, effort.pairs + 1)
    for name, more in _bootstrap(contenders, values, solutions, rest, segmentation).items():
        results[name] += more
    agreements = [_tabulate_agreements(specifications[name], own) for name, own in results.items()]
    recoveries = [_tabulate_recoveries(specifications[name], own) for name, own in results.items()]
    return pd.concat(agreements, ignore_index=True), pd.concat(recoveries, ignore_index=True)


def _may_win(
    specification: Specification,
    mismatches: Mapping[Solution, str],
    segmentation: SegmentationParameters,
) -> bool:
    """Whether a specification is pinned, or has a solution against which nothing speaks as yet."""
    pin = segmentation.choice.pin
    return (pin is not None and pin.specification == specification.name) or any(
        not list_objections(specification, k, mismatches, segmentation)
        for k in segmentation.counts.choosable
    )


def _bootstrap(
    specifications: Sequence[Specification],
    values: Mapping[str, pd.DataFrame],
    solutions: Mapping[Solution, Labels],
    pairs: range,
    segmentation: SegmentationParameters,
) -> dict[str, list[PairResult]]:
    """The results of some pairs by specification; those that share scores are refitted together."""
    families: dict[tuple[Score, ...], list[Specification]] = {}
    for specification in specifications:
        families.setdefault(specification.scores, []).append(specification)
    results: dict[str, list[PairResult]] = {}
    for scores, family in families.items():
        references = {
            (specification.method, k): solutions[specification.name, k]
            for specification in family
            for k in segmentation.counts.scored
        }
        shared = Parallel(n_jobs=segmentation.processes, prefer="threads")(
            delayed(compare_pair)(
                values[family[0].name],
                scores,
                references,
                segmentation.counts.scored,
                seed_for(segmentation.random_state, Purpose.PAIR, pair),
            )
            for pair in pairs
        )
        results |= {specification.name: list(shared) for specification in family}
    return {specification.name: results[specification.name] for specification in specifications}


def _tabulate_agreements(
    specification: Specification, results: Sequence[PairResult]
) -> pd.DataFrame:
    rows = [
        (specification.name, k, mode, pair, ari)
        for pair, result in enumerate(results, start=1)
        for (method, k, mode), ari in result.agreements.items()
        if method == specification.method
    ]
    table = pd.DataFrame(rows, columns=[*KEYS, "mode", "pair", "ari"])
    return table.sort_values(["k", "mode", "pair"], ignore_index=True)


def _tabulate_recoveries(
    specification: Specification, results: Sequence[PairResult]
) -> pd.DataFrame:
    counts = [k for method, k in results[0].jaccards if method == specification.method]
    rows = []
    for k in counts:
        drawn = np.concatenate([each.jaccards[specification.method, k] for each in results])
        median, q10 = np.quantile(drawn, [0.5, 0.1], axis=0)
        rows += [(specification.name, k, *row) for row in zip(range(k), median, q10, strict=True)]
    return pd.DataFrame(rows, columns=[*KEYS, "label", "slsw_median", "slsw_q10"])


def gather_evidence(
    candidate_separations: pd.DataFrame,
    candidate_agreements: pd.DataFrame,
    candidate_recoveries: pd.DataFrame,
    segmentation: SegmentationParameters,
) -> pd.DataFrame:
    """Put the evidence for every candidate side by side, the nulls aside.

    Args:
        candidate_separations: One row per candidate.
        candidate_agreements: One row per candidate x mode x pair.
        candidate_recoveries: One row per candidate x segment.
        segmentation: The seed.

    Returns:
        `candidate_separations` with `global_ari_median`, `global_ari_q10` (10 % quantile),
        `pipeline_ari_median`, `pipeline_ari_q10`, `ari_mc_error` (standard error of
        `pipeline_ari_q10`, by resampling the pairs), `slsw_min_median` and `slsw_min_q10` (of the
        least stable segment); `pairs` tells how many pairs of samples they rest on.
    """
    rows = [
        {"specification": name, "k": k, **_summarise(group, segmentation.random_state)}
        for (name, k), group in group_by_solution(candidate_agreements)
    ]
    least = candidate_recoveries.groupby(KEYS, as_index=False, sort=False).agg(
        slsw_min_median=("slsw_median", "min"), slsw_min_q10=("slsw_q10", "min")
    )
    table = candidate_separations.merge(pd.DataFrame(rows), on=KEYS, validate="one_to_one")
    return table.merge(least, on=KEYS, validate="one_to_one")


def _summarise(group: pd.DataFrame, random_state: int) -> dict[str, float | int]:
    by_mode = {mode: part["ari"].to_numpy() for mode, part in group.groupby("mode")}
    fixed, pipeline = by_mode[FIXED], by_mode[PIPELINE]
    return {
        "pairs": len(fixed),
        "global_ari_median": float(np.median(fixed)),
        "global_ari_q10": float(np.quantile(fixed, 0.1)),
        "pipeline_ari_median": float(np.median(pipeline)),
        "pipeline_ari_q10": float(np.quantile(pipeline, 0.1)),
        "ari_mc_error": _error_of_q10(pipeline, random_state),
    }


def _error_of_q10(ari: np.ndarray, random_state: int) -> float:
    generator = np.random.default_rng(random_state)
    drawn = generator.choice(ari, size=(_ERROR_DRAWS, len(ari)))
    return float(np.quantile(drawn, 0.1, axis=1).std(ddof=1))


def challenge_finalists(
    eligible_households: pd.DataFrame,
    finalists: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> pd.DataFrame:
    """Form segments on data without segments, for the finalists.

    Args:
        eligible_households: One row per household that may form segments.
        finalists: One row per finalist: `specification` and `k`.
        codebook: The panel's codebook.
        segmentation: The grid, draws, pairs, seed and workers.

    Returns:
        One row per finalist x `null` (permuted: the scores' columns permuted independently; copula:
        normal scores with the same rank correlations) x `draw`: `ari` (median over pairs, on fixed
        scores) and `silhouette`.
    """
    specifications = segmentation.specifications(codebook)
    effort = segmentation.evidence
    tables = []
    for name, group in finalists.groupby("specification", sort=False):
        specification = specifications[str(name)]
        nulls = simulate_nulls(
            place_households(eligible_households, specification, codebook),
            group["k"].tolist(),
            specification.method,
            effort.null_draws,
            effort.null_pairs,
            seed_for(segmentation.random_state, Purpose.NULL),
            segmentation.processes,
        )
        tables.append(nulls.assign(specification=name))
    return pd.concat(tables, ignore_index=True)[[*KEYS, "null", "draw", "ari", "silhouette"]]


def compare_specifications(candidate_labels: pd.DataFrame) -> pd.DataFrame:
    """Measure how far the specifications agree on the segments.

    Args:
        candidate_labels: The segment of every household in every candidate.

    Returns:
        One row per pair of specifications `specification_a`, `specification_b` (in the order of
        the grid) x `k`: the adjusted Rand index `ari`.
    """
    solutions = read_solutions(candidate_labels)
    names = list(dict.fromkeys(candidate_labels["specification"]))
    rows = [
        (a, b, k, adjusted_rand(cross_tabulate(solutions[a, k], solutions[b, k], k, k)))
        for k in dict.fromkeys(candidate_labels["k"])
        for a, b in combinations(names, 2)
    ]
    return pd.DataFrame(rows, columns=["specification_a", "specification_b", "k", "ari"])
