"""Golden questions: the few fields that do almost as well as all, found and tested fold by fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed
from sklearn.model_selection import StratifiedKFold

from customer_segmentation.classification.answers import empty_table
from customer_segmentation.classification.audit import add_claims, list_answered
from customer_segmentation.classification.parameters import ModellingParameters
from customer_segmentation.classification.plain_regression import (
    Answers,
    Encoded,
    Split,
    encode_split,
    split_folds,
)
from customer_segmentation.classification.tuning import choose_simplest
from customer_segmentation.classification.validation import take_values
from customer_segmentation.panel.codebook import Codebook

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]

# The search fits a model for each field that may come next, in every inner fold of every outer
# fold. Three inner folds leave two thirds of the training households to fit on and cost half of
# what the inner folds of the headline do; only the order of the fields depends on them.
INNER_FOLDS = 3

COLUMNS = {
    "information_set": "str",
    "n_fields": "int64",
    "fields": "str",
    "field": "str",
    "accuracy": "float64",
    "log_loss": "float64",
    "log_loss_se": "float64",
    "excess": "float64",
    "excess_se": "float64",
    "inclusion": "float64",
    "recommended": "bool",
}


class Walk(NamedTuple):
    """What the search did in one fold.

    Attributes:
        ranked: The fields in the order in which they were chosen.
        answers: For the first 1, 2, ... of them, and for all fields of the set, the answers about
            the tested households; none where nobody is tested.
        tested: Index of the tested households.
    """

    ranked: list[str]
    answers: list[Answers]
    tested: pd.Index


def find_golden_questions(
    labelled_households: pd.DataFrame,
    fold_segments: pd.DataFrame,
    circularity_audit: pd.DataFrame,
    modelling: ModellingParameters,
    codebook: Codebook,
) -> pd.DataFrame:
    """Find for each overlap and prediction set the few fields that do almost as well as all.

    In every outer fold the fields are ranked by `select_forward` on its training households, and
    logistic regressions on the first 1, 2, ... of the fold's own ranking predict the tested
    households. So accuracy and log loss belong to the whole procedure of ranking and fitting. The
    list that is shown comes from the same ranking on all eligible households under their reference
    segments. It is not validated separately; its inclusion says how often the folds agree with it.

    Args:
        labelled_households: One row per household: fields, thin_record, segment (reference).
        fold_segments: As `folds.segment_folds`.
        circularity_audit: One row per information set x score, with claim.
        modelling: Information sets, penalty, most fields, repeats, seed and processes.
        codebook: The panel's codebook.

    Returns:
        One row per information set x number of fields, ascending, the last with all fields of the
        set; no row if there is no such set. information_set, claim, n_fields, fields (the list,
        joined by commas), field (the last of the list; empty for all), accuracy and log_loss (means
        over the eligible households, each averaged over the repeats), log_loss_se, excess (log loss
        above that with all fields) and excess_se (both paired by household), inclusion (share of
        the outer folds in which the field is among the first n_fields; missing for all),
        recommended (the fewest fields whose log loss is within one paired standard error of the
        lowest in the set). Standard errors ignore that folds share training households.

    References:
        Hastie, Tibshirani and Friedman (2009), The elements of statistical learning, 3.3 and
        7.10.2. Breiman et al. (1984), Classification and regression trees, 3.4.3.
    """
    names = list_answered(circularity_audit)
    splits = split_folds(labelled_households, fold_segments, modelling.golden_questions.repeats)
    values = {
        name: take_values(labelled_households, modelling.information_set(name), codebook)
        for name in names
    }
    walks = Parallel(n_jobs=modelling.processes)(
        delayed(_walk)(values[name], split, modelling, codebook)
        for name in names
        for split in splits
    )
    tables = [
        _tabulate(name, list(values[name].columns), walks[place * len(splits) :][: len(splits)])
        for place, name in enumerate(names)
    ]
    empty = empty_table(COLUMNS)
    return add_claims(pd.concat(tables, ignore_index=True) if tables else empty, circularity_audit)


def select_forward(
    values: pd.DataFrame, numbers: Labels, modelling: ModellingParameters, codebook: Codebook
) -> list[str]:
    """Rank fields by forward selection: next comes the one that helps those before it most.

    Args:
        values: One row per training household, one column per field.
        numbers: The segment number of each.
        modelling: Most fields, penalty and seed.
        codebook: The scale of each field.

    Returns:
        The fields in the order of their choice: at each step the one that, with those before it,
        has the lowest log loss over inner folds, and of equals the earlier column. At most
        `golden_questions.most` fields, and never the last one, with which it would be all.
    """
    settings = modelling.golden_questions
    parts = _divide(values, numbers, modelling.random_state, codebook)
    ranked: list[str] = []
    left = [str(name) for name in values.columns]
    while len(ranked) < settings.most and len(left) > 1:
        losses = [_lose(parts, [*ranked, field], settings.C) for field in left]
        ranked.append(left.pop(int(np.argmin(losses))))
    return ranked


def _divide(
    values: pd.DataFrame, numbers: Labels, random_state: int, codebook: Codebook
) -> list[Encoded]:
    folds = StratifiedKFold(INNER_FOLDS, shuffle=True, random_state=random_state)
    splits = [
        Split(values.index[training], numbers[training], values.index[tested], numbers[tested])
        for training, tested in folds.split(values, numbers)
    ]
    return [encode_split(values, split, codebook) for split in splits]


def _lose(parts: Sequence[Encoded], fields: Sequence[str], inverse_penalty: float) -> float:
    losses = [part.answer(fields, inverse_penalty).losses for part in parts]
    return float(np.concatenate(losses).mean())


def _walk(
    values: pd.DataFrame, split: Split, modelling: ModellingParameters, codebook: Codebook
) -> Walk:
    ranked = select_forward(values.loc[split.training], split.numbers, modelling, codebook)
    if split.tested.empty:
        return Walk(ranked, [], split.tested)
    encoded = encode_split(values, split, codebook)
    asked = [*_beginnings(ranked), list(values.columns)]
    answers = [encoded.answer(fields, modelling.golden_questions.C) for fields in asked]
    return Walk(ranked, answers, split.tested)


def _tabulate(name: str, fields: list[str], walks: Sequence[Walk]) -> pd.DataFrame:
    *outer, final = walks
    losses = _average("losses", outer)
    excess = losses - losses[-1]
    shown = [*_beginnings(final.ranked), fields]
    return pd.DataFrame(
        {
            "information_set": name,
            "n_fields": [len(each) for each in shown],
            "fields": [", ".join(each) for each in shown],
            "field": [*final.ranked, ""],
            "accuracy": _average("hits", outer).mean(axis=1),
            "log_loss": losses.mean(axis=1),
            "log_loss_se": _standard_error(losses),
            "excess": excess.mean(axis=1),
            "excess_se": _standard_error(excess),
            "inclusion": [*_include(final.ranked, outer), np.nan],
            "recommended": np.arange(len(shown)) == choose_simplest(losses),
        }
    ).astype(COLUMNS)


def _beginnings(ranked: list[str]) -> list[list[str]]:
    return [ranked[: place + 1] for place in range(len(ranked))]


def _average(kind: str, walks: Sequence[Walk]) -> Floats:
    """One row per number of fields, one column per household, averaged over its repeats."""
    tables = [
        pd.DataFrame([getattr(each, kind) for each in walk.answers], columns=walk.tested).T
        for walk in walks
    ]
    means: Floats = pd.concat(tables).astype("float64").groupby(level=0).mean().to_numpy().T
    return means


def _standard_error(figures: Floats) -> Floats:
    errors: Floats = figures.std(axis=1, ddof=1) / np.sqrt(figures.shape[1])
    return errors


def _include(ranked: list[str], walks: Sequence[Walk]) -> list[float]:
    return [
        float(np.mean([asked[-1] in walk.ranked[: len(asked)] for walk in walks]))
        for asked in _beginnings(ranked)
    ]
