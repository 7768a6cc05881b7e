"""Sentences about the classifiers: none may claim more than the table holds."""

from __future__ import annotations

import pandas as pd
import pytest

from customer_segmentation.findings import models
from customer_segmentation.panel.codebook import Role

LABELS = {"everything": "Everything", "part": "A part", "people": "People only", "rf": "Forest"}
CLAIMS = {"people": "prediction", "part": "overlap", "everything": "assignment"}


def metrics(accuracy: dict[str, float], majority: float = 0.6, n: int = 400) -> pd.DataFrame:
    rows = []
    for name, best in accuracy.items():
        for model, value, loss in (
            ("lr", best - 0.01, 0.95),
            ("rf", best, 0.9),
            ("majority", majority, 20.0),
            ("prior", majority, 1.0),
        ):
            rows.append((name, CLAIMS[name], model, "repeated_cv", n, value, value, loss))
    columns = ["information_set", "claim", "model", "protocol", "n", "accuracy"]
    table = pd.DataFrame(rows, columns=[*columns, "balanced_accuracy", "log_loss"])
    return pd.concat([table, table.assign(protocol="holdout", accuracy=1.0)])


def compared(**accuracy: float) -> pd.DataFrame:
    return models.compare_with_majority(metrics(accuracy), "repeated_cv")


def test_the_best_model_stands_beside_the_majority_in_the_order_of_the_claims():
    table = compared(people=0.59, part=0.8, everything=0.95)
    assert table["claim"].tolist() == ["assignment", "overlap", "prediction"]
    assert table["model"].unique().tolist() == ["rf"]
    assert table["accuracy"].tolist() == [0.95, 0.8, 0.59]
    assert table["majority"].unique().tolist() == [0.6]
    assert table["skill"].round(6).unique().tolist() == [0.1]


@pytest.mark.parametrize(
    ("accuracy", "verdict"),
    [(0.55, "no better"), (0.6004, "no better"), (0.64, "unclear"), (0.66, "better")],
)
def test_better_means_by_two_standard_errors(accuracy, verdict):
    # The standard error of .6 in 400 households is about .024.
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
    assert "(60.0%): a part (80.0%); not people only (59.0%)" in text
    none = models.title_accuracy(compared(people=0.5, part=0.5), LABELS)
    assert none.startswith("No information set clearly beats")
    all_of_them = models.title_accuracy(compared(people=0.9, part=0.9), LABELS)
    assert all_of_them.startswith("Every information set beats")


@pytest.mark.parametrize(
    ("accuracy", "words"),
    [(0.59, ": no better than the 60.0%"), (0.62, ": not clearly"), (0.9, ": clearly better")],
)
def test_a_claim_is_explained_with_its_verdict(accuracy, words):
    text = models.explain_claim(compared(people=accuracy).iloc[0], LABELS)
    assert text.startswith(
        f"Forest, the most accurate model, is right for {accuracy:.1%} of 400 house"
    )
    assert words in text
    assert "save 10.0% of the log loss" in text


def test_no_skill_is_not_called_skill():
    row = compared(people=0.59).iloc[0]
    assert "fit no better" in models.explain_claim(row.replace(row["skill"], -0.2), LABELS)
    without = models.compare_with_majority(
        metrics({"people": 0.59}).query("model != 'prior'"), "repeated_cv"
    )
    assert models.explain_claim(without.iloc[0], LABELS).endswith("the largest segment.")


def segment_metrics(recall: list[float]) -> pd.DataFrame:
    table = pd.DataFrame({"segment": ["A", "B"], "recall": recall, "support": [300, 100]})
    keys = {"information_set": "people", "claim": "prediction", "model": "rf"}
    return table.assign(protocol="repeated_cv", **keys)


def test_found_and_missed_segments_are_named_from_the_weakest_set():
    strong = segment_metrics([1.0, 1.0]).assign(information_set="part", claim="overlap")
    both = pd.concat([segment_metrics([0.9, 0.1]), strong])
    text = models.title_segment_metrics(both, LABELS)
    assert text.startswith("People only: finds 90.0% of A, but 10.0% of B")
    even = models.title_segment_metrics(segment_metrics([0.5, 0.5]), LABELS)
    assert even.startswith("People only: finds 50.0% of every segment's households")


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
    )


def test_the_strongest_field_of_each_set_is_named_and_ties_too(codebook):
    table = importance(codebook, {"people": [0.3, 0.1], "part": [0.2, 0.2]})
    text = models.title_shap(table, 109, codebook, LABELS)
    assert "socio-economic class (people only)" in text
    assert "socio-economic class and Amount paid (a part)" in text


def test_the_beeswarm_names_its_strongest_field_and_households(codebook):
    table = importance(codebook, {"people": [0.1, -0.5]}).rename(
        columns={"mean_abs_shap": "shap_value"}
    )
    text = models.title_beeswarm(table.assign(household_id=[1, 1]), codebook, LABELS)
    assert "amount paid moves a household most, on average by 0.50 log-odds" in text
    assert "1\u00a0household)" in text


def reproduction() -> pd.DataFrame:
    return pd.DataFrame(
        [
            ("lr", "single_split", 0, 0.8, 30),
            ("lr", "single_split", 1, 0.8, 70),
            ("rf", "single_split", 0, 0.9, 30),
            ("rf", "single_split", 1, 0.9, 70),
            ("rf", "repeated_cv", 0, 0.5, 600),
        ],
        columns=["model", "protocol", "segment", "accuracy", "support"],
    )


def test_the_published_claim_stands_beside_its_reproduction():
    text = models.compare_with_published(reproduction(), 0.89)
    assert "right for 80.0% to 90.0% of 100 test households (the study reports 89.0%)" in text
    assert text.endswith("always naming its largest cluster is right for 70.0%.")
    assert "the study reports" not in models.compare_with_published(reproduction(), None)


def test_shared_fields_are_counted_by_provenance(codebook):
    people = codebook.columns_of("demographics")
    promotions = codebook.columns_of("promotion_shares")
    text = models.count_shared_fields([*people[:2], *promotions], codebook)
    assert text.startswith("3 of the 5 fields stand in the purchase record")
    assert models.count_shared_fields(people, codebook).startswith("None of the 10 fields")


def test_contained_scores_are_named():
    audit = pd.DataFrame(
        {
            "information_set": "part",
            "score": ["one_score", "two"],
            "contained": [True, False],
            "claim": "overlap",
        }
    )
    text = models.count_contained_scores(audit, "part", {})
    assert text.startswith("Every input of 1 of the 2 scores that made the segments (one score) is")
    assert text.endswith("so the claim is overlap.")


def test_the_ladder_puts_the_study_before_its_own_fields():
    steps = models.build_ladder(
        compared(people=0.59, part=0.8, everything=0.95), reproduction(), "part", LABELS
    )
    assert steps["claim"].tolist() == ["assignment", "overlap", "overlap", "prediction"]
    assert steps["accuracy"].tolist() == [0.95, 0.9, 0.8, 0.59]
    assert steps["n"].tolist() == [400, 100, 400, 400]
    assert steps["majority"].tolist() == [0.6, 0.7, 0.6, 0.6]


def test_the_ladder_has_no_step_for_a_study_that_is_switched_off():
    steps = models.build_ladder(
        compared(people=0.59, part=0.8), reproduction().head(0), None, LABELS
    )
    assert steps["step"].tolist() == ["A part", "People only"]


def test_the_ladder_says_whether_accuracy_falls():
    steps = models.build_ladder(compared(people=0.59, part=0.8), reproduction(), None, LABELS)
    assert models.title_ladder(steps).startswith("Accuracy falls from 80.0% (overlap) to 59.0%")
    assert models.title_ladder(steps[::-1]).startswith("Accuracy does not fall")
