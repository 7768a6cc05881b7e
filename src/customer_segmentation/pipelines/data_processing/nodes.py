"""Nodes of data_processing that are not a function of `panel` as they stand."""

from __future__ import annotations

import pandas as pd

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.contract import DataProcessingParameters
from customer_segmentation.panel.features import (
    derive_features,
    flag_blank_records,
    flag_thin_records,
)


def derive_household_features(
    households: pd.DataFrame, codebook: Codebook, data_processing: DataProcessingParameters
) -> pd.DataFrame:
    """Compute every derived variable and flag of every household.

    Args:
        households: One row per household, as `validate_households` returns them.
        codebook: The panel's codebook, which declares the derived variables and the flags.
        data_processing: How many transactions make a record thick enough.

    Returns:
        One row per household in the same order: the identifier, one float64 column per derived
        variable (missing only where its formula says so), then the flags for a thin record and for
        a blank demographic record, both bool.
    """
    derived = derive_features(households, codebook)
    thin = flag_thin_records(households, codebook, data_processing.minimum_transactions)
    blank = flag_blank_records(households, codebook)
    return pd.concat([households[codebook.identifier], derived, thin, blank], axis=1)
