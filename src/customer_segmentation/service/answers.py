"""The one rendering of scores: the answers that the API sends, the pages show and a file holds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress, product, repeat
from typing import Any

from customer_segmentation.panel.codebook import Role
from customer_segmentation.panel.contract import CHARACTERS_SHOWN, PROBLEMS_SHOWN
from customer_segmentation.scorer.bundle import ScoringBundle
from customer_segmentation.scorer.routes import Reasons, Route
from customer_segmentation.scorer.scoring import NOBODY, Scores, score_households

Object = dict[str, Any]  # of JSON
Answer = dict[str, Any]  # the same, with what `schemas` says of an answer

NO_RECORD = {"field": None, "problem": "expected an object with a value for each field"}
OF_LOG_ODDS = (
    "centred log-odds: what the field adds to the log of the segment's probability, less the mean "
    "of that over all segments"
)
OF_DISTANCES = (
    "squared units of the scores: by how much the household is nearer to the segment's centre than "
    "to the centre of the segment it is compared with"
)


@dataclass(frozen=True, eq=False)
class Model:
    """A scoring bundle that was loaded and checked, and what is looked up once to answer from it.

    Attributes:
        bundle: The bundle.
    """

    bundle: ScoringBundle

    @property
    def version(self) -> str:
        """What the model is called."""
        return self.bundle.version

    @cached_property
    def thin_record(self) -> str:
        """What an answer calls the flag of too few purchases."""
        return self.bundle.codebook.column(Role.THIN_RECORD)

    @cached_property
    def routes(self) -> dict[str, Route]:
        """The route of each information set."""
        return {route.information_set: route for route in self.bundle.routes}

    @cached_property
    def examples(self) -> dict[str, Object]:
        """The typical household of each segment, as a record that can be scored."""
        whole = {field.name for field in self.bundle.codebook.fields if field.is_whole}
        return {
            each.segment: {n: int(v) if n in whole else v for n, v in each.values.items()}
            for each in self.bundle.examples
        }

    def answer(
        self, records: Sequence[object], *, explained: bool
    ) -> tuple[dict[int, Answer], dict[int, list[Object]]]:
        """Score each record by itself: the answers, and what is wrong with others, by index."""
        objects = [at for at, record in enumerate(records) if isinstance(record, dict)]
        reading = self.bundle.reader.read_records([records[at] for at in objects])  # type: ignore[misc]
        scores = score_households(self.bundle, reading.households)
        answers, refused = {}, {at: [NO_RECORD] for at in range(len(records))}
        for at, problems in reading.refused.items():
            refused[objects[at]] = [
                {"field": _clip(each.column), "problem": each.advice}
                for each in problems[:PROBLEMS_SHOWN]
            ]
        for row, answer in enumerate(self.render(scores, explained=explained)):
            index = objects[reading.accepted[row]]
            if answer is None:
                refused[index] = [{"field": None, "problem": scores.describe_lack(row)}]
            else:
                answers[index] = answer
                del refused[index]
        return answers, refused

    def rehearse(self) -> None:
        """Answer once by every route, so that no client waits for what is prepared only once."""
        for example, route in product([*self.examples.values()][:1], self.bundle.routes):
            self.answer([{name: example[name] for name in route.inputs.fields}], explained=True)

    def render(self, scores: Scores, *, explained: bool) -> Iterator[Answer | None]:
        """The answer of each household; None where too little is known for any."""
        names, codebook = self.bundle.segments, self.bundle.codebook
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
            answer: Answer = {} if math.isnan(number) else {codebook.identifier: int(number)}
            answer["segment"] = names[segment]
            answer["claim"] = self.bundle.routes[route].claim.value
            answer["information_set"] = self.bundle.routes[route].information_set
            answer["probabilities"] = dict(zip(names, shares, strict=True))
            answer["conformal_set"] = list(compress(names, held))
            answer[self.thin_record] = None if math.isnan(thin) else bool(thin)
            if why is not None:
                answer["reasons"] = self._render_reasons(why, route, names[segment])
            yield answer

    def _render_reasons(self, reasons: Reasons, route: int, segment: str) -> Object:
        names, sizes = self.bundle.segments, reasons.contributions.tolist()
        terms = zip(self._terms[route], sizes, strict=True)
        rendered: Object = {"segment": segment, "unit": OF_LOG_ODDS}
        if reasons.second is not None:
            rendered["unit"] = OF_DISTANCES
            rendered["compared_with"] = names[reasons.second]
            rendered["distances"] = dict(zip(names, reasons.distances, strict=True))
        rendered["contributions"] = [
            {**term, "contribution": size} for term, size in sorted(terms, key=lambda t: -abs(t[1]))
        ]
        return rendered

    @cached_property
    def _terms(self) -> list[list[Object]]:
        """Name and label of each term of each route."""
        return [
            [{"name": name, "label": self._label(name)} for name in route.terms]
            for route in self.bundle.routes
        ]

    def _label(self, name: str) -> str:
        codebook = self.bundle.codebook
        return codebook[name].label if name in codebook else name.replace("_", " ").capitalize()


def _clip(name: str) -> str:
    """The name of a field, which may be the sender's own, short and in letters that can be sent."""
    shown = name if len(name) <= CHARACTERS_SHOWN else name[:CHARACTERS_SHOWN] + "..."
    return shown.encode(errors="replace").decode()
