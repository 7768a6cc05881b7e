"""A file of households, scored for a person: CSV in, CSV out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.reader import read_panel_bytes
from customer_segmentation.panel.values import HouseholdDataError
from customer_segmentation.scorer.batch import score_table
from customer_segmentation.scorer.bundle import ScoringBundle
from customer_segmentation.scorer.scoring import Scores

SET_COLUMN = "conformal_set"
FEW_ROWS = 1000  # of which each can be judged by itself
MOST_CELLS = 1000  # of a row: all fields, and many blank columns


def score_file(content: bytes, source: str, bundle: ScoringBundle) -> Scores:
    """Score the households of a file, or refuse it as a whole.

    Args:
        content: A comma-separated file: one row per household, its identifier and any of the fields
            as columns.
        source: What the file is called.
        bundle: What answers.

    Returns:
        An answer for each household, in order.

    Raises:
        HouseholdDataError: The file cannot be read, a column or a value is not what the codebook
            says, or a household has no identifier or no answer.
    """
    _refuse_odd_shapes(content, source, bundle)
    table = read_panel_bytes(content, source)
    _refuse_crowd(table, source, bundle.codebook)
    return score_table(bundle, table, source)


def tabulate_file(scores: Scores) -> pd.DataFrame:
    """Put the answers about a file into a table that is given back.

    Args:
        scores: As `score_file`.

    Returns:
        As `Scores.tabulate`, and the segments that cannot be ruled out, parted by semicolons. No
        text of the file is in it.
    """
    names = np.array(scores.bundle.segments, dtype=object)
    sets = ["; ".join(names[held]) for held in scores.form_sets()]
    return scores.tabulate().assign(**{SET_COLUMN: sets})


def tabulate_examples(bundle: ScoringBundle) -> pd.DataFrame:
    """Put the typical households of a bundle into a table that can be scored.

    Returns:
        One row per segment, columns by clean name; the identifiers are made up.
    """
    identifier = bundle.codebook.field(bundle.codebook.identifier)
    first = int(identifier.minimum or 1)
    table = pd.DataFrame([example.values for example in bundle.examples])
    ids = range(first, first + len(table))
    codes = {field.name: "int64" for field in bundle.codebook.fields if field.is_whole}
    table.insert(0, identifier.name, ids)
    return table.astype({name: codes[name] for name in table.columns if name in codes})


def _refuse_odd_shapes(content: bytes, source: str, bundle: ScoringBundle) -> None:
    """What cannot be right by its shape is refused unread: to tell all about it takes minutes."""
    rows = max(content.count(b"\n"), content.count(b"\r"))
    fewest = min(len(route.inputs.fields) for route in bundle.routes)
    if rows > FEW_ROWS and len(content) < rows * (fewest + 1):  # a comma each, and the end
        raise HouseholdDataError(
            f"{source}: its {rows} rows are too short to hold the {fewest} fields that an answer "
            "needs at least."
        )
    widest = max((line.count(b",") + 1 for line in content.splitlines()), default=0)
    if widest > MOST_CELLS:
        raise HouseholdDataError(
            f"{source}: a row has {widest} cells, but a household has "
            f"{len(bundle.codebook.fields)} fields. Leave the others out."
        )


def _refuse_crowd(table: pd.DataFrame, source: str, codebook: Codebook) -> None:
    """More columns than there are names cannot all be right; telling of each would take minutes."""
    most = len(codebook.fields) + len(codebook.ignored_raw_names)
    if len(table.columns) > most:
        raise HouseholdDataError(
            f"{source}: the header names {len(table.columns)} columns, but a household has no more "
            f"than {most}. Leave the others out."
        )
