"""One logistic regression as it stands: no setting to choose, no calibration.

It serves where many fits are compared with one another and none is meant for use: the permutation
test and the search for golden questions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression

from customer_segmentation.classification.calibration import SMALLEST, log_losses
from customer_segmentation.classification.encoding import FieldEncoder, encoded_fields
from customer_segmentation.classification.folds import NESTED_CV
from customer_segmentation.classification.validation import Fold, list_folds
from customer_segmentation.panel.codebook import Codebook

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.intp]

# With few columns Newton's steps come closer to the optimum than scikit-learn's usual solver, in
# less time; there are thousands of fits.
SOLVER = "newton-cholesky"


class Split(NamedTuple):
    """Households to learn from and others to be predicted.

    Attributes:
        training, tested: Their index.
        numbers, truth: Their segments, numbered from 0.
    """

    training: pd.Index
    numbers: Labels
    tested: pd.Index
    truth: Labels


class Answers(NamedTuple):
    """What a model's answers about the tested households are worth, one of each per household.

    Attributes:
        losses: Log loss, above 0.
        hits: Whether the likeliest segment is the household's own.
    """

    losses: Floats
    hits: Flags


class Encoded(NamedTuple):
    """The households of a split, encoded by what was learnt from its training households.

    Attributes:
        training, tested: One row per household, one encoded column per name in `fields`.
        split: The split.
        fields: The field behind each encoded column.
    """

    training: Floats
    tested: Floats
    split: Split
    fields: npt.NDArray[np.str_]

    def answer(self, fields: Iterable[str], inverse_penalty: float) -> Answers:
        """Fit a logistic regression on some fields of the training households, and judge it.

        Args:
            fields: Names of fields.
            inverse_penalty: Inverse strength of the L2 penalty.

        Returns:
            One answer per tested household. A segment without a training household has probability
            `SMALLEST`.
        """
        known, (_, numbers, tested, truth) = np.isin(self.fields, list(fields)), self.split
        model = LogisticRegression(C=inverse_penalty, solver=SOLVER)
        model.fit(self.training[:, known], numbers)
        probabilities = np.zeros((len(tested), 1 + max(numbers.max(), truth.max())))
        probabilities[:, model.classes_] = model.predict_proba(self.tested[:, known])
        losses = log_losses(probabilities.clip(SMALLEST), truth)
        return Answers(losses, probabilities.argmax(axis=1) == truth)


def split_folds(
    labelled_households: pd.DataFrame, fold_segments: pd.DataFrame, repeats: int
) -> list[Split]:
    """Split the eligible households by the outer folds of the first repeats.

    Args:
        labelled_households: One row per household: household_id, thin_record, segment (reference).
        fold_segments: As `folds.segment_folds`.
        repeats: How many repeats of the nested cross-validation, 1 or more.

    Returns:
        One split per fold, under the segments of the fold. The last has all eligible households
        under their reference segments, and nobody to test.
    """
    wanted = (fold_segments["protocol"] == NESTED_CV) & (fold_segments["repeat"] <= repeats)
    return [_split(fold) for fold in list_folds(labelled_households, fold_segments[wanted])]


def encode_split(values: pd.DataFrame, split: Split, codebook: Codebook) -> Encoded:
    """Encode the households of a split for a linear model, by its training households alone.

    Args:
        values: One row per household, one float64 column per field.
        split: Which of them to learn from, and which to predict.
        codebook: The scale of each field.
    """
    training, tested = values.loc[split.training], values.loc[split.tested]
    encoder = FieldEncoder(codebook, list(values.columns), linear=True).fit(training)
    fields = np.array(encoded_fields(encoder.entries_))
    return Encoded(encoder.transform(training), encoder.transform(tested), split, fields)


def _split(fold: Fold) -> Split:
    tested = fold.tested.loc[~fold.tested["thin_record"], "segment"]
    labels = pd.concat([fold.labels, tested]).to_numpy(dtype=str)
    numbers = np.unique(labels, return_inverse=True)[1]
    size = len(fold.labels)
    return Split(fold.labels.index, numbers[:size], tested.index, numbers[size:])
