"""Numbers as a bundle's files hold them, in JSON that is equal to the byte where they are equal."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import BeforeValidator, FiniteFloat, PlainSerializer

# Missing is null in JSON, which has no word for NaN, and NaN in Python.
Missable = Annotated[
    float,
    BeforeValidator(lambda value: math.nan if value is None else value),
    PlainSerializer(lambda value: None if math.isnan(value) else value, when_used="json"),
]
Numbers = tuple[FiniteFloat, ...]
Table = tuple[Numbers, ...]  # one row after the other


def write_json(value: Any) -> bytes:
    """Write a value as JSON in one form: equal values give equal bytes.

    Keys keep their order, which pydantic's models give and in which a codebook's codes are shown.
    Numbers are as short as they can be while they are read back to the last bit.

    Args:
        value: Of dictionaries, lists, texts, numbers, truth values and None.

    Raises:
        ValueError: A number is infinite or NaN.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return f"{text}\n".encode()


def to_row(values: npt.ArrayLike) -> Numbers:
    """Copy an array of one dimension into plain numbers."""
    return tuple(np.asarray(values, dtype=np.float64).tolist())


def to_table(values: npt.ArrayLike) -> Table:
    """Copy an array of two dimensions into plain numbers."""
    return tuple(map(to_row, np.asarray(values)))
