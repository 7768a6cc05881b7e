"""The scoring bundle: all that is needed to score a household."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.contract import Rules
from customer_segmentation.panel.features import check_formulas
from customer_segmentation.panel.records import RecordReader
from customer_segmentation.panel.values import refuse_repeated
from customer_segmentation.scorer.champions import Champion
from customer_segmentation.scorer.examples import Example
from customer_segmentation.scorer.routes import Assignment, Guess, Route
from customer_segmentation.segments.segmenter import Segmenter


@dataclass(frozen=True, eq=False)
class ScoringBundle:
    """All that is needed to score a household.

    Attributes:
        codebook: What a household record is.
        segmenter: Names the segment of a household whose purchases are known.
        champions: The classifiers that guess it otherwise, in the order in which they are asked.
        examples: Typical households with their answers, by which a copy of the bundle is tested.
        libraries: Version of each library that the bundle was made with, by its name.
        version: Digest of all the above, which names the model; empty until the bundle is stored.

    Raises:
        ValueError: A variable is not in the codebook or cannot be computed from fields, an
            information set has two champions or the segmenter's name, a champion's segments are not
            those of the segmenter, a segment has two examples, or an example does not fit the
            others.
    """

    codebook: Codebook
    segmenter: Segmenter
    champions: tuple[Champion, ...]
    examples: tuple[Example, ...]
    libraries: dict[str, str]
    version: str = ""

    def __post_init__(self) -> None:
        """Refuse parts that do not belong together."""
        check_formulas(self.codebook)
        refuse_repeated([route.information_set for route in self.routes])
        refuse_repeated([each.segment for each in self.examples])
        for champion in self.champions:
            if set(champion.segments) != set(self.segmenter.names):
                raise ValueError(
                    f"the champion of {champion.information_set!r} tells other segments than the "
                    "segmenter"
                )
        for route in self.routes:  # looks every variable up
            route.inputs  # noqa: B018
        for example in self.examples:
            example.check(self.codebook, self.segments, [r.information_set for r in self.routes])

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The segments, in the order of all answers."""
        return tuple(sorted(self.segmenter.names))

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


def build_bundle(
    codebook: Codebook,
    segmenter: Segmenter,
    champions: Sequence[Champion],
    examples: Sequence[Example] = (),
) -> ScoringBundle:
    """Put together what scores a household, and note the libraries that it was made with.

    Args:
        codebook: The panel's codebook.
        segmenter: The segmenter of all eligible households.
        champions: One per overlap or prediction set, in the order in which they shall be asked.
        examples: Households with the answers that a copy of the bundle must give.
    """
    return ScoringBundle(codebook, segmenter, tuple(champions), tuple(examples), list_libraries())


def list_libraries() -> dict[str, str]:
    """List the installed versions of this package and of the libraries that models come from."""
    import sklearn
    import xgboost

    import customer_segmentation

    return {
        module.__name__: module.__version__
        for module in (customer_segmentation, np, sklearn, xgboost)
    }
