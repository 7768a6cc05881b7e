"""What a user may say about the segmentation, and the check that it can be carried out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Self

from pydantic import Field, model_validator

from customer_segmentation.panel.codebook import Codebook, Role, Scale
from customer_segmentation.panel.values import Configured, Seed
from customer_segmentation.segments.naming import Naming
from customer_segmentation.segments.specification import (
    MEASURED,
    Construct,
    Grid,
    Specification,
    refuse_repeated,
)

Share = Annotated[float, Field(ge=0, le=1)]


class Counts(Configured):
    """The numbers of segments.

    Attributes:
        smallest, largest: The numbers that may be chosen.
        scored_to: Evidence is given up to this number, to show what lies beyond.
    """

    smallest: int = Field(ge=2)
    largest: int = Field(ge=2)
    scored_to: int = Field(ge=2)

    @model_validator(mode="after")
    def _are_in_order(self) -> Self:
        if self.smallest > self.largest:
            raise ValueError(
                f"smallest {self.smallest} is above largest {self.largest}; lower smallest, or "
                "raise largest"
            )
        if self.largest > self.scored_to:
            raise ValueError(
                f"largest {self.largest} is above scored_to {self.scored_to}; lower largest, or "
                "raise scored_to, which evidence is given up to"
            )
        return self

    @property
    def choosable(self) -> list[int]:
        """The numbers of segments that may be chosen, smallest first."""
        return list(range(self.smallest, self.largest + 1))

    @property
    def scored(self) -> list[int]:
        """The numbers of segments that evidence is given for, smallest first."""
        return list(range(self.smallest, self.scored_to + 1))


class Effort(Configured):
    """How much work goes into the evidence.

    Attributes:
        pairs: Pairs of bootstrap samples behind the agreements of a specification that may win.
        screening_pairs: Pairs for specifications that cannot be chosen anyway.
        null_draws: Data sets drawn from each null, for the finalists.
        null_pairs: Pairs of bootstrap samples of each of them.
        gap_references: Data sets without structure behind each gap statistic.
        households_per_variable: Fewer households per variable than this give a warning; 70 is the
            advice of Dolnicar, Grün & Leisch (2016).
    """

    pairs: int = Field(ge=2)
    screening_pairs: int = Field(ge=2)
    null_draws: int = Field(ge=2)
    null_pairs: int = Field(ge=1)
    gap_references: int = Field(ge=2)
    households_per_variable: float = Field(gt=0)

    @model_validator(mode="after")
    def _screening_comes_first(self) -> Self:
        if self.screening_pairs > self.pairs:
            raise ValueError(
                f"screening_pairs {self.screening_pairs} must not exceed pairs {self.pairs}"
            )
        return self


class Requirement(Configured):
    """A construct without which a specification is not admissible.

    Attributes:
        name: Name of a declared construct.
        variable: An indicator that one of its scores must rest on.
    """

    name: str
    variable: str


class Pin(Configured):
    """A solution that is taken whatever the rule says; the report prints both.

    Attributes:
        specification: Name of a specification of the grid: view.transform.algorithm.
        segments: Its number of segments.
    """

    specification: str
    segments: int


class Choice(Configured):
    """The declared rule: what is admissible, and what the winner may be called.

    Attributes:
        requirements: What every admissible specification must measure.
        smallest_share: Smallest share of the households that a segment may have.
        slsw_median, slsw_q10: What the median and the 10 % quantile of every segment's stability
            (Jaccard coefficient with its best match in a bootstrap solution) must reach.
        finalists: How many of the solutions that tie for the first place are tested against the
            nulls, the best first.
        reproducible_from: Smallest 10 % quantile of the adjusted Rand index, with the whole
            pipeline refitted, that counts as reproducible.
        pin: Takes this solution in place of the rule's choice; None leaves it to the rule.
    """

    requirements: tuple[Requirement, ...]
    smallest_share: Share
    slsw_median: Share
    slsw_q10: Share
    finalists: int = Field(ge=1)
    reproducible_from: Share
    pin: Pin | None = None

    def find_gaps(self, specification: Specification) -> Iterator[str]:
        """Say what a specification lacks to be admissible, whatever its segments."""
        if specification.reference:
            yield "a reference, for comparison only"
            return
        measured = {(c.name, i.variable) for c in specification.constructs for i in c.indicators}
        for required in self.requirements:
            if (required.name, required.variable) not in measured:
                yield f"does not measure {required.name} by {required.variable}"
        for construct in specification.constructs:
            if construct.weight != 1:
                yield f"{construct.name} has the weight {construct.weight:g}, not 1"


class Variation(Configured):
    """A change of the chosen specification, to see what depends on it.

    Attributes:
        name: Name for people.
        replace: By the variable of an indicator the variable that stands in for it, with the same
            preparation.
        leave_out: Variables of indicators that are left out.
        upper_quantiles: By the variable of an indicator its upper cap as a quantile; 1 for none.
        construct_weights: By the name of a construct its weight beside the others.
    """

    name: str
    replace: dict[str, str] = Field(default_factory=dict)
    leave_out: tuple[str, ...] = ()
    upper_quantiles: dict[str, Annotated[float, Field(gt=0, le=1)]] = Field(default_factory=dict)
    construct_weights: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)

    @property
    def indicators(self) -> list[str]:
        """The variables of the indicators that it changes."""
        return [*self.replace, *self.leave_out, *self.upper_quantiles]


class Sensitivity(Configured):
    """What is varied beside the bounds of indicators and the thin records, which always are.

    Attributes:
        split_halves: How often the households are split at random into halves.
        variations: Changes of the chosen specification; those that do not apply to it are skipped.
    """

    split_halves: int = Field(ge=1)
    variations: tuple[Variation, ...] = ()


class Description(Configured):
    """How the segments are described.

    Attributes:
        permutations: Permutations behind each p-value of a demographic descriptor.
        marker_distance: A segment's mean must lie this far from the total, in standard deviations
            of the households and with its whole interval, for the variable to mark the segment.
        stratum_weights: By the code of the sampling stratum its share of the population, in any
            unit; None leaves the weighted sizes empty.
    """

    permutations: int = Field(ge=99)
    marker_distance: float = Field(gt=0)
    stratum_weights: dict[int, Annotated[float, Field(gt=0)]] | None = None


class SegmentationParameters(Configured):
    """What a user may change about the segmentation.

    Attributes:
        random_state: Seed of every random step.
        processes: Parallel workers; results do not depend on it.
        constructs: What segments may differ in, and how that is measured.
        grid: The specifications that are compared.
        counts: The numbers of segments that are compared.
        evidence: How much work goes into the evidence.
        choice: The declared rule, and a pin.
        naming: How the segments get their names.
        sensitivity: What is varied once the segments are chosen.
        description: How the segments are described.
    """

    random_state: Seed
    processes: int = Field(ge=1)
    constructs: tuple[Construct, ...] = Field(min_length=1)
    grid: Grid
    counts: Counts
    evidence: Effort
    choice: Choice
    naming: Naming
    sensitivity: Sensitivity
    description: Description

    @model_validator(mode="after")
    def _names_fit_together(self) -> Self:
        names = [construct.name for construct in self.constructs]
        refuse_repeated("construct name", names)
        used = [("grid.views", name) for view in self.grid.views for name in view.constructs]
        used += [("choice.requirements", each.name) for each in self.choice.requirements]
        for place, name in used:
            if name not in names:
                raise ValueError(
                    f"{place}: there is no construct {name!r}; declared are {', '.join(names)}"
                )
        return self

    @model_validator(mode="after")
    def _counts_agree(self) -> Self:
        personas = len(self.naming.personas)
        if self.naming.when_unmatched == "refuse" and personas not in self.counts.choosable:
            raise ValueError(
                f"naming.personas has {personas}, but only {self.counts.smallest} to "
                f"{self.counts.largest} segments may be chosen; give every segment a persona, or "
                "set naming.when_unmatched to number"
            )
        return self

    @model_validator(mode="after")
    def _pin_is_in_the_grid(self) -> Self:
        pin = self.choice.pin
        if pin is None:
            return self
        if pin.specification not in self.grid.names:
            raise ValueError(
                f"choice.pin: there is no specification {pin.specification!r} that may be chosen. "
                f"{self.grid.suggest(pin.specification)}"
            )
        if pin.segments not in self.counts.choosable:
            raise ValueError(
                f"choice.pin: {pin.segments} segments are outside counts.smallest "
                f"{self.counts.smallest} to counts.largest {self.counts.largest}"
            )
        personas = len(self.naming.personas)
        if self.naming.when_unmatched == "refuse" and pin.segments != personas:
            raise ValueError(
                f"choice.pin asks for {pin.segments} segments, but naming.personas has {personas}; "
                "give every segment a persona, or set naming.when_unmatched to number"
            )
        return self

    def specifications(self, codebook: Codebook) -> dict[str, Specification]:
        """Write out the grid: every specification by its name, references last."""
        return self.grid.write_out(self.constructs, codebook)

    def check(self, codebook: Codebook) -> None:
        """Refuse variables that the codebook lacks, or whose values are codes and not measurements.

        Raises:
            ValueError: The message names the key.
        """
        for place, variables, scales in self._uses():
            for variable in variables:
                _check_variable(place, variable, scales, codebook)
        self.specifications(codebook)  # refuses names that stand twice
        weights = self.description.stratum_weights
        if weights is None:
            return
        codes = codebook.field(codebook.column(Role.STRATUM)).codes
        if set(weights) != set(codes):
            raise ValueError(
                f"description.stratum_weights: the codes are {sorted(weights)}, but the codebook "
                f"has {sorted(codes)}; give every code a weight"
            )

    def _uses(self) -> Iterator[tuple[str, Iterable[str], frozenset[Scale]]]:
        for construct in self.constructs:
            place = f"constructs.{construct.name}"
            for indicator in construct.indicators:
                yield place, [indicator.variable], MEASURED
                if indicator.shrink is not None:
                    yield f"{place}.shrink.by", [indicator.shrink.by], frozenset({Scale.COUNT})
        for reference in self.grid.references:
            yield f"grid.references.{reference.name}", reference.variables, MEASURED
        required = [each.variable for each in self.choice.requirements]
        yield "choice.requirements", required, MEASURED
        for variation in self.sensitivity.variations:
            place = f"sensitivity.variations.{variation.name}"
            yield place, [*variation.indicators, *variation.replace.values()], MEASURED
        for persona in self.naming.personas:
            signature = [criterion.variable for criterion in persona.signature]
            yield f"naming.personas.{persona.name}.signature", signature, MEASURED


def _check_variable(
    place: str, variable: str, scales: frozenset[Scale], codebook: Codebook
) -> None:
    if variable not in codebook:
        raise ValueError(
            f"{place}: the codebook has no variable {variable!r}; correct the name, or "
            "declare the variable in globals_codebook.yml"
        )
    if (scale := codebook[variable].scale) not in scales:
        raise ValueError(
            f"{place}: {variable!r} has the scale {scale} in the codebook, and only "
            f"{', '.join(sorted(scales))} fits here; choose another variable"
        )
