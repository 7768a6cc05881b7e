"""What a user may say about the segmentation, and the check that it can be carried out.

The field's words: a *construct* is what the segments should differ in, such as loyalty; a *score*
is one coordinate of a construct, in which distances are measured; an *indicator* is a variable that
the score is computed from.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal, Self

from pydantic import Field, model_validator

from customer_segmentation.panel.codebook import Codebook, Scale
from customer_segmentation.panel.configured import Configured, Seed
from customer_segmentation.panel.errors import ReadableError

MEASURED = frozenset({Scale.COUNT, Scale.INTERVAL, Scale.RATIO, Scale.SHARE})


class SegmentationError(ReadableError):
    """Households that cannot be segmented as the parameters ask."""


class Shrinkage(Configured):
    """Pull a rate towards the pooled rate, the more the fewer events it rests on.

    Attributes:
        by: The variable that counts the events behind the rate.
        prior_weight: Number of events that the pooled rate counts for.
    """

    by: str
    prior_weight: float = Field(gt=0)


class Indicator(Configured):
    """One variable of a score, and how it is prepared before it is standardised.

    Attributes:
        variable: A measured field or derived variable of the codebook.
        shrink: Shrinkage of a rate; None leaves the values as they are.
        lower_quantile, upper_quantile: Values beyond these quantiles are set to them.
    """

    variable: str
    shrink: Shrinkage | None = None
    lower_quantile: float = Field(default=0, ge=0, lt=1)
    upper_quantile: float = Field(default=1, gt=0, le=1)

    @model_validator(mode="after")
    def _quantiles_leave_a_range(self) -> Self:
        if self.lower_quantile >= self.upper_quantile:
            raise ValueError("lower_quantile must be smaller than upper_quantile")
        return self

    @property
    def variables(self) -> list[str]:
        """The variables that the indicator is computed from."""
        return [self.variable] if self.shrink is None else [self.variable, self.shrink.by]


class Score(Configured):
    """One coordinate: the mean of its indicators' z-scores, standardised again.

    Attributes:
        name: Its column name in `segment_scores`.
        weight: Its part of the squared distance between households.
        indicators: What it is computed from, at equal weights.
    """

    name: str
    weight: float = Field(gt=0)
    indicators: tuple[Indicator, ...] = Field(min_length=1)


class Construct(Configured):
    """One thing the segments should differ in; its scores have a total weight of 1.

    Attributes:
        name: Name of the construct.
        scores: Its coordinates; correlated ones share the weight and so do not count double.
    """

    name: str
    scores: tuple[Score, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _weights_sum_to_one(self) -> Self:
        total = math.fsum(score.weight for score in self.scores)
        if not math.isclose(total, 1, abs_tol=1e-9):
            raise ValueError(
                f"the weights of construct {self.name!r} sum to {total:g}; make them sum to 1"
            )
        return self


class Specification(Configured):
    """One way to form segments.

    Attributes:
        name: Name of the specification, for tables.
        algorithm: How households are grouped.
        segments: Number of segments.
        starts: Random starts of the algorithm; the best counts.
        constructs: What the segments should differ in.
    """

    name: str
    algorithm: Literal["kmeans"]
    segments: int = Field(ge=2)
    starts: int = Field(ge=1)
    constructs: tuple[Construct, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        _refuse_repeated("construct name", (construct.name for construct in self.constructs))
        _refuse_repeated("score name", (score.name for score in self.scores))
        _refuse_repeated("indicator", (indicator.variable for indicator in self.indicators))
        return self

    @property
    def scores(self) -> tuple[Score, ...]:
        """The scores of all constructs, in order."""
        return tuple(score for construct in self.constructs for score in construct.scores)

    @property
    def indicators(self) -> tuple[Indicator, ...]:
        """The indicators of all scores, in order."""
        return tuple(indicator for score in self.scores for indicator in score.indicators)

    @property
    def variables(self) -> list[str]:
        """Every variable that a score is computed from, once, in order."""
        return list(dict.fromkeys(name for i in self.indicators for name in i.variables))


class Candidates(Configured):
    """The numbers of segments that are compared, and the effort.

    Attributes:
        smallest, largest: Range of the number of segments.
        bootstrap_pairs: Pairs of bootstrap samples behind each stability figure.
    """

    smallest: int = Field(ge=2)
    largest: int = Field(ge=2)
    bootstrap_pairs: int = Field(ge=1)

    @property
    def counts(self) -> list[int]:
        """The numbers of segments, smallest first."""
        return list(range(self.smallest, self.largest + 1))


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
        signature: Criteria that must all hold.
    """

    name: str
    signature: tuple[Criterion, ...] = Field(min_length=1)


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
        _refuse_repeated("persona name", (persona.name for persona in self.personas))
        return self

    @property
    def variables(self) -> list[str]:
        """Every variable of a signature, once, in order."""
        return list(dict.fromkeys(c.variable for p in self.personas for c in p.signature))


class SegmentationParameters(Configured):
    """What a user may change about the segmentation.

    Attributes:
        random_state: Seed of every random step.
        processes: Worker processes; results do not depend on it.
        specification: How the segments are formed.
        candidates: Which other numbers of segments are compared with it.
        naming: How the segments get their names.
    """

    random_state: Seed
    processes: int = Field(ge=1)
    specification: Specification
    candidates: Candidates
    naming: Naming

    @model_validator(mode="after")
    def _counts_agree(self) -> Self:
        k, candidates = self.specification.segments, self.candidates
        if k not in candidates.counts:
            raise ValueError(
                f"specification.segments is {k}, outside candidates.smallest {candidates.smallest} "
                f"to candidates.largest {candidates.largest}; change one of them"
            )
        personas = len(self.naming.personas)
        if self.naming.when_unmatched == "refuse" and k != personas:
            raise ValueError(
                f"specification.segments is {k}, but naming.personas has {personas}; give every "
                "segment a persona, or set naming.when_unmatched to number"
            )
        return self

    def check(self, codebook: Codebook) -> None:
        """Refuse variables that the codebook lacks, or whose values are codes and not measurements.

        Args:
            codebook: The panel's codebook.

        Raises:
            ValueError: A variable is unknown, is a code, a flag or an identifier, or is no count
                where a count is needed; the message names the key.
        """
        for place, variable, scales in self._uses():
            if variable not in codebook:
                raise ValueError(
                    f"{place}: the codebook has no variable {variable!r}; correct the name, or "
                    "declare the variable in globals_codebook.yml"
                )
            if (scale := codebook[variable].scale) not in scales:
                wanted = ", ".join(sorted(scales))
                raise ValueError(
                    f"{place}: {variable!r} has the scale {scale} in the codebook, and only "
                    f"{wanted} fits here; choose another variable"
                )

    def _uses(self) -> Iterator[tuple[str, str, frozenset[Scale]]]:
        for construct in self.specification.constructs:
            for score in construct.scores:
                place = f"specification.constructs.{construct.name}.scores.{score.name}.indicators"
                for indicator in score.indicators:
                    yield place, indicator.variable, MEASURED
                    if indicator.shrink is not None:
                        yield f"{place}.shrink.by", indicator.shrink.by, frozenset({Scale.COUNT})
        for persona in self.naming.personas:
            for criterion in persona.signature:
                place = f"naming.personas.{persona.name}.signature"
                yield place, criterion.variable, MEASURED


def _refuse_repeated(what: str, names: Iterable[str]) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"the {what} {repeated[0]!r} stands twice; remove or rename one")
