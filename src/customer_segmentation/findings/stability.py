"""What the tables say about steadiness: by number of segments, across numbers, per segment."""

from __future__ import annotations

import pandas as pd

from customer_segmentation.findings.evidence import chosen_candidate
from customer_segmentation.findings.wording import (
    Printer,
    counted,
    highest,
    listing,
    lowest,
    percent,
    sample,
    two_decimals,
)
from customer_segmentation.segments.measures import COPULA, PERMUTED

# Hennig (2007), Cluster-wise assessment of cluster stability, and the help page of clusterboot in
# his R package fpc: what a Jaccard similarity of at least this much is worth. Below, nothing.
JACCARD_WORDS = {0.60: "doubtful", 0.75: "stable", 0.85: "highly stable"}
UNTRUSTED = "not to be trusted"
NULLS = {PERMUTED: "shuffled scores", COPULA: "simulated households of the same correlations"}


def compare_numbers_of_segments(candidates: pd.DataFrame, households: float) -> str:
    """Say which numbers of segments are the steadiest, and whether the chosen one beats the nulls.

    Args:
        candidates: `segmentation_candidates` of the chosen specification; one row per k.
        households: How many households formed the segments.

    Returns:
        One title with n, without the full stop.
    """
    row, table = chosen_candidate(candidates), candidates.set_index("k")
    best = table["pipeline_ari_q10"].max()
    steady = listing(highest(table["pipeline_ari_q10"], two_decimals))
    return (
        f"By this specification steadiest of {table.index.min()} to {table.index.max()} segments: "
        f"{steady} (10% quantile "
        f"of the adjusted Rand index {two_decimals(best)}); the {row['k']} chosen "
        f"{_compare_with_nulls(row)}; {sample(households)}"
    )


def follow_segments(paths: pd.DataFrame, flows: pd.DataFrame) -> str:
    """Say which segment stays together when one more is asked for, and which one splits.

    Args:
        paths: `segment_paths`; one row per k and segment; the chosen k's segments have a name.
        flows: `segment_flows`; one row per segment and segment of the solution before.

    Returns:
        One title with n, without the full stop. The largest number of segments has no successor;
        it is told where its segments come from.
    """
    chosen = paths[paths["name"].fillna("") != ""].set_index("segment")
    k, size = chosen["k"].iloc[0], sample(chosen["households"].sum())
    staying = flows[flows["previous"].isin(chosen.index)].groupby("previous")["households"].max()
    names = chosen["name"].to_dict()
    together = (staying / chosen["households"]).rename(names).dropna()
    if len(together):
        return (
            f"Households that stay together with {k + 1} segments instead of {k}: "
            f"{name_extremes(together, percent)}; {size}"
        )
    origins = chosen["slsa"].rename(names).dropna()
    if len(origins):
        return (
            f"Stability of the {k} segments across: {name_extremes(origins, two_decimals)}; {size}"
        )
    return f"No other number of segments than {k} was tried; {size}"


def judge_segments(stability: pd.DataFrame, samples: float) -> str:
    """Say which segments are found again best and worst in bootstrap samples.

    Args:
        stability: `segment_stability`; one row per segment: size and slsw_median.
        samples: Number of bootstrap samples.

    Returns:
        One title with n, without the full stop; the word is that of the least stable segment.
    """
    medians = stability.set_index("segment")["slsw_median"]
    return (
        f"Median Jaccard similarity over {counted(samples, 'bootstrap sample')}: "
        f"{name_extremes(medians, two_decimals)}: {word_stability(medians.min())}; "
        f"{sample(stability['size'].sum())}"
    )


def word_stability(jaccard: float) -> str:
    """The word for a segment's median Jaccard similarity, compared as it is printed."""
    shown = float(two_decimals(jaccard))
    reached = [word for least, word in JACCARD_WORDS.items() if shown >= least]
    return reached[-1] if reached else UNTRUSTED


def name_extremes(values: pd.Series, show: Printer) -> str:
    """Name what prints as the highest and as the lowest, or that all print alike.

    Args:
        values: One number per name, the names as index; at least one not missing.
        show: How the values are printed.

    Returns:
        Words for a title.
    """
    top, bottom = show(values.max()), show(values.min())
    if top == bottom:
        return f"{top} for {listing(highest(values, show))}"
    return (
        f"highest for {listing(highest(values, show))} ({top}), "
        f"lowest for {listing(lowest(values, show))} ({bottom})"
    )


def _compare_with_nulls(row: pd.Series) -> str:
    if pd.isna(row["null_excess"]):
        return "were not compared with nulls"
    ari = row["global_ari_median"]
    beaten = [words for null, words in NULLS.items() if ari > row[f"null_{null}_ari_q95"]]
    if not beaten:
        return f"are no steadier than {' or '.join(NULLS.values())}"
    others = [words for words in NULLS.values() if words not in beaten]
    told = f"are steadier than {listing(beaten)}"
    return f"{told}, not than {listing(others)}" if others else told
