"""What the tables say about the segments themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from customer_segmentation.findings.wording import (
    counted,
    highest,
    listing,
    lower_first,
    lowest,
    measured,
    percent,
    printer_of,
    sample,
    two_decimals,
    upper_first,
    whole,
)
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.segments.specification import Criterion, Naming

# Kaufman and Rousseeuw (1990), Finding Groups in Data, chapter 2: what an average silhouette means.
SILHOUETTE_WORDS = (
    (0.70, "lie far apart"),
    (0.50, "lie apart"),
    (0.25, "meet without clear gaps"),
    (-1.0, "have no gaps between them at all"),
)


@dataclass(frozen=True)
class Fact:
    """One thing that sets a segment apart.

    Attributes:
        label: What was measured.
        value: The segment's mean, with its unit.
        total: The mean of all eligible households.
        higher: Whether the segment's mean is the larger of the two.
    """

    label: str
    value: str
    total: str
    higher: bool


@dataclass(frozen=True)
class Card:
    """What a reader should remember of one segment.

    Attributes:
        segment: Its name.
        households: How many formed it, as text.
        share: Their share of all that formed segments, as text.
        thin: How many households with a thin record were assigned to it, as text.
        facts: What sets it apart, the most telling first.
        rule: The rule that named it, in words.
    """

    segment: str
    households: str
    share: str
    thin: str
    facts: Sequence[Fact]
    rule: str


def summarise_sizes(sizes: pd.DataFrame) -> str:
    """Say into which segments the eligible households fall, the largest first.

    Args:
        sizes: `segment_sizes`; one row per segment.

    Returns:
        One sentence.
    """
    parts = [
        f"{row['segment']} ({percent(row['share'])}, n\u00a0=\u00a0{row['households']:,})"
        for row in sizes.sort_values("households", ascending=False, kind="stable").to_dict(
            "records"
        )
    ]
    total = counted(sizes["households"].sum(), "household")
    return f"{total} fall into {counted(len(sizes), 'segment')}: {listing(parts)}."


def count_thin_records(sizes: pd.DataFrame) -> str:
    """Say how many households were typed without having formed the segments."""
    thin = sizes["thin_households"].sum()
    if not thin:
        return "Every household has enough purchases to show a buying style."
    each = [
        f"{row['thin_households']:.0f} as {row['segment']}"
        for row in sizes.to_dict("records")
        if row["thin_households"]
    ]
    return (
        f"Counted apart, because the purchase record is too thin to form segments: "
        f"{counted(thin, 'household')}, typed afterwards ({listing(each)}) and flagged."
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
    """Say how far apart the chosen segments lie, in the words of the silhouette's authors."""
    row = chosen_candidate(candidates)
    words = next(text for least, text in SILHOUETTE_WORDS if row["silhouette"] >= least)
    return f"The {row['k']} segments {words} (average silhouette {two_decimals(row['silhouette'])})"


def compare_numbers_of_segments(candidates: pd.DataFrame) -> str:
    """Say which numbers of segments are the steadiest and the best separated.

    Args:
        candidates: `segmentation_candidates`; the chosen row's specification is compared.

    Returns:
        One title, without the full stop.
    """
    row = chosen_candidate(candidates)
    table = candidates[candidates["specification"] == row["specification"]].set_index("k")
    steady = highest(table["global_ari_median"], two_decimals)
    apart = highest(table["silhouette"], two_decimals)
    best_ari, best_silhouette = table["global_ari_median"].max(), table["silhouette"].max()
    return (
        f"Of {table.index.min()} to {table.index.max()} segments, {row['k']} were chosen; "
        f"steadiest: {listing(steady)} (median adjusted Rand index {two_decimals(best_ari)}), "
        f"best separated: {listing(apart)} (silhouette {two_decimals(best_silhouette)})"
    )


def name_leaders(profiles: pd.DataFrame, variables: Sequence[str], codebook: Codebook) -> str:
    """Say which segment has the highest mean of each variable.

    Args:
        profiles: `segment_profiles`; one row per segment and variable.
        variables: The variables, in the order of the sentence.
        codebook: Names and units.

    Returns:
        One title with n, without the full stop; segments that lead in several variables stand once.
    """
    leads: dict[str, list[str]] = {}
    for name in variables:
        means = profiles[profiles["variable"] == name].set_index("segment")["mean"]
        leaders = highest(means, printer_of(codebook[name]))
        who = "all segments" if len(leaders) == len(means) else listing(leaders)
        fact = f"{lower_first(codebook[name].title)} {measured(means.max(), codebook[name])}"
        leads.setdefault(who, []).append(fact)
    parts = [f"{who} ({', '.join(facts)})" for who, facts in leads.items()]
    return f"Highest on average: {'; '.join(parts)}; {sample(_households(profiles))}"


def contrast(profiles: pd.DataFrame, variable: str, codebook: Codebook) -> str:
    """Say how far the segments' means of one variable lie apart.

    Returns:
        One sentence that names the highest and the lowest segment, or says that there is none.
    """
    about = codebook[variable]
    show = printer_of(about)
    means = profiles[profiles["variable"] == variable].set_index("segment")["mean"]
    label = f"{about.label} ({about.unit})" if about.unit else about.label
    if show(means.max()) == show(means.min()):
        return f"{label}: no difference, {show(means.max())} in every segment."
    middle = [f"{name} {show(mean)}" for name, mean in means.sort_values(ascending=False).items()]
    total = profiles.loc[profiles["variable"] == variable, "total_mean"].iloc[0]
    return f"{label}: {listing(middle)}, against {show(total)} in all eligible households."


def find_largest_gap(profiles: pd.DataFrame, variables: Sequence[str], codebook: Codebook) -> str:
    """Say where a segment's mean share lies farthest from the total.

    Args:
        profiles: `segment_profiles`; shares in [0, 1].
        variables: The shares compared.
        codebook: Names.

    Returns:
        One title, without the full stop.
    """
    shown = profiles[profiles["variable"].isin(variables)]
    gaps = (shown["mean"] - shown["total_mean"]).abs()
    row = shown.iloc[int(gaps.argmax())]
    if percent(gaps.max()) == percent(0):
        return f"No share differs from the total ({sample(_households(profiles))})"
    label = lower_first(codebook[row["variable"]].label)
    return (
        f"Farthest from the total: {row['segment']} in {label}, {percent(row['mean'])} against "
        f"{percent(row['total_mean'])} ({sample(_households(profiles))})"
    )


def compare_amounts(profiles: pd.DataFrame, variables: Sequence[str], codebook: Codebook) -> str:
    """Say who has the highest and lowest index to the total of the first of some variables.

    Returns:
        One title, without the full stop.
    """
    about = codebook[variables[0]]
    index = profiles[profiles["variable"] == about.name].set_index("segment")["index_to_total"]
    label = upper_first(about.label)
    if whole(index.max()) == whole(index.min()):
        return f"{label} does not differ between the segments (index {whole(index.max())})"
    return (
        f"{label}: {listing(highest(index, whole))} {whole(index.max())}, "
        f"{listing(lowest(index, whole))} {whole(index.min())}, where 100 is the mean of "
        f"{counted(_households(profiles), 'household')}"
    )


def set_apart(
    profiles: pd.DataFrame, segment: str, variables: Sequence[str], codebook: Codebook, number: int
) -> list[Fact]:
    """Find the variables in which a segment differs most from the total.

    Args:
        profiles: `segment_profiles`; `standardised_mean` is the distance from the total in standard
            deviations.
        segment: The segment.
        variables: The variables that may be named.
        codebook: Names and units.
        number: How many facts are wanted.

    Returns:
        The facts, the largest difference in standard deviations first.
    """
    own = profiles[(profiles["segment"] == segment) & profiles["variable"].isin(variables)]
    distance = own["standardised_mean"].abs()
    ordered = own.assign(distance=distance).sort_values("distance", ascending=False, kind="stable")
    return [_fact(row, codebook) for _, row in ordered.head(number).iterrows()]


def explain_rule(segment: str, naming: Naming, codebook: Codebook) -> str:
    """Say in words which rule gave a segment its name.

    Args:
        segment: The segment's name.
        naming: The personas and their signatures.
        codebook: Names of variables.

    Returns:
        One sentence; a segment that is no persona was numbered by its size.
    """
    for persona in naming.personas:
        if persona.name == segment:
            criteria = [_criterion(criterion, codebook) for criterion in persona.signature]
            return f"Rule of the name, in means: {'; '.join(criteria)}."
    return "Numbered by size: the segments match no rule of a name."


def _criterion(criterion: Criterion, codebook: Codebook) -> str:
    side = "above" if criterion.level == "high" else "below"
    deviations = "standard deviation" if criterion.minimum == 1 else "standard deviations"
    beyond = f", {side} every other segment" if criterion.foremost else ""
    label = lower_first(codebook[criterion.variable].title)
    return f"{label} at least {criterion.minimum:g} {deviations} {side} the total{beyond}"


def _fact(row: pd.Series, codebook: Codebook) -> Fact:
    about = codebook[row["variable"]]
    return Fact(
        label=about.title,
        value=measured(row["mean"], about),
        total=printer_of(about)(row["total_mean"]),
        higher=bool(row["mean"] > row["total_mean"]),
    )


def _households(profiles: pd.DataFrame) -> float:
    # A variable that some households do not state has a smaller n than the segment.
    return float(profiles.groupby("segment")["n"].max().sum())
