"""The inner loop of encoding, compiled by numba and free of the interpreter's lock."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

NUMBER, LEVEL, BLANK = 0, 1, 2


@njit(cache=True, nogil=True)
def encode_columns(
    values: Floats,
    sources: Integers,
    kinds: Integers,
    constants: Floats,
    means: Floats,
    scales: Floats,
) -> Floats:
    """Encode households column by column.

    Args:
        values: One row per field, one column per household, NaN where a value is missing.
        sources: For each encoded column the row of its field.
        kinds: NUMBER, LEVEL or BLANK, one per encoded column.
        constants: What a NUMBER has in a missing value's place; the code of a LEVEL.
        means: What is taken off a NUMBER.
        scales: What it is then divided by.

    Returns:
        One row per household, one column per encoded column.
    """
    households = values.shape[1]
    encoded = np.empty((households, len(sources)))
    for i in range(households):
        for j in range(len(sources)):
            value = values[sources[j], i]
            if kinds[j] == LEVEL:
                encoded[i, j] = value == constants[j]
            elif kinds[j] == BLANK:
                encoded[i, j] = np.isnan(value)
            else:
                known = constants[j] if np.isnan(value) else value
                encoded[i, j] = (known - means[j]) / scales[j]
    return encoded
