"""Sentences about the classifiers: none may claim more than the table holds."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from customer_segmentation.findings import models
from customer_segmentation.panel.codebook import Role
from customer_segmentation.typing_tool.audit import Claim, claim_between

LABELS = {"everything": "Everything", "part": "A part", "people": "People only", "rf": "Forest"}
CLAIMS = {"people": "prediction", "part": "overlap", "everything": "assignment"}


def metrics(accuracy: dict[str, float], majority: float = 0.6, skill: float = 0.1) -> pd.DataFrame:
    rows = []
    for name, best in accuracy.items():
        for model, value, saved in (("lr", best - 0.01, -0.05), ("rf", best, skill)):
            rows.append((name, CLAIMS[name], model, value, value - majority, saved))
        baselines = ("majority", "prior")
        rows += [(name, CLAIMS[name], model, majority, math.nan, math.nan) for model in baselines]
    columns = ["information_set", "claim", "model", "accuracy", "gain_over_majority"]
    table = pd.DataFrame(rows, columns=[*columns, "log_loss_skill"])
    table = table.assign(balanced_accuracy=0.5, n=400, gain_se=0.02, skill_se=0.03)
    shown = table.assign(protocol="repeated_cv")
    return pd.concat([shown, table.assign(protocol="holdout", accuracy=1.0)])


def compared(**accuracy: float) -> pd.DataFrame:
    return models.compare_with_majority(metrics(accuracy), "repeated_cv")


def test_the_best_model_stands_beside_the_majority_in_the_order_of_the_claims():
    table = compared(people=0.59, part=0.8, everything=0.95)
    assert table["claim"].tolist() == ["assignment", "overlap", "prediction"]
    assert table["model"].unique().tolist() == ["rf"]
    assert table["accuracy"].tolist() == [0.95, 0.8, 0.59]
    assert table["majority"].unique().tolist() == [0.6]
    assert table["lowest"].round(6).tolist() == [0.94, 0.79, 0.58]
    assert table["models"].unique().tolist() == [2]


@pytest.mark.parametrize(
    ("accuracy", "verdict"),
    [(0.55, "no better"), (0.6004, "no better"), (0.635, "unclear"), (0.645, "better")],
)
def test_better_means_by_two_paired_standard_errors(accuracy, verdict):
    # The standard error of the gain is .02; that of .6 in 400 households alone would be .024.
    assert compared(people=accuracy)["verdict"].tolist() == [verdict]


def test_the_headline_holds_the_defensible_claim():
    text = models.judge_claims(compared(people=0.59, part=0.8))
    assert text.startswith(
        "High accuracy comes from seeing the purchases; without them, models do not"
    )


def test_the_headline_reverses_when_demographics_predict():
    assert "Without any purchase, models beat" in models.judge_claims(
        compared(people=0.9, part=0.8)
    )


def test_the_headline_says_when_nothing_works_or_nothing_was_predicted():
    assert models.judge_claims(compared(people=0.5, part=0.5)).startswith("No model clearly beats")
    assert models.judge_claims(compared(part=0.9)).startswith("No model was tried without purchase")


def test_the_title_parts_those_that_beat_the_majority_from_those_that_do_not():
    text = models.title_accuracy(compared(people=0.59, part=0.8), LABELS)
    assert "(60.0%): a part (79.0% to 80.0%); not people only (58.0% to 59.0%)" in text
    none = models.title_accuracy(compared(people=0.5, part=0.5), LABELS)
    assert none.startswith("No information set clearly beats")
    all_of_them = models.title_accuracy(compared(people=0.9, part=0.9), LABELS)
    assert all_of_them.startswith("Every information set beats")


@pytest.mark.parametrize(
    ("accuracy", "words"),
    [(0.59, "is no better than"), (0.62, "is not clearly"), (0.9, "is clearly better")],
)
def test_a_claim_is_told_for_all_models_with_its_verdict_and_error(accuracy, words):
    text = models.explain_claim(compared(people=accuracy).iloc[0], LABELS)
    assert text.startswith(
        f"The 2 models are right for {accuracy - 0.01:.1%} to {accuracy:.1%} of 400 households. "
        f"The most accurate, named after the fact, forest, {words}"
    )
    gain = f"{100 * (accuracy - 0.6):+.1f}".replace("-", "\u2212")
    assert text.endswith(f"(60.0%): {gain} points, standard error 2.0.")


def test_every_model_tells_its_skill_with_its_error():
    told = models.tell_skill(metrics({"people": 0.59, "part": 0.8}), "repeated_cv", LABELS)
    assert list(told) == ["people", "part"]
    text = told["people"].replace("\u00a0", " ")
    assert text.endswith("lr \u22125.0% ± 3.0 and forest +10.0% ± 3.0.")


def segment_metrics(recall: list[float]) -> pd.DataFrame:
    table = pd.DataFrame({"segment": ["A", "B"], "recall": recall, "support": [300, 100]})
    keys = {"information_set": "people", "claim": "prediction", "model": "rf"}
    return table.assign(protocol="repeated_cv", **keys)


def test_found_and_missed_segments_are_named_from_the_weakest_set():
    strong = segment_metrics([1.0, 1.0]).assign(information_set="part", claim="overlap")
    both = pd.concat([segment_metrics([0.9, 0.1]), strong])
    text = models.title_segment_metrics(both, LABELS)
    assert text.startswith("People only, forest: finds 90.0% of A, but 10.0% of B")
    even = models.title_segment_metrics(segment_metrics([0.5, 0.5]), LABELS)
    assert even.startswith("People only, forest: finds 50.0% of every segment's households")


def test_only_the_best_model_of_the_protocol_is_kept():
    worse = segment_metrics([0.2, 0.2]).assign(model="lr")
    other = segment_metrics([0.3, 0.3]).assign(protocol="holdout")
    kept = models.select_best(
        pd.concat([worse, other, segment_metrics([0.9, 0.1])]), compared(people=0.6), "repeated_cv"
    )
    assert kept["recall"].tolist() == [0.9, 0.1]


def importance(codebook, sizes: dict[str, list[float]]) -> pd.DataFrame:
    fields = [codebook.column(Role.STRATUM), codebook.column(Role.VALUE)]
    return pd.DataFrame(
        [
            (name, "A", field, size)
            for name, both in sizes.items()
            for field, size in zip(fields, both, strict=True)
        ],
        columns=["information_set", "segment", "field", "mean_abs_shap"],
    ).assign(model="rf")


def test_the_strongest_field_of_each_set_is_named_and_ties_too(codebook):
    table = importance(codebook, {"people": [0.3, 0.1], "part": [0.2, 0.2]})
    text = models.title_shap(table, 109, codebook, LABELS)
    assert "socio-economic class (people only)" in text
    assert "socio-economic class and Amount paid (a part)" in text
    assert text.startswith("Forest, largest mean SHAP values, in score before softmax: ")
    assert text.endswith("109\u00a0households")


def test_the_beeswarm_names_its_strongest_field_and_households(codebook):
    table = importance(codebook, {"people": [0.1, -0.5]}).rename(
        columns={"mean_abs_shap": "shap_value"}
    )
    text = models.title_beeswarm(table.assign(household_id=[1, 1]), codebook, LABELS)
    assert text.startswith("People only, Forest: amount paid moves a household most, on average by")
    assert "by 0.50 in score before softmax" in text
    assert "1\u00a0household)" in text


@pytest.mark.parametrize(("skill", "clear"), [(0.1, True), (0.05, False), (-0.1, False)])
def test_an_explained_model_that_fits_no_better_than_the_shares_is_named(codebook, skill, clear):
    table = importance(codebook, {"people": [0.3, 0.1]})
    text = models.doubt_explanations(
        table, metrics({"people": 0.59, "part": 0.8}, skill=skill), "repeated_cv", LABELS
    )
    assert text.startswith("Each explained model clearly saves") is clear
    assert ("forest on people only (" in text) is not clear
    assert "a part" not in text  # not explained


def reproduction() -> pd.DataFrame:
    return pd.DataFrame(
        [
            ("lr", "single_split", 0, 0.8, 30),
            ("lr", "single_split", 1, 0.8, 70),
            ("rf", "single_split", 0, 0.9, 30),
            ("rf", "single_split", 1, 0.9, 70),
            ("lr", "repeated_cv", 0, 0.85, 150),
            ("lr", "repeated_cv", 1, 0.85, 450),
            ("rf", "repeated_cv", 0, 0.82, 150),
            ("rf", "repeated_cv", 1, 0.82, 450),
        ],
        columns=["model", "protocol", "segment", "accuracy", "support"],
    )


def test_the_published_claim_stands_beside_its_reproduction():
    text = models.compare_with_published(reproduction(), 0.89)
    assert "right for 80.0% to 90.0% of the 100 households in its one test split (the study" in text
    assert "(the study reports 89.0%), and by repeated" in text
    assert "cross-validation for 82.0% to 85.0% of 600 households" in text
    assert text.endswith("always naming its largest cluster is right for 75.0% of these.")
    assert "the study reports" not in models.compare_with_published(reproduction(), None)


@pytest.mark.parametrize(
    ("fields", "seen", "worth"),
    [
        (["demographics"], "0 of the 2", "so its accuracy is a forecast."),
        (["demographics", "total_value"], "1 of the 2", "so its accuracy is no forecast."),
        (["total_value", "brand_runs"], "2 of the 2", "copy the rule that made its clusters."),
    ],
)
def test_the_study_is_judged_by_what_made_its_own_clusters(codebook, fields, seen, worth):
    variables = [codebook.column(Role.VALUE), codebook.column(Role.BRAND_RUNS)]
    claim = claim_between(variables, fields, codebook)
    text = models.judge_study(variables, fields, claim, codebook)
    assert text.startswith(f"The study's fields tell {seen} variables that made its own clusters")
    assert f"the claim is {claim.value}. " in text
    assert text.endswith(worth)


@pytest.mark.parametrize(
    ("contained", "told"),
    [
        ([True, False], "1 of the 2 scores whole (one score)"),
        ([False, False], "none of the 2 scores whole"),
    ],
)
def test_contained_scores_are_named(contained, told):
    audit = pd.DataFrame({"score": ["one_score", "two"], "contained": contained})
    audit = audit.assign(information_set="part", claim="overlap")
    text = models.count_contained_scores(audit, "part", {})
    assert text == (
        f"Of the segments of this report the same fields tell {told}; the claim is overlap."
    )


def test_the_ladder_takes_the_study_by_cross_validation_with_a_claim_of_its_own():
    steps = models.build_ladder(
        compared(people=0.59, part=0.8, everything=0.95),
        reproduction(),
        "part",
        Claim.ASSIGNMENT,
        LABELS,
    )
    assert steps["claim"].tolist() == ["assignment", "assignment", "overlap", "prediction"]
    assert steps["accuracy"].tolist() == [0.85, 0.95, 0.8, 0.59]
    assert steps["n"].tolist() == [600, 400, 400, 400]
    assert steps["majority"].tolist() == [0.75, 0.6, 0.6, 0.6]


def test_the_ladder_has_no_step_for_a_study_that_is_switched_off():
    steps = models.build_ladder(
        compared(people=0.59, part=0.8), reproduction().head(0), None, None, LABELS
    )
    assert steps["step"].tolist() == ["A part", "People only"]


def test_the_ladder_says_whether_accuracy_falls():
    table = compared(people=0.59, part=0.8)
    steps = models.build_ladder(table, reproduction(), None, None, LABELS)
    text = models.title_ladder(steps)
    assert text.startswith("The best accuracy falls from 80.0% (overlap) to 59.0% (prediction)")
    assert text.endswith("400\u00a0households")
    assert models.title_ladder(steps[::-1]).startswith("The best accuracy does not fall")
    mixed = models.title_ladder(steps.assign(n=[600, 400]))
    assert mixed.endswith("400\u00a0to\u00a0600 households")
