"""Typical households keep the rules, belong to their segment, and tell a damaged copy."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from statistics import median

import numpy as np
import pandas as pd
import pytest

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.contract import Rules
from customer_segmentation.scorer.bundle import ScoringBundle
from customer_segmentation.scorer.routes import Champion
from customer_segmentation.scorer.scoring import (
    DECIMALS,
    TOLERANCE,
    ScoringError,
    add_examples,
    check_examples,
    describe_typical,
    score_households,
)
from customer_segmentation.scorer.storage import pack_bundle, unpack_bundle
from customer_segmentation.segments.segmenter import Segmenter
from tests.panel.test_rules import BLANK, accepts, change_codebook

COMPOSITIONS = ("promotion_shares", "brand_shares", "price_shares", "proposition_shares")


@pytest.fixture(scope="module")
def by_segment(records: list[dict[str, float]], named: list[str]) -> dict[str, pd.DataFrame]:
    """The households of each segment, codes as in the file."""
    table = pd.DataFrame(records)
    return {str(name): rows for name, rows in table.groupby(np.array(named))}


@pytest.fixture(scope="module")
def typical(by_segment: dict[str, pd.DataFrame], codebook: Codebook) -> dict[str, dict[str, float]]:
    rules = Rules(codebook)
    return {
        name: describe_typical(rows.to_numpy(dtype="float64").T, rules)
        for name, rows in by_segment.items()
    }


# What is typical


def test_a_typical_household_keeps_the_rules_and_is_nobody(typical, codebook, records):
    for values in typical.values():
        assert list(values) == [f.name for f in codebook.fields if f.name != codebook.identifier]
        assert accepts(Rules(codebook), **values)
        others = [{name: each[name] for name in values} for each in records]
        assert values not in others


def test_shares_are_as_concentrated_as_those_of_the_households(typical, by_segment, codebook):
    for name, values in typical.items():
        for group in COMPOSITIONS:
            columns = codebook.columns_of(group)
            shares = np.sort(by_segment[name][columns].to_numpy(), axis=1)
            expected = [float(sum(map(Fraction, each)) / len(shares)) for each in shares.T]
            found = sorted(values[column] for column in columns)
            np.testing.assert_allclose(found, expected, rtol=0, atol=0.51 * 10**-DECIMALS)
            assert sum(found) == pytest.approx(1, abs=0.006)
            # The means alone, as of many households together, would be more even.
            assert max(found) >= by_segment[name][columns].mean().max() - 10**-DECIMALS
        brands = codebook.columns_of("brand_shares")
        largest = max(values[column] for column in brands)
        assert largest > by_segment[name][brands].mean().max() + 0.05


def test_the_largest_share_belongs_to_the_part_with_the_largest_mean(typical, by_segment, codebook):
    for name, values in typical.items():
        for group in COMPOSITIONS:
            columns = codebook.columns_of(group)
            by_mean = by_segment[name][columns].mean().sort_values(kind="stable").index
            by_typical = sorted(columns, key=values.get)
            assert [values[each] for each in by_mean] == [values[each] for each in by_typical]


def list_stated(rows: pd.DataFrame, name: str) -> list[float]:
    if name == "affluence_index":  # of which 0 says nothing in a record that says nothing
        blank = (rows[list(BLANK)] == pd.Series(BLANK)).all(axis=1)
        return rows.loc[~blank | (rows[name] != 0), name].tolist()
    return [value for value in rows[name] if value != BLANK.get(name)]


def test_codes_are_the_most_frequent_that_are_stated(typical, by_segment, codebook):
    for name, values in typical.items():
        for field in (each for each in codebook.fields if each.codes):
            counts = Counter(list_stated(by_segment[name], field.name))
            most = max(counts.values())
            expected = min(code for code, count in counts.items() if count == most)
            assert values[field.name] == expected


IDENTITIES = ("transactions_per_run", "volume_per_transaction", "average_price")


def test_what_is_measured_is_in_the_middle_of_what_is_stated(typical, by_segment, codebook):
    shares = {column for group in COMPOSITIONS for column in codebook.columns_of(group)}
    measured = [f for f in codebook.fields if not f.codes and f.name not in {*shares, *IDENTITIES}]
    for name, values in typical.items():
        for field in measured[1:]:
            rows = by_segment[name]
            middle = median(list_stated(rows, field.name))
            within = 0.5 if field.is_whole else 0.5 * 10**-DECIMALS
            assert abs(values[field.name] - middle) <= within
            assert not field.is_whole or values[field.name].is_integer()


def test_what_follows_from_others_is_computed(typical):
    for values in typical.values():
        expected = (
            values["transactions"] / values["brand_runs"],
            values["total_volume"] / values["transactions"],
            100 * values["total_value"] / values["total_volume"],
        )
        for name, each in zip(IDENTITIES, expected, strict=True):
            assert values[name] == pytest.approx(each, abs=0.51 * 10**-DECIMALS)


def test_of_one_household_it_is_typical(records, coded, codebook):
    rules = Rules(codebook)
    for number in range(0, 600, 25):
        values = describe_typical(coded[:, [number]], rules)
        record = records[number]
        for name, value in values.items():
            assert value == pytest.approx(record[name], abs=0.0101)


def test_codes_that_are_equally_frequent_give_the_smallest(coded, codebook):
    rules = Rules(codebook)
    two = coded[:, :4].copy()
    at = rules.position["mother_tongue"]
    for codes, expected in (([7, 7, 3, 3], 3), ([3, 7, 3, 7], 3), ([0, 0, 0, 9], 9), ([0] * 4, 0)):
        two[at] = codes
        assert describe_typical(two, rules)["mother_tongue"] == expected


def test_counts_are_whole_where_the_middle_is_between_two(coded, codebook):
    rules = Rules(codebook)
    two = coded[:, :2].copy()
    two[rules.position["brand_runs"]] = 5, 6
    two[rules.position["total_value"]] = 70.5, 70.75
    values = describe_typical(two, rules)
    assert values["brand_runs"] == 6
    assert values["total_value"] == 70.625


def test_a_typical_household_does_not_change_what_it_is_made_from(coded, codebook):
    before = coded.copy()
    describe_typical(coded, Rules(codebook))
    np.testing.assert_array_equal(coded, before)


# What a bundle carries


def test_each_segment_of_the_panel_has_an_example_that_is_assigned_to_it(bundle, typical):
    assert [each.segment for each in bundle.examples] == list(bundle.segments)
    for example in bundle.examples:
        assert example.values == typical[example.segment]
        own = bundle.segments.index(example.segment)
        assert example.answers["segmenter_inputs"] == tuple(np.eye(3)[own])


def test_answers_are_those_that_everybody_gets(bundle):
    for example in bundle.examples:
        lacking = dict(example.values)
        del lacking["share_lux"]  # which the segmenter needs, and no champion
        for at, champion in enumerate(bundle.champions):
            alone = bundle.replace(champions=(champion,), examples=())
            reading = alone.reader.read_records([lacking])
            scores = score_households(alone, reading.households)
            assert scores.routes.tolist() == [1]
            expected = example.answers[champion.information_set]
            np.testing.assert_allclose(scores.probabilities[0], expected, rtol=0, atol=1e-12)
            assert list(example.answers)[1 + at] == champion.information_set


def bare(bundle: ScoringBundle, **changes: object) -> ScoringBundle:
    return bundle.replace(examples=(), **changes)


def test_a_bundle_without_examples_is_not_changed_by_those_of_a_copy(bundle, coded, named):
    before = bare(bundle)
    after = add_examples(before, coded, named)
    assert before.examples == ()
    assert after.examples == bundle.examples
    assert (after.segmenter, after.champions) == (before.segmenter, before.champions)


def test_a_segment_without_households_has_no_example(bundle, coded, named):
    first, *others = bundle.segments
    rows = np.array(named) != first
    told = add_examples(bare(bundle), coded[:, rows], list(np.array(named)[rows]))
    assert [each.segment for each in told.examples] == others


def test_an_example_that_is_assigned_elsewhere_is_left_out(bundle, coded, named):
    first, second, third = bundle.segments
    swapped = {first: second, second: first, third: third}
    told = add_examples(bare(bundle), coded, [swapped[name] for name in named])
    assert [each.segment for each in told.examples] == [third]


def test_an_example_that_breaks_a_rule_is_left_out(bundle, typical, coded, named):
    fewest = min(values["brand_runs"] for values in typical.values())
    left_out = [name for name, values in typical.items() if values["brand_runs"] > fewest]
    strict = change_codebook(bundle.codebook, {"brand_runs": {"maximum": fewest}})
    told = add_examples(bare(bundle, codebook=strict), coded, named)
    assert {each.segment for each in told.examples} == {*bundle.segments} - {*left_out}
    assert len(left_out) == 2


def test_a_panel_where_no_example_fits_has_a_bundle_that_loads(bundle, coded, named, tmp_path):
    strict = change_codebook(bundle.codebook, {"transactions": {"maximum": 1}})
    told = add_examples(bare(bundle, codebook=strict), coded, named)
    assert told.examples == ()
    back = unpack_bundle(pack_bundle(told), tmp_path)
    assert back.examples == ()
    check_examples(back)


def test_where_nothing_is_stated_that_is_typical(coded, codebook):
    rules = Rules(codebook)
    nothing = coded[:, :3].copy()
    for name, code in (BLANK | {"affluence_index": 0}).items():
        nothing[rules.position[name]] = code
    values = describe_typical(nothing, rules)
    assert values.items() >= (BLANK | {"affluence_index": 0}).items()


# What a copy is tested by


def test_a_copy_that_answers_as_before_passes(bundle, tmp_path):
    check_examples(bundle)
    check_examples(unpack_bundle(pack_bundle(bundle), tmp_path))


def change_champion(bundle: ScoringBundle, number: int, **changes: object) -> ScoringBundle:
    champions = list(bundle.champions)
    values = champions[number].model_dump()
    estimator = {**values["estimator"], **changes.pop("estimator", {})}  # type: ignore[dict-item]
    changed = {**values, "estimator": estimator, **changes}
    champions[number] = Champion.model_validate(changed)
    return bundle.replace(champions=tuple(champions))


def refuse(bundle: ScoringBundle, information_set: str) -> str:
    with pytest.raises(ScoringError, match=re.escape(repr(information_set))) as caught:
        check_examples(bundle)
    assert "kedro run --pipelines modelling" in str(caught.value)
    return str(caught.value)


def test_another_coefficient_is_noticed_and_its_set_is_named(bundle):
    (first, *others) = bundle.champions[0].estimator.intercepts
    told = refuse(
        change_champion(bundle, 0, estimator={"intercepts": (first + 0.01, *others)}), "lr 3"
    )
    assert repr(bundle.examples[0].segment) in told
    assert str(bundle.examples[0].answers["lr 3"]) in told


def test_another_temperature_another_leaf_and_other_centres_are_noticed(bundle):
    warmer = bundle.champions[1].temperature * 1.01
    refuse(change_champion(bundle, 1, temperature=warmer), "xgboost 3")
    leaves = bundle.champions[2].estimator.outputs
    refuse(change_champion(bundle, 2, estimator={"outputs": leaves[:, ::-1]}), "rf 3")
    values = bundle.segmenter.model_dump()
    centres = Segmenter.model_validate({**values, "centres": values["centres"][::-1]})
    refuse(bundle.replace(segmenter=centres), "segmenter_inputs")


@pytest.mark.parametrize(("distance", "passes"), [(0.5, True), (-0.5, True), (2, False)])
def test_answers_may_differ_by_what_machines_differ(bundle, distance, passes):
    first, *others = bundle.examples
    likely, *rest = first.answers["lr 3"]
    answers = {**first.answers, "lr 3": (likely + distance * TOLERANCE, *rest)}
    moved = bundle.replace(examples=(first.model_copy(update={"answers": answers}), *others))
    if passes:
        check_examples(moved)
    else:
        refuse(moved, "lr 3")


def test_an_example_that_is_refused_here_is_noticed(bundle):
    strict = change_codebook(bundle.codebook, {"brand_runs": {"maximum": 1}})
    told = refuse(bundle.replace(codebook=strict), "segmenter_inputs")
    assert "None" in told


def test_the_version_is_named(bundle, tmp_path):
    stored = unpack_bundle(pack_bundle(bundle), tmp_path)
    warm = change_champion(stored, 0, temperature=5.0)
    assert stored.version[:12] in refuse(warm, "lr 3")
