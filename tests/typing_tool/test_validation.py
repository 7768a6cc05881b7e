from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from customer_segmentation.typing_tool.estimators import (
    CLASSIFIERS,
    build_classifier,
    predict_segments,
)
from customer_segmentation.typing_tool.parameters import CrossValidation
from customer_segmentation.typing_tool.validation import (
    HOLD_OUT,
    REPEATED_CV,
    ValidationError,
    assign_folds,
    compare_with_baselines,
    cross_validate,
    draw_folds,
    fit_without,
    measure_models,
    measure_segments,
    predict_tested,
    stack_tables,
)

EFFORT = CrossValidation(folds=3, repeats=2)


@pytest.fixture
def build(codebook, settings, modelling):
    def build_on(model, name="demographics"):
        fields = modelling.information_set(name).fields
        return build_classifier(model, fields, codebook, settings, seed=3)

    return build_on


@pytest.fixture
def small_study(modelling):
    return modelling.model_copy(update={"cross_validation": EFFORT})


def test_every_household_is_tested_once_per_repeat(labelled, small_study):
    folds = assign_folds(labelled, small_study)
    repeated = folds[folds["protocol"] == REPEATED_CV]
    for _, repeat in repeated.groupby("repeat"):
        assert sorted(repeat["household_id"]) == sorted(labelled["household_id"])
    assert repeated.groupby("repeat")["fold"].nunique().tolist() == [3, 3]


def test_every_test_part_mirrors_the_segments(labelled, small_study):
    folds = assign_folds(labelled, small_study).merge(
        labelled[["household_id", "segment"]], on="household_id"
    )
    sizes = labelled["segment"].value_counts()
    for (protocol, *_), tested in folds.groupby(["protocol", "repeat", "fold"]):
        share = small_study.hold_out_share if protocol == HOLD_OUT else 1 / 3
        counts = tested["segment"].value_counts()
        assert (counts - share * sizes).abs().max() <= 1


def test_repeats_and_seeds_divide_anew_and_the_same_seed_alike(labelled, small_study):
    folds = assign_folds(labelled, small_study)
    pd.testing.assert_frame_equal(folds, assign_folds(labelled, small_study))
    other = assign_folds(labelled, small_study.model_copy(update={"random_state": 1}))
    parts = {
        frozenset(tested["household_id"])
        for table in (folds, other)
        for _, tested in table.groupby(["protocol", "repeat", "fold"])
    }
    assert len(parts) == 2 * (1 + 3 * 2)


def test_a_segment_smaller_than_the_folds_is_refused(labelled):
    rare = labelled.assign(segment=["Rare"] * 2 + ["Common"] * (len(labelled) - 2))
    with pytest.raises(
        ValidationError, match=r"Segment Rare has only 2 of .*cross_validation\.folds needs 3"
    ):
        draw_folds(rare, EFFORT, 1)


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_a_hold_out_without_every_segment_on_both_sides_is_refused(labelled, small_study, share):
    with pytest.raises(ValidationError, match="hold_out_share needs 100"):
        assign_folds(labelled, small_study.model_copy(update={"hold_out_share": share}))


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_nothing_is_learnt_from_the_tested_rows(build, labelled, model):
    """Levels, means, medians and labels that only tested rows hold change nothing."""
    tested = set(labelled["household_id"].iloc[::4])
    is_tested = labelled["household_id"].isin(tested)
    changed = labelled.copy()
    changed.loc[is_tested, "mother_tongue"] = 18  # a code that no other household holds
    changed.loc[is_tested, "total_volume"] = 1e9
    changed.loc[is_tested, "socio_economic_class"] = pd.NA
    changed.loc[is_tested, "segment"] = "Only here"
    build_on_all = build(model, "source_study")
    expected, fooled = (
        predict_segments(fit_without(build_on_all, table, tested), labelled)
        for table in (labelled, changed)
    )
    pd.testing.assert_frame_equal(fooled, expected, check_exact=True)


def test_a_fold_is_predicted_from_the_others(build, labelled):
    folds = draw_folds(labelled, EFFORT, 5)
    predictions = cross_validate(build("rf"), labelled, folds, processes=1)
    assert len(predictions) == 2 * len(labelled)
    tested = folds.query("repeat == 2 and fold == 3")["household_id"]
    inside = labelled["household_id"].isin(tested)
    outside = labelled[~inside]
    fitted = clone(build("rf")).fit(outside, outside["segment"])
    expected = fitted.predict_proba(labelled[inside])
    found = predictions[(predictions["repeat"] == 2) & predictions["household_id"].isin(tested)]
    np.testing.assert_array_equal(found.filter(like="p_").to_numpy(), expected)
    assert found["segment"].tolist() == labelled.loc[inside, "segment"].tolist()


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_processes_and_a_second_run_change_nothing(build, labelled, model):
    folds = draw_folds(labelled, CrossValidation(folds=2, repeats=1), 5)
    before = labelled.copy()
    alone = cross_validate(build(model), labelled, folds, processes=1)
    together = cross_validate(build(model), labelled, folds, processes=2)
    pd.testing.assert_frame_equal(alone, together, check_exact=True)
    pd.testing.assert_frame_equal(labelled, before)


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_permuted_labels_are_not_predicted(build, labelled, model):
    """A leak would let a classifier beat the majority even here."""
    permuted = labelled.assign(
        segment=labelled["segment"].sample(frac=1, random_state=4).to_numpy()
    )
    folds = draw_folds(permuted, EFFORT, 6)
    predictions = cross_validate(build(model), permuted, folds, processes=1)
    accuracy = (predictions["predicted"] == predictions["segment"]).mean()
    majority = permuted["segment"].value_counts(normalize=True).max()
    assert majority - 0.10 < accuracy < majority + 0.03


def test_tested_households_keep_their_order_and_labels(build, labelled):
    tested = labelled["household_id"].iloc[[9, 3, 6]].tolist()
    fitted = fit_without(build("lr"), labelled, tested)
    answer = predict_tested(fitted, labelled, tested)
    assert answer["household_id"].tolist() == labelled["household_id"].iloc[[3, 6, 9]].tolist()


def made_up_predictions() -> pd.DataFrame:
    """Two repeats over four households: three hits in the first, two in the second."""
    rows = [
        # repeat, household, true, predicted, p of a, p of b, p of c
        (1, 1, "a", "a", 0.8, 0.1, 0.1),
        (1, 2, "a", "a", 0.5, 0.3, 0.2),
        (1, 3, "b", "b", 0.2, 0.6, 0.2),
        (1, 4, "c", "a", 0.4, 0.35, 0.25),
        (2, 1, "a", "a", 0.8, 0.1, 0.1),
        (2, 2, "a", "b", 0.3, 0.5, 0.2),
        (2, 3, "b", "b", 0.2, 0.6, 0.2),
        (2, 4, "c", "b", 0.25, 0.5, 0.25),
    ]
    columns = ["repeat", "household_id", "segment", "predicted", "p_a", "p_b", "p_c"]
    return pd.DataFrame(rows, columns=columns).assign(model="m")


def test_figures_over_all_segments_are_those_computed_by_hand():
    row = measure_models(made_up_predictions(), ["model"]).iloc[0]
    assert row["n"] == 4
    assert row["accuracy"] == pytest.approx((3 / 4 + 2 / 4) / 2)
    # recall per segment: 1, 1, 0 and then 1/2, 1, 0
    assert row["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert row["recall_macro"] == row["balanced_accuracy"]
    # precision per segment: 2/3, 1, never predicted and then 1, 1/3, never predicted
    assert row["precision_macro"] == pytest.approx(((2 / 3 + 1) / 3 + (1 + 1 / 3) / 3) / 2)
    # f1 per segment: 4/5, 1, 0 and then 2/3, 1/2, 0
    assert row["f1_macro"] == pytest.approx(((4 / 5 + 1) / 3 + (2 / 3 + 1 / 2) / 3) / 2)
    true = [0.8, 0.5, 0.6, 0.25, 0.8, 0.3, 0.6, 0.25]
    assert row["log_loss"] == pytest.approx(-np.log(true).mean())


def test_figures_per_segment_are_those_computed_by_hand():
    table = measure_segments(made_up_predictions(), ["model"]).set_index("segment")
    assert table.loc["a", ["precision", "recall", "f1"]].tolist() == pytest.approx(
        [(2 / 3 + 1) / 2, (1 + 1 / 2) / 2, (4 / 5 + 2 / 3) / 2]
    )
    assert table.loc["b", ["precision", "recall", "f1"]].tolist() == pytest.approx(
        [(1 + 1 / 3) / 2, 1, (1 + 1 / 2) / 2]
    )
    assert table.loc["c", ["precision", "recall", "f1"]].tolist() == [0, 0, 0]
    assert table["support"].to_dict() == {"a": 2, "b": 1, "c": 1}


def test_models_are_measured_apart_and_in_order():
    good = made_up_predictions().assign(model="z")
    good["predicted"] = good["segment"]
    both = pd.concat([good, made_up_predictions()], ignore_index=True)
    table = measure_models(both, ["model"])
    assert table["model"].tolist() == ["z", "m"]
    assert table["accuracy"].tolist() == [1, 0.625]


def with_baselines() -> pd.DataFrame:
    """The same, beside baselines that know the shares 1/2, 1/4 and 1/4."""
    model = made_up_predictions()
    prior = model.assign(model="prior", predicted="a", p_a=0.5, p_b=0.25, p_c=0.25)
    majority = prior.assign(model="majority", p_a=1.0, p_b=0.0, p_c=0.0)
    return pd.concat([majority, model, prior], ignore_index=True).assign(set="s")


def test_gain_and_skill_are_paired_by_household():
    (row,) = compare_with_baselines(with_baselines(), ["set"]).to_dict("records")
    # households 1 to 4: hit always, in one repeat, always, never; the majority hits 1 and 2
    gains = np.array([1, 0.5, 1, 0]) - [1, 1, 0, 0]
    assert row["gain_over_majority"] == pytest.approx(gains.mean())
    assert row["gain_se"] == pytest.approx(np.sqrt(gains.var(ddof=1) / 4))
    losses = -np.log([[0.8, 0.5, 0.6, 0.25], [0.8, 0.3, 0.6, 0.25]]).mean(axis=0)
    prior = -np.log([0.5, 0.5, 0.25, 0.25])
    assert row["log_loss_skill"] == pytest.approx(1 - losses.mean() / prior.mean())
    expected = np.sqrt((prior - losses).var(ddof=1) / 4) / prior.mean()
    assert row["skill_se"] == pytest.approx(expected)
    assert (row["set"], row["model"]) == ("s", "m")


def test_gain_and_skill_agree_with_the_figures_over_all_segments():
    table = with_baselines()
    overall = measure_models(table, ["model"]).set_index("model")
    (row,) = compare_with_baselines(table, ["set"]).to_dict("records")
    accuracy, loss = overall["accuracy"], overall["log_loss"]
    assert row["gain_over_majority"] == pytest.approx(accuracy["m"] - accuracy["majority"])
    assert row["log_loss_skill"] == pytest.approx(1 - loss["m"] / loss["prior"])


def test_repeats_of_a_household_are_no_further_households():
    once = with_baselines().query("repeat == 1")
    often = pd.concat([once.assign(repeat=repeat) for repeat in range(10)], ignore_index=True)
    pd.testing.assert_frame_equal(
        compare_with_baselines(often, ["set"]), compare_with_baselines(once, ["set"])
    )


def test_models_are_compared_within_their_circumstances_alone():
    good = with_baselines().assign(set="t")
    is_model = good["model"] == "m"
    good.loc[is_model, "predicted"] = good.loc[is_model, "segment"]
    both = pd.concat([good, with_baselines()], ignore_index=True)
    table = compare_with_baselines(both, ["set"])
    assert table["set"].tolist() == ["s", "t"]
    assert table["gain_over_majority"].tolist() == pytest.approx([0.125, 0.5])
    assert compare_with_baselines(made_up_predictions().assign(set="s"), ["set"]).empty


def test_a_sure_mistake_costs_what_it_costs_in_scikit_learn():
    table = with_baselines()
    is_model = table["model"] == "m"
    table.loc[is_model, ["p_a", "p_b", "p_c"]] = [1.0, 0.0, 0.0]
    loss = measure_models(table, ["model"]).set_index("model")["log_loss"]
    (row,) = compare_with_baselines(table, ["set"]).to_dict("records")
    assert row["log_loss_skill"] == pytest.approx(1 - loss["m"] / loss["prior"])
    assert np.isfinite(row["skill_se"])


def test_stacked_tables_name_their_rows():
    a, b = pd.DataFrame({"x": [1, 2]}), pd.DataFrame({"x": [3]})
    stacked = stack_tables({"second": b, "first": a}, "name")
    assert stacked.to_dict("list") == {"name": ["second", "first", "first"], "x": [3, 1, 2]}
    assert stacked.index.tolist() == [0, 1, 2]
