"""The evidence for every specification of the grid and every number of segments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.metrics import pairwise_distances

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.features import derive_features
from customer_segmentation.segments.measures import (
    FIXED,
    PIPELINE,
    PairResult,
    Solution,
    compare_pair,
    measure_gap,
    measure_separation,
    solve,
)
from customer_segmentation.segments.naming import find_mismatch
from customer_segmentation.segments.parameters import SegmentationParameters
from customer_segmentation.segments.partition import (
    Labels,
    Purpose,
    Scores,
    adjusted_rand,
    cross_tabulate,
    seed_for,
)
from customer_segmentation.segments.scores import learn_scores
from customer_segmentation.segments.specification import Score, Specification

KEYS = ["specification", "k"]

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
    specifications = segmentation.specifications(codebook)
    solved = Parallel(n_jobs=segmentation.processes, prefer="threads")(
        delayed(solve)(
            place_households(eligible_households, specification, codebook),
            segmentation.counts.scored,
            specification.solution_method,
            seed,
        )
        for specification in specifications.values()
    )
    identifiers = eligible_households[codebook.identifier]
    tables = [
        pd.DataFrame(
            {"specification": name, "k": k, codebook.identifier: identifiers, "label": labels}
        )
        for name, by_count in zip(specifications, solved, strict=True)
        for k, labels in by_count.items()
    ]
    return pd.concat(tables, ignore_index=True)


def place_households(
    households: pd.DataFrame, specification: Specification, codebook: Codebook
) -> Scores:
    """Learn the scores of a specification on households, and place these on them."""
    values = derive_features(households, codebook, specification.variables)
    return learn_scores(values, specification.scores).compute(values)


def group_by_solution(table: pd.DataFrame) -> Iterator[tuple[Solution, pd.DataFrame]]:
    """Go through the rows of each specification and number of segments of a table, in order."""
    for (name, k), group in table.groupby(KEYS, sort=False):
        yield (str(name), int(str(k))), group


def read_solutions(candidate_labels: pd.DataFrame) -> dict[Solution, Labels]:
    """Read the labels of the households, in order, by specification and number of segments."""
    return {
        solution: group["label"].to_numpy(dtype=np.intp)
        for solution, group in group_by_solution(candidate_labels)
    }


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
    seed = seed_for(segmentation.random_state, Purpose.GAP)
    references = segmentation.evidence.gap_references
    gaps = measure_gap(scores, list(labels), specification.method, seed, references)
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
    specifications = list(segmentation.specifications(codebook).values())
    solutions = read_solutions(candidate_labels)
    mismatches = find_mismatches(eligible_households, candidate_labels, codebook, segmentation)
    contenders = [each for each in specifications if _may_win(each, mismatches, segmentation)]
    first, last = segmentation.evidence.screening_pairs, segmentation.evidence.pairs
    results: dict[str, list[PairResult]] = {each.name: [] for each in specifications}
    for chosen, pairs in (
        (specifications, range(1, first + 1)),
        (contenders, range(first + 1, last + 1)),
    ):
        for family in _group_by_scores(chosen):
            values = derive_features(eligible_households, codebook, family[0].variables)
            shared = Parallel(n_jobs=segmentation.processes, prefer="threads")(
                delayed(compare_pair)(
                    values,
                    family,
                    solutions,
                    segmentation.counts.scored,
                    seed_for(segmentation.random_state, Purpose.PAIR, pair),
                )
                for pair in pairs
            )
            for specification in family:
                results[specification.name] += shared
    return _tabulate_pairs(results, segmentation.counts.scored)


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


def _group_by_scores(specifications: Sequence[Specification]) -> list[list[Specification]]:
    """Those that share scores are refitted together."""
    families: dict[tuple[Score, ...], list[Specification]] = {}
    for specification in specifications:
        families.setdefault(specification.scores, []).append(specification)
    return list(families.values())


def _tabulate_pairs(
    results: Mapping[str, Sequence[PairResult]], counts: Sequence[int]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    agreements: list[tuple[str, int, str, int, float]] = []
    recoveries: list[tuple[str, int, int, float, float]] = []
    for name, k in product(results, counts):
        for mode in (FIXED, PIPELINE):
            found = [result.agreements[name, k, mode] for result in results[name]]
            agreements += [(name, k, mode, pair, ari) for pair, ari in enumerate(found, start=1)]
        jaccards = np.concatenate([result.jaccards[name, k] for result in results[name]])
        quantiles = np.quantile(jaccards, [0.5, 0.1], axis=0)
        recoveries += [(name, k, label, *row) for label, row in enumerate(quantiles.T)]
    return (
        pd.DataFrame(agreements, columns=[*KEYS, "mode", "pair", "ari"]),
        pd.DataFrame(recoveries, columns=[*KEYS, "label", "slsw_median", "slsw_q10"]),
    )


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
    rows = []
    for (name, k), group in group_by_solution(candidate_agreements):
        by_mode = {mode: part["ari"].to_numpy() for mode, part in group.groupby("mode")}
        fixed, pipeline = by_mode[FIXED], by_mode[PIPELINE]
        generator = np.random.default_rng(segmentation.random_state)
        drawn = generator.choice(pipeline, size=(_ERROR_DRAWS, len(pipeline)))
        rows.append(
            {
                "specification": name,
                "k": k,
                "pairs": len(fixed),
                "global_ari_median": float(np.median(fixed)),
                "global_ari_q10": float(np.quantile(fixed, 0.1)),
                "pipeline_ari_median": float(np.median(pipeline)),
                "pipeline_ari_q10": float(np.quantile(pipeline, 0.1)),
                "ari_mc_error": float(np.quantile(drawn, 0.1, axis=1).std(ddof=1)),
            }
        )
    least = candidate_recoveries.groupby(KEYS, as_index=False, sort=False).agg(
        slsw_min_median=("slsw_median", "min"), slsw_min_q10=("slsw_q10", "min")
    )
    table = candidate_separations.merge(pd.DataFrame(rows), on=KEYS, validate="one_to_one")
    return table.merge(least, on=KEYS, validate="one_to_one")


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


def find_mismatches(
    eligible_households: pd.DataFrame,
    candidate_labels: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> dict[Solution, str]:
    """Find the solutions whose segments do not match the personas where they must, and say why."""
    naming = segmentation.naming
    if naming.when_unmatched == "number":
        return {}
    signs = derive_features(eligible_households, codebook, naming.variables)
    found = {
        solution: find_mismatch(signs, labels, naming)
        for solution, labels in read_solutions(candidate_labels).items()
    }
    return {solution: mismatch for solution, mismatch in found.items() if mismatch}


def list_objections(
    specification: Specification,
    k: int,
    mismatches: Mapping[Solution, str],
    segmentation: SegmentationParameters,
) -> list[str]:
    """List why the rule cannot admit a solution, whatever its stability; no full stops."""
    reasons = list(segmentation.choice.find_gaps(specification))
    if k not in segmentation.counts.choosable:
        reasons.append("scored only: too many segments to be chosen")
    if mismatch := mismatches.get((specification.name, k)):
        reasons.append(mismatch)
    return reasons
