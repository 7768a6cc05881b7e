from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from customer_segmentation.classification.metrics import compare_models

MODELS = ("prior", "rf", "lr", "majority")
SET = ["information_set"]


def made_up_answers(models=MODELS, folds=3, repeats=2, households=20):
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


def differences_by_hand(answers, a, b):
    """The mean paired differences of each fold, and the mean ratio of tested to training."""
    kept = answers[~answers["thin_record"]]
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
    answers = made_up_answers()
    (row,) = compare_models(answers[answers["model"].isin(["lr", "rf"])], SET, 0.9).to_dict(
        "records"
    )
    losses, hits, ratio = differences_by_hand(answers, "lr", "rf")
    assert (row["model_a"], row["model_b"], row["folds"]) == ("lr", "rf", 6)
    for name, values in (("log_loss", losses), ("accuracy", hits)):
        error = np.sqrt((1 / 6 + ratio) * values.var(ddof=1))
        low, high = stats.t(5, loc=values.mean(), scale=error).interval(0.9)
        assert row[f"{name}_difference"] == pytest.approx(values.mean())
        assert row[f"{name}_low"] == pytest.approx(low)
        assert row[f"{name}_high"] == pytest.approx(high)


def test_the_pairs_stand_in_the_declared_order_without_other_baselines():
    table = compare_models(made_up_answers((*MODELS, "procedure", "xgboost")), SET, 0.95)
    pairs = list(zip(table["model_a"], table["model_b"], strict=True))
    assert pairs == [
        *[("lr", "xgboost"), ("lr", "rf"), ("lr", "procedure"), ("lr", "prior")],
        *[("xgboost", "rf"), ("xgboost", "procedure"), ("xgboost", "prior")],
        *[("rf", "procedure"), ("rf", "prior"), ("procedure", "prior")],
    ]


def test_the_better_model_has_less_log_loss_and_more_accuracy():
    answers = made_up_answers(("lr", "rf"), households=80)
    knows = answers["model"] == "rf"
    answers.loc[knows, "p_a"] = np.where(answers.loc[knows, "segment"] == "a", 0.9, 0.1)
    answers.loc[knows, "p_b"] = 1 - answers.loc[knows, "p_a"]
    answers.loc[knows, "predicted"] = answers.loc[knows, "segment"]
    (row,) = compare_models(answers, SET, 0.95).to_dict("records")
    assert row["log_loss_difference"] > row["log_loss_low"] > 0
    assert row["accuracy_difference"] < row["accuracy_high"] < 0


def test_folds_that_agree_leave_an_interval_without_width():
    answers = made_up_answers(("lr",))
    twin = answers.assign(model="procedure")
    (row,) = compare_models(pd.concat([answers, twin]), SET, 0.95).to_dict("records")
    figures = {name: value for name, value in row.items() if name[:3] in ("log", "acc")}
    assert len(figures) == 6
    assert set(figures.values()) == {0.0}


def test_thin_records_count_only_if_nobody_tells_them():
    answers = made_up_answers()
    kept = compare_models(answers, SET, 0.95)
    pd.testing.assert_frame_equal(compare_models(answers[~answers["thin_record"]], SET, 0.95), kept)
    everyone = compare_models(answers.drop(columns="thin_record"), SET, 0.95)
    assert (everyone["log_loss_difference"] != kept["log_loss_difference"]).all()


def test_circumstances_are_compared_on_their_own_and_in_order():
    first, second = made_up_answers(), made_up_answers(repeats=3)
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
    nested = made_up_answers().assign(protocol="nested_cv")
    holdout = nested[(nested["repeat"] == 1) & (nested["fold"] == 1)].assign(protocol="holdout")
    both = compare_models(pd.concat([holdout, nested]), ["protocol"], 0.95)
    pd.testing.assert_frame_equal(both, compare_models(nested, ["protocol"], 0.95))
    assert compare_models(holdout, SET, 0.95).empty


def test_one_model_alone_has_no_pair_but_the_columns():
    none = compare_models(made_up_answers(("lr", "majority")), SET, 0.95)
    some = compare_models(made_up_answers(), SET, 0.95)
    assert none.empty
    assert none.columns.tolist() == some.columns.tolist()


def test_a_second_run_agrees_and_changes_no_input():
    answers = made_up_answers()
    before = answers.copy()
    first = compare_models(answers, SET, 0.95)
    shuffled = answers.sample(frac=1, random_state=2)
    pd.testing.assert_frame_equal(compare_models(shuffled, SET, 0.95), first)
    pd.testing.assert_frame_equal(answers, before)
