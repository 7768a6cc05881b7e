from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import (
    brier_score_loss,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
)

from customer_segmentation.classification.metrics import (
    MODEL_FIGURES,
    compare_models,
    keep_eligible,
    list_segments,
    measure_models,
    measure_segments,
    score_answers,
)
from customer_segmentation.classification.models import probability_column
from customer_segmentation.classification.parameters import Intervals
from customer_segmentation.classification.reliability import (
    draw_weights,
    estimate_intercepts,
    estimate_slope,
    expect_calibration_error,
    find_calibration_error,
)
from customer_segmentation.segments.partition import Purpose, seed_for

KEYS = ["information_set", "model", "protocol"]
INTERVALS = Intervals(level=0.9, resamples=60)
SEED = 11
SEGMENTS = ["Big Spenders", "Others", "Shy"]
SIMPLE = ["model", "protocol"]


def made_up_answers(
    segments=SEGMENTS, models=("prior", "lr", "majority"), households=40, repeats=3, folds=2
):
    """Answers about households whose segment changes a little from fold to fold."""
    rng = np.random.default_rng(5)
    count, tables = len(segments), []
    reference = rng.choice(count, households, p=[0.7 / (count - 1)] * (count - 1) + [0.3])
    for repeat in range(1, repeats + 1):
        fold = rng.permutation(households) % folds + 1
        moved = rng.random(households) < 0.15
        truth = np.where(moved, rng.choice(count, households), reference)
        for number, model in enumerate(models):
            probabilities = rng.dirichlet(np.ones(count), households) + np.eye(count)[truth] * 0.4
            if model == "prior":
                probabilities = np.arange(1, count + 1) + 0.1 * fold[:, None]
            if model == "majority":
                probabilities = np.tile(np.eye(count)[-1], (households, 1))
            probabilities /= probabilities.sum(axis=1, keepdims=True)
            table = pd.DataFrame(
                {
                    "information_set": "s",
                    "model": model,
                    "protocol": "nested_cv",
                    "repeat": repeat,
                    "fold": fold,
                    "household_id": 1000 - np.arange(households),
                    "thin_record": np.arange(households) % 10 == 9,
                    "segment": np.array(segments)[truth],
                    "reference": np.array(segments)[reference],
                    "predicted": np.array(segments)[probabilities.argmax(axis=1)],
                }
            )
            table[[probability_column(segment) for segment in segments]] = probabilities
            tables.append(table.assign(c_shy=np.nan if number else 0.5))
    return pd.concat(tables, ignore_index=True).sample(frac=1, random_state=1)


def of_model(answers, model):
    """Its eligible rows, by household and repeat."""
    rows = answers[(answers["model"] == model) & ~answers["thin_record"]]
    return rows.sort_values(["household_id", "repeat"], ignore_index=True)


def losses(rows):
    columns = rows["segment"].map(probability_column)
    given = [row[column] for (_, row), column in zip(rows.iterrows(), columns, strict=True)]
    return -np.log(np.clip(given, 1e-15, 1))


def resamples(rows):
    """The rows of each bootstrap sample: the households as often as drawn, with all repeats."""
    ids = np.unique(rows["household_id"])
    weights = draw_weights(len(ids), INTERVALS.resamples, seed_for(SEED, Purpose.RESAMPLE))
    for weight in weights.astype(int):
        times = dict(zip(ids, weight, strict=True))
        yield rows.loc[rows.index.repeat(rows["household_id"].map(times))]


def figures_of(answers, keys=KEYS, function=measure_models, **changed):
    table = function(answers, keys, INTERVALS.model_copy(update=changed), SEED)
    return table.set_index(["model", "segment"] if "segment" in table else "model")


@pytest.fixture(scope="module")
def answers():
    return made_up_answers()


@pytest.fixture(scope="module")
def overall(answers):
    return figures_of(answers)


@pytest.fixture(scope="module")
def by_segment(answers):
    return figures_of(answers, function=measure_segments)


def test_figures_over_all_segments_pool_the_repeats(answers, overall):
    rows, row = of_model(answers, "lr"), overall.loc["lr"]
    assert row["n"] == 36
    assert len(rows) == 3 * 36
    assert row["accuracy"] == pytest.approx((rows["predicted"] == rows["segment"]).mean())
    assert row["log_loss"] == pytest.approx(losses(rows).mean())
    each = precision_recall_fscore_support(rows["segment"], rows["predicted"], average="macro")
    assert row[["precision_macro", "recall_macro", "f1_macro"]].tolist() == pytest.approx(each[:3])
    assert row["balanced_accuracy"] == row["recall_macro"]
    truth = np.array([rows["segment"] == segment for segment in SEGMENTS]).T
    given = rows[list(map(probability_column, SEGMENTS))].to_numpy()
    assert row["brier"] == pytest.approx(((truth - given) ** 2).sum(axis=1).mean())


def test_the_auc_is_averaged_over_segments_and_repeats(answers, overall, by_segment):
    rows = of_model(answers, "lr")
    aucs = [
        [
            roc_auc_score(part["segment"] == segment, part[probability_column(segment)])
            for _, part in rows.groupby("repeat")
        ]
        for segment in SEGMENTS
    ]
    assert by_segment.loc["lr", "auc"].tolist() == pytest.approx(np.mean(aucs, axis=1))
    assert overall.loc["lr", "auc_macro"] == pytest.approx(np.mean(aucs))


def test_calibration_is_measured_on_all_repeats_and_its_error_per_repeat(
    answers, overall, by_segment
):
    rows, row = of_model(answers, "lr"), overall.loc["lr"]
    truth = np.array([rows["segment"] == segment for segment in SEGMENTS]).T.astype(float)
    given = rows[list(map(probability_column, SEGMENTS))].to_numpy()
    slope = estimate_slope(given, truth, rows["repeat"].to_numpy() * 10 + rows["fold"].to_numpy())
    assert row["calibration_slope"] == pytest.approx(slope)
    found = by_segment.loc["lr", "calibration_intercept"]
    assert found.tolist() == pytest.approx(estimate_intercepts(given, truth).tolist())
    repeats = [rows["repeat"].to_numpy() == repeat for repeat in (1, 2, 3)]
    errors = [find_calibration_error(given[each], truth[each]) for each in repeats]
    assert row["calibration_error"] == pytest.approx(np.mean(errors))
    expected = [
        expect_calibration_error(given[each], np.random.SeedSequence(number))
        for number, each in enumerate(repeats)
    ]
    # other draws: the means of 600 simulations agree but for chance
    assert row["calibration_error_expected"] == pytest.approx(np.mean(expected), rel=0.05)


def test_shares_that_only_change_from_fold_to_fold_have_no_slope(overall):
    assert overall["calibration_slope"].notna().to_dict() == {
        "lr": True,
        "prior": False,
        "majority": False,
    }


def test_figures_per_segment_pool_the_repeats(answers, by_segment):
    rows = of_model(answers, "lr")
    each = precision_recall_fscore_support(rows["segment"], rows["predicted"], labels=SEGMENTS)
    table = by_segment.loc["lr"]
    assert table.index.tolist() == SEGMENTS
    for name, values in zip(["precision", "recall", "f1"], each[:3], strict=True):
        assert table[name].tolist() == pytest.approx(values.tolist())
    assert table["support"].tolist() == pytest.approx((each[3] / 3).tolist())
    assert table["support"].sum() == pytest.approx(36)


def test_intervals_draw_households_with_all_their_repeats(answers, overall, by_segment):
    rows = of_model(answers, "lr")
    rows["hit"], rows["loss"] = rows["predicted"] == rows["segment"], losses(rows)
    draws = []
    for sample in resamples(rows):
        named, true = sample["predicted"] == "Shy", sample["segment"] == "Shy"
        both = (named & true).sum()
        draws.append(
            [sample["hit"].mean(), sample["loss"].mean(), both / named.sum(), both / true.sum()]
        )
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    shy = by_segment.loc[("lr", "Shy")]
    for place, (row, name) in enumerate(
        [
            (overall.loc["lr"], "accuracy"),
            (overall.loc["lr"], "log_loss"),
            (shy, "precision"),
            (shy, "recall"),
        ]
    ):
        assert row[f"{name}_low"] == pytest.approx(low[place])
        assert row[f"{name}_high"] == pytest.approx(high[place])
        assert row[f"{name}_low"] < row[name] < row[f"{name}_high"]


def test_skill_and_gain_are_paired_with_the_baselines(answers, overall):
    rows = of_model(answers, "lr")
    rows["loss"], rows["prior"] = losses(rows), losses(of_model(answers, "prior"))
    rows["hit"] = (rows["predicted"] == rows["segment"]).astype(float)
    majority = of_model(answers, "majority")
    rows["base"] = (majority["predicted"] == majority["segment"]).astype(float)

    def compute(sample):
        means = sample[["loss", "prior", "hit", "base"]].mean()
        return [1 - means["loss"] / means["prior"], means["hit"] - means["base"]]

    low, high = np.quantile([compute(sample) for sample in resamples(rows)], [0.05, 0.95], axis=0)
    row = overall.loc["lr"]
    assert row[["log_loss_skill", "gain_over_majority"]].tolist() == pytest.approx(compute(rows))
    assert row[["log_loss_skill_low", "gain_low"]].tolist() == pytest.approx(low)
    assert row[["log_loss_skill_high", "gain_high"]].tolist() == pytest.approx(high)


def test_baselines_are_not_compared_with_themselves(overall):
    compared = overall.filter(regex="skill|gain")
    assert compared.shape == (3, 6)
    assert compared.loc[["prior", "majority"]].isna().all(axis=None)
    assert compared.loc["lr"].notna().all()


def test_the_same_draws_serve_all_models():
    """What a model shares with the majority cancels: its gain is 0 in every resample."""
    answers = made_up_answers(models=("lr", "majority", "prior"))
    copied = answers["model"] == "majority"
    twin = answers[copied].assign(model="twin")
    row = figures_of(pd.concat([answers, twin], ignore_index=True)).loc["twin"]
    assert row[["gain_over_majority", "gain_low", "gain_high"]].tolist() == [0, 0, 0]
    assert row["accuracy_low"] < row["accuracy_high"]


def test_the_reference_is_a_second_truth(answers, overall, by_segment):
    rows = of_model(answers, "lr")
    against = rows.assign(segment=rows["reference"])
    row = overall.loc["lr"]
    hits = rows["predicted"] == rows["reference"]
    assert row["accuracy_reference"] == pytest.approx(hits.mean())
    assert row["log_loss_reference"] == pytest.approx(losses(against).mean())
    each = precision_recall_fscore_support(rows["reference"], rows["predicted"], labels=SEGMENTS)
    names = ["precision_reference", "recall_reference"]
    assert by_segment.loc["lr", names].to_numpy() == pytest.approx(np.array(each[:2]).T)


def test_columns_and_rows_stand_in_their_order(answers):
    table = measure_models(answers, KEYS, INTERVALS, SEED)
    assert table.columns.tolist() == [*KEYS, *MODEL_FIGURES]
    assert table["model"].tolist() == list(answers["model"].unique())
    segments = measure_segments(answers, KEYS, INTERVALS, SEED)
    assert segments["model"].unique().tolist() == list(answers["model"].unique())
    assert segments.columns.tolist() == [
        *[*KEYS, "segment", "precision", "precision_low", "precision_high", "recall"],
        *["recall_low", "recall_high", "f1", "support", "auc", "calibration_intercept"],
        *["precision_reference", "recall_reference"],
    ]
    assert table["n"].dtype == "int64"


def test_what_the_table_cannot_tell_is_no_column():
    """As in the published study: numbered clusters, no baseline, no reference, no thin record."""
    bare = made_up_answers([0, 1, 2], models=("lr", "rf"))
    bare = bare.drop(columns=["reference", "thin_record", "information_set"])
    table = measure_models(bare, SIMPLE, INTERVALS, SEED)
    assert table["n"].tolist() == [40, 40]
    left_out = set(MODEL_FIGURES) - set(table.columns)
    assert {name for name in MODEL_FIGURES if "reference" in name} < left_out
    assert all("skill" in name or "gain" in name or "reference" in name for name in left_out)
    segments = measure_segments(bare, SIMPLE, INTERVALS, SEED)
    assert segments["segment"].dtype == "int64"
    assert segments["segment"].tolist() == [0, 1, 2] * 2
    assert not segments.columns.str.contains("reference").any()


def test_repeats_are_no_further_households():
    once = made_up_answers(repeats=1)
    often = pd.concat([once.assign(repeat=repeat) for repeat in range(1, 7)], ignore_index=True)
    for function in (measure_models, measure_segments):
        few, many = (function(table, KEYS, INTERVALS, SEED) for table in (once, often))
        chance = "calibration_error_expected"  # drawn for each repeat
        few, many = (table.drop(columns=chance, errors="ignore") for table in (few, many))
        pd.testing.assert_frame_equal(many, few)


def test_protocols_may_test_different_households(answers):
    """A hold-out tests some only; its figures are those it has alone."""
    part = answers[(answers["repeat"] == 1) & (answers["fold"] == 2)].assign(protocol="holdout")
    both = measure_models(pd.concat([answers, part]), KEYS, INTERVALS, SEED)
    alone = measure_models(part, KEYS, INTERVALS, SEED)
    found = both[both["protocol"] == "holdout"].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, alone)
    assert found["n"].unique() == (~part.query("model == 'lr'")["thin_record"]).sum()


def test_a_model_of_one_set_alone_is_measured_there(answers):
    """Nearest centroid answers only where its scores are known."""
    certain = answers[answers["model"] == "lr"].assign(model="nearest_centroid")
    certain["predicted"] = certain["segment"]
    for segment in SEGMENTS:
        certain[probability_column(segment)] = (certain["segment"] == segment).astype(float)
    other = answers.assign(information_set="t")
    table = measure_models(pd.concat([answers, certain, other]), KEYS, INTERVALS, SEED)
    assert len(table) == 7
    row = table.set_index("model").loc["nearest_centroid"]
    assert row[["information_set", "accuracy", "accuracy_low", "log_loss"]].tolist() == [
        "s",
        1,
        1,
        0,
    ]
    assert row["log_loss_skill"] == 1
    assert np.isnan(row["calibration_slope"])
    errors = row[["calibration_error", "calibration_error_expected"]].tolist()
    assert errors == pytest.approx([0, 0], abs=1e-12)


def test_a_segment_that_nobody_is_given_has_no_precision_to_bound(answers, overall, by_segment):
    row = by_segment.loc[("majority", "Others")]
    assert (row["precision"], row["recall"], row["f1"], row["precision_reference"]) == (0, 0, 0, 0)
    bounds = ["precision_low", "precision_high", "recall_low", "recall_high"]
    assert row[bounds].isna().all()  # a resample has no hit that the sample does not have
    certain = by_segment.loc[("majority", "Shy")]
    assert certain[["recall_low", "recall_high"]].tolist() == pytest.approx([1, 1])
    shy = by_segment.loc[("majority", "Shy")]
    assert overall.loc["majority", "precision_macro"] == pytest.approx(shy["precision"] / 3)
    assert overall.loc["majority", "balanced_accuracy"] == pytest.approx(1 / 3)


def test_a_segment_that_no_tested_household_has_is_missing_not_wrong(answers):
    rows = answers[answers["segment"] != "Shy"].assign(information_set="t", reference="Others")
    once = rows[rows["repeat"] == 1]
    table = figures_of(pd.concat([answers, once]), function=measure_segments).reset_index()
    absent = table[(table["segment"] == "Shy") & (table["information_set"] == "t")]
    assert (absent["support"] == 0).all()
    assert absent[["recall", "auc", "calibration_intercept"]].isna().all(axis=None)
    row = measure_models(pd.concat([answers, once]), KEYS, INTERVALS, SEED).query(
        "information_set == 't' and model == 'lr'"
    )
    assert row[["auc_macro", "calibration_slope"]].isna().all(axis=None)
    present = table[(table["information_set"] == "t") & (table["model"] == "lr")]["recall"].mean()
    assert row["balanced_accuracy"].item() == pytest.approx(present)


@pytest.mark.parametrize("repeats", [1, 2])
def test_two_segments_and_few_households_are_enough(repeats):
    answers = made_up_answers(["No", "Yes"], households=12, repeats=repeats)
    table = figures_of(answers)
    figures = table.loc["lr"].drop("calibration_slope").drop(KEYS[::2])
    assert figures.astype(float).notna().all()
    segments = figures_of(answers, function=measure_segments).loc["lr"]
    assert segments["auc"].iloc[0] == pytest.approx(segments["auc"].iloc[1])
    assert segments["calibration_intercept"].sum() == pytest.approx(0, abs=1e-9)


def test_a_second_run_agrees_and_changes_no_input(answers):
    before = answers.copy()
    for function in (measure_models, measure_segments):
        first, again = (function(answers, KEYS, INTERVALS, SEED) for _ in range(2))
        pd.testing.assert_frame_equal(first, again, check_exact=True)
        other = function(answers, KEYS, INTERVALS, SEED + 1)
        assert not other.equals(first)
    pd.testing.assert_frame_equal(answers, before)


def test_a_higher_level_gives_wider_intervals(answers):
    narrow, wide = figures_of(answers, level=0.5), figures_of(answers, level=0.95)
    for name in ("accuracy", "log_loss", "log_loss_skill"):
        assert wide.loc["lr", f"{name}_low"] < narrow.loc["lr", f"{name}_low"]
        assert wide.loc["lr", f"{name}_high"] > narrow.loc["lr", f"{name}_high"]


@pytest.fixture
def four_answers():
    return pd.DataFrame(
        {
            "segment": ["b", "a", "b", "a"],
            "reference": ["b", "a", "c d", "a"],
            "predicted": ["b", "b", "b", "a"],
            "p_a": [0.25, 0.0, 0.0, 1.0],
            "p_b": [0.5, 1.0, 0.8, 0.0],
            "p_c_d": [0.25, 0.0, 0.2, 0.0],
        },
        index=[7, 3, 5, 4],
    )


def test_segments_come_from_all_labels_in_their_order(four_answers):
    assert list_segments(four_answers) == ["a", "b", "c d"]
    assert list_segments(four_answers.drop(columns="reference")) == ["a", "b"]
    assert list_segments(pd.DataFrame({"segment": [10, 2], "predicted": [2, 1]})) == [1, 2, 10]


def test_only_thin_records_are_left_out_and_only_where_they_are_told(four_answers):
    marked = four_answers.assign(thin_record=[False, True, False, True])
    assert keep_eligible(marked).index.tolist() == [7, 5]
    pd.testing.assert_frame_equal(keep_eligible(four_answers), four_answers)


def test_scores_are_those_of_scikit_learn(four_answers):
    before = four_answers.copy()
    scores = score_answers(four_answers, ["a", "b", "c d"])
    pd.testing.assert_frame_equal(four_answers, before)
    assert scores.index.tolist() == [7, 3, 5, 4]
    assert scores["hit"].tolist() == [1, 0, 1, 1]
    probabilities = four_answers[["p_a", "p_b", "p_c_d"]]
    for place, truth in enumerate(four_answers["segment"]):
        row, labels = probabilities.iloc[[place]], ["a", "b", "c d"]
        brier = brier_score_loss([truth], row, labels=labels, scale_by_half=False)
        assert scores["brier"].iloc[place] == pytest.approx(brier)
        if row.to_numpy().max() < 1:
            loss = log_loss([truth], row, labels=labels)
            assert scores["log_loss"].iloc[place] == pytest.approx(loss)


def test_a_sure_mistake_costs_a_lot_but_not_everything(four_answers):
    scores = score_answers(four_answers, ["a", "b", "c d"])
    assert scores["log_loss"].tolist() == pytest.approx(
        [-np.log(0.5), -np.log(1e-15), -np.log(0.8), 0], abs=1e-12
    )
    assert scores["brier"].iloc[1] == pytest.approx(2)


def test_answers_can_be_scored_against_another_truth(four_answers):
    scores = score_answers(four_answers, ["a", "b", "c d"], "reference")
    assert scores["hit"].tolist() == [1, 0, 0, 1]
    assert scores["log_loss"].iloc[2] == pytest.approx(-np.log(0.2))


MODELS = ("prior", "rf", "lr", "majority")
SET = ["information_set"]


def answers_in_folds(models=MODELS, folds=3, repeats=2, households=20):
    """Folds of unequal size, two segments, one fifth of the households thin."""
    rng = np.random.default_rng(3)
    tables = []
    for repeat in range(1, repeats + 1):
        fold = rng.permutation(households) % folds + 1
        truth = rng.choice(["a", "b"], households)
        for model in models:
            p = rng.random(households)
            table = pd.DataFrame({"repeat": repeat, "fold": fold, "segment": truth, "p_a": p})
            table["predicted"] = np.where(p >= 0.5, "a", "b")
            table["household_id"] = np.arange(households)
            table["thin_record"] = np.arange(households) % 5 == 0
            tables.append(table.assign(p_b=1 - p, model=model))
    return pd.concat(tables, ignore_index=True).assign(information_set="s")


def differences_by_hand(folded, a, b):
    """The mean paired differences of each fold, and the mean ratio of tested to training."""
    kept = folded[~folded["thin_record"]]
    households = kept["household_id"].nunique()
    losses, hits, ratios = [], [], []
    for _, rows in kept.groupby(["repeat", "fold"]):
        first, second = (
            rows[rows["model"] == model].set_index("household_id").sort_index() for model in (a, b)
        )
        given = [
            np.where(each["segment"] == "a", each["p_a"], each["p_b"]) for each in (first, second)
        ]
        losses.append((np.log(given[1]) - np.log(given[0])).mean())
        correct = [(each["predicted"] == each["segment"]).astype(float) for each in (first, second)]
        hits.append((correct[0] - correct[1]).mean())
        ratios.append(len(first) / (households - len(first)))
    return np.array(losses), np.array(hits), np.mean(ratios)


def test_the_interval_is_that_of_nadeau_and_bengio():
    folded = answers_in_folds()
    (row,) = compare_models(folded[folded["model"].isin(["lr", "rf"])], SET, 0.9).to_dict("records")
    losses, hits, ratio = differences_by_hand(folded, "lr", "rf")
    assert (row["model_a"], row["model_b"], row["folds"]) == ("lr", "rf", 6)
    for name, values in (("log_loss", losses), ("accuracy", hits)):
        error = np.sqrt((1 / 6 + ratio) * values.var(ddof=1))
        low, high = stats.t(5, loc=values.mean(), scale=error).interval(0.9)
        assert row[f"{name}_difference"] == pytest.approx(values.mean())
        assert row[f"{name}_low"] == pytest.approx(low)
        assert row[f"{name}_high"] == pytest.approx(high)


def test_the_pairs_stand_in_the_declared_order_without_other_baselines():
    table = compare_models(answers_in_folds((*MODELS, "procedure", "xgboost")), SET, 0.95)
    pairs = list(zip(table["model_a"], table["model_b"], strict=True))
    assert pairs == [
        *[("lr", "xgboost"), ("lr", "rf"), ("lr", "procedure"), ("lr", "prior")],
        *[("xgboost", "rf"), ("xgboost", "procedure"), ("xgboost", "prior")],
        *[("rf", "procedure"), ("rf", "prior"), ("procedure", "prior")],
    ]


def test_the_better_model_has_less_log_loss_and_more_accuracy():
    folded = answers_in_folds(("lr", "rf"), households=80)
    knows = folded["model"] == "rf"
    folded.loc[knows, "p_a"] = np.where(folded.loc[knows, "segment"] == "a", 0.9, 0.1)
    folded.loc[knows, "p_b"] = 1 - folded.loc[knows, "p_a"]
    folded.loc[knows, "predicted"] = folded.loc[knows, "segment"]
    (row,) = compare_models(folded, SET, 0.95).to_dict("records")
    assert row["log_loss_difference"] > row["log_loss_low"] > 0
    assert row["accuracy_difference"] < row["accuracy_high"] < 0


def test_folds_that_agree_leave_an_interval_without_width():
    folded = answers_in_folds(("lr",))
    twin = folded.assign(model="procedure")
    (row,) = compare_models(pd.concat([folded, twin]), SET, 0.95).to_dict("records")
    figures = {name: value for name, value in row.items() if name[:3] in ("log", "acc")}
    assert len(figures) == 6
    assert set(figures.values()) == {0.0}


def test_thin_records_count_only_if_nobody_tells_them():
    folded = answers_in_folds()
    kept = compare_models(folded, SET, 0.95)
    pd.testing.assert_frame_equal(compare_models(folded[~folded["thin_record"]], SET, 0.95), kept)
    everyone = compare_models(folded.drop(columns="thin_record"), SET, 0.95)
    assert (everyone["log_loss_difference"] != kept["log_loss_difference"]).all()


def test_circumstances_are_compared_on_their_own_and_in_order():
    first, second = answers_in_folds(), answers_in_folds(repeats=3)
    stacked = pd.concat(
        [second.assign(information_set="z", protocol="cv"), first.assign(protocol="cv")]
    )
    table = compare_models(stacked, ["information_set", "protocol"], 0.95)
    assert table.columns.tolist()[:3] == ["information_set", "protocol", "model_a"]
    assert table["information_set"].tolist() == ["z"] * 3 + ["s"] * 3
    assert table["folds"].tolist() == [9] * 3 + [6] * 3
    alone = compare_models(first, SET, 0.95)
    found = table[table["information_set"] == "s"][alone.columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, alone)


def test_a_single_fold_has_no_spread_and_no_row():
    nested = answers_in_folds().assign(protocol="nested_cv")
    holdout = nested[(nested["repeat"] == 1) & (nested["fold"] == 1)].assign(protocol="holdout")
    both = compare_models(pd.concat([holdout, nested]), ["protocol"], 0.95)
    pd.testing.assert_frame_equal(both, compare_models(nested, ["protocol"], 0.95))
    assert compare_models(holdout, SET, 0.95).empty


def test_one_model_alone_has_no_pair_but_the_columns():
    none = compare_models(answers_in_folds(("lr", "majority")), SET, 0.95)
    some = compare_models(answers_in_folds(), SET, 0.95)
    assert none.empty
    assert none.columns.tolist() == some.columns.tolist()


def test_a_second_comparison_agrees_and_changes_no_input():
    folded = answers_in_folds()
    before = folded.copy()
    first = compare_models(folded, SET, 0.95)
    shuffled = folded.sample(frac=1, random_state=2)
    pd.testing.assert_frame_equal(compare_models(shuffled, SET, 0.95), first)
    pd.testing.assert_frame_equal(folded, before)
