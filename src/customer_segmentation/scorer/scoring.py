"""Scoring: the one way from what is known about households to their segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from customer_segmentation.classification.audit import Claim
from customer_segmentation.classification.models import probability_column
from customer_segmentation.panel.codebook import Codebook, Field, Role
from customer_segmentation.panel.contract import Rules
from customer_segmentation.panel.features import prepare_formula
from customer_segmentation.panel.records import Households, Record
from customer_segmentation.panel.values import ReadableError
from customer_segmentation.scorer.bundle import Example, ScoringBundle
from customer_segmentation.scorer.routes import SEGMENTER_INPUTS, Reasons, Route

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.intp]

NOBODY = -1
DECIMALS = 3  # of the shares of a typical household
TOLERANCE = 1e-6  # between machines: single precision and other processors


class ScoringError(ReadableError):
    """A bundle that must not score, or a household that it cannot score."""


@dataclass(frozen=True, eq=False)
class Scores:
    """The answers about households, in their order.

    Attributes:
        bundle: What answered.
        households: The households.
        routes: For each household the number of the bundle's route that answered; `NOBODY` where
            too little is known for any.
        probabilities: Households x segments in the bundle's order; rows sum to 1, and are NaN where
            nobody answered.
    """

    bundle: ScoringBundle
    households: Households
    routes: Numbers
    probabilities: Floats

    @cached_property
    def segments(self) -> Numbers:
        """The number of the likeliest segment of each household, the first on ties."""
        numbers: Numbers = self.probabilities.argmax(axis=1)
        return numbers

    @cached_property
    def thin_records(self) -> Floats:
        """1 where a household has too few transactions, 0 where enough, NaN if it is not known."""
        transactions = self.households.values[self.bundle.transactions]
        few = transactions < self.bundle.segmenter.minimum_transactions
        flags: Floats = np.where(np.isnan(transactions), np.nan, few)
        return flags

    def form_sets(self) -> Flags:
        """Tell which segments cannot be ruled out: households x segments.

        The conformal set of a guess; the segment alone of an assignment; empty where nobody
        answered.
        """
        sets = np.zeros(self.probabilities.shape, dtype=bool)
        for route, rows in self._list_routes():
            sets[rows] = route.form_sets(self.probabilities[rows])
        return sets

    def explain(self) -> list[Reasons | None]:
        """Tell why each household got its segment; None where nobody answered."""
        reasons: list[Reasons | None] = [None] * len(self.households)
        for route, rows in self._list_routes():
            explained = route.explain(self.households.values[:, rows], self.segments[rows])
            for row, reason in zip(rows.tolist(), explained, strict=True):
                reasons[row] = reason
        return reasons

    def _list_routes(self) -> list[tuple[Route, Numbers]]:
        """The routes that answered somebody, each with the numbers of those households."""
        numbers = sorted(set(self.routes.tolist()) - {NOBODY})
        return [(self.bundle.routes[each], np.flatnonzero(self.routes == each)) for each in numbers]

    def describe_lack(self, household: int) -> str:
        """Say which fields are missing to an answer by the route that lacks the fewest."""
        known = self.households.known[:, household]
        stated = ~np.isnan(self.households.values[:, household])
        fields = self.bundle.codebook.fields
        lacks = {
            route.information_set: [
                fields[at].name
                for at in route.inputs.positions
                if not (stated if route.claim is Claim.ASSIGNMENT else known)[at]
            ]
            for route in self.bundle.routes
        }
        nearest = min(lacks, key=lambda name: len(lacks[name]))
        missing = ", ".join(lacks[nearest])
        return f"too little is known for any answer; the nearest, {nearest!r}, also needs {missing}"

    def tabulate(self) -> pd.DataFrame:
        """Put the answers into a table.

        Returns:
            One row per household: the identifier (int64), segment, claim, information_set, the flag
            of a thin record (boolean, missing if it is not known) and a probability per segment.

        Raises:
            ScoringError: A household has no identifier, or no answer.
        """
        if np.isnan(self.households.ids).any():
            raise ScoringError("A table of answers needs the identifier of every household.")
        if (nobody := np.flatnonzero(self.routes == NOBODY)).size:
            raise ScoringError(self.describe_lack(int(nobody[0])))
        codebook, routes = self.bundle.codebook, self.bundle.routes
        names = [probability_column(name) for name in self.bundle.segments]
        thin = pd.Series(self.thin_records).astype("boolean")
        return pd.DataFrame(
            {
                codebook.identifier: self.households.ids.astype(np.int64),
                "segment": _spell(self.segments, self.bundle.segments),
                "claim": _spell(self.routes, [route.claim for route in routes]),
                "information_set": _spell(self.routes, [route.information_set for route in routes]),
                codebook.column(Role.THIN_RECORD): thin,
                **dict(zip(names, self.probabilities.T, strict=True)),
            }
        )


def score_households(bundle: ScoringBundle, households: Households) -> Scores:
    """Name the segment of every household, from what is known of it.

    A household of which everything is known that forms the segments is assigned by the segmenter,
    with probability 1. Any other is guessed by the champion of the first information set whose
    fields are all known; the bundle has them in the order of the parameters.

    Args:
        bundle: A scoring bundle.
        households: What is known, by the bundle's codebook.

    Returns:
        The answers.
    """
    values, known = households.values, households.known
    return Scores(bundle, households, *_ask(bundle, values, known, first=0))


def _ask(bundle: ScoringBundle, values: Floats, known: Flags, first: int) -> tuple[Numbers, Floats]:
    """Ask a route and, for those households that it cannot answer, the routes that follow."""
    count = values.shape[1]
    if first == len(bundle.routes):
        return np.full(count, NOBODY), np.full((count, len(bundle.segments)), np.nan)
    route = bundle.routes[first]
    able = route.find_able(values, known)
    if able.all():
        return np.full(count, first), route.score(values)
    if not able.any():
        return _ask(bundle, values, known, first + 1)
    routes, probabilities = np.full(count, first), np.empty((count, len(bundle.segments)))
    probabilities[able] = route.score(values[:, able])
    others = np.logical_not(able)
    routes[others], probabilities[others] = _ask(
        bundle, values[:, others], known[:, others], first + 1
    )
    return routes, probabilities


def add_examples(bundle: ScoringBundle, values: Floats, segments: Sequence[str]) -> ScoringBundle:
    """Let a bundle carry the typical household of each segment with its answers.

    Args:
        bundle: The bundle.
        values: Fields x households, codes as the panel file has them.
        segments: The segment of each.

    Returns:
        The bundle with an example for each segment whose typical household keeps the codebook's
        rules and is assigned to the segment.
    """
    own = np.array(segments)
    typical = {
        name: describe_typical(values[:, own == name], bundle.rules)
        for name in bundle.segments
        if (own == name).any()
    }
    answered = {name: _answer(bundle, values) for name, values in typical.items()}
    examples = [
        Example(segment=name, values=typical[name], answers=answers)
        for name, answers in answered.items()
        if answers and answers[SEGMENTER_INPUTS][bundle.segments.index(name)] == 1
    ]
    return bundle.replace(examples=tuple(examples))


def check_examples(bundle: ScoringBundle) -> None:
    """Score the examples of a bundle and compare the answers with those stored.

    Args:
        bundle: A bundle that was loaded.

    Raises:
        ScoringError: An answer differs, so that the bundle does not score here as it did where it
            was made.
    """
    for example in bundle.examples:
        answers = _answer(bundle, example.values)
        for name, expected in example.answers.items():
            if name not in answers or not np.allclose(answers[name], expected, 0, TOLERANCE):
                raise ScoringError(
                    f"The model {bundle.version[:12]} gives the typical household of "
                    f"{example.segment!r} from {name!r} other probabilities than where it was made:"
                    f" {answers.get(name)}, not {expected}. Do not use it; write it again with "
                    "`kedro run --pipelines modelling`."
                )


def _answer(bundle: ScoringBundle, record: Record) -> dict[str, tuple[float, ...]]:
    """What each route says of a record; empty if the record is refused."""
    reading = bundle.reader.read_records([record])
    if reading.refused:
        return {}
    values = reading.households.values
    return {r.information_set: tuple(r.score(values)[0].tolist()) for r in bundle.routes}


def _spell(numbers: Numbers, words: Sequence[str]) -> pd.Series:
    return pd.Series(np.array(words, dtype=object)[numbers], dtype="str")


def describe_typical(values: Floats, rules: Rules) -> dict[str, float]:
    """Make up the household that is typical of some: no single one of them shows through.

    Only what is stated counts, unless nothing is. Codes are the most frequent ones, the smallest on
    ties. Other values are medians, whole where they count. The shares of a composition are the mean
    largest share, the mean second largest, and so on, given to its parts in the order of their own
    means: so they still add up, and are as concentrated as those of the households. What follows
    from others by an identity is computed.

    Args:
        values: Fields x households, at least one; codes as the panel file has them.
        rules: What the codebook asks of every field.

    Returns:
        A value for every field but the identifier, by clean name.
    """
    codebook = rules.codebook
    stated = ~np.isnan(rules.erase_unstated(values))
    typical = {
        field.name: _summarise(row[told] if told.any() else row, field)
        for field, row, told in zip(codebook.fields, values, stated, strict=True)
        if field.name != codebook.identifier
    }
    for group in codebook.compositions:
        names = codebook.columns_of(group.name)
        shares = values[[rules.position[name] for name in names]]
        by_size = np.round(np.sort(shares, axis=0).mean(axis=1), DECIMALS).tolist()
        order = shares.mean(axis=1).argsort(kind="stable")
        typical |= {names[at]: share for at, share in zip(order, by_size, strict=True)}
    columns = {name: np.array([value]) for name, value in typical.items()}
    return typical | _keep_identities(columns, codebook)


def _summarise(values: Floats, field: Field) -> float:
    if field.codes:
        codes, counts = np.unique(values, return_counts=True)
        return float(codes[counts.argmax()])
    middle = float(np.median(values))
    return float(round(middle)) if field.is_whole else round(middle, DECIMALS)


def _keep_identities(columns: Mapping[str, Floats], codebook: Codebook) -> dict[str, float]:
    implied = {}
    for field in codebook.fields:
        if (kept := field.identity) and not kept.exceptions:
            computation = prepare_formula(field.name, kept.formula, kept.of, codebook)
            expected = kept.factor * float(computation.compute(columns)[0])
            implied[field.name] = round(expected, DECIMALS)
    return implied
