"""What the tables say about the segments themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from customer_segmentation.findings.means import (
    Mean,
    find_leader,
    is_beyond,
    locate_means,
    measure_mean,
    print_mean,
    print_range,
    print_total,
)
from customer_segmentation.findings.wording import (
    Printer,
    counted,
    listing,
    lower_first,
    percent,
    printer_of,
    sample,
    upper_first,
    whole,
)
from customer_segmentation.panel.codebook import Codebook, Variable
from customer_segmentation.segments.personas import Criterion, Naming


@dataclass(frozen=True)
class Fact:
    """One thing that sets a segment apart.

    Attributes:
        label: What was measured.
        value: The segment's mean, or the range of its bounds, with its unit.
        total: The same of all eligible households.
        higher: Whether the segment's is the larger of the two.
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
        rule: Why it has its name, in words.
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
        if leader := find_leader(means, printer_of(about)):
            fact = f"{lower_first(about.title)} {measure_mean(means[leader], about)}"
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
        One sentence with every mean, its 95 % interval or its bounds, the highest first; it names
        the highest segment only where the intervals do not meet.
    """
    about = codebook[variable]
    show, means = printer_of(about), locate_means(profiles, variable, codebook)
    label = f"{about.label} ({about.unit})" if about.unit else about.label
    ordered = sorted(means.items(), key=lambda item: item[1].high, reverse=True)
    told = [f"{segment} {_with_interval(mean, show)}" for segment, mean in ordered]
    stating = sum(mean.n for mean in means.values())
    who = counted(stating, "eligible household")
    all_of_them = f"all {who}" if stating == _households(profiles) else f"the {who} that state it"
    leader = find_leader(means, show)
    verdict = f"{leader} clearly highest" if leader else "no segment clearly highest"
    against = f"against {print_total(ordered[0][1], show)} in {all_of_them}"
    return f"{label}: {listing(told)}, {against}; {verdict}."


def find_largest_gap(profiles: pd.DataFrame, variables: Sequence[str], codebook: Codebook) -> str:
    """Say where a segment's mean share clearly lies farthest from the total.

    Args:
        profiles: `segment_profiles`; shares in [0, 1].
        variables: The shares compared; each known exactly.
        codebook: Names.

    Returns:
        One title, without the full stop.
    """
    shown = _clear_of_total(profiles[profiles["variable"].isin(variables)])
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
    """Say how far the index to the total of the first of some variables goes, and who leads.

    Args:
        profiles: `segment_profiles`; one row per segment and variable.
        variables: The variables, the one that is told first.
        codebook: Names and bounds.

    Returns:
        One title, without the full stop.
    """
    about = codebook[variables[0]]
    index = profiles[profiles["variable"] == about.name].set_index("segment")["index_to_total"]
    leader = find_leader(locate_means(profiles, about.name, codebook), printer_of(about))
    verdict = f"clearly highest for {leader}" if leader else "no segment clearly highest"
    return (
        f"{upper_first(about.label)}: {verdict}; index "
        f"{print_range(index.min(), index.max(), whole)}, where 100 is the mean of "
        f"{counted(_households(profiles), 'household')}"
    )


def set_apart(
    profiles: pd.DataFrame, segment: str, variables: Sequence[str], codebook: Codebook, number: int
) -> list[Fact]:
    """Find the variables in which a segment clearly differs most from the total.

    Args:
        profiles: `segment_profiles`; `standardised_mean` is the distance from the total in standard
            deviations.
        segment: The segment.
        variables: The variables that may be named.
        codebook: Names, units and bounds.
        number: How many facts are wanted at most.

    Returns:
        The facts, the largest difference in standard deviations first. A variable whose total lies
        inside the 95 % interval of the segment's mean, or whose bounds meet those of the total, is
        no fact.
    """
    own = _clear_of_total(profiles[profiles["segment"] == segment]).set_index("variable")
    distances = own["standardised_mean"].abs().sort_values(ascending=False, kind="stable")
    ordered = [str(name) for name in distances.index if name in set(variables)]
    facts = (
        _fact(locate_means(profiles, name, codebook)[segment], codebook[name]) for name in ordered
    )
    return [fact for fact in facts if fact is not None][:number]


def explain_rule(segment: str, profiles: pd.DataFrame, naming: Naming, codebook: Codebook) -> str:
    """Say in words why a segment has its name, and who else could have had it.

    Args:
        segment: The segment's name.
        profiles: `segment_profiles`; one row per segment and variable.
        naming: The personas and their signatures.
        codebook: Names of variables.

    Returns:
        The rule and a sentence on every other segment that also meets it; a segment that is no
        persona was numbered by its size, for the reason given.
    """
    personas = {persona.name: persona for persona in naming.personas}
    if segment not in personas:
        return _explain_number(profiles["segment"].nunique(), len(personas))
    signature = personas[segment].signature
    criteria = [_criterion(criterion, codebook) for criterion in signature]
    rivals = [name for name in _find_fitting(profiles, signature) if name != segment]
    compared = list(dict.fromkeys(c.variable for p in naming.personas for c in p.signature))
    told = (_tell_rival(segment, name, signature, compared, profiles, codebook) for name in rivals)
    return " ".join([f"Rule of the name, in means: {'; '.join(criteria)}.", *told])


def _explain_number(segments: int, personas: int) -> str:
    if not personas:
        return "Numbered by size: no persona is defined."
    if segments != personas:
        return f"Numbered by size: there are {segments} segments, but {personas} personas."
    return "Numbered by size: the segments do not show the personas' signatures clearly enough."


def _find_fitting(profiles: pd.DataFrame, signature: Sequence[Criterion]) -> list[str]:
    means = profiles.pivot_table(index="segment", columns="variable", values="standardised_mean")
    fits = pd.Series(data=True, index=means.index)
    for criterion in signature:
        signed = criterion.sign * means[criterion.variable]
        fits &= signed >= criterion.minimum
        fits &= (signed == signed.max()) | (not criterion.foremost)
    return [str(name) for name in fits.index[fits]]


def _tell_rival(
    segment: str,
    rival: str,
    signature: Sequence[Criterion],
    compared: Sequence[str],
    profiles: pd.DataFrame,
    codebook: Codebook,
) -> str:
    """Say where a segment that meets another's rule goes further, and what parts the two."""
    means = {name: locate_means(profiles, name, codebook) for name in compared}

    def against(name: str) -> str:
        show = printer_of(codebook[name])
        one, other = (print_mean(means[name][each], show) for each in (rival, segment))
        return f"{lower_first(codebook[name].title)} ({one} against {other})"

    further = [
        against(c.variable)
        for c in signature
        if is_beyond(means[c.variable][rival], means[c.variable][segment], c.sign)
    ]
    distances = profiles.pivot_table(
        index="variable", columns="segment", values="standardised_mean"
    ).loc[list(compared)]
    parted = str((distances[rival] - distances[segment]).abs().idxmax())
    beyond = f", even further in {listing(further)}" if further else ""
    return (
        f"This rule also fits {rival}{beyond}; names go by the best joint matching of all rules. "
        f"What parts the two most: {against(parted)}."
    )


def _criterion(criterion: Criterion, codebook: Codebook) -> str:
    side = "above" if criterion.level == "high" else "below"
    deviations = "standard deviation" if criterion.minimum == 1 else "standard deviations"
    beyond = f", {side} every other segment" if criterion.foremost else ""
    label = lower_first(codebook[criterion.variable].title)
    low, high = codebook.bounds_of(criterion.variable)
    middle = "" if low == high else ", in the middle,"
    return f"{label}{middle} at least {criterion.minimum:g} {deviations} {side} the total{beyond}"


def _fact(mean: Mean, about: Variable) -> Fact | None:
    if mean.low <= mean.total_high and mean.high >= mean.total_low:
        return None
    return Fact(
        label=about.title,
        value=measure_mean(mean, about),
        total=print_total(mean, printer_of(about)),
        higher=mean.low > mean.total_high,
    )


def _with_interval(mean: Mean, show: Printer) -> str:
    if show(mean.low) != show(mean.high):
        return print_mean(mean, show)
    return f"{show(mean.low)} ({show(mean.sure_low)} to {show(mean.sure_high)})"


def _clear_of_total(profiles: pd.DataFrame) -> pd.DataFrame:
    total = profiles["total_mean"]
    return profiles[(profiles["mean_low"] > total) | (profiles["mean_high"] < total)]


def _households(profiles: pd.DataFrame) -> float:
    # A variable that some households do not state has a smaller n than the segment.
    return float(profiles.groupby("segment")["n"].max().sum())
