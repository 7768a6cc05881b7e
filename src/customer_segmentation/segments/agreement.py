"""How far two groupings of the same households agree.

All measures start from a contingency table: one row per segment of the first grouping (the
reference), one column per segment of the second, the number of households in each cell.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from customer_segmentation.segments.partition import Labels

Counts = npt.NDArray[np.int64]
UNMATCHED = -1


def cross_tabulate(first: Labels, second: Labels, rows: int, columns: int) -> Counts:
    """Count the households in each pair of segments of two groupings.

    Args:
        first: One segment number per household, from 0 to `rows` - 1.
        second: One segment number per household, from 0 to `columns` - 1.
        rows: Number of segments of the first grouping, empty ones included.
        columns: Number of segments of the second grouping, empty ones included.

    Returns:
        One row per segment of the first grouping, one column per segment of the second.
    """
    cells = np.bincount(first * columns + second, minlength=rows * columns)
    return cells.reshape(rows, columns).astype(np.int64)


def adjusted_rand(counts: Counts) -> float:
    """Measure by the adjusted Rand index how far two groupings agree as a whole.

    Args:
        counts: The contingency table; empty rows and columns do not matter.

    Returns:
        1 for equal groupings, about 0 for chance, below 0 for less than chance. Two groupings that
        both leave every household alone, or both keep all together, are equal.

    References:
        Hubert & Arabie (1985), Comparing partitions.
    """
    households = int(counts.sum())
    together = int((counts**2).sum())  # ordered pairs, each household with itself included
    first = int((counts.sum(axis=1) ** 2).sum())
    second = int((counts.sum(axis=0) ** 2).sum())
    both, only_first, only_second = together - households, first - together, second - together
    neither = households**2 - first - second + together
    if only_first == only_second == 0:
        return 1.0
    return (
        2
        * (both * neither - only_first * only_second)
        / (
            (both + only_first) * (only_first + neither)
            + (both + only_second) * (only_second + neither)
        )
    )


def best_jaccards(counts: Counts) -> npt.NDArray[np.float64]:
    """Measure how well the other grouping recovers each segment of the reference.

    Args:
        counts: The contingency table; the rows are the reference.

    Returns:
        For each row the largest Jaccard coefficient with any column: households in both segments
        out of households in either, from 0 (also for an empty row) to 1.

    References:
        Hennig (2007), Cluster-wise assessment of cluster stability. Dolnicar & Leisch (2017), Using
        segment level stability to select target segments in data-driven market segmentation
        studies.
    """
    either = counts.sum(axis=1, keepdims=True) + counts.sum(axis=0) - counts
    jaccards: npt.NDArray[np.float64] = (counts / np.maximum(either, 1)).max(axis=1)
    return jaccards


def align(counts: Counts) -> Labels:
    """Match the segments of two groupings one to one so that most households stay together.

    Args:
        counts: The contingency table, of any shape.

    Returns:
        For each column the number of its row; `UNMATCHED` for columns left over when there are more
        columns than rows.
    """
    matched: Labels = np.full(counts.shape[1], UNMATCHED, dtype=np.intp)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    matched[columns] = rows
    return matched
