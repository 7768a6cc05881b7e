"""Tables of solutions: specification x number of segments."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from customer_segmentation.segments.partition import Labels

KEYS = ["specification", "k"]
Solution = tuple[str, int]


def group_by_solution(table: pd.DataFrame) -> Iterator[tuple[Solution, pd.DataFrame]]:
    """Go through the rows of each solution of a table, in order.

    Args:
        table: One or more rows per `specification` x number of segments `k`.

    Yields:
        Specification and number of segments, and their rows.
    """
    for (name, k), group in table.groupby(KEYS, sort=False):
        yield (str(name), int(str(k))), group


def read_solutions(candidate_labels: pd.DataFrame) -> dict[Solution, Labels]:
    """Read the labels of the households, in order, by specification and number of segments.

    Args:
        candidate_labels: One row per solution x household: `label`.
    """
    return {
        solution: group["label"].to_numpy(dtype=np.intp)
        for solution, group in group_by_solution(candidate_labels)
    }
