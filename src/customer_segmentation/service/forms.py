"""The form of a household: what is asked, what was written, and what is wrong with that.

Everything that is asked comes from the codebook, and everything that is written is judged by the
reader of records.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field as attribute
from functools import cached_property

import numpy as np

from customer_segmentation.findings.wording import listing, lower_first, upper_first
from customer_segmentation.panel.codebook import Codebook, Field, Group, Scale
from customer_segmentation.panel.contract import (
    DECIMAL_COMMA,
    Problem,
    describe_expected,
    read_number,
)
from customer_segmentation.panel.records import Households
from customer_segmentation.scorer.routes import Assignment, Route
from customer_segmentation.scorer.scoring import NOBODY, Scores, score_households
from customer_segmentation.service.answers import Model

NEEDED = "This is needed for an answer."
BOTH = "Write a number or mark it as not stated, not both."
NO_COMMA = "Write a dot as decimal sign and no separator of thousands. "


@dataclass(frozen=True, eq=False)
class Form:
    """A form for what one route needs to know.

    Attributes:
        codebook: What is asked.
        route: The route.
        texts: What was written for a field, by its name; nothing for the others.
        unstated: The fields that were marked as not stated.
        problems: What is wrong, by the name of the field or of the group.
        missing: The fields without which there is no answer.
    """

    codebook: Codebook
    route: Route
    texts: Mapping[str, str] = attribute(default_factory=dict)
    unstated: Collection[str] = ()
    problems: Mapping[str, Sequence[str]] = attribute(default_factory=dict)
    missing: list[Field] = attribute(default_factory=list)

    @property
    def is_wrong(self) -> bool:
        """Whether something must be corrected."""
        return bool(self.problems or self.missing)

    @cached_property
    def sections(self) -> dict[Group, list[Field]]:
        """The fields that are asked, group by group."""
        asked = list_fields(self.route, self.codebook)
        sections = {
            group: [field for field in asked if field.group == group.name]
            for group in self.codebook.groups
        }
        return {group: fields for group, fields in sections.items() if fields}

    def adds_up(self, group: Group) -> bool:
        """Whether what is asked of a group must add up to the group's total."""
        asked, all_of_it = self.sections[group], self.codebook.columns_of(group.name)
        return group.sums_to is not None and len(asked) == len(all_of_it)

    def problems_of(self, field: Field) -> Sequence[str]:
        """What is wrong with a field."""
        return [NEEDED] if field in self.missing else self.problems.get(field.name, ())

    def follows_from(self, field: Field) -> str:
        """The labels of the fields from which it is computed if it is left empty; or empty."""
        sources = _list_sources(field, self.codebook)
        if not sources or not set(sources) <= set(self.route.inputs.fields):
            return ""
        return listing(lower_first(self.codebook[name].label) for name in sources)


def list_fields(route: Route, codebook: Codebook) -> list[Field]:
    """List the fields that a route needs to know, in the order of the codebook."""
    return [field for field in codebook.fields if field.name in route.inputs.fields]


def has_mark(field: Field) -> bool:
    """Whether a number can be marked as not stated; among labels of codes, that is one of them."""
    return not field.codes and field.blank_code is not None


def hint(field: Field) -> str:
    """What may be written into a field, in a few words."""
    if field.scale is Scale.SHARE:
        return "0 to 1, such as 0.35 or 35%"
    if field.minimum is None or field.maximum is None:
        return f"{describe_expected(field)} {field.unit}".strip()
    return f"{field.minimum:,.10g} to {field.maximum:,.10g} {field.unit}".strip()


def shared_hint(fields: Sequence[Field]) -> str:
    """What may be written, where it is the same for every field of several; else empty."""
    hints = set(map(hint, fields))
    return hints.pop() if len(fields) > 1 and len(hints) == 1 else ""


def write_number(value: float, field: Field) -> str:
    """A number as a person would write it into a field."""
    return f"{100 * value:.10g}%" if field.scale is Scale.SHARE else f"{value:.10g}"


def read_form(
    texts: Mapping[str, str], unstated: Collection[str], model: Model, route: Route
) -> tuple[Form, Scores]:
    """Score the household that a form describes, or say what is wrong.

    Args:
        texts: What was written, by the name of the field, for fields that were asked; empty means
            not known.
        unstated: Names of fields that have a mark for not stated, and were marked.
        model: What answers.
        route: What was asked. Where the form is filled in part only, another may answer.

    Returns:
        The form as it was filled in, and the answer about the household. Where a value is wrong or
        too little is known, there is no answer.
    """
    bundle, codebook = model.bundle, model.bundle.codebook
    written = {name: text.strip() for name, text in texts.items() if text.strip()}
    record: dict[str, object] = {  # None is "not stated" where that has no code
        name: codebook.field(name).not_stated for name in unstated
    }
    for name, text in written.items():
        number = read_number(text, codebook.field(name))
        record[name] = text if np.isnan(number) else number  # the reader refuses text
    reading = bundle.reader.read_records([record])
    if not reading.refused and (implied := _compute_empty(reading.households, record, route)):
        for name, value in implied.items():
            written[name] = write_number(value, codebook.field(name))
        reading = bundle.reader.read_records([{**record, **implied}])
    scores = score_households(bundle, reading.households)
    problems = {name: [BOTH] for name in unstated if name in written}
    form = Form(codebook, route, written, unstated, problems)
    if reading.refused:
        problems |= _sort_problems(reading.refused[0], written, route, codebook)
    elif scores.routes[0] == NOBODY:
        known = reading.households.known[:, 0]
        if isinstance(route, Assignment):  # which takes no "not stated" for an answer
            known = ~np.isnan(reading.households.values[:, 0])
        unknown = [codebook.fields[at] for at in sorted(route.inputs.positions) if not known[at]]
        form.missing.extend(field for field in unknown if not form.follows_from(field))
    return form, scores


def _list_sources(field: Field, codebook: Codebook) -> list[str]:
    """The fields from which a field follows exactly."""
    if field.identity is None or field.identity.exceptions:
        return []
    return codebook.expand(field.identity.of.values())


def _compute_empty(
    households: Households, written: Collection[str], route: Route
) -> dict[str, float]:
    """The fields that were asked and left empty, but follow from others: nobody should divide."""
    empty = set(route.inputs.fields).difference(written)
    followed = households.rules.follow_identities(households.values)
    implied = {each.field.name: float(each.expected[0]) for each in followed}
    return {name: x for name, x in implied.items() if name in empty and not np.isnan(x)}


def _sort_problems(
    problems: Sequence[Problem], written: Mapping[str, str], route: Route, codebook: Codebook
) -> dict[str, list[str]]:
    """What is wrong, by the question or the section where a person will correct it."""
    placed: dict[str, list[str]] = {}
    for problem in problems:
        name, _, last = problem.column.partition(" to ")
        field = codebook.field(name)
        said = problem.advice.removesuffix(", not as text")  # as all in a form is
        for each in codebook.fields:
            said = said.replace(repr(each.name), f"“{each.label}”")
        said = upper_first(said)
        if last:
            place, said = field.group, f"{said}; they add up to {problem.value}"
        elif name in route.inputs.fields:
            comma = NO_COMMA if DECIMAL_COMMA.fullmatch(written.get(name, "")) else ""
            place, said = name, comma + said
        else:
            place = next(s for s in _list_sources(field, codebook) if s in written)
            said = f"{field.label}: {lower_first(said)}"
        placed.setdefault(place, []).append(f"{said}.")
    return placed
