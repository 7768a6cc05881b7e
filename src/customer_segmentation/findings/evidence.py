"""What the tables say about the chosen segments: the rule's choice, steadiness, separation."""

from __future__ import annotations

import numpy as np
import pandas as pd

from customer_segmentation.findings.wording import (
    counted,
    listing,
    percent,
    three_decimals,
    two_decimals,
    upper_first,
    whole,
)
from customer_segmentation.segments.choice import (
    CONSTRUCTIVE,
    NATURAL,
    REPRODUCIBLE,
    find_tied,
)
from customer_segmentation.segments.measures import COPULA, PERMUTED

# Dolnicar and Leisch (2010), Evaluation of structure and reproducibility of cluster solutions using
# the bootstrap, for the three words.
VERDICTS = {
    NATURAL: (
        "natural",
        (
            "they are steadier and further apart than segments of simulated households that have "
            "the same distributions and correlations but no segments"
        ),
    ),
    REPRODUCIBLE: (
        "reproducible, not natural",
        (
            "they come back in new samples, but simulated households without segments show them "
            "as clearly in steadiness, separation or both"
        ),
    ),
    CONSTRUCTIVE: (
        "constructive",
        "they are a way to sort households that does not come back reliably",
    ),
    "": ("not compared with simulated households", "only their steadiness is known"),
}
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


def judge_verdict(candidates: pd.DataFrame) -> str:
    """Say in one sentence whether the chosen segments are natural, reproducible or constructive.

    Args:
        candidates: `segmentation_candidates`; one row per specification and k.

    Returns:
        One sentence.
    """
    row = chosen_candidate(candidates)
    return f"The {row['k']} segments are {': '.join(VERDICTS[row['verdict']])}."


def judge_in_brief(candidates: pd.DataFrame) -> str:
    """Join the verdict on the chosen segments with the word for how far apart they lie.

    Args:
        candidates: `segmentation_candidates`; one row per specification and k.

    Returns:
        One sentence.
    """
    row = chosen_candidate(candidates)
    return f"The {row['k']} segments are {VERDICTS[row['verdict']][0]}; {_word_silhouette(row)}."


def explain_verdict(candidates: pd.DataFrame) -> str:
    """Say what the verdict on the chosen segments means.

    Args:
        candidates: `segmentation_candidates`; one row per specification and k.

    Returns:
        One sentence.
    """
    return f"{upper_first(VERDICTS[chosen_candidate(candidates)['verdict']][1])}."


def tell_pinned(candidates: pd.DataFrame) -> str:
    """Say that the parameters chose the segments and not the rule; empty where the rule did."""
    if chosen_candidate(candidates)["by_rule"]:
        return ""
    return "These segments are pinned by the parameters; the declared rule would not take them."


def explain_steadiness(candidates: pd.DataFrame, reproducible_from: float) -> str:
    """Tell how far the chosen segments come back when the households change a little.

    Args:
        candidates: `segmentation_candidates`; one row per specification and k.
        reproducible_from: Smallest 10 % quantile of the adjusted Rand index that counts as
            reproducible.

    Returns:
        One sentence.
    """
    row = chosen_candidate(candidates)
    return (
        "Segments formed on two bootstrap samples, the whole procedure refitted on each, agree "
        f"with a median adjusted Rand index of {two_decimals(row['pipeline_ari_median'])}, where 1 "
        f"is full agreement; nine pairs in ten reach {two_decimals(row['pipeline_ari_q10'])}, and "
        f"{two_decimals(reproducible_from)} counts as reproducible."
    )


def explain_nulls(candidates: pd.DataFrame) -> str:
    """Tell how the chosen segments compare with those of simulated households.

    Args:
        candidates: `segmentation_candidates`; one row per specification and k.

    Returns:
        One or more sentences with the null excess; says so where there was no comparison.
    """
    row = chosen_candidate(candidates)
    if pd.isna(row["null_excess"]):
        return "The chosen segments were not compared with those of simulated households."
    excess = row["null_excess"]
    told = [
        f"{name} {three_decimals(row[measure])} against {three_decimals(row[beyond])} "
        f"({'passed' if row[measure] > row[beyond] else 'not passed'})"
        for name, measure, beyond in (
            ("adjusted Rand index", "global_ari_median", f"null_{COPULA}_ari_q95"),
            ("silhouette", "silhouette", f"null_{COPULA}_silhouette_q95"),
        )
    ]
    return (
        "On fixed scores the median adjusted Rand index is "
        f"{two_decimals(row['global_ari_median'])}, {two_decimals(abs(excess))} "
        f"{'less' if excess < 0 else 'more'} than with every score shuffled on its own; "
        f"{percent(row[f'null_{PERMUTED}_share'])} of the shuffled data sets are at least as "
        "steady. To be called natural, the segments must pass the 95% quantile of simulated "
        "households with the "
        f"same rank correlations in both measures: {listing(told)}."
    )


def judge_separation(candidates: pd.DataFrame) -> str:
    """Say how far apart the chosen segments lie, in the words of Kaufman and Rousseeuw (1990)."""
    row = chosen_candidate(candidates)
    return (
        f"Kaufman and Rousseeuw's words for the average silhouette of these {row['k']} segments, "
        f"{two_decimals(row['silhouette'])}: {_word_silhouette(row)}"
    )


def _word_silhouette(row: pd.Series) -> str:
    shown = float(two_decimals(row["silhouette"]))
    return next(text for least, text in SILHOUETTE_WORDS if shown >= least)


def explain_rule(candidates: pd.DataFrame, finalists: int) -> str:
    """Tell how the declared rule came to its first place.

    Args:
        candidates: `segmentation_candidates`; one row per specification and k.
        finalists: How many of the solutions that tie for the first place the rule compares.

    Returns:
        Sentences: the admissible solutions, the ties, and what decided.
    """
    tied, solutions = find_tied(candidates), counted(len(candidates), "solution")
    if tied.empty:
        return f"The declared rule admits none of {solutions}."
    admissible = candidates["admissible"].sum()
    if admissible == 1:
        return f"Of {solutions}, the declared rule admits one, so there was nothing to rank."
    start = (
        f"Of {solutions}, the declared rule admits {whole(admissible)} and ranks them by the 10% "
        "quantile of the adjusted Rand index, the whole procedure refitted."
    )
    if len(tied) == 1:
        return f"{start} No other comes within Monte Carlo error of the first."
    compared = min(len(tied), finalists)
    return (
        f"{start} {whole(len(tied))} tie for the first place within Monte Carlo error; of the best "
        f"{whole(compared)}, the finalists, the one that exceeds shuffled scores most wins, then "
        "the one with fewer segments."
    )


def tell_barred(candidates: pd.DataFrame) -> str:
    """Tell how many solutions the personas alone keep from being chosen, and the steadiest of them.

    Args:
        candidates: `segmentation_candidates`, with specifications named for people; one row per
            specification and k.

    Returns:
        One sentence.
    """
    barred = candidates[candidates["barred_by_personas"]]
    if barred.empty:
        return "The personas keep no solution from being chosen that meets all other demands."
    best = barred.iloc[int(barred["pipeline_ari_q10"].to_numpy().argmax())]
    return (
        f"The personas alone bar {counted(len(barred), 'solution')}; the steadiest of them is "
        f"{best['k']} segments by “{best['specification']}” (10% quantile "
        f"{two_decimals(best['pipeline_ari_q10'])}). So the number of segments follows from the "
        "personas, not from the data alone."
    )


def compare_indices(candidates: pd.DataFrame) -> str:
    """Tell which number of segments each index prefers within the chosen specification.

    Args:
        candidates: `segmentation_candidates` of the chosen specification; one row per k.

    Returns:
        One sentence.
    """
    told = [f"{name} {number}" for name, number in prefer_by_index(candidates).items()]
    return (
        f"Indices that do not ask for personas prefer, of {candidates['k'].min()} to "
        f"{candidates['k'].max()} segments by the chosen specification: {listing(told)}."
    )


def prefer_by_index(candidates: pd.DataFrame) -> dict[str, int]:
    """The number of segments that each index prefers.

    Args:
        candidates: `segmentation_candidates` of one specification; one row per k.

    Returns:
        The number by name of the index.
    """
    table = candidates.set_index("k").sort_index()
    places = {
        "silhouette": int(table["silhouette"].to_numpy().argmax()),
        "Calinski-Harabasz": int(table["calinski_harabasz"].to_numpy().argmax()),
        "Davies-Bouldin": int(table["davies_bouldin"].to_numpy().argmin()),
        "gap": _choose_by_gap(table),
    }
    return {name: int(table.index[place]) for name, place in places.items()}


def _choose_by_gap(table: pd.DataFrame) -> int:
    """The place of the first gap that reaches the next one less its standard error; or the last."""
    gap, error = table["gap"].to_numpy(), table["gap_se"].to_numpy()
    reach = np.append(gap[:-1] >= gap[1:] - error[1:], np.True_)
    return int(reach.argmax())


def explain_choice(candidates: pd.DataFrame) -> str:
    """Put the rule's choice and the solution of the report side by side.

    Args:
        candidates: `segmentation_candidates`, with specifications named for people; one row per
            specification and k.

    Returns:
        One or two sentences.
    """
    chosen, ruled = chosen_candidate(candidates), candidates[candidates["by_rule"]]
    if ruled.empty:
        return f"The parameters pin {_describe(chosen)}; {_place(chosen)}."
    first = ruled.iloc[0]
    start = f"The rule's choice is {_describe(first)}"
    if first["chosen"]:
        return f"{start}. It is the solution of this report; no parameter pins another."
    return f"{start}. The parameters pin another: {_describe(chosen)}; {_place(chosen)}."


def warn_of_few_households(candidates: pd.DataFrame, least: float) -> list[str]:
    """Warn where there are few households for the number of variables.

    Args:
        candidates: `segmentation_candidates`; the chosen row's households per variable count.
        least: Households per variable below which a warning is due; the default follows Dolnicar,
            Grün and Leisch (2016), Increasing sample size compensates for data problems in
            segmentation studies.

    Returns:
        One sentence, or none.
    """
    held = chosen_candidate(candidates)["households_per_variable"]
    if held >= least:
        return []
    warning = (
        f"Warning: the chosen segments rest on {whole(held)} households per variable, fewer than "
        f"the {whole(least)} that are advised; take the segments as a first sketch."
    )
    return [warning]


def _describe(row: pd.Series) -> str:
    figures = [
        f"10% quantile {two_decimals(row['pipeline_ari_q10'])}",
        f"Monte Carlo error {row['ari_mc_error']:.3f}",
        f"smallest segment {percent(row['smallest_share'])}",
    ]
    if pd.notna(row["null_excess"]):
        figures.append(f"excess over shuffled scores {two_decimals(row['null_excess'])}")
    return f"{row['k']} segments by “{row['specification']}” ({', '.join(figures)})"


def _place(row: pd.Series) -> str:
    if row["admissible"]:
        return f"the rule gives it rank {row['rank']}"
    return f"the rule does not admit it: {row['reason']}"
