"""The declared rule: which solutions are admissible, which one is chosen, what it may be called.

The rule stands in the parameters before a run, though it was written after looking at a grid on
this panel. A reader can follow it line by line in `segmentation_candidates`. A pin may overrule it;
both choices are then shown.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.segments.evidence import (
    KEYS,
    find_mismatches,
    list_objections,
    place_households,
)
from customer_segmentation.segments.measures import COPULA, PERMUTED, simulate_nulls
from customer_segmentation.segments.parameters import Choice, SegmentationParameters
from customer_segmentation.segments.partition import Purpose, seed_for
from customer_segmentation.segments.scores import SegmentationError
from customer_segmentation.segments.specification import Specification

NATURAL, REPRODUCIBLE, CONSTRUCTIVE = "natural", "reproducible", "constructive"


def judge_candidates(
    eligible_households: pd.DataFrame,
    candidate_labels: pd.DataFrame,
    candidate_evidence: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> pd.DataFrame:
    """Say for every candidate whether the rule admits it, and why not.

    Args:
        eligible_households: One row per household that may form segments.
        candidate_labels: The segment of every household in every candidate.
        candidate_evidence: One row per specification x `k`: shares and stability.
        codebook: The panel's codebook.
        segmentation: The grid, the rule and the personas.

    Returns:
        One row per candidate: what it is (`specification`, `view`, `transform`, `variables`,
        `algorithm`, `k`, `reference`, `choosable`, `households_per_variable`), its evidence,
        `admissible`, `barred_by_personas` (whether that alone speaks against it) and `reason` (why
        it is not admissible; else empty).
    """
    specifications = segmentation.specifications(codebook)
    mismatches = find_mismatches(eligible_households, candidate_labels, codebook, segmentation)
    rows = []
    for row in candidate_evidence.to_dict("records"):
        specification = specifications[row["specification"]]
        reasons = [
            *list_objections(specification, row["k"], mismatches, segmentation),
            *_list_shortfalls(row, segmentation.choice),
        ]
        columns = [indicator.variable for indicator in specification.indicators]
        choosable = not specification.reference and row["k"] in segmentation.counts.choosable
        rows.append(
            {
                "specification": specification.name,
                "view": specification.view,
                "transform": specification.transform,
                "variables": ", ".join(columns),
                "algorithm": specification.method.algorithm,
                "k": row["k"],
                "reference": specification.reference,
                "choosable": choosable,
                "households_per_variable": len(eligible_households) / len(columns),
                "admissible": not reasons,
                "barred_by_personas": reasons == [mismatches.get((specification.name, row["k"]))],
                "reason": "; ".join(reasons),
            }
        )
    return pd.DataFrame(rows).merge(candidate_evidence, on=KEYS, validate="one_to_one")


def _list_shortfalls(row: Mapping[Hashable, Any], choice: Choice) -> Iterator[str]:
    if row["smallest_share"] < choice.smallest_share:
        yield (
            f"its smallest segment holds {row['smallest_share']:.2%}, less than "
            f"{choice.smallest_share:.2%}"
        )
    for column, least, name in (
        ("slsw_min_median", choice.slsw_median, "median"),
        ("slsw_min_q10", choice.slsw_q10, "10% quantile"),
    ):
        if row[column] < least:
            yield f"its least stable segment has a {name} of {row[column]:.3f}, below {least:g}"


def challenge_finalists(
    eligible_households: pd.DataFrame,
    candidate_judgements: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> pd.DataFrame:
    """Form segments on data without segments, for the solutions that may be chosen.

    Args:
        eligible_households: One row per household that may form segments.
        candidate_judgements: One row per specification x k, with admissibility.
        codebook: The panel's codebook.
        segmentation: The grid, draws, pairs, seed and workers.

    Returns:
        One row per finalist x `null` (permuted: the scores' columns permuted independently; copula:
        normal scores with the same rank correlations) x `draw`: `ari` (median over pairs, on fixed
        scores) and `silhouette`.

    Raises:
        SegmentationError: No solution is admissible, and none is pinned.
    """
    specifications, effort = segmentation.specifications(codebook), segmentation.evidence
    finalists = find_finalists(candidate_judgements, segmentation)
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


def find_finalists(judged: pd.DataFrame, segmentation: SegmentationParameters) -> pd.DataFrame:
    """Find the solutions that are tested against the nulls: `specification` and `k`.

    They are the admissible solutions that tie for the first place, at most as many as the
    parameters say; the pin; and of the same specifications the next smaller and larger numbers
    of segments that may be chosen, so that a chart can show them side by side.

    Raises:
        SegmentationError: No solution is admissible, and none is pinned.
    """
    tied = find_tied(judged).head(segmentation.choice.finalists)
    pinned = judged[_is_pinned(judged, segmentation.choice)]
    if tied.empty and pinned.empty:
        raise SegmentationError(_explain_none(judged))
    leading = pd.concat([tied, pinned])
    finals = pd.Series(judged.index.isin(leading.index), index=judged.index)
    for name, k in zip(leading["specification"], leading["k"], strict=True):
        is_next = (judged["specification"] == name) & ((judged["k"] - k).abs() == 1)
        finals |= judged["choosable"] & is_next
    finalists: pd.DataFrame = judged.loc[finals, KEYS]
    return finalists


def find_tied(judged: pd.DataFrame) -> pd.DataFrame:
    """Find the admissible solutions without a clear difference from the most stable one.

    The 10 % quantile of their adjusted Rand index, with the whole pipeline refitted, lies within
    the Monte Carlo error of its difference from the best (the two errors taken as independent,
    which is cautious, as all share their samples); the best first.
    """
    admissible = judged[judged["admissible"]].sort_values(
        "pipeline_ari_q10", ascending=False, kind="stable"
    )
    if admissible.empty:
        return admissible
    best = admissible.iloc[0]
    error = np.hypot(admissible["ari_mc_error"], best["ari_mc_error"])
    tied: pd.DataFrame = admissible[
        best["pipeline_ari_q10"] - admissible["pipeline_ari_q10"] <= error
    ]
    return tied


def choose_solution(
    candidate_judgements: pd.DataFrame,
    candidate_nulls: pd.DataFrame,
    segmentation: SegmentationParameters,
) -> pd.DataFrame:
    """Choose by the declared rule, and say what the finalists may be called.

    The most stable admissible solution wins. Of those within the Monte Carlo error the one wins
    that exceeds the permuted null most, then the one with fewer segments.

    Args:
        candidate_judgements: What `judge_candidates` returns.
        candidate_nulls: One row per finalist x null x draw: `ari` and `silhouette`.
        segmentation: The rule and the pin.

    Returns:
        `candidate_judgements` with, for the finalists, median and 95 % quantile of `ari` and
        `silhouette` under both nulls (`null_permuted_ari`, `null_permuted_ari_q95`, ...), the share
        of the null data sets whose `ari` reaches the real one (`null_permuted_share`, ...),
        `null_excess` (`global_ari_median` less the median under the permuted null) and `verdict`
        (natural, reproducible or constructive; empty for the others); and for all `rank` (of the
        admissible ones, from 1), `by_rule` and `chosen` (the pin, or else the rule's choice).

    Raises:
        SegmentationError: No solution is admissible, and none is pinned.
    """
    nulls = _summarise_nulls(candidate_judgements, candidate_nulls)
    table = candidate_judgements.merge(nulls, on=KEYS, how="left")
    table["null_excess"] = table["global_ari_median"] - table[f"null_{PERMUTED}_ari"]
    table["verdict"] = [_name_verdict(row, segmentation.choice) for row in table.to_dict("records")]
    table["rank"] = _rank(table, segmentation.choice)
    table["by_rule"] = (table["rank"] == 1).fillna(value=False).astype(bool)
    pinned = _is_pinned(table, segmentation.choice)
    table["chosen"] = pinned if pinned.any() else table["by_rule"]
    if not table["chosen"].any():
        raise SegmentationError(_explain_none(table))
    return table


def _summarise_nulls(judged: pd.DataFrame, candidate_nulls: pd.DataFrame) -> pd.DataFrame:
    summaries: list[pd.Series | pd.DataFrame] = []
    for null in (PERMUTED, COPULA):
        drawn = candidate_nulls[candidate_nulls["null"] == null].groupby(KEYS)
        for column in ("ari", "silhouette"):
            name = f"null_{null}_{column}"
            summaries.append(drawn[column].median().rename(name))
            summaries.append(drawn[column].quantile(0.95).rename(f"{name}_q95"))
    compared = candidate_nulls.merge(judged[[*KEYS, "global_ari_median"]], on=KEYS)
    compared["stable"] = (compared["ari"] >= compared["global_ari_median"]).astype("float64")
    shares = compared.pivot_table(index=KEYS, columns="null", values="stable")
    summaries.append(shares.add_prefix("null_").add_suffix("_share"))
    return pd.concat(summaries, axis=1).reset_index()


def _name_verdict(row: Mapping[Hashable, Any], choice: Choice) -> str:
    if np.isnan(row[f"null_{COPULA}_ari"]):
        return ""
    beyond = [
        row[measure] > row[f"null_{COPULA}_{column}_q95"]
        for measure, column in (("global_ari_median", "ari"), ("silhouette", "silhouette"))
    ]
    if all(beyond):
        return NATURAL
    return REPRODUCIBLE if row["pipeline_ari_q10"] >= choice.reproducible_from else CONSTRUCTIVE


def _rank(table: pd.DataFrame, choice: Choice) -> pd.Series:
    tied = find_tied(table).head(choice.finalists)
    first = tied.sort_values(["null_excess", "k"], ascending=[False, True], kind="stable")
    rest = table[table["admissible"]].drop(index=first.index)
    rest = rest.sort_values("pipeline_ari_q10", ascending=False, kind="stable")
    ordered = [*first.index, *rest.index]
    return pd.Series(range(1, len(ordered) + 1), index=ordered, dtype="Int64").reindex(table.index)


def _is_pinned(table: pd.DataFrame, choice: Choice) -> pd.Series:
    if choice.pin is None:
        return pd.Series(data=False, index=table.index)
    return (table["specification"] == choice.pin.specification) & (
        table["k"] == choice.pin.segments
    )


def _explain_none(judged: pd.DataFrame) -> str:
    choosable = judged[judged["choosable"]]
    nearest = choosable.loc[choosable["reason"].str.count("; ").sort_values(kind="stable").index]
    told = "".join(
        f"\n  {row['specification']} with {row['k']} segments: {row['reason']}"
        for row in nearest.head(5).to_dict("records")
    )
    return (
        "The rule admits no solution. Change segmentation.choice or segmentation.naming, or pin a "
        f"solution by segmentation.choice.pin. The nearest candidates:{told}"
    )


def find_chosen(
    segmentation_candidates: pd.DataFrame, codebook: Codebook, segmentation: SegmentationParameters
) -> tuple[Specification, int]:
    """Find the chosen specification and its number of segments among the candidates.

    Raises:
        SegmentationError: The table was made with other parameters.
    """
    row = segmentation_candidates[segmentation_candidates["chosen"]].iloc[0]
    name, k = row["specification"], int(row["k"])
    specifications = segmentation.specifications(codebook)
    if name not in specifications or k not in segmentation.counts.choosable:
        raise SegmentationError(
            f"segmentation_candidates chose {name!r} with {k} segments, but segmentation.grid and "
            "segmentation.counts offer no such solution now. Run the whole segmentation again: "
            "kedro run --tags segmentation."
        )
    return specifications[name], k
