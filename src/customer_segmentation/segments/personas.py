"""The personas: the names that segments may earn, and what earns them."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from customer_segmentation.panel.values import Configured
from customer_segmentation.segments.constructs import refuse_repeated


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
