"""What single regressions find out: golden questions, and whether a prediction could be chance.

Golden questions are the few fields that do almost as well as all, found and tested fold by fold.
In the permutation test predictors are permuted against the purchase record. Both compare many fits
with one another, of which none is meant for use: logistic regressions as they stand, with no
setting to choose and no calibration.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from customer_segmentation.classification.audit import (
    Claim,
    add_claims,
    list_answered,
    sets_claiming,
)
from customer_segmentation.classification.encoding import FieldEncoder, encoded_fields
from customer_segmentation.classification.folds import NESTED_CV, list_folds
from customer_segmentation.classification.metrics import empty_table
from customer_segmentation.classification.models import SMALLEST, choose_simplest, log_losses
from customer_segmentation.classification.parameters import ModellingParameters
from customer_segmentation.classification.validation import take_values
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.segments.descriptors import adjust_by_holm
from customer_segmentation.segments.partition import Purpose, seed_for

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.intp]

# With few columns Newton's steps come closer to the optimum than scikit-learn's usual solver, in
# less time; there are thousands of fits.
SOLVER = "newton-cholesky"

# The search fits a model for each field that may come next, in every inner fold of every outer
# fold. Three inner folds leave two thirds of the training households to fit on and cost half of
# what the inner folds of the headline do; only the order of the fields depends on them.
INNER_FOLDS = 3

ROUNDING = 1e-9  # log losses that differ by less are equal

QUESTIONS = {
    "information_set": "str",
    "n_fields": "int64",
    **dict.fromkeys(("fields", "field"), "str"),
    **dict.fromkeys(("accuracy", "log_loss", "log_loss_se"), "float64"),
    **dict.fromkeys(("excess", "excess_se", "inclusion"), "float64"),
    "recommended": "bool",
}
TESTS = {
    "information_set": "str",
    **dict.fromkeys(("log_loss", "log_loss_permuted"), "float64"),
    "permutations": "int64",
    "p_value": "float64",
}


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
    """Of each tested household the log loss, and whether its likeliest segment is its own."""

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
        """Fit a logistic regression on some fields, and judge its answers.

        A segment without a training household has probability `SMALLEST`.
        """
        known, (_, numbers, tested, truth) = np.isin(self.fields, list(fields)), self.split
        model = LogisticRegression(C=inverse_penalty, solver=SOLVER)
        model.fit(self.training[:, known], numbers)
        probabilities = np.zeros((len(tested), 1 + max(numbers.max(), truth.max())))
        probabilities[:, model.classes_] = model.predict_proba(self.tested[:, known])
        losses = log_losses(probabilities.clip(SMALLEST), truth)
        return Answers(losses, probabilities.argmax(axis=1) == truth)


class Path(NamedTuple):
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


def split_folds(
    labelled_households: pd.DataFrame, fold_segments: pd.DataFrame, repeats: int
) -> list[Split]:
    """Split the eligible households by the outer folds of the first repeats, under their segments.

    The last split has all eligible households, under their reference segments, and nobody to test.
    """
    wanted = (fold_segments["protocol"] == NESTED_CV) & (fold_segments["repeat"] <= repeats)
    splits = []
    for fold in list_folds(labelled_households, fold_segments[wanted]):
        tested = fold.tested.loc[~fold.tested["thin_record"], "segment"]
        labels = pd.concat([fold.labels, tested]).to_numpy(dtype=str)
        numbers = np.unique(labels, return_inverse=True)[1]
        known, asked = np.split(numbers, [len(fold.labels)])
        splits.append(Split(fold.labels.index, known, tested.index, asked))
    return splits


def encode_split(values: pd.DataFrame, split: Split, codebook: Codebook) -> Encoded:
    """Encode the households of a split for a linear model, by its training households alone."""
    training, tested = values.loc[split.training], values.loc[split.tested]
    encoder = FieldEncoder(codebook, list(values.columns), linear=True).fit(training)
    fields = np.array(encoded_fields(encoder.entries_))
    return Encoded(encoder.transform(training), encoder.transform(tested), split, fields)


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
    paths = Parallel(n_jobs=modelling.processes)(
        delayed(_follow)(values[name], split, modelling, codebook)
        for name in names
        for split in splits
    )
    tables = [empty_table(QUESTIONS)] + [
        _tabulate(name, list(values[name].columns), paths[place * len(splits) :][: len(splits)])
        for place, name in enumerate(names)
    ]
    return add_claims(pd.concat(tables, ignore_index=True), circularity_audit)


def select_forward(
    values: pd.DataFrame, numbers: Labels, modelling: ModellingParameters, codebook: Codebook
) -> list[str]:
    """Rank fields by forward selection: next comes the one that helps those before it most.

    It is the one with which the log loss over inner folds is lowest, of equals the earlier column.
    At most `golden_questions.most` fields, and never the last one, with which it would be all.
    """
    settings = modelling.golden_questions
    folds = StratifiedKFold(INNER_FOLDS, shuffle=True, random_state=modelling.random_state)
    parts = []
    for training, tested in folds.split(values, numbers):
        rows = values.index[training], numbers[training], values.index[tested], numbers[tested]
        parts.append(encode_split(values, Split(*rows), codebook))
    ranked: list[str] = []
    left = [str(name) for name in values.columns]
    while len(ranked) < settings.most and len(left) > 1:
        losses = [
            np.concatenate([part.answer([*ranked, field], settings.C).losses for part in parts])
            for field in left
        ]
        ranked.append(left.pop(int(np.argmin([each.mean() for each in losses]))))
    return ranked


def _follow(
    values: pd.DataFrame, split: Split, modelling: ModellingParameters, codebook: Codebook
) -> Path:
    ranked = select_forward(values.loc[split.training], split.numbers, modelling, codebook)
    if split.tested.empty:
        return Path(ranked, [], split.tested)
    encoded = encode_split(values, split, codebook)
    asked = [*_beginnings(ranked), list(values.columns)]
    answers = [encoded.answer(fields, modelling.golden_questions.C) for fields in asked]
    return Path(ranked, answers, split.tested)


def _tabulate(name: str, fields: list[str], paths: Sequence[Path]) -> pd.DataFrame:
    *outer, final = paths
    losses, hits = _average("losses", outer), _average("hits", outer)
    excess = losses - losses[-1]
    root = np.sqrt(losses.shape[1])
    shown = [*_beginnings(final.ranked), fields]
    inclusion = [
        float(np.mean([asked[-1] in path.ranked[: len(asked)] for path in outer]))
        for asked in _beginnings(final.ranked)
    ]
    return pd.DataFrame(
        {
            "information_set": name,
            "n_fields": [len(each) for each in shown],
            "fields": [", ".join(each) for each in shown],
            "field": [*final.ranked, ""],
            "accuracy": hits.mean(axis=1),
            "log_loss": losses.mean(axis=1),
            "log_loss_se": losses.std(axis=1, ddof=1) / root,
            "excess": excess.mean(axis=1),
            "excess_se": excess.std(axis=1, ddof=1) / root,
            "inclusion": [*inclusion, np.nan],
            "recommended": np.arange(len(shown)) == choose_simplest(losses),
        }
    ).astype(QUESTIONS)


def _beginnings(ranked: list[str]) -> list[list[str]]:
    return [ranked[: place + 1] for place in range(len(ranked))]


def _average(kind: str, paths: Sequence[Path]) -> Floats:
    """One row per number of fields, one column per household, averaged over its repeats."""
    tables = [
        pd.DataFrame([getattr(each, kind) for each in path.answers], columns=path.tested).T
        for path in paths
    ]
    means: Floats = pd.concat(tables).astype("float64").groupby(level=0).mean().to_numpy().T
    return means


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
    settings, rows = modelling.permutations, []
    for name in sets_claiming(circularity_audit, Claim.PREDICTION):
        values = take_values(eligible, modelling.information_set(name), codebook)
        observed = _lose(values, splits, settings.C, codebook)
        permuted = np.array(
            Parallel(n_jobs=modelling.processes)(
                delayed(_lose)(
                    _permute(values, modelling.random_state, number), splits, settings.C, codebook
                )
                for number in range(settings.number)
            )
        )
        p_value = (1 + (permuted <= observed + ROUNDING).sum()) / (1 + len(permuted))
        rows.append((name, observed, permuted.mean(), len(permuted), p_value))
    table = pd.DataFrame(rows, columns=list(TESTS)).astype(TESTS)
    return table.assign(p_holm=adjust_by_holm(table["p_value"].to_numpy()))


def _permute(values: pd.DataFrame, random_state: int, number: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed_for(random_state, Purpose.PERMUTATION, number))
    shuffled = values.to_numpy()[generator.permutation(len(values))]
    return pd.DataFrame(shuffled, index=values.index, columns=values.columns)


def _lose(
    values: pd.DataFrame, splits: list[Split], inverse_penalty: float, codebook: Codebook
) -> float:
    losses = [
        encode_split(values, split, codebook).answer(values.columns, inverse_penalty).losses
        for split in splits
    ]
    return float(np.concatenate(losses).mean())
