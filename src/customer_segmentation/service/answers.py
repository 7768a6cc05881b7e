"""Scores in the words of the API."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress, product, repeat
from typing import Any, NamedTuple

from customer_segmentation.panel.codebook import Role
from customer_segmentation.panel.contract import CHARACTERS_SHOWN, PROBLEMS_SHOWN, Problem
from customer_segmentation.scorer.bundle import ScoringBundle
from customer_segmentation.scorer.routes import Assignment, Reasons, Route
from customer_segmentation.scorer.scoring import NOBODY, Scores, score_households

Object = dict[str, Any]  # of JSON
Given = tuple[str, str, str]  # segment, claim, information set

NO_RECORD = {"field": None, "problem": "expected an object with a value for each field"}
OF_LOG_ODDS = (
    "centred log-odds: what the field adds to the log of the segment's probability, less the mean "
    "of that over all segments"
)
OF_DISTANCES = (
    "squared units of the scores: by how much the household is nearer to the segment's centre than "
    "to the centre of the segment it is compared with"
)


class Outcome(NamedTuple):
    """What is said of some records.

    Attributes:
        answers: The answer to each record that has one, by its index.
        refused: What is wrong with each other record, by its index.
        scores: What the answers were made from.
    """

    answers: dict[int, Object]
    refused: dict[int, list[Object]]
    scores: Scores


class Terms(NamedTuple):
    """What the reasons of a route are about.

    Attributes:
        names: Of the terms, in the route's order.
        labels: The same for people.
        unit: What a contribution is measured in.
    """

    names: tuple[str, ...]
    labels: list[str]
    unit: str


@dataclass(frozen=True, eq=False)
class Model:
    """A scoring bundle, and what is looked up once to answer from it.

    Attributes:
        bundle: A bundle that was loaded and checked.
    """

    bundle: ScoringBundle

    @property
    def version(self) -> str:
        """What the model is called."""
        return self.bundle.version

    def answer(self, records: Sequence[object], *, explained: bool) -> Outcome:
        """Score records, each by itself.

        Args:
            records: What was sent for each household.
            explained: Whether reasons are wanted.

        Returns:
            An answer for each record, or what is wrong with it.
        """
        told = [at for at, record in enumerate(records) if isinstance(record, dict)]
        reading = self.bundle.reader.read_records([records[at] for at in told])  # type: ignore[misc]
        scores = score_households(self.bundle, reading.households)
        answers, refused = {}, {told[at]: _tell_all(each) for at, each in reading.refused.items()}
        for row, answer in enumerate(self._tell(scores, explained=explained)):
            index = told[reading.accepted[row]]
            if answer is None:
                refused[index] = [{"field": None, "problem": scores.describe_lack(row)}]
            else:
                answers[index] = answer
        if len(told) < len(records):
            absent = set(range(len(records))).difference(told)
            refused |= {at: [NO_RECORD] for at in absent}
        return Outcome(answers, refused, scores)

    def rehearse(self) -> None:
        """Answer once by every route, so that no client waits for what is prepared only once."""
        for example, route in product(self.bundle.examples[:1], self.bundle.routes):
            record = {name: example.values[name] for name in route.inputs.fields}
            self.answer([record], explained=True)

    def _tell(self, scores: Scores, *, explained: bool) -> Iterator[Object | None]:
        """The answer of each household; None where nobody has one."""
        names = self.bundle.segments
        reasons: Iterable[Reasons | None] = scores.explain() if explained else repeat(None)
        for route, segment, shares, held, thin, number, why in zip(
            scores.routes.tolist(),
            scores.segments.tolist(),
            scores.probabilities.tolist(),
            scores.form_sets().tolist(),
            scores.thin_records.tolist(),
            scores.households.ids.tolist(),
            reasons,
            strict=False,  # none are repeated for ever
        ):
            if route == NOBODY:
                yield None
                continue
            answer: Object = {} if math.isnan(number) else {self._identifier: int(number)}
            answer["segment"] = names[segment]
            answer |= self._sources[route]
            answer["probabilities"] = dict(zip(names, shares, strict=True))
            answer["conformal_set"] = list(compress(names, held))
            answer[self._thin_record] = None if math.isnan(thin) else bool(thin)
            if why is not None:
                answer["reasons"] = self._give_reasons(why, self._terms[route], names[segment])
            yield answer

    def _give_reasons(self, reasons: Reasons, terms: Terms, segment: str) -> Object:
        by_size = sorted(
            zip(terms.names, terms.labels, reasons.contributions.tolist(), strict=True),
            key=lambda term: -abs(term[2]),
        )
        told: Object = {"segment": segment, "unit": terms.unit}
        if reasons.second is not None:
            names = self.bundle.segments
            told["compared_with"] = names[reasons.second]
            told["distances"] = dict(zip(names, reasons.distances, strict=True))
        told["contributions"] = [
            {"name": name, "label": label, "contribution": contribution}
            for name, label, contribution in by_size
        ]
        return told

    @cached_property
    def _identifier(self) -> str:
        return self.bundle.codebook.identifier

    @cached_property
    def _thin_record(self) -> str:
        return self.bundle.codebook.column(Role.THIN_RECORD)

    @cached_property
    def _sources(self) -> list[Object]:
        return [
            {"claim": route.claim.value, "information_set": route.information_set}
            for route in self.bundle.routes
        ]

    @cached_property
    def _terms(self) -> list[Terms]:
        return [
            Terms(route.terms, self._label(route), _unit_of(route)) for route in self.bundle.routes
        ]

    def _label(self, route: Route) -> list[str]:
        codebook = self.bundle.codebook
        return [
            codebook[name].label if name in codebook else name.replace("_", " ").capitalize()
            for name in route.terms
        ]


def _unit_of(route: Route) -> str:
    return OF_DISTANCES if isinstance(route, Assignment) else OF_LOG_ODDS


def tally(scores: Scores) -> dict[Given, int]:
    """Count how often each segment was given, by its claim and information set."""
    names, routes = scores.bundle.segments, scores.bundle.routes
    counts = Counter(zip(scores.routes.tolist(), scores.segments.tolist(), strict=True))
    return {
        (names[segment], routes[route].claim.value, routes[route].information_set): count
        for (route, segment), count in counts.items()
        if route != NOBODY
    }


def _tell_all(problems: Sequence[Problem]) -> list[Object]:
    """The first problems of a record, without the values."""
    return [
        {"field": _clip(each.column), "problem": each.advice} for each in problems[:PROBLEMS_SHOWN]
    ]


def _clip(name: str) -> str:
    """The name of a field, which may be the sender's own, short and in letters that can be sent."""
    shown = name if len(name) <= CHARACTERS_SHOWN else name[:CHARACTERS_SHOWN] + "..."
    return shown.encode(errors="replace").decode()
