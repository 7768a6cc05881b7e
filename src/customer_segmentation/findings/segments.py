"""What the tables say about the segments themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from customer_segmentation.findings.means import (
    Mean,
    find_leader,
    locate_means,
    measure_mean,
    print_mean,
    print_range,
    print_total,
)
from customer_segmentation.findings.wording import (
    Printer,
    counted,
    inside,
    listing,
    lower_first,
    percent,
    printer_of,
    sample,
    whole,
)
from customer_segmentation.panel.codebook import Codebook


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


def name_leaders(profiles: pd.DataFrame, variables: Sequence[str], codebook: Codebook) -> str:
    """Say which segment clearly has the highest mean of each variable.

    Args:
        profiles: `segment_profiles`; one row per segment and variable.
        variables: The variables, in the order of the sentence.
        codebook: Names, units and bounds.

    Returns:
        One title with n, without the full stop; segments that lead in several variables stand once,
        variables that nobody clearly leads at the end.
    """
    leads: dict[str, list[str]] = {}
    open_ones = []
    for name in variables:
        about, means = codebook[name], locate_means(profiles, name, codebook)
        leader, way = find_leader(means, printer_of(about)), ""
        if not leader:
            leader, way = _lead_by_either_bound(profiles, name, codebook), " by either bound"
        if leader:
            fact = f"{lower_first(about.title)} {measure_mean(means[leader], about)}{way}"
            leads.setdefault(leader, []).append(fact)
        else:
            open_ones.append(lower_first(about.title))
    parts = [f"{who} ({', '.join(facts)})" for who, facts in leads.items()]
    if open_ones:
        parts.append(f"no clear leader in {listing(open_ones)}")
    return f"Highest mean of households: {'; '.join(parts)}; {sample(_households(profiles))}"


def contrast(profiles: pd.DataFrame, variable: str, codebook: Codebook) -> str:
    """Say how far the segments' means of one variable lie apart.

    Args:
        profiles: `segment_profiles`; one row per segment and variable.
        variable: The variable.
        codebook: Names, units and bounds.

    Returns:
        One sentence with every mean or its bounds and the 95 % interval, the highest first; it
        names the highest and the lowest segment only where the intervals do not meet.
    """
    about = codebook[variable]
    show, means = printer_of(about), locate_means(profiles, variable, codebook)
    label = f"{about.label} ({about.unit})" if about.unit else about.label
    ordered = sorted(means.items(), key=lambda item: item[1].high, reverse=True)
    told = [f"{segment} {_with_interval(mean, show)}" for segment, mean in ordered]
    stating = sum(mean.n for mean in means.values())
    who = counted(stating, "eligible household")
    all_of_them = f"all {who}" if stating == _households(profiles) else f"the {who} that state it"
    against = f"against {print_total(ordered[0][1], show)} in {all_of_them}"
    ends = _name_ends(means, show)
    if not ends and (leader := _lead_by_either_bound(profiles, variable, codebook)):
        ends = f"{leader} clearly highest by either bound, though the ranges meet"
    return f"{label}: {listing(told)}, {against}; {ends or 'no segment clearly highest or lowest'}."


def _name_ends(means: Mapping[str, Mean], show: Printer) -> str:
    ends = {"highest": find_leader(means, show), "lowest": find_leader(means, show, -1)}
    told = [f"{name} clearly {end}" for end, name in ends.items() if name]
    return listing(told) if told else ""


def _lead_by_either_bound(profiles: pd.DataFrame, variable: str, codebook: Codebook) -> str | None:
    """The segment that leads by the lower bounds and by the upper, if it is the same."""
    show = printer_of(codebook[variable])
    leaders = {
        find_leader(locate_means(profiles, name, codebook), show)
        for name in codebook.bounds_of(variable)
    }
    return leaders.pop() if len(leaders) == 1 else None


def find_largest_gap(profiles: pd.DataFrame, variables: Sequence[str], codebook: Codebook) -> str:
    """Say where a segment's mean share clearly lies farthest from the total.

    Args:
        profiles: `segment_profiles`; shares in [0, 1].
        variables: The shares compared; each known exactly.
        codebook: Names.

    Returns:
        One title, without the full stop.
    """
    shown = clear_of_total(profiles[profiles["variable"].isin(variables)])
    gaps = (shown["mean"] - shown["total_mean"]).abs()
    if shown.empty or percent(gaps.max()) == percent(0):
        return f"No share differs clearly from the total ({sample(_households(profiles))})"
    row = shown.iloc[int(gaps.argmax())]
    label = lower_first(codebook[row["variable"]].label)
    return (
        f"Farthest from the total: {row['segment']} in {label}, {percent(row['mean'])} against "
        f"{percent(row['total_mean'])} for the mean household ({sample(_households(profiles))})"
    )


def compare_amounts(profiles: pd.DataFrame, variables: Sequence[str], codebook: Codebook) -> str:
    """Say in which of some variables the segments differ most and least, as an index to the total.

    Args:
        profiles: `segment_profiles`; one row per segment and variable.
        variables: The variables.
        codebook: Names.

    Returns:
        One title, without the full stop.
    """
    index = profiles.pivot_table(index="variable", columns="segment", values="index_to_total")
    index = index.loc[list(variables)]
    low, high = index.min(axis=1), index.max(axis=1)
    spread = high - low
    ends = {"farthest apart": str(spread.idxmax()), "closest": str(spread.idxmin())}
    told = [
        f"{end} in {lower_first(codebook[name].label)} "
        f"({print_range(float(low[name]), float(high[name]), whole)})"
        for end, name in ends.items()
    ]
    return (
        f"As an index, the segments’ means lie {', '.join(told[: len(variables)])}; 100 is the "
        f"mean of {counted(_households(profiles), 'household')}"
    )


def judge_map(points: pd.DataFrame, scores: Sequence[str], labels: Mapping[str, str]) -> str:
    """Say how many households lie nearer to the mean of another segment on a few of the scores.

    Args:
        points: One row per eligible household: segment and the scores.
        scores: The scores of the map.
        labels: Names of scores.

    Returns:
        One title with n, without the full stop.
    """
    named = [str(name) for name in dict.fromkeys(scores)]
    means = points.groupby("segment")[named].mean()
    distances = pd.DataFrame(
        {name: ((points[named] - mean) ** 2).sum(axis=1) for name, mean in means.iterrows()}
    )
    astray = (distances.idxmin(axis=1) != points["segment"]).mean()
    return (
        f"By {listing(inside(name, labels) for name in named)} alone, {percent(astray)} of the "
        f"households lie nearer to the mean of another segment; {sample(len(points))}"
    )


def _with_interval(mean: Mean, show: Printer) -> str:
    return f"{print_mean(mean, show)} ({show(mean.sure_low)} to {show(mean.sure_high)})"


def clear_of_total(profiles: pd.DataFrame) -> pd.DataFrame:
    """The rows of `segment_profiles` whose interval leaves out the total."""
    total = profiles["total_mean"]
    return profiles[(profiles["mean_low"] > total) | (profiles["mean_high"] < total)]


def _households(profiles: pd.DataFrame) -> float:
    # A variable that some households do not state has a smaller n than the segment.
    return float(profiles.groupby("segment")["n"].max().sum())
