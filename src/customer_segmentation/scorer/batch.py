"""Scoring many households that come part by part, as a large file is read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import numpy as np
import pandas as pd
from pydantic import Field

from customer_segmentation.panel.codebook import Codebook, same_name
from customer_segmentation.panel.contract import Problem, find_repeated_ids, refuse
from customer_segmentation.panel.values import Configured, HouseholdDataError
from customer_segmentation.scorer.bundle import ScoringBundle
from customer_segmentation.scorer.scoring import NOBODY, Scores, score_households

Item = TypeVar("Item")
Result = TypeVar("Result")


class ScoringParameters(Configured):
    """What a user may change about scoring a file.

    Attributes:
        processes: Number of threads that score; no answer depends on it.
    """

    processes: int = Field(ge=1)


def score_tables(
    bundle: ScoringBundle, tables: Iterable[pd.DataFrame], workers: int
) -> pd.DataFrame:
    """Score the households of one file.

    Args:
        bundle: A scoring bundle.
        tables: The parts of the file, at least one, as `panel.reader.iterate_households` gives
            them. Only a few of them are in memory at a time.
        workers: Number of threads. The answers depend neither on it nor on how the file is divided.

    Returns:
        One row per household in the order of the file, as `Scores.tabulate`.

    Raises:
        HouseholdDataError: The causes of `RecordReader.read_table` and of the reading of the file;
            a household has no id, or that of another; or too little is known of it for any answer.
            The message names source, row, column and value of the first problems.
    """
    answers = pd.concat(_map_in_order(partial(_tabulate_part, bundle), tables, workers))
    ids = answers[bundle.codebook.identifier]
    repeated = ids[ids.duplicated(keep=False)]  # in two parts: the reader knows one at a time
    rows, numbers = repeated.index.tolist(), repeated.tolist()
    refuse(answers.attrs["source"], list(find_repeated_ids(numbers, rows, str(ids.name))))
    return answers.reset_index(drop=True)


def score_table(bundle: ScoringBundle, table: pd.DataFrame, source: str) -> Scores:
    """Score the households of a table, or refuse it as a whole.

    Args:
        bundle: A scoring bundle.
        table: As for `RecordReader.read_table`, with a column for the identifier.
        source: Where it comes from, for messages.

    Returns:
        An answer for each household, in order.

    Raises:
        HouseholdDataError: The causes of `RecordReader.read_table`; a household has no id, or too
            little is known of it for any answer.
    """
    households = bundle.reader.read_table(table, source)
    name, rows = _name_identifier(table, bundle.codebook), table.index.tolist()
    if name not in table:
        refuse(source, [Problem(None, name, "", f"is missing; {_OWN_ID}")])
    nameless = np.flatnonzero(np.isnan(households.ids)).tolist()
    refuse(source, [Problem(rows[at], name, "", f"is empty; {_OWN_ID}") for at in nameless])
    scores = score_households(bundle, households)
    unanswered = [
        Problem(rows[at], name, f"{households.ids[at]:.0f}", scores.describe_lack(at))
        for at in np.flatnonzero(scores.routes == NOBODY).tolist()
    ]
    refuse(source, unanswered)
    return scores


def _tabulate_part(bundle: ScoringBundle, table: pd.DataFrame) -> pd.DataFrame:
    """The answers about the households of a part, with the index and the source of the part."""
    source = f"{table.attrs['source']}, read up to row {table.index[-1]},"
    answers = score_table(bundle, table, source).tabulate().set_axis(table.index)
    answers.attrs = table.attrs
    return answers


_OWN_ID = "give every household an id of its own"


def _name_identifier(table: pd.DataFrame, codebook: Codebook) -> str:
    """What the table calls the identifier; what the panel file does if it has none."""
    field = codebook.field(codebook.identifier)
    names = (str(name) for name in table.columns)
    told = (name for name in names if same_name(name) in (field.name, field.raw_name))
    return next(told, field.raw_name)


def _map_in_order(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """Apply a function to items in threads; what fails first in their order, stops it.

    Few items wait at a time, as they are large.
    """
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Result]] = deque()
        for future in _submit(function, items, pool):
            waiting.append(future)
            if len(waiting) > workers:
                yield waiting.popleft().result()
        for future in waiting:
            yield future.result()


def _submit(
    function: Callable[[Item], Result], items: Iterable[Item], pool: Executor
) -> Iterator[Future[Result]]:
    try:
        for item in items:
            yield pool.submit(function, item)
    except HouseholdDataError as error:  # is told unless something before it is wrong
        failed: Future[Result] = Future()
        failed.set_exception(error)
        yield failed
