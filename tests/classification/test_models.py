from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from xgboost import XGBClassifier

from customer_segmentation.classification.encoding import FieldEncoder
from customer_segmentation.classification.models import (
    CLASSIFIERS,
    COLDEST,
    HOTTEST,
    MODELS,
    LabelledClassifier,
    apply_temperature,
    build_estimator,
    choose_simplest,
    conformity_column,
    find_temperature,
    find_thresholds,
    form_sets,
    log_losses,
    measure_conformity,
    probability_column,
    tabulate_probabilities,
    tune_classifier,
)
from customer_segmentation.classification.validation import _name_setting, take_values


def test_every_model_can_be_built(modelling):
    assert tuple(MODELS) == CLASSIFIERS
    assert set(CLASSIFIERS) == set(modelling.models.model_dump())
    for model in CLASSIFIERS:
        assert build_estimator(model, getattr(modelling.models, model)[0], 1) is not None


def test_an_unknown_model_is_an_error(modelling):
    with pytest.raises(KeyError, match="oracle"):
        build_estimator("oracle", modelling.models.lr[0], 1)


def test_any_labels_serve_where_numbers_from_zero_are_needed():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(90, 3)), np.repeat([0, 1, 2], 30)
    X[:, 0] += y
    model = XGBClassifier(n_estimators=5, n_jobs=1)
    for names in (np.array(["c", "a", "b"]), np.array([30, 10, 20])):
        labelled = LabelledClassifier(XGBClassifier(n_estimators=5, n_jobs=1)).fit(X, names[y])
        order = np.argsort(names)
        assert labelled.classes_.tolist() == sorted(names.tolist())
        expected = LabelledClassifier(model).fit(X, np.argsort(order)[y]).predict_proba(X)
        np.testing.assert_array_equal(labelled.predict_proba(X), expected)
        assert (labelled.predict(X) == names[y]).mean() > 0.5


def test_a_setting_is_named_by_what_tells_it_from_the_others(modelling):
    assert [_name_setting(each, modelling.models.lr) for each in modelling.models.lr] == [
        "C=0.01",
        "C=0.1",
        "C=1",
    ]
    for model in CLASSIFIERS:
        grid = getattr(modelling.models, model)
        assert len({_name_setting(each, grid) for each in grid}) == len(grid)
    assert _name_setting(modelling.models.lr[0], modelling.models.lr[:1]) == "as declared"


def test_columns_are_called_after_the_segment_in_snake_case():
    assert probability_column("Variety Seekers") == "p_variety_seekers"
    assert conformity_column("Segment 1") == "c_segment_1"
    assert probability_column(2) == "p_2"


def test_the_likeliest_segment_is_named_and_of_equals_the_first():
    answers = tabulate_probabilities(
        np.array([[0.2, 0.8], [0.5, 0.5]]), ["One", "Two"], pd.Index([7, 3])
    )
    assert answers["predicted"].to_dict() == {7: "Two", 3: "One"}
    assert answers["p_two"].tolist() == [0.8, 0.5]


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


@pytest.fixture
def guesses():
    """Calibrated probabilities of three segments, and labels drawn from them."""
    rng = np.random.default_rng(3)
    probabilities = rng.dirichlet([3, 1, 1], size=4000)
    labels = (rng.random(4000)[:, None] > probabilities.cumsum(axis=1)).sum(axis=1)
    return probabilities, labels, np.bincount(labels) / len(labels)


def test_at_temperature_one_nothing_changes(guesses):
    probabilities, _, shares = guesses
    np.testing.assert_allclose(
        apply_temperature(probabilities, shares, 1), probabilities, atol=1e-5
    )


def test_the_hotter_the_nearer_to_the_shares(guesses):
    probabilities, _, shares = guesses
    hot = apply_temperature(probabilities, shares, 1e9)
    np.testing.assert_allclose(hot, np.broadcast_to(shares, hot.shape), atol=1e-6)
    distances = [
        np.abs(apply_temperature(probabilities, shares, t) - shares).sum() for t in (0.5, 1, 2, 8)
    ]
    assert distances == sorted(distances, reverse=True)


@pytest.mark.parametrize("temperature", [0.5, 1, 3])
def test_the_temperature_that_spoilt_them_is_found_again(guesses, temperature):
    probabilities, labels, shares = guesses
    spoilt = apply_temperature(probabilities, shares, 1 / temperature)
    assert find_temperature(spoilt, labels, shares) == pytest.approx(temperature, rel=0.08)


def test_no_other_temperature_has_a_smaller_log_loss(guesses):
    probabilities, labels, shares = guesses
    found = find_temperature(probabilities, labels, shares)
    grid = np.geomspace(COLDEST, HOTTEST, 400)
    losses = [log_losses(apply_temperature(probabilities, shares, t), labels).mean() for t in grid]
    best = log_losses(apply_temperature(probabilities, shares, found), labels).mean()
    assert best <= min(losses) + 1e-6


def test_who_knows_nothing_ends_at_the_shares(guesses):
    probabilities, labels, shares = guesses
    strangers = np.random.default_rng(4).permutation(labels)
    found = find_temperature(probabilities, strangers, shares)
    assert found > 10
    calibrated = apply_temperature(probabilities, shares, found)
    assert log_losses(calibrated, strangers).mean() < -(shares * np.log(shares)).sum() + 0.01


def test_a_certain_mistake_costs_much_but_not_everything():
    shares = np.array([0.5, 0.5])
    certain = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    calibrated = apply_temperature(certain, shares, 1)
    assert (calibrated > 0).all()
    np.testing.assert_allclose(calibrated.sum(axis=1), 1)
    losses = log_losses(calibrated, np.array([0, 1, 1]))
    assert losses[:2].max() < 1e-4
    assert 10 < losses[2] < 15


def draw_scores(seed, training=60, tested=200, segments=3):
    """Scores on a coarse grid, so that many are tied; the last segment may be small."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(segments, training, p=[0.6, *[0.4 / (segments - 1)] * (segments - 1)])
    of_training = rng.integers(0, 11, training) / 10
    of_tested = rng.integers(0, 11, (tested, segments)) / 10
    return of_training, labels, of_tested


@pytest.mark.parametrize("segments", [2, 3, 5])
def test_conformity_counts_the_households_of_the_segment_that_fit_no_better(segments):
    of_training, labels, of_tested = draw_scores(1, segments=segments)
    conformity = measure_conformity(of_training, labels, of_tested)
    for row in range(len(of_tested)):
        for segment in range(segments):
            own = [p for p, label in zip(of_training, labels, strict=True) if label == segment]
            worse = sum(p <= of_tested[row, segment] for p in own)
            assert conformity[row, segment] == float(Fraction(1 + worse, 1 + len(own)))


def test_a_segment_without_training_households_fits_all():
    conformity = measure_conformity(np.array([0.4]), np.array([0]), np.array([[0.1, 0.0]]))
    assert conformity.tolist() == [[0.5, 1.0]]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("error_rate", [0.05, 0.1, 0.25, 0.5, 0.9])
def test_reaching_the_threshold_is_exceeding_the_error_rate(seed, error_rate):
    of_training, labels, of_tested = draw_scores(seed)
    conformity = measure_conformity(of_training, labels, of_tested)
    thresholds = find_thresholds(of_training, labels, 3, error_rate)
    assert np.array_equal(of_tested >= thresholds, conformity > error_rate)


def test_too_few_households_rule_nothing_out():
    # One in nine is more than a tenth, one in ten is not.
    of_training = np.linspace(0.5, 0.9, 8 + 9)
    labels = np.repeat([0, 1], [8, 9])
    thresholds = find_thresholds(of_training, labels, 3, error_rate=0.1)
    assert thresholds[0] == 0
    assert thresholds[1] == of_training[labels == 1].min()
    assert thresholds[2] == 0


def test_exchangeable_scores_are_covered():
    rng = np.random.default_rng(7)
    covered = []
    for _ in range(2000):
        scores = rng.random(31)
        conformity = measure_conformity(scores[:-1], np.zeros(30, dtype=int), scores[-1:, None])
        covered.append(conformity[0, 0] > 0.2)
    # Of 31 ranks the six lowest are left out.
    assert np.mean(covered) == pytest.approx(25 / 31, abs=0.03)


def test_the_likeliest_segment_is_in_every_set():
    included = np.array([[False, False], [True, False], [False, False]])
    probabilities = np.array([[0.3, 0.7], [0.2, 0.8], [0.5, 0.5]])
    sets = form_sets(included, probabilities)
    assert sets.tolist() == [[False, True], [True, True], [True, False]]
    assert not included[0].any()  # the input stays as it was
