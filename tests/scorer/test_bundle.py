"""A bundle holds only parts that belong together, and is the same wherever it is sent."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.scorer.bundle import ScoringBundle, build_bundle
from customer_segmentation.scorer.scoring import score_households

SETS = ["segmenter_inputs", "lr 3", "xgboost 3", "rf 3"]


def test_the_segmenter_is_asked_first_and_champions_in_their_order(bundle):
    assert [route.information_set for route in bundle.routes] == SETS
    turned = bundle.replace(champions=bundle.champions[::-1])
    assert [route.information_set for route in turned.routes] == [SETS[0], *SETS[:0:-1]]


def test_the_order_of_all_answers_is_that_of_the_alphabet(bundle):
    assert list(bundle.segments) == sorted(bundle.segmenter.names)
    for route in bundle.routes:
        assert route.segments == bundle.segments


def test_the_libraries_are_those_that_models_come_from(bundle):
    assert set(bundle.libraries) == {"customer_segmentation", "numpy", "sklearn", "xgboost"}
    assert bundle.libraries["numpy"] == np.__version__
    assert all(version[0].isdigit() for version in bundle.libraries.values())


def test_a_bundle_that_was_never_stored_has_no_version(bundle, codebook):
    assert bundle.version == ""
    assert build_bundle(codebook, bundle.segmenter, []).champions == ()


# What does not belong together


def refuse(match: str, bundle: ScoringBundle, **changes: Any) -> None:
    with pytest.raises(ValueError, match=match):
        bundle.replace(**changes)


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
    values["derived"][-1]["formula"] = "magic"  # though no route needs it
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


def test_a_copy_holds_together_and_answers_as_the_original_does(bundle, records):
    volume = {"total_volume", "volume_per_transaction", "average_price"}
    brands = {"share_lux"}
    mixed = [drop(each, *(set(), volume, brands)[at % 3]) for at, each in enumerate(records)]
    households = bundle.reader.read_records(mixed).households
    expected = score_households(bundle, households)
    assert set(expected.routes) == {-1, 0, 1}
    unused = bundle.replace()  # of which nothing has been worked out yet
    for sent in (pickle.loads(pickle.dumps(bundle)), pickle.loads(pickle.dumps(unused))):
        assert [route.champion for route in sent.routes[1:]] == list(sent.champions)
        assert all(route.rules is sent.rules for route in sent.routes)
        assert sent.reader.rules is sent.rules
        assert sent.examples == bundle.examples
        answers = score_households(sent, households)
        np.testing.assert_array_equal(answers.routes, expected.routes)
        np.testing.assert_array_equal(answers.probabilities, expected.probabilities)
        np.testing.assert_array_equal(answers.form_sets(), expected.form_sets())
