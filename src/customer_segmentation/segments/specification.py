"""Specifications: the ways to form segments that are compared.

A *specification* is constructs, a transform of their shares and an algorithm; with a number of
segments it is a *solution*. The grid crosses views, transforms and algorithms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import product
from typing import Self

from pydantic import Field, model_validator

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.values import Configured
from customer_segmentation.segments.constructs import (
    Construct,
    Indicator,
    Score,
    Transform,
    plain_construct,
    refuse_repeated,
)
from customer_segmentation.segments.partition import Algorithm, Method


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
    """A set of constructs that the segments may be formed on.

    Attributes:
        name: Name of the view.
        constructs: Names of declared constructs.
    """

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
        references = [reference.name for reference in self.references]
        refuse_repeated("specification", [*self.names, *references])
        return self

    def _methods(self, algorithm: Algorithm) -> tuple[Method, Method]:
        """For samples and simulations, and for all households."""
        once = Method(algorithm=algorithm, starts=self.starts, variance_floor=self.variance_floor)
        more = once.model_copy(update={"starts": self.solution_starts})
        return once, more if algorithm == "kmeans" else once

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
        told = ", ".join(f"{part} ({', '.join(names)})" for part, names in parts.items())
        likely = f"Did you mean {', '.join(near)}? " if near else ""
        return f"{likely}A name is view.transform.algorithm, of segmentation.grid: {told}"

    def write_out(
        self, constructs: Sequence[Construct], codebook: Codebook
    ) -> dict[str, Specification]:
        """Make every specification.

        Args:
            constructs: The declared constructs; those of the views among them.
            codebook: Tells which variables are shares, for the transforms.

        Returns:
            Every specification by its name: the grid by view, transform and algorithm, then the
            references.
        """
        declared = {construct.name: construct for construct in constructs}
        specifications = [
            Specification(
                name=name,
                view=view.name,
                transform=transform,
                method=self._methods(algorithm)[0],
                solution_method=self._methods(algorithm)[1],
                constructs=tuple(
                    declared[each].transform_shares(transform, codebook) for each in view.constructs
                ),
            )
            for name, view, transform, algorithm in self._cells()
        ]
        specifications += [self._refer(reference) for reference in self.references]
        return {specification.name: specification for specification in specifications}

    def _refer(self, reference: Reference) -> Specification:
        return Specification(
            name=reference.name,
            view=reference.name,
            transform="plain",
            method=self._methods("kmeans")[0],
            solution_method=self._methods("kmeans")[1],
            constructs=tuple(plain_construct(name) for name in reference.variables),
            reference=True,
        )

    def _cells(self) -> Iterator[tuple[str, View, Transform, Algorithm]]:
        for view, transform, algorithm in product(self.views, self.transforms, self.algorithms):
            yield f"{view.name}.{transform}.{algorithm}", view, transform, algorithm
