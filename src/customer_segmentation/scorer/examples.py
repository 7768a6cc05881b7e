"""Typical households: aggregates to start from in a form, and to test a copy of a bundle by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from pydantic import Field as Setting

from customer_segmentation.panel.codebook import Codebook, Field
from customer_segmentation.panel.contract import Rules
from customer_segmentation.panel.features import prepare_formula
from customer_segmentation.panel.values import Configured, Finite, Probabilities

Floats = npt.NDArray[np.float64]

DECIMALS = 3  # of shares


class Example(Configured):
    """A household that nobody is: the typical one of a segment.

    Attributes:
        segment: The segment.
        values: Every field but the identifier, by clean name, codes as the panel file has them.
        answers: For each information set the probabilities that its route gives the household, in
            the bundle's order of segments.
    """

    segment: str
    values: dict[str, Finite] = Setting(min_length=1)
    answers: dict[str, Probabilities] = Setting(min_length=1)

    def check(
        self, codebook: Codebook, segments: Sequence[str], information_sets: Sequence[str]
    ) -> None:
        """Refuse an example that does not fit a bundle.

        Args:
            codebook: The bundle's codebook.
            segments: Its segments.
            information_sets: What its routes are called.

        Raises:
            ValueError: The segment is unknown, the values are not those of every field but the
                identifier, the sets are others, or the probabilities are not one per segment.
        """
        if self.segment not in segments:
            raise ValueError(f"an example is of {self.segment!r}, which is no segment")
        if set(self.values) != {field.name for field in codebook.fields} - {codebook.identifier}:
            raise ValueError(
                f"the example of {self.segment!r} holds other fields than the codebook"
            )
        if set(self.answers) != set(information_sets):
            raise ValueError(f"the example of {self.segment!r} answers other information sets")
        if any(len(answer) != len(segments) for answer in self.answers.values()):
            raise ValueError(f"the example of {self.segment!r} has not one answer per segment")


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
