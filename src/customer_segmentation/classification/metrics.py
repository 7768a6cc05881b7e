"""How good the answers of the models are, with intervals that resample households.

A household counts once, however often it was tested: its hit, its loss, its part in a precision is
the mean over its repeats. It is drawn with all its repeats, and the same draws serve all models of
a protocol, so that what two models have in common cancels in their difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from customer_segmentation.classification.answers import (
    Floats,
    indicate,
    keep_eligible,
    list_segments,
    score_answers,
    take_probabilities,
)
from customer_segmentation.classification.estimators import MAJORITY, PRIOR
from customer_segmentation.classification.parameters import Intervals
from customer_segmentation.classification.reliability import (
    estimate_intercepts,
    estimate_slope,
    expect_calibration_error,
    find_aucs,
    find_calibration_error,
)
from customer_segmentation.classification.resampling import draw_weights, find_interval
from customer_segmentation.segments.partition import Purpose, seed_for

MODEL_FIGURES = [
    "n",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "balanced_accuracy",
    "precision_macro",
    "recall_macro",
    "f1_macro",
    "log_loss",
    "log_loss_low",
    "log_loss_high",
    "log_loss_skill",
    "log_loss_skill_low",
    "log_loss_skill_high",
    "brier",
    "auc_macro",
    "calibration_slope",
    "calibration_error",
    "calibration_error_expected",
    "gain_over_majority",
    "gain_low",
    "gain_high",
    "accuracy_reference",
    "log_loss_reference",
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
        what the table cannot tell: skill without `prior`, gain without `majority`, the last two
        without reference.
    """
    tested = keep_eligible(predictions).reset_index(drop=True)
    segments = list_segments(tested)
    each = {
        names: _average_segments(rows, segments) | _judge_calibration(rows, segments, random_state)
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


def _measure_overall(
    tested: pd.DataFrame,
    segments: list[Any],
    keys: Sequence[str],
    intervals: Intervals,
    random_state: int,
) -> pd.DataFrame:
    scores = _score(tested, segments)
    circumstances = [key for key in keys if key != "model"]
    tables = {}
    for names, rows in tested[[*keys, "household_id"]].join(scores).groupby(circumstances):
        means = {str(name): rows.pivot_table(name, "household_id", "model") for name in scores}
        households = rows["household_id"].nunique()
        weights = _weigh_households(households, intervals, random_state)
        draws = {
            name: pd.DataFrame(weights @ each.to_numpy() / households, columns=each.columns)
            for name, each in means.items()
        }
        tables[names] = _summarise(draws, intervals.level).assign(n=households)
    return pd.concat(tables, names=circumstances).reorder_levels(list(keys))


def _score(tested: pd.DataFrame, segments: list[Any]) -> pd.DataFrame:
    scores = score_answers(tested, segments).rename(columns={"hit": "accuracy"})
    if "reference" not in tested:
        return scores
    names = {"hit": "accuracy_reference", "log_loss": "log_loss_reference"}
    against = score_answers(tested, segments, "reference").rename(columns=names)
    return scores.join(against[list(names.values())])


def _weigh_households(households: int, intervals: Intervals, random_state: int) -> Floats:
    # The first row is the sample itself: an estimate is computed as its resamples are.
    seed = seed_for(random_state, Purpose.RESAMPLE)
    return np.vstack([np.ones(households), draw_weights(households, intervals.resamples, seed)])


def _summarise(draws: Mapping[str, pd.DataFrame], level: float) -> pd.DataFrame:
    # draws: one column per model; as in all that follows, the first row is the sample itself
    hits, losses = draws["accuracy"], draws["log_loss"]
    figures = {"accuracy": hits, "log_loss": losses}
    if PRIOR in losses:
        figures["log_loss_skill"] = 1 - _without_baselines(losses).div(losses[PRIOR], axis=0)
    if MAJORITY in hits:
        figures["gain"] = _without_baselines(hits).sub(hits[MAJORITY], axis=0)
    blocks = [_bracket(name, each, level) for name, each in figures.items()]
    points = {name: each.iloc[0] for name, each in draws.items() if name not in figures}
    table = pd.concat([*blocks, pd.DataFrame(points)], axis=1)
    return table.rename(columns={"gain": "gain_over_majority"}).rename_axis("model")


def _without_baselines(draws: pd.DataFrame) -> pd.DataFrame:
    return draws.drop(columns=[MAJORITY, PRIOR], errors="ignore")


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
    truth, probabilities = indicate(rows["segment"], segments), take_probabilities(rows, segments)
    others = {
        "f1": draws["f1"][0],
        "support": tallies[:, 0].sum(axis=0),
        "auc": _average_aucs(rows, segments),
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
    true, named = indicate(rows[truth], segments), indicate(rows["predicted"], segments)
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


def _average_segments(rows: pd.DataFrame, segments: list[Any]) -> dict[str, float]:
    figures = _divide(_tally(rows, segments, "segment").sum(axis=0))
    recall = float(np.nanmean(figures["recall"]))
    return {
        "balanced_accuracy": recall,
        "precision_macro": float(np.nan_to_num(figures["precision"]).mean()),
        "recall_macro": recall,
        "f1_macro": float(np.nanmean(figures["f1"])),
        "auc_macro": float(_average_aucs(rows, segments).mean()),
    }


def _average_aucs(rows: pd.DataFrame, segments: list[Any]) -> Floats:
    each = [find_aucs(probabilities, truth) for _, probabilities, truth in _split(rows, segments)]
    return np.asarray(np.mean(each, axis=0))


def _judge_calibration(
    rows: pd.DataFrame, segments: list[Any], random_state: int
) -> dict[str, float]:
    truth, probabilities = indicate(rows["segment"], segments), take_probabilities(rows, segments)
    folds = rows.groupby(["repeat", "fold"]).ngroup().to_numpy()
    errors = [find_calibration_error(given, true) for _, given, true in _split(rows, segments)]
    expected = [
        expect_calibration_error(given, seed_for(random_state, Purpose.PERFECT_CALIBRATION, repeat))
        for repeat, given, _ in _split(rows, segments)
    ]
    return {
        "calibration_slope": estimate_slope(probabilities, truth, folds),
        "calibration_error": float(np.mean(errors)),
        "calibration_error_expected": float(np.mean(expected)),
    }


def _split(rows: pd.DataFrame, segments: list[Any]) -> Iterator[tuple[int, Floats, Floats]]:
    """Each repeat with its probabilities and its truth."""
    truth, probabilities = indicate(rows["segment"], segments), take_probabilities(rows, segments)
    repeats = rows["repeat"].to_numpy(dtype=np.int64)
    for repeat in np.unique(repeats):
        inside = repeats == repeat
        yield int(repeat), probabilities[inside], truth[inside]
