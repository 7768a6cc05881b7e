"""How good the answers of the models are, with intervals that resample households.

A household counts once, however often it was tested: its hit, its loss, its part in a precision is
the mean over its repeats. It is drawn with all its repeats, and the same draws serve all models of
a protocol, so that what two models have in common cancels in their difference.

Whether one model is better than another is a question to paired differences, with intervals that
know that folds share most of their training households: taken as independent, the folds would give
far too short ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from customer_segmentation.classification.models import (
    CLASSIFIERS,
    MAJORITY,
    PRIOR,
    PROCEDURE,
    probability_column,
)
from customer_segmentation.classification.parameters import Intervals
from customer_segmentation.classification.reliability import (
    draw_weights,
    estimate_intercepts,
    estimate_slope,
    expect_calibration_error,
    find_aucs,
    find_calibration_error,
    find_interval,
)
from customer_segmentation.segments.partition import Purpose, seed_for

Floats = npt.NDArray[np.float64]

SMALLEST = 1e-15  # a probability of 0 costs as much as this one, and not an infinite log loss
COMPARED = (*CLASSIFIERS, PROCEDURE, PRIOR)
FOLD = ["repeat", "fold"]
MODEL_FIGURES = [
    *["n", "accuracy", "accuracy_low", "accuracy_high"],
    *["balanced_accuracy", "precision_macro", "recall_macro", "f1_macro"],
    *["log_loss", "log_loss_low", "log_loss_high"],
    *["log_loss_skill", "log_loss_skill_low", "log_loss_skill_high", "brier", "auc_macro"],
    *["calibration_slope", "calibration_error", "calibration_error_expected"],
    *["gain_over_majority", "gain_low", "gain_high"],
    *["accuracy_reference", "log_loss_reference"],
]


def measure_models(
    predictions: pd.DataFrame, keys: Sequence[str], intervals: Intervals, random_state: int
) -> pd.DataFrame:
    """Measure every model over all segments.

    Args:
        predictions: One row per `keys` x repeat x household: repeat, fold, household_id, segment
            (the truth), predicted and a probability column per segment; thin_record where some
            households do not count; reference where there is a second truth.
        keys: Columns that name a model and its circumstances, model among them and at least one
            other; within the circumstances all models are tested on the same households.
        intervals: Level and number of resamples.
        random_state: Seed of the project.

    Returns:
        One row per `keys`, in the order of `predictions`, float64 but for n:

        - n: households; int64.
        - accuracy with accuracy_low and accuracy_high; balanced_accuracy (mean recall of the
          segments that any household has); precision_macro, recall_macro, f1_macro (means over
          the segments as in `measure_segments`): all in [0, 1].
        - log_loss (natural logarithm, probabilities below 1e-15 raised to it) with log_loss_low and
          log_loss_high; log_loss_skill, the part of the log loss of the model `prior` in the same
          circumstances that is saved (at most 1), with its interval; brier (0 to 2).
        - auc_macro: mean over segments and repeats; missing if a segment has none.
        - calibration_slope, calibration_error, calibration_error_expected: as in `reliability`,
          the errors averaged over the repeats; the slope may be missing.
        - gain_over_majority: accuracy less that of the model `majority` in the same circumstances,
          with gain_low and gain_high.
        - accuracy_reference, log_loss_reference: against the reference.

        Skill and gain are missing for `majority` and `prior` themselves. There is no column for
        what the table does not contain: skill without `prior`, gain without `majority`, the last
        two without reference.
    """
    tested = keep_eligible(predictions).reset_index(drop=True)
    segments = list_segments(tested)
    each = {
        names: _measure_group(rows, segments, random_state)
        for names, rows in tested.groupby(list(keys), sort=False)
    }
    index = pd.MultiIndex.from_tuples(each, names=list(keys))
    table = pd.DataFrame(list(each.values()), index=index)
    overall = _measure_overall(tested, segments, keys, intervals, random_state)
    table = table.join(overall).reset_index()
    return table[[*keys, *(name for name in MODEL_FIGURES if name in table)]]


def measure_segments(
    predictions: pd.DataFrame, keys: Sequence[str], intervals: Intervals, random_state: int
) -> pd.DataFrame:
    """Measure every model segment by segment.

    Args:
        predictions: As for `measure_models`.
        keys: As for `measure_models`.
        intervals: Level and number of resamples.
        random_state: Seed of the project.

    Returns:
        One row per `keys` x segment, in the order of `predictions` and of the segments, float64:

        - precision with precision_low and precision_high: of the households named as the segment,
          the share that belongs there, each household counted by its share of repeats; 0 if none
          is ever named.
        - recall with its interval; missing if no household is of the segment. f1. A figure of 0 has
          no interval, because no resample shows a hit that the sample does not have.
        - support: households of the segment, on average over the repeats.
        - auc: one-vs-rest, mean over the repeats; missing as in `reliability.find_aucs`.
        - calibration_intercept: as in `reliability.estimate_intercepts`.
        - precision_reference, recall_reference: against the reference; no column without one.
    """
    tested = keep_eligible(predictions).reset_index(drop=True)
    segments = list_segments(tested)
    groups = dict(iter(tested.groupby(list(keys), sort=False)))
    sizes = {rows["household_id"].nunique() for rows in groups.values()}
    weights = {size: _weigh_households(size, intervals, random_state) for size in sizes}
    tables = {
        names: _measure_each(rows, segments, weights, intervals.level)
        for names, rows in groups.items()
    }
    return pd.concat(tables, names=[*keys, "segment"]).reset_index()


def compare_models(
    predictions: pd.DataFrame, circumstances: Sequence[str], level: float
) -> pd.DataFrame:
    """Compare every pair of models, fold by fold.

    Args:
        predictions: One row per model x `circumstances` x repeat x household, as for
            `measure_models`. Within the circumstances all models are tested in the same folds.
        circumstances: Columns within which models are compared. Where there is a single fold, as in
            a hold-out, differences have no spread and there is no row.
        level: Share of cases in which an interval should hold the true difference, in (0, 1).

    Returns:
        One row per `circumstances` x pair of the models of `COMPARED` that are there, in that
        order, the circumstances in the order of `predictions`: model_a, model_b,
        log_loss_difference (a less b, mean over the folds of the mean over the households: below 0
        if a is better), log_loss_low, log_loss_high, accuracy_difference (likewise, above 0 if a is
        better), accuracy_low, accuracy_high, folds (number of folds over all repeats). Where all
        folds agree, an interval has no width.

    References:
        Nadeau & Bengio (2003), Inference for the generalization error: Student's t with the
        variance over the folds times 1 / folds + tested / training households.
    """
    tested = keep_eligible(predictions).reset_index(drop=True)
    scores = score_answers(tested, list_segments(tested))
    scored = tested[[*circumstances, "model", *FOLD, "household_id"]].join(scores)
    groups = scored.groupby(list(circumstances), sort=False)
    tables = {names: _compare_pairs(rows, level) for names, rows in groups}
    table = pd.concat(tables, names=list(circumstances)).reset_index(list(circumstances))
    return table[table["folds"] > 1].reset_index(drop=True)


def keep_eligible(predictions: pd.DataFrame) -> pd.DataFrame:
    """Leave out thin records, if the table knows of them."""
    if "thin_record" not in predictions:
        return predictions
    return predictions[~predictions["thin_record"]]


def list_segments(predictions: pd.DataFrame) -> list[Any]:
    """Every segment that a household has, or that is named as its own, sorted."""
    labels = predictions.columns.intersection(["segment", "reference", "predicted"])
    return sorted({label for name in labels for label in predictions[name].unique()})


def empty_table(types: Mapping[str, str]) -> pd.DataFrame:
    """A table without rows, for what there is nothing of."""
    return pd.DataFrame(columns=list(types)).astype(types)


def score_answers(
    predictions: pd.DataFrame, segments: Sequence[Any], truth: str = "segment"
) -> pd.DataFrame:
    """Score every answer against a truth: hit (1 or 0), log_loss, brier (0 to 2).

    Brier (1950), Verification of forecasts expressed in terms of probability.
    """
    true = _indicate(predictions[truth], segments)
    probabilities = _take_probabilities(predictions, segments)
    return pd.DataFrame(
        {
            "hit": (predictions["predicted"] == predictions[truth]).astype(np.float64),
            "log_loss": -np.log((true * probabilities).sum(axis=1)),
            "brier": ((true - probabilities) ** 2).sum(axis=1),
        },
        index=predictions.index,
    )


def _indicate(labels: pd.Series, segments: Sequence[Any]) -> Floats:
    """One row per answer, one column per segment: 1 for the label, else 0."""
    indicators: Floats = np.eye(len(segments))[pd.Index(segments).get_indexer(labels)]
    return indicators


def _take_probabilities(predictions: pd.DataFrame, segments: Sequence[Any]) -> Floats:
    columns = [probability_column(segment) for segment in segments]
    probabilities: Floats = predictions[columns].to_numpy(dtype=np.float64)
    return probabilities.clip(SMALLEST, 1.0)


def _measure_overall(
    tested: pd.DataFrame,
    segments: list[Any],
    keys: Sequence[str],
    intervals: Intervals,
    random_state: int,
) -> pd.DataFrame:
    scores = score_answers(tested, segments).rename(columns={"hit": "accuracy"})
    if "reference" in tested:
        names = {"hit": "accuracy_reference", "log_loss": "log_loss_reference"}
        against = score_answers(tested, segments, "reference").rename(columns=names)
        scores = scores.join(against[list(names.values())])
    circumstances = [key for key in keys if key != "model"]
    tables = {}
    scored = tested[[*keys, "household_id"]].join(scores)
    for circumstance, rows in scored.groupby(circumstances):
        households = rows["household_id"].nunique()
        weights = _weigh_households(households, intervals, random_state)
        draws = {}
        for score in scores:
            means = rows.pivot_table(str(score), "household_id", "model")
            drawn = weights @ means.to_numpy() / households
            draws[str(score)] = pd.DataFrame(drawn, columns=means.columns)
        tables[circumstance] = _summarise(draws, intervals.level).assign(n=households)
    return pd.concat(tables, names=circumstances).reorder_levels(list(keys))


def _weigh_households(households: int, intervals: Intervals, random_state: int) -> Floats:
    # The first row is the sample itself: an estimate is computed as its resamples are.
    seed = seed_for(random_state, Purpose.RESAMPLE)
    return np.vstack([np.ones(households), draw_weights(households, intervals.resamples, seed)])


def _summarise(draws: Mapping[str, pd.DataFrame], level: float) -> pd.DataFrame:
    # draws: one column per model; as in all that follows, the first row is the sample itself
    hits, losses = draws["accuracy"], draws["log_loss"]
    baselines = [MAJORITY, PRIOR]
    figures = {"accuracy": hits, "log_loss": losses}
    if PRIOR in losses:
        models = losses.drop(columns=baselines, errors="ignore")
        figures["log_loss_skill"] = 1 - models.div(losses[PRIOR], axis=0)
    if MAJORITY in hits:
        models = hits.drop(columns=baselines, errors="ignore")
        figures["gain"] = models.sub(hits[MAJORITY], axis=0)
    blocks = [_bracket(name, each, level) for name, each in figures.items()]
    points = {name: each.iloc[0] for name, each in draws.items() if name not in figures}
    table = pd.concat([*blocks, pd.DataFrame(points)], axis=1)
    return table.rename(columns={"gain": "gain_over_majority"}).rename_axis("model")


def _bracket(name: str, draws: pd.DataFrame, level: float) -> pd.DataFrame:
    low, high = find_interval(draws.iloc[1:].to_numpy(), level)
    columns = {name: draws.iloc[0], f"{name}_low": low, f"{name}_high": high}
    return pd.DataFrame(columns, index=draws.columns)


def _measure_each(
    rows: pd.DataFrame, segments: list[Any], weights: Mapping[int, Floats], level: float
) -> pd.DataFrame:
    tallies = _tally(rows, segments, "segment")
    draws = _divide(np.tensordot(weights[len(tallies)], tallies, axes=1))
    blocks = [
        _bracket(name, pd.DataFrame(draws[name], columns=segments), level)
        for name in ("precision", "recall")
    ]
    truth, probabilities = _indicate(rows["segment"], segments), _take_probabilities(rows, segments)
    others = {
        "f1": draws["f1"][0],
        "support": tallies[:, 0].sum(axis=0),
        "auc": _average_aucs(_split(rows, segments)),
        "calibration_intercept": estimate_intercepts(probabilities, truth),
    }
    if "reference" in rows:
        against = _divide(_tally(rows, segments, "reference").sum(axis=0))
        others |= {f"{name}_reference": against[name] for name in ("precision", "recall")}
    table = pd.concat([*blocks, pd.DataFrame(others, index=segments)], axis=1)
    # No hit in the sample is none in any resample, which does not make it certain.
    for name in ("precision", "recall"):
        table.loc[table[name] == 0, [f"{name}_low", f"{name}_high"]] = np.nan
    return table.fillna({"precision": 0.0, "precision_reference": 0.0})


def _tally(rows: pd.DataFrame, segments: list[Any], truth: str) -> Floats:
    # households x (true, named, both) x segments: shares of a household's repeats
    true, named = _indicate(rows[truth], segments), _indicate(rows["predicted"], segments)
    numbers, ids = pd.factorize(rows["household_id"], sort=True)
    sums = np.zeros((len(ids), 3, len(segments)))
    np.add.at(sums, numbers, np.stack([true, named, true * named], axis=1))
    shares: Floats = sums / np.bincount(numbers)[:, None, None]
    return shares


def _divide(sums: Floats) -> dict[str, Floats]:
    # sums: ... x (true, named, both) x segments
    true, named, both = np.moveaxis(sums, -2, 0)
    with np.errstate(invalid="ignore"):  # 0 / 0: nobody is named, or nobody is there to be named
        return {"precision": both / named, "recall": both / true, "f1": 2 * both / (true + named)}


def _measure_group(rows: pd.DataFrame, segments: list[Any], random_state: int) -> dict[str, float]:
    figures = _divide(_tally(rows, segments, "segment").sum(axis=0))
    recall = float(np.nanmean(figures["recall"]))
    truth, probabilities = _indicate(rows["segment"], segments), _take_probabilities(rows, segments)
    folds = rows.groupby(FOLD).ngroup().to_numpy()
    repeats = _split(rows, segments)
    errors = [find_calibration_error(given, true) for given, true in repeats.values()]
    expected = [
        expect_calibration_error(given, seed_for(random_state, Purpose.PERFECT_CALIBRATION, repeat))
        for repeat, (given, _) in repeats.items()
    ]
    return {
        "balanced_accuracy": recall,
        "precision_macro": float(np.nan_to_num(figures["precision"]).mean()),
        "recall_macro": recall,
        "f1_macro": float(np.nanmean(figures["f1"])),
        "auc_macro": float(_average_aucs(repeats).mean()),
        "calibration_slope": estimate_slope(probabilities, truth, folds),
        "calibration_error": float(np.mean(errors)),
        "calibration_error_expected": float(np.mean(expected)),
    }


def _split(rows: pd.DataFrame, segments: list[Any]) -> dict[int, tuple[Floats, Floats]]:
    """The probabilities and the truth of each repeat."""
    truth, probabilities = _indicate(rows["segment"], segments), _take_probabilities(rows, segments)
    repeats = rows["repeat"].to_numpy(dtype=np.int64)
    return {
        int(repeat): (probabilities[repeats == repeat], truth[repeats == repeat])
        for repeat in np.unique(repeats)
    }


def _average_aucs(repeats: Mapping[int, tuple[Floats, Floats]]) -> Floats:
    each = [find_aucs(probabilities, truth) for probabilities, truth in repeats.values()]
    return np.asarray(np.mean(each, axis=0))


def _compare_pairs(scored: pd.DataFrame, level: float) -> pd.DataFrame:
    # The households of a fold are the same for all models: a difference of means is the mean of
    # the paired differences.
    means = scored.pivot_table(["hit", "log_loss"], FOLD, "model")
    present = set(scored["model"])
    pairs = list(combinations([model for model in COMPARED if model in present], 2))
    table = pd.DataFrame(pairs, columns=["model_a", "model_b"], dtype="str")
    households = scored["household_id"].nunique()
    tested = scored.groupby(FOLD)["household_id"].nunique()
    ratio = float((tested / (households - tested)).mean())
    for name, figure in (("log_loss", "log_loss"), ("accuracy", "hit")):
        a, b = (means[figure][table[model]].to_numpy() for model in ("model_a", "model_b"))
        differences = pd.DataFrame(a - b)  # folds x pairs
        value, folds = differences.mean(), len(differences)
        error = np.sqrt((1 / folds + ratio) * differences.var())
        reach = stats.t.ppf((1 + level) / 2, folds - 1) * error
        bounds = {f"{name}_low": value - reach, f"{name}_high": value + reach}
        table = table.assign(**{f"{name}_difference": value}, **bounds)
    return table.assign(folds=len(means))
