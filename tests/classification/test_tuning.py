from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold

from customer_segmentation.classification.encoding import FieldEncoder
from customer_segmentation.classification.models import (
    CLASSIFIERS,
    apply_temperature,
    build_estimator,
    choose_simplest,
    find_temperature,
    tune_classifier,
)
from customer_segmentation.classification.validation import take_values

SEED = 7


@pytest.fixture
def tune(eligible, small_modelling, codebook):
    def tune_on(model, name="source_study", rows=slice(None), folds=3):
        information_set = small_modelling.information_set(name)
        table = eligible.iloc[rows]
        values = take_values(table, information_set, codebook)
        grid = getattr(small_modelling.models, model)
        return tune_classifier(model, values, table["segment"], grid, folds, codebook, SEED)

    return tune_on


@pytest.mark.parametrize("model", ["lr", "xgboost"])
def test_losses_are_those_of_models_that_have_not_seen_the_household(
    tune, eligible, small_modelling, codebook, model
):
    tuned = tune(model)
    values = take_values(eligible, small_modelling.information_set("source_study"), codebook)
    segments, numbers = np.unique(eligible["segment"], return_inverse=True)
    shares = np.bincount(numbers) / len(numbers)
    for setting, losses in zip(getattr(small_modelling.models, model), tuned.losses, strict=True):
        guesses = np.empty((len(numbers), 3))
        folds = StratifiedKFold(3, shuffle=True, random_state=SEED).split(numbers, numbers)
        for training, tested in folds:
            encoder = FieldEncoder(codebook, list(values), linear=model == "lr")
            encoded = encoder.fit_transform(values.iloc[training])
            fitted = build_estimator(model, setting, SEED).fit(encoded, numbers[training])
            guesses[tested] = fitted.predict_proba(encoder.transform(values.iloc[tested]))
        temperature = find_temperature(guesses, numbers, shares)
        calibrated = apply_temperature(guesses, shares, temperature)
        assert losses.mean() == pytest.approx(log_loss(numbers, calibrated), abs=1e-9)
    assert tuned.segments == segments.tolist()


def test_the_forest_is_judged_by_trees_that_have_not_seen_the_household(
    tune, eligible, small_modelling, codebook
):
    tuned = tune("rf")
    values = take_values(eligible, small_modelling.information_set("source_study"), codebook)
    encoded = FieldEncoder(codebook, list(values), linear=False).fit_transform(values)
    forest = build_estimator("rf", small_modelling.models.rf[tuned.chosen], SEED)
    forest.fit(encoded, tuned.numbers)
    household = 11
    unseen = [
        tree.predict_proba(encoded[[household]])[0]
        for tree, drawn in zip(forest.estimators_, forest.estimators_samples_, strict=True)
        if household not in drawn
    ]
    expected = apply_temperature(np.mean(unseen, axis=0)[None], tuned.shares, tuned.temperature)
    np.testing.assert_allclose(tuned.out_of_fold[household], expected[0], atol=1e-12)


def test_a_household_that_every_tree_has_seen_gets_the_shares(eligible, small_modelling, codebook):
    values = take_values(eligible, small_modelling.information_set("demographics"), codebook)
    setting = small_modelling.models.rf[0].model_copy(update={"n_estimators": 1})
    args = (values, eligible["segment"], (setting,), 3, codebook, SEED)
    tuned = tune_classifier("rf", *args)
    seen = build_estimator("rf", setting, SEED)
    encoded = FieldEncoder(codebook, list(values), linear=False).fit_transform(values)
    drawn = seen.fit(encoded, tuned.numbers).estimators_samples_[0]
    np.testing.assert_allclose(tuned.out_of_fold[drawn[0]], tuned.shares, atol=1e-12)


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_probabilities_are_calibrated_positive_and_sum_to_one(
    tune, eligible, modelling, codebook, model
):
    tuned = tune(model, "panel_record", slice(400))
    values = take_values(eligible.iloc[400:], modelling.information_set("panel_record"), codebook)
    answers = tuned.predict_proba(values)
    assert (answers > 0).all()
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-12)
    raw = tuned.estimator.predict_proba(tuned.encoder.transform(values))
    expected = apply_temperature(raw, tuned.shares, tuned.temperature)
    np.testing.assert_array_equal(answers, expected)
    hits = np.array(tuned.segments)[answers.argmax(axis=1)] == eligible["segment"].iloc[400:]
    assert hits.mean() > 0.8
    assert tuned.tabulate(values)["predicted"].tolist() == (
        np.array(tuned.segments)[answers.argmax(axis=1)].tolist()
    )


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_the_same_again_is_the_same_to_the_byte(tune, model):
    first, second = tune(model), tune(model)
    assert first.out_of_fold.tobytes() == second.out_of_fold.tobytes()
    assert first.temperatures == second.temperatures


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_columns_beyond_the_set_are_never_looked_at(eligible, small_modelling, codebook, model):
    """A published error: the member id or the cluster label among the predictors."""
    information_set = small_modelling.information_set("demographics")
    fooled = eligible.assign(household_id=eligible["household_id"].to_numpy()[::-1], segment="x")
    first, second = (take_values(t, information_set, codebook) for t in (eligible, fooled))
    pd.testing.assert_frame_equal(first, second)
    assert list(first) == codebook.expand(information_set.fields)


def test_renumbering_a_nominal_code_changes_nothing(eligible, small_modelling, codebook):
    """A published error: mother tongue 4 is not twice mother tongue 2."""
    values = take_values(eligible, small_modelling.information_set("demographics"), codebook)
    renumbered = values.assign(mother_tongue=20 - values["mother_tongue"])
    answers = [
        tune_classifier(
            "lr", table, eligible["segment"], small_modelling.models.lr, 3, codebook, SEED
        ).predict_proba(table)
        for table in (values, renumbered)
    ]
    np.testing.assert_allclose(*answers, atol=2e-3)


def test_the_simplest_within_one_standard_error_of_the_best_is_chosen():
    rng = np.random.default_rng(1)
    best = rng.normal(1, 0.1, 400)
    noisy = best + rng.normal(0.004, 0.1, 400)  # worse by less than its paired error, .005
    worse = best + 0.02 + rng.normal(0, 0.01, 400)
    assert choose_simplest(np.stack([worse, noisy, best])) == 1
    assert choose_simplest(np.stack([worse, best, noisy])) == 1
    assert choose_simplest(np.stack([best, worse])) == 0
    # The same gap is far above the error of a difference that does not vary.
    assert choose_simplest(np.stack([best + 0.004, best])) == 1
    assert choose_simplest(best[None]) == 0


def test_equal_settings_are_a_tie_that_the_first_wins():
    losses = np.random.default_rng(2).random(50)
    assert choose_simplest(np.stack([losses, losses])) == 0
