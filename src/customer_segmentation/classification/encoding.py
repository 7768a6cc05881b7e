"""From household columns to the numbers that a classifier takes, and from what they add back.

What is learnt is a handful of plain numbers per field, so that the same encoder serves validation,
the batch and the service, and can be stored without its code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple, Self

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


class Attribution(NamedTuple):
    """What the encoded columns of households add to a model's margins, before calibration.

    Margins are logs of probabilities, up to a constant that the segments of a household share.

    Attributes:
        contributions: Households x encoded columns x segments.
        base: The margin of each segment before any column is known. Base plus the contributions of
            a household are its margins.
    """

    contributions: Floats
    base: Floats


@dataclass(frozen=True)
class Explanation:
    """How the fields of each household add up to the calibrated probabilities of the segments.

    Attributes:
        segments: The segments, last axis of `values`.
        fields: The fields, second axis of `values`.
        values: What each field contributes, in centred log-odds: households x fields x segments;
            the segments of a household and field sum to 0.
        base: The centred log-odds of each segment before any field is known. Base plus the
            contributions of a household are its centred log-odds.
    """

    segments: list[str]
    fields: list[str]
    values: Floats
    base: Floats


def calibrate_attribution(
    attribution: Attribution,
    columns: Sequence[str],
    segments: Sequence[str],
    shares: Floats,
    temperature: float,
) -> Explanation:
    """Turn what encoded columns add to margins into what fields add to centred log-odds.

    A temperature divides all evidence, so it divides each contribution, and the base moves towards
    the shares. `columns` are the fields behind the encoded columns, those of a field together.
    """
    fields = list(dict.fromkeys(columns))
    starts = [columns.index(field) for field in fields]
    by_field = np.add.reduceat(attribution.contributions, starts, axis=1)
    prior = np.log(shares)
    base = prior + (attribution.base - prior) / temperature
    return Explanation(list(segments), fields, _centre(by_field) / temperature, _centre(base))


def attribute_linear(
    encoded: Floats, coefficients: Floats, intercepts: Floats, background: Floats
) -> Attribution:
    """Attribute the margins of a logistic regression to its columns.

    Lundberg & Lee (2017), corollary 1 (linear SHAP): columns are taken as independent.
    """
    slopes = mirror(coefficients.T)
    contributions = (encoded - background)[:, :, np.newaxis] * slopes
    return Attribution(contributions, mirror(intercepts) + background @ slopes)


def mirror(margins: Floats) -> Floats:
    """Give each segment its margin; the last axis has the one of the second if there are two."""
    # Of two segments a model has one margin, the log-odds of the second: half of it lies on each.
    if margins.shape[-1] > 1:
        return margins
    return np.concatenate([-margins, margins], axis=-1) / 2


def _centre(logs: Floats) -> Floats:
    centred: Floats = logs - logs.mean(axis=-1, keepdims=True)
    return centred
