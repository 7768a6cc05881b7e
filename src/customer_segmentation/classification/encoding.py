"""From household columns to the numbers that a classifier takes.

What is learnt is a handful of plain numbers per field, so that the same encoder serves validation,
the batch and the service, and can be stored without its code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import AfterValidator, StrictBool
from sklearn.base import BaseEstimator, TransformerMixin

from customer_segmentation.panel.codebook import Codebook, Scale
from customer_segmentation.panel.values import (
    Configured,
    Finite,
    Missable,
    Numbers,
    Positive,
    refuse_repeated,
)

Floats = npt.NDArray[np.float64]

NUMBER, LEVEL, BLANK = 0, 1, 2


class Levels(Configured):
    """How a nominal field is encoded: one column per code, 1 where the household has it.

    Attributes:
        field: The field.
        codes: The codes seen in training, ascending.
        blank: Whether "not stated" was seen, and is the last column.
    """

    kind: Literal["levels"] = "levels"
    field: str
    codes: Annotated[Numbers, AfterValidator(refuse_repeated)]
    blank: StrictBool


class Number(Configured):
    """How any other field is encoded: one column with (value - mean) / scale.

    Attributes:
        field: The field.
        fill: What replaces a missing value; missing itself where missing values may stay.
        mean: What is taken off; 0 for trees.
        scale: What it is divided by; 1 for trees and for a constant.
        blank: Whether a second column holds 1 where the value was missing.
    """

    kind: Literal["number"] = "number"
    field: str
    fill: Missable
    mean: Finite
    scale: Positive
    blank: StrictBool


class FieldEncoder(TransformerMixin, BaseEstimator):
    """Encode fields by their scale.

    A nominal code becomes one column per code seen in training; "not stated" is a code of its own,
    and a code never seen is none of them. Ordinal codes stay numbers in their order. Trees find
    their way around missing and skewed numbers by themselves. A linear model gets them
    standardised, the missing ones replaced by the training median with a column that says so. There
    is no logarithm here: a skewed amount is in the codebook a second time, as a derived variable on
    the log scale.

    Args:
        codebook: The scale of each field.
        fields: Names of fields and derived variables.
        linear: Whether the model adds up its inputs.

    Attributes:
        entries_: What was learnt, one entry per field, in order.
    """

    def __init__(self, codebook: Codebook, fields: Sequence[str], *, linear: bool) -> None:
        self.codebook = codebook
        self.fields = fields
        self.linear = linear

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002 - scikit-learn's form
        """Learn codes, medians, means and standard deviations from training households."""
        self.entries_: list[Levels | Number] = [
            self._learn(name, X[name].to_numpy(dtype=np.float64)) for name in self.fields
        ]
        return self

    def transform(self, X: pd.DataFrame) -> Floats:
        """Encode households: one column per name of `encoded_fields`."""
        columns = {name: X[name].to_numpy(dtype=np.float64) for name in self.fields}
        return Encoding(self.entries_).encode(columns)

    def _learn(self, name: str, values: Floats) -> Levels | Number:
        known = values[~np.isnan(values)]
        blank = len(known) < len(values)
        if self.codebook[name].scale == Scale.NOMINAL:
            return Levels(field=name, codes=tuple(np.unique(known).tolist()), blank=blank)
        if not self.linear:
            return Number(field=name, fill=np.nan, mean=0.0, scale=1.0, blank=False)
        fill = float(np.median(known)) if len(known) else 0.0
        filled = np.where(np.isnan(values), fill, values)
        scale = float(filled.std()) or 1.0
        return Number(field=name, fill=fill, mean=float(filled.mean()), scale=scale, blank=blank)


class Encoding:
    """What an encoder has learnt, laid out so that it encodes one household or a million."""

    def __init__(self, entries: Sequence[Levels | Number]) -> None:
        self.fields = [entry.field for entry in entries]
        columns = [row for at, entry in enumerate(entries) for row in _list_columns(at, entry)]
        self._sources, kinds, *numbers = map(np.array, zip(*columns, strict=True))
        self._is_level, self._is_blank = kinds == LEVEL, kinds == BLANK
        self._constants, self._means, self._scales = numbers

    def encode(self, columns: Mapping[str, Floats]) -> Floats:
        """Encode households, given one float64 value each per field, missing ones allowed."""
        known: Floats = np.array([columns[name] for name in self.fields]).T
        values = known.take(self._sources, axis=1)
        blank = np.isnan(values)
        numbers = (np.where(blank, self._constants, values) - self._means) / self._scales
        others = np.where(self._is_blank, blank, numbers)
        return np.where(self._is_level, values == self._constants, others)


def encoded_fields(entries: Sequence[Levels | Number]) -> list[str]:
    """Name the field behind each encoded column, in order."""
    return [entry.field for at, entry in enumerate(entries) for _ in _list_columns(at, entry)]


def _list_columns(at: int, entry: Levels | Number) -> list[tuple[int, int, float, float, float]]:
    """Of each encoded column: its source, kind, code or fill, mean and scale."""
    blank = [(at, BLANK, 0.0, 0.0, 1.0)] if entry.blank else []
    if isinstance(entry, Levels):
        return [*((at, LEVEL, code, 0.0, 1.0) for code in entry.codes), *blank]
    return [(at, NUMBER, entry.fill, entry.mean, entry.scale), *blank]
