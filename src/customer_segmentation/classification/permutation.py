"""Whether what a set predicts could be chance: predictors permuted against the purchase record."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed

from customer_segmentation.classification.audit import Claim, sets_claiming
from customer_segmentation.classification.parameters import ModellingParameters
from customer_segmentation.classification.plain_regression import Split, encode_split, split_folds
from customer_segmentation.classification.validation import take_values
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.segments.descriptors import adjust_by_holm
from customer_segmentation.segments.partition import Purpose, seed_for

Floats = npt.NDArray[np.float64]

ROUNDING = 1e-9  # log losses that differ by less are equal

COLUMNS = {
    "information_set": "str",
    "log_loss": "float64",
    "log_loss_permuted": "float64",
    "permutations": "int64",
    "p_value": "float64",
}


def test_predictions(
    labelled_households: pd.DataFrame,
    fold_segments: pd.DataFrame,
    circularity_audit: pd.DataFrame,
    modelling: ModellingParameters,
    codebook: Codebook,
) -> pd.DataFrame:
    """Test for each prediction set whether it knows anything about the segments.

    What is known about an eligible household goes, as a whole, to another one; purchases, folds and
    the segments that each fold formed stay. One logistic regression is fitted in the outer folds of
    the first repeat, encoding included, and judged by the log loss of the tested households. It has
    no setting to choose, so the test is one of the information, not of the headline procedure.

    Args:
        labelled_households: One row per household: fields, thin_record, segment (reference).
        fold_segments: As `folds.segment_folds`.
        circularity_audit: One row per information set x score, with claim.
        modelling: Information sets, number of permutations, penalty, seed and processes.
        codebook: The panel's codebook.

    Returns:
        One row per prediction set, none if there is none: information_set, log_loss (mean over the
        eligible households), log_loss_permuted (mean over the permutations), permutations, p_value
        ((1 + b) / (1 + B), for b of B permutations that lose no more) and p_holm (Holm's correction
        over these sets).

    References:
        Ojala and Garriga (2010), Permutation tests for studying classifier performance. Phipson
        and Smyth (2010), Permutation p-values should never be zero. Holm (1979), A simple
        sequentially rejective multiple test procedure.
    """
    splits = split_folds(labelled_households, fold_segments, 1)[:-1]
    eligible = labelled_households[~labelled_households["thin_record"]]
    rows = []
    for name in sets_claiming(circularity_audit, Claim.PREDICTION):
        values = take_values(eligible, modelling.information_set(name), codebook)
        observed = _lose(values, splits, modelling.permutations.C, codebook)
        permuted = _lose_permuted(values, splits, modelling, codebook)
        p_value = (1 + (permuted <= observed + ROUNDING).sum()) / (1 + len(permuted))
        rows.append((name, observed, permuted.mean(), len(permuted), p_value))
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    return table.assign(p_holm=adjust_by_holm(table["p_value"].to_numpy()))


def _lose_permuted(
    values: pd.DataFrame, splits: list[Split], modelling: ModellingParameters, codebook: Codebook
) -> Floats:
    settings, random_state = modelling.permutations, modelling.random_state
    losses = Parallel(n_jobs=modelling.processes)(
        delayed(_lose)(_permute(values, random_state, number), splits, settings.C, codebook)
        for number in range(settings.number)
    )
    return np.array(losses)


def _permute(values: pd.DataFrame, random_state: int, number: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed_for(random_state, Purpose.PERMUTATION, number))
    shuffled = values.to_numpy()[generator.permutation(len(values))]
    return pd.DataFrame(shuffled, index=values.index, columns=values.columns)


def _lose(
    values: pd.DataFrame, splits: list[Split], inverse_penalty: float, codebook: Codebook
) -> float:
    answers = [
        encode_split(values, split, codebook).answer(values.columns, inverse_penalty)
        for split in splits
    ]
    return float(np.concatenate([each.losses for each in answers]).mean())
