from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from customer_segmentation.classification.importance import (
    explain,
    explain_champions,
    permute_fields,
    rank_fields,
    sum_groups,
)
from customer_segmentation.classification.parameters import FieldGroup
from customer_segmentation.classification.reliability import draw_weights
from customer_segmentation.classification.validation import take_values, tune_fold
from customer_segmentation.segments.partition import Purpose, seed_for
from tests.classification.conftest import training_rows

CHAMPIONS = {"demographics": "lr", "source_study": "xgboost"}
AUDIT = pd.DataFrame(
    [("demographics", "prediction"), ("source_study", "overlap")],
    columns=["information_set", "claim"],
)


@pytest.fixture
def two_sets(small_modelling):
    """Small parameters with two information sets."""
    sets = tuple(small_modelling.information_set(name) for name in CHAMPIONS)
    return small_modelling.model_copy(update={"information_sets": sets})


@pytest.fixture
def model_choices():
    rows = [(name, "final", 1, 1, model) for name, model in CHAMPIONS.items()]
    # what a fold chose for itself does not matter
    rows += [(name, "nested_cv", 1, 2, "rf") for name in CHAMPIONS]
    return pd.DataFrame(rows, columns=["information_set", "protocol", "repeat", "fold", "model"])


@pytest.fixture
def tables(labelled, fold_segments, model_choices, codebook, two_sets):
    return explain_champions(labelled, fold_segments, model_choices, AUDIT, codebook, two_sets)


def take_fold(fold_segments, number):
    first = (fold_segments["protocol"] == "nested_cv") & (fold_segments["repeat"] == 1)
    return fold_segments[first & (fold_segments["fold"] == number)]


@pytest.fixture
def tune(labelled, fold_segments, two_sets, codebook):
    """The champion of a set in a fold, and the values of all households."""

    def tune_on(name, number=2):
        values = take_values(labelled, two_sets.information_set(name), codebook)
        labels = training_rows(labelled, take_fold(fold_segments, number))
        return tune_fold(CHAMPIONS[name], values, labels, two_sets, codebook), values

    return tune_on


def test_every_household_is_explained_once_by_a_model_trained_without_it(
    tables, tune, labelled, fold_segments
):
    shap_values, _ = tables
    assert shap_values.columns.tolist() == [
        "information_set", "model", "segment", "household_id", "field", "shap_value", "field_value",
    ]  # fmt: skip
    keys = ["information_set", "segment", "household_id", "field"]
    assert not shap_values.duplicated(keys).any()
    assert set(shap_values["household_id"]) == set(labelled["household_id"])  # thin records too
    fold = take_fold(fold_segments, 2)
    tested = labelled["household_id"].isin(fold.loc[fold["tested"], "household_id"])
    for name, model in CHAMPIONS.items():
        tuned, values = tune(name)
        explanation = explain(tuned, values[tested])
        found = shap_values[shap_values["information_set"] == name]
        assert len(found) == 600 * values.shape[1] * 3
        assert (found["model"] == model).all()
        for number, segment in enumerate(explanation.segments):
            part = found[found["segment"] == segment]
            ids, fields = labelled["household_id"], list(values)
            assert part["household_id"].tolist() == np.repeat(ids, len(fields)).tolist()
            assert part["field"].tolist() == fields * 600
            by_household = part["shap_value"].to_numpy().reshape(600, -1)
            expected = explanation.values[:, :, number]
            np.testing.assert_allclose(by_household[tested], expected, atol=1e-12)
            np.testing.assert_array_equal(part["field_value"], values.to_numpy().ravel())


def test_permutation_importance_belongs_to_eligible_households(
    tables, labelled, fold_segments, model_choices, codebook, two_sets
):
    _, importance = tables
    assert importance.columns.tolist() == [
        "information_set", "model", "field", "log_loss_increase", "increase_low", "increase_high",
        "rank",
    ]  # fmt: skip
    for _, part in importance.groupby("information_set"):
        assert sorted(part["rank"]) == list(range(1, len(part) + 1))
        assert part.sort_values("rank")["log_loss_increase"].is_monotonic_decreasing
    # what thin records are called and what they bought changes nothing
    thin = labelled["thin_record"]
    ids = labelled.loc[thin, "household_id"]
    other = fold_segments.assign(
        segment=fold_segments["segment"].mask(
            fold_segments["household_id"].isin(ids), labelled["segment"].iloc[0]
        )
    )
    changed = labelled.assign(total_volume=labelled["total_volume"].mask(thin, 1))
    _, again = explain_champions(changed, other, model_choices, AUDIT, codebook, two_sets)
    pd.testing.assert_frame_equal(again, importance)


def test_importance_and_its_interval_are_those_of_the_households_of_all_folds(
    tables, tune, labelled, fold_segments, two_sets
):
    parts = []
    for number in (1, 2, 3):
        tuned, values = tune("demographics", number)
        fold = take_fold(fold_segments, number).set_index("household_id")
        fold = fold.loc[labelled["household_id"]].reset_index()
        rows = fold["tested"] & ~labelled["thin_record"]
        seed = seed_for(two_sets.random_state, Purpose.IMPORTANCE, number)
        parts.append(permute_fields(tuned, values[rows], fold.loc[rows, "segment"], seed))
    increases = pd.concat(parts)
    assert len(increases) == (~labelled["thin_record"]).sum()
    found = tables[1][tables[1]["information_set"] == "demographics"].set_index("field")
    seed = seed_for(two_sets.random_state, Purpose.RESAMPLE)
    weights = draw_weights(len(increases), two_sets.intervals.resamples, seed)
    for field in increases:
        assert found.loc[field, "log_loss_increase"] == pytest.approx(increases[field].mean())
        draws = [np.average(increases[field], weights=each) for each in weights]
        ends = np.quantile(draws, [0.025, 0.975])
        np.testing.assert_allclose(found.loc[field, ["increase_low", "increase_high"]], ends)


def test_permuting_is_measured_as_by_hand(tune, labelled):
    tuned, values = tune("demographics")
    some = ~labelled["thin_record"] & (labelled.index % 5 == 0)
    values, labels = values[some], labelled.loc[some, "segment"]
    increases = permute_fields(tuned, values, labels, np.random.SeedSequence(4))
    assert increases.index.equals(values.index)
    random = np.random.default_rng(np.random.SeedSequence(4))
    orders = [random.permutation(len(values)) for _ in range(10)]
    before = log_loss(labels, tuned.predict_proba(values), labels=tuned.segments)
    for field in values:
        after = [
            log_loss(
                labels,
                tuned.predict_proba(values.assign(**{field: values[field].to_numpy()[order]})),
                labels=tuned.segments,
            )
            for order in orders
        ]
        assert increases[field].mean() == pytest.approx(np.mean(after) - before, abs=1e-12)


@pytest.mark.parametrize("name", CHAMPIONS)
def test_a_field_that_is_not_used_has_no_importance(tune, labelled, codebook, two_sets, name):
    _, values = tune(name)
    rows = ~labelled["thin_record"]
    values, labels = values[rows], labelled.loc[rows, "segment"]
    field = "homemaker_age"
    tuned = tune_fold(CHAMPIONS[name], values.assign(**{field: 2.0}), labels, two_sets, codebook)
    increases = permute_fields(tuned, values, labels, np.random.SeedSequence(4))
    assert (increases[field] == 0).all()
    assert increases.drop(columns=field).abs().to_numpy().max() > 0.01


def list_values(rows):
    columns = ["segment", "household_id", "field", "shap_value"]
    return pd.DataFrame(rows, columns=columns).assign(information_set="set", model="lr")


@pytest.fixture
def folds():
    """Households 1 and 2 are explained in fold 1, 3 and 4 in fold 2; household 4 is thin."""
    rows = [
        ("holdout", 1, 1, [1, 4]),  # neither this nor a second repeat says anything of it
        ("nested_cv", 1, 1, [1, 2]),
        ("nested_cv", 1, 2, [3, 4]),
        ("nested_cv", 2, 1, [3, 1]),
    ]
    columns = ["protocol", "repeat", "fold", "household_id", "tested"]
    return pd.DataFrame(
        [(*fold, each, each in tested) for *fold, tested in rows for each in (1, 2, 3, 4)],
        columns=columns,
    )


@pytest.fixture
def records():
    return pd.DataFrame({"household_id": [4, 3, 2, 1], "thin_record": [True, False, False, False]})


def test_fields_are_ranked_by_their_mean_absolute_contribution(folds, records):
    of_fields = {
        "f": [-3.0, 1.0, 2.0, 100.0],  # fold 1: 2, fold 2: 2, all: 2
        "g": [1.0, 5.0, 0.0, 100.0],  # 3, 0, 2
        "h": [2.0, -2.0, 3.5, 100.0],  # 2, 3.5, 2.5
        "i": [0.1, 0.1, 5.0, 0.0],  # 0.1, 5, 5.2 / 3
    }
    rows = [
        ("a", household, field, sizes[household - 1])
        for household in (3, 1, 4, 2)
        for field, sizes in of_fields.items()
    ]
    rows += [("b", household, field, 0.0) for household in (1, 2, 3) for field in "fghi"]
    table = rank_fields(list_values(rows), records, folds)
    assert table.columns.tolist() == [
        "information_set", "model", "segment", "field", "mean_abs_shap", "rank", "rank_stability",
    ]  # fmt: skip
    indexed = table.set_index(["segment", "field"])
    expected = {"f": 2.0, "g": 2.0, "h": 2.5, "i": 5.2 / 3}
    assert indexed.loc["a", "mean_abs_shap"].to_dict() == pytest.approx(expected)
    assert indexed.loc["a", "rank"].to_dict() == {"f": 2, "g": 3, "h": 1, "i": 4}
    # ranks in fold 1: f 2, g 1, h 3, i 4; in fold 2: f 3, g 4, h 2, i 1
    stability = {"f": 1.0, "g": 0.5, "h": 0.5, "i": 0.5}
    assert indexed.loc["a", "rank_stability"].to_dict() == stability
    assert indexed.loc["b", "rank"].to_dict() == {"f": 1, "g": 2, "h": 3, "i": 4}
    assert (indexed.loc["b", "rank_stability"] == 1).all()


def test_the_contributions_of_a_group_are_summed_before_they_are_measured(
    records, codebook, modelling
):
    groups = (
        FieldGroup(name="amounts", label="Amounts", fields=("total_volume", "transactions")),
        FieldGroup(name="brands", label="Brands", fields=("brand_shares",)),
    )
    known = {"transactions": [-3.0, 1.0, 2.0], "children": [1.0, 1.0, -1.0]}
    known |= {"total_volume": [2.5, 2.0, -2.0], "share_lux": [0.25, 0.0, 0.0]}
    rows = [
        ("a", household, field, sizes[household - 1])
        for household in (1, 2, 3)
        for field, sizes in known.items()
    ]
    rows += [("a", 4, field, 100.0) for field in known]
    with_groups = modelling.model_copy(update={"field_groups": groups})
    table = sum_groups(list_values(rows), records, codebook, with_groups)
    assert table.columns.tolist() == [
        "information_set", "model", "segment", "group", "fields", "mean_abs_shap", "rank",
    ]  # fmt: skip
    found = table.set_index("group")
    assert found["fields"].to_dict() == {
        "amounts": "transactions, total_volume",
        "children": "children",
        "brands": "share_lux",
    }
    expected = {"amounts": 3.5 / 3, "children": 1.0, "brands": 0.25 / 3}
    assert found["mean_abs_shap"].to_dict() == pytest.approx(expected)
    assert found["rank"].to_dict() == {"amounts": 1, "children": 2, "brands": 3}


def test_where_the_segmenter_answers_no_champion_is_explained(
    labelled, fold_segments, model_choices, codebook, two_sets
):
    known = AUDIT.assign(claim=["assignment", "overlap"])
    values, importance = explain_champions(
        labelled, fold_segments, model_choices, known, codebook, two_sets
    )
    assert set(values["information_set"]) == set(importance["information_set"]) == {"source_study"}
    none = AUDIT.assign(claim="assignment")
    empty, nothing = explain_champions(
        labelled, fold_segments, model_choices, none, codebook, two_sets
    )
    pd.testing.assert_series_equal(empty.dtypes, values.dtypes)
    pd.testing.assert_series_equal(nothing.dtypes, importance.dtypes)
    assert empty.empty
    assert nothing.empty
    ranked = rank_fields(empty, labelled, fold_segments)
    grouped = sum_groups(empty, labelled, codebook, two_sets)
    assert ranked.empty
    assert grouped.empty
    assert list(ranked) == list(rank_fields(values, labelled, fold_segments))
    assert list(grouped) == list(sum_groups(values, labelled, codebook, two_sets))
