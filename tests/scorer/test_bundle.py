"""A bundle holds only parts that belong together, and is the same wherever it is sent."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.scorer.bundle import ScoringBundle, build_bundle, list_libraries
from customer_segmentation.scorer.scoring import score_households

SETS = ["segmenter_inputs", "lr 3", "xgboost 3", "rf 3"]


def test_the_segmenter_is_asked_first_and_champions_in_their_order(bundle):
    assert [route.information_set for route in bundle.routes] == SETS
    turned = replace(bundle, champions=bundle.champions[::-1])
    assert [route.information_set for route in turned.routes] == [SETS[0], *SETS[:0:-1]]


<<<<<<< HEAD
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
=======
def test_the_order_of_all_answers_is_that_of_the_alphabet(bundle):
    assert list(bundle.segments) == sorted(bundle.segmenter.names)
    for route in bundle.routes:
        assert route.segments == bundle.segments
>>>>>>> coretests


def test_the_libraries_are_those_that_models_come_from(bundle):
    assert set(bundle.libraries) == {"customer_segmentation", "numpy", "sklearn", "xgboost"}
    assert bundle.libraries == list_libraries()
    assert all(version[0].isdigit() for version in bundle.libraries.values())


def test_a_bundle_that_was_never_stored_has_no_version(bundle, codebook):
    assert bundle.version == ""
    assert build_bundle(codebook, bundle.segmenter, []).champions == ()


# What does not belong together


def refuse(match: str, bundle: ScoringBundle, **changes: Any) -> None:
    with pytest.raises(ValueError, match=match):
        replace(bundle, **changes)


def test_champions_tell_the_segments_of_the_segmenter(bundle):
    first, *others = bundle.champions
    names = ("Somebody", *first.segments[1:])
    stranger = first.model_copy(update={"segments": names})
    refuse("'lr 3' tells other segments", bundle, champions=(stranger, *others))


def test_an_information_set_has_one_champion(bundle):
    refuse("'lr 3' stands twice", bundle, champions=(*bundle.champions, bundle.champions[0]))


def test_no_information_set_has_the_name_of_the_segmenter_s(bundle):
    first, *others = bundle.champions
    taken = first.model_copy(update={"information_set": "segmenter_inputs"})
    refuse("'segmenter_inputs' stands twice", bundle, champions=(taken, *others), examples=())


def change_first_field(bundle: ScoringBundle, name: str) -> dict[str, Any]:
    first, *others = bundle.champions
    entry, *entries = first.encoding
    renamed = (entry.model_copy(update={"field": name}), *entries)
    return {"champions": (first.model_copy(update={"encoding": renamed}), *others)}


def test_every_variable_is_in_the_codebook(bundle):
    refuse("no variable 'nope'", bundle, **change_first_field(bundle, "nope"))
    refuse("'thin_record' is derived", bundle, **change_first_field(bundle, "thin_record"))
    variables = (*bundle.segmenter.variables, "nope")
    segmenter = bundle.segmenter.model_copy(update={"variables": variables})
    refuse("no variable 'nope'", bundle, segmenter=segmenter)


def test_every_formula_is_known(bundle):
    values = bundle.codebook.model_dump()
    values["derived"][0]["formula"] = "magic"
    refuse("unknown formula 'magic'", bundle, codebook=Codebook.model_validate(values))


def change_example(bundle: ScoringBundle, **changes: Any) -> dict[str, Any]:
    first, *others = bundle.examples
    return {"examples": (first.model_copy(update=changes), *others)}


def drop(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


EXAMPLES: list[tuple[Callable[[Any], dict[str, Any]], str]] = [
    (lambda old: {"segment": "Somebody"}, "of 'Somebody', which is no segment"),
    (lambda old: {"values": {**old.values, "nope": 1.0}}, "holds other fields"),
    (lambda old: {"values": {**old.values, "promo_share": 1.0}}, "holds other fields"),
    (lambda old: {"values": {**old.values, "household_id": 1e6}}, "holds other fields"),
    (lambda old: {"values": drop(old.values, "television")}, "holds other fields"),
    (lambda old: {"answers": drop(old.answers, "lr 3")}, "answers other information sets"),
    (lambda old: {"answers": {**old.answers, "tea": (1.0,)}}, "answers other information sets"),
    (lambda old: {"answers": {**old.answers, "lr 3": (1.0,)}}, "not one answer per segment"),
]


@pytest.mark.parametrize(("change", "why"), EXAMPLES)
def test_an_example_fits_the_bundle(bundle, change, why):
    refuse(why, bundle, **change_example(bundle, **change(bundle.examples[0])))


def test_a_segment_has_one_example(bundle):
    refuse(f"'{bundle.examples[0].segment}' stands twice", bundle, examples=bundle.examples[:1] * 2)


# What is sent to another process


def test_a_copy_holds_together_as_the_original_does(bundle):
    for sent in (pickle.loads(pickle.dumps(bundle)), pickle.loads(pickle.dumps(fresh(bundle)))):
        assert sent.segments == bundle.segments
        assert [route.champion for route in sent.routes[1:]] == list(sent.champions)
        assert all(route.rules is sent.rules for route in sent.routes)
        assert sent.reader.rules is sent.rules
        assert sent.examples == bundle.examples


def fresh(bundle: ScoringBundle) -> ScoringBundle:
    """The bundle before anything of it has been used."""
    return replace(bundle)


def answer(bundle: ScoringBundle, records: list[dict[str, float]]) -> tuple[Any, ...]:
    scores = score_households(bundle, bundle.reader.read_records(records).households)
    return scores.routes, scores.probabilities, scores.form_sets()


def test_a_worker_process_answers_the_same(bundle, records):
    volume = {"total_volume", "volume_per_transaction", "average_price"}
    brands = {"share_lux"}
    mixed = [drop(each, *(set(), volume, brands)[at % 3]) for at, each in enumerate(records)]
    expected = answer(bundle, mixed)
    assert set(expected[0]) == {-1, 0, 1}
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as workers:
        answers = workers.submit(answer, bundle, mixed).result()
    for one, other in zip(answers, expected, strict=True):
        np.testing.assert_array_equal(one, other)
