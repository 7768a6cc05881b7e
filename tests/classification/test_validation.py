from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from customer_segmentation.classification.folds import FINAL, HOLD_OUT, NESTED_CV, list_folds
from customer_segmentation.classification.models import (
    CLASSIFIERS,
    measure_conformity,
    probability_column,
)
from customer_segmentation.classification.validation import (
    CASE,
    choose_models,
    fit_champions,
    follow_procedure,
    take_values,
    tune_fold,
    validate_baselines,
    validate_classifier,
)
from tests.classification.conftest import training_rows


@pytest.fixture(scope="module")
def few(small_modelling):
    """Two information sets, so that a test stays short."""
    names = {"demographics", "panel_record", "source_study"}
    sets = tuple(s for s in small_modelling.information_sets if s.name in names)
    return small_modelling.model_copy(update={"information_sets": sets})


@pytest.fixture(scope="module")
def validated(_labelled, _fold_segments, codebook, few):
    return {
        model: validate_classifier(model, _labelled, _fold_segments, codebook, few)
        for model in CLASSIFIERS
    }


@pytest.fixture
def audit():
    rows = [("demographics", False), ("source_study", False), ("panel_record", True)]
    table = pd.DataFrame(rows, columns=["information_set", "contained"])
    return pd.concat([table, table.assign(contained=True)], ignore_index=True)


def one(fold_segments, protocol=NESTED_CV, repeat=2, fold=1):
    place = {"protocol": protocol, "repeat": repeat, "fold": fold}
    return fold_segments[(fold_segments[list(place)] == list(place.values())).all(axis=1)]


def test_a_fold_trains_on_eligible_households_that_it_does_not_test(labelled, fold_segments):
    folds = list_folds(labelled, fold_segments)
    assert [fold.place["protocol"] for fold in folds] == [HOLD_OUT, *[NESTED_CV] * 6, FINAL]
    for fold in folds:
        assert not set(fold.labels.index) & set(fold.tested.index)
        assert not labelled.loc[fold.labels.index, "thin_record"].any()
        together = len(fold.labels) + (~fold.tested["thin_record"]).sum()
        assert together == (~labelled["thin_record"]).sum()
    final = folds[-1]
    assert final.labels.equals(labelled.loc[~labelled["thin_record"], "segment"])
    assert final.tested.empty


def test_labels_are_the_fold_s_own_whatever_the_order_of_the_rows(labelled, fold_segments):
    rows = one(fold_segments)
    shuffled = labelled.sample(frac=1, random_state=3)
    labels = training_rows(shuffled, rows.sample(frac=1, random_state=4))
    known = rows.set_index("household_id")["segment"]
    assert labels.tolist() == known.loc[labelled.loc[labels.index, "household_id"]].tolist()


def test_every_tested_household_is_predicted_by_a_model_tuned_without_it(
    labelled, fold_segments, codebook, few, validated
):
    rows = one(fold_segments)
    labels = training_rows(labelled, rows)
    for model, table in validated.items():
        values = take_values(labelled, few.information_set("source_study"), codebook)
        tuned = tune_fold(model, values, labels, few, codebook)
        found = one(table["predictions"])
        found = found[found["information_set"] == "source_study"].set_index("household_id")
        tested = rows.loc[rows["tested"], "household_id"]
        at = labelled["household_id"].isin(tested)
        assert found.index.tolist() == labelled.loc[at, "household_id"].tolist()
        expected = tuned.predict_proba(values[at])
        columns = [probability_column(name) for name in tuned.segments]
        np.testing.assert_array_equal(found[columns].to_numpy(), expected)
        conformity = measure_conformity(tuned.own, tuned.numbers, expected)
        np.testing.assert_array_equal(found.filter(like="c_").to_numpy(), conformity)
        assert found["reference"].tolist() == labelled.loc[at, "segment"].tolist()
        of_fold = rows.set_index("household_id")["segment"]
        assert found["segment"].tolist() == of_fold.loc[found.index].tolist()


def test_nothing_is_learnt_from_the_tested_rows(labelled, fold_segments, codebook, few):
    """Levels, means, medians and labels that only tested rows hold change nothing."""
    rows = one(fold_segments)
    tested = labelled["household_id"].isin(rows.loc[rows["tested"], "household_id"])
    changed = labelled.copy()
    changed.loc[tested, "mother_tongue"] = 18  # a code that no other household holds
    changed.loc[tested, "total_volume"] = 1_000_000
    changed.loc[tested, "socio_economic_class"] = pd.NA
    fooled = rows.assign(segment=rows["segment"].mask(rows["tested"], "Only here"))
    for model in CLASSIFIERS:
        answers = [
            tune_fold(
                model,
                take_values(table, few.information_set("source_study"), codebook),
                training_rows(table, fold),
                few,
                codebook,
            ).predict_proba(take_values(labelled, few.information_set("source_study"), codebook))
            for table, fold in ((labelled, rows), (changed, fooled))
        ]
        np.testing.assert_array_equal(*answers)


def test_processes_and_a_second_run_change_nothing(
    labelled, fold_segments, codebook, few, validated
):
    before = labelled.copy()
    together = few.model_copy(update={"processes": 2})
    again = validate_classifier("xgboost", labelled, one(fold_segments), codebook, together)
    for name, table in validated["xgboost"].items():
        both = pd.concat([one(table), table[table["protocol"] == FINAL]], ignore_index=True)
        pd.testing.assert_frame_equal(both, again[name], check_exact=True)
    pd.testing.assert_frame_equal(labelled, before)


def test_permuted_labels_are_not_predicted(labelled, fold_segments, codebook, few):
    """A leak would let a classifier beat the majority even here."""
    rng = np.random.default_rng(5)
    permuted = fold_segments.assign(segment=rng.permutation(fold_segments["segment"].to_numpy()))
    permuted = permuted[permuted["repeat"] == 1]
    set_alone = {"information_sets": (few.information_set("panel_record"),)}
    for model in CLASSIFIERS:
        table = validate_classifier(
            model, labelled, permuted, codebook, few.model_copy(update=set_alone)
        )["predictions"]
        table = table[~table["thin_record"]]
        accuracy = (table["predicted"] == table["segment"]).mean()
        majority = permuted["segment"].value_counts(normalize=True).max()
        assert accuracy < majority + 0.03


def test_tuning_tells_every_setting_and_losses_every_training_household(
    labelled, fold_segments, codebook, few, validated
):
    values = take_values(labelled, few.information_set("demographics"), codebook)
    final = labelled.loc[~labelled["thin_record"], "segment"]
    for model, table in validated.items():
        tuned = tune_fold(model, values, final, few, codebook)
        rows = table["tuning"][table["tuning"]["protocol"] == FINAL]
        rows = rows[rows["information_set"] == "demographics"]
        np.testing.assert_allclose(rows["log_loss"], tuned.losses.mean(axis=1))
        assert rows["chosen"].tolist().index(True) == tuned.chosen
        assert rows["temperature"].tolist() == tuned.temperatures
        losses = table["losses"][table["losses"]["protocol"] == FINAL]
        losses = losses[losses["information_set"] == "demographics"]
        assert losses["household_id"].tolist() == labelled.loc[final.index, "household_id"].tolist()
        np.testing.assert_array_equal(losses["log_loss"], tuned.losses[tuned.chosen])
        assert not (table["predictions"]["protocol"] == FINAL).any()


def test_the_procedure_takes_the_simplest_model_that_training_cannot_tell_from_the_best(validated):
    losses = {model: table["losses"] for model, table in validated.items()}
    choices = choose_models(**losses)
    assert not choices.duplicated(CASE).any()
    assert len(choices) == 3 * 8
    for row in choices.to_dict("records"):
        paired = pd.DataFrame(
            {
                model: table[(table[CASE] == [row[key] for key in CASE]).all(axis=1)].set_index(
                    "household_id"
                )["log_loss"]
                for model, table in losses.items()
            }
        )
        best = paired.mean().idxmin()
        excess = paired.sub(paired[best], axis=0)
        fine = [m for m in CLASSIFIERS if excess[m].mean() <= excess[m].std() / len(excess) ** 0.5]
        assert row["model"] == fine[0]


def test_the_procedure_s_predictions_are_those_of_the_chosen_models(validated):
    predictions = {model: table["predictions"] for model, table in validated.items()}
    choices = choose_models(**{model: table["losses"] for model, table in validated.items()})
    followed = follow_procedure(choices, **predictions)
    assert len(followed) == len(predictions["lr"])
    assert len(set(choices["model"])) > 1
    for case, rows in followed.groupby(CASE):
        model = choices.loc[(choices[CASE] == list(case)).all(axis=1), "model"].item()
        table = predictions[model]
        expected = table[(table[CASE] == list(case)).all(axis=1)]
        pd.testing.assert_frame_equal(
            rows.reset_index(drop=True), expected.reset_index(drop=True)[list(rows)]
        )


def test_the_baselines_are_the_largest_segment_the_shares_and_the_segmenter(
    labelled, fold_segments, audit
):
    table = validate_baselines(labelled, fold_segments, audit)
    shares = training_rows(labelled, one(fold_segments)).value_counts(normalize=True)
    rows = one(table)
    majority, prior = (rows[rows["model"] == name] for name in ("majority", "prior"))
    assert set(majority["predicted"]) == {shares.idxmax()}
    assert set(prior["predicted"]) == {shares.idxmax()}
    assert (majority[probability_column(shares.idxmax())] == 1).all()
    for segment, share in shares.items():
        np.testing.assert_allclose(prior[probability_column(segment)], share)
    nearest = table[table["model"] == "nearest_centroid"]
    assert set(nearest["information_set"]) == {"panel_record"}
    assert (nearest["predicted"] == nearest["segment"]).all()
    assert (nearest["predicted"] != nearest["reference"]).any()
    assert set(table["information_set"]) == set(audit["information_set"])
    assert (table.filter(like="p_").sum(axis=1) - 1).abs().max() < 1e-12


def test_champions_are_fitted_on_all_eligible_households(labelled, codebook, few, validated):
    choices = choose_models(**{model: table["losses"] for model, table in validated.items()})
    champions = fit_champions(labelled, choices, codebook, few)
    final = choices[choices["protocol"] == FINAL].set_index("information_set")["model"]
    assert {name: tuned.model for name, tuned in champions.items()} == final.to_dict()
    for name, tuned in champions.items():
        assert len(tuned.numbers) == (~labelled["thin_record"]).sum()
        losses = validated[tuned.model]["losses"]
        losses = losses[(losses["protocol"] == FINAL) & (losses["information_set"] == name)]
        np.testing.assert_array_equal(losses["log_loss"], tuned.losses[tuned.chosen])
