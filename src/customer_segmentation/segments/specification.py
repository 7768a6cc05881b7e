"""Specifications: the ways to form segments that are compared.

The field's words: a *construct* is what the segments should differ in, such as loyalty; a *score*
is one coordinate of a construct, in which distances are measured; an *indicator* is a variable that
the score is computed from. A *specification* is constructs, a transform of their shares and an
algorithm; with a number of segments it is a *solution*. The grid crosses views, transforms and
algorithms.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import product
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from customer_segmentation.panel.codebook import Codebook, Scale
from customer_segmentation.panel.values import Configured
from customer_segmentation.segments.partition import Algorithm, Method

MEASURED = frozenset({Scale.COUNT, Scale.INTERVAL, Scale.RATIO, Scale.SHARE})
Transform = Literal["plain", "arcsine"]


def refuse_repeated(what: str, names: Iterable[str]) -> None:
    """Raise a ValueError that says what the names name, where one stands twice."""
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"the {what} {repeated[0]!r} stands twice; remove or rename one")


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
        transform: `arcsine` takes the arcsine of the square root of a share, which spreads out the
            shares near 0 and 1 and bears exact zeros; `plain` takes the values as they are.
        lower_quantile, upper_quantile: Values beyond these quantiles are set to them.
    """

    variable: str
    shrink: Shrinkage | None = None
    transform: Transform = "plain"
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
        weight: Its part of the construct's weight.
        indicators: What it is computed from, at equal weights.
    """

    name: str
    weight: float = Field(gt=0)
    indicators: tuple[Indicator, ...] = Field(min_length=1)

    @property
    def variables(self) -> list[str]:
        """Every variable that it is computed from, once, in order."""
        return list(dict.fromkeys(name for i in self.indicators for name in i.variables))


class Construct(Configured):
    """One thing the segments should differ in.

    Attributes:
        name: Name of the construct.
        scores: Its coordinates; correlated ones share the weight and so do not count double. In the
            parameter file `columns`, a list of variables, may stand for them: one plain score per
            variable, all with the same weight.
        weight: Its part of the squared distance between households, beside the other constructs.
    """

    name: str
    scores: tuple[Score, ...] = Field(min_length=1)
    weight: float = Field(default=1, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _write_columns_out(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or "columns" not in values:
            return values
        if "scores" in values:
            raise ValueError("give a construct either columns or scores, not both")
        columns = list(values["columns"])
        scores = [
            {"name": name, "weight": 1 / len(columns), "indicators": [{"variable": name}]}
            for name in columns
        ]
        kept = {key: value for key, value in values.items() if key != "columns"}
        return kept | {"scores": scores}

    @model_validator(mode="after")
    def _weights_sum_to_one(self) -> Self:
        total = math.fsum(score.weight for score in self.scores)
        if not math.isclose(total, 1, abs_tol=1e-9):
            raise ValueError(
                f"the weights of construct {self.name!r} sum to {total:g}; make them sum to 1"
            )
        return self

    @property
    def indicators(self) -> tuple[Indicator, ...]:
        """The indicators of all scores, in order."""
        return tuple(indicator for score in self.scores for indicator in score.indicators)

    def change_indicators(self, changed: Mapping[str, Indicator | None]) -> Construct:
        """Replace indicators by their variable; None leaves one out, and weights stay."""
        scores = []
        for score in self.scores:
            new = [changed.get(i.variable, i) for i in score.indicators]
            kept = tuple(i for i in new if i is not None)
            scores.append(score.model_copy(update={"indicators": kept}))
        return self.model_copy(update={"scores": tuple(scores)})

    def transform_shares(self, transform: Transform, codebook: Codebook) -> Construct:
        """Give all indicators on the scale of a share the same transform."""
        shares = (i for i in self.indicators if codebook[i.variable].scale is Scale.SHARE)
        return self.change_indicators(
            {i.variable: i.model_copy(update={"transform": transform}) for i in shares}
        )


class Specification(Configured):
    """One way to form segments.

    Attributes:
        name: Its name in tables.
        view: The name of the view of its constructs, or its own name for a reference.
        transform: How indicators that are shares are transformed.
        method: How the households of a sample or simulation are grouped.
        solution_method: How all households are grouped: the same with more starts.
        constructs: What the segments should differ in.
        reference: Whether it stands for comparison only and can never be chosen.
    """

    name: str
    view: str
    transform: Transform
    method: Method
    solution_method: Method
    constructs: tuple[Construct, ...] = Field(min_length=1)
    reference: bool = False

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        refuse_repeated(f"score of {self.name}", (score.name for score in self.scores))
        refuse_repeated(f"indicator of {self.name}", (i.variable for i in self.indicators))
        return self

    @property
    def scores(self) -> tuple[Score, ...]:
        """The scores of all constructs, in order, each with its weight in the squared distance."""
        return tuple(
            score.model_copy(update={"weight": score.weight * construct.weight})
            for construct in self.constructs
            for score in construct.scores
        )

    @property
    def indicators(self) -> tuple[Indicator, ...]:
        """The indicators of all scores, in order."""
        return tuple(i for construct in self.constructs for i in construct.indicators)

    @property
    def variables(self) -> list[str]:
        """Every variable that a score is computed from, once, in order."""
        return list(dict.fromkeys(name for i in self.indicators for name in i.variables))


class View(Configured):
    """A set of constructs, by their names, that the segments may be formed on."""

    name: str
    constructs: tuple[str, ...] = Field(min_length=1)


class Reference(Configured):
    """A commonsense or published specification: plain columns, standardised, k-means.

    Attributes:
        name: Name of the specification.
        variables: Measured fields or derived variables, each with the same weight.
    """

    name: str
    variables: tuple[str, ...] = Field(min_length=1)


class Grid(Configured):
    """The specifications that are compared: views x transforms x algorithms, and references.

    Attributes:
        views: Sets of constructs.
        transforms: How indicators that are shares are transformed.
        algorithms: How households are grouped.
        starts: Random starts of k-means in every sample and simulation, also before a mixture; the
            best counts.
        solution_starts: The same for the k-means solutions on all households, which are found only
            once and where several optima may nearly tie.
        variance_floor: Smallest variance of a mixture's components, in squared units of the scores;
            exact zeros would otherwise draw a component onto themselves.
        references: Specifications that are compared and can't be chosen.
    """

    views: tuple[View, ...] = Field(min_length=1)
    transforms: tuple[Transform, ...] = Field(min_length=1)
    algorithms: tuple[Algorithm, ...] = Field(min_length=1)
    starts: int = Field(ge=1)
    solution_starts: int = Field(ge=1)
    variance_floor: float = Field(gt=0)
    references: tuple[Reference, ...] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        refuse_repeated("view", (view.name for view in self.views))
        refuse_repeated("transform", self.transforms)
        refuse_repeated("algorithm", self.algorithms)
        refuse_repeated("specification", [*self.names, *(each.name for each in self.references)])
        return self

    @property
    def names(self) -> list[str]:
        """The names of the specifications that may be chosen: view.transform.algorithm."""
        return [name for name, *_ in self._cells()]

    def suggest(self, name: str) -> str:
        """Say which names are like one that the grid lacks, and how a name is made."""
        near = get_close_matches(name, self.names)
        parts = {
            "view": [view.name for view in self.views],
            "transform": self.transforms,
            "algorithm": self.algorithms,
        }
        listed = ", ".join(f"{part} ({', '.join(names)})" for part, names in parts.items())
        likely = f"Did you mean {', '.join(near)}? " if near else ""
        return f"{likely}A name is view.transform.algorithm, of segmentation.grid: {listed}"

    def write_out(
        self, constructs: Sequence[Construct], codebook: Codebook
    ) -> dict[str, Specification]:
        """Make every specification, by its name: by view, transform, algorithm, then references."""
        declared = {construct.name: construct for construct in constructs}
        specifications = [
            Specification(
                name=name,
                view=view.name,
                transform=transform,
                **self._methods(algorithm),
                constructs=tuple(
                    declared[each].transform_shares(transform, codebook) for each in view.constructs
                ),
            )
            for name, view, transform, algorithm in self._cells()
        ]
        specifications += [
            Specification(
                name=name,
                view=name,
                transform="plain",
                **self._methods("kmeans"),
                constructs=tuple(
                    Construct.model_validate({"name": each, "columns": [each]})
                    for each in variables
                ),
                reference=True,
            )
            for name, variables in ((each.name, each.variables) for each in self.references)
        ]
        return {specification.name: specification for specification in specifications}

    def _methods(self, algorithm: Algorithm) -> dict[str, Any]:
        once = Method(algorithm=algorithm, starts=self.starts, variance_floor=self.variance_floor)
        more = once.model_copy(update={"starts": self.solution_starts})
        return {"method": once, "solution_method": more if algorithm == "kmeans" else once}

    def _cells(self) -> Iterator[tuple[str, View, Transform, Algorithm]]:
        for view, transform, algorithm in product(self.views, self.transforms, self.algorithms):
            yield f"{view.name}.{transform}.{algorithm}", view, transform, algorithm
