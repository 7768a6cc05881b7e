"""An answer in words and pictures for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from customer_segmentation.classification.audit import Claim
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
        title: The same where it stands alone, as the part of a composition says little.
        value: What is known of it; empty for a score.
        size: What it adds; negative where it speaks against.
    """

    label: str
    title: str
    value: str
    size: float

    @property
    def shown(self) -> str:
        """What it adds, in words."""
        return signed_decimals(self.size)


@dataclass(frozen=True)
class Picture:
    """A picture of the reasons.

    Attributes:
        title: What it shows, in a sentence.
        unit: In which unit, of how many households.
        reading: How it is read.
        terms: All reasons, the strongest first.
        bars: What is drawn: the strongest of them, and the sum of the others.
    """

    title: str
    unit: str
    reading: str
    terms: Sequence[Term]
    bars: Sequence[Term]

    @property
    def widest(self) -> float:
        """The size of the longest bar; 1 where there is none."""
        return max(abs(bar.size) for bar in self.bars) or 1.0


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
    if 0 < share <= ALMOST_NOTHING:
        return "under 1%"
    return "over 99%" if 1 - ALMOST_NOTHING <= share < 1 else percent(share)


def _tell_set(bars: Sequence[Bar], route: Route) -> str:
    if isinstance(route, Assignment):
        return ""
    possible = [bar.segment for bar in bars if bar.is_possible]
    return f"{_name_set(possible, len(bars))} {_tell_coverage(route, len(bars))}"


def _name_set(possible: Sequence[str], segments: int) -> str:
    if len(possible) == segments:
        return "No segment can be ruled out: what is known says too little about this household."
    if len(possible) == 1:
        return f"Only {possible[0]} is left; the others are unlikely enough to leave out."
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
    second = None if reasons.second is None else scores.bundle.segments[reasons.second]
    terms = _list_terms(reasons, scores, route, reporting)
    return Picture(
        title=_title_reasons(terms[: reporting.fields_shown], segment, second),
        unit=f"in {OF_DISTANCES if second else OF_LOG_ODDS}; {sample(1)}",
        reading=_explain_reasons(segment, second),
        terms=terms,
        bars=_join_weak(terms, reporting.fields_shown),
    )


def _list_terms(
    reasons: Reasons, scores: Scores, route: Route, reporting: ReportingParameters
) -> list[Term]:
    """The reasons, the strongest first."""
    codebook = scores.bundle.codebook
    terms = []
    for name, known, size in zip(
        route.terms, _show_known(scores, route), reasons.contributions.tolist(), strict=True
    ):
        label = codebook[name].title if name in codebook else reporting.label(name)
        whole = _find_whole(name, codebook)
        terms.append(Term(label, f"{label} ({whole})" if whole else label, known, size))
    return sorted(terms, key=lambda term: -abs(term.size))


def _join_weak(terms: Sequence[Term], most: int) -> list[Term]:
    if len(terms) <= most + 1:  # a single one takes no more room by itself
        return list(terms)
    rest = f"The other {len(terms) - most} answers"
    return [*terms[:most], Term(rest, rest, "", sum(term.size for term in terms[most:]))]


def _find_whole(name: str, codebook: Codebook) -> str:
    """The composition that a field is a part of, for without it the part says little; else ""."""
    for group in codebook.compositions:
        if name in codebook.columns_of(group.name):
            return lower_first(group.label)
    return ""


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
    unit = variable.unit.removeprefix("share ")
    if whole := _find_whole(name, codebook):
        unit = f"of {whole}"
    return f"{printer_of(variable)(value)} {unit}".strip()


def _title_reasons(terms: Sequence[Term], segment: str, second: str | None) -> str:
    speaking = [term for term in terms if any(digit in term.shown for digit in "123456789")]
    side = f"{segment} over {second}" if second else segment
    if not speaking:
        return f"Nothing that is known speaks for or against {side}"
    first = speaking[0]
    told = f"{first.title} speaks most {_name_side(first)} {side}"
    other = next((term for term in speaking if _name_side(term) != _name_side(first)), None)
    return f"{told}; most {_name_side(other)}: {other.title}" if other else told


def _name_side(term: Term) -> str:
    return "for" if term.size > 0 else "against"


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
