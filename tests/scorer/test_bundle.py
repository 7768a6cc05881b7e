"""A bundle answers for every household, and only what it can answer."""

from __future__ import annotations

import pickle
from functools import partial

import numpy as np
import pandas as pd
import pytest

from customer_segmentation.panel.codebook import Role
from customer_segmentation.scorer.bundle import ScoringError, build_bundle, list_libraries
from customer_segmentation.typing_tool.estimators import probability_column


def test_every_household_whose_purchases_are_known_is_assigned(bundle, households, segmenter):
    answers = bundle.assign(households)
    assert answers.name == "segment"
    pd.testing.assert_index_equal(answers.index, households.index)
    np.testing.assert_array_equal(answers.to_numpy(), segmenter.predict(households))


def test_a_household_that_lacks_an_input_is_not_assigned(bundle, households, codebook):
    for role in (Role.TRANSACTIONS, Role.BRAND_RUNS, Role.VOLUME, Role.OTHER_BRANDS_SHARE):
        column = codebook.column(role)
        partly = households.astype({column: "float64"})
        partly.loc[[3, 77], column] = np.nan
        answers = bundle.assign(partly)
        assert answers.index[answers.isna()].tolist() == [3, 77]
        assert bundle.assign(households.drop(columns=column)).isna().all()


def test_one_of_several_shares_is_an_input_too(bundle, households, codebook):
    # The largest share of those told would be a share, and a wrong one.
    shares = [s for s in codebook.columns_of("brand_shares") if (households[s] < 1).all()]
    partly = households.copy()
    partly.loc[5, shares[0]] = np.nan
    answers = bundle.assign(partly)
    assert answers.index[answers.isna()].tolist() == [5]


def test_fields_that_the_segmenter_does_not_look_at_may_be_missing(bundle, households, codebook):
    needed = set().union(*(codebook.sources_of(name) for name in bundle.segmenter.variables))
    assert bundle.assign(households[sorted(needed)]).equals(bundle.assign(households))


def test_nobody_is_nobody(bundle, households):
    assert bundle.assign(households.iloc[:0]).empty
    for champion in bundle.champions:
        assert bundle.predict(champion.information_set, households.iloc[:0]).shape == (
            0,
            len(champion.segments),
        )


def test_probabilities_stand_beside_their_households(
    bundle, bundle_of_two, fit, values, households
):
    shuffled = households.sample(frac=1, random_state=0).set_axis(
        np.arange(len(households)) % 7, axis=0
    )  # the index need not be unique
    order = households.sample(frac=1, random_state=0).index
    of_each = [(each, champion) for each in (bundle, bundle_of_two) for champion in each.champions]
    for asked, champion in of_each:
        model, segments = champion.information_set.split()
        original = fit(model, int(segments))
        answers = asked.predict(champion.information_set, shuffled)
        assert list(answers.columns) == [probability_column(each) for each in original.segments]
        pd.testing.assert_index_equal(answers.index, shuffled.index)
        expected = original.predict_proba(values.loc[order])
        tolerance = 1e-6 if model == "xgboost" else 1e-9  # it adds up in single precision
        np.testing.assert_allclose(answers.to_numpy(), expected, rtol=0, atol=tolerance)


def test_derived_variables_are_taken_where_they_are_there(bundle, complete, households):
    for name in ("lr 3", "xgboost 3", "rf 3"):
        pd.testing.assert_frame_equal(
            bundle.predict(name, complete), bundle.predict(name, households), check_exact=True
        )


def test_a_field_that_is_not_there_is_named(bundle, households, codebook):
    price = codebook.column(Role.PRICE)
    with pytest.raises(ScoringError, match=f"'lr 3' needs {price}"):
        bundle.predict("lr 3", households.drop(columns=price))
    runs = codebook.column(Role.BRAND_RUNS)  # which only a derived variable of the set needs
    with pytest.raises(ScoringError, match=f"'lr 3' needs {runs}"):
        bundle.predict("lr 3", households.drop(columns=codebook.column(Role.BRAND_RUNS)))


def test_an_unknown_information_set_is_told_with_those_that_are_known(bundle, households):
    with pytest.raises(ScoringError, match=r"'tea leaves'.* lr 3, xgboost 3, rf 3"):
        bundle.predict("tea leaves", households)


def test_a_bundle_without_champions_only_assigns(bundle, codebook, households):
    alone = build_bundle(codebook, bundle.segmenter, [])
    assert alone.assign(households).equals(bundle.assign(households))
    with pytest.raises(ScoringError, match="only for: none"):
        alone.predict("lr 3", households)


def test_a_worker_process_answers_the_same(bundle, households):
    sent = pickle.loads(pickle.dumps(bundle))  # as joblib sends it
    pd.testing.assert_series_equal(sent.assign(households), bundle.assign(households))
    for champion in bundle.champions:
        name = champion.information_set
        pd.testing.assert_frame_equal(
            sent.predict(name, households), bundle.predict(name, households), check_exact=True
        )


def ask_both(bundle, households):
    return [bundle.assign(households), bundle.predict("lr 3", households)]


def test_a_column_that_stands_twice_is_named(bundle, households, codebook):
    volume = codebook.column(Role.VOLUME)
    twice = pd.concat([households, households[[volume]]], axis=1)
    for ask in (bundle.assign, partial(bundle.predict, "rf 3")):
        with pytest.raises(ScoringError, match=f"{volume!r} stands twice"):
            ask(twice)


@pytest.mark.parametrize(
    "value",
    ["3", "many", np.inf, -np.inf, 10**400, 1j, [3], pd.Timestamp(0)],
    ids=lambda v: repr(v)[:9],
)
def test_what_is_no_finite_number_is_told(bundle, households, codebook, value):
    runs = codebook.column(Role.BRAND_RUNS)  # of the segmenter and of a derived variable of the set
    spoilt = households.astype({runs: object})
    spoilt[runs] = pd.Series([*spoilt[runs].iloc[1:], value], index=spoilt.index, dtype=object)
    for ask in (bundle.assign, partial(bundle.predict, "lr 3")):
        with pytest.raises(ScoringError, match=f"The column {runs!r} holds .*no finite number"):
            ask(spoilt)


@pytest.mark.parametrize("kind", ["object", "Float64", "category", "float64"])
def test_numbers_count_in_whatever_type_they_come(bundle, households, kind):
    given = households.astype("float64").astype(kind)
    for one, other in zip(ask_both(bundle, given), ask_both(bundle, households), strict=True):
        assert one.equals(other)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_every_kind_of_missing_is_missing(bundle, households, codebook, missing):
    runs = codebook.column(Role.BRAND_RUNS)
    partly, plain = households.astype({runs: object}), households.astype({runs: "float64"})
    partly[runs] = pd.Series([missing, *partly[runs].iloc[1:]], index=partly.index, dtype=object)
    plain.loc[plain.index[0], runs] = np.nan
    assert bundle.assign(partly).isna().tolist() == [True] + [False] * (len(partly) - 1)
    answers = bundle.predict("lr 3", partly)
    pd.testing.assert_frame_equal(answers, bundle.predict("lr 3", plain), check_exact=True)


def test_columns_that_nobody_asks_for_may_hold_anything(bundle, households):
    noted = households.assign(note="by a person")
    for one, other in zip(ask_both(bundle, noted), ask_both(bundle, households), strict=True):
        assert one.equals(other)


def test_households_stay_as_they_are(bundle, households):
    before = households.copy()
    bundle.assign(households)
    bundle.predict("rf 3", households)
    pd.testing.assert_frame_equal(households, before)


def test_the_libraries_are_those_that_models_come_from(bundle):
    assert set(bundle.libraries) == {"customer_segmentation", "numpy", "sklearn", "xgboost"}
    assert bundle.libraries == list_libraries()
    assert all(version[0].isdigit() for version in bundle.libraries.values())
