"""From household columns to the numbers that a classifier takes.

What is learnt is a handful of plain numbers per field, so that the same encoder serves validation,
the batch and the service, and can be stored without its code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from customer_segmentation.panel.codebook import Codebook, Scale

Floats = npt.NDArray[np.float64]


class Levels(NamedTuple):
    """How a nominal field is encoded: one column per code, 1 where the household has it.

    Attributes:
        field: The field.
        codes: The codes seen in training, ascending.
        blank: Whether "not stated" was seen, and is the last column.
    """

    field: str
    codes: tuple[float, ...]
    blank: bool


class Number(NamedTuple):
    """How any other field is encoded: one column with (value - mean) / scale.

    Attributes:
        field: The field.
        fill: What replaces a missing value; missing itself where missing values may stay.
        mean: What is taken off; 0 for trees.
        scale: What it is divided by; 1 for trees and for a constant.
        blank: Whether a second column holds 1 where the value was missing.
    """

    field: str
    fill: float
    mean: float
    scale: float
    blank: bool


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
        """Learn codes, medians, means and standard deviations.

        Args:
            X: One row per training household, one float64 column per field, missing values allowed.
            y: Not used.
        """
        self.entries_: list[Levels | Number] = [
            self._learn(name, X[name].to_numpy(dtype=np.float64)) for name in self.fields
        ]
        return self

    def transform(self, X: pd.DataFrame) -> Floats:
        """Encode households.

        Args:
            X: One row per household, one float64 column per field, missing values allowed.

        Returns:
            One row per household, one column per name of `encoded_fields`.
        """
        columns = {name: X[name].to_numpy(dtype=np.float64) for name in self.fields}
        return Encoding(self.entries_).encode(columns)

    def _learn(self, name: str, values: Floats) -> Levels | Number:
        known = values[~np.isnan(values)]
        blank = len(known) < len(values)
        if self.codebook[name].scale == Scale.NOMINAL:
            return Levels(name, tuple(np.unique(known).tolist()), blank)
        if not self.linear:
            return Number(name, np.nan, 0.0, 1.0, blank=False)
        fill = float(np.median(known)) if len(known) else 0.0
        filled = np.where(np.isnan(values), fill, values)
        spread = float(filled.std())
        return Number(name, fill, float(filled.mean()), spread if spread > 0 else 1.0, blank)


class Encoding:
    """What an encoder has learnt, laid out so that it encodes one household or a million.

    Args:
        entries: What was learnt, one entry per field.
    """

    def __init__(self, entries: Sequence[Levels | Number]) -> None:
        self.fields = [entry.field for entry in entries]
        columns = [row for at, entry in enumerate(entries) for row in _list_columns(at, entry)]
        sources, kinds, constants, means, scales = zip(*columns, strict=True)
        self._places = np.array(sources), np.array(kinds)
        self._numbers = np.array(constants), np.array(means), np.array(scales)

    def encode(self, columns: Mapping[str, Floats]) -> Floats:
        """Encode households.

        Args:
            columns: One float64 value per household for each field, missing ones allowed.

        Returns:
            One row per household, one column per name of `encoded_fields`.
        """
        from customer_segmentation.classification.kernels import encode_columns

        values = np.array([columns[name] for name in self.fields])
        encoded: Floats = encode_columns(values, *self._places, *self._numbers)
        return encoded


def encoded_fields(entries: Sequence[Levels | Number]) -> list[str]:
    """Name the field behind each encoded column, in order."""
    widths = [
        len(entry.codes) + entry.blank if isinstance(entry, Levels) else 1 + entry.blank
        for entry in entries
    ]
    return [entry.field for entry, width in zip(entries, widths, strict=True) for _ in range(width)]


def _list_columns(at: int, entry: Levels | Number) -> list[tuple[int, int, float, float, float]]:
    """The encoded columns of a field, as `kernels.encode_columns` takes them."""
    from customer_segmentation.classification.kernels import BLANK, LEVEL, NUMBER

    blank = [(at, BLANK, 0.0, 0.0, 1.0)] if entry.blank else []
    if isinstance(entry, Levels):
        return [*((at, LEVEL, code, 0.0, 1.0) for code in entry.codes), *blank]
    return [(at, NUMBER, entry.fill, entry.mean, entry.scale), *blank]
