"""What the segments should differ in, and how that is measured.

The field's words: a *construct* is what the segments should differ in, such as loyalty; a *score*
is one coordinate of a construct, in which distances are measured; an *indicator* is a variable that
the score is computed from.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from customer_segmentation.panel.codebook import Codebook, Scale
from customer_segmentation.panel.values import Configured

MEASURED = frozenset({Scale.COUNT, Scale.INTERVAL, Scale.RATIO, Scale.SHARE})
Transform = Literal["plain", "arcsine"]


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
        kept = {key: value for key, value in values.items() if key != "columns"}
        return kept | {"scores": [_plain_score(name, 1 / len(columns)) for name in columns]}

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

    @property
    def variables(self) -> list[str]:
        """The variables of its indicators, in order."""
        return [indicator.variable for indicator in self.indicators]

    def change_indicators(self, changed: Mapping[str, Indicator | None]) -> Construct:
        """Replace or leave out indicators.

        Args:
            changed: By the variable of an indicator what stands in its place; None leaves it out.
                A score must keep an indicator.

        Returns:
            The construct with the changed indicators; weights as they are.
        """
        scores = []
        for score in self.scores:
            new = [changed.get(i.variable, i) for i in score.indicators]
            kept = tuple(i for i in new if i is not None)
            scores.append(score.model_copy(update={"indicators": kept}))
        return self.model_copy(update={"scores": tuple(scores)})

    def transform_shares(self, transform: Transform, codebook: Codebook) -> Construct:
        """Give all indicators on the scale of a share the same transform.

        Args:
            transform: The transform.
            codebook: Tells which variables are shares.

        Returns:
            The construct with the transform; other indicators as they are.
        """
        shares = (i for i in self.indicators if codebook[i.variable].scale is Scale.SHARE)
        return self.change_indicators(
            {i.variable: i.model_copy(update={"transform": transform}) for i in shares}
        )


def plain_construct(variable: str) -> Construct:
    """The construct that is one variable, as it is."""
    score = Score.model_validate(_plain_score(variable, 1))
    return Construct(name=variable, scores=(score,))


def _plain_score(variable: str, weight: float) -> dict[str, Any]:
    return {"name": variable, "weight": weight, "indicators": [{"variable": variable}]}


def refuse_repeated(what: str, names: Iterable[str]) -> None:
    """Refuse a name that stands twice.

    Args:
        what: What the names name, for the message.
        names: The names.

    Raises:
        ValueError: A name stands twice.
    """
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"the {what} {repeated[0]!r} stands twice; remove or rename one")
