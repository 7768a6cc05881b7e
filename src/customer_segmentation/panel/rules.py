"""The rules of a codebook in a form that checks one household or a million at the same pace.

Households stand here as one array: a row per field in the order of the codebook, a column per
household, codes as the panel file has them, NaN for what is not known. What is not known breaks no
rule. `panel.contract` says to people what these rules find.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from customer_segmentation.panel.codebook import Codebook, Field
from customer_segmentation.panel.features import Computation, prepare_formula

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

LARGEST = np.finfo(np.float64).max
LARGEST_WHOLE = 2.0**53  # beyond it, floating-point numbers skip whole numbers

# By so much of itself a result may be off that is exact on paper, and differently in other company:
# a household at the very limit is accepted alone and among others.
ROUNDING = 1e-12


class Sums(NamedTuple):
    """What the shares of each composition of each household add up to: compositions x households.

    Attributes:
        totals: Of the shares that are known.
        off: Whether the total cannot be right: it exceeds the composition's, or no share is unknown
            and it falls short.
    """

    totals: Floats
    off: Flags


class Implied(NamedTuple):
    """What a field must be by its identity with other fields, household by household.

    Attributes:
        field: The field.
        expected: What follows from the others; NaN where they are not known.
        impossible: Whether it is out of the field's range.
        off: Whether it is impossible, or the field differs from it.
    """

    field: Field
    expected: Floats
    impossible: Flags
    off: Flags


class _Keepers(NamedTuple):
    """The fields that keep an identity: positions, limits and tolerances, one of each a row."""

    fields: list[Field]
    at: npt.NDArray[np.intp]
    lowest: Floats
    highest: Floats
    tolerances: Floats


class Rules:
    """What the codebook asks of numbers, looked up once.

    Args:
        codebook: The panel's codebook.
    """

    def __init__(self, codebook: Codebook) -> None:
        self.codebook = codebook
        fields = codebook.fields
        self.position = {field.name: at for at, field in enumerate(fields)}
        limits = np.array([_find_limits(field) for field in fields])
        self._lowest, self._highest = limits.T[:, :, np.newaxis]
        self._whole = np.array([[field.is_whole] for field in fields])
        self._gapped = {at: field.codes for at, field in enumerate(fields) if _has_gaps(field)}
        groups = [group.name for group in codebook.compositions]
        self._parts = np.array(
            [[field.group == group for field in fields] for group in groups], dtype=np.float64
        ).reshape(len(groups), len(fields))
        totals = [(group.sums_to or 0.0, group.tolerance) for group in codebook.compositions]
        self._targets, tolerances = np.array(totals).reshape(-1, 2).T[:, :, np.newaxis]
        self._tolerances = tolerances + ROUNDING * np.abs(self._targets)

    def accept(self, values: Floats) -> Flags:
        """Find the households that keep every rule.

        Args:
            values: Fields x households.

        Returns:
            One flag per household.
        """
        refused = self.refuse_values(values)
        accepted = np.where(refused, np.nan, values)
        off = [each.off for each in self.follow_identities(accepted)]
        broken = np.concatenate([refused, self.add_up(accepted).off, *(each[None] for each in off)])
        kept: Flags = np.logical_not(broken.any(axis=0))
        return kept

    def refuse_values(self, values: Floats) -> Flags:
        """Find the values that are no code, no whole number, or out of range by themselves.

        Args:
            values: Fields x households.

        Returns:
            One flag per value.
        """
        refused: Flags = (values < self._lowest) | (values > self._highest)
        refused |= self._whole & (np.floor(values) < values)
        for at, codes in self._gapped.items():
            refused[at] |= ~np.isin(values[at], list(codes)) & ~np.isnan(values[at])
        return refused

    def add_up(self, values: Floats) -> Sums:
        """Add up the shares of every composition.

        Args:
            values: Fields x households.
        """
        known = ~np.isnan(values)
        totals = self._parts @ np.where(known, values, 0.0)
        complete = self._parts @ ~known == 0
        excess = totals - self._targets
        return Sums(totals, (excess > self._tolerances) | (complete & (excess < -self._tolerances)))

    def follow_identities(self, values: Floats) -> list[Implied]:
        """Work out every field that others imply, exceptions that are declared aside.

        Args:
            values: Fields x households.
        """
        columns = {name: values[at] for name, at in self._sources.items()}
        computed = [factor * each.compute(columns) for _, factor, each in self._identities]
        expected = np.array(computed).reshape(len(computed), values.shape[1])
        fields, at, lowest, highest, tolerances = self._keepers
        rounding = ROUNDING * np.minimum(np.abs(expected), LARGEST)
        impossible = (expected < lowest - rounding) | (expected > highest + rounding)
        off = impossible | (np.abs(values[at] - expected) > tolerances + rounding)
        return [Implied(*each) for each in zip(fields, expected, impossible, off, strict=True)]

    def erase_unstated(self, values: Floats) -> Floats:
        """Set what is not stated to missing, as the tables of the project have it.

        Args:
            values: Fields x households.

        Returns:
            A copy. A value that means "not stated" only in a blank record is missing there only. A
            record is blank if it states none of the fields that can be left unstated and that are
            known, and any of them is.
        """
        unstated = values == self._unstated
        erased = np.where(unstated, np.nan, values)
        for at, code in self._blank_only.items():
            if (holds := values[at] == code).any():
                stated = ~np.isnan(erased[self._optional]).all(axis=0)
                blank = unstated[self._optional].any(axis=0) & ~stated
                erased[at, holds & blank] = np.nan
        return erased

    @cached_property
    def _identities(self) -> list[tuple[Field, float, Computation]]:
        return [
            (field, kept.factor, prepare_formula(field.name, kept.formula, kept.of, self.codebook))
            for field in self.codebook.fields
            if (kept := field.identity) and not kept.exceptions
        ]

    @cached_property
    def _sources(self) -> dict[str, int]:
        """The fields that identities are computed from, with their positions."""
        names = [name for _, _, each in self._identities for name in each.sources]
        return {name: self.position[name] for name in names}

    @cached_property
    def _keepers(self) -> _Keepers:
        fields = [field for field, _, _ in self._identities]
        at = np.array([self.position[field.name] for field in fields], dtype=np.intp)
        tolerances = [[field.identity.tolerance if field.identity else 0.0] for field in fields]
        column = np.array(tolerances).reshape(-1, 1)
        return _Keepers(fields, at, self._lowest[at], self._highest[at], column)

    @cached_property
    def _unstated(self) -> Floats:
        codes = [field.not_stated for field in self.codebook.fields]
        return np.array([[np.nan if code is None else code] for code in codes])

    @cached_property
    def _optional(self) -> list[int]:
        return [at for at, field in enumerate(self.codebook.fields) if field.not_stated is not None]

    @cached_property
    def _blank_only(self) -> dict[int, int]:
        return {
            at: code
            for at, field in enumerate(self.codebook.fields)
            if self._optional and (code := field.not_stated_in_blank_record) is not None
        }


def _find_limits(field: Field) -> tuple[float, float]:
    if field.codes:
        return min(field.codes), max(field.codes)
    largest = LARGEST_WHOLE if field.is_whole else LARGEST
    low = -largest if field.minimum is None else max(field.minimum, -largest)
    high = largest if field.maximum is None else min(field.maximum, largest)
    return low, high


def _has_gaps(field: Field) -> bool:
    return bool(field.codes) and len(field.codes) <= max(field.codes) - min(field.codes)
