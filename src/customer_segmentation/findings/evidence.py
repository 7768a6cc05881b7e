"""What the tables say about how steady and how far apart the segments are."""

from __future__ import annotations

import pandas as pd

from customer_segmentation.findings.wording import (
    highest,
    listing,
    sample,
    two_decimals,
)

# Kaufman and Rousseeuw (1990), Finding Groups in Data, chapter 2, table 4.
SILHOUETTE_WORDS = (
    (0.71, "a strong structure has been found"),
    (0.51, "a reasonable structure has been found"),
    (0.26, "the structure is weak and could be artificial"),
    (-1.0, "no substantial structure has been found"),
)


def chosen_candidate(candidates: pd.DataFrame) -> pd.Series:
    """The row of `segmentation_candidates` that was chosen."""
    return candidates[candidates["chosen"]].iloc[0]


def judge_steadiness(candidates: pd.DataFrame, steady_from: float) -> str:
    """Say whether the chosen segments come back when the households change a little.

    Args:
        candidates: `segmentation_candidates`; one row per specification and k.
        steady_from: Smallest 10 % quantile of the adjusted Rand index that counts as reproducible.

    Returns:
        One sentence.
    """
    row = chosen_candidate(candidates)
    verdict = (
        "reproducible" if row["global_ari_q10"] >= steady_from else "not steady enough to rely on"
    )
    return f"The {row['k']} segments are {verdict}."


def explain_steadiness(candidates: pd.DataFrame, steady_from: float) -> str:
    """Give the numbers behind `judge_steadiness`, with the same arguments."""
    row = chosen_candidate(candidates)
    return (
        "Segments formed on two bootstrap samples agree with a median adjusted Rand index of "
        f"{two_decimals(row['global_ari_median'])}, where 1 is full agreement; nine pairs in ten "
        f"reach {two_decimals(row['global_ari_q10'])}, and {two_decimals(steady_from)} counts as "
        "reproducible."
    )


def judge_separation(candidates: pd.DataFrame) -> str:
    """Say how far apart the chosen segments lie, in the words of Kaufman and Rousseeuw (1990)."""
    row = chosen_candidate(candidates)
    shown = two_decimals(row["silhouette"])
    words = next(text for least, text in SILHOUETTE_WORDS if float(shown) >= least)
    return (
        f"Kaufman and Rousseeuw's words for the average silhouette of these {row['k']} segments, "
        f"{shown}: {words}"
    )


def compare_numbers_of_segments(candidates: pd.DataFrame, households: float) -> str:
    """Say which numbers of segments are the steadiest and the best separated.

    Args:
        candidates: `segmentation_candidates`; the chosen row's specification is compared.
        households: How many households formed the segments.

    Returns:
        One title with n, without the full stop.
    """
    row = chosen_candidate(candidates)
    table = candidates[candidates["specification"] == row["specification"]].set_index("k")
    steady = highest(table["global_ari_median"], two_decimals)
    apart = highest(table["silhouette"], two_decimals)
    best_ari, best_silhouette = table["global_ari_median"].max(), table["silhouette"].max()
    return (
        f"Of {table.index.min()} to {table.index.max()} segments, {row['k']} were chosen; "
        f"steadiest: {listing(steady)} (median adjusted Rand index {two_decimals(best_ari)}), "
        f"best separated: {listing(apart)} (silhouette {two_decimals(best_silhouette)}); "
        f"{sample(households)}"
    )
