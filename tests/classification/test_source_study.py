from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from customer_segmentation.classification.metrics import (
    compare_models,
    measure_models,
    measure_segments,
)
from customer_segmentation.classification.source_study import (
    EXPLAINED,
    REPEATED_CV,
    SINGLE_SPLIT,
    SourceStudyError,
    compare_study_models,
    explain_study,
    predict_study_clusters,
    reproduce_source_study,
)
from customer_segmentation.panel.codebook import Role
from customer_segmentation.panel.contract import restore_codes
from customer_segmentation.panel.features import derive_features

MODELS = ["lr", "rf", "xgboost"]


@pytest.fixture
def predictions(_answered):
    return _answered[0].copy()


@pytest.fixture
def contributions(_answered):
    return _answered[1].copy()


def test_every_model_answers_the_same_households(predictions, households):
    once = predictions[predictions["protocol"] == SINGLE_SPLIT]
    assert once["model"].value_counts().to_dict() == dict.fromkeys(MODELS, 120)
    assert once[["repeat", "fold"]].drop_duplicates().to_numpy().tolist() == [[1, 1]]
    often = predictions[predictions["protocol"] == REPEATED_CV]
    for _, rows in often.groupby(["model", "repeat"]):
        assert sorted(rows["household_id"]) == sorted(households["household_id"])
        assert rows["fold"].nunique() == 2
    folds = often.groupby(["repeat", "fold", "household_id"])["model"].agg(list)
    assert folds.map(MODELS.__eq__).all()


def test_the_clusters_have_the_published_sizes(predictions):
    often = predictions[predictions["protocol"] == REPEATED_CV]
    for _, rows in often.groupby(["model", "repeat"]):
        assert sorted(rows["segment"].value_counts()) == [100, 191, 309]
        parts = pd.crosstab(rows["segment"], rows["fold"])
        assert (parts[1] - parts[2]).abs().max() <= 1


def test_answers_are_the_likeliest_clusters(predictions):
    probabilities = predictions[["p_0", "p_1", "p_2"]].to_numpy()
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(len(predictions)))
    assert (probabilities.argmax(axis=1) == predictions["predicted"]).all()


def test_the_single_split_is_the_study_s_own_script(panel_rows, predictions, codebook):
    """From the text of the file, by the raw column names, without any function of the project."""
    panel = panel_rows.rename(columns=lambda name: " ".join(name.split()))
    panel = panel.apply(lambda cells: pd.to_numeric(cells.str.rstrip("%")))
    brands = [f.raw_name for f in codebook.fields if f.group == "brand_shares" and f.role is None]
    promotions = ["Pur Vol No Promo - %", "Pur Vol Promo 6 %", "Pur Vol Other Promo %"]
    usage = ["Total Volume", "No. of Trans", "Value", "Avg. Price"]
    clustered = panel[["No. of Brands", "Brand Runs", *promotions, *usage]].assign(
        switching=panel["Brand Runs"] / panel["No. of Brands"],
        loyalty=panel[brands].max(axis=1),
    )
    y = KMeans(3, n_init=10, random_state=42).fit_predict(scale(clustered.to_numpy()))
    X = panel[["SEC", "Affluence Index", "AGE", "SEX", "EDU", *usage, *promotions]].to_numpy()
    train, test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
    centre, spread = train.mean(axis=0), train.std(axis=0)
    model = LogisticRegression().fit((train - centre) / spread, y_train)
    expected = model.predict((test - centre) / spread)
    once = predictions.query("model == 'lr' and protocol == 'single_split'")
    # cluster numbers are arbitrary, and the script's households in another order
    found = once.groupby(["segment", "predicted"]).size().sort_values().tolist()
    assert found == pd.Series(zip(y_test, expected, strict=True)).value_counts().tolist()[::-1]
    assert (once["segment"] == once["predicted"]).mean() == pytest.approx(
        (expected == y_test).mean()
    )


def test_a_fold_is_predicted_from_the_others(predictions, households, codebook, quick):
    often = predictions.query("model == 'lr' and protocol == 'repeated_cv' and repeat == 2")
    fields = codebook.expand(quick.information_set("source_study").fields)
    coded = restore_codes(households, codebook).set_index("household_id")
    values = derive_features(coded, codebook, fields)
    training, tested = (often[often["fold"] == fold] for fold in (1, 2))
    X = values.loc[training["household_id"]]
    centre, spread = X.mean(), X.std(ddof=0)
    model = LogisticRegression().fit(((X - centre) / spread).to_numpy(), training["segment"])
    X_tested = (values.loc[tested["household_id"]] - centre) / spread
    expected = model.predict_proba(X_tested.to_numpy())
    np.testing.assert_allclose(tested[["p_0", "p_1", "p_2"]], expected, atol=1e-3)


def test_contributions_are_told_for_every_household_and_field(contributions, codebook, quick):
    fields = codebook.expand(quick.information_set("source_study").fields)
    assert len(contributions) == 2 * 600 * len(fields)
    assert contributions["field"].unique().tolist() == fields
    assert contributions["model"].unique().tolist() == [EXPLAINED]
    assert contributions["protocol"].unique().tolist() == [REPEATED_CV]
    grain = ["repeat", "fold", "household_id", "field"]
    assert not contributions.duplicated(grain).any()
    assert (contributions["contribution"] >= 0).all()


def test_contributions_are_those_of_shap(contributions, predictions, households, codebook, quick):
    """By another implementation of the same definition, on a model fitted anew."""
    import shap
    from xgboost import XGBClassifier

    often = predictions.query("model == 'xgboost' and protocol == 'repeated_cv' and repeat == 1")
    fields = codebook.expand(quick.information_set("source_study").fields)
    coded = restore_codes(households, codebook).set_index("household_id")
    values = derive_features(coded, codebook, fields)
    # in the order of the panel, as the study fits; scaling changes no tree but for rounding
    inside = often.set_index("household_id")["fold"].loc[values.index] == 1
    labels = often.set_index("household_id")["segment"].loc[values.index]
    model = XGBClassifier(random_state=42, n_jobs=1).fit(values[~inside], labels[~inside])
    each = shap.TreeExplainer(model).shap_values(values[inside])  # households x fields x clusters
    expected = pd.Series(np.abs(each).mean(axis=(0, 2)), index=fields)
    part = contributions.query("repeat == 1 and fold == 1")
    found = part.groupby("field")["contribution"].mean()[fields]
    np.testing.assert_allclose(found, expected, rtol=0.05, atol=0.01)


def test_processes_and_a_second_run_change_nothing(
    households, codebook, quick, predictions, contributions
):
    before = households.copy()
    two = quick.model_copy(update={"processes": 2})
    again, explained = predict_study_clusters(households, codebook, two)
    pd.testing.assert_frame_equal(again, predictions, check_exact=True)
    pd.testing.assert_frame_equal(explained, contributions, check_exact=True)
    pd.testing.assert_frame_equal(households, before)


def test_two_clusters_are_enough(households, codebook, quick):
    study = quick.source_study.model_copy(update={"segments": 2})
    validation = quick.validation.model_copy(update={"repeats": 1})
    update = {"source_study": study, "validation": validation}
    some = households.head(80)
    predictions, contributions = predict_study_clusters(
        some, codebook, quick.model_copy(update=update)
    )
    assert predictions.filter(like="p_").columns.tolist() == ["p_0", "p_1"]
    assert len(contributions) == 80 * 12


def test_switched_off_there_is_no_row_but_the_columns(
    households, codebook, quick, predictions, contributions
):
    off = quick.model_copy(update={"source_study": None})
    nothing, unexplained = predict_study_clusters(households, codebook, off)
    assert nothing.empty
    assert unexplained.empty
    # without clusters there is no column of a probability
    labels = predictions.drop(columns=["p_0", "p_1", "p_2"])
    assert nothing.dtypes.to_dict() == labels.dtypes.to_dict()
    assert unexplained.dtypes.to_dict() == contributions.dtypes.to_dict()


def test_the_study_sees_seven_purchase_columns(codebook, modelling):
    """Its accuracy is no prediction: seven of its twelve fields are purchases."""
    fields = codebook.expand(modelling.information_set("source_study").fields)
    assert len(fields) == 12
    assert sum(map(codebook.is_from_purchases, fields)) == 7
    assert codebook.column(Role.OTHER_BRANDS_SHARE) not in fields


@pytest.mark.parametrize("rows", [[0, 1], [0] * 300])
def test_too_few_different_households_are_refused_in_words(households, codebook, quick, rows):
    few = households.iloc[rows].reset_index(drop=True)
    with pytest.raises(SourceStudyError, match="3 clusters, but the panel has only"):
        predict_study_clusters(few, codebook, quick)


def test_a_cluster_too_small_for_the_folds_is_refused_in_words(households, codebook, quick):
    with pytest.raises(SourceStudyError, match=r"only 1 of 10 .*folds is 2.*source_study=null"):
        predict_study_clusters(households.head(10), codebook, quick)


@pytest.mark.parametrize("share", [0.001, 0.999, 0.9999])
def test_a_split_that_leaves_a_side_without_a_cluster_is_refused_in_words(
    households, codebook, quick, share
):
    study = quick.source_study.model_copy(update={"hold_out_share": share})
    changed = quick.model_copy(update={"source_study": study})
    with pytest.raises(SourceStudyError, match=r"source_study\.hold_out_share is 0\."):
        predict_study_clusters(households, codebook, changed)


ONE_HOUSEHOLD = 1 / 120


@pytest.fixture(scope="module")
def reproduction(_answered, quick):
    return reproduce_source_study(_answered[0], quick)


def test_the_accuracies_are_those_of_the_packaged_file(reproduction):
    once = reproduction[reproduction["protocol"] == SINGLE_SPLIT].groupby("model")
    assert once["support"].sum().unique().tolist() == [120]
    accuracy = once["accuracy"].first()
    assert accuracy["lr"] == pytest.approx(0.883, abs=ONE_HOUSEHOLD / 2)
    assert accuracy["rf"] == pytest.approx(0.900, abs=ONE_HOUSEHOLD / 2)
    assert accuracy["xgboost"] == pytest.approx(0.908, abs=ONE_HOUSEHOLD / 2)


def test_rows_and_columns_are_those_of_the_contract(reproduction):
    assert reproduction.columns.tolist() == [
        *["model", "protocol", "segment", "accuracy", "accuracy_low", "accuracy_high"],
        *["precision", "precision_low", "precision_high", "recall", "f1", "support"],
    ]
    rows = reproduction[["model", "protocol", "segment"]].to_numpy().tolist()
    assert rows == [
        [model, protocol, segment]
        for model in ("lr", "rf", "xgboost")
        for protocol in (SINGLE_SPLIT, REPEATED_CV)
        for segment in (0, 1, 2)
    ]


def test_the_single_split_has_binomial_intervals(predictions, reproduction):
    once = predictions[predictions["protocol"] == SINGLE_SPLIT]
    for _, row in reproduction[reproduction["protocol"] == SINGLE_SPLIT].iterrows():
        answers = once[once["model"] == row["model"]]
        named = answers[answers["predicted"] == row["segment"]]
        for name, rows in (("accuracy", answers), ("precision", named)):
            hits = int((rows["predicted"] == rows["segment"]).sum())
            expected = binomtest(hits, len(rows)).proportion_ci(0.95, method="wilson")
            assert row[name] == pytest.approx(hits / len(rows))
            assert row[f"{name}_low"] == pytest.approx(expected.low)
            assert row[f"{name}_high"] == pytest.approx(expected.high)


def test_repeated_folds_have_intervals_by_households(predictions, reproduction, quick):
    often = predictions[predictions["protocol"] == REPEATED_CV]
    found = reproduction[reproduction["protocol"] == REPEATED_CV].reset_index(drop=True)
    effort = (["model", "protocol"], quick.intervals, quick.random_state)
    segments, models = measure_segments(often, *effort), measure_models(often, *effort)
    for name in ("precision", "precision_low", "precision_high", "recall"):
        assert found[name].tolist() == pytest.approx(segments[name].tolist())
    for name in ("accuracy", "accuracy_low", "accuracy_high"):
        assert found[name].tolist()[::3] == pytest.approx(models[name].tolist())


def test_accuracy_is_the_recall_weighted_by_support(reproduction):
    rows = reproduction.assign(hits=reproduction["recall"] * reproduction["support"])
    sums = rows.groupby(["model", "protocol"])[["hits", "support"]].sum()
    accuracy = rows.groupby(["model", "protocol"])["accuracy"].first()
    assert (sums["hits"] / sums["support"]).tolist() == pytest.approx(accuracy.tolist())


def test_a_cluster_that_is_never_named_has_a_precision_without_interval(predictions, quick):
    predictions.loc[predictions["predicted"] == 0, "predicted"] = 1
    table = reproduce_source_study(predictions, quick)
    never = table[table["segment"] == 0]
    assert (never["precision"] == 0).all()
    assert never[["precision_low", "precision_high"]].isna().all(axis=None)
    assert never[["accuracy_low", "accuracy_high"]].notna().all(axis=None)


def test_models_are_compared_on_the_repeated_folds_alone(predictions, quick):
    table = compare_study_models(predictions, quick)
    often = predictions[predictions["protocol"] == REPEATED_CV]
    expected = compare_models(often, ["protocol"], 0.95).drop(columns="protocol")
    pd.testing.assert_frame_equal(table, expected)
    pairs = list(zip(table["model_a"], table["model_b"], strict=True))
    assert pairs == [("lr", "xgboost"), ("lr", "rf"), ("xgboost", "rf")]
    assert table["folds"].tolist() == [4, 4, 4]
    accuracy = (often["predicted"] == often["segment"]).groupby(often["model"]).mean()
    expected = [accuracy[a] - accuracy[b] for a, b in pairs]
    assert table["accuracy_difference"].tolist() == pytest.approx(expected)


def test_fields_are_ranked_by_their_mean_contribution(contributions):
    table = explain_study(contributions)
    means = contributions.groupby("field")["contribution"].mean().sort_values(ascending=False)
    assert table["field"].tolist() == means.index.tolist()
    assert table["mean_abs_shap"].tolist() == pytest.approx(means.tolist())
    assert table["share"].sum() == pytest.approx(1)
    assert table["rank"].tolist() == list(range(1, 13))
    places = np.array(
        [
            part.groupby("field")["contribution"].mean().rank(ascending=False)[means.index]
            for _, part in contributions.groupby(["repeat", "fold"])
        ]
    )
    assert table["rank_low"].tolist() == places.min(axis=0).tolist()
    assert table["rank_high"].tolist() == places.max(axis=0).tolist()


def test_equal_fields_share_their_rank():
    rows = [("a", 1.0), ("b", 1.0), ("c", 0.5), ("a", 3.0), ("b", 3.0), ("c", 4.0)]
    made_up = pd.DataFrame(rows, columns=["field", "contribution"])
    made_up = made_up.assign(repeat=1, fold=[1, 1, 1, 2, 2, 2], household_id=[1, 1, 1, 2, 2, 2])
    table = explain_study(made_up).set_index("field")
    assert table["mean_abs_shap"].to_dict() == {"c": 2.25, "a": 2, "b": 2}
    assert table["rank"].to_dict() == {"c": 1, "a": 2, "b": 2}
    assert table["rank_low"].to_dict() == {"c": 1, "a": 1, "b": 1}
    assert table["rank_high"].to_dict() == {"c": 3, "a": 2, "b": 2}
    assert table["share"].to_dict() == pytest.approx({"c": 0.36, "a": 0.32, "b": 0.32})


def test_switched_off_the_tables_have_no_row_but_their_columns(
    households, codebook, quick, predictions, contributions
):
    off = quick.model_copy(update={"source_study": None})
    no_predictions, no_contributions = predict_study_clusters(households, codebook, off)
    for empty, full in (
        (reproduce_source_study(no_predictions, off), reproduce_source_study(predictions, quick)),
        (compare_study_models(no_predictions, off), compare_study_models(predictions, quick)),
        (explain_study(no_contributions), explain_study(contributions)),
    ):
        assert empty.empty
        assert empty.dtypes.to_dict() == full.dtypes.to_dict()


def test_no_table_changes_its_input(predictions, contributions, quick):
    before, explained = predictions.copy(), contributions.copy()
    reproduce_source_study(predictions, quick)
    compare_study_models(predictions, quick)
    explain_study(contributions)
    pd.testing.assert_frame_equal(predictions, before)
    pd.testing.assert_frame_equal(contributions, explained)
