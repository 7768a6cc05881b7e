"""Which fields the champions rest on: SHAP values and permutations over the folds of one repeat.

Every classifier is explained in one unit, the *centred log-odds* of a segment: the log of its
probability less the mean of these logs over the segments. The difference of two of them is the log
of the odds of one segment against the other, whatever the model, and what the fields contribute
adds up. It is the calibrated probabilities that are explained.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed
from sklearn.ensemble import RandomForestClassifier

from customer_segmentation.classification.audit import list_answered
from customer_segmentation.classification.encoding import (
    Attribution,
    Explanation,
    attribute_linear,
    calibrate_attribution,
    encoded_fields,
    mirror,
)
from customer_segmentation.classification.folds import FINAL, NESTED_CV, Fold, list_folds
from customer_segmentation.classification.metrics import empty_table
from customer_segmentation.classification.models import (
    LR,
    XGBOOST,
    TunedClassifier,
    log_losses,
)
from customer_segmentation.classification.parameters import ModellingParameters
from customer_segmentation.classification.reliability import draw_weights, find_interval
from customer_segmentation.classification.trees import rescale_to_logs
from customer_segmentation.classification.validation import take_values, tune_fold
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.segments.partition import Purpose, seed_for

Floats = npt.NDArray[np.float64]

REPEAT = 1  # in each repeat every household is tested once, and once is enough
PERMUTATIONS = 10
EXPLAINED = ["information_set", "model", "segment"]
VALUES = {
    **dict.fromkeys(EXPLAINED, "str"),
    "household_id": "int64",
    "field": "str",
    "shap_value": "float64",
    "field_value": "float64",
}
IMPORTANCES = {
    **dict.fromkeys(("information_set", "model", "field"), "str"),
    **dict.fromkeys(("log_loss_increase", "increase_low", "increase_high"), "float64"),
    "rank": "int64",
}


def explain_champions(
    labelled_households: pd.DataFrame,
    fold_segments: pd.DataFrame,
    model_choices: pd.DataFrame,
    circularity_audit: pd.DataFrame,
    codebook: Codebook,
    modelling: ModellingParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Explain what each champion says of households that it has not seen.

    Where the claim is assignment the segmenter answers, so there is no champion to explain (see
    `segments.segmenter.explain_distances`). In each fold of the first repeat the champion's kind of
    model is tuned and fitted anew, exactly as in validation, so every household is explained once,
    by a model trained without it.

    Args:
        labelled_households: One row per household: household_id, fields, thin_record, segment.
        fold_segments: As `folds.segment_folds`.
        model_choices: As `validation.choose_models`; its rows of the protocol `final` name the
            champions.
        circularity_audit: The claim of each information set.
        codebook: The panel's codebook.
        modelling: Information sets, grids, inner folds, intervals, seed and processes.

    Returns:
        SHAP values: one row per overlap or prediction set x segment x household_id x field, with
        model (the champion), shap_value (what the field adds to the segment's centred log-odds; see
    `explain`) and field_value (number or code, missing if not stated); thin records too.
        And, on eligible households, permutation importance: one row per information_set x field,
        with model, log_loss_increase (how much the log loss against the fold's segments rises when
        the values of the field are permuted among the tested households; mean over the
        permutations and then the households; about 0 or below it for a field that does not help),
        increase_low, increase_high (percentile interval over resampled households, models and
        permutations taken as given), rank (1 rises most; of equals the first). Among fields that
        say the same each looks unimportant.

    References:
        Breiman (2001), Random forests, section 10; Fisher, Rudin & Dominici (2019), All models are
        wrong, but many are useful.
    """
    champions = model_choices[model_choices["protocol"] == FINAL]
    models = champions.set_index("information_set")["model"]
    values = {
        name: take_values(labelled_households, modelling.information_set(name), codebook)
        for name in list_answered(circularity_audit)
    }
    ids = labelled_households["household_id"]
    folds = list_folds(labelled_households, _select_repeat(fold_segments))[:-1]
    explained = Parallel(n_jobs=modelling.processes)(
        delayed(_explain_fold)(models[name], table, fold, codebook, modelling)
        for name, table in values.items()
        for fold in folds
    )
    shap_values, importances = [empty_table(VALUES)], [empty_table(IMPORTANCES)]
    for number, (name, table) in enumerate(values.items()):
        parts = explained[number * len(folds) : (number + 1) * len(folds)]
        place = {"information_set": name, "model": models[name]}
        listed = _list_contributions([explanation for explanation, _ in parts], folds, table, ids)
        shap_values.append(pd.DataFrame(place | listed))
        increases = pd.concat([increases for _, increases in parts])
        importances.append(pd.DataFrame(place | _summarise(increases, modelling)))
    return (
        pd.concat(shap_values, ignore_index=True),
        pd.concat(importances, ignore_index=True),
    )


def explain(tuned: TunedClassifier, values: pd.DataFrame) -> Explanation:
    """Attribute the calibrated probabilities of households to the fields (SHAP values).

    Where a probability before calibration lies below `models.SMALLEST`, they explain the model
    without that floor; except the forest, whose floor is explained too. Lundberg & Lee (2017), A
    unified approach to interpreting model predictions.
    """
    encoded, estimator = tuned.encoder.transform(values), cast("Any", tuned.estimator)
    if tuned.model == LR:
        attribution = attribute_linear(
            encoded, estimator.coef_, estimator.intercept_, tuned.background
        )
    elif tuned.model == XGBOOST:
        attribution = attribute_boosting(encoded, estimator.classifier_.get_booster())
    else:
        attribution = attribute_forest(encoded, estimator)
    columns = encoded_fields(tuned.encoder.entries_)
    return calibrate_attribution(
        attribution, columns, tuned.segments, tuned.shares, tuned.temperature
    )


def attribute_boosting(encoded: Floats, booster: Any) -> Attribution:
    """Attribute the margins of boosted trees (an `xgboost.Booster`) to their columns, in float32.

    Lundberg et al. (2020), From local explanations to global understanding with explainable AI for
    trees; XGBoost's own implementation, whose background is the training households that pass each
    node.
    """
    from xgboost import DMatrix

    parts = booster.predict(DMatrix(encoded, nthread=1), pred_contribs=True).astype(np.float64)
    by_margin = parts.reshape(len(encoded), -1, parts.shape[-1])  # of two segments there is but one
    margins = mirror(by_margin.transpose(0, 2, 1))
    return Attribution(margins[:, :-1], margins[0, -1])


def attribute_forest(encoded: Floats, forest: RandomForestClassifier) -> Attribution:
    """Attribute the log-probabilities of a random forest to its columns.

    A forest averages probabilities, so its SHAP values (Lundberg et al. 2020, as for boosted trees)
    add up to probabilities; see `rescale_to_logs`.
    """
    from shap import TreeExplainer

    explainer = TreeExplainer(forest)
    base = np.asarray(explainer.expected_value)
    contributions = np.asarray(explainer.shap_values(encoded))
    return rescale_to_logs(contributions, base, forest.predict_proba(encoded))


def permute_fields(
    tuned: TunedClassifier,
    values: pd.DataFrame,
    labels: Sequence[str] | pd.Series,
    seed: np.random.SeedSequence,
) -> pd.DataFrame:
    """Measure by how much the log loss of each household rises when a field is permuted.

    All fields meet the same permutations of the households; the increase is a mean over them, 0 for
    a field that the classifier, which has not seen the households, does not use.
    """
    count = len(values)
    numbers = np.tile(pd.Index(tuned.segments).get_indexer(pd.Index(labels)), PERMUTATIONS)
    random = np.random.default_rng(seed)
    orders = np.concatenate([random.permutation(count) for _ in range(PERMUTATIONS)])
    repeated = pd.concat([values] * PERMUTATIONS, ignore_index=True)
    before = log_losses(tuned.predict_proba(repeated), numbers)
    increases = {}
    for field in values:
        permuted = repeated.assign(**{str(field): values[field].to_numpy()[orders]})
        after = log_losses(tuned.predict_proba(permuted), numbers)
        increases[field] = (after - before).reshape(PERMUTATIONS, count).mean(axis=0)
    return pd.DataFrame(increases, index=values.index)


def rank_fields(
    shap_values: pd.DataFrame, labelled_households: pd.DataFrame, fold_segments: pd.DataFrame
) -> pd.DataFrame:
    """Rank the fields by how far they move each segment, either way.

    Args:
        shap_values: As `explain_champions`.
        labelled_households: One row per household: household_id, thin_record.
        fold_segments: As `folds.segment_folds`: in which fold a household was explained.

    Returns:
        One row per information_set x model x segment x field, in the order of `shap_values`:
        mean_abs_shap (centred log-odds, mean over the eligible households), rank (1 moves most; of
        equals the first), rank_stability (share of the folds in which the rank among the households
        of the fold is at most one place away).
    """
    eligible = _select_eligible(shap_values, labelled_households)
    tested = _select_repeat(fold_segments).query("tested")
    sizes = eligible.assign(
        mean_abs_shap=eligible["shap_value"].abs(),
        fold=eligible["household_id"].map(tested.set_index("household_id")["fold"]),
    )
    keys = [*EXPLAINED, "field"]
    overall = _rank(sizes.groupby(keys, sort=False)["mean_abs_shap"].mean(), EXPLAINED)
    within = sizes.groupby([*keys, "fold"], sort=False)["mean_abs_shap"].mean()
    ranks = _rank(within, [*EXPLAINED, "fold"])["rank"].droplevel("fold")
    near = (ranks - overall["rank"].reindex(ranks.index)).abs() <= 1
    return overall.assign(rank_stability=near.groupby(keys).mean()).reset_index()


def sum_groups(
    shap_values: pd.DataFrame,
    labelled_households: pd.DataFrame,
    codebook: Codebook,
    modelling: ModellingParameters,
) -> pd.DataFrame:
    """Rank groups of fields that say nearly the same, by what their fields add up to.

    Within a group contributions may cancel each other or share one message; only their sum can be
    trusted.

    Args:
        shap_values: As `explain_champions`.
        labelled_households: One row per household: household_id, thin_record.
        codebook: The fields of codebook groups.
        modelling: The groups of fields.

    Returns:
        One row per information_set x model x segment x group: group (name of the group; a field in
        no group stands alone under its own name), fields (those of the information set, with commas
        between), mean_abs_shap (of the sum of a household's contributions, centred log-odds, mean
        over the eligible households), rank (1 moves most; of equals the first).
    """
    groups = {
        field: group.name
        for group in modelling.field_groups
        for field in codebook.expand(group.fields)
    }
    eligible = _select_eligible(shap_values, labelled_households)
    fields = eligible["field"]
    grouped = eligible.assign(group=fields.map(groups).fillna(fields))
    keys = [*EXPLAINED, "group"]
    sums = grouped.groupby([*keys, "household_id"], sort=False)["shap_value"].sum().abs()
    means = sums.groupby(keys, sort=False).mean().rename("mean_abs_shap")
    table = _rank(means, EXPLAINED)
    members = grouped[[*keys, "field"]].drop_duplicates().groupby(keys, sort=False)["field"]
    table.insert(0, "fields", members.agg(", ".join))
    return table.reset_index()


def _explain_fold(
    model: str,
    values: pd.DataFrame,
    fold: Fold,
    codebook: Codebook,
    modelling: ModellingParameters,
) -> tuple[Explanation, pd.DataFrame]:
    tuned = tune_fold(model, values, fold.labels, modelling, codebook)
    seed = seed_for(modelling.random_state, Purpose.IMPORTANCE, fold.place["fold"])
    eligible = fold.tested[~fold.tested["thin_record"]]
    return (
        explain(tuned, values.loc[fold.tested.index]),
        permute_fields(tuned, values.loc[eligible.index], eligible["segment"], seed),
    )


def _list_contributions(
    parts: Sequence[Explanation], folds: Sequence[Fold], values: pd.DataFrame, ids: pd.Series
) -> dict[str, npt.NDArray[np.generic]]:
    rows = np.concatenate([values.index.get_indexer(fold.tested.index) for fold in folds])
    order = rows.argsort()  # as in the panel, not fold by fold
    contributions = np.concatenate([part.values for part in parts])[order]
    count, fields, segments = contributions.shape
    known = values.iloc[rows[order]].to_numpy()
    return {
        "segment": np.repeat(parts[0].segments, count * fields),
        "household_id": np.tile(np.repeat(ids.iloc[rows[order]], fields), segments),
        "field": np.tile(parts[0].fields, segments * count),
        "shap_value": contributions.transpose(2, 0, 1).ravel(),
        "field_value": np.tile(known.ravel(), segments),
    }


def _summarise(
    increases: pd.DataFrame, modelling: ModellingParameters
) -> dict[str, npt.NDArray[np.generic]]:
    count, intervals = len(increases), modelling.intervals
    seed = seed_for(modelling.random_state, Purpose.RESAMPLE)
    weights = draw_weights(count, intervals.resamples, seed)
    low, high = find_interval(weights @ increases.to_numpy() / count, intervals.level)
    means = increases.mean()
    return {
        "field": increases.columns.to_numpy(),
        "log_loss_increase": means.to_numpy(),
        "increase_low": low,
        "increase_high": high,
        "rank": means.rank(method="first", ascending=False).astype("int64").to_numpy(),
    }


def _select_eligible(shap_values: pd.DataFrame, labelled_households: pd.DataFrame) -> pd.DataFrame:
    thin = labelled_households.loc[labelled_households["thin_record"], "household_id"]
    return shap_values[~shap_values["household_id"].isin(thin)]


def _select_repeat(fold_segments: pd.DataFrame) -> pd.DataFrame:
    is_nested = fold_segments["protocol"] == NESTED_CV
    return fold_segments[is_nested & (fold_segments["repeat"] == REPEAT)]


def _rank(means: pd.Series, within: Sequence[str]) -> pd.DataFrame:
    ranks = means.groupby(list(within), sort=False).rank(method="first", ascending=False)
    return means.to_frame().assign(rank=ranks.astype("int64"))
