"""What a reader should remember of each segment: the persona cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from customer_segmentation.findings.demographics import (
    NOTABLE,
    order_by_magnitude,
    select_surviving,
)
from customer_segmentation.findings.means import (
    Mean,
    is_beyond,
    locate_means,
    measure_mean,
    print_mean,
    print_total,
)
from customer_segmentation.findings.membership import STEADY
from customer_segmentation.findings.segments import clear_of_total
from customer_segmentation.findings.stability import word_stability
from customer_segmentation.findings.wording import (
    Row,
    listing,
    lower_first,
    percent,
    printer_of,
    two_decimals,
)
from customer_segmentation.panel.codebook import Codebook, Variable
from customer_segmentation.segments.naming import Criterion, Naming

MOST_TOLD = 2  # facts in one sentence


@dataclass(frozen=True)
class Fact:
    """One thing that sets a segment apart.

    Attributes:
        label: What was measured.
        value: The segment's mean, the range of its bounds, or the share of a code, with its unit.
        total: The same of all eligible households.
        higher: Whether the segment's is the larger of the two.
        rivals: Other segments, with their values, that lie on the same side of the total and not
            clearly nearer to it; empty if the segment has that for itself.
        interval: The 95 % interval of the segment's mean, as text; empty for the share of a code.
    """

    label: str
    value: str
    total: str
    higher: bool
    rivals: str = ""
    interval: str = ""


@dataclass(frozen=True)
class Card:
    """What a reader should remember of one segment.

    Attributes:
        segment: Its name.
        households: How many formed it, as text.
        share: Their share of all that formed segments, as text.
        interval: The 95 % interval of that share, as text; empty where there is none.
        thin: How many households with a thin record were assigned to it, as text.
        facts: What sets it apart from all, the most telling first.
        parted: What parts it most from the segment that its households lie next nearest to.
        bought: What it buys more or less of than all, the most telling first.
        offer: What the parameters propose to send to it; empty where they propose nothing.
        certainty: How surely the segment, and its households, are found again.
        rule: Why it has its name, in words.
    """

    segment: str
    households: str
    share: str
    interval: str
    thin: str
    facts: Sequence[Fact]
    parted: str
    bought: Sequence[Fact]
    offer: str
    certainty: str
    rule: str


def introduce(card: Card) -> str:
    """Say in one sentence how large a segment is and what sets it apart most.

    Args:
        card: The segment's card.

    Returns:
        One sentence, with what parts it from its neighbour; a segment that nothing sets apart has
        its size only.
    """
    told = [
        f"{lower_first(fact.label)} {fact.value} "
        f"(all: {fact.total}{f'; {fact.rivals}' if fact.rivals else ''})"
        for fact in card.facts[:MOST_TOLD]
    ]
    interval = f", 95% interval {card.interval}" if card.interval else ""
    size = f"{card.segment} ({card.share} of the households{interval})"
    if not told:
        return f"{size}: nothing clearly sets them apart."
    return f"{size}: {'; '.join([listing(told), card.parted])}."


def tell_nearest(
    segment: str, nearest: str, variables: Sequence[str], profiles: pd.DataFrame, codebook: Codebook
) -> str:
    """Say what parts a segment most from the one that its households lie next nearest to.

    Args:
        segment: The segment.
        nearest: The other.
        variables: The variables that may be named.
        profiles: `segment_profiles`; one row per segment and variable.
        codebook: Names and bounds.

    Returns:
        A part of a sentence, with both means.
    """
    parted = _find_parting(segment, nearest, variables, profiles)
    facing = _face(parted, segment, nearest, profiles, codebook)
    return f"they differ from {nearest}, the nearest segment, most in {facing}"


def describe_people(
    segment: str,
    descriptors: pd.DataFrame,
    demographics: pd.DataFrame,
    profiles: pd.DataFrame,
    codebook: Codebook,
) -> list[Fact]:
    """Find who the households of a segment are, as far as the data say.

    Args:
        segment: The segment.
        descriptors: `segment_descriptors`; only links that survive Holm's correction are told.
        demographics: `segment_demographics`; one row per segment, descriptor and code.
        profiles: `segment_profiles`, for descriptors that are counts.
        codebook: Names of descriptors.

    Returns:
        At most one fact per descriptor, the strongest link first: the code that lies farthest
        from what independence would give, where its residual is notable, or a mean that clearly
        differs from the total.
    """
    names = order_by_magnitude(select_surviving(descriptors))["descriptor"]
    own = demographics[demographics["segment"] == segment]
    found = (
        _find_code(own[own["variable"] == name], codebook[name])
        if codebook[name].scale.is_coded
        else next(iter(set_apart(profiles, segment, [name], codebook, 1)), None)
        for name in names
    )
    return [fact for fact in found if fact is not None]


def judge_certainty(stability: Row, agreement: Row) -> str:
    """Say how surely a segment and its households are found again in new samples.

    Args:
        stability: The segment's row of `segment_stability`.
        agreement: Its row of `membership.summarise_agreement`.

    Returns:
        Two sentences.
    """
    jaccard = stability["slsw_median"]
    return (
        f"In new samples {word_stability(jaccard)} (median Jaccard similarity "
        f"{two_decimals(jaccard)}). {percent(agreement['steady'])} of its households get this "
        f"segment in at least {percent(STEADY)} of the bootstrap solutions."
    )


def print_interval(stability: Row) -> str:
    """The 95 % interval of a segment's share as text: 17% to 26%.

    Args:
        stability: The segment's row of `segment_stability`.

    Returns:
        Empty where there is no interval.
    """
    if pd.isna(stability["share_low"]):
        return ""
    return f"{percent(stability['share_low'])} to {percent(stability['share_high'])}"


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
    own = clear_of_total(profiles[profiles["segment"] == segment]).set_index("variable")
    distances = own["standardised_mean"].abs().sort_values(ascending=False, kind="stable")
    ordered = [str(name) for name in distances.index if name in set(variables)]
    facts = (
        _fact(segment, locate_means(profiles, name, codebook), codebook[name]) for name in ordered
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
    further = [
        _face(c.variable, rival, segment, profiles, codebook)
        for c in signature
        if is_beyond(means[c.variable][rival], means[c.variable][segment], c.sign)
    ]
    parted = _find_parting(rival, segment, compared, profiles)
    beyond = f", even further in {listing(further)}" if further else ""
    return (
        f"This rule also fits {rival}{beyond}; names go by the best joint matching of all rules. "
        f"What parts the two most: {_face(parted, rival, segment, profiles, codebook)}."
    )


def _find_parting(one: str, other: str, variables: Sequence[str], profiles: pd.DataFrame) -> str:
    """The variable in which two segments lie farthest apart, in standard deviations."""
    means = profiles.pivot_table(index="variable", columns="segment", values="standardised_mean")
    distances = (means[one] - means[other]).abs()
    return str(distances.loc[list(variables)].idxmax())


def _face(variable: str, one: str, other: str, profiles: pd.DataFrame, codebook: Codebook) -> str:
    """Set two segments side by side: repeat rate (46% against 78%)."""
    about, means = codebook[variable], locate_means(profiles, variable, codebook)
    own, against = (print_mean(means[each], printer_of(about)) for each in (one, other))
    return f"{lower_first(about.title)} ({own} against {against})"


def _criterion(criterion: Criterion, codebook: Codebook) -> str:
    side = "above" if criterion.level == "high" else "below"
    deviations = "standard deviation" if criterion.minimum == 1 else "standard deviations"
    beyond = f", {side} every other segment" if criterion.foremost else ""
    label = lower_first(codebook[criterion.variable].title)
    low, high = codebook.bounds_of(criterion.variable)
    middle = "" if low == high else ", in the middle,"
    return f"{label}{middle} at least {criterion.minimum:g} {deviations} {side} the total{beyond}"


def _fact(segment: str, means: Mapping[str, Mean], about: Variable) -> Fact | None:
    mean, show = means[segment], printer_of(about)
    if mean.low <= mean.total_high and mean.high >= mean.total_low:
        return None
    side = 1 if mean.low > mean.total_high else -1
    rivals = [
        f"{name}: {print_mean(other, show)}"
        for name, other in means.items()
        if name != segment
        and (other.low > other.total_high if side > 0 else other.high < other.total_low)
        and not is_beyond(mean, other, side)
    ]
    return Fact(
        label=about.title,
        value=measure_mean(mean, about),
        total=print_total(mean, show),
        higher=side > 0,
        rivals=", ".join(rivals),
        interval=f"{show(mean.sure_low)} to {show(mean.sure_high)}",
    )


def _find_code(codes: pd.DataFrame, about: Variable) -> Fact | None:
    distances = codes["residual"].abs()
    if not (distances >= NOTABLE).any():
        return None
    row = codes.iloc[int(distances.argmax())]
    return Fact(
        label=about.title,
        value=f"{row['label']}, {percent(row['share'])}",
        total=percent(row["total_share"]),
        higher=row["residual"] > 0,
    )
