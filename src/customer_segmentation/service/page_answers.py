"""An answer in words and pictures for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.findings.wording import (
    counted,
    inside,
    listing,
    lower_first,
    percent,
    percent_1,
    printer_of,
    sample,
    signed_decimals,
    two_decimals,
)
from customer_segmentation.panel.codebook import Codebook, Field, Role
from customer_segmentation.scorer.champions import Evidence
from customer_segmentation.scorer.routes import Assignment, Guess, Reasons, Route
from customer_segmentation.scorer.scoring import Scores
from customer_segmentation.typing_tool.audit import Claim

BY_DEFINITION = (
    "The rule that formed the segments answers by itself. It is right by definition, so there is "
    "no accuracy to quote."
)
NOT_MEASURED = "How often such answers are right was not measured."
OF_LOG_ODDS = "centred log-odds"
OF_DISTANCES = "squared units of the scores"
ALMOST_NOTHING = 0.005  # prints as 0% or, from 1, as 100%


@dataclass(frozen=True)
class Bar:
    """One segment in a picture of all.

    Attributes:
        segment: The segment.
        colour: Its colour, as #RRGGBB.
        length: In [0, 1], of the longest bar there may be.
        shown: The number in words.
        is_answer: Whether the household belongs to it, as far as is known.
        is_possible: Whether it cannot be ruled out.
    """

    segment: str
    colour: str
    length: float
    shown: str
    is_answer: bool
    is_possible: bool


@dataclass(frozen=True)
class Term:
    """One reason.

    Attributes:
        label: What it is about.
        value: What is known of it; empty for a score.
        length: In [-1, 1], of the longest bar there may be; negative where it speaks against.
        shown: The number in words, with its sign.
    """

    label: str
    value: str
    length: float
    shown: str


@dataclass(frozen=True)
class Picture:
    """A picture of the reasons.

    Attributes:
        title: What it shows, in a sentence.
        unit: In which unit, of how many households.
        reading: How it is read.
        terms: The reasons, the strongest first.
        most: How many of them are drawn by themselves.
        others: The sum of the others; None where all are drawn.
    """

    title: str
    unit: str
    reading: str
    terms: Sequence[Term]
    most: int
    others: Term | None


@dataclass(frozen=True)
class Answer:
    """What is said of one household.

    Attributes:
        segment: Its segment, as far as is known.
        colour: The segment's colour.
        claim: What kind of answer it is.
        information_set: What it rests on.
        known: The same in words.
        chance: The probability of the segment, in words.
        bars: The probability of every segment.
        evidence: How good such answers are.
        possible: Which segments cannot be ruled out; empty for an assignment.
        record: What the number of purchases means for it; empty where nothing needs to be said.
        picture: The reasons.
        distances: How far away the centre of each segment is, the nearest first; only of an
            assignment.
    """

    segment: str
    colour: str
    claim: Claim
    information_set: str
    known: str
    chance: str
    bars: Sequence[Bar]
    evidence: str
    possible: str
    record: str
    picture: Picture
    distances: Sequence[Bar]


def describe_answer(scores: Scores, reporting: ReportingParameters) -> Answer:
    """Say what is known of one household.

    Args:
        scores: The answer about the household, and about no other.
        reporting: Names and colours.
    """
    bundle = scores.bundle
    route = bundle.routes[int(scores.routes[0])]
    segment = bundle.segments[int(scores.segments[0])]
    colours = reporting.colours(bundle.segments)
    bars = _draw_probabilities(scores, colours)
    reasons = cast(Reasons, scores.explain()[0])  # there is an answer, so there are reasons
    return Answer(
        segment=segment,
        colour=colours[segment],
        claim=route.claim,
        information_set=route.information_set,
        known=inside(route.information_set, reporting.labels),
        chance=next(bar.shown for bar in bars if bar.is_answer),
        bars=bars,
        evidence=tell_evidence(route),
        possible=_tell_set(bars, route),
        record=_tell_record(scores, route),
        picture=_draw_reasons(reasons, segment, scores, route, reporting),
        distances=_draw_distances(reasons, scores, colours),
    )


def tell_evidence(route: Route) -> str:
    """Say how good the answers of a route are."""
    if isinstance(route, Assignment):
        return BY_DEFINITION
    evidence = route.champion.evidence
    if evidence is None:
        return NOT_MEASURED
    interval = f"{percent_1(evidence.accuracy_low)} to {percent_1(evidence.accuracy_high)}"
    return (
        f"Of {counted(evidence.households, 'household')} with a known segment, such answers were "
        f"right for {percent_1(evidence.accuracy)} (interval {interval}). Always naming the "
        f"largest segment is right for {percent_1(evidence.majority)}{_compare(evidence)}."
    )


def tell_accuracy(route: Route) -> str:
    """Say the same in a few words."""
    if isinstance(route, Assignment):
        return "Right by definition"
    evidence = route.champion.evidence
    if evidence is None:
        return "Not measured"
    right, largest = percent_1(evidence.accuracy), percent_1(evidence.majority)
    return f"Right for {right}; always naming the largest segment: {largest}"


def _compare(evidence: Evidence) -> str:
    if evidence.accuracy_low > evidence.majority:
        return ", which is less than the whole interval"
    if evidence.accuracy_high < evidence.majority:
        return ", which is more than the whole interval: do not rely on this answer"
    return ", which lies in the interval: such answers are not shown to be better"


def _draw_probabilities(scores: Scores, colours: Mapping[str, str]) -> list[Bar]:
    names, held = scores.bundle.segments, scores.form_sets()[0]
    shares, answer = scores.probabilities[0].tolist(), int(scores.segments[0])
    return [
        Bar(name, colour, shares[at], _show_probability(shares[at]), at == answer, bool(held[at]))
        for name, colour in colours.items()
        for at in [names.index(name)]
    ]


def _show_probability(share: float) -> str:
    """Only what is certain is printed as 0% or 100%."""
    if 0 < share < ALMOST_NOTHING:
        return "under 1%"
    return "over 99%" if 1 - ALMOST_NOTHING < share < 1 else percent(share)


def _tell_set(bars: Sequence[Bar], route: Route) -> str:
    if isinstance(route, Assignment):
        return ""
    possible = [bar.segment for bar in bars if bar.is_possible]
    return f"{_name_set(possible, len(bars))} {_tell_coverage(route, len(bars))}"


def _name_set(possible: Sequence[str], segments: int) -> str:
    if len(possible) == segments:
        return "No segment can be ruled out: what is known says too little about this household."
    if len(possible) == 1:
        return f"Only {possible[0]} is left; the other segments are ruled out."
    return f"{listing(possible)} cannot be ruled out."


def _tell_coverage(route: Guess, segments: int) -> str:
    evidence = route.champion.evidence
    if evidence is None:
        return "How often such sets hold the right segment was not measured."
    return (
        f"Sets formed in this way held the right segment for {percent_1(evidence.coverage)} of "
        f"{counted(evidence.households, 'household')}, and {two_decimals(evidence.set_size)} of "
        f"{segments} segments on average."
    )


def _tell_record(scores: Scores, route: Route) -> str:
    bundle, (thin,) = scores.bundle, scores.thin_records
    codebook, fewest = bundle.codebook, bundle.segmenter.minimum_transactions
    asked = codebook[codebook.column(Role.TRANSACTIONS)]
    flag = codebook[codebook.column(Role.THIN_RECORD)]
    counts = lower_first(asked.label)
    if thin == 1:
        return f"{flag.label}: fewer than {fewest} {counts}. {flag.note}"
    if np.isnan(thin) and isinstance(route, Guess):
        return (
            f"The figures are those of households with at least {fewest} {counts}. Whether this is "
            "one of them is not known."
        )
    return ""


def _draw_reasons(
    reasons: Reasons, segment: str, scores: Scores, route: Route, reporting: ReportingParameters
) -> Picture:
    values = reasons.contributions
    known = _show_known(scores, route)
    order = np.argsort(-np.abs(values), kind="stable").tolist()
    labels = [_label(name, scores.bundle.codebook, reporting) for name in route.terms]
    # A single one that is left over takes no more room by itself.
    most = len(order) if len(order) <= reporting.fields_shown + 1 else reporting.fields_shown
    rest = float(values[order[most:]].sum())
    widest = max(float(np.abs(values).max()), abs(rest)) or 1.0
    terms = [
        Term(labels[at], known[at], float(values[at]) / widest, signed_decimals(values[at]))
        for at in order
    ]
    others = Term(
        f"The other {len(order) - most} answers", "", rest / widest, signed_decimals(rest)
    )
    second = None if reasons.second is None else scores.bundle.segments[reasons.second]
    return Picture(
        title=_title_reasons(terms, segment, second),
        unit=f"in {OF_DISTANCES if second else OF_LOG_ODDS}; {sample(1)}",
        reading=_explain_reasons(segment, second),
        terms=terms,
        most=most,
        others=others if most < len(order) else None,
    )


def _label(name: str, codebook: Codebook, reporting: ReportingParameters) -> str:
    """What a term is called; the part of a composition says little without the whole."""
    if name not in codebook:
        return reporting.label(name)
    variable = codebook[name]
    group = codebook.group(variable.group) if isinstance(variable, Field) else None
    if group is None or group.sums_to is None:
        return variable.label
    return f"{variable.title} ({lower_first(group.label)})"


def _show_known(scores: Scores, route: Route) -> list[str]:
    """What is known of each term, in words; nothing of the segmenter's scores."""
    if isinstance(route, Assignment):
        return [""] * len(route.terms)
    codebook = scores.bundle.codebook
    derived = route.inputs.derive(scores.households.values)
    return [_show_value(float(derived[name][0]), name, codebook) for name in route.terms]


def _show_value(value: float, name: str, codebook: Codebook) -> str:
    variable = codebook[name]
    if np.isnan(value):
        return "not stated"
    if isinstance(variable, Field) and variable.codes:
        return variable.codes[int(value)]
    if isinstance(variable, Field) and variable.is_whole:
        return f"{value:,.0f} {variable.unit}".strip()
    return f"{printer_of(variable)(value)} {variable.unit.removeprefix('share ')}".strip()


def _title_reasons(terms: Sequence[Term], segment: str, second: str | None) -> str:
    speaking = [term for term in terms if any(digit in term.shown for digit in "123456789")]
    side = f"{segment} over {second}" if second else segment
    if not speaking:
        return f"Nothing that is known speaks for or against {side}"
    first = speaking[0]
    word = "for" if first.length > 0 else "against"
    told = f"{first.label} speaks most {word} {side}"
    turn = next((term for term in speaking if (term.length > 0) != (first.length > 0)), None)
    return (
        f"{told}; most {'for' if turn.length > 0 else 'against'} it: {turn.label}" if turn else told
    )


def _explain_reasons(segment: str, second: str | None) -> str:
    if second:
        return (
            f"By how much the household is nearer to the centre of {segment} than to that of "
            f"{second}, the second nearest, score by score. Right of the line speaks for "
            f"{segment}, left against."
        )
    return (
        f"What each answer adds to the {OF_LOG_ODDS} of {segment} (SHAP values), beside a "
        f"household of which nothing is known. Right of the line speaks for {segment}, left "
        "against. It shows what moves this answer, not what makes a household buy as it does."
    )


def _draw_distances(reasons: Reasons, scores: Scores, colours: Mapping[str, str]) -> list[Bar]:
    names, answer = scores.bundle.segments, int(scores.segments[0])
    nearest_first = np.argsort(reasons.distances, kind="stable").tolist()
    return [
        Bar(
            segment=names[at],
            colour=colours[names[at]],
            length=reasons.distances[at] / max(reasons.distances),
            shown=two_decimals(reasons.distances[at]),
            is_answer=at == answer,
            is_possible=at == answer,
        )
        for at in nearest_first
    ]
