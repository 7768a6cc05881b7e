from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from customer_segmentation.panel.codebook import Role
from customer_segmentation.typing_tool.parameters import CrossValidation
from customer_segmentation.typing_tool.source_study import (
    SINGLE_SPLIT,
    reproduce_source_study,
)
from customer_segmentation.typing_tool.validation import ValidationError

ONE_HOUSEHOLD = 1 / 120


@pytest.fixture(scope="module")
def quick(modelling):
    return modelling.model_copy(
        update={"cross_validation": CrossValidation(folds=2, repeats=1), "processes": 1}
    )


@pytest.fixture(scope="module")
def reproduction(_households, codebook, quick):
    return reproduce_source_study(_households, codebook, quick)


def test_the_clusters_have_the_published_sizes(reproduction):
    often = reproduction[reproduction["protocol"] == "repeated_cv"]
    for _, rows in often.groupby("model"):
        assert sorted(rows["support"]) == [100, 191, 309]


def test_the_accuracies_are_those_of_the_packaged_file(reproduction):
    once = reproduction[reproduction["protocol"] == SINGLE_SPLIT].groupby("model")
    assert once["support"].sum().unique().tolist() == [120]
    accuracy = once["accuracy"].first()
    assert accuracy["lr"] == pytest.approx(0.883, abs=ONE_HOUSEHOLD)
    assert accuracy["rf"] == pytest.approx(0.900, abs=ONE_HOUSEHOLD)
    assert accuracy["xgboost"] == pytest.approx(0.908, abs=ONE_HOUSEHOLD)


def test_the_single_split_is_the_study_s_own_script(panel_rows, reproduction, codebook):
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
    hits = model.predict((test - centre) / spread) == y_test
    once = reproduction.query("model == 'lr' and protocol == 'single_split'")
    assert once["accuracy"].unique() == pytest.approx([hits.mean()])
    sizes = np.bincount(y_test)
    recalls = np.bincount(y_test, weights=hits) / sizes
    # cluster numbers are arbitrary; with their sizes the recalls are not
    found = sorted(zip(once["support"], once["recall"], strict=True))
    assert found == [pytest.approx(pair) for pair in sorted(zip(sizes, recalls, strict=True))]


def test_accuracy_is_the_recall_weighted_by_support(reproduction):
    hits = (reproduction["recall"] * reproduction["support"]).groupby(
        [reproduction["model"], reproduction["protocol"]]
    )
    sizes = reproduction.groupby(["model", "protocol"])["support"].sum()
    accuracy = reproduction.groupby(["model", "protocol"])["accuracy"].first()
    pd.testing.assert_series_equal(hits.sum() / sizes, accuracy, check_names=False)


def test_processes_and_a_second_run_change_nothing(households, codebook, quick, reproduction):
    before = households.copy()
    two = quick.model_copy(update={"processes": 2})
    again = reproduce_source_study(households, codebook, two)
    pd.testing.assert_frame_equal(again, reproduction, check_exact=True)
    pd.testing.assert_frame_equal(households, before)


def test_switched_off_it_has_no_row_but_its_columns(households, codebook, quick, reproduction):
    off = reproduce_source_study(
        households, codebook, quick.model_copy(update={"source_study": None})
    )
    assert off.empty
    assert off.dtypes.to_dict() == reproduction.dtypes.to_dict()


def test_the_study_sees_seven_purchase_columns(codebook, modelling):
    """Its accuracy is no prediction: seven of its twelve fields are purchases."""
    fields = codebook.expand(modelling.information_set("source_study").fields)
    assert len(fields) == 12
    assert sum(map(codebook.is_from_purchases, fields)) == 7
    assert codebook.column(Role.OTHER_BRANDS_SHARE) not in fields


@pytest.mark.parametrize("rows", [[0, 1], [0] * 300])
def test_too_few_different_households_are_refused_in_words(households, codebook, quick, rows):
    few = households.iloc[rows].reset_index(drop=True)
    with pytest.raises(ValidationError, match="3 clusters, but the panel has only"):
        reproduce_source_study(few, codebook, quick)


def test_a_cluster_too_small_for_the_folds_is_refused_in_words(households, codebook, quick):
    with pytest.raises(ValidationError, match="has only 1 of 10 households"):
        reproduce_source_study(households.head(10), codebook, quick)
