"""Names by tested rules: segments are matched with the signatures of personas.

The numbers that k-means gives to segments are arbitrary, so a name never depends on them. Segments
and personas are matched by optimal assignment; a name is given only when the segment shows the
persona's whole signature and the best matching clearly beats the second best.
"""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, model_validator
from scipy.optimize import linear_sum_assignment

from customer_segmentation.panel.values import Configured, ReadableError
from customer_segmentation.segments.partition import Labels
from customer_segmentation.segments.specification import refuse_repeated

Floats = npt.NDArray[np.float64]

_ADVICE = (
    "Change segmentation.naming.personas or the specification, or set "
    "segmentation.naming.when_unmatched to number."
)


class Criterion(Configured):
    """One sign of a persona: where the segment's mean of a variable must lie.

    Attributes:
        variable: A measured field or derived variable of the codebook.
        level: Whether the mean must be above or below that of all households.
        minimum: By how many standard deviations of the households at least.
        foremost: Whether it must also lie beyond the mean of every other segment.
    """

    variable: str
    level: Literal["high", "low"]
    minimum: float = Field(default=0, ge=0)
    foremost: bool = False

    @property
    def sign(self) -> int:
        """1 when high values speak for the persona, -1 when low values do."""
        return 1 if self.level == "high" else -1

    def holds(self, means: Floats, row: int) -> bool:
        """Whether the segment of this row shows the sign, among the means of all segments."""
        signed = self.sign * means
        beyond_all = bool((signed[row] > np.delete(signed, row)).all())
        return bool(signed[row] >= self.minimum) and (beyond_all or not self.foremost)

    def __str__(self) -> str:
        side = "at least +" if self.level == "high" else "at most -"
        beyond = ", beyond every other segment" if self.foremost else ""
        return f"{self.variable} {side}{self.minimum:g}{beyond}"


class Persona(Configured):
    """The name of a segment and the signature that earns it.

    Attributes:
        name: Name for tables, charts and people.
        signature: Criteria that must all hold, on at least two different variables.
    """

    name: str
    signature: tuple[Criterion, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _rests_on_two_indicators(self) -> Self:
        refuse_repeated("variable of a signature", (c.variable for c in self.signature))
        if len(self.signature) < 2:  # noqa: PLR2004 - the rule is: two indicators
            raise ValueError(
                f"the signature of {self.name!r} rests on one indicator; give it a second one, so "
                "that a single odd variable cannot name a segment"
            )
        return self


class Naming(Configured):
    """How segments get their names.

    Attributes:
        personas: The names and their signatures.
        minimum_margin: By how much the best matching of segments with personas must beat the second
            best, in standard deviations summed over the personas.
        when_unmatched: `refuse` stops the run when the segments do not match the personas;
            `number` calls them Segment 1, Segment 2, ... from the largest to the smallest.
    """

    personas: tuple[Persona, ...] = ()
    minimum_margin: float = Field(ge=0)
    when_unmatched: Literal["refuse", "number"]

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        refuse_repeated("persona name", (persona.name for persona in self.personas))
        return self

    @property
    def variables(self) -> list[str]:
        """Every variable of a signature, once, in order."""
        return list(dict.fromkeys(c.variable for p in self.personas for c in p.signature))


class SegmentNamingError(ReadableError):
    """Segments that do not match the personas' signatures."""


def name_segments(indicators: pd.DataFrame, labels: Labels, naming: Naming) -> dict[int, str]:
    """Give every segment number the name it has earned.

    Args:
        indicators: One row per household, one column per variable of the signatures, in any unit.
        labels: The segment number of each household.
        naming: Personas, margin, and what to do when they do not match.

    Raises:
        SegmentNamingError: The segments do not match the personas, and may not be numbered.
    """
    try:
        return match_personas(standardised_means(indicators, labels), naming)
    except SegmentNamingError:
        if naming.when_unmatched == "refuse":
            raise
        return _number_by_size(labels)


def find_mismatch(indicators: pd.DataFrame, labels: Labels, naming: Naming) -> str:
    """Say why the segments do not match the personas; empty where they do, or there are none."""
    if not naming.personas:
        return ""
    try:
        match_personas(standardised_means(indicators, labels), naming)
    except SegmentNamingError as error:
        return str(error).split(". ")[0]
    return ""


def standardised_means(indicators: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    """Average z-scores: segment numbers x variables; 0 where a variable is constant."""
    spread = indicators.std(ddof=0)
    z_scores = (indicators - indicators.mean()) / spread.where(spread > 0, 1)
    return z_scores.groupby(labels).mean()


def match_personas(means: pd.DataFrame, naming: Naming) -> dict[int, str]:
    """Match segments and personas one to one so that their signatures fit best together.

    Args:
        means: One row per segment number, one column per variable, in standard deviations.
        naming: Personas and margin.

    Raises:
        SegmentNamingError: There are not as many segments as personas, the best matching does not
            beat the second best by the margin, or a segment does not show its persona's signature.
    """
    if len(means) != len(naming.personas):
        raise SegmentNamingError(
            f"There are {len(means)} segments, but {len(naming.personas)} personas. {_ADVICE}"
        )
    # The mean over a signature, so that personas with more criteria do not weigh more.
    columns = [
        np.mean([each.sign * means[each.variable].to_numpy() for each in persona.signature], axis=0)
        for persona in naming.personas
    ]
    fit = np.column_stack(columns)
    pairs = list(zip(*linear_sum_assignment(fit, maximize=True), strict=True))
    for row, column in pairs:
        _refuse_other_signature(means, row, naming.personas[column])
    _refuse_narrow_margin(fit, pairs, naming.minimum_margin)
    return {int(means.index[row]): naming.personas[column].name for row, column in pairs}


def _refuse_other_signature(means: pd.DataFrame, row: int, persona: Persona) -> None:
    for criterion in persona.signature:
        if not criterion.holds(means[criterion.variable].to_numpy(), row):
            shown = ", ".join(f"{name} {mean:+.2f}" for name, mean in means.iloc[row].items())
            raise SegmentNamingError(
                f"No segment shows the signature of {persona.name!r}. The best candidate, segment "
                f"{means.index[row]}, has {shown} (standard deviations from the mean), but the "
                f"signature asks for {criterion}. {_ADVICE}"
            )


def _refuse_narrow_margin(fit: Floats, pairs: list[tuple[int, int]], minimum: float) -> None:
    # Every other matching breaks at least one pair of the best one.
    second = -np.inf
    for pair in pairs:
        barred = fit.copy()
        barred[pair] = -1e6  # finite, because the solver refuses matrices without a finite matching
        second = max(second, barred[linear_sum_assignment(barred, maximize=True)].sum())
    if (margin := sum(fit[pair] for pair in pairs) - second) < minimum:
        raise SegmentNamingError(
            "Two ways to match the segments with the personas fit almost equally well: the best is "
            f"ahead by {margin:.2f} standard deviations, and segmentation.naming.minimum_margin "
            f"asks for {minimum:g}. {_ADVICE}"
        )


def _number_by_size(labels: Labels) -> dict[int, str]:
    numbers, first_rows, sizes = np.unique(labels, return_index=True, return_counts=True)
    order = np.lexsort((first_rows, -sizes))  # the last key counts most
    return {int(numbers[i]): f"Segment {rank}" for rank, i in enumerate(order, start=1)}
