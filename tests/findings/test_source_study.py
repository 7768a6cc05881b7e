"""The published claim beside what it reaches again."""

from __future__ import annotations

import pandas as pd
import pytest

from customer_segmentation.classification.audit import claim_between
from customer_segmentation.findings import claims, source_study
from customer_segmentation.panel.codebook import Role
from tests.figures import typing_tables

LABELS = {"xgboost": "XGBoost", "panel_record": "Everything"}


def test_models_are_told_with_their_lowest_precision_and_largest_cluster():
    table = typing_tables.source_study_reproduction()
    table.loc[1, "precision"] = 0.7
    models = source_study.summarise_models(table, "single_split").set_index("model")
    assert models.loc["lr", ["n", "precision_lowest", "accuracy"]].tolist() == [120, 0.7, 0.883]
    assert models.loc["rf", "majority"] == pytest.approx(62 / 120)


def test_the_published_claim_stands_beside_its_reproduction():
    table = typing_tables.source_study_reproduction()
    text = source_study.compare_with_published(table, "xgboost", 0.89, LABELS)
    assert text.startswith("Run again, XGBoost of the published protocol is right for 90.8% (87.8%")
    assert "of the 120 households in its one test split (the study reports 89%), and" in text
    assert "cross-validation for 88.8% (85.8% to 91.8%) of 600 households" in text
    assert text.endswith("always naming its largest cluster is right for 51.7% of these.")
    without = source_study.compare_with_published(table, "xgboost", None, LABELS)
    assert "the study reports" not in without


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
    text = source_study.judge_study(variables, fields, claim, codebook)
    assert text.startswith(f"The study's fields tell {seen} variables that made its own clusters")
    assert f"the claim is {claim.value}. " in text
    assert text.endswith(worth)


def importance(codebook, shares: dict[str, float]) -> pd.DataFrame:
    table = pd.DataFrame({"field": list(shares), "share": shares.values()})
    table["rank"] = table["share"].rank(ascending=False).astype(int)
    return table.assign(rank_low=table["rank"], rank_high=table["rank"] + 1)


@pytest.mark.parametrize(
    ("shares", "verdict"),
    [
        ((0.3, 0.2, 0.2, 0.2, 0.1), "No other field has a larger share, so the claim holds."),
        # Each promotion alone is weak, all of them together are not.
        ((0.3, 0.1, 0.1, 0.1, 0.2), "No other field has a larger share, so the claim holds."),
        (
            (0.1, 0.15, 0.15, 0.15, 0.45),
            "The claim does not hold: 1 field besides has a larger share than",
        ),
    ],
)
def test_on_top_counts_a_group_as_one(codebook, shares, verdict):
    group = codebook.columns_of("promotion_shares")
    stratum, value = codebook.column(Role.STRATUM), codebook.column(Role.VALUE)
    names = [stratum, *group, value]
    table = importance(codebook, dict(zip(names, shares, strict=True)))
    text = source_study.answer_strongest(table, [stratum, "promotion_shares"], codebook)
    assert verdict in text
    assert f"and {sum(shares[1:4]):.0%} of the sum" in text
    assert text.startswith(
        "The study calls socio-economic class and volume by promotion the strongest predictors. Of "
        "what moves its model (5 fields), socio-economic class has rank "
    )


def test_a_field_that_the_model_does_not_see_is_not_on_top(codebook):
    value = codebook.column(Role.VALUE)
    table = importance(codebook, {value: 1.0})
    text = source_study.answer_strongest(table, [codebook.column(Role.STRATUM)], codebook)
    assert "calls socio-economic class the strongest predictor. Of" in text
    assert "socio-economic class is not among them. The claim does not hold: 1 field" in text
    assert text.endswith("first amount paid.")


def test_a_surrogate_stands_beside_the_published_figures():
    metrics = typing_tables.classifier_metrics().query("claim == 'assignment'")
    each = typing_tables.segment_metrics(("A", "B")).query("claim == 'assignment'")
    own, segments = (
        table[(table["model"] == "xgboost") & (table["protocol"] == "nested_cv")]
        for table in (metrics, each)
    )
    (text,) = source_study.compare_surrogates(own, segments, {"A": 0.87}, 0.89, LABELS)
    assert text.startswith("Everything, XGBoost against the published claim: accuracy 95.0% (92.0%")
    assert "to 98.0%) against 89%; precision A 90.0% (86.0% to 94.0%) against 87% and B 90" in text
    assert text.endswith("the figures can be compared in size, not in skill.")
    others = {"A": 0.87, "Loyalists": 0.9}  # figures of segments that are not ours say nothing
    assert source_study.compare_surrogates(own, segments, others, 0.89, LABELS) == []
    assert source_study.compare_surrogates(own.head(0), segments, {}, 0.89, LABELS) == []


def ladder(study: pd.DataFrame | None = None) -> pd.DataFrame:
    metrics = typing_tables.classifier_metrics()
    headline = claims.find_headline(metrics, "nested_cv")
    headline = headline.assign(step=headline["information_set"])
    segmenter = claims.find_segmenter(metrics, "nested_cv")
    return source_study.build_ladder(
        headline, segmenter, headline.head(0) if study is None else study
    )


def test_the_ladder_begins_with_the_segmenter_and_holds_the_study_by_its_own_claim():
    row = {"step": "Study", "claim": "overlap", "accuracy": 0.888, "majority": 0.5, "n": 600}
    study = pd.DataFrame([row | {"accuracy_low": 0.85, "accuracy_high": 0.9}])
    steps = ladder(study)
    assert steps["step"].tolist() == [
        "The segmenter itself",
        "panel_record",
        "Study",
        "source_study",
        "demographics",
    ]
    assert steps["claim"].tolist() == ["assignment"] * 2 + ["overlap"] * 2 + ["prediction"]
    assert steps.loc[0, ["accuracy", "accuracy_low", "accuracy_high"]].tolist() == [1.0] * 3
    assert steps["accuracy"][2] == 0.888
    text = source_study.title_ladder(steps)
    assert text.startswith("Accuracy falls from 100.0% (assignment) to 59.0% (prediction)")
    assert text.endswith("543\u00a0to\u00a0600 households")


def test_the_ladder_says_whether_accuracy_falls():
    steps = ladder()
    assert "Study" not in steps["step"].tolist()
    assert source_study.title_ladder(steps).endswith("543\u00a0households")
    assert source_study.title_ladder(steps[::-1]).startswith("Accuracy does not fall")


def test_a_ladder_within_one_claim_takes_nothing_away():
    steps = ladder()
    one = source_study.title_ladder(steps[steps["claim"] == "prediction"])
    assert one.startswith("Demographics: accuracy 59.0% (prediction); always naming")
    same = source_study.title_ladder(steps[steps["claim"] == "assignment"])
    assert same.startswith(
        "Accuracy from 100.0% (the segmenter itself) to 97.0% (panel_record), all assignment; "
    )


@pytest.mark.parametrize(
    ("segmenter", "model", "told"),
    [
        (True, "X", "The segmenter answers itself by definition; the study’s step is X by "),
        (False, "X", "The study’s step is X by repeated cross-validation; all other steps are "),
        (True, "", "The segmenter answers itself by definition; all other steps are the whole"),
        (False, "", "Every step is the whole procedure by folds."),
    ],
)
def test_only_steps_that_are_there_are_explained(segmenter, model, told):
    text = source_study.explain_steps(segmenter=segmenter, study_model=model, protocol="folds")
    assert text.startswith(told)
    assert text.endswith("the whole procedure by folds.")


def test_published_figures_stand_below_ours_of_the_same_claim():
    claims = ["assignment", "overlap", "prediction"]
    steps = pd.DataFrame({"step": ["a", "b", "c"], "claim": claims, "accuracy": [0.9, 0.8, 0.6]})
    steps["published"] = False
    published = pd.DataFrame(
        {"step": ["theirs", "later"], "claim": ["overlap", "prediction"], "accuracy": [0.89, 0.57]}
    )
    table = source_study.explain_numbers(steps, published)
    assert list(table["step"]) == ["a", "b", "theirs", "c", "later"]
    assert list(table["published"]) == [False, False, True, False, True]
    assert list(table["meaning"].str.contains("sees no purchase")) == [*[False] * 3, True, True]
    assert list(source_study.explain_numbers(steps, published.head(0))["step"]) == ["a", "b", "c"]
