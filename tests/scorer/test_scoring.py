"""Every household gets the answer of the first route that what is known of it opens."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from customer_segmentation.classification.audit import Claim
from customer_segmentation.classification.models import (
    SMALLEST,
    measure_conformity,
    probability_column,
)
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.contract import Rules
from customer_segmentation.panel.records import Households
from customer_segmentation.scorer.bundle import ScoringBundle, build_bundle, extract_champion
from customer_segmentation.scorer.routes import Assignment, Champion
from customer_segmentation.scorer.scoring import (
    NOBODY,
    Scores,
    ScoringError,
    score_households,
)
from customer_segmentation.segments.segmenter import Segmenter, fit_segmenter
from tests.panel.test_rules import BLANK, change_codebook
from tests.scorer.conftest import ERROR_RATE, FIELDS, Fit

NAN = math.nan

Record = dict[str, float]

# From the richest to the poorest; the first covers all that the second does.
MODELS = {"everything": "lr", "purchases": "xgboost", "people": "rf"}
CLAIMS = {"everything": Claim.OVERLAP, "purchases": Claim.OVERLAP, "people": Claim.PREDICTION}
TOLERANCES = {"lr": 1e-9, "xgboost": 1e-6, "rf": 1e-9}  # XGBoost adds up in single precision
PURCHASES = ["average_price", "share_no_promotion", "repeat_rate", "log_volume"]


@pytest.fixture(scope="module")
def fields_of(codebook: Codebook) -> dict[str, list[str]]:
    """The variables of each information set."""
    return {
        "everything": codebook.expand(FIELDS),
        "purchases": PURCHASES,
        "people": codebook.expand(["demographics"]),
    }


@pytest.fixture(scope="module")
def sets(
    fit: Fit,
    segmenter: Segmenter,
    codebook: Codebook,
    fields_of: dict[str, list[str]],
) -> ScoringBundle:
    """A bundle that answers from three information sets, each by another kind of model."""
    champions = [
        extract_champion(name, CLAIMS[name], fit(MODELS[name], 3, *fields), ERROR_RATE)
        for name, fields in fields_of.items()
    ]
    return build_bundle(codebook, segmenter, champions)


def leave_out(record: Record, *names: str) -> Record:
    return {name: value for name, value in record.items() if name not in names}


# What is told of a household, for each route of `sets` to answer.
FORMS: dict[str, Callable[[Record, Codebook], Record]] = {
    "segmenter_inputs": lambda record, codebook: record,
    "everything": lambda record, codebook: leave_out(record, "share_hamam"),
    "purchases": lambda record, codebook: leave_out(record, "share_hamam", "homemaker_age"),
    "people": lambda record, codebook: {
        name: record[name] for name in codebook.columns_of("demographics")
    },
    "nobody": lambda record, codebook: leave_out(record, "total_volume", "television"),
}
ORDER = [name for name in FORMS if name != "nobody"]


@pytest.fixture(scope="module")
def told(records: list[Record], codebook: Codebook) -> dict[str, list[Record]]:
    """Every household of the panel in each form."""
    return {name: [form(each, codebook) for each in records] for name, form in FORMS.items()}


def score(bundle: ScoringBundle, records: list[Record]) -> Scores:
    reading = bundle.reader.read_records(records)
    assert reading.refused == {}
    return score_households(bundle, reading.households)


def assert_equal(one: Scores, other: Scores) -> None:
    """The same answers, up to the rounding of sums in batches of another size."""
    np.testing.assert_array_equal(one.routes, other.routes)
    np.testing.assert_array_equal(one.segments, other.segments)
    np.testing.assert_allclose(one.probabilities, other.probabilities, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(one.form_sets(), other.form_sets())
    np.testing.assert_array_equal(one.thin_records, other.thin_records)


# Who answers


@pytest.mark.parametrize("form", FORMS)
def test_the_first_route_that_is_open_answers(sets, told, form):
    scores = score(sets, told[form])
    number = NOBODY if form == "nobody" else ORDER.index(form)
    assert scores.routes.tolist() == [number] * 600
    np.testing.assert_allclose(scores.probabilities.sum(axis=1), NAN if number < 0 else 1)
    assert [route.information_set for route in sets.routes] == ORDER


def test_of_two_open_routes_the_first_answers_in_whatever_order_they_stand(sets, told):
    turned = sets.replace(champions=sets.champions[::-1])
    assert set(score(turned, told["everything"]).routes) == {1}  # people
    assert set(score(turned, told["purchases"]).routes) == {2}
    assert set(score(turned, told["segmenter_inputs"]).routes) == {0}


def test_each_input_of_the_segmenter_counts(sets, records):
    inputs = sets.routes[0].inputs.fields
    assert len(inputs) == 13
    for name in inputs:
        routes = score(sets, [leave_out(each, name) for each in records[:20]]).routes
        behind_others = name in sets.routes[1].inputs.fields
        assert set(routes) == {ORDER.index("people" if behind_others else "everything")}


def test_what_the_segmenter_does_not_look_at_may_be_left_out(sets, records):
    inputs = sets.routes[0].inputs.fields
    alone = score(sets, [{name: each[name] for name in inputs} for each in records])
    np.testing.assert_array_equal(alone.probabilities, score(sets, records).probabilities)
    assert set(alone.routes) == {0}


def test_not_stated_is_an_answer_and_left_out_is_none(sets, codebook):
    stated = {"socio_economic_class": 1, "homemaker_age": 2}
    blank = stated | BLANK | {"affluence_index": 0}
    scores = score(sets, [blank, *(leave_out(blank, name) for name in blank)])
    assert scores.routes.tolist() == [ORDER.index("people"), *[NOBODY] * len(blank)]
    assert not math.isnan(scores.probabilities[0].sum())


def test_without_champions_only_the_segmenter_answers(sets, told, codebook):
    alone = build_bundle(codebook, sets.segmenter, [])
    assert set(score(alone, told["segmenter_inputs"]).routes) == {0}
    assert set(score(alone, told["everything"]).routes) == {NOBODY}


def test_households_of_nobody_are_no_error(sets):
    for households in (
        sets.reader.read_records([]).households,
        sets.reader.read_table(pd.DataFrame(), "a table"),
    ):
        scores = score_households(sets, households)
        assert scores.probabilities.shape == scores.form_sets().shape == (0, 3)
        assert scores.explain() == []
        assert scores.tabulate().empty


# What is answered


@pytest.fixture(scope="module")
def everybody(sets: ScoringBundle, told: dict[str, list[Record]]) -> dict[str, Scores]:
    """The answers about every household of the panel in each form."""
    return {form: score(sets, records) for form, records in told.items()}


def test_every_household_is_assigned_as_the_fitted_segmenter_does(sets, everybody, named):
    scores = everybody["segmenter_inputs"]
    assert [sets.segments[number] for number in scores.segments] == named
    expected = [[float(segment == name) for segment in sets.segments] for name in named]
    np.testing.assert_array_equal(scores.probabilities, expected)


@pytest.mark.parametrize("form", MODELS)
def test_every_household_is_guessed_as_the_fitted_champion_does(
    everybody, fit, fields_of, values, form
):
    original = fit(MODELS[form], 3, *fields_of[form])
    scores = everybody[form]
    assert tuple(original.segments) == scores.bundle.segments
    expected = original.predict_proba(values[fields_of[form]])
    tolerance = TOLERANCES[MODELS[form]]
    np.testing.assert_allclose(scores.probabilities, expected, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(scores.segments, expected.argmax(axis=1))


@pytest.mark.parametrize(
    "fields",
    [
        ("affluence_index", "household_size"),
        ("household_size", "homemaker_age"),
        ("affluence_index", "children", "socio_economic_class"),
        ("affluence_index", "food_habits", "television", "log_volume"),
        ("repeat_rate",),
    ],
    ids=str,
)
def test_what_a_set_asks_for_is_enough_to_answer_as_in_training(
    sets, fit, values, households, records, fields
):
    original = fit("lr", 3, *fields)
    champion = extract_champion("alone", Claim.OVERLAP, original, ERROR_RATE)
    alone = build_bundle(sets.codebook, sets.segmenter, [champion])
    asked = alone.routes[1].inputs.fields
    scores = score(alone, [{name: each[name] for name in asked} for each in records])
    of_table = score_households(alone, alone.reader.read_table(households[asked], "a table"))
    assert set(scores.routes) == {1} == set(of_table.routes)
    expected = original.predict_proba(values[list(fields)])
    np.testing.assert_allclose(of_table.probabilities, expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(scores.probabilities, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_a_household_alone_gets_the_answer_that_the_table_gives(sets, told, everybody, form):
    table = pd.DataFrame(told[form])
    of_table = score_households(sets, sets.reader.read_table(table, "a table"))
    assert_equal(of_table, everybody[form])
    for number in range(0, 600, 5):
        alone = score(sets, [told[form][number]])
        np.testing.assert_allclose(
            alone.probabilities[0], of_table.probabilities[number], rtol=0, atol=1e-12
        )
        assert alone.routes[0] == of_table.routes[number]
        assert alone.segments[0] == of_table.segments[number]
        assert alone.form_sets()[0].tolist() == of_table.form_sets()[number].tolist()
        np.testing.assert_array_equal(alone.thin_records, of_table.thin_records[[number]])


def test_the_typed_households_of_a_run_get_the_same_answers(sets, households, everybody):
    scores = score_households(sets, sets.reader.read_table(households, "households"))
    np.testing.assert_array_equal(scores.routes, everybody["segmenter_inputs"].routes)
    np.testing.assert_array_equal(scores.probabilities, everybody["segmenter_inputs"].probabilities)
    for form in ("everything", "people"):
        names = list(FORMS[form](dict.fromkeys(households, 0), sets.codebook))
        partly = score_households(sets, sets.reader.read_table(households[names], "households"))
        assert_equal(partly, everybody[form])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(FORMS)), st.integers(0, 599)), max_size=40))
def test_mixed_households_in_any_order_get_the_answers_they_get_alone(sets, told, everybody, mixed):
    scores = score(sets, [told[form][number] for form, number in mixed])
    for at, (form, number) in enumerate(mixed):
        expected = everybody[form]
        assert scores.routes[at] == expected.routes[number]
        np.testing.assert_allclose(
            scores.probabilities[at], expected.probabilities[number], rtol=0, atol=1e-12
        )
    np.testing.assert_array_equal(
        scores.form_sets().reshape(-1, 3),
        np.array([everybody[form].form_sets()[number] for form, number in mixed]).reshape(-1, 3),
    )


def test_answers_stand_beside_their_households(sets, households, everybody):
    order = np.random.default_rng(0).permutation(600)
    shuffled = households.iloc[order].set_axis(np.arange(600) % 7, axis=0)  # an index that repeats
    table = score_households(sets, sets.reader.read_table(shuffled, "a table")).tabulate()
    assert table["household_id"].tolist() == households["household_id"].iloc[order].tolist()
    expected = everybody["segmenter_inputs"].tabulate().iloc[order].reset_index(drop=True)
    pd.testing.assert_frame_equal(table, expected)


def test_variables_that_are_computed_are_not_taken_from_a_table(sets, complete):
    with pytest.raises(Exception, match="'repeat_rate': is no field of the codebook"):
        sets.reader.read_table(complete, "a table")


def test_a_household_that_bought_once_is_assigned_though_it_had_no_chance_to_repeat(sets, told):
    once = [each for each in told["segmenter_inputs"] if each["transactions"] == 1]
    assert len(once) == 9
    assert set(score(sets, once).routes) == {0}


# Thin records


def test_a_thin_record_is_one_with_few_transactions(sets, everybody, features, parameters):
    expected = features["thin_record"].astype(float).tolist()
    assert {0.0, 1.0} == set(expected)
    for form in ("segmenter_inputs", "everything", "purchases"):
        assert everybody[form].thin_records.tolist() == expected
    assert np.isnan(everybody["people"].thin_records).all()
    fewest = parameters.data_processing.minimum_transactions
    known = score(sets, [{"transactions": fewest - 1}, {"transactions": fewest}, {}])
    np.testing.assert_array_equal(known.thin_records, [1, 0, NAN])


# Conformal sets


@pytest.mark.parametrize("form", MODELS)
def test_sets_hold_the_segments_that_conform(everybody, fit, fields_of, form):
    scores, original = everybody[form], fit(MODELS[form], 3, *fields_of[form])
    own = original.out_of_fold[np.arange(len(original.numbers)), original.numbers]
    conformity = measure_conformity(own, original.numbers, scores.probabilities)
    expected = conformity > ERROR_RATE
    expected[np.arange(len(expected)), scores.segments] = True
    np.testing.assert_array_equal(scores.form_sets(), expected)
    assert {1, 2, 3} >= set(expected.sum(axis=1)) != {1}


@pytest.mark.parametrize("form", MODELS)
def test_a_probability_that_is_the_threshold_is_in_the_set(turned, form):
    route = turned.routes[ORDER.index(form)]
    champion = route.champion
    by_name = dict(zip(champion.segments, champion.thresholds, strict=True))
    thresholds = np.array([by_name[name] for name in turned.segments])
    assert (thresholds > 0).all()
    below = np.nextafter(thresholds, 0)
    likeliest = np.arange(3) == below.argmax()  # is in the set in any case
    for segment in range(3):
        at = below.copy()
        at[segment] = thresholds[segment]
        (of_at, of_short) = route.form_sets(np.array([at, below]))
        assert of_at.tolist() == (likeliest | (np.arange(3) == segment)).tolist()
        assert of_short.tolist() == likeliest.tolist()


def test_the_set_of_an_assigned_household_is_its_segment_and_nobody_has_none(everybody):
    assigned = everybody["segmenter_inputs"]
    np.testing.assert_array_equal(assigned.form_sets(), assigned.probabilities == 1)
    assert not everybody["nobody"].form_sets().any()


# Segments in another order


def turn(values: Any, names: Any) -> list[Any]:
    """Put what belongs to each segment into an order of which the alphabet's is not the inverse."""
    first, second, third = (values[at] for at in np.argsort(names))
    return [second, third, first]


def turn_champion(champion: Champion) -> Champion:
    """The same champion with its segments in another order."""
    values, names = champion.model_dump(), champion.segments
    estimator = values["estimator"]
    for name in ("coefficients", "intercepts"):
        if name in estimator:
            estimator[name] = turn(estimator[name], names)
    if "outputs" in estimator:
        estimator["outputs"] = [turn(row, names) for row in estimator["outputs"]]
    turned = {name: turn(values[name], names) for name in ("segments", "shares", "thresholds")}
    return Champion.model_validate({**values, **turned})


def turn_segmenter(stored: Segmenter) -> Segmenter:
    values = stored.model_dump()
    parts = ("names", "centres", "variances", "shares")
    turned = {name: turn(values[name], stored.names) for name in parts}
    return Segmenter.model_validate({**values, **turned})


@pytest.fixture(scope="module")
def turned(sets: ScoringBundle) -> ScoringBundle:
    """The same bundle, with the segments of each part in another order."""
    champions = tuple(map(turn_champion, sets.champions))
    return sets.replace(champions=champions, segmenter=turn_segmenter(sets.segmenter))


@pytest.mark.parametrize("form", FORMS)
def test_the_order_of_a_model_s_segments_changes_no_answer(turned, told, everybody, form):
    first, second, third = turned.segments
    assert everybody[form].bundle.segments == turned.segments
    assert turned.segmenter.names == turned.champions[0].segments == (second, third, first)
    assert_equal(score(turned, told[form]), everybody[form])


# Reasons


def test_reasons_of_an_assignment_are_the_differences_of_squared_distances(
    sets, turned, told, segmenter, households, codebook
):
    placed = segmenter.compute_scores(households, codebook)
    centres = pd.DataFrame(segmenter.centres, index=segmenter.names)
    squares = (placed.to_numpy()[:, None] - centres.loc[list(sets.segments)].to_numpy()) ** 2
    distances = squares.sum(axis=2)
    own, second = distances.argsort(axis=1)[:, :2].T
    for bundle in (sets, turned):
        assert bundle.routes[0].terms == tuple(placed.columns)
        scores = score(bundle, told["segmenter_inputs"])
        np.testing.assert_array_equal(scores.segments, own)
        for at, reasons in enumerate(scores.explain()):
            assert reasons.second == second[at]
            np.testing.assert_allclose(reasons.distances, np.sqrt(distances[at]), rtol=1e-12)
            expected = squares[at, second[at]] - squares[at, own[at]]
            np.testing.assert_allclose(reasons.contributions, expected, rtol=0, atol=1e-12)
            difference = reasons.distances[second[at]] ** 2 - reasons.distances[own[at]] ** 2
            assert sum(reasons.contributions) == pytest.approx(difference)
            assert difference >= 0


def test_reasons_of_a_mixture_are_twice_the_log_of_a_likelihood_ratio(
    complete, households, parameters, coded
):
    codebook, segmentation = parameters.codebook, parameters.segmentation
    numbered = segmentation.naming.model_copy(update={"when_unmatched": "number"})
    segmentation = segmentation.model_copy(update={"naming": numbered})
    specification = segmentation.specifications(codebook)["buying_style.arcsine.gaussian_mixture"]
    eligible = complete[~complete["thin_record"]]
    fitted = fit_segmenter(eligible, specification, 2, codebook, segmentation, 11)
    partition, names = fitted.partition, fitted.names
    placed = fitted.compute_scores(households, codebook).to_numpy()
    likelihoods = partition.affinities(placed) - np.log(partition.shares)
    for segments in (names, names[::-1]):
        route = Assignment(fitted, Rules(codebook), segments)
        answers = route.score(coded).argmax(axis=1)
        for at, reasons in enumerate(route.explain(coded, answers)):
            own, second = (names.index(segments[each]) for each in (answers[at], reasons.second))
            assert {own, second} == {0, 1}
            expected = 2 * (likelihoods[at, own] - likelihoods[at, second])
            assert reasons.contributions.sum() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("form", MODELS)
def test_reasons_of_a_guess_and_the_base_add_up_to_the_log_odds(
    sets, turned, told, fit, fields_of, values, form
):
    original, fields = fit(MODELS[form], 3, *fields_of[form]), fields_of[form]
    raw = original.estimator.predict_proba(original.encoder.transform(values[fields]))
    # Of linear models and boosted trees the reasons know no floor under the probabilities.
    explained = (raw.min(axis=1) > SMALLEST) | (form == "people")
    assert explained.sum() > 200
    for bundle in (sets, turned):
        route = bundle.routes[ORDER.index(form)]
        assert route.terms == tuple(fields)
        scores = score(bundle, told[form])
        logs = np.log(scores.probabilities)
        centred = logs - logs.mean(axis=1, keepdims=True)
        of_values = route.champion.explain(route.inputs.derive(scores.households.values))
        base = dict(zip(of_values.segments, of_values.base, strict=True))
        for at, reasons in enumerate(scores.explain()):
            assert reasons.contributions.shape == (len(route.terms),)
            assert (reasons.second, reasons.distances) == (None, ())
            own = scores.segments[at]
            total = base[bundle.segments[own]] + reasons.contributions.sum()
            assert not explained[at] or total == pytest.approx(centred[at, own], abs=1e-9)


def test_what_is_as_in_the_mean_household_is_no_reason(sets, told):
    route = sets.routes[1]
    scores = score(sets, told["everything"])
    price = route.terms.index("average_price")
    prices = scores.households.values[sets.rules.position["average_price"]]
    contributions = np.array([reasons.contributions[price] for reasons in scores.explain()])
    for segment in range(3):
        rows = scores.segments == segment
        # A linear model: for one segment, the contribution of one number is a straight line.
        slope, start = np.polyfit(prices[rows], contributions[rows], 1)
        np.testing.assert_allclose(contributions[rows], slope * prices[rows] + start, atol=1e-9)
        mean = -start / slope
        assert mean == pytest.approx(prices.mean(), rel=0.05)


def test_reasons_stand_beside_their_households_and_nobody_has_any(sets, told, everybody):
    alone = everybody["segmenter_inputs"].explain()
    mixed = score(sets, [told["nobody"][0], told["segmenter_inputs"][5], told["nobody"][1]])
    first, middle, last = mixed.explain()
    assert first is None is last
    np.testing.assert_array_equal(middle.contributions, alone[5].contributions)
    assert middle.second == alone[5].second
    forms = [[*MODELS][at % 3] for at in range(60)]
    found = score(sets, [told[form][at] for at, form in enumerate(forms)]).explain()
    by_form = {form: everybody[form].explain() for form in MODELS}
    for at, form in enumerate(forms):
        expected = by_form[form][at].contributions
        np.testing.assert_allclose(found[at].contributions, expected, rtol=0, atol=1e-12)


# Tables of answers


def test_a_table_says_who_got_what_from_whom(sets, told, everybody):
    forms = ["people", "segmenter_inputs", "purchases", "everything"]
    records = [
        told[form][at] | {"household_id": 1_000_000 + at} for at, form in enumerate(forms * 3)
    ]
    table = score(sets, records).tabulate()
    names = [probability_column(name) for name in sets.segments]
    first = ["household_id", "segment", "claim", "information_set", "thin_record"]
    assert list(table) == [*first, *names]
    assert table["household_id"].tolist() == list(range(1_000_000, 1_000_012))
    assert table["information_set"].tolist() == forms * 3
    claims = {"segmenter_inputs": "assignment"} | {name: str(CLAIMS[name]) for name in MODELS}
    assert table["claim"].tolist() == [claims[form] for form in forms * 3]
    assert table["thin_record"].isna().tolist() == [form == "people" for form in forms * 3]
    assert [str(dtype) for dtype in table.dtypes] == [
        *("int64", "str", "str", "str", "boolean"),
        *["float64"] * 3,
    ]
    for at, form in enumerate(forms * 3):
        row = everybody[form].probabilities[at]
        np.testing.assert_allclose(table.loc[at, names].astype(float), row, rtol=0, atol=1e-12)
        assert table.loc[at, "segment"] == sets.segments[row.argmax()]


def test_a_table_needs_the_identifier_of_every_household(sets, told):
    with pytest.raises(ScoringError, match="the identifier of every household"):
        score(sets, [*told["segmenter_inputs"][:2], told["people"][0]]).tabulate()


def test_a_table_needs_an_answer_about_every_household(sets, told):
    with pytest.raises(ScoringError, match="too little is known"):
        score(sets, [*told["segmenter_inputs"][:2], told["nobody"][0]]).tabulate()


def test_what_is_missing_to_an_answer_is_told_by_the_route_that_lacks_least(sets, told):
    lacks = {
        "people": leave_out(told["people"][0], "television", "homemaker_age"),
        "segmenter_inputs": {
            name: told["segmenter_inputs"][0][name]
            for name in sets.routes[0].inputs.fields
            if name not in ("share_lux", "brand_runs", "total_volume")
        },
        "purchases": {"average_price": 9.0, "share_no_promotion": 0.5, "brand_runs": 3},
    }
    missing = {
        "people": "homemaker_age, television",
        "segmenter_inputs": "brand_runs, share_lux, total_volume",
        "purchases": "total_volume, transactions",
    }
    scores = score(sets, [{"household_id": 1_000_000}, *lacks.values()])
    for at, name in enumerate(lacks, start=1):
        assert scores.describe_lack(at).endswith(f"'{name}', also needs {missing[name]}")
    assert "'purchases', also needs average_price, brand_runs" in scores.describe_lack(0)


def test_an_input_of_the_segmenter_that_is_not_stated_is_missing_to_it(sets, records):
    may_be_unstated = {"minimum": 0, "not_stated": 0}
    changes = {"brand_runs": may_be_unstated, "transactions_per_run": {"identity": None}}
    codebook = change_codebook(sets.codebook, changes)
    alone = build_bundle(codebook, sets.segmenter, [])
    scores = score(alone, [records[0], records[0] | {"brand_runs": 0}])
    assert scores.routes.tolist() == [0, NOBODY]
    assert scores.describe_lack(1).endswith("'segmenter_inputs', also needs brand_runs")
    # For a guess, that it is not stated is something.
    both = build_bundle(codebook, sets.segmenter, sets.champions)
    assert score(both, [records[0] | {"brand_runs": 0}]).routes.tolist() == [1]


# What goes in stays


def test_households_stay_as_they_are(sets, told):
    households = sets.reader.read_records(
        [told[form][at] for at, form in enumerate([*ORDER, "nobody"] * 3)]
    ).households
    before = Households(households.rules, households.values.copy(), households.known.copy())
    scores = score_households(sets, households)
    probabilities = scores.probabilities.copy()
    assert scores.form_sets().any()
    assert scores.thin_records.any()
    assert scores.describe_lack(4)
    for route in sets.routes:
        rows = scores.routes == sets.routes.index(route)
        assert len(route.explain(households.values[:, rows], scores.segments[rows])) == 3
    np.testing.assert_array_equal(households.values, before.values)
    np.testing.assert_array_equal(households.known, before.known)
    np.testing.assert_array_equal(scores.probabilities, probabilities)
