"""Sentences about what the typing tool reaches: none may claim more than the table holds."""

from __future__ import annotations

import pandas as pd
import pytest

from customer_segmentation.findings import claims

LABELS = {"everything": "Everything", "part": "A part", "people": "People only"}
CLAIMS = {"people": "prediction", "part": "overlap", "everything": "assignment"}


def metrics(accuracy: dict[str, float], majority: float = 0.6, reach: float = 0.04) -> pd.DataFrame:
    """The procedure, a classifier that is better by luck, and the baselines, by two protocols."""
    rows = [
        (name, CLAIMS[name], model, value)
        for name, right in accuracy.items()
        for model, value in (("rf", 1.0), ("procedure", right), ("majority", majority))
    ]
    if "everything" in accuracy:
        rows.append(("everything", "assignment", "nearest_centroid", 0.998))
    table = pd.DataFrame(rows, columns=["information_set", "claim", "model", "accuracy"])
    gain = table["accuracy"] - majority
    table = table.assign(n=400, gain_over_majority=gain, protocol="nested_cv")
    table = table.assign(gain_low=gain - reach, gain_high=gain + reach, log_loss_skill=0.1)
    table = table.assign(accuracy_low=table["accuracy"] - 0.05, log_loss_skill_low=-0.02)
    table = table.assign(accuracy_high=table["accuracy"] + 0.05, log_loss_skill_high=0.22)
    table = table.assign(accuracy_reference=table["accuracy"] - 0.01)
    return pd.concat([table, table.assign(protocol="holdout", accuracy=0.123, n=80)])


def headline(**accuracy: float) -> pd.DataFrame:
    return claims.find_headline(metrics(accuracy), "nested_cv")


def test_the_headline_is_the_procedure_in_the_order_of_the_claims():
    table = headline(people=0.59, part=0.8, everything=0.95)
    assert table["claim"].tolist() == ["assignment", "overlap", "prediction"]
    assert table["model"].unique().tolist() == ["procedure"]
    assert table["accuracy"].tolist() == [0.95, 0.8, 0.59]
    assert table["majority"].unique().tolist() == [0.6]
    assert claims.count_households(metrics({"people": 0.6}), "nested_cv") == 400


@pytest.mark.parametrize(
    ("accuracy", "verdict"),
    [
        (0.55, "worse than"),
        (0.58, "not told apart from"),
        (0.63, "not told apart from"),
        (0.65, "better than"),
    ],
)
def test_better_and_worse_mean_the_whole_interval(accuracy, verdict):
    table = headline(people=accuracy)
    assert table["verdict"].tolist() == [verdict]
    gain = f"{100 * (accuracy - 0.6):+.1f}".replace("-", "\u2212")
    text = claims.explain_claim(table.to_dict("records")[0])
    assert text.startswith(f"Right for {accuracy:.1%} ({accuracy - 0.05:.1%} to ")
    assert f"of 400 households: {verdict} always naming the largest segment (60.0%)" in text
    assert f"a difference of {gain} (" in text


def test_a_missing_interval_tells_nothing_apart():
    assert claims.judge_gain(float("nan"), float("nan")) == claims.OPEN


def test_rows_are_sorted_by_claim_and_then_by_set_in_the_order_of_the_table():
    rows = [("b", "overlap"), ("p", "prediction"), ("a", "overlap"), ("s", "assignment")]
    table = pd.DataFrame(rows * 2, columns=["information_set", "claim"])
    ordered = claims.order_by_claim(table)
    assert "".join(ordered["information_set"]) == "ssbbaapp"
    assert ordered.columns.tolist() == ["information_set", "claim"]
    told = claims.claim_sets(table[["information_set"]], table)
    pd.testing.assert_frame_equal(told, ordered)


def test_the_segmenter_answers_where_its_inputs_are_known():
    table = metrics({"people": 0.59, "everything": 0.95})
    segmenter = claims.find_segmenter(table, "nested_cv")
    assert segmenter == {"everything": 0.998}
    exact, blind = claims.find_headline(table, "nested_cv").to_dict("records")
    assert (
        "the segmenter itself answers, right for 99.8%" in claims.add_to_claim(exact, segmenter)[-1]
    )
    told = claims.add_to_claim(blind, segmenter)
    assert told == [
        "Log loss saved over stating the bare segment shares: 10.0% (\u22122.0% to 22.0%).",
        "By the segments of this report: right for 58.0%.",
    ]


@pytest.mark.parametrize(
    ("accuracy", "words"),
    [
        ({"people": 0.59, "part": 0.8}, "High accuracy comes from seeing the purchases"),
        ({"people": 0.9, "part": 0.8}, "Without any purchase, models beat"),
        ({"people": 0.5, "part": 0.5}, "No model clearly beats"),
        ({"part": 0.9}, "No model was tried without purchase"),
    ],
)
def test_the_judgement_follows_the_table(accuracy, words):
    assert claims.judge_claims(headline(**accuracy)).startswith(words)


def test_the_title_parts_those_that_beat_the_majority_from_those_that_do_not():
    text = claims.title_accuracy(headline(people=0.59, part=0.8), LABELS)
    assert "(60.0%): a part (80.0%); not people only (59.0%)" in text
    none = claims.title_accuracy(headline(people=0.5, part=0.5), LABELS)
    assert none.startswith("No information set clearly beats")
    every = claims.title_accuracy(headline(people=0.9, part=0.9), LABELS)
    assert every.startswith("Every information set beats")
    assert every.endswith("400\u00a0households")


@pytest.mark.parametrize(
    ("accuracy", "told"), [(0.9, "beats always"), (0.6, "does not clearly beat always")]
)
def test_the_title_of_one_set_speaks_of_one(accuracy, told):
    text = claims.title_accuracy(headline(people=accuracy), LABELS)
    assert text.startswith(f"People only ({accuracy:.1%}) {told} naming the largest segment")


def segment_metrics(recall: list[float]) -> pd.DataFrame:
    strong = {"information_set": "part", "segment": ["A", "B"], "recall": 1.0, "support": 200.0}
    weak = {"information_set": "people", "segment": ["A", "B"], "recall": recall}
    weak |= {"support": [300.2, 99.8]}
    return pd.concat([pd.DataFrame(strong), pd.DataFrame(weak)])


def test_found_and_missed_segments_are_named_from_the_last_set():
    text = claims.title_segment_metrics(segment_metrics([0.9, 0.1]), LABELS)
    assert text.startswith("People only: finds 90.0% of A, but 10.0% of B")
    assert text.endswith("n\u00a0=\u00a0400\u00a0households")
    even = claims.title_segment_metrics(segment_metrics([0.5, 0.5]), LABELS)
    assert even.startswith("People only: finds 50.0% of every segment's households")


@pytest.mark.parametrize(
    ("contained", "told"),
    [
        ([True, True, True], "Tells 3 of the 3 scores that formed the segments."),
        ([True, False, False], "best the two, R² 0.40 (0.30 to 0.50)."),
        ([True, True, False], "best the three, R² 0.20 (0.10 to 0.30)."),
    ],
)
def test_the_score_that_is_rebuilt_best_is_one_that_is_not_contained(contained, told):
    audit = pd.DataFrame({"score": ["one", "two", "three"], "contained": contained})
    audit = audit.assign(information_set="part", r2=[0.9, 0.4, 0.2])
    audit = audit.assign(r2_low=audit["r2"] - 0.1, r2_high=audit["r2"] + 0.1)
    assert claims.explain_audit(audit, {})["part"].endswith(told)
