"""The scoring bundle: all that is needed to score a household."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np
from pydantic import Field, model_validator

from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.panel.contract import Rules
from customer_segmentation.panel.features import check_formulas
from customer_segmentation.panel.records import RecordReader
from customer_segmentation.panel.values import (
    Configured,
    Finite,
    Probabilities,
    refuse_repeated,
)
from customer_segmentation.scorer.champions import Champion
from customer_segmentation.scorer.routes import Assignment, Guess, Route
from customer_segmentation.segments.segmenter import Segmenter


class Example(Configured):
    """A household that nobody is: the typical one of a segment.

    Attributes:
        segment: The segment.
        values: Every field but the identifier, by clean name, codes as the panel file has them.
        answers: For each information set the probabilities that its route gives the household, in
            the bundle's order of segments.
    """

    segment: str
    values: dict[str, Finite] = Field(min_length=1)
    answers: dict[str, Probabilities] = Field(min_length=1)


class ScoringBundle(Configured):
    """All that is needed to score a household.

    Attributes:
        libraries: Version of each library that the bundle was made with, by its name.
        codebook: What a household record is.
        segmenter: Names the segment of a household whose purchases are known.
        champions: The classifiers that predict it otherwise, in the order in which they are asked.
        examples: Typical households with their answers, by which a copy of the bundle is tested.
        version: Digest of all the above, which names the model; empty until the bundle is stored.

    Raises:
        ValueError: A variable is not in the codebook or cannot be computed from fields, an
            information set has two champions or the segmenter's name, a champion's segments are not
            those of the segmenter, a segment has two examples, or an example does not fit the
            others.
    """

    libraries: dict[str, str]
    codebook: Codebook
    segmenter: Segmenter
    champions: tuple[Champion, ...]
    examples: tuple[Example, ...] = ()
    version: str = ""

    @model_validator(mode="after")
    def _parts_belong_together(self) -> Self:
        check_formulas(self.codebook)
        refuse_repeated([route.information_set for route in self.routes])
        for champion in self.champions:
            if set(champion.segments) != set(self.segmenter.names):
                raise ValueError(
                    f"the champion of {champion.information_set!r} tells other segments than the "
                    "segmenter"
                )
        for route in self.routes:  # looks every variable up
            route.inputs  # noqa: B018
        return self

    @model_validator(mode="after")
    def _examples_fit(self) -> Self:
        refuse_repeated([each.segment for each in self.examples])
        fields = {field.name for field in self.codebook.fields} - {self.codebook.identifier}
        information_sets = {route.information_set for route in self.routes}
        for example in self.examples:
            if example.segment not in self.segments:
                raise ValueError(f"an example is of {example.segment!r}, which is no segment")
            if set(example.values) != fields:
                why = "holds other fields than the codebook"
            elif set(example.answers) != information_sets:
                why = "answers other information sets"
            elif any(len(answer) != len(self.segments) for answer in example.answers.values()):
                why = "has not one answer per segment"
            else:
                continue
            raise ValueError(f"the example of {example.segment!r} {why}")
        return self

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The segments, in the order of all answers."""
        return tuple(sorted(self.segmenter.names))

    @cached_property
    def transactions(self) -> int:
        """The position of the field by which purchases are counted."""
        return self.rules.position[self.codebook.column(Role.TRANSACTIONS)]

    @cached_property
    def rules(self) -> Rules:
        """What the codebook asks of a household."""
        return Rules(self.codebook)

    @cached_property
    def reader(self) -> RecordReader:
        """Reads records and tables of households."""
        return RecordReader(self.rules)

    @cached_property
    def routes(self) -> tuple[Route, ...]:
        """The ways to an answer, in the order in which they are tried."""
        guesses = [Guess(each, self.rules, self.segments) for each in self.champions]
        return (Assignment(self.segmenter, self.rules, self.segments), *guesses)

    def replace(self, **parts: Any) -> Self:
        """Put other parts in the place of these, and check again that all belong together."""
        kept = {name: getattr(self, name) for name in type(self).model_fields}
        return self.model_validate({**kept, **parts})


def build_bundle(
    codebook: Codebook, segmenter: Segmenter, champions: Sequence[Champion]
) -> ScoringBundle:
    """Put together what scores a household, and note the libraries that it was made with.

    Args:
        codebook: The panel's codebook.
        segmenter: The segmenter of all eligible households.
        champions: One per overlap or prediction set, in the order in which they shall be asked.
    """
    import sklearn
    import xgboost

    import customer_segmentation

    modules = (customer_segmentation, np, sklearn, xgboost)
    return ScoringBundle(
        libraries={module.__name__: module.__version__ for module in modules},
        codebook=codebook,
        segmenter=segmenter,
        champions=tuple(champions),
    )
