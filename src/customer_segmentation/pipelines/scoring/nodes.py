"""The node of scoring."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from customer_segmentation.scorer.batch import ScoringParameters, score_tables
from customer_segmentation.scorer.scoring import check_examples
from customer_segmentation.scorer.storage import unpack_bundle


def score_households_file(
    households_to_score: Iterable[pd.DataFrame],
    scoring_bundle: bytes,
    scoring: ScoringParameters,
) -> pd.DataFrame:
    """Name the segment of every household of a file, from what the file tells of it.

    Args:
        households_to_score: The parts of the file, as `panel.reader.iterate_households`.
        scoring_bundle: The content of a bundle, as `scorer.storage.pack_bundle`.
        scoring: Number of threads.

    Returns:
        One row per household in the order of the file: household_id (int64), segment, claim,
        information_set, thin_record (boolean, missing where it is not known) and a probability per
        segment; they sum to 1.

    Raises:
        BundleError: As `scorer.storage.unpack_bundle`.
        ScoringError: As `scorer.scoring.check_examples`.
        HouseholdDataError: As `scorer.batch.score_tables`.
    """
    bundle = unpack_bundle(scoring_bundle, Path("scoring_bundle"))
    check_examples(bundle)
    return score_tables(bundle, households_to_score, scoring.processes)
