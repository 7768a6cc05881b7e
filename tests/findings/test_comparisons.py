"""Whether one model is best: the answer follows the intervals, however a pair is written."""

from __future__ import annotations

import pandas as pd
import pytest

from customer_segmentation.findings import comparisons

LABELS = {"xgboost": "XGBoost", "lr": "Plain", "rf": "Forest", "one": "Set one", "two": "Set two"}


def pairs(against_lr: float, against_rf: float, reach: float = 0.01, name="one") -> pd.DataFrame:
    """XGBoost saves so much log loss against both; it stands second in one pair, first in one."""
    rows = [
        ("lr", "xgboost", against_lr),
        ("lr", "rf", 0.5),
        ("xgboost", "rf", -against_rf),
        ("xgboost", "procedure", 0.7),
        ("xgboost", "prior", -0.9),
    ]
    table = pd.DataFrame(rows, columns=["model_a", "model_b", "log_loss_difference"])
    table["accuracy_difference"] = -table["log_loss_difference"] / 2
    table.insert(0, "information_set", name)
    table.insert(1, "claim", "overlap")
    return table.assign(
        log_loss_low=table["log_loss_difference"] - reach,
        log_loss_high=table["log_loss_difference"] + 2 * reach,
        accuracy_low=table["accuracy_difference"] - 2 * reach,
        accuracy_high=table["accuracy_difference"] + reach,
    )


def test_a_positive_figure_speaks_for_the_model_in_question():
    rivals = comparisons.compare_with_rivals(pairs(0.05, 0.03), "xgboost")
    assert rivals.columns[:3].tolist() == ["information_set", "claim", "rival"]
    assert rivals["rival"].tolist() == ["lr", "rf"]  # neither the procedure nor the prior
    assert rivals["saved"].tolist() == [0.05, 0.03]
    # lr - xgboost keeps its bounds, xgboost - rf turns them round.
    assert rivals["saved_low"].tolist() == pytest.approx([0.04, 0.01])
    assert rivals["saved_high"].tolist() == pytest.approx([0.07, 0.04])
    # Accuracy is better when it is larger: there the first pair is turned, the second is not.
    assert rivals["gained"].tolist() == [0.025, 0.015]
    assert rivals["gained_low"].tolist() == pytest.approx([0.015, -0.005])
    assert rivals["gained_high"].tolist() == pytest.approx([0.045, 0.025])


@pytest.mark.parametrize(
    ("against_lr", "against_rf", "answer"),
    [
        (0.05, 0.03, "shown to be best"),
        (0.05, 0.001, "not shown to be best"),
        (0.001, -0.001, "not shown to be best"),
        (0.05, -0.05, "not best"),
        (0.001, -0.05, "not best"),
    ],
)
def test_best_needs_every_interval(against_lr, against_rf, answer):
    rivals = comparisons.compare_with_rivals(pairs(against_lr, against_rf), "xgboost")
    assert comparisons.judge_best(rivals) == answer
    text = comparisons.answer_each(rivals, "xgboost", LABELS)["one"]
    assert text.endswith(f"By log loss it is {answer}.")


def test_the_answer_holds_both_figures_and_intervals():
    rivals = comparisons.compare_with_rivals(pairs(0.05, -0.04), "xgboost")
    assert comparisons.answer_best(rivals, "xgboost", LABELS) == (
        "XGBoost saves 0.050 log loss against plain (interval 0.040 to 0.070: better; accuracy "
        "+2.5 (+1.5 to +4.5) points: better) and loses 0.040 log loss against forest (interval "
        "0.030 to 0.060: worse; accuracy \u22122.0 (\u22124.0 to \u22121.0) points: worse). "
        "By log loss it is not best."
    )


def test_without_an_interval_nothing_is_told_apart():
    table = pairs(0.05, 0.04, reach=float("nan"))
    text = comparisons.answer_best(
        comparisons.compare_with_rivals(table, "xgboost"), "xgboost", LABELS
    )
    assert text.count("(no interval: not told apart; accuracy +2") == 2
    assert text.count(" points: not told apart)") == 2
    assert text.endswith("not shown to be best.")


def test_the_title_counts_the_sets_on_which_it_is_best():
    both = pd.concat([pairs(0.05, 0.03), pairs(0.05, 0.001, name="two")])
    rivals = comparisons.compare_with_rivals(both, "xgboost")
    text = comparisons.title_comparisons(rivals, 400, "xgboost", LABELS)
    assert text.startswith("XGBoost is shown to be best on 1 of 2 information sets: set one; ")
    assert text.endswith("400\u00a0households")
    none = comparisons.title_comparisons(rivals.head(0), 400, "xgboost", LABELS)
    assert none == "XGBoost was compared with no other classifier"


def test_pairs_without_an_information_set_are_compared_too():
    table = pairs(0.05, 0.03).drop(columns=["information_set", "claim"])
    rivals = comparisons.compare_with_rivals(table, "xgboost")
    assert rivals.columns[0] == "rival"
    assert comparisons.judge_best(rivals) == "shown to be best"


@pytest.mark.parametrize(("p_value", "as_low"), [(0.005, "0 of 199"), (0.02, "3 of 199")])
def test_the_permutations_as_low_follow_from_p(p_value, as_low):
    row = {"information_set": "one", "log_loss": 0.95, "log_loss_permuted": 0.99}
    tests = pd.DataFrame([row | {"permutations": 199, "p_value": p_value, "p_holm": 0.04}])
    (text,) = comparisons.tell_permutations(tests, LABELS)
    assert text.startswith("Set one: ")
    (unnamed,) = comparisons.tell_permutations(tests, {})
    assert unnamed.startswith("One: ")
    assert f"so low a log loss in {as_low} permutations (0.950 against 0.990" in text
    assert text.endswith(f"p = {p_value:.3f}.")  # one test needs no correction
    twice = comparisons.tell_permutations(pd.concat([tests, tests]), LABELS)
    assert twice[0].endswith(f"p = {p_value:.3f}, 0.040 by Holm’s correction.")
    assert comparisons.tell_permutations(tests.head(0), LABELS) == []
